/** One target's HTTP calls, which tell precisely whether a byte of a request may have left (O1, O4) and never send one twice. */
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { type Dispatcher, Pool as UndiciPool } from 'undici'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { EgressRefused, guardedConnector, type Policy, type Resolver } from './guard.ts'
import type { Allowance } from './allowance.ts'
import type { Health, Limits, Slots, Ticket } from './limits.ts'

export interface Call {
  method: 'GET' | 'POST'
  /** Path and query, ASCII. */
  path: string
  /** Latin1; UTF-8 text goes through `headerText`. */
  headers: Record<string, string>
  body: Buffer | null
  /** Total deadline, from the call until the last byte of the answer. */
  timeout: Millis
  /** On the monotonic clock: past it, not one byte (C2). */
  sendBy?: Millis
  /** Called right before the first byte may leave. */
  sent?: () => void
  /** Whether a complete answer says "too fast" in words of its own: then the whole target waits as after a 429, `until` or as long as we think. */
  heard?: (answer: Reply & { kind: 'answer' }) => { until?: Millis; lane?: boolean } | null
  /** The interface that is called, where each has rates of its own. Calls of other lanes pass by one that must wait. */
  lane?: string
  signal?: AbortSignal
}

export type Reply =
  | {
      kind: 'answer'
      status: number
      headers: Record<string, string | string[] | undefined>
      /** Inflated. */
      body: Buffer
      /** First byte out and headers in, wall clock: what the target's `Date` lies between. */
      sentAt: Millis
      headersAt: Millis
      /** `Retry-After`, on our clock; after a 429, or what `heard` takes for one, always told. */
      retryAt?: Millis
      ms: Millis
    }
  /** Not one byte left. `at`: a slot may be free then. */
  | {
      kind: 'unsent'
      why: 'connection' | 'egress' | 'late' | 'limited' | 'breaker' | 'aborted' | 'closed' | 'request'
      said: string
      at?: Millis
      ms: Millis
    }
  /** Bytes may have left, and no complete answer came. */
  | {
      kind: 'lost'
      why: 'timeout' | 'cut' | 'size' | 'encoding' | 'aborted'
      said: string
      status?: number
      ms: Millis
    }

export interface Pool {
  readonly origin: string
  call(call: Call): Promise<Reply>
  /** `lanes`: as many as each of these has room for. */
  slots(lanes?: readonly string[]): Slots
  /** Refuses what has not started, waits for what has. */
  close(): Promise<void>
}

/** After a lease that failed; after so long without calls a lease is given back. */
const leasePause: Millis = 1_000
const idleAfter: Millis = 10_000

export interface PoolOptions {
  origin: string
  connections: number
  policy: Policy
  limits: Limits
  env: Pick<Env, 'now' | 'monotonic'>
  connectTimeout?: Millis
  /** What all nodes share, where the limits were made for it. */
  allowance?: Allowance
  /** Bytes of an answer, as sent and inflated. */
  maxAnswer?: number
  resolve?: Resolver
}

/** UTF-8 text as a header value: each byte of it as one latin1 character, which the other side decodes again. */
export const headerText = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

export const tenMegabytes = 10 * 1024 * 1024

// oxlint-disable-next-line no-control-regex
const badValue = /[^\t\u0020-\u007e\u0080-\u00ff]/
const badName = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
const ownNames = new Set([
  'host',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'expect',
])
const badPath = /[^\u0021-\u007e]/

/**
 * Why undici would throw at this request, else null. It is asked first because undici's Pool counts a client whose dispatch threw as
 * busy for ever: as many malformed requests as there are connections would stop the target.
 */
export const refuseRequest = (path: string, headers: Record<string, string>): string | null => {
  if (path[0] !== '/' || badPath.test(path)) return 'the path holds characters that a request line cannot'
  for (const name in headers) {
    if (!name || badName.test(name)) return `header name ${JSON.stringify(name)}`
    if (ownNames.has(name.toLowerCase())) return `header ${name} is not to be set`
    const value = headers[name]
    if (typeof value !== 'string' || badValue.test(value)) return `header ${name} holds characters that a header cannot`
  }
  return null
}

/** `Retry-After`: seconds, or a date on the target's clock, which its `Date` header sets against ours. */
export const retryInstant = (value: string | undefined, date: string | undefined, now: Millis): Millis | undefined => {
  if (!value) return undefined
  const text = value.trim()
  if (/^\d{1,9}$/.test(text)) return now + Number(text) * 1000
  const at = Date.parse(text)
  if (Number.isNaN(at)) return undefined
  const theirNow = date ? Date.parse(date) : Number.NaN
  return Math.max(now, Number.isNaN(theirNow) ? at : now + at - theirNow)
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)

