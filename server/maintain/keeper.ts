/** The keeper: counts very many records ahead of whoever looks, and forgets errors that were closed long ago. Any number of nodes may run it. */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Env } from '../doc/env.ts'
import type { Sql } from '../store/sql.ts'
import { takePulse } from './pulse.ts'
import { takeTally } from './tally.ts'

/** Closed errors are part of a record's story for so long. */
const kept = '90 days'
const slice = 500

/** Answers how many were forgotten: at most a slice, the next run goes on. */
export const forgetTroubles = (sql: Sql): Promise<number> => sql.affected`
  delete from trouble
  where ctid = any(array(
    select ctid from trouble
    where closed_at < clock_timestamp() - ${kept}::interval
    order by closed_at
    limit ${slice}))`

/** Each minute; a tally takes never more than a fiftieth of the time: one that takes 2 s is taken every 100 s. */
export const startKeeper = (deps: {
  sql: Sql
  env: Pick<Env, 'sleep' | 'random'>
  log: { error(fields: object, message: string): void }
}): Loop =>
  startLoop({
    name: 'keeper',
    every: 60_000,
    run: async () => {
      const took = await takeTally(deps.sql)
      await takePulse(deps.sql)
      const forgotten = await forgetTroubles(deps.sql)
      const rest = took === null ? undefined : Math.max(60_000, took * 50)
      return forgotten === slice ? 1_000 : rest
    },
    env: deps.env,
    log: deps.log,
  })
