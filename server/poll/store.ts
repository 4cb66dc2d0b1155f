/** The scheduler's rows and the ledger of windows: every statement of this room. */
import type { Arrival, Millis } from '../doc/document.ts'
import { at, col, type Sql } from '../store/sql.ts'

export interface ObjectKey {
  tenant_id: string
  connection_id: string
  object: string
}

/** A claimed run: its lease is current as long as `lease_token` is. */
export interface Claimed extends ObjectKey {
  done_until: Millis
  attempts: number
  paused_by: string | null
  lease_token: number
  now: Millis
}

export interface Counts {
  requests: number
  seen: number
  created: number
  changed: number
  unchanged: number
  failed: number
}
export const noCounts = (): Counts => ({ requests: 0, seen: 0, created: 0, changed: 0, unchanged: 0, failed: 0 })

export interface OpenWindow {
  window_id: number
  cause: 'schedule' | 'again'
  from_at: Millis
  to_at: Millis
  read_until: Millis
}

/** A lease that somebody else holds by now: what this run read belongs to that one. */
export class Fenced extends Error {
  override name = 'Fenced'
}

/** Objects that are polled from now on. What was polled before goes on where it stopped. */
export const ensurePolls = (sql: Sql, keys: readonly ObjectKey[]): Promise<unknown> => sql`
  insert into poll (tenant_id, connection_id, object, next_at, done_until)
  select k.tenant_id, k.connection_id, k.object, clock_timestamp(), clock_timestamp()
  from unnest(
    ${col.text(keys.map((k) => k.tenant_id))}::text[], ${col.text(keys.map((k) => k.connection_id))}::text[],
    ${col.text(keys.map((k) => k.object))}::text[]) as k (tenant_id, connection_id, object)
  join object o on o.tenant_id = k.tenant_id and o.connection_id = k.connection_id and o.code = k.object
  order by k.tenant_id, k.connection_id, k.object
  on conflict do nothing`

/** A schedule that is another one by now may have an earlier time. */
export const bringForward = (sql: Sql, keys: readonly ObjectKey[], nexts: readonly Millis[]): Promise<unknown> => sql`
  update poll p set next_at = to_timestamp(k.next_ms / 1000)
  from unnest(
    ${col.text(keys.map((k) => k.tenant_id))}::text[], ${col.text(keys.map((k) => k.connection_id))}::text[],
    ${col.text(keys.map((k) => k.object))}::text[], ${col.float8(nexts)}::float8[]) as k (tenant_id, connection_id, object, next_ms)
  where p.tenant_id = k.tenant_id and p.connection_id = k.connection_id and p.object = k.object
    and p.fault is null and p.next_at > to_timestamp(k.next_ms / 1000)`

/** Takes what is due of these objects, oldest first. The clock is the database's, which all nodes share. */
export const claimPolls = (
  sql: Sql,
  keys: readonly ObjectKey[],
  limit: number,
  leaseMs: Millis,
): Promise<Claimed[]> => sql<Claimed>`
  with due as materialized (
    select p.tenant_id, p.connection_id, p.object
    from unnest(
      ${col.text(keys.map((k) => k.tenant_id))}::text[], ${col.text(keys.map((k) => k.connection_id))}::text[],
      ${col.text(keys.map((k) => k.object))}::text[]) as k (tenant_id, connection_id, object)
    join poll p on p.tenant_id = k.tenant_id and p.connection_id = k.connection_id and p.object = k.object
    where p.next_at <= clock_timestamp() and (p.paused_by is null or p.paused_by = 'clock')   -- the clock is looked at again
      and (p.lease_until is null or p.lease_until < clock_timestamp())
    order by p.next_at
    limit ${limit}
    for update of p skip locked)
  update poll p set lease_token = p.lease_token + 1, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
  from due d
  where p.tenant_id = d.tenant_id and p.connection_id = d.connection_id and p.object = d.object
  returning p.tenant_id, p.connection_id, p.object, p.done_until, p.attempts, p.paused_by, p.lease_token, clock_timestamp() as now`

/** When the next of them is due, counted from now; null where none is. */
export const nextDue = async (sql: Sql, keys: readonly ObjectKey[]): Promise<Millis | null> => {
  const [row] = await sql<{ ms: number | null }>`
    select (extract(epoch from min(greatest(p.next_at, coalesce(p.lease_until, p.next_at))) - clock_timestamp()) * 1000)::float8 as ms
    from unnest(
      ${col.text(keys.map((k) => k.tenant_id))}::text[], ${col.text(keys.map((k) => k.connection_id))}::text[],
      ${col.text(keys.map((k) => k.object))}::text[]) as k (tenant_id, connection_id, object)
    join poll p on p.tenant_id = k.tenant_id and p.connection_id = k.connection_id and p.object = k.object
    where p.paused_by is null or p.paused_by = 'clock'`
  return row?.ms ?? null
}

/** @throws Fenced */
const hold = async (tx: Sql, run: Claimed, leaseMs: Millis): Promise<void> => {
  const held = await tx.affected`
    update poll set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    where tenant_id = ${run.tenant_id} and connection_id = ${run.connection_id} and object = ${run.object}
      and lease_token = ${run.lease_token} and lease_until is not null`
  if (!held) throw new Fenced(`another node reads ${run.connection_id}/${run.object}`)
}

