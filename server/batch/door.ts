/** The doors of the master-data batch: the token, a batch for each object that takes them, and the query for what became of one (contracts.md section 4). */
import { batchAnswer, batchData, mostMegabytes, readBatch, rowsAtOnce, tokenPath } from '../../protocol/batch.ts'
import {
  type BatchCode,
  batchCodes,
  type BatchRefusal,
  batchSentence,
  isBatchRefusal,
  refuseBatch,
} from '../../protocol/batch-codes.ts'
import { type Locale, localeFrom } from '../../protocol/codes.ts'
import { type Heads, readHeads, requestId } from '../../protocol/headers.ts'
import { compact } from '../../protocol/scan.ts'
import { digest } from '../../protocol/standard.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { type BodyLimits, readBody } from '../http/body.ts'
import { readJson } from '../http/body-json.ts'
import type { Answer, RecordDoor, Visit } from '../http/record.ts'
import type { Sql } from '../store/sql.ts'
import { isUnavailable } from '../store/trouble.ts'
import { acceptBatch } from './accept.ts'
import { rejectedCsv } from './csv.ts'
import { type BatchCatalog, type Client, type Clients, defaultLimits } from './deps.ts'
import type { Quota } from './quota.ts'
import { type BatchRow, findBatch, readBatchRow, readRejected } from './read.ts'
import type { Registrar } from './registrar.ts'
import { outcomeOf } from './result.ts'
import { clientOf, makeToken, tokenSeconds } from './token.ts'

export interface BatchDoorDeps {
  sql: Sql
  clients: Clients
  catalog: BatchCatalog
  registrar: Pick<Registrar, 'wake' | 'ended'>
  /** Null where the client's callbacks may go there, else what is wrong with it. */
  refuseUrl(client: Client, url: string): { reason: 'origin' | 'address'; value: string } | null
  env: Pick<Env, 'now' | 'monotonic' | 'sleep'>
  log: { error(fields: object, message: string): void }
  /** For tests of midnight; production takes the database's clock. */
  now?: () => Millis
  /** How long a short batch is waited for before it is answered as accepted. Default 20 s. */
  patience?: Millis
}

const limits: BodyLimits = { wire: mostMegabytes << 20, inflated: mostMegabytes << 20 }
const tokenLimits: BodyLimits = { wire: 16 << 10, inflated: 16 << 10 }
const clockSlack: Millis = 15 * 60_000

interface Turn {
  deps: BatchDoorDeps
  visit: Visit
  heads: Heads
  locale: Locale
}

const quotaHeaders = (quota: Quota): Record<string, string> => ({
  'RateLimit-Limit': String(quota.limit),
  'RateLimit-Remaining': String(quota.remaining),
  'RateLimit-Reset': String(quota.reset),
})

const refused = (
  { locale }: Pick<Turn, 'locale'>,
  why: BatchRefusal,
  bizId: string | null = null,
  quota?: Quota,
): Answer => ({
  status: batchCodes[why.code].http,
  body: batchAnswer(why.code, batchSentence(why, locale), bizId, null),
  ...(why.retryAfter !== undefined && { retryAfter: why.retryAfter }),
  ...(quota && { headers: quotaHeaders(quota) }),
})

const done = (code: BatchCode, locale: Locale, bizId: string | null, data: string | null, quota?: Quota): Answer => ({
  status: batchCodes[code].http,
  body: batchAnswer(code, batchCodes[code].sentence[locale], bizId, data),
  ...(quota && { headers: quotaHeaders(quota) }),
})

const unauthorised = refuseBatch(4010000)

// ── the token ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const textIn = (body: unknown, member: string): string | null => {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[member] : undefined
  return typeof value === 'string' && value !== '' && value.length <= 512 ? value : null
}

