/**
 * The sweeper: carries out what a changed flow asks of its records ("Flows that stop"): pause, resume, disable, enable, publish.
 * It walks in slices, each a short transaction that ends with the key it came to; any number of nodes may walk, and go on after a crash.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis, Operation, Side } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Pair } from '../doc/flow.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { differing } from './differs.ts'
import type { Directory, Log } from './engine.ts'
import { ask, lockLinks, touch } from './touch.ts'

export interface SweeperDeps {
  sql: Sql
  directory: Pick<Directory, 'pair'>
  env: Pick<Env, 'now' | 'sleep' | 'random'>
  log: Log
  /** Rows became due: wakes the workers of this process. */
  woke(): void
  /** For tests; production takes the database's clock. */
  clock?: () => Millis | null
  /** Most keys that one slice looks at, and most rows that it changes (C5). */
  keys?: number
  rows?: number
}

/** A flow that asks. `xid` tells one ask from the next: a slice of an earlier ask changes nothing. */
export interface Ask {
  tenant_id: string
  pair_id: string
  from_side: Side
  state: 'enabled' | 'paused' | 'disabled'
  definition: string
  sweep: 'enable' | 'disable' | 'pause' | 'resume' | 'publish'
  sweep_option: string | null
  sweep_xid: string | null
  sweep_after: string | null
  sweep_waits: string[] | null
  sweep_total: number | null
  start_version: number | null
  /** Of the pair: what new links are made with. */
  held: boolean
  /** False: no flow of the pair is left, and documents no longer touch its links. */
  staging: boolean
}

/** `waits`: for transactions that were open at the ask, or until this process has loaded what was published. */
export type Swept = 'waits' | 'more' | 'done' | 'taken'

/** Where a sweep has come to: over the documents of its side first (enabling only), then over the links of the pair. */
type Place = { phase: 'documents'; after: string } | { phase: 'links'; after: number }

const placeOf = ({ sweep, sweep_after: after }: Ask): Place => {
  if (after === null) return sweep === 'enable' ? { phase: 'documents', after: '' } : { phase: 'links', after: 0 }
  return after.startsWith('d:')
    ? { phase: 'documents', after: after.slice(2) }
    : { phase: 'links', after: Number(after.slice(2)) }
}
const firstLink = 'l:0'

/** What a publishing asks for, alone or together with a pause or a resume. */
const publishes = ({ sweep, sweep_option: option }: Ask): 'all' | 'differing' | null =>
  sweep !== 'enable' && sweep !== 'disable' && (option === 'all' || option === 'differing') ? option : null

export const pendingSweeps = (sql: Sql): Promise<Ask[]> => sql<Ask>`
  select f.tenant_id, f.pair_id, f.from_side, f.state, f.definition, f.sweep, f.sweep_option, f.sweep_xid, f.sweep_after, f.sweep_waits,
    f.sweep_total, f.start_version, p.held, p.staging
  from flow f
  join pair p on p.tenant_id = f.tenant_id and p.pair_id = f.pair_id
  where f.sweep is not null
  order by f.changed_at, f.tenant_id, f.pair_id, f.from_side`

/** One slice of this sweep. */
export const sweepSlice = async (deps: SweeperDeps, asked: Ask): Promise<Swept> => {
  if (asked.sweep_total === null) {
    if (asked.held) await holdDue(deps, asked)
    const open = await stillOpen(deps.sql, asked)
    if (open === null) return 'taken'
    if (open > 0) return 'waits'
    if (!(await begin(deps.sql, asked))) return 'taken'
    return 'more'
  }
  // What this process would still decide by the mapping of before must not be asked for yet.
  const pair = publishedPair(deps, asked)
  if (!pair && (asked.sweep === 'enable' || publishes(asked))) return 'waits'
  const place = placeOf(asked)
  return place.phase === 'documents'
    ? documentSlice(deps, asked, pair, place.after)
    : linkSlice(deps, asked, pair, place.after)
}

