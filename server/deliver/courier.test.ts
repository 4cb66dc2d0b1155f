/** The courier against real listeners and a real database: ladder, Retry-After, 410, identical bytes, the guard at submit and at every try, disabling after five days, sending again. */
import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { webhookSecret } from '../../protocol/callback.ts'
import { createEnv } from '../agent/env.ts'
import type { Policy, Resolver } from '../egress/guard.ts'
import { post } from '../egress/post.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { type CourierDeps, startCourier } from './courier.ts'
import { createDelivery, deliveriesOf, sendAgain, triesOf, failingOrigins } from './deliveries.ts'
import { mostTries, nextTry } from './ladder.ts'
import { targetOf } from './target.ts'

const salts = ['salt in use, 128 bits of it', 'the salt before']
const env = createEnv()
const open: Policy = { kind: 'callback', allowLoopback: true }

type Answer = (response: ServerResponse, n: number) => void
const listener = async (answer: Answer) => {
  const heard: { headers: IncomingHttpHeaders; body: string }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      heard.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      answer(response, heard.length)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    heard,
    port,
    origin: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => void server.close(() => done()).closeAllConnections()),
  }
}

const until = async (what: string, look: () => Promise<boolean> | boolean, limit = 10_000): Promise<void> => {
  for (const end = Date.now() + limit; !(await look()); ) {
    if (Date.now() > end) assert.fail(`waited in vain until ${what}`)
    await new Promise((done) => setTimeout(done, 10))
  }
}

const prepared = async () => {
  const db = await freshDatabase()
  await db.sql`insert into tenant (tenant_id) values ('t')`
  return db
}

const owe = (sql: Sql, url: string, n = 1, body = '{"名":1}') =>
  createDelivery(sql, {
    tenantId: 't',
    deliveryId: `msg_${n}`,
    clientId: 'c',
    url,
    subject: `batch/${n}`,
    body: Buffer.from(body),
  })

const courier = (sql: Sql, origins: string[], more: Partial<CourierDeps> = {}) => {
  const told: string[] = []
  const running = startCourier({
    sql,
    env,
    log: { error: (_, message) => told.push(message), warn: () => {} },
    client: () => ({ origins, salts }),
    policy: () => open,
    everyMs: 200,
    timeout: 2_000,
    ...more,
  })
  return { told, wake: running.wake, [Symbol.asyncDispose]: () => running.stop() }
}

const stateOf = async (sql: Sql, n = 1) => (await deliveriesOf(sql, 't', [`batch/${n}`]))[0]

test('23: what is not taken comes again, the same bytes under the same id, signed anew with both salts', async () => {
  await using db = await prepared()
  await using there = await listener((response, n) =>
    response.writeHead(n < 3 ? 500 : 204).end(n < 3 ? 'x'.repeat(2_000) : ''),
  )
  await owe(db.sql, `${there.origin}/told`)
  {
    await using _ = courier(db.sql, [there.origin], { hurry: 10_000 })
    await until('it was delivered', async () => (await stateOf(db.sql))?.state === 'delivered')
  }
  assert.equal(there.heard.length, 3)
  assert.deepEqual(new Set(there.heard.map(({ body }) => body)), new Set(['{"名":1}']))
  assert.deepEqual(new Set(there.heard.map(({ headers }) => headers['webhook-id'])), new Set(['msg_1']))
  for (const { headers, body } of there.heard)
    for (const salt of salts) new Webhook(webhookSecret(salt)).verify(body, headers as Record<string, string>)
  assert.throws(() =>
    new Webhook(webhookSecret('another')).verify('{"名":1}', there.heard[0]?.headers as Record<string, string>),
  )
  const tries = await triesOf(db.sql, 't', 'msg_1')
  assert.deepEqual(
    tries.map(({ status, said }) => [status, said?.length]),
    [
      [500, 512],
      [500, 512],
      [204, 0],
    ],
  )
  // by hand: once more, the very same
  assert.equal(await sendAgain(db.sql, 't', 'batch/1'), 1)
  await using _ = courier(db.sql, [there.origin])
  await until('it was delivered again', () => there.heard.length === 4)
  assert.equal(there.heard[3]?.body, '{"名":1}')
})

test('23: ten tries over 75 hours with jitter, and none after them', () => {
  const hours = (random: number) => {
    let now = 0
    for (let attempts = 1; attempts < mostTries; attempts++) now = nextTry({ attempts, now, random }) as number
    return now / 3_600_000
  }
  assert.equal(mostTries, 10)
  assert.ok(Math.abs(hours(0.5) - 75.58) < 0.02, String(hours(0.5)))
  assert.ok(hours(0) < hours(0.5) && hours(0.5) < hours(0.999))
  assert.equal(nextTry({ attempts: 10, now: 0, random: 0 }), null)
  assert.equal(nextTry({ attempts: 1, now: 0, random: 0, retryAt: 60_000 }), 60_000)
})

