/** Dates as systems write them: epoch numbers, ISO, patterns, and what people send where nothing was declared. */
import { LosslessNumber } from 'lossless-json'
import type { Json } from '../doc/document.ts'
import { readDecimal } from './decimal.ts'
import { dayMs, type Zone } from './zone.ts'

/** How one field writes its moments. Instants are ms since the epoch; a day is the instant at which it begins in the field's zone. */
export interface Moments {
  /** NaN where the value is no moment. The declared format first, then the unmistakable ones: some systems take one and answer another. */
  read(value: Json): number
  /** Undefined where the year does not fit. `likeNumber`: the source had a number, which decides where nothing is declared. */
  write(instant: number, likeNumber: boolean): Json | undefined
  zone: Zone
}

// ── the calendar ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const monthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Days since 1970-01-01 (Howard Hinnant's algorithm: years begin in March). */
const daysOf = (year: number, month: number, day: number): number => {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

const dateOf = (days: number): { year: number; month: number; day: number } => {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  }
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

/** What the clock shows, as if it were UTC; NaN for the 30th of February and the like. */
const wallOf = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0, ms = 0): number => {
  const last = month === 2 && !isLeap(year) ? 28 : (monthDays[month - 1] ?? 0)
  if (year < 1 || year > 9999 || day < 1 || day > last || hour > 23 || minute > 59 || second > 59) return Number.NaN
  return daysOf(year, month, day) * dayMs + hour * 3_600_000 + minute * 60_000 + second * 1000 + ms
}

/** `Z`, `+08`, `+0800`, `+08:00` in ms. */
const offsetOf = (text: string): number => {
  if (text === 'Z' || text === 'z') return 0
  const digits = text.slice(1).replace(':', '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0)
  return (text.charCodeAt(0) === 45 ? -1 : 1) * minutes * 60_000
}

const farthest = 8.64e15
const inRange = (instant: number): number => (Math.abs(instant) <= farthest ? instant : Number.NaN)

/** The day that an instant falls on there, as the wall of its midnight. */
export const dayOf = (instant: number, zone: Zone): number =>
  Math.floor((instant + zone.offset(instant)) / dayMs) * dayMs

// ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const digit = (text: string, at: number): number => {
  const d = text.charCodeAt(at) - 48
  return d >= 0 && d <= 9 ? d : Number.NaN
}
const two = (text: string, at: number): number => digit(text, at) * 10 + digit(text, at + 1)

const loose =
  /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:(?:T| +)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)? ?(Z|z|[+-]\d{2}(?::?\d{2})?)?$/

/** What cannot be mistaken: year first, or digits whose number tells what they are (8, 14 a date; 10 seconds, 13 milliseconds). */
const readPlain = (given: string, zone: Zone): number => {
  const text = given.trim()
  const n = text.length
  // yyyy-MM-dd and yyyy-MM-dd HH:mm:ss, ten times as fast as the expression below.
  if ((n === 10 || n === 19) && text.charCodeAt(4) === 45 && text.charCodeAt(7) === 45) {
    const year = two(text, 0) * 100 + two(text, 2)
    if (n === 10) return instantAt(wallOf(year, two(text, 5), two(text, 8)), zone)
    const gap = text.charCodeAt(10)
    if ((gap === 32 || gap === 84) && text.charCodeAt(13) === 58 && text.charCodeAt(16) === 58) {
      return instantAt(wallOf(year, two(text, 5), two(text, 8), two(text, 11), two(text, 14), two(text, 17)), zone)
    }
  }
  if (/^\d+$/.test(text)) {
    if (n === 13) return Number(text)
    if (n === 10) return Number(text) * 1000
    if (n !== 8 && n !== 14) return Number.NaN
    const time = n === 14 ? [two(text, 8), two(text, 10), two(text, 12)] : []
    return instantAt(wallOf(two(text, 0) * 100 + two(text, 2), two(text, 4), two(text, 6), ...time), zone)
  }
  const found = loose.exec(text)
  if (!found) return Number.NaN
  const [, year, , month, day, hour, minute, second, fraction, offset] = found
  const ms = fraction ? Number(fraction.padEnd(3, '0').slice(0, 3)) : 0
  const wall = wallOf(
    Number(year),
    Number(month),
    Number(day),
    Number(hour ?? 0),
    Number(minute ?? 0),
    Number(second ?? 0),
    ms,
  )
  // A day with an offset (`2024-01-31+08:00`, as XML writes it) is still that day.
  return offset && hour ? wall - offsetOf(offset) : instantAt(wall, zone)
}

