/** What a row of a batch must be, read from the fields of its object: required, type, length in bytes, options, and the records it refers to. Pure. */
import { LosslessNumber } from 'lossless-json'
import type { RowFault, RowReason } from '../../protocol/batch-codes.ts'
import type { Fields, Json } from '../doc/document.ts'
import type { FieldDef, ObjectDef } from '../doc/object.ts'
import { readDecimal, wholeText } from '../map/decimal.ts'
import { momentsOf } from '../map/moment.ts'
import { itemsOf, listTypes, readBool, textOf } from '../map/text.ts'
import { zoneOf } from '../map/zone.ts'

/** A field of a row that names another record. */
export interface Reference {
  field: string
  /** Code of the object. */
  to: string
  code: string
  soft: boolean
}

export interface Judged {
  /** Null where the row has none that could be kept. */
  code: string | null
  faults: RowFault[]
  references: Reference[]
}

export interface Rules {
  def: ObjectDef
  judge(row: Fields): Judged
}

const isAbsent = (value: Json | undefined): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '')

const shown = (value: Json): string => textOf(value) ?? '…'

/** Printable, at most 128 characters: what every door takes for the id of a record. */
const isCode = (text: string): boolean => [...text].length <= 128 && !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text)

type Check = (value: Json, text: string | undefined) => Omit<RowFault, 'field'> | null

const no = (reason: RowReason, value: Json, expected?: string): Omit<RowFault, 'field'> => ({
  reason,
  value: shown(value),
  ...(expected !== undefined && { expected }),
})

const optionCheck = (field: FieldDef): Check => {
  const options = field.options
  if (!options?.length) return () => null
  const known = new Set(options.map(({ value }) => value))
  const expected = options.map(({ value }) => value).join(', ')
  const separator = field.type === 'multiselect' ? (listTypes.separator(field) ?? ',') : null
  return (value) => {
    const items = itemsOf(value, separator)
    const wrong = items?.find((item) => !known.has(textOf(item) ?? ''))
    return items && wrong === undefined ? null : no('option', wrong ?? value, expected)
  }
}

const dateCheck = (field: FieldDef, zone: string): Check => {
  const own = zoneOf(field.zone ?? zone)
  const moments = own && momentsOf(field.format, own, field.type === 'date' ? 'date' : 'datetime')
  const expected = field.format ?? (field.type === 'date' ? 'yyyy-MM-dd' : 'yyyy-MM-dd HH:mm:ss')
  return (value) => (!moments || Number.isNaN(moments.read(value)) ? no('date', value, expected) : null)
}

const typeCheck = (field: FieldDef, zone: string): Check => {
  switch (field.type) {
    case 'text':
    case 'reference':
      return (value, text) => (text === undefined || Array.isArray(value) ? no('text', value) : null)
    case 'decimal':
      return (value, text) =>
        text === undefined || typeof value === 'boolean' || !readDecimal(text) ? no('decimal', value) : null
    case 'integer':
      return (value, text) => {
        const exact = text === undefined || typeof value === 'boolean' ? undefined : readDecimal(text)
        return exact && wholeText(exact) !== undefined ? null : no('integer', value)
      }
    case 'bool':
      return (value) => (readBool(value, field.format) === undefined ? no('bool', value) : null)
    case 'date':
    case 'datetime':
      return dateCheck(field, zone)
    case 'select':
    case 'multiselect':
      return optionCheck(field)
    case 'person':
    case 'department':
    case 'attachment':
      return () => null
  }
}

/** In bytes of UTF-8; a number by its digits as they were sent. */
const isLong = (value: Json, text: string | undefined, most: number): boolean => {
  if (text !== undefined) return Buffer.byteLength(text) > most
  return (
    Buffer.byteLength(JSON.stringify(value, (_, one: unknown) => (one instanceof LosslessNumber ? one.value : one))) >
    most
  )
}

/** Made once per definition. `zone`: of dates that do not tell theirs. */
export const rulesOf = (def: ObjectDef, zone: string): Rules => {
  const key = def.idField
  const checks = def.fields.map((field) => ({ field, check: typeCheck(field, zone) }))
  const declared = def.fields.some((field) => field.code === key)
  return {
    def,
    judge: (row) => {
      const faults: RowFault[] = []
      const references: Reference[] = []
      const id = row[key]
      const code = isAbsent(id) ? null : (textOf(id as Json) ?? null)
      if (code === null && (!declared || isAbsent(id) || textOf(id as Json) === undefined))
        faults.push({ reason: 'required', field: key })
      else if (code !== null && !isCode(code)) faults.push({ reason: 'key', field: key })
      for (const { field, check } of checks) {
        const value = row[field.code]
        if (isAbsent(value)) {
          if (field.required && field.code !== key) faults.push({ reason: 'required', field: field.code })
          continue
        }
        const text = textOf(value as Json)
        const wrong = check(value as Json, text)
        if (wrong) {
          faults.push({ field: field.code, ...wrong })
          continue
        }
        if (field.length !== undefined && isLong(value as Json, text, field.length))
          faults.push({ reason: 'long', field: field.code, expected: String(field.length) })
        else if (field.references !== undefined && text !== undefined)
          references.push({ field: field.code, to: field.references, code: text, soft: field.soft === true })
      }
      return { code, faults, references }
    },
  }
}
