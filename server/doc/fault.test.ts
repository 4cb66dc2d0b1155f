/** The catalogue of faults against docs/errors.md, both ways. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { locales } from '../../protocol/codes.ts'
import { type Fault, type FaultCode, faultSentences, sentence, together } from './fault.ts'
import { otherSentences } from './sentences.ts'

const [, section = ''] = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8').split(
  '\n## Faults of a record\n',
)
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('|') && !/^\| code \||^\|-/.test(line))
  .map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  )

test('docs/errors.md lists every fault with the very sentence that is shown, in the catalogue’s order, and no other', () => {
  assert.deepEqual(
    rows.map(([code, text]) => [code, text]),
    Object.entries(faultSentences),
  )
})

test('every fault says what it means and what to do', () => {
  for (const row of rows) {
    assert.equal(row.length, 4, row[0])
    for (const cell of row.slice(1)) assert.ok(cell.length > 3, `${row[0]}: ${cell}`)
  }
})

test('a sentence shows its values, and a question mark where one is missing; only known places stand in a sentence', () => {
  assert.equal(
    sentence({ code: 'map.type', stage: 'map', field: 'contacts[2].mobile', value: 'x', expected: 'a number' }),
    'Field contacts[2].mobile: x is not a number.',
  )
  assert.equal(sentence({ code: 'map.type', stage: 'map', field: 'a' }), 'Field a: ? is not ?.')
  for (const [code, text] of Object.entries(faultSentences))
    assert.doesNotMatch(text.replace(/\{(field|value|expected|said)\}/g, ''), /[{}]/, code)
})

test('all faults of a record are told in one, the first speaking for it', () => {
  const a: Fault = { code: 'map.option', stage: 'map' }
  const b: Fault = { code: 'map.type', stage: 'map' }
  assert.deepEqual(together([a]), a)
  assert.deepEqual(together([a, b]), { ...a, also: [b] })
  assert.throws(() => together([]))
})

test('every sentence stands in four languages, with the same blanks, and says the same values', () => {
  const blanks = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([blank]) => blank).sort()
  for (const code of Object.keys(faultSentences) as FaultCode[]) {
    for (const text of otherSentences[code]) assert.deepEqual(blanks(text), blanks(faultSentences[code]), code)
    const said = locales.map((locale) =>
      sentence({ code, stage: 'map', field: 'f-1', value: 'v-1', expected: 'e-1', said: 's-1' }, locale),
    )
    assert.ok(new Set(said).size >= 3, `${code} differs by language`)
    for (const text of said) assert.doesNotMatch(text, /[{}?]/, code)
    assert.doesNotMatch(said[2] ?? '', /[\u3040-\u9fff]/, code)
  }
  assert.equal(
    sentence({ code: 'map.option', stage: 'map', field: 'grade', value: 'D' }, 'ja_JP'),
    '項目 grade：選択肢 D がマッピングされていません。',
  )
})

test('what was expected is said in the language of the sentence; a name stays a name', () => {
  const fault: Fault = { code: 'map.type', stage: 'map', field: 'price', value: 'plenty', expected: 'a decimal number' }
  assert.deepEqual(
    locales.map((locale) => sentence(fault, locale)),
    [
      '字段 price：plenty 不是小数。',
      '欄位 price：plenty 不是小數。',
      'Field price: plenty is not a decimal number.',
      '項目 price：plenty は小数ではありません。',
    ],
  )
  assert.match(sentence({ ...fault, code: 'map.reference', expected: 'customer' }, 'zh_CN'), /customer 的数据/)
  // whoever adds an expectation says it four times
  const mapping = ['convert.ts', 'apply.ts'].map((file) =>
    readFileSync(new URL(`../map/${file}`, import.meta.url), 'utf8'),
  )
  const asked = mapping.flatMap((text) => [
    ...[...text.matchAll(/refuse\('map\.type', \w+, '([^']+)'\)/g)].map(([, said]) => said ?? ''),
    ...[...text.matchAll(/'(a date(?: and time)?|a list of rows|a row)'/g)].map(([, said]) => said ?? ''),
  ])
  assert.ok(asked.length > 10)
  for (const expected of asked)
    assert.doesNotMatch(sentence({ ...fault, expected }, 'ja_JP'), new RegExp(expected), expected)
})
