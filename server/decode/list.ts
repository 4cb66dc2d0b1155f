/** What waits to be decoded or failed to be, as people see it: by state, group and object, each with its reason; one with its raw body. Reads only. */
import type { Fault } from '../doc/fault.ts'
import type { Sql } from '../store/sql.ts'
import { textOfBody, toldIn } from './body.ts'

export interface DecodeRow {
  seq: number
  receivedAt: number
  connectionId: string
  object: string
  traceId: string
  operation: string
  state: 'due' | 'failed' | 'held'
  attempts: number
  failedAt: number | null
  group: string | null
  fault: Fault | null
}

interface Row {
  seq: number
  received_at: number
  connection_id: string
  object: string
  trace_id: string
  operation: string
  state: DecodeRow['state']
  attempts: number
  failed_at: number | null
  fault_group: string | null
  fault: string | null
}

const rowOf = (row: Row): DecodeRow => {
  const fault = row.fault === null ? null : (JSON.parse(row.fault) as Fault)
  return {
    seq: row.seq,
    receivedAt: row.received_at,
    connectionId: row.connection_id,
    object: row.object,
    traceId: row.trace_id,
    operation: row.operation,
    state: row.state,
    attempts: row.attempts,
    failedAt: row.failed_at,
    group: row.fault_group,
    fault,
  }
}

export const listDecodes = async (
  sql: Sql,
  filter: { tenantId: string; state?: string; group?: string; object?: string; after: number; limit: number },
): Promise<DecodeRow[]> => {
  const rows = await sql<Row>`
    select seq, received_at, connection_id, object, trace_id, operation, state, attempts, failed_at, fault_group, fault
    from decode
    where tenant_id = ${filter.tenantId} and seq > ${filter.after}
      and (${filter.state ?? null}::text is null or state = ${filter.state ?? null})
      and (${filter.group ?? null}::text is null or fault_group = ${filter.group ?? null})
      and (${filter.object ?? null}::text is null or object = ${filter.object ?? null})
    order by seq
    limit ${filter.limit}`
  return rows.map(rowOf)
}

export interface RawBody {
  contentType: string
  headers: Record<string, string>
  /** Null: the bytes are no text in the charset that they are said to be in. */
  text: string | null
  base64: string
}

export const readDecode = async (
  sql: Sql,
  tenantId: string,
  seq: number,
  charset: Parameters<typeof textOfBody>[2],
): Promise<(DecodeRow & { logs: string | null; body: RawBody | null }) | null> => {
  const [row] = await sql<Row & { logs: string | null; meta: string | null; body: Buffer | null }>`
    select d.seq, d.received_at, d.connection_id, d.object, d.trace_id, d.operation, d.state, d.attempts, d.failed_at, d.fault_group, d.fault, d.logs,
      a.meta, a.body
    from decode d
    left join lateral (
      select a.meta, a.body from arrival a
      where a.received_at = d.received_at and a.tenant_id = d.tenant_id and a.connection_id = d.connection_id and a.object = d.object
        and a.data_id = '' and a.seq = d.seq
      limit 1) a on true
    where d.tenant_id = ${tenantId} and d.seq = ${seq}`
  if (!row) return null
  const { contentType, headers } = toldIn(row.meta)
  const text = row.body === null ? null : textOfBody(row.body, contentType, charset)
  return {
    ...rowOf(row),
    logs: row.logs,
    body:
      row.body === null
        ? null
        : {
            contentType,
            headers,
            text: text && 'text' in text ? text.text : null,
            base64: row.body.toString('base64'),
          },
  }
}

/** The connection and object of a to-do, for whose declaration its charset is asked. */
export const placeOfDecode = async (
  sql: Sql,
  tenantId: string,
  seq: number,
): Promise<{ connectionId: string; object: string } | null> => {
  const [row] = await sql<{ connection_id: string; object: string }>`
    select connection_id, object from decode where tenant_id = ${tenantId} and seq = ${seq}`
  return row ? { connectionId: row.connection_id, object: row.object } : null
}
