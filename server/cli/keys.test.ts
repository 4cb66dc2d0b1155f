/** The installation's key and callers' secrets over a real database: changed without a moment in which something cannot be read or nobody gets in. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CredentialTaken } from '../access/credentials.ts'
import { addKey, dropFormerKeys, secretKey } from '../access/key.ts'
import { providerPlace, putProvider, type Said } from '../access/providers.ts'
import { RenewRefused } from '../access/renew.ts'
import { hashSecret, keyNames, open, reseal, type SecretKey, SecretRefused, seal } from '../access/secrets.ts'
import { beginSecondFactor, confirmSecondFactor } from '../access/second-factor.ts'
import { codeAt, stepOf } from '../access/totp.ts'
import { requireConfig } from '../flows/file.ts'
import { freshDatabase } from '../store/fresh.ts'
import { apply, exportConfig, load } from './configuration.ts'
import { keyUse, renewSecret, retireSecret, rotateKeys } from './keys.ts'

const env = {
  TOKEN: 'push-token-of-2026-new',
  TOKEN_OLD: 'push-token-of-2025-old',
  HOOK: 'hook-secret-of-2026',
  HOOK_OLD: 'hook-secret-of-2025',
  HR: 'hr-secret-of-2026',
  HR_OLD: 'hr-secret-of-2025',
  SALT: 'salt-of-2026-long-enough',
  SALT_OLD: 'salt-of-2025-long-enough',
}
const connections = (count: number) =>
  Array.from(
    { length: count },
    (_, i) =>
      `      - { id: erp-${i}, role: erp, baseUrl: 'https://erp.example.com/${i}/', headers: { token: header-secret-${i} } }`,
  ).join('\n')
const callers = (former: boolean, until = '') => `
    tokens:
      - { name: push, value: '\${TOKEN}'${former ? `, former: '\${TOKEN_OLD}'${until}` : ''} }
    hooks:
      - { connection: erp-0, secret: '\${HOOK}'${former ? `, former: '\${HOOK_OLD}'${until}` : ''} }
    batchClients:
      - { id: hr, secret: '\${HR}', salt: '\${SALT}'${former ? `, formerSecret: '\${HR_OLD}', formerSalt: '\${SALT_OLD}'${until}` : ''} }`
const file = (count: number, more: string, tenant = 'acme') =>
  `tenants:\n  - id: ${tenant}\n    connections:\n${connections(count)}${more}\n`
const read = (text: string) =>
  requireConfig({ text, file: 'test.yaml', env, generate: (name) => `generated-${name}` }).config

const [k1, k2] = [randomBytes(32), randomBytes(32)]
const both: SecretKey = [k2, k1]

test('the key is changed in slices: before, during and after everything can be read, and then the old one opens nothing', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, k1, read(file(450, callers(false))))
  const before = await load(db.sql, k1)
  assert.deepEqual((await load(db.sql, both)).connections, before.connections, 'two keys open what the former closed')
  await assert.rejects(load(db.sql, k2), SecretRefused)
  // A run that is killed after its first slice.
  await assert.rejects(
    rotateKeys(db.sql, both, (done) => {
      if (done >= 200) throw new Error('killed')
    }),
    /killed/,
  )
  const [newest, former] = await keyUse(db.sql, both)
  assert.deepEqual([newest?.connections, former?.connections, former?.credentials], [200, 250, 1])
  assert.deepEqual((await load(db.sql, both)).connections, before.connections)
  const rotated = await rotateKeys(db.sql, both)
  assert.deepEqual(rotated, { done: 251, refused: [] })
  assert.deepEqual((await rotateKeys(db.sql, both)).done, 0)
  assert.deepEqual((await load(db.sql, k2)).connections, before.connections, 'the new key alone')
  await assert.rejects(load(db.sql, k1), SecretRefused)
  assert.deepEqual(
    (await keyUse(db.sql, both)).map(({ key, role, connections, credentials }) => [
      key,
      role,
      connections,
      credentials,
    ]),
    [
      [keyNames(k2)[0], 'newest', 450, 1],
      [keyNames(k1)[0], 'former', 0, 0],
    ],
  )
})

test('second factors and issuers move with the key, and hold the former one until they have', async () => {
  await using db = await freshDatabase()
  await db.sql`insert into "user" (user_id, tenant_id) values ('ann', '*')`
  const secret = await beginSecondFactor(db.sql, k1, 'ann')
  await putProvider(db.sql, k1, 'corp', { name: 'Corp' } as Said, 'a-secret-of-the-client', Date.now())
  assert.deepEqual(
    (await keyUse(db.sql, both)).map(({ role, others }) => [role, others]),
    [
      ['newest', 0],
      ['former', 2],
    ],
  )
  assert.deepEqual(await rotateKeys(db.sql, both), { done: 2, refused: [] })
  assert.deepEqual(
    (await keyUse(db.sql, both)).map(({ role, others }) => [role, others]),
    [
      ['newest', 2],
      ['former', 0],
    ],
  )
  const now = Date.now()
  const on = await confirmSecondFactor(
    db.sql,
    k2,
    { userId: 'ann', home: '*' },
    codeAt(secret ?? '', stepOf(now)),
    now,
    async () => {},
  )
  assert.equal(on.length, 10, 'the new key alone opens it')
  const [row] = await db.sql<{ secret: Buffer }>`select secret from sign_in_provider`
  assert.equal(open(k2, providerPlace('corp'), row?.secret as Buffer), 'a-secret-of-the-client')
})

test('two runs at once end with every envelope under the new key; what none of our keys opens is told and left alone', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, k1, read(file(30, callers(false))))
  const lost = seal(randomBytes(32), 'connection/acme/erp-7', '{"headers":{}}')
  await db.sql`update connection set secrets = ${lost} where connection_id = 'erp-7'`
  const runs = await Promise.all([rotateKeys(db.sql, both), rotateKeys(db.open(), both)])
  assert.ok(
    runs.some(({ refused }) => refused.length === 1 && /connection\/acme\/erp-7 .*another key/.test(refused[0] ?? '')),
  )
  const use = await keyUse(db.sql, both)
  assert.deepEqual(
    use.map(({ role, connections, credentials }) => [role, connections, credentials]),
    [
      ['newest', 29, 1],
      ['former', 0, 0],
      ['unknown', 1, 0],
    ],
  )
})

test('an envelope opens in its own tenant and row only, in the tables as well, also after its key was changed', async () => {
  await using db = await freshDatabase()
  const config = (tenant: string) => read(file(1, '', tenant))
  await apply(db.sql, k1, config('acme'))
  await apply(db.sql, k1, config('evil'))
  await db.sql`
    update connection set secrets = (select secrets from connection where tenant_id = 'acme')
    where tenant_id = 'evil'`
  await assert.rejects(load(db.sql, k1), /connection\/evil\/erp-0 is damaged or belongs to another row/)
  const { refused } = await rotateKeys(db.sql, both)
  assert.equal(refused.length, 1)
  assert.throws(() => reseal(both, 'connection/evil/erp-0', seal(k1, 'connection/acme/erp-0', 'x')), SecretRefused)
})

test('the key of the data folder: a new one goes before, the former ones go on opening, until they are dropped', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-keys-'))
  try {
    const first = await secretKey(folder, {})
    await addKey(folder)
    const two = await secretKey(folder, {})
    assert.equal(keyNames(two)[1], keyNames(first)[0])
    assert.equal(await dropFormerKeys(folder), 1)
    assert.deepEqual(keyNames(await secretKey(folder, {})), keyNames(two).slice(0, 1))
    assert.equal((await readFile(join(folder, 'secret.key'), 'utf8')).trim().split('\n').length, 1)
  } finally {
    await rm(folder, { recursive: true })
  }
  const [a, b] = [k1.toString('base64'), k2.toString('hex')]
  assert.deepEqual(await secretKey('/nowhere', { MORTISE_SECRET_KEY: `${b},${a}` }), [k2, k1])
})

test('by configuration: the former values of token, hook, client and salt are valid beside the new ones, and no longer once removed', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, k1, read(file(1, callers(true))))
  const lets = async () => {
    const { tokens, hooks, batchClients } = await load(db.sql, k1)
    const [client] = batchClients.find('hr')
    const token = (secret: string) => tokens.find(hashSecret(secret))?.tokenId
    const hook = (secret: string) => hooks.find('erp-0', hashSecret(secret))?.connectionId
    return {
      now: [token(env.TOKEN), hook(env.HOOK), client?.is(env.HR), client?.salt],
      former: [token(env.TOKEN_OLD), hook(env.HOOK_OLD), client?.is(env.HR_OLD), client?.formerSalt],
    }
  }
  const now = ['push', 'erp-0', true, env.SALT]
  assert.deepEqual(await lets(), { now, former: ['push', 'erp-0', true, env.SALT_OLD] })
  const exported = await exportConfig(db.sql, k1)
  assert.ok(exported.includes('former: ${TOKEN_OLD}') && !exported.includes('2025'))
  assert.deepEqual(await apply(db.sql, k1, read(exported.replaceAll(/\$\{ERP_0_TOKEN\}/g, 'header-secret-0'))), [])
  const changes = await apply(db.sql, k1, read(file(1, callers(false))))
  assert.deepEqual(changes.map((one) => one.kind).sort(), ['batch client', 'hook', 'token'])
  assert.ok(!JSON.stringify(changes).includes('2025') && !JSON.stringify(changes).includes('2026'))
  assert.deepEqual(await lets(), { now, former: [undefined, undefined, false, null] })
})

test('a former value ends at its time by itself', async () => {
  await using db = await freshDatabase()
  const until = new Date(Date.now() + 60_000).toISOString()
  await apply(db.sql, k1, read(file(1, callers(true, `, formerUntil: '${until}'`))))
  const { tokens, hooks, batchClients } = await load(db.sql, k1)
  assert.equal(tokens.find(hashSecret(env.TOKEN_OLD))?.expiresAt, Date.parse(until))
  assert.equal(tokens.find(hashSecret(env.TOKEN))?.expiresAt, null)
  assert.ok(hooks.find('erp-0', hashSecret(env.HOOK_OLD)))
  assert.equal(hooks.find('erp-0', hashSecret(env.HOOK_OLD), Date.parse(until)), undefined)
  await db.sql`update credential set former_until = clock_timestamp() - interval '1 second'`
  const later = await load(db.sql, k1)
  const [client] = batchClients.find('hr')
  assert.ok(client?.is(env.HR_OLD))
  assert.ok(!later.batchClients.find('hr')[0]?.is(env.HR_OLD) && later.batchClients.find('hr')[0]?.is(env.HR))
})

test('by function: renew makes a value, the former stays valid, retire ends it; every node hears of both', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, k1, read(file(1, callers(false))))
  const revision = async () => (await load(db.sql, k1)).revision
  const start = await revision()
  const made = await renewSecret(db.sql, k1, 'acme', {
    kind: 'push-token',
    credentialId: 'push',
    what: 'secret',
    formerUntil: null,
  })
  assert.ok(Buffer.from(made, 'base64url').length * 8 >= 128)
  const { tokens } = await load(db.sql, k1)
  assert.deepEqual(
    [made, env.TOKEN].map((secret) => tokens.find(hashSecret(secret))?.tokenId),
    ['push', 'push'],
  )
  assert.notEqual(await revision(), start)
  const again = { kind: 'push-token', credentialId: 'push', what: 'secret', formerUntil: null } as const
  await assert.rejects(renewSecret(db.sql, k1, 'acme', again), RenewRefused, 'two former values')
  await retireSecret(db.sql, k1, 'acme', 'push-token', 'push')
  const after = (await load(db.sql, k1)).tokens
  assert.deepEqual(
    [made, env.TOKEN].map((secret) => after.find(hashSecret(secret))?.tokenId),
    ['push', undefined],
  )
  await assert.rejects(retireSecret(db.sql, k1, 'acme', 'push-token', 'push'), RenewRefused)

  const salt = {
    kind: 'batch-client',
    credentialId: 'hr',
    what: 'salt',
    value: env.SALT_OLD,
    formerUntil: null,
  } as const
  assert.equal(await renewSecret(db.sql, k1, 'acme', salt), env.SALT_OLD)
  const [client] = (await load(db.sql, k1)).batchClients.find('hr')
  assert.deepEqual([client?.salt, client?.formerSalt], [env.SALT_OLD, env.SALT])
  await retireSecret(db.sql, k1, 'acme', 'batch-client', 'hr')
  assert.equal((await load(db.sql, k1)).batchClients.find('hr')[0]?.formerSalt, null)

  // What ended by its time does not come back with the next renewal.
  const client2 = { kind: 'batch-client', credentialId: 'hr', formerUntil: null } as const
  await renewSecret(db.sql, k1, 'acme', { ...client2, what: 'salt', formerUntil: Date.now() - 1 })
  await renewSecret(db.sql, k1, 'acme', { ...client2, what: 'secret' })
  const [late] = (await load(db.sql, k1)).batchClients.find('hr')
  assert.deepEqual([late?.formerSalt, late?.is(env.HR)], [null, true])

  await assert.rejects(renewSecret(db.sql, k1, 'acme', { ...again, credentialId: 'nobody' }), RenewRefused)
  await assert.rejects(renewSecret(db.sql, k1, 'other', again), RenewRefused, 'another tenant’s')
  await apply(db.sql, k1, read(file(1, '', 'other').replace('\n      - { id: erp-0', '\n      - { id: erp-9')))
  await assert.rejects(
    renewSecret(db.sql, k1, 'acme', {
      kind: 'push-token',
      credentialId: 'push',
      what: 'secret',
      value: made,
      formerUntil: null,
    }),
    CredentialTaken,
  )
})

test('a former value of one tenant is nobody else’s token', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, k1, read(file(1, callers(true))))
  const thief = file(1, "\n    tokens: [{ name: stolen, value: '${TOKEN_OLD}' }]", 'evil')
  await assert.rejects(apply(db.sql, k1, read(thief)), /already in use by another tenant/)
})
