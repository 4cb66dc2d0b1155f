/** What a tenant, or the installation (`*`), asks of those who sign in with a password. */
import type { Sql } from '../store/sql.ts'

export interface SignInRule {
  secondFactor: 'optional' | 'required'
}

export const readRule = async (tx: Sql, tenantId: string): Promise<SignInRule> => {
  const [row] = await tx<{ second_factor: boolean }>`
    select second_factor
    from sign_in_rule
    where tenant_id = ${tenantId}`
  return { secondFactor: row?.second_factor ? 'required' : 'optional' }
}

export const putRule = async (tx: Sql, tenantId: string, { secondFactor }: SignInRule): Promise<void> => {
  await tx`
    insert into sign_in_rule (tenant_id, second_factor)
    values (${tenantId}, ${secondFactor === 'required'})
    on conflict (tenant_id) do update set second_factor = excluded.second_factor`
}
