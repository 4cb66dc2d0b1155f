/** The `masterdata-batch` connector: records leave in batches that somebody else fills, and are answered later (contracts.md section 6, decision 225). */
import type { Change, Connector, Exchange, Read } from '../../doc/connector.ts'
import type { Millis, Side } from '../../doc/document.ts'
import type { Fault } from '../../doc/fault.ts'
import type { OutBatchDef } from '../../doc/flow.ts'
import type { ObjectDef } from '../../doc/object.ts'
import type { Answered, Outcome } from '../../doc/outcome.ts'
import { headerText } from '../../egress/pool.ts'
import { type CallsDeps, openCalls, type Talk } from '../calls.ts'
import { shorten } from '../standard/answer.ts'
import type { Skew } from '../standard/skew.ts'
import { type BatchResult, readData, readRow, writeRow } from './wire.ts'

export interface Row {
  tenantId: string
  connectionId: string
  key: string
  object: string
  pairId: string
  linkId: number
  /** The side of the pair that the target is. */
  side: Side
  /** A record that has no id there yet: the row may only make one. */
  isNew: boolean
  code: string
  body: Buffer
}

/** `full`: as much waits as can leave before then. `taken`: another record has that code, or is about to. */
export type Put = 'queued' | { full: Millis } | { taken: string }

/** Where rows wait until a batch is filled; the room that fills them hands it in. */
export interface RowQueue {
  /** A key that is known already changes nothing. */
  put(row: Row): Promise<Put>
  answered(tenantId: string, connectionId: string, key: string): Promise<Answered>
}

export interface MasterdataBatchDeps extends Omit<CallsDeps, 'rule'> {
  /** Of this connection, by code. */
  objects: ReadonlyMap<string, ObjectDef>
  queue: RowQueue
}

/** What the target says of its limits. */
export interface Limits {
  remaining: number
  resetAt: Millis
}

export type Posted = { status: number | null; said: string; limits: Limits | null } & (
  | { kind: 'result'; result: BatchResult }
  | { kind: 'accepted' }
  /** Nothing happened there; `over`: its limits are used up. */
  | { kind: 'wait'; at: Millis | null; over: boolean; why: Fault }
  | { kind: 'unknown'; why: Fault }
  /** The whole batch was turned down. `setting`: what is wrong is no row's fault, and splitting it would not help; `stale`: its time stamp is too far off. */
  | { kind: 'refused'; setting: boolean; used: boolean; stale: boolean; why: Fault }
)

export type Told =
  | { kind: 'result'; result: BatchResult }
  | { kind: 'working' }
  /** The target has no such batch. */
  | { kind: 'absent' }
  /** `away`: it cannot be asked right now; else it does not want to tell. */
  | { kind: 'wait'; at: Millis | null; away: boolean; why: Fault }

export interface MasterdataBatchConnector extends Connector {
  /** Posts a batch, byte for byte; not one byte leaves after `sendBy` (monotonic). */
  post(path: string, body: Buffer, sendBy: Millis, signal: AbortSignal): Promise<Posted>
  signIn(signal: AbortSignal): Promise<Fault | null>
  /** Asks for its result. */
  told(path: string, bizId: string, signal: AbortSignal): Promise<Told>
  skew(): Skew | null
  view(): { breaker: 'closed' | 'open' | 'recovering'; running: number; heldUntil: Millis | null }
}

const throttle = '4290000'
const noSuch = '4040000'
const bizIdUsed = '4090000'
/** About our address, the path, the clock or the client: no row's fault. */
const timestampOff = '4000011'
const settings = new Set(['4000010', timestampOff, noSuch, '4010000'])

export const masterdataRule = (
  connection: CallsDeps['connection'],
): CallsDeps['rule'] & { result: { successCodes: string[] } } => ({
  result: { codePath: 'resCode', messagePath: 'resMsg', dataPath: 'data', successCodes: ['200000'] },
  throttleCodes: [throttle, ...(connection.throttleCodes ?? [])],
  quotaCodes: connection.quotaCodes ?? [],
  refusedBeforeEffect: connection.refusedBeforeEffect,
  unsureCodes: ['5000000', ...connection.unsureCodes],
  refusedCodes: connection.refusedCodes,
  notFoundCodes: connection.notFoundCodes,
})

/** How long a record that is in a batch is not asked about, unless its batch ends: the net under the word of whoever sends it. */
export const recheck: Millis = 10 * 60_000

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)

