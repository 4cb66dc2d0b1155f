/** Who may do what, as a table a person can check: each role, each right, tenants and keys. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Caller } from '../http/route.ts'
import { may, mayGive, needOf, needs, permit, rights, roleOf, roles } from './rights.ts'

const caller = (more: Partial<Caller>): Caller => ({
  userId: 'ann',
  name: '',
  via: 'session',
  actor: 'ann',
  home: 'a',
  everywhere: null,
  roles: {},
  key: null,
  ...more,
})

test('each role may what the one before it may, and more', () => {
  const table = roles.map((role) => `${role}: ${rights.filter((right) => may(role, right)).join(' ')}`)
  assert.deepEqual(table, [
    'viewer: self see',
    'operator: self see operate',
    'integrator: self see operate configure',
    'admin: self see operate configure administer',
    'owner: self see operate configure administer install',
  ])
})

test('the higher of the role in the tenant and the role everywhere counts', () => {
  assert.equal(roleOf(caller({ roles: { a: 'viewer' }, everywhere: 'admin' }), 'a'), 'admin')
  assert.equal(roleOf(caller({ roles: { a: 'owner' }, everywhere: 'viewer' }), 'a'), 'owner')
  assert.equal(roleOf(caller({ roles: { a: 'owner' } }), 'b'), null)
  assert.equal(roleOf(caller({ roles: { a: 'owner' } }), null), null)
})

test('a tenant’s owner may nothing of the installation, and its key nothing of another tenant', () => {
  const code = (who: Caller, route: string, tenant: string | null) => permit(who, route, tenant)?.refuse ?? 'may'
  const owner = caller({ roles: { a: 'owner', b: 'owner' } })
  assert.equal(code(owner, 'addTenant', null), 'role.refused')
  assert.equal(code(owner, 'putConnection', 'b'), 'may')
  assert.equal(code(owner, 'putConnection', 'c'), 'absent')
  const key = { keyId: 'k', tenantId: 'a', scopes: ['see', 'configure', 'install'] }
  const withKey = caller({ roles: { a: 'owner', b: 'owner' }, everywhere: 'owner', via: 'key', key })
  assert.equal(code(withKey, 'putConnection', 'a'), 'may')
  assert.equal(code(withKey, 'putConnection', 'b'), 'absent')
  assert.equal(code(withKey, 'retryRecord', 'a'), 'scope.refused')
  assert.equal(code(withKey, 'addKey', 'a'), 'session.only')
  assert.equal(code(withKey, 'addTenant', null), 'role.refused', 'though its person may')
})

test('a role is given and taken by those who have it; a route that is not in the table cannot be', () => {
  assert.equal(mayGive('admin', 'admin'), true)
  assert.equal(mayGive('admin', 'owner'), false)
  assert.equal(mayGive(null, 'viewer'), false)
  assert.throws(() => needOf('somethingNew'), /table of rights/)
  for (const need of Object.values(needs)) assert.ok(need === null || rights.includes(need.right))
})
