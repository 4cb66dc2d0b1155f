/** What a function after write is told, on a real database: once for each applied call, under the settle's token, and without a way back to the record. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { emptyPrint } from '../doc/print.ts'
import { admitIn } from '../stage/admit.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { applied, nothing, notApplied, type Sent, toTell, withoutCall } from './after.ts'
import { startAfterWriter } from './after-write.ts'
import { claim } from './claim.ts'
import type { FunctionAnswer } from './engine.ts'
import { mark } from './mark.ts'
import { compiledPair, declare, pairId, publish, pushed, tenant } from './paired.fixture.ts'
import { releaseFunction } from './resume.ts'
import type { Claimed, Settle } from './road.ts'
import { settle } from './settle.ts'

const pair = compiledPair({ left: { functions: { afterWrite: 'check' } } })

const world = async () => {
  const db = await freshDatabase()
  await declare(db.sql)
  await publish(db.sql, { left: {} }, {})
  return db
}

const claimed = async (sql: Sql): Promise<Claimed> => {
  const [link] = await claim(sql, { tenant_id: tenant, connection_id: 'crm' }, 10, 60_000, null)
  assert.ok(link)
  return link
}

/** One push of the record, and what its call came to. */
const written = async (sql: Sql, id: string, body: object): Promise<{ link: Claimed; settled: Settle }> => {
  await admitIn(sql, [pushed('left', id, body)])
  const link = await claimed(sql)
  const call = link.right_id === null ? 'create' : 'update'
  const print = { print: emptyPrint, source_print: emptyPrint, later: [], rows: {}, hash: Buffer.from('h') }
  const [marked] = await mark(
    sql,
    [
      {
        ...link,
        ...print,
        call,
        side: 'right',
        idem_key: 'k',
        unbound_rows: false,
        match_key: null,
        flips: 0,
        trace_id: 'trace',
        request: Buffer.from('{}'),
        target_connection: 'crm',
      },
    ],
    null,
  )
  assert.ok(marked)
  const sent: Sent = {
    call,
    from: 'left',
    generation: link.generation,
    version: link.left_version,
    hash: Buffer.from('h'),
    sourcePrint: emptyPrint,
    targetPrint: emptyPrint,
    later: [],
    at: marked.sent_at,
  }
  return { link, settled: { ...applied(link, sent, { ...nothing, targetId: `R-${id}` }), ...toTell(pair, sent) } }
}

const rows = (sql: Sql) => sql<{
  call: string
  target_id: string
  state: string
  note: string | null
  code: string | null
}>`
  select call, target_id, state, note, fault::json->>'code' as code from after_write order by seq`

/** Runs the agent over one answer until nothing is due, or nothing more can be. */
const told = async (
  sql: Sql,
  answer: (input: Record<string, unknown>) => FunctionAnswer,
  until: (all: Awaited<ReturnType<typeof rows>>) => boolean,
) => {
  const heard: Record<string, unknown>[] = []
  const env = createEnv()
  const agent = startAfterWriter({
    sql,
    env,
    log: { info: () => {}, warn: () => {}, error: (fields) => assert.fail(JSON.stringify(fields)) },
    directory: { pair: () => pair } as never,
    functions: {
      run: async ({ inputs }) =>
        inputs.map((text) => {
          const input = JSON.parse(text) as Record<string, unknown>
          heard.push(input)
          return answer(input)
        }),
    },
  })
  for (const end = Date.now() + 10_000; !until(await rows(sql)); await env.sleep(10)) assert.ok(Date.now() < end)
  await agent.stop()
  return heard
}

const done = (output: string): FunctionAnswer => ({ kind: 'done', output, logs: [] })

