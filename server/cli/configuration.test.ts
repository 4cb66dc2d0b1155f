/** Configuration through a real database: apply, load, plan, export, watch. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hashSecret, SecretRefused } from '../access/secrets.ts'
import { ApplyRefused, tellChanges } from '../flows/changes.ts'
import { requireConfig } from '../flows/file.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { apply, exportConfig, load, plan, watchConfiguration } from './configuration.ts'

const key = randomBytes(32)
const canary = (name: string) => `canary-${name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')}-5d1f0c`
const env: Record<string, string> = {
  SANDBOX_URL: 'http://127.0.0.1:7071',
  SANDBOX_ERP_TOKEN: canary('erp'),
  SANDBOX_CRM_TOKEN: canary('crm'),
  ERP_CN_TOKEN: canary('cn'),
  ERP_HK_TOKEN: canary('hk'),
  CRM_TOKEN: canary('crm2'),
  PUSH_CN_TOKEN: canary('push'),
  CRM_HOOK_SECRET: canary('hook'),
  HR_SECRET: canary('hr'),
  HR_SALT: canary('salt'),
  ERP_TOKEN: canary('erp1'),
  PUSH_TOKEN: canary('push1'),
  ERP_CLIENT_SECRET: canary('client'),
  CRM_APP_SECRET: canary('app'),
  CRM_PERMANENT_CODE: canary('permanent'),
  MES_KEY: canary('mes'),
  MES_APP_ID: canary('mes app'),
  WMS_PASSWORD: canary('wms password'),
  WMS_KEY: canary('wms key'),
  WMS_SALT: canary('wms salt'),
  RABBITMQ_URL: `amqps://us:${canary('rabbit')}@mq.example.com/crm`,
  NATS_URL: `tls://us:${canary('nats')}@n1.example.com,tls://n2.example.com`,
  CRM_EVENTS_SECRET: canary('events'),
  CRM_HMAC: canary('hmac'),
  CRM_HMAC_OLD: canary('hmac old'),
}
const read = (text: string) => requireConfig({ text, file: 'test.yaml', env, generate: canary }).config
const example = (name: string) => readFileSync(join(import.meta.dirname, '../../examples', `${name}.yaml`), 'utf8')
const sandbox = example('sandbox')

const flowRow = async (sql: Sql, pairId = 'customer', side = 'left') => {
  const [row] = await sql<{
    state: string
    revision: number
    sweep: string | null
    sweep_option: string | null
    staging: boolean
    held: boolean
  }>`
    select f.state, f.revision, sweep, sweep_option, staging, held
    from flow f join pair p using (tenant_id, pair_id)
    where pair_id = ${pairId} and from_side = ${side}`
  return row
}

test('a file applied twice changes nothing the second time, and bumps no revision', async () => {
  await using db = await freshDatabase()
  for (const name of ['sandbox', 'account-sets', 'first', 'auth', 'queues', 'mapping', 'polling', 'functions']) {
    assert.ok((await apply(db.sql, key, read(example(name)))).length > 3, name)
    const { revision } = await load(db.sql, key)
    const again = await apply(db.sql, key, read(example(name)))
    assert.deepEqual(again, [], tellChanges(again))
    assert.equal((await load(db.sql, key)).revision, revision)
  }
})

test('what was applied is what is loaded, with its secrets, by code and by apiName', async () => {
  await using db = await freshDatabase()
  const config = read(example('account-sets'))
  await apply(db.sql, key, config)
  const auth = read(example('auth'))
  await apply(db.sql, key, auth)
  const loaded = await load(db.sql, key)
  const [tenant] = config.tenants
  assert.ok(tenant)
  const stored = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown
  for (const { def, objects } of tenant.connections) {
    assert.deepEqual(loaded.connection('acme', def.connectionId), stored(def))
    for (const object of objects)
      assert.deepEqual(loaded.objects.find('acme', def.connectionId, object.apiName), stored(object))
  }
  for (const { def, publishing } of tenant.pairs) {
    const found = loaded.pairs.find((one) => one.def.pairId === def.pairId)
    assert.deepEqual(found?.def, stored(def))
    assert.deepEqual(found?.flows.left?.publishing, publishing.left)
  }
  for (const { def } of auth.tenants[0]?.connections ?? [])
    assert.deepEqual(loaded.connection('auth', def.connectionId), stored(def))
  const queues = read(example('queues'))
  await apply(db.sql, key, queues)
  const heard = await load(db.sql, key)
  assert.deepEqual(heard.connection('queues', 'crm'), stored(queues.tenants[0]?.connections[0]?.def))
  assert.deepEqual(heard.hooks.find('crm', hashSecret(canary('events')))?.verify?.secrets, [
    { value: canary('hmac'), until: null },
    { value: canary('hmac old'), until: null },
  ])
  assert.equal(loaded.connection('auth', 'crm')?.auth?.oauth2?.params.permanentCode, canary('permanent'))
  assert.deepEqual(
    loaded.catalog.erp('acme').map((one) => one.connectionId),
    ['erp-cn', 'erp-hk'],
    'only role erp counts for dataCenterId',
  )
  const token = loaded.tokens.find(hashSecret(canary('push')))
  assert.equal(token?.tokenId, 'cn-2026')
  assert.deepEqual(token?.objects, ['BD_Customer'])
  assert.equal(token?.expiresAt, Date.parse('2027-12-31T16:00:00Z'), 'a day ends in the tenant’s zone')
  assert.equal(loaded.tokens.find(hashSecret('another')), undefined)
  assert.equal(loaded.hooks.find('crm', hashSecret(canary('hook')))?.tenantId, 'acme')
  assert.equal(loaded.hooks.find('erp-cn', hashSecret(canary('hook'))), undefined, 'a hook of another connection')
  const [client] = loaded.batchClients.find('hr')
  assert.equal(client?.salt, canary('salt'))
  assert.ok(client?.is(canary('hr')) && !client.is(canary('hr2')))
})

test('a definition that did not change stays the same JavaScript object over reloads', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(sandbox))
  const before = await load(db.sql, key)
  await apply(db.sql, key, read(sandbox.replace('name: 物料', 'name: 商品')))
  const after = await load(db.sql, key)
  const find = (from: typeof before, object: string) => from.objects.find('sandbox', 'erp', object)
  assert.equal(find(before, 'BD_Customer'), find(after, 'BD_Customer'))
  assert.notEqual(find(before, 'BD_Material'), find(after, 'BD_Material'))
})

test('27: no secret stands in any table in clear', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(sandbox))
  await apply(db.sql, key, read(example('account-sets')))
  await apply(db.sql, key, read(example('auth')))
  await apply(db.sql, key, read(example('queues')))
  await db.sql`insert into push_key values ('t', 'k', 'x', ${Buffer.from('planted in bytes')}, 'planted in text', now())`
  const tables = await db.sql<{
    name: string
  }>`select table_name as name from information_schema.tables where table_schema = 'public'`
  let seen = ''
  for (const { name } of tables) {
    // text of every column, byte columns also read as text: what a dump would show
    const rows = await db.sql.unsafe<{ row: string }>(`select t::text as row from "${name}" t`)
    for (const { row } of rows)
      seen += row + row.replaceAll(/\\\\x([0-9a-f]+)/g, (_, hex: string) => Buffer.from(hex, 'hex').toString('latin1'))
  }
  assert.ok(seen.includes('planted in bytes') && seen.includes('planted in text'), 'the search would see a secret')
  for (const secret of [...Object.values(env), canary('sandbox/token/push')].filter((one) => one.startsWith('canary')))
    assert.ok(!seen.includes(secret), secret)
})

test('another secret key is refused by name, and applying the file with it makes the secrets readable again', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(sandbox))
  const other = randomBytes(32)
  await assert.rejects(load(db.sql, other), SecretRefused)
  await apply(db.sql, other, read(sandbox))
  assert.equal((await load(db.sql, other)).connection('sandbox', 'erp')?.headers.token, canary('erp'))
})

test('a plan says the same as the apply, and changes nothing', async () => {
  await using db = await freshDatabase()
  const config = read(sandbox)
  const planned = await plan(db.sql, key, config)
  assert.equal((await load(db.sql, key)).tenants.size, 0)
  assert.deepEqual(planned, await apply(db.sql, key, config))
})

test('flows that stop: enabling, publishing, pausing, resuming and disabling are asked of converge on the flow’s row', async () => {
  await using db = await freshDatabase()
  const rest = () => db.sql`update flow set sweep = null, sweep_option = null`
  const flow = (text: string) =>
    sandbox.replace(
      '          leftToRight:\n            actions: { void: invalid }',
      `          leftToRight:\n            ${text}\n            actions: { void: invalid }`,
    )
  await apply(db.sql, key, read(flow('startFrom: all')))
  assert.deepEqual(await flowRow(db.sql), {
    state: 'enabled',
    revision: 1,
    sweep: 'enable',
    sweep_option: 'all',
    staging: true,
    held: false,
  })
  await rest()
  await apply(db.sql, key, read(flow('onPublish: differing').replace('account_no: number', 'account_no: taxNo')))
  assert.deepEqual(await flowRow(db.sql), {
    state: 'enabled',
    revision: 2,
    sweep: 'publish',
    sweep_option: 'differing',
    staging: true,
    held: false,
  })
  await rest()
  await apply(
    db.sql,
    key,
    read(
      flow('onPublish: differing')
        .replace('account_no: number', 'account_no: taxNo')
        .replace('timeout: 3s\n', 'timeout: 4s\n'),
    ),
  )
  assert.deepEqual(
    await flowRow(db.sql),
    { state: 'enabled', revision: 2, sweep: 'publish', sweep_option: 'nextChange', staging: true, held: false },
    'a published connection',
  )
  await rest()
  await apply(db.sql, key, read(flow('state: paused')))
  assert.deepEqual(await flowRow(db.sql), {
    state: 'paused',
    revision: 3,
    sweep: 'pause',
    sweep_option: 'nextChange',
    staging: true,
    held: true,
  })
  await rest()
  await apply(db.sql, key, read(sandbox))
  assert.deepEqual(await flowRow(db.sql), {
    state: 'enabled',
    revision: 3,
    sweep: 'resume',
    sweep_option: null,
    staging: true,
    held: false,
  })
  await rest()
  await apply(
    db.sql,
    key,
    read(sandbox.replaceAll('actions: { void: invalid }', 'state: disabled\n            actions: { void: invalid }')),
  )
  assert.deepEqual(await flowRow(db.sql), {
    state: 'disabled',
    revision: 3,
    sweep: 'disable',
    sweep_option: null,
    staging: false,
    held: false,
  })
})

const oneLink = (sql: Sql, state: 'due' | 'unknown' | 'idle') =>
  sql.unsafe(`
  insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, settled, target_connection, sent_at, sent_call, sent_side, sent_generation)
  values ('sandbox', 'material', 1, 'M-1', now(), '${state}', ${state === 'idle' ? 1 : 0}, 'crm',
    ${state === 'unknown' ? "now(), 'create', 'right', 1" : 'null, null, null, null'})`)

const withoutMaterial = sandbox
  .replace(/ {6}- id: material[\s\S]*?(?= {6}# An order)/, '')
  .replace('materialId: { from: product_id, reference: material }', 'materialId: product_id')

test('removing a flow is refused while records are at work or unknown, and the whole file with it', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(sandbox))
  await oneLink(db.sql, 'due')
  await assert.rejects(apply(db.sql, key, read(withoutMaterial)), (error: ApplyRefused) => {
    assert.match(error.message, /Flow leftToRight of pair material .* 1 pending.*state: disabled/)
    return true
  })
  await db.sql`delete from link`
  await oneLink(db.sql, 'unknown')
  await db.sql`update flow set state = 'disabled', sweep = null where pair_id = 'material'`
  await assert.rejects(apply(db.sql, key, read(withoutMaterial)), /1 outcome unknown/)
  assert.ok(await flowRow(db.sql, 'material'), 'nothing was removed')
  await db.sql`delete from link`
  await oneLink(db.sql, 'idle')
  const changes = await apply(db.sql, key, read(withoutMaterial))
  assert.deepEqual(
    changes.filter((one) => one.what === 'removed').map((one) => `${one.kind} ${one.name}`),
    ['pair material'],
  )
  assert.equal((await db.sql`select from link`).length, 1, 'links stay')
})

test('which objects a pair joins is fixed when it is made', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(example('first')))
  const moved = example('first')
    .replace('left: erp/BD_Customer', 'left: erp/Other')
    .replace(
      '- code: BD_Customer',
      '- code: Other\n            modifiedField: modifyTime\n            fields: { id: text, number: text, name: text, modifyTime: datetime }\n          - code: BD_Customer',
    )
  await assert.rejects(apply(db.sql, key, read(moved)), /Pair customer .* is fixed when it is made/)
})

test('a token that is left out is revoked, and one that changed lets only the new one in', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(example('first')))
  const rotated = requireConfig({
    text: example('first'),
    file: 'f',
    env: { ...env, PUSH_TOKEN: canary('rotated') },
    generate: canary,
  }).config
  const changes = await apply(db.sql, key, rotated)
  assert.deepEqual(
    changes.map((one) => one.fields.map(({ path }) => path)),
    [['secret']],
  )
  assert.ok(!JSON.stringify(changes).includes('canary'), 'no secret in what is told')
  let loaded = await load(db.sql, key)
  assert.equal(loaded.tokens.find(hashSecret(canary('push1'))), undefined)
  assert.ok(loaded.tokens.find(hashSecret(canary('rotated'))))
  await apply(db.sql, key, read(example('first').replace(/ {4}tokens:[\s\S]*/, '')))
  loaded = await load(db.sql, key)
  assert.equal(loaded.tokens.find(hashSecret(canary('rotated'))), undefined)
})

