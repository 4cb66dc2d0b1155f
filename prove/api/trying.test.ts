/** What people try out, against the sandbox: a connection step by step, and single calls of an object's interface; each told, masked, and written down. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { freshWorld, until, type World } from '../walk/world.ts'
import { signedIn } from './signed-in.ts'

interface Tested {
  ok: boolean
  steps: { step: string; ok: boolean; ms: number; sentence: string; code?: string; todo?: string }[]
}
interface Tried {
  request: { method: string; url: string; headers: Record<string, string>; body: string | null }
  status: number | null
  answer: string | null
  fault: { code: string; sentence: string; todo: string } | null
}

const stands = ({ steps }: Tested) => steps.map((one) => [one.step, one.ok, one.code])

const tester = async (world: World) => {
  const api = await signedIn(world)
  return {
    api,
    test: async (connection: string, locale = 'en_US') => {
      const answer = await api('POST', `/connections/${connection}/test`, undefined, { locale })
      assert.equal(answer.status, 200)
      return (await answer.json()) as Tested
    },
    /** The connection with something else about it. */
    change: async (connection: string, over: Record<string, unknown>) => {
      const now = (await (await api('GET', `/connections/${connection}`)).json()) as Record<string, unknown>
      const { id: _id, objects: _objects, ...rest } = now
      const answer = await api('PUT', `/connections/${connection}`, { ...rest, ...over })
      assert.equal(answer.status, 200, await answer.clone().text())
    },
  }
}

test('a connection is tested step by step, and the first step that fails says what is wrong and what to do', async () => {
  await using world = await freshWorld()
  const { api, test: ask, change } = await tester(world)
  const good = await ask('erp')
  assert.deepEqual(stands(good), [
    ['dns', true, undefined],
    ['connect', true, undefined],
    ['auth', true, undefined],
    ['read', true, undefined],
  ])
  assert.equal(good.ok, true)
  assert.match(good.steps[3]?.sentence ?? '', /^A page of .+ was read: \d+ record\(s\)\.$/)
  assert.match((await ask('erp', 'ja_JP')).steps[1]?.sentence ?? '', /接続しました/)

  // the target is failing, and its breaker is of no matter
  await world.erp.faults([{ kind: 'status', status: 500, call: 'queryMasterBatch' }])
  const failing = await ask('erp')
  assert.deepEqual(stands(failing).slice(2), [
    ['auth', true, undefined],
    ['read', false, 'send.status'],
  ])
  assert.match(failing.steps[3]?.sentence ?? '', /HTTP 500/)
  await world.erp.faults([{ kind: 'wrongShape', call: 'queryMasterBatch', body: '{"ok":true}' }])
  assert.deepEqual(stands(await ask('erp'))[3], ['read', false, 'read.contract'])
  await world.erp.faults([])

  await change('erp', { headers: { token: 'not-the-token' }, refusedCodes: [] })
  const strange = await ask('erp')
  assert.equal(strange.ok, false)
  assert.match(JSON.stringify(strange), /401001/)
  assert.doesNotMatch(JSON.stringify(strange), /not-the-token/)

  const closed = createServer()
  closed.listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  await new Promise((done) => closed.close(done))
  await change('erp', { baseUrl: `http://127.0.0.1:${port}/` })
  assert.deepEqual(stands(await ask('erp')).at(-1), ['connect', false, 'send.connection'])
  // it answers, and not in TLS
  await change('erp', { baseUrl: `https://127.0.0.1:${new URL(world.url()).port}/` })
  assert.deepEqual(stands(await ask('erp')).at(-1), ['tls', false, 'send.connection'])
  await change('erp', { baseUrl: 'http://169.254.169.254/' })
  assert.deepEqual(stands(await ask('erp')), [['dns', false, 'send.egress']])
  await change('erp', { baseUrl: 'http://no-such-host.invalid/' })
  const nameless = await ask('erp')
  assert.deepEqual(stands(nameless), [['dns', false, 'send.connection']])
  assert.ok((nameless.steps[0]?.todo ?? '').length > 5)
  assert.equal((await api('POST', '/connections/nowhere/test')).status, 404)
})

