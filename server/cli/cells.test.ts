/** Cells that a spreadsheet would compute are escaped, and every id comes back as it was. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeCell, readCell, readRows, writeRows } from './cells.ts'

test('a formula is escaped', () => {
  for (const text of ['=1+1', '+1', '-1', '@x', '\tx', '\rx', "'=x"]) assert.equal(escapeCell(text), `'${text}`)
  for (const text of ['A-1', "'quoted'", '', '007', '客户']) assert.equal(escapeCell(text), text)
})

test('every text comes back from a file as it went in', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', ',', '"', '\n', '\r', '\t', ' ', 'x') }),
  )
  fc.assert(fc.property(text, (one) => readCell(escapeCell(one)) === one))
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { minLength: 1 }), (rows) => {
      const file = writeRows([['left', 'right'], ...rows])
      const back = readRows(file).map(({ cells }) => [cells.left, cells.right])
      assert.deepEqual(back, rows)
    }),
  )
})
