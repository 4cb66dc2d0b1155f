/** Answers of other systems read exactly, and bad ones refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LosslessNumber } from 'lossless-json'
import type { Json } from '../../doc/document.ts'
import { at, decodeText, parseJson, textOf, writeFields, writeJson } from './body.ts'

const parsed = (text: string): Json => {
  const read = parseJson(text)
  assert.ok('value' in read, `${text}: ${'wrong' in read ? read.wrong : ''}`)
  return read.value
}

test('numbers pass unchanged', () => {
  for (const number of ['12345678901234567890.12', '1.10', '-0', '0', '1e100000', '1E-7', '9007199254740993']) {
    assert.equal(writeJson(parsed(`{"a":[${number}]}`)), `{"a":[${number}]}`)
  }
})

test('what JSON.parse reads is read equally, and written again', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      if (/"(__proto__|constructor)":/.test(text)) return
      assert.deepEqual(JSON.parse(writeJson(parsed(text))), JSON.parse(text))
    }),
    { numRuns: 500 },
  )
})

test('what JSON.parse refuses is refused, and nothing throws', () => {
  const bits = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '"a"',
    '\\',
    '\\u00',
    '1',
    '-',
    '.5',
    '01',
    'e',
    'true',
    'nul',
    ' ',
    '\u0001',
    '//',
    "'",
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...bits), { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      let fine = true
      try {
        JSON.parse(text)
      } catch {
        fine = false
      }
      assert.equal('value' in parseJson(text), fine, text)
    }),
    { numRuns: 5_000 },
  )
})

test('depth is held at 64, and ten thousand brackets do no harm', () => {
  assert.ok('value' in parseJson('['.repeat(64) + ']'.repeat(64)))
  assert.ok('wrong' in parseJson('['.repeat(65) + ']'.repeat(65)))
  assert.ok('wrong' in parseJson('['.repeat(10_000)))
  assert.ok('wrong' in parseJson('{"a":'.repeat(10_000)))
})

test('flaws are told with their place and spoil nothing else', () => {
  const read = parseJson(
    '{"a":"\\u0000","b":"\\ud800","c":1,"c":2,"__proto__":{"x":1},"constructor":1,"ok":"\\ud83d\\ude00"}',
  )
  assert.ok('value' in read)
  assert.deepEqual(
    read.flaws.map((f) => [f.kind, f.at]),
    [
      ['text', 5],
      ['text', 18],
      ['duplicate', 33],
      ['reserved', 39],
      ['reserved', 59],
    ],
  )
  assert.equal(({} as { x?: number }).x, undefined)
  assert.equal(Object.getPrototypeOf(read.value), Object.prototype)
})

test('spans cut out exactly the bytes that came', () => {
  const text = '{ "list" : [ {"名" : 1.10 , "b":[ {} ]} ,{"c":"}"} ] }'
  const read = parseJson(text, true)
  assert.ok('value' in read)
  const first = at(read.value, 'list.0') as Json
  const [from, to] = read.spans?.get(first) ?? [0, 0]
  assert.equal(text.slice(from, to), '{"名" : 1.10 , "b":[ {} ]}')
})

test('paths, texts and extra fields', () => {
  const value = parsed('{"a":{"b":[{"c":7}]},"t":"x","n":null,"o":{}}')
  assert.equal(textOf(at(value, 'a.b.0.c')), '7')
  assert.equal(textOf(at(value, 't')), 'x')
  assert.equal(at(value, 'a.b.1.c'), undefined)
  assert.equal(at(value, 't.length'), undefined)
  assert.equal(at(value, 'o.toString'), undefined)
  assert.equal(textOf(at(value, 'n')), null)
  assert.equal(writeFields({ a: '1', id: 'old' }, { id: 'new' }), '{"a":"1","id":"new"}')
  assert.equal(writeFields({}, { id: new LosslessNumber('7') }), '{"id":7}')
})

test('bodies are UTF-8, with or without a mark, or GBK where they say so; broken bytes are told', () => {
  assert.equal(decodeText(Buffer.from('\ufeff{"a":1}'), undefined), '{"a":1}')
  assert.equal(decodeText(Buffer.from([0xd6, 0xd0]), 'application/json; charset=GBK'), '中')
  assert.equal(decodeText(Buffer.from([0xd6, 0xd0]), 'application/json'), null)
})
