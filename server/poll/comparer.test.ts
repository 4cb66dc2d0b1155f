/** Reconciliation 数据核对: what is only here, only there, or different field by field; across crashes and a stop; nothing is believed of a failed reading. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { csvLines, knownOf, repair } from '../cli/reconcile.ts'
import { writeRows } from '../cli/cells.ts'
import { compiledPair, declare, pairId, publish, tenant } from '../converge/paired.fixture.ts'
import type { Connector, Page, Read, Reading, Window } from '../doc/connector.ts'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import { type ComparerDeps, startComparer, workComparison } from './comparer.ts'
import {
  addComparison,
  claimComparison,
  countFound,
  readComparisons,
  readFound,
  stopComparison,
  type Wanted,
} from './comparisons.ts'
import { Fenced } from './store.ts'
import { leaseMs } from './window.ts'

type Rows = Map<string, string>
const never = new AbortController().signal
const rows = (prefix: string, count: number): Rows =>
  new Map(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, `name ${i}`]))

/** A system of records a second apart; `dieAt` throws at the given page, `down` fails every single query. */
const system = (held: Rows) => {
  const state = { pages: 0, dieAt: Number.POSITIVE_INFINITY, down: false, finds: 0, busy: 0 }
  const reading = (id: string): Reading => ({
    data_id: id,
    master: Buffer.from('{}'),
    details: null,
    document: {
      content: { masterFieldVal: { id, name: held.get(id) as string }, detailFieldVals: {} },
      source_time: Number(id.slice(1)) * 1_000,
    },
  })
  const connector = {
    changes: async (w: Window): Promise<Read<Page>> => {
      if (++state.pages >= state.dieAt) throw new Error('killed')
      const found = [...held.keys()].map(reading).filter(({ document: d }) => {
        const time = d.source_time as number
        return time >= w.from && time <= w.to
      })
      const page = found.slice(w.offset, w.offset + w.limit)
      return { kind: 'read', value: { readings: page, full: page.length >= w.limit } }
    },
    find: async (_: string, id: string): Promise<Read<Reading | null>> => {
      state.finds++
      if (state.busy > 0 && state.finds % state.busy === 0)
        return { kind: 'failed', why: { code: 'send.status', stage: 'read', value: '503' } }
      if (state.down) return { kind: 'failed', why: { code: 'send.closed', stage: 'read' }, calm: true }
      return { kind: 'read', value: held.has(id) ? reading(id) : null }
    },
  } as unknown as Connector
  return { held, state, connector }
}

/** `count` records that are mapped and the same on both sides. */
const world = async (count: number) => {
  const db = await freshDatabase()
  await declare(db.sql)
  await publish(db.sql, { left: {} }, {})
  await db.sql`
    insert into link (tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, state, reason, settled, target_connection)
    select ${tenant}, ${pairId}, nextval('link_seq'), 's' || n, 't' || n, now(), 'idle', 'bound', 1, 'crm'
    from generate_series(0, ${count - 1}::int4) n`
  return { db, erp: system(rows('s', count)), crm: system(rows('t', count)) }
}
type World = Awaited<ReturnType<typeof world>>

const depsOf = ({ db, erp, crm }: World): ComparerDeps => ({
  sql: db.sql,
  env: createEnv(),
  pair: () => compiledPair({ left: {} }),
  connector: (_, connectionId) => (connectionId === 'erp' ? erp.connector : crm.connector),
  known: knownOf(db.sql),
  isVoided: () => false,
  repair: (task, kind) => repair(db.sql, task, kind, null),
  log: { info() {}, warn() {}, error() {} },
  netMs: 20,
})
const ask = (db: FreshDatabase, to = 10_000_000, from = 0, more: Partial<Wanted> = {}) =>
  addComparison(db.sql, { tenantId: tenant, id: 'c', pairId, from: 'left', range: { from, to }, by: 'ann', ...more })
