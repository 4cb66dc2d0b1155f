/** What the sandbox tells its listener: order, repeats, hints and secrets of its change events. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshHook, freshSandbox, until } from './world.ts'

test('the CRM tells a change before it answers the call that made it', async () => {
  const order: string[] = []
  await using hook = await freshHook(() => {
    order.push('told')
    return 200
  })
  await using world = await freshSandbox({ hook: hook.url })
  await world.crm.create('AccountObj', { name: 'x', credit_limit: '1.10' }, { ContactObj: [{ name: 'a' }] })
  order.push('answered')
  assert.deepEqual(order, ['told', 'answered'])
  const { event } = hook.calls[0] ?? { event: null }
  const held = await world.crm.record('AccountObj', 'A-000001')
  assert.deepEqual(event, {
    tenantId: 'sandbox',
    objectApiName: 'AccountObj',
    dataId: 'A-000001',
    operation: 'create',
    changedAt: held?.modifiedAt,
    masterFieldVal: held?.masterFieldVal,
    detailFieldVals: held?.detailFieldVals,
  })
})

test('each effective change is told once, with its operation; what changes nothing is not told', async () => {
  await using hook = await freshHook()
  await using world = await freshSandbox({ hook: hook.url, tenantId: 'T1' })
  await world.crm.create('AccountObj', { name: 'x' })
  await world.crm.create('AccountObj', { level: '9' })
  await world.crm.update('AccountObj', 'A-000001', { name: 'x' })
  await world.crm.update('AccountObj', 'A-000001', { name: 'y' })
  await world.crm.void('AccountObj', 'A-000001')
  await world.crm.void('AccountObj', 'A-000001')
  await world.crm.update('AccountObj', 'A-000001', { name: 'y' })
  assert.deepEqual(
    hook.calls.map(({ event }) => event.operation),
    ['create', 'update', 'void', 'update'],
  )
  assert.ok(
    hook.calls.every(
      ({ event }, index) => index === 0 || event.changedAt > (hook.calls[index - 1]?.event.changedAt ?? 0),
    ),
  )
  assert.equal(hook.calls[0]?.event.tenantId, 'T1')
  assert.equal((await world.crm.eventState()).accepted, 4)
})

test('a hook that waits for our answer holds it up for a second at most, and is told all the same', async () => {
  const gate = Promise.withResolvers<number>()
  await using hook = await freshHook(() => gate.promise)
  await using world = await freshSandbox({ hook: hook.url })
  const start = Date.now()
  assert.equal((await world.crm.create('AccountObj', { name: 'x' })).code, '0')
  const took = Date.now() - start
  assert.ok(took >= 990 && took < 2_500, `${took} ms`)
  assert.equal((await world.crm.eventState()).pending, 1)
  gate.resolve(200)
  await until('it is accepted', async () => (await world.crm.eventState()).pending === 0)
  assert.equal(hook.calls.length, 1)
})

test('a refused event does not hold up the answer and is repeated unchanged until it is accepted', async () => {
  let refusals = 3
  await using hook = await freshHook(() => (refusals-- > 0 ? 503 : 202))
  await using world = await freshSandbox({ hook: hook.url })
  await world.crm.create('AccountObj', { name: 'x' })
  assert.equal(hook.calls.length, 1)
  await until('it is accepted', async () => (await world.crm.eventState()).accepted === 1)
  assert.equal(hook.calls.length, 4)
  for (const { event } of hook.calls) assert.deepEqual(event, hook.calls[0]?.event)
})

test('what could not be told is told after a restart, and nothing twice', async () => {
  let up = false
  await using hook = await freshHook(() => (up ? 200 : 500))
  await using world = await freshSandbox({ hook: hook.url })
  for (const name of ['a', 'b', 'c']) await world.crm.create('AccountObj', { name })
  up = true
  await until('all are accepted', async () => (await world.crm.eventState()).pending === 0)
  up = false
  await world.crm.create('AccountObj', { name: 'd' }, { ContactObj: [{ name: '𠮷' }] })
  await world.restart()
  assert.equal((await world.crm.eventState()).pending, 1)
  const before = hook.calls.length
  up = true
  await until('it is accepted', async () => (await world.crm.eventState()).pending === 0)
  const told = hook.calls.slice(before).at(-1)?.event
  assert.deepEqual(
    [told?.dataId, told?.masterFieldVal?.name, told?.detailFieldVals?.ContactObj?.[0]?.name],
    ['A-000004', 'd', '𠮷'],
  )
  await world.restart()
  assert.equal((await world.crm.eventState()).pending, 0)
})

test('body false sends hints', async () => {
  await using hook = await freshHook()
  await using world = await freshSandbox({ hook: hook.url })
  await world.crm.events({ body: false })
  await world.crm.create('AccountObj', { name: 'x' })
  assert.deepEqual(Object.keys(hook.calls[0]?.event ?? {}), [
    'tenantId',
    'objectApiName',
    'dataId',
    'operation',
    'changedAt',
  ])
})

test('mode after tells when it has answered; mode off tells nothing; off changes are not told later', async () => {
  const order: string[] = []
  await using hook = await freshHook(({ event }) => {
    order.push(String(event.masterFieldVal?.name))
    return 200
  })
  await using world = await freshSandbox({ hook: hook.url })
  await world.crm.events({ mode: 'off' })
  await world.crm.create('AccountObj', { name: 'silent' })
  await world.crm.events({ mode: 'after' })
  await world.crm.create('AccountObj', { name: 'x' })
  await until('it is told', () => order.length === 1)
  assert.deepEqual(order, ['x'])
})

test('mode after does not wait for the hook', async () => {
  const gate = Promise.withResolvers<number>()
  await using hook = await freshHook(() => gate.promise)
  await using world = await freshSandbox({ hook: hook.url })
  await world.crm.events({ mode: 'after' })
  const start = Date.now()
  await world.crm.create('AccountObj', { name: 'x' })
  assert.ok(Date.now() - start < 900)
  gate.resolve(200)
})

test('duplicate tells again what was accepted', async () => {
  await using hook = await freshHook()
  await using world = await freshSandbox({ hook: hook.url })
  await world.crm.events({ duplicate: 1, late: 5 })
  for (const name of ['a', 'b', 'c']) await world.crm.create('AccountObj', { name })
  await until('each is told twice', () => hook.calls.length === 6)
  const names = hook.calls.map(({ event }) => event.masterFieldVal?.name).toSorted()
  assert.deepEqual(names, ['a', 'a', 'b', 'b', 'c', 'c'])
})

test('shuffle tells late and out of order, but tells all', async () => {
  await using hook = await freshHook()
  await using world = await freshSandbox({ hook: hook.url })
  await world.crm.events({ shuffle: true, late: 120, seed: 5 })
  const names = Array.from({ length: 20 }, (_, index) => `n${String(index).padStart(2, '0')}`)
  for (const name of names) await world.crm.create('AccountObj', { name })
  await until('all are told', () => hook.calls.length === 20)
  const told = hook.calls.map(({ event }) => event.masterFieldVal?.name)
  assert.notDeepEqual(told, names)
  assert.deepEqual(told.toSorted(), names)
})

test('the ERP tells nothing unless asked to, then it does the same', async () => {
  await using hook = await freshHook()
  await using world = await freshSandbox({ hook: hook.url })
  await world.erp.create('BD_Customer', { name: 'silent' })
  await world.erp.events({ mode: 'before', hook: hook.url, secret: 's3', headers: { 'x-test': 'yes' } })
  await world.erp.create('BD_Customer', { name: 'x' })
  assert.deepEqual(
    hook.calls.map(({ event, path, headers }) => [event.dataId, path, headers['x-test']]),
    [['C-000002', '/hooks/crm/s3', 'yes']],
  )
})

test('options survive a restart, and a hook given at start replaces the remembered one', async () => {
  await using first = await freshHook()
  await using second = await freshHook()
  await using world = await freshSandbox({ hook: first.url })
  await world.crm.events({ body: false })
  await world.restart({ hook: second.url })
  await world.crm.create('AccountObj', { name: 'x' })
  assert.deepEqual([first.calls.length, second.calls.length, second.calls[0]?.event.masterFieldVal], [0, 1, undefined])
})

test('without a hook nothing is sent and nothing waits', async () => {
  await using world = await freshSandbox()
  await world.crm.create('AccountObj', { name: 'x' })
  assert.deepEqual([(await world.crm.eventState()).pending, (await world.crm.eventState()).attempts], [0, 0])
})

test('the late effect of a lost call is told too, when it happens', async () => {
  await using hook = await freshHook()
  await using world = await freshSandbox({ hook: hook.url })
  await world.crm.faults([{ kind: 'lateCommit', ms: 30 }])
  await assert.rejects(world.crm.create('AccountObj', { name: 'x' }))
  await until('it is told', () => hook.calls.length === 1)
  assert.equal(hook.calls[0]?.event.dataId, 'A-000001')
})
