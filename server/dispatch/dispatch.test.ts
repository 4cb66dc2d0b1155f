/** Batches that go out, on a real database: what a crash leaves, exact counts over two nodes, ends told once, callbacks proved. Two pools stand for two nodes. */
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { signWebhook } from '../../protocol/callback.ts'
import type { Row, Told } from '../connect/masterdata-batch/masterdata-batch.ts'
import { outBatchDefaults } from '../flows/config.ts'
import { httpServer } from '../http/server.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { claim, endBatch, fill, giveUp, markPost, putOff, split } from './batches.ts'
import { type Called, callbackDoor, type CallbackEnd, callbackPath } from './callbacks.ts'
import type { Asker, Lane } from './deps.ts'
import { startDispatcher } from './dispatcher.ts'
import { askFor, callbackOf, canBeAsked, listOutBatches, readOutBatch } from './list.ts'
import { leavesIn, roomFor, type Span } from './pace.ts'
import { readQuota } from './quota.ts'
import { answered, codesTaken, openQueue, putRows, untaken } from './queue.ts'

const lane = (more: Partial<Lane> = {}): Lane => ({
  tenantId: 't',
  connectionId: 'mdm',
  object: 'position',
  path: 'positions',
  keyField: 'code',
  zone: 'Asia/Shanghai',
  perDay: 100,
  perHour: 50,
  said: { ...outBatchDefaults, callbackUrl: null, formerUntil: null, fillFor: 0, maxRows: 3 },
  url: 'https://m.example/callbacks/mdm/key',
  timeout: 1_000,
  ...more,
})
const row = (key: string, code = key): Row => ({
  tenantId: 't',
  connectionId: 'mdm',
  key,
  object: 'position',
  pairId: 'p',
  linkId: 1,
  side: 'right',
  isNew: true,
  code,
  body: Buffer.from(JSON.stringify({ code, position_name: `name of ${code}` })),
})
const prepared = async () => {
  const db = await freshDatabase()
  await db.sql`insert into tenant (tenant_id) values ('t')`
  return db
}
const target = { tenantId: 't', connectionId: 'mdm' }
const ask = (sql: Sql, key: string) => answered(sql, 't', 'mdm', key, Date.now())
const endings = (batchId: number) => ({ tenantId: 't', batchId, now: Date.now(), status: 200, said: null })
const nothing = { failed: false, errors: [], warnings: [] }

/** Fills, claims and marks one batch, as the dispatcher does before it posts. */
const posted = async (sql: Sql, of: Lane = lane()) => {
  assert.equal((await fill(sql, of, randomUUID, Date.now())).made, true)
  const [batch] = await claim(sql, target, 1, 60_000)
  assert.ok(batch)
  assert.equal(await markPost(sql, of, batch, 60_000), 0)
  return batch
}

test('a call that is asked for before it was queued never leaves: whoever wakes up later finds its place closed', async () => {
  await using db = await prepared()
  assert.equal((await ask(db.sql, 'a')).kind, 'never')
  assert.equal(await putRows(db.sql, [row('a'), row('b')]), 1)
  assert.equal((await ask(db.sql, 'a')).kind, 'never')
  assert.equal((await ask(db.sql, 'b')).kind, 'pending')
  assert.equal(await putRows(db.sql, [row('b')]), 0, 'a row is queued once')
  const batch = await posted(db.sql)
  assert.deepEqual(
    (JSON.parse(batch.body.toString()) as { data: { code: string }[] }).data.map((one) => one.code),
    ['b'],
  )
})

test('of two rows of one code only one goes into a batch, the other into the next', async () => {
  await using db = await prepared()
  await putRows(db.sql, [row('a', 'X'), row('b', 'X'), row('c', 'Y')])
  const [first, second] = [await posted(db.sql), await posted(db.sql)]
  assert.deepEqual([first.row_count, second.row_count].sort(), [1, 2])
})

