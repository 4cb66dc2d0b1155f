/** Promise 16: the line to the database is cut when the server has committed and its answer is on the way: nobody knows, the caller sends again, one record. */
import assert from 'node:assert/strict'
import { freshDatabase } from '../../server/store/fresh.ts'
import { openPool } from '../../server/store/pool.ts'
import { configOf, rigTenant } from './config.ts'
import { openGround, pause, until } from './ground.ts'
import { type Expected, judge, ledgerOf, mustBeClean, mustShow, textOf } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'
import { openWire } from './wire.ts'

const [doors, road] = ['mortise doors', 'mortise road']
const push = (id: string) => ({ object: 'BD_Material', id, master: { number: id, name: `物料 ${id}`, unit: '0' } })
const expectedOf = (ids: readonly string[]): Map<string, Expected> =>
  new Map(ids.map((id) => [id, { fields: { product_code: id } }]))

/** A receiver that writes down each push without asking whether it has it already. */
const control = async (): Promise<void> => {
  await using ground = await openGround()
  await using db = await freshDatabase({ migrations: [] })
  await using wire = await openWire(db.url)
  const witness = await ground.witness()
  await db.sql`create table log (id text not null)`
  const pool = openPool({ url: wire.url, name: 'naive', max: 2 })
  for (let i = 0; i < 6; i++) {
    if (i % 2 === 0) wire.cut('naive')
    for (;;) {
      const written = await pool`insert into log (id) values (${`C-${i}`})`.then(
        () => true,
        () => false,
      )
      if (written) break
    }
  }
  await pool.end()
  for (const { id } of await db.sql<{ id: string }>`select id from log`)
    await witness.crm.create('ProductObj', { sourceId: id, product_code: id })
  const all = Array.from({ length: 6 }, (_, i) => `C-${i}`)
  mustShow('a log that takes each push as new', await judge(witness.crm, 'ProductObj', expectedOf(all)), ['duplicated'])
}

export const cutRig: Rig = {
  name: 'cut',
  promise: '16',
  about:
    'the line to the database is cut behind COMMIT, at the doors and at the engine: refused or cut off, sent again, one record, one create',
  run: async (long) => {
    await control()
    const cuts = long ? 200 : 8
    await using ground = await openGround()
    await using db = await freshDatabase()
    await using wire = await openWire(db.url)
    const witness = await ground.witness()
    const tenant = rigTenant({ witness, pairs: ['material'] })
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: wire.url })
    await mortise.start()
    await using watch = openWatch(() => db.url) // looks past the line
    await using pusher = openPusher(mortise.url, tenant, { clients: 4 })
    const sql = await watch.sql()

    const all: string[] = []
    let ended = false
    /** Stored, and its caller not told so. */
    let untold = 0
    const flowing = inParallel(4, [0, 1, 2, 3], async (client) => {
      for (let i = 0; !ended; i++) {
        const id = `C-${client}-${i}`
        for (;;) {
          const answer = await pusher.push(push(id))
          if (answer.acked) break
          assert.ok(answer.status === 0 || answer.status === 503, JSON.stringify(answer))
          if ((await sql`select from document where data_id = ${id}`).length > 0) untold++
          await pause(20)
        }
        all.push(id)
        await pause(10)
      }
    })
    for (let n = 0; n < cuts; n++) {
      const name = (n % 2 === 0 ? doors : road) as string
      const so = wire.cuts(name)
      const stored = all.length
      wire.cut(name)
      await until(`cut ${n} is made, and records flow again`, () => wire.cuts(name) > so && all.length > stored + 8)
    }
    ended = true
    await flowing
    const sight = await watch.rest(long ? 300_000 : 120_000)
    assert.deepEqual(pusher.rude().slice(0, 2), [], 'a refusal without Retry-After')
    assert.equal(pusher.silent(), 0)
    assert.ok(untold >= cuts / 2, `only ${untold} pushes were stored without their caller being told`)
    assert.equal(sight.parked, 0, JSON.stringify((await watch.parked()).slice(0, 2)))
    await mustBeClean('cut behind COMMIT', await judge(witness.crm, 'ProductObj', expectedOf(all)))
    const creates = (await ledgerOf(witness.crm, { call: 'create' })).map((call) =>
      textOf(call.body?.masterFieldVal?.product_code),
    )
    assert.equal(creates.length, new Set(creates).size, 'no create was sent twice')
    assert.equal(await mortise.stop(), 0)
    say(
      `cut: ${wire.cuts(doors as string)} cuts behind COMMIT at the doors (${untold} pushes stored and not told), ${wire.cuts(road as string)} at the engine: ${all.length} records, one create each`,
    )
  },
}
