/** The second factor over HTTP: set up, asked for at sign-in, each code once, recovery codes, the delay, reset by an administrator, required by a tenant; and one's own sessions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeAt, stepOf } from '../../server/access/totp.ts'
import { type Answer, type ApiWorld, apiWorld, declareTenant, type Someone, withKey } from './world.ts'

const code = (answer: { status: number; body: object }) => [answer.status, (answer.body as { code?: string }).code]
/** Codes around the half-minute in which it was asked for, also when that is over: they count for a minute yet. */
const codesOf = (secret: string) => {
  const base = stepOf(Date.now())
  return (off: number): string => codeAt(secret, base + off)
}
/** Six digits that are none of those that count. */
const wrongOf = (secret: string): string => {
  const near = [-2, -1, 0, 1, 2, 3, 4].map(codesOf(secret))
  return Array.from({ length: 8 }, (_, digit) => String(digit).repeat(6)).find((one) => !near.includes(one)) as string
}

const enter = (world: ApiWorld, user: string, given?: string, password = `password of ${user}`) =>
  world.call<{ csrfToken: string; lacks: string[]; code?: string }>('POST', '/session', {
    body: { user, password, ...(given !== undefined && { code: given }) },
  })
const someone = (answer: Answer<{ csrfToken: string }>): Someone => ({
  headers: {
    cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '',
    'x-csrf-token': answer.body.csrfToken,
  },
})

const addUser = async (world: ApiWorld, tenant: string, user: string, role: string) => {
  const made = await world.call('POST', `/tenants/${tenant}/users`, {
    as: world.admin,
    body: { user, role, password: `password of ${user}` },
  })
  assert.equal(made.status, 201, made.text)
  return world.signIn(user, `password of ${user}`)
}

/** Turned on with the code of the half-minute before, so that the present one is still to be used. */
const setUp = async (world: ApiWorld, user: string, as: Someone) => {
  const begun = await world.call<{ secret: string; uri: string }>('POST', '/session/second-factor', {
    as,
    body: { password: `password of ${user}` },
  })
  assert.equal(begun.status, 200, begun.text)
  const { secret, uri } = begun.body
  assert.equal(new URL(uri).searchParams.get('secret'), secret)
  const at = codesOf(secret)
  const on = await world.call<{ recoveryCodes: string[] }>('PUT', '/session/second-factor', {
    as,
    body: { code: at(-1) },
  })
  assert.equal(on.status, 200, on.text)
  return { secret, at, recoveryCodes: on.body.recoveryCodes }
}

test('with a second factor a sign-in asks for a code, takes each once, and the next half-minute too; nothing of it is stored in clear', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  const ann = await addUser(world, 'a', 'ann', 'operator')
  const other = await world.signIn('ann', 'password of ann')
  const forged = await world.call('POST', '/session/second-factor', { as: ann, body: { password: 'not hers' } })
  assert.deepEqual(code(forged), [400, 'request.invalid'], 'a stolen session sets up nothing')
  const begun = await world.call<{ secret: string }>('POST', '/session/second-factor', {
    as: ann,
    body: { password: 'password of ann' },
  })
  assert.equal((await enter(world, 'ann')).status, 200, 'not confirmed: it does not count yet')
  const wrong = await world.call('PUT', '/session/second-factor', {
    as: ann,
    body: { code: wrongOf(begun.body.secret) },
  })
  assert.deepEqual(code(wrong), [400, 'code.wrong'])

  const { secret, at, recoveryCodes } = await setUp(world, 'ann', ann)
  assert.notEqual(secret, begun.body.secret, 'begun anew is another secret')
  assert.equal((await world.call('GET', '/me', { as: other })).status, 401, 'other sessions ended')
  assert.equal((await world.call('GET', '/me', { as: ann })).status, 200)

  const asked = await enter(world, 'ann')
  assert.deepEqual(code(asked), [401, 'signIn.code'])
  assert.equal(asked.headers.get('set-cookie'), null)
  assert.deepEqual(code(await enter(world, 'ann', at(0), 'wrong')), [401, 'signIn.refused'])
  assert.deepEqual(code(await enter(world, 'ann', at(-1))), [400, 'code.wrong'], 'it was used when it was set up')
  const given = at(0)
  const both = await Promise.all([enter(world, 'ann', given), enter(world, 'ann', given)])
  assert.deepEqual(both.map((one) => one.status).sort(), [200, 400], 'two at once with one code: one is in')
  assert.deepEqual(code(await enter(world, 'ann', given)), [400, 'code.wrong'], 'each once')
  assert.equal((await enter(world, 'ann', at(1))).status, 200, 'a clock that is ahead')
  assert.deepEqual(code(await enter(world, 'ann', given)), [400, 'code.wrong'])

  assert.equal(recoveryCodes.length, 10)
  const [first = ''] = recoveryCodes
  assert.match(first, /^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$/)
  assert.equal((await enter(world, 'ann', first.toLowerCase().replaceAll('-', ' '))).status, 200)
  assert.deepEqual(code(await enter(world, 'ann', first)), [400, 'code.wrong'])
  const account = await world.call<{ secondFactor: { recoveryCodes: number } }>('GET', '/session/account', { as: ann })
  assert.equal(account.body.secondFactor.recoveryCodes, 9)

  const stored = await world.db.owner<{ row: string }>`
    select row_to_json(f)::text || (select json_agg(c)::text from recovery_code c) as row from second_factor f`
  const bytes = await world.db.owner<{ secret: Buffer }>`select secret from second_factor`
  assert.ok(!bytes[0]?.secret.includes(secret))
  for (const one of [secret, ...recoveryCodes]) assert.ok(!stored[0]?.row.includes(one))

  // new codes end the former; turned off with one of them, a password is enough again
  const renewed = await world.call<{ recoveryCodes: string[] }>('POST', '/session/second-factor/recovery-codes', {
    as: ann,
    body: { code: recoveryCodes[1] },
  })
  assert.equal(renewed.status, 200, renewed.text)
  const off = (given: string) => world.call('POST', '/session/second-factor/off', { as: ann, body: { code: given } })
  assert.deepEqual(code(await off(recoveryCodes[2] as string)), [400, 'code.wrong'])
  assert.equal((await off(renewed.body.recoveryCodes[0] as string)).status, 204)
  assert.equal((await enter(world, 'ann')).status, 200)
  assert.deepEqual(code(await off('123456')), [409, 'second.off'])
  const trail = await world.call<{ items: { route: string; after: object }[] }>('GET', '/tenants/a/audit?kind=user', {
    as: world.admin,
  })
  assert.deepEqual(
    trail.body.items.slice(0, 3).map((one) => one.route),
    ['dropSecondFactor', 'renewRecoveryCodes', 'confirmSecondFactor'],
  )
})

