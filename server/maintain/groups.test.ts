/** Error groups: what gathers, what is counted, and what a success leaves of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { locales } from '../../protocol/codes.ts'
import { ignore, rerun } from '../converge/ids.ts'
import { advice } from '../doc/advice.ts'
import { type Fault, type FaultCode, faultSentences } from '../doc/fault.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { ignoreAll } from './deeds.ts'
import { groupsOfFault, readGroups, troublesOf } from './groups.ts'
import { forgetTroubles } from './keeper.ts'
import { hasManyFaults, takeTally } from './tally.ts'

const tenantId = 'acme'

const world = async () => {
  const db = await freshDatabase()
  await db.sql.unsafe(`
    insert into tenant (tenant_id) values ('acme'), ('other');
    insert into connection (tenant_id, connection_id, kind, role, definition)
    select t, c, 'standard', c, '{}' from unnest(array['acme', 'other']) t cross join unnest(array['erp', 'crm']) c;
    insert into object (tenant_id, connection_id, code, api_name, definition)
    select t, c, 'A', 'A', '{}' from unnest(array['acme', 'other']) t cross join unnest(array['erp', 'crm']) c;
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
    select t, 'customer', 'erp', 'A', 'crm', 'A', '{}' from unnest(array['acme', 'other']) t`)
  return db
}

const option = (field: string, value = 'D'): Fault => ({ code: 'map.option', stage: 'map', field, value })

const link = (sql: Sql, id: number, tenant = tenantId) =>
  sql`
    insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, target_connection)
    values (${tenant}, 'customer', ${id}, ${`L-${id}`}, now(), 'due', 'crm')`

/** As a settle does: parked with its fault, or at rest. */
const park = (sql: Sql, id: number, fault: Fault | string) =>
  sql`
    update link set state = 'parked', reason = 'data', fault = ${typeof fault === 'string' ? fault : JSON.stringify(fault)},
      since = coalesce(since, clock_timestamp())
    where link_id = ${id}`
const succeed = (sql: Sql, id: number) =>
  sql`
    update link set state = 'idle', reason = 'applied', fault = null, since = null, settled = generation
    where link_id = ${id}`

test('faults of one kind, stage, field and flow are one group, whatever their values and rows', async () => {
  await using db = await world()
  for (let id = 1; id <= 6; id++) await link(db.sql, id)
  await link(db.sql, 7, 'other')
  await park(db.sql, 1, option('grade', 'D'))
  await park(db.sql, 2, { ...option('grade', 'E'), also: [{ code: 'map.required', stage: 'map', field: 'name' }] })
  await park(db.sql, 3, option('contacts[2].type'))
  await park(db.sql, 4, option('contacts[17].type'))
  await park(db.sql, 5, { code: 'send.refused', stage: 'send', value: '400101', said: 'says "field":"grade" in words' })
  await park(db.sql, 6, { code: 'send.refused', stage: 'send', value: '400205', said: 'no' })
  await park(db.sql, 7, option('grade'))
  const groups = await readGroups(db.sql, { tenantId })
  assert.deepEqual(
    groups.map((one) => [one.count, one.code, one.field, one.sample.value]).sort(),
    [
      [1, 'send.refused', null, '400101'],
      [1, 'send.refused', null, '400205'],
      [2, 'map.option', 'contacts[].type', 'D'],
      [2, 'map.option', 'grade', 'E'],
    ],
    'the newest record speaks for its group; what a target said, or a further fault, is not its field',
  )
  const grade = groups.find((one) => one.field === 'grade')
  assert.ok(grade)
  assert.match(grade.group, /^[0-9a-f]{10}$/)
  assert.deepEqual(grade.flow, { pairId: 'customer', from: 'left' })
  assert.equal(grade.sentence, 'Field grade: option E is not mapped.')
  assert.match(grade.advice, /Add the option/)
  assert.ok((grade.firstSeen ?? 0) < (grade.lastSeen ?? 0))
  assert.deepEqual((await readGroups(db.sql)).find((one) => one.tenantId === 'other')?.group, grade.group)
  assert.deepEqual((await groupsOfFault(db.sql, 'map.option', tenantId)).length, 2)
})

