/** "Flows that stop", A4 and C6 against the real tables: what pausing, resuming, disabling, enabling and publishing do to records. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import type { Arrival } from '../doc/document.ts'
import { document } from '../map/fixture.ts'
import { admitStatement } from '../stage/statement.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { countDiffering } from './differs.ts'
import {
  agree,
  compiledPair,
  declare,
  type Flows,
  links,
  nameOnly,
  pairId,
  publish,
  pushed,
  tenant,
  withGrade,
} from './paired.fixture.ts'
import { mayDelete, pendingSweeps, startSweeper, sweepRound, sweepSlice, type SweeperDeps } from './sweeper.ts'

const env = createEnv()
const quiet = {
  info: () => {},
  warn: () => {},
  error: (fields: object) => assert.fail(JSON.stringify(fields, (_, v) => (v instanceof Error ? v.stack : v))),
}

/** A sweeper of its own, as of a node that has loaded these flows. */
const node = (sql: Sql, flows: () => Flows, more: Partial<SweeperDeps> = {}): SweeperDeps => ({
  sql,
  directory: { pair: (_, id) => compiledPair(flows(), id) },
  env,
  log: quiet,
  woke: () => {},
  ...more,
})

const admit = (sql: Sql, ...rows: Arrival[]) => admitStatement(sql, rows, null)

/** Until nothing is asked for any more; more rounds than any test needs would be a sweep that never ends. */
const sweepAll = async (deps: SweeperDeps): Promise<number> => {
  for (let rounds = 1; rounds < 200; rounds++) {
    await sweepRound(deps)
    if (!(await pendingSweeps(deps.sql)).length) return rounds
  }
  return assert.fail('the sweep does not end')
}

