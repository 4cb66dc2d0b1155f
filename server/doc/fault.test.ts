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
