/** Partitions are there before their day and gone after their time, and what an unresolved record needs stays. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import type { Millis } from '../doc/document.ts'
import { freshDatabase } from '../store/fresh.ts'
import { at, type Sql } from '../store/sql.ts'
import { prune, type PrunerDeps, retentionOf, startPruner } from './pruner.ts'

const day = 24 * 3_600_000
const log = { info: () => {}, warn: () => {}, error: (fields: object) => assert.fail(JSON.stringify(fields)) }
const depsOf = (sql: Sql, now: Millis, more: Partial<PrunerDeps> = {}): PrunerDeps => ({
  sql,
  env: { ...createEnv(), now: () => now },
  log,
  ...more,
})

const partitions = async (sql: Sql, parent: string): Promise<string[]> =>
  (
    await sql<{ name: string }>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = ${parent}::regclass order by 1`
  ).map((r) => r.name)
const named = (parent: string, now: Millis, from: number, to: number): string[] =>
  Array.from(
    { length: to - from + 1 },
    (_, i) => `${parent}_${new Date(now + (from + i) * day).toISOString().slice(0, 10).replaceAll('-', '')}`,
  )

const arrive = (sql: Sql, seq: number, when: Millis, id = 'A') => sql`
  insert into arrival (seq, received_at, tenant_id, connection_id, object, data_id, operation, channel, trace_id, outcome)
  values (${seq}, ${at(when)}::timestamptz, 't', 'crm', 'R', ${id}, 'upsert', 'event', 'x', 'created')`
const attempt = (sql: Sql, id: number, when: Millis) => sql`
  insert into attempt (attempt_id, started_at, tenant_id, pair_id, link_id, target_connection, call, lease_token, trace_id)
  values (${id}, ${at(when)}::timestamptz, 't', 'p', 1, 'crm', 'update', 1, 'x')`
const unresolved = async (sql: Sql, sentAt: Millis, seen: number[] = []) => {
  await sql`insert into tenant (tenant_id) values ('t')`
  for (const [id, role, code] of [
    ['erp', 'erp', 'L'],
    ['crm', 'crm', 'R'],
  ] as const) {
    await sql`insert into connection (tenant_id, connection_id, kind, role, definition) values ('t', ${id}, 'standard', ${role}, '{}')`
    await sql`insert into object (tenant_id, connection_id, code, api_name, definition) values ('t', ${id}, ${code}, ${code}, '{}')`
  }
  await sql`
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
    values ('t', 'p', 'erp', 'L', 'crm', 'R', '{}')`
  await sql`
    insert into link (tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, state, reason, target_connection, sent_at, sent_call, sent_side,
      sent_generation, sent_seen)
    values ('t', 'p', 1, 'L1', 'A', clock_timestamp(), 'parked', 'unknown', 'crm', ${at(sentAt)}::timestamptz, 'update', 'right', 1,
      ${seen.length ? seen : null}::int8[])`
}

test('partitions of both logs stand from yesterday to seven days ahead, and a second run changes nothing', async () => {
  await using db = await freshDatabase()
  const now = Date.now() + 5 * day
  await prune(depsOf(db.sql, now))
  await prune(depsOf(db.sql, now))
  for (const parent of ['arrival', 'attempt']) {
    const all = await partitions(db.sql, parent)
    for (const name of named(parent, now, -1, 7)) assert.ok(all.includes(name), name)
    assert.ok(!all.includes(named(parent, now, 8, 8)[0] ?? ''))
  }
})

test('a partition goes when its whole day is older than the retention, which each log has of its own', async () => {
  await using db = await freshDatabase()
  const now = Date.now()
  await db.sql`select make_partitions(${new Date(now - 31 * day).toISOString().slice(0, 10)}::date), make_partitions(${new Date(now - 30 * day).toISOString().slice(0, 10)}::date)`
  await arrive(db.sql, 1, now - 31 * day)
  const [before] = await db.sql<{ rows: number }>`select count(*) as rows from arrival`
  const { dropped, kept } = await prune(depsOf(db.sql, now))
  assert.deepEqual([dropped, kept], [[...named('arrival', now, -31, -31), ...named('attempt', now, -31, -31)], []])
  const [after] = await db.sql<{ rows: number }>`select count(*) as rows from arrival`
  assert.deepEqual([before?.rows, after?.rows], [1, 0])
  const short = await prune(depsOf(db.sql, now, { retention: { arrivals: 0, attempts: 30 * day, fetches: 0 } }))
  assert.deepEqual(short.dropped, [...named('arrival', now, -30, -30), ...named('arrival', now, -1, -1)])
})

test('one figure for an installation says how long both logs and failed reads are kept', async () => {
  await using db = await freshDatabase()
  const now = Date.now()
  for (const d of [6, 7, 8])
    await db.sql`select make_partitions(${new Date(now - d * day).toISOString().slice(0, 10)}::date)`
  await prune(depsOf(db.sql, now, { retention: retentionOf(7) }))
  for (const parent of ['arrival', 'attempt']) {
    const left = await partitions(db.sql, parent)
    assert.deepEqual(
      named(parent, now, -8, -6).map((name) => left.includes(name)),
      [false, true, true],
    )
  }
})

test('an attempt partition stays while a call of that day is unresolved, and goes once it is resolved', async () => {
  await using db = await freshDatabase()
  const now = Date.now()
  const sent = now - 40 * day
  await db.sql`select make_partitions(${new Date(sent).toISOString().slice(0, 10)}::date), make_partitions(${new Date(sent - day).toISOString().slice(0, 10)}::date)`
  await attempt(db.sql, 1, sent)
  await attempt(db.sql, 2, sent - day)
  await unresolved(db.sql, sent)
  const told: object[] = []
  const first = await prune(depsOf(db.sql, now, { log: { ...log, warn: (fields) => void told.push(fields) } }))
  assert.deepEqual(first.dropped, [...named('arrival', sent, -1, 0), ...named('attempt', sent, -1, -1)])
  assert.deepEqual(first.kept, [
    { partition: named('attempt', sent, 0, 0)[0], why: '1 records have an unresolved call of that day' },
  ])
  assert.deepEqual(told, first.kept)
  assert.deepEqual((await db.sql`select attempt_id from attempt`).length, 1)
  await db.sql`update link set state = 'idle', reason = 'applied', settled = generation, sent_at = null, sent_call = null, sent_side = null, sent_generation = null`
  assert.deepEqual((await prune(depsOf(db.sql, now))).dropped, named('attempt', sent, 0, 0))
})

test('an arrival partition stays for what was heard of a record while its call was unresolved (R3), and for what waits to be decoded', async () => {
  await using db = await freshDatabase()
  const now = Date.now()
  const sent = now - 45 * day
  for (const d of [0, 1, 2, 3])
    await db.sql`select make_partitions(${new Date(sent + d * day).toISOString().slice(0, 10)}::date)`
  await arrive(db.sql, 10, sent + day)
  await arrive(db.sql, 11, sent + 2 * day, 'another record')
  await arrive(db.sql, 12, sent + 3 * day, 'to be decoded')
  await unresolved(db.sql, sent, [10, 11])
  await db.sql`insert into decode (seq, received_at, tenant_id, connection_id, object) values (12, ${at(sent + 3 * day)}::timestamptz, 't', 'crm', 'R')`
  const { dropped, kept } = await prune(depsOf(db.sql, now))
  assert.deepEqual(
    kept.map((one) => one.partition).filter((name) => name.startsWith('arrival')),
    [...named('arrival', sent, 1, 1), ...named('arrival', sent, 3, 3)],
  )
  assert.deepEqual(
    dropped.filter((name) => name.startsWith('arrival')),
    [...named('arrival', sent, 0, 0), ...named('arrival', sent, 2, 2)],
  )
})

test('rows that found no partition get the one of their day, are read there as before, and go with it', async () => {
  await using db = await freshDatabase()
  const now = Date.now()
  const [past, future] = [now - 50 * day, now + 20 * day]
  await arrive(db.sql, 1, past)
  await arrive(db.sql, 2, future)
  await attempt(db.sql, 1, future)
  const run = await prune(depsOf(db.sql, future))
  assert.equal(run.moved, 3)
  assert.deepEqual(
    await db.sql`select seq from arrival order by seq`,
    [{ seq: 2 }],
    'the old one has gone with its partition',
  )
  assert.deepEqual(await db.sql`select from only arrival_default`, [])
  const [row] = await db.sql<{ name: string }>`select tableoid::regclass::text as name from arrival where seq = 2`
  assert.equal(row?.name, named('arrival', future, 0, 0)[0])
  await arrive(db.sql, 3, future + 1_000)
  const [indexes] = await db.sql<{ count: number }>`
    select count(*) as count from pg_index i join pg_inherits h on h.inhrelid = i.indexrelid where i.indrelid = ${row?.name ?? ''}::regclass`
  assert.equal(indexes?.count, 2, 'its indexes are those of the log')
})

test('a long reader keeps a partition from being dropped until the next run, and holds up nobody', async () => {
  await using db = await freshDatabase()
  const now = Date.now()
  await db.sql`select make_partitions(${new Date(now - 60 * day).toISOString().slice(0, 10)}::date)`
  await db.owner`alter function drop_partition(text, date) set lock_timeout = '50ms'`
  await db.sql.begin(async (tx) => {
    await tx`select from attempt`
    const { dropped, kept } = await prune(depsOf(db.sql, now))
    assert.deepEqual(
      [dropped, kept.map((one) => one.why)],
      [named('arrival', now, -60, -60), ['somebody is reading it']],
    )
  })
  assert.deepEqual((await prune(depsOf(db.sql, now))).dropped, named('attempt', now, -60, -60))
})

test('expired Idempotency-Keys are deleted in slices, others stay, and one that a door is renewing is left alone', async () => {
  await using db = await freshDatabase()
  const now = Date.now()
  await db.sql`
    insert into push_key (tenant_id, token_id, key, request_hash, answer, expires_at)
    select 't', 'k', 'old' || n, '', '', ${at(now - 1)}::timestamptz from generate_series(1, 1201) n`
  await db.sql`insert into push_key (tenant_id, token_id, key, request_hash, answer, expires_at) values ('t', 'k', 'live', '', '', ${at(now + 1_000)}::timestamptz)`
  await db.sql.begin(async (tx) => {
    await tx`select from push_key where key = 'old7' for update`
    assert.equal((await prune(depsOf(db.sql, now))).pushKeys, 1_200)
  })
  assert.deepEqual(
    (await db.sql<{ key: string }>`select key from push_key order by key`).map((r) => r.key),
    ['live', 'old7'],
  )
})

test('reads that ended long ago are forgotten; those to be done, and those of late, are not', async () => {
  await using db = await freshDatabase()
  const now = Date.now()
  for (const [id, state, age] of [
    ['gone', 'gone', 31],
    ['failed', 'failed', 31],
    ['late', 'failed', 29],
    ['due', 'due', 90],
  ] as const) {
    await db.sql`
      insert into "fetch" (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id, first_at, next_at, state)
      values ('t', 'crm', 'R', ${id}, 1, 'hint', 'x', ${at(now - 90 * day)}::timestamptz, ${at(now - age * day)}::timestamptz, ${state})`
  }
  assert.equal((await prune(depsOf(db.sql, now))).fetches, 2)
  assert.deepEqual(
    (await db.sql<{ data_id: string }>`select data_id from "fetch" order by data_id`).map((r) => r.data_id),
    ['due', 'late'],
  )
})

test('two pruners at once do the work once, and neither fails', async () => {
  await using db = await freshDatabase()
  const now = Date.now() + 30 * day
  for (const d of [40, 41, 42])
    await db.sql`select make_partitions(${new Date(now - d * day).toISOString().slice(0, 10)}::date)`
  await arrive(db.sql, 1, now)
  await db.sql`
    insert into push_key (tenant_id, token_id, key, request_hash, answer, expires_at)
    select 't', 'k', 'old' || n, '', '', ${at(now - 1)}::timestamptz from generate_series(1, 900) n`
  const runs = await Promise.all([prune(depsOf(db.sql, now)), prune(depsOf(db.open(), now))])
  await prune(depsOf(db.sql, now))
  assert.equal(runs[0].pushKeys + runs[1].pushKeys, 900)
  assert.deepEqual(await db.sql`select seq from arrival`, [{ seq: 1 }])
  assert.deepEqual(await db.sql`select from only arrival_default`, [])
  const left = await partitions(db.sql, 'arrival')
  for (const name of named('arrival', now, -42, -40)) assert.ok(!left.includes(name), name)
})

test('the agent prunes at its start', async () => {
  await using db = await freshDatabase()
  const now = Date.now() + 20 * day
  const done = Promise.withResolvers<void>()
  const sleeping = {
    now: () => now,
    random: Math.random,
    sleep: (ms: number, signal?: AbortSignal) => {
      done.resolve()
      return createEnv().sleep(ms, signal)
    },
  }
  const loop = startPruner({ ...depsOf(db.sql, now), env: sleeping })
  await done.promise
  await loop.stop()
  assert.ok((await partitions(db.sql, 'attempt')).includes(named('attempt', now, 7, 7)[0] ?? ''))
})
