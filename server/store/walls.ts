/**
 * The tenant walls (architecture.md, "Tenants"): row policies and grants of both roles on every table that has a tenant. Raised by the owner
 * after the migrations, wherever they are missing, so that a table which a later migration brings is behind them without a word of its own.
 */
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { ROLES, type Roles } from './roles.ts'
import type { Sql } from './sql.ts'

const tenantIsOurs = "tenant_id = nullif(current_setting('mortise.tenant', true), '')"
/** Tables of the whole installation show all of themselves to its own people: the tenant `*` (decision 020). */
const orEverywhere = `${tenantIsOurs} or current_setting('mortise.tenant', true) = '*'`

/** Who sees which rows as `mortise_app`, where it is not simply the rows of the tenant. */
const seen: Record<string, string> = {
  tenant: orEverywhere,
  membership: `${orEverywhere} or user_id = nullif(current_setting('mortise.user', true), '')`,
  user: `${orEverywhere} or user_id = nullif(current_setting('mortise.user', true), '') or exists (
    select from membership m where m.user_id = "user".user_id and m.tenant_id = nullif(current_setting('mortise.tenant', true), ''))`,
  session: "user_id = nullif(current_setting('mortise.user', true), '')",
  preference: "user_id = nullif(current_setting('mortise.user', true), '')",
  // whoever's account is seen
  second_factor: 'exists (select from "user" u where u.user_id = second_factor.user_id)',
  recovery_code: "user_id = nullif(current_setting('mortise.user', true), '')",
  identity: 'exists (select from "user" u where u.user_id = identity.user_id)',
  sign_in_provider: "current_setting('mortise.tenant', true) = '*'",
}

/** Nothing of these for the road: a bug of a door must not reach a password. */
const people = [
  'user',
  'membership',
  'session',
  'api_key',
  'sign_in_try',
  'audit',
  'task',
  'interface_share',
  'preference',
  'second_factor',
  'recovery_code',
  'sign_in_rule',
  'identity',
  'sign_in_provider',
]

/** What the road may do with what it does not write; everything else it may write. */
const roadRights: Record<string, string> = {
  tenant: 'select',
  connection: 'select',
  object: 'select',
  credential: 'select',
  function: 'select',
  pair: 'select, update', // `for share` and `for update` in its statements
  version: 'select, insert',
  tally: 'select, insert, delete',
  group_tally: 'select, insert, delete',
}

/** What people may do with the road's logs; everything else they may write. */
const appRights: Record<string, string> = {
  arrival: 'select',
  document: 'select',
  attempt: 'select',
  push_key: 'select',
  audit: 'select, insert', // what was written down stays
  version: 'select, insert',
  trouble: 'select, update',
  tally: 'select',
  group_tally: 'select',
  pulse: 'select',
  restore: 'select',
  queue_node: 'select',
  refused_event: 'select, delete',
  batch_token: 'select',
  batch_quota: 'select',
  batch: 'select',
  batch_row: 'select',
  delivery: 'select, update', // sent again
  delivery_try: 'select',
  callback_origin: 'select, update',
  out_quota: 'select',
  out_batch: 'select',
  out_batch_row: 'select',
}

/** Columns that are written and never read: a list of users cannot show a password by mistake. */
const unread: Record<string, readonly string[]> = {
  user: ['password'],
  second_factor: ['secret'],
  sign_in_provider: ['secret'],
  api_key: ['hash'],
  interface_share: ['hash'],
}

const all = 'select, insert, update, delete'

interface Table {
  name: string
  walled: boolean
  columns: string[]
  /** Of them, what people's role may read. */
  readable: string[]
  has_tenant: boolean
  policies: string[]
  app: boolean
  road: boolean
}

/** Tables with a tenant, and those of people; partitions are reached through their parents only. */
const tablesOf = (sql: Sql): Promise<Table[]> => sql<Table>`
  select c.relname as name, c.relrowsecurity as walled,
    array(select attname::text from pg_attribute a where a.attrelid = c.oid and attnum > 0 and not attisdropped order by attnum) as columns,
    array(select attname::text from pg_attribute a where a.attrelid = c.oid and attnum > 0 and not attisdropped
      and has_column_privilege(${ROLES.app}, c.oid, attnum, 'select')) as readable,
    exists (select from pg_attribute a where a.attrelid = c.oid and attname = 'tenant_id' and not attisdropped) as has_tenant,
    array(select polname::text from pg_policy p where p.polrelid = c.oid) as policies,
    has_any_column_privilege(${ROLES.app}, c.oid, 'select') as app, has_any_column_privilege(${ROLES.road}, c.oid, 'select') as road
  from pg_class c
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
  order by c.relname`

