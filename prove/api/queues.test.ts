/** Queues over HTTP: how they stand, and the life of an event that could not be read: shown in the reader's language, read again once the configuration fits, removed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepRefused } from '../../server/listen/refused.ts'
import { writeStanding } from '../../server/listen/standing.ts'
import { apiWorld, declareTenant } from './world.ts'

test('an event that could not be read is shown, read again once its object is declared, and removed; each deed is written down', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'acme')
  const as = world.admin
  const event = (objectApiName: string, dataId: string) =>
    Buffer.from(
      JSON.stringify({ tenantId: 'acme', objectApiName, dataId, head: { op: 'update' }, changedAt: 1714950489123 }),
    )
  const why = (value: string) =>
    ({ refused: true, code: 's306240004', reason: 'object', values: { value, path: 'objectApiName' } }) as const
  const row = (body: Buffer, object: string, dataId: string) => ({
    tenantId: 'acme',
    connectionId: 'crm',
    queueId: 'changes',
    place: `changes #${dataId}`,
    object,
    dataId,
    traceId: 'trace',
    why: why(object),
    body,
  })
  await keepRefused(world.db.sql, [
    row(event('AccountObj', 'A1'), 'AccountObj', 'A1'), // as if it had not been declared when it came
    row(event('NobodyObj', 'N1'), 'NobodyObj', 'N1'),
  ])

  const list = await world.call<{ items: { event: number; why: string; id: string }[] }>(
    'GET',
    '/tenants/acme/refused-events?connection=crm',
    { as, headers: { locale: 'zh_CN' } },
  )
  assert.deepEqual(
    list.body.items.map((one) => one.id),
    ['N1', 'A1'],
  )
  assert.match(list.body.items[0]?.why ?? '', /没有声明此对象/)
  const [nobody] = list.body.items
  const one = await world.call<{ base64: string }>('GET', `/tenants/acme/refused-events/${nobody?.event}`, { as })
  assert.deepEqual(Buffer.from(one.body.base64, 'base64'), event('NobodyObj', 'N1'))

  const again = await world.call('POST', '/tenants/acme/refused-events/retry', { as, body: { connection: 'crm' } })
  // NobodyObj is passed over now: `others: skip` is declared
  assert.deepEqual(again.body, { taken: 2, refused: 0, next: null })
  const [fetch] = await world.db.sql<{ cause: string }>`select cause from "fetch" where data_id = 'A1'`
  assert.equal(fetch?.cause, 'event without body')

  await keepRefused(world.db.sql, [row(Buffer.from('no json'), '', '')])
  const broken = await world.call<{ items: { event: number }[] }>('GET', '/tenants/acme/refused-events', { as })
  const path = `/tenants/acme/refused-events/${broken.body.items[0]?.event}`
  const still = await world.call('POST', '/tenants/acme/refused-events/retry', { as, body: {} })
  assert.deepEqual(still.body, { taken: 0, refused: 1, next: null })
  assert.equal((await world.call('DELETE', path, { as })).status, 204)
  assert.equal((await world.call('DELETE', path, { as })).status, 404)
  const trail = await world.db.sql<{ route: string }>`
    select route from audit where tenant_id = 'acme' and kind = 'refused event' order by at`
  assert.deepEqual(
    trail.map((deed) => deed.route),
    ['retryRefusedEvents', 'retryRefusedEvents', 'removeRefusedEvent'],
  )
})

test('the queues of all nodes are listed with state and lag, and summed up in the status', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'acme')
  const view = {
    tenantId: 'acme',
    connectionId: 'crm',
    queueId: 'changes',
    kind: 'rabbitmq',
    since: Date.now(),
    taken: 5,
    refused: 0,
    connects: 1,
    lastAt: 1_714_950_489_123,
  } as const
  await writeStanding(world.db.sql, 'node-1', { ...view, state: 'listening', lag: 12, fault: null })
  await writeStanding(world.db.sql, 'node-2', { ...view, state: 'reconnecting', lag: null, fault: 'gone' })
  await keepRefused(world.db.sql, [
    {
      tenantId: 'acme',
      connectionId: 'crm',
      queueId: 'changes',
      place: 'changes #1',
      object: '',
      dataId: '',
      traceId: 'trace',
      why: { refused: true, code: 's306240001', reason: 'empty', values: {} },
      body: Buffer.from('no'),
    },
  ])
  // a row without news of its own keeps when something came last
  await writeStanding(world.db.sql, 'node-1', { ...view, state: 'listening', lag: 12, fault: null, lastAt: null })
  const list = await world.call<{
    items: { node: string; state: string; lag: number | null; kept: number; lastAt: string | null }[]
  }>('GET', '/tenants/acme/queues?limit=500', { as: world.admin })
  const shown = list.body.items.filter((one) => one.node.startsWith('node-'))
  assert.deepEqual(
    shown.map(({ node, state, lag, kept, lastAt }) => [node, state, lag, kept, lastAt]),
    [
      ['node-1', 'listening', 12, 1, '2024-05-05T23:08:09.123Z'],
      ['node-2', 'reconnecting', null, 1, '2024-05-05T23:08:09.123Z'],
    ],
  )
  const status = await world.call<{ queues: { queue: string; state: string; nodes: number; lag: number }[] }>(
    'GET',
    '/tenants/acme/status',
    { as: world.admin },
  )
  const summed = status.body.queues.find((one) => one.queue === 'changes')
  assert.equal(summed?.state, 'listening')
  assert.equal(summed?.lag, 12)
})

test('a queue is paused and resumed by an operator, alone and with its versions', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'acme')
  const as = world.admin
  const queues = async () => {
    const { body } = await world.call<{ queues: { id: string; state?: string; url: string }[] }>(
      'GET',
      '/tenants/acme/connections/crm',
      { as },
    )
    return body.queues
  }
  const [before, other] = await queues()
  const path = `/tenants/acme/connections/crm/queues/${before?.id}`
  assert.equal((await world.call('PATCH', path, { as, body: { state: 'enabled' } })).status, 200)
  const { state, ...rest } = before ?? assert.fail()
  assert.equal(state, 'paused')
  assert.deepEqual(await queues(), [rest, other], 'its address and all else stay')
  assert.equal((await world.call('PATCH', path, { as, body: { state: 'paused' } })).status, 200)
  assert.deepEqual(await queues(), [before, other])
  assert.equal((await world.call('PATCH', `${path}x`, { as, body: { state: 'paused' } })).status, 404)
  assert.equal((await world.call('PATCH', path, { as, body: { state: 'disabled' } })).status, 400)
})
