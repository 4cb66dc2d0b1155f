/** The road and the doors as main runs them: what passes is counted, traced and told on. */
import type { Directory } from '../converge/engine.ts'
import type { Road, Settle, Settled, Target } from '../converge/road.ts'
import { type TellLog, tellEnds } from '../converge/tell.ts'
import type { Turns } from '../converge/turns.ts'
import { noteEnds } from '../converge/write-back.ts'
import type { RecordDoor } from '../http/record.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Tracing } from '../observe/tracing.ts'
import type { Sql } from '../store/sql.ts'

export interface WatchedRoad {
  sql: Sql
  /** Hears of each record's end. */
  records: TellLog
  directory: Directory
  metrics: Metrics
  tracing: Tracing | null
  turns: Turns
  /** Nothing is claimed for it: a backup was restored, and its target is still to be looked at. */
  closed(target: Target): boolean
  /** After a settle: somebody at the source is to be told, functions after write are, or those who waited may go on. */
  news(): void
  after(): void
  woke(): void
}

export const watchedRoad = (
  tables: Road,
  { sql, records, directory, metrics, tracing, turns, closed, news, after, woke }: WatchedRoad,
): Road => ({
  ...tables,
  claim: async (target, ...asked) => {
    if (closed(target)) return []
    const links = await tables.claim(target, ...asked)
    metrics.claimed(links)
    tracing?.claimed(links)
    return links
  },
  mark: async (marks) => {
    const marked = await tables.mark(marks)
    turns.marked(marks, marked)
    if (tracing) for (const [i, mark] of marks.entries()) if (marked[i]) tracing.marked(mark)
    return marked
  },
  settle: async (settles: Settle[]): Promise<Settled[]> => {
    const settled = await tables.settle(settles)
    const held = settles.filter((_, i) => settled[i]?.held)
    metrics.settled(held)
    turns.settled(settles, settled)
    if (tracing) for (const one of held) tracing.settled(one)
    tellEnds(sql, records, held).catch(() => {}) // a log line is not worth a fault
    // What is lost with us between the two statements the teller finds by itself.
    if (await noteEnds(sql, directory, settles, settled).catch(() => false)) news()
    if (held.some((one) => one.after)) after()
    return settled
  },
  wake: async (keys) => {
    const woken = await tables.wake(keys)
    if (woken) woke() // those who waited may be another target's
    return woken
  },
})

export const watchedDoor = (tracing: Tracing | null, path: string, door: RecordDoor): RecordDoor =>
  tracing
    ? {
        ...door,
        visit: async (visit) => {
          const end = tracing.door(path, visit.traceId)
          try {
            const answer = await door.visit(visit)
            end(answer.status)
            return answer
          } catch (error) {
            end(503)
            throw error
          }
        },
      }
    : door
