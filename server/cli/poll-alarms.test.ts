/** Promises 11 and 22: polls that stop, clocks that disagree, schedules that pass and systems that differ are told, once when it begins and once when it is over. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { hint } from '../converge/fetches.ts'
import { drawVersion } from '../converge/read.ts'
import type { Connector, Page, Read } from '../doc/connector.ts'
import { requireConfig } from '../flows/file.ts'
import { watchTenant } from '../observe/watchman.ts'
import { setPaused } from '../poll/ledger.ts'
import { addComparison } from '../poll/comparisons.ts'
import { ensurePlanned } from '../poll/planned.ts'
import { startPoller } from '../poll/poller.ts'
import { admitIn } from '../stage/admit.ts'
import { readingArrival } from '../stage/reading.ts'
import { freshDatabase } from '../store/fresh.ts'
import { apply, load } from './configuration.ts'
import { pollAlarms } from './poll-alarms.ts'
import { plansOf, polledOf } from './polling.ts'

const env = createEnv()
const tenant = '81244'
const key = { tenant_id: tenant, connection_id: 'erp', object: 'BD_Material' }
const file = readFileSync(join(import.meta.dirname, '../../examples/polling.yaml'), 'utf8')
  // round the clock, so that the test may run at any time of the day
  .replace("              hours: { from: '07:00', to: '22:00' }\n", '')

const world = async () => {
  const db = await freshDatabase()
  const { sql } = db
  const secret = randomBytes(32)
  const given = { text: file, file: 'f.yaml', env: { ERP_TOKEN: 'token-erp', CRM_TOKEN: 'token-crm' } }
  await apply(sql, secret, requireConfig({ ...given, generate: (name) => name }).config)
  const configuration = await load(sql, secret)
  const settings = {
    calm: 0,
    channels: [{ name: 'ops', kind: 'wecom' }],
    rules: { pollGap: { hold: 0 }, overdue: { hold: 0 } },
  }
  await sql`insert into alert_setting (tenant_id, definition) values (${tenant}, ${JSON.stringify(settings)}::json)`
  const sources = pollAlarms(() => configuration, env.now)
  const clock = { ms: 0, uncertainty: 100 }
  const connector = {
    changes: async (): Promise<Read<Page>> => ({ kind: 'read', value: { readings: [], full: false } }),
  } as unknown as Connector
  const poller = () =>
    startPoller({
      sql,
      env,
      polled: () => polledOf(configuration),
      connector: () => connector,
      connection: () => configuration.connection(tenant, 'erp'),
      skew: () => ({ ...clock }),
      toArrival: (record, reading, version, trace) =>
        readingArrival(record, undefined, reading, version, trace, 'poll'),
      admitIn: (tx, rows) => admitIn(tx, rows),
      hintIn: (tx, hints) => hint(tx, hints, null),
      drawVersion: () => drawVersion(sql),
      woke() {},
      log: { info() {}, warn() {}, error: (fields) => assert.fail(JSON.stringify(fields)) },
      netMs: 20,
    })
  return {
    db,
    sql,
    clock,
    poller,
    plans: plansOf(configuration),
    /** Looked at several times, as it is four times a minute. */
    watch: async () => {
      for (let i = 0; i < 3; i++) await watchTenant({ sql, env, sources, ownerField: () => undefined }, tenant, 'UTC')
      // sent, as the herald would: whoever was never told that it began is not told that it is over
      await sql`update notice set state = 'sent', ended_at = clock_timestamp() where state = 'due'`
    },
    told: async () =>
      (
        await sql<{ said: string }>`
          select a.rule || ' ' || a.about || ' ' || n.what as said
          from notice n join alert a using (tenant_id, alert_id)
          order by n.notice_id`
      ).map(({ said }) => said),
    settled: async (look: () => Promise<boolean>) => {
      for (const end = Date.now() + 10_000; !(await look()); await new Promise((done) => setTimeout(done, 10)))
        assert.ok(Date.now() < end, 'in vain')
    },
  }
}
const pollRow = async ({ sql }: Awaited<ReturnType<typeof world>>) =>
  (await sql<{ ran_at: number | null; paused_by: string | null }>`select ran_at, paused_by from poll`)[0]

