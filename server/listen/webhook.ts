/** The CRM's door: `POST /hooks/{connection}/{secret}` takes change events, one or an array of them (contracts.md section 3). */
import { isRefusal, type Locale, localeFrom, type Refusal, refusal, sentenceOf, codes } from '../../protocol/codes.ts'
import { readHeads, requestId, tooLong } from '../../protocol/headers.ts'
import { ofDefect, ofMisshape, ofReserved } from '../../protocol/refuse.ts'
import { find, Kind, kindOf, name, type Scan, scan, valueEnd, valueStart, valueText } from '../../protocol/scan.ts'
import { cut, digest, emptyCut, partsOf, type Wanted, wantedOf } from '../../protocol/standard.ts'
import { isFine, sourceTime } from '../../protocol/time.ts'
import type { Admitted, Arrival, Hint, Millis, RecordKey } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import { readBody } from '../http/body.ts'
import { problemBody } from '../http/problem.ts'
import type { Answer, RecordDoor } from '../http/record.ts'

export const webhookPath = '/hooks/:connection/:secret'
export const mostEvents = 500

/** Whose address it is. `ordered`: the sender waits for each answer before it sends the record's next event (A2). */
export interface Hook {
  tenantId: string
  connectionId: string
  ordered?: boolean
}

export interface HookConnection {
  zone: string
  /** The system can be asked for a record by id; where it cannot, bodies are merged (A2). */
  readable: boolean
  object(name: string): ObjectDef | undefined
}

