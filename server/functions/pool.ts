/**
 * The workers that functions run in: batches in, one result per record out, and a watchdog that ends a worker which does not come back.
 * A function that has hit a limit, or has not run well yet, runs in the last worker only; in the others a record has a tenth of a second, and
 * what needs more goes on in the last. So nobody's functions wait for one that does not end.
 */
import { Worker } from 'node:worker_threads'
import { functionDefaults } from '../doc/function.ts'
import type { Batch, Limit, One, Ran } from './worker.ts'

export interface Job {
  /** Whose function, in which version: what is remembered of a function that has hit a limit. */
  key: string
  kind: string
  code: string
  /** JSON text of each argument. */
  inputs: readonly string[]
  time?: number
  memory?: number
  /** Records that have not begun by this moment (epoch ms) are left; the first one always begins. */
  until?: number
  /** What look-ups find; keys are JSON of `[kind, name, id]`, null: nothing is found. Without it a look-up fails. */
  supply?: (keys: readonly string[]) => Promise<ReadonlyMap<string, string | null>>
}

export type Result =
  | { kind: 'done'; output: string; logs: string[] }
  | { kind: 'threw'; said: string; line?: number; logs: string[] }
  | { kind: 'over'; limit: Limit; logs: string[] }
  /** Not tried: too many records before it in this batch hit a limit, or its time was over. */
  | { kind: 'left' }

export interface FunctionPool extends AsyncDisposable {
  run(job: Job): Promise<Result[]>
  close(): Promise<void>
}

export interface PoolOptions {
  /** At least 1; default 2. The last one is for functions that have hit a limit. */
  workers?: number
  /** Milliseconds beyond its time after which a record's worker is ended from outside. */
  grace?: number
}

/** Milliseconds of a record in the workers that are shared by functions that run well. */
const quickTime = 100
/** Records of one batch that may hit a limit before the rest is left alone. */
const mostOver = 3
/** How often a function may ask for look-ups, which may depend on each other. */
const mostRounds = 8
/** A worker loads QuickJS first: 80 ms on an idle machine. */
const longestStart = 30_000

interface Lane {
  last: boolean
  worker: Worker | null
  at: Int32Array
  ready: Promise<void> | null
  tail: Promise<unknown>
}

const newLane = (last: boolean): Lane => ({
  last,
  worker: null,
  at: new Int32Array(new SharedArrayBuffer(4)),
  ready: null,
  tail: Promise.resolve(),
})

const end = async (lane: Lane): Promise<void> => {
  const { worker } = lane
  lane.worker = null
  lane.ready = null
  await worker?.terminate()
}

const begin = (lane: Lane): Promise<void> => {
  if (lane.ready) return lane.ready
  Atomics.store(lane.at, 0, -1)
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { progress: lane.at.buffer, last: lane.last },
    env: {},
    argv: [],
    execArgv: [],
    stdin: false,
    resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 },
  })
  worker.unref()
  lane.worker = worker
  lane.ready = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the worker for functions did not start')), longestStart)
    worker.once('message', () => {
      clearTimeout(late)
      resolve()
    })
    worker.once('error', (error) => {
      clearTimeout(late)
      reject(error)
    })
    worker.once('exit', () => {
      clearTimeout(late)
      reject(new Error('the worker for functions ended'))
    })
  })
  lane.ready.catch(() => {}) // whoever waits for it hears of it
  return lane.ready
}

/** What came back, or the record at which the worker had to be ended. */
type Passed = { ran: Ran } | { endedAt: number; limit: Limit }

/** By the wall clock, for what the limit inside does not see: a worker of low priority may have to wait for the processor. */
const longestWait = (time: number): number => time * 4 + 1_500

const pass = (lane: Lane, batch: Batch, grace: number): Promise<Passed> =>
  new Promise((resolve) => {
    const worker = lane.worker as Worker
    worker.ref()
    let seen = -1
    let since = performance.now()
    const finish = (passed: Passed): void => {
      clearInterval(watchdog)
      worker.off('message', heard)
      worker.off('error', broke)
      worker.off('exit', gone)
      worker.unref()
      resolve(passed)
    }
    const heard = (ran: Ran) => finish({ ran })
    /** The worker's own memory is at its end, which the limit inside does not see. */
    const broke = () => finish({ endedAt: Math.max(0, Atomics.load(lane.at, 0)), limit: 'memory' })
    const gone = () => finish({ endedAt: Math.max(0, Atomics.load(lane.at, 0)), limit: 'memory' })
    const watchdog = setInterval(
      () => {
        const at = Atomics.load(lane.at, 0)
        if (at !== seen) {
          seen = at
          since = performance.now()
        } else if (performance.now() - since > longestWait(batch.time) + grace) {
          finish({ endedAt: Math.max(0, at), limit: 'time' })
        }
      },
      Math.min(100, batch.time / 2),
    )
    worker.on('message', heard)
    worker.on('error', broke)
    worker.on('exit', gone)
    worker.postMessage(batch)
  })