test('codes cannot be guessed: wrong ones make the name wait, and a right password in between does not end the waiting', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  const { secret, at } = await setUp(world, 'bob', await addUser(world, 'a', 'bob', 'viewer'))
  const seen: number[] = []
  for (let i = 0; i < 12; i++) seen.push((await enter(world, 'bob', i % 2 ? wrongOf(secret) : undefined)).status)
  assert.ok(seen.filter((one) => one === 429).length >= 1, seen.join(' '))
  assert.deepEqual(code(await enter(world, 'bob', at(0))), [429, 'signIn.wait'], 'also with the right one')
  await world.db.owner`update sign_in_try set until = clock_timestamp()`
  assert.equal((await enter(world, 'bob', at(0))).status, 200)
  const [left] = await world.db.owner<{
    n: number
  }>`select count(*)::int4 as n from sign_in_try where subject like 'user:%' and failures > 1`
  assert.equal(left?.n, 0, 'a success ends it')
})

test('an administrator takes a lost second factor away, which is written down; one of another tenant cannot', async () => {
  await using world = await apiWorld()
  for (const tenant of ['a', 'b']) await declareTenant(world, tenant)
  const cleo = await addUser(world, 'a', 'cleo', 'viewer')
  await setUp(world, 'cleo', cleo)
  const head = await addUser(world, 'a', 'head', 'admin')
  const foreign = await addUser(world, 'b', 'foreign', 'admin')
  await world.call('PATCH', '/users/cleo', { as: world.admin, body: { tenants: { b: 'viewer' } } })
  const list = await world.call<{ items: { user: string; secondFactor: string }[] }>('GET', '/tenants/a/users', {
    as: head,
  })
  assert.deepEqual(
    list.body.items.map((one) => [one.user, one.secondFactor]),
    [
      ['cleo', 'on'],
      ['head', 'off'],
    ],
  )
  const reset = (tenant: string, as: Someone) =>
    world.call('PATCH', `/tenants/${tenant}/users/cleo`, { as, body: { secondFactor: 'off' } })
  assert.deepEqual(code(await reset('b', foreign)), [403, 'user.elsewhere'])
  assert.deepEqual(code(await reset('a', cleo)), [403, 'role.refused'])
  assert.deepEqual(code(await enter(world, 'cleo')), [401, 'signIn.code'])
  assert.equal((await reset('a', head)).status, 200)
  assert.equal((await world.call('GET', '/me', { as: cleo })).status, 401, 'her sessions ended')
  assert.equal((await enter(world, 'cleo')).status, 200)
  const trail = await world.call<{ items: { actor: string; before: object; after: object }[] }>(
    'GET',
    '/tenants/a/audit?kind=user&limit=1',
    { as: world.admin },
  )
  const [entry] = trail.body.items as {
    actor: string
    before: { secondFactor: string }
    after: { secondFactor: string }
  }[]
  assert.deepEqual([entry?.actor, entry?.before.secondFactor, entry?.after.secondFactor], ['head', 'on', 'off'])
})

