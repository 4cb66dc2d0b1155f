/** The only way out: which addresses Mortise may connect to, and that it connects to the very address that was checked (reliability.md, Threats). */
import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { buildConnector } from 'undici'

/**
 * `connection`: an administrator configured the address, so private ranges are allowed. `callback`: a caller named it, so only
 * public addresses are. Neither ever reaches link-local, metadata or loopback addresses; loopback only where the sandbox is on.
 */
export interface Policy {
  kind: 'connection' | 'callback'
  /** The sandbox switch: loopback is allowed. */
  allowLoopback?: boolean
  /** Allowed ports; absent: all. */
  ports?: readonly number[]
  /** Never to be reached, whatever the range: our own database. Hosts as configured, names or addresses. */
  denied?: readonly { host: string; port: number }[]
}

export type Resolver = (
  host: string,
  done: (err: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/** Thrown into a connect attempt; the pool tells it apart from a network failure by its class. */
export class EgressRefused extends Error {
  readonly code = 'MORTISE_EGRESS'
}

/** Addresses that clouds answer credentials on; those inside link-local ranges are refused anyway. */
const metadata = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd20:ce::254',
])

type Reach = 'public' | 'private' | 'loopback' | 'never'

const reachOf4 = (ip: ipaddr.IPv4): Reach => {
  if (metadata.has(ip.toString())) return 'never'
  switch (ip.range()) {
    case 'unicast':
      return 'public'
    case 'private':
    case 'carrierGradeNat':
      return 'private'
    case 'loopback':
      return 'loopback'
    default:
      return 'never'
  }
}

