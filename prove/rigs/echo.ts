/** Promise 20: echoes that come before the answer make nothing, systems that normalise come to rest, and systems that never agree are stopped. */
import assert from 'node:assert/strict'
import type { LedgerCall } from '../../sandbox/client.ts'
import type { FieldsFile, ObjectFile } from '../../server/flows/schema.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, hookUrl, rigTenant, type RigTenant } from './config.ts'
import { startNaive } from './controls.ts'
import { freePort, type Ground, openGround, pause, type Program, until, type Witness } from './ground.ts'
import { ledgerOf, textOf } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch, type Watch } from './watch.ts'

const isWrite = ({ call }: LedgerCall): boolean => ['create', 'update', 'invalid'].includes(call)
/** Ours carry a request id; what people do in the systems does not. */
const ours = (calls: LedgerCall[]): LedgerCall[] =>
  calls.filter((call) => isWrite(call) && call.requestId !== undefined)

interface World {
  witness: Witness
  tenant: RigTenant
  mortise: Program
  watch: Watch
}

/** What the administrator of a system that trims and re-cases declares (D2). */
const declareComparison = (object: ObjectFile): void => {
  for (const [code, field] of Object.entries(object.fields ?? {})) {
    if (field === 'text')
      (object.fields as FieldsFile)[code] = { type: 'text', compare: { trim: true, ignoreCase: true } }
    else if (typeof field === 'object' && field.type === 'text') field.compare = { trim: true, ignoreCase: true }
  }
}

/** Both systems tell their changes, before they answer. */
const world = async (
  ground: Ground,
  databaseUrl: string,
  options: { external: boolean; compare?: boolean },
): Promise<World & AsyncDisposable> => {
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  const witness = await ground.witness({ hook: hookUrl(base) })
  await witness.erp.events({ mode: 'before', hook: hookUrl(base, 'sandbox', 'erp') })
  const tenant = rigTenant({
    witness,
    pairs: ['customer'],
    edit: (file) => {
      if (options.compare)
        for (const connection of file.connections)
          for (const object of connection.objects ?? []) declareComparison(object)
      if (options.external) return
      for (const connection of file.connections)
        for (const object of connection.objects ?? []) delete object.externalIdField
      for (const connection of file.connections) connection.recognise = 'none'
    },
  })
  const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl, port })
  await mortise.start()
  const watch = openWatch(() => databaseUrl)
  return { witness, tenant, mortise, watch, [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose]() }
}

/** Rows at rest, and no event on its way. */
const quiet = async ({ witness, watch }: World): Promise<void> => {
  await until(
    'no event is on its way, and everything rests',
    async () => {
      const pending = (await Promise.all([witness.crm.eventState(), witness.erp.eventState()])).reduce(
        (sum, state) => sum + state.pending,
        0,
      )
      return pending === 0 && (await watch.rest()) && (await witness.crm.eventState()).pending === 0
    },
    120_000,
    200,
  )
}

/** `external`: the records carry the other side's id. Without it only the order of things tells an echo from a new record (D5). */
const echoes = async (ground: Ground, count: number, external: boolean, shuffled: boolean): Promise<void> => {
  await using db = await freshDatabase()
  await using w = await world(ground, db.url, { external })
  const { witness, tenant, mortise } = w
  if (shuffled) await witness.crm.events({ shuffle: true, late: 300, duplicate: 0.3, seed: 7 })
  await using pusher = openPusher(mortise.url, tenant)
  const half = Math.floor(count / 2)
  // Half is entered at the caller, half in the CRM; each is told by the system that gets it before that system answers.
  await Promise.all([
    inParallel(8, Array.from({ length: half }), async (_, i) => {
      await pusher.insist({
        object: 'BD_Customer',
        id: `E-${i}`,
        master: { number: `E-${i}`, name: `echo ${i}`, grade: 'B' },
      })
    }),
    inParallel(
      8,
      Array.from({ length: count - half }),
      async (_, i) =>
        void (await witness.crm.create('AccountObj', { account_no: `C-${i}`, name: `crm ${i}`, level: '2' })),
    ),
  ])
  await quiet(w)
  const [accounts, people] = await Promise.all([witness.crm.records('AccountObj'), witness.erp.records('BD_Customer')])
  const [crm, erp] = await Promise.all([ledgerOf(witness.crm), ledgerOf(witness.erp)])
  const what = `${external ? 'with' : 'without'} external ids${shuffled ? ', events shuffled and doubled' : ''}`
  const numbers = (records: typeof accounts, field: string): number =>
    new Set(records.map((record) => textOf(record.masterFieldVal[field]))).size
  assert.equal(accounts.length, count, `${what}: accounts`)
  assert.equal(numbers(accounts, 'account_no'), count, `${what}: different accounts`)
  assert.equal(people.length, count - half, `${what}: customers in the ERP`)
  assert.equal(numbers(people, 'number'), count - half, `${what}: different customers`)
  assert.equal(ours(crm).filter((call) => call.call === 'create').length, half, `${what}: creates in the CRM`)
  assert.equal(ours(erp).filter((call) => call.call === 'create').length, count - half, `${what}: creates in the ERP`)
  assert.deepEqual(
    [...ours(crm), ...ours(erp)].filter((call) => call.call !== 'create').slice(0, 2),
    [],
    `${what}: no echo was written`,
  )
  assert.deepEqual(await w.watch.parked(), [])
  await mortise.stop()
  say(`echo: ${count} creates told before they were answered, ${what}: 0 extra`)
}

