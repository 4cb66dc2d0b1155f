/** One sandbox system as a pure state machine: `decide` says what a call would answer and change, `apply` makes the change. */
import { createHash } from 'node:crypto'
import { Decimal } from 'decimal.js'
import { exactNumber, isExactNumber, isJsonObject, type Json, type JsonObject, readJson, textOf } from './json.ts'
import { type DetailDef, type Field, type ObjectDef, SOURCE_ID, VOIDED } from './objects.ts'

export type Recognise = 'byId' | 'byWindow' | 'externalIdUnique' | 'idempotencyHeader' | 'none'
export const recogniseModes: readonly Recognise[] = [
  'byId',
  'byWindow',
  'externalIdUnique',
  'idempotencyHeader',
  'none',
]

export type WriteCall = 'create' | 'update' | 'invalid'
export type Operation = 'create' | 'update' | 'void'

/** A record. Its fields are kept as JSON text: queries answer it verbatim, and 100,000 of them fit in memory. */
export type Held = {
  readonly id: string
  readonly sourceId: string | null
  readonly master: string
  readonly details: string
  readonly voided: boolean
  readonly createdAt: number
  /** The stamp the record shows, wrong clock included. */
  readonly modifiedAt: number
  /** The same moment by the right clock; strictly greater with each change of the record. */
  readonly trueAt: number
  /** Batch queries do not show the record before this moment (late visibility). */
  readonly visibleAt: number
  readonly versions: number
}

/** What a call did, complete: written to the journal first, then applied; a start replays the same thing. */
export type Change = {
  object: string
  op: Operation
  held: Held
  /** Numbers given out so far, for the record and per detail, so that an id is never given twice over restarts. */
  given: { record: number; rows: Record<string, number> }
}

type Table = {
  def: ObjectDef
  rows: Map<string, Held>
  bySource: Map<string, string[]>
  /** Every change in order of its stamp; an entry that is no longer in `rows` is stale and swept now and then. */
  order: Held[]
  sorted: boolean
  given: { record: number; rows: Record<string, number> }
}

type KeptAnswer = { hash: string; at: number; outcome: Outcome }

export type State = { tables: Map<string, Table>; keys: Map<string, KeptAnswer>; recognise: Recognise }

/** What the system would answer: code, sentence, `data` as JSON text, and the record concerned. */
export type Outcome = { code: string; message: string; data: string | null; id: string | null }
export type Decision = Outcome & {
  change: Change | null
  /** Set where this answer has to be kept under the call's idempotency key. */
  keep?: { key: string; hash: string }
  /** The answer is the kept one of an earlier call with the same key. */
  replayed?: boolean
}

/** What a search found: the ids of its page, and how many there are in all. */
export type Found = Decision & { ids: string[]; total: number }

/** Bends a write: a wrong clock, late visibility, a system that normalises, one that loses detail rows. */
export type Bend = {
  shift: number
  visibleIn: number
  dropEvery: number
  normalise: { trim: boolean; case: 'upper' | 'lower' | 'keep'; numbers: boolean } | null
}
export const straight: Bend = { shift: 0, visibleIn: 0, dropEvery: 0, normalise: null }

export type WriteRequest = {
  call: WriteCall
  /** The body as it came; may be empty for `invalid`. */
  text: string
  body: JsonObject | null
  headerId: string | null
  headerObject: string | null
  operationType: string | null
  key: string | null
}

export const KEY_KEPT_MS = 24 * 3_600_000
export const PAGE_MAX = 10_000

const OK = '成功'

export const newState = (defs: Map<string, ObjectDef>): State => ({
  tables: new Map(
    [...defs.values()].map((def) => [
      def.name,
      {
        def,
        rows: new Map(),
        bySource: new Map(),
        order: [],
        sorted: true,
        given: { record: 0, rows: Object.fromEntries([...def.details.keys()].map((name) => [name, 0])) },
      },
    ]),
  ),
  keys: new Map(),
  recognise: 'byWindow',
})