test('an applied call writes one row with its settle; a settle that was fenced, a refusal and a rest write none', async () => {
  await using db = await world()
  const { link, settled } = await written(db.sql, '1', { name: 'a' })
  await settle(db.sql, [settled], null)
  await settle(db.sql, [settled], null) // unheard, and repeated
  assert.deepEqual(await rows(db.sql), [{ call: 'create', target_id: 'R-1', state: 'due', note: null, code: null }])

  const second = await written(db.sql, '1', { name: 'b' })
  const why = { code: 'send.refused', stage: 'send', said: 'no' } as const
  const sent = { call: 'update', at: 0, version: 1, sourcePrint: emptyPrint, targetPrint: emptyPrint } as const
  await settle(
    db.sql,
    [notApplied(second.link, sent, { kind: 'refused', why, proved: true }, pair, 'right', 0, null)],
    null,
  )
  await admitIn(db.sql, [pushed('left', '1', { name: 'c' })])
  await settle(db.sql, [withoutCall(await claimed(db.sql), { kind: 'idle', reason: 'unchanged', adopt: {} })], null)
  assert.equal((await rows(db.sql)).length, 1)
  assert.equal(link.right_id, null)
})

test('it is told what was written; nothing said leaves no row, a throw stays until a later call is heard well', async () => {
  await using db = await world()
  const first = await written(db.sql, '1', { name: 'a' })
  await settle(db.sql, [first.settled], null)
  const before = await db.sql`select generation, settled, state, fault from link`
  const threw: FunctionAnswer = {
    kind: 'fault',
    fault: { code: 'function.threw', stage: 'map', said: 'no' },
    logs: ['x'],
  }
  const heard = await told(
    db.sql,
    () => threw,
    ([row]) => row?.state === 'failed',
  )
  assert.deepEqual(
    heard.map(({ action, id, sourceId, object, sourceObject, pair: of }) => [
      action,
      id,
      sourceId,
      object,
      sourceObject,
      of,
    ]),
    [['create', 'R-1', '1', 'R', 'L', pairId]],
  )
  assert.deepEqual(
    await db.sql`select generation, settled, state, fault from link`,
    before,
    'the record knows nothing of it',
  )

  await settle(db.sql, [(await written(db.sql, '1', { name: 'b' })).settled], null)
  await told(
    db.sql,
    () => done('{"note":"seen"}'),
    (all) => all.every(({ state }) => state !== 'due'),
  )
  assert.deepEqual(
    (await rows(db.sql)).map(({ call, state, note }) => [call, state, note]),
    [['update', 'said', 'seen']],
  )
  await settle(db.sql, [(await written(db.sql, '1', { name: 'c' })).settled], null)
  assert.equal(
    (
      await told(
        db.sql,
        () => done('null'),
        (all) => !all.length,
      )
    ).length,
    1,
  )
})

test('what a suspended function held up goes on when it is run again: records and what it is to be told, and no others', async () => {
  await using db = await world()
  const fault = { code: 'function.suspended', stage: 'config', value: 'check', said: '1000 ms' } as const
  await settle(db.sql, [(await written(db.sql, '1', { name: 'a' })).settled], null)
  await told(
    db.sql,
    () => ({ kind: 'suspended', fault }),
    ([row]) => row?.code === 'function.suspended',
  )
  for (const [id, value] of [
    ['2', 'check'],
    ['3', 'other'],
  ] as const) {
    await admitIn(db.sql, [pushed('left', id, { name: id })])
    const link = await claimed(db.sql)
    await settle(db.sql, [withoutCall(link, { kind: 'park', why: 'config', fault: { ...fault, value } })], null)
  }
  assert.equal(await releaseFunction(db.sql, tenant, 'check'), 1)
  const states = await db.sql<{
    left_id: string
    state: string
  }>`select left_id, state from link where left_id <> '1' order by left_id`
  assert.deepEqual(
    states.map(({ left_id, state }) => `${left_id} ${state}`),
    ['2 due', '3 parked'],
  )
  await told(
    db.sql,
    () => done('null'),
    (all) => !all.length,
  )
})
