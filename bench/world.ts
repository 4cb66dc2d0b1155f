/** One Mortise with a data folder, a database and a target of its own, and what the bench asks of them. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { configuration, customerPush, customers, numbered, tenantId } from './orders.ts'
import { cpuOf, end, type Generator, hasProc, type MortiseProcess, startMortise } from './processes.ts'

/** Calls at the same time that the target of the bench allows. */
export const targetConcurrency = 128

export interface Durability {
  server: string
  fsync: string
  synchronous_commit: string
  full_page_writes: string
}

/** A figure without durability would be of another product. */
export class NotDurable extends Error {
  override name = 'NotDurable'
}

export const durability = async (sql: pg.Client): Promise<Durability> => {
  const { rows } = await sql.query<Durability>(
    `select current_setting('server_version') as server, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as synchronous_commit, current_setting('full_page_writes') as full_page_writes`,
  )
  const found = rows[0] as Durability
  const off = (['fsync', 'synchronous_commit', 'full_page_writes'] as const).filter((name) =>
    ['off', 'local'].includes(found[name]),
  )
  if (off.length)
    throw new NotDurable(
      `${off.map((name) => `${name} is ${found[name]}`).join(', ')}: nothing is measured on a server that may lose what it acknowledged.`,
    )
  return found
}

/** Of a whole phase: seconds of CPU, of Node and of PostgreSQL with all its backends. */
export interface Cpu {
  node: number
  postgres: number
}

export interface World {
  mortise: MortiseProcess
  sql: pg.Client
  url: string
  /** Null where PostgreSQL is not ours to look at. */
  postgresPid: number | null
  durable: Durability
  /** Commit times of transactions are kept (`track_commit_timestamp`). */
  commitTimes: boolean
  cpu(): Cpu
  /** Waits until so many records of W2 from this number on are recorded. */
  recorded(first: number, count: number, limitMs: number): Promise<void>
  /** Stops and starts again; answers the ms from spawn to ready. */
  restart(): Promise<number>
  stop(): Promise<void>
}

export const databaseAt = (url: string, name: string): string => url.replace(/\/[^/?]*(\?|$)/, `/${name}$1`)

/** A database on the same server, empty. */
export const freshDatabase = async (sql: pg.Client, url: string, name: string): Promise<string> => {
  await sql.query(`drop database if exists ${name} with (force)`)
  await sql.query(`create database ${name}`)
  return databaseAt(url, name)
}

/** Cheap enough to be asked while it is measured: both answers come from small partial indexes. */
const busy = `
  select exists (select from link where tenant_id = '${tenantId}' and target_connection = 'crm' and state in ('due', 'unknown') and (not held or state = 'unknown'))
    or exists (select from link where state = 'working') as busy`
const pending = `
  select count(*)::int4 as n from link
  where tenant_id = '${tenantId}' and pair_id = 'order' and left_id between $1 and $2 and state = 'idle' and reason = 'applied'`

export const openWorld = async (
  data: string,
  targetPort: number,
  generator: Generator,
  sourcePort?: number,
): Promise<World> => {
  const config = join(data, 'bench.yaml')
  // Port 1 is nobody's: what is sent there finds no connection.
  await writeFile(
    config,
    configuration(
      `http://127.0.0.1:${targetPort}`,
      'http://127.0.0.1:1',
      targetConcurrency,
      sourcePort === undefined ? undefined : `http://127.0.0.1:${sourcePort}`,
    ),
  )
  const given = process.env.MORTISE_DATABASE_URL
  const env = { MORTISE_DATA: data, MORTISE_CONFIG: config }
  if (given) {
    const first = new pg.Client({ connectionString: given })
    await first.connect()
    await durability(first).finally(() => first.end())
  }

  const open = async () => {
    const mortise = await startMortise(env)
    const card = given
      ? null
      : (JSON.parse(await readFile(join(data, 'postgres/embedded.json'), 'utf8')) as { port: number; password: string })
    const url = given ?? `postgresql://mortise:${card?.password}@127.0.0.1:${card?.port}/mortise`
    const sql = new pg.Client({ connectionString: url, application_name: 'mortise bench' })
    sql.on('error', () => {})
    await sql.connect()
    const postgresPid = given
      ? null
      : Number((await readFile(join(data, 'postgres/pgdata/postmaster.pid'), 'utf8')).split('\n')[0])
    return { mortise, url, sql, postgresPid }
  }
  let now = await open()
  const close = async (): Promise<void> => {
    await now.sql.end().catch(() => {})
    await end(now.mortise.child)
  }
  const durable = await durability(now.sql).catch(async (error: unknown) => {
    await close()
    throw error
  })
  if (!given) {
    // When a record is recorded is read from the commit of its settle.
    await now.sql.query('alter system set track_commit_timestamp = on')
    await close()
    now = await open()
  }
  const { rows } = await now.sql.query<{ on: string }>(`select current_setting('track_commit_timestamp') as on`)

  const world: World = {
    get mortise() {
      return now.mortise
    },
    get sql() {
      return now.sql
    },
    get url() {
      return now.url
    },
    get postgresPid() {
      return now.postgresPid
    },
    durable,
    commitTimes: rows[0]?.on === 'on',
    cpu: () => ({
      node: hasProc ? cpuOf(now.mortise.child.pid ?? 0, false) : 0,
      postgres: hasProc && now.postgresPid ? cpuOf(now.postgresPid, true) : 0,
    }),
    async recorded(first, count, limitMs) {
      const range = [`O-${numbered(first)}`, `O-${numbered(first + count - 1)}`]
      for (const until = Date.now() + limitMs; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
        const { rows: found } = await now.sql.query<{ busy: boolean }>({ name: 'busy', text: busy })
        if (found[0]?.busy && Date.now() < until) continue
        const { rows: counted } = await now.sql.query<{ n: number }>({ name: 'pending', text: pending, values: range })
        const n = counted[0]?.n ?? 0
        if (n === count) return
        if (Date.now() > until) {
          const { rows: rest } = await now.sql.query(
            `select state, reason, left(fault, 200) as fault, count(*)::int4 as n from link
            where tenant_id = '${tenantId}' and pair_id = 'order' and left_id between $1 and $2 group by 1, 2, 3 order by 4 desc limit 5`,
            range,
          )
          throw new Error(
            `${count - n} of ${count} records were not recorded in ${limitMs} ms: ${JSON.stringify(rest)}`,
          )
        }
      }
    },
    async restart() {
      await close()
      now = await open()
      return now.mortise.readyMs
    },
    stop: close,
  }

  // The customers that the orders refer to travel the same road, once.
  await generator.run({ port: now.mortise.port, request: customerPush(), connections: 4, first: 0, count: customers })
  for (const until = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const { rows: mapped } = await now.sql.query<{ n: number }>(
      `select count(*)::int4 as n from link where pair_id = 'customer' and right_id is not null`,
    )
    if ((mapped[0]?.n ?? 0) >= customers) break
    if (Date.now() > until) throw new Error('the customers of the bench were not mapped in 30 s')
  }
  return world
}
