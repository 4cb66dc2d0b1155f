/** What a person does to the ID mapping: bind, unbind, ignore; and that the engine goes on from there without doing anything twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admitIn } from '../stage/admit.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { bindByHand, ignore, unbind } from './ids.ts'
import { declare, publish, pairId, pushed, tenant } from './paired.fixture.ts'
import { reconcile } from './reconciler.ts'

const pair = { tenant_id: tenant, pair_id: pairId }

const world = async () => {
  const db = await freshDatabase()
  await declare(db.sql)
  await publish(db.sql, { left: {}, right: {} }, {})
  return db
}

const links = (sql: Sql) =>
  sql<{ left_id: string | null; right_id: string | null; state: string; reason: string | null }>`
    select left_id, right_id, state, reason
    from link
    order by link_id`
const come = (sql: Sql, side: 'left' | 'right', id: string, name = 'x') => admitIn(sql, [pushed(side, id, { name })])

test('two rows that each knew one side become one, which is decided again', async () => {
  await using db = await world()
  await come(db.sql, 'left', 'L-1')
  await come(db.sql, 'right', 'R-1')
  assert.equal((await links(db.sql)).length, 2)
  assert.equal((await bindByHand(db.sql, pair, 'L-1', 'R-1')).kind, 'bound')
  assert.deepEqual(await links(db.sql), [{ left_id: 'L-1', right_id: 'R-1', state: 'due', reason: null }])
  const [row] = await db.sql`select left_version > 0 as left, right_version > 0 as right from link`
  assert.deepEqual(row, { left: true, right: true })
  assert.equal((await bindByHand(db.sql, pair, 'L-1', 'R-1')).kind, 'already')
})

test('a mapping of records that never came in is kept for the first that does: it is an update, not a create', async () => {
  await using db = await world()
  await bindByHand(db.sql, pair, 'L-1', 'R-1')
  assert.deepEqual(await links(db.sql), [{ left_id: 'L-1', right_id: 'R-1', state: 'idle', reason: 'bound' }])
  await come(db.sql, 'left', 'L-1')
  assert.deepEqual(await links(db.sql), [{ left_id: 'L-1', right_id: 'R-1', state: 'due', reason: null }])
})

test('who is mapped to another, or has a call under way, is left alone', async () => {
  await using db = await world()
  await bindByHand(db.sql, pair, 'L-1', 'R-1')
  assert.deepEqual(await bindByHand(db.sql, pair, 'L-1', 'R-2'), { kind: 'taken', side: 'left', to: 'R-1' })
  assert.deepEqual(await bindByHand(db.sql, pair, 'L-2', 'R-1'), { kind: 'taken', side: 'right', to: 'L-1' })
  await come(db.sql, 'left', 'L-3')
  await db.sql`
    update link set state = 'unknown', sent_at = now(), sent_call = 'create', sent_side = 'right', sent_generation = 1
    where left_id = 'L-3'`
  assert.equal((await bindByHand(db.sql, pair, 'L-3', 'R-3')).kind, 'busy')
  assert.equal((await links(db.sql)).length, 2, 'nothing was made')
})

test('whoever waits for the record is woken by its binding', async () => {
  await using db = await world()
  await come(db.sql, 'left', 'L-9')
  await db.sql`
    update link set state = 'waiting', wait_kind = 'reference', wait_on = array['r:t/p/left/L-1'], next_at = now() + interval '1 day'`
  await bindByHand(db.sql, pair, 'L-1', 'R-1')
  const [row] = await db.sql`select state from link where left_id = 'L-9'`
  assert.deepEqual(row, { state: 'due' })
})

test('unbound records rest until they come in again, and the reconciler does not take them for forgotten ones', async () => {
  await using db = await world()
  await come(db.sql, 'left', 'L-1')
  await come(db.sql, 'right', 'R-1')
  await bindByHand(db.sql, pair, 'L-1', 'R-1')
  await db.sql`update link set state = 'idle', reason = 'applied', settled = generation, left_agreed_version = left_version, left_agreed_hash = told`
  const [bound] = await db.sql<{ link_id: number }>`select link_id from link`
  const name = { ...pair, link_id: bound?.link_id ?? 0 }
  assert.deepEqual(await unbind(db.sql, name), { kind: 'unbound', leftId: 'L-1', rightId: 'R-1' })
  const apart = [
    { left_id: 'L-1', right_id: null, state: 'idle', reason: 'unbound' },
    { left_id: null, right_id: 'R-1', state: 'idle', reason: 'unbound' },
  ]
  assert.deepEqual(await links(db.sql), apart)
  const env = { sleep: async () => {}, random: () => 0.5 }
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const found = await reconcile({ sql: db.sql, env, log, found: () => {}, woke: () => {} })
  assert.deepEqual(found, { missing: 0, behind: 0, held: 0, lease: 0, target: 0 })
  assert.deepEqual(await links(db.sql), apart)
  assert.equal((await unbind(db.sql, name)).kind, 'not bound')
  await come(db.sql, 'left', 'L-1')
  assert.equal((await links(db.sql))[0]?.state, 'due', 'the same content again is a reason to look')
})

test('an ignored failure rests, and comes back with the next version', async () => {
  await using db = await world()
  await come(db.sql, 'left', 'L-1')
  await db.sql`update link set state = 'parked', reason = 'data', fault = '{"code":"map.option","stage":"map"}'`
  const [row] = await db.sql<{ link_id: number }>`select link_id from link`
  const name = { ...pair, link_id: row?.link_id ?? 0 }
  assert.deepEqual(await ignore(db.sql, [name]), [name])
  assert.deepEqual(await ignore(db.sql, [name]), [], 'it is ignored already')
  assert.equal((await links(db.sql))[0]?.reason, 'ignored')
  await come(db.sql, 'left', 'L-1', 'y')
  assert.equal((await links(db.sql))[0]?.state, 'due')
})
