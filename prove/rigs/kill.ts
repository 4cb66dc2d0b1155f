/** Promises 1, 2, 3 and 5: records are pushed and edited while Mortise is killed again and again, its database crashes, and the target loses answers. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Fault } from '../../sandbox/faults.ts'
import { generator } from '../../sandbox/faults.ts'
import type { Sql } from '../../server/store/sql.ts'
import { configOf, hookUrl, rigTenant } from './config.ts'
import { startNaive } from './controls.ts'
import { databaseOf, freePort, type Ground, openGround, pause, type Program, until, type Witness } from './ground.ts'
import { type Expected, judge, ledgerOf, merged, mustBeClean, mustShow, told, type Verdict } from './judge.ts'
import { openPusher, type Push, withClients } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

interface Form {
  records: number
  edits: number
  kills: number
  crashes: number
  /** Share of writes whose answer is lost after the effect, and again of those lost before it; half of it takes effect late. */
  rate: number
  /** Fewest hits of each fault. */
  hits: { cutAfter: number; cutBefore: number; lateCommit: number }
}

const forms: Record<'short' | 'long' | 'control', Form> = {
  short: {
    records: 400,
    edits: 150,
    kills: 10,
    crashes: 1,
    rate: 0.04,
    hits: { cutAfter: 5, cutBefore: 5, lateCommit: 2 },
  },
  long: {
    records: 10_000,
    edits: 4_000,
    kills: 200,
    crashes: 5,
    rate: 0.02,
    hits: { cutAfter: 150, cutBefore: 150, lateCommit: 70 },
  },
  control: {
    records: 120,
    edits: 60,
    kills: 4,
    crashes: 0,
    rate: 0.04,
    hits: { cutAfter: 0, cutBefore: 0, lateCommit: 0 },
  },
}

/** 1,500 ms is within what rigs declare (timeout + longestProcessing). */
const faultsOf = (seed: number, rate: number, delay: number): Fault[] => [
  { kind: 'cutAfter', call: 'create', rate, seed },
  { kind: 'cutAfter', call: 'update', rate, seed: seed + 1 },
  { kind: 'cutBefore', call: 'create', rate, seed: seed + 2 },
  { kind: 'cutBefore', call: 'update', rate, seed: seed + 3 },
  { kind: 'lateCommit', call: 'create', rate: rate / 2, seed: seed + 4, ms: 1_500, answer: 'cut' },
  { kind: 'lateCommit', call: 'update', rate: rate / 2, seed: seed + 5, ms: 1_500, answer: 'hang' },
  // A target with some latency keeps work in flight, so that a kill has something to hit.
  { kind: 'delay', call: 'create', ms: delay },
  { kind: 'delay', call: 'update', ms: delay },
]

/** Even ones are customers (two-way, with rows), odd ones materials (one-way). The counter is what an edit changes. */
const pushOf = (record: number, edit: number): Push => {
  const id = `K-${record}`
  const name = `记录 ${record} / ${edit}`
  return record % 2 === 0
    ? {
        object: 'BD_Customer',
        id,
        master: { number: id, name, taxNo: String(edit), grade: 'A', creditLimit: `${edit}.10` },
        details: {
          contacts: [
            { id: `${id}-1`, name: `Li ${edit}`, mobile: '1' },
            { id: `${id}-2`, name: `Wu ${edit}`, mobile: '2' },
          ],
        },
      }
    : { object: 'BD_Material', id, master: { number: id, name, unit: String(edit), price: `${edit}.50` } }
}

const expectedOf = (record: number, edit: number): Expected => {
  const { master } = pushOf(record, edit)
  return record % 2 === 0
    ? {
        fields: { account_no: `K-${record}`, name: String(master.name), tax_no: String(edit) },
        rows: { ContactObj: { field: 'name', values: [`Li ${edit}`, `Wu ${edit}`] } },
      }
    : { fields: { product_code: `K-${record}`, name: String(master.name), unit: String(edit) } }
}

interface Storm {
  verdict: Verdict
  figures: string
}