const inflaters = {
  gzip: { sync: zlib.gunzipSync, async: promisify(zlib.gunzip) },
  deflate: { sync: zlib.inflateSync, async: promisify(zlib.inflate) },
  br: { sync: zlib.brotliDecompressSync, async: promisify(zlib.brotliDecompress) },
} as const

/** What undici's `maxResponseSize` cannot: it counts compressed bytes, and 200 MB passed a 1 MB cap. */
const inflate = (body: Buffer, encoding: string | undefined, max: number): Buffer | Promise<Buffer> => {
  const name = encoding?.trim().toLowerCase()
  if (!name || name === 'identity' || body.length === 0) return body
  const inflater = inflaters[(name === 'x-gzip' ? 'gzip' : name) as keyof typeof inflaters]
  if (!inflater) throw new Error(`content-encoding ${name.slice(0, 40)}`)
  return body.length < 16_384
    ? inflater.sync(body, { maxOutputLength: max })
    : inflater.async(body, { maxOutputLength: max })
}

const tooLong = (err: unknown): boolean => (err as NodeJS.ErrnoException)?.code === 'ERR_BUFFER_TOO_LARGE'

const words = (err: unknown): string => {
  const { code, message, errors } = err as { code?: string; message?: string; errors?: unknown[] }
  // Several addresses that all failed come as an AggregateError without a message.
  const text = message || (errors?.length ? words(errors[0]) : '') || 'unknown error'
  return code && !text.includes(code) ? `${code} ${text}` : text
}

const healthOf = (reply: Reply): Health => {
  switch (reply.kind) {
    case 'answer':
      return reply.status >= 500 ? 'failing' : reply.status === 429 ? 'nothing' : 'fine'
    case 'unsent':
      return reply.why === 'connection' ? 'failing' : 'nothing'
    case 'lost':
      return reply.why === 'aborted' ? 'nothing' : reply.why === 'timeout' || reply.why === 'cut' ? 'failing' : 'fine'
  }
}

interface Waiting {
  lane: string | undefined
  /** It was started or refused. */
  left: boolean
  start(ticket: Ticket): void
  refuse(slots: Slots): void
  over(): boolean
}

/**
 * Calls wait here, before undici: whoever still waits at its `sendBy` never starts. undici 7 sends nothing twice by itself as long as
 * nothing is pipelined; should it ever offer a request to a second socket, that offer is refused (test: "never sent twice").
 */
