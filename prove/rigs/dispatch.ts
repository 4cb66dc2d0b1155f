/** Promise 31: batches that go out, while both nodes are killed in turn and the target loses answers and callbacks: every record arrives once, within the target's limits, and every bad row comes home. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request } from 'undici'
import type { Pool as Database } from '../../server/store/pool.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { freePort, openGround, pause, type Program, until, type Witness } from './ground.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'

const client = { id: 'mortise', secret: 'secret-of-mortise-at-the-peer', salt: 'salt-of-mortise-at-the-peer-long' }
const tenant = { id: 'rig', pushToken: 'push-token-of-the-dispatch-rig' }

const batchOf = (port: number, maxRows: number, more: object = {}) => ({
  clientId: client.id,
  clientSecret: client.secret,
  salt: client.salt,
  callbackUrl: `http://127.0.0.1:${port}`,
  callbackKey: 'key-of-the-callbacks',
  maxRows,
  fillFor: 300,
  ...more,
})

const sides = ['peer', 'box'] as const
type Target = (typeof sides)[number]

const configOf = (
  urls: Record<Target, string>,
  port: number,
  maxRows: Record<Target, number>,
  perHour: number,
): unknown => ({
  tenants: [
    {
      id: tenant.id,
      connections: [
        {
          id: 'hr',
          role: 'erp',
          baseUrl: 'http://127.0.0.1:9/',
          readable: false,
          objects: sides.map((side) => ({ code: `post of ${side}`, fields: { number: 'text', title: 'text' } })),
        },
        ...sides.map((side) => ({
          id: side,
          role: 'crm',
          kind: 'masterdata-batch',
          baseUrl: urls[side],
          timeout: 2_000,
          batch: batchOf(
            port,
            maxRows[side],
            side === 'box' ? { clientSecret: 'secret-of-mortise-at-the-sandbox' } : {},
          ),
          // nothing is required here: what is wrong with a row is the target's to say
          objects: [
            {
              code: 'position',
              idField: 'code',
              batch: { path: 'positions', perHour },
              fields: { code: 'text', position_name: 'text' },
            },
          ],
        })),
      ],
      pairs: sides.map((side) => ({
        id: side,
        left: { connection: 'hr', object: `post of ${side}` },
        right: { connection: side, object: 'position' },
        flows: {
          leftToRight: {
            startFrom: 'all',
            mapping: { fields: { code: 'number', position_name: 'title' } },
          },
        },
      })),
      tokens: [{ name: 'push', value: tenant.pushToken }],
    },
  ],
})

/** The other Mortise: its own database, its own interface of section 4. */
const peerConfig = (port: number, perHour: number): unknown => ({
  tenants: [
    {
      id: 'peer',
      connections: [
        {
          id: 'mdm',
          role: 'erp',
          baseUrl: 'http://127.0.0.1:9/',
          objects: [{ code: 'position', template: 'position', batch: { perHour } }],
        },
      ],
      batchClients: [{ ...client, origins: [`http://127.0.0.1:${port}`] }],
    },
  ],
})

interface BoxCall {
  call: string
  status: number | null
  effect: boolean
  fault?: string
  rows: number
}

const get = async <T>(url: string): Promise<T> => (await (await request(url)).body.json()) as T
const put = async (url: string, body: unknown): Promise<void> => {
  const answer = await request(url, { method: 'PUT', body: JSON.stringify(body) })
  const text = await answer.body.text()
  assert.equal(answer.statusCode, 200, text)
}

const idOf = (side: Target, i: number): string => `${side}-${i}`
const isBad = (i: number): boolean => i % 100 === 50
/** Changed at once, so mostly while their first row is on its way. */
const isEdited = (i: number): boolean => i % 50 === 7
const titleOf = (side: Target, i: number): string => (isEdited(i) ? 'newest' : `title of ${idOf(side, i)}`)

interface Counts {
  due: number
  unknown: number
  failed: number
  done: number
}

const standing = async (sql: Database, side: Target): Promise<Counts> => {
  const [row] = await sql<Counts>`
    select (count(*) filter (where state in ('due', 'working', 'waiting')))::int4 as due,
      (count(*) filter (where state = 'unknown'))::int4 as unknown, (count(*) filter (where state = 'parked'))::int4 as failed,
      (count(*) filter (where state = 'idle'))::int4 as done
    from link where pair_id = ${side}`
  return row as Counts
}

/** A caller that gives each try another name, and one that counts nothing: both must be seen. */
const controls = async (box: string): Promise<{ twice: number; over: number }> => {
  await put(`${box}settings`, { perHour: 5, perDay: 5, idempotent: true })
  await put(`${box}faults`, [{ kind: 'cutAfter', nth: 1 }])
  const token = (
    (await (
      await request(`${box}common/unAuth/tokens/generate`, {
        method: 'POST',
        body: JSON.stringify({ client_id: client.id, client_secret: 'secret-of-mortise-at-the-sandbox' }),
      })
    ).body.json()) as { data: { access_token: string } }
  ).data.access_token
  let over = 0
  for (let n = 0; n < 8; n++) {
    const answer = await request(`${box}common/controls/batch?access_token=${token}`, {
      method: 'POST',
      body: JSON.stringify({
        bizId: `naive ${n}`,
        timestamp: Date.now(),
        data: [{ code: `n${Math.max(0, n - 1)}`, name: 'n' }],
      }),
    }).catch(() => null)
    if (answer?.statusCode === 429) over++
    await answer?.body.dump()
  }
  const { records } = await get<{ records: { writes: string[] }[] }>(`${box}records/controls`)
  return { twice: records.filter((one) => one.writes.length > 1).length, over }
}

