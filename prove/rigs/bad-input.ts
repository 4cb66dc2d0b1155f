/** Bad input, at every public door and in what other systems answer: the right refusal, never a 5xx, the right number of rows, the memory bounded, the server up. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { request } from 'undici'
import { freshDatabase } from '../../server/store/fresh.ts'
import { type Findings, fire, garble, guideShots, largeShots, share, shotsAt } from './assault.ts'
import { configOf, hookUrl, rigTenant } from './config.ts'
import { startNaive } from './controls.ts'
import { counts, documents, texts } from './corpus.ts'
import { freePort, type Ground, openGround, pause, type Program, until } from './ground.ts'
import { type Expected, judge, ledgerOf, mustBeClean, mustShow, textOf } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

const megabytes = (bytes: number): number => Math.round(bytes / (1 << 20))

/** Resident memory, in bytes; null where the system does not tell it this way. */
const memoryOf = (pid: number): number | null => {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kilobytes === undefined ? null : Number(kilobytes) * 1_024
  } catch {
    return null
  }
}

/**
 * Lets a process collect its garbage and tell what it still holds, when it is asked to. Resident memory alone says little: V8 and malloc
 * keep what was needed once (a single document of 4 MB leaves 200 MB behind that nobody holds).
 */
const collectable = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(
    "import v8 from 'node:v8'; import vm from 'node:vm'; v8.setFlagsFromString('--expose-gc');" +
      "const gc = vm.runInNewContext('gc'); let n = 0; process.on('SIGUSR2', () => { gc(); gc();" +
      'const { heapUsed, external } = process.memoryUsage(); console.log(`held ${++n}: ${heapUsed + external}`) })',
  )}`,
}

/** What a process still holds, in bytes. */
const heldBy = async (program: Program, nth: number): Promise<number> => {
  process.kill(program.pid, 'SIGUSR2')
  return until('the process tells what it holds', () => {
    const [, bytes] = new RegExp(`^held ${nth}: (\\d+)$`, 'm').exec(program.said()) ?? []
    return bytes === undefined ? false : Number(bytes)
  })
}

/** Asks a page that costs nothing again and again: how long it takes is how long the server was busy with one thing. */
const startPulse = (program: Program) => {
  const took: number[] = []
  let peak = 0
  let ended = false
  const beating = (async () => {
    while (!ended) {
      const began = performance.now()
      await request(`${program.url}/healthz`, { headersTimeout: 10_000 })
        .then((answer) => answer.body.dump())
        .catch(() => took.push(Number.POSITIVE_INFINITY))
      took.push(performance.now() - began)
      peak = Math.max(peak, memoryOf(program.pid) ?? 0)
      await pause(15)
    }
  })()
  return {
    stop: async (): Promise<{ p99: number; peak: number }> => {
      ended = true
      await beating
      return { p99: took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0, peak }
    },
  }
}

/** Takes in what must be refused, and goes down at `null`. */
const control = async (ground: Ground): Promise<void> => {
  const witness = await ground.witness()
  const naive = await startNaive(ground, witness)
  const shots = guideShots(rigTenant({ witness }))
  const inside = await fire(
    naive.url,
    shots.filter(({ what }) => what.endsWith('in a field')),
  )
  const taken = inside.wrong.filter((line) => line.includes('was taken in'))
  assert.ok(taken.length > 0, 'the control "JSON.parse is enough" must take in what cannot be stored')
  await fire(
    naive.url,
    shots.filter(({ what }) => what.endsWith('as a whole')),
  )
  const up = await request(`${naive.url}/readyz`).then(
    () => true,
    () => false,
  )
  assert.ok(!up, 'the control "any JSON is an object" must go down')
  await naive.kill()
}

const mustBeRight = (what: string, found: Findings): void =>
  assert.deepEqual(found.wrong.slice(0, 10), [], `${what}: ${found.wrong.length} of ${found.shots} answers are wrong`)

const atDoors = async (ground: Ground, long: boolean, seed: number): Promise<void> => {
  await using db = await freshDatabase()
  const witness = await ground.witness()
  const tenant = rigTenant({ witness, pairs: ['material'] })
  const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url, env: collectable })
  await mortise.start()
  await using watch = openWatch(() => db.url)
  {
    // What a server weighs that has done some ordinary work.
    await using pusher = openPusher(mortise.url, tenant)
    await inParallel(16, Array.from({ length: 1_000 }), async (_, i) => {
      await pusher.insist({
        object: 'BD_Material',
        id: `W-${i}`,
        master: { number: `W-${i}`, free: 'x'.repeat(2_000) },
      })
    })
    await watch.rest()
  }
  const held = await heldBy(mortise, 1)
  const weighed = memoryOf(mortise.pid)
  const pid = mortise.pid
  const calm = startPulse(mortise)
  await pause(1_000)
  const { p99: before } = await calm.stop()
  const shots = shotsAt(tenant, long, seed)
  const pulse = startPulse(mortise)
  const found = await fire(mortise.url, shots)
  const garbled = await garble(mortise.url)
  const sight = await watch.rest(long ? 600_000 : 120_000)
  const { p99, peak } = await pulse.stop()

  const holds = await heldBy(mortise, 2)
  assert.ok(holds - held <= 50 << 20, `holds more than before: ${megabytes(held)} and ${megabytes(holds)} MB`)
  if (weighed !== null)
    assert.ok(peak - weighed <= 256 << 20, `weighed ${megabytes(weighed)} MB, and ${megabytes(peak)} under the assault`)

  mustBeRight(`bad input, seed ${seed}`, found)
  const large = await fire(mortise.url, largeShots(tenant))
  mustBeRight('4 MB', large)
  found.stored.push(...large.stored)
  assert.deepEqual(garbled, [], 'what is no HTTP is refused or ended')
  assert.equal(mortise.pid, pid)
  assert.equal((await request(`${mortise.url}/readyz`)).statusCode, 200, 'the server is up')
  const [rows] = await (await watch.sql())<{ count: number }>`
    select count(*)::int4 as count from arrival where data_id not like 'W-%'`
  assert.equal(rows?.count, found.stored.length, 'a row for each success, and none for a refusal')

  // What was taken in is delivered to the letter.
  const stored = new Set(found.stored)
  const expected = new Map<string, Expected>()
  for (const [i, one] of texts.entries())
    if (stored.has(`guide-text-${i}-0`)) expected.set(`guide-text-${i}-0`, { fields: { name: one } })
  const verdict = await judge(witness.crm, 'ProductObj', expected)
  await mustBeClean('texts delivered', { ...verdict, strange: [] })
  const there = new Set((await witness.crm.records('ProductObj')).map((record) => record.sourceId))
  const shown = new Set((await watch.parked()).map((row) => row.left_id))
  const gone = found.stored.filter((id) => /^guide-(doc|text|noise)/.test(id) && !there.has(id) && !shown.has(id))
  assert.deepEqual(gone.slice(0, 3), [], 'what was taken in is at the target, or shown')

  if (long) assert.ok(p99 - before < 200, `busy with one thing for ${Math.round(p99)} ms`)
  assert.equal(await mortise.stop(), 0)
  say(
    `bad input: ${found.shots} requests at three doors (${counts.suite} documents and ${counts.list} strings of the published corpora, ${counts.own} of our own): ${found.stored.length} taken in = rows, the rest refused below 500; ` +
      `${expected.size} texts delivered to the letter, ${sight.parked} shown; holds ${megabytes(held)} MB before and ${megabytes(holds)} after, resident ${megabytes(weighed ?? 0)} and ${megabytes(peak)} at most; p99 of a page beside it ${Math.round(p99)} ms, ${Math.round(before)} before (seed ${seed})`,
  )
}

/** What a system may answer instead of the truth: status, headers, body. */
interface Lie {
  headers?: Record<string, string>
  body: Buffer
}

const lies = (): Lie[] => {
  const said = (data: string): Buffer => Buffer.from(`{"code":"0","message":"ok","data":${data}}`)
  return [
    ...documents.map(({ bytes }) => ({ body: bytes })),
    // A success whose data is nonsense. (An id that can be one would be believed, and must be: it is all a target can say.)
    ...documents.map(({ bytes }) => ({
      body: Buffer.concat([Buffer.from('{"code":"0","message":"ok","data":'), bytes, Buffer.from('}')]),
    })),
    ...texts.map((text) => ({ body: Buffer.from(JSON.stringify({ code: text, message: text })) })),
    ...texts.map((text) => ({ body: Buffer.from(text) })),
    { body: said(`{"masterDataId":${JSON.stringify('x'.repeat(129))}}`) },
    { body: said('{"masterDataId":"a\\u0000b"}') },
    { body: said('{"masterDataId":{}}') },
    { body: said('{"masterFieldVal":[]}') },
    { body: said(`"${'x'.repeat(11 << 20)}"`) },
    { headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(40 << 20, 0x20)) },
    { headers: { 'content-encoding': 'gzip' }, body: Buffer.from('not gzip') },
    { headers: { 'content-encoding': 'nonsense' }, body: said('{}') },
    { headers: { 'content-type': 'application/json; charset=gbk' }, body: Buffer.from([0x7b, 0x81]) },
    { headers: { 'retry-after': 'soon', date: 'never' }, body: said('[]') },
  ]
}

const bodyOf = async (incoming: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const part of incoming) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** Stands before the witness, passes everything on, and answers something else where `lie` says so: the effect is real, the answer is not. */
const openLiar = async (target: string, lie: (url: string, body: Buffer) => Lie | undefined) => {
  const port = await freePort()
  let told = 0
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await bodyOf(incoming)
    const { host: _, connection: __, ...headers } = incoming.headers
    const answer = await request(target + incoming.url, {
      method: incoming.method as 'GET' | 'POST',
      headers: headers as Record<string, string>,
      ...(incoming.method === 'POST' && { body }),
    })
    const truth = Buffer.from(await answer.body.arrayBuffer())
    const said = lie(incoming.url ?? '', body)
    if (said) told++
    const { 'content-length': ___, 'transfer-encoding': ____, ...rest } = answer.headers
    outgoing
      .writeHead(answer.statusCode, { ...(rest as Record<string, string>), ...said?.headers })
      .end(said?.body ?? truth)
  }
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy())
  })
  await new Promise<void>((done, failed) => server.once('error', failed).listen(port, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${port}`,
    told: () => told,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

