/** Issuers that people may sign in at (OpenID Connect): what an owner of the installation says of them, and the secret beside it. */
import { z } from 'zod'
import { at, type Sql } from '../store/sql.ts'
import { roles } from './rights.ts'
import { open, type SecretKey, seal } from './secrets.ts'

const grant = z.object({
  tenant: z.string().min(1).max(64).describe('*: a role in every tenant.'),
  role: z.enum(roles),
})

const isAddress = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

const providerFields = z.object({
  name: z.string().min(1).max(80).describe('On the button of the sign-in page.'),
  issuer: z
    .string()
    .max(500)
    .refine((text) => isAddress(text) && !/[?#]/.test(text), 'not an address such as https://login.example.com')
    .describe('As its /.well-known/openid-configuration says it.'),
  allowHttp: z.boolean().default(false).describe('An issuer inside one’s own network without TLS.'),
  clientId: z.string().min(1).max(500),
  scopes: z.array(z.string().min(1).max(100)).max(20).default(['openid', 'email', 'profile']),
  matchEmail: z
    .boolean()
    .default(true)
    .describe('Who is not known yet is the account with this e-mail address, where the issuer has verified it.'),
  create: z
    .boolean()
    .default(false)
    .describe('Who is not known at all gets an account, where a role comes out for it.'),
  defaultRole: grant.nullable().default(null).describe('Of accounts that are made.'),
  groupsClaim: z.string().min(1).max(100).default('groups'),
  groups: z
    .array(grant.extend({ group: z.string().min(1).max(200) }))
    .max(200)
    .default([])
    .describe('At every sign-in: the highest role in each tenant named here, or none. Other tenants are left alone.'),
  enabled: z.boolean().default(true),
})

const safe = (said: { issuer: string; allowHttp: boolean }): boolean =>
  said.allowHttp || !said.issuer.startsWith('http:')
const unsafe = { path: ['issuer'], message: 'http: only with allowHttp' }

export const providerBody = providerFields
  .extend({ clientSecret: z.string().max(500).optional().describe('Left out: the stored one stays; empty: none.') })
  .refine(safe, unsafe)
export const providerShape = providerFields.extend({
  provider: z.string(),
  hasSecret: z.boolean(),
  signInAddress: z.string().describe('The redirect URI that the issuer must allow.'),
})

export type Said = z.output<typeof providerFields>
export interface Provider extends Said {
  providerId: string
  clientSecret: string | null
}

export const providerPlace = (providerId: string): string => `sign_in_provider/${providerId}`

interface Row {
  provider_id: string
  said: string
  secret: Buffer | null
}

const parsed = (row: Pick<Row, 'provider_id' | 'said'>): Said & { providerId: string } => ({
  ...providerFields.parse(JSON.parse(row.said)),
  providerId: row.provider_id,
})

/** All of them as anybody's request may need them: the secret is opened for our own use. */
export const providers = async (sql: Sql, key: SecretKey): Promise<Provider[]> => {
  const rows = await sql<Row>`
    select provider_id, said, secret
    from who_provides()`
  return rows.map((row) => ({
    ...parsed(row),
    clientSecret: row.secret && open(key, providerPlace(row.provider_id), row.secret),
  }))
}

/** For the buttons of the sign-in page: no secret is opened. */
export const buttons = async (sql: Sql): Promise<{ provider: string; name: string }[]> => {
  const rows = await sql<Row>`
    select provider_id, said
    from who_provides()`
  return rows
    .map(parsed)
    .filter((one) => one.enabled)
    .map(({ providerId, name }) => ({ provider: providerId, name }))
}

/** `secret`: undefined leaves the stored one, empty takes it away. */
export const putProvider = async (
  tx: Sql,
  key: SecretKey,
  providerId: string,
  said: Said,
  secret: string | undefined,
  now: number,
): Promise<void> => {
  await tx`
    insert into sign_in_provider (provider_id, said)
    values (${providerId}, ${JSON.stringify(said)}::text::json)
    on conflict (provider_id) do update set said = excluded.said, changed_at = ${at(now)}`
  if (secret !== undefined)
    await tx`
      update sign_in_provider set secret = ${secret === '' ? null : seal(key, providerPlace(providerId), secret)}
      where provider_id = ${providerId}`
}

export const removeProvider = async (tx: Sql, providerId: string): Promise<boolean> =>
  (await tx.affected`
    delete from sign_in_provider
    where provider_id = ${providerId}`) > 0

/** Puts secrets of issuers under the installation's newest key: there are a handful. */
export const resealProviders = async (
  tx: Sql,
  how: { keyName: string; reseal(place: string, envelope: Buffer): Buffer | string },
): Promise<{ done: number; refused: string[]; after: null }> => {
  const rows = await tx<Row & { secret: Buffer }>`
    select provider_id, secret
    from sign_in_provider
    where secret is not null and encode(substring(secret from 2 for 4), 'hex') <> ${how.keyName}
    for update`
  const refused: string[] = []
  for (const row of rows) {
    const closed = how.reseal(providerPlace(row.provider_id), row.secret)
    if (typeof closed === 'string') refused.push(closed)
    else
      await tx`
        update sign_in_provider set secret = ${closed}
        where provider_id = ${row.provider_id}`
  }
  return { done: rows.length - refused.length, refused, after: null }
}
