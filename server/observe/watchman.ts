/** The watchman: looks each quarter of a minute at what is wrong, fires an alert once, recovers it once, and notes what has to be told to whom (decision 212). */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { type Fault, sentence } from '../doc/fault.ts'
import { quietUntil } from '../egress/quiet.ts'
import { utc, zoneOf } from '../map/zone.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { type Channel, quietOf, readSettings, type Settings } from './alert-settings.ts'
import { type Level, levels, type RuleName, rules } from './alert-words.ts'
import { type Finding, findAll, type Source } from './findings.ts'

export interface WatchmanDeps {
  sql: Sql
  env: Pick<Env, 'now' | 'monotonic' | 'random' | 'sleep'>
  log: { error(fields: object, message: string): void; warn(fields: object, message: string): void }
  /** Field of an object that names who is responsible for a record; undefined where none does. */
  ownerField(tenantId: string, connectionId: string, object: string): string | undefined
  sources: Partial<Record<RuleName, Source>>
  /** There is something to be told. */
  told(): void
}

interface Opened {
  alert_id: number
  rule: RuleName
  level: Level
  person: string | null
}

const calmDefault: Millis = 60_000
const rank = (level: Level): number => levels.indexOf(level)
const holdOf = (settings: Settings, rule: RuleName): Millis =>
  ((settings.rules?.[rule] as { hold?: number } | undefined)?.hold ?? rules[rule].hold) as Millis
const levelOf = (settings: Settings, finding: Finding): Level =>
  ((settings.rules?.[finding.rule] as { level?: Level } | undefined)?.level ??
    finding.level ??
    rules[finding.rule].level) as Level

/** Who is to be told of it: the channels of its level, or the record's owner alone. Pure. */
export const readersOf = (settings: Settings, alert: Opened): { channel: string; recipient: string }[] => {
  if (alert.rule === 'record') {
    const { owner } = settings
    const address = alert.person === null ? undefined : (owner?.people?.[alert.person] ?? alert.person)
    return owner && address?.includes('@') ? [{ channel: owner.channel, recipient: address }] : []
  }
  return (settings.channels ?? [])
    .filter((channel: Channel) => rank(alert.level) >= rank(channel.least ?? 'info'))
    .filter((channel) => channel.kind !== 'mail' || (channel.to?.length ?? 0) > 0)
    .map(({ name }) => ({ channel: name, recipient: '' }))
}

/** When it may be told: at once, or at the end of the quiet hours. Pure. */
export const tellAt = (settings: Settings, level: Level, now: Millis, zone: string): Millis =>
  level === 'critical' ? now : (quietUntil(now, quietOf(settings), zoneOf(zone) ?? utc) ?? now)

const note = async (
  tx: Sql,
  tenantId: string,
  settings: Settings,
  zone: string,
  alerts: readonly Opened[],
  what: 'fired' | 'recovered',
  now: Millis,
): Promise<number> => {
  let count = 0
  for (const alert of alerts) {
    for (const { channel, recipient } of readersOf(settings, alert)) {
      // Whoever was not told that it began (its notice still waits for the end of the quiet hours) is not told that it is over.
      if (what === 'recovered') {
        const dropped = await tx.affected`
          update notice set state = 'dropped', ended_at = clock_timestamp()
          where tenant_id = ${tenantId} and alert_id = ${alert.alert_id} and what = 'fired' and channel = ${channel}
            and recipient = ${recipient} and state = 'due' and attempts = 0`
        if (dropped) continue
      }
      count += await tx.affected`
        insert into notice (tenant_id, alert_id, what, channel, recipient, next_at)
        values (${tenantId}, ${alert.alert_id}, ${what}, ${channel}, ${recipient}, ${at(tellAt(settings, alert.level, now, zone))})
        on conflict do nothing`
    }
  }
  return count
}

