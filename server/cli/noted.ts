/** Applies a file that start-up or the terminal was given, and writes down what it changed as the management API does. */
import { type Deed, writeDown } from '../access/audit.ts'
import type { SecretKey } from '../access/secrets.ts'
import type { Change } from '../flows/changes.ts'
import type { Config } from '../flows/config.ts'
import type { Sql } from '../store/sql.ts'
import { applyIn } from './configuration.ts'

/** A file is its own record: the trail names the fields that changed; a secret shows as such (flows/save.ts). */
const deedOf = ({ kind, name, what, fields }: Change): Deed => ({
  kind,
  name,
  what,
  before: what === 'changed' ? Object.fromEntries(fields.map((one) => [one.path, one.before ?? null])) : null,
  after: what === 'changed' ? Object.fromEntries(fields.map((one) => [one.path, one.after ?? null])) : null,
})

/** As the owner, who sees every tenant. Throws ApplyRefused as `apply` does. */
export const applyNoted = (sql: Sql, key: SecretKey, config: Config, actor: 'start' | 'terminal'): Promise<Change[]> =>
  sql.retrying(async (tx) => {
    const changes = await applyIn(tx, key, config)
    for (const { tenantId } of config.tenants) {
      const own = changes.filter((one) => one.tenantId === tenantId)
      await writeDown(tx, tenantId, { actor, route: 'apply', traceId: '', address: '' }, own.map(deedOf))
    }
    return changes
  })
