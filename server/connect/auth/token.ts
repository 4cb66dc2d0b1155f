/** A target's access token: asked for once however many want it, renewed before its end, and once after the target has refused it. */
import { createHash } from 'node:crypto'
import type { Millis } from '../../doc/document.ts'
import type { Env } from '../../doc/env.ts'
import type { OAuth2Def } from '../../doc/flow.ts'
import { checkUrl, type Policy, type Resolver } from '../../egress/guard.ts'
import { createLimits } from '../../egress/limits.ts'
import { createPool, type Reply } from '../../egress/pool.ts'
import { at, decodeText, parseJson, textOf } from '../standard/body.ts'
import type { Kept, Shelf } from './shelf.ts'

export type Got = { kind: 'token'; token: string } | { kind: 'none'; said: string; at: Millis }

export interface TokenSource {
  /** Waits for a token for so long at most. Never throws. */
  get(within: Millis, signal?: AbortSignal): Promise<Got>
  /** The target refused it. True: ask `get` again, another one is, or will be, there. */
  refused(token: string): boolean
  /** The target took it. */
  taken(token: string): void
  /** No token, and none before this instant. */
  blockedUntil(): Millis | null
  /** What must not be shown: the tokens of now and before. */
  secrets(): readonly string[]
  close(): Promise<void>
}

export interface TokenDeps {
  def: OAuth2Def
  /** Where an answer that brings no token says why. */
  result: { codePath: string; messagePath: string }
  env: Pick<Env, 'now' | 'monotonic' | 'random' | 'sleep' | 'id'>
  policy: Policy
  resolve?: Resolver
  timeout: Millis
  shelf: Shelf
}

const firstPause: Millis = 1_000
const longestPause: Millis = 60_000
/** How often a node looks whether the one that asks has got it. */
const lookEvery: Millis = 150
/** A token that the target has never taken is not given up twice within this: wrong permissions look like that, and no new token helps. */
const patience: Millis = 60_000