/** A slice of every flow that asks, in turn, so that a large one holds up nobody; true: there is more to do at once. */
export const sweepRound = async (
  deps: SweeperDeps,
  signal?: AbortSignal,
): Promise<{ more: boolean; waits: boolean }> => {
  const round = { more: false, waits: false }
  for (const asked of await pendingSweeps(deps.sql)) {
    if (signal?.aborted) break
    try {
      const swept = await sweepSlice(deps, asked)
      round.more ||= swept === 'more' || swept === 'done'
      round.waits ||= swept === 'waits' || swept === 'taken'
    } catch (err) {
      // One flow that cannot be swept must not keep the others from it; it is tried again at the next turn.
      deps.log.error({ err, tenant: asked.tenant_id, flow: asked.pair_id, sweep: asked.sweep }, 'a sweep failed')
    }
  }
  return round
}

export const startSweeper = (deps: SweeperDeps, everyMs: Millis = 1_000): Loop =>
  startLoop({
    name: 'sweeper',
    every: everyMs,
    run: async (signal) => {
      const { more, waits } = await sweepRound(deps, signal)
      return more ? 0 : waits ? Math.min(200, everyMs) : undefined
    },
    env: deps.env,
    log: deps.log,
  })

// ── the beginning (A4) ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * How many transactions that write documents and were open when the ask was first seen are open still; null: somebody else is at it.
 * A statement locks its tables before it takes its snapshot. So whatever does not see the new flow holds a lock on `document` by now, and
 * once those transactions have ended, what they admitted is seen, and what comes later is touched at the door.
 * Rejected: comparing pg_snapshot_xmin with the ask's transaction. It stalls with every write of the whole cluster, and it misses the
 * statement that took its snapshot before the ask's commit and its transaction number after it.
 */
const stillOpen = async (sql: Sql, asked: Ask): Promise<number | null> => {
  const [row] = await sql<{ open: number }>`
    with mine as materialized (
      select tenant_id, pair_id, from_side from flow
      where tenant_id = ${asked.tenant_id} and pair_id = ${asked.pair_id} and from_side = ${asked.from_side}
        and sweep_xid is not distinct from ${asked.sweep_xid}::xid8 and sweep is not null
      for update skip locked),
    writing as materialized (
      select distinct virtualtransaction as transaction
      from pg_locks
      where locktype = 'relation' and relation = 'document'::regclass and mode = 'RowExclusiveLock' and granted
        and database = (select oid from pg_database where datname = current_database())
        and pid is distinct from pg_backend_pid())
    update flow f set sweep_waits = array(
      select w.transaction from writing w where f.sweep_waits is null or w.transaction = any(f.sweep_waits))
    from mine m
    where f.tenant_id = m.tenant_id and f.pair_id = m.pair_id and f.from_side = m.from_side
    returning cardinality(f.sweep_waits) as open`
  return row?.open ?? null
}

/** From here on the sweep walks; what it has to look at is known and shown. */
const begin = (sql: Sql, asked: Ask): Promise<number> => sql.affected`
  update flow f set sweep_total = (
    select count(*) from link l where l.tenant_id = f.tenant_id and l.pair_id = f.pair_id) + case when f.sweep = 'enable' then (
    select count(*)
    from pair p
    join document d on d.tenant_id = p.tenant_id
      and d.connection_id = case f.from_side when 'left' then p.left_connection else p.right_connection end
      and d.object = case f.from_side when 'left' then p.left_object else p.right_object end
    where p.tenant_id = f.tenant_id and p.pair_id = f.pair_id and d.version > 0) else 0 end
  where f.tenant_id = ${asked.tenant_id} and f.pair_id = ${asked.pair_id} and f.from_side = ${asked.from_side}
    and f.sweep_xid is not distinct from ${asked.sweep_xid}::xid8 and f.sweep_total is null and f.sweep_waits = '{}'`

