/** The installation's key: one per data folder, however many start at once. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openGenerated } from './generated.ts'
import { KeyRefused, parseKey, secretKey } from './key.ts'

const inFolder = async (work: (folder: string) => Promise<void>) => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-key-'))
  try {
    await work(join(folder, 'data'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('ten starts at once on an empty folder end with one key, kept for its owner only', () =>
  inFolder(async (data) => {
    const keys = await Promise.all(Array.from({ length: 10 }, () => secretKey(data, {})))
    for (const key of keys) assert.deepEqual(key, keys[0])
    assert.deepEqual(await secretKey(data, {}), keys[0])
    assert.deepEqual(await readdir(data), ['secret.key'])
    assert.equal((await stat(join(data, 'secret.key'))).mode & 0o777, 0o600)
  }))

test('MORTISE_SECRET_KEY is taken as hex or base64; a passphrase is refused without being shown', () =>
  inFolder(async (data) => {
    const hex = '0f'.repeat(32)
    assert.deepEqual(await secretKey(data, { MORTISE_SECRET_KEY: hex }), Buffer.from(hex, 'hex'))
    assert.deepEqual(parseKey(Buffer.from(hex, 'hex').toString('base64'), 'x'), Buffer.from(hex, 'hex'))
    await assert.rejects(
      secretKey(data, { MORTISE_SECRET_KEY: 'correct horse battery staple' }),
      (error: Error) => error instanceof KeyRefused && !error.message.includes('horse'),
    )
  }))

test('a key file that is damaged is refused, never replaced', () =>
  inFolder(async (data) => {
    await secretKey(data, {})
    await writeFile(join(data, 'secret.key'), 'half a ke')
    await assert.rejects(secretKey(data, {}), KeyRefused)
  }))

test('secrets that are made differ, stay, and are written only when asked to be kept', () =>
  inFolder(async (data) => {
    const planned = await openGenerated(data)
    const [a, b] = [planned.get('a'), planned.get('b')]
    assert.notEqual(a, b)
    assert.ok(Buffer.from(a, 'base64url').length * 8 >= 128)
    assert.notEqual((await openGenerated(data)).get('a'), a, 'a plan keeps nothing')
    await planned.keep()
    assert.equal((await openGenerated(data)).get('a'), a)
    assert.equal((await stat(planned.file)).mode & 0o777, 0o600)
  }))
