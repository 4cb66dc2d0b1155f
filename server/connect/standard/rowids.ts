/** Which id the target gave to which detail row that was sent: every documented shape of `detailDataIds`, and the way by reading back. Pure. */
import type { Fields, Json } from '../../doc/document.ts'
import type { DetailDef, ObjectDef } from '../../doc/object.ts'
import type { RowIds } from '../../doc/outcome.ts'
import { idOf } from './answer.ts'
import { isFields, textOf } from './body.ts'

type Rows = { [detail: string]: Fields[] }

export const detailNamed = (object: ObjectDef, name: string): DetailDef | undefined =>
  object.details.find((detail) => detail.code === name) ?? object.details.find((detail) => detail.apiName === name)

/** The fields of a row that may name it: its own id, and the other side's. */
const keyFields = (object: ObjectDef, detail: DetailDef): string[] =>
  [detail.idField, detail.externalIdField ?? object.externalIdField].filter((field) => field !== undefined)

export interface RowIdsRead {
  rowIds: RowIds
  /** Details of which the answer told nothing (or more ids than rows): to be read back. */
  absent: string[]
  /** Told and due, over all details that were told: fewer is promise 18, not applied. */
  found: number
  due: number
}

/**
 * `{"<detail>":["id1","id2"]}` in row order, `{"<detail>":"id"}`, `{"<row key>":"id"}`, or nothing. Read as details when every key is a
 * declared detail, else as row keys, else a fault. Rows of a detail without an id field are told apart by position and have no ids due.
 */
export const readRowIds = (
  said: Json | undefined,
  object: ObjectDef,
  rowsDue: { [detail: string]: number },
  sentRows: () => Rows,
): RowIdsRead | { fault: string } => {
  const told: RowIds = {}
  if (said !== undefined && said !== null && !(Array.isArray(said) && said.length === 0)) {
    if (!isFields(said)) return { fault: 'detailDataIds is no object' }
    const names = Object.keys(said)
    if (names.every((name) => detailNamed(object, name))) {
      for (const name of names) {
        const value = said[name]
        const code = (detailNamed(object, name) as DetailDef).code
        if (value === null || value === undefined) continue
        const list = Array.isArray(value) ? value : [value]
        const ids = list.map((id) => (id === null ? null : idOf(id)))
        if (ids.some((id, i) => id === null && list[i] !== null))
          return { fault: `detailDataIds.${name} holds what is no id` }
        told[code] = ids
      }
    } else {
      const rows = sentRows()
      for (const name of names) {
        const id = idOf(said[name])
        if (id === null)
          return { fault: `detailDataIds.${name} is neither a declared detail nor a row key with its id` }
        const places = object.details.flatMap((detail) =>
          (rows[detail.code] ?? []).flatMap((row, i) =>
            keyFields(object, detail).some((field) => textOf(row[field]) === name) ? [{ detail: detail.code, i }] : [],
          ),
        )
        const [place, second] = places
        if (!place || second) {
          return {
            fault: `detailDataIds.${name} names ${second ? 'several rows' : 'no row'} that was sent and no declared detail`,
          }
        }
        const ids = (told[place.detail] ??= (rows[place.detail] ?? []).map(() => null))
        if (ids[place.i] !== null) return { fault: `detailDataIds names a row of ${place.detail} twice` }
        ids[place.i] = id
      }
    }
  }

  const rowIds: RowIds = {}
  const absent: string[] = []
  let [found, due] = [0, 0]
  for (const code in rowsDue) {
    const count = rowsDue[code] ?? 0
    const ids = told[code]
    if (!detailNamed(object, code)?.idField) {
      rowIds[code] = ids?.length === count ? ids : Array.from({ length: count }, () => null)
    } else if (count === 0) rowIds[code] = []
    else if (!ids || ids.length > count) absent.push(code)
    else {
      rowIds[code] = ids
      due += count
      found += ids.filter((id) => id !== null).length
    }
  }
  return { rowIds, absent, found, due }
}

/** Ids that we sent in the rows themselves: an update of known rows needs no answer to know them. */
export const ownRowIds = (object: ObjectDef, code: string, rows: readonly Fields[], count: number): string[] | null => {
  const field = detailNamed(object, code)?.idField
  if (!field || rows.length !== count) return null
  const ids = rows.map((row) => idOf(row[field]))
  return ids.every((id) => id !== null) ? (ids as string[]) : null
}

const numberText = /^-?\d+(\.\d+)?$/
const same = (a: string, b: string | null): boolean =>
  b !== null &&
  (a === b || a.trim() === b.trim() || (numberText.test(a) && numberText.test(b) && Number(a) === Number(b)))

/**
 * Finds the rows that we sent among those read back: by their own id, by ours, else by content. Never by position: a target may order
 * its rows as it likes, and a wrong row id would put later edits into the wrong row. Null for a row that is not found.
 */
export const matchRows = (
  object: ObjectDef,
  code: string,
  sent: readonly Fields[],
  read: readonly Fields[],
): (string | null)[] => {
  const detail = detailNamed(object, code)
  const idField = detail?.idField
  if (!detail || !idField) return sent.map(() => null)
  const free = new Set(read.filter((row) => idOf(row[idField]) !== null))
  const found = new Map<Fields, string>()
  const take = (row: Fields, of: Fields): void => {
    found.set(row, idOf(of[idField]) as string)
    free.delete(of)
  }
  // A field that no row shows names nothing: the target keeps it to itself.
  const keys = keyFields(object, detail).filter((field) => read.some((row) => textOf(row[field])))
  for (const field of keys) {
    for (const row of sent) {
      const key = textOf(row[field])
      if (found.has(row) || !key) continue
      const hits = [...free].filter((of) => textOf(of[field]) === key)
      if (hits.length === 1) take(row, hits[0] as Fields)
    }
  }
  // A row that named itself and was not found is missing; it may not take the place of another.
  const open = sent.filter((row) => !found.has(row) && !keys.some((field) => textOf(row[field])))
  for (const row of open) {
    const hit = [...free].find((of) => {
      // Fields that the target does not show tell nothing; one at least has to be seen to be equal.
      const shown = Object.entries(row).filter(([field, value]) => textOf(value) && Object.hasOwn(of, field))
      return shown.length > 0 && shown.every(([field, value]) => same(textOf(value) as string, textOf(of[field])))
    })
    if (hit) take(row, hit)
  }
  const left = open.filter((row) => !found.has(row))
  if (left.length === 1 && free.size === 1 && sent.length === read.length)
    take(left[0] as Fields, [...free][0] as Fields)
  return sent.map((row) => found.get(row) ?? null)
}
