/** The verdict over all rows of a batch: each by its own rules, then against each other and against what is stored. Parents and children may stand in any order; a circle of parents is told on its rows. Pure. */
import type { RowFault } from '../../protocol/batch-codes.ts'
import type { Fields } from '../doc/document.ts'
import { textOf } from '../map/text.ts'
import type { Judged, Reference, Rules } from './rules.ts'

export interface Verdict {
  /** What the sender calls the row. */
  key: string
  code: string | null
  errors: RowFault[]
  warnings: RowFault[]
  /** Place in the order of storing; null: refused or overtaken. */
  turn: number | null
  outcome: 'rejected' | 'overtaken' | null
}

/** What is stored. */
export interface Stored {
  /** Of these codes of that object, those that are there. */
  existing(object: string, codes: readonly string[]): Promise<ReadonlySet<string>>
  /** Records of the batch's own object with what these fields of theirs name: the parents of parents. */
  parents(
    fields: readonly string[],
    codes: readonly string[],
  ): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>>
}

/** `sequence_num` where all rows have a distinct one, else 1-based numbers for all. */
const keysOf = (rows: readonly Fields[]): string[] => {
  const given = rows.map((row) => {
    const value = row.sequence_num
    const text = value === undefined || value === null || Array.isArray(value) ? undefined : textOf(value)
    return text === undefined || text.trim() === '' ? null : text
  })
  const distinct = given.every((one) => one !== null) && new Set(given).size === given.length
  return given.map((one, i) => (distinct ? (one as string) : String(i + 1)))
}

interface Row extends Judged {
  errors: RowFault[]
  warnings: RowFault[]
  overtaken: boolean
}

const absent = ({ field, code }: Reference): RowFault => ({ reason: 'absent', field, value: code })

/** The last good row of a code wins; those before it are told so. */
const overtake = (rows: readonly Row[], idField: string): void => {
  const last = new Map<string, number>()
  for (const [i, { code, errors }] of rows.entries()) if (code !== null && !errors.length) last.set(code, i)
  for (const [i, row] of rows.entries()) {
    const winner = row.code === null || row.errors.length ? undefined : last.get(row.code)
    if (winner === undefined || winner === i) continue
    row.overtaken = true
    row.warnings.push({ reason: 'twice', field: idField, value: row.code as string, expected: String(winner + 1) })
  }
}

/** Furthest that parents are followed into what is stored. */
const furthest = 64

/** The circles that these codes stand on, each code with its own; what only leads into one is on none. Every code is walked over once. */
const circlesOf = (codes: Iterable<string>, next: (code: string) => string | undefined): Map<string, string[]> => {
  const circles = new Map<string, string[]>()
  const over = new Set<string>()
  for (const first of codes) {
    const path: string[] = []
    const places = new Map<string, number>()
    let at: string | undefined = first
    while (at !== undefined && !over.has(at) && !places.has(at)) {
      places.set(at, path.length)
      path.push(at)
      at = next(at)
    }
    const from = at === undefined ? undefined : places.get(at)
    if (from !== undefined) {
      const ring = path.slice(from)
      for (const [i, code] of ring.entries()) circles.set(code, [...ring.slice(i), ...ring.slice(0, i), code])
    }
    for (const code of path) over.add(code)
  }
  return circles
}

const shownCircle = (circle: readonly string[]): string =>
  circle.length > 8 ? `${circle.slice(0, 7).join(' → ')} → … → ${circle.at(-1)}` : circle.join(' → ')

