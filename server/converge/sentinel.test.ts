/** D6 against the real tables: circles are parked and released, and who waited in vain is told what became of the other record. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import type { Side } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import { admitStatement } from '../stage/statement.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { wake } from './ids.ts'
import { waitKey } from './link.ts'
import { declare, publish, pushed, tenant } from './paired.fixture.ts'
import { type SentinelDeps, startSentinel, watchChains, withParents } from './sentinel.ts'

const log = { info: () => {}, warn: () => {}, error: (fields: object) => assert.fail(JSON.stringify(fields)) }

/** Two pairs over the same objects, so that a record may wait within its pair and across. */
const world = async () => {
  const db = await freshDatabase()
  for (const id of ['p', 'q']) {
    await declare(db.sql, id)
    await publish(db.sql, { left: {} }, {}, id)
  }
  const deps: SentinelDeps = { sql: db.sql, env: createEnv(), log, woke: () => {} }
  return { db, sql: db.sql, deps, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() }
}

const key = (id: string, pairId = 'p', side: Side = 'left') => waitKey.reference(tenant, { pairId, side, id })
/** Admitted on both pairs; what does not wait on a pair is at rest there. */
const admit = async (sql: Sql, ...ids: string[]) => {
  await admitStatement(
    sql,
    ids.map((id) => pushed('left', id, { name: id })),
    null,
  )
  await sql`update link set state = 'idle', reason = 'no flow', settled = generation`
}
const waits = (sql: Sql, id: string, on: string[], pair = 'p') => sql`
  update link set state = 'waiting', reason = null, wait_kind = 'reference', wait_on = ${on}::text[], since = clock_timestamp(),
    wait_until = clock_timestamp() + interval '1 day', next_at = clock_timestamp() + interval '1 minute'
  where pair_id = ${pair} and left_id = ${id}`
const shown = async (sql: Sql, pair = 'p') => {
  const rows = await sql<{ left_id: string; state: string; reason: string | null; fault: string | null }>`
    select left_id, state, reason, fault from link where pair_id = ${pair} order by left_id`
  return rows.map((r) => `${r.left_id} ${r.state}${r.fault ? ` ${(JSON.parse(r.fault) as Fault).value}` : ''}`)
}

test('D6: records that wait for each other are parked, each with the circle; those who wait for them wait on', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B', 'C', 'D/left/x')
  await waits(w.sql, 'A', [key('D/left/x')])
  await waits(w.sql, 'D/left/x', [key('B'), key('unknown')])
  await waits(w.sql, 'B', [key('A')])
  await waits(w.sql, 'C', [key('A')])
  assert.deepEqual(await watchChains(w.deps), { parked: 3, released: 0, told: 0 })
  assert.deepEqual(await shown(w.sql), [
    'A parked A → D/left/x → B → A',
    'B parked B → A → D/left/x → B',
    'C waiting',
    'D/left/x parked D/left/x → B → A → D/left/x',
  ])
  assert.deepEqual(await watchChains(w.deps), { parked: 0, released: 0, told: 0 })
})

test('D6: a circle across two pairs, and one of a record with itself', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B', 'S')
  await waits(w.sql, 'A', [key('B', 'q')])
  await waits(w.sql, 'B', [key('A')], 'q')
  await waits(w.sql, 'S', [key('S')])
  assert.equal((await watchChains(w.deps)).parked, 3)
  assert.deepEqual(await shown(w.sql), ['A parked A → B → A', 'B idle', 'S parked S → S'])
  assert.deepEqual((await shown(w.sql, 'q'))[1], 'B parked B → A → B')
})

test('a record that has its other id is in no circle, whatever it still waits for: `later` has broken it', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B')
  await waits(w.sql, 'A', [key('B')])
  await waits(w.sql, 'B', [key('A')])
  await w.sql`update link set right_id = 'RA' where pair_id = 'p' and left_id = 'A'`
  assert.equal((await watchChains(w.deps)).parked, 0)
})

