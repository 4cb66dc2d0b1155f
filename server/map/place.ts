/** Fields by path: where a declared field stands in a record or a row, how it is read there, and how its dates are written. */
import { LosslessNumber } from 'lossless-json'
import type { Fields, Json } from '../doc/document.ts'
import type { DetailDef, FieldDef, ObjectDef } from '../doc/object.ts'
import { isDateFormat, type Moments, momentsOf } from './moment.ts'
import { zoneOf } from './zone.ts'

type Segment = string | number

/** A field of a master or of a row. `def` is null for what stands inside a declared field or in an object that declares nothing. */
export interface Place {
  path: string
  segments: readonly Segment[]
  def: FieldDef | null
  /** IANA name in which zoneless dates are meant. */
  zone: string
  /** Undefined: not there. A path through null is null: the whole was cleared. */
  read(fields: Fields): Json | undefined
}

/** What is declared of a master or of a detail's rows. */
export interface Shape {
  /** For sentences: `object BD_Customer`. */
  what: string
  fields: readonly FieldDef[]
  /** Codes that exist without being declared: the id and the like. */
  implied: readonly string[]
  idField: string | undefined
  /** Nothing but the implied is declared: no name can be called unknown. */
  open: boolean
  zone: string
}

const present = (codes: readonly (string | undefined)[]): string[] => codes.filter((code) => code !== undefined)
const isOpen = (fields: readonly FieldDef[], implied: readonly string[]): boolean =>
  fields.every(({ code }) => implied.includes(code))

export const masterShape = (object: ObjectDef, zone: string): Shape => {
  const implied = present([object.idField, object.externalIdField, object.modifiedField, object.nameField])
  const { fields, idField } = object
  return { what: `object ${object.code}`, fields, implied, idField, open: isOpen(fields, implied), zone }
}

export const rowShape = (object: ObjectDef, detail: DetailDef, zone: string): Shape => {
  const implied = present([detail.idField])
  const { fields, idField } = detail
  const what = `detail ${detail.code} of object ${object.code}`
  return { what, fields, implied, idField, open: isOpen(fields, implied), zone }
}

export const isNumber = (value: Json | undefined): value is LosslessNumber => value instanceof LosslessNumber
export const isRecord = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isNumber(value)

/** What every object inherits (`toString` …) is no field. */
const own = (fields: { [key: string]: Json }, code: string): Json | undefined => {
  const value = fields[code]
  return typeof value === 'function' ? undefined : value
}

const segmentsOf = (path: string): Segment[] | undefined => {
  const segments: Segment[] = []
  for (const part of path.split('.')) {
    const [, name, indexes = ''] = /^([^[\]]*)((?:\[\d{1,6}\])*)$/.exec(part) ?? []
    if (!name || name === '__proto__') return undefined
    segments.push(name, ...Array.from(indexes.matchAll(/\d+/g), ([index]) => Number(index)))
  }
  return segments
}

/** What stands below `holder`; undefined where nothing does. */
const step = (holder: Json | undefined, segment: Segment): Json | undefined => {
  if (holder === null) return null
  if (typeof segment === 'number') return Array.isArray(holder) ? holder[segment] : undefined
  return isRecord(holder) ? own(holder, segment) : undefined
}

const reader = (segments: readonly Segment[]): Place['read'] => {
  const [first] = segments
  if (segments.length === 1) return (fields) => own(fields, first as string)
  return (fields) => {
    let value: Json | undefined = fields
    for (const segment of segments) {
      if (value === undefined) return undefined
      value = step(value, segment)
    }
    return value
  }
}

/** The part of the path that is there but holds nothing to go into (`address` in `address.city` where it is a text); undefined: merely absent. */
export const brokenAt = ({ segments }: Place, fields: Fields): { at: string; found: Json } | undefined => {
  let value: Json | undefined = fields
  let at = ''
  for (const segment of segments) {
    const fits = typeof segment === 'number' ? Array.isArray(value) : isRecord(value)
    if (value === undefined || value === null) return undefined
    if (!fits) return { at, found: value }
    value = step(value, segment)
    at += typeof segment === 'number' ? `[${segment}]` : at ? `.${segment}` : segment
  }
  return undefined
}

/** Finds a declared field; `address.city` may reach into a declared `address`. Undefined: no such field. */
export const placeIn = (shape: Shape, path: string): Place | undefined => {
  const segments = segmentsOf(path)
  if (!segments) return undefined
  const def = shape.fields.find((field) => field.code === path) ?? null
  const known =
    def !== null ||
    shape.open ||
    shape.implied.includes(path) ||
    shape.fields.some(({ code }) => path.startsWith(`${code}.`) || path.startsWith(`${code}[`))
  if (!known) return undefined
  return { path, segments, def: def ?? impliedDef(shape, path), zone: def?.zone ?? shape.zone, read: reader(segments) }
}

/** An id that is not declared is text. */
const impliedDef = (shape: Shape, path: string): FieldDef | null =>
  path === shape.idField ? { code: path, type: 'text' } : null

/** Writes a value into fields that are being built, making the objects on the way. Undefined where the path goes through a list. */
export const writer = ({ segments }: Place): ((fields: Fields, value: Json) => void) | undefined => {
  const names = segments.filter((segment) => typeof segment === 'string')
  const last = names.at(-1)
  if (last === undefined || names.length !== segments.length) return undefined
  if (names.length === 1) return (fields, value) => void (fields[last] = value)
  const way = names.slice(0, -1)
  return (fields, value) => {
    let holder = fields
    for (const name of way) {
      const below = Object.hasOwn(holder, name) ? holder[name] : undefined
      if (isRecord(below)) holder = below
      else holder[name] = holder = {}
    }
    holder[last] = value
  }
}

/** Reader and writer of a place's dates; a sentence where its zone or its format is none. `kind` for what is no date by its own type. */
export const momentsAt = (place: Place, kind: 'date' | 'datetime'): Moments | string => {
  const zone = zoneOf(place.zone)
  if (!zone) return `"${place.zone}" is not a time zone`
  const { def } = place
  const isDate = def?.type === 'date' || def?.type === 'datetime'
  const format = isDate || isDateFormat(def?.format) ? def?.format : undefined
  return (
    momentsOf(format, zone, def?.type === 'date' || def?.type === 'datetime' ? def.type : kind) ??
    `"${format}" is not a way to write dates: epochMillis, epochSeconds, iso, or a pattern such as yyyy-MM-dd HH:mm:ss`
  )
}
