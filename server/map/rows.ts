/** Detail rows across the two systems: which row there is which row here, from answers (section 2) and from what is read back (R3). */
import type { Document, Fields, Json } from '../doc/document.ts'
import type { Outgoing, Plan } from '../doc/flow.ts'
import type { DetailIds, RowIds } from '../doc/outcome.ts'
import { type DetailSteps, rowsOf } from './apply.ts'
import { compiledOf } from './compiled.ts'
import { isRecord, type Place } from './place.ts'
import { type PrintedDetail, settledIds } from './prints.ts'
import { textOf } from './text.ts'

/**
 * Source row to target row by detail of the source, after a write was answered. Rows that were not sent are gone at the target; details
 * that were not sent keep what is known. A row whose id is neither sent nor answered keeps its earlier one.
 */
export const rowIdsToDetailIds = (plan: Plan, outgoing: Outgoing, rowIds: RowIds, previous: DetailIds): DetailIds => {
  const next: DetailIds = { ...previous }
  for (const detail of compiledOf(plan).mapping.details) {
    const rows = outgoing.content.detailFieldVals[detail.to]
    const keys = outgoing.sourceRows[detail.to]
    if (!rows || !keys) continue
    const ids = settledIds(rows, detail.targetId ?? (() => undefined), rowIds[detail.to])
    const before = previous[detail.from] ?? {}
    const now: { [sourceRow: string]: string } = {}
    keys.forEach((key, i) => {
      if (key === null) return
      const id = ids[i] ?? (Object.hasOwn(before, key) ? before[key] : undefined)
      if (typeof id === 'string' && id !== '') now[key] = id
    })
    next[detail.from] = now
  }
  return next
}

/** The same pairs of rows seen from the other side, for the flow that leads back. */
export const reverseDetailIds = (plan: Plan, ids: DetailIds): DetailIds => {
  const turned: DetailIds = {}
  for (const { from, to } of compiledOf(plan).mapping.details) {
    const known = Object.hasOwn(ids, from) ? ids[from] : undefined
    if (known) turned[to] = Object.fromEntries(Object.entries(known).map(([source, target]) => [target, source]))
  }
  return turned
}

interface Sides {
  sent: readonly Fields[]
  shown: readonly Fields[]
  /** By sent row, the shown row; -1 while open. */
  bound: number[]
  taken: boolean[]
}

const bind = (sides: Sides, sent: number, shown: number): void => {
  sides.bound[sent] = shown
  sides.taken[shown] = true
}

const openRows = (sides: Sides): number[] => sides.bound.flatMap((to, i) => (to === -1 ? [i] : []))

/** By a value that names a row on both sides, where it does so exactly once. */
const bindByName = (
  sides: Sides,
  nameOfSent: (index: number) => string | undefined,
  nameOfShown: (index: number) => string | undefined,
): void => {
  const at = new Map<string, number>()
  sides.shown.forEach((_, i) => {
    const name = sides.taken[i] ? undefined : nameOfShown(i)
    if (name !== undefined) at.set(name, at.has(name) ? -1 : i)
  })
  for (const i of openRows(sides)) {
    const name = nameOfSent(i)
    const found = name === undefined ? undefined : at.get(name)
    if (found === undefined || found === -1 || sides.taken[found]) continue
    bind(sides, i, found)
  }
}

/**
 * By equality of every column that was sent. Rows sent alike are interchangeable, so as many shown rows of that content may be given to
 * them in order; a shown row that two different contents could claim is given to none.
 */
const bindByContent = (sides: Sides, printed: PrintedDetail, skip: Place | undefined): void => {
  const columns = printed.columns.filter(({ place }) => place.path !== skip?.path)
  const groups = new Map<string, { sent: number[]; spoken: string; content: string }>()
  for (const i of openRows(sides)) {
    const row = sides.sent[i] as Fields
    const present = columns.map(({ place }) => place.read(row) !== undefined)
    const spoken = present.map(Number).join('')
    const content = columns
      .map(({ place, canonical }, c) => (present[c] ? canonical(place.read(row)) : ''))
      .join('\u0001')
    const group = groups.get(`${spoken} ${content}`)
    if (group) group.sent.push(i)
    else groups.set(`${spoken} ${content}`, { sent: [i], spoken, content })
  }
  const shownBy = new Map<string, Map<string, number[]>>()
  const shownAs = (spoken: string): Map<string, number[]> => {
    const known = shownBy.get(spoken)
    if (known) return known
    const found = new Map<string, number[]>()
    sides.shown.forEach((row, i) => {
      if (sides.taken[i]) return
      const content = columns
        .map(({ place, canonical }, c) => (spoken[c] === '1' ? canonical(place.read(row)) : ''))
        .join('\u0001')
      found.set(content, [...(found.get(content) ?? []), i])
    })
    shownBy.set(spoken, found)
    return found
  }
  const claims = new Map<number, number>()
  const matched = [...groups.values()].map((group) => ({
    group,
    shown: shownAs(group.spoken).get(group.content) ?? [],
  }))
  for (const { shown } of matched) for (const i of shown) claims.set(i, (claims.get(i) ?? 0) + 1)
  for (const { group, shown } of matched) {
    if (shown.length !== group.sent.length || shown.some((i) => claims.get(i) !== 1)) continue
    group.sent.forEach((i, nth) => void bind(sides, i, shown[nth] as number))
  }
}

