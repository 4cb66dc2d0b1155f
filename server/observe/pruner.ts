/**
 * The pruner: makes the day partitions of both logs ahead of their days, drops those whose time is over unless an unresolved record still
 * needs them, and deletes what has expired. Any number of nodes may run it.
 */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { at, type Sql } from '../store/sql.ts'

export interface Retention {
  /** What came in 缓存表. */
  arrivals: Millis
  /** What was sent, and the answers. */
  attempts: Millis
  /** Reads by id that ended as failed or gone at the source. */
  fetches: Millis
}

const day: Millis = 24 * 3_600_000
/** One figure for an installation: a story is only whole while what came in and what was sent of it are both there. */
export const retentionOf = (days: number): Retention => ({
  arrivals: days * day,
  attempts: days * day,
  fetches: days * day,
})
export const defaultRetention: Retention = retentionOf(30)

export interface PrunerDeps {
  sql: Sql
  env: Pick<Env, 'now' | 'sleep' | 'random'>
  log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  retention?: Retention
  everyMs?: Millis
}

type Log = 'arrival' | 'attempt'

/** A day of a log, whose partition stays although its time is over. */
export interface Kept {
  partition: string
  why: string
}

export interface Pruned {
  dropped: string[]
  kept: Kept[]
  /** Rows that had found no partition, by log: moved into one of their own. */
  moved: number
  pushKeys: number
  fetches: number
}

const ahead = 7
const slice = 500

/** The day of a moment, in UTC like the bounds of the partitions: 2024-03-01. */
const dayOf = (ms: Millis): string => new Date(ms).toISOString().slice(0, 10)
const nameOf = (log: Log, date: string): string => `${log}_${date.replaceAll('-', '')}`

const LOCK = 7_070_021 // pg_advisory_xact_lock: two nodes that drop one partition at once get errors of the catalogue (XX000)

