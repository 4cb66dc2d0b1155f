/** How many links stand where. Few are counted when somebody looks; very many (2 s for a million) in the background, ahead of whoever looks. */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Env } from '../doc/env.ts'
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

const isLarge = async (sql: Sql): Promise<boolean> => {
  const [row] = await sql<{ size: number }>`select pg_relation_size('link') as size`
  return (row?.size ?? 0) > large
}

const countAll = (sql: Sql, tenantId: string | null): Promise<(LinkCount & { now: number })[]> => sql`
  select tenant_id, pair_id, target_connection, state, reason, count(*) as count, count(*) filter (where held and state = 'due') as held,
    count(*) filter (where state = 'due' and fault like '{"code":"send.breaker"%') as breaker,
    min(next_at) filter (where state = 'due' and not held) as oldest, clock_timestamp() as now
  from link
  where ${tenantId}::text is null or tenant_id = ${tenantId}
  group by tenant_id, pair_id, target_connection, state, reason`

/** Counts anew and keeps it, where the table is large; answers how long it took, in milliseconds, or null where a look counts by itself. */
export const takeTally = async (sql: Sql): Promise<number | null> => {
  if (!(await isLarge(sql))) return null
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
  })
  return performance.now() - began
}

/** The counts as of `at`; what is in trouble always as of now. */
export const readTally = async (sql: Sql, tenantId: string | null): Promise<{ links: LinkCount[]; at: number }> => {
  if (await isLarge(sql)) {
    const kept = await sql<LinkCount & { at: number }>`
      select tenant_id, pair_id, target_connection, state, nullif(reason, '') as reason, count, held, breaker, oldest, at
      from tally
      where (${tenantId}::text is null or tenant_id = ${tenantId}) and state not in ('parked', 'unknown', 'waiting')
        and at > clock_timestamp() - ${stale}::interval`
    const [first] = kept
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

/** Each minute, and never more than a fiftieth of the time: a tally that takes 2 s is taken every 100 s. */
export const startTally = (deps: {
  sql: Sql
  env: Pick<Env, 'sleep' | 'random'>
  log: { error(fields: object, message: string): void }
}): Loop =>
  startLoop({
    name: 'tally',
    every: 60_000,
    run: async () => {
      const took = await takeTally(deps.sql)
      return took === null ? undefined : Math.max(60_000, took * 50)
    },
    env: deps.env,
    log: deps.log,
  })
