/** Routes of the batches that went out: how they fare, and what became of each row. */
import { z } from 'zod'
import { type Fault, sentence } from '../doc/fault.ts'
import {
  type Asked,
  fromCursor,
  inTenant,
  isRefused,
  moment,
  ok,
  pageFrom,
  pageOf,
  paging,
  refuse,
  type Route,
  route,
  toMoment,
  toMomentOrNull,
} from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import type { Lane } from './deps.ts'
import {
  askFor,
  callbackOf,
  canBeAsked,
  listOutBatches,
  type OutBatch,
  outStates,
  readOutBatch,
  readOutLanes,
  readOutRows,
} from './list.ts'
import { type Quota, readQuota, type Used } from './quota.ts'

export interface OutBatchRoutesDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  /** What is sent in batches, as declared now. */
  lanes(tenantId: string): readonly Lane[]
  /** In the change's own transaction (access/audit.ts). */
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    deed: { kind: string; name: string; what: 'done'; after?: unknown },
  ): Promise<void>
  /** Somebody wants to know: whoever sends looks at once. */
  woke(): void
}

const batchShape = z.object({
  batch: z.number().int(),
  connection: z.string(),
  object: z.string(),
  path: z.string(),
  bizId: z.string(),
  state: z
    .enum(outStates)
    .describe(
      'ready: is to be posted (again); accepted: its result is awaited; split: turned down as a whole; lost: nobody told in time, a late callback still counts.',
    ),
  rows: z.number().int(),
  applied: z.number().int().nullable(),
  refused: z.number().int().nullable(),
  posts: z.number().int(),
  asks: z.number().int(),
  madeAt: moment,
  postedAt: moment.nullable(),
  acceptedAt: moment.nullable(),
  answerBy: moment.nullable(),
  endedAt: moment.nullable(),
  nextAt: moment.nullable(),
  toldBy: z.enum(['answer', 'callback', 'query']).nullable(),
  status: z.number().int().nullable().describe('HTTP status of the last answer.'),
  said: z.string().nullable().describe('The target’s last words.'),
  askedAt: moment.nullable().describe('When the target was last asked what became of it.'),
  callback: z
    .enum(['none', 'awaited', 'taken', 'unneeded', 'missing'])
    .describe(
      'none: there is no address to call back; awaited; taken: one came and was proved; unneeded: the answer told all; missing: none came, the result was asked for or nobody told.',
    ),
  callbackAt: moment.nullable(),
  callbacksRefused: z
    .number()
    .int()
    .describe('Callbacks that named this batch and were not proved: look at salt and signature.'),
  canAsk: z.boolean().describe('The target can be asked for its result now.'),
})

const shown = (
  {
    batchId,
    connectionId,
    madeAt,
    postedAt,
    acceptedAt,
    answerBy,
    endedAt,
    nextAt,
    askedAt,
    callbackAt,
    ...rest
  }: OutBatch,
  lane: Lane | undefined,
): z.input<typeof batchShape> => ({
  batch: batchId,
  connection: connectionId,
  ...rest,
  madeAt: toMoment(madeAt),
  postedAt: toMomentOrNull(postedAt),
  acceptedAt: toMomentOrNull(acceptedAt),
  answerBy: toMomentOrNull(answerBy),
  endedAt: toMomentOrNull(endedAt),
  nextAt: endedAt === null ? toMoment(nextAt) : null,
  askedAt: toMomentOrNull(askedAt),
  callback: callbackOf({ state: rest.state, toldBy: rest.toldBy, callbackAt }, (lane?.url ?? null) !== null),
  callbackAt: toMomentOrNull(callbackAt),
  canAsk: lane?.said.query === true && canBeAsked(rest),
})

const aBatch = inTenant.extend({ batch: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })

const usedShape = z.object({ used: z.number().int(), limit: z.number().int(), endsAt: moment })
const laneShape = z.object({
  connection: z.string(),
  object: z.string(),
  path: z.string(),
  queued: z.number().int().describe('Records that wait to be filled into a batch.'),
  oldestMs: z.number().nullable(),
  hour: usedShape,
  day: usedShape,
  heldUntil: moment.nullable().describe('The target asked to wait until then.'),
  why: z.string().nullable().describe('Its words.'),
  maxRows: z.number().int(),
  fillForMs: z.number(),
  callsBack: z.boolean().describe('There is an address for callbacks.'),
  asks: z.boolean().describe('Results are asked for where nobody tells.'),
})

const shownUsed = ({ used, limit, endsAt }: Used): z.input<typeof usedShape> => ({
  used,
  limit,
  endsAt: toMoment(endsAt),
})
const shownLane = (
  lane: Lane,
  quota: Quota,
  waits: { queued: number; oldestMs: number } | undefined,
): z.input<typeof laneShape> => ({
  connection: lane.connectionId,
  object: lane.object,
  path: lane.path,
  queued: waits?.queued ?? 0,
  oldestMs: waits?.oldestMs ?? null,
  hour: shownUsed(quota.hour),
  day: shownUsed(quota.day),
  heldUntil: toMomentOrNull(quota.heldUntil),
  why: quota.why,
  maxRows: lane.said.maxRows,
  fillForMs: lane.said.fillFor,
  callsBack: lane.url !== null,
  asks: lane.said.query,
})

