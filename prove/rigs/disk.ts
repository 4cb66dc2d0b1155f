/** Promise 16: the disk is full, the database is away, or goes away just behind COMMIT: refused with a time to come back, never accepted and dropped. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { generator } from '../../sandbox/faults.ts'
import { startEmbedded } from '../../server/store/embedded.ts'
import { configOf, rigTenant } from './config.ts'
import { startNaive } from './controls.ts'
import { openGate } from './gate.ts'
import { databaseOf, type Ground, openGround, pause, type Program, until, type Witness } from './ground.ts'
import { type Expected, judge, mustBeClean, mustShow } from './judge.ts'
import { openPusher, type Push, type Pusher, withClients } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

const silent = { info: () => {}, warn: () => {}, error: () => {} }

const push = (id: string, bytes = 0): Push => ({
  object: 'BD_Material',
  id,
  master: { number: id, name: `物料 ${id}`, unit: '0', ...(bytes && { remark: 'x'.repeat(bytes) }) },
})
const expectedOf = (ids: Iterable<string>): Map<string, Expected> =>
  new Map([...ids].map((id) => [id, { fields: { product_code: id } }]))

interface Flow {
  /** Acknowledged, and so to be delivered. */
  acknowledged: Set<string>
  /** Answers by status; 0: the connection broke. */
  statuses: Map<number, number>
  stop(): Promise<void>
}

/** Eight clients that push new records until they are stopped, each record until it is acknowledged. */
const startFlow = (pusher: Pusher, name: string, bytes = 0): Flow => {
  const acknowledged = new Set<string>()
  const statuses = new Map<number, number>()
  let ended = false
  let next = 0
  const flowing = withClients(8, () =>
    ended
      ? null
      : async () => {
          const id = `${name}-${next++}`
          for (;;) {
            const answer = await pusher.push(push(id, bytes))
            statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
            if (answer.acked) break
            await pause(60)
          }
          acknowledged.add(id)
          await pause(15)
        },
  )
  return {
    acknowledged,
    statuses,
    stop: async () => {
      ended = true
      await flowing
    },
  }
}

/** Every refusal told when to come back, and nothing but 503 was refused. */
const mustBePolite = (what: string, pusher: Pusher, flow: Flow): void => {
  assert.deepEqual(pusher.rude().slice(0, 3), [], `${what}: a refusal without Retry-After`)
  assert.deepEqual(
    [...flow.statuses.keys()].filter((status) => ![0, 200, 503].includes(status)),
    [],
    `${what}: ${JSON.stringify([...flow.statuses])}`,
  )
}

const away = async (ground: Ground, long: boolean, seed: number): Promise<void> => {
  const random = generator(seed)
  const crashes = long ? 20 : 4
  const folder = join(ground.folder, 'database')
  let database = await startEmbedded(folder, silent)
  const { url } = database
  const witness = await ground.witness()
  const tenant = rigTenant({ witness, pairs: ['material'] })
  const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: url })
  await mortise.start()
  {
    await using watch = openWatch(() => url)
    await using pusher = openPusher(mortise.url, tenant)

    // ── stopped in order, and away for a while ──
    const stopped = startFlow(pusher, 'S')
    await until('records flow', () => stopped.acknowledged.size > 50)
    await database.stop()
    await until('pushes are refused', () => (stopped.statuses.get(503) ?? 0) >= 20, 30_000)
    const before = stopped.acknowledged.size
    await pause(long ? 20_000 : 1_500)
    assert.ok(stopped.acknowledged.size - before <= 8, 'nothing is acknowledged while there is no database')
    database = await startEmbedded(folder, silent)
    assert.equal(database.url, url)
    const backAt = performance.now()
    await until('records flow again', () => stopped.acknowledged.size > before + 20, 30_000)
    const recovered = performance.now() - backAt
    await stopped.stop()
    mustBePolite('stopped', pusher, stopped)

    // ── crashed while commits are under way: the answer to COMMIT is lost ──
    const crashed = startFlow(pusher, 'C')
    let hit = 0
    for (let crash = 0; crash < crashes; crash++) {
      const so = crashed.acknowledged.size
      await until('records flow', () => crashed.acknowledged.size > so + 20, 30_000)
      await pause(random() * 50)
      await until('a push is under way', () => pusher.open() > 0, 10_000, 0)
      hit++
      process.kill(database.pid, crash % 2 === 0 ? 'SIGKILL' : 'SIGQUIT') // -m immediate, every other time
      await until('it is seen that the database is gone', () => (crashed.statuses.get(503) ?? 0) > 0, 20_000, 5).catch(
        () => {},
      )
      await until('the database is back', async () => (await watch.look()) !== null, 60_000)
    }
    await crashed.stop()
    mustBePolite('crashed', pusher, crashed)
    const all = new Set([...stopped.acknowledged, ...crashed.acknowledged])
    const sight = await watch.rest()
    const verdict = await judge(witness.crm, 'ProductObj', expectedOf(all))
    await mustBeClean(`database away, seed ${seed}`, verdict)
    assert.equal(sight.parked, 0)
    assert.equal(hit, crashes)
    say(
      `disk: database stopped (${stopped.statuses.get(503) ?? 0} × 503 with Retry-After; records flow again after ${Math.round(recovered)} ms) and crashed × ${crashes} (${crashed.statuses.get(503) ?? 0} × 503): ${all.size} acknowledged = delivered (seed ${seed})`,
    )
  }
  assert.equal(await mortise.stop(), 0)
  await database.stop()
}

