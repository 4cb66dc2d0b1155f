/** The SQL tag, its columns and its rows, against the real server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshDatabase } from './fresh.ts'
import { at, col, type Sql } from './sql.ts'
import { isCollision, isUnavailable } from './trouble.ts'

const empty = { migrations: [] }

test('numbers, json and moments come back exactly as the database holds them', async () => {
  await using db = await freshDatabase(empty)
  const [row] = await db.sql`
    select
      12345678901234567890.120::numeric as amount, '{"n": 1.10,  "n": 1e400}'::json as text, '[1.10]'::jsonb as binary,
      9007199254740991::int8 as large, 7::int4 as small, 0.5::float8 as half, true as yes, null::int4 as nothing,
      '\\x00ff'::bytea as bytes, array['a', null, '"x,y"']::text[] as texts, array[1, null]::int8[] as numbers,
      '2024-02-29 23:59:59.123999+00'::timestamptz as moment, '0099-12-31 00:00:00+00'::timestamptz as early,
      '0044-03-15 12:00:00.5+00 BC'::timestamptz as caesar, 'infinity'::timestamptz as never, '2024-02-29'::date as day`
  assert.deepEqual(row, {
    amount: '12345678901234567890.120',
    text: '{"n": 1.10,  "n": 1e400}',
    binary: '[1.10]',
    large: 9007199254740991,
    small: 7,
    half: 0.5,
    yes: true,
    nothing: null,
    bytes: Buffer.from([0, 255]),
    texts: ['a', null, '"x,y"'],
    numbers: [1, null],
    moment: Date.UTC(2024, 1, 29, 23, 59, 59, 123),
    early: new Date(0).setUTCFullYear(99, 11, 31),
    caesar: new Date(new Date(0).setUTCFullYear(-43, 2, 15)).setUTCHours(12, 0, 0, 500),
    never: Infinity,
    day: '2024-02-29',
  })
})

test('an int8 that a number cannot hold is an error and not another number', async () => {
  await using db = await freshDatabase(empty)
  await assert.rejects(db.sql`select 9007199254740993::int8`, /does not fit a number/)
  assert.deepEqual(await db.sql`select 1 as alive`, [{ alive: 1 }])
})

test('columns arrive as they were, nulls and empty ones included', async () => {
  await using db = await freshDatabase(empty)
  const texts = ['', 'a', null, '中间表 𝄞', 'x'.repeat(70_000), '{"quoted, \\ and null"}']
  const rows = await db.sql`
    select *
    from unnest(
      ${col.text(texts)}::text[], ${col.json(['1.10', Buffer.from('{"a":1}'), null, '[]', '""', 'null'])}::json[],
      ${col.bytes([Buffer.alloc(0), Buffer.from([0, 1, 255]), null, Buffer.from('x'), Buffer.from('y'), Buffer.from('z')])}::bytea[],
      ${col.int4([0, -1, null, 2147483647, -2147483648, 5])}::int4[],
      ${col.int8([0, -1, null, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 4_294_967_296])}::int8[],
      ${col.float8([0.1, -1e300, null, 5e-324, 0, 1])}::float8[], ${col.bool([true, false, null, true, false, true])}::bool[],
      ${col.time([0, 1_700_000_000_123, null, Infinity, -62_135_596_800_000, 253_402_300_799_999])}::timestamptz[]
    ) as given (t, j, b, i4, i8, f, o, m)`
  const column = (name: string) => rows.map((row) => row[name])
  assert.deepEqual(column('t'), texts)
  assert.deepEqual(column('j'), ['1.10', '{"a":1}', null, '[]', '""', 'null'])
  assert.deepEqual(column('b'), [
    Buffer.alloc(0),
    Buffer.from([0, 1, 255]),
    null,
    Buffer.from('x'),
    Buffer.from('y'),
    Buffer.from('z'),
  ])
  assert.deepEqual(column('i4'), [0, -1, null, 2147483647, -2147483648, 5])
  assert.deepEqual(column('i8'), [0, -1, null, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 4_294_967_296])
  assert.deepEqual(column('f'), [0.1, -1e300, null, 5e-324, 0, 1])
  assert.deepEqual(column('o'), [true, false, null, true, false, true])
  assert.deepEqual(column('m'), [0, 1_700_000_000_123, null, Infinity, -62_135_596_800_000, 253_402_300_799_999])
  const [none] = await db.sql`
    select cardinality(${col.text([])}::text[]) as texts, cardinality(${col.time([])}::timestamptz[]) as times, ${at(1.5)} = 'epoch'::timestamptz + interval '1.5 ms' as moment`
  assert.deepEqual(none, { texts: 0, times: 0, moment: true })
  assert.throws(() => col.int8([2 ** 53]), /exactly/)
  assert.throws(() => col.time([Number.NaN]), /NaN/)
})

test('a value that nobody wrote as text is refused before it is sent', async () => {
  await using db = await freshDatabase(empty)
  await assert.rejects(db.sql`select ${{ amount: 1.1 } as never}`, /value 1 is an object/)
  await assert.rejects(db.sql`select ${1}, ${undefined as never}`, /value 2 is undefined/)
})

test('every statement is prepared once per connection, and the session has our settings', async () => {
  await using db = await freshDatabase({ ...empty, pool: { max: 1, statementTimeout: 1234 } })
  const ask = (n: number) => db.sql`select ${n}::int4 + 1 as n`
  for (let n = 0; n < 3; n++) assert.deepEqual(await ask(n), [{ n: n + 1 }])
  const [seen] = await db.sql`
    select
      (select count(*)::int4 from pg_prepared_statements where statement like '%+ 1 as n') as prepared,
      current_setting('jit') as jit, current_setting('timezone') as zone, current_setting('synchronous_commit') as durable,
      current_setting('statement_timeout') as timeout`
  assert.deepEqual(seen, { prepared: 1, jit: 'off', zone: 'UTC', durable: 'on', timeout: '1234ms' })
})

test('a role or user with synchronous_commit off is turned on again: success is said only after the disk has it', async () => {
  await using db = await freshDatabase(empty)
  await db.sql.unsafe(`alter database ${db.name} set synchronous_commit = off`)
  const [seen] = await db.open()`select current_setting('synchronous_commit') as durable`
  assert.deepEqual(seen, { durable: 'on' })
})

test('a failed statement does not cost the connection, a broken CHECK tells the statement and no values', async () => {
  await using db = await freshDatabase({ ...empty, pool: { max: 1 } })
  await db.sql`create table coin (side text check (side in ('heads', 'tails')))`
  const [before] = await db.sql`select pg_backend_pid() as pid`
  const failed = await db.sql`insert into coin values (${'the edge'})`.catch((error: unknown) => error)
  assert.equal((failed as { code: string }).code, '23514')
  assert.equal((failed as { statement: string }).statement, 'insert into coin values ($1)')
  assert.match((failed as Error).stack ?? '', /sql\.test\.ts/)
  assert.deepEqual(await db.sql`select pg_backend_pid() as pid`, [before])
  assert.equal(isUnavailable(failed), false)
})

test('begin commits what was done, undoes all of it when the work throws, and an inner begin undoes only itself', async () => {
  await using db = await freshDatabase({ ...empty, pool: { max: 1 } })
  await db.sql`create table t (n int4)`
  await assert.rejects(
    db.sql.begin(async (tx) => {
      await tx`insert into t values (1)`
      throw new Error('no')
    }),
    /no/,
  )
  const answer = await db.sql.begin(async (tx) => {
    const both = await Promise.all([tx.affected`insert into t values (2)`, tx.affected`insert into t values (3), (4)`])
    await tx
      .begin(async (inner) => {
        await inner`insert into t values (5)`
        throw new Error('inner')
      })
      .catch(() => {})
    await tx.begin((inner) => inner`insert into t values (6)`)
    return both
  })
  assert.deepEqual(answer, [1, 2])
  assert.deepEqual(await db.sql`select n from t order by n`, [{ n: 2 }, { n: 3 }, { n: 4 }, { n: 6 }])
})

test('a commit that PostgreSQL turned into a rollback is never taken for stored', async () => {
  await using db = await freshDatabase(empty)
  await db.sql`create table t (n int4 not null)`
  const swallowing = (tx: Sql) =>
    tx`insert into t values (1)`.then(() => tx`insert into t values (null)`.catch(() => []))
  await assert.rejects(db.sql.begin(swallowing), /rolled back/)
  assert.deepEqual(await db.sql`select * from t`, [])
})

test('a statement that outlives its transaction is a bug that is told', async () => {
  await using db = await freshDatabase(empty)
  let escaped: Sql | undefined
  await db.sql.begin(async (tx) => void (escaped = tx))
  await assert.rejects(escaped!`select 1`, /not awaited/)
})

test('retrying runs both sides of a deadlock to their end, begin alone tells it', async () => {
  await using db = await freshDatabase(empty)
  await db.sql`create table t (id int4 primary key, n int4 not null)`
  await db.sql`insert into t values (1, 0), (2, 0)`
  let runs = 0
  const cross = (how: 'begin' | 'retrying') => {
    let met = 0
    const arrive = Promise.withResolvers<void>()
    return (first: number, second: number) =>
      db.sql[how](async (tx) => {
        runs++
        await tx`update t set n = n + 1 where id = ${first}`
        if (++met === 2) arrive.resolve()
        await arrive.promise
        await tx`update t set n = n + 1 where id = ${second}`
      })
  }
  const both = cross('retrying')
  await Promise.all([both(1, 2), both(2, 1)])
  assert.equal(runs, 3)
  assert.deepEqual(await db.sql`select n from t`, [{ n: 2 }, { n: 2 }])
  const once = cross('begin')
  const ends = await Promise.allSettled([once(1, 2), once(2, 1)])
  const lost = ends.filter((end) => end.status === 'rejected').map((end) => end.reason)
  assert.deepEqual(lost.map(isCollision), [true])
})

test('a migration by another node does not break statements prepared before it', async () => {
  await using db = await freshDatabase({ ...empty, pool: { max: 1 } })
  await db.sql`create table t (n int4)`
  await db.sql`insert into t values (1)`
  const all = (sql: Sql) => sql`select * from t`
  assert.deepEqual(await all(db.sql), [{ n: 1 }])
  await db.open()`alter table t add column late text default 'x'`
  assert.deepEqual(await all(db.sql), [{ n: 1, late: 'x' }])
  await db.open()`alter table t add column later int4`
  assert.deepEqual(await db.sql.retrying((tx) => all(tx)), [{ n: 1, late: 'x', later: null }])
})

test('a connection that dies under us is unavailable, not fatal, and the next statement has another', async () => {
  await using db = await freshDatabase({ ...empty, pool: { max: 1 } })
  const other = db.open()
  /** Ends the other connection, once it does what is named. */
  const kill = async (doing: string) => {
    for (;;) {
      const [victim] = await other<{ pid: number }>`
        select pid from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and application_name = 'mortise test' and query like ${doing}`
      if (!victim) continue
      await other`select pg_terminate_backend(${victim.pid})`
      return
    }
  }
  const sleeping = db.sql`select pg_sleep(60)`.catch((error: unknown) => error)
  await kill('%pg_sleep(60)%')
  const ends = [
    await sleeping,
    await db.sql
      .begin(async (tx) => {
        await tx`select 'before the end'`
        await kill('%before the end%')
        await tx`select 2`
      })
      .catch((error: unknown) => error),
  ]
  assert.deepEqual(ends.map(isUnavailable), [true, true])
  assert.deepEqual(await db.sql`select 1 as alive`, [{ alive: 1 }])
  assert.equal(
    isUnavailable(await db.open({ url: 'postgresql://x:y@127.0.0.1:9/z' })`select 1`.catch((error: unknown) => error)),
    true,
  )
})

test('unsafe takes several statements, or one with values', async () => {
  await using db = await freshDatabase(empty)
  assert.deepEqual(await db.sql.unsafe('create table t (n int4); insert into t values (1), (2); select n from t'), [
    { n: 1 },
    { n: 2 },
  ])
  assert.deepEqual(await db.sql.unsafe('select n from t where n > $1', [1]), [{ n: 2 }])
})
