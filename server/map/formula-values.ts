/** What formulas compute with: JSON as it came, exact decimals, moments; and how each is read as number, text, yes or no, or date. */
import { Decimal } from 'decimal.js'
import { LosslessNumber } from 'lossless-json'
import type { Json } from '../doc/document.ts'
import { writeJson } from './content.ts'
import { readDecimal } from './decimal.ts'
import { quoted, stop } from './formula-words.ts'
import { momentsOf, writeMoment } from './moment.ts'
import { readBool } from './text.ts'
import type { Zone } from './zone.ts'

/** 60 digits, halves away from zero as both ends round amounts; never written with an exponent. */
export const Exactly = Decimal.clone({
  precision: 60,
  rounding: Decimal.ROUND_HALF_UP,
  toExpNeg: -9e15,
  toExpPos: 9e15,
})
export type Exactly = Decimal

/** A date (`day`: no time) or a date with time; `instant` in ms since the epoch, of a day its beginning in `zone`. */
export class Moment {
  readonly instant: number
  readonly day: boolean
  readonly zone: Zone
  constructor(instant: number, day: boolean, zone: Zone) {
    this.instant = instant
    this.day = day
    this.zone = zone
  }
}

/** Fields stay the JSON they are until something is computed with them, so that `1.10` passes an IF as `1.10`. */
export type Value = Json | Decimal | Moment | Value[]

export const longestText = 100_000
const largest = 500

export const isBlank = (value: Value): boolean =>
  value === null || value === '' || (Array.isArray(value) && value.length === 0)

/** Year first. */
const momentText = ({ instant, day, zone }: Moment): string | undefined =>
  writeMoment(instant, day ? 'yyyy-MM-dd' : 'yyyy-MM-dd HH:mm:ss', zone)

const shownAs = (value: Value): string => {
  if (typeof value === 'string') return quoted(value)
  if (value instanceof Decimal) return value.toString()
  if (value instanceof Moment) return momentText(value) ?? ''
  return quoted(writeJson(value as Json))
}

/** Keeps numbers within what a system could mean. */
export const bounded = (value: Decimal, at: number): Decimal => {
  if (!value.isFinite() || (!value.isZero() && Math.abs(value.e) > largest)) return stop('number.size', at)
  return value
}

const zero = new Exactly(0)
const one = new Exactly(1)

/** Blank counts as 0, yes as 1, as spreadsheets have it; text only where it is written as a number. */
export const numberOf = (value: Value, at: number): Decimal => {
  if (value instanceof Decimal) return value
  if (isBlank(value)) return zero
  if (value === true) return one
  if (value === false) return zero
  const text = value instanceof LosslessNumber ? value.value : typeof value === 'string' ? value : undefined
  const exact = text === undefined ? undefined : readDecimal(text)
  if (exact) {
    if (Math.abs(exact.exponent) > largest) return stop('number.size', at)
    return exact.digits ? new Exactly(`${exact.negative ? '-' : ''}${exact.digits}e${exact.exponent}`) : zero
  }
  if (typeof value === 'string' && value.trim() === '') return zero
  if (Array.isArray(value) && value.length === 1) return numberOf(value[0] as Value, at)
  return stop(Array.isArray(value) ? 'not.single' : 'not.number', at, shownAs(value))
}

/** A whole number in the given bounds, for places, lengths and counts. */
export const wholeOf = (value: Value, at: number, from: number, to: number): number => {
  const exact = numberOf(value, at)
  if (!exact.isInteger()) return stop('not.whole', at, exact.toString())
  if (exact.lt(from) || exact.gt(to)) return stop('range', at, exact.toString(), `${from}…${to}`)
  return exact.toNumber()
}

export const textValue = (value: Value, at: number): string => {
  if (typeof value === 'string') return value
  if (value === null) return ''
  if (value instanceof LosslessNumber) return value.value
  if (value instanceof Decimal) return value.toString()
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (value instanceof Moment) return momentText(value) ?? stop('range', at, String(value.instant), '0001…9999')
  if (Array.isArray(value)) return fitting(value.map((item) => textValue(item, at)).join(','), at)
  return stop('not.single', at, shownAs(value))
}

export const fitting = (text: string, at: number): string =>
  text.length > longestText ? stop('text.size', at, String(longestText)) : text

export const boolOf = (value: Value, at: number): boolean => {
  if (typeof value === 'boolean') return value
  if (isBlank(value)) return false
  if (value instanceof Decimal) return !value.isZero()
  if (value instanceof LosslessNumber) return !numberOf(value, at).isZero()
  const read = value instanceof Moment ? undefined : readBool(value as Json, undefined)
  return read ?? stop('not.bool', at, shownAs(value))
}

/** Null where there is none. What cannot be mistaken is read: year first, epoch numbers, and the pattern where one is given. */
export const momentOf = (value: Value, at: number, zone: Zone, pattern?: string): Moment | null => {
  if (value instanceof Moment) return value
  if (isBlank(value) || (typeof value === 'string' && value.trim() === '')) return null
  const raw: Json = value instanceof Decimal ? new LosslessNumber(value.toString()) : (value as Json)
  const moments = momentsOf(pattern, zone, 'datetime')
  if (!moments) return stop('pattern', at, quoted(pattern ?? ''))
  const instant = typeof raw === 'string' || raw instanceof LosslessNumber ? moments.read(raw) : Number.NaN
  if (Number.isNaN(instant)) return stop('not.date', at, shownAs(value))
  const day =
    typeof raw === 'string' &&
    (pattern === undefined ? raw.trim().length <= 10 && !/^\d{10}$/.test(raw.trim()) : !/[HmsS]/.test(pattern))
  return new Moment(instant, day, zone)
}

export const listOf = (value: Value): Value[] => (Array.isArray(value) ? value : isBlank(value) ? [] : [value])

const isNumeric = (value: Value): boolean => value instanceof Decimal || value instanceof LosslessNumber

/**
 * < 0, 0, > 0. Dates as instants where one is a date, numbers as decimals where one is a number (text that is no number then counts as
 * different and larger), everything else as text by code unit: case counts, since ids do.
 */
export const compareValues = (a: Value, b: Value, at: number): number => {
  if (a instanceof Moment || b instanceof Moment) {
    const zone = (a instanceof Moment ? a : (b as Moment)).zone
    const [left, right] = [momentOf(a, at, zone), momentOf(b, at, zone)]
    if (!left || !right) return left ? 1 : right ? -1 : 0
    return left.instant - right.instant
  }
  if (isBlank(a) && isBlank(b)) return 0
  if (isNumeric(a) || isNumeric(b)) {
    const readable = (value: Value) =>
      typeof value !== 'string' || value.trim() === '' || readDecimal(value) !== undefined
    if (!readable(a)) return 1
    if (!readable(b)) return -1
    return numberOf(a, at).cmp(numberOf(b, at))
  }
  if (typeof a === 'boolean' || typeof b === 'boolean') return Number(boolOf(a, at)) - Number(boolOf(b, at))
  const [left, right] = [textValue(a, at), textValue(b, at)]
  return left < right ? -1 : left > right ? 1 : 0
}

/** What a formula came to, as JSON for the target's conversion; a moment as text, where its target is no date. */
export const jsonOf = (value: Value, at: number): Json => {
  if (value instanceof Decimal) return new LosslessNumber(value.toString())
  if (value instanceof Moment) return textValue(value, at)
  if (Array.isArray(value)) return value.map((item) => jsonOf(item, at))
  return value as Json
}
