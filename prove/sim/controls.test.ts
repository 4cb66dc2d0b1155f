/** What removing a protection costs (convergence.md, "How it is proved"): each control must be caught, by its own violation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catching, known, names, protections } from './controls.ts'
import { drawFor } from './scenario.ts'
import { describe, runSeeds } from './seeds.ts'
import { isClean } from './judge.ts'
import { runSeed } from './world.ts'

for (const protection of protections) {
  test(`without ${protection} something is ${names[protection]}, with it nothing is`, {
    timeout: 120_000,
  }, async () => {
    const seeds = known()[protection]
    assert.ok(seeds.length >= 3, 'seeds that catch it are written down')
    const without = await runSeeds(seeds, { protection, threads: 1 })
    assert.ok(
      catching(protection, without).length >= Math.ceil(seeds.length / 2),
      `of seeds ${seeds.join(', ')} only ${catching(protection, without).join(', ') || 'none'} caught it; look for others: npm run prove -- controls\n${without.bad.map((one) => describe(one, protection)).join('\n')}`,
    )
    for (const seed of seeds) {
      const { memory: _, ...verdict } = await runSeed(drawFor(seed, protection))
      assert.ok(
        isClean(verdict),
        `seed ${seed} is not clean with every protection on: ${JSON.stringify(verdict, null, 1)}`,
      )
    }
  })
}
