/** Routes of who may call and who did what: sessions, users and their roles, API keys, the audit trail. */
import { z } from 'zod'
import {
  type Asked,
  done,
  fromCursor,
  inTenant,
  isRefused,
  made,
  moment,
  ok,
  pageOf,
  pageFrom,
  paging,
  refuse,
  type Refused,
  type Route,
  route,
  slice,
  toMoment,
  toMomentOrNull,
} from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { accountRoutes } from './account-routes.ts'
import { addKey, type ApiKey, readKeys, revokeKey } from './api-keys.ts'
import { afterEntry, type Deed, doerOf, type Entry, readAudit, writeDown } from './audit.ts'
import { type ProviderDeps, providerRoutes } from './provider-routes.ts'
import { putPreference, readPreference } from './preference.ts'
import { makeSecret } from './generated.ts'
import { hashPassword, longestPassword, shortestPassword } from './password.ts'
import {
  addPerson,
  changePerson,
  emailTaken,
  giveEverywhere,
  giveRole,
  ownersEverywhere,
  type Person,
  readPeople,
  removePerson,
  takeRole,
} from './people.ts'
import { may, mayGive, needs, type Right, rights, roleOf, roles, scopes } from './rights.ts'
import { dropSecondFactor } from './second-factor.ts'
import {
  type AccessDeps,
  callerOf,
  callerShape,
  cookieOf,
  fromOf,
  roleWord,
  sessionShape,
  shownSession,
} from './shown.ts'
import { cookieFor, endSession, endSessionsOf, expired, isOwnOrigin, provesIt, sessionOf, signIn } from './sessions.ts'

const installation = '*'
const userText = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/)
  .describe('What the person signs in with: letters, digits, ".", "_", "@", "+", "-".')
const passwordText = z
  .string()
  .min(shortestPassword)
  .max(longestPassword)
  .describe(`At least ${shortestPassword} characters.`)

// ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const isZone = (name: string): boolean => {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }))
  } catch {
    return false
  }
}
const preferenceShape = z.object({
  locale: z.enum(['zh_CN', 'zh_TW', 'en_US', 'ja_JP']).nullable(),
  zone: z.string().max(64).refine(isZone, 'not a time zone such as Asia/Shanghai').nullable(),
  theme: z.enum(['light', 'dark']).nullable(),
  guide: z
    .object({ hidden: z.boolean(), seen: z.array(z.string().max(40)).max(20) })
    .nullable()
    .describe('The guided first run: put away or not, and which steps were seen; null: not begun.'),
})

const userShape = z.object({
  user: z.string(),
  name: z.string(),
  role: roleWord.nullable().describe('In this tenant; of the installation: in every tenant.'),
  home: z.string().describe('The tenant whose administrators look after the account; * is the installation.'),
  disabled: z.boolean(),
  email: z.string().nullable().describe('By which an account at an issuer is known as this one.'),
  secondFactor: z.enum(['on', 'off']),
  tenants: z.record(z.string(), roleWord).nullable().describe('Of the installation: the roles in single tenants.'),
  createdAt: moment,
})

const keyShape = z.object({
  key: z.string().describe('Id of the key, not the key itself.'),
  name: z.string(),
  user: z.string().describe('For whom it acts.'),
  scopes: z.array(z.string()),
  createdAt: moment,
  expiresAt: moment,
  lastUsedAt: moment.nullable(),
})

const newKeyShape = keyShape.extend({ secret: z.string().describe('The key. Shown this once.') })

const entryShape = z.object({
  id: z.number(),
  at: moment,
  actor: z.string(),
  route: z.string(),
  kind: z.string(),
  name: z.string(),
  what: z.string(),
  before: z.unknown().describe('Secrets are masked.'),
  after: z.unknown(),
  traceId: z.string(),
  address: z.string(),
})

const shownUser = (person: Person, everywhere: boolean): z.input<typeof userShape> => ({
  user: person.userId,
  name: person.name,
  role: everywhere ? person.everywhere : person.role,
  home: person.home,
  disabled: person.disabled,
  email: person.email,
  secondFactor: person.secondFactor ? 'on' : 'off',
  tenants: person.tenants,
  createdAt: toMoment(person.createdAt),
})

