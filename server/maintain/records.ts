/** 数据维护 as a list: links by flow, object, state, error group, time and keyword, each with its reason, page by page. Reads only. */
import type { Fault } from '../doc/fault.ts'
import type { Sql } from '../store/sql.ts'
import { groupsOfFault } from './groups.ts'
import { faultSentencesOf, parseFault, type ShownState, shownState } from './words.ts'

export interface RecordFilter {
  tenantId?: string
  pairId?: string
  /** Connection the record travels to: tells the two flows of a pair apart. */
  target?: string
  /** Object code, on either side. */
  object?: string
  /** Whose object that is; without it, of any connection. */
  objectOf?: string
  /** The engine's states or the shown ones, mixed. */
  states?: readonly string[]
  /** Ids of either side, exact. */
  ids?: readonly string[]
  /** Code of the fault, such as `map.option`. */
  fault?: string
  /** An error group, by its name (`groups.ts`). */
  group?: string
  /** In trouble since then or later; of records in no trouble: last sent then or later. */
  from?: number
  /** Before this moment. */
  until?: number
  /** Of records in trouble: part of an id or of the reason, in any case. Of the others: how an id begins. */
  keyword?: string
  limit: number
  /** Where the last page ended. */
  cursor?: string
}

export interface Page {
  records: RecordRow[]
  /** Null: this was the last page. */
  next: string | null
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
  /** The error group the fault belongs to. */
  group: string | null
  /** The fault in words, all of it. */
  why: string[]
}

/** A cursor that is none of ours. */
export class CursorRefused extends Error {
  override name = 'CursorRefused'
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
  fault_group: string | null
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
    group: row.fault_group,
    why: faultSentencesOf(fault),
  }
}

export interface LinkKey {
  tenantId: string
  pairId: string
  linkId: number
}

/** Links by their keys, in the order asked; those that are gone are left out. */
export const linksAt = async (sql: Sql, keys: readonly LinkKey[]): Promise<RecordRow[]> => {
  if (!keys.length) return []
  const rows = await sql<Row>`
    select l.tenant_id, l.pair_id, l.link_id, left_id, right_id, left_connection, left_object, right_connection, right_object, state,
      reason, l.held, target_connection, attempts, since, next_at, first_arrival_at, voided_at, generation, settled, wait_kind, wait_on,
      sent_at, sent_call, sent_side, fault, fault_group
    from unnest(
      ${keys.map((key) => key.tenantId)}::text[], ${keys.map((key) => key.pairId)}::text[],
      ${keys.map((key) => key.linkId)}::int8[]) with ordinality as k (tenant_id, pair_id, link_id, ord)
    cross join lateral (
      select * from link l
      where l.tenant_id = k.tenant_id and l.pair_id = k.pair_id and l.link_id = k.link_id
      limit 1) l
    left join pair p on p.tenant_id = l.tenant_id and p.pair_id = l.pair_id
    order by k.ord`
  return rows.map(rowOf)
}

// ── sections ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
/** What every section is asked; nulls do not narrow. */
interface Asked {
  tenantId: string | null
  pairIds: string[] | null
  target: string | null
  from: string | null
  until: string | null
  /** A pattern for `ilike`. */
  like: string | null
  limit: number
  /** Most rows of one pair (or target) that are walked for one page, where an index cannot tell which belong to it. */
  walk: number
}

interface Found {
  tenant_id: string
  pair_id: string
  link_id: number
  /** What the section is ordered by, before the link's number. */
  key: string
}

interface After {
  key: string
  linkId: number
}

/** One stretch of the list: a whole statement that an index answers in order, from where the last page ended. */
interface Section {
  name: string
  start: After
  /** Stops early where it has walked `asked.walk` rows in vain. */
  find(sql: Sql, asked: Asked, after: After): Promise<Found[]>
  /** How far everything was walked when `find` stopped early; null: to the end. */
  walked?: (sql: Sql, asked: Asked, after: After) => Promise<After | null>
  /** Does this row stand behind that place? */
  isBehind?: (row: Found, place: After) => boolean
}

const beginning: After = { key: '-infinity', linkId: 0 }
const newest: After = { key: '', linkId: Number.MAX_SAFE_INTEGER }

/** Where a page of trouble begins. One bound and not two: of two on one column the index may start at the wider one, and read a million to the other. */
const begin = (asked: Asked, after: After): After =>
  asked.from !== null && after.key === '-infinity' ? { key: asked.from, linkId: -1 } : after

