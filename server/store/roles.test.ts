/** The two roles: made once, worn on connect, and said plainly when the database does not let us. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { freshDatabase } from './fresh.ts'
import { asTenant, connectionFor, ensureRoles } from './roles.ts'

test('both roles exist, are neither owner nor superuser, and each pool wears its own', async () => {
  await using db = await freshDatabase({ migrations: [] })
  const roles = await ensureRoles(db.sql)
  assert.equal(roles.roles, 'separate')
  for (const side of ['app', 'road'] as const) {
    const pool = db.open(connectionFor(db.url, roles, side))
    const [seen] =
      await pool`select current_user as name, (select rolsuper from pg_roles where rolname = current_user) as strong`
    assert.deepEqual(seen, { name: `mortise_${side}`, strong: false })
    await assert.rejects(pool`create table mine ()`, { code: '42501' })
  }
})

test('several nodes that start together all find the roles', async () => {
  await using db = await freshDatabase({ migrations: [] })
  const found = await Promise.all(Array.from({ length: 5 }, () => ensureRoles(db.sql)))
  assert.deepEqual(new Set(found.map(({ roles }) => roles)), new Set(['separate']))
})

test('a database user who may not wear the roles works alone, and is told what that means', async () => {
  await using db = await freshDatabase({ migrations: [] })
  const user = `plain_${randomBytes(4).toString('hex')}`
  await db.sql.unsafe(`create role ${user} login password 'plain'`)
  try {
    const url = db.url.replace(/\/\/[^@]*@/, `//${user}:plain@`)
    const plain = db.open({ url })
    const roles = await ensureRoles(plain)
    assert.equal(roles.roles, 'single')
    assert.match(roles.sentence, /may not become mortise_app.*let an administrator run/)
    assert.deepEqual(connectionFor(url, roles, 'app'), { url })
    await plain.end()
  } finally {
    await db.sql.unsafe(`drop role ${user}`)
  }
})

test('a tenant is set for one transaction and gone after it, also on the same connection', async () => {
  await using db = await freshDatabase({ migrations: [], pool: { max: 1 } })
  const read = "select nullif(current_setting('mortise.tenant', true), '') as tenant"
  assert.deepEqual(await asTenant(db.sql, 'acme', (tx) => tx.unsafe(read)), [{ tenant: 'acme' }])
  assert.deepEqual(await db.sql.unsafe(read), [{ tenant: null }])
})
