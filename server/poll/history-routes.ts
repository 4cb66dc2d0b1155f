/** Routes of history tasks 同步历史数据: an estimate first, then the task, its progress, and pausing, stopping and going on. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import {
  begun,
  done,
  fromCursor,
  inTenant,
  isRefused,
  moment,
  ok,
  pageOf,
  pageFrom,
  paging,
  refuse,
  type Route,
  route,
  toMoment,
  toMomentOrNull,
} from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import {
  addBackfill,
  type Asked,
  type Backfill,
  type Deed,
  mostIds,
  readBackfills,
  steerBackfill,
  totalOf,
} from './history.ts'
import type { PollRouteDeps } from './routes.ts'
import { troubleOf, troubleShape } from './said.ts'

export interface HistoryRouteDeps extends Pick<PollRouteDeps, 'sql' | 'writeDown' | 'woke'> {
  /** Whether this tenant's connection declares the object and can be read. */
  readable(tenantId: string, connectionId: string, object: string): boolean
}

const bodyShape = z.object({
  connection: z.string().min(1).max(200),
  object: z.string().min(1).max(200).describe('Its code.'),
  ranges: z
    .array(z.object({ from: moment, to: moment }))
    .min(1)
    .max(1_000)
    .optional()
    .describe('By time windows, on the system’s clock. Give one of ranges, ids, mapped.'),
  ids: z.array(z.string().min(1).max(128)).min(1).max(mostIds).optional().describe('These records.'),
  mapped: z.string().optional().describe('A pair: every record of the object that is mapped over it.'),
  where: z
    .record(z.string(), z.string())
    .optional()
    .describe('Only records whose master fields hold these values, compared as text.'),
  compare: z.boolean().default(true).describe('Unchanged records are passed over; false sends them again.'),
  startAt: moment.optional().describe('Not before.'),
})

const taskShape = z.object({
  id: z.string(),
  connection: z.string(),
  object: z.string(),
  by: z.enum(['ranges', 'ids', 'mapped']),
  compare: z.boolean(),
  where: z.record(z.string(), z.string()).nullable(),
  askedBy: z.string(),
  state: z
    .enum(['not reached', 'queued', 'running', 'paused', 'stopped', 'error', 'success'])
    .describe('not reached: its time has not come.'),
  total: z.number().describe('Milliseconds of the system’s time for ranges, records otherwise.'),
  done: z.number(),
  share: z.number().min(0).max(1),
  endsAt: moment.nullable().describe('When it will be done, going on as it does.'),
  createdAt: moment,
  startedAt: moment.nullable(),
  endedAt: moment.nullable(),
  requests: z.number(),
  seen: z.number(),
  created: z.number(),
  changed: z.number(),
  unchanged: z.number(),
  failed: z.number(),
  ...troubleShape,
})

const shown = (task: Backfill, locale: Locale): z.input<typeof taskShape> => {
  const share = task.total === 0 ? 1 : Math.min(1, task.done / task.total)
  const took = task.started_at === null ? 0 : task.now - task.started_at
  const isOn = task.state === 'running' && share > 0.001
  return {
    id: task.backfill_id,
    connection: task.connection_id,
    object: task.object,
    by: task.asked.what.by,
    compare: task.asked.compare,
    where: task.asked.where ?? null,
    askedBy: task.asked_by,
    state: task.state === 'queued' && task.start_at > task.now ? 'not reached' : task.state,
    total: task.total,
    done: task.done,
    share: task.state === 'success' ? 1 : share,
    endsAt: isOn ? toMoment(Math.round(task.now + (took * (1 - share)) / share)) : null,
    createdAt: toMoment(task.created_at),
    startedAt: toMomentOrNull(task.started_at),
    endedAt: toMomentOrNull(task.ended_at),
    requests: task.requests,
    seen: task.seen,
    created: task.created,
    changed: task.changed,
    unchanged: task.unchanged,
    failed: task.failed,
    ...troubleOf(task.fault, locale),
  }
}

/** What was asked for, or where it is wrong. */
const askedOf = (body: z.output<typeof bodyShape>): Asked | { path: string; said: string } => {
  const { ranges, ids, mapped } = body
  if ([ranges, ids, mapped].filter((one) => one !== undefined).length !== 1)
    return { path: 'body', said: 'ranges | ids | mapped' }
  const wrong = ranges?.findIndex(({ from, to }) => Date.parse(from) >= Date.parse(to)) ?? -1
  if (wrong >= 0) return { path: `body.ranges[${wrong}].to`, said: 'to ≤ from' }
  const what: Asked['what'] = ranges
    ? { by: 'ranges', ranges: ranges.map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) })) }
    : ids
      ? { by: 'ids', ids: [...new Set(ids)] }
      : { by: 'mapped', pair: mapped as string }
  return { what, compare: body.compare, ...(body.where && { where: body.where }) }
}

/** How many records of the object are mapped over a pair. */
const mappedCount = async (tx: Sql, tenantId: string, pair: string): Promise<number> => {
  const [row] = await tx<{ n: number }>`
    select count(*)::int8 as n from link
    where tenant_id = ${tenantId} and pair_id = ${pair} and left_id is not null and right_id is not null`
  return row?.n ?? 0
}

const aTask = inTenant.extend({ backfill: z.string().min(1).max(64) })

