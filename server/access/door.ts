/** Who is calling: an API key in Authorization, else a session's cookie with its token against forged requests. */
import type { FastifyRequest } from 'fastify'
import { type Caller, type Refused, refuse } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { keyOf } from './api-keys.ts'
import { absentTenant, permit } from './rights.ts'
import { cookieName, mayChange, sessionOf } from './sessions.ts'

const safe = new Set(['GET', 'HEAD'])

/** The cookie of this request's session, as it was sent. */
export const tokenOf = (cookies: Readonly<Record<string, string | undefined>>, secure: boolean): string | undefined =>
  cookies[cookieName(secure)] || undefined

export const authenticate =
  (sql: Sql) =>
  async (request: FastifyRequest): Promise<Caller | Refused> => {
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const key = /^Bearer +(mk_[A-Za-z0-9_-]{20,200})$/i.exec(authorization)?.[1]
      return (key === undefined ? null : await keyOf(sql, key)) ?? refuse('signIn.needed')
    }
    const token = tokenOf(request.cookies, request.protocol === 'https')
    const session = token === undefined ? null : await sessionOf(sql, token)
    if (token === undefined || session === null) return refuse('signIn.needed')
    if (!safe.has(request.method) && !mayChange(request.headers, request.host, token)) return refuse('origin.refused')
    return session.caller
  }

/** The table's answer, and for those with a role everywhere whether there is such a tenant at all. */
export const permitted =
  (sql: Sql) =>
  async (who: Caller, routeId: string, tenantId: string | null): Promise<Refused | null> => {
    if (tenantId === '*') return absentTenant(tenantId)
    const refused = permit(who, routeId, tenantId)
    if (refused || tenantId === null || who.roles[tenantId] !== undefined) return refused
    const [tenant] = await asTenant(sql, '*', (tx) => tx`select from tenant where tenant_id = ${tenantId}`)
    return tenant ? null : absentTenant(tenantId)
  }
