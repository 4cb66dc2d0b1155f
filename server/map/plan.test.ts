/** Compiling a pair: what fits, and every complaint with its path. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printKey } from '../doc/print.ts'
import type { DetailRule, FieldRule } from '../doc/flow.ts'
import {
  compiled,
  connection,
  detail,
  document,
  field,
  flow,
  object,
  pairDef,
  planOf,
  problems,
  type World,
} from './fixture.ts'
import { compilePair, voidOutgoing } from './plan.ts'

const left = object(
  'L',
  [field('name', 'text'), field('customer', 'reference', { references: 'C' }), field('day', 'date')],
  {
    details: [detail('rows', [field('x', 'text')]), detail('more', [field('x', 'text')])],
  },
)
const right = object(
  'R',
  [
    field('title', 'text', { required: true }),
    field('account', 'reference'),
    field('on', 'date'),
    field('sum', 'decimal'),
    field('status', 'integer', { format: 'number' }),
  ],
  {
    details: [
      detail('lines', [field('y', 'text', { required: true }), field('z', 'decimal')]),
      detail('bare', [field('y', 'text')], null),
    ],
  },
)
const base: FieldRule[] = [{ to: 'title', from: 'name' }]
const world = (fields: FieldRule[] = base, details: DetailRule[] = [], more: Partial<World> = {}): World => ({
  left,
  right,
  flows: { left: flow('left', fields, details) },
  ...more,
})
const paths = (given: World): string[] =>
  problems(given)
    .map(({ path }) => path)
    .sort()
const at = (i: number, rest = '') => `flows.left.mapping.fields[${i}]${rest}`

test('a pair that fits compiles to plans of the flows that are not disabled', () => {
  const back = flow('right', [{ to: 'name', from: 'title' }])
  const pair = compiled(world(base, [], { flows: { left: flow('left', base), right: { ...back, state: 'paused' } } }))
  assert.deepEqual(Object.keys(pair.plans), ['left', 'right'])
  assert.deepEqual(pair.idField, { left: 'id', right: 'id' })
  const half = compiled(
    world(base, [], {
      flows: {
        left: flow('left', base),
        right: { ...back, state: 'disabled', mapping: { fields: [{ to: 'nowhere', from: 'x' }], details: [] } },
      },
    }),
  )
  assert.deepEqual(Object.keys(half.plans), ['left'])
  assert.equal(half.print('right', document('1', '{"title":"x"}')).size, 1)
  assert.equal(half.print('left', document('1', '{}')).size, 1)
})

test('unknown fields are told with their paths, all at once', () => {
  assert.deepEqual(
    problems(
      world([
        { to: 'titel', from: 'name' },
        { to: 'title', from: 'nam' },
      ]),
    ),
    [
      { path: at(0, '.to'), message: '"titel" is not a field of object R' },
      { path: at(1, '.from'), message: '"nam" is not a field of object L' },
    ],
  )
  assert.deepEqual(paths(world([...base, { to: '__proto__', value: 'x' }])), [at(1, '.to')])
  assert.deepEqual(
    paths(
      world(base, [
        {
          from: 'rows',
          to: 'lines',
          policy: 'replace',
          fields: [
            { to: 'y', from: '$.nam' },
            { to: 'q', from: 'x' },
          ],
        },
      ]),
    ),
    ['flows.left.mapping.details[0].fields[0].from', 'flows.left.mapping.details[0].fields[1].to'],
  )
  assert.deepEqual(paths(world([...base, { to: 'sum', from: '$.name' }])), [at(1, '.from')])
})

test('an object that declares nothing but its id takes any field, as it comes', () => {
  const open = object('R', [])
  assert.deepEqual(problems(world([{ to: 'anything', from: 'name' }], [], { right: open })), [])
})

test('required fields of the target must be mapped where records are created', () => {
  assert.deepEqual(paths(world([{ to: 'sum', value: 1 }])), ['flows.left.mapping.fields'])
  const updates = flow('left', [{ to: 'sum', value: 1 }], [], {
    actions: { create: false, update: true, void: 'skip' },
  })
  assert.deepEqual(paths(world(base, [], { flows: { left: updates } })), [])
  assert.deepEqual(paths(world(base, [{ from: 'rows', to: 'lines', policy: 'replace', fields: [] }])), [
    'flows.left.mapping.details[0].fields',
  ])
})

test('what is mapped twice, or inside another, is told', () => {
  assert.deepEqual(paths(world([...base, { to: 'title', value: 'x' }])), [at(1, '.to')])
  const nested = object('R', [field('title', 'text'), field('a', 'attachment'), field('a.b', 'text')])
  assert.deepEqual(
    paths(
      world(
        [
          { to: 'a.b', from: 'name' },
          { to: 'a', from: 'name' },
        ],
        [],
        { right: nested },
      ),
    ),
    [at(0, '.to')],
  )
  const rows = (from: string, to: string): DetailRule => ({
    from,
    to,
    policy: 'replace',
    fields: [{ to: 'y', from: 'x' }],
  })
  assert.deepEqual(paths(world(base, [rows('rows', 'lines'), rows('rows', 'bare')])), [
    'flows.left.mapping.details[1].from',
  ])
  assert.deepEqual(paths(world(base, [rows('rows', 'bare'), rows('more', 'bare')])), [
    'flows.left.mapping.details[1].to',
  ])
  assert.deepEqual(paths(world(base, [rows('none', 'lines'), rows('rows', 'none')])), [
    'flows.left.mapping.details[0].from',
    'flows.left.mapping.details[1].to',
  ])
  assert.deepEqual(paths(world(base, [{ ...rows('rows', 'bare'), policy: 'merge' }])), [
    'flows.left.mapping.details[0].policy',
  ])
})

test('fields that prints could not tell apart are told (D2)', () => {
  const clash = object('L', [field('name', 'text'), field('rows.x', 'text')], { details: left.details })
  const fields: FieldRule[] = [...base, { to: 'sum', from: 'rows.x' }]
  assert.deepEqual(
    paths(
      world(fields, [{ from: 'rows', to: 'bare', policy: 'replace', fields: [{ to: 'y', from: 'x' }] }], {
        left: clash,
      }),
    ),
    ['flows.left.mapping.details[0].fields[0].from'],
  )
})

test('a rule has a source or a value, and values fit their fields', () => {
  assert.deepEqual(paths(world([...base, { to: 'sum' }])), [at(1)])
  assert.deepEqual(paths(world([...base, { to: 'sum', from: 'name', value: 1 }])), [at(1)])
  assert.deepEqual(paths(world([...base, { to: 'sum', value: 'much' }])), [at(1, '.value')])
  assert.deepEqual(paths(world([...base, { to: 'sum', from: 'name', default: 'much' }])), [at(1, '.default')])
  assert.deepEqual(paths(world([{ to: 'title', value: null }])), [at(0, '.value')])
  assert.deepEqual(paths(world([...base, { to: 'sum', from: 'name', options: {}, unmapped: 'default' }])), [
    at(1, '.unmapped'),
  ])
  assert.deepEqual(paths(world([...base, { to: 'sum', from: 'name', unmapped: 'keep' }])), [at(1, '.unmapped')])
})

test('a reference names a pair that joins these two connections and maps the object that is meant', () => {
  const to = (pair: string, missing?: 'later'): FieldRule[] => [
    ...base,
    { to: 'account', from: 'customer', reference: { pair, ...(missing && { missing }) } },
  ]
  const good = pairDef(
    'good',
    {},
    { left: { connectionId: 'crm', object: 'A' }, right: { connectionId: 'erp', object: 'C' } },
  )
  const elsewhere = pairDef(
    'elsewhere',
    {},
    { left: { connectionId: 'erp', object: 'C' }, right: { connectionId: 'shop', object: 'A' } },
  )
  const other = pairDef(
    'other',
    {},
    { left: { connectionId: 'erp', object: 'D' }, right: { connectionId: 'crm', object: 'A' } },
  )
  const others = [good, elsewhere, other]
  assert.deepEqual(problems(world(to('good'), [], { others })), [])
  for (const [pair, message] of [
    ['none', 'pair "none" does not exist'],
    ['elsewhere', 'pair "elsewhere" joins erp and shop, not erp and crm'],
    ['other', '"customer" points to C, but pair "other" maps D'],
  ] as const) {
    assert.deepEqual(problems(world(to(pair), [], { others })), [{ path: at(1, '.reference.pair'), message }])
  }
  const required = object('R', [field('title', 'text'), field('account', 'reference', { required: true })])
  assert.deepEqual(paths(world(to('good', 'later'), [], { others, right: required })), [at(1, '.reference.missing')])
  assert.deepEqual(
    paths(world([...base, { to: 'account', value: 'x', reference: { pair: 'good' } }], [], { others })),
    [at(1, '.reference')],
  )
})

test('a required self-reference waits, since a create could not leave it out', () => {
  const required = object('R', [field('title', 'text'), field('account', 'reference', { required: true })])
  const free = object('L', [field('name', 'text'), field('customer', 'reference')])
  const made = planOf(
    compiled(
      world([...base, { to: 'account', from: 'customer', reference: { pair: 'p' } }], [], {
        left: free,
        right: required,
      }),
    ),
  )
  assert.deepEqual(
    made.references(document('1', '{"customer":"2"}')).map(({ missing }) => missing),
    ['wait'],
  )
})

test('with both sides on one connection the object says which side is meant', () => {
  const same = { left: { connectionId: 'erp', object: 'L' }, right: { connectionId: 'erp', object: 'R' } }
  const flipped = pairDef(
    'flipped',
    {},
    { left: { connectionId: 'erp', object: 'A' }, right: { connectionId: 'erp', object: 'C' } },
  )
  const made = compilePair(
    pairDef(
      'p',
      { left: flow('left', [...base, { to: 'account', from: 'customer', reference: { pair: 'flipped' } }]) },
      same,
    ),
    { left, right },
    { left: connection('erp'), right: connection('erp') },
    { pairOf: () => flipped },
  )
  assert.ok('pair' in made)
  assert.deepEqual(
    planOf(made.pair)
      .references(document('1', '{"customer":"2"}'))
      .map(({ side }) => side),
    ['right'],
  )
})

test('a zone or a date format that is none is told where it is used', () => {
  const bad = object('R', [field('title', 'text'), field('on', 'date', { format: 'DD/MM/YYYY' })])
  const dates: FieldRule[] = [...base, { to: 'on', from: 'day' }]
  assert.ok(paths(world(dates, [], { right: bad })).includes(at(1, '.to')))
  assert.ok(paths(world(dates, [], { zones: { left: 'Mars/Olympus' } })).includes(at(1, '.from')))
  assert.deepEqual(paths(world(base, [], { zones: { left: 'Mars/Olympus' } })), [], 'no date, no zone needed')
})

test('D7: a void by update holds the target’s id and the status, in the field’s own JSON kind', () => {
  const voiding = (field_: string, value: string) =>
    world(base, [], {
      flows: {
        left: flow('left', base, [], { actions: { create: true, update: true, void: { field: field_, value } } }),
      },
    })
  assert.deepEqual(
    JSON.stringify(voidOutgoing(planOf(compiled(voiding('status', '9'))), 'S1', 'T1')),
    '{"object":"R","targetId":"T1","content":{"masterFieldVal":{"id":"T1","status":{"value":"9","isLosslessNumber":true}},"detailFieldVals":{}},"sourceRows":{},"sourceId":"S1"}',
  )
  assert.deepEqual(voidOutgoing(planOf(compiled(world())), 'S1', 'T1').content.masterFieldVal, { id: 'T1' })
  assert.deepEqual(paths(voiding('state', '9')), ['flows.left.actions.void.field'])
  assert.deepEqual(paths(voiding('status', 'x')), ['flows.left.actions.void.value'])
})

test('details are found by code or apiName, and go by their code', () => {
  const named = { ...right, details: [{ ...detail('lines', [field('y', 'text')]), apiName: 'LinesObj' }] }
  const made = planOf(
    compiled(
      world(base, [{ from: 'rows', to: 'LinesObj', policy: 'replace', fields: [{ to: 'y', from: 'x' }] }], {
        right: named,
      }),
    ),
  )
  assert.ok(made.targetPrint(document('1', '{}', '{"lines":[]}')).has(printKey('lines.y')))
})
