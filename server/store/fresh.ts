/** Test support: a database of one's own in a few milliseconds, copied from a template that was migrated once per cluster. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { startEmbedded } from './embedded.ts'
import { checksumOf, type Migration, migrate, readMigrations } from './migrate.ts'
import { openPool, type Pool, type PoolOptions } from './pool.ts'
import { ensureRoles, ROLES, type Roles } from './roles.ts'
import { raiseWalls } from './walls.ts'

export interface FreshOptions {
  /** Default: the product's. An empty list gives an empty database. */
  migrations?: readonly Migration[]
  /** Of `sql`; default 5 connections. */
  pool?: Partial<PoolOptions>
}

export interface FreshDatabase extends AsyncDisposable {
  name: string
  url: string
  roles: Roles
  /** As the owner; as `mortise_road` where MORTISE_TEST_ROLE says so (scripts/test.ts). */
  sql: Pool
  /** For what only the owner may do: alter a table, analyse it. */
  owner: Pool
  /** Another pool on it, closed with it: `db.open({ role: 'mortise_road' })`. */
  open(options?: Partial<PoolOptions>): Pool
}

interface Cluster {
  url: string
  admin: Pool
  roles: Roles
}

const TEMPLATES = 7_070_003

/** Ends the server and removes its folder once this process is gone, however it went: a shell that reads a pipe of ours until it closes. */
const endWithUs = (dir: string) => {
  const script =
    'read -r _; pid=$(head -n 1 "$1/pgdata/postmaster.pid") && kill -INT "$pid"; n=0; while [ -e "$1/pgdata/postmaster.pid" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done; rm -rf "$1"'
  const reaper = spawn('/bin/sh', ['-c', script, 'sh', dir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  reaper.on('error', () => {})
  reaper.unref()
  ;(reaper.stdin as unknown as { unref(): void }).unref()
}

/**
 * What only a crash of the operating system would need, and no test makes one: databases are made and dropped in 40 ms and not in 400. Rigs that
 * crash a database bring one of their own, which is durable.
 */
const hasty = { fsync: 'off', full_page_writes: 'off', max_wal_size: '256MB' }

const memory = '/dev/shm'
/** With room to spare: three test files, each with a few databases of 10 MB, and the log. */
const room = 2 * 2 ** 30

/**
 * Where a server that keeps nothing has its files: in memory where there is enough of it (Linux). A new database is a copy of 300 files, and a disk's
 * file system takes 100 to 350 ms of processor time for them; memory takes 20.
 */
const placeFor = async (settings: Record<string, string>): Promise<string> => {
  if (settings.fsync !== 'off') return tmpdir()
  const { bavail, bsize } = await statfs(memory).catch(() => ({ bavail: 0, bsize: 0 }))
  return bavail * bsize >= room ? memory : tmpdir()
}

/** A PostgreSQL that lives as long as this process. */
export const privateCluster = async (options: Parameters<typeof startEmbedded>[2] = {}): Promise<string> => {
  const settings = { max_connections: '200', ...hasty, ...options.settings }
  const dir = await mkdtemp(join(await placeFor(settings), 'mortise-test-'))
  const silent = { info: () => {}, warn: () => {}, error: () => {} }
  endWithUs(dir)
  return (await startEmbedded(dir, silent, { ...options, settings })).url
}

let shared: Promise<Cluster> | undefined
const cluster = (): Promise<Cluster> =>
  (shared ??= (async () => {
    const url = process.env.MORTISE_TEST_DATABASE_URL || (await privateCluster())
    const admin = openPool({ url, name: 'mortise tests', max: 4, idleTimeout: 1_000, allowExitOnIdle: true })
    return { url, admin, roles: await ensureRoles(admin) }
  })())

const databaseUrl = (url: string, name: string): string => url.replace(/\/[^/?]*(\?|$)/, `/${name}$1`)

const templates = new Map<string, Promise<string>>()

const template = ({ url, admin, roles }: Cluster, migrations: readonly Migration[]): Promise<string> => {
  const name = `mortise_template_${checksumOf(migrations).slice(0, 16)}` // the walls belong to the code: a cluster lives as long as its tests
  const make = async () => {
    // the lock lives in a transaction, `create database` may not: two connections
    await admin.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${TEMPLATES})`
      if ((await admin`select from pg_database where datname = ${name}`).length > 0) return
      const draft = `${name}_draft`
      await admin.unsafe(`drop database if exists ${draft} with (force)`)
      await admin.unsafe(`create database ${draft}`)
      const sql = openPool({ url: databaseUrl(url, draft), name: 'mortise tests', max: 1, allowExitOnIdle: true })
      try {
        await migrate(sql, migrations)
        await raiseWalls(sql, roles)
      } finally {
        await sql.end()
      }
      await admin.unsafe(`alter database ${draft} rename to ${name}`)
    })
    return name
  }
  const known = templates.get(name) ?? make()
  templates.set(name, known)
  return known
}

/** `await using db = await freshDatabase()`. On MORTISE_TEST_DATABASE_URL where it is set, else on a PostgreSQL of this process's own. */
export const freshDatabase = async (options: FreshOptions = {}): Promise<FreshDatabase> => {
  const home = await cluster()
  const from = await template(home, options.migrations ?? (await readMigrations()))
  const name = `mortise_test_${randomBytes(8).toString('hex')}`
  await home.admin.unsafe(`create database ${name} template ${from} strategy file_copy`)
  const url = databaseUrl(home.url, name)
  const pools: Pool[] = []
  const open = (more: Partial<PoolOptions> = {}): Pool => {
    const pool = openPool({ url, name: 'mortise test', max: 5, allowExitOnIdle: true, ...more })
    pools.push(pool)
    return pool
  }
  const owner = open({ max: 1 })
  const asRoad = process.env.MORTISE_TEST_ROLE === 'road' && options.migrations === undefined
  if (asRoad) {
    // tests of the road declare what they need themselves; everything else they do as the role that does it in production
    await owner.unsafe(
      `grant insert, update, delete on tenant, connection, object, pair, flow, credential to ${ROLES.road};
       grant pg_read_all_stats to ${ROLES.road}`,
    )
  }
  return {
    name,
    url,
    roles: home.roles,
    owner,
    sql: open({ ...(asRoad && { role: ROLES.road }), ...options.pool }),
    open,
    [Symbol.asyncDispose]: async () => {
      // a transaction that a failed test left open must not hang the run: the drop ends it
      const ended = Promise.allSettled(pools.map((pool) => pool.end()))
      await Promise.race([ended, wait(1_000, undefined, { ref: false })])
      await home.admin.unsafe(`drop database if exists ${name} with (force)`)
    },
  }
}
