/** The `fxiaoke` connector: a CRM behind the public Open API v2 (contracts.md section 3, decision 210). */
import type { Change, Connector, Exchange, Page, Read, Reading, Window } from '../../doc/connector.ts'
import type { Content, Fields, Json, Millis } from '../../doc/document.ts'
import { type Fault, sentence } from '../../doc/fault.ts'
import type { FxiaokeDef } from '../../doc/flow.ts'
import type { ObjectDef } from '../../doc/object.ts'
import type { Outcome, Recognised } from '../../doc/outcome.ts'
import { headerText } from '../../egress/pool.ts'
import { uuidOf } from '../auth/token.ts'
import { type CallsDeps, openCalls, type Talk, unsuccessful, untold } from '../calls.ts'
import { idOf, type Verdict } from '../standard/answer.ts'
import { ambiguous, isFields, parseJson, textOf } from '../standard/body.ts'
import { settledAt } from '../standard/recognise.ts'
import { matchRows, ownRowIds, readRowIds } from '../standard/rowids.ts'
import type { Skew } from '../standard/skew.ts'
import { permission, ruleOf } from './codes.ts'
import { type Described, objectOf, readDescribe } from './learn.ts'
import {
  type Filter,
  getBody,
  type Interface,
  pathOf,
  queryBody,
  readableDetails,
  readingOf,
  readRow,
  type RowRead,
  type Search,
  sentContent,
  voidBody,
  wireName,
  writeBody,
} from './wire.ts'

export interface FxiaokeDeps extends Omit<CallsDeps, 'rule'> {
  /** Of this connection, by code. */
  objects: ReadonlyMap<string, ObjectDef>
}

export interface FxiaokeConnector extends Connector {
  skew(): Skew | null
  view(): { breaker: 'closed' | 'open' | 'recovering'; running: number; heldUntil: Millis | null }
  /** An object of the CRM with these of its detail objects, as it could be declared here; nothing is saved. */
  learn(code: string, details: readonly string[], signal: AbortSignal): Promise<Read<ObjectDef>>
  /** What objects there are. */
  offered(signal: AbortSignal): Promise<Read<{ code: string; name: string }[]>>
}

/** The API's own bounds. */
const mostRows = 100
const lastOffset = 10_000
/** A window as narrow as this is one moment's rows: they are paged by `_id`, where no offset ends. */
const narrow: Millis = 10
const keptCursors = 64

type Row = Extract<RowRead, { fields: Fields }>
type Told =
  | { kind: 'told'; verdict: Extract<Verdict, { kind: 'success' }> }
  | { kind: 'no'; why: Fault; code?: string; at?: Millis; calm?: boolean }

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** Ends of writes that say more than their own interface: `create`, `update`, `invalid`. */
const interfaceOf = (change: Pick<Change, 'action' | 'voidBy'>): 'create' | 'update' | 'invalid' =>
  change.action === 'void' ? (change.voidBy === 'update' ? 'update' : 'invalid') : change.action

