/** Passwords: kept as argon2id with their cost, right or wrong in the same time, and few at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashPassword, isPassword } from './password.ts'

test('a password proves itself, another one does not, and two hashes of one differ', async () => {
  const [one, two] = await Promise.all([hashPassword('密码 with spaces'), hashPassword('密码 with spaces')])
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.notEqual(one, two)
  assert.equal(await isPassword(one, '密码 with spaces'), true)
  assert.equal(await isPassword(one, '密码 with space'), false)
})

test('a hash with another cost, as another program or a later version wrote it, is read by its own cost', async () => {
  // RFC 9106's reference implementation: argon2 somesalt -id -t 2 -m 16 -p 1 (password: "password")
  const reference = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  assert.equal(await isPassword(reference, 'password'), true)
  assert.equal(await isPassword(reference, 'Password'), false)
})

test('letters that look alike and are written differently are one password', async () => {
  assert.equal(await isPassword(await hashPassword('caf\u00e9-caf\u00e9'), 'cafe\u0301-cafe\u0301'), true)
})

test('nobody, no password and damage are refused after the same work', async () => {
  const work = async (stored: string | null) => {
    const began = performance.now()
    assert.equal(await isPassword(stored, 'whatever'), false)
    return performance.now() - began
  }
  const real = await hashPassword('something else')
  await work(null) // warm
  const times = await Promise.all([work(real), work(null), work('$argon2id$damaged')])
  const [least, most] = [Math.min(...times), Math.max(...times)]
  assert.ok(least > 1 && most < least * 8 + 50, `${times.map((ms) => ms.toFixed(1)).join(', ')} ms`)
})
