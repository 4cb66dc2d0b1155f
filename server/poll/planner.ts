/** The planner: begins reconciliations and deletion sweeps whose time has come, each once, whichever node sees it first. */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Sql } from '../store/sql.ts'
import { beginDue, ensurePlanned, nextPlanned, type Plan } from './planned.ts'

export interface PlannerDeps {
  /** Wears `mortise_road`. */
  sql: Sql
  env: Pick<Env, 'now' | 'sleep' | 'random'>
  /** Of the configuration as it is now; the same list as long as that is the same. */
  plans(): readonly Plan[]
  /** A task was made. */
  begun(): void
  log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>
  netMs?: Millis
}

export const startPlanner = ({ sql, env, plans, begun, log, netMs = 30_000 }: PlannerDeps): Loop => {
  let known: readonly Plan[] | null = null
  return startLoop({
    name: 'planner',
    every: netMs,
    env,
    log: log as never,
    run: async (signal) => {
      const now = plans()
      if (now !== known) {
        await ensurePlanned(sql, now)
        known = now
      }
      if (!now.length) return netMs
      while (!signal.aborted) {
        const one = await beginDue(sql, now, env.random())
        if (!one) break
        const { tenant_id: tenant, kind, name } = one.plan
        if (one.task !== null) begun()
        else log.warn({ tenant, kind, task: name }, 'the one before is still at work: this time is left out')
      }
      const due = await nextPlanned(sql)
      return due === null ? netMs : Math.max(20, Math.min(netMs, due))
    },
  })
}