export interface WebhookDeps {
  hooks: { find(connectionId: string, secretSha256: Buffer): Hook | undefined }
  catalog: { connection(tenantId: string, connectionId: string): HookConnection | undefined }
  admit(row: Arrival): Promise<Admitted>
  hint(row: Hint): Promise<void>
  log: { error(details: object, message: string): void }
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

const names = {
  tenantId: name('tenantId'),
  objectApiName: name('objectApiName'),
  dataId: name('dataId'),
  operation: name('operation'),
  changedAt: name('changedAt'),
}

const wrong = (path: string, expected: string): Refusal => refusal('s306240002', 'shape', { path, expected })

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

const cause = { none: 'event without body', partial: 'partial event', unordered: 'unordered event' } as const

/** What one event becomes: a row for the door's statement, or a hint that the record is to be read (A2). */
export type EventRow = { row: Arrival } | { hint: Hint }

interface Source {
  hook: Hook
  connection: HookConnection
  traceId: string
  meta: string | undefined
}

/** Reads one event. `prefix` goes before paths (`[3].`). */
export const eventRow = (source: Source, event: Buffer, prefix: string): EventRow | Refusal => {
  const { hook, connection } = source
  const result = scan(event)
  if (!result.ok) return ofDefect(event, result.defect)
  const scanned = result.scan
  if (scanned.root !== Kind.object) return wrong(prefix.slice(0, -1) || '$', 'object')

  const tenantId = textAt(scanned, names.tenantId, prefix, true)
  if (typeof tenantId === 'object') return tenantId
  if (tenantId !== hook.tenantId) return refusal('s306240002', 'tenant', { path: `${prefix}tenantId` })
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
  if (changedAt === null) return wrong(`${prefix}changedAt`, 'epoch ms | ISO 8601')

  const parted = partsOf(scanned, -1, prefix, 'none')
  if (!parted.ok) return ofMisshape(parted.wrong)
  if (scanned.reserved !== null) return ofReserved(prefix + scanned.reserved)
  const def = connection.object(object)
  if (def === undefined) return refusal('s306240004', 'object', { value: object, path: `${prefix}objectApiName` })

  const plan = planOf(def)
  const key: RecordKey = {
    tenant_id: hook.tenantId,
    connection_id: hook.connectionId,
    object: def.code,
    data_id: dataId,
  }
  const hint = (why: string): EventRow => ({
    hint: { ...key, channel: 'event', operation: 'upsert', trace_id: source.traceId, raw: event, cause: why },
  })
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
      if (hook.ordered !== true && !(plan.fine && modified !== null)) return hint(cause.unordered)
    }
  }
  // A void keeps the stored content; a partial body that comes with it must not replace it.
  const pieces = voided && !plan.whole ? emptyCut(plan.wanted) : made.cut
  const row: Arrival = {
    ...key,
    operation: voided ? 'void' : 'upsert',
    channel: 'event',
    trace_id: source.traceId,
    raw: event,
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
const eventsOf = (body: Buffer): { events: Buffer[]; many: boolean } | Refusal => {
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

/** `{errCode, errMsg, traceMsg, path}`: the receive door's shape, with the place apart for programs. */
const refused = (why: Refusal, locale: Locale, traceId: string): string =>
  JSON.stringify({ errCode: why.code, errMsg: sentenceOf(why, locale), traceMsg: traceId, path: why.values?.path })

const retryAfterOf = (error: unknown): number =>
  typeof error === 'object' &&
  error !== null &&
  'retryAfterSeconds' in error &&
  typeof error.retryAfterSeconds === 'number'
    ? Math.min(3600, Math.max(1, Math.ceil(error.retryAfterSeconds)))
    : 2

/** The door for `http/server.ts`'s `record`. */
export const webhookDoor = (deps: WebhookDeps): RecordDoor => ({
  refuse: refused,
  async visit(visit) {
    const { traceId, raw, params } = visit
    const heads = readHeads(raw.rawHeaders)
    const locale = localeFrom(heads.locale) ?? 'zh_CN'
    const sent = requestId(heads.requestId)
    visit.requestId = sent ?? traceId
    const refuse = (why: Refusal): Answer => ({
      status: codes[why.code].http,
      body: refused(why, locale, traceId),
      retryAfter: why.retryAfter,
    })

    // An unknown connection and a wrong secret are one and the same answer, that of an address that does not exist.
    const hook = deps.hooks.find(params.connection ?? '', digest(Buffer.from(params.secret ?? '')))
    const connection = hook && deps.catalog.connection(hook.tenantId, hook.connectionId)
    if (!hook || !connection)
      return { status: 404, body: problemBody({ status: 404, code: 'notFound' }, locale, traceId) }

    const body = await readBody(raw, heads.encoding, heads.length)
    if (body.kind === 'too large') return refuse(refusal('s306240007', body.limit))
    if (body.kind === 'not decodable') return refuse(refusal('s306240001', 'encoding', { value: body.encoding }))
    if (body.kind === 'cut off') return refuse(refusal('s306240001', 'incomplete'))
    if (body.kind === 'busy') return refuse(refusal('s306240503', undefined, undefined, 1))

    const split = eventsOf(body.bytes)
    if (isRefusal(split)) return refuse(split)
    const source: Source = {
      hook,
      connection,
      traceId,
      meta: sent === undefined ? undefined : JSON.stringify({ requestId: sent }),
    }
    const rows: EventRow[] = []
    for (const [i, event] of split.events.entries()) {
      const row = eventRow(source, event, split.many ? `[${i}].` : '')
      if (isRefusal(row)) return refuse(row)
      rows.push(row)
    }

    // All are handed over before any is waited for: they fall into one commit, or a few, in the order they came.
    const ends = await Promise.allSettled(rows.map((r) => ('row' in r ? deps.admit(r.row) : deps.hint(r.hint))))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed) {
      deps.log.error({ err: failed.reason, trace: traceId }, 'an event could not be stored')
      return refuse(refusal('s306240503', undefined, undefined, retryAfterOf(failed.reason)))
    }
    if (!split.many) return { status: 200, body: '{"accepted":1}' }
    const results = rows.map((r, i) => {
      const end = ends[i]
      const { data_id } = 'row' in r ? r.row : r.hint
      return { dataId: data_id, result: end?.status === 'fulfilled' && end.value ? end.value.kind : 'hint' }
    })
    return { status: 200, body: JSON.stringify({ accepted: rows.length, results, traceId }) }
  },
})
