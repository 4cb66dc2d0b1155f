/** The rules against the sandbox ERP: all hold; and with each fault exactly the rules fail that speak of it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { locales } from '../protocol/codes.ts'
import type { Fault } from '../sandbox/faults.ts'
import { freshSandbox, tokens } from '../sandbox/world.ts'
import { openErp, type Send, type Subject } from './erp.ts'
import { reportText } from './report.ts'
import { rules } from './rules/index.ts'
import { runRules } from './run.ts'

const customer: Subject = {
  apiName: 'BD_Customer',
  idField: 'id',
  externalIdField: 'sourceId',
  textField: 'name',
  otherTextField: 'taxNo',
  decimalField: 'creditLimit',
  master: { name: '"A customer"', number: '"N-1"', grade: '"A"' },
  details: [{ name: 'contacts', idField: 'id', row: { name: '"Li"', mobile: '"1"' } }],
  result: { codePath: 'code', messagePath: 'message', dataPath: 'data', successCodes: ['0'] },
  notFoundCodes: [],
}

const sendTo =
  (base: string): Send =>
  async ({ method, path, headers, body, proof }) => {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: { ...headers, token: proof === 'right' ? tokens.erpToken : 'wrong' },
      ...(body !== null && { body }),
      signal: AbortSignal.timeout(5_000),
    })
    return {
      status: answer.status,
      headers: { date: answer.headers.get('date') ?? undefined },
      text: await answer.text(),
    }
  }

const clock = { now: Date.now, random: () => randomBytes(8).toString('hex'), pause: (ms: number) => wait(ms) }

const failing = async (faults: Fault[], only?: readonly string[], mode = 'idempotencyHeader') => {
  await using world = await freshSandbox()
  await world.erp.mode(mode as never)
  await world.erp.faults(faults)
  const erp = openErp(customer, sendTo(`${world.url}/sandbox/erp/`), clock)
  const report = await runRules(only ? rules.filter(({ id }) => only.includes(id)) : rules, erp)
  return {
    report,
    failed: report.findings.filter((one) => one.verdict.kind === 'fail').map((one) => one.id),
  }
}

test('the sandbox ERP keeps every rule', async () => {
  const { report } = await failing([])
  assert.deepEqual(
    report.findings.filter((one) => one.verdict.kind !== 'pass').map((one) => [one.id, one.verdict]),
    [],
  )
  assert.equal(report.conforms, true)
  assert.equal(report.counts.pass, rules.length)
})

test('an ERP that does not know repeated requests gets an advice, and conforms', async () => {
  const { report, failed } = await failing([], undefined, 'byWindow')
  assert.deepEqual([failed, report.conforms], [['key'], true])
})

const cases: [name: string, faults: Fault[], wanted: string[]][] = [
  ['no row ids', [{ kind: 'missingDetailIds' }], ['create.rowIds']],
  ['pages in another order each time', [{ kind: 'noOrder', shuffle: true, seed: 3 }], ['batch.pages']],
  ['changes that show late', [{ kind: 'lateVisibility', ms: 20_000 }], ['batch.prompt', 'batch.pages']],
  ['a clock that is an hour ahead', [{ kind: 'wrongClock', ms: 3_600_000 }], ['batch.prompt', 'batch.pages', 'clock']],
  ['updates that are refused', [{ kind: 'refuse', call: 'update', code: '1', message: 'no' }], ['update.partial']],
  ['voids that are refused', [{ kind: 'refuse', call: 'invalid', code: '1', message: 'no' }], ['void']],
  [
    'a batch query of another shape',
    [{ kind: 'wrongShape', call: 'queryMasterBatch', body: '{"code":"0","data":[]}' }],
    ['batch.prompt', 'batch.window', 'batch.pages', 'batch.end'],
  ],
  [
    'a single query that breaks down',
    [{ kind: 'cutBefore', call: 'queryMasterById' }],
    ['byId.finds', 'byId.details', 'byId.absent', 'digits', 'update.partial', 'create.rowIds', 'refusal', 'clock'],
  ],
]

for (const [name, faults, wanted] of cases) {
  test(`with ${name}, the rules that speak of it fail and no other`, async () => {
    const { failed, report } = await failing(faults)
    assert.deepEqual(failed.sort(), [...wanted].sort())
    const must = rules.filter((one) => one.level === 'must').map((one) => one.id)
    assert.equal(report.conforms, !wanted.some((id) => must.includes(id)))
    for (const one of report.findings) if (one.verdict.kind === 'fail') assert.ok(one.verdict.saw.length > 0, one.id)
  })
}

test('an object without details, texts and decimals skips what it cannot show', async () => {
  await using world = await freshSandbox()
  const { textField: _t, otherTextField: _o, decimalField: _d, ...bare } = customer
  const erp = openErp({ ...bare, details: [] }, sendTo(`${world.url}/sandbox/erp/`), clock)
  const { findings } = await runRules(rules, erp)
  assert.deepEqual(
    findings.filter((one) => one.verdict.kind === 'skip').map((one) => one.id),
    ['create.rowIds', 'byId.details', 'digits', 'update.partial'],
  )
})

test('the report is told in four languages, and ids and sentences are unique', async () => {
  const { report } = await failing([{ kind: 'missingDetailIds' }], ['create.rowIds', 'create.id'])
  const texts = locales.map((locale) => reportText(report, { system: 'http://erp/', object: 'BD_Customer' }, locale))
  assert.equal(new Set(texts).size, 4)
  for (const text of texts) assert.match(text, /\| create\.rowIds \| .+ \| \*\*/)
  assert.doesNotMatch((texts[2] ?? '').replaceAll('成功', ''), /[\u3040-\u9fff]/, 'but for the system’s own words')
  assert.equal(new Set(rules.map((one) => one.id)).size, rules.length)
  for (const { sentence, id } of rules) assert.ok(new Set(locales.map((locale) => sentence[locale])).size >= 3, id)
})

test('digits that went through a double are noticed, and zeros that were lost', async () => {
  for (const [amount, name] of [
    ['12345678901234567000', '"007"'],
    ['12345678901234567890.12', '7'],
  ]) {
    const body = `{"code":"0","data":{"masterFieldVal":{"id":"1","creditLimit":${amount},"name":${name}}}}`
    const { failed } = await failing([{ kind: 'wrongShape', call: 'queryMasterById', body }], ['digits'])
    assert.deepEqual(failed, ['digits'])
  }
})

test('docs/conformance.md lists every rule with its very sentence, in order, and no other', () => {
  const page = readFileSync(new URL('../docs/conformance.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| ([\w.]+) \| (must|should) \| (.+) \|$/gm)].map((row) => row.slice(1))
  assert.deepEqual(
    rows,
    rules.map(({ id, level, sentence }) => [id, level, sentence.en_US]),
  )
})
