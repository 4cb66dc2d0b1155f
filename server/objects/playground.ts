/** The playground of 生成 api: one call of an object's interface, made for a person, shown as it went and came. */
import { z } from 'zod'
import type { Exchange } from '../doc/connector.ts'
import { advice } from '../doc/advice.ts'
import { type Fault, sentence } from '../doc/fault.ts'
import { absent } from '../http/declaring.ts'
import { type Asked, inTenant, ok, type Route, route } from '../http/route.ts'

/** What this tenant's push door answered. */
export interface Pushed {
  status: number
  answer: string
  ms: number
}

export interface PlaygroundDeps {
  /** A query of the object's system; undefined: there is no such object. */
  ask(
    at: { tenantId: string; connectionId: string; object: string },
    query: { name: 'queryMasterBatch' | 'queryMasterById'; params: Readonly<Record<string, string>> },
  ): Promise<{ exchange: Exchange; why: Fault | null } | undefined>
  /** A push to our own door, with exactly these headers and this body. */
  push(headers: Readonly<Record<string, string>>, body: string): Promise<Pushed>
  /** Where that door is, as the caller knows it. */
  pushPath: string
  has(tenantId: string, connectionId: string, object: string): boolean
  tried(asked: Asked<unknown, unknown, unknown>, tenantId: string, name: string, after: unknown): Promise<void>
}

const ms = z.number().int().min(0).max(8.64e15)
const tryShape = z.discriminatedUnion('call', [
  z.object({ call: z.literal('queryMasterById'), id: z.string().min(1).max(256) }),
  z.object({
    call: z.literal('queryMasterBatch'),
    from: ms.describe('Milliseconds since the epoch.'),
    to: ms,
    offset: z.number().int().min(0).default(0),
    limit: z.number().int().min(1).max(100).default(10),
  }),
  z.object({
    call: z.literal('syncpush'),
    token: z.string().min(1).max(512).describe('A push token of this tenant; neither kept nor shown.'),
    id: z.string().min(1).max(128).optional().describe('Left out: the non-standard format.'),
    operationType: z.literal('3').optional(),
    directSync: z.boolean().optional(),
    body: z.string().max(200_000).default(''),
  }),
])

const triedShape = z.object({
  request: z.object({
    method: z.string(),
    url: z.string(),
    headers: z.record(z.string(), z.string()),
    body: z.string().nullable(),
  }),
  status: z.number().nullable().describe('HTTP status; null: no answer came.'),
  ms: z.number(),
  answer: z.string().nullable().describe('As it came, secrets masked, cut where it is long.'),
  fault: z
    .object({ code: z.string(), sentence: z.string(), todo: z.string() })
    .nullable()
    .describe('What Mortise has against the answer.'),
})

const longestShown = 200_000
/** As one byte each, so that UTF-8 travels in a header. */
const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

export const playgroundRoutes = ({ ask, push, pushPath, has, tried }: PlaygroundDeps): Route[] => [
  route({
    id: 'tryInterface',
    method: 'POST',
    path: '/tenants/:tenant/connections/:connection/objects/:object/interface/try',
    group: 'objects',
    summary: 'Try one call of the interface: a query of the object’s system, or a push to this tenant',
    describe:
      'A push is a real one: what it says is stored and synchronised. The trail keeps who tried what, without token and body.',
    params: inTenant.extend({ connection: z.string().min(1).max(200), object: z.string().min(1).max(200) }),
    body: tryShape,
    answer: triedShape,
    handle: async (asked) => {
      const { tenant, connection, object } = asked.params
      const { body: wanted } = asked
      const nothing = absent(`object ${connection}/${object}`)
      if (!has(tenant, connection, object)) return nothing
      const name = `${connection}/${object}`
      if (wanted.call === 'syncpush') {
        const headers: Record<string, string> = {
          'Content-Type': 'application/json',
          tenantId: tenant,
          dataCenterId: connection,
          objectApiName: object,
          version: 'v1',
          locale: asked.locale,
          ...(wanted.id !== undefined && { id: wanted.id }),
          ...(wanted.operationType !== undefined && { operationType: wanted.operationType }),
          ...(wanted.directSync && { directSync: 'true' }),
        }
        const sent = Object.fromEntries(
          Object.entries({ ...headers, token: wanted.token }).map(([key, value]) => [key, latin1(value)]),
        )
        const pushed = await push(sent, wanted.body)
        await tried(asked, tenant, name, { call: 'syncpush', id: wanted.id ?? null, status: pushed.status })
        return ok({
          request: {
            method: 'POST',
            url: `${asked.secure ? 'https' : 'http'}://${asked.host}${pushPath}`,
            headers: { token: '***', ...headers },
            body: wanted.body,
          },
          status: pushed.status,
          ms: pushed.ms,
          answer: pushed.answer.slice(0, longestShown),
          fault: null,
        })
      }
      const query: Parameters<typeof ask>[1] =
        wanted.call === 'queryMasterById'
          ? { name: wanted.call, params: { dataId: wanted.id } }
          : {
              name: wanted.call,
              params: {
                startTime: String(wanted.from),
                endTime: String(wanted.to),
                offset: String(wanted.offset),
                limit: String(wanted.limit),
              },
            }
      const answered = await ask({ tenantId: tenant, connectionId: connection, object }, query)
      if (!answered) return nothing
      const { exchange, why } = answered
      await tried(asked, tenant, name, { call: wanted.call, ...query.params, status: exchange.status ?? null })
      return ok({
        request: { method: exchange.method, url: exchange.url, headers: {}, body: null },
        status: exchange.status ?? null,
        ms: exchange.ms,
        answer: exchange.answer ?? null,
        fault: why && {
          code: why.code,
          sentence: sentence(why, asked.locale),
          todo: advice(why.code, asked.locale),
        },
      })
    },
  }),
]
