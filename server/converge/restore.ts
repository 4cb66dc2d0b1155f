/** Restore mode (promise 29): which targets nothing is sent to since a backup was restored, and how their live records are made known again. */
import type { Millis, Side } from '../doc/document.ts'
import { type Print, unpackPrint } from '../doc/print.ts'
import { at, col, type Sql } from '../store/sql.ts'
import type { PairName } from './touch.ts'

export interface Restoring {
  tenant_id: string
  connection_id: string
  backup_at: Millis
  restored_at: Millis
  version_at: number
  now: Millis
}

/** Targets that wait still. */
export const readRestoring = (sql: Sql): Promise<Restoring[]> => sql<Restoring>`
  select tenant_id, connection_id, backup_at, restored_at, version_at, clock_timestamp() as now
  from restore
  where released_at is null
  order by tenant_id, connection_id`

/** Every connection waits. A backup that was taken while an earlier restore was not over counts from the earlier one. */
export const beginRestore = (sql: Sql, backupAt: Millis): Promise<number> => sql.affected`
  insert into restore as r (tenant_id, connection_id, backup_at, version_at)
  select tenant_id, connection_id, ${at(backupAt)}::timestamptz, (select last_value from version_seq) from connection
  order by tenant_id, connection_id
  on conflict (tenant_id, connection_id) do update set
    backup_at = case when r.released_at is null then least(r.backup_at, excluded.backup_at) else excluded.backup_at end,
    restored_at = clock_timestamp(), version_at = excluded.version_at, scanned = 0, bound = 0, fault = null, released_at = null, released_by = null`

export const endRestore = async (
  sql: Sql,
  target: { tenant_id: string; connection_id: string },
  by: 'reconciled' | 'person',
): Promise<boolean> => {
  const ended = await sql.affected`
    update restore set released_at = clock_timestamp(), released_by = ${by}, fault = null
    where tenant_id = ${target.tenant_id} and connection_id = ${target.connection_id} and released_at is null`
  if (ended) await sql`select pg_notify('mortise_work', 'restored')`
  return ended > 0
}

/** A record that the target holds now, with the id of the record it was made for. */
export interface Live {
  source: string
  target: string
  voided: boolean
  /** By the target's clock it changed after the backup. Only asked of a record that the backup knows nothing of. */
  since: 'yes' | 'no' | 'unsure'
  /** What it shows now, to be held against what the backup knows it to have shown: exact, and no clock is in it. */
  shown: Print
}

interface Known {
  link_id: number
  left_id: string | null
  right_id: string | null
  left_version: number
  right_version: number
  state: string
  sent_at: Millis | null
  voided_at: Millis | null
  agreed: Buffer | null
}

/** What becomes of a link. `idle`: it agrees with what the target has;
 * `due`: its update goes out once the target is released; `parked`: nobody can tell which of the two is the newer one. */
interface Found {
  link_id: number
  absorb: number | null
  target: string
  left_version: number
  right_version: number
  end: 'idle' | 'due' | 'parked'
  voided: boolean
}

/** Changed after the backup: by us before the loss, or by somebody there. */
const changed = (link: Known, one: Live): Live['since'] => {
  const agreed = unpackPrint(link.agreed)
  if (!agreed.size) return one.since
  if (one.voided) return link.voided_at === null ? 'yes' : 'no'
  for (const [key, value] of agreed) if (one.shown.has(key) && one.shown.get(key) !== value) return 'yes'
  return 'no'
}

/** What was said after the restore is newer than anything the target can have; what was said before is as old as the target at most, if that changed. */
const endOf = (link: Known, since: Live['since'], newer: boolean): Found['end'] => {
  if (link.state === 'idle') return 'idle'
  if (newer || since === 'no') return 'due'
  return since === 'yes' ? 'idle' : 'parked'
}