test('the playground queries the system and pushes to this tenant, shows what went and came, and keeps no secret', async () => {
  await using world = await freshWorld()
  const api = await signedIn(world)
  const { token, erpToken } = world.file()
  const ask = async (body: unknown, object = 'BD_Customer') => {
    const answer = await api('POST', `/connections/erp/objects/${encodeURIComponent(object)}/interface/try`, body)
    return { status: answer.status, tried: (await answer.json()) as Tried }
  }
  const pushed = await ask({
    call: 'syncpush',
    token,
    id: 'TRY-1',
    body: '{"objAPIName":"BD_Customer","masterFieldVal":{"name":"Tried"}}',
  })
  assert.equal(pushed.tried.status, 200)
  assert.match(pushed.tried.answer ?? '', /s106240000/)
  assert.equal(pushed.tried.request.headers.token, '***')
  await until('the push is in the CRM', async () => (await world.crm.records('AccountObj')).length > 0)
  const refused = await ask({ call: 'syncpush', token: 'wrong', id: 'TRY-2', body: '{}' })
  assert.deepEqual([refused.status, refused.tried.status], [200, 401])
  assert.match(refused.tried.answer ?? '', /s306240100/)

  const made = await world.erp.create('BD_Customer', { name: 'Asked for' })
  const id = made.id ?? assert.fail(made.message)
  const found = await ask({ call: 'queryMasterById', id })
  assert.equal(found.tried.status, 200)
  assert.match(found.tried.answer ?? '', /Asked for/)
  assert.match(
    found.tried.request.url,
    new RegExp(`queryMasterById\\?objAPIName=BD_Customer&dataId=${id}&includeDetail=true$`),
  )
  const page = await ask({ call: 'queryMasterBatch', from: Date.now() - 60_000, to: Date.now() + 60_000 })
  assert.match(page.tried.answer ?? '', /dataList/)
  assert.equal(page.tried.fault, null)
  await world.erp.faults([{ kind: 'refuse', code: '500123', message: 'no', call: 'queryMasterById' }])
  const wrong = await ask({ call: 'queryMasterById', id })
  assert.deepEqual([wrong.tried.fault?.code, wrong.tried.status], ['send.refused', 200])
  assert.equal((await ask({ call: 'queryMasterById', id }, 'Nowhere')).status, 404)
  assert.equal((await ask({ call: 'create', id })).status, 400)

  const trail = await world.db.owner<{ name: string; after: string }>`
    select name, after::text as after from audit where route = 'tryInterface' order by audit_id`
  assert.equal(trail.length, 5)
  const kept = JSON.stringify(trail)
  for (const secret of [token, erpToken, 'wrong"', 'Tried']) assert.ok(!kept.includes(secret), secret)
  assert.match(kept, /TRY-1/)
})

