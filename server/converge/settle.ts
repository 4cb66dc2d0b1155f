/** Ends claims, in one bulk statement for all that finished in the same few ms (C4), and never without the current token (I5). */
import type { Millis, Side } from '../doc/document.ts'
import { packPrint } from '../doc/print.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { isCollision } from '../store/trouble.ts'
import type { Agreement, Settle, Settled } from './road.ts'

const version = (a: Agreement | null): number | null => (a && a.version !== 'fresh' ? a.version : null)
const agreed = (settles: readonly Settle[], side: Side) => ({
  given: col.bool(settles.map((s) => s[side] !== null)),
  version: col.int8(settles.map((s) => version(s[side]))),
  hash: col.bytes(settles.map((s) => s[side]?.hash ?? null)),
  print: col.bytes(settles.map((s) => (s[side] ? packPrint(s[side].print) : null))),
})

interface SettledRow {
  ord: number
  clash: boolean
  state: Settled['state']
}

/**
 * Rows name different links. What the token no longer holds is left alone. L2: an id that another row holds with its other side empty
 * and nothing sent absorbs that row; any other clash parks both.
 */
export const settle = async (sql: Sql, settles: readonly Settle[], now: Millis | null): Promise<Settled[]> => {
  if (!settles.length) return []
  for (let attempt = 1; ; attempt++) {
    try {
      return await settleOnce(sql, settles, now)
    } catch (error) {
      // 23505: the row that holds the id was committed after this statement's snapshot; a new snapshot sees it.
      const raced = isCollision(error) || (error as { code?: string }).code === '23505'
      if (!raced || attempt > 5) throw error
      if (attempt > 2 && settles.length > 1) {
        const each: Settled[] = []
        for (const one of settles) each.push(...(await settle(sql, [one], now)))
        return each
      }
    }
  }
}

