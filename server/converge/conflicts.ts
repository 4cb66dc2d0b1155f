/**
 * A conflict that waits for a person (D4, ask): both records side by side, field by field as the flows join them, who changed what since they
 * last agreed, and what both are to hold where some of each is taken.
 */
import { stringify } from 'lossless-json'
import type { Connector } from '../doc/connector.ts'
import { type Content, type Fields, type Json, type Millis, opposite, type Side, sides } from '../doc/document.ts'
import { type Fault, sentence } from '../doc/fault.ts'
import type { Pair } from '../doc/flow.ts'
import { differing, printKey, unpackPrint } from '../doc/print.ts'
import { ownerOf } from '../map/owner.ts'
import { columnName, rowsName } from '../map/prints.ts'
import type { Sql } from '../store/sql.ts'
import type { Directory } from './engine.ts'
import type { LinkName } from './ids.ts'
import { preview } from './preview.ts'
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
  /** Sides whose value a flow brings to the other: only these can be taken. */
  takes: Side[]
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

type Joined = Pick<ConflictField, 'left' | 'right' | 'owner' | 'takes'>

/** Which field of one side stands for which of the other, whichever flow says it. Pure. */
const joined = ({ def }: Pair): Joined[] => {
  const found = new Map<string, Joined>()
  for (const from of sides) {
    const flow = def.flows[from]
    const back = def.flows[opposite(from)]
    for (const rule of flow?.mapping.fields ?? []) {
      const own = rule.from === undefined || rule.from.startsWith('$') ? null : rule.from
      if (own === null) continue
      const pairOf = from === 'left' ? { left: own, right: rule.to } : { left: rule.to, right: own }
      const key = JSON.stringify(pairOf)
      const owner = ownerOf(rule, back?.mapping.fields ?? [], from)
      const one = found.get(key) ?? {
        ...pairOf,
        owner: owner === 'left' || owner === 'right' ? owner : null,
        takes: [],
      }
      found.set(key, { ...one, takes: [...one.takes, from] })
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
  const fields: ConflictField[] = joined(pair).map(({ left: l, right: r, owner, takes }) => ({
    left: l,
    right: r,
    leftValue: l === null ? null : textOf(at(left.content, l)),
    rightValue: r === null ? null : textOf(at(right.content, r)),
    changed: sides.filter((side) => {
      const own = side === 'left' ? l : r
      return own !== null && moved[side].has(printKey(own))
    }),
    owner,
    takes,
  }))
  interface Rows {
    left: string
    right: string
    columns: Record<Side, Set<string>>
    takes: Side[]
  }
  const details = new Map<string, Rows>()
  for (const from of sides)
    for (const rule of pair.def.flows[from]?.mapping.details ?? []) {
      const [l, r] = from === 'left' ? [rule.from, rule.to] : [rule.to, rule.from]
      const columns = { left: new Set<string>(), right: new Set<string>() }
      const one: Rows = details.get(`${l}/${r}`) ?? { left: l, right: r, columns, takes: [] }
      one.takes.push(from)
      for (const field of rule.fields) {
        one.columns[opposite(from)].add(field.to)
        if (field.from !== undefined && !field.from.startsWith('$')) one.columns[from].add(field.from)
      }
      details.set(`${l}/${r}`, one)
    }
  for (const { left: l, right: r, columns, takes } of details.values()) {
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
      takes,
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

// ── some of each ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
/** Taken from `take`, but for these, which are taken from the other side. */
export interface Mixing {
  take: Side
  but: readonly { left: string | null; right: string | null }[]
}

/** `a.b` reaches into a; undefined takes the field away. */
const withField = (fields: Fields, path: string, value: Json | undefined): Fields => {
  const [step = '', ...rest] = path.split('.')
  if (rest.length) {
    const inner = fields[step]
    const isMap = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    return { ...fields, [step]: withField(isMap ? (inner as Fields) : {}, rest.join('.'), value) }
  }
  const { [step]: _before, ...others } = fields
  return value === undefined ? others : { ...others, [step]: value }
}

const isDetail = (content: Content, name: string): boolean => Object.hasOwn(content.detailFieldVals, name)

/**
 * What both records hold once some of each is taken, each in its own words: values come to the other side by the very flows that would
 * carry them. A sentence where they cannot.
 */
export const mixed = async (
  sql: Sql,
  connector: (connectionId: string) => Connector | undefined,
  pair: Pair,
  conflict: Conflict,
  { take, but }: Mixing,
  now: Millis,
): Promise<Record<Side, Content> | string> => {
  const other = opposite(take)
  if (conflict.left.voided || conflict.right.voided) return 'a voided record is taken as a whole'
  for (const one of but) {
    const known = conflict.fields.find(({ left, right }) => left === one.left && right === one.right)
    if (!known?.takes.includes(other)) return `no flow brings ${one[other] ?? '?'} from the ${other} side`
  }
  const carried = async (from: Side, record?: Content): Promise<{ source: Content; mapped: Content } | string> => {
    const made = await preview(sql, connector, { pair, from, id: conflict[from].id, now, ...(record && { record }) })
    if (made?.mapped) return { source: made.source.content, mapped: made.mapped.content }
    const fault: Fault | undefined = made && 'fault' in made.would ? made.would.fault : undefined
    return fault ? sentence(fault) : `the ${from} record cannot be mapped`
  }
  const theirs = await carried(other)
  if (typeof theirs === 'string') return theirs
  const ours = await documents(sql, [
    {
      tenant_id: pair.def.tenantId,
      connection_id: pair.def[take].connectionId,
      object: pair.def[take].object,
      data_id: conflict[take].id,
    },
  ])
  const own = ours[0]?.content
  if (!own) return `the ${take} record is not staged`
  const taken = but.reduce<Content>((content, one) => {
    const name = one[take] ?? ''
    if (isDetail(content, name) || isDetail(theirs.mapped, name)) {
      const rows = theirs.mapped.detailFieldVals[name] ?? []
      return { ...content, detailFieldVals: { ...content.detailFieldVals, [name]: rows } }
    }
    return { ...content, masterFieldVal: withField(content.masterFieldVal, name, at(theirs.mapped, name)) }
  }, own)
  const brought = await carried(take, taken)
  if (typeof brought === 'string') return brought
  const kept = new Set(but.map((one) => one[other]))
  const there: Content = {
    masterFieldVal: Object.entries(brought.mapped.masterFieldVal).reduce(
      (fields, [name, value]) => (kept.has(name) ? fields : withField(fields, name, value)),
      theirs.source.masterFieldVal,
    ),
    detailFieldVals: {
      ...theirs.source.detailFieldVals,
      ...Object.fromEntries(Object.entries(brought.mapped.detailFieldVals).filter(([name]) => !kept.has(name))),
    },
  }
  return take === 'left' ? { left: taken, right: there } : { left: there, right: taken }
}
