/** How PostgreSQL's answers become JavaScript values: numbers stay exact, json stays the text it was, moments are epoch milliseconds. */
import { types } from 'pg'

type Parse = (text: string) => unknown

const asText: Parse = (text) => text
const asNumber: Parse = (text) => Number(text)
const asBool: Parse = (text) => text === 't'
const asBytes: Parse = (text) => Buffer.from(text.slice(2), 'hex')

const asSafeInteger = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`int8 ${text} does not fit a number: select it as text`)
  return value
}

const two = (text: string, from: number) => (text.charCodeAt(from) - 48) * 10 + text.charCodeAt(from + 1) - 48

/** `2024-01-02 03:04:05.678901+00` to epoch ms, microseconds cut off. Sessions run in UTC (pool.ts), so this is the only common form. */
const asEpochMs = (text: string): number => {
  const length = text.length
  if (length >= 22 && length <= 29 && text.charCodeAt(4) === 45 && text.endsWith('+00')) {
    const whole = Date.UTC(
      two(text, 0) * 100 + two(text, 2),
      two(text, 5) - 1,
      two(text, 8),
      two(text, 11),
      two(text, 14),
      two(text, 17),
    )
    // Date.UTC takes the years 0 to 99 for 1900 to 1999
    if (text.charCodeAt(0) !== 48 || text.charCodeAt(1) !== 48) {
      return length === 22 ? whole : whole + Math.floor(Number(`0${text.slice(19, -3)}`) * 1000 + 1e-6)
    }
  }
  if (text === 'infinity') return Infinity
  if (text === '-infinity') return -Infinity
  const parsed = /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?\+00( BC)?$/.exec(text)
  if (!parsed) throw new RangeError(`not a moment in UTC: ${text}`)
  const [, year, month, day, hour, minute, second, fraction = '', before] = parsed
  const moment = new Date(0)
  moment.setUTCFullYear(before ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day))
  moment.setUTCHours(Number(hour), Number(minute), Number(second), Number(fraction.padEnd(3, '0').slice(0, 3)))
  return moment.getTime()
}

const TEXT_ARRAY = 1009
const asTexts = types.getTypeParser(TEXT_ARRAY as never, 'text') as unknown as (text: string) => (string | null)[]
const asArrayOf =
  (parse: Parse): Parse =>
  (text) =>
    asTexts(text).map((item) => (item === null ? null : parse(item)))

// Everything not named here stays the text PostgreSQL sent: numeric, json and jsonb (a JSON.parse would turn their numbers
// into doubles), date and timestamp (the driver would read them in the machine's own zone), interval, uuid, void.
const parsers = new Map<number, Parse>([
  [16, asBool],
  [17, asBytes],
  [20, asSafeInteger],
  [21, asNumber],
  [23, asNumber],
  [26, asNumber],
  [700, asNumber],
  [701, asNumber],
  [1184, asEpochMs],
  [1000, asArrayOf(asBool)],
  [1001, asArrayOf(asBytes)],
  [1005, asArrayOf(asNumber)],
  [1007, asArrayOf(asNumber)],
  [1016, asArrayOf(asSafeInteger)],
  [1021, asArrayOf(asNumber)],
  [1022, asArrayOf(asNumber)],
  [1185, asArrayOf(asEpochMs)],
  [199, asTexts],
  [1003, asTexts],
  [1009, asTexts],
  [1015, asTexts],
  [1231, asTexts],
  [2951, asTexts],
  [3807, asTexts],
])

/** The `types` of every pool. */
export const rowTypes = { getTypeParser: (oid: number) => parsers.get(oid) ?? asText }
