/** The sandbox over HTTP, byte for byte as contracts say: writes, queries, ledger, modes. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { GUIDE_OBJECT } from './objects.ts'
import { SandboxRunning, startSandbox } from './sandbox.ts'
import { freshSandbox, tokens, until } from './world.ts'

type Raw = { status: number; headers: Record<string, string | string[] | undefined>; text: string }
const raw = (
  url: string,
  path: string,
  method: string,
  headers: Record<string, string | string[]> = {},
  body?: string,
) =>
  new Promise<Raw>((resolve, reject) => {
    const sent = request(url + path, { method, headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })

test("the guide's own example runs unchanged, with its answer's shape", async () => {
  await using world = await freshSandbox()
  const body = `{
    "objAPIName": "ERP 侧对象的 APIName",
    "masterFieldVal": { "Key1": "value1", "Key2": "value2", "Key3": "value3" },
    "detailFieldVals": {
      "明细 apiName1": [{ "Key4": "value4", "Key5": "value5", "Key6": "value6" }],
      "明细 apiName2": [{ "Key4": "value7", "Key5": "value8", "Key6": "value9" }]
    }
  }`
  const headers = { 'Content-Type': 'application/json', token: tokens.erpToken }
  const created = await raw(world.url, '/sandbox/erp/create', 'POST', headers, body)
  assert.equal(
    created.text,
    '{"code":"0","message":"成功","data":{"masterDataId":"G-000001","detailDataIds":{"明细 apiName1":["GA-000001"],"明细 apiName2":["GB-000001"]}}}',
  )
  const [call] = await world.erp.ledger()
  assert.deepEqual([call?.call, call?.objAPIName, call?.id, call?.effect], ['create', GUIDE_OBJECT, 'G-000001', true])
  assert.deepEqual(call?.body, JSON.parse(body))
  assert.deepEqual(call?.answer, JSON.parse(created.text))
  const single = await raw(
    world.url,
    `/sandbox/erp/queryMasterById?objAPIName=${encodeURIComponent(GUIDE_OBJECT)}&dataId=G-000001&includeDetail=true`,
    'GET',
    headers,
  )
  assert.equal(JSON.parse(single.text).data.masterFieldVal.Key1, 'value1')
  assert.equal(JSON.parse(single.text).data.detailFieldVals['明细 apiName2'][0].Key6, 'value9')
})

test('Chinese object codes are understood in paths, queries and headers, percent-encoded or as UTF-8 bytes', async () => {
  await using world = await freshSandbox()
  await world.erp.create(GUIDE_OBJECT, { Key1: 'a' })
  await world.erp.create(GUIDE_OBJECT, { Key1: 'b' })
  const voided = (objectApiName: string, id: string) =>
    world.erp.post('invalid', '', { objectApiName, id, operationType: '3' })
  assert.equal((await voided(encodeURIComponent(GUIDE_OBJECT), 'G-000001')).code, '0')
  const bytes = Buffer.from(GUIDE_OBJECT).toString('latin1')
  const headers = { token: tokens.erpToken, objectApiName: bytes, id: 'G-000002', operationType: '3' }
  assert.match((await raw(world.url, '/sandbox/erp/invalid', 'POST', headers)).text, /"code":"0"/)
  assert.deepEqual(
    (await world.erp.records(GUIDE_OBJECT)).map(({ voided: gone }) => gone),
    [true, true],
  )
})

test('numbers, long ids, leading zeros and astral characters are kept exactly, through ledger, records, queries and a restart', async () => {
  await using world = await freshSandbox()
  const master = '{"name":"𠮷","creditLimit":12345678901234567890.12,"taxNo":"007","n":1.10}'
  await world.erp.post('create', `{"objAPIName":"BD_Customer",\n\t"masterFieldVal":${master}}`)
  const look = async () => [
    (await raw(world.url, '/sandbox/erp/ledger', 'GET')).text,
    (await raw(world.url, '/sandbox/erp/records/BD_Customer', 'GET')).text,
    (
      await raw(world.url, '/sandbox/erp/queryMasterById?objAPIName=BD_Customer&dataId=C-000001', 'GET', {
        token: tokens.erpToken,
      })
    ).text,
  ]
  const before = await look()
  for (const text of before)
    for (const exact of ['"name":"𠮷"', '"creditLimit":12345678901234567890.12', '"taxNo":"007"', '"n":1.10'])
      assert.ok(text.includes(exact), `${exact} in ${text}`)
  await world.restart()
  const after = await look()
  assert.deepEqual(after.slice(1), before.slice(1))
})

test('a missing or wrong token is answered 401001 under HTTP 200, stands in the ledger and has no effect', async () => {
  await using world = await freshSandbox()
  const wrong = await world.erp.create('BD_Customer', { name: 'x' }, undefined, { token: 'wrong' })
  const missing = await raw(world.url, '/sandbox/erp/create', 'POST', {}, '{}')
  const crossed = await world.erp.create('BD_Customer', { name: 'x' }, undefined, { token: tokens.crmToken })
  assert.deepEqual(
    [wrong.status, wrong.code, JSON.parse(missing.text).code, crossed.code],
    [200, '401001', '401001', '401001'],
  )
  assert.deepEqual(
    (await world.erp.ledger()).map(({ effect }) => effect),
    [false, false, false],
  )
  assert.deepEqual(await world.erp.records('BD_Customer'), [])
})

test('what is no JSON, no object, no known path or method is refused and the sandbox stays up', async () => {
  await using world = await freshSandbox()
  const code = async (body: string) => (await world.erp.post('create', body)).code
  assert.deepEqual(
    [
      await code('{'),
      await code('[]'),
      await code('"x"'),
      await code(''),
      await code('{"a":1,"a":2}'),
      await code('null'),
    ],
    ['400001', '400002', '400002', '400002', '400001', '400002'],
  )
  assert.equal(await code(`${'['.repeat(200_000)}1`), '400001')
  const status = async (path: string, method = 'GET') => (await raw(world.url, path, method)).status
  assert.deepEqual(
    [
      await status('/'),
      await status('/sandbox/erp/nothing'),
      await status('/sandbox/erp/create'),
      await status('/sandbox/erp/records/Nothing'),
      await status('/sandbox/erp/faults', 'DELETE'),
    ],
    [404, 404, 405, 404, 405],
  )
  assert.equal(await status('/sandbox/healthz'), 200)
  assert.equal((await world.erp.ledger())[0]?.text, '{', 'a body that is no JSON is kept as a text')
})

test('a document of 4 MB arrives, one above 25 MB is refused with a code', async () => {
  await using world = await freshSandbox()
  const large = '榫'.repeat(1_400_000)
  const { id } = await world.erp.create('BD_Customer', { name: large })
  assert.equal((await world.erp.record('BD_Customer', id ?? ''))?.masterFieldVal.name, large)
  assert.equal((await world.erp.post('create', `"${'x'.repeat(26 * 1024 * 1024)}"`)).code, '413001')
  assert.equal((await world.erp.create('BD_Customer', { name: 'x' })).code, '0')
})

test('the ledger is in order, and can be asked from a number on, by call, object and id', async () => {
  await using world = await freshSandbox()
  for (let index = 0; index < 600; index += 1) await world.erp.create('BD_Material', { name: `m${index}` })
  await world.erp.update('BD_Material', 'M-000003', { name: 'changed' }, undefined, {
    headers: { 'x-request-id': 'r-1' },
  })
  await world.erp.get('BD_Material', 'M-000003')
  const all = await world.erp.ledger()
  assert.deepEqual(
    all.map(({ n }) => n),
    Array.from({ length: 602 }, (_, index) => index + 1),
  )
  assert.deepEqual(
    (await world.erp.ledger({ since: 600 })).map(({ call }) => call),
    ['update', 'queryMasterById'],
  )
  assert.equal((await world.erp.ledger({ call: 'create' })).length, 600)
  assert.deepEqual(
    (await world.erp.ledger({ id: 'M-000003' })).map(({ n }) => n),
    [3, 601, 602],
  )
  assert.equal((await world.erp.ledger({ limit: 5 })).length, 5)
  assert.equal((await world.erp.ledger({ object: 'BD_Customer' })).length, 0)
  assert.equal(all[600]?.requestId, 'r-1')
  assert.deepEqual(await world.crm.ledger(), [])
})

test('large query answers are kept in the ledger as a summary', async () => {
  await using world = await freshSandbox()
  for (let index = 0; index < 30; index += 1) await world.erp.create('BD_Material', { name: 'x'.repeat(1_000) })
  assert.equal((await world.erp.batch('BD_Material', { from: 0, to: 9e15 })).dataList.length, 30)
  const call = (await world.erp.ledger({ call: 'queryMasterBatch' }))[0]
  assert.deepEqual(
    [call?.abridged, call?.answer?.data?.rows, (call?.answer?.data?.ids as string[] | undefined)?.length],
    [true, 30, 30],
  )
  assert.equal(call?.body?.objAPIName, 'BD_Material')
})

test('records are found by id and by sourceId, with their versions', async () => {
  await using world = await freshSandbox()
  await world.crm.create('AccountObj', { name: 'x', sourceId: 'C-7' })
  await world.crm.update('AccountObj', 'A-000001', { name: 'y' })
  await world.crm.create('AccountObj', { name: 'z', sourceId: 'C-7' })
  const [first, second] = await world.crm.bySource('AccountObj', 'C-7')
  assert.deepEqual(
    [first?.id, first?.versions, first?.masterFieldVal.name, second?.id],
    ['A-000001', 2, 'y', 'A-000002'],
  )
  assert.equal(await world.crm.record('AccountObj', 'A-000009'), null)
})

test('records, ledger, counters, mode, keys and faults with their counts survive a restart', async () => {
  await using world = await freshSandbox()
  await world.erp.mode('idempotencyHeader')
  await world.erp.create('BD_Customer', { name: 'x' }, { contacts: [{ name: 'a' }] }, { key: 'k' })
  await world.erp.update('BD_Customer', 'C-000001', { taxNo: 't' })
  await world.erp.void('BD_Customer', 'C-000001')
  await world.erp.faults([{ kind: 'refuse', code: '500', message: 'no', call: 'create', nth: 3 }])
  await world.erp.create('BD_Customer', { name: 'y' })
  const before = [await world.erp.records('BD_Customer'), await world.erp.ledger()]
  await world.restart()
  assert.deepEqual([await world.erp.records('BD_Customer'), await world.erp.ledger()], before)
  assert.equal(await world.erp.recognise(), 'idempotencyHeader')
  assert.equal((await world.erp.faultHits())[0]?.seen, 1)
  assert.equal(
    (await world.erp.create('BD_Customer', { name: 'x' }, { contacts: [{ name: 'a' }] }, { key: 'k' })).id,
    'C-000001',
  )
  assert.equal(
    (await world.erp.create('BD_Customer', { name: 'z' })).code,
    '500',
    'the third, counted over the restart',
  )
  assert.equal((await world.erp.create('BD_Customer', { name: 'z' })).id, 'C-000003')
  const rows = await world.erp.update('BD_Customer', 'C-000003', {}, { contacts: [{ name: 'b' }] })
  assert.deepEqual(rows.detailIds, { contacts: ['CT-000002'] })
})

test('a file whose last line was cut by a crash opens, and loses only what was never answered', async () => {
  await using world = await freshSandbox()
  await world.erp.create('BD_Customer', { name: 'x' })
  appendFileSync(world.file, '[[120,40,90,80,20],{"k":"call","s":"erp","n":2')
  await world.restart()
  assert.equal((await world.erp.ledger()).length, 1)
  assert.equal((await world.erp.create('BD_Customer', { name: 'y' })).id, 'C-000002')
})

test('a second sandbox on the same file is refused while the first one lives', async () => {
  await using world = await freshSandbox()
  await assert.rejects(startSandbox({ file: world.file, ...tokens }), SandboxRunning)
  await world.restart()
  assert.ok(existsSync(`${world.file}.lock`))
})

test('two systems of one sandbox know nothing of each other', async () => {
  await using world = await freshSandbox()
  assert.equal((await world.crm.create('BD_Customer', { name: 'x' })).code, '404001')
  await world.crm.mode('none')
  assert.equal(await world.erp.recognise(), 'byWindow')
})

test('a wrong setting is refused with 400 and changes nothing', async () => {
  await using world = await freshSandbox()
  const put = async (path: string, body: string) =>
    (await raw(world.url, `/sandbox/crm/${path}`, 'PUT', {}, body)).status
  assert.deepEqual(
    [
      await put('mode', '{"recognise":"magic"}'),
      await put('faults', '{}'),
      await put('faults', '['),
      await put('events', '{"mode":"sometimes"}'),
      await put('events', '{"x":1}'),
      await put('events', '{"hook":"here"}'),
    ],
    [400, 400, 400, 400, 400, 400],
  )
  assert.equal(await world.crm.recognise(), 'byWindow')
})

test('a client that leaves in the middle of its body has called nothing', async () => {
  await using world = await freshSandbox()
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
  socket.write(
    `POST /sandbox/erp/create HTTP/1.1\r\nhost: x\r\ntoken: ${tokens.erpToken}\r\ncontent-length: 100\r\n\r\n{"obj`,
  )
  await new Promise((done) => socket.once('connect', done))
  socket.destroy()
  await world.erp.create('BD_Customer', { name: 'x' })
  assert.equal((await world.erp.ledger()).length, 1)
})

const cut = /socket|closed|terminated|ECONNRESET/i

test('fault status: the HTTP status and body asked for, without or with the effect', async () => {
  await using world = await freshSandbox()
  await world.erp.faults([
    { kind: 'status', status: 503, nth: 1 },
    { kind: 'status', status: 500, body: '<html>', effect: true, nth: 2 },
  ])
  const first = await world.erp.create('BD_Customer', { name: 'x' })
  const second = await world.erp.create('BD_Customer', { name: 'y' })
  assert.deepEqual([first.status, first.code, second.status, second.message], [503, '503', 500, '<html>'])
  assert.deepEqual(
    (await world.erp.records('BD_Customer')).map(({ masterFieldVal }) => masterFieldVal.name),
    ['y'],
  )
  const ledger = await world.erp.ledger()
  assert.deepEqual(
    ledger.map(({ status, effect, fault }) => [status, effect, fault]),
    [
      [503, false, ['status']],
      [500, true, ['status']],
    ],
  )
  assert.equal(ledger[1]?.answer?.data?.masterDataId, 'C-000001', 'what would have been answered')
})

test('faults cutBefore and cutAfter: the socket breaks, before or after the effect', async () => {
  await using world = await freshSandbox()
  await world.erp.faults([
    { kind: 'cutBefore', nth: 1 },
    { kind: 'cutAfter', nth: 2 },
  ])
  await assert.rejects(world.erp.create('BD_Customer', { name: 'before' }), cut)
  await assert.rejects(world.erp.create('BD_Customer', { name: 'after' }), cut)
  assert.deepEqual(
    (await world.erp.records('BD_Customer')).map(({ masterFieldVal }) => masterFieldVal.name),
    ['after'],
  )
  const ledger = await world.erp.ledger()
  assert.deepEqual(
    ledger.map(({ status, effect, id }) => [status, effect, id]),
    [
      [null, false, null],
      [null, true, 'C-000001'],
    ],
  )
  assert.equal(ledger[0]?.answer, null)
  assert.equal(ledger[1]?.answer?.code, '0')
  assert.equal(ledger[0]?.body?.masterFieldVal?.name, 'before')
})

test('fault lateCommit: nothing at first, the effect later, under the same ledger number', async () => {
  await using world = await freshSandbox()
  await world.erp.faults([
    { kind: 'lateCommit', ms: 400, nth: 1 },
    { kind: 'lateCommit', ms: 60, answer: '504', nth: 2 },
  ])
  await assert.rejects(world.erp.create('BD_Customer', { name: 'x' }), cut)
  assert.deepEqual(await world.erp.records('BD_Customer'), [])
  const [pending] = await world.erp.ledger()
  assert.deepEqual([pending?.effect, pending?.id, typeof pending?.due], [false, null, 'number'])
  assert.equal((await world.erp.create('BD_Customer', { name: 'y' })).status, 504)
  await until('both are committed', async () => (await world.erp.records('BD_Customer')).length === 2)
  const ledger = await world.erp.ledger()
  assert.deepEqual(
    ledger.map(({ n, effect, id, due }) => [n, effect, id, due]),
    [
      [1, true, 'C-000002', undefined],
      [2, true, 'C-000001', undefined],
    ],
  )
  assert.ok((ledger[0]?.effectAt ?? 0) >= (ledger[0]?.at ?? 0) + 399)
})

test('a late update overwrites a newer one: the hazard is real here', async () => {
  await using world = await freshSandbox()
  await world.erp.create('BD_Customer', { name: '1' })
  await world.erp.faults([{ kind: 'lateCommit', ms: 250, call: 'update', nth: 1 }])
  await assert.rejects(world.erp.update('BD_Customer', 'C-000001', { name: '2' }), cut)
  await world.erp.update('BD_Customer', 'C-000001', { name: '3' })
  const record = await until('it is committed', async () => {
    const found = await world.erp.record('BD_Customer', 'C-000001')
    return found?.versions === 3 && found
  })
  assert.equal(record.masterFieldVal.name, '2')
})

test('a late commit that a stop interrupts takes effect after the next start', async () => {
  await using world = await freshSandbox()
  await world.erp.faults([{ kind: 'lateCommit', ms: 900 }])
  await assert.rejects(world.erp.create('BD_Customer', { name: 'x' }, { contacts: [{ name: 'a' }] }), cut)
  await world.restart()
  assert.deepEqual(await world.erp.records('BD_Customer'), [])
  await until('it is committed', async () => (await world.erp.records('BD_Customer')).length === 1)
  await world.restart()
  assert.equal((await world.erp.records('BD_Customer')).length, 1)
  assert.equal((await world.erp.ledger())[0]?.effect, true)
})

test('faults wrongShape, missingDetailIds and dropDetailRow break the answer or the effect', async () => {
  await using world = await freshSandbox()
  const contacts = ['a', 'b', 'c', 'd'].map((name) => ({ name }))
  await world.erp.faults([
    { kind: 'wrongShape', nth: 1 },
    { kind: 'wrongShape', nth: 2, effect: false, body: 'OK' },
    { kind: 'missingDetailIds', nth: 3 },
    { kind: 'dropDetailRow', every: 3, nth: 4 },
  ])
  const answers = []
  for (const name of ['1', '2', '3', '4']) answers.push(await world.erp.create('BD_Customer', { name }, { contacts }))
  assert.deepEqual(answers.map(({ status, code, message }) => [status, code, message]).slice(0, 2), [
    [200, '', '{"result":"ok"}'],
    [200, '', 'OK'],
  ])
  assert.deepEqual(answers[2]?.data, { masterDataId: 'C-000002' })
  assert.equal(answers[3]?.detailIds.contacts?.length, 3)
  const held = await world.erp.records('BD_Customer')
  assert.deepEqual(
    held.map(({ masterFieldVal, detailFieldVals }) => [masterFieldVal.name, detailFieldVals.contacts?.length]),
    [
      ['1', 4],
      ['3', 4],
      ['4', 3],
    ],
  )
})

test('faults retryAfter and refuse have no effect and say why', async () => {
  await using world = await freshSandbox()
  await world.erp.faults([
    { kind: 'retryAfter', seconds: 7, nth: 1 },
    { kind: 'refuse', code: 'E77', message: '期间已结账', nth: 2 },
  ])
  const first = await raw(
    world.url,
    '/sandbox/erp/create',
    'POST',
    { token: tokens.erpToken },
    '{"objAPIName":"BD_Customer","masterFieldVal":{"name":"x"}}',
  )
  const second = await world.erp.create('BD_Customer', { name: 'x' })
  assert.deepEqual(
    [first.status, first.headers['retry-after'], second.status, second.code, second.message],
    [429, '7', 200, 'E77', '期间已结账'],
  )
  assert.deepEqual(await world.erp.records('BD_Customer'), [])
})

test('faults delay and hold: the effect at once and the answer later, or both later', async () => {
  await using world = await freshSandbox()
  await world.erp.faults([
    { kind: 'delay', ms: 60, nth: 1 },
    { kind: 'hold', nth: 2 },
    { kind: 'hold', before: true, nth: 3 },
  ])
  const start = Date.now()
  await world.erp.create('BD_Customer', { name: 'delayed' })
  assert.ok(Date.now() - start >= 59)
  let answered = 0
  const held = [
    world.erp.create('BD_Customer', { name: 'held' }),
    world.erp.create('BD_Customer', { name: 'held before' }),
  ]
  for (const one of held) void one.then(() => (answered += 1))
  await until('both are held', async () => (await world.erp.faultHits()).filter(({ hits }) => hits === 1).length === 3)
  await until('the first one has its effect', async () => (await world.erp.records('BD_Customer')).length === 2)
  assert.equal(answered, 0)
  await world.erp.faults([])
  await Promise.all(held)
  assert.deepEqual(
    (await world.erp.records('BD_Customer')).map(({ masterFieldVal }) => masterFieldVal.name),
    ['delayed', 'held', 'held before'],
  )
})

test('fault hang never answers, and a stop does not wait for it', async () => {
  await using world = await freshSandbox()
  await world.erp.faults([{ kind: 'hang', effect: true }])
  const hanging = assert.rejects(world.erp.create('BD_Customer', { name: 'x' }))
  await until('it has its effect', async () => (await world.erp.records('BD_Customer')).length === 1)
  assert.equal((await world.erp.ledger())[0]?.status, null)
  await world.restart()
  await hanging
})

test('faults noOrder, lateVisibility and wrongClock bend what batch queries see', async () => {
  await using world = await freshSandbox()
  const ids = async (from = 0) =>
    (await world.erp.batch('BD_Material', { from, to: 9e15 })).dataList.map(({ masterFieldVal }) => masterFieldVal.id)
  for (let index = 0; index < 12; index += 1) await world.erp.create('BD_Material', { name: 'm' })
  const ordered = await ids()
  await world.erp.faults([{ kind: 'noOrder' }])
  const steady = await ids()
  assert.notDeepEqual(steady, ordered)
  assert.deepEqual(steady.toSorted(), ordered)
  assert.deepEqual(await ids(), steady, 'the same wrong order each time')
  await world.erp.faults([{ kind: 'noOrder', shuffle: true }])
  assert.notDeepEqual(await ids(), await ids())

  await world.erp.faults([{ kind: 'lateVisibility', ms: 400, call: 'queryMasterBatch', nth: 1 }])
  const { id } = await world.erp.create('BD_Material', { name: 'late' })
  assert.ok(!(await ids()).includes(id))
  await until('it is visible', async () => (await ids()).includes(id))

  await world.erp.faults([{ kind: 'wrongClock', ms: -8 * 3_600_000 }])
  const before = Date.now() - 8 * 3_600_000
  const shifted = await world.erp.create('BD_Material', { name: 'of another zone' })
  const record = await world.erp.record('BD_Material', shifted.id ?? '')
  assert.ok(Math.abs(Number(record?.masterFieldVal.modifyTime) - before) < 5_000)
  assert.equal((await ids(Date.now() - 60_000)).includes(shifted.id), false)
  const dated = await raw(world.url, '/sandbox/erp/queryMasterById?objAPIName=BD_Material&dataId=M-000001', 'GET', {
    token: tokens.erpToken,
  })
  assert.ok(Math.abs(Date.parse(String(dated.headers.date)) - before) < 5_000)
})

test('fault normalise writes texts and numbers the way the system likes them', async () => {
  await using world = await freshSandbox()
  await world.erp.faults([{ kind: 'normalise', case: 'upper' }])
  await world.erp.post(
    'create',
    '{"objAPIName":"BD_Customer","masterFieldVal":{"name":" ab ","creditLimit":1.10,"grade":"A"}}',
  )
  assert.match(
    (await raw(world.url, '/sandbox/erp/records/BD_Customer', 'GET')).text,
    /"name":"AB","creditLimit":1\.1,"grade":"A"/,
  )
})

test('faults of one object leave the others alone, and [] ends them', async () => {
  await using world = await freshSandbox()
  await world.erp.faults([{ kind: 'refuse', code: '1', message: 'no', object: 'BD_Customer' }])
  assert.deepEqual(
    [(await world.erp.create('BD_Customer', { name: 'x' })).code, (await world.erp.create('BD_Material', {})).code],
    ['1', '0'],
  )
  await world.erp.faults([])
  assert.equal((await world.erp.create('BD_Customer', { name: 'x' })).code, '0')
  assert.deepEqual(await world.erp.faultHits(), [])
})

test('1,000 creates by 32 clients at once: every answer is an id of its own, every id a record', async () => {
  await using world = await freshSandbox()
  const ids = new Set<string | null>()
  await Promise.all(
    Array.from({ length: 1_000 }, async (_, index) =>
      ids.add((await world.erp.create('BD_Customer', { name: `n${index}`, sourceId: `s${index}` })).id),
    ),
  )
  const held = await world.erp.records('BD_Customer')
  assert.deepEqual([ids.size, held.length, (await world.erp.ledger()).length], [1_000, 1_000, 1_000])
  assert.deepEqual(new Set(held.map(({ id }) => id)), ids)
})
