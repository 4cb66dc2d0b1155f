/** The lookout: sees what is due for every agent in one statement, sleeps until the next thing is due, and asks little while nothing happens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { look, startLookout } from './lookout.ts'

const log = { info: () => {}, warn: () => {}, error: (fields: object) => assert.fail(JSON.stringify(fields)) }
const targets = [
  { tenant_id: 't', connection_id: 'erp' },
  { tenant_id: 't', connection_id: 'crm' },
  { tenant_id: 'other', connection_id: 'crm' },
]

const linked = async (sql: Sql): Promise<void> => {
  await sql`insert into tenant (tenant_id) values ('t')`
  await sql`
    insert into connection (tenant_id, connection_id, kind, role, definition)
    values ('t', 'erp', 'standard', 'erp', '{}'), ('t', 'crm', 'standard', 'crm', '{}')`
  await sql`
    insert into object (tenant_id, connection_id, code, api_name, definition)
    values ('t', 'erp', 'L', 'L', '{}'), ('t', 'crm', 'R', 'R', '{}')`
  await sql`
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
    values ('t', 'p', 'erp', 'L', 'crm', 'R', '{}')`
}
const due = (sql: Sql, id: number, inMs: number, held = false) => sql`
  insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, target_connection, held, next_at)
  values ('t', 'p', ${id}, ${`L${id}`}, now(), 'due', 'crm', ${held}, clock_timestamp() + ${inMs}::float8 * interval '1 millisecond')`
const working = (sql: Sql, id: number, inMs: number) => sql`
  insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, target_connection, lease_until)
  values ('t', 'p', ${id}, ${`L${id}`}, now(), 'working', 'crm', clock_timestamp() + ${inMs}::float8 * interval '1 millisecond')`
const read = (sql: Sql, id: string, inMs: number) => sql`
  insert into "fetch" (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id, next_at)
  values ('t', 'erp', 'L', ${id}, 1, 'hint', 'x', clock_timestamp() + ${inMs}::float8 * interval '1 millisecond')`

test('one look tells which targets have due links, which sources due reads, whether a lease ran out, and when the next will', async () => {
  await using db = await freshDatabase()
  await linked(db.sql)
  assert.deepEqual(await look(db.sql, targets), { links: [], reads: [], expired: false, next: null })
  await due(db.sql, 1, -1_000, true)
  assert.deepEqual((await look(db.sql, targets)).links, [], 'what a pause holds is in no claim')
  await due(db.sql, 2, 60_000)
  await working(db.sql, 3, 20_000)
  await read(db.sql, 'A', 40_000)
  const later = await look(db.sql, targets)
  assert.deepEqual([later.links, later.reads, later.expired], [[], [], false])
  assert.ok(later.next !== null && later.next > 18_000 && later.next <= 20_000, String(later.next))
  await due(db.sql, 4, -1)
  await working(db.sql, 5, -1)
  await read(db.sql, 'B', -1)
  const now = await look(db.sql, targets)
  assert.deepEqual([now.links, now.reads, now.expired], [[targets[1]], [targets[0]], true])
})

/** A clock of its own: every pause is noted and takes no time. */
const clockwork = (most: number) => {
  let at = 0
  const pauses: number[] = []
  const enough = Promise.withResolvers<void>()
  return {
    pauses,
    enough: enough.promise,
    env: {
      monotonic: () => at,
      random: () => 0.5,
      sleep: async (ms: number, signal?: AbortSignal) => {
        if (signal?.aborted) return
        pauses.push(ms)
        at += ms
        if (pauses.length < most) return
        enough.resolve()
        await new Promise<void>((done) => signal?.addEventListener('abort', () => done()))
      },
    },
  }
}

test('while nothing happens it looks each second for ten seconds and then every four, however many targets there are', async () => {
  await using db = await freshDatabase()
  let looks = 0
  const counting = Object.assign((...args: Parameters<Sql>) => (looks++, db.sql(...args)), db.sql) as Sql
  const { env, pauses, enough } = clockwork(14)
  const many = Array.from({ length: 300 }, (_, i) => ({ tenant_id: 't', connection_id: `c${i}` }))
  const never = () => assert.fail('nothing is due')
  const lookout = startLookout({
    sql: counting,
    env,
    log,
    targets: () => many,
    links: never,
    reads: never,
    expired: never,
  })
  await enough
  assert.deepEqual(pauses, [...Array<number>(10).fill(1_000), ...Array<number>(4).fill(4_000)])
  assert.equal(looks, 14)
  lookout.stir()
  for (let tries = 0; looks < 15 && tries < 500; tries++) await new Promise((resolve) => setTimeout(resolve, 2))
  assert.equal(looks, 15, 'the first stir after a rest looks at once')
  await lookout.stop()
})

test('what becomes due between two looks is told at its time', async () => {
  await using db = await freshDatabase()
  await linked(db.sql)
  await due(db.sql, 1, 350)
  const told = Promise.withResolvers<unknown>()
  const started = performance.now()
  const lookout = startLookout({
    sql: db.sql,
    env: createEnv(),
    log,
    targets: () => targets,
    links: (found) => told.resolve(found),
    reads: () => {},
    expired: () => {},
  })
  assert.deepEqual(await told.promise, [targets[1]])
  assert.ok(performance.now() - started < 900, 'before a look each second would have seen it')
  await lookout.stop()
})
