/** The door of callbacks: `POST /callbacks/{connection}/{key}` hears what became of a batch, once it is proved who tells (contracts.md section 6). */
import { createHash, timingSafeEqual } from 'node:crypto'
import { batchAnswer } from '../../protocol/batch.ts'
import { type BatchCode, batchCodes } from '../../protocol/batch-codes.ts'
import { isAccessToken, isSigned, type Signed } from '../../protocol/callback.ts'
import { localeFrom, type Locale } from '../../protocol/codes.ts'
import { readHeads, requestId } from '../../protocol/headers.ts'
import { readCallback } from '../connect/masterdata-batch/wire.ts'
import type { Millis } from '../doc/document.ts'
import { readBody } from '../http/body.ts'
import { problemBody } from '../http/problem.ts'
import type { Answer, RecordDoor } from '../http/record.ts'
import { at, type Sql } from '../store/sql.ts'
import { isUnavailable } from '../store/trouble.ts'
import { endBatch } from './batches.ts'
import type { Asker, Lanes } from './deps.ts'

export const callbackPath = '/callbacks/:connection/:key'

/** One connection that is called back, as declared now. */
export interface Called {
  tenantId: string
  connectionId: string
  key: string
  /** Those that are valid now. */
  salts: readonly string[]
  signed: boolean
}

/** What became of one: `forged` is not proved, `stray` proved and of no batch of ours, `empty` proved and without a result. */
export type CallbackEnd = 'taken' | 'repeated' | 'forged' | 'stray' | 'empty' | 'malformed'

export interface CallbackDeps {
  sql: Sql
  /** Connections of that id, of any tenant. */
  called(connectionId: string): readonly Called[]
  lanes: Pick<Lanes, 'find'>
  env: { now(): Millis }
  answered(askers: readonly Asker[]): Promise<void>
  /** A batch is to be asked after at once. */
  wake(): void
  counted(called: Called, end: CallbackEnd): void
  log: { error(fields: object, message: string): void; warn(fields: object, message: string): void }
}

const sha = (text: string): Buffer => createHash('sha256').update(text).digest()

/** In constant time, however many connections have that id. */
const calledBy = (all: readonly Called[], key: string): Called | undefined => {
  const given = sha(key)
  let found: Called | undefined
  for (const one of all) if (timingSafeEqual(sha(one.key), given)) found = one
  return found
}

const signedOf = (headers: Record<string, string | string[] | undefined>): Partial<Signed> => {
  const one = (name: keyof Signed): Partial<Signed> => {
    const value = headers[name]
    return typeof value === 'string' ? { [name]: value } : {}
  }
  return { ...one('webhook-id'), ...one('webhook-timestamp'), ...one('webhook-signature') }
}

/** The MD5 token always; the signature where it is sent, and where the connection wants it. Both are computed whatever the first says. */
const isProved = (
  called: Called,
  bizId: string,
  token: string,
  headers: Partial<Signed>,
  body: Buffer,
  now: Millis,
): boolean => {
  const tokenHolds = isAccessToken(token, bizId, called.salts)
  const isGiven = Object.keys(headers).length > 0
  const signatureHolds = isSigned(headers, body, called.salts, now)
  return tokenHolds && (isGiven || called.signed ? signatureHolds : true)
}

interface Batch {
  out_batch_id: number
  object: string
  state: string
}

const answerOf = (code: BatchCode, locale: Locale): Answer => ({
  status: batchCodes[code].http,
  body: batchAnswer(code, batchCodes[code].sentence[locale], null, null),
})

export const callbackDoor = (deps: CallbackDeps): RecordDoor => ({
  refuse: (_why, locale) => answerOf(5000000, locale).body,
  async visit({ raw, params, traceId }) {
    const heads = readHeads(raw.rawHeaders)
    const locale = localeFrom(heads.locale) ?? 'zh_CN'
    const said = requestId(heads.requestId) ?? traceId
    const called = calledBy(deps.called(params.connection ?? ''), params.key ?? '')
    if (!called) return { status: 404, body: problemBody({ status: 404, code: 'notFound' }, locale, traceId) }
    const end = (how: CallbackEnd, code: BatchCode): Answer => {
      deps.counted(called, how)
      if (how === 'forged' || how === 'stray')
        deps.log.warn({ tenant: called.tenantId, connection: called.connectionId, trace: said }, `a callback is ${how}`)
      return answerOf(code, locale)
    }
    const body = await readBody(raw, heads.encoding, heads.length)
    if (body.kind === 'too large') return end('malformed', 4130000)
    if (body.kind === 'busy') return { ...answerOf(5000000, locale), retryAfter: 1 }
    if (body.kind !== 'body') return end('malformed', 4000001)
    const told = readCallback(body.bytes, ['200000'])
    if (!told) return end('malformed', 4000002)
    /** Counted with the batch that it names, for whoever wonders why no callback comes. */
    const forged = async ({ tenantId, connectionId }: Called, bizId: string): Promise<Answer> => {
      try {
        await deps.sql`
          update out_batch set callbacks_refused = callbacks_refused + 1
          where tenant_id = ${tenantId} and connection_id = ${connectionId} and biz_id = ${bizId}`
      } catch (error) {
        if (!isUnavailable(error)) throw error
      }
      return end('forged', 4010000)
    }
    if (!isProved(called, told.bizId, told.token, signedOf(raw.headers), body.bytes, deps.env.now()))
      return forged(called, told.bizId)
    try {
      const { tenantId, connectionId } = called
      const [batch] = await deps.sql<Batch>`
        update out_batch set callback_at = coalesce(callback_at, clock_timestamp())
        where tenant_id = ${tenantId} and connection_id = ${connectionId} and biz_id = ${told.bizId}
        returning out_batch_id, object, state`
      // No more is said to who may have another's salt than to who has none.
      if (!batch) return end('stray', 4010000)
      if (!told.result) {
        await deps.sql`
          update out_batch set next_at = ${at(deps.env.now())}
          where tenant_id = ${tenantId} and out_batch_id = ${batch.out_batch_id} and state = 'accepted'`
        deps.wake()
        return end('empty', 200000)
      }
      const keyField = deps.lanes.find(tenantId, connectionId, batch.object)?.keyField ?? 'code'
      const ending = { tenantId, batchId: batch.out_batch_id, now: deps.env.now(), status: null, said: null }
      const askers = await endBatch(deps.sql, ending, told.result, 'callback', keyField)
      if (askers?.length) await deps.answered(askers)
      return end(askers ? 'taken' : 'repeated', 200000)
    } catch (error) {
      if (!isUnavailable(error)) throw error
      deps.log.error({ err: error, trace: traceId }, 'a callback could not be stored')
      return { ...answerOf(5000000, locale), retryAfter: 5 }
    }
  },
})
