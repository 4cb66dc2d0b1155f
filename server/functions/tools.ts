/** The host's side of what a function may use: exact decimals, dates with zones, hashes, XML. Values in, values out; nothing reaches the outside. */
import { createHash, createHmac } from 'node:crypto'
import { Decimal } from 'decimal.js'
import { charsetNamed, decodeBytes } from '../../protocol/charset.ts'
import { readXml, writeXml, type Xml } from '../../protocol/xml.ts'
import { momentsOf } from '../map/moment.ts'
import { zoneOf } from '../map/zone.ts'

/** 200 digits and exponents up to 400: more is no amount, and `1e9000000` written out would be nine megabytes. */
const Exact = Decimal.clone({ precision: 200, maxE: 400, minE: -400, toExpPos: 400, toExpNeg: -400, rounding: 4 })

const numberPattern = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\s*$/

const decimalOf = (text: string): Decimal => {
  if (text.length > 500 || !numberPattern.test(text)) throw new Error(`not a number: ${text.slice(0, 40)}`)
  return new Exact(text.trim())
}

const written = (value: Decimal): string => {
  if (!value.isFinite()) throw new Error('the result is no number that can be written')
  return value.isZero() ? '0' : value.toFixed()
}

const placesOf = (value: unknown): number => {
  const places = Number(value)
  if (!Number.isInteger(places) || places < 0 || places > 100)
    throw new Error('places are a whole number from 0 to 100')
  return places
}

const decimal = (operation: string, a: string, ...rest: unknown[]): string | number => {
  const left = decimalOf(a)
  const right = () => decimalOf(String(rest[0]))
  switch (operation) {
    case 'read':
      return /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(a.trim()) ? a.trim() : written(left)
    case 'plus':
      return written(left.plus(right()))
    case 'minus':
      return written(left.minus(right()))
    case 'times':
      return written(left.times(right()))
    case 'dividedBy': {
      const by = right()
      if (by.isZero()) throw new Error('division by zero')
      return written(left.dividedBy(by).toDecimalPlaces(placesOf(rest[1])))
    }
    case 'round':
      return left.toFixed(placesOf(rest[0]))
    case 'negated':
      return written(left.negated())
    case 'abs':
      return written(left.abs())
    case 'compare':
      return left.comparedTo(right())
    default:
      throw new Error(`decimal: ${operation}`)
  }
}

const zoneNamed = (name: unknown) => {
  const zone = zoneOf(name === null ? 'UTC' : String(name))
  if (!zone) throw new Error(`no time zone: ${String(name)}`)
  return zone
}

const date = (now: () => number, operation: string, ...rest: unknown[]): string | number => {
  if (operation === 'now') return now()
  const [value, format, zone] = rest
  const moments = momentsOf(format === null ? undefined : String(format), zoneNamed(zone), 'datetime')
  if (!moments) throw new Error(`no way to write dates: ${String(format)}`)
  if (operation === 'parse') {
    const instant = moments.read(String(value))
    if (!Number.isFinite(instant)) throw new Error(`no date: ${String(value).slice(0, 40)}`)
    return instant
  }
  const instant = Number(value)
  if (!Number.isFinite(instant) || Math.abs(instant) > 8.64e15)
    throw new Error('no moment: milliseconds since 1970 are wanted')
  const text = moments.write(instant, false)
  return typeof text === 'string' ? text : String(text)
}

const algorithms = new Set(['md5', 'sha1', 'sha256', 'sha512'])
const hash = (algorithm: string, value: string, key: string | null): string => {
  if (!algorithms.has(algorithm)) throw new Error(`hash: md5, sha1, sha256 or sha512, not ${algorithm.slice(0, 20)}`)
  return (key === null ? createHash(algorithm) : createHmac(algorithm, key)).update(value).digest('hex')
}

const base64 = (operation: string, value: string, charset: string | null): string => {
  if (operation === 'encode') return Buffer.from(value).toString('base64')
  const spoken = charsetNamed(charset ?? 'utf-8')
  if (!spoken) throw new Error(`no charset of ours: ${charset}`)
  const text = decodeBytes(Buffer.from(value, 'base64'), spoken)
  if (text === null) throw new Error(`the bytes are no ${spoken}`)
  return text
}

const xml = (operation: string, ...rest: unknown[]): unknown => {
  if (operation === 'write') return writeXml(String(rest[0]), asXml(rest[1], 0))
  const read = readXml(String(rest[0]))
  if ('wrong' in read) throw new Error(`XML: ${read.wrong}`)
  return { [read.root]: read.value }
}

const asXml = (value: unknown, depth: number): Xml => {
  if (depth > 64) throw new Error('XML: deeper than 64')
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map((one) => asXml(one, depth))
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asXml(member, depth + 1)]))
  const text = String(value)
  return text.startsWith('\u0000#') ? text.slice(2) : text
}

/** Answers a call by name. @throws Error with a sentence for the function's author */
export const tool = (now: () => number, name: string, args: readonly unknown[]): unknown => {
  const [first, ...rest] = args
  switch (name) {
    case 'decimal':
      return decimal(String(first), String(rest[0]), ...rest.slice(1))
    case 'date':
      return date(now, String(first), ...rest)
    case 'hash':
      return hash(String(first), String(rest[0]), rest[1] === null ? null : String(rest[1]))
    case 'base64':
      return base64(String(first), String(rest[0]), rest[1] === null || rest[1] === undefined ? null : String(rest[1]))
    case 'xml':
      return xml(String(first), ...rest)
    default:
      throw new Error(`no such tool: ${name}`)
  }
}
