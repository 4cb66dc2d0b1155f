/** Writes down what a file that start-up or the terminal was given changed, as the management API does. */
import { type Deed, writeDown } from '../access/audit.ts'
import type { Change } from '../flows/changes.ts'
import type { Sql } from '../store/sql.ts'

/** A file is its own record: the trail names the fields that changed; a secret shows as such (flows/save.ts). */
export const deedOf = ({ kind, name, what, fields }: Change): Deed => ({
  kind,
  name,
  what,
  before: what === 'changed' ? Object.fromEntries(fields.map((one) => [one.path, one.before ?? null])) : null,
  after: what === 'changed' ? Object.fromEntries(fields.map((one) => [one.path, one.after ?? null])) : null,
})

/** For `Asked.note`: what is applied stands in the audit trail, as the deed of start-up or of who sits at the terminal. */
export const noting =
  (actor: string) =>
  async (tx: Sql, changes: readonly Change[]): Promise<void> => {
    for (const tenantId of new Set(changes.map((one) => one.tenantId))) {
      const own = changes.filter((one) => one.tenantId === tenantId)
      await writeDown(tx, tenantId, { actor, route: 'apply', traceId: '', address: '' }, own.map(deedOf))
    }
  }
