/** Routes of 生成 api: the interface of one object as JSON, page, Markdown and OpenAPI, and the links under which strangers read it. */
import { z } from 'zod'
import { type Locale, locales } from '../../../protocol/codes.ts'
import { absent } from '../../http/declaring.ts'
import {
  type Answered,
  type Asked,
  done,
  inTenant,
  made,
  moment,
  ok,
  pageOf,
  paging,
  type Refused,
  type Route,
  route,
  slice,
  toMoment,
  toMomentOrNull,
} from '../../http/route.ts'
import { asTenant } from '../../store/roles.ts'
import type { Sql } from '../../store/sql.ts'
import { type Described, interfaceOf, type ObjectInterface } from './interface.ts'
import { markdownOf } from './markdown.ts'
import { openapiOf } from './openapi.ts'
import { interfacePage } from './page.ts'
import { sharePath } from './shared.ts'
import { addShare, readShares, revokeShare, type SharePlace } from './shares.ts'

export interface InterfaceDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  /** What is declared of an object and its system, as this node works with it. */
  described(tenantId: string, connectionId: string, object: string): Described | undefined
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    deed: { kind: string; name: string; what: 'added' | 'removed'; after?: unknown },
  ): Promise<void>
}

const ofObject = inTenant.extend({ connection: z.string().min(1).max(200), object: z.string().min(1).max(200) })
const inLanguage = z.object({
  locale: z.enum(locales).optional().describe('Language; default as the header locale or Accept-Language says.'),
})

const parameterShape = z.object({ name: z.string(), value: z.string(), required: z.boolean(), say: z.string() })
const fieldShape = z.object({
  code: z.string(),
  name: z.string(),
  type: z.string(),
  kind: z.string(),
  required: z.boolean(),
  example: z.unknown(),
  note: z.string(),
})
const callShape = z.object({
  id: z.string(),
  title: z.string(),
  say: z.string(),
  notes: z.array(z.string()).readonly(),
  method: z.enum(['GET', 'POST']),
  url: z.string(),
  headers: z.array(parameterShape).readonly(),
  query: z.array(parameterShape).readonly(),
  body: z.unknown().describe('JSON; null: none.'),
  answer: z.unknown().describe('Of a success.'),
  failure: z.unknown().describe('Of a failure, where its shape is the other side’s to write.'),
  curl: z.string().describe('Runs as it stands, once the placeholders are replaced.'),
})
const codeShape = z.object({ code: z.string(), http: z.number(), sentence: z.string() })
const interfaceShape = z.object({
  locale: z.enum(locales),
  title: z.string(),
  intro: z.string(),
  addresses: z.object({ theirs: z.string(), ours: z.string() }),
  object: z.object({
    code: z.string(),
    apiName: z.string(),
    name: z.string(),
    idField: z.string(),
    modifiedField: z.string().nullable(),
    externalIdField: z.string().nullable(),
  }),
  fields: z.array(fieldShape),
  details: z.array(
    z.object({ code: z.string(), name: z.string(), idField: z.string().nullable(), fields: z.array(fieldShape) }),
  ),
  offers: z.array(callShape).describe('What this system must offer; Mortise calls it.'),
  calls: z.array(callShape).describe('What this system may call; Mortise offers it.'),
  codes: z.array(codeShape),
  batchCodes: z.array(codeShape),
  placeholders: z.object({
    id: z.string(),
    rowId: z.string(),
    otherId: z.string(),
    referredId: z.string(),
    secrets: z.array(z.string()),
  }),
})
const shareShape = z.object({
  share: z.string(),
  madeBy: z.string(),
  createdAt: moment,
  expiresAt: moment.nullable().describe('Null: until it is revoked.'),
})

type Place = z.output<typeof ofObject>
const placeOf = ({ tenant, connection, object }: Place): SharePlace => ({
  tenantId: tenant,
  connectionId: connection,
  object,
})
/** As the caller knows this server: what stands in the examples is where he can reach it. */
const originOf = ({ secure, host }: Pick<Asked<unknown, unknown, unknown>, 'secure' | 'host'>): string =>
  `${secure ? 'https' : 'http'}://${host}`

