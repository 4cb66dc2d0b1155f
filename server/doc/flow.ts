/** What an administrator declares about systems and what travels between them: connections, pairs, flows, mappings. */
import type { Charset } from '../../protocol/charset.ts'
import type { Locale } from '../../protocol/codes.ts'
import type { Content, Document, Fields, Json, Millis, Operation, Side } from './document.ts'
import type { Fault } from './fault.ts'
import type { WhenDef } from './object.ts'
import type { DetailIds, RowIds } from './outcome.ts'
import type { Print } from './print.ts'
import type { EventShape, QueueDef } from './queue.ts'

/** How a target lets us recognise an earlier create (R2). */
export type Recognise = 'byId' | 'byWindow' | 'externalIdUnique' | 'idempotencyHeader' | 'none'

/** Where a value stands in a request. */
export interface Carrier {
  in: 'header' | 'query'
  name: string
}

/** OAuth2 client credentials, and token interfaces like it. */
export interface OAuth2Def {
  tokenUrl: string
  clientId: string
  clientSecret: string
  /** `basic`: as HTTP basic; `body`: as members `idName` and `secretName` of the request. */
  clientIn: 'basic' | 'body'
  bodyAs: 'form' | 'json'
  idName: string
  secretName: string
  /** Empty: the member `grant_type` is left out. */
  grantType: string
  /** Name of that member, where it is another one. */
  grantName?: string
  /** A query parameter that is to be new with every request for a token. */
  freshQuery?: string
  /** Further members of the request; secrets like the client's own. */
  params: Record<string, string>
  tokenPath: string
  /** Seconds that the token lives; absent there: `lifetime`. */
  expiresPath: string
  lifetime: Millis
  /** So long before its end a new token is asked for, while the old one goes on being used. */
  refreshBefore: Millis
  /** Business codes of the target that say that the token is not valid, beside HTTP 401. */
  tokenCodes: string[]
  carry: Carrier & { prefix: string }
}

/** `sortedQuery`: parameters by name, `a=1&b=2`, decoded. `body`: its bytes. */
export type SignedPart =
  | 'method'
  | 'path'
  | 'query'
  | 'sortedQuery'
  | 'timestamp'
  | 'nonce'
  | 'body'
  | 'bodyMd5'
  | 'bodySha256'
  | 'secret'
  | { header: string }
  | { text: string }

export interface SignatureDef {
  algorithm: 'hmac-sha256' | 'md5'
  /** The HMAC's key, or the salt of MD5, which stands among the parts as `secret`. */
  secret: string
  sign: SignedPart[]
  join: string
  encoding: 'hex' | 'HEX' | 'base64' | 'base64url'
  put: Carrier & { prefix: string }
  timestamp?: Carrier & { format: 'epochMillis' | 'epochSeconds' | 'iso' | 'yyyyMMddHHmmss' }
  nonce?: Carrier
}

/** How calls prove who they are; any of these together. Secrets already filled in. */
export interface AuthDef {
  basic?: { user: string; password: string }
  apiKey?: Carrier & { value: string }
  oauth2?: OAuth2Def
  signature?: SignatureDef
  /** Kind `masterdata-batch`: the last part of our callback's address, and what callbacks are proved with. */
  callback?: { key: string; salt: string; formerSalt?: string }
}

export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun'

/** No calls between two times of the target's wall clock, as minutes of the day; `to` at or below `from` is on the next day. */
export interface QuietHours {
  from: number
  to: number
  /** Days on which it begins; absent: every day. */
  days?: Weekday[]
}

