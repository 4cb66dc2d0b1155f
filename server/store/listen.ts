/** Word between nodes by LISTEN and NOTIFY: only a hint, for whoever misses it finds the same by looking (architecture.md, "Wake-ups"). */
import pg from 'pg'
import type { Sql } from './sql.ts'

const reconnectMs = 5_000

/** Tells `heard` of every word on the channel, and once after each (re)connection, for what was missed. */
export const listen = (url: string, channel: string, heard: (payload: string | null) => void) => {
  let stopped = false
  let client: pg.Client | null = null
  let retry: NodeJS.Timeout | undefined

  const open = async (): Promise<void> => {
    if (stopped) return
    const mine = new pg.Client({ connectionString: url, application_name: `mortise ${channel}`, keepAlive: true })
    const lost = (): void => {
      if (client !== mine) return
      client = null
      mine.end().catch(() => {})
      if (!stopped) retry = setTimeout(() => void open(), reconnectMs).unref()
    }
    client = mine
    mine.on('error', lost)
    mine.on('end', lost)
    mine.on('notification', (word) => heard(word.payload ?? ''))
    try {
      await mine.connect()
      await mine.query(`listen ${pg.escapeIdentifier(channel)}`)
      heard(null)
    } catch {
      lost()
    }
  }
  void open()
  return {
    stop: async (): Promise<void> => {
      stopped = true
      clearTimeout(retry)
      const mine = client
      client = null
      await mine?.end().catch(() => {})
    },
  }
}

/**
 * Sends word at most once per `everyMs`: the first at once, what comes in between with the next (leading edge). A transaction of its own,
 * for NOTIFY takes a lock at commit that all of the cluster's notifiers share.
 */
export const notifier = (sql: Sql, channel: string, payload: string, everyMs = 50) => {
  let waiting: NodeJS.Timeout | null = null
  let again = false
  const send = (): void => {
    again = false
    waiting = setTimeout(() => {
      waiting = null
      if (again) send()
    }, everyMs)
    waiting.unref()
    sql`select pg_notify(${channel}, ${payload})`.catch(() => {}) // a lost word costs one sweep
  }
  return {
    tell: (): void => {
      if (waiting) again = true
      else send()
    },
    stop: (): void => {
      if (waiting) clearTimeout(waiting)
      waiting = null
      again = false
    },
  }
}
