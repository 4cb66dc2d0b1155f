/** Objects learnt from samples: the guide's own texts, cURL as people paste it, answers, and records of no shape at all. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { locales } from '../../protocol/codes.ts'
import { learnFrom, learnNotes, type Learnt, sayNote, shellWords } from './learn-sample.ts'

const fixture = (name: string) => readFileSync(new URL(`../../protocol/fixtures/${name}`, import.meta.url), 'utf8')
const learnt = (text: string, code?: string): Learnt => {
  const found = learnFrom(text, code)
  return 'wrong' in found ? assert.fail(found.wrong) : found
}
const notesOf = (found: Learnt) =>
  found.notes.map(({ note, field }) => (field === undefined ? note : `${note} ${field}`))

test('the guide’s own push: object, fields and both details', () => {
  const { object } = learnt(fixture('guide-standard-push.txt'))
  assert.deepEqual(object, {
    code: 'ERP 侧对象的 APIName',
    fields: { Key1: 'text', Key2: 'text', Key3: 'text' },
    details: [
      { code: '明细 apiName1', fields: { Key4: 'text', Key5: 'text', Key6: 'text' } },
      { code: '明细 apiName2', fields: { Key4: 'text', Key5: 'text', Key6: 'text' } },
    ],
  })
})

test('the guide’s cURL with its own spellings of --data-raw', () => {
  for (const data of ['--data-raw', '--data -raw', '--data - raw', '-d']) {
    const { object } = learnt(`curl --location --request POST 'http://MyDoman/path/create' \\
--header 'Content-Type: application/json' \\
--header 'objectApiName: SAL' \\
--header 'id: S-1' \\
${data} '{"masterFieldVal":{"billNo":"B-1","key":"S-1","amount":1.10}}'`)
    assert.deepEqual(object, {
      code: 'SAL',
      idField: 'key',
      fields: { billNo: 'text', key: 'text', amount: 'decimal' },
    })
  }
})

test('types come from values and names, over all records of a page', () => {
  const found = learnt(
    JSON.stringify({
      code: '0',
      data: {
        totalNum: 2,
        dataList: [
          {
            objAPIName: 'BD_Customer',
            masterFieldVal: {
              id: 'C-1',
              name: 'One',
              count: 1,
              mixed: 1,
              creditLimit: 100,
              price: '10.50',
              active: true,
              born: '2020-01-02',
              orderDate: '2020/01/02',
              seenAt: '2020-01-02 03:04:05',
              modifyTime: 1769846400000,
              createTime: 1769846400,
              whole: '2020-01-02T03:04:05+08:00',
              phone: '007',
              tags: ['a'],
              nothing: null,
              sourceId: 'X',
              inner: { a: 1 },
            },
            detailFieldVals: {
              contacts: [
                { id: 'T-1', mobile: '1' },
                { id: 'T-2', mobile: '2' },
              ],
            },
          },
          {
            objAPIName: 'BD_Customer',
            masterFieldVal: { id: 'C-2', name: 'One', count: 2, mixed: 'x', creditLimit: 1.5 },
          },
        ],
      },
    }),
  )
  assert.deepEqual(found.object, {
    code: 'BD_Customer',
    idField: 'id',
    nameField: 'name',
    modifiedField: 'modifyTime',
    modifiedGrain: 'millisecond',
    externalIdField: 'sourceId',
    fields: {
      id: 'text',
      name: 'text',
      count: 'integer',
      mixed: 'text',
      creditLimit: 'decimal',
      price: 'decimal',
      active: 'bool',
      born: 'date',
      orderDate: { type: 'date', format: 'yyyy/MM/dd' },
      seenAt: { type: 'datetime', format: 'yyyy-MM-dd HH:mm:ss' },
      modifyTime: { type: 'datetime', format: 'epochMillis' },
      createTime: { type: 'datetime', format: 'epochSeconds' },
      whole: { type: 'datetime', format: 'iso' },
      phone: 'text',
      tags: 'multiselect',
      nothing: 'text',
      sourceId: 'text',
    },
    details: [{ code: 'contacts', idField: 'id', fields: { id: 'text', mobile: 'text' } }],
  })
  assert.equal(found.records, 2)
  assert.deepEqual(notesOf(found), ['empty nothing', 'nested inner', 'idGuess id', 'modifiedGuess modifyTime'])
})

test('a record of no shape: lists of objects are its details, and what is missing is told', () => {
  const found = learnt('[{"a":"1","rows":[{"b":2}]},{"a":"1"}]', 'Thing')
  assert.deepEqual(found.object, {
    code: 'Thing',
    fields: { a: 'text' },
    details: [{ code: 'rows', fields: { b: 'integer' } }],
  })
  assert.deepEqual(notesOf(found), ['idNone', 'modifiedNone'])
  assert.deepEqual(notesOf(learnt('{"x":1}')), ['idNone', 'modifiedNone', 'codeNone'])
})

test('an event and the newer route’s body tell object and id', () => {
  assert.equal(
    learnt(
      '{"objectApiName":"AccountObj","dataId":"A-1","operation":"update","masterFieldVal":{"name":"x","key":"A-1"}}',
    ).object.idField,
    'key',
  )
  assert.equal(learnt('{"data":{"objAPIName":"X","id":"9","masterFieldVal":{"no":"9","k":"1"}}}').object.code, 'X')
})

test('what is no sample is told, and a key of the prototype harms nothing', () => {
  for (const text of ['', 'curl http://x', '<xml/>', '[]', '7', '{"a":', '{"code":"0","message":"","data":null}'])
    assert.ok('wrong' in learnFrom(text), text)
  const { object } = learnt('{"masterFieldVal":{"__proto__":{"polluted":1},"a":"1"}}')
  assert.equal(({} as { polluted?: number }).polluted, undefined)
  assert.ok('a' in (object.fields as object))
})

test('a command line is split as a shell splits it', () => {
  assert.deepEqual(shellWords(`curl -d 'it'\\''s' "a \\"b\\" $c" \\\n x\\ y ''`), [
    'curl',
    '-d',
    "it's",
    'a "b" $c',
    'x y',
    '',
  ])
})

test('every note stands in four languages', () => {
  for (const note of Object.keys(learnNotes) as (keyof typeof learnNotes)[])
    for (const locale of locales) assert.doesNotMatch(sayNote({ note, field: 'f' }, locale), /[{}]/)
})
