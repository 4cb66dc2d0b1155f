/** What nodes share of a target, over a real database and real sockets: exact for all of them together, and not a write per call. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { createEnv } from '../agent/env.ts'
import type { LimitsDef } from '../doc/flow.ts'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import { openAllowance, paceOf, sharedOf } from './allowance.ts'
import { createLimits, ratesOf } from './limits.ts'
import { createPool, type Pool, type Reply } from './pool.ts'

const prepare = (db: FreshDatabase) =>
  db.sql.unsafe(`
    insert into tenant (tenant_id) values ('t');
    insert into connection (tenant_id, connection_id, kind, role, definition) values ('t', 'erp', 'standard', 'erp', '{}')`)

const tomorrow = (now: number): number => now + 3_600_000

const openTarget = async () => {
  let calls = 0
  const server = createServer((_, res) => {
    calls++
    res.end('ok')
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: () => calls,
    [Symbol.dispose]: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const node = (db: FreshDatabase, origin: string, limits: LimitsDef, dayEnd = tomorrow) => {
  const env = createEnv()
  let leases = 0
  const own = openAllowance({ sql: db.sql, tenantId: 't', connectionId: 'erp', limits, dayEnd, now: env.now })
  const pool = createPool({
    origin,
    connections: limits.concurrency,
    policy: { kind: 'connection', allowLoopback: true },
    limits: createLimits(limits, { random: () => 0.5, dayEnd, shared: sharedOf(limits) }),
    allowance: {
      lease: (wanted) => {
        leases++
        return own.lease(wanted)
      },
      giveBack: own.giveBack,
    },
    env,
  })
  return { pool, leases: () => leases, [Symbol.asyncDispose]: () => pool.close() }
}

const get = (pool: Pool, timeout = 60_000): Promise<Reply> =>
  pool.call({ method: 'GET', path: '/', headers: {}, body: null, timeout })

test('a quota of 60 a day: three nodes that ask for 150 calls make exactly 60, with far fewer writes', async () => {
  await using db = await freshDatabase()
  await prepare(db)
  using target = await openTarget()
  await using stack = new AsyncDisposableStack()
  const nodes = [1, 2, 3].map(() => stack.use(node(db, target.origin, { concurrency: 4, perDay: 60 })))
  const replies: Reply[] = []
  // One after the other in each node, so that leftovers of one do not starve the others: 3 × 50.
  await Promise.all(
    nodes.map(async ({ pool }) => {
      for (let i = 0; i < 50; i++) replies.push(await get(pool))
    }),
  )
  assert.equal(target.calls(), 60)
  const refused = replies.filter((reply) => reply.kind !== 'answer')
  assert.equal(refused.length, 90)
  for (const reply of refused)
    assert.ok(reply.kind === 'unsent' && reply.why === 'limited' && reply.said === 'day' && reply.at !== undefined)
  const leases = nodes.reduce((sum, one) => sum + one.leases(), 0)
  assert.ok(leases < 75, `${leases} leases`)
})

test('a quota of 50,000 costs one write in hundreds of calls, survives a restart, and what a node gives back is there for the next', async () => {
  await using db = await freshDatabase()
  await prepare(db)
  using target = await openTarget()
  const limits = { concurrency: 8, perDay: 50_000 }
  await using first = node(db, target.origin, limits)
  await Promise.all(Array.from({ length: 400 }, () => get(first.pool)))
  assert.ok(first.leases() <= 4, `${first.leases()} leases`)
  await first.pool.close()
  const taken = async () => (await db.sql<{ taken: number }>`select taken from allowance`)[0]?.taken
  assert.equal(await taken(), 400)
  await using second = node(db, target.origin, limits)
  await get(second.pool)
  await second.pool.close()
  assert.equal(await taken(), 401)
})

test('the day ends for all nodes at one instant of the database, and a node whose clock is behind puts its day right', async () => {
  await using db = await freshDatabase()
  await prepare(db)
  const limits = { concurrency: 1, perDay: 40 }
  const hour = 3_600_000
  const open = (skew: number) =>
    openAllowance({
      sql: db.sql,
      tenantId: 't',
      connectionId: 'erp',
      limits,
      dayEnd: (now) => (Math.floor(now / hour) + 1) * hour,
      now: () => Date.now() + skew,
    })
  for (const skew of [0, -2 * hour, 5_000]) {
    const { day } = await open(skew).lease({ day: true, starts: 0 })
    assert.ok(day && day.calls >= 1 && day.endsIn <= hour + 5_000, JSON.stringify(day))
  }
  assert.equal((await db.sql`select from allowance`).length, 1)
  // Midnight passes: the next lease begins a day of its own.
  await db.sql`update allowance set ends_at = clock_timestamp() - interval '1 second', taken = 40`
  const { day } = await open(0).lease({ day: true, starts: 0 })
  assert.equal(day?.calls, 2)
})

test('a rate that holds for all nodes: two nodes at full speed never start more than 10 in any second', async () => {
  await using db = await freshDatabase()
  await prepare(db)
  using target = await openTarget()
  const limits: LimitsDef = { concurrency: 8, perSecond: 10, acrossNodes: true }
  await using stack = new AsyncDisposableStack()
  const nodes = [1, 2].map(() => stack.use(node(db, target.origin, limits)))
  const replies = (await Promise.all(nodes.flatMap(({ pool }) => Array.from({ length: 12 }, () => get(pool))))).filter(
    (reply) => reply.kind === 'answer',
  )
  const starts = replies.map((reply) => reply.sentAt).sort((a, b) => a - b)
  assert.equal(starts.length, 24, 'nobody is refused: rates are waited for')
  for (const [i, at] of starts.entries()) {
    const most = starts.slice(i).filter((t) => t < at + 1_000).length
    assert.ok(most <= 10, `${most} calls within a second of ${at - (starts[0] ?? 0)} ms`)
  }
  const lasted = (starts.at(-1) ?? 0) - (starts[0] ?? 0)
  assert.ok(lasted >= 2_000, `24 calls at 10 a second took ${lasted} ms`)
})

test('the pace satisfies every rate, however late each start is within its slack', () => {
  fc.assert(
    fc.property(
      fc.record({
        perSecond: fc.integer({ min: 1, max: 50 }),
        calls: fc.integer({ min: 1, max: 200 }),
        every: fc.integer({ min: 1_000, max: 30_000 }),
      }),
      fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 50, maxLength: 300 }),
      ({ perSecond, calls, every }, late) => {
        const limits: LimitsDef = { concurrency: 1, perSecond, per: [{ calls, every }] }
        const pace = paceOf(limits)
        assert.ok(pace)
        const starts = late.map((share, i) => i * pace.every + share * pace.slack * 0.999).sort((a, b) => a - b)
        for (const rate of ratesOf(limits))
          for (const [i, at] of starts.entries())
            assert.ok(starts.slice(i).filter((t) => t < at + rate.every).length <= rate.calls)
      },
    ),
    { numRuns: 100 },
  )
})

test('without a database the call waits, and says in the end that it never left', async () => {
  await using db = await freshDatabase()
  using target = await openTarget() // no row for the connection: the lease fails
  await using own = node(db, target.origin, { concurrency: 1, perDay: 5 })
  const { pool } = own
  const reply = await pool.call({
    method: 'GET',
    path: '/',
    headers: {},
    body: null,
    timeout: 10_000,
    sendBy: performance.now() + 300,
  })
  assert.ok(reply.kind === 'unsent' && reply.why === 'late')
  assert.equal(target.calls(), 0)
})
