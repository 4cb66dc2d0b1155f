/** Routes of signing in at an issuer: the buttons, the way there and back, and what an owner of the installation says of issuers. */
import { z } from 'zod'
import { type Asked, done, ok, refuse, type Refused, type Route, route, isRefused } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import { doerOf, writeDown } from './audit.ts'
import { accountOf } from './identities.ts'
import type { Begun, Issuers } from './issuer.ts'
import {
  buttons,
  type Provider,
  providerBody,
  providerShape,
  providers,
  putProvider,
  removeProvider,
} from './providers.ts'
import { open, seal } from './secrets.ts'
import { addSession, cookieFor, isOwnOrigin, sessionOf } from './sessions.ts'
import { type AccessDeps, cookieNamed, cookieOf, fromOf, sessionShape, shownSession } from './shown.ts'

export interface ProviderDeps extends AccessDeps {
  issuers: Issuers
}

type Any = Asked<unknown, unknown, unknown>

const installation = '*'
/** For so long somebody may take to sign in at the issuer. */
const patience = 10 * 60_000
/** The page that the issuer sends people back to. */
const backPath = '/sign-in/back'

const aProvider = z.object({
  provider: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .describe('Small letters, digits, "-".'),
})

const originOf = ({ secure, host }: Pick<Any, 'secure' | 'host'>): string => `${secure ? 'https' : 'http'}://${host}`
const backOf = (asked: Pick<Any, 'secure' | 'host'>): string => `${originOf(asked)}${backPath}`

// ── the way there and back ───────────────────────────────────────────────────────────────────────────────────────────────────────────
const flowName = (secure: boolean): string => (secure ? '__Host-mortise-way' : 'mortise-way')
const flowPlace = 'way to an issuer'
/** Sealed: it holds what makes the way back ours. Read by calls of our own page only, so that it need not travel from elsewhere. */
const flowCookie = (value: string, secure: boolean, maxAge: number): string =>
  `${flowName(secure)}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}${secure ? '; Secure' : ''}`

const begunOf = ({ key }: ProviderDeps, asked: Any): Begun | null => {
  const value = cookieNamed(asked, flowName(asked.secure))
  if (value === null) return null
  try {
    const begun = JSON.parse(open(key, flowPlace, Buffer.from(value, 'base64url'))) as Begun
    return Date.now() - begun.at < patience ? begun : null
  } catch {
    return null // of another installation, or of a key that is gone
  }
}

const enabled = async ({ sql, key }: ProviderDeps, providerId: string): Promise<Provider | undefined> =>
  (await providers(sql, key)).find((one) => one.providerId === providerId && one.enabled)

const absentProvider = (providerId: string): Refused => refuse('absent', { what: `sign-in ${providerId}` })

const wayRoutes = (deps: ProviderDeps): Route[] => [
  route({
    id: 'showSignIn',
    method: 'GET',
    path: '/sign-in',
    group: 'session',
    summary: 'Where one may sign in besides with a password',
    answer: z.object({ providers: z.array(z.object({ provider: z.string(), name: z.string() })) }),
    handle: async () => ok({ providers: await buttons(deps.sql) }),
  }),
  route({
    id: 'beginSignIn',
    method: 'POST',
    path: '/sign-in/:provider',
    group: 'session',
    summary: 'Begin to sign in at an issuer: where to send the browser',
    params: aProvider,
    answer: z.object({ url: z.string() }),
    handle: async (asked) => {
      if (!isOwnOrigin(asked.headers, asked.host)) return refuse('origin.refused')
      const provider = await enabled(deps, asked.params.provider)
      if (!provider) return absentProvider(asked.params.provider)
      const found = await deps.issuers.begin(provider, backOf(asked), Date.now())
      if (isRefused(found)) return found
      const sealed = seal(deps.key, flowPlace, JSON.stringify(found.begun)).toString('base64url')
      return ok({ url: found.url }, { 'Set-Cookie': flowCookie(sealed, asked.secure, patience / 1000) })
    },
  }),
  route({
    id: 'finishSignIn',
    method: 'POST',
    path: '/session/issuer',
    group: 'session',
    summary: 'Sign in with what an issuer sent back',
    body: z.object({ query: z.string().min(1).max(8_192).describe('The query of the address that it sent back to.') }),
    answer: sessionShape,
    handle: async (asked) => {
      if (!isOwnOrigin(asked.headers, asked.host)) return refuse('origin.refused')
      const begun = begunOf(deps, asked)
      const provider = begun && (await enabled(deps, begun.providerId))
      if (!begun || !provider) return refuse('issuer.stale')
      const said = new URLSearchParams(asked.body.query)
      if (said.get('state') !== begun.state) return refuse('issuer.stale')
      const who = await deps.issuers.finish(provider, begun, backOf(asked), said.toString())
      if (isRefused(who)) return who
      const account = await accountOf(deps.sql, provider, who, { traceId: asked.traceId, address: asked.address })
      if (isRefused(account)) return account
      const vouched = { providerId: provider.providerId, hint: who.idToken, key: deps.key }
      const token = await addSession(deps.sql, account.userId, fromOf(asked), vouched)
      const session = await sessionOf(deps.sql, token)
      if (!session) return refuse('signIn.refused')
      // one header only: the way ends by itself within minutes, and its code opens once
      return ok(shownSession(session, token), { 'Set-Cookie': cookieFor(token, asked.secure) })
    },
  }),
  route({
    id: 'leaveIssuer',
    method: 'GET',
    path: '/session/issuer',
    group: 'session',
    summary: 'Where to sign out at the issuer of this session as well; null: nowhere',
    answer: z.object({ url: z.string().nullable() }),
    handle: async (asked) => {
      const token = cookieOf(asked)
      const session = token === null ? null : await sessionOf(deps.sql, token, deps.key)
      const provider = session?.issuer && (await enabled(deps, session.issuer.providerId))
      if (!session?.issuer || !provider) return ok({ url: null })
      return ok({ url: await deps.issuers.leave(provider, session.issuer.hint, `${originOf(asked)}/sign-in`) })
    },
  }),
]