/** A keyword is looked for in so many of each flow and state, the oldest: narrowed by time, flow or group, in others. */
const searchedOf = (asked: Asked): number => Math.max(1_000, Math.floor(asked.walk / 3))

/** Oldest trouble first; what has no start of its trouble last. */
const inTrouble = (states: readonly string[], parked: { plain: boolean; unknown: boolean }): Section => ({
  name: 't',
  start: beginning,
  find: (sql, asked, after) => sql<Found>`
    select l.tenant_id, l.pair_id, l.link_id, l.began::text as key
    from pair p
    cross join unnest(${[...states]}::text[]) as s (state)
    cross join lateral (
      select l.tenant_id, l.pair_id, l.link_id, l.began
      from (
        select l.tenant_id, l.pair_id, l.link_id, l.left_id, l.right_id, l.fault, coalesce(l.since, 'infinity'::timestamptz) as began
        from link l
        where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.state = s.state and l.state in ('parked', 'unknown', 'waiting')
          and (coalesce(l.since, 'infinity'::timestamptz), l.link_id) > (${begin(asked, after).key}::timestamptz, ${begin(asked, after).linkId}::int8)
          and (${asked.until}::timestamptz is null or coalesce(l.since, 'infinity'::timestamptz) < ${asked.until}::timestamptz)
          and (l.state <> 'parked' or case when l.reason = 'unknown' then ${parked.unknown}::bool else ${parked.plain}::bool end)
          and (${asked.target}::text is null or l.target_connection = ${asked.target})
        order by coalesce(l.since, 'infinity'::timestamptz), l.link_id
        limit case when ${asked.like}::text is null then ${asked.limit}::int8 else ${searchedOf(asked)}::int8 end) l
      where ${asked.like}::text is null or l.left_id ilike ${asked.like} or l.right_id ilike ${asked.like} or l.fault ilike ${asked.like}
      order by l.began, l.link_id
      limit ${asked.limit}) l
    where (${asked.tenantId}::text is null or p.tenant_id = ${asked.tenantId})
      and (${asked.pairIds}::text[] is null or p.pair_id = any(${asked.pairIds}::text[]))
    order by l.began, l.link_id
    limit ${asked.limit}`,
})

/** Creates that nobody can look up, where only those are asked for: an index of their own, for most of what is parked is no such thing. */
const inDoubt: Section = {
  name: 'd',
  start: beginning,
  find: (sql, asked, after) => sql<Found>`
    select l.tenant_id, l.pair_id, l.link_id, l.began::text as key
    from pair p
    cross join lateral (
      select l.tenant_id, l.pair_id, l.link_id, coalesce(l.since, 'infinity'::timestamptz) as began
      from link l
      where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.state = 'parked' and l.reason = 'unknown'
        and (coalesce(l.since, 'infinity'::timestamptz), l.link_id) > (${begin(asked, after).key}::timestamptz, ${begin(asked, after).linkId}::int8)
        and (${asked.until}::timestamptz is null or coalesce(l.since, 'infinity'::timestamptz) < ${asked.until}::timestamptz)
        and (${asked.target}::text is null or l.target_connection = ${asked.target})
        and (${asked.like}::text is null or l.left_id ilike ${asked.like} or l.right_id ilike ${asked.like} or l.fault ilike ${asked.like})
      order by coalesce(l.since, 'infinity'::timestamptz), l.link_id
      limit ${asked.limit}) l
    where (${asked.tenantId}::text is null or p.tenant_id = ${asked.tenantId})
      and (${asked.pairIds}::text[] is null or p.pair_id = any(${asked.pairIds}::text[]))
    order by l.began, l.link_id
    limit ${asked.limit}`,
}

