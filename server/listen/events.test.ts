/** Events in other people's words (contracts.md section 3), details that come alone, what is not ours, and voids that nothing places. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRefusal } from '../../protocol/codes.ts'
import type { ObjectDef } from '../doc/object.ts'
import { type EventShape, plainShape } from '../doc/queue.ts'
import { eventRow, type Sender } from './events.ts'

const def = (code: string, more: Partial<ObjectDef> = {}): ObjectDef => ({
  code,
  apiName: code,
  idField: '_id',
  fields: [],
  details: [],
  ...more,
})
const objects = [
  def('AccountObj', { details: [{ code: 'ContactObj', fields: [] }] }),
  def('WholeObj', { bodies: { event: 'whole' }, modifiedField: 'modified', modifiedGrain: 'millisecond' }),
]

const read = (event: unknown, events: Partial<EventShape> = {}, sender: Partial<Sender> = {}, readable = true) => {
  const bytes = Buffer.from(typeof event === 'string' ? event : JSON.stringify(event))
  const made = eventRow(
    {
      sender: { tenantId: 't', connectionId: 'crm', redelivers: true, ...sender },
      connection: {
        zone: 'Asia/Shanghai',
        readable,
        object: (name) => objects.find((one) => one.code === name),
        events: { ...plainShape, ...events, names: { ...plainShape.names, ...events.names } },
      },
      traceId: 'trace',
      meta: undefined,
    },
    bytes,
    '',
  )
  return isRefusal(made) ? { refused: made.reason, ...made.values } : made
}

const theirs: Partial<EventShape> = {
  names: {
    tenantId: 'head.ei',
    objectApiName: 'head.describe',
    dataId: 'data._id',
    operation: 'head.op',
    changedAt: 'head.time',
    masterFieldVal: 'data',
    detailFieldVals: 'rows',
  },
  operations: { i: 'create', u: 'update', d: 'void' },
  objects: { account: 'AccountObj', whole: 'WholeObj' },
  tenants: ['590057'],
}
const their = (head: object, data: object = { _id: 'A1' }) => ({
  head: { ei: 590057, describe: 'account', op: 'u', time: 1714950489123, ...head },
  data,
})

test('an event in their words becomes the same hint, and its bytes are kept as they came', () => {
  const event = their({})
  const made = read(event, theirs)
  assert.ok('hint' in made)
  assert.deepEqual(
    [made.hint.object, made.hint.data_id, made.hint.cause, made.hint.raw.toString()],
    ['AccountObj', 'A1', 'partial event', JSON.stringify(event)],
  )
})

test('a whole body keeps its numbers byte for byte through the change of words', () => {
  const made = read(
    '{"head":{"ei":"590057","describe":"whole","op":"i","time":"1714950489123"},"data":{"_id":"W1","modified":1714950489123,"amount":1.10,"long":12345678901234567890.12}}',
    theirs,
  )
  assert.ok('row' in made)
  assert.match(made.row.master?.toString() ?? '', /"amount":1\.10,"long":12345678901234567890\.12/)
  assert.equal(made.row.source_time, 1714950489123)
})

test('what is wrong is told by the place as the sender knows it', () => {
  assert.deepEqual(read(their({ op: 'x' }), theirs), {
    refused: 'shape',
    path: 'head.op',
    expected: 'create | update | void',
  })
  assert.deepEqual(read(their({}, {}), theirs), { refused: 'shape', path: 'data._id', expected: 'text' })
  assert.deepEqual(read(their({ ei: 1 }), theirs), { refused: 'tenant', path: 'head.ei' })
  assert.deepEqual(read('{"head":', theirs), { refused: 'end', path: 'head', line: 1, column: 9, offset: 8 })
  assert.deepEqual(read('[1]', theirs), { refused: 'shape', path: '$', expected: 'object' })
  assert.deepEqual(read('{"__proto__":1}', theirs), { refused: 'reserved', path: '__proto__' })
})

test('what is not ours is refused, or passed over where the configuration says so', () => {
  assert.deepEqual(read(their({ describe: 'Nobody' }), theirs), {
    refused: 'object',
    value: 'Nobody',
    path: 'head.describe',
  })
  const skipping = { ...theirs, others: 'skip' } as const
  assert.deepEqual(read(their({ describe: 'Nobody' }), skipping), { skip: 'object' })
  assert.deepEqual(read(their({ ei: 1 }), skipping), { skip: 'tenant' })
  assert.ok('refused' in read(their({ op: 'x' }), skipping), 'what is ours and broken is never passed over')
})

test('what is not told is filled in: the tenant, the operation, the time', () => {
  const names = { ...plainShape.names, tenantId: null, operation: null, changedAt: null }
  const made = read({ objectApiName: 'AccountObj', dataId: 'A1' }, { names })
  assert.ok('hint' in made && made.hint.cause === 'event without body')
  assert.equal(made.hint.tenant_id, 't')
})

test('a row of a detail that comes alone asks for its master, whichever came first', () => {
  const details = { ContactObj: { object: 'AccountObj', masterId: 'account_id' } }
  const event = (masterFieldVal: unknown) => ({
    tenantId: 't',
    objectApiName: 'ContactObj',
    dataId: 'C1',
    operation: 'void',
    changedAt: 1,
    masterFieldVal,
  })
  const made = read(event({ account_id: 'A7', name: 'x' }), { details })
  assert.ok('hint' in made)
  assert.deepEqual([made.hint.object, made.hint.data_id, made.hint.cause], ['AccountObj', 'A7', 'detail event'])
  for (const bad of [{}, { account_id: null }, { account_id: {} }, { account_id: '' }, undefined])
    assert.deepEqual(read(event(bad), { details }), {
      refused: 'shape',
      path: 'masterFieldVal.account_id',
      expected: 'text',
    })
})

test('a void that nothing places among the changes of its record is confirmed by a read (decision 007)', () => {
  const event = (objectApiName: string, more: object = {}) => ({
    tenantId: 't',
    objectApiName,
    dataId: 'V1',
    operation: 'void',
    changedAt: 1714950489123,
    ...more,
  })
  const coarse = read(event('AccountObj'))
  assert.ok('hint' in coarse && coarse.hint.cause === 'void event', 'redelivered late it would undo a revival')
  const fine = read(event('WholeObj'))
  assert.ok('row' in fine && fine.row.operation === 'void' && fine.row.source_time === 1714950489123)
  assert.ok('row' in read(event('AccountObj'), {}, { redelivers: false }), 'the door takes it as it comes')
  assert.ok('row' in read(event('AccountObj'), {}, {}, false), 'nothing can be read there')
})
