/** Promise 10, place by place: a node that polls ends at each named point of a window, again and again, while rows move: nothing is lost, and the ledger has no gap. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { openJournal } from '../../sandbox/journal.ts'
import { createEnv } from '../../server/agent/env.ts'
import { within } from '../../server/agent/within.ts'
import { apply } from '../../server/cli/configuration.ts'
import { type WindowPoint, windowPoints } from '../../server/doc/env.ts'
import { requireConfig } from '../../server/flows/file.ts'
import { knownStretch, readGaps, setPaused } from '../../server/poll/ledger.ts'
import { ensurePolls } from '../../server/poll/store.ts'
import { type FreshDatabase, freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from './config.ts'
import { type Ground, openGround, pause, until, type Witness } from './ground.ts'
import { type Expected, judge, mustBeClean, textOf, type Verdict } from './judge.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

const env = createEnv()

/** What a request is for tells where in the pager it dies: these points are the requests themselves. */
const requestPoints = ['request sent', 'bisecting', 'over-full millisecond', 'its second pass'] as const
export type DeathPoint = WindowPoint | (typeof requestPoints)[number] | 'commit sent'

/** Where this life ends: when the point is reached for the nth time. */
export interface Fate {
  point: DeathPoint | 'never'
  nth: number
}

/** One life after the other; `sudden`: the process ends with the first of them. */
export interface Orders {
  fates: readonly Fate[]
  sudden: boolean
}

export interface NodeOptions {
  databaseUrl: string
  /** base64 */
  key: string
  slice: number
  pageSize: number
  /** The control: the ledger goes on in one transaction, the rows follow in another. */
  naive: boolean
}

const deathPoints: readonly DeathPoint[] = [...windowPoints, ...requestPoints, 'commit sent']

const object = 'BD_Material'
const key = { tenant_id: 'sandbox', connection_id: 'erp', object }
/** Rows of one stamp, more than a page holds; and how often there are some. */
const bulk = { rows: 7, every: 500 }

/** The journal of an ERP whose imports are still to come: rows that all bear one stamp are in no window before their time. */
const write = (file: string, since: number, till: number): void => {
  const journal = openJournal(file, () => {})
  let n = 0
  for (let at = since; at < till; at += bulk.every)
    for (let i = 0; i < bulk.rows; i++) {
      n++
      const id = `M-${String(n).padStart(6, '0')}`
      const fields = { id, number: `B-${n}`, name: `bulk ${n}`, unit: '0', price: '1', modifyTime: at }
      const held = { id, sourceId: null, voided: false, createdAt: at, modifiedAt: at, trueAt: at, visibleAt: at }
      journal.append(
        {
          k: 'call',
          s: 'erp',
          n,
          at,
          call: 'create',
          object,
          id,
          status: 200,
          effect: true,
          change: { object, op: 'create', given: { record: n, rows: {} }, held: { ...held, versions: 1 } },
        },
        ['null', 'null', JSON.stringify(fields), '{}'],
      )
      if (n % 2_000 === 0) journal.read([])
    }
  journal.close()
}

/** Makes and changes records until it is told to end, so that there is always something in the window and something that moves. */
const edits = (witness: Witness) => {
  let isOver = false
  let made = 0
  let changed = 0
  const done = (async () => {
    const ids: string[] = []
    while (!isOver) {
      if (ids.length < 200) {
        const { id } = await witness.erp.create(object, { number: `L-${made}`, name: `live ${made++}`, unit: '0' })
        ids.push(id as string)
      } else {
        changed++
        await witness.erp.update(object, ids[(changed * 7919) % ids.length] as string, { unit: String(changed) })
      }
      await pause(20)
    }
  })()
  return {
    end: async () => {
      isOver = true
      await done
      return { made, changed }
    },
  }
}

interface Life {
  child: ChildProcess
  ready: Promise<void>
  gone: Promise<NodeJS.Signals | number | null>
  said(): string
  order(orders: Orders): void
}

