/** The negative controls: without a protection a bad seed must be found, or the simulator proves nothing about it. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Violation } from './judge.ts'
import type { Protections } from './scenario.ts'
import { everythingOn } from './scenario.ts'
import { type Answer, kindsOf, range, runSeeds } from './seeds.ts'

/** What must happen when the protection is gone. */
export const names: Record<keyof Protections, Violation> = {
  fencing: 'stale',
  sendDeadline: 'duplicated',
  absorb: 'duplicated',
  settleTime: 'duplicated',
  markBeforeSend: 'duplicated',
  agreedContent: 'stale',
  createInFlight: 'duplicated',
  hints: 'stale',
  frozenGeneration: 'stale',
  waitThenReread: 'stuck',
  settleIsVersion: 'stale',
  overtakenSeen: 'stale',
  repeatsCount: 'duplicated',
  lateRead: 'lost',
}

export const protections = Object.keys(everythingOn) as (keyof Protections)[]

/** Seeds that are known to catch each control. `npm run prove -- controls write` looks for them anew. */
export const knownFile = new URL('./controls.json', import.meta.url)
export const known = (): Record<keyof Protections, number[]> =>
  JSON.parse(readFileSync(knownFile, 'utf8')) as Record<keyof Protections, number[]>

export const catching = (protection: keyof Protections, found: Answer): number[] =>
  found.bad.filter((bad) => kindsOf(bad).includes(names[protection])).map((bad) => bad.seed)

/** The first seeds that show the named violation, no further than `bound`. */
export const look = async (
  protection: keyof Protections,
  wanted: number,
  bound: number,
): Promise<{ seeds: number[]; looked: number }> => {
  const found = await runSeeds(range(1, bound), {
    protection,
    enough: (so) => catching(protection, so).length >= wanted,
  })
  return { seeds: catching(protection, found).slice(0, wanted), looked: found.seeds }
}

export const writeDown = (found: Record<keyof Protections, number[]>): void =>
  writeFileSync(
    knownFile,
    `{\n${protections.map((name) => `  "${name}": [${found[name].join(', ')}]`).join(',\n')}\n}\n`,
  )
