/** Polling over a source whose rows move while they are read, with a real database: nothing is lost, also when the node dies at any point of a window. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { pageMemory } from '../connect/pager.ts'
import { declare, publish, tenant } from '../converge/paired.fixture.ts'
import { hint } from '../converge/fetches.ts'
import { drawVersion } from '../converge/read.ts'
import type { Connector, Page, Read, Window } from '../doc/connector.ts'
import type { PollDef } from '../doc/object.ts'
import { connection } from '../map/fixture.ts'
import { admitIn } from '../stage/admit.ts'
import { readingArrival } from '../stage/reading.ts'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import { askAgain, knownStretch, readGaps, readPolls, readWindows, setPaused } from './ledger.ts'
import { type PollerDeps, runPoll, startPoller } from './poller.ts'
import { type Claimed, claimPolls, endRun, ensurePolls, Fenced } from './store.ts'
import { leaseMs } from './window.ts'

const key = { tenant_id: tenant, connection_id: 'erp', object: 'L' }
const poll: PollDef = { every: 360_000, jitter: 0, overlap: 60_000, lag: 0, slice: 86_400_000 }

const chance = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

interface Row {
  at: number
  /** When it can be seen; later than its stamp where its transaction committed late. */
  seen: number
  value: number
}

/** An ERP whose rows are edited between requests; `now` is its clock. */
const movingErp = (o: { seed: number; rows: number; edits?: number; late?: number; start?: number; cap?: number }) => {
  const random = chance(o.seed)
  const start = o.start ?? Date.now() - 3_600_000
  const rows = new Map<string, Row>()
  for (let i = 0; i < o.rows; i++) {
    const at = start + Math.floor(random() * 3_000_000)
    rows.set(`r${i}`, { at, seen: at, value: 0 })
  }
  const ids = [...rows.keys()]
  const state = { now: start + 3_000_000, requests: 0, naive: false }
  const edit = (): void => {
    const row = rows.get(ids[Math.floor(random() * ids.length)] as string) as Row
    row.at = state.now
    row.seen = state.now + (random() < (o.late ?? 0) ? Math.floor(random() * 50_000) : 0)
    row.value++
  }
  const changes = async (window: Window): Promise<Read<Page>> => {
    state.requests++
    state.now += 20
    for (let i = 0; i < (o.edits ?? 0); i++) edit()
    const found = [...rows].filter(([, r]) => r.at >= window.from && r.at <= window.to && r.seen <= state.now)
    found.sort(([, a], [, b]) => a.at - b.at)
    const page = found.slice(window.offset, window.offset + window.limit)
    return {
      kind: 'read',
      value: {
        readings: page.map(([id, { at, value }]) => ({
          data_id: id,
          master: Buffer.from(JSON.stringify({ id, name: `${value}` })),
          details: null,
          document: { content: { masterFieldVal: { id, name: `${value}` }, detailFieldVals: {} }, source_time: at },
        })),
        full: page.length >= window.limit,
      },
    }
  }
  return { rows, state, edit, connector: { changes } as unknown as Connector }
}
type Erp = ReturnType<typeof movingErp>

/** Stops the process that reads, as kill -9 does: nothing of it happens any more. */
class Killed extends Error {}

const world = async (): Promise<FreshDatabase> => {
  const db = await freshDatabase()
  await declare(db.sql)
  await publish(db.sql, { left: {} }, {})
  await ensurePolls(db.sql, [key])
  return db
}

const depsOf = (db: FreshDatabase, erp: Erp, more: Partial<PollerDeps> = {}): PollerDeps => ({
  sql: db.sql,
  env: { ...createEnv(), now: () => erp.state.now },
  toArrival: (record, reading, version, trace) => readingArrival(record, undefined, reading, version, trace, 'poll'),
  admitIn: (tx, rows) => admitIn(tx, rows),
  hintIn: (tx, hints) => hint(tx, hints, null),
  drawVersion: () => drawVersion(db.sql),
  woke() {},
  polled: () => [{ ...key, poll }],
  connector: () => erp.connector,
  connection: () => connection('erp'),
  skew: () => ({ ms: 0, uncertainty: 0 }),
  log: { info() {}, warn() {}, error() {} },
  ...more,
})

const from = (db: FreshDatabase, ms: number) =>
  db.sql`update poll set done_until = to_timestamp(${ms / 1000}::float8), next_at = clock_timestamp() - interval '1 second', lease_until = null`

const claim = async (db: FreshDatabase): Promise<Claimed> => {
  await db.sql`update poll set next_at = clock_timestamp() - interval '1 second', lease_until = null`
  const [run] = await claimPolls(db.sql, [key], 1, leaseMs)
  assert.ok(run)
  return run
}

const never = new AbortController().signal
const once = async (db: FreshDatabase, deps: PollerDeps, size = 100) => {
  const run = await claim(db)
  const end = await runPoll(deps, run, poll, pageMemory(size), never)
  await endRun(db.sql, run, {
    nextAt: Date.now(),
    fault: end.fault && JSON.stringify(end.fault),
    attempts: 0,
    skew: end.skew,
  })
  return end
}