/** Of some error groups, in any state: also those that are tried again by themselves. */
const inGroups = (
  groups: readonly string[],
  states: readonly string[] | null,
  parked: { plain: boolean; unknown: boolean },
): Section => ({
  name: 'g',
  start: beginning,
  find: (sql, asked, after) => sql<Found>`
    select l.tenant_id, l.pair_id, l.link_id, l.began::text as key
    from tenant t
    cross join unnest(${[...groups]}::text[]) as g (fault_group)
    cross join lateral (
      select l.tenant_id, l.pair_id, l.link_id, coalesce(l.since, 'infinity'::timestamptz) as began
      from link l
      where l.tenant_id = t.tenant_id and l.fault_group = g.fault_group
        and (coalesce(l.since, 'infinity'::timestamptz), l.link_id) > (${begin(asked, after).key}::timestamptz, ${begin(asked, after).linkId}::int8)
        and (${states === null ? null : [...states]}::text[] is null or l.state = any(${states === null ? null : [...states]}::text[]))
        and (l.state <> 'parked' or case when l.reason = 'unknown' then ${parked.unknown}::bool else ${parked.plain}::bool end)
        and (${asked.pairIds}::text[] is null or l.pair_id = any(${asked.pairIds}::text[]))
        and (${asked.target}::text is null or l.target_connection = ${asked.target})
        and (${asked.until}::timestamptz is null or coalesce(l.since, 'infinity'::timestamptz) < ${asked.until}::timestamptz)
        and (${asked.like}::text is null or l.left_id ilike ${asked.like} or l.right_id ilike ${asked.like} or l.fault ilike ${asked.like})
      order by coalesce(l.since, 'infinity'::timestamptz), l.link_id
      limit ${asked.limit}) l
    where ${asked.tenantId}::text is null or t.tenant_id = ${asked.tenantId}
    order by l.began, l.link_id
    limit ${asked.limit}`,
})

/** What a worker holds: few, by the index of leases (a list of all tenants needs it too). */
const working: Section = {
  name: 'w',
  start: { key: '', linkId: 0 },
  find: (sql, asked, after) => sql<Found>`
    select l.tenant_id, l.pair_id, l.link_id, '' as key
    from link l
    where l.state = 'working' and l.lease_until > '-infinity' and l.link_id > ${after.linkId}::int8
      and (${asked.tenantId}::text is null or l.tenant_id = ${asked.tenantId})
      and (${asked.pairIds}::text[] is null or l.pair_id = any(${asked.pairIds}::text[]))
      and (${asked.target}::text is null or l.target_connection = ${asked.target})
      and (${asked.from}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) >= ${asked.from}::timestamptz)
      and (${asked.until}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) < ${asked.until}::timestamptz)
    order by l.link_id
    limit ${asked.limit}`,
}

/** In the order in which they will be worked on; what a paused flow holds is found by its own index. */
const pending: Section = {
  name: 'p',
  start: beginning,
  find: (sql, asked, after) => sql<Found>`
    select l.tenant_id, l.pair_id, l.link_id, l.next_at::text as key
    from (
      select l.tenant_id, l.pair_id, l.link_id, l.next_at
      from connection c
      cross join lateral (
        select l.tenant_id, l.pair_id, l.link_id, l.next_at
        from (
          select l.tenant_id, l.pair_id, l.link_id, l.next_at, l.last_call_at, l.first_arrival_at
          from link l
          where l.tenant_id = c.tenant_id and l.target_connection = c.connection_id and l.state = 'due' and not l.held
            and l.next_at >= ${after.key}::timestamptz and (l.next_at, l.link_id) > (${after.key}::timestamptz, ${after.linkId}::int8)
          order by l.next_at, l.link_id
          limit ${asked.walk}::int8) l
        where (${asked.pairIds}::text[] is null or l.pair_id = any(${asked.pairIds}::text[]))
          and (${asked.from}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) >= ${asked.from}::timestamptz)
          and (${asked.until}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) < ${asked.until}::timestamptz)
        order by l.next_at, l.link_id
        limit ${asked.limit}) l
      where (${asked.tenantId}::text is null or c.tenant_id = ${asked.tenantId})
        and (${asked.target}::text is null or c.connection_id = ${asked.target})
      union all
      select l.tenant_id, l.pair_id, l.link_id, l.next_at
      from pair p
      cross join lateral (
        select l.tenant_id, l.pair_id, l.link_id, l.next_at
        from link l
        where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.held and l.state = 'due'
          and (l.next_at, l.link_id) > (${after.key}::timestamptz, ${after.linkId}::int8)
          and (${asked.target}::text is null or l.target_connection = ${asked.target})
          and (${asked.from}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) >= ${asked.from}::timestamptz)
          and (${asked.until}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) < ${asked.until}::timestamptz)
        order by l.next_at, l.link_id
        limit ${asked.limit}) l
      where (${asked.tenantId}::text is null or p.tenant_id = ${asked.tenantId})
        and (${asked.pairIds}::text[] is null or p.pair_id = any(${asked.pairIds}::text[]))) l
    order by l.next_at, l.link_id
    limit ${asked.limit}`,
  walked: async (sql, asked, after) => {
    const [row] = await sql<{ key: string; link_id: number }>`
      select l.next_at::text as key, l.link_id
      from connection c
      cross join lateral (
        select l.next_at, l.link_id
        from link l
        where l.tenant_id = c.tenant_id and l.target_connection = c.connection_id and l.state = 'due' and not l.held
          and l.next_at >= ${after.key}::timestamptz and (l.next_at, l.link_id) > (${after.key}::timestamptz, ${after.linkId}::int8)
        order by l.next_at, l.link_id
        offset ${asked.walk - 1}::int8
        limit 1) l
      where (${asked.tenantId}::text is null or c.tenant_id = ${asked.tenantId})
        and (${asked.target}::text is null or c.connection_id = ${asked.target})
      order by l.next_at, l.link_id
      limit 1`
    return row ? { key: row.key, linkId: row.link_id } : null
  },
  // both as PostgreSQL writes them, in UTC and without trailing zeros: compared as moments, to the microsecond
  isBehind: (row, place) => isLater(row.key, place.key) || (row.key === place.key && row.link_id > place.linkId),
}

