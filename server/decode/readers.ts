/** The no-code readers: JSON path, XML path, CSV columns, fixed columns and forms, each to standard documents. Values stay as they stand. Pure. */
import { isFields, textOf } from '../connect/standard/body.ts'
import type { Fields, Json, Operation } from '../doc/document.ts'
import type { ReaderDef, Spot } from '../doc/object.ts'
import { cellsOf, follow, formOf, linesOf, listOf, plain, separatorOf, stepsOf, treeOf } from './tree.ts'

/** A document that was made of a body. `operation` null: what the push says. `details` null: it does not speak of them. */
export interface Made {
  id: string
  operation: Operation | null
  fields: Fields | null
  details: { [detail: string]: Fields[] } | null
}

export type Reading = { made: Made[] } | { wrong: string; field?: string }

type Find = (spot: Spot) => Json | undefined

const isValue = (value: Json | undefined): value is Json =>
  value !== undefined && !isFields(value) && !Array.isArray(value)

/** Fields as declared, or all that are values. */
const pick = (fields: Record<string, Spot> | undefined, find: Find, all: () => Fields): Fields => {
  if (!fields) return all()
  const picked: Fields = {}
  for (const [code, spot] of Object.entries(fields)) {
    const value = find(spot)
    if (value !== undefined) picked[code] = value
  }
  return picked
}

const voided = (reader: ReaderDef, find: Find): Operation | null => {
  if (!reader.void) return null
  const value = textOf(find(reader.void.at))
  return value !== null && reader.void.values.includes(value) ? 'void' : null
}

const spotText = (spot: Spot): string => (typeof spot === 'object' ? `${spot.at}, ${spot.length} long` : String(spot))

const idAt = (reader: ReaderDef, find: Find): string | null => {
  const id = textOf(find(reader.id))
  return id === null || id.trim() === '' ? null : id
}

const noId = (reader: ReaderDef, where: string): Reading => ({
  wrong: `${where} has no id at ${spotText(reader.id)}`,
  field: 'id',
})

// ── trees ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const inTree = (reader: ReaderDef & { kind: 'json' | 'xml' }, text: string): Reading => {
  const tree = treeOf(text, reader.kind)
  if ('wrong' in tree) return tree
  const root = tree.value
  const below: Json | undefined = reader.kind === 'xml' && isFields(root) ? Object.values(root)[0] : root
  const at = (from: Json | undefined, path: string): Json | undefined => {
    const { steps, fromRoot } = stepsOf(path, reader.kind)
    return follow(fromRoot ? root : from, steps)
  }
  const records = reader.records === undefined ? listOf(below) : listOf(at(below, reader.records))
  const values = (value: Json | undefined): Fields =>
    isFields(value) ? Object.fromEntries(Object.entries(value).filter(([, one]) => isValue(one))) : {}
  const made: Made[] = []
  for (const [i, record] of records.entries()) {
    const find =
      (from: Json | undefined): Find =>
      (spot) =>
        plain(typeof spot === 'object' ? undefined : at(from, String(spot)))
    const id = idAt(reader, find(record))
    if (id === null) return noId(reader, `record ${i + 1}`)
    let details: Made['details'] = null
    for (const [code, detail] of Object.entries(reader.details ?? {})) {
      const rows = at(record, detail.rows ?? code)
      // XML cannot tell an empty list from an absent one; JSON can, and absent is not spoken of (A2)
      if (rows === undefined && reader.kind === 'json') continue
      details ??= {}
      details[code] = listOf(rows).map((row) => pick(detail.fields, find(row), () => values(row)))
    }
    const fields = pick(reader.fields, find(record), () => values(record))
    made.push({ id, operation: voided(reader, find(record)), fields, details })
  }
  return { made }
}

// ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
interface Line {
  find: Find
  all: () => Fields
}

const csvLines = (reader: ReaderDef, text: string): Line[] => {
  const cells = cellsOf(text, separatorOf(reader)).slice(reader.skip ?? 0)
  const names = reader.header === false ? null : (cells.shift() ?? []).map((name) => name.trim())
  const kept = (value: string | undefined) => (reader.trim && value !== undefined ? value.trim() : value)
  return cells.map((row) => ({
    find: (spot) =>
      typeof spot === 'number'
        ? kept(row[spot - 1])
        : typeof spot === 'string'
          ? kept(row[names ? names.indexOf(spot) : Number(spot) - 1])
          : undefined,
    all: () =>
      Object.fromEntries(
        (names ?? []).flatMap((name, i) => (row[i] === undefined ? [] : [[name, kept(row[i]) ?? '']])),
      ),
  }))
}

/** Positions count characters from 1: what a Chinese system calls column 5 is the fifth character, two bytes wide or not. */
const fixedLines = (reader: ReaderDef, text: string): Line[] =>
  linesOf(text)
    .slice(reader.skip ?? 0)
    .map((line) => {
      const chars = [...line]
      return {
        find: (spot) => {
          if (typeof spot !== 'object') return undefined
          const cut = chars.slice(spot.at - 1, spot.at - 1 + spot.length).join('')
          return reader.trim === false ? cut : cut.trim()
        },
        all: () => ({}),
      }
    })

const inLines = (reader: ReaderDef, lines: readonly Line[]): Reading => {
  const made: Made[] = []
  const known = new Map<string, Made>()
  const details = Object.entries(reader.details ?? {})
  for (const [i, line] of lines.entries()) {
    const id = idAt(reader, line.find)
    if (id === null) return noId(reader, `line ${i + 1}`)
    // lines of one record stand for its rows; its own fields are those of the first
    let one = details.length ? known.get(id) : undefined
    if (!one) {
      one = {
        id,
        operation: voided(reader, line.find),
        fields: pick(reader.fields, line.find, line.all),
        details: null,
      }
      known.set(id, one)
      made.push(one)
    }
    for (const [code, detail] of details) {
      const row = pick(detail.fields, line.find, line.all)
      one.details ??= {}
      const rows = (one.details[code] ??= [])
      if (Object.values(row).some((value) => value !== '')) rows.push(row)
    }
  }
  return { made }
}

/** Documents of a body's text. Never throws. */
export const read = (reader: ReaderDef, text: string): Reading => {
  switch (reader.kind) {
    case 'json':
    case 'xml':
      return inTree({ ...reader, kind: reader.kind }, text)
    case 'csv':
      try {
        return inLines(reader, csvLines(reader, text))
      } catch (error) {
        return { wrong: `CSV: ${error instanceof Error ? error.message : String(error)}` }
      }
    case 'fixed':
      return inLines(reader, fixedLines(reader, text))
    case 'form': {
      const form = formOf(text)
      const find: Find = (spot) => (typeof spot === 'string' && Object.hasOwn(form, spot) ? form[spot] : undefined)
      const id = idAt(reader, find)
      if (id === null) return noId(reader, 'the form')
      return {
        made: [{ id, operation: voided(reader, find), fields: pick(reader.fields, find, () => form), details: null }],
      }
    }
  }
}