export const createPool = (options: PoolOptions): Pool => {
  const { limits, env } = options
  const maxAnswer = options.maxAnswer ?? tenMegabytes
  const origin = new URL(options.origin).origin
  const undici = new UndiciPool(origin, {
    connections: Math.max(1, Math.floor(options.connections)),
    pipelining: 1,
    connect: guardedConnector(options.policy, { timeout: options.connectTimeout ?? 10_000, resolve: options.resolve }),
    // Ours is a total deadline; undici's restart with every byte.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 32_768,
    // Below the 5 s after which many servers drop an idle connection: what is sent into that moment is unknown.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 60_000,
  })

  const stopping = new AbortController()
  const waiting: Waiting[] = []
  let head = 0
  let wake: NodeJS.Timeout | null = null
  let wakeAt = Number.POSITIVE_INFINITY
  let running = 0
  let closing: Promise<void> | null = null
  let idle: (() => void) | null = null

  let leasing: Promise<void> | null = null
  let idleTimer: NodeJS.Timeout | null = null

  /** Rate and concurrency pass by themselves within a call's time; hold, quota, quiet hours and breaker do not. */
  const worthWaiting = (slots: Slots): boolean =>
    slots.why === 'rate' || slots.why === 'interface' || slots.why === 'concurrency' || slots.why === 'share'

  /** One question at a time; without an answer the next one waits a second. */
  const lease = (): void => {
    if (!options.allowance || leasing || closing) return
    const asked = env.now()
    const wants = limits.wants(asked)
    const wanted = { day: wants.day, starts: wants.starts ? pending() : 0 }
    if (!wanted.day && !wanted.starts) return
    leasing = options.allowance
      .lease(wanted)
      .then((given) => limits.granted(given, asked, env.now()))
      .catch(() => wait(leasePause, undefined, { signal: stopping.signal, ref: false }).catch(() => {}))
      .then(() => {
        leasing = null
        rest()
        if (head < waiting.length) pump()
      })
  }

  /** What was leased and is not needed is given back, so that other nodes may use it. */
  const rest = (): void => {
    if (!options.allowance) return
    if (idleTimer) clearTimeout(idleTimer)
    idleTimer = setTimeout(() => {
      if (!running && head >= waiting.length) void giveBack()
    }, idleAfter)
    idleTimer.unref()
  }
  const giveBack = async (): Promise<void> => {
    const unused = limits.giveBack()
    // Lost with a crash, too: then the day has so many calls less, never more.
    if (unused > 0) await options.allowance?.giveBack(unused).catch(() => {})
  }

  let pumping = false
  let pumpAgain = false

  /** Those that have neither left nor ended. */
  const pending = (): number => {
    let count = 0
    for (let i = head; i < waiting.length; i++) if (!waiting[i]?.left) count++
    return count
  }

  /** In their order; those of a lane without room are passed by. Starting or refusing one may end it at once and come back here. */
  const round = (): void => {
    let shut: Set<string> | null = null
    for (let i = head; i < waiting.length; i++) {
      const next = waiting[i] as Waiting
      if (next.left || (next.lane !== undefined && shut?.has(next.lane))) continue
      if (next.over()) {
        next.left = true
        continue
      }
      const slot = limits.take(env.now(), next.lane)
      if ('epoch' in slot) {
        next.left = true
        next.start(slot)
      } else if (worthWaiting(slot)) {
        if (slot.at !== undefined && slot.at < wakeAt) wakeUp(slot.at)
        if (slot.why !== 'interface' || next.lane === undefined) return
        shut ??= new Set()
        shut.add(next.lane)
      } else {
        next.left = true
        next.refuse(slot)
      }
    }
  }

  const pump = (): void => {
    pumpAgain = true
    if (pumping) return
    pumping = true
    try {
      while (pumpAgain) {
        pumpAgain = false
        round()
        while (waiting[head]?.left) head++
      }
    } finally {
      pumping = false
    }
    lease()
    if (head > 32 && head * 2 > waiting.length) waiting.splice(0, head)
    else if (head < waiting.length) return
    else waiting.length = 0
    head = 0
  }

  const wakeUp = (at: Millis): void => {
    if (wake) clearTimeout(wake)
    wakeAt = at
    wake = setTimeout(
      () => {
        wake = null
        wakeAt = Number.POSITIVE_INFINITY
        pump()
      },
      Math.max(1, Math.ceil(at - env.now())),
    )
  }

  const call = (request: Call): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const began = env.monotonic()
      const deadline = began + request.timeout
      const { sendBy, signal } = request
      let ticket: Ticket | null = null
      let controller: Dispatcher.DispatchController | null = null
      let timer: NodeJS.Timeout | null = null
      let started = false
      let over = false
      let status = 0
      let headers: Record<string, string | string[] | undefined> = {}
      let sentAt = 0
      let headersAt = 0
      let size = 0
      let chunks: Buffer[] = []

      const ms = (): Millis => env.monotonic() - began

      const end = (health: Health): boolean => {
        if (over) return false
        over = true
        chunks = []
        if (timer) clearTimeout(timer)
        signal?.removeEventListener('abort', aborted)
        if (ticket) {
          limits.end(ticket, health, env.now())
          running--
          pump()
          rest()
          if (!running) idle?.()
        }
        return true
      }
      const finish = (reply: Reply): void => {
        if (over) return
        let health = healthOf(reply)
        if (reply.kind === 'answer') {
          const said: ReturnType<NonNullable<Call['heard']>> =
            reply.status === 429 ? {} : (request.heard?.(reply) ?? null)
          if (said) {
            health = 'nothing'
            const lane = said.lane ? request.lane : undefined
            reply.retryAt = limits.throttled(env.now(), said.until ?? reply.retryAt, lane)
          } else if (reply.status === 503 && reply.retryAt !== undefined) limits.throttled(env.now(), reply.retryAt)
        }
        end(health)
        resolve(reply)
      }
      const unsent = (why: (Reply & { kind: 'unsent' })['why'], said: string, at?: Millis): void =>
        finish({ kind: 'unsent', why, said, ms: ms(), ...(at === undefined ? null : { at }) })
      const lost = (why: (Reply & { kind: 'lost' })['why'], said: string): void => {
        finish({ kind: 'lost', why, said, ms: ms(), ...(status ? { status } : null) })
        controller?.abort(new Error(said))
      }

      const aborted = (): void => {
        if (started) lost('aborted', 'stopped while the answer was awaited')
        else unsent('aborted', 'stopped before it was sent')
      }

      const timeUp = (): void => {
        timer = null
        const left = deadline - env.monotonic()
        if (started) {
          // Timers may fire a moment early.
          if (left <= 1) lost('timeout', `${request.timeout} ms`)
          else arm(left)
        } else if (left <= 1 && ticket) unsent('connection', `no connection within ${request.timeout} ms`)
        else unsent('late', 'the send deadline passed before its turn came')
      }
      // Rounded up, so that the calls of a moment share one list of timers; what must be exact is checked at the first byte.
      const arm = (left: Millis): void => {
        timer = setTimeout(timeUp, Math.max(1, Math.ceil(left / 50) * 50))
      }

      const complete = (body: Buffer): void => {
        const retryAt = retryInstant(one(headers['retry-after']), one(headers.date), env.now())
        finish({
          kind: 'answer',
          status,
          headers,
          body,
          sentAt,
          headersAt,
          ms: ms(),
          ...(retryAt === undefined ? null : { retryAt }),
        })
      }

      const handler: Dispatcher.DispatchHandler = {
        onRequestStart(its) {
          if (over) return its.abort(new Error('over'))
          if (started) {
            its.abort(new Error('resent'))
            return lost('cut', 'the connection closed, and the request was not sent again')
          }
          if (sendBy !== undefined && env.monotonic() > sendBy) {
            unsent('late', 'the send deadline passed before its turn came')
            return its.abort(new Error('late'))
          }
          const refused = limits.refuses(env.now())
          if (refused) {
            unsent('limited', refused.why ?? '', refused.at)
            return its.abort(new Error('limited'))
          }
          try {
            request.sent?.()
          } catch (err) {
            if (end('nothing')) reject(err)
            return its.abort(new Error('sent() threw'))
          }
          started = true
          controller = its
          sentAt = env.now()
          if (ticket) limits.sent(ticket, sentAt)
        },
        onResponseStart(_, code, fields) {
          if (code < 200) return
          status = code
          headers = fields
          headersAt = env.now()
        },
        onResponseData(_, chunk) {
          size += chunk.length
          if (size > maxAnswer) return lost('size', `more than ${maxAnswer} bytes`)
          chunks.push(chunk)
        },
        onResponseEnd() {
          const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
          const encoding = one(headers['content-encoding'])
          if (!encoding) return complete(body)
          const failed = (err: unknown): void =>
            tooLong(err) ? lost('size', `more than ${maxAnswer} bytes once inflated`) : lost('encoding', words(err))
          try {
            const inflated = inflate(body, encoding, maxAnswer)
            if (Buffer.isBuffer(inflated)) complete(inflated)
            else inflated.then(complete, failed)
          } catch (err) {
            failed(err)
          }
        },
        onResponseError(_, err) {
          if (over) return
          if (started) lost('cut', words(err))
          else if (err instanceof EgressRefused) unsent('egress', err.message)
          else unsent('connection', words(err))
        },
      }

      const wrong = refuseRequest(request.path, request.headers)
      if (wrong) return unsent('request', wrong)
      if (closing) return unsent('closed', 'Mortise was stopping')
      if (signal?.aborted) return unsent('aborted', 'stopped before it was sent')
      if (sendBy !== undefined && began > sendBy) return unsent('late', 'the send deadline had passed')
      signal?.addEventListener('abort', aborted)
      arm(Math.min(request.timeout, sendBy === undefined ? Number.POSITIVE_INFINITY : sendBy - began))
      waiting.push({
        lane: request.lane,
        left: false,
        over: () => over,
        start(its) {
          ticket = its
          running++
          undici.dispatch(
            { origin, path: request.path, method: request.method, headers: request.headers, body: request.body },
            handler,
          )
        },
        refuse(slots) {
          if (slots.why === 'breaker') unsent('breaker', 'the breaker is open', slots.at ?? env.now() + 1_000)
          else if (slots.why) unsent('limited', slots.why, slots.at)
          // Only closing refuses without a reason of the limits.
          else unsent('closed', 'Mortise was stopping')
        },
      })
      pump()
    })

  return {
    origin,
    call,
    slots(lanes) {
      let slots = limits.slots(env.now())
      for (const lane of lanes ?? []) {
        const own = limits.slots(env.now(), lane)
        if (own.free < slots.free || (own.free === slots.free && (own.at ?? 0) > (slots.at ?? 0))) slots = own
      }
      // Others may have given back what they had leased of the day.
      if (slots.why === 'day') lease()
      const free = slots.free - pending()
      return free > 0 ? { free } : { ...slots, free: 0 }
    },
    close() {
      closing ??= (async () => {
        for (const call of waiting.splice(head)) if (!call.left) call.refuse({ free: 0 })
        stopping.abort()
        if (wake) clearTimeout(wake)
        if (idleTimer) clearTimeout(idleTimer)
        if (running) await new Promise<void>((resolve) => (idle = resolve))
        // One that is under way would bring calls that nobody makes.
        if (leasing) await Promise.race([leasing, wait(leasePause, undefined, { ref: false })])
        if (idleTimer) clearTimeout(idleTimer)
        await giveBack()
        await undici.destroy()
      })()
      return closing
    },
  }
}