/** What is due is held before anything else is walked: a pause should be felt at once, also over a million links. */
const holdDue = async ({ sql, rows = 500 }: SweeperDeps, asked: Ask): Promise<void> => {
  for (;;) {
    const held = await sql.retrying(
      (tx) => tx.affected`
      with due as materialized (
        select l.tenant_id, l.pair_id, l.link_id
        from link l
        join pair p on p.tenant_id = l.tenant_id and p.pair_id = l.pair_id
        where l.tenant_id = ${asked.tenant_id} and l.pair_id = ${asked.pair_id} and l.state = 'due' and not l.held and p.held
          and l.target_connection in (p.left_connection, p.right_connection)
        order by l.link_id
        limit ${rows}
        for update of l)
      update link l set held = true
      from due d
      where l.tenant_id = d.tenant_id and l.pair_id = d.pair_id and l.link_id = d.link_id`,
    )
    if (held < rows) return
  }
}

/**
 * Runs a slice's changes under the rows of its pair and flow; false: the ask is no longer this one, has got further, or is being walked
 * right now. While it runs no configuration can be applied to the pair: what it says of `held` and `staging` holds until the commit.
 */
const sliceOf = (
  { sql }: SweeperDeps,
  asked: Ask,
  next: { after: string; looked: number } | 'end',
  change: (tx: Sql) => Promise<void>,
): Promise<boolean> =>
  sql.retrying(async (tx) => {
    const [pair] = await tx<Pick<Ask, 'held' | 'staging'>>`
      select held, staging from pair
      where tenant_id = ${asked.tenant_id} and pair_id = ${asked.pair_id}
      for share skip locked`
    if (!pair || pair.held !== asked.held || pair.staging !== asked.staging) return false
    const [mine] = await tx`
      select from flow
      where tenant_id = ${asked.tenant_id} and pair_id = ${asked.pair_id} and from_side = ${asked.from_side} and sweep is not null
        and sweep_xid is not distinct from ${asked.sweep_xid}::xid8 and sweep_after is not distinct from ${asked.sweep_after}
      for update skip locked`
    if (!mine) return false
    await change(tx)
    if (next === 'end') {
      await tx`
        update flow set
          sweep = null, sweep_option = null, sweep_xid = null, sweep_after = null, sweep_waits = null, sweep_done = 0, sweep_total = null
        where tenant_id = ${asked.tenant_id} and pair_id = ${asked.pair_id} and from_side = ${asked.from_side}`
    } else {
      await tx`
        update flow set sweep_after = ${next.after}, sweep_done = sweep_done + ${next.looked}
        where tenant_id = ${asked.tenant_id} and pair_id = ${asked.pair_id} and from_side = ${asked.from_side}`
    }
    return true
  })

/** The pair as published by this ask, or null while this process still holds an older one. */
const publishedPair = ({ directory }: SweeperDeps, asked: Ask): Pair | null => {
  const pair = directory.pair(asked.tenant_id, asked.pair_id)
  const def = pair?.def.flows[asked.from_side]
  if (!pair || !def) return null
  const { from: _from, state, ...rest } = def
  const published = (JSON.parse(asked.definition) as { flow?: unknown }).flow
  return state === asked.state && isDeepStrictEqual(JSON.parse(JSON.stringify(rest)), published) ? pair : null
}

interface Window<T> {
  looked: T[]
  changing: T[]
  /** There are no more keys. */
  ended: boolean
}

/**
 * What one slice looks at: keys are read some at a time until enough rows are found that are to be changed, or `keys` were looked at.
 * 5,000 at once would mostly be read again by the next slice: 90 ms a slice of 500 rows instead of 25 (200,000 links, never analysed).
 */
