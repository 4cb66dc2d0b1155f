/** The log of calls 接口日志 by time: which were made, how they ended, and of one what was said. Reads only. */
import type { Fault } from '../doc/fault.ts'
import { at, type Sql } from '../store/sql.ts'
import { parseFault } from './words.ts'

export interface CallFilter {
  tenantId: string
  pairId: string | null
  target: string | null
  outcome: string | null
  call: string | null
  trace: string | null
  since: number | null
  /** Older than this: where the page before ended. */
  before: { at: number; id: number } | null
  limit: number
}

export interface Call {
  attemptId: number
  startedAt: number
  finishedAt: number | null
  pairId: string
  linkId: number
  target: string
  call: string
  traceId: string
  /** Null: nothing heard yet. */
  outcome: string | null
  status: number | null
  ms: number | null
  bytes: number | null
  fault: Fault | null
}

interface Row {
  attempt_id: number
  started_at: number
  finished_at: number | null
  pair_id: string
  link_id: number
  target_connection: string
  call: string
  trace_id: string
  outcome: string | null
  status: number | null
  ms: number | null
  bytes: number | null
  fault: string | null
}

const callOf = (row: Row): Call => {
  const fault = parseFault(row.fault)
  return {
    attemptId: row.attempt_id,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    pairId: row.pair_id,
    linkId: row.link_id,
    target: row.target_connection,
    call: row.call,
    traceId: row.trace_id,
    outcome: row.outcome,
    status: row.status,
    ms: row.ms,
    bytes: row.bytes,
    fault,
  }
}

const MINUTE = 60_000
/** The log is kept for so long at most (`MORTISE_RETENTION` is 30 days by default, and ten years at most: those who keep so much give a time). */
const longest = 366 * 24 * 60 * MINUTE

/**
 * Newest first. The log is large and has no btree by time (migration 0180): the search goes back in stretches, each twice as long as the one
 * before, and stops as soon as the page is full.
 */
export const listCalls = async (sql: Sql, filter: CallFilter): Promise<Call[]> => {
  const { tenantId, pairId, target, outcome, call, trace, limit } = filter
  const found: Call[] = []
  const oldest = filter.since ?? Date.now() - longest
  // a call of this very millisecond is part of the page
  let [until, untilId] = filter.before ? [filter.before.at, filter.before.id] : [Date.now() + MINUTE, 0]
  for (let stretch = 10 * MINUTE; found.length < limit && until > oldest; stretch *= 2) {
    const from = Math.max(oldest, until - stretch)
    const rows = await sql<Row>`
      select attempt_id, started_at, finished_at, pair_id, link_id, target_connection, call, trace_id, outcome, status, ms,
        octet_length(request) as bytes, fault
      from attempt
      where tenant_id = ${tenantId} and started_at >= ${at(from)} and started_at < ${at(until + 1)}
        and (date_trunc('milliseconds', started_at), attempt_id) < (${at(until)}, ${untilId}::int8)
        and (${pairId}::text is null or pair_id = ${pairId})
        and (${target}::text is null or target_connection = ${target})
        and (${call}::text is null or call = ${call})
        and (${trace}::text is null or trace_id = ${trace})
        and (${outcome}::text is null or coalesce(outcome, 'open') = ${outcome})
      order by date_trunc('milliseconds', started_at) desc, attempt_id desc
      limit ${limit - found.length}`
    found.push(...rows.map(callOf))
    ;[until, untilId] = [from, 0]
  }
  return found
}
