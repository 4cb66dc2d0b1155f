/** Promises 13 and 14: a target goes away with much to be sent and comes back: probed, then never asked for more than it allows; others do not notice. */
import assert from 'node:assert/strict'
import type { LedgerCall } from '../../sandbox/client.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant, times } from './config.ts'
import { startNaive } from './controls.ts'
import { openGate } from './gate.ts'
import { openGround, pause, until, type Witness } from './ground.ts'
import { type Expected, judge, ledgerOf, mustBeClean } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

/** Most calls in any second, wherever it begins. */
const busiest = (calls: readonly LedgerCall[]): number => {
  const times = calls.map((call) => call.at).sort((a, b) => a - b)
  let most = 0
  for (let first = 0, last = 0; last < times.length; last++) {
    while ((times[last] as number) - (times[first] as number) >= 1_000) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

const push = (id: string) => ({ object: 'BD_Material', id, master: { number: id, name: `物料 ${id}`, unit: '0' } })
const expectedOf = (ids: string[]): Map<string, Expected> =>
  new Map(ids.map((id) => [id, { fields: { product_code: id } }]))

export const outageRig: Rig = {
  name: 'outage',
  promise: '13',
  about:
    'a target is away with thousands due: few calls while it is, one probe, then never above its limit in any second',
  run: async (long) => {
    const [records, limit, away] = long ? [10_000, 400, 60_000] : [160, 40, 3_000]
    const ids = Array.from({ length: records }, (_, i) => `D-${i}`)
    await using ground = await openGround()

    // ── control: a relay that tries and tries ──
    {
      const witness = await ground.witness()
      await using gate = await openGate(witness.url)
      await gate.set('shut')
      const naive = await startNaive(ground, { ...witness, url: gate.url })
      await using pusher = openPusher(naive.url, { id: 'sandbox', pushToken: 'none' })
      await inParallel(16, ids.slice(0, limit * 4), async (id) => void (await pusher.insist(push(id))))
      await gate.set('open')
      await until(
        'the control has sent all',
        async () => (await witness.crm.records('ProductObj')).length >= limit * 4,
        30_000,
      )
      const most = busiest(await ledgerOf(witness.crm))
      assert.ok(most > limit, `the control "no limit" must exceed ${limit} calls in a second, and made ${most}`)
      await naive.kill()
    }

    // ── one target that refuses connections, one that answers 503 ──
    await using db = await freshDatabase()
    const [gone, sick] = await Promise.all([ground.witness({ tenant: 'gone' }), ground.witness({ tenant: 'sick' })])
    await using gate = await openGate(gone.url)
    const limits = { concurrency: 16, perSecond: limit }
    const goneTenant = rigTenant({
      id: 'gone',
      witness: { ...gone, url: gate.url },
      pairs: ['material'],
      crm: { limits },
    })
    const sickTenant = rigTenant({ id: 'sick', witness: sick, pairs: ['material'], crm: { limits } })
    const mortise = await ground.mortise({ config: configOf(goneTenant, sickTenant), databaseUrl: db.url })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await gate.set('shut')
    await sick.crm.faults([{ kind: 'status', status: 503 }])
    await using toGone = openPusher(mortise.url, goneTenant)
    await using toSick = openPusher(mortise.url, sickTenant)
    await Promise.all([
      inParallel(16, ids, async (id) => void (await toGone.insist(push(id)))),
      inParallel(16, ids, async (id) => void (await toSick.insist(push(id)))),
    ])
    await pause(away)
    const inVain = await ledgerOf(sick.crm)
    assert.ok(inVain.length >= 5, `only ${inVain.length} calls met the outage`)
    // Five in a row open the breaker (up to 16 were under way), then single probes after 0.5 to 1 s, doubling up to 30 s.
    const most = 5 + 16 + 4 + Math.ceil(away / 10_000)
    assert.ok(inVain.length <= most, `${inVain.length} calls at a target that was away (expected at most ${most})`)
    const backAt = Date.now()
    await Promise.all([gate.set('open'), sick.crm.faults([])])
    await watch.rest(long ? 900_000 : 120_000)

    for (const [what, witness] of [
      ['refusing connections', gone],
      ['answering 503', sick],
    ] as const) {
      const calls = await ledgerOf(witness.crm)
      const after = calls.filter((call) => call.at >= backAt).sort((a, b) => a.at - b.at)
      await mustBeClean(`outage, ${what}`, await judge(witness.crm, 'ProductObj', expectedOf(ids)))
      const peak = busiest(calls)
      // The witness stamps a call when it reads it; on a busy machine calls that left in time are read together. The long form is strict.
      const allowed = long ? limit : Math.ceil(limit * 1.25)
      assert.ok(peak <= allowed, `${what}: ${peak} calls in one second, ${limit} are allowed`)
      // One probe, and only when it has been answered two more (the first answers take a few ms).
      const early = after.slice(0, 8)
      const together = early.filter((call) => call.at - (early[0]?.at ?? 0) < 1).length
      assert.ok(together <= 3, `${what}: ${together} calls at once when it came back`)
      say(
        `outage, ${what}: ${records} due, away ${away / 1000} s: ${what === 'answering 503' ? `${inVain.length} calls meanwhile, ` : ''}first call ${(after[0]?.at ?? 0) - backAt} ms after it was back, at most ${peak} of ${limit} calls in any second`,
      )
    }
    assert.deepEqual(await watch.parked(), [])
    assert.equal(await mortise.stop(), 0)
  },
}

const p95 = (all: readonly number[]): number =>
  [...all].sort((a, b) => a - b)[Math.floor(all.length * 0.95)] ?? Number.NaN

export const neighboursRig: Rig = {
  name: 'neighbours',
  promise: '14',
  about: 'a target that never answers and one that refuses: records for the healthy one take as long as without them',
  run: async (long) => {
    const [samples, dead] = long ? [2_000, 2_000] : [120, 150]
    await using ground = await openGround()
    const latencies = async (
      run: string,
      url: string,
      tenant: { id: string; pushToken: string },
      witness: Witness,
      count: number,
      patience = 120_000,
    ): Promise<number[]> => {
      await using pusher = openPusher(url, tenant)
      const began = new Map<string, number>()
      for (let i = 0; i < count; i++) {
        const id = `${run}-${i}`
        began.set(id, Date.now())
        await pusher.insist(push(id))
        await pause(20)
      }
      const arrived = async (): Promise<number[] | false> => {
        const at = (await witness.crm.records('ProductObj')).flatMap((record) =>
          began.has(record.sourceId ?? '') ? [record.createdAt - (began.get(record.sourceId ?? '') ?? 0)] : [],
        )
        return at.length >= count && at
      }
      return until(`the records of ${run} have arrived`, arrived, patience, 100)
    }
    const guide = (i: number) => ({ object: 'ERP 侧对象的 APIName', id: `G-${i}`, master: { Key1: String(i) } })

    // ── control: all targets share the same slots ──
    {
      const witness = await ground.witness()
      await using gate = await openGate(witness.url)
      await gate.set('hanging')
      const naive = await startNaive(ground, witness, { deadUrl: gate.url })
      const tenant = { id: 'sandbox', pushToken: 'none' }
      const alone = p95(await latencies('alone', naive.url, tenant, witness, 30))
      await using pusher = openPusher(naive.url, tenant)
      await inParallel(16, Array.from({ length: 60 }), async (_, i) => void (await pusher.insist(guide(i))))
      const beside = p95(
        await latencies('beside', naive.url, tenant, witness, 30, 2_000).catch(() => [Number.POSITIVE_INFINITY]),
      )
      assert.ok(
        beside > alone * 3 + 200,
        `the control "shared slots" must be slowed down: ${alone} ms alone, ${beside} ms beside a dead target`,
      )
      await naive.kill()
    }

    await using db = await freshDatabase()
    const witness = await ground.witness()
    await using hanging = await openGate(witness.url)
    await using refusing = await openGate(witness.url)
    await Promise.all([hanging.set('hanging'), refusing.set('shut')])
    const tenant = rigTenant({
      witness,
      pairs: ['material', 'guide'],
      edit: (file) => {
        const crm = file.connections.find((connection) => connection.id === 'crm')
        const pair = file.pairs?.find((one) => one.id === 'guide')
        if (!crm || !pair) throw new Error('the example has changed')
        for (const [id, url] of [
          ['hanging', hanging.url],
          ['refusing', refusing.url],
        ] as const) {
          file.connections.push({ ...structuredClone(crm), id, baseUrl: `${url}/sandbox/crm/` })
          file.pairs?.push({ ...structuredClone(pair), id: `guide-${id}`, right: `${id}/GuideObj` })
        }
        file.pairs = file.pairs?.filter((one) => one.id !== 'guide')
      },
    })
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await latencies('warm', mortise.url, tenant, witness, 40)
    const alone = p95(await latencies('alone', mortise.url, tenant, witness, samples))
    await using pusher = openPusher(mortise.url, tenant)
    await inParallel(16, Array.from({ length: dead }), async (_, i) => void (await pusher.insist(guide(i))))
    await pause(times.timeout)
    const beside = p95(await latencies('beside', mortise.url, tenant, witness, samples))
    const sight = await watch.look()
    assert.ok(
      (sight?.due ?? 0) + (sight?.unknown ?? 0) + (sight?.working ?? 0) >= dead,
      `the dead targets have work: ${JSON.stringify(sight)}`,
    )
    // Shared machines stutter: the short form grants 40 ms. The ratio is the promise.
    const most = alone * 1.5 + (long ? 5 : 40)
    say(
      `neighbours: p95 of the healthy target ${alone} ms alone, ${beside} ms beside two dead ones with ${dead} due each`,
    )
    assert.ok(beside <= most, `p95 ${beside} ms beside dead targets, ${alone} ms alone`)
    await mortise.kill()
  },
}
