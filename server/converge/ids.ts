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

/**
 * D4, some of each: both records hold the same now, as a person mixed them. The first side travels, and the row owes the other one's record
 * until that has travelled, too (as policy `field` does).
 */
export const rerunBoth = async (sql: Sql, link: LinkName, first: Side): Promise<number> => {
  const asked = await rerun(sql, [link], first, null)
  await sql`
    update link set later_side = ${opposite(first)}
    where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id}`
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
          unbound_rows = false, idem_key = null, match_key = null, first_mark = null, last_mark = null, doubt_at = null, doubt_first = null, doubt_key = null
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

// ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export type BoundByHand =
  | { kind: 'bound' | 'already'; linkId: number }
  /** One of the two is mapped to another record; `to` is that record. */
  | { kind: 'taken'; side: Side; to: string }
  /** A call is under way or unresolved: what became of it comes first. */
  | { kind: 'busy'; linkId: number }

interface PairName {
  tenant_id: string
  pair_id: string
}

interface HandRow {
  link_id: number
  left_id: string | null
  right_id: string | null
  state: string
  sent_at: Millis | null
}

/**
 * A person says that these two are one record. Rows that each knew one of them become one, which is decided again with both sides in view;
 * where nothing of either is staged, the mapping is kept for the first that comes in. Never sends by itself.
 */
export const bindByHand = async (
  sql: Sql,
  pair: PairName,
  leftId: string,
  rightId: string,
  now: Millis | null = null,
): Promise<BoundByHand> => {
  const bound = await bindIn(sql, pair, leftId, rightId, now)
  if (bound.kind === 'bound') await wakeBound(sql, pair, leftId, rightId, now)
  return bound
}

/** D6: whoever waits for these two, after the commit that bound them. */
export const wakeBound = async (
  sql: Sql,
  pair: PairName,
  leftId: string,
  rightId: string,
  now: Millis | null = null,
): Promise<number> => {
  const reference = (side: Side, id: string) => waitKey.reference(pair.tenant_id, { pairId: pair.pair_id, side, id })
  return wake(sql, [reference('left', leftId), reference('right', rightId)], now)
}

/** The binding alone, for a transaction that does more; `wakeBound` follows its commit. */
export const bindIn = (
  sql: Sql,
  pair: PairName,
  leftId: string,
  rightId: string,
  now: Millis | null = null,
): Promise<BoundByHand> =>
  sql.retrying(async (tx): Promise<BoundByHand> => {
    const rows = await tx<HandRow>`
      select link_id, left_id, right_id, state, sent_at
      from link
      where tenant_id = ${pair.tenant_id} and pair_id = ${pair.pair_id} and (left_id = ${leftId} or right_id = ${rightId})
      order by link_id
      for update`
    const left = rows.find((row) => row.left_id === leftId)
    const right = rows.find((row) => row.right_id === rightId)
    if (left && left === right) return { kind: 'already', linkId: left.link_id }
    if (left?.right_id != null) return { kind: 'taken', side: 'left', to: left.right_id }
    if (right?.left_id != null) return { kind: 'taken', side: 'right', to: right.left_id }
    const busy = rows.find((row) => row.state === 'working' || row.sent_at !== null)
    if (busy) return { kind: 'busy', linkId: busy.link_id }
    const kept = left ?? right
    if (!kept) return { kind: 'bound', linkId: await insertBound(tx, pair, leftId, rightId, now) }
    await release(
      tx,
      // only the key of a claimed row is looked at
      { ...pair, link_id: kept.link_id } as Claimed,
      left ? 'right' : 'left',
      left ? rightId : leftId,
      left && right ? right.link_id : null,
      now,
    )
    await tx`
      update link set fault = null, attempts = 0, since = null, wait_kind = null, wait_on = null, wait_until = null, wait_step = 0
      where tenant_id = ${pair.tenant_id} and pair_id = ${pair.pair_id} and link_id = ${kept.link_id}`
    return { kind: 'bound', linkId: kept.link_id }
  })

/** Due where something of either is staged; at rest otherwise. */
const insertBound = async (
  tx: Sql,
  pair: { tenant_id: string; pair_id: string },
  leftId: string,
  rightId: string,
  now: Millis | null,
): Promise<number> => {
  const [row] = await tx<{ link_id: number }>`
    with clock as materialized (
      select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
    known as materialized (
      select p.tenant_id, p.pair_id, p.held, p.left_connection, p.right_connection, coalesce(l.version, 0) as left_version,
        coalesce(r.version, 0) as right_version, exists (
          select from flow f where f.tenant_id = p.tenant_id and f.pair_id = p.pair_id and f.from_side = 'left') as goes_right
      from pair p
      left join lateral (
        select d.version from document d
        where d.tenant_id = p.tenant_id and d.connection_id = p.left_connection and d.object = p.left_object and d.data_id = ${leftId}
        limit 1) l on true
      left join lateral (
        select d.version from document d
        where d.tenant_id = p.tenant_id and d.connection_id = p.right_connection and d.object = p.right_object and d.data_id = ${rightId}
        limit 1) r on true
      where p.tenant_id = ${pair.tenant_id} and p.pair_id = ${pair.pair_id})
    insert into link (
      tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, left_version, right_version, state, reason, settled, held,
      target_connection, next_at)
    select k.tenant_id, k.pair_id, nextval('link_seq'), ${leftId}, ${rightId}, clock.now, k.left_version, k.right_version,
      case when k.left_version + k.right_version > 0 then 'due' else 'idle' end,
      case when k.left_version + k.right_version = 0 then 'bound' end,
      case when k.left_version + k.right_version > 0 then 0 else 1 end,
      k.held, case when k.goes_right then k.right_connection else k.left_connection end, clock.now
    from known k cross join clock
    returning link_id`
  if (!row) throw new Error(`there is no pair ${pair.pair_id}`)
  return row.link_id
}

export type Unbound = { kind: 'unbound'; leftId: string; rightId: string } | { kind: 'busy' } | { kind: 'not bound' }

/**
 * A person says that these two are not one record. What they agreed on is forgotten, and both rest: nothing is sent before either comes in
 * again or is asked for. The right one keeps a row of its own where it is staged, or the reconciler would take it for a forgotten record.
 */
export const unbind = (sql: Sql, link: LinkName, now: Millis | null = null): Promise<Unbound> =>
  sql.retrying(async (tx): Promise<Unbound> => {
    const [row] = await tx<HandRow>`
      select link_id, left_id, right_id, state, sent_at
      from link
      where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id}
      for update`
    if (!row || row.left_id === null || row.right_id === null) return { kind: 'not bound' }
    if (row.state === 'working' || row.sent_at !== null) return { kind: 'busy' }
    await tx`
      update link set
        right_id = null, right_version = 0, right_agreed_version = 0, right_agreed_hash = null, right_agreed_print = null,
        left_agreed_version = 0, left_agreed_hash = null, left_agreed_print = null, detail_ids = null, told = null, told_seq = null,
        state = 'idle', reason = 'unbound', settled = generation, fault = null, attempts = 0, since = null,
        wait_kind = null, wait_on = null, wait_until = null, wait_step = 0, unbound_rows = false, match_key = null,
        first_mark = null, last_mark = null, doubt_at = null, doubt_first = null, doubt_key = null, later_side = null, voided_at = null,
        flips = 0, flips_since = null, last_side = null, last_call_at = null,
        target_connection = coalesce(
          (select right_connection from pair where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id}), target_connection)
      where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id}`
    await tx`
      insert into link (
        tenant_id, pair_id, link_id, right_id, first_arrival_at, right_version, state, reason, settled, held, target_connection)
      select p.tenant_id, p.pair_id, nextval('link_seq'), d.data_id, coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()),
        d.version, 'idle', 'unbound', 1, p.held, p.left_connection
      from pair p
      cross join lateral (
        select d.data_id, d.version from document d
        where d.tenant_id = p.tenant_id and d.connection_id = p.right_connection and d.object = p.right_object and d.data_id = ${row.right_id}
          and d.version > 0
        limit 1) d
      where p.tenant_id = ${link.tenant_id} and p.pair_id = ${link.pair_id}`
    return { kind: 'unbound', leftId: row.left_id, rightId: row.right_id }
  })

/**
 * A person lets these failures be: they rest until the record comes in again or is asked for. What has an unresolved call is left as it is:
 * whether it took effect must be said first (`declare`). Answers the links that rest now.
 */
export const ignore = (sql: Sql, links: readonly LinkName[]): Promise<LinkName[]> =>
  sql<LinkName>`
    with wanted as materialized (
      select l.tenant_id, l.pair_id, l.link_id
      from unnest(
        ${col.text(links.map((l) => l.tenant_id))}::text[], ${col.text(links.map((l) => l.pair_id))}::text[],
        ${col.int8(links.map((l) => l.link_id))}::int8[]) as w (tenant_id, pair_id, link_id)
      cross join lateral (
        select k.tenant_id, k.pair_id, k.link_id, k.state, k.sent_at from link k
        where k.tenant_id = w.tenant_id and k.pair_id = w.pair_id and k.link_id = w.link_id
        limit 1
        for update) l
      where l.state = 'parked' and l.sent_at is null)
    update link l set
      state = 'idle', reason = 'ignored', settled = l.generation, fault = null, attempts = 0, since = null
    from wanted w
    where l.tenant_id = w.tenant_id and l.pair_id = w.pair_id and l.link_id = w.link_id
    returning l.tenant_id, l.pair_id, l.link_id`
