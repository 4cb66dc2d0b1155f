/** Calls of one target as every connector makes them: guarded, limited, proved, and each end told precisely enough to decide on it (O1, O4). */
import type { Exchange } from '../doc/connector.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Fault } from '../doc/fault.ts'
import type { ConnectionDef } from '../doc/flow.ts'
import { type Allowance, sharedOf } from '../egress/allowance.ts'
import { checkUrl, type Policy, type Resolver } from '../egress/guard.ts'
import { createLimits, type Slots } from '../egress/limits.ts'
import { createPool, headerText, type Reply, refuseRequest } from '../egress/pool.ts'
import { quietUntil } from '../egress/quiet.ts'
import { zoneOf } from '../map/zone.ts'
import { openAuth } from './auth/auth.ts'
import type { Shelf } from './auth/shelf.ts'
import { createMask, judge, shorten, type Verdict } from './standard/answer.ts'
import { decodeText } from './standard/body.ts'
import { createSkewMeter, type Skew } from './standard/skew.ts'
import { dayEnd, isZone } from './standard/time.ts'

export interface CallsDeps {
  connection: ConnectionDef
  /** The connection's lists of codes together with the connector's own. */
  rule: Parameters<typeof judge>[1]
  env: Env
  egress?: Pick<Policy, 'allowLoopback' | 'ports' | 'denied'> & { resolve?: Resolver }
  allowance?: Allowance
  shelf?: Shelf
}

export interface Asked {
  /** Below the base URL; asked anew for each try. */
  path(): string
  /** Default POST. */
  method?: 'GET'
  /** Null with GET. */
  body: Buffer | null
  headers?: Record<string, string>
  lane: string
  stage: 'send' | 'read'
  timeout: Millis
  sendBy?: Millis
  sent?: () => void
  signal: AbortSignal
}

export type Talk =
  | { kind: 'answered'; verdict: Verdict; reply: Reply & { kind: 'answer' } }
  /** Not one byte left, or no complete answer came. `calm`: our own doing, and burns no attempt. */
  | { kind: 'unanswered'; lost: boolean; why: Fault; at?: Millis; calm?: boolean; ms: Millis; status?: number }

type Answer = Reply & { kind: 'answer' }

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)
const longestShown = 8_192

/** Why our own limits let nothing through, as a person reads it. */
const ourWords: Readonly<Record<string, string>> = {
  day: 'our own figure for this target',
  quiet: 'quiet hours',
  hold: 'the target asked to wait',
  rate: 'our own rate for this target',
  interface: 'our own rate for this interface',
}

