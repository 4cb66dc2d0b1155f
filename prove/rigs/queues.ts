/** Queues (docs/queues.md): real clusters of NATS and RabbitMQ, their leaders killed in the middle, the listener killed three times: nothing lost, no write too many. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import type { LedgerCall } from '../../sandbox/client.ts'
import type { QueueFile, TenantFile } from '../../server/flows/schema.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { type Cluster, lacking, startNats, startRabbitmq } from '../queues/brokers.ts'
import { natsLeader, natsPublisher, type Publisher, rabbitPublisher } from '../queues/clients.ts'
import { configOf, rigTenant } from './config.ts'
import { type Ground, openGround, pause, until, type Witness } from './ground.ts'
import { effects, ledgerOf, textOf } from './judge.ts'
import { inParallel } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

export interface Brokers {
  nats: Cluster | { skipped: string }
  rabbitmq: Cluster | { skipped: string }
}
export const isThere = (one: Cluster | { skipped: string }): one is Cluster => 'nodes' in one

/** Three nodes of each; a server that cannot be had is named, and the rest is proved without it. */
export const startBrokers = async (): Promise<Brokers> => {
  const [noNats, noRabbit] = [lacking('nats'), lacking('rabbitmq')]
  const [nats, rabbitmq] = await Promise.all([
    noNats === null ? startNats(3) : { skipped: noNats },
    noRabbit === null ? startRabbitmq(3) : { skipped: noRabbit },
  ])
  return { nats, rabbitmq }
}
export const stopBrokers = async (brokers: Brokers): Promise<void> => {
  for (const one of [brokers.nats, brokers.rabbitmq]) if (isThere(one)) await one[Symbol.asyncDispose]()
}

interface Road {
  kind: 'nats' | 'rabbitmq'
  cluster: Cluster
  publisher: Publisher
  /** The place in the cluster of who leads. */
  leader(): Promise<number>
}

const eventOf = (tenantId: string, object: string, id: string, operation: string, body?: object): string =>
  JSON.stringify({ tenantId, objectApiName: object, dataId: id, operation, changedAt: Date.now(), ...body })

/** Rows at the ERP of one CRM record, in the order in which they took effect. */
const bySource = (calls: readonly LedgerCall[]): Map<string, LedgerCall[]> => {
  const ids = new Map<string, string>()
  const found = new Map<string, LedgerCall[]>()
  for (const call of effects(calls)) {
    const told = call.body?.masterFieldVal?.sourceId
    const made = call.answer?.data?.masterDataId
    if (call.call === 'create' && typeof told === 'string' && made !== undefined) ids.set(made, told)
    const source = typeof told === 'string' ? told : ids.get(call.id ?? '')
    if (source !== undefined) found.set(source, [...(found.get(source) ?? []), call])
  }
  return found
}

const numberOf = (call: LedgerCall): number => Number(textOf(call.body?.masterFieldVal?.taxNo))

/** What must not be: a record that is missing or old, a second create, a write that repeats or undoes the one before it. */
const verdictOf = async (witness: Witness, wanted: ReadonlyMap<string, number>) => {
  const writes = bySource(await ledgerOf(witness.erp, { object: 'BD_Customer' }))
  const lost: string[] = []
  const extra: string[] = []
  for (const [id, edits] of wanted) {
    const own = writes.get(id) ?? []
    const last = own.at(-1)
    if (!last || numberOf(last) !== edits) lost.push(`${id}: ${last ? numberOf(last) : 'never'} of ${edits}`)
    const creates = own.filter((call) => call.call === 'create').length
    const wrong = own.slice(1).some((call, i) => numberOf(call) <= numberOf(own[i] as LedgerCall))
    if (creates > 1 || wrong) extra.push(`${id}: ${own.map((call) => `${call.call} ${numberOf(call)}`).join(', ')}`)
  }
  return { lost, extra, writes: [...writes.values()].flat().length }
}

