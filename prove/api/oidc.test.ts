/** Signing in at an issuer (OpenID Connect) that really runs: accounts found by subject and verified e-mail, made with roles of groups, signed out; and what is said when it does not work. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { namesFor, rolesOfGroups } from '../../server/access/identities.ts'
import { openIssuers, refusalOf } from '../../server/access/issuer.ts'
import { checkUrl, type Policy } from '../../server/egress/guard.ts'
import { clientId, clientSecret, surfer, testIssuer } from './issuer.ts'
import { type Answer, type ApiWorld, apiWorld, declareTenant, type Someone } from './world.ts'

process.env.MORTISE_ALLOW_LOOPBACK = 'on' // the issuer of these tests runs beside Mortise

interface Said {
  code?: string
  detail?: string
  csrfToken: string
  user: string
  name: string
  everywhere: string | null
  issuer: string
  lacks: string[]
  tenants: { tenant: string; role: string }[]
  url: string
}
const code = (answer: Answer<Said>) => [answer.status, answer.body.code]
const cookie = (answer: Answer<Said>): string => (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''

const put = async (world: ApiWorld, issuer: string, said: object = {}) => {
  const answer = await world.call<{ signInAddress: string; hasSecret: boolean }>('PUT', '/sign-in-providers/corp', {
    as: world.admin,
    body: { name: 'Corp', issuer, allowHttp: true, clientId, clientSecret, ...said },
  })
  assert.equal(answer.status, 200, answer.text)
  return answer
}

/** The whole way, as the page goes it. */
const enter = async (
  world: ApiWorld,
  login: string,
  {
    browser = surfer(),
    change = (query: string) => query,
  }: { browser?: ReturnType<typeof surfer>; change?: (query: string) => string } = {},
) => {
  const begun = await world.call<Said>('POST', '/sign-in/corp')
  assert.equal(begun.status, 200, begun.text)
  const back = await browser.signIn(begun.body.url, login, world.url)
  assert.equal(back.pathname, '/sign-in/back')
  const finish = () =>
    world.call<Said>('POST', '/session/issuer', {
      body: { query: change(back.search.slice(1)) },
      headers: { cookie: cookie(begun) },
    })
  return { begun, back, finish, answer: await finish() }
}

const someone = (answer: Answer<Said>): Someone => ({
  headers: { cookie: cookie(answer), 'x-csrf-token': answer.body.csrfToken },
})

