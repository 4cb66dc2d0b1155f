/** Versions over HTTP: seen with what differed, brought back after a plan, carried from a test tenant to a real one behind the walls. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ApiWorld, apiWorld, declareTenant, type Someone } from './world.ts'

interface Version {
  kind: string
  name: string
  number: number
  what: string
  who: string
  fields: { path: string; before: unknown; after: unknown }[]
}
interface Brought {
  plan: string
  changes: { kind: string; name: string; what: string }[]
  code?: string
  detail?: string
}

const options = '/pairs/customer/flows/leftToRight/options/level'
const flow = '/versions/flow/customer%20leftToRight'

const withOptions = async (world: ApiWorld, tenant: string, map: Record<string, string>): Promise<void> => {
  const { status, text } = await world.call('PUT', `/tenants/${tenant}${options}`, {
    as: world.admin,
    body: { options: map },
  })
  assert.equal(status, 200, text)
}

const optionsOf = async (world: ApiWorld, tenant: string) =>
  (await world.call<{ options: unknown }>('GET', `/tenants/${tenant}${options}`, { as: world.admin })).body.options

test('a version is seen with what differed, planned, and brought back; a stale plan is refused', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  const { call, admin: as } = world
  const was = await optionsOf(world, 'a')
  await withOptions(world, 'a', { A: '3' })
  const list = await call<{ items: Version[] }>('GET', '/tenants/a/versions?kind=flow', { as })
  assert.deepEqual(
    list.body.items.map((one) => [one.name, one.number, one.what, one.who]),
    [
      ['customer leftToRight', 2, 'changed', 'admin'],
      ['customer leftToRight', 1, 'added', 'admin'],
    ],
  )
  assert.match(JSON.stringify(list.body.items[0]?.fields), /level/)
  const whole = await call<{ definition: unknown }>('GET', `/tenants/a${flow}/1`, { as })
  assert.match(JSON.stringify(whole.body.definition), /"level"/)
  assert.equal((await call('GET', `/tenants/a${flow}/9`, { as })).status, 404)
  const object = await call<Version>('GET', '/tenants/a/versions/object/erp%2FBD_Customer/1', { as })
  assert.deepEqual([object.status, object.body.name], [200, 'erp/BD_Customer'])

  const planned = await call<Brought>('POST', `/tenants/a${flow}/1/restore`, { as, body: {} })
  assert.deepEqual(
    planned.body.changes.map((one) => [one.kind, one.name, one.what]),
    [['flow', 'customer leftToRight', 'changed']],
    planned.text,
  )
  assert.deepEqual(await optionsOf(world, 'a'), { A: '3' }, 'only planned')
  await withOptions(world, 'a', { A: '2' })
  const { plan } = planned.body
  const stale = await call<Brought>('POST', `/tenants/a${flow}/1/restore`, { as, body: { really: true, plan } })
  assert.deepEqual([stale.status, stale.body.code], [409, 'config.refused'])
  assert.match(stale.body.detail ?? '', /is stale/)
  const again = await call<Brought>('POST', `/tenants/a${flow}/1/restore`, { as, body: {} })
  const done = await call<Brought>('POST', `/tenants/a${flow}/1/restore`, {
    as,
    body: { really: true, plan: again.body.plan },
  })
  assert.deepEqual([done.status, done.body.changes.length], [200, 1], done.text)
  assert.deepEqual(await optionsOf(world, 'a'), was)
  const trail = await call<{ items: { route: string; kind: string }[] }>('GET', '/tenants/a/audit?limit=1', { as })
  assert.deepEqual(
    trail.body.items.map((one) => [one.route, one.kind]),
    [['restoreVersion', 'flow']],
  )
})

test('a test tenant’s flows are carried to the real one, which keeps its address and secrets; only by who sees both', async () => {
  await using world = await apiWorld()
  for (const tenant of ['a', 'b']) await declareTenant(world, tenant)
  const { call, admin: as, db } = world
  await withOptions(world, 'a', { A: '3', B: '2' })
  const secretsOf = () => db.owner`
    select connection_id, definition->>'baseUrl' as url, secrets from connection where tenant_id = 'b' order by 1`
  const before = await secretsOf()
  const planned = await call<Brought>('POST', '/tenants/b/promote', { as, body: { from: 'a' } })
  assert.deepEqual(
    planned.body.changes.map((one) => [one.kind, one.name, one.what]),
    [['flow', 'customer leftToRight', 'changed']],
    planned.text,
  )
  const { plan } = planned.body
  const done = await call<Brought>('POST', '/tenants/b/promote', { as, body: { from: 'a', really: true, plan } })
  assert.equal(done.status, 200, done.text)
  assert.deepEqual(await optionsOf(world, 'b'), { A: '3', B: '2' })
  assert.deepEqual(await secretsOf(), before)
  assert.doesNotMatch(done.text, /canary/)

  const someone = async (tenant: string): Promise<Someone> => {
    const user = { user: `only-${tenant}`, password: `password of ${tenant}` }
    await call('POST', `/tenants/${tenant}/users`, { as, body: { ...user, role: 'owner' } })
    return world.signIn(user.user, user.password)
  }
  const foreign = await call('POST', '/tenants/b/promote', { as: await someone('b'), body: { from: 'a' } })
  const nowhere = await call('POST', '/tenants/a/promote', { as: await someone('a'), body: { from: 'nowhere' } })
  assert.deepEqual([foreign.status, nowhere.status], [404, 404])
})