const queuesOf = (roads: readonly Road[]): QueueFile[] =>
  roads.map(({ kind, cluster }) =>
    kind === 'nats'
      ? { id: kind, kind, url: cluster.url, stream: 'CRM', ackWait: '3s' }
      : { id: kind, kind, url: cluster.url, queue: 'crm.changes' },
  )

/** With as many events as were published and nobody to carry them over a crash, some are gone. */
const control = async (ground: Ground, cluster: Cluster, events: number): Promise<void> => {
  const witness = await ground.witness()
  const publisher = await rabbitPublisher(cluster, 'control')
  const ids = Array.from({ length: events }, (_, i) => `C${i}`)
  const env = {
    AUTO_ACK: JSON.stringify({
      url: cluster.nodes[0]?.url,
      queue: 'control',
      target: witness.url,
      token: witness.tokens.erpToken,
      slow: 300,
    }),
  }
  const consumer = await ground.program(fileURLToPath(new URL('../queues/auto-ack.ts', import.meta.url)), env)
  await consumer.start()
  const told = (some: readonly string[]) =>
    inParallel(16, some, async (id) => publisher.publish(eventOf('sandbox', 'AccountObj', id, 'create')))
  await told(ids.slice(0, events / 2))
  await consumer.kill()
  await consumer.start()
  await told(ids.slice(events / 2))
  await pause(800)
  await consumer.kill()
  await publisher.close()
  const there = new Set((await witness.erp.records('BD_Customer')).map((one) => one.sourceId))
  const lost = ids.filter((id) => !there.has(id)).length
  say(`queues, control (acknowledged on delivery): ${lost} of ${events} lost`)
  assert.ok(lost > 0, 'the control "acknowledged on delivery" must show lost')
}

const edited = async (witness: Witness, road: Road, tenantId: string, id: string, edit: number): Promise<void> => {
  const { code, message } = await witness.crm.update('AccountObj', id, { tax_no: String(edit) })
  assert.equal(code, '0', message)
  // half of the events say what changed as a whole, half only that something did
  const whole = edit % 2 === 0 ? await witness.crm.get('AccountObj', id) : null
  const body = whole && { masterFieldVal: whole.masterFieldVal, detailFieldVals: whole.detailFieldVals }
  const event = eventOf(tenantId, 'AccountObj', id, 'update', body ?? undefined)
  await road.publisher.publish(event)
  if (edit % 5 === 0) await road.publisher.publish(event) // told twice
}

const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

