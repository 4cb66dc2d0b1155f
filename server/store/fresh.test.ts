/** The test support itself: databases of one's own, from one template, gone afterwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshDatabase } from './fresh.ts'
import type { Migration } from './migrate.ts'

const migrations: Migration[] = [
  { number: 1, name: '0001-t.sql', text: 'create table t (n int4)', checksum: 'fresh.test' },
]

test('each database is its own, carries the migrations, and is gone when it was disposed of', async () => {
  await using witness = await freshDatabase({ migrations: [] })
  const names = []
  {
    const dbs = await Promise.all([1, 2, 3].map(() => freshDatabase({ migrations })))
    for (const db of dbs) {
      assert.deepEqual(await db.sql`select n from t`, [])
      await db.sql`insert into t values (1)`
      names.push(db.name)
      await db[Symbol.asyncDispose]()
    }
  }
  assert.equal(new Set(names).size, 3)
  assert.deepEqual(await witness.sql`select datname from pg_database where datname = any(${names})`, [])
})

test('a transaction that a failed test left open does not keep its database, nor hang the run', async () => {
  const db = await freshDatabase({ migrations })
  const stuck = db.sql.begin((tx) => tx`select pg_sleep(600)`)
  const lost = assert.rejects(stuck, { code: '57P01' })
  await db[Symbol.asyncDispose]()
  await lost
})

test('the product itself has no migration that fails', async () => {
  await using db = await freshDatabase()
  const applied = await db.sql`select name from migration order by number`
  assert.ok(applied.length > 0)
})
