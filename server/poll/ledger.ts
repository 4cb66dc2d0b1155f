/** What people ask of polling: how it stands, which minutes were read, which were not, and what they want of it. */
import type { Millis } from '../doc/document.ts'
import { at, type Sql } from '../store/sql.ts'
import type { ObjectKey } from './store.ts'
import { gapsIn, type Stretch, slicesOf } from './windows.ts'

export interface PollState extends ObjectKey {
  next_at: Millis
  done_until: Millis
  paused_by: string | null
  attempts: number
  fault: string | null
  skew_ms: number | null
  ran_at: Millis | null
  reading: boolean
  wanted: number
}

export const readPolls = (tx: Sql, tenantId: string): Promise<PollState[]> => tx<PollState>`
  select p.tenant_id, p.connection_id, p.object, p.next_at, p.done_until, p.paused_by, p.attempts, p.fault, p.skew_ms, p.ran_at,
    coalesce(p.lease_until > clock_timestamp(), false) as reading,
    (select count(*)::int4 from poll_window w
      where w.tenant_id = p.tenant_id and w.connection_id = p.connection_id and w.object = p.object and w.state <> 'done') as wanted
  from poll p
  where p.tenant_id = ${tenantId}
  order by p.connection_id, p.object`

export interface WindowRow {
  window_id: number
  cause: 'schedule' | 'again'
  from_at: Millis
  to_at: Millis
  read_until: Millis
  state: 'wanted' | 'reading' | 'done'
  asked_by: string | null
  started_at: Millis | null
  ended_at: Millis | null
  requests: number
  seen: number
  created: number
  changed: number
  unchanged: number
  failed: number
  fault: string | null
}

/** Newest first. */
export const readWindows = (tx: Sql, key: ObjectKey, before: number | null, limit: number): Promise<WindowRow[]> =>
  tx<WindowRow>`
  select window_id, cause, from_at, to_at, read_until, state, asked_by, started_at, ended_at, requests, seen, created, changed, unchanged, failed, fault
  from poll_window
  where tenant_id = ${key.tenant_id} and connection_id = ${key.connection_id} and object = ${key.object}
    and (${before}::int8 is null or window_id < ${before}::int8)
  order by window_id desc
  limit ${limit}`

/** What lies in `[from, to)`, no further than the object's own mark, and was read by no window that came to its end. */
export const readGaps = async (tx: Sql, key: ObjectKey, within: Stretch): Promise<Stretch[]> => {
  const read = await tx<Stretch>`
    select from_at as from, case when state = 'done' then to_at else read_until end as to
    from poll_window
    where tenant_id = ${key.tenant_id} and connection_id = ${key.connection_id} and object = ${key.object}
      and from_at < ${at(within.to)} and to_at > ${at(within.from)} and read_until > from_at`
  return gapsIn(within, read)
}

/** Since when windows are kept, and up to where the object is read: outside of that there is nothing to say. */
export const knownStretch = async (tx: Sql, key: ObjectKey): Promise<Stretch | null> => {
  const [row] = await tx<{ from: Millis | null; to: Millis }>`
    select (select min(from_at) from poll_window w
      where w.tenant_id = p.tenant_id and w.connection_id = p.connection_id and w.object = p.object) as from, p.done_until as to
    from poll p
    where p.tenant_id = ${key.tenant_id} and p.connection_id = ${key.connection_id} and p.object = ${key.object}`
  return row && row.from !== null && row.from < row.to ? { from: row.from, to: row.to } : null
}

/** Asks for stretches to be read (again), in slices; answers how many windows that makes. */
export const askAgain = async (
  tx: Sql,
  key: ObjectKey,
  stretches: readonly Stretch[],
  slice: Millis,
  who: string,
): Promise<number> => {
  const windows = stretches.flatMap((stretch) => slicesOf(stretch, slice))
  for (const { from, to } of windows)
    await tx`
      insert into poll_window (tenant_id, connection_id, object, cause, from_at, to_at, read_until, state, asked_by)
      values (${key.tenant_id}, ${key.connection_id}, ${key.object}, 'again', ${at(from)}, ${at(to)}, ${at(from)}, 'wanted', ${who})`
  await runNow(tx, key)
  return windows.length
}

export const isPolled = async (tx: Sql, key: ObjectKey): Promise<boolean> =>
  (
    await tx`
      select from poll
      where tenant_id = ${key.tenant_id} and connection_id = ${key.connection_id} and object = ${key.object}`
  ).length === 1

/** False where the object is not polled. A run that is under way goes on once more after it. */
export const runNow = async (tx: Sql, key: ObjectKey): Promise<boolean> =>
  (await tx.affected`
    update poll set next_at = clock_timestamp()
    where tenant_id = ${key.tenant_id} and connection_id = ${key.connection_id} and object = ${key.object}`) === 1

/** `who` null: it goes on, at once. What was missed is read then (slices). */
export const setPaused = async (tx: Sql, key: ObjectKey, who: string | null): Promise<boolean> =>
  (await tx.affected`
    update poll set paused_by = ${who}, next_at = case when ${who}::text is null then clock_timestamp() else next_at end
    where tenant_id = ${key.tenant_id} and connection_id = ${key.connection_id} and object = ${key.object}`) === 1
