/** The mapping editor changes rules one by one and leaves everything else as it is written, in either spelling. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  complaintsOf,
  detailsIn,
  fieldsOf,
  openFields,
  plain,
  rulesIn,
  samplesOf,
  saying,
  scalarOf,
  turned,
  withDetail,
  withRule,
} from '../../console/features/flows/rules.ts'

const asMap = {
  fields: {
    name: 'title',
    level: { from: 'grade', options: { A: '1' }, unmapped: 'keep', later: { words: ['stay'] } },
    total: { formula: 'SUM(lines.qty)' },
  },
  details: { Row: { from: 'lines', policy: 'merge', note: 'kept', fields: { qty: 'qty' } } },
  soon: true,
}
const asList = {
  fields: [
    { to: 'name', from: 'title' },
    { to: 'level', from: 'grade', options: { A: '1' } },
  ],
  details: [{ to: 'Row', from: 'lines', fields: [{ to: 'qty', from: 'qty' }] }],
}

test('a rule is changed, added and taken away in the spelling that stands there; words without a widget stay', () => {
  assert.deepEqual(
    withRule(asMap, null, 'level', saying(rulesIn(asMap, null)[1]?.says ?? {}, { default: '9', unmapped: undefined })),
    {
      ...asMap,
      fields: {
        ...asMap.fields,
        level: { from: 'grade', options: { A: '1' }, later: { words: ['stay'] }, default: '9' },
      },
    },
  )
  assert.deepEqual(withRule(asMap, 'Row', 'price', { from: 'price' }).details, {
    Row: { from: 'lines', policy: 'merge', note: 'kept', fields: { qty: 'qty', price: 'price' } },
  })
  assert.deepEqual(withRule(asMap, null, 'name', null).fields, { level: asMap.fields.level, total: asMap.fields.total })
  assert.deepEqual(withRule(asList, null, 'name', { from: 'caption' }).fields, [
    { to: 'name', from: 'caption' },
    { to: 'level', from: 'grade', options: { A: '1' } },
  ])
  assert.deepEqual(withRule(asList, 'Row', 'price', { value: 1 }).details, [
    {
      to: 'Row',
      from: 'lines',
      fields: [
        { to: 'qty', from: 'qty' },
        { to: 'price', value: 1 },
      ],
    },
  ])
})

test('a detail is added, changed and taken away; its fields stay', () => {
  assert.deepEqual(detailsIn(asMap), [
    { to: 'Row', from: 'lines', says: { from: 'lines', policy: 'merge', note: 'kept' } },
  ])
  assert.deepEqual(withDetail(asMap, 'Row', { from: '$' }).details, { Row: { from: '$', fields: { qty: 'qty' } } })
  assert.deepEqual(withDetail({ fields: {} }, 'Row', { from: 'lines' }).details, { Row: { from: 'lines', fields: {} } })
  assert.deepEqual(withDetail(asList, 'Row', null).details, [])
  assert.equal('details' in withDetail(asMap, 'Row', null), false)
})

test('where the value comes from is one thing: what cannot stand beside it goes, the rest stays', () => {
  const says = { from: 'grade', options: { A: '1' }, unmapped: 'keep', default: 'x', write: 'onCreate' }
  assert.deepEqual(turned(says, 'from', 'rank'), { ...says, from: 'rank' })
  assert.deepEqual(turned(says, 'value', 'v'), { value: 'v', write: 'onCreate' })
  assert.deepEqual(turned({ from: 'c', reference: 'customer', required: true }, 'formula', 'c'), {
    formula: 'c',
    required: true,
  })
  assert.deepEqual(
    [scalarOf('1.10', 'decimal'), scalarOf('12', 'integer'), scalarOf('007', 'decimal'), scalarOf('true', 'bool')],
    ['1.10', 12, '007', true],
  )
})

test('required fields that no rule fills are told, of details as well; the engine’s own are not asked for', () => {
  const target = {
    idField: '_id',
    externalIdField: 'sourceId',
    fields: {
      _id: { required: true },
      sourceId: { required: true },
      name: { type: 'text', required: true },
      city: { required: true, names: { ja_JP: '市' }, name: 'City' },
      note: 'text',
    },
    details: [{ code: 'Row', fields: { qty: { type: 'decimal', required: true }, unit: { required: true } } }],
  }
  assert.deepEqual(openFields(asMap, target), ['city', 'Row.unit'])
  assert.deepEqual(openFields({ fields: { 'city.name': 'x', name: 'y' } }, target), [])
  assert.equal(fieldsOf(target, null, 'ja_JP')?.find(({ code }) => code === 'city')?.name, '市')
  assert.equal(fieldsOf(target, 'Nothing', 'ja_JP'), null)
})

test('samples stand as they are written, and numbers keep every digit', () => {
  const record =
    '{"masterFieldVal":{"price":1.10,"big":12345678901234567890.12,"tags":["a",2.0],"none":null},"detailFieldVals":{"lines":[{"qty":2.50}]}}'
  assert.deepEqual(
    [...samplesOf(record, null)],
    [
      ['price', '1.10'],
      ['big', '12345678901234567890.12'],
      ['tags', '["a",2.0]'],
      ['none', ''],
    ],
  )
  assert.deepEqual([...samplesOf(record, 'lines')], [['qty', '2.50']])
  assert.equal(samplesOf('{"name":"bare"}', null).get('name'), 'bare')
  assert.equal(samplesOf('no json', null).size, 0)
  assert.deepEqual([plain('"x"'), plain('11.10'), plain(null)], ['x', '11.10', ''])
})

test('what the server complains of stands with its field, in either spelling; of another detail nowhere', () => {
  const dotted = { fields: { 'a.b': 'x', a: 'y' }, details: { Row: { from: 'lines', fields: { qty: 'qty' } } } }
  const problems = [
    { path: 'body.mapping.fields.a.b.from', say: 'first' },
    { path: 'body.mapping.fields.a', say: 'second' },
    { path: 'body.mapping.details.Row.fields.qty', say: 'third' },
    { path: 'body.scope', say: 'whole' },
  ]
  assert.deepEqual(
    [...complaintsOf(problems, dotted, null)],
    [
      ['a.b', ['first']],
      ['a', ['second']],
      ['', ['whole']],
    ],
  )
  assert.deepEqual(complaintsOf(problems, dotted, 'Row').get('qty'), ['third'])
  const listed = [
    { path: 'body.mapping.fields[1].options.A', say: 'option' },
    { path: 'body.mapping.details[0].fields[0]', say: 'row' },
  ]
  assert.deepEqual([...complaintsOf(listed, asList, null)], [['level', ['option']]])
  assert.deepEqual([...complaintsOf(listed, asList, 'Row')], [['qty', ['row']]])
})
