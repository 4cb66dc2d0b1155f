/** Versions, promotion and stale plans, through a real database. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { hashSecret } from '../access/secrets.ts'
import { tellChanges } from '../flows/changes.ts'
import { requireConfig } from '../flows/file.ts'
import { listVersions } from '../flows/versions.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { apply, exportConfig, load, planNamed } from './configuration.ts'
import { promote, restoreVersion } from './stored.ts'

const key = randomBytes(32)
const secret = (name: string) => `canary-${name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')}-5d1f0c`
const env = new Proxy<Record<string, string>>(
  {},
  { get: (_all, name) => (name === 'SANDBOX_URL' ? 'http://127.0.0.1:7071' : secret(String(name))) },
)
const read = (text: string) => requireConfig({ text, file: 'test.yaml', env, generate: secret }).config
const example = (name: string) => readFileSync(join(import.meta.dirname, '../../examples', `${name}.yaml`), 'utf8')
const examples = ['sandbox', 'account-sets', 'first'] as const
const sandbox = example('sandbox')
const really = { who: 'li', really: true }
const flowOf = async (sql: Sql, pairId: string) =>
  (await load(sql, key)).pairs.find((one) => one.def.pairId === pairId && one.def.tenantId === 'sandbox')?.def.flows
    .left

test('versions say who made each and what differed, and hold no secret', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(sandbox), { who: 'li' })
  await apply(db.sql, key, read(sandbox.replace('account_no: number', 'account_no: taxNo')), { who: 'wang' })
  const versions = await listVersions(db.sql, {
    tenantId: 'sandbox',
    kind: 'flow',
    name: 'customer leftToRight',
    limit: 10,
  })
  assert.deepEqual(
    versions.map((one) => [
      one.number,
      one.what,
      one.who,
      one.fields.map((field) => [field.path, field.before, field.after]),
    ]),
    [
      [2, 'changed', 'wang', [['mapping.fields.account_no.from', 'number', 'taxNo']]],
      [1, 'added', 'li', []],
    ],
  )
  const all = JSON.stringify(await listVersions(db.sql, { limit: 1_000 }))
  assert.ok(all.includes('BD_Customer') && !all.includes('canary'))
  await apply(db.sql, key, read(sandbox.replace('account_no: number', 'account_no: taxNo')), { who: 'wang' })
  assert.equal(
    (await listVersions(db.sql, { limit: 1_000 })).length,
    (JSON.parse(all) as unknown[]).length,
    'nothing changed, no version',
  )
})

test('a flow is brought back to a version, alone: the rest stays, callers too, and that is a version again', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(sandbox), { who: 'li' })
  await apply(
    db.sql,
    key,
    read(sandbox.replace('account_no: number', 'account_no: taxNo').replace('name: 物料', 'name: 商品')),
    { who: 'li' },
  )
  const named = { tenantId: 'sandbox', kind: 'flow' as const, name: 'customer leftToRight', number: 1 }
  const planned = await restoreVersion(db.sql, key, named, { who: 'li', really: false })
  assert.match(tellChanges(planned.changes), /~ flow customer leftToRight[\s\S]*account_no\.from: taxNo → number/)
  assert.equal(planned.changes.length, 1)
  assert.equal(
    (await flowOf(db.sql, 'customer'))?.mapping.fields.find((rule) => rule.to === 'account_no')?.from,
    'taxNo',
  )
  await restoreVersion(db.sql, key, named, { ...really, plan: planned.plan })
  const loaded = await load(db.sql, key)
  assert.equal(
    (await flowOf(db.sql, 'customer'))?.mapping.fields.find((rule) => rule.to === 'account_no')?.from,
    'number',
  )
  assert.equal(loaded.objects.find('sandbox', 'erp', 'BD_Material')?.name, '商品')
  assert.equal(loaded.connection('sandbox', 'erp')?.headers.token, secret('SANDBOX_ERP_TOKEN'))
  assert.ok(loaded.tokens.find(hashSecret(secret('sandbox/token/push'))), 'callers are as they were')
  const [newest] = await listVersions(db.sql, { tenantId: 'sandbox', kind: 'flow', name: named.name, limit: 1 })
  assert.deepEqual([newest?.number, newest?.who], [3, 'li'])
  await assert.rejects(restoreVersion(db.sql, key, { ...named, number: 9 }, really), /There is no version 9/)
})

test('objects and connections come back too; a version that no longer fits is refused with the reason of a file', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(sandbox))
  const more = sandbox
    .replace('              taxNo: text\n', '              taxNo: text\n              extra: text\n')
    .replace('timeout: 3s\n', 'timeout: 4s\n')
  await apply(db.sql, key, read(more.replace('account_no: number', 'account_no: extra')))
  const restore = (kind: 'object' | 'connection', name: string) =>
    restoreVersion(db.sql, key, { tenantId: 'sandbox', kind, name, number: 1 }, really)
  await assert.rejects(restore('object', 'erp/BD_Customer'), /extra/)
  await apply(db.sql, key, read(more))
  await restore('object', 'erp/BD_Customer')
  await restore('connection', 'erp')
  assert.equal((await planNamed(db.sql, key, read(sandbox))).changes.length, 0, 'all is as it was')
})

test('a plan that somebody overtook is refused, and nothing is changed', async () => {
  await using db = await freshDatabase()
  await apply(db.sql, key, read(sandbox))
  const wanted = read(sandbox.replace('timeout: 3s\n', 'timeout: 4s\n'))
  const { plan } = await planNamed(db.sql, key, wanted)
  assert.match(plan, /^[0-9a-f]{12}$/)
  await apply(db.sql, key, read(sandbox.replace('name: 物料', 'name: 商品')))
  await apply(db.sql, key, read(sandbox))
  await assert.rejects(apply(db.sql, key, wanted, { plan }), /stale/, 'changed in between, though back')
  assert.equal((await load(db.sql, key)).connection('sandbox', 'erp')?.timeout, 3_000)
  const fresh = await planNamed(db.sql, key, wanted)
  await assert.rejects(apply(db.sql, key, read(sandbox), { plan: fresh.plan }), /stale/, 'another file')
  assert.equal((await apply(db.sql, key, wanted, { plan: fresh.plan })).length, 1)
})

const tenantNamed = (id: string, url: string) =>
  sandbox
    .replace('- id: sandbox', `- id: ${id}`)
    .replace('name: Sandbox', `name: ${id}`)
    .replaceAll('${SANDBOX_URL}', url)
    .replaceAll('SANDBOX_', `${id.toUpperCase()}_`)

test('promoting carries objects, pairs and flows; addresses, secrets, limits and callers stay each one’s own', async () => {
  await using db = await freshDatabase()
  const test = tenantNamed('test', 'https://test.example.com')
  const prod = tenantNamed('prod', 'https://prod.example.com').replace(
    'limits: { concurrency: 16 }',
    'limits: { concurrency: 3 }',
  )
  await apply(db.sql, key, read(test.replace('account_no: number', 'account_no: taxNo')))
  // the real one begins with its connections only
  await apply(db.sql, key, read(prod.replace(/\n {4}pairs:[\s\S]*?(?=\n {4}[a-z])/, '')))
  const before = await load(db.sql, key)
  const planned = await promote(db.sql, key, { from: 'test', to: 'prod' }, { who: 'li', really: false })
  assert.match(tellChanges(planned.changes), /tenant prod[\s\S]*\+ flow customer leftToRight/)
  assert.ok(!tellChanges(planned.changes).includes('tenant test'))
  await promote(db.sql, key, { from: 'test', to: 'prod' }, { ...really, plan: planned.plan })
  const after = await load(db.sql, key)
  const connection = (tenant: string) => after.connection(tenant, 'erp')
  assert.equal(connection('prod')?.baseUrl, 'https://prod.example.com/sandbox/erp/')
  assert.equal(connection('prod')?.headers.token, before.connection('prod', 'erp')?.headers.token)
  assert.notEqual(connection('prod')?.headers.token, connection('test')?.headers.token)
  assert.equal(connection('prod')?.limits.concurrency, 3)
  assert.ok(after.tokens.find(hashSecret(secret('prod/token/push'))))
  const flows = (tenant: string) =>
    after.pairs.filter((one) => one.def.tenantId === tenant).map((one) => JSON.stringify({ ...one.def, tenantId: '' }))
  assert.deepEqual(flows('prod'), flows('test'))
  const again = await promote(db.sql, key, { from: 'test', to: 'prod' }, { who: 'li', really: false })
  assert.deepEqual(again.changes, [], tellChanges(again.changes))
  await assert.rejects(promote(db.sql, key, { from: 'test', to: 'nobody' }, really), /There is no tenant nobody/)
  await apply(db.sql, key, read(example('first')))
  await assert.rejects(promote(db.sql, key, { from: '81243', to: '81243' }, really), /same tenant/)
  await apply(db.sql, key, read(example('account-sets')))
  await assert.rejects(
    promote(db.sql, key, { from: 'acme', to: 'prod' }, really),
    /Tenant prod has no connection erp-cn/,
  )
})

/** Small edits that a person makes to a file, some of them to several places at once. */
const edits: ((text: string) => string)[] = [
  (text) => text.replace(/timeout: \w+/, 'timeout: 47s'),
  (text) => text.replace(/concurrency: \d+/, 'concurrency: 5'),
  (text) =>
    text
      .replace(/- code: (\w+)\n/, '- code: $1\n            modifiedGrain: second\n')
      .replace(/modifiedGrain: millisecond\n\s*/, ''),
  (text) => text.replaceAll(/leftToRight:\n/g, 'leftToRight:\n            state: paused\n'),
  (text) =>
    text.replace(/leftToRight:\n/, 'leftToRight:\n            onPublish: differing\n            startFrom: all\n'),
  (text) =>
    text.replace(
      /leftToRight:\n/,
      'leftToRight:\n            leavingScope: void\n            repush: new\n            matchBeforeCreate: true\n',
    ),
  (text) => text.replace(/\bname: name\b/, () => `name: { from: name, default: '$\${x} = "1"' }`),
  (text) => text.replace(/\bname: name\b/, 'name: { value: 0.10 }'),
  (text) => text.replace(/zone: Asia\/Shanghai/, 'zone: Europe/Berlin'),
  (text) =>
    text
      .replace(/\n( +)- id: customer\n/, '\n$1- id: customer\n$1  conflict: latest\n')
      .replace(/(conflict: latest\n[\s\S]*?)\n +conflict: \w+/, '$1'),
]

test('export, then apply, changes nothing: over all examples and any edits of them', async () => {
  await using db = await freshDatabase()
  let applied = 0
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...examples), fc.subarray(edits), async (name, chosen) => {
      const text = chosen.reduce((all, edit) => edit(all), example(name))
      let config: ReturnType<typeof read>
      try {
        config = read(text)
      } catch {
        return // an edit that this example cannot take
      }
      try {
        await apply(db.sql, key, config)
      } catch (error) {
        if ((error as Error).name === 'ApplyRefused') return
        throw error
      }
      applied++
      const exported = await exportConfig(db.sql, key, config.tenants[0]?.tenantId)
      assert.ok(!exported.includes('canary'), 'no secret in clear')
      const { changes } = await planNamed(db.sql, key, read(exported))
      assert.deepEqual(changes, [], `${name}: ${tellChanges(changes)}\n${exported}`)
    }),
    { numRuns: process.env.MORTISE_LONG ? 500 : 40 },
  )
  assert.ok(applied > 15, `most edits apply: ${applied}`)
})
