/** The plain readings of JSON values: as text, as a list of texts, as yes or no. */
import type { Json } from '../doc/document.ts'
import type { FieldDef } from '../doc/object.ts'
import { isNumber } from './place.ts'

/** A scalar as text, numbers digit for digit; a list of one counts as its item. Undefined for lists and objects. */
export const textOf = (value: Json): string | undefined => {
  if (typeof value === 'string') return value
  if (isNumber(value)) return value.value
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  return Array.isArray(value) && value.length === 1 && !Array.isArray(value[0]) && value[0] !== null
    ? textOf(value[0] as Json)
    : undefined
}

const isList = (def: FieldDef | null): boolean =>
  def?.type === 'multiselect' || def?.type === 'person' || def?.type === 'department'

/** Uses of `format` that are no separator. */
const words = new Set(['array', 'text', 'number'])

/** Fields that may hold several values: a JSON list, or a text with a separator, which `format` may name (`;`), a comma otherwise. */
export const listTypes = {
  has: isList,
  separator: (def: FieldDef | null): string | null => {
    if (!isList(def)) return null
    return def?.format !== undefined && def.format !== '' && !words.has(def.format) ? def.format : ','
  },
}

/** The items of a list in either form; undefined where one is no scalar. Without a separator a text is one item. */
export const itemsOf = (value: Json, separator: string | null): Json[] | undefined => {
  if (Array.isArray(value)) {
    const items = value.filter((item) => item !== null && item !== '')
    return items.every((item) => typeof item !== 'object' || isNumber(item)) ? items : undefined
  }
  if (typeof value === 'string' && separator !== null && value.includes(separator)) {
    return value.split(separator).flatMap((item) => item.trim() || [])
  }
  return typeof value === 'object' && !isNumber(value) ? undefined : [value]
}

const yes = new Set(['true', 'y', 'yes', 't', '1', 'on', '是'])
const no = new Set(['false', 'n', 'no', 'f', '0', 'off', '否'])

/** The two words of a bool's `format` (`Y/N`), yes first. */
export const boolWords = (format: string | undefined): [string, string] | undefined => {
  const words = format?.split('/') ?? []
  return words.length === 2 && words[0] && words[1] && words[0] !== words[1] ? [words[0], words[1]] : undefined
}

export const readBool = (value: Json, format: string | undefined): boolean | undefined => {
  if (typeof value === 'boolean') return value
  const text = textOf(value)?.trim()
  if (text === undefined) return undefined
  const words = boolWords(format)
  if (words && (text === words[0] || text === words[1])) return text === words[0]
  const lower = text.toLowerCase()
  return yes.has(lower) ? true : no.has(lower) ? false : undefined
}
