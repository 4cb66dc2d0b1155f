/** Values from the type of one field to the type of another, exactly or with a fault. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FieldDef, FieldType } from '../doc/object.ts'
import { document, faultsOf, field, input, oneField, sentMaster } from './fixture.ts'
import { readDecimal, decimalKey } from './decimal.ts'

type Half = FieldType | [FieldType, Partial<FieldDef>]
const half = (code: string, given: Half): FieldDef =>
  typeof given === 'string' ? field(code, given) : field(code, ...given)

/** Sends one value from a field of the first kind to one of the second; the JSON that leaves, or the fault. */
const sent = (from: Half, to: Half, json: string, zones?: Parameters<typeof oneField>[3]): string => {
  const plan = oneField(half('a', from), half('b', to), {}, zones)
  const given = input(document('1', `{"a":${json}}`))
  return faultsOf(plan, given).join() || sentMaster(plan, given).replace(/^\{("b":)?(.*)\}$/s, '$2')
}
const table = (
  from: Half,
  to: Half,
  rows: readonly (readonly [string, string])[],
  zones?: Parameters<typeof oneField>[3],
): void => {
  for (const [given, wanted] of rows)
    assert.equal(sent(from, to, given, zones), wanted, `${given} from ${from} to ${to}`)
}
const wrong = (value: string, expected: string) => `map.type | a | ${value} | ${expected}`

test('numbers between numeric fields pass unchanged, digit for digit', () => {
  table('decimal', 'decimal', [
    ['1.10', '1.10'],
    ['12345678901234567890.12', '12345678901234567890.12'],
    ['1E+5', '1E+5'],
    ['-0.0', '-0.0'],
    ['"1.10"', '"1.10"'],
    ['" 1.10 "', '"1.10"'],
    ['"007"', '"007"'],
    ['true', '1'],
    ['"1,234.50"', wrong('1,234.50', 'a decimal number')],
    ['"abc"', wrong('abc', 'a decimal number')],
    ['{"x":1}', wrong('{"x":1}', 'a decimal number')],
  ])
})

test('the JSON kind of a decimal stays as it came unless the target field’s format says which', () => {
  table(
    'text',
    ['decimal', { format: 'number' }],
    [
      ['"1.10"', '1.10'],
      ['"+007."', '7'],
      ['".50"', '0.50'],
      ['5.0', '5.0'],
    ],
  )
  table(
    'decimal',
    ['decimal', { format: 'text' }],
    [
      ['1.10', '"1.10"'],
      ['"1.10"', '"1.10"'],
    ],
  )
  table('text', 'decimal', [['"12345678901234567890.12"', '"12345678901234567890.12"']])
})

test('whole numbers stay as they came where they are digits, and are refused where they have a fraction', () => {
  table('decimal', 'integer', [
    ['5', '5'],
    ['5.0', '5'],
    ['1.2e3', '1200'],
    ['"007"', '"007"'],
    ['"5.00"', '"5"'],
    ['123456789012345678901', '123456789012345678901'],
    ['5.5', wrong('5.5', 'a whole number')],
    ['1e100000', wrong('1e100000', 'a whole number')],
  ])
  table('text', ['integer', { format: 'number' }], [['"007"', '7']])
  table('decimal', ['integer', { format: 'text' }], [['5.0', '"5"']])
})

test('text targets get text, numbers digit for digit', () => {
  table('decimal', 'text', [
    ['1.10', '"1.10"'],
    ['12345678901234567890.12', '"12345678901234567890.12"'],
    ['true', '"true"'],
    ['"  x "', '"  x "'],
    ['["a"]', '"a"'],
    ['["a","b"]', '"a,b"'],
    ['{"x":1.10}', wrong('{"x":1.10}', 'text')],
  ])
  table('decimal', ['text', { format: 'number' }], [['"1.10"', '1.10']])
})

test('yes and no are read in many words and written in the target’s', () => {
  table('text', 'bool', [
    ['"Y"', 'true'],
    ['"n"', 'false'],
    ['1', 'true'],
    ['"0"', 'false'],
    ['"TRUE"', 'true'],
    ['false', 'false'],
    ['"是"', 'true'],
    ['"maybe"', wrong('maybe', 'yes or no')],
    ['2', wrong('2', 'yes or no')],
  ])
  table(
    'bool',
    ['bool', { format: 'Y/N' }],
    [
      ['true', '"Y"'],
      ['0', '"N"'],
    ],
  )
  table(
    ['bool', { format: 'J/N' }],
    ['bool', { format: 'number' }],
    [
      ['"J"', '1'],
      ['"N"', '0'],
    ],
  )
  table('bool', ['bool', { format: 'text' }], [['1', '"true"']])
  table('bool', 'integer', [['true', '1']])
})

test('moments are read in the source’s zone and written in the target’s; a date stays the same day', () => {
  const zones = { left: 'Asia/Shanghai', right: 'America/New_York' }
  table(
    'datetime',
    'datetime',
    [
      ['"2024-07-01 09:00:00"', '"2024-06-30 21:00:00"'],
      ['1719795600000', '1719795600000'],
    ],
    zones,
  )
  table('datetime', ['datetime', { format: 'epochMillis' }], [['"2024-07-01 09:00:00"', '1719795600000']], zones)
  table(
    'datetime',
    ['datetime', { format: 'iso', zone: 'UTC' }],
    [['"2024-07-01 09:00:00"', '"2024-07-01T01:00:00Z"']],
    zones,
  )
  table(
    'date',
    'date',
    [
      ['"2024-07-01"', '"2024-07-01"'],
      ['"2024/7/1"', '"2024-07-01"'],
    ],
    zones,
  )
  table('date', ['date', { format: 'epochMillis' }], [['"2024-07-01"', '1719806400000']], zones)
  table(['date', { format: 'epochMillis' }], 'date', [['1719763200000', '1719806400000']], zones)
  table(
    ['date', { format: 'epochMillis' }],
    ['date', { format: 'yyyy-MM-dd' }],
    [['1719763200000', '"2024-07-01"']],
    zones,
  )
  table('datetime', ['date', { format: 'yyyy-MM-dd' }], [['"2024-07-01 09:00:00"', '"2024-06-30"']], zones)
  table('date', ['datetime', { format: 'yyyy-MM-dd HH:mm:ss' }], [['"2024-07-01"', '"2024-07-01 00:00:00"']], zones)
  table('date', ['text', { format: 'yyyy年M月d日' }], [['"2024-07-01"', '"2024年7月1日"']], zones)
  table('text', 'datetime', [['"soon"', wrong('soon', 'a date and time')]], zones)
  table('text', 'date', [['"2024-02-30"', wrong('2024-02-30', 'a date')]], zones)
})