/** One tenant, one transaction: what is wrong is opened once, what is gone is closed once. Answers how many notices it made. */
export const watchTenant = async (
  deps: Pick<WatchmanDeps, 'sql' | 'env' | 'sources' | 'ownerField'>,
  tenantId: string,
  zone: string,
): Promise<number> => {
  const settings = await readSettings(deps.sql, tenantId, null)
  const found = await findAll(deps.sql, tenantId, settings, deps.sources)
  const owned = settings.owner ? await ownersOf(deps, tenantId) : []
  const now = deps.env.now()
  const calm = settings.calm ?? calmDefault
  return deps.sql.retrying(async (tx) => {
    // One node at a time; another one is at it already.
    const [lock] = await tx<{ mine: boolean }>`
      select pg_try_advisory_xact_lock(hashtextextended(${`alerts ${tenantId}`}, 0)) as mine`
    if (!lock?.mine) return 0
    const all = [...found, ...owned]
    if (all.length)
      await tx`
        insert into alert as a (tenant_id, rule, about, level, state, figures, person)
        select ${tenantId}, f.rule, f.about, f.level, 'pending', f.figures, f.person
        from unnest(
          ${col.text(all.map((one) => one.rule))}::text[],
          ${col.text(all.map((one) => one.about))}::text[],
          ${col.text(all.map((one) => levelOf(settings, one)))}::text[],
          ${col.json(all.map((one) => JSON.stringify(one.figures)))}::json[],
          ${col.text(all.map((one) => one.person ?? null))}::text[]) as f (rule, about, level, figures, person)
        on conflict (tenant_id, rule, about) where state <> 'recovered' do update set
          last_seen = clock_timestamp(),
          figures = excluded.figures`
    const fired: Opened[] = []
    for (const rule of new Set(all.map((one) => one.rule)))
      fired.push(
        ...(await tx<Opened>`
          update alert set state = 'firing', fired_at = clock_timestamp()
          where tenant_id = ${tenantId} and rule = ${rule} and state = 'pending'
            and since <= clock_timestamp() - ${holdOf(settings, rule)}::float8 * interval '1 millisecond'
          returning alert_id, rule, level, person`),
      )
    await tx`
      delete from alert
      where tenant_id = ${tenantId} and state = 'pending' and rule <> 'record'
        and last_seen < clock_timestamp() - ${calm}::float8 * interval '1 millisecond'`
    const over = await tx<Opened>`
      update alert a set state = 'recovered', recovered_at = clock_timestamp()
      where a.tenant_id = ${tenantId} and a.state = 'firing'
        and case when a.rule = 'record'
          then not exists (
            select from link l
            where l.tenant_id = a.tenant_id and l.pair_id = a.figures ->> 'pair'
              and l.link_id = (a.figures ->> 'link')::int8 and l.state = 'parked')
          else a.last_seen < least(now(), clock_timestamp() - ${calm}::float8 * interval '1 millisecond') end -- now(): what this very look saw is there
      returning a.alert_id, a.rule, a.level, a.person`
    return (
      (await note(tx, tenantId, settings, zone, fired, 'fired', now)) +
      (await note(tx, tenantId, settings, zone, over, 'recovered', now))
    )
  })
}

/** At most so many owners are told of in one look; the next one goes on. */
const ownersAtOnce = 200

