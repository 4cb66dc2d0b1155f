/** One seed: two systems, users, doors and nodes that die; run until everything rests, then judged by what the systems themselves hold. */
import { createHash } from 'node:crypto'
import type { Directory, Log } from '../../server/converge/engine.ts'
import { startFetcher, voidHint } from '../../server/converge/fetcher.ts'
import { startReaper } from '../../server/converge/reaper.ts'
import type { Road } from '../../server/converge/road.ts'
import { startWorker } from '../../server/converge/worker.ts'
import type { Connector, Reading } from '../../server/doc/connector.ts'
import { type Arrival, opposite, type RecordKey, type Side } from '../../server/doc/document.ts'
import type { Env, Point } from '../../server/doc/env.ts'
import { chance, type VirtualClock, virtualClock } from './clock.ts'
import { configure, connectionOf, longestProcessing, timeout } from './config.ts'
import { brokenInvariant, type ByHand, isRestless, judge, type Systems, type Verdict } from './judge.ts'
import { type Memory, memoryRoad } from './memory.ts'
import { everythingOn, type Protections, type Scenario } from './scenario.ts'
import { tagging } from './steps.ts'
import { simulatedSystem, type SystemRecord } from './system.ts'

const digest = (b: Buffer): Buffer => createHash('md5').update(b).digest()

export const toArrival = (
  key: RecordKey,
  r: Reading,
  version: number | null,
  trace: string,
  channel: Arrival['channel'],
): Arrival => ({
  tenant_id: key.tenant_id,
  connection_id: key.connection_id,
  object: key.object,
  data_id: key.data_id,
  operation: 'upsert',
  channel,
  trace_id: trace,
  raw: Buffer.from(`{"masterFieldVal":${r.master},"detailFieldVals":${r.details ?? '{}'}}`),
  master: r.master,
  details: r.details,
  detailsComplete: true,
  masterHash: digest(r.master),
  detailsHash: r.details ? digest(r.details) : null,
  source_time: r.document.source_time,
  external_id: (r.document.content.masterFieldVal.sourceId as string | undefined) ?? null,
  version,
})

const voidArrival = (key: RecordKey, trace: string, source_time: number | null): Arrival => ({
  ...key,
  operation: 'void',
  channel: 'event',
  trace_id: trace,
  raw: Buffer.from('{}'),
  master: null,
  details: null,
  detailsComplete: true,
  masterHash: Buffer.alloc(0),
  detailsHash: null,
  source_time,
  external_id: null,
  version: null,
})

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** When every seed begins, on all clocks. */
export const start = 1_700_000_000_000
/** Users are at it no longer than this. */
const stirring = 60_000

export interface RunOptions {
  protections?: Protections
  /** Runs on another store than memory: the replay on PostgreSQL. */
  road?: (memory: Memory, clock: VirtualClock) => Road
  /** As of memory: what a person says of a create. */
  declare?: (memory: Memory, clock: VirtualClock) => Memory['declare']
  log?: Log
  /** Hears of every change at a system. */
  effect?: (at: number, text: string) => void
  /** The engine's net under its wake-ups. */
  sweepMs?: number
  /** Asked at every step: true ends the run at once. */
  halted?: () => boolean
}

