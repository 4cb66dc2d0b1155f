/** No credential is shown, and everything else is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mask } from './mask.ts'

test('values behind telling names are hidden, in JSON, XML, forms and headers, also where the text is cut off', () => {
  for (const text of [
    '{"token":"canary-1","name":"Li"}',
    '{"a":{"clientSecret" : "canary\\"1"},"name":"Li"}',
    '{"erpToken":"canary-1","x_app_secret":"canary-2","name":"Li"}',
    '{"access_token":canary1,"name":"Li"}',
    '{"name":"Li","password":"canary-1',
    '{"name":"Li","密码":"canary-1"}',
    '<r><name>Li</name><password kind="x">canary-1</password></r>',
    'name=Li&token=canary-1&x=1',
    '{"name":"Li","said":"Authorization: Bearer canary-1abc"}',
  ]) {
    const shown = mask(text)
    assert.ok(!shown.includes('canary'), `${text} → ${shown}`)
    assert.ok(shown.includes('Li'), shown)
  }
})

test('what is no credential stays, byte for byte', () => {
  for (const text of [
    '{"masterFieldVal":{"name":"token ring","amount":12345678901234567890.12,"design":"A","remark":"sign here"}}',
    '{"signed_at":"2026-01-01","tokens":3}',
  ])
    assert.equal(mask(text), text)
})