test('a person of the issuer gets an account with the roles of his groups, is known again by subject, and is signed out there too', async () => {
  await using world = await apiWorld()
  for (const tenant of ['a', 'b']) await declareTenant(world, tenant)
  await using corp = await testIssuer(world.url)
  const groups = [
    { group: 'staff', tenant: 'a', role: 'viewer' },
    { group: 'ops', tenant: 'a', role: 'operator' },
    { group: 'ops', tenant: 'b', role: 'integrator' },
  ]
  const asked = await put(world, corp.issuer, { create: true, groups })
  assert.equal(asked.body.signInAddress, `${world.url}/sign-in/back`)
  assert.ok(!asked.text.includes(clientSecret), 'the secret does not come back')
  assert.deepEqual((await world.call('GET', '/sign-in')).body, { providers: [{ provider: 'corp', name: 'Corp' }] })
  assert.equal((await world.call('POST', '/sign-in-providers/corp/test', { as: world.admin })).status, 204)

  corp.people.set('s-1', { email: 'lin@corp.example', email_verified: true, name: 'Lin', groups: ['staff', 'ops'] })
  const browser = surfer()
  const { begun, back, answer, finish } = await enter(world, 's-1', { browser })
  const sent = new URL(begun.body.url).searchParams
  assert.equal(sent.get('code_challenge_method'), 'S256')
  assert.ok((sent.get('nonce') ?? '').length > 20 && (sent.get('state') ?? '').length > 20)
  assert.match(
    begun.headers.get('set-cookie') ?? '',
    /^mortise-way=[\w-]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=600$/,
  )
  assert.doesNotMatch(begun.headers.get('set-cookie') ?? '', new RegExp(sent.get('nonce') as string))
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual([answer.body.user, answer.body.name, answer.body.issuer], ['lin@corp.example', 'Lin', 'corp'])
  assert.deepEqual(answer.body.tenants.map(({ tenant, role }) => [tenant, role]).sort(), [
    ['a', 'operator'],
    ['b', 'integrator'],
  ])
  const lin = someone(answer)
  assert.equal((await world.call('GET', '/tenants/a/connections', { as: lin })).status, 200)
  assert.equal(
    (await world.call<Said>('POST', '/session', { body: { user: 'lin@corp.example', password: 'x' } })).status,
    401,
  )

  // what came back opens once, in this browser only, for this sign-in only
  assert.deepEqual(code(await finish()), [403, 'issuer.refused'])
  const foreign = await world.call<Said>('POST', '/session/issuer', { body: { query: back.search.slice(1) } })
  assert.deepEqual(code(foreign), [409, 'issuer.stale'])
  const forged = await enter(world, 's-1', { browser, change: (query) => query.replace(/state=[^&]+/, 'state=forged') })
  assert.deepEqual(code(forged.answer), [409, 'issuer.stale'])

  // known again by the subject; the groups of the moment count, and what a tenant has written down tells who did it
  corp.people.set('s-1', { email: 'lin.new@corp.example', email_verified: true, name: 'Lin', groups: ['staff'] })
  const again = await enter(world, 's-1', { browser })
  assert.equal(again.answer.body.user, 'lin@corp.example')
  assert.deepEqual(
    again.answer.body.tenants.map(({ tenant, role }) => [tenant, role]),
    [['a', 'viewer']],
  )
  const trail = await world.call<{ items: { actor: string; before: unknown; after: unknown }[] }>(
    'GET',
    '/tenants/a/audit?kind=user&limit=1',
    { as: world.admin },
  )
  const [entry] = trail.body.items
  assert.deepEqual(
    [entry?.actor, entry?.before, entry?.after],
    ['issuer corp', { role: 'operator' }, { role: 'viewer' }],
  )
  const sessions = await world.call<{ items: { via: string }[] }>('GET', '/sessions', { as: lin })
  assert.deepEqual(
    sessions.body.items.map((one) => one.via),
    ['issuer', 'issuer'],
  )
  // a second factor is the issuer's business
  await world.call('PUT', '/tenants/a/sign-in-rule', { as: world.admin, body: { secondFactor: 'required' } })
  assert.deepEqual((await enter(world, 's-1', { browser })).answer.body.lacks, [])

  const leave = await world.call<Said>('GET', '/session/issuer', { as: lin })
  const out = new URL(leave.body.url)
  assert.equal(out.origin, corp.issuer)
  assert.equal(out.searchParams.get('post_logout_redirect_uri'), `${world.url}/sign-in`)
  assert.ok((out.searchParams.get('id_token_hint') ?? '').length > 100)
  assert.equal((await browser.go(out.href)).status, 200, 'the issuer takes it')
  assert.equal((await world.call('DELETE', '/session', { as: lin })).status, 204)
  assert.equal((await world.call('GET', '/me', { as: lin })).status, 401)
})

