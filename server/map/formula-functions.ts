/** The functions of formulas: what each takes and computes. Pure, on values that are already computed; docs/formulas.md shows every one. */
import { createHash } from 'node:crypto'
import type { Decimal } from 'decimal.js'
import { LosslessNumber } from 'lossless-json'
import { readDecimal } from './decimal.ts'
import {
  boolOf,
  bounded,
  compareValues,
  Exactly,
  fitting,
  isBlank,
  listOf,
  longestText,
  Moment,
  momentOf,
  numberOf,
  textValue,
  type Value,
  wholeOf,
} from './formula-values.ts'
import { quoted, stop } from './formula-words.ts'
import { dayOf, isDateFormat, writeMoment } from './moment.ts'
import { dayMs, type Zone, zoneOf } from './zone.ts'

/** What a function may know besides its arguments. */
export interface Around {
  /** Where the call stands in the text. */
  at: number
  zone: Zone
  now: number
  /** Names this record, this row and this field: the seed of UUID. */
  seed: string
  spend(steps: number): void
}

/** Fewest and most arguments; `compute` gets them computed, in order. */
export interface Computed {
  least: number
  most: number
  compute(args: readonly Value[], around: Around): Value
}

const many = 250
const of = (least: number, most: number, compute: Computed['compute']): Computed => ({ least, most, compute })
const at = (args: readonly Value[], i: number): Value => args[i] ?? null

const number1 = (compute: (value: Decimal, at: number) => Decimal): Computed =>
  of(1, 1, (args, { at: here }) => bounded(compute(numberOf(at(args, 0), here), here), here))
const text1 = (compute: (text: string) => string): Computed =>
  of(1, 1, (args, { at: here, spend }) => {
    const text = textValue(at(args, 0), here)
    spend(text.length / 100)
    return fitting(compute(text), here)
  })

/** Every value of the arguments, lists taken apart. */
const all = (args: readonly Value[]): Value[] => args.flatMap(listOf)
const filled = (args: readonly Value[]): Value[] => all(args).filter((value) => !isBlank(value))

const characters = (text: string): string[] => [...text]

const rounded = (mode: Decimal.Rounding): Computed =>
  of(1, 2, (args, { at: here }) => {
    const places = wholeOf(at(args, 1), here, -100, 100)
    const value = numberOf(at(args, 0), here)
    if (places >= 0) return value.toDecimalPlaces(places, mode)
    const unit = new Exactly(10).pow(-places)
    return bounded(value.div(unit).toDecimalPlaces(0, mode).times(unit), here)
  })

const stepped = (mode: Decimal.Rounding): Computed =>
  of(1, 2, (args, { at: here }) => {
    const step = args.length > 1 ? numberOf(at(args, 1), here) : new Exactly(1)
    if (step.isZero()) return stop('zero', here)
    return bounded(numberOf(at(args, 0), here).div(step).toDecimalPlaces(0, mode).times(step), here)
  })

const extreme = (sign: 1 | -1): Computed =>
  of(1, many, (args, { at: here, spend }) => {
    const values = filled(args)
    spend(values.length)
    const dates = values.find((value) => value instanceof Moment)
    let best: Value = null
    for (const value of values) {
      const next = dates ? momentOf(value, here, dates.zone) : numberOf(value, here)
      if (best === null || compareValues(next, best, here) * sign > 0) best = next
    }
    return best
  })

const total = (args: readonly Value[], here: number): Decimal => {
  let sum = new Exactly(0)
  for (const value of all(args)) sum = sum.plus(numberOf(value, here))
  return bounded(sum, here)
}

// ── dates ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const units = ['year', 'month', 'week', 'day', 'hour', 'minute', 'second'] as const
type Unit = (typeof units)[number]
const unitMs: Partial<Record<Unit, number>> = { hour: 3_600_000, minute: 60_000, second: 1_000 }

const unitOf = (value: Value, here: number): Unit => {
  const text = textValue(value, here).trim().toLowerCase()
  const found = units.find((unit) => text === unit || text === `${unit}s`)
  return found ?? stop('unit', here, quoted(text))
}

/** The clock there, counted as if it were UTC. */
const wallOf = ({ instant, zone }: Moment): number => instant + zone.offset(instant)

const utcOf = (year: number, month: number, day: number): number => {
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  return date.getTime()
}

const inYears = (instant: number, here: number): number =>
  Number.isFinite(instant) && instant > -62_135_596_800_000 - dayMs && instant < 253_402_300_800_000 + dayMs
    ? instant
    : stop('range', here, String(instant), '0001…9999')

