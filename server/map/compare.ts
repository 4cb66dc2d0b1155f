/** One text for all values that count as the same under a field's declared comparison (D2): what prints hash and scope conditions compare. */
import type { Json } from '../doc/document.ts'
import { decimalKey, readDecimal, roundTo } from './decimal.ts'
import { dayOf } from './moment.ts'
import { isNumber, isRecord, momentsAt, type Place } from './place.ts'
import { itemsOf, listTypes, readBool, textOf } from './text.ts'
import { dayMs } from './zone.ts'

/**
 * Absent, null and "" are all ''. One rule for the three, because targets answer each with any of the others, and an echo has to come to
 * rest; so are a number, a bool or a date of blanks, and an empty list. Never throws: what does not fit its type counts as the text it is.
 */
export type Canonical = (value: Json | undefined) => string

/** Keys sorted, numbers as they are: for attachments and for whatever stands where a text should. */
export const stable = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map(stable).join(',')}]`
  if (isRecord(value)) {
    const keys = Object.keys(value).sort()
    return `{${keys.map((key) => `${JSON.stringify(key)}:${stable(value[key] ?? null)}`).join(',')}}`
  }
  return isNumber(value) ? value.value : JSON.stringify(value)
}

/** Upper case first: ß and SS, ſ and S are the same then, whichever way the other system folds. */
export const fold = (text: string): string => text.toUpperCase().toLowerCase()

const anyText = (value: Json): string => textOf(value) ?? (Array.isArray(value) && !value.length ? '' : stable(value))

const unitMs = { millisecond: 1, second: 1000, minute: 60_000 }

/** How a value compares in that field; a sentence where the field's zone or date format is none. */
export const canonicalOf = (place: Place): Canonical | string => {
  const { def } = place
  const compare = def?.compare ?? {}
  const polish =
    compare.trim && compare.ignoreCase
      ? (text: string) => fold(text).trim()
      : compare.trim
        ? (text: string) => text.trim()
        : compare.ignoreCase
          ? fold
          : null
  const text = (value: Json): string => (polish ? polish(anyText(value)) : anyText(value))
  const filled =
    (canonical: (value: Json) => string): Canonical =>
    (value) =>
      value === undefined || value === null || value === '' ? '' : canonical(value)

  switch (def?.type) {
    case 'decimal':
    case 'integer': {
      const { scale } = compare
      return filled((value) => {
        const written = isNumber(value) ? value.value : typeof value === 'string' ? value : undefined
        const exact = written === undefined ? undefined : readDecimal(written)
        if (exact) return decimalKey(scale === undefined ? exact : roundTo(exact, scale))
        return anyText(value).trim()
      })
    }
    case 'bool': {
      const { format } = def
      return filled((value) => String(readBool(value, format) ?? anyText(value).trim()))
    }
    case 'date':
    case 'datetime': {
      const moments = momentsAt(place, def.type)
      if (typeof moments === 'string') return moments
      const { precision = 'millisecond' } = compare
      const byDay = def.type === 'date' || precision === 'day'
      return filled((value) => {
        const instant = moments.read(value)
        if (Number.isNaN(instant)) return anyText(value).trim()
        return String(
          byDay ? dayOf(instant, moments.zone) / dayMs : Math.floor(instant / unitMs[precision as 'second']),
        )
      })
    }
    case 'text':
    case 'select':
    case 'reference':
      return filled(text)
    case 'multiselect':
    case 'person':
    case 'department': {
      const separator = listTypes.separator(def)
      return filled((value) => {
        const items = itemsOf(value, separator)
        if (!items) return text(value)
        const texts = items.map(text).filter((item) => item !== '')
        return texts.length < 2 ? (texts[0] ?? '') : texts.sort().join('\u0001')
      })
    }
    case 'attachment':
      return filled((value) => (Array.isArray(value) && !value.length ? '' : stable(value)))
    case undefined:
      // Undeclared: numbers still compare as numbers; text stays text.
      return filled((value) => {
        const exact = isNumber(value) ? readDecimal(value.value) : undefined
        return exact ? decimalKey(exact) : anyText(value)
      })
  }
}
