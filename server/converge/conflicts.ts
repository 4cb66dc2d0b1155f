/** A conflict that waits for a person (D4, ask): both records side by side, field by field as the flows join them, and who changed what since they last agreed. */
import { stringify } from 'lossless-json'
import { type Content, type Json, type Millis, opposite, type Side, sides } from '../doc/document.ts'
import type { Pair } from '../doc/flow.ts'
import { differing, printKey, unpackPrint } from '../doc/print.ts'
import { ownerOf } from '../map/owner.ts'
import { columnName, rowsName } from '../map/prints.ts'
import type { Sql } from '../store/sql.ts'
import type { Directory } from './engine.ts'
import type { LinkName } from './ids.ts'
import { documents } from './read.ts'

export interface ConflictField {
  /** Names on either side; null where the flow fills the other one by itself. */
  left: string | null
  right: string | null
  /** Values as text, numbers digit for digit; null = none. */
  leftValue: string | null
  rightValue: string | null
  /** Sides whose value is no longer what both agreed on. */
  changed: Side[]
  owner: Side | null
}

export interface Conflict {
  left: { id: string; version: number; sourceTime: Millis | null; voided: boolean }
  right: { id: string; version: number; sourceTime: Millis | null; voided: boolean }
  since: Millis | null
  fields: ConflictField[]
}

interface Row {
  left_id: string | null
  right_id: string | null
  left_version: number
  right_version: number
  left_agreed_print: Buffer | null
  right_agreed_print: Buffer | null
  since: Millis | null
}

const textOf = (value: Json | undefined): string | null =>
  value === undefined || value === null ? null : typeof value === 'string' ? value : (stringify(value) ?? null)

/** `a.b` reaches into a. */
const at = (content: Content, path: string): Json | undefined => {
  let here: Json | undefined = content.masterFieldVal
  for (const step of path.split('.')) {
    if (typeof here !== 'object' || here === null || Array.isArray(here) || !Object.hasOwn(here, step)) return undefined
    here = (here as { [key: string]: Json })[step]
  }
  return here
}

/** Which field of one side stands for which of the other, whichever flow says it. Pure. */
const joined = ({ def }: Pair): { left: string | null; right: string | null; owner: Side | null }[] => {
  const found = new Map<string, { left: string | null; right: string | null; owner: Side | null }>()
  for (const from of sides) {
    const flow = def.flows[from]
    const back = def.flows[opposite(from)]
    for (const rule of flow?.mapping.fields ?? []) {
      const own = rule.from === undefined || rule.from.startsWith('$') ? null : rule.from
      if (own === null) continue
      const pairOf = from === 'left' ? { left: own, right: rule.to } : { left: rule.to, right: own }
      const key = JSON.stringify(pairOf)
      const owner = ownerOf(rule, back?.mapping.fields ?? [], from)
      if (!found.has(key)) found.set(key, { ...pairOf, owner: owner === 'left' || owner === 'right' ? owner : null })
    }
  }
  return [...found.values()]
}

/** Null where it is no conflict of this kind any more, or one of its records is not staged. */
export const readConflict = async (
  sql: Sql,
  directory: Pick<Directory, 'pair'>,
  name: LinkName,
): Promise<Conflict | null> => {
  const pair = directory.pair(name.tenant_id, name.pair_id)
  const [row] = await sql<Row>`
    select left_id, right_id, left_version, right_version, left_agreed_print, right_agreed_print, since
    from link
    where tenant_id = ${name.tenant_id} and pair_id = ${name.pair_id} and link_id = ${name.link_id}
      and state = 'parked' and reason = 'conflict' and fault like '{"code":"conflict.both"%'`
  if (!pair || !row || row.left_id === null || row.right_id === null) return null
  const keyOf = (side: Side, id: string) => ({
    tenant_id: name.tenant_id,
    connection_id: pair.def[side].connectionId,
    object: pair.def[side].object,
    data_id: id,
  })
  const [left, right] = await documents(sql, [keyOf('left', row.left_id), keyOf('right', row.right_id)])
  if (!left || !right) return null
  const docs = { left, right }
  const moved = {
    left: new Set(differing(pair.print('left', left), unpackPrint(row.left_agreed_print))),
    right: new Set(differing(pair.print('right', right), unpackPrint(row.right_agreed_print))),
  }
  const fields: ConflictField[] = joined(pair).map(({ left: l, right: r, owner }) => ({
    left: l,
    right: r,
    leftValue: l === null ? null : textOf(at(left.content, l)),
    rightValue: r === null ? null : textOf(at(right.content, r)),
    changed: sides.filter((side) => {
      const own = side === 'left' ? l : r
      return own !== null && moved[side].has(printKey(own))
    }),
    owner,
  }))
  const details = new Map<string, { left: string; right: string; columns: Record<Side, Set<string>> }>()
  for (const from of sides)
    for (const rule of pair.def.flows[from]?.mapping.details ?? []) {
      const [l, r] = from === 'left' ? [rule.from, rule.to] : [rule.to, rule.from]
      const one = details.get(`${l}/${r}`) ?? { left: l, right: r, columns: { left: new Set(), right: new Set() } }
      for (const field of rule.fields) {
        one.columns[opposite(from)].add(field.to)
        if (field.from !== undefined && !field.from.startsWith('$')) one.columns[from].add(field.from)
      }
      details.set(`${l}/${r}`, one)
    }
  for (const { left: l, right: r, columns } of details.values()) {
    const names = { left: l, right: r }
    fields.push({
      left: l,
      right: r,
      leftValue: textOf(left.content.detailFieldVals[l]),
      rightValue: textOf(right.content.detailFieldVals[r]),
      changed: sides.filter((side) =>
        [rowsName(names[side]), ...[...columns[side]].map((column) => columnName(names[side], column))].some((key) =>
          moved[side].has(printKey(key)),
        ),
      ),
      owner: null,
    })
  }
  const told = (side: Side) => ({
    id: docs[side].data_id,
    version: docs[side].version,
    sourceTime: docs[side].source_time,
    voided: docs[side].operation === 'void',
  })
  return { left: told('left'), right: told('right'), since: row.since, fields }
}
