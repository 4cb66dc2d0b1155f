/** The installation's key and callers' secrets across rooms: which key closes what, putting everything under the newest one, renewing and retiring. */
import type { CredentialKind } from '../access/credentials.ts'
import { resealProviders } from '../access/providers.ts'
import { type Renewal, renew, resealCredentials, retire } from '../access/renew.ts'
import { resealSecondFactors } from '../access/second-factor.ts'
import { keyNames, reseal, type SecretKey, SecretRefused } from '../access/secrets.ts'
import { dropTokens } from '../connect/auth/shelf.ts'
import { resealConnections } from '../flows/reseal.ts'
import { resealAlerts } from '../observe/alert-settings.ts'
import { announce, lockConfiguration } from '../flows/save.ts'
import type { Sql } from '../store/sql.ts'

/** Rows locked at once. */
const slice = 200

export interface KeyUse {
  /** Eight hex digits; `newest` closes, `former` only opens, `unknown` is none of ours. */
  key: string
  role: 'newest' | 'former' | 'unknown'
  connections: number
  credentials: number
  tokens: number
  /** Second factors, issuers of sign-ins, channels of alerts. */
  others: number
}

/** Which key closed how many envelopes; every key we have is listed, also one that closes nothing any more. */
export const keyUse = async (sql: Sql, key: SecretKey): Promise<KeyUse[]> => {
  const rows = await sql<Omit<KeyUse, 'role'>>`
    select key, sum(connections)::int4 as connections, sum(credentials)::int4 as credentials, sum(tokens)::int4 as tokens,
      sum(others)::int4 as others
    from (
      select encode(substring(secrets from 2 for 4), 'hex') as key, 1 as connections, 0 as credentials, 0 as tokens, 0 as others
      from connection where secrets is not null
      union all
      select encode(substring(secrets from 2 for 4), 'hex'), 0, 1, 0, 0 from credential where secrets is not null
      union all
      select encode(substring(token from 2 for 4), 'hex'), 0, 0, 1, 0 from target_token where token is not null
      union all
      select encode(substring(secret from 2 for 4), 'hex'), 0, 0, 0, 1 from second_factor
      union all
      select encode(substring(secret from 2 for 4), 'hex'), 0, 0, 0, 1 from sign_in_provider where secret is not null
      union all
      select encode(substring(secrets from 2 for 4), 'hex'), 0, 0, 0, 1 from alert_setting where secrets is not null) as use
    group by key
    order by key`
  const names = keyNames(key)
  const used = new Map(rows.map((row) => [row.key, row]))
  const none = { connections: 0, credentials: 0, tokens: 0, others: 0 }
  return [
    ...names.map((name, i): KeyUse => ({ ...none, ...used.get(name), key: name, role: i ? 'former' : 'newest' })),
    ...rows.filter((row) => !names.includes(row.key)).map((row): KeyUse => ({ ...row, role: 'unknown' })),
  ]
}

export interface Rotated {
  /** Envelopes now under the newest key. */
  done: number
  /** Sentences about what no key of ours opens. */
  refused: string[]
}

/** Everything under the newest key. Stopped in between, or run by two at once, it goes on with what is left: the rows say which key they have. */
export const rotateKeys = async (
  sql: Sql,
  key: SecretKey,
  told: (done: number) => void = () => {},
): Promise<Rotated> => {
  const how = {
    keyName: keyNames(key)[0] as string,
    reseal: (place: string, envelope: Buffer): Buffer | string => {
      try {
        return reseal(key, place, envelope)
      } catch (error) {
        if (error instanceof SecretRefused) return error.message
        throw error
      }
    },
  }
  const all: Rotated = { done: 0, refused: [] }
  for (const some of [resealConnections, resealCredentials, resealAlerts, resealSecondFactors, resealProviders]) {
    for (let after: string | null = ''; after !== null; ) {
      const from: string = after
      const part = await sql.retrying((tx) => some(tx, how, from, slice))
      all.done += part.done
      all.refused.push(...part.refused)
      after = part.after
      told(all.done)
    }
  }
  await dropTokens(sql, how.keyName)
  return all
}

/** A caller gets a new secret; the former one stays valid beside it. Answers the new value, which is not shown again. */
export const renewSecret = (sql: Sql, key: SecretKey, tenantId: string, asked: Renewal): Promise<string> =>
  sql.retrying(async (tx) => {
    await lockConfiguration(tx)
    const value = await renew(tx, key, tenantId, asked)
    await announce(tx, tenantId)
    return value
  })

export const retireSecret = (
  sql: Sql,
  key: SecretKey,
  tenantId: string,
  kind: CredentialKind,
  credentialId: string,
): Promise<void> =>
  sql.retrying(async (tx) => {
    await lockConfiguration(tx)
    await retire(tx, key, tenantId, kind, credentialId)
    await announce(tx, tenantId)
  })