const windowOf = async <T>(
  read: (last: T | undefined, limit: number) => Promise<T[]>,
  wanted: (row: T) => boolean,
  { keys = 5_000, rows = 500 }: Pick<SweeperDeps, 'keys' | 'rows'>,
): Promise<Window<T>> => {
  const looked: T[] = []
  const changing: T[] = []
  for (;;) {
    const limit = Math.min(rows - changing.length, keys - looked.length)
    const more = await read(looked.at(-1), limit)
    looked.push(...more)
    changing.push(...more.filter(wanted))
    if (more.length < limit) return { looked, changing, ended: true }
    if (2 * changing.length >= rows || looked.length >= keys) return { looked, changing, ended: false }
  }
}

// ── enabling: the documents of its side (A4) ─────────────────────────────────────────────────────────────────────────────────────────

interface StagedRow {
  data_id: string
  version: number
  operation: Operation
  link_id: number | null
  behind: boolean | null
  paired: boolean | null
  voided: boolean | null
}

const stagedRows = (sql: Sql, asked: Ask, after: string, keys: number): Promise<StagedRow[]> => sql<StagedRow>`
  select d.data_id, d.version, d.operation, k.link_id, k.version < d.version as behind, k.other_id is not null as paired,
    k.voided_at is not null as voided
  from pair p
  cross join lateral (
    select d.data_id, d.version, d.operation from document d
    where d.tenant_id = p.tenant_id
      and d.connection_id = case ${asked.from_side} when 'left' then p.left_connection else p.right_connection end
      and d.object = case ${asked.from_side} when 'left' then p.left_object else p.right_object end
      and d.data_id > ${after} and d.version > 0
    order by d.data_id
    limit ${keys}) d
  left join lateral (
    select k.link_id, k.left_version as version, k.right_id as other_id, k.voided_at from link k
    where ${asked.from_side} = 'left' and k.tenant_id = p.tenant_id and k.pair_id = p.pair_id and k.left_id = d.data_id
    union all
    select k.link_id, k.right_version, k.left_id, k.voided_at from link k
    where ${asked.from_side} = 'right' and k.tenant_id = p.tenant_id and k.pair_id = p.pair_id and k.right_id = d.data_id
    limit 1) k on true
  where p.tenant_id = ${asked.tenant_id} and p.pair_id = ${asked.pair_id}
  order by d.data_id`

/**
 * `startFrom: all`: every staged record becomes due; of records that are mapped already only those whose mapped result differs from what
 * the other side is known to have, and voids it was never told of. `startFrom: now`: only what came after the enabling was asked for and
 * was admitted without seeing it. A void of a record without a link asks for nothing.
 */
const startsWith = (asked: Ask, row: StagedRow): boolean => {
  if (row.link_id === null && row.operation === 'void') return false
  if (asked.sweep_option === 'all') return row.link_id === null || row.voided === false
  return row.version > (asked.start_version ?? 0) && (row.link_id === null || row.behind === true)
}

const documentSlice = async (deps: SweeperDeps, asked: Ask, pair: Pair | null, after: string): Promise<Swept> => {
  const { looked, changing, ended } = await windowOf<StagedRow>(
    (last, limit) => stagedRows(deps.sql, asked, last?.data_id ?? after, limit),
    (row) => startsWith(asked, row),
    deps,
  )
  const all = asked.sweep_option === 'all'
  const mapped = all ? changing.filter((row) => row.link_id !== null && row.paired) : []
  const mappedIds = mapped.map((row) => row.link_id as number)
  const differ = await differingOf(deps, asked, pair, mappedIds)
  const plain: string[] = []
  const asking: string[] = []
  for (const row of changing) {
    if (!all || row.link_id === null) plain.push(row.data_id)
    else if (!row.paired || differ.has(row.link_id)) asking.push(row.data_id)
  }
  const last = looked.at(-1)
  const next = { after: ended || !last ? firstLink : `d:${last.data_id}`, looked: looked.length }
  const mine = await sliceOf(deps, asked, next, async (tx) => {
    const now = deps.clock?.() ?? null
    await touch(tx, asked, asked.from_side, plain, false, now)
    await touch(tx, asked, asked.from_side, asking, true, now)
  })
  if (!mine) return 'taken'
  if (plain.length || asking.length) deps.woke()
  return 'more'
}

