/** What a tenant wants to be told of, by which channels, and when not: checked as it comes in, its secrets kept apart and closed with the installation's key. */
import { z } from 'zod'
import { locales } from '../../protocol/codes.ts'
import type { QuietHours } from '../doc/flow.ts'
import { everOpen } from '../egress/quiet.ts'
import type { Sql } from '../store/sql.ts'
import { type Level, levels, type RuleName, ruleNames, rules } from './alert-words.ts'

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
const secret = z.string().min(1).max(2_000).optional().describe('Write-only: left out, it stays what it was.')
const address = z.string().min(3).max(320).describe('An e-mail address, or "Name <address>".')
const shared = {
  name: name.describe('What people call it.'),
  least: z.enum(levels).optional().describe('Only alerts of this level and above. Default info.'),
  locale: z.enum(locales).optional().describe('Default: the tenant’s.'),
}

export const channelSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...shared,
    kind: z.literal('mail'),
    host: z.string().min(1).max(253),
    port: z.number().int().min(1).max(65_535).optional().describe('Default 587, or 465 with tls: always.'),
    tls: z.enum(['always', 'starttls', 'never']).optional().describe('Default starttls: required, not merely tried.'),
    user: z.string().optional(),
    password: secret,
    from: address,
    to: z.array(address).max(50).optional().describe('May be left out where only owners of records are written to.'),
  }),
  z.strictObject({ ...shared, kind: z.literal('wecom'), url: secret }),
  z.strictObject({ ...shared, kind: z.literal('dingtalk'), url: secret, secret }),
  z.strictObject({ ...shared, kind: z.literal('feishu'), url: secret, secret }),
  z.strictObject({ ...shared, kind: z.literal('webhook'), url: secret, secret }),
])
export type Channel = z.infer<typeof channelSchema>

const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/)
const ms = z
  .number()
  .int()
  .min(0)
  .max(30 * 86_400_000)
const limit = z.number().int().min(0).max(1e9)

const ruleShape = (rule: RuleName) =>
  z
    .strictObject({
      on: z.boolean().optional(),
      level: z.enum(levels).optional(),
      hold: ms.optional().describe('Lasts so many ms before it fires.'),
      ...Object.fromEntries(Object.keys(rules[rule].limits).map((key) => [key, limit.optional()])),
    })
    .optional()

export const settingsSchema = z.strictObject({
  locale: z.enum(locales).optional().describe('Default zh_CN.'),
  link: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where people reach Mortise: messages link to it.'),
  calm: ms.optional().describe('Gone for so long, an alert has recovered. Default 60,000 ms.'),
  quiet: z
    .array(
      z.strictObject({
        from: clock,
        to: clock,
        days: z
          .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
          .min(1)
          .optional(),
      }),
    )
    .max(20)
    .optional()
    .describe('Hours of the tenant’s zone in which only critical alerts are told; the others wait for their end.'),
  channels: z.array(channelSchema).max(20).optional(),
  rules: z
    .strictObject(
      Object.fromEntries(ruleNames.map((rule) => [rule, ruleShape(rule)])) as Record<
        RuleName,
        ReturnType<typeof ruleShape>
      >,
    )
    .optional(),
  noData: z
    .array(
      z.strictObject({
        connection: z.string().min(1).max(200),
        object: z.string().min(1).max(128).optional(),
        minutes: z.number().int().min(1).max(43_200),
      }),
    )
    .max(100)
    .optional()
    .describe('What is expected to come in, and how long it may stay out.'),
  owner: z
    .strictObject({
      channel: name.describe('A mail channel.'),
      people: z.record(z.string(), address).optional().describe('What a record’s ownerField says, to an address.'),
    })
    .optional()
    .describe('Tells the owner of a record that failed.'),
})
export interface RuleSettings {
  on?: boolean | undefined
  level?: Level | undefined
  hold?: number | undefined
  /** The rule's own figures. */
  [limit: string]: unknown
}
export type Settings = Omit<z.infer<typeof settingsSchema>, 'rules'> & {
  rules?: Partial<Record<RuleName, RuleSettings>>
}

export const alertsPlace = (tenantId: string): string => `alerts/${tenantId}`

export interface Seal {
  close(place: string, secret: string): Buffer
  open(place: string, envelope: Buffer): string | null
}

const secretNames = ['url', 'secret', 'password'] as const
type Secrets = Record<string, string>

/** Without secrets, and the secrets by `channel.name`. Pure. */
export const split = (settings: Settings): { open: Settings; secrets: Secrets } => {
  const secrets: Secrets = {}
  const channels = settings.channels?.map((channel) => {
    const open: Record<string, unknown> = { ...channel }
    for (const key of secretNames) {
      if (typeof open[key] === 'string') secrets[`${channel.name}.${key}`] = open[key]
      delete open[key]
    }
    return open as Channel
  })
  return { open: { ...settings, ...(channels && { channels }) }, secrets }
}

