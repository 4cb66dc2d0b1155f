/** The verdict on a seed, from what the two systems hold at the end; our rows only say which record belongs to which, and who still waits. */
import { type LinkRow, waitKey } from '../../server/converge/link.ts'
import { opposite, type Side, sides } from '../../server/doc/document.ts'
import type { Memory } from './memory.ts'
import type { Scenario } from './scenario.ts'
import type { SimulatedSystem, SystemRecord } from './system.ts'

export interface Verdict {
  seed: number
  scenario: Scenario
  lost: string[]
  duplicated: string[]
  stale: string[]
  stuck: string[]
  broken: string[]
  /** Faults that hit work in flight. */
  hits: number
  calls: number
}

export const violations = ['lost', 'duplicated', 'stale', 'stuck', 'broken'] as const
export type Violation = (typeof violations)[number]

export const isClean = (v: Verdict): boolean => violations.every((kind) => !v[kind].length)

export type Systems = Record<Side, SimulatedSystem>

/** The rows as they stand: of memory, or of the database that the seed ran on. */
export type Rows = Pick<Memory, 'links' | 'fetches'>

const linkOf = (rows: Rows, side: Side, id: string): LinkRow | undefined => {
  for (const l of rows.links.values()) if (l[`${side}_id`] === id) return l
  return undefined
}

/**
 * D6 and D7 together: the record that this one refers to was voided before it ever reached the other side, so it never will, and the row
 * waits for it, by name, as it must. So does a row that waits for one that waits so.
 */
export const waitsRightly = (
  s: Scenario,
  systems: Systems,
  rows: Rows,
  link: LinkRow,
  seen: ReadonlySet<number> = new Set(),
): boolean => {
  if (s.references === 'none' || link.left_id === null || seen.has(link.link_id)) return false
  const parentId = systems.left.records.get(link.left_id)?.fields.ref
  if (!parentId) return false
  const parent = linkOf(rows, 'left', parentId)
  if (!parent || parent.right_id !== null) return false
  const key = waitKey.reference('t', { pairId: 'p', side: 'left', id: parentId })
  if (link.state !== 'waiting' || link.wait_kind !== 'reference' || !link.wait_on?.includes(key)) return false
  return (
    systems.left.records.get(parentId)?.voided ||
    waitsRightly(s, systems, rows, parent, new Set([...seen, link.link_id]))
  )
}

/** Something is still to be done. */
export const isRestless = (s: Scenario, systems: Systems, rows: Rows): boolean => {
  for (const f of rows.fetches.values()) if (f.state === 'due') return true
  for (const l of rows.links.values()) {
    if (l.state !== 'idle' && l.state !== 'parked' && !(l.state === 'waiting' && waitsRightly(s, systems, rows, l)))
      return true
  }
  return false
}

const nameOf = (l: LinkRow): string => `link ${l.link_id} ${l.left_id}/${l.right_id}`

const stuckOf = (s: Scenario, systems: Systems, rows: Rows, told: boolean): string[] => {
  const stuck: string[] = told ? [] : ['notifications']
  for (const l of rows.links.values()) {
    if (l.state === 'idle' || waitsRightly(s, systems, rows, l)) continue
    stuck.push(`${nameOf(l)} ${l.state}${l.reason === null ? '' : `(${l.reason})`} ${l.fault ?? ''}`)
  }
  for (const f of rows.fetches.values()) if (f.state === 'due') stuck.push(`fetch ${f.data_id}`)
  return stuck
}

/** What is tied to a record on the other side, by its own word or by the other's, is one record. */
const duplicatesOf = (systems: Systems): string[] => {
  const duplicated: string[] = []
  for (const side of sides) {
    const tied = new Map<string, Set<string>>()
    const tie = (id: string, other: string): void => void tied.set(id, (tied.get(id) ?? new Set()).add(other))
    for (const r of systems[side].records.values()) if (r.sourceId !== null) tie(r.id, r.sourceId)
    for (const r of systems[opposite(side)].records.values()) if (r.sourceId !== null) tie(r.sourceId, r.id)
    for (const [id, others] of tied) if (others.size > 1) duplicated.push(`${id} -> ${[...others].join(', ')}`)
  }
  return duplicated
}

const linesOf = (text: (t: string | undefined) => string, r: SystemRecord): string =>
  r.lines
    .map((l) => text(l.item))
    .sort()
    .join('|')

