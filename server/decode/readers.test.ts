/** The no-code readers, and what is proposed from a sample: the guide's record and orders as people export them, in every kind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { writeJson } from '../connect/standard/body.ts'
import type { Json } from '../doc/document.ts'
import type { ObjectDef, ReaderDef } from '../doc/object.ts'
import { propose } from './propose.ts'
import { read } from './readers.ts'

const order: ObjectDef = {
  code: 'SAL',
  apiName: 'SAL',
  idField: 'number',
  fields: [
    { code: 'number', type: 'text', name: '单号' },
    { code: 'amount', type: 'decimal', name: '金额' },
  ],
  details: [{ code: 'lines', fields: [{ code: 'qty', type: 'decimal' }] }],
}
const made = (reader: ReaderDef, text: string): unknown => {
  const reading = read(reader, text)
  assert.ok('made' in reading, JSON.stringify(reading))
  return JSON.parse(
    JSON.stringify(
      reading.made.map((one) => [
        one.id,
        one.operation,
        one.fields && writeJson(one.fields),
        one.details && writeJson(one.details as Json),
      ]),
    ),
  )
}

test('JSON: paths, digits as they stand, a detail that is absent is not spoken of, and a value that voids', () => {
  const reader: ReaderDef = {
    kind: 'json',
    records: 'data.list',
    id: 'head.no',
    fields: { no: 'head.no', amount: "['a.b']", first: 'rows[0].q' },
    details: { lines: { rows: 'rows', fields: { qty: 'q' } } },
    void: { at: 'state', values: ['closed'] },
  }
  assert.deepEqual(
    made(
      reader,
      '{"data":{"list":[{"head":{"no":7},"a.b":12345678901234567890.10,"rows":[{"q":1.10},{"q":null}]},{"head":{"no":"8"},"state":"closed"}]}}',
    ),
    [
      ['7', null, '{"no":7,"amount":12345678901234567890.10,"first":1.10}', '{"lines":[{"qty":1.10},{"qty":null}]}'],
      ['8', 'void', '{"no":"8"}', null],
    ],
  )
  assert.deepEqual(made({ kind: 'json', id: 'id' }, '[{"id":1,"a":"x","b":{"c":1},"d":[1]}]'), [
    ['1', null, '{"id":1,"a":"x"}', null],
  ])
})

test('XML: one element or many, attributes, text beside attributes, paths from the root', () => {
  const reader: ReaderDef = {
    kind: 'xml',
    records: 'Order',
    id: '@no',
    fields: { no: '@no', name: 'Head/Name', unit: 'Head/Name/@unit', all: '/Orders/@batch' },
    details: { lines: { rows: 'Lines/Line', fields: { qty: 'Qty' } } },
  }
  const one = (no: string, lines: string) =>
    `<Order no="${no}"><Head><Name unit="u">中 &amp; 国</Name></Head><Lines>${lines}</Lines></Order>`
  assert.deepEqual(
    made(reader, `<Orders batch="B">${one('007', '<Line><Qty>1.10</Qty></Line>')}${one('8', '')}</Orders>`),
    [
      ['007', null, '{"no":"007","name":"中 & 国","unit":"u","all":"B"}', '{"lines":[{"qty":"1.10"}]}'],
      ['8', null, '{"no":"8","name":"中 & 国","unit":"u","all":"B"}', '{"lines":[]}'],
    ],
  )
  assert.deepEqual(made(reader, `<Orders>${one('1', '')}</Orders>`), [
    ['1', null, '{"no":"1","name":"中 & 国","unit":"u"}', '{"lines":[]}'],
  ])
})

test('CSV: columns by name or number, quotes, and lines of one record as its rows', () => {
  const reader: ReaderDef = {
    kind: 'csv',
    id: 'no',
    fields: { number: 'no', name: 'name' },
    details: { lines: { fields: { qty: 'qty' } } },
  }
  assert.deepEqual(made(reader, 'no,name,qty\r\n007,"a, ""b""\nc",1.10\r\n007,x,2\r\n8,y,\r\n'), [
    ['007', null, '{"number":"007","name":"a, \\"b\\"\\nc"}', '{"lines":[{"qty":"1.10"},{"qty":"2"}]}'],
    ['8', null, '{"number":"8","name":"y"}', '{"lines":[]}'],
  ])
  assert.deepEqual(
    made({ kind: 'csv', separator: '\\t', header: false, skip: 1, id: 2, fields: { a: 1 } }, 'title\tx\n1.10\tA\n'),
    [['A', null, '{"a":"1.10"}', null]],
  )
  assert.ok('wrong' in read(reader, 'no,name,qty\n"1,2'))
})

test('fixed columns count characters, forms keep their names, and a record without an id says which', () => {
  assert.deepEqual(
    made(
      {
        kind: 'fixed',
        skip: 1,
        id: { at: 1, length: 4 },
        fields: { no: { at: 1, length: 4 }, name: { at: 5, length: 4 }, q: { at: 9, length: 6 } },
      },
      'HEAD\n0007中国    1.10\n',
    ),
    [['0007', null, '{"no":"0007","name":"中国","q":"1.10"}', null]],
  )
  assert.deepEqual(made({ kind: 'form', id: 'id', fields: { a: 'x' } }, 'id=7&x=a%26b+c'), [
    ['7', null, '{"a":"a&b c"}', null],
  ])
  assert.deepEqual(read({ kind: 'json', records: 'l', id: 'id' }, '{"l":[{"id":1},{"x":2}]}'), {
    wrong: 'record 2 has no id at id',
    field: 'id',
  })
})

const samples: [string, string, Partial<ReaderDef>][] = [
  [
    'JSON in an envelope',
    '{"code":0,"data":{"list":[{"单号":"1","金额":1.10,"lines":[{"qty":1}]}]}}',
    {
      kind: 'json',
      records: 'data.list',
      id: '单号',
      fields: { number: '单号', amount: '金额' },
      details: { lines: { rows: 'lines', fields: { qty: 'qty' } } },
    },
  ],
  ['a JSON list', '[{"id":"1","a":"x"}]', { kind: 'json', id: 'id', fields: { id: 'id', a: 'a' } }],
  [
    'XML',
    '<Orders><Order><Number>1</Number><Items><Item><QTY>2</QTY></Item><Item><QTY>3</QTY></Item></Items></Order><Order><Number>2</Number></Order></Orders>',
    {
      kind: 'xml',
      records: 'Order',
      id: 'Number',
      fields: { number: 'Number' },
      details: { lines: { rows: 'Items/Item', fields: { qty: 'QTY' } } },
    },
  ],
  [
    'CSV',
    '单号;金额\n1;1.10\n2;2\n',
    { kind: 'csv', separator: ';', id: '单号', fields: { number: '单号', amount: '金额' } },
  ],
  ['fixed columns', '0001  Acme   1.10\n0002  Li Co 22.00\n', { kind: 'fixed', id: { at: 1, length: 6 } }],
  ['a form', 'number=1&amount=1.10', { kind: 'form', id: 'number', fields: { number: 'number', amount: 'amount' } }],
]
for (const [name, sample, expected] of samples)
  test(`proposed from ${name}: it reads its own sample`, () => {
    const proposal = propose(sample, order)
    assert.ok('reader' in proposal, JSON.stringify(proposal))
    assert.deepEqual({ ...proposal.reader, ...expected }, proposal.reader)
    const reading = read(proposal.reader, sample)
    assert.ok(
      'made' in reading && reading.made.length > 0 && reading.made.every((one) => one.id !== ''),
      JSON.stringify(reading),
    )
  })

test('whatever is pasted or pushed, neither throws', () => {
  const kinds = ['json', 'xml', 'csv', 'fixed', 'form'] as const
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'grapheme' })),
      fc.constantFrom(...kinds),
      (text, kind) => {
        propose(text, order)
        read({ kind, id: kind === 'fixed' ? { at: 1, length: 2 } : 'id', fields: { a: 'a' } }, text)
      },
    ),
    { numRuns: 500 },
  )
})
