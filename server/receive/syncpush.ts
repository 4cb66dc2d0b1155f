/** The guide's door 接收: `POST /erp/syncdata/open/objdata/syncpush`, and the newer public route as its alias (contracts.md section 1). */
import { isRefusal, type Locale, localeFrom, type Refusal, refusal, success } from '../../protocol/codes.ts'
import { decodeHeader, decodePercent, type Heads, readHeads, requestId, tooLong } from '../../protocol/headers.ts'
import { find, Kind, kindOf, name, type Scan, valueText } from '../../protocol/scan.ts'
import type { Admitted, Arrival, Kept, Operation } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import { type Body, readBody } from '../http/body.ts'
import type { Answer, RecordDoor, Visit } from '../http/record.ts'
import { guideShape, publicShape, refused, type Shape } from './answer.ts'
import { type PushConnection, type PushToken, type ReceiveDeps, retryAfterOf, type Settled } from './deps.ts'
import { type RawPush, rawRow } from './nonstandard.ts'
import { type Rate, tokenBuckets } from './rate.ts'
import { publicBody, type Push, standardPush, standardRow } from './standard.ts'
import { checkCaller, mayPush } from './token.ts'

export const syncpushPath = '/erp/syncdata/open/objdata/syncpush'
export const publicPath = '/cgi/crm/erp/syncdata/objdata/push'

const missing = (header: string) => refusal('s306240003', 'missing', { header })
const tokenRefused = refusal('s306240100')

/** A header that must be there and may not be empty or too long. */
const required = (header: string, value: string | undefined): Refusal | null =>
  value === undefined ? missing(header) : unfit(header, value)
const unfit = (header: string, value: string): Refusal | null =>
  value === ''
    ? refusal('s306240003', 'empty', { header })
    : tooLong(value)
      ? refusal('s306240003', 'long', { header })
      : null

const operationOf = (heads: Heads): Operation | Refusal => {
  const { version, operationType } = heads
  if (version !== undefined && version !== 'v1')
    return refusal('s306240006', 'value', { header: 'version', value: version })
  if (operationType === undefined) return 'upsert'
  return operationType === '3'
    ? 'void'
    : refusal('s306240006', 'value', { header: 'operationType', value: operationType })
}

const directSyncOf = (value: string | undefined): boolean | Refusal => {
  switch (value?.toLowerCase()) {
    case undefined:
    case 'false':
      return false
    case 'true':
      return true
    default:
      return refusal('s306240006', 'value', { header: 'directSync', value: value ?? '' })
  }
}

/** The tenant's ERP connection that is meant: it need not be named when there is only one 单账套. */
const connectionOf = (erp: readonly PushConnection[], center: string | undefined): PushConnection | Refusal => {
  if (center !== undefined) {
    for (const connection of erp) if (connection.connectionId === center) return connection
    return refusal('s306240010', 'centerUnknown', { value: center })
  }
  const [only] = erp
  if (only === undefined) return refusal('s306240010', 'centerNone')
  return erp.length === 1 ? only : refusal('s306240010', 'centerRequired')
}

/** The declared object that header `objectApiName` names; percent-decoded only where the literal is none. */
const namedBy = (raw: string, connection: PushConnection): { def: ObjectDef; as: string } | Refusal => {
  const literal = decodeHeader(raw)
  if (literal === null) return refusal('s306240005', 'undecodable', { header: 'objectApiName' })
  const def = connection.object(literal)
  if (def !== undefined) return { def, as: literal }
  if (!literal.includes('%'))
    return unfit('objectApiName', literal) ?? refusal('s306240004', 'object', { value: literal })
  const decoded = decodePercent(literal)
  if (decoded === null) return refusal('s306240005', 'undecodable', { header: 'objectApiName' })
  const other = connection.object(decoded)
  if (other !== undefined) return { def: other, as: decoded }
  return unfit('objectApiName', decoded) ?? refusal('s306240004', 'object', { value: decoded })
}

const ofBody = (body: Exclude<Body, { kind: 'body' }>): Refusal => {
  switch (body.kind) {
    case 'too large':
      return refusal('s306240007', body.limit)
    case 'not decodable':
      return refusal('s306240001', 'encoding', { value: body.encoding })
    case 'busy':
      return refusal('s306240503', undefined, undefined, 1)
    case 'cut off':
      return refusal('s306240001', 'incomplete')
  }
}

/** One request on its way through the door. */
interface Turn {
  deps: ReceiveDeps
  rate: Rate
  shape: Shape
  visit: Visit
  heads: Heads
  locale: Locale | null
  tenantId: string | null
}

