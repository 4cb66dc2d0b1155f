/** Deletion sweeps with a real database: what is gone is found, nothing else is, across crashes; an incomplete reading makes nothing gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { hint } from '../converge/fetches.ts'
import { declare, publish, pushed, tenant } from '../converge/paired.fixture.ts'
import type { Connector, Page, Read, Reading, Window } from '../doc/connector.ts'
import { connection } from '../map/fixture.ts'
import { admitIn } from '../stage/admit.ts'
import { freshDatabase } from '../store/fresh.ts'
import { type SeekerDeps, startSeeker, workSweep } from './seeker.ts'
import { Fenced } from './store.ts'
import { addSweep, claimSweep, endSweep, noteMarked, readGone, readSweeps, stopSweep, type Wish } from './sweeps.ts'
import { leaseMs } from './window.ts'

const never = new AbortController().signal
const idOf = (i: number): string => `L${String(i).padStart(4, '0')}`

/** Rows a second apart; `dieAt`: the request that never comes back; `blind`: batch pages leave these out, reads by id do not. */
const source = (count: number) => {
  const rows = new Set(Array.from({ length: count }, (_, i) => i))
  const state = { requests: 0, dieAt: Number.POSITIVE_INFINITY, finds: 0, blind: new Set<number>() }
  const reading = (i: number): Reading => ({
    data_id: idOf(i),
    master: Buffer.from(`{"id":"${idOf(i)}"}`),
    details: null,
    document: { content: { masterFieldVal: { id: idOf(i) }, detailFieldVals: {} }, source_time: 1_000_000 + i * 1_000 },
  })
  const asked = (): void => {
    if (++state.requests >= state.dieAt) throw new Error('killed')
  }
  const connector = {
    changes: async (w: Window): Promise<Read<Page>> => {
      asked()
      const found = [...rows]
        .filter((i) => !state.blind.has(i))
        .map(reading)
        .filter(({ document: { source_time: at } }) => (at ?? 0) >= w.from && (at ?? 0) <= w.to)
      const page = found.slice(w.offset, w.offset + w.limit)
      return { kind: 'read', value: { readings: page, full: page.length >= w.limit } }
    },
    find: async (_: string, id: string) => {
      asked()
      state.finds++
      const i = Number(id.slice(1))
      return { kind: 'read' as const, value: rows.has(i) ? reading(i) : null }
    },
  } as unknown as Connector
  return { rows, state, connector }
}

const world = async (count: number) => {
  const db = await freshDatabase()
  await declare(db.sql)
  await publish(db.sql, { left: {} }, {})
  const rows = Array.from({ length: count }, (_, i) => pushed('left', idOf(i), { name: `n${i}` }))
  for (let i = 0; i < count; i += 500) await db.sql.begin((tx) => admitIn(tx, rows.slice(i, i + 500)))
  return { db, erp: source(count) }
}
type World = Awaited<ReturnType<typeof world>>

const depsOf = ({ db, erp }: World, more: Partial<SeekerDeps> = {}): SeekerDeps => ({
  sql: db.sql,
  env: createEnv(),
  connector: () => erp.connector,
  connection: () => ({ ...connection('erp'), pageSize: 20 }),
  hintIn: (tx, hints) => hint(tx, hints, null),
  hinted() {},
  log: { info() {}, warn() {}, error() {} },
  ...more,
})

const wish = (more: Partial<Wish> = {}): Wish => ({
  tenant_id: tenant,
  connection_id: 'erp',
  object: 'L',
  on_gone: 'ask',
  every_ms: null,
  asked_by: 'ann',
  ...more,
})

const begin = async ({ db }: World, more: Partial<Wish> = {}, id = 's1') => {
  await addSweep(db.sql, id, wish(more), null)
  const sweep = await claimSweep(db.sql, leaseMs)
  assert.ok(sweep)
  return sweep
}
const goneIn = async ({ db }: World, id = 's1'): Promise<string[]> =>
  (await readGone(db.sql, tenant, id, { after: '', limit: 500, open: false, ids: null })).map((row) => row.data_id)
const fetches = ({ db }: World) => db.sql`select data_id, cause from "fetch" order by data_id`

test('what is gone is found, by as many single reads as there are suspects; what a page left out is not taken for gone', async () => {
  const w = await world(150)
  await using db = w.db
  for (const i of [7, 77, 149]) w.erp.rows.delete(i)
  w.erp.state.blind.add(50)
  const sweep = await begin(w)
  assert.equal(await workSweep(depsOf(w), sweep, never), null)
  await endSweep(db.sql, sweep, { state: 'success', fault: null }, 'no')
  assert.deepEqual(await goneIn(w), [7, 77, 149].map(idOf))
  assert.equal(w.erp.state.finds, 4)
  assert.deepEqual(await fetches(w), [], 'asked, not marked')
  const [told] = await readSweeps(db.sql, tenant, 's1', null, 1)
  assert.deepEqual([told?.state, told?.staged, told?.gone], ['success', 150, 3])
  const [{ n } = { n: -1 }] = await db.sql<{ n: number }>`select count(*)::int4 as n from deletion_sweep_id`
  assert.equal(n, 0, 'what it had read is dropped')
  assert.equal(await noteMarked(db.sql, tenant, 's1', [idOf(7)], 'ann'), 1)
  assert.equal(await noteMarked(db.sql, tenant, 's1', [idOf(7)], 'bob'), 0)
})

