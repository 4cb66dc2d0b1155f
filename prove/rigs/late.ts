/** Promise 4: the target takes a call into effect after it has stopped answering; absence is believed only when that can no longer happen. */
import assert from 'node:assert/strict'
import type { Fault } from '../../sandbox/faults.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from './config.ts'
import { openGround, until } from './ground.ts'
import { type Expected, judge, ledgerOf, mustBeClean, mustShow } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

const push = (id: string, edit: number) => ({
  object: 'BD_Material',
  id,
  master: { number: id, name: `物料 ${id}`, unit: String(edit) },
})

export const lateRig: Rig = {
  name: 'late',
  promise: '4',
  about:
    '5 % of the writes take effect after their time-out: no second record; a connection that declares too short times must double',
  run: async (long) => {
    const seed = seedOf()
    const [records, edits, least] = long ? [5_000, 2_000, 250] : [240, 80, 8]
    await using ground = await openGround()
    await using db = await freshDatabase()
    const [witness, hasty] = await Promise.all([ground.witness(), ground.witness({ tenant: 'hasty' })])
    // Nobody tells of the late effect: only the settle time stands between it and a second record.
    await Promise.all([witness.crm.events({ mode: 'off' }), hasty.crm.events({ mode: 'off' }), hasty.crm.mode('byId')])
    const tenant = rigTenant({ witness, pairs: ['material'] })
    // The control: the target works for 11 s, and the connection declares that it never takes any time. Settle time 0 cannot be configured:
    // 7 s of it are not negotiable (R1), so the lateness has to outlast those.
    const short = rigTenant({
      id: 'hasty',
      witness: hasty,
      pairs: ['material'],
      crm: { recognise: 'byId', timeout: 300, longestProcessing: 0, overlap: 0 },
    })
    const mortise = await ground.mortise({ config: configOf(tenant, short), databaseUrl: db.url })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await using pusher = openPusher(mortise.url, tenant)
    await using other = openPusher(mortise.url, short)

    await hasty.crm.faults([{ kind: 'lateCommit', call: 'create', nth: [1, 2, 3, 4], ms: 11_000, answer: 'cut' }])
    await inParallel(4, [0, 1, 2, 3], async (_, i) => void (await other.insist(push(`L-${i}`, 0))))

    const faults = (['cut', '504', 'hang'] as const).flatMap((answer, i): Fault[] => [
      { kind: 'lateCommit', call: 'create', rate: 0.05 / 3, seed: seed + i, ms: 1_500, answer },
      { kind: 'lateCommit', call: 'update', rate: 0.05 / 3, seed: seed + 10 + i, ms: 1_500, answer },
    ])
    await witness.crm.faults(faults)
    const all = Array.from({ length: records }, (_, i) => `L-${i}`)
    await inParallel(16, all, async (id) => void (await pusher.insist(push(id, 0))))
    // Half of the edits meet calls that nobody knows the end of.
    await inParallel(16, all.slice(0, edits), async (id) => void (await pusher.insist(push(id, 1))))
    await watch.rest(long ? 600_000 : 120_000)
    const hits = (await witness.crm.faultHits()).reduce((sum, hit) => sum + hit.hits, 0)
    const expected = new Map(
      all.map((id, i): [string, Expected] => [id, { fields: { product_code: id, unit: i < edits ? '1' : '0' } }]),
    )
    await mustBeClean(`late, seed ${seed}`, await judge(witness.crm, 'ProductObj', expected, 'unit'))
    assert.ok(hits >= least, `only ${hits} writes took effect late (seed ${seed})`)
    assert.deepEqual(await watch.parked(), [])

    await until(
      'the late effects of the control have come',
      async () =>
        (await ledgerOf(hasty.crm, { call: 'create' })).filter((call) => call.fault).every((call) => call.effect),
      30_000,
      100,
    )
    const control = new Map([0, 1, 2, 3].map((i): [string, Expected] => [`L-${i}`, { fields: { unit: '0' } }]))
    mustShow('declared times that are too short', await judge(hasty.crm, 'ProductObj', control), ['duplicated'])
    assert.equal(await mortise.stop(), 0)
    say(
      `late: ${records} records, ${edits} edits, ${hits} late effects (seed ${seed}): duplicated 0, lost 0, stale 0; the control doubled`,
    )
  },
}
