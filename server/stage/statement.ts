/** The one statement at the door: arrival, document and link rows of up to 500 arrivals, in one commit (A1-A4). */
import type { Admitted, Arrival, Millis } from '../doc/document.ts'
import { at, col, type Sql } from '../store/sql.ts'

interface AnswerRow {
  ord: number
  kind: 'created' | 'updated' | 'unchanged' | 'superseded' | 'reread'
  seq: number
  version: number | null
}

export type Row = Arrival & {
  /** A later row of the same record is in this commit; this one is logged and makes no document. */
  shadowed?: boolean
  /** A reading that began before our own write ended (A1): logged, not staged, read again (`readings.ts`). */
  stale?: boolean
}

/**
 * Rows that are not shadowed must name different records (`stage/admit.ts` sees to it), and be at most 500.
 * `now` is null in production: the database's clock is the one all nodes share.
 *
 * Why `insert … on conflict` for links and not update-then-insert: it locks the newest row whatever the snapshot says, in key order,
 * and `excluded.told` carries the new content to it. 60 µs a record with 64 rows, against 95 µs for two statements.
 * A document whose version was drawn before a settle of its row ended, and which waited for that settle's lock, is below what the settle agreed
 * on: the link's version goes above both then, by which `decide` knows that it has to look (A1).
 * Why `document.seq`: it says which row of this commit a document came from. Joined by the record's key instead, a commit of 128 cost 82 µs a
 * row and not 55 (nobody knows how long an array is, so the join is a loop in a loop). Keys and readings, which few rows have, are looked after
 * by statements of their own in the same transaction: in here they cost every push 0.15 ms a commit.
 */