const refuse = (turn: Turn, why: Refusal): Answer => {
  turn.deps.answered?.(why.code, turn.tenantId)
  return refused(turn.shape, why, turn.locale, turn.visit.traceId)
}

/** The limit is asked before anything of the body is read. */
const overLimit = ({ deps, rate }: Turn, token: PushToken): Refusal | null => {
  const wait = rate.take(token.tokenId, token.ratePerSecond ?? deps.ratePerSecond ?? 10_000, deps.env.monotonic())
  return wait === 0 ? null : refusal('s306240429', undefined, undefined, wait)
}

const metaOf = (sent: string | undefined): string | undefined =>
  sent === undefined ? undefined : JSON.stringify({ requestId: sent })

/** Waits for the flows of a `directSync` push. Whatever happens here, the push is stored. */
const within = async ({ deps, visit }: Turn, wait: (signal: AbortSignal) => Promise<Settled>): Promise<Settled> => {
  const stop = new AbortController()
  const gone = () => stop.abort()
  visit.raw.socket.once('close', gone)
  try {
    const late = deps.env.sleep(deps.directSyncWait ?? 10_000, stop.signal).then(
      () => 'pending' as const,
      () => 'pending' as const,
    )
    return await Promise.race([wait(stop.signal), late])
  } catch (err) {
    deps.log.error({ err, trace: visit.traceId }, 'waiting for the flows failed; the push is stored')
    return 'pending'
  } finally {
    visit.raw.socket.removeListener('close', gone)
    stop.abort()
  }
}

const late = refusal('s306240202')

/** Hands the row to the group commit and answers what became of it. The answer is sent only after the commit. */
const store = async (turn: Turn, row: Arrival, directSync: boolean): Promise<Answer> => {
  const { deps, shape, locale, visit } = turn
  let admitted: Admitted
  try {
    admitted = await deps.admit(row)
  } catch (err) {
    deps.log.error({ err, trace: visit.traceId }, 'a push could not be stored')
    return refuse(turn, refusal('s306240503', undefined, undefined, retryAfterOf(err)))
  }
  if (admitted.kind === 'repeated') {
    const same = row.pushKey !== undefined && admitted.requestHash.equals(row.pushKey.requestHash)
    if (!same) return refuse(turn, refusal('s306240011'))
    deps.answered?.(success, turn.tenantId)
    return { status: 200, body: admitted.answer }
  }
  if (directSync) {
    const version = 'version' in admitted ? admitted.version : null
    const end = version === null ? 'pending' : await within(turn, (signal) => deps.waitSettled(row, version, signal))
    if (end === 'pending') return refuse(turn, late)
    if ('failed' in end) return refuse(turn, refusal('s306240201', 'flow', end.failed))
  }
  deps.answered?.(success, turn.tenantId)
  return { status: 200, body: shape.done(locale, visit.traceId) }
}

/** A repetition of a `directSync` push cannot wait again: it is told what is certain, that the push is stored. */
const keyAnswer = ({ shape, locale, visit }: Turn, directSync: boolean): string =>
  directSync ? shape.refused(late, locale, visit.traceId) : shape.done(locale, visit.traceId)

/** Any body, stored as it came. What `directSync` waits for is known once it has been decoded. */
const nonStandard = async (
  turn: Turn,
  push: Pick<RawPush, 'token' | 'connection' | 'def' | 'operation'> & { directSync: boolean },
): Promise<Answer> => {
  const { deps, visit, heads, shape, locale } = turn
  const body = await readBody(visit.raw, heads.encoding, heads.length)
  if (body.kind !== 'body') return refuse(turn, ofBody(body))
  const row = rawRow(
    {
      ...push,
      traceId: visit.traceId,
      requestId: requestId(heads.requestId),
      rawHeaders: visit.raw.rawHeaders,
      key: heads.idempotencyKey,
      keyAnswer: heads.idempotencyKey === undefined ? '' : keyAnswer(turn, push.directSync),
    },
    body.bytes,
  )
  let kept: Kept
  try {
    kept = await deps.keep(row)
  } catch (err) {
    deps.log.error({ err, trace: visit.traceId }, 'a push could not be stored')
    return refuse(turn, refusal('s306240503', undefined, undefined, retryAfterOf(err)))
  }
  if (kept.kind === 'repeated') {
    const same = row.pushKey !== undefined && kept.requestHash.equals(row.pushKey.requestHash)
    if (!same) return refuse(turn, refusal('s306240011'))
    deps.answered?.(success, turn.tenantId)
    return { status: 200, body: kept.answer }
  }
  if (push.directSync) {
    const { seq } = kept
    const end = await within(turn, (signal) => deps.waitDecoded(row, seq, signal))
    if (end === 'pending') return refuse(turn, late)
    if ('failed' in end) return refuse(turn, refusal('s306240201', 'flow', end.failed))
  }
  deps.answered?.(success, turn.tenantId)
  return { status: 200, body: shape.done(locale, visit.traceId) }
}

