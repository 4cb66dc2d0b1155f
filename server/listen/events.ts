/** What an event says, whatever it calls things: their names become ours, and one event becomes a row or a hint (contracts.md section 3, A1, A2). */
import { isRefusal, type Refusal, refusal } from '../../protocol/codes.ts'
import { tooLong } from '../../protocol/headers.ts'
import { ofDefect, ofMisshape, ofReserved } from '../../protocol/refuse.ts'
import {
  find,
  Kind,
  kindOf,
  name,
  type Scan,
  scan,
  valueBytes,
  valueEnd,
  valueStart,
  valueText,
} from '../../protocol/scan.ts'
import { cut, emptyCut, partsOf, type Wanted, wantedOf } from '../../protocol/standard.ts'
import { isFine, sourceTime } from '../../protocol/time.ts'
import type { Arrival, Hint, Millis, RecordKey } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import { type EventShape, plainShape } from '../doc/queue.ts'

export const mostEvents = 500

/**
 * Whose events they are. `ordered`: the sender waits for each answer before it sends the record's next event (A2). `redelivers`: an event may
 * come again long after it was taken in, as queues do.
 */
export interface Sender {
  tenantId: string
  connectionId: string
  ordered?: boolean
  redelivers?: boolean
}

export interface EventConnection {
  zone: string
  /** The system can be asked for a record by id; where it cannot, bodies are merged (A2). */
  readable: boolean
  object(name: string): ObjectDef | undefined
  /** How its events name things; absent: as contracts.md does. */
  events?: EventShape | undefined
}

/** What one event becomes: a row for the door's statement, a hint that the record is to be read (A2), or nothing that is ours. */
export type EventRow = { row: Arrival } | { hint: Hint } | { skip: string }

export interface Source {
  sender: Sender
  connection: EventConnection
  traceId: string
  meta: string | undefined
}

interface Plan {
  wanted: Wanted
  format: string | undefined
  zone: string | undefined
  fine: boolean
  whole: boolean
}

const plans = new WeakMap<ObjectDef, Plan>()
const planOf = (def: ObjectDef): Plan => {
  const known = plans.get(def)
  if (known) return known
  const field = def.fields.find((f) => f.code === def.modifiedField)
  const plan = {
    wanted: wantedOf(def),
    format: field?.format,
    zone: field?.zone,
    fine: def.modifiedField !== undefined && isFine(def.modifiedGrain, field?.format),
    whole: def.bodies?.event === 'whole',
  }
  plans.set(def, plan)
  return plan
}

const ours = plainShape.names
const names = {
  tenantId: name('tenantId'),
  objectApiName: name('objectApiName'),
  dataId: name('dataId'),
  operation: name('operation'),
  changedAt: name('changedAt'),
  masterFieldVal: name('masterFieldVal'),
}

const wrong = (path: string, expected: string): Refusal => refusal('s306240002', 'shape', { path, expected })

/** The bytes at a dotted path, or null where nothing (or null) is there. The body must have been scanned. */
const bytesAt = (body: Buffer, path: string): Buffer | null => {
  let at = body
  for (const step of path.split('.')) {
    const result = scan(at, 1)
    if (!result.ok || result.scan.root !== Kind.object) return null
    const m = find(result.scan, -1, name(step))
    if (m < 0) return null
    at = valueBytes(result.scan, m)
  }
  return at.equals(nothing) ? null : at
}
const nothing = Buffer.from('null')

const textOf = (bytes: Buffer): string => {
  const value: unknown = bytes[0] === 0x22 ? JSON.parse(bytes.toString()) : bytes.toString()
  return String(value)
}

