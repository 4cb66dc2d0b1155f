/** Promise 29: an older backup is restored while the targets have gone on: nothing is created twice, and nothing newer is overwritten. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { run } from '../../server/cli/program.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from './config.ts'
import { openGround, pause, until } from './ground.ts'
import { type Expected, judge, mustBeClean, mustShow, type Verdict } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

interface Form {
  /** Records before the backup, and after it. */
  before: number
  after: number
}

interface Restored {
  verdict: Verdict
  figures: string
  /** Records made at the target after the backup. */
  unknownToBackup: number
  bound: number
}

const mortise = async (args: string[], env: Record<string, string>): Promise<string> => {
  let said = ''
  const note = (text: string): void => void (said += text)
  const code = await run(args, { env, cwd: '/', out: note, err: note, width: 0, serve: async () => {} })
  assert.equal(code, 0, `mortise ${args.join(' ')}: ${said}`)
  return said
}

/** `waits`: with the restore mode, or as one who does not know of it would do. */
const restore = async (form: Form, waits: boolean): Promise<Restored> => {
  await using old = await freshDatabase()
  await using fresh = await freshDatabase({ migrations: [] })
  await using ground = await openGround()
  const witness = await ground.witness()
  const tenant = rigTenant({ witness, pairs: ['material'] })
  const config = configOf(tenant)
  const newest = new Map<string, number>()
  const push = (id: string, edit: number) => ({
    object: 'BD_Material',
    id,
    master: { number: id, name: `物料 ${id}`, unit: String(edit) },
  })
  await witness.crm.faults([
    { kind: 'delay', call: 'create', ms: 60 },
    { kind: 'delay', call: 'update', ms: 60 },
  ])
  const file = join(ground.folder, 'backup.mortise')

  // ── before the loss: a backup in the middle of the traffic, which then goes on ──
  const first = await ground.mortise({ config, databaseUrl: old.url })
  await first.start()
  {
    await using pusher = openPusher(first.url, tenant)
    await using watch = openWatch(() => old.url)
    const say1 = async (id: string): Promise<void> => {
      const edit = (newest.get(id) ?? -1) + 1
      await pusher.insist(push(id, edit))
      newest.set(id, edit)
    }
    const idsOf = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}-${i}`)
    await inParallel(12, idsOf('B', form.before), say1)
    await watch.rest()
    // Some are under way at this very moment: due, claimed, sent.
    const busy = inParallel(12, [...idsOf('B', form.before).filter((_, i) => i % 4 === 0), ...idsOf('M', 40)], say1)
    await until('work is in hand', async () => (await watch.held()).length > 0, 20_000, 2)
    await mortise(['backup', file], { MORTISE_DATABASE_URL: old.url, MORTISE_DATA: join(ground.folder, 'cli') })
    await busy
    await inParallel(12, idsOf('A', form.after), say1)
    await inParallel(
      12,
      [...newest.keys()].filter((_, i) => i % 3 === 0),
      say1,
    )
    await watch.rest()
  }
  await first.kill()
  const held = new Set((await witness.crm.records('ProductObj')).map((record) => record.sourceId))

  // ── the older state comes back, against the live target ──
  const env = { MORTISE_DATABASE_URL: fresh.url, MORTISE_DATA: join(ground.folder, 'cli') }
  await mortise(['restore', file], env)
  const links = await fresh.sql<{ id: string }>`select left_id as id from link where right_id is not null`
  const known = new Set(links.map((row) => row.id))
  const unknownToBackup = [...held].filter((id) => id !== null && !known.has(id)).length
  if (!waits) await fresh.sql`delete from restore`
  const second = await ground.mortise({ config, databaseUrl: fresh.url })
  await second.start()
  await using pusher = openPusher(second.url, tenant)
  await using watch = openWatch(() => fresh.url)
  const callsBefore = (await witness.crm.ledger({ call: 'create', limit: 2_000 })).length
  // Sources say again what they have, known or not, at once: while it is still being found out what the target holds.
  const again = [...newest.keys()].filter((_, i) => i % 2 === 0)
  await inParallel(12, again, async (id) => {
    const edit = (newest.get(id) ?? 0) + 1
    await pusher.insist(push(id, edit))
    newest.set(id, edit)
  })
  if (waits) {
    const status = await mortise(['status'], env)
    assert.match(status, /crm: nothing is sent since a backup of .* was restored/)
    assert.equal(
      (await witness.crm.ledger({ call: 'create', limit: 2_000 })).length,
      callsBefore,
      'nothing is sent meanwhile',
    )
    await until(
      'the target is released',
      async () =>
        (await fresh.sql`select from restore where connection_id = 'crm' and released_by = 'reconciled'`).length === 1,
      120_000,
      100,
    )
  }
  await watch.rest(180_000)
  await pause(500)
  const expected = new Map(
    [...newest].map(([id, edit]): [string, Expected] => [id, { fields: { product_code: id, unit: String(edit) } }]),
  )
  const verdict = await judge(witness.crm, 'ProductObj', expected, 'unit')
  const [row] = await fresh.sql<{ bound: number }>`select coalesce(sum(bound), 0)::int4 as bound from restore`
  // Of what was under way at that very moment nobody may be able to say which is newer: it is shown, and nothing is sent over it.
  const asked = waits ? await watch.parked() : []
  for (const one of asked) assert.match(one.fault ?? '', /"conflict.restored"/)
  assert.ok(asked.length <= 40, `only what was under way may be asked about, not ${asked.length}`)
  verdict.stale = verdict.stale.filter((id) => !asked.some((one) => one.left_id === id))
  assert.equal(await second.stop(), 0)
  return {
    verdict,
    unknownToBackup,
    bound: row?.bound ?? 0,
    figures: `${newest.size} records, ${unknownToBackup} of them made at the target and not in the backup, ${row?.bound ?? 0} made known, ${again.length} pushed again, ${asked.length} asked about`,
  }
}

export const restoreRig: Rig = {
  name: 'restore',
  promise: '29',
  about:
    'a backup taken in the middle of traffic is restored after more of it, against the live target: 0 duplicates, nothing newer overwritten',
  run: async (long) => {
    const form = long ? { before: 3_000, after: 3_000 } : { before: 200, after: 150 }
    const control = await restore({ before: 100, after: 60 }, false)
    say(`restore, control without restore mode: ${control.figures}`)
    mustShow('a backup restored and started as if nothing had been', control.verdict, ['duplicated'])
    const restored = await restore(form, true)
    say(`restore: ${restored.figures}`)
    assert.ok(restored.unknownToBackup >= form.after, restored.figures)
    assert.ok(restored.bound >= form.after, restored.figures)
    await mustBeClean('restore', restored.verdict)
  },
}
