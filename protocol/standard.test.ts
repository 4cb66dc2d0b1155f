/** The standard body cut into what is stored. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { scan } from './scan.ts'
import { type Cut, cut, digest, emptyCut, partsOf, wantedOf } from './standard.ts'

const def = {
  modifiedField: 'modifyTime',
  externalIdField: 'sourceId',
  details: [{ code: 'contacts', apiName: '联系人' }, { code: 'banks' }],
}
const wanted = wantedOf(def)

const cutOf = (text: string | Buffer): Cut => {
  const scanned = scan(Buffer.from(text))
  assert.ok(scanned.ok)
  const parted = partsOf(scanned.scan, -1, '', 'both')
  assert.ok(parted.ok, JSON.stringify(parted))
  const made = cut(scanned.scan, parted.parts, wanted)
  assert.ok(made.ok)
  return made.cut
}
const wrongOf = (text: string, needs: 'both' | 'none' = 'both') => {
  const scanned = scan(Buffer.from(text))
  assert.ok(scanned.ok)
  const parted = partsOf(scanned.scan, -1, '', needs)
  if (!parted.ok) return parted.wrong.path
  const made = cut(scanned.scan, parted.parts, wanted)
  return made.ok ? null : made.wrong.path
}

test('master and details are the sender’s own bytes, numbers and all', () => {
  const pieces = cutOf(
    '{"x":1,"detailFieldVals" : {"contacts":[{"q":1.10}],"banks":[]} ,"masterFieldVal": {"a":12345678901234567890.12, "b":"007"}, "objAPIName":"o"}',
  )
  assert.equal(pieces.master?.toString(), '{"a":12345678901234567890.12, "b":"007"}')
  assert.equal(pieces.details?.toString(), '{"contacts":[{"q":1.10}],"banks":[]}')
  assert.equal(pieces.detailsComplete, true)
})

test('insignificant white space does not change a hash; anything else does', () => {
  const a = cutOf('{"objAPIName":"o","masterFieldVal":{"a":"x y","b":1},"detailFieldVals":{"contacts":[{}]}}')
  const b = cutOf(
    '{ "objAPIName" : "o",\n "masterFieldVal" : { "a" : "x y" , "b":1 }, "detailFieldVals":{"contacts":[ { } ]} }',
  )
  assert.deepEqual([b.masterHash, b.detailsHash], [a.masterHash, a.detailsHash])
  const c = cutOf('{"objAPIName":"o","masterFieldVal":{"a":"x  y","b":1},"detailFieldVals":{"contacts":[]}}')
  assert.notDeepEqual(c.masterHash, a.masterHash)
  assert.notDeepEqual(c.detailsHash, a.detailsHash)
  assert.deepEqual(a.masterHash, digest('{"a":"x y","b":1}'))
})

test('absent details are not spoken of, and an unnamed detail is missed (A2)', () => {
  const none = cutOf('{"objAPIName":"o","masterFieldVal":{}}')
  assert.deepEqual([none.details, none.detailsHash, none.detailsComplete], [null, null, false])
  assert.equal(cutOf('{"objAPIName":"o","masterFieldVal":{},"detailFieldVals":{"contacts":[]}}').detailsComplete, false)
  assert.equal(emptyCut(wantedOf({ details: [] })).detailsComplete, true)
})

test('a detail that calls itself by its apiName gets its code, and may not come under both names', () => {
  const pieces = cutOf(
    '{"objAPIName":"o","masterFieldVal":{},"detailFieldVals":{"联系人":[{"n":1.0}],"other":[],"banks":[]}}',
  )
  assert.equal(pieces.details?.toString(), '{"contacts":[{"n":1.0}],"other":[],"banks":[]}')
  assert.equal(pieces.detailsComplete, true)
  assert.equal(
    wrongOf('{"objAPIName":"o","masterFieldVal":{},"detailFieldVals":{"联系人":[],"contacts":[]}}'),
    'detailFieldVals.联系人',
  )
})

test('modified time and external id are read from the master only, where they are scalars', () => {
  const pieces = cutOf(
    '{"objAPIName":"o","masterFieldVal":{"modifyTime":1714950489123,"sourceId":"A\\u00e9","x":{"modifyTime":1}}}',
  )
  assert.deepEqual([pieces.modified, pieces.external], ['1714950489123', 'Aé'])
  const none = cutOf('{"objAPIName":"o","masterFieldVal":{"modifyTime":null,"sourceId":"","x":{"modifyTime":1}}}')
  assert.deepEqual([none.modified, none.external], [null, null])
})

test('a wrong shape is named by its path (002)', () => {
  const cases: [string, string][] = [
    ['{"masterFieldVal":{}}', 'objAPIName'],
    ['{"objAPIName":1,"masterFieldVal":{}}', 'objAPIName'],
    ['{"objAPIName":"","masterFieldVal":{}}', 'objAPIName'],
    ['{"objAPIName":"o"}', 'masterFieldVal'],
    ['{"objAPIName":"o","masterFieldVal":[]}', 'masterFieldVal'],
    ['{"objAPIName":"o","masterFieldVal":null}', 'masterFieldVal'],
    ['{"objAPIName":"o","masterFieldVal":{},"detailFieldVals":[]}', 'detailFieldVals'],
    ['{"objAPIName":"o","masterFieldVal":{},"detailFieldVals":null}', 'detailFieldVals'],
    ['{"objAPIName":"o","masterFieldVal":{},"detailFieldVals":{"contacts":{}}}', 'detailFieldVals.contacts'],
    ['{"objAPIName":"o","masterFieldVal":{},"detailFieldVals":{"contacts":[{},1]}}', 'detailFieldVals.contacts[1]'],
    ['{"objAPIName":"o","masterFieldVal":{},"detailFieldVals":{"contacts":[[]]}}', 'detailFieldVals.contacts[0]'],
  ]
  for (const [text, path] of cases) assert.equal(wrongOf(text), path, text)
  assert.equal(wrongOf('{}', 'none'), null)
})

test('the guide’s push is cut as it stands there', () => {
  const pieces = cutOf(readFileSync(new URL('fixtures/guide-standard-push.txt', import.meta.url)))
  assert.deepEqual(JSON.parse(pieces.master?.toString() ?? ''), { Key1: 'value1', Key2: 'value2', Key3: 'value3' })
  assert.deepEqual(Object.keys(JSON.parse(pieces.details?.toString() ?? '')), ['明细 apiName1', '明细 apiName2'])
})
