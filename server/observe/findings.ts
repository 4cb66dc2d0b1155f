/** What is wrong right now, tenant by tenant, read from the rows that people look at; the watchman makes alerts of it. */
import type { Millis } from '../doc/document.ts'
import type { Sql } from '../store/sql.ts'
import type { Settings } from './alert-settings.ts'
import { type Figures, type Level, type RuleName, rules } from './alert-words.ts'

export interface Finding {
  rule: RuleName
  about: string
  figures: Figures
  /** Instead of the rule's. */
  level?: Level
  /** The record's owner. */
  person?: string
}

/** What other rooms know that is not in these tables: callbacks, poll windows. */
export type Source = (sql: Sql, tenantId: string, limits: Readonly<Record<string, number>>) => Promise<Finding[]>

/** A rule's figures as the tenant has set them; null where it is off. */
export const limitsOf = (settings: Settings, rule: RuleName): Record<string, number> | null => {
  const given = (settings.rules?.[rule] ?? {}) as Record<string, unknown>
  if (given.on === false) return null
  const limits: Record<string, number> = { ...rules[rule].limits }
  for (const key of Object.keys(limits)) if (typeof given[key] === 'number') limits[key] = given[key]
  return limits
}

const minutes = (ms: Millis): number => Math.max(0, Math.round(ms / 60_000))

/** Targets: one look at what is due tells backlog, breaker and a service that gives no proper answers. */
const targets = async (sql: Sql, tenantId: string, settings: Settings): Promise<Finding[]> => {
  const rows = await sql<{
    connection_id: string
    due: number
    oldest: number
    breaker: number
    retried: number
    troubled: number
  }>`
    select target_connection as connection_id,
      count(*) as due,
      coalesce(extract(epoch from clock_timestamp() - min(next_at) filter (where state = 'due')), 0)::float8 * 1000 as oldest,
      count(*) filter (where fault like '{"code":"send.breaker"%') as breaker,
      count(*) filter (where since is not null and (attempts > 0 or state = 'unknown')) as retried,
      coalesce(extract(epoch from clock_timestamp() - min(since) filter (where attempts > 0 or state = 'unknown')), 0)::float8 * 1000 as troubled
    from link
    where tenant_id = ${tenantId} and state in ('due', 'unknown') and (not held or state = 'unknown')
    group by target_connection`
  const found: Finding[] = []
  const service = limitsOf(settings, 'service')
  const backlog = limitsOf(settings, 'backlog')
  for (const row of rows) {
    const about = row.connection_id
    if (service && row.retried >= (service.records ?? 1) && row.troubled >= (service.forMs ?? 0))
      found.push({ rule: 'service', about, figures: { count: row.retried, minutes: minutes(row.troubled) } })
    if (limitsOf(settings, 'breaker') && row.breaker > 0)
      found.push({ rule: 'breaker', about, figures: { count: row.breaker } })
    if (backlog && (row.due > (backlog.records ?? 0) || row.oldest > (backlog.oldestMs ?? 0)))
      found.push({ rule: 'backlog', about, figures: { count: row.due, minutes: minutes(row.oldest) } })
  }
  return found
}

/** Flows: what is parked, how fast it grows, what was stopped as a loop, what waits for a choice. */
const flows = async (sql: Sql, tenantId: string, settings: Settings): Promise<Finding[]> => {
  const sync = limitsOf(settings, 'sync')
  const rows = await sql<{ pair_id: string; parked: number; recent: number; loops: number; conflicts: number }>`
    select pair_id,
      count(*) as parked,
      count(*) filter (where since > clock_timestamp() - ${sync?.withinMs ?? 0}::float8 * interval '1 millisecond') as recent,
      count(*) filter (where reason = 'loop') as loops,
      count(*) filter (where reason = 'conflict') as conflicts
    from link
    where tenant_id = ${tenantId} and state = 'parked'
    group by pair_id`
  const found: Finding[] = []
  for (const row of rows) {
    const about = row.pair_id
    const over = (rule: RuleName, count: number): boolean => {
      const limits = limitsOf(settings, rule)
      return limits !== null && count >= (limits.records ?? 1)
    }
    const parked = limitsOf(settings, 'parked')
    if (sync && row.recent >= (sync.records ?? 1))
      found.push({ rule: 'sync', about, figures: { count: row.recent, minutes: minutes(sync.withinMs ?? 0) } })
    if (parked && row.parked > (parked.records ?? 0))
      found.push({ rule: 'parked', about, figures: { count: row.parked } })
    if (row.loops > 0 && over('loop', row.loops)) found.push({ rule: 'loop', about, figures: { count: row.loops } })
    if (row.conflicts > 0 && over('conflict', row.conflicts))
      found.push({ rule: 'conflict', about, figures: { count: row.conflicts } })
  }
  return found
}

/** Calls of the day that are leased, against the connection's figure. */
const quotas = async (sql: Sql, tenantId: string, settings: Settings): Promise<Finding[]> => {
  const limits = limitsOf(settings, 'quota')
  if (!limits) return []
  const rows = await sql<{ connection_id: string; taken: number; day: number }>`
    select a.connection_id, a.taken, (c.definition -> 'limits' ->> 'perDay')::int4 as day
    from allowance a
    join connection c on c.tenant_id = a.tenant_id and c.connection_id = a.connection_id
    where a.tenant_id = ${tenantId} and a.ends_at > clock_timestamp() and c.definition -> 'limits' ->> 'perDay' is not null`
  return rows.flatMap(({ connection_id, taken, day }): Finding[] => {
    const percent = Math.floor((taken * 100) / Math.max(1, day))
    return percent >= (limits.percent ?? 80)
      ? [{ rule: 'quota', about: connection_id, figures: { count: taken, limit: day, percent } }]
      : []
  })
}

const silences = async (sql: Sql, tenantId: string, settings: Settings): Promise<Finding[]> => {
  if (!settings.noData?.length || !limitsOf(settings, 'noData')) return []
  const rows = await sql<{ connection_id: string; object: string; ms: number }>`
    select connection_id, object, extract(epoch from clock_timestamp() - seen_at)::float8 * 1000 as ms
    from data_seen
    where tenant_id = ${tenantId}`
  const [since] = await sql<{ ms: number }>`
    select extract(epoch from clock_timestamp() - changed_at)::float8 * 1000 as ms
    from alert_setting
    where tenant_id = ${tenantId}`
  return settings.noData.flatMap(({ connection, object, minutes: most }): Finding[] => {
    const own = rows.filter(
      (row) => row.connection_id === connection && (object === undefined || row.object === object),
    )
    // Nothing was ever seen: the wait began when it was asked for.
    const silent = Math.min(...own.map((row) => row.ms), own.length ? Number.POSITIVE_INFINITY : (since?.ms ?? 0))
    const about = object === undefined ? connection : `${connection}/${object}`
    return silent >= most * 60_000 ? [{ rule: 'noData', about, figures: { minutes: minutes(silent) } }] : []
  })
}

/** All that is wrong in a tenant now, but single records. */
export const findAll = async (
  sql: Sql,
  tenantId: string,
  settings: Settings,
  sources: Partial<Record<RuleName, Source>>,
): Promise<Finding[]> => {
  const found = [
    ...(await targets(sql, tenantId, settings)),
    ...(await flows(sql, tenantId, settings)),
    ...(await quotas(sql, tenantId, settings)),
    ...(await silences(sql, tenantId, settings)),
  ]
  for (const [rule, source] of Object.entries(sources)) {
    const limits = limitsOf(settings, rule as RuleName)
    if (limits && source) found.push(...(await source(sql, tenantId, limits)))
  }
  return found
}