/** Records whose last change can be seen and lies before what was read, and that are staged otherwise. */
const lost = async (db: FreshDatabase, erp: Erp): Promise<string[]> => {
  const staged = new Map(
    (await db.sql<{ data_id: string; master: string }>`select data_id, master from document`).map((d) => [
      d.data_id,
      JSON.parse(d.master).name,
    ]),
  )
  const [{ until } = { until: 0 }] = await db.sql<{ until: number }>`select done_until as until from poll`
  return [...erp.rows]
    .filter(([id, row]) => row.at < until && row.seen <= erp.state.now && staged.get(id) !== `${row.value}`)
    .map(([id]) => id)
}

test('promise 9: 3,000 rows, 3 edits a request: what moves while it is read is read, and the ledger has no gap', async () => {
  await using db = await world()
  const erp = movingErp({ seed: 1, rows: 3_000, edits: 3 })
  const deps = depsOf(db, erp)
  await from(db, erp.state.now - 3_600_000)
  for (let i = 0; i < 4; i++) {
    assert.equal((await once(db, deps)).fault, null)
    erp.state.now += 360_000
  }
  assert.deepEqual(await lost(db, erp), [])
  const known = await knownStretch(db.sql, key)
  assert.deepEqual(known && (await readGaps(db.sql, key, known)), [])
  const windows = await readWindows(db.sql, key, null, 10)
  assert.ok(windows.length >= 4 && windows.every((w) => w.state === 'done'))
  assert.equal(
    windows.reduce((sum, window) => sum + window.created, 0),
    3_000,
  )
})

test('promise 10: records that become visible late, within the overlap, are read', async () => {
  await using db = await world()
  const erp = movingErp({ seed: 2, rows: 300, late: 0.3 })
  const deps = depsOf(db, erp)
  await from(db, erp.state.now - 3_600_000)
  for (let i = 0; i < 20; i++) {
    for (let n = 0; n < 20; n++) {
      erp.edit()
      erp.state.now += 300
    }
    await once(db, deps)
  }
  erp.state.now += 60_000
  await once(db, deps)
  assert.deepEqual(await lost(db, erp), [])
  // The control: without an overlap what came late is never looked for again.
  await using other = await world()
  const control = movingErp({ seed: 2, rows: 300, late: 0.3 })
  await from(other, control.state.now - 3_600_000)
  for (let i = 0; i < 20; i++) {
    for (let n = 0; n < 20; n++) {
      control.edit()
      control.state.now += 300
    }
    const run = await claim(other)
    await runPoll(depsOf(other, control), run, { ...poll, overlap: 1 }, pageMemory(100), never)
    await endRun(other.sql, run, { nextAt: Date.now(), fault: null, attempts: 0, skew: null })
  }
  control.state.now += 60_000
  assert.notDeepEqual(await lost(other, control), [])
})

test('promise 10: killed at every named point of a window, again and again: nothing is lost, and the ledger has no gap', async () => {
  await using db = await world()
  const erp = movingErp({ seed: 3, rows: 1_500, edits: 1 })
  await from(db, erp.state.now - 3_600_000)
  let kills = 0
  let step = 0
  const dice = chance(7)
  const dies = (rate: number): void => {
    if (dice() < rate) {
      kills++
      throw new Killed()
    }
  }
  const mortal = depsOf(db, erp, {
    // Before the request and after its version; after the page; before the transaction; inside it, before and after its rows; behind it.
    drawVersion: async () => {
      dies(0.04)
      return drawVersion(db.sql)
    },
    admitIn: async (tx, rows) => {
      dies(0.1)
      const admitted = await admitIn(tx, rows)
      dies(0.1)
      return admitted
    },
    env: { ...createEnv(), now: () => erp.state.now, point: async () => dies(0.03) },
    woke: () => dies(0.1),
  })
  for (let round = 0; round < 60; round++) {
    const run = await claim(db)
    try {
      const end = await runPoll(mortal, run, poll, pageMemory(100), never)
      assert.equal(end.fault, null)
      step++
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    }
    erp.state.now += 10_000
  }
  assert.ok(kills >= 15 && step >= 5, `${kills} kills, ${step} runs came to their end`)
  assert.equal((await once(db, depsOf(db, erp))).fault, null)
  assert.deepEqual(await lost(db, erp), [])
  const known = await knownStretch(db.sql, key)
  assert.deepEqual(known && (await readGaps(db.sql, key, known)), [])
})

test('1,500 rows with one stamp and pages of 100: it ends, and has them all', async () => {
  await using db = await world()
  const erp = movingErp({ seed: 4, rows: 1_500 })
  const at = erp.state.now - 1_000
  for (const row of erp.rows.values()) Object.assign(row, { at, seen: at })
  await from(db, erp.state.now - 60_000)
  assert.equal((await once(db, depsOf(db, erp))).fault, null)
  assert.deepEqual(await lost(db, erp), [])
  const [window] = await readWindows(db.sql, key, null, 1)
  assert.equal(window?.created, 1_500)
})

