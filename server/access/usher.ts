/** The usher: shows out what is over: ended sessions, and failed sign-ins that nobody repeated for a day. Any number of nodes may run it. */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Env } from '../doc/env.ts'
import type { Sql } from '../store/sql.ts'

export interface UsherDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  env: Pick<Env, 'sleep' | 'random'>
  log: { error(fields: object, message: string): void }
}

const every = 10 * 60_000

export const startUsher = ({ sql, env, log }: UsherDeps): Loop =>
  startLoop({
    name: 'usher',
    every,
    run: async () => {
      await sql`select who_drops_expired()`
    },
    env,
    log,
  })