/** What a target may be asked for. */
export interface LimitsDef {
  concurrency: number
  /** Calls in any second, measured at the first byte. */
  perSecond?: number
  /**
   * How many may start back to back. `burst` calls in any `burst / perSecond` seconds: 100 calls per 20 s is
   * `{perSecond: 5, burst: 100}`. Absent: `perSecond`, so that no second holds more.
   */
  burst?: number
  /** So many calls in any stretch of so many milliseconds. */
  per?: { calls: number; every: Millis }[]
  /** The same for each interface of its own: create, update, get … (what the connector calls a lane). */
  perInterface?: { calls: number; every: Millis }[]
  /** Calls in a calendar day of the connection's zone. */
  perDay?: number
  quiet?: QuietHours[]
  /** Rates hold for all nodes together, evenly paced; perDay always does. */
  acrossNodes?: boolean
}

/** A system with one of its account sets 连接器 / 账套. Durations in milliseconds. */
/** How bodies look on the wire; request and answer apart (contracts.md section 2, "Formats"). */
export interface FormatDef {
  request: 'json' | 'xml' | 'form' | 'text'
  answer: 'json' | 'xml' | 'form' | 'text'
  /** Of requests. */
  charset: Charset
  /** Of answers, whatever they say of themselves. Default: what they say, else UTF-8. */
  answerCharset?: Charset
  /** Default: by format and charset. */
  contentType?: string
  /** request: text. */
  templates?: { create?: string; update?: string; invalid?: string }
  /** answer: text. Named groups code, message, id; each the first that matches. */
  patterns?: string[]
  /** request: form. The whole body as JSON in this one field. */
  formField?: string
}

export interface ConnectionDef {
  tenantId: string
  connectionId: string
  kind: 'standard' | 'fxiaoke' | 'masterdata-batch'
  /** ERP connections are counted for `dataCenterId` (contracts.md section 1). */
  role: 'erp' | 'crm'
  baseUrl: string
  /** Header templates that go on every call, secrets already filled in. */
  headers: Record<string, string>
  auth?: AuthDef
  result: { codePath: string; messagePath: string; dataPath: string; successCodes: string[] }
  /** Default: JSON in UTF-8. */
  format?: FormatDef
  /** Business codes that say that nothing happened and time may heal it (O1). */
  refusedBeforeEffect: string[]
  /** Business codes that leave the effect open (O4). */
  unsureCodes: string[]
  /** Business codes that say "too fast": nothing happened, and the whole target waits (429 in words). */
  throttleCodes?: string[]
  /** Business codes that say that the day's quota is used up: the target waits until its midnight. */
  quotaCodes?: string[]
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
  limits: LimitsDef
  /** Single and batch query are offered. */
  readable: boolean
  zone: string
  pageSize: number
  /** No object is polled more often; absent: 6 minutes, the guide's figure. */
  pollFloor?: Millis
  /** Kind `fxiaoke`: in whose name its Open API is called, and what a write may set off there. */
  fxiaoke?: FxiaokeDef
  /** Kind `masterdata-batch`: how its batches are filled, and how their results come home. */
  batch?: OutBatchDef
  /** How its events name things; absent: as contracts.md does. */
  events?: EventShape
  /** Queues that bring its changes. */
  queues?: QueueDef[]
}

export interface FxiaokeDef {
  /** The enterprise account `ea`. */
  enterprise: string
  /** Id of the employee whose rights hold. */
  user: string
  triggerWorkFlow: boolean
  triggerApprovalFlow: boolean
}

/** Sending master-data batches to another system (contracts.md section 6). */
export interface OutBatchDef {
  /** Rows of one call. */
  maxRows: number
  /** A batch that is not full waits so long for more rows; longer as the quota shrinks. */
  fillFor: Millis
  /** Calls of one path in a calendar day and in a clock hour of the connection's zone, where the object does not say. */
  perDay: number
  perHour: number
  /** Our address as the target sees it; null: it is not asked to call back. */
  callbackUrl: string | null
  /** Callbacks must carry a Standard Webhooks signature as well. */
  signed: boolean
  /** The target tells the result of a batch by `GET {base}batches/{bizId}`. */
  query: boolean
  /** So long after a batch was taken in its result is waited for; then its rows are parked as unknown. */
  answerWithin: Millis
  /** Language of the target's sentences. */
  locale: Locale
  /** The former salt is accepted until then; null: as long as it is declared. */
  formerUntil: Millis | null
}

