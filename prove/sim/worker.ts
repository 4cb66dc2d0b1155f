/** A thread that runs seeds it is handed, and answers what came of them. */
import { parentPort } from 'node:worker_threads'
import { isClean, violations } from './judge.ts'
import { drawFor, everythingOn, without } from './scenario.ts'
import type { Answer, Order, Bad } from './seeds.ts'
import { runSeed } from './world.ts'

// A wake-up that cuts a pause short makes an error that nobody reads; its stack trace was a tenth of a seed's time.
Error.stackTraceLimit = 0

parentPort?.on('message', async ({ seeds, protection, steps }: Order) => {
  const protections = protection ? without(protection) : everythingOn
  const answer: Answer = { seeds: seeds.length, hits: 0, calls: 0, bad: [] }
  for (const seed of seeds) {
    try {
      const verdict = await runSeed({ ...drawFor(seed, protection), ...(steps && { steps }) }, { protections })
      answer.hits += verdict.hits
      answer.calls += verdict.calls
      if (!isClean(verdict)) answer.bad.push(badOf(verdict))
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      answer.bad.push({ seed, lost: [], duplicated: [], stale: [], stuck: [], broken: [`threw: ${text}`] })
    }
  }
  parentPort?.postMessage(answer)
})

const badOf = (verdict: Bad): Bad => ({
  seed: verdict.seed,
  ...(Object.fromEntries(violations.map((kind) => [kind, verdict[kind].slice(0, 5)])) as Omit<Bad, 'seed'>),
})
