/** A target's allowance that all nodes share: calls of the day are leased in handfuls, starts at even distance, so that no call costs a write. */
import type { Millis } from '../doc/document.ts'
import type { LimitsDef } from '../doc/flow.ts'
import { at, type Sql } from '../store/sql.ts'
import { type Granted, ratesOf } from './limits.ts'

export interface Allowance {
  /** `starts`: so many calls wait for one. Throws where the database is away. */
  lease(wanted: { day: boolean; starts: number }): Promise<Granted>
  /** Of the day that was leased last. */
  giveBack(calls: number): Promise<void>
}

export interface AllowanceDeps {
  sql: Sql
  tenantId: string
  connectionId: string
  limits: LimitsDef
  /** End of the target's calendar day. */
  dayEnd(now: Millis): Millis
  now(): Millis
}

/** A lease of starts reaches so far ahead: one write per so long, however many calls. */
const horizon: Millis = 500

/**
 * The distance at which starts satisfy every rate, though each may begin up to `slack` late: any window of a rate then holds the starts of
 * the window and its slack, which are `calls` at most.
 */
export const paceOf = (limits: LimitsDef): { every: Millis; slack: Millis } | null => {
  // Shared by all nodes, an interface's rate holds for all of them together: which one a start will be for is not known when it is leased.
  const rates = [...ratesOf(limits), ...(limits.perInterface ?? [])]
  if (!rates.length) return null
  const slack = Math.min(1_000, Math.max(100, Math.min(...rates.map((rate) => rate.every)) / 5))
  return { every: Math.max(...rates.map((rate) => (rate.every + slack) / rate.calls)), slack }
}

/** What of these limits is shared; handed to the limits and to the pool alike. */
export const sharedOf = (limits: LimitsDef): { day: boolean; pace: boolean } => ({
  day: limits.perDay !== undefined,
  pace: limits.acrossNodes === true && paceOf(limits) !== null,
})

export const openAllowance = (deps: AllowanceDeps): Allowance => {
  const { sql, tenantId, connectionId, limits } = deps
  const shared = sharedOf(limits)
  const pace = shared.pace ? paceOf(limits) : null
  /** The database's clock against ours: the day is counted on it, whatever a node's clock says. */
  let ahead: Millis = 0
  let dayEndsAt: Millis = 0

  const leaseDay = async (perDay: number): Promise<NonNullable<Granted['day']>> => {
    for (let turn = 0; ; turn++) {
      const ends = deps.dayEnd(deps.now() + ahead)
      const [row] = await sql<{ calls: number | null; ends_at: Millis; now_at: Millis }>`
        select calls, ends_at, now_at
        from lease_calls(${tenantId}, ${connectionId}, ${perDay}, ${at(ends)})`
      if (!row) throw new Error('lease_calls answers one row')
      ahead = row.now_at - deps.now()
      if (row.calls === null && turn === 0) continue
      dayEndsAt = row.ends_at
      return { calls: row.calls ?? 0, endsIn: Math.max(1, row.ends_at - row.now_at) }
    }
  }

  return {
    async lease({ day, starts }) {
      const given: Granted = {}
      if (day && limits.perDay !== undefined) given.day = await leaseDay(limits.perDay)
      if (pace && starts > 0) {
        const count = Math.max(1, Math.min(starts, Math.floor(horizon / pace.every)))
        const [row] = await sql<{ first: number }>`
          select lease_starts(${tenantId}, ${connectionId}, ${pace.every}, ${count}) as first`
        given.starts = { first: row?.first ?? 0, every: pace.every, count, slack: pace.slack }
      }
      return given
    },
    async giveBack(calls) {
      await sql`select return_calls(${tenantId}, ${connectionId}, ${calls}, ${at(dayEndsAt)})`
    },
  }
}
