/** A connection that sends batches: read from a file, refused where it cannot work, and written down again. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exportYaml } from './export.ts'
import { readConfig } from './file.ts'

const example = readFileSync(join(import.meta.dirname, '../../examples/masterdata-batch.yaml'), 'utf8')
const env = { ERP_TOKEN: 'erp-token', MDM_SECRET: 'the-client-secret', MDM_SALT: 'the-salt', OLD_SALT: 'the-old-salt' }
const read = (text: string) => readConfig({ text, file: 'f.yaml', env, generate: () => 'x'.repeat(20) })
const problems = (text: string) => read(text).problems.map((one) => one.say)
const rotated = example.replace(
  'salt: ${MDM_SALT}',
  'salt: ${MDM_SALT}\n          formerSalt: ${OLD_SALT}\n          formerUntil: 2027-01-31',
)

test('the block becomes a client with its token interface, its limits and two salts', () => {
  assert.deepEqual(problems(rotated), [])
  const def = read(rotated).config?.tenants[0]?.connections.find((one) => one.def.connectionId === 'mdm')?.def
  assert.ok(def?.batch && def.auth?.oauth2)
  assert.equal(def.auth.oauth2.tokenUrl, 'https://mdm.example.com/common/unAuth/tokens/generate')
  assert.deepEqual(def.auth.callback, { key: 'x'.repeat(20), salt: 'the-salt', formerSalt: 'the-old-salt' })
  assert.equal(def.batch.formerUntil, Date.parse('2027-02-01T00:00:00+08:00'))
  assert.deepEqual([def.readable, def.recognise, def.batch.perDay, def.batch.perHour], [false, 'none', 100, 50])
  assert.deepEqual(
    [def.batch.fillFor, def.batch.maxRows, def.batch.callbackUrl],
    [120_000, 200, 'https://mortise.example.com'],
  )
})

test('an export says the same again, with names in place of secrets', () => {
  const [tenant] = read(rotated).config?.tenants ?? []
  assert.ok(tenant)
  const exported = exportYaml([
    {
      tenant: { tenantId: tenant.tenantId, name: tenant.name, zone: tenant.zone, revision: 0, bodyDays: null },
      functions: [],
      connections: tenant.connections.map((one) => ({ ...one, revision: 0 })),
      pairs: tenant.pairs.map(({ def, publishing }) => ({
        def,
        revision: 0,
        flows: { left: { revision: 0, publishing: publishing.left as never } },
      })),
      tokens: [],
      hooks: [],
      batchClients: [],
    },
  ])
  assert.doesNotMatch(exported, /the-salt|the-old-salt|the-client-secret/)
  assert.deepEqual(problems(exported), [])
  assert.deepEqual(read(exported).config?.tenants[0]?.connections, tenant.connections)
})

test('what cannot work is refused, with what to do', () => {
  const refused: [string, string, RegExp][] = [
    ['kind: masterdata-batch', 'kind: standard', /only serves kind: masterdata-batch/],
    ['          salt: ${MDM_SALT}\n', '', /nobody can verify/],
    ['callbackUrl: https://mortise.example.com', 'callbackUrl: mortise', /is not an address/],
    ['          callbackUrl: https://mortise.example.com\n', '          query: false\n', /nobody tells what became/],
    ['                code: number\n', '', /is the key of a row and must be mapped/],
    ['{ void: { field: enabled_flag, value: N } }', '{ void: invalid }', /no interface invalid/],
    ['        role: crm\n', '        role: crm\n        readable: true\n', /no queries of records/],
    ['          fillFor: 2m', '          maxRows: 20000', /10000/],
  ]
  for (const [from, to, why] of refused) {
    assert.ok(example.includes(from), from)
    assert.match(problems(example.replace(from, to)).join('\n'), why)
  }
})
