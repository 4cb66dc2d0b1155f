/** The list of records: pages that miss nothing and repeat nothing, in their order, narrowed by every filter. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { declare, fill, type Mix, tenantId } from '../../bench/lists-world.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { readGroups } from './groups.ts'
import { searchIds } from './ids.ts'
import { CursorRefused, listRecords, matchingKeys, type RecordFilter, type RecordRow } from './records.ts'

const world = async (count: number, mix: Mix) => {
  const db = await freshDatabase()
  await declare(db.sql)
  await fill(db.sql, count, mix)
  return db
}

const everyPage = async (sql: Sql, filter: Omit<RecordFilter, 'limit'>, limit: number) => {
  const rows: RecordRow[] = []
  let pages = 0
  for (let cursor: string | null | undefined; cursor !== null; pages++) {
    const page = await listRecords(sql, { ...filter, limit, ...(cursor !== undefined && { cursor }) })
    assert.ok(page.records.length <= limit)
    rows.push(...page.records)
    cursor = page.next
  }
  return { rows, pages }
}

const ids = (rows: readonly RecordRow[]) => rows.map((row) => row.linkId).sort((a, b) => a - b)
const linkIds = async (sql: Sql, where: string): Promise<number[]> =>
  (await sql.unsafe<{ link_id: number }>(`select link_id from link where ${where} order by link_id`)).map(
    (row) => row.link_id,
  )

test('pages of any size hold every record once', async () => {
  await using db = await world(1_000, 'mixed')
  const all = await linkIds(db.sql, 'true')
  for (const limit of [7, 100, 999, 1_000, 5_000])
    assert.deepEqual(ids((await everyPage(db.sql, { tenantId }, limit)).rows), all, String(limit))
  const { rows } = await everyPage(db.sql, { tenantId }, 64)
  const shown = rows.map((row) => row.shown)
  assert.ok(shown.lastIndexOf('failed') < shown.indexOf('pending'), 'trouble first')
  assert.ok(shown.lastIndexOf('pending') < shown.indexOf('succeeded'))
  const since = rows.filter((row) => ['failed', 'unknown', 'waiting'].includes(row.shown)).map((row) => row.since ?? 0)
  assert.deepEqual(
    since,
    [...since].sort((a, b) => a - b),
    'oldest trouble first',
  )
})

test('each filter narrows to what the table says', async () => {
  await using db = await world(1_000, 'mixed')
  await db.sql`update link set reason = 'unknown' where link_id in (51, 101)`
  const expect = async (filter: Omit<RecordFilter, 'limit'>, where: string) =>
    assert.deepEqual(
      ids((await everyPage(db.sql, { tenantId, ...filter }, 13)).rows),
      await linkIds(db.sql, where),
      where,
    )
  await expect({ states: ['failed'] }, "state = 'parked' and reason <> 'unknown'")
  await expect({ states: ['parked'] }, "state = 'parked'")
  await expect({ states: ['unknown'] }, "state = 'unknown' or (state = 'parked' and reason = 'unknown')")
  await expect({ states: ['waiting', 'pending'] }, "state in ('waiting', 'due')")
  await expect({ states: ['skipped'] }, "reason = 'out of scope'")
  await expect({ states: ['succeeded'] }, "state = 'idle' and reason = 'applied'")
  await expect({ states: ['idle'], pairId: 'order' }, "state = 'idle' and pair_id = 'order'")
  await expect({ object: 'B' }, "pair_id = 'order'")
  await expect({ target: 'erp' }, 'false')
  await expect({ fault: 'map.option' }, "fault like '%map.option%'")
  await expect({ fault: 'send.connection' }, "fault like '%send.connection%'")
  await expect({ keyword: 'refused' }, 'false')
  await expect({ keyword: '"F3"' }, `fault like '%"f3"%'`)
  await expect(
    { keyword: 'L-99' },
    "left_id like 'L-99%' or (left_id like '%L-99%' and state in ('parked', 'unknown', 'waiting'))",
  )
  await expect({ keyword: '%' }, 'false')
  const [group] = await readGroups(db.sql, { tenantId })
  await expect({ group: group?.group ?? '' }, `fault_group = '${group?.group}'`)
  const from = Date.now() - 300_000
  const moment = new Date(from).toISOString()
  await expect({ states: ['failed'], from }, `state = 'parked' and reason <> 'unknown' and since >= '${moment}'`)
  await expect({ states: ['failed'], until: from }, `state = 'parked' and reason <> 'unknown' and since < '${moment}'`)
  await expect({ ids: ['L-7', 'R-9', 'nobody'] }, 'link_id in (7, 9)')
  assert.deepEqual((await listRecords(db.sql, { tenantId: 'other', limit: 10 })).records, [])
  const keys = await matchingKeys(db.sql, { tenantId, states: ['failed'], limit: 100_000 })
  assert.equal(keys.length, (await linkIds(db.sql, "state = 'parked' and reason <> 'unknown'")).length)
})

test('pages that end early go on until all was walked: nothing is lost where nearly nothing matches', async () => {
  await using db = await world(3_000, 'backlog')
  for (let i = 0; i < 60; i++)
    await db.sql`
      insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
      values (${tenantId}, ${`p${i}`}, 'erp', 'A', 'crm', 'A', '{}')`
  await db.sql`update link set state = 'idle', reason = 'applied', settled = 1 where link_id in (1, 2, 1500, 2999)`
  // 60 pairs share the walk: 1,000 rows each
  const done = await everyPage(db.sql, { tenantId, states: ['succeeded'] }, 50)
  assert.deepEqual(ids(done.rows), [1, 2, 1500, 2999])
  assert.ok(done.pages > 1)
  const order = await everyPage(db.sql, { tenantId, states: ['pending'], pairId: 'order' }, 50)
  assert.deepEqual(ids(order.rows), await linkIds(db.sql, "state = 'due' and pair_id = 'order'"))
})

test('a cursor of another list is refused', async () => {
  await using db = await world(100, 'mixed')
  const { next } = await listRecords(db.sql, { tenantId, states: ['succeeded'], limit: 2 })
  assert.ok(next)
  for (const cursor of ['nonsense', next, Buffer.from('["t","now(); drop",1]').toString('base64url')])
    await assert.rejects(listRecords(db.sql, { tenantId, states: ['waiting'], limit: 2, cursor }), CursorRefused)
})

test('the ID mapping is paged and searched by how an id begins', async () => {
  await using db = await world(1_000, 'mixed')
  const found: number[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof searchIds>> = await searchIds(db.sql, {
      tenantId,
      bound: true,
      limit: 33,
      ...(cursor && { cursor }),
    })
    found.push(...page.ids.map((one) => one.linkId))
    cursor = page.next
  }
  assert.deepEqual(found, await linkIds(db.sql, 'left_id is not null and right_id is not null'))
  const begin = await searchIds(db.sql, { tenantId, text: 'R-99', limit: 50 })
  assert.deepEqual(
    begin.ids.map((one) => one.linkId),
    await linkIds(db.sql, "right_id like 'R-99%'"),
  )
})
