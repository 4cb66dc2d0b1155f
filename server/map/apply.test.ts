/** Mapping a document: field by field, option by option, reference by reference, and all faults of a record at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Document } from '../doc/document.ts'
import type { DetailRule, FieldRule, Resolved } from '../doc/flow.ts'
import {
  compiled,
  detail,
  document,
  faultsOf,
  field,
  flow,
  input,
  mapped,
  object,
  pairDef,
  planOf,
  sentDetails,
  sentMaster,
  type World,
} from './fixture.ts'

const left = object(
  'L',
  [
    field('name', 'text'),
    field('level', 'select'),
    field('amount', 'decimal'),
    field('parent', 'text'),
    field('customer', 'text'),
    field('address', 'attachment'),
    field('address.city', 'text'),
    field('flag', 'bool'),
  ],
  {
    details: [
      detail('contacts', [field('name', 'text'), field('mobile', 'text'), field('owner', 'text')]),
      detail('plain', [field('text', 'text')], null),
    ],
  },
)
const right = object(
  'R',
  [
    field('title', 'text', { length: 10 }),
    field('grade', 'select'),
    field('sum', 'decimal'),
    field('up', 'reference'),
    field('account', 'reference'),
    field('place.town', 'text'),
    field('place.code', 'text'),
    field('on', 'bool'),
    field('kind', 'text'),
    field('sourceId', 'text'),
  ],
  {
    externalIdField: 'sourceId',
    details: [
      detail('people', [
        field('label', 'text', { required: true }),
        field('phone', 'text'),
        field('boss', 'text'),
        field('owner', 'reference'),
        field('sourceId', 'text'),
      ]),
      detail('lines', [field('text', 'text')], null),
    ],
  },
)
const customers = pairDef(
  'customers',
  {},
  { left: { connectionId: 'crm', object: 'A' }, right: { connectionId: 'erp', object: 'C' } },
)

const world = (fields: FieldRule[], details: DetailRule[] = [], more: Partial<World> = {}): World => ({
  left,
  right,
  flows: { left: flow('left', fields, details) },
  others: [customers],
  ...more,
})
const plan = (fields: FieldRule[], details: DetailRule[] = [], more: Partial<World> = {}) =>
  planOf(compiled(world(fields, details, more)))
const people = (
  fields: FieldRule[] = [{ to: 'label', from: 'name' }],
  policy: DetailRule['policy'] = 'replace',
): DetailRule => ({ from: 'contacts', to: 'people', policy, fields })
const refs = (entries: Record<string, string | null>) =>
  new Map(
    Object.entries(entries).map(([key, id]): [string, Resolved] => [key, id === null ? 'unmapped' : { targetId: id }]),
  )

test('fields, fixed values and the record’s own id; the external id goes along by itself', () => {
  const made = plan([
    { to: 'title', from: 'name' },
    { to: 'kind', value: 'X' },
    { to: 'sum', value: 1.5 },
    { to: 'on', value: true },
    { to: 'grade', from: '$id' },
  ])
  assert.equal(
    sentMaster(made, input(document('C1', '{"name":"Anna","extra":1}'))),
    '{"title":"Anna","kind":"X","sum":1.5,"on":true,"grade":"C1","sourceId":"C1"}',
  )
})

test('an update carries the target’s id, whatever is mapped to that field', () => {
  const made = plan([
    { to: 'id', from: 'name' },
    { to: 'title', from: 'name' },
  ])
  assert.equal(
    sentMaster(made, input(document('C1', '{"name":"n"}'), { targetId: 'T9' })),
    '{"id":"T9","title":"n","sourceId":"C1"}',
  )
  assert.equal(sentMaster(made, input(document('C1', '{"name":"n"}'))), '{"id":"n","title":"n","sourceId":"C1"}')
})

test('an external id that is mapped is the mapping’s business', () => {
  assert.equal(
    sentMaster(plan([{ to: 'sourceId', from: 'name' }]), input(document('C1', '{"name":"n"}'))),
    '{"sourceId":"n"}',
  )
})

test('nested paths are read and built; a path through something else is a fault', () => {
  const made = plan([
    { to: 'place.town', from: 'address.city' },
    { to: 'place.code', value: '1' },
  ])
  assert.equal(
    sentMaster(made, input(document('C1', '{"address":{"city":"Wien"}}'))),
    '{"place":{"town":"Wien","code":"1"},"sourceId":"C1"}',
  )
  assert.equal(
    sentMaster(made, input(document('C1', '{"address":null}'))),
    '{"place":{"town":null,"code":"1"},"sourceId":"C1"}',
  )
  assert.equal(sentMaster(made, input(document('C1', '{}'))), '{"place":{"code":"1"},"sourceId":"C1"}')
  assert.deepEqual(faultsOf(made, input(document('C1', '{"address":"Wien"}'))), [
    'map.path | address.city | Wien | address',
  ])
})

test('absent does not clear, present does, and a default stands in for both', () => {
  const made = plan([{ to: 'title', from: 'name' }])
  assert.equal(sentMaster(made, input(document('C1', '{}'))), '{"sourceId":"C1"}')
  assert.equal(sentMaster(made, input(document('C1', '{"name":null}'))), '{"title":null,"sourceId":"C1"}')
  assert.equal(sentMaster(made, input(document('C1', '{"name":""}'))), '{"title":"","sourceId":"C1"}')
  const withDefault = plan([
    { to: 'title', from: 'name', default: 'none' },
    { to: 'sum', from: 'amount', default: 0 },
  ])
  for (const master of ['{}', '{"name":null,"amount":""}', '{"name":"","amount":" "}']) {
    assert.equal(sentMaster(withDefault, input(document('C1', master))), '{"title":"none","sum":0,"sourceId":"C1"}')
  }
})

test('option keys are compared as text, and the unmapped go by policy', () => {
  const options = { 1: 'A', true: 'T', '': 'none' }
  const rule = (unmapped?: FieldRule['unmapped']): FieldRule => ({
    to: 'grade',
    from: 'level',
    options,
    ...(unmapped && { unmapped }),
    ...(unmapped === 'default' && { default: 'D' }),
  })
  const send = (made: ReturnType<typeof plan>, level: string) =>
    sentMaster(made, input(document('C1', `{"level":${level}}`)))
  for (const level of ['1', '"1"', '["1"]']) assert.equal(send(plan([rule()]), level), '{"grade":"A","sourceId":"C1"}')
  assert.equal(send(plan([rule()]), 'true'), '{"grade":"T","sourceId":"C1"}')
  assert.deepEqual(faultsOf(plan([rule()]), input(document('C1', '{"level":"9"}'))), [
    'map.option | level | 9 | a mapped option',
  ])
  assert.equal(send(plan([rule('keep')]), '9'), '{"grade":9,"sourceId":"C1"}')
  assert.equal(send(plan([rule('empty')]), '9'), '{"grade":null,"sourceId":"C1"}')
  assert.equal(send(plan([rule('default')]), '9'), '{"grade":"D","sourceId":"C1"}')
  assert.equal(send(plan([rule('default')]), 'null'), '{"grade":"D","sourceId":"C1"}')
})

test('options of a list are mapped one by one', () => {
  const lists = {
    left: object('L', [field('tags', 'multiselect')]),
    right: object('R', [field('tags', 'multiselect')]),
  }
  const made = (unmapped: NonNullable<FieldRule['unmapped']>) =>
    plan([{ to: 'tags', from: 'tags', options: { a: 'x', b: 'y' }, unmapped }], [], lists)
  const send = (unmapped: NonNullable<FieldRule['unmapped']>, tags: string) =>
    sentMaster(made(unmapped), input(document('C1', `{"tags":${tags}}`)))
  assert.equal(send('empty', '["a","c","b"]'), '{"tags":["x","y"]}')
  assert.equal(send('keep', '"a,c"'), '{"tags":"x,c"}')
  assert.deepEqual(faultsOf(made('park'), input(document('C1', '{"tags":["a","c"]}'))), [
    'map.option | tags | c | a mapped option',
  ])
})

test('what is required must be sent with a create, and may not be cleared by an update', () => {
  const made = plan([
    { to: 'title', from: 'name', required: true },
    { to: 'sum', from: 'amount', required: true },
  ])
  assert.deepEqual(faultsOf(made, input(document('C1', '{"amount":" "}'))), [
    'map.required | name | title',
    'map.required | amount |   | sum',
  ])
  assert.equal(
    sentMaster(made, input(document('C1', '{"amount":1}'), { targetId: 'T' })),
    '{"id":"T","sum":1,"sourceId":"C1"}',
  )
  assert.deepEqual(faultsOf(made, input(document('C1', '{"name":null}'), { targetId: 'T' })), [
    'map.required | name | null | title',
  ])
})

test('all faults of a record are told at once, each with its path', () => {
  const made = plan(
    [
      { to: 'title', from: 'name' },
      { to: 'sum', from: 'amount' },
      { to: 'grade', from: 'level', options: { a: 'b' } },
      { to: 'account', from: 'customer', reference: { pair: 'customers' } },
    ],
    [
      people([
        { to: 'label', from: 'name' },
        { to: 'phone', from: 'mobile' },
        { to: 'boss', from: '$.flag', options: {} },
      ]),
    ],
  )
  const given = document(
    'C1',
    '{"name":"12345678901","amount":"x","level":"q","flag":true,"customer":"U1"}',
    '{"contacts":[{"id":"a","name":"A","mobile":"1"},7,{"id":"c","mobile":{"x":1}},{"id":"d"}]}',
  )
  assert.deepEqual(faultsOf(made, input(given)), [
    'map.length | name | 12345678901 | 10 bytes',
    'map.type | amount | x | a decimal number',
    'map.option | level | q | a mapped option',
    'map.option | flag | true | a mapped option',
    'map.type | contacts[1] | 7 | a row',
    'map.required | contacts[2].name | people.label',
    'map.type | contacts[2].mobile | {"x":1} | text',
    'map.required | contacts[3].name | people.label',
  ])
})

// ── details ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const rows = '{"contacts":[{"id":"b","name":"B"},{"id":"a","name":"A"}]}'

test('rows go in the order of the source, with their row key where the target keeps it', () => {
  const made = plan([], [people()])
  const { outgoing } = mapped(made, input(document('C1', '{}', rows)))
  assert.deepEqual(outgoing.sourceRows, { people: ['b', 'a'] })
  assert.equal(
    sentDetails(made, input(document('C1', '{}', rows))),
    '{"people":[{"label":"B","sourceId":"b"},{"label":"A","sourceId":"a"}]}',
  )
})

test('known rows carry the target’s row id in an update, never in a create', () => {
  const made = plan([], [people()])
  const detailIds = { contacts: { a: 'T-a' } }
  const given = document('C1', '{}', rows)
  assert.equal(
    sentDetails(made, input(given, { targetId: 'T', detailIds })),
    '{"people":[{"label":"B","sourceId":"b"},{"id":"T-a","label":"A","sourceId":"a"}]}',
  )
  assert.equal(
    sentDetails(made, input(given, { detailIds })),
    '{"people":[{"label":"B","sourceId":"b"},{"label":"A","sourceId":"a"}]}',
  )
})

test('a row that the target knows need not say what is required', () => {
  const made = plan([], [people()])
  const given = document('C1', '{}', '{"contacts":[{"id":"a"}]}')
  assert.equal(
    sentDetails(made, input(given, { targetId: 'T', detailIds: { contacts: { a: 'T-a' } } })),
    '{"people":[{"id":"T-a","sourceId":"a"}]}',
  )
  assert.deepEqual(faultsOf(made, input(given, { targetId: 'T' })), ['map.required | contacts[0].name | people.label'])
})

test('rows reach the master by $.field, and their own id by $id', () => {
  const made = plan(
    [],
    [
      people([
        { to: 'label', from: '$id' },
        { to: 'phone', from: '$.name' },
        { to: 'boss', from: '$.$id' },
      ]),
    ],
  )
  assert.equal(
    sentDetails(made, input(document('C1', '{"name":"N"}', '{"contacts":[{"id":"a"},{"name":"x"}]}'))),
    '{"people":[{"label":"a","phone":"N","boss":"C1","sourceId":"a"},{"label":"#1","phone":"N","boss":"C1","sourceId":"#1"}]}',
  )
})

test('rows without ids are told apart by position, those of a repeated id too', () => {
  const made = plan(
    [],
    [people(), { from: 'plain', to: 'lines', policy: 'replace', fields: [{ to: 'text', from: 'text' }] }],
  )
  const given = document(
    'C1',
    '{}',
    '{"contacts":[{"id":"a","name":"1"},{"id":"a","name":"2"},{"id":"","name":"3"}],"plain":[{"text":"x"},{}]}',
  )
  assert.deepEqual(mapped(made, input(given)).outgoing.sourceRows, { people: ['a', '#1', '#2'], lines: ['0', '1'] })
})

test('a detail that the source does not speak of is left out (A2), one without rows clears', () => {
  const made = plan([], [people()])
  assert.equal(sentDetails(made, input(document('C1', '{}', null))), '{}')
  assert.equal(sentDetails(made, input(document('C1', '{}', '{"contacts":null}'))), '{}')
  assert.equal(sentDetails(made, input(document('C1', '{}', '{"contacts":[]}'))), '{"people":[]}')
  assert.deepEqual(faultsOf(made, input(document('C1', '{}', '{"contacts":{"id":1.10}}'))), [
    'map.type | contacts | {"id":1.10} | a list of rows',
  ])
})

test('merge sends the target’s other rows along as they are; ours that are gone at the source are not among them', () => {
  const target = document(
    'T',
    '{}',
    '{"people":[{"id":"T-a","label":"old"},{"id":"T-z","label":"Z","rank":1.10},{"id":"T-gone","label":"g"},{"label":"no id"}]}',
  )
  const more = { target, targetId: 'T', detailIds: { contacts: { a: 'T-a', gone: 'T-gone' } } }
  const merged = plan([], [people(undefined, 'merge')])
  assert.equal(
    sentDetails(merged, input(document('C1', '{}', rows), more)),
    '{"people":[{"label":"B","sourceId":"b"},{"id":"T-a","label":"A","sourceId":"a"},{"id":"T-z","label":"Z","rank":1.10}]}',
  )
  assert.deepEqual(mapped(merged, input(document('C1', '{}', rows), more)).outgoing.sourceRows, {
    people: ['b', 'a', null],
  })
  assert.deepEqual(mapped(plan([], [people()]), input(document('C1', '{}', rows), more)).outgoing.sourceRows, {
    people: ['b', 'a'],
  })
})

test('a record without details fills one row of a detail from its own fields', () => {
  const made = plan(
    [],
    [
      {
        from: '$',
        to: 'people',
        policy: 'replace',
        fields: [
          { to: 'label', from: 'name' },
          { to: 'phone', from: 'customer', required: true },
        ],
      },
    ],
  )
  assert.equal(
    sentDetails(made, input(document('C1', '{"name":"N","customer":"1"}'))),
    '{"people":[{"label":"N","phone":"1","sourceId":"0"}]}',
  )
  assert.deepEqual(faultsOf(made, input(document('C1', '{}'))), [
    'map.required | name | people.label',
    'map.required | customer | people.phone',
  ])
})

// ── references (D6) ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const account = (missing?: NonNullable<FieldRule['reference']>['missing']): FieldRule => ({
  to: 'account',
  from: 'customer',
  reference: { pair: 'customers', ...(missing && { missing }) },
})

test('a reference goes through ID mapping, on the side of the referred pair where the source lives', () => {
  const made = plan([account()])
  const given = document('C1', '{"customer":12345678901234567890}')
  const expected = [
    { pairId: 'customers', side: 'right', id: '12345678901234567890', field: 'customer', missing: 'wait' },
  ]
  assert.deepEqual(made.references(given), expected)
  assert.equal(
    sentMaster(made, input(given, { refs: refs({ 'customers/right/12345678901234567890': 'A-1' }) })),
    '{"account":"A-1","sourceId":"C1"}',
  )
  assert.deepEqual(made.apply(input(given)), { kind: 'missing', references: expected })
  assert.deepEqual(made.apply(input(given, { refs: refs({ 'customers/right/12345678901234567890': null }) })), {
    kind: 'missing',
    references: expected,
  })
})

test('an empty reference clears, whatever the policy', () => {
  for (const value of ['""', '[""]', '[]']) {
    assert.deepEqual(plan([account()]).references(document('C1', `{"customer":${value}}`)), [])
    assert.equal(plan([account()]).apply(input(document('C1', `{"customer":${value}}`))).kind, 'mapped')
  }
})

test('D6: empty leaves the field out, later leaves it out and remembers it, the others are missing', () => {
  const given = document('C1', '{"customer":"U1","name":"n"}')
  const send = (missing: Parameters<typeof account>[0]) =>
    plan([{ to: 'title', from: 'name' }, account(missing)]).apply(input(given))
  for (const missing of ['wait', 'pull', 'park'] as const) {
    assert.deepEqual(send(missing), {
      kind: 'missing',
      references: [{ pairId: 'customers', side: 'right', id: 'U1', field: 'customer', missing }],
    })
  }
  const empty = send('empty')
  assert.ok(empty.kind === 'mapped')
  assert.deepEqual(empty.later, [])
  assert.deepEqual(empty.outgoing.content.masterFieldVal, { title: 'n', sourceId: 'C1' })
  assert.equal(empty.sourcePrint.size, 2)
  const later = send('later')
  assert.ok(later.kind === 'mapped')
  assert.deepEqual(
    later.later.map(({ id, missing }) => [id, missing]),
    [['U1', 'later']],
  )
  assert.deepEqual(later.outgoing.content.masterFieldVal, { title: 'n', sourceId: 'C1' })
  assert.equal(later.sourcePrint.size, 1, 'the field counts as changed until it is filled')
})

test('D6: a self-reference is filled later by default, any other waits', () => {
  const made = plan([{ to: 'up', from: 'parent', reference: { pair: 'p' } }, account()])
  assert.deepEqual(
    made
      .references(document('C1', '{"parent":"C2","customer":"U1"}'))
      .map(({ pairId, side, missing }) => [pairId, side, missing]),
    [
      ['p', 'left', 'later'],
      ['customers', 'right', 'wait'],
    ],
  )
})

test('all that is missing is told at once, each record once, and faults win', () => {
  const made = plan(
    [account(), { to: 'title', from: 'name' }],
    [
      people([
        { to: 'label', from: 'name' },
        { to: 'owner', from: 'owner', reference: { pair: 'customers' } },
      ]),
    ],
  )
  const details =
    '{"contacts":[{"id":"a","name":"A","owner":"U2"},{"id":"b","name":"B","owner":"U1"},{"id":"c","name":"C","owner":"U3"}]}'
  const missing = made.apply(
    input(document('C1', '{"customer":"U1"}', details), { refs: refs({ 'customers/right/U3': 'A3' }) }),
  )
  assert.ok(missing.kind === 'missing')
  assert.deepEqual(
    missing.references.map(({ id, field: at }) => [id, at]),
    [
      ['U1', 'customer'],
      ['U2', 'contacts[0].owner'],
    ],
  )
  assert.equal(made.apply(input(document('C1', '{"customer":"U1","name":"12345678901"}', details))).kind, 'faults')
})

test('a pending reference of one row leaves the whole column out of what counts as read', () => {
  const made = plan(
    [],
    [
      people([
        { to: 'label', from: 'name' },
        { to: 'owner', from: 'owner', reference: { pair: 'customers', missing: 'later' } },
      ]),
    ],
  )
  const given = document(
    'C1',
    '{}',
    '{"contacts":[{"id":"a","name":"A","owner":"U1"},{"id":"b","name":"B","owner":"U2"}]}',
  )
  const half = mapped(made, input(given, { refs: refs({ 'customers/right/U1': 'A1' }) }))
  const whole = mapped(made, input(given, { refs: refs({ 'customers/right/U1': 'A1', 'customers/right/U2': 'A2' }) }))
  assert.deepEqual(
    half.later.map(({ field: at }) => at),
    ['contacts[1].owner'],
  )
  assert.equal(whole.sourcePrint.size - half.sourcePrint.size, 1)
  assert.notDeepEqual(half.print, whole.print, 'D3 sees that the field is filled now')
})

test('no document makes a plan throw', () => {
  const made = plan(
    [
      { to: 'title', from: 'name' },
      { to: 'grade', from: 'level', options: { a: 'b' } },
      { to: 'sum', from: 'amount' },
      { to: 'up', from: 'parent', reference: { pair: 'p' } },
      account(),
      { to: 'place.town', from: 'address.city' },
      { to: 'on', from: 'flag' },
    ],
    [
      people(
        [
          { to: 'label', from: 'name' },
          { to: 'phone', from: 'mobile' },
          { to: 'boss', from: '$.name' },
          { to: 'owner', from: 'owner', reference: { pair: 'customers', missing: 'empty' } },
        ],
        'merge',
      ),
    ],
  )
  const value = fc.oneof(
    { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    fc.constantFrom('', ' ', '1', 'a', 'true', '__proto__'),
  )
  const keys = [
    'name',
    'level',
    'amount',
    'parent',
    'customer',
    'address',
    'flag',
    'mobile',
    'owner',
    'id',
    '__proto__',
    'constructor',
  ]
  const fields = fc
    .uniqueArray(fc.tuple(fc.constantFrom(...keys), value), { selector: ([key]) => key })
    .map((entries) => `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${JSON.stringify(one)}`).join()}}`)
  const list = fc.oneof(
    fc
      .array(
        fc.oneof(
          { weight: 4, arbitrary: fields },
          value.map((one) => JSON.stringify(one)),
        ),
        { maxLength: 4 },
      )
      .map((all) => `[${all.join()}]`),
    value.map((one) => JSON.stringify(one)),
  )
  const record = fc
    .tuple(fields, list, list)
    .map(([master, a, b]): Document => document('X', master, `{"contacts":${a},"people":${b}}`))
  fc.assert(
    fc.property(record, record, fc.boolean(), (source, target, isUpdate) => {
      const made2 = made.apply(
        input(source, {
          target,
          targetId: isUpdate ? 'T' : null,
          detailIds: { contacts: { a: 'b' } },
          refs: refs({ 'customers/right/a': 'A' }),
        }),
      )
      assert.ok(['mapped', 'missing', 'faults'].includes(made2.kind))
      made.references(source)
      made.inScope(source, new Map())
      made.targetPrint(target)
      assert.deepEqual(made.sourcePrint(source), made.sourcePrint(source))
    }),
    { numRuns: 400 },
  )
})