const settleOnce = async (sql: Sql, settles: readonly Settle[], now: Millis | null): Promise<Settled[]> => {
  const left = agreed(settles, 'left')
  const right = agreed(settles, 'right')
  const begun = settles.flatMap((s) => (s.attempt ? [s.attempt.started_at] : []))
  const [first, last] = [at(Math.min(...begun, Infinity)), at(Math.max(...begun, -Infinity))]
  const rows = await sql<SettledRow>`
    with clock as materialized (
      select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
    input as materialized (
      select i.*
      from unnest(
        ${col.text(settles.map((s) => s.tenant_id))}::text[], ${col.text(settles.map((s) => s.pair_id))}::text[],
        ${col.int8(settles.map((s) => s.link_id))}::int8[], ${col.int8(settles.map((s) => s.lease_token))}::int8[],
        ${col.text(settles.map((s) => s.state))}::text[], ${col.text(settles.map((s) => s.reason))}::text[],
        ${col.text(settles.map((s) => s.fault))}::text[], ${col.int8(settles.map((s) => s.generation))}::int8[],
        ${col.bool(settles.map((s) => s.settles))}::bool[], ${col.float8(settles.map((s) => s.next_ms))}::float8[],
        ${col.int4(settles.map((s) => s.attempts))}::int4[], ${col.text(settles.map((s) => s.since))}::text[],
        ${col.text(settles.map((s) => s.wait_kind))}::text[],
        ${col.text(settles.map((s) => (s.wait_on ? JSON.stringify(s.wait_on) : null)))}::text[],
        ${col.int4(settles.map((s) => s.wait_step))}::int4[], ${col.bool(settles.map((s) => s.answered))}::bool[],
        ${col.bool(settles.map((s) => s.closes))}::bool[], ${col.text(settles.map((s) => s.doubt))}::text[],
        ${col.bool(settles.map((s) => s.refused !== 'keep'))}::bool[],
        ${col.int8(settles.map((s) => (typeof s.refused === 'number' ? s.refused : null)))}::int8[],
        ${left.given}::bool[], ${left.version}::int8[], ${left.hash}::bytea[], ${left.print}::bytea[],
        ${right.given}::bool[], ${right.version}::int8[], ${right.hash}::bytea[], ${right.print}::bytea[],
        ${col.text(settles.map((s) => s.id?.side ?? null))}::text[], ${col.text(settles.map((s) => s.id?.value ?? null))}::text[],
        ${col.text(settles.map((s) => s.detail_ids))}::text[], ${col.bool(settles.map((s) => s.voided))}::bool[], ${col.text(settles.map((s) => s.later))}::text[],
        ${col.bool(settles.map((s) => s.again))}::bool[], ${col.text(settles.map((s) => s.ask))}::text[],
        ${col.text(settles.map((s) => s.target_connection))}::text[],
        ${col.text(settles.map((s) => s.target?.side ?? null))}::text[], ${col.text(settles.map((s) => s.target?.connection_id ?? null))}::text[],
        ${col.text(settles.map((s) => s.target?.object ?? null))}::text[], ${col.int8(settles.map((s) => s.target?.seen ?? null))}::int8[],
        ${col.bool(settles.map((s) => s.target?.differs ?? false))}::bool[],
        ${col.int8(settles.map((s) => s.attempt?.attempt_id ?? null))}::int8[],
        ${col.text(settles.map((s) => s.attempt?.outcome ?? null))}::text[], ${col.int4(settles.map((s) => s.attempt?.status ?? null))}::int4[],
        ${col.text(settles.map((s) => s.attempt?.answer ?? null))}::text[], ${col.text(settles.map((s) => s.attempt?.fault ?? null))}::text[],
        ${col.int4(settles.map((s) => (s.attempt ? Math.round(s.attempt.ms) : null)))}::int4[],
        ${col.text(settles.map((s) => s.after?.call ?? null))}::text[], ${col.text(settles.map((s) => s.after?.side ?? null))}::text[])
        with ordinality as i (
          tenant_id, pair_id, link_id, lease_token, state, reason, fault, generation, settles, next_ms, attempts, since,
          wait_kind, wait_on, wait_step, answered, closes, doubt, refused_given, refused_version,
          left_given, left_version, left_hash, left_print, right_given, right_version, right_hash, right_print,
          id_side, id_value, detail_ids, voided, later, again, ask, target_connection,
          target_side, fetch_connection, fetch_object, target_seen, target_differs,
          attempt_id, attempt_outcome, attempt_status, attempt_answer, attempt_fault, attempt_ms,
          after_call, after_side, ord)),
    -- Looked up by key, row by row, and the token compared outside: see mark.ts.
    mine as materialized (
      select i.*, nextval('version_seq') as fresh,            -- a settle is a version (A1)
        case when i.target_side = 'left' then l.left_version else l.right_version end as target_now
      from (select * from input order by tenant_id, pair_id, link_id) i
      cross join lateral (
        select l.lease_token as token, l.lease_until, l.left_version, l.right_version from link l
        where l.tenant_id = i.tenant_id and l.pair_id = i.pair_id and l.link_id = i.link_id
        limit 1
        for update) l
      where l.token = i.lease_token and l.lease_until is not null),  -- only what is working has a lease (i5_lease)
    holder as materialized (                                  -- L2: another row already holds the id
      select m.ord, o.tenant_id, o.pair_id, o.link_id
      from (select * from mine order by ord) m                -- sorted: all rows are locked, in order, before the first is absorbed (C5)
      cross join lateral (
        select o.tenant_id, o.pair_id, o.link_id from link o
        where m.id_side = 'left' and o.tenant_id = m.tenant_id and o.pair_id = m.pair_id and o.left_id = m.id_value and o.link_id <> m.link_id
        union all
        select o.tenant_id, o.pair_id, o.link_id from link o
        where m.id_side = 'right' and o.tenant_id = m.tenant_id and o.pair_id = m.pair_id and o.right_id = m.id_value and o.link_id <> m.link_id
        limit 1) o),
    absorbed as (
      delete from link o using holder h join mine m on m.ord = h.ord
      where o.tenant_id = h.tenant_id and o.pair_id = h.pair_id and o.link_id = h.link_id and o.sent_at is null
        and case when m.id_side = 'left' then o.right_id is null else o.left_id is null end
      returning h.ord, o.left_version, o.right_version, o.told, o.told_seq, o.first_arrival_at),
    clash as materialized (
      select h.ord, h.tenant_id, h.pair_id, h.link_id from holder h where h.ord not in (select ord from absorbed)),
    blamed as (
      update link o set state = 'parked', reason = 'conflict', wait_kind = null, wait_on = null, wait_until = null,
        fault = json_build_object('code', 'conflict.id', 'stage', 'settle', 'value', m.id_value, 'expected', l.link_id::text)::text
      from clash h
      join mine m on m.ord = h.ord
      join link l on l.tenant_id = m.tenant_id and l.pair_id = m.pair_id and l.link_id = m.link_id
      where o.tenant_id = h.tenant_id and o.pair_id = h.pair_id and o.link_id = h.link_id and o.state <> 'working'),
    done as (
      update link l set
        left_id = case when m.id_side = 'left' and c.ord is null then m.id_value else l.left_id end,
        right_id = case when m.id_side = 'right' and c.ord is null then m.id_value else l.right_id end,
        detail_ids = coalesce(m.detail_ids::json, l.detail_ids),
        first_arrival_at = least(l.first_arrival_at, a.first_arrival_at),
        told = coalesce(a.told, l.told), told_seq = coalesce(a.told_seq, l.told_seq),
        left_version = greatest(l.left_version, a.left_version, case when m.left_given then coalesce(m.left_version, m.fresh) end),
        right_version = greatest(l.right_version, a.right_version, case when m.right_given then coalesce(m.right_version, m.fresh) end),
        left_agreed_version = case when m.left_given then greatest(l.left_agreed_version, coalesce(m.left_version, m.fresh)) else l.left_agreed_version end,
        left_agreed_hash = case when m.left_given then m.left_hash else l.left_agreed_hash end,
        left_agreed_print = case when m.left_given then m.left_print else l.left_agreed_print end,
        right_agreed_version = case when m.right_given then greatest(l.right_agreed_version, coalesce(m.right_version, m.fresh)) else l.right_agreed_version end,
        right_agreed_hash = case when m.right_given then m.right_hash else l.right_agreed_hash end,
        right_agreed_print = case when m.right_given then m.right_print else l.right_agreed_print end,
        generation = l.generation + case when m.again or a.ord is not null then 1 else 0 end,
        settled = case when m.settles and c.ord is null then greatest(l.settled, m.generation) else l.settled end,
        asked_generation = case when m.ask is not null then l.generation + 1 else l.asked_generation end,
        asked_side = coalesce(m.ask, l.asked_side),
        state = case
          when c.ord is not null then 'parked'
          when m.state = 'idle' and (m.again or a.ord is not null or l.generation > greatest(l.settled, m.generation)) then 'due'
          when m.state = 'waiting' and (a.ord is not null or l.generation > m.generation) then 'due'
          when m.state = 'parked' and m.reason in ('data', 'max') and (a.ord is not null or l.generation > m.generation) then 'due'
          else m.state end,
        reason = case
          when c.ord is not null then 'conflict'
          when m.state = 'parked' and m.reason in ('data', 'max') and (a.ord is not null or l.generation > m.generation) then null
          when m.state = 'idle' and (m.again or a.ord is not null or l.generation > greatest(l.settled, m.generation)) then null
          else m.reason end,
        fault = case
          when c.ord is not null then json_build_object(
            'code', 'conflict.id', 'stage', 'settle', 'value', m.id_value, 'expected', c.link_id::text)::text
          else m.fault end,
        next_at = clock.now + m.next_ms * interval '1 millisecond',
        attempts = m.attempts,
        since = case m.since when 'clear' then null when 'start' then coalesce(l.since, clock.now) else l.since end,
        wait_kind = case when m.state = 'waiting' and c.ord is null and a.ord is null and l.generation <= m.generation then m.wait_kind end,
        wait_on = case when m.state = 'waiting' and c.ord is null and a.ord is null and l.generation <= m.generation
          then array(select json_array_elements_text(m.wait_on::json)) end,
        wait_until = case when m.state = 'waiting' then coalesce(l.wait_until, clock.now + interval '24 hours') end,
        wait_step = m.wait_step,
        lease_until = null,
        sent_at = case when m.answered then null else l.sent_at end,
        sent_call = case when m.answered then null else l.sent_call end,
        sent_side = case when m.answered then null else l.sent_side end,
        sent_generation = case when m.answered then null else l.sent_generation end,
        sent_left_version = case when m.answered then null else l.sent_left_version end,
        sent_right_version = case when m.answered then null else l.sent_right_version end,
        sent_hash = case when m.answered then null else l.sent_hash end,
        sent_print = case when m.answered then null else l.sent_print end,
        sent_source_print = case when m.answered then null else l.sent_source_print end,
        sent_later = case when m.answered then null else l.sent_later end,
        sent_rows = case when m.answered then null else l.sent_rows end,
        doubt_at = case m.doubt when 'keep' then l.doubt_at when 'sent' then l.sent_at end,
        doubt_first = case m.doubt when 'keep' then l.doubt_first when 'sent' then coalesce(l.first_mark, l.sent_at) end,
        doubt_key = case m.doubt when 'keep' then l.doubt_key when 'sent' then l.idem_key end,
        refused_version = case when m.refused_given then m.refused_version else l.refused_version end,
        sent_seen = case when m.answered then null else l.sent_seen end,
        unbound_rows = case when m.answered then false else l.unbound_rows end,
        idem_key = case when m.answered then null else l.idem_key end,
        match_key = case when m.answered then null else l.match_key end,
        declared_id = case when m.answered or m.state = 'parked' then null else l.declared_id end,
        first_mark = case when m.closes then null else l.first_mark end,
        last_mark = case when m.closes then null else l.last_mark end,
        voided_at = case when m.voided is null then l.voided_at when m.voided then clock.now end,
        later_side = case when m.later = 'keep' then l.later_side else m.later end,
        target_connection = coalesce(m.target_connection, l.target_connection)
      from mine m
      cross join clock
      left join absorbed a on a.ord = m.ord
      left join clash c on c.ord = m.ord
      where l.tenant_id = m.tenant_id and l.pair_id = m.pair_id and l.link_id = m.link_id
      returning m.ord, l.tenant_id, l.pair_id, l.link_id, l.state, c.ord is not null as clash, m.after_call, m.after_side,
        case when m.after_side = 'left' then coalesce(m.id_value, l.left_id) else coalesce(m.id_value, l.right_id) end as written_id,
        case when m.after_side = 'left' then l.right_id else l.left_id end as source_id,
        m.target_side, m.fetch_connection, m.fetch_object, m.target_differs, m.target_seen,
        case when m.target_side = 'left' then l.left_id when m.target_side = 'right' then l.right_id end as target_id,
        -- the version the target had before this settle: what was staged unseen says something else than was written (C4)
        greatest(case when m.target_side = 'left' then a.left_version else a.right_version end, m.target_now) as target_version),
    fetched as (
      insert into "fetch" as f (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id, first_at, next_at)
      select w.tenant_id, w.fetch_connection, w.fetch_object, w.target_id, nextval('arrival_seq'), 'staged while writing', '', clock.now, clock.now
      from (
        select distinct on (d.tenant_id, d.fetch_connection, d.fetch_object, d.target_id) d.tenant_id, d.fetch_connection, d.fetch_object, d.target_id
        from done d
        where d.target_id is not null and d.target_side is not null and (d.target_differs or d.target_version > d.target_seen)
        order by d.tenant_id, d.fetch_connection, d.fetch_object, d.target_id) w   -- numbered in the order of the keys
      cross join clock
      on conflict (tenant_id, connection_id, object, data_id) do update set
        wanted_seq = excluded.wanted_seq, state = 'due', next_at = least(f.next_at, excluded.next_at)),
    words as (                                                -- what a function after write is told: once for each call that was applied
      insert into after_write (tenant_id, pair_id, link_id, call, side, target_id, source_id, noted_at, next_at)
      select d.tenant_id, d.pair_id, d.link_id, d.after_call, d.after_side, d.written_id, d.source_id, clock.now, clock.now
      from done d
      cross join clock
      where d.after_call is not null),
    told as (
      update attempt t set finished_at = clock.now, outcome = m.attempt_outcome, status = m.attempt_status, answer = m.attempt_answer,
        fault = m.attempt_fault, ms = m.attempt_ms
      from mine m, clock
      where m.attempt_id is not null and t.tenant_id = m.tenant_id and t.pair_id = m.pair_id and t.link_id = m.link_id
        and t.attempt_id = m.attempt_id
        -- The other days' partitions are not even opened: by parameters only. Held against a value of the row (m), none is where a link was
        -- changed beside us, and the calls' ends are lost (decision 270).
        and t.started_at between ${first}::timestamptz and ${last}::timestamptz)
    select ord::int4 as ord, clash, state from done`
  const settled: Settled[] = settles.map(() => ({ held: false, clash: false, state: null }))
  for (const row of rows) settled[row.ord - 1] = { held: true, clash: row.clash, state: row.state }
  return settled
}