test('a code that another record has, or is on its way with, is nobody else’s to create', async () => {
  await using db = await prepared()
  const of = (key: string, linkId: number, more: Partial<Row> = {}): Row => ({ ...row(key, 'X'), linkId, ...more })
  await putRows(db.sql, [of('a', 1)])
  assert.deepEqual(
    [...(await codesTaken(db.sql, [of('b', 2), of('c', 1), of('d', 3, { isNew: false })]))],
    [['b', '1']],
  )
  await posted(db.sql)
  assert.equal((await codesTaken(db.sql, [of('b', 2)])).get('b'), '1', 'it is packed')
  await db.sql`delete from out_batch_row`
  await db.sql`
    insert into link (tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, state, reason, settled, generation, target_connection)
    values ('t', 'p', 7, 'S-7', 'X', now(), 'idle', 'applied', 1, 1, 'mdm')`
  assert.deepEqual(
    [...(await codesTaken(db.sql, [of('b', 2), of('c', 7), of('d', 3, { side: 'left' })]))],
    [['b', '7']],
  )
  // two that come in the same moment
  await db.sql`delete from link`
  const queue = openQueue({
    sql: db.sql,
    lanes: { find: () => lane() },
    env: { now: Date.now, monotonic: () => performance.now(), random: () => 0 },
    queued: () => {},
  })
  assert.deepEqual(await Promise.all([queue.put(of('e', 4)), queue.put(of('f', 5))]), ['queued', { taken: '4' }])
})

test('two nodes that fill at once never count above the limit, and fill no row twice', async () => {
  await using db = await prepared()
  const other = db.open({ max: 5 })
  await putRows(
    db.sql,
    Array.from({ length: 90 }, (_, i) => row(`r${i}`)),
  )
  const small = lane({ perHour: 20, perDay: 25 })
  const tries = await Promise.all(
    Array.from({ length: 40 }, (_, i) => fill(i % 2 ? db.sql : other, small, randomUUID, Date.now())),
  )
  assert.equal(tries.filter((one) => one.made).length, 20)
  const [count] = await db.sql<{ rows: number; batches: number }>`
    select (select count(*)::int4 from out_batch_row where state = 'packed') as rows, (select count(*)::int4 from out_batch) as batches`
  assert.deepEqual(count, { rows: 60, batches: 20 })
  const over = await fill(db.sql, small, randomUUID, Date.now())
  assert.ok(!over.made && (over.next ?? 0) > 0)
  // the control: without a limit all of them leave
  const free = lane({ perHour: 1_000, perDay: 1_000 })
  const rest = await Promise.all(Array.from({ length: 20 }, () => fill(db.sql, free, randomUUID, Date.now())))
  assert.equal(rest.filter((one) => one.made).length, 10)
})

test('a repetition is a call too: where nothing is left of the hour it waits, with the same bytes', async () => {
  await using db = await prepared()
  await putRows(db.sql, [row('a')])
  const tight = lane({ perHour: 1 })
  const batch = await posted(db.sql, tight)
  await putOff(db.sql, batch, { state: 'ready', next: Date.now() - 1 })
  const [again] = await claim(db.sql, target, 1, 60_000)
  assert.ok(again)
  assert.deepEqual(again.body, batch.body)
  assert.ok(((await markPost(db.sql, tight, again, 60_000)) ?? 0) > 0)
  assert.equal(await markPost(db.sql, lane({ perHour: 2 }), again, 60_000), 0)
  // the first holder has lost its lease
  assert.equal(await markPost(db.sql, lane(), batch, 60_000), null)
})

