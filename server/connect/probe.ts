/** Whether a system can be reached and read, step by step, as `test connection` shows it: name, connection or TLS, credentials, one page. */
import { lookup } from 'node:dns/promises'
import { isIP, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Page, Read, Window } from '../doc/connector.ts'
import type { Fault } from '../doc/fault.ts'
import type { ConnectionDef } from '../doc/flow.ts'
import { checkUrl, guardedConnector, type Policy, portOf, refuseAddress } from '../egress/guard.ts'

/** `said` fills the sentence of `found`; where a step did not succeed, `why` tells. */
export interface ProbeStep {
  step: 'dns' | 'connect' | 'tls' | 'auth' | 'read'
  ok: boolean
  ms: number
  found:
    | 'dns'
    | 'connect'
    | 'tls'
    | 'tlsSoon'
    | 'auth'
    | 'authNone'
    | 'authSent'
    | 'read'
    | 'readNothing'
    | 'readOff'
    | null
  said: Readonly<Record<string, string>>
  why: Fault | null
}

/** What of a connector a probe needs. */
export interface Probed {
  signIn?(signal: AbortSignal): Promise<Fault | null>
  changes(window: Window, signal: AbortSignal): Promise<Read<Page>>
}

export interface ProbeDeps {
  connection: Pick<ConnectionDef, 'baseUrl' | 'headers' | 'auth' | 'readable' | 'timeout'>
  /** Of the first declared object; undefined: there is none. */
  object: string | undefined
  connector: Probed
  policy: Policy
  now(): number
  monotonic(): number
  resolve?(host: string): Promise<{ address: string }[]>
}

const day = 86_400_000
/** A certificate that ends within these days is told of. */
const soon = 14

const words = (error: unknown): string => {
  const { code, message, errors } = error as { code?: string; message?: string; errors?: unknown[] }
  const text = message || (errors?.length ? words(errors[0]) : '') || 'unknown error'
  return code && !text.includes(code) ? `${code} ${text}` : text
}

const connectTo = (url: URL, policy: Policy, timeout: number): Promise<Socket | TLSSocket> =>
  new Promise((resolve, reject) => {
    guardedConnector(policy, { timeout })(
      {
        hostname: url.hostname,
        host: url.host,
        protocol: url.protocol,
        port: url.port,
        ...(url.protocol === 'https:' && !isIP(url.hostname) && { servername: url.hostname }),
      },
      (error, socket) => (socket ? resolve(socket) : reject(error ?? new Error('no connection'))),
    )
  })

export const probe = async (deps: ProbeDeps, signal: AbortSignal): Promise<ProbeStep[]> => {
  const { connection, connector, policy, object } = deps
  const steps: ProbeStep[] = []
  const timed = async <T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> => {
    const began = deps.monotonic()
    const value = await work()
    return { value, ms: Math.round((deps.monotonic() - began) * 10) / 10 }
  }
  const good = (step: ProbeStep['step'], ms: number, found: ProbeStep['found'], said: Record<string, string> = {}) =>
    void steps.push({ step, ok: true, ms, found, said, why: null })
  const bad = (step: ProbeStep['step'], ms: number, why: Fault): ProbeStep[] => {
    steps.push({ step, ok: false, ms, found: null, said: {}, why })
    return steps
  }
  const attempt = <T>(work: () => Promise<T>): Promise<T | { failed: unknown }> =>
    work().catch((failed: unknown) => ({ failed }))

  // ── the name ──
  const checked = checkUrl(connection.baseUrl, policy)
  if ('refused' in checked) return bad('dns', 0, { code: 'send.egress', stage: 'config', said: checked.refused })
  const { url } = checked
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = portOf(url)
  const resolve = deps.resolve ?? ((name: string) => lookup(name, { all: true, verbatim: true }))
  const named = await timed(() => attempt(() => (isIP(host) ? Promise.resolve([{ address: host }]) : resolve(host))))
  if ('failed' in named.value)
    return bad('dns', named.ms, { code: 'send.connection', stage: 'read', said: words(named.value.failed) })
  const addresses = named.value.map((one) => one.address)
  const refused = addresses.map((address) => refuseAddress(address, port, policy)).find((said) => said !== null)
  if (refused) return bad('dns', named.ms, { code: 'send.egress', stage: 'config', said: refused })
  good('dns', named.ms, 'dns', { host, addresses: addresses.join(', ') })

  // ── the connection ──
  const secure = url.protocol === 'https:'
  const step = secure ? 'tls' : 'connect'
  const stood = await timed(() => attempt(() => connectTo(url, policy, Math.min(10_000, connection.timeout))))
  if ('failed' in stood.value)
    return bad(step, stood.ms, { code: 'send.connection', stage: 'read', said: words(stood.value.failed) })
  const socket = stood.value
  if (socket instanceof TLSSocket) {
    const { subject, valid_to } = socket.getPeerCertificate()
    const left = Math.floor((Date.parse(valid_to) - deps.now()) / day)
    good(step, stood.ms, left < soon ? 'tlsSoon' : 'tls', {
      protocol: socket.getProtocol() ?? 'TLS',
      subject: String(subject?.CN ?? host),
      until: Number.isNaN(left) ? valid_to : new Date(valid_to).toISOString().slice(0, 10),
      days: String(left),
    })
  } else good(step, stood.ms, 'connect', { host, port: String(port) })
  socket.destroy()

  // ── who we are, and one page ──
  const signed = await timed(() => connector.signIn?.(signal) ?? Promise.resolve(null))
  if (signed.value) return bad('auth', signed.ms, signed.value)
  const hasCredentials = connection.auth !== undefined || Object.keys(connection.headers).length > 0
  if (!connection.readable || object === undefined) {
    good('auth', signed.ms, hasCredentials ? 'authSent' : 'authNone')
    good('read', 0, connection.readable ? 'readNothing' : 'readOff')
    return steps
  }
  const now = deps.now()
  const read = await timed(() =>
    connector.changes({ object, from: now - 60_000, to: now, offset: 0, limit: 1 }, signal),
  )
  if (read.value.kind === 'failed') {
    const { why } = read.value
    if (why.code === 'config.auth' || why.code === 'send.token') return bad('auth', signed.ms + read.ms, why)
    good('auth', signed.ms, hasCredentials ? 'authSent' : 'authNone')
    return bad('read', read.ms, why)
  }
  good('auth', signed.ms, hasCredentials ? 'auth' : 'authNone')
  const [wrong] = read.value.value.bad ?? []
  if (wrong) return bad('read', read.ms, wrong.why)
  good('read', read.ms, 'read', { object, count: String(read.value.value.readings.length) })
  return steps
}
