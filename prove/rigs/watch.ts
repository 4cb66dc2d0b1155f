/** Looks into the database once a second for what must never be there, and says when everything has come to rest. */
import { openPool, type Pool } from '../../server/store/pool.ts'
import { pause, until } from './ground.ts'

export interface Sight {
  due: number
  working: number
  unknown: number
  waiting: number
  parked: number
  fetch: number
}

export interface Watch extends AsyncDisposable {
  /** Null while the database cannot be asked. */
  look(): Promise<Sight | null>
  /** Rows that are claimed and not ended, as `pair/link/token`. */
  held(): Promise<string[]>
  /** Everything is idle or parked, and nothing waits to be read. */
  rest(ms?: number): Promise<Sight>
  parked(): Promise<
    {
      left_id: string | null
      right_id: string | null
      reason: string
      fault: string | null
      sent_call: string | null
    }[]
  >
  /** Samples taken, and rows found working longer than lease + 5 s (promise 2). */
  samples(): { taken: number; stuck: string[] }
  sql(): Promise<Pool>
}

/**
 * `find` answers the database's address as it is now; `upSince` since when somebody is there to take back what a dead one held (epoch ms;
 * null: nobody is). A reaper begins with its first look, and looks again each second.
 */
export const openWatch = (
  find: () => Promise<string | null> | string | null,
  upSince: () => number | null = () => 0,
): Watch => {
  let pool: { url: string; sql: Pool } | null = null
  let ended = false
  let taken = 0
  const stuck: string[] = []

  const sql = async (): Promise<Pool> => {
    const url = await find()
    if (url === null) throw new Error('there is no database yet')
    if (pool?.url !== url) {
      void pool?.sql.end().catch(() => {})
      pool = {
        url,
        sql: openPool({
          url,
          name: 'rig',
          max: 2,
          connectTimeout: 2_000,
          statementTimeout: 5_000,
          allowExitOnIdle: true,
        }),
      }
    }
    return pool.sql
  }
  const asked = async <T>(ask: (db: Pool) => Promise<T>): Promise<T | null> => {
    try {
      return await ask(await sql())
    } catch {
      return null
    }
  }
  const look = (): Promise<Sight | null> =>
    asked(async (db) => {
      const [row] = await db<Record<keyof Sight, number>>`
        select (select count(*) from "fetch" where state = 'due')::int4 as fetch,
          count(*) filter (where state = 'due')::int4 as due, count(*) filter (where state = 'working')::int4 as working,
          count(*) filter (where state = 'unknown')::int4 as unknown, count(*) filter (where state = 'waiting')::int4 as waiting,
          count(*) filter (where state = 'parked')::int4 as parked
        from link`
      return row as Sight
    })

  const sampling = (async () => {
    while (!ended) {
      const late = await asked(
        (db) => db<{ name: string }>`
          select pair_id || '/' || link_id || ' until ' || lease_until || ' token ' || lease_token as name from link where state = 'working' and lease_until < clock_timestamp() - interval '5 seconds'`,
      )
      const since = upSince()
      if (late && since !== null && Date.now() - since > 2_000) {
        taken++
        for (const { name } of late)
          if (!stuck.some((one) => one.startsWith(name))) stuck.push(`${name}, seen at ${new Date().toISOString()}`)
      }
      await pause(1_000)
    }
  })()

  return {
    look,
    sql,
    held: async () =>
      (
        await asked(
          (db) =>
            db<{
              name: string
            }>`select pair_id || '/' || link_id || '/' || lease_token as name from link where state = 'working'`,
        )
      )?.map((row) => row.name) ?? [],
    rest: async (ms = 120_000) => {
      let last: Sight | null = null
      const calm = async (): Promise<Sight | false> => {
        last = await look()
        return last !== null && last.due + last.working + last.unknown + last.waiting + last.fetch === 0 ? last : false
      }
      return until('everything is at rest', calm, ms, 100).catch((error: Error) => {
        throw new Error(`${error.message}; last seen: ${JSON.stringify(last)}`)
      })
    },
    parked: async () =>
      (await sql())<{
        left_id: string | null
        right_id: string | null
        reason: string
        fault: string | null
        sent_call: string | null
      }>`
        select left_id, right_id, reason, fault, sent_call from link where state = 'parked' order by left_id, right_id`,
    samples: () => ({ taken, stuck }),
    [Symbol.asyncDispose]: async () => {
      ended = true
      await sampling
      await pool?.sql.end().catch(() => {})
    },
  }
}
