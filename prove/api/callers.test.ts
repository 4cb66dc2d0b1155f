/** Callers whose secrets Mortise made, through later changes of the tenant. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiWorld, declareTenant } from './world.ts'

test('two callers whose secrets Mortise made stand beside each other through every later change', async () => {
  await using world = await apiWorld()
  const { admin: as, call } = world
  await declareTenant(world, 'a')
  const good = async (method: string, path: string, body: object) => {
    const answer = await call(method, `/tenants/a${path}`, { as, body })
    assert.equal(answer.status, 200, answer.text)
  }
  for (const name of ['one', 'two']) await good('PUT', `/tokens/${name}`, {})
  await good('PATCH', '/pairs/customer/flows/leftToRight', { state: 'paused' })
  await good('POST', '/tokens/one/renew', {})
  await good('PATCH', '/pairs/customer/flows/leftToRight', { state: 'enabled' })
})
