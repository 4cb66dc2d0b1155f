/** Promise 12: records that cannot be delivered park alone, each with its own reason, and nobody waits behind them. */
import assert from 'node:assert/strict'
import type { Fault } from '../../sandbox/faults.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from './config.ts'
import { startNaive } from './controls.ts'
import { openGround, pause } from './ground.ts'
import { type Expected, judge, mustBeClean, mustShow } from './judge.ts'
import { inParallel, openPusher, type Push } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

/** Every hundredth (long form) is bad, in one of four ways: two that the mapping sees, two that the target refuses. */
const customer = (i: number, bad: boolean): Push => {
  const master: Record<string, unknown> = {
    number: `P-${i}`,
    name: `customer ${i}`,
    grade: 'A',
    taxNo: String(i),
    creditLimit: '1.10',
  }
  if (bad) {
    const kind = Math.floor(i / 7) % 4
    if (kind === 0) master.grade = `Z${i}`
    if (kind === 1) master.creditLimit = `much ${i}`
    if (kind >= 2) master.number = `refused-${i}`
  }
  return { object: 'BD_Customer', id: `P-${i}`, master }
}

export const poisonRig: Rig = {
  name: 'poison',
  promise: '12',
  about:
    'one record in a hundred cannot be delivered: the others are, and each bad one is shown with its own reason until it is mended',
  run: async (long) => {
    const [records, every] = long ? [10_000, 100] : [280, 28]
    const all = Array.from({ length: records }, (_, i) => i)
    const isBad = (i: number): boolean => i % every === Math.floor(every / 2)
    const bad = all.filter(isBad)
    const faults = bad.map(
      (i): Fault => ({
        kind: 'refuse',
        call: 'create',
        where: { account_no: `refused-${i}` },
        code: '500777',
        message: `no customer ${i} today`,
      }),
    )
    const expected = (which: number[]): Map<string, Expected> =>
      new Map(
        which.map((i) => [`P-${i}`, { fields: { account_no: `P-${i}`, name: `customer ${i}`, tax_no: String(i) } }]),
      )
    await using ground = await openGround()

    // ── control: strictly in order, one bad record holds up all behind it ──
    {
      const witness = await ground.witness()
      await witness.crm.faults([
        { kind: 'refuse', call: 'create', where: { account_no: 'refused-5' }, code: '500777', message: 'never' },
      ])
      const naive = await startNaive(ground, witness, { serial: true })
      await using pusher = openPusher(naive.url, { id: 'sandbox', pushToken: 'none' }, { clients: 1 })
      for (let i = 0; i < 12; i++)
        await pusher.insist(i === 5 ? { ...customer(i, false), master: { number: 'refused-5' } } : customer(i, false))
      await pause(1_000)
      mustShow(
        'a queue that waits for its first',
        await judge(witness.crm, 'AccountObj', expected([0, 1, 2, 3, 4, 6, 7, 8])),
        ['lost'],
      )
      await naive.kill()
    }

    await using db = await freshDatabase()
    const witness = await ground.witness()
    await witness.crm.faults(faults)
    const tenant = rigTenant({ witness, pairs: ['customer'] })
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await using pusher = openPusher(mortise.url, tenant)
    await inParallel(16, all, async (i) => void (await pusher.insist(customer(i, isBad(i)))))
    const sight = await watch.rest(long ? 300_000 : 60_000)

    await mustBeClean('poison', await judge(witness.crm, 'AccountObj', expected(all.filter((i) => !isBad(i)))))
    const parked = await watch.parked()
    assert.equal(sight.parked, bad.length, `${bad.length} bad records are shown`)
    assert.deepEqual(parked.map((row) => row.left_id).sort(), bad.map((i) => `P-${i}`).sort())
    assert.ok(parked.every((row) => row.reason === 'data' && row.fault !== null))
    assert.equal(
      new Set(parked.map((row) => row.fault)).size,
      bad.length,
      `each with its own reason: ${parked
        .slice(0, 3)
        .map((row) => row.fault)
        .join(' ')}`,
    )
    for (const row of parked) {
      const number = row.left_id?.slice(2) ?? ''
      assert.match(
        row.fault ?? '',
        new RegExp(`\\b[A-Za-z]*${number}\\b|no customer ${number} `),
        'the reason names what is wrong',
      )
    }

    // ── mended, they go through by themselves ──
    await inParallel(16, bad, async (i) => void (await pusher.insist(customer(i, false))))
    assert.equal((await watch.rest()).parked, 0)
    await mustBeClean('poison, mended', await judge(witness.crm, 'AccountObj', expected(all)))
    assert.equal(await mortise.stop(), 0)
    say(
      `poison: ${records} records, ${bad.length} bad: ${records - bad.length} delivered, ${bad.length} shown with ${bad.length} reasons, delivered once mended`,
    )
  },
}