export const admitStatement = async (sql: Sql, rows: readonly Row[], now: Millis | null): Promise<Admitted[]> => {
  const answers = await sql<AnswerRow>`
    with clock as materialized (
      select coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) as now),
    input as materialized (
      select i.*, nextval('arrival_seq') as seq
      from unnest(
        ${col.text(rows.map((r) => r.tenant_id))}::text[], ${col.text(rows.map((r) => r.connection_id))}::text[],
        ${col.text(rows.map((r) => r.object))}::text[], ${col.text(rows.map((r) => r.data_id))}::text[],
        ${col.text(rows.map((r) => r.operation))}::text[], ${col.text(rows.map((r) => r.channel))}::text[],
        ${col.text(rows.map((r) => r.trace_id))}::text[], ${col.bytes(rows.map((r) => r.raw))}::bytea[],
        ${col.text(rows.map((r) => r.master ?? ''))}::text[], ${col.text(rows.map((r) => r.details))}::text[],
        ${col.bytes(rows.map((r) => r.masterHash))}::bytea[], ${col.bytes(rows.map((r) => r.detailsHash))}::bytea[],
        ${col.time(rows.map((r) => r.source_time))}::timestamptz[], ${col.text(rows.map((r) => r.external_id))}::text[],
        ${col.int8(rows.map((r) => r.version))}::int8[], ${col.text(rows.map((r) => r.meta ?? null))}::text[],
        ${col.bool(rows.map((r) => r.shadowed ?? false))}::bool[], ${col.bool(rows.map((r) => r.stale ?? false))}::bool[])
        with ordinality as i (
          tenant_id, connection_id, object, data_id, operation, channel, trace_id, raw, master, details, master_hash, details_hash,
          source_time, external_id, version, meta, shadowed, stale, ord)),
    docs as (
      insert into document as d (
        tenant_id, connection_id, object, data_id, version, seq, operation, master_hash, details_hash, source_time, external_id, master, details)
      select tenant_id, connection_id, object, data_id, coalesce(version, nextval('version_seq')), seq, operation, master_hash, details_hash,
        source_time, external_id, master, details
      from input
      where not stale and not shadowed
      order by tenant_id, connection_id, object, data_id
      on conflict (tenant_id, connection_id, object, data_id) do update set
        version = case when excluded.version > d.version then excluded.version else nextval('version_seq') end,
        seq = excluded.seq,
        operation = excluded.operation,
        previous_hash = content_hash(d.operation, d.master_hash, d.details_hash),
        master_hash = case when excluded.master = '' then d.master_hash else excluded.master_hash end,
        master = case when excluded.master = '' then d.master else excluded.master end,
        details_hash = coalesce(excluded.details_hash, d.details_hash),
        details = coalesce(excluded.details, d.details),
        source_time = coalesce(excluded.source_time, d.source_time),
        external_id = case when excluded.master = '' then d.external_id else excluded.external_id end,
        field_versions = null
      where case
        when d.source_time <> excluded.source_time then d.source_time < excluded.source_time
        else d.version < excluded.version end             -- also where either has no source_time (A1)
      returning d.tenant_id, d.connection_id, d.object, d.data_id, d.version, d.seq, d.previous_hash,
        content_hash(d.operation, d.master_hash, d.details_hash) as told),
    lefts as (
      insert into link as k (
        tenant_id, pair_id, link_id, left_id, first_arrival_at, told, told_seq, left_version, state, held, target_connection, next_at)
      select t.tenant_id, p.pair_id, nextval('link_seq'), t.data_id, clock.now, t.told, t.seq, t.version, 'due', p.held, p.right_connection, clock.now
      from docs t
      cross join clock
      cross join lateral (
        select p.pair_id, p.held, p.right_connection from pair p
        where p.tenant_id = t.tenant_id and p.left_connection = t.connection_id and p.left_object = t.object and p.staging offset 0) p
      order by t.tenant_id, p.pair_id, t.data_id
      on conflict (tenant_id, pair_id, left_id) where left_id is not null do update set
        left_version = case
          when excluded.left_version <= k.left_agreed_version and k.left_agreed_hash is distinct from excluded.told
          then nextval('version_seq') else greatest(k.left_version, excluded.left_version) end,  -- overtaken by a settle (A1)
        told = excluded.told,
        told_seq = excluded.told_seq,
        generation = k.generation + case
          when k.state = 'idle' and case when k.voided_at is null then k.left_agreed_hash = excluded.told else excluded.told = '' end then 0 else 1 end,
        state = case
          when k.state = 'idle' and case when k.voided_at is null then k.left_agreed_hash = excluded.told else excluded.told = '' end then 'idle'
          when k.state in ('idle', 'waiting') then 'due'
          when k.state = 'parked' and k.reason in ('data', 'max') then 'due'
          else k.state end,
        reason = case
          when k.state = 'idle' and case when k.voided_at is null then k.left_agreed_hash = excluded.told else excluded.told = '' end then k.reason
          when k.state = 'parked' and k.reason not in ('data', 'max') then k.reason end,
        fault = case when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max')) then null else k.fault end,
        next_at = case
          when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max')) then (select now from clock)
          else k.next_at end,
        attempts = case when k.state = 'idle' or (k.state = 'parked' and k.reason in ('data', 'max')) then 0 else k.attempts end,
        wait_kind = null, wait_on = null, wait_until = null, wait_step = 0,
        target_connection = case
          when k.sent_at is not null or k.state = 'working' then k.target_connection else excluded.target_connection end,
        sent_seen = case
          when k.sent_at is not null and k.sent_side = 'left' and coalesce(array_length(k.sent_seen, 1), 0) < 32
          then k.sent_seen || excluded.told_seq else k.sent_seen end),
    rights as (
      insert into link as k (
        tenant_id, pair_id, link_id, right_id, first_arrival_at, told, told_seq, right_version, state, held, target_connection, next_at)
      select t.tenant_id, p.pair_id, nextval('link_seq'), t.data_id, clock.now, t.told, t.seq, t.version, 'due', p.held, p.left_connection, clock.now
      from docs t
      cross join clock
      cross join lateral (
        select p.pair_id, p.held, p.left_connection from pair p
        where p.tenant_id = t.tenant_id and p.right_connection = t.connection_id and p.right_object = t.object and p.staging offset 0) p
      order by t.tenant_id, p.pair_id, t.data_id
      on conflict (tenant_id, pair_id, right_id) where right_id is not null do update set
        right_version = case
          when excluded.right_version <= k.right_agreed_version and k.right_agreed_hash is distinct from excluded.told
          then nextval('version_seq') else greatest(k.right_version, excluded.right_version) end,  -- overtaken by a settle (A1)
        told = excluded.told,
        told_seq = excluded.told_seq,
        generation = k.generation + case
          when k.state = 'idle' and case when k.voided_at is null then k.right_agreed_hash = excluded.told else excluded.told = '' end then 0 else 1 end,
        state = case
          when k.state = 'idle' and case when k.voided_at is null then k.right_agreed_hash = excluded.told else excluded.told = '' end then 'idle'
          when k.state in ('idle', 'waiting') then 'due'
          when k.state = 'parked' and k.reason in ('data', 'max') then 'due'
          else k.state end,
        reason = case
          when k.state = 'idle' and case when k.voided_at is null then k.right_agreed_hash = excluded.told else excluded.told = '' end then k.reason
          when k.state = 'parked' and k.reason not in ('data', 'max') then k.reason end,
        fault = case when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max')) then null else k.fault end,
        next_at = case
          when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max')) then (select now from clock)
          else k.next_at end,
        attempts = case when k.state = 'idle' or (k.state = 'parked' and k.reason in ('data', 'max')) then 0 else k.attempts end,
        wait_kind = null, wait_on = null, wait_until = null, wait_step = 0,
        target_connection = case
          when k.sent_at is not null or k.state = 'working' then k.target_connection else excluded.target_connection end,
        sent_seen = case
          when k.sent_at is not null and k.sent_side = 'right' and coalesce(array_length(k.sent_seen, 1), 0) < 32
          then k.sent_seen || excluded.told_seq else k.sent_seen end),
    outcome as materialized (
      select i.ord, i.seq, d.version,
        case
          when i.stale then 'reread'
          when d.seq is null then 'superseded'
          when d.previous_hash is null then 'created'
          when d.previous_hash = d.told then 'unchanged'
          else 'updated' end as kind
      from input i left join docs d on d.seq = i.seq),
    logged as (
      insert into arrival (seq, received_at, tenant_id, connection_id, object, data_id, operation, channel, trace_id, outcome, meta, body)
      select i.seq, clock.now, i.tenant_id, i.connection_id, i.object, i.data_id, i.operation, i.channel, i.trace_id, o.kind, i.meta, i.raw
      from input i join outcome o on o.ord = i.ord cross join clock)
    select ord::int4 as ord, kind, seq, version from outcome`

  const admitted: Admitted[] = []
  for (const { ord, kind, seq, version } of answers)
    admitted[ord - 1] = kind === 'reread' ? { kind, seq } : { kind, seq, version: version ?? 0 }
  return admitted
}