const world = async (flows: Flows, records = 3) => {
  const db = await freshDatabase()
  await declare(db.sql)
  let published = flows
  const deps = node(db.sql, () => published)
  const change = async (next: Flows, asks: Parameters<typeof publish>[2]) => {
    published = next
    await db.sql.begin((tx) => publish(tx, next, asks))
  }
  await change(flows, {})
  if (records)
    await admit(
      db.sql,
      ...Array.from({ length: records }, (_, i) => pushed('left', `L${i}`, { name: `n${i}`, grade: 'A' })),
    )
  return {
    db,
    sql: db.sql,
    deps,
    change,
    flows: () => published,
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

const states = async (sql: Sql) =>
  (await links(sql)).map(
    (l) => `${l.left_id ?? l.right_id} ${l.state}${l.reason ? ` ${l.reason}` : ''}${l.held ? ' held' : ''}`,
  )

/** A transaction that has done its work and is not committed yet; a test that fails must not leave it open. */
const uncommitted = async (sql: Sql, work: (tx: Sql) => Promise<unknown>) => {
  const [done, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const ended = sql.begin(async (tx) => {
    await work(tx)
    done.resolve()
    await end.promise
  })
  await done.promise
  const commit = async (): Promise<void> => {
    end.resolve()
    await ended
  }
  return { commit, [Symbol.asyncDispose]: commit }
}

/** Puts one row into a state that the engine would have made. */
const set = {
  waiting: (sql: Sql, id: string) =>
    sql`update link set state = 'waiting', wait_kind = 'reference', wait_on = '{r:t/q/left/X}', wait_until = clock_timestamp() where left_id = ${id}`,
  working: (sql: Sql, id: string) =>
    sql`update link set state = 'working', lease_token = 1, lease_until = clock_timestamp() + interval '1 minute' where left_id = ${id}`,
  unknown: (sql: Sql, id: string) => sql`
    update link set state = 'unknown', sent_at = clock_timestamp(), sent_call = 'create', sent_side = 'right', sent_generation = generation where left_id = ${id}`,
  idle: (sql: Sql, id: string) =>
    sql`update link set state = 'idle', reason = 'applied', settled = generation where left_id = ${id}`,
  parked: (sql: Sql, id: string, reason: string) =>
    sql`update link set state = 'parked', reason = ${reason}, fault = '{}' where left_id = ${id}`,
}

test('pause: every row of the pair is held, in whatever state, and new ones are made held; nothing else of them changes', async () => {
  await using w = await world({ left: {} }, 6)
  await set.idle(w.sql, 'L1')
  await set.working(w.sql, 'L2')
  await set.unknown(w.sql, 'L3')
  await set.waiting(w.sql, 'L4')
  await set.parked(w.sql, 'L5', 'data')
  await w.change({ left: { state: 'paused' } }, { left: { sweep: 'pause' } })
  await sweepAll(w.deps)
  await admit(w.sql, pushed('left', 'L6', { name: 'new' }), pushed('left', 'L1', { name: 'changed' }))
  assert.deepEqual(await states(w.sql), [
    'L0 due held',
    'L1 due held',
    'L2 working held',
    'L3 unknown held',
    'L4 waiting held',
    'L5 parked data held',
    'L6 due held',
  ])
})

test('pause: what is due is held before the walk has begun, even while a transaction from before keeps it waiting', async () => {
  await using w = await world({ left: {} }, 3)
  await set.idle(w.sql, 'L2')
  await using slow = await uncommitted(w.sql, (tx) => admit(tx, pushed('left', 'L9', { name: 'late' })))
  await w.change({ left: { state: 'paused' } }, { left: { sweep: 'pause' } })
  assert.deepEqual(await sweepRound(w.deps), { more: false, waits: true })
  assert.deepEqual(await states(w.sql), ['L0 due held', 'L1 due held', 'L2 idle applied'])
  await slow.commit()
  assert.equal((await links(w.sql)).at(-1)?.held, false, 'it was admitted without knowing of the pause')
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), ['L0 due held', 'L1 due held', 'L2 idle applied held', 'L9 due held'])
})

test('resume: rows are released in slices, with the count known before the first', async () => {
  await using w = await world({ left: { state: 'paused' } }, 7)
  await w.change({ left: {} }, { left: { sweep: 'resume' } })
  const deps = { ...w.deps, rows: 3 }
  await sweepRound(deps)
  const [begun] = await pendingSweeps(w.sql)
  assert.equal(begun?.sweep_total, 7)
  assert.equal((await links(w.sql)).filter((l) => l.held).length, 7)
  await sweepRound(deps)
  assert.equal((await links(w.sql)).filter((l) => l.held).length, 4)
  await sweepAll(deps)
  assert.equal((await links(w.sql)).filter((l) => l.held).length, 0)
})

test('resume: while the other flow of the pair is paused, its rows stay held', async () => {
  await using w = await world({ left: { state: 'paused' }, right: { state: 'paused' } })
  await w.change({ left: {}, right: { state: 'paused' } }, { left: { sweep: 'resume' } })
  await sweepAll(w.deps)
  assert.ok((await links(w.sql)).every((l) => l.held))
})

test('disable, I2: with no flow left, due and waiting rows become idle and settled; what is at work, unknown or parked stays', async () => {
  await using w = await world({ left: {} }, 5)
  await set.waiting(w.sql, 'L1')
  await set.working(w.sql, 'L2')
  await set.unknown(w.sql, 'L3')
  await set.parked(w.sql, 'L4', 'data')
  await w.change({ left: { state: 'disabled' } }, { left: { sweep: 'disable' } })
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), [
    'L0 idle flow disabled',
    'L1 idle flow disabled',
    'L2 working',
    'L3 unknown',
    'L4 parked data',
  ])
  for (const l of (await links(w.sql)).slice(0, 2)) assert.equal(l.settled, l.generation)
  await admit(w.sql, pushed('left', 'L7', { name: 'after' }))
  assert.equal((await links(w.sql)).length, 5, 'staging of the pair has stopped')
})

test('disable: while the other flow lives, due rows are left to decide, and waiting ones are decided anew', async () => {
  await using w = await world({ left: {}, right: {} })
  await set.waiting(w.sql, 'L1')
  await w.change({ left: { state: 'disabled' }, right: {} }, { left: { sweep: 'disable' } })
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), ['L0 due', 'L1 due', 'L2 due'])
})