const idOf = (raw: string): string | Refusal =>
  decodeHeader(raw) ?? refusal('s306240005', 'undecodable', { header: 'id' })

const guide = async (turn: Turn): Promise<Answer> => {
  const { deps, heads, visit } = turn
  // Who is it? Asked first, so that nothing else is told to whom it does not concern.
  if (heads.callerTwice !== null) return refuse(turn, refusal('s306240003', 'repeated', { header: heads.callerTwice }))
  const unsigned = required('token', heads.token) ?? required('tenantId', heads.tenantId)
  if (unsigned) return refuse(turn, unsigned)
  const tenantId = heads.tenantId as string
  const caller = checkCaller(deps.tokens, heads.token as string, decodeHeader(tenantId) ?? tenantId, deps.env.now())
  if (caller === undefined) return refuse(turn, tokenRefused)
  turn.tenantId = caller.tenantId
  const over = overLimit(turn, caller)
  if (over) return refuse(turn, over)

  // What is said about the push?
  if (heads.twice !== null) return refuse(turn, refusal('s306240003', 'repeated', { header: heads.twice }))
  const operation = operationOf(heads)
  if (typeof operation === 'object') return refuse(turn, operation)
  const directSync = directSyncOf(heads.directSync)
  if (typeof directSync === 'object') return refuse(turn, directSync)
  if (heads.idempotencyKey !== undefined) {
    const wrong = unfit('Idempotency-Key', heads.idempotencyKey)
    if (wrong) return refuse(turn, wrong)
  }
  let id: string | undefined
  if (heads.id !== undefined) {
    const decoded = idOf(heads.id)
    if (typeof decoded === 'object') return refuse(turn, decoded)
    const wrong = unfit('id', decoded)
    if (wrong) return refuse(turn, wrong)
    id = decoded
  }

  // Where does it belong?
  let center: string | undefined
  if (heads.dataCenterId !== undefined) {
    const decoded = decodeHeader(heads.dataCenterId)
    if (decoded === null) return refuse(turn, refusal('s306240005', 'undecodable', { header: 'dataCenterId' }))
    const wrong = unfit('dataCenterId', decoded)
    if (wrong) return refuse(turn, wrong)
    center = decoded
  }
  const connection = connectionOf(deps.catalog.erp(caller.tenantId), center)
  if (isRefusal(connection)) return refuse(turn, connection)
  if (caller.connections !== null && !caller.connections.includes(connection.connectionId))
    return refuse(turn, tokenRefused)
  let named: { def: ObjectDef; as: string } | undefined
  if (heads.objectApiName !== undefined) {
    if (heads.objectApiName === '') return refuse(turn, refusal('s306240003', 'empty', { header: 'objectApiName' }))
    const found = namedBy(heads.objectApiName, connection)
    if (isRefusal(found)) return refuse(turn, found)
    if (!mayPush(caller, connection.connectionId, found.def.code)) return refuse(turn, tokenRefused)
    named = found
  }
  if (id === undefined) {
    if (named === undefined) return refuse(turn, missing('objectApiName / id'))
    // An object that can make nothing of it refuses at once, unread.
    if (!named.def.receive) return refuse(turn, refusal('s306240009'))
    return nonStandard(turn, { token: caller, connection, def: named.def, operation, directSync })
  }

  const body = await readBody(visit.raw, heads.encoding, heads.length)
  if (body.kind !== 'body') return refuse(turn, ofBody(body))
  const push: Push = {
    token: caller,
    connection,
    named: named?.def,
    namedAs: named?.as ?? '',
    id,
    operation,
    traceId: visit.traceId,
    meta: metaOf(requestId(heads.requestId)),
    key: heads.idempotencyKey,
    keyAnswer: heads.idempotencyKey === undefined ? '' : keyAnswer(turn, directSync),
  }
  const row = standardPush(push, body.bytes)
  return isRefusal(row) ? refuse(turn, row) : store(turn, row, directSync)
}

const members = {
  id: name('id'),
  dataCenterId: name('dataCenterId'),
  operationType: name('operationType'),
  directSync: name('directSync'),
}