const own = <T>(map: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(map, key) ? map[key] : undefined

const isPlain = (shape: EventShape): boolean =>
  Object.keys(shape.operations).length === 0 &&
  Object.keys(shape.objects).length === 0 &&
  Object.keys(shape.details).length === 0 &&
  shape.tenants.length === 0 &&
  shape.time === null &&
  (Object.keys(ours) as (keyof typeof ours)[]).every((key) => shape.names[key] === ours[key])

/**
 * The event in our words, its values byte for byte: `{tenantId, objectApiName, dataId, operation, changedAt, masterFieldVal?, detailFieldVals?}`.
 * What is missing stays missing: what refuses it is the same for everybody, and names the place by their name.
 */
const inOurWords = (source: Source, shape: EventShape, event: Buffer): Buffer => {
  const { sender, connection } = source
  const parts: (string | Buffer)[] = []
  const put = (key: keyof typeof ours, value: string | Buffer | null): void => {
    if (value === null) return
    parts.push(parts.length ? ',' : '{', JSON.stringify(key), ':', value)
  }
  const at = (key: keyof typeof ours): Buffer | null => {
    const path = shape.names[key]
    return path === null ? null : bytesAt(event, path)
  }
  const translated = (bytes: Buffer | null, map: Readonly<Record<string, string>>): string | Buffer | null => {
    const word = bytes && own(map, textOf(bytes))
    return word === undefined ? bytes : word && JSON.stringify(word)
  }
  const tenant = at('tenantId')
  const isUs = shape.names.tenantId === null || (tenant !== null && shape.tenants.includes(textOf(tenant)))
  put('tenantId', isUs ? JSON.stringify(sender.tenantId) : tenant)
  put('objectApiName', translated(at('objectApiName'), shape.objects))
  put('dataId', at('dataId'))
  put('operation', shape.names.operation === null ? '"update"' : translated(at('operation'), shape.operations))
  const changed = at('changedAt')
  const moment = changed && shape.time ? sourceTime(textOf(changed), shape.time, connection.zone) : null
  put('changedAt', moment === null ? changed : String(moment))
  put('masterFieldVal', at('masterFieldVal'))
  put('detailFieldVals', at('detailFieldVals'))
  return Buffer.concat([
    ...parts.map((one) => (typeof one === 'string' ? Buffer.from(one) : one)),
    Buffer.from(parts.length ? '}' : '{}'),
  ])
}

/** The place as the sender knows it. */
const inTheirWords = (why: Refusal, shape: EventShape, prefix: string): Refusal => {
  const path = why.values?.path
  if (typeof path !== 'string') return why
  const [first = '', ...rest] = path.slice(prefix.length).split(/(?=[.[])/)
  const theirs = Object.hasOwn(shape.names, first) ? shape.names[first as keyof typeof ours] : null
  return theirs === null ? why : { ...why, values: { ...why.values, path: [prefix + theirs, ...rest].join('') } }
}

/** A member that must be text (or, where `digits` says so, a whole number), 1-128 characters. */
const textAt = (
  scanned: Scan,
  member: { text: string; bytes: Buffer },
  prefix: string,
  digits: boolean,
): string | Refusal => {
  const path = prefix + member.text
  const m = find(scanned, -1, member)
  const kind = m < 0 ? 0 : kindOf(scanned, m)
  if (kind !== Kind.string && !(digits && kind === Kind.number)) return wrong(path, 'text')
  const text = valueText(scanned, m)
  if (text === '' || tooLong(text) || (kind === Kind.number && !/^-?\d+$/.test(text))) return wrong(path, 'text')
  return text
}

const cause = {
  none: 'event without body',
  partial: 'partial event',
  unordered: 'unordered event',
  detail: 'detail event',
  void: 'void event',
} as const

/** Reads one event. `prefix` goes before paths (`[3].`). */
export const eventRow = (source: Source, event: Buffer, prefix: string): EventRow | Refusal => {
  const shape = source.connection.events
  if (!shape || isPlain(shape)) {
    const made = readEvent(source, shape ?? plainShape, event, event, prefix)
    return isRefusal(made) ? skipOther(made, shape ?? plainShape) : made
  }
  const first = scan(event, 1)
  if (!first.ok) return ofDefect(event, first.defect)
  if (first.scan.root !== Kind.object) return wrong(prefix.slice(0, -1) || '$', 'object')
  if (first.scan.reserved !== null) return ofReserved(prefix + first.scan.reserved)
  const made = readEvent(source, shape, inOurWords(source, shape, event), event, prefix)
  return isRefusal(made) ? skipOther(inTheirWords(made, shape, prefix), shape) : made
}

/** A queue that many read brings what is not ours; whether that is an error the configuration says. */
const skipOther = (why: Refusal, shape: EventShape): EventRow | Refusal =>
  shape.others === 'skip' && (why.reason === 'tenant' || why.reason === 'object') ? { skip: why.reason } : why

const readEvent = (
  source: Source,
  shape: EventShape,
  event: Buffer,
  raw: Buffer,
  prefix: string,
): EventRow | Refusal => {
  const { sender, connection } = source
  const result = scan(event)
  if (!result.ok) return ofDefect(event, result.defect)
  const scanned = result.scan
  if (scanned.root !== Kind.object) return wrong(prefix.slice(0, -1) || '$', 'object')

  const tenantId = textAt(scanned, names.tenantId, prefix, true)
  if (typeof tenantId === 'object') return tenantId
  if (tenantId !== sender.tenantId) return refusal('s306240002', 'tenant', { path: `${prefix}tenantId` })
  const object = textAt(scanned, names.objectApiName, prefix, false)
  if (typeof object === 'object') return object
  const dataId = textAt(scanned, names.dataId, prefix, true)
  if (typeof dataId === 'object') return dataId
  const operation = textAt(scanned, names.operation, prefix, false)
  if (typeof operation === 'object') return operation
  if (operation !== 'create' && operation !== 'update' && operation !== 'void')
    return wrong(`${prefix}operation`, 'create | update | void')
  const changed = find(scanned, -1, names.changedAt)
  const kind = changed < 0 ? 0 : kindOf(scanned, changed)
  const changedAt: Millis | null =
    kind === Kind.string || kind === Kind.number
      ? sourceTime(valueText(scanned, changed), undefined, connection.zone)
      : null
  if (changedAt === null && shape.names.changedAt !== null) return wrong(`${prefix}changedAt`, 'epoch ms | ISO 8601')

  const hintOf = (code: string, id: string, why: string): EventRow => ({
    hint: {
      tenant_id: sender.tenantId,
      connection_id: sender.connectionId,
      object: code,
      data_id: id,
      channel: 'event',
      operation: 'upsert',
      trace_id: source.traceId,
      raw,
      cause: why,
    },
  })
  // A row of a detail that is told by itself says that its master changed, whatever came first; the master is read whole.
  const detail = own(shape.details, object)
  if (detail) {
    const master = find(scanned, -1, names.masterFieldVal)
    const at = master < 0 ? null : bytesAt(valueBytes(scanned, master), detail.masterId)
    const def = connection.object(detail.object)
    if (def === undefined)
      return refusal('s306240004', 'object', { value: detail.object, path: `${prefix}objectApiName` })
    const id = at === null || !/^["0-9-]/.test(String.fromCharCode(at[0] ?? 0)) ? '' : textOf(at)
    if (id === '' || tooLong(id)) return wrong(`${prefix}masterFieldVal.${detail.masterId}`, 'text')
    return hintOf(def.code, id, cause.detail)
  }

  const parted = partsOf(scanned, -1, prefix, 'none')
  if (!parted.ok) return ofMisshape(parted.wrong)
  if (scanned.reserved !== null) return ofReserved(prefix + scanned.reserved)
  const def = connection.object(object)
  if (def === undefined) return refusal('s306240004', 'object', { value: object, path: `${prefix}objectApiName` })

  const plan = planOf(def)
  const key: RecordKey = {
    tenant_id: sender.tenantId,
    connection_id: sender.connectionId,
    object: def.code,
    data_id: dataId,
  }
  const hint = (why: string): EventRow => hintOf(def.code, dataId, why)
  const made = cut(scanned, parted.parts, plan.wanted, prefix)
  if (!made.ok) return ofMisshape(made.wrong)
  const modified =
    made.cut.modified === null ? null : sourceTime(made.cut.modified, plan.format, plan.zone ?? connection.zone)

  const voided = operation === 'void'
  const hasBody = made.cut.master !== null
  if (!voided) {
    if (!hasBody) return hint(cause.none)
    if (connection.readable) {
      if (!plan.whole) return hint(cause.partial)
      if (sender.ordered !== true && !(plan.fine && modified !== null)) return hint(cause.unordered)
    }
  } else if (connection.readable && (changedAt === null || (sender.redelivers === true && !plan.fine))) {
    // Nothing places it among the record's changes: come late, it would undo a revival (decision 007).
    return hint(cause.void)
  }
  // A void keeps the stored content; a partial body that comes with it must not replace it.
  const pieces = voided && !plan.whole ? emptyCut(plan.wanted) : made.cut
  const row: Arrival = {
    ...key,
    operation: voided ? 'void' : 'upsert',
    channel: 'event',
    trace_id: source.traceId,
    raw,
    master: pieces.master,
    details: pieces.details,
    detailsComplete: pieces.detailsComplete,
    masterHash: pieces.masterHash,
    detailsHash: pieces.detailsHash,
    source_time: modified ?? changedAt,
    external_id: pieces.external,
    version: null,
  }
  if (!voided && !plan.whole) row.partial = true
  if (source.meta !== undefined) row.meta = source.meta
  return { row }
}

/** Splits a body into its events, or says why it cannot be read. */
export const eventsOf = (body: Buffer): { events: Buffer[]; many: boolean } | Refusal => {
  const result = scan(body, 1)
  if (!result.ok) return ofDefect(body, result.defect)
  const scanned = result.scan
  if (scanned.root === Kind.object) return { events: [body], many: false }
  if (scanned.root !== Kind.array) return wrong('$', 'object | array')
  if (scanned.count > mostEvents) return refusal('s306240007', 'events')
  const events: Buffer[] = []
  for (let m = 0; m < scanned.count; m++) events.push(body.subarray(valueStart(scanned, m), valueEnd(scanned, m)))
  return { events, many: true }
}