test('disable: a flow of the pair that is enabled meanwhile is not robbed of its rows by the sweep of before', async () => {
  await using w = await world({ left: {}, right: { state: 'disabled' } }, 2)
  await w.change({ left: { state: 'disabled' }, right: { state: 'disabled' } }, { left: { sweep: 'disable' } })
  await sweepRound(w.deps)
  const [before] = await pendingSweeps(w.sql)
  assert.ok(before)
  await w.change({ left: { state: 'disabled' }, right: {} }, {})
  assert.equal(await sweepSlice(w.deps, before), 'taken')
  assert.deepEqual(await states(w.sql), ['L0 due', 'L1 due'])
})

test('A4: an enabling waits for every transaction open at its commit, shows as pending until then, and finds what they admitted', async () => {
  await using w = await world({ left: { state: 'disabled' } }, 0)
  await using slow = await uncommitted(w.sql, (tx) => admit(tx, pushed('left', 'L1', { name: 'uncommitted' })))
  await w.change({ left: {} }, { left: { sweep: 'enable', option: 'all' } })
  for (let i = 0; i < 3; i++) assert.deepEqual(await sweepRound(w.deps), { more: false, waits: true })
  await admit(w.sql, pushed('left', 'L2', { name: 'after' }))
  const [pending] = await pendingSweeps(w.sql)
  assert.deepEqual([pending?.sweep, pending?.sweep_waits?.length, pending?.sweep_total], ['enable', 1, null])
  assert.deepEqual(await states(w.sql), ['L2 due'], 'what comes after the commit is touched at the door')
  await slow.commit()
  assert.deepEqual(await states(w.sql), ['L2 due'], 'that transaction did not see the flow')
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), ['L1 due', 'L2 due'])
})

test('A4: transactions that begin after the enabling was seen are not waited for, nor those of other databases', async () => {
  await using w = await world({ left: { state: 'disabled' } }, 1)
  await using other = await freshDatabase()
  await using neighbour = await uncommitted(other.sql, async (tx) => {
    await tx`insert into tenant (tenant_id) values ('n')`
    await tx`delete from document`
  })
  await w.change({ left: {} }, { left: { sweep: 'enable', option: 'all' } })
  assert.deepEqual(await sweepRound(w.deps), { more: true, waits: false })
  await w.sql.begin(async (tx) => {
    await admit(tx, pushed('left', 'L5', { name: 'x' }))
    await sweepAll(w.deps)
  })
  await neighbour.commit()
  assert.deepEqual(await states(w.sql), ['L0 due', 'L5 due'])
})

test('startFrom now: only records that came after the enabling was asked for, and those a transaction did not see it for', async () => {
  await using w = await world({ left: { state: 'disabled' } }, 0)
  await admit(w.sql, pushed('left', 'OLD', { name: 'before' }))
  await using enabling = await uncommitted(w.sql, (tx) =>
    publish(tx, { left: {} }, { left: { sweep: 'enable', option: 'now' } }),
  )
  await admit(w.sql, pushed('left', 'BETWEEN', { name: 'the flow is not committed yet' }))
  await enabling.commit()
  await admit(w.sql, pushed('left', 'NEW', { name: 'after' }))
  const deps = node(w.sql, () => ({ left: {} }))
  await sweepAll(deps)
  assert.deepEqual(await states(w.sql), ['BETWEEN due', 'NEW due'])
})