test('each row has its own end, told once; who has not taken it home is told again', async () => {
  await using db = await prepared()
  await putRows(db.sql, [row('a'), row('b'), row('c')])
  const batch = await posted(db.sql)
  const result = {
    ...nothing,
    errors: [{ key: '2', code: null, text: '编码不存在' }],
    warnings: [{ key: '1', code: null, text: 'w' }],
  }
  const askers = await endBatch(db.sql, endings(batch.out_batch_id), result, 'answer', 'code')
  assert.deepEqual(
    askers?.map((one) => one.key),
    ['a', 'b', 'c'],
  )
  assert.equal(await endBatch(db.sql, endings(batch.out_batch_id), nothing, 'callback', 'code'), null)
  await db.sql`update out_batch_row set told_at = told_at - interval '10 seconds'`
  assert.equal((await untaken(db.sql, Date.now())).length, 3)
  const [good, bad] = [await ask(db.sql, 'a'), await ask(db.sql, 'b')]
  assert.ok(
    good.kind === 'told' &&
      good.outcome.kind === 'applied' &&
      good.outcome.targetId === 'a' &&
      good.said?.includes('w'),
  )
  assert.ok(bad.kind === 'told' && bad.outcome.kind === 'refused')
  assert.deepEqual([bad.outcome.why.code, bad.outcome.why.said], ['batch.row', '编码不存在'])
  assert.deepEqual(
    (await untaken(db.sql, Date.now())).map((one) => one.key),
    ['c'],
  )
})

test('a batch that nobody told of is lost, and its rows are unknown; a late answer still ends them', async () => {
  await using db = await prepared()
  await putRows(db.sql, [row('a')])
  const batch = await posted(db.sql)
  await giveUp(db.sql, endings(batch.out_batch_id), 'lost', 'unknown', { code: 'batch.unanswered', stage: 'send' })
  const lost = await ask(db.sql, 'a')
  assert.ok(lost.kind === 'told' && lost.outcome.kind === 'unknown')
  assert.equal((await endBatch(db.sql, endings(batch.out_batch_id), nothing, 'callback', 'code'))?.length, 1)
  const late = await ask(db.sql, 'a')
  assert.ok(late.kind === 'told' && late.outcome.kind === 'applied')
})

test('a batch that is refused as a whole is halved under names of its own, as far as the limits let it', async () => {
  await using db = await prepared()
  await putRows(db.sql, [row('a'), row('b'), row('c')])
  const batch = await posted(db.sql)
  assert.ok((await split(db.sql, lane({ perHour: 2 }), endings(batch.out_batch_id), randomUUID)) > 0)
  assert.equal(await split(db.sql, lane({ perHour: 3 }), endings(batch.out_batch_id), randomUUID), 0)
  const halves = await claim(db.sql, target, 5, 60_000)
  assert.deepEqual(
    halves.map((one) => one.row_count),
    [2, 1],
  )
  assert.equal(new Set([batch.biz_id, ...halves.map((one) => one.biz_id)]).size, 3)
})

test('a batch waits longer the less is left of its spans, and not at all when it is full', () => {
  const span = (limit: number, left: number, endsIn = 3_600_000): Span => ({ limit, left, endsIn })
  const wait = (spans: Span[], queued = 1, oldest = 0) =>
    leavesIn({ queued, oldest, maxRows: 200, fillFor: 60_000, spans, heldFor: 0 })
  assert.equal(wait([span(50, 50), span(100, 100)]), 60_000)
  assert.equal(wait([span(50, 50)], 1, 50_000), 10_000)
  assert.equal(wait([span(50, 50)], 200), 0)
  assert.equal(wait([span(50, 20)]), 180_000)
  assert.equal(wait([span(50, 1, 1_000_000)]), 1_000_000)
  assert.equal(wait([span(50, 0, 5_000)], 200), 5_000)
  assert.ok(wait([span(50, 1)], 200) === 0, 'a full one leaves while there is a call')
  assert.equal(roomFor({ queued: 100, maxRows: 200, spans: [span(50, 50)] }), 1_900)
  assert.equal(roomFor({ queued: 200, maxRows: 200, spans: [span(50, 0)] }), 0)
})

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

