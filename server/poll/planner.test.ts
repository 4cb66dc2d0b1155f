/** What begins by itself, with a real database: each time once however many nodes look, none twice at work, and what a schedule begins is what it says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { declare, pairId, tenant } from '../converge/paired.fixture.ts'
import type { ReconcileDef } from '../doc/flow.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { readComparisons } from './comparisons.ts'
import { beginDue, beginNow, ensurePlanned, nextPlanned, type Plan, readPlanned } from './planned.ts'
import { startPlanner } from './planner.ts'
import { readSweeps } from './sweeps.ts'

const hour = 3_600_000
const reconciling = (more: Partial<ReconcileDef> = {}): Plan => ({
  tenant_id: tenant,
  kind: 'reconcile',
  name: `${pairId} leftToRight`,
  zone: 'Asia/Shanghai',
  pairId,
  side: 'left',
  def: { every: hour, jitter: 0, lag: 600_000, repair: [], repairMost: 1_000, ...more },
})
const sweeping = (onGone: 'ask' | 'mark' | 'void'): Plan => ({
  tenant_id: tenant,
  kind: 'sweep',
  name: 'erp/L',
  zone: 'Asia/Shanghai',
  connectionId: 'erp',
  object: 'L',
  def: { every: hour, jitter: 0, onGone },
})

const world = async (...plans: Plan[]) => {
  const db = await freshDatabase()
  await declare(db.sql)
  await ensurePlanned(db.sql, plans)
  return db
}
const comparisons = (sql: Sql) => readComparisons(sql, tenant, null, 100)
const dueNow = (sql: Sql, ago = 1_000) =>
  sql`update planned set next_at = clock_timestamp() - ${ago}::float8 * interval '1 millisecond'`

test('a time that has come is begun once, however many nodes see it, and one that was missed is made up for once', async () => {
  const plan = reconciling()
  await using db = await world(plan)
  assert.equal(await beginDue(db.sql, [plan], 0), null)
  const wait = await nextPlanned(db.sql)
  assert.ok(wait !== null && wait > 0 && wait <= hour)

  await dueNow(db.sql, 30 * hour)
  const begun = await Promise.all(Array.from({ length: 12 }, () => beginDue(db.sql, [plan], 0)))
  assert.equal(begun.filter(Boolean).length, 1)
  assert.equal((await comparisons(db.sql)).length, 1)
  const [row] = await readPlanned(db.sql, tenant)
  assert.ok(row && row.next_at > Date.now() && row.next_at <= Date.now() + hour)
  assert.equal(row.next_at % hour, 0)
  assert.equal(row.state, 'queued')
})

test('while the one before is at work its next time is left out, and the one after that is not', async () => {
  const plan = reconciling()
  await using db = await world(plan)
  await dueNow(db.sql)
  const first = await beginDue(db.sql, [plan], 0)
  assert.ok(first?.task)
  await dueNow(db.sql)
  assert.equal((await beginDue(db.sql, [plan], 0))?.task, null)
  assert.equal((await comparisons(db.sql)).length, 1)
  await db.sql`update comparison set state = 'success', ended_at = clock_timestamp()`
  assert.equal(await beginNow(db.sql, tenant, 'reconcile', 'no such flow'), false)
  assert.equal(await beginNow(db.sql, tenant, plan.kind, plan.name), true)
  assert.ok((await beginDue(db.sql, [plan], 0))?.task)
  assert.equal((await comparisons(db.sql)).length, 2)
})

test('a comparison is of what the schedule says: the last stretch or all, short of what may be on its way', async () => {
  const week = reconciling({ last: 7 * 24 * hour, lag: hour, repair: ['different'], repairMost: 5 })
  await using db = await world(week)
  await dueNow(db.sql)
  const before = Date.now()
  await beginDue(db.sql, [week], 0)
  const [made] = await comparisons(db.sql)
  assert.ok(made)
  assert.ok(Math.abs(made.to_at - (before - hour)) < 5_000)
  assert.equal(made.to_at - made.from_at, 7 * 24 * hour)
  assert.deepEqual([made.scheduled, made.repair, made.repair_most, made.asked_by], [true, ['different'], 5, 'schedule'])
  await db.sql`update comparison set state = 'success', ended_at = clock_timestamp()`

  // Another stretch is the same schedule: nothing moves. Another schedule counts from now.
  const [at] = await readPlanned(db.sql, tenant)
  await ensurePlanned(db.sql, [reconciling()])
  assert.equal((await readPlanned(db.sql, tenant))[0]?.next_at, at?.next_at)
  const nightly = reconciling({ every: 24 * hour, hours: { from: '02:00', to: '05:00' } })
  await ensurePlanned(db.sql, [nightly])
  const next = (await readPlanned(db.sql, tenant))[0]?.next_at as number
  assert.match(new Date(next).toISOString(), /T18:00:00/) // 02:00 in Shanghai
  await dueNow(db.sql)
  await beginDue(db.sql, [nightly], 0)
  assert.equal((await comparisons(db.sql))[0]?.from_at, 0)

  await ensurePlanned(db.sql, [])
  assert.deepEqual(await readPlanned(db.sql, tenant), [])
})

test('deletion sweeps are begun as well: asked about, or marked; the sweeps of people do not hold them up', async () => {
  for (const onGone of ['ask', 'mark', 'void'] as const) {
    const plan = sweeping(onGone)
    await using db = await world(plan, reconciling())
    await db.sql`
      insert into deletion_sweep (tenant_id, sweep_id, connection_id, object, on_gone, asked_by, start_at, next_at)
      values (${tenant}, 'of a person', 'erp', 'L', 'ask', 'ann', now() + interval '1 day', now() + interval '1 day')`
    await db.sql`update planned set next_at = clock_timestamp() where kind = 'sweep'`
    assert.ok((await beginDue(db.sql, [plan], 0))?.task)
    const [made] = await readSweeps(db.sql, tenant, null, null, 10)
    assert.deepEqual([made?.on_gone, made?.scheduled, made?.every_ms], [onGone === 'ask' ? 'ask' : 'mark', true, null])
  }
})

test('the planner of each node begins what is due and says so; what is no longer declared is not begun', async () => {
  const plan = reconciling()
  await using db = await world(plan)
  await dueNow(db.sql)
  let plans: Plan[] = [plan]
  let begun = 0
  const log = { info() {}, warn() {}, error: (fields: object) => assert.fail(JSON.stringify(fields)) }
  const deps = { sql: db.sql, env: createEnv(), plans: () => plans, begun: () => void begun++, log, netMs: 20 }
  const nodes = Array.from({ length: 3 }, () => startPlanner(deps))
  while (begun === 0) await new Promise((done) => setTimeout(done, 5))
  await new Promise((done) => setTimeout(done, 60))
  assert.equal(begun, 1)
  assert.equal((await comparisons(db.sql)).length, 1)
  plans = []
  while ((await readPlanned(db.sql, tenant)).length) await new Promise((done) => setTimeout(done, 5))
  await Promise.all(nodes.map((node) => node.stop()))
})