test('an account is found by an e-mail address that the issuer has verified, and by no other; nobody is let in who has none or may not', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  await using corp = await testIssuer(world.url)
  await put(world, corp.issuer)
  const add = (user: string, email?: string) =>
    world.call('POST', '/tenants/a/users', {
      as: world.admin,
      body: { user, role: 'viewer', password: 'long enough, this', ...(email && { email }) },
    })
  await add('mei', 'Mei@corp.example')
  await add('kai@corp.example')
  corp.people.set('unverified', { email: 'mei@corp.example', email_verified: false })
  corp.people.set('mei', { email: 'mei@corp.example', email_verified: true })
  corp.people.set('kai', { email: 'KAI@corp.example', email_verified: true })
  corp.people.set('stranger', { email: 'stranger@corp.example', email_verified: true })
  assert.deepEqual(code((await enter(world, 'unverified')).answer), [403, 'account.absent'])
  assert.equal((await enter(world, 'mei')).answer.body.user, 'mei')
  assert.equal((await enter(world, 'kai')).answer.body.user, 'kai@corp.example', 'a name that is the address')
  const stranger = (await enter(world, 'stranger')).answer
  assert.deepEqual(code(stranger), [403, 'account.absent'])
  assert.match(stranger.body.detail ?? '', /no account for stranger@corp\.example/)
  await world.call('PATCH', '/tenants/a/users/mei', { as: world.admin, body: { disabled: true } })
  assert.deepEqual(code((await enter(world, 'mei')).answer), [403, 'account.disabled'])
  await put(world, corp.issuer, { create: true, defaultRole: { tenant: 'a', role: 'viewer' } })
  const made = (await enter(world, 'stranger')).answer
  assert.deepEqual(
    made.body.tenants.map(({ tenant, role }) => [tenant, role]),
    [['a', 'viewer']],
  )
  // a role given here stays: the default is for the first time
  await world.call('PATCH', '/tenants/a/users/stranger@corp.example', { as: world.admin, body: { role: 'operator' } })
  assert.equal((await enter(world, 'stranger')).answer.body.tenants[0]?.role, 'operator')
  await put(world, corp.issuer, { enabled: false })
  assert.deepEqual((await world.call('GET', '/sign-in')).body, { providers: [] })
  assert.equal((await world.call('POST', '/sign-in/corp')).status, 404)
})

test('what goes wrong with the issuer is said in a sentence: not reached, not allowed, refused, not what it should be', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  await using corp = await testIssuer(world.url)
  corp.people.set('s-1', { email: 'lin@corp.example', email_verified: true })
  const begin = () => world.call<Said>('POST', '/sign-in/corp')
  const sentence = (answer: Answer<Said>, wanted: readonly [number, string], said: RegExp) => {
    assert.deepEqual(code(answer), [...wanted], answer.text)
    assert.match(answer.body.detail ?? '', said)
  }
  const plain = await world.call<Said>('PUT', '/sign-in-providers/corp', {
    as: world.admin,
    body: { name: 'Corp', issuer: corp.issuer, clientId },
  })
  assert.deepEqual(code(plain), [400, 'request.invalid'], 'http has to be allowed')
  const strange = await world.call<Said>('PUT', '/sign-in-providers/corp', {
    as: world.admin,
    body: {
      name: 'Corp',
      issuer: 'https://x.example',
      clientId,
      groups: [{ group: 'g', tenant: 'nowhere', role: 'viewer' }],
    },
  })
  assert.deepEqual(code(strange), [404, 'absent'])

  const nobody = createServer().listen(0, '127.0.0.1')
  await once(nobody, 'listening')
  const { port } = nobody.address() as AddressInfo
  await new Promise((closed) => nobody.close(closed))
  await put(world, `http://127.0.0.1:${port}`)
  sentence(await begin(), [502, 'issuer.unreachable'], /nothing listens there/)
  await put(world, 'http://169.254.169.254')
  sentence(await begin(), [502, 'issuer.unreachable'], /not allowed: .*reserved address/)
  const tested = await world.call<Said>('POST', '/sign-in-providers/corp/test', { as: world.admin })
  sentence(tested, [502, 'issuer.unreachable'], /reserved address/)
  const metadata = '/.well-known/openid-configuration'
  for (const [answer, said] of [
    [{ status: 500, body: '{}' }, /HTTP response status code.*500/],
    [{ status: 200, body: 'hello', type: 'text/html' }, /content-type/],
    [{ status: 200, body: '{"issuer":"https://evil.example"}' }, /issuer/],
    [{ status: 200, body: ' '.repeat((1 << 20) + 1) }, /more than 1048576 bytes/],
  ] as const) {
    corp.instead.set(metadata, answer)
    await put(world, corp.issuer)
    sentence(await begin(), [502, 'issuer.wrong'], said)
  }
  corp.instead.clear()

  await put(world, corp.issuer, { clientSecret: 'another one' })
  sentence((await enter(world, 's-1')).answer, [403, 'issuer.refused'], /invalid_client/)
  await put(world, corp.issuer)
  const denied = await enter(world, 's-1', {
    change: (query) => `error=access_denied&error_description=not+today&${query.replace(/code=[^&]+&?/, '')}`,
  })
  sentence(denied.answer, [403, 'issuer.refused'], /access_denied: not today/)

  // a token signed by somebody else
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'other' }
  const real = (await (await fetch(`${corp.issuer}/jwks`)).json()) as { keys: { kid: string }[] }
  corp.instead.set('/jwks', {
    status: 200,
    body: JSON.stringify({ keys: real.keys.map(({ kid }) => ({ ...jwk, kid })) }),
  })
  await put(world, corp.issuer, { clientId, clientSecret: `${clientSecret}` })
  const unsigned = await enter(world, 's-1')
  sentence(unsigned.answer, [502, 'issuer.wrong'], /signature/)
  assert.equal(unsigned.answer.headers.get('set-cookie'), null)
  corp.instead.clear()
  await corp.close()
  const gone = await world.call<Said>('POST', '/session/issuer', {
    body: { query: unsigned.back.search.slice(1) },
    headers: { cookie: cookie(unsigned.begun) },
  })
  sentence(gone, [502, 'issuer.unreachable'], /nothing listens there/)
})

