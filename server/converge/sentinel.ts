/**
 * The sentinel (D6): each minute walks the chains of records that wait for each other, parks circles that no `later` breaks, each member
 * showing its circle; releases them once one of them is mapped; and tells who waited in vain what became of the record waited for.
 */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { type Fault, sentence } from '../doc/fault.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { cycles, type Waiter } from './cycles.ts'
import type { Log } from './engine.ts'

export interface SentinelDeps {
  sql: Sql
  env: Pick<Env, 'sleep' | 'random'>
  log: Log
  /** Rows became due. */
  woke(): void
  everyMs?: Millis
  /** For tests; production takes the database's clock. */
  clock?: () => Millis | null
  /** Most rows that are looked at in one run: those that are waited for and wait themselves (some 300 bytes each). */
  most?: number
}

export interface Watched {
  parked: number
  released: number
  told: number
}

const LOCK = 7_070_020 // pg_try_advisory_xact_lock: one node looks at a time, the others lose nothing
const slice = 500

interface Node extends Waiter {
  tenant_id: string
  pair_id: string
  link_id: number
  state: 'waiting' | 'parked'
}

interface NodeRow {
  tenant_id: string
  pair_id: string
  link_id: number
  state: 'waiting' | 'parked'
  own: string
  name: string
  wait_on: string[]
}

const nodeOf = ({ wait_on, ...row }: NodeRow): Node => ({ ...row, on: wait_on })

/**
 * Rows without their other id that wait for references and that a waiting row waits for; a thousand orders that wait for their customer
 * are not among them. Rows parked with their circle keep what they waited for, so that a member that is tried again is seen in it still.
 * References with `later` are never waited for before the record is made, so they stand in no chain.
 */
const readChains = (sql: Sql, most: number): Promise<NodeRow[]> =>
  sql.begin(async (tx) => {
    const [mine] = await tx<{ held: boolean }>`select pg_try_advisory_xact_lock(${LOCK}) as held`
    if (!mine?.held) return []
    return tx<NodeRow>`
      with chained as materialized (
        select tenant_id, pair_id, link_id, state, since, wait_on, coalesce(left_id, right_id) as name,
          'r:' || tenant_id || '/' || pair_id || case when left_id is null then '/right/' || right_id else '/left/' || left_id end as own
        from link
        where (left_id is null or right_id is null) and (
          (state = 'waiting' and wait_kind = 'reference')
          or (state = 'parked' and reason = 'data' and fault like '{"code":"wait.cycle"%' and wait_on is not null))),
      waited as materialized (
        select distinct unnest(wait_on) as key from chained)
      select c.tenant_id, c.pair_id, c.link_id, c.state, c.own, c.name, c.wait_on
      from chained c
      where c.own in (select key from waited)
      order by c.since, c.tenant_id, c.pair_id, c.link_id
      limit ${most}`
  })

