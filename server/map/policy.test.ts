/** The mapping in full: when fields are written, whom they refer to, what the flow's conditions ask, what drifts, and what matches. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Condition, FieldRule, FlowDef, MapInput, MatchRule, Resolved } from '../doc/flow.ts'
import { referenceKey } from '../doc/flow.ts'
import {
  compiled,
  detail,
  document,
  field,
  flow,
  input,
  mapped,
  object,
  pairDef,
  planOf,
  problems,
  sentDetails,
  sentMaster,
} from './fixture.ts'
import { normalised } from './match.ts'
import { runMappingTest } from './saved.ts'

const left = object(
  'L',
  [
    field('name', 'text'),
    field('level', 'select', { options: [{ value: 'A' }, { value: 'B' }] }),
    field('amount', 'decimal'),
    field('due', 'date'),
    field('owner', 'person'),
    field('customer', 'reference'),
  ],
  { details: [detail('lines', [field('item', 'text'), field('note', 'text')])] },
)
const right = object(
  'R',
  [
    field('name', 'text'),
    field('note', 'text'),
    field('level', 'text'),
    field('owner', 'person'),
    field('account', 'reference'),
    field('locked', 'text'),
  ],
  { details: [detail('rows', [field('item', 'text'), field('note', 'text')])] },
)
const others = [pairDef('people', {}), pairDef('customer', {})]
const pairWith = (fields: FieldRule[], more: Partial<FlowDef> = {}, details: FlowDef['mapping']['details'] = []) =>
  compiled({ left, right, flows: { left: flow('left', fields, details, more) }, others })
const plan = (fields: FieldRule[], more: Partial<FlowDef> = {}) => planOf(pairWith(fields, more))
const refs = (ids: Record<string, string>): Map<string, Resolved> =>
  new Map(
    Object.entries(ids).map(([key, targetId]) => {
      const [pairId = '', id = ''] = key.split('/')
      return [referenceKey({ pairId, side: 'left', id }), { targetId }]
    }),
  )
const update = (master: string, more: Partial<MapInput> = {}) =>
  input(document('1', master), { targetId: 'T', ...more })

test('onCreate writes once and neverClear does not empty', () => {
  const once = plan([{ to: 'name', from: 'name', write: 'onCreate' }])
  assert.equal(sentMaster(once, input(document('1', '{"name":"a"}'))), '{"name":"a"}')
  assert.equal(sentMaster(once, update('{"name":"a"}')), '{"id":"T"}')
  const kept = plan([{ to: 'name', from: 'name', write: 'neverClear' }])
  assert.equal(sentMaster(kept, update('{"name":""}')), '{"id":"T"}')
  assert.equal(sentMaster(kept, update('{"name":"b"}')), '{"id":"T","name":"b"}')
})

test('whenEmpty writes only where the target is known to have nothing', () => {
  const pair = pairWith([{ to: 'name', from: 'name', write: 'whenEmpty' }])
  const made = planOf(pair)
  const there = (master: string) => ({ known: () => pair.print('right', document('T', master)) })
  assert.equal(sentMaster(made, input(document('1', '{"name":"a"}'))), '{"name":"a"}')
  assert.equal(sentMaster(made, update('{"name":"a"}', there('{"name":""}'))), '{"id":"T","name":"a"}')
  assert.equal(sentMaster(made, update('{"name":"a"}', there('{"name":"theirs"}'))), '{"id":"T"}')
  assert.equal(
    sentMaster(made, update('{"name":"a"}', { known: () => new Map() })),
    '{"id":"T"}',
    'not known is not empty',
  )
})

test('policies hold for each row by itself', () => {
  const pair = pairWith([], {}, [
    {
      from: 'lines',
      to: 'rows',
      policy: 'replace',
      fields: [
        { to: 'item', from: 'item', write: 'onCreate' },
        { to: 'note', from: 'note', write: 'whenEmpty' },
      ],
    },
  ])
  const source = document('1', '{}', '{"lines":[{"id":"a","item":"x","note":"n"},{"id":"b","item":"y","note":"m"}]}')
  const target = document('T', '{}', '{"rows":[{"id":"RA","item":"old","note":"theirs"}]}')
  const given = input(source, { targetId: 'T', target, detailIds: { lines: { a: 'RA' } } })
  assert.equal(sentDetails(planOf(pair), given), '{"rows":[{"id":"RA"},{"item":"y","note":"m"}]}')
  const empty = document('T', '{}', '{"rows":[{"id":"RA","note":""}]}')
  assert.equal(
    sentDetails(planOf(pair), { ...given, target: empty }),
    '{"rows":[{"id":"RA","note":"n"},{"item":"y","note":"m"}]}',
  )
})

test('a person is found through the pair of people, several in their order, and somebody else where nobody is found', () => {
  const made = plan([{ to: 'owner', from: 'owner', reference: { pair: 'people', missing: 'default' }, default: 'U-0' }])
  const sent = (master: string) =>
    sentMaster(made, input(document('1', master), { refs: refs({ 'people/1': 'U-1', 'people/2': 'U-2' }) }))
  assert.equal(sent('{"owner":"1"}'), '{"owner":"U-1"}')
  assert.equal(sent('{"owner":["2","1"]}'), '{"owner":["U-2","U-1"]}')
  assert.equal(sent('{"owner":"2,1"}'), '{"owner":"U-2,U-1"}')
  assert.equal(sent('{"owner":"9"}'), '{"owner":"U-0"}')
  assert.deepEqual(
    made.references(document('1', '{"owner":["2","1"]}')).map(({ id }) => id),
    ['2', '1'],
  )
  assert.match(
    problems({
      left,
      right,
      flows: {
        left: flow('left', [{ to: 'owner', from: 'owner', reference: { pair: 'people', missing: 'default' } }]),
      },
      others,
    })[0]?.message ?? '',
    /needs a default/,
  )
})

test('constants and parameters', () => {
  const made = plan(
    [
      { to: 'name', from: '$tenant' },
      { to: 'note', from: '$params.company code' },
      { to: 'level', from: '$target' },
    ],
    { params: { 'company code': '01' } },
  )
  assert.equal(sentMaster(made, input(document('1', '{}'))), '{"name":"t","note":"01","level":"crm"}')
  const told = problems({ left, right, flows: { left: flow('left', [{ to: 'name', from: '$params.x' }]) } })
  assert.match(told[0]?.message ?? '', /no value named \$params.x/)
})

test('conditions ask the ID mapping and the target as well', () => {
  const scope: Condition[] = [{ field: 'customer', op: 'mapped', value: 'customer' }]
  const mappedOnly = plan([{ to: 'name', from: 'name' }], { scope })
  const order = document('1', '{"customer":"C"}')
  assert.equal(mappedOnly.inScope(order, new Map()), false)
  assert.equal(mappedOnly.inScope(order, refs({ 'customer/C': 'A' })), true)
  assert.deepEqual(
    mappedOnly.references(order).map(({ id, missing }) => [id, missing]),
    [['C', 'empty']],
    'it is asked for, and nobody waits',
  )
  const open = plan([{ to: 'name', from: 'name' }], {
    scope: [{ field: 'locked', op: 'ne', value: 'Y', of: 'target' }],
  })
  assert.equal(open.inScope(order, new Map()), true)
  assert.equal(open.targetAllows?.(document('T', '{"locked":"Y"}')), false)
  assert.equal(open.targetAllows?.(document('T', '{"locked":"N"}')), true)
})

test('unmapped options that do not park are told; what does not fit its declaration is noticed', () => {
  const made = plan([
    { to: 'level', from: 'level', options: { A: '1' }, unmapped: 'keep' },
    { to: 'note', from: 'due' },
    { to: 'name', from: 'name' },
  ])
  const findings = (master: string, agreed?: string) =>
    mapped(
      made,
      input(document('1', master), agreed === undefined ? {} : { agreed: made.sourcePrint(document('1', agreed)) }),
    ).findings?.map(({ kind, field: at, sample }) => [kind, at, sample].join(' ').trim()) ?? []
  assert.deepEqual(findings('{"name":"x","level":"A"}'), [])
  assert.deepEqual(findings('{"name":"x","level":"B"}'), ['unmapped level B'])
  assert.deepEqual(findings('{"name":"x","level":"C"}'), ['option level C', 'unmapped level C'])
  assert.deepEqual(findings('{"name":"x","fresh":5}'), ['unknown fresh 5'])
  assert.deepEqual(findings('{"level":"A"}', '{"name":"x","level":"A"}'), ['missing name'])
  assert.deepEqual(findings('{"name":"","level":"A"}', '{"name":"x","level":"A"}'), [], 'emptied is not gone')
  const faulty = made.apply(input(document('1', '{"due":"soon"}')))
  assert.deepEqual(faulty.kind === 'mapped' && faulty.findings, [{ kind: 'type', field: 'due', sample: 'soon' }])
  const ignoring = plan([{ to: 'name', from: 'name' }], {
    drift: { unknown: 'ignore', missing: 'ignore', type: 'ignore', option: 'ignore' },
  })
  assert.equal(mapped(ignoring, input(document('1', '{"fresh":1}'))).findings, undefined)
})

test('the same thing written two ways has one key', () => {
  for (const [as, one, two] of [
    ['code', '9144 0300-MA5', '９１４４0300ma5'],
    ['name', '榫卯（深圳）有限公司', '榫卯(深圳) 有限公司'],
    ['name', 'Straße & Co.', 'STRASSE CO'],
    ['phone', '+86 138-0013-8000', '13800138000'],
    ['phone', '008613800138000', '138 0013 8000'],
    ['mail', ' A.B@Example.com', 'a.b@example.COM '],
  ] as const)
    assert.equal(normalised(one, as), normalised(two, as), `${as}: ${one}`)
  assert.notEqual(normalised('a', 'exact'), normalised('A', 'exact'))
  assert.equal(normalised(' - ', 'code'), '')
})

test('keys of both sides meet, rule by rule; a rule with an empty field gives none', () => {
  const match: MatchRule[] = [
    [{ from: 'level', to: 'level', as: 'code' }],
    [
      { from: 'name', to: 'name', as: 'name' },
      { from: 'amount', to: 'note', as: 'exact' },
    ],
  ]
  const { matching } = plan([{ to: 'name', from: 'name' }], { match })
  assert.ok(matching)
  const source = matching.source(document('1', '{"level":"a-1","name":"X Y","amount":5}').content)
  const target = matching.target(document('T', '{"level":"A1","name":"xy","note":"5"}').content)
  assert.deepEqual(source, target)
  assert.equal(source.length, 2)
  assert.equal(matching.source(document('1', '{"level":"","name":"X"}').content).length, 0)
})

test('a saved mapping test says what came out otherwise', () => {
  const pair = pairWith([
    { to: 'name', from: 'name' },
    { to: 'account', from: 'customer', reference: { pair: 'customer' } },
  ])
  const run = (expect: string, more = {}) =>
    runMappingTest(pair, planOf(pair), {
      name: 't',
      id: '1',
      record: '{"masterFieldVal":{"name":"a","customer":"C"}}',
      mapped: { 'customer/C': 'ACC' },
      expect,
      ...more,
    })
  assert.deepEqual(run('{"masterFieldVal":{"name":"a","account":"ACC"}}'), [])
  assert.deepEqual(run('{"masterFieldVal":{"name":"b"}}'), ['name: expected "b", came out "a"'])
  assert.match(run('{}', { mapped: {} }).join(), /customer\/C is not mapped/)
  assert.match(run('{}', { fault: 'map.type' }).join(), /expected the fault/)
})
