/** Reads batches back: for their senders, who know the bizId, and for the people who look after them. */
import type { Locale } from '../../protocol/codes.ts'
import type { Millis } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { Sql } from '../store/sql.ts'
import { faultsOf, sentencesOf } from './result.ts'
import type { RejectedRow } from './csv.ts'

export interface BatchRow {
  batchId: number
  clientId: string
  path: string
  bizId: string
  connectionId: string
  object: string
  locale: Locale
  url: string | null
  traceId: string
  receivedAt: Millis
  endedAt: Millis | null
  rows: number
  done: number
  state: 'waiting' | 'running' | 'done' | 'failed'
  created: number | null
  updated: number | null
  failed: number | null
  result: string | null
  fault: string | null
}

export const readBatchRow = async (sql: Sql, tenantId: string, batchId: number): Promise<BatchRow | undefined> => {
  const [row] = await sql<BatchRow>`
    select batch_id as "batchId", client_id as "clientId", path, biz_id as "bizId", connection_id as "connectionId", object, locale, url,
      trace_id as "traceId", received_at as "receivedAt", ended_at as "endedAt", row_count as rows, done_rows as done, state,
      created_count as created, updated_count as updated, failed_count as failed, result, fault
    from batch
    where tenant_id = ${tenantId} and batch_id = ${batchId}`
  return row
}

/** A bizId is a client's own for each path; without the path the newest is meant. */
export const findBatch = async (
  sql: Sql,
  tenantId: string,
  clientId: string,
  bizId: string,
  path: string | null,
): Promise<BatchRow | undefined> => {
  const [found] = await sql<{ batch_id: number }>`
    select batch_id
    from batch
    where tenant_id = ${tenantId} and client_id = ${clientId} and biz_id = ${bizId} and (${path}::text is null or path = ${path})
    order by batch_id desc
    limit 1`
  return found && readBatchRow(sql, tenantId, found.batch_id)
}

export interface BatchFilter {
  clientId: string | null
  path: string | null
  state: BatchRow['state'] | null
  /** Below this number. */
  before: number | null
  limit: number
}

export const listBatches = (sql: Sql, tenantId: string, filter: BatchFilter): Promise<BatchRow[]> => sql<BatchRow>`
  select batch_id as "batchId", client_id as "clientId", path, biz_id as "bizId", connection_id as "connectionId", object, locale, url,
    trace_id as "traceId", received_at as "receivedAt", ended_at as "endedAt", row_count as rows, done_rows as done, state,
    created_count as created, updated_count as updated, failed_count as failed, null as result, fault
  from batch
  where tenant_id = ${tenantId} and batch_id < coalesce(${filter.before}::int8, 9223372036854775807)
    and (${filter.clientId}::text is null or client_id = ${filter.clientId})
    and (${filter.path}::text is null or path = ${filter.path})
    and (${filter.state}::text is null or state = ${filter.state})
  order by batch_id desc
  limit ${filter.limit}`

/** Refused by its rules or by the database, in the order of the request. */
export const readRejected = async (
  sql: Sql,
  tenantId: string,
  batchId: number,
  def: ObjectDef | undefined,
  locale: Locale,
): Promise<RejectedRow[]> => {
  const rows = await sql<{ key: string; errors: string | null; body: Buffer | null }>`
    select key, errors, body
    from batch_row
    where tenant_id = ${tenantId} and batch_id = ${batchId} and outcome in ('rejected', 'failed')
    order by row_no`
  return rows.map(({ key, errors, body }) => ({ key, reasons: sentencesOf(faultsOf(errors), def, locale), body }))
}
