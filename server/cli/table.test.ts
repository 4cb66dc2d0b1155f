/** Tables stay straight under wide characters and cannot be drawn over. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ago, fit, table } from './table.ts'

test('columns are straight under Chinese, emoji and numbers', () => {
  assert.equal(
    table(
      ['name', 'n', 'why'],
      [
        ['客户', 5, 'a'],
        ['ab', 10, '数据'],
      ],
    ),
    ['name   n  why', '客户   5  a', 'ab    10  数据'].join('\n'),
  )
})

test('the last column is cut to the width that is there, between characters', () => {
  assert.equal(fit('中文字段', 5), '中文…')
  assert.equal(fit('𠮷𠮷𠮷', 4), '𠮷…')
  const [, row] = table(['id', 'why'], [['1', '很长的原因'.repeat(10)]], 30).split('\n')
  assert.equal(row, `1   ${'很长的原因'.repeat(10).slice(0, 12)}…`)
})

test('a value cannot move the cursor, break the line or turn the direction', () => {
  assert.equal(fit('a\u001b[31mb\r\nc\u202ed', 20), 'a [31mb c d')
})

test('ages are told in one unit', () => {
  assert.deepEqual([0, 119_000, 180_000, 7_200_000, 200_000_000].map(ago), ['0 s', '119 s', '3 min', '2 h', '2 d'])
})
