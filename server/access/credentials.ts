/** Who may call: tokens of syncpush, webhook secrets, clients of the master-data batch. Kept as hashes; only salts can be read back. */
import { timingSafeEqual } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { HookVerify } from '../doc/queue.ts'
import { at, type Sql } from '../store/sql.ts'
import { hashSecret, open, type SecretKey, SecretRefused, seal } from './secrets.ts'

export type CredentialKind = 'push-token' | 'hook' | 'batch-client'

/** As declared: the secret is hashed on the way in, `sealed` is stored encrypted. */
export interface Credential {
  kind: CredentialKind
  credentialId: string
  name: string
  secret: string
  sealed: Record<string, string> | null
  definition: Record<string, unknown>
  expiresAt: number | null
  /** The value before: it lets in as well until `formerUntil`, or until it is retired. */
  former: string | null
  formerUntil: number | null
}

export interface CredentialChange {
  kind: CredentialKind
  credentialId: string
  what: 'added' | 'changed' | 'removed'
  /** Both states without secrets; a new secret shows as a changed `secret`. */
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
}

/** A secret that already lets in another tenant's caller. */
export class CredentialTaken extends Error {
  override name = 'CredentialTaken'
}

interface Row {
  tenant_id: string
  credential_id: string
  kind: CredentialKind
  name: string
  hash: Buffer
  secrets: Buffer | null
  definition: string
  expires_at: number | null
  former_hash: Buffer | null
  former_until: number | null
}

export const credentialPlace = (tenantId: string, kind: CredentialKind, id: string) =>
  `credential/${tenantId}/${kind}/${id}`

/** What was sealed before, or null where the key has changed since: then it is sealed anew. */
const reopened = (key: SecretKey, where: string, envelope: Buffer | null): Record<string, string> | null => {
  if (!envelope) return null
  try {
    return JSON.parse(open(key, where, envelope)) as Record<string, string>
  } catch (error) {
    if (error instanceof SecretRefused) return null
    throw error
  }
}

const describe = (
  { name, definition, expiresAt, formerUntil }: Pick<Credential, 'name' | 'definition' | 'expiresAt' | 'formerUntil'>,
  secrets: Record<string, string>,
) => ({
  name,
  ...definition,
  ...(expiresAt !== null && { expiresAt: new Date(expiresAt).toISOString() }),
  ...(formerUntil !== null && { formerUntil: new Date(formerUntil).toISOString() }),
  ...secrets,
})

const sameBytes = (a: Buffer | null, b: Buffer | null): boolean => (a === null || b === null ? a === b : a.equals(b))

/**
 * Makes the tenant's credentials those declared: adds, changes, and revokes what is absent. `hashOf` answers what is stored of a secret:
 * a caller that declares one again without knowing it answers the hash that is there.
 */
