/** Promise 19: orders that come before their customers wait, are released by them, and are written once; also when both come at the same moment. */
import assert from 'node:assert/strict'
import type { LedgerCall } from '../../sandbox/client.ts'
import { generator } from '../../sandbox/faults.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, hookUrl, rigTenant } from './config.ts'
import { startNaive } from './controls.ts'
import { freePort, openGround, pause, until, type Witness } from './ground.ts'
import { ledgerOf, textOf } from './judge.ts'
import { inParallel, openPusher, withClients } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

const writes = (calls: LedgerCall[]): LedgerCall[] =>
  calls.filter((call) => ['create', 'update', 'invalid'].includes(call.call))
const refused = (calls: LedgerCall[]): LedgerCall[] => writes(calls).filter((call) => call.answer?.code !== '0')

/** Accounts that nobody was told of. */
const silentAccounts = async (witness: Witness, count: number, name: string): Promise<string[]> => {
  await witness.crm.events({ mode: 'off' })
  const ids: string[] = []
  await inParallel(
    16,
    Array.from({ length: count }, (_, i) => i),
    async (_, i) => {
      const { id } = await witness.crm.create('AccountObj', { name: `${name} ${i}`, level: '1' })
      ids[i] = id as string
    },
  )
  await witness.crm.events({ mode: 'before' })
  return ids
}

/** A wake-up that was missed is made good after 30 s (D6); a rig that accepted that would prove nothing. */
const longestLag = 10_000

export const parentsRig: Rig = {
  name: 'parents',
  promise: '19',
  about:
    'orders before their customers, and at the very moment: none fails, each is created once, as soon as its customer is there',
  run: async (long) => {
    const seed = seedOf()
    const random = generator(seed)
    const [orders, customers, moments] = long ? [1_000, 100, 600] : [200, 20, 80]
    await using ground = await openGround()

    // ── control: forwarded as they come, orders fail ──
    {
      const port = await freePort()
      const witness = await ground.witness({ hook: hookUrl(`http://127.0.0.1:${port}`) })
      const naive = await startNaive(ground, witness, { port })
      const [account] = await silentAccounts(witness, 1, 'control')
      await witness.crm.create('SalesOrderObj', { name: 'SO-0', account_id: account })
      await until('the control fails', async () => refused(await ledgerOf(witness.erp)).length > 0, 10_000)
      await naive.kill()
    }

    await using db = await freshDatabase()
    const port = await freePort()
    const base = `http://127.0.0.1:${port}`
    const witness = await ground.witness({ hook: hookUrl(base) })
    const tenant = rigTenant({ witness })
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url, port })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await using pusher = openPusher(base, tenant)

    // ── materials that both sides know ──
    const products = await Promise.all(
      [0, 1, 2, 3].map(async (i) => {
        const { id } = await witness.erp.create('BD_Material', { number: `M-${i}`, name: `material ${i}` })
        await pusher.insist({
          object: 'BD_Material',
          id: id as string,
          master: { number: `M-${i}`, name: `material ${i}` },
        })
        return until(
          'the product is there',
          async () => (await witness.crm.bySource('ProductObj', id as string))[0]?.id,
        )
      }),
    )

    // ── orders first, then the customers ──
    const accounts = await silentAccounts(witness, customers, 'customer')
    const made: { order: string; account: string }[] = []
    const order = async (name: string, account: string): Promise<string> => {
      const lines = [0, 1].map((i) => ({
        product_id: products[(made.length + i) % products.length],
        quantity: String(i + 1),
        price: '1.10',
      }))
      const { id, code, message } = await witness.crm.create(
        'SalesOrderObj',
        { name, account_id: account, amount: '2.20' },
        { SalesOrderProductObj: lines },
      )
      assert.equal(code, '0', message)
      made.push({ order: id as string, account })
      return id as string
    }
    await inParallel(
      16,
      Array.from({ length: orders }),
      async (_, i) => void (await order(`SO-${i}`, accounts[i % customers] as string)),
    )
    await until(`${orders} orders wait`, async () => ((await watch.look())?.waiting ?? 0) >= orders, 30_000)
    const before = writes(await ledgerOf(witness.erp, { object: 'SAL_SaleOrder' }))
    assert.deepEqual(before, [], 'no order was sent before its customer')
    await inParallel(
      16,
      accounts,
      async (id, i) => void (await witness.crm.update('AccountObj', id, { tax_no: `T-${i}` })),
    )

    await watch.rest()

    // ── both at the same moment ──
    // At least so many, and on until enough were close: within 25 ms of each other.
    const sudden = await silentAccounts(witness, moments * 5, 'sudden')
    const wanted = moments / 5
    // The order follows its account by about as long as the account takes to become a customer; measured, for machines differ.
    let usual = 60
    let sharp = 0
    let next = 0
    await withClients(4, () => {
      if (next >= sudden.length || (next >= moments && sharp >= wanted)) return null
      const i = next++
      const id = sudden[i] as string
      return async () => {
        const began = Date.now()
        const [told] = await Promise.all([
          pause(usual * (0.4 + random())).then(() => order(`SM-${i}`, id)),
          witness.crm.update('AccountObj', id, { tax_no: `S-${i}` }),
        ])
        const customer = await until(
          'the customer is there',
          async () => (await witness.erp.bySource('BD_Customer', id))[0],
        )
        usual += (customer.createdAt - began - usual) / 4
        const createdAt = (await witness.crm.record('SalesOrderObj', told))?.createdAt ?? 0
        if (Math.abs(createdAt - customer.createdAt) <= 25) sharp++
      }
    })
    const sight = await watch.rest()

    // ── verdict ──
    const erp = await ledgerOf(witness.erp)
    assert.deepEqual(refused(erp).slice(0, 2), [], 'nothing fails')
    assert.equal(sight.parked, 0, 'nothing is parked')
    const creates = new Map<string, LedgerCall[]>()
    for (const call of erp) {
      if (call.call !== 'create') continue
      const key = `${call.objAPIName}/${textOf(call.body?.masterFieldVal?.sourceId)}`
      creates.set(key, [...(creates.get(key) ?? []), call])
    }
    let worst = 0
    const told = new Map(
      (await ledgerOf(witness.crm, { call: 'create', object: 'SalesOrderObj' })).map((call) => [call.id, call.at]),
    )
    for (const { order: id, account } of made) {
      const own = creates.get(`SAL_SaleOrder/${id}`) ?? []
      const parent = creates.get(`BD_Customer/${account}`) ?? []
      assert.equal(own.length, 1, `order ${id} is created once (seed ${seed})`)
      assert.equal(parent.length, 1, `customer ${account} is created once (seed ${seed})`)
      assert.equal(textOf(own[0]?.body?.masterFieldVal?.customerId), parent[0]?.id, 'the order names its customer')
      const mappedAt = parent[0]?.at ?? 0
      worst = Math.max(worst, (own[0]?.at ?? 0) - Math.max(mappedAt, told.get(id) ?? 0))
    }
    assert.ok(worst < longestLag, `an order was released ${worst} ms after its customer (seed ${seed})`)
    assert.ok(sharp >= wanted, `only ${sharp} of ${next} customers came within 25 ms of their order`)
    say(
      `parents: ${orders} orders before ${customers} customers, ${next} at the same moment (${sharp} within 25 ms): 0 failed, 1 create each, released within ${worst} ms`,
    )
    assert.equal(await mortise.stop(), 0)
  },
}
