/** Promises 9, 10 and 11: an ERP that only answers queries, whose records appear late and in no order, is polled by nodes that are killed: everything arrives, once. */
import assert from 'node:assert/strict'
import type { Fault } from '../../sandbox/faults.ts'
import type { PollFile } from '../../server/flows/poll.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, type RigTenant, rigTenant } from './config.ts'
import { openGround, pause, until, type Witness } from './ground.ts'
import { type Expected, judge, mustBeClean, textOf } from './judge.ts'
import { inParallel } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

const polling = (witness: Witness, id: string, poll: PollFile): RigTenant =>
  rigTenant({
    id,
    witness,
    pairs: ['material'],
    erp: { pollFloor: 0, pageSize: 20 },
    edit: (file) => {
      for (const connection of file.connections)
        for (const object of connection.objects ?? []) if (object.code === 'BD_Material') object.poll = poll
    },
  })

/** Made and changed in the ERP, which tells nobody. */
const work = async (witness: Witness, records: number, edits: number): Promise<Map<string, Expected>> => {
  const expected = new Map<string, Expected>()
  const ids: string[] = []
  await inParallel(8, Array.from({ length: records }), async (_, i) => {
    const { id } = await witness.erp.create('BD_Material', { number: `P-${i}`, name: `polled ${i}`, unit: '0' })
    ids.push(id as string)
    expected.set(id as string, { fields: { unit: '0' } })
  })
  for (let i = 1; i <= edits; i++) {
    const id = ids[(i * 7919) % ids.length] as string
    await witness.erp.update('BD_Material', id, { unit: String(i) })
    expected.set(id, { fields: { unit: String(i) } })
    await pause(5)
  }
  return expected
}

const arrived = async (witness: Witness, expected: ReadonlyMap<string, Expected>): Promise<boolean> => {
  const units = new Map(
    (await witness.crm.records('ProductObj')).map((r) => [
      textOf(r.masterFieldVal.sourceId),
      textOf(r.masterFieldVal.unit),
    ]),
  )
  return [...expected].every(([id, { fields }]) => units.get(id) === fields?.unit)
}

export const pollRig: Rig = {
  name: 'poll',
  promise: '9 10 11',
  about:
    'an ERP that is only polled, late and unordered, nodes killed: nothing is lost; without an overlap records are',
  run: async (long) => {
    const seed = seedOf()
    const [records, edits, kills] = long ? [3_000, 6_000, 60] : [100, 150, 3]
    await using ground = await openGround()
    await using db = await freshDatabase()
    await using other = await freshDatabase()
    const [witness, blind] = await Promise.all([ground.witness(), ground.witness({ tenant: 'blind' })])
    for (const one of [witness, blind]) {
      await Promise.all([one.crm.events({ mode: 'off' }), one.erp.events({ mode: 'off' })])
      const late: Fault[] = [
        { kind: 'lateVisibility', rate: 0.2, seed, ms: 2_000 },
        { kind: 'noOrder', shuffle: true, seed },
      ]
      await one.erp.faults(late)
    }
    const tenant = polling(witness, 'sandbox', { every: 300, overlap: 6_000, lag: 100 })
    // The control looks at each moment once, as soon as it is over.
    const control = polling(blind, 'blind', { every: 300, overlap: 0, lag: 0 })
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url })
    const naive = await ground.mortise({ config: configOf(control), databaseUrl: other.url })
    await Promise.all([mortise.start(), naive.start()])
    await using watch = openWatch(() => db.url)

    const done = Promise.all([work(witness, records, edits), work(blind, 60, 60)])
    let hits = 0
    for (let i = 0; i < kills; i++) {
      const sql = await watch.sql()
      // Killed while it reads, as far as that can be met.
      for (let tries = 0; tries < 400; tries++) {
        const [open] = await sql`select from poll_window where state = 'reading'`.catch(() => [])
        if (open) {
          hits++
          break
        }
        await pause(5)
      }
      await mortise.kill()
      await mortise.start()
      await pause(long ? 1_000 : 400)
    }
    const [expected, unseen] = await done
    await until('everything has arrived', () => arrived(witness, expected), long ? 600_000 : 120_000, 200)
    await watch.rest()
    await mustBeClean(`poll, seed ${seed}`, await judge(witness.crm, 'ProductObj', expected, 'unit'))
    const missed = await judge(blind.crm, 'ProductObj', unseen, 'unit')
    assert.ok(
      missed.lost.length + missed.stale.length > 0,
      'the control, windows without an overlap, must lose changes',
    )
    assert.ok(hits >= kills / 2, `only ${hits} of ${kills} kills met a window that was being read`)
    const sql = await watch.sql()
    const [{ gaps } = { gaps: -1 }] = await sql<{ gaps: number }>`
      select count(*)::int4 as gaps from (
        select from_at, max(to_at) over (partition by tenant_id, connection_id, object order by from_at, window_id rows between unbounded preceding and 1 preceding) as before
        from poll_window where tenant_id = 'sandbox' and state = 'done') w
      where from_at > before`
    assert.equal(gaps, 0, 'the ledger has no gap')
    assert.equal(await mortise.stop(), 0)
    await naive.stop()
    say(
      `poll: ${records} records, ${edits} edits, a fifth of them visible 2 s late, ${kills} kills (${hits} in the middle of a window, seed ${seed}): lost 0, duplicated 0, stale 0, no gap in the ledger`,
    )
  },
}
