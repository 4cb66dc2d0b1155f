/** Promise 17: nodes are stopped and started in turn under load, behind a proxy that asks /readyz: no client notices, and no call is left unanswered. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Pool } from 'undici'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from './config.ts'
import { openGround, pause, type Program } from './ground.ts'
import { type Expected, judge, ledgerOf, mustBeClean, type Verdict } from './judge.ts'
import { type Answer, openPusher, withClients } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

/** How often the proxy asks, and how long a node that stops still takes calls (MORTISE_DRAIN): longer than the one before it is believed. */
const askEvery = 200
const drainSeconds = 1

interface Proxy extends AsyncDisposable {
  url: string
  /** Answers of each node that were passed on. */
  passed(): number[]
}

/** Round robin over what was ready when it was last asked. It repeats nothing: a call that a node fails is a failed call of the client. */
const openProxy = async (nodes: readonly Program[]): Promise<Proxy> => {
  const pools = nodes.map((node) => new Pool(node.url, { connections: 64, pipelining: 1, headersTimeout: 20_000 }))
  const ready = nodes.map(() => false)
  const passed = nodes.map(() => 0)
  let turn = 0
  let ended = false
  const asking = (async () => {
    while (!ended) {
      await Promise.all(
        pools.map(async (pool, i) => {
          const answer = await pool.request({ method: 'GET', path: '/readyz', headersTimeout: 1_000 }).catch(() => null)
          await answer?.body.dump().catch(() => {})
          ready[i] = answer?.statusCode === 200
        }),
      )
      await pause(askEvery)
    }
  })()
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    const [at] = nodes.map((_, i) => (turn + i) % nodes.length).filter((i) => ready[i])
    turn++
    if (at === undefined) return void outgoing.writeHead(503, { 'Retry-After': '1' }).end('{"errCode":"no node"}')
    const { host: _host, connection: _connection, 'keep-alive': _alive, ...headers } = incoming.headers
    try {
      const answer = await (pools[at] as Pool).request({
        method: 'POST',
        path: incoming.url ?? '/',
        headers: headers as Record<string, string>,
        body: Buffer.concat(parts),
      })
      const body = Buffer.from(await answer.body.arrayBuffer())
      passed[at] = (passed[at] ?? 0) + 1
      outgoing
        .writeHead(answer.statusCode, { 'Content-Type': 'application/json', 'Content-Length': body.length })
        .end(body)
    } catch (error) {
      outgoing.writeHead(502).end(`{"errCode":${JSON.stringify((error as Error).message)}}`)
    }
  }
  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    passed: () => passed,
    [Symbol.asyncDispose]: async () => {
      ended = true
      await asking
      server.closeAllConnections()
      await new Promise<void>((done) => server.close(() => done()))
      await Promise.all(pools.map((pool) => pool.destroy()))
    },
  }
}

interface Rolled {
  failed: Answer[]
  pushed: number
  /** Calls of which the witness or we do not know at once what became of them. */
  unknown: number
  why: string
  /** Looks of ours at the target: somebody did not know what an earlier call had done. */
  looks: number
  verdict: Verdict
  /** Restarts that hit pushes under way at a door, and calls under way to the target. */
  hits: { atDoor: number; atWork: number }
  passed: number[]
}