/** `2026-11-25 04:00:00.123456+00` */
const isLater = (a: string, b: string): boolean => {
  const parts = (text: string): [string, string] => {
    const [whole = '', rest = ''] = text.replace(/\+00$/, '').split('.')
    return [whole, rest.padEnd(6, '0')]
  }
  const [[wholeA, restA], [wholeB, restB]] = [parts(a), parts(b)]
  return wholeA === wholeB ? restA > restB : wholeA > wholeB
}

/** Newest first. */
const skipped: Section = {
  name: 's',
  start: newest,
  find: (sql, asked, after) => sql<Found>`
    select l.tenant_id, l.pair_id, l.link_id, '' as key
    from pair p
    cross join lateral (
      select l.tenant_id, l.pair_id, l.link_id
      from link l
      where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.link_id < ${after.linkId}::int8
        and l.state = 'idle' and l.reason not in ('applied', 'unchanged', 'voided')
        and (${asked.target}::text is null or l.target_connection = ${asked.target})
        and (${asked.from}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) >= ${asked.from}::timestamptz)
        and (${asked.until}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) < ${asked.until}::timestamptz)
      order by l.link_id desc
      limit ${asked.limit}) l
    where (${asked.tenantId}::text is null or p.tenant_id = ${asked.tenantId})
      and (${asked.pairIds}::text[] is null or p.pair_id = any(${asked.pairIds}::text[]))
    order by l.link_id desc
    limit ${asked.limit}`,
}

/**
 * Newest first. Most rows are in this state, so walking the key backwards finds a page at once; where a backlog or an outage has made them
 * rare, the page ends early and its cursor goes on. An index over these rows would be paid by every success.
 */
const succeeded: Section = {
  name: 'a',
  start: newest,
  find: (sql, asked, after) => sql<Found>`
    select l.tenant_id, l.pair_id, l.link_id, '' as key
    from pair p
    cross join lateral (
      select l.tenant_id, l.pair_id, l.link_id
      from (
        select l.tenant_id, l.pair_id, l.link_id, l.state, l.reason, l.target_connection, l.last_call_at, l.first_arrival_at
        from link l
        where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.link_id < ${after.linkId}::int8
        order by l.link_id desc
        limit ${asked.walk}::int8) l
      where l.state = 'idle' and coalesce(l.reason, 'applied') in ('applied', 'unchanged', 'voided')
        and (${asked.target}::text is null or l.target_connection = ${asked.target})
        and (${asked.from}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) >= ${asked.from}::timestamptz)
        and (${asked.until}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) < ${asked.until}::timestamptz)
      order by l.link_id desc
      limit ${asked.limit}) l
    where (${asked.tenantId}::text is null or p.tenant_id = ${asked.tenantId})
      and (${asked.pairIds}::text[] is null or p.pair_id = any(${asked.pairIds}::text[]))
    order by l.link_id desc
    limit ${asked.limit}`,
  walked: async (sql, asked, after) => {
    const [row] = await sql<{ link_id: number | null }>`
      select max(l.link_id) as link_id
      from pair p
      cross join lateral (
        select l.link_id
        from link l
        where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.link_id < ${after.linkId}::int8
        order by l.link_id desc
        offset ${asked.walk - 1}::int8
        limit 1) l
      where (${asked.tenantId}::text is null or p.tenant_id = ${asked.tenantId})
        and (${asked.pairIds}::text[] is null or p.pair_id = any(${asked.pairIds}::text[]))`
    return row?.link_id == null ? null : { key: '', linkId: row.link_id }
  },
  isBehind: (row, place) => row.link_id < place.linkId,
}