const shownKey = (key: ApiKey): z.input<typeof keyShape> => ({
  key: key.keyId,
  name: key.name,
  user: key.userId,
  scopes: key.scopes,
  createdAt: toMoment(key.createdAt),
  expiresAt: toMoment(key.expiresAt),
  lastUsedAt: toMomentOrNull(key.lastUsedAt),
})

const shownEntry = (entry: Entry): z.input<typeof entryShape> => ({ ...entry, at: toMoment(entry.at) })

/** As the audit trail shows an account. */
const noted = (person: Person | undefined) =>
  person && {
    name: person.name,
    role: person.role,
    everywhere: person.everywhere,
    disabled: person.disabled,
    email: person.email,
    secondFactor: person.secondFactor ? 'on' : 'off',
    home: person.home,
  }

type Any = Asked<unknown, unknown, unknown>

// ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const sessionRoutes = ({ sql, key }: AccessDeps): Route[] => [
  route({
    id: 'signIn',
    method: 'POST',
    path: '/session',
    group: 'session',
    summary: 'Sign in',
    describe:
      'Sets the cookie of a session and answers the token that every change needs in X-CSRF-Token. An account with a second factor is answered 401 signIn.code: the same again with `code`. After ten failures each further try waits longer.',
    body: z.object({
      user: z.string().min(1).max(128),
      password: z.string().min(1).max(longestPassword),
      code: z.string().max(64).optional().describe('Six digits of the authenticator, or a recovery code.'),
    }),
    answer: sessionShape,
    handle: async (asked) => {
      if (!isOwnOrigin(asked.headers, asked.host)) return refuse('origin.refused')
      const signed = await signIn(sql, key, asked.body, fromOf(asked))
      switch (signed.kind) {
        case 'wait':
          return refuse('signIn.wait', { seconds: String(signed.seconds) }, { retryAfter: signed.seconds })
        case 'code':
          return refuse('signIn.code', {}, { path: 'body.code' })
        case 'wrong code':
          return refuse('code.wrong', {}, { path: 'body.code' })
        case 'refused':
          return refuse('signIn.refused')
        case 'in': {
          const session = await sessionOf(sql, signed.token)
          if (!session) return refuse('signIn.refused')
          return ok(shownSession(session, signed.token), { 'Set-Cookie': cookieFor(signed.token, asked.secure) })
        }
      }
    },
  }),
  route({
    id: 'showSession',
    method: 'GET',
    path: '/session',
    group: 'session',
    summary: 'Who is signed in, with the token for changes',
    answer: sessionShape,
    handle: async (asked) => {
      const token = cookieOf(asked)
      const session = token === null ? null : await sessionOf(sql, token)
      if (token === null || !session) return refuse('signIn.needed')
      return ok(shownSession(session, token))
    },
  }),
  route({
    id: 'signOut',
    method: 'DELETE',
    path: '/session',
    group: 'session',
    summary: 'Sign out',
    handle: async (asked) => {
      const token = cookieOf(asked)
      if (token !== null) await endSession(sql, asked.who.userId, token)
      return done({ 'Set-Cookie': expired(asked.secure) })
    },
  }),
  route({
    id: 'changeOwnPassword',
    method: 'PUT',
    path: '/session/password',
    group: 'session',
    summary: 'Change one’s own password; every other session of the account ends',
    body: z.object({ password: z.string().min(1).max(longestPassword), newPassword: passwordText }),
    handle: async (asked) => {
      const { userId } = asked.who
      const proof = await provesIt(sql, userId, asked.body.password)
      if (typeof proof === 'number') return refuse('signIn.wait', { seconds: String(proof) }, { retryAfter: proof })
      if (!proof) return refuse('request.invalid', { said: 'password' }, { path: 'body.password' })
      const password = await hashPassword(asked.body.newPassword)
      const { home } = asked.who
      await asTenant(
        sql,
        home,
        async (tx) => {
          await changePerson(tx, userId, { password })
          await writeDown(tx, home, doerOf(asked, 'changeOwnPassword'), [
            { kind: 'user', name: userId, what: 'changed', after: { password: 'new' } },
          ])
        },
        userId,
      )
      await endSessionsOf(sql, userId, cookieOf(asked))
      return done()
    },
  }),
  route({
    id: 'showPreference',
    method: 'GET',
    path: '/session/preference',
    group: 'session',
    summary: 'How one wants the console; null: as the browser has it',
    answer: preferenceShape,
    handle: async ({ who: { userId } }) => {
      const found = await asTenant(sql, '', (tx) => readPreference(tx, userId), userId)
      return ok(preferenceShape.parse(found))
    },
  }),
  route({
    id: 'putPreference',
    method: 'PUT',
    path: '/session/preference',
    group: 'session',
    summary: 'Language, time zone and looks of the console for oneself; what is left out stays',
    body: preferenceShape.partial(),
    answer: preferenceShape,
    handle: async ({ who: { userId }, body }) => {
      const said = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
      return ok(preferenceShape.parse(await asTenant(sql, '', (tx) => putPreference(tx, userId, said), userId)))
    },
  }),
  route({
    id: 'whoAmI',
    method: 'GET',
    path: '/me',
    group: 'session',
    summary: 'Who is calling, with which roles and rights',
    answer: callerShape,
    handle: async (asked) => ok(callerOf(asked)),
  }),
  route({
    id: 'listRoles',
    method: 'GET',
    path: '/roles',
    group: 'session',
    summary: 'Every role with its rights, and what each route needs',
    answer: z.object({
      roles: z.array(z.object({ role: roleWord, rights: z.array(z.enum(rights)) })),
      routes: z.array(z.object({ route: z.string(), right: z.string().nullable(), only: z.string().nullable() })),
    }),
    handle: async () =>
      ok({
        roles: roles.map((role) => ({ role, rights: rights.filter((right) => may(role, right)) })),
        routes: Object.entries(needs).map(([id, need]) => ({
          route: id,
          right: need?.right ?? null,
          only: need?.only ?? null,
        })),
      }),
  }),
]