/** Takes every free block of a file system. */
const fill = (file: string): void => {
  const handle = openSync(file, 'w')
  for (let size = 1 << 20; size >= 512; ) {
    try {
      if (writeSync(handle, Buffer.alloc(size)) < size) size >>= 1
    } catch {
      size >>= 1
    }
  }
  closeSync(handle)
}

const full = async (ground: Ground, long: boolean): Promise<void> => {
  const place = join(ground.folder, 'disk')
  mkdirSync(place, { recursive: true })
  const mounted =
    process.platform === 'linux' &&
    process.getuid?.() === 0 &&
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', place]).status === 0
  if (!mounted) return say('disk: SKIPPED the full disk: a small file system can be mounted on Linux by root only')
  let mortise: Program | null = null
  try {
    const witness = await ground.witness()
    const tenant = rigTenant({ witness, pairs: ['material'] })
    mortise = await ground.mortise({ config: configOf(tenant), data: 'disk/data' })
    await mortise.start()
    await using watch = openWatch(async () => (await databaseOf(join(place, 'data')))?.url ?? null)
    await using pusher = openPusher(mortise.url, tenant)
    const rounds = long ? 5 : 1
    const all = new Set<string>()
    let refusals = 0
    for (let round = 0; round < rounds; round++) {
      // Large bodies reach the end of what the database has set aside quickly.
      const flow = startFlow(pusher, `F${round}`, 150_000)
      await until('records flow', () => flow.acknowledged.size > 20)
      fill(join(place, 'filler'))
      await until('pushes are refused', () => (flow.statuses.get(503) ?? 0) >= 20, 60_000)
      await pause(long ? 10_000 : 1_000)
      rmSync(join(place, 'filler'))
      const so = flow.acknowledged.size
      await until('records flow again', () => flow.acknowledged.size > so + 20, 60_000)
      await flow.stop()
      mustBePolite('full disk', pusher, flow)
      refusals += flow.statuses.get(503) ?? 0
      for (const id of flow.acknowledged) all.add(id)
    }
    const sight = await watch.rest()
    await mustBeClean('full disk', await judge(witness.crm, 'ProductObj', expectedOf(all)))
    assert.equal(sight.parked, 0, JSON.stringify((await watch.parked()).slice(0, 2)))
    assert.equal(await mortise.stop(), 0)
    say(
      `disk: full × ${rounds}, the database and the data folder on it: ${refusals} × 503 with Retry-After, records flow again by themselves, ${all.size} acknowledged = delivered`,
    )
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${mortise?.said().slice(-6_000)}`, { cause: error })
  } finally {
    await mortise?.kill()
    spawnSync('umount', ['-l', place])
  }
}

/** Accepts while it cannot deliver, and forgets. */
const control = async (ground: Ground, witness: Witness): Promise<void> => {
  await using gate = await openGate(witness.url)
  await gate.set('shut')
  const naive = await startNaive(ground, { ...witness, url: gate.url })
  await using pusher = openPusher(naive.url, { id: 'sandbox', pushToken: 'none' })
  const flow = startFlow(pusher, 'N')
  await until('the control accepts', () => flow.acknowledged.size > 20)
  await naive.kill()
  await naive.start()
  await gate.set('open')
  await flow.stop()
  await pause(500)
  mustShow('accept and drop', await judge(witness.crm, 'ProductObj', expectedOf(flow.acknowledged)), ['lost'])
  await naive.kill()
}

export const diskRig: Rig = {
  name: 'disk',
  promise: '16',
  about:
    'full disk, database stopped, database crashed behind COMMIT: 503 with Retry-After, acknowledged = delivered, recovers by itself',
  run: async (long) => {
    await using ground = await openGround()
    await control(ground, await ground.witness())
    await away(ground, long, seedOf())
    await full(ground, long)
  },
}
