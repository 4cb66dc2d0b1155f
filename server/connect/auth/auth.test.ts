/** Auth towards targets over real sockets: what arrives, how often a token is asked for, what happens when none can be had, and that nothing leaks. */
import assert from 'node:assert/strict'
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { createEnv } from '../../agent/env.ts'
import { open, seal } from '../../access/secrets.ts'
import type { AuthDef, ConnectionDef, OAuth2Def, SignatureDef } from '../../doc/flow.ts'
import type { ObjectDef } from '../../doc/object.ts'
import { freshDatabase } from '../../store/fresh.ts'
import { standardConnector } from '../standard/standard.ts'
import { openShelf, type Shelf } from './shelf.ts'
import { sign } from './sign.ts'

interface Seen {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: string
}

/** A target with a token interface at /token. `state.token` and `state.call` answer in its stead, unless they return false. */
const openTarget = async () => {
  const calls: Seen[] = []
  const tokens: Seen[] = []
  const state = {
    lifetime: 3600,
    /** Only the newest token is valid: providers that end the former one. */
    valid: new Set<string>(),
    onlyNewest: false,
    token: null as ((seen: Seen, res: ServerResponse) => unknown) | null,
    call: null as ((seen: Seen, res: ServerResponse) => unknown) | null,
  }
  let serial = 0
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const url = new URL(req.url ?? '', 'http://target')
      const seen: Seen = {
        method: req.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: req.headers,
        body: Buffer.concat(chunks).toString(),
      }
      const json = (status: number, value: unknown): void =>
        void res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
      if (url.pathname === '/token') {
        tokens.push(seen)
        if (state.token && state.token(seen, res) !== false) return
        const token = `access-token-${++serial}-${randomBytes(6).toString('hex')}`
        if (state.onlyNewest) state.valid.clear()
        state.valid.add(token)
        // As slow as real ones, so that concurrent askers meet.
        setTimeout(() => json(200, { access_token: token, token_type: 'bearer', expires_in: state.lifetime }), 30)
        return
      }
      calls.push(seen)
      if (state.call && state.call(seen, res) !== false) return
      const bearer = /^Bearer (.+)$/.exec(String(seen.headers.authorization ?? ''))?.[1]
      if (bearer !== undefined && !state.valid.has(bearer))
        return json(401, { code: '401', message: `${bearer} ended` })
      if (seen.path.endsWith('queryMasterById')) return json(200, { code: '0', data: null })
      json(200, { code: '0', message: 'ok', data: { masterDataId: `T-${calls.length}` } })
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    calls,
    tokens,
    state,
    [Symbol.dispose]: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
type Target = Awaited<ReturnType<typeof openTarget>>

const order: ObjectDef = {
  code: 'O',
  apiName: 'O',
  idField: 'id',
  externalIdField: 'sourceId',
  fields: [],
  details: [],
}

const definition = (target: Target, auth: AuthDef | undefined, more: Partial<ConnectionDef> = {}): ConnectionDef => ({
  tenantId: 't',
  connectionId: 'erp',
  kind: 'standard',
  role: 'erp',
  baseUrl: `${target.origin}/erp/`,
  headers: {},
  ...(auth && { auth }),
  result: { codePath: 'code', messagePath: 'message', dataPath: 'data', successCodes: ['0'] },
  refusedBeforeEffect: [],
  unsureCodes: [],
  notFoundCodes: [],
  refusedCodes: [],
  recognise: 'none',
  keyKept: 3_600_000,
  longestProcessing: 1_000,
  timeout: 5_000,
  lateness: 0,
  overlap: 0,
  limits: { concurrency: 16 },
  readable: true,
  zone: 'Asia/Shanghai',
  pageSize: 50,
  ...more,
})

const oauth = (target: Target, more: Partial<OAuth2Def> = {}): OAuth2Def => ({
  tokenUrl: `${target.origin}/token`,
  clientId: 'client one',
  clientSecret: 'client-secret/with+signs',
  clientIn: 'basic',
  bodyAs: 'form',
  idName: 'client_id',
  secretName: 'client_secret',
  grantType: 'client_credentials',
  params: {},
  tokenPath: 'access_token',
  expiresPath: 'expires_in',
  lifetime: 3_600_000,
  refreshBefore: 60_000,
  tokenCodes: [],
  carry: { in: 'header', name: 'Authorization', prefix: 'Bearer ' },
  ...more,
})

const node = (target: Target, auth: AuthDef | undefined, more: Partial<ConnectionDef> = {}, shelf?: Shelf) => {
  const connector = standardConnector({
    connection: definition(target, auth, more),
    objects: new Map([[order.code, order]]),
    env: createEnv(),
    egress: { allowLoopback: true },
    ...(shelf && { shelf }),
  })
  let sent = 0
  let serial = 0
  const signal = new AbortController().signal
  return {
    connector,
    sent: () => sent,
    write: (sendBy = performance.now() + 10_000) => {
      const sourceId = `S-${++serial}`
      const bytes = connector.encode({
        object: 'O',
        targetId: null,
        sourceId,
        content: { masterFieldVal: { name: '名' }, detailFieldVals: {} },
        sourceRows: {},
      })
      return connector.write(
        {
          action: 'create',
          object: 'O',
          targetId: null,
          sourceId,
          bytes,
          rowsDue: {},
          key: `k-${sourceId}`,
          traceId: 'ab'.repeat(16),
        },
        () => void sent++,
        sendBy,
        signal,
      )
    },
    find: () => connector.find('O', 'x', signal),
    [Symbol.asyncDispose]: () => connector.close(),
  }
}

test('basic, an API key in a header and one in the query go with every call', async () => {
  using target = await openTarget()
  target.state.call = (_, res) => res.end('{"code":"0","data":{"masterDataId":"T-1"}}')
  await using basic = node(target, { basic: { user: '用户', password: 'pass:word' } })
  await using header = node(target, { apiKey: { in: 'header', name: 'X-Api-Key', value: 'key-in-header' } })
  await using query = node(target, { apiKey: { in: 'query', name: 'appkey', value: 'key&in=query' } })
  for (const one of [basic, header, query]) {
    assert.equal((await one.write()).outcome.kind, 'applied')
    await one.find()
  }
  const [a, b, c, d, e, f] = target.calls
  const expected = `Basic ${Buffer.from('用户:pass:word').toString('base64')}`
  assert.deepEqual([a?.headers.authorization, b?.headers.authorization], [expected, expected])
  assert.deepEqual([c?.headers['x-api-key'], d?.headers['x-api-key']], ['key-in-header', 'key-in-header'])
  assert.deepEqual([e?.query.get('appkey'), f?.query.get('appkey')], ['key&in=query', 'key&in=query'])
  assert.equal(f?.query.get('dataId'), 'x')
})

test('OAuth2: one token request however many calls begin at once', async () => {
  using target = await openTarget()
  await using one = node(target, { oauth2: oauth(target, { params: { scope: 'write', audience: 'erp' } }) })
  const outcomes = await Promise.all(Array.from({ length: 60 }, () => one.write()))
  assert.ok(outcomes.every(({ outcome }) => outcome.kind === 'applied'))
  assert.equal(target.tokens.length, 1)
  assert.equal(new Set(target.calls.map((call) => call.headers.authorization)).size, 1)
  const [asked] = target.tokens
  const user = 'client%20one:client-secret%2Fwith%2Bsigns'
  assert.equal(asked?.headers.authorization, `Basic ${Buffer.from(user).toString('base64')}`)
  assert.deepEqual(Object.fromEntries(new URLSearchParams(asked?.body)), {
    grant_type: 'client_credentials',
    scope: 'write',
    audience: 'erp',
  })
})

test('OAuth2: names, JSON body, token path and place as declared', async () => {
  using target = await openTarget()
  target.state.token = (_, res) => res.end('{"data":{"corpAccessToken":"tok-abc","ttl":"7200"}}')
  target.state.call = (_, res) => res.end('{"code":"0","data":{"masterDataId":"T-1"}}')
  await using one = node(target, {
    oauth2: oauth(target, {
      clientIn: 'body',
      bodyAs: 'json',
      idName: 'appId',
      secretName: 'appSecret',
      grantType: '',
      params: { permanentCode: 'perm-1' },
      tokenPath: 'data.corpAccessToken',
      expiresPath: 'data.ttl',
      carry: { in: 'query', name: 'access_token', prefix: '' },
    }),
  })
  assert.equal((await one.write()).outcome.kind, 'applied')
  assert.deepEqual(JSON.parse(target.tokens[0]?.body ?? ''), {
    appId: 'client one',
    appSecret: 'client-secret/with+signs',
    permanentCode: 'perm-1',
  })
  assert.equal(target.calls[0]?.query.get('access_token'), 'tok-abc')
})

test('OAuth2: a token is renewed before its end, and nobody waits for it', async () => {
  using target = await openTarget()
  target.state.lifetime = 1.2
  await using one = node(target, { oauth2: oauth(target, { refreshBefore: 60_000 }) })
  const ends = Date.now() + 3_500
  while (Date.now() < ends) {
    assert.equal((await one.write()).outcome.kind, 'applied')
    await new Promise((done) => setTimeout(done, 20))
  }
  assert.ok(target.tokens.length >= 4 && target.tokens.length <= 8, `${target.tokens.length} token requests`)
})

test('OAuth2: a refused token is replaced once for all, and the calls are made again with the same key', async () => {
  using target = await openTarget()
  await using one = node(target, { oauth2: oauth(target) })
  assert.equal((await one.write()).outcome.kind, 'applied')
  target.state.valid.clear() // ended on their side, long before its time
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => one.write()))
  assert.ok(
    outcomes.every(({ outcome }) => outcome.kind === 'applied'),
    JSON.stringify(outcomes[0]),
  )
  assert.equal(target.tokens.length, 2)
  const byKey = new Map<string, number>()
  for (const call of target.calls.slice(1)) {
    const key = String(call.headers['idempotency-key'])
    byKey.set(key, (byKey.get(key) ?? 0) + 1)
  }
  assert.deepEqual(
    [...byKey.values()],
    Array.from({ length: 10 }, () => 2),
  )
})