export const checkBatch = async (rules: Rules, rows: readonly Fields[], stored: Stored): Promise<Verdict[]> => {
  const { def } = rules
  const keys = keysOf(rows)
  const judged: Row[] = []
  for (const [i, row] of rows.entries()) {
    const one = rules.judge(row)
    judged.push({ ...one, errors: [...one.faults], warnings: [], overtaken: false })
    // ten thousand rows must not keep the other doors waiting
    if (i % 500 === 499) await new Promise((resolve) => setImmediate(resolve))
  }
  overtake(judged, def.idField)
  const live = judged.filter((row) => !row.errors.length && !row.overtaken)
  const own = new Map(live.map((row) => [row.code as string, row]))

  // what is referred to, object by object
  const wanted = new Map<string, Set<string>>()
  for (const row of live)
    for (const { to, code } of row.references) wanted.set(to, (wanted.get(to) ?? new Set<string>()).add(code))
  const there = new Map<string, ReadonlySet<string>>()
  for (const [object, codes] of wanted) there.set(object, await stored.existing(object, [...codes]))

  // circles: the batch's own parents first, and what is stored behind them
  const selves = [
    ...new Set(
      def.fields
        .filter((field) => field.references === def.code || field.references === def.apiName)
        .map(({ code }) => code),
    ),
  ]
  const isSelf = ({ to }: Reference): boolean => to === def.code || to === def.apiName
  const behind = new Map<string, Readonly<Record<string, string>>>()
  if (selves.length) {
    let ask = live.flatMap((row) => row.references.filter(isSelf).map(({ code }) => code))
    for (let step = 0; step < furthest && ask.length; step++) {
      const fresh = [...new Set(ask)].filter((code) => !own.has(code) && !behind.has(code))
      const found = fresh.length ? await stored.parents(selves, fresh) : new Map<string, Record<string, string>>()
      for (const code of fresh) behind.set(code, found.get(code) ?? {})
      ask = [...found.values()].flatMap((parents) => Object.values(parents))
    }
  }
  for (const field of selves) {
    const next = (code: string): string | undefined => {
      const row = own.get(code)
      return row ? row.references.find((one) => one.field === field)?.code : behind.get(code)?.[field]
    }
    const circles = circlesOf(own.keys(), next)
    for (const row of live) {
      const circle = circles.get(row.code as string)
      if (circle) row.errors.push({ reason: 'cycle', field, value: shownCircle(circle) })
    }
  }

  // a hard reference holds on to its row: what refers to a refused row of this batch is refused with it, however long the chain
  const stands = (one: Reference): boolean =>
    (there.get(one.to)?.has(one.code) ?? false) || (isSelf(one) && (own.get(one.code)?.errors.length ?? 1) === 0)
  const children = new Map<string, Row[]>()
  for (const row of live)
    for (const one of row.references)
      if (!one.soft && isSelf(one)) (children.get(one.code) ?? children.set(one.code, []).get(one.code))?.push(row)
  const refuse = (row: Row): Row[] => {
    if (row.errors.length) return []
    const broken = row.references.filter((one) => !one.soft && !stands(one))
    row.errors.push(...broken.map(absent))
    return broken.length ? (children.get(row.code as string) ?? []) : []
  }
  const asked = [...live, ...live.flatMap((row) => (row.errors.length ? (children.get(row.code as string) ?? []) : []))]
  for (let row = asked.pop(); row; row = asked.pop()) asked.push(...refuse(row))
  for (const row of live) {
    const loose = row.references.filter((one) => !stands(one))
    if (row.errors.length) {
      const told = new Set(row.errors.map(({ field }) => field))
      row.errors.push(...loose.filter((one) => !one.soft && !told.has(one.field)).map(absent))
    } else row.warnings.push(...loose.map(absent))
  }

  const turns = turnsOf(
    live.filter((row) => !row.errors.length),
    isSelf,
  )
  return judged.map(
    (row, i): Verdict => ({
      key: keys[i] as string,
      code: row.code,
      errors: row.errors,
      warnings: row.errors.length ? [] : row.warnings,
      turn: turns.get(row) ?? null,
      outcome: row.errors.length ? 'rejected' : row.overtaken ? 'overtaken' : null,
    }),
  )
}

/** Parents before children; circles have been refused. */
const turnsOf = (rows: readonly Row[], isSelf: (one: Reference) => boolean): Map<Row, number> => {
  const byCode = new Map(rows.map((row) => [row.code as string, row]))
  const turns = new Map<Row, number>()
  for (const first of rows) {
    const path = [first]
    const open = new Set(path)
    while (path.length) {
      const row = path.at(-1) as Row
      const parent = row.references
        .filter(isSelf)
        .flatMap((one) => byCode.get(one.code) ?? [])
        .find((one) => !turns.has(one) && !open.has(one))
      if (parent && !turns.has(row)) {
        path.push(parent)
        open.add(parent)
        continue
      }
      path.pop()
      if (!turns.has(row)) turns.set(row, turns.size)
    }
  }
  return turns
}