const differingOf = async (
  deps: SweeperDeps,
  asked: Ask,
  pair: Pair | null,
  ids: readonly number[],
): Promise<Set<number>> => (pair ? differing(deps.sql, pair, asked.from_side, ids, deps.env.now()) : new Set())

// ── the links of the pair ────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface LinkSeen {
  link_id: number
  state: string
  reason: string | null
  misheld: boolean
  known: boolean
  voided: boolean
  behind: boolean
}

const linkRows = (sql: Sql, asked: Ask, after: number, keys: number): Promise<LinkSeen[]> => sql<LinkSeen>`
  select l.link_id, l.state, l.reason, l.held <> p.held as misheld, l.voided_at is not null as voided,
    case ${asked.from_side} when 'left' then l.left_id else l.right_id end is not null as known,
    coalesce(l.left_version < d.left_version or l.right_version < d.right_version, false) as behind
  from pair p
  cross join lateral (
    select * from link l
    where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.link_id > ${after}
    order by l.link_id
    limit ${keys}) l
  left join lateral (
    select
      (select version from document d
       where d.tenant_id = p.tenant_id and d.connection_id = p.left_connection and d.object = p.left_object and d.data_id = l.left_id) as left_version,
      (select version from document d
       where d.tenant_id = p.tenant_id and d.connection_id = p.right_connection and d.object = p.right_object and d.data_id = l.right_id) as right_version
    ) d on ${asked.sweep} = 'enable'
  where p.tenant_id = ${asked.tenant_id} and p.pair_id = ${asked.pair_id}
  order by l.link_id`

/**
 * Every sweep leaves the pair's links held as the pair now says: one paused flow holds all of a pair's rows, for a row speaks for both
 * directions. Besides, by what is asked:
 * publish (also within a pause or a resume): `all` and `differing` ask for the records (C6); parked(config) becomes due, whatever was asked.
 * disable: with no flow left, due and waiting become idle(flow disabled). While the other flow lives, what is due is left to decide, which
 * no longer knows the disabled flow; what waits is decided anew, for it may have waited for that flow only.
 * enable: side versions that lagged while nothing was staged catch up, so that the reconciler finds nothing.
 */
const linkSlice = async (deps: SweeperDeps, asked: Ask, pair: Pair | null, after: number): Promise<Swept> => {
  const option = publishes(asked)
  const candidate = (row: LinkSeen): boolean => option !== null && row.known && !row.voided
  const frees = (row: LinkSeen): boolean =>
    asked.sweep !== 'disable' && row.state === 'parked' && row.reason === 'config'
  const rests = (row: LinkSeen): boolean =>
    asked.sweep === 'disable' && (row.state === 'waiting' || (row.state === 'due' && !asked.staging))
  const { looked, changing, ended } = await windowOf<LinkSeen>(
    (last, limit) => linkRows(deps.sql, asked, last?.link_id ?? after, limit),
    (row) => row.misheld || row.behind || candidate(row) || frees(row) || rests(row),
    deps,
  )
  const candidates = changing.filter(candidate).map((row) => row.link_id)
  const asking = option === 'differing' ? [...(await differingOf(deps, asked, pair, candidates))] : candidates
  const ids = (wanted: (row: LinkSeen) => boolean): number[] => changing.filter(wanted).map((row) => row.link_id)
  const last = looked.at(-1)
  const next = ended || !last ? 'end' : { after: `l:${last.link_id}`, looked: looked.length }
  const [touched, misheld, behind] = [ids(() => true), ids((row) => row.misheld), ids((row) => row.behind)]
  const mine = await sliceOf(deps, asked, next, async (tx) => {
    const now = deps.clock?.() ?? null
    if (touched.length) await lockLinks(tx, asked, touched)
    if (misheld.length) await holdAsPair(tx, asked, misheld)
    if (behind.length) await catchUp(tx, asked, behind)
    await freeConfig(tx, asked, ids(frees), now)
    await bringToRest(tx, asked, ids(rests), now)
    if (asking.length) await ask(tx, asked, asking, asked.from_side, now)
  })
  if (!mine) return 'taken'
  if (changing.length) deps.woke()
  return next === 'end' ? 'done' : 'more'
}

