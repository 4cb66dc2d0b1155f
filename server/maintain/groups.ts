/** Error groups: records and reads in trouble, gathered by kind, stage, field and flow, each with a count, a sentence and what to do. Reads only. */
import { advice } from '../doc/advice.ts'
import type { Side } from '../doc/document.ts'
import type { Fault, FaultCode } from '../doc/fault.ts'
import type { Sql } from '../store/sql.ts'
import { hasManyFaults } from './tally.ts'
import { faultSentencesOf, parseFault } from './words.ts'

export interface ErrorGroup {
  /** Ten characters, the same for as long as kind, stage, field and flow are: `mortise retry --group 3f9a1c02de`. */
  group: string
  tenantId: string
  /** `record`: links. `read`: records that could not be read from their source. `decode`: pushes that could not be decoded. */
  what: 'record' | 'read' | 'decode'
  /** Null for reads. `from`: the side the flow leads away from. */
  flow: { pairId: string; from: Side | null } | null
  /** Where the records travel to, or whence they could not be read. */
  connectionId: string
  object: string | null
  code: FaultCode
  stage: string
  field: string | null
  count: number
  /** How they stand now: some are tried again by themselves. */
  states: { failed: number; unknown: number; waiting: number; pending: number }
  /** When the oldest and the newest of them fell into it; null where that was not noted. */
  firstSeen: number | null
  lastSeen: number | null
  /** The newest record's own fault. */
  sample: Fault
  sentence: string
  advice: string
}

interface Counted {
  tenant_id: string
  fault_group: string
  count: number
  parked: number
  unknown: number
  waiting: number
  first_seen: number | null
  last_seen: number | null
  pair_id: string
  target_connection: string
  from_side: Side | null
  fault: string
}

/** From the rows themselves. */
const counted = (
  sql: Sql,
  tenantId: string | null,
  group: string | null,
  limit: number,
): Promise<Counted[]> => sql<Counted>`
    select t.tenant_id, g.fault_group, g.count, g.parked, g.unknown, g.waiting, g.first_seen, g.last_seen, s.pair_id, s.target_connection,
      case when p.right_connection = s.target_connection then 'left' when p.left_connection = s.target_connection then 'right' end as from_side,
      s.fault
    from tenant t
    cross join lateral (
      select l.fault_group, count(*) as count, count(*) filter (where l.state = 'parked') as parked,
        count(*) filter (where l.state = 'unknown') as unknown, count(*) filter (where l.state = 'waiting') as waiting,
        min(l.since) as first_seen, max(l.since) as last_seen
      from link l
      where l.tenant_id = t.tenant_id and l.fault_group is not null and (${group}::text is null or l.fault_group = ${group})
      group by l.fault_group
      order by 2 desc, 1
      limit ${limit}) g
    cross join lateral (
      select l.pair_id, l.target_connection, l.fault
      from link l
      where l.tenant_id = t.tenant_id and l.fault_group = g.fault_group
      order by coalesce(l.since, 'infinity'::timestamptz) desc, l.link_id desc
      limit 1) s
    left join pair p on p.tenant_id = t.tenant_id and p.pair_id = s.pair_id
    where ${tenantId}::text is null or t.tenant_id = ${tenantId}
    order by g.count desc, t.tenant_id, g.fault_group`

