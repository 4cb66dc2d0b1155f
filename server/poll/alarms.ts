/** What a person must hear of polling (promises 11 and 22): what was not read in time, clocks that disagree, what should have begun, what differs. */
import type { Millis, Side } from '../doc/document.ts'
import type { PollDef } from '../doc/object.ts'
import { utc, zoneOf } from '../map/zone.ts'
import type { Sql } from '../store/sql.ts'
import { lastScheduled, type Totals } from './comparisons.ts'
import { readPlanned } from './planned.ts'
import { nextRun } from './schedule.ts'
import { noticeableSkew } from './windows.ts'

/** `about`: an object, a connection or a flow, as people name it. */
export interface Alarm {
  about: string
  figures: Record<string, number>
}

interface Row {
  connection_id: string
  object: string
  done_until: Millis
  ran_at: Millis | null
  paused_by: string | null
  skew_ms: Millis | null
  now: Millis
}
/** As declared; undefined where it is not polled any more. */
type Declared = (connectionId: string, object: string) => { poll: PollDef; zone: string } | undefined

const minutes = (ms: Millis): number => Math.max(0, Math.round(ms / 60_000))

const polls = (sql: Sql, tenantId: string): Promise<Row[]> => sql<Row>`
  select connection_id, object, done_until, ran_at, paused_by, skew_ms, clock_timestamp() as now
  from poll
  where tenant_id = ${tenantId}
  order by connection_id, object`

/**
 * Since when the object should have been read again: the first time of its schedule after it last was, whatever has been in the way since (a
 * system that is down, a node that hangs, nobody who polls). Pure.
 */
export const deadlineOf = (
  { ran_at, done_until }: Pick<Row, 'ran_at' | 'done_until'>,
  { poll, zone }: { poll: PollDef; zone: string },
): Millis => {
  const next = nextRun(poll, zoneOf(zone) ?? utc, ran_at ?? done_until)
  return next === null ? Number.POSITIVE_INFINITY : next + poll.jitter
}

/** What a person paused, or the clocks, is told elsewhere. */
export const pollGaps = async (
  sql: Sql,
  tenantId: string,
  declared: Declared,
  { forMs }: { forMs: Millis },
): Promise<Alarm[]> =>
  (await polls(sql, tenantId)).flatMap((row) => {
    const known = declared(row.connection_id, row.object)
    if (!known || row.paused_by !== null || row.now - deadlineOf(row, known) < forMs) return []
    const behind = row.now + (row.skew_ms ?? 0) - row.done_until
    return [{ about: `${row.connection_id}/${row.object}`, figures: { minutes: minutes(behind) } }]
  })

/** Systems whose clock is noticeably off, and those whose polls are paused for it; `seconds` is the larger difference, theirs minus ours. */
export const clocks = async (sql: Sql, tenantId: string, declared: Declared, isPaused: boolean): Promise<Alarm[]> => {
  const found = new Map<string, Alarm>()
  for (const row of await polls(sql, tenantId)) {
    const { connection_id: about, skew_ms: skew } = row
    if (skew === null || !declared(about, row.object)) continue
    if (isPaused ? row.paused_by !== 'clock' : row.paused_by !== null || Math.abs(skew) <= noticeableSkew) continue
    const before = found.get(about)?.figures
    const seconds = Math.round(skew / 1_000)
    const larger = before && Math.abs(before.seconds ?? 0) > Math.abs(seconds) ? (before.seconds ?? 0) : seconds
    found.set(about, { about, figures: { seconds: larger, count: (before?.count ?? 0) + 1 } })
  }
  return [...found.values()]
}

/** Reconciliations and deletion sweeps whose time passed without a beginning, or that ended in error. */
export const overdue = async (
  sql: Sql,
  tenantId: string,
  isDeclared: (kind: string, name: string) => boolean,
  { forMs }: { forMs: Millis },
  now: Millis,
): Promise<Alarm[]> =>
  (await readPlanned(sql, tenantId))
    .filter((row) => isDeclared(row.kind, row.name))
    .flatMap((row) => {
      const late = now - row.next_at
      if (late < forMs && row.state !== 'error') return []
      const since = row.state === 'error' ? (row.began_at ?? row.next_at) : row.next_at
      return [{ about: `${row.kind} ${row.name}`, figures: { minutes: minutes(now - since) } }]
    })

/** What the last comparison of each flow's schedule found, also where it was sent again. */
export const differing = async (
  sql: Sql,
  tenantId: string,
  nameOf: (pairId: string, side: Side) => string | undefined,
  { records }: { records: number },
): Promise<Alarm[]> =>
  (await lastScheduled(sql, tenantId)).flatMap((row) => {
    const about = nameOf(row.pair_id, row.from_side)
    const { onlySource, onlyTarget, different, unclear, repaired } = JSON.parse(row.counts) as Totals
    const count = onlySource + onlyTarget + different + unclear
    return about === undefined || count < Math.max(1, records)
      ? []
      : [{ about, figures: { count, onlySource, onlyTarget, different, unclear, repaired } }]
  })