const plan = (
  known: readonly Known[],
  live: readonly Live[],
  side: Side,
  versionAt: number,
): { found: Found[]; fresh: Live[] } => {
  const source: Side = side === 'left' ? 'right' : 'left'
  const bySource = new Map(known.map((one) => [one[`${source}_id`], one]))
  const byTarget = new Map(known.map((one) => [one[`${side}_id`], one]))
  const found: Found[] = []
  const fresh: Live[] = []
  for (const one of live) {
    const ours = bySource.get(one.source)
    const theirs = byTarget.get(one.target)
    if (!ours && !theirs) {
      fresh.push(one)
      continue
    }
    const absorb = ours && theirs && ours !== theirs ? theirs : null
    const link = ours ?? theirs
    // Another record of the same source, or a row whose own call is open, is nothing to be changed from outside (L2, R2).
    if (!link || (absorb && (absorb[`${source}_id`] !== null || absorb.sent_at !== null))) continue
    if (link[`${side}_id`] !== null && link[`${side}_id`] !== one.target) continue
    const open = ['due', 'working', 'unknown'].includes(link.state)
    const unbound = link[`${side}_id`] === null
    const since = unbound ? one.since : changed(link, one)
    const end = endOf(link, since, link[`${source}_version`] > versionAt)
    const binds = unbound && (link.sent_at === null || since !== 'no')
    if (!binds && !(open && end === 'idle')) continue
    found.push({
      link_id: link.link_id,
      absorb: absorb?.link_id ?? null,
      target: one.target,
      left_version: Math.max(link.left_version, absorb?.left_version ?? 0),
      right_version: Math.max(link.right_version, absorb?.right_version ?? 0),
      end,
      voided: one.voided,
    })
  }
  return { found, fresh }
}

/**
 * Makes live records of one side of a pair known, at most 500 in one short transaction of its own; answers how many were. A record without a link
 * gets one with both ids, so that whatever is said of it next is an update. A link without that side's id gets it. What was on its way to a record
 * that has changed since the backup is given up, unless it was said after the restore: the nodes that were lost had gone on, so the target is at
 * least as new as the backup.
 */