test('an issuer inside one’s own network may be reached; loopback only where that is allowed, and our own database never', async () => {
  await using corp = await testIssuer('http://127.0.0.1')
  const provider = {
    providerId: 'corp',
    issuer: corp.issuer,
    clientId,
    clientSecret,
    allowHttp: true,
    groups: [],
  } as unknown as Parameters<ReturnType<typeof openIssuers>['look']>[0]
  const look = (policy: Partial<Policy>) => openIssuers(() => ({ kind: 'connection', ...policy })).look(provider)
  assert.equal(await look({ allowLoopback: true }), null)
  const refused = await look({})
  assert.deepEqual([refused?.refuse, /loopback/.test(refused?.values.said ?? '')], ['issuer.unreachable', true])
  const port = Number(new URL(corp.issuer).port)
  const own = await look({ allowLoopback: true, denied: [{ host: '127.0.0.1', port }] })
  assert.match(own?.values.said ?? '', /own/)
  assert.ok('url' in checkUrl('http://10.1.2.3/', { kind: 'connection' }), 'a private address is what an owner named')
})

test('the highest role of the groups counts, a tenant that is named without one has none, and an account gets a name that may be', () => {
  const groups = [
    { group: 'x', tenant: 'a', role: 'viewer' },
    { group: 'y', tenant: 'a', role: 'admin' },
    { group: 'x', tenant: '*', role: 'viewer' },
    { group: 'z', tenant: 'b', role: 'viewer' },
  ] as const
  assert.deepEqual(
    [...rolesOfGroups([...groups], ['y', 'x'])],
    [
      ['a', 'admin'],
      ['*', 'viewer'],
      ['b', null],
    ],
  )
  const who = { issuer: 'https://i', subject: '|odd|', email: 'ünicode@x', username: 'zhang' }
  const [first, second] = namesFor('corp', who)
  assert.equal(first, 'zhang')
  assert.match(second ?? '', /^corp-[0-9a-f]{12}$/)
  assert.match(refusalOf(new Error('odd'), 'https://i').values.said ?? '', /odd/)
})
