/** The listener with a broker that a test holds in its hand: what is acknowledged and when, what is kept, how losses are told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import type { Message, OpenQueue, Take } from '../connect/queue.ts'
import type { Arrival, Hint } from '../doc/document.ts'
import type { QueueDef } from '../doc/queue.ts'
import { freshDatabase } from '../store/fresh.ts'
import { type Declared, type ListenerDeps, startListener } from './listener.ts'
import { listRefused } from './refused.ts'
import { readStandings } from './standing.ts'

const until = async (what: string, look: () => Promise<boolean> | boolean): Promise<void> => {
  for (const end = Date.now() + 10_000; !(await look()); await new Promise((done) => setTimeout(done, 5)))
    assert.ok(Date.now() < end, `waited in vain until ${what}`)
}

/** Each `give` answers what was acknowledged of it. */
const handBroker = () => {
  let take: Take | null = null
  let lose: (why: Error) => void = () => {}
  let refuse: Error | null = null
  let opened = 0
  const open: OpenQueue = async () => {
    if (refuse) throw refuse
    opened++
    return {
      consume: (given, signal) =>
        new Promise<void>((resolve, reject) => {
          take = given
          lose = (why) => {
            take = null
            reject(why)
          }
          signal.addEventListener('abort', () => resolve())
        }),
      lag: async () => 7,
      close: async () => {},
    }
  }
  return {
    open,
    opened: () => opened,
    listening: () => take !== null,
    lose: (why: string) => lose(new Error(why)),
    refuse: (why: string | null) => (refuse = why === null ? null : new Error(why)),
    give: (...bodies: (string | object)[]): Promise<readonly boolean[]> => {
      const messages = bodies.map(
        (body, i): Message => ({
          body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
          place: `q #${i}`,
          redelivered: false,
        }),
      )
      assert.ok(take)
      return take(messages)
    },
  }
}

const queue: QueueDef = {
  id: 'changes',
  kind: 'rabbitmq',
  url: 'amqp://u:geheim@127.0.0.1',
  state: 'enabled',
  batch: 10,
  rabbitmq: { queue: 'q', create: false, routingKeys: [] },
}
const declared: Declared = { tenantId: 't', connectionId: 'crm', queue }

const freshListener = async (more: Partial<ListenerDeps> = {}) => {
  const db = await freshDatabase()
  const broker = handBroker()
  const rows: Arrival[] = []
  const hints: Hint[] = []
  const lines: string[] = []
  const say = (_: object, line: string) => void lines.push(line)
  const listener = startListener({
    env: { ...createEnv(), random: () => 0 },
    node: 'node-1',
    sql: db.sql,
    open: { rabbitmq: broker.open, nats: broker.open, kafka: broker.open },
    policy: { kind: 'connection' },
    connection: () => ({
      zone: 'Asia/Shanghai',
      readable: true,
      object: (name) =>
        name === 'AccountObj' ? { code: name, apiName: name, idField: '_id', fields: [], details: [] } : undefined,
    }),
    admit: async (row) => ({ kind: 'created', seq: rows.push(row), version: 1 }),
    hint: async (hint) => void hints.push(hint),
    log: { info: say, warn: say, error: say },
    ...more,
  })
  listener.refresh([declared])
  await until('it listens', broker.listening)
  return {
    db,
    broker,
    rows,
    hints,
    lines,
    listener,
    [Symbol.asyncDispose]: async () => {
      await listener.stop()
      await db[Symbol.asyncDispose]()
    },
  }
}

const event = (dataId: string, more: object = {}) => ({
  tenantId: 't',
  objectApiName: 'AccountObj',
  dataId,
  operation: 'update',
  changedAt: 1,
  ...more,
})

test('what cannot be read is kept byte for byte, shown and acknowledged; its neighbours go their way', async () => {
  await using world = await freshListener()
  const poison = '{"tenantId":"t","objectApiName":"AccountObj","dataId":"P1","operation":"explode","changedAt":1 }'
  const acked = await world.broker.give(event('A1'), poison, 'no json \u0000', [
    event('A2'),
    event('A3', { dataId: 1.5 }),
  ])
  assert.deepEqual(acked, [true, true, true, true])
  assert.deepEqual(
    world.hints.map((one) => one.data_id),
    ['A1', 'A2'],
  )
  const kept = await listRefused(world.db.sql, 't', { connectionId: null, before: null, limit: 10 })
  assert.deepEqual(kept.map((one) => [one.dataId, one.place, one.why.code]).reverse(), [
    ['P1', 'q #1', 's306240002'],
    ['', 'q #2', 's306240001'],
    ['1.5', 'q #3', 's306240002'],
  ])
  const logged = await world.db.sql<{ outcome: string; body: Buffer; data_id: string }>`
    select outcome, body, data_id from arrival where tenant_id = 't' order by seq`
  assert.equal(logged[0]?.body.toString(), poison)
  assert.ok(logged.every((one) => one.outcome === 'refused'))
})

