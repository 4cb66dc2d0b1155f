/** The guide's door over real HTTP, rule by rule (contracts.md section 1). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { digest } from '../../protocol/standard.ts'
import type { Admitted } from '../doc/document.ts'
import { freshDoor, systemEnv, token } from './door.fixture.ts'
import { publicPath, syncpushPath } from './syncpush.ts'

const ok = { status: 200, code: 's106240000' }
const outcome = (reply: { status: number; json: { errCode: string } }) => ({
  status: reply.status,
  code: reply.json.errCode,
})

test('the guide’s own push is stored byte for byte and answered exactly as the guide says', async () => {
  await using door = await freshDoor()
  const body = readFileSync(new URL('../../protocol/fixtures/guide-standard-push.txt', import.meta.url))
  const reply = await door.push(body, {
    objectApiName: 'ERP 侧对象的 APIName',
    'Content-Type': 'application/x-www-form-urlencoded',
  })
  assert.equal(reply.status, 200)
  assert.match(reply.text, /^\{"errCode":"s106240000","errMsg":"成功","traceMsg":"[0-9a-f]{32}"\}$/)
  const [row] = door.rows
  assert.ok(row && door.rows.length === 1)
  assert.deepEqual(row.raw, body)
  assert.deepEqual(
    [row.tenant_id, row.connection_id, row.object, row.data_id, row.operation, row.channel],
    ['sandbox', 'erp', 'ERP 侧对象的 APIName', 'C-1', 'upsert', 'push'],
  )
  assert.equal(row.trace_id, reply.json.traceMsg)
  assert.equal(row.detailsComplete, true)
  assert.equal(row.version, null)
})

test('modified time, external id, details and hashes are taken from the body without changing a number', async () => {
  await using door = await freshDoor()
  await door.push(
    '{"objAPIName":"客户","masterFieldVal":{"amount":12345678901234567890.12,"modifyTime":"2024-05-06 07:08:09","sourceId":"A1"},"detailFieldVals":{}}',
  )
  const [row] = door.rows
  assert.equal(
    row?.master?.toString(),
    '{"amount":12345678901234567890.12,"modifyTime":"2024-05-06 07:08:09","sourceId":"A1"}',
  )
  assert.equal(row?.source_time, Date.parse('2024-05-06T07:08:09+08:00'))
  assert.equal(row?.external_id, 'A1')
  assert.deepEqual([row?.details?.toString(), row?.detailsComplete], ['{}', false])
  assert.deepEqual(row?.masterHash, digest(row?.master ?? ''))
})

test('any Content-Type, a broken one and none at all are JSON when there is an id', async () => {
  await using door = await freshDoor()
  for (const type of ['text/xml', 'application/json; charset=gbk', 'garbage', ';;;', '', '/', undefined])
    assert.deepEqual(outcome(await door.push(undefined, { 'Content-Type': type })), ok, String(type))
  assert.equal(door.rows.length, 7)
})

test('a missing, empty, long or repeated token or tenantId is named (003)', async () => {
  await using door = await freshDoor()
  for (const header of ['token', 'tenantId'])
    for (const value of [undefined, '', 'x'.repeat(129)]) {
      const reply = await door.push(undefined, { [header]: value })
      assert.deepEqual(outcome(reply), { status: 400, code: 's306240003' })
      assert.ok(reply.json.errMsg.includes(header))
    }
  const good = ['token', token, 'tenantId', 'sandbox', 'objectApiName', 'BD_Customer', 'id', '1']
  for (const twice of ['token', 'tenantId', 'id', 'objectApiName', 'operationType', 'version']) {
    const value = good[good.indexOf(twice) + 1] ?? '3'
    const extra = good.includes(twice) ? [twice.toUpperCase(), value] : [twice, value, twice, value]
    const reply = await door.pushRaw([...good, ...extra])
    assert.deepEqual(outcome(reply), { status: 400, code: 's306240003' }, twice)
    assert.ok(reply.json.errMsg.includes(twice))
  }
  assert.equal(door.rows.length, 0)
})

test('every cause of a refused token has one and the same answer, and hides everything else that is wrong', async () => {
  await using door = await freshDoor()
  const causes: Record<string, string>[] = [
    { token: 'unknown' },
    { tenantId: 'unknown' },
    { tenantId: 'two' },
    { token: 'two-token' },
    { token: 'expired-token' },
    { token: 'narrow-token' },
    { token: '令牌' },
    { tenantId: '租户' },
    { token: 'unknown', objectApiName: 'Nope' },
    { token: 'unknown', operationType: '9' },
    { token: 'unknown', dataCenterId: 'x' },
    { token: 'only-b-token', tenantId: 'two', dataCenterId: 'a' },
  ]
  const answers = new Set<string>()
  for (const headers of causes) {
    const reply = await door.push('not json', headers)
    assert.equal(reply.status, 401, JSON.stringify(headers))
    answers.add(reply.text.replace(reply.json.traceMsg, ''))
  }
  assert.equal(answers.size, 1)
  assert.equal(
    (
      await door.push('{"objAPIName":"BD_Customer","masterFieldVal":{}}', {
        token: 'narrow-token',
        objectApiName: undefined,
      })
    ).status,
    401,
    'also when the body names it',
  )
  assert.equal(
    (
      await door.push('{"objAPIName":"BD_Material","masterFieldVal":{}}', {
        token: 'narrow-token',
        objectApiName: undefined,
      })
    ).status,
    200,
  )
  assert.equal(door.rows.length, 1)
})

test('an id may hold a comma, Chinese, 128 characters and nothing more', async () => {
  await using door = await freshDoor()
  for (const id of ['A, B', '订单-1', '𠮷'.repeat(128), 'a'.repeat(128), '%E5%AE%A2', '0']) {
    assert.deepEqual(outcome(await door.push(undefined, { id })), ok, id)
    assert.equal(door.rows.at(-1)?.data_id, id)
  }
  assert.deepEqual(outcome(await door.push(undefined, { id: 'a'.repeat(129) })), { status: 400, code: 's306240003' })
  assert.deepEqual(outcome(await door.push(undefined, { id: '' })), { status: 400, code: 's306240003' })
  const gbk = await door.socket(
    Buffer.concat([
      Buffer.from(`POST ${syncpushPath} HTTP/1.1\r\ntoken: ${token}\r\ntenantId: sandbox\r\nid: `),
      Buffer.from([0xbf, 0xcd]),
      Buffer.from('\r\nContent-Length: 0\r\n\r\n'),
    ]),
  )
  assert.match(gbk, /^HTTP\/1\.1 400 .*s306240005/s)
  assert.equal(door.rows.length, 6)
})

test('objectApiName: code or apiName in either place, UTF-8 or percent-encoded, the literal first', async () => {
  await using door = await freshDoor()
  const body = (name: string) => `{"objAPIName":"${name}","masterFieldVal":{}}`
  for (const [header, inBody, object] of [
    ['客户', 'BD_Customer', 'BD_Customer'],
    ['BD_Customer', '客户', 'BD_Customer'],
    ['%E5%AE%A2%E6%88%B7', '客户', 'BD_Customer'],
    [undefined, '客户', 'BD_Customer'],
    ['50%25', '50%25', '50%25'],
  ] as const) {
    assert.deepEqual(outcome(await door.push(body(inBody), { objectApiName: header })), ok, String(header))
    assert.equal(door.rows.at(-1)?.object, object)
  }
  const differ = await door.push(body('BD_Material'), { objectApiName: '客户' })
  assert.deepEqual(outcome(differ), { status: 400, code: 's306240005' })
  assert.ok(differ.json.errMsg.includes('客户') && differ.json.errMsg.includes('BD_Material'))
  assert.deepEqual(outcome(await door.push(body('客户'), { objectApiName: '%E5%AE' })), {
    status: 400,
    code: 's306240005',
  })
  assert.deepEqual(outcome(await door.push(body('客户'), { objectApiName: 'Nope' })), {
    status: 404,
    code: 's306240004',
  })
  assert.deepEqual(outcome(await door.push(body('Nope'))), { status: 404, code: 's306240004' })
  assert.deepEqual(outcome(await door.push(body('客户'), { objectApiName: 'x'.repeat(129) })), {
    status: 400,
    code: 's306240003',
  })
  assert.equal(door.rows.length, 5)
})

test('dataCenterId may be left out with one ERP, is required with more, and must exist (010)', async () => {
  await using door = await freshDoor()
  const two = { token: 'two-token', tenantId: 'two' }
  assert.deepEqual(outcome(await door.push(undefined, { dataCenterId: 'erp' })), ok)
  assert.deepEqual(outcome(await door.push(undefined, { ...two, dataCenterId: 'b' })), ok)
  assert.equal(door.rows.at(-1)?.connection_id, 'b')
  assert.deepEqual(
    outcome(
      await door.push('{"objAPIName":"BD_Material","masterFieldVal":{}}', {
        ...two,
        dataCenterId: '账套',
        objectApiName: undefined,
      }),
    ),
    ok,
  )
  for (const headers of [
    two,
    { ...two, dataCenterId: 'c' },
    { dataCenterId: 'crm' },
    { token: 'none-token', tenantId: 'none' },
  ])
    assert.deepEqual(outcome(await door.push(undefined, headers)), { status: 400, code: 's306240010' })
  assert.equal(door.rows.length, 3)
})

test('version, operationType and directSync take nothing but what they may (006)', async () => {
  await using door = await freshDoor()
  for (const headers of [
    { version: 'v2' },
    { version: '' },
    { operationType: '1' },
    { operationType: '' },
    { operationType: '03' },
    { directSync: 'yes' },
  ])
    assert.deepEqual(
      outcome(await door.push(undefined, headers)),
      { status: 400, code: 's306240006' },
      JSON.stringify(headers),
    )
  assert.deepEqual(outcome(await door.push(undefined, { version: undefined })), ok)
  assert.equal(door.rows.length, 1)
})

test('a void needs only the id', async () => {
  await using door = await freshDoor()
  for (const body of [
    '',
    ' \n',
    '{}',
    '{"objAPIName":"BD_Customer"}',
    '{"objAPIName":"BD_Customer","masterFieldVal":{"a":1}}',
  ]) {
    assert.deepEqual(outcome(await door.push(body, { operationType: '3' })), ok, body)
    assert.equal(door.rows.at(-1)?.operation, 'void')
  }
  assert.deepEqual(
    door.rows.map((row) => row.master?.toString() ?? null),
    [null, null, null, null, '{"a":1}'],
  )
  assert.deepEqual(outcome(await door.push('', { operationType: '3', objectApiName: undefined })), {
    status: 400,
    code: 's306240003',
  })
  assert.deepEqual(outcome(await door.push('junk', { operationType: '3' })), { status: 400, code: 's306240001' })
  assert.equal(door.rows.length, 5)
})

test('without id it is non-standard, which an object without function and reader refuses (009), and the sentence says what to do', async () => {
  await using door = await freshDoor()
  const reply = await door.push('<any/>', { id: undefined, locale: 'en_US' })
  assert.deepEqual(outcome(reply), { status: 400, code: 's306240009' })
  assert.match(reply.json.errMsg, /for standard data send header id/)
  assert.deepEqual(outcome(await door.push('<any/>', { id: undefined, objectApiName: undefined })), {
    status: 400,
    code: 's306240003',
  })
  assert.equal(door.rows.length, 0)
})

test('the answer speaks the language that `locale` names, and zh_CN otherwise', async () => {
  await using door = await freshDoor()
  assert.equal((await door.push(undefined, { locale: 'en_US' })).json.errMsg, 'success')
  assert.equal((await door.push(undefined, { 'Accept-Language': 'en' })).json.errMsg, '成功')
  assert.match((await door.push('[', { locale: 'ja_JP' })).json.errMsg, /リクエスト本文/)
  assert.match((await door.push('[', { locale: 'xx' })).json.errMsg, /请求体/)
})

test('X-Request-Id is echoed and kept with the arrival, unless it is not plain', async () => {
  await using door = await freshDoor()
  const reply = await door.push(undefined, { 'X-Request-Id': 'abc-1' })
  assert.equal(reply.headers['x-request-id'], 'abc-1')
  assert.equal(door.rows[0]?.meta, '{"requestId":"abc-1"}')
  const plain = await door.push(undefined, { 'X-Request-Id': 'é' })
  assert.equal(plain.headers['x-request-id'], plain.json.traceMsg)
})

test('a token over its limit is told when to come back, before its body is looked at', async () => {
  const env = { ...systemEnv(), monotonic: () => clock }
  let clock = 1000
  await using door = await freshDoor({ env })
  const slow = { token: 'slow-token' }
  assert.deepEqual([(await door.push(undefined, slow)).status, (await door.push(undefined, slow)).status], [200, 200])
  const reply = await door.push('not json', slow)
  assert.deepEqual(outcome(reply), { status: 429, code: 's306240429' })
  assert.equal(reply.headers['retry-after'], '1')
  assert.equal((await door.push()).status, 200, 'another token is not held back')
  clock += 500
  assert.equal((await door.push(undefined, slow)).status, 200)
})

test('when nothing could be stored the answer is 503 with Retry-After, and no stack', async () => {
  await using door = await freshDoor({
    admit: () => Promise.reject(Object.assign(new Error('secret words'), { retryAfterSeconds: 7 })),
  })
  const reply = await door.push()
  assert.deepEqual(outcome(reply), { status: 503, code: 's306240503' })
  assert.equal(reply.headers['retry-after'], '7')
  assert.ok(!reply.text.includes('secret'))
  assert.equal(door.logged.length, 1)
})

test('even a bug in a dependency is answered as "nothing was stored", and logged', async () => {
  await using door = await freshDoor({
    catalog: {
      erp: () => {
        throw new TypeError('boom')
      },
    },
  })
  const reply = await door.push()
  assert.deepEqual(outcome(reply), { status: 503, code: 's306240503' })
  assert.ok(!reply.text.includes('boom') && door.logged.length === 1)
})

test('directSync: the answer tells what became of the version', async () => {
  const ends: [unknown, { status: number; code: string }][] = [
    [{ done: true }, ok],
    [{ failed: { flow: 'customer→account', reason: 'number taken' } }, { status: 200, code: 's306240201' }],
    ['pending', { status: 200, code: 's306240202' }],
    [new Error('lost'), { status: 200, code: 's306240202' }],
  ]
  for (const [end, wanted] of ends) {
    await using door = await freshDoor({
      waitSettled: async () => {
        if (end instanceof Error) throw end
        return end as 'pending'
      },
    })
    const reply = await door.push(undefined, { directSync: 'true' })
    assert.deepEqual(outcome(reply), wanted)
    if (wanted.code === 's306240201') assert.match(reply.json.errMsg, /customer→account.*number taken/)
  }
  await using never = await freshDoor({ directSyncWait: 30, waitSettled: () => new Promise(() => {}) })
  assert.equal((await never.push(undefined, { directSync: 'true' })).json.errCode, 's306240202')
  assert.equal((await never.push(undefined, { directSync: 'false' })).json.errCode, 's106240000')
})

test('an Idempotency-Key gives the same answer to the same push and 011 to another', async () => {
  const kept = new Map<string, { requestHash: Buffer; answer: string }>()
  let stored = 0
  await using door = await freshDoor({
    admit: async ({ pushKey }): Promise<Admitted> => {
      const earlier = pushKey && kept.get(pushKey.key)
      if (earlier) return { kind: 'repeated', ...earlier }
      if (pushKey) kept.set(pushKey.key, pushKey)
      return { kind: 'created', seq: ++stored, version: stored }
    },
  })
  const key = { 'Idempotency-Key': 'k1' }
  const first = await door.push(undefined, key)
  const again = await door.push(undefined, key)
  assert.deepEqual([first.status, again.status, again.text], [200, 200, first.text])
  for (const [body, headers] of [
    ['{"objAPIName":"BD_Customer","masterFieldVal":{"a":1}}', {}],
    [undefined, { id: 'C-2' }],
    ['', { operationType: '3' }],
  ] as const)
    assert.deepEqual(outcome(await door.push(body, { ...key, ...headers })), { status: 409, code: 's306240011' })
  assert.deepEqual(outcome(await door.push(undefined, { 'Idempotency-Key': '' })), { status: 400, code: 's306240003' })
  assert.equal(stored, 1)
})

test('the newer public route stores the same row and answers in its own shape', async () => {
  await using door = await freshDoor()
  const send = (data: object, headers: Record<string, string> = {}) =>
    door.send(
      `${publicPath}?thirdTraceId=t-1`,
      { Authorization: `Bearer ${token}`, ...headers },
      JSON.stringify({ data }),
    )
  const data = {
    objAPIName: 'BD_Customer',
    id: 'C-9',
    masterFieldVal: { modifyTime: '2024-05-06 07:08:09' },
    detailFieldVals: { contacts: [{ id: 1 }] },
  }
  const reply = await send(data)
  assert.deepEqual({ ...JSON.parse(reply.text), traceId: '' }, { errorCode: 0, errorMessage: 'OK', traceId: '' })
  const [row] = door.rows
  assert.deepEqual(
    [row?.tenant_id, row?.data_id, row?.details?.toString(), row?.source_time, row?.meta],
    ['sandbox', 'C-9', '{"contacts":[{"id":1}]}', Date.parse('2024-05-06T07:08:09+08:00'), '{"requestId":"t-1"}'],
  )
  const code = async (what: object, headers?: Record<string, string>) =>
    (JSON.parse((await send(what, headers)).text) as { errorCode: number }).errorCode
  assert.equal(await code({ objAPIName: 'BD_Customer', id: 'C-9', operationType: 3 }), 0)
  assert.equal(door.rows.at(-1)?.operation, 'void')
  assert.equal(await code({ ...data, id: undefined }), 306240002)
  assert.equal(await code({ ...data, masterFieldVal: [] }), 306240002)
  assert.equal(await code({ ...data, objAPIName: 'Nope' }), 306240004)
  assert.equal(await code({ ...data, dataCenterId: 'x' }), 306240010)
  assert.equal(await code(data, { Authorization: 'Bearer nope' }), 306240100)
  assert.equal(await code(data, { Authorization: 'Basic x' }), 306240003)
  assert.equal(door.rows.length, 2)
})
