/** Routes of alerts 告警: what fires and what was told, what a tenant wants to be told of, and a test of a channel. */
import { z } from 'zod'
import { type Asked, inTenant, ok, refuse, type Route, route } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { readSettings, type Seal, saveSettings, type Settings, settingsSchema } from './alert-settings.ts'
import { type Figures, levels, sayAlert } from './alert-words.ts'
import type { Messenger } from './messenger.ts'

export interface AlertRouteDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  seal: Seal
  messenger: Messenger
  newId(): string
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    deed: {
      kind: string
      name: string
      what: 'changed'
      before: Record<string, unknown>
      after: Record<string, unknown>
    },
  ): Promise<void>
}

const moment = z.iso.datetime()
const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

const alertShape = z.object({
  alert: z.number().int(),
  rule: z.string(),
  about: z.string(),
  level: z.enum(levels),
  state: z.enum(['pending', 'firing', 'recovered']),
  sentence: z.string().describe('In the caller’s language.'),
  figures: z.record(z.string(), z.union([z.string(), z.number()])),
  since: moment,
  firedAt: moment.nullable(),
  recoveredAt: moment.nullable(),
  notices: z.array(
    z.object({
      what: z.enum(['fired', 'recovered']),
      channel: z.string(),
      recipient: z.string(),
      state: z.enum(['due', 'sent', 'failed', 'dropped']),
      attempts: z.number().int(),
      fault: z.string().nullable(),
      at: moment.nullable(),
    }),
  ),
})

interface Row {
  alert_id: number
  rule: string
  about: string
  level: 'info' | 'warning' | 'critical'
  state: 'pending' | 'firing' | 'recovered'
  figures: string
  since: number
  fired_at: number | null
  recovered_at: number | null
  notices: string
}

/** Newest first; `before` is the last one already seen. */
export const readAlerts = (
  sql: Sql,
  tenantId: string,
  { state, before, limit }: { state: string | null; before: number | null; limit: number },
): Promise<Row[]> => sql<Row>`
  select a.alert_id, a.rule, a.about, a.level, a.state, a.figures::text as figures, a.since, a.fired_at, a.recovered_at,
    coalesce((
      select json_agg(json_build_object('what', n.what, 'channel', n.channel, 'recipient', n.recipient, 'state', n.state,
        'attempts', n.attempts, 'fault', n.fault, 'at', extract(epoch from n.ended_at) * 1000) order by n.notice_id)
      from notice n
      where n.tenant_id = a.tenant_id and n.alert_id = a.alert_id), '[]')::text as notices
  from alert a
  where a.tenant_id = ${tenantId}
    and (${state}::text is null or a.state = ${state})
    and (${before}::int8 is null or a.alert_id < ${before})
  order by a.alert_id desc
  limit ${limit}`

