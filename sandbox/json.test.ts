/** Numbers of the sandbox stay the text they were. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isExactNumber, readJson, textOf } from './json.ts'

test('numbers are written as they were read, digit by digit', () => {
  const text = '{"a":12345678901234567890.12,"b":1.10,"c":-0,"d":1e2,"e":[0.1,100],"f":"007"}'
  assert.equal(JSON.stringify(readJson(text)), text)
})

test('a body without numbers is read the same, escapes and astral characters included', () => {
  const text = '{"a":"𠮷 \\"1\\" \\n","b":[true,null,{"c":""}]}'
  assert.equal(JSON.stringify(readJson(text)), text)
})

test('a number is told from a text that looks like one', () => {
  const read = readJson('{"number":7,"text":"7"}') as Record<string, unknown>
  assert.ok(isExactNumber(read.number))
  assert.ok(!isExactNumber(read.text))
  assert.deepEqual([textOf(read.number), textOf(read.text), textOf([]), textOf(true)], ['7', '7', null, 'true'])
})

test('what is no JSON throws, with and without numbers in it', () => {
  for (const text of ['', '{', '{"a":1,}', '{"a":"b"', '{"a":01}', "{'a':1}", '{"a":"\t1"}'])
    assert.throws(() => readJson(text), text)
})