test('an object is learnt from a sample and from a live record, and declared from a document after a preview', async () => {
  await using world = await freshWorld()
  const api = await signedIn(world)
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await api(method, path, body)
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const made = await world.erp.create(
    'BD_Customer',
    { name: 'Learnt', creditLimit: '12.5', grade: 'A' },
    { contacts: [{ name: 'Li', mobile: '007' }] },
  )
  const live = await ask('POST', '/connections/erp/learn-record', { object: 'BD_Customer', id: made.id })
  assert.equal(live.status, 200)
  const proposed = live.body.object as {
    idField: string
    modifiedField: string
    details: { code: string; idField: string }[]
  }
  assert.deepEqual(
    [proposed.idField, proposed.modifiedField, proposed.details.map((one) => [one.code, one.idField])],
    ['id', 'modifyTime', [['contacts', 'id']]],
  )
  assert.equal(
    (await ask('POST', '/connections/erp/learn-record', { object: 'BD_Customer', id: 'nobody' })).status,
    400,
  )

  const sample = await ask('POST', '/connections/erp/learn-sample', {
    sample: `curl -X POST http://erp/create -H 'objectApiName: BD_New' --data-raw '{"masterFieldVal":{"id":"1","price":1.10}}'`,
  })
  assert.deepEqual(sample.body.object, { code: 'BD_New', idField: 'id', fields: { id: 'text', price: 'decimal' } })
  const path = '/connections/erp/objects/BD_New'
  const content = JSON.stringify(sample.body.object)
  const planned = await ask('PUT', `${path}/import`, { form: 'json', content })
  assert.deepEqual(
    (planned.body.changes as { kind: string; what: string }[]).map((one) => [one.kind, one.what]),
    [['object', 'added']],
  )
  assert.equal((await api('GET', path)).status, 404, 'a preview declares nothing')
  assert.equal((await ask('PUT', `${path}/import`, { form: 'json', content, really: true })).status, 200)
  assert.deepEqual((await ask('GET', `${path}`)).body.fields, { id: 'text', price: 'decimal' })

  const sheet = await api('GET', '/connections/erp/objects/BD_Customer/definition.xlsx')
  assert.match(sheet.headers.get('content-type') ?? '', /spreadsheetml/)
  const bytes = Buffer.from(await sheet.arrayBuffer()).toString('base64')
  const same = await ask('PUT', '/connections/erp/objects/BD_Customer/import', { form: 'xlsx', content: bytes })
  assert.deepEqual(same.body.changes, [], 'what was given out changes nothing when it comes back')
  const yaml = await (await api('GET', '/connections/erp/objects/BD_Customer/definition.yaml')).text()
  const changed = await ask('PUT', '/connections/erp/objects/BD_Customer/import', {
    form: 'yaml',
    content: yaml.replace('taxNo: text', 'taxNo: { type: text, length: 20 }'),
  })
  const [change] = changed.body.changes as { fields: { path: string }[] }[]
  assert.match(change?.fields.map((one) => one.path).join() ?? '', /taxNo|fields/)
  const wrong = await ask('PUT', '/connections/erp/objects/BD_Customer/import', {
    form: 'yaml',
    content: 'fields: { a: nonsense }',
  })
  assert.equal(wrong.status, 422)
})

test('a tenant hides its bodies earlier than the installation drops them, and faults speak the caller’s language', async () => {
  await using world = await freshWorld()
  const api = await signedIn(world)
  await world.erp.faults([])
  await world.crm.faults([{ kind: 'refuse', call: 'create', code: '400101', message: 'no tax number' }])
  await world.push('B-1', { name: 'Body', number: 'N-1' })
  await world.atRest()
  interface Journey {
    links: { state: string; why: string[] }[]
    attempts: { answer: string | null; why: string[] }[]
  }
  const journey = async (locale = 'en_US') =>
    (await (await api('GET', '/journey?id=B-1', undefined, { locale })).json()) as Journey
  const before = await journey()
  assert.equal(before.links[0]?.state, 'failed')
  assert.match(before.attempts[0]?.answer ?? '', /no tax number/)
  for (const [locale, wanted] of [
    ['en_US', /^The target refused: 400101 no tax number/],
    ['zh_CN', /^目标系统拒绝：400101/],
    ['zh_TW', /^目標系統拒絕：400101/],
    ['ja_JP', /^連携先が拒否しました：400101/],
  ] as const)
    assert.match((await journey(locale)).links[0]?.why[0] ?? '', wanted)

  const patch = async (bodyDays: number | null) => {
    const answer = await api('PATCH', '', { bodyDays })
    assert.equal(answer.status, 200, await answer.clone().text())
  }
  await patch(0)
  const hidden = await journey()
  assert.equal(hidden.attempts.length, before.attempts.length)
  assert.equal(hidden.attempts[0]?.answer, null)
  assert.deepEqual(((await (await api('GET', '')).json()) as { bodyDays: number }).bodyDays, 0)
  const yaml = await (await api('GET', '/configuration')).text()
  assert.match(yaml, /bodyDays: 0/)
  await patch(7)
  assert.match((await journey()).attempts[0]?.answer ?? '', /no tax number/)
  await patch(null)
  assert.equal(((await (await api('GET', '')).json()) as { bodyDays: number | null }).bodyDays, null)
  assert.equal((await api('PATCH', '', { bodyDays: -1 })).status, 400)
})