// ── what is said of issuers ──────────────────────────────────────────────────────────────────────────────────────────────────────────
const shown = (provider: Provider, asked: Any): z.input<typeof providerShape> => {
  const { providerId, clientSecret, ...said } = provider
  return { ...said, provider: providerId, hasSecret: clientSecret !== null, signInAddress: backOf(asked) }
}

/** As the audit trail shows it. */
const noted = (provider: Provider | undefined) => {
  if (!provider) return undefined
  const { providerId: _, clientSecret, ...said } = provider
  return { ...said, clientSecret: clientSecret === null ? null : '…' }
}

/** The first tenant that is named and is not there. */
const strangeTenant = async ({ sql }: ProviderDeps, named: readonly string[]): Promise<string | undefined> => {
  const rows = await asTenant(
    sql,
    installation,
    (tx) => tx<{ tenant_id: string }>`
      select tenant_id
      from tenant
      where tenant_id = any(${[...named]}::text[])`,
  )
  return named.find((one) => one !== installation && !rows.some((row) => row.tenant_id === one))
}

const tellingRoutes = (deps: ProviderDeps): Route[] => [
  route({
    id: 'listProviders',
    method: 'GET',
    path: '/sign-in-providers',
    group: 'installation',
    summary: 'Issuers (OpenID Connect) that people may sign in at',
    answer: z.object({ items: z.array(providerShape), signInAddress: z.string() }),
    handle: async (asked) => {
      const found = await providers(deps.sql, deps.key)
      return ok({ items: found.map((one) => shown(one, asked)), signInAddress: backOf(asked) })
    },
  }),
  route({
    id: 'putProvider',
    method: 'PUT',
    path: '/sign-in-providers/:provider',
    group: 'installation',
    summary: 'Let people sign in at an issuer, or change how',
    params: aProvider,
    body: providerBody,
    answer: providerShape,
    handle: async (asked) => {
      const providerId = asked.params.provider
      const { clientSecret, ...said } = asked.body
      const named = [...said.groups.map((one) => one.tenant), ...(said.defaultRole ? [said.defaultRole.tenant] : [])]
      const strange = await strangeTenant(deps, named)
      if (strange !== undefined) return refuse('absent', { what: `tenant ${strange}` }, { path: 'body' })
      const before = (await providers(deps.sql, deps.key)).find((one) => one.providerId === providerId)
      const secret = clientSecret === undefined ? (before?.clientSecret ?? null) : clientSecret || null
      const after: Provider = { ...said, providerId, clientSecret: secret }
      await asTenant(deps.sql, installation, async (tx) => {
        await putProvider(tx, deps.key, providerId, said, clientSecret, Date.now())
        await writeDown(tx, installation, doerOf(asked, 'putProvider'), [
          {
            kind: 'provider',
            name: providerId,
            what: before ? 'changed' : 'added',
            before: noted(before),
            after: { ...noted(after), ...(clientSecret && before && { clientSecret: 'new' }) },
          },
        ])
      })
      return ok(shown(after, asked))
    },
  }),
  route({
    id: 'removeProvider',
    method: 'DELETE',
    path: '/sign-in-providers/:provider',
    group: 'installation',
    summary: 'Let nobody sign in at an issuer any more',
    params: aProvider,
    handle: async (asked) => {
      const providerId = asked.params.provider
      const before = (await providers(deps.sql, deps.key)).find((one) => one.providerId === providerId)
      return asTenant(deps.sql, installation, async (tx) => {
        if (!(await removeProvider(tx, providerId))) return absentProvider(providerId)
        await writeDown(tx, installation, doerOf(asked, 'removeProvider'), [
          { kind: 'provider', name: providerId, what: 'removed', before: noted(before) },
        ])
        return done()
      })
    },
  }),
  route({
    id: 'testProvider',
    method: 'POST',
    path: '/sign-in-providers/:provider/test',
    group: 'installation',
    summary: 'Whether an issuer can be reached and says what is needed',
    params: aProvider,
    handle: async ({ params }) => {
      const provider = (await providers(deps.sql, deps.key)).find((one) => one.providerId === params.provider)
      if (!provider) return absentProvider(params.provider)
      return (await deps.issuers.look(provider)) ?? done()
    },
  }),
]

export const providerRoutes = (deps: ProviderDeps): Route[] => [...wayRoutes(deps), ...tellingRoutes(deps)]