/** Parked records of which nobody was told yet, whose object says who is responsible. */
const ownersOf = async (
  { sql, ownerField }: Pick<WatchmanDeps, 'sql' | 'ownerField'>,
  tenantId: string,
): Promise<Finding[]> => {
  const rows = await sql<{
    pair_id: string
    link_id: number
    fault: string | null
    connection_id: string
    object: string
    data_id: string
    master: string
  }>`
    select l.pair_id, l.link_id, l.fault, d.connection_id, d.object, d.data_id, d.master
    from (
      select k.tenant_id, k.pair_id, k.link_id, k.fault, k.left_id, k.right_id
      from link k
      where k.tenant_id = ${tenantId} and k.state = 'parked'
        and not exists (
          select from alert a
          where a.tenant_id = k.tenant_id and a.rule = 'record' and a.state <> 'recovered' and a.about = k.pair_id || '/' || k.link_id)
      order by k.since desc
      limit ${ownersAtOnce}) l
    join pair p on p.tenant_id = l.tenant_id and p.pair_id = l.pair_id
    cross join lateral (values (p.left_connection, p.left_object, l.left_id), (p.right_connection, p.right_object, l.right_id)) s (connection_id, object, data_id)
    join document d on d.tenant_id = l.tenant_id and d.connection_id = s.connection_id and d.object = s.object and d.data_id = s.data_id`
  const found = new Map<string, Finding>()
  for (const row of rows) {
    const field = ownerField(tenantId, row.connection_id, row.object)
    const about = `${row.pair_id}/${row.link_id}`
    if (field === undefined || found.has(about)) continue
    const person = personIn(row.master, field)
    if (person === null) continue
    const fault = row.fault === null ? null : (JSON.parse(row.fault) as Fault)
    found.set(about, {
      rule: 'record',
      about,
      person,
      figures: {
        pair: row.pair_id,
        link: row.link_id,
        record: `${row.object} ${row.data_id}`,
        why: fault ? sentence(fault) : '',
      },
    })
  }
  return [...found.values()]
}

/** A text, a number, or the first of a list: people fields are lists in some systems. */
export const personIn = (master: string, field: string): string | null => {
  try {
    const value = (JSON.parse(master) as Record<string, unknown>)[field]
    const first: unknown = Array.isArray(value) ? value[0] : value
    return typeof first === 'string' || typeof first === 'number' ? String(first) : null
  } catch {
    return null
  }
}

const every: Millis = 15_000
/** Of the usual pauses, the most that are taken at once. */
const longest = 3
/** Alerts that are over are part of the story for so long. */
const kept = '90 days'

export const startWatchman = (deps: WatchmanDeps, everyMs: Millis = every): Loop =>
  startLoop({
    name: 'watchman',
    every: everyMs,
    async run() {
      const began = deps.env.monotonic()
      const tenants = await deps.sql<{ tenant_id: string; zone: string }>`
        select tenant_id, zone
        from tenant
        order by tenant_id`
      let made = 0
      for (const { tenant_id, zone } of tenants) made += await watchTenant(deps, tenant_id, zone)
      if (made) deps.told()
      await deps.sql`
        delete from alert
        where ctid = any(array(
          select ctid from alert
          where state = 'recovered' and recovered_at < clock_timestamp() - ${kept}::interval
          limit 500))`
      // A twentieth of the time, however much there is to look at; but one slow look, on a machine that was busy, does not put off the next by minutes.
      return Math.min(longest * everyMs, Math.max(everyMs, 20 * (deps.env.monotonic() - began)))
    },
    env: deps.env,
    log: deps.log,
  })

/** When something last came in, gathered in this process and written down now and then. */
export const openSeen = (sql: Sql) => {
  const fresh = new Map<string, { tenant_id: string; connection_id: string; object: string }>()
  return {
    note: (row: { tenant_id: string; connection_id: string; object: string }): void => {
      const key = `${row.tenant_id}\n${row.connection_id}\n${row.object}`
      if (!fresh.has(key))
        fresh.set(key, { tenant_id: row.tenant_id, connection_id: row.connection_id, object: row.object })
    },
    async flush(): Promise<void> {
      const rows = [...fresh.values()]
      if (!rows.length) return
      fresh.clear()
      await sql`
        insert into data_seen as s (tenant_id, connection_id, object, seen_at)
        select n.tenant_id, n.connection_id, n.object, clock_timestamp()
        from unnest(
          ${col.text(rows.map((row) => row.tenant_id))}::text[],
          ${col.text(rows.map((row) => row.connection_id))}::text[],
          ${col.text(rows.map((row) => row.object))}::text[]) as n (tenant_id, connection_id, object)
        order by 1, 2, 3
        on conflict (tenant_id, connection_id, object) do update set seen_at = excluded.seen_at`
    },
  }
}
