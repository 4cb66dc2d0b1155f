/** The server around the rooms: readiness, problem answers, and a stop that fails no client. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { codes } from '../../protocol/codes.ts'
import { mayListen } from './address.ts'
import { readBody } from './body.ts'
import type { RecordDoor } from './record.ts'
import { httpServer, type HttpOptions } from './server.ts'

const freshServer = async (door: Partial<RecordDoor> = {}, options: Partial<HttpOptions> = {}) => {
  const logged: object[] = []
  const server = httpServer({
    id: randomUUID,
    ready: () => ({ ready: true }),
    log: { error: (details) => void logged.push(details), warn: (details) => void logged.push(details) },
    ...options,
  })
  server.record('/door', {
    visit: async ({ raw }) => {
      const body = await readBody(raw, undefined, undefined)
      return { status: 200, body: JSON.stringify({ kind: body.kind }) }
    },
    refuse: (why) => JSON.stringify({ errCode: why.code, http: codes[why.code].http }),
    ...door,
  })
  server.app.get('/api/v1/things/:id', async (request) => ({ id: (request.params as { id: string }).id }))
  server.app.post('/api/v1/things', async () => ({ made: true }))
  server.app.get('/api/v1/bug', async () => {
    throw new Error('secret words')
  })
  const base = await server.listen({ host: '127.0.0.1', port: 0 })
  return { server, base, logged, [Symbol.asyncDispose]: () => server.stop({ linger: 0, limit: 1_000 }) }
}

test('healthz says alive; readyz says whether traffic may come, and why not', async () => {
  let state: { ready: true } | { ready: false; waiting: string[] } = { ready: false, waiting: ['database'] }
  await using world = await freshServer({}, { ready: () => state })
  assert.equal((await fetch(`${world.base}/healthz`)).status, 200)
  const not = await fetch(`${world.base}/readyz`)
  assert.deepEqual([not.status, await not.json()], [503, { status: 'not ready', waiting: ['database'] }])
  state = { ready: true }
  assert.equal((await fetch(`${world.base}/readyz`)).status, 200)
})

test('what nobody asked for is a problem in the caller’s language, 405 where another method exists', async () => {
  await using world = await freshServer()
  const none = await fetch(`${world.base}/nothing`, { headers: { 'Accept-Language': 'ja,en;q=0.5' } })
  assert.equal(none.headers.get('content-type'), 'application/problem+json; charset=utf-8')
  const body = (await none.json()) as { title: string; status: number; traceId: string }
  assert.deepEqual([none.status, body.title, body.status], [404, '見つかりません', 404])
  assert.match(body.traceId, /^[0-9a-f]{32}$/)
  const wrong = await fetch(`${world.base}/api/v1/things/7`, { method: 'DELETE' })
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET, HEAD'])
  const door = await fetch(`${world.base}/door`)
  assert.deepEqual([door.status, await door.json()], [405, { errCode: 's306240006', http: 400 }])
})

test('bad JSON on an ordinary path is a 400 problem, a bug is a 500 without a word of it', async () => {
  await using world = await freshServer()
  const send = (body: string, type: string) =>
    fetch(`${world.base}/api/v1/things`, { method: 'POST', body, headers: { 'Content-Type': type } })
  assert.deepEqual(
    [
      (await send('{', 'application/json')).status,
      (await send('{}', 'application/json')).status,
      (await send('x', 'image/png')).status,
    ],
    [400, 200, 415],
  )
  assert.equal((await send(`"${'x'.repeat(6 * 1024 * 1024)}"`, 'application/json')).status, 413)
  assert.equal(world.logged.length, 0)
  const bug = await fetch(`${world.base}/api/v1/bug`)
  assert.equal(bug.status, 500)
  assert.doesNotMatch(await bug.text(), /secret|\.ts/)
  assert.equal(world.logged.length, 1)
})

test('ordinary answers carry the headers that keep a browser from guessing and framing', async () => {
  await using world = await freshServer()
  const { headers } = await fetch(`${world.base}/api/v1/things/1`)
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('x-frame-options'), 'DENY')
  assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/)
})

test('stopping: what is in flight is finished, a kept connection gets one more answer that says it ends, and then nobody is let in', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  let entered = () => {}
  const inside = new Promise<void>((resolve) => (entered = resolve))
  const world = await freshServer({
    visit: async ({ query }) => {
      if (query.hold === '1') {
        entered()
        await held
      }
      return { status: 200, body: '{}' }
    },
  })
  const port = Number(new URL(world.base).port)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const call = (path: string, through: Agent | false) =>
    new Promise<{ status?: number; connection?: string }>((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, method: 'POST', agent: through }, (response) => {
        response
          .resume()
          .on('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }))
      })
        .on('error', reject)
        .end('x')
    })
  assert.deepEqual(await call('/door', agent), { status: 200, connection: 'keep-alive' })
  const slow = call('/door?hold=1', false)
  await inside
  const stopped = world.server.stop({ linger: 5_000, limit: 10_000 })
  await Promise.resolve()
  assert.deepEqual(await call('/door', agent), { status: 200, connection: 'close' })
  await assert.rejects(call('/door', false), /ECONNREFUSED/)
  release()
  assert.deepEqual(await slow, { status: 200, connection: 'close' })
  await stopped
  agent.destroy()
})

test('stopping does not wait longer than its limit', async () => {
  let entered = () => {}
  const inside = new Promise<void>((resolve) => (entered = resolve))
  const world = await freshServer({
    visit: () => {
      entered()
      return new Promise(() => {})
    },
  })
  const lost = fetch(`${world.base}/door`, { method: 'POST', body: 'x' }).catch((error: Error) => error)
  await inside
  await world.server.stop({ linger: 0, limit: 100 })
  assert.ok((await lost) instanceof Error)
  assert.equal(world.logged.length, 1)
})

test('a port that is taken is refused with a sentence that says what to do, and so is an address that is not ours', async () => {
  const holder = createServer()
  await new Promise<void>((done) => holder.listen(0, '127.0.0.1', done))
  const { port } = holder.address() as AddressInfo
  await assert.rejects(mayListen({ host: '127.0.0.1', port }), (error: Error) => {
    assert.equal(error.name, 'AddressRefused')
    return /is taken.*MORTISE_PORT=\d+ npm start/.test(error.message)
  })
  await assert.rejects(mayListen({ host: '192.0.2.1', port: 0 }), /MORTISE_HOST is 192.0.2.1/)
  await new Promise((done) => holder.close(done))
  await mayListen({ host: '127.0.0.1', port })
})
