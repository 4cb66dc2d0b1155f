/** Tells the changes of a system by webhook (contracts.md section 3), repeats until accepted, and misbehaves on demand. */
import { Pool } from 'undici'
import { generator } from './faults.ts'
import { isJsonObject } from './json.ts'
import type { Operation } from './system.ts'

export type EventOptions = {
  /** `before`: told before the call is answered (the hardest order); `after`: once it is answered; `off`: not told. */
  mode: 'before' | 'after' | 'off'
  /** false: hints, without masterFieldVal and detailFieldVals. */
  body: boolean
  /** 0..1: how many events are told a second time. */
  duplicate: number
  /** Events leave each after a random time up to `late`, so late and out of order; the answer does not wait for them. */
  shuffle: boolean
  late: number
  seed: number
  hook: string | null
  /** Appended to the hook's path, for hooks whose url is given without its secret. */
  secret: string | null
  headers: Record<string, string>
}

export const eventOptions = (mode: EventOptions['mode'], hook: string | null): EventOptions => ({
  mode,
  body: true,
  duplicate: 0,
  shuffle: false,
  late: 200,
  seed: 1,
  hook,
  secret: null,
  headers: {},
})

const isRate = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1
const isUrl = (value: unknown): boolean =>
  typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value)
const isNullOr = (check: (value: unknown) => boolean) => (value: unknown) => value === null || check(value)
const isText = (value: unknown): boolean => typeof value === 'string'
const isBoolean = (value: unknown): boolean => typeof value === 'boolean'

const checks: { [Name in keyof EventOptions]: [(value: unknown) => boolean, string] } = {
  mode: [(value) => value === 'before' || value === 'after' || value === 'off', 'before, after or off'],
  body: [isBoolean, 'true or false'],
  duplicate: [isRate, 'within 0 and 1'],
  shuffle: [isBoolean, 'true or false'],
  late: [(value) => typeof value === 'number' && value >= 0 && value <= 600_000, 'within 0 and 600000 ms'],
  seed: [Number.isInteger, 'a whole number'],
  hook: [isNullOr(isUrl), 'an http url or null'],
  secret: [isNullOr(isText), 'a text or null'],
  headers: [(value) => isJsonObject(value) && Object.values(value).every(isText), 'an object of texts'],
}

/** What is PUT changes only what it names. A text is the sentence that says what is wrong. */
export const readEventOptions = (given: unknown, now: EventOptions): EventOptions | string => {
  if (!isJsonObject(given)) return 'an object is expected'
  for (const [name, value] of Object.entries(given)) {
    const check = checks[name as keyof EventOptions]
    if (!Object.hasOwn(checks, name)) return `no option ${name}; there are ${Object.keys(checks).join(', ')}`
    if (!check[0](value)) return `${name} is not ${check[1]}`
  }
  return { ...now, ...(given as Partial<EventOptions>) }
}

/** A change to be told, as it was when it happened: `master` and `details` are JSON texts. */
export type Told = {
  /** The number of the ledger call that made the change. */
  n: number
  object: string
  id: string
  op: Operation
  changedAt: number
  master: string
  details: string
}

export type Teller = {
  /** Mode `before`: resolves when the answer may go (accepted, failed once, or a second has passed); else at once. */
  tell(told: Told): Promise<void>
  options(): EventOptions
  change(options: EventOptions): void
  counts(): { pending: number; accepted: number; attempts: number }
  stop(): Promise<void>
}

/** How long an answer waits for the first attempt. A hook that waits for our answer would else wait for ever. */
const FIRST_ATTEMPT_MS = 1_000
const ATTEMPT_MS = 10_000
const BACKOFF_FIRST_MS = 100
const BACKOFF_MAX_MS = 2_000
/** Repeats in flight at most; and per tick, so that a dead hook costs no more than 320 attempts a second. */
const REPEATS = 16
const TICK_MS = 50

type Pending = { told: Told; attempts: number; due: number; busy: boolean }

const eventBody = (tenantId: string, { body }: EventOptions, told: Told): string => {
  const head = {
    tenantId,
    objectApiName: told.object,
    dataId: told.id,
    operation: told.op,
    changedAt: told.changedAt,
  }
  const text = JSON.stringify(head)
  return body ? `${text.slice(0, -1)},"masterFieldVal":${told.master},"detailFieldVals":${told.details}}` : text
}