/** What becomes of a record whose reference is not mapped yet (D6). `default`: the rule's default is sent instead. */
export type Missing = 'wait' | 'pull' | 'stub' | 'empty' | 'default' | 'later' | 'park'
/** `whenEmpty`: where the target is known to have nothing there. `neverClear`: what the source empties is left out. */
export type WritePolicy = 'always' | 'whenEmpty' | 'onCreate' | 'neverClear'

export type DriftKind = 'unknown' | 'missing' | 'type' | 'option'
export type DriftPolicy = 'ignore' | 'warn' | 'park'

/** Something in a record that the declaration does not know of. */
export interface Finding {
  /** `unmapped`: an option that is not listed, and that the rule keeps, empties or replaces. */
  kind: DriftKind | 'unmapped'
  field: string
  sample?: string
}

/** A rule's name and the key under which a record is found by it. */
export interface MatchKey {
  rule: string
  key: string
}

/** Match before create, compiled: the keys of a record of either side, in the order of the rules. */
export interface Matching {
  source(content: Content): MatchKey[]
  target(content: Content): MatchKey[]
  rules: readonly string[]
}

/** A rule of match before create (D5): all its fields must have a value and say the same, normalised. */
export interface MatchField {
  from: string
  to: string
  as: 'exact' | 'code' | 'name' | 'phone' | 'mail'
}
export type MatchRule = MatchField[]

/** A mapping test: what a record must be mapped to. Bodies are JSON text, so that numbers stay as they are written. */
export interface MappingTest {
  name: string
  id: string
  /** Standard body: `{"masterFieldVal":{…},"detailFieldVals":{…}}`. */
  record: string
  /** The target's record, for an update and for what the target shows; absent: a create. */
  target?: string
  targetId?: string
  /** Target ids of referred records, by `pair/id`. */
  mapped?: Record<string, string>
  /** The moment of `$now`. */
  now?: string
  /** Fields that must come out so; a detail's rows all of them. */
  expect?: string
  /** Or the fault that must come out, by its code. */
  fault?: string
}

/** One entry of a mapping. Paths name master fields (`name`) or, inside a detail, fields of the row. */
export interface FieldRule {
  /** Target field. */
  to: string
  /**
   * Source field; absent for `value` and `formula`. `$id` is the record's own id in the source; in a detail, the row's. `$.field` reaches the
   * master from a row. `$params.name`, `$tenant`, `$source`, `$target` (connections), `$now`, `$today` are constants.
   */
  from?: string
  /** Computed (docs/formulas.md). */
  formula?: string
  /** A fixed value. */
  value?: string | number | boolean | null
  /** Used where the source has none. */
  default?: string | number | boolean
  /** Source option to target option. */
  options?: Record<string, string>
  unmapped?: 'park' | 'keep' | 'empty' | 'default'
  /** Reference through ID mapping: the pair that maps the referred object. `missing` is the policy of D6. */
  reference?: { pair: string; missing?: Missing }
  required?: boolean
  /** When the field is written. Default always. */
  write?: WritePolicy
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
  op:
    | 'eq'
    | 'ne'
    | 'in'
    | 'notIn'
    | 'gt'
    | 'ge'
    | 'lt'
    | 'le'
    | 'empty'
    | 'notEmpty'
    | 'startsWith'
    | 'contains'
    /** The record that the field names is, or is not, in the ID mapping of the pair `value`. */
    | 'mapped'
    | 'notMapped'
  value?: string | number | boolean | (string | number)[]
  /** Of the target's record, where it is known; a record that is not there yet is not held back. */
  of?: 'target'
}

/** What a field of the source is told of its record: the target's id, how it ended, why, when; or a field of the target's record. */
export type WriteBack = 'id' | 'status' | 'error' | 'time' | { field: string }

