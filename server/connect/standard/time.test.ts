/** Times of the other system in its zone and form. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LosslessNumber } from 'lossless-json'
import type { FieldDef } from '../../doc/object.ts'
import { dayEnd, fromWall, instantOf, isZone, zoneOffset } from './time.ts'

const field = (format?: string, zone?: string): FieldDef => ({ code: 'm', type: 'datetime', format, zone })
const shanghai = 'Asia/Shanghai'
const noon = Date.UTC(2024, 4, 6, 4, 0, 0)

test('modified times are read as epoch ms, epoch s, ISO and wall-clock text', () => {
  assert.equal(instantOf(new LosslessNumber('1714968000123'), undefined, shanghai), 1714968000123)
  assert.equal(instantOf('1714968000123', undefined, shanghai), 1714968000123)
  assert.equal(instantOf('1714968000', undefined, shanghai), 1714968000000)
  assert.equal(instantOf('2024-05-06T04:00:00Z', undefined, shanghai), noon)
  assert.equal(instantOf('2024-05-06T12:00:00+08:00', undefined, 'UTC'), noon)
  assert.equal(instantOf('2024-05-06T04:00:00.25Z', undefined, shanghai), noon + 250)
  assert.equal(instantOf('2024-05-06 12:00:00', undefined, shanghai), noon)
  assert.equal(instantOf('2024-05-06 12:00:00', field('yyyy-MM-dd HH:mm:ss'), shanghai), noon)
  assert.equal(instantOf('2024/05/06 12:00', field('yyyy/MM/dd HH:mm'), shanghai), noon)
  assert.equal(instantOf('20240506120000', field('yyyyMMddHHmmss'), shanghai), noon)
  assert.equal(instantOf('2024-05-06 04:00:00', field(undefined, 'UTC'), shanghai), noon)
  assert.equal(instantOf('1714968000', field('epochSeconds'), shanghai), 1714968000000)
})

test('change numbers order documents too, and what is no time is none', () => {
  assert.equal(instantOf(new LosslessNumber('42'), undefined, shanghai), 42)
  for (const nothing of [
    undefined,
    null,
    '',
    'yesterday',
    '2024-13-01',
    '2024-02-30 00:00:00',
    '99999999999999999999',
  ]) {
    assert.equal(instantOf(nothing, undefined, shanghai), null)
  }
})

test('daylight saving: gaps and doubled hours are read without surprise', () => {
  const berlin = 'Europe/Berlin'
  assert.equal(fromWall(Date.UTC(2024, 2, 31, 1, 59), berlin), Date.UTC(2024, 2, 31, 0, 59))
  assert.equal(fromWall(Date.UTC(2024, 2, 31, 3, 0), berlin), Date.UTC(2024, 2, 31, 1, 0))
  assert.equal(fromWall(Date.UTC(2024, 2, 31, 2, 30), berlin), Date.UTC(2024, 2, 31, 1, 30))
  assert.equal(fromWall(Date.UTC(2024, 9, 27, 2, 30), berlin), Date.UTC(2024, 9, 27, 0, 30))
  assert.equal(zoneOffset('Asia/Kathmandu', noon), 20_700_000)
})

test('a day ends at midnight of its zone', () => {
  assert.equal(dayEnd(noon, shanghai), Date.UTC(2024, 4, 6, 16))
  assert.equal(dayEnd(Date.UTC(2024, 4, 6, 16), shanghai), Date.UTC(2024, 4, 7, 16))
  assert.equal(isZone('Nowhere/City'), false)
})
