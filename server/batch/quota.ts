/** How often a client may call a path: so many in a calendar day and in a clock hour of the tenant's zone, exact over all nodes and restarts, by the database's clock (promise 25). */
import type { Millis } from '../doc/document.ts'
import { at, type Sql } from '../store/sql.ts'

export interface Counted {
  tenantId: string
  clientId: string
  path: string
  zone: string
  perDay: number
  perHour: number
}

export interface Quota {
  limit: number
  remaining: number
  /** Seconds until the narrower window is over. */
  reset: number
  /** Which window that is. */
  window: 'day' | 'hour'
}

interface Row {
  day_used: number
  hour_used: number
  line: number
  day_left: number
  hour_left: number
}

const quotaOf = (
  { perDay, perHour }: Counted,
  row: Pick<Row, 'day_used' | 'hour_used' | 'day_left' | 'hour_left'>,
): Quota => {
  const [day, hour] = [perDay - row.day_used, perHour - row.hour_used]
  return day <= hour
    ? { limit: perDay, remaining: Math.max(0, day), reset: Math.max(1, Math.ceil(row.day_left)), window: 'day' }
    : { limit: perHour, remaining: Math.max(0, hour), reset: Math.max(1, Math.ceil(row.hour_left)), window: 'hour' }
}

/**
 * Counts one call and answers its place in the client's line, or null when a window is used up. Inside the caller's transaction: whoever is
 * refused afterwards rolls back and has not been counted. A window never goes back: one who waited for the row over midnight with the clock
 * of before must not begin the old day again.
 */
export const takeTurn = async (
  tx: Sql,
  counted: Counted,
  now: Millis | null,
): Promise<{ line: number; quota: Quota } | null> => {
  const { tenantId, clientId, path, zone, perDay, perHour } = counted
  const [row] = await tx<Row>`
    with clock as materialized (
      select coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) as now),
    windows as materialized (
      select now,
        date_trunc('day', now at time zone ${zone}) at time zone ${zone} as day,
        (date_trunc('day', now at time zone ${zone}) + interval '1 day') at time zone ${zone} as day_end,
        date_trunc('hour', now at time zone ${zone}) at time zone ${zone} as hour,
        (date_trunc('hour', now at time zone ${zone}) + interval '1 hour') at time zone ${zone} as hour_end
      from clock)
    insert into batch_quota as q (tenant_id, client_id, path, day, day_used, hour, hour_used, line)
    select ${tenantId}, ${clientId}, ${path}, day, 1, hour, 1, 1 from windows
    on conflict (tenant_id, client_id, path) do update set
      day = greatest(q.day, excluded.day),
      day_used = case when excluded.day > q.day then 0 else q.day_used end + 1,
      hour = greatest(q.hour, excluded.hour),
      hour_used = case when excluded.hour > q.hour then 0 else q.hour_used end + 1,
      line = q.line + 1
    where case when excluded.day > q.day then 0 else q.day_used end < ${perDay}
      and case when excluded.hour > q.hour then 0 else q.hour_used end < ${perHour}
    returning day_used, hour_used, line,
      (select extract(epoch from day_end - now) from windows)::float8 as day_left,
      (select extract(epoch from hour_end - now) from windows)::float8 as hour_left`
  return row ? { line: row.line, quota: quotaOf(counted, row) } : null
}

/** What is left, without counting. */
export const readQuota = async (sql: Sql, counted: Counted, now: Millis | null): Promise<Quota> => {
  const { tenantId, clientId, path, zone } = counted
  const [row] = await sql<Row>`
    with clock as materialized (
      select coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) as now),
    windows as materialized (
      select now,
        date_trunc('day', now at time zone ${zone}) at time zone ${zone} as day,
        (date_trunc('day', now at time zone ${zone}) + interval '1 day') at time zone ${zone} as day_end,
        date_trunc('hour', now at time zone ${zone}) at time zone ${zone} as hour,
        (date_trunc('hour', now at time zone ${zone}) + interval '1 hour') at time zone ${zone} as hour_end
      from clock)
    select
      case when q.day >= w.day then q.day_used else 0 end as day_used,
      case when q.hour >= w.hour then q.hour_used else 0 end as hour_used,
      extract(epoch from w.day_end - w.now)::float8 as day_left,
      extract(epoch from w.hour_end - w.now)::float8 as hour_left
    from windows w
    left join batch_quota q on q.tenant_id = ${tenantId} and q.client_id = ${clientId} and q.path = ${path}`
  return quotaOf(counted, row as Row)
}
