/** A backup of the whole database into one file, and back: every table by COPY in one snapshot, restored in one transaction. */
import { createHash, type Hash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { BackupRefused, frame, jsonFrame, readFrames } from './frames.ts'
import type { Migration } from './migrate.ts'
import { type Answer, type Sql, sqlOver } from './sql.ts'

export { BackupRefused } from './frames.ts'

interface Table {
  name: string
  columns: string[]
}

export interface Manifest {
  mortise: 'backup'
  format: 1
  /** Of the program that wrote it. */
  version: string
  /** Of the snapshot, by the database's clock, epoch ms. */
  at: number
  postgres: string
  migrations: { number: number; name: string; checksum: string }[]
  tables: Table[]
  /** Days that had partitions of their own: 2026-11-25. */
  days: string[]
}

export interface Written {
  at: number
  tables: number
  rows: number
  bytes: number
}

const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url, application_name: 'mortise backup' })
  client.on('error', () => {})
  await client.connect()
  // With policies that hide rows a backup would be a part of one: then it must fail. Text of COPY must not depend on the session.
  await client.query(
    `set row_security = off; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set timezone = 'UTC';
     set datestyle = 'ISO'; set intervalstyle = 'postgres'; set bytea_output = 'hex'; set extra_float_digits = 3`,
  )
  return client
}

const identifier = (name: string): string => pg.escapeIdentifier(name)

/** Tables of the program with the columns that hold something, parents before their children; partitions are in their parent's rows. */
const tablesOf = async (client: pg.Client): Promise<Table[]> => {
  const { rows } = await client.query<{ name: string; columns: string[]; needs: string[] }>(`
    select c.relname as name,
      array(
        select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        order by a.attnum) as columns,
      array(
        select distinct r.relname::text from pg_constraint k join pg_class r on r.oid = k.confrelid
        where k.conrelid = c.oid and k.contype = 'f' and k.confrelid <> c.oid) as needs
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'migration'
    order by c.relname`)
  const ordered: Table[] = []
  const placed = new Set<string>()
  for (let left = rows; left.length; ) {
    const next = left.filter((one) => one.needs.every((need) => placed.has(need)))
    if (!next.length)
      throw new Error(`tables refer to each other in a circle: ${left.map((one) => one.name).join(', ')}`)
    for (const { name, columns } of next) {
      ordered.push({ name, columns })
      placed.add(name)
    }
    left = left.filter((one) => !placed.has(one.name))
  }
  return ordered
}

const appliedOf = async (client: pg.Client): Promise<Manifest['migrations']> =>
  (await client.query('select number, name, checksum from migration order by number')).rows as Manifest['migrations']

/** What was hashed is what is in the file: `Z` at its end holds it. */
const hashing =
  (out: Writable, hash: Hash) =>
  async (bytes: Buffer): Promise<void> => {
    hash.update(bytes)
    if (!out.write(bytes)) await new Promise<void>((done) => out.once('drain', done))
  }

/**
 * Writes everything that is committed at this moment, while the nodes work on. The file appears under its name when it is whole and on the
 * disk, readable by its owner only: it holds what came in, and secrets encrypted under a key that is not in it.
 */
