/** Which account somebody is that an issuer vouches for, made where that is allowed, and the roles that his groups give him. */
import { createHash } from 'node:crypto'
import { type Refused, refuse } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { type Deed, type Doer, writeDown } from './audit.ts'
import type { Vouched } from './issuer.ts'
import { addPerson, giveEverywhere, giveRole, ownersEverywhere, readPeople, takeRole } from './people.ts'
import type { Provider } from './providers.ts'
import { type Role, roles } from './rights.ts'

const installation = '*'

/** Role by tenant (`*`: everywhere) that these groups give: the highest in each. Null: the tenant is named, and no group gives one. Pure. */
export const rolesOfGroups = (
  groups: Provider['groups'],
  held: readonly string[],
): ReadonlyMap<string, Role | null> => {
  const given = new Map<string, Role | null>()
  for (const { group, tenant, role } of groups) {
    const before = given.get(tenant) ?? null
    const counts = held.includes(group) && (before === null || roles.indexOf(role) > roles.indexOf(before))
    given.set(tenant, counts ? role : before)
  }
  return given
}

const userText = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/

/** Names to try for a new account, the best first; the last one nobody else has. Pure. */
export const namesFor = (
  providerId: string,
  who: Pick<Vouched, 'email' | 'username' | 'issuer' | 'subject'>,
): string[] => {
  const own = createHash('sha256').update(`${who.issuer} ${who.subject}`).digest('hex').slice(0, 12)
  return [
    ...[who.email, who.username].filter((one) => one !== null && userText.test(one)),
    `${providerId}-${own}`,
  ] as string[]
}

interface Known {
  user_id: string
  disabled: boolean
}

const bySubject = async (tx: Sql, who: Vouched): Promise<Known | undefined> => {
  const [found] = await tx<Known>`
    select u.user_id, u.disabled
    from identity i
    join "user" u on u.user_id = i.user_id
    where i.issuer = ${who.issuer} and i.subject = ${who.subject}`
  return found
}

/** The address an account was given goes before a name that is an address. */
const byEmail = async (tx: Sql, email: string): Promise<Known | undefined> => {
  const [found] = await tx<Known>`
    select user_id, disabled
    from "user"
    where lower(email) = lower(${email}) or lower(user_id) = lower(${email})
    order by (lower(email) = lower(${email})) desc nulls last
    limit 1`
  return found
}

const bind = async (tx: Sql, who: Vouched, userId: string): Promise<void> => {
  await tx`
    insert into identity (issuer, subject, user_id)
    values (${who.issuer}, ${who.subject}, ${userId})`
}

/** Of what is to be given, only where there is such a tenant. */
const existing = async (tx: Sql, given: ReadonlyMap<string, Role | null>): Promise<[string, Role | null][]> => {
  const rows = await tx<{ tenant_id: string }>`
    select tenant_id
    from tenant
    where tenant_id = any(${[...given.keys()]}::text[])`
  const there = new Set([installation, ...rows.map((row) => row.tenant_id)])
  return [...given].filter(([tenant]) => there.has(tenant))
}

/** The new account's home: the installation where it may do something everywhere, else the first tenant that has a role for it. */
const make = async (
  tx: Sql,
  provider: Provider,
  who: Vouched,
  given: ReadonlyMap<string, Role | null>,
): Promise<{ userId: string; home: string } | null> => {
  const wanted = (await existing(tx, given)).filter(([, role]) => role !== null)
  const everywhere = wanted.find(([tenant]) => tenant === installation)
  const home = (everywhere ?? wanted[0])?.[0]
  if (home === undefined) return null
  for (const userId of namesFor(provider.providerId, who)) {
    const made = await addPerson(tx, {
      userId,
      name: who.name ?? '',
      home,
      everywhere: everywhere?.[1] ?? null,
      password: null,
      email: who.email,
    })
    if (made) return { userId, home }
  }
  return null
}

/** Gives and takes what differs, each in its own tenant and written down there. */
const settle = async (sql: Sql, userId: string, given: ReadonlyMap<string, Role | null>, doer: Doer): Promise<void> => {
  for (const [tenantId, role] of await asTenant(sql, installation, (tx) => existing(tx, given)))
    await asTenant(sql, tenantId, async (tx) => {
      const [person] = await readPeople(tx, tenantId, userId)
      const everywhere = tenantId === installation
      const before = (everywhere ? person?.everywhere : person?.role) ?? null
      if (before === role) return
      if (everywhere) {
        // an account of a tenant cannot have a role everywhere, and one owner must remain
        if (person?.home !== installation) return
        if (before === 'owner' && (await ownersEverywhere(tx)).length === 1) return
        await giveEverywhere(tx, userId, role)
      } else await (role === null ? takeRole(tx, tenantId, userId) : giveRole(tx, tenantId, userId, role))
      const deed: Deed = { kind: 'user', name: userId, what: 'changed', before: { role: before }, after: { role } }
      await writeDown(tx, tenantId, doer, [deed])
    })
}

/** The account, with the roles of this moment; or why there is none. */
export const accountOf = async (
  sql: Sql,
  provider: Provider,
  who: Vouched,
  asked: { traceId: string; address: string },
): Promise<{ userId: string } | Refused> => {
  const doer: Doer = { actor: `issuer ${provider.providerId}`, route: 'finishSignIn', ...asked }
  const given = new Map(rolesOfGroups(provider.groups, who.groups))
  const found = await asTenant(sql, installation, async (tx): Promise<{ userId: string } | Refused> => {
    const known = await bySubject(tx, who)
    const matched = known ?? (provider.matchEmail && who.email !== null ? await byEmail(tx, who.email) : undefined)
    if (matched?.disabled) return refuse('account.disabled', { who: matched.user_id })
    if (matched && !known) {
      await bind(tx, who, matched.user_id)
      const after = { provider: provider.providerId, subject: who.subject, email: who.email }
      await writeDown(tx, installation, doer, [{ kind: 'identity', name: matched.user_id, what: 'added', after }])
    }
    if (matched) return { userId: matched.user_id }
    const { defaultRole } = provider
    const forNew = new Map(given)
    if (defaultRole && !forNew.get(defaultRole.tenant)) forNew.set(defaultRole.tenant, defaultRole.role)
    const made = provider.create ? await make(tx, provider, who, forNew) : null
    if (!made) return refuse('account.absent', { who: who.email ?? who.username ?? who.subject })
    await bind(tx, who, made.userId)
    await writeDown(tx, installation, doer, [
      {
        kind: 'user',
        name: made.userId,
        what: 'added',
        after: {
          name: who.name,
          email: who.email,
          home: made.home,
          provider: provider.providerId,
          subject: who.subject,
        },
      },
    ])
    // what the groups do not say, the default role does, this once
    for (const [tenant, role] of forNew) given.set(tenant, role)
    return made
  })
  if ('userId' in found) await settle(sql, found.userId, given, doer)
  return found
}
