/** A record's own modified time as it stands in a body, read as milliseconds since the epoch (convergence.md A1). Pure. */

const safe = (value: number): number | null => (Number.isSafeInteger(value) ? value : null)

const formats = new Map<string, Intl.DateTimeFormat | null>()
const formatOf = (zone: string): Intl.DateTimeFormat | null => {
  const known = formats.get(zone)
  if (known !== undefined) return known
  let made: Intl.DateTimeFormat | null = null
  try {
    made = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    made = null
  }
  if (formats.size > 100) formats.clear()
  formats.set(zone, made)
  return made
}

// Zones change their offset on quarter hours; asking Intl costs 4 µs, the map 0.02.
const quarter = 900_000
const offsets = new Map<string, Map<number, number>>()

/** Milliseconds that the zone is ahead of UTC at this instant. An unknown zone counts as UTC. */
export const offsetAt = (zone: string, at: number): number => {
  if (zone === 'UTC') return 0
  const key = Math.floor(at / quarter)
  let ofZone = offsets.get(zone)
  const known = ofZone?.get(key)
  if (known !== undefined) return known
  const format = formatOf(zone)
  if (format === null || !(Math.abs(at) <= 8.64e15)) return 0
  const floor = Math.floor(at / 1000) * 1000
  const part: Record<string, string> = {}
  for (const { type, value } of format.formatToParts(floor)) part[type] = value
  const year = part.era === 'BC' ? 1 - Number(part.year) : Number(part.year)
  const local = utc(
    year,
    Number(part.month),
    Number(part.day),
    Number(part.hour),
    Number(part.minute),
    Number(part.second),
    0,
  )
  const offset = local - floor
  if (ofZone === undefined) {
    if (offsets.size > 100) offsets.clear()
    offsets.set(zone, (ofZone = new Map()))
  }
  if (ofZone.size > 20_000) ofZone.clear()
  ofZone.set(key, offset)
  return offset
}

/** `Date.UTC` without its rule that years below 100 mean 19xx. */
const utc = (
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  ms: number,
): number => {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second, ms)
  return date.getTime()
}

const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const daysIn = (year: number, month: number): number =>
  month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : (lengths[month - 1] ?? 0)

/** A wall clock in a zone: of two instants the first is meant, and a time that the clock skipped counts by the offset before the jump. */
const local = (wall: number, zone: string): number => {
  const before = offsetAt(zone, wall - 86_400_000)
  const first = wall - before
  if (offsetAt(zone, first) === before) return first
  const second = wall - offsetAt(zone, first)
  return offsetAt(zone, second) === offsetAt(zone, first) ? second : first
}

interface Wall {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  ms: number
  /** Minutes ahead of UTC, where the text tells. */
  offset: number | null
}

const instant = (w: Wall, zone: string): number | null => {
  if (w.month < 1 || w.month > 12 || w.day < 1 || w.day > daysIn(w.year, w.month)) return null
  const midnight = w.hour === 24 && w.minute === 0 && w.second === 0 && w.ms === 0
  if ((w.hour > 23 && !midnight) || w.minute > 59 || w.second > 60) return null
  const wall = utc(w.year, w.month, w.day, w.hour, w.minute, w.second, w.ms)
  return safe(w.offset === null ? local(wall, zone) : wall - w.offset * 60_000)
}

const isoShape =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i

const zoneMinutes = (text: string | undefined): number | null => {
  if (text === undefined) return null
  if (text === 'Z' || text === 'z') return 0
  const digits = text.slice(1).replace(':', '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0)
  return text[0] === '-' ? -minutes : minutes
}

const iso = (text: string, zone: string): number | null => {
  const found = isoShape.exec(text)
  if (!found) return null
  return instant(
    {
      year: Number(found[1]),
      month: Number(found[2]),
      day: Number(found[3]),
      hour: Number(found[4] ?? 0),
      minute: Number(found[5] ?? 0),
      second: Number(found[6] ?? 0),
      ms: found[7] ? Number(found[7].padEnd(3, '0').slice(0, 3)) : 0,
      offset: zoneMinutes(found[8]),
    },
    zone,
  )
}

const letters = 'yMdHmsSXxZ'

/** Reads a text by a pattern of `yyyy MM dd HH mm ss SSS XXX`; a single letter takes one or more digits, quoted text stands for itself. */
const byPattern = (text: string, pattern: string, zone: string): number | null => {
  const w: Wall = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, ms: 0, offset: null }
  let at = 0
  for (let p = 0; p < pattern.length; ) {
    const letter = pattern[p] as string
    if (letter === "'") {
      const close = pattern.indexOf("'", p + 1)
      const literal = close < 0 ? pattern.slice(p + 1) : pattern.slice(p + 1, close) || "'"
      if (!text.startsWith(literal, at)) return null
      at += literal.length
      p = close < 0 ? pattern.length : close + 1
      continue
    }
    if (!letters.includes(letter)) {
      if (text[at] !== letter) return null
      at++
      p++
      continue
    }
    let width = 1
    while (pattern[p + width] === letter) width++
    p += width
    if (letter === 'X' || letter === 'x' || letter === 'Z') {
      const found = /^(?:Z|[+-]\d{2}(?::?\d{2})?)/.exec(text.slice(at, at + 6))
      if (!found) return null
      w.offset = zoneMinutes(found[0])
      at += found[0].length
      continue
    }
    let end = at
    const most = width === 1 ? 9 : width
    while (end < text.length && end - at < most && /\d/.test(text[end] as string)) end++
    if (end - at < (width === 1 ? 1 : width)) return null
    const digits = text.slice(at, end)
    const value = Number(digits)
    at = end
    if (letter === 'y') w.year = width === 2 ? 2000 + value : value
    else if (letter === 'M') w.month = value
    else if (letter === 'd') w.day = value
    else if (letter === 'H') w.hour = value
    else if (letter === 'm') w.minute = value
    else if (letter === 's') w.second = value
    else w.ms = Number(digits.padEnd(3, '0').slice(0, 3))
  }
  return at === text.length ? instant(w, zone) : null
}

const number = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/**
 * The instant (or change number) that a modified field names. `text` is the value's text; `format` the field's declared one (`epochMillis`,
 * `epochSeconds`, `iso`, or a pattern); `zone` the IANA zone of times without one. Undeclared: a number is taken as it is, anything else is
 * tried as ISO (`2024-05-06T07:08:09.123+08:00`, `2024-05-06 07:08:09`). Null when it cannot be read: the record is then ordered by arrival.
 */
export const sourceTime = (text: string, format: string | undefined, zone: string): number | null => {
  const trimmed = text.length > 64 ? '' : text.trim()
  if (trimmed === '') return null
  if (format === 'epochSeconds')
    return number.test(trimmed) ? safe(Math.floor(Math.round(Number(trimmed) * 1_000_000) / 1000)) : null
  if (format === 'epochMillis') return number.test(trimmed) ? safe(Math.floor(Number(trimmed))) : null
  if (format !== undefined && format !== 'iso') {
    const read = byPattern(trimmed, format, zone)
    if (read !== null) return read
  }
  return number.test(trimmed) ? safe(Math.floor(Number(trimmed))) : iso(trimmed, zone)
}

/** Does a value in this format tell instants finer than a second apart? (A2) */
export const isFine = (grain: string | undefined, format: string | undefined): boolean =>
  grain === undefined ? format === 'epochMillis' || (format?.includes('SSS') ?? false) : grain === 'millisecond'
