/** Instants as other systems write them: epoch numbers, ISO texts, and wall-clock texts in a zone. Pure. */
import type { Json, Millis } from '../../doc/document.ts'
import type { FieldDef } from '../../doc/object.ts'
import { textOf } from './body.ts'

const formats = new Map<string, Intl.DateTimeFormat>()
const offsets = new Map<string, Millis>()

const formatOf = (zone: string): Intl.DateTimeFormat => {
  let format = formats.get(zone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(zone, format)
  }
  return format
}

export const isZone = (zone: string): boolean => {
  try {
    formatOf(zone)
    return true
  } catch {
    return false
  }
}

/** What a zone's wall clock is ahead of UTC at an instant. Kept by quarter of an hour, the finest step any zone makes: Intl costs 5 µs. */
export const zoneOffset = (zone: string, instant: Millis): Millis => {
  const quarter = Math.floor(instant / 900_000)
  const key = `${zone}/${quarter}`
  const known = offsets.get(key)
  if (known !== undefined) return known
  const parts: Record<string, number> = {}
  for (const { type, value } of formatOf(zone).formatToParts(quarter * 900_000)) parts[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  const offset = Date.UTC(year, month - 1, day, hour, minute, second) - quarter * 900_000
  if (offsets.size > 10_000) offsets.clear()
  offsets.set(key, offset)
  return offset
}

/** The instant at which a zone's wall clock shows `wall` (given as if it were UTC); in an hour that comes twice, the first. */
export const fromWall = (wall: Millis, zone: string): Millis => {
  const before = wall - zoneOffset(zone, wall - 86_400_000)
  const after = wall - zoneOffset(zone, wall + 86_400_000)
  const first = Math.min(before, after)
  if (first + zoneOffset(zone, first) === wall) return first
  const second = Math.max(before, after)
  // A wall time that the zone skips is read with the offset before the jump.
  return second + zoneOffset(zone, second) === wall ? second : before
}

/** End of the calendar day of `instant` in a zone. */
export const dayEnd = (instant: Millis, zone: string): Millis => {
  const wall = instant + zoneOffset(zone, instant)
  const next = fromWall((Math.floor(wall / 86_400_000) + 1) * 86_400_000, zone)
  return next > instant ? next : instant + 3_600_000
}

const tokens = ['yyyy', 'MM', 'dd', 'HH', 'mm', 'ss', 'SSS'] as const
interface Pattern {
  regex: RegExp
  order: string[]
}
const patterns = new Map<string, Pattern>()

const patternOf = (format: string): Pattern => {
  let pattern = patterns.get(format)
  if (!pattern) {
    const order: string[] = []
    const source = format.replace(/yyyy|MM|dd|HH|mm|ss|SSS|[\s\S]/g, (part) => {
      if (!(tokens as readonly string[]).includes(part)) return part === "'" ? '' : part.replace(/[^\w\s]/, '\\$&')
      order.push(part)
      return `(\\d{${part.length}})`
    })
    pattern = { regex: new RegExp(`^${source}$`), order }
    patterns.set(format, pattern)
  }
  return pattern
}

const wallOf = (p: Record<string, number>): Millis | null => {
  const { yyyy = 1970, MM = 1, dd = 1, HH = 0, mm = 0, ss = 0, SSS = 0 } = p
  const wall = Date.UTC(yyyy, MM - 1, dd, HH, mm, ss, SSS)
  const read = new Date(wall)
  return read.getUTCMonth() === MM - 1 && read.getUTCDate() === dd && HH < 24 && mm < 60 && ss < 60 ? wall : null
}

const isoPattern =
  /^(\d{4})[-/](\d{2})[-/](\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/

const fromIso = (text: string, zone: string): Millis | null => {
  const m = isoPattern.exec(text)
  if (!m) return null
  const [, yyyy, MM, dd, HH, mm, ss, fraction, mark] = m
  const wall = wallOf({
    yyyy: Number(yyyy),
    MM: Number(MM),
    dd: Number(dd),
    HH: Number(HH ?? 0),
    mm: Number(mm ?? 0),
    ss: Number(ss ?? 0),
    SSS: Number((fraction ?? '').padEnd(3, '0').slice(0, 3)),
  })
  if (wall === null || !mark) return wall === null ? null : fromWall(wall, zone)
  if (mark === 'Z') return wall
  const minutes = Number(mark.slice(1, 3)) * 60 + Number(mark.slice(-2))
  return wall - (mark[0] === '-' ? -minutes : minutes) * 60_000
}

/**
 * A record's modified time, or its change number, as a number that orders its documents (A1); null where it tells none. Without a
 * declared format, digits are told apart by their count: 12-14 are milliseconds, 10 are seconds, others are a change number.
 */
export const instantOf = (
  value: Json | undefined,
  field: FieldDef | undefined,
  connectionZone: string,
): Millis | null => {
  const text = textOf(value)?.trim()
  if (!text) return null
  const zone = field?.zone ?? connectionZone
  const format = field?.format
  if (format && !['epochMillis', 'epochSeconds', 'iso'].includes(format)) {
    const { regex, order } = patternOf(format)
    const found = regex.exec(text)
    if (found) {
      const parts: Record<string, number> = {}
      for (const [i, name] of order.entries()) parts[name] = Number(found[i + 1])
      const wall = wallOf(parts)
      return wall === null ? null : fromWall(wall, zone)
    }
  }
  if (/^-?\d+(\.\d+)?$/.test(text)) {
    const number = Number(text)
    const seconds = format === 'epochSeconds' || (!format && /^\d{10}(\.\d+)?$/.test(text))
    const instant = Math.floor(seconds ? number * 1000 : number)
    return Number.isSafeInteger(instant) ? instant : null
  }
  return fromIso(text, zone)
}
