/** Codes against the tables of RFC 4226 and RFC 6238, and what of them counts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeAt, fromBase32, makeTotpSecret, stepOf, stepOfCode, toBase32, totpUri } from './totp.ts'

const secret = toBase32(Buffer.from('12345678901234567890'))

test('base32 is that of RFC 4648, there and back', () => {
  for (const [text, coded] of [
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ] as const) {
    assert.equal(toBase32(Buffer.from(text)), coded)
    assert.equal(fromBase32(coded).toString(), text)
  }
  const made = makeTotpSecret()
  assert.match(made, /^[A-Z2-7]{32}$/)
  assert.equal(toBase32(fromBase32(made)), made)
})

test('the codes are those of RFC 4226 (appendix D) and RFC 6238 (appendix B, the last six digits)', () => {
  const counted = ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489']
  assert.deepEqual(
    counted.map((_, step) => codeAt(secret, step)),
    counted,
  )
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ] as const)
    assert.equal(codeAt(secret, stepOf(seconds * 1000)), code, `${seconds} s`)
})

test('the code before and the one after count, those further away do not', () => {
  const now = 1_234_567_890_000
  const step = stepOf(now)
  for (const off of [-1, 0, 1]) assert.equal(stepOfCode(secret, codeAt(secret, step + off), now), step + off)
  for (const off of [-2, 2]) assert.equal(stepOfCode(secret, codeAt(secret, step + off), now), null)
  for (const wrong of ['', '00592', '0059244', 'abcdef']) assert.equal(stepOfCode(secret, wrong, now), null)
})

test('an authenticator is told whose code it is, whatever the name holds', () => {
  assert.equal(
    totpUri('ABC', 'Mortise (erp.example.com)', 'a+b@c'),
    'otpauth://totp/Mortise%20(erp.example.com):a%2Bb%40c?secret=ABC&issuer=Mortise%20(erp.example.com)',
  )
})
