/** The `standard` connector: any system that implements the guide's four interfaces (contracts.md section 2), in JSON. */
import type { Change, Connector, Exchange, Page, Read, Reading, Unanswered, Window } from '../../doc/connector.ts'
import type { Content, Fields, Json, Millis } from '../../doc/document.ts'
import type { Env } from '../../doc/env.ts'
import type { Fault } from '../../doc/fault.ts'
import type { Carrier, ConnectionDef, Outgoing } from '../../doc/flow.ts'
import type { ObjectDef } from '../../doc/object.ts'
import type { Outcome } from '../../doc/outcome.ts'
import { type Allowance, sharedOf } from '../../egress/allowance.ts'
import { checkUrl, type Policy, type Resolver } from '../../egress/guard.ts'
import { createLimits } from '../../egress/limits.ts'
import { type Call, createPool, headerText, type Pool, type Reply, refuseRequest } from '../../egress/pool.ts'
import { quietUntil } from '../../egress/quiet.ts'
import { zoneOf } from '../../map/zone.ts'
import { LosslessNumber } from 'lossless-json'
import { openAuth } from '../auth/auth.ts'
import type { Shelf } from '../auth/shelf.ts'
import { type PageMemory, pageMemory, sweep } from '../pager.ts'
import { createMask, idOf, judge, shorten, type Verdict } from './answer.ts'
import { at, isFields, type Parsed, parseJson, quote, writeFields, writeJson } from './body.ts'
import { acceptOf, contentTypeOf, shownText, wireOf } from './formats.ts'
import { externalIdOf, readRecord, type RecordRead } from './readings.ts'
import { recognise, type Resent } from './recognise.ts'
import { detailNamed, matchRows, ownRowIds, readRowIds } from './rowids.ts'
import { createSkewMeter, type Skew } from './skew.ts'
import { createSweeps, type Hits } from './sweeps.ts'
import { dayEnd, isZone } from './time.ts'

export interface StandardDeps {
  connection: ConnectionDef
  /** Of this connection, by code. */
  objects: ReadonlyMap<string, ObjectDef>
  env: Env
  /** Sandbox switch, ports and our own database; the connection's own private addresses are allowed anyway. */
  egress?: Pick<Policy, 'allowLoopback' | 'ports' | 'denied'> & { resolve?: Resolver }
  /** What all nodes share of this target's limits. Without it they hold for this process alone. */
  allowance?: Allowance
  /** Where the access token is kept for all nodes. */
  shelf?: Shelf
}

/** A query as a person asked it: what went and what came, secrets masked; `why`: what was wrong with the answer. */
export interface Tried {
  exchange: Exchange
  why: Fault | null
}

export interface StandardConnector extends Connector {
  /** Fetches what proves who we are, where that is a call of its own; null: nothing is wrong. */
  signIn(signal: AbortSignal): Promise<Fault | null>
  ask(name: 'queryMasterBatch' | 'queryMasterById', params: string, signal: AbortSignal): Promise<Tried>
  /** The target's clock against ours; null before its first answer with a `Date`. */
  skew(): Skew | null
  view(): { breaker: 'closed' | 'open' | 'recovering'; running: number; heldUntil: Millis | null }
}

type Answer = Reply & { kind: 'answer' }

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)
const longestShown = 8_192
/** Where a person asked for this very answer. */
const longestAsked = 200_000
/** Why our own limits let nothing through, as a person reads it. */
const ourWords: Readonly<Record<string, string>> = {
  day: 'our own figure for this target',
  quiet: 'quiet hours',
  hold: 'the target asked to wait',
  rate: 'our own rate for this target',
}

