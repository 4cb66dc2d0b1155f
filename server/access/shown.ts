/** How callers and sessions are shown, and what of a request says who sent it: for all routes of this room. */
import { z } from 'zod'
import { type Asked, moment, toMoment } from '../http/route.ts'
import type { Sql } from '../store/sql.ts'
import { may, type Role, rights, roleOf, roles } from './rights.ts'
import type { SecretKey } from './secrets.ts'
import { cookieName, type From, forgeryToken, type Session } from './sessions.ts'

/** `sql` wears `mortise_app`. */
export interface AccessDeps {
  sql: Sql
  key: SecretKey
}

export const roleWord = z.enum(roles)

export const callerShape = z.object({
  user: z.string(),
  name: z.string(),
  via: z.enum(['session', 'key']),
  everywhere: roleWord.nullable().describe('Role in every tenant.'),
  tenants: z.array(z.object({ tenant: z.string(), role: roleWord, rights: z.array(z.enum(rights)) })),
  scopes: z.array(z.string()).nullable().describe('Of the key that was used.'),
  lacks: z
    .array(z.string())
    .describe('Tenants (*: all) that want a second factor which this sign-in does not have; until then they refuse.'),
})

export const sessionShape = callerShape.extend({
  csrfToken: z.string().describe('Goes into X-CSRF-Token of every change.'),
  expiresAt: moment,
  issuer: z.string().nullable().describe('The issuer that vouched, by its id in /sign-in-providers; null: a password.'),
})

export const callerOf = ({ who }: Pick<Asked<unknown, unknown, unknown>, 'who'>): z.input<typeof callerShape> => ({
  user: who.userId,
  name: who.name,
  via: who.via,
  everywhere: who.everywhere as Role | null,
  tenants: Object.keys(who.roles).map((tenant) => {
    const role = roleOf(who, tenant) ?? 'viewer'
    return { tenant, role, rights: rights.filter((right) => may(role, right) && right !== 'install') }
  }),
  scopes: who.key ? [...who.key.scopes] : null,
  lacks: [...(who.lacks ?? [])],
})

export const shownSession = (session: Session, token: string): z.input<typeof sessionShape> => ({
  ...callerOf({ who: session.caller }),
  csrfToken: forgeryToken(token),
  expiresAt: toMoment(session.expiresAt),
  issuer: session.issuer?.providerId ?? null,
})

type Sent = Pick<Asked<unknown, unknown, unknown>, 'headers' | 'secure' | 'address'>

/** Value of a cookie as it was sent. */
export const cookieNamed = ({ headers }: Pick<Sent, 'headers'>, name: string): string | null => {
  const { cookie } = headers
  if (typeof cookie !== 'string') return null
  const found = cookie
    .split(';')
    .map((one) => one.trim())
    .find((one) => one.startsWith(`${name}=`))
  return found ? found.slice(name.length + 1) : null
}

export const cookieOf = (asked: Omit<Sent, 'address'>): string | null => cookieNamed(asked, cookieName(asked.secure))

export const fromOf = ({ headers, address }: Sent): From => {
  const agent = headers['user-agent']
  return { address, agent: typeof agent === 'string' ? agent : '' }
}
