/** A backup holds everything that was committed, comes back in one piece or not at all, and is refused where it would do harm. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import {
  BackupRefused,
  migrationsFor,
  readManifest,
  type RestoreOptions,
  restoreBackup,
  verifyBackup,
  writeBackup,
} from './backup.ts'
import { freshDatabase } from './fresh.ts'
import { readMigrations } from './migrate.ts'
import type { Sql } from './sql.ts'

const folder = async () => {
  const path = await mkdtemp(join(tmpdir(), 'mortise-backup-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
const plain: RestoreOptions = { replace: false, before: async () => {} }

/** Rows that text formats like to break: every control character, backslashes, null beside empty, numbers beyond doubles, bytes that are no text. */
const awkward = `a\tb\nc\rd\\.\\N \u0001\u001f\u007f 榫卯 '"$1`
const fill = async (sql: Sql): Promise<void> => {
  await sql`insert into tenant (tenant_id, config_revision) values ('t', 7), (${`t ${awkward}`}, 0)`
  await sql`
    insert into connection (tenant_id, connection_id, kind, role, definition)
    values ('t', 'erp', 'standard', 'erp', '{"a":12345678901234567890.10}'), ('t', 'crm', 'standard', 'crm', ${JSON.stringify({ awkward })})`
  await sql`
    insert into object (tenant_id, connection_id, code, api_name, definition) values ('t', 'erp', 'L', 'L', '{}'), ('t', 'crm', 'R', 'R', '{}')`
  await sql`
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
    values ('t', 'p', 'erp', 'L', 'crm', 'R', '{}')`
  await sql`insert into flow (tenant_id, pair_id, from_side, state, definition, sweep, sweep_xid) values ('t', 'p', 'left', 'enabled', '{}', 'enable', '5')`
  await sql`select make_partitions('2024-02-29'::date)`
  await sql`
    insert into arrival (seq, received_at, tenant_id, connection_id, object, data_id, operation, channel, trace_id, outcome, body)
    select nextval('arrival_seq'), case when n % 2 = 0 then timestamptz '2024-02-29 12:00Z' else clock_timestamp() end, 't', 'erp', 'L',
      ${awkward} || n, 'upsert', 'push', 'x', 'created', decode(md5(n::text), 'hex')
    from generate_series(1, 500) n`
  await sql`
    insert into link (tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, told, state, target_connection, wait_kind, wait_on, sent_seen)
    values ('t', 'p', nextval('link_seq'), 'L1', null, now(), ${Buffer.from([0, 255, 10, 13])}, 'waiting', 'crm', 'reference', ${['a,b', awkward]}::text[], null)`
}