/** Of records in no trouble, those one of whose ids begins so: by the unique indexes. Of each side at most 10,000 are looked at. */
const beginsWith = (
  keyword: string,
  states: readonly string[],
  idle: { agreed: boolean; skipped: boolean },
): Section => ({
  name: 'k',
  start: { key: '', linkId: 0 },
  find: (sql, asked, after) => sql<Found>`
    select distinct l.tenant_id, l.pair_id, l.link_id, '' as key
    from pair p
    cross join lateral (
      (select l.tenant_id, l.pair_id, l.link_id, l.state, l.reason, l.target_connection, l.last_call_at, l.first_arrival_at
      from link l
      where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.left_id >= ${keyword} and l.left_id < ${keyword} || chr(1114111)
        and starts_with(l.left_id, ${keyword})
      order by l.left_id
      limit 10000)
      union all
      (select l.tenant_id, l.pair_id, l.link_id, l.state, l.reason, l.target_connection, l.last_call_at, l.first_arrival_at
      from link l
      where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.right_id >= ${keyword} and l.right_id < ${keyword} || chr(1114111)
        and starts_with(l.right_id, ${keyword})
      order by l.right_id
      limit 10000)) l
    where (${asked.tenantId}::text is null or p.tenant_id = ${asked.tenantId})
      and (${asked.pairIds}::text[] is null or p.pair_id = any(${asked.pairIds}::text[]))
      and l.link_id > ${after.linkId}::int8 and l.state = any(${[...states]}::text[])
      and (l.state <> 'idle' or case when coalesce(l.reason, 'applied') in ('applied', 'unchanged', 'voided')
        then ${idle.agreed}::bool else ${idle.skipped}::bool end)
      and (${asked.target}::text is null or l.target_connection = ${asked.target})
      and (${asked.from}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) >= ${asked.from}::timestamptz)
      and (${asked.until}::timestamptz is null or coalesce(l.last_call_at, l.first_arrival_at) < ${asked.until}::timestamptz)
    order by l.link_id
    limit ${asked.limit}`,
})

/** Which sections, in which order, answer a filter: first what is in trouble, then what is under way, then what rests, newest first. */
const sectionsOf = (filter: RecordFilter, groups: readonly string[] | null): Section[] => {
  const wanted = new Set(filter.states)
  const any = !wanted.size
  const has = (...words: string[]) => any || words.some((word) => wanted.has(word))
  // `unknown` names both an engine state and a shown one, which takes in parked(unknown)
  const parked = { plain: has('parked', 'failed'), unknown: has('parked', 'unknown') }
  const troubled = [
    ...(parked.plain || parked.unknown ? ['parked'] : []),
    ...(has('unknown') ? ['unknown'] : []),
    ...(has('waiting') ? ['waiting'] : []),
  ]
  const under = { working: has('working', 'syncing'), due: has('due', 'pending') }
  const idle = { agreed: has('idle', 'succeeded'), skipped: has('idle', 'skipped') }
  if (groups !== null) {
    const states = [...troubled, ...(under.working ? ['working'] : []), ...(under.due ? ['due'] : [])]
    return [inGroups(groups, any ? null : states, parked)]
  }
  const onlyDoubt = parked.unknown && !parked.plain
  const sought = onlyDoubt ? troubled.filter((state) => state !== 'parked') : troubled
  const trouble = [...(onlyDoubt ? [inDoubt] : []), ...(sought.length ? [inTrouble(sought, parked)] : [])]
  if (filter.keyword !== undefined) {
    const states = [
      ...(under.working ? ['working'] : []),
      ...(under.due ? ['due'] : []),
      ...(idle.agreed || idle.skipped ? ['idle'] : []),
    ]
    return [...trouble, ...(states.length ? [beginsWith(filter.keyword, states, idle)] : [])]
  }
  return [
    ...trouble,
    ...(under.working ? [working] : []),
    ...(under.due ? [pending] : []),
    ...(idle.skipped ? [skipped] : []),
    ...(idle.agreed ? [succeeded] : []),
  ]
}