test('OAuth2: a token that is refused late leaves the call for later: never unknown, never parked', async () => {
  using target = await openTarget()
  await using one = node(target, { oauth2: oauth(target) }, { timeout: 900 })
  assert.equal((await one.write()).outcome.kind, 'applied')
  target.state.valid.clear()
  target.state.call = (seen, res) => {
    if (target.calls.length > 2) return false
    setTimeout(() => res.writeHead(401).end('{"code":"401"}'), 700)
    return seen
  }
  const { outcome } = await one.write()
  assert.ok(outcome.kind === 'again' && outcome.calm && outcome.why.code === 'send.token', JSON.stringify(outcome))
  assert.equal(target.calls.length, 2)
  assert.equal((await one.write()).outcome.kind, 'applied')
  assert.equal(target.tokens.length, 2)
})

test('OAuth2: business codes that are declared as token codes count like a 401', async () => {
  using target = await openTarget()
  const state = { valid: 'any' as 'any' | 'newest' | 'none' }
  target.state.call = (seen, res) => {
    const newest = seen.headers.authorization === `Bearer ${[...target.state.valid].at(-1)}`
    const ok = state.valid === 'any' || (state.valid === 'newest' && newest)
    res.end(ok ? '{"code":"0","data":{"masterDataId":"T"}}' : '{"code":20016,"message":"token expired","data":null}')
    return true
  }
  await using one = node(target, { oauth2: oauth(target, { tokenCodes: ['20005', '20016'] }) })
  assert.equal((await one.write()).outcome.kind, 'applied')
  state.valid = 'newest'
  target.state.valid.add('another')
  assert.equal((await one.write()).outcome.kind, 'applied')
  assert.deepEqual([target.tokens.length, target.calls.length], [2, 3])
  state.valid = 'none'
  const { outcome } = await one.write()
  assert.ok(outcome.kind === 'refused' && outcome.proved && outcome.why.code === 'config.auth')
})

