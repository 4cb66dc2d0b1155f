/** Decimal texts compared and shortened without a double, against an independent library. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Decimal } from 'decimal.js'
import fc from 'fast-check'
import { compareDecimals, decimalKey, type Exact, numberToken, readDecimal, roundTo, wholeText } from './decimal.ts'

const exact = (text: string): Exact => {
  const read = readDecimal(text)
  assert.ok(read, text)
  return read
}
const key = (text: string): string => decimalKey(exact(text))
const Big = Decimal.clone({ precision: 200, toExpNeg: -1e6, toExpPos: 1e6, rounding: Decimal.ROUND_HALF_UP })

const number = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.stringMatching(/^\d{0,25}$/),
    fc.option(fc.stringMatching(/^\d{0,12}$/), { nil: undefined }),
    fc.option(fc.integer({ min: -30, max: 30 }), { nil: undefined }),
  )
  .filter(([, whole, fraction]) => whole !== '' || !!fraction)
  .map(
    ([sign, whole, fraction, e]) =>
      `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${e === undefined ? '' : `e${e}`}`,
  )
/** decimal.js reads no `5.` and no leading plus. */
const plainly = (text: string) =>
  new Big(
    text
      .replace(/^\+/, '')
      .replace(/\.(?=e|$)/, '')
      .replace(/^(-?)\./, '$10.'),
  )

test('all ways to write a number have one key', () => {
  for (const text of ['1.10', '1.1', '+1.1', '001.1', '11e-1', '0.11E1', ' 1.100 ', '110e-2'])
    assert.equal(key(text), '11e-1')
  for (const text of ['0', '-0', '0.00', '0e5', '.0', '000']) assert.equal(key(text), '0')
  assert.equal(key('12345678901234567890.12'), '1234567890123456789012e-2')
  assert.notEqual(key('12345678901234567890.12'), key('12345678901234567890.13'))
  assert.equal(key('1e100000'), '1e100000')
})

test('what is no plain number is not read as one', () => {
  for (const text of [
    '',
    ' ',
    '.',
    '-',
    'e5',
    '1e',
    '1e+',
    '1,234',
    '1 2',
    '0x10',
    'NaN',
    'Infinity',
    '1.2.3',
    '--1',
    '1e9999999999',
    '１',
  ]) {
    assert.equal(readDecimal(text), undefined, text)
  }
})

test('rounding takes halves away from zero', () => {
  const rounded = (text: string, scale: number) => decimalKey(roundTo(exact(text), scale))
  for (const [text, scale, wanted] of [
    ['1.005', 2, '1.01'],
    ['-1.005', 2, '-1.01'],
    ['1.004', 2, '1'],
    ['0.005', 2, '0.01'],
    ['0.0049', 2, '0'],
    ['999.995', 2, '1000'],
    ['-0.001', 2, '0'],
    ['149', -2, '100'],
    ['150', -2, '200'],
    ['49', -2, '0'],
    ['1e-100000', 2, '0'],
  ] as const) {
    assert.equal(rounded(text, scale), key(wanted), `${text} to ${scale}`)
  }
})

test('whole numbers are known by value, and tokens keep their digits', () => {
  assert.equal(wholeText(exact('5.0')), '5')
  assert.equal(wholeText(exact('12e2')), '1200')
  assert.equal(wholeText(exact('5.5')), undefined)
  assert.equal(wholeText(exact('1e100000')), undefined)
  for (const [text, token] of [
    ['1.10', '1.10'],
    ['007', '7'],
    ['+5', '5'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['-.50', '-0.50'],
    [' 1e5 ', '1e5'],
    ['00.0', '0.0'],
  ] as const) {
    assert.equal(numberToken(text), token)
  }
})

test('decimals agree with decimal.js: equality, order, rounding', () => {
  fc.assert(
    fc.property(number, number, fc.integer({ min: -3, max: 8 }), (a, b, scale) => {
      const [x, y] = [plainly(a), plainly(b)]
      assert.equal(key(a) === key(b), x.eq(y))
      assert.equal(Math.sign(compareDecimals(exact(a), exact(b))), x.comparedTo(y))
      assert.equal(key(JSON.stringify(JSON.parse(`"${numberToken(a)}"`)).slice(1, -1)), key(a))
      assert.doesNotThrow(() => JSON.parse(numberToken(a)))
      if (scale >= 0) assert.equal(decimalKey(roundTo(exact(a), scale)), key(x.toDecimalPlaces(scale).toString()))
    }),
    { numRuns: 500 },
  )
})

test('rounding twice changes nothing more, and no text makes it throw', () => {
  fc.assert(
    fc.property(number, fc.integer({ min: 0, max: 6 }), fc.string(), (a, scale, any) => {
      const once = roundTo(exact(a), scale)
      assert.deepEqual(roundTo(once, scale), once)
      readDecimal(any)
    }),
    { numRuns: 300 },
  )
})