/** Pushes while killing: the same for Mortise and for the control. */
const storm = async (
  ground: Ground,
  witness: Witness,
  program: Program,
  tenant: { id: string; pushToken: string },
  form: Form,
  seed: number,
  mortise: { dataFolder: string } | null,
): Promise<Storm> => {
  const random = generator(seed)
  const began = performance.now()
  await using pusher = openPusher(program.url, tenant, { clients: 16 })
  let upSince: number | null = Date.now()
  await using watch = openWatch(
    async () => (mortise ? ((await databaseOf(mortise.dataFolder))?.url ?? null) : null),
    () => upSince,
  )
  const ready = async (): Promise<void> => {
    await program.ready()
    upSince ??= Date.now()
  }
  await witness.crm.faults(faultsOf(seed, form.rate, 120))

  // ── the work: records first come, then are edited; one record's pushes are in one client's hand at a time ──
  const total = form.records + form.edits
  const acknowledged = new Map<number, number>()
  const busy = new Set<number>()
  let created = 0
  let edited = 0
  let allowed = 0
  const gate = (): Promise<unknown> => until('the next pushes may go', () => created + edited < allowed, 600_000, 5)
  const next = (): (() => Promise<void>) | null => {
    if (created + edited >= total) return null
    return async () => {
      await gate()
      if (created + edited >= total) return
      let record = created
      const known = acknowledged.size
      const editing = edited < form.edits && known > 16 && (created >= form.records || random() < form.edits / total)
      if (editing) {
        do record = Math.floor(random() * created)
        while (busy.has(record) || !acknowledged.has(record))
        edited++
      } else if (created < form.records) created++
      else return
      busy.add(record)
      const edit = (acknowledged.get(record) ?? -1) + 1
      await pusher.insist(pushOf(record, edit))
      acknowledged.set(record, edit)
      busy.delete(record)
    }
  }
  const pushing = withClients(16, next)

  // ── the kills ──
  let atDoor = 0
  let atWork = 0
  let crashesHit = 0
  const seen = new Set<string>()
  const diary: string[] = []
  const note = (what: string): void => void diary.push(`${((performance.now() - began) / 1000).toFixed(2)} s ${what}`)
  const phases = form.kills + form.crashes
  const crashAt = new Set(
    Array.from({ length: form.crashes }, (_, i) => Math.floor(((i + 0.5) * phases) / form.crashes)),
  )
  for (let phase = 0; phase < phases; phase++) {
    note(`phase ${phase}: ${acknowledged.size} records, ${edited} edits`)
    allowed = Math.floor((total * (phase + 0.5)) / (phases + 1))
    // One in five is killed while it starts.
    if (phase % 5 !== 4) await ready()
    await pause(100 + random() * 400)
    allowed = Math.floor((total * (phase + 1)) / (phases + 1))
    const flowing = (): Promise<unknown> =>
      until('a push is on its way', () => pusher.open() > 0 || created + edited >= allowed, 30_000, 0)
    await flowing()
    await pause(random() * 8)
    await flowing()
    if (crashAt.has(phase) && mortise) {
      await ready()
      const database = await databaseOf(mortise.dataFolder)
      assert.ok(database, 'the database is there to be crashed')
      // What was under way may have ended meanwhile: a few more pushes are let out, and one of them is met.
      allowed = Math.min(total, allowed + 20)
      await flowing()
      if (pusher.open() > 0) crashesHit++
      process.kill(database.pid, 'SIGKILL')
      upSince = null
      note('the database is killed')
      await until(
        'the database has come back',
        async () => (await databaseOf(mortise.dataFolder))?.pid !== database.pid && (await watch.look()) !== null,
      )
      note('the database is back')
      upSince = Date.now() + 5_000 // the longest pause of an agent that finds no database
      continue
    }
    const open = pusher.open()
    note(`killed with ${open} pushes open`)
    upSince = null
    await program.kill()
    if (open > 0) atDoor++
    const held = (await watch.held()).filter((name) => !seen.has(name))
    for (const name of held) seen.add(name)
    if (held.length) atWork++
    program.launch()
  }
  await ready()
  note('the last start is ready')
  allowed = total
  await pushing

  // ── rest, and the verdict ──
  const restBegan = performance.now()
  if (mortise) await watch.rest(form.kills > 50 ? 600_000 : 120_000)
  else await pause(4_000)
  const hits = await witness.crm.faultHits()
  const hitOf = (kind: string): number =>
    hits.filter((hit) => hit.kind === kind).reduce((sum, hit) => sum + hit.hits, 0)
  await witness.crm.faults([])
  const expected = (rest: number): Map<string, Expected> =>
    new Map(
      [...acknowledged]
        .filter(([record]) => record % 2 === rest)
        .map(([record, edit]) => [`K-${record}`, expectedOf(record, edit)]),
    )
  const verdict = merged(
    await judge(witness.crm, 'AccountObj', expected(0), 'tax_no'),
    await judge(witness.crm, 'ProductObj', expected(1), 'unit'),
  )
  const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1)
  const found = { cutAfter: hitOf('cutAfter'), cutBefore: hitOf('cutBefore'), lateCommit: hitOf('lateCommit') }
  const figures =
    `${acknowledged.size} records, ${edited} edits acknowledged in ${pusher.tries()} tries; ${form.kills} kills (${atDoor} hit pushes, ${atWork} hit calls), ` +
    `${form.crashes} database crashes (${crashesHit} hit pushes); faults ${JSON.stringify(found)}; drained in ${seconds(restBegan)} s, all in ${seconds(began)} s; ${told(verdict)}`

  assert.equal(acknowledged.size, form.records, figures)
  for (const [kind, least] of Object.entries(form.hits))
    assert.ok(found[kind as keyof typeof found] >= least, `too few faults hit: ${kind}: ${figures}`)
  if (mortise) {
    assert.ok(atDoor >= form.kills * 0.7, `too few kills hit pushes in flight: ${figures}`)
    assert.ok(atWork >= form.kills * 0.5, `too few kills hit calls in flight: ${figures}`)
    assert.equal(crashesHit, form.crashes, `too few crashes hit pushes in flight: ${figures}`)
    const { taken, stuck } = watch.samples()
    assert.ok(
      stuck.length === 0,
      `nothing is working longer than lease + 5 s (${taken} samples): ${figures}\n${diary.join('\n')}\n${stuck.join('\n')}`,
    )
    assert.ok(taken >= 5, `the database was looked at ${taken} times`)
    const parked = await watch.parked()
    assert.deepEqual(parked, [], `nothing is parked: ${figures}`)
    assert.equal(pusher.silent(), 0, 'every push was answered, or its connection broke')
    // The records live at the caller, not in the sandbox's ERP: a write there would be an echo that came back.
    const back = (await ledgerOf(witness.erp)).filter((call) => ['create', 'update', 'invalid'].includes(call.call))
    if (back.length)
      say(
        `the story of what was written back: ${JSON.stringify(await storyOf(await watch.sql(), String(back[0]?.id)))}`,
      )
    assert.deepEqual(back.slice(0, 3), [], 'an echo was written back')
  }
  return { verdict, figures }
}

