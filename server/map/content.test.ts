/** Bodies in and out with every number as it was written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LosslessNumber } from 'lossless-json'
import { parseContent, writeContent } from './content.ts'

test('amounts and long ids pass unchanged (contracts section 2)', () => {
  const master =
    '{"amount":12345678901234567890.12,"price":1.10,"code":"007","zero":-0.0,"big":1E+400,"sub":{"a":[1.0,null,true]}}'
  const details = '{"lines":[{"qty":1.500},{}],"none":[]}'
  const content = parseContent(Buffer.from(master), details)
  assert.ok(content.masterFieldVal.price instanceof LosslessNumber)
  assert.equal(writeContent(content), `{"masterFieldVal":${master},"detailFieldVals":${details}}`)
})

test('a record that was never told of details has none', () => {
  assert.deepEqual(parseContent('{}', null), { masterFieldVal: {}, detailFieldVals: {} })
})

test('an object that looks like a number of the parser stays an object', () => {
  const master = '{"a":{"isLosslessNumber":true,"value":"x"}}'
  assert.equal(writeContent(parseContent(master, null)), `{"masterFieldVal":${master},"detailFieldVals":{}}`)
})

test('keys that every object inherits are data like any other, and the last of a repeated key counts', () => {
  const master = '{"__proto__":{"x":1},"constructor":"c","toString":null}'
  const content = parseContent(master, null)
  assert.equal(Object.getPrototypeOf(content.masterFieldVal), Object.prototype)
  assert.equal(writeContent(content), `{"masterFieldVal":${master},"detailFieldVals":{}}`)
  assert.equal(writeContent(parseContent('{"a":1,"a":2}', null)), '{"masterFieldVal":{"a":2},"detailFieldVals":{}}')
})

test('what is no JSON object is a bug and throws', () => {
  for (const text of ['', 'null', '[]', '5', '"x"', '{']) assert.throws(() => parseContent(text, null), text)
  assert.throws(() => parseContent('{}', '[]'))
})

test('any JSON is written as it was read, whatever its texts hold', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 })), (record) => {
      const text = JSON.stringify(record)
      assert.deepEqual(JSON.parse(writeContent(parseContent(text, '{}'))).masterFieldVal, JSON.parse(text))
    }),
    { numRuns: 100 },
  )
})
