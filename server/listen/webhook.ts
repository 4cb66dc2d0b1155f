/** The CRM's door: `POST /hooks/{connection}/{secret}` takes change events, one or an array of them (contracts.md section 3). */
import {
  isRefusal,
  type Locale,
  localeFrom,
  type Refusal,
  refusal,
  type Sentences,
  sentenceOf,
  codes,
} from '../../protocol/codes.ts'
import { readHeads, requestId } from '../../protocol/headers.ts'
import { digest } from '../../protocol/standard.ts'
import type { Admitted, Arrival, Hint } from '../doc/document.ts'
import { readBody } from '../http/body.ts'
import { problemBody } from '../http/problem.ts'
import type { Answer, RecordDoor } from '../http/record.ts'
import { type EventConnection, type EventRow, eventRow, eventsOf, type Sender, type Source } from './events.ts'
import { type Verify, verified } from './verify.ts'

export const webhookPath = '/hooks/:connection/:secret'

/** Whose address it is. */
export interface Hook extends Sender {
  /** Each call is signed as well. */
  verify?: Verify | undefined
}

export type HookConnection = EventConnection

export interface WebhookDeps {
  hooks: { find(connectionId: string, secretSha256: Buffer): Hook | undefined }
  catalog: { connection(tenantId: string, connectionId: string): HookConnection | undefined }
  admit(row: Arrival): Promise<Admitted>
  hint(row: Hint): Promise<void>
  /** Wall clock, for time stamps of signed calls. */
  now?(): number
  log: { error(details: object, message: string): void }
}

/** One sentence for every way in which a signature can fail: which one it was helps only who tries. */
const unsigned: Sentences = {
  zh_CN: '签名缺失、不正确或已过期',
  zh_TW: '簽章缺少、不正確或已過期',
  en_US: 'The signature is missing, wrong or too old',
  ja_JP: '署名がない、正しくない、または期限切れです',
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

    if (hook.verify && !verified(hook.verify, raw.rawHeaders, body.bytes, (deps.now ?? Date.now)())) {
      const detail = unsigned[locale]
      return { status: 401, body: problemBody({ status: 401, code: 'signature', detail }, locale, traceId) }
    }

    const split = eventsOf(body.bytes)
    if (isRefusal(split)) return refuse(split)
    const source: Source = {
      sender: hook,
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
    const ends = await Promise.allSettled(
      rows.map(async (r) => ('row' in r ? deps.admit(r.row) : 'hint' in r ? deps.hint(r.hint) : undefined)),
    )
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed) {
      deps.log.error({ err: failed.reason, trace: traceId }, 'an event could not be stored')
      return refuse(refusal('s306240503', undefined, undefined, retryAfterOf(failed.reason)))
    }
    if (!split.many) return { status: 200, body: '{"accepted":1}' }
    const results = rows.map((r, i) => {
      const end = ends[i]
      if ('skip' in r) return { result: 'skipped' }
      const { data_id } = 'row' in r ? r.row : r.hint
      return { dataId: data_id, result: end?.status === 'fulfilled' && end.value ? end.value.kind : 'hint' }
    })
    return { status: 200, body: JSON.stringify({ accepted: rows.length, results, traceId }) }
  },
})
