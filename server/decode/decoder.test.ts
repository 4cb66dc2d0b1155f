/** The decoder on a real database: from the door's statement to documents, faults that are seen, order that is kept, and functions that misbehave alone. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import type { RawArrival } from '../doc/document.ts'
import type { FunctionDef } from '../doc/function.ts'
import type { ObjectDef } from '../doc/object.ts'
import { openFunctions } from '../functions/pool.ts'
import { admitIn } from '../stage/admit.ts'
import { keepIn } from '../stage/raw.ts'
import { freshDatabase } from '../store/fresh.ts'
import { suspensions } from './suspensions.ts'
import { countStretch, replay, rerunDecodes } from './claim.ts'
import { startDecoder } from './decoder.ts'

const functions = openFunctions({ workers: 2, grace: 300 })
after(() => functions.close())

const order: ObjectDef = {
  code: 'O',
  apiName: 'O',
  idField: 'no',
  externalIdField: 'crmId',
  fields: [],
  details: [{ code: 'lines', apiName: 'rows', fields: [] }],
  receive: { function: 'toOrders' },
}
const xmlOrder: ObjectDef = {
  ...order,
  code: 'X',
  apiName: 'X',
  receive: {
    charset: 'gbk',
    reader: {
      kind: 'xml',
      records: 'Order',
      id: 'No',
      fields: { no: 'No', name: 'Customer/Name' },
      details: { lines: { rows: 'Line', fields: { qty: 'Qty' } } },
    },
  },
}
const slow: ObjectDef = { ...order, code: 'S', apiName: 'S', receive: { function: 'slow' } }

const fn = (name: string, code: string): FunctionDef => ({
  name,
  kind: 'receive',
  code,
  time: 200,
  memory: 16,
  examples: [],
})
const plain = `function receive(message) {
  const given = JSON.parse(message.body)
  if (given.bad) { console.log('seen', given.bad); throw new Error('bad ' + given.bad) }
  return given.orders.map((o) => ({ id: o.no, masterFieldVal: o, detailFieldVals: { rows: o.lines ?? [] } }))
}`

const world = async () => {
  const db = await freshDatabase()
  const declared = new Map([
    ['toOrders', fn('toOrders', plain)],
    ['slow', fn('slow', 'function receive() { for (;;); }')],
  ])
  const objects = new Map([order, xmlOrder, slow].map((one) => [one.code, one]))
  await db.owner.unsafe(`
    insert into tenant (tenant_id) values ('t');
    insert into connection (tenant_id, connection_id, kind, role, definition) values ('t', 'erp', 'standard', 'erp', '{}'), ('t', 'crm', 'standard', 'crm', '{}');
    insert into object (tenant_id, connection_id, code, api_name, definition) values ('t', 'erp', 'O', 'O', '{}'), ('t', 'crm', 'A', 'A', '{}');
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition) values ('t', 'p', 'erp', 'O', 'crm', 'A', '{}')`)
  const logged: unknown[] = []
  const note = (details: object, message: string) => void logged.push([message, details])
  const decoder = startDecoder(
    {
      sql: db.sql,
      env: createEnv(),
      log: { error: note },
      functions,
      object: (_tenant, _connection, code) => objects.get(code),
      zone: () => 'Asia/Shanghai',
      function: (_tenant, name) => declared.get(name),
      admitIn,
      woke: () => {},
    },
    200,
  )
  const push = async (body: string | Buffer, more: Partial<RawArrival> = {}): Promise<number> => {
    const [kept] = await keepIn(db.sql, [
      {
        tenant_id: 't',
        connection_id: 'erp',
        object: 'O',
        operation: 'upsert',
        trace_id: 'trace',
        raw: Buffer.from(body),
        meta: '{"contentType":"","headers":{}}',
        ...more,
      },
    ])
    decoder.wake()
    return kept?.kind === 'kept' ? kept.seq : 0
  }
  const until = async (done: () => Promise<boolean>, what: string): Promise<void> => {
    for (const end = performance.now() + 60_000; !(await done()); ) {
      if (performance.now() > end) throw new Error(`${what} did not come; ${JSON.stringify(logged)}`)
      decoder.wake()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const todo = () =>
    db.sql<{
      seq: number
      object: string
      state: string
      fault: string | null
      logs: string | null
    }>`select seq, object, state, fault, logs from decode order by seq`
  const settled = () => until(async () => (await todo()).every((row) => row.state !== 'due'), 'the end of decoding')
  const documents = () =>
    db.sql<{
      object: string
      data_id: string
      operation: string
      master: string
      details: string | null
    }>`select object, data_id, operation, master, details from document order by object, data_id`
  return {
    db,
    decoder,
    push,
    until,
    todo,
    settled,
    documents,
    declared,
    objects,
    alarms: async () => (await suspensions(db.sql, 't')).map(({ name }) => name),
    logged,
    [Symbol.asyncDispose]: async () => {
      await decoder.stop()
      await db[Symbol.asyncDispose]()
    },
  }
}

test('a push becomes documents through its function: digits untouched, details by their code, links touched, one trace', async () => {
  await using w = await world()
  const seq = await w.push(
    '{"orders":[{"no":"1","amount":12345678901234567890.10,"lines":[{"q":1.10}]},{"no":"2"},{"no":"2","last":true}]}',
  )
  await w.settled()
  assert.deepEqual(await w.todo(), [])
  assert.deepEqual(await w.documents(), [
    {
      object: 'O',
      data_id: '1',
      operation: 'upsert',
      master: '{"no":"1","amount":12345678901234567890.10,"lines":[{"q":1.10}]}',
      details: '{"lines":[{"q":1.10}]}',
    },
    { object: 'O', data_id: '2', operation: 'upsert', master: '{"no":"2","last":true}', details: '{"lines":[]}' },
  ])
  const arrivals = await w.db.sql<{
    data_id: string
    trace_id: string
    meta: string
    outcome: string
  }>`select data_id, trace_id, meta, outcome from arrival order by seq`
  assert.deepEqual(
    arrivals.map((one) => [one.data_id, one.trace_id]),
    [
      ['', 'trace'],
      ['1', 'trace'],
      ['2', 'trace'],
    ],
  )
  assert.deepEqual(JSON.parse(arrivals[1]?.meta ?? ''), { decodedFrom: seq })
  assert.equal((await w.db.sql`select from link where state = 'due'`).length, 2)
})

test('an XML body in GBK becomes a document without code; DOCTYPE, and a body that does not fit, are faults with the raw body kept', async () => {
  await using w = await world()
  const gbk = Buffer.concat([
    Buffer.from('<Orders><Order><No>007</No><Customer><Name>'),
    Buffer.from('d6d0b9fa', 'hex'),
    Buffer.from('</Name></Customer><Line><Qty>1.10</Qty></Line></Order></Orders>'),
  ])
  await w.push(gbk, { object: 'X' })
  await w.push('<!DOCTYPE a><Orders/>', { object: 'X' })
  await w.push('<Orders><Order><Other/></Order></Orders>', { object: 'X' })
  await w.push(Buffer.from([0xff, 0xff]), { object: 'X' })
  await w.push('<Orders></Orders>', { object: 'X' })
  await w.settled()
  assert.deepEqual(await w.documents(), [
    {
      object: 'X',
      data_id: '007',
      operation: 'upsert',
      master: '{"no":"007","name":"中国"}',
      details: '{"lines":[{"qty":"1.10"}]}',
    },
  ])
  assert.deepEqual(
    (await w.todo()).map((row) => (JSON.parse(row.fault ?? '{}') as { code: string }).code),
    ['decode.body', 'decode.reader', 'decode.body'],
  )
  const [nothing] = await w.db.sql<{
    outcome: string
  }>`select outcome from arrival where data_id = '' order by seq desc limit 1`
  assert.equal(nothing?.outcome, 'nothing')
})

test('what a function throws, and what is no document, is a fault with its console; after mending one, a group, or a stretch of the log runs again', async () => {
  await using w = await world()
  await w.push('{"bad":"one"}')
  await w.push('{"bad":"two"}')
  await w.push('{"orders":"none"}')
  await w.push('{"orders":[{"no":"9","v":"old"}]}')
  await w.settled()
  const failed = await w.todo()
  assert.deepEqual(
    failed.map((row) => (JSON.parse(row.fault ?? '{}') as { code: string }).code),
    ['function.threw', 'function.threw', 'function.threw'],
  )
  assert.equal(failed[0]?.logs, 'seen one')
  const groups = await w.db.sql<{
    fault_group: string
    count: number
  }>`select fault_group, count(*) as count from decode group by 1 order by 2 desc`
  assert.ok(groups[0]?.fault_group.length === 10)

  w.declared.set(
    'toOrders',
    fn(
      'toOrders',
      `function receive(m) { const b = JSON.parse(m.body); return [{ id: b.bad ?? '9', masterFieldVal: { mended: true } }] }`,
    ),
  )
  w.decoder.refresh()
  assert.equal(await rerunDecodes(w.db.sql, { tenantId: 't', seqs: [failed[0]?.seq ?? 0], limit: 10 }), 1)
  await w.settled()
  assert.equal((await w.todo()).length, 2)
  assert.equal(
    await rerunDecodes(w.db.sql, { tenantId: 't', group: groups[0]?.fault_group ?? '', limit: 10 }),
    groups[0]?.count === 3 ? 2 : 1,
  )
  await w.settled()
  const stretch = {
    tenant_id: 't',
    connection_id: 'erp',
    object: 'O',
    from: '2000-01-01T00:00:00Z',
    until: '2100-01-01T00:00:00Z',
  }
  assert.equal(await countStretch(w.db.sql, stretch), 4)
  const first = await replay(w.db.sql, { ...stretch, after: 0, limit: 3 })
  await replay(w.db.sql, { ...stretch, after: first.last ?? 0, limit: 3 })
  await w.settled()
  assert.deepEqual(
    (await w.documents()).map((one) => [one.data_id, one.master]),
    [
      ['9', '{"mended":true}'],
      ['one', '{"mended":true}'],
      ['two', '{"mended":true}'],
    ],
  )
})

test('A1: a push that is decoded late, or once more, never goes over what came in after it', async () => {
  await using w = await world()
  await w.push('{"bad":"7"}')
  await w.settled()
  await w.push('{"orders":[{"no":"7","v":"newer"}]}')
  await w.settled()
  w.declared.set(
    'toOrders',
    fn(
      'toOrders',
      `function receive(m) { const b = JSON.parse(m.body); return [{ id: '7', masterFieldVal: { v: b.bad ? 'older' : 'again' } }] }`,
    ),
  )
  await rerunDecodes(w.db.sql, { tenantId: 't', limit: 10 })
  await w.settled()
  assert.deepEqual(
    (await w.documents()).map((one) => one.master),
    ['{"no":"7","v":"newer"}'],
  )
  // the whole log once more: the newer one wins again, now as the mended function makes it; and so it does a second time
  for (let i = 0; i < 2; i++) {
    await replay(w.db.sql, {
      tenant_id: 't',
      connection_id: 'erp',
      object: 'O',
      from: '2000-01-01T00:00:00Z',
      until: '2100-01-01T00:00:00Z',
      after: 0,
      limit: 100,
    })
    await w.settled()
    assert.deepEqual(
      (await w.documents()).map((one) => one.master),
      ['{"v":"again"}'],
    )
  }
})

test('operationType: 3 voids, per document or for all of a push', async () => {
  await using w = await world()
  w.declared.set(
    'toOrders',
    fn(
      'toOrders',
      `function receive(m) { return [{ id: '1', operationType: 3 }, { id: '2', masterFieldVal: { a: 1 } }] }`,
    ),
  )
  await w.push('x')
  await w.settled()
  assert.deepEqual(
    (await w.documents()).map((one) => one.operation),
    ['void', 'upsert'],
  )
  await w.push('x', { operation: 'void' })
  await w.settled()
  assert.deepEqual(
    (await w.documents()).map((one) => [one.operation, one.master]),
    [
      ['void', ''],
      ['void', '{"a":1}'],
    ],
  )
})

test('a function that keeps hitting its limit is suspended with an alarm; others go on; mended, what was held goes on by itself', async () => {
  await using w = await world()
  for (let i = 0; i < 6; i++) await w.push(`{"n":${i}}`, { object: 'S' })
  await w.push('{"orders":[{"no":"1"}]}')
  await w.until(async () => (await w.documents()).length === 1, 'the other function’s document')
  await w.until(
    async () => (await w.todo()).length === 6 && (await w.todo()).every((row) => row.state !== 'due'),
    'the suspension',
  )
  assert.deepEqual(await w.alarms(), ['slow'])
  // three in a row, and what was in the batch of the third
  const failed = (await w.todo()).filter((row) => row.state === 'failed').length
  assert.ok(failed >= 3 && failed <= 5, String(failed))
  await w.push('{"n":7}', { object: 'S' })
  await w.until(
    async () => (await w.todo()).filter((row) => row.state === 'held').length === 7 - failed,
    'the seventh to be held',
  )
  w.declared.set('slow', fn('slow', 'function receive(m) { return [{ id: m.body, masterFieldVal: {} }] }'))
  w.decoder.refresh()
  await w.until(async () => (await w.todo()).length === failed, 'the held ones')
  assert.equal((await w.documents()).filter((one) => one.object === 'S').length, 7 - failed)
})

test('an object that has lost its function tells so', async () => {
  await using w = await world()
  w.declared.delete('toOrders')
  await w.push('x')
  await w.settled()
  assert.equal((JSON.parse((await w.todo())[0]?.fault ?? '{}') as { code: string }).code, 'decode.nothing')
})