test('a callback is believed with either salt and a right signature; what is forged or of nobody changes nothing and is counted', async () => {
  await using db = await prepared()
  await putRows(
    db.sql,
    ['a', 'b', 'c', 'd'].map((key) => row(key)),
  )
  const one = lane({ said: { ...lane().said, maxRows: 1 } })
  const batches = [
    await posted(db.sql, one),
    await posted(db.sql, one),
    await posted(db.sql, one),
    await posted(db.sql, one),
  ]
  const called: Called = {
    tenantId: 't',
    connectionId: 'mdm',
    key: 'key',
    salts: ['new salt', 'old salt'],
    signed: false,
  }
  const ends: CallbackEnd[] = []
  const heard: Asker[] = []
  const http = httpServer({ id: randomUUID, ready: () => ({ ready: true }), log: { error: () => {}, warn: () => {} } })
  http.record(
    callbackPath,
    callbackDoor({
      sql: db.sql,
      called: (id) => (id === 'mdm' ? [called] : []),
      lanes: { find: () => one },
      env: { now: Date.now },
      answered: async (askers) => void heard.push(...askers),
      wake: () => {},
      counted: (_, end) => void ends.push(end),
      log: { error: () => {}, warn: () => {} },
    }),
  )
  const url = await http.listen({ host: '127.0.0.1', port: 0 })
  const post = async (
    bizId: string,
    salt: string,
    headers: Record<string, string> | ((body: Buffer) => object) = {},
    key = 'key',
  ) => {
    const body = Buffer.from(
      JSON.stringify({ resCode: 200000, bizId, access_token: md5(bizId + salt), data: { created: '1' } }),
    )
    const more = typeof headers === 'function' ? headers(body) : headers
    return (
      await fetch(`${url}/callbacks/mdm/${key}`, { method: 'POST', body, headers: more as Record<string, string> })
    ).status
  }
  try {
    const [first, second, third, fourth] = batches.map((batch) => batch.biz_id) as [string, string, string, string]
    assert.equal(await post(first, 'no salt'), 401)
    assert.equal(await post('never sent', 'new salt'), 401)
    assert.equal(await post(first, 'new salt', {}, 'other key'), 404)
    assert.equal(
      await post(first, 'new salt', { 'webhook-id': 'x', 'webhook-timestamp': '1', 'webhook-signature': 'v1,x' }),
      401,
    )
    assert.equal(await post(first, 'new salt', { 'webhook-id': 'x' }), 401, 'half a signature is a wrong one')
    assert.deepEqual(ends, ['forged', 'stray', 'forged', 'forged'])
    assert.equal(heard.length, 0)
    assert.equal(await post(first, 'new salt'), 200)
    assert.equal(await post(first, 'new salt'), 200)
    assert.equal(await post(second, 'old salt'), 200)
    assert.equal(await post(third, 'new salt', (body) => signWebhook('x', Date.now(), body, ['old salt'])), 200)
    assert.deepEqual(ends.slice(4), ['taken', 'repeated', 'taken', 'taken'])
    called.signed = true
    called.salts = ['new salt']
    assert.equal(await post(fourth, 'new salt'), 401, 'where signatures are wanted, none is a forged one')
    assert.equal(
      await post(fourth, 'old salt', (body) => signWebhook('x', Date.now(), body, ['old salt'])),
      401,
      'its time is over',
    )
    assert.equal(
      await post(fourth, 'new salt', (body) => signWebhook('x', Date.now() - 600_000, body, ['new salt'])),
      401,
      'too old',
    )
    assert.equal(await post(fourth, 'new salt', (body) => signWebhook('x', Date.now(), body, ['new salt'])), 200)
    assert.equal(heard.length, 4)
    const shown = (
      await listOutBatches(db.sql, 't', { connectionId: null, state: null, before: null, limit: 9 })
    ).reverse()
    assert.deepEqual(
      shown.map((one) => [one.callbackAt !== null, one.callbacksRefused]),
      [
        [true, 3],
        [true, 0],
        [true, 0],
        [true, 3],
      ],
    )
    for (const bad of ['', '{', '[]', '{"bizId":1}', `{"bizId":"${fourth}","access_token":"x"}`])
      assert.equal((await fetch(`${url}/callbacks/mdm/key`, { method: 'POST', body: bad })).status, 400, bad)
  } finally {
    await http.stop({ limit: 1_000 })
  }
})

