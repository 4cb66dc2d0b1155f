/** The sandbox's master-data system, over HTTP: its answers, its callbacks, its limits, and what it does wrong. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { freshSandbox, until } from './world.ts'

const listener = async () => {
  const heard: {
    headers: Record<string, unknown>
    body: { bizId: string; access_token: string; resCode: number; data?: object }
  }[] = []
  const server = createServer((request, response) => {
    let text = ''
    request
      .on('data', (part) => (text += part))
      .on('end', () => {
        heard.push({ headers: request.headers, body: JSON.parse(text) })
        response.writeHead(200).end()
      })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    heard,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => void server.close(() => done()).closeAllConnections()),
  }
}

test('the master-data system answers, calls back, counts, and misbehaves as it is told', async () => {
  await using box = await freshSandbox()
  await using there = await listener()
  const ask = async (path: string, method = 'GET', body?: unknown) => {
    const answer = await fetch(`${box.url}/sandbox/masterdata/${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return {
      status: answer.status,
      headers: answer.headers,
      body: (await answer.json()) as Record<string, never> & { data: never },
    }
  }
  const client = { client_id: 'mortise', client_secret: 'secret-of-mortise-at-the-sandbox' }
  assert.equal((await ask('common/unAuth/tokens/generate', 'POST', { ...client, client_id: 'x' })).status, 401)
  const { access_token: token } = (await ask('common/unAuth/tokens/generate', 'POST', client)).body.data as {
    access_token: string
  }
  const send = (bizId: string, data: object[], more: object = {}) =>
    ask(`common/positions/batch?access_token=${token}`, 'POST', { bizId, timestamp: 1586825055000, data, ...more })
  assert.equal((await ask('common/positions/batch?access_token=x', 'POST', {})).status, 401)

  const rows = [
    { code: 'a', position_name: 'A' },
    { code: 'b', position_name: '' },
  ]
  const first = await send('one', rows)
  assert.deepEqual((first.body.data as { validatorErrors: object }).validatorErrors, { 2: ['position_name不能为空'] })
  assert.equal(first.headers.get('ratelimit-remaining'), '49')
  assert.deepEqual((await send('one', rows)).body, first.body, 'a replay is free and hears the same')
  assert.equal((await send('one', [{ code: 'c' }])).status, 409)

  await ask('settings', 'PUT', { atOnce: 0, workMs: 10, perHour: 4 })
  await ask('faults', 'PUT', [
    { kind: 'forged', nth: 1 },
    { kind: 'cutAfter', nth: 2 },
    { kind: 'failed', nth: 3 },
  ])
  assert.equal((await send('two', [{ code: 'c', name: 'C' }], { url: there.url })).body.data, undefined)
  await until('both callbacks came, the forged one first', () => there.heard.length === 2)
  const token1 = createHash('md5').update('twosalt-of-mortise-at-the-sandbox').digest('hex')
  assert.deepEqual(
    there.heard.map(({ body }) => body.access_token === token1),
    [false, true],
  )
  await assert.rejects(send('three', [{ code: 'd', name: 'D' }]), 'the answer is lost')
  await until('it has its effect all the same', async () =>
    ((await ask('records/positions')).body as unknown as { records: { code: string }[] }).records.some(
      (one) => one.code === 'd',
    ),
  )
  await send('four', [{ code: 'e', name: 'E' }], { url: there.url })
  await until('the failure form came', () => there.heard.length === 3)
  assert.deepEqual(Object.keys(there.heard[2]?.body ?? {}), ['resCode', 'resMsg', 'bizId', 'access_token'])
  assert.equal((await send('five', [{ code: 'f' }])).status, 429)
  const settings = (await ask('settings')).body as unknown as { over: number }
  assert.equal(settings.over, 1)
  const { calls } = (await ask('ledger')).body as unknown as {
    calls: { call: string; effect: boolean; fault?: string }[]
  }
  assert.deepEqual(
    calls.filter((one) => one.call === 'batch').map((one) => [one.effect, one.fault]),
    [
      [true, undefined],
      [false, undefined],
      [false, undefined],
      [true, undefined],
      [true, 'cutAfter'],
      [true, 'failed'],
      [false, undefined],
    ],
  )
  assert.equal((await ask('faults', 'PUT', [{ kind: 'nothing' }])).status, 400)
  assert.equal((await ask('settings', 'PUT', { nothing: 1 })).status, 400)
})