export const bindLive = (
  sql: Sql,
  pair: PairName,
  side: Side,
  live: readonly Live[],
  versionAt: number,
): Promise<number> =>
  sql.retrying(async (tx) => {
    const sources = live.map((one) => one.source)
    const targets = live.map((one) => one.target)
    const known = await tx<Known>`
      select l.link_id, l.left_id, l.right_id, l.left_version, l.right_version, l.state, l.sent_at, l.voided_at,
        case ${side} when 'left' then l.left_agreed_print else l.right_agreed_print end as agreed
      from (
        select k.link_id from unnest(${col.text(side === 'left' ? targets : sources)}::text[]) i (id)
        cross join lateral (
          select link_id from link where tenant_id = ${pair.tenant_id} and pair_id = ${pair.pair_id} and left_id = i.id limit 1) k
        union
        select k.link_id from unnest(${col.text(side === 'left' ? sources : targets)}::text[]) i (id)
        cross join lateral (
          select link_id from link where tenant_id = ${pair.tenant_id} and pair_id = ${pair.pair_id} and right_id = i.id limit 1) k) w
      join link l on l.tenant_id = ${pair.tenant_id} and l.pair_id = ${pair.pair_id} and l.link_id = w.link_id
      order by l.link_id
      for update of l`
    const { found, fresh } = plan(known, live, side, versionAt)
    const absorbed = found.flatMap((one) => (one.absorb === null ? [] : [one.absorb]))
    if (absorbed.length)
      await tx`
        delete from link
        where tenant_id = ${pair.tenant_id} and pair_id = ${pair.pair_id} and link_id = any(${col.int8(absorbed)}::int8[])`
    if (found.length)
      await tx`
        update link l set
          left_id = case when ${side} = 'left' then f.target else l.left_id end,
          right_id = case when ${side} = 'right' then f.target else l.right_id end,
          left_version = f.left_version,
          right_version = f.right_version,
          left_agreed_version = case when f.state = 'idle' and ${side} = 'right' then f.left_version else l.left_agreed_version end,
          left_agreed_hash = case when f.state = 'idle' and ${side} = 'right' then l.told else l.left_agreed_hash end,
          right_agreed_version = case when f.state = 'idle' and ${side} = 'left' then f.right_version else l.right_agreed_version end,
          right_agreed_hash = case when f.state = 'idle' and ${side} = 'left' then l.told else l.right_agreed_hash end,
          voided_at = case when f.voided then coalesce(l.voided_at, clock_timestamp()) else l.voided_at end,
          generation = l.generation + 1,
          settled = case when f.state = 'idle' then l.generation + 1 else l.settled end,
          state = f.state,
          reason = case f.state when 'idle' then 'applied' when 'parked' then 'conflict' end,
          fault = case when f.state = 'parked' then json_build_object('code', 'conflict.restored', 'stage', 'resolve', 'value', f.target)::text end,
          lease_token = l.lease_token + 1, lease_until = null,
          next_at = clock_timestamp(), attempts = 0, since = case when f.state = 'parked' then clock_timestamp() end,
          wait_kind = null, wait_on = null, wait_until = null, wait_step = 0,
          sent_at = null, sent_call = null, sent_side = null, sent_generation = null, sent_left_version = null, sent_right_version = null,
          sent_hash = null, sent_print = null, sent_source_print = null, sent_rows = null, sent_later = null, sent_seen = null,
          unbound_rows = false, idem_key = null, match_key = null, first_mark = null, last_mark = null, doubt_at = null, doubt_first = null, doubt_key = null
        from unnest(
          ${col.int8(found.map((one) => one.link_id))}::int8[], ${col.text(found.map((one) => one.target))}::text[],
          ${col.int8(found.map((one) => one.left_version))}::int8[], ${col.int8(found.map((one) => one.right_version))}::int8[],
          ${col.text(found.map((one) => one.end))}::text[], ${col.bool(found.map((one) => one.voided))}::bool[])
          as f (link_id, target, left_version, right_version, state, voided)
        where l.tenant_id = ${pair.tenant_id} and l.pair_id = ${pair.pair_id} and l.link_id = f.link_id`
    if (fresh.length)
      await tx`
        insert into link (
          tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, generation, settled, state, reason, held, target_connection, voided_at)
        select p.tenant_id, p.pair_id, nextval('link_seq'), case when ${side} = 'left' then f.target else f.source end,
          case when ${side} = 'left' then f.source else f.target end, clock_timestamp(), 1, 1, 'idle', 'applied', p.held,
          case when ${side} = 'left' then p.left_connection else p.right_connection end, case when f.voided then clock_timestamp() end
        from unnest(
          ${col.text(fresh.map((one) => one.source))}::text[], ${col.text(fresh.map((one) => one.target))}::text[],
          ${col.bool(fresh.map((one) => one.voided))}::bool[]) as f (source, target, voided)
        join pair p on p.tenant_id = ${pair.tenant_id} and p.pair_id = ${pair.pair_id}
        order by f.source
        on conflict do nothing`
    return found.length + fresh.length
  })

export const noteScan = (
  sql: Sql,
  target: { tenant_id: string; connection_id: string },
  scanned: number,
  bound: number,
  fault: string | null,
): Promise<unknown> => sql`
  update restore set scanned = ${scanned}, bound = ${bound}, fault = ${fault}
  where tenant_id = ${target.tenant_id} and connection_id = ${target.connection_id} and released_at is null`

export interface TargetSide {
  pair_id: string
  side: Side
  object: string
}

/** Sides of pairs that something may be sent to on this connection: a flow leads there that is not disabled. */
export const targetSides = (
  sql: Sql,
  target: { tenant_id: string; connection_id: string },
): Promise<TargetSide[]> => sql<TargetSide>`
  select p.pair_id, s.side, case s.side when 'left' then p.left_object else p.right_object end as object
  from pair p
  cross join (values ('left'), ('right')) as s (side)
  join flow f on f.tenant_id = p.tenant_id and f.pair_id = p.pair_id and f.from_side <> s.side and f.state <> 'disabled'
  where p.tenant_id = ${target.tenant_id}
    and case s.side when 'left' then p.left_connection else p.right_connection end = ${target.connection_id}
  order by p.pair_id, s.side`
