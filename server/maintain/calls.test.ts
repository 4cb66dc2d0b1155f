/** The log of calls by time, and how flows fared minute by minute, from rows in a real database. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import { listCalls } from './calls.ts'
import { attemptAt } from './journey.ts'
import { readPulse, takePulse } from './pulse.ts'

interface Made {
  id: number
  /** Minutes ago. */
  ago: number
  tenant?: string
  outcome?: string | null
  target?: string
}

const withCalls = async (db: FreshDatabase, calls: readonly Made[]): Promise<void> => {
  for (const { id, ago, tenant = 'acme', outcome = 'applied', target = 'crm' } of calls)
    await db.owner.unsafe(`
      insert into attempt (attempt_id, started_at, tenant_id, pair_id, link_id, target_connection, call, lease_token, trace_id, request, outcome, status, ms, answer)
      values (${id}, clock_timestamp() - interval '${ago} minutes', '${tenant}', 'customer', ${id}, '${target}', 'create', 1, 'trace-${id}',
        '{"token":"hide-me","n":1}', ${outcome === null ? 'null' : `'${outcome}'`}, 200, 40, '{"password":"hide-me"}')`)
}

const all = {
  tenantId: 'acme',
  pairId: null,
  target: null,
  outcome: null,
  call: null,
  trace: null,
  since: null,
  before: null,
}

test('calls come newest first, page by page without a gap or a repetition, however long ago they were', async () => {
  await using db = await freshDatabase()
  const ages = [0, 0, 1, 5, 9, 11, 50, 200, 3_000, 20_000]
  await withCalls(
    db,
    ages.map((ago, i) => ({ id: i + 1, ago })),
  )
  await withCalls(db, [{ id: 99, ago: 1, tenant: 'other' }])
  const seen: number[] = []
  let before: { at: number; id: number } | null = null
  for (let page = 0; page < 10; page++) {
    const rows = await listCalls(db.sql, { ...all, before, limit: 3 })
    seen.push(...rows.map((row) => row.attemptId))
    const last = rows.at(-1)
    if (!last) break
    before = { at: last.startedAt, id: last.attemptId }
  }
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
  assert.deepEqual(seen.slice(2), [3, 4, 5, 6, 7, 8, 9, 10])
})

test('calls are found by outcome, target and trace; one that nobody has answered is open', async () => {
  await using db = await freshDatabase()
  await withCalls(db, [
    { id: 1, ago: 2 },
    { id: 2, ago: 3, outcome: 'refused' },
    { id: 3, ago: 4, outcome: null },
    { id: 4, ago: 5, target: 'erp' },
  ])
  const found = async (filter: object) =>
    (await listCalls(db.sql, { ...all, ...filter, limit: 10 })).map((row) => row.attemptId)
  assert.deepEqual(await found({ outcome: 'refused' }), [2])
  assert.deepEqual(await found({ outcome: 'open' }), [3])
  assert.deepEqual(await found({ target: 'erp' }), [4])
  assert.deepEqual(await found({ trace: 'trace-1' }), [1])
  assert.deepEqual(await found({ outcome: 'unknown' }), [])
  assert.deepEqual(await found({ since: Date.now() - 210_000 }), [1, 2])
})

test('one call is found with the moment it was made at, with credentials hidden, and not by another tenant', async () => {
  await using db = await freshDatabase()
  await withCalls(db, [{ id: 7, ago: 1 }])
  const [row] = await listCalls(db.sql, { ...all, limit: 1 })
  assert.ok(row)
  const call = await attemptAt(db.sql, 'acme', 7, row.startedAt)
  assert.match(call?.request ?? '', /"n":1/)
  assert.doesNotMatch(`${call?.request} ${call?.answer}`, /hide-me/)
  assert.equal(await attemptAt(db.sql, 'other', 7, row.startedAt), null)
  assert.equal(await attemptAt(db.sql, 'acme', 7, row.startedAt + 5_000), null)
})

test('the pulse counts each minute once, also when it is taken again, and notes what waits', async () => {
  await using db = await freshDatabase()
  await db.owner.unsafe(`
    insert into tenant (tenant_id, name) values ('acme', 'Acme') on conflict do nothing;
    insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, next_at, settled, generation, target_connection)
    values ('acme', 'customer', 1, 'C-1', now(), 'due', clock_timestamp() - interval '90 seconds', 0, 1, 'crm')`)
  await withCalls(db, [
    { id: 1, ago: 1 },
    { id: 2, ago: 1, outcome: 'refused' },
    { id: 3, ago: 20 },
    { id: 4, ago: 300 },
  ])
  await takePulse(db.sql)
  await takePulse(db.sql)
  const steps = await readPulse(db.sql, 'acme', 'hour')
  const sum = (key: 'applied' | 'refused' | 'unanswered' | 'ms') => steps.reduce((all_, step) => all_ + step[key], 0)
  assert.deepEqual([sum('applied'), sum('refused'), sum('unanswered'), sum('ms')], [2, 1, 0, 120])
  const now = steps.at(-1)
  assert.equal(now?.backlog, 1)
  assert.ok((now?.oldestMs ?? 0) >= 89_000, 'it could have been sent 90 s ago')
  assert.deepEqual(await readPulse(db.sql, 'other', 'week'), [])

  // an answer that came late is counted when the minute is counted again
  await withCalls(db, [{ id: 5, ago: 0, outcome: null }])
  await takePulse(db.sql)
  await db.owner.unsafe(`update attempt set outcome = 'applied' where attempt_id = 5`)
  await takePulse(db.sql)
  const later = await readPulse(db.sql, 'acme', 'day')
  assert.equal(
    later.reduce((all_, step) => all_ + step.applied, 0),
    3,
  )
})
