/** The `standard` connector: any system that implements the guide's four interfaces (contracts.md section 2), in JSON. */
import type { Change, Connector, Exchange, Page, Read, Reading, Unanswered, Window } from '../../doc/connector.ts'
import type { Content, Fields, Json, Millis } from '../../doc/document.ts'
import type { Fault } from '../../doc/fault.ts'
import type { Carrier, ConnectionDef, Outgoing } from '../../doc/flow.ts'
import type { ObjectDef } from '../../doc/object.ts'
import type { Outcome } from '../../doc/outcome.ts'
import { headerText } from '../../egress/pool.ts'
import { LosslessNumber } from 'lossless-json'
import { type CallsDeps, openCalls, type Talk, unsuccessful, untold } from '../calls.ts'
import { type PageMemory, pageMemory, sweep } from '../pager.ts'
import { idOf, type Verdict } from './answer.ts'
import { ambiguous, at, isFields, type Parsed, parseJson, quote, writeFields, writeJson } from './body.ts'
import { acceptOf, contentTypeOf, shownText, wireOf } from './formats.ts'
import { externalIdOf, readRecord, type RecordRead } from './readings.ts'
import { recognise, type Resent } from './recognise.ts'
import { detailNamed, matchRows, ownRowIds, readRowIds } from './rowids.ts'
import type { Skew } from './skew.ts'
import { createSweeps, type Hits } from './sweeps.ts'

export interface StandardDeps extends Omit<CallsDeps, 'rule' | 'headers' | 'text'> {
  /** Of this connection, by code. */
  objects: ReadonlyMap<string, ObjectDef>
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

/** Where a person asked for this very answer. */
const longestAsked = 200_000
export const standardConnector = (deps: StandardDeps): StandardConnector => {
  const { connection, objects, env } = deps
  const { format } = connection
  const calls = openCalls({
    ...deps,
    rule: connection,
    headers: {
      GET: { accept: acceptOf(format), 'accept-encoding': 'gzip, deflate, br' },
      POST: { 'Content-Type': contentTypeOf(format) },
    },
    text: (body, contentType, most) => shownText(format, body, contentType, most),
  })
  const { mask, trouble } = calls
  const closing = new AbortController()
  const memories = new Map<string, PageMemory>()

  /** W3C trace context where the trace id fits it. */
  const trace = (traceId: string): Record<string, string> => {
    const hex = traceId.replaceAll('-', '').toLowerCase()
    const headers: Record<string, string> = { 'X-Request-Id': headerText(traceId) }
    if (/^[0-9a-f]{32}$/.test(hex)) headers.traceparent = `00-${hex}-${env.id().slice(0, 16)}-01`
    return headers
  }

  /** `unsayable`: the request cannot be said in the target's format, and not one byte left. */
  type Written = Talk | { kind: 'unsayable'; why: Fault }

  const objectOf = (code: string): ObjectDef | null => objects.get(code) ?? null
  const wireName = (object: ObjectDef): string => object.apiName || object.code
  /** Names of declared objects, to whose they are: a record may leave its `objAPIName` out, but not name another object. */
  const owners = new Map<string, ObjectDef>()
  for (const object of objects.values()) for (const name of [object.apiName, object.code]) owners.set(name, object)
  const toRecord = (record: Json, parsed: Parsed, object: ObjectDef): RecordRead =>
    readRecord(record, parsed, object, connection.zone, (name) => (owners.get(name) ?? object) !== object)

  // ---- reading

  const asked = (name: string, params: string, signal: AbortSignal, timeout: Millis): Promise<Talk> =>
    calls.talk({
      method: 'GET',
      path: () => (params ? `${name}?${params}` : name),
      body: null,
      headers: trace(env.id()),
      stage: 'read',
      timeout,
      signal,
    })

  const failedBy = ({ why, at, calm }: Extract<Talk, { kind: 'unanswered' }>): Read<never> => ({
    kind: 'failed',
    why,
    ...(at !== undefined && { at }),
    ...(calm && { calm }),
  })

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
    const talked = await asked(name, params, signal, timeout)
    if (talked.kind === 'unanswered') return failedBy(talked)
    const { verdict } = talked
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
    const twice = ambiguous(parsed, [data ?? null])
    if (twice) return contract(twice)
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
    const twice = ambiguous(parsed, list ?? [])
    if (twice) return contract(twice)
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
  ): { call: 'create' | 'update' | 'invalid'; headers: Record<string, string> } => {
    const headers: Record<string, string> = {
      'Idempotency-Key': headerText(what.key),
      ...trace(what.traceId),
    }
    if (what.targetId !== null) headers.id = headerText(what.targetId)
    let name: string = what.action
    if (what.action === 'void') {
      name = what.voidBy === 'update' ? 'update' : 'invalid'
      if (name === 'invalid') headers.operationType = '3'
    }
    return { call: name as 'create' | 'update' | 'invalid', headers }
  }