test('marked: each is handed to the fetcher, which alone believes in an absence', async () => {
  const w = await world(30)
  await using _db = w.db
  w.erp.rows.delete(3)
  let told = 0
  assert.equal(await workSweep(depsOf(w, { hinted: () => told++ }), await begin(w, { on_gone: 'mark' }), never), null)
  assert.deepEqual(await fetches(w), [{ data_id: idOf(3), cause: 'deletion sweep' }])
  assert.equal(told, 1)
})

test('the node dies at ever later requests: the same is gone, once', async () => {
  const w = await world(150)
  await using db = w.db
  for (const i of [1, 2, 3, 100]) w.erp.rows.delete(i)
  await addSweep(db.sql, 's1', wish({ on_gone: 'mark' }), null)
  let deaths = 0
  for (;;) {
    await db.sql`update deletion_sweep set lease_until = null`
    const sweep = await claimSweep(db.sql, leaseMs)
    assert.ok(sweep)
    w.erp.state.dieAt = w.erp.state.requests + 1 + deaths
    const end = await workSweep(depsOf(w), sweep, never).catch((error: Error) => error)
    if (end === null) break
    assert.equal((end as Error).message, 'killed')
    assert.ok(++deaths < 60)
  }
  assert.ok(deaths > 3, `${deaths} deaths`)
  assert.deepEqual(await goneIn(w), [1, 2, 3, 100].map(idOf))
  assert.equal((await fetches(w)).length, 4)
  const [told] = await readSweeps(db.sql, tenant, 's1', null, 1)
  assert.equal(told?.gone, 4)
})

test('a source that is not read to its end makes nothing gone; neither does one that cannot answer by id', async () => {
  const w = await world(60)
  await using db = w.db
  w.erp.rows.delete(5)
  const why = { code: 'read.failed', stage: 'read' } as const
  const failing = {
    ...w.erp.connector,
    changes: async () => ({ kind: 'failed' as const, why }),
  } as unknown as Connector
  const sweep = await begin(w)
  assert.deepEqual(await workSweep(depsOf(w, { connector: () => failing }), sweep, never), { fault: why })
  assert.deepEqual(await goneIn(w), [])
  const mute = { ...w.erp.connector, find: async () => ({ kind: 'failed' as const, why }) } as unknown as Connector
  assert.deepEqual(await workSweep(depsOf(w, { connector: () => mute }), sweep, never), { fault: why })
  assert.deepEqual(await goneIn(w), [])
  // The control: taking an unread source for an empty one would have voided everything.
  const empty = {
    ...w.erp.connector,
    changes: async () => ({ kind: 'read' as const, value: { readings: [], full: false } }),
  }
  await db.sql`update deletion_sweep set lease_until = null, phase = 'source', position = null`
  await db.sql`delete from deletion_sweep_id`
  const again = await claimSweep(db.sql, leaseMs)
  assert.ok(again)
  assert.equal(await workSweep(depsOf(w, { connector: () => empty as unknown as Connector }), again, never), null)
  assert.deepEqual(await goneIn(w), [idOf(5)], 'reads by id stand between an empty page and a voided company')
})

test('what is staged while it sweeps cannot have been read, and is not gone', async () => {
  const w = await world(10)
  await using db = w.db
  const sweep = await begin(w)
  await db.sql.begin((tx) => admitIn(tx, [pushed('left', 'L7777', { name: 'just now' })]))
  assert.equal(await workSweep(depsOf(w), sweep, never), null)
  assert.deepEqual(await goneIn(w), [])
})

test('one that was stopped keeps nothing more, and its repetition does not come', async () => {
  const w = await world(5)
  await using db = w.db
  const sweep = await begin(w, { every_ms: 60_000 })
  assert.ok(await stopSweep(db.sql, tenant, 's1'))
  await assert.rejects(workSweep(depsOf(w), sweep, never), Fenced)
  await endSweep(db.sql, sweep, { state: 'success', fault: null }, 's2')
  assert.deepEqual(
    (await readSweeps(db.sql, tenant, null, null, 10)).map((s) => s.state),
    ['stopped'],
  )
})

test('the seeker works what is due and queues the next one of its schedule', async () => {
  const w = await world(5)
  await using db = w.db
  await addSweep(db.sql, 's1', wish({ every_ms: 3_600_000 }), null)
  const seeker = startSeeker({ ...depsOf(w), netMs: 20 })
  try {
    for (let i = 0; (await readSweeps(db.sql, tenant, 's1', null, 1))[0]?.state !== 'success'; i++) {
      assert.ok(i < 500, 'it does not end')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } finally {
    await seeker.stop()
  }
  const [next, first] = await readSweeps(db.sql, tenant, null, null, 10)
  assert.deepEqual([next?.state, first?.state], ['queued', 'success'])
  assert.equal((next?.start_at ?? 0) - (first?.start_at ?? 0), 3_600_000)
})
