/** Signed requests by declaration: what is signed, in which order, how it is written, and where signature, timestamp and nonce go. Pure. */
import { createHash, createHmac } from 'node:crypto'
import type { Millis } from '../../doc/document.ts'
import type { Carrier, SignatureDef, SignedPart } from '../../doc/flow.ts'
import { zoneOf } from '../../map/zone.ts'

/** As it leaves: path with query, header values as latin1 text of their bytes. */
export interface Request {
  method: string
  path: string
  headers: Record<string, string>
  body: Buffer | null
}

/** A header that is there under another case is replaced, not doubled. */
export const carry = <R extends Pick<Request, 'path' | 'headers'>>(request: R, to: Carrier, value: string): R => {
  if (to.in === 'query') {
    const mark = request.path.includes('?') ? '&' : '?'
    return { ...request, path: `${request.path}${mark}${encodeURIComponent(to.name)}=${encodeURIComponent(value)}` }
  }
  const headers: Record<string, string> = {}
  for (const [name, old] of Object.entries(request.headers))
    if (name.toLowerCase() !== to.name.toLowerCase()) headers[name] = old
  headers[to.name] = value
  return { ...request, headers }
}

const two = (value: number, length = 2): string => String(value).padStart(length, '0')

const stampOf = (now: Millis, format: NonNullable<SignatureDef['timestamp']>['format'], zone: string): string => {
  switch (format) {
    case 'epochMillis':
      return String(Math.floor(now))
    case 'epochSeconds':
      return String(Math.floor(now / 1000))
    case 'iso':
      return `${new Date(now).toISOString().slice(0, 19)}Z`
    case 'yyyyMMddHHmmss': {
      const wall = new Date(now + (zoneOf(zone)?.offset(now) ?? 0))
      return (
        two(wall.getUTCFullYear(), 4) +
        [wall.getUTCMonth() + 1, wall.getUTCDate(), wall.getUTCHours(), wall.getUTCMinutes(), wall.getUTCSeconds()]
          .map((part) => two(part))
          .join('')
      )
    }
  }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

/** By name, then by value, compared by code unit. */
const sortedQuery = (query: string): string =>
  query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=')
      return at < 0 ? [decoded(pair), ''] : [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))]
    })
    .sort(([a = '', x = ''], [b = '', y = '']) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')

const empty = Buffer.alloc(0)

const bytesOf = (
  part: SignedPart,
  request: Request,
  said: { timestamp: string; nonce: string; secret: string },
): Buffer => {
  const mark = request.path.indexOf('?')
  const query = mark < 0 ? '' : request.path.slice(mark + 1)
  if (typeof part === 'object') {
    if ('text' in part) return Buffer.from(part.text)
    const wanted = part.header.toLowerCase()
    const found = Object.entries(request.headers).find(([name]) => name.toLowerCase() === wanted)
    return Buffer.from(found?.[1] ?? '', 'latin1')
  }
  switch (part) {
    case 'method':
      return Buffer.from(request.method)
    case 'path':
      return Buffer.from(mark < 0 ? request.path : request.path.slice(0, mark))
    case 'query':
      return Buffer.from(query)
    case 'sortedQuery':
      return Buffer.from(sortedQuery(query))
    case 'body':
      return request.body ?? empty
    case 'bodyMd5':
      return Buffer.from(
        createHash('md5')
          .update(request.body ?? empty)
          .digest('hex'),
      )
    case 'bodySha256':
      return Buffer.from(
        createHash('sha256')
          .update(request.body ?? empty)
          .digest('hex'),
      )
    case 'timestamp':
    case 'nonce':
    case 'secret':
      return Buffer.from(said[part])
  }
}

/** The bytes that are signed; exported so that a test, or a person, can compare them with the target's. */
export const signedBytes = (
  def: SignatureDef,
  request: Request,
  said: { timestamp: string; nonce: string },
): Buffer => {
  const parts = def.sign.map((part) => bytesOf(part, request, { ...said, secret: def.secret }))
  const join = Buffer.from(def.join)
  return Buffer.concat(parts.flatMap((part, i) => (i && join.length ? [join, part] : [part])))
}

const written = (digest: Buffer, encoding: SignatureDef['encoding']): string =>
  encoding === 'HEX' ? digest.toString('hex').toUpperCase() : digest.toString(encoding)

/** Timestamp and nonce are put in first, so that they are signed where query or headers are; the signature itself never is. */
export const sign = (
  def: SignatureDef,
  request: Request,
  at: { now: Millis; nonce: string; zone: string },
): Request => {
  const timestamp = def.timestamp ? stampOf(at.now, def.timestamp.format, at.zone) : ''
  let whole = request
  if (def.timestamp) whole = carry(whole, def.timestamp, timestamp)
  if (def.nonce) whole = carry(whole, def.nonce, at.nonce)
  const bytes = signedBytes(def, whole, { timestamp, nonce: at.nonce })
  const digest =
    def.algorithm === 'hmac-sha256'
      ? createHmac('sha256', def.secret).update(bytes).digest()
      : createHash('md5').update(bytes).digest()
  return carry(whole, def.put, def.put.prefix + written(digest, def.encoding))
}
