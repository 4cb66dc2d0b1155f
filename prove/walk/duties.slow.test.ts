/** Nodes with fewer duties (`mortise serve --only`): one takes records in, another brings them out, and each does only its own. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { request } from 'undici'
import { run } from '../../server/cli/program.ts'
import { type Duty, duties } from '../../server/cli/settings.ts'
import { start } from '../../server/main.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from '../rigs/config.ts'
import { openGround } from '../rigs/ground.ts'
import { openPusher } from '../rigs/pusher.ts'
import { openWatch } from '../rigs/watch.ts'

test('a node that only receives stores and wakes, a node that only converges delivers, and its doors are shut', async () => {
  process.env.MORTISE_ALLOW_LOOPBACK = 'on'
  await using db = await freshDatabase()
  await using ground = await openGround()
  const witness = await ground.witness()
  const tenant = rigTenant({ witness, pairs: ['material'] })
  const config = join(ground.folder, 'config.yaml')
  await writeFile(config, JSON.stringify(configOf(tenant)))
  const node = (only: Duty[]) =>
    start(
      {
        port: 0,
        host: '127.0.0.1',
        data: join(ground.folder, 'data'),
        databaseUrl: db.url,
        sandbox: false,
        config,
        only,
      },
      () => {},
    )
  await using watch = openWatch(() => db.url)
  const door = await node(['receive', 'listen'])
  await using pusher = openPusher(door.url, tenant)
  const push = (id: string) => pusher.push({ object: 'BD_Material', id, master: { number: id, name: id } })
  for (let i = 0; i < 5; i++) assert.ok((await push(`D-${i}`)).acked)
  await new Promise((done) => setTimeout(done, 1_500))
  assert.deepEqual(await witness.crm.records('ProductObj'), [], 'nobody converges')
  assert.equal((await watch.look())?.due, 5)

  const mill = await node(['converge'])
  await watch.rest()
  assert.equal((await witness.crm.records('ProductObj')).length, 5)
  const shut = await request(`${mill.url}/erp/syncdata/open/objdata/syncpush`, { method: 'POST', body: '{}' })
  await shut.body.dump()
  assert.equal(shut.statusCode, 404)
  const began = performance.now()
  assert.ok((await push('D-5')).acked)
  await watch.rest()
  assert.equal((await witness.crm.records('ProductObj')).length, 6)
  assert.ok(
    performance.now() - began < 3_000,
    'word went from the one to the other; a look at rest would have taken four seconds',
  )
  await mill.stop()
  await door.stop()
})

test('the command passes the duties on, and refuses one that there is none of', async () => {
  const asked: unknown[] = []
  const said: string[] = []
  const outside = {
    env: {},
    cwd: '/',
    out: () => {},
    err: (text: string) => void said.push(text),
    width: 0,
    serve: async (only?: readonly Duty[]) => void asked.push(only),
  }
  assert.equal(await run(['serve'], outside), 0)
  assert.equal(await run(['serve', '--only', 'receive,converge'], outside), 0)
  assert.equal(await run(['serve', '--only', 'receive,cook'], outside), 2)
  assert.deepEqual(asked, [undefined, ['receive', 'converge']])
  assert.match(said.join(''), /no duty cook; choose among receive, listen, poll, batch, converge, deliver, upkeep/)
  assert.equal(duties.length, 7)
})
