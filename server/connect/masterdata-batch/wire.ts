/** A master-data batch as its sender writes it and as its result is read: leniently, since every such interface says it a little differently (contracts.md section 6). Pure. */
import type { Fields, Json } from '../../doc/document.ts'
import { LosslessNumber } from 'lossless-json'
import { at, isFields, parseJson, quote, textOf, writeFields } from '../standard/body.ts'

/** One record's row; its key goes before whatever was mapped to it. */
export const writeRow = (fields: Fields, keyField: string, key: string | null): Buffer =>
  Buffer.from(key === null ? writeFields(fields) : writeFields(fields, { [keyField]: key }))

/** The value of a row's own key, and how its sender numbers it where it does. */
export const readRow = (row: Buffer, keyField: string): { code: string | null; sequence: string | null } => {
  const parsed = parseJson(row.toString())
  const fields = 'value' in parsed ? parsed.value : undefined
  return { code: textOf(at(fields, keyField)), sequence: textOf(at(fields, 'sequence_num')) }
}

/** The whole request, as it is posted and repeated. */
export const writeRequest = (of: {
  bizId: string
  now: number
  url: string | null
  rows: readonly Buffer[]
}): Buffer => {
  const url = of.url === null ? '' : `,"url":${quote(of.url)}`
  const head = `{"bizId":${quote(of.bizId)},"timestamp":${Math.floor(of.now)}${url},"data":[`
  return Buffer.concat([
    Buffer.from(head),
    ...of.rows.flatMap((row, i) => (i ? [Buffer.from(','), row] : [row])),
    Buffer.from(']}'),
  ])
}

/** What the target says of one row, or of none that it names. */
export interface Said {
  /** As the target calls the row: `sequence_num` or its number from 1. */
  key: string | null
  /** The record's own code, where it is told. */
  code: string | null
  text: string
}

export interface BatchResult {
  /** The batch as a whole was not processed (the four members of a failed one). */
  failed: boolean
  errors: Said[]
  warnings: Said[]
}

const plain = (value: Json | undefined): string | null => textOf(value)

const textsOf = (value: Json | undefined): string[] => {
  const text = plain(value)
  if (text !== null) return text === '' ? [] : [text]
  if (Array.isArray(value)) return value.flatMap(textsOf)
  if (isFields(value)) {
    const told = textsOf(value.message ?? value.msg ?? value.error ?? value.errors ?? value.resMsg)
    return told.length
      ? told
      : [JSON.stringify(value, (_, one: unknown) => (one instanceof LosslessNumber ? one.value : one))]
  }
  return []
}

const keyOf = (element: Fields): string | null => {
  for (const name of ['row', 'sequence_num', 'sequenceNum', 'rowNo', 'row_no', 'line', 'index', 'key']) {
    const text = plain(element[name])
    if (text !== null) return text
  }
  return null
}

/** An object by row, or a list of elements that name theirs; an empty list, null and absent are none. */
const saidOf = (value: Json | undefined): Said[] => {
  if (Array.isArray(value))
    return value.flatMap((element) => {
      const [key, code] = isFields(element)
        ? [keyOf(element), plain(element.recordCode ?? element.dataCode ?? element.code)]
        : [null, null]
      return textsOf(element).map((text): Said => ({ key, code, text }))
    })
  if (isFields(value))
    return Object.entries(value).flatMap(([key, element]) =>
      textsOf(element).map((text): Said => ({ key, code: null, text })),
    )
  const text = plain(value)
  return text === null || text === '' ? [] : [{ key: null, code: null, text }]
}

/** A result's members are there; an acknowledgement has none of them. */
const isResult = (data: Fields): boolean =>
  ['created', 'updated', 'validatorErrors', 'dbErrors', 'createdCount', 'updatedCount'].some((name) => name in data)

/** `data` of an answer, a callback or a query. Null: it is no result (accepted, or still at work). */
export const readData = (data: Json | undefined): BatchResult | null => {
  if (!isFields(data) || !isResult(data)) return null
  const state = plain(data.state)
  if (state === 'failed') return { failed: true, errors: [], warnings: [] }
  if (state !== null && state !== 'done') return null
  return {
    failed: false,
    errors: [...saidOf(data.validatorErrors), ...saidOf(data.dbErrors)],
    warnings: saidOf(data.warnings),
  }
}

export interface Callback {
  bizId: string
  token: string
  result: BatchResult | null
}

/** A callback's body; null: it is none. A code that says that it failed, or no data, is the failure form. */
export const readCallback = (body: Buffer, successCodes: readonly string[]): Callback | null => {
  const parsed = parseJson(body.toString())
  const value = 'value' in parsed ? parsed.value : undefined
  const bizId = textOf(at(value, 'bizId'))
  const token = textOf(at(value, 'access_token'))
  if (bizId === null || token === null) return null
  const code = textOf(at(value, 'resCode'))
  if (code === null) return null
  if (!successCodes.includes(code)) return { bizId, token, result: { failed: true, errors: [], warnings: [] } }
  return { bizId, token, result: readData(at(value, 'data')) }
}

export interface SentRow {
  row: number
  code: string
  sequence: string | null
}

export type RowVerdict =
  | { kind: 'applied'; warnings: string[] }
  | { kind: 'refused'; said: string; warnings: string[] }
  | { kind: 'again' }
  /** The target spoke of rows that cannot be told: which ones it means is not guessed. */
  | { kind: 'unsure'; said: string }

/** What became of each row, in the order of the rows. */
export const verdictsOf = (rows: readonly SentRow[], result: BatchResult): RowVerdict[] => {
  if (result.failed) return rows.map(() => ({ kind: 'again' }))
  const sequences = new Set(rows.map((row) => row.sequence))
  const bySequence = sequences.size === rows.length && !sequences.has(null)
  const keys = new Map(rows.map((row, i) => [bySequence ? (row.sequence as string) : String(row.row), i]))
  const codes = new Map(rows.map((row, i) => [row.code, i]))
  const place = ({ key, code }: Said): number | undefined =>
    (key === null ? undefined : (keys.get(key) ?? codes.get(key))) ?? (code === null ? undefined : codes.get(code))
  const errors = rows.map((): string[] => [])
  const warnings = rows.map((): string[] => [])
  const stray: string[] = []
  for (const one of result.errors) {
    const i = place(one)
    if (i === undefined) stray.push(one.key === null ? one.text : `${one.key}: ${one.text}`)
    else errors[i]?.push(one.text)
  }
  for (const one of result.warnings) {
    const i = place(one)
    if (i !== undefined) warnings[i]?.push(one.text)
  }
  return rows.map((_, i): RowVerdict => {
    const [wrong, warned] = [errors[i] as string[], warnings[i] as string[]]
    if (wrong.length) return { kind: 'refused', said: wrong.join('; '), warnings: warned }
    return stray.length ? { kind: 'unsure', said: stray.join('; ') } : { kind: 'applied', warnings: warned }
  })
}