export const historyRoutes = ({ sql, writeDown, woke, readable }: HistoryRouteDeps): Route[] => {
  const steering = (id: string, deed: Deed, summary: string): Route =>
    route({
      id,
      method: 'POST',
      path: `/tenants/:tenant/backfills/:backfill/${deed}`,
      group: 'polls',
      summary,
      params: aTask,
      handle: async (asked) => {
        const { tenant, backfill } = asked.params
        const answer = await asTenant(sql, tenant, async (tx) => {
          const [found] = await readBackfills(tx, tenant, backfill, null, 1)
          if (!found) return refuse('absent', { what: `history task ${backfill}` })
          if (!(await steerBackfill(tx, tenant, backfill, deed)))
            return refuse('task.state', { what: `history task ${backfill}`, state: found.state })
          await writeDown(tx, asked, id, tenant, {
            kind: 'backfill',
            name: backfill,
            what: 'done',
            before: found.state,
            after: deed,
          })
          return null
        })
        if (answer) return answer
        woke()
        return done()
      },
    })

  return [
    route({
      id: 'estimateBackfill',
      method: 'POST',
      path: '/tenants/:tenant/backfills/estimate',
      group: 'polls',
      summary: 'What a history task would have before it; nothing is begun',
      params: inTenant,
      body: bodyShape,
      answer: z.object({
        total: z.number(),
        unit: z.enum(['milliseconds', 'records']),
        staged: z.number().describe('Records of the object that are staged already.'),
      }),
      handle: async ({ params: { tenant }, body }) => {
        const asked = askedOf(body)
        if ('path' in asked) return refuse('request.invalid', { said: asked.said }, { path: asked.path })
        if (!readable(tenant, body.connection, body.object))
          return refuse('absent', { what: `object ${body.connection}/${body.object}` })
        return asTenant(sql, tenant, async (tx) => {
          const mapped = asked.what.by === 'mapped' ? await mappedCount(tx, tenant, asked.what.pair) : 0
          const [row] = await tx<{ n: number }>`
            select count(*)::int8 as n from document
            where tenant_id = ${tenant} and connection_id = ${body.connection} and object = ${body.object}`
          return ok({
            total: totalOf(asked.what, mapped),
            unit: asked.what.by === 'ranges' ? ('milliseconds' as const) : ('records' as const),
            staged: row?.n ?? 0,
          })
        })
      },
    }),
    route({
      id: 'addBackfill',
      method: 'POST',
      path: '/tenants/:tenant/backfills',
      group: 'polls',
      summary: 'Fetch history 同步历史数据: by time ranges, by ids, or everything that is mapped over a pair',
      params: inTenant,
      body: bodyShape,
      answer: taskShape,
      status: 202,
      handle: async (given) => {
        const { tenant } = given.params
        const { body } = given
        const asked = askedOf(body)
        if ('path' in asked) return refuse('request.invalid', { said: asked.said }, { path: asked.path })
        if (!readable(tenant, body.connection, body.object))
          return refuse('absent', { what: `object ${body.connection}/${body.object}` })
        const id = randomUUID()
        const task = await asTenant(sql, tenant, async (tx) => {
          const mapped = asked.what.by === 'mapped' ? await mappedCount(tx, tenant, asked.what.pair) : 0
          await addBackfill(
            tx,
            { tenant_id: tenant, connection_id: body.connection, object: body.object },
            {
              id,
              asked,
              askedBy: given.who.name,
              startAt: body.startAt === undefined ? null : Date.parse(body.startAt),
              total: totalOf(asked.what, mapped),
            },
          )
          await writeDown(tx, given, 'addBackfill', tenant, {
            kind: 'backfill',
            name: id,
            what: 'added',
            after: { ...body, ...(body.ids && { ids: body.ids.length }) },
          })
          const [made] = await readBackfills(tx, tenant, id, null, 1)
          return made as Backfill
        })
        woke()
        return begun(shown(task, given.locale), `/api/v1/tenants/${encodeURIComponent(tenant)}/backfills/${id}`)
      },
    }),
    route({
      id: 'listBackfills',
      method: 'GET',
      path: '/tenants/:tenant/backfills',
      group: 'polls',
      summary: 'History tasks, newest first',
      params: inTenant,
      query: z.object(paging),
      answer: pageOf(taskShape),
      handle: async ({ params: { tenant }, query, locale }) => {
        const before = fromCursor(z.number(), query.cursor)
        if (isRefused(before)) return before
        const rows = await asTenant(sql, tenant, (tx) => readBackfills(tx, tenant, null, before, query.limit + 1))
        return pageFrom(
          rows,
          query.limit,
          (row) => shown(row, locale),
          (last) => last.created_at,
        )
      },
    }),
    route({
      id: 'showBackfill',
      method: 'GET',
      path: '/tenants/:tenant/backfills/:backfill',
      group: 'polls',
      summary: 'One history task: how far it is, what it found, when it will be done',
      params: aTask,
      answer: taskShape,
      handle: async ({ params: { tenant, backfill }, locale }) => {
        const [found] = await asTenant(sql, tenant, (tx) => readBackfills(tx, tenant, backfill, null, 1))
        return found ? ok(shown(found, locale)) : refuse('absent', { what: `history task ${backfill}` })
      },
    }),
    steering('pauseBackfill', 'pause', 'Pause; it goes on where it was'),
    steering('stopBackfill', 'stop', 'Stop; what it has stored stays'),
    steering('continueBackfill', 'continue', 'Go on, where it was'),
  ]
}
