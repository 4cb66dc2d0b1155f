/** Routes of what queues bring: how the subscriptions stand, and the events that could not be read. */
import { z } from 'zod'
import { type Refusal, sentenceOf, type Locale } from '../../protocol/codes.ts'
import {
  type Asked,
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
  slice,
  toMoment,
  toMomentOrNull,
} from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { countRefused, dropRefused, findRefused, type KeptEvent, listRefused, refusedAfter } from './refused.ts'
import { readStandings } from './standing.ts'

export interface ListenRoutesDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  /** By the road, with commits of its own; answers the seqs that were taken in. */
  again(
    tenantId: string,
    rows: readonly { seq: number; connection_id: string; body: Buffer }[],
  ): Promise<readonly number[]>
  /** In the change's own transaction (access/audit.ts). */
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    deed: { kind: string; name: string; what: 'done' | 'removed'; after?: unknown },
  ): Promise<void>
}

const queueShape = z.object({
  connection: z.string(),
  queue: z.string(),
  kind: z.enum(['rabbitmq', 'nats', 'kafka']),
  experimental: z.boolean(),
  state: z.enum(['connecting', 'listening', 'reconnecting', 'paused']),
  since: moment,
  seenAt: moment,
  node: z.string(),
  lag: z.number().int().nullable().describe('Unacknowledged at the broker, of all nodes together; null: not known.'),
  taken: z.number().int().describe('Messages acknowledged by this node.'),
  refused: z.number().int().describe('Events of this node that could not be read.'),
  kept: z.number().int().describe('Events of this queue that could not be read and are still kept, of all nodes.'),
  connects: z.number().int().describe('How often this node has opened it: one more than it was lost.'),
  lastAt: moment.nullable().describe('When this node last got something from it.'),
  fault: z.string().nullable(),
})

const eventShape = z.object({
  event: z.number().int(),
  connection: z.string(),
  queue: z.string(),
  place: z.string().describe('Where it stood at the broker.'),
  at: moment,
  object: z.string().describe('As the event says; empty where that could not be read.'),
  id: z.string(),
  traceId: z.string(),
  code: z.string(),
  path: z.string().nullable(),
  why: z.string(),
  bytes: z.number().int(),
})

const shown = (event: KeptEvent, locale: Locale): z.input<typeof eventShape> => ({
  event: event.seq,
  connection: event.connectionId,
  queue: event.queueId,
  place: event.place,
  at: toMoment(event.receivedAt),
  object: event.object,
  id: event.dataId,
  traceId: event.traceId,
  code: event.why.code,
  path: pathOf(event.why),
  why: sentenceOf(event.why, locale),
  bytes: event.bytes,
})
const pathOf = ({ values }: Refusal): string | null => (typeof values?.path === 'string' ? values.path : null)

const anEvent = inTenant.extend({ event: z.coerce.number().int().positive() })
const absent = (event: number) => refuse('absent', { what: `refused event ${event}` })
const most = 200

