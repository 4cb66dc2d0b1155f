/** Accounts and the roles they have: in one tenant (membership) or everywhere. Statements run as the caller, behind the tenant walls. */
import type { Sql } from '../store/sql.ts'
import type { Role } from './rights.ts'

export interface Person {
  userId: string
  name: string
  /** Tenant whose administrators look after the account; `*` = the installation. */
  home: string
  everywhere: Role | null
  /** In the tenant that was asked for. */
  role: Role | null
  disabled: boolean
  /** By which an issuer's account is known as this one. */
  email: string | null
  secondFactor: boolean
  /** Roles in single tenants, where the installation asks; else null. */
  tenants: Readonly<Record<string, Role>> | null
  createdAt: number
}

interface Row {
  user_id: string
  name: string
  tenant_id: string
  everywhere: Role | null
  role: Role | null
  disabled: boolean
  email: string | null
  second_factor: boolean
  tenants: string | null
  created_at: number
}

const personOf = (row: Row): Person => ({
  userId: row.user_id,
  name: row.name,
  home: row.tenant_id,
  everywhere: row.everywhere,
  role: row.role,
  disabled: row.disabled,
  email: row.email,
  secondFactor: row.second_factor,
  tenants: row.tenants === null ? null : (JSON.parse(row.tenants) as Record<string, Role>),
  createdAt: row.created_at,
})

/** Those with a role in this tenant; of `*`: everybody, with their role everywhere. */
export const readPeople = async (tx: Sql, tenantId: string, userId: string | null = null): Promise<Person[]> => {
  const rows = await tx<Row>`
    select u.user_id, u.name, u.tenant_id, u.everywhere, m.role, u.disabled, u.email, f.user_id is not null as second_factor, u.created_at,
      case when ${tenantId} = '*' then coalesce(
        (select json_object_agg(o.tenant_id, o.role) from membership o where o.user_id = u.user_id), '{}'::json) end as tenants
    from "user" u
    left join second_factor f on f.user_id = u.user_id and f.confirmed_at is not null
    left join membership m on m.user_id = u.user_id and m.tenant_id = ${tenantId}
    where (${tenantId} = '*' or m.tenant_id is not null)
      and (${userId}::text is null or u.user_id = ${userId})
    order by u.user_id`
  return rows.map(personOf)
}

export interface NewPerson {
  userId: string
  name: string
  home: string
  everywhere: Role | null
  /** As hashed (password.ts); null: signs in at an issuer only. */
  password: string | null
  email?: string | null | undefined
}

/** False where somebody has this name, or this e-mail address, already. */
export const addPerson = async (tx: Sql, person: NewPerson): Promise<boolean> =>
  (await tx.affected`
    insert into "user" (user_id, tenant_id, name, password, everywhere, email)
    select ${person.userId}, ${person.home}, ${person.name}, ${person.password}, ${person.everywhere}, nullif(${person.email ?? null}, '')
    where not who_is_taken(${person.userId}) and not who_has_email(${person.email ?? ''}, ${person.userId})
    on conflict do nothing`) === 1

export const changePerson = async (
  tx: Sql,
  userId: string,
  change: {
    name?: string | undefined
    disabled?: boolean | undefined
    password?: string | undefined
    /** Empty: none. */
    email?: string | undefined
  },
): Promise<void> => {
  await tx`
    update "user" set
      name = coalesce(${change.name ?? null}, name),
      disabled = coalesce(${change.disabled ?? null}::boolean, disabled),
      email = nullif(coalesce(${change.email ?? null}, email), ''),
      changed_at = clock_timestamp()
    where user_id = ${userId}`
  // apart: people's role may write a password and not read one, and `coalesce` reads it
  if (change.password !== undefined)
    await tx`
      update "user" set password = ${change.password}
      where user_id = ${userId}`
}

/** Whether another account has it, wherever it is at home: that is all another tenant may learn. */
export const emailTaken = async (tx: Sql, email: string, besides: string): Promise<boolean> => {
  const [somebody] = await tx<{ taken: boolean }>`select who_has_email(${email}, ${besides}) as taken`
  return somebody?.taken ?? false
}

export const giveEverywhere = async (tx: Sql, userId: string, role: Role | null): Promise<void> => {
  await tx`
    update "user" set everywhere = ${role}, changed_at = clock_timestamp()
    where user_id = ${userId}`
}

export const giveRole = async (tx: Sql, tenantId: string, userId: string, role: Role): Promise<void> => {
  await tx`
    insert into membership (tenant_id, user_id, role)
    values (${tenantId}, ${userId}, ${role})
    on conflict (tenant_id, user_id) do update set role = excluded.role`
}

export const takeRole = async (tx: Sql, tenantId: string, userId: string): Promise<void> => {
  await tx`
    delete from membership
    where tenant_id = ${tenantId} and user_id = ${userId}`
}

export const removePerson = async (tx: Sql, userId: string): Promise<void> => {
  await tx`
    delete from "user"
    where user_id = ${userId}`
}

/** Owners everywhere who can sign in. Locked, so that two of them cannot leave at the same moment. */
export const ownersEverywhere = async (tx: Sql): Promise<string[]> => {
  const rows = await tx<{ user_id: string }>`
    select user_id
    from "user"
    where everywhere = 'owner' and not disabled
    for update`
  return rows.map((row) => row.user_id)
}

const FIRST = 7_070_030 // pg_advisory_xact_lock: nodes that start together make one first user

/** On an installation without people: its first owner. True where it was made now. */
export const addFirstPerson = async (tx: Sql, userId: string, password: () => Promise<string>): Promise<boolean> => {
  await tx`select pg_advisory_xact_lock(${FIRST})`
  const [somebody] = await tx`select from "user" limit 1`
  if (somebody) return false
  return addPerson(tx, { userId, name: 'Administrator', home: '*', everywhere: 'owner', password: await password() })
}
