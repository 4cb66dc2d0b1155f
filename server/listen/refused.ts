/** Events that could not be read: kept byte for byte with the reason, shown, read again once the configuration fits, or removed by a person. */
import type { Refusal } from '../../protocol/codes.ts'
import type { Millis } from '../doc/document.ts'
import { col, type Sql } from '../store/sql.ts'

export interface RefusedEvent {
  tenantId: string
  connectionId: string
  queueId: string
  place: string
  object: string
  dataId: string
  traceId: string
  why: Refusal
  body: Buffer
}

/** Arrival and to-do in one statement: what was acknowledged is in the log, and shown until somebody has looked. */
export const keepRefused = async (sql: Sql, rows: readonly RefusedEvent[]): Promise<void> => {
  if (!rows.length) return
  await sql`
    with input as materialized (
      select i.*, nextval('arrival_seq') as seq, clock_timestamp() as now
      from unnest(
        ${col.text(rows.map((r) => r.tenantId))}::text[], ${col.text(rows.map((r) => r.connectionId))}::text[],
        ${col.text(rows.map((r) => r.queueId))}::text[], ${col.text(rows.map((r) => r.place))}::text[],
        ${col.text(rows.map((r) => r.object))}::text[], ${col.text(rows.map((r) => r.dataId))}::text[],
        ${col.text(rows.map((r) => r.traceId))}::text[], ${col.text(rows.map((r) => JSON.stringify(r.why)))}::text[],
        ${col.bytes(rows.map((r) => r.body))}::bytea[])
        as i (tenant_id, connection_id, queue_id, place, object, data_id, trace_id, refusal, body)),
    kept as (
      insert into refused_event (tenant_id, seq, connection_id, queue_id, place, received_at, object, data_id, refusal, trace_id, body)
      select tenant_id, seq, connection_id, queue_id, place, now, object, data_id, refusal, trace_id, body
      from input)
    insert into arrival (seq, received_at, tenant_id, connection_id, object, data_id, operation, channel, trace_id, outcome, meta, body)
    select seq, now, tenant_id, connection_id, object, data_id, 'hint', 'event', trace_id, 'refused',
      json_build_object('queue', queue_id, 'place', place, 'refusal', refusal::json)::text, body
    from input`
}

export interface KeptEvent {
  seq: number
  connectionId: string
  queueId: string
  place: string
  receivedAt: Millis
  object: string
  dataId: string
  traceId: string
  why: Refusal
  bytes: number
}

interface Row {
  seq: number
  connection_id: string
  queue_id: string
  place: string
  received_at: number
  object: string
  data_id: string
  trace_id: string
  refusal: string
  bytes: number
}

const toKept = (row: Row): KeptEvent => ({
  seq: row.seq,
  connectionId: row.connection_id,
  queueId: row.queue_id,
  place: row.place,
  receivedAt: row.received_at,
  object: row.object,
  dataId: row.data_id,
  traceId: row.trace_id,
  why: JSON.parse(row.refusal) as Refusal,
  bytes: row.bytes,
})

/** The newest first; `before` is the last one's seq. */
export const listRefused = async (
  sql: Sql,
  tenantId: string,
  wanted: { connectionId: string | null; before: number | null; limit: number },
): Promise<KeptEvent[]> => {
  const rows = await sql<Row>`
    select seq, connection_id, queue_id, place, received_at, object, data_id, trace_id, refusal, octet_length(body) as bytes
    from refused_event
    where tenant_id = ${tenantId}
      and (${wanted.connectionId}::text is null or connection_id = ${wanted.connectionId})
      and (${wanted.before}::int8 is null or seq < ${wanted.before}::int8)
    order by seq desc
    limit ${wanted.limit}`
  return rows.map(toKept)
}

export const findRefused = async (
  sql: Sql,
  tenantId: string,
  seq: number,
): Promise<(KeptEvent & { body: Buffer }) | null> => {
  const [row] = await sql<Row & { body: Buffer }>`
    select seq, connection_id, queue_id, place, received_at, object, data_id, trace_id, refusal, octet_length(body) as bytes, body
    from refused_event
    where tenant_id = ${tenantId} and seq = ${seq}`
  return row ? { ...toKept(row), body: row.body } : null
}

/** How many are kept, by queue. */
export const countRefused = (
  sql: Sql,
  tenantId: string,
): Promise<{ connectionId: string; queueId: string; kept: number }[]> => sql`
  select connection_id as "connectionId", queue_id as "queueId", count(*)::int4 as kept
  from refused_event
  where tenant_id = ${tenantId}
  group by connection_id, queue_id`

/** True where it was there. */
export const dropRefused = async (sql: Sql, tenantId: string, seqs: readonly number[]): Promise<number> =>
  sql.affected`
    delete from refused_event
    where tenant_id = ${tenantId} and seq = any(${seqs}::int8[])`

/** Of one connection or of all, the eldest first, after `after`. */
export const refusedAfter = (
  sql: Sql,
  tenantId: string,
  connectionId: string | null,
  after: number,
  limit: number,
): Promise<{ seq: number; connection_id: string; body: Buffer }[]> => sql<{
  seq: number
  connection_id: string
  body: Buffer
}>`
  select seq, connection_id, body
  from refused_event
  where tenant_id = ${tenantId} and (${connectionId}::text is null or connection_id = ${connectionId}) and seq > ${after}
  order by seq
  limit ${limit}`
