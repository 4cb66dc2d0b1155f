/** What is left of a target's limits, by path: counted before a call leaves, exact over all nodes and restarts, never reset backwards. */
import type { Millis } from '../doc/document.ts'
import { at, type Sql } from '../store/sql.ts'
import type { Lane } from './deps.ts'
import type { Span } from './pace.ts'

export interface Left {
  spans: Span[]
  heldFor: Millis
}

interface Row {
  day_used: number
  hour_used: number
  day_left: number
  hour_left: number
  held_for: number | null
}

const leftOf = ({ perDay, perHour }: Lane, row: Row): Left => ({
  spans: [
    { limit: perDay, left: perDay - row.day_used, endsIn: row.day_left },
    { limit: perHour, left: perHour - row.hour_used, endsIn: row.hour_left },
  ],
  heldFor: Math.max(0, row.held_for ?? 0),
})

/** Locks the path until the transaction ends, counts `calls` (0 or 1), and tells what is left after it. */
export const lockQuota = async (tx: Sql, lane: Lane, calls: 0 | 1, now: Millis | null): Promise<Left> => {
  const { tenantId, connectionId, path, zone } = lane
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
    insert into out_quota as q (tenant_id, connection_id, path, day, day_used, hour, hour_used)
    select ${tenantId}, ${connectionId}, ${path}, day, ${calls}, hour, ${calls} from windows
    on conflict (tenant_id, connection_id, path) do update set
      day = greatest(q.day, excluded.day),
      day_used = case when excluded.day > q.day then 0 else q.day_used end + ${calls},
      hour = greatest(q.hour, excluded.hour),
      hour_used = case when excluded.hour > q.hour then 0 else q.hour_used end + ${calls}
    returning day_used, hour_used,
      (select extract(epoch from day_end - now) * 1000 from windows)::float8 as day_left,
      (select extract(epoch from hour_end - now) * 1000 from windows)::float8 as hour_left,
      (select extract(epoch from q.held_until - now) * 1000 from windows)::float8 as held_for`
  return leftOf(lane, row as Row)
}

/** What was used of one span: `used` of `limit` calls, until `endsAt`. */
export interface Used {
  used: number
  limit: number
  endsAt: Millis
}

export interface Quota {
  hour: Used
  day: Used
  /** The target asked to wait until then. */
  heldUntil: Millis | null
  why: string | null
}

/** For people: what was counted, without a lock; a span that is over counts as unused. */
export const readQuota = async (
  sql: Sql,
  { tenantId, connectionId, path, zone, perDay, perHour }: Lane,
): Promise<Quota> => {
  const [row] = await sql<{
    day_used: number
    hour_used: number
    day_end: Millis
    hour_end: Millis
    held_until: Millis | null
    why: string | null
  }>`
    with windows as materialized (
      select now(),
        date_trunc('day', now() at time zone ${zone}) at time zone ${zone} as day,
        (date_trunc('day', now() at time zone ${zone}) + interval '1 day') at time zone ${zone} as day_end,
        date_trunc('hour', now() at time zone ${zone}) at time zone ${zone} as hour,
        (date_trunc('hour', now() at time zone ${zone}) + interval '1 hour') at time zone ${zone} as hour_end)
    select case when q.day >= w.day then q.day_used else 0 end as day_used, case when q.hour >= w.hour then q.hour_used else 0 end as hour_used,
      w.day_end, w.hour_end, case when q.held_until > now() then q.held_until end as held_until, q.why
    from windows w
    left join out_quota q on q.tenant_id = ${tenantId} and q.connection_id = ${connectionId} and q.path = ${path}`
  const { day_used, hour_used, day_end, hour_end, held_until, why } = row as NonNullable<typeof row>
  return {
    hour: { used: hour_used, limit: perHour, endsAt: hour_end },
    day: { used: day_used, limit: perDay, endsAt: day_end },
    heldUntil: held_until,
    why: held_until === null ? null : why,
  }
}

/** The target asked to wait, or its answer says that nothing is left. */
export const hold = (sql: Sql, lane: Lane, until: Millis, why: string): Promise<unknown> => sql`
  update out_quota set held_until = greatest(held_until, ${at(until)}), why = ${why}
  where tenant_id = ${lane.tenantId} and connection_id = ${lane.connectionId} and path = ${lane.path}`