export const alertRoutes = ({ sql, seal, messenger, newId, writeDown }: AlertRouteDeps): Route[] => [
  route({
    id: 'listAlerts',
    method: 'GET',
    path: '/tenants/:tenant/alerts',
    group: 'alerts',
    summary: 'Alerts that fire or fired, newest first, and what was told to whom',
    params: inTenant,
    query: z.object({
      state: z.enum(['pending', 'firing', 'recovered']).optional(),
      before: z.coerce.number().int().positive().optional().describe('Number of the last alert that was seen.'),
      limit: z.coerce.number().int().min(1).max(500).optional().describe('Default 100.'),
    }),
    answer: z.object({ alerts: z.array(alertShape) }),
    handle: async ({ params: { tenant }, query, locale }) => {
      const rows = await asTenant(sql, tenant, (tx) =>
        readAlerts(tx, tenant, { state: query.state ?? null, before: query.before ?? null, limit: query.limit ?? 100 }),
      )
      return ok({
        alerts: rows.map((row) => {
          const figures = JSON.parse(row.figures) as Record<string, string | number>
          const about = row.rule === 'record' ? String(figures.record ?? row.about) : row.about
          const notices = JSON.parse(row.notices) as {
            what: 'fired' | 'recovered'
            channel: string
            recipient: string
            state: 'due' | 'sent' | 'failed' | 'dropped'
            attempts: number
            fault: string | null
            at: number | null
          }[]
          return {
            alert: row.alert_id,
            rule: row.rule,
            about: row.about,
            level: row.level,
            state: row.state,
            sentence: sayAlert({ rule: row.rule, figures: { ...figures, about } as Figures }, locale),
            figures,
            since: iso(row.since) as string,
            firedAt: iso(row.fired_at),
            recoveredAt: iso(row.recovered_at),
            notices: notices.map((one) => ({ ...one, at: iso(one.at) })),
          }
        }),
      })
    },
  }),
  route({
    id: 'showAlertSettings',
    method: 'GET',
    path: '/tenants/:tenant/alerts/settings',
    group: 'alerts',
    summary: 'Rules, channels and quiet hours; secrets are never shown',
    params: inTenant,
    answer: settingsSchema,
    handle: async ({ params: { tenant } }) => ok(await asTenant(sql, tenant, (tx) => readSettings(tx, tenant, null))),
  }),
  route({
    id: 'putAlertSettings',
    method: 'PUT',
    path: '/tenants/:tenant/alerts/settings',
    group: 'alerts',
    summary: 'Say what is told to whom',
    describe:
      'The whole of it: what is absent is not told. A secret that is left out stays what it was, by its channel’s name.',
    params: inTenant,
    body: settingsSchema,
    answer: settingsSchema,
    handle: async (asked) => {
      const { tenant } = asked.params
      const wrong = await asTenant(sql, tenant, async (tx) => {
        const before = await readSettings(tx, tenant, null)
        const told = await saveSettings(tx, seal, tenant, asked.body as Settings)
        if (told.length) return told
        const after = await readSettings(tx, tenant, null)
        const deed = {
          kind: 'alerts',
          name: 'settings',
          what: 'changed' as const,
          before: { ...before },
          after: { ...after },
        }
        await writeDown(tx, asked, 'putAlertSettings', tenant, deed)
        return []
      })
      if (wrong.length)
        return refuse(
          'config.invalid',
          { said: wrong[0]?.say ?? '' },
          { problems: wrong, path: `body.${wrong[0]?.path}` },
        )
      return ok(await asTenant(sql, tenant, (tx) => readSettings(tx, tenant, null)))
    },
  }),
  route({
    id: 'testChannel',
    method: 'POST',
    path: '/tenants/:tenant/alerts/test',
    group: 'alerts',
    summary: 'Send a test over a channel and say whether it was taken',
    params: inTenant,
    body: z.object({ channel: z.string().min(1), recipient: z.string().max(320).optional() }),
    answer: z.object({ sent: z.boolean(), why: z.string().nullable() }),
    handle: async ({ params: { tenant }, body, locale }) => {
      const settings = await asTenant(sql, tenant, (tx) => readSettings(tx, tenant, seal))
      const channel = settings.channels?.find(({ name }) => name === body.channel)
      if (!channel) return refuse('absent', { what: `channel ${body.channel}` })
      const why = await testOf(messenger, settings, channel, tenant, body.recipient ?? '', newId(), locale)
      return ok({ sent: why === null, why })
    },
  }),
]

/** A message that says that it is a test; null where it was taken. */
export const testOf = (
  messenger: Messenger,
  settings: Settings,
  channel: NonNullable<Settings['channels']>[number],
  tenantId: string,
  recipient: string,
  id: string,
  locale: NonNullable<Settings['locale']> = 'zh_CN',
): Promise<string | null> =>
  messenger.send(
    channel,
    channel.locale ?? settings.locale ?? locale,
    [
      {
        tenantId,
        alertId: 0,
        rule: 'test',
        about: channel.name,
        level: 'info',
        what: 'test',
        figures: {},
        since: 0,
        lastedMs: null,
        link: settings.link ?? null,
      },
    ],
    recipient,
    id,
  )
