/** Signed webhooks: senders' own ways of signing, two keys while one is changed, and everything that is refused. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { type Verify, verified } from './verify.ts'

const body = Buffer.from('{"a":"汉"}')
const now = 1_714_950_489_123
const base: Verify = {
  algorithm: 'sha256',
  header: 'X-Signature',
  prefix: '',
  encoding: 'hex',
  sign: ['body'],
  key: 'text',
  secrets: [{ value: 'key-of-2026', until: null }],
}
const hmac = (key: string | Buffer, ...parts: (string | Buffer)[]) => {
  const made = createHmac('sha256', key)
  for (const part of parts) made.update(part)
  return made
}
const hex = (key: string) => hmac(key, body).digest('hex')

test('a signature over the body is believed, in either case of hex, and nothing else is', () => {
  assert.ok(verified(base, ['x-signature', hex('key-of-2026')], body, now))
  assert.ok(verified(base, ['X-SIGNATURE', hex('key-of-2026').toUpperCase()], body, now))
  assert.ok(!verified(base, ['x-signature', hex('key-of-2025')], body, now))
  assert.ok(!verified(base, ['x-signature', hex('key-of-2026')], Buffer.from('{"a":"b"}'), now))
  assert.ok(!verified(base, ['x-signature', ''], body, now))
  assert.ok(!verified(base, ['x-signature', hex('key-of-2026').slice(0, 32)], body, now), 'half a signature is none')
  assert.ok(!verified(base, [], body, now))
  const twice = ['x-signature', hex('key-of-2026'), 'x-signature', hex('key-of-2026')]
  assert.ok(!verified(base, twice, body, now), 'a header that stands twice is nobody’s')
})

test('two keys are valid while one is changed, the former until its end', () => {
  const rotating: Verify = {
    ...base,
    secrets: [
      { value: 'key-of-2026', until: null },
      { value: 'key-of-2025', until: now + 1 },
    ],
  }
  for (const key of ['key-of-2026', 'key-of-2025'])
    assert.ok(verified(rotating, ['x-signature', hex(key)], body, now), key)
  assert.ok(!verified(rotating, ['x-signature', hex('key-of-2025')], body, now + 1))
  assert.ok(verified(rotating, ['x-signature', hex('key-of-2026')], body, now + 1))
})

test('GitHub’s way: sha256= before it', () => {
  const github: Verify = { ...base, header: 'X-Hub-Signature-256', prefix: 'sha256=' }
  assert.ok(verified(github, ['x-hub-signature-256', `sha256=${hex('key-of-2026')}`], body, now))
  assert.ok(!verified(github, ['x-hub-signature-256', hex('key-of-2026')], body, now))
})

test('Standard Webhooks’ way: id.timestamp.body, several signatures, a base64 key, a tolerance', () => {
  const key = Buffer.from('0123456789abcdef0123456789abcdef')
  const standard: Verify = {
    ...base,
    header: 'webhook-signature',
    prefix: 'v1,',
    encoding: 'base64',
    key: 'base64',
    sign: [{ header: 'webhook-id' }, { text: '.' }, { header: 'webhook-timestamp' }, { text: '.' }, 'body'],
    timestamp: { header: 'webhook-timestamp', tolerance: 300_000 },
    secrets: [{ value: `whsec_${key.toString('base64')}`, until: null }],
  }
  const at = Math.floor(now / 1000)
  const signature = hmac(key, `msg_1.${at}.`, body).digest('base64')
  const call = (more: string[] = []) => [
    'webhook-id',
    'msg_1',
    'webhook-timestamp',
    String(at),
    'webhook-signature',
    `v1,AAAA v1,${signature}`,
    ...more,
  ]
  assert.ok(verified(standard, call(), body, now))
  assert.ok(verified(standard, call(), body, now + 299_000))
  assert.ok(!verified(standard, call(), body, now + 301_000), 'too old')
  assert.ok(!verified(standard, call(), body, now - 301_000), 'from the future')
  const moved = call().map((one) => (one === String(at) ? String(at + 60) : one))
  assert.ok(!verified(standard, moved, body, now), 'the time is signed')
})