/** `cache`: where compiled code is kept, for a life is short and most of it is its start. */
const launch = (cache: string, options: NodeOptions): Life => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'poll-node.ts'), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  })
  let said = ''
  const ready = new Promise<void>((done) => {
    child.stdout.on('data', () => done())
    child.once('exit', () => done())
  })
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said += part))
  // It may have ended by itself before it was told how.
  child.stdin.on('error', () => {})
  const gone = new Promise<NodeJS.Signals | number | null>((done) =>
    child.once('exit', (code, signal) => done(signal ?? code)),
  )
  const order = (orders: Orders): void => void child.stdin.write(`${JSON.stringify(orders)}\n`)
  return { child, ready, gone, said: () => said, order }
}

interface World extends AsyncDisposable {
  db: FreshDatabase
  witness: Witness
  /** One process after another, each ended by SIGKILL where its fate says. */
  killed(fates: readonly Fate[], naive: boolean): Promise<void>
  /** One life after another in one process, each cut off where its fate says. */
  cutOff(fates: readonly Fate[]): Promise<void>
  /** A node that lives reads what is left, Mortise delivers; what of the ERP's records up to `at` is at the CRM. */
  delivered(at: number, ms: number): Promise<Verdict>
}

const openWorld = async (ground: Ground, tillIn: number): Promise<World> => {
  const db = await freshDatabase()
  const since = Date.now() + 1_000
  const witness = await ground.witness({ holds: (file) => write(file, since, since + tillIn) })
  await Promise.all([witness.crm.events({ mode: 'off' }), witness.erp.events({ mode: 'off' })])
  // Of no order that means anything, but the same each time: what shuffles an over-full millisecond anew is read by luck only.
  await witness.erp.faults([{ kind: 'noOrder' }])
  const tenant = rigTenant({
    witness,
    pairs: ['material'],
    erp: { pollFloor: 0 },
    edit: (file) => {
      // No more overlap than the clock's grain: what a window loses no other one heals.
      for (const connection of file.connections)
        for (const one of connection.objects ?? [])
          if (one.code === object) one.poll = { every: 100, overlap: 10, lag: 50 }
    },
  })
  const config = configOf(tenant)
  const secret = randomBytes(32)
  const text = JSON.stringify(config)
  await apply(db.owner, secret, requireConfig({ text, file: 'rig', env: {}, generate: (name) => name }).config)
  const base = secret.toString('base64')
  // From then on it is polled; everything that is made before is nobody's word.
  await ensurePolls(db.owner, [key])
  await db.owner`update poll set done_until = to_timestamp(${(since - 1_000) / 1_000}::float8)`
  const cache = join(ground.folder, 'compiled')
  const options = { databaseUrl: db.url, key: base, slice: 150, pageSize: 5 }

  return {
    db,
    witness,
    killed: async (fates, naive) => {
      let next = launch(cache, { ...options, naive })
      try {
        for (const [i, fate] of fates.entries()) {
          const now = next
          await now.ready
          now.order({ fates: [fate], sudden: true })
          // The next one stands ready meanwhile.
          if (i + 1 < fates.length) next = launch(cache, { ...options, naive })
          const end = (await within(env, 60_000, now.gone)) ? await now.gone : 'in vain'
          if (end !== 'SIGKILL') {
            now.child.kill('SIGKILL')
            assert.fail(`a node that should have died at "${fate.point}" (${fate.nth}): ${end}\n${now.said()}`)
          }
        }
      } finally {
        next.child.kill('SIGKILL')
        await next.gone
      }
    },
    cutOff: async (fates) => {
      const node = launch(cache, { ...options, naive: false })
      await node.ready
      node.order({ fates, sudden: false })
      assert.equal(await node.gone, 0, node.said())
    },
    delivered: async (at, ms) => {
      const last = launch(cache, { ...options, slice: 60_000, pageSize: 500, naive: false })
      await last.ready
      last.order({ fates: [{ point: 'never', nth: 1 }], sudden: true })
      const readUntil = async (): Promise<boolean> => {
        const [row] = await db.owner<{ until: number }>`select done_until as until from poll`
        return (row?.until ?? 0) > at
      }
      await until(`everything up to then was read ${last.said()}`, readUntil, 120_000)
      last.child.kill('SIGKILL')
      await last.gone
      // Imports that are still to come are nobody's work any more.
      await setPaused(db.owner, key, 'rig')
      const all = await witness.erp.records(object)
      const expected = all
        .filter((one) => one.modifiedAt <= at)
        .map((one): [string, Expected] => [one.id, { fields: { unit: textOf(one.masterFieldVal.unit) } }])
      const mortise = await ground.mortise({ config, databaseUrl: db.url, env: { MORTISE_SECRET_KEY: base } })
      await using watch = openWatch(() => db.url)
      await mortise.start()
      await watch.rest(ms)
      const verdict = await judge(witness.crm, 'ProductObj', new Map(expected), 'unit')
      const known = new Set(all.map(({ id }) => id))
      assert.equal(await mortise.stop(), 0)
      return { ...verdict, strange: verdict.strange.filter((id) => !known.has(id)) }
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

/** Each point as often as it was asked for, in no order; where a page is the place, not always the first. */
const fatesOf = (points: readonly DeathPoint[], times: number, seed: number): Fate[] => {
  let state = seed
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
  return points
    .flatMap((point) =>
      Array.from(
        { length: times },
        (): Fate => ({ point, nth: point === 'run not ended' ? 1 : 1 + Math.floor(random() * 3) }),
      ),
    )
    .map((fate) => ({ fate, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ fate }) => fate)
}

export const windowsRig: Rig = {
  name: 'windows',
  promise: '10',
  figure: 'ends at each point',
  about:
    'a polling node ends at each named point of a window, by SIGKILL or cut off from all that it has in hand: nothing is lost, no gap in the ledger; where rows and ledger are stored apart, rows are lost',
  run: async (long, asked) => {
    const seed = seedOf()
    const [times, cuts] = long ? [10, Math.max(0, (asked ?? 100) - 10)] : [1, 1]
    await using ground = await openGround()
    const began = performance.now()
    await using world = await openWorld(ground, (times * 3_000 + cuts * 700) * deathPoints.length + 60_000)
    const { db, witness } = world
    const editing = edits(witness)
    // A start costs half a second: the short form kills at three of the points, others each time.
    const fates = fatesOf(deathPoints, times, seed).slice(0, long ? undefined : 3)
    const more = fatesOf(deathPoints, cuts, seed + 1)
    try {
      await world.killed(fates, false)
      if (long) say(`  ${fates.length} times SIGKILL in ${Math.round((performance.now() - began) / 1000)} s`)
      await world.cutOff(more)
    } catch (error) {
      await editing.end()
      throw error
    }
    const { made, changed } = await editing.end()
    const at = Date.now()
    const seconds = Math.round((performance.now() - began) / 1000)
    const verdict = await world.delivered(at, long ? 600_000 : 60_000)
    await mustBeClean(`windows, seed ${seed}`, verdict)
    const known = await knownStretch(db.owner, key)
    assert.ok(known)
    assert.deepEqual(await readGaps(db.owner, key, known), [], 'the ledger has no gap')
    const [windows] = await db.owner<{ done: number; rows: number }>`
      select count(*)::int4 as done, sum(created)::int4 as rows from poll_window where state = 'done'`

    // ── the control: the same node, whose rows follow its ledger in a transaction of their own ──
    await using other = await openWorld(ground, 120_000)
    const others = edits(other.witness)
    // whether rows were in hand is chance: often enough that it does not come out even
    const lives = Array.from({ length: 10 }, (): Fate => ({ point: 'committed not woken', nth: 1 }))
    await other.killed(lives, true).finally(() => others.end())
    const control = await other.delivered(Date.now(), 60_000)
    assert.ok(
      control.lost.length + control.stale.length > 0,
      'the control, a ledger that is ahead of its rows, must lose some',
    )
    say(
      `windows: ${fates.length} times SIGKILL and ${more.length} times cut off, over ${deathPoints.length} points, in ${seconds} s (seed ${seed}); ${made} records made, ${changed} edits, ${windows?.done} windows, ${windows?.rows} rows new: ` +
        `lost 0, stale 0, no gap in the ledger. The control lost ${control.lost.length + control.stale.length} after ${lives.length} kills`,
    )
  },
}
