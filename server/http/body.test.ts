/** Bodies at the doors: how much is held at once has an end, in number and in bytes, and what was held is given back however a body ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as ask } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type Body, bodyGate, readBody } from './body.ts'

const world = async (most: { bodies: number; bytes: number }) => {
  const gate = bodyGate(most)
  const server = createServer((request, response) => {
    void readBody(
      request,
      request.headers['content-encoding'],
      request.headers['content-length'],
      undefined,
      gate,
    ).then((body: Body) => response.end(body.kind === 'body' ? `body ${body.bytes.length}` : body.kind))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  /** A body that is sent piece by piece; `said` is the answer. */
  const begin = (headers: Record<string, string> = {}) => {
    const out = ask({ port, host: '127.0.0.1', method: 'POST', agent: false, headers })
    out.on('error', () => {})
    const said = new Promise<string>((resolve) =>
      out.on('response', (answer) => {
        let text = ''
        answer.on('data', (piece: Buffer) => (text += piece.toString()))
        answer.on('end', () => resolve(text))
      }),
    )
    return { out, said }
  }
  const until = async (held: { bodies: number; bytes: number }) => {
    for (const end = Date.now() + 5_000; JSON.stringify(gate.now()) !== JSON.stringify(held); ) {
      assert.ok(Date.now() < end, `${JSON.stringify(gate.now())} is held, not ${JSON.stringify(held)}`)
      await new Promise((done) => setTimeout(done, 5))
    }
  }
  return {
    begin,
    until,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

test('one body more than may be read at once is refused at once, and gets in when another has ended', async () => {
  await using doors = await world({ bodies: 2, bytes: 1_000_000 })
  const [one, two] = [doors.begin(), doors.begin()]
  one.out.write('a')
  two.out.write('b')
  await doors.until({ bodies: 2, bytes: 2 })
  const three = doors.begin()
  three.out.end('c')
  assert.equal(await three.said, 'busy')
  one.out.end('aa')
  assert.equal(await one.said, 'body 3')
  await doors.until({ bodies: 1, bytes: 1 })
  const four = doors.begin()
  four.out.end('dddd')
  assert.equal(await four.said, 'body 4')
  two.out.destroy()
  await doors.until({ bodies: 0, bytes: 0 })
})

test('bytes that would be too many for all together are refused, and those who wait keep what they have', async () => {
  await using doors = await world({ bodies: 100, bytes: 100_000 })
  const slow = doors.begin()
  slow.out.write('x'.repeat(60_000))
  await doors.until({ bodies: 1, bytes: 60_000 })
  const large = doors.begin()
  large.out.end('y'.repeat(60_000))
  assert.equal(await large.said, 'busy')
  await doors.until({ bodies: 1, bytes: 60_000 })
  const small = doors.begin()
  small.out.end('z'.repeat(30_000))
  assert.equal(await small.said, 'body 30000')
  slow.out.end()
  assert.equal(await slow.said, 'body 60000')
  await doors.until({ bodies: 0, bytes: 0 })
})

test('what is held is given back when a body is too large, cannot be inflated, or is inflated', async () => {
  await using doors = await world({ bodies: 1, bytes: 6 * 1024 * 1024 })
  const tooLarge = doors.begin()
  tooLarge.out.end(Buffer.alloc(5 * 1024 * 1024 + 1))
  assert.equal(await tooLarge.said, 'too large')
  const broken = doors.begin({ 'content-encoding': 'gzip' })
  broken.out.end('no gzip')
  assert.equal(await broken.said, 'not decodable')
  const zipped = doors.begin({ 'content-encoding': 'gzip' })
  zipped.out.end(gzipSync(Buffer.alloc(5_000)))
  assert.equal(await zipped.said, 'body 5000')
  await doors.until({ bodies: 0, bytes: 0 })
})