export const interfaceRoutes = ({ sql, described, writeDown }: InterfaceDeps): Route[] => {
  type Reading = Asked<Place, { locale?: Locale | undefined }, undefined>
  const of = (asked: Reading): ObjectInterface | null => {
    const { tenant, connection, object } = asked.params
    const found = described(tenant, connection, object)
    return found ? interfaceOf(found, originOf(asked), asked.query.locale ?? asked.locale) : null
  }
  const nothing = ({ connection, object }: Place): Refused => absent(`object ${connection}/${object}`)
  const asText =
    (
      type: string,
      write: (found: ObjectInterface) => { content: string; headers?: Record<string, string> },
    ): ((asked: Reading) => Promise<Answered<never> | Refused>) =>
    async (asked) => {
      const found = of(asked)
      if (!found) return nothing(asked.params)
      const { content, headers } = write(found)
      return { status: 200, text: { type, content }, ...(headers && { headers }) }
    }
  const path = '/tenants/:tenant/connections/:connection/objects/:object/interface'
  const reading = { method: 'GET', group: 'objects', params: ofObject, query: inLanguage } as const
  return [
    route({
      ...reading,
      id: 'showInterface',
      path,
      summary: 'The interface of this object 生成 api: what its system must offer, and what it may call',
      answer: interfaceShape,
      handle: async (asked) => {
        const found = of(asked)
        return found ? ok(found) : nothing(asked.params)
      },
    }),
    route({
      ...reading,
      id: 'showInterfacePage',
      path: `${path}.html`,
      summary: 'The same as a page: no script, good on paper',
      text: 'text/html; charset=utf-8',
      handle: asText('text/html; charset=utf-8', (found) => {
        const { html, policy } = interfacePage(found, (locale) => `?locale=${locale}`)
        return { content: html, headers: { 'Content-Security-Policy': policy } }
      }),
    }),
    route({
      ...reading,
      id: 'showInterfaceMarkdown',
      path: `${path}.md`,
      summary: 'The same as Markdown',
      text: 'text/markdown; charset=utf-8',
      handle: asText('text/markdown; charset=utf-8', (found) => ({ content: markdownOf(found) })),
    }),
    route({
      ...reading,
      id: 'showInterfaceOpenapi',
      path: `${path}.openapi.json`,
      summary: 'The same as OpenAPI 3.1',
      text: 'application/json; charset=utf-8',
      handle: asText('application/json; charset=utf-8', (found) => ({ content: JSON.stringify(openapiOf(found)) })),
    }),
    route({
      id: 'listShares',
      method: 'GET',
      path: `${path}/shares`,
      group: 'objects',
      summary: 'Links under which this interface is read without a sign-in',
      params: ofObject,
      query: z.object(paging),
      answer: pageOf(shareShape),
      handle: async ({ params, query }) => {
        if (!described(params.tenant, params.connection, params.object)) return nothing(params)
        const shares = await asTenant(sql, params.tenant, (tx) => readShares(tx, placeOf(params)))
        return slice(
          shares.map(({ shareId, madeBy, createdAt, expiresAt }) => ({
            share: shareId,
            madeBy,
            createdAt: toMoment(createdAt),
            expiresAt: toMomentOrNull(expiresAt),
          })),
          (one) => one.share,
          query,
        )
      },
    }),
    route({
      id: 'addShare',
      method: 'POST',
      path: `${path}/shares`,
      group: 'objects',
      summary: 'Make such a link; it is told this once',
      params: ofObject,
      body: z.object({
        days: z.number().int().min(1).max(3650).optional().describe('Left out: until it is revoked.'),
      }),
      status: 201,
      answer: z.object({ share: z.string(), url: z.string(), expiresAt: moment.nullable() }),
      handle: async (asked) => {
        const { params, body, who } = asked
        if (!described(params.tenant, params.connection, params.object)) return nothing(params)
        const expiresAt = body.days === undefined ? null : Date.now() + body.days * 86_400_000
        const { shareId, secret } = await asTenant(sql, params.tenant, async (tx) => {
          const added = await addShare(tx, placeOf(params), who.name || who.userId, expiresAt)
          await writeDown(tx, asked, 'addShare', params.tenant, {
            kind: 'share',
            name: `${params.connection}/${params.object} ${added.shareId}`,
            what: 'added',
            after: { expiresAt: toMomentOrNull(expiresAt) },
          })
          return added
        })
        return made({
          share: shareId,
          url: `${originOf(asked)}${sharePath}/${secret}`,
          expiresAt: toMomentOrNull(expiresAt),
        })
      },
    }),
    route({
      id: 'removeShare',
      method: 'DELETE',
      path: `${path}/shares/:share`,
      group: 'objects',
      summary: 'Revoke such a link',
      params: ofObject.extend({ share: z.string().min(1).max(40) }),
      handle: async (asked) => {
        const { params } = asked
        const revoked = await asTenant(sql, params.tenant, async (tx) => {
          const was = await revokeShare(tx, placeOf(params), params.share)
          if (was)
            await writeDown(tx, asked, 'removeShare', params.tenant, {
              kind: 'share',
              name: `${params.connection}/${params.object} ${params.share}`,
              what: 'removed',
            })
          return was
        })
        return revoked ? done() : absent(`share ${params.share}`)
      },
    }),
  ]
}