test('what has not changed writes nothing: no row, no version of a document, no arrival', async () => {
  await using db = await world()
  const erp = movingErp({ seed: 5, rows: 1_000 })
  await from(db, erp.state.now - 3_600_000)
  await once(db, depsOf(db, erp))
  const counts = () => db.sql`
    select (select count(*)::int4 from arrival) as arrivals, (select max(version) from document) as version, (select sum(generation)::int8 from link) as generation`
  const before = await counts()
  await from(db, erp.state.now - 3_600_000)
  await once(db, depsOf(db, erp))
  assert.deepEqual(await counts(), before)
  const [window] = await readWindows(db.sql, key, null, 1)
  assert.deepEqual([window?.created, window?.changed], [0, 0])
  assert.ok((window?.unchanged ?? 0) >= 1_000) // a row at the edge of two pages is seen in both
})

test('a lease that ran out is fenced: the run that lost it stores nothing more', async () => {
  await using db = await world()
  const erp = movingErp({ seed: 6, rows: 50 })
  await from(db, erp.state.now - 3_600_000)
  const run = await claim(db)
  await claim(db) // another node
  await assert.rejects(runPoll(depsOf(db, erp), run, poll, pageMemory(100), never), Fenced)
  const [{ n } = { n: -1 }] = await db.sql<{ n: number }>`select count(*)::int4 as n from document`
  assert.equal(n, 0)
})

test('promise 11: clocks that are too far apart pause it, by itself it goes on; nothing is lost meanwhile', async () => {
  await using db = await world()
  const erp = movingErp({ seed: 7, rows: 20 })
  await from(db, erp.state.now - 3_600_000)
  let ms = 40_000
  const deps = depsOf(db, erp, { skew: () => ({ ms, uncertainty: 0 }) })
  const loop = startPoller({
    ...deps,
    env: createEnv(),
    netMs: 50,
    polled: () => [{ ...key, poll: { ...poll, every: 50 } }],
  })
  const until = async (state: (p: { paused_by: string | null; fault: string | null; ran: boolean }) => boolean) => {
    for (;;) {
      const [p] = await readPolls(db.sql, tenant)
      if (p && state({ paused_by: p.paused_by, fault: p.fault, ran: p.ran_at !== null })) return p
    }
  }
  const paused = await until((p) => p.paused_by === 'clock')
  assert.match(String(paused.fault), /read\.clock/)
  ms = 100
  await until((p) => p.paused_by === null && p.ran)
  await loop.stop()
  assert.deepEqual(await lost(db, erp), [])
})

test('a person pauses, resumes and asks again; a failed run keeps its window and says why', async () => {
  await using db = await world()
  const erp = movingErp({ seed: 8, rows: 200 })
  await from(db, erp.state.now - 3_600_000)
  await setPaused(db.sql, key, 'ann')
  assert.deepEqual(await claimPolls(db.sql, [key], 1, leaseMs), [])
  await setPaused(db.sql, key, null)
  const broken = {
    changes: async () => ({ kind: 'failed', why: { code: 'read.contract', stage: 'read', said: 'no' } }),
  }
  const end = await once(db, depsOf(db, erp, { connector: () => broken as unknown as Connector }))
  assert.equal(end.fault?.code, 'read.contract')
  const [window] = await readWindows(db.sql, key, null, 1)
  assert.deepEqual([window?.state, JSON.parse(window?.fault ?? '{}').code], ['reading', 'read.contract'])
  await once(db, depsOf(db, erp))
  assert.deepEqual(await lost(db, erp), [])
  const known = await knownStretch(db.sql, key)
  assert.ok(known)
  assert.equal(await askAgain(db.sql, key, [known], 1_000_000, 'ann'), Math.ceil((known.to - known.from) / 1_000_000))
  await once(db, depsOf(db, erp))
  const again = (await readWindows(db.sql, key, null, 20)).filter((w) => w.cause === 'again')
  assert.ok(again.length > 0 && again.every((w) => w.state === 'done' && w.asked_by === 'ann'))
})

test('two nodes: each run is made by one of them', async () => {
  await using db = await world()
  const erp = movingErp({ seed: 9, rows: 10 })
  await from(db, erp.state.now - 10_000)
  let reads = 0
  const slow = {
    changes: async () => {
      reads++
      await new Promise((resolve) => setTimeout(resolve, 50))
      return { kind: 'read', value: { readings: [], full: false } }
    },
  } as unknown as Connector
  const deps = { ...depsOf(db, erp, { connector: () => slow }), env: createEnv(), netMs: 20 }
  await db.sql`update poll set next_at = clock_timestamp() + interval '100 milliseconds', done_until = clock_timestamp() - interval '10 seconds'`
  const loops = [startPoller(deps), startPoller(deps)]
  for (;;) {
    const [p] = await readPolls(db.sql, tenant)
    if (p?.ran_at) break
  }
  await Promise.all(loops.map((loop) => loop.stop()))
  assert.equal(reads, 1)
})