/** A business refusal: HTTP 200, a code, a sentence naming field and value. Thrown inside `decide` only, caught there. */
class Refusal extends Error {
  readonly code: string
  readonly data: string | null
  constructor(code: string, message: string, data: string | null = null) {
    super(message)
    this.code = code
    this.data = data
  }
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

const refuse = (code: string, message: string, data: string | null = null): never => {
  throw new Refusal(code, message, data)
}

const answered = (run: () => Decision): Decision => {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { code: error.code, message: error.message, data: error.data, id: null, change: null }
  }
}

const isEmpty = (value: Json | undefined): boolean => value === undefined || value === null || value === ''

const DECIMAL = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/

const checkField = (state: State, path: string, field: Field, value: Json | undefined): void => {
  if (isEmpty(value)) {
    if (field.required) refuse('400101', `${path} is required`)
    return
  }
  const text = textOf(value)
  switch (field.kind) {
    case 'text':
    case 'date':
      return
    case 'decimal':
      if (text === null || !DECIMAL.test(text)) refuse('400103', `${path}: ${shown(value)} is not a decimal number`)
      return
    case 'option':
      if (text === null || !field.options.includes(text))
        refuse('400102', `${path}: ${shown(value)} is not one of ${field.options.join(', ')}`)
      return
    case 'reference':
      if (text === null || !state.tables.get(field.to)?.rows.has(text))
        refuse('400104', `${path}: ${shown(value)} does not exist in ${field.to}`)
  }
}

const checkFields = (state: State, at: string, fields: Map<string, Field>, values: JsonObject): void => {
  for (const field of fields.values()) checkField(state, `${at}.${field.name}`, field, values[field.name])
}

const normalised = (bend: Bend, field: Field | undefined, value: Json): Json => {
  const how = bend.normalise
  if (how === null) return value
  if (field?.kind === 'decimal' || (field === undefined && isExactNumber(value))) {
    const text = textOf(value)
    if (!how.numbers || text === null || !DECIMAL.test(text)) return value
    const short = new Decimal(text).toFixed()
    return isExactNumber(value) ? exactNumber(short) : short
  }
  if (typeof value !== 'string' || (field !== undefined && field.kind !== 'text')) return value
  const trimmed = how.trim ? value.trim() : value
  return how.case === 'upper' ? trimmed.toUpperCase() : how.case === 'lower' ? trimmed.toLowerCase() : trimmed
}

/** Copies what a caller gave, without what the sandbox owns; `sourceId` is an id and never normalised. */
const copyGiven = (
  into: JsonObject,
  given: JsonObject,
  owned: string[],
  fields: Map<string, Field>,
  bend: Bend,
): void => {
  const asIs = bend.normalise === null
  for (const name of Object.keys(given)) {
    if (owned.includes(name)) continue
    const value = given[name] as Json
    const kept = asIs || name === SOURCE_ID ? value : normalised(bend, fields.get(name), value)
    if (name !== '__proto__') into[name] = kept
    else Object.defineProperty(into, name, { value: kept, enumerable: true, configurable: true, writable: true })
  }
}

type Given = { table: Table; master: JsonObject; details: Map<DetailDef, JsonObject[]> }

/** Body shape (contracts.md section 2). An unknown detail is refused: keeping it silently would hide a wrong mapping. */
const readGiven = (state: State, request: WriteRequest): Given => {
  const { body } = request
  const name = body === null ? request.headerObject : textOf(body.objAPIName ?? request.headerObject)
  if (body === null && request.call !== 'invalid')
    refuse('400002', 'the body is empty; expected {"objAPIName", "masterFieldVal"}')
  if (name === null || name === '') refuse('400002', 'objAPIName is missing')
  const table = state.tables.get(name as string) ?? refuse('404001', `object ${shown(name)} does not exist`)
  const master = body?.masterFieldVal
  if (!isJsonObject(master) && !(request.call === 'invalid' && (master === undefined || master === null)))
    refuse('400002', 'masterFieldVal is not an object')
  return { table, master: isJsonObject(master) ? master : {}, details: readDetails(table.def, body?.detailFieldVals) }
}