/** By position where the counts match exactly: nothing bound so far may contradict the order, unless only one row is left. */
const bindByPosition = (sides: Sides): void => {
  const open = openRows(sides)
  if (!open.length || sides.sent.length !== sides.shown.length) return
  const inOrder = sides.bound.every((to, i) => to === -1 || to === i)
  if (inOrder) for (const i of open) bind(sides, i, i)
  else if (open.length === 1)
    bind(
      sides,
      open[0] as number,
      sides.taken.findIndex((taken) => !taken),
    )
}

interface BoundDetail {
  /** By sent row; null where it stayed open, or where rows have no ids there. */
  ids: (string | null)[]
  /** Sent rows that no shown row answers to. */
  open: number
  /** Shown rows that answer to no sent row. */
  strangers: number
}

const bindDetail = (
  detail: DetailSteps,
  printed: PrintedDetail,
  external: Place | undefined,
  outgoing: Outgoing,
  target: Document,
): BoundDetail => {
  const sent = outgoing.content.detailFieldVals[detail.to] as Fields[]
  const { targetId } = detail
  if (!targetId) return { ids: sent.map(() => null), open: 0, strangers: 0 }
  const rows = (rowsOf({}, target.content.detailFieldVals, detail.to) ?? []).filter(isRecord)
  const shown: Fields[] = []
  const shownIds: string[] = []
  for (const row of rows) {
    const id = targetId(row)
    if (id === undefined) continue
    shown.push(row)
    shownIds.push(id)
  }
  const keys = outgoing.sourceRows[detail.to] ?? []
  const sides: Sides = { sent, shown, bound: sent.map(() => -1), taken: shown.map(() => false) }
  bindByName(
    sides,
    (i) => targetId(sent[i] as Fields),
    (i) => shownIds[i],
  )
  if (external) {
    const written = (row: Fields): string | undefined => {
      const value: Json | undefined = external.read(row)
      return (value === undefined || value === null ? undefined : textOf(value)) || undefined
    }
    bindByName(
      sides,
      (i) => keys[i] ?? undefined,
      (i) => written(shown[i] as Fields),
    )
  }
  bindByContent(sides, printed, external)
  bindByPosition(sides)
  return {
    ids: sides.bound.map((i) => (i === -1 ? null : (shownIds[i] as string))),
    open: openRows(sides).length,
    strangers: sides.taken.filter((taken) => !taken).length,
  }
}

const bindDetails = (plan: Plan, outgoing: Outgoing, target: Document): Map<string, BoundDetail> => {
  const { mapping, targetPrinter, externalColumn } = compiledOf(plan)
  const bound = new Map<string, BoundDetail>()
  for (const detail of mapping.details) {
    const printed = targetPrinter.details.find(({ code }) => code === detail.to)
    if (!printed || !outgoing.content.detailFieldVals[detail.to]) continue
    bound.set(detail.to, bindDetail(detail, printed, externalColumn.get(detail.to), outgoing, target))
  }
  return bound
}

/**
 * Binds the rows that were sent to the rows of the record as it was read back: by a row id already known, by the column that holds our row
 * key, by equal content, by position. 'ambiguous' where any row stays open; details whose rows have no ids there bind to nothing.
 */
export const bindRows = (plan: Plan, outgoing: Outgoing, target: Document): RowIds | 'ambiguous' => {
  const found: RowIds = {}
  for (const [code, { ids, open }] of bindDetails(plan, outgoing, target)) {
    if (open) return 'ambiguous'
    found[code] = ids
  }
  return found
}

/**
 * What is there of a document that was partly written (promise 18): rows that are missing have no id. Null where none is missing, and
 * where the record shows any row that we cannot name: it may be the missing one, changed.
 */
export const bindPart = (plan: Plan, outgoing: Outgoing, target: Document): RowIds | null => {
  const found: RowIds = {}
  let missing = 0
  for (const [code, { ids, open, strangers }] of bindDetails(plan, outgoing, target)) {
    if (strangers) return null
    missing += open
    found[code] = ids
  }
  return missing ? found : null
}
