/** Brings a database to the code's shape: numbered .sql files, forward only, each in a transaction of its own, never edited once applied. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Sql } from './sql.ts'

export const MIGRATIONS = join(import.meta.dirname, 'migrations')

export interface Migration {
  number: number
  name: string
  text: string
  checksum: string
}

/** A database that this program must not touch; the sentence is for the operator. */
export class MigrationRefused extends Error {
  override name = 'MigrationRefused'
}

const LOCK = 7_070_001 // pg_advisory_xact_lock: one node migrates, the others wait and find it done

export const readMigrations = async (folder: string = MIGRATIONS): Promise<Migration[]> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  const read = names.map(async (name): Promise<Migration> => {
    const number = Number(/^(\d+)[-_.]/.exec(name)?.[1])
    if (!number) throw new Error(`migration ${name} has no number in front, such as 0001-name.sql`)
    const text = (await readFile(join(folder, name), 'utf8')).replaceAll('\r\n', '\n')
    return { number, name, text, checksum: createHash('sha256').update(text).digest('hex') }
  })
  const all = (await Promise.all(read)).sort((a, b) => a.number - b.number)
  const twice = all.find((one, i) => one.number === all[i + 1]?.number)
  if (twice) throw new Error(`two migrations have the number ${twice.number}`)
  return all
}

/** One name for the whole set; test databases and back-ups are told apart by it. */
export const checksumOf = (migrations: readonly Migration[]): string =>
  createHash('sha256')
    .update(migrations.map((one) => `${one.name} ${one.checksum}`).join('\n'))
    .digest('hex')

type Applied = { number: number; name: string; checksum: string }

/** What stands between this database and these files, or null. Pure. */
export const refusal = (applied: readonly Applied[], known: readonly Migration[]): string | null => {
  const byNumber = new Map(known.map((one) => [one.number, one]))
  const last = Math.max(0, ...applied.map((one) => one.number))
  for (const { number, name, checksum } of applied) {
    const mine = byNumber.get(number)
    if (!mine) {
      return `This database was made by a newer Mortise: it has migration ${name}, which this version does not know. Start the newer version, or restore a backup from before the upgrade.`
    }
    if (mine.checksum !== checksum) {
      return `Migration ${name} was changed after it had been applied to this database. Put the file back as it was and write a new migration instead.`
    }
  }
  const done = new Set(applied.map((one) => one.number))
  const late = known.find((one) => one.number < last && !done.has(one.number))
  return late
    ? `Migration ${late.name} has a lower number than the last applied one (${last}). Give it the next number.`
    : null
}

/** PostgreSQL counts characters from the start of the file; people count lines. */
const located = (error: unknown, { name, text }: Migration): unknown => {
  const { position } = error as { position?: string }
  if (error instanceof Error) {
    const line = position ? `, line ${text.slice(0, Number(position)).split('\n').length}` : ''
    error.message = `migration ${name}${line}: ${error.message}`
  }
  return error
}

/**
 * Applies what is missing and answers the names of what it applied. Throws MigrationRefused before touching anything.
 * A lock that a running node holds is waited for 5 s at a time, 12 times: a migration must not queue everybody behind itself.
 */
export const migrate = async (sql: Sql, migrations: readonly Migration[]): Promise<string[]> => {
  await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${LOCK})`
    await tx.unsafe(`
      create table if not exists migration (
        number int primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default clock_timestamp())`)
  })
  const done: string[] = []
  const next = (): Promise<Migration | undefined> =>
    sql.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${LOCK})`
      const applied = await tx<Applied>`
        select number, name, checksum
        from migration
        order by number`
      const sentence = refusal(applied, migrations)
      if (sentence) throw new MigrationRefused(sentence)
      const missing = migrations[applied.length]
      if (!missing) return undefined
      await tx`set local lock_timeout = '5s'`
      await tx.unsafe(missing.text).catch((error: unknown) => {
        throw located(error, missing)
      })
      await tx`
        insert into migration (number, name, checksum)
        values (${missing.number}, ${missing.name}, ${missing.checksum})`
      return missing
    })
  for (let patience = 12; ; ) {
    try {
      const applied = await next()
      if (!applied) return done
      done.push(applied.name)
    } catch (error) {
      if ((error as { code?: string }).code !== '55P03' || --patience === 0) throw error
      await wait(500)
    }
  }
}
