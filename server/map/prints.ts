/**
 * Prints of documents and of what was sent (D2, D3, R3): one compiled list of fields serves both, so that a target that stores what it got
 * prints the same when it is read back.
 *
 * Master fields: one entry each, under the field's key. A detail has an entry for its rows (`contacts[]`: which there are) and one for each
 * column (`contacts.mobile`: the row's key and the value, row by row, sorted by key). The key of a row is its id; where the object declares
 * no id field its position, where a row lacks its id `#position`. A detail that a document does not speak of has no entries; one
 * without rows has. The keys of a side depend on nothing but the names, the values on nothing but the side's declarations, so that entries of
 * both flows stand for each other.
 */
import type { Content, Fields, Json } from '../doc/document.ts'
import type { Outgoing } from '../doc/flow.ts'
import type { RowIds } from '../doc/outcome.ts'
import { hash53, type Print } from '../doc/print.ts'
import type { Canonical } from './compare.ts'
import { isRecord, type Place } from './place.ts'
import { textOf } from './text.ts'

export interface Column {
  key: number
  place: Place
  canonical: Canonical
}
export interface PrintedDetail {
  code: string
  /** Key of the entry for the rows themselves. */
  rowsKey: number
  idOf: ((row: Fields) => string | undefined) | null
  columns: readonly Column[]
}
export interface Printer {
  fields: readonly Column[]
  details: readonly PrintedDetail[]
}

export const columnName = (detail: string, path: string): string => `${detail}.${path}`
export const rowsName = (detail: string): string => `${detail}[]`

const emptyHash = hash53('')
const nothing: Fields = {}
const asRow = (row: Json | undefined): Fields => (isRecord(row) ? row : nothing)

/** The id that a row carries; "" and null are none. */
export const idReader = (place: Place): ((row: Fields) => string | undefined) => {
  return (row) => {
    const value = place.read(row)
    return value === undefined || value === null || value === '' ? undefined : textOf(value)
  }
}

/** Keys that tell rows apart: the id; `#2` where the third row has none or repeats one; the bare position where the detail has no ids. */
export const rowKeys = (
  rows: readonly Json[],
  idOf: ((row: Fields) => string | undefined) | null,
  given?: readonly (string | null)[],
): string[] => {
  if (!idOf) return rows.map((_, i) => String(i))
  const keys: string[] = []
  const taken = rows.length > 16 ? new Set<string>() : null
  for (let i = 0; i < rows.length; i++) {
    let key = given?.[i] ?? idOf(asRow(rows[i]))
    if (key === undefined || (taken ? taken.has(key) : keys.includes(key))) key = `#${i}`
    taken?.add(key)
    keys.push(key)
  }
  return keys
}

/**
 * The ids of the rows that were sent, out of what they were sent with and what was answered in their order. A row keeps the id it was sent
 * with, and rows without one take the answered ids that are left, also where the target answers in an order of its own or only names new
 * rows. Answered ids of which none was sent, one for each row: the target made the rows anew, and its answer counts.
 */
export const settledIds = (
  rows: readonly Json[],
  idOf: (row: Fields) => string | undefined,
  answered: readonly (string | null)[] | undefined,
): (string | null)[] => {
  const sent = rows.map((row) => idOf(asRow(row)) ?? null)
  if (!answered?.length) return sent
  const kept = new Set(sent)
  kept.delete(null)
  const isKnown = (id: string | null | undefined): boolean => typeof id === 'string' && kept.has(id)
  if (answered.length === rows.length) {
    if (!answered.some(isKnown)) return sent.map((id, i) => answered[i] ?? id)
    // In its place where that row is new, else the next that is left over.
    if (sent.every((id, i) => id === null || answered[i] === id || answered[i] == null)) {
      return sent.map((id, i) => id ?? answered[i] ?? null)
    }
  }
  const fresh = answered.filter((id) => !isKnown(id))
  const due = sent.filter((id) => id === null).length
  if (fresh.length !== due) return sent
  let next = 0
  return sent.map((id) => id ?? fresh[next++] ?? null)
}

