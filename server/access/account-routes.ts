/** Routes of one's own account: its second factor, its sessions; and whether a tenant wants a second factor of everybody. */
import { z } from 'zod'
import {
  type Asked,
  done,
  inTenant,
  moment,
  ok,
  refuse,
  type Refused,
  type Route,
  route,
  toMoment,
  toMomentOrNull,
} from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import { doerOf, writeDown } from './audit.ts'
import { longestPassword } from './password.ts'
import {
  beginSecondFactor,
  confirmSecondFactor,
  dropSecondFactor,
  renewCodes,
  standingOf,
  takeCode,
} from './second-factor.ts'
import { endNamedSession, endSessionsOf, hasPassword, provesByCode, provesIt, readSessions } from './sessions.ts'
import { type AccessDeps, cookieOf } from './shown.ts'
import { putRule, readRule } from './sign-in-rule.ts'
import { totpUri } from './totp.ts'

const codeText = z.string().min(1).max(64).describe('Six digits of the authenticator, or a recovery code.')
const codesShape = z.object({
  recoveryCodes: z.array(z.string()).describe('Each opens once in place of a code. Shown this once.'),
})

const accountShape = z.object({
  user: z.string(),
  name: z.string(),
  home: z.string().describe('The tenant whose administrators look after the account; * is the installation.'),
  password: z.boolean().describe('Whether it can sign in with one.'),
  secondFactor: z.object({
    since: moment.nullable().describe('Null: it is off.'),
    recoveryCodes: z.number().int().describe('How many are left.'),
    wantedBy: z.array(z.string()).describe('Tenants (*: all) that require one and wait for it.'),
  }),
})

const listedShape = z.object({
  session: z.string(),
  current: z.boolean().describe('The one that asks.'),
  via: z.enum(['password', 'issuer']),
  createdAt: moment,
  seenAt: moment,
  expiresAt: moment,
  address: z.string(),
  agent: z.string().describe('As the browser names itself.'),
})

const ruleShape = z.object({
  secondFactor: z
    .enum(['optional', 'required'])
    .describe('required: who signs in with a password and has none may do nothing but set one up.'),
})

type Any = Asked<unknown, unknown, unknown>

const wait = (seconds: number): Refused => refuse('signIn.wait', { seconds: String(seconds) }, { retryAfter: seconds })

/** A code that opens, or why not. */
const byCode = async ({ sql, key }: AccessDeps, asked: Any, code: string): Promise<Refused | null> => {
  const { userId } = asked.who
  if ((await standingOf(sql, userId)).since === null) return refuse('second.off')
  const proof = await provesByCode(sql, userId, () => takeCode(sql, key, userId, code, Date.now()))
  if (typeof proof === 'number') return wait(proof)
  return proof ? null : refuse('code.wrong', {}, { path: 'body.code' })
}

const secondFactorRoutes = (deps: AccessDeps): Route[] => [
  route({
    id: 'showAccount',
    method: 'GET',
    path: '/session/account',
    group: 'session',
    summary: 'One’s own account, and how it signs in',
    answer: accountShape,
    handle: async ({ who }) => {
      const { since, codesLeft } = await standingOf(deps.sql, who.userId)
      return ok({
        user: who.userId,
        name: who.name,
        home: who.home,
        password: await hasPassword(deps.sql, who.userId),
        secondFactor: { since: toMomentOrNull(since), recoveryCodes: codesLeft, wantedBy: [...(who.lacks ?? [])] },
      })
    },
  }),
  route({
    id: 'beginSecondFactor',
    method: 'POST',
    path: '/session/second-factor',
    group: 'session',
    summary: 'Begin to set up a second factor; it counts once a code of it was given',
    body: z.object({ password: z.string().min(1).max(longestPassword) }),
    answer: z.object({
      secret: z.string().describe('For an authenticator (RFC 6238), in base32.'),
      uri: z.string().describe('The same for a QR code.'),
    }),
    handle: async (asked) => {
      const { userId } = asked.who
      const proof = await provesIt(deps.sql, userId, asked.body.password)
      if (typeof proof === 'number') return wait(proof)
      if (!proof) return refuse('request.invalid', { said: 'password' }, { path: 'body.password' })
      const secret = await beginSecondFactor(deps.sql, deps.key, userId)
      if (secret === null) return refuse('second.on')
      return ok({ secret, uri: totpUri(secret, `Mortise (${asked.host})`, userId) })
    },
  }),
  route({
    id: 'confirmSecondFactor',
    method: 'PUT',
    path: '/session/second-factor',
    group: 'session',
    summary: 'Turn the second factor on by its first code; every other session of the account ends',
    body: z.object({ code: z.string().min(1).max(64).describe('Six digits of the authenticator.') }),
    answer: codesShape,
    handle: async (asked) => {
      const { userId, home } = asked.who
      let codes: Awaited<ReturnType<typeof confirmSecondFactor>> = 'wrong'
      const proof = await provesByCode(deps.sql, userId, async () => {
        codes = await confirmSecondFactor(deps.sql, deps.key, { userId, home }, asked.body.code, Date.now(), (tx) =>
          writeDown(tx, home, doerOf(asked, 'confirmSecondFactor'), [
            {
              kind: 'user',
              name: userId,
              what: 'changed',
              before: { secondFactor: 'off' },
              after: { secondFactor: 'on' },
            },
          ]),
        )
        return codes !== 'wrong'
      })
      if (typeof proof === 'number') return wait(proof)
      const given = codes as Awaited<ReturnType<typeof confirmSecondFactor>>
      if (given === 'none') return refuse('second.off')
      if (given === 'wrong') return refuse('code.wrong', {}, { path: 'body.code' })
      await endSessionsOf(deps.sql, userId, cookieOf(asked))
      return ok({ recoveryCodes: given })
    },
  }),
  route({
    id: 'dropSecondFactor',
    method: 'POST',
    path: '/session/second-factor/off',
    group: 'session',
    summary: 'Turn one’s second factor off, with a code of it',
    body: z.object({ code: codeText }),
    handle: async (asked) => {
      const refused = await byCode(deps, asked, asked.body.code)
      if (refused) return refused
      const { userId, home } = asked.who
      await asTenant(
        deps.sql,
        home,
        async (tx) => {
          await dropSecondFactor(tx, userId)
          await writeDown(tx, home, doerOf(asked, 'dropSecondFactor'), [
            {
              kind: 'user',
              name: userId,
              what: 'changed',
              before: { secondFactor: 'on' },
              after: { secondFactor: 'off' },
            },
          ])
        },
        userId,
      )
      return done()
    },
  }),
  route({
    id: 'renewRecoveryCodes',
    method: 'POST',
    path: '/session/second-factor/recovery-codes',
    group: 'session',
    summary: 'Ten new recovery codes, with a code of the second factor; the former end',
    body: z.object({ code: codeText }),
    answer: codesShape,
    handle: async (asked) => {
      const refused = await byCode(deps, asked, asked.body.code)
      if (refused) return refused
      const { userId, home } = asked.who
      const recoveryCodes = await renewCodes(deps.sql, { userId, home }, (tx) =>
        writeDown(tx, home, doerOf(asked, 'renewRecoveryCodes'), [
          { kind: 'user', name: userId, what: 'changed', after: { recoveryCodes: 'new' } },
        ]),
      )
      return ok({ recoveryCodes })
    },
  }),
]

