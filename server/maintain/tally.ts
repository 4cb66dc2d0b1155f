/** How many links stand where. Few are counted when somebody looks; very many (2 s for a million) in the background, ahead of whoever looks. */
import type { Sql } from '../store/sql.ts'

export interface LinkCount {
  tenant_id: string
  pair_id: string
  target_connection: string
  state: string
  reason: string | null
  count: number
  held: number
  breaker: number
  /** Since when the oldest pending one could be sent. */
  oldest: number | null
}

/** Bytes of the table from which on a look does not count it: some 60,000 links, 0.1 s. */
const large = 64 << 20
/** A tally that old is none: nobody keeps it. */
const stale = '15 minutes'

/** Of the index of what is in trouble: some 30,000 links. Before a vacuum each costs a look at its row. */
const muchTrouble = 4 << 20

/** Of the index of error groups: some 30,000 faults. Counting them takes 0.1 s, and before a vacuum 0.5 s. */
const manyFaults = 4 << 20

const sizes = async (sql: Sql): Promise<{ isLarge: boolean; isTroubled: boolean; isFaulty: boolean }> => {
  const [row] = await sql<{ size: number; trouble: number; faults: number }>`
    select pg_relation_size('link') as size, pg_relation_size('link_trouble') as trouble, pg_relation_size('link_group') as faults`
  const { size = 0, trouble = 0, faults = 0 } = row ?? {}
  return { isLarge: size > large, isTroubled: trouble > muchTrouble, isFaulty: faults > manyFaults }
}

const countAll = (sql: Sql, tenantId: string | null): Promise<(LinkCount & { now: number })[]> => sql`
  select tenant_id, pair_id, target_connection, state, reason, count(*) as count, count(*) filter (where held and state = 'due') as held,
    count(*) filter (where state = 'due' and fault like '{"code":"send.breaker"%') as breaker,
    min(next_at) filter (where state = 'due' and not held) as oldest, clock_timestamp() as now
  from link
  where ${tenantId}::text is null or tenant_id = ${tenantId}
  group by tenant_id, pair_id, target_connection, state, reason`

/** Are there so many faults that their groups were counted in the background? */
export const hasManyFaults = async (sql: Sql): Promise<boolean> => {
  if (!(await sizes(sql)).isFaulty) return false
  const [row] = await sql<{ kept: boolean }>`
    select exists (select from group_tally where at > clock_timestamp() - ${stale}::interval) as kept`
  return row?.kept ?? false
}

/** Counts anew and keeps it, where the table is large; answers how long it took, in milliseconds, or null where a look counts by itself. */
export const takeTally = async (sql: Sql): Promise<number | null> => {
  const { isLarge, isFaulty } = await sizes(sql)
  if (!isLarge && !isFaulty) return null
  const began = performance.now()
  await sql.begin(async (tx) => {
    // one node at a time; who comes second has nothing to do
    const [mine] = await tx<{ mine: boolean }>`select pg_try_advisory_xact_lock(7070041) as mine`
    if (!mine?.mine) return
    await tx`set local statement_timeout = '120s'`
    await tx`delete from tally`
    await tx`
      insert into tally (tenant_id, pair_id, target_connection, state, reason, count, held, breaker, oldest, at)
      select tenant_id, pair_id, target_connection, state, coalesce(reason, ''), count(*), count(*) filter (where held and state = 'due'),
        count(*) filter (where state = 'due' and fault like '{"code":"send.breaker"%'), min(next_at) filter (where state = 'due' and not held),
        now()
      from link
      group by tenant_id, pair_id, target_connection, state, coalesce(reason, '')`
    await tx`delete from group_tally`
    await tx`
      insert into group_tally (tenant_id, fault_group, count, parked, unknown, waiting, first_seen, last_seen, at)
      select tenant_id, fault_group, count(*), count(*) filter (where state = 'parked'), count(*) filter (where state = 'unknown'),
        count(*) filter (where state = 'waiting'), min(since), max(since), now()
      from link
      where fault_group is not null
      group by tenant_id, fault_group`
  })
  return performance.now() - began
}

/** The counts as of `at`; what is in trouble as of now, unless that is very much. */
export const readTally = async (sql: Sql, tenantId: string | null): Promise<{ links: LinkCount[]; at: number }> => {
  const { isLarge, isTroubled } = await sizes(sql)
  if (isLarge) {
    const kept = await sql<LinkCount & { at: number }>`
      select tenant_id, pair_id, target_connection, state, nullif(reason, '') as reason, count, held, breaker, oldest, at
      from tally
      where (${tenantId}::text is null or tenant_id = ${tenantId})
        and (${isTroubled}::bool or state not in ('parked', 'unknown', 'waiting'))
        and at > clock_timestamp() - ${stale}::interval`
    const [first] = kept
    if (first && isTroubled) return { links: kept, at: first.at }
    if (first) {
      const trouble = await sql<LinkCount>`
        select tenant_id, pair_id, target_connection, state, reason, count(*) as count, 0::int8 as held, 0::int8 as breaker, null::timestamptz as oldest
        from link
        where state in ('parked', 'unknown', 'waiting') and (${tenantId}::text is null or tenant_id = ${tenantId})
        group by tenant_id, pair_id, target_connection, state, reason`
      return { links: [...kept, ...trouble], at: first.at }
    }
  }
  const links = await countAll(sql, tenantId)
  return { links, at: links[0]?.now ?? Date.now() }
}
