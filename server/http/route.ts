/** What a route of the management API is: its address, what it takes and answers as zod schemas, and a handler that answers values. */
import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import type { ApiCode } from './sentences.ts'

/** Who asks, once it is known. */
export interface Caller {
  userId: string
  name: string
  via: 'session' | 'key'
  /** As the audit trail writes it: the user, with the key where there was one. */
  actor: string
  /** The tenant whose administrators look after the account; `*` = the installation. */
  home: string
  /** Role in every tenant, or null. */
  everywhere: string | null
  /** Role by tenant. */
  roles: Readonly<Record<string, string>>
  /** Of a key: its rights, and the one tenant it is for (`*`: any). */
  key: { keyId: string; tenantId: string; scopes: readonly string[] } | null
  /** Tenants (`*`: all) that want a second factor which this sign-in does not have. */
  lacks?: readonly string[]
}

/** The answer is no. `said` fills the code's sentence; `problems` is a list of places with a sentence each. */
export interface Refused {
  refuse: ApiCode
  values: Readonly<Record<string, string>>
  path?: string
  problems?: readonly { path: string; say: string }[]
  retryAfter?: number
}

export const refuse = (
  code: ApiCode,
  values: Readonly<Record<string, string>> = {},
  more: Pick<Refused, 'path' | 'problems' | 'retryAfter'> = {},
): Refused => ({ refuse: code, values, ...more })

export const isRefused = (value: unknown): value is Refused =>
  typeof value === 'object' && value !== null && 'refuse' in value

export interface Asked<P, Q, B> {
  params: P
  query: Q
  body: B
  who: Caller
  locale: Locale
  traceId: string
  address: string
  /** The connection to the caller is encrypted, here or at the proxy that is trusted. */
  secure: boolean
  /** Name and port that the caller knows this server by. */
  host: string
  headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface Answered<A> {
  status: 200 | 201 | 202 | 204
  body?: A
  headers?: Record<string, string>
  /** Text that is sent as it is, such as CSV or YAML. */
  text?: { type: string; content: string | Buffer | Readable }
}

export const ok = <A>(body: A, headers?: Record<string, string>): Answered<A> => ({
  status: 200,
  body,
  ...(headers && { headers }),
})
export const made = <A>(body: A): Answered<A> => ({ status: 201, body })
/** 202: long work has begun; `Location` is the task to follow. */
export const begun = <A>(body: A, location: string): Answered<A> => ({
  status: 202,
  body,
  headers: { Location: location },
})
export const done = (headers?: Record<string, string>): Answered<never> => ({
  status: 204,
  ...(headers && { headers }),
})

export interface RouteOf<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType> {
  /** Stable name, also the OpenAPI operationId and the row of the rights table. */
  id: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below /api/v1, parameters as `:tenant`. */
  path: string
  group: string
  summary: string
  describe?: string
  params?: P
  query?: Q
  body?: B
  answer?: A
  /** Which status the good answer has; default 200, or 204 without `answer`. */
  status?: 200 | 201 | 202 | 204
  /** Media type of an answer that is text. */
  text?: string
  /** `If-Match` is heeded: the ETag of the thing as it was read. */
  matched?: boolean
  /** The body's schema only describes it: the handler checks it, with better sentences than a schema has. */
  unchecked?: boolean
  handle(asked: Asked<z.output<P>, z.output<Q>, z.output<B>>): Promise<Answered<z.input<A>> | Refused>
}

export type Route = RouteOf<z.ZodType, z.ZodType, z.ZodType, z.ZodType>

/** Keeps the schemas' types inside the handler and forgets them outside. */
export const route = <
  P extends z.ZodType = z.ZodObject<Record<never, never>>,
  Q extends z.ZodType = z.ZodObject<Record<never, never>>,
  B extends z.ZodType = z.ZodUndefined,
  A extends z.ZodType = z.ZodNever,
>(
  given: RouteOf<P, Q, B, A>,
): Route => given as unknown as Route

// ── words that many routes share ─────────────────────────────────────────────────────────────────────────────────────────────────────
const idText = (what: string) => z.string().min(1).max(256).describe(what)
export const inTenant = z.object({ tenant: idText('Tenant id.') })
export const moment = z.iso.datetime().describe('UTC, such as 2026-01-31T08:00:00.000Z.')
export const toMoment = (ms: number): string => new Date(ms).toISOString()
export const toMomentOrNull = (ms: number | null): string | null =>
  ms === null || !Number.isFinite(ms) ? null : toMoment(ms)

// ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const paging = {
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('At most so many.'),
  cursor: z.string().max(1024).optional().describe('`next` of the page before.'),
}

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().describe('Cursor of the next page; null: this was the last.'),
  })

export const toCursor = (key: unknown): string => Buffer.from(JSON.stringify(key)).toString('base64url')

/** Null where the text is no cursor of ours. */
export const fromCursor = <T extends z.ZodType>(
  schema: T,
  cursor: string | undefined,
): z.output<T> | null | Refused => {
  if (cursor === undefined) return null
  try {
    const parsed = schema.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
    if (parsed.success) return parsed.data
  } catch {
    // falls through
  }
  return refuse('request.invalid', { said: 'cursor' }, { path: 'query.cursor' })
}

/** A page of rows of which one more than `limit` was read: the one too many tells that others follow, and is not shown. */
export const pageFrom = <T, S>(
  rows: readonly T[],
  limit: number,
  shown: (row: T) => S,
  keyOf: (last: T) => unknown,
): Answered<{ items: S[]; next: string | null }> => {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return ok({
    items: page.map(shown),
    next: rows.length > limit && last !== undefined ? toCursor(keyOf(last)) : null,
  })
}

/** A page of a list that is in memory anyway (what is declared is some hundreds): sorted by a text key, descending where it begins with "-". */
export const slice = <T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  asked: { limit: number; cursor?: string | undefined; descending?: boolean },
): Answered<{ items: T[]; next: string | null }> | Refused => {
  const after = fromCursor(z.string(), asked.cursor)
  if (isRefused(after)) return after
  const turn = asked.descending ? -1 : 1
  const order = (a: string, b: string) => (a < b ? -turn : a > b ? turn : 0)
  const sorted = [...items].sort((a, b) => order(keyOf(a), keyOf(b)))
  const rest = after === null ? sorted : sorted.filter((item) => order(keyOf(item), after) > 0)
  return pageFrom(rest, asked.limit, (item) => item, keyOf)
}