export const openCalls = (deps: CallsDeps) => {
  const { connection, env, rule } = deps
  const policy: Policy = { kind: 'connection', ...deps.egress }
  const checked = checkUrl(connection.baseUrl, policy)
  const base = 'url' in checked ? checked.url : null
  const path = base ? (base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`) : '/'
  const auth = connection.auth
    ? openAuth({
        auth: connection.auth,
        result: rule.result,
        zone: connection.zone,
        env,
        policy,
        resolve: deps.egress?.resolve,
        timeout: connection.timeout,
        shelf: deps.shelf,
      })
    : null
  const mask = createMask(connection.headers, auth?.secrets)
  const own: Record<string, string> = {}
  for (const [name, value] of Object.entries(connection.headers)) own[name] = headerText(value)

  /** A connection that cannot work tells so with every record, which then waits for the administrator. */
  const trouble = ((): Fault | null => {
    const config = (said: string): Fault => ({ code: 'config.connector', stage: 'config', said })
    if ('refused' in checked)
      return { code: 'send.egress', stage: 'config', value: mask(connection.baseUrl), said: checked.refused }
    const wrong = refuseRequest(path, own)
    if (wrong) return config(wrong)
    return isZone(connection.zone) ? null : config(`unknown time zone ${connection.zone}`)
  })()

  const endOfDay = (now: Millis): Millis => (isZone(connection.zone) ? dayEnd(now, connection.zone) : now + 86_400_000)
  const { quiet } = connection.limits
  const wall = zoneOf(connection.zone)
  const limits = createLimits(connection.limits, {
    random: () => env.random(),
    dayEnd: endOfDay,
    ...(quiet?.length && wall && { quietUntil: (now: Millis) => quietUntil(now, quiet, wall) }),
    ...(deps.allowance && { shared: sharedOf(connection.limits) }),
  })
  const pool = createPool({
    origin: base?.origin ?? 'http://nowhere.invalid',
    connections: connection.limits.concurrency,
    policy,
    limits,
    env,
    connectTimeout: Math.min(10_000, connection.timeout),
    resolve: deps.egress?.resolve,
    ...(deps.allowance && { allowance: deps.allowance }),
  })
  const clock = createSkewMeter()

  const verdictOf = (reply: Answer, stage: 'send' | 'read'): Verdict =>
    judge(
      {
        status: reply.status,
        body: reply.body,
        contentType: one(reply.headers['content-type']),
        retryAt: reply.retryAt,
      },
      rule,
      stage,
      mask,
    )

  const unanswered = (reply: Exclude<Reply, Answer>, stage: 'send' | 'read'): Talk => {
    const said = shorten(mask(reply.said))
    const ends = (why: Fault, more: { at?: Millis; calm?: boolean } = {}): Talk => ({
      kind: 'unanswered',
      lost: reply.kind === 'lost',
      why,
      ms: reply.ms,
      ...more,
      ...(reply.kind === 'lost' && reply.status !== undefined && { status: reply.status }),
    })
    if (reply.kind === 'lost') {
      switch (reply.why) {
        case 'timeout':
          return ends({ code: 'send.timeout', stage, expected: `${connection.timeout} ms` })
        case 'cut':
          return ends({ code: 'send.cut', stage, said })
        case 'size':
        case 'encoding':
          // For a read, a smaller page may fit.
          return ends({ code: stage === 'read' ? 'send.cut' : 'send.contract', stage, said })
        case 'aborted':
          return ends({ code: 'send.closed', stage }, { calm: true })
      }
    }
    const at = reply.at === undefined ? {} : { at: reply.at }
    switch (reply.why) {
      case 'connection':
        return ends({ code: 'send.connection', stage, said })
      case 'egress':
        return ends({ code: 'send.egress', stage: 'config', said })
      case 'request':
        return ends({ code: 'config.connector', stage: 'config', said })
      case 'late':
        return ends({ code: 'send.limited', stage, said }, { calm: true, ...at })
      case 'limited': {
        const code = said === 'day' ? 'send.quota' : said === 'quiet' ? 'send.quiet' : 'send.limited'
        const until = reply.at === undefined ? null : { expected: new Date(reply.at).toISOString() }
        return ends({ code, stage, said: ourWords[said] ?? said, ...until }, { calm: true, ...at })
      }
      case 'breaker':
        return ends({ code: 'send.breaker', stage }, { calm: true, ...at })
      case 'aborted':
      case 'closed':
        return ends({ code: 'send.closed', stage }, { calm: true })
    }
  }

  /** What the pool would say at once, where waiting within a call's time is no use. */
  const notNow = (lane: string): (Reply & { kind: 'unsent' }) | null => {
    const { free, why, at }: Slots = limits.slots(env.now(), lane)
    if (free > 0 || (why !== 'day' && why !== 'quiet' && why !== 'hold' && why !== 'breaker')) return null
    const unsent = { kind: 'unsent', said: why, ms: 0, ...(at === undefined ? null : { at }) } as const
    return why === 'breaker'
      ? { ...unsent, why: 'breaker', at: at ?? env.now() + 1_000 }
      : { ...unsent, why: 'limited' }
  }

  /**
   * One POST with what proves who we are. Where the target says that the token is not valid, nothing has happened (O1), and the call is
   * made once more with another one, within the same time and before the same send deadline.
   */
  const talk = async (asked: Asked): Promise<Talk> => {
    const { stage, signal, lane } = asked
    const began = env.monotonic()
    const left = (): Millis => asked.timeout - (env.monotonic() - began)
    const last = asked.sendBy ?? Number.POSITIVE_INFINITY
    const unproved = (said: string, at: Millis): Talk => ({
      kind: 'unanswered',
      lost: false,
      why: { code: 'send.token', stage, said },
      at,
      calm: true,
      ms: env.monotonic() - began,
    })
    for (let again = false; ; again = true) {
      const type = asked.body === null ? null : { 'Content-Type': 'application/json' }
      const headers = { ...type, accept: 'application/json', ...asked.headers, ...own }
      let request = { method: asked.method ?? ('POST' as const), path: path + asked.path(), headers, body: asked.body }
      let token: string | null = null
      if (auth) {
        // In quiet hours, or behind a breaker, not even a token is asked for.
        const blocked = notNow(lane)
        if (blocked) return unanswered(blocked, stage)
        const proved = await auth.prove(request, Math.min(left(), last - env.monotonic()), signal)
        if (proved.kind === 'none') return unproved(shorten(mask(proved.said)), proved.at)
        request = { ...request, path: proved.request.path, headers: { ...headers, ...proved.request.headers } }
        token = proved.token
      }
      let verdict: Verdict | null = null as Verdict | null
      const reply = await pool.call({
        ...request,
        lane,
        timeout: Math.max(1, left()),
        ...(asked.sendBy !== undefined && { sendBy: asked.sendBy }),
        ...(asked.sent && { sent: asked.sent }),
        signal,
        heard: (answer) => {
          verdict = verdictOf(answer, stage)
          if (verdict.kind !== 'again' || !verdict.wait) return null
          if (verdict.wait === 'day') return { until: answer.retryAt ?? endOfDay(env.now()) }
          return { lane: true }
        },
      })
      if (reply.kind !== 'answer') return unanswered(reply, stage)
      clock.note(one(reply.headers.date), reply.sentAt, reply.headersAt)
      verdict ??= verdictOf(reply, stage) // a 429 is the pool's own business
      if (verdict.kind === 'again' && verdict.wait && reply.retryAt !== undefined) verdict.at = reply.retryAt
      if (token === null || !auth) return { kind: 'answered', verdict, reply }
      const invalid = reply.status === 401 || (verdict.code !== undefined && auth.tokenCodes.includes(verdict.code))
      if (!invalid) {
        auth.taken(token)
        return { kind: 'answered', verdict, reply }
      }
      const another = auth.refused(token)
      if (!again && another) {
        // Sent with too little time, it would only become unknown: the record comes again instead.
        if (left() >= asked.timeout / 3 && env.monotonic() < last) continue
        return unproved('the target ended the former one', env.now() + 500)
      }
      const said = verdict.kind === 'success' ? '' : (verdict.why.said ?? '')
      const why: Fault = { code: 'config.auth', stage, value: verdict.code ?? String(reply.status), said }
      const { code, parsed } = verdict
      const told = { ...(code === undefined ? null : { code }), ...(parsed && { parsed }) }
      return { kind: 'answered', reply, verdict: { ...told, kind: 'refused', proved: true, why } }
    }
  }

  return {
    mask,
    trouble,
    talk,
    /** Fetches what proves who we are; null: nothing is wrong. */
    async signIn(signal: AbortSignal): Promise<Fault | null> {
      if (trouble || !auth) return trouble
      const asked = { method: 'POST', path, headers: {}, body: null }
      const proved = await auth.prove(asked, connection.timeout, signal)
      return proved.kind === 'none' ? { code: 'send.token', stage: 'read', said: shorten(mask(proved.said)) } : null
    },
    /** Request and answer as the log shows them; without what `auth` adds. */
    shown(name: string, talked: Talk): Exchange {
      const exchange: Exchange = { method: 'POST', url: mask(`${pool.origin}${path}${name}`), ms: 0 }
      if (talked.kind === 'unanswered') {
        exchange.ms = Math.round(talked.ms * 10) / 10
        if (talked.status !== undefined) exchange.status = talked.status
        return exchange
      }
      const { reply } = talked
      exchange.ms = Math.round(reply.ms * 10) / 10
      exchange.status = reply.status
      const text = decodeText(reply.body.subarray(0, longestShown * 4), one(reply.headers['content-type']))
      exchange.answer = shorten(mask(text ?? reply.body.toString('latin1', 0, longestShown)), longestShown)
      return exchange
    },
    slots(lanes: readonly string[]): { free: number; at?: Millis } {
      // Nothing leaves while the configuration is wrong, and each record is to be told so.
      if (trouble) return { free: connection.limits.concurrency }
      const blocked = auth?.blockedUntil() ?? null
      if (blocked !== null) return { free: 0, at: blocked }
      const { free, at } = pool.slots(lanes)
      return at === undefined ? { free } : { free, at }
    },
    skew: (): Skew | null => clock.value(),
    view: () => limits.view(env.now()),
    close: async (): Promise<void> => {
      await Promise.all([pool.close(), auth?.close()])
    },
  }
}
