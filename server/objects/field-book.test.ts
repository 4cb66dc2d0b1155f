/** Objects as documents: what is written is read back the same, in each form, and a sheet that people filled in says where it is wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import writeExcel from 'write-excel-file/node'
import type { Tree } from '../http/declaring.ts'
import { bookForms, readBook, writeBook } from './field-book.ts'

const customer: Tree = {
  code: 'BD_Customer',
  name: '客户',
  idField: 'id',
  externalIdField: 'sourceId',
  fields: {
    id: 'text',
    name: { type: 'text', name: '名称; "x"', required: true, length: 80 },
    grade: { type: 'select', options: { A: '一级', B: '=2' } },
    kind: { type: 'select', options: ['1', '007'] },
    amount: { type: 'decimal', compare: { scale: 2 } },
    at: { type: 'datetime', format: 'yyyy-MM-dd HH:mm:ss', zone: 'Asia/Tokyo' },
    parent: { type: 'reference', references: 'BD_Customer' },
    formula: { type: 'text', name: '=HYPERLINK("http://x")' },
    sourceId: 'text',
  },
  details: [
    { code: 'contacts', name: '联系人', idField: 'id', fields: { id: 'text', mobile: { type: 'text', length: 11 } } },
  ],
}

const sheet = async (rows: (string | number)[][]) =>
  (
    await writeExcel(
      rows.map((row) => row.map((value) => ({ value, type: typeof value === 'number' ? Number : String }) as never)),
    ).toBuffer()
  ).toString('base64')

test('what is written in each form is read back the same', async () => {
  for (const form of bookForms) {
    const written = await writeBook(customer, form)
    const content = typeof written === 'string' ? written : written.toString('base64')
    const read = await readBook(content, form, form === 'xlsx' ? customer : {})
    assert.deepEqual(read, { object: customer }, form)
  }
})

test('a sheet adds, changes and takes away fields and details; what it does not know stays', async () => {
  const content = await sheet([
    ['code', 'type', 'detail', 'required', 'length', 'options'],
    ['name', 'text', '', '是', 40, ''],
    ['amount', 'decimal', '', '', '', ''],
    ['fresh', 'select', '', '', '', 'x; y=why'],
    ['line', 'text', 'lines', '', '', ''],
  ])
  const read = await readBook(content, 'xlsx', customer)
  assert.deepEqual(read, {
    object: {
      ...customer,
      fields: {
        name: { type: 'text', required: true, length: 40 },
        amount: { type: 'decimal', compare: { scale: 2 } },
        fresh: { type: 'select', options: { x: 'x', y: 'why' } },
      },
      details: [{ code: 'lines', fields: { line: 'text' } }],
    },
  })
})

test('what cannot be read is told with its place', async () => {
  const wrong = async (content: string, form: (typeof bookForms)[number]) => {
    const read = await readBook(content, form, {})
    return 'wrong' in read ? read.wrong : assert.fail(JSON.stringify(read))
  }
  assert.match(await wrong(await sheet([['code'], ['a']]), 'xlsx'), /no column type/)
  assert.match(
    await wrong(
      await sheet([
        ['code', 'type'],
        ['a', 'text'],
        ['a', 'text'],
      ]),
      'xlsx',
    ),
    /^row 3: a comes twice/,
  )
  assert.match(
    await wrong(
      await sheet([
        ['code', 'type'],
        ['', 'text'],
      ]),
      'xlsx',
    ),
    /^row 2: code is empty/,
  )
  assert.ok((await wrong(Buffer.from('no zip').toString('base64'), 'xlsx')).length > 0)
  assert.match(await wrong(Buffer.alloc(300_000).toString('base64'), 'xlsx'), /more than 256 kB/)
  assert.match(await wrong('[1]', 'json'), /map/)
  assert.ok((await wrong('{"a":', 'json')).length > 0)
  assert.ok((await wrong('a: &x [1]\nb: *x\n', 'yaml')).length > 0, 'no aliases')
  assert.match(await wrong('{"__proto__":{}}', 'json'), /reserved/)
})
