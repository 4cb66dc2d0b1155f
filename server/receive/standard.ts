/** From a standard body to the row of the door's statement: scanned once, its bytes handed on as they came (architecture.md, "A walk"). */
import { isRefusal, type Refusal, refusal } from '../../protocol/codes.ts'
import { ofDefect, ofMisshape, ofReserved } from '../../protocol/refuse.ts'
import { find, Kind, kindOf, name, type Scan, scan } from '../../protocol/scan.ts'
import { type Cut, cut, digest, emptyCut, partsOf, type Wanted, wantedOf } from '../../protocol/standard.ts'
import { sourceTime } from '../../protocol/time.ts'
import type { Arrival, Operation } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { PushConnection, PushToken } from './deps.ts'
import { mayPush } from './token.ts'

/** A push whose headers have been read. */
export interface Push {
  token: PushToken
  connection: PushConnection
  /** The object the header names, where it does. */
  named: ObjectDef | undefined
  namedAs: string
  id: string
  operation: Operation
  traceId: string
  meta: string | undefined
  /** `Idempotency-Key`, and the answer that a repetition gets. */
  key: string | undefined
  keyAnswer: string
}

interface Plan {
  wanted: Wanted
  format: string | undefined
  zone: string | undefined
  partial: boolean
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
    partial: def.bodies?.push === 'partial',
  }
  plans.set(def, plan)
  return plan
}

const row = (push: Push, def: ObjectDef, plan: Plan, raw: Buffer, pieces: Cut): Arrival => {
  const { token, connection, operation } = push
  const made: Arrival = {
    tenant_id: token.tenantId,
    connection_id: connection.connectionId,
    object: def.code,
    data_id: push.id,
    operation,
    channel: 'push',
    trace_id: push.traceId,
    raw,
    master: pieces.master,
    details: pieces.details,
    detailsComplete: pieces.detailsComplete,
    masterHash: pieces.masterHash,
    detailsHash: pieces.detailsHash,
    source_time:
      pieces.modified === null ? null : sourceTime(pieces.modified, plan.format, plan.zone ?? connection.zone),
    external_id: pieces.external,
    version: null,
  }
  if (plan.partial && operation === 'upsert') made.partial = true
  if (push.meta !== undefined) made.meta = push.meta
  if (push.key !== undefined)
    made.pushKey = {
      tokenId: token.tokenId,
      key: push.key,
      // A key stands for one request: other record, other operation or other body is another one.
      requestHash: digest(
        Buffer.concat([Buffer.from(JSON.stringify([connection.connectionId, def.code, push.id, operation])), raw]),
      ),
      answer: push.keyAnswer,
    }
  return made
}

const unknownObject = (value: string): Refusal => refusal('s306240004', 'object', { value })

/** The object a push is for: header and body may each name it, and must not name two. */
const objectOf = (push: Push, inBody: string | null, path: string): ObjectDef | Refusal => {
  if (inBody === null) return push.named ?? ofMisshape({ path, expected: 'text' })
  const def = push.connection.object(inBody)
  if (def === undefined) return unknownObject(inBody)
  if (push.named !== undefined && push.named.code !== def.code)
    return refusal('s306240005', 'differ', { header: push.namedAs, body: inBody })
  return def
}

/** Is there anything but white space? A void may come with an empty body. */
export const isBlank = (body: Buffer): boolean => {
  for (const byte of body) if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false
  return true
}

/** The row of a scanned body whose standard members stand below `parent` (-1 = root; `prefix` goes before paths). */
export const standardRow = (push: Push, scanned: Scan, parent: number, prefix: string): Arrival | Refusal => {
  const parted = partsOf(scanned, parent, prefix, push.operation === 'void' ? 'none' : 'both')
  if (!parted.ok) return ofMisshape(parted.wrong)
  if (scanned.reserved !== null) return ofReserved(scanned.reserved)
  const { parts } = parted
  const def = objectOf(push, parts.objAPIName, `${prefix}objAPIName`)
  if (isRefusal(def)) return def
  if (!mayPush(push.token, push.connection.connectionId, def.code)) return refusal('s306240100')
  const plan = planOf(def)
  const made = cut(scanned, parts, plan.wanted, prefix)
  return made.ok ? row(push, def, plan, scanned.body, made.cut) : ofMisshape(made.wrong)
}

/** The row of a push in standard format. */
export const standardPush = (push: Push, body: Buffer): Arrival | Refusal => {
  if (push.operation === 'void' && isBlank(body)) {
    if (push.named === undefined) return refusal('s306240003', 'missing', { header: 'objectApiName' })
    const plan = planOf(push.named)
    return row(push, push.named, plan, body, emptyCut(plan.wanted))
  }
  const scanned = scan(body)
  if (!scanned.ok) return ofDefect(body, scanned.defect)
  if (scanned.scan.root !== Kind.object) return ofMisshape({ path: '$', expected: 'object' })
  return standardRow(push, scanned.scan, -1, '')
}

const data = name('data')

/** The body of the newer public route, scanned: its members below `data`. */
export const publicBody = (body: Buffer): { scanned: Scan; parent: number } | Refusal => {
  const scanned = scan(body, 3)
  if (!scanned.ok) return ofDefect(body, scanned.defect)
  if (scanned.scan.root !== Kind.object) return ofMisshape({ path: '$', expected: 'object' })
  const parent = find(scanned.scan, -1, data)
  if (parent < 0 || kindOf(scanned.scan, parent) !== Kind.object)
    return ofMisshape({ path: 'data', expected: 'object' })
  return { scanned: scanned.scan, parent }
}
