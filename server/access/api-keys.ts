/** API keys: shown once, kept as a hash, with an end; a key acts for the person who made it and never with more than his role allows now. */
import { randomBytes } from 'node:crypto'
import type { Caller } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import { at, type Sql } from '../store/sql.ts'
import { hashSecret } from './secrets.ts'

export interface ApiKey {
  keyId: string
  name: string
  userId: string
  scopes: string[]
  createdAt: number
  expiresAt: number
  lastUsedAt: number | null
}

interface Row {
  key_id: string
  name: string
  user_id: string
  scopes: string[]
  created_at: number
  expires_at: number
  last_used_at: number | null
}

/** `mk_` makes a leaked key recognisable; 256 random bits. */
const makeKey = () => {
  const keyId = randomBytes(6).toString('hex')
  return { keyId, key: `mk_${keyId}_${randomBytes(32).toString('base64url')}` }
}

/** Answers the key itself, which nobody can read again. */
export const addKey = async (
  tx: Sql,
  tenantId: string,
  asked: { name: string; userId: string; scopes: readonly string[]; expiresAt: number },
): Promise<{ keyId: string; key: string }> => {
  const { keyId, key } = makeKey()
  await tx`
    insert into api_key (tenant_id, key_id, name, hash, user_id, scopes, expires_at)
    values (${tenantId}, ${keyId}, ${asked.name}, ${hashSecret(key)}, ${asked.userId}, ${[...asked.scopes]}::text[], ${at(asked.expiresAt)})`
  return { keyId, key }
}

/** Not those that were revoked; `userId`: only this person's. */
export const readKeys = async (tx: Sql, tenantId: string, userId: string | null = null): Promise<ApiKey[]> => {
  const rows = await tx<Row>`
    select key_id, name, user_id, scopes, created_at, expires_at, last_used_at
    from api_key
    where tenant_id = ${tenantId} and revoked_at is null and (${userId}::text is null or user_id = ${userId})
    order by key_id`
  return rows.map((row) => ({
    keyId: row.key_id,
    name: row.name,
    userId: row.user_id,
    scopes: row.scopes,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  }))
}

export const revokeKey = async (tx: Sql, tenantId: string, keyId: string): Promise<void> => {
  await tx`
    update api_key set revoked_at = clock_timestamp()
    where tenant_id = ${tenantId} and key_id = ${keyId} and revoked_at is null`
}

/** The caller behind a key, or null. Its last use is noted at most once a minute. */
export const keyOf = async (sql: Sql, key: string): Promise<Caller | null> => {
  const [row] = await sql<{
    key_id: string
    tenant_id: string
    scopes: string[]
    last_used_at: number | null
    user_id: string
    name: string
    home: string
    everywhere: string | null
    roles: string | null
  }>`
    select *
    from who_has_key(${hashSecret(key)})`
  if (!row) return null
  if (row.last_used_at === null || Date.now() - row.last_used_at > 60_000) {
    await asTenant(
      sql,
      row.tenant_id,
      (tx) => tx`
        update api_key set last_used_at = clock_timestamp()
        where tenant_id = ${row.tenant_id} and key_id = ${row.key_id}`,
    )
  }
  return {
    userId: row.user_id,
    name: row.name,
    via: 'key',
    actor: `${row.user_id} (key ${row.key_id})`,
    home: row.home,
    everywhere: row.everywhere,
    roles: row.roles === null ? {} : (JSON.parse(row.roles) as Record<string, string>),
    key: { keyId: row.key_id, tenantId: row.tenant_id, scopes: row.scopes },
  }
}
