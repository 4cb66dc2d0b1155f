/** The herald: sends the notices that are due, several for one reader in one message, and tries again for a day where a channel does not take them. */
import type { Locale } from '../../protocol/codes.ts'
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Sql } from '../store/sql.ts'
import { readSettings, type Seal, type Settings } from './alert-settings.ts'
import type { Figures, Level } from './alert-words.ts'
import type { Told } from './messages.ts'
import type { Messenger } from './messenger.ts'

export interface HeraldDeps {
  sql: Sql
  seal: Seal
  messenger: Messenger
  env: Pick<Env, 'random' | 'sleep'>
  log: { error(fields: object, message: string): void; warn(fields: object, message: string): void }
}

interface Due {
  notice_id: number
  tenant_id: string
  alert_id: number
  what: 'fired' | 'recovered'
  channel: string
  recipient: string
  attempts: number
  rule: string
  about: string
  level: Level
  figures: string
  since: Millis
  lasted: Millis | null
}

const batch = 200
const lease = 60_000
/** A channel that takes nothing for so many tries, over about a day, is given up for that message. */
const mostTries = 12
const pauseAfter = (attempts: number): Millis => Math.min(4 * 3_600_000, 15_000 * 2 ** Math.min(attempts - 1, 10))

const takeDue = (sql: Sql): Promise<Due[]> => sql<Due>`
  with due as materialized (
    select tenant_id, notice_id
    from notice
    where state = 'due' and next_at <= clock_timestamp()
    order by next_at
    limit ${batch}
    for update skip locked)
  update notice n set
    next_at = clock_timestamp() + ${lease}::float8 * interval '1 millisecond',
    attempts = n.attempts + 1
  from due d, alert a
  where n.tenant_id = d.tenant_id and n.notice_id = d.notice_id and a.tenant_id = n.tenant_id and a.alert_id = n.alert_id
  returning n.notice_id, n.tenant_id, n.alert_id, n.what, n.channel, n.recipient, n.attempts, a.rule, a.about, a.level,
    a.figures::text as figures, a.since,
    case when n.what = 'recovered' then extract(epoch from a.recovered_at - a.fired_at)::float8 * 1000 end as lasted`

const linkTo = (settings: Settings, due: Due, figures: Figures): string | null => {
  if (!settings.link) return null
  const base = settings.link.endsWith('/') ? settings.link : `${settings.link}/`
  const tenant = encodeURIComponent(due.tenant_id)
  if (due.rule === 'record') return `${base}t/${tenant}/records/${figures.link}`
  return `${base}t/${tenant}/alerts/${due.alert_id}`
}

const end = async (sql: Sql, rows: readonly Due[], why: string | null, gone: boolean): Promise<void> => {
  for (const row of rows) {
    const state = why === null ? 'sent' : gone ? 'dropped' : row.attempts >= mostTries ? 'failed' : 'due'
    await sql`
      update notice set
        state = ${state},
        fault = ${why},
        ended_at = case when ${state} = 'due' then null else clock_timestamp() end,
        next_at = clock_timestamp() + ${state === 'due' ? pauseAfter(row.attempts) : 0}::float8 * interval '1 millisecond'
      where tenant_id = ${row.tenant_id} and notice_id = ${row.notice_id}`
  }
}

/** Sends what is due; answers how many notices it had in hand. */
export const tellDue = async ({ sql, seal, messenger, log }: Omit<HeraldDeps, 'env'>): Promise<number> => {
  const due = await takeDue(sql)
  const groups = new Map<string, Due[]>()
  for (const one of due) {
    const key = JSON.stringify([
      one.tenant_id,
      one.channel,
      one.recipient,
      one.what,
      one.rule === 'record' ? '' : one.level,
    ])
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  const settings = new Map<string, Settings>()
  for (const rows of groups.values()) {
    const [first] = rows as [Due, ...Due[]]
    let own = settings.get(first.tenant_id)
    if (!own) settings.set(first.tenant_id, (own = await readSettings(sql, first.tenant_id, seal)))
    const channel = own.channels?.find(({ name }) => name === first.channel)
    if (!channel) {
      await end(sql, rows, `there is no channel ${first.channel} any more`, true)
      continue
    }
    const told = rows.map((row): Told => {
      const figures = JSON.parse(row.figures) as Figures
      return {
        tenantId: row.tenant_id,
        alertId: row.alert_id,
        rule: row.rule,
        about: row.rule === 'record' ? String(figures.record ?? row.about) : row.about,
        level: row.level,
        what: row.what,
        figures,
        since: row.since,
        lastedMs: row.lasted,
        link: linkTo(own, row, figures),
      }
    })
    const locale: Locale = channel.locale ?? own.locale ?? 'zh_CN'
    const ids = rows.map((row) => row.notice_id).sort((a, b) => a - b)
    const why = await messenger.send(
      channel,
      locale,
      told,
      first.recipient,
      `${first.tenant_id}-${ids[0]}-${ids.length}`,
    )
    if (why !== null) log.warn({ tenant: first.tenant_id, channel: first.channel, why }, 'a notice could not be sent')
    await end(sql, rows, why, false)
  }
  return due.length
}

export const startHerald = (deps: HeraldDeps, everyMs: Millis = 5_000): Loop =>
  startLoop({
    name: 'herald',
    every: everyMs,
    run: async () => ((await tellDue(deps)) === batch ? 0 : undefined),
    env: deps.env,
    log: deps.log,
  })