export const writeBackup = async (url: string, file: string, version: string): Promise<Written> => {
  if (await stat(file).catch(() => null)) throw new BackupRefused(`${file} is there already. Choose another name.`)
  const client = await connect(url)
  const draft = `${file}.part`
  const sink = createWriteStream(draft, { mode: 0o600, flush: true })
  const gzip = createGzip({ level: 3 })
  const done = pipeline(gzip, sink)
  done.catch(() => {})
  const hash = createHash('sha256')
  const put = hashing(gzip, hash)
  try {
    await client.query('begin isolation level repeatable read, read only')
    const { rows: clock } = await client.query<{ at: string; postgres: string }>(
      `select (extract(epoch from clock_timestamp()) * 1000)::int8::text as at, current_setting('server_version') as postgres`,
    )
    const { rows: days } = await client.query<{ day: string }>(`
      select distinct to_char(to_date(right(c.relname, 8), 'YYYYMMDD'), 'YYYY-MM-DD') as day
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent in ('arrival'::regclass, 'attempt'::regclass) and c.relname ~ '_[0-9]{8}$'
      order by 1`)
    const manifest: Manifest = {
      mortise: 'backup',
      format: 1,
      version,
      at: Number(clock[0]?.at),
      postgres: clock[0]?.postgres ?? '',
      migrations: await appliedOf(client),
      tables: await tablesOf(client),
      days: days.map((row) => row.day),
    }
    await put(jsonFrame('M', manifest))
    let rows = 0
    for (const { name, columns } of manifest.tables) {
      await put(jsonFrame('T', { table: name }))
      const list = columns.map(identifier).join(', ')
      const copy = client.query(copyTo(`copy (select ${list} from ${identifier(name)}) to stdout`))
      for await (const part of copy) await put(frame('D', part as Buffer))
      rows += copy.rowCount
      await put(jsonFrame('E', { table: name, rows: copy.rowCount }))
    }
    // Last: sequences know no snapshot, and must not stand below a number in the rows.
    const { rows: sequences } = await client.query<{ name: string }>(`
      select sequencename as name from pg_sequences where schemaname = 'public' order by 1`)
    const standing: { name: string; last: string; called: boolean }[] = []
    for (const { name } of sequences) {
      const { rows: at } = await client.query<{ last: string; called: boolean }>(
        `select last_value::text as last, is_called as called from ${identifier(name)}`,
      )
      if (at[0]) standing.push({ name, ...at[0] })
    }
    await client.query('commit')
    await put(jsonFrame('S', standing))
    gzip.end(jsonFrame('Z', { sha256: hash.digest('hex') }))
    await done
    await rename(draft, file)
    const folder = await open(dirname(file), 'r')
    await folder.sync().catch(() => {}) // not every system can
    await folder.close()
    return { at: manifest.at, tables: manifest.tables.length, rows, bytes: (await stat(file)).size }
  } catch (error) {
    gzip.destroy()
    await finished(sink).catch(() => {})
    await rm(draft, { force: true })
    throw error
  } finally {
    await client.end().catch(() => {})
  }
}

const manifestOf = (bytes: Buffer, file: string): Manifest => {
  const manifest = JSON.parse(bytes.toString()) as Manifest
  if (manifest.mortise !== 'backup') throw new BackupRefused(`${file} is not a backup of Mortise.`)
  if (manifest.format !== 1)
    throw new BackupRefused(`${file} was written by a newer Mortise (${manifest.version}). Use that one.`)
  return manifest
}

/** What the file says of itself, without reading it to its end. */
export const readManifest = async (file: string): Promise<Manifest> => {
  for await (const { kind, bytes } of readFrames(file)) {
    if (kind === 'M') return manifestOf(bytes, file)
    break
  }
  throw new BackupRefused(`${file} is not a backup of Mortise.`)
}

/** Reads a file to its end: whole, undamaged, and with how many rows. Touches no database. */
export const verifyBackup = async (file: string): Promise<{ manifest: Manifest; rows: number }> => {
  let manifest: Manifest | null = null
  let rows = 0
  for await (const { kind, bytes } of readFrames(file)) {
    if (kind === 'M') manifest = manifestOf(bytes, file)
    if (kind === 'E') rows += (JSON.parse(bytes.toString()) as { rows: number }).rows
  }
  if (!manifest) throw new BackupRefused(`${file} is not a backup of Mortise.`)
  return { manifest, rows }
}

/** The migrations to which a database must be brought before this backup fits: those it was made with, all known to us and unchanged. */
export const migrationsFor = (manifest: Manifest, known: readonly Migration[]): Migration[] =>
  manifest.migrations.map(({ number, name, checksum }) => {
    const mine = known.find((one) => one.number === number)
    if (!mine)
      throw new BackupRefused(
        `This backup was made by a newer Mortise (${manifest.version}): it has migration ${name}, which this version does not know. Restore it with that version.`,
      )
    if (mine.checksum !== checksum)
      throw new BackupRefused(`Migration ${name} is not the one that the backup was made with.`)
    return mine
  })

export interface RestoreOptions {
  /** What is in the database may go. */
  replace: boolean
  /** In the same transaction, once all is there. */
  before(tx: Sql, manifest: Manifest): Promise<unknown>
}

type CopySink = Writable & { rowCount: number }

const written = async (sink: Writable, bytes: Buffer): Promise<void> => {
  if (sink.errored) throw sink.errored
  if (!sink.write(bytes)) await Promise.race([once(sink, 'drain'), finished(sink)])
}