test('startFrom all: records without a link and unmapped ones become due; of mapped ones only those whose mapped result differs', async () => {
  await using w = await world({ left: {} }, 4)
  const pair = compiledPair({ left: {} })
  await agree(w.sql, pair, 'left', 'L0', 'R0', document('L0', '{"id":"L0","name":"n0","grade":"A"}'))
  await agree(w.sql, pair, 'left', 'L1', 'R1', document('L1', '{"id":"L1","name":"n1","grade":"A"}'))
  await set.idle(w.sql, 'L2')
  await w.sql`update link set state = 'idle', reason = 'voided', settled = generation, voided_at = clock_timestamp() where left_id = 'L3'`
  await w.change({ left: { state: 'disabled' } }, { left: { sweep: 'disable' } })
  await sweepAll(w.deps)
  await admit(
    w.sql,
    pushed('left', 'L1', { name: 'changed while disabled' }),
    pushed('left', 'L4', { name: 'made while disabled' }),
  )
  await admit(w.sql, pushed('left', 'L5', {}, { operation: 'void' }))
  await w.change({ left: {} }, { left: { sweep: 'enable', option: 'all' } })
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), ['L0 idle applied', 'L1 due', 'L2 due', 'L3 idle voided', 'L4 due'])
  const [, l1, l2] = await links(w.sql)
  assert.deepEqual(
    [l1?.asked_side, l1?.asked_generation, l2?.asked_generation],
    ['left', l1?.generation, l2?.generation],
  )
})

test('startFrom now: what changed while nothing was staged is not sent, and its link knows its version (A4)', async () => {
  await using w = await world({ left: {} }, 1)
  await set.idle(w.sql, 'L0')
  await w.change({ left: { state: 'disabled' } }, { left: { sweep: 'disable' } })
  await sweepAll(w.deps)
  await admit(
    w.sql,
    pushed('left', 'L0', { name: 'changed while disabled' }),
    pushed('left', 'L1', { name: 'made while disabled' }),
  )
  await w.change({ left: {} }, { left: { sweep: 'enable', option: 'now' } })
  await sweepAll(w.deps)
  const [l0, ...more] = await links(w.sql)
  assert.deepEqual([l0?.state, l0?.reason, more.length], ['idle', 'applied', 0])
  const [doc] = await w.sql<{ version: number }>`select version from document where data_id = 'L0'`
  assert.equal(l0?.left_version, doc?.version)
})

test('enabling the right side walks the right object, and its links lead to the left', async () => {
  await using w = await world({ right: { state: 'disabled' } }, 0)
  await admit(w.sql, pushed('right', 'R1', { name: 'one' }), pushed('left', 'L1', { name: 'not of this flow' }))
  await w.change({ right: {} }, { right: { sweep: 'enable', option: 'all' } })
  await sweepAll(w.deps)
  assert.deepEqual(
    (await links(w.sql)).map((l) => [l.left_id, l.right_id, l.target_connection, l.state]),
    [[null, 'R1', 'erp', 'due']],
  )
})

test('a flow that begins paused starts with everything held', async () => {
  await using w = await world({ left: { state: 'disabled' } }, 2)
  await w.change({ left: { state: 'paused' } }, { left: { sweep: 'enable', option: 'all' } })
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), ['L0 due held', 'L1 due held'])
})

test('publish nextChange: nothing is asked for, but parked(config) becomes due', async () => {
  await using w = await world({ left: {} }, 3)
  await set.idle(w.sql, 'L0')
  await set.parked(w.sql, 'L1', 'config')
  await set.parked(w.sql, 'L2', 'data')
  await w.change({ left: { fields: withGrade } }, { left: { sweep: 'publish', option: 'nextChange' } })
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), ['L0 idle applied', 'L1 due', 'L2 parked data'])
})

test('publish all, C6: every record is asked for; a call under way keeps its state and the ask outlives it', async () => {
  await using w = await world({ left: {} }, 6)
  await set.idle(w.sql, 'L0')
  await set.working(w.sql, 'L1')
  await set.unknown(w.sql, 'L2')
  await set.parked(w.sql, 'L3', 'data')
  await set.parked(w.sql, 'L4', 'conflict')
  await w.sql`update link set state = 'idle', reason = 'voided', settled = generation, voided_at = clock_timestamp() where left_id = 'L5'`
  await w.change({ left: { fields: withGrade } }, { left: { sweep: 'publish', option: 'all' } })
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), [
    'L0 due',
    'L1 working',
    'L2 unknown',
    'L3 due',
    'L4 parked conflict',
    'L5 idle voided',
  ])
  for (const l of (await links(w.sql)).slice(0, 5))
    assert.deepEqual([l.generation, l.asked_generation, l.asked_side], [2, 2, 'left'])
})

