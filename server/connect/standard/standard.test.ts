/** The standard connector over real sockets, through its own exerciser and beyond it. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { describe, test } from 'node:test'
import zlib from 'node:zlib'
import { LosslessNumber } from 'lossless-json'
import { createEnv } from '../../agent/env.ts'
import type { Change, Unanswered } from '../../doc/connector.ts'
import type { Fields, Json } from '../../doc/document.ts'
import type { Env } from '../../doc/env.ts'
import type { ConnectionDef, Outgoing, Recognise } from '../../doc/flow.ts'
import type { ObjectDef } from '../../doc/object.ts'
import type { Outcome } from '../../doc/outcome.ts'
import { type Bench, checkConnector, type Mischief } from '../check.ts'
import { isFields, parseJson, textOf, writeJson } from './body.ts'
import { type StandardConnector, standardConnector } from './standard.ts'

/** Long enough for a loaded machine, short enough for the cases that wait it out. */
const callTimeout = 1_500

const text = { type: 'text' as const }
const order: ObjectDef = {
  code: 'SAL_SaleOrder',
  apiName: '销售 订单',
  idField: 'id',
  modifiedField: 'modifyTime',
  externalIdField: 'sourceId',
  fields: [
    { code: 'id', ...text },
    { code: 'amount', type: 'decimal' },
    { code: 'modifyTime', type: 'datetime' },
  ],
  details: [
    {
      code: 'lines',
      apiName: '明细',
      idField: 'id',
      fields: [
        { code: 'id', ...text },
        { code: 'qty', type: 'decimal' },
      ],
    },
    { code: 'notes', apiName: 'notes', fields: [{ code: 'text', ...text }] },
  ],
}
const other: ObjectDef = {
  code: 'BD_Customer',
  apiName: 'BD_Customer',
  idField: 'id',
  fields: [{ code: 'id', type: 'integer' }],
  details: [],
}

interface Held {
  id: string
  at: number
  master: Fields
  details: { [name: string]: Fields[] }
}
type Answer = (
  req: { name: string; url: URL; headers: IncomingMessage['headers']; body: string },
  res: ServerResponse,
) => boolean | void

