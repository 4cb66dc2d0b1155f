/**
 * The reconciler (A4): each hour walks every pair's keys and repairs what the door's statement should have left in order. It must find
 * nothing; what it finds is a metric. Any number of nodes may walk: a walk belongs to whoever holds its row, slice by slice.
 */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis, Side } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { at, col, type Sql } from '../store/sql.ts'
import type { Log } from './engine.ts'
import { lockLinks, touch } from './touch.ts'

/**
 * `missing`: a staged record that a flow covers has no link. `behind`: a link knows an older version than is staged. `held`: a row is held
 * and its pair is not, or the other way round. `lease`: its lease ran out long ago and nobody took it back. `target`: it is due towards a
 * connection that is none of its pair's.
 */
export type Finding = 'missing' | 'behind' | 'held' | 'lease' | 'target'
export type Findings = Record<Finding, number>

export interface ReconcilerDeps {
  sql: Sql
  env: Pick<Env, 'sleep' | 'random'>
  log: Log
  /** For the metric; called only where something was found. */
  found(finding: Finding, count: number): void
  /** Rows became due. */
  woke(): void
  everyMs?: Millis
  /** For tests; production takes the database's clock. */
  clock?: () => Millis | null
  /** Most keys that one slice looks at, and most rows that it repairs (C5). */
  keys?: number
  rows?: number
}

interface Walk {
  tenant_id: string
  pair_id: string
  walk: Side | 'links'
  after: string | null
}

const none = (): Findings => ({ missing: 0, behind: 0, held: 0, lease: 0, target: 0 })

/** One slice of one walk that is due, or null where none is. Pairs that are being swept are left alone: what lags there is being seen to. */
export const reconcileSlice = async (deps: ReconcilerDeps): Promise<Findings | null> => {
  const { sql, everyMs = 3_600_000 } = deps
  const now = deps.clock?.() ?? null
  const found = await sql.retrying(async (tx) => {
    const [walk] = await tx<Walk>`
      select r.tenant_id, r.pair_id, r.walk, r.after
      from reconciliation r
      join pair p on p.tenant_id = r.tenant_id and p.pair_id = r.pair_id
      where r.next_at <= coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) and p.staging
        and not exists (select from flow f where f.tenant_id = p.tenant_id and f.pair_id = p.pair_id and f.sweep is not null)
      order by r.next_at, r.tenant_id, r.pair_id, r.walk
      limit 1
      for update of r skip locked`
    if (!walk) return null
    const slice =
      walk.walk === 'links' ? await linkSlice(tx, deps, walk, now) : await documentSlice(tx, deps, walk, walk.walk, now)
    const repaired = Object.values(slice.findings).reduce((sum, count) => sum + count, 0)
    await tx`
      update reconciliation set
        after = ${slice.after},
        found = found + ${repaired},
        ended_at = case when ${slice.after}::text is null then clock_timestamp() else ended_at end,
        next_at = case when ${slice.after}::text is null
          then coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) + ${everyMs}::float8 * interval '1 millisecond'
          else next_at end
      where tenant_id = ${walk.tenant_id} and pair_id = ${walk.pair_id} and walk = ${walk.walk}`
    return { findings: slice.findings, walk, repaired }
  })
  if (!found) return null
  if (found.repaired) {
    const { tenant_id: tenant, pair_id: flow, walk } = found.walk
    deps.log.warn({ tenant, flow, walk, found: found.findings }, 'the reconciler repaired rows: it should find none')
    for (const [finding, count] of Object.entries(found.findings)) if (count) deps.found(finding as Finding, count)
    deps.woke()
  }
  return found.findings
}

/** Every walk that is due, to its end; answers what was found. */
export const reconcile = async (deps: ReconcilerDeps, signal?: AbortSignal): Promise<Findings> => {
  await planWalks(deps.sql)
  const total = none()
  while (!signal?.aborted) {
    const findings = await reconcileSlice(deps)
    if (!findings) break
    for (const finding of Object.keys(total) as Finding[]) total[finding] += findings[finding]
  }
  return total
}

/** A pair that is new is walked at once, and then each hour. */
const planWalks = (sql: Sql): Promise<unknown> => sql`
  insert into reconciliation (tenant_id, pair_id, walk)
  select tenant_id, pair_id, walk from pair cross join (values ('left'), ('right'), ('links')) as w (walk)
  order by tenant_id, pair_id, walk
  on conflict do nothing`

/** Looks each minute whether a walk is due; the hour is each walk's own, so that nodes share them and a restart begins none anew. */
export const startReconciler = (deps: ReconcilerDeps): Loop =>
  startLoop({
    name: 'reconciler',
    every: Math.min(60_000, deps.everyMs ?? 60_000),
    run: async (signal) => void (await reconcile(deps, signal)),
    env: deps.env,
    log: deps.log,
  })

/** What all walks so far have repaired: must be 0 in the rigs. */
export const reconciled = async (sql: Sql): Promise<number> => {
  const [row] = await sql<{ found: number }>`select coalesce(sum(found), 0)::int8 as found from reconciliation`
  return row?.found ?? 0
}

interface Slice {
  findings: Findings
  /** Null: the walk has come to its end. */
  after: string | null
}

