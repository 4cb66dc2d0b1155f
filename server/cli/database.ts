/** The database that a command works on: the given one, or the embedded one of the data folder, started for the command where it is not running. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Log, startEmbedded } from '../store/embedded.ts'
import { openPool, type Pool } from '../store/pool.ts'
import type { Settings } from './settings.ts'

/** Where the embedded database lives inside the data folder; `serve` starts it there too. */
export const databaseFolder = (data: string): string => join(data, 'postgres')

export interface Database {
  sql: Pool
  url: string
  /** Closes the pool, and stops the server where nobody else uses it. */
  close(): Promise<void>
}

/** There is no database yet, and the command would find nothing in one made now. */
export class NothingHere extends Error {
  override name = 'NothingHere'
}

/** `make`: a database may be made where there is none (migrate, plan, apply). */
export const openDatabase = async (
  settings: Settings,
  { make, name, log }: { make: boolean; name: string; log: Log },
): Promise<Database> => {
  if (settings.databaseUrl !== null) {
    const sql = openPool({ url: settings.databaseUrl, name, max: 2, connectTimeout: 5_000, allowExitOnIdle: true })
    return { sql, url: settings.databaseUrl, close: () => sql.end() }
  }
  const folder = databaseFolder(settings.data)
  if (!make && !existsSync(join(folder, 'pgdata'))) {
    throw new NothingHere(
      `There is no database in ${settings.data} yet. Start Mortise first (npm start), or set MORTISE_DATA or MORTISE_DATABASE_URL.`,
    )
  }
  const embedded = await startEmbedded(folder, log)
  const sql = openPool({ url: embedded.url, name, max: 2, allowExitOnIdle: true })
  return {
    sql,
    url: embedded.url,
    close: async () => {
      await sql.end()
      await embedded.stop()
    },
  }
}
