/** Access tokens of batch clients: made for a client and its secret, valid for two hours on every node, kept as hashes. */
import { randomBytes } from 'node:crypto'
import { digest } from '../../protocol/standard.ts'
import type { Millis } from '../doc/document.ts'
import { at, type Sql } from '../store/sql.ts'
import type { Client, Clients } from './deps.ts'

export const tokenSeconds = 7_200

export const makeToken = async (sql: Sql, client: Client, now: Millis | null): Promise<string> => {
  const token = randomBytes(24).toString('base64url')
  await sql`
    insert into batch_token (tenant_id, client_id, hash, expires_at)
    values (${client.tenantId}, ${client.clientId}, ${digest(token)},
      coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) + ${tokenSeconds} * interval '1 second')`
  return token
}

/** The client of a token that is still valid; every cause of a refusal takes the same road. */
export const clientOf = async (
  sql: Sql,
  clients: Clients,
  token: string,
  now: Millis | null,
): Promise<Client | undefined> => {
  const [row] = await sql<{ tenant_id: string; client_id: string }>`
    select tenant_id, client_id
    from batch_token
    where hash = ${digest(Buffer.from(token, 'latin1'))}
      and expires_at > coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())`
  return row && clients.find(row.tenant_id, row.client_id)
}
