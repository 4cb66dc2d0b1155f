/** Routes of deletion sweeps: begin one, see what is gone at its source, and have the chosen marked. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import type { Hint } from '../doc/document.ts'
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
import type { HistoryRouteDeps } from './history-routes.ts'
import { hintsFor } from './seeker.ts'
import { troubleOf, troubleShape } from './said.ts'
import { addSweep, type DeletionSweep, noteMarked, readGone, readSweeps, stopSweep } from './sweeps.ts'

export interface SweepRouteDeps extends Pick<HistoryRouteDeps, 'sql' | 'writeDown' | 'woke' | 'readable'> {
  /** Asks for records to be read by id, on the road. */
  hint(hints: readonly Hint[]): Promise<void>
}

const aSweep = inTenant.extend({ sweep: z.string().min(1).max(64) })

const bodyShape = z.object({
  connection: z.string().min(1).max(200),
  object: z.string().min(1).max(200).describe('Its code.'),
  onGone: z
    .enum(['ask', 'mark'])
    .default('ask')
    .describe(
      'ask: they are listed. mark: each is looked for by id over the overlap, then shown as gone, or voided where the flow says goneAtSource: void.',
    ),
  everyMinutes: z.number().int().min(1).max(527_040).optional().describe('And again, so long after its beginning.'),
  startAt: moment.optional().describe('Not before.'),
})

const sweepShape = z.object({
  id: z.string(),
  connection: z.string(),
  object: z.string(),
  onGone: z.enum(['ask', 'mark']),
  everyMinutes: z.number().nullable(),
  askedBy: z.string(),
  state: z.enum(['not reached', 'queued', 'running', 'stopped', 'error', 'success']),
  phase: z
    .enum(['source', 'staged'])
    .describe('source: its ids are read. staged: what is here is looked for among them.'),
  createdAt: moment,
  startedAt: moment.nullable(),
  endedAt: moment.nullable(),
  seen: z.number(),
  staged: z.number(),
  gone: z.number(),
  ...troubleShape,
})

const shown = (sweep: DeletionSweep, locale: Locale): z.input<typeof sweepShape> => ({
  id: sweep.sweep_id,
  connection: sweep.connection_id,
  object: sweep.object,
  onGone: sweep.on_gone,
  everyMinutes: sweep.every_ms === null ? null : sweep.every_ms / 60_000,
  askedBy: sweep.asked_by,
  state: sweep.state === 'queued' && sweep.start_at > sweep.now ? 'not reached' : sweep.state,
  phase: sweep.phase,
  createdAt: toMoment(sweep.created_at),
  startedAt: toMomentOrNull(sweep.started_at),
  endedAt: toMomentOrNull(sweep.ended_at),
  seen: sweep.seen,
  staged: sweep.staged,
  gone: sweep.gone,
  ...troubleOf(sweep.fault, locale),
})