/** Up to the row with which `rows` of them are to be repaired. */
const cut = <T>(
  read: readonly T[],
  wrong: (row: T) => boolean,
  rows: number,
): { last: T | undefined; wrong: T[]; all: boolean } => {
  const found: T[] = []
  for (const row of read) {
    if (wrong(row)) found.push(row)
    if (found.length >= rows) return { last: row, wrong: found, all: row === read.at(-1) }
  }
  return { last: read.at(-1), wrong: found, all: true }
}

interface StagedRow {
  data_id: string
  missing: boolean
  behind: boolean
}

/**
 * In one snapshot, for a document and its links are written by one statement. A flow covers what came after it was enabled, or all
 * (startFrom). A voided record without a link needs none. A record that carries the id of one that is linked already was let go of by a
 * re-push as a new record (D7): a link would make it a second one.
 */
const documentSlice = async (
  tx: Sql,
  deps: ReconcilerDeps,
  walk: Walk,
  side: Side,
  now: Millis | null,
): Promise<Slice> => {
  const { keys = 5_000, rows = 500 } = deps
  const read = await tx<StagedRow>`
    select d.data_id,
      k.version is null and d.operation = 'upsert' and coalesce(f.start_from = 'all' or d.version > f.start_version, false)
        and (d.external_id is null or not exists (
          select from link o where ${side} = 'left' and o.tenant_id = p.tenant_id and o.pair_id = p.pair_id and o.right_id = d.external_id
          union all
          select from link o where ${side} = 'right' and o.tenant_id = p.tenant_id and o.pair_id = p.pair_id and o.left_id = d.external_id)) as missing,
      coalesce(k.version < d.version, false) as behind
    from pair p
    left join flow f on f.tenant_id = p.tenant_id and f.pair_id = p.pair_id and f.from_side = ${side} and f.state <> 'disabled'
    cross join lateral (
      select d.data_id, d.version, d.operation, d.external_id from document d
      where d.tenant_id = p.tenant_id
        and d.connection_id = case ${side} when 'left' then p.left_connection else p.right_connection end
        and d.object = case ${side} when 'left' then p.left_object else p.right_object end
        and d.data_id > ${walk.after ?? ''} and d.version > 0
      order by d.data_id
      limit ${keys}) d
    left join lateral (
      select k.left_version as version from link k
      where ${side} = 'left' and k.tenant_id = p.tenant_id and k.pair_id = p.pair_id and k.left_id = d.data_id
      union all
      select k.right_version from link k
      where ${side} = 'right' and k.tenant_id = p.tenant_id and k.pair_id = p.pair_id and k.right_id = d.data_id
      limit 1) k on true
    where p.tenant_id = ${walk.tenant_id} and p.pair_id = ${walk.pair_id} and p.staging
    order by d.data_id`
  const { last, wrong, all } = cut(read, (row) => row.missing || row.behind, rows)
  await touch(
    tx,
    walk,
    side,
    wrong.map((row) => row.data_id),
    false,
    now,
  )
  return {
    findings: {
      ...none(),
      missing: wrong.filter((row) => row.missing).length,
      behind: wrong.filter((row) => row.behind).length,
    },
    after: last && (!all || read.length >= keys) ? last.data_id : null,
  }
}

interface LinkSeen {
  link_id: number
  held: boolean
  lease: boolean
  target: boolean
}

const linkSlice = async (tx: Sql, deps: ReconcilerDeps, walk: Walk, now: Millis | null): Promise<Slice> => {
  const { keys = 5_000, rows = 500 } = deps
  const read = await tx<LinkSeen>`
    select l.link_id, l.held <> p.held as held,
      coalesce(l.lease_until < coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) - interval '1 minute', false) as lease,
      l.state in ('due', 'unknown') and l.target_connection not in (p.left_connection, p.right_connection) as target
    from pair p
    cross join lateral (
      select * from link l
      where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.link_id > ${Number(walk.after ?? 0)}
      order by l.link_id
      limit ${keys}) l
    where p.tenant_id = ${walk.tenant_id} and p.pair_id = ${walk.pair_id} and p.staging
    order by l.link_id`
  const { last, wrong, all } = cut(read, (row) => row.held || row.lease || row.target, rows)
  const ids = wrong.map((row) => row.link_id)
  if (ids.length) {
    await lockLinks(tx, walk, ids)
    await tx`
      update link l set
        held = p.held,
        state = case
          when l.lease_until >= coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) - interval '1 minute' or l.lease_until is null then l.state
          when l.sent_at is null then 'due' else 'unknown' end,
        lease_until = case
          when l.lease_until >= coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) - interval '1 minute' then l.lease_until end,
        target_connection = case
          when l.target_connection in (p.left_connection, p.right_connection) then l.target_connection
          when coalesce(l.sent_side, case when l.right_id is null then 'right' when l.left_id is null then 'left' else l.last_side end) = 'left'
          then p.left_connection else p.right_connection end
      from pair p
      where p.tenant_id = ${walk.tenant_id} and p.pair_id = ${walk.pair_id}
        and l.tenant_id = ${walk.tenant_id} and l.pair_id = ${walk.pair_id} and l.link_id = any(${col.int8(ids)}::int8[])`
  }
  const count = (finding: 'held' | 'lease' | 'target'): number => wrong.filter((row) => row[finding]).length
  return {
    findings: { ...none(), held: count('held'), lease: count('lease'), target: count('target') },
    after: last && (!all || read.length >= keys) ? String(last.link_id) : null,
  }
}