/** The groups that there are, by name along the index; how many each holds from the last tally, and of new ones from the rows. */
const tallied = (sql: Sql, tenantId: string | null, limit: number): Promise<Counted[]> => sql<Counted>`
    with recursive names (tenant_id, fault_group) as (
      select t.tenant_id, (
        select l.fault_group from link l
        where l.tenant_id = t.tenant_id and l.fault_group is not null
        order by l.fault_group
        limit 1)
      from tenant t
      where ${tenantId}::text is null or t.tenant_id = ${tenantId}
      union all
      select n.tenant_id, (
        select l.fault_group from link l
        where l.tenant_id = n.tenant_id and l.fault_group > n.fault_group
        order by l.fault_group
        limit 1)
      from names n
      where n.fault_group is not null),
    known as materialized (
      select n.tenant_id, n.fault_group, k.count, k.parked, k.unknown, k.waiting, k.first_seen, k.last_seen
      from names n
      left join group_tally k on k.tenant_id = n.tenant_id and k.fault_group = n.fault_group
      where n.fault_group is not null)
    select k.tenant_id, k.fault_group, g.count, g.parked, g.unknown, g.waiting, g.first_seen, g.last_seen, s.pair_id, s.target_connection,
      case when p.right_connection = s.target_connection then 'left' when p.left_connection = s.target_connection then 'right' end as from_side,
      s.fault
    from known k
    cross join lateral (
      select k.count, k.parked, k.unknown, k.waiting, k.first_seen, k.last_seen
      where k.count is not null
      union all
      select count(*), count(*) filter (where l.state = 'parked'), count(*) filter (where l.state = 'unknown'),
        count(*) filter (where l.state = 'waiting'), min(l.since), max(l.since)
      from link l
      where k.count is null and l.tenant_id = k.tenant_id and l.fault_group = k.fault_group
      having k.count is null) g
    cross join lateral (
      select l.pair_id, l.target_connection, l.fault
      from link l
      where l.tenant_id = k.tenant_id and l.fault_group = k.fault_group
      order by coalesce(l.since, 'infinity'::timestamptz) desc, l.link_id desc
      limit 1) s
    left join pair p on p.tenant_id = k.tenant_id and p.pair_id = s.pair_id
    order by g.count desc, k.tenant_id, k.fault_group
    limit ${limit}`

/** Largest first. A group is left by whatever ends its records' trouble: it is counted from the rows themselves, and of very many from the last tally. */
export const readGroups = async (
  sql: Sql,
  filter: { tenantId?: string; pairId?: string; group?: string; limit?: number } = {},
): Promise<ErrorGroup[]> => {
  const tenantId = filter.tenantId ?? null
  const group = filter.group ?? null
  const limit = filter.limit ?? 500
  const rows =
    group === null && (await hasManyFaults(sql))
      ? await tallied(sql, tenantId, limit)
      : await counted(sql, tenantId, group, limit)
  const reads = await sql<{
    tenant_id: string
    fault_group: string
    count: number
    first_seen: number | null
    last_seen: number | null
    connection_id: string
    object: string
    fault: string
  }>`
    select t.tenant_id, g.fault_group, g.count, g.first_seen, g.last_seen, s.connection_id, s.object, s.fault
    from tenant t
    cross join lateral (
      select f.fault_group, count(*) as count, min(f.first_at) as first_seen, max(f.first_at) as last_seen
      from "fetch" f
      where f.tenant_id = t.tenant_id and f.fault_group is not null and (${group}::text is null or f.fault_group = ${group})
      group by f.fault_group
      order by 2 desc, 1
      limit ${limit}) g
    cross join lateral (
      select f.connection_id, f.object, f.fault
      from "fetch" f
      where f.tenant_id = t.tenant_id and f.fault_group = g.fault_group
      order by f.first_at desc
      limit 1) s
    where ${tenantId}::text is null or t.tenant_id = ${tenantId}
    order by g.count desc, t.tenant_id, g.fault_group`
  const decodes = await sql<{
    tenant_id: string
    fault_group: string
    count: number
    first_seen: number | null
    last_seen: number | null
    connection_id: string
    object: string
    fault: string
  }>`
    select t.tenant_id, g.fault_group, g.count, g.first_seen, g.last_seen, s.connection_id, s.object, s.fault
    from tenant t
    cross join lateral (
      select d.fault_group, count(*) as count, min(d.failed_at) as first_seen, max(d.failed_at) as last_seen
      from decode d
      where d.tenant_id = t.tenant_id and d.fault_group is not null and (${group}::text is null or d.fault_group = ${group})
      group by d.fault_group
      order by 2 desc, 1
      limit ${limit}) g
    cross join lateral (
      select d.connection_id, d.object, d.fault
      from decode d
      where d.tenant_id = t.tenant_id and d.fault_group = g.fault_group
      order by d.seq desc
      limit 1) s
    where ${tenantId}::text is null or t.tenant_id = ${tenantId}
    order by g.count desc, t.tenant_id, g.fault_group`
  const said = (stored: string) => {
    const { also: _also, ...sample } = parseFault(stored) as Fault
    return {
      sample,
      code: sample.code,
      stage: sample.stage,
      field: sample.field?.replaceAll(/\[\d+\]/g, '[]') ?? null,
      sentence: faultSentencesOf(sample)[0] ?? '',
      advice: advice(sample.code),
    }
  }
  return [
    ...rows.map(
      (row): ErrorGroup => ({
        group: row.fault_group,
        tenantId: row.tenant_id,
        what: 'record',
        flow: { pairId: row.pair_id, from: row.from_side },
        connectionId: row.target_connection,
        object: null,
        count: row.count,
        states: {
          failed: row.parked,
          unknown: row.unknown,
          waiting: row.waiting,
          pending: row.count - row.parked - row.unknown - row.waiting,
        },
        firstSeen: row.first_seen,
        lastSeen: row.last_seen,
        ...said(row.fault),
      }),
    ),
    ...[
      ...reads.map((row) => ({ ...row, what: 'read' as const })),
      ...decodes.map((row) => ({ ...row, what: 'decode' as const })),
    ].map(
      (row): ErrorGroup => ({
        group: row.fault_group,
        tenantId: row.tenant_id,
        what: row.what,
        flow: null,
        connectionId: row.connection_id,
        object: row.object,
        count: row.count,
        states: { failed: row.count, unknown: 0, waiting: 0, pending: 0 },
        firstSeen: row.first_seen,
        lastSeen: row.last_seen,
        ...said(row.fault),
      }),
    ),
  ].filter((one) => filter.pairId === undefined || one.flow?.pairId === filter.pairId)
}

