/** Who may, over HTTP: signing in and its delay, forged requests, keys that act for a person, accounts and their roles, the audit trail. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiWorld, declareTenant, type Someone, withKey } from './world.ts'

const code = (answer: { status: number; body: object }) => [answer.status, (answer.body as { code?: string }).code]

test('a wrong password, an unknown name and a disabled account are answered alike', async () => {
  await using world = await apiWorld()
  await world.call('POST', '/users', {
    as: world.admin,
    body: { user: 'away', role: 'viewer', password: 'password of away' },
  })
  await world.call('PATCH', '/users/away', { as: world.admin, body: { disabled: true } })
  const tries = [
    { user: 'admin', password: 'wrong' },
    { user: 'nobody', password: 'wrong' },
    { user: 'away', password: 'password of away' },
  ]
  const answers = await Promise.all(tries.map((body) => world.call('POST', '/session', { body })))
  for (const { status, body } of answers)
    assert.deepEqual({ status, ...body, traceId: '' }, { status: 401, ...answers[0]?.body, traceId: '' })
})

test('after ten failures a name waits, also with the right password and in thirty tries at once; others do not', async () => {
  await using world = await apiWorld()
  const wrong = { user: 'admin', password: 'wrong' }
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => world.call<{ code: string }>('POST', '/session', { body: wrong })),
  )
  const looked = answers.filter((one) => one.status === 401).length
  assert.ok(looked >= 10 && looked <= 11, `${looked} passwords were looked at`)
  for (const one of answers.filter((one) => one.status !== 401)) {
    assert.deepEqual(code(one), [429, 'signIn.wait'])
    assert.ok(Number(one.headers.get('retry-after')) >= 1)
  }
  const right = { user: 'admin', password: world.adminPassword }
  assert.equal((await world.call('POST', '/session', { body: right })).status, 429)
  assert.equal((await world.call('POST', '/session', { body: { user: 'other', password: 'x' } })).status, 401)
  // the delay grows, and a success ends it
  const pause = async () =>
    (
      await world.db.owner<{ pause: number }>`
        select extract(epoch from until - last_at)::int4 as pause from sign_in_try where subject like 'user:%' and failures > 10`
    )[0]?.pause
  const open = () => world.db.owner`update sign_in_try set until = clock_timestamp()`
  const pauses = [await pause()]
  for (let i = 0; i < 3; i++) {
    await open()
    await world.call('POST', '/session', { body: wrong })
    pauses.push(await pause())
  }
  assert.deepEqual(pauses, [2, 4, 8, 16])
  await open()
  assert.equal((await world.call('POST', '/session', { body: right })).status, 200)
  assert.equal((await world.call('POST', '/session', { body: wrong })).status, 401)
})

test('a session’s cookie alone changes nothing: the token is asked for, and the page it comes from must be ours', async () => {
  await using world = await apiWorld()
  const { cookie = '', ...token } = world.admin.headers
  const change = (headers: Record<string, string>) =>
    world.call('POST', '/tenants', { headers, body: { tenant: `t${Math.random()}`.replace('.', '') } })
  assert.deepEqual(code(await change({ cookie })), [403, 'origin.refused'])
  assert.deepEqual(code(await change({ cookie, 'x-csrf-token': 'x' })), [403, 'origin.refused'])
  assert.deepEqual(code(await change({ cookie, ...token, origin: 'https://evil.example' })), [403, 'origin.refused'])
  assert.deepEqual(code(await change({ cookie, ...token, 'sec-fetch-site': 'cross-site' })), [403, 'origin.refused'])
  assert.equal((await change({ cookie, ...token, origin: world.url })).status, 201)
  assert.equal((await world.call('GET', '/me', { headers: { cookie } })).status, 200)
  const foreign = await world.call('POST', '/session', {
    body: { user: 'admin', password: world.adminPassword },
    headers: { origin: 'https://evil.example' },
  })
  assert.deepEqual(code(foreign), [403, 'origin.refused'], 'nobody is signed in from elsewhere')
})

test('the cookie is bound to this host over TLS, and never readable by a script', async () => {
  await using world = await apiWorld()
  const body = { user: 'admin', password: world.adminPassword }
  const plain = await world.call('POST', '/session', { body })
  assert.match(
    plain.headers.get('set-cookie') ?? '',
    /^mortise=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/,
  )
  const tls = await world.call<{ csrfToken: string }>('POST', '/session', {
    body,
    headers: { 'x-forwarded-proto': 'https' },
  })
  const cookie = tls.headers.get('set-cookie') ?? ''
  assert.match(cookie, /^__Host-mortise=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+; Secure$/)
  const headers = {
    cookie: cookie.split(';')[0] ?? '',
    'x-csrf-token': tls.body.csrfToken,
    'x-forwarded-proto': 'https',
  }
  assert.equal((await world.call('GET', '/session', { headers })).status, 200)
  const out = await world.call('DELETE', '/session', { headers })
  assert.equal(out.status, 204)
  assert.match(out.headers.get('set-cookie') ?? '', /^__Host-mortise=; .*Max-Age=0/)
  assert.equal((await world.call('GET', '/session', { headers })).status, 401)
  const stored = await world.db.owner<{ hash: Buffer }>`select hash from session`
  assert.ok(stored.length > 0 && stored.every(({ hash }) => !cookie.includes(hash.toString('base64url'))))
})

test('a new password ends every other session of the account', async () => {
  await using world = await apiWorld()
  const other = await world.signIn('admin', world.adminPassword)
  const wrong = await world.call('PUT', '/session/password', {
    as: world.admin,
    body: { password: 'not it', newPassword: 'a new one, longer' },
  })
  assert.equal(wrong.status, 400)
  const changed = await world.call('PUT', '/session/password', {
    as: world.admin,
    body: { password: world.adminPassword, newPassword: 'a new one, longer' },
  })
  assert.equal(changed.status, 204, changed.text)
  assert.equal((await world.call('GET', '/me', { as: world.admin })).status, 200)
  assert.equal((await world.call('GET', '/me', { as: other })).status, 401)
  await assert.rejects(world.signIn('admin', world.adminPassword))
  await world.signIn('admin', 'a new one, longer')
})

test('a key acts for its person: never with more than the role allows now, not after its end, and not once the person is gone', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  const { call, admin } = world
  await call('POST', '/tenants/a/users', {
    as: admin,
    body: { user: 'ann', role: 'admin', password: 'password of ann' },
  })
  const ann = await world.signIn('ann', 'password of ann')
  const make = async (as: Someone, scopes: string[], days = 30) =>
    call<{ key: string; secret: string; code?: string }>('POST', '/tenants/a/keys', {
      as,
      body: { name: 'script', scopes, days },
    })
  const key = await make(ann, ['see', 'operate', 'configure', 'administer'])
  assert.match(key.body.secret, /^mk_[0-9a-f]{12}_[\w-]{43}$/)
  const as = withKey(key.body.secret)
  const list = await call('GET', '/tenants/a/keys', { as })
  assert.equal(list.status, 200)
  assert.ok(!list.text.includes(key.body.secret), 'shown once')
  const [stored] = await world.db.owner<{ row: string }>`select row_to_json(k)::text as row from api_key k`
  assert.ok(!stored?.row.includes(key.body.secret.slice(16)), 'kept as a hash')

  // demoted: the key may no more
  await call('PATCH', '/tenants/a/users/ann', { as: admin, body: { role: 'viewer' } })
  assert.deepEqual(code(await call('GET', '/tenants/a/keys', { as })), [403, 'role.refused'])
  assert.equal((await call('GET', '/tenants/a/connections', { as })).status, 200)
  assert.deepEqual(code(await make(ann, ['configure'])), [403, 'role.refused'], 'nor can a viewer make one that may')
  // disabled and back, expired, revoked
  await call('PATCH', '/tenants/a/users/ann', { as: admin, body: { disabled: true } })
  assert.equal((await call('GET', '/me', { as })).status, 401)
  assert.equal((await call('GET', '/me', { as: ann })).status, 401, 'and the session ended')
  await call('PATCH', '/tenants/a/users/ann', { as: admin, body: { disabled: false } })
  assert.equal((await call('GET', '/me', { as })).status, 200)
  await world.db.owner`update api_key set expires_at = clock_timestamp()`
  assert.equal((await call('GET', '/me', { as })).status, 401)
  await world.db.owner`update api_key set expires_at = clock_timestamp() + interval '1 day'`
  assert.equal((await call('DELETE', `/tenants/a/keys/${key.body.key}`, { as: admin })).status, 204)
  assert.equal((await call('GET', '/me', { as })).status, 401)
})

test('nobody gives more than he has, the last owner stays, and an account is its home’s', async () => {
  await using world = await apiWorld()
  for (const tenant of ['a', 'b']) await declareTenant(world, tenant)
  const { call, admin } = world
  const add = (tenant: string, user: string, role: string, as = admin) =>
    call<{ password: string | null }>('POST', `/tenants/${tenant}/users`, { as, body: { user, role } })
  const ann = await add('a', 'ann', 'admin')
  assert.ok((ann.body.password ?? '').length >= 20, 'a password was made and told')
  const asAnn = await world.signIn('ann', ann.body.password ?? '')
  assert.deepEqual(code(await add('a', 'boss', 'owner', asAnn)), [403, 'role.above'])
  assert.equal((await add('a', 'helper', 'operator', asAnn)).status, 201)
  assert.deepEqual(code(await add('a', 'HELPER', 'operator', asAnn)), [409, 'taken'])
  // ann works in b as well; b may change her role there, and not her password
  const given = await call('PATCH', '/users/ann', { as: admin, body: { tenants: { b: 'viewer' } } })
  assert.equal(given.status, 200, given.text)
  const bob = await add('b', 'bob', 'admin')
  const asBob = await world.signIn('bob', bob.body.password ?? '')
  const mine = await call<{ tenants: object[] }>('GET', '/me', { as: asAnn })
  assert.equal(mine.body.tenants.length, 2)
  const steal = await call('PATCH', '/tenants/b/users/ann', { as: asBob, body: { password: 'now it is mine' } })
  assert.deepEqual(code(steal), [403, 'user.elsewhere'])
  assert.equal((await call('PATCH', '/tenants/b/users/ann', { as: asBob, body: { role: 'operator' } })).status, 200)
  assert.equal((await call('DELETE', '/tenants/b/users/ann', { as: asBob })).status, 204)
  assert.equal((await call('GET', '/me', { as: asAnn })).status, 200, 'only the role in b is gone')
  // the installation keeps an owner
  assert.deepEqual(code(await call('DELETE', '/users/admin', { as: admin })), [409, 'user.last'])
  assert.deepEqual(code(await call('PATCH', '/users/admin', { as: admin, body: { disabled: true } })), [
    409,
    'user.last',
  ])
  assert.deepEqual(code(await call('PATCH', '/users/admin', { as: admin, body: { role: 'viewer' } })), [
    409,
    'user.last',
  ])
})

test('the audit trail says who changed what from what to what, page by page, and shows no secret', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  const { call, admin } = world
  const options = '/tenants/a/pairs/customer/flows/leftToRight/options/level'
  await call('PUT', options, { as: admin, body: { options: { A: '1', B: '2', C: '3' } } })
  const connection = (await call('GET', '/tenants/a/connections/erp', { as: admin })).body
  await call('PUT', '/tenants/a/connections/erp', {
    as: admin,
    body: { ...connection, headers: { token: 'canary-other-secret' } },
  })
  interface Page {
    items: {
      kind: string
      name: string
      route: string
      actor: string
      before: unknown
      after: unknown
      traceId: string
    }[]
    next: string | null
  }
  const page = (query: string) => call<Page>('GET', `/tenants/a/audit${query}`, { as: admin })
  const flow = await page('?kind=flow&limit=1')
  const [entry] = flow.body.items
  assert.deepEqual([entry?.actor, entry?.route, entry?.name], ['admin', 'putOptions', 'customer leftToRight'])
  const rules = (tree: unknown) =>
    (tree as { mapping: { fields: Record<string, { options: object }> } }).mapping.fields.level?.options
  assert.deepEqual(
    [rules(entry?.before), rules(entry?.after)],
    [
      { A: '1', B: '2' },
      { A: '1', B: '2', C: '3' },
    ],
  )
  const secret = await page('?kind=connection&name=erp&limit=1')
  assert.deepEqual(
    (secret.body.items[0]?.after as { changed?: string[] } | undefined)?.changed,
    ['headers'],
    'a new secret shows by its field',
  )

  const whole = (await page('?limit=500')).body.items
  const pieces: Page['items'] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: { body: Page } = await page(`?limit=3${cursor && `&cursor=${cursor}`}`)
    pieces.push(...body.items)
    cursor = body.next
  }
  assert.deepEqual(pieces, whole)
  assert.ok(whole.length > 8)
  assert.doesNotMatch(JSON.stringify(whole), /canary/)
  const every = await call<Page>('GET', '/audit?kind=tenant', { as: admin })
  assert.deepEqual(
    every.body.items.map((one) => one.name),
    ['a'],
  )
})

test('a refused call and a plan write nothing down', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  const { call, admin } = world
  const count = async () => (await world.db.owner<{ n: number }>`select count(*) as n from audit`)[0]?.n
  const before = await count()
  const yaml = (await call('GET', '/tenants/a/configuration', { as: admin })).text
  const changed = yaml.replace('name: Tenant a', 'name: Other')
  const plan = await call<{ changes: object[] }>('POST', '/tenants/a/configuration/plan', {
    as: admin,
    body: { yaml: changed },
  })
  assert.equal(plan.body.changes.length, 1)
  assert.equal((await call('DELETE', '/tenants/a/connections/erp', { as: admin })).status, 422)
  assert.equal((await call('PUT', '/tenants/a/connections/erp', { as: admin, body: { role: 'erp' } })).status, 422)
  assert.equal(await count(), before)
  assert.match((await call('GET', '/tenants/a', { as: admin })).text, /Tenant a/)
})

test('what somebody prefers is kept word by word: two pages that say different things at once lose nothing', async () => {
  await using world = await apiWorld()
  const put = (body: object) => world.call('PUT', '/session/preference', { as: world.admin, body })
  const guide = { hidden: true, seen: ['test'] }
  const said = await Promise.all([
    put({ locale: 'ja_JP' }),
    put({ guide }),
    put({ theme: 'dark' }),
    put({ zone: 'UTC' }),
  ])
  assert.deepEqual(
    said.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  assert.deepEqual((await world.call('GET', '/session/preference', { as: world.admin })).body, {
    locale: 'ja_JP',
    zone: 'UTC',
    theme: 'dark',
    guide,
  })
  await put({ theme: null })
  const { body } = await world.call('GET', '/session/preference', { as: world.admin })
  assert.deepEqual([body.theme, body.locale], [null, 'ja_JP'])
})
