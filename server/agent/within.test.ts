/** A wait that ends: with the work, or with the time, and with no timer left behind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from './env.ts'
import { within } from './within.ts'

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

test('work that ends, well or not, is waited for, and its timer goes with it', async () => {
  const env = createEnv()
  const before = timers()
  assert.equal(await within(env, 60_000, Promise.resolve()), true)
  assert.equal(await within(env, 60_000, Promise.reject(new Error('its own business'))), true)
  assert.equal(timers(), before)
})

test('work that does not end is left when the time is over', async () => {
  assert.equal(await within(createEnv(), 5, new Promise(() => {})), false)
})