const readDetails = (def: ObjectDef, given: Json | undefined): Map<DetailDef, JsonObject[]> => {
  const found = new Map<DetailDef, JsonObject[]>()
  if (given === undefined || given === null) return found
  if (!isJsonObject(given)) return refuse('400002', 'detailFieldVals is not an object')
  for (const [name, rows] of Object.entries(given)) {
    const detail = def.details.get(name) ?? refuse('400107', `${def.name} has no detail ${shown(name)}`)
    if (rows === null) continue
    if (!Array.isArray(rows)) return refuse('400002', `detailFieldVals.${name} is not an array`)
    const bad = rows.findIndex((row) => !isJsonObject(row))
    if (bad !== -1) refuse('400002', `detailFieldVals.${name}[${bad}] is not an object`)
    found.set(detail, rows as JsonObject[])
  }
  return found
}

const idFrom = (prefix: string, count: number): string => `${prefix}-${String(count).padStart(6, '0')}`

/** Full replacement of one detail: known ids update, rows without id are added, rows not mentioned go. */
const mergeRows = (
  detail: DetailDef,
  given: JsonObject[],
  prior: JsonObject[],
  counted: Record<string, number>,
  bend: Bend,
) => {
  const known = new Map(prior.map((row) => [textOf(row[detail.idField]), row]))
  const seen = new Set<string>()
  const rows: JsonObject[] = []
  const ids: string[] = []
  given.forEach((row, index) => {
    const at = `${detail.name}[${index}]`
    const id = isEmpty(row[detail.idField]) ? null : textOf(row[detail.idField])
    const before = id === null ? undefined : known.get(id)
    if (id !== null && before === undefined)
      refuse('404003', `${at}.${detail.idField}: ${shown(id)} is no row of this record`)
    if (id !== null && seen.has(id)) refuse('400108', `${at}.${detail.idField}: ${shown(id)} is given twice`)
    if (id !== null) seen.add(id)
    if (bend.dropEvery > 0 && (index + 1) % bend.dropEvery === 0) {
      if (before !== undefined) rows.push(before)
      return
    }
    const count = (counted[detail.name] ?? 0) + (id === null ? 1 : 0)
    counted[detail.name] = count
    const own = id ?? idFrom(detail.prefix, count)
    const merged: JsonObject = { ...(before ?? { [detail.idField]: own }) }
    copyGiven(merged, row, [detail.idField], detail.fields, bend)
    rows.push(merged)
    ids.push(own)
  })
  return { rows, ids }
}

type Rows = Record<string, JsonObject[]>

const writtenData = (id: string, detailIds: Record<string, string[]>): string =>
  `{"masterDataId":${JSON.stringify(id)},"detailDataIds":${JSON.stringify(detailIds)}}`

const checkUnique = (state: State, table: Table, sourceId: string | null, own: string | null): void => {
  if (state.recognise !== 'externalIdUnique' || sourceId === null) return
  const other = table.bySource.get(sourceId)?.find((id) => id !== own)
  if (other !== undefined)
    refuse(
      '409001',
      `${table.def.name}.${SOURCE_ID}: ${shown(sourceId)} exists already, it is ${other}`,
      `{"masterDataId":${JSON.stringify(other)}}`,
    )
}

const sourceIdOf = (master: JsonObject): string | null => textOf(master[SOURCE_ID] ?? null) || null

