/** Non-standard pushes in a journey: what came in under these traces in no standard form, and how its decoding stands. Reads only. */
import type { Fault } from '../doc/fault.ts'
import type { Sql } from '../store/sql.ts'
import { faultSentencesOf, parseFault } from './words.ts'

export interface DecodeShown {
  seq: number
  tenantId: string
  connectionId: string
  object: string
  state: string
  attempts: number
  group: string | null
  fault: Fault | null
  why: string[]
  /** What its function said on its console. */
  logs: string | null
}

export interface Push {
  seq: number
  received_at: number
  tenant_id: string
  connection_id: string
  object: string
  data_id: string
  operation: string
  channel: string
  trace_id: string
  outcome: string
  bytes: number | null
  body: Buffer | null
  meta: string | null
}

/** Their rows of the log; those of records are found by the record. */
export const pushesOf = (
  sql: Sql,
  tenantId: string | null,
  traces: readonly string[],
  shownBytes: number,
  limit: number,
): Promise<Push[]> => sql<Push>`
  select a.seq, a.received_at, a.tenant_id, a.connection_id, a.object, a.data_id, a.operation, a.channel, a.trace_id, a.outcome,
    octet_length(a.body) as bytes, substring(a.body from 1 for ${shownBytes}) as body, a.meta
  from tenant t
  cross join unnest(${[...traces]}::text[]) as k (trace_id)
  cross join lateral (
    select * from arrival a
    where a.tenant_id = t.tenant_id and a.trace_id = k.trace_id and a.data_id = ''
    limit ${limit}) a
  where ${tenantId}::text is null or t.tenant_id = ${tenantId}
  order by a.seq desc
  limit ${limit}`

export const decodesOf = async (
  sql: Sql,
  tenantId: string | null,
  traces: readonly string[],
): Promise<DecodeShown[]> => {
  const rows = await sql<{
    seq: number
    tenant_id: string
    connection_id: string
    object: string
    state: string
    attempts: number
    fault_group: string | null
    fault: string | null
    logs: string | null
  }>`
    select d.seq, d.tenant_id, d.connection_id, d.object, d.state, d.attempts, d.fault_group, d.fault, d.logs
    from tenant t
    cross join unnest(${[...traces]}::text[]) as k (trace_id)
    cross join lateral (
      select * from decode d
      where d.tenant_id = t.tenant_id and d.trace_id = k.trace_id
      limit 100) d
    where ${tenantId}::text is null or t.tenant_id = ${tenantId}
    order by d.seq`
  return rows.map((row) => {
    const fault = parseFault(row.fault)
    return {
      seq: row.seq,
      tenantId: row.tenant_id,
      connectionId: row.connection_id,
      object: row.object,
      state: row.state,
      attempts: row.attempts,
      group: row.fault_group,
      fault,
      why: faultSentencesOf(fault),
      logs: row.logs,
    }
  })
}