export const openFunctions = (options: PoolOptions = {}): FunctionPool => {
  const workers = Math.max(1, options.workers ?? 2)
  const lanes = Array.from({ length: workers }, (_, i) => newLane(i > 0 && i === workers - 1))
  const grace = options.grace ?? 500
  const suspects = new Set<string>()
  const proven = new Set<string>()
  let turn = 0
  let closed = false

  const laneFor = (key: string): Lane => {
    const last = lanes.length - 1
    if (last === 0 || suspects.has(key) || !proven.has(key)) return lanes[last] as Lane
    turn = (turn + 1) % last
    return lanes[turn] as Lane
  }

  /** One batch on one lane, after what is under way there. */
  const onLane = (key: string, asked: Batch): Promise<Passed & { quick: boolean }> => {
    const lane = laneFor(key)
    const quick = lane !== lanes.at(-1) && asked.time > quickTime
    const batch = quick ? { ...asked, time: quickTime } : asked
    const passed = lane.tail.then(async () => {
      if (closed) throw new Error('the functions are closed')
      try {
        await begin(lane)
      } catch (error) {
        await end(lane)
        throw error
      }
      const result = await pass(lane, batch, grace)
      if ('endedAt' in result || result.ran.tainted) {
        suspects.add(key)
        if (suspects.size > 1_000) suspects.clear()
        await end(lane)
        // the next one finds it running
        if (!closed) void begin(lane).catch(() => {})
      } else if (result.ran.results.some((one) => one.kind === 'done')) {
        proven.add(key)
        if (proven.size > 10_000) proven.clear()
      }
      return { ...result, quick }
    })
    lane.tail = passed.catch(() => {})
    return passed
  }

  const round = async (
    job: Job,
    inputs: readonly string[],
    found: ReadonlyMap<string, string | null>,
  ): Promise<(One | null)[]> => {
    const results: (One | null)[] = inputs.map(() => null)
    let todo = inputs.map((_, i) => i)
    for (let over = 0, began = false; todo.length && over < mostOver; began = true) {
      if (began && job.until !== undefined && Date.now() > job.until) break
      const passed = await onLane(job.key, {
        kind: job.kind,
        code: job.code,
        inputs: todo.map((i) => inputs[i] as string),
        time: job.time ?? functionDefaults.time,
        memory: job.memory ?? functionDefaults.memory,
        found: [...found],
        ...(job.until !== undefined && { until: job.until }),
      })
      const answered = new Set<number>()
      if ('ran' in passed) {
        for (const [n, one] of passed.ran.results.entries()) {
          const place = todo[n] as number
          if (one.kind === 'over' && one.limit === 'time' && passed.quick) continue // it has more time elsewhere
          results[place] = one
          answered.add(place)
          if (one.kind === 'over') over++
        }
        if (!passed.ran.results.length) throw new Error('a worker answered nothing')
      } else if (!(passed.quick && passed.limit === 'time')) {
        const place = todo[passed.endedAt] as number
        results[place] = { kind: 'over', limit: passed.limit, logs: [] }
        answered.add(place)
        over++
        // what was done before it is lost with the worker, and is done again
      }
      todo = todo.filter((i) => !answered.has(i))
    }
    return results
  }

  const run = async (job: Job): Promise<Result[]> => {
    const results: (Result | null)[] = job.inputs.map(() => null)
    const found = new Map<string, string | null>()
    let todo = job.inputs.map((_, i) => i)
    for (let rounds = 0; todo.length; rounds++) {
      const ones = await round(
        job,
        todo.map((i) => job.inputs[i] as string),
        found,
      )
      const asked = new Set<string>()
      const again: number[] = []
      for (const [n, one] of ones.entries()) {
        const place = todo[n] as number
        if (one === null) results[place] = { kind: 'left' }
        else if (one.kind !== 'asks') results[place] = one
        else if (!job.supply) results[place] = { kind: 'threw', said: 'nothing can be looked up here', logs: one.logs }
        else if (rounds >= mostRounds)
          results[place] = {
            kind: 'threw',
            said: `more than ${mostRounds} look-ups that depend on each other`,
            logs: one.logs,
          }
        else {
          again.push(place)
          for (const key of one.keys) asked.add(key)
        }
      }
      if (asked.size && job.supply) {
        const supplied = await job.supply([...asked])
        for (const key of asked) found.set(key, supplied.get(key) ?? null)
      }
      todo = again
    }
    return results as Result[]
  }

  const close = async (): Promise<void> => {
    closed = true
    await Promise.all(lanes.map(end))
  }
  return { run, close, [Symbol.asyncDispose]: close }
}
