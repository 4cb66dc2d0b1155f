/** The one file through which rows learn their other id outside of a settle, and through which those who wait for it are woken (L1, D6). */
import { opposite, type Millis, type Side } from '../doc/document.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { isCollision } from '../store/trouble.ts'
import { waitKey } from './link.ts'
import type { Claimed } from './road.ts'

const slice = 500

/** Rows that wait for one of these keys become due, in slices (C5). Called after the commit of what they waited for. */
export const wake = async (sql: Sql, keys: readonly string[], now: Millis | null): Promise<number> => {
  if (!keys.length) return 0
  for (let total = 0, collisions = 0; ; ) {
    try {
      const woken = await wakeSlice(sql, keys, now)
      total += woken
      if (woken < slice) return total
    } catch (error) {
      if (!isCollision(error) || ++collisions === 5) throw error
    }
  }
}

/** One statement, and so a transaction of its own: begin and commit would be two more round trips with every settle. */
const wakeSlice = (sql: Sql, keys: readonly string[], now: Millis | null): Promise<number> => sql.affected`
  with clock as materialized (
    select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
  waiting as materialized (
    select tenant_id, pair_id, link_id
    from link
    where state = 'waiting' and wait_on && ${[...keys]}::text[]
    order by tenant_id, pair_id, link_id
    limit ${slice}
    for update)
  update link l set state = 'due', wait_kind = null, wait_on = null, next_at = clock.now
  from waiting w, clock
  where l.tenant_id = w.tenant_id and l.pair_id = w.pair_id and l.link_id = w.link_id`

export type Bound = 'bound' | 'absorbed' | 'open' | 'clash' | 'fenced'

interface Row {
  link_id: number
  left_id: string | null
  right_id: string | null
  state: string
  reason: string | null
  sent_at: Millis | null
  sent_call: string | null
  lease_token: number
}

/**
 * D5: the record itself carries the id of its other side. One transaction over both rows, locked in key order (C5).
 * `open`: that side's row has a create of its own unresolved, which this record proves; it is resolved at once and this row waits for it.
 */
export const bind = (sql: Sql, link: Claimed, side: Side, id: string, now: Millis | null): Promise<Bound> =>
  sql.retrying(async (tx) => {
    const rows = await tx<Row>`
      select link_id, left_id, right_id, state, reason, sent_at, sent_call, lease_token
      from link
      where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id}
        and (link_id = ${link.link_id} or (${side} = 'left' and left_id = ${id}) or (${side} = 'right' and right_id = ${id}))
      order by link_id
      for update`
    const own = rows.find((r) => r.link_id === link.link_id)
    if (!own || own.lease_token !== link.lease_token || own.state !== 'working') return 'fenced'
    const holder = rows.find((r) => r.link_id !== link.link_id)
    if (!holder) {
      await release(tx, link, side, id, null, now)
      return 'bound'
    }
    const ours = opposite(side)
    // A create that only a person can untangle holds this record with it (D5): waiting for it would be asking again and again.
    const tangled =
      holder.sent_at !== null &&
      holder.sent_call === 'create' &&
      holder.state === 'parked' &&
      holder.reason !== 'unknown'
    if (holder[`${ours}_id`] !== null || tangled) {
      await tx`
        update link set state = 'parked', reason = 'conflict', lease_until = null,
          fault = json_build_object('code', 'conflict.id', 'stage', 'decide', 'value', ${id}::text, 'expected', ${holder[`${ours}_id`] ?? String(holder.link_id)}::text)::text
        where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id}`
      return 'clash'
    }
    if (holder.sent_at !== null && holder.sent_call === 'create') {
      await tx`
        update link set state = 'unknown', reason = null, fault = null, next_at = coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())
        where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${holder.link_id}
          and (state = 'unknown' or (state = 'parked' and reason = 'unknown'))`
      await tx`
        update link set state = 'waiting', reason = null, wait_kind = 'create', lease_until = null,
          wait_on = array[${waitKey.create(link.tenant_id, link.pair_id, ours)}],
          wait_until = coalesce(wait_until, coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) + interval '24 hours'),
          next_at = coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) + interval '30 seconds'
        where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id}`
      return 'open'
    }
    await release(tx, link, side, id, holder.link_id, now)
    return 'absorbed'
  })

