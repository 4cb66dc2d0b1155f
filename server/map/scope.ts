/** Data scope 数据范围: conditions on the source's master fields; all must hold. */
import type { Fields, Json, Side } from '../doc/document.ts'
import { type Condition, type Reference, referenceKey, type Resolved } from '../doc/flow.ts'
import { type Canonical, canonicalOf, fold } from './compare.ts'
import { constant } from './convert.ts'
import { compareDecimals, readDecimal } from './decimal.ts'
import { momentsAt, isNumber, type Place } from './place.ts'
import { itemsOf, listTypes, textOf } from './text.ts'

export type Holds = (value: Json | undefined) => boolean

type Order = (value: Json) => number | undefined

const isEmpty = (value: Json | undefined): boolean =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && !value.length)

/**
 * How a value stands to the condition's: numbers as decimals (by the field's type, or because the condition gives a number), dates as
 * instants, everything else as text by code unit. Undefined: cannot be compared, so that the condition does not hold.
 */
const orderTo = (place: Place, wanted: string | number | boolean): Order | string => {
  const type = place.def?.type
  if (type === 'decimal' || type === 'integer' || typeof wanted === 'number') {
    const bound = readDecimal(String(wanted))
    if (!bound) return `"${wanted}" is not a number`
    return (value) => {
      const text = isNumber(value) ? value.value : value
      const exact = typeof text === 'string' ? readDecimal(text) : undefined
      return exact && compareDecimals(exact, bound)
    }
  }
  if (type === 'date' || type === 'datetime') {
    const moments = momentsAt(place, type)
    if (typeof moments === 'string') return moments
    const bound = moments.read(String(wanted))
    if (Number.isNaN(bound)) return `"${wanted}" is not a date`
    return (value) => {
      const order = moments.read(value) - bound
      return Number.isNaN(order) ? undefined : order
    }
  }
  const bound = String(wanted)
  return (value) => {
    const text = textOf(value)
    return text === undefined ? undefined : text < bound ? -1 : text > bound ? 1 : 0
  }
}

/** Equality under the field's comparison; a number in the condition equals every way to write it. */
const sameAs = (
  place: Place,
  canonical: Canonical,
  wanted: string | number | boolean,
): ((value: Json | undefined) => boolean) => {
  const { def } = place
  const json = constant(wanted)
  const isText = def === null || def.type === 'text' || def.type === 'select'
  const number = typeof wanted === 'number' && isText ? readDecimal(String(wanted)) : undefined
  if (number) {
    return (value) => {
      const text = value === undefined || value === null ? undefined : textOf(value)
      const exact = text === undefined ? undefined : readDecimal(text)
      return exact !== undefined && compareDecimals(exact, number) === 0
    }
  }
  // Undeclared fields compare as text, so that `1` and "1" meet.
  const reading: Canonical = def
    ? canonical
    : (value) => (value === undefined || value === null ? '' : (textOf(value) ?? canonical(value)))
  const key = reading(json)
  return (value) => reading(value) === key
}

const listOf = (value: Condition['value']): readonly (string | number)[] | undefined =>
  Array.isArray(value) ? value : undefined

/** Compiles one condition on a field; a sentence where the condition makes no sense. */
export const condition = (place: Place, { op, value: wanted }: Condition): Holds | string => {
  if (op === 'empty') return isEmpty
  if (op === 'notEmpty') return (value) => !isEmpty(value)
  if (op === 'mapped' || op === 'notMapped') return `"${op}" is not asked of a value`
  if (wanted === undefined) return `"${op}" needs a value`
  const canonical = canonicalOf(place)
  if (typeof canonical === 'string') return canonical
  const list = listOf(wanted)

  switch (op) {
    case 'in':
    case 'notIn': {
      if (!list) return `"${op}" needs a list`
      const same = list.map((one) => sameAs(place, canonical, one))
      return op === 'in' ? (value) => same.some((is) => is(value)) : (value) => !same.some((is) => is(value))
    }
    default:
      if (typeof wanted === 'object') return `"${op}" takes one value`
  }
  switch (op) {
    case 'eq':
      return sameAs(place, canonical, wanted)
    case 'ne': {
      const same = sameAs(place, canonical, wanted)
      return (value) => !same(value)
    }
    case 'gt':
    case 'ge':
    case 'lt':
    case 'le': {
      const order = orderTo(place, wanted)
      if (typeof order === 'string') return order
      return (value) => {
        const found = value === undefined || isEmpty(value) ? undefined : order(value)
        if (found === undefined) return false
        return op === 'gt' ? found > 0 : op === 'ge' ? found >= 0 : op === 'lt' ? found < 0 : found <= 0
      }
    }
    case 'startsWith':
    case 'contains': {
      const { trim, ignoreCase } = place.def?.compare ?? {}
      const polish = (text: string): string => {
        const trimmed = trim ? text.trim() : text
        return ignoreCase ? fold(trimmed) : trimmed
      }
      const bound = polish(String(wanted))
      const separator = listTypes.separator(place.def)
      return (value) => {
        if (value === undefined || isEmpty(value)) return false
        // A list contains its items, not parts of them.
        if (op === 'contains' && (listTypes.has(place.def) || Array.isArray(value))) {
          return (itemsOf(value as Json, separator) ?? []).some((item) => polish(textOf(item) ?? '') === bound)
        }
        const text = textOf(value as Json)
        if (text === undefined) return false
        return op === 'contains' ? polish(text).includes(bound) : polish(text).startsWith(bound)
      }
    }
  }
}

/** A compiled condition with the place that it reads; null is the record's own id. */
export interface Scoped {
  place: Place | null
  holds: Holds
}

/** A condition on the ID mapping: whether the record that a field names has a counterpart. */
export interface ScopedReference {
  place: Place
  pairId: string
  side: Side
  mapped: boolean
}

export const allHold = (conditions: readonly Scoped[], master: Fields, id: string): boolean => {
  for (const { place, holds } of conditions) if (!holds(place ? place.read(master) : id)) return false
  return true
}

/** Whom the conditions ask for; they never wait. */
export const scopeReferences = (conditions: readonly ScopedReference[], master: Fields): Reference[] =>
  conditions.flatMap(({ place, pairId, side }): Reference[] => {
    const value = place.read(master)
    const id = value === undefined || value === null ? undefined : textOf(value)
    return id ? [{ pairId, side, id, field: place.path, missing: 'empty' }] : []
  })

/** A record that names nobody is not mapped. */
export const allMapped = (
  conditions: readonly ScopedReference[],
  master: Fields,
  refs: ReadonlyMap<string, Resolved>,
): boolean => {
  for (const { place, pairId, side, mapped } of conditions) {
    const value = place.read(master)
    const id = value === undefined || value === null ? undefined : textOf(value)
    const found = id ? refs.get(referenceKey({ pairId, side, id })) : undefined
    if ((found !== undefined && found !== 'unmapped') !== mapped) return false
  }
  return true
}