/** Parks what is in a circle still, now that its rows are locked; a circle is looked at as a whole, for any member may have gone on. */
const park = (sql: Sql, nodes: readonly Node[], now: Millis | null): Promise<number> =>
  sql.retrying(async (tx) => {
    const rows = await tx<NodeRow>`
      select l.tenant_id, l.pair_id, l.link_id, l.state, coalesce(l.left_id, l.right_id) as name, l.wait_on,
        'r:' || l.tenant_id || '/' || l.pair_id || case when l.left_id is null then '/right/' || l.right_id else '/left/' || l.left_id end as own
      from unnest(
        ${col.text(nodes.map((n) => n.tenant_id))}::text[], ${col.text(nodes.map((n) => n.pair_id))}::text[],
        ${col.int8(nodes.map((n) => n.link_id))}::int8[]) as n (tenant_id, pair_id, link_id)
      join link l on l.tenant_id = n.tenant_id and l.pair_id = n.pair_id and l.link_id = n.link_id
      where (l.left_id is null or l.right_id is null) and l.wait_on is not null and (
        (l.state = 'waiting' and l.wait_kind = 'reference')
        or (l.state = 'parked' and l.reason = 'data' and l.fault like '{"code":"wait.cycle"%'))
      order by l.tenant_id, l.pair_id, l.link_id
      for update of l`
    const circles = new Map(cycles(rows.map(nodeOf)).flatMap((group) => [...group.members]))
    const members = rows.filter((row) => row.state === 'waiting' && circles.has(row.own))
    if (!members.length) return 0
    const faults = members.map((row): string => {
      const fault: Fault = { code: 'wait.cycle', stage: 'reference', value: circles.get(row.own) ?? '' }
      return JSON.stringify(fault)
    })
    // wait_on stays: by it the row is released once what it waits for is mapped
    return tx.affected`
      update link l set state = 'parked', reason = 'data', fault = m.fault, wait_kind = null, wait_until = null, wait_step = 0,
        since = coalesce(l.since, ${now === null ? null : at(now)}::timestamptz, clock_timestamp())
      from unnest(
        ${col.text(members.map((row) => row.tenant_id))}::text[], ${col.text(members.map((row) => row.pair_id))}::text[],
        ${col.int8(members.map((row) => row.link_id))}::int8[], ${col.text(faults)}::text[]) as m (tenant_id, pair_id, link_id, fault)
      where l.tenant_id = m.tenant_id and l.pair_id = m.pair_id and l.link_id = m.link_id`
  })

/** Circles that hang together go in one transaction; several small ones share one (C5). */
const batches = (groups: readonly Node[][]): Node[][] => {
  const made: Node[][] = []
  for (const group of groups) {
    const last = made.at(-1)
    if (last && last.length + group.length <= slice) last.push(...group)
    else made.push([...group])
  }
  return made
}

export const parkCycles = async ({ sql, clock, most = 50_000 }: SentinelDeps): Promise<number> => {
  const nodes = (await readChains(sql, most)).map(nodeOf)
  const byOwn = new Map(nodes.map((node) => [node.own, node]))
  const groups = cycles(nodes).map(({ members }) => [...members.keys()].map((own) => byOwn.get(own) as Node))
  let parked = 0
  for (const batch of batches(groups.filter((group) => group.some((node) => node.state === 'waiting'))))
    parked += await park(sql, batch, clock?.() ?? null)
  return parked
}

/** What a row waits for, from its key; ids of tenants and pairs hold no slash, those of records may. */
const asked = (key: string): { tenant: string; pair: string; side: string; id: string } | null => {
  const found = /^r:([^/]*)\/([^/]*)\/(left|right)\/(.*)$/s.exec(key)
  return found ? { tenant: found[1] ?? '', pair: found[2] ?? '', side: found[3] ?? '', id: found[4] ?? '' } : null
}

