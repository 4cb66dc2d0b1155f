/** Modified times in every way that systems write them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFine, sourceTime } from './time.ts'

const shanghai = 'Asia/Shanghai'
const at = (iso: string) => Date.parse(iso)

test('milliseconds since the epoch, as number or as text, are taken as they are (A1)', () => {
  for (const text of ['1714950489123', '1.714950489123e12', ' 1714950489123 '])
    assert.equal(sourceTime(text, undefined, shanghai), 1714950489123)
  assert.equal(sourceTime('1714950489123.9', 'epochMillis', shanghai), 1714950489123)
  assert.equal(sourceTime('42', undefined, shanghai), 42, 'a change number')
  assert.equal(sourceTime('1714950489', 'epochSeconds', shanghai), 1714950489000)
  assert.equal(sourceTime('1714950489.123', 'epochSeconds', shanghai), 1714950489123)
})

test('a time without a zone is meant in the connection’s zone', () => {
  assert.equal(sourceTime('2024-05-06 07:08:09', undefined, shanghai), at('2024-05-06T07:08:09+08:00'))
  assert.equal(
    sourceTime('2024-05-06 07:08:09', 'yyyy-MM-dd HH:mm:ss', 'America/New_York'),
    at('2024-05-06T07:08:09-04:00'),
  )
  assert.equal(
    sourceTime('2024-01-06 07:08:09', 'yyyy-MM-dd HH:mm:ss', 'America/New_York'),
    at('2024-01-06T07:08:09-05:00'),
  )
  assert.equal(sourceTime('2024/5/6 7:08', undefined, 'Asia/Kolkata'), at('2024-05-06T07:08:00+05:30'))
  assert.equal(sourceTime('2024-05-06', undefined, shanghai), at('2024-05-05T16:00:00Z'))
  assert.equal(sourceTime('20240506070809', 'yyyyMMddHHmmss', shanghai), at('2024-05-06T07:08:09+08:00'))
  assert.equal(sourceTime('2024年05月06日', "yyyy'年'MM'月'dd'日'", shanghai), at('2024-05-06T00:00:00+08:00'))
  assert.equal(sourceTime('06.05.2024 07:08:09.1', 'dd.MM.yyyy HH:mm:ss.S', 'UTC'), at('2024-05-06T07:08:09.100Z'))
})

test('ISO texts with a zone mean that zone', () => {
  assert.equal(sourceTime('2024-05-06T07:08:09Z', undefined, shanghai), at('2024-05-06T07:08:09Z'))
  assert.equal(sourceTime('2024-05-06T07:08:09.1239999+0530', 'iso', shanghai), at('2024-05-06T07:08:09.123+05:30'))
  assert.equal(sourceTime('2024-05-06 07:08:09 +08', undefined, 'UTC'), at('2024-05-06T07:08:09+08:00'))
  assert.equal(
    sourceTime('2024-05-06T07:08:09-03:00', "yyyy-MM-dd'T'HH:mm:ssXXX", shanghai),
    at('2024-05-06T07:08:09-03:00'),
  )
})

test('where clocks jump, a skipped time moves on and a doubled one is the first', () => {
  assert.equal(sourceTime('2024-03-10 02:30:00', undefined, 'America/New_York'), at('2024-03-10T03:30:00-04:00'))
  assert.equal(sourceTime('2024-11-03 01:30:00', undefined, 'America/New_York'), at('2024-11-03T01:30:00-04:00'))
  assert.equal(sourceTime('2024-11-03 02:30:00', undefined, 'America/New_York'), at('2024-11-03T02:30:00-05:00'))
})

test('what cannot be read is null, and nothing throws', () => {
  const bad = [
    '',
    ' ',
    'yesterday',
    '2024-13-01',
    '2024-02-30',
    '2024-05-06T25:00:00',
    '1e400',
    '99999999999999999999',
    '0x10',
    'NaN',
    '１２３',
    '2024-05-06T07:08:09+',
    'x'.repeat(100),
  ]
  for (const text of bad) assert.equal(sourceTime(text, undefined, shanghai), null, text)
  assert.equal(sourceTime('2024-05-06 07:08:09', undefined, 'Nowhere/Land'), at('2024-05-06T07:08:09Z'))
  fc.assert(
    fc.property(
      fc.string(),
      fc.option(fc.string(), { nil: undefined }),
      fc.constantFrom('UTC', shanghai, 'x'),
      (text, format, zone) => {
        const read = sourceTime(text, format, zone)
        return read === null || Number.isSafeInteger(read)
      },
    ),
  )
})

test('every instant comes back, in every zone', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -2e12, max: 4e12 }),
      fc.constantFrom('UTC', shanghai, 'Asia/Kolkata', 'Asia/Kathmandu'),
      (ms, zone) => {
        const parts = new Intl.DateTimeFormat('sv-SE', {
          timeZone: zone,
          dateStyle: 'short',
          timeStyle: 'medium',
        }).format(ms)
        const back = sourceTime(parts, undefined, zone)
        const again =
          back === null
            ? ''
            : new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' }).format(back)
        return again === parts
      },
    ),
    { numRuns: 300 },
  )
})

test('only a time finer than a second orders unordered events (A2)', () => {
  assert.equal(isFine('millisecond', undefined), true)
  assert.equal(isFine('second', 'epochMillis'), false)
  assert.equal(isFine('coarse', 'epochMillis'), false)
  assert.equal(isFine(undefined, 'epochMillis'), true)
  assert.equal(isFine(undefined, 'yyyy-MM-dd HH:mm:ss.SSS'), true)
  assert.equal(isFine(undefined, 'yyyy-MM-dd HH:mm:ss'), false)
  assert.equal(isFine(undefined, undefined), false)
})
