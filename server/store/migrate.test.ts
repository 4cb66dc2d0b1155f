/** Migrations on private folders: applied once and in order, refused when edited, renumbered, or newer than the code. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { freshDatabase } from './fresh.ts'
import { MigrationRefused, migrate, readMigrations } from './migrate.ts'

const folderOf = async (files: Record<string, string>) => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-migrations-'))
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)))
  const migrations = await readMigrations(folder).finally(() => rm(folder, { recursive: true }))
  return migrations
}
const one = { '0001-first.sql': 'create table first (n int4);\ninsert into first values (1);' }
const two = { ...one, '0002-second.sql': 'alter table first add column m int4;' }

test('each migration is applied once and in order, also by several nodes that start together', async () => {
  await using db = await freshDatabase({ migrations: [] })
  assert.deepEqual(await migrate(db.sql, await folderOf(one)), ['0001-first.sql'])
  const migrations = await folderOf(two)
  const applied = await Promise.all([1, 2, 3].map(() => migrate(db.open(), migrations)))
  assert.deepEqual(applied.flat(), ['0002-second.sql'])
  assert.deepEqual(await db.sql`select * from first`, [{ n: 1, m: null }])
  assert.deepEqual(await migrate(db.sql, migrations), [])
})

test('line ends of another system do not make a migration another one', async () => {
  await using db = await freshDatabase({ migrations: await folderOf(one) })
  assert.deepEqual(
    await migrate(db.sql, await folderOf({ '0001-first.sql': one['0001-first.sql'].replaceAll('\n', '\r\n') })),
    [],
  )
})

test('an edited migration, a database newer than the code, and a number that comes late are refused with a sentence', async () => {
  await using db = await freshDatabase({ migrations: await folderOf(two) })
  const attempt = async (files: Record<string, string>) =>
    migrate(db.sql, await folderOf(files)).catch((error: unknown) => error)
  const edited = await attempt({ ...two, '0001-first.sql': 'create table other ()' })
  assert.ok(edited instanceof MigrationRefused && /0001-first\.sql was changed/.test(edited.message))
  const older = await attempt(one)
  assert.ok(older instanceof MigrationRefused && /newer Mortise: it has migration 0002-second\.sql/.test(older.message))
  const three = await freshDatabase({ migrations: await folderOf({ ...one, '0003-third.sql': 'select 1' }) })
  const late = await migrate(three.sql, await folderOf({ ...two, '0003-third.sql': 'select 1' })).catch(
    (error: unknown) => error,
  )
  assert.ok(late instanceof MigrationRefused && /0002-second\.sql has a lower number/.test(late.message))
  await three[Symbol.asyncDispose]()
})

test('a migration that fails leaves nothing of itself, keeps the ones before it, and says where', async () => {
  await using db = await freshDatabase({ migrations: [] })
  const broken = await folderOf({ ...one, '0002-broken.sql': 'create table half ();\n\nselect nonsense from first;' })
  await assert.rejects(migrate(db.sql, broken), /migration 0002-broken\.sql, line 3: column "nonsense" does not exist/)
  const tables = await db.sql`select tablename from pg_tables where schemaname = 'public' order by 1`
  assert.deepEqual(tables, [{ tablename: 'first' }, { tablename: 'migration' }])
})

test('a lock held by a running node is waited for in turns, and not for ever', async () => {
  await using db = await freshDatabase({ migrations: await folderOf(one) })
  const migrations = await folderOf({
    ...one,
    '0002-second.sql': "set local lock_timeout = '50ms'; alter table first add column m int4;",
  })
  const release = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const holder = db.open().begin(async (tx) => {
    await tx`lock table first in access share mode`
    held.resolve()
    await release.promise
  })
  await held.promise
  const waiting = migrate(db.sql, migrations)
  setTimeout(release.resolve, 200)
  assert.deepEqual(await waiting, ['0002-second.sql'])
  await holder
})

test('files without a number or with the same number are told when they are read', async () => {
  await assert.rejects(folderOf({ 'first.sql': '' }), /no number/)
  await assert.rejects(folderOf({ '1-a.sql': '', '0001-b.sql': '' }), /two migrations have the number 1/)
})
