/** Alerts from the rows to the reader: fired once, recovered once, quiet hours, owners, and what mail, robots and webhooks really receive. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { SMTPServer } from 'smtp-server'
import { locales } from '../../protocol/codes.ts'
import { createEnv } from '../agent/env.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { complaints, readSettings, saveSettings, type Seal, type Settings } from './alert-settings.ts'
import { ruleNames, rules, sayAlert } from './alert-words.ts'
import { tellDue } from './herald.ts'
import { openMessenger } from './messenger.ts'
import { personIn, readersOf, tellAt, watchTenant } from './watchman.ts'

const seal: Seal = {
  close: (place, secret) => Buffer.from(`${place}\n${secret}`),
  open: (_place, envelope) => envelope.toString().split('\n').slice(1).join('\n'),
}
const log = { error: () => {}, warn: () => {} }
const env = createEnv()

const ground = async (sql: Sql): Promise<void> => {
  await sql`insert into tenant (tenant_id, name) values ('acme', 'Acme')`
  await sql`
    insert into connection (tenant_id, connection_id, kind, role, definition)
    values ('acme', 'erp', 'standard', 'erp', '{"limits":{"concurrency":8}}'), ('acme', 'crm', 'fxiaoke', 'crm', '{"limits":{"perDay":1000}}')`
  await sql`
    insert into object (tenant_id, connection_id, code, api_name, definition)
    values ('acme', 'erp', 'Customer', 'Customer', '{}'), ('acme', 'crm', 'AccountObj', 'AccountObj', '{}')`
  await sql`
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
    values ('acme', 'customer', 'erp', 'Customer', 'crm', 'AccountObj', '{}')`
}

const park = async (sql: Sql, from: number, to: number, reason = 'data'): Promise<void> => {
  await sql`
    insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, reason, target_connection, since, fault)
    select 'acme', 'customer', n, 'C-' || n, clock_timestamp(), 'parked', ${reason}, 'crm', clock_timestamp(),
      '{"code":"map.option","stage":"map","field":"grade","value":"Z"}'
    from generate_series(${from}::int8, ${to}::int8) n`
}

/** An SMTP server, and a listener that answers like the robots do. */
const readers = async () => {
  const mails: { from: string; to: string[]; text: string }[] = []
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        mails.push({
          from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
          to: session.envelope.rcptTo.map((one) => one.address),
          text: Buffer.concat(chunks).toString(),
        })
        done()
      })
    },
  })
  await new Promise<void>((done) => smtp.listen(0, '127.0.0.1', done))
  const posts: { path: string; headers: IncomingHttpHeaders; body: string }[] = []
  const answers = { code: 0, status: 200 }
  const http = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      posts.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(answers.status, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ errcode: answers.code, errmsg: 'said', code: answers.code, msg: 'said' }))
    })
  })
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
  return {
    mails,
    posts,
    answers,
    mailPort: (smtp.server.address() as AddressInfo).port,
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await Promise.all([
        new Promise((done) => http.close(done)),
        new Promise<void>((done) => smtp.close(() => done())),
      ])
    },
  }
}

