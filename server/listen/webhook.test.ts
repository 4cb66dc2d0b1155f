/** The CRM's door over real HTTP: what becomes a row, what becomes a hint, what is refused (contracts.md section 3, A1, A2). */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { jsonCorpus } from '../../protocol/fixtures/json-corpus.ts'
import { digest } from '../../protocol/standard.ts'
import type { Arrival, Hint } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import { httpServer } from '../http/server.ts'
import { type Hook, webhookDoor, webhookPath, type WebhookDeps } from './webhook.ts'

const def = (code: string, more: Partial<ObjectDef> = {}): ObjectDef => ({
  code,
  apiName: code,
  idField: '_id',
  fields: [],
  details: [],
  ...more,
})
const objects = [
  def('AccountObj', { apiName: '客户', externalIdField: 'sourceId', details: [{ code: 'ContactObj', fields: [] }] }),
  def('WholeObj', { bodies: { event: 'whole' }, modifiedField: 'last_modified_time', modifiedGrain: 'millisecond' }),
  def('CoarseObj', { bodies: { event: 'whole' }, modifiedField: 'last_modified_time', modifiedGrain: 'second' }),
  def('TimelessObj', { bodies: { event: 'whole' } }),
]

const freshHook = async (more: Partial<WebhookDeps> = {}, hook: Partial<Hook> = {}, readable = true) => {
  const rows: Arrival[] = []
  const hints: Hint[] = []
  const log = { error: () => {}, warn: () => {} }
  const server = httpServer({ id: randomUUID, ready: () => ({ ready: true }), log })
  server.record(
    webhookPath,
    webhookDoor({
      hooks: {
        find: (id, sha256) =>
          id === 'crm' && sha256.equals(digest('s3cret'))
            ? { tenantId: 'sandbox', connectionId: 'crm', ...hook }
            : undefined,
      },
      catalog: {
        connection: () => ({
          zone: 'Asia/Shanghai',
          readable,
          object: (name) => objects.find((o) => o.code === name || o.apiName === name),
        }),
      },
      admit: async (row) => ({ kind: 'created', seq: rows.push(row), version: 1 }),
      hint: async (row) => void hints.push(row),
      log,
      ...more,
    }),
  )
  const base = await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    rows,
    hints,
    base,
    async post(body: unknown, path = '/hooks/crm/s3cret', headers: Record<string, string> = {}) {
      const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
      const reply = await fetch(base + path, { method: 'POST', body: bytes as string, headers })
      const text = await reply.text()
      return {
        status: reply.status,
        text,
        json: JSON.parse(text) as { errCode?: string; path?: string; accepted?: number; results?: object[] },
        retry: reply.headers.get('retry-after'),
      }
    },
    [Symbol.asyncDispose]: () => server.stop({ linger: 0, limit: 1_000 }),
  }
}

const event = {
  tenantId: 'sandbox',
  objectApiName: 'AccountObj',
  dataId: 'A1',
  operation: 'update',
  changedAt: 1714950489123,
}

test('an event without a body and, by default, one with a body are hints (A2)', async () => {
  await using world = await freshHook()
  assert.deepEqual((await world.post(event)).text, '{"accepted":1}')
  await world.post({ ...event, objectApiName: '客户', operation: 'create', masterFieldVal: { name: 'x' } })
  assert.deepEqual(
    world.hints.map(({ object, data_id, tenant_id, connection_id, cause }) => [
      tenant_id,
      connection_id,
      object,
      data_id,
      cause,
    ]),
    [
      ['sandbox', 'crm', 'AccountObj', 'A1', 'event without body'],
      ['sandbox', 'crm', 'AccountObj', 'A1', 'partial event'],
    ],
  )
  assert.equal(world.rows.length, 0)
})

test('a whole body is a row when its modified time orders it, and a hint when it does not (A2)', async () => {
  await using world = await freshHook()
  const body = (objectApiName: string, time: unknown) => ({
    ...event,
    objectApiName,
    masterFieldVal: { last_modified_time: time },
  })
  await world.post(body('WholeObj', 1714950489000))
  assert.equal(world.rows[0]?.source_time, 1714950489000)
  assert.equal(world.rows[0]?.channel, 'event')
  await world.post(body('WholeObj', 'soon'))
  await world.post(body('CoarseObj', 1714950489000))
  await world.post(body('TimelessObj', 1714950489000))
  assert.equal(world.rows.length, 1)
  assert.deepEqual(
    world.hints.map((h) => h.cause),
    ['unordered event', 'unordered event', 'unordered event'],
  )

  await using ordered = await freshHook({}, { ordered: true })
  await ordered.post(body('TimelessObj', 5))
  assert.equal(ordered.rows[0]?.source_time, event.changedAt, 'changedAt orders what has no modified time')
})

test('where the source cannot be read, a partial body is merged instead of hinted (A2)', async () => {
  await using world = await freshHook({}, {}, false)
  await world.post({ ...event, masterFieldVal: { name: 'x' } })
  assert.deepEqual([world.rows[0]?.partial, world.hints.length], [true, 0])
})