/** Everything of a database, table by table, as one hash each. */
const contents = async (sql: Sql): Promise<Record<string, string>> => {
  const tables = await sql<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname <> 'migration' order by 1`
  const all: Record<string, string> = {}
  for (const { name } of tables) {
    const rows = await sql.unsafe<{ row: string }>(`select t::text as row from "${name}" t order by 1`)
    all[name] = `${rows.length} ${createHash('sha256')
      .update(rows.map((one) => one.row).join('\n'))
      .digest('hex')}`
  }
  return all
}

test('what was backed up is what comes back, byte for byte, with its partitions, triggers and sequences', async () => {
  await using dir = await folder()
  await using from = await freshDatabase()
  await using into = await freshDatabase()
  await fill(from.sql)
  const file = join(dir.path, 'b.mortise')
  const written = await writeBackup(from.url, file, '1.2.3')
  assert.ok(written.rows >= 507 && written.bytes > 1_000)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(dir.path), ['b.mortise'])
  const { manifest, rows } = await verifyBackup(file)
  assert.deepEqual([manifest.version, rows], ['1.2.3', written.rows])
  assert.ok(Math.abs(manifest.at - Date.now()) < 60_000)

  const restored = await restoreBackup(into.url, file, plain)
  assert.equal(restored.rows, written.rows)
  assert.deepEqual(await contents(into.sql), await contents(from.sql))
  const [days] = await into.sql<{ count: number }>`select count(*) as count from only arrival_default`
  assert.equal(days?.count, 0, 'every row lies in the partition of its day')
  const [seq] = await into.sql<{
    next: number
    most: number
  }>`select nextval('arrival_seq') as next, (select max(seq) from arrival) as most`
  assert.ok(seq && seq.next > seq.most, 'no number is given twice')
  const [flow] = await into.sql<{ start_from: string }>`select start_from from flow`
  assert.equal(flow?.start_from, 'now')
  await into.sql`update flow set sweep = 'enable', sweep_option = 'all', sweep_xid = '9'`
  const [asked] = await into.sql<{ start_from: string }>`select start_from from flow`
  assert.equal(asked?.start_from, 'all', 'its triggers work again')
})

test('a backup is one moment: what is written meanwhile is wholly in it or not at all', async () => {
  await using dir = await folder()
  await using from = await freshDatabase()
  await using into = await freshDatabase()
  await fill(from.sql)
  let going = true
  let written = 0
  const writer = (async () => {
    while (going) {
      const n = written++
      await from.sql.begin(async (tx) => {
        await tx`
          insert into document (tenant_id, connection_id, object, data_id, version, operation, master_hash, master)
          values ('t', 'erp', 'L', ${`D${n}`}, nextval('version_seq'), 'upsert', '', '{}')`
        await tx`
          insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, target_connection)
          values ('t', 'p', nextval('link_seq'), ${`D${n}`}, now(), 'due', 'crm')`
      })
    }
  })()
  while (written < 20) await new Promise((done) => setTimeout(done, 1))
  const file = join(dir.path, 'b')
  await writeBackup(from.url, file, '1')
  going = false
  await writer
  await restoreBackup(into.url, file, plain)
  const [half] = await into.sql<{ count: number; all: number }>`
    select count(*) filter (where d.data_id is null or l.left_id is null) as count, count(*) as all
    from document d full join link l on l.left_id = d.data_id where coalesce(d.data_id, l.left_id) like 'D%'`
  assert.ok(half && half.all >= 18 && half.all <= written)
  assert.equal(half.count, 0)
})

test('a file that is cut, changed, or something else is refused, and the database is as it was', async () => {
  await using dir = await folder()
  await using from = await freshDatabase()
  await using into = await freshDatabase()
  await fill(from.sql)
  const file = join(dir.path, 'b')
  await writeBackup(from.url, file, '1')
  const bytes = await readFile(file)
  const inside = gunzipSync(bytes)
  const changed = Buffer.from(inside)
  const at = inside.indexOf('榫卯')
  changed[at] = (changed[at] ?? 0) ^ 1
  const spoiled: Record<string, Buffer> = {
    cut: bytes.subarray(0, bytes.length - 40),
    'cut in the middle': bytes.subarray(0, bytes.length >> 1),
    'its end is missing': gzipSync(inside.subarray(0, -60)),
    'one bit changed': gzipSync(changed),
    'something behind it': gzipSync(Buffer.concat([inside, inside])),
    'another file': Buffer.from('-- PostgreSQL database dump'),
    'another gzip': gzipSync('hello world, this is no backup at all'),
  }
  await into.sql`insert into tenant (tenant_id) values ('mine')`
  const before = await contents(into.sql)
  for (const [what, content] of Object.entries(spoiled)) {
    const bad = join(dir.path, 'bad')
    await writeFile(bad, content)
    await assert.rejects(verifyBackup(bad), BackupRefused, what)
    await assert.rejects(restoreBackup(into.url, bad, { ...plain, replace: true }), (error: Error) => {
      assert.ok(
        error instanceof BackupRefused || /COPY|invalid|malformed|constraint/.test(error.message),
        `${what}: ${error.message}`,
      )
      return true
    })
  }
  assert.deepEqual(await contents(into.sql), before)
})

test('it is refused where it would do harm: over other data, beside a running node, from a newer version, over an existing file', async () => {
  await using dir = await folder()
  await using from = await freshDatabase()
  await using into = await freshDatabase()
  await fill(from.sql)
  const file = join(dir.path, 'b')
  await writeBackup(from.url, file, '9.9')
  await assert.rejects(writeBackup(from.url, file, '1'), /is there already/)
  await into.sql`insert into tenant (tenant_id) values ('mine')`
  await assert.rejects(restoreBackup(into.url, file, plain), /There is something in this database already/)
  const node = into.open({ name: 'mortise road' })
  await node`select 1`
  await assert.rejects(restoreBackup(into.url, file, { ...plain, replace: true }), /Stop every node first/)
  await node.end()
  await assert.rejects(
    restoreBackup(into.url, file, { replace: true, before: () => Promise.reject(new Error('the last step failed')) }),
    /the last step failed/,
  )
  assert.deepEqual(await into.sql`select tenant_id from tenant`, [{ tenant_id: 'mine' }])
  const manifest = await readManifest(file)
  const known = await readMigrations()
  assert.deepEqual(migrationsFor(manifest, known), known)
  assert.throws(() => migrationsFor(manifest, known.slice(0, -1)), /made by a newer Mortise \(9\.9\)/)
  assert.throws(
    () =>
      migrationsFor(
        manifest,
        known.map((one) => ({ ...one, checksum: 'x' })),
      ),
    /not the one that the backup was made with/,
  )
  await restoreBackup(into.url, file, { ...plain, replace: true })
  assert.deepEqual(await contents(into.sql), await contents(from.sql))
})

test('a backup that fails leaves no file behind', async () => {
  await using dir = await folder()
  await using from = await freshDatabase()
  await from.sql`drop table migration`
  await assert.rejects(writeBackup(from.url, join(dir.path, 'b'), '1'))
  assert.deepEqual(await readdir(dir.path), [])
  await assert.rejects(open(join(dir.path, 'b')))
})
