/** Rejected rows as CSV: what a spreadsheet would calculate is text, and what was sent stands there digit for digit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import { rejectedCsv } from './csv.ts'

const def = { code: 'p', apiName: 'p', idField: 'code', fields: [{ code: 'code', type: 'text' as const }], details: [] }

test('cells that begin a formula are escaped, wherever they come from', () => {
  const starts = ['=1+1', '+1', '-1', '@x', '\t=1', '=HYPERLINK("http://x","y")']
  const rows = starts.map((code, i) => ({
    key: code,
    reasons: [code],
    body: Buffer.from(JSON.stringify({ code, [code]: i })),
  }))
  const text = rejectedCsv(rows, def, 'en_US')
  const cells = (parse(text, { bom: true }) as string[][]).flat()
  assert.deepEqual(
    cells.filter((cell) => /^[=+\-@\t]/.test(cell)),
    [],
  )
  assert.ok(cells.includes("'=1+1"))
  assert.match('=1+1', /^[=+\-@\t]/, 'the control: unescaped it would have been found')
})

test('values are as they were sent: long numbers, nested ones, quotes and line breaks', () => {
  const body = Buffer.from('{"code":"a\\"b\\nc","amount":12345678901234567890.10,"list":[1.10,"x"],"none":null}')
  const [head, row] = parse(rejectedCsv([{ key: '7', reasons: ['r1', 'r2'], body }], def, 'zh_CN'), {
    bom: true,
  }) as string[][]
  assert.deepEqual(head, ['行', '原因', 'code', 'amount', 'list', 'none'])
  assert.deepEqual(row, ['7', 'r1; r2', 'a"b\nc', '12345678901234567890.10', '["1.10","x"]', ''])
})