/** The IPv4 address that a translator, tunnel or old notation would make of an IPv6 address, else null. */
const embedded = (parts: readonly number[]): ipaddr.IPv4 | null => {
  const at = (i: number): ipaddr.IPv4 => {
    const [high, low] = [parts[i] ?? 0, parts[i + 1] ?? 0]
    return new ipaddr.IPv4([high >> 8, high & 255, low >> 8, low & 255])
  }
  const zero = (from: number, to: number): boolean => parts.slice(from, to).every((part) => part === 0)
  // ::a.b.c.d (ipaddr.js calls ::7f00:1 unicast), ::ffff:a.b.c.d, ::ffff:0:a.b.c.d
  if (zero(0, 6) || (zero(0, 5) && parts[5] === 0xffff) || (zero(0, 4) && parts[4] === 0xffff && parts[5] === 0)) {
    return at(6)
  }
  if (parts[0] === 0x64 && parts[1] === 0xff9b && zero(2, 6)) return at(6)
  if (parts[0] === 0x2002) return at(1)
  // ISATAP: an interface id of 0:5efe or 200:5efe holds the address
  if ((parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe) return at(6)
  return null
}

const reachOf6 = (ip: ipaddr.IPv6): Reach => {
  const plain = new ipaddr.IPv6(ip.parts)
  if (metadata.has(plain.toString())) return 'never'
  const range = plain.range()
  if (range === 'loopback') return 'loopback'
  if (range === 'unspecified' || range === 'linkLocal' || range === 'multicast') return 'never'
  const inner = embedded(plain.parts)
  if (inner) return reachOf4(inner)
  if (range === 'uniqueLocal') return 'private'
  // Global unicast is 2000::/3; ipaddr.js calls everything unicast that it has no name for.
  return range === 'unicast' && ((plain.parts[0] ?? 0) & 0xe000) === 0x2000 ? 'public' : 'never'
}

const canonical = (address: string): string => {
  const ip = ipaddr.process(address)
  return ip instanceof ipaddr.IPv6 ? new ipaddr.IPv6(ip.parts).toString() : ip.toString()
}

/** Null when `address` (an IP literal as the system resolver or the URL parser writes it) may be reached, else why not. */
export const refuseAddress = (address: string, port: number, policy: Policy): string | null => {
  if (!isIP(address)) return `${address} is not an IP address`
  const ip = ipaddr.parse(address)
  const reach = ip instanceof ipaddr.IPv4 ? reachOf4(ip) : reachOf6(ip as ipaddr.IPv6)
  const own = policy.denied?.some((d) => d.port === port && isIP(d.host) && canonical(d.host) === canonical(address))
  if (own) return `${address}:${port} is Mortise’s own`
  switch (reach) {
    case 'public':
      return null
    case 'private':
      return policy.kind === 'connection' ? null : `${address} is a private address`
    case 'loopback':
      return policy.allowLoopback ? null : `${address} is a loopback address`
    case 'never':
      return `${address} is a reserved address`
  }
}

const bare = (hostname: string): string => (hostname.startsWith('[') ? hostname.slice(1, -1) : hostname)
const defaultPort = (protocol: string): number => (protocol === 'https:' ? 443 : 80)
export const portOf = (url: URL): number => (url.port ? Number(url.port) : defaultPort(url.protocol))

/**
 * Checks the text of an address before anything is connected: scheme, userinfo, port, and the host where it is a literal. The URL
 * parser has already turned decimal, octal and hex spellings into dotted ones. Names are checked when they are resolved.
 */
export const checkUrl = (text: string, policy: Policy): { url: URL } | { refused: string } => {
  // The parser drops tabs and newlines and turns backslashes into slashes: what a person reads is then not what is connected to.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007f\\]/.test(text)) return { refused: 'it holds a space, a control character or a backslash' }
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return { refused: 'it is not a URL' }
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return { refused: `${url.protocol} is not http or https` }
  if (url.username || url.password || /^[a-z]+:\/\/[^/?#]*@/i.test(text)) return { refused: 'it names a user' }
  if (!/^https?:\/\/[^/]/i.test(text)) return { refused: 'it is not written as http://host' }
  const port = portOf(url)
  if (port === 0) return { refused: 'port 0 is no port' }
  if (policy.ports && !policy.ports.includes(port)) return { refused: `port ${port} is not allowed` }
  const host = bare(url.hostname)
  if (policy.denied?.some((d) => d.port === port && d.host.toLowerCase() === host)) {
    return { refused: `${host}:${port} is Mortise’s own` }
  }
  if (isIP(host)) {
    const refused = refuseAddress(host, port, policy)
    if (refused) return { refused }
  } else if (!host || host.length > 253) {
    return { refused: 'it names no host' }
  }
  return { url }
}

const systemResolver: Resolver = (host, done) => systemLookup(host, { all: true, verbatim: true }, done)

/** A lookup that refuses the whole name when one of its addresses is refused, and hands on only what it checked. */
export const guardedLookup =
  (port: number, policy: Policy, resolve: Resolver = systemResolver): LookupFunction =>
  (host, options, done) => {
    resolve(host, (err, addresses) => {
      if (err) return done(err, '', 0)
      const refused = addresses.map((a) => refuseAddress(a.address, port, policy)).find((said) => said !== null)
      if (refused) return done(new EgressRefused(`${host}: ${refused}`), '', 0)
      const family = options.family === 4 || options.family === 'IPv4' ? 4 : options.family ? 6 : 0
      const fitting = family ? addresses.filter((a) => a.family === family) : addresses
      const first = fitting[0]
      if (!first) return done(Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' }), '', 0)
      if (options.all) done(null, fitting)
      else done(null, first.address, first.family)
    })
  }

/**
 * undici's connector behind the guard. Its own `connect.lookup` is not called for IP literals, so those are checked here, on every
 * connect; names go through the guarded lookup, whose addresses are the ones connected to (no second resolution to rebind).
 */
export const guardedConnector = (
  policy: Policy,
  options: { timeout: number; resolve?: Resolver },
): buildConnector.connector => {
  const byPort = new Map<number, buildConnector.connector>()
  return (target, done) => {
    const port = target.port ? Number(target.port) : defaultPort(target.protocol)
    const host = bare(target.hostname)
    const refused = isIP(host) ? refuseAddress(host, port, policy) : null
    if (refused) return done(new EgressRefused(refused), null)
    let connect = byPort.get(port)
    if (!connect) {
      connect = buildConnector({
        timeout: options.timeout,
        allowH2: false,
        lookup: guardedLookup(port, policy, options.resolve),
      })
      byPort.set(port, connect)
    }
    connect(target, done)
  }
}