test('a void is a row with or without a body, and a partial body never replaces the stored one', async () => {
  await using world = await freshHook()
  await world.post({ ...event, operation: 'void' })
  await world.post({ ...event, operation: 'void', masterFieldVal: { name: 'x' } })
  await world.post({ ...event, operation: 'void', objectApiName: 'TimelessObj', masterFieldVal: { name: 'x' } })
  assert.deepEqual(
    world.rows.map((r) => [r.operation, r.source_time, r.master?.toString() ?? null]),
    [
      ['void', event.changedAt, null],
      ['void', event.changedAt, null],
      ['void', event.changedAt, '{"name":"x"}'],
    ],
  )
  assert.equal(world.hints.length, 0)
})

test('an array is taken whole, each event with its own bytes and its own result', async () => {
  await using world = await freshHook()
  const first =
    '{"tenantId":"sandbox","objectApiName":"WholeObj","dataId":12345678901234567890,"operation":"create","changedAt":"2024-05-06 07:08:09","masterFieldVal":{"amount":1.10,"last_modified_time":1}}'
  const reply = await world.post(`[ ${first} , ${JSON.stringify(event)}]`)
  assert.deepEqual(
    [reply.json.accepted, reply.json.results],
    [
      2,
      [
        { dataId: '12345678901234567890', result: 'created' },
        { dataId: 'A1', result: 'hint' },
      ],
    ],
  )
  assert.equal(world.rows[0]?.raw.toString(), first)
  assert.equal(world.rows[0]?.master?.toString(), '{"amount":1.10,"last_modified_time":1}')
  assert.equal((await world.post([])).text.startsWith('{"accepted":0'), true)
  const many = await world.post(Array.from({ length: 501 }, () => event))
  assert.deepEqual([many.status, many.json.errCode], [413, 's306240007'])
})

test('one bad event refuses the array before anything is stored, and its place is named', async () => {
  await using world = await freshHook()
  const cases: [object, string][] = [
    [{ ...event, tenantId: undefined }, 'tenantId'],
    [{ ...event, tenantId: 'other' }, 'tenantId'],
    [{ ...event, objectApiName: 7 }, 'objectApiName'],
    [{ ...event, dataId: '' }, 'dataId'],
    [{ ...event, dataId: 1.5 }, 'dataId'],
    [{ ...event, dataId: 'x'.repeat(129) }, 'dataId'],
    [{ ...event, operation: 'delete' }, 'operation'],
    [{ ...event, changedAt: undefined }, 'changedAt'],
    [{ ...event, changedAt: 'soon' }, 'changedAt'],
    [{ ...event, changedAt: null }, 'changedAt'],
    [{ ...event, masterFieldVal: [] }, 'masterFieldVal'],
    [{ ...event, masterFieldVal: {}, detailFieldVals: { x: 1 } }, 'detailFieldVals.x'],
  ]
  for (const [bad, path] of cases) {
    const alone = await world.post(bad)
    assert.deepEqual([alone.status, alone.json.errCode, alone.json.path], [400, 's306240002', path])
    const third = await world.post([event, event, bad])
    assert.deepEqual([third.status, third.json.path], [400, `[2].${path}`])
  }
  const unknown = await world.post([event, { ...event, objectApiName: 'Nope' }])
  assert.deepEqual([unknown.status, unknown.json.errCode, unknown.json.path], [404, 's306240004', '[1].objectApiName'])
  assert.equal((await world.post([event, 1])).json.path, '[1]')
  assert.equal((await world.post('{"a":1,"a":2}')).json.errCode, 's306240001')
  assert.deepEqual([world.rows.length, world.hints.length], [0, 0])
})

test('a wrong secret and an unknown connection are one and the same 404', async () => {
  await using world = await freshHook()
  const texts = new Set<string>()
  for (const path of [
    '/hooks/crm/wrong',
    '/hooks/nope/s3cret',
    '/hooks/crm/%00',
    '/hooks/%E5%AE%A2/x',
    '/hooks/crm/s3cret%20',
  ]) {
    const reply = await world.post(event, path)
    assert.equal(reply.status, 404, path)
    texts.add(reply.text.replace(/[0-9a-f]{32}/, ''))
  }
  assert.equal(texts.size, 1)
})

test('when one event cannot be stored the sender is asked to repeat them all', async () => {
  await using world = await freshHook({
    hint: () => Promise.reject(Object.assign(new Error('x'), { retryAfterSeconds: 3 })),
  })
  const reply = await world.post([event])
  assert.deepEqual([reply.status, reply.json.errCode, reply.retry], [503, 's306240503', '3'])
})

test('every document of the corpus is refused with a 4xx and stores nothing', async () => {
  await using world = await freshHook()
  for (const { name, text, expect } of jsonCorpus) {
    const reply = await world.post(Buffer.from(text))
    const empty = expect === 'y' && reply.text.startsWith('{"accepted":0')
    assert.ok(
      empty || (reply.status >= 400 && reply.status < 500 && /^s3062400(01|02|07)$/.test(reply.json.errCode ?? '')),
      `${name} ${reply.status} ${reply.text}`,
    )
  }
  assert.deepEqual([world.rows.length, world.hints.length], [0, 0])
})