const ownSessionRoutes = ({ sql }: AccessDeps): Route[] => [
  route({
    id: 'listSessions',
    method: 'GET',
    path: '/sessions',
    group: 'session',
    summary: 'Where one is signed in',
    answer: z.object({ items: z.array(listedShape) }),
    handle: async (asked) => {
      const found = await readSessions(sql, asked.who.userId, cookieOf(asked) ?? '')
      return ok({
        items: found.map(({ sessionId, createdAt, seenAt, expiresAt, ...rest }) => ({
          ...rest,
          session: sessionId,
          createdAt: toMoment(createdAt),
          seenAt: toMoment(seenAt),
          expiresAt: toMoment(expiresAt),
        })),
      })
    },
  }),
  route({
    id: 'endSession',
    method: 'DELETE',
    path: '/sessions/:session',
    group: 'session',
    summary: 'End one of one’s own sessions',
    params: z.object({ session: z.string().min(1).max(64) }),
    handle: async ({ who, params: { session } }) =>
      (await endNamedSession(sql, who.userId, session)) ? done() : refuse('absent', { what: `session ${session}` }),
  }),
  route({
    id: 'endOtherSessions',
    method: 'DELETE',
    path: '/sessions',
    group: 'session',
    summary: 'End all of one’s own sessions but this one',
    handle: async (asked) => {
      await endSessionsOf(sql, asked.who.userId, cookieOf(asked))
      return done()
    },
  }),
]

const installation = '*'

const ruleOf = async ({ sql }: AccessDeps, tenantId: string) =>
  ok(await asTenant(sql, tenantId, (tx) => readRule(tx, tenantId)))

const changeRule = (
  { sql }: AccessDeps,
  asked: Asked<unknown, unknown, z.output<typeof ruleShape>>,
  tenantId: string,
  routeId: string,
) =>
  asTenant(sql, tenantId, async (tx) => {
    const before = await readRule(tx, tenantId)
    if (before.secondFactor !== asked.body.secondFactor) {
      await putRule(tx, tenantId, asked.body)
      await writeDown(tx, tenantId, doerOf(asked, routeId), [
        { kind: 'signInRule', name: tenantId, what: 'changed', before, after: asked.body },
      ])
    }
    return ok(asked.body)
  })

const ruleRoutes = (deps: AccessDeps): Route[] => [
  route({
    id: 'showSignInRule',
    method: 'GET',
    path: '/tenants/:tenant/sign-in-rule',
    group: 'users',
    summary: 'Whether the tenant requires a second factor',
    params: inTenant,
    answer: ruleShape,
    handle: ({ params: { tenant } }) => ruleOf(deps, tenant),
  }),
  route({
    id: 'putSignInRule',
    method: 'PUT',
    path: '/tenants/:tenant/sign-in-rule',
    group: 'users',
    summary: 'Require a second factor of everybody who signs in with a password, or do not',
    describe: 'API keys are not concerned, nor are sign-ins that an issuer vouched for.',
    params: inTenant,
    body: ruleShape,
    answer: ruleShape,
    handle: (asked) => changeRule(deps, asked, asked.params.tenant, 'putSignInRule'),
  }),
  route({
    id: 'showEverySignInRule',
    method: 'GET',
    path: '/sign-in-rule',
    group: 'installation',
    summary: 'Whether the installation requires a second factor',
    answer: ruleShape,
    handle: () => ruleOf(deps, installation),
  }),
  route({
    id: 'putEverySignInRule',
    method: 'PUT',
    path: '/sign-in-rule',
    group: 'installation',
    summary: 'Require a second factor in every tenant, or leave it to them',
    body: ruleShape,
    answer: ruleShape,
    handle: (asked) => changeRule(deps, asked, installation, 'putEverySignInRule'),
  }),
]

export const accountRoutes = (deps: AccessDeps): Route[] => [
  ...secondFactorRoutes(deps),
  ...ownSessionRoutes(deps),
  ...ruleRoutes(deps),
]
