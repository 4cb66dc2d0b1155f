/** Routes of the batches that came in: their counts, what became of their rows, how their callbacks fare, and sending one again. */
import { z } from 'zod'
import {
  type Asked,
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
import type { ObjectDef } from '../doc/object.ts'
import type { Millis } from '../doc/document.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { rejectedCsv } from './csv.ts'
import { type BatchRow, listBatches, readBatchRow, readRejected } from './read.ts'

/** A callback as the room that delivers it tells of it. */
export interface Callback {
  id: string
  url: string
  state: 'due' | 'delivered' | 'gone' | 'given up' | 'held'
  attempts: number
  nextAt: Millis
  deliveredAt: Millis | null
  status: number | null
  said: string | null
}

export interface BatchRoutesDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  /** As declared now. */
  object(tenantId: string, connectionId: string, code: string): ObjectDef | undefined
  callbacks: {
    of(sql: Sql, tenantId: string, batchIds: readonly number[]): Promise<ReadonlyMap<number, Callback>>
    tries(
      sql: Sql,
      tenantId: string,
      id: string,
    ): Promise<{ at: Millis; status: number | null; said: string | null; ms: number }[]>
    /** Answers how many. */
    again(sql: Sql, tenantId: string, batchId: number): Promise<number>
    /** After the commit. */
    woke(): void
  }
  templates: Readonly<Record<string, unknown>>
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    deed: { kind: string; name: string; what: 'done'; after?: unknown },
  ): Promise<void>
}

const callbackShape = z.object({
  id: z.string().describe('Its webhook-id.'),
  url: z.string(),
  state: z
    .enum(['due', 'delivered', 'gone', 'given up', 'held'])
    .describe('held: the address has taken nothing for five days and is left alone.'),
  attempts: z.number().int(),
  nextAt: moment.nullable(),
  deliveredAt: moment.nullable(),
  status: z.number().int().nullable().describe('HTTP status of the last try.'),
  said: z.string().nullable(),
})

const batchShape = z.object({
  batch: z.number().int(),
  client: z.string(),
  path: z.string(),
  bizId: z.string(),
  connection: z.string(),
  object: z.string(),
  locale: z.string(),
  traceId: z.string(),
  receivedAt: moment,
  endedAt: moment.nullable(),
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  rows: z.number().int(),
  done: z.number().int().describe('Rows that have their result.'),
  created: z.number().int().nullable(),
  updated: z.number().int().nullable(),
  failed: z.number().int().nullable(),
  why: z.string().nullable().describe('What stands in its way.'),
  callback: callbackShape.nullable(),
})

const shownCallback = ({ nextAt, deliveredAt, ...rest }: Callback): z.input<typeof callbackShape> => ({
  ...rest,
  nextAt: rest.state === 'due' ? toMoment(nextAt) : null,
  deliveredAt: toMomentOrNull(deliveredAt),
})

const shownBatch = (row: BatchRow, callback: Callback | undefined): z.input<typeof batchShape> => ({
  batch: row.batchId,
  client: row.clientId,
  path: row.path,
  bizId: row.bizId,
  connection: row.connectionId,
  object: row.object,
  locale: row.locale,
  traceId: row.traceId,
  receivedAt: toMoment(row.receivedAt),
  endedAt: toMomentOrNull(row.endedAt),
  state: row.state,
  rows: row.rows,
  done: row.done,
  created: row.created,
  updated: row.updated,
  failed: row.failed,
  why: row.fault,
  callback: callback ? shownCallback(callback) : null,
})

const aBatch = inTenant.extend({ batch: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })
const absent = (batch: number) => refuse('absent', { what: `batch ${batch}` })