const isSorted = (keys: readonly string[]): boolean => {
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] as string) > (keys[i] as string)) return false
  return true
}

const printRows = (
  print: Map<number, number>,
  detail: PrintedDetail,
  given: readonly Json[],
  ids: readonly (string | null)[] | undefined,
  isOwn: ((index: number) => boolean) | null,
): void => {
  const keys = rowKeys(given, detail.idOf, ids)
  let rows = given.map(asRow)
  let sorted = keys
  let order: number[] | null = null
  if (detail.idOf && !isSorted(keys)) {
    order = keys.map((_, i) => i)
    order.sort((a, b) => ((keys[a] as string) < (keys[b] as string) ? -1 : 1))
    sorted = order.map((i) => keys[i] as string)
    rows = order.map((i) => rows[i] as Fields)
  }
  print.set(detail.rowsKey, hash53(sorted.join('\u0001')))
  for (const { key, place, canonical } of detail.columns) {
    let text = ''
    let isEmpty = true
    let hasOwn = false
    let isSpoken = false
    for (let i = 0; i < rows.length; i++) {
      const value = place.read(rows[i] as Fields)
      if (isOwn?.(order ? (order[i] as number) : i)) {
        hasOwn = true
        if (value !== undefined) isSpoken = true
      }
      const shown = canonical(value)
      if (shown !== '') isEmpty = false
      text += `${sorted[i]}\u0000${shown}\u0001`
    }
    // Sent: a column that none of our rows has was left out, and says nothing of what the target holds.
    if (isOwn && hasOwn && !isSpoken) continue
    // A column in which no row has anything is empty as a field is: a target that shows it so shows nothing new (D2).
    print.set(key, isEmpty ? emptyHash : hash53(text))
  }
}

/** Every entry of the printer for a document; fields that it does not have count as empty. */
export const printDocument = (printer: Printer, content: Content): Map<number, number> => {
  const print = new Map<number, number>()
  const { masterFieldVal: master, detailFieldVals: details } = content
  for (const { key, place, canonical } of printer.fields) {
    const text = canonical(place.read(master))
    print.set(key, text === '' ? emptyHash : hash53(text))
  }
  for (const detail of printer.details) {
    const rows: unknown = details[detail.code]
    if (Array.isArray(rows)) printRows(print, detail, rows, undefined, null)
  }
  return print
}

/** Only what was sent: fields that were left out have no entry. Rows without an id of their own take the answered one. */
export const printOutgoing = (printer: Printer, outgoing: Outgoing, rowIds?: RowIds): Print => {
  const print = new Map<number, number>()
  const { masterFieldVal: master } = outgoing.content
  for (const { key, place, canonical } of printer.fields) {
    const value = place.read(master)
    if (value === undefined) continue
    const text = canonical(value)
    print.set(key, text === '' ? emptyHash : hash53(text))
  }
  for (const detail of printer.details) printOutgoingRows(print, detail, outgoing, rowIds)
  return print
}

const printOutgoingRows = (
  print: Map<number, number>,
  detail: PrintedDetail,
  outgoing: Outgoing,
  rowIds: RowIds | undefined,
): void => {
  const rows = outgoing.content.detailFieldVals[detail.code]
  if (!rows) return
  const source = outgoing.sourceRows[detail.code]
  const ids = detail.idOf ? settledIds(rows, detail.idOf, rowIds?.[detail.code]) : undefined
  printRows(print, detail, rows, ids, (i) => source?.[i] !== null)
}

/** `print` of what was sent, once its rows have been answered with ids: only details can differ. */
export const printAnswered = (printer: Printer, outgoing: Outgoing, rowIds: RowIds, print: Print): Print => {
  const answered = printer.details.filter((detail) => detail.idOf && rowIds[detail.code]?.length)
  if (!answered.length) return print
  const after = new Map(print)
  for (const detail of answered) printOutgoingRows(after, detail, outgoing, rowIds)
  return after
}
