/** Calls of one target as every connector makes them: guarded, limited, proved, and each end told precisely enough to decide on it (O1, O4). */
import type { Exchange } from '../doc/connector.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Fault } from '../doc/fault.ts'
import type { ConnectionDef } from '../doc/flow.ts'
import type { Outcome } from '../doc/outcome.ts'
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
  /** What each method says unless the connection's own headers say it. Default: JSON both ways. */
  headers?: Record<'GET' | 'POST', Record<string, string>>
  /** An answer as the log shows it, no longer than `most` bytes are worth. Default: text in the charset it names. */
  text?: (body: Buffer, contentType: string | undefined, most: number) => string
}

export interface Asked {
  /** Default POST. */
  method?: 'GET' | 'POST'
  /** Below the base URL, with its query; asked anew for each try. */
  path(): string
  body: Buffer | null
  /** Over what the connection says by itself. */
  headers?: Record<string, string>
  /** The interface of the target, where each has limits of its own. */
  lane?: string
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

const accepts = { accept: 'application/json' }

/** Why our own limits let nothing through, as a person reads it. */
const ourWords: Readonly<Record<string, string>> = {
  day: 'our own figure for this target',
  quiet: 'quiet hours',
  hold: 'the target asked to wait',
  rate: 'our own rate for this target',
  interface: 'our own rate for this interface',
}

/** O1, O4: what a write means that brought no answer. */
export const untold = ({ lost, why, at, calm }: Extract<Talk, { kind: 'unanswered' }>): Outcome => {
  if (lost) return { kind: 'unknown', why }
  if (why.stage === 'config') return { kind: 'refused', proved: true, why }
  return { kind: 'again', why, ...(at !== undefined && { at }), ...(calm && { calm }) }
}

/** O1, O2, O4: what a write means whose answer is no success. */
export const unsuccessful = (verdict: Exclude<Verdict, { kind: 'success' }>): Outcome => {
  const { why } = verdict
  switch (verdict.kind) {
    case 'again':
      return {
        kind: 'again',
        why,
        ...(verdict.at !== undefined && { at: verdict.at }),
        ...(verdict.wait && { calm: true }),
      }
    case 'refused':
      return { kind: 'refused', proved: verdict.proved, why }
    case 'unknown':
      return { kind: 'unknown', why }
  }
}

export const openCalls = (deps: CallsDeps) => {
  const { connection, env, rule } = deps
  const policy: Policy = { kind: 'connection', ...deps.egress }
  const checked = checkUrl(connection.baseUrl, policy)
  const base = 'url' in checked ? checked.url : null
  const root = base ? (base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`) : '/'
  /** The base URL may have a query of its own: it comes first. */
  const fixed = base ? base.search.slice(1) : ''
  const addressOf = (path: string): string =>
    fixed ? `${root}${path.replace(/\?|$/, (mark) => `?${fixed}${mark && '&'}`)}` : root + path
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
  const named = new Set(Object.keys(own).map((name) => name.toLowerCase()))
  const unnamed = (headers: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !named.has(name.toLowerCase())))
  const said = deps.headers ?? { GET: accepts, POST: { 'Content-Type': 'application/json', ...accepts } }
  /** Of each method, before what a call adds; the connection's own headers win over what we would say by ourselves. */
  const headersOf = { GET: { ...unnamed(said.GET), ...own }, POST: { ...unnamed(said.POST), ...own } }

  /** A connection that cannot work tells so with every record, which then waits for the administrator. */
  const trouble = ((): Fault | null => {
    const config = (said: string): Fault => ({ code: 'config.connector', stage: 'config', said })
    if ('refused' in checked)
      return { code: 'send.egress', stage: 'config', value: mask(connection.baseUrl), said: checked.refused }
    const wrong = refuseRequest(root, headersOf.POST)
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
  const notNow = (lane: string | undefined): (Reply & { kind: 'unsent' }) | null => {
    const { free, why, at }: Slots = limits.slots(env.now(), lane)
    if (free > 0 || (why !== 'day' && why !== 'quiet' && why !== 'hold' && why !== 'breaker')) return null
    const unsent = { kind: 'unsent', said: why, ms: 0, ...(at === undefined ? null : { at }) } as const
    return why === 'breaker'
      ? { ...unsent, why: 'breaker', at: at ?? env.now() + 1_000 }
      : { ...unsent, why: 'limited' }
  }

  /**
   * One call with what proves who we are. Where the target says that the token is not valid, nothing has happened (O1), and the call is
   * made once more with another one, within the same time and before the same send deadline.
   */
  const talk = async (asked: Asked): Promise<Talk> => {
    const { stage, signal, lane, method = 'POST' } = asked
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
      let request = {
        method,
        path: addressOf(asked.path()),
        headers: { ...headersOf[method], ...asked.headers },
        body: asked.body,
      }
      let token: string | null = null
      if (auth) {
        // In quiet hours, or behind a breaker, not even a token is asked for.
        const blocked = notNow(lane)
        if (blocked) return unanswered(blocked, stage)
        const proved = await auth.prove(request, Math.min(left(), last - env.monotonic()), signal)
        if (proved.kind === 'none') return unproved(shorten(mask(proved.said)), proved.at)
        request = { ...request, path: proved.request.path, headers: proved.request.headers }
        token = proved.token
      }
      let verdict: Verdict | null = null as Verdict | null
      const reply = await pool.call({
        ...request,
        ...(lane !== undefined && { lane }),
        timeout: Math.max(1, left()),
        ...(asked.sendBy !== undefined && { sendBy: asked.sendBy }),
        ...(asked.sent && { sent: asked.sent }),
        signal,
        heard: (answer) => {
          verdict = verdictOf(answer, stage)
          if (verdict.kind !== 'again' || !verdict.wait) return null
          if (verdict.wait === 'day') return { until: answer.retryAt ?? endOfDay(env.now()) }
          return lane === undefined ? {} : { lane: true }
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

  /** As the log shows it, without what `auth` puts into the query. */
  const urlOf = (path: string): string => mask(`${pool.origin}${addressOf(path)}`)
  const text =
    deps.text ??
    ((body: Buffer, contentType: string | undefined, most: number): string =>
      decodeText(body.subarray(0, most), contentType) ?? body.toString('latin1', 0, most))

  return {
    mask,
    trouble,
    talk,
    urlOf,
    /** What a call says of itself before its own headers and what proves who we are. */
    headersOf: (method: 'GET' | 'POST'): Record<string, string> => headersOf[method],
    /** Fetches what proves who we are, where that is a call of its own; null: nothing is wrong. */
    async signIn(path: string, signal: AbortSignal): Promise<Fault | null> {
      if (trouble) return trouble
      if (!auth) return null
      const request = { method: 'GET', path: addressOf(path), headers: headersOf.GET, body: null } as const
      const proved = await auth.prove(request, connection.timeout, signal)
      return proved.kind === 'none' ? { code: 'send.token', stage: 'read', said: shorten(mask(proved.said)) } : null
    },
    /** Request and answer as the log shows them. */
    shown(
      path: string,
      talked: Talk,
      { method = 'POST', most = longestShown }: { method?: 'GET' | 'POST'; most?: number } = {},
    ): Exchange {
      const exchange: Exchange = { method, url: urlOf(path), ms: 0 }
      if (talked.kind === 'unanswered') {
        exchange.ms = Math.round(talked.ms * 10) / 10
        if (talked.status !== undefined) exchange.status = talked.status
        return exchange
      }
      const { reply } = talked
      exchange.ms = Math.round(reply.ms * 10) / 10
      exchange.status = reply.status
      exchange.answer = shorten(mask(text(reply.body, one(reply.headers['content-type']), most * 4)), most)
      return exchange
    },
    slots(lanes?: readonly string[]): { free: number; at?: Millis } {
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