// ── users ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const emailText = z
  .union([z.email().max(254), z.literal('')])
  .describe('By which an account at an issuer is known as this one; empty: none.')
const newUser = z.object({
  user: userText,
  name: z.string().max(200).default(''),
  email: emailText.optional(),
  role: roleWord,
  password: passwordText.optional().describe('Left out: one is made and shown this once.'),
})
const userChange = z.object({
  name: z.string().max(200).optional(),
  role: roleWord.optional(),
  disabled: z.boolean().optional(),
  password: passwordText.optional(),
  email: emailText.optional(),
  secondFactor: z.literal('off').optional().describe('Takes the second factor away from who has lost it.'),
})
const withPassword = userShape.extend({
  password: z.string().nullable().describe('The one that was made; shown this once. Null where it was given.'),
})
const aUser = z.object({ user: z.string().min(1).max(128) })

const absentUser = (userId: string): Refused => refuse('absent', { what: `user ${userId}` })

/** `tenantId` `*`: the people of the installation, whose role counts in every tenant. */
const add = async (
  { sql }: AccessDeps,
  asked: Asked<unknown, unknown, z.output<typeof newUser>>,
  tenantId: string,
  routeId: string,
) => {
  const { user, name, role, password, email } = asked.body
  const everywhere = tenantId === installation
  if (!mayGive(roleOf(asked.who, everywhere ? null : tenantId), role)) return refuse('role.above')
  const given = password ?? makeSecret()
  const hashed = await hashPassword(given)
  return asTenant(sql, tenantId, async (tx) => {
    const fresh = await addPerson(tx, {
      userId: user,
      name,
      home: tenantId,
      everywhere: everywhere ? role : null,
      password: hashed,
      email,
    })
    if (!fresh) return refuse('taken', { what: `user ${user}` }, { path: 'body.user' })
    if (!everywhere) await giveRole(tx, tenantId, user, role)
    const [person] = await readPeople(tx, tenantId, user)
    await writeDown(tx, tenantId, doerOf(asked, routeId), [
      { kind: 'user', name: user, what: 'added', after: noted(person) },
    ])
    return made({ ...shownUser(person as Person, everywhere), password: password === undefined ? given : null })
  })
}

