/** The dispatcher's road of one batch, where a node died, a word was lost, the target was away or its settings changed: asked before it is repeated, repeated unchanged, told once. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import {
  type MasterdataBatchConnector,
  masterdataBatchConnector,
  type Posted,
  type Row,
  type Told,
} from '../connect/masterdata-batch/masterdata-batch.ts'
import { outBatchDefaults } from '../flows/config.ts'
import { connection } from '../map/fixture.ts'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import { claim, type Claimed, endBatch, fill, markPost, putOff } from './batches.ts'
import type { Asker, Lane } from './deps.ts'
import { startDispatcher } from './dispatcher.ts'
import { answered, putRows } from './queue.ts'

const env = createEnv()
const lane: Lane = {
  tenantId: 't',
  connectionId: 'mdm',
  object: 'position',
  path: 'positions',
  keyField: 'code',
  zone: 'Asia/Shanghai',
  perDay: 100,
  perHour: 50,
  said: { ...outBatchDefaults, callbackUrl: null, formerUntil: null, fillFor: 0, maxRows: 3 },
  url: null,
  timeout: 1_000,
}
const target = { tenantId: 't', connectionId: 'mdm' }
const lease = 7_000
const result = { failed: false, errors: [], warnings: [] }
const words = { status: null, said: '', limits: null }
const away: Told = { kind: 'wait', at: null, away: true, why: { code: 'send.connection', stage: 'read' } }
const unwilling: Told = { ...away, away: false }

const row = (key: string): Row => ({
  tenantId: 't',
  connectionId: 'mdm',
  key,
  object: 'position',
  pairId: 'p',
  linkId: 1,
  side: 'right',
  isNew: true,
  code: key,
  body: Buffer.from(JSON.stringify({ code: key })),
})

const prepared = async () => {
  const db = await freshDatabase()
  await db.sql`insert into tenant (tenant_id) values ('t')`
  await putRows(db.sql, [row('a'), row('b')])
  return db
}

/** What a node leaves that dies with the batch on the wire. */
const died = async (db: FreshDatabase): Promise<Claimed> => {
  assert.equal((await fill(db.sql, lane, randomUUID, Date.now())).made, true)
  const [batch] = await claim(db.sql, target, 1, lease)
  assert.ok(batch)
  assert.equal(await markPost(db.sql, lane, batch, lease), 0)
  await db.sql`update out_batch set lease_until = clock_timestamp()`
  return batch
}

/** A target as it is told to answer, in turn; what it was asked stands in `heard`. */
const peer = (says: { told?: Told[]; posted?: Posted[] }) => {
  const heard: { call: 'told' | 'post'; path: string; body?: string; sendIn?: number }[] = []
  const connector: Pick<MasterdataBatchConnector, 'post' | 'told'> = {
    told: async (path) => {
      heard.push({ call: 'told', path })
      return says.told?.shift() ?? { kind: 'absent' }
    },
    post: async (path, body, sendBy) => {
      heard.push({ call: 'post', path, body: body.toString(), sendIn: sendBy - env.monotonic() })
      return says.posted?.shift() ?? { ...words, kind: 'result', result }
    },
  }
  return { heard, connector, calls: () => heard.map(({ call, path }) => `${call} ${path}`) }
}

/** Runs a dispatcher until the condition holds; pauses are wound on. */
const until = async (
  db: FreshDatabase,
  connector: Pick<MasterdataBatchConnector, 'post' | 'told'>,
  holds: () => Promise<boolean> | boolean,
  now: Lane = lane,
): Promise<Asker[]> => {
  const told: Asker[] = []
  const dispatcher = startDispatcher({
    sql: db.sql,
    lanes: {
      find: () => now,
      targets: () => [{ ...target, timeout: 1_000, concurrency: 4 }],
      connector: () => connector,
    },
    env,
    log: { warn: () => {}, error: (fields) => assert.fail(JSON.stringify(fields)) },
    answered: async (askers) => void told.push(...askers),
    gated: () => false,
  })
  try {
    for (const end = Date.now() + 10_000; !(await holds()); ) {
      assert.ok(Date.now() < end, 'in vain')
      await db.sql`update out_batch set next_at = clock_timestamp() where state in ('ready', 'accepted')`
      dispatcher.wake()
      await env.sleep(20)
    }
  } finally {
    await dispatcher.stop()
  }
  return told
}

const stateIs = (db: FreshDatabase, state: string) => async (): Promise<boolean> =>
  (await db.sql`select from out_batch where state = ${state}`).length > 0
const endOf = async (db: FreshDatabase, key: string): Promise<string> => {
  const end = await answered(db.sql, 't', 'mdm', key, Date.now())
  return end.kind === 'told' ? end.outcome.kind : end.kind
}

test('a node that died behind its POST: the next one asks first, and repeats the same bytes where nobody knows of it', async () => {
  await using db = await prepared()
  const batch = await died(db)
  const { heard, connector, calls } = peer({})
  const told = await until(db, connector, stateIs(db, 'done'))
  assert.deepEqual(calls(), ['told positions', 'post positions'])
  assert.equal(heard[1]?.body, batch.body.toString())
  assert.deepEqual(told.map(({ key }) => key).sort(), ['a', 'b'])
  assert.deepEqual([await endOf(db, 'a'), await endOf(db, 'b')], ['applied', 'applied'])

  // and where the target knows it, nothing is repeated
  await putRows(db.sql, [row('c')])
  await died(db)
  const known = peer({ told: [{ kind: 'result', result }] })
  await until(db, known.connector, async () => (await endOf(db, 'c')) === 'applied')
  assert.deepEqual(known.calls(), ['told positions'])
})