test('OAuth2: a target that takes no token at all does not make us ask for one with every call', async () => {
  using target = await openTarget()
  target.state.call = (_, res) => res.writeHead(401).end('no rights')
  await using one = node(target, { oauth2: oauth(target) })
  for (let i = 0; i < 20; i++) {
    const { outcome } = await one.write()
    assert.ok(outcome.kind === 'refused' && outcome.proved && outcome.why.code === 'config.auth')
  }
  assert.ok(target.tokens.length <= 2, `${target.tokens.length} token requests`)
  assert.ok(target.calls.length <= 22, `${target.calls.length} calls`)
})

test('a token that cannot be had is before effect: again, calm, no byte to the target, no slots until the next try', async () => {
  const ways: [string, (seen: Seen, res: ServerResponse) => unknown][] = [
    ['HTTP 401: invalid_client', (_, res) => res.writeHead(401).end('{"error":"invalid_client"}')],
    ['HTTP 500', (_, res) => res.writeHead(500).end('<html>')],
    ['nothing usable at access_token', (_, res) => res.end('{"jwt":"secret-under-another-name"}')],
    ['nothing usable at access_token', (_, res) => res.end('{"access_token":"a b\\n"}')],
    ['no complete answer', (_, res) => res.destroy()],
    ['', () => true], // never answers
  ]
  for (const [said, answer] of ways) {
    using target = await openTarget()
    target.state.token = answer
    await using one = node(target, { oauth2: oauth(target) }, { timeout: 600 })
    const outcomes = await Promise.all([one.write(), one.write(), one.write(performance.now() + 200)])
    for (const { outcome } of outcomes) {
      assert.ok(outcome.kind === 'again' && outcome.calm && outcome.at !== undefined, JSON.stringify(outcome))
      assert.equal(outcome.why.code, 'send.token')
      assert.ok(!JSON.stringify(outcome).includes('secret-under-another-name'))
    }
    const first = outcomes[0]?.outcome
    assert.ok(first?.kind === 'again' && (first.why.said ?? '').includes(said), JSON.stringify(first))
    const read = await one.find()
    assert.ok(read.kind === 'failed' && read.why.code === 'send.token' && read.calm)
    assert.deepEqual([target.calls.length, one.sent(), target.tokens.length], [0, 0, 1])
    const { free, at } = one.connector.slots()
    if (said) assert.ok(free === 0 && at !== undefined && at > Date.now() - 1_000)
  }
})