const run = async (long: boolean, brokers: Brokers): Promise<void> => {
  const [records, edits, samples, pace] = long ? [1_000, 20, 60, 0] : [40, 5, 2, 20]
  for (const [kind, one] of Object.entries(brokers)) if (!isThere(one)) say(`queues, ${kind}: skipped: ${one.skipped}`)
  await using ground = await openGround()
  if (isThere(brokers.rabbitmq)) await control(ground, brokers.rabbitmq, long ? 400 : 60)

  const roads: Road[] = []
  const { nats, rabbitmq } = brokers
  if (isThere(nats))
    roads.push({
      kind: 'nats',
      cluster: nats,
      publisher: await natsPublisher(nats, 'CRM', 'crm.changes'),
      leader: () => natsLeader(nats, 'CRM'),
    })
  if (isThere(rabbitmq))
    roads.push({
      kind: 'rabbitmq',
      cluster: rabbitmq,
      publisher: await rabbitPublisher(rabbitmq, 'crm.changes'),
      leader: async () => 0, // where it was declared
    })
  if (!roads.length) return
  await using db = await freshDatabase()
  const witness = await ground.witness()
  await witness.crm.events({ mode: 'off' })
  const edit = (tenant: TenantFile): void => {
    const crm = tenant.connections.find((one) => one.id === 'crm')
    if (crm) crm.queues = queuesOf(roads)
  }
  const tenant = rigTenant({ witness, edit })
  // Who is killed in the middle of a call is waited for by its lease: in the short form the engine lives on another node.
  const common = { config: configOf(tenant), databaseUrl: db.url }
  const script = fileURLToPath(new URL('../queues/node.ts', import.meta.url))
  const node = (DUTIES: string) => ground.mortise({ ...common, script, env: { DUTIES } })
  const engine = long ? null : await node('receive,converge,upkeep')
  await engine?.start()
  const mortise = await node(long ? 'receive,listen,converge,upkeep' : 'listen')
  await mortise.start()
  await using watch = openWatch(() => db.url)

  // ── an event of an ordinary client becomes a create, then an update, then a void ──
  const timeOf = async (call: string, source: string, since: number): Promise<number> => {
    const found = await until(
      `the ${call} of ${source} is at the ERP`,
      async () =>
        bySource(await witness.erp.ledger({ object: 'BD_Customer' }))
          .get(source)
          ?.find((one) => one.call === call),
      30_000,
      5,
    )
    return (found.effectAt ?? found.at) - since
  }
  for (const road of roads) {
    const times: Record<string, number[]> = { create: [], update: [], invalid: [] }
    for (let i = 0; i < samples; i++) {
      const { id } = await witness.crm.create('AccountObj', { name: `timed ${i}`, level: '1', tax_no: '0' })
      const told = async (operation: string, call: string): Promise<void> => {
        const since = Date.now()
        await road.publisher.publish(eventOf(tenant.id, 'AccountObj', id as string, operation))
        times[call]?.push(await timeOf(call, id as string, since))
      }
      await told('create', 'create')
      await pause(550) // an edit that follows sooner is one of a burst
      await witness.crm.update('AccountObj', id as string, { tax_no: '1' })
      await told('update', 'update')
      await witness.crm.void('AccountObj', id as string)
      await told('void', 'invalid')
    }
    const line = Object.entries(times).map(([call, ms]) => `${call} ${middle(ms)} ms`)
    say(`queues, ${road.kind}: from publish to the ERP, p50 of ${samples}: ${line.join(', ')}`)
    if (long) assert.ok(middle(times.create ?? []) < 100, 'p50 under 100 ms')
  }

  // ── a burst of one record, and an order before its customer ──
  for (const road of roads) {
    const { id } = await witness.crm.create('AccountObj', { name: 'burst', level: '1', tax_no: '0' })
    const count = 1_000
    const began = performance.now()
    await inParallel(
      8,
      Array.from({ length: 20 }, (_, i) => i),
      async () => void (await witness.crm.update('AccountObj', id as string, { tax_no: '1' })),
    )
    await inParallel(
      64,
      Array.from({ length: count }, (_, i) => i),
      async () => road.publisher.publish(eventOf(tenant.id, 'AccountObj', id as string, 'update')),
    )
    const took = performance.now() - began
    await witness.crm.update('AccountObj', id as string, { tax_no: String(count) })
    await road.publisher.publish(eventOf(tenant.id, 'AccountObj', id as string, 'update'))
    await until('the last edit is at the ERP', async () => {
      const own = bySource(await ledgerOf(witness.erp, { object: 'BD_Customer' })).get(id as string)
      return own?.at(-1) && numberOf(own.at(-1) as LedgerCall) === count
    })
    const own = bySource(await ledgerOf(witness.erp, { object: 'BD_Customer' })).get(id as string) ?? []
    say(`queues, ${road.kind}: ${count} events of one record in ${Math.round(took)} ms: ${own.length} writes`)
    assert.ok(own.length <= 3, `${own.length} writes of one burst`)

    const account = await witness.crm.create('AccountObj', { name: 'late master', level: '1', tax_no: '0' })
    const order = await witness.crm.create('SalesOrderObj', {
      name: `SO-${road.kind}`,
      account_id: account.id,
      amount: '1.10',
    })
    await road.publisher.publish(eventOf(tenant.id, 'SalesOrderObj', order.id as string, 'create'))
    await pause(300)
    await road.publisher.publish(eventOf(tenant.id, 'AccountObj', account.id as string, 'create'))
    await until(
      'the order is at the ERP',
      async () => (await witness.erp.bySource('SAL_SaleOrder', order.id as string)).length === 1,
    )
    const tried = (await ledgerOf(witness.erp, { object: 'SAL_SaleOrder' })).filter(
      (call) => call.body?.masterFieldVal?.sourceId === order.id,
    )
    assert.equal(tried.length, 1, 'its customer came first, and nothing was refused')
  }

  // ── leaders and listeners die in the middle ──
  const wanted = new Map<string, number>()
  let published = 0
  // Few events would be through before the third listener dies: what comes after a fall waits for it.
  let gate = 0
  const total = roads.length * records * edits
  const opens = (share: number): void => void (gate = share * total)
  opens(0.35)
  const publishing = Promise.all(
    roads.map(async (road) => {
      const ids: string[] = []
      await inParallel(
        8,
        Array.from({ length: records }, (_, i) => i),
        async (i) => {
          const made = await witness.crm.create('AccountObj', { name: `${road.kind} ${i}`, level: '1', tax_no: '0' })
          ids[i] = made.id as string
        },
      )
      for (const id of ids) wanted.set(id, edits)
      // record after record in turns, so that events of one record lie far apart and some come close
      for (let n = 1; n <= edits; n++)
        await inParallel(8, ids, async (id) => {
          while (published >= gate) await pause(10)
          await edited(witness, road, tenant.id, id, n)
          published++
          if (pace) await pause(pace)
        })
    }),
  )
  const at = (share: number): Promise<unknown> =>
    Promise.race([until(`${share * 100} % are published`, () => published >= share * total, 600_000, 2), publishing])
  const died: { road: Road; node: number }[] = []
  const falls = async (): Promise<void> => {
    await mortise.kill()
    assert.ok(published < total, 'the listener was killed while events came')
    await mortise.start()
  }
  await at(0.15)
  await falls()
  opens(0.65)
  await at(0.4)
  for (const road of roads) {
    const node = await road.leader()
    await road.cluster.nodes[node]?.kill()
    died.push({ road, node })
  }
  assert.ok(published < total, 'the leaders were killed while events came')
  await falls()
  opens(0.9)
  await at(0.7)
  await falls()
  opens(1)
  await publishing
  const ended = Date.now()
  await until(
    'everything is acknowledged',
    async () => {
      const sql = await watch.sql()
      const shown = await sql<{ lag: number | null; state: string }>`
        select distinct on (queue_id) lag, state from queue_node
        where seen_at > to_timestamp(${ended / 1_000}::float8)
        order by queue_id, seen_at desc`
      return shown.length >= roads.length && shown.every((one) => one.lag === 0)
    },
    120_000,
  )
  await watch.rest(120_000)
  const { lost, extra, writes } = await verdictOf(witness, wanted)
  const sql = await watch.sql()
  const [arrived] = await sql<{ count: number; refused: number }>`
    select count(*) as count, count(*) filter (where outcome = 'refused') as refused from arrival where channel = 'event'`
  say(
    `queues: ${total} events, ${arrived?.count} deliveries, ${mortise.starts - 1} kills of the listener, ${died.length} leaders killed: ${lost.length} lost, ${extra.length} with extra writes, ${writes} writes`,
  )
  assert.deepEqual(lost.slice(0, 5), [], `${lost.length} lost`)
  assert.deepEqual(extra.slice(0, 5), [], `${extra.length} with writes too many`)
  assert.equal(arrived?.refused, 0)
  for (const road of roads) await road.publisher.close()
  assert.equal(await mortise.stop(), 0, 'it stops in order')
}

/** On brokers that stand already: they are slow to start and shared by tests. */
export const runQueues = run

export const queuesRig: Rig = {
  name: 'queues',
  promise: '32 (contracts.md 3)',
  about: 'three-node NATS and RabbitMQ, leaders and listener killed in the middle: nothing lost, no write too many',
  run: async (long) => {
    const brokers = await startBrokers()
    try {
      await run(long, brokers)
    } finally {
      await stopBrokers(brokers)
    }
  },
}
