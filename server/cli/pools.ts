/** The database of a node: given or embedded, migrated, walls up, and a pool for each kind of work, each in the role of least rights. */
import { type EmbeddedPostgres, startEmbedded } from '../store/embedded.ts'
import { migrate, readMigrations } from '../store/migrate.ts'
import { openPool, type Pool } from '../store/pool.ts'
import { connectionFor, ensureRoles } from '../store/roles.ts'
import { raiseWalls } from '../store/walls.ts'
import type { Logbook } from '../observe/log.ts'
import { databaseFolder } from './database.ts'
import type { Settings } from './settings.ts'

export interface Pools {
  url: string
  /** No connection of a tenant may reach it. */
  place: { host: string; port: number }
  /** Prepares the database and applies what start-up declares. */
  owner: Pool
  doors: Pool
  road: Pool
  /** May forget in a crash of the database: claims, and words between nodes. */
  claims: Pool
  people: Pool
  /** Ends the connections, then the server where it is ours. */
  close(): Promise<void>
}

const openDatabase = async (
  settings: Settings,
  log: ReturnType<Logbook['of']>,
): Promise<{ url: string; embedded: EmbeddedPostgres | null }> => {
  if (settings.databaseUrl !== null) return { url: settings.databaseUrl, embedded: null }
  const embedded = await startEmbedded(databaseFolder(settings.data), {
    info: (sentence) => log.info(sentence),
    warn: (sentence) => log.warn(sentence),
    error: (sentence) => log.error(sentence),
  })
  return { url: embedded.url, embedded }
}

/** `out`: where a person reads that both roles are one. */
export const openPools = async (settings: Settings, book: Logbook, out: (text: string) => void): Promise<Pools> => {
  const { url, embedded } = await openDatabase(settings, book.of('postgres'))
  const database = new URL(url)
  book.hide([decodeURIComponent(database.password)])
  const onIdleError = (error: Error): void => void book.log.warn({ err: error }, 'an idle database connection ended')
  const owner = openPool({ url, name: 'mortise owner', max: 2, statementTimeout: 60_000, onIdleError })
  const roles = await ensureRoles(owner)
  await migrate(owner, await readMigrations())
  await raiseWalls(owner, roles)
  if (roles.roles === 'single') out(`${roles.sentence}\n`)
  // Doors, engine and people do not wait for each other's connections.
  const asRoad = { ...connectionFor(url, roles, 'road'), onIdleError }
  const asApp = { ...connectionFor(url, roles, 'app'), onIdleError }
  const doors = openPool({ ...asRoad, name: 'mortise doors', max: 6, statementTimeout: 10_000 })
  const road = openPool({ ...asRoad, name: 'mortise road', max: 8, statementTimeout: 60_000 })
  const claims = openPool({ ...asRoad, name: 'mortise claims', max: 3, mayForget: true, statementTimeout: 60_000 })
  const people = openPool({ ...asApp, name: 'mortise people', max: 6, statementTimeout: 60_000 })
  return {
    url,
    place: { host: database.hostname, port: Number(database.port || 5432) },
    owner,
    doors,
    road,
    claims,
    people,
    close: async () => {
      await Promise.all([owner, doors, road, claims, people].map((pool) => pool.end()))
      await embedded?.stop()
    },
  }
}