test('260: a batch that a person wants to know of is asked about at once, also when it was given up', async () => {
  await using db = await prepared()
  await putRows(db.sql, [row('a'), row('b')])
  const one = lane({ said: { ...lane().said, maxRows: 1 } })
  const [lost, open] = [await posted(db.sql, one), await posted(db.sql, one)]
  await giveUp(db.sql, endings(lost.out_batch_id), 'lost', 'unknown', { code: 'batch.unanswered', stage: 'send' })
  const far = Date.now() + 3_600_000
  await putOff(db.sql, open, { state: 'accepted', next: far, answerBy: far })
  const asked: string[] = []
  const heard: Asker[] = []
  let knows = false
  const dispatcher = startDispatcher({
    sql: db.sql,
    lanes: {
      find: () => one,
      targets: () => [{ ...target, timeout: 1_000, concurrency: 4 }],
      connector: () => ({
        post: () => assert.fail('nothing is posted'),
        told: async (_path, bizId): Promise<Told> => {
          asked.push(bizId)
          return knows
            ? { kind: 'result', result: nothing }
            : { kind: 'wait', at: null, away: false, why: { code: 'batch.failed', stage: 'read', said: 'try later' } }
        },
      }),
    },
    env: {
      now: Date.now,
      monotonic: () => performance.now(),
      random: () => 0,
      sleep: (ms) => pause(ms),
      id: randomUUID,
    },
    log: { error: (fields) => assert.fail(JSON.stringify(fields)), warn: () => {} },
    answered: async (askers) => void heard.push(...askers),
    gated: () => false,
  })
  const show = async (id: number) => (await readOutBatch(db.sql, 't', id)) ?? assert.fail()
  const wanted = async (id: number, isSo: (batch: Awaited<ReturnType<typeof show>>) => boolean) => {
    await askFor(db.sql, 't', id)
    dispatcher.wake()
    for (let found = await show(id); ; found = await show(id)) {
      if (isSo(found)) return found
      await pause(20)
    }
  }
  try {
    assert.deepEqual(asked, [], 'nobody asks by himself yet')
    const still = await wanted(lost.out_batch_id, (batch) => batch.asks > 0)
    assert.deepEqual([still.state, still.said, still.askedAt !== null], ['lost', 'try later', true])
    knows = true
    for (const { out_batch_id } of [open, lost]) {
      const told = await wanted(out_batch_id, (batch) => batch.state === 'done')
      assert.deepEqual(
        [told.toldBy, told.applied, callbackOf(told, true), canBeAsked(told)],
        ['query', 1, 'missing', false],
      )
    }
    assert.deepEqual(asked, [lost.biz_id, open.biz_id, lost.biz_id])
    assert.deepEqual(new Set(heard.map((one) => one.key)), new Set(['a', 'b']))
  } finally {
    await dispatcher.stop()
  }
})

test('what is used of a target’s limits is shown as it is counted, and a span that is over counts as unused', async () => {
  await using db = await prepared()
  const used = async () => {
    const { hour, day } = await readQuota(db.sql, lane())
    assert.ok(hour.endsAt > Date.now() && hour.endsAt <= day.endsAt)
    return [hour.used, hour.limit, day.used, day.limit]
  }
  assert.deepEqual(await used(), [0, 50, 0, 100])
  await putRows(db.sql, [row('a')])
  await posted(db.sql)
  assert.deepEqual(await used(), [1, 50, 1, 100])
  await db.sql`update out_quota set hour = hour - interval '1 hour'`
  assert.deepEqual(await used(), [0, 50, 1, 100])
})