export const dispatchRig: Rig = {
  name: 'dispatch',
  promise: '31',
  about:
    'records in batches to another Mortise and to the sandbox with faults, both nodes killed in turn: none lost, none twice, never above the limits, bad rows home, forged callbacks counted',
  run: async (long) => {
    seedOf()
    // Below half of its calls a batch waits for minutes to be fuller, which the short form has no time for.
    const [records, maxRows, kills, perHour] = long ? [5_000, 200, 12, 50] : [250, 25, 2, 100]
    await using ground = await openGround()
    await using db = await freshDatabase()
    await using peerDb = await freshDatabase()
    const witness: Witness = await ground.witness()
    const box = `${witness.url}/sandbox/masterdata/`
    const port = await freePort()
    const peer = await ground.mortise({ config: peerConfig(port, perHour), databaseUrl: peerDb.url })
    await peer.start()
    // the peer answers up to 200 rows at once; with more it calls back
    const rows = { peer: long ? 400 : maxRows, box: maxRows }
    const config = configOf({ peer: `${peer.url}/common/`, box: `${box}common/` }, port, rows, perHour)
    const nodes = [
      await ground.mortise({ config, databaseUrl: db.url, port }),
      await ground.mortise({ config, databaseUrl: db.url }),
    ] as const
    for (const node of nodes) await node.start()
    await put(`${box}settings`, { salt: client.salt, atOnce: Math.floor(maxRows / 2), workMs: 100, perHour })
    await put(`${box}faults`, [
      { kind: 'cutBefore', nth: 2 },
      { kind: 'cutAfter', nth: [1, 5] },
      { kind: 'status', status: 502, nth: 7 },
      { kind: 'throttle', seconds: 1, nth: 9 },
      { kind: 'failed', nth: 4 },
      { kind: 'lost', nth: [2, 6] },
      { kind: 'forged', nth: 3 },
      { kind: 'twice', nth: 4 },
      { kind: 'late', ms: 1_500, nth: 5 },
    ])
    await using pusher = openPusher(nodes[0].url, tenant, { clients: 16 })

    // both clocks of waiting are wound on from outside: a batch that was cut off waits for its lease, an unknown one for its pause
    let winding = true
    const wound = (async () => {
      while (winding) {
        await db.owner`
          update out_batch set next_at = least(next_at, clock_timestamp() + interval '500 milliseconds')
          where state in ('ready', 'accepted') and next_at > clock_timestamp() + interval '500 milliseconds'`
        await db.owner`
          update out_batch set lease_until = clock_timestamp()
          where state in ('ready', 'accepted') and lease_until < clock_timestamp() + interval '6 seconds'`
        await pause(200)
      }
    })().catch((error: unknown) => {
      // the rig failed and took its database away: its own error is the one to be seen
      if (winding) say(`the winding ended: ${String(error)}`)
    })

    const all = sides.flatMap((side) => Array.from({ length: records }, (_, i) => ({ side, i })))
    const pushing = inParallel(16, all, async ({ side, i }) => {
      const id = idOf(side, i)
      await pusher.insist({
        object: `post of ${side}`,
        id,
        master: { number: id, title: isBad(i) ? '' : `title of ${id}` },
      })
      if (!isEdited(i)) return
      await pause(Math.random() * 600)
      await pusher.insist({ object: `post of ${side}`, id, master: { number: id, title: titleOf(side, i) } })
    })
    let hits = 0
    for (let kill = 0; kill < kills; kill++) {
      await pause(long ? 1_500 + Math.random() * 1_500 : 1_500)
      const node = nodes[kill % 2] as Program
      const [open] = await db.owner<{ open: number }>`
        select count(*)::int4 as open from out_batch_row where state in ('queued', 'packed') or (state = 'told' and taken_at is null)`
      await node.kill()
      if ((open?.open ?? 0) > 0) hits++
      await node.start()
    }
    await pushing

    const bad = Array.from({ length: records }, (_, i) => i).filter(isBad).length
    const seen: Partial<Record<Target, Counts>> = {}
    await until(
      'every record has its end',
      async () => {
        for (const side of sides) seen[side] = await standing(db.owner, side)
        return sides.every((side) => seen[side]?.done === records - bad && seen[side]?.failed === bad)
      },
      long ? 600_000 : 60_000,
      200,
    ).catch(async (error: unknown) => {
      say(JSON.stringify(seen))
      say(
        JSON.stringify(
          await db.owner`select connection_id, state, posts, asks, row_count, status, left(said, 80) as said from out_batch order by out_batch_id desc limit 12`,
        ),
      )
      say(JSON.stringify(await db.owner`select pair_id, state, reason, fault from link where state <> 'idle' limit 6`))
      throw error
    })
    winding = false
    await wound
    assert.ok(hits >= Math.ceil(kills / 2), `${hits} of ${kills} kills hit work in flight`)

    // the peer: what it stored, from its own log
    const stored = await peerDb.owner<{ data_id: string; arrivals: number; master: string }>`
      select d.data_id, d.master::text as master,
        (select count(*)::int4 from arrival a where a.object = 'position' and a.data_id = d.data_id) as arrivals
      from document d
      where d.object = 'position'`
    const wanted = Array.from({ length: records }, (_, i) => i)
      .filter((i) => !isBad(i))
      .map((i) => idOf('peer', i))
    assert.deepEqual(
      stored.map((one) => one.data_id).sort(),
      wanted.sort(),
      'the peer has every good record and no other',
    )
    const numberOf = (code: string): number => Number(code.split('-')[1])
    const mostWrites = (code: string): number => (isEdited(numberOf(code)) ? 2 : 1)
    assert.deepEqual(
      stored.filter((one) => one.arrivals < 1 || one.arrivals > mostWrites(one.data_id)),
      [],
      'the peer heard of a record twice',
    )
    assert.deepEqual(
      stored.filter(
        ({ data_id, master }) =>
          (JSON.parse(master) as { position_name: string }).position_name !== titleOf('peer', numberOf(data_id)),
      ),
      [],
      'the peer has the newest of each record',
    )
    const [calls] = await peerDb.owner<{ count: number }>`select count(*)::int4 as count from batch`
    assert.ok((calls?.count ?? 0) <= (long ? 100 : 50), `${calls?.count} calls to the peer`)

    // the sandbox: its own ledger
    const { records: held } = await get<{
      records: { code: string; writes: string[]; fields: { position_name?: string } }[]
    }>(`${box}records/positions`)
    assert.deepEqual(
      held.map((one) => one.code).sort(),
      Array.from({ length: records }, (_, i) => i)
        .filter((i) => !isBad(i))
        .map((i) => idOf('box', i))
        .sort(),
      'the sandbox has every good record and no other',
    )
    assert.deepEqual(
      held.filter((one) => one.writes.length > mostWrites(one.code)),
      [],
      'the sandbox wrote a record twice',
    )
    assert.deepEqual(
      held.filter((one) => one.fields.position_name !== titleOf('box', numberOf(one.code))),
      [],
      'the sandbox has the newest of each record',
    )
    const rewritten = held.filter((one) => one.writes.length > 1).length
    const { calls: ledger } = await get<{ calls: BoxCall[] }>(`${box}ledger`)
    const posted = ledger.filter((one) => one.call === 'batch')
    assert.ok(posted.length <= (long ? 100 : 50), `${posted.length} calls to the sandbox`)
    const { over } = await get<{ over: number }>(`${box}settings`)
    assert.equal(over, 0, 'calls above the limits of the sandbox')
    const faults = await get<{ kind: string; hits: number }[]>(`${box}faults`)
    const met = faults.filter((one) => one.hits > 0)
    assert.ok(met.length >= (long ? 8 : 6), `only ${met.map((one) => one.kind).join()} hit`)

    // every bad row's reason stands on its own record
    const parked = await db.owner<{ left_id: string; fault: string }>`
      select left_id, fault from link where state = 'parked'`
    for (const one of parked) {
      const fault = JSON.parse(one.fault) as { code: string; said: string }
      assert.equal(fault.code, 'batch.row', one.fault)
      assert.match(fault.said, /不能为空|必填/, one.fault)
      assert.ok(isBad(Number(one.left_id.split('-')[1])), `${one.left_id} is not a bad row`)
    }

    // a callback that nobody of there has written
    const [known] = await db.owner<{ biz_id: string }>`select biz_id from out_batch where state = 'done' limit 1`
    const forged = await request(`${nodes[0].url}/callbacks/box/key-of-the-callbacks`, {
      method: 'POST',
      body: JSON.stringify({
        resCode: 200000,
        bizId: known?.biz_id,
        access_token: createHash('md5').update('x').digest('hex'),
        data: {},
      }),
    })
    assert.equal(forged.statusCode, 401)
    const metrics = await (await request(`${nodes[0].url}/metrics`)).body.text()
    assert.match(metrics, /mortise_callbacks_heard_total\{[^}]*end="forged"[^}]*\} [1-9]/)

    const control = await controls(box)
    assert.ok(control.twice > 0, 'the control: another name for each try must write a record twice')
    assert.ok(control.over > 0, 'the control: who counts nothing must go above the limit')
    say(
      `dispatch: ${2 * (records - bad)} records arrived once each, ${2 * bad} bad rows came home, ${rewritten} of the sandbox’s were changed while their row was on its way; ${calls?.count} calls to the peer, ${posted.length} to the sandbox; ${hits} kills hit, faults met: ${met.map((one) => one.kind).join(', ')}. Controls: ${control.twice} twice, ${control.over} over`,
    )
  },
}
