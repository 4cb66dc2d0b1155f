/** 数据维护 as a list: links by flow, state, age and id, each with its reason. Reads only. */
import type { Fault } from '../doc/fault.ts'
import type { Sql } from '../store/sql.ts'
import { faultSentencesOf, parseFault, type ShownState, shownState } from './words.ts'

export interface RecordFilter {
  tenantId?: string
  pairId?: string
  /** Connection the record travels to: tells the two flows of a pair apart. */
  target?: string
  /** The engine's states or the shown ones, mixed. */
  states?: readonly string[]
  /** Ids of either side, exact. */
  ids?: readonly string[]
  /** Code of the fault, such as `map.option`: an error group. */
  fault?: string
  limit: number
}

export interface RecordRow {
  tenantId: string
  pairId: string
  linkId: number
  left: { connectionId: string; object: string; id: string | null }
  right: { connectionId: string; object: string; id: string | null }
  state: string
  shown: ShownState
  reason: string | null
  held: boolean
  target: string
  attempts: number
  since: number | null
  nextAt: number
  firstArrivalAt: number
  voidedAt: number | null
  generation: number
  settled: number
  waitKind: string | null
  waitOn: string[] | null
  /** The unanswered call, where there is one. */
  sent: { at: number; call: string; side: string } | null
  fault: Fault | null
  /** The fault in words, all of it. */
  why: string[]
}

interface Row {
  tenant_id: string
  pair_id: string
  link_id: number
  left_id: string | null
  right_id: string | null
  left_connection: string | null
  left_object: string | null
  right_connection: string | null
  right_object: string | null
  state: string
  reason: string | null
  held: boolean
  target_connection: string
  attempts: number
  since: number | null
  next_at: number
  first_arrival_at: number
  voided_at: number | null
  generation: number
  settled: number
  wait_kind: string | null
  wait_on: string[] | null
  sent_at: number | null
  sent_call: string | null
  sent_side: string | null
  fault: string | null
}

const rowOf = (row: Row): RecordRow => {
  const fault = parseFault(row.fault)
  return {
    tenantId: row.tenant_id,
    pairId: row.pair_id,
    linkId: row.link_id,
    left: { connectionId: row.left_connection ?? '?', object: row.left_object ?? '?', id: row.left_id },
    right: { connectionId: row.right_connection ?? '?', object: row.right_object ?? '?', id: row.right_id },
    state: row.state,
    shown: shownState(row.state, row.reason),
    reason: row.reason,
    held: row.held,
    target: row.target_connection,
    attempts: row.attempts,
    since: row.since,
    nextAt: row.next_at,
    firstArrivalAt: row.first_arrival_at,
    voidedAt: row.voided_at,
    generation: row.generation,
    settled: row.settled,
    waitKind: row.wait_kind,
    waitOn: row.wait_on,
    sent:
      row.sent_at !== null && row.sent_call && row.sent_side
        ? { at: row.sent_at, call: row.sent_call, side: row.sent_side }
        : null,
    fault,
    why: faultSentencesOf(fault),
  }
}

/** Shown words as pairs of state and reason, for the statement: `failed` is parked but for parked(unknown). */
const condition = (states: readonly string[] | undefined) => {
  const wanted = new Set(states)
  return {
    any: !states?.length,
    plain: [...wanted].filter((one) => ['due', 'working', 'idle', 'waiting', 'parked', 'unknown'].includes(one)),
    pending: wanted.has('pending'),
    syncing: wanted.has('syncing'),
    succeeded: wanted.has('succeeded'),
    skipped: wanted.has('skipped'),
    failed: wanted.has('failed'),
    unknown: wanted.has('unknown'),
  }
}

/** Oldest trouble first, then the newest records. */
export const listRecords = async (sql: Sql, filter: RecordFilter): Promise<RecordRow[]> => {
  const c = condition(filter.states)
  const rows = await sql<Row>`
    select l.tenant_id, l.pair_id, l.link_id, left_id, right_id, left_connection, left_object, right_connection, right_object, state,
      reason, l.held, target_connection, attempts, since, next_at, first_arrival_at, voided_at, generation, settled, wait_kind, wait_on,
      sent_at, sent_call, sent_side, fault
    from link l
    left join pair p on p.tenant_id = l.tenant_id and p.pair_id = l.pair_id
    where (${filter.tenantId ?? null}::text is null or l.tenant_id = ${filter.tenantId ?? null})
      and (${filter.pairId ?? null}::text is null or l.pair_id = ${filter.pairId ?? null})
      and (${filter.target ?? null}::text is null or target_connection = ${filter.target ?? null})
      and (${filter.ids ?? null}::text[] is null or left_id = any(${filter.ids ?? null}::text[]) or right_id = any(${filter.ids ?? null}::text[]))
      and (${filter.fault ?? null}::text is null or fault like '{"code":"' || ${filter.fault ?? null} || '"%')
      and (${c.any}
        or state = any(${c.plain}::text[])
        or (${c.pending} and state = 'due')
        or (${c.syncing} and state = 'working')
        or (${c.failed} and state = 'parked' and reason <> 'unknown')
        or (${c.unknown} and state = 'parked' and reason = 'unknown')
        or (${c.succeeded} and state = 'idle' and coalesce(reason, 'applied') in ('applied', 'unchanged', 'voided'))
        or (${c.skipped} and state = 'idle' and coalesce(reason, 'applied') not in ('applied', 'unchanged', 'voided')))
    order by since nulls last, l.link_id desc
    limit ${filter.limit}`
  return rows.map(rowOf)
}

/** Links by number: an id like `42` may be one, and a record's own id too. */
export const linksNumbered = async (sql: Sql, linkIds: readonly number[]): Promise<RecordRow[]> => {
  const rows = await sql<Row>`
    select l.tenant_id, l.pair_id, l.link_id, left_id, right_id, left_connection, left_object, right_connection, right_object, state,
      reason, l.held, target_connection, attempts, since, next_at, first_arrival_at, voided_at, generation, settled, wait_kind, wait_on,
      sent_at, sent_call, sent_side, fault
    from tenant t
    join pair p on p.tenant_id = t.tenant_id
    cross join unnest(${[...linkIds]}::int8[]) as wanted (link_id)
    cross join lateral (
      select *
      from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.pair_id and k.link_id = wanted.link_id
      limit 1) l`
  return rows.map(rowOf)
}

/** Links of records by their ids, on either side, through the unique indexes. */
export const linksOf = async (sql: Sql, ids: readonly string[], tenantId: string | null): Promise<RecordRow[]> => {
  const rows = await sql<Row>`
    select l.tenant_id, l.pair_id, l.link_id, left_id, right_id, left_connection, left_object, right_connection, right_object, state,
      reason, l.held, target_connection, attempts, since, next_at, first_arrival_at, voided_at, generation, settled, wait_kind, wait_on,
      sent_at, sent_call, sent_side, fault
    from pair p
    cross join unnest(${[...ids]}::text[]) as wanted (id)
    cross join lateral (
      select *
      from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.pair_id and (k.left_id = wanted.id or k.right_id = wanted.id)) l
    where ${tenantId}::text is null or p.tenant_id = ${tenantId}
    order by l.tenant_id, l.pair_id, l.link_id`
  return rows.map(rowOf)
}
