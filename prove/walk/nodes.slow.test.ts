/** Two whole nodes on one database against a target with OAuth2 and a daily quota: one token, exactly the quota, and no try burnt by waiting. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { start } from '../../server/main.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { until } from './world.ts'

const quota = 30
const records = 55
/** Calls that the target turns down as too fast; they count against the quota. */
const busy = 3

const openTarget = async () => {
  const state = { calls: 0, tokens: 0, made: new Set<string>() }
  const server = createServer((req, res) => {
    let body = ''
    req.on('data', (chunk: Buffer) => (body += chunk.toString()))
    req.on('end', () => {
      if (req.url === '/token') {
        state.tokens++
        return res.end(JSON.stringify({ access_token: `token-${state.tokens}`, expires_in: 3600 }))
      }
      state.calls++
      if (state.calls <= busy) return res.end('{"code":"BUSY","message":"too fast","data":null}')
      assert.equal(req.headers.authorization, 'Bearer token-1')
      const source = /"erpId":"([^"]+)"/.exec(body)?.[1] ?? ''
      assert.ok(!state.made.has(source), `${source} was created twice`)
      state.made.add(source)
      return res.end(JSON.stringify({ code: '0', data: { masterDataId: `T-${source}` } }))
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    [Symbol.dispose]: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const config = (url: string) => `
tenants:
  - id: two
    connections:
      - id: erp
        role: erp
        baseUrl: ${url}/erp/
        objects: [{ code: O, externalIdField: crmId, fields: { id: text, name: text, crmId: text } }]
      - id: crm
        role: crm
        baseUrl: ${url}/crm/
        auth: { oauth2: { tokenUrl: '${url}/token', clientId: c, clientSecret: a-client-secret } }
        throttleCodes: BUSY
        limits: { concurrency: 4, perDay: ${quota} }
        recognise: none
        objects: [{ code: P, externalIdField: erpId, fields: { id: text, name: text, erpId: text } }]
    pairs:
      - { id: one, left: erp/O, right: crm/P, flows: { leftToRight: { mapping: { fields: { name: name } } } } }
    tokens:
      - { name: push, value: a-token-for-two-nodes }
`

test('two nodes make exactly the calls of a day with one token; the others wait for midnight and burn nothing', async () => {
  await using db = await freshDatabase()
  using target = await openTarget()
  const data = await mkdtemp(join(tmpdir(), 'mortise-nodes-'))
  const file = join(data, 'two.yaml')
  await writeFile(file, config(target.url))
  process.env.MORTISE_ALLOW_LOOPBACK = 'on'
  process.env.MORTISE_SECRET_KEY = randomBytes(32).toString('base64')
  const settings = { port: 0, host: '127.0.0.1', data, databaseUrl: db.url, sandbox: false }
  const nodes = [
    await start({ ...settings, config: file }, () => {}),
    await start({ ...settings, config: null }, () => {}),
  ]
  const counts = async () => {
    const [row] = await db.sql<{ done: number; due: number; burnt: number }>`
      select count(*) filter (where state = 'idle')::int4 as done, count(*) filter (where state = 'due')::int4 as due,
        coalesce(sum(attempts), 0)::int4 as burnt
      from link`
    return row ?? { done: 0, due: 0, burnt: 0 }
  }
  try {
    await Promise.all(
      Array.from({ length: records }, async (_, i) => {
        const id = `R-${i}`
        const answer = await fetch(`${nodes[i % 2]?.url}/erp/syncdata/open/objdata/syncpush`, {
          method: 'POST',
          headers: { token: 'a-token-for-two-nodes', tenantId: 'two', id, objectApiName: 'O', version: 'v1' },
          body: JSON.stringify({ objAPIName: 'O', masterFieldVal: { id, name: `name of ${id}` } }),
        })
        assert.equal(answer.status, 200)
      }),
    )
    await until('the quota is used up', async () => target.state.calls >= quota, 60_000)
    await until('nobody is at work', async () => (await counts()).due === records - (quota - busy), 60_000)
    // Longer than the net under the wake-ups, so that whoever wanted to call would have.
    await new Promise((done) => setTimeout(done, 2_500))
    assert.deepEqual([target.state.calls, target.state.tokens], [quota, 1])
    assert.deepEqual(await counts(), { done: quota - busy, due: records - (quota - busy), burnt: 0 })

    // Midnight at the target, also for those that were told to wait for it: the nodes ask again by themselves.
    await db.sql`update allowance set ends_at = clock_timestamp() - interval '1 second'`
    await db.sql`update link set next_at = clock_timestamp() where state = 'due'`
    await until('the rest goes on the next day', async () => (await counts()).done === records, 60_000)
    assert.deepEqual([target.state.calls, target.state.tokens, target.state.made.size], [records + busy, 1, records])
  } finally {
    await Promise.all(nodes.map((node) => node.stop()))
    await rm(data, { recursive: true, force: true })
  }
  // What was leased and not called is given back on a graceful stop.
  const [row] = await db.sql<{ taken: number }>`select taken from allowance`
  assert.equal(row?.taken, records + busy - quota)
})