const instantAt = (wall: number, zone: Zone): number => (Number.isNaN(wall) ? wall : zone.instant(wall))

const readEpoch = (value: Json, unit: number): number => {
  const text = value instanceof LosslessNumber ? value.value : value
  if (typeof text !== 'string' || !readDecimal(text)) return Number.NaN
  return inRange(unit === 1 ? Math.floor(Number(text)) : Math.round(Number(text) * unit))
}

const readUndeclared = (value: Json, zone: Zone): number => {
  if (typeof value === 'string') return readPlain(value, zone)
  return value instanceof LosslessNumber ? readEpoch(value, 1) : Number.NaN
}

// ── patterns ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
type Part = 'y' | 'M' | 'd' | 'H' | 'm' | 's' | 'S' | 'X' | 'Z'
interface Token {
  part: Part | null
  /** Repeats of the letter. */
  width: number
  literal: string
}

const tokenText = /'((?:[^']|'')*)'|([yMdHmsSXZ])\2*|([A-Za-z])|([^A-Za-z']+)/y

const partsOf = (pattern: string): Token[] | undefined => {
  const tokens: Token[] = []
  let at = 0
  while (at < pattern.length) {
    tokenText.lastIndex = at
    const found = tokenText.exec(pattern)
    if (!found) return undefined
    const [whole, quoted, part, letter, other] = found
    at += whole.length
    if (part) tokens.push({ part: part as Part, width: whole.length, literal: '' })
    else if (quoted !== undefined) tokens.push({ part: null, width: 0, literal: quoted.replaceAll("''", "'") || "'" })
    else if (letter === undefined || letter === 'T') tokens.push({ part: null, width: 0, literal: other ?? 'T' })
    else return undefined
  }
  return tokens
}

/** What dates can be read by: without a year there is none. */
const tokensOf = (pattern: string): Token[] | undefined => {
  const tokens = partsOf(pattern)
  const has = (part: Part) => tokens?.some((token) => token.part === part)
  return has('y') && (has('M') || !has('d')) ? tokens : undefined
}

/** Longest number of digits that a part takes. */
const widest = ({ part, width }: Token): number => (part === 'y' ? (width === 2 ? 2 : 4) : part === 'S' ? width : 2)

const offsetAt = /(?:Z|z|[+-]\d{2}(?::?\d{2})?)/y

const readPattern = (text: string, tokens: readonly Token[], zone: Zone): number => {
  const value: Record<Part, number> = { y: 1970, M: 1, d: 1, H: 0, m: 0, s: 0, S: 0, X: Number.NaN, Z: Number.NaN }
  let at = 0
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as Token
    if (token.part === null) {
      if (!text.startsWith(token.literal, at)) return Number.NaN
      at += token.literal.length
    } else if (token.part === 'X' || token.part === 'Z') {
      offsetAt.lastIndex = at
      const found = offsetAt.exec(text)?.[0]
      if (!found) return Number.NaN
      value.X = offsetOf(found)
      at += found.length
    } else {
      const from = at
      const longest = widest(token)
      while (at - from < longest && digit(text, at) >= 0) at++
      const packed = typeof tokens[i + 1]?.part === 'string'
      if (at === from || (packed && at - from < Math.min(token.width, longest))) return Number.NaN
      const digits = text.slice(from, at)
      if (token.part === 'S') value.S = Number(digits.padEnd(3, '0').slice(0, 3))
      else value[token.part] = Number(digits) + (token.part === 'y' && token.width === 2 ? 2000 : 0)
    }
  }
  if (at < text.length) return Number.NaN
  const wall = wallOf(value.y, value.M, value.d, value.H, value.m, value.s, value.S)
  return Number.isNaN(value.X) ? instantAt(wall, zone) : wall - value.X
}

const padded = (n: number, width: number): string => String(n).padStart(width, '0')

const writeOffset = (offset: number, colon: boolean): string => {
  const minutes = Math.round(Math.abs(offset) / 60_000)
  return `${offset < 0 ? '-' : '+'}${padded(Math.floor(minutes / 60), 2)}${colon ? ':' : ''}${padded(minutes % 60, 2)}`
}

