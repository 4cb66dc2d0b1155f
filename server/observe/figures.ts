/** What only the database knows of its own state, read when somebody asks and not before: backlog per flow, oldest due record, reads, decoding. */
import type { Millis } from '../doc/document.ts'
import type { Sql } from '../store/sql.ts'

export interface BacklogRow {
  tenant_id: string
  pair_id: string
  /** Where these records are to go. */
  connection_id: string
  state: 'due' | 'working' | 'unknown' | 'waiting' | 'parked' | 'held'
  count: number
}

export interface DueRow {
  tenant_id: string
  connection_id: string
  /** Since when the oldest due record could have been sent. */
  seconds: number
}

export interface ReadsRow {
  tenant_id: string
  connection_id: string
  state: 'due' | 'failed' | 'gone'
  count: number
}

export interface Figures {
  backlog: BacklogRow[]
  due: DueRow[]
  reads: ReadsRow[]
  decoding: { waiting: number; failed: number }
  /** Records whose sends wait since a backup was restored. */
  restoring: number
}

/**
 * Each state by its own partial index, so that a million records at rest cost nothing. What a pause holds is in none of them: it is counted only
 * where a pair is paused, over that pair's links.
 */
export const readFigures = async (sql: Sql): Promise<Figures> => {
  const backlog = await sql<BacklogRow>`
    select tenant_id, pair_id, target_connection as connection_id, state, count(*) as count
    from link
    where state in ('due', 'unknown') and (not held or state = 'unknown')
    group by tenant_id, pair_id, target_connection, state
    union all
    select tenant_id, pair_id, target_connection, state, count(*)
    from link
    where state = 'working'
    group by tenant_id, pair_id, target_connection, state
    union all
    select tenant_id, pair_id, target_connection, state, count(*)
    from link
    where state in ('parked', 'unknown', 'waiting') and state <> 'unknown'
    group by tenant_id, pair_id, target_connection, state
    union all
    select p.tenant_id, p.pair_id, l.target_connection, 'held', count(*)
    from pair p
    join link l on l.tenant_id = p.tenant_id and l.pair_id = p.pair_id
    where p.held and l.held and l.state = 'due'
    group by p.tenant_id, p.pair_id, l.target_connection
    order by 5 desc, 1, 2, 3, 4`
  const due = await sql<DueRow>`
    select c.tenant_id, c.connection_id, greatest(0, extract(epoch from clock_timestamp() - l.next_at))::float8 as seconds
    from connection c
    cross join lateral (
      select k.next_at from link k
      where k.tenant_id = c.tenant_id and k.target_connection = c.connection_id
        and k.state in ('due', 'unknown') and (not k.held or k.state = 'unknown')
      order by k.next_at
      limit 1) l
    order by 3 desc, 1, 2`
  const reads = await sql<ReadsRow>`
    select tenant_id, connection_id, state, count(*) as count
    from "fetch"
    group by tenant_id, connection_id, state
    order by 4 desc, 1, 2, 3`
  const [restoring] = await sql<{ count: number }>`
    select count(*) as count
    from restore r
    join link l on l.tenant_id = r.tenant_id and l.target_connection = r.connection_id
    where r.released_at is null and l.state in ('due', 'unknown') and (not l.held or l.state = 'unknown')`
  const [decoding] = await sql<Figures['decoding']>`
    select count(*) filter (where fault is null) as waiting, count(*) filter (where fault is not null) as failed
    from decode`
  return { backlog, due, reads, decoding: decoding ?? { waiting: 0, failed: 0 }, restoring: restoring?.count ?? 0 }
}

export interface CachedFigures {
  /** Null: the database could not be asked, and nothing is known that is young enough. */
  figures: Figures | null
  /** How long the last reading took. */
  tookMs: Millis
}

/** Longest age of what is shown while the database is away. */
const oldest: Millis = 60_000

/**
 * One reading at a time, at most every `everyMs`, and never more than a twentieth of the time: what took a second is not read again for twenty.
 * Two Prometheus servers and a curious person cost as much as one.
 */
export const cachedFigures = (
  read: () => Promise<Figures>,
  now: () => Millis,
  everyMs: Millis = 5_000,
): (() => Promise<CachedFigures>) => {
  let last: { figures: Figures; at: Millis } | null = null
  let tookMs = 0
  let reading: Promise<void> | null = null
  const refresh = async (): Promise<void> => {
    const started = now()
    try {
      const figures = await read()
      last = { figures, at: now() }
    } catch {
      if (last && now() - last.at > oldest) last = null
    }
    tookMs = now() - started
  }
  return async () => {
    if (last === null || now() - last.at >= Math.max(everyMs, 20 * tookMs)) {
      reading ??= refresh().finally(() => (reading = null))
      await reading
    }
    return { figures: last?.figures ?? null, tookMs }
  }
}