export const standardConnector = (deps: StandardDeps): StandardConnector => {
  const { connection, objects, env } = deps
  const policy: Policy = { kind: 'connection', ...deps.egress }
  const checked = checkUrl(connection.baseUrl, policy)
  const base = 'url' in checked ? checked.url : null
  const path = base ? (base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`) : '/'
  const fixedQuery = base ? base.search.slice(1) : ''
  const auth = connection.auth
    ? openAuth({
        auth: connection.auth,
        result: connection.result,
        zone: connection.zone,
        env,
        policy,
        resolve: deps.egress?.resolve,
        timeout: connection.timeout,
        shelf: deps.shelf,
      })
    : null
  const mask = createMask(connection.headers, auth?.secrets)

  const ownHeaders: Record<string, string> = {}
  for (const [name, value] of Object.entries(connection.headers)) ownHeaders[name] = headerText(value)
  const named = (name: string): boolean => Object.keys(ownHeaders).some((own) => own.toLowerCase() === name)
  const readHeaders = {
    ...(named('accept') ? null : { accept: acceptOf(connection.format) }),
    'accept-encoding': 'gzip, deflate, br',
    ...ownHeaders,
  }
  const writeHeaders = {
    ...(named('content-type') ? null : { 'Content-Type': contentTypeOf(connection.format) }),
    ...ownHeaders,
  }

  /** A connection that cannot work tells so with every record, which then waits for the administrator. */
  const trouble = ((): Fault | null => {
    const config = (said: string): Fault => ({ code: 'config.connector', stage: 'config', said })
    if ('refused' in checked)
      return { code: 'send.egress', stage: 'config', value: mask(connection.baseUrl), said: checked.refused }
    const wrong = refuseRequest(path, writeHeaders)
    if (wrong) return config(wrong)
    return isZone(connection.zone) ? null : config(`unknown time zone ${connection.zone}`)
  })()

  const endOfDay = (now: Millis): Millis => (isZone(connection.zone) ? dayEnd(now, connection.zone) : now + 86_400_000)
  const { quiet } = connection.limits
  const wall = zoneOf(connection.zone)
  const limits = createLimits(connection.limits, {
    random: () => env.random(),
    dayEnd: endOfDay,
    ...(quiet?.length && wall && { quietUntil: (now: Millis) => quietUntil(now, quiet, wall) }),
    ...(deps.allowance && { shared: sharedOf(connection.limits) }),
  })
  const pool: Pool = createPool({
    origin: base?.origin ?? 'http://nowhere.invalid',
    connections: connection.limits.concurrency,
    policy,
    limits,
    env,
    connectTimeout: Math.min(10_000, connection.timeout),
    resolve: deps.egress?.resolve,
    ...(deps.allowance && { allowance: deps.allowance }),
  })
  const clock = createSkewMeter()
  const closing = new AbortController()
  const memories = new Map<string, PageMemory>()

  const target = (name: string, query = ''): string => {
    const all = [fixedQuery, query].filter(Boolean).join('&')
    return all ? `${path}${name}?${all}` : path + name
  }

  /** W3C trace context where the trace id fits it. */
  const trace = (traceId: string): Record<string, string> => {
    const hex = traceId.replaceAll('-', '').toLowerCase()
    const headers: Record<string, string> = { 'X-Request-Id': headerText(traceId) }
    if (/^[0-9a-f]{32}$/.test(hex)) headers.traceparent = `00-${hex}-${env.id().slice(0, 16)}-01`
    return headers
  }

  const noted = (reply: Reply): void => {
    if (reply.kind === 'answer') clock.note(one(reply.headers.date), reply.sentAt, reply.headersAt)
  }

  const verdictOf = (reply: Answer, stage: 'send' | 'read'): Verdict =>
    judge(
      {
        status: reply.status,
        body: reply.body,
        contentType: one(reply.headers['content-type']),
        retryAt: reply.retryAt,
      },
      connection,
      stage,
      mask,
    )

  /** Faults of calls that brought no answer. `calm`: it was our own doing, and burns no attempt. */
  const unanswered = (
    reply: Exclude<Reply, Answer>,
    stage: 'send' | 'read',
  ): { why: Fault; at?: Millis; calm?: boolean } => {
    const said = shorten(mask(reply.said))
    if (reply.kind === 'lost') {
      switch (reply.why) {
        case 'timeout':
          return { why: { code: 'send.timeout', stage, expected: `${connection.timeout} ms` } }
        case 'cut':
          return { why: { code: 'send.cut', stage, said } }
        case 'size':
        case 'encoding':
          // For a read, a smaller page may fit.
          return { why: { code: stage === 'read' ? 'send.cut' : 'send.contract', stage, said } }
        case 'aborted':
          return { why: { code: 'send.closed', stage }, calm: true }
      }
    }
    const at = reply.at === undefined ? null : { at: reply.at }
    switch (reply.why) {
      case 'connection':
        return { why: { code: 'send.connection', stage, said } }
      case 'egress':
        return { why: { code: 'send.egress', stage: 'config', said } }
      case 'request':
        return { why: { code: 'config.connector', stage: 'config', said } }
      case 'late':
        return { why: { code: 'send.limited', stage, said }, calm: true, ...at }
      case 'limited': {
        const code = said === 'day' ? 'send.quota' : said === 'quiet' ? 'send.quiet' : 'send.limited'
        const until = reply.at === undefined ? null : { expected: new Date(reply.at).toISOString() }
        return { why: { code, stage, said: ourWords[said] ?? said, ...until }, calm: true, ...at }
      }
      case 'breaker':
        return { why: { code: 'send.breaker', stage }, calm: true, ...at }
      case 'aborted':
      case 'closed':
        return { why: { code: 'send.closed', stage }, calm: true }
    }
  }

  /** What the pool would say at once, where waiting within a call's time is no use. */
  const notNow = (): (Reply & { kind: 'unsent' }) | null => {
    const { free, why, at } = limits.slots(env.now())
    if (free > 0 || !why || why === 'concurrency' || why === 'rate' || why === 'share') return null
    const unsent = { kind: 'unsent', said: why, ms: 0, ...(at === undefined ? null : { at }) } as const
    return why === 'breaker'
      ? { ...unsent, why: 'breaker', at: at ?? env.now() + 1_000 }
      : { ...unsent, why: 'limited' }
  }

  type Talk =
    | { kind: 'replied'; reply: Reply; verdict: Verdict | null }
    /** The request cannot be said in the target's format: not one byte left. */
    | { kind: 'unsayable'; why: Fault; ms: 0 }
    /** No token could be had: not one byte left. */
    | { kind: 'unproved'; why: Fault; at: Millis; ms: Millis }

  /**
   * One call with what proves who we are. Where the target says that the token is not valid, nothing has happened (O1), and the call is
   * made once more with another one, within the same time and before the same send deadline.
   */
  const talk = async (call: Call, stage: 'send' | 'read'): Promise<Talk> => {
    const began = env.monotonic()
    const left = (): Millis => call.timeout - (env.monotonic() - began)
    const last = call.sendBy ?? Number.POSITIVE_INFINITY
    for (let again = false; ; again = true) {
      let request = { method: call.method, path: call.path, headers: call.headers, body: call.body }
      let token: string | null = null
      if (auth) {
        // In quiet hours, or behind a breaker, not even a token is asked for.
        const blocked = notNow()
        if (blocked) return { kind: 'replied', reply: blocked, verdict: null }
        const proved = await auth.prove(request, Math.min(left(), last - env.monotonic()), call.signal)
        if (proved.kind === 'none') {
          const why: Fault = { code: 'send.token', stage, said: shorten(mask(proved.said)) }
          return { kind: 'unproved', why, at: proved.at, ms: env.monotonic() - began }
        }
        request = { ...request, path: proved.request.path, headers: proved.request.headers }
        token = proved.token
      }
      let verdict: Verdict | null = null as Verdict | null
      const reply = await pool.call({
        ...call,
        path: request.path,
        headers: request.headers,
        timeout: Math.max(1, left()),
        heard: (answer) => {
          verdict = verdictOf(answer, stage)
          if (verdict.kind !== 'again' || !verdict.wait) return null
          return verdict.wait === 'day' && answer.retryAt === undefined ? { until: endOfDay(env.now()) } : {}
        },
      })
      noted(reply)
      if (reply.kind === 'answer') {
        verdict ??= verdictOf(reply, stage) // a 429 is the pool's own business
        if (verdict.kind === 'again' && verdict.wait && reply.retryAt !== undefined) verdict.at = reply.retryAt
      }
      if (token === null || !auth || !verdict || reply.kind !== 'answer') return { kind: 'replied', reply, verdict }
      const invalid = reply.status === 401 || (verdict.code !== undefined && auth.tokenCodes.includes(verdict.code))
      if (!invalid) {
        auth.taken(token)
        return { kind: 'replied', reply, verdict }
      }
      const another = auth.refused(token)
      if (!again && another) {
        // Sent with too little time, it would only become unknown: the record comes again instead.
        if (left() >= call.timeout / 3 && env.monotonic() < last) continue
        const why: Fault = { code: 'send.token', stage, said: 'the target ended the former one' }
        return { kind: 'unproved', why, at: env.now() + 500, ms: env.monotonic() - began }
      }
      const said = verdict.kind === 'success' ? '' : (verdict.why.said ?? '')
      const why: Fault = { code: 'config.auth', stage, value: String(reply.status), said }
      const { code, parsed } = verdict
      const told = { ...(code === undefined ? null : { code }), ...(parsed && { parsed }) }
      return { kind: 'replied', reply, verdict: { ...told, kind: 'refused', proved: true, why } }
    }
  }

  const objectOf = (code: string): ObjectDef | null => objects.get(code) ?? null
  const wireName = (object: ObjectDef): string => object.apiName || object.code
  /** Names of declared objects, to whose they are: a record may leave its `objAPIName` out, but not name another object. */
  const owners = new Map<string, ObjectDef>()
  for (const object of objects.values()) for (const name of [object.apiName, object.code]) owners.set(name, object)
  const toRecord = (record: Json, parsed: Parsed, object: ObjectDef): RecordRead =>
    readRecord(record, parsed, object, connection.zone, (name) => (owners.get(name) ?? object) !== object)

  // ---- reading

  const query = async (
    name: string,
    params: string,
    signal: AbortSignal,
    timeout: Millis,
  ): Promise<Read<{ verdict: Verdict & { kind: 'success' } } | 'gone'>> => {
    if (trouble) return { kind: 'failed', why: trouble }
    if (!connection.readable) {
      return {
        kind: 'failed',
        why: { code: 'config.connector', stage: 'config', said: 'the connection offers no queries' },
      }
    }
    const headers = { ...readHeaders, ...trace(env.id()) }
    const talked = await talk(
      { method: 'GET', path: target(name, params), headers, body: null, timeout, signal },
      'read',
    )
    if (talked.kind === 'unproved') return { kind: 'failed', why: talked.why, at: talked.at, calm: true }
    if (talked.kind === 'unsayable') return { kind: 'failed', why: talked.why }
    const { reply, verdict } = talked
    if (reply.kind !== 'answer' || !verdict)
      return { kind: 'failed', ...unanswered(reply as Exclude<Reply, Answer>, 'read') }
    if (verdict.code !== undefined && connection.notFoundCodes.includes(verdict.code))
      return { kind: 'read', value: 'gone' }
    if (verdict.kind === 'success') return { kind: 'read', value: { verdict } }
    const at = verdict.kind === 'again' && verdict.at !== undefined ? { at: verdict.at } : null
    const calm = verdict.kind === 'again' && verdict.wait ? { calm: true } : null
    return { kind: 'failed', why: verdict.why, ...at, ...calm }
  }

  const contract = (said: string): Read<never> => ({
    kind: 'failed',
    why: { code: 'read.contract', stage: 'read', said: mask(said) },
  })
  const undeclared = (code: string): { kind: 'failed'; why: Fault } => ({
    kind: 'failed',
    why: { code: 'config.connector', stage: 'config', said: `object ${code} is not declared` },
  })

  /** The record that the target answers for an id, whichever it is. Only a well-formed `null` or a listed code says that it is gone. */
  const fetch = async (
    object: ObjectDef,
    id: string,
    signal: AbortSignal,
    timeout = connection.timeout,
  ): Promise<Read<Reading | null>> => {
    const params = `objAPIName=${encodeURIComponent(wireName(object))}&dataId=${encodeURIComponent(id)}&includeDetail=true`
    const answer = await query('queryMasterById', params, signal, timeout)
    if (answer.kind === 'failed') return answer
    if (answer.value === 'gone') return { kind: 'read', value: null }
    const { data, parsed } = answer.value.verdict
    const ambiguous = envelopeFlaw(parsed, [data ?? null])
    if (ambiguous) return contract(ambiguous)
    if (data === null) return { kind: 'read', value: null }
    if (data === undefined) return contract(`the answer has nothing at ${connection.result.dataPath}`)
    const record = toRecord(data, parsed, object)
    return 'reading' in record ? { kind: 'read', value: record.reading } : { kind: 'failed', why: record.why }
  }

  const find = async (
    object: ObjectDef,
    id: string,
    signal: AbortSignal,
    timeout?: Millis,
  ): Promise<Read<Reading | null>> => {
    const read = await fetch(object, id, signal, timeout)
    return read.kind === 'read' && read.value && read.value.data_id !== id
      ? contract(`asked for ${id}, the source answered ${read.value.data_id}`)
      : read
  }

  const changes = async (window: Window, signal: AbortSignal): Promise<Read<Page>> => {
    const object = objectOf(window.object)
    if (!object) return undeclared(window.object)
    const params =
      `objAPIName=${encodeURIComponent(wireName(object))}&startTime=${Math.floor(window.from)}&endTime=${Math.ceil(window.to)}` +
      `&includeDetail=true&offset=${window.offset}&limit=${window.limit}`
    const answer = await query('queryMasterBatch', params, signal, connection.timeout)
    if (answer.kind === 'failed') return answer
    if (answer.value === 'gone') return contract('a batch query was answered with a code of a single one')
    const { data, parsed } = answer.value.verdict
    const list = isFields(data) ? data.dataList : undefined
    // `totalNum` is not read. A window without rows may leave the list out only by saying null.
    if (list !== null && !Array.isArray(list)) return contract('the answer has no dataList')
    const ambiguous = envelopeFlaw(parsed, list ?? [])
    if (ambiguous) return contract(ambiguous)
    const page: Page = { readings: [], full: (list?.length ?? 0) >= window.limit }
    for (const item of list ?? []) {
      const record = toRecord(item, parsed, object)
      if ('reading' in record) page.readings.push(record.reading)
      else (page.bad ??= []).push(record)
    }
    return { kind: 'read', value: page }
  }

  // ---- writing

  const encode = (outgoing: Outgoing): Buffer => {
    const object = objectOf(outgoing.object)
    if (!object) throw new Error(`object ${outgoing.object} is not declared`)
    const extra: Fields = {}
    if (outgoing.targetId !== null) extra[object.idField] = asIdField(object, outgoing.targetId)
    const field = object.externalIdField
    if (field && field !== object.idField && outgoing.content.masterFieldVal[field] === undefined)
      extra[field] = outgoing.sourceId
    let details = ''
    for (const [code, rows] of Object.entries(outgoing.content.detailFieldVals)) {
      const name = detailNamed(object, code)?.apiName || code
      details += `${details ? ',' : ''}${quote(name)}:${writeJson(rows)}`
    }
    return Buffer.from(
      `{"objAPIName":${quote(wireName(object))},"masterFieldVal":${writeFields(outgoing.content.masterFieldVal, extra)},"detailFieldVals":{${details}}}`,
    )
  }

  const sentContent = (object: ObjectDef, bytes: Buffer): Content | null => {
    const parsed = parseJson(bytes.toString())
    if (!('value' in parsed) || !isFields(parsed.value) || !isFields(parsed.value.masterFieldVal)) return null
    const details: Content['detailFieldVals'] = {}
    const sent = parsed.value.detailFieldVals
    for (const name in isFields(sent) ? sent : {}) {
      const rows = isFields(sent) ? sent[name] : null
      if (Array.isArray(rows)) details[detailNamed(object, name)?.code ?? name] = rows.filter(isFields)
    }
    return { masterFieldVal: parsed.value.masterFieldVal, detailFieldVals: details }
  }

  interface Sent {
    object: ObjectDef
    action: Change['action']
    targetId: string | null
    bytes: Buffer
    rowsDue: { [detail: string]: number }
    traceId: string
    key: string
    voidBy?: Change['voidBy']
  }

  /** Address and headers of a write, before what proves who we are is put onto it. */
  const writeOf = (
    what: Omit<Change, 'bytes' | 'object' | 'sourceId' | 'rowsDue'>,
  ): { call: 'create' | 'update' | 'invalid'; path: string; headers: Record<string, string> } => {
    const headers: Record<string, string> = {
      ...writeHeaders,
      'Idempotency-Key': headerText(what.key),
      ...trace(what.traceId),
    }
    if (what.targetId !== null) headers.id = headerText(what.targetId)
    let name: string = what.action
    if (what.action === 'void') {
      name = what.voidBy === 'update' ? 'update' : 'invalid'
      if (name === 'invalid') headers.operationType = '3'
    }
    return { call: name as 'create' | 'update' | 'invalid', path: target(name), headers }
  }

  const post = async (what: Sent, sent: () => void, sendBy: Millis, signal: AbortSignal): Promise<Talk> => {
    const { call, path: address, headers } = writeOf(what)
    const wire = wireOf(connection.format, what.bytes, call, what.targetId)
    if ('wrong' in wire) {
      const why: Fault = { code: 'send.format', stage: 'send', value: wire.value, said: wire.wrong }
      return { kind: 'unsayable', why, ms: 0 }
    }
    return talk(
      {
        method: 'POST',
        path: address,
        headers,
        body: wire.body,
        timeout: connection.timeout,
        sendBy,
        sent,
        signal,
      },
      'send',
    )
  }

  const unknown = (why: Omit<Fault, 'stage'>): Outcome => ({ kind: 'unknown', why: { ...why, stage: 'send' } })

  /**
   * A success, held against what is due (O3): the id of a create, the same id of an update, the id of each row (promise 18). Row ids that
   * the answer leaves out are read back within what is left of the call's time, so that a write never lasts longer than its time-out.
   */
  const applied = async (what: Sent, data: Json | undefined, ends: Millis, signal: AbortSignal): Promise<Outcome> => {
    const { object } = what
    const fields = isFields(data) ? data : {}
    const told = fields.masterDataId
    const id = told === undefined || told === null || told === '' ? null : idOf(told)
    if (id === null && told !== undefined && told !== null && told !== '') {
      return unknown({
        code: 'send.contract',
        field: 'masterDataId',
        said: 'it is no id of 1 to 128 printable characters',
      })
    }
    const targetId = what.targetId ?? id
    if (targetId === null) return unknown({ code: 'send.noId' })
    if (id !== null && id !== targetId) {
      return unknown({
        code: 'send.contract',
        field: 'masterDataId',
        value: id,
        expected: targetId,
        said: `${targetId} was written, and the target answered ${id}`,
      })
    }

    let rows: Content['detailFieldVals'] | null = null
    const sentRows = (): Content['detailFieldVals'] => (rows ??= sentContent(object, what.bytes)?.detailFieldVals ?? {})
    const read = readRowIds(fields.detailDataIds, object, what.rowsDue, sentRows)
    if ('fault' in read) return unknown({ code: 'send.contract', field: 'detailDataIds', said: mask(read.fault) })
    let { found, due } = read
    const { rowIds } = read
    const missing = read.absent.filter((code) => {
      const own = ownRowIds(object, code, sentRows()[code] ?? [], what.rowsDue[code] ?? 0)
      if (own) rowIds[code] = own
      return !own
    })
    if (missing.length) {
      const left = ends - env.monotonic()
      const back = left > 0 ? await find(object, targetId, signal, left) : null
      const said = !back
        ? 'no time was left to read them back'
        : back.kind === 'failed'
          ? `reading them back failed (${back.why.said ?? back.why.code})`
          : !back.value
            ? 'the record was not found when they were read back'
            : undefined
      for (const code of missing) {
        const count = what.rowsDue[code] ?? 0
        const shown = back?.kind === 'read' ? (back.value?.document.content.detailFieldVals[code] ?? []) : []
        const ids = matchRows(object, code, sentRows()[code] ?? [], shown)
        rowIds[code] = ids
        due += count
        found += ids.filter((row) => row !== null).length
      }
      if (said) return unknown({ code: 'send.rowIds', value: String(found), expected: String(due), said })
    }
    if (found < due) return unknown({ code: 'send.rowIds', value: String(found), expected: String(due) })
    return { kind: 'applied', targetId, rowIds }
  }

  const outcomeOf = async (what: Sent, talked: Talk, ends: Millis, signal: AbortSignal): Promise<Outcome> => {
    if (talked.kind === 'unproved') return { kind: 'again', why: talked.why, at: talked.at, calm: true }
    if (talked.kind === 'unsayable') return { kind: 'refused', proved: true, why: talked.why }
    const { reply, verdict } = talked
    if (reply.kind === 'lost') return { kind: 'unknown', why: unanswered(reply, 'send').why }
    if (reply.kind === 'unsent') {
      const { why, at, calm } = unanswered(reply, 'send')
      if (why.stage === 'config') return { kind: 'refused', proved: true, why }
      return { kind: 'again', why, ...(at === undefined ? null : { at }), ...(calm ? { calm } : null) }
    }
    if (!verdict) throw new Error('an answer has a verdict')
    switch (verdict.kind) {
      case 'success':
        return applied(what, verdict.data, ends, signal)
      case 'again':
        return {
          kind: 'again',
          why: verdict.why,
          ...(verdict.at === undefined ? null : { at: verdict.at }),
          ...(verdict.wait && { calm: true }),
        }
      case 'refused':
        return { kind: 'refused', proved: verdict.proved, why: verdict.why }
      case 'unknown':
        return { kind: 'unknown', why: verdict.why }
    }
  }

  const shown = (
    talked: Talk,
    name: string,
    method: 'GET' | 'POST' = 'POST',
    most: number = longestShown,
  ): Exchange => {
    const ms = talked.kind === 'replied' ? talked.reply.ms : talked.ms
    const exchange: Exchange = {
      method,
      // Without what `auth` puts into the query.
      url: mask(`${pool.origin}${target(name)}`),
      ms: Math.round(ms * 10) / 10,
    }
    if (talked.kind !== 'replied') return exchange
    const { reply } = talked
    if (reply.kind === 'answer') {
      exchange.status = reply.status
      const type = one(reply.headers['content-type'])
      exchange.answer = shorten(mask(shownText(connection.format, reply.body, type, most * 4)), most)
    } else if (reply.kind === 'lost' && reply.status) exchange.status = reply.status
    return exchange
  }

  const resend = async (
    object: ObjectDef,
    earlier: Unanswered,
    bytes: Buffer,
    sendBy: Millis,
    signal: AbortSignal,
  ): Promise<Resent> => {
    const what: Sent = {
      object,
      action: 'create',
      targetId: null,
      bytes,
      rowsDue: earlier.rowsDue,
      traceId: earlier.traceId,
      key: earlier.key,
    }
    const ends = env.monotonic() + connection.timeout
    const talked = await post(what, () => {}, sendBy, signal)
    const verdict = talked.kind === 'replied' ? talked.verdict : null
    const { duplicate } = connection
    const status = talked.kind === 'replied' && talked.reply.kind === 'answer' ? { status: talked.reply.status } : null
    if (verdict?.code !== undefined && verdict.kind !== 'success' && duplicate?.codes.includes(verdict.code)) {
      const targetId = duplicate.idPath ? idOf(at(verdict.parsed?.value, duplicate.idPath)) : null
      return { result: { kind: 'duplicate', targetId, why: verdict.why }, ...status }
    }
    return { result: await outcomeOf(what, talked, ends, signal), ...status }
  }

  // ---- recognising

  const memoryOf = (object: string): PageMemory => {
    let memory = memories.get(object)
    if (!memory) memories.set(object, (memory = pageMemory(Math.max(1, connection.pageSize))))
    return memory
  }

  const sweeps = createSweeps(async (code, from, to, wanted): Promise<Read<Hits>> => {
    const object = objectOf(code)
    if (!object) return undeclared(code)
    const skew = clock.value()
    // It may have waited for the sweep before: the window ends behind its own beginning.
    const until = Math.max(to, env.now() + (skew ? skew.ms + skew.uncertainty : 0) + connection.overlap)
    const hits = new Map<string, Reading[]>()
    let bad: Fault | null = null
    const swept = await sweep({
      read: changes,
      object: code,
      from: Math.floor(from),
      to: Math.ceil(until),
      memory: memoryOf(code),
      env,
      signal: closing.signal,
      visit(page) {
        bad ??= page.bad?.[0]?.why ?? null
        for (const reading of page.readings) {
          const id = externalIdOf(reading.document.content, object)
          if (id === null || !wanted.has(id)) continue
          const list = hits.get(id)
          if (list) list.push(reading)
          else hits.set(id, [reading])
        }
      },
    })
    if (swept.kind === 'failed') return swept
    // A record that cannot be read may be the one that is looked for.
    return bad ? { kind: 'failed', why: bad } : { kind: 'read', value: hits }
  })

  let measuring: Promise<Read<unknown>> | null = null
  /** One cheap question tells the clock for all who ask at once. */
  const measured = (object: string, signal: AbortSignal): Promise<Read<unknown>> => {
    const now = env.now()
    measuring ??= changes({ object, from: now - 1_000, to: now, offset: 0, limit: 1 }, closing.signal).finally(
      () => (measuring = null),
    )
    return unlessStopped(measuring, connection.timeout + 1_000, signal)
  }

  /**
   * Sweeps are shared, so one caller's stop leaves them running for the others. Reading may go on behind the send deadline, which is half
   * the lease, but not behind the lease: its result would be fenced.
   */
  const unlessStopped = <T>(work: Promise<Read<T>>, within: Millis, signal: AbortSignal): Promise<Read<T>> =>
    new Promise((resolve, reject) => {
      const stop = (): void => end({ kind: 'failed', why: { code: 'send.closed', stage: 'resolve' } })
      const late = setTimeout(
        () =>
          end({
            kind: 'failed',
            why: { code: 'send.timeout', stage: 'resolve', expected: `${Math.round(within)} ms` },
          }),
        Math.max(1, within),
      )
      const end = (read: Read<T>): void => {
        clearTimeout(late)
        signal.removeEventListener('abort', stop)
        resolve(read)
      }
      if (signal.aborted) return stop()
      signal.addEventListener('abort', stop)
      work.then(end, reject)
    })

  return {
    encode,

    request(change) {
      const { call, path: address, headers } = writeOf(change)
      const wire = wireOf(connection.format, change.bytes, call, change.targetId)
      const shownHeaders: Record<string, string> = {}
      for (const [name, value] of Object.entries(headers))
        shownHeaders[name] = name in ownHeaders && !openHeaders.has(name.toLowerCase()) ? hidden : value
      const carried = carriersOf(connection.auth)
      for (const { in: where, name } of carried) if (where === 'header') shownHeaders[name] = hidden
      const query = carried
        .filter((one) => one.in === 'query')
        .map(({ name }) => `${encodeURIComponent(name)}=${hidden}`)
      const url = mask(`${pool.origin}${address}`)
      return {
        method: 'POST',
        url: query.length ? `${url}${url.includes('?') ? '&' : '?'}${query.join('&')}` : url,
        headers: shownHeaders,
        body:
          'wrong' in wire
            ? wire.wrong
            : shownText(connection.format, wire.body, headers['Content-Type'], Number.MAX_SAFE_INTEGER),
      }
    },

    async write(change, sent, sendBy, signal) {
      const name = change.action === 'void' ? (change.voidBy === 'update' ? 'update' : 'invalid') : change.action
      const object = objectOf(change.object)
      const wrong: Fault | null = trouble ?? (object ? null : undeclared(change.object).why)
      if (wrong || !object) {
        const exchange = { method: 'POST', url: mask(`${pool.origin}${target(name)}`), ms: 0 }
        return { outcome: { kind: 'refused', proved: true, why: wrong as Fault }, exchange }
      }
      if ((change.action === 'create') !== (change.targetId === null)) {
        throw new Error(`${change.action} with target id ${change.targetId}`)
      }
      const what: Sent = { ...change, object }
      const ends = env.monotonic() + connection.timeout
      const talked = await post(what, sent, sendBy, signal)
      return { outcome: await outcomeOf(what, talked, ends, signal), exchange: shown(talked, name) }
    },

    async recognise(earlier, sendBy, signal, mayRepeat) {
      const object = objectOf(earlier.object)
      const wrong = trouble ?? (object ? null : undeclared(earlier.object).why)
      if (wrong || !object) return { kind: 'cannot tell', why: wrong as Fault }
      const within = Math.max(0, sendBy - env.monotonic()) * 1.8
      return recognise(
        {
          connection,
          object,
          env,
          skew: () => clock.value(),
          measure: (stop) => measured(object.code, stop),
          fetch: (id, stop) => fetch(object, id, stop),
          sweep: (from, to, id, stop) => unlessStopped(sweeps(object.code, from, to, id), within, stop),
          resend: (again, bytes, by, stop) => resend(object, again, bytes, by, stop),
          decode: (bytes) => sentContent(object, bytes),
          mayRepeat,
        },
        earlier,
        sendBy,
        signal,
      )
    },

    changes,

    async find(code, id, signal) {
      const object = objectOf(code)
      return object ? find(object, id, signal) : undeclared(code)
    },

    slots() {
      // Nothing leaves while the configuration is wrong, and each record is to be told so.
      if (trouble) return { free: connection.limits.concurrency }
      const blocked = auth?.blockedUntil() ?? null
      if (blocked !== null) return { free: 0, at: blocked }
      const { free, at } = pool.slots()
      return at === undefined ? { free } : { free, at }
    },

    async close() {
      closing.abort()
      await Promise.all([pool.close(), auth?.close()])
    },

    async signIn(signal) {
      if (trouble) return trouble
      if (!auth) return null
      const request = { method: 'GET', path: target('queryMasterBatch'), headers: readHeaders, body: null } as const
      const proved = await auth.prove(request, connection.timeout, signal)
      return proved.kind === 'none' ? { code: 'send.token', stage: 'read', said: shorten(mask(proved.said)) } : null
    },

    async ask(name, params, signal) {
      const url = mask(`${pool.origin}${target(name, params)}`)
      if (trouble) return { exchange: { method: 'GET', url, ms: 0 }, why: trouble }
      const headers = { ...readHeaders, ...trace(env.id()) }
      const { timeout } = connection
      const talked = await talk(
        { method: 'GET', path: target(name, params), headers, body: null, timeout, signal },
        'read',
      )
      const exchange = { ...shown(talked, name, 'GET', longestAsked), url }
      if (talked.kind !== 'replied') return { exchange, why: talked.why }
      const { reply, verdict } = talked
      if (reply.kind !== 'answer' || !verdict)
        return { exchange, why: unanswered(reply as Exclude<Reply, Answer>, 'read').why }
      return { exchange, why: verdict.kind === 'success' ? null : verdict.why }
    },

    skew: () => clock.value(),
    view: () => limits.view(env.now()),
  }
}

const hidden = '•••'
/** Headers that are nobody's secret. */
const openHeaders = new Set(['content-type', 'accept', 'accept-language', 'user-agent'])

/** Where `auth` puts what proves who we are. */
const carriersOf = (auth: ConnectionDef['auth']): Carrier[] => [
  ...(auth?.basic ? [{ in: 'header' as const, name: 'Authorization' }] : []),
  ...(auth?.apiKey ? [auth.apiKey] : []),
  ...(auth?.oauth2 ? [auth.oauth2.carry] : []),
  ...(auth?.signature
    ? [auth.signature.put, auth.signature.timestamp, auth.signature.nonce].filter((one) => one !== undefined)
    : []),
]

/** A number field takes the id as a number, with the digits it came with. */
const asIdField = (object: ObjectDef, id: string): Json => {
  const type = object.fields.find((field) => field.code === object.idField)?.type
  return (type === 'integer' || type === 'decimal') && /^-?(0|[1-9]\d*)(\.\d+)?$/.test(id) ? new LosslessNumber(id) : id
}

/** A key that comes twice outside the records: what the answer says is then anyone's guess. */
const envelopeFlaw = (parsed: Parsed, records: readonly Json[]): string | null => {
  const twice = parsed.flaws.filter((flaw) => flaw.kind === 'duplicate')
  const outside = twice.find((flaw) =>
    records.every((record) => {
      const span = parsed.spans?.get(record)
      return !span || flaw.at < span[0] || flaw.at >= span[1]
    }),
  )
  return outside?.said ?? null
}