/** What `from` says has to stand on the other side. */
const compare = (s: Scenario, systems: Systems, rows: Rows, from: Side, lost: string[], stale: string[]): void => {
  const text = (value: string | undefined): string =>
    s.normalises ? (value ?? '').trim().toLowerCase() : (value ?? '')
  for (const record of systems[from].records.values()) {
    const link = linkOf(rows, from, record.id)
    const waits = link !== undefined && waitsRightly(s, systems, rows, link)
    if (waits && s.references === 'wait') continue // nothing of it may travel
    const twinId = link?.[`${opposite(from)}_id`]
    const twin = twinId ? systems[opposite(from)].records.get(twinId) : undefined
    if (record.voided) {
      if (twin && !twin.voided) stale.push(`${record.id} is voided, ${twin.id} is not`)
      continue
    }
    if (!twin) {
      lost.push(`${record.id} never arrived (link ${link?.state} ${link?.reason})`)
      continue
    }
    if (twin.voided) stale.push(`${twin.id} is voided, ${record.id} is not`)
    for (const key of ['name', 'note'] as const) {
      if (text(twin.fields[key]) !== text(record.fields[key]))
        stale.push(`${record.id}.${key} = ${record.fields[key]}, ${twin.id} has ${twin.fields[key]}`)
    }
    if (s.references !== 'none' && from === 'left' && record.fields.ref && !waits) {
      const wanted = linkOf(rows, 'left', record.fields.ref)?.right_id
      if (twin.fields.ref !== wanted)
        stale.push(`${record.id}.ref -> ${record.fields.ref} (${wanted}), ${twin.id} has ${twin.fields.ref}`)
    }
    if (s.details && linesOf(text, record) !== linesOf(text, twin))
      stale.push(`${record.id} has rows ${linesOf(text, record)}, ${twin.id} has ${linesOf(text, twin)}`)
  }
}

/** What a record was when a person last wrote it; null: it was thrown away at some time. */
export type ByHand = Map<string, Record<string, string | undefined> | null>

/**
 * Where people wrote a record on one side only, nobody but them may have changed it there: an old word of the other side undid it else. Asked
 * where what is told says when it was true. Not of what was thrown away at some time, for a void is believed; nor of a target that makes what it
 * refuses, for what it made comes back as a record of its own, and the pair's policy says which of the two wins (decision 018).
 */
const undoneOf = (s: Scenario, systems: Systems, rows: Rows, byHand: ByHand): string[] => {
  const undone: string[] = []
  if (!s.stamps || s.notify !== 'event' || s.unproved > 0 || s.steps) return undone
  for (const side of sides)
    for (const record of systems[side].records.values()) {
      const last = byHand.get(record.id)
      const twinId = linkOf(rows, side, record.id)?.[`${opposite(side)}_id`]
      if (!last || (twinId && byHand.has(twinId))) continue
      for (const key of ['name', 'note'] as const)
        if (record.fields[key] !== last[key])
          undone.push(`${record.id}.${key} = ${record.fields[key]}, and its people last wrote ${last[key]}`)
    }
  return undone
}

/** `told`: no notification is under way any more. */
export const judge = (
  s: Scenario,
  systems: Systems,
  rows: Rows,
  told: boolean,
  byHand: ByHand,
): Pick<Verdict, 'lost' | 'duplicated' | 'stale' | 'stuck'> => {
  const lost: string[] = []
  const stale: string[] = []
  for (const side of s.twoWay ? sides : (['left'] as const)) compare(s, systems, rows, side, lost, stale)
  lost.push(...undoneOf(s, systems, rows, byHand))
  return { lost, stale, duplicated: duplicatesOf(systems), stuck: stuckOf(s, systems, rows, told) }
}

/** The invariants that one row can tell (I1-I3, I7): the first that it breaks. */
export const brokenInvariant = (l: LinkRow): string | null =>
  l.settled > l.generation
    ? 'I1'
    : l.left_agreed_version > l.left_version || l.right_agreed_version > l.right_version
      ? 'I1 versions'
      : l.state === 'idle' && l.settled !== l.generation
        ? 'I2'
        : l.sent_at !== null &&
            !(
              l.state === 'working' ||
              l.state === 'unknown' ||
              (l.state === 'parked' && (l.reason === 'unknown' || l.reason === 'conflict'))
            )
          ? 'I3'
          : l.sent_call === 'create' && l.sent_side !== null && l[`${l.sent_side}_id`] !== null
            ? 'I7'
            : null
