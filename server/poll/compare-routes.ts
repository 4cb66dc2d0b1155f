/** Routes of reconciliation 数据核对: begin, follow and stop a comparison, page through what it found, take it as CSV, and send again what is chosen. */
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import type { Side } from '../doc/document.ts'
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
  addComparison,
  type Comparison,
  countFound,
  type FoundRow,
  readComparisons,
  readFound,
  type Repairable,
  stopComparison,
  type Totals,
} from './comparisons.ts'
import type { PollRouteDeps } from './routes.ts'
import { troubleOf, troubleShape, whyOf } from './said.ts'

export interface CompareRouteDeps extends Pick<PollRouteDeps, 'sql' | 'writeDown' | 'woke'> {
  /** Whether that pair has a flow away from this side. */
  flows(tenantId: string, pairId: string, side: Side): boolean
  /** Sends these again by the engine's own functions; null: all of the kind. Answers how many. */
  repair(task: Comparison, kind: Repairable, ids: readonly string[] | null): Promise<number>
}

const kind = z.enum(['onlySource', 'onlyTarget', 'different', 'unclear'])
const repairable = z.enum(['onlySource', 'different'])
const aComparison = inTenant.extend({ comparison: z.string().min(1).max(64) })

const taskShape = z.object({
  id: z.string(),
  pair: z.string(),
  side: z.enum(['left', 'right']).describe('The source of the flow.'),
  from: moment,
  to: moment,
  askedBy: z.string(),
  state: z.enum(['queued', 'running', 'stopped', 'error', 'success']),
  createdAt: moment,
  startedAt: moment.nullable(),
  endedAt: moment.nullable(),
  looked: z.number(),
  same: z.number(),
  found: z.object({
    onlySource: z.number(),
    onlyTarget: z.number(),
    different: z.number(),
    unclear: z.number(),
  }),
  scheduled: z.boolean().describe('Begun by the flow’s schedule.'),
  repair: z.array(repairable).describe('What is sent again once it has come to its end.'),
  repaired: z.number().describe('So many were.'),
  ...troubleShape,
})

const foundShape = z.object({
  kind,
  source: z.string().nullable(),
  target: z.string().nullable(),
  fields: z
    .array(z.object({ field: z.string(), expected: z.string().nullable(), held: z.string().nullable() }))
    .describe('As JSON: what the flow would write, and what the target holds.'),
  fault: z.string().nullable(),
  why: z.array(z.string()).describe('The fault as sentences, in the caller’s language.'),
  repairedAt: moment.nullable(),
})

const shownTask = async (tx: Sql, task: Comparison, locale: Locale): Promise<z.input<typeof taskShape>> => ({
  id: task.comparison_id,
  pair: task.pair_id,
  side: task.from_side,
  from: toMoment(task.from_at),
  to: toMoment(task.to_at),
  askedBy: task.asked_by,
  state: task.state,
  createdAt: toMoment(task.created_at),
  startedAt: toMomentOrNull(task.started_at),
  endedAt: toMomentOrNull(task.ended_at),
  looked: task.looked,
  same: task.same,
  found: await countFound(tx, task.tenant_id, task.comparison_id),
  scheduled: task.scheduled,
  repair: task.repair,
  repaired: task.counts === null ? 0 : (JSON.parse(task.counts) as Totals).repaired,
  ...troubleOf(task.fault, locale),
})

const shownRow = (row: FoundRow, locale: Locale): z.input<typeof foundShape> => ({
  kind: row.kind,
  source: row.phase === 'source' ? row.record_id : row.other_id,
  target: row.phase === 'source' ? row.other_id : row.record_id,
  fields: row.fields ?? [],
  fault: row.fault,
  why: whyOf(row.fault, locale),
  repairedAt: toMomentOrNull(row.repaired_at),
})

