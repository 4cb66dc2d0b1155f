/** Dates and times in every declared form and zone, over daylight-saving gaps too. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LosslessNumber } from 'lossless-json'
import { writeJson } from './content.ts'
import { dayOf, isDateFormat, type Moments, momentsOf } from './moment.ts'
import { type Zone, zoneOf } from './zone.ts'

const zone = (name: string): Zone => {
  const found = zoneOf(name)
  assert.ok(found, name)
  return found
}
const moments = (format: string | undefined, name = 'UTC', kind: 'date' | 'datetime' = 'datetime'): Moments => {
  const made = momentsOf(format, zone(name), kind)
  assert.ok(made, format)
  return made
}
const iso = (instant: number): string => (Number.isNaN(instant) ? 'none' : new Date(instant).toISOString())
const n = (text: string) => new LosslessNumber(text)

test('the clock of a zone agrees with Intl at any moment, also around its changes', () => {
  const names = [
    'Asia/Shanghai',
    'America/New_York',
    'Europe/London',
    'Australia/Lord_Howe',
    'America/Sao_Paulo',
    'Africa/Casablanca',
    'Asia/Kathmandu',
    '+08:00',
  ]
  const clocks = new Map(
    names.map((name) => [
      name,
      new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short', timeStyle: 'medium' }),
    ]),
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.integer({ min: Date.UTC(1971, 0), max: Date.UTC(2037, 0) }),
      (name, ms) => {
        const instant = Math.floor(ms / 1000) * 1000
        assert.equal(moments('yyyy-MM-dd HH:mm:ss', name).write(instant, false), clocks.get(name)?.format(instant))
      },
    ),
    { numRuns: 300 },
  )
})

test('what the clock shows leads back to the moment, except in the hour that is shown twice', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('America/New_York', 'Europe/London', 'Asia/Shanghai', 'Australia/Lord_Howe'),
      fc.integer({ min: 0, max: 4e12 }),
      (name, ms) => {
        const there = zone(name)
        const wall = ms + there.offset(ms)
        const back = there.instant(wall)
        assert.ok(back === ms || (back < ms && back + there.offset(back) === wall))
      },
    ),
    { numRuns: 500 },
  )
})

test('summer time: a skipped time is as much later, a repeated one is the first, a day without midnight is still that day', () => {
  const newYork = moments(undefined, 'America/New_York')
  assert.equal(iso(newYork.read('2024-03-10 01:59:59')), '2024-03-10T06:59:59.000Z')
  assert.equal(iso(newYork.read('2024-03-10 02:30:00')), '2024-03-10T07:30:00.000Z')
  assert.equal(iso(newYork.read('2024-11-03 01:30:00')), '2024-11-03T05:30:00.000Z')
  assert.equal(iso(newYork.read('2024-11-03 02:00:00')), '2024-11-03T07:00:00.000Z')
  const saoPaulo = zone('America/Sao_Paulo')
  const day = moments('yyyy-MM-dd', 'America/Sao_Paulo', 'date')
  assert.equal(day.write(day.read('2018-11-04'), false), '2018-11-04')
  assert.equal(dayOf(day.read('2018-11-04'), saoPaulo), Date.UTC(2018, 10, 4))
})

test('undeclared dates are read where they cannot be mistaken', () => {
  const shanghai = moments(undefined, 'Asia/Shanghai')
  for (const [given, wanted] of [
    ['2024-01-31', '2024-01-30T16:00:00.000Z'],
    ['2024/1/31', '2024-01-30T16:00:00.000Z'],
    ['2024.01.31', '2024-01-30T16:00:00.000Z'],
    ['2024-01-31 10:00:00', '2024-01-31T02:00:00.000Z'],
    [' 2024-01-31T10:00 ', '2024-01-31T02:00:00.000Z'],
    ['2024-01-31T10:00:00.5', '2024-01-31T02:00:00.500Z'],
    ['2024-01-31T10:00:00.123456Z', '2024-01-31T10:00:00.123Z'],
    ['2024-01-31T10:00:00-05:00', '2024-01-31T15:00:00.000Z'],
    ['2024-01-31+08:00', '2024-01-30T16:00:00.000Z'],
    ['20240131', '2024-01-30T16:00:00.000Z'],
    ['20240131100000', '2024-01-31T02:00:00.000Z'],
    ['1706666400000', '2024-01-31T02:00:00.000Z'],
    ['1706666400', '2024-01-31T02:00:00.000Z'],
    ['2024-02-30', 'none'],
    ['2023-02-29', 'none'],
    ['31/01/2024', 'none'],
    ['0000-00-00', 'none'],
    ['2024-01-31 25:00:00', 'none'],
    ['yesterday', 'none'],
    ['123', 'none'],
    ['2024-13-01', 'none'],
    ['2024-1x-01', 'none'],
  ] as const) {
    assert.equal(iso(shanghai.read(given)), wanted, given)
  }
  assert.equal(iso(shanghai.read(n('1706666400000'))), '2024-01-31T02:00:00.000Z')
  for (const odd of [true, [], {}, n('1e300')]) assert.equal(iso(shanghai.read(odd)), 'none')
})

test('declared formats are read and written', () => {
  const at = Date.UTC(2024, 0, 31, 2, 3, 4, 5)
  for (const [format, name, wanted] of [
    ['epochMillis', 'Asia/Shanghai', '1706666584005'],
    ['epochSeconds', 'Asia/Shanghai', '1706666584'],
    ['iso', 'Asia/Shanghai', '"2024-01-31T10:03:04.005+08:00"'],
    ['iso', 'UTC', '"2024-01-31T02:03:04.005Z"'],
    [undefined, 'Asia/Shanghai', '"2024-01-31 10:03:04"'],
    ['yyyy-MM-dd HH:mm:ss.SSS', 'Asia/Shanghai', '"2024-01-31 10:03:04.005"'],
    ["yyyy-MM-dd'T'HH:mm:ssXXX", 'America/New_York', '"2024-01-30T21:03:04-05:00"'],
    ['yyyy-MM-ddTHH:mm:ssZ', 'Asia/Kathmandu', '"2024-01-31T07:48:04+0545"'],
    ['yyyy年M月d日', 'Asia/Shanghai', '"2024年1月31日"'],
    ['dd/MM/yyyy', 'UTC', '"31/01/2024"'],
    ['yyyyMMddHHmmss', 'UTC', '"20240131020304"'],
  ] as const) {
    const made = moments(format, name)
    const written = made.write(at, false)
    assert.ok(written !== undefined)
    assert.equal(writeJson(written), wanted)
    assert.equal(writeJson(made.write(made.read(written), false) ?? null), wanted, `${format} read back`)
  }
  assert.equal(writeJson(moments(undefined).write(at, true) ?? null), '1706666584005')
  assert.equal(moments('yyyy-MM-dd').write(8.64e15, false), undefined)
})

test('a declared format does not hide the unmistakable ones', () => {
  assert.equal(iso(moments('yyyy-MM-dd').read(n('1706666400000'))), '2024-01-31T02:00:00.000Z')
  assert.equal(iso(moments('epochMillis', 'Asia/Shanghai').read('2024-01-31 10:00:00')), '2024-01-31T02:00:00.000Z')
  assert.equal(iso(moments('yyyyMMdd').read(n('20240131'))), '2024-01-31T00:00:00.000Z')
  assert.equal(iso(moments('epochSeconds').read('1706666400.5')), '2024-01-31T02:00:00.500Z')
})

test('words that are no pattern are told from patterns', () => {
  for (const format of ['text', 'number', 'array', 'Y/N', 'DD.MM.YYYY', ';', "yyyy'", undefined])
    assert.equal(isDateFormat(format), false, format)
  for (const format of ['iso', 'epochMillis', 'epochSeconds', 'yyyy-MM-dd', 'yyyyMM'])
    assert.equal(isDateFormat(format), true, format)
  assert.equal(momentsOf('MM/DD', zone('UTC'), 'date'), undefined)
  assert.equal(zoneOf('Mars/Olympus'), undefined)
})

test('no text makes a reader throw', () => {
  const readers = [undefined, 'iso', 'epochMillis', 'epochSeconds', 'yyyy-MM-dd HH:mm:ss', 'yyyyMMdd', 'yy.M.dXXX'].map(
    (format) => moments(format, 'Europe/London'),
  )
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d:\-/ .TZ+]{0,30}$/)), (text) => {
      for (const reader of readers) assert.equal(typeof reader.read(text), 'number')
    }),
    { numRuns: 500 },
  )
})
