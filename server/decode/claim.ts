/** The decoder's to-do: claimed by turns of its objects, ended under its token, filled again from the log. Only this room and the door's statement write it. */
import type { Operation } from '../doc/document.ts'
import { col, type Sql } from '../store/sql.ts'

/** What is decoded together: one object of one connection. */
export interface Lane {
  tenant_id: string
  connection_id: string
  object: string
}

export interface Claimed extends Lane {
  seq: number
  trace_id: string
  operation: Operation
  version: number
  attempts: number
  lease_token: number
  meta: string | null
  /** Null: the log no longer has it. */
  body: Buffer | null
}

export const laneName = (lane: Lane): string => JSON.stringify([lane.tenant_id, lane.connection_id, lane.object])

/** Objects that have something to do, from one to the next along the index: a backlog of one costs no more than a row of another. */
export const lanesDue = (sql: Sql): Promise<Lane[]> => sql<Lane>`
  with recursive lanes (tenant_id, connection_id, object) as (
    (select tenant_id, connection_id, object from decode where state = 'due' order by tenant_id, connection_id, object limit 1)
    union all
    select n.tenant_id, n.connection_id, n.object
    from lanes l
    cross join lateral (
      select d.tenant_id, d.connection_id, d.object from decode d
      where d.state = 'due' and (d.tenant_id, d.connection_id, d.object) > (l.tenant_id, l.connection_id, l.object)
      order by d.tenant_id, d.connection_id, d.object
      limit 1) n)
  select l.tenant_id, l.connection_id, l.object
  from lanes l
  where exists (
    select from decode d
    where d.tenant_id = l.tenant_id and d.connection_id = l.connection_id and d.object = l.object and d.state = 'due'
      and d.next_at <= clock_timestamp() and (d.lease_until is null or d.lease_until <= clock_timestamp()))`

/** Oldest first. The bodies come from the log, read by day and key. */
export const claim = (sql: Sql, lane: Lane, limit: number, leaseMs: number): Promise<Claimed[]> => sql<Claimed>`
  with todo as materialized (
    select seq
    from decode
    where tenant_id = ${lane.tenant_id} and connection_id = ${lane.connection_id} and object = ${lane.object} and state = 'due'
      and next_at <= clock_timestamp() and (lease_until is null or lease_until <= clock_timestamp())
    order by next_at, seq
    limit ${limit}
    for update skip locked),
  taken as (
    update decode d set lease_token = d.lease_token + 1, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond',
      attempts = d.attempts + 1
    from todo
    where d.seq = todo.seq
    returning d.seq, d.received_at, d.tenant_id, d.connection_id, d.object, d.trace_id, d.operation, d.version, d.attempts, d.lease_token)
  select t.seq, t.tenant_id, t.connection_id, t.object, t.trace_id, t.operation, t.version, t.attempts, t.lease_token, a.meta, a.body
  from taken t
  left join lateral (
    select a.meta, a.body from arrival a
    where a.received_at = t.received_at and a.tenant_id = t.tenant_id and a.connection_id = t.connection_id and a.object = t.object
      and a.data_id = '' and a.seq = t.seq
    limit 1) a on true
  order by t.seq`

export interface Ended {
  seq: number
  lease_token: number
}

/** In the transaction that admits what was made. Answers how many were still ours. */
export const dropDecoded = async (tx: Sql, rows: readonly Ended[]): Promise<number> => tx.affected`
  delete from decode d
  using unnest(${col.int8(rows.map((row) => row.seq))}::int8[], ${col.int8(rows.map((row) => row.lease_token))}::int8[]) as k (seq, lease_token)
  where d.seq = k.seq and d.lease_token = k.lease_token`

export interface Failed extends Ended {
  /** JSON of the fault. */
  fault: string
  logs: string | null
  state: 'failed' | 'held'
}

export const failDecoded = async (sql: Sql, rows: readonly Failed[]): Promise<void> => {
  if (!rows.length) return
  await sql`
    update decode d set state = k.state, fault = k.fault, logs = k.logs, failed_at = clock_timestamp(), lease_until = null
    from unnest(
      ${col.int8(rows.map((row) => row.seq))}::int8[], ${col.int8(rows.map((row) => row.lease_token))}::int8[],
      ${col.text(rows.map((row) => row.fault))}::text[], ${col.text(rows.map((row) => row.logs))}::text[],
      ${col.text(rows.map((row) => row.state))}::text[]) as k (seq, lease_token, fault, logs, state)
    where d.seq = k.seq and d.lease_token = k.lease_token`
}

