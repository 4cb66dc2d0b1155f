/** Promises 7 and 8: create, edit, void and re-push in every order, and the same push five times at once: newest content, one create. */
import assert from 'node:assert/strict'
import { generator } from '../../sandbox/faults.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, hookUrl, rigTenant } from './config.ts'
import { startNaive } from './controls.ts'
import { freePort, openGround, pause, type Witness } from './ground.ts'
import { effects, type Expected, judge, ledgerOf, mustBeClean, mustShow, textOf, type Verdict } from './judge.ts'
import { inParallel, openPusher, type Pusher } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

type Step = 'create' | 'edit' | 'void' | 're-push'

const permutations = <T>(all: readonly T[]): T[][] =>
  all.length < 2
    ? [[...all]]
    : all.flatMap((one, i) => permutations([...all.slice(0, i), ...all.slice(i + 1)]).map((rest) => [one, ...rest]))

const orders = permutations<Step>(['create', 'edit', 'void', 're-push'])

interface Case {
  id: string
  order: Step[]
  /** Longest pause between two steps. */
  gap: number
}

const casesOf = (rounds: number): Case[] =>
  Array.from({ length: rounds }, (_, round) =>
    orders.map((order, i) => ({ id: `O-${round}-${i}`, order, gap: [0, 30, 150, 400][round % 4] as number })),
  ).flat()

const act = async (pusher: Pusher, { id, order, gap }: Case, random: () => number): Promise<void> => {
  for (const [step, what] of order.entries()) {
    if (step > 0 && gap > 0) await pause(random() * gap)
    const master = what === 'void' ? {} : { number: id, name: `${what} ${id}`, unit: String(step) }
    await pusher.insist({ object: 'BD_Material', id, master, void: what === 'void' })
  }
}

/** What the last step says; a record that ends void may never have been created at all. */
const verdictOn = async (witness: Witness, cases: readonly Case[]): Promise<Verdict> => {
  const known = new Set((await witness.crm.records('ProductObj')).map((record) => record.sourceId))
  const expected = new Map<string, Expected>()
  for (const { id, order } of cases) {
    const voided = order.at(-1) === 'void'
    if (!voided) expected.set(id, { fields: { unit: '3', name: `${order[3]} ${id}` } })
    else if (known.has(id)) expected.set(id, { fields: {}, voided: true })
  }
  return judge(witness.crm, 'ProductObj', expected, 'unit')
}

/** Writes for each source id, as the witness saw them. */
const callsBySource = async (witness: Witness, object: string): Promise<Map<string, string[]>> => {
  const sources = new Map((await witness.crm.records(object)).map((record) => [record.id, record.sourceId ?? '']))
  const found = new Map<string, string[]>()
  for (const { call, id, body } of effects(await ledgerOf(witness.crm, { object }))) {
    const source = call === 'create' ? textOf(body?.masterFieldVal?.sourceId) : (sources.get(id ?? '') ?? '')
    found.set(source, [...(found.get(source) ?? []), call])
  }
  return found
}

const five = [0, 1, 2, 3, 4]

export const ordersRig: Rig = {
  name: 'orders',
  promise: '7, 8',
  about: 'all orders of create, edit, void and re-push on one record; the same push five times in parallel',
  run: async (long) => {
    const seed = seedOf()
    const random = generator(seed)
    const cases = casesOf(long ? 60 : 8)
    const same = Array.from({ length: long ? 2_000 : 120 }, (_, i) => `S-${i}`)
    await using ground = await openGround()

    // ── control ──
    {
      const witness = await ground.witness()
      const naive = await startNaive(ground, witness)
      await witness.crm.faults([{ kind: 'delay', ms: 30, rate: 0.5, seed }])
      await using pusher = openPusher(naive.url, { id: 'sandbox', pushToken: 'none' })
      const few = cases.slice(0, 48)
      await inParallel(8, few, (one) => act(pusher, one, random))
      await pause(2_000)
      mustShow('a relay that forwards each push by itself', await verdictOn(witness, few), ['duplicated'])

      const repeated = same.slice(0, 20)
      await inParallel(4, repeated, async (id) => {
        const one = { object: 'BD_Material', id, master: { number: id, name: id, unit: '0' } }
        await Promise.all(five.map(() => pusher.insist(one)))
      })
      await pause(1_000)
      const written = await callsBySource(witness, 'ProductObj')
      const often = repeated.filter((id) => (written.get(id)?.length ?? 0) > 1)
      assert.ok(often.length > 0, 'the control "a receiver that writes each push" must write a repeated push again')
      await naive.kill()
    }

    await using db = await freshDatabase()
    const port = await freePort()
    const witness = await ground.witness({ hook: hookUrl(`http://127.0.0.1:${port}`) })
    const tenant = rigTenant({ witness, pairs: ['customer', 'material'] })
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url, port })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await using pusher = openPusher(mortise.url, tenant, { clients: 40 })
    // Calls last about as long as the pauses between the steps, so that steps fall before, into and after calls.
    await witness.crm.faults([
      { kind: 'delay', ms: 60, rate: 0.5, seed },
      { kind: 'delay', ms: 15, before: true },
    ])

    const never = Array.from({ length: 20 }, (_, i) => `V-${i}`)
    await Promise.all([
      inParallel(16, cases, (one) => act(pusher, one, random)),
      inParallel(
        4,
        never,
        async (id) => void (await pusher.insist({ object: 'BD_Material', id, master: {}, void: true })),
      ),
      inParallel(4, same, async (id, i) => {
        const customer = i % 2 === 0
        const one = customer
          ? {
              object: 'BD_Customer',
              id,
              master: { number: id, name: `same ${i}` },
              details: { contacts: [{ id: `${id}-1`, name: 'Li' }] },
            }
          : { object: 'BD_Material', id, master: { number: id, name: `same ${i}`, unit: '0' } }
        await Promise.all(five.map(() => pusher.insist(one)))
      }),
    ])
    const sight = await watch.rest()
    assert.equal(sight.parked, 0, JSON.stringify((await watch.parked()).slice(0, 2)))

    const materials = await callsBySource(witness, 'ProductObj')
    const customers = await callsBySource(witness, 'AccountObj')
    const expected = await verdictOn(witness, cases)
    const verdict = { ...expected, strange: expected.strange.filter((id) => !id.startsWith('S-')) }
    await mustBeClean(`orders, seed ${seed}`, verdict)
    for (const { id, order } of cases) {
      const calls = materials.get(id) ?? []
      assert.ok(
        calls.filter((call) => call === 'create').length <= 1,
        `${id} (${order.join(', ')}): ${calls.join(', ')} (seed ${seed})`,
      )
    }
    for (const id of never)
      assert.deepEqual(materials.get(id) ?? [], [], `${id} was never sent: its void costs no call`)
    for (const [i, id] of same.entries()) {
      assert.deepEqual(
        (i % 2 === 0 ? customers : materials).get(id),
        ['create'],
        `${id} was pushed five times: one write (seed ${seed})`,
      )
    }
    assert.equal(
      (await ledgerOf(witness.crm, { call: 'invalid' })).filter((call) => call.answer?.code !== '0').length,
      0,
    )
    const spread = new Set(cases.map(({ id }) => (materials.get(id) ?? []).join(' '))).size
    assert.ok(spread >= 4, `the steps fell into ${spread} different sequences of calls`)
    assert.equal(await mortise.stop(), 0)
    say(
      `orders: ${cases.length} records in 24 orders (${spread} different sequences of calls), ${same.length} × 5 at once: newest content, one create each (seed ${seed})`,
    )
  },
}