export const beat = (sql: Sql, run: Claimed, leaseMs: Millis): Promise<void> => hold(sql, run, leaseMs)

/** What a run that died left, then what a person asked for again. */
export const openWindow = async (sql: Sql, run: Claimed): Promise<OpenWindow | null> => {
  const [row] = await sql<OpenWindow>`
    update poll_window w set state = 'reading', started_at = coalesce(w.started_at, clock_timestamp())
    where w.tenant_id = ${run.tenant_id} and w.connection_id = ${run.connection_id} and w.object = ${run.object}
      and w.window_id = (
        select window_id from poll_window o
        where o.tenant_id = ${run.tenant_id} and o.connection_id = ${run.connection_id} and o.object = ${run.object} and o.state <> 'done'
        order by o.cause = 'again', o.window_id
        limit 1)
    returning w.window_id, w.cause, w.from_at, w.to_at, w.read_until`
  return row ?? null
}

export const beginWindow = async (sql: Sql, run: Claimed, from: Millis, to: Millis): Promise<OpenWindow> => {
  const [row] = await sql<OpenWindow>`
    insert into poll_window (tenant_id, connection_id, object, cause, from_at, to_at, read_until, state, started_at)
    values (${run.tenant_id}, ${run.connection_id}, ${run.object}, 'schedule', ${at(from)}, ${at(to)}, ${at(from)}, 'reading', clock_timestamp())
    returning window_id, cause, from_at, to_at, read_until`
  return row as OpenWindow
}

/**
 * Inside the transaction that stores a page's records: how far the window is read, and what came of it. The last of a window is its end, and
 * moves the object's own mark with it (promise 10).
 * @throws Fenced
 */
export const advance = async (
  tx: Sql,
  run: Claimed,
  window: OpenWindow,
  until: Millis,
  more: Counts,
  leaseMs: Millis,
): Promise<void> => {
  await hold(tx, run, leaseMs)
  const isDone = until >= window.to_at
  await tx`
    update poll_window set
      read_until = ${at(until)}, state = ${isDone ? 'done' : 'reading'}, ended_at = case when ${isDone} then clock_timestamp() end, fault = null,
      requests = requests + ${more.requests}, seen = seen + ${more.seen}, created = created + ${more.created}, changed = changed + ${more.changed},
      unchanged = unchanged + ${more.unchanged}, failed = failed + ${more.failed}
    where tenant_id = ${run.tenant_id} and connection_id = ${run.connection_id} and object = ${run.object} and window_id = ${window.window_id}`
  if (isDone && window.cause === 'schedule')
    await tx`
      update poll set done_until = greatest(done_until, ${at(window.to_at)}::timestamptz)
      where tenant_id = ${run.tenant_id} and connection_id = ${run.connection_id} and object = ${run.object}`
}

/** Ends a run: the next one's time, and what was in the way. */
export const endRun = async (
  sql: Sql,
  run: Claimed,
  end: { nextAt: Millis; fault: string | null; attempts: number; skew: Millis | null; pausedBy?: string },
): Promise<void> => {
  await sql`
    update poll set
      lease_until = null, next_at = ${at(end.nextAt)}, fault = ${end.fault}, attempts = ${end.attempts}, skew_ms = coalesce(${end.skew}::int8, skew_ms),
      paused_by = case when paused_by is null or paused_by = 'clock' then ${end.pausedBy ?? null} else paused_by end,
      ran_at = case when ${end.fault}::text is null then clock_timestamp() else ran_at end
    where tenant_id = ${run.tenant_id} and connection_id = ${run.connection_id} and object = ${run.object} and lease_token = ${run.lease_token}`
  if (end.fault !== null)
    await sql`
      update poll_window set fault = ${end.fault}
      where tenant_id = ${run.tenant_id} and connection_id = ${run.connection_id} and object = ${run.object} and state = 'reading'`
}

/**
 * Places of the rows that say what is staged already: they are not written again (an unchanged page writes nothing). A document below what our
 * own write agreed on is not believed to be equal: `stage` looks at it (A1).
 */
export const unchangedOf = async (sql: Sql, rows: readonly Arrival[]): Promise<Set<number>> => {
  if (!rows.length) return new Set()
  const same = await sql<{ ord: number }>`
    select i.ord::int4 as ord
    from unnest(
      ${col.text(rows.map((r) => r.tenant_id))}::text[], ${col.text(rows.map((r) => r.connection_id))}::text[],
      ${col.text(rows.map((r) => r.object))}::text[], ${col.text(rows.map((r) => r.data_id))}::text[], ${col.text(rows.map((r) => r.operation))}::text[],
      ${col.bytes(rows.map((r) => r.masterHash))}::bytea[], ${col.bytes(rows.map((r) => r.detailsHash))}::bytea[])
      with ordinality as i (tenant_id, connection_id, object, data_id, operation, master_hash, details_hash, ord)
    cross join lateral (
      select d.operation, d.master_hash, d.details_hash from document d
      where d.tenant_id = i.tenant_id and d.connection_id = i.connection_id and d.object = i.object and d.data_id = i.data_id
      limit 1) d
    where d.operation = i.operation and d.master_hash = i.master_hash and (i.details_hash is null or d.details_hash = i.details_hash)`
  return new Set(same.map(({ ord }) => ord - 1))
}
