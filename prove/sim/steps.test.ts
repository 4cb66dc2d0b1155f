/** Flows with functions under everything the simulator does: nothing is lost, duplicated or left stale; and losing their changes is seen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describe, range, runSeeds } from './seeds.ts'

test('with functions before mapping and before write every seed is clean', async () => {
  // 141 and 215 took the echo of a call for news, and lost a void by it.
  const { bad, calls, seeds } = await runSeeds(range(1, 220), { steps: 'seen', threads: 1 })
  assert.deepEqual(
    bad.map((one) => describe(one)),
    [],
  )
  assert.ok(seeds === 220 && calls > seeds, 'something was sent')
})

test('the control: where only what the mapping reads counts as a change, changes are lost', async () => {
  const { bad } = await runSeeds(range(1, 30), { steps: 'unseen', threads: 1 })
  assert.ok(bad.filter(({ stale }) => stale.length).length >= 10, `only ${bad.length} of 30 seeds were not clean`)
})