/** When both systems of a flow are compared by themselves 数据核对, over what, and what is sent again without being asked. */
export interface ReconcileDef extends WhenDef {
  /** Records changed so lately; absent: all. */
  last?: Millis
  /** What changed later than so long before the run is left for the next one: it may still be on its way. */
  lag: Millis
  repair: ('onlySource' | 'different')[]
  /** Where more than so many are found, none is sent again: a person looks first. */
  repairMost: number
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
  /** Source field to what it is told. No flow of the pair reads or writes these fields, so that telling ends where it begins. */
  writeBack?: Record<string, WriteBack>
  /** Match before create by rules over fields, the first that finds something decides. */
  match?: MatchRule[]
  mapping: Mapping
  /** Named values for rules and formulas; a map is an option map for LOOKUP. */
  params?: Record<string, string | number | boolean | Record<string, string | number | boolean>>
  /** What is done where a record does not fit its declaration. Absent: warn. */
  drift?: Partial<Record<DriftKind, DriftPolicy>>
  tests?: MappingTest[]
  reconcile?: ReconcileDef
  functions?: FlowFunctions
}

/** Functions of a flow, by name (docs/functions.md). */
export interface FlowFunctions {
  /** Sees and changes the source's record before it is mapped, or skips it. */
  beforeMapping?: string
  /** Sees and changes what is about to be sent. `fields`: what it writes beside the mapping (`checksum`, `lines.note`). */
  beforeWrite?: { function: string; fields: string[] }
  /** Is told of each call that was applied. */
  afterWrite?: string
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
  missing: Missing
}

/** What the link table says of a reference. */
export type Resolved = { targetId: string } | 'unmapped'
export const referenceKey = (r: { pairId: string; side: Side; id: string }): string => `${r.pairId}/${r.side}/${r.id}`

export interface MapInput {
  source: Document
  /** As it stands at its system, where `source` is what a function made of it: what is printed, and what drift is looked for in. */
  told?: Document
  /** What is staged of the target's record, for merged details. */
  target: Document | null
  targetId: string | null
  detailIds: DetailIds
  refs: ReadonlyMap<string, Resolved>
  now: Millis
  /** Print of what the target is known to hold, for `whenEmpty`; asked for only where a rule needs it. */
  known?: () => Print
  /** What was agreed of the source, for drift: a field that had a value and is gone. */
  agreed?: Print
  /** Told each rule's value, for the preview. */
  trace?: (step: RuleTrace) => void
}

/** What one rule made of a record. */
export interface RuleTrace {
  /** `name`, or `lines[0].qty`. */
  to: string
  from: string | null
  formula: string | null
  read: Json | undefined
  made: Json | undefined
  /** Why nothing is written: the policy, or an absent source. */
  left: 'absent' | 'policy' | 'reference' | 'fault' | null
}

export type Mapped =
  | {
      kind: 'mapped'
      outgoing: Outgoing
      print: Print
      later: Reference[]
      sourcePrint: Print
      /** What does not fit the declaration; absent: everything does. */
      findings?: Finding[]
    }
  | { kind: 'missing'; references: Reference[] }
  | { kind: 'faults'; faults: Fault[]; findings?: Finding[] }

/** A flow's mapping, compiled once per published revision. Pure; 10-40 µs a record. */
export interface Plan {
  readonly from: Side
  readonly def: FlowDef
  /** Prints the fields that this flow reads of a source document (D2). */
  sourcePrint(source: Document): Print
  /** `refs`: for conditions on what is mapped. */
  inScope(source: Document, refs: ReadonlyMap<string, Resolved>): boolean
  /** Conditions on the target's record; null: there are none. */
  targetAllows: ((target: Document) => boolean) | null
  /** Null: nothing is matched by fields. */
  matching: Matching | null
  /** What a function made of the body that is about to be sent, held against what it may change; faults where it did more. */
  rewrite(outgoing: Outgoing, answer: Content): { outgoing: Outgoing; print: Print } | { faults: Fault[] }
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
