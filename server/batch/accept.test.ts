/** Taking in and running batches on a real database: exact limits, free replays, order, and what a crash leaves behind. Two pools stand for two nodes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admitIn } from '../stage/admit.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { type Accepted, acceptBatch } from './accept.ts'
import { asking, runner, unheard } from './batch.fixture.ts'
import type { Ended } from './deps.ts'
import { type Claimed, claimBatches, type RunDeps, step, trouble } from './run.ts'

const prepared = async () => {
  const db = await freshDatabase()
  await db.sql`insert into tenant (tenant_id) values ('t')`
  return db
}

const kinds = (all: readonly Accepted[]) => {
  const counted: Record<string, number> = {}
  for (const { kind } of all) counted[kind] = (counted[kind] ?? 0) + 1
  return counted
}

/** 2026-11-25 10:00 in Shanghai. */
const morning = Date.UTC(2026, 10, 25, 2)
const minute = 60_000

test('25: of 60 calls at 49 used of 50 exactly one passes, on two nodes; the control without the limit passes all', async () => {
  await using db = await prepared()
  const nodes = [db.sql, db.open({ max: 5 })]
  for (let i = 0; i < 49; i++) assert.equal((await acceptBatch(db.sql, asking(`used ${i}`), morning)).kind, 'new')
  const all = await Promise.all(
    Array.from({ length: 60 }, (_, i) => acceptBatch(nodes[i % 2] as Sql, asking(`parallel ${i}`), morning)),
  )
  assert.deepEqual(kinds(all), { new: 1, over: 59 })
  const control = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      acceptBatch(
        nodes[i % 2] as Sql,
        asking(`free ${i}`, undefined, { path: 'free', perHour: 1_000, perDay: 1_000 }),
        morning,
      ),
    ),
  )
  assert.deepEqual(kinds(control), { new: 60 })
  const [stored] = await db.sql<{ count: number }>`select count(*) as count from batch where path = 'positions'`
  assert.equal(stored?.count, 50)
})

test('25: the 101st call of a day is refused, and the next day begins at midnight of the tenant’s zone', async () => {
  await using db = await prepared()
  let hour = 0
  const call = (at: number, name: string) => acceptBatch(db.sql, asking(name), at)
  for (let i = 0; i < 100; i++) {
    if (i === 50) hour = 60 * minute
    assert.equal((await call(morning + hour, `day ${i}`)).kind, 'new')
  }
  const late = Date.UTC(2026, 10, 25, 15, 59, 59, 900) // 23:59:59.900 there
  const over = await call(late, 'day 100')
  assert.deepEqual([over.kind, over.quota], ['over', { limit: 100, remaining: 0, reset: 1, window: 'day' }])
  assert.equal((await call(late + 100, 'tomorrow')).kind, 'new')
  // one who waited for the row with the clock of before midnight does not begin the old day again
  const [before] = await db.sql<{ day_used: number }>`select day_used from batch_quota`
  assert.equal((await call(late, 'straggler')).kind, 'new')
  const [after] = await db.sql<{ day_used: number; day: number }>`select day_used, day from batch_quota`
  assert.deepEqual([before?.day_used, after?.day_used, after?.day], [1, 2, late + 100])
  // the same moment is still yesterday in another zone
  const elsewhere = await acceptBatch(db.sql, asking('utc', undefined, { path: 'utc', zone: 'UTC' }), late + 100)
  assert.equal(elsewhere.quota.window, 'hour')
})

test('25: the clock hour is the zone’s own, also where it is off by half an hour', async () => {
  await using db = await prepared()
  const counted = { zone: 'Asia/Kolkata', perHour: 1 }
  const call = (name: string, at: number) => acceptBatch(db.sql, asking(name, undefined, counted), at)
  assert.equal((await call('a', Date.UTC(2026, 0, 1, 6, 29))).kind, 'new') // 11:59 there
  assert.equal((await call('b', Date.UTC(2026, 0, 1, 6, 29, 59))).kind, 'over')
  assert.equal((await call('c', Date.UTC(2026, 0, 1, 6, 30))).kind, 'new')
})

test('24: 100 bizIds, 20 times each in parallel, are 100 batches and 100 counted calls; another body is told apart', async () => {
  await using db = await prepared()
  const patient = { max: 5, connectTimeout: 60_000 } // two thousand queue for ten connections
  const nodes = [db.open(patient), db.open(patient)]
  const wide = { perDay: 10_000, perHour: 10_000 }
  const all = await Promise.all(
    Array.from({ length: 2_000 }, (_, i) =>
      acceptBatch(nodes[i % 2] as Sql, asking(`biz ${i % 100}`, undefined, wide), morning),
    ),
  )
  assert.deepEqual(kinds(all), { new: 100, same: 1_900 })
  assert.equal(new Set(all.map((one) => ('batchId' in one ? one.batchId : 0))).size, 100)
  const [quota] = await db.sql<{ day_used: number }>`select day_used from batch_quota`
  assert.equal(quota?.day_used, 100)
  assert.equal(
    (await acceptBatch(db.sql, asking('biz 1', [{ code: 'x', name: 'other' }], wide), morning)).kind,
    'other',
  )
  // free also when nothing is left
  assert.equal((await acceptBatch(db.sql, asking('biz 1', undefined, { perDay: 1, perHour: 1 }), morning)).kind, 'same')
})