const writeCursor = (section: Section, after: After): string =>
  Buffer.from(JSON.stringify([section.name, after.key, after.linkId])).toString('base64url')

const readCursor = (sections: readonly Section[], cursor: string | undefined): { at: number; after: After } => {
  if (cursor === undefined) return { at: 0, after: sections[0]?.start ?? beginning }
  try {
    const [name, key, linkId] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, string, number]
    const at = sections.findIndex((section) => section.name === name)
    if (at >= 0 && typeof key === 'string' && /^(-?infinity|[\d\-:+. ]*)$/.test(key) && Number.isSafeInteger(linkId))
      return { at, after: { key, linkId } }
  } catch {
    // falls through
  }
  throw new CursorRefused(
    'This cursor does not belong to this list: take it from the answer of the page before, with the same filter.',
  )
}

const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())

/** Which pairs a flow and an object narrow the list to; null: all. */
const pairsOf = async (sql: Sql, filter: RecordFilter): Promise<string[] | null> => {
  if (filter.object === undefined) return filter.pairId === undefined ? null : [filter.pairId]
  const rows = await sql<{ pair_id: string }>`
    select distinct pair_id
    from pair
    where ((left_object = ${filter.object} and left_connection = coalesce(${filter.objectOf ?? null}, left_connection))
        or (right_object = ${filter.object} and right_connection = coalesce(${filter.objectOf ?? null}, right_connection)))
      and (${filter.tenantId ?? null}::text is null or tenant_id = ${filter.tenantId ?? null})
      and (${filter.pairId ?? null}::text is null or pair_id = ${filter.pairId ?? null})`
  return rows.map((row) => row.pair_id)
}

/** What a page may walk in vain (0.1 s), shared among the pairs it walks. */
const walkOf = async (sql: Sql, { tenantId, limit }: RecordFilter): Promise<number> => {
  const [row] = await sql<{ pairs: number }>`
    select count(*) as pairs
    from pair
    where ${tenantId ?? null}::text is null or tenant_id = ${tenantId ?? null}`
  return Math.max(limit + 1, 1_000, Math.floor(10_000 / Math.max(1, row?.pairs ?? 1)))
}

/** The keys of one page. Sections follow each other until the page is full; each is read by an index, whatever the table holds. */
const findKeys = async (sql: Sql, filter: RecordFilter): Promise<{ keys: LinkKey[]; next: string | null }> => {
  const groups =
    filter.group !== undefined
      ? [filter.group]
      : filter.fault !== undefined
        ? await groupsOfFault(sql, filter.fault, filter.tenantId)
        : null
  const sections = sectionsOf(filter, groups)
  const asked: Asked = {
    tenantId: filter.tenantId ?? null,
    pairIds: await pairsOf(sql, filter),
    target: filter.target ?? null,
    from: time(filter.from),
    until: time(filter.until),
    like: filter.keyword === undefined ? null : `%${filter.keyword.replaceAll(/[\\%_]/g, '\\$&')}%`,
    limit: filter.limit + 1,
    walk: await walkOf(sql, filter),
  }
  const start = readCursor(sections, filter.cursor)
  const keys: LinkKey[] = []
  for (let at = start.at; at < sections.length; at++) {
    const section = sections[at] as Section
    const wanted = filter.limit - keys.length
    const after = at === start.at ? start.after : section.start
    const narrowed = { ...asked, limit: wanted + 1 }
    const all = await section.find(sql, narrowed, after)
    // a page that is not full may have ended early: what stands behind the place walked to is found by the next page
    const end = all.length > wanted ? null : ((await section.walked?.(sql, narrowed, after)) ?? null)
    const found = end ? all.filter((row) => !section.isBehind?.(row, end)) : all
    const taken = found.slice(0, wanted)
    keys.push(...taken.map((row) => ({ tenantId: row.tenant_id, pairId: row.pair_id, linkId: row.link_id })))
    const last = taken.at(-1)
    if (found.length > wanted)
      return { keys, next: writeCursor(section, last ? { key: last.key, linkId: last.link_id } : after) }
    if (end) return { keys, next: writeCursor(section, end) }
  }
  return { keys, next: null }
}

/**
 * Statements that take every filter as a parameter are planned with its value each time: the plan for any value would read what the
 * filter rules out. Planning costs a millisecond, which a person does not see.
 */
