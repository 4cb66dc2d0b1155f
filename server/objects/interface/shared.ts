/** `GET /share/{secret}`: the interface of one object for whoever was given the link, without a sign-in and without a secret in it. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { localeFrom } from '../../../protocol/codes.ts'
import { localeOf } from '../../http/problem.ts'
import type { Sql } from '../../store/sql.ts'
import { type Described, interfaceOf } from './interface.ts'
import { markdownOf } from './markdown.ts'
import { openapiOf } from './openapi.ts'
import { interfacePage } from './page.ts'
import { shareOf } from './shares.ts'

export const sharePath = '/share'

export interface SharedDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  described(tenantId: string, connectionId: string, object: string): Described | undefined
}

/** The link itself is the secret: it goes to no other site, no search engine and no cache. */
const guarded = {
  'Cache-Control': 'private, no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Robots-Tag': 'noindex, nofollow',
}

const secretPattern = /^[A-Za-z0-9_-]{43}$/

export const showShares = (app: FastifyInstance, { sql, described }: SharedDeps): void => {
  const show = (form: 'html' | 'md' | 'json') => async (request: FastifyRequest, reply: FastifyReply) => {
    const { secret = '' } = request.params as { secret?: string }
    // what cannot be one of ours costs no question
    const place = secretPattern.test(secret) ? await shareOf(sql, secret) : null
    const found = place && described(place.tenantId, place.connectionId, place.object)
    if (!found) return reply.callNotFound()
    const { locale: asked } = request.query as { locale?: string | string[] }
    const locale = localeFrom(typeof asked === 'string' ? asked : undefined) ?? localeOf(request.headers)
    const made = interfaceOf(found, `${request.protocol}://${request.host}`, locale)
    reply.headers(guarded)
    switch (form) {
      case 'html': {
        const { html, policy } = interfacePage(made, (other) => `?locale=${other}`)
        return reply.header('Content-Security-Policy', policy).type('text/html; charset=utf-8').send(html)
      }
      case 'md':
        return reply.type('text/markdown; charset=utf-8').send(markdownOf(made))
      case 'json':
        return reply.type('application/json; charset=utf-8').send(JSON.stringify(openapiOf(made)))
    }
  }
  app.get(`${sharePath}/:secret`, show('html'))
  app.get(`${sharePath}/:secret/interface.md`, show('md'))
  app.get(`${sharePath}/:secret/openapi.json`, show('json'))
}