const holdAsPair = async (tx: Sql, { tenant_id, pair_id }: Ask, ids: readonly number[]): Promise<void> => {
  await tx`
    update link l set held = p.held
    from pair p
    where p.tenant_id = ${tenant_id} and p.pair_id = ${pair_id}
      and l.tenant_id = ${tenant_id} and l.pair_id = ${pair_id} and l.link_id = any(${col.int8(ids)}::int8[]) and l.held <> p.held`
}

const catchUp = async (tx: Sql, { tenant_id, pair_id }: Ask, ids: readonly number[]): Promise<void> => {
  await tx`
    update link l set
      left_version = greatest(l.left_version, (
        select version from document d
        where d.tenant_id = p.tenant_id and d.connection_id = p.left_connection and d.object = p.left_object and d.data_id = l.left_id)),
      right_version = greatest(l.right_version, (
        select version from document d
        where d.tenant_id = p.tenant_id and d.connection_id = p.right_connection and d.object = p.right_object and d.data_id = l.right_id))
    from pair p
    where p.tenant_id = ${tenant_id} and p.pair_id = ${pair_id}
      and l.tenant_id = ${tenant_id} and l.pair_id = ${pair_id} and l.link_id = any(${col.int8(ids)}::int8[])`
}

const freeConfig = async (
  tx: Sql,
  { tenant_id, pair_id }: Ask,
  ids: readonly number[],
  now: Millis | null,
): Promise<void> => {
  if (!ids.length) return
  await tx`
    update link set state = 'due', reason = null, fault = null, attempts = 0, since = null,
      next_at = coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())
    where tenant_id = ${tenant_id} and pair_id = ${pair_id} and link_id = any(${col.int8(ids)}::int8[])
      and state = 'parked' and reason = 'config'`
}

const bringToRest = async (
  tx: Sql,
  { tenant_id, pair_id, staging }: Ask,
  ids: readonly number[],
  now: Millis | null,
): Promise<void> => {
  if (!ids.length) return
  // I2: what is idle is settled, so what a person or a publishing asked for ends with it.
  if (staging) {
    await tx`
      update link set state = 'due', wait_kind = null, wait_on = null, wait_step = 0,
        next_at = coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())
      where tenant_id = ${tenant_id} and pair_id = ${pair_id} and link_id = any(${col.int8(ids)}::int8[]) and state = 'waiting'`
    return
  }
  await tx`
    update link set state = 'idle', reason = 'flow disabled', settled = generation, fault = null, attempts = 0, since = null,
      wait_kind = null, wait_on = null, wait_until = null, wait_step = 0
    where tenant_id = ${tenant_id} and pair_id = ${pair_id} and link_id = any(${col.int8(ids)}::int8[]) and state in ('due', 'waiting')`
}

// ── deleting ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What keeps a pair from being deleted: rows at work, and calls nobody knows the end of. Null: it may go; its links stay. */
export const mayDelete = async (
  sql: Sql,
  tenantId: string,
  pairId: string,
): Promise<{ working: number; unknown: number } | null> => {
  const [row] = await sql<{ working: number; unknown: number }>`
    select count(*) filter (where state = 'working') as working, count(*) filter (where state <> 'working' and sent_at is not null) as unknown
    from link
    where tenant_id = ${tenantId} and pair_id = ${pairId} and (state = 'working' or sent_at is not null)`
  return row && row.working + row.unknown > 0 ? row : null
}
