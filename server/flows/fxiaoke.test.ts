/** A Fxiaoke connection and what is told back: read from a file, refused where it cannot work, and written down again. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exportYaml } from './export.ts'
import { readConfig } from './file.ts'

const example = readFileSync(join(import.meta.dirname, '../../examples/fxiaoke.yaml'), 'utf8')
const env = { ERP_TOKEN: 'erp-token', FXIAOKE_SECRET: 'app-secret', FXIAOKE_CODE: 'permanent' }
const read = (text: string) => readConfig({ text, file: 'f.yaml', env, generate: () => 'x'.repeat(20) })
const problems = (text: string) => read(text).problems.map((one) => one.say)

test('the block becomes a token that is used for 6,600 of its 7,200 seconds, and 100 calls of each interface in 20 s', () => {
  const [tenant] = read(example).config?.tenants ?? []
  const def = tenant?.connections.find((one) => one.def.connectionId === 'crm')?.def
  const oauth2 = def?.auth?.oauth2
  assert.ok(def && oauth2)
  assert.equal(oauth2.tokenUrl, 'https://open.fxiaoke.com/oauth2.0/token')
  assert.equal(oauth2.lifetime - oauth2.refreshBefore, 6_600_000)
  assert.deepEqual(oauth2.params, { permanentCode: 'permanent' })
  assert.deepEqual(def.limits.perInterface, [{ calls: 100, every: 20_000 }])
  assert.equal(def.recognise, 'byId')
  assert.deepEqual(def.fxiaoke, {
    enterprise: 'acme2026',
    user: '1000',
    triggerWorkFlow: false,
    triggerApprovalFlow: false,
  })
})

test('an export says the same again, with names in place of secrets', () => {
  const [tenant] = read(example).config?.tenants ?? []
  assert.ok(tenant)
  const exported = exportYaml([
    {
      tenant: { tenantId: tenant.tenantId, name: tenant.name, zone: tenant.zone, revision: 0, bodyDays: null },
      functions: [],
      connections: tenant.connections.map((one) => ({ ...one, revision: 0, bodyDays: null })),
      pairs: tenant.pairs.map(({ def, publishing }) => ({
        def,
        revision: 0,
        bodyDays: null,
        flows: { left: { revision: 0, bodyDays: null, publishing: publishing.left as never } },
      })),
      tokens: [],
      hooks: [],
      batchClients: [],
    },
  ])
  assert.match(exported, /appSecret: \$\{FXIAOKE_SECRET\}/)
  assert.doesNotMatch(exported, /app-secret|permanent$/m)
  assert.deepEqual(problems(exported), [])
  assert.deepEqual(read(exported).config?.tenants[0]?.connections, tenant.connections)
  assert.deepEqual(read(exported).config?.tenants[0]?.pairs, tenant.pairs)
})

test('what the kind knows itself is not said, and what it needs is', () => {
  assert.match(problems(example.replace('kind: fxiaoke', 'kind: standard')).join(), /only serves kind: fxiaoke/)
  assert.match(
    problems(example.replace('kind: fxiaoke', 'kind: fxiaoke\n        recognise: byWindow')).join(),
    /byId \(default\), or none/,
  )
  assert.match(
    problems(example.replace('kind: fxiaoke', 'kind: fxiaoke\n        result: { codePath: code }')).join(),
    /leave it out/,
  )
})

test('a field that is told back may not be read or written by a flow of its pair, nor wake another that tells back', () => {
  assert.match(problems(example.replace('sync_state__c: status', 'name: status')).join(), /"name" is read by this flow/)
  assert.match(problems(example.replace('sync_state__c: status', 'nowhere: status')).join(), /"nowhere" is not a field/)
  assert.match(problems(example.replace('{ field: number }', '{ field: nomber }')).join(), /"nomber" is not a field/)
  const twice = example.concat(`      - id: other
        left: crm/AccountObj
        right: erp/BD_Customer
        flows:
          leftToRight:
            writeBack: { erp_number__c: id }
            mapping: { fields: { name: sync_error__c } }
`)
  assert.match(problems(twice).join(), /read by pair other, which tells back to the same object/)
})
