/** The pure state machine of one sandbox system: what each call decides and changes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isJsonObject, type JsonObject, readJson } from './json.ts'
import { GUIDE_OBJECT, objectsOf, type SystemName } from './objects.ts'
import {
  apply,
  type Bend,
  decide,
  findBatch,
  findById,
  KEY_KEPT_MS,
  keepAnswer,
  newState,
  type State,
  straight,
  type WriteRequest,
} from './system.ts'

const world = (system: SystemName = 'erp') => {
  const state: State = newState(objectsOf[system])
  let now = 1_000_000
  const call = (request: Partial<WriteRequest> & Pick<WriteRequest, 'call'>, bend: Bend = straight) => {
    const full = {
      text: JSON.stringify(request.body),
      body: null,
      headerId: null,
      headerObject: null,
      operationType: null,
      key: null,
      ...request,
    }
    const decision = decide(state, full, now, bend)
    if (decision.change !== null) apply(state, decision.change)
    if (decision.keep !== undefined)
      keepAnswer(state, decision.keep.key, { hash: decision.keep.hash, at: now, outcome: decision })
    return decision
  }
  const body = (object: string, master: unknown, details?: unknown) =>
    readJson(JSON.stringify({ objAPIName: object, masterFieldVal: master, detailFieldVals: details })) as JsonObject
  return {
    state,
    at: (time: number) => {
      now = time
    },
    create: (object: string, master: unknown, details?: unknown, bend?: Bend) =>
      call({ call: 'create', body: body(object, master, details) }, bend),
    update: (object: string, id: string | null, master: unknown, details?: unknown, bend?: Bend) =>
      call({ call: 'update', headerId: id, body: body(object, master, details) }, bend),
    void: (object: string, id: string, operationType: string | null = '3') =>
      call({ call: 'invalid', headerId: id, operationType, body: body(object, {}) }),
    keyed: (key: string, object: string, master: unknown) => call({ call: 'create', key, body: body(object, master) }),
    held: (object: string, id: string) => state.tables.get(object)?.rows.get(id),
    master: (object: string, id: string): JsonObject =>
      JSON.parse(state.tables.get(object)?.rows.get(id)?.master ?? 'null'),
    details: (object: string, id: string): Record<string, JsonObject[]> =>
      JSON.parse(state.tables.get(object)?.rows.get(id)?.details ?? 'null'),
    find: (object: string, dataId: string) =>
      JSON.parse(
        findById(state, new URLSearchParams({ objAPIName: object, dataId, includeDetail: 'true' })).data ?? 'null',
      ),
    batch: (query: Record<string, unknown>, arrange: Parameters<typeof findBatch>[3] = null) =>
      findBatch(state, new URLSearchParams(query as Record<string, string>), now, arrange),
  }
}

test('ids of records and rows are given out here, in order, and told in row order', () => {
  const { create } = world()
  const details = { contacts: [{ name: 'b' }, { name: 'a', id: 'CT-000009' }] }
  const first = create('BD_Customer', { name: 'x', id: 'mine', modifyTime: 5, voided: 'true' }, details)
  assert.equal(first.data, '{"masterDataId":"C-000001","detailDataIds":{"contacts":["CT-000001","CT-000002"]}}')
  assert.equal(create('BD_Customer', { name: 'y' }).id, 'C-000002')
})

test('what the sandbox owns is never taken from the caller', () => {
  const { create, update, master } = world()
  create('BD_Customer', { name: 'x', id: 'mine', modifyTime: 5, voided: 'true' })
  assert.deepEqual(master('BD_Customer', 'C-000001'), { id: 'C-000001', name: 'x', modifyTime: 1_000_000 })
  update('BD_Customer', 'C-000001', { modifyTime: 7, voided: 'true', name: 'y' })
  assert.deepEqual(master('BD_Customer', 'C-000001'), { id: 'C-000001', name: 'y', modifyTime: 1_000_001 })
})

test('an update replaces the fields given, keeps the absent ones, and empty text clears', () => {
  const { create, update, master } = world()
  create('BD_Customer', { name: 'x', taxNo: 't', number: 'n' })
  update('BD_Customer', 'C-000001', { taxNo: '', extra: 'kept as given' })
  assert.deepEqual(master('BD_Customer', 'C-000001'), {
    id: 'C-000001',
    name: 'x',
    taxNo: '',
    number: 'n',
    modifyTime: 1_000_001,
    extra: 'kept as given',
  })
})

test('a given detail is replaced: known ids update, rows without id are added, rows not mentioned go', () => {
  const { create, update, details } = world()
  create('BD_Customer', { name: 'x' }, { contacts: [{ name: 'a', mobile: '1' }, { name: 'b' }] })
  const answer = update('BD_Customer', 'C-000001', {}, { contacts: [{ name: 'new' }, { id: 'CT-000001', name: 'A' }] })
  assert.equal(answer.data, '{"masterDataId":"C-000001","detailDataIds":{"contacts":["CT-000003","CT-000001"]}}')
  assert.deepEqual(details('BD_Customer', 'C-000001').contacts, [
    { id: 'CT-000003', name: 'new' },
    { id: 'CT-000001', name: 'A', mobile: '1' },
  ])
  update('BD_Customer', 'C-000001', { name: 'z' })
  assert.equal(details('BD_Customer', 'C-000001').contacts?.length, 2)
  update('BD_Customer', 'C-000001', {}, { contacts: [] })
  assert.deepEqual(details('BD_Customer', 'C-000001'), { contacts: [] })
})

test('an update that changes nothing is answered and leaves stamp and version alone', () => {
  const { create, update, held } = world()
  create('BD_Customer', { name: 'x', creditLimit: '1.10' }, { contacts: [{ name: 'a' }] })
  const before = held('BD_Customer', 'C-000001')
  const answer = update(
    'BD_Customer',
    'C-000001',
    { creditLimit: '1.10' },
    { contacts: [{ id: 'CT-000001', name: 'a' }] },
  )
  assert.deepEqual([answer.code, answer.change], ['0', null])
  assert.equal(held('BD_Customer', 'C-000001'), before)
  assert.equal(update('BD_Customer', 'C-000001', { creditLimit: '1.1' }).change?.op, 'update')
})

test('the target of an update is the id field or header id, and both must agree', () => {
  const { create, update } = world()
  create('BD_Customer', { name: 'x' })
  assert.equal(update('BD_Customer', null, { id: 'C-000001', name: 'y' }).code, '0')
  assert.equal(update('BD_Customer', 'C-000001', { name: 'z' }).code, '0')
  assert.equal(update('BD_Customer', 'C-000001', { id: 'C-000001', name: 'u' }).code, '0')
  assert.equal(update('BD_Customer', 'C-000002', { id: 'C-000001', name: 'v' }).code, '400105')
  assert.equal(update('BD_Customer', null, { name: 'w' }).code, '400105')
})

test('refusals carry a code and a sentence that names field and value, and change nothing', () => {
  const { create, update, void: invalid, state } = world()
  create('BD_Customer', { name: 'x' }, { contacts: [{ name: 'a' }] })
  const cases: [{ code: string; message: string; change: unknown }, string, RegExp][] = [
    [create('BD_Customer', { grade: 'A' }), '400101', /BD_Customer\.name is required/],
    [create('BD_Customer', { name: '' }), '400101', /BD_Customer\.name is required/],
    [create('BD_Customer', { name: 'x', grade: 'D' }), '400102', /BD_Customer\.grade: "D" is not one of A, B, C/],
    [create('BD_Customer', { name: 'x', creditLimit: '1,000' }), '400103', /creditLimit: "1,000" is not a decimal/],
    [create('SAL_SaleOrder', { customerId: 'C-7' }), '400104', /customerId: "C-7" does not exist in BD_Customer/],
    [create('SAL_SaleOrder', {}, { lines: [{}, { materialId: 'M-7' }] }), '400104', /lines\[1\]\.materialId: "M-7"/],
    [create('SAL_SaleOrder', {}, { lines: [{ qty: 'many' }] }), '400103', /lines\[0\]\.qty: "many"/],
    [create('BD_Customer', { name: 'x' }, { rows: [] }), '400107', /no detail "rows"/],
    [create('BD_Customer', { name: 'x' }, { contacts: {} }), '400002', /detailFieldVals\.contacts is not an array/],
    [create('BD_Customer', { name: 'x' }, { contacts: [1] }), '400002', /contacts\[0\] is not an object/],
    [create('BD_Customer', null), '400002', /masterFieldVal/],
    [create('Nothing', {}), '404001', /"Nothing" does not exist/],
    [update('BD_Customer', 'C-9', { name: 'x' }), '404002', /"C-9" does not exist/],
    [update('BD_Customer', 'C-000001', { name: '' }), '400101', /name is required/],
    [
      update('BD_Customer', 'C-000001', {}, { contacts: [{ id: 'CT-9' }] }),
      '404003',
      /contacts\[0\]\.id: "CT-9" is no row/,
    ],
    [
      update('BD_Customer', 'C-000001', {}, { contacts: [{ id: 'CT-000001' }, { id: 'CT-000001' }] }),
      '400108',
      /twice/,
    ],
    [invalid('BD_Customer', 'C-9'), '404002', /"C-9" does not exist/],
    [invalid('BD_Customer', 'C-000001', null), '400106', /operationType/],
  ]
  for (const [answer, code, sentence] of cases) {
    assert.equal(answer.code, code)
    assert.match(answer.message, sentence)
    assert.equal(answer.change, null)
  }
  assert.equal(state.tables.get('BD_Customer')?.rows.size, 1)
  assert.equal(create('BD_Customer', { name: 'next' }).id, 'C-000002', 'a refusal uses up no id')
})

test('options and decimals are taken as numbers and as texts', () => {
  const { create, master, state } = world('crm')
  const sent = readJson(
    '{"objAPIName":"AccountObj","masterFieldVal":{"name":"x","level":2,"credit_limit":12345678901234567890.120}}',
  )
  assert.ok(isJsonObject(sent))
  const decision = decide(
    state,
    { call: 'create', text: '', body: sent, headerId: null, headerObject: null, operationType: null, key: null },
    1,
    straight,
  )
  assert.match(decision.change?.held.master ?? '', /"credit_limit":12345678901234567890\.120/)
  create('AccountObj', { name: 'x', level: '3', credit_limit: '-1e3' })
  assert.equal(master('AccountObj', 'A-000001').level, '3')
  assert.equal(create('AccountObj', { name: 'x', level: 4 }).code, '400102')
})

test('references of both systems need a record that exists', () => {
  const { create } = world('crm')
  assert.equal(create('SalesOrderObj', { account_id: 'A-000001' }).code, '400104')
  create('AccountObj', { name: 'x' })
  create('ProductObj', { name: 'p' })
  assert.equal(
    create(
      'SalesOrderObj',
      { account_id: 'A-000001' },
      { SalesOrderProductObj: [{ product_id: 'P-000001', quantity: '2' }] },
    ).code,
    '0',
  )
  assert.equal(
    create('SalesOrderObj', { account_id: '' }, { SalesOrderProductObj: [{ product_id: 'P-2' }] }).code,
    '400104',
  )
})

test("the guide's object takes the guide's body, empty fields and all", () => {
  const { create, update, find } = world()
  const rows = {
    '明细 apiName1': [{ Key4: 'value4', Key5: 'value5', Key6: 'value6' }],
    '明细 apiName2': [{ Key4: 'value7' }],
  }
  assert.equal(create(GUIDE_OBJECT, { Key1: 'value1', Key2: 'value2', Key3: 'value3' }, rows).code, '0')
  assert.equal(create(GUIDE_OBJECT, {}).code, '0')
  assert.equal(update(GUIDE_OBJECT, 'G-000001', { Key1: 'changed' }).code, '0')
  const found = find(GUIDE_OBJECT, 'G-000001')
  assert.equal(found.masterFieldVal.Key1, 'changed')
  assert.deepEqual(found.detailFieldVals['明细 apiName1'], [
    { id: 'GA-000001', Key4: 'value4', Key5: 'value5', Key6: 'value6' },
  ])
})

test('a void keeps the record, marks it, and is idempotent; an update brings it back', () => {
  const { create, update, void: invalid, find, held } = world()
  create('BD_Customer', { name: 'x' })
  assert.equal(invalid('BD_Customer', 'C-000001').change?.op, 'void')
  assert.equal(find('BD_Customer', 'C-000001').masterFieldVal.voided, 'true')
  const before = held('BD_Customer', 'C-000001')
  assert.deepEqual([before?.voided, before?.versions], [true, 2])
  const again = invalid('BD_Customer', 'C-000001')
  assert.deepEqual([again.code, again.change], ['0', null])
  assert.equal(held('BD_Customer', 'C-000001'), before)
  assert.equal(update('BD_Customer', 'C-000001', { name: 'x' }).change?.op, 'update', 'same content, but alive again')
  assert.equal(find('BD_Customer', 'C-000001').masterFieldVal.voided, undefined)
  assert.equal(held('BD_Customer', 'C-000001')?.voided, false)
})

test('an invalid may come without a body, the object in its header', () => {
  const { create, state } = world()
  create('BD_Customer', { name: 'x' })
  const request: WriteRequest = {
    call: 'invalid',
    text: '',
    body: null,
    headerId: 'C-000001',
    headerObject: 'BD_Customer',
    operationType: '3',
    key: null,
  }
  assert.equal(decide(state, request, 1, straight).change?.op, 'void')
})

test('stamps of one record grow strictly, even within one millisecond', () => {
  const { create, update, held } = world()
  create('BD_Customer', { name: '0' })
  const stamps = ['1', '2', '3'].map((name) => {
    update('BD_Customer', 'C-000001', { name })
    return held('BD_Customer', 'C-000001')?.modifiedAt
  })
  assert.deepEqual(stamps, [1_000_001, 1_000_002, 1_000_003])
})

test('a batch query answers [startTime, endTime) by modify time, a record once and with its newest state', () => {
  const { at, create, update, batch } = world()
  for (const time of [10, 20, 30]) {
    at(time)
    create('BD_Material', { name: `m${time}` })
  }
  at(40)
  update('BD_Material', 'M-000001', { name: 'late' })
  const ids = (startTime: number, endTime: number) => batch({ objAPIName: 'BD_Material', startTime, endTime }).ids
  assert.deepEqual(ids(0, 100), ['M-000002', 'M-000003', 'M-000001'])
  assert.deepEqual(ids(20, 30), ['M-000002'])
  assert.deepEqual(ids(20, 31), ['M-000002', 'M-000003'])
  assert.deepEqual(ids(0, 15), [], 'the first state of M-000001 is gone')
  const page = batch({ objAPIName: 'BD_Material', startTime: 0, endTime: 100, offset: 1, limit: 1 })
  assert.deepEqual([page.ids, JSON.parse(page.data ?? '').totalNum], [['M-000003'], 3])
})

test('includeDetail decides whether rows are shown', () => {
  const { create, batch } = world()
  create('BD_Customer', { name: 'x' }, { contacts: [{ name: 'a' }] })
  const rows = (includeDetail: string) =>
    JSON.parse(batch({ objAPIName: 'BD_Customer', startTime: 0, endTime: 9e9, includeDetail }).data ?? '').dataList[0]
      .detailFieldVals
  assert.deepEqual(rows('true'), { contacts: [{ id: 'CT-000001', name: 'a' }] })
  assert.equal(rows('false'), undefined)
})

test('a query with a wrong window, page or object is refused, never answered short', () => {
  const { batch } = world()
  const code = (query: Record<string, unknown>) =>
    batch({ objAPIName: 'BD_Material', startTime: 0, endTime: 1, ...query }).code
  assert.deepEqual(
    [
      code({}),
      code({ startTime: 'now' }),
      code({ limit: 0 }),
      code({ limit: 10_001 }),
      code({ offset: -1 }),
      code({ objAPIName: 'x' }),
    ],
    ['0', '400002', '400002', '400002', '400002', '404001'],
  )
})

test('records of a clock that jumps back are found in the windows of their stamps', () => {
  const { at, create, batch } = world()
  at(100_000)
  create('BD_Material', { name: 'now' })
  create('BD_Material', { name: 'then' }, undefined, { ...straight, shift: -50_000 })
  create('BD_Material', { name: 'now too' })
  const ids = (startTime: number, endTime: number) => batch({ objAPIName: 'BD_Material', startTime, endTime }).ids
  assert.deepEqual(ids(0, 60_000), ['M-000002'])
  assert.deepEqual(ids(60_000, 200_000), ['M-000001', 'M-000003'])
})

test('a late visible record is missing from batch queries until its time, and is there by id', () => {
  const { at, create, batch, find } = world()
  at(1_000)
  create('BD_Material', { name: 'm' }, undefined, { ...straight, visibleIn: 500 })
  const seen = (time: number) => {
    at(time)
    return batch({ objAPIName: 'BD_Material', startTime: 0, endTime: 9e9 }).ids.length
  }
  assert.deepEqual([seen(1_000), seen(1_499), seen(1_500)], [0, 0, 1])
  assert.equal(find('BD_Material', 'M-000001').masterFieldVal.name, 'm')
})

test('byId: a single query also finds the record by our id; the other modes do not', () => {
  const { create, find, state } = world()
  create('BD_Customer', { name: 'x', sourceId: 'A-7' })
  assert.equal(find('BD_Customer', 'A-7'), null)
  state.recognise = 'byId'
  assert.equal(find('BD_Customer', 'A-7').masterFieldVal.id, 'C-000001')
  assert.equal(find('BD_Customer', 'A-8'), null)
})

test('externalIdUnique: a second create of one sourceId is refused with the id of the first', () => {
  const { create, update, state } = world()
  create('BD_Customer', { name: 'x', sourceId: 'A-7' })
  assert.equal(create('BD_Customer', { name: 'x', sourceId: 'A-7' }).code, '0', 'not in the default mode')
  state.recognise = 'externalIdUnique'
  const second = create('BD_Customer', { name: 'y', sourceId: 'A-7' })
  assert.deepEqual([second.code, second.data], ['409001', '{"masterDataId":"C-000001"}'])
  assert.equal(create('BD_Customer', { name: 'y' }).code, '0')
  assert.equal(update('BD_Customer', 'C-000003', { sourceId: 'A-7' }).code, '409001')
  assert.equal(create('BD_Customer', { name: 'z', sourceId: 'A-8' }).code, '0')
  update('BD_Customer', 'C-000004', { sourceId: 'A-9' })
  assert.equal(create('BD_Customer', { name: 'z', sourceId: 'A-8' }).code, '0', 'A-8 is free again')
})

test('idempotencyHeader: the same key gets the first answer and no second effect, for 24 hours', () => {
  const { at, keyed, state } = world()
  assert.equal(keyed('k', 'BD_Customer', { name: 'x' }).id, 'C-000001')
  assert.equal(keyed('k', 'BD_Customer', { name: 'x' }).id, 'C-000002', 'not in the default mode')
  state.recognise = 'idempotencyHeader'
  assert.equal(keyed('k', 'BD_Customer', { name: 'x' }).id, 'C-000003')
  const again = keyed('k', 'BD_Customer', { name: 'x' })
  assert.deepEqual([again.id, again.change, again.replayed], ['C-000003', null, true])
  assert.equal(keyed('k', 'BD_Customer', { name: 'other' }).code, '409002')
  at(1_000_000 + KEY_KEPT_MS + 1)
  assert.equal(keyed('other', 'BD_Customer', { name: 'y' }).id, 'C-000004')
  assert.deepEqual([...state.keys.keys()], ['other'], 'the old key is swept')
  assert.equal(keyed('k', 'BD_Customer', { name: 'x' }).id, 'C-000005')
})

test('a system that normalises trims texts, changes their case and shortens decimals, ids and options excepted', () => {
  const { create, master, details } = world()
  const bend: Bend = { ...straight, normalise: { trim: true, case: 'upper', numbers: true } }
  create(
    'BD_Customer',
    { name: ' ab ', grade: 'A', creditLimit: '1.10', sourceId: ' aB' },
    { contacts: [{ name: 'c ' }] },
    bend,
  )
  assert.deepEqual(master('BD_Customer', 'C-000001'), {
    id: 'C-000001',
    name: 'AB',
    grade: 'A',
    creditLimit: '1.1',
    sourceId: ' aB',
    modifyTime: 1_000_000,
  })
  assert.equal(details('BD_Customer', 'C-000001').contacts?.[0]?.name, 'C')
})

test('a system that loses detail rows loses every n-th and tells no id for it', () => {
  const { create, details } = world()
  const contacts = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => ({ name }))
  const answer = create('BD_Customer', { name: 'x' }, { contacts }, { ...straight, dropEvery: 3 })
  assert.deepEqual(
    details('BD_Customer', 'C-000001').contacts?.map((row) => row.name),
    ['a', 'b', 'd', 'e', 'g'],
  )
  assert.equal(JSON.parse(answer.data ?? '').detailDataIds.contacts?.length, 5)
})

test('a field named __proto__ is a field like any other', () => {
  const { create, update, state } = world()
  create(GUIDE_OBJECT, JSON.parse('{"__proto__":{"a":"1"}}'))
  update(GUIDE_OBJECT, 'G-000001', { Key1: 'x' })
  assert.match(state.tables.get(GUIDE_OBJECT)?.rows.get('G-000001')?.master ?? '', /"__proto__":\{"a":"1"\}/)
})

test('any JSON as fields is kept as it came', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
      const { create, state } = world()
      const text = JSON.stringify({ ...fields })
      const answer = create(GUIDE_OBJECT, JSON.parse(text))
      const kept = JSON.parse(state.tables.get(GUIDE_OBJECT)?.rows.get(answer.id ?? '')?.master ?? 'null')
      for (const name of ['id', 'modifyTime', 'voided']) {
        delete kept[name]
        delete fields[name]
      }
      assert.deepEqual(kept, JSON.parse(JSON.stringify(fields)))
    }),
    { numRuns: 200 },
  )
})
