/** The forms of a flow's steps, of batches that went out and of queues: every spelling is read, and what was not touched goes back as it was written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTrouble, type OutBatch, openRows, stateLook, stepsOf } from '../../console/features/batches/out.ts'
import { connectionOf, valuesOf } from '../../console/features/connections/form.ts'
import { queueFilled, queuesWith, queueViews, type Standing } from '../../console/features/connections/queues.ts'
import {
  chosenOf,
  driftOf,
  driftSaid,
  functionsSaid,
  isDuration,
  matchOf,
  matchSaid,
  paramsOf,
  paramsSaid,
  reconcileOf,
  reconcileSaid,
  testsOf,
  testsSaid,
} from '../../console/features/flows/said.ts'

const around = (functions: unknown) => ({
  beforeMapping: chosenOf(functions, 'beforeMapping'),
  beforeWrite: chosenOf(functions, 'beforeWrite'),
  afterWrite: chosenOf(functions, 'afterWrite'),
})

test('functions of a flow go back as they were written; one that is switched off is not called and keeps its name', () => {
  const said = { beforeMapping: 'withTax', beforeWrite: { function: 'checksum', fields: ['checksum'] } }
  assert.deepEqual(functionsSaid(around(said)), said)
  assert.deepEqual(functionsSaid(around({ beforeWrite: 'checksum' })), { beforeWrite: 'checksum' })
  assert.equal(functionsSaid(around(undefined)), undefined)
  const off = around(said)
  off.beforeMapping.isOn = false
  assert.deepEqual(functionsSaid(off), { beforeWrite: said.beforeWrite })
  assert.equal(off.beforeMapping.name, 'withTax')
})

test('drift, values by name, rules of matching and saved tests survive their forms in every spelling', () => {
  for (const drift of [undefined, 'park', 'ignore', { unknown: 'ignore', option: 'park' }])
    assert.deepEqual(driftSaid(driftOf(drift)), drift)
  assert.equal(driftSaid(driftOf('warn')), undefined, 'what is said anyway need not be said')

  const params = { rate: 1.13, code: '007', on: true, units: { m: 'metre', '1': 1 } }
  assert.deepEqual(paramsSaid(paramsOf(params)), params)
  const [rate, code, ...others] = paramsOf(params)
  assert.deepEqual(
    paramsSaid([{ ...rate!, text: '1.2' }, { ...code!, text: '008' }, ...others]),
    { ...params, rate: 1.2, code: '008' },
    'text of digits stays text, a number a number',
  )
  assert.deepEqual(paramsSaid([{ name: 'map', text: 'A = 1=2\n\nno line', isMap: true, before: {} }]), {
    map: { A: '1=2' },
  })
  assert.equal(paramsSaid([]), undefined)

  const match = [{ taxNo: 'tax_no' }, { name: { to: 'name', as: 'name' }, city: 'city' }]
  assert.deepEqual(matchSaid(matchOf(match)), match)
  assert.deepEqual(matchOf(true), [])
  assert.deepEqual(matchSaid([[{ from: '', to: 'x', as: 'code' }]]), [])

  const tests = [
    {
      name: 'one',
      record: { masterFieldVal: { a: 1 } },
      expect: '{"masterFieldVal":{"b":1.10}}',
      mapped: { 'p/1': 'x' },
    },
    { name: 'two', id: 7, record: '{}', fault: 'map.option' },
  ]
  assert.deepEqual(testsSaid(testsOf(tests)), tests)
  const [one] = testsOf(tests)
  assert.deepEqual(testsSaid([{ ...one!, expect: '', fault: 'map.type ' }]), [
    { name: 'one', record: tests[0]!.record, mapped: { 'p/1': 'x' }, fault: 'map.type' },
  ])
})

test('a schedule of comparisons keeps the words that its form does not show, unless a pattern takes their place', () => {
  const said = {
    every: '24h',
    hours: { from: '01:00', to: '05:00' },
    zone: 'Asia/Shanghai',
    last: '7d',
    repair: ['different'],
  }
  assert.deepEqual(reconcileSaid(reconcileOf(said), said), said)
  assert.deepEqual(reconcileSaid({ ...reconcileOf(said), cron: '0 2 * * *', last: '' }, said), {
    cron: '0 2 * * *',
    zone: 'Asia/Shanghai',
    repair: ['different'],
  })
  assert.equal(reconcileSaid({ ...reconcileOf(said), isOn: false }, said), undefined)
  assert.deepEqual(reconcileSaid({ ...reconcileOf(undefined), isOn: true }, undefined), {})
  assert.deepEqual(['', '24h', '1.5 h', '90s', 'h', '24', '1w'].map(isDuration), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ])
})

const batch = (more: Partial<OutBatch>): OutBatch => ({
  batch: 1,
  connection: 'mdm',
  object: 'position',
  path: 'positions',
  bizId: 'b',
  state: 'accepted' as const,
  rows: 4,
  applied: null,
  refused: null,
  posts: 1,
  asks: 0,
  madeAt: '2026-01-01T00:00:00Z',
  postedAt: null,
  acceptedAt: null,
  answerBy: null,
  endedAt: null,
  nextAt: null,
  toldBy: null,
  status: null,
  said: null,
  askedAt: null,
  callback: 'awaited' as const,
  callbackAt: null,
  callbacksRefused: 0,
  canAsk: true,
  ...more,
})

test('the way of a batch is told in the order of time, and what comes only while it is open', () => {
  const open = batch({
    postedAt: '2026-01-01T00:00:01Z',
    acceptedAt: '2026-01-01T00:00:02Z',
    askedAt: '2026-01-01T00:05:00Z',
    nextAt: '2026-01-01T00:10:00Z',
    answerBy: '2026-01-01T02:00:00Z',
  })
  assert.deepEqual(
    stepsOf(open).map((step) => step.what),
    ['made', 'posted', 'accepted', 'asked', 'next', 'deadline'],
  )
  const done = { ...open, state: 'done' as const, endedAt: '2026-01-01T00:06:00Z', applied: 3, refused: 1 }
  // a callback that came after the result was asked for changes nothing any more
  const late = stepsOf({ ...done, callbackAt: '2026-01-01T00:04:00Z' })
  assert.deepEqual(
    late.map((step) => step.what),
    ['made', 'posted', 'accepted', 'callback', 'asked', 'ended'],
  )
  assert.equal(openRows(open), 4)
  assert.equal(openRows(done), 0)
  assert.deepEqual([stateLook(done), stateLook({ ...done, refused: 0 })], ['waiting', 'done'])
  const row = { row: 1, code: 'A', pair: 'p', link: 1, why: null, warnings: [] }
  assert.deepEqual(
    [
      isTrouble({ ...row, outcome: 'applied' }),
      isTrouble({ ...row, outcome: null }),
      isTrouble({ ...row, outcome: 'refused' }),
      isTrouble({ ...row, outcome: 'applied', warnings: ['x'] }),
    ],
    [false, false, true, true],
  )
})

test('a queue stands as its best node does; what waits is the broker’s own figure, and one that nobody listens to is seen', () => {
  const node = (name: string, more: Partial<Standing>): Standing => ({
    connection: 'crm',
    queue: 'changes',
    kind: 'rabbitmq' as const,
    experimental: false,
    state: 'listening' as const,
    since: '2026-01-01T00:00:00Z',
    seenAt: '2026-01-01T01:00:00Z',
    node: name,
    lag: 12,
    taken: 5,
    refused: 0,
    kept: 2,
    connects: 1,
    lastAt: null,
    fault: null,
    ...more,
  })
  const connection = {
    id: 'crm',
    queues: [
      { id: 'changes', kind: 'rabbitmq' },
      { id: 'other', kind: 'kafka' },
      { id: 'still', kind: 'nats', state: 'paused' },
    ],
  }
  const [changes, other, still] = queueViews(connection, [
    node('a', {}),
    node('b', { state: 'reconnecting', lag: null, connects: 3, fault: 'gone', lastAt: '2026-01-01T00:30:00Z' }),
    node('c', { connection: 'erp', lag: 99, kept: 9 }),
  ])
  assert.deepEqual(
    [
      changes?.state,
      changes?.lag,
      changes?.taken,
      changes?.reconnects,
      changes?.kept,
      changes?.faults,
      changes?.lastAt,
    ],
    ['listening', 12, 10, 2, 2, ['gone'], '2026-01-01T00:30:00Z'],
  )
  assert.deepEqual([other?.state, other?.experimental, other?.lag], ['nobody', true, null])
  assert.equal(still?.state, 'paused')
  assert.deepEqual(queueViews({ id: 'crm' }, []), [])
})

test('the form of a queue changes what it shows: the stored address and the rest of its words stay', () => {
  const stored = {
    id: 'changes',
    kind: 'rabbitmq',
    url: '${CRM_URL}',
    queue: 'crm.changes',
    batch: 50,
    state: 'paused',
  }
  const other = { id: 'stream', kind: 'kafka', url: '${K}', topics: ['a', 'b'], startFrom: 'new' }
  const all = [stored, other]
  for (const one of all)
    assert.deepEqual(
      queuesWith(all, one.id, { ...queueFilled(one), url: '' } as Parameters<typeof queuesWith>[2]),
      all,
      'nothing was touched',
    )
  const changed = { kind: 'kafka' as const, id: 'stream', url: 'kafka://h', what: ' a , ,c', startFrom: 'all' }
  assert.deepEqual(queuesWith(all, 'stream', changed), [
    stored,
    { id: 'stream', kind: 'kafka', url: 'kafka://h', topics: ['a', 'c'] },
  ])
  assert.deepEqual(queuesWith([], null, { kind: 'nats', id: 'n', url: 'nats://h', what: 'CRM', startFrom: 'new' }), [
    { id: 'n', kind: 'nats', url: 'nats://h', stream: 'CRM', startFrom: 'new' },
  ])
})

test('how batches are sent is a part of its connection’s form: secrets that are not typed anew stay, and another kind has none of it', () => {
  const batch = {
    clientId: 'mortise',
    clientSecret: '${S}',
    salt: '${T}',
    callbackUrl: 'https://m',
    locale: 'en_US',
    perHour: 20,
  }
  const before = { id: 'mdm', role: 'crm', kind: 'masterdata-batch', baseUrl: 'https://mdm/', batch }
  const values = valuesOf(before)
  assert.equal(values.batch.clientSecret, undefined)
  assert.deepEqual(connectionOf(before, values).batch, batch)
  const said = { ...values.batch, salt: 'new salt', callbackUrl: '', perHour: null, query: false }
  assert.deepEqual(connectionOf(before, { ...values, batch: said }).batch, {
    clientId: 'mortise',
    clientSecret: '${S}',
    salt: 'new salt',
    locale: 'en_US',
    query: false,
  })
  assert.equal(connectionOf(before, { ...values, kind: 'standard' }).batch, undefined)
})

test('a connection to Fxiaoke: secrets that were not typed anew stay, and what is off is not said', () => {
  const fxiaoke = {
    appId: 'app',
    appSecret: '${CRM_SECRET}',
    permanentCode: '${CRM_CODE}',
    enterprise: 'acme',
    user: '1000',
    triggerWorkFlow: true,
  }
  const before = { role: 'crm', kind: 'fxiaoke', baseUrl: 'https://open.example.com/', fxiaoke }
  const values = valuesOf(before)
  assert.deepEqual([values.fxiaoke.appSecret, values.fxiaoke.permanentCode], [undefined, undefined])
  assert.deepEqual(connectionOf(before, values), before)
  const said = { ...values.fxiaoke, permanentCode: 'anew', triggerWorkFlow: false }
  assert.deepEqual(connectionOf(before, { ...values, fxiaoke: said }).fxiaoke, {
    appId: 'app',
    appSecret: '${CRM_SECRET}',
    permanentCode: 'anew',
    enterprise: 'acme',
    user: '1000',
  })
  assert.equal('fxiaoke' in connectionOf(before, { ...values, kind: 'standard' }), false)
})