export const masterdataBatchConnector = (deps: MasterdataBatchDeps): MasterdataBatchConnector => {
  const { connection, objects, env, queue } = deps
  const said = connection.batch as OutBatchDef | undefined
  const calls = openCalls({ ...deps, rule: masterdataRule(connection) })
  const locale = said?.locale ?? 'zh_CN'
  const config = (words: string): Fault => ({ code: 'config.connector', stage: 'config', said: words })
  const noReading: Read<never> = { kind: 'failed', why: config('the connection offers no queries of records') }

  const wordsOf = (talked: Talk): { status: number | null; said: string; limits: Limits | null } => {
    if (talked.kind === 'unanswered')
      return { status: talked.status ?? null, said: talked.why.said ?? talked.why.code, limits: null }
    const { headers, status } = talked.reply
    const remaining = Number(one(headers['ratelimit-remaining']) ?? Number.NaN)
    const reset = Number(one(headers['ratelimit-reset']) ?? Number.NaN)
    return {
      status,
      said: shorten(calls.mask(talked.reply.body.toString('utf8', 0, 2_000))),
      limits: remaining >= 0 && reset >= 0 ? { remaining, resetAt: env.now() + Math.min(reset, 90_000) * 1_000 } : null,
    }
  }

  const outcomeOf = async (change: Change, object: ObjectDef): Promise<Outcome> => {
    const refused = (why: Fault): Outcome => ({ kind: 'refused', proved: true, why })
    const { code } = readRow(change.bytes, object.idField)
    if (code === null || code === '') return refused({ code: 'map.required', stage: 'send', field: object.idField })
    if (!change.asker) return refused(config('only flows send records in batches'))
    const put = await queue.put({
      tenantId: connection.tenantId,
      connectionId: connection.connectionId,
      key: change.key,
      object: object.code,
      ...change.asker,
      isNew: change.targetId === null,
      code,
      body: change.bytes,
    })
    if (put === 'queued')
      return {
        kind: 'unknown',
        answerBy: env.now() + recheck,
        why: { code: 'batch.waiting', stage: 'send', value: '…' },
      }
    if ('taken' in put) return refused({ code: 'conflict.id', stage: 'send', value: code, expected: put.taken })
    const why: Fault = { code: 'send.limited', stage: 'send', said: 'as many rows wait as its limits let leave' }
    return { kind: 'again', calm: true, at: put.full, why }
  }

  return {
    encode({ object: code, content, targetId }) {
      const object = objects.get(code)
      if (!object) throw new Error(`object ${code} is not declared`)
      return writeRow(content.masterFieldVal, object.idField, targetId)
    },

    request: (change) => ({
      method: 'POST',
      url: `${connection.baseUrl}${objects.get(change.object)?.batch?.path ?? ''}/batch`,
      headers: { locale },
      body: `{"data":[${change.bytes.toString()}]}`,
    }),

    async write(change, sent, sendBy, signal) {
      const object = objects.get(change.object)
      const path = object?.batch?.path
      const exchange: Exchange = { method: 'POST', url: `${connection.baseUrl}${path ?? ''}/batch`, ms: 0 }
      const wrong =
        calls.trouble ?? (object && path !== undefined ? null : config(`object ${change.object} has no batch path`))
      if (wrong || !object) return { outcome: { kind: 'refused', proved: true, why: wrong as Fault }, exchange }
      if (signal.aborted || env.monotonic() >= sendBy)
        return { outcome: { kind: 'again', calm: true, why: { code: 'send.closed', stage: 'send' } }, exchange }
      sent()
      return { outcome: await outcomeOf(change, object), exchange }
    },

    answered: (key) => queue.answered(connection.tenantId, connection.connectionId, key),

    recognise: async () => ({ kind: 'cannot tell', why: { code: 'resolve.none', stage: 'resolve' } }),
    changes: async () => noReading,
    find: async () => noReading,

    async post(path, body, sendBy, signal) {
      const wrong = calls.trouble
      if (wrong)
        return {
          kind: 'refused',
          setting: true,
          used: false,
          stale: false,
          why: wrong,
          status: null,
          said: wrong.said ?? '',
          limits: null,
        }
      const talked = await calls.talk({
        path: () => `${path}/batch`,
        body,
        headers: { locale: headerText(locale), 'X-Request-Id': env.id() },
        lane: path,
        stage: 'send',
        timeout: connection.timeout,
        sendBy,
        signal,
      })
      const words = wordsOf(talked)
      if (talked.kind === 'unanswered') {
        const { why, at = null, lost } = talked
        return lost ? { ...words, kind: 'unknown', why } : { ...words, kind: 'wait', at, over: false, why }
      }
      const { verdict } = talked
      if (verdict.kind === 'success') {
        const result = readData(verdict.data)
        return result ? { ...words, kind: 'result', result } : { ...words, kind: 'accepted' }
      }
      const { why } = verdict
      if (verdict.kind === 'again')
        return { ...words, kind: 'wait', at: verdict.at ?? null, over: verdict.wait !== undefined, why }
      if (verdict.kind === 'unknown') return { ...words, kind: 'unknown', why }
      const setting = why.code === 'config.auth' || (verdict.code !== undefined && settings.has(verdict.code))
      const { code } = verdict
      return { ...words, kind: 'refused', setting, used: code === bizIdUsed, stale: code === timestampOff, why }
    },

    async told(path, bizId, signal) {
      const talked = await calls.talk({
        method: 'GET',
        path: () => `batches/${encodeURIComponent(bizId)}?path=${encodeURIComponent(path)}`,
        body: null,
        headers: { locale: headerText(locale) },
        lane: `${path} result`,
        stage: 'read',
        timeout: connection.timeout,
        signal,
      })
      if (talked.kind === 'unanswered') return { kind: 'wait', at: talked.at ?? null, away: true, why: talked.why }
      const { verdict, reply } = talked
      if (verdict.kind === 'success') {
        const result = readData(verdict.data)
        return result ? { kind: 'result', result } : { kind: 'working' }
      }
      // The failed batch of our own interface: its code says so, and so does its state.
      const failed = verdict.parsed && readData((verdict.parsed.value as { data?: never }).data)
      if (failed?.failed) return { kind: 'result', result: failed }
      if (verdict.code === noSuch && reply.status === 404) return { kind: 'absent' }
      const at = verdict.kind === 'again' ? (verdict.at ?? null) : null
      return { kind: 'wait', at, away: verdict.kind !== 'refused', why: verdict.why }
    },

    // Rows are queued here and answered rows are taken home here; what the target may be asked for is counted where batches are filled.
    slots: () => ({ free: 256 }),
    signIn: (signal) => calls.signIn('', signal),
    skew: calls.skew,
    view: calls.view,
    close: calls.close,
  }
}
