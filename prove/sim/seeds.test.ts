/** Every seed that ever failed stays a test (convergence.md, "How it is proved"). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { draw } from './scenario.ts'
import { describe, runSeeds } from './seeds.ts'
import { runSeed } from './world.ts'

interface Found {
  seed: number
  /** What was wrong. */
  found: string
}

const known = JSON.parse(readFileSync(new URL('./seeds.json', import.meta.url), 'utf8')) as Found[]

test('every seed that ever failed is clean', async () => {
  const { bad, seeds } = await runSeeds(
    known.map(({ seed }) => seed),
    { threads: 1 },
  )
  assert.equal(seeds, known.length)
  assert.deepEqual(
    bad.map((one) => describe(one)),
    [],
  )
})

test('a seed runs the same way twice', async () => {
  const run = async () => {
    const { memory, ...verdict } = await runSeed(draw(634))
    return { verdict, links: [...memory.links.values()], documents: [...memory.documents.values()] }
  }
  assert.deepEqual(await run(), await run())
})
