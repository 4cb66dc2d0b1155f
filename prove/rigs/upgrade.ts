/** Promise 28: a node of the new version is killed again and again while it migrates, and nodes of the old one work on beside it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { generator } from '../../sandbox/faults.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from './config.ts'
import { openGround, pause, type Program, until } from './ground.ts'
import { type Expected, judge, mustBeClean } from './judge.ts'
import { openPusher, withClients } from './pusher.ts'
import { type Rig, say, seedOf } from './rig.ts'
import { openWatch } from './watch.ts'

const root = join(import.meta.dirname, '../..')

/**
 * The next version: this program with more migrations, as an expansion makes them (a column with a default, a table filled from the links, an index),
 * slow enough to be hit in the middle.
 */
const expansions: [string, string][] = [
  ['9001_column.sql', `alter table document add column rig_note text not null default ''; select pg_sleep(0.3);`],
  [
    '9002_table.sql',
    `create table rig_copy (tenant_id text, pair_id text, link_id bigint, primary key (tenant_id, pair_id, link_id));
     insert into rig_copy select tenant_id, pair_id, link_id from link; select pg_sleep(0.3);`,
  ],
  ['9003_index.sql', `create index rig_index on link (tenant_id, last_call_at); select pg_sleep(0.3);`],
]
/** What an expansion may not do: the old nodes that work beside it name what it takes away. */
const contraction: [string, string] = [
  '9004_contract.sql',
  `alter table document rename column external_id to rig_external;`,
]

const nextVersion = async (folder: string, migrations: [string, string][]): Promise<string> => {
  await mkdir(folder, { recursive: true })
  for (const part of ['server', 'protocol', 'sandbox', 'package.json'])
    await cp(join(root, part), join(folder, part), { recursive: true })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const [name, text] of migrations) await writeFile(join(folder, 'server/store/migrations', name), text)
  const script = join(folder, 'server/main.ts')
  // Loaded once and left in peace: what it compiled is kept (NODE_COMPILE_CACHE). A node that is killed keeps nothing, and the next compiles all again.
  const load = `await import(${JSON.stringify(pathToFileURL(script).href)})`
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', load])
  return script
}

export const upgradeRig: Rig = {
  name: 'upgrade',
  promise: '28',
  about:
    'kill -9 in the middle of migrations beside a working node of the old version: each migration whole or not at all, no call fails, nothing lost',
  run: async (long) => {
    const seed = seedOf()
    const random = generator(seed)
    const kills = long ? 50 : 4
    await using ground = await openGround()
    await using db = await freshDatabase()
    const witness = await ground.witness()
    const tenant = rigTenant({ witness, pairs: ['material'] })
    const config = configOf(tenant)
    const old = await ground.mortise({ config, databaseUrl: db.url })
    await old.start()
    await using watch = openWatch(() => db.url)
    await using pusher = openPusher(old.url, tenant, { clients: 6 })

    // ── the old node works all the time ──
    const newest = new Map<string, number>()
    const failed: unknown[] = []
    let pushed = 0
    let working = true
    const pushing = withClients(6, () =>
      working
        ? async () => {
            const id = `U-${pushed++}`
            const answer = await pusher.push({ object: 'BD_Material', id, master: { number: id, name: id, unit: '0' } })
            if (answer.acked) newest.set(id, 0)
            else failed.push(answer)
            await pause(40)
          }
        : null,
    )

    // ── the new one is killed while it migrates ──
    const program = await nextVersion(join(ground.folder, 'next'), expansions)
    const env = (script: string) => ({ script, config, databaseUrl: db.url })
    const next = await ground.mortise(env(program))
    const applied = async (): Promise<number[]> =>
      (await db.sql<{ number: number }>`select number from migration where number > 9000 order by number`).map(
        (row) => row.number,
      )
    let inside = 0
    for (let i = 0; i < kills; i++) {
      next.launch()
      await until(
        'it migrates',
        async () =>
          (
            await db.sql`select from pg_stat_activity where datname = current_database() and query like '%pg_sleep(0.3)%' and pid <> pg_backend_pid() and state = 'active'`
          ).length > 0,
        60_000,
        5,
      )
      await pause(random() * 250)
      await next.kill()
      // A killed node's statement may end, but nobody commits it.
      await until(
        'its transaction is gone',
        async () => (await db.sql`select from pg_locks where locktype = 'advisory' and objid = 7070001`).length === 0,
        20_000,
        20,
      )
      const numbers = await applied()
      if (numbers.length < expansions.length) inside++
      assert.deepEqual(numbers, expansions.map((_, n) => 9001 + n).slice(0, numbers.length), 'in order, without gaps')
      const [column] = await db.sql<{ there: boolean }>`
        select exists (select from pg_attribute where attrelid = 'document'::regclass and attname = 'rig_note') as there`
      assert.equal(column?.there, numbers.includes(9001), 'a migration is whole or not there')
      // Those that were done stay done: to be hit again, the last is taken back.
      if (numbers.includes(9003)) await db.sql.unsafe('drop index rig_index; delete from migration where number = 9003')
    }
    await next.start()
    assert.deepEqual(await applied(), [9001, 9002, 9003])
    // ── side by side, the old and the new one ──
    await pause(1_500)
    working = false
    await pushing
    await watch.rest()
    const expected = new Map(
      [...newest].map(([id]): [string, Expected] => [id, { fields: { product_code: id, unit: '0' } }]),
    )
    await mustBeClean(`upgrade, seed ${seed}`, await judge(witness.crm, 'ProductObj', expected, 'unit'))
    assert.deepEqual(failed, [], 'no call of a client failed while others migrated')
    assert.deepEqual(await watch.parked(), [])
    assert.ok(inside >= kills * 0.7, `only ${inside} of ${kills} kills hit a migration`)

    // ── the old program does not start on what the new one made ──
    assert.equal(await old.stop(), 0)
    old.launch()
    await until('it ended', () => /newer Mortise/.test(old.said()), 30_000)
    assert.match(old.said(), /This database was made by a newer Mortise: it has migration 9001_column\.sql/)

    // ── control: a contraction while nodes of the version before it are at work ──
    const [name, text] = contraction
    await writeFile(join(ground.folder, 'next/server/store/migrations', name), text)
    const later = await ground.mortise(env(program))
    await using pusher2 = openPusher(next.url, tenant)
    assert.ok((await pusher2.push({ object: 'BD_Material', id: 'before', master: { number: 'x', name: 'x' } })).acked)
    later.launch()
    await until('it is contracted', async () => (await applied()).includes(9004), 60_000, 50)
    const answer = await pusher2.push({ object: 'BD_Material', id: 'after', master: { number: 'x', name: 'x' } })
    assert.ok(!answer.acked, 'the control must break the nodes of the version before')
    await Promise.all([next, later].map((node: Program) => node.kill()))
    say(
      `upgrade: ${kills} kills, ${inside} inside a migration, ${pushed} pushes at the old node meanwhile, 0 failed, 0 lost; an older program is refused; control: a contraction breaks it (seed ${seed}; ${(await readdir(ground.folder)).length} files)`,
    )
  },
}