/** Not tried this time: others go first. */
export const giveBack = async (sql: Sql, rows: readonly Ended[], delayMs: number): Promise<void> => {
  if (!rows.length) return
  await sql`
    update decode d set lease_until = null, next_at = clock_timestamp() + ${delayMs}::float8 * interval '1 millisecond'
    from unnest(${col.int8(rows.map((row) => row.seq))}::int8[], ${col.int8(rows.map((row) => row.lease_token))}::int8[]) as k (seq, lease_token)
    where d.seq = k.seq and d.lease_token = k.lease_token`
}

/** An empty result is logged where the arrival is. */
export const noteEmpty = async (tx: Sql, lane: Lane, seqs: readonly number[]): Promise<void> => {
  if (!seqs.length) return
  await tx`
    update arrival a set outcome = 'nothing'
    where a.tenant_id = ${lane.tenant_id} and a.connection_id = ${lane.connection_id} and a.object = ${lane.object} and a.data_id = ''
      and a.seq = any(${[...seqs]}::int8[])`
}

/** All of these objects that wait: their function is suspended. */
export const hold = (sql: Sql, lane: Lane, fault: string): Promise<number> => sql.affected`
  update decode set state = 'held', fault = ${fault}, failed_at = clock_timestamp()
  where tenant_id = ${lane.tenant_id} and connection_id = ${lane.connection_id} and object = ${lane.object} and state = 'due'
    and (lease_until is null or lease_until <= clock_timestamp())`

export const release = (sql: Sql, lane: Lane): Promise<number> => sql.affected`
  update decode set state = 'due', fault = null, failed_at = null, next_at = clock_timestamp(), lease_until = null
  where tenant_id = ${lane.tenant_id} and connection_id = ${lane.connection_id} and object = ${lane.object} and state = 'held'`

// ── again ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface Again {
  tenantId: string
  seqs?: readonly number[]
  /** An error group. */
  group?: string
  limit: number
}

/** Failed ones are tried again: one, some, or a slice of an error group. Answers how many. */
export const rerunDecodes = (sql: Sql, again: Again): Promise<number> => sql.affected`
  with chosen as materialized (
    select seq from decode
    where tenant_id = ${again.tenantId} and state <> 'due'
      and (${again.seqs ? [...again.seqs] : null}::int8[] is null or seq = any(${again.seqs ? [...again.seqs] : null}::int8[]))
      and (${again.group ?? null}::text is null or fault_group = ${again.group ?? null})
    order by seq
    limit ${again.limit}
    for update)
  update decode d set state = 'due', fault = null, logs = null, failed_at = null, attempts = 0, next_at = clock_timestamp(), lease_until = null
  from chosen
  where d.seq = chosen.seq`

export interface Stretch extends Lane {
  /** ISO moments. */
  from: string
  until: string
  /** Where the last slice ended. */
  after: number
  limit: number
}

/**
 * A stretch of the log is decoded once more, slice by slice: also what was decoded well, for a function that was wrong without failing.
 * The version is the one of the first time where it is still known, else drawn below everything: it never goes over what came in since.
 */
export const replay = async (sql: Sql, stretch: Stretch): Promise<{ count: number; last: number | null }> => {
  const [row] = await sql<{ count: number; last: number | null }>`
    with chosen as materialized (
      select a.seq, a.received_at, a.trace_id, a.operation
      from arrival a
      where a.tenant_id = ${stretch.tenant_id} and a.connection_id = ${stretch.connection_id} and a.object = ${stretch.object} and a.data_id = ''
        and a.received_at >= ${stretch.from}::timestamptz and a.received_at < ${stretch.until}::timestamptz and a.seq > ${stretch.after}::int8
      order by a.seq
      limit ${stretch.limit}),
    filled as (
      insert into decode as d (seq, received_at, tenant_id, connection_id, object, trace_id, operation, version, next_at)
      select s.seq, s.received_at, ${stretch.tenant_id}, ${stretch.connection_id}, ${stretch.object}, s.trace_id, s.operation, 0, clock_timestamp()
      from chosen s
      on conflict (seq) do update set
        state = 'due', fault = null, logs = null, failed_at = null, attempts = 0, next_at = excluded.next_at, lease_until = null
      where d.state <> 'due')
    select count(*) as count, max(seq) as last from chosen`
  return row ?? { count: 0, last: null }
}

/** How many arrivals a stretch has: told before anything is done. */
export const countStretch = async (sql: Sql, stretch: Omit<Stretch, 'after' | 'limit'>): Promise<number> => {
  const [row] = await sql<{ count: number }>`
    select count(*) as count
    from arrival a
    where a.tenant_id = ${stretch.tenant_id} and a.connection_id = ${stretch.connection_id} and a.object = ${stretch.object} and a.data_id = ''
      and a.received_at >= ${stretch.from}::timestamptz and a.received_at < ${stretch.until}::timestamptz`
  return row?.count ?? 0
}