/** `how` ends a node: in order, or not. `gap`: ms that a client rests after a push; what the target cannot take at once is waited for at the end. */
const roll = async (restarts: number, how: 'stop' | 'kill', drain: number, gap: number): Promise<Rolled> => {
  await using db = await freshDatabase()
  await using ground = await openGround()
  const witness = await ground.witness()
  // Ended in order, no call may be given up: not for want of time either, on a machine that is busy with other work.
  const tenant = rigTenant({ witness, pairs: ['material'], ...(how === 'stop' && { crm: { timeout: 10_000 } }) })
  const config = configOf(tenant)
  const nodes = await Promise.all(
    [0, 1].map(() => ground.mortise({ config, databaseUrl: db.url, env: { MORTISE_DRAIN: String(drain) } })),
  )
  for (const node of nodes) await node.start()
  await witness.crm.faults([
    { kind: 'delay', call: 'create', ms: 150 },
    { kind: 'delay', call: 'update', ms: 150 },
  ])
  await using watch = openWatch(() => db.url)
  await using proxy = await openProxy(nodes)
  await using pusher = openPusher(proxy.url, tenant, { clients: 12 })
  await pause(3 * askEvery)

  // ── the load ──
  const acknowledged = new Map<string, number>()
  const failed: Answer[] = []
  const unsure = new Set<string>()
  let pushed = 0
  let rolling = true
  const pushing = withClients(12, () =>
    rolling
      ? async () => {
          const n = pushed++
          // Each tenth push is an edit of a record that was acknowledged before.
          const known = n % 10 === 9 ? [...acknowledged.keys()][n % acknowledged.size] : undefined
          const id = known ?? `R-${n}`
          if (unsure.has(id)) return
          unsure.add(id)
          const edit = (acknowledged.get(id) ?? -1) + 1
          const answer = await pusher.push({
            object: 'BD_Material',
            id,
            master: { number: id, name: `物料 ${id}`, unit: String(edit) },
          })
          if (answer.acked) {
            acknowledged.set(id, edit)
            unsure.delete(id)
          } else failed.push(answer) // it may be stored or not: nothing more is said of this record
          await pause(gap)
        }
      : null,
  )
  await pause(500)

  // ── the restarts ──
  const hits = { atDoor: 0, atWork: 0 }
  for (let i = 0; i < restarts; i++) {
    const node = nodes[i % 2] as Program
    for (let tries = 0; tries < 400 && !(pusher.open() > 0 && (await watch.held()).length > 0); tries++) await pause(5)
    if (pusher.open() > 0) hits.atDoor++
    if ((await watch.held()).length > 0) hits.atWork++
    if (how === 'stop') assert.equal(await node.stop(), 0, `it ends in order\n${node.said()}`)
    else await node.kill()
    await node.start()
    await pause(3 * askEvery) // until the proxy sends it something again
  }
  rolling = false
  await pushing
  await watch.rest(1_200_000) // nodes that restart all the time leave a backlog: a hundred restarts, a long one

  const sql = await watch.sql()
  const [row] = await sql<{
    unknown: number
  }>`select count(*)::int4 as unknown from attempt where outcome is null or outcome = 'unknown'`
  const why = await sql<{ call: string; outcome: string | null; fault: string | null; ms: number | null }>`
    select call, outcome, fault, ms from attempt where outcome is null or outcome = 'unknown' limit 20`
  const looks = (await ledgerOf(witness.crm)).filter((call) => call.call === 'queryMasterBatch').length
  const expected = new Map(
    [...acknowledged]
      .filter(([id]) => !unsure.has(id))
      .map(([id, edit]): [string, Expected] => [id, { fields: { product_code: id, unit: String(edit) } }]),
  )
  const verdict = await judge(witness.crm, 'ProductObj', expected, 'unit')
  verdict.strange = verdict.strange.filter((id) => !unsure.has(id))
  if (how === 'stop') assert.deepEqual(await watch.parked(), [])
  for (const node of nodes) await node.stop()
  return {
    failed,
    pushed,
    unknown: row?.unknown ?? 0,
    why: JSON.stringify(why),
    looks,
    verdict,
    hits,
    passed: proxy.passed(),
  }
}

const figures = (what: string, restarts: number, one: Rolled): string =>
  `rolling, ${what}: ${restarts} restarts (${one.hits.atDoor} with pushes open, ${one.hits.atWork} with calls open), ${one.pushed} pushes over ${one.passed.join(' + ')}, ` +
  `failed ${one.failed.length}, unknown ${one.unknown}, looked up ${one.looks}`

export const rollingRig: Rig = {
  name: 'rolling',
  promise: '17',
  about: 'rolling restarts of two nodes under load, behind a proxy that asks /readyz: 0 failed client calls, 0 unknown',
  run: async (long) => {
    const restarts = long ? 100 : 3
    const gap = long ? 25 : 120

    // kill -9 instead: clients see it, and calls are left that nobody knows of.
    const killed = await roll(long ? 6 : 2, 'kill', drainSeconds, gap)
    say(figures('control, kill -9', long ? 6 : 2, killed))
    assert.ok(killed.failed.length > 0, 'the control must fail calls of clients')
    assert.ok(killed.unknown > 0 && killed.looks > 0, 'the control must leave calls unanswered')
    // What was acknowledged is there all the same, once.
    await mustBeClean('rolling, control', killed.verdict)

    // No drain: the proxy does not know yet, and sends to a door that is shut.
    const hasty = await roll(long ? 6 : 2, 'stop', 0, 25)
    say(figures('control, no drain', long ? 6 : 2, hasty))
    assert.ok(hasty.failed.length > 0, 'the control must fail calls of clients')
    assert.equal(hasty.unknown, 0, hasty.why)

    const rolled = await roll(restarts, 'stop', drainSeconds, gap)
    const told = figures('in order', restarts, rolled)
    say(told)
    assert.deepEqual(rolled.failed, [], told)
    assert.equal(rolled.unknown, 0, `${told}\n${rolled.why}`)
    assert.equal(rolled.looks, 0, told)
    await mustBeClean('rolling', rolled.verdict)
    assert.ok(
      rolled.hits.atDoor >= restarts * 0.6 && rolled.hits.atWork >= restarts * 0.6,
      `too few restarts hit work: ${told}`,
    )
    assert.ok(
      rolled.passed.every((count) => count > rolled.pushed / 10),
      `both nodes take part: ${told}`,
    )
  },
}