export const fxiaokeConnector = (deps: FxiaokeDeps): FxiaokeConnector => {
  const { connection, objects, env } = deps
  const said: FxiaokeDef = connection.fxiaoke ?? {
    enterprise: '',
    user: '',
    triggerWorkFlow: false,
    triggerApprovalFlow: false,
  }
  const calls = openCalls({ ...deps, rule: ruleOf(connection) })
  const { mask } = calls

  const undeclared = (code: string): Fault => ({
    code: 'config.connector',
    stage: 'config',
    said: `object ${code} is not declared`,
  })
  const contract = (words: string): Read<never> => ({
    kind: 'failed',
    why: { code: 'read.contract', stage: 'read', said: mask(words) },
  })

  const call = (
    name: Interface,
    object: string,
    body: Buffer,
    more: Pick<Parameters<typeof calls.talk>[0], 'stage' | 'timeout' | 'signal' | 'sendBy' | 'sent'> & {
      traceId?: string
    },
  ): Promise<Talk> => {
    const { traceId, ...rest } = more
    return calls.talk({
      ...rest,
      // No call repeats another's: the API tells them apart by it, and asks for a fresh one each time.
      path: () => `${pathOf(name, object)}?thirdTraceId=${uuidOf(env.id())}`,
      body,
      headers: {
        'x-fs-ea': headerText(said.enterprise),
        'x-fs-userid': headerText(said.user),
        ...(traceId !== undefined && { 'X-Request-Id': headerText(traceId) }),
      },
      lane: name,
    })
  }

  // ---- reading

  const ask = async (
    name: Interface,
    object: string,
    body: Buffer,
    signal: AbortSignal,
    timeout: Millis = connection.timeout,
  ): Promise<Told> => {
    if (calls.trouble) return { kind: 'no', why: calls.trouble }
    if (!connection.readable)
      return {
        kind: 'no',
        why: { code: 'config.connector', stage: 'config', said: 'the connection offers no queries' },
      }
    const talked = await call(name, object, body, { stage: 'read', timeout, signal })
    if (talked.kind === 'unanswered') {
      const { why, at, calm } = talked
      return { kind: 'no', why, ...(at !== undefined && { at }), ...(calm && { calm }) }
    }
    const verdict = permission(talked.verdict)
    if (verdict.kind === 'success') return { kind: 'told', verdict }
    const waits = verdict.kind === 'again' && verdict.wait
    return {
      kind: 'no',
      why: verdict.why,
      ...(verdict.code !== undefined && { code: verdict.code }),
      ...(verdict.kind === 'again' && verdict.at !== undefined && { at: verdict.at }),
      ...(waits && { calm: true }),
    }
  }

  const failed = ({ why, at, calm }: Extract<Told, { kind: 'no' }>): Read<never> => ({
    kind: 'failed',
    why,
    ...(at !== undefined && { at }),
    ...(calm && { calm }),
  })

  /** One page of records, as they come. */
  const search = async (
    what: Search,
    idField: string,
    signal: AbortSignal,
    timeout?: Millis,
  ): Promise<Read<RowRead[]>> => {
    const told = await ask('query', what.object, queryBody(what), signal, timeout)
    if (told.kind === 'no') return failed(told)
    const { data, parsed } = told.verdict
    const list = isFields(data) ? data.dataList : undefined
    if (!Array.isArray(list)) return contract('the answer has no data.dataList')
    const twice = ambiguous(parsed, list)
    if (twice) return contract(twice)
    return { kind: 'read', value: list.map((row) => readRow(row, parsed, idField)) }
  }

  /** All rows of what a filter names, however many, by `_id`. */
  const searchAll = async (
    object: string,
    idField: string,
    filters: readonly Filter[],
    signal: AbortSignal,
    ends?: Millis,
  ): Promise<Read<RowRead[]>> => {
    const rows: RowRead[] = []
    for (let after: string | null = null; ; ) {
      const behind: Filter[] = after === null ? [] : [{ field: idField, operator: 'GT', values: [after] }]
      const what = { object, filters: [...filters, ...behind], orderBy: idField, offset: 0, limit: mostRows }
      const page: Read<RowRead[]> = await search(what, idField, signal, ends && Math.max(1, ends - env.monotonic()))
      if (page.kind === 'failed') return page
      rows.push(...page.value)
      const last = page.value.at(-1)
      if (page.value.length < mostRows) return { kind: 'read', value: rows }
      if (!last || !('id' in last) || last.id === after) return contract('a page does not end in a record with an id')
      after = last.id
    }
  }

  /** The rows of every readable detail, by master id. One question per detail and page of masters. */
  const detailsOf = async (
    object: ObjectDef,
    ids: readonly string[],
    signal: AbortSignal,
    ends?: Millis,
  ): Promise<Read<Map<string, Content['detailFieldVals']>>> => {
    const found = new Map<string, Content['detailFieldVals']>(ids.map((id) => [id, {}]))
    if (!ids.length) return { kind: 'read', value: found }
    for (const detail of readableDetails(object)) {
      for (const id of ids) (found.get(id) as Content['detailFieldVals'])[detail.code] = []
      const filter: Filter = { field: detail.masterField, operator: ids.length === 1 ? 'EQ' : 'IN', values: ids }
      const rows = await searchAll(wireName(detail), detail.idField ?? '_id', [filter], signal, ends)
      if (rows.kind === 'failed') return rows
      for (const row of rows.value) {
        if (!('fields' in row)) return { kind: 'failed', why: row.why }
        const of = found.get(textOf(row.fields[detail.masterField]) ?? '')
        if (!of) return contract(`a row of ${detail.code} names a master that was not asked for`)
        of[detail.code]?.push(row.fields)
      }
    }
    return { kind: 'read', value: found }
  }

  const wholeOf = async (object: ObjectDef, row: Row, signal: AbortSignal, ends?: Millis): Promise<Read<Reading>> => {
    const details = await detailsOf(object, [row.id], signal, ends)
    if (details.kind === 'failed') return details
    return { kind: 'read', value: readingOf(object, row, details.value.get(row.id) ?? {}, connection.zone) }
  }

  const byField = (object: ObjectDef, field: string, value: string, signal: AbortSignal): Promise<Read<RowRead[]>> =>
    search(
      {
        object: wireName(object),
        filters: [{ field, operator: 'EQ', values: [value] }],
        orderBy: object.idField,
        offset: 0,
        limit: 10,
      },
      object.idField,
      signal,
    )

  const oneOf = async (
    object: ObjectDef,
    rows: RowRead[],
    id: string,
    signal: AbortSignal,
  ): Promise<Read<Reading | null>> => {
    const [row] = rows
    if (!row) return { kind: 'read', value: null }
    if (!('fields' in row)) return { kind: 'failed', why: row.why }
    if (row.id !== id) return contract(`asked for ${id}, the source answered ${row.id}`)
    return wholeOf(object, row, signal)
  }

  /** Which code says "no such record" is not published: an unlisted refusal is believed only where a query finds none either. */
  const find = async (object: ObjectDef, id: string, signal: AbortSignal): Promise<Read<Reading | null>> => {
    const told = await ask('get', wireName(object), getBody(object, id), signal)
    if (told.kind === 'told') {
      const { data, parsed } = told.verdict
      const twice = ambiguous(parsed, [data ?? null])
      if (twice) return contract(twice)
      const nothing = data === undefined || data === null || (isFields(data) && !Object.keys(data).length)
      return oneOf(object, nothing ? [] : [readRow(data, parsed, object.idField)], id, signal)
    }
    if (told.code !== undefined && connection.notFoundCodes.includes(told.code)) return { kind: 'read', value: null }
    if (told.why.code !== 'send.refused') return failed(told)
    const rows = await byField(object, object.idField, id, signal)
    return rows.kind === 'failed' ? rows : oneOf(object, rows.value, id, signal)
  }

  /** Where the pages of a narrow window ended, by offset: the next one goes on behind that `_id`. */
  const cursors = new Map<string, Map<number, string>>()
  const cursorsOf = (key: string, anew: boolean): Map<number, string> => {
    const known = cursors.get(key)
    if (known && !anew) return known
    const fresh = new Map<number, string>()
    cursors.delete(key)
    cursors.set(key, fresh)
    for (const old of cursors.keys()) {
      if (cursors.size <= keptCursors) break
      cursors.delete(old)
    }
    return fresh
  }

  const pageOf = async (object: ObjectDef, window: Window, signal: AbortSignal): Promise<Read<RowRead[]>> => {
    const field = object.modifiedField ?? 'last_modified_time'
    const { idField } = object
    const limit = Math.max(1, Math.min(window.limit, mostRows))
    const times: Filter[] = [
      { field, operator: 'GTE', values: [String(Math.floor(window.from))] },
      { field, operator: 'LT', values: [String(Math.ceil(window.to))] },
    ]
    const base = { object: wireName(object), filters: times, offset: 0, limit }
    if (window.to - window.from > narrow) {
      if (window.offset > lastOffset)
        return contract(`offset ${window.offset} is beyond what the API reads: ask for a narrower window`)
      // An offset must be a multiple of the limit.
      const step = window.offset % limit === 0 ? limit : gcd(window.offset, limit)
      return search({ ...base, orderBy: field, offset: window.offset, limit: step }, idField, signal)
    }
    const known = cursorsOf(JSON.stringify([object.code, window.from, window.to]), window.offset === 0)
    let offset = window.offset
    let after = known.get(offset)
    if (after === undefined && offset > 0 && (offset % limit !== 0 || offset > lastOffset)) offset = 0 // walk there
    for (;;) {
      const behind: Filter[] = after === undefined ? [] : [{ field: idField, operator: 'GT', values: [after] }]
      const what = {
        ...base,
        filters: [...times, ...behind],
        orderBy: idField,
        offset: after === undefined ? offset : 0,
      }
      const rows = await search(what, idField, signal)
      if (rows.kind === 'failed') return rows
      const last = rows.value.at(-1)
      const behindIt = offset + rows.value.length
      if (last && 'id' in last) known.set(behindIt, last.id)
      if (offset >= window.offset) return rows
      if (behindIt > window.offset) return { kind: 'read', value: rows.value.slice(window.offset - offset) }
      if (rows.value.length < limit || !last || !('id' in last)) return { kind: 'read', value: [] }
      offset = behindIt
      after = last.id
    }
  }

  const changes = async (window: Window, signal: AbortSignal): Promise<Read<Page>> => {
    const object = objects.get(window.object)
    if (!object) return { kind: 'failed', why: undeclared(window.object) }
    const rows = await pageOf(object, window, signal)
    if (rows.kind === 'failed') return rows
    const whole = rows.value.filter((row): row is Row => 'fields' in row)
    const details = await detailsOf(
      object,
      whole.map((row) => row.id),
      signal,
    )
    if (details.kind === 'failed') return details
    const page: Page = { readings: [], full: rows.value.length >= Math.min(window.limit, mostRows) }
    for (const row of rows.value) {
      if ('fields' in row) page.readings.push(readingOf(object, row, details.value.get(row.id) ?? {}, connection.zone))
      else (page.bad ??= []).push(row)
    }
    return { kind: 'read', value: page }
  }

  // ---- writing

  interface Sent {
    object: ObjectDef
    change: Change
  }

  const unknown = (why: Omit<Fault, 'stage'>): Outcome => ({ kind: 'unknown', why: { ...why, stage: 'send' } })

  const told = (verdict: Extract<Verdict, { kind: 'success' }>): { id: Json | undefined; rows: Json | undefined } => {
    const top = isFields(verdict.parsed.value) ? verdict.parsed.value : {}
    const data = isFields(verdict.data) ? verdict.data : {}
    return { id: top.dataId ?? data.dataId ?? data._id, rows: top.detailIds ?? data.detailIds }
  }

  /** A success, held against what is due (O3): the id of a create, the id of each row (promise 18). */
  const applied = async (
    { object, change }: Sent,
    verdict: Extract<Verdict, { kind: 'success' }>,
    ends: Millis,
    signal: AbortSignal,
  ): Promise<Outcome> => {
    const answer = told(verdict)
    const id = answer.id === undefined || answer.id === null || answer.id === '' ? null : idOf(answer.id)
    const targetId = change.targetId ?? id
    if (targetId === null) return unknown({ code: 'send.noId' })
    if (id !== null && id !== targetId)
      return unknown({
        code: 'send.contract',
        field: 'dataId',
        value: id,
        expected: targetId,
        said: `${targetId} was written, and the target answered ${id}`,
      })
    const parsed = parseJson(change.bytes.toString())
    const sentRows: Content['detailFieldVals'] =
      'value' in parsed ? (sentContent(object, parsed.value)?.detailFieldVals ?? {}) : {}
    const read = readRowIds(answer.rows, object, change.rowsDue, () => sentRows)
    if ('fault' in read) return unknown({ code: 'send.contract', field: 'detailIds', said: mask(read.fault) })
    let { found, due } = read
    const { rowIds } = read
    const missing = read.absent.filter((code) => {
      const own = ownRowIds(object, code, sentRows[code] ?? [], change.rowsDue[code] ?? 0)
      if (own) rowIds[code] = own
      return !own
    })
    if (missing.length) {
      // Read back within what is left of the call's time, so that a write never lasts longer than its time-out.
      const back = await detailsOf(object, [targetId], signal, ends)
      const shown = back.kind === 'read' ? (back.value.get(targetId) ?? {}) : {}
      for (const code of missing) {
        const ids = matchRows(object, code, sentRows[code] ?? [], shown[code] ?? [])
        rowIds[code] = ids
        due += change.rowsDue[code] ?? 0
        found += ids.filter((row) => row !== null).length
      }
      if (back.kind === 'failed')
        return unknown({
          code: 'send.rowIds',
          value: String(found),
          expected: String(due),
          said: `reading them back failed (${back.why.said ?? back.why.code})`,
        })
    }
    if (found < due) return unknown({ code: 'send.rowIds', value: String(found), expected: String(due) })
    return { kind: 'applied', targetId, rowIds }
  }

  const outcomeOf = async (what: Sent, talked: Talk, ends: Millis, signal: AbortSignal): Promise<Outcome> => {
    if (talked.kind === 'unanswered') return untold(talked)
    const verdict = permission(talked.verdict)
    return verdict.kind === 'success' ? applied(what, verdict, ends, signal) : unsuccessful(verdict)
  }

  const described = async (code: string, signal: AbortSignal): Promise<Read<Described>> => {
    const body = Buffer.from(JSON.stringify({ data: { apiName: code, includeDetail: true } }))
    const answer = await ask('describe', code, body, signal)
    if (answer.kind === 'no') return failed(answer)
    const data = answer.verdict.data
    const read = readDescribe(isFields(data) ? (data.describe ?? data) : undefined)
    return read ? { kind: 'read', value: read } : contract(`the answer describes no object ${code}`)
  }

  return {
    encode(outgoing) {
      const object = objects.get(outgoing.object)
      if (!object) throw new Error(`object ${outgoing.object} is not declared`)
      return writeBody(object, outgoing, said)
    },

    async write(change, sent, sendBy, signal) {
      const name = interfaceOf(change)
      const object = objects.get(change.object)
      const wrong = calls.trouble ?? (object ? null : undeclared(change.object))
      const nowhere: Exchange = { method: 'POST', url: pathOf(name, object ? wireName(object) : change.object), ms: 0 }
      if (wrong || !object)
        return { outcome: { kind: 'refused', proved: true, why: wrong as Fault }, exchange: nowhere }
      if ((change.action === 'create') !== (change.targetId === null))
        throw new Error(`${change.action} with target id ${change.targetId}`)
      const ends = env.monotonic() + connection.timeout
      const body = name === 'invalid' ? voidBody(object, change.targetId as string) : change.bytes
      const talked = await call(name, wireName(object), body, {
        stage: 'send',
        timeout: connection.timeout,
        sendBy,
        sent,
        signal,
        traceId: change.traceId,
      })
      const outcome = await outcomeOf({ object, change }, talked, ends, signal)
      return { outcome, exchange: calls.shown(pathOf(name, wireName(object)), talked) }
    },

    /**
     * The record that carries our id in the object's external-id field, asked for at any time: there is no idempotency. Queries are
     * answered from an index that may lag, so absence is believed only after the settle time and the overlap; where the CRM keeps that field
     * unique, even a create that took effect later still has no twin.
     */
    async recognise(earlier, _sendBy, signal) {
      const cannotTell = (words: string, at?: Millis): Recognised => ({
        kind: 'cannot tell',
        why: { code: 'resolve.cannotTell', stage: 'resolve', said: words },
        ...(at !== undefined && { at }),
      })
      const unreadable = (read: { why: Fault; at?: Millis }): Recognised => ({
        kind: 'cannot tell',
        why: { code: 'resolve.unreadable', stage: 'resolve', said: sentence(read.why), also: [read.why] },
        ...(read.at !== undefined && { at: read.at }),
      })
      const object = objects.get(earlier.object)
      const wrong = calls.trouble ?? (object ? null : undeclared(earlier.object))
      if (wrong || !object) return { kind: 'cannot tell', why: wrong as Fault }
      if (connection.recognise === 'none')
        return { kind: 'cannot tell', why: { code: 'resolve.none', stage: 'resolve' } }
      if (!object.externalIdField) return cannotTell('the object has no field for the other side’s id')
      const began = env.now()
      const rows = await byField(object, object.externalIdField, earlier.sourceId, signal)
      if (rows.kind === 'failed') return unreadable(rows)
      const bad = rows.value.find((row) => !('fields' in row))
      if (bad && 'why' in bad) return unreadable(bad)
      const ids = new Map(rows.value.flatMap((row) => ('fields' in row ? [[row.id, row]] : [])))
      const [first, second] = ids.values()
      if (second) return { kind: 'several', targetIds: [...ids.keys()] }
      if (first) {
        // The filter is the API's word; the record's own is what counts.
        if (textOf(first.fields[object.externalIdField]) !== earlier.sourceId)
          return cannotTell(
            `asked for ${earlier.sourceId}, the target answered its record ${first.id}, which is not ours`,
          )
        const whole = await wholeOf(object, first, signal)
        if (whole.kind === 'failed') return unreadable(whole)
        return { kind: 'found', targetId: first.id, content: whole.value.document.content }
      }
      const believed = settledAt(connection, earlier.sentAt) + connection.overlap
      return began >= believed ? { kind: 'absent' } : cannotTell('it may still become visible', believed)
    },

    changes,

    async find(code, id, signal) {
      const object = objects.get(code)
      return object ? find(object, id, signal) : { kind: 'failed', why: undeclared(code) }
    },

    // Which of the two a claim will be is not known before it: a marked call is not to wait for its interface's next window.
    slots: () => calls.slots(['create', 'update']),

    close: calls.close,

    skew: calls.skew,
    view: calls.view,

    async learn(code, details, signal) {
      const master = await described(code, signal)
      if (master.kind === 'failed') return master
      const rows: Described[] = []
      for (const name of details) {
        const detail = await described(name, signal)
        if (detail.kind === 'failed') return detail
        if (detail.value.master?.object !== code)
          return contract(`${name} is no detail of ${code}: none of its fields is a master_detail of it`)
        rows.push(detail.value)
      }
      return { kind: 'read', value: objectOf(master.value, rows, new Set(objects.keys())) }
    },

    async offered(signal) {
      const answer = await ask('list', '', Buffer.from('{"data":{}}'), signal)
      if (answer.kind === 'no') return failed(answer)
      const list = isFields(answer.verdict.data) ? answer.verdict.data.objects : undefined
      if (!Array.isArray(list)) return contract('the answer has no data.objects')
      return {
        kind: 'read',
        value: list.flatMap((one) => {
          const code = isFields(one) ? textOf(one.describeApiName) : null
          return code === null || !isFields(one) ? [] : [{ code, name: textOf(one.describeDisplayName) ?? code }]
        }),
      }
    },
  }
}