/** Sets the id, takes over what the absorbed row knew of its side, and makes the row due: it is decided again with both sides in view. */
const release = async (
  tx: Sql,
  link: Claimed,
  side: Side,
  id: string,
  absorb: number | null,
  now: Millis | null,
): Promise<void> => {
  const [gone] =
    absorb === null
      ? []
      : await tx<{ left_version: number; right_version: number; first_arrival_at: Millis }>`
    delete from link
    where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${absorb}
    returning left_version, right_version, first_arrival_at`
  await tx`
    update link set
      left_id = case when ${side} = 'left' then ${id} else left_id end,
      right_id = case when ${side} = 'right' then ${id} else right_id end,
      left_version = greatest(left_version, ${gone?.left_version ?? 0}::int8),
      right_version = greatest(right_version, ${gone?.right_version ?? 0}::int8),
      first_arrival_at = least(first_arrival_at, ${gone ? at(gone.first_arrival_at) : null}::timestamptz),
      generation = generation + 1, state = 'due', reason = null, lease_until = null,
      next_at = coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())
    where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id}`
}

export interface LinkName {
  tenant_id: string
  pair_id: string
  link_id: number
}

/**
 * C6: a person asks for these links to be gone through again. What is unresolved is resolved first (D1); the trouble's clock starts anew.
 * `side` = whose content shall travel; null: the side that travelled last, or the only one there is.
 */
export const rerun = async (
  sql: Sql,
  links: readonly LinkName[],
  side: Side | null,
  now: Millis | null,
): Promise<number> => {
  if (!links.length) return 0
  const asked = await sql.retrying(
    (tx) => tx.affected`
    with wanted as materialized (
      select l.tenant_id, l.pair_id, l.link_id
      from unnest(
        ${col.text(links.map((l) => l.tenant_id))}::text[], ${col.text(links.map((l) => l.pair_id))}::text[],
        ${col.int8(links.map((l) => l.link_id))}::int8[]) as w (tenant_id, pair_id, link_id)
      cross join lateral (
        select k.tenant_id, k.pair_id, k.link_id from link k
        where k.tenant_id = w.tenant_id and k.pair_id = w.pair_id and k.link_id = w.link_id limit 1) l)
    update link l set
      generation = l.generation + 1,
      asked_generation = l.generation + 1,
      asked_side = coalesce(${side}::text, case
        when l.right_id is null then 'left' when l.left_id is null then 'right'
        when l.last_side = 'left' then 'right' else 'left' end),
      state = case
        when l.state = 'working' then 'working'
        when l.sent_at is not null then 'unknown'
        else 'due' end,
      reason = null, fault = null, attempts = 0, since = null, flips = 0, flips_since = null, last_side = null, last_call_at = null,
      wait_kind = null, wait_on = null, wait_until = null, wait_step = 0,
      next_at = case when l.state = 'working' then l.next_at else coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) end
    from wanted w
    where l.tenant_id = w.tenant_id and l.pair_id = w.pair_id and l.link_id = w.link_id`,
  )
  await tell(sql)
  return asked
}

/** A command is a process of its own: the nodes that are to do the work hear of it, and need not look each second. */
const tell = (sql: Sql): Promise<unknown> => sql`select pg_notify('mortise_work', 'asked')`

export type Declaration = { found: string } | 'absent'

/**
 * R2: a person says what became of a create that nobody can look up: which record it made, or that it made none. Answers false where the
 * link has no unresolved create that waits for a person.
 */
export const declare = async (
  sql: Sql,
  link: LinkName,
  said: Declaration,
  now: Millis | null = null,
): Promise<boolean> => {
  const waiting =
    said === 'absent'
      ? await sql<{ sent_side: Side }>`
        update link l set
          state = 'due', reason = null, fault = null, attempts = 0, since = null, declared_id = null,
          next_at = coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()),
          sent_at = null, sent_call = null, sent_side = null, sent_generation = null, sent_left_version = null, sent_right_version = null,
          sent_hash = null, sent_print = null, sent_source_print = null, sent_rows = null, sent_later = null, sent_seen = null,
          unbound_rows = false, idem_key = null, match_key = null, first_mark = null, last_mark = null, doubt_at = null, doubt_key = null
        from (
          select tenant_id, pair_id, link_id, sent_side from link
          where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id}
            and state = 'parked' and sent_call = 'create'
          for update) o
        where l.tenant_id = o.tenant_id and l.pair_id = o.pair_id and l.link_id = o.link_id
        returning o.sent_side`
      : await sql<{ sent_side: Side }>`
        update link set
          state = 'unknown', reason = null, fault = null, attempts = 0, since = null, declared_id = ${said.found},
          next_at = coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())
        where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id}
          and state = 'parked' and sent_call = 'create'
        returning sent_side`
  const [row] = waiting
  if (!row) return false
  await wake(sql, [waitKey.create(link.tenant_id, link.pair_id, row.sent_side)], now)
  await tell(sql)
  return true
}
