/** The registrar: runs the batches at the head of their lines, several lines at a time, and forgets what is older than ninety days. Any number of nodes may run it. */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Arrival, Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Sql } from '../store/sql.ts'
import { type Claimed, claimBatches, type RunDeps, step, trouble } from './run.ts'

export interface RegistrarDeps extends RunDeps {
  env: Pick<Env, 'sleep' | 'random' | 'monotonic'>
  log: { error(fields: object, message: string): void; warn(fields: object, message: string): void }
  /** Rows were stored: there is work for the engine. */
  stored(rows: readonly Arrival[]): void
  /** A batch ended and may have made a callback. */
  told(): void
  /** Lines at a time. */
  lines?: number
  everyMs?: Millis
}

export interface Registrar extends Loop {
  /** Resolves when this process has ended the batch, or the time is over. */
  ended(tenantId: string, batchId: number, ms: Millis): Promise<void>
}

const hour = 3_600_000
const nameOf = (tenantId: string, batchId: number): string => `${batchId} ${tenantId}`

/** Batches that ended ninety days ago, with their rows, and tokens that are over. */
export const forget = async (sql: Sql): Promise<number> => {
  await sql`delete from batch_token where expires_at < clock_timestamp()`
  for (let gone = 0; ; ) {
    const count = await sql.affected`
      delete from batch
      where (tenant_id, batch_id) in (
        select tenant_id, batch_id from batch
        where ended_at < clock_timestamp() - interval '90 days'
        order by ended_at
        limit 5)`
    gone += count
    if (count < 5) return gone
  }
}

export const startRegistrar = (deps: RegistrarDeps): Registrar => {
  const { sql, env, log, lines = 4, everyMs = 2_000 } = deps
  const running = new Set<Promise<void>>()
  const waiting = new Map<string, Set<() => void>>()
  let stopping = false
  let forgotAt = -hour

  const over = (claimed: Claimed): void => {
    for (const done of waiting.get(nameOf(claimed.tenant_id, claimed.batch_id)) ?? []) done()
    deps.told()
  }

  const run = async (claimed: Claimed): Promise<void> => {
    const trace = claimed.trace_id
    try {
      for (;;) {
        const { kind, stored } = await step(deps, claimed, (err) =>
          log.error({ err, trace, batch: claimed.biz_id }, 'the database refused a row of a batch'),
        )
        if (stored.length) deps.stored(stored)
        if (kind === 'ended') over(claimed)
        // what is not finished is left to the lease
        if (kind !== 'more' || stopping) return
      }
    } catch (err) {
      log.warn({ err, trace, batch: claimed.biz_id }, 'a batch met trouble and is tried again')
      if ((await trouble(deps, claimed, err, env.random()).catch(() => 'lost')) === 'ended') over(claimed)
    }
  }

  const loop = startLoop({
    name: 'registrar',
    every: everyMs,
    env,
    log,
    run: async () => {
      if (env.monotonic() - forgotAt >= hour) {
        forgotAt = env.monotonic()
        await forget(sql)
      }
      const free = lines - running.size
      if (free <= 0) return
      for (const claimed of await claimBatches(sql, free)) {
        const one = run(claimed).finally(() => {
          running.delete(one)
          loop.wake() // the next of its line
        })
        running.add(one)
      }
    },
  })

  return {
    wake: loop.wake,
    ended: (tenantId, batchId, ms) =>
      new Promise((resolve) => {
        const name = nameOf(tenantId, batchId)
        const mine = waiting.get(name) ?? new Set<() => void>()
        waiting.set(name, mine)
        const done = (): void => {
          clearTimeout(timer)
          mine.delete(done)
          if (!mine.size && waiting.get(name) === mine) waiting.delete(name)
          resolve()
        }
        const timer = setTimeout(done, ms)
        mine.add(done)
      }),
    stop: async () => {
      stopping = true
      await loop.stop()
      await Promise.all(running)
    },
  }
}
