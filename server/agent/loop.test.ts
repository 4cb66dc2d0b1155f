/** Background loops: never twice at once, never dead of a throw, drained on stop. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from './env.ts'
import { startLoop } from './loop.ts'

const env = createEnv()
const quiet = { error: () => {} }
const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setImmediate(resolve))
}

test('a loop runs at once and then when it is woken, however long its pause', async () => {
  let runs = 0
  const loop = startLoop({ name: 'test', every: 3_600_000, run: async () => void runs++, env, log: quiet })
  await until(() => runs === 1)
  loop.wake()
  await until(() => runs === 2)
  await loop.stop()
  loop.wake()
  assert.equal(runs, 2)
})

test('a loop never overlaps itself, and a wake during a run makes one more run', async () => {
  let [runs, now, most] = [0, 0, 0]
  let end: () => void = () => {}
  const loop = startLoop({
    name: 'test',
    every: 3_600_000,
    run: async () => {
      most = Math.max(most, ++now)
      runs++
      await new Promise<void>((resolve) => (end = resolve))
      now--
    },
    env,
    log: quiet,
  })
  loop.wake()
  loop.wake()
  end()
  await until(() => runs === 2)
  end()
  await until(() => now === 0)
  await loop.stop()
  assert.deepEqual([runs, most], [2, 1])
})

test('a loop survives throws with a growing pause that a wake does not cut short', async () => {
  const pauses: number[] = []
  const told: string[] = []
  let runs = 0
  const loop = startLoop({
    name: 'fragile',
    every: 3_600_000,
    run: async () => {
      runs++
      loop.wake()
      if (runs <= 3) throw new Error('broken')
    },
    env: {
      random: () => 1,
      sleep: async (ms, signal) => {
        if (ms < 3_600_000) {
          assert.equal(signal?.aborted, false)
          pauses.push(ms)
        } else await env.sleep(ms, signal)
      },
    },
    log: { error: (fields, message) => told.push(`${fields.loop}: ${message}`) },
  })
  await until(() => runs > 4)
  await loop.stop()
  assert.deepEqual(pauses, [500, 1_000, 2_000])
  assert.equal(told.length, 3)
  assert.match(told[0] ?? '', /fragile/)
})

test('stop waits for the run that is going on, and tells it', async () => {
  let ended = false
  const loop = startLoop({
    name: 'test',
    every: 0,
    run: (signal) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => setImmediate(() => resolve(void (ended = true)))),
      ),
    env,
    log: quiet,
  })
  await loop.stop()
  assert.equal(ended, true)
})

test('a run that says there is more runs again without a pause', async () => {
  let runs = 0
  const loop = startLoop({
    name: 'test',
    every: 3_600_000,
    run: async () => (++runs < 50 ? 0 : undefined),
    env,
    log: quiet,
  })
  await until(() => runs === 50)
  await loop.stop()
  assert.equal(runs, 50)
})

test('ids are 128 bits each, and pauses end when they are cut short', async () => {
  const ids = new Set(Array.from({ length: 2_000 }, () => env.id()))
  assert.equal(ids.size, 2_000)
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/)
  const stop = new AbortController()
  const slept = env.sleep(2 ** 40, stop.signal)
  stop.abort()
  await slept
  await env.sleep(1e9, stop.signal)
})
