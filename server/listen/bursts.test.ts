/** Bursts of one record: the first event at once, the last one never forgotten, two or three reads a second. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBursts } from './bursts.ts'

/** The moments at which the record is read, when each event asks for `now + wait`. */
const reads = (events: readonly number[]): number[] => {
  const bursts = openBursts(500)
  return [...new Set(events.map((now) => now + bursts.wait('A1', now)))]
}

test('a thousand events in a second are three reads: at once, and at the end of each window', () => {
  assert.deepEqual(reads(Array.from({ length: 1_000 }, (_, i) => i)), [0, 500, 1_000])
})

test('the last event is always read after it came, however they fall', () => {
  for (let seed = 1; seed <= 200; seed++) {
    let at = 0
    const events = Array.from({ length: 50 }, (_, i) => (at += (i * seed * 7_919) % (seed % 2 ? 37 : 900)))
    const last = events.at(-1) as number
    const seen = reads(events)
    assert.ok(Math.max(...seen) >= last)
    const close = seen.slice(1).filter((one, i) => one - (seen[i] as number) < 500)
    assert.deepEqual(close, [], 'never two within a window')
  }
})

test('events that come alone never wait, and what is over is forgotten', () => {
  assert.deepEqual(reads([0, 600, 1_200, 5_000]), [0, 600, 1_200, 5_000])
  const bursts = openBursts(500)
  for (let i = 0; i < 100_000; i++) assert.equal(bursts.wait(`R${i}`, i), 0)
})