test('publish differing: the dry run counts exactly the records that are then asked for', async () => {
  await using w = await world({ left: {} }, 0)
  await admit(
    w.sql,
    pushed('left', 'L0', { name: 'a', grade: 'A' }),
    pushed('left', 'L1', { name: 'b' }),
    pushed('left', 'L2', { name: 'c', grade: 'C' }),
  )
  const old = compiledPair({ left: {} })
  const next: Flows = {
    left: {
      fields: [...nameOnly, { to: 'grade', from: 'grade', default: 'none' }],
      scope: [{ field: 'name', op: 'ne', value: 'c' }],
    },
  }
  for (const id of ['L0', 'L1', 'L2']) {
    const [row] = await w.sql<{ master: string }>`select master from document where data_id = ${id}`
    await agree(w.sql, old, 'left', id, `R${id}`, document(id, row?.master ?? ''))
  }
  assert.deepEqual(await countDiffering(w.sql, old, 'left', env.now()), { looked: 3, differ: 0 })
  assert.deepEqual(await countDiffering(w.sql, compiledPair(next), 'left', env.now()), { looked: 3, differ: 2 })
  await w.change(next, { left: { sweep: 'publish', option: 'differing' } })
  await sweepAll({ ...w.deps, rows: 2 })
  assert.deepEqual(await states(w.sql), ['L0 due', 'L1 due', 'L2 idle applied'], 'what left the scope is left')
})

test('a publishing waits until this process has loaded what was published: nothing is asked for by the mapping of before', async () => {
  await using w = await world({ left: {} }, 1)
  await set.idle(w.sql, 'L0')
  let loaded: Flows = { left: {} }
  const deps = node(w.sql, () => loaded)
  await w.change({ left: { fields: withGrade } }, { left: { sweep: 'publish', option: 'all' } })
  await sweepRound(deps)
  for (let i = 0; i < 3; i++) assert.deepEqual(await sweepRound(deps), { more: false, waits: true })
  assert.deepEqual(await states(w.sql), ['L0 idle applied'])
  loaded = { left: { fields: withGrade } }
  await sweepAll(deps)
  assert.deepEqual(await states(w.sql), ['L0 due'])
})

test('a pause that came with a publishing holds the rows and asks for them', async () => {
  await using w = await world({ left: {} }, 1)
  await set.idle(w.sql, 'L0')
  await w.change({ left: { state: 'paused', fields: withGrade } }, { left: { sweep: 'pause', option: 'all' } })
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), ['L0 due held'])
})

test('a sweep goes on from its last slice after a crash: every record is asked for once', async () => {
  await using w = await world({ left: {} }, 10)
  for (let i = 0; i < 10; i++) await set.idle(w.sql, `L${i}`)
  await w.change({ left: { fields: withGrade } }, { left: { sweep: 'publish', option: 'all' } })
  const first = { ...w.deps, rows: 4 }
  await sweepRound(first)
  await sweepRound(first)
  assert.equal((await links(w.sql)).filter((l) => l.state === 'due').length, 4)
  await sweepAll(node(w.sql, w.flows, { rows: 4 })) // another process, which remembers nothing
  assert.deepEqual(
    (await links(w.sql)).map((l) => l.generation),
    Array(10).fill(2),
  )
})

test('a crash within a slice leaves nothing of it', async () => {
  await using w = await world({ left: { state: 'disabled' } }, 3)
  await w.change({ left: {} }, { left: { sweep: 'enable', option: 'all' } })
  await sweepRound(w.deps)
  const dying = Object.assign(w.sql.bind(null) as unknown as Sql, w.sql, {
    retrying: (work: (tx: Sql) => Promise<unknown>) =>
      w.sql.begin(async (tx) => {
        await work(tx)
        throw new Error('killed before the commit')
      }),
  })
  await sweepRound({ ...w.deps, sql: dying, log: { ...quiet, error: () => {} } })
  assert.deepEqual(await states(w.sql), [])
  await sweepAll(w.deps)
  assert.deepEqual(await states(w.sql), ['L0 due', 'L1 due', 'L2 due'])
})