test('22: nobody polls any more: told once its times have passed for so long, not again, and once when it is read', async () => {
  const w = await world()
  await using _ = w.db
  const first = w.poller()
  await w.settled(async () => ((await pollRow(w))?.ran_at ?? null) !== null)
  await first.stop() // the scheduler is stopped
  await w.watch()
  assert.deepEqual(await w.told(), [])

  const ago = (minutes: number) => w.sql`
    update poll set ran_at = clock_timestamp() - ${minutes}::int4 * interval '1 minute',
      done_until = clock_timestamp() - ${minutes}::int4 * interval '1 minute', next_at = clock_timestamp() - ${minutes - 10}::int4 * interval '1 minute'`
  await ago(25)
  await w.watch()
  assert.deepEqual(await w.told(), [], 'a run that is late is no gap yet')
  await ago(120)
  await w.watch()
  await w.watch()
  assert.deepEqual(await w.told(), ['pollGap erp/BD_Material fired'])
  const [alert] = await w.sql<{ minutes: number }>`select (figures ->> 'minutes')::int4 as minutes from alert`
  assert.ok(alert && Math.abs(alert.minutes - 120) <= 1)

  const again = w.poller()
  await w.settled(
    async () => (await pollRow(w))?.ran_at !== null && ((await pollRow(w))?.ran_at ?? 0) > Date.now() - 60_000,
  )
  await again.stop()
  await w.watch()
  assert.deepEqual(await w.told(), ['pollGap erp/BD_Material fired', 'pollGap erp/BD_Material recovered'])

  await ago(120)
  await setPaused(w.sql, key, 'ann')
  await w.watch()
  assert.equal((await w.told()).length, 2, 'what a person paused is no alarm')
})

test('11: a clock that is a minute off is told, and at half the overlap the poll pauses with an alarm, until the clocks agree', async () => {
  const w = await world()
  await using _ = w.db
  w.clock.ms = 90_000
  let poller = w.poller()
  await w.settled(async () => ((await pollRow(w))?.ran_at ?? null) !== null)
  await poller.stop()
  await w.watch()
  assert.deepEqual(await w.told(), ['clock erp fired'])

  w.clock.ms = 310_000 // the overlap is ten minutes
  const now = () => w.sql`update poll set next_at = clock_timestamp()`
  await now()
  poller = w.poller()
  await w.settled(async () => (await pollRow(w))?.paused_by === 'clock')
  await w.watch()
  await w.watch()
  assert.deepEqual(await w.told(), ['clock erp fired', 'clockPaused erp fired', 'clock erp recovered'])
  const [alert] = await w.sql<{ level: string; seconds: number }>`
    select level, (figures ->> 'seconds')::int4 as seconds from alert where rule = 'clockPaused'`
  assert.deepEqual(alert, { level: 'critical', seconds: 310 })

  w.clock.ms = -2_000
  await now()
  poller.wake()
  await w.settled(async () => (await pollRow(w))?.paused_by === null)
  await poller.stop()
  await w.watch()
  assert.deepEqual((await w.told()).slice(3), ['clockPaused erp recovered'])
})

test('22: a reconciliation that should have begun, or ended in error, is told; and what one finds, until one finds nothing', async () => {
  const w = await world()
  await using _ = w.db
  await ensurePlanned(w.sql, w.plans)
  await w.watch()
  assert.deepEqual(await w.told(), [])
  await w.sql`update planned set next_at = clock_timestamp() - interval '40 minutes' where kind = 'sweep'`
  await w.watch()
  assert.deepEqual(await w.told(), ['overdue sweep erp/BD_Material fired'])
  await w.sql`update planned set next_at = clock_timestamp() + interval '1 day'`
  await w.watch()
  assert.deepEqual(await w.told(), ['overdue sweep erp/BD_Material fired', 'overdue sweep erp/BD_Material recovered'])

  const ended = async (id: string, state: 'success' | 'error', different: number): Promise<void> => {
    const asked = {
      tenantId: tenant,
      id,
      pairId: 'material',
      from: 'left' as const,
      range: { from: 0, to: 1 },
      by: 'schedule',
    }
    await addComparison(w.sql, { ...asked, scheduled: true })
    const counts = JSON.stringify({ onlySource: 0, onlyTarget: 0, different, unclear: 0, repaired: 0 })
    await w.sql`
      update comparison set state = ${state}, ended_at = clock_timestamp(), counts = case when ${state} = 'success' then ${counts}::json end
      where comparison_id = ${id}`
    await w.sql`update planned set task_id = ${id}, began_at = clock_timestamp() where kind = 'reconcile'`
  }
  await ended('c1', 'success', 3)
  await w.watch()
  assert.deepEqual((await w.told()).slice(2), ['differences material leftToRight fired'])
  await ended('c2', 'error', 0)
  await w.watch()
  assert.deepEqual((await w.told()).slice(3), ['overdue reconcile material leftToRight fired'])
  await ended('c3', 'success', 0)
  await w.watch()
  assert.deepEqual((await w.told()).slice(4).toSorted(), [
    'differences material leftToRight recovered',
    'overdue reconcile material leftToRight recovered',
  ])
})