export const planned = <T>(sql: Sql, work: (tx: Sql) => Promise<T>): Promise<T> =>
  sql.begin(
    async (tx) => {
      await tx`select set_config('plan_cache_mode', 'force_custom_plan', true)`
      return work(tx)
    },
    { readOnly: true },
  )

/** What of a filter can be asked of a row that was found by its id. Pure. */
const fits = (filter: RecordFilter, pairIds: readonly string[] | null) => {
  const states = new Set(filter.states)
  return (row: RecordRow): boolean =>
    (pairIds === null || pairIds.includes(row.pairId)) &&
    (filter.target === undefined || row.target === filter.target) &&
    (!states.size ||
      states.has(row.shown) ||
      (states.has(row.state) && (row.state !== 'parked' || states.has('parked')))) &&
    (filter.fault === undefined || row.fault?.code === filter.fault) &&
    (filter.group === undefined || row.group === filter.group) &&
    (filter.from === undefined || (row.since ?? row.firstArrivalAt) >= filter.from) &&
    (filter.until === undefined || (row.since ?? row.firstArrivalAt) < filter.until)
}

/** One page: what is in trouble, oldest first, then what is under way, then what rests, newest first. Throws CursorRefused. */
export const listRecords = (sql: Sql, filter: RecordFilter): Promise<Page> =>
  planned(sql, async (tx) => {
    if (filter.ids?.length) {
      const found = await linksOf(tx, filter.ids, filter.tenantId ?? null)
      const records = found.filter(fits(filter, await pairsOf(tx, filter)))
      return { records: records.slice(0, filter.limit), next: null }
    }
    const { keys, next } = await findKeys(tx, filter)
    return { records: await linksAt(tx, keys), next }
  })

/** The keys of all that match, up to the filter's limit, collected page by page: what a retry counts first and then does. */
export const matchingKeys = async (sql: Sql, filter: RecordFilter): Promise<LinkKey[]> => {
  if (filter.ids?.length) {
    const { records } = await listRecords(sql, filter)
    return records.map(({ tenantId, pairId, linkId }) => ({ tenantId, pairId, linkId }))
  }
  const all: LinkKey[] = []
  let cursor: string | undefined
  do {
    const limit = Math.min(2_000, filter.limit - all.length)
    const { keys, next } = await planned(sql, (tx) =>
      findKeys(tx, { ...filter, limit, ...(cursor !== undefined && { cursor }) }),
    )
    all.push(...keys)
    cursor = next ?? undefined
  } while (cursor !== undefined && all.length < filter.limit)
  return all
}

/** Links by number: an id like `42` may be one, and a record's own id too. */
export const linksNumbered = async (sql: Sql, linkIds: readonly number[]): Promise<RecordRow[]> => {
  if (!linkIds.length) return []
  const rows = await sql<{ tenant_id: string; pair_id: string; link_id: number }>`
    select l.tenant_id, l.pair_id, l.link_id
    from pair p
    cross join unnest(${[...linkIds]}::int8[]) as wanted (link_id)
    cross join lateral (
      select k.tenant_id, k.pair_id, k.link_id
      from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.pair_id and k.link_id = wanted.link_id
      limit 1) l`
  return linksAt(sql, rows.map(keyOf))
}

/** Links of records by their ids, on either side, through the unique indexes. */
export const linksOf = async (sql: Sql, ids: readonly string[], tenantId: string | null): Promise<RecordRow[]> => {
  if (!ids.length) return []
  const rows = await sql<{ tenant_id: string; pair_id: string; link_id: number }>`
    select distinct l.tenant_id, l.pair_id, l.link_id
    from pair p
    cross join unnest(${[...ids]}::text[]) as wanted (id)
    cross join lateral (
      select k.tenant_id, k.pair_id, k.link_id
      from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.pair_id and k.left_id = wanted.id
      union all
      select k.tenant_id, k.pair_id, k.link_id
      from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.pair_id and k.right_id = wanted.id) l
    where ${tenantId}::text is null or p.tenant_id = ${tenantId}
    order by l.tenant_id, l.pair_id, l.link_id`
  return linksAt(sql, rows.map(keyOf))
}

const keyOf = (row: { tenant_id: string; pair_id: string; link_id: number }): LinkKey => ({
  tenantId: row.tenant_id,
  pairId: row.pair_id,
  linkId: row.link_id,
})