test('a token of another tenant is refused', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(example('first')))
  await assert.rejects(apply(db.sql, key, read(example('first').replace("id: '81243'", 'id: other'))), ApplyRefused)
})

test('an export applies without changing anything, and shows no secret', async () => {
  await using db = await freshDatabase()
  for (const name of ['sandbox', 'account-sets', 'first', 'auth', 'queues', 'mapping', 'polling', 'functions'])
    await apply(db.sql, key, read(example(name)))
  const text = await exportConfig(db.sql, key)
  assert.ok(!text.includes('canary'))
  const again = await apply(db.sql, key, read(text))
  assert.deepEqual(again, [], tellChanges(again))
})

test('when a flow is compared is a change of the flow that publishes nothing', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(example('polling')))
  await db.sql`update flow set sweep = null, sweep_option = null, sweep_xid = null`
  const before = await flowRow(db.sql, 'material')
  const changes = await apply(db.sql, key, read(example('polling').replace('repairMost: 200', 'repairMost: 300')))
  assert.deepEqual(
    changes.map(({ name, what, fields }) => [name, what, fields.map(({ path }) => path)]),
    [['material leftToRight', 'changed', ['reconcile.repairMost']]],
  )
  assert.deepEqual(await flowRow(db.sql, 'material'), before)
})