test('the token interface heals, and the calls go on', async () => {
  using target = await openTarget()
  let broken = true
  target.state.token = (_, res) => broken && res.writeHead(503, { 'retry-after': '1' }).end()
  await using one = node(target, { oauth2: oauth(target) })
  const { outcome } = await one.write()
  assert.ok(outcome.kind === 'again' && outcome.at !== undefined)
  broken = false
  const healed = outcome.at
  await new Promise((done) => setTimeout(done, Math.max(0, healed - Date.now()) + 5))
  assert.ok(one.connector.slots().free > 0)
  assert.equal((await one.write()).outcome.kind, 'applied')
})

test('a token interface on a forbidden address is never called', async () => {
  using target = await openTarget()
  await using one = node(target, { oauth2: oauth(target, { tokenUrl: 'http://169.254.169.254/token' }) })
  const { outcome } = await one.write()
  assert.ok(outcome.kind === 'again' && outcome.why.said?.includes('not allowed'))
  assert.equal(one.sent(), 0)
})

test('nodes share one token through the database, also where the provider ends the former one', async () => {
  await using db = await freshDatabase()
  await db.sql.unsafe(`
    insert into tenant (tenant_id) values ('t');
    insert into connection (tenant_id, connection_id, kind, role, definition) values ('t', 'erp', 'standard', 'erp', '{}')`)
  using target = await openTarget()
  target.state.onlyNewest = true
  const key = randomBytes(32)
  const shelf = (who: string): Shelf =>
    openShelf({
      sql: db.sql,
      seal: {
        close: (place, secret) => seal(key, place, secret),
        open: (place, envelope) => open(key, place, envelope),
      },
      tenantId: 't',
      connectionId: 'erp',
      who,
    })
  await using stack = new AsyncDisposableStack()
  const make = (who: string) => stack.use(node(target, { oauth2: oauth(target) }, {}, shelf(who)))
  const nodes = ['a', 'b', 'c'].map(make)
  const burst = async () => {
    const outcomes = await Promise.all(nodes.flatMap((one) => Array.from({ length: 8 }, () => one.write())))
    assert.ok(
      outcomes.every(({ outcome }) => outcome.kind === 'applied'),
      JSON.stringify(outcomes),
    )
  }
  await burst()
  assert.equal(target.tokens.length, 1)
  target.state.valid.clear()
  await burst()
  await burst()
  assert.equal(target.tokens.length, 2, 'one more for all nodes together, and no node ends another’s')
  nodes.push(make('d'))
  await burst()
  assert.equal(target.tokens.length, 2, 'a node that starts takes what is there')
  const [row] = await db.sql<{ row: string; token: Buffer }>`select t::text as row, token from target_token t`
  const issued = [...target.state.valid].at(-1) ?? ''
  assert.ok(row && !row.row.includes(issued) && !row.token.includes(issued) && issued)
  // A node that died while it asked holds the others up no longer than its right lasts.
  await db.sql`update target_token set asking = 'gone', asking_until = clock_timestamp() + interval '1 second'`
  target.state.valid.clear()
  const late = await nodes[0]?.write()
  assert.equal(late?.outcome.kind, 'applied')
  assert.equal(target.tokens.length, 3)
})

// ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const hmac: SignatureDef = {
  algorithm: 'hmac-sha256',
  secret: 'hmac-key-1',
  sign: ['method', 'path', 'sortedQuery', 'timestamp', 'nonce', { header: 'X-App-Id' }, 'bodySha256'],
  join: '\n',
  encoding: 'base64',
  put: { in: 'header', name: 'Authorization', prefix: 'HMAC ' },
  timestamp: { in: 'header', name: 'X-Timestamp', format: 'epochMillis' },
  nonce: { in: 'header', name: 'X-Nonce' },
}
const md5: SignatureDef = {
  algorithm: 'md5',
  secret: 'the-salt',
  sign: [{ text: 'app=7&' }, 'sortedQuery', 'body', 'secret'],
  join: '',
  encoding: 'HEX',
  put: { in: 'query', name: 'sign', prefix: '' },
  timestamp: { in: 'query', name: 'ts', format: 'yyyyMMddHHmmss' },
}

test('HMAC-SHA256 and MD5 with salt, in the order and encoding that are declared', () => {
  const at = { now: Date.parse('2026-03-04T05:06:07.890Z'), nonce: 'n-1', zone: 'Asia/Shanghai' }
  const request = {
    method: 'POST',
    path: '/erp/create?b=2&a=%E5%90%8D',
    headers: { 'X-App-Id': Buffer.from('应用').toString('latin1') },
    body: Buffer.from('{"a":"名"}'),
  }
  const one = sign(hmac, request, at)
  const bodyHash = createHash('sha256').update('{"a":"名"}').digest('hex')
  const text = `POST\n/erp/create\na=名&b=2\n${at.now}\nn-1\n应用\n${bodyHash}`
  assert.equal(one.headers.Authorization, `HMAC ${createHmac('sha256', 'hmac-key-1').update(text).digest('base64')}`)
  assert.deepEqual([one.headers['X-Timestamp'], one.headers['X-Nonce']], ['1772600767890', 'n-1'])
  const two = sign(md5, request, at)
  const salted = 'app=7&a=名&b=2&ts=20260304130607{"a":"名"}the-salt'
  const digest = createHash('md5').update(salted).digest('hex').toUpperCase()
  assert.equal(two.path, `/erp/create?b=2&a=%E5%90%8D&ts=20260304130607&sign=${digest}`)
})