test('23: Retry-After is honoured, 410 stops, a redirect is not followed', async () => {
  await using db = await prepared()
  await using bait = await listener((response) => response.writeHead(200).end())
  await using later = await listener((response) => response.writeHead(503, { 'retry-after': '3600' }).end())
  await using gone = await listener((response) => response.writeHead(410).end('gone'))
  await using moved = await listener((response) => response.writeHead(307, { location: `${bait.origin}/` }).end())
  await owe(db.sql, `${later.origin}/`, 1)
  await owe(db.sql, `${gone.origin}/`, 2)
  await owe(db.sql, `${moved.origin}/`, 3)
  {
    await using _ = courier(db.sql, [later.origin, gone.origin, moved.origin])
    await until('all were tried', () => later.heard.length + gone.heard.length + moved.heard.length === 3)
    await until('all were settled', async () => (await db.sql`select 1 as one from delivery_try`).length === 3)
  }
  const [waits, stopped, refused] = await Promise.all([1, 2, 3].map((n) => stateOf(db.sql, n)))
  assert.ok((waits?.nextAt ?? 0) > Date.now() + 3_500_000, 'an hour')
  assert.deepEqual([waits?.state, stopped?.state, refused?.state, refused?.status], ['due', 'gone', 'due', 307])
  assert.equal(bait.heard.length, 0)
})

test('an address that has taken nothing for five days is left alone with an alarm, until a person sends one again', async () => {
  await using db = await prepared()
  let taking = false
  await using there = await listener((response) => response.writeHead(taking ? 200 : 500).end())
  await owe(db.sql, `${there.origin}/`, 1)
  await owe(db.sql, `${there.origin}/`, 2)
  await db.sql`insert into callback_origin (tenant_id, client_id, origin, failing_since) values ('t', 'c', ${there.origin}, clock_timestamp() - interval '121 hours')`
  await using agent = courier(db.sql, [there.origin])
  await until(
    'it is left alone',
    async () => (await stateOf(db.sql, 1))?.state === 'held' && (await stateOf(db.sql, 2))?.state === 'held',
  )
  assert.equal(agent.told.filter((one) => one.includes('five days')).length, 1)
  await owe(db.sql, `${there.origin}/`, 3)
  assert.equal((await stateOf(db.sql, 3))?.state, 'held')
  taking = true
  await sendAgain(db.sql, 't', 'batch/1')
  await until('all went out', async () =>
    (await Promise.all([1, 2, 3].map((n) => stateOf(db.sql, n)))).every((one) => one?.state === 'delivered'),
  )
})

test('an origin that is registered no more, and a name that resolves to where nothing may go, are not called', async () => {
  await using db = await prepared()
  await using there = await listener((response) => response.writeHead(200).end())
  await owe(db.sql, `${there.origin}/`, 1)
  {
    await using _ = courier(db.sql, ['https://elsewhere.example'])
    await until('it was tried', async () => (await stateOf(db.sql, 1))?.attempts === 1)
  }
  assert.match((await stateOf(db.sql, 1))?.said ?? '', /not registered any more/)
  // registered as a name, which was public once: every try resolves anew
  const strict: Policy = { kind: 'callback' }
  const url = `http://hr.example:${there.port}/`
  await owe(db.sql, url, 2)
  for (const address of ['127.0.0.1', '10.0.0.7', '169.254.169.254', '100.100.100.200']) {
    const resolve: Resolver = (_, done) =>
      done(null, [
        { address, family: 4 },
        { address: '93.184.216.34', family: 4 },
      ])
    await db.sql`update delivery set next_at = clock_timestamp() where delivery_id = 'msg_2'`
    const before = (await stateOf(db.sql, 2))?.attempts ?? 0
    await using _ = courier(db.sql, [`http://hr.example:${there.port}`], { policy: () => strict, resolve })
    await until(`${address} was refused`, async () => ((await stateOf(db.sql, 2))?.attempts ?? 0) > before)
    assert.match((await stateOf(db.sql, 2))?.said ?? '', /not allowed/, address)
  }
  assert.equal(there.heard.length, 0)
  // the control: without the guard's word it would have arrived
  const resolve: Resolver = (_, done) => done(null, [{ address: '127.0.0.1', family: 4 }])
  const control = await post({
    url: new URL(url),
    headers: {},
    body: Buffer.from('{}'),
    policy: open,
    timeout: 2_000,
    now: Date.now(),
    resolve,
  })
  assert.equal(control.status, 200)
  assert.equal(there.heard.length, 1)
})