export const saveCredentials = async (
  tx: Sql,
  key: SecretKey,
  tenantId: string,
  credentials: readonly Credential[],
  hashOf: (secret: string) => Buffer = hashSecret,
): Promise<CredentialChange[]> => {
  const rows = await tx<Row>`
    select *
    from credential
    where tenant_id = ${tenantId}
    for update`
  const known = new Map(rows.map((row) => [`${row.kind} ${row.credential_id}`, row]))
  const changes: CredentialChange[] = []
  for (const one of credentials) {
    const { kind, credentialId } = one
    const where = credentialPlace(tenantId, kind, credentialId)
    const hash = hashOf(one.secret)
    const formerHash = one.former === null ? null : hashOf(one.former)
    const definition = JSON.parse(JSON.stringify(one.definition)) as Record<string, unknown>
    const row = known.get(`${kind} ${credentialId}`)
    known.delete(`${kind} ${credentialId}`)
    if (kind !== 'batch-client') {
      const [other] = await tx<{ taken: boolean }>`
        select who_uses_secret(${kind}, ${hash}, ${tenantId}) or coalesce(who_uses_secret(${kind}, ${formerHash}, ${tenantId}), false) as taken`
      if (other?.taken)
        throw new CredentialTaken(
          `The secret of ${kind} ${credentialId} of tenant ${tenantId} is already in use by another tenant: every caller needs a secret of its own.`,
        )
    }
    const sealedBefore = row ? reopened(key, where, row.secrets) : null
    const sameSecret = row?.hash.equals(hash) ?? false
    const sameSealed = isDeepStrictEqual(sealedBefore, one.sealed)
    const sameFormer = row ? sameBytes(row.former_hash, formerHash) : formerHash === null
    const before =
      row &&
      describe(
        {
          name: row.name,
          definition: JSON.parse(row.definition) as Record<string, unknown>,
          expiresAt: row.expires_at,
          formerUntil: row.former_until,
        },
        { secret: 'kept', salt: 'kept', former: row.former_hash ? 'valid' : 'none' },
      )
    const after = describe(
      { name: one.name, definition, expiresAt: one.expiresAt, formerUntil: one.formerUntil },
      {
        secret: sameSecret ? 'kept' : 'new',
        salt: sameSealed ? 'kept' : 'new',
        former: !formerHash ? 'none' : sameFormer ? 'valid' : 'other value',
      },
    )
    if (before && isDeepStrictEqual(before, after)) continue
    await tx`
      insert into credential (tenant_id, credential_id, kind, name, hash, secrets, definition, expires_at, former_hash, former_until)
      values (
        ${tenantId}, ${credentialId}, ${kind}, ${one.name}, ${hash}, ${one.sealed && seal(key, where, JSON.stringify(one.sealed))},
        ${JSON.stringify(definition)}::json, ${one.expiresAt === null ? null : at(one.expiresAt)}, ${formerHash},
        ${one.formerUntil === null ? null : at(one.formerUntil)})
      on conflict (tenant_id, kind, credential_id) do update set
        name = excluded.name,
        hash = excluded.hash,
        secrets = excluded.secrets,
        definition = excluded.definition,
        expires_at = excluded.expires_at,
        former_hash = excluded.former_hash,
        former_until = excluded.former_until`
    changes.push({ kind, credentialId, what: row ? 'changed' : 'added', before: before ?? null, after })
  }
  for (const row of known.values()) {
    await tx`
      delete from credential
      where tenant_id = ${tenantId} and kind = ${row.kind} and credential_id = ${row.credential_id}`
    changes.push({
      kind: row.kind,
      credentialId: row.credential_id,
      what: 'removed',
      before: JSON.parse(row.definition),
      after: null,
    })
  }
  return changes
}

// ── in memory ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface Token {
  tenantId: string
  tokenId: string
  /** Null: all of the tenant. */
  connections: readonly string[] | null
  objects: readonly string[] | null
  ratePerSecond?: number
  expiresAt: number | null
}

export interface Hook {
  tenantId: string
  connectionId: string
  name: string
  /** Its calls are signed as well; the former key is valid beside the one in use. */
  verify?: HookVerify & { secrets: { value: string; until: number | null }[] }
}

export interface BatchClient {
  tenantId: string
  clientId: string
  /** Signs. */
  salt: string
  /** Verifies as well, while it is being changed. */
  formerSalt: string | null
  /** Those that are valid at that moment, the one in use first. */
  salts(now: number): string[]
  origins: readonly string[]
  /** Constant time. */
  is(secret: string): boolean
}

/** Secrets are looked up by their hash: a table of hashes tells nothing by its timing, and the hit is compared once more in constant time. */
export interface Access {
  tokens: { find(hash: Buffer): Token | undefined }
  hooks: { find(connectionId: string, hash: Buffer, now?: number): Hook | undefined }
  batchClients: { find(clientId: string): readonly BatchClient[] }
}

export interface StoredCredential {
  tenantId: string
  kind: CredentialKind
  credentialId: string
  name: string
  hash: Buffer
  sealed: Record<string, string>
  definition: Record<string, unknown>
  expiresAt: number | null
  formerHash: Buffer | null
  formerUntil: number | null
}

