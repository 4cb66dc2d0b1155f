/** What an administrator declares about systems and what travels between them: connections, pairs, flows, mappings. */
import type { Content, Document, Fields, Millis, Operation, Side } from './document.ts'
import type { Fault } from './fault.ts'
import type { DetailIds, RowIds } from './outcome.ts'
import type { Print } from './print.ts'

/** How a target lets us recognise an earlier create (R2). */
export type Recognise = 'byId' | 'byWindow' | 'externalIdUnique' | 'idempotencyHeader' | 'none'

/** A system with one of its account sets 连接器 / 账套. Durations in milliseconds. */
export interface ConnectionDef {
  tenantId: string
  connectionId: string
  kind: 'standard' | 'fxiaoke' | 'masterdata-batch'
  /** ERP connections are counted for `dataCenterId` (contracts.md section 1). */
  role: 'erp' | 'crm'
  baseUrl: string
  /** Header templates that go on every call, secrets already filled in. */
  headers: Record<string, string>
  result: { codePath: string; messagePath: string; dataPath: string; successCodes: string[] }
  /** Business codes that say that nothing happened and time may heal it (O1). */
  refusedBeforeEffect: string[]
  /** Business codes that leave the effect open (O4). */
  unsureCodes: string[]
  /** Codes of a single query that mean: gone. */
  notFoundCodes: string[]
  /** Codes of a create's refusal that prove that nothing was created (O2). */
  refusedCodes: string[]
  recognise: Recognise
  /** externalIdUnique: code of the duplicate refusal, and where its answer tells the id. */
  duplicate?: { codes: string[]; idPath: string }
  /** How long the target keeps idempotency keys. */
  keyKept: Millis
  /** The target's longest processing time of one call (R1). */
  longestProcessing: Millis
  /** Total deadline of one call. */
  timeout: Millis
  /** How late an event or a reading of this system may show a record (D5, default 1 h). */
  lateness: Millis
  /** Overlap of read windows (R2), default 10 min. */
  overlap: Millis
  limits: { concurrency: number; perSecond?: number; burst?: number; perDay?: number }
  /** Single and batch query are offered. */
  readable: boolean
  zone: string
  pageSize: number
}

/** One entry of a mapping. Paths name master fields (`name`) or, inside a detail, fields of the row. */
export interface FieldRule {
  /** Target field. */
  to: string
  /** Source field; absent for `value`. `$id` is the record's own id in the source; in a detail, the row's. `$.field` reaches the master from a row. */
  from?: string
  /** A fixed value. */
  value?: string | number | boolean | null
  /** Used where the source has none. */
  default?: string | number | boolean
  /** Source option to target option. */
  options?: Record<string, string>
  unmapped?: 'park' | 'keep' | 'empty' | 'default'
  /** Reference through ID mapping: the pair that maps the referred object. `missing` is the policy of D6. */
  reference?: { pair: string; missing?: 'wait' | 'pull' | 'empty' | 'later' | 'park' }
  required?: boolean
  /** D4, policy `field`: the side whose value of this field wins. */
  owner?: Side
}

export interface DetailRule {
  from: string
  to: string
  /** What happens to target rows that the source does not have. */
  policy: 'replace' | 'merge'
  fields: FieldRule[]
}

export interface Mapping {
  fields: FieldRule[]
  details: DetailRule[]
}

/** A condition on the master fields; all of a list must hold (数据范围). */
export interface Condition {
  field: string
  op: 'eq' | 'ne' | 'in' | 'notIn' | 'gt' | 'ge' | 'lt' | 'le' | 'empty' | 'notEmpty' | 'startsWith' | 'contains'
  value?: string | number | boolean | (string | number)[]
}

export interface FlowDef {
  from: Side
  state: 'enabled' | 'paused' | 'disabled'
  scope: Condition[]
  actions: { create: boolean; update: boolean; void: 'skip' | 'invalid' | { field: string; value: string } }
  /** Leaving the scope after it was written. */
  leavingScope: 'leave' | 'void'
  /** `null` from the source, after the overlap (A2). */
  goneAtSource: 'keep' | 'void'
  /** A push of a record that was voided (D7). */
  repush: 'update' | 'new' | 'park'
  /** Match before create by the mapped source id (D5). */
  matchBeforeCreate: boolean
  mapping: Mapping
}

/** Two objects whose records are joined 对象映射, with at most one flow each way. */
export interface PairDef {
  tenantId: string
  pairId: string
  left: { connectionId: string; object: string }
  right: { connectionId: string; object: string }
  /** Both changed (D4). */
  conflict: 'left' | 'right' | 'latest' | 'field' | 'ask'
  flows: Partial<Record<Side, FlowDef>>
}

/** What a target record is known or wanted to hold, ready to send. */
export interface Outgoing {
  object: string
  /** Target id; null for a create. */
  targetId: string | null
  content: Content
  /** Row keys of the source in the order of the rows sent, by target detail; null for rows that the source does not have. */
  sourceRows: { [targetDetail: string]: (string | null)[] }
  /** The source's record, for the external-id field and for recognition. */
  sourceId: string
}

/** A reference that a record makes: `pair` maps the referred object; the id is the source's. */
export interface Reference {
  pairId: string
  /** The side of that pair on which the referred record lives. */
  side: Side
  id: string
  field: string
  missing: 'wait' | 'pull' | 'empty' | 'later' | 'park'
}

/** What the link table says of a reference. */
export type Resolved = { targetId: string } | 'unmapped'
export const referenceKey = (r: { pairId: string; side: Side; id: string }): string => `${r.pairId}/${r.side}/${r.id}`

export interface MapInput {
  source: Document
  /** What is staged of the target's record, for merged details. */
  target: Document | null
  targetId: string | null
  detailIds: DetailIds
  refs: ReadonlyMap<string, Resolved>
  now: Millis
}

export type Mapped =
  | { kind: 'mapped'; outgoing: Outgoing; print: Print; later: Reference[]; sourcePrint: Print }
  | { kind: 'missing'; references: Reference[] }
  | { kind: 'faults'; faults: Fault[] }

/** A flow's mapping, compiled once per published revision. Pure; 10-40 µs a record. */
export interface Plan {
  readonly from: Side
  readonly def: FlowDef
  /** Prints the fields that this flow reads of a source document (D2). */
  sourcePrint(source: Document): Print
  inScope(source: Document): boolean
  references(source: Document): Reference[]
  /**
   * Maps a document. References with `missing: later | empty` that are unmapped leave their field out; `later` lists them, and the
   * fields they feed are left out of `sourcePrint` of the result so that D2 sees them as changed until they are filled.
   */
  apply(input: MapInput): Mapped
  /** Prints the fields that this flow writes, as a target document shows them (D3, R3). */
  targetPrint(target: Document): Print
  /**
   * Prints what was sent, with the target's row ids once they are known: as answered, in the order of the rows sent. `print`: its print
   * without them, where it is at hand, so that only the details need printing again.
   */
  sentPrint(outgoing: Outgoing, rowIds?: RowIds, print?: Print): Print
}

/** A pair as the engine uses it: definitions, both connections, both compiled flows (only those that are not disabled). */
export interface Pair {
  def: PairDef
  connection: Record<Side, ConnectionDef>
  plans: Partial<Record<Side, Plan>>
  /** Prints every field that any flow reads or writes of that side's document. */
  print(side: Side, document: Document): Print
  idField: Record<Side, string>
}

export type { Operation, Fields }