const create = (state: State, { table, master, details }: Given, now: number, bend: Bend): Decision => {
  const { def } = table
  const given = { record: table.given.record + 1, rows: { ...table.given.rows } }
  const id = idFrom(def.prefix, given.record)
  const fields: JsonObject = { [def.idField]: id }
  copyGiven(fields, master, [def.idField, def.timeField, VOIDED], def.fields, bend)
  checkFields(state, def.name, def.fields, fields)
  const sourceId = sourceIdOf(fields)
  checkUnique(state, table, sourceId, null)

  const rows: Rows = {}
  const detailIds: Record<string, string[]> = {}
  for (const detail of def.details.values()) {
    const asked = details.get(detail)
    // A row id in a create would be somebody else's: row ids are given out here, like the record's own.
    const fresh = asked?.map((row) => ({ ...row, [detail.idField]: null })) ?? []
    const merged = mergeRows(detail, fresh, [], given.rows, bend)
    merged.rows.forEach((row, index) => checkFields(state, `${detail.name}[${index}]`, detail.fields, row))
    rows[detail.name] = merged.rows
    if (asked !== undefined) detailIds[detail.name] = merged.ids
  }
  fields[def.timeField] = now + bend.shift
  const held: Held = {
    id,
    sourceId,
    master: JSON.stringify(fields),
    details: JSON.stringify(rows),
    voided: false,
    createdAt: now,
    modifiedAt: now + bend.shift,
    trueAt: now,
    visibleAt: now + bend.visibleIn,
    versions: 1,
  }
  const change: Change = { object: def.name, op: 'create', held, given }
  return { code: '0', message: OK, data: writtenData(id, detailIds), id, change }
}

/** The target of an update or void: the id field inside the master fields, or header `id`. Both and different: refused. */
const target = (table: Table, master: JsonObject, request: WriteRequest): Held => {
  const inside = isEmpty(master[table.def.idField]) ? null : textOf(master[table.def.idField])
  const { headerId } = request
  if (inside !== null && headerId !== null && inside !== headerId)
    refuse('400105', `${table.def.name}.${table.def.idField} is ${shown(inside)}, header id is ${shown(headerId)}`)
  const id =
    inside ??
    headerId ??
    refuse('400105', `neither ${table.def.name}.${table.def.idField} nor header id names a record`)
  return table.rows.get(id) ?? refuse('404002', `${table.def.name} ${shown(id)} does not exist`)
}

/** The next state of a record. Stamps of one record grow strictly, so that its versions can be told apart by them. */
const next = (before: Held, now: number, bend: Bend, change: Partial<Held>): Held => {
  const trueAt = Math.max(now, before.trueAt + 1)
  return {
    ...before,
    ...change,
    trueAt,
    modifiedAt: trueAt + bend.shift,
    visibleAt: trueAt + bend.visibleIn,
    versions: before.versions + 1,
  }
}

const stamped = (fields: JsonObject, def: ObjectDef, held: Held): Held => {
  fields[def.timeField] = held.modifiedAt
  return { ...held, master: JSON.stringify(fields) }
}

/** Fields given replace, absent ones stay, empty text clears. An update of a voided record brings it back to life. */
const update = (
  state: State,
  { table, master, details }: Given,
  request: WriteRequest,
  now: number,
  bend: Bend,
): Decision => {
  const { def } = table
  const before = target(table, master, request)
  const given = { record: table.given.record, rows: { ...table.given.rows } }
  const fields = readJson(before.master) as JsonObject
  delete fields[VOIDED]
  copyGiven(fields, master, [def.idField, def.timeField, VOIDED], def.fields, bend)
  checkFields(state, def.name, def.fields, fields)
  const sourceId = sourceIdOf(fields)
  checkUnique(state, table, sourceId, before.id)

  const rows = readJson(before.details) as Rows
  const detailIds: Record<string, string[]> = {}
  for (const [detail, asked] of details) {
    const merged = mergeRows(detail, asked, rows[detail.name] ?? [], given.rows, bend)
    merged.rows.forEach((row, index) => checkFields(state, `${detail.name}[${index}]`, detail.fields, row))
    rows[detail.name] = merged.rows
    detailIds[detail.name] = merged.ids
  }
  const outcome = { code: '0', message: OK, data: writtenData(before.id, detailIds), id: before.id }
  const detailText = JSON.stringify(rows)
  if (!before.voided && detailText === before.details && JSON.stringify(fields) === before.master)
    return { ...outcome, change: null }
  const held = stamped(fields, def, next(before, now, bend, { sourceId, details: detailText, voided: false }))
  return { ...outcome, change: { object: def.name, op: 'update', held, given } }
}