test('faults that PostgreSQL wrote, and texts that are no fault at all, have a group too', async () => {
  await using db = await world()
  for (let id = 1; id <= 3; id++) await link(db.sql, id)
  await park(db.sql, 1, JSON.stringify({ code: 'conflict.id', stage: 'settle', value: 'x' }))
  await db.sql`
    update link set state = 'parked', reason = 'conflict',
      fault = json_build_object('code', 'conflict.id', 'stage', 'settle', 'value', 'y')::text
    where link_id = 2`
  await park(db.sql, 3, 'written by hand {"code": ')
  const groups = await readGroups(db.sql, { tenantId })
  assert.deepEqual(
    groups.map((one) => [one.count, one.code]),
    [
      [2, 'conflict.id'],
      [1, 'bug'],
    ],
  )
})

test('a group counts how its records stand: failed, unknown, waiting, tried again by itself', async () => {
  await using db = await world()
  const stored = JSON.stringify({ code: 'send.timeout', stage: 'send', expected: '30 s' })
  for (let id = 1; id <= 3; id++) await link(db.sql, id)
  await park(db.sql, 1, stored)
  await db.sql`
    update link set state = 'unknown', fault = ${stored}, sent_at = now(), sent_call = 'create', sent_side = 'right', sent_generation = 1
    where link_id = 2`
  await db.sql`update link set fault = ${stored} where link_id = 3`
  const [group] = await readGroups(db.sql, { tenantId })
  assert.deepEqual([group?.count, group?.states], [3, { failed: 1, unknown: 1, waiting: 0, pending: 1 }])
})

test('of very many the counts come from the tally; a group that is new is counted, one that is empty is gone', async () => {
  await using db = await world()
  await db.sql`
    insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, reason, fault, since, target_connection)
    select 'acme', 'customer', i, 'L-' || i, now(), 'parked', 'data', '{"code":"map.option","stage":"map","field":"f' || i % 2 || '"}', now(), 'crm'
    from generate_series(1, 70000) i`
  const live = await readGroups(db.sql, { tenantId })
  assert.ok((await takeTally(db.sql)) !== null)
  assert.equal(await hasManyFaults(db.sql), true)
  assert.deepEqual(await readGroups(db.sql, { tenantId }), live)
  await park(db.sql, 2, option('new'))
  await db.sql`update link set state = 'idle', reason = 'applied', fault = null, settled = 1 where link_id % 2 = 1`
  assert.deepEqual(
    (await readGroups(db.sql, { tenantId })).map((one) => [one.field, one.count]),
    [
      ['f0', 35_000],
      ['new', 1],
    ],
    'f0 as it was counted, new as it is',
  )
  const [, fresh] = await readGroups(db.sql, { tenantId })
  assert.equal(
    (await readGroups(db.sql, { tenantId, group: live.find((one) => one.field === 'f0')?.group ?? '' }))[0]?.count,
    34_999,
    'one group is always counted',
  )
  assert.equal(fresh?.states.failed, 1)
})

test('reads that failed are groups of their own', async () => {
  await using db = await world()
  await db.sql`
    insert into "fetch" (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id, state, fault)
    select 'acme', 'crm', 'A', 'R-' || i, i, '', '', case when i < 4 then 'failed' else 'due' end, '{"code":"read.failed","stage":"read","said":"no"}'
    from generate_series(1, 5) i`
  const groups = await readGroups(db.sql, { tenantId })
  assert.deepEqual(
    groups.map((one) => [one.what, one.count, one.connectionId, one.object, one.code]),
    [['read', 3, 'crm', 'A', 'read.failed']],
  )
})

test('a later success closes the record’s earlier errors, and they stay visible; the same error again opens the same one', async () => {
  await using db = await world()
  await link(db.sql, 1)
  const name = { tenantId, pairId: 'customer', linkId: 1 }
  const story = async () =>
    (await troublesOf(db.sql, [name]))
      .map((one) => [one.fault.field, one.times, one.closedAt === null ? 'open' : 'closed'])
      .sort()
  await park(db.sql, 1, option('grade'))
  assert.deepEqual(await story(), [['grade', 1, 'open']])
  await rerun(db.sql, [{ tenant_id: tenantId, pair_id: 'customer', link_id: 1 }], null, null)
  assert.deepEqual(await readGroups(db.sql, { tenantId }), [], 'what is tried again is in no group')
  await park(db.sql, 1, option('grade', 'E'))
  assert.deepEqual(await story(), [['grade', 2, 'open']])
  await rerun(db.sql, [{ tenant_id: tenantId, pair_id: 'customer', link_id: 1 }], null, null)
  await park(db.sql, 1, option('level'))
  assert.deepEqual(await story(), [
    ['grade', 2, 'closed'],
    ['level', 1, 'open'],
  ])
  await succeed(db.sql, 1)
  assert.deepEqual(await story(), [
    ['grade', 2, 'closed'],
    ['level', 1, 'closed'],
  ])
  assert.deepEqual(await readGroups(db.sql, { tenantId }), [])
})

