/** Turns of long tasks: what is tried again, what is given up, and from when the ladder counts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { troubleLimit } from '../agent/backoff.ts'
import { createEnv } from '../agent/env.ts'
import { Fenced } from './store.ts'
import { startTasks, type Task, type Trouble, type TurnEnd } from './tasks.ts'

const now = 1_800_000_000_000
const env = { ...createEnv(), random: () => 0.5 }
const busy: Trouble = { fault: { code: 'send.again', stage: 'read' } }

/** One turn of one task, and how it ended; null: not at all. */
const turn = async (
  task: Partial<Task>,
  work: (signal: AbortSignal) => Promise<Trouble | null>,
): Promise<{ end: TurnEnd | null; warned: object[] }> => {
  let end: TurnEnd | null = null
  let isClaimed = false
  let over: () => void = () => {}
  const done = new Promise<void>((resolve) => (over = resolve))
  const warned: object[] = []
  const loop = startTasks<Task>(
    {
      name: 'test',
      claim: async () => {
        if (isClaimed) return (over(), null)
        isClaimed = true
        return { attempts: 0, trouble_at: null, now, ...task }
      },
      next: async () => null,
      work: (_, signal) => work(signal),
      end: async (_, given) => {
        end = given
      },
      shown: () => ({ task: 't' }),
      waits: 'waits',
    },
    { env, log: { info() {}, warn: (fields) => void warned.push(fields), error() {} } },
  )
  void done.then(() => loop.stop())
  await done
  await loop.stop()
  return { end, warned }
}

test('a turn ends at the task’s end, or with what is in the way', async () => {
  assert.deepEqual(await turn({}, async () => null), { end: { state: 'success', fault: null }, warned: [] })
  const { end, warned } = await turn({}, async () => busy)
  assert.deepEqual(end, { state: 'running', nextAt: now + 2_500, attempts: 1, fault: JSON.stringify(busy.fault) })
  assert.deepEqual(warned, [{ task: 't', code: 'send.again', stage: 'read' }])
})

test('the ladder counts from the trouble, however long the task has run', async () => {
  const again = await turn({ attempts: 7, trouble_at: now - troubleLimit + 1 }, async () => busy)
  assert.equal(again.end?.state, 'running')
  const given = await turn({ attempts: 8, trouble_at: now - troubleLimit }, async () => busy)
  assert.deepEqual(given.end, { state: 'error', fault: JSON.stringify(busy.fault) })
})

test('a moment that the source named is kept, and a wrong configuration is a person’s', async () => {
  const { end } = await turn({}, async () => ({ ...busy, at: now + 60_000 }))
  assert.equal(end?.state === 'running' && end.nextAt, now + 60_000)
  const config = { fault: { code: 'config.connector', stage: 'config' } } as const
  assert.equal((await turn({}, async () => config)).end?.state, 'error')
})

test('what another has taken is let go', async () => {
  const { end, warned } = await turn({}, async () => {
    throw new Fenced('taken')
  })
  assert.deepEqual({ end, warned }, { end: null, warned: [] })
})

test('our own stop is no trouble: it burns no try and is nobody’s fault', async () => {
  let end: TurnEnd | null = null
  let began: () => void = () => {}
  const begun = new Promise<void>((resolve) => (began = resolve))
  const loop = startTasks<Task>(
    {
      name: 'test',
      claim: async () => ({ attempts: 3, trouble_at: now - 1, now }),
      next: async () => null,
      work: (_, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ fault: { code: 'send.closed', stage: 'read' } }))
          began()
        }),
      end: async (_, given) => {
        end = given
      },
      shown: () => ({}),
      waits: 'waits',
    },
    { env, log: { info() {}, warn: () => assert.fail('not said'), error() {} } },
  )
  await begun
  await loop.stop()
  assert.deepEqual(end, { state: 'running', nextAt: now, attempts: 3, fault: null })
})