  const post = async (what: Sent, sent: () => void, sendBy: Millis, signal: AbortSignal): Promise<Written> => {
    const { call, headers } = writeOf(what)
    const wire = wireOf(format, what.bytes, call, what.targetId)
    if ('wrong' in wire) {
      const why: Fault = { code: 'send.format', stage: 'send', value: wire.value, said: wire.wrong }
      return { kind: 'unsayable', why }
    }
    const { timeout } = connection
    return calls.talk({ path: () => call, headers, body: wire.body, stage: 'send', timeout, sendBy, sent, signal })
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

  const outcomeOf = async (what: Sent, talked: Written, ends: Millis, signal: AbortSignal): Promise<Outcome> => {
    if (talked.kind === 'unsayable') return { kind: 'refused', proved: true, why: talked.why }
    if (talked.kind === 'unanswered') return untold(talked)
    const { verdict } = talked
    return verdict.kind === 'success' ? applied(what, verdict.data, ends, signal) : unsuccessful(verdict)
  }

  const shown = (talked: Written, name: string): Exchange =>
    talked.kind === 'unsayable' ? { method: 'POST', url: calls.urlOf(name), ms: 0 } : calls.shown(name, talked)

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
    const verdict = talked.kind === 'answered' ? talked.verdict : null
    const { duplicate } = connection
    const status = talked.kind === 'answered' ? { status: talked.reply.status } : null
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
    const skew = calls.skew()
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
      const { call, headers: more } = writeOf(change)
      const headers = { ...calls.headersOf('POST'), ...more }
      const wire = wireOf(format, change.bytes, call, change.targetId)
      const shownHeaders: Record<string, string> = {}
      for (const [name, value] of Object.entries(headers))
        shownHeaders[name] = name in connection.headers && !openHeaders.has(name.toLowerCase()) ? hidden : value
      const carried = carriersOf(connection.auth)
      for (const { in: where, name } of carried) if (where === 'header') shownHeaders[name] = hidden
      const query = carried
        .filter((one) => one.in === 'query')
        .map(({ name }) => `${encodeURIComponent(name)}=${hidden}`)
      const url = calls.urlOf(call)
      return {
        method: 'POST',
        url: query.length ? `${url}${url.includes('?') ? '&' : '?'}${query.join('&')}` : url,
        headers: shownHeaders,
        body:
          'wrong' in wire ? wire.wrong : shownText(format, wire.body, headers['Content-Type'], Number.MAX_SAFE_INTEGER),
      }
    },

    async write(change, sent, sendBy, signal) {
      const name = change.action === 'void' ? (change.voidBy === 'update' ? 'update' : 'invalid') : change.action
      const object = objectOf(change.object)
      const wrong: Fault | null = trouble ?? (object ? null : undeclared(change.object).why)
      if (wrong || !object) {
        const exchange = { method: 'POST', url: calls.urlOf(name), ms: 0 }
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
          skew: calls.skew,
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

    slots: () => calls.slots(),

    async close() {
      closing.abort()
      await calls.close()
    },

    signIn: (signal) => calls.signIn('queryMasterBatch', signal),

    async ask(name, params, signal) {
      const path = params ? `${name}?${params}` : name
      if (trouble) return { exchange: { method: 'GET', url: calls.urlOf(path), ms: 0 }, why: trouble }
      const talked = await asked(name, params, signal, connection.timeout)
      const exchange = calls.shown(path, talked, { method: 'GET', most: longestAsked })
      if (talked.kind === 'unanswered') return { exchange, why: talked.why }
      return { exchange, why: talked.verdict.kind === 'success' ? null : talked.verdict.why }
    },

    skew: calls.skew,
    view: calls.view,
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
