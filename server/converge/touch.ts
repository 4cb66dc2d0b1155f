/** Makes rows due as the door's statement would (A3, C6), for what a sweep or the reconciler found: with the documents as they are staged. */
import type { Millis, Side } from '../doc/document.ts'
import { at, col, type Sql } from '../store/sql.ts'

export interface PairName {
  tenant_id: string
  pair_id: string
}

/**
 * Touches the links of these staged records of one side of a pair; a missing one is made. At most 500 keys, each once, in one short
 * transaction of the caller's. `asked`: what is staged shall travel although it was agreed on before (C6). Answers how many were touched.
 */
export const touch = (
  tx: Sql,
  pair: PairName,
  side: Side,
  keys: readonly string[],
  asked: boolean,
  now: Millis | null,
): Promise<number> => {
  if (!keys.length) return Promise.resolve(0)
  return side === 'left' ? touchLeft(tx, pair, keys, asked, now) : touchRight(tx, pair, keys, asked, now)
}

const touchLeft = (tx: Sql, pair: PairName, keys: readonly string[], asked: boolean, now: Millis | null) => tx.affected`
  with clock as materialized (
    select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
  input as materialized (
    select ${pair.tenant_id}::text as tenant_id, ${pair.pair_id}::text as pair_id, data_id
    from unnest(${col.text(keys)}::text[]) as i (data_id)),
  staged as materialized (
    select i.tenant_id, i.pair_id, i.data_id, p.held, p.target, d.version, d.told
    from input i
    cross join lateral (
      select p.held, p.left_connection, p.left_object, p.right_connection as target from pair p
      where p.tenant_id = i.tenant_id and p.pair_id = i.pair_id limit 1) p
    cross join lateral (
      select d.version, content_hash(d.operation, d.master_hash, d.details_hash) as told from document d
      where d.tenant_id = i.tenant_id and d.connection_id = p.left_connection and d.object = p.left_object and d.data_id = i.data_id
        and d.version > 0 limit 1) d)
  insert into link as k (
    tenant_id, pair_id, link_id, left_id, first_arrival_at, told, left_version, asked_generation, asked_side, state, held, target_connection, next_at)
  select s.tenant_id, s.pair_id, nextval('link_seq'), s.data_id, clock.now, s.told, s.version,
    case when ${asked} then 1 else 0 end, case when ${asked} then 'left' end, 'due', s.held, s.target, clock.now
  from staged s cross join clock
  order by s.tenant_id, s.pair_id, s.data_id
  on conflict (tenant_id, pair_id, left_id) where left_id is not null do update set
    left_version = greatest(k.left_version, excluded.left_version),
    generation = k.generation + 1,
    asked_generation = case when excluded.asked_side is null then k.asked_generation else k.generation + 1 end,
    asked_side = coalesce(excluded.asked_side, k.asked_side),
    state = case when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then 'due' else k.state end,
    reason = case when k.state = 'parked' and k.reason not in ('data', 'max', 'config') then k.reason end,
    fault = case when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then null else k.fault end,
    next_at = case
      when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then excluded.next_at else k.next_at end,
    attempts = case when k.state = 'idle' or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then 0 else k.attempts end,
    wait_kind = null, wait_on = null, wait_until = null, wait_step = 0,
    target_connection = case when k.sent_at is not null or k.state = 'working' then k.target_connection else excluded.target_connection end`

const touchRight = (
  tx: Sql,
  pair: PairName,
  keys: readonly string[],
  asked: boolean,
  now: Millis | null,
) => tx.affected`
  with clock as materialized (
    select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
  input as materialized (
    select ${pair.tenant_id}::text as tenant_id, ${pair.pair_id}::text as pair_id, data_id
    from unnest(${col.text(keys)}::text[]) as i (data_id)),
  staged as materialized (
    select i.tenant_id, i.pair_id, i.data_id, p.held, p.target, d.version, d.told
    from input i
    cross join lateral (
      select p.held, p.right_connection, p.right_object, p.left_connection as target from pair p
      where p.tenant_id = i.tenant_id and p.pair_id = i.pair_id limit 1) p
    cross join lateral (
      select d.version, content_hash(d.operation, d.master_hash, d.details_hash) as told from document d
      where d.tenant_id = i.tenant_id and d.connection_id = p.right_connection and d.object = p.right_object and d.data_id = i.data_id
        and d.version > 0 limit 1) d)
  insert into link as k (
    tenant_id, pair_id, link_id, right_id, first_arrival_at, told, right_version, asked_generation, asked_side, state, held, target_connection, next_at)
  select s.tenant_id, s.pair_id, nextval('link_seq'), s.data_id, clock.now, s.told, s.version,
    case when ${asked} then 1 else 0 end, case when ${asked} then 'right' end, 'due', s.held, s.target, clock.now
  from staged s cross join clock
  order by s.tenant_id, s.pair_id, s.data_id
  on conflict (tenant_id, pair_id, right_id) where right_id is not null do update set
    right_version = greatest(k.right_version, excluded.right_version),
    generation = k.generation + 1,
    asked_generation = case when excluded.asked_side is null then k.asked_generation else k.generation + 1 end,
    asked_side = coalesce(excluded.asked_side, k.asked_side),
    state = case when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then 'due' else k.state end,
    reason = case when k.state = 'parked' and k.reason not in ('data', 'max', 'config') then k.reason end,
    fault = case when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then null else k.fault end,
    next_at = case
      when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then excluded.next_at else k.next_at end,
    attempts = case when k.state = 'idle' or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then 0 else k.attempts end,
    wait_kind = null, wait_on = null, wait_until = null, wait_step = 0,
    target_connection = case when k.sent_at is not null or k.state = 'working' then k.target_connection else excluded.target_connection end`

/** The rows of one slice, locked in key order before anything of them is changed (C5). */
export const lockLinks = (tx: Sql, pair: PairName, ids: readonly number[]): Promise<unknown> => tx`
  select link_id from link
  where tenant_id = ${pair.tenant_id} and pair_id = ${pair.pair_id} and link_id = any(${col.int8(ids)}::int8[])
  order by link_id
  for update`

/** C6: what `side` holds shall travel again. A row with a call under way keeps its state; the ask outlives the settle of that call. */
export const ask = (
  tx: Sql,
  pair: PairName,
  ids: readonly number[],
  side: Side,
  now: Millis | null,
): Promise<number> => tx.affected`
  update link k set
    generation = k.generation + 1,
    asked_generation = k.generation + 1,
    asked_side = ${side},
    state = case when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then 'due' else k.state end,
    reason = case when k.state = 'parked' and k.reason not in ('data', 'max', 'config') then k.reason end,
    fault = case when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then null else k.fault end,
    next_at = case
      when k.state in ('idle', 'waiting') or (k.state = 'parked' and k.reason in ('data', 'max', 'config'))
      then coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) else k.next_at end,
    attempts = case when k.state = 'idle' or (k.state = 'parked' and k.reason in ('data', 'max', 'config')) then 0 else k.attempts end,
    wait_kind = null, wait_on = null, wait_until = null, wait_step = 0
  where k.tenant_id = ${pair.tenant_id} and k.pair_id = ${pair.pair_id} and k.link_id = any(${col.int8(ids)}::int8[])`
