/** Functions that are not run any more, until they are mended or a person says so. */
import type { Sql } from '../store/sql.ts'

export interface Suspension {
  name: string
  code_hash: string
  fault: string
  since: number
}

export const suspensions = (sql: Sql, tenantId: string): Promise<Suspension[]> => sql<Suspension>`
  select name, code_hash, fault, since
  from suspension
  where tenant_id = ${tenantId}
  order by name`

export const suspend = async (
  sql: Sql,
  tenantId: string,
  name: string,
  codeHash: string,
  fault: string,
): Promise<void> => {
  await sql`
    insert into suspension as s (tenant_id, name, code_hash, fault)
    values (${tenantId}, ${name}, ${codeHash}, ${fault})
    on conflict (tenant_id, name) do update set code_hash = excluded.code_hash, fault = excluded.fault, since = clock_timestamp()`
}

/** Answers whether there was one. */
export const dropSuspension = async (sql: Sql, tenantId: string, name: string): Promise<boolean> =>
  (await sql.affected`delete from suspension where tenant_id = ${tenantId} and name = ${name}`) > 0
