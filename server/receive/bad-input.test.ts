/** Hostile bodies, headers and HTTP against the guide's door: the status and code of contracts.md, never a 5xx, no row, and the server stays up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { jsonCorpus } from '../../protocol/fixtures/json-corpus.ts'
import { naughtyStrings } from '../../protocol/fixtures/naughty-strings.ts'
import { freshDoor, token } from './door.fixture.ts'
import { syncpushPath } from './syncpush.ts'

const wrap = (value: string | Buffer) =>
  Buffer.concat([
    Buffer.from('{"objAPIName":"BD_Customer","masterFieldVal":{"v":'),
    Buffer.from(value),
    Buffer.from('}}'),
  ])
const isControl = (c: string) => c < ' ' || c === '\u007f'
const push = (value: unknown) => JSON.stringify({ objAPIName: 'BD_Customer', masterFieldVal: { value } })

test('every document of the corpus gets its status and code, alone and as a field’s value', async () => {
  await using door = await freshDoor()
  let stored = 0
  for (const { expect, name, text } of jsonCorpus) {
    const whole = await door.push(Buffer.from(text))
    // Readable JSON that is no standard body is 002.
    const wanted = { y: 's306240002', r: 's306240002', n: 's306240001', s: 's306240001', d: 's306240007' }[expect]
    assert.equal(whole.json.errCode, wanted, name)
    assert.equal(whole.status, expect === 'd' ? 413 : 400, name)
    const bom =
      name === 'structure_bom' || name === 'structure_depth_64' || name.startsWith('structure_lonely') || expect === 'n'
    if (bom) continue
    const inside = await door.push(wrap(text))
    assert.equal(inside.json.errCode, expect === 'y' ? 's106240000' : wanted, `${name} inside`)
    if (expect === 'y') stored++
  }
  assert.equal(door.rows.length, stored)
  assert.ok(stored > 60)
  assert.equal((await door.push()).status, 200)
})

test('naughty strings come through as field values, keys and ids, byte for byte', async () => {
  await using door = await freshDoor()
  for (const text of naughtyStrings) {
    const body = push({ v: text, [`k${text}`]: text })
    assert.equal((await door.push(body)).json.errCode, 's106240000', text)
    assert.equal(door.rows.at(-1)?.raw.toString(), body)
  }
  const rows = door.rows.length
  let ids = 0
  for (const text of naughtyStrings) {
    // What HTTP itself forbids in a header is tested on a bare socket below.
    if (
      [...text].some((c) => c !== '\t' && isControl(c)) ||
      text.trim() !== text ||
      Buffer.from(text).toString('latin1').trim().length !== Buffer.byteLength(text)
    )
      continue
    const reply = await door.push(undefined, { id: text })
    const fits = text !== '' && [...text].length <= 128
    assert.equal(reply.json.errCode, fits ? 's106240000' : 's306240003', text)
    if (fits) assert.equal(door.rows.at(-1)?.data_id, text)
    if (fits) ids++
    const named = await door.push(undefined, { objectApiName: text })
    assert.ok([400, 404].includes(named.status), text)
  }
  assert.equal(door.rows.length, rows + ids)
})

test('anything at all as a body is 200, 400 or 413, and stored exactly when it is 200', async () => {
  await using door = await freshDoor()
  const shape = fc.record(
    {
      objAPIName: fc.oneof(fc.constant('BD_Customer'), fc.jsonValue()),
      masterFieldVal: fc.oneof(fc.constant({}), fc.jsonValue()),
      detailFieldVals: fc.oneof(fc.constant({ contacts: [{}] }), fc.jsonValue()),
    },
    { requiredKeys: [] },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        shape.map((s) => Buffer.from(JSON.stringify(s))),
        fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b)),
      ),
      async (body) => {
        const before = door.rows.length
        const { status } = await door.push(body)
        assert.ok(status === 200 || status === 400 || status === 404 || status === 413, String(status))
        assert.equal(door.rows.length - before, status === 200 ? 1 : 0)
      },
    ),
    { numRuns: 300 },
  )
})

test('anything at all as a header is answered below 500', async () => {
  await using door = await freshDoor()
  const value = fc
    .oneof(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.constantFrom(...naughtyStrings))
    .map((s) => [...s].filter((c) => !isControl(c)).join(''))
  const header = fc.constantFrom(
    'token',
    'tenantId',
    'id',
    'objectApiName',
    'dataCenterId',
    'operationType',
    'version',
    'directSync',
    'locale',
    'Idempotency-Key',
    'X-Request-Id',
    'Content-Type',
    'Content-Encoding',
    'Accept-Language',
    'Authorization',
    'Expect',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(header, value), { minLength: 1, maxLength: 4 }), async (pairs) => {
      const before = door.rows.length
      const reply = await door.pushRaw([
        'token',
        token,
        'tenantId',
        'sandbox',
        'objectApiName',
        'BD_Customer',
        'id',
        '1',
        ...pairs.flat(),
      ])
      assert.ok(reply.status < 500, `${reply.status} ${JSON.stringify(pairs)}`)
      assert.match(reply.json.errCode, /^s\d{9}$/)
      assert.equal(door.rows.length - before, reply.status === 200 ? 1 : 0)
    }),
    { numRuns: 300 },
  )
})

test('4 MB pass, 5 MB and one byte do not (007)', async () => {
  await using door = await freshDoor()
  assert.equal((await door.push(push('x'.repeat(4 * 1024 * 1024)))).status, 200)
  const limit = 5 * 1024 * 1024
  const rest = push('').length
  assert.equal((await door.push(push('x'.repeat(limit - rest)))).status, 200)
  const over = await door.push(push('x'.repeat(limit - rest + 1)))
  assert.deepEqual([over.status, over.json.errCode], [413, 's306240007'])
  assert.equal(door.rows.length, 2)
})

test('a declared length over the limit is refused before the body is read, and an undeclared one while it comes', async () => {
  await using door = await freshDoor()
  const head = `POST ${syncpushPath} HTTP/1.1\r\ntoken: ${token}\r\ntenantId: sandbox\r\nid: 1\r\nobjectApiName: BD_Customer\r\n`
  assert.match(await door.socket(`${head}Content-Length: 999999999\r\n\r\n{`), /^HTTP\/1\.1 413 .*s306240007/s)
  const chunk = `${(1 << 20).toString(16)}\r\n${'x'.repeat(1 << 20)}\r\n`
  assert.match(
    await door.socket(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(6)}`),
    /^HTTP\/1\.1 413 .*s306240007/s,
  )
  assert.equal(door.rows.length, 0)
})

test('gzip, deflate, raw deflate and brotli are inflated, and what is stored is the inflated body', async () => {
  await using door = await freshDoor()
  const body = Buffer.from(push('好'.repeat(1000)))
  for (const [encoding, bytes] of [
    ['gzip', gzipSync(body)],
    ['x-gzip', gzipSync(body)],
    ['GZIP', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['deflate', deflateRawSync(body)],
    ['br', brotliCompressSync(body)],
    ['identity', body],
    ['', body],
  ] as const) {
    assert.equal((await door.push(bytes, { 'Content-Encoding': encoding })).status, 200, encoding)
    assert.deepEqual(door.rows.at(-1)?.raw, body)
  }
})

test('bombs are 007, broken and unknown encodings are 001', async () => {
  await using door = await freshDoor()
  const zeros = Buffer.alloc(21 * 1024 * 1024, 0x20)
  const bombs = [
    ['gzip', gzipSync(zeros)],
    ['deflate', deflateSync(zeros)],
    ['br', brotliCompressSync(zeros, { params: { 0: 1 } })],
  ] as const
  for (const [encoding, bytes] of bombs) {
    const replies = await Promise.all(
      Array.from({ length: 4 }, () => door.push(bytes, { 'Content-Encoding': encoding })),
    )
    for (const reply of replies) assert.deepEqual([reply.status, reply.json.errCode], [413, 's306240007'], encoding)
  }
  const good = gzipSync(push(1))
  for (const [encoding, bytes] of [
    ['gzip', good.subarray(0, -9)],
    ['gzip', Buffer.from('plain')],
    ['gzip', Buffer.alloc(0)],
    ['br', good],
    ['deflate', good],
    ['zstd', good],
    ['gzip, gzip', good],
    ['nonsense', good],
    ['gzip', Buffer.concat([good.subarray(0, 12), Buffer.from('xx'), good.subarray(14)])],
  ] as const) {
    const reply = await door.push(bytes, { 'Content-Encoding': encoding })
    assert.deepEqual([reply.status, reply.json.errCode], [400, 's306240001'], encoding)
  }
  assert.equal(
    (await door.push(gzipSync(gzipSync(push(1))), { 'Content-Encoding': 'gzip' })).json.errCode,
    's306240001',
  )
  assert.equal(door.rows.length, 0)
})

test('a sender that goes away in the middle stores nothing', async () => {
  await using door = await freshDoor()
  const head = `POST ${syncpushPath} HTTP/1.1\r\ntoken: ${token}\r\ntenantId: sandbox\r\nid: 1\r\nobjectApiName: BD_Customer\r\nContent-Length: 60\r\n\r\n`
  await door.socket(`${head}{"objAPIName":"BD_Customer","masterFieldVal":{}}`, 30)
  assert.equal((await door.push()).status, 200)
  assert.equal(door.rows.length, 1)
})

test('malformed HTTP is answered in the guide’s shape with a 4xx, and the server goes on', async () => {
  await using door = await freshDoor()
  const line = `POST ${syncpushPath} HTTP/1.1\r\n`
  const requests: [string, RegExp][] = [
    ['GARBAGE\r\n\r\n', /^HTTP\/1\.1 400 .*"errCode":"s306240003"/s],
    [`${line}id: a\u0000b\r\n\r\n`, /^HTTP\/1\.1 400 .*s306240003/s],
    [`${line}bad header\r\n\r\n`, /^HTTP\/1\.1 400 .*s306240003/s],
    [`${line}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, /^HTTP\/1\.1 400 .*s306240003/s],
    [`${line}Content-Length: -1\r\n\r\n`, /^HTTP\/1\.1 400 .*s306240003/s],
    [`${line}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, /^HTTP\/1\.1 400 .*s306240003/s],
    [`${line}Transfer-Encoding: gzip\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`${line}x: ${'y'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 .*s306240003/s],
    [`POST /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 431 /],
    [`${line}\r\n`, /^HTTP\/1\.1 400 .*s306240003.*token/s],
    [`${line}Expect: nonsense\r\nContent-Length: 0\r\n\r\n`, /^HTTP\/1\.1 400 .*s306240003.*token/s],
    [`POST ${syncpushPath} HTTP/1.0\r\n\r\n`, /^HTTP\/1\.1 400 .*token/s],
    [`POST ${syncpushPath} HTTP/9.9\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`GET ${syncpushPath} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 405 .*[Aa]llow: POST.*"errCode":"s306240006"/s],
    [`PUT ${syncpushPath} HTTP/1.1\r\nContent-Length: 2\r\nContent-Type: x\r\n\r\n{}`, /^HTTP\/1\.1 405 /],
    ['POST /erp/%zz HTTP/1.1\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['POST /erp/other HTTP/1.1\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 404 /],
  ]
  const answers = await Promise.all(requests.map(([bytes]) => door.socket(Buffer.from(bytes, 'latin1'))))
  for (const [i, [bytes, wanted]] of requests.entries()) {
    assert.match(answers[i] ?? '', wanted, JSON.stringify(bytes.slice(0, 90)))
    assert.doesNotMatch(answers[i] ?? '', /node_modules|at .*\.ts:/)
  }
  assert.equal((await door.push()).status, 200)
  assert.equal(door.rows.length, 1)
})

test('a request that comes too slowly is ended', async () => {
  await using door = await freshDoor({}, { timeouts: { headers: 80, request: 120, check: 20 } })
  const head = `POST ${syncpushPath} HTTP/1.1\r\ntoken: ${token}\r\ntenantId: sandbox\r\nid: 1\r\nobjectApiName: BD_Customer\r\n`
  const [headers, body] = await Promise.all([
    door.socket(head, 2_000),
    door.socket(`${head}Content-Length: 50\r\n\r\n{`, 2_000),
  ])
  assert.match(headers, /^HTTP\/1\.1 408 /)
  assert.ok(body === '' || /^HTTP\/1\.1 (408|400) /.test(body), body)
  assert.equal(door.rows.length, 0)
  assert.equal((await door.push()).status, 200)
})

test('bodies of requests that run at the same time are never mixed up', async () => {
  await using door = await freshDoor()
  const bodies = Array.from({ length: 60 }, (_, i) => push(`${i}-`.repeat(20 * (1 + (i % 30)))))
  await Promise.all(bodies.map((body, i) => door.push(body, { id: String(i) })))
  assert.equal(door.rows.length, 60)
  for (const row of door.rows) assert.equal(row.raw.toString(), bodies[Number(row.data_id)])
})
