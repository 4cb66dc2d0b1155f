/** Promise 16: five times the pushes that the database can take: refused in time and told when to come back, what is acknowledged is delivered, memory is bounded, and it ends with the load. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from './config.ts'
import { startNaive } from './controls.ts'
import { openGate } from './gate.ts'
import { type Ground, openGround, pause, type Program } from './ground.ts'
import { type Expected, judge, mustBeClean, mustShow } from './judge.ts'
import { type Answer, inParallel, openPusher, type Push, type Pusher } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'
import { openWire } from './wire.ts'

const bytes = 100_000
/** A slow disk: a commit, of at most 4 MB, takes so many milliseconds, and the next one begins after it. */
const commitTakes = 1_600
const byDisk = ((4 << 20) / bytes) * (1_000 / commitTakes)
const clients = 4_000

const push = (id: string, weight = bytes): Push => ({
  object: 'BD_Material',
  id,
  master: { number: id, name: `物料 ${id}`, remark: 'x'.repeat(weight) },
})
const expectedOf = (ids: Iterable<string>): Map<string, Expected> =>
  new Map([...ids].map((id) => [id, { fields: { product_code: id } }]))

/** Resident memory in MB; 0 where the system does not tell it this way. */
const memoryOf = (pid: number): number => {
  try {
    return Math.round(
      Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024,
    )
  } catch {
    return 0
  }
}

interface Load {
  acknowledged: string[]
  answers: Answer[]
  /** MB. */
  peak: number
}

/** So many pushes a second for so long, each once, whatever becomes of those before it: callers do not wait for each other. */
const load = async (
  pusher: Pusher,
  program: Program,
  name: string,
  perSecond: number,
  seconds: number,
): Promise<Load> => {
  const found: Load = { acknowledged: [], answers: [], peak: 0 }
  const all: Promise<void>[] = []
  const began = performance.now()
  for (let sent = 0; sent < perSecond * seconds; ) {
    const wanted = Math.min(perSecond * seconds, Math.ceil(((performance.now() - began) / 1_000) * perSecond))
    for (; sent < wanted; sent++) {
      const id = `${name}-${sent}`
      all.push(
        pusher.push(push(id)).then((answer) => {
          found.answers.push(answer)
          if (answer.acked) found.acknowledged.push(id)
        }),
      )
    }
    found.peak = Math.max(found.peak, memoryOf(program.pid))
    await pause(20)
  }
  const late = (performance.now() - began) / 1_000 / seconds
  assert.ok(late < 1.2, `the caller itself could not keep up: it took ${late.toFixed(1)} times as long`)
  const settled = Promise.all(all)
  for (let done = false; !done; ) {
    done = await Promise.race([settled.then(() => true), pause(50).then(() => false)])
    found.peak = Math.max(found.peak, memoryOf(program.pid))
  }
  return found
}

/** Takes everything, and holds it in memory. */
const control = async (ground: Ground, perSecond: number, seconds: number): Promise<number> => {
  const witness = await ground.witness()
  await using gate = await openGate(witness.url)
  await gate.set('shut')
  const naive = await startNaive(ground, { ...witness, url: gate.url })
  await using pusher = openPusher(naive.url, { id: 'sandbox', pushToken: 'none' }, { clients })
  const { acknowledged } = await load(pusher, naive, 'N', perSecond, seconds)
  assert.ok(
    acknowledged.length > perSecond * seconds * 0.9,
    `the control "never refuse" must take all, and took ${acknowledged.length}`,
  )
  await naive.kill()
  await naive.start()
  await gate.set('open')
  await pause(300)
  mustShow('never refuse', await judge(witness.crm, 'ProductObj', expectedOf(acknowledged)), ['lost'])
  await naive.kill()
  return acknowledged.length
}

export const overloadRig: Rig = {
  name: 'overload',
  promise: '16',
  about:
    'five times the pushes that the database can take: 503 with Retry-After in time, acknowledged = delivered, memory bounded, over with the load',
  run: async (long) => {
    const seconds = long ? 60 : 7
    await using ground = await openGround()
    await using db = await freshDatabase()
    await using wire = await openWire(db.url)
    const witness = await ground.witness()
    const tenant = rigTenant({ witness, pairs: ['material'] })
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: wire.url })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await using pusher = openPusher(mortise.url, tenant, { clients, timeout: 20_000 })
    const named = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}-${i}`)

    // ── what it can take: as many callers as fill the commits ──
    const warm = named('W', 50)
    await inParallel(50, warm, async (id) => void (await pusher.insist(push(id))))
    wire.slow('mortise doors', commitTakes)
    const measured = named('M', 80)
    const began = performance.now()
    await inParallel(80, measured, async (id) => void (await pusher.insist(push(id))))
    // Whatever a busy machine says of itself: the disk alone allows so many.
    const capacity = Math.max((measured.length * 1_000) / (performance.now() - began), byDisk)
    const before = memoryOf(mortise.pid)

    // ── five times that ──
    const perSecond = Math.round(capacity * 5)
    const { acknowledged, answers, peak } = await load(pusher, mortise, 'O', perSecond, seconds)
    wire.slow('mortise doors', 0)
    const ends = performance.now()
    const after = named('A', 20)
    await inParallel(20, after, async (id) => void (await pusher.insist(push(id))))
    const recovered = performance.now() - ends
    const sight = await watch.rest(long ? 300_000 : 120_000)

    const refused = answers.filter((answer) => answer.status === 503)
    const slowest = Math.max(...answers.map((answer) => answer.ms))
    const figures =
      `${capacity.toFixed(0)} pushes of ${bytes / 1_000} kB a second can be taken, ${perSecond} a second came for ${seconds} s: ${acknowledged.length} acknowledged, ${refused.length} × 503; ` +
      `slowest answer ${(slowest / 1_000).toFixed(1)} s; resident ${before} MB before, ${peak} at most; taking again ${Math.round(recovered)} ms after it was over`
    assert.deepEqual(
      answers.filter((answer) => answer.status !== 200 && answer.status !== 503).slice(0, 3),
      [],
      `nothing but taken or refused: ${figures}`,
    )
    assert.deepEqual(pusher.rude().slice(0, 3), [], `a refusal without Retry-After: ${figures}`)
    assert.equal(pusher.silent(), 0, `every caller is answered in time: ${figures}`)
    assert.ok(refused.length > answers.length / 4, `it was no overload: ${figures}`)
    // It goes on working at what it can take.
    assert.ok(acknowledged.length >= capacity * seconds * 0.5, `too little is taken under load: ${figures}`)
    // The queue is bounded at 256 MB; what is read and parsed beside it, and what V8 has not collected, doubles that.
    assert.ok(peak - before < 768, `memory is not bounded: ${figures}`)
    assert.ok(recovered < 5_000, `it does not recover: ${figures}`)
    assert.equal(sight.parked, 0)
    const verdict = await judge(
      witness.crm,
      'ProductObj',
      expectedOf([...warm, ...measured, ...after, ...acknowledged]),
    )
    // What was refused may have been stored all the same; nobody was told so.
    const mine = new Set(answers.length ? verdict.strange.filter((id) => !id.startsWith('O-')) : verdict.strange)
    await mustBeClean('overload', { ...verdict, strange: [...mine] })
    assert.equal(await mortise.stop(), 0)
    const lost = await control(ground, long ? perSecond : Math.min(perSecond, 100), long ? 10 : 2)
    say(`overload: ${figures}; acknowledged = delivered; the control took ${lost} and lost them`)
  },
}
