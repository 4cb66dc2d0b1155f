/** The door's statement and its group commit on a real database: order (A1), partial bodies (A2), and what rows of one commit do to each other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digest } from '../../protocol/standard.ts'
import type { Admitted, Arrival } from '../doc/document.ts'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import { openPool } from '../store/pool.ts'
import { admitIn, BufferUnavailable, groupCommit } from './admit.ts'

const declare = async (db: FreshDatabase, tenants = ['t']): Promise<void> => {
  for (const t of tenants) {
    await db.sql.unsafe(`
      insert into tenant (tenant_id) values ('${t}');
      insert into connection (tenant_id, connection_id, kind, role, definition)
        values ('${t}', 'erp', 'standard', 'erp', '{}'), ('${t}', 'crm', 'standard', 'crm', '{}');
      insert into object (tenant_id, connection_id, code, api_name, definition) values ('${t}', 'erp', 'C', 'C', '{}'), ('${t}', 'crm', 'A', 'A', '{}');
      insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
        values ('${t}', 'p', 'erp', 'C', 'crm', 'A', '{}')`)
  }
}

const row = (id: string, master: object | null, more: Partial<Arrival> & { rows?: object } = {}): Arrival => {
  const { rows, ...rest } = more
  const masterBytes = master && Buffer.from(JSON.stringify(master))
  const details = rows ? Buffer.from(JSON.stringify(rows)) : null
  return {
    tenant_id: 't',
    connection_id: 'erp',
    object: 'C',
    data_id: id,
    operation: master ? 'upsert' : 'void',
    channel: 'push',
    trace_id: 'trace',
    raw: Buffer.from('raw'),
    master: masterBytes,
    details,
    detailsComplete: true,
    masterHash: digest(masterBytes ?? ''),
    detailsHash: details && digest(details),
    source_time: null,
    external_id: null,
    version: null,
    ...rest,
  }
}

const kinds = (admitted: Admitted[]): string[] => admitted.map((a) => a.kind)
const one = async (db: FreshDatabase, arrival: Arrival): Promise<Admitted> =>
  (await admitIn(db.sql, [arrival]))[0] as Admitted
const stored = async (db: FreshDatabase, id: string) =>
  (
    await db.sql<{ master: string; details: string | null; operation: string; version: number }>`
      select master, details, operation, version from document where data_id = ${id}`
  )[0]
const link = async (db: FreshDatabase, id: string) =>
  (
    await db.sql<{
      generation: number
      left_version: number
      state: string
    }>`select generation, left_version, state from link where left_id = ${id}`
  )[0]

test('A1: without source times the later version wins, and a reading from before a push loses', async () => {
  await using db = await freshDatabase()
  await declare(db)
  const [drawn] = await db.sql<{ v: number }>`select nextval('version_seq') as v`
  assert.equal((await one(db, row('1', { a: 1 }))).kind, 'created')
  assert.equal((await one(db, row('1', { a: 0 }, { channel: 'fetch', version: drawn?.v ?? 0 }))).kind, 'superseded')
  assert.equal((await stored(db, '1'))?.master, '{"a":1}')
})

test('A1: with source times the newer one wins whatever the order, and its version is above the stored one', async () => {
  await using db = await freshDatabase()
  await declare(db)
  await one(db, row('1', { a: 2 }, { source_time: 2_000 }))
  assert.equal((await one(db, row('1', { a: 1 }, { source_time: 1_000 }))).kind, 'superseded')
  const before = (await stored(db, '1'))?.version ?? 0
  const reading = await one(db, row('1', { a: 3 }, { source_time: 3_000, channel: 'fetch', version: 1 }))
  assert.equal(reading.kind, 'updated')
  assert.ok(((await stored(db, '1'))?.version ?? 0) > before)
})

test('A1, a settle is a version: a reading from before our own write is not staged, and is read again', async () => {
  await using db = await freshDatabase()
  await declare(db)
  await one(db, row('1', { a: 1 }))
  const [drawn] = await db.sql<{ v: number }>`select nextval('version_seq') as v`
  await db.sql`update link set left_version = nextval('version_seq'), left_agreed_version = currval('version_seq'), left_agreed_hash = 'other'`
  assert.equal((await one(db, row('1', { a: 0 }, { channel: 'fetch', version: drawn?.v ?? 0 }))).kind, 'reread')
  assert.equal((await stored(db, '1'))?.master, '{"a":1}')
  assert.equal((await db.sql`select from "fetch" where data_id = '1' and state = 'due'`).length, 1)
})

test('A2: absent details keep the staged ones, an empty list clears them', async () => {
  await using db = await freshDatabase()
  await declare(db)
  await one(db, row('1', { a: 1 }, { rows: { lines: [{ n: 1 }], notes: [] } }))
  await one(db, row('1', { a: 2 }))
  assert.equal((await stored(db, '1'))?.details, '{"lines":[{"n":1}],"notes":[]}')
  await one(db, row('1', { a: 2 }, { rows: { lines: [] }, detailsComplete: false }))
  assert.deepEqual(JSON.parse((await stored(db, '1'))?.details ?? ''), { lines: [], notes: [] })
})

test('A2: partial bodies are merged field by field, each field by its own time, and numbers keep their digits', async () => {
  await using db = await freshDatabase()
  await declare(db)
  const partial = (text: string, source_time: number): Arrival => ({
    ...row('1', {}),
    master: Buffer.from(text),
    masterHash: digest(text),
    partial: true,
    channel: 'event',
    source_time,
  })
  await one(db, partial('{"a":1.10,"b":"new"}', 2_000))
  await one(db, partial('{"b":"old","c":12345678901234567890.12}', 1_000))
  assert.equal((await stored(db, '1'))?.master, '{"a":1.10,"b":"new","c":12345678901234567890.12}')
})

test('A2: two first partial bodies at the same time lose nothing of each other', async () => {
  await using db = await freshDatabase({ pool: { max: 4 } })
  await declare(db)
  const commits = groupCommit(db.sql)
  const other = groupCommit(db.sql)
  const partial = (text: string): Arrival => ({
    ...row('1', {}),
    master: Buffer.from(text),
    masterHash: digest(text),
    partial: true,
    channel: 'event',
  })
  await Promise.all([commits.admit(partial('{"a":1}')), other.admit(partial('{"b":2}'))])
  assert.deepEqual(JSON.parse((await stored(db, '1'))?.master ?? ''), { a: 1, b: 2 })
})

test('A3: content equal to what was agreed raises the version of an idle row and wakes nobody', async () => {
  await using db = await freshDatabase()
  await declare(db)
  await one(db, row('1', { a: 1 }))
  await db.sql`update link set state = 'idle', settled = generation, left_agreed_version = left_version, left_agreed_hash = told`
  const before = await link(db, '1')
  await one(db, row('1', { a: 1 }))
  const after = await link(db, '1')
  assert.deepEqual([after?.state, after?.generation], ['idle', before?.generation])
  assert.ok((after?.left_version ?? 0) > (before?.left_version ?? 0))
  await one(db, row('1', { a: 2 }))
  assert.equal((await link(db, '1'))?.state, 'due')
})

test('A3: equal means equal to the agreed content, never merely to the stored document', async () => {
  await using db = await freshDatabase()
  await declare(db)
  await one(db, row('1', { a: 1 }))
  await db.sql`update link set state = 'idle', settled = generation, left_agreed_version = left_version, left_agreed_hash = 'something else'`
  assert.equal((await one(db, row('1', { a: 1 }))).kind, 'unchanged')
  assert.equal((await link(db, '1'))?.state, 'due')
})

test('A3: parked(data) becomes due by new content; parked(conflict) stays for a person', async () => {
  await using db = await freshDatabase()
  await declare(db)
  await one(db, row('1', { a: 1 }))
  await one(db, row('2', { a: 1 }))
  await db.sql`update link set state = 'parked', reason = case left_id when '1' then 'data' else 'conflict' end`
  await one(db, row('1', { a: 2 }))
  await one(db, row('2', { a: 2 }))
  assert.deepEqual([(await link(db, '1'))?.state, (await link(db, '2'))?.state], ['due', 'parked'])
})

test('two rows of one record in one commit are both logged, and the last makes the document', async () => {
  await using db = await freshDatabase()
  await declare(db)
  const admitted = await admitIn(db.sql, [
    row('1', { a: 1 }, { rows: { lines: [{ n: 1 }] } }),
    row('2', { b: 1 }),
    row('1', { a: 2 }),
  ])
  assert.deepEqual(kinds(admitted), ['superseded', 'created', 'created'])
  const document = await stored(db, '1')
  assert.deepEqual([document?.master, document?.details], ['{"a":2}', '{"lines":[{"n":1}]}'])
  assert.equal((await db.sql`select from arrival where data_id = '1'`).length, 2)
})

test('a commit takes the rows of two tenants with equal ids, and none crosses', async () => {
  await using db = await freshDatabase()
  await declare(db, ['t', 'u'])
  await admitIn(db.sql, [row('1', { of: 't' }), row('1', { of: 'u' }, { tenant_id: 'u' })])
  const rows = await db.sql<{
    tenant_id: string
    master: string
  }>`select tenant_id, master from document order by tenant_id`
  assert.deepEqual(rows, [
    { tenant_id: 't', master: '{"of":"t"}' },
    { tenant_id: 'u', master: '{"of":"u"}' },
  ])
  assert.equal((await db.sql`select from link where tenant_id = 'u'`).length, 1)
})

test('a row that the database refuses does not take its neighbours along', async () => {
  await using db = await freshDatabase()
  await declare(db)
  const commits = groupCommit(db.sql, { commitsInFlight: 1 })
  const poison = { ...row('bad', {}), master: Buffer.from([0x7b, 0x00, 0x7d]) } // a zero byte is no text for PostgreSQL
  const results = await Promise.allSettled([
    ...Array.from({ length: 20 }, (_, i) => commits.admit(row(`g${i}`, { i }))),
    commits.admit(poison),
    commits.admit(row('last', {})),
  ])
  assert.deepEqual(results.filter((r) => r.status === 'rejected').length, 1)
  assert.equal((await db.sql`select from document`).length, 21)
})

test('an Idempotency-Key drops only its own row from the commit and gives back the first answer', async () => {
  await using db = await freshDatabase()
  await declare(db)
  const key = (answer: string, body: string) => ({ tokenId: 'k', key: '1', requestHash: digest(body), answer })
  await one(db, row('1', { a: 1 }, { pushKey: key('first', 'x') }))
  const [repeated, neighbour] = await admitIn(db.sql, [
    row('1', { a: 1 }, { pushKey: key('second', 'x') }),
    row('2', { b: 1 }),
  ])
  assert.equal(neighbour?.kind, 'created')
  assert.ok(repeated?.kind === 'repeated' && repeated.answer === 'first' && repeated.requestHash.equals(digest('x')))
  assert.equal((await db.sql`select from arrival where data_id = '1'`).length, 1)
})

test('beyond the bounded queue a row is refused at once, and nothing of it is kept', async () => {
  await using db = await freshDatabase()
  await declare(db)
  const commits = groupCommit(db.sql, { queue: 5, commitsInFlight: 1 })
  const results = await Promise.allSettled(Array.from({ length: 400 }, (_, i) => commits.admit(row(`q${i}`, { i }))))
  const refused = results.filter((r) => r.status === 'rejected')
  assert.ok(refused.length > 300)
  assert.ok(refused.every((r) => r.status === 'rejected' && r.reason instanceof BufferUnavailable))
  assert.equal((await db.sql`select from document`).length, 400 - refused.length)
})

test('a row that waits too long for its commit is refused, and what came in time is stored', async () => {
  await using db = await freshDatabase()
  await declare(db)
  const commits = groupCommit(db.sql, { commitsInFlight: 1, longestWait: 200 })
  const free = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const holding = db.sql.begin(async (tx) => {
    await tx`lock table document in access exclusive mode`
    locked.resolve()
    await free.promise
  })
  await locked.promise
  const first = commits.admit(row('first', { n: 1 }))
  await new Promise(setImmediate)
  await assert.rejects(commits.admit(row('late', { n: 1 })), BufferUnavailable)
  const second = commits.admit(row('second', { n: 1 }))
  free.resolve()
  await holding
  assert.deepEqual(kinds(await Promise.all([first, second])), ['created', 'created'])
  assert.equal(await stored(db, 'late'), undefined)
  await commits.close()
})

test('a database that is gone refuses every row and says that it may come again', async () => {
  const db = await freshDatabase()
  await declare(db)
  const pool = openPool({ url: db.url, name: 'gone', max: 2, connectTimeout: 500 })
  const commits = groupCommit(pool)
  await commits.admit(row('1', { a: 1 }))
  await db[Symbol.asyncDispose]()
  await assert.rejects(commits.admit(row('2', { a: 1 })), BufferUnavailable)
  await pool.end().catch(() => {})
})