/** The groups whose records carry this code: from name to name along the index, so that a million records in one group cost one look. */
export const groupsOfFault = async (sql: Sql, code: string, tenantId?: string): Promise<string[]> => {
  const rows = await sql<{ fault_group: string }>`
    with recursive groups (tenant_id, fault_group) as (
      select t.tenant_id, (
        select l.fault_group from link l
        where l.tenant_id = t.tenant_id and l.fault_group is not null
        order by l.fault_group
        limit 1)
      from tenant t
      where ${tenantId ?? null}::text is null or t.tenant_id = ${tenantId ?? null}
      union all
      select g.tenant_id, (
        select l.fault_group from link l
        where l.tenant_id = g.tenant_id and l.fault_group > g.fault_group
        order by l.fault_group
        limit 1)
      from groups g
      where g.fault_group is not null)
    select distinct g.fault_group
    from groups g
    cross join lateral (
      select l.fault from link l
      where l.tenant_id = g.tenant_id and l.fault_group = g.fault_group
      order by coalesce(l.since, 'infinity'::timestamptz), l.link_id
      limit 1) s
    where fault_member(s.fault, 'code') = ${code}`
  return rows.map((row) => row.fault_group)
}

export interface Trouble {
  tenantId: string
  pairId: string
  linkId: number
  group: string
  fault: Fault
  why: string[]
  times: number
  firstAt: number
  lastAt: number
  /** Null: it is in this trouble now. */
  closedAt: number | null
  closedBy: string | null
  note: string | null
}

/** What these links were parked for, now and before; newest first. */
export const troublesOf = async (
  sql: Sql,
  links: readonly { tenantId: string; pairId: string; linkId: number }[],
): Promise<Trouble[]> => {
  const rows = await sql<{
    tenant_id: string
    pair_id: string
    link_id: number
    fault_group: string
    fault: string
    times: number
    first_at: number
    last_at: number
    closed_at: number | null
    closed_by: string | null
    note: string | null
  }>`
    select t.*
    from unnest(
      ${links.map((link) => link.tenantId)}::text[], ${links.map((link) => link.pairId)}::text[],
      ${links.map((link) => link.linkId)}::int8[]) as k (tenant_id, pair_id, link_id)
    cross join lateral (
      select tenant_id, pair_id, link_id, fault_group, fault, times, first_at, last_at, closed_at, closed_by, note
      from trouble t
      where t.tenant_id = k.tenant_id and t.pair_id = k.pair_id and t.link_id = k.link_id
      limit 200) t
    order by t.last_at desc, t.fault_group`
  return rows.map((row) => {
    const fault = parseFault(row.fault) as Fault
    return {
      tenantId: row.tenant_id,
      pairId: row.pair_id,
      linkId: row.link_id,
      group: row.fault_group,
      fault,
      why: faultSentencesOf(fault),
      times: row.times,
      firstAt: row.first_at,
      lastAt: row.last_at,
      closedAt: row.closed_at,
      closedBy: row.closed_by,
      note: row.note,
    }
  })
}
