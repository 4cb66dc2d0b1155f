/** Writes down what is about to be sent, before the first byte leaves: no mark, no call (C2). */
import type { Millis } from '../doc/document.ts'
import { packPrint } from '../doc/print.ts'
import { at, col, type Sql } from '../store/sql.ts'
import type { Mark, Marked } from './road.ts'

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