/** Voids: kept, marked, idempotent. The contract's header must be there, else a client that forgets it would go unnoticed. */
const invalid = (_: State, { table, master }: Given, request: WriteRequest, now: number, bend: Bend): Decision => {
  if (request.operationType !== '3')
    refuse('400106', `header operationType is ${shown(request.operationType)}; invalid asks for 3`)
  const before = target(table, master, request)
  const outcome = { code: '0', message: OK, data: writtenData(before.id, {}), id: before.id }
  if (before.voided) return { ...outcome, change: null }
  const fields = readJson(before.master) as JsonObject
  fields[VOIDED] = 'true'
  const held = stamped(fields, table.def, next(before, now, bend, { voided: true }))
  return { ...outcome, change: { object: table.def.name, op: 'void', held, given: table.given } }
}

const hashOf = (request: WriteRequest): string =>
  createHash('sha256')
    .update(`${request.call}\n${request.headerId ?? ''}\n${request.text}`)
    .digest('base64')

const decideNew = (state: State, request: WriteRequest, now: number, bend: Bend): Decision =>
  answered(() => {
    const given = readGiven(state, request)
    switch (request.call) {
      case 'create':
        return create(state, given, now, bend)
      case 'update':
        return update(state, given, request, now, bend)
      case 'invalid':
        return invalid(state, given, request, now, bend)
    }
  })

/** What a write would answer and change now. Changes nothing: journal the decision, then `apply` and `keepAnswer`. */
export const decide = (state: State, request: WriteRequest, now: number, bend: Bend): Decision => {
  const { key } = request
  if (state.recognise !== 'idempotencyHeader' || key === null) return decideNew(state, request, now, bend)
  const hash = hashOf(request)
  const kept = state.keys.get(key)
  if (kept === undefined || kept.at + KEY_KEPT_MS < now)
    return { ...decideNew(state, request, now, bend), keep: { key, hash } }
  if (kept.hash === hash) return { ...kept.outcome, change: null, replayed: true }
  const message = `Idempotency-Key ${shown(key)} was used with another body`
  return { code: '409002', message, data: null, id: null, change: null }
}

export const keepAnswer = (state: State, key: string, kept: KeptAnswer): void => {
  state.keys.delete(key) // a key that is used again after its time moves to the young end of the map
  state.keys.set(key, kept)
  for (const [old, { at }] of state.keys) {
    if (at + KEY_KEPT_MS >= kept.at) break
    state.keys.delete(old)
  }
}

const forgetSource = (table: Table, held: Held): void => {
  if (held.sourceId === null) return
  const rest = (table.bySource.get(held.sourceId) ?? []).filter((id) => id !== held.id)
  if (rest.length === 0) table.bySource.delete(held.sourceId)
  else table.bySource.set(held.sourceId, rest)
}

const rememberSource = (table: Table, held: Held): void => {
  if (held.sourceId === null) return
  const ids = table.bySource.get(held.sourceId)
  if (ids === undefined) table.bySource.set(held.sourceId, [held.id])
  else ids.push(held.id)
}

/** Makes a decided change. The only writer of the state's records. */
export const apply = (state: State, change: Change): void => {
  const table = state.tables.get(change.object)
  if (table === undefined) throw new Error(`the journal names object ${change.object}, which is not declared`)
  const { held } = change
  const before = table.rows.get(held.id)
  if (before?.sourceId !== held.sourceId || before === undefined) {
    if (before !== undefined) forgetSource(table, before)
    rememberSource(table, held)
  }
  table.rows.set(held.id, held)
  table.given = change.given
  const last = table.order.at(-1)
  if (last !== undefined && last.modifiedAt > held.modifiedAt) table.sorted = false
  table.order.push(held)
  if (table.order.length > 2 * table.rows.size + 1_000) sweep(table)
}

const sweep = (table: Table): void => {
  table.order = table.order.filter((held) => table.rows.get(held.id) === held)
}

