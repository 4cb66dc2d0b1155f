/** Callers' secrets renewed over HTTP at the doors they open: both let in until the former is retired, and the new one is told once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ApiWorld, apiWorld } from './world.ts'

const withCallers = async (): Promise<{ world: ApiWorld; token: string; hook: string }> => {
  const world = await apiWorld()
  const put = async (path: string, body: unknown) => {
    const answer = await world.call<{ secrets: { secret: string }[] }>('PUT', `/tenants/a${path}`, {
      as: world.admin,
      body,
    })
    assert.equal(answer.status, 200, answer.text)
    return answer.body.secrets[0]?.secret ?? ''
  }
  await world.call('POST', '/tenants', { as: world.admin, body: { tenant: 'a' } })
  await put('/connections/erp', { role: 'erp', baseUrl: 'http://192.0.2.1/' })
  await put('/connections/erp/objects/C', { externalIdField: 'sourceId', fields: { name: 'text' } })
  await put('/batch-clients/hr', {})
  return { world, token: await put('/tokens/push', {}), hook: await put('/hooks/erp', {}) }
}

/** Whether the door of pushes takes this token. */
const lets = async (world: ApiWorld, token: string): Promise<boolean> => {
  const answer = await fetch(`${world.url}/erp/syncdata/open/objdata/syncpush`, {
    method: 'POST',
    headers: { token, tenantId: 'a', id: 'C-1' },
    body: '{"objAPIName":"C","masterFieldVal":{"name":"One"}}',
  })
  return ((await answer.json()) as { errCode: string }).errCode === 's106240000'
}

test('a renewed token lets in beside the former one until that is retired; both stand in the trail, and no secret does', async () => {
  const { world: made, token, hook } = await withCallers()
  await using world = made
  const { call, admin: as } = world
  assert.equal(await lets(world, token), true)
  const renewed = await call<{ secret: string }>('POST', '/tenants/a/tokens/push/renew', { as, body: {} })
  assert.equal(renewed.status, 200, renewed.text)
  const { secret } = renewed.body
  assert.notEqual(secret, token)
  assert.deepEqual([await lets(world, token), await lets(world, secret)], [true, true])
  const twice = await call<{ code: string }>('POST', '/tenants/a/tokens/push/renew', { as, body: {} })
  assert.deepEqual([twice.status, twice.body.code], [409, 'config.refused'], twice.text)
  const retired = await call('POST', '/tenants/a/tokens/push/retire', { as })
  assert.equal(retired.status, 204, retired.text)
  assert.deepEqual([await lets(world, token), await lets(world, secret)], [false, true])
  assert.equal((await call('POST', '/tenants/a/tokens/push/retire', { as })).status, 409)
  assert.equal((await call('POST', '/tenants/a/tokens/other/renew', { as, body: {} })).status, 404)

  const ofHook = await call<{ secret: string }>('POST', '/tenants/a/hooks/erp/renew', {
    as,
    body: { formerUntil: '2099-01-01T00:00:00.000Z' },
  })
  assert.equal(ofHook.status, 200, ofHook.text)
  assert.notEqual(ofHook.body.secret, hook)
  const salt = await call<{ secret: string }>('POST', '/tenants/a/batch-clients/hr/renew', {
    as,
    body: { what: 'salt' },
  })
  assert.equal(salt.status, 200, salt.text)
  assert.equal((await call('POST', '/tenants/a/batch-clients/hr/retire', { as })).status, 204)

  const trail = await call<{ items: { route: string; name: string }[] }>('GET', '/tenants/a/audit?limit=5', { as })
  assert.deepEqual(
    trail.body.items.map((one) => `${one.route} ${one.name}`),
    ['retireBatchClient hr', 'renewBatchClient hr', 'renewHook erp/erp', 'retireToken push', 'renewToken push'],
  )
  const seen = [trail.text, (await call('GET', '/tenants/a/tokens', { as })).text]
  for (const text of seen)
    for (const one of [secret, token, ofHook.body.secret, salt.body.secret]) assert.ok(!text.includes(one))
})