/** Rows parked with their circle become due once something they waited for is mapped: a person, or a newer document, broke the circle. */
export const releaseCycles = async ({ sql, clock }: SentinelDeps): Promise<number> => {
  const now = clock?.() ?? null
  let released = 0
  for (let after = { tenant: '', pair: '', link: 0 }; ; ) {
    const rows = await sql<{ tenant_id: string; pair_id: string; link_id: number; wait_on: string[] }>`
      select tenant_id, pair_id, link_id, wait_on
      from link
      where state = 'parked' and reason = 'data' and fault like '{"code":"wait.cycle"%' and wait_on is not null
        and (tenant_id, pair_id, link_id) > (${after.tenant}::text, ${after.pair}::text, ${after.link}::int8)
      order by tenant_id, pair_id, link_id
      limit ${slice}`
    const wanted = rows
      .flatMap((row) => row.wait_on.flatMap((key) => ({ row, key: asked(key) })))
      .filter(({ key }) => key !== null)
    if (wanted.length) {
      released += await sql.retrying(
        (tx) => tx.affected`
        with mapped as materialized (
          select distinct w.tenant_id, w.pair_id, w.link_id
          from unnest(
            ${col.text(wanted.map((w) => w.row.tenant_id))}::text[], ${col.text(wanted.map((w) => w.row.pair_id))}::text[],
            ${col.int8(wanted.map((w) => w.row.link_id))}::int8[], ${col.text(wanted.map((w) => w.key?.tenant ?? ''))}::text[],
            ${col.text(wanted.map((w) => w.key?.pair ?? ''))}::text[], ${col.text(wanted.map((w) => w.key?.side ?? ''))}::text[],
            ${col.text(wanted.map((w) => w.key?.id ?? ''))}::text[]) as w (tenant_id, pair_id, link_id, tenant, pair, side, id)
          cross join lateral (
            select from link k
            where w.side = 'left' and k.tenant_id = w.tenant and k.pair_id = w.pair and k.left_id = w.id and k.right_id is not null
            union all
            select from link k
            where w.side = 'right' and k.tenant_id = w.tenant and k.pair_id = w.pair and k.right_id = w.id and k.left_id is not null
            limit 1) k),
        locked as materialized (
          select l.tenant_id, l.pair_id, l.link_id
          from mapped m join link l on l.tenant_id = m.tenant_id and l.pair_id = m.pair_id and l.link_id = m.link_id
          where l.state = 'parked' and l.reason = 'data' and l.wait_on is not null
          order by l.tenant_id, l.pair_id, l.link_id
          for update of l)
        update link l set state = 'due', reason = null, fault = null, wait_on = null, attempts = 0,
          next_at = coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())
        from locked k
        where l.tenant_id = k.tenant_id and l.pair_id = k.pair_id and l.link_id = k.link_id`,
      )
    }
    const last = rows.at(-1)
    if (rows.length < slice || !last) return released
    after = { tenant: last.tenant_id, pair: last.pair_id, link: last.link_id }
  }
}

// ── who waited in vain ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A record that was waited for, as a fault names it: the pair that maps it, and its id. */
export interface Parent {
  tenant_id: string
  /** The pair of the record that waited: says from which system it refers. */
  pair_id: string
  parentPair: string
  id: string
}

interface ParentRow {
  ord: number
  state: string
  reason: string | null
  held: boolean
  fault: string | null
  mapped: boolean
}

/** How the record stands, in words that end "Waited 24 hours for X, which is …". */
const standing = ({ state, reason, held, fault, mapped }: ParentRow): string => {
  if (mapped) return 'mapped by now'
  const why = fault ? faultOf(fault) : null
  const because = why ? `: ${sentence(why)}` : ''
  switch (state) {
    case 'idle':
      return `not sent (${reason ?? 'idle'})`
    case 'parked':
      return `parked (${reason ?? 'data'})${because}`
    case 'waiting':
      return `waiting itself${because}`
    case 'unknown':
      return `sent without an answer yet${because}`
    case 'working':
      return 'being sent'
    default:
      return held ? 'held: its flow is paused' : `pending${because}`
  }
}

const faultOf = (text: string): Fault | null => {
  try {
    return JSON.parse(text) as Fault
  } catch {
    return null
  }
}

/** In the order asked. The parent lives in a system that its pair shares with the pair of the record that waited. */
export const parentStates = async (sql: Sql, parents: readonly Parent[]): Promise<string[]> => {
  const told: string[] = parents.map(() => 'not received yet')
  if (!parents.length) return told
  const rows = await sql<ParentRow>`
    select p.ord::int4 as ord, k.state, k.reason, k.held, k.fault, k.mapped
    from unnest(
      ${col.text(parents.map((p) => p.tenant_id))}::text[], ${col.text(parents.map((p) => p.pair_id))}::text[],
      ${col.text(parents.map((p) => p.parentPair))}::text[], ${col.text(parents.map((p) => p.id))}::text[])
      with ordinality as p (tenant_id, pair_id, parent_pair, id, ord)
    cross join lateral (
      select k.state, k.reason, k.held, k.fault, k.right_id is not null as mapped from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.parent_pair and k.left_id = p.id
      union all
      select k.state, k.reason, k.held, k.fault, k.left_id is not null from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.parent_pair and k.right_id = p.id
      order by mapped
      limit 1) k`
  for (const row of rows) told[row.ord - 1] = standing(row)
  return told
}