/** Why this change of an account may not be made by this caller, or null. */
const obstacle = async (
  tx: Sql,
  person: Person,
  who: Asked<unknown, unknown, unknown>['who'],
  tenantId: string,
  change: z.output<typeof userChange> | null,
): Promise<Refused | null> => {
  const everywhere = tenantId === installation
  const own = roleOf(who, everywhere ? null : tenantId)
  const now = everywhere ? person.everywhere : person.role
  if (!mayGive(own, now) || !mayGive(own, change?.role ?? null)) return refuse('role.above')
  const account =
    change === null
      ? false
      : [change.name, change.disabled, change.password, change.email, change.secondFactor].some(
          (one) => one !== undefined,
        )
  if (account && person.home !== tenantId && who.everywhere !== 'owner') return refuse('user.elsewhere')
  // an account of a tenant has no role everywhere
  if (everywhere && change?.role !== undefined && person.home !== installation) return refuse('user.elsewhere')
  const leaves = change === null ? person.home === tenantId : change.disabled === true
  const demoted = everywhere && change?.role !== undefined && change.role !== 'owner'
  if (person.everywhere === 'owner' && (leaves || demoted)) {
    const owners = await ownersEverywhere(tx)
    if (owners.length === 1 && owners[0] === person.userId) return refuse('user.last')
  }
  return null
}

const change = async (
  { sql }: AccessDeps,
  asked: Asked<unknown, unknown, z.output<typeof userChange>>,
  tenantId: string,
  userId: string,
  routeId: string,
) => {
  const everywhere = tenantId === installation
  const { role, password, secondFactor, ...account } = asked.body
  const hashed = password === undefined ? undefined : await hashPassword(password)
  const answered = await asTenant(sql, tenantId, async (tx) => {
    const [before] = await readPeople(tx, tenantId, userId)
    if (!before) return absentUser(userId)
    const refused = await obstacle(tx, before, asked.who, tenantId, asked.body)
    if (refused) return refused
    if (account.email && (await emailTaken(tx, account.email, userId)))
      return refuse('taken', { what: account.email }, { path: 'body.email' })
    await changePerson(tx, userId, { ...account, password: hashed })
    if (secondFactor === 'off') await dropSecondFactor(tx, userId)
    if (role !== undefined) await (everywhere ? giveEverywhere(tx, userId, role) : giveRole(tx, tenantId, userId, role))
    const [after] = await readPeople(tx, tenantId, userId)
    await writeDown(tx, tenantId, doerOf(asked, routeId), [
      {
        kind: 'user',
        name: userId,
        what: 'changed',
        before: noted(before),
        after: { ...noted(after), ...(hashed !== undefined && { password: 'new' }) },
      },
    ])
    return ok(shownUser(after as Person, everywhere))
  })
  if (!isRefused(answered) && (hashed !== undefined || account.disabled || secondFactor))
    await endSessionsOf(sql, userId, null)
  return answered
}

const remove = async ({ sql }: AccessDeps, asked: Any, tenantId: string, userId: string, routeId: string) =>
  asTenant(sql, tenantId, async (tx) => {
    const [before] = await readPeople(tx, tenantId, userId)
    if (!before) return absentUser(userId)
    const refused = await obstacle(tx, before, asked.who, tenantId, null)
    if (refused) return refused
    await (before.home === tenantId ? removePerson(tx, userId) : takeRole(tx, tenantId, userId))
    const deed: Deed = { kind: 'user', name: userId, what: 'removed', before: noted(before) }
    await writeDown(tx, tenantId, doerOf(asked, routeId), [deed])
    return done()
  })

