/** The Open API's limits and lost answers together: a hundred calls of an interface in twenty seconds, resets after the commit, no idempotency; every create arrives once. */
import type { Fault } from '../../sandbox/faults.ts'
import assert from 'node:assert/strict'
import { request } from 'undici'
import type { ConnectionFile } from '../../server/flows/schema.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, type RigTenant, rigTenant, times } from './config.ts'
import { openGround, pause, until, type Witness } from './ground.ts'
import { type Expected, judge, ledgerOf, mustBeClean, mustShow } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

interface FaceView {
  taken: Record<string, number>
  refused: Record<string, number>
}

const face = async (witness: Witness, settings?: Record<string, unknown>): Promise<FaceView> => {
  const answer = await request(`${witness.url}/sandbox/crm/fxiaoke`, {
    ...(settings && { method: 'PUT' as const, body: JSON.stringify(settings) }),
  })
  return (await answer.body.json()) as FaceView
}

/** The sandbox's material pair, its CRM spoken to by the Open API. */
const fxiaokeTenant = (id: string, witness: Witness, more: Partial<ConnectionFile>): RigTenant =>
  rigTenant({
    id,
    witness,
    pairs: ['material'],
    edit: (tenant) => {
      const crm = tenant.connections.find((one) => one.id === 'crm') as ConnectionFile
      delete crm.recognise
      delete crm.headers
      Object.assign(crm, {
        kind: 'fxiaoke',
        fxiaoke: {
          appId: 'FSAID_1',
          appSecret: witness.tokens.crmToken,
          permanentCode: 'code',
          enterprise: 'sandbox',
          user: '1000',
        },
        ...times,
        ...more,
      })
    },
  })

const push = (id: string) => ({ object: 'BD_Material', id, master: { number: id, name: `物料 ${id}`, unit: '0' } })

export const fxiaokeRig: Rig = {
  name: 'fxiaoke',
  promise: '3, 13 (an API that counts its calls)',
  about:
    'a CRM that refuses the 101st call of an interface in 20 s and cuts answers after the commit: every create arrives once; an index that lags more than declared must double',
  run: async (long) => {
    const seed = seedOf()
    const [records, calls, windowMs] = long ? [2_000, 100, 20_000] : [80, 30, 4_000]
    await using ground = await openGround()
    await using db = await freshDatabase()
    const [exact, greedy, blind] = await Promise.all([
      ground.witness(),
      ground.witness({ tenant: 'greedy' }),
      ground.witness({ tenant: 'blind' }),
    ])
    // Nobody tells: only the field that carries our id can say what became of a create.
    await Promise.all([exact, greedy, blind].map((one) => one.crm.events({ mode: 'off' })))
    await Promise.all([face(exact, { calls, windowMs }), face(greedy, { calls, windowMs })])
    // What is found shows in queries 60 s later, and the connection below declares that it shows at once.
    await face(blind, { calls: 1e6, indexMs: 60_000 })

    const every = `${windowMs}ms`
    const kept = fxiaokeTenant('sandbox', exact, { limits: { perInterface: [{ calls, every }] } })
    // Its administrator believes that more was bought: the face has to refuse, and nothing may come of it.
    const asking = fxiaokeTenant('greedy', greedy, { limits: { perInterface: [{ calls: calls * 3, every }] } })
    const hasty = fxiaokeTenant('blind', blind, { timeout: 300, longestProcessing: 0, overlap: 0 })
    const mortise = await ground.mortise({ config: configOf(kept, asking, hasty), databaseUrl: db.url })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await using pusher = openPusher(mortise.url, kept)
    await using second = openPusher(mortise.url, asking)
    await using third = openPusher(mortise.url, hasty)

    await blind.crm.faults([{ kind: 'cutAfter', call: 'create', nth: [1, 2, 3, 4] }])
    await inParallel(4, [0, 1, 2, 3], async (i) => void (await third.insist(push(`F-${i}`))))

    const faults: Fault[] = [
      // Whatever is drawn, some are lost.
      { kind: 'cutAfter', call: 'create', nth: [5, 17, 31] },
      { kind: 'cutAfter', call: 'create', rate: 0.04, seed },
      { kind: 'cutBefore', call: 'create', rate: 0.02, seed: seed + 1 },
      { kind: 'lateCommit', call: 'create', rate: 0.01, seed: seed + 2, ms: 500, answer: 'cut' },
    ]
    await Promise.all([exact, greedy].map((one) => one.crm.faults([...faults])))
    const all = Array.from({ length: records }, (_, i) => `F-${i}`)
    const few = all.slice(0, calls * 2)
    await inParallel(16, all, async (id) => void (await pusher.insist(push(id))))
    await inParallel(16, few, async (id) => void (await second.insist(push(id))))
    await watch.rest(long ? 1_200_000 : 180_000)

    const expected = (ids: readonly string[]) =>
      new Map(ids.map((id): [string, Expected] => [id, { fields: { product_code: id, unit: '0' } }]))
    await mustBeClean(`fxiaoke, seed ${seed}`, await judge(exact.crm, 'ProductObj', expected(all)))
    await mustBeClean(`fxiaoke greedy, seed ${seed}`, await judge(greedy.crm, 'ProductObj', expected(few)))
    const hits = (await exact.crm.faultHits()).reduce((sum, hit) => sum + hit.hits, 0)
    assert.ok(hits >= records / 50, `only ${hits} answers were lost (seed ${seed})`)
    const [own, other] = await Promise.all([face(exact), face(greedy)])
    assert.deepEqual(own.refused, {}, 'with its own rate Mortise never has to be refused')
    assert.ok((other.refused['create 30004'] ?? 0) > 0, 'the face refuses the call above its limit')
    // The witness's own clock: no window of the face's length holds more creates than it allows.
    const starts = (await ledgerOf(exact.crm, { call: 'create' })).map((call) => call.at).sort((a, b) => a - b)
    for (const [i, at] of starts.entries())
      assert.ok(
        (starts[i + calls] ?? Number.POSITIVE_INFINITY) - at >= windowMs,
        `more than ${calls} creates within ${windowMs} ms`,
      )

    await until(
      'the control has sent its creates again',
      async () => (await ledgerOf(blind.crm, { call: 'create' })).length > 4,
      60_000,
      200,
    )
    await pause(500)
    mustShow(
      'an index that lags more than is declared',
      await judge(blind.crm, 'ProductObj', expected(['F-0', 'F-1', 'F-2', 'F-3'])),
      ['duplicated'],
    )
    assert.equal(await mortise.stop(), 0)
    say(
      `fxiaoke: ${records} creates, ${hits} lost answers (seed ${seed}): lost 0, duplicated 0; refused ${Object.values(own.refused).length}, with a limit believed three times too high ${other.refused['create 30004']}; the control doubled`,
    )
  },
}
