/** The door for pushes in no standard form: any body, byte for byte; headers without secrets; what is refused before anything is read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshDoor } from './door.fixture.ts'
import { toldHeaders } from './nonstandard.ts'

const nonStandard = { id: undefined, objectApiName: 'FREIGHT' }

test('any body with any content type is kept byte for byte, with what its headers say', async () => {
  await using door = await freshDoor()
  const bodies: [Buffer, string | undefined][] = [
    [Buffer.from('<a/>'), 'application/xml; charset=GBK'],
    [Buffer.from([0xff, 0x00, 0xfe, 0x0a]), 'application/octet-stream'],
    [Buffer.from('a=1&b=%C4%E3'), 'application/x-www-form-urlencoded'],
    [Buffer.from('{"not": json'), 'application/json'],
    [Buffer.alloc(0), undefined],
  ]
  for (const [body, type] of bodies) {
    const reply = await door.push(body, { ...nonStandard, 'Content-Type': type })
    assert.deepEqual([reply.status, reply.json.errCode], [200, 's106240000'])
  }
  assert.deepEqual(
    door.raws.map((row) => [row.raw.toString('hex'), (JSON.parse(row.meta) as { contentType: string }).contentType]),
    bodies.map(([body, type]) => [body.toString('hex'), type ?? '']),
  )
  assert.equal(door.rows.length, 0)
})

test('operationType 3 makes void the default; the object may be named percent-encoded; a body over 5 MB is refused', async () => {
  await using door = await freshDoor()
  await door.push('x', { ...nonStandard, operationType: '3' })
  await door.push('x', { ...nonStandard, objectApiName: '%46REIGHT' })
  assert.deepEqual(
    door.raws.map((row) => [row.object, row.operation]),
    [
      ['FREIGHT', 'void'],
      ['FREIGHT', 'upsert'],
    ],
  )
  const large = await door.push(Buffer.alloc(5 * 1024 * 1024 + 1), nonStandard)
  assert.deepEqual([large.status, large.json.errCode], [413, 's306240007'])
  assert.equal(door.raws.length, 2)
})

test('a function is told the headers, but no secret', () => {
  assert.deepEqual(
    toldHeaders([
      'Token',
      't',
      'tenantId',
      'x',
      'X-Api-Key',
      'k',
      'Authorization',
      'Basic',
      'X-Sign',
      's',
      'Cookie',
      'c',
      'X-Biz',
      'ä'
        .split('')
        .map((c) => Buffer.from(c).toString('latin1'))
        .join(''),
    ]),
    { tenantid: 'x', 'x-biz': 'ä' },
  )
})

test('directSync waits for the decoding: failed, late and done are told as for standard pushes', async () => {
  const ends = [{ done: true as const }, { failed: { flow: 'FREIGHT', reason: 'why' } }, 'pending' as const]
  await using door = await freshDoor({ waitDecoded: async () => ends.shift() ?? 'pending', directSyncWait: 50 })
  const codes = []
  for (let i = 0; i < 3; i++) codes.push((await door.push('x', { ...nonStandard, directSync: 'true' })).json.errCode)
  assert.deepEqual(codes, ['s106240000', 's306240201', 's306240202'])
})

test('what cannot be stored is answered 503, and a used key with another body 409', async () => {
  await using broken = await freshDoor({ keep: () => Promise.reject(new Error('gone')) })
  assert.equal((await broken.push('x', nonStandard)).json.errCode, 's306240503')
  await using door = await freshDoor({
    keep: async () => ({ kind: 'repeated', requestHash: Buffer.alloc(32), answer: '{"errCode":"first"}' }),
  })
  assert.equal((await door.push('x', { ...nonStandard, 'Idempotency-Key': 'k' })).json.errCode, 's306240011')
})
