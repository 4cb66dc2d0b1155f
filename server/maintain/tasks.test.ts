/** The tasker on a real database: every record once, by several nodes and over a crash, stopped in between, and stuck on nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import { asTenant } from '../store/roles.ts'
import type { Pool } from '../store/pool.ts'
import type { PageFilter } from './pages.ts'
import { addTask, readTasks, startTasker, stopTask, type TaskerDeps } from './tasks.ts'

const env = createEnv()
const filter = (tenantId: string): PageFilter => ({
  tenantId,
  pairId: null,
  from: null,
  object: null,
  states: ['failed'],
  fault: null,
  group: null,
  since: null,
  until: null,
  keyword: null,
  upTo: 10_000,
})

/** `count` failed records in each of two tenants, with equal numbers. */
const world = async (count: number): Promise<{ db: FreshDatabase; app: Pool }> => {
  const db = await freshDatabase()
  for (const t of ['a', 'b']) {
    await db.owner.unsafe(`
      insert into tenant (tenant_id) values ('${t}');
      insert into connection (tenant_id, connection_id, kind, role, definition) values ('${t}', 'erp', 'standard', 'erp', '{}'), ('${t}', 'crm', 'standard', 'crm', '{}');
      insert into object (tenant_id, connection_id, code, api_name, definition) values ('${t}', 'erp', 'C', 'C', '{}'), ('${t}', 'crm', 'A', 'A', '{}');
      insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition) values
        ('${t}', 'p', 'erp', 'C', 'crm', 'A', '{}'), ('${t}', 'q', 'erp', 'C', 'crm', 'A', '{}');
      insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, reason, settled, target_connection, fault)
      select '${t}', case when n % 3 = 0 then 'q' else 'p' end, n, 'L-' || n, now(), 'parked', 'data', 0, 'crm', '{"code":"map.option"}'
      from generate_series(1, ${count}) n`)
  }
  return { db, app: db.open({ role: 'mortise_app' }) }
}

const quiet = { error: (fields: object) => assert.fail(JSON.stringify(fields)) }

/** Stands for converge/ids.ts: counts how often each record was gone through. */
const counting = (): { rerun: TaskerDeps['rerun'] } => ({
  rerun: (sql, links) => sql.affected`
    update link l set generation = generation + 1
    from unnest(${links.map((one) => one.tenant_id)}::text[], ${links.map((one) => one.pair_id)}::text[], ${links.map((one) => one.link_id)}::int8[])
      as w (tenant_id, pair_id, link_id)
    where (l.tenant_id, l.pair_id, l.link_id) = (w.tenant_id, w.pair_id, w.link_id)`,
})

const add = (app: Pool, tenantId: string, total: number, more: Partial<PageFilter> = {}) =>
  asTenant(app, tenantId, (tx) =>
    addTask(tx, tenantId, {
      taskId: env.id(),
      asked: { filter: { ...filter(tenantId), ...more }, side: null },
      askedBy: 'ann',
      total,
    }),
  )

const stateOf = async (app: Pool, tenantId: string, taskId: string) =>
  (await asTenant(app, tenantId, (tx) => readTasks(tx, tenantId, taskId)))[0]

const ended = async (app: Pool, tenantId: string, taskId: string) => {
  for (;;) {
    const task = await stateOf(app, tenantId, taskId)
    if (task && task.state !== 'running') return task
    await env.sleep(5)
  }
}

const generations = async (db: FreshDatabase, tenantId: string) =>
  (
    await db.owner<{ generation: number; n: number }>`
      select generation, count(*) as n from link where tenant_id = ${tenantId} group by 1 order by 1`
  ).map((row) => [row.generation, row.n])

test('three nodes go through all records of a task once each, though it stays a match, and through no other tenant’s', async () => {
  const { db, app } = await world(205)
  await using _ = db
  const task = await add(app, 'a', 205)
  const deps = { sql: app, env, log: quiet, woke: () => {}, slice: 20, everyMs: 1, ...counting() }
  const nodes = [1, 2, 3].map(() => startTasker(deps))
  const done = await ended(app, 'a', task.taskId)
  await Promise.all(nodes.map((node) => node.stop()))
  assert.deepEqual([done.state, done.done, done.total], ['done', 205, 205])
  assert.deepEqual(await generations(db, 'a'), [[2, 205]])
  assert.deepEqual(await generations(db, 'b'), [[1, 205]])
})

test('a node that dies in the middle leaves whole slices, and another goes on after its lease', async () => {
  const { db, app } = await world(100)
  await using _ = db
  const task = await add(app, 'a', 100)
  let slices = 0
  const { rerun } = counting()
  const dying = startTasker({
    sql: app,
    env,
    woke: () => {},
    slice: 30,
    everyMs: 1,
    log: { error: () => {} },
    rerun: async (sql, links, side) => {
      const count = await rerun(sql, links, side)
      if (++slices === 2) throw Object.assign(new Error('killed before the commit'), { code: '57P01' })
      return count
    },
  })
  while (slices < 2) await env.sleep(5)
  await dying.stop()
  assert.deepEqual((await stateOf(app, 'a', task.taskId))?.done, 30)
  const next = startTasker({ sql: app, env, log: quiet, woke: () => {}, slice: 30, everyMs: 1, rerun })
  await env.sleep(30)
  assert.equal((await stateOf(app, 'a', task.taskId))?.done, 30, 'the lease is waited for')
  await db.owner`update task set lease_until = clock_timestamp()`
  const done = await ended(app, 'a', task.taskId)
  await next.stop()
  assert.deepEqual([done.state, done.done], ['done', 100])
  assert.deepEqual(await generations(db, 'a'), [[2, 100]])
})

test('a stopped task ends with its slice, and one that cannot be done fails instead of being tried for ever', async () => {
  const { db, app } = await world(100)
  await using _ = db
  const task = await add(app, 'a', 100)
  const { rerun } = counting()
  let wake: () => void = () => {}
  const held = new Promise<void>((resolve) => (wake = resolve))
  const said: string[] = []
  const tasker = startTasker({
    sql: app,
    env,
    log: { error: (_fields, message) => void said.push(message) },
    woke: () => {},
    slice: 10,
    everyMs: 1,
    rerun: async (sql, links, side) => {
      wake()
      return rerun(sql, links, side)
    },
  })
  await held
  assert.equal(await asTenant(app, 'a', (tx) => stopTask(tx, 'a', task.taskId)), true)
  assert.equal(await asTenant(app, 'a', (tx) => stopTask(tx, 'a', task.taskId)), false)
  const stopped = await ended(app, 'a', task.taskId)
  await env.sleep(30)
  const later = await stateOf(app, 'a', task.taskId)
  assert.equal(stopped.state, 'stopped')
  assert.ok((later?.done ?? 100) < 100, `${later?.done} of 100`)
  const broken = await add(app, 'a', 1, { since: Number.MAX_SAFE_INTEGER })
  const failed = await ended(app, 'a', broken.taskId)
  await tasker.stop()
  assert.deepEqual([failed.state, said], ['failed', ['a task failed']])
  assert.ok(failed.fault)
})
