/** What a suspended function held up goes on: records that wait for it, and what it is still to be told. */
import type { Sql } from '../store/sql.ts'

/** Answers how many records are due again. */
export const releaseFunction = async (sql: Sql, tenantId: string, name: string): Promise<number> => {
  const freed = await sql.affected`
    with held as materialized (
      select tenant_id, pair_id, link_id
      from link
      where tenant_id = ${tenantId} and state = 'parked' and reason = 'config' and sent_at is null
        and fault::json->>'code' = 'function.suspended' and fault::json->>'value' = ${name}
      order by tenant_id, pair_id, link_id
      for update)
    update link l set state = 'due', reason = null, fault = null, attempts = 0, since = null, next_at = clock_timestamp()
    from held h
    where l.tenant_id = h.tenant_id and l.pair_id = h.pair_id and l.link_id = h.link_id`
  await sql`
    update after_write set next_at = clock_timestamp()
    where tenant_id = ${tenantId} and state = 'due' and fault::json->>'code' = 'function.suspended' and fault::json->>'value' = ${name}`
  return freed
}