/** Loopback, private, link-local and metadata addresses as people write them to get past a check. */
const spellings = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://127.0.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0x7f.0.0.1/',
  'http://0177.0.0.1/',
  'http://017700000001/',
  'http://127.0.0.1./',
  'http://127.127.127.127/',
  'http://0/',
  'http://0.0.0.0/',
  'http://[::]/',
  'http://[::1]/',
  'http://[0:0:0:0:0:0:0:1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::127.0.0.1]/',
  'http://[::7f00:1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[64:ff9b::127.0.0.1]/',
  'http://[2002:7f00:1::]/',
  'http://[2002:a9fe:a9fe::]/',
  'http://10.0.0.1/',
  'http://10.1/',
  'http://172.16.0.1/',
  'http://192.168.0.1/',
  'http://3232235521/',
  'http://169.254.169.254/',
  'http://2852039166/',
  'http://0xa9fea9fe/',
  'http://[::ffff:169.254.169.254]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[fd00:ec2::254]/',
  'http://[fe80::1]/',
  'http://[fc00::1]/',
  'http://100.100.100.200/',
  'http://168.63.129.16/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://①②⑦.⓪.⓪.①/',
  'http://127。0。0。1/',
  'http://user@127.0.0.1/',
  'http://[::ffff:0:127.0.0.1]/',
  'http://240.0.0.1/',
  'http://198.18.0.1/',
]

test('46 spellings of loopback, private, link-local and metadata addresses are refused as url, though their very origin were registered', () => {
  assert.ok(spellings.length >= 40)
  for (const url of spellings) {
    const origins = URL.canParse(url) ? [new URL(url).origin] : []
    const found = targetOf(url, origins, { kind: 'callback' })
    assert.ok('reason' in found, url)
  }
  const other = [
    'ftp://a.example/',
    'file:///etc/passwd',
    'http://a.example@b.example/',
    'http:\\\\a.example/',
    'http://a.example/\n',
    'gopher://a.example/',
    'javascript:1',
    '//a.example/',
    'callback url',
    '',
  ]
  for (const url of other) assert.ok('reason' in targetOf(url, ['http://a.example', 'null'], { kind: 'callback' }), url)
  // the control: what is registered and public may be called, and only from exactly there
  assert.ok('url' in targetOf('https://hr.example.com/told?a=1', ['https://hr.example.com'], { kind: 'callback' }))
  for (const near of [
    'http://hr.example.com/',
    'https://hr.example.com:444/',
    'https://hr.example.com.evil.example/',
    'https://evil.example/?https://hr.example.com',
  ])
    assert.deepEqual('reason' in targetOf(near, ['https://hr.example.com'], { kind: 'callback' }), true, near)
})

test('23: many callbacks, a third of the tries failing, couriers that are stopped in between: each arrives, with one content', async () => {
  await using db = await prepared()
  await using there = await listener((response, n) => {
    if (n % 10 === 3) response.destroy()
    else response.writeHead(n % 10 === 5 ? 500 : n % 10 === 7 ? 429 : 200).end()
  })
  const count = 60
  for (let n = 1; n <= count; n++) await owe(db.sql, `${there.origin}/`, n, `{"n":${n}}`)
  const left = async () =>
    Number((await db.sql<{ n: number }>`select count(*) as n from delivery where state <> 'delivered'`)[0]?.n)
  for (let round = 0; (await left()) > 0; round++) {
    assert.ok(round < 60, `${await left()} are left`)
    await using _ = courier(db.sql, [there.origin], { hurry: 10_000 })
    await using _other = courier(db.sql, [there.origin], { hurry: 10_000 })
    await new Promise((done) => setTimeout(done, 150))
  }
  const contents = new Map<string, Set<string>>()
  for (const { headers, body } of there.heard) {
    const id = String(headers['webhook-id'])
    contents.set(id, (contents.get(id) ?? new Set<string>()).add(body))
  }
  assert.equal(contents.size, count)
  assert.ok([...contents.values()].every((bodies) => bodies.size === 1))
  assert.ok(there.heard.length > count * 1.2, `${there.heard.length} tries: the faults hit nothing`)
})

test('what the alert `callback` asks for: addresses that do not take theirs, until they do', async () => {
  await using db = await prepared()
  let status = 500
  await using there = await listener((response) => response.writeHead(status).end())
  const failing = (tries: number) => failingOrigins(db.sql, 't', tries)
  await owe(db.sql, `${there.origin}/told`)
  assert.deepEqual(await failing(1), [])
  {
    await using _ = courier(db.sql, [there.origin], { hurry: 1_000 })
    await until('it was tried three times', async () => ((await stateOf(db.sql))?.attempts ?? 0) >= 3)
  }
  const [found] = await failing(3)
  assert.deepEqual([found?.clientId, found?.origin, found?.isDisabled], ['c', there.origin, false])
  assert.deepEqual(await failing(1_000), [])
  // five days on it is left alone: told however often it was tried
  await db.sql`update callback_origin set failing_since = failing_since - interval '6 days', disabled_at = clock_timestamp() - interval '1 day'`
  assert.equal((await failing(1_000))[0]?.isDisabled, true)
  status = 200
  await sendAgain(db.sql, 't', 'batch/1')
  await using _ = courier(db.sql, [there.origin])
  await until('it was delivered', async () => (await stateOf(db.sql))?.state === 'delivered')
  await until('nothing is wrong any more', async () => (await failing(1)).length === 0)
})