test('nothing is acknowledged before it is stored: while the database is away the message waits, and a stop returns it', async () => {
  let away = true
  const stored: string[] = []
  await using world = await freshListener({
    hint: async (hint) => {
      if (away) throw Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })
      stored.push(hint.data_id)
    },
  })
  const first = world.broker.give(event('A1'))
  const soon = await Promise.race([first, new Promise((done) => setTimeout(() => done('not yet'), 150))])
  assert.equal(soon, 'not yet')
  assert.match(world.listener.views()[0]?.fault ?? '', /not stored/)
  away = false
  assert.deepEqual(await first, [true])
  assert.deepEqual(stored, ['A1'])
  assert.equal(world.listener.views()[0]?.fault, null)
  away = true
  const second = world.broker.give(event('A2'))
  await world.listener.stop()
  assert.deepEqual(await second, [false], 'it goes back to the broker')
  assert.deepEqual(stored, ['A1'])
})

test('an event that the database itself refuses is kept like one that cannot be read', async () => {
  await using world = await freshListener({
    hint: async () => {
      throw Object.assign(new Error('value out of range'), { code: '22003' })
    },
  })
  assert.deepEqual(await world.broker.give(event('A1')), [true])
  assert.equal((await listRefused(world.db.sql, 't', { connectionId: 'crm', before: null, limit: 10 })).length, 1)
})

test('a loss is told once, in log, status and count; the queue is opened anew, and no password is in it', async () => {
  let losses = 0
  await using world = await freshListener({ lost: () => losses++ })
  world.broker.refuse('connect ECONNREFUSED amqp://u:geheim@127.0.0.1')
  world.broker.lose('queue q was deleted')
  await until('it says so', async () => (await readStandings(world.db.sql, 't'))[0]?.state === 'reconnecting')
  await until('it tried again', () => /ECONNREFUSED/.test(world.listener.views()[0]?.fault ?? ''))
  assert.ok(!JSON.stringify([world.lines, world.listener.views()]).includes('geheim'))
  await new Promise((done) => setTimeout(done, 400))
  const told = world.lines.filter((line) => /lost/.test(line)).length
  assert.equal(told, 2, 'the loss, and the other reason: not every vain try')
  world.broker.refuse(null)
  await until('it listens again', () => world.listener.views()[0]?.state === 'listening')
  assert.equal(losses, 1)
  assert.equal((await readStandings(world.db.sql, 't'))[0]?.lastAt, null, 'nothing came yet')
  assert.deepEqual(await world.broker.give(event('A1')), [true])
  await until('the lag is shown', async () => (await readStandings(world.db.sql, 't'))[0]?.lag === 7)
  await until('and when something came last', async () => {
    const [standing] = await readStandings(world.db.sql, 't')
    return standing?.lastAt != null && Date.now() - standing.lastAt < 60_000 && standing.connects === 2
  })
})

test('a changed queue is opened anew, a paused one is let be, an unchanged one left alone', async () => {
  await using world = await freshListener()
  world.listener.refresh([{ ...declared, queue: { ...queue } }])
  assert.equal(world.broker.opened(), 1)
  assert.deepEqual(await world.broker.give(event('A1')), [true])
  const lastAt = world.listener.views()[0]?.lastAt
  assert.ok(lastAt)
  world.listener.refresh([{ ...declared, queue: { ...queue, batch: 20 } }])
  await until('it is opened anew', () => world.broker.opened() === 2)
  world.listener.refresh([{ ...declared, queue: { ...queue, state: 'paused' } }])
  await until('it is paused', () => world.listener.views()[0]?.state === 'paused')
  assert.equal(world.listener.views()[0]?.lastAt, lastAt, 'when something came last is not forgotten')
  world.listener.refresh([])
  assert.deepEqual(world.listener.views(), [])
  await until('nothing is left of it', async () => (await readStandings(world.db.sql, 't')).length === 0)
})