/** Throws SecretRefused where the key is not the one the salts were encrypted with. */
export const readCredentials = async (sql: Sql, key: SecretKey): Promise<StoredCredential[]> => {
  const rows = await sql<Row>`
    select *
    from credential
    order by tenant_id, kind, credential_id`
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    kind: row.kind,
    credentialId: row.credential_id,
    name: row.name,
    hash: row.hash,
    sealed: row.secrets
      ? (JSON.parse(open(key, credentialPlace(row.tenant_id, row.kind, row.credential_id), row.secrets)) as Record<
          string,
          string
        >)
      : {},
    definition: JSON.parse(row.definition) as Record<string, unknown>,
    expiresAt: row.expires_at,
    formerHash: row.former_hash,
    formerUntil: row.former_until,
  }))
}

const listOf = (list: unknown): readonly string[] | null => (Array.isArray(list) ? (list as string[]) : null)

/** The earlier of two ends; null: never. */
const earlier = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b)

/** By the secret's hash; a value in use goes before a former one. */
const byHash = <T>() => {
  const found = new Map<string, { hash: Buffer; value: T }>()
  return {
    add: (hash: Buffer, value: T, former: boolean): void => {
      const at = hash.toString('hex')
      if (!former || !found.has(at)) found.set(at, { hash, value })
    },
    find: (hash: Buffer): T | undefined => {
      const one = found.get(hash.toString('hex'))
      return one && timingSafeEqual(one.hash, hash) ? one.value : undefined
    },
  }
}

export const accessOf = (credentials: readonly StoredCredential[]): Access => {
  const tokens = byHash<Token>()
  const hooks = byHash<{ hook: Hook; until: number | null }>()
  const clients = new Map<string, BatchClient[]>()
  for (const one of credentials) {
    const { tenantId, kind, credentialId, name, hash, sealed, definition, expiresAt, formerHash, formerUntil } = one
    if (kind === 'push-token') {
      const { connections, objects, ratePerSecond } = definition
      const token: Token = {
        tenantId,
        tokenId: credentialId,
        connections: listOf(connections),
        objects: listOf(objects),
        ...(typeof ratePerSecond === 'number' && { ratePerSecond }),
        expiresAt,
      }
      tokens.add(hash, token, false)
      if (formerHash) tokens.add(formerHash, { ...token, expiresAt: earlier(expiresAt, formerUntil) }, true)
    } else if (kind === 'hook') {
      const hook: Hook = {
        tenantId,
        connectionId: String(definition.connectionId),
        name,
        ...(definition.verify !== undefined && {
          verify: {
            ...(definition.verify as HookVerify),
            secrets: [
              { value: sealed.verify ?? '', until: null },
              ...(sealed.formerVerify === undefined ? [] : [{ value: sealed.formerVerify, until: formerUntil }]),
            ],
          },
        }),
      }
      hooks.add(hash, { hook, until: null }, false)
      if (formerHash) hooks.add(formerHash, { hook, until: formerUntil }, true)
    } else {
      const client: BatchClient = {
        tenantId,
        clientId: credentialId,
        salt: sealed.salt ?? '',
        formerSalt: sealed.formerSalt ?? null,
        salts: (now) => [
          sealed.salt ?? '',
          ...(sealed.formerSalt !== undefined && (formerUntil === null || now < formerUntil)
            ? [sealed.formerSalt]
            : []),
        ],
        origins: (definition.origins as string[]) ?? [],
        is: (secret) => {
          const given = hashSecret(secret)
          const former = formerHash ?? hash
          const [now, before] = [timingSafeEqual(given, hash), timingSafeEqual(given, former)]
          return now || (before && (formerUntil === null || Date.now() < formerUntil))
        },
      }
      clients.set(credentialId, [...(clients.get(credentialId) ?? []), client])
    }
  }
  return {
    tokens: { find: tokens.find },
    hooks: {
      find: (connectionId, hash, now = Date.now()) => {
        const found = hooks.find(hash)
        return found && found.hook.connectionId === connectionId && (found.until === null || now < found.until)
          ? found.hook
          : undefined
      },
    },
    batchClients: { find: (clientId) => clients.get(clientId) ?? [] },
  }
}