const giveToken = async (turn: Turn): Promise<Answer> => {
  const { deps, visit, heads } = turn
  const body = await readBody(visit.raw, heads.encoding, heads.length, tokenLimits)
  if (body.kind === 'too large') return refused(turn, refuseBatch(4130000))
  if (body.kind === 'busy') return refused(turn, refuseBatch(5000000, undefined, undefined, 5))
  if (body.kind !== 'body') return refused(turn, refuseBatch(4000001, 'incomplete'))
  let said: unknown
  try {
    said = readJson(body.bytes.toString())
  } catch {
    return refused(turn, refuseBatch(4000001))
  }
  const [id, secret] = [textIn(said, 'client_id'), textIn(said, 'client_secret')]
  if (id === null || secret === null)
    return refused(
      turn,
      refuseBatch(4000002, 'shape', { path: id === null ? 'client_id' : 'client_secret', expected: 'text' }),
    )
  const client = deps.clients.prove(id, secret)
  if (!client) return refused(turn, unauthorised)
  const token = await makeToken(deps.sql, client, deps.now?.() ?? null)
  const data = { access_token: token, token_type: 'bearer', scope: 'write', expires_in: tokenSeconds }
  return { ...done(200000, turn.locale, null, JSON.stringify(data)), headers: { 'Cache-Control': 'no-store' } }
}

const bearer = /^Bearer +([^\s]+)$/i

/** By query or by header; a token that is sent twice is none. */
const callerOf = async ({ deps, visit, heads }: Turn): Promise<Client | undefined> => {
  const inQuery: unknown = visit.query.access_token
  const inHeader = bearer.exec(heads.authorization ?? '')?.[1]
  const token = typeof inQuery === 'string' && inQuery !== '' ? inQuery : inHeader
  if (token === undefined || token.length > 128 || heads.callerTwice !== null || Array.isArray(inQuery))
    return undefined
  return clientOf(deps.sql, deps.clients, token, deps.now?.() ?? null)
}

// ── a batch ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
/** Waits for the end: an event of this process, and a look at the row for those that another node runs. */
const waitEnd = async ({ deps }: Turn, tenantId: string, batchId: number): Promise<BatchRow | undefined> => {
  const until = deps.env.monotonic() + (deps.patience ?? 20_000)
  for (let pause = 20; ; pause = Math.min(500, pause * 2)) {
    const row = await readBatchRow(deps.sql, tenantId, batchId)
    const left = until - deps.env.monotonic()
    if (!row || row.endedAt !== null || left <= 0) return row
    await deps.registrar.ended(tenantId, batchId, Math.min(pause, left))
  }
}

const answerOf = (row: BatchRow, locale: Locale, quota: Quota): Answer => {
  if (row.state === 'failed') return { ...done(5000000, locale, row.bizId, null, quota), status: 500 }
  const whole = row.state === 'done' && row.rows <= rowsAtOnce
  return done(200000, locale, row.bizId, whole ? row.result : null, quota)
}

const takeBatch = async (turn: Turn, path: string): Promise<Answer> => {
  const { deps, visit, heads, locale } = turn
  const client = await callerOf(turn)
  if (!client) return refused(turn, unauthorised)
  const found = deps.catalog.at(client.tenantId, path)
  if (!found) return refused(turn, refuseBatch(4040000))
  const body = await readBody(visit.raw, heads.encoding, heads.length, limits)
  if (body.kind === 'too large') return refused(turn, refuseBatch(4130000, 'bytes', { value: mostMegabytes }))
  if (body.kind === 'busy') return refused(turn, refuseBatch(5000000, undefined, undefined, 5))
  if (body.kind === 'not decodable')
    return refused(turn, refuseBatch(4000001, 'encoding', { value: heads.encoding ?? '' }))
  if (body.kind === 'cut off') return refused(turn, refuseBatch(4000001, 'incomplete'))
  const request = readBatch(body.bytes)
  if (isBatchRefusal(request)) return refused(turn, request)
  const { bizId, url } = request
  const { def, connectionId } = found
  const now = deps.now?.() ?? deps.env.now()
  if (def.batch?.checkTimestamp && Math.abs(Number(request.timestamp) - now) > clockSlack)
    return refused(turn, refuseBatch(4000011, 'clock', { value: clockSlack / 60_000 }), bizId)
  const wrong = url === null ? null : deps.refuseUrl(client, url)
  if (wrong) return refused(turn, refuseBatch(4000010, wrong.reason, { value: wrong.value }), bizId)

  const { perDay = defaultLimits.perDay, perHour = defaultLimits.perHour } = def.batch ?? {}
  const { tenantId, clientId } = client
  const counted = { tenantId, clientId, path, zone: deps.catalog.zone(tenantId), perDay, perHour }
  const accepted = await acceptBatch(
    deps.sql,
    {
      counted,
      connectionId,
      object: def.code,
      locale,
      traceId: visit.traceId,
      request,
      hash: digest(request.spaced ? compact(body.bytes) : body.bytes),
    },
    deps.now?.() ?? null,
  )
  const { quota } = accepted
  switch (accepted.kind) {
    case 'other':
      return refused(turn, refuseBatch(4090000), bizId, quota)
    case 'over': {
      const { window, limit, reset } = quota
      return refused(turn, refuseBatch(4290000, window, { value: limit }, reset), bizId, quota)
    }
    case 'new':
      deps.registrar.wake()
      break
    case 'same':
      break
  }
  // a replay hears what the first call heard; the first one's language is the result's
  if (request.rows.length > rowsAtOnce) return done(200000, locale, bizId, null, quota)
  const row = await waitEnd(turn, tenantId, accepted.batchId)
  return row ? answerOf(row, locale, quota) : done(200000, locale, bizId, null, quota)
}