const ofBatch =
  (lanes: readonly Lane[]) =>
  ({ connectionId, object }: OutBatch): Lane | undefined =>
    lanes.find((lane) => lane.connectionId === connectionId && lane.object === object)

export const outBatchRoutes = ({ sql, lanes, writeDown, woke }: OutBatchRoutesDeps): Route[] => [
  route({
    id: 'listOutBatches',
    method: 'GET',
    path: '/tenants/:tenant/out-batches',
    group: 'batches',
    summary:
      'Batches that were sent to other systems, the newest first, and what waits to be filled into the next ones',
    params: inTenant,
    query: z.object({
      ...paging,
      connection: z.string().max(128).optional(),
      state: z.enum(outStates).optional(),
    }),
    answer: pageOf(batchShape).extend({
      waiting: z.array(
        z.object({ connection: z.string(), object: z.string(), queued: z.number().int(), oldestMs: z.number() }),
      ),
    }),
    handle: async ({ params: { tenant }, query }) => {
      const before = fromCursor(z.number(), query.cursor)
      if (isRefused(before)) return before
      const { connection = null, state = null, limit } = query
      const laneOf = ofBatch(lanes(tenant))
      return asTenant(sql, tenant, async (tx) => {
        const rows = await listOutBatches(tx, tenant, { connectionId: connection, state, before, limit: limit + 1 })
        const waiting = (await readOutLanes(tx, tenant)).map(({ connectionId, ...rest }) => ({
          connection: connectionId,
          ...rest,
        }))
        const page = pageFrom(
          rows,
          limit,
          (row) => shown(row, laneOf(row)),
          (last) => last.batchId,
        )
        return { ...page, body: { ...(page.body as NonNullable<typeof page.body>), waiting } }
      })
    },
  }),
  route({
    id: 'showOutBatch',
    method: 'GET',
    path: '/tenants/:tenant/out-batches/:batch',
    group: 'batches',
    summary: 'One batch that was sent, with what became of its rows',
    params: aBatch,
    query: z.object({
      after: z.coerce.number().int().min(0).default(0).describe('Rows behind this one.'),
      limit: z.coerce.number().int().min(1).max(1_000).default(200),
    }),
    answer: batchShape.extend({
      items: z.array(
        z.object({
          row: z.number().int(),
          code: z.string(),
          pair: z.string(),
          link: z.number().int(),
          outcome: z.enum(['applied', 'refused', 'again', 'unknown']).nullable(),
          why: z.string().nullable(),
          warnings: z.array(z.string()),
        }),
      ),
    }),
    handle: ({ params: { tenant, batch }, query, locale }) =>
      asTenant(sql, tenant, async (tx) => {
        const row = await readOutBatch(tx, tenant, batch)
        if (!row) return refuse('absent', { what: `batch ${batch}` })
        const rows = await readOutRows(tx, tenant, batch, query.after, query.limit)
        return ok({
          ...shown(row, ofBatch(lanes(tenant))(row)),
          items: rows.map((one) => ({
            row: one.row,
            code: one.code,
            pair: one.pairId,
            link: one.linkId,
            outcome: one.outcome,
            why: one.fault === null ? null : sentence(JSON.parse(one.fault) as Fault, locale),
            warnings: one.warnings === null ? [] : (JSON.parse(one.warnings) as string[]),
          })),
        })
      }),
  }),
  route({
    id: 'listOutLanes',
    method: 'GET',
    path: '/tenants/:tenant/out-lanes',
    group: 'batches',
    summary: 'Objects that are sent in batches: what waits for the next one, and what is used of the target’s limits',
    params: inTenant,
    answer: z.object({ items: z.array(laneShape) }),
    handle: ({ params: { tenant } }) =>
      asTenant(sql, tenant, async (tx) => {
        const waiting = await readOutLanes(tx, tenant)
        const items: z.input<typeof laneShape>[] = []
        for (const lane of lanes(tenant)) {
          const waits = waiting.find((one) => one.connectionId === lane.connectionId && one.object === lane.object)
          items.push(shownLane(lane, await readQuota(tx, lane), waits))
        }
        return ok({ items })
      }),
  }),
  route({
    id: 'askOutBatch',
    method: 'POST',
    path: '/tenants/:tenant/out-batches/:batch/ask',
    group: 'batches',
    summary: 'Ask the target now what became of a batch',
    describe:
      'The node that sends does so within seconds. One that was given up is asked about as well: what the target tells still counts.',
    params: aBatch,
    answer: batchShape,
    handle: async (asked) => {
      const { tenant, batch } = asked.params
      const told = await asTenant(sql, tenant, async (tx) => {
        const row = await readOutBatch(tx, tenant, batch)
        if (!row) return refuse('absent', { what: `batch ${batch}` })
        const lane = ofBatch(lanes(tenant))(row)
        if (!lane?.said.query) return refuse('batch.unasked', { connection: row.connectionId })
        if (!canBeAsked(row)) return refuse('task.state', { what: `batch ${batch}`, state: row.state })
        await askFor(tx, tenant, batch)
        await writeDown(tx, asked, 'askOutBatch', tenant, {
          kind: 'outgoing batch',
          name: String(batch),
          what: 'done',
          after: { asked: row.bizId },
        })
        return shown(row, lane)
      })
      if (isRefused(told)) return told
      woke()
      return ok(told)
    },
  }),
]
