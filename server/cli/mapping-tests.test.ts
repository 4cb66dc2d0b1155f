/** Mapping tests of a flow with functions: the chain runs as it would for a record, and what fails is not saved. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ApplyRefused } from '../flows/changes.ts'
import type { Config, TenantConfig } from '../flows/config.ts'
import { requireConfig } from '../flows/file.ts'
import { openFunctions } from '../functions/pool.ts'
import { freshDatabase } from '../store/fresh.ts'
import { apply, load } from './configuration.ts'
import { mappingTestsOf } from './mapping.ts'
import { chainedTests, testComplaints } from './mapping-tests.ts'

const example = await readFile(join(import.meta.dirname, '../../examples/functions.yaml'), 'utf8')

/** The example with these tests instead of its own, and with this code of its function before mapping. */
const config = (tests: string, code?: string): Config => {
  const [head = '', rest = ''] = example.split(/^ {12}tests:[^]*?(?=^ {12}mapping:)/m)
  const text = `${head}            tests:\n${tests}${rest}`
  return requireConfig({
    text: code === undefined ? text : text.replace(/function beforeMapping\(record\) \{[^]*?return record\n/, code),
    file: 'functions.yaml',
    env: { ERP_TOKEN: 'canary-erp-token', CRM_TOKEN: 'canary-crm-token' },
    generate: (name) => `${name}-secret-0123456789`,
  }).config
}
const asked = (name: string, record: string, more: string): string =>
  `              - { name: ${name}, record: '${record}', ${more} }\n`

const order = '{"masterFieldVal":{"no":"7","amount":10.10}}'
const holds =
  asked('the tax', order, `expect: '{"name":"7","amount":11.41,"checksum":"7c9dac73793ebc8e210273919a23f726"}'`) +
  asked('a test order', '{"masterFieldVal":{"no":"TEST-1","amount":1}}', 'fault: function.skipped') +
  asked('no number', '{"masterFieldVal":{"amount":1}}', 'fault: function.line')

const complaints = async (tenant: TenantConfig): Promise<string[]> => {
  await using functions = openFunctions({ workers: 1 })
  return await testComplaints(functions, tenant, chainedTests(tenant))
}

test('a mapping test goes through the functions before mapping and before write, exact to the digit', async () => {
  assert.deepEqual(await complaints(config(holds).tenants[0] as TenantConfig), [])
})

test('what a function made otherwise, or said, is told by flow and test', async () => {
  const wrong =
    asked('other tax', order, `expect: '{"amount":11.40,"checksum":"x"}'`) +
    asked('no fault', order, 'fault: function.skipped') +
    asked('skipped', '{"masterFieldVal":{"no":"TEST-1","amount":1}}', `expect: '{"name":"TEST-1"}'`)
  const told = (await complaints(config(wrong).tenants[0] as TenantConfig)).join('\n')
  assert.match(told, /Flow order leftToRight, mapping test "other tax": amount: expected 11\.40, came out 11\.41/)
  assert.match(told, /"other tax": checksum: expected "x", came out "7c9d/)
  assert.match(told, /"no fault": expected the fault function\.skipped; it was mapped/)
  assert.match(told, /"skipped": .*a test order/)
})

test('look-ups find what the test says is mapped, and nothing else', async () => {
  const code = `function beforeMapping(record) {
              record.masterFieldVal.total = lookup.mapped('customer', 'C/1') ?? lookup.mapped('customer', 'C/2')
              return record
`
  const one = config(asked('found', order, `mapped: { customer/C/2: '99' }, expect: '{"amount":"99"}'`), code)
  assert.deepEqual(await complaints(one.tenants[0] as TenantConfig), [])
})

test('a mapping test that fails with the functions is not saved, nor is a function that breaks one; what is stored is tested the same way', async () => {
  await using db = await freshDatabase()
  const key = Buffer.alloc(32, 7)
  const refused = (given: Config, said: RegExp) =>
    assert.rejects(apply(db.owner, key, given), (error) => error instanceof ApplyRefused && said.test(error.message))
  await refused(config(asked('other tax', order, `expect: '{"amount":1}'`)), /mapping test "other tax"/)
  await apply(db.owner, key, config(holds))
  const doubled = config(holds)
  const fn = doubled.tenants[0]?.functions.find(({ name }) => name === 'withTax')
  if (!fn) throw new Error('the example has no function withTax')
  fn.code = fn.code.replace('.round(2)', '.times(2).round(2)')
  fn.examples = []
  await refused(doubled, /mapping test "the tax": amount: expected 11\.41, came out 22\.83/)
  await using functions = openFunctions({ workers: 1 })
  const stored = await mappingTestsOf(functions, await load(db.owner, key), {
    tenant: 'functions',
    pair: 'order',
    flow: 'leftToRight',
  })
  assert.deepEqual(stored, {
    tests: ['the tax', 'a test order', 'no number'].map((name) => ({ name, passed: true, wrong: [] })),
  })
})