test('the callback comes while the answer is being lost: the batch has ended, and is not sent again', async () => {
  await using db = await prepared()
  const { connector, calls } = peer({})
  const slow: typeof connector = {
    ...connector,
    post: async (path, body, sendBy, signal) => {
      await connector.post(path, body, sendBy, signal)
      const [batch] = await db.sql<{ id: number }>`select out_batch_id as id from out_batch`
      const ending = { tenantId: 't', batchId: batch?.id as number, now: Date.now(), status: null, said: null }
      assert.equal((await endBatch(db.sql, ending, result, 'callback', 'code'))?.length, 2)
      return { ...words, kind: 'unknown', why: { code: 'send.cut', stage: 'send' } }
    },
  }
  await until(db, slow, stateIs(db, 'done'))
  await until(db, slow, () => env.sleep(200).then(() => true))
  assert.deepEqual(calls(), ['post positions'])
  const [batch] = await db.sql`select state, told_by, posts from out_batch`
  assert.deepEqual(batch, { state: 'done', told_by: 'callback', posts: 1 })
})

test('the deadline passes while the target is away or still at work: it is asked again, and lost only when it does not want to tell, or after three days', async () => {
  await using db = await prepared()
  const accepted = async (): Promise<void> => {
    const batch = await died(db)
    await putOff(db.sql, batch, { state: 'accepted', next: Date.now(), answerBy: Date.now() - 1_000 })
  }
  await accepted()
  const back = peer({ told: [away, { kind: 'working' }, away, { kind: 'result', result }] })
  await until(db, back.connector, stateIs(db, 'done'))
  assert.equal(back.heard.length, 4)
  assert.equal(await endOf(db, 'a'), 'applied')

  await putRows(db.sql, [row('c')])
  await accepted()
  await until(db, peer({ told: [unwilling] }).connector, stateIs(db, 'lost'))
  assert.equal(await endOf(db, 'c'), 'unknown')

  await putRows(db.sql, [row('d')])
  await accepted()
  await db.sql`update out_batch set made_at = made_at - interval '73 hours' where state = 'accepted'`
  await until(db, peer({ told: [away, away, away] }).connector, async () => (await endOf(db, 'd')) === 'unknown')
})

test('the path is called otherwise by now: asked for where it was posted, posted where it is now, and asked for there', async () => {
  await using db = await prepared()
  await died(db)
  const moved: Lane = { ...lane, path: 'positions/v2' }
  const { connector, calls } = peer({
    told: [{ kind: 'absent' }, { kind: 'result', result }],
    posted: [{ ...words, kind: 'accepted' }],
  })
  await until(db, connector, stateIs(db, 'done'), moved)
  assert.deepEqual(calls(), ['told positions', 'post positions/v2', 'told positions/v2'])
})

test('turned down for its time stamp: a fresh one waits for the clocks, an old one goes out again under another name', async () => {
  await using db = await prepared()
  const stale: Posted = {
    ...words,
    kind: 'refused',
    setting: true,
    used: false,
    stale: true,
    why: { code: 'send.refused', stage: 'send' },
  }
  const batch = await died(db)
  const { heard, connector } = peer({ posted: [stale, stale] })
  const resumed = () => db.sql`update out_quota set held_until = null`
  await until(db, connector, async () => (await resumed(), heard.filter(({ call }) => call === 'post').length === 2))
  assert.equal(await endOf(db, 'a'), 'pending')
  const bodies = () => heard.flatMap(({ body }) => (body === undefined ? [] : [body]))
  assert.deepEqual(new Set(bodies()), new Set([batch.body.toString()]))

  await db.sql`update out_batch set made_at = made_at - interval '11 minutes'`
  await until(db, peer({ posted: [stale] }).connector, async () => (await resumed(), await stateIs(db, 'split')()))
  assert.equal(await endOf(db, 'a'), 'again')
})

test('limits that are used up hold a repetition back, not the question', async () => {
  await using db = await prepared()
  await died(db)
  const { connector, calls } = peer({})
  const used: Lane = { ...lane, perHour: 1 }
  await until(db, connector, () => calls().length >= 3, used)
  assert.deepEqual(new Set(calls()), new Set(['told positions']))
  await until(db, connector, stateIs(db, 'done'))
})

test('who freezes before the first byte finds the second half of the lease closed: nothing leaves', async () => {
  await using db = await prepared()
  const { heard, connector } = peer({})
  await until(db, connector, stateIs(db, 'done'))
  assert.ok((heard[0]?.sendIn ?? lease) <= lease / 2)

  let came = 0
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      came++
      response.setHeader('content-type', 'application/json').end('{"resCode":200000,"data":{"created":"1"}}')
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const real = masterdataBatchConnector({
    connection: {
      ...connection('mdm'),
      kind: 'masterdata-batch',
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      batch: lane.said,
    },
    objects: new Map(),
    env,
    egress: { allowLoopback: true },
    queue: { put: () => Promise.reject(new Error('no')), answered: () => Promise.reject(new Error('no')) },
  })
  try {
    const { signal } = new AbortController()
    const late = await real.post('positions', Buffer.from('{}'), env.monotonic() - 1, signal)
    assert.deepEqual([late.kind, came], ['wait', 0])
    assert.equal((await real.post('positions', Buffer.from('{}'), env.monotonic() + 5_000, signal)).kind, 'result')
    assert.equal(came, 1)
  } finally {
    await real.close()
    server.close()
  }
})
