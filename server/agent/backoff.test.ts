/** The ladder of O5: steps, jitter, Retry-After, and its end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ladder, nextTry, troubleLimit } from './backoff.ts'

const most = 1 - 2 ** -53

test('O5: the ladder is 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 5 h, 10 h, and stays there', () => {
  const steps = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((attempts) => nextTry({ attempts, since: 0, now: 0, random: most }))
  assert.deepEqual(steps, [5e3, 30e3, 120e3, 600e3, 1800e3, 7200e3, 18000e3, 36000e3, 36000e3])
})

test('O5: full jitter spreads over the whole step, and is never nothing', () => {
  const at = (random: number) => nextTry({ attempts: 2, since: 0, now: 1_000, random })
  assert.equal(at(0), 1_100)
  assert.equal(at(0.5), 16_000)
  assert.ok((at(most) ?? 0) <= 31_000)
})

test('O5: Retry-After is honoured, later than the ladder and beyond the limit', () => {
  assert.equal(nextTry({ attempts: 1, since: 0, now: 0, random: 0, retryAt: 60_000 }), 60_000)
  assert.equal(nextTry({ attempts: 8, since: 0, now: 0, random: most, retryAt: 60_000 }), 36_000_000)
  const late = troubleLimit + 5_000
  assert.equal(nextTry({ attempts: 8, since: 0, now: troubleLimit - 1, random: 0, retryAt: late }), late)
})

test('O5: after 72 hours of trouble there is no next try, and the last one is made at the limit', () => {
  assert.equal(nextTry({ attempts: 20, since: 0, now: troubleLimit, random: 0 }), null)
  assert.equal(nextTry({ attempts: 20, since: 0, now: troubleLimit - 1_000, random: most }), troubleLimit)
})

test('O5: a record that keeps failing is tried about twenty times in 72 hours', () => {
  let [now, attempts] = [0, 0]
  for (;;) {
    const at = nextTry({ attempts: ++attempts, since: 0, now, random: 0.5 })
    if (at === null) break
    now = at
  }
  assert.ok(attempts > 15 && attempts < 30, String(attempts))
  assert.equal(ladder.length, 8)
})
