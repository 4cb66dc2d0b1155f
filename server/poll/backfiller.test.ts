/** History: by ranges, by ids and by mapping; it goes on after a crash, a pause and a stop, and a page is all that is done twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { hint } from '../converge/fetches.ts'
import { declare, publish, tenant } from '../converge/paired.fixture.ts'
import { drawVersion } from '../converge/read.ts'
import type { Connector, Page, Read, Window } from '../doc/connector.ts'
import { connection } from '../map/fixture.ts'
import { admitIn } from '../stage/admit.ts'
import { readingArrival } from '../stage/reading.ts'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import { type BackfillerDeps, startBackfiller, workBackfill } from './backfiller.ts'
import {
  addBackfill,
  type Asked,
  claimBackfill,
  endBackfill,
  readBackfills,
  steerBackfill,
  totalOf,
} from './history.ts'
import { Fenced } from './store.ts'
import { leaseMs } from './window.ts'

const key = { tenant_id: tenant, connection_id: 'erp', object: 'L' }
const hour = 3_600_000

/** Rows at even distances; `die` throws at the given request. */
const source = (rows: number) => {
  const state = { requests: 0, dieAt: Number.POSITIVE_INFINITY, finds: [] as string[] }
  const reading = (i: number) => ({
    data_id: `r${i}`,
    master: Buffer.from(`{"id":"r${i}","name":"${i % 2 ? 'odd' : 'even'}"}`),
    details: null,
    document: {
      content: { masterFieldVal: { id: `r${i}`, name: i % 2 ? 'odd' : 'even' }, detailFieldVals: {} },
      source_time: i * 1_000,
    },
  })
  const connector = {
    changes: async (w: Window): Promise<Read<Page>> => {
      if (++state.requests >= state.dieAt) throw new Error('killed')
      const first = Math.max(0, Math.ceil(w.from / 1_000))
      const found = []
      for (let i = first; i < rows && i * 1_000 <= w.to; i++) found.push(reading(i))
      const page = found.slice(w.offset, w.offset + w.limit)
      return { kind: 'read', value: { readings: page, full: page.length >= w.limit } }
    },
    find: async (_: string, id: string) => {
      state.finds.push(id)
      const i = Number(id.slice(1))
      return { kind: 'read' as const, value: i < rows ? reading(i) : null }
    },
  } as unknown as Connector
  return { state, connector }
}

const world = async (): Promise<FreshDatabase> => {
  const db = await freshDatabase()
  await declare(db.sql)
  await publish(db.sql, { left: {} }, {})
  return db
}

const depsOf = (
  db: FreshDatabase,
  from: ReturnType<typeof source>,
  more: Partial<BackfillerDeps> = {},
): BackfillerDeps => ({
  sql: db.sql,
  env: createEnv(),
  toArrival: (record, reading, version, trace) => readingArrival(record, undefined, reading, version, trace, 'poll'),
  admitIn: (tx, rows) => admitIn(tx, rows),
  hintIn: (tx, hints) => hint(tx, hints, null),
  drawVersion: () => drawVersion(db.sql),
  woke() {},
  connector: () => from.connector,
  connection: () => connection('erp'),
  backlog: async () => 0,
  again: async () => {},
  mapped: async () => [],
  log: { info() {}, warn() {}, error() {} },
  ...more,
})

const ask = async (db: FreshDatabase, asked: Asked, id = 'b1'): Promise<void> => {
  await addBackfill(db.sql, key, { id, asked, askedBy: 'ann', startAt: null, total: totalOf(asked.what, 0) })
}
const ranges = (rows: number): Asked => ({
  what: { by: 'ranges', ranges: [{ from: 0, to: rows * 1_000 }] },
  compare: true,
})
const staged = async (db: FreshDatabase): Promise<number> =>
  (await db.sql<{ n: number }>`select count(*)::int4 as n from document`)[0]?.n ?? -1
const shown = async (db: FreshDatabase, id = 'b1') => {
  const [task] = await readBackfills(db.sql, tenant, id, null, 1)
  assert.ok(task)
  return task
}
const never = new AbortController().signal

test('by ranges, across crashes: every row once, and what was done is not done again', async () => {
  await using db = await world()
  const erp = source(3_000)
  await ask(db, ranges(3_000))
  for (let crashes = 0; ; crashes++) {
    erp.state.dieAt = erp.state.requests + 12
    await db.sql`update backfill set lease_until = null`
    const task = await claimBackfill(db.sql, leaseMs)
    assert.ok(task)
    try {
      assert.equal(await workBackfill(depsOf(db, erp), task, never), null)
      await endBackfill(db.sql, task, { state: 'success', fault: null })
      assert.ok(crashes > 2, `${crashes} crashes`)
      break
    } catch (error) {
      assert.match(String(error), /killed/)
    }
  }
  assert.equal(await staged(db), 3_000)
  const task = await shown(db)
  assert.deepEqual([task.state, task.created, task.done], ['success', 3_000, task.total])
})

