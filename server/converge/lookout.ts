/**
 * The lookout: one look for all agents of a node at what is due, and at when the next will be. It is the net under the wake-ups: while nothing
 * happens the worker's lanes, the fetcher's and the reaper ask nothing themselves, however many targets there are.
 */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { col, type Sql } from '../store/sql.ts'
import type { Log } from './engine.ts'
import type { Target } from './road.ts'

export interface Lookout extends Loop {
  /** Something happens on this node: what it leaves behind (a retry in a second) is looked for each second for a while. */
  stir(): void
}

export interface LookoutDeps {
  sql: Sql
  env: Pick<Env, 'monotonic' | 'sleep' | 'random'>
  log: Log
  targets(): readonly Target[]
  /** Links of these targets are due. */
  links(targets: readonly Target[]): void
  /** Reads by id from these are due. */
  reads(sources: readonly Target[]): void
  /** A lease has run out, or somebody has waited long enough. */
  expired(): void
}

/**
 * Pause while something happens, and at rest. The longer one stays below every lease (4 s at least: `leaseMs`), so that a lease taken after
 * one look has not run out before the next: C3 is as exact as with a look each second.
 */
const lively: Millis = 1_000
const atRest: Millis = 4_000
/** How long after the last stir it counts as lively. */
const settling: Millis = 10_000

interface Row {
  what: 'links' | 'reads' | 'expired'
  ord: number
  /** Until it is due; 0 or less: now. */
  ms: number
}

export interface Looked {
  links: Target[]
  reads: Target[]
  expired: boolean
  /** Until the next thing that is known to become due; null: nothing is. */
  next: Millis | null
}

/** By index, one row each: 0.2 ms with a million links due as with none. What is held is in no claim and not looked at. */
export const look = async (sql: Sql, targets: readonly Target[]): Promise<Looked> => {
  const rows = await sql<Row>`
    with clock as materialized (select clock_timestamp() as now),
    asked as materialized (
      select t.tenant_id, t.connection_id, t.ord::int4 as ord
      from unnest(
        ${col.text(targets.map((t) => t.tenant_id))}::text[], ${col.text(targets.map((t) => t.connection_id))}::text[])
        with ordinality as t (tenant_id, connection_id, ord)),
    found as materialized (
      select 'links' as what, a.ord, l.next_at as due
      from asked a
      cross join lateral (
        select k.next_at from link k
        where k.tenant_id = a.tenant_id and k.target_connection = a.connection_id
          and k.state in ('due', 'unknown') and (not k.held or k.state = 'unknown')
        order by k.next_at
        limit 1) l
      union all
      select 'reads', a.ord, f.next_at
      from asked a
      cross join lateral (
        select r.next_at from "fetch" r
        where r.tenant_id = a.tenant_id and r.connection_id = a.connection_id and r.state = 'due'
        order by r.next_at
        limit 1) f
      union all
      select 'expired', 0, w.lease_until
      from (select lease_until from link where state = 'working' order by lease_until limit 1) w
      union all
      select 'expired', 0, w.next_at
      from (select next_at from link where state = 'waiting' order by next_at limit 1) w)
    select f.what, f.ord, extract(epoch from f.due - clock.now)::float8 * 1000 as ms
    from found f
    cross join clock`
  const due = rows.filter((row) => row.ms <= 0)
  const of = (what: Row['what']): Target[] =>
    due.filter((row) => row.what === what).map((row) => targets[row.ord - 1] as Target)
  const later = rows.filter((row) => row.ms > 0).map((row) => row.ms)
  return {
    links: of('links'),
    reads: of('reads'),
    expired: due.some((row) => row.what === 'expired'),
    next: later.length ? Math.min(...later) : null,
  }
}

export const startLookout = (deps: LookoutDeps): Lookout => {
  const { env } = deps
  let until = env.monotonic() + settling
  const loop = startLoop({
    name: 'lookout',
    every: atRest,
    run: async () => {
      const { links, reads, expired, next } = await look(deps.sql, deps.targets())
      if (links.length) deps.links(links)
      if (reads.length) deps.reads(reads)
      if (expired) deps.expired()
      const now = env.monotonic()
      if (links.length || reads.length || expired) until = now + settling
      const pause = now < until ? lively : atRest
      // 1 ms: a look that comes a moment early must not turn into many
      return next === null ? pause : Math.max(1, Math.min(pause, Math.ceil(next)))
    },
    env: deps.env,
    log: deps.log,
  })
  return {
    ...loop,
    stir: () => {
      const now = env.monotonic()
      const rested = now >= until
      until = now + settling
      if (rested) loop.wake()
    },
  }
}