export const runSeed = async (
  s: Scenario,
  {
    protections = everythingOn,
    road: over,
    declare: says,
    log = silent,
    effect,
    sweepMs = 1_000,
    halted = () => false,
  }: RunOptions = {},
): Promise<Verdict & { memory: Memory }> => {
  const dice = chance(s.seed)
  const turns = chance(s.seed * 53 + 5)
  const clock = virtualClock(start, turns.below)
  const memory = memoryRoad(
    [
      {
        tenant_id: 't',
        pair_id: 'p',
        left: { connectionId: 'L', object: 'rec' },
        right: { connectionId: 'R', object: 'rec' },
      },
    ],
    () => clock.now(),
    protections,
  )
  const tables = over ? over(memory, clock) : memory.road
  const store = Object.fromEntries(
    Object.entries(tables).map(([name, f]) => [
      name,
      (...a: unknown[]) => clock.inTurn(() => (f as (...a: unknown[]) => Promise<unknown>)(...a)),
    ]),
  ) as unknown as Road
  // A statement answers in the order it pleases; what follows must not hang on it.
  const { claim, claimFetches } = store
  store.claim = async (...a) => (await claim(...a)).sort((x, y) => x.link_id - y.link_id)
  store.claimFetches = async (...a) => (await claimFetches(...a)).sort((x, y) => (x.data_id < y.data_id ? -1 : 1))
  const broken: string[] = []
  let hits = 0
  let waiting = 0 // notifications that are not accepted yet
  let planned = 0 // edits that users still have in mind
  let calm = false
  let wake = (): void => {}

  // ── the systems, and how they tell ──
  const keyOf = (side: Side, id: string): RecordKey => ({
    tenant_id: 't',
    connection_id: connectionOf[side],
    object: 'rec',
    data_id: id,
  })
  const inOrder = new Map<string, Promise<void>>()
  const deliver = async (
    side: Side,
    record: SystemRecord,
    operation: 'create' | 'update' | 'void',
    how: Scenario['notify'],
  ): Promise<void> => {
    const key = keyOf(side, record.id)
    const trace = `${dice.below(1e9)}`
    for (let attempt = 0; attempt < 2; attempt++) {
      if (how === 'hint' && protections.hints) {
        await store.hint([
          {
            ...key,
            channel: 'event',
            operation: 'upsert',
            trace_id: trace,
            raw: Buffer.from('{}'),
            cause: operation === 'void' ? voidHint : 'event',
          },
        ])
      } else {
        const channel = how === 'push' ? 'push' : 'event'
        const row =
          operation === 'void'
            ? voidArrival(key, trace, s.stamps ? record.stamp : null)
            : toArrival(key, systems[side].shown(record), null, trace, channel)
        // The statement draws the version, and may then wait for a settle that holds the row.
        if (dice.yes(s.lockWaits)) {
          const version = await store.drawVersion()
          await clock.sleep(dice.between(1, 60))
          await store.admit([{ ...row, version }])
        } else await store.admit([row])
      }
      wake()
      if (calm || !dice.yes(0.1)) return // else the answer was lost and it is told again
    }
  }
  const tell =
    (side: Side) =>
    (record: SystemRecord, operation: 'create' | 'update' | 'void', byUs: boolean): void => {
      effect?.(
        clock.now(),
        `${byUs ? 'EFFECT ' : 'USER   '} ${record.id} ${operation} ${JSON.stringify(record.fields)} ${record.lines.map((l) => `${l.id}:${l.item}`)}`,
      )
      // Somebody at the target works on the record at the very moment at which we do.
      if (byUs && s.twoWay && !calm && operation !== 'void' && dice.yes(s.meddling))
        clock.after(dice.between(0, 60), () => void change(side, record.id))
      const how = s.notify
      if (how === 'push') {
        // Order per record: the sender waits for the answer.
        const before = inOrder.get(`${side}${record.id}`) ?? Promise.resolve()
        waiting++
        const delay = byUs && dice.yes(0.5) ? 0 : dice.between(0, 400)
        inOrder.set(
          `${side}${record.id}`,
          before
            .then(() => clock.sleep(delay))
            .then(() => deliver(side, record, operation, how))
            .finally(() => waiting--),
        )
        return
      }
      const copies = dice.yes(0.15) ? 2 : 1
      for (let i = 0; i < copies; i++) {
        waiting++
        const delay =
          byUs && dice.yes(0.5) ? 0 : dice.yes(s.lateness) ? dice.between(1_000, 9_000) : dice.between(0, 400)
        clock.after(delay, () => void deliver(side, record, operation, how).finally(() => waiting--))
      }
    }
  const system = (side: Side) =>
    simulatedSystem(
      clock,
      chance(s.seed * 31 + (side === 'left' ? 1 : 2)),
      {
        name: connectionOf[side],
        object: 'rec',
        recognise: s.recognise,
        timeout,
        longestProcessing,
        normalises: s.normalises,
        stamps: s.stamps,
        readable: true,
        carries: s.carries,
        faults: {
          before: 0.06,
          after: 0.08,
          late: s.late,
          refuse: s.refusals,
          unproved: s.unproved,
          slow: 0.1,
          slowRead: s.slowReads,
          again: 0.05,
        },
        changed: tell(side),
      },
      protections,
    )
  const systems: Systems = { left: system('left'), right: system('right') }

  // ── configuration ──
  const { pair, objects, connections } = configure(s, protections.settleTime)
  const connectors: Record<string, Connector> = { L: systems.left.connector(), R: systems.right.connector() }
  const directory: Directory = {
    pair: () => pair,
    pairsOf: () => [pair],
    object: (_, id) => (id === 'L' ? objects.left : objects.right),
    connector: (_, id) => connectors[id],
    connection: (_, id) => (id === 'L' ? connections.left : connections.right),
    skew: () => ({ ms: 0, uncertainty: 5 }),
    targets: () => [
      { tenant_id: 't', connection_id: 'L' },
      { tenant_id: 't', connection_id: 'R' },
    ],
  }

  // ── nodes: a dead one's promises never come back ──
  const nodes = new Set<{ alive: boolean; wake(): void }>()
  const startNode = (): void => {
    const node = { alive: true, wake: (): void => {} }
    const forever = new Promise<never>(() => {})
    const living = <T>(p: Promise<T>): Promise<T> => p.then((v) => (node.alive ? v : forever))
    const slow =
      <A extends unknown[], T>(f: (...a: A) => Promise<T>) =>
      async (...a: A): Promise<T> => {
        if (dice.yes(0.3)) await living(clock.sleep(dice.between(0, 4)))
        return living(f(...a))
      }
    const road = Object.fromEntries(
      Object.entries(store).map(([k, f]) => [k, slow(f as (...a: unknown[]) => Promise<unknown>)]),
    ) as unknown as Road
    if (!s.net) road.recheck = async () => 0
    const point = async (at: Point): Promise<void> => {
      // A throw leaves out what follows, and nothing else: the waiting is committed by now.
      if (at === 'waiting not re-read' && !protections.waitThenReread) throw new Error('taken away by a control')
      if (calm) return
      if (s.crashes && dice.yes(0.01)) {
        hits++
        node.alive = false
        nodes.delete(node)
        clock.after(dice.between(200, 4_000), startNode)
        return forever
      }
      // A frozen task: longer than the lease now and then.
      if (dice.yes(s.freezes)) {
        hits++
        await living(clock.sleep(dice.yes(0.3) ? dice.between(5_000, 20_000) : dice.between(10, 2_000)))
      }
    }
    const env: Env = {
      now: () => clock.now(),
      monotonic: () => (protections.sendDeadline ? clock.now() : 0),
      random: () => dice.next(),
      id: () => `${s.seed}-${dice.below(1e9)}-${dice.below(1e9)}`,
      sleep: (ms, signal) =>
        living(
          new Promise<void>((done) => {
            if (signal?.aborted) return done()
            clock.after(ms, done)
            signal?.addEventListener('abort', () => done(), { once: true })
          }),
        ),
      point,
    }
    const engine = { road, directory, env, log, ...(s.steps && { functions: tagging(() => !calm && dice.yes(0.1)) }) }
    const worker = startWorker(engine, { sweepMs })
    const fetcher = startFetcher(engine, { toArrival: (k, r, v, t) => toArrival(k, r, v, t, 'fetch'), sweepMs })
    startReaper(engine, () => worker.wake(), sweepMs)
    node.wake = () => {
      worker.wake()
      fetcher.wake()
    }
    nodes.add(node)
  }
  wake = () => {
    for (const node of nodes) node.wake()
  }
  for (let i = 0; i < s.nodes; i++) startNode()

  // ── users ──
  const ours: string[] = []
  const said = new Map<string, { fields: Record<string, string>; lines: string[] | null }[]>()
  let writes = 0
  const reference = (): string =>
    ours.length && s.references === 'wait' ? (ours[0] ?? '') : ours.length ? dice.pick(ours) : ''
  const fieldsOf = (i: number): Record<string, string> => ({
    name: dice.yes(0.3) ? `N${i % 3} ` : `Name ${writes}`,
    note: dice.yes(0.2) ? '' : `n${writes++}`,
    ...(s.references !== 'none' && dice.yes(0.5) && { ref: reference() }),
  })
  const linesOf = (): string[] | null =>
    s.details && dice.yes(0.7)
      ? Array.from({ length: dice.below(4) }, (_, i) => `item ${i} ${dice.below(5)}`)
      : s.details
        ? []
        : null
  const byHand: ByHand = new Map()
  const write = (
    side: Side,
    id: string | null,
    fields: Record<string, string>,
    lines: string[] | null,
  ): SystemRecord => {
    const record = systems[side].edit(id, fields, lines)
    said.set(record.id, [...(said.get(record.id) ?? []), { fields, lines }])
    if (byHand.get(record.id) !== null) byHand.set(record.id, { ...record.fields })
    return record
  }
  const change = (side: Side, id: string, i = 0, ownLines = false): void => {
    const before = said.get(id)
    if (before && dice.yes(s.back)) {
      const { fields, lines } = dice.pick(before)
      write(side, id, fields, lines)
      return
    }
    const fields = fieldsOf(i)
    if (side !== 'left' || s.references === 'wait') delete fields.ref
    write(side, id, fields, ownLines ? linesOf() : null)
  }
  const later = (ms: number, run: () => void): void => {
    planned++
    clock.after(ms, () => {
      planned--
      run()
    })
  }
  for (let r = 0; r < s.records; r++) {
    later(dice.between(0, 3_000), () => {
      const side: Side = s.twoWay && dice.yes(0.4) && s.references === 'none' ? 'right' : 'left'
      const fields = fieldsOf(r)
      if (s.references === 'wait') fields.ref = ours[0] ?? ''
      const record = write(side, null, fields, linesOf())
      if (side === 'left') ours.push(record.id)
      let at = 0
      for (let e = 0; e < s.edits; e++) {
        at += dice.yes(0.4) ? dice.between(0, 60) : dice.between(100, 12_000)
        later(at, () => {
          // On the other side only once the record is there.
          const twin = [...systems[opposite(side)].records.values()].find((x) => x.sourceId === record.id)
          const [where, id] =
            s.twoWay && twin && dice.yes(0.4) ? ([opposite(side), twin.id] as const) : ([side, record.id] as const)
          // Where a person must say which record a create made, nobody hides it from him.
          if (dice.yes(0.08)) {
            const [there, thrown] = s.recognise === 'none' ? [side, record.id] : [where, id]
            systems[there].discard(thrown)
            byHand.set(thrown, null)
          } else change(where, id, r, where === side)
        })
      }
    })
  }

  // ── run, and hold the invariants at every step ──
  const check = (): boolean => {
    for (const l of memory.links.values()) {
      const bad = brokenInvariant(l)
      if (bad && broken.length < 5) broken.push(`${bad}: link ${l.link_id} ${l.state} ${l.reason}`)
    }
    return broken.length > 0 || halted()
  }
  const restless = (): boolean => waiting > 0 || isRestless(s, systems, memory)
  for (let at = 0; at < stirring && !check() && (planned > 0 || restless()); at += 1_000)
    await clock.run(start + at + 1_000, check)
  calm = true
  systems.left.calmDown()
  systems.right.calmDown()
  if (!nodes.size) startNode()
  /** Rows wait for one that a person must look at first. */
  const stalled = (): boolean => {
    const rows = [...memory.links.values()]
    return rows.some((l) => l.state === 'parked') && rows.every((l) => ['idle', 'parked', 'waiting'].includes(l.state))
  }
  const settleDown = async (): Promise<void> => {
    let stalls = 0
    for (let slice = 0; slice < 400 && !check(); slice++) {
      await clock.run(clock.now() + (slice < 60 ? 1_000 : 60_000), check)
      stalls = stalled() ? stalls + 1 : 0
      if (stalls > 70) return
      if (!restless()) {
        await clock.run(clock.now() + 12_000, check) // late effects and late events
        if (!restless()) return
      }
    }
  }
  await settleDown()
  /** A person looks at the target for what nobody could tell of a create. */
  const declare = says ? says(memory, clock) : memory.declare
  const tellCreates = async (): Promise<void> => {
    for (const l of memory.links.values()) {
      if (l.state !== 'parked' || l.sent_call !== 'create' || l.sent_side === null) continue
      const source = l[`${opposite(l.sent_side)}_id`]
      const made = [...systems[l.sent_side].records.values()].find((r) => r.sourceId === source)
      await declare({ tenant_id: 't', pair_id: 'p', link_id: l.link_id }, made ? { found: made.id } : 'absent')
    }
  }
  // A person re-runs what was refused or went in circles, as 数据维护 offers it.
  for (let turn = 0; turn < 3 && !check(); turn++) {
    const parked = [...memory.links.values()].filter((l) => l.state === 'parked')
    if (!parked.length) break
    await tellCreates()
    await tables.rerun(
      parked.filter((l) => l.state === 'parked').map((l) => ({ tenant_id: 't', pair_id: 'p', link_id: l.link_id })),
      null,
    )
    wake()
    await settleDown()
  }
  return {
    seed: s.seed,
    scenario: s,
    ...judge(s, systems, memory, waiting === 0, byHand),
    broken,
    hits,
    calls: systems.left.effects.length + systems.right.effects.length,
    memory,
  }
}