/** 32 hex digits in the shape of a UUID of version 4. */
export const uuidOf = (id: string): string => {
  const hex = id.replaceAll('-', '').padEnd(32, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const headerSafe = /^[\x21-\x7e]{1,8192}$/

/** The request for a token. Pure. */
export const tokenRequest = (def: OAuth2Def): { headers: Record<string, string>; body: Buffer } => {
  const basic = def.clientIn === 'basic'
  const members: Record<string, string> = {
    ...(def.grantType && { [def.grantName ?? 'grant_type']: def.grantType }),
    ...(!basic && { [def.idName]: def.clientId, [def.secretName]: def.clientSecret }),
    ...def.params,
  }
  const json = def.bodyAs === 'json'
  // RFC 6749, 2.3.1: both are form-encoded before they are joined.
  const user = `${encodeURIComponent(def.clientId)}:${encodeURIComponent(def.clientSecret)}`
  return {
    headers: {
      accept: 'application/json',
      'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded',
      ...(basic && { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
    },
    body: Buffer.from(json ? JSON.stringify(members) : new URLSearchParams(members).toString()),
  }
}

/** What the token interface answered. A body is never shown as it is: it may hold a token under another name. Pure. */
export const readToken = (
  reply: Reply,
  def: OAuth2Def,
  result: TokenDeps['result'],
): { token: string; lifetime: Millis } | { said: string } => {
  if (reply.kind === 'unsent') return { said: `no connection to the token interface (${reply.said})` }
  if (reply.kind === 'lost') return { said: `the token interface gave no complete answer (${reply.said})` }
  const text = decodeText(
    reply.body,
    Array.isArray(reply.headers['content-type']) ? undefined : reply.headers['content-type'],
  )
  const parsed = text === null ? null : parseJson(text)
  const value = parsed && 'value' in parsed ? parsed.value : undefined
  const token = textOf(at(value, def.tokenPath))
  const ok = reply.status >= 200 && reply.status < 300
  if (ok && token !== null && headerSafe.test(token)) {
    const seconds = Number(textOf(at(value, def.expiresPath)) ?? Number.NaN)
    return { token, lifetime: seconds > 0 && seconds < 1e9 ? seconds * 1000 : def.lifetime }
  }
  const words = ['error', 'error_description', result.codePath, result.messagePath]
    .map((path) => textOf(at(value, path)))
    .filter((word) => word !== null && word !== '')
  const why = ok ? `nothing usable at ${def.tokenPath}` : `HTTP ${reply.status}`
  // Not cut here: it is masked first, and half a secret would not be known again.
  return { said: words.length ? `${why}: ${words.join(' ')}` : why }
}

export const openTokenSource = (deps: TokenDeps): TokenSource => {
  const { def, env, shelf } = deps
  const checked = checkUrl(def.tokenUrl, deps.policy)
  const url = 'url' in checked ? checked.url : null
  const pool =
    url &&
    createPool({
      origin: url.origin,
      connections: 1,
      policy: deps.policy,
      limits: createLimits({ concurrency: 1 }, { random: () => env.random() }),
      env,
      connectTimeout: Math.min(10_000, deps.timeout),
      resolve: deps.resolve,
    })
  const path = url ? url.pathname + url.search : '/'
  const freshPath = (): string =>
    def.freshQuery ? `${path}${path.includes('?') ? '&' : '?'}${def.freshQuery}=${uuidOf(env.id())}` : path
  const asked = tokenRequest(def)
  const withWhat = createHash('sha256')
    .update(JSON.stringify([def.tokenUrl, asked.headers, asked.body.toString()]))
    .digest('base64')
  const stopping = new AbortController()

  let held: { token: string; renewAt: Millis; endsAt: Millis } | null = null
  /** Given up: the target refused it, so nobody's copy of it is taken. */
  let givenUp: string | null = null
  let proved = false
  let noGivingUpBefore: Millis = 0
  let failures = 0
  let blocked: { until: Millis; said: string } | null = null
  let renewing: Promise<void> | null = null
  let known: string[] = []

  const hold = ({ token, left, lifetime }: Kept): void => {
    const now = env.now()
    held = { token, endsAt: now + left, renewAt: now + left - Math.min(def.refreshBefore, lifetime / 2) }
    proved = false
    blocked = null
    failures = 0
    known = [token, ...known.filter((one) => one !== token)].slice(0, 4)
  }

  const fail = (said: string, retryAt?: Millis): void => {
    const pause = Math.min(longestPause, firstPause * 2 ** Math.min(failures++, 10)) * (0.75 + env.random() / 4)
    blocked = { said, until: Math.max(env.now() + pause, Math.min(retryAt ?? 0, env.now() + longestPause)) }
  }

  const ask = async (): Promise<void> => {
    if (!pool) return fail(`tokenUrl is not allowed: ${'refused' in checked ? checked.refused : ''}`)
    const reply = await pool.call({
      method: 'POST',
      path: freshPath(),
      headers: asked.headers,
      body: asked.body,
      timeout: deps.timeout,
      signal: stopping.signal,
    })
    const read = readToken(reply, def, deps.result)
    if ('said' in read) {
      await shelf.release().catch(() => {})
      return fail(read.said, reply.kind === 'answer' || reply.kind === 'unsent' ? replyAt(reply) : undefined)
    }
    const kept: Kept = { ...read, left: read.lifetime, with: withWhat }
    hold(kept)
    givenUp = null
    await shelf.keep(kept).catch(() => {})
  }

  const renew = async (): Promise<void> => {
    // Longer than another node's right to ask: should it have died, its right has ended by then.
    const ends = env.monotonic() + 35_000
    while (!stopping.signal.aborted) {
      const { serial, kept } = await shelf.read()
      const usable =
        kept !== null &&
        kept.with === withWhat &&
        kept.token !== givenUp &&
        kept.left > Math.min(def.refreshBefore, kept.lifetime / 2)
      if (usable) return hold(kept)
      if (await shelf.claim(serial)) return ask()
      if (env.monotonic() > ends) return fail('another node is asking for one')
      await env.sleep(lookEvery, stopping.signal).catch(() => {})
    }
    fail('Mortise was stopping')
  }

  const renewOnce = (): Promise<void> =>
    (renewing ??= renew()
      .catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        renewing = null
      }))

  const got = (): Got =>
    held && env.now() < held.endsAt
      ? { kind: 'token', token: held.token }
      : {
          kind: 'none',
          said: blocked?.said ?? 'it is being asked for',
          at: Math.max(blocked?.until ?? 0, env.now() + firstPause / 2),
        }

  return {
    async get(within, signal) {
      const now = env.now()
      const canAsk = !blocked || now >= blocked.until
      if (held && now < held.renewAt) return { kind: 'token', token: held.token }
      if (!canAsk && !renewing) return got()
      const work = renewOnce()
      // The old one is good until its end: nobody waits for the new one.
      if (held && now < held.endsAt) return { kind: 'token', token: held.token }
      const over = new AbortController()
      const stop = (): void => over.abort()
      signal?.addEventListener('abort', stop)
      if (signal?.aborted) stop()
      await Promise.race([work, env.sleep(Math.max(0, within), over.signal).catch(() => {})])
      signal?.removeEventListener('abort', stop)
      over.abort()
      return got()
    },
    refused(token) {
      if (held?.token !== token) return true
      const now = env.now()
      if (!proved && now < noGivingUpBefore) return false
      if (!proved) noGivingUpBefore = now + patience
      givenUp = token
      held = null
      return true
    },
    taken(token) {
      if (held?.token === token) proved = true
    },
    blockedUntil() {
      const now = env.now()
      return blocked && now < blocked.until && !(held && now < held.endsAt) ? blocked.until : null
    },
    secrets: () => known,
    async close() {
      stopping.abort()
      await pool?.close()
      await renewing
    },
  }
}

const replyAt = (reply: Reply): Millis | undefined =>
  reply.kind === 'answer' ? reply.retryAt : reply.kind === 'unsent' ? reply.at : undefined
