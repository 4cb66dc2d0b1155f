/** Promise 30: work is a row for each record, not for each edit. However often a thousand records are edited, what is claimed stays quick to find. */
import assert from 'node:assert/strict'
import { claim } from '../../server/converge/claim.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import type { Pool } from '../../server/store/pool.ts'
import { configOf, rigTenant } from './config.ts'
import { openGround } from './ground.ts'
import { judge, mustBeClean } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

/** Promised, in milliseconds, of the claim's own statement. */
const quick = 10
const target = { tenant_id: 'sandbox', connection_id: 'crm' }

class GivenBack extends Error {}

/** How long the engine's own claim of as many rows as a round takes, given back by not committing it. */
const timedClaim = async (sql: Pool): Promise<number> => {
  let ms = 0
  await sql
    .begin(async (tx) => {
      const began = performance.now()
      await claim(tx, target, 128, 30_000, null)
      ms = performance.now() - began
      throw new GivenBack()
    })
    .catch((error: unknown) => {
      if (!(error instanceof GivenBack)) throw error
    })
  return ms
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

const sizes = async (
  sql: Pool,
): Promise<{ work: number; staged: number; logged: number; due: number; link: number }> => {
  const [row] = await sql<{ work: number; staged: number; logged: number; due: number; link: number }>`
    select (select count(*) from link)::int4 as work, (select count(*) from document)::int4 as staged,
      (select count(*) from arrival)::int4 as logged,
      pg_relation_size('link_due')::int4 as due, pg_relation_size('link')::int4 as link`
  assert.ok(row)
  return row
}

export const growsRig: Rig = {
  name: 'grows',
  promise: '30',
  about: '1,000,000 edits of 1,000 records: one row of work each, and claims stay quick',
  figure: 'edits',
  run: async (long, asked) => {
    const records = long ? 1_000 : 40
    const rounds = Math.ceil((asked ?? (long ? 1_000_000 : 1_200)) / records)
    await using ground = await openGround()
    await using db = await freshDatabase()
    const witness = await ground.witness()
    const tenant = rigTenant({ witness, pairs: ['material'] })
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await using pusher = openPusher(mortise.url, tenant, { clients: 32 })
    const sql = await watch.sql()

    const ids = Array.from({ length: records }, (_, i) => `G-${i}`)
    let ended = false
    const claims: number[] = []
    const claiming = (async () => {
      while (!ended) claims.push(await timedClaim(sql))
    })()
    // A client edits its records one after the other, so that the last one that was acknowledged is the newest.
    await inParallel(32, ids, async (id) => {
      for (let round = 1; round <= rounds; round++)
        await pusher.insist({ object: 'BD_Material', id, master: { number: id, name: `edit ${round}`, unit: '0' } })
    })
    ended = true
    await claiming
    await watch.rest()

    await mustBeClean(
      'grows',
      await judge(
        witness.crm,
        'ProductObj',
        new Map(ids.map((id) => [id, { fields: { product_code: id, name: `edit ${rounds}` } }])),
      ),
    )
    const now = await sizes(sql)
    // ── control: a row for each edit is seen by the same count ──
    assert.ok(
      now.logged >= records * rounds,
      `the log of ${records * rounds} edits has ${now.logged} rows: nothing grew`,
    )
    assert.equal(now.work, records, 'rows of work')
    assert.ok(now.staged <= records * 2, `${now.staged} documents of ${records} records on two sides`)
    const sorted = claims.sort((a, b) => a - b)
    const p95 = at(sorted, 0.95)
    if (long) assert.ok(p95 <= quick, `p95 of ${sorted.length} claims: ${p95.toFixed(1)} ms`)
    assert.equal(await mortise.stop(), 0)
    say(
      `grows: ${records * rounds} edits of ${records} records: ${now.work} rows of work, ${now.logged} of the log; ${sorted.length} claims, p50 ${at(sorted, 0.5).toFixed(1)} ms, p95 ${p95.toFixed(1)} ms; link ${Math.round(now.link / 1024)} kB, what is due ${Math.round(now.due / 1024)} kB`,
    )
  },
}
