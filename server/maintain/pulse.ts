/** How each flow fared minute by minute: taken by the keeper from the log of calls, read by who looks at plots. */
import type { Sql } from '../store/sql.ts'
import { readTally } from './tally.ts'

/** Plots go back a week. */
const kept = '8 days'
/** Calls that were open when a minute was counted are counted again for so long; after a pause of the keeper no more is made up for. */
const again = '3 minutes'
const atMost = '1 hour'
const backlogStates = ['due', 'working', 'waiting', 'unknown']

const LOCK = 7_070_180 // pg_try_advisory_xact_lock: one node at a time

/** Counts the minutes since the last time anew, notes what waits now, and forgets what no plot shows. */
export const takePulse = (sql: Sql): Promise<void> =>
  sql.begin(async (tx) => {
    const [mine] = await tx<{ mine: boolean }>`select pg_try_advisory_xact_lock(${LOCK}) as mine`
    if (!mine?.mine) return
    await tx`
      insert into pulse as p (tenant_id, pair_id, target_connection, minute, applied, refused, again, unanswered, ms)
      select tenant_id, pair_id, target_connection, date_trunc('minute', started_at), count(*) filter (where outcome = 'applied'),
        count(*) filter (where outcome = 'refused'), count(*) filter (where outcome = 'again'), count(*) filter (where outcome = 'unknown'),
        coalesce(sum(ms), 0)
      from attempt
      where started_at >= date_trunc('minute', greatest(
        clock_timestamp() - ${atMost}::interval,
        least(clock_timestamp(), coalesce((select max(minute) from pulse), '-infinity'::timestamptz)) - ${again}::interval))
      group by tenant_id, pair_id, target_connection, date_trunc('minute', started_at)
      on conflict (tenant_id, minute, pair_id, target_connection) do update set
        applied = excluded.applied, refused = excluded.refused, again = excluded.again, unanswered = excluded.unanswered, ms = excluded.ms`
    const waiting = new Map<string, { key: [string, string, string]; backlog: number; oldest: number | null }>()
    const { links } = await readTally(tx, null)
    for (const one of links) {
      if (!backlogStates.includes(one.state)) continue
      const key: [string, string, string] = [one.tenant_id, one.pair_id, one.target_connection]
      const name = JSON.stringify(key)
      const so = waiting.get(name) ?? { key, backlog: 0, oldest: null }
      const oldest = [so.oldest, one.oldest].filter((ms) => ms !== null)
      waiting.set(name, { key, backlog: so.backlog + one.count, oldest: oldest.length ? Math.min(...oldest) : null })
    }
    const rows = [...waiting.values()]
    const now = Date.now()
    const ages = rows.map((row) => Math.max(0, Math.round(now - (row.oldest ?? now))))
    await tx`
      insert into pulse as p (tenant_id, pair_id, target_connection, minute, backlog, oldest_ms)
      select w.tenant_id, w.pair_id, w.target_connection, date_trunc('minute', clock_timestamp()), w.backlog, w.oldest_ms
      from unnest(${rows.map((row) => row.key[0])}::text[], ${rows.map((row) => row.key[1])}::text[], ${rows.map((row) => row.key[2])}::text[],
        ${rows.map((row) => row.backlog)}::int8[], ${ages}::int8[]) as w (tenant_id, pair_id, target_connection, backlog, oldest_ms)
      on conflict (tenant_id, minute, pair_id, target_connection) do update set
        backlog = greatest(p.backlog, excluded.backlog), oldest_ms = greatest(p.oldest_ms, excluded.oldest_ms)`
    await tx`
      delete from pulse
      where minute < clock_timestamp() - ${kept}::interval`
  })

export const spans = {
  hour: { seconds: 3_600, step: 60 },
  day: { seconds: 86_400, step: 600 },
  week: { seconds: 604_800, step: 3_600 },
} as const
export type Span = keyof typeof spans

export interface Beat {
  at: number
  pairId: string
  target: string
  applied: number
  refused: number
  again: number
  unanswered: number
  ms: number
  backlog: number
  oldestMs: number
}

/** The steps of a span in which there was something, oldest first. */
export const readPulse = async (sql: Sql, tenantId: string, span: Span): Promise<Beat[]> => {
  const { seconds, step } = spans[span]
  const rows = await sql<{
    at: number
    pair_id: string
    target_connection: string
    applied: number
    refused: number
    again: number
    unanswered: number
    ms: number
    backlog: number
    oldest_ms: number
  }>`
    select to_timestamp(floor(extract(epoch from minute) / ${step}::int4) * ${step}::int4) as at, pair_id, target_connection,
      sum(applied)::int8 as applied, sum(refused)::int8 as refused, sum(again)::int8 as again, sum(unanswered)::int8 as unanswered,
      sum(ms)::int8 as ms, max(backlog) as backlog, max(oldest_ms) as oldest_ms
    from pulse
    where tenant_id = ${tenantId} and minute >= clock_timestamp() - ${seconds}::int4 * interval '1 second'
    group by 1, 2, 3
    order by 1, 2, 3`
  return rows.map(({ pair_id: pairId, target_connection: target, oldest_ms: oldestMs, ...rest }) => ({
    ...rest,
    pairId,
    target,
    oldestMs,
  }))
}
