/** Promise 6: a node is frozen with work in its hands and wakes up when another has done it: it changes nothing, and sends nothing old. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { generator } from '../../sandbox/faults.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from './config.ts'
import { openGround, pause, type Program, until, type Witness } from './ground.ts'
import { type Expected, judge, mustBeClean, mustShow } from './judge.ts'
import { inParallel, openPusher, withClients } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

/** Lease 5 s, send deadline 2.5 s: a freeze of 3 s outlasts the one, a freeze of 6 s or more the other. */
const timeout = 500

const push = (id: string, edit: number) => ({
  object: 'BD_Material',
  id,
  master: { number: id, name: `物料 ${id}`, unit: String(edit) },
})

/** The control: two workers on one table of jobs with leases, but without tokens and without a send deadline. */
const control = async (
  witness: Witness,
  databaseUrl: string,
  start: () => Promise<Program>,
  sql: import('../../server/store/sql.ts').Sql,
): Promise<void> => {
  await sql`create table job (id text primary key, lease_until timestamptz, done boolean not null default false)`
  await sql`insert into job (id) select 'F-' || n from generate_series(1, 120) n`
  const [frozen] = await Promise.all([start(), start()])
  await until('the control has begun', async () => (await witness.crm.records('ProductObj')).length > 12, 10_000, 5)
  frozen.signal('SIGSTOP')
  await until(
    'the other one has done it all',
    async () => (await sql`select from job where not done`).length === 0,
    20_000,
  )
  frozen.signal('SIGCONT')
  await pause(1_000)
  const expected = new Map(Array.from({ length: 120 }, (_, i): [string, Expected] => [`F-${i + 1}`, { fields: {} }]))
  mustShow(
    `leases without tokens on ${new URL(databaseUrl).pathname}`,
    await judge(witness.crm, 'ProductObj', expected),
    ['duplicated'],
  )
}

export const freezeRig: Rig = {
  name: 'freeze',
  promise: '6',
  about:
    'SIGSTOP of one of two nodes for 3 to 8 s while it holds work: nothing twice, nothing old, versions at the target never decrease',
  run: async (long) => {
    const seed = seedOf()
    const random = generator(seed)
    const rounds = long ? 50 : 3
    await using ground = await openGround()

    {
      await using db = await freshDatabase({ migrations: [] })
      const witness = await ground.witness()
      const env = { DATABASE: db.url, TARGET: witness.url, TOKEN: witness.tokens.crmToken }
      const nodes: Program[] = []
      await control(
        witness,
        db.url,
        async () => {
          const node = await ground.program(fileURLToPath(new URL('./naive-worker.ts', import.meta.url)), env)
          nodes.push(node)
          await node.start()
          return node
        },
        db.sql,
      )
      await Promise.all(nodes.map((node) => node.kill()))
    }

    await using db = await freshDatabase()
    const witness = await ground.witness()
    const tenant = rigTenant({ witness, pairs: ['material'], crm: { timeout } })
    const config = configOf(tenant)
    const nodes = await Promise.all([0, 1].map(() => ground.mortise({ config, databaseUrl: db.url })))
    for (const node of nodes) await node.start()
    await using watch = openWatch(() => db.url)
    await using first = openPusher(nodes[0]?.url ?? '', tenant)
    await using second = openPusher(nodes[1]?.url ?? '', tenant)
    await witness.crm.faults([{ kind: 'delay', ms: 120 }])

    const newest = new Map<string, number>()
    let held = 0
    let late = 0
    for (let round = 0; round < rounds; round++) {
      const [node, pusher, other] = round % 2 === 0 ? [nodes[0], first, second] : [nodes[1], second, first]
      // Pushed at the node that freezes, which works off what it takes in: some calls are on their way, some rows are claimed, some are due.
      let pushed = 0
      let frozen = false
      const pushing = withClients(8, () =>
        frozen
          ? null
          : async () => {
              const id = `F-${round}-${pushed++}`
              await pusher.insist(push(id, 0))
              newest.set(id, 0)
              await pause(20)
            },
      )
      let hands: string[] = []
      for (let tries = 0; tries < 20 && !hands.length; tries++) {
        await until('something is at work', async () => (await watch.held()).length > 0, 20_000, 2)
        await pause(random() * 30)
        node?.signal('SIGSTOP')
        const before = new Set(await watch.held())
        await pause(500)
        // What nobody touched in this time is in the hands of the frozen one.
        hands = (await watch.held()).filter((name) => before.has(name))
        if (!hands.length) node?.signal('SIGCONT')
      }
      frozen = true
      if (hands.length) held++
      const length = rounds <= 3 ? ([3_200, 6_500, 8_000][round] ?? 6_500) : 3_000 + random() * 5_000
      // Edits come in at the other node meanwhile: what the frozen one holds is old when it wakes. Only of records whose first push was
      // acknowledged: of two pushes that are under way at once nobody knows which is the newer one.
      const known = [...newest.keys()].filter((id) => id.startsWith(`F-${round}-`)).slice(-30)
      const edits = inParallel(4, known, async (id) => {
        await other.insist(push(id, 1))
        newest.set(id, 1)
      })
      await pause(length - 500)
      if (length > 5_000) late++
      node?.signal('SIGCONT')
      await Promise.all([pushing, edits])
    }
    await watch.rest(long ? 300_000 : 60_000).catch(async (error: Error) => {
      const open =
        await (await watch.sql())`select left_id, state, attempts, next_at, now() as now, sent_at, fault from link where state <> 'idle' order by left_id limit 4`
      throw new Error(
        `${error.message}\n${JSON.stringify(open, null, 1)}\n${nodes.map((node) => node.said()).join('\n')}`,
        { cause: error },
      )
    })
    const expected = new Map(
      [...newest].map(([id, edit]): [string, Expected] => [id, { fields: { product_code: id, unit: String(edit) } }]),
    )
    await mustBeClean(`freeze, seed ${seed}`, await judge(witness.crm, 'ProductObj', expected, 'unit'))
    assert.deepEqual(await watch.parked(), [])
    assert.ok(
      held >= Math.ceil(rounds * 0.6),
      `only ${held} of ${rounds} freezes hit a node with work in its hands (seed ${seed})`,
    )
    assert.ok(late >= 1)
    for (const node of nodes) assert.equal(await node.stop(), 0)
    say(
      `freeze: ${rounds} freezes of 3 to 8 s, ${held} with work in hand, ${late} longer than the lease: ${newest.size} records, nothing twice, nothing old (seed ${seed})`,
    )
  },
}