test('two sweepers at once: every record is asked for once, and neither fails', async () => {
  await using w = await world({ left: {} }, 40)
  for (let i = 0; i < 40; i++) await set.idle(w.sql, `L${i}`)
  await w.change({ left: { fields: withGrade } }, { left: { sweep: 'publish', option: 'all' } })
  await Promise.all([sweepAll(node(w.sql, w.flows, { rows: 3 })), sweepAll(node(w.db.open(), w.flows, { rows: 3 }))])
  assert.deepEqual(
    (await links(w.sql)).map((l) => [l.state, l.generation]),
    Array(40).fill(['due', 2]),
  )
})

test('a new ask fences the slices of the one before', async () => {
  await using w = await world({ left: {} }, 4)
  await w.change({ left: { state: 'paused' } }, { left: { sweep: 'pause' } })
  await sweepRound(w.deps)
  const [old] = await pendingSweeps(w.sql)
  assert.ok(old?.sweep_total !== null && old)
  await w.change({ left: { state: 'paused', fields: withGrade } }, { left: { sweep: 'pause', option: 'all' } })
  assert.equal(await sweepSlice(w.deps, old), 'taken')
  const [next] = await pendingSweeps(w.sql)
  assert.deepEqual([next?.sweep_waits, next?.sweep_total, next?.sweep_after], [null, null, null])
})

test('an enabling that walks again keeps the moment it began with', async () => {
  await using w = await world({ left: { state: 'disabled' } }, 0)
  await w.change({ left: {} }, { left: { sweep: 'enable', option: 'now' } })
  const [first] = await pendingSweeps(w.sql)
  await admit(w.sql, pushed('left', 'L1', { name: 'after' }))
  await w.change({ left: { fields: withGrade } }, { left: { sweep: 'enable', option: 'now' } })
  const [again] = await pendingSweeps(w.sql)
  assert.notEqual(again?.sweep_xid, first?.sweep_xid)
  assert.equal(again?.start_version, first?.start_version)
})

test('a flow that cannot be swept does not keep the others from it', async () => {
  await using w = await world({ left: {} }, 2)
  await declare(w.sql, 'broken')
  await w.sql.begin((tx) => publish(tx, { left: {} }, { left: { sweep: 'enable', option: 'all' } }, 'broken'))
  await w.sql`update flow set changed_at = '-infinity' where pair_id = 'broken'`
  await w.change({ left: { state: 'paused' } }, { left: { sweep: 'pause' } })
  const told: object[] = []
  const deps: SweeperDeps = {
    ...w.deps,
    directory: {
      pair: (_, id) => {
        if (id === 'broken') throw new Error('does not compile')
        return compiledPair(w.flows())
      },
    },
    log: { ...quiet, error: (fields) => void told.push(fields) },
  }
  for (let i = 0; i < 4; i++) await sweepRound(deps)
  assert.deepEqual(await states(w.sql), ['L0 due held', 'L1 due held'])
  assert.ok(told.length > 0)
})

test('the agent sweeps by itself, is woken by a change, and wakes the workers', async () => {
  await using w = await world({ left: {} }, 2)
  for (const id of ['L0', 'L1']) await set.idle(w.sql, id)
  const woken = Promise.withResolvers<void>()
  const loop = startSweeper({ ...w.deps, woke: () => woken.resolve() }, 3_600_000)
  await w.change({ left: { fields: withGrade } }, { left: { sweep: 'publish', option: 'all' } })
  loop.wake()
  await woken.promise
  await loop.stop()
  assert.deepEqual(await states(w.sql), ['L0 due', 'L1 due'])
})

test('a pair may not be deleted while rows are at work or unknown, parked ones included', async () => {
  await using w = await world({ left: {} }, 3)
  assert.equal(await mayDelete(w.sql, tenant, pairId), null)
  await set.working(w.sql, 'L0')
  await set.unknown(w.sql, 'L1')
  await set.unknown(w.sql, 'L2')
  await set.parked(w.sql, 'L2', 'unknown')
  assert.deepEqual(await mayDelete(w.sql, tenant, pairId), { working: 1, unknown: 2 })
})