test('a moment in the hours around a change of the clocks keeps its instant', () => {
  const zones = { left: 'UTC', right: 'America/New_York' }
  table(
    'datetime',
    ['datetime', { format: 'yyyy-MM-dd HH:mm:ssXXX' }],
    [
      ['"2024-11-03 05:30:00"', '"2024-11-03 01:30:00-04:00"'],
      ['"2024-11-03 06:30:00"', '"2024-11-03 01:30:00-05:00"'],
      ['"2024-03-10 07:00:00"', '"2024-03-10 03:00:00-04:00"'],
    ],
    zones,
  )
})

test('options, people and lists', () => {
  table('select', 'select', [
    ['1', '1'],
    ['"1"', '"1"'],
    ['["a"]', '"a"'],
    ['["a","b"]', wrong('["a","b"]', 'one option')],
  ])
  table(
    'select',
    ['select', { format: 'number' }],
    [
      ['"1"', '1'],
      ['"x"', wrong('x', 'a number')],
    ],
  )
  table('select', ['select', { format: 'array' }], [['"a"', '["a"]']])
  table('multiselect', 'multiselect', [
    ['["a",1]', '["a",1]'],
    ['"a,b"', '"a,b"'],
    ['[]', '[]'],
    ['[{}]', wrong('[{}]', 'a list of single values')],
  ])
  table(['multiselect', { format: ';' }], ['multiselect', { format: 'array' }], [['"a; b"', '["a","b"]']])
  table('multiselect', ['multiselect', { format: '|' }], [['["a","b"]', '"a|b"']])
  table('text', 'multiselect', [['"a,b"', '["a,b"]']])
  table(
    'text',
    ['person', { format: 'array' }],
    [
      ['"1000"', '["1000"]'],
      ['1000', '[1000]'],
    ],
  )
  table('person', 'person', [
    ['"1000"', '"1000"'],
    ['["1000"]', '["1000"]'],
  ])
  table('person', 'text', [['["1000"]', '"1000"']])
  table('attachment', 'attachment', [['[{"url":"x","size":1.0}]', '[{"url":"x","size":1.0}]']])
  table('integer', 'reference', [
    ['12345678901234567890', '"12345678901234567890"'],
    ['["a","b"]', wrong('["a","b"]', 'the id of one record')],
  ])
})

test('length counts bytes', () => {
  table(
    'text',
    ['text', { length: 6 }],
    [
      ['"abcdef"', '"abcdef"'],
      ['"榫卯"', '"榫卯"'],
      ['"abcdefg"', 'map.length | a | abcdefg | 6 bytes'],
      ['"榫卯x"', 'map.length | a | 榫卯x | 6 bytes'],
    ],
  )
  table('decimal', ['text', { length: 3 }], [['1.10', 'map.length | a | 1.10 | 3 bytes']])
  table('select', ['select', { length: 1 }], [['"ab"', 'map.length | a | ab | 1 bytes']])
})

test('null and "" clear: sent as they came, as null where the target has a number, a bool or an instant', () => {
  table('text', 'text', [
    ['null', 'null'],
    ['""', '""'],
    ['"  "', '"  "'],
  ])
  for (const type of ['decimal', 'integer', 'bool'] as const)
    table('text', type, [
      ['null', 'null'],
      ['""', 'null'],
      ['"  "', 'null'],
    ])
  table(
    'text',
    ['datetime', { format: 'epochMillis' }],
    [
      ['""', 'null'],
      ['" "', 'null'],
    ],
  )
  table('text', 'date', [['""', '""']])
  table('multiselect', 'multiselect', [
    ['""', '""'],
    ['null', 'null'],
  ])
  table('multiselect', 'text', [['[]', 'null']])
})

test('a decimal keeps its value through any kind of numeric or text field', () => {
  const number = fc
    .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.stringMatching(/^\d{1,10}$/))
    .map(([whole, rest]) => `${whole}.${rest}`)
  const kinds: Half[] = [
    'decimal',
    'text',
    ['decimal', { format: 'number' }],
    ['decimal', { format: 'text' }],
    ['text', { format: 'number' }],
  ]
  const plans = kinds.map((kind) => oneField(field('a', 'decimal'), half('b', kind)))
  fc.assert(
    fc.property(number, fc.boolean(), fc.constantFrom(...plans), (text, quoted, plan) => {
      const out = JSON.parse(
        sentMaster(plan, input(document('1', `{"a":${quoted ? `"${text}"` : text}}`))).replace(/:(-?[\d.]+)/, ':"$1"'),
      ) as { b: string }
      const value = (one: string) => decimalKey(readDecimal(one) ?? assert.fail(one))
      assert.equal(value(out.b), value(text))
      assert.equal(out.b, text)
    }),
    { numRuns: 300 },
  )
})
