/** Runs many seeds on all cores. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Verdict, type Violation, violations } from './judge.ts'
import type { Protections, Scenario } from './scenario.ts'

/** A seed that is not clean. */
export type Bad = Pick<Verdict, 'seed' | Violation>

export interface Order {
  seeds: number[]
  /** Taken away for these seeds. */
  protection: keyof Protections | null
  steps?: Scenario['steps']
}

export interface Answer {
  seeds: number
  hits: number
  calls: number
  bad: Bad[]
}

export interface SeedsOptions {
  protection?: keyof Protections
  /** Both flows have functions. */
  steps?: Scenario['steps']
  threads?: number
  progress?: (done: Answer) => void
  /** Ends early once it is true of what was found. */
  enough?: (found: Answer) => boolean
}

const slice = 25

/** Every seed runs in one thread from start to end; which thread makes no difference to it. */
export const runSeeds = async (seeds: Iterable<number>, options: SeedsOptions = {}): Promise<Answer> => {
  const { protection = null, steps, threads = availableParallelism(), progress, enough } = options
  const source = seeds[Symbol.iterator]()
  const total: Answer = { seeds: 0, hits: 0, calls: 0, bad: [] }
  const next = (): number[] => {
    const some: number[] = []
    if (enough?.(total)) return some
    for (let step = source.next(); !step.done; step = some.length < slice ? source.next() : step) {
      some.push(step.value)
      if (some.length === slice) break
    }
    return some
  }
  const thread = (): Promise<void> =>
    new Promise((done, failed) => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url))
      const hand = (): void => {
        const some = next()
        if (some.length) worker.postMessage({ seeds: some, protection, ...(steps && { steps }) } satisfies Order)
        else void worker.terminate().then(() => done())
      }
      worker.on('message', (answer: Answer) => {
        total.seeds += answer.seeds
        total.hits += answer.hits
        total.calls += answer.calls
        total.bad.push(...answer.bad)
        progress?.(total)
        hand()
      })
      worker.on('error', failed)
      hand()
    })
  await Promise.all(Array.from({ length: threads }, thread))
  total.bad.sort((a, b) => a.seed - b.seed)
  return total
}

export const range = function* (from: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield from + i
}

/** Which violations a seed shows, by name. */
export const kindsOf = (bad: Bad): Violation[] => violations.filter((kind) => bad[kind].length)

/** How to see a seed again, step by step. */
export const replayCommand = (seed: number, protection?: keyof Protections): string =>
  `npm run prove -- trace ${seed}${protection ? ` --without ${protection}` : ''}`

export const describe = (bad: Bad, protection?: keyof Protections): string =>
  [
    `seed ${bad.seed}: ${replayCommand(bad.seed, protection)}`,
    ...violations.flatMap((kind) => bad[kind].map((text) => `  ${kind}: ${text}`)),
  ].join('\n')