const writePattern = (instant: number, tokens: readonly Token[], zone: Zone): string | undefined => {
  const offset = zone.offset(instant)
  const wall = instant + offset
  const days = Math.floor(wall / dayMs)
  const { year, month, day } = dateOf(days)
  if (year < 1 || year > 9999) return undefined
  const ms = wall - days * dayMs
  let text = ''
  for (const { part, width, literal } of tokens) {
    if (part === null) text += literal
    else if (part === 'y') text += width === 2 ? padded(year % 100, 2) : padded(year, 4)
    else if (part === 'M') text += padded(month, width)
    else if (part === 'd') text += padded(day, width)
    else if (part === 'H') text += padded(Math.floor(ms / 3_600_000), width)
    else if (part === 'm') text += padded(Math.floor(ms / 60_000) % 60, width)
    else if (part === 's') text += padded(Math.floor(ms / 1000) % 60, width)
    else if (part === 'S')
      text += padded(ms % 1000, 3)
        .padEnd(width, '0')
        .slice(0, width)
    else text += part === 'X' && offset === 0 ? 'Z' : writeOffset(offset, part === 'X' && width !== 2)
  }
  return text
}

const compile = (pattern: string): Token[] => tokensOf(pattern) as Token[]
const plain = { date: compile('yyyy-MM-dd'), datetime: compile('yyyy-MM-dd HH:mm:ss') }
const iso = { whole: compile('yyyy-MM-ddTHH:mm:ssXXX'), fine: compile('yyyy-MM-ddTHH:mm:ss.SSSXXX') }
const number = (instant: number): Json => new LosslessNumber(String(instant))

/**
 * Reader and writer for a field of that kind; undefined where the format is no pattern. Formats: `epochMillis`, `epochSeconds`, `iso` (with
 * the zone's offset; a date as yyyy-MM-dd), a pattern of `y M d H m s S X Z`, quoted text and signs; 年月日 may stand in it as they are.
 * Undeclared: written as `yyyy-MM-dd` or `yyyy-MM-dd HH:mm:ss`, or as epochMillis where the source had a number.
 */
export const momentsOf = (format: string | undefined, zone: Zone, kind: 'date' | 'datetime'): Moments | undefined => {
  const undeclared = (value: Json): number => readUndeclared(value, zone)
  switch (format) {
    case undefined:
      return {
        zone,
        read: undeclared,
        write: (instant, likeNumber) => (likeNumber ? number(instant) : writePattern(instant, plain[kind], zone)),
      }
    case 'iso':
      return {
        zone,
        read: undeclared,
        write: (instant) =>
          writePattern(instant, kind === 'date' ? plain.date : instant % 1000 === 0 ? iso.whole : iso.fine, zone),
      }
    case 'epochMillis':
    case 'epochSeconds': {
      const unit = format === 'epochMillis' ? 1 : 1000
      return {
        zone,
        read: (value) => {
          const instant = readEpoch(value, unit)
          return Number.isNaN(instant) ? undeclared(value) : instant
        },
        write: (instant) => number(Math.floor(instant / unit)),
      }
    }
    default: {
      const tokens = tokensOf(format)
      if (!tokens) return undefined
      return {
        zone,
        read: (value) => {
          const text = value instanceof LosslessNumber ? value.value : value
          const instant = typeof text === 'string' ? readPattern(text.trim(), tokens, zone) : Number.NaN
          return Number.isNaN(instant) ? undeclared(value) : instant
        },
        write: (instant) => writePattern(instant, tokens, zone),
      }
    }
  }
}

/** Writes a moment as any of the formats says, also one that only tells the time; undefined where it is none, or the year does not fit. */
export const writeMoment = (instant: number, format: string, zone: Zone): string | undefined => {
  if (isDateFormat(format)) {
    const written = momentsOf(format, zone, 'datetime')?.write(instant, false)
    return written instanceof LosslessNumber ? written.value : (written as string | undefined)
  }
  const tokens = partsOf(format)
  return tokens?.some((token) => token.part !== null) ? writePattern(instant, tokens, zone) : undefined
}

/** Is that a way to write dates, and not another use of `format` (`text`, `number`, `array`, `Y/N`)? */
export const isDateFormat = (format: string | undefined): boolean =>
  format === 'iso' ||
  format === 'epochMillis' ||
  format === 'epochSeconds' ||
  (format !== undefined && /y/.test(format) && tokensOf(format) !== undefined)
