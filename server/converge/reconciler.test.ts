/** A4: the reconciler finds nothing where all is well, and repairs each kind of thing that is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { document } from '../map/fixture.ts'
import { admitStatement } from '../stage/statement.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { agree, compiledPair, declare, type Flows, links, publish, pushed } from './paired.fixture.ts'
import { reconcile, reconciled, type ReconcilerDeps, reconcileSlice, startReconciler } from './reconciler.ts'
import { sweepRound } from './sweeper.ts'

const log = { info: () => {}, warn: () => {}, error: (fields: object) => assert.fail(JSON.stringify(fields)) }
const nothing = { missing: 0, behind: 0, held: 0, lease: 0, target: 0 }

/** A pair with flows that were enabled by a sweep, and what the reconciler of one node is given. */
const world = async (flows: Flows = { left: {} }, option: 'now' | 'all' = 'all') => {
  const db = await freshDatabase()
  await declare(db.sql)
  const counted: string[] = []
  const deps: ReconcilerDeps = {
    sql: db.sql,
    env: createEnv(),
    log,
    found: (finding, count) => void counted.push(`${finding} ${count}`),
    woke: () => {},
  }
  const enable = async () => {
    await db.sql.begin((tx) =>
      publish(tx, flows, Object.fromEntries(Object.keys(flows).map((side) => [side, { sweep: 'enable', option }]))),
    )
    const sweeper = {
      sql: db.sql,
      directory: { pair: () => compiledPair(flows) },
      env: createEnv(),
      log,
      woke: () => {},
    }
    while ((await db.sql`select from flow where sweep is not null`).length) await sweepRound(sweeper)
  }
  return { db, sql: db.sql, deps, counted, enable, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() }
}

const admit = (sql: Sql, ...rows: Parameters<typeof pushed>[]) =>
  admitStatement(
    sql,
    rows.map((row) => pushed(...row)),
    null,
  )
const anHourLater = (sql: Sql) => sql`update reconciliation set next_at = next_at - interval '1 hour'`

test('where all is well it finds nothing: records before and after the enabling, on both sides, voids and both ways to start', async () => {
  for (const option of ['now', 'all'] as const) {
    await using w = await world({ left: {}, right: {} }, option)
    await admit(
      w.sql,
      ['left', 'OLD', { name: 'a' }],
      ['right', 'OLD', { name: 'a' }],
      ['left', 'GONE', {}, { operation: 'void' }],
    )
    await w.enable()
    await admit(w.sql, ['left', 'NEW', { name: 'a' }], ['right', 'NEW', { name: 'a' }])
    await admit(w.sql, ['left', 'NEW', { name: 'b' }])
    assert.deepEqual(await reconcile(w.deps), nothing, option)
    assert.deepEqual([w.counted, await reconciled(w.sql)], [[], 0])
  }
})

test('a staged record that the flow covers and that has no link gets one, and is counted', async () => {
  await using w = await world()
  await w.enable()
  await admit(
    w.sql,
    ['left', 'L1', { name: 'a' }],
    ['left', 'L2', { name: 'b' }],
    ['right', 'R1', { name: 'no flow leads away from here' }],
  )
  await w.sql`delete from link`
  assert.deepEqual(await reconcile(w.deps), { ...nothing, missing: 2 })
  assert.deepEqual(
    (await links(w.sql)).map((l) => [l.left_id, l.state]),
    [
      ['L1', 'due'],
      ['L2', 'due'],
    ],
  )
  assert.deepEqual([w.counted, await reconciled(w.sql)], [['missing 2'], 2])
})

test('startFrom now: records from before are not missing, records from after are', async () => {
  await using w = await world({ left: {} }, 'now')
  await admit(w.sql, ['left', 'OLD', { name: 'a' }])
  await w.enable()
  await admit(w.sql, ['left', 'NEW', { name: 'a' }])
  await w.sql`delete from link`
  assert.deepEqual(await reconcile(w.deps), { ...nothing, missing: 1 })
  assert.deepEqual(
    (await links(w.sql)).map((l) => l.left_id),
    ['NEW'],
  )
})

test('a link that knows an older version than is staged becomes due with the newer one', async () => {
  await using w = await world()
  await w.enable()
  await admit(w.sql, ['left', 'L1', { name: 'a' }])
  await agree(w.sql, compiledPair({ left: {} }), 'left', 'L1', 'R1', document('L1', '{"id":"L1","name":"a"}'))
  await w.sql`update document set version = nextval('version_seq')`
  assert.deepEqual(await reconcile(w.deps), { ...nothing, behind: 1 })
  const [link] = await links(w.sql)
  const [doc] = await w.sql<{ version: number }>`select version from document`
  assert.deepEqual([link?.state, link?.left_version, link?.generation], ['due', doc?.version, 2])
})