const join = (open: Settings, secrets: Secrets): Settings => ({
  ...open,
  ...(open.channels && {
    channels: open.channels.map((channel) => {
      const own = secretNames.flatMap((key) => {
        const value = secrets[`${channel.name}.${key}`]
        return value === undefined ? [] : [[key, value]]
      })
      return { ...channel, ...Object.fromEntries(own) } as Channel
    }),
  }),
})

/** What is wrong beyond the shape, as sentences with their places. Pure. */
export const complaints = (settings: Settings): { path: string; say: string }[] => {
  const told: { path: string; say: string }[] = []
  const names = new Set<string>()
  for (const [i, channel] of (settings.channels ?? []).entries()) {
    if (names.has(channel.name))
      told.push({ path: `channels[${i}].name`, say: `channel ${channel.name} is declared twice` })
    names.add(channel.name)
    if (channel.kind !== 'mail' && !channel.url)
      told.push({ path: `channels[${i}].url`, say: 'the address is missing' })
    if (channel.kind === 'webhook' && !channel.secret)
      told.push({ path: `channels[${i}].secret`, say: 'a webhook is signed: its secret is missing' })
    if (channel.kind === 'mail' && channel.user && !channel.password)
      told.push({ path: `channels[${i}].password`, say: 'the password is missing' })
  }
  if (settings.owner && settings.channels?.find((one) => one.name === settings.owner?.channel)?.kind !== 'mail')
    told.push({ path: 'owner.channel', say: `${settings.owner.channel} is no mail channel` })
  if (settings.quiet && !everOpen(quietOf(settings)))
    told.push({ path: 'quiet', say: 'leaves no minute of the week open' })
  return told
}

const minuteOf = (text: string): number => {
  const [hours, minutes] = text.split(':').map(Number)
  return ((hours ?? 0) * 60 + (minutes ?? 0)) % 1_440
}
export const quietOf = (settings: Settings): QuietHours[] =>
  (settings.quiet ?? []).map(({ from, to, days }) => ({
    from: minuteOf(from),
    to: minuteOf(to),
    ...(days && { days }),
  }))

/** `seal` null: without the secrets, as they are shown. */
export const readSettings = async (sql: Sql, tenantId: string, seal: Seal | null): Promise<Settings> => {
  const [row] = await sql<{ definition: string; secrets: Buffer | null }>`
    select definition, secrets
    from alert_setting
    where tenant_id = ${tenantId}`
  if (!row) return {}
  const open = JSON.parse(row.definition) as Settings
  const text = seal && row.secrets ? seal.open(alertsPlace(tenantId), row.secrets) : null
  return text === null ? open : join(open, JSON.parse(text) as Secrets)
}

/** Secrets that are left out stay what they were, by the channel's name. Answers what is wrong instead of saving it. */
export const saveSettings = async (
  tx: Sql,
  seal: Seal,
  tenantId: string,
  given: Settings,
): Promise<{ path: string; say: string }[]> => {
  const before = split(await readSettings(tx, tenantId, seal)).secrets
  const { open, secrets } = split(given)
  const kept: Secrets = { ...secrets }
  for (const { name: channel } of given.channels ?? [])
    for (const key of secretNames) {
      const at = `${channel}.${key}`
      if (kept[at] === undefined && before[at] !== undefined) kept[at] = before[at]
    }
  const wrong = complaints(join(open, kept))
  if (wrong.length) return wrong
  const envelope = seal.close(alertsPlace(tenantId), JSON.stringify(kept))
  await tx`
    insert into alert_setting as s (tenant_id, definition, secrets)
    values (${tenantId}, ${JSON.stringify(open)}::json, ${envelope})
    on conflict (tenant_id) do update set
      definition = excluded.definition,
      secrets = excluded.secrets,
      changed_at = clock_timestamp()`
  return []
}

/** Puts the secrets under the installation's newest key, slice by slice; begun anew, it goes on with what is left. */
export const resealAlerts = async (
  tx: Sql,
  how: { keyName: string; reseal(place: string, envelope: Buffer): Buffer | string },
  after: string,
  limitRows: number,
): Promise<{ done: number; refused: string[]; after: string | null }> => {
  const rows = await tx<{ tenant_id: string; secrets: Buffer }>`
    select tenant_id, secrets
    from alert_setting
    where secrets is not null
      and encode(substring(secrets from 2 for 4), 'hex') <> ${how.keyName}
      and tenant_id collate "C" > ${after}
    order by tenant_id collate "C"
    limit ${limitRows}
    for update`
  const refused: string[] = []
  let done = 0
  for (const row of rows) {
    const closed = how.reseal(alertsPlace(row.tenant_id), row.secrets)
    if (typeof closed === 'string') {
      refused.push(closed)
      continue
    }
    await tx`update alert_setting set secrets = ${closed} where tenant_id = ${row.tenant_id}`
    done++
  }
  return { done, refused, after: rows.length < limitRows ? null : (rows.at(-1)?.tenant_id ?? null) }
}
