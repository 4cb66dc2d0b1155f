/** The reaper: takes back what dead workers held (C3), and re-reads what has waited long enough (D6). */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Engine } from './engine.ts'

export const startReaper = (
  { road, env, log }: Pick<Engine, 'road' | 'env' | 'log'>,
  woke: () => void,
  everyMs = 1_000,
): Loop =>
  startLoop({
    name: 'reaper',
    every: everyMs,
    run: async () => {
      const reaped = await road.reap()
      const rechecked = await road.recheck()
      if (reaped) log.warn({ reaped }, 'leases ran out: their holder died or hangs')
      if (reaped || rechecked) woke()
      return reaped >= 500 || rechecked >= 500 ? 0 : undefined
    },
    env,
    log,
  })