test('another code of a function that makes the body publishes the flows that call it, as their onPublish says; one after write does not', async () => {
  await using db = await freshDatabase()
  const text = example('functions').replace('params: { rate', 'onPublish: all\n            params: { rate')
  await apply(db.sql, key, read(text))
  await db.sql`update flow set sweep = null, sweep_option = null`
  const before = await flowRow(db.sql, 'order')
  await apply(
    db.sql,
    key,
    read(text.replace('is not told by the CRM yet` }', 'is not told by the CRM yet` } // other')),
  )
  assert.equal((await flowRow(db.sql, 'order'))?.sweep, null)
  await apply(db.sql, key, read(text.replace('.round(2)\n', '.round(2) // other\n')))
  const after = await flowRow(db.sql, 'order')
  assert.deepEqual([after?.sweep, after?.sweep_option], ['publish', 'all'])
  assert.equal(before?.sweep, null)
})

test('every node hears of a change, and loads it once', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(sandbox))
  const loaded = await load(db.sql, key)
  const heard = Promise.withResolvers<number>()
  let times = 0
  const watch = watchConfiguration({
    sql: db.sql,
    url: db.url,
    key,
    loaded,
    log: () => {},
    onChange: (configuration) => {
      times++
      heard.resolve(configuration.connection('sandbox', 'erp')?.timeout ?? 0)
    },
  })
  try {
    await apply(db.open(), key, read(sandbox.replace('timeout: 3s\n', 'timeout: 4s\n')))
    assert.equal(await heard.promise, 4000)
    await watch.look()
    assert.equal(times, 1)
  } finally {
    await watch.stop()
  }
})
