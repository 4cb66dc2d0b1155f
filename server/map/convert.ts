/**
 * From one system's way to write a value to the other's: the source field's type decides the reading, the target field's the writing.
 *
 * What `format` of a target field may say beside dates: `number` and `text` fix the JSON kind of numbers, options and ids; `array` wraps
 * what may be a list; `Y/N` (any two words) writes a bool; any other text is the separator of a list. Undeclared: decimals, options,
 * people and lists keep the JSON kind of the source (`"1.10"` stays text, `1.10` stays a number), text and references become text, bools
 * true/false.
 */
import { LosslessNumber } from 'lossless-json'
import type { Json } from '../doc/document.ts'
import type { FaultCode } from '../doc/fault.ts'
import type { FieldDef } from '../doc/object.ts'
import { numberToken, readDecimal, wholeText } from './decimal.ts'
import { dayOf, isDateFormat, type Moments } from './moment.ts'
import { isNumber, momentsAt, type Place } from './place.ts'
import { boolWords, itemsOf, listTypes, readBool, textOf } from './text.ts'

/** Notes a fault of the value at hand. */
export interface Refuse {
  (code: FaultCode, value: Json, expected: string): undefined
  /** An option that is not listed, and that the rule keeps, empties or replaces: counted, no fault. */
  unmapped?: (value: Json) => void
}
/** Never sees absent, null or "". Undefined: refused, and said so. Null: the value turned out to be none. */
export type Convert = (value: Json, refuse: Refuse) => Json | undefined

/** A rule's option map, keys as text so that 1 and "1" meet. */
export interface Options {
  map: ReadonlyMap<string, string>
  unmapped: 'park' | 'keep' | 'empty' | 'default'
  /** Already in the target's words. */
  fallback: Json | undefined
}

const isBlank = (value: Json): boolean => typeof value === 'string' && value.trim() === ''

/** UTF-8 bytes, counted only where the number of characters leaves it open. */
const fitsInto = (text: string, bytes: number): boolean =>
  text.length * 3 <= bytes || (text.length <= bytes && Buffer.byteLength(text) <= bytes)

const limited = (def: FieldDef | null, convert: Convert): Convert => {
  const bytes = def?.length
  if (bytes === undefined) return convert
  return (value, refuse) => {
    const out = convert(value, refuse)
    if (typeof out === 'string' && !fitsInto(out, bytes)) return refuse('map.length', out, `${bytes} bytes`)
    return out
  }
}

const toText: Convert = (value, refuse) => {
  if (typeof value === 'string') return value
  const text = textOf(value)
  if (text !== undefined) return text
  if (Array.isArray(value) && !value.length) return null
  const items = itemsOf(value, null)
  return items ? items.map(textOf).join(',') : refuse('map.type', value, 'text')
}

const toDecimal = (format: string | undefined): Convert => {
  return (value, refuse) => {
    if (isNumber(value)) return format === 'text' ? value.value : value
    if (isBlank(value)) return null
    const text = typeof value === 'boolean' ? (value ? '1' : '0') : textOf(value)
    if (text === undefined || !readDecimal(text)) return refuse('map.type', value, 'a decimal number')
    if (format === 'number' || typeof value === 'boolean') return new LosslessNumber(numberToken(text))
    return text.trim()
  }
}

const toInteger = (format: string | undefined): Convert => {
  return (value, refuse) => {
    if (isBlank(value)) return null
    const text = typeof value === 'boolean' ? (value ? '1' : '0') : textOf(value)
    const exact = text === undefined ? undefined : readDecimal(text)
    const whole = exact && wholeText(exact)
    if (text === undefined || whole === undefined) return refuse('map.type', value, 'a whole number')
    const asText = format === 'text' || (format !== 'number' && typeof value === 'string')
    // Digits stay as they came where they are nothing but digits: a "007" of text is still "007".
    if (asText) return /^\s*[+-]?\d+\s*$/.test(text) ? text.trim() : whole
    return isNumber(value) && !/[.eE]/.test(text) ? value : new LosslessNumber(whole)
  }
}

const toBool = (source: FieldDef | null, format: string | undefined): Convert => {
  const words = boolWords(format) ?? (format === 'text' ? ['true', 'false'] : undefined)
  const reading = source?.type === 'bool' ? source.format : format
  return (value, refuse) => {
    if (isBlank(value)) return null
    const found = readBool(value, reading)
    if (found === undefined) return refuse('map.type', value, 'yes or no')
    if (words) return (found ? words[0] : words[1]) as string
    return format === 'number' ? new LosslessNumber(found ? '1' : '0') : found
  }
}

/** Reads in the source's zone, writes in the target's. A date has no time: it stays the same day whatever the zones are. */
const toMoment = (source: Place | null, target: Place, kind: 'date' | 'datetime'): Convert | string => {
  const to = momentsAt(target, kind)
  const from: Moments | string = source ? momentsAt(source, kind) : to
  if (typeof to === 'string') return to
  if (typeof from === 'string') return from
  const daily = source?.def?.type === 'date'
  // A moment falls on the target's day; what is undeclared at the source was meant where it was written.
  const dayZone = source?.def?.type === 'datetime' ? to.zone : from.zone
  const expected = kind === 'date' ? 'a date' : 'a date and time'
  return (value, refuse) => {
    if (isBlank(value)) return null
    const instant = from.read(value)
    if (Number.isNaN(instant)) return refuse('map.type', value, expected)
    const day = daily || kind === 'date'
    const moved = day ? to.zone.instant(dayOf(instant, daily ? from.zone : dayZone)) : instant
    return to.write(moved, isNumber(value)) ?? refuse('map.type', value, expected)
  }
}