const hookUrl = ({ hook, secret }: EventOptions): URL | null =>
  hook === null ? null : new URL(secret === null ? hook : `${hook.replace(/\/$/, '')}/${encodeURIComponent(secret)}`)

/** `waiting` are changes that an earlier run of the process could not tell; `accepted` is called once for each change. */
export const startTeller = (deps: {
  tenantId: string
  options: EventOptions
  waiting: Told[]
  accepted(told: Told): void
}): Teller => {
  let options = deps.options
  let url = hookUrl(options)
  let draw = generator(options.seed)
  let pool: { origin: string; pool: Pool } | null = null
  let timer: NodeJS.Timeout | null = null
  let stopped = false
  let repeating = 0
  const delays = new Set<NodeJS.Timeout>()
  const count = { accepted: 0, attempts: 0 }
  const pending = new Map<number, Pending>()
  for (const told of deps.waiting) pending.set(told.n, { told, attempts: 0, due: 0, busy: false })

  const poolFor = (origin: string): Pool => {
    if (pool?.origin === origin) return pool.pool
    void pool?.pool.close().catch(() => {})
    pool = { origin, pool: new Pool(origin, { connections: 64, headersTimeout: ATTEMPT_MS, bodyTimeout: ATTEMPT_MS }) }
    return pool.pool
  }

  const send = async (told: Told): Promise<boolean> => {
    if (url === null) return false
    count.attempts += 1
    try {
      const answer = await poolFor(url.origin).request({
        method: 'POST',
        path: url.pathname + url.search,
        headers: { 'content-type': 'application/json', ...options.headers },
        body: eventBody(deps.tenantId, options, told),
      })
      await answer.body.dump()
      return answer.statusCode >= 200 && answer.statusCode < 300
    } catch {
      return false
    }
  }

  const later = (ms: number, run: () => void): void => {
    const delay = setTimeout(() => {
      delays.delete(delay)
      run()
    }, ms)
    delays.add(delay)
  }

  const attempt = async (one: Pending): Promise<boolean> => {
    one.busy = true
    const accepted = await send(one.told)
    if (stopped) return accepted
    one.busy = false
    one.attempts += 1
    if (!accepted) {
      one.due = Date.now() + Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (one.attempts - 1))
      schedule()
      return false
    }
    if (!pending.delete(one.told.n)) return true
    count.accepted += 1
    deps.accepted(one.told)
    if (options.duplicate > 0 && draw() < options.duplicate) later(draw() * options.late, () => void send(one.told))
    return true
  }

  const idle = (): boolean => options.mode === 'off' || url === null

  const schedule = (): void => {
    if (stopped || timer !== null || idle() || pending.size === 0) return
    timer = setTimeout(() => {
      timer = null
      repeat()
      schedule()
    }, TICK_MS)
  }

  const repeat = (): void => {
    if (stopped || idle()) return
    const now = Date.now()
    for (const one of pending.values()) {
      if (repeating >= REPEATS) return
      if (one.busy || one.due > now) continue
      repeating += 1
      void attempt(one).then((accepted) => {
        repeating -= 1
        if (accepted) repeat() // a hook that answers again is not kept waiting for the next tick
      })
    }
  }
  schedule()

  const tell = (told: Told): Promise<void> => {
    if (idle() || stopped) return Promise.resolve()
    const one: Pending = { told, attempts: 0, due: 0, busy: true }
    pending.set(told.n, one)
    if (options.shuffle) {
      later(draw() * options.late, () => void attempt(one))
      return Promise.resolve()
    }
    if (options.mode === 'after') {
      void attempt(one)
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      const patience = setTimeout(resolve, FIRST_ATTEMPT_MS)
      void attempt(one).then(() => {
        clearTimeout(patience)
        resolve()
      })
    })
  }

  return {
    tell,
    options: () => options,
    change: (next) => {
      if (next.seed !== options.seed) draw = generator(next.seed)
      options = next
      url = hookUrl(next)
      for (const one of pending.values()) one.due = 0
      schedule()
    },
    counts: () => ({ pending: pending.size, ...count }),
    stop: async () => {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      for (const delay of delays) clearTimeout(delay)
      await pool?.pool.destroy()
    },
  }
}