/** One change of the partitions at a time, in a transaction of its own. */
const alone = <T>(sql: Sql, change: (tx: Sql) => Promise<T>): Promise<T> =>
  sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${LOCK})`
    return change(tx)
  })

/** Somebody reads or writes it, or rows of that day lie in the default partition: the next run sees to it. */
const later = (error: unknown): boolean => ['55P03', '40P01', '23514'].includes((error as { code?: string }).code ?? '')

/** From yesterday to seven days ahead. A day whose rows already lie in the default partition is made by `moveDefaults`. */
export const makePartitions = async (sql: Sql, now: Millis): Promise<void> => {
  for (let d = -1; d <= ahead; d++) {
    try {
      await alone(sql, (tx) => tx`select make_partitions(${dayOf(now + d * day)}::date)`)
    } catch (error) {
      if (!later(error)) throw error
    }
  }
}

/** Rows whose day had no partition were kept in the default one; they get the partition of their day, so that they can be dropped with it. */
export const moveDefaults = async (sql: Sql): Promise<number> => {
  const days = await sql<{ log: Log; date: string }>`
    select distinct 'arrival' as log, to_char(received_at at time zone 'UTC', 'YYYY-MM-DD') as date from arrival_default
    union
    select distinct 'attempt', to_char(started_at at time zone 'UTC', 'YYYY-MM-DD') from attempt_default
    order by 1, 2`
  let moved = 0
  for (const { log, date } of days) {
    try {
      const [row] = await alone(sql, (tx) => tx<{ moved: number }>`select move_default(${log}, ${date}::date) as moved`)
      moved += row?.moved ?? 0
    } catch (error) {
      if (!later(error)) throw error
    }
  }
  return moved
}

interface Partition {
  partition: string
  date: string
}

const partitionsBefore = (sql: Sql, log: Log, date: string): Promise<Partition[]> => sql<Partition>`
  select c.relname as partition, to_char(to_date(right(c.relname, 8), 'YYYYMMDD'), 'YYYY-MM-DD') as date
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  where i.inhparent = ${log}::regclass and c.relname ~ '_[0-9]{8}$' and to_date(right(c.relname, 8), 'YYYYMMDD') < ${date}::date
  order by 1`

/**
 * Why an attempt partition must stay, or null. What an unresolved link needs is the request of its last mark, and a mark is `sent_at`:
 * asking the links costs nothing, however many attempts there were.
 */
const neededAttempts = async (sql: Sql, date: string): Promise<string | null> => {
  const [row] = await sql<{ count: number }>`
    select count(*) as count from link
    where sent_at >= ${`${date}T00:00:00Z`}::timestamptz and sent_at < ${`${date}T00:00:00Z`}::timestamptz + interval '1 day'`
  return row?.count ? `${row.count} records have an unresolved call of that day` : null
}

/** An arrival partition must stay for what waits to be decoded, and for what was seen of a record while a call to it was unresolved (R3). */
const neededArrivals = async (sql: Sql, date: string): Promise<string | null> => {
  const [row] = await sql<{ decoding: number; seen: number }>`
    with span as materialized (
      select ${`${date}T00:00:00Z`}::timestamptz as first, ${`${date}T00:00:00Z`}::timestamptz + interval '1 day' as last)
    select
      (select count(*) from decode, span where received_at >= first and received_at < last) as decoding,
      (select count(*)
       from span
       cross join link l
       cross join lateral (
         select case l.sent_side when 'left' then p.left_connection else p.right_connection end as connection_id,
           case l.sent_side when 'left' then p.left_object else p.right_object end as object,
           case l.sent_side when 'left' then l.left_id else l.right_id end as data_id
         from pair p
         where p.tenant_id = l.tenant_id and p.pair_id = l.pair_id) r
       where l.sent_at is not null and l.sent_at < span.last and l.sent_seen is not null and exists (
         select from arrival a
         where a.tenant_id = l.tenant_id and a.connection_id = r.connection_id and a.object = r.object and a.data_id = r.data_id
           and a.seq = any(l.sent_seen) and a.received_at >= span.first and a.received_at < span.last)) as seen`
  if (row?.decoding) return `${row.decoding} arrivals of that day wait to be decoded`
  return row?.seen ? `${row.seen} records with an unresolved call were heard of on that day` : null
}

/** A partition goes when its last moment is older than the retention. Dropping locks the log for a moment; a long reader is waited for till next time. */
export const dropPartitions = async (
  sql: Sql,
  now: Millis,
  retention: Retention,
): Promise<{ dropped: string[]; kept: Kept[] }> => {
  const dropped: string[] = []
  const kept: Kept[] = []
  for (const log of ['arrival', 'attempt'] as const) {
    const span = log === 'arrival' ? retention.arrivals : retention.attempts
    for (const { partition, date } of await partitionsBefore(sql, log, dayOf(now - span))) {
      const why = log === 'arrival' ? await neededArrivals(sql, date) : await neededAttempts(sql, date)
      if (why !== null) {
        kept.push({ partition, why })
        continue
      }
      try {
        const [row] = await alone(
          sql,
          (tx) => tx<{ dropped: boolean }>`select drop_partition(${log}, ${date}::date) as dropped`,
        )
        if (row?.dropped) dropped.push(nameOf(log, date))
      } catch (error) {
        if (!later(error)) throw error
        kept.push({ partition, why: 'somebody is reading it' })
      }
    }
  }
  return { dropped, kept }
}

/** In slices, each its own transaction; rows that a door is writing are left to the next run. */
const inSlices = async (one: () => Promise<number>, signal?: AbortSignal): Promise<number> => {
  for (let total = 0; ; ) {
    const deleted = await one()
    total += deleted
    if (deleted < slice || signal?.aborted) return total
  }
}

/** `Idempotency-Key`s whose 24 hours are over. */
export const dropPushKeys = (sql: Sql, now: Millis, signal?: AbortSignal): Promise<number> =>
  inSlices(
    () => sql.affected`
      with expired as materialized (
        select tenant_id, token_id, key from push_key
        where expires_at <= ${at(now)}::timestamptz
        order by expires_at
        limit ${slice}
        for update skip locked)
      delete from push_key k using expired e
      where k.tenant_id = e.tenant_id and k.token_id = e.token_id and k.key = e.key`,
    signal,
  )

/** Reads by id that ended, and whose record nobody asked for since. */
export const dropFetches = (sql: Sql, now: Millis, retention: Retention, signal?: AbortSignal): Promise<number> =>
  inSlices(
    () => sql.affected`
      with ended as materialized (
        select tenant_id, connection_id, object, data_id from "fetch"
        where state in ('gone', 'failed') and greatest(first_at, next_at, gone_since) < ${at(now - retention.fetches)}::timestamptz
        order by tenant_id, connection_id, object, data_id
        limit ${slice}
        for update skip locked)
      delete from "fetch" f using ended e
      where f.tenant_id = e.tenant_id and f.connection_id = e.connection_id and f.object = e.object and f.data_id = e.data_id`,
    signal,
  )

/** One run. `now` is this node's clock: a day more or less of a log is no matter, and keys are kept a little longer rather than shorter. */
export const prune = async (
  { sql, env, log, retention = defaultRetention }: PrunerDeps,
  signal?: AbortSignal,
): Promise<Pruned> => {
  const now = env.now()
  await makePartitions(sql, now)
  const moved = await moveDefaults(sql)
  const { dropped, kept } = await dropPartitions(sql, now, retention)
  const pushKeys = await dropPushKeys(sql, now, signal)
  const fetches = await dropFetches(sql, now, retention, signal)
  if (moved) log.warn({ moved }, 'log rows had found no partition of their day; they have one now')
  for (const { partition, why } of kept) log.warn({ partition, why }, 'a partition whose time is over is kept')
  if (dropped.length) log.info({ dropped }, 'partitions whose time was over were dropped')
  return { dropped, kept, moved, pushKeys, fetches }
}

export const startPruner = (deps: PrunerDeps): Loop =>
  startLoop({
    name: 'pruner',
    every: deps.everyMs ?? 3_600_000,
    run: async (signal) => void (await prune(deps, signal)),
    env: deps.env,
    log: deps.log,
  })
