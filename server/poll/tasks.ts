/** Long tasks (history, reconciliation, deletion sweeps): claimed one after the other, each worked to its end or to what is in the way. */
import { nextTry } from '../agent/backoff.ts'
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Fault } from '../doc/fault.ts'
import { Fenced } from './store.ts'

export interface Task {
  /** That failed since the trouble began. */
  attempts: number
  /** Since when no step has succeeded; null: it is well. */
  trouble_at: Millis | null
  /** The database's clock at the claim. */
  now: Millis
}

/** What is in the way; `at`: not before then. */
export interface Trouble {
  fault: Fault
  at?: Millis
}

/** How a turn ends: at the task's end, given up, or to be gone on with. */
export type TurnEnd =
  | { state: 'success'; fault: null }
  | { state: 'error'; fault: string }
  | { state: 'running'; nextAt: Millis; attempts: number; fault: string | null }

export interface TaskDeps {
  env: Pick<Env, 'now' | 'sleep' | 'random'>
  log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>
  netMs?: Millis
}

export interface Kind<T extends Task> {
  name: string
  claim(): Promise<T | null>
  /** ms until one may begin or go on; null where none waits. */
  next(): Promise<Millis | null>
  /** @throws Fenced where a person or another node has taken it */
  work(task: T, signal: AbortSignal): Promise<Trouble | null>
  end(task: T, end: TurnEnd): Promise<unknown>
  /** Called three times per lease while it is worked, where its steps are longer than a lease. */
  beat?: { everyMs: Millis; of(task: T): Promise<unknown> }
  /** As the log shows one that waits. */
  shown(task: T): object
  waits: string
}

/** Trouble in the configuration is for a person at once; any other is tried again by the ladder (O5). Our own stop is no trouble. */
const endOf = (task: Task, { fault, at }: Trouble, isStopped: boolean, random: number): TurnEnd => {
  if (isStopped) return { state: 'running', nextAt: task.now, attempts: task.attempts, fault: null }
  const attempts = task.attempts + 1
  const since = task.trouble_at ?? task.now
  const nextAt = nextTry({ attempts, since, now: task.now, random, ...(at !== undefined && { retryAt: at }) })
  const said = JSON.stringify(fault)
  if (nextAt === null || fault.code.startsWith('config.')) return { state: 'error', fault: said }
  return { state: 'running', nextAt, attempts, fault: said }
}

export const startTasks = <T extends Task>(kind: Kind<T>, { env, log, netMs = 30_000 }: TaskDeps): Loop =>
  startLoop({
    name: kind.name,
    every: netMs,
    env,
    log: log as never,
    run: async (signal) => {
      const task = await kind.claim()
      if (!task) {
        const due = await kind.next()
        return due === null ? netMs : Math.max(20, Math.min(netMs, due))
      }
      const { beat } = kind
      const beating = beat && setInterval(() => void beat.of(task).catch(() => {}), beat.everyMs)
      try {
        const trouble = await kind.work(task, signal)
        if (trouble === null) {
          await kind.end(task, { state: 'success', fault: null })
          return 0
        }
        const isStopped = signal.aborted && trouble.fault.code === 'send.closed'
        await kind.end(task, endOf(task, trouble, isStopped, env.random()))
        const { code, stage } = trouble.fault
        if (!isStopped) log.warn({ ...kind.shown(task), code, stage }, kind.waits)
      } catch (err) {
        if (!(err instanceof Fenced)) throw err
      } finally {
        clearInterval(beating)
      }
      return 0
    },
  })
