/** Writes down what is about to be sent, before the first byte leaves: no mark, no call (C2). */
import type { Millis } from '../doc/document.ts'
import { packPrint } from '../doc/print.ts'
import { at, col, type Sql } from '../store/sql.ts'
import type { LinkRow } from './link.ts'
import type { AttemptEnd, Mark, Marked, Repeat } from './road.ts'

/** Marks what still holds its lease; null for the rest. The attempt row is made in the same statement. */
export const mark = async (sql: Sql, marks: readonly Mark[], now: Millis | null): Promise<(Marked | null)[]> => {
  if (!marks.length) return []
  const rows = await sql<Marked & { ord: number }>`
    with clock as materialized (
      select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
    input as materialized (
      select i.*
      from unnest(
        ${col.text(marks.map((m) => m.tenant_id))}::text[], ${col.text(marks.map((m) => m.pair_id))}::text[],
        ${col.int8(marks.map((m) => m.link_id))}::int8[], ${col.int8(marks.map((m) => m.lease_token))}::int8[],
        ${col.text(marks.map((m) => m.call))}::text[], ${col.text(marks.map((m) => m.side))}::text[],
        ${col.int8(marks.map((m) => m.generation))}::int8[], ${col.int8(marks.map((m) => m.left_version))}::int8[],
        ${col.int8(marks.map((m) => m.right_version))}::int8[], ${col.bytes(marks.map((m) => m.hash))}::bytea[],
        ${col.bytes(marks.map((m) => packPrint(m.print)))}::bytea[], ${col.bytes(marks.map((m) => packPrint(m.source_print)))}::bytea[],
        ${col.text(marks.map((m) => (m.later.length ? JSON.stringify(m.later) : null)))}::text[],
        ${col.text(marks.map((m) => JSON.stringify(m.rows)))}::text[], ${col.text(marks.map((m) => m.idem_key))}::text[], ${col.bool(marks.map((m) => m.unbound_rows))}::bool[],
        ${col.text(marks.map((m) => m.match_key))}::text[], ${col.int4(marks.map((m) => m.flips))}::int4[],
        ${col.text(marks.map((m) => m.trace_id))}::text[], ${col.bytes(marks.map((m) => m.request))}::bytea[],
        ${col.text(marks.map((m) => m.target_connection))}::text[])
        with ordinality as i (
          tenant_id, pair_id, link_id, lease_token, call, side, generation, left_version, right_version, hash, print, source_print, later, rows,
          idem_key, unbound_rows, match_key, flips, trace_id, request, target_connection, ord)),
    -- Looked up by key, row by row: neither a join nor the lease's index (both were chosen on young tables) may be taken for it. The token is
    -- compared outside, so that the planner expects one row and goes on by key.
    held as materialized (
      select i.*
      from (select * from input order by tenant_id, pair_id, link_id) i
      cross join clock
      cross join lateral (
        select k.lease_token as token, k.lease_until as until from link k
        where k.tenant_id = i.tenant_id and k.pair_id = i.pair_id and k.link_id = i.link_id
        limit 1
        for update) k
      where k.token = i.lease_token and k.until > clock.now),  -- only what is working has a lease (i5_lease)
    marked as (
      update link l set
        sent_at = clock.now, sent_call = i.call, sent_side = i.side, sent_generation = i.generation,
        sent_left_version = i.left_version, sent_right_version = i.right_version,
        sent_hash = i.hash, sent_print = i.print, sent_source_print = i.source_print, sent_later = i.later::json, sent_rows = i.rows::json, sent_seen = null,
        first_mark = case when i.call = 'create' then coalesce(l.first_mark, clock.now) end,
        last_mark = clock.now,
        idem_key = i.idem_key, unbound_rows = i.unbound_rows, match_key = i.match_key,
        flips = i.flips,
        flips_since = case when i.flips = 0 then null else coalesce(l.flips_since, clock.now) end,
        last_side = i.side, last_call_at = clock.now,
        target_connection = i.target_connection
      from held i, clock
      where l.tenant_id = i.tenant_id and l.pair_id = i.pair_id and l.link_id = i.link_id
      returning i.ord, nextval('attempt_seq') as attempt_id, clock.now as sent_at, i.tenant_id, i.pair_id, i.link_id, i.target_connection,
        i.call, i.lease_token, i.trace_id, i.idem_key, i.request),
    logged as (
      insert into attempt (attempt_id, started_at, tenant_id, pair_id, link_id, target_connection, call, lease_token, trace_id, idem_key, request)
      select attempt_id, sent_at, tenant_id, pair_id, link_id, target_connection, call, lease_token, trace_id, idem_key, request
      from marked)
    select ord::int4 as ord, attempt_id, sent_at from marked`
  const marked: (Marked | null)[] = Array.from({ length: marks.length }, () => null)
  for (const { ord, ...row } of rows) marked[ord - 1] = row
  return marked
}

/**
 * A repetition is a call like any other: it may take effect long after it was given up, so what is still on its way is counted from the last
 * one (R1). `first_mark` and `doubt_first` stay: from there the target's memory of the key is counted.
 */
export const repeat = async (sql: Sql, again: Repeat, now: Millis | null): Promise<Marked | null> => {
  const [marked] = await sql<Marked>`
    with clock as materialized (
      select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
    marked as (
      update link l set
        sent_at = case when l.sent_at is not null then clock.now end,
        last_mark = case when l.sent_at is not null then clock.now else l.last_mark end,
        doubt_at = case when l.sent_at is null then clock.now else l.doubt_at end
      from clock
      where l.tenant_id = ${again.tenant_id} and l.pair_id = ${again.pair_id} and l.link_id = ${again.link_id}
        and l.lease_token = ${again.lease_token} and l.lease_until > clock.now
        and (l.sent_call = 'create' or (l.sent_at is null and l.doubt_at is not null))
      returning nextval('attempt_seq') as attempt_id, clock.now as sent_at, l.tenant_id, l.pair_id, l.link_id, l.target_connection, l.lease_token),
    logged as (
      insert into attempt (attempt_id, started_at, tenant_id, pair_id, link_id, target_connection, call, lease_token, trace_id, idem_key, request)
      select attempt_id, sent_at, tenant_id, pair_id, link_id, target_connection, 'create', lease_token,
        ${again.trace_id}, ${again.idem_key}, ${again.request}
      from marked)
    select attempt_id, sent_at from marked`
  return marked ?? null
}

/** The log's word on a repetition: what it means for the row, the settle says. */
export const ended = async (
  sql: Sql,
  link: Pick<LinkRow, 'tenant_id' | 'pair_id' | 'link_id'>,
  end: Omit<AttemptEnd, 'attempt_id'> & { attempt_id: number | null },
  now: Millis | null,
): Promise<void> => {
  await sql`
    update attempt set finished_at = coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()),
      outcome = ${end.outcome}, status = ${end.status}, answer = ${end.answer}, fault = ${end.fault}, ms = ${Math.round(end.ms)}
    where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id}
      and attempt_id = coalesce(${end.attempt_id}::int8, attempt_id) and started_at = ${at(end.started_at)}`
}