test('a record that never failed writes nothing but its own row', async () => {
  await using db = await world()
  await link(db.sql, 1)
  const writes = async () =>
    (
      await db.sql<{
        n: number
      }>`select n_tup_ins + n_tup_upd + n_tup_del as n from pg_stat_xact_user_tables where relname = 'trouble'`
    )[0]?.n
  await db.sql.begin(async (tx) => {
    await succeed(tx, 1)
    await tx`update link set state = 'due', generation = 2 where link_id = 1`
    await succeed(tx, 1)
  })
  assert.equal(await writes(), 0)
  assert.equal((await db.sql`select from trouble`).length, 0)
  const [row] = await db.sql`select fault_group from link where link_id = 1`
  assert.deepEqual(row, { fault_group: null })
})

test('ignoring keeps who and why; an unresolved call cannot be ignored, and the record comes back when it comes in again', async () => {
  await using db = await world()
  for (let id = 1; id <= 3; id++) await link(db.sql, id)
  await park(db.sql, 1, option('grade'))
  await db.sql`
    update link set state = 'parked', reason = 'unknown', fault = '{"code":"resolve.none","stage":"resolve"}',
      sent_at = now(), sent_call = 'create', sent_side = 'right', sent_generation = 1
    where link_id = 2`
  const keys = [1, 2, 3].map((linkId) => ({ tenantId, pairId: 'customer', linkId }))
  assert.equal(await ignoreAll(db.sql, { ignore }, keys, 'li', 'test data'), 1)
  const rows = await db.sql`select link_id, state, reason from link order by link_id`
  assert.deepEqual(rows, [
    { link_id: 1, state: 'idle', reason: 'ignored' },
    { link_id: 2, state: 'parked', reason: 'unknown' },
    { link_id: 3, state: 'due', reason: null },
  ])
  const [told] = await troublesOf(db.sql, keys.slice(0, 1))
  assert.deepEqual([told?.closedBy, told?.note], ['li', 'test data'])
  await park(db.sql, 1, option('grade'))
  const [again] = await troublesOf(db.sql, keys.slice(0, 1))
  assert.deepEqual([again?.closedBy, again?.note, again?.closedAt, again?.times], [null, null, null, 2])
})

test('errors that were closed long ago are forgotten, open ones never', async () => {
  await using db = await world()
  for (let id = 1; id <= 3; id++) {
    await link(db.sql, id)
    await park(db.sql, id, option('grade'))
  }
  await succeed(db.sql, 1)
  await succeed(db.sql, 2)
  await db.sql`update trouble set closed_at = now() - interval '91 days' where link_id = 1`
  await db.sql`update trouble set first_at = now() - interval '1 year', last_at = now() - interval '1 year' where link_id = 3`
  assert.equal(await forgetTroubles(db.sql), 1)
  assert.deepEqual(await db.sql`select link_id from trouble order by link_id`, [{ link_id: 2 }, { link_id: 3 }])
})

test('a row that is absorbed by another takes no open error with it', async () => {
  await using db = await world()
  await link(db.sql, 1)
  await park(db.sql, 1, option('grade'))
  await db.sql`delete from link`
  const [row] = await db.sql<{ closed: boolean }>`select closed_at is not null as closed from trouble`
  assert.equal(row?.closed, true)
})

test('what to do is told for every fault in four languages, each its own', () => {
  for (const code of Object.keys(faultSentences) as FaultCode[]) {
    const told = locales.map((locale) => advice(code, locale))
    assert.ok(
      told.every((one) => one.length > 2),
      code,
    )
    assert.ok(new Set(told).size >= 3 || code === 'send.closed' || code === 'send.egress', code)
    assert.match(told[2] ?? '', /^[\x20-\x7e’…→-]+$/u, code)
    assert.match(told[0] ?? '', /\p{Script=Han}/u, code)
    assert.match(told[3] ?? '', /[\p{Script=Hiragana}\p{Script=Katakana}]/u, code)
  }
})