const againstMortise = async (form: Form, seed: number): Promise<void> => {
  await using ground = await openGround()
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  const witness = await ground.witness({ hook: hookUrl(base) })
  const tenant = rigTenant({ witness, pairs: ['customer', 'material'] })
  const data = 'data'
  const mortise = await ground.mortise({ config: configOf(tenant), data, port })
  await mortise.start()
  const { verdict, figures } = await storm(ground, witness, mortise, tenant, form, seed, {
    dataFolder: join(ground.folder, data),
  }).catch((error: Error) => {
    throw new Error(`${error.message}\nMortise said:\n${mortise.said()}`, { cause: error })
  })
  say(`kill: ${figures}`)
  await mustBeClean(`kill, seed ${seed}`, verdict, async () => {
    const ids = [...verdict.lost, ...verdict.duplicated, ...verdict.stale, ...verdict.reversed].slice(0, 2)
    const calls = await ledgerOf(witness.crm)
    return JSON.stringify(
      calls.filter((call) => ids.some((id) => JSON.stringify(call).includes(`"${id}"`))),
      null,
      1,
    ).slice(0, 20_000)
  })
  assert.equal(await mortise.stop(), 0, 'it ends in order when it is asked to')
}

/** The same storm over the naive relay: it loses what it held, doubles what was not answered, and forgets edits. */
const againstNaive = async (seed: number): Promise<Verdict> => {
  await using ground = await openGround()
  const witness = await ground.witness()
  const naive = await startNaive(ground, witness)
  const { verdict, figures } = await storm(
    ground,
    witness,
    naive,
    { id: 'sandbox', pushToken: 'none' },
    forms.control,
    seed,
    null,
  )
  say(`kill, control: ${figures}`)
  return verdict
}

/** Which of its faults a storm meets is chance: a few storms show all three. */
const control = async (seed: number): Promise<void> => {
  const shows = ['lost', 'duplicated', 'stale'] as const
  let seen = await againstNaive(seed)
  for (let more = 1; more < 4 && shows.some((what) => seen[what].length === 0); more++)
    seen = merged(seen, await againstNaive(seed + more))
  mustShow('a relay that acknowledges from memory', seen, [...shows])
}

/** All that is kept of a record of the caller: its row, its calls, and what came in on either side. */
const storyOf = async (sql: Sql, id: string): Promise<unknown> => {
  const [link] = await sql`select * from link where left_id = ${id}`
  const attempts = await sql`
    select attempt_id, call, started_at, finished_at, target_connection, outcome, status, fault, answer
    from attempt where link_id = ${link?.link_id as number} order by attempt_id`
  const arrivals = await sql`
    select seq, received_at, connection_id, object, operation, channel, outcome, convert_from(body, 'utf8') as body
    from arrival where data_id = ${id} or data_id = ${(link?.right_id as string | null) ?? ''} order by seq`
  const documents = await sql`
    select connection_id, data_id, version, operation, source_time, master, details
    from document where data_id = ${id} or data_id = ${(link?.right_id as string | null) ?? ''}`
  return { link, attempts, arrivals, documents }
}

export const killRig: Rig = {
  name: 'kill',
  promise: '1, 2, 3, 5',
  about: 'kill -9, database crashes, lost answers and late commits under load: lost 0, duplicated 0, stale 0, stuck 0',
  run: async (long) => {
    const seed = seedOf()
    say(`kill: seed ${seed}`)
    await control(seed)
    await againstMortise(long ? forms.long : forms.short, seed)
  },
}
