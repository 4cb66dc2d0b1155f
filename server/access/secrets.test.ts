/** Envelopes open for their key and their place only. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { open, SecretRefused, seal } from './secrets.ts'

const key = randomBytes(32)

test('a secret comes back exactly, and two envelopes of one secret have no bytes in common that tell it', () => {
  const one = seal(key, 'connection/acme/erp', '密码 𠮷 "quoted"')
  const two = seal(key, 'connection/acme/erp', '密码 𠮷 "quoted"')
  assert.equal(open(key, 'connection/acme/erp', one), '密码 𠮷 "quoted"')
  assert.notDeepEqual(one, two)
  assert.ok(!one.includes(Buffer.from('密码')))
})

test('an envelope copied to another row does not open there', () => {
  const envelope = seal(key, 'connection/acme/erp', 'secret')
  assert.throws(() => open(key, 'connection/other/erp', envelope), SecretRefused)
})

test('another key is named as the reason', () => {
  const envelope = seal(key, 'p', 'secret')
  assert.throws(() => open(randomBytes(32), 'p', envelope), /another key/)
})

test('every single changed byte is noticed', () => {
  const envelope = seal(key, 'p', 'secret')
  for (let at = 0; at < envelope.length; at++) {
    const changed = Buffer.from(envelope)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.throws(() => open(key, 'p', changed), SecretRefused, `byte ${at}`)
  }
})