/** A scalar below `data` as text: undefined = absent or null, null = an object or an array. */
const scalarBelow = (
  scanned: Scan,
  parent: number,
  member: { text: string; bytes: Buffer },
): string | undefined | null => {
  const m = find(scanned, parent, member)
  if (m < 0 || kindOf(scanned, m) === Kind.null) return undefined
  const kind = kindOf(scanned, m)
  return kind === Kind.object || kind === Kind.array ? null : valueText(scanned, m)
}

const bearer = /^Bearer +([^\s]+)$/i

/** The newer public route: the same push, its headers inside the body. */
const open = async (turn: Turn): Promise<Answer> => {
  const { deps, heads, visit } = turn
  if (heads.callerTwice !== null) return refuse(turn, refusal('s306240003', 'repeated', { header: heads.callerTwice }))
  const token = bearer.exec(heads.authorization ?? '')?.[1]
  const unsigned = required('Authorization', heads.authorization) ?? required('Authorization', token)
  if (unsigned) return refuse(turn, unsigned)
  const caller = checkCaller(deps.tokens, token as string, null, deps.env.now())
  if (caller === undefined) return refuse(turn, tokenRefused)
  turn.tenantId = caller.tenantId
  const over = overLimit(turn, caller)
  if (over) return refuse(turn, over)
  if (heads.idempotencyKey !== undefined) {
    const wrong =
      heads.twice === 'Idempotency-Key'
        ? refusal('s306240003', 'repeated', { header: heads.twice })
        : unfit('Idempotency-Key', heads.idempotencyKey)
    if (wrong) return refuse(turn, wrong)
  }

  const body = await readBody(visit.raw, heads.encoding, heads.length)
  if (body.kind !== 'body') return refuse(turn, ofBody(body))
  const inside = publicBody(body.bytes)
  if (isRefusal(inside)) return refuse(turn, inside)
  const { scanned, parent } = inside
  const said: Record<string, string | undefined> = {}
  for (const member of Object.values(members)) {
    const value = scalarBelow(scanned, parent, member)
    if (value === null)
      return refuse(turn, refusal('s306240002', 'shape', { path: `data.${member.text}`, expected: 'text' }))
    said[member.text] = value
  }
  const operation = operationOf({ ...heads, version: undefined, operationType: said.operationType })
  if (typeof operation === 'object') return refuse(turn, operation)
  const directSync = directSyncOf(said.directSync)
  if (typeof directSync === 'object') return refuse(turn, directSync)
  for (const member of ['id', 'dataCenterId']) {
    const wrong = said[member] === undefined ? null : unfit(`data.${member}`, said[member])
    if (wrong) return refuse(turn, wrong)
  }
  const connection = connectionOf(deps.catalog.erp(caller.tenantId), said.dataCenterId)
  if (isRefusal(connection)) return refuse(turn, connection)
  if (caller.connections !== null && !caller.connections.includes(connection.connectionId))
    return refuse(turn, tokenRefused)
  if (said.id === undefined) return refuse(turn, refusal('s306240002', 'shape', { path: 'data.id', expected: 'text' }))
  const push: Push = {
    token: caller,
    connection,
    named: undefined,
    namedAs: '',
    id: said.id,
    operation,
    traceId: visit.traceId,
    meta: metaOf(requestId(heads.requestId) ?? requestId(visit.query.thirdTraceId)),
    key: heads.idempotencyKey,
    keyAnswer: heads.idempotencyKey === undefined ? '' : keyAnswer(turn, directSync),
  }
  const row = standardRow(push, scanned, parent, 'data.')
  return isRefusal(row) ? refuse(turn, row) : store(turn, row, directSync)
}

/** The two doors, sharing one limit per token. */
export const receiveDoors = (deps: ReceiveDeps): { path: string; door: RecordDoor }[] => {
  const rate = tokenBuckets()
  const door = (shape: Shape, pass: (turn: Turn) => Promise<Answer>): RecordDoor => ({
    visit: (visit) => {
      const heads = readHeads(visit.raw.rawHeaders)
      visit.requestId = requestId(heads.requestId) ?? visit.traceId
      return pass({ deps, rate, shape, visit, heads, locale: localeFrom(heads.locale), tenantId: null })
    },
    refuse: (why: Refusal, locale, traceId) => shape.refused(why, locale, traceId),
  })
  return [
    { path: syncpushPath, door: door(guideShape, guide) },
    { path: publicPath, door: door(publicShape, open) },
  ]
}
