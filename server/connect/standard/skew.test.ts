/** The other clock, measured from Date headers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSkewMeter } from './skew.ts'

const header = (instant: number): string => new Date(instant).toUTCString()

test('nothing is known before the first Date header, nor from nonsense', () => {
  const meter = createSkewMeter()
  meter.note(undefined, 0, 10)
  meter.note('tomorrow', 0, 10)
  assert.equal(meter.value(), null)
})

test('promise 11: skew is found within its own uncertainty at -8 h, 0, +90 s', () => {
  for (const skew of [-8 * 3_600_000, 0, 90_000, 90_777]) {
    const meter = createSkewMeter()
    for (let i = 0; i < 40; i++) {
      const sentAt = 1_700_000_000_000 + i * 337
      meter.note(header(sentAt + 20 + skew), sentAt, sentAt + 40)
    }
    const value = meter.value()
    assert.ok(value)
    assert.ok(Math.abs(value.ms - skew) <= value.uncertainty, `${skew}: ${value.ms}`)
    assert.equal(value.uncertainty, 520)
  }
})

test('one late answer does not move the median', () => {
  const meter = createSkewMeter()
  for (let i = 0; i < 9; i++) meter.note(header(1_700_000_000_000), 1_700_000_000_500, 1_700_000_000_500)
  meter.note(header(1_699_990_000_000), 1_700_000_000_500, 1_700_000_000_500)
  assert.equal(meter.value()?.ms, 0)
})

test('answers that took seconds, because we were frozen, say nothing beside a quick one', () => {
  const meter = createSkewMeter()
  const now = 1_700_000_000_000
  for (let i = 0; i < 15; i++) meter.note(header(now), now, now + 8_000)
  assert.ok((meter.value()?.uncertainty ?? 0) > 4_000)
  meter.note(header(now + 9_000), now + 9_500, now + 9_520)
  assert.equal(meter.value()?.uncertainty, 510)
})