async function* csvOf(sql: Sql, tenant: string, id: string, locale: Locale): AsyncGenerator<string> {
  yield '\ufeff' // Excel reads UTF-8 only where this says so
  yield stringify([['kind', 'source', 'target', 'field', 'expected', 'held', 'fault']])
  for (let after: Parameters<typeof readFound>[4] = null; ; ) {
    const rows = await asTenant(sql, tenant, (tx) => readFound(tx, tenant, id, null, after, 1_000))
    const last = rows.at(-1)
    if (!last) return
    const lines = rows
      .map((row) => shownRow(row, locale))
      .flatMap((row) => {
        const fields = row.fields.length ? row.fields : [{ field: '', expected: null, held: null }]
        return fields.map((one) => [
          row.kind,
          row.source,
          row.target,
          one.field,
          one.expected,
          one.held,
          row.why.join(' '),
        ])
      })
    yield stringify(lines, { escape_formulas: true })
    after = { phase: last.phase, record: last.record_id }
  }
}

const cursorShape = z.object({ phase: z.enum(['source', 'target']), record: z.string() })
const absent = (id: string) => refuse('absent', { what: `comparison ${id}` })

export const compareRoutes = ({ sql, writeDown, woke, flows, repair }: CompareRouteDeps): Route[] => {
  const find = (tx: Sql, tenant: string, id: string): Promise<Comparison | undefined> =>
    readComparisons(tx, tenant, id, 1).then(([task]) => task)
  return [
    route({
      id: 'addComparison',
      method: 'POST',
      path: '/tenants/:tenant/comparisons',
      group: 'polls',
      summary: 'Compare what both systems of a flow hold 数据核对, over a time range or all',
      params: inTenant,
      body: z.object({
        pair: z.string().min(1).max(200),
        side: z.enum(['left', 'right']).default('left').describe('The source of the flow.'),
        from: moment.optional().describe('Records changed since; absent: all.'),
        to: moment.optional().describe('Absent: now.'),
        repair: z
          .array(repairable)
          .default([])
          .describe('Sent again once it has come to its end, where no more than repairMost are found.'),
        repairMost: z.number().int().min(1).max(1_000_000).default(1_000),
      }),
      answer: taskShape,
      status: 202,
      handle: async (given) => {
        const { tenant } = given.params
        const { pair, side } = given.body
        if (!flows(tenant, pair, side)) return refuse('absent', { what: `flow ${pair}` })
        const from = given.body.from === undefined ? 0 : Date.parse(given.body.from)
        const to = given.body.to === undefined ? Date.now() : Date.parse(given.body.to)
        if (from >= to) return refuse('request.invalid', { said: 'to ≤ from' }, { path: 'body.to' })
        const id = randomUUID()
        const task = await asTenant(sql, tenant, async (tx) => {
          const { repair: kinds, repairMost: most } = given.body
          await addComparison(tx, {
            tenantId: tenant,
            id,
            pairId: pair,
            from: side,
            range: { from, to },
            by: given.who.name,
            repair: { kinds, most },
          })
          await writeDown(tx, given, 'addComparison', tenant, {
            kind: 'comparison',
            name: id,
            what: 'added',
            after: given.body,
          })
          return shownTask(tx, (await find(tx, tenant, id)) as Comparison, given.locale)
        })
        woke()
        return begun(task, `/api/v1/tenants/${encodeURIComponent(tenant)}/comparisons/${id}`)
      },
    }),
    route({
      id: 'listComparisons',
      method: 'GET',
      path: '/tenants/:tenant/comparisons',
      group: 'polls',
      summary: 'The newest hundred comparisons',
      params: inTenant,
      query: z.object({
        pair: z.string().optional(),
        scheduled: z.enum(['true', 'false']).optional().describe('Only those that a schedule began, or the others.'),
      }),
      answer: z.object({ items: z.array(taskShape) }),
      handle: ({ params: { tenant }, query, locale }) =>
        asTenant(sql, tenant, async (tx) => {
          const items = []
          const of = { pair: query.pair, scheduled: query.scheduled && query.scheduled === 'true' }
          for (const task of await readComparisons(tx, tenant, null, 100, of))
            items.push(await shownTask(tx, task, locale))
          return ok({ items })
        }),
    }),
    route({
      id: 'showComparison',
      method: 'GET',
      path: '/tenants/:tenant/comparisons/:comparison',
      group: 'polls',
      summary: 'One comparison: how far it is, and how much of each kind it found',
      params: aComparison,
      answer: taskShape,
      handle: ({ params: { tenant, comparison }, locale }) =>
        asTenant(sql, tenant, async (tx) => {
          const task = await find(tx, tenant, comparison)
          return task ? ok(await shownTask(tx, task, locale)) : absent(comparison)
        }),
    }),
    route({
      id: 'listCompared',
      method: 'GET',
      path: '/tenants/:tenant/comparisons/:comparison/found',
      group: 'polls',
      summary: 'What is not the same, with both values of each field',
      params: aComparison,
      query: z.object({ ...paging, kind: kind.optional() }),
      answer: pageOf(foundShape),
      handle: async ({ params: { tenant, comparison }, query, locale }) => {
        const after = fromCursor(cursorShape, query.cursor)
        if (isRefused(after)) return after
        return asTenant(sql, tenant, async (tx) => {
          if (!(await find(tx, tenant, comparison))) return absent(comparison)
          const rows = await readFound(tx, tenant, comparison, query.kind ?? null, after, query.limit + 1)
          return pageFrom(
            rows,
            query.limit,
            (row) => shownRow(row, locale),
            (last) => ({ phase: last.phase, record: last.record_id }),
          )
        })
      },
    }),
    route({
      id: 'exportCompared',
      method: 'GET',
      path: '/tenants/:tenant/comparisons/:comparison/found.csv',
      group: 'polls',
      summary: 'The same as CSV, one line a field',
      params: aComparison,
      text: 'text/csv',
      handle: async ({ params: { tenant, comparison }, locale }) => {
        if (!(await asTenant(sql, tenant, (tx) => find(tx, tenant, comparison)))) return absent(comparison)
        return {
          status: 200,
          headers: { 'Content-Disposition': 'attachment; filename="comparison.csv"' },
          text: { type: 'text/csv; charset=utf-8', content: Readable.from(csvOf(sql, tenant, comparison, locale)) },
        }
      },
    }),
    route({
      id: 'stopComparison',
      method: 'POST',
      path: '/tenants/:tenant/comparisons/:comparison/stop',
      group: 'polls',
      summary: 'Stop; what it found stays',
      params: aComparison,
      handle: (asked) => {
        const { tenant, comparison } = asked.params
        return asTenant(sql, tenant, async (tx) => {
          const task = await find(tx, tenant, comparison)
          if (!task) return absent(comparison)
          if (!(await stopComparison(tx, tenant, comparison)))
            return refuse('task.state', { what: `comparison ${comparison}`, state: task.state })
          await writeDown(tx, asked, 'stopComparison', tenant, {
            kind: 'comparison',
            name: comparison,
            what: 'done',
            before: task.state,
            after: 'stop',
          })
          return done()
        })
      },
    }),
    route({
      id: 'repairCompared',
      method: 'POST',
      path: '/tenants/:tenant/comparisons/:comparison/repair',
      group: 'polls',
      summary: 'Read and send again the chosen, or all of a kind; `estimate` only says how many that would be',
      params: aComparison,
      body: z.object({
        kind: repairable,
        ids: z.array(z.string().min(1).max(128)).min(1).max(10_000).optional().describe('Source ids; absent: all.'),
        estimate: z.boolean().default(false),
      }),
      answer: z.object({ records: z.number() }),
      handle: async (asked) => {
        const { tenant, comparison } = asked.params
        const { body } = asked
        const task = await asTenant(sql, tenant, (tx) => find(tx, tenant, comparison))
        if (!task) return absent(comparison)
        if (body.estimate) {
          const found = await asTenant(sql, tenant, (tx) => countFound(tx, tenant, comparison))
          return ok({ records: Math.min(found[body.kind], body.ids?.length ?? found[body.kind]) })
        }
        const records = await repair(task, body.kind, body.ids ?? null)
        await asTenant(sql, tenant, (tx) =>
          writeDown(tx, asked, 'repairCompared', tenant, {
            kind: 'comparison',
            name: comparison,
            what: 'done',
            after: { kind: body.kind, records },
          }),
        )
        woke()
        return ok({ records })
      },
    }),
  ]
}