export const listenRoutes = ({ sql, again, writeDown }: ListenRoutesDeps): Route[] => [
  route({
    id: 'listQueues',
    method: 'GET',
    path: '/tenants/:tenant/queues',
    group: 'queues',
    summary: 'Queues that are listened to: state and lag, per node',
    describe: 'Kafka is experimental: it has not run against a real broker yet.',
    params: inTenant,
    query: z.object(paging),
    answer: pageOf(queueShape),
    handle: async ({ params, query }) => {
      const [rows, kept] = await asTenant(sql, params.tenant, async (tx) => [
        await readStandings(tx, params.tenant),
        await countRefused(tx, params.tenant),
      ])
      return slice(
        rows.map((row) => ({
          connection: row.connectionId,
          queue: row.queueId,
          kind: row.kind,
          experimental: row.kind === 'kafka',
          state: row.state,
          since: toMoment(row.since),
          seenAt: toMoment(row.seenAt),
          node: row.node,
          lag: row.lag,
          taken: row.taken,
          refused: row.refused,
          kept: kept.find((one) => one.connectionId === row.connectionId && one.queueId === row.queueId)?.kept ?? 0,
          connects: row.connects,
          lastAt: toMomentOrNull(row.lastAt),
          fault: row.fault,
        })),
        (row) => `${row.connection}\n${row.queue}\n${row.node}`,
        query,
      )
    },
  }),
  route({
    id: 'listRefusedEvents',
    method: 'GET',
    path: '/tenants/:tenant/refused-events',
    group: 'queues',
    summary: 'Events of queues that were acknowledged and could not be read',
    params: inTenant,
    query: z.object({ ...paging, connection: z.string().optional().describe('Only of this connection.') }),
    answer: pageOf(eventShape),
    handle: async ({ params: { tenant }, query, locale }) => {
      const before = fromCursor(z.number().int(), query.cursor)
      if (isRefused(before)) return before
      const rows = await asTenant(sql, tenant, (tx) =>
        listRefused(tx, tenant, { connectionId: query.connection ?? null, before, limit: query.limit + 1 }),
      )
      return pageFrom(
        rows,
        query.limit,
        (one) => shown(one, locale),
        (last) => last.seq,
      )
    },
  }),
  route({
    id: 'showRefusedEvent',
    method: 'GET',
    path: '/tenants/:tenant/refused-events/:event',
    group: 'queues',
    summary: 'A refused event with its bytes',
    params: anEvent,
    answer: eventShape.extend({
      text: z.string().describe('As UTF-8; what is no UTF-8 is replaced.'),
      base64: z.string().describe('The exact bytes.'),
    }),
    handle: async ({ params: { tenant, event }, locale }) => {
      const found = await asTenant(sql, tenant, (tx) => findRefused(tx, tenant, event))
      if (!found) return absent(event)
      return ok({ ...shown(found, locale), text: found.body.toString(), base64: found.body.toString('base64') })
    },
  }),
  route({
    id: 'retryRefusedEvents',
    method: 'POST',
    path: '/tenants/:tenant/refused-events/retry',
    group: 'queues',
    summary: 'Read refused events once more, as the configuration is now',
    describe: `At most ${most} in a call, the eldest first; \`next\` goes on behind them.`,
    params: inTenant,
    body: z.object({
      connection: z.string().optional(),
      event: z.number().int().positive().optional().describe('Only this one.'),
      after: z.number().int().min(0).default(0).describe('`next` of the call before.'),
    }),
    answer: z.object({
      taken: z.number().int(),
      refused: z.number().int().describe('Still cannot be read.'),
      next: z.number().int().nullable(),
    }),
    handle: async (asked) => {
      const { tenant } = asked.params
      const { connection, event, after } = asked.body
      const rows =
        event === undefined
          ? await asTenant(sql, tenant, (tx) => refusedAfter(tx, tenant, connection ?? null, after, most))
          : await asTenant(sql, tenant, async (tx) => {
              const found = await findRefused(tx, tenant, event)
              return found ? [{ seq: found.seq, connection_id: found.connectionId, body: found.body }] : []
            })
      if (event !== undefined && !rows.length) return absent(event)
      const taken = await again(tenant, rows)
      // stored already: a crash before this leaves events that change nothing when they are read again
      await asTenant(sql, tenant, async (tx) => {
        await dropRefused(tx, tenant, taken)
        if (rows.length)
          await writeDown(tx, asked, 'retryRefusedEvents', tenant, {
            kind: 'refused event',
            name: rows.length === 1 ? String(rows[0]?.seq) : `${rows[0]?.seq} … ${rows.at(-1)?.seq}`,
            what: 'done',
            after: { readAgain: taken.length },
          })
      })
      const next = event === undefined && rows.length === most ? (rows.at(-1)?.seq ?? null) : null
      return ok({ taken: taken.length, refused: rows.length - taken.length, next })
    },
  }),
  route({
    id: 'removeRefusedEvent',
    method: 'DELETE',
    path: '/tenants/:tenant/refused-events/:event',
    group: 'queues',
    summary: 'Take a refused event off the list; its arrival stays in the log',
    params: anEvent,
    handle: async (asked) => {
      const { tenant, event } = asked.params
      const was = await asTenant(sql, tenant, async (tx) => {
        if (!(await dropRefused(tx, tenant, [event]))) return false
        await writeDown(tx, asked, 'removeRefusedEvent', tenant, {
          kind: 'refused event',
          name: String(event),
          what: 'removed',
        })
        return true
      })
      return was ? done() : absent(event)
    },
  }),
]