/**
 * The CRM shouts, the ERP whispers, both trim and shorten numbers. Where that is declared, one write is enough. Where it is not, what a
 * system made of our write is a change of that system: it goes back once, finds itself normalised away, and all is at rest. A create costs
 * one write more then, because the way back also brings our id into the source.
 */
const normalising = async (ground: Ground, count: number, declared: boolean): Promise<void> => {
  await using db = await freshDatabase()
  await using w = await world(ground, db.url, { external: true, compare: declared })
  const { witness, mortise } = w
  await witness.crm.faults([{ kind: 'normalise', case: 'upper' }])
  await witness.erp.faults([{ kind: 'normalise', case: 'lower' }])
  const written = async (): Promise<number> =>
    ours(await ledgerOf(witness.crm)).length + ours(await ledgerOf(witness.erp)).length
  const all = Array.from({ length: count })
  const told: string[] = []
  const round = async (what: string, most: number, change: (i: number) => Promise<unknown>): Promise<void> => {
    const before = await written()
    await inParallel(8, all, async (_, i) => void (await change(i)))
    await quiet(w)
    const rest = await written()
    const each = (rest - before) / count
    assert.ok(each <= most && each >= 1, `${what}: ${each} writes for each change`)
    await pause(1_500)
    assert.equal(await written(), rest, `${what}: it stays at rest`)
    told.push(`${what} ${each}`)
  }
  const customers: string[] = []
  await round('entered in the ERP', declared ? 1 : 3, async (i) => {
    customers[i] = (
      await witness.erp.create('BD_Customer', {
        number: ` N-${i} `,
        name: ` Acme ${i} Ltd `,
        grade: 'A',
        creditLimit: '10.100',
      })
    ).id as string
  })
  const accounts = await witness.crm.records('AccountObj')
  assert.equal(accounts.length, count)
  const most = declared ? 1 : 2
  await round('changed in the CRM', most, (i) =>
    witness.crm.update('AccountObj', accounts[i]?.id as string, { name: ` Changed ${i} ` }),
  )
  await round('changed in the ERP', most, (i) =>
    witness.erp.update('BD_Customer', customers[i] as string, { name: ` Again ${i} `, creditLimit: '20.500' }),
  )
  await mortise.stop()
  say(
    `echo: two systems that normalise${declared ? ', declared' : ''}: writes for each change: ${told.join(', ')}; then rest`,
  )
}

/** Each system changes a record as soon as we have written it: nobody can make them agree. */
const quarrelling = async (ground: Ground, count: number): Promise<void> => {
  await using db = await freshDatabase()
  await using w = await world(ground, db.url, { external: true })
  const { witness, mortise, watch } = w
  let ended = false
  let answers = 0
  const contradict = async (system: 'crm' | 'erp', object: string): Promise<void> => {
    let since = 0
    while (!ended) {
      const calls = await witness[system].ledger({ since, limit: 500 })
      since = calls.at(-1)?.n ?? since
      await Promise.all(
        ours(calls)
          .filter((call) => call.effect && call.objAPIName === object)
          .map((call) => witness[system].update(object, call.id as string, { name: `${system} says ${++answers}` })),
      )
      await pause(15)
    }
  }
  const quarrel = Promise.all([contradict('crm', 'AccountObj'), contradict('erp', 'BD_Customer')])
  await inParallel(
    4,
    Array.from({ length: count }),
    async (_, i) => void (await witness.erp.create('BD_Customer', { number: `Q-${i}`, name: `quarrel ${i}` })),
  )
  await until('all are stopped', async () => (await watch.parked()).length >= count, 60_000, 100)
  await quiet(w)
  ended = true
  await quarrel
  const each = (ours(await ledgerOf(witness.crm)).length + ours(await ledgerOf(witness.erp)).length) / count
  const parked = await watch.parked()
  assert.deepEqual([...new Set(parked.map((row) => row.reason))], ['loop'])
  // The first write, and five flips; the sixth is not made (D8).
  assert.ok(each <= 6, `${each} writes for each record`)
  assert.ok(answers >= count * 5, `the systems contradicted ${answers} times`)
  await mortise.stop()
  say(`echo: two systems that never agree: ${each} writes for each record, then shown as a loop`)
}

/** A relay without a memory of what it wrote makes a second record of every echo. */
const control = async (ground: Ground): Promise<void> => {
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  const witness = await ground.witness({ hook: hookUrl(base) })
  const naive = await startNaive(ground, witness, { port })
  await using pusher = openPusher(base, { id: 'sandbox', pushToken: 'none' })
  await inParallel(
    8,
    Array.from({ length: 20 }),
    async (_, i) => void (await pusher.insist({ object: 'BD_Customer', id: `E-${i}`, master: { name: `echo ${i}` } })),
  )
  await until(
    'the control makes extra records',
    async () => (await witness.erp.records('BD_Customer')).length > 0,
    10_000,
  )
  await naive.kill()
}

export const echoRig: Rig = {
  name: 'echo',
  promise: '20',
  about: 'echoes before answers, systems that normalise, systems that never agree',
  run: async (long) => {
    await using ground = await openGround()
    await control(ground)
    await echoes(ground, long ? 1_000 : 200, true, false)
    await echoes(ground, long ? 1_000 : 120, false, false)
    await echoes(ground, long ? 1_000 : 120, true, true)
    await normalising(ground, long ? 200 : 20, true)
    await normalising(ground, long ? 200 : 20, false)
    await quarrelling(ground, long ? 50 : 4)
  },
}