const runAll = async (deps: RunDeps, claimed: Claimed): Promise<void> => {
  for (;;) if ((await step(deps, claimed, unheard)).kind !== 'more') return
}

test('one client’s batches of one object run in order, those of another beside them', async () => {
  await using db = await prepared()
  for (const name of ['first', 'second']) await acceptBatch(db.sql, asking(name, [{ code: 'A', name }]), null)
  await acceptBatch(db.sql, asking('other', [{ code: 'B', name: 'n' }], { clientId: 'd' }), null)
  const heads = await claimBatches(db.sql, 10)
  assert.deepEqual(heads.map((one) => one.biz_id).sort(), ['first', 'other'])
  assert.deepEqual(await claimBatches(db.sql, 10), [])
  const told: Ended[] = []
  for (const head of heads) await runAll(runner(db.sql, admitIn, told), head)
  const [second] = await claimBatches(db.sql, 10)
  assert.equal(second?.biz_id, 'second')
  await runAll(runner(db.sql, admitIn, told), second as Claimed)
  const [stored] = await db.sql<{ master: string }>`select master from document where data_id = 'A'`
  assert.match(stored?.master ?? '', /second/)
  assert.deepEqual(
    told.map(({ data }) => (JSON.parse(data ?? '{}') as { createdCount: number }).createdCount),
    [1, 1, 0],
  )
})

test('24: a node that stalls in the middle is fenced off; the next goes on with what is left, no row twice, one callback', async () => {
  await using db = await prepared()
  const rows = Array.from({ length: 1_000 }, (_, i) => ({ code: `r${i}`, name: i % 100 === 7 ? '' : `n${i}` }))
  await acceptBatch(db.sql, asking('big', rows), null)
  const [first] = (await claimBatches(db.sql, 1)) as [Claimed]
  const told: Ended[] = []
  const deps = runner(db.sql, admitIn, told)
  for (let i = 0; i < 3; i++) assert.equal((await step(deps, first, unheard)).kind, 'more') // the check, and two slices
  await db.sql`update batch set lease_until = clock_timestamp() - interval '1 second'`
  const [second] = (await claimBatches(db.sql, 1)) as [Claimed]
  assert.equal((await step(deps, first, unheard)).kind, 'lost')
  await runAll(deps, second)
  const [count] = await db.sql<{ arrivals: number; documents: number }>`
    select (select count(*) from arrival) as arrivals, (select count(*) from document) as documents`
  assert.deepEqual(count, { arrivals: 990, documents: 990 })
  assert.equal(told.length, 1)
  const data = JSON.parse(told[0]?.data ?? '') as { createdCount: number; failedCount: number; validatorErrors: object }
  assert.deepEqual([data.createdCount, data.failedCount, Object.keys(data.validatorErrors).length], [990, 10, 10])
})

test('a batch that meets trouble waits, and in the end is told as failed, once', async () => {
  await using db = await prepared()
  await acceptBatch(db.sql, asking('bad'), null)
  const told: Ended[] = []
  const deps = runner(db.sql, admitIn, told)
  for (let i = 1; i <= 7; i++) {
    await db.sql`update batch set next_at = clock_timestamp()`
    const [claimed] = (await claimBatches(db.sql, 1)) as [Claimed]
    assert.equal(await trouble(deps, claimed, new Error('broken'), 0.5), i < 7 ? 'waits' : 'ended', `try ${i}`)
  }
  assert.deepEqual(
    told.map(({ data, bizId }) => [data, bizId]),
    [[null, 'bad']],
  )
  assert.deepEqual(await claimBatches(db.sql, 1), [])
})

test('a row that the database refuses is told alone; its neighbours go in', async () => {
  await using db = await prepared()
  await acceptBatch(
    db.sql,
    asking(
      'mixed',
      Array.from({ length: 9 }, (_, i) => ({ code: `r${i}`, name: 'n' })),
    ),
    null,
  )
  const [claimed] = (await claimBatches(db.sql, 1)) as [Claimed]
  const told: Ended[] = []
  const refused: unknown[] = []
  const deps: RunDeps = {
    ...runner(db.sql, admitIn, told),
    admit: async (tx, all) => {
      if (all.some((row) => row.data_id === 'r4')) await tx`select 1 / 0`
      return admitIn(tx, all)
    },
  }
  assert.equal((await step(deps, claimed, (error) => refused.push(error))).kind, 'ended')
  const data = JSON.parse(told[0]?.data ?? '') as { createdCount: number; dbErrors: unknown[] }
  assert.equal(refused.length, 1)
  assert.deepEqual([data.createdCount, data.dbErrors], [8, [{ row: '5', code: 'store', message: 'coder4保存失败' }]])
})