const claimed = async (db: FreshDatabase) => {
  const task = await claimComparison(db.sql, leaseMs)
  assert.ok(task)
  return task
}
const found = async (db: FreshDatabase) => readFound(db.sql, tenant, 'c', null, null, 1_000)
const shown = async (db: FreshDatabase) => (await readComparisons(db.sql, tenant, 'c', 1))[0]

test('only in the source, only in the target, and different are found with both values; the rest is the same', async () => {
  const w = await world(50)
  await using db = w.db
  w.crm.held.set('t3', '=1+1')
  w.crm.held.delete('t4')
  w.erp.held.set('s60', 'not mapped')
  w.crm.held.set('t70', 'nobody sent it')
  w.erp.held.delete('s5')
  await ask(db)
  assert.equal(await workComparison(depsOf(w), await claimed(db), never), null)
  const all = await found(db)
  assert.deepEqual(
    all.map((one) => [one.kind, one.record_id, one.other_id]),
    [
      ['different', 's3', 't3'],
      ['onlySource', 's4', 't4'],
      ['onlySource', 's60', null],
      ['onlyTarget', 't5', 's5'],
      ['onlyTarget', 't70', null],
    ],
  )
  assert.deepEqual(all[0]?.fields, [{ field: 'name', expected: '"name 3"', held: '"=1+1"' }])
  assert.deepEqual(await countFound(db.sql, tenant, 'c'), { onlySource: 2, onlyTarget: 2, different: 1, unclear: 0 })
  assert.equal((await shown(db))?.same, 47)
  // The report: a cell that a spreadsheet would compute is escaped.
  assert.match(writeRows(csvLines({ ...(all[0] as (typeof all)[0]), record_id: '=cmd' })), /'=cmd/)
})

test('a time range compares only what changed in it', async () => {
  const w = await world(50)
  await using db = w.db
  for (const i of [3, 20, 40]) w.crm.held.set(`t${i}`, 'other')
  await ask(db, 30_000, 10_000)
  assert.equal(await workComparison(depsOf(w), await claimed(db), never), null)
  assert.deepEqual(
    (await found(db)).map((one) => one.record_id),
    ['s20'],
  )
})

test('across crashes it goes on where it was, and finds each once; stopped, it writes no more', async () => {
  const w = await world(600)
  await using db = w.db
  for (let i = 0; i < 600; i += 50) w.crm.held.set(`t${i}`, 'other')
  await ask(db, 700_000)
  let crashes = 0
  for (; ; crashes++) {
    for (const one of [w.erp, w.crm]) one.state.dieAt = one.state.pages + 8
    await db.sql`update comparison set lease_until = null`
    try {
      assert.equal(await workComparison(depsOf(w), await claimed(db), never), null)
      break
    } catch (error) {
      assert.match(String(error), /killed/)
    }
  }
  assert.ok(crashes > 1, `${crashes} crashes`)
  assert.equal((await countFound(db.sql, tenant, 'c')).different, 12)
  // Each source record was asked for at the target about once, and each target record at the source.
  assert.ok(w.crm.state.finds < 900, `${w.crm.state.finds} queries`)
  const [again] = await db.sql<{ n: number }>`
    update comparison set state = 'queued', ended_at = null, phase = 'source', read_until = from_at, lease_until = null
    returning 1 as n`
  assert.ok(again)
  for (const one of [w.erp, w.crm]) one.state.dieAt = Number.POSITIVE_INFINITY
  const task = await claimed(db)
  assert.equal(await stopComparison(db.sql, tenant, 'c'), true)
  await assert.rejects(workComparison(depsOf(w), task, never), Fenced)
  assert.equal((await shown(db))?.state, 'stopped')
})

test('a system that is busy for a moment is asked again: nothing is unclear for that', async () => {
  const w = await world(12)
  await using db = w.db
  w.crm.state.busy = 3
  await ask(db)
  assert.equal(await workComparison(depsOf(w), await claimed(db), never), null)
  assert.deepEqual(await found(db), [])
  assert.equal((await shown(db))?.same, 12)
  w.crm.state.busy = 1 // every time
  await db.sql`update comparison set state = 'queued', phase = 'source', read_until = from_at, lease_until = null`
  assert.equal(
    await workComparison({ ...depsOf(w), env: { ...createEnv(), sleep: async () => {} } }, await claimed(db), never),
    null,
  )
  assert.equal((await countFound(db.sql, tenant, 'c')).unclear, 12)
})

test('a system that does not answer is waited for: nothing is called missing', async () => {
  const w = await world(10)
  await using db = w.db
  w.crm.state.down = true
  await ask(db)
  const loop = startComparer(depsOf(w))
  while ((await shown(db))?.fault === null);
  assert.deepEqual(await found(db), [])
  w.crm.state.down = false
  await db.sql`update comparison set next_at = clock_timestamp()`
  loop.wake()
  while ((await shown(db))?.state !== 'success');
  await loop.stop()
  assert.deepEqual(await found(db), [])
  assert.equal((await shown(db))?.same, 10)
})

test('a repair reads and sends again what was chosen, once; what is only in the target is left alone', async () => {
  const w = await world(10)
  await using db = w.db
  for (const i of [1, 2, 3]) w.crm.held.set(`t${i}`, 'other')
  w.crm.held.set('t70', 'nobody sent it')
  await ask(db)
  assert.equal(await workComparison(depsOf(w), await claimed(db), never), null)
  const task = await shown(db)
  assert.ok(task)
  assert.equal(await repair(db.sql, task, 'different', ['s2', 't70']), 1)
  assert.equal(await repair(db.sql, task, 'different', null), 2)
  assert.equal(await repair(db.sql, task, 'different', null), 0)
  const asked = await db.sql<{ data_id: string }>`select data_id from "fetch" order by data_id`
  assert.deepEqual(
    asked.map((one) => one.data_id),
    ['s1', 's2', 's3'],
  )
})

const refetched = async (db: FreshDatabase) =>
  (await db.sql<{ data_id: string }>`select data_id from "fetch" order by data_id`).map((one) => one.data_id)

test('asked to repair, it sends again what it found once both systems were read to their end, and says how much', async () => {
  const w = await world(20)
  await using db = w.db
  for (const i of [1, 2, 3]) w.crm.held.set(`t${i}`, 'other')
  w.crm.held.delete('t9')
  w.erp.held.delete('s5')
  await ask(db, 10_000_000, 0, { repair: { kinds: ['different', 'onlySource'], most: 4 } })
  // Killed in between: nothing is sent again of half a comparison.
  w.crm.state.dieAt = w.crm.state.pages + 1
  await assert.rejects(workComparison(depsOf(w), await claimed(db), never), /killed/)
  assert.deepEqual(await refetched(db), [])
  w.crm.state.dieAt = Number.POSITIVE_INFINITY
  await db.sql`update comparison set lease_until = null`
  assert.equal(await workComparison(depsOf(w), await claimed(db), never), null)
  assert.deepEqual(await refetched(db), ['s1', 's2', 's3', 's9'])
  assert.deepEqual(JSON.parse((await shown(db))?.counts ?? 'null'), {
    onlySource: 1,
    onlyTarget: 1,
    different: 3,
    unclear: 0,
    repaired: 4,
  })
})

test('where more differs than it may repair, or somebody stops it, it sends nothing', async () => {
  const w = await world(20)
  await using db = w.db
  for (const i of [1, 2, 3]) w.crm.held.set(`t${i}`, 'other')
  await ask(db, 10_000_000, 0, { repair: { kinds: ['different'], most: 2 } })
  assert.equal(await workComparison(depsOf(w), await claimed(db), never), null)
  assert.deepEqual(await refetched(db), [])
  assert.equal((await countFound(db.sql, tenant, 'c')).different, 3)

  await db.sql`update comparison set repair_most = 10, state = 'queued', lease_until = null`
  const task = await claimed(db)
  await stopComparison(db.sql, tenant, 'c')
  await assert.rejects(workComparison(depsOf(w), task, never), Fenced)
  assert.deepEqual(await refetched(db), [])
})