/** The one connection as the SQL tag; its transaction is the caller's. */
const sqlOf = (client: pg.Client): Sql => {
  const sql: Sql = sqlOver({
    run: (statement) => client.query(statement as pg.QueryConfig) as unknown as Promise<Answer>,
    begin: (work) => work(sql),
  })
  return sql
}

/**
 * Fills a database that has the backup's migrations (`migrationsFor`) in one transaction: after a failure it is as it was. Refused while a node of
 * Mortise is connected, and where there is something already and it was not said that it may go.
 */
export const restoreBackup = async (
  url: string,
  file: string,
  options: RestoreOptions,
): Promise<{ rows: number; tables: number }> => {
  const client = await connect(url)
  let sink = null as CopySink | null
  try {
    const { rows: nodes } = await client.query<{ count: string }>(
      `select count(*)::text as count from pg_stat_activity
       where datname = current_database() and application_name in ('mortise doors', 'mortise road', 'mortise configuration', 'mortise mortise_work')`,
    )
    if (nodes[0]?.count !== '0')
      throw new BackupRefused(
        'Mortise is running on this database. Stop every node first: what they send meanwhile would not be known afterwards.',
      )
    await client.query('begin')
    let manifest: Manifest | null = null
    let rows = 0
    const triggers: string[] = []
    for await (const { kind, bytes } of readFrames(file)) {
      switch (kind) {
        case 'M': {
          manifest = manifestOf(bytes, file)
          const here = await appliedOf(client)
          if (JSON.stringify(here) !== JSON.stringify(manifest.migrations))
            throw new BackupRefused('The database does not have the migrations that this backup was made with.')
          const all = manifest.tables.map((table) => identifier(table.name))
          if (!options.replace) {
            const { rows: some } = await client.query(
              'select from tenant union all select from arrival union all select from link limit 1',
            )
            if (some.length)
              throw new BackupRefused('There is something in this database already. Add --replace if all of it may go.')
          }
          await client.query(`truncate ${all.join(', ')}`)
          for (const day of manifest.days) await client.query('select make_partitions($1::date)', [day])
          // What triggers derive is in the backup as it was; they must not derive it anew.
          const { rows: own } = await client.query<{ name: string }>(`
            select distinct c.relname as name from pg_trigger t join pg_class c on c.oid = t.tgrelid
            where not t.tgisinternal and t.tgenabled = 'O' and c.relnamespace = 'public'::regnamespace and not c.relispartition`)
          for (const { name } of own) {
            await client.query(`alter table ${identifier(name)} disable trigger user`)
            triggers.push(name)
          }
          break
        }
        case 'T': {
          const { table } = JSON.parse(bytes.toString()) as { table: string }
          const known = manifest?.tables.find((one) => one.name === table)
          if (!known) throw new BackupRefused(`${file} is damaged: it has rows of ${table} and does not name it.`)
          const list = known.columns.map(identifier).join(', ')
          sink = client.query(copyFrom(`copy ${identifier(table)} (${list}) from stdin`))
          sink.on('error', () => {}) // told by the next write or by its end
          break
        }
        case 'D':
          if (sink) await written(sink, Buffer.from(bytes))
          break
        case 'E': {
          const { table, rows: wanted } = JSON.parse(bytes.toString()) as { table: string; rows: number }
          sink?.end()
          if (sink) await finished(sink)
          if (sink?.rowCount !== wanted)
            throw new BackupRefused(`${table}: ${sink?.rowCount ?? 0} rows were restored, the backup has ${wanted}.`)
          rows += wanted
          sink = null
          break
        }
        case 'S': {
          const standing = JSON.parse(bytes.toString()) as { name: string; last: string; called: boolean }[]
          for (const { name, last, called } of standing)
            await client.query('select setval($1::regclass, $2::int8, $3)', [identifier(name), last, called])
          break
        }
        case 'Z':
          break
      }
    }
    if (!manifest) throw new BackupRefused(`${file} is not a backup of Mortise.`)
    for (const name of triggers) await client.query(`alter table ${identifier(name)} enable trigger user`)
    await options.before(sqlOf(client), manifest)
    await client.query('commit')
    // Fresh tables have no statistics, and plans without them are bad ones (architecture.md, "Plans").
    await client.query('analyze')
    return { rows, tables: manifest.tables.length }
  } catch (error) {
    // In the middle of a COPY the server hears nothing but its rows: a broken connection is its rollback.
    if (sink) (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy()
    else await client.query('rollback').catch(() => {})
    throw error
  } finally {
    if (!sink) await client.end().catch(() => {})
  }
}