const id = (name: string) => pg.escapeIdentifier(name)

/** What is missing of the walls of one table, as statements. Pure. */
const wallsOf = (table: Table): string[] => {
  const { name } = table
  const mine = table.has_tenant || name in seen || people.includes(name)
  if (!mine) return []
  const statements: string[] = []
  const using = seen[name] ?? (table.has_tenant ? tenantIsOurs : 'true')
  // Not `force`: neither role owns a table, pg_dump by an owner who is no superuser must go on working, and so must foreign keys (021).
  if (!table.walled) statements.push(`alter table ${id(name)} enable row level security`)
  if (!table.policies.includes(ROLES.app))
    statements.push(`create policy ${ROLES.app} on ${id(name)} to ${ROLES.app} using (${using}) with check (${using})`)
  const forRoad = !people.includes(name)
  if (forRoad && !table.policies.includes(ROLES.road))
    statements.push(`create policy ${ROLES.road} on ${id(name)} to ${ROLES.road} using (true) with check (true)`)
  if (forRoad && !table.road) statements.push(`grant ${roadRights[name] ?? all} on ${id(name)} to ${ROLES.road}`)
  const hidden = unread[name]
  if (hidden) {
    // by column: one that a later migration brings is granted here too
    const shown = table.columns.filter((column) => !hidden.includes(column) && !table.readable.includes(column)).map(id)
    if (shown.length)
      statements.push(`grant select (${shown.join(', ')}), insert, update, delete on ${id(name)} to ${ROLES.app}`)
  } else if (!table.app) statements.push(`grant ${appRights[name] ?? all} on ${id(name)} to ${ROLES.app}`)
  return statements
}

/** Sequences, the logs' default partitions (the pruner looks into them), and functions that act as the owner: of people only `who_…`. */
const restOf = async (sql: Sql): Promise<string[]> => {
  const sequences = await sql<{ name: string }>`
    select relname as name
    from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'S'
      and not (has_sequence_privilege(${ROLES.app}, oid, 'usage') and has_sequence_privilege(${ROLES.road}, oid, 'usage'))`
  const defaults = await sql<{ name: string }>`
    select c.relname as name
    from pg_class c
    where relnamespace = 'public'::regnamespace and relispartition and pg_get_expr(relpartbound, oid) = 'DEFAULT'
      and not has_table_privilege(${ROLES.road}, oid, 'select')`
  const functions = await sql<{ signature: string; name: string }>`
    select oid::regprocedure::text as signature, proname as name
    from pg_proc
    where pronamespace = 'public'::regnamespace and prosecdef and prorettype <> 'trigger'::regtype
      and (has_function_privilege('public', oid, 'execute')
        or not has_function_privilege(case when proname like 'who\\_%' then ${ROLES.app} else ${ROLES.road} end, oid, 'execute'))`
  return [
    ...sequences.map(({ name }) => `grant usage, select on sequence ${id(name)} to ${ROLES.app}, ${ROLES.road}`),
    ...defaults.map(({ name }) => `grant select on ${id(name)} to ${ROLES.road}`),
    ...functions.flatMap(({ signature, name }) => [
      `revoke execute on function ${signature} from public`,
      `grant execute on function ${signature} to ${name.startsWith('who_') ? ROLES.app : ROLES.road}`,
    ]),
  ]
}

const LOCK = 7_070_002 // pg_advisory_xact_lock: one node at a time

/** Answers what was missing. Nothing, without a lock on any table, when all stand: the usual start. */
export const raiseWalls = async (owner: Sql, { roles }: Roles): Promise<string[]> => {
  if (roles === 'single') return []
  const missing = async (sql: Sql) => [...(await tablesOf(sql)).flatMap(wallsOf), ...(await restOf(sql))]
  if ((await missing(owner)).length === 0) return []
  for (let patience = 12; ; ) {
    try {
      return await owner.begin(async (tx) => {
        await tx`select pg_advisory_xact_lock(${LOCK})`
        await tx`set local lock_timeout = '5s'` // a policy locks its table: it must not queue everybody behind itself
        const statements = await missing(tx)
        for (const text of statements) await tx.unsafe(text)
        return statements
      })
    } catch (error) {
      if ((error as { code?: string }).code !== '55P03' || --patience === 0) throw error
      await wait(500)
    }
  }
}
