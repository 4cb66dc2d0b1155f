/** Promise 15: one tenant has very much to be sent, another has ten records: the ten do not wait behind the many. */
import assert from 'node:assert/strict'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from './config.ts'
import { startNaive } from './controls.ts'
import { openGate } from './gate.ts'
import { openGround, until, type Witness } from './ground.ts'
import { type Expected, judge, mustBeClean } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

const few = 10
/** Promised, in milliseconds. */
const soon = 5_000

const material = (id: string) => ({ object: 'BD_Material', id, master: { number: id, name: `物料 ${id}`, unit: '0' } })
const account = (id: string) => ({ object: 'AccountObj', id, master: { account_no: id, name: `客户 ${id}` } })
const expectedOf = (ids: readonly string[]): Map<string, Expected> =>
  new Map(ids.map((id) => [id, { fields: { product_code: id } }]))
const named = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}-${i}`)

const arrived = async (witness: Witness, system: 'crm' | 'erp', object: string): Promise<number> =>
  (await witness[system].records(object)).length

/** One queue for all, first come first served: the ten come when the many are through. */
const control = async (): Promise<void> => {
  await using ground = await openGround()
  const witness = await ground.witness()
  await using gate = await openGate(witness.url)
  await gate.set('shut')
  const naive = await startNaive(ground, { ...witness, url: gate.url })
  await using pusher = openPusher(naive.url, { id: 'sandbox', pushToken: 'none' })
  const many = named('A', 600)
  await witness.crm.faults([{ kind: 'delay', ms: 40 }])
  await inParallel(16, many, async (id) => void (await pusher.insist(material(id))))
  await inParallel(4, named('B', few), async (id) => void (await pusher.insist(account(id))))
  await gate.set('open')
  await until('the ten of the control are there', async () => (await arrived(witness, 'erp', 'BD_Customer')) >= few)
  const share = (await arrived(witness, 'crm', 'ProductObj')) / many.length
  assert.ok(share > 0.9, `the control "one queue" must let the ten wait for the many, and sent ${share} of them before`)
  await naive.kill()
}

export const noisyRig: Rig = {
  name: 'noisy',
  promise: '15',
  about:
    'one tenant has 100,000 records due and pushes on, another has 10: the 10 are there within 5 s, again and again',
  run: async (long) => {
    await control()
    const [backlog, rounds] = long ? [100_000, 20] : [1_200, 4]
    await using ground = await openGround()
    await using db = await freshDatabase()
    const [loud, quiet] = await Promise.all([ground.witness({ tenant: 'loud' }), ground.witness({ tenant: 'quiet' })])
    await using gate = await openGate(loud.url)
    // Nothing but the number of calls at the same time holds the loud one back.
    const noisy = rigTenant({ id: 'loud', witness: { ...loud, url: gate.url }, pairs: ['material'] })
    const modest = rigTenant({ id: 'quiet', witness: quiet, pairs: ['material'] })
    const mortise = await ground.mortise({ config: configOf(noisy, modest), databaseUrl: db.url })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await using ofNoisy = openPusher(mortise.url, noisy, { clients: 64 })
    await using ofModest = openPusher(mortise.url, modest)

    // ── the backlog: the loud one's target is away while it grows ──
    await gate.set('shut')
    const many = named('A', backlog)
    await inParallel(64, many, async (id) => void (await ofNoisy.insist(material(id))))
    const sight = await watch.look()
    assert.ok((sight?.due ?? 0) >= backlog * 0.9, `the backlog is due: ${JSON.stringify(sight)}`)
    await gate.set('open')
    // The breaker lets one call through, then two, four …: the loud one is to be in full flow.
    await until(
      'the backlog flows',
      async () => (await arrived(loud, 'crm', 'ProductObj')) > Math.min(1_000, backlog / 20),
      120_000,
      200,
    )

    // ── meanwhile the loud one pushes on ──
    const more: string[] = []
    let ended = false
    const pushing = inParallel(4, [0, 1, 2, 3], async (client) => {
      for (let i = 0; !ended; i++) {
        const id = `M-${client}-${i}`
        await ofNoisy.insist(material(id))
        more.push(id)
      }
    })

    const mine: string[] = []
    let slowest = 0
    let left = backlog
    for (let round = 0; round < rounds; round++) {
      const ids = named(`B-${round}`, few)
      const began = performance.now()
      await inParallel(few, ids, async (id) => void (await ofModest.insist(material(id))))
      mine.push(...ids)
      await until(
        `the ten of round ${round} are there`,
        async () => (await arrived(quiet, 'crm', 'ProductObj')) >= mine.length,
        60_000,
        10,
      )
      slowest = Math.max(slowest, performance.now() - began)
      left = (await watch.look())?.due ?? 0
      assert.ok(left > backlog / 10, `round ${round}: the backlog was over before the ten were: ${left} due`)
    }
    ended = true
    await pushing
    assert.ok(slowest <= soon, `ten records beside a backlog took ${Math.round(slowest)} ms`)
    await mustBeClean('noisy, the quiet one', await judge(quiet.crm, 'ProductObj', expectedOf(mine)))
    // And the loud one has lost nothing by it; the whole of the long form's backlog is not waited for.
    if (!long) {
      await watch.rest()
      await mustBeClean('noisy, the loud one', await judge(loud.crm, 'ProductObj', expectedOf([...many, ...more])))
      assert.deepEqual((await watch.parked()).slice(0, 2), [])
    }
    assert.equal(await mortise.stop(), 0)
    say(
      `noisy: ${backlog} due and ${more.length} more pushed by one tenant; ${rounds} × ${few} records of another, each time there within ${Math.round(slowest)} ms, with ${left} still due beside them`,
    )
  },
}