test('a record that carries the id of one that is linked already was let go of (D7) and is not missing', async () => {
  await using w = await world({ left: {}, right: {} })
  await w.enable()
  await admit(w.sql, ['left', 'L1', { name: 'a' }])
  await admit(
    w.sql,
    ['right', 'R1', { name: 'a' }, { external_id: 'L1' }],
    ['right', 'R2', { name: 'b' }, { external_id: 'nobody' }],
  )
  await w.sql`delete from link where right_id is not null`
  assert.deepEqual(await reconcile(w.deps), { ...nothing, missing: 1 })
  assert.deepEqual(
    (await links(w.sql)).map((l) => l.right_id),
    [null, 'R2'],
  )
})

test('rows held against their pair, leases that nobody took back, and rows due towards a stranger are put right', async () => {
  await using w = await world()
  await w.enable()
  await admit(
    w.sql,
    ['left', 'L1', { name: 'a' }],
    ['left', 'L2', { name: 'b' }],
    ['left', 'L3', { name: 'c' }],
    ['left', 'L4', { name: 'd' }],
  )
  await w.sql`update link set held = true where left_id = 'L1'`
  await w.sql`update link set state = 'working', lease_until = clock_timestamp() - interval '2 minutes' where left_id = 'L2'`
  await w.sql`update link set target_connection = 'elsewhere' where left_id = 'L3'`
  await w.sql`update link set state = 'working', lease_until = clock_timestamp() - interval '1 second' where left_id = 'L4'`
  assert.deepEqual(await reconcile(w.deps), { ...nothing, held: 1, lease: 1, target: 1 })
  assert.deepEqual(
    (await links(w.sql)).map((l) => [l.left_id, l.state, l.held, l.target_connection]),
    [
      ['L1', 'due', false, 'crm'],
      ['L2', 'due', false, 'crm'],
      ['L3', 'due', false, 'crm'],
      ['L4', 'working', false, 'crm'],
    ],
  )
})

test('a pair that is being swept, and one without a flow, are left alone', async () => {
  await using w = await world()
  await admit(w.sql, ['left', 'L1', { name: 'a' }])
  assert.deepEqual(await reconcile(w.deps), nothing)
  await w.sql.begin((tx) => publish(tx, { left: {} }, { left: { sweep: 'enable', option: 'all' } }))
  assert.deepEqual(await reconcile(w.deps), nothing)
  assert.deepEqual(await links(w.sql), [])
})

test('it walks once an hour, in slices, and goes on from the last one after a crash', async () => {
  await using w = await world()
  await w.enable()
  await admit(
    w.sql,
    ...Array.from({ length: 9 }, (_, i): Parameters<typeof pushed> => ['left', `L${i}`, { name: 'a' }]),
  )
  assert.deepEqual(await reconcile(w.deps), nothing)
  await w.sql`delete from link`
  assert.equal(await reconcileSlice(w.deps), null, 'the hour is not over')
  await anHourLater(w.sql)
  const deps = { ...w.deps, keys: 4, rows: 3 }
  assert.deepEqual(await reconcileSlice(deps), { ...nothing, missing: 3 })
  assert.equal((await links(w.sql)).length, 3)
  await anHourLater(w.sql)
  assert.deepEqual(await reconcile(deps), { ...nothing, missing: 6 }) // another process goes on
  assert.equal((await links(w.sql)).length, 9)
  assert.equal(await reconciled(w.sql), 9)
})

test('two reconcilers at once repair each row once', async () => {
  await using w = await world()
  await w.enable()
  await admit(
    w.sql,
    ...Array.from({ length: 40 }, (_, i): Parameters<typeof pushed> => ['left', `L${i}`, { name: 'a' }]),
  )
  await w.sql`delete from link`
  const found = await Promise.all([
    reconcile({ ...w.deps, keys: 3 }),
    reconcile({ ...w.deps, sql: w.db.open(), keys: 3 }),
  ])
  assert.equal(found[0].missing + found[1].missing, 40)
  assert.deepEqual(
    (await links(w.sql)).map((l) => l.generation),
    Array(40).fill(1),
  )
})

test('a pair that is deleted takes its walks along', async () => {
  await using w = await world()
  await w.enable()
  await reconcile(w.deps)
  await w.sql`delete from flow`
  await w.sql`delete from pair`
  assert.equal((await w.sql`select from reconciliation`).length, 0)
})

test('the agent walks by itself and wakes the workers for what it found', async () => {
  await using w = await world()
  await w.enable()
  await admit(w.sql, ['left', 'L1', { name: 'a' }])
  await w.sql`delete from link`
  const woken = Promise.withResolvers<void>()
  const loop = startReconciler({ ...w.deps, woke: () => woken.resolve() })
  await woken.promise
  await loop.stop()
  assert.equal((await links(w.sql)).length, 1)
})
