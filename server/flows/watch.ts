/** Tells when the configuration has changed: NOTIFY at once, and a look as the net: every ten seconds, every two while nobody could be heard. */
import pg from 'pg'
import type { Sql } from '../store/sql.ts'

const NET = 10_000
const DEAF = 2_000
const RECONNECT = 5_000

/** Changes whenever any tenant's configuration does, also when a tenant comes or goes. */
export const readRevision = async (sql: Sql): Promise<string> => {
  const [row] = await sql<{ revision: string }>`
    select count(*) || '/' || coalesce(sum(config_revision), 0) as revision
    from tenant`
  return row?.revision ?? '0/0'
}

export interface Watch {
  /** Looks now: `serve` calls it after applying a file itself. */
  look(): Promise<void>
  stop(): Promise<void>
}

export interface WatchDeps {
  sql: Sql
  /** For the listening connection; without it only the net looks. */
  url?: string
  /** The revision that the caller has loaded. */
  seen: string
  /** Called one at a time. When it throws, the same change is told again at the next look. */
  onChange(revision: string): Promise<void>
  log(sentence: string): void
}

/** A database that is away is waited for in silence: whoever needs it says so (the pool's own errors). */
export const watch = (deps: WatchDeps): Watch => {
  const { sql, url, onChange, log } = deps
  let { seen } = deps
  let stopped = false
  let looking: Promise<void> | null = null
  let again = false
  let listener: pg.Client | null = null
  let retry: NodeJS.Timeout | undefined
  let hearing = false

  const lookOnce = async () => {
    let revision: string
    try {
      revision = await readRevision(sql)
    } catch {
      return
    }
    if (revision === seen || stopped) return
    try {
      await onChange(revision)
      seen = revision
    } catch (error) {
      log(`The changed configuration could not be loaded, the former one stays in use: ${(error as Error).message}`)
    }
  }

  const look = (): Promise<void> => {
    if (looking) {
      again = true // what changed after that look began is looked at once more
      return looking
    }
    looking = (async () => {
      do {
        again = false
        await lookOnce()
      } while (again && !stopped)
      looking = null
    })()
    return looking
  }

  const listen = async () => {
    if (!url || stopped) return
    const client = new pg.Client({ connectionString: url, application_name: 'mortise configuration', keepAlive: true })
    const lost = () => {
      if (listener !== client) return
      listener = null
      hearing = false
      client.end().catch(() => {})
      if (!stopped) retry = setTimeout(() => void listen(), RECONNECT).unref()
    }
    listener = client
    client.on('error', lost)
    client.on('end', lost)
    client.on('notification', () => void look())
    try {
      await client.connect()
      await client.query('listen mortise_config')
      hearing = true
      await look() // what changed before we listened
    } catch {
      lost()
    }
  }

  let net: NodeJS.Timeout | undefined
  const spread = () => {
    if (!stopped) net = setTimeout(() => void look().then(spread), hearing ? NET : DEAF).unref()
  }
  spread()
  void listen()

  return {
    look,
    stop: async () => {
      stopped = true
      clearTimeout(net)
      clearTimeout(retry)
      const client = listener
      listener = null
      await client?.end().catch(() => {})
      await looking
    },
  }
}