test('stopped in the middle, then continued: it goes on where it was', async () => {
  await using db = await world()
  const erp = source(2_000)
  await ask(db, ranges(2_000))
  const first = await claimBackfill(db.sql, leaseMs)
  assert.ok(first)
  const stopping = depsOf(db, erp, {
    backlog: async () => {
      if ((await staged(db)) >= 700) await steerBackfill(db.sql, tenant, 'b1', 'stop')
      return 0
    },
  })
  await assert.rejects(workBackfill(stopping, first, never), Fenced)
  const half = await shown(db)
  assert.equal(half.state, 'stopped')
  assert.ok(half.done > 0 && half.done < half.total)
  assert.equal(await steerBackfill(db.sql, tenant, 'b1', 'continue'), true)
  const before = erp.state.requests
  const second = await claimBackfill(db.sql, leaseMs)
  assert.ok(second)
  assert.equal(await workBackfill(depsOf(db, erp), second, never), null)
  assert.equal(await staged(db), 2_000)
  assert.ok(erp.state.requests - before < before * 3)
})

test('by ids: what is gone is counted, and holds up nobody; by condition: only what matches', async () => {
  await using db = await world()
  const erp = source(10)
  await ask(db, { what: { by: 'ids', ids: ['r1', 'r2', 'r99', 'r3'] }, where: { name: 'odd' }, compare: true })
  const task = await claimBackfill(db.sql, leaseMs)
  assert.ok(task)
  assert.equal(await workBackfill(depsOf(db, erp), task, never), null)
  assert.equal(await staged(db), 2)
  const { seen, created, failed, done } = await shown(db)
  assert.deepEqual([seen, created, failed, done], [3, 2, 1, 4])
})

test('by mapping, sent again although nothing changed', async () => {
  await using db = await world()
  const erp = source(5)
  const again: string[] = []
  await ask(db, { what: { by: 'mapped', pair: 'p' }, compare: false })
  const all = ['r1', 'r2', 'r4']
  const deps = depsOf(db, erp, {
    mapped: async (_key, _pair, after, limit) => all.filter((id) => id > (after ?? '')).slice(0, limit),
    again: async (_tx, rows) => void again.push(...rows.map((row) => row.data_id)),
  })
  const task = await claimBackfill(db.sql, leaseMs)
  assert.ok(task)
  assert.equal(await workBackfill(deps, task, never), null)
  assert.deepEqual(again.sort(), all)
})

test('it gives way while much of its object is still to be sent, waits for its time, and says what is in the way', async () => {
  await using db = await world()
  const erp = source(500)
  let waits = 0
  const looks: number[] = []
  const env = {
    ...createEnv(),
    sleep: async (ms: number, signal?: AbortSignal) => {
      looks.push(ms)
      await createEnv().sleep(Math.min(ms, 20), signal)
    },
  }
  const deps = depsOf(db, erp, { backlog: async () => (++waits < 8 ? 500 : 0), netMs: 20, env })
  await addBackfill(db.sql, key, {
    id: 'later',
    asked: ranges(500),
    askedBy: 'ann',
    startAt: Date.now() + hour,
    total: 1,
  })
  await ask(db, ranges(500))
  const loop = startBackfiller(deps)
  while ((await shown(db)).state !== 'success');
  await loop.stop()
  assert.ok(waits >= 8)
  // What the engine does in a moment is not waited for half a second; what it does not is not asked for all the time.
  assert.deepEqual(looks.filter((ms) => ms >= 20).slice(0, 7), [20, 40, 80, 160, 320, 500, 500])
  assert.equal((await shown(db, 'later')).state, 'queued')
  const broken = {
    changes: async () => ({ kind: 'failed', why: { code: 'read.contract', stage: 'read', said: 'no' } }),
  }
  await ask(db, ranges(500), 'b2')
  const again = startBackfiller({ ...deps, connector: () => broken as unknown as Connector })
  while ((await shown(db, 'b2')).fault === null);
  await again.stop()
  assert.match(String((await shown(db, 'b2')).fault), /read\.contract/)

  // It may have run for days: 72 hours count from the trouble, which the next step ends.
  const turn = async () => {
    await db.sql`update backfill set next_at = clock_timestamp(), started_at = clock_timestamp() - interval '9 days' where backfill_id = 'b2'`
    const { trouble_at } = await shown(db, 'b2')
    const next = startBackfiller({ ...deps, connector: () => broken as unknown as Connector })
    const before = (await shown(db, 'b2')).attempts
    while ((await shown(db, 'b2')).attempts === before && (await shown(db, 'b2')).state === 'running');
    await next.stop()
    return { before: trouble_at, after: await shown(db, 'b2') }
  }
  const { before, after } = await turn()
  assert.ok(before !== null && after.state === 'running' && after.trouble_at === before)
  await db.sql`update backfill set trouble_at = clock_timestamp() - interval '73 hours' where backfill_id = 'b2'`
  assert.equal((await turn()).after.state, 'error')
  await steerBackfill(db.sql, key.tenant_id, 'b2', 'continue')
  assert.equal((await shown(db, 'b2')).trouble_at, null)
})
