/** Records to be read by id: hints, rereads and what was staged while we wrote (A1, A2, C4). One row per record, coalescing. */
import type { Hint, Millis } from '../doc/document.ts'
import { at, col, type Sql } from '../store/sql.ts'
import type { FetchEnd, FetchRow, Target } from './road.ts'

/** Logs the hints and asks for their records, in one statement; answered only after its commit. */
export const hint = async (sql: Sql, rows: readonly Hint[], now: Millis | null): Promise<void> => {
  if (!rows.length) return
  await sql.retrying(
    (tx) => tx`
    with clock as materialized (select coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) as now),
    input as materialized (
      select i.*, nextval('arrival_seq') as seq
      from unnest(
        ${col.text(rows.map((r) => r.tenant_id))}::text[], ${col.text(rows.map((r) => r.connection_id))}::text[],
        ${col.text(rows.map((r) => r.object))}::text[], ${col.text(rows.map((r) => r.data_id))}::text[],
        ${col.text(rows.map((r) => r.trace_id))}::text[], ${col.bytes(rows.map((r) => r.raw))}::bytea[], ${col.text(rows.map((r) => r.cause))}::text[],
        ${col.float8(rows.map((r) => r.wait ?? 0))}::float8[])
        as i (tenant_id, connection_id, object, data_id, trace_id, raw, cause, wait)),
    wanted as (
      insert into "fetch" as f (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id, first_at, next_at, not_before)
      select distinct on (tenant_id, connection_id, object, data_id) tenant_id, connection_id, object, data_id, seq, cause, trace_id, clock.now,
        clock.now + wait * interval '1 millisecond', case when wait > 0 then clock.now + wait * interval '1 millisecond' end
      from input cross join clock
      order by tenant_id, connection_id, object, data_id, seq desc
      on conflict (tenant_id, connection_id, object, data_id) do update set
        wanted_seq = excluded.wanted_seq, cause = case when f.cause = 'void event' and f.state = 'due' then f.cause else excluded.cause end, trace_id = excluded.trace_id,
        next_at = case when f.state = 'due' then f.next_at else excluded.next_at end,
        attempts = case when f.state = 'due' then f.attempts else 0 end,
        not_before = excluded.not_before,
        state = 'due')
    insert into arrival (seq, received_at, tenant_id, connection_id, object, data_id, operation, channel, trace_id, outcome, body)
    select seq, clock.now, tenant_id, connection_id, object, data_id, 'hint', 'event', trace_id, 'hint', raw
    from input cross join clock`,
  )
}

export const claimFetches = (
  sql: Sql,
  source: Target,
  limit: number,
  leaseMs: Millis,
  now: Millis | null,
): Promise<FetchRow[]> => sql<FetchRow>`
  with clock as materialized (
    select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
  due as materialized (
    select tenant_id, connection_id, object, data_id
    from "fetch"
    where tenant_id = ${source.tenant_id} and connection_id = ${source.connection_id} and state = 'due' and next_at < (select now from clock) + interval '1 millisecond'
      and (lease_until is null or lease_until <= (select now from clock))
    order by next_at
    limit ${limit}
    for update skip locked)
  update "fetch" f set lease_token = greatest(f.lease_token + 1, (extract(epoch from clock.now) * 1000)::int8), lease_until = clock.now + ${leaseMs}::float8 * interval '1 millisecond'
  from due d, clock
  where f.tenant_id = d.tenant_id and f.connection_id = d.connection_id and f.object = d.object and f.data_id = d.data_id
  returning f.tenant_id, f.connection_id, f.object, f.data_id, f.wanted_seq, f.cause, f.trace_id, f.first_at, f.attempts, f.lease_token,
    f.gone_since, clock.now`

/** `done` deletes only where what is wanted is still what was read; a newer wish stays and is read at once. */
export const endFetch = async (sql: Sql, row: FetchRow, end: FetchEnd, now: Millis | null): Promise<void> => {
  if (end.kind === 'done') {
    const gone = await sql.affected`
      delete from "fetch"
      where tenant_id = ${row.tenant_id} and connection_id = ${row.connection_id} and object = ${row.object} and data_id = ${row.data_id}
        and lease_token = ${row.lease_token} and wanted_seq = ${row.wanted_seq}`
    if (gone) return
  }
  const delay = end.kind === 'retry' || end.kind === 'missing' ? end.ms : 0
  await sql`
    update "fetch" set
      lease_until = null,
      state = case when wanted_seq = ${row.wanted_seq} and ${end.kind} in ('gone', 'failed') then ${end.kind} else 'due' end,
      attempts = ${end.kind === 'retry' ? end.attempts : end.kind === 'missing' ? row.attempts : 0},
      fault = ${'fault' in end ? end.fault : null},
      gone_since = ${end.kind === 'missing' ? at(row.gone_since ?? row.now) : null}::timestamptz,
      -- a wish that came meanwhile is read at once, unless it is one of a burst (greatest() passes over null)
      next_at = case
        when wanted_seq = ${row.wanted_seq} then
          coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) + ${delay}::float8 * interval '1 millisecond'
        else greatest(coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()), not_before) end
    where tenant_id = ${row.tenant_id} and connection_id = ${row.connection_id} and object = ${row.object} and data_id = ${row.data_id}
      and lease_token = ${row.lease_token}`
}
