/** Schedules in the file: of deletion sweeps and of reconciliations, what they mean, how they are written back, and what is refused. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { exportYaml } from './export.ts'
import { readConfig } from './file.ts'

const text = readFileSync(join(import.meta.dirname, '../../examples/polling.yaml'), 'utf8')
const env = { ERP_TOKEN: 'token-of-the-erp', CRM_TOKEN: 'token-of-the-crm' }
const read = (file: string) => readConfig({ text: file, file: 'f.yaml', env, generate: (name) => name })
const [minute, hour] = [60_000, 3_600_000]

const tenantOf = (file: string) => {
  const { config, problems } = read(file)
  assert.deepEqual(problems, [])
  const [tenant] = config?.tenants ?? []
  assert.ok(tenant)
  return tenant
}

test('the example says when the object is swept and the flow compared, and an export says the same', () => {
  const tenant = tenantOf(text)
  assert.deepEqual(tenant.connections[0]?.objects[0]?.poll?.sweep, {
    every: 24 * hour,
    hours: { from: '03:00', to: '06:00' },
    days: ['sun'],
    jitter: 0,
    onGone: 'void',
  })
  const flow = tenant.pairs[0]?.def.flows.left
  assert.deepEqual(flow?.reconcile, {
    every: 24 * hour,
    hours: { from: '02:00', to: '05:00' },
    jitter: 0,
    last: 168 * hour,
    lag: 10 * minute,
    repair: ['onlySource', 'different'],
    repairMost: 200,
  })
  const exported = exportYaml([
    {
      tenant: { ...tenant, revision: 0 },
      connections: tenant.connections.map((one) => ({ ...one, revision: 0 })),
      functions: [],
      pairs: tenant.pairs.map(({ def, publishing }) => ({
        def,
        revision: 0,
        flows: { left: { revision: 0, publishing: publishing.left as NonNullable<typeof publishing.left> } },
      })),
      tokens: [],
      hooks: [],
      batchClients: [],
    },
  ])
  const tree = parse(exported).tenants[0]
  assert.deepEqual(tree.connections[0].objects[0].poll.sweep, {
    days: ['sun'],
    every: '1d',
    hours: { from: '03:00', to: '06:00' },
    onGone: 'void',
  })
  assert.deepEqual(tree.pairs[0].flows.leftToRight.reconcile, {
    every: '1d',
    hours: { from: '02:00', to: '05:00' },
    last: '7d',
    repair: ['onlySource', 'different'],
    repairMost: 200,
  })
  assert.deepEqual(tenantOf(exported).pairs, tenant.pairs)
})

test('without a word a sweep is weekly and asks, a comparison is nightly, of all, and repairs nothing', () => {
  const tenant = tenantOf(text.replace(/sweep: \{.*\}/, 'sweep: {}').replace(/reconcile:(\n {14}.*)+/, 'reconcile: {}'))
  assert.deepEqual(tenant.connections[0]?.objects[0]?.poll?.sweep, { every: 168 * hour, jitter: 0, onGone: 'ask' })
  assert.deepEqual(tenant.pairs[0]?.def.flows.left?.reconcile, {
    every: 24 * hour,
    jitter: 0,
    lag: 10 * minute,
    repair: [],
    repairMost: 1_000,
  })
})

test('a sweep that voids what is gone makes the flows of its object do so, unless they say that they keep it', () => {
  const gone = (file: string) => tenantOf(file).pairs[0]?.def.flows.left?.goneAtSource
  assert.equal(gone(text), 'void')
  assert.equal(gone(text.replace('onGone: void', 'onGone: mark')), 'keep')
  const kept = text.replace('actions: { void: invalid }', 'goneAtSource: keep')
  assert.equal(gone(kept.replace('onGone: void', 'onGone: mark')), 'keep')
  assert.match(read(kept).problems[0]?.say ?? '', /sweep of object BD_Material says onGone: void/)
})

test('what cannot be is refused at its place', () => {
  const said = (from: string | RegExp, to: string) =>
    read(text.replace(from, to)).problems.map(({ path, say }) => `${path}: ${say}`)
  const reconcile = 'tenants[81244].pairs[material].flows.leftToRight.reconcile'
  assert.deepEqual(said('every: 24h\n              hours', 'every: 1m\n              hours'), [
    `${reconcile}.every: is more often than the connection’s pollFloor of 6m`,
  ])
  assert.deepEqual(said('every: 24h\n              hours', "cron: '0 2 * *'\n              hours").length, 2)
  assert.match(said('last: 7d', 'last: 0')[0] ?? '', /is no time at all/)
  assert.match(said('repair: [onlySource', 'repair: [onlyTarget')[0] ?? '', /repair/)
  assert.match(said('days: [sun], every: 24h', "days: [sun], cron: '* * * * *'").join(), /cron says when already/)
  const blind = said(
    'baseUrl: https://crm.example.com/api/',
    'baseUrl: https://crm.example.com/api/\n        readable: false',
  )
  assert.match(blind.join(), /reconcile: connection crm cannot be read/)
})