const userRoutes = (deps: AccessDeps): Route[] => [
  route({
    id: 'listUsers',
    method: 'GET',
    path: '/tenants/:tenant/users',
    group: 'users',
    summary: 'Who has a role in the tenant',
    params: inTenant,
    query: z.object({ ...paging, role: roleWord.optional() }),
    answer: pageOf(userShape),
    handle: async ({ params: { tenant }, query }) => {
      const people = await asTenant(deps.sql, tenant, (tx) => readPeople(tx, tenant))
      const shown = people.map((person) => shownUser(person, false))
      return slice(query.role ? shown.filter((one) => one.role === query.role) : shown, (one) => one.user, query)
    },
  }),
  route({
    id: 'addUser',
    method: 'POST',
    path: '/tenants/:tenant/users',
    group: 'users',
    summary: 'Make an account with a role in the tenant',
    describe: 'Names are unique over the whole installation.',
    params: inTenant,
    body: newUser,
    status: 201,
    answer: withPassword,
    handle: (asked) => add(deps, asked, asked.params.tenant, 'addUser'),
  }),
  route({
    id: 'changeUser',
    method: 'PATCH',
    path: '/tenants/:tenant/users/:user',
    group: 'users',
    summary: 'Change an account or its role',
    describe:
      'A new password, `disabled` or `secondFactor: off` ends every session of the account. Accounts of another home: the role only.',
    params: inTenant.extend(aUser.shape),
    body: userChange,
    answer: userShape,
    handle: (asked) => change(deps, asked, asked.params.tenant, asked.params.user, 'changeUser'),
  }),
  route({
    id: 'removeUser',
    method: 'DELETE',
    path: '/tenants/:tenant/users/:user',
    group: 'users',
    summary: 'Take the role away, and remove the account where this tenant is its home',
    params: inTenant.extend(aUser.shape),
    handle: (asked) => remove(deps, asked, asked.params.tenant, asked.params.user, 'removeUser'),
  }),
  route({
    id: 'listEveryUser',
    method: 'GET',
    path: '/users',
    group: 'installation',
    summary: 'Every account of the installation',
    query: z.object(paging),
    answer: pageOf(userShape),
    handle: async ({ query }) => {
      const people = await asTenant(deps.sql, installation, (tx) => readPeople(tx, installation))
      return slice(
        people.map((person) => shownUser(person, true)),
        (one) => one.user,
        query,
      )
    },
  }),
  route({
    id: 'addEveryUser',
    method: 'POST',
    path: '/users',
    group: 'installation',
    summary: 'Make an account with a role in every tenant',
    body: newUser,
    status: 201,
    answer: withPassword,
    handle: (asked) => add(deps, asked, installation, 'addEveryUser'),
  }),
  route({
    id: 'changeEveryUser',
    method: 'PATCH',
    path: '/users/:user',
    group: 'installation',
    summary: 'Change any account',
    params: aUser,
    body: userChange.extend({
      tenants: z
        .record(z.string(), roleWord.nullable())
        .optional()
        .describe('Roles to give in single tenants, null to take; other tenants are left alone.'),
    }),
    answer: userShape,
    handle: async (asked) => {
      const { tenants = {}, ...rest } = asked.body
      for (const tenantId of Object.keys(tenants)) {
        const [tenant] = await asTenant(
          deps.sql,
          installation,
          (tx) => tx`select from tenant where tenant_id = ${tenantId}`,
        )
        if (!tenant) return refuse('absent', { what: `tenant ${tenantId}` }, { path: `body.tenants.${tenantId}` })
      }
      const find = () => asTenant(deps.sql, installation, (tx) => readPeople(tx, installation, asked.params.user))
      if (Object.keys(rest).length > 0) {
        const answered = await change(
          deps,
          { ...asked, body: rest },
          installation,
          asked.params.user,
          'changeEveryUser',
        )
        if (isRefused(answered)) return answered
      } else if ((await find()).length === 0) return absentUser(asked.params.user)
      for (const [tenantId, role] of Object.entries(tenants)) {
        await asTenant(deps.sql, tenantId, async (tx) => {
          const { user } = asked.params
          const [before] = await readPeople(tx, tenantId, user)
          await (role === null ? takeRole(tx, tenantId, user) : giveRole(tx, tenantId, user, role))
          await writeDown(tx, tenantId, doerOf(asked, 'changeEveryUser'), [
            { kind: 'user', name: user, what: 'changed', before: { role: before?.role ?? null }, after: { role } },
          ])
        })
      }
      const [now] = await find()
      return now ? ok(shownUser(now, true)) : absentUser(asked.params.user)
    },
  }),
  route({
    id: 'removeEveryUser',
    method: 'DELETE',
    path: '/users/:user',
    group: 'installation',
    summary: 'Remove an account of the installation',
    params: aUser,
    handle: async (asked) => {
      const { user } = asked.params
      const [person] = await asTenant(deps.sql, installation, (tx) => readPeople(tx, installation, user))
      if (!person) return absentUser(user)
      if (person.home !== installation) return refuse('user.elsewhere')
      return remove(deps, asked, installation, user, 'removeEveryUser')
    },
  }),
]

// ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const DAY = 24 * 3_600_000
const newKey = z.object({
  name: z.string().min(1).max(200),
  scopes: z.array(z.enum(scopes)).min(1).describe('What the key may do, at most what you may yourself.'),
  days: z.number().int().min(1).max(730).default(365).describe('After so many days it ends.'),
})
const aKey = z.object({ key: z.string().regex(/^[0-9a-f]{12}$/) })

const addKeyTo = async (
  { sql }: AccessDeps,
  asked: Asked<unknown, unknown, z.output<typeof newKey>>,
  tenantId: string,
  routeId: string,
) => {
  const { name, days } = asked.body
  const wanted = [...new Set(asked.body.scopes)]
  const role = roleOf(asked.who, tenantId === installation ? null : tenantId)
  const above = wanted.find(
    (scope) => role === null || !may(role, scope as Right) || (scope === 'install' && tenantId !== installation),
  )
  if (above !== undefined) return refuse('role.refused', { role: role ?? '-', right: above }, { path: 'body.scopes' })
  const { userId } = asked.who
  return asTenant(sql, tenantId, async (tx) => {
    const expiresAt = Date.now() + days * DAY
    const { keyId, key } = await addKey(tx, tenantId, { name, userId, scopes: wanted, expiresAt })
    const shown: z.input<typeof newKeyShape> = {
      key: keyId,
      name,
      user: userId,
      scopes: wanted,
      createdAt: toMoment(Date.now()),
      expiresAt: toMoment(expiresAt),
      lastUsedAt: null,
      secret: key,
    }
    await writeDown(tx, tenantId, doerOf(asked, routeId), [
      {
        kind: 'key',
        name: keyId,
        what: 'added',
        after: { name, user: userId, scopes: wanted, expiresAt: shown.expiresAt },
      },
    ])
    return made(shown)
  })
}

/** One's own, or any for those who administer; another's is answered as one that does not exist. */
const removeKeyFrom = async ({ sql }: AccessDeps, asked: Any, tenantId: string, keyId: string, routeId: string) => {
  const role = roleOf(asked.who, tenantId === installation ? null : tenantId)
  return asTenant(sql, tenantId, async (tx) => {
    const found = (await readKeys(tx, tenantId)).find((one) => one.keyId === keyId)
    if (!found || (found.userId !== asked.who.userId && !(role && may(role, 'administer'))))
      return refuse('absent', { what: `key ${keyId}` })
    await revokeKey(tx, tenantId, keyId)
    const { name, userId, scopes: had } = found
    await writeDown(tx, tenantId, doerOf(asked, routeId), [
      { kind: 'key', name: keyId, what: 'removed', before: { name, user: userId, scopes: had } },
    ])
    return done()
  })
}

