/** Outgoing batches as people read them: how they fare, and what became of their rows. */
import type { Millis } from '../doc/document.ts'
import type { Sql } from '../store/sql.ts'

export const outStates = ['ready', 'accepted', 'done', 'split', 'lost'] as const
export type OutState = (typeof outStates)[number]

export interface OutBatch {
  batchId: number
  connectionId: string
  object: string
  path: string
  bizId: string
  state: OutState
  rows: number
  applied: number | null
  refused: number | null
  posts: number
  asks: number
  madeAt: Millis
  postedAt: Millis | null
  acceptedAt: Millis | null
  answerBy: Millis | null
  endedAt: Millis | null
  nextAt: Millis
  toldBy: 'answer' | 'callback' | 'query' | null
  status: number | null
  said: string | null
  askedAt: Millis | null
  /** The first that was proved. */
  callbackAt: Millis | null
  callbacksRefused: number
}

export interface Asking {
  connectionId: string | null
  state: OutState | null
  before: number | null
  limit: number
}

export const listOutBatches = (
  sql: Sql,
  tenantId: string,
  { connectionId, state, before, limit }: Asking,
): Promise<OutBatch[]> => sql<OutBatch>`
  select out_batch_id as "batchId", connection_id as "connectionId", object, path, biz_id as "bizId", state, row_count as rows,
    applied_count as applied, refused_count as refused, posts, asks, made_at as "madeAt", posted_at as "postedAt",
    accepted_at as "acceptedAt", answer_by as "answerBy", ended_at as "endedAt", next_at as "nextAt", told_by as "toldBy", status, said,
    asked_at as "askedAt", callback_at as "callbackAt", callbacks_refused as "callbacksRefused"
  from out_batch
  where tenant_id = ${tenantId} and (${before}::int8 is null or out_batch_id < ${before}::int8)
    and (${connectionId}::text is null or connection_id = ${connectionId}) and (${state}::text is null or state = ${state})
  order by out_batch_id desc
  limit ${limit}`

export const readOutBatch = async (sql: Sql, tenantId: string, batchId: number): Promise<OutBatch | undefined> => {
  const [row] = await listOutBatches(sql, tenantId, { connectionId: null, state: null, before: batchId + 1, limit: 1 })
  return row?.batchId === batchId ? row : undefined
}

export interface OutRow {
  row: number
  code: string
  pairId: string
  linkId: number
  outcome: 'applied' | 'refused' | 'again' | 'unknown' | null
  fault: string | null
  warnings: string | null
}

export const readOutRows = (
  sql: Sql,
  tenantId: string,
  batchId: number,
  after: number,
  limit: number,
): Promise<OutRow[]> => sql<OutRow>`
  select row_no as row, code, pair_id as "pairId", link_id as "linkId", outcome, fault, warnings
  from out_batch_row
  where tenant_id = ${tenantId} and out_batch_id = ${batchId} and row_no > ${after}
  order by row_no
  limit ${limit}`

/** Batches that do not get through: tried, and neither taken nor limited, for so long. */
export const stuckBatches = (
  sql: Sql,
  tenantId: string,
  forMs: Millis,
): Promise<{ connectionId: string; rows: number; oldestMs: Millis }[]> => sql`
  select connection_id as "connectionId", sum(row_count)::int4 as rows,
    extract(epoch from clock_timestamp() - min(made_at))::float8 * 1000 as "oldestMs"
  from out_batch
  where tenant_id = ${tenantId} and state = 'ready' and said is not null and status is distinct from 429
    and made_at < clock_timestamp() - ${forMs}::float8 * interval '1 millisecond'
  group by connection_id`

export interface OutLane {
  connectionId: string
  object: string
  queued: number
  oldestMs: Millis
}

/** What waits to be filled into batches. */
export const readOutLanes = (sql: Sql, tenantId: string): Promise<OutLane[]> => sql<OutLane>`
  select connection_id as "connectionId", object, count(*)::int4 as queued,
    extract(epoch from clock_timestamp() - min(queued_at))::float8 * 1000 as "oldestMs"
  from out_batch_row
  where tenant_id = ${tenantId} and state = 'queued'
  group by connection_id, object
  order by connection_id, object`

/** Whoever sends asks after it (decision 260). */
export const askFor = (sql: Sql, tenantId: string, batchId: number): Promise<unknown> => sql`
  insert into out_batch_ask (tenant_id, out_batch_id) values (${tenantId}, ${batchId})
  on conflict (tenant_id, out_batch_id) do nothing`

/** The target has it, or may have it, and its rows have no end, or none that somebody told. */
export const canBeAsked = ({ state, posts }: Pick<OutBatch, 'state' | 'posts'>): boolean =>
  posts > 0 && (state === 'ready' || state === 'accepted' || state === 'lost')

export type CallbackState = 'none' | 'awaited' | 'taken' | 'unneeded' | 'missing'

/** How its callback fares; `callsBack`: the connection has an address for it. Pure. */
export const callbackOf = (
  { state, toldBy, callbackAt }: Pick<OutBatch, 'state' | 'toldBy' | 'callbackAt'>,
  callsBack: boolean,
): CallbackState => {
  if (callbackAt !== null) return 'taken'
  if (!callsBack) return 'none'
  if (state === 'ready' || state === 'accepted') return 'awaited'
  return toldBy === 'answer' || state === 'split' ? 'unneeded' : 'missing'
}