/** A tiny target of section 2 in memory. `on` may answer in its stead. */
const startTarget = async (mode: Recognise = 'byWindow') => {
  const held = new Map<string, Held>()
  const keys = new Map<string, string>()
  const seen: { name: string; body: string; headers: IncomingMessage['headers']; url: URL }[] = []
  const state = {
    next: null as Mischief | null,
    clock: 0,
    ids: 'arrays' as 'arrays' | 'absent' | 'short' | 'row keys',
    on: null as Answer | null,
  }
  let serial = 0

  const ok = (data: Json): string => writeJson({ code: new LosslessNumber('0'), message: 'ok', data })
  const shown = (one: Held): Json => ({
    objAPIName: '销售 订单',
    masterFieldVal: one.master,
    detailFieldVals: one.details,
  })
  const fail = (code: string, message: string): string => writeJson({ code, message, data: null })

  const write = (name: string, body: string, headers: IncomingMessage['headers']): string => {
    const parsed = parseJson(body)
    if (!('value' in parsed) || !isFields(parsed.value)) return fail('400', 'malformed')
    const master = parsed.value.masterFieldVal as Fields
    const source = textOf(master.sourceId)
    const key = String(headers['idempotency-key'])
    const stored = mode === 'idempotencyHeader' ? keys.get(key) : undefined
    if (stored) return stored
    if (name === 'create' && mode === 'externalIdUnique') {
      const twin = [...held.values()].find((one) => textOf(one.master.sourceId) === source)
      if (twin) return writeJson({ code: 'DUP', message: 'sourceId exists', data: { existing: twin.id } })
    }
    const id = name === 'create' ? `T-${++serial}` : Buffer.from(String(headers.id), 'latin1').toString()
    const before = held.get(id)
    if (name !== 'create' && !before) return fail('404', 'no such record')
    const details: Held['details'] = {}
    const ids: { [name: string]: string[] } = {}
    const byKey: Fields = {}
    const given = (parsed.value.detailFieldVals ?? {}) as { [name: string]: Fields[] }
    for (const [detail, rows] of Object.entries(given)) {
      details[detail] = rows.map((row, i) => {
        const rowId = textOf(row.id) ?? `${id}-${detail.length}-${i}`
        ;(ids[detail] ??= []).push(rowId)
        if (textOf(row.sourceId)) byKey[textOf(row.sourceId) as string] = rowId
        return { ...row, id: rowId }
      })
    }
    const now = Date.now() + state.clock
    held.set(id, {
      id,
      at: now,
      master: { ...before?.master, ...master, id, modifyTime: new LosslessNumber(String(now)) },
      details: Object.keys(details).length ? details : (before?.details ?? {}),
    })
    const detailDataIds: Json =
      state.ids === 'arrays'
        ? ids
        : state.ids === 'row keys'
          ? byKey
          : state.ids === 'short'
            ? Object.fromEntries(Object.entries(ids).map(([d, list]) => [d, list.slice(0, -1)]))
            : null
    const answer = ok({ masterDataId: id, detailDataIds })
    keys.set(key, answer)
    return answer
  }

  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const url = new URL(req.url ?? '', 'http://target')
      const name = url.pathname.slice('/erp/'.length)
      const body = Buffer.concat(chunks).toString()
      seen.push({ name, body, headers: req.headers, url })
      const date = new Date(Date.now() + state.clock).toUTCString()
      res.setHeader('date', date)
      const reply = (status: number, out: string, type = 'application/json'): void => {
        res.writeHead(status, { 'content-type': type }).end(out)
      }
      if (state.on?.({ name, url, headers: req.headers, body }, res)) return
      if (name === 'queryMasterById') {
        const id = url.searchParams.get('dataId') ?? ''
        const one =
          held.get(id) ??
          (mode === 'byId' ? [...held.values()].find((h) => textOf(h.master.sourceId) === id) : undefined)
        return reply(200, ok(one ? shown(one) : null))
      }
      if (name === 'queryMasterBatch') {
        const n = (key: string): number => Number(url.searchParams.get(key))
        const found = [...held.values()]
          .filter((one) => one.at >= n('startTime') && one.at <= n('endTime'))
          .sort((a, b) => a.at - b.at)
        return reply(
          200,
          ok({ totalNum: '7 or so', dataList: found.slice(n('offset'), n('offset') + n('limit')).map(shown) }),
        )
      }
      const mischief = state.next
      state.next = null
      switch (mischief) {
        case 'cut before effect':
          return void req.socket.destroy()
        case 'status 500':
          return reply(500, 'oops')
        case 'throttle':
          return void res.writeHead(429, { 'retry-after': '30' }).end()
        case 'refuse':
          return reply(200, fail('E42', '客户不存在'))
        default:
      }
      const answer = write(name, body, req.headers)
      switch (mischief) {
        case 'cut after effect':
          return void req.socket.destroy()
        case 'hang after effect':
          return
        case 'nonsense after effect':
          return reply(200, '<html>welcome</html>', 'text/html')
        case 'no id after effect':
          return reply(200, ok(null))
        default:
          return reply(200, answer)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    state,
    held,
    seen,
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/erp`,
    writes: () => seen.filter((call) => !call.name.startsWith('query')).length,
    holding: (source: string) =>
      [...held.values()].filter((one) => textOf(one.master.sourceId) === source).map((one) => one.id),
    plant(id: string, source: string | null, at = Date.now()): void {
      held.set(id, {
        id,
        at,
        master: { id, modifyTime: new LosslessNumber(String(at)), ...(source === null ? null : { sourceId: source }) },
        details: {},
      })
    },
    close(): void {
      server.closeAllConnections()
      server.close()
    },
  }
}

const definition = (baseUrl: string, more: Partial<ConnectionDef> = {}): ConnectionDef => ({
  tenantId: 't',
  connectionId: 'erp',
  kind: 'standard',
  role: 'erp',
  baseUrl,
  headers: { token: 'secret-token-1', 'x-set': '账套一' },
  result: { codePath: 'code', messagePath: 'message', dataPath: 'data', successCodes: ['0'] },
  refusedBeforeEffect: ['BUSY'],
  unsureCodes: ['UNSURE'],
  notFoundCodes: ['NOTFOUND'],
  refusedCodes: ['PROVED'],
  recognise: 'byWindow',
  duplicate: { codes: ['DUP'], idPath: 'data.existing' },
  keyKept: 24 * 3_600_000,
  longestProcessing: 1_000,
  timeout: callTimeout,
  lateness: 3_600_000,
  overlap: 600_000,
  limits: { concurrency: 4 },
  readable: true,
  zone: 'Asia/Shanghai',
  pageSize: 50,
  ...more,
})

const outgoing = (sourceId: string, targetId: string | null, qty: string[] = ['1.10', '2']): Outgoing => ({
  object: order.code,
  targetId,
  sourceId,
  content: {
    masterFieldVal: { amount: new LosslessNumber('12345678901234567890.12'), name: '名' },
    detailFieldVals: { lines: qty.map((one, i) => ({ qty: new LosslessNumber(one), sourceId: `row-${i}` })) },
  },
  sourceRows: { lines: qty.map((_, i) => `row-${i}`) },
})

type Target = Awaited<ReturnType<typeof startTarget>>
interface World extends AsyncDisposable {
  target: Target
  connector: StandardConnector
  write(change?: Partial<Change>, out?: Outgoing): Promise<Outcome>
}

const world = async (more: Partial<ConnectionDef> = {}, env: Env = createEnv()): Promise<World> => {
  const target = await startTarget(more.recognise)
  const connector = standardConnector({
    connection: definition(target.baseUrl, more),
    objects: new Map([
      [order.code, order],
      [other.code, other],
    ]),
    env,
    egress: { allowLoopback: true },
  })
  return {
    target,
    connector,
    async write(change = {}, out = outgoing('S-1', change.targetId ?? null)) {
      const { outcome } = await connector.write(
        {
          action: out.targetId === null ? 'create' : 'update',
          object: out.object,
          targetId: out.targetId,
          sourceId: out.sourceId,
          bytes: connector.encode(out),
          rowsDue: { lines: out.content.detailFieldVals.lines?.length ?? 0 },
          key: 'key-1',
          traceId: 'ab'.repeat(16),
          ...change,
        },
        () => {},
        performance.now() + 5_000,
        new AbortController().signal,
      )
      return outcome
    },
    async [Symbol.asyncDispose]() {
      target.close()
      await connector.close()
    },
  }
}

const never = new AbortController().signal
const always = async (): Promise<boolean> => true
const soon = (): number => performance.now() + 5_000
const earlier = (more: Partial<Unanswered> = {}): Unanswered => ({
  object: order.code,
  sourceId: 'S-1',
  sentAt: Date.now() - 20 * 60_000,
  key: 'key-1',
  bytes: null,
  rowsDue: { lines: 2 },
  traceId: 'ab'.repeat(16),
  ...more,
})

for (const recognise of ['byWindow', 'byId', 'externalIdUnique', 'idempotencyHeader', 'none'] as const) {
  describe(`the standard connector, recognised ${recognise}`, { concurrency: 4 }, () => {
    const make = async (): Promise<Bench> => {
      const w = await world({ recognise })
      return {
        connector: w.connector,
        object: order.code,
        outgoing,
        next: (what) => (w.target.state.next = what),
        writes: w.target.writes,
        holding: w.target.holding,
        missing: 'T-none',
        timeout: callTimeout,
        believedAfter: callTimeout + 1_000 + 5_000 + (recognise === 'byWindow' ? 600_000 : 0),
        absence: recognise === 'none' ? 'cannot tell' : recognise.startsWith('by') ? 'absent' : 'answered',
        readable: true,
        [Symbol.asyncDispose]: () => w[Symbol.asyncDispose](),
      }
    }
    for (const check of checkConnector(make)) test(check.name, check.run)
  })
}

test('a create says what section 2 says: path, headers, exact numbers, names of the wire', async () => {
  await using w = await world()
  assert.equal((await w.write()).kind, 'applied')
  const [call] = w.target.seen
  assert.equal(call?.name, 'create')
  assert.equal(
    call?.body,
    '{"objAPIName":"销售 订单","masterFieldVal":{"amount":12345678901234567890.12,"name":"名","sourceId":"S-1"},' +
      '"detailFieldVals":{"明细":[{"qty":1.10,"sourceId":"row-0"},{"qty":2,"sourceId":"row-1"}]}}',
  )
  const { headers } = call ?? assert.fail()
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers.token, 'secret-token-1')
  assert.equal(Buffer.from(String(headers['x-set']), 'latin1').toString(), '账套一')
  assert.equal(headers['idempotency-key'], 'key-1')
  assert.equal(headers['x-request-id'], 'ab'.repeat(16))
  assert.match(String(headers.traceparent), /^00-(ab){16}-[0-9a-f]{16}-01$/)
  assert.equal(headers.id, undefined)
})

test('updates and voids carry the id in header and body; a void by invalid carries operationType 3', async () => {
  await using w = await world()
  w.target.plant('客户-1', null)
  const out = outgoing('S-1', '客户-1')
  assert.equal((await w.write({}, out)).kind, 'applied')
  assert.equal((await w.write({ action: 'void', rowsDue: {} }, out)).kind, 'applied')
  assert.equal((await w.write({ action: 'void', voidBy: 'update' }, out)).kind, 'applied')
  const calls = w.target.seen.map(({ name, headers, body }) => [
    name,
    Buffer.from(String(headers.id), 'latin1').toString(),
    headers.operationtype,
    /"id":"客户-1"/.test(body),
  ])
  assert.deepEqual(calls, [
    ['update', '客户-1', undefined, true],
    ['invalid', '客户-1', '3', true],
    ['update', '客户-1', undefined, true],
  ])
})

test('a number id field takes the id as a number', async () => {
  await using w = await world()
  const out: Outgoing = {
    object: other.code,
    targetId: '12345678901234567890',
    sourceId: 'x',
    content: { masterFieldVal: {}, detailFieldVals: {} },
    sourceRows: {},
  }
  assert.equal(
    w.connector.encode(out).toString(),
    '{"objAPIName":"BD_Customer","masterFieldVal":{"id":12345678901234567890},"detailFieldVals":{}}',
  )
})

test('the result rule: each answer of a write ends in one outcome (O1-O4)', async () => {
  await using w = await world({ limits: { concurrency: 1 } })
  const cases: [status: number, body: string, kind: Outcome['kind'], code: string, more?: object][] = [
    [200, '{"code":0,"data":{"masterDataId":7,"detailDataIds":{"lines":["a","b"]}}}', 'applied', ''],
    [200, '{"code":"0","data":{"masterDataId":"7","detailDataIds":{"明细":["a","b"]}}}', 'applied', ''],
    [
      201,
      '\ufeff{"code":"0","data":{"masterDataId":12345678901234567890,"detailDataIds":{"lines":[1,2]}}}',
      'applied',
      '',
    ],
    [200, '{"code":"0","data":{"masterDataId":"7"', 'unknown', 'send.contract'],
    [200, '{"code":"0","data":{"detailDataIds":{"lines":["a","b"]}}}', 'unknown', 'send.noId'],
    [200, '{"code":"0","data":null}', 'unknown', 'send.noId'],
    [200, '{"code":"0"}', 'unknown', 'send.noId'],
    [200, `{"code":"0","data":{"masterDataId":"${'x'.repeat(129)}"}}`, 'unknown', 'send.contract'],
    [200, '{"code":"0","data":{"masterDataId":"a\\u0007b"}}', 'unknown', 'send.contract'],
    [200, '{"code":"0","data":{"masterDataId":{}}}', 'unknown', 'send.contract'],
    [200, '{"code":"1","code":"0","data":{"masterDataId":"7"}}', 'unknown', 'send.contract'],
    [200, '{"message":"hello"}', 'unknown', 'send.contract'],
    [200, '<html>', 'unknown', 'send.contract'],
    [200, '', 'unknown', 'send.contract'],
    [204, '', 'unknown', 'send.contract'],
    [200, '['.repeat(9_000), 'unknown', 'send.contract'],
    [200, '{"code":"E1","message":"no customer"}', 'refused', 'send.refused', { proved: false }],
    [200, '{"code":"PROVED","message":"taken"}', 'refused', 'send.refused', { proved: true }],
    [200, '{"code":"BUSY","message":"later"}', 'again', 'send.again'],
    [200, '{"code":"UNSURE","message":"perhaps"}', 'unknown', 'send.contract'],
    [400, '{"code":"E1","message":"no customer"}', 'refused', 'send.refused', { proved: false }],
    [404, 'not here', 'refused', 'send.status', { proved: false }],
    [400, '{"code":"0","data":{"masterDataId":"7"}}', 'unknown', 'send.contract'],
    [401, 'who are you', 'refused', 'config.auth', { proved: true }],
    [403, '', 'refused', 'config.auth', { proved: true }],
    [408, '', 'unknown', 'send.status'],
    [302, '', 'refused', 'send.status', { proved: false }],
    [303, '', 'unknown', 'send.status'],
    [503, '{"code":"BUSY","message":"later"}', 'again', 'send.again'],
    [500, '{"code":"PROVED","message":"taken"}', 'refused', 'send.refused', { proved: true }],
    [500, '{"code":"0","data":{"masterDataId":"7"}}', 'unknown', 'send.status'],
    [500, '{"code":"E1"}', 'unknown', 'send.status'],
    [200, '{"code":"0","data":{"masterDataId":"7","detailDataIds":{"lines":["a","b"]}}}', 'applied', ''],
  ]
  for (const [status, body, kind, code, more] of cases) {
    w.target.state.on = (_, res) => (
      res.writeHead(status, status > 300 && status < 400 ? { location: '/x' } : {}).end(body), true
    )
    const outcome = await w.write()
    const label = `${status} ${body.slice(0, 60)}`
    assert.equal(outcome.kind, kind, `${label}: ${JSON.stringify(outcome)}`)
    if ('why' in outcome) assert.equal(outcome.why.code, code, label)
    for (const [name, value] of Object.entries(more ?? {})) assert.equal(outcome[name as never], value, label)
  }
  assert.equal(w.target.seen.length, cases.length)
})

test('ids come as text or number, exactly', async () => {
  await using w = await world()
  w.target.state.on = (_, res) => (
    res.end('{"code":0,"data":{"masterDataId":12345678901234567890,"detailDataIds":{"lines":[1,"2"]}}}'), true
  )
  assert.deepEqual(await w.write(), {
    kind: 'applied',
    targetId: '12345678901234567890',
    rowIds: { lines: ['1', '2'] },
  })
})

test('an update that answers another id is unknown; one that answers none is applied', async () => {
  await using w = await world()
  w.target.state.on = (_, res) => (res.end('{"code":0,"data":{"masterDataId":"T-9"}}'), true)
  const out = outgoing('S-1', 'T-1', [])
  const outcome = await w.write({}, out)
  assert.ok(outcome.kind === 'unknown' && outcome.why.value === 'T-9' && outcome.why.expected === 'T-1')
  w.target.state.on = (_, res) => (res.end('{"code":0,"data":null}'), true)
  assert.equal((await w.write({}, out)).kind, 'applied')
})

describe('detailDataIds', { concurrency: 4 }, () => {
  const shapes: [name: string, detailDataIds: string, outcome: object][] = [
    ['a list in row order', '{"lines":["a","b"]}', { kind: 'applied', rowIds: { lines: ['a', 'b'] } }],
    ['row keys', '{"row-1":"b","row-0":"a"}', { kind: 'applied', rowIds: { lines: ['a', 'b'] } }],
    ['fewer than rows: not applied (promise 18)', '{"lines":["a"]}', { kind: 'unknown', code: 'send.rowIds' }],
    ['one id for two rows: not applied (promise 18)', '{"lines":"a"}', { kind: 'unknown', code: 'send.rowIds' }],
    ['a row key is missing: not applied (promise 18)', '{"row-1":"b"}', { kind: 'unknown', code: 'send.rowIds' }],
    ['null among the ids: not applied (promise 18)', '{"lines":["a",null]}', { kind: 'unknown', code: 'send.rowIds' }],
    ['neither details nor row keys', '{"Key10":"value10"}', { kind: 'unknown', code: 'send.contract' }],
    ['details and row keys mixed', '{"lines":["a","b"],"row-0":"a"}', { kind: 'unknown', code: 'send.contract' }],
    ['no object', '"a"', { kind: 'unknown', code: 'send.contract' }],
    ['an id that is none', '{"lines":["a",{}]}', { kind: 'unknown', code: 'send.contract' }],
  ]
  for (const [name, detailDataIds, expected] of shapes) {
    test(name, async () => {
      await using w = await world()
      w.target.state.on = ({ name: call }, res) =>
        call === 'create' &&
        (res.end(`{"code":0,"data":{"masterDataId":"T-1","detailDataIds":${detailDataIds}}}`), true)
      const outcome = await w.write()
      const { kind, rowIds, code } = expected as { kind: string; rowIds?: object; code?: string }
      assert.equal(outcome.kind, kind, JSON.stringify(outcome))
      if (rowIds && outcome.kind === 'applied') assert.deepEqual(outcome.rowIds, rowIds)
      if (code && outcome.kind === 'unknown') assert.equal(outcome.why.code, code)
    })
  }

  test('one id for one row', async () => {
    await using w = await world()
    w.target.state.on = (_, res) => (
      res.end('{"code":0,"data":{"masterDataId":"T-1","detailDataIds":{"lines":"a"}}}'), true
    )
    assert.deepEqual(await w.write({}, outgoing('S-1', null, ['1'])), {
      kind: 'applied',
      targetId: 'T-1',
      rowIds: { lines: ['a'] },
    })
  })

  test('absent: read back by id in the same call, matched by key or content, never by position', async () => {
    await using w = await world()
    w.target.state.ids = 'absent'
    w.target.state.on = ({ name }) => {
      // The target turns its rows around.
      if (name === 'queryMasterById') for (const one of w.target.held.values()) one.details['明细']?.reverse()
    }
    assert.deepEqual(await w.write(), { kind: 'applied', targetId: 'T-1', rowIds: { lines: ['T-1-2-0', 'T-1-2-1'] } })
    assert.deepEqual(
      w.target.seen.map((call) => call.name),
      ['create', 'queryMasterById'],
    )
    const plain: Outgoing = {
      ...outgoing('S-2', null),
      content: { masterFieldVal: {}, detailFieldVals: { lines: [{ qty: '5' }, { qty: '6.0' }] } },
    }
    assert.deepEqual(await w.write({}, plain), {
      kind: 'applied',
      targetId: 'T-2',
      rowIds: { lines: ['T-2-2-0', 'T-2-2-1'] },
    })
  })

  test('absent, and a row was dropped: not applied (promise 18)', async () => {
    await using w = await world()
    w.target.state.ids = 'absent'
    w.target.state.on = ({ name }) => {
      if (name === 'queryMasterById') for (const one of w.target.held.values()) one.details['明细']?.pop()
    }
    const outcome = await w.write()
    assert.ok(
      outcome.kind === 'unknown' &&
        outcome.why.code === 'send.rowIds' &&
        outcome.why.value === '1' &&
        outcome.why.expected === '2',
    )
  })

  test('absent, and the record cannot be read back: unknown', async () => {
    await using w = await world()
    w.target.state.ids = 'absent'
    w.target.state.on = ({ name }, res) => name === 'queryMasterById' && (res.writeHead(500).end(), true)
    const outcome = await w.write()
    assert.ok(outcome.kind === 'unknown' && outcome.why.code === 'send.rowIds')
    await using blind = await world({ readable: false })
    blind.target.state.ids = 'absent'
    assert.equal((await blind.write()).kind, 'unknown')
  })

  test('absent, but the rows that were sent carried their ids: nothing is read back', async () => {
    await using w = await world()
    w.target.state.ids = 'absent'
    w.target.plant('T-1', 'S-1')
    const out: Outgoing = {
      ...outgoing('S-1', 'T-1'),
      content: { masterFieldVal: {}, detailFieldVals: { lines: [{ id: 'L1' }, { id: 'L2' }] } },
    }
    assert.deepEqual(await w.write({}, out), { kind: 'applied', targetId: 'T-1', rowIds: { lines: ['L1', 'L2'] } })
    assert.equal(w.target.seen.length, 1)
  })

  test('details without an id field have no ids due', async () => {
    await using w = await world()
    w.target.state.ids = 'absent'
    const out: Outgoing = {
      ...outgoing('S-1', null),
      content: { masterFieldVal: {}, detailFieldVals: { notes: [{ text: 'x' }] } },
    }
    assert.deepEqual(await w.write({ rowsDue: { notes: 1 } }, out), {
      kind: 'applied',
      targetId: 'T-1',
      rowIds: { notes: [null] },
    })
  })
})

test('a 429 says when, on our clock, and is calm for those that wait behind it', async () => {
  await using w = await world({ limits: { concurrency: 1 } })
  w.target.state.next = 'throttle'
  const [first, second] = await Promise.all([w.write(), w.write()])
  assert.ok(first.kind === 'again' && Math.abs((first.at ?? 0) - Date.now() - 30_000) < 2_000)
  assert.ok(second.kind === 'again' && second.calm && second.at === first.at)
})

test('O1: a refused connection is again; a refused address and malformed headers are told to the administrator', async () => {
  const make = (more: Partial<ConnectionDef>, loopback = true) =>
    standardConnector({
      connection: definition('http://127.0.0.1:1/', more),
      objects: new Map([[order.code, order]]),
      env: createEnv(),
      egress: { allowLoopback: loopback },
    })
  const outcomes: [ReturnType<typeof make>, string, string][] = [
    [make({}), 'again', 'send.connection'],
    [make({}, false), 'refused', 'send.egress'],
    [make({ baseUrl: 'http://169.254.169.254/' }), 'refused', 'send.egress'],
    [make({ baseUrl: 'ftp://x/' }), 'refused', 'send.egress'],
    [make({ headers: { token: 'a\nb' } }), 'refused', 'config.connector'],
    [make({ zone: 'Nowhere/City' }), 'refused', 'config.connector'],
  ]
  for (const [connector, kind, code] of outcomes) {
    const { outcome } = await connector.write(
      {
        action: 'create',
        object: order.code,
        targetId: null,
        sourceId: 's',
        bytes: Buffer.from('{}'),
        rowsDue: {},
        key: 'k',
        traceId: 't',
      },
      () => {},
      soon(),
      never,
    )
    assert.equal(outcome.kind, kind)
    assert.ok('why' in outcome && outcome.why.code === code, JSON.stringify(outcome))
    assert.ok(connector.slots().free > 0)
    await connector.close()
  }
})

test('promise 27: secrets that the target repeats are masked in faults and log', async () => {
  await using w = await world()
  w.target.state.on = ({ headers }, res) => (
    res.end(`{"code":"E","message":"bad token ${headers.token} for you"}`), true
  )
  const { outcome, exchange } = await w.connector.write(
    {
      action: 'create',
      object: order.code,
      targetId: null,
      sourceId: 's',
      bytes: Buffer.from('{}'),
      rowsDue: {},
      key: 'k',
      traceId: 't',
    },
    () => {},
    soon(),
    never,
  )
  assert.ok(outcome.kind === 'refused' && outcome.why.said === 'E bad token *** for you')
  assert.ok(!JSON.stringify(exchange).includes('secret-token-1'))
  assert.equal(exchange.status, 200)
})

describe('reading', { concurrency: 4 }, () => {
  const page = (list: string): string => `{"code":0,"data":{"totalNum":"x","dataList":${list}}}`
  const window = { object: order.code, from: 0, to: 10, offset: 0, limit: 10 }

  test('a reading holds the bytes as they came, the id, the modified time', async () => {
    await using w = await world()
    const master = '{ "id" : 7, "amount":1.10, "sourceId":"S", "名":"\\u4e2d", "modifyTime":"2024-05-06 12:00:00" }'
    w.target.state.on = (_, res) => (
      res.end(page(`[ {"masterFieldVal":${master},"detailFieldVals":{"lines":[{"id":"L1","qty":2.50}]}} ]`)), true
    )
    const read = await w.connector.changes(window, never)
    assert.ok(read.kind === 'read', JSON.stringify(read))
    const [reading] = read.value.readings
    assert.equal(reading?.data_id, '7')
    assert.equal(reading?.master.toString(), master)
    assert.equal(reading?.details?.toString(), '{"lines":[{"id":"L1","qty":2.50}]}')
    assert.equal(reading?.document.source_time, Date.UTC(2024, 4, 6, 4))
    assert.equal(textOf(reading?.document.content.masterFieldVal.amount), '1.10')
    assert.equal(reading?.document.content.masterFieldVal['名'], '中')
    assert.equal(read.value.full, false)
  })

  test('details by their apiName come under their code; absent and null are not spoken of, [] is', async () => {
    await using w = await world()
    const details = ['{"明细":[]}', '{"lines":null}', 'null', '{}', '{"明细":[{"id":"a"}],"unknown":[{"x":1}]}']
    w.target.state.on = (_, res) => (
      res.end(
        page(
          `[${details.map((d, i) => `{"masterFieldVal":{"id":"${i}"},"detailFieldVals":${d}}`)},{"masterFieldVal":{"id":"9"}}]`,
        ),
      ),
      true
    )
    const read = await w.connector.changes(window, never)
    assert.ok(read.kind === 'read')
    assert.deepEqual(
      read.value.readings.map((reading) => reading.details?.toString() ?? null),
      ['{"lines":[]}', '{}', null, '{}', '{"lines":[{"id":"a"}],"unknown":[{"x":1}]}', null],
    )
  })

  test('promise 12: a record that cannot be taken in is told alone', async () => {
    await using w = await world()
    const list = [
      '{"masterFieldVal":{"id":"good"}}',
      '{"masterFieldVal":{"id":"nul","x":"\\u0000"}}',
      '{"masterFieldVal":{"id":"half","x":"\\ud800"}}',
      '{"masterFieldVal":{"id":"twice","x":1,"x":2}}',
      '{"masterFieldVal":{"id":"proto","__proto__":{}}}',
      '{"masterFieldVal":{"name":"no id"}}',
      '{"masterFieldVal":{"id":""}}',
      '{"masterFieldVal":[]}',
      '{"objAPIName":"BD_Customer","masterFieldVal":{"id":"other"}}',
      '{"masterFieldVal":{"id":"rows"},"detailFieldVals":{"lines":{"id":"x"}}}',
      '7',
      '{"objAPIName":"anything","masterFieldVal":{"id":"good too"}}',
    ]
    w.target.state.on = (_, res) => (res.end(page(`[${list}]`)), true)
    const read = await w.connector.changes({ ...window, limit: 12 }, never)
    assert.ok(read.kind === 'read')
    assert.deepEqual(
      read.value.readings.map((reading) => reading.data_id),
      ['good', 'good too'],
    )
    assert.deepEqual(
      read.value.bad?.map((one) => one.data_id),
      ['nul', 'half', 'twice', 'proto', null, null, null, 'other', 'rows', null],
    )
    assert.equal(read.value.full, true)
  })

  test('a page is believed only when it is complete and well formed', async () => {
    await using w = await world()
    const answers: [number, string, string | null][] = [
      [200, page('[]'), null],
      [200, page('null'), null],
      [200, '{"code":0,"data":{}}', 'read.contract'],
      [200, '{"code":0,"data":[]}', 'read.contract'],
      [200, '{"code":0}', 'read.contract'],
      [200, '{"data":{"dataList":[]}}', 'read.contract'],
      [200, '{"code":0,"data":{"dataList":[]},"data":{"dataList":[]}}', 'read.contract'],
      [200, '', 'read.contract'],
      [204, '', 'read.contract'],
      [200, '<html>', 'read.contract'],
      [200, '{"code":"E","message":"no"}', 'send.refused'],
      [500, '', 'send.status'],
      [401, '', 'config.auth'],
      [302, '', 'send.status'],
    ]
    for (const [status, body, code] of answers) {
      w.target.state.on = (_, res) => (res.writeHead(status).end(body), true)
      const read = await w.connector.changes(window, never)
      assert.equal(read.kind === 'failed' ? read.why.code : null, code, `${status} ${body}`)
    }
  })

  test('gone is null or a listed code, and nothing else; another record is no answer', async () => {
    await using w = await world()
    const answers: [number, string, string][] = [
      [200, '{"code":0,"data":null}', 'gone'],
      [200, '{"code":"NOTFOUND","message":"gone"}', 'gone'],
      [404, '{"code":"NOTFOUND","message":"gone"}', 'gone'],
      [404, '', 'send.status'],
      [200, '{"code":0}', 'read.contract'],
      [200, '{"code":0,"data":{}}', 'read.contract'],
      [200, '{"code":0,"data":[]}', 'read.contract'],
      [200, '{"code":0,"data":"x","data":null}', 'read.contract'],
      [200, '{"code":0,"data":{"masterFieldVal":{"id":"T-2"}}}', 'read.contract'],
      [200, '{"code":0,"data":{"masterFieldVal":{"id":"T-1"}}}', 'T-1'],
    ]
    for (const [status, body, expected] of answers) {
      w.target.state.on = (_, res) => (res.writeHead(status).end(body), true)
      const read = await w.connector.find(order.code, 'T-1', never)
      const told = read.kind === 'failed' ? read.why.code : (read.value?.data_id ?? 'gone')
      assert.equal(told, expected, `${status} ${body}`)
    }
  })

  test('the query carries names and ids of any letters, and the token', async () => {
    await using w = await world()
    await w.connector.find(order.code, '客户 1&x=?', never)
    const [call] = w.target.seen
    assert.deepEqual(Object.fromEntries(call?.url.searchParams ?? []), {
      objAPIName: '销售 订单',
      dataId: '客户 1&x=?',
      includeDetail: 'true',
    })
    assert.equal(call?.headers.token, 'secret-token-1')
  })

  test('gzip answers are read, and a bomb is a failed read', async () => {
    await using w = await world({ timeout: 3_000 })
    w.target.state.on = ({ headers }, res) => (
      assert.match(String(headers['accept-encoding']), /gzip/),
      res.writeHead(200, { 'content-encoding': 'gzip' }).end(zlib.gzipSync(page('[]'))),
      true
    )
    assert.equal((await w.connector.changes(window, never)).kind, 'read')
    w.target.state.on = (_, res) => (
      res.writeHead(200, { 'content-encoding': 'gzip' }).end(zlib.gzipSync(Buffer.alloc(30_000_000, 32))), true
    )
    assert.equal((await w.connector.changes(window, never)).kind, 'failed')
  })
})

describe('R2', { concurrency: 4 }, () => {
  test('byWindow: found, several, absent, and nothing of a neighbour', async () => {
    await using w = await world()
    const minutes = (n: number) => Date.now() - n * 60_000
    for (let i = 0; i < 400; i++) w.target.plant(`N-${i}`, `N-${i}`, minutes(29) + i * 3_000)
    const recognise = (sourceId: string) => w.connector.recognise(earlier({ sourceId }), soon(), never, always)
    assert.deepEqual(await recognise('S-1'), { kind: 'absent' })
    w.target.plant('T-1', 'S-1', minutes(15))
    const found = await recognise('S-1')
    assert.ok(found.kind === 'found' && found.targetId === 'T-1' && found.content.masterFieldVal.sourceId === 'S-1')
    w.target.plant('T-2', 'S-1', minutes(12))
    const several = await recognise('S-1')
    assert.deepEqual(several, { kind: 'several', targetIds: ['T-1', 'T-2'] })
  })

  test('byWindow: many that are asked for at once are looked for in one sweep, each with its own answer', async () => {
    await using w = await world()
    for (let i = 0; i < 100; i++) if (i % 2) w.target.plant(`T-${i}`, `S-${i}`, Date.now() - 15 * 60_000 + i)
    const told = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        w.connector.recognise(
          earlier({ sourceId: `S-${i}`, sentAt: Date.now() - 20 * 60_000 + i }),
          soon(),
          never,
          always,
        ),
      ),
    )
    for (const [i, one] of told.entries()) assert.equal(one.kind, i % 2 ? 'found' : 'absent', String(i))
    assert.ok(w.target.seen.length < 130, String(w.target.seen.length))
    const pages = w.target.seen.filter((call) => call.url.searchParams.get('limit') === '50').length
    assert.ok(pages < 30, String(pages))
  })

  test('byWindow: absence is believed only after settle time and overlap, and the instant is told', async () => {
    await using w = await world()
    const sentAt = Date.now() - 60_000
    const told = await w.connector.recognise(earlier({ sentAt }), soon(), never, always)
    assert.ok(
      told.kind === 'cannot tell' && told.at === sentAt + callTimeout + 1_000 + 5_000 + 600_000,
      JSON.stringify(told),
    )
  })

  test('byWindow: the window is in the target’s clock, measured by its Date', async () => {
    await using w = await world()
    w.target.state.clock = 240_000
    w.target.plant('T-1', 'S-1', Date.now() - 20 * 60_000 + 240_000)
    const told = await w.connector.recognise(earlier(), soon(), never, always)
    assert.equal(told.kind, 'found')
    const skew = w.connector.skew()
    assert.ok(skew && Math.abs(skew.ms - 240_000) <= skew.uncertainty)
    const asked = w.target.seen.filter((call) => call.name === 'queryMasterBatch').at(-1)
    assert.ok(Number(asked?.url.searchParams.get('endTime')) > Date.now() + 600_000 + 230_000)
  })

  test('byWindow: a clock that is far off, unknown, or a page that fails: cannot tell', async () => {
    await using far = await world()
    far.target.state.clock = -8 * 3_600_000
    assert.equal((await far.connector.recognise(earlier(), soon(), never, always)).kind, 'cannot tell')
    await using silent = await world()
    silent.target.state.on = (_, res) => (res.removeHeader('date'), (res.sendDate = false))
    const told = await silent.connector.recognise(earlier(), soon(), never, always)
    assert.ok(told.kind === 'cannot tell' && /clock/.test(told.why.said ?? ''))
    await using broken = await world()
    let pages = 0
    broken.target.state.on = (_, res) => ++pages > 1 && (res.end('{"code":"E"}'), true)
    const unreadable = await broken.connector.recognise(earlier(), soon(), never, always)
    assert.ok(unreadable.kind === 'cannot tell' && unreadable.why.code === 'resolve.unreadable')
    await using spoilt = await world()
    spoilt.target.state.on = (_, res) => (res.end('{"code":0,"data":{"dataList":[{"masterFieldVal":{}}]}}'), true)
    assert.equal((await spoilt.connector.recognise(earlier(), soon(), never, always)).kind, 'cannot tell')
  })

  test('byId: found by our id, absent by null after the settle time, and a stranger of the same number is not ours', async () => {
    await using w = await world({ recognise: 'byId' })
    const recognise = (more: Partial<Unanswered> = {}) => w.connector.recognise(earlier(more), soon(), never, always)
    assert.equal((await recognise()).kind, 'absent')
    const early = await recognise({ sentAt: Date.now() })
    assert.ok(early.kind === 'cannot tell' && early.at)
    w.target.plant('S-1', 'someone else')
    assert.equal((await recognise()).kind, 'cannot tell')
    w.target.held.clear()
    w.target.plant('T-1', 'S-1')
    const found = await recognise()
    assert.ok(found.kind === 'found' && found.targetId === 'T-1')
    w.target.state.on = (_, res) => (res.writeHead(500).end(), true)
    assert.equal((await recognise()).kind, 'cannot tell')
  })

  test('externalIdUnique: the duplicate refusal tells the id, which is read and held against ours', async () => {
    await using w = await world({ recognise: 'externalIdUnique' })
    const bytes = w.connector.encode(outgoing('S-1', null))
    const recognise = () => w.connector.recognise(earlier({ bytes }), soon(), never, always)
    w.target.plant('T-7', 'S-1')
    const found = await recognise()
    assert.ok(found.kind === 'found' && found.targetId === 'T-7', JSON.stringify(found))
    assert.equal(w.target.seen[0]?.body, bytes.toString())
    w.target.state.on = ({ name }, res) => name === 'create' && (res.end('{"code":"DUP","data":{}}'), true)
    const swept = await recognise()
    assert.ok(swept.kind === 'found' && swept.targetId === 'T-7', JSON.stringify(swept))
    w.target.held.clear()
    assert.equal((await recognise()).kind, 'cannot tell')
    w.target.plant('T-8', 'someone else')
    w.target.state.on = ({ name }, res) =>
      name === 'create' && (res.end('{"code":"DUP","data":{"existing":"T-8"}}'), true)
    assert.equal((await recognise()).kind, 'cannot tell')
  })

  test('externalIdUnique: any other refusal of the second call proves nothing of the first', async () => {
    await using w = await world({ recognise: 'externalIdUnique' })
    const bytes = w.connector.encode(outgoing('S-1', null))
    for (const answer of ['{"code":"E1","message":"no customer"}', '{"code":"PROVED"}', '<html>', '{"code":"BUSY"}']) {
      w.target.state.on = (_, res) => (res.end(answer), true)
      assert.equal((await w.connector.recognise(earlier({ bytes }), soon(), never, always)).kind, 'cannot tell', answer)
    }
    assert.equal((await w.connector.recognise(earlier({ bytes: null }), soon(), never, always)).kind, 'cannot tell')
    assert.equal(
      (await w.connector.recognise(earlier({ bytes, sentAt: Date.now() }), soon(), never, always)).kind,
      'cannot tell',
    )
    const late = await w.connector.recognise(earlier({ bytes }), performance.now() - 1, never, always)
    assert.equal(late.kind, 'cannot tell')
    assert.equal(w.target.seen.length, 4)
  })

  test('externalIdUnique: a target that cannot be read is believed, with what was sent', async () => {
    await using w = await world({ recognise: 'externalIdUnique', readable: false })
    const bytes = w.connector.encode(outgoing('S-1', null))
    w.target.plant('T-7', 'S-1')
    const found = await w.connector.recognise(earlier({ bytes }), soon(), never, always)
    assert.ok(found.kind === 'found' && found.targetId === 'T-7')
    assert.equal(textOf(found.content.masterFieldVal.amount), '12345678901234567890.12')
    assert.equal(found.content.detailFieldVals.lines?.length, 2)
  })

  test('idempotencyHeader: the stored bytes under the same key, only while the key is kept', async () => {
    await using w = await world({ recognise: 'idempotencyHeader' })
    const bytes = w.connector.encode(outgoing('S-1', null))
    w.target.state.next = 'cut after effect'
    assert.equal((await w.write()).kind, 'unknown')
    const told = await w.connector.recognise(earlier({ bytes }), soon(), never, always)
    assert.ok(
      told.kind === 'answered' && told.outcome.kind === 'applied' && told.outcome.targetId === 'T-1',
      JSON.stringify(told),
    )
    assert.equal(w.target.seen[0]?.body, w.target.seen[1]?.body)
    assert.equal(w.target.seen[1]?.headers['idempotency-key'], 'key-1')
    assert.equal(w.target.held.size, 1)
    const old = await w.connector.recognise(
      earlier({ bytes, firstSentAt: Date.now() - 24 * 3_600_000 }),
      soon(),
      never,
      always,
    )
    assert.ok(old.kind === 'cannot tell' && w.target.seen.length === 2)
    for (const [status, body, kind] of [
      [200, '{"code":"E1","message":"no"}', 'answered'],
      [409, '{"code":"E1","message":"in work"}', 'cannot tell'],
      [401, '', 'cannot tell'],
      [500, '', 'cannot tell'],
    ] as const) {
      w.target.state.on = (_, res) => (res.writeHead(status).end(body), true)
      assert.equal((await w.connector.recognise(earlier({ bytes }), soon(), never, always)).kind, kind, `${status}`)
    }
  })

  test('none: nobody can tell', async () => {
    await using w = await world({ recognise: 'none' })
    const told = await w.connector.recognise(earlier(), soon(), never, always)
    assert.ok(told.kind === 'cannot tell' && told.why.code === 'resolve.none')
    assert.equal(w.target.seen.length, 0)
  })

  test('a stop ends the wait for a sweep at once', async () => {
    await using w = await world({ timeout: 2_000 })
    w.target.state.on = () => true
    const stop = new AbortController()
    const told = w.connector.recognise(earlier(), soon(), stop.signal, always)
    while (w.target.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    stop.abort()
    assert.equal((await told).kind, 'cannot tell')
  })
})