const world = async (settings: (of: Awaited<ReturnType<typeof readers>>) => Settings) => {
  const db = await freshDatabase()
  const all = await readers()
  const { sql } = db
  await ground(sql)
  const given = settings(all)
  assert.deepEqual(await sql.begin((tx) => saveSettings(tx, seal, 'acme', given)), [])
  const messenger = openMessenger({ env, allowLoopback: true, denied: [] })
  const deps = {
    sql,
    env,
    sources: {},
    ownerField: (_t: string, _c: string, object: string) => (object === 'Customer' ? 'owner' : undefined),
  }
  return {
    ...all,
    sql,
    watch: () => watchTenant(deps, 'acme', 'Asia/Shanghai'),
    tell: () => tellDue({ sql, seal, messenger, log }),
    alerts: () =>
      sql<{ rule: string; about: string; state: string }>`select rule, about, state from alert order by alert_id`,
    async [Symbol.asyncDispose]() {
      await all[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
    },
  }
}

const mailOf = (port: number) => ({
  name: 'mail',
  kind: 'mail' as const,
  host: '127.0.0.1',
  port,
  tls: 'never' as const,
  from: 'Mortise <mortise@example.com>',
  to: ['ops@example.com'],
})

test('an alert fires once however often it is looked at, recovers once, and each channel gets one message of each', async () => {
  await using w = await world(({ mailPort, url }) => ({
    locale: 'en_US',
    link: 'https://mortise.example.com',
    calm: 0,
    channels: [
      mailOf(mailPort),
      { name: 'wecom', kind: 'wecom', url: `${url}/wecom?key=1`, locale: 'zh_CN' },
      { name: 'ding', kind: 'dingtalk', url: `${url}/ding?access_token=t`, secret: 'SEC1', locale: 'zh_TW' },
      { name: 'feishu', kind: 'feishu', url: `${url}/feishu`, secret: 'SEC2', locale: 'ja_JP' },
      { name: 'hook', kind: 'webhook', url: `${url}/hook`, secret: 'hook-secret', least: 'warning' },
    ],
    rules: { parked: { records: 2 }, sync: { on: false } },
  }))
  assert.equal(await w.watch(), 0)
  await park(w.sql, 1, 3)
  assert.equal(await w.watch(), 5)
  for (let i = 0; i < 3; i++) assert.equal(await w.watch(), 0)
  await w.tell()
  await w.tell()
  assert.deepEqual(await w.alerts(), [{ rule: 'parked', about: 'customer', state: 'firing' }])
  assert.equal(w.mails.length, 1)
  assert.deepEqual(w.mails[0]?.to, ['ops@example.com'])
  assert.match(w.mails[0]?.text ?? '', /Subject: \[Mortise acme\] Warning/)
  assert.match(w.mails[0]?.text ?? '', /3 record\(s\) of flow customer wait for a person/)
  assert.match(w.mails[0]?.text ?? '', /https:\/\/mortise\.example\.com\/t\/acme\/alerts\/\d+/)
  const to = (path: string) => w.posts.filter((post) => post.path.startsWith(path))
  assert.match(to('/wecom')[0]?.body ?? '', /失败数据：集成流 customer 有 3 条失败数据等待处理/)
  const ding = new URL(`http://x${to('/ding')[0]?.path}`).searchParams
  const sign = createHmac('sha256', 'SEC1')
    .update(`${ding.get('timestamp')}\nSEC1`)
    .digest('base64')
  assert.deepEqual([ding.get('access_token'), ding.get('sign')], ['t', sign])
  assert.match(to('/ding')[0]?.body ?? '', /失敗資料/)
  const feishu = JSON.parse(to('/feishu')[0]?.body ?? '{}') as {
    timestamp: string
    sign: string
    content: { text: string }
  }
  assert.equal(feishu.sign, createHmac('sha256', `${feishu.timestamp}\nSEC2`).update('').digest('base64'))
  assert.match(feishu.content.text, /失敗データ/)
  const [hook] = to('/hook')
  const headers = hook?.headers ?? {}
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${hook?.body}`
  assert.equal(
    headers['webhook-signature'],
    `v1,${createHmac('sha256', 'hook-secret').update(signed).digest('base64')}`,
  )
  assert.equal((JSON.parse(hook?.body ?? '{}') as { type: string }).type, 'alert.fired')

  await w.sql`update link set state = 'due', reason = null, since = null where tenant_id = 'acme'`
  await w.watch()
  assert.equal(await w.watch(), 0)
  await w.tell()
  await w.tell()
  assert.equal(w.mails.length, 2)
  assert.match(w.mails[1]?.text ?? '', /Recovered/)
  assert.equal(to('/wecom').length, 2)
  assert.deepEqual(await w.alerts(), [{ rule: 'parked', about: 'customer', state: 'recovered' }])
})

test('two nodes that look at the same moment make one alert and one message', async () => {
  await using w = await world(({ url }) => ({
    channels: [{ name: 'r', kind: 'wecom', url }],
    rules: { parked: { records: 0 }, sync: { on: false } },
  }))
  await park(w.sql, 1, 1)
  await Promise.all([w.watch(), w.watch(), w.watch()])
  await Promise.all([w.tell(), w.tell(), w.tell()])
  assert.equal(w.posts.length, 1)
})

test('in quiet hours only what is critical is told; what is over by morning is never told', async () => {
  const quiet = [{ from: '00:00', to: '24:00', days: ['mon' as const] }]
  const monday = Date.parse('2026-11-23T12:00:00+08:00')
  const settings: Settings = { quiet }
  assert.equal(tellAt(settings, 'critical', monday, 'Asia/Shanghai'), monday)
  assert.equal(new Date(tellAt(settings, 'warning', monday, 'Asia/Shanghai')).toISOString(), '2026-11-23T16:00:00.000Z')
  await using w = await world(({ url }) => ({
    calm: 0,
    channels: [{ name: 'r', kind: 'wecom', url }],
    rules: { parked: { records: 0 }, sync: { on: false } },
  }))
  await park(w.sql, 1, 1)
  await w.watch()
  await w.sql`update notice set next_at = clock_timestamp() + interval '8 hours'`
  await w.tell()
  await w.sql`update link set state = 'due', reason = null, since = null where tenant_id = 'acme'`
  assert.equal(await w.watch(), 0)
  await w.tell()
  assert.equal(w.posts.length, 0)
  assert.deepEqual(await w.sql`select what, state from notice`, [{ what: 'fired', state: 'dropped' }])
})

test('the owner of a failed record is written to, with a link to it, and once it is well again', async () => {
  await using w = await world(({ mailPort }) => ({
    locale: 'en_US',
    link: 'https://m.example.com/',
    channels: [{ ...mailOf(mailPort), to: [] }],
    owner: { channel: 'mail', people: { '1000': 'li@example.com' } },
    rules: { sync: { on: false } },
  }))
  await w.sql`
    insert into document (tenant_id, connection_id, object, data_id, version, operation, master_hash, master)
    values ('acme', 'erp', 'Customer', 'C-1', 1, 'upsert', '\\x00', '{"owner":["1000"]}'),
      ('acme', 'erp', 'Customer', 'C-2', 2, 'upsert', '\\x00', '{"owner":"wang@example.com"}'),
      ('acme', 'erp', 'Customer', 'C-3', 3, 'upsert', '\\x00', '{"owner":"nobody"}')`
  await park(w.sql, 1, 4)
  await w.watch()
  await w.watch()
  await w.tell()
  assert.deepEqual(w.mails.map((mail) => mail.to[0]).toSorted(), ['li@example.com', 'wang@example.com'])
  const li = w.mails.find((mail) => mail.to[0] === 'li@example.com')
  assert.match(li?.text ?? '', /Customer C-1/)
  assert.match(li?.text ?? '', /https:\/\/m\.example\.com\/t\/acme\/records\/1/)
  await w.sql`update link set state = 'due', reason = null, since = null where tenant_id = 'acme' and link_id = 1`
  await w.watch()
  await w.tell()
  assert.equal(w.mails.length, 3)
  assert.deepEqual(w.mails[2]?.to, ['li@example.com'])
})

test('a channel that refuses is tried again, and a robot’s own code counts, whatever its status says', async () => {
  await using w = await world(({ url }) => ({
    channels: [{ name: 'r', kind: 'feishu', url }],
    rules: { parked: { records: 0 }, sync: { on: false } },
  }))
  w.answers.code = 19_021
  await park(w.sql, 1, 1)
  await w.watch()
  await w.tell()
  const [first] = await w.sql<{ state: string; fault: string }>`select state, fault from notice`
  assert.deepEqual(first, { state: 'due', fault: '19021 said' })
  w.answers.code = 0
  await w.sql`update notice set next_at = clock_timestamp()`
  await w.tell()
  assert.deepEqual(await w.sql`select state, attempts from notice`, [{ state: 'sent', attempts: 2 }])
})

test('what fires: a service that gives no proper answer, an open breaker, a backlog, a flow that fails, loops, conflicts, a quota, silence', async () => {
  await using w = await world(() => ({
    rules: {
      backlog: { records: 3, hold: 0 },
      breaker: { hold: 0 },
      service: { forMs: 60_000 },
      sync: { records: 2 },
      parked: { records: 100 },
    },
    noData: [
      { connection: 'erp', minutes: 5 },
      { connection: 'crm', minutes: 5 },
    ],
  }))
  await w.sql`
    insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, target_connection, next_at, attempts, since, fault)
    select 'acme', 'customer', 100 + n, 'D-' || n, clock_timestamp(), 'due', 'crm', clock_timestamp(), 2,
      clock_timestamp() - interval '3 minutes', '{"code":"send.breaker","stage":"send"}'
    from generate_series(1, 5) n`
  await park(w.sql, 1, 2)
  await park(w.sql, 10, 10, 'loop')
  await park(w.sql, 11, 11, 'conflict')
  await w.sql`
    insert into allowance (tenant_id, connection_id, ends_at, taken)
    values ('acme', 'crm', clock_timestamp() + interval '1 hour', 850)`
  await w.sql`
    insert into data_seen (tenant_id, connection_id, object, seen_at)
    values ('acme', 'erp', 'Customer', clock_timestamp() - interval '10 minutes'), ('acme', 'crm', 'AccountObj', clock_timestamp())`
  // What other rooms know is asked of them.
  const sources = { callback: async () => [{ rule: 'callback' as const, about: 'hr', figures: { count: 4 } }] }
  await watchTenant({ sql: w.sql, env, sources, ownerField: () => undefined }, 'acme', 'Asia/Shanghai')
  const found = await w.alerts()
  assert.deepEqual(found.map(({ rule, about }) => `${rule} ${about}`).toSorted(), [
    'backlog crm',
    'breaker crm',
    'callback hr',
    'conflict customer',
    'loop customer',
    'noData erp',
    'quota crm',
    'service crm',
    'sync customer',
  ])
  assert.ok(found.every(({ state }) => state === 'firing'))
})

test('secrets stay where they are left out, are never shown, and what cannot work is refused with its place', async () => {
  await using w = await world(({ url }) => ({
    channels: [{ name: 'hook', kind: 'webhook', url: `${url}/a-secret-path`, secret: 'shh' }],
  }))
  const shown = await readSettings(w.sql, 'acme', null)
  assert.doesNotMatch(JSON.stringify(shown), /shh|a-secret-path/)
  const again: Settings = { ...shown, locale: 'ja_JP' }
  assert.deepEqual(await w.sql.begin((tx) => saveSettings(tx, seal, 'acme', again)), [])
  const [channel] = (await readSettings(w.sql, 'acme', seal)).channels ?? []
  assert.ok(channel?.kind === 'webhook' && channel.secret === 'shh' && channel.url?.endsWith('/a-secret-path'))
  assert.deepEqual(
    complaints({
      channels: [
        { name: 'a', kind: 'wecom' },
        { name: 'a', kind: 'webhook', url: 'https://x' },
      ],
      owner: { channel: 'a' },
      quiet: [{ from: '00:00', to: '24:00' }],
    }).map(({ path }) => path),
    ['channels[0].url', 'channels[1].name', 'channels[1].secret', 'owner.channel', 'quiet'],
  )
})

test('every rule has its sentence in four languages with the same figures, and goes to the channels of its level', () => {
  for (const rule of ruleNames) {
    const names = locales.map((locale) =>
      [...rules[rule].fired[locale].matchAll(/\{(\w+)\}/g)].map(([, name]) => name).toSorted(),
    )
    for (const one of names) assert.deepEqual(one, names[0], rule)
    for (const locale of locales) assert.ok(sayAlert({ rule, figures: {} }, locale, 3).length > 5)
  }
  const settings: Settings = {
    channels: [
      { name: 'all', kind: 'wecom', url: 'https://x' },
      { name: 'worst', kind: 'wecom', url: 'https://x', least: 'critical' },
    ],
  }
  const alert = { alert_id: 1, rule: 'parked' as const, level: 'warning' as const, person: null }
  assert.deepEqual(
    readersOf(settings, alert).map(({ channel }) => channel),
    ['all'],
  )
  assert.deepEqual(readersOf(settings, { ...alert, level: 'critical' }).length, 2)
  assert.equal(personIn('{"owner":1000}', 'owner'), '1000')
  assert.equal(personIn('{"owner":{"id":1}}', 'owner'), null)
})