test('a tenant that requires a second factor lets in nobody without one, keys excepted; another tenant does not care', async () => {
  await using world = await apiWorld()
  for (const tenant of ['a', 'b']) await declareTenant(world, tenant)
  const dan = await addUser(world, 'a', 'dan', 'admin')
  await world.call('PATCH', '/users/dan', { as: world.admin, body: { tenants: { b: 'viewer' } } })
  const key = await world.call<{ secret: string }>('POST', '/tenants/a/keys', {
    as: dan,
    body: { name: 'script', scopes: ['see'] },
  })
  const rule = (secondFactor: string, path = '/tenants/a/sign-in-rule', as = world.admin) =>
    world.call('PUT', path, { as, body: { secondFactor } })
  assert.equal((await rule('required', '/tenants/a/sign-in-rule', dan)).status, 200)
  const see = (tenant: string, as: Someone) => world.call('GET', `/tenants/${tenant}/connections`, { as })
  assert.deepEqual(code(await see('a', dan)), [403, 'second.needed'])
  assert.deepEqual(code(await see('a', world.admin)), [403, 'second.needed'], 'nor the owner of the installation')
  assert.equal((await see('b', dan)).status, 200)
  assert.equal((await see('a', withKey(key.body.secret))).status, 200, 'keys are not concerned')
  assert.deepEqual((await enter(world, 'dan')).body.lacks, ['a'])
  await setUp(world, 'dan', dan)
  assert.equal((await see('a', dan)).status, 200)
  assert.equal((await rule('optional', '/tenants/a/sign-in-rule', dan)).status, 200)
  assert.equal((await see('a', world.admin)).status, 200)

  assert.equal((await rule('required', '/sign-in-rule')).status, 200)
  for (const path of ['/tenants/b/connections', '/users', '/audit'])
    assert.deepEqual(code(await world.call('GET', path, { as: world.admin })), [403, 'second.needed'], path)
  assert.equal((await world.call('GET', '/me', { as: world.admin })).status, 200)
  assert.equal((await world.call('GET', '/tenants', { as: world.admin })).status, 200)
  assert.equal((await see('b', dan)).status, 200)
})

test('one sees where one is signed in, and ends the others, one or all; never those of somebody else', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  const eve = await addUser(world, 'a', 'eve', 'viewer')
  const phone = await world.call<{ csrfToken: string }>('POST', '/session', {
    body: { user: 'eve', password: 'password of eve' },
    headers: { 'user-agent': 'a telephone' },
  })
  const third = await world.signIn('eve', 'password of eve')
  interface List {
    items: { session: string; current: boolean; agent: string; via: string }[]
  }
  const list = async (as: Someone) => (await world.call<List>('GET', '/sessions', { as })).body.items
  const mine = await list(eve)
  assert.equal(mine.length, 3)
  assert.equal(mine.filter((one) => one.current).length, 1)
  const there = mine.find((one) => one.agent === 'a telephone')
  const end = (as: Someone, session = there?.session ?? '') => world.call('DELETE', `/sessions/${session}`, { as })
  assert.deepEqual(code(await end(world.admin)), [404, 'absent'])
  assert.equal((await end(eve)).status, 204)
  assert.equal((await world.call('GET', '/me', { as: someone(phone) })).status, 401)
  assert.equal((await world.call('DELETE', '/sessions', { as: eve })).status, 204)
  assert.equal((await world.call('GET', '/me', { as: third })).status, 401)
  assert.equal((await list(eve)).length, 1)
})

test('an e-mail address belongs to one account, over all tenants; roles are given and taken in each; one’s own keys are listed for everybody', async () => {
  await using world = await apiWorld()
  for (const tenant of ['a', 'b']) await declareTenant(world, tenant)
  const fay = await addUser(world, 'a', 'fay', 'viewer')
  await addUser(world, 'b', 'gus', 'viewer')
  const mail = (tenant: string, user: string, email: string) =>
    world.call<{ email: string | null }>('PATCH', `/tenants/${tenant}/users/${user}`, {
      as: world.admin,
      body: { email },
    })
  assert.equal((await mail('a', 'fay', 'fay@example.com')).body.email, 'fay@example.com')
  assert.deepEqual(code(await mail('b', 'gus', 'FAY@example.com')), [409, 'taken'])
  assert.equal((await mail('a', 'fay', '')).body.email, null)
  assert.equal((await mail('b', 'gus', 'fay@example.com')).status, 200)
  const everywhere = await world.call('PATCH', '/users/fay', { as: world.admin, body: { role: 'viewer' } })
  assert.deepEqual(code(everywhere), [403, 'user.elsewhere'], 'a role everywhere is for accounts of the installation')
  const roles = await world.call<{ tenants: object }>('PATCH', '/users/fay', {
    as: world.admin,
    body: { tenants: { a: null, b: 'operator' } },
  })
  assert.deepEqual(roles.body.tenants, { b: 'operator' })
  await world.call('PATCH', '/users/fay', { as: world.admin, body: { tenants: { a: 'viewer' } } })
  await world.call('POST', '/tenants/a/keys', { as: fay, body: { name: 'hers', scopes: ['see'] } })
  await world.call('POST', '/tenants/a/keys', { as: world.admin, body: { name: 'his', scopes: ['see'] } })
  const own = await world.call<{ items: { name: string }[] }>('GET', '/tenants/a/own-keys', { as: fay })
  assert.deepEqual(
    own.body.items.map((one) => one.name),
    ['hers'],
  )
})