/** The 31st of a shorter month is its last day. */
const plusMonths = (wall: number, months: number): number => {
  const date = new Date(wall)
  const time = wall - utcOf(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate())
  const first = utcOf(date.getUTCFullYear(), date.getUTCMonth() + months, 1)
  const target = new Date(first)
  const last = new Date(utcOf(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate()
  return first + (Math.min(date.getUTCDate(), last) - 1) * dayMs + time
}

const dateAdd = of(2, 3, (args, { at: here, zone }) => {
  const moment = momentOf(at(args, 0), here, zone)
  if (!moment) return null
  const unit = args.length > 2 ? unitOf(at(args, 2), here) : 'day'
  const count = wholeOf(at(args, 1), here, -1e12, 1e12)
  const ms = unitMs[unit]
  if (ms !== undefined) return new Moment(inYears(moment.instant + count * ms, here), false, moment.zone)
  const wall = wallOf(moment)
  const months = unit === 'year' ? count * 12 : unit === 'month' ? count : 0
  if (Math.abs(months) > 200_000) return stop('range', here, String(count), '±9999')
  const moved = months
    ? plusMonths(wall, months)
    : wall + count * (unit === 'week' ? 7 : unit === 'day' ? 1 : 0) * dayMs
  return new Moment(moment.zone.instant(inYears(moved, here)), moment.day, moment.zone)
})

/** Whole units between, as a calendar counts them: months from the 31st to the 30th are one less. */
const dateDiff = of(2, 3, (args, { at: here, zone }) => {
  const [from, to] = [momentOf(at(args, 0), here, zone), momentOf(at(args, 1), here, zone)]
  if (!from || !to) return null
  const unit = args.length > 2 ? unitOf(at(args, 2), here) : 'day'
  const ms = unitMs[unit]
  if (ms !== undefined) return new Exactly(Math.trunc((to.instant - from.instant) / ms))
  const [a, b] = [wallOf(from), wallOf(to)]
  if (unit === 'day' || unit === 'week') {
    const days = Math.floor(b / dayMs) - Math.floor(a / dayMs)
    return new Exactly(Math.trunc(days / (unit === 'week' ? 7 : 1)))
  }
  const [x, y] = [new Date(a), new Date(b)]
  let months = (y.getUTCFullYear() - x.getUTCFullYear()) * 12 + y.getUTCMonth() - x.getUTCMonth()
  if (months > 0 && plusMonths(a, months) > b) months--
  if (months < 0 && plusMonths(a, months) < b) months++
  return new Exactly(Math.trunc(months / (unit === 'year' ? 12 : 1)))
})

const part = (pick: (wall: Date) => number): Computed =>
  of(1, 1, (args, { at: here, zone }) => {
    const moment = momentOf(at(args, 0), here, zone)
    return moment && new Exactly(pick(new Date(wallOf(moment))))
  })

const zoneAt = (value: Value, here: number, fallback: Zone): Zone => {
  if (isBlank(value)) return fallback
  const name = textValue(value, here)
  return zoneOf(name) ?? stop('zone', here, quoted(name))
}

const formatDate = (value: Value, pattern: string, here: number, zone: Zone, shown: Zone): Value => {
  const moment = momentOf(value, here, zone)
  if (!moment) return null
  // A day has no time that another zone could move.
  return (
    writeMoment(moment.instant, pattern, moment.day ? moment.zone : shown) ?? stop('pattern', here, quoted(pattern))
  )
}

/** `0.00`, `#,##0.00`, `00000`: zeros are digits that are always written, a comma groups thousands, `%` counts in hundreds. */
const formatNumber = (value: Value, pattern: string, here: number): string => {
  const [, before = '', whole = '', fraction = '', after = ''] =
    /^([^#0.,]*)([#,]*[0,]*)(?:\.([0#]*))?([^#0.,]*)$/.exec(pattern) ?? []
  if (!whole && !fraction) return stop('pattern', here, quoted(pattern))
  const percent = before.includes('%') || after.includes('%')
  const exact = percent ? numberOf(value, here).times(100) : numberOf(value, here)
  const shown = exact.abs().toDecimalPlaces(fraction.length)
  let [digits = '0', decimals = ''] = shown.toFixed(fraction.length).split('.')
  const kept = fraction.lastIndexOf('0') + 1
  while (decimals.length > kept && decimals.endsWith('0')) decimals = decimals.slice(0, -1)
  digits = digits.padStart(whole.replaceAll(/[^0]/g, '').length, '0')
  if (whole.includes(',')) digits = digits.replaceAll(/\B(?=(\d{3})+$)/g, ',')
  const sign = exact.isNegative() && !shown.isZero() ? '-' : ''
  return `${sign}${before}${digits}${decimals && `.${decimals}`}${after}`
}

/** Version 8 (RFC 9562): made of a digest, and so the same for the same record each time. */
const uuidOf = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const replaceIn = of(3, 3, (args, { at: here, spend }) => {
  const text = textValue(at(args, 0), here)
  const old = textValue(at(args, 1), here)
  const fresh = textValue(at(args, 2), here)
  if (old === '') return text
  const parts = text.split(old)
  spend(text.length / 100 + parts.length)
  if (text.length + (parts.length - 1) * (fresh.length - old.length) > longestText)
    return stop('text.size', here, String(longestText))
  return parts.join(fresh)
})

const padded = (left: boolean): Computed =>
  of(2, 3, (args, { at: here }) => {
    const text = textValue(at(args, 0), here)
    const length = wholeOf(at(args, 1), here, 0, 10_000)
    const fill = args.length > 2 ? textValue(at(args, 2), here) : left ? '0' : ' '
    return left ? text.padStart(length, fill || ' ') : text.padEnd(length, fill || ' ')
  })

const searching = (found: (text: string, needle: string) => boolean): Computed =>
  of(2, 2, (args, { at: here, spend }) => {
    const value = at(args, 0)
    if (Array.isArray(value)) return value.some((item) => compareValues(item, at(args, 1), here) === 0)
    const text = textValue(value, here)
    spend(text.length / 100)
    return found(text, textValue(at(args, 1), here))
  })

/** At most so many bytes of UTF-8, never half a character: fields of ERPs count bytes. */
const leftBytes = (text: string, bytes: number): string => {
  let used = 0
  let out = ''
  for (const char of text) {
    used += Buffer.byteLength(char)
    if (used > bytes) break
    out += char
  }
  return out
}

/** Ｆｕｌｌ width to half width, and the wide space. */
const halfWidth = (text: string): string =>
  text
    .replaceAll(/[\uff01-\uff5e]/g, (char) => String.fromCharCode(char.charCodeAt(0) - 0xfee0))
    .replaceAll('\u3000', ' ')

const algorithms = new Set(['md5', 'sha1', 'sha256'])

// oxlint-disable-next-line no-control-regex
const invisible = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202f\u2060\ufeff]/g

export const functions: Readonly<Record<string, Computed>> = {
  NOT: of(1, 1, (args, { at: here }) => !boolOf(at(args, 0), here)),
  XOR: of(1, many, (args, { at: here }) => args.filter((value) => boolOf(value, here)).length % 2 === 1),
  ISBLANK: of(1, 1, (args) => isBlank(at(args, 0))),
  ISNUMBER: of(1, 1, (args) => {
    const value = at(args, 0)
    if (value instanceof LosslessNumber || value instanceof Exactly) return true
    return typeof value === 'string' && readDecimal(value) !== undefined
  }),
  ISDATE: of(1, 2, (args, { zone, at: here }) => {
    const value = at(args, 0)
    if (isBlank(value)) return false
    try {
      return momentOf(value, here, zone, args.length > 1 ? textValue(at(args, 1), here) : undefined) !== null
    } catch {
      return false
    }
  }),
  IN: of(2, many, (args, { at: here, spend }) => {
    const list = all(args.slice(1))
    spend(list.length)
    return list.some((item) => compareValues(at(args, 0), item, here) === 0)
  }),

  CONCAT: of(1, many, (args, { at: here, spend }) => {
    let out = ''
    for (const value of all(args)) out = fitting(out + textValue(value, here), here)
    spend(out.length / 100)
    return out
  }),
  LEFT: of(1, 2, (args, { at: here }) => {
    const count = args.length > 1 ? wholeOf(at(args, 1), here, 0, longestText) : 1
    return characters(textValue(at(args, 0), here))
      .slice(0, count)
      .join('')
  }),
  RIGHT: of(1, 2, (args, { at: here }) => {
    const count = args.length > 1 ? wholeOf(at(args, 1), here, 0, longestText) : 1
    return count === 0
      ? ''
      : characters(textValue(at(args, 0), here))
          .slice(-count)
          .join('')
  }),
  MID: of(2, 3, (args, { at: here }) => {
    const from = wholeOf(at(args, 1), here, 1, longestText)
    const count = args.length > 2 ? wholeOf(at(args, 2), here, 0, longestText) : longestText
    return characters(textValue(at(args, 0), here))
      .slice(from - 1, from - 1 + count)
      .join('')
  }),
  LEFTB: of(2, 2, (args, { at: here }) =>
    leftBytes(textValue(at(args, 0), here), wholeOf(at(args, 1), here, 0, longestText)),
  ),
  LEN: of(1, 1, (args, { at: here }) => new Exactly(characters(textValue(at(args, 0), here)).length)),
  LENB: of(1, 1, (args, { at: here }) => new Exactly(Buffer.byteLength(textValue(at(args, 0), here)))),
  TRIM: text1((text) => text.trim().replaceAll(/ {2,}/g, ' ')),
  CLEAN: text1((text) => text.replaceAll(invisible, '')),
  UPPER: text1((text) => text.toUpperCase()),
  LOWER: text1((text) => text.toLowerCase()),
  HALFWIDTH: text1(halfWidth),
  DIGITS: text1((text) => halfWidth(text).replaceAll(/\D/g, '')),
  REPLACE: replaceIn,
  SUBSTITUTE: replaceIn,
  SPLIT: of(2, 3, (args, { at: here, spend }) => {
    const separator = textValue(at(args, 1), here)
    const text = textValue(at(args, 0), here)
    const parts = text === '' ? [] : separator === '' ? characters(text) : text.split(separator)
    spend(parts.length + text.length / 100)
    if (args.length < 3) return parts
    const index = wholeOf(at(args, 2), here, -10_000, 10_000)
    return (index < 0 ? parts.at(index) : parts[index - 1]) ?? null
  }),
  FIND: of(2, 3, (args, { at: here }) => {
    const from = args.length > 2 ? wholeOf(at(args, 2), here, 1, longestText) : 1
    const text = textValue(at(args, 1), here)
    const start = characters(text)
      .slice(0, from - 1)
      .join('').length
    const found = text.indexOf(textValue(at(args, 0), here), start)
    return new Exactly(found < 0 ? 0 : characters(text.slice(0, found)).length + 1)
  }),
  CONTAINS: searching((text, needle) => text.includes(needle)),
  STARTSWITH: searching((text, needle) => text.startsWith(needle)),
  ENDSWITH: searching((text, needle) => text.endsWith(needle)),
  PADLEFT: padded(true),
  PADRIGHT: padded(false),
  REPT: of(2, 2, (args, { at: here, spend }) => {
    const text = textValue(at(args, 0), here)
    const count = wholeOf(at(args, 1), here, 0, longestText)
    if (text.length * count > longestText) return stop('text.size', here, String(longestText))
    spend((text.length * count) / 100)
    return text.repeat(count)
  }),

  ROUND: rounded(Exactly.ROUND_HALF_UP),
  ROUNDUP: rounded(Exactly.ROUND_UP),
  ROUNDDOWN: rounded(Exactly.ROUND_DOWN),
  CEILING: stepped(Exactly.ROUND_CEIL),
  FLOOR: stepped(Exactly.ROUND_FLOOR),
  INT: number1((value) => value.floor()),
  ABS: number1((value) => value.abs()),
  SIGN: number1((value) => new Exactly(value.isZero() ? 0 : value.isNegative() ? -1 : 1)),
  SQRT: number1((value, here) => (value.isNegative() && !value.isZero() ? stop('root', here) : value.sqrt())),
  MOD: of(2, 2, (args, { at: here }) => {
    const by = numberOf(at(args, 1), here)
    if (by.isZero()) return stop('zero', here)
    const value = numberOf(at(args, 0), here)
    // The remainder has the divisor's sign, as in a spreadsheet.
    return value.minus(by.times(value.div(by).floor()))
  }),
  NUMBER: of(1, 2, (args, { at: here }) => {
    const value = at(args, 0)
    if (isBlank(value)) return args.length > 1 ? at(args, 1) : null
    if (args.length > 1 && typeof value === 'string' && !readDecimal(value)) return at(args, 1)
    return value instanceof LosslessNumber ? value : numberOf(value, here)
  }),
  MIN: extreme(-1),
  MAX: extreme(1),

  DATE: of(3, 3, (args, { at: here, zone }) => {
    const year = wholeOf(at(args, 0), here, 1, 9999)
    const month = wholeOf(at(args, 1), here, -1200, 1200)
    const day = wholeOf(at(args, 2), here, -100_000, 100_000)
    return new Moment(zone.instant(inYears(utcOf(year, month - 1, day), here)), true, zone)
  }),
  TODAY: of(0, 0, (_, { now, zone }) => new Moment(zone.instant(dayOf(now, zone)), true, zone)),
  NOW: of(0, 0, (_, { now, zone }) => new Moment(Math.floor(now / 1000) * 1000, false, zone)),
  DATEADD: dateAdd,
  DATEDIFF: dateDiff,
  FORMATDATE: of(2, 3, (args, { at: here, zone }) =>
    formatDate(at(args, 0), textValue(at(args, 1), here), here, zone, zoneAt(at(args, 2), here, zone)),
  ),
  PARSEDATE: of(1, 3, (args, { at: here, zone }) => {
    const pattern = isBlank(at(args, 1)) ? undefined : textValue(at(args, 1), here)
    return momentOf(at(args, 0), here, zoneAt(at(args, 2), here, zone), pattern)
  }),
  EOMONTH: of(1, 2, (args, { at: here, zone }) => {
    const moment = momentOf(at(args, 0), here, zone)
    if (!moment) return null
    const wall = new Date(wallOf(moment))
    const months = wholeOf(at(args, 1), here, -10_000, 10_000)
    const last = utcOf(wall.getUTCFullYear(), wall.getUTCMonth() + months + 1, 0)
    return new Moment(moment.zone.instant(inYears(last, here)), true, moment.zone)
  }),
  YEAR: part((wall) => wall.getUTCFullYear()),
  MONTH: part((wall) => wall.getUTCMonth() + 1),
  DAY: part((wall) => wall.getUTCDate()),
  HOUR: part((wall) => wall.getUTCHours()),
  MINUTE: part((wall) => wall.getUTCMinutes()),
  SECOND: part((wall) => wall.getUTCSeconds()),
  WEEKDAY: part((wall) => ((wall.getUTCDay() + 6) % 7) + 1),

  TEXT: of(1, 2, (args, { at: here, zone }) => {
    const value = at(args, 0)
    if (args.length < 2) return textValue(value, here)
    if (isBlank(value)) return ''
    const pattern = textValue(at(args, 1), here)
    return value instanceof Moment || isDateFormat(pattern)
      ? formatDate(value, pattern, here, zone, zone)
      : formatNumber(value, pattern, here)
  }),
  UUID: of(0, many, (args, { at: here, seed, spend }) => {
    const parts = args.map((value) => textValue(value, here))
    spend(20)
    return uuidOf(parts.length ? JSON.stringify(parts) : seed)
  }),
  HASH: of(1, 2, (args, { at: here, spend }) => {
    const algorithm = args.length > 1 ? textValue(at(args, 1), here).toLowerCase() : 'sha256'
    if (!algorithms.has(algorithm)) return stop('algorithm', here, quoted(algorithm))
    const text = textValue(at(args, 0), here)
    spend(20 + text.length / 100)
    return createHash(algorithm).update(text).digest('hex')
  }),
  ITEM: of(2, 2, (args, { at: here }) => {
    const index = wholeOf(at(args, 1), here, -10_000, 10_000)
    const list = listOf(at(args, 0))
    return (index < 0 ? list.at(index) : list[index - 1]) ?? null
  }),
}

/** Functions over the rows of a detail, and over lists: they get one value for each row. */
export const aggregates: Readonly<Record<string, Computed>> = {
  SUM: of(1, many, (args, { at: here }) => total(args, here)),
  AVERAGE: of(1, many, (args, { at: here }) => {
    const values = filled(args)
    return values.length ? total(values, here).div(values.length) : null
  }),
  COUNT: of(1, many, (args) => new Exactly(filled(args).length)),
  COUNTIF: of(1, 1, (args, { at: here }) => new Exactly(all(args).filter((value) => boolOf(value, here)).length)),
  JOIN: of(1, 2, (args, { at: here }) => {
    const separator = args.length > 1 ? textValue(at(args, 1), here) : ','
    return fitting(
      filled([at(args, 0)])
        .map((value) => textValue(value, here))
        .join(separator),
      here,
    )
  }),
  UNIQUE: of(1, 1, (args, { at: here }) => {
    const seen = new Map<string, Value>()
    for (const value of filled(args)) {
      const key = textValue(value, here)
      if (!seen.has(key)) seen.set(key, value)
    }
    return [...seen.values()]
  }),
  FIRST: of(1, 1, (args) => filled(args)[0] ?? null),
  LAST: of(1, 1, (args) => filled(args).at(-1) ?? null),
  MIN: functions.MIN as Computed,
  MAX: functions.MAX as Computed,
}