test('chains without a circle are left to wait, and so are creates that wait for open creates', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B', 'C')
  await waits(w.sql, 'A', [key('B')])
  await waits(w.sql, 'B', [key('C')])
  await w.sql`update link set state = 'waiting', reason = null, wait_kind = 'create', wait_on = ${[key('A')]}::text[] where pair_id = 'p' and left_id = 'C'`
  assert.equal((await watchChains(w.deps)).parked, 0)
})

test('a member that went on meanwhile keeps the circle from being parked: it is looked at again under lock', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B')
  await waits(w.sql, 'A', [key('B')])
  await waits(w.sql, 'B', [key('A')])
  // between the look and the lock, B becomes due
  const racing = Object.assign(w.sql.bind(null) as unknown as Sql, w.sql, {
    retrying: async (work: (tx: Sql) => Promise<unknown>) => {
      await w.sql`update link set state = 'due', wait_kind = null, wait_on = null where pair_id = 'p' and left_id = 'B'`
      return w.sql.retrying(work)
    },
  })
  assert.equal((await watchChains({ ...w.deps, sql: racing })).parked, 0)
  assert.deepEqual(await shown(w.sql), ['A waiting', 'B due'])
})

test('once one of a circle is mapped, those who waited for it become due; the rest stays parked', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B', 'C')
  await waits(w.sql, 'A', [key('B')])
  await waits(w.sql, 'B', [key('C')])
  await waits(w.sql, 'C', [key('A')])
  await watchChains(w.deps)
  await w.sql`update link set right_id = 'RB', state = 'idle', reason = 'applied', settled = generation, fault = null where pair_id = 'p' and left_id = 'B'`
  assert.deepEqual(await watchChains(w.deps), { parked: 0, released: 1, told: 0 })
  assert.deepEqual(
    (await shown(w.sql)).map((row) => row.slice(0, 8)),
    ['A due', 'B idle', 'C parked'],
  )
})

test('a parked member that is tried again and waits again is shown its circle again, with the others parked still', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B')
  await waits(w.sql, 'A', [key('B')])
  await waits(w.sql, 'B', [key('A')])
  await watchChains(w.deps)
  await waits(w.sql, 'A', [key('B')])
  assert.equal((await watchChains(w.deps)).parked, 1)
  assert.equal((await shown(w.sql))[0], 'A parked A → B → A')
})

test('two sentinels at once park a circle once, and neither fails', async () => {
  await using w = await world()
  const ids = Array.from({ length: 30 }, (_, i) => `A${i}`)
  await admit(w.sql, ...ids)
  for (const [i, id] of ids.entries()) await waits(w.sql, id, [key(ids[i ^ 1] ?? '')])
  const other = { ...w.deps, sql: w.db.open() }
  const parked = await Promise.all([watchChains(w.deps), watchChains(other), watchChains(w.deps), watchChains(other)])
  assert.equal(
    parked.reduce((sum, one) => sum + one.parked, 0),
    30,
  )
})

test('more than fits in memory is looked at in turns, oldest first', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B', 'C', 'D')
  for (const [id, on] of [
    ['A', 'B'],
    ['B', 'A'],
    ['C', 'D'],
    ['D', 'C'],
  ] as const)
    await waits(w.sql, id, [key(on)])
  assert.equal((await watchChains({ ...w.deps, most: 2 })).parked, 2)
  assert.deepEqual(
    (await shown(w.sql)).map((row) => row.slice(0, 8)),
    ['A parked', 'B parked', 'C waitin', 'D waitin'],
  )
})

test('the key that the sentinel makes of a row is the one by which it is woken', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B')
  await waits(w.sql, 'A', [key('A')])
  await waits(w.sql, 'B', [key('A')])
  assert.equal((await watchChains(w.deps)).parked, 1)
  assert.equal(
    await wake(w.sql, [key('A')], null),
    1,
    'the one that only waits is woken as ever; the parked one is not',
  )
})