test('the signature of each call is right at the target, queries and repeated calls too, with a nonce of its own', async () => {
  using target = await openTarget()
  const nonces = new Set<string>()
  let wrong = 0
  target.state.call = (seen, res) => {
    const { headers, query } = seen
    const sorted = [...query].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`)
    const text = [
      seen.method,
      seen.path,
      sorted.join('&'),
      headers['x-timestamp'],
      headers['x-nonce'],
      Buffer.from(String(headers['x-app-id']), 'latin1').toString(),
      createHash('sha256').update(seen.body).digest('hex'),
    ].join('\n')
    nonces.add(String(headers['x-nonce']))
    if (headers.authorization !== `HMAC ${createHmac('sha256', 'hmac-key-1').update(text).digest('base64')}`) wrong++
    res.end('{"code":"0","data":{"masterDataId":"T-1"}}')
    return true
  }
  await using one = node(target, { signature: hmac }, { headers: { 'X-App-Id': '应用' } })
  for (let i = 0; i < 3; i++) assert.equal((await one.write()).outcome.kind, 'applied')
  await one.find()
  assert.deepEqual([wrong, nonces.size, target.calls.length], [0, 4, 4])
})

// ── nothing leaks ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
test('27: whatever the target repeats of our secrets, no outcome and no exchange shows them', async () => {
  using target = await openTarget()
  const auth: AuthDef = {
    apiKey: { in: 'query', name: 'key', value: 'canary/api key"1' },
    oauth2: oauth(target, { clientSecret: 'canary-client-secret', params: { code: 'canary-param' } }),
    signature: { ...hmac, secret: 'canary-hmac', put: { in: 'header', name: 'X-Sign', prefix: '' } },
  }
  target.state.call = (seen, res) => {
    const all = {
      headers: seen.headers,
      url: `${seen.path}?${seen.query.toString()}`,
      key: seen.query.get('key'),
      secrets: ['canary-client-secret', 'canary-param', 'canary-hmac'],
      encoded: seen.query.toString(),
    }
    const text = JSON.stringify(all)
    res.writeHead(target.calls.length % 2 ? 400 : 500)
    res.end(JSON.stringify({ code: 'E1', message: `${'x'.repeat(480)} ${text}`, text }))
    return true
  }
  await using one = node(target, auth, { headers: { token: 'canary-header' } })
  const told = JSON.stringify([await one.write(), await one.write(), await one.find()])
  assert.ok(told.includes('***'))
  assert.ok(!/canary|access-token-|Y2xpZW50/.test(told), told)
})

// ── waiting instead of failing ───────────────────────────────────────────────────────────────────────────────────────────────────────
test('throttle codes make the whole target wait, longer each time, and burn nothing; an answer ends the waiting', async () => {
  using target = await openTarget()
  let busy = true
  target.state.call = (_, res) => {
    res.end(busy ? '{"code":"14001","message":"too fast","data":null}' : '{"code":"0","data":{"masterDataId":"T"}}')
    return true
  }
  await using one = node(target, undefined, { throttleCodes: ['14001', '30004'], limits: { concurrency: 1 } })
  const pauses: number[] = []
  for (let i = 0; i < 3; i++) {
    const began = Date.now()
    const { outcome } = await one.write()
    assert.ok(outcome.kind === 'again' && outcome.calm && outcome.at !== undefined, JSON.stringify(outcome))
    assert.equal(outcome.why.code, 'send.limited')
    assert.equal(one.connector.slots().free, 0)
    pauses.push(outcome.at - began)
    const { at } = outcome
    if (i < 2) await new Promise((done) => setTimeout(done, at - Date.now() + 2))
  }
  const [a = 0, , c = 0] = pauses
  assert.ok(a >= 700 && a < 2_000 && c > 2 * a, `pauses ${pauses.join(', ')}`)
  busy = false
  assert.equal((await one.write()).outcome.kind, 'again', 'still waiting')
  assert.equal(target.calls.length, 3)
})

test('quota codes make the target wait until its midnight; Retry-After in an answer goes before', async () => {
  using target = await openTarget()
  target.state.call = (_, res) => res.end('{"code":30002,"message":"daily quota","data":null}')
  await using one = node(target, undefined, { quotaCodes: ['30002'], zone: 'Asia/Shanghai' })
  const { outcome } = await one.write()
  assert.ok(outcome.kind === 'again' && outcome.calm && outcome.why.code === 'send.quota', JSON.stringify(outcome))
  const day = 86_400_000
  const midnight = (Math.floor((Date.now() + 8 * 3_600_000) / day) + 1) * day - 8 * 3_600_000
  assert.ok(outcome.at === midnight, `${outcome.at} is not ${midnight}`)
  assert.equal(one.connector.slots().at, midnight)
  const read = await one.find()
  assert.ok(read.kind === 'failed' && read.calm && read.at === midnight)
  target.state.call = (_, res) => res.writeHead(200, { 'retry-after': '60' }).end('{"code":30002,"data":null}')
  await using other = node(target, undefined, { quotaCodes: ['30002'] })
  const soon = (await other.write()).outcome
  assert.ok(soon.kind === 'again' && Math.abs((soon.at ?? 0) - Date.now() - 60_000) < 3_000)
})

test('in quiet hours not one call leaves, reads included, and the fault says until when', async () => {
  using target = await openTarget()
  const wall = new Date(Date.now() + 8 * 3_600_000)
  const minute = wall.getUTCHours() * 60 + wall.getUTCMinutes()
  const quiet = [{ from: (minute + 1439) % 1440, to: (minute + 120) % 1440 }]
  await using one = node(target, undefined, { limits: { concurrency: 4, quiet } })
  const { outcome } = await one.write()
  assert.ok(outcome.kind === 'again' && outcome.calm && outcome.why.code === 'send.quiet', JSON.stringify(outcome))
  assert.equal(outcome.why.expected, new Date(outcome.at ?? 0).toISOString())
  assert.ok((await one.find()).kind === 'failed')
  assert.ok(one.connector.slots().free === 0)
  await using other = node(target, { oauth2: oauth(target) }, { limits: { concurrency: 4, quiet } })
  assert.equal((await other.write()).outcome.kind, 'again')
  assert.deepEqual([target.calls.length, target.tokens.length], [0, 0], 'not even a token is asked for')
})
