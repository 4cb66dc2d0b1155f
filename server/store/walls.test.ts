/** The walls on the real database: who sees what as which role, that nothing is left out, and that raising them again does nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshDatabase } from './fresh.ts'
import { asTenant } from './roles.ts'
import { raiseWalls } from './walls.ts'

const two = `
  insert into tenant (tenant_id) values ('a'), ('b');
  insert into connection (tenant_id, connection_id, kind, role, definition) values ('a', 'erp', 'standard', 'erp', '{}'), ('b', 'erp', 'standard', 'erp', '{}');
  insert into "user" (user_id, tenant_id, password) values ('ann', 'a', 'p'), ('bob', 'b', 'p'), ('cy', 'b', 'p');
  insert into membership (tenant_id, user_id, role) values ('a', 'ann', 'admin'), ('b', 'bob', 'admin'), ('a', 'cy', 'viewer');
  insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, settled, target_connection)
    values ('a', 'p', 1, 'X', now(), 'idle', 1, 'erp'), ('b', 'p', 1, 'X', now(), 'idle', 1, 'erp')`

test('raising the walls again finds nothing to do', async () => {
  await using db = await freshDatabase()
  assert.deepEqual(await raiseWalls(db.owner, db.roles), [])
})

test('walls that were torn down are raised, by one of several nodes', async () => {
  await using db = await freshDatabase()
  await db.owner.unsafe('drop policy mortise_app on link; revoke all on document from mortise_road')
  const raised = await Promise.all([1, 2, 3].map(() => raiseWalls(db.owner, db.roles)))
  assert.equal(raised.flat().length, 2)
  assert.deepEqual(await raiseWalls(db.owner, db.roles), [])
})

test('every table with a tenant is behind them, and every view asks with the rights of who reads it', async () => {
  await using db = await freshDatabase()
  const open = await db.owner`
    select c.relname
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and not (c.relrowsecurity and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'mortise_app'))`
  assert.deepEqual(open, [])
  const views = await db.owner`
    select relname
    from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'v' and not coalesce('security_invoker=true' = any(reloptions) or 'security_invoker=on' = any(reloptions), false)`
  assert.deepEqual(views, [])
  const strong = await db.owner`
    select proname
    from pg_proc
    where pronamespace = 'public'::regnamespace and prosecdef and not coalesce(proconfig::text like '%search_path=public, pg_temp%', false)`
  assert.deepEqual(strong, [], 'a function that acts as the owner fixes its search_path')
})

test('as mortise_app a statement that forgets the tenant still sees one tenant only, and without one nothing', async () => {
  await using db = await freshDatabase()
  await db.owner.unsafe(two)
  const app = db.open({ role: 'mortise_app' })
  for (const table of ['tenant', 'connection', 'link', 'membership']) {
    const read = `select distinct tenant_id from ${table}`
    assert.deepEqual(await app.unsafe(read), [], table)
    assert.deepEqual(await asTenant(app, 'a', (tx) => tx.unsafe(read)), [{ tenant_id: 'a' }], table)
    assert.deepEqual(await app.unsafe(read), [], `${table}, after the transaction`)
  }
  assert.equal(await asTenant(app, 'a', (tx) => tx.affected`update link set left_id = 'Y'`), 1)
  assert.equal(await asTenant(app, 'a', (tx) => tx.affected`delete from link where tenant_id = 'b'`), 0)
  await assert.rejects(
    asTenant(app, 'a', (tx) => tx`update link set tenant_id = 'b'`),
    { code: '42501' },
  )
  assert.deepEqual(await db.owner`select tenant_id, left_id from link order by 1`, [
    { tenant_id: 'a', left_id: 'Y' },
    { tenant_id: 'b', left_id: 'X' },
  ])
})

test('accounts show to the tenants they have a role in, to their own person and to the installation; passwords to nobody', async () => {
  await using db = await freshDatabase()
  await db.owner.unsafe(two)
  const app = db.open({ role: 'mortise_app' })
  const seen = async (tenantId: string, userId = '') =>
    (await asTenant(app, tenantId, (tx) => tx<{ user_id: string }>`select user_id from "user" order by 1`, userId)).map(
      (row) => row.user_id,
    )
  assert.deepEqual(await seen('a'), ['ann', 'cy'])
  assert.deepEqual(await seen('b'), ['bob', 'cy'])
  assert.deepEqual(await seen('none', 'bob'), ['bob'])
  assert.deepEqual(await seen('*'), ['ann', 'bob', 'cy'])
  await assert.rejects(
    asTenant(app, '*', (tx) => tx`select password from "user"`),
    { code: '42501' },
  )
  assert.deepEqual(await asTenant(app, '*', (tx) => tx`select from link`), [], 'the installation sees no records')
})

test('the road reaches no account, no session and no key, and partitions are reached through their parents only', async () => {
  await using db = await freshDatabase()
  const road = db.open({ role: 'mortise_road' })
  for (const table of ['"user"', 'membership', 'session', 'api_key', 'audit', 'sign_in_try'])
    await assert.rejects(road.unsafe(`select from ${table}`), { code: '42501' }, table)
  await assert.rejects(road`insert into tenant (tenant_id) values ('x')`, { code: '42501' })
  await assert.rejects(road`select from who_signs_in('admin')`, { code: '42501' })
  const [day] = await db.owner<{ name: string }>`
    select inhrelid::regclass::text as name from pg_inherits where inhparent = 'arrival'::regclass and inhrelid::regclass::text ~ '[0-9]{8}$' limit 1`
  for (const role of ['mortise_app', 'mortise_road'])
    await assert.rejects(db.open({ role }).unsafe(`select from ${day?.name}`), { code: '42501' }, role)
  await road`select make_partitions(current_date + 30)`
  await assert.rejects(db.open({ role: 'mortise_app' })`select make_partitions(current_date + 31)`, { code: '42501' })
})