const keyRoutes = (deps: AccessDeps): Route[] => [
  route({
    id: 'listKeys',
    method: 'GET',
    path: '/tenants/:tenant/keys',
    group: 'keys',
    summary: 'API keys of the tenant',
    params: inTenant,
    query: z.object(paging),
    answer: pageOf(keyShape),
    handle: async ({ params: { tenant }, query }) => {
      const keys = await asTenant(deps.sql, tenant, (tx) => readKeys(tx, tenant))
      return slice(keys.map(shownKey), (one) => one.key, query)
    },
  }),
  route({
    id: 'listOwnKeys',
    method: 'GET',
    path: '/tenants/:tenant/own-keys',
    group: 'keys',
    summary: 'API keys of the tenant that act for oneself',
    params: inTenant,
    query: z.object(paging),
    answer: pageOf(keyShape),
    handle: async ({ params: { tenant }, query, who }) => {
      const keys = await asTenant(deps.sql, tenant, (tx) => readKeys(tx, tenant, who.userId))
      return slice(keys.map(shownKey), (one) => one.key, query)
    },
  }),
  route({
    id: 'addKey',
    method: 'POST',
    path: '/tenants/:tenant/keys',
    group: 'keys',
    summary: 'Make an API key for oneself in this tenant',
    params: inTenant,
    body: newKey,
    status: 201,
    answer: newKeyShape,
    handle: (asked) => addKeyTo(deps, asked, asked.params.tenant, 'addKey'),
  }),
  route({
    id: 'removeKey',
    method: 'DELETE',
    path: '/tenants/:tenant/keys/:key',
    group: 'keys',
    summary: 'Revoke a key',
    params: inTenant.extend(aKey.shape),
    handle: (asked) => removeKeyFrom(deps, asked, asked.params.tenant, asked.params.key, 'removeKey'),
  }),
  route({
    id: 'listEveryKey',
    method: 'GET',
    path: '/keys',
    group: 'installation',
    summary: 'API keys that are not bound to one tenant',
    query: z.object(paging),
    answer: pageOf(keyShape),
    handle: async ({ query }) => {
      const keys = await asTenant(deps.sql, installation, (tx) => readKeys(tx, installation))
      return slice(keys.map(shownKey), (one) => one.key, query)
    },
  }),
  route({
    id: 'addEveryKey',
    method: 'POST',
    path: '/keys',
    group: 'installation',
    summary: 'Make an API key that works in every tenant',
    body: newKey,
    status: 201,
    answer: newKeyShape,
    handle: (asked) => addKeyTo(deps, asked, installation, 'addEveryKey'),
  }),
  route({
    id: 'removeEveryKey',
    method: 'DELETE',
    path: '/keys/:key',
    group: 'installation',
    summary: 'Revoke a key that is not bound to one tenant',
    params: aKey,
    handle: (asked) => removeKeyFrom(deps, asked, installation, asked.params.key, 'removeEveryKey'),
  }),
]

// ── audit ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const auditQuery = z.object({
  ...paging,
  actor: z.string().optional(),
  kind: z.string().optional().describe('Of the thing: connection, flow, user, …'),
  name: z.string().optional(),
  from: moment.optional(),
  to: moment.optional(),
})

const audit = async ({ sql }: AccessDeps, tenantId: string, query: z.output<typeof auditQuery>) => {
  const before = fromCursor(afterEntry, query.cursor)
  if (isRefused(before)) return before
  const entries = await asTenant(sql, tenantId, (tx) =>
    readAudit(tx, tenantId, { ...query, before, limit: query.limit + 1 }),
  )
  return pageFrom(entries, query.limit, shownEntry, (last) => last.id)
}

const auditRoutes = (deps: AccessDeps): Route[] => [
  route({
    id: 'listAudit',
    method: 'GET',
    path: '/tenants/:tenant/audit',
    group: 'audit',
    summary: 'Who changed what, newest first',
    params: inTenant,
    query: auditQuery,
    answer: pageOf(entryShape),
    handle: ({ params, query }) => audit(deps, params.tenant, query),
  }),
  route({
    id: 'listEveryAudit',
    method: 'GET',
    path: '/audit',
    group: 'installation',
    summary: 'Changes of the installation itself: tenants, its people, its keys',
    query: auditQuery,
    answer: pageOf(entryShape),
    handle: ({ query }) => audit(deps, installation, query),
  }),
]

export const accessRoutes = (deps: ProviderDeps): Route[] => [
  ...sessionRoutes(deps),
  ...accountRoutes(deps),
  ...providerRoutes(deps),
  ...userRoutes(deps),
  ...keyRoutes(deps),
  ...auditRoutes(deps),
]
