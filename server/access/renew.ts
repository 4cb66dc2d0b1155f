/** Renewing callers' secrets without a moment in which nobody gets in: the new and the former value are both valid until the former is retired. */
import { at, type Sql } from '../store/sql.ts'
import { type CredentialKind, CredentialTaken, credentialPlace } from './credentials.ts'
import { makeSecret } from './generated.ts'
import { hashSecret, open, type SecretKey, seal } from './secrets.ts'

/** There is nothing to renew or to retire; the sentence is for the person who asked. */
export class RenewRefused extends Error {
  override name = 'RenewRefused'
}

export interface Renewal {
  kind: CredentialKind
  credentialId: string
  /** `salt`: of a batch client. */
  what: 'secret' | 'salt'
  /** Absent: Mortise makes one. */
  value?: string
  /** Until when the former value lets in; null: until it is retired. */
  formerUntil: number | null
}

interface Row {
  hash: Buffer
  secrets: Buffer | null
  definition: string
  former_hash: Buffer | null
  former_until: number | null
}

const find = async (tx: Sql, tenantId: string, kind: CredentialKind, credentialId: string): Promise<Row> => {
  const [row] = await tx<Row>`
    select hash, secrets, definition, former_hash, former_until
    from credential
    where tenant_id = ${tenantId} and kind = ${kind} and credential_id = ${credentialId}
    for update`
  if (!row) throw new RenewRefused(`Tenant ${tenantId} has no ${kind} ${credentialId}.`)
  return row
}

/** Answers the new value: it is shown here once, and kept as a hash or encrypted. The caller announces the change in the same transaction. */
export const renew = async (tx: Sql, key: SecretKey, tenantId: string, asked: Renewal): Promise<string> => {
  const { kind, credentialId, what, formerUntil } = asked
  const row = await find(tx, tenantId, kind, credentialId)
  const place = credentialPlace(tenantId, kind, credentialId)
  const value = asked.value ?? makeSecret()
  const { formerSalt, ...kept } = row.secrets
    ? (JSON.parse(open(key, place, row.secrets)) as Record<string, string>)
    : ({} as Record<string, string>)
  // What has had its time is gone for good: a later end must not let it in again.
  const over = row.former_until !== null && row.former_until <= Date.now()
  const formerHash = over ? null : row.former_hash
  const sealed = over || formerSalt === undefined ? kept : { ...kept, formerSalt }
  if (what === 'salt' ? sealed.formerSalt !== undefined : formerHash !== null)
    throw new RenewRefused(`A former ${what} of ${kind} ${credentialId} is still valid; retire it first.`)
  // The file no longer says what is in use: an export names a variable for it.
  const definition = { ...(JSON.parse(row.definition) as Record<string, unknown>) }
  const until = formerUntil === null ? null : at(formerUntil)
  if (what === 'salt') {
    if (kind !== 'batch-client') throw new RenewRefused(`A ${kind} has no salt.`)
    definition.formerSaltOrigin = definition.saltOrigin ?? null
    definition.saltOrigin = null
    const next = { ...sealed, salt: value, ...(sealed.salt !== undefined && { formerSalt: sealed.salt }) }
    await tx`
      update credential set
        secrets = ${seal(key, place, JSON.stringify(next))},
        definition = ${JSON.stringify(definition)}::json,
        former_hash = ${formerHash},
        former_until = ${until}
      where tenant_id = ${tenantId} and kind = ${kind} and credential_id = ${credentialId}`
    return value
  }
  const hash = hashSecret(value)
  const [taken] = await tx`
    select 1 as found
    from credential
    where kind = ${kind} and (hash = ${hash} or former_hash = ${hash})
    limit 1`
  if (taken) throw new CredentialTaken(`This value is already in use: every caller needs a secret of its own.`)
  definition.formerOrigin = definition.origin ?? null
  definition.origin = null
  await tx`
    update credential set
      former_hash = hash,
      hash = ${hash},
      secrets = ${row.secrets && over ? seal(key, place, JSON.stringify(sealed)) : row.secrets},
      definition = ${JSON.stringify(definition)}::json,
      former_until = ${until}
    where tenant_id = ${tenantId} and kind = ${kind} and credential_id = ${credentialId}`
  return value
}

/** From the commit on only the new values let in. */
export const retire = async (
  tx: Sql,
  key: SecretKey,
  tenantId: string,
  kind: CredentialKind,
  credentialId: string,
): Promise<void> => {
  const row = await find(tx, tenantId, kind, credentialId)
  const place = credentialPlace(tenantId, kind, credentialId)
  const { formerSalt, ...sealed } = row.secrets
    ? (JSON.parse(open(key, place, row.secrets)) as Record<string, string>)
    : {}
  if (row.former_hash === null && formerSalt === undefined)
    throw new RenewRefused(`${kind} ${credentialId} of tenant ${tenantId} has no former value.`)
  const secrets = formerSalt === undefined ? row.secrets : seal(key, place, JSON.stringify(sealed))
  const {
    formerOrigin: _secret,
    formerSaltOrigin: _salt,
    ...definition
  } = JSON.parse(row.definition) as Record<string, unknown>
  await tx`
    update credential set
      definition = ${JSON.stringify(definition)}::json,
      former_hash = null,
      former_until = null,
      secrets = ${secrets}
    where tenant_id = ${tenantId} and kind = ${kind} and credential_id = ${credentialId}`
}

// ── the installation's key ───────────────────────────────────────────────────────────────────────────────────────────────────────────
/** Rows whose envelope another key closed; as the newest key closes it, or a sentence where no key of ours opens it. */
export interface Reseal {
  /** Name of the newest key. */
  keyName: string
  reseal(place: string, envelope: Buffer): Buffer | string
}

export interface Slice {
  /** Rows put under the newest key. */
  done: number
  /** About rows that no key of ours opens: they stay as they are. */
  refused: string[]
  /** Where the next slice goes on; null: that was the last one. */
  after: string | null
}

/** Puts up to `limit` credentials under the newest key; begun anew, it goes on with what is left. */
export const resealCredentials = async (
  tx: Sql,
  { keyName, reseal }: Reseal,
  after: string,
  limit: number,
): Promise<Slice> => {
  const rows = await tx<{
    tenant_id: string
    kind: CredentialKind
    credential_id: string
    secrets: Buffer
    at: string
  }>`
    select tenant_id, kind, credential_id, secrets, concat_ws(chr(1), tenant_id, kind, credential_id) as at
    from credential
    where secrets is not null
      and encode(substring(secrets from 2 for 4), 'hex') <> ${keyName}
      and concat_ws(chr(1), tenant_id, kind, credential_id) collate "C" > ${after}
    order by concat_ws(chr(1), tenant_id, kind, credential_id) collate "C"
    limit ${limit}
    for update`
  const slice: Slice = { done: 0, refused: [], after: rows.length < limit ? null : (rows.at(-1)?.at ?? null) }
  for (const row of rows) {
    const closed = reseal(credentialPlace(row.tenant_id, row.kind, row.credential_id), row.secrets)
    if (typeof closed === 'string') {
      slice.refused.push(closed)
      continue
    }
    await tx`
      update credential set secrets = ${closed}
      where tenant_id = ${row.tenant_id} and kind = ${row.kind} and credential_id = ${row.credential_id}`
    slice.done++
  }
  return slice
}
