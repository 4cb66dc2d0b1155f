/** 10,000 seeds that nobody has run before: nothing lost, nothing twice, nothing old, nothing stuck, no invariant broken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describe, range, runSeeds } from './seeds.ts'

const count = 10_000
/** MORTISE_SEED runs the same ones again. */
const from = Number(process.env.MORTISE_SEED) || Date.now() % 1_000_000_000

test(`${count} new seeds from ${from}: lost 0, duplicated 0, stale 0, stuck 0, broken 0`, {
  timeout: 600_000,
}, async () => {
  const { bad, seeds, hits, calls } = await runSeeds(range(from, count), { threads: 2 })
  assert.equal(
    bad.length,
    0,
    `${bad.length} of ${seeds} seeds are not clean (again: npm run prove -- sim ${count} ${from})\n${bad
      .slice(0, 20)
      .map((one) => describe(one))
      .join('\n')}`,
  )
  assert.equal(seeds, count)
  // A run that put nothing to the test proves nothing.
  assert.ok(hits > count, `only ${hits} crashes and freezes hit work in flight`)
  assert.ok(calls > 3 * count, `only ${calls} calls took effect`)
})
