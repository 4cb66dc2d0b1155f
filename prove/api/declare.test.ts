/** Declaring over HTTP: parts and the whole say the same, secrets stay what they are unseen, and mistakes name their place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { until } from '../walk/world.ts'
import { apiWorld, declareTenant, tenantYaml } from './world.ts'

interface Problem {
  code: string
  detail: string
  todo: string
  path: string
  problems: { path: string; say: string }[]
}
interface Declared {
  changes: { kind: string; name: string; what: string; fields: { path: string }[]; follows?: string }[]
  secrets: { name: string; secret: string }[]
}

const worldWithTenant = async () => {
  const world = await apiWorld()
  await declareTenant(world, 'a')
  const as = world.admin
  return {
    world,
    get: async (path: string) => (await world.call('GET', `/tenants/a${path}`, { as })).body,
    put: (path: string, body: unknown) => world.call<Declared & Problem>('PUT', `/tenants/a${path}`, { as, body }),
    call: (method: string, path: string, body?: unknown) =>
      world.call<Declared & Problem>(method, `/tenants/a${path}`, { as, ...(body !== undefined && { body }) }),
  }
}

const parts = [
  '/connections/erp',
  '/connections/crm',
  '/connections/erp/objects/BD_Customer',
  '/pairs/customer',
  '/pairs/customer/flows/leftToRight',
  '/pairs/customer/flows/leftToRight/mapping',
  '/pairs/customer/flows/leftToRight/options/level',
]

test('what is read and put back changes nothing, part by part, and so does the exported file, without one secret being given', async () => {
  const { world, get, put, call } = await worldWithTenant()
  await using _ = world
  const hashes = () =>
    world.db.owner`select kind, credential_id, hash, secrets is null as bare from credential order by 1, 2`
  const before = await hashes()
  for (const path of parts) {
    const { status, body, text } = await put(path, await get(path))
    assert.deepEqual([status, body.changes], [200, []], `${path}: ${text}`)
  }
  for (const path of ['/tokens/push', '/hooks/crm', '/batch-clients/hr']) {
    const list = (await get(path.replace(/\/[^/]+$/, ''))) as { items: object[] }
    const { status, body, text } = await put(path, list.items[0])
    assert.deepEqual([status, body.changes, body.secrets], [200, [], []], `${path}: ${text}`)
  }
  const yaml = (await world.call('GET', '/tenants/a/configuration', { as: world.admin })).text
  for (const way of ['plan', 'apply']) {
    const { status, body, text } = await call('POST', `/configuration/${way}`, { yaml })
    assert.deepEqual([status, body.changes], [200, []], text)
  }
  assert.deepEqual(await hashes(), before)
})

test('no answer of any route shows a secret; a changed one is stored, encrypted, and only its field is told', async () => {
  const { world, get, put } = await worldWithTenant()
  await using _ = world
  const connection = await get('/connections/erp')
  const changed = await put('/connections/erp', { ...connection, headers: { token: 'canary-changed-secret' } })
  assert.deepEqual(
    changed.body.changes[0]?.fields.map((one) => one.path),
    ['headers'],
  )
  const { body } = await world.call<{ paths: Record<string, Record<string, unknown>> }>('GET', '/api/openapi.json')
  const ids: Record<string, string> = {
    tenant: 'a',
    connection: 'erp',
    object: 'BD_Customer',
    pair: 'customer',
    flow: 'leftToRight',
    field: 'level',
  }
  let read = 0
  for (const [path, methods] of Object.entries(body.paths)) {
    if (!methods.get) continue
    const at = path.replace(/\{(\w+)\}/g, (__, name: string) => ids[name] ?? 'nowhere')
    const { text, status } = await world.call('GET', `${at}?id=x`, { as: world.admin })
    assert.ok(status < 500, `${at}: ${text}`)
    assert.doesNotMatch(text, /canary|argon2/, at)
    read++
  }
  assert.ok(read > 25, `${read} routes were read`)
  const [row] = await world.db.owner<{ dump: string }>`
    select string_agg(row_to_json(c)::text, '') as dump from connection c`
  assert.doesNotMatch(row?.dump ?? '', /canary/)
})

test('a name is never looked up in the server’s own environment', async () => {
  const { world, get, put, call } = await worldWithTenant()
  await using _ = world
  process.env.CANARY_OF_THE_SERVER = 'canary-of-the-server'
  const connection = await get('/connections/erp')
  const stolen = await put('/connections/erp', { ...connection, headers: { token: '${CANARY_OF_THE_SERVER}' } })
  assert.deepEqual([stolen.status, stolen.body.code, stolen.body.path], [422, 'config.invalid', 'body.headers.token'])
  // nor does a name move a secret to a place where it was not
  const moved = await put('/connections/crm', {
    role: 'crm',
    baseUrl: 'http://192.0.2.2/crm/',
    headers: { x: '${ERP_TOKEN}' },
  })
  assert.deepEqual([moved.status, moved.body.code], [422, 'config.invalid'], moved.text)
  const inUrl = await put('/connections/erp', { ...connection, baseUrl: 'http://192.0.2.3/${ERP_TOKEN}/' })
  assert.deepEqual([inUrl.status, inUrl.body.code], [422, 'config.invalid'], inUrl.text)
  const given = await call('POST', '/configuration/plan', {
    yaml: tenantYaml('a').replace('canary-erp-a-secret', '${NEW_ONE}'),
    variables: { NEW_ONE: 'canary-other' },
  })
  assert.deepEqual([given.status, given.body.changes.map((one) => one.name)], [200, ['erp']], given.text)
})

test('a secret that Mortise makes is told once; the token lets its caller in at once and no longer once it is removed', async () => {
  const { world, put, call } = await worldWithTenant()
  await using _ = world
  const made = await put('/tokens/shop', { ratePerSecond: 5 })
  const [secret] = made.body.secrets
  assert.equal(secret?.name, 'token/shop')
  assert.equal((await put('/tokens/shop', { ratePerSecond: 6 })).body.secrets.length, 0)
  const push = async () => {
    const answer = await fetch(`${world.url}/erp/syncdata/open/objdata/syncpush`, {
      method: 'POST',
      headers: { token: secret?.secret ?? '', tenantId: 'a', id: 'C-1' },
      body: JSON.stringify({ objAPIName: 'BD_Customer', masterFieldVal: { name: 'One' } }),
    })
    return answer.status
  }
  assert.equal(await push(), 200)
  const removed = await call('DELETE', '/tokens/shop')
  assert.equal(removed.body.changes[0]?.what, 'removed')
  assert.equal(await push(), 401)
})

test('a token is changed with two valid values by naming the one in use as the former', async () => {
  const { world, put } = await worldWithTenant()
  await using _ = world
  const pushes = async (token: string) =>
    (
      await fetch(`${world.url}/erp/syncdata/open/objdata/syncpush`, {
        method: 'POST',
        headers: { token, tenantId: 'a', id: 'C-1' },
        body: JSON.stringify({ objAPIName: 'BD_Customer', masterFieldVal: { name: 'One' } }),
      })
    ).status
  const first = ['canary-push-a-secret', 'canary-older-a-secret', 'canary-newest-a-secret']
  assert.deepEqual(await Promise.all(first.map(pushes)), [200, 200, 401])
  const shown = await world.call<{ items: { value: string }[] }>('GET', '/tenants/a/tokens', { as: world.admin })
  const changed = await put('/tokens/push', { value: 'canary-newest-a-secret', former: shown.body.items[0]?.value })
  assert.equal(changed.status, 200, changed.text)
  assert.deepEqual(await Promise.all(first.map(pushes)), [200, 401, 200])
  assert.deepEqual((await put('/tokens/push', {})).body.changes, [], 'what is left out stays')
  assert.equal((await put('/tokens/push', { former: null })).status, 200)
  assert.deepEqual(await Promise.all(first.map(pushes)), [401, 401, 200])
})

test('a mistake names its place in the body, in the caller’s language, with what to do', async () => {
  const { world, get, put, call } = await worldWithTenant()
  await using _ = world
  const flow = (await get('/pairs/customer/flows/leftToRight')) as { mapping: { fields: object } }
  const wrong = { ...flow, mapping: { ...flow.mapping, fields: { ...flow.mapping.fields, nmae: 'name' } } }
  const { status, body } = await put('/pairs/customer/flows/leftToRight', wrong)
  assert.deepEqual([status, body.code, body.path], [422, 'config.invalid', 'body.mapping.fields.nmae'])
  assert.match(body.problems[0]?.say ?? '', /did you mean "name"/)
  const sentences = await Promise.all(
    ['zh_CN', 'zh_TW', 'en_US', 'ja_JP'].map((locale) =>
      world.call<Problem>('PUT', '/tenants/a/pairs/customer/flows/leftToRight', {
        as: world.admin,
        body: wrong,
        headers: { locale },
      }),
    ),
  )
  assert.deepEqual(
    sentences.map((one) => one.body.todo.slice(0, 8)),
    ['problems', 'problems', 'problems', 'problems'],
  )
  assert.equal(new Set(sentences.map((one) => one.body.todo)).size, 4)
  // what others need is not removed
  const inUse = await call('DELETE', '/connections/erp/objects/BD_Customer')
  assert.deepEqual([inUse.status, inUse.body.path], [422, 'pairs[customer].left'], inUse.text)
  // and nothing else gets through
  for (const [path, bad] of [
    ['/connections/erp', []],
    ['/connections/erp', 'not json'],
    ['/connections/erp', '{"__proto__":{}}'],
    ['/connections/erp', { ...(await get('/connections/erp')), id: 'other' }],
    ['/pairs/customer/flows/leftToRight/options/level', { options: 1 }],
    ['/pairs/customer/flows/sideways', {}],
  ] as const) {
    const answer = await put(path, bad)
    assert.equal(answer.status, 400, answer.text)
    assert.equal(answer.body.code, 'request.invalid')
  }
})

test('flows are paused and resumed, options added, objects and pairs made and removed; the file says the same', async () => {
  const { world, put, call } = await worldWithTenant()
  await using _ = world
  const done = async (answer: Promise<{ status: number; text: string; body: Declared }>) => {
    const { status, text, body } = await answer
    assert.equal(status, 200, text)
    return body.changes.map((one) => `${one.kind} ${one.name} ${one.what}${one.follows ? `: ${one.follows}` : ''}`)
  }
  const flow = '/pairs/customer/flows/leftToRight'
  const carriedOut = () =>
    until('the flow has done what was asked', async () => {
      const { body } = await world.call<{ flows: { sweep: object | null }[] }>('GET', '/tenants/a/status', {
        as: world.admin,
      })
      return body.flows.every((one) => one.sweep === null)
    })
  await carriedOut()
  assert.deepEqual(await done(call('PATCH', flow, { state: 'paused' })), [
    'flow customer leftToRight changed: holds its records',
  ])
  await carriedOut()
  assert.deepEqual(await done(call('PATCH', flow, { state: 'enabled' })), [
    'flow customer leftToRight changed: releases the records it holds',
  ])
  await done(put(`${flow}/options/level`, { options: { A: '1', B: '2', C: '3' }, unmapped: 'empty' }))
  await done(put('/connections/erp/objects/BD_Material', { externalIdField: 'sourceId', fields: { price: 'decimal' } }))
  await done(
    put('/connections/crm/objects/ProductObj', {
      idField: '_id',
      externalIdField: 'sourceId',
      fields: { price: 'decimal' },
    }),
  )
  const pair = {
    left: 'erp/BD_Material',
    right: 'crm/ProductObj',
    flows: { leftToRight: { mapping: { fields: { price: { value: 1.1 }, sourceId: '$id' } } } },
  }
  // 1.10 stays 1.10, as in the file
  await done(put('/pairs/material', JSON.stringify(pair).replace('1.1', '1.10')))
  const yaml = (await world.call('GET', '/tenants/a/configuration', { as: world.admin })).text
  const [tenant] = (
    parse(yaml) as {
      tenants: { pairs: { id: string; flows: Record<string, { mapping: { fields: Record<string, unknown> } }> }[] }[]
    }
  ).tenants
  const fieldsOf = (id: string) => tenant?.pairs.find((one) => one.id === id)?.flows.leftToRight?.mapping.fields
  assert.deepEqual(fieldsOf('customer')?.level, {
    from: 'grade',
    options: { A: '1', B: '2', C: '3' },
    unmapped: 'empty',
  })
  assert.deepEqual(fieldsOf('material')?.price, { value: '1.10' })
  assert.deepEqual(await done(call('DELETE', '/pairs/material')), ['pair material removed: its ID mapping is kept'])
  assert.deepEqual(await done(call('DELETE', '/connections/erp/objects/BD_Material')), [
    'object erp/BD_Material removed',
  ])
})

test('lists come page by page, sorted, and a foreign cursor is refused', async () => {
  const { world, put } = await worldWithTenant()
  await using _ = world
  for (const id of ['e3', 'e1', 'e2', 'e4'])
    await put(`/connections/${id}`, { role: 'erp', baseUrl: 'http://192.0.2.7/' })
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: { body: { items: { id: string }[]; next: string | null } } = await world.call(
      'GET',
      `/tenants/a/connections?limit=2&role=erp${cursor && `&cursor=${cursor}`}`,
      { as: world.admin },
    )
    seen.push(...body.items.map((one) => one.id))
    cursor = body.next
  }
  assert.deepEqual(seen, ['e1', 'e2', 'e3', 'e4', 'erp'])
  const bad = await world.call<Problem>('GET', '/tenants/a/connections?cursor=nonsense', { as: world.admin })
  assert.deepEqual([bad.status, bad.body.path], [400, 'query.cursor'])
})