export const sweepRoutes = ({ sql, writeDown, woke, readable, hint }: SweepRouteDeps): Route[] => {
  const absent = (id: string) => refuse('absent', { what: `deletion sweep ${id}` })
  const sweepOf = async (tenant: string, id: string): Promise<DeletionSweep | undefined> =>
    (await asTenant(sql, tenant, (tx) => readSweeps(tx, tenant, id, null, 1)))[0]

  return [
    route({
      id: 'addDeletionSweep',
      method: 'POST',
      path: '/tenants/:tenant/deletion-sweeps',
      group: 'polls',
      summary: 'Look for records that are here and gone at their source',
      params: inTenant,
      body: bodyShape,
      answer: sweepShape,
      status: 202,
      handle: async (given) => {
        const { tenant } = given.params
        const { body } = given
        if (!readable(tenant, body.connection, body.object))
          return refuse('absent', { what: `object ${body.connection}/${body.object}` })
        const id = randomUUID()
        const made = await asTenant(sql, tenant, async (tx) => {
          await addSweep(
            tx,
            id,
            {
              tenant_id: tenant,
              connection_id: body.connection,
              object: body.object,
              on_gone: body.onGone,
              every_ms: body.everyMinutes === undefined ? null : body.everyMinutes * 60_000,
              asked_by: given.who.name,
            },
            body.startAt === undefined ? null : Date.parse(body.startAt),
          )
          await writeDown(tx, given, 'addDeletionSweep', tenant, {
            kind: 'deletion sweep',
            name: id,
            what: 'done',
            after: body,
          })
          return (await readSweeps(tx, tenant, id, null, 1))[0] as DeletionSweep
        })
        woke()
        return begun(shown(made, given.locale), `/api/v1/tenants/${encodeURIComponent(tenant)}/deletion-sweeps/${id}`)
      },
    }),
    route({
      id: 'listDeletionSweeps',
      method: 'GET',
      path: '/tenants/:tenant/deletion-sweeps',
      group: 'polls',
      summary: 'Deletion sweeps, newest first',
      params: inTenant,
      query: z.object(paging),
      answer: pageOf(sweepShape),
      handle: async ({ params: { tenant }, query, locale }) => {
        const before = fromCursor(z.number(), query.cursor)
        if (isRefused(before)) return before
        const rows = await asTenant(sql, tenant, (tx) => readSweeps(tx, tenant, null, before, query.limit + 1))
        return pageFrom(
          rows,
          query.limit,
          (row) => shown(row, locale),
          (last) => last.created_at,
        )
      },
    }),
    route({
      id: 'showDeletionSweep',
      method: 'GET',
      path: '/tenants/:tenant/deletion-sweeps/:sweep',
      group: 'polls',
      summary: 'One deletion sweep: how far it is, and its counts',
      params: aSweep,
      answer: sweepShape,
      handle: async ({ params: { tenant, sweep }, locale }) => {
        const found = await sweepOf(tenant, sweep)
        return found ? ok(shown(found, locale)) : absent(sweep)
      },
    }),
    route({
      id: 'stopDeletionSweep',
      method: 'POST',
      path: '/tenants/:tenant/deletion-sweeps/:sweep/stop',
      group: 'polls',
      summary: 'Stop it, and its repetitions; what was found stays',
      params: aSweep,
      handle: async (asked) => {
        const { tenant, sweep: id } = asked.params
        const answer = await asTenant(sql, tenant, async (tx) => {
          const [found] = await readSweeps(tx, tenant, id, null, 1)
          if (!found) return absent(id)
          if (!(await stopSweep(tx, tenant, id)))
            return refuse('task.state', { what: `deletion sweep ${id}`, state: found.state })
          await writeDown(tx, asked, 'stopDeletionSweep', tenant, {
            kind: 'deletion sweep',
            name: id,
            what: 'done',
            before: found.state,
            after: 'stopped',
          })
          return null
        })
        return answer ?? done()
      },
    }),
    route({
      id: 'listGone',
      method: 'GET',
      path: '/tenants/:tenant/deletion-sweeps/:sweep/gone',
      group: 'polls',
      summary: 'Records that are gone at their source, by id',
      params: aSweep,
      query: z.object(paging),
      answer: pageOf(z.object({ id: z.string(), markedBy: z.string().nullable(), markedAt: moment.nullable() })),
      handle: async ({ params: { tenant, sweep: id }, query }) => {
        const after = fromCursor(z.string(), query.cursor)
        if (isRefused(after)) return after
        if (!(await sweepOf(tenant, id))) return absent(id)
        const rows = await asTenant(sql, tenant, (tx) =>
          readGone(tx, tenant, id, { after: after ?? '', limit: query.limit + 1, open: false, ids: null }),
        )
        return pageFrom(
          rows,
          query.limit,
          (row) => ({ id: row.data_id, markedBy: row.marked_by, markedAt: toMomentOrNull(row.marked_at) }),
          (last) => last.data_id,
        )
      },
    }),
    route({
      id: 'markGone',
      method: 'POST',
      path: '/tenants/:tenant/deletion-sweeps/:sweep/mark',
      group: 'polls',
      summary: 'Have the chosen looked for and marked, at most 500 a call',
      describe:
        'Each is looked for by id over the overlap of its connection. What is not found is shown in data maintenance as gone, or voided at the other side where the flow says `goneAtSource: void`; what is found again stays.',
      params: aSweep,
      body: z.object({
        ids: z
          .array(z.string().min(1).max(128))
          .min(1)
          .max(500)
          .optional()
          .describe('Default: all that are not marked yet.'),
      }),
      answer: z.object({ marked: z.number().int() }),
      handle: async (asked) => {
        const { tenant, sweep: id } = asked.params
        const sweep = await sweepOf(tenant, id)
        if (!sweep) return absent(id)
        const chosen = await asTenant(sql, tenant, (tx) =>
          readGone(tx, tenant, id, { after: '', limit: 500, open: true, ids: asked.body.ids ?? null }),
        )
        const ids = chosen.map((row) => row.data_id)
        // First the wish, then the note of it: whoever dies in between has it wished for twice, which changes nothing.
        if (ids.length) await hint(hintsFor(sweep, ids, asked.traceId))
        const marked = await asTenant(sql, tenant, async (tx) => {
          const count = await noteMarked(tx, tenant, id, ids, asked.who.name)
          await writeDown(tx, asked, 'markGone', tenant, {
            kind: 'deletion sweep',
            name: id,
            what: 'done',
            after: { marked: ids },
          })
          return count
        })
        return ok({ marked })
      },
    }),
  ]
}