const expired = (id: string, also: Fault[] = []): string => {
  const fault: Fault = {
    code: 'wait.expired',
    stage: 'reference',
    field: 'customerId',
    value: id,
    expected: 'q',
    said: 'not mapped',
    also,
  }
  return JSON.stringify(fault)
}

test('D6: who waited 24 hours is told how the other record stands, once', async () => {
  await using w = await world()
  await admit(w.sql, 'W1', 'W2', 'W3', 'W4', 'W5', 'P1', 'P2', 'P3', 'P4')
  const refused: Fault = { code: 'send.refused', stage: 'send', said: 'name is taken' }
  await w.sql`update link set state = 'parked', reason = 'data', fault = ${JSON.stringify(refused)} where pair_id = 'q' and left_id = 'P1'`
  await w.sql`update link set state = 'idle', reason = 'out of scope' where pair_id = 'q' and left_id = 'P2'`
  await w.sql`update link set state = 'due', held = true, reason = null where pair_id = 'q' and left_id = 'P3'`
  await waits(w.sql, 'P4', [key('nobody')], 'q')
  for (const [who, of] of [
    ['W1', 'P1'],
    ['W2', 'P2'],
    ['W3', 'P3'],
    ['W4', 'P4'],
    ['W5', 'never seen'],
  ] as const) {
    const also: Fault[] =
      who === 'W1'
        ? [{ code: 'map.reference', stage: 'reference', field: 'materialId', value: 'P2', expected: 'q' }]
        : []
    await w.sql`update link set state = 'parked', reason = 'data', fault = ${expired(of, also)} where pair_id = 'p' and left_id = ${who}`
  }
  assert.equal((await watchChains(w.deps)).told, 5)
  const rows = await w.sql<{
    left_id: string
    fault: string
  }>`select left_id, fault from link where pair_id = 'p' and state = 'parked' order by left_id`
  const faults = rows.map((r) => JSON.parse(r.fault) as Fault)
  assert.deepEqual(
    faults.map((f) => f.said),
    [
      'parked (data): The target refused: name is taken',
      'not sent (out of scope)',
      'held: its flow is paused',
      'waiting itself',
      'not received yet',
    ],
  )
  assert.equal(faults[0]?.also?.[0]?.said, 'not sent (out of scope)')
  await w.sql`update link set state = 'idle', reason = 'applied' where pair_id = 'q'and left_id = 'P3'`
  assert.equal((await watchChains(w.deps)).told, 0, 'it tells how things stood when the wait ended')
})

test('only faults about references are told a state', () => {
  const fault: Fault = {
    code: 'wait.expired',
    stage: 'reference',
    value: 'A',
    said: 'not mapped',
    also: [
      { code: 'map.type', stage: 'map' },
      { code: 'map.reference', stage: 'reference' },
    ],
  }
  assert.deepEqual(withParents(fault, ['one', 'two']), {
    ...fault,
    said: 'one',
    also: [
      { code: 'map.type', stage: 'map' },
      { code: 'map.reference', stage: 'reference', said: 'two' },
    ],
  })
})

test('the agent looks by itself and wakes the workers for what it released', async () => {
  await using w = await world()
  await admit(w.sql, 'A', 'B')
  await waits(w.sql, 'A', [key('B')])
  await waits(w.sql, 'B', [key('A')])
  await watchChains(w.deps)
  await w.sql`update link set right_id = 'RB', state = 'idle', reason = 'applied', settled = generation, fault = null where pair_id = 'p' and left_id = 'B'`
  const woken = Promise.withResolvers<void>()
  const loop = startSentinel({ ...w.deps, woke: () => woken.resolve() })
  await woken.promise
  await loop.stop()
  assert.deepEqual((await shown(w.sql))[0], 'A due')
})