export const batchRoutes = ({ sql, object, callbacks, templates, writeDown }: BatchRoutesDeps): Route[] => [
  route({
    id: 'listTemplates',
    method: 'GET',
    path: '/templates/master-data',
    group: 'batches',
    summary: 'Master-data objects to begin with: `{"template": name}` in an object',
    answer: z.object({
      items: z.array(z.object({ template: z.string(), object: z.record(z.string(), z.unknown()) })),
    }),
    handle: async () =>
      ok({
        items: Object.entries(templates).map(([template, one]) => ({
          template,
          object: one as Record<string, unknown>,
        })),
      }),
  }),
  route({
    id: 'listBatches',
    method: 'GET',
    path: '/tenants/:tenant/batches',
    group: 'batches',
    summary: 'Master-data batches, the newest first, with counts and how their callbacks fare',
    params: inTenant,
    query: z.object({
      ...paging,
      client: z.string().max(128).optional(),
      path: z.string().max(128).optional(),
      state: z.enum(['waiting', 'running', 'done', 'failed']).optional(),
    }),
    answer: pageOf(batchShape),
    handle: async ({ params: { tenant }, query }) => {
      const before = fromCursor(z.number(), query.cursor)
      if (isRefused(before)) return before
      const { client = null, path = null, state = null, limit } = query
      return asTenant(sql, tenant, async (tx) => {
        const rows = await listBatches(tx, tenant, { clientId: client, path, state, before, limit: limit + 1 })
        const told = await callbacks.of(
          tx,
          tenant,
          rows.map((row) => row.batchId),
        )
        return pageFrom(
          rows,
          limit,
          (row) => shownBatch(row, told.get(row.batchId)),
          (last) => last.batchId,
        )
      })
    },
  }),
  route({
    id: 'showBatch',
    method: 'GET',
    path: '/tenants/:tenant/batches/:batch',
    group: 'batches',
    summary: 'One batch with its result as its sender was told it, and every try of its callback',
    params: aBatch,
    answer: batchShape.extend({
      result: z.record(z.string(), z.unknown()).nullable(),
      tries: z.array(
        z.object({
          at: moment,
          status: z.number().int().nullable(),
          said: z.string().nullable(),
          ms: z.number().int(),
        }),
      ),
    }),
    handle: ({ params: { tenant, batch } }) =>
      asTenant(sql, tenant, async (tx) => {
        const row = await readBatchRow(tx, tenant, batch)
        if (!row) return absent(batch)
        const callback = (await callbacks.of(tx, tenant, [batch])).get(batch)
        const tries = callback ? await callbacks.tries(tx, tenant, callback.id) : []
        return ok({
          ...shownBatch(row, callback),
          result: row.result === null ? null : (JSON.parse(row.result) as Record<string, unknown>),
          tries: tries.map(({ at, ...rest }) => ({ at: toMoment(at), ...rest })),
        })
      }),
  }),
  route({
    id: 'exportRejected',
    method: 'GET',
    path: '/tenants/:tenant/batches/:batch/rejected',
    group: 'batches',
    summary: 'The rows that were refused, beside their reasons, as CSV',
    params: aBatch,
    text: 'text/csv',
    handle: ({ params: { tenant, batch }, locale }) =>
      asTenant(sql, tenant, async (tx) => {
        const row = await readBatchRow(tx, tenant, batch)
        if (!row) return absent(batch)
        const def = object(tenant, row.connectionId, row.object)
        const rows = await readRejected(tx, tenant, batch, def, locale)
        return {
          status: 200 as const,
          text: { type: 'text/csv; charset=utf-8', content: rejectedCsv(rows, def, locale) },
        }
      }),
  }),
  route({
    id: 'resendCallback',
    method: 'POST',
    path: '/tenants/:tenant/batches/:batch/callback',
    group: 'batches',
    summary: 'Send the callback again: the same bytes under the same webhook-id',
    params: aBatch,
    answer: batchShape,
    handle: async (asked) => {
      const { tenant, batch } = asked.params
      const shown = await asTenant(sql, tenant, async (tx) => {
        const row = await readBatchRow(tx, tenant, batch)
        if (!row || !(await callbacks.again(tx, tenant, batch))) return absent(batch)
        await writeDown(tx, asked, 'resendCallback', tenant, {
          kind: 'batch',
          name: String(batch),
          what: 'done',
          after: { callback: 'again' },
        })
        return shownBatch(row, (await callbacks.of(tx, tenant, [batch])).get(batch))
      })
      if (isRefused(shown)) return shown
      callbacks.woke()
      return ok(shown)
    },
  }),
]
