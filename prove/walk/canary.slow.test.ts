/** Promise 27 in the log: secrets are planted everywhere the program can meet them, everything goes wrong that can, and the log has none. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { request } from 'undici'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from '../rigs/config.ts'
import { openGround, until } from '../rigs/ground.ts'
import { openPusher } from '../rigs/pusher.ts'
import { openWatch } from '../rigs/watch.ts'

const planted = (name: string): string => `canary-${name}-5b1e77d0c2`

test('27: no secret and no content of a record in the log, at its most talkative, whatever fails', async () => {
  await using db = await freshDatabase()
  await using ground = await openGround()
  const witness = await ground.witness()
  const tenant = rigTenant({
    witness,
    pairs: ['customer', 'material'],
    crm: { headers: { token: witness.tokens.crmToken, 'X-Api-Key': planted('header') } },
    edit: (file) => {
      file.tokens = [{ name: 'push', value: planted('push') }]
      file.hooks = [{ connection: 'crm', secret: planted('hook') }]
    },
  })
  tenant.pushToken = planted('push')
  const mortise = await ground.mortise({
    config: configOf(tenant),
    databaseUrl: db.url,
    env: { MORTISE_LOG: 'trace', MORTISE_METRICS_TOKEN: planted('metrics') },
  })
  await mortise.start()
  await using pusher = openPusher(mortise.url, tenant)
  await using watch = openWatch(() => db.url)
  const push = (id: string, master: Record<string, string>) => pusher.push({ object: 'BD_Material', id, master })

  // The target repeats what it was sent, refuses, cuts, and answers nonsense.
  await witness.crm.faults([
    {
      kind: 'refuse',
      call: 'create',
      nth: 1,
      code: '400101',
      message: `bad key ${planted('header')}, token ${witness.tokens.crmToken}`,
    },
    { kind: 'cutAfter', call: 'create', nth: 2 },
    { kind: 'wrongShape', call: 'create', nth: 3 },
  ])
  for (let i = 0; i < 6; i++) assert.ok((await push(`C-${i}`, { number: `C-${i}`, name: planted('content') })).acked)
  // A select without a mapping for its value parks with that value in its fault.
  assert.ok(
    (
      await pusher.push({
        object: 'BD_Customer',
        id: 'C-9',
        master: { number: 'C-9', name: 'x', grade: planted('option') },
      })
    ).acked,
  )
  // Doors: foreign tokens, wrong addresses, bodies that are none.
  const post = async (path: string, headers: Record<string, string>, body: string) => {
    const answer = await request(mortise.url + path, { method: 'POST', headers, body })
    await answer.body.dump()
    return answer.statusCode
  }
  await post('/erp/syncdata/open/objdata/syncpush', { token: planted('foreign'), tenantId: 'sandbox' }, planted('body'))
  await post(`/hooks/crm/${planted('guess')}`, {}, planted('body'))
  assert.equal(await post(`/hooks/crm/${planted('hook')}`, {}, `{"x":"${planted('body')}"`), 400)
  await post(
    `/nothing/here?token=${planted('query')}`,
    { authorization: `Bearer ${planted('bearer')}` },
    planted('body'),
  )
  await (
    await request(`${mortise.url}/metrics`, { headers: { authorization: `Bearer ${planted('metrics')}` } })
  ).body.dump()
  await until('what can be settled is settled', async () => {
    const sight = await watch.look()
    return sight !== null && sight.due + sight.working + sight.unknown === 0 && sight.parked >= 1
  })
  // And the database goes away under it all: its errors carry statements and parameters.
  await db.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name like 'mortise%'`
  await push('C-10', { number: 'C-10', name: planted('content') })
  const parked = await db.sql<{ trace_id: string }>`
    select a.trace_id from link l join arrival a on a.tenant_id = l.tenant_id and a.data_id = l.left_id where l.state = 'parked'`
  assert.equal(await mortise.stop(), 0)

  const names = (await readdir(ground.folder)).filter((name) => /^program-.*\.log$/.test(name))
  const text = (await Promise.all(names.map((name) => readFile(join(ground.folder, name), 'utf8')))).join('')
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.ok(lines.length >= 8, text)
  assert.deepEqual(
    text.split('\n').filter((line) => /canary-/.test(line)),
    [],
  )
  for (const secret of [witness.tokens.crmToken, witness.tokens.erpToken, new URL(db.url).password])
    assert.ok(!secret || !text.includes(secret), 'a token or the password of the database')
  // What went wrong is told, with the trace by which it is found.
  assert.ok(parked.length >= 1)
  for (const { trace_id } of parked)
    assert.ok(
      lines.some((line) => line.level === 'warn' && line.trace === trace_id && line.state === 'parked'),
      `${trace_id}\n${text}`,
    )
  assert.ok(lines.every((line) => line.node && line.time && line.msg))
})
