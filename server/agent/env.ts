/** The real world behind `Env`: clocks, chance and pauses as production has them. */
import { randomFillSync } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'

/** Longest delay that a Node timer takes; a longer one would fire at once. */
const longestTimer = 2 ** 31 - 1

/** Resolves after `ms`, or as soon as `signal` is aborted: a pause that is cut short is no error. */
const sleep = (ms: Millis, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.min(longestTimer, Math.max(0, ms)))
    signal?.addEventListener('abort', done)
  })

/** Random bits are drawn by the page: one at a time they cost 1.5 µs, so 0.2. */
const randomIds = (): (() => string) => {
  const page = Buffer.alloc(4096)
  let at = page.length
  return () => {
    if (at === page.length) {
      randomFillSync(page)
      at = 0
    }
    at += 16
    return page.toString('hex', at - 16, at)
  }
}

const nothing = Promise.resolve()

export const createEnv = (): Env => ({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  id: randomIds(),
  sleep,
  point: () => nothing,
})