/** `decide` knows only that it is not mapped. Every fault of the record that is about a reference is told how that record stands. */
const vain = 'not mapped'
const aboutReference = (fault: Fault): boolean => fault.code === 'wait.expired' || fault.code === 'map.reference'

export const withParents = (fault: Fault, states: readonly string[]): Fault => {
  let next = 0
  const tell = (one: Fault): Fault => (aboutReference(one) ? { ...one, said: states[next++] ?? vain } : one)
  const first = tell(fault)
  return fault.also ? { ...first, also: fault.also.map(tell) } : first
}

/** Shows those who waited in vain the state of what they waited for (D6); once, so that it tells how things stood when the wait ended. */
export const tellParents = async ({ sql }: SentinelDeps): Promise<number> => {
  let told = 0
  for (let after = { tenant: '', pair: '', link: 0 }; ; ) {
    const rows = await sql<{ tenant_id: string; pair_id: string; link_id: number; fault: string }>`
      select tenant_id, pair_id, link_id, fault
      from link
      where state = 'parked' and reason = 'data' and fault like '{"code":"wait.expired"%' and fault like ${`%"said":"${vain}"%`}
        and (tenant_id, pair_id, link_id) > (${after.tenant}::text, ${after.pair}::text, ${after.link}::int8)
      order by tenant_id, pair_id, link_id
      limit ${slice}`
    const faults = rows.map((row) => JSON.parse(row.fault) as Fault)
    const parents = faults.map((fault, i): Parent[] => {
      const { tenant_id, pair_id } = rows[i] as (typeof rows)[number]
      return [fault, ...(fault.also ?? [])]
        .filter(aboutReference)
        .map((one) => ({ tenant_id, pair_id, parentPair: one.expected ?? '', id: one.value ?? '' }))
    })
    const states = await parentStates(sql, parents.flat())
    let next = 0
    const shown = faults.map((fault, i) =>
      JSON.stringify(withParents(fault, states.slice(next, (next += parents[i]?.length ?? 0)))),
    )
    if (rows.length) {
      told += await sql.retrying(
        (tx) => tx.affected`
        with locked as materialized (
          select l.tenant_id, l.pair_id, l.link_id, f.shown
          from unnest(
            ${col.text(rows.map((r) => r.tenant_id))}::text[], ${col.text(rows.map((r) => r.pair_id))}::text[],
            ${col.int8(rows.map((r) => r.link_id))}::int8[], ${col.text(rows.map((r) => r.fault))}::text[], ${col.text(shown)}::text[])
            as f (tenant_id, pair_id, link_id, fault, shown)
          join link l on l.tenant_id = f.tenant_id and l.pair_id = f.pair_id and l.link_id = f.link_id
          where l.state = 'parked' and l.fault = f.fault
          order by l.tenant_id, l.pair_id, l.link_id
          for update of l)
        update link l set fault = k.shown
        from locked k
        where l.tenant_id = k.tenant_id and l.pair_id = k.pair_id and l.link_id = k.link_id`,
      )
    }
    const last = rows.at(-1)
    if (rows.length < slice || !last) return told
    after = { tenant: last.tenant_id, pair: last.pair_id, link: last.link_id }
  }
}

/** One look. Release comes first: what can go on is in no circle any more. */
export const watchChains = async (deps: SentinelDeps): Promise<Watched> => {
  const released = await releaseCycles(deps)
  const parked = await parkCycles(deps)
  const told = await tellParents(deps)
  if (released) deps.woke()
  if (parked) deps.log.warn({ parked }, 'records wait for each other in a circle')
  return { parked, released, told }
}

export const startSentinel = (deps: SentinelDeps): Loop =>
  startLoop({
    name: 'sentinel',
    every: deps.everyMs ?? 60_000,
    run: async () => void (await watchChains(deps)),
    env: deps.env,
    log: deps.log,
  })
