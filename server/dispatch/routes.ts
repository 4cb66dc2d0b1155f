/** Routes of the batches that went out: how they fare, and what became of each row. */
import { z } from 'zod'
import { type Fault, sentence } from '../doc/fault.ts'
import {
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
import { listOutBatches, type OutBatch, outStates, readOutBatch, readOutLanes, readOutRows } from './list.ts'

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
})

const shown = ({
  batchId,
  connectionId,
  madeAt,
  postedAt,
  acceptedAt,
  answerBy,
  endedAt,
  nextAt,
  ...rest
}: OutBatch): z.input<typeof batchShape> => ({
  batch: batchId,
  connection: connectionId,
  ...rest,
  madeAt: toMoment(madeAt),
  postedAt: toMomentOrNull(postedAt),
  acceptedAt: toMomentOrNull(acceptedAt),
  answerBy: toMomentOrNull(answerBy),
  endedAt: toMomentOrNull(endedAt),
  nextAt: endedAt === null ? toMoment(nextAt) : null,
})

const aBatch = inTenant.extend({ batch: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })

export const outBatchRoutes = ({ sql }: { sql: Sql }): Route[] => [
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
      return asTenant(sql, tenant, async (tx) => {
        const rows = await listOutBatches(tx, tenant, { connectionId: connection, state, before, limit: limit + 1 })
        const waiting = (await readOutLanes(tx, tenant)).map(({ connectionId, ...rest }) => ({
          connection: connectionId,
          ...rest,
        }))
        const page = pageFrom(rows, limit, shown, (last) => last.batchId)
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
          ...shown(row),
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
]