const recordJson = (object: string, held: Held, includeDetail: boolean): string =>
  `{"objAPIName":${JSON.stringify(object)},"masterFieldVal":${held.master}${includeDetail ? `,"detailFieldVals":${held.details}` : ''}}`

const tableFor = (state: State, object: string | null): Table => {
  if (object === null || object === '') return refuse('400002', 'objAPIName is missing')
  return state.tables.get(object) ?? refuse('404001', `object ${shown(object)} does not exist`)
}

/** `queryMasterById`. Unknown ids answer `data: null`; voided records are answered with `voided: "true"` among their fields. */
export const findById = (state: State, query: URLSearchParams): Decision =>
  answered(() => {
    const table = tableFor(state, query.get('objAPIName'))
    const asked = query.get('dataId') || refuse('400002', 'dataId is missing')
    const own = table.rows.get(asked)
    const byOurs = state.recognise === 'byId' ? table.bySource.get(asked)?.[0] : undefined
    const held = own ?? (byOurs === undefined ? undefined : table.rows.get(byOurs))
    const data = held === undefined ? 'null' : recordJson(table.def.name, held, query.get('includeDetail') === 'true')
    return { code: '0', message: OK, data, id: held?.id ?? asked, change: null }
  })

const whole = (query: URLSearchParams, name: string, fallback: number | null): number => {
  const text = query.get(name)
  if ((text === null || text === '') && fallback !== null) return fallback
  if (text === null || !/^-?\d{1,16}$/.test(text))
    return refuse('400002', `${name}: ${shown(text)} is not a whole number`)
  return Number(text)
}

const firstAtOrAfter = (order: Held[], stamp: number): number => {
  let low = 0
  let high = order.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((order[middle] as Held).modifiedAt < stamp) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * `queryMasterBatch`: changed in [startTime, endTime), by modify time, then as they were written. `arrange` stands in for a
 * system without an order. More than PAGE_MAX rows a page is refused rather than cut, since a short page means the end.
 */
export const findBatch = (
  state: State,
  query: URLSearchParams,
  now: number,
  arrange: ((held: Held[]) => Held[]) | null,
): Found => {
  let ids: string[] = []
  let total = 0
  const decision = answered(() => {
    const table = tableFor(state, query.get('objAPIName'))
    const [start, end] = [whole(query, 'startTime', null), whole(query, 'endTime', null)]
    const [offset, limit] = [whole(query, 'offset', 0), whole(query, 'limit', 100)]
    if (offset < 0) refuse('400002', `offset: ${offset} is below 0`)
    if (limit < 1 || limit > PAGE_MAX) refuse('400002', `limit: ${limit} is not within 1 and ${PAGE_MAX}`)
    if (!table.sorted) {
      sweep(table)
      table.order.sort((a, b) => a.modifiedAt - b.modifiedAt)
      table.sorted = true
    }
    const found: Held[] = []
    for (let index = firstAtOrAfter(table.order, start); index < table.order.length; index += 1) {
      const held = table.order[index] as Held
      if (held.modifiedAt >= end) break
      if (held.visibleAt <= now && table.rows.get(held.id) === held) found.push(held)
    }
    const page = (arrange === null ? found : arrange(found)).slice(offset, offset + limit)
    const includeDetail = query.get('includeDetail') === 'true'
    ids = page.map((held) => held.id)
    total = found.length
    const list = page.map((held) => recordJson(table.def.name, held, includeDetail)).join(',')
    return { code: '0', message: OK, data: `{"totalNum":${total},"dataList":[${list}]}`, id: null, change: null }
  })
  return { ...decision, ids, total }
}

/** The answer in the guide's shape. */
export const answerJson = ({ code, message, data }: Outcome): string =>
  `{"code":${JSON.stringify(code)},"message":${JSON.stringify(message)},"data":${data ?? 'null'}}`

/** The answer of a target that forgets to tell the ids of the detail rows. */
export const withoutDetailIds = (outcome: Outcome): Outcome =>
  outcome.code === '0' && outcome.id !== null
    ? { ...outcome, data: `{"masterDataId":${JSON.stringify(outcome.id)}}` }
    : outcome