/** One option, person, … in the kind that `format` asks for. */
const scalarOf = (value: Json, format: string | undefined, refuse: Refuse): Json | undefined => {
  if (format === 'number') {
    if (isNumber(value)) return value
    const text = textOf(value)
    return text !== undefined && readDecimal(text)
      ? new LosslessNumber(numberToken(text))
      : refuse('map.type', value, 'a number')
  }
  return isNumber(value) && format !== 'text' ? value : (textOf(value) ?? refuse('map.type', value, 'a single value'))
}

const toSelect = (format: string | undefined): Convert => {
  return (value, refuse) => {
    if (Array.isArray(value) && value.length !== 1) {
      return value.length ? refuse('map.type', value, 'one option') : null
    }
    const scalar = scalarOf(Array.isArray(value) ? (value[0] as Json) : value, format, refuse)
    return format === 'array' && scalar !== undefined ? [scalar] : scalar
  }
}

const toReference = (format: string | undefined): Convert => {
  return (value, refuse) => {
    const text = textOf(value)
    if (text === undefined) {
      return Array.isArray(value) && !value.length ? null : refuse('map.type', value, 'the id of one record')
    }
    if (format === 'number') return scalarOf(text, 'number', refuse)
    return format === 'array' ? [text] : text
  }
}

const toList = (source: FieldDef | null, target: FieldDef, choose: Choose | null): Convert => {
  const { format } = target
  const from = listTypes.separator(source)
  const joined = format !== undefined && format !== 'array' && format !== 'number'
  const separator = listTypes.separator(target) ?? ','
  return (value, refuse) => {
    const items = itemsOf(value, from)
    if (!items) return refuse('map.type', value, 'a list of single values')
    const out: Json[] = []
    for (const item of items) {
      const chosen = choose ? choose(item, refuse) : item
      if (chosen === undefined) return undefined
      if (chosen === null) continue
      const scalar = scalarOf(chosen, format === 'number' ? 'number' : undefined, refuse)
      if (scalar === undefined) return undefined
      out.push(scalar)
    }
    if (joined) return out.map(textOf).join(separator)
    if (Array.isArray(value) || format === 'array' || (target.type === 'multiselect' && from === null)) return out
    return out.length === 1 ? (out[0] as Json) : out.map(textOf).join(separator)
  }
}

type Choose = (value: Json, refuse: Refuse) => Json | undefined

const chooser = ({ map, unmapped, fallback }: Options): Choose => {
  return (value, refuse) => {
    const text = textOf(value)
    const found = text === undefined ? undefined : map.get(text)
    if (found !== undefined) return found
    if (unmapped === 'park') return refuse('map.option', value, 'a mapped option')
    refuse.unmapped?.(value)
    if (unmapped === 'keep') return value
    return unmapped === 'default' ? (fallback ?? null) : null
  }
}

const plain = (source: Place | null, target: Place): Convert | string => {
  const { def } = target
  switch (def?.type) {
    case 'text': {
      if (def.format === 'number') return toDecimal('number')
      const isDate = source?.def?.type === 'date' || source?.def?.type === 'datetime'
      if (isDate && isDateFormat(def.format)) return toMoment(source, target, source.def?.type as 'date' | 'datetime')
      return limited(def, toText)
    }
    case 'decimal':
      return toDecimal(def.format)
    case 'integer':
      return toInteger(def.format)
    case 'bool':
      return toBool(source?.def ?? null, def.format)
    case 'date':
    case 'datetime':
      return toMoment(source, target, def.type)
    case 'select':
      return limited(def, toSelect(def.format))
    case 'reference':
      return limited(def, toReference(def.format))
    case 'multiselect':
    case 'person':
    case 'department':
      return limited(def, toList(source?.def ?? null, def, null))
    case 'attachment':
    case undefined:
      return (value) => value
  }
}

/** Compiles the way from one field to another; `source` null for ids and fixed values. A sentence where a declaration does not hold. */
export const converter = (source: Place | null, target: Place, options: Options | null): Convert | string => {
  if (!options) return plain(source, target)
  const choose = chooser(options)
  const { def } = target
  if (def && listTypes.has(def)) return limited(def, toList(source?.def ?? null, def, choose))
  // A mapped option is in the target's words already; one that is kept is read as the source's.
  const mapped = plain(null, target)
  const kept = plain(source, target)
  if (typeof mapped === 'string') return mapped
  if (typeof kept === 'string') return kept
  return (value, refuse) => {
    const chosen = choose(value, refuse)
    if (chosen === undefined || chosen === null || chosen === options.fallback) return chosen
    return (chosen === value ? kept : mapped)(chosen, refuse)
  }
}

/** A configured constant as JSON. */
export const constant = (value: string | number | boolean | null): Json =>
  typeof value === 'number' ? new LosslessNumber(String(value)) : value

/** How a value that the source cleared is sent: as it came, but null where the target has a number, a bool or an instant. */
export const clearing = ({ def }: Place): ((value: Json) => Json) => {
  const { type, format } = def ?? {}
  const isNull =
    type === 'decimal' ||
    type === 'integer' ||
    type === 'bool' ||
    format === 'number' ||
    ((type === 'date' || type === 'datetime') && (format === 'epochMillis' || format === 'epochSeconds'))
  const isList = def === null || listTypes.has(def) || type === 'attachment'
  return (value) => (isNull || (Array.isArray(value) && !isList) ? null : value)
}
