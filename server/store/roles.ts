/** The two database roles behind the tenant walls (architecture.md, "Tenants"): made where the database lets us, and said plainly where not. */
import pg from 'pg'
import type { PoolOptions } from './pool.ts'
import type { Sql } from './sql.ts'

/** `app` is the people's rooms and /api, `road` the doors, stage, decode, converge and deliver. */
export type Side = 'app' | 'road'

export const ROLES: Record<Side, string> = { app: 'mortise_app', road: 'mortise_road' }

export interface Roles {
  roles: 'separate' | 'single'
  /** For the log at start-up and the health page. */
  sentence: string
}

const codeOf = (error: unknown) => (error as { code?: string }).code ?? ''

/** Null when a connection of ours can become both roles and neither of them passes over row policies. */
const obstacle = async (sql: Sql): Promise<string | null> => {
  for (const role of Object.values(ROLES)) {
    const [found] = await sql<{ strong: boolean }>`
      select rolsuper or rolbypassrls as strong
      from pg_roles
      where rolname = ${role}`
    if (!found) return `the role ${role} does not exist`
    if (found.strong) return `the role ${role} may pass over row policies`
    try {
      await sql.begin((tx) => tx.unsafe(`set local role ${pg.escapeIdentifier(role)}`))
    } catch (error) {
      if (codeOf(error) !== '42501') throw error
      return `this database user may not become ${role}`
    }
  }
  return null
}

/** Before the migrations, which grant to these roles where they exist. Changes nothing when all is well, so that many nodes may start at once. */
export const ensureRoles = async (sql: Sql): Promise<Roles> => {
  let why = await obstacle(sql)
  for (const role of why === null ? [] : Object.values(ROLES)) {
    const name = pg.escapeIdentifier(role)
    for (const text of [`create role ${name} nologin`, `grant ${name} to current_user`]) {
      // 42710, 23505, XX000 ("tuple concurrently updated"): another node was at it; 42501: not ours to do. The second look tells.
      await sql.unsafe(text).catch((error: unknown) => {
        if (!['42710', '23505', 'XX000', '42501'].includes(codeOf(error))) throw error
      })
    }
  }
  if (why !== null) why = await obstacle(sql)
  return why === null
    ? { roles: 'separate', sentence: `The database roles ${ROLES.app} and ${ROLES.road} keep tenants apart.` }
    : {
        roles: 'single',
        sentence: `Tenants are kept apart by Mortise's own statements only, not by the database as well: ${why}. To have both, let an administrator run: create role ${ROLES.app} nologin; create role ${ROLES.road} nologin; grant ${ROLES.app}, ${ROLES.road} to the user in MORTISE_DATABASE_URL.`,
      }
}

/** What a pool of that side is opened with: `openPool({ ...connectionFor(url, roles, 'road'), name: 'mortise road' })`. */
export const connectionFor = (url: string, { roles }: Roles, side: Side): Pick<PoolOptions, 'url' | 'role'> =>
  roles === 'separate' ? { url, role: ROLES[side] } : { url }

/**
 * A transaction that sees one tenant's rows: the policies of `mortise_app` read this setting, which ends with the transaction. `*` sees the
 * tables of the installation (walls.ts) and no tenant's records. `userId`: whose own account and sessions are seen as well.
 */
export const asTenant = <T>(sql: Sql, tenantId: string, work: (tx: Sql) => Promise<T>, userId = ''): Promise<T> =>
  sql.retrying(async (tx) => {
    await tx`select set_config('mortise.tenant', ${tenantId}, true), set_config('mortise.user', ${userId}, true)`
    return work(tx)
  })