// ── what became of it ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const progress = async ({ deps, locale }: Turn, tenantId: string, row: BatchRow): Promise<Answer> => {
  const object = deps.catalog.object(tenantId, row.connectionId, row.object)
  const outcome = await outcomeOf(deps.sql, tenantId, row.batchId, object?.def, locale)
  const data = {
    state: row.state,
    rows: row.rows,
    done: row.done,
    receivedAt: new Date(row.receivedAt).toISOString(),
    endedAt: row.endedAt === null ? null : new Date(row.endedAt).toISOString(),
    ...batchData(outcome, locale),
  }
  const code = row.state === 'failed' ? 5000000 : 200000
  return { ...done(code, locale, row.bizId, JSON.stringify(data)), status: 200 }
}

const showBatch = async (turn: Turn): Promise<Answer> => {
  const { deps, visit, locale } = turn
  const client = await callerOf(turn)
  if (!client) return refused(turn, unauthorised)
  const { tenantId, clientId } = client
  const asked = visit.params.bizId ?? ''
  const path = typeof visit.query.path === 'string' && visit.query.path !== '' ? visit.query.path : null
  const exact = await findBatch(deps.sql, tenantId, clientId, asked, path)
  if (exact) return progress(turn, tenantId, exact)
  const row = asked.endsWith('.csv')
    ? await findBatch(deps.sql, tenantId, clientId, asked.slice(0, -4), path)
    : undefined
  if (!row) return refused(turn, refuseBatch(4040000, 'object', { value: asked }))
  const def = deps.catalog.object(tenantId, row.connectionId, row.object)?.def
  const rejected = await readRejected(deps.sql, tenantId, row.batchId, def, locale)
  return {
    status: 200,
    body: rejectedCsv(rejected, def, locale),
    type: 'text/csv; charset=utf-8',
    headers: { 'Content-Disposition': `attachment; filename="batch-${row.batchId}.csv"` },
  }
}

// ── the doors ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const guarded = async (turn: Turn, pass: (turn: Turn) => Promise<Answer>): Promise<Answer> => {
  try {
    return await pass(turn)
  } catch (error) {
    if (!isUnavailable(error)) throw error
    turn.deps.log.error({ err: error, trace: turn.visit.traceId }, 'a batch could not be stored')
    return refused(turn, refuseBatch(5000000, undefined, undefined, 5))
  }
}

export const batchDoors = (deps: BatchDoorDeps): { path: string; door: RecordDoor }[] => {
  const door = (method: 'GET' | 'POST', pass: (turn: Turn) => Promise<Answer>): RecordDoor => ({
    method,
    visit: (visit) => {
      const heads = readHeads(visit.raw.rawHeaders)
      visit.requestId = requestId(heads.requestId) ?? visit.traceId
      return guarded({ deps, visit, heads, locale: localeFrom(heads.locale) ?? 'zh_CN' }, pass)
    },
    refuse: (_why, locale) => refused({ locale }, refuseBatch(5000000)).body,
  })
  const posted = (turn: Turn): Promise<Answer> => {
    const path = turn.visit.params['*'] ?? ''
    if (`/common/${path}` === tokenPath) return giveToken(turn)
    const object = /^(.+)\/batch$/.exec(path)?.[1]
    return object === undefined ? Promise.resolve(refused(turn, refuseBatch(4040000))) : takeBatch(turn, object)
  }
  return [
    { path: '/common/*', door: door('POST', posted) },
    { path: '/common/batches/:bizId', door: door('GET', showBatch) },
  ]
}
