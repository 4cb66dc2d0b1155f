/** The catalogue of answer codes against docs/errors.md, both ways, and the sentences themselves. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { codes, locales, localeFrom, reasons, refusal, sentenceOf } from './codes.ts'

const rows = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\| s\d{9} \|/.test(line))
  .map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  )
const causes = rows.filter((row) => row.length === 4)
const sentences = rows.filter((row) => row.length === 5)

test('docs/errors.md lists every code with its HTTP status, and no other', () => {
  assert.deepEqual(
    causes.map(([code, http]) => [code, Number(http)]),
    Object.entries(codes).map(([code, { http }]) => [code, http]),
  )
  for (const [code, , when, advice] of causes) assert.ok(when && advice, code)
})

test('docs/errors.md shows the very sentences that are sent, in four languages', () => {
  assert.deepEqual(
    sentences,
    Object.entries(codes).map(([code, { sentence }]) => [code, ...locales.map((l) => sentence[l])]),
  )
})

test('every sentence and reason exists in four languages with the same placeholders', () => {
  const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join()
  for (const [key, sentence] of [
    ...Object.entries(reasons),
    ...Object.entries(codes).map(([c, { sentence }]) => [c, sentence] as const),
  ])
    for (const locale of locales) {
      assert.ok(sentence[locale], `${key} ${locale}`)
      assert.equal(placeholders(sentence[locale]), placeholders(sentence.en_US), `${key} ${locale}`)
    }
})

test('success is exactly the guide’s', () => {
  const guide = JSON.parse(readFileSync(new URL('fixtures/guide-success.txt', import.meta.url), 'utf8'))
  assert.deepEqual({ errCode: 's106240000', errMsg: codes.s106240000.sentence.zh_CN }, guide)
})

test('what a sender sent is shown back only so far, and never as broken text', () => {
  const shown = sentenceOf(refusal('s306240004', 'object', { value: `${'\ud800'}${'x'.repeat(10_000)}` }), 'en_US')
  assert.ok(shown.isWellFormed() && shown.length < 300)
  assert.equal(
    sentenceOf(refusal('s306240003', 'missing', { header: 'token' }), 'en_US'),
    'A header is missing, repeated, empty or too long: token is missing',
  )
  assert.equal(
    sentenceOf(refusal('s306240004', 'object', { value: '{path}$&' }), 'zh_CN'),
    '该连接器上没有声明此对象：{path}$&',
  )
})

test('locales are read as they are written and in the usual variants', () => {
  assert.deepEqual(['zh_CN', 'zh-tw', 'EN_us', 'ja-JP', 'fr_FR', undefined].map(localeFrom), [
    'zh_CN',
    'zh_TW',
    'en_US',
    'ja_JP',
    null,
    null,
  ])
})