/** Every create takes effect and is answered with nonsense; every record that is told by a hint is first read as nonsense. */
const inAnswers = async (ground: Ground, long: boolean, seed: number): Promise<void> => {
  await using db = await freshDatabase()
  const port = await freePort()
  const witness = await ground.witness()
  await witness.crm.events({ mode: 'off' })
  const all = long ? lies() : share(lies(), 8, seed)
  const pending = new Map(all.map((lie, i) => [`N-${i}`, lie]))
  const reads = new Map<string, Lie>()
  const once = (from: Map<string, Lie>, key: string): Lie | undefined => {
    const lie = from.get(key)
    from.delete(key)
    return lie
  }
  await using liar = await openLiar(witness.url, (url, body) => {
    if (url.endsWith('/crm/create')) {
      const { masterFieldVal } = JSON.parse(body.toString()) as { masterFieldVal: { product_code?: string } }
      return once(pending, masterFieldVal.product_code ?? '')
    }
    const asked = /\/crm\/queryMasterById\?.*\bdataId=([^&]+)/.exec(url)?.[1]
    return asked === undefined ? undefined : once(reads, decodeURIComponent(asked))
  })
  const tenant = rigTenant({
    witness,
    pairs: ['material', 'customer'],
    crm: { baseUrl: `${liar.url}/sandbox/crm/` },
  })
  const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url, port })
  await mortise.start()
  await using watch = openWatch(() => db.url)
  await using pusher = openPusher(mortise.url, tenant)

  const accounts: string[] = []
  await inParallel(16, all, async (lie, i) => {
    const { id } = await witness.crm.create('AccountObj', { name: `account ${i}`, account_no: `A-${i}`, level: '1' })
    accounts[i] = id as string
    reads.set(id as string, lie)
  })
  const pid = mortise.pid
  await inParallel(16, all, async (_, i) => {
    await pusher.insist({ object: 'BD_Material', id: `N-${i}`, master: { number: `N-${i}`, name: `物料 ${i}` } })
    const hint = {
      tenantId: tenant.id,
      objectApiName: 'AccountObj',
      dataId: accounts[i],
      operation: 'create',
      changedAt: Date.now(),
    }
    const answer = await request(hookUrl(mortise.url, tenant.id), { method: 'POST', body: JSON.stringify(hint) })
    assert.equal(answer.statusCode, 200)
    await answer.body.dump()
  })
  await until('every lie has been told', async () => liar.told() >= all.length * 2, long ? 600_000 : 120_000, 50).catch(
    (error: Error) => {
      throw new Error(`${error.message}: ${liar.told()} of ${all.length * 2}`, { cause: error })
    },
  )
  const sight = await watch.rest(long ? 600_000 : 120_000)
  assert.equal(mortise.pid, pid)

  // A create that took effect and was answered with nonsense: one record, known or shown, and no second one.
  const creates = new Map<string, number>()
  for (const call of await ledgerOf(witness.crm, { call: 'create', object: 'ProductObj' })) {
    const code = textOf(call.body?.masterFieldVal?.product_code)
    creates.set(code, (creates.get(code) ?? 0) + 1)
  }
  const often = [...creates].filter(([, calls]) => calls !== 1)
  assert.deepEqual(often.slice(0, 3), [], 'each create is sent once')
  const expected = new Map(all.map((_, i): [string, Expected] => [`N-${i}`, { fields: { product_code: `N-${i}` } }]))
  await mustBeClean('nonsense after creates', await judge(witness.crm, 'ProductObj', expected))
  const sql = await watch.sql()
  const parked = await watch.parked()
  assert.deepEqual(
    parked.filter((row) => row.fault === null),
    [],
    'what is shown has a reason',
  )
  // A record that was first read as nonsense: read again, or shown.
  const unread = await sql<{ data_id: string; fault: string | null }>`
    select data_id, fault from "fetch" where state <> 'due'`
  assert.deepEqual(
    unread.filter((row) => row.fault === null),
    [],
  )
  const shown = new Set([...unread.map((row) => row.data_id), ...parked.map((row) => row.right_id)])
  const read = new Map(
    accounts
      .map((id, i): [string, Expected] => [id, { fields: { number: `A-${i}` } }])
      .filter(([id]) => !shown.has(id)),
  )
  await mustBeClean('nonsense in reads', await judge(witness.erp, 'BD_Customer', read))
  assert.equal(await mortise.stop(), 0)
  say(
    `bad input: ${all.length} creates and ${all.length} reads answered with nonsense: each create sent once, ${sight.parked} shown; ${read.size} records read all the same, ${unread.length} shown`,
  )

  // ── control: who takes nonsense for "it did not happen" doubles ──
  const judged = await ground.witness()
  await judged.crm.faults([{ kind: 'wrongShape', call: 'create', nth: [1, 2, 3, 4, 5] }])
  const naive = await startNaive(ground, judged)
  await using other = openPusher(naive.url, { id: 'sandbox', pushToken: 'none' })
  const few = [0, 1, 2, 3, 4].map((i) => `N-${i}`)
  await inParallel(
    5,
    few,
    async (id) => void (await other.insist({ object: 'BD_Material', id, master: { number: id } })),
  )
  await pause(1_000)
  mustShow(
    'nonsense means failed',
    await judge(judged.crm, 'ProductObj', new Map(few.map((id) => [id, { fields: { product_code: id } }]))),
    ['duplicated'],
  )
  await naive.kill()
}

export const badInputRig: Rig = {
  name: 'bad-input',
  promise: 'bad input',
  about:
    'published and own corpora of hostile JSON, texts, headers, encodings and noise at every public door, and as answers of other systems',
  run: async (long) => {
    const seed = seedOf()
    await using ground = await openGround()
    await control(ground)
    // Each has a server of its own; the second one mostly waits for times to pass. The long form measures, and takes one after the other.
    const doors = atDoors(ground, long, seed)
    if (long) await doors
    await Promise.all([doors, inAnswers(ground, long, seed)])
  },
}
