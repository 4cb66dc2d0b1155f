/** Share links of an object's interface: random, kept as a hash, revocable, with an end where one is wanted. */
import { createHash, randomBytes } from 'node:crypto'
import { at, type Sql } from '../../store/sql.ts'

export interface Share {
  shareId: string
  madeBy: string
  createdAt: number
  expiresAt: number | null
}

export interface SharePlace {
  tenantId: string
  connectionId: string
  object: string
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/** Answers the last part of the link, which nobody can read again: 256 random bits. */
export const addShare = async (
  tx: Sql,
  { tenantId, connectionId, object }: SharePlace,
  madeBy: string,
  expiresAt: number | null,
): Promise<{ shareId: string; secret: string }> => {
  const shareId = randomBytes(6).toString('hex')
  const secret = randomBytes(32).toString('base64url')
  await tx`
    insert into interface_share (tenant_id, share_id, connection_id, object, hash, made_by, expires_at)
    values (${tenantId}, ${shareId}, ${connectionId}, ${object}, ${hashOf(secret)}, ${madeBy}, ${expiresAt === null ? null : at(expiresAt)}::timestamptz)`
  return { shareId, secret }
}

/** Those that still open. */
export const readShares = async (tx: Sql, { tenantId, connectionId, object }: SharePlace): Promise<Share[]> => {
  const rows = await tx<{ share_id: string; made_by: string; created_at: number; expires_at: number | null }>`
    select share_id, made_by, created_at, expires_at
    from interface_share
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and object = ${object}
      and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
    order by share_id`
  return rows.map((row) => ({
    shareId: row.share_id,
    madeBy: row.made_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }))
}

/** False where there is none. */
export const revokeShare = async (
  tx: Sql,
  { tenantId, connectionId, object }: SharePlace,
  shareId: string,
): Promise<boolean> => {
  const rows = await tx`
    update interface_share set revoked_at = clock_timestamp()
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and object = ${object}
      and share_id = ${shareId} and revoked_at is null
    returning share_id`
  return rows.length > 0
}

/** What a link opens; null for one that is unknown, revoked or over, all alike. */
export const shareOf = async (sql: Sql, secret: string): Promise<SharePlace | null> => {
  const [row] = await sql<{ tenant_id: string; connection_id: string; object: string }>`
    select tenant_id, connection_id, object
    from who_has_share(${hashOf(secret)})`
  return row ? { tenantId: row.tenant_id, connectionId: row.connection_id, object: row.object } : null
}
