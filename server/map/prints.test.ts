/** The law of prints: what was sent prints as what is read back, whatever the order and form. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LosslessNumber } from 'lossless-json'
import type { Document, Fields, Json } from '../doc/document.ts'
import type { DetailRule, FieldRule, Outgoing } from '../doc/flow.ts'
import type { FieldDef, FieldType } from '../doc/object.ts'
import type { DetailIds, RowIds } from '../doc/outcome.ts'
import { differing, printKey, type Print } from '../doc/print.ts'
import { writeContent } from './content.ts'
import { decimalKey, readDecimal, roundTo } from './decimal.ts'
import { compiled, detail, document, field, flow, input, mapped, object, planOf } from './fixture.ts'
import { settledIds } from './prints.ts'
import { rowIdsToDetailIds } from './rows.ts'

const names = (print: Print, ...known: string[]): string[] => known.filter((name) => print.has(printKey(name)))
const changed = (now: Print, then: Print, ...known: string[]): string[] => {
  const keys = new Set(differing(now, then))
  return known.filter((name) => keys.has(printKey(name)))
}

// ── what a print holds ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
const left = object(
  'L',
  [field('a', 'text'), field('b', 'decimal'), field('c', 'text'), field('modified', 'datetime')],
  {
    modifiedField: 'modified',
    details: [detail('rows', [field('x', 'text'), field('y', 'decimal')]), detail('plain', [field('x', 'text')], null)],
  },
)
const right = object(
  'R',
  [
    field('a', 'text'),
    field('b', 'decimal'),
    field('n.m', 'text'),
    field('sourceId', 'text'),
    field('modified', 'datetime'),
  ],
  {
    modifiedField: 'modified',
    externalIdField: 'sourceId',
    details: [
      detail('lines', [field('x', 'text'), field('y', 'decimal')]),
      detail('plain', [field('x', 'text')], null),
    ],
  },
)
const fields: FieldRule[] = [
  { to: 'a', from: 'a' },
  { to: 'b', from: 'b' },
  { to: 'n.m', from: '$id' },
  { to: 'modified', value: null },
]
const details: DetailRule[] = [
  {
    from: 'rows',
    to: 'lines',
    policy: 'replace',
    fields: [
      { to: 'x', from: 'x' },
      { to: 'y', from: 'y' },
    ],
  },
  { from: 'plain', to: 'plain', policy: 'replace', fields: [{ to: 'x', from: 'x' }] },
]
const plan = planOf(
  compiled({
    left,
    right,
    flows: { left: flow('left', fields, details, { scope: [{ field: 'c', op: 'notEmpty' }] }) },
  }),
)
const all = [
  'a',
  'b',
  'c',
  'id',
  'n.m',
  'sourceId',
  'modified',
  'rows[]',
  'rows.x',
  'rows.y',
  'rows.id',
  'lines[]',
  'lines.x',
  'lines.y',
  'lines.id',
  'plain[]',
  'plain.x',
]

test('D2: a source print holds what the flow reads, the scope too, the id not', () => {
  const given = document('1', '{"a":"x"}', '{"rows":[],"plain":[{}]}')
  assert.deepEqual(names(plan.sourcePrint(given), ...all), [
    'a',
    'b',
    'c',
    'rows[]',
    'rows.x',
    'rows.y',
    'plain[]',
    'plain.x',
  ])
  assert.equal(plan.sourcePrint(given).size, 8)
})

test('D3: a target print holds what the flow writes, with the external id, without id and modified time', () => {
  const shown = document('1', '{}', '{"lines":[]}')
  assert.deepEqual(names(plan.targetPrint(shown), ...all), [
    'a',
    'b',
    'n.m',
    'sourceId',
    'lines[]',
    'lines.x',
    'lines.y',
  ])
  assert.equal(plan.targetPrint(shown).size, 7)
})

test('a detail that a document does not speak of has no entries', () => {
  assert.deepEqual(names(plan.sourcePrint(document('1', '{}')), ...all), ['a', 'b', 'c'])
})

test('absent, null and "" are one value; everything else is told apart', () => {
  const print = (master: string) => plan.sourcePrint(document('1', master))
  for (const master of ['{"a":null}', '{"a":""}', '{"a":[]}', '{"b":" "}'])
    assert.deepEqual(print(master), print('{}'), master)
  for (const master of ['{"a":" "}', '{"b":0}', '{"a":false}', '{"a":"0"}'])
    assert.notDeepEqual(print(master), print('{}'), master)
  assert.deepEqual(changed(print('{"a":""}'), print('{"a":"x"}'), ...all), ['a'])
})

test('numbers compare as decimals, however they are written', () => {
  const print = (b: string) => plan.sourcePrint(document('1', `{"b":${b}}`))
  for (const b of ['1.1', '"1.1"', '"1.100"', '11e-1', '" +1.10 "']) assert.deepEqual(print(b), print('1.10'), b)
  assert.notDeepEqual(print('12345678901234567890.12'), print('12345678901234567890.13'))
  assert.deepEqual(print('"abc"'), print('" abc "'), 'what is no number counts as the text it is')
})

test('rows print by id whatever their order, and a row that comes or goes shows even without values', () => {
  const print = (rows: string) => plan.sourcePrint(document('1', '{}', `{"rows":${rows}}`))
  assert.deepEqual(print('[{"id":"1","x":"p"},{"id":"2","x":"q"}]'), print('[{"id":2,"x":"q"},{"id":"1","x":"p"}]'))
  assert.deepEqual(changed(print('[{"id":"1","x":"p"}]'), print('[{"id":"1","x":"q"}]'), ...all), ['rows.x'])
  assert.ok(changed(print('[{"id":"1"},{"id":"2"}]'), print('[{"id":"1"}]'), ...all).includes('rows[]'))
  assert.notDeepEqual(
    print('[{"id":"1","x":"p"},{"id":"2","x":"q"}]'),
    print('[{"id":"1","x":"q"},{"id":"2","x":"p"}]'),
  )
})

test('rows without ids print by position', () => {
  const print = (rows: string) => plan.sourcePrint(document('1', '{}', `{"plain":${rows}}`))
  assert.notDeepEqual(print('[{"x":"p"},{"x":"q"}]'), print('[{"x":"q"},{"x":"p"}]'))
  const many = (n: number) => `[${Array.from({ length: n }, (_, i) => `{"x":"${i}"}`).join()}]`
  assert.notDeepEqual(print(many(12)), print(many(11)))
})

test('what was left out of a body has no entry; a column counts as sent when one of our rows has it', () => {
  const print = (master: string, rows: string) => mapped(plan, input(document('1', master, rows))).print
  assert.deepEqual(names(print('{"a":null}', '{"rows":[{"id":"1","x":"p"},{"id":"2"}]}'), ...all), [
    'a',
    'n.m',
    'sourceId',
    'lines[]',
    'lines.x',
  ])
  assert.deepEqual(names(print('{}', '{"rows":[]}'), ...all), ['n.m', 'sourceId', 'lines[]', 'lines.x', 'lines.y'])
})

test('D2: a column that was left out of all rows, and a target that shows it empty in all of them, are the same', () => {
  const sent = plan.sentPrint(
    {
      object: 'R',
      targetId: 'T',
      sourceId: '1',
      content: { masterFieldVal: {}, detailFieldVals: { lines: [{ x: 'p' }, { x: 'q' }] } },
      sourceRows: { lines: ['1', '2'] },
    },
    { lines: ['t1', 't2'] },
  )
  const shown = (rows: string) => plan.targetPrint(document('T', '{}', `{"lines":${rows}}`))
  const differs = (rows: string) => changed(shown(rows), sent, 'lines[]', 'lines.x', 'lines.y')
  assert.deepEqual(differs('[{"id":"t1","x":"p"},{"id":"t2","x":"q"}]'), [])
  assert.deepEqual(differs('[{"id":"t1","x":"p","y":""},{"id":"t2","x":"q","y":null}]'), [])
  assert.deepEqual(differs('[{"id":"t1","x":"p","y":0},{"id":"t2","x":"q"}]'), ['lines.y'])
  assert.deepEqual(differs('[{"id":"t1","x":"p"}]'), ['lines[]', 'lines.x'])
})

test('a row that is gone shows in what is to be sent, also where the rows left have no values', () => {
  const given = (rows: string) =>
    input(document('1', '{}', `{"rows":${rows}}`), { targetId: 'T', detailIds: { rows: { 1: 't1', 2: 't2' } } })
  const before = mapped(plan, given('[{"id":"1","x":"p"},{"id":"2","x":"q"}]')).print
  const after = mapped(plan, given('[{"id":"1"}]')).print
  assert.ok(changed(after, before, ...all).includes('lines[]'))
})

test('answered row ids: sent ones stay, new rows take what is left, rows made anew are believed', () => {
  const idOf = (row: Fields) => row.id as string | undefined
  const settled = (sent: (string | null)[], answered: (string | null)[] | undefined) =>
    settledIds(
      sent.map((id): Fields => (id === null ? {} : { id })),
      idOf,
      answered,
    )
  assert.deepEqual(settled([null, 'a', null], ['n1', 'a', 'n2']), ['n1', 'a', 'n2'])
  assert.deepEqual(settled([null, 'a', null], ['a', 'n1', 'n2']), ['n1', 'a', 'n2'])
  assert.deepEqual(settled([null, 'a', null], ['n1', 'n2']), ['n1', 'a', 'n2'])
  assert.deepEqual(settled([null, 'a'], [null, 'a']), [null, 'a'])
  assert.deepEqual(settled([null, 'a'], ['n', null]), ['n', 'a'])
  assert.deepEqual(settled(['a', 'b'], ['x', 'y']), ['x', 'y'])
  assert.deepEqual(settled([null, 'a'], ['n1', 'n2', 'n3']), [null, 'a'])
  assert.deepEqual(settled([null, 'a'], undefined), [null, 'a'])
})

// ── the laws ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
/** Fields of every type with every comparison, the same on both sides so that flows can lead both ways. */
const kinds: [string, FieldType, Partial<FieldDef>][] = [
  ['plain', 'text', {}],
  ['trimmed', 'text', { compare: { trim: true } }],
  ['folded', 'text', { compare: { ignoreCase: true, trim: true } }],
  ['exact', 'decimal', {}],
  ['scaled', 'decimal', { compare: { scale: 2 } }],
  ['whole', 'integer', {}],
  ['flag', 'bool', {}],
  ['day', 'date', {}],
  ['moment', 'datetime', {}],
  ['minute', 'datetime', { format: 'epochMillis', compare: { precision: 'minute' } }],
  ['choice', 'select', {}],
  ['choices', 'multiselect', {}],
  ['file', 'attachment', {}],
]
const defs = kinds.map(([code, type, more]) => field(code, type, more))
const rules: FieldRule[] = kinds.map(([code]) => ({ to: code, from: code }))
const both = (policy: DetailRule['policy']): DetailRule[] => [
  { from: 'rows', to: 'rows', policy, fields: rules },
  { from: 'list', to: 'list', policy: 'replace', fields: rules },
]
const rich = (code: string) =>
  object(code, [...defs, field('modified', 'datetime'), field('other', 'text')], {
    modifiedField: 'modified',
    externalIdField: 'other',
    details: [detail('rows', [...defs, field('other', 'text')]), detail('list', defs, null)],
  })
const twoWay = (policy: DetailRule['policy']) =>
  compiled({
    left: rich('L'),
    right: rich('R'),
    zones: { left: 'Asia/Shanghai', right: 'America/New_York' },
    flows: { left: flow('left', rules, both(policy)), right: flow('right', rules, both(policy)) },
  })
const pairs = { replace: twoWay('replace'), merge: twoWay('merge') }

const number = (text: string) => new LosslessNumber(text)
const decimal = fc
  .tuple(fc.integer({ min: -9999, max: 9999 }), fc.stringMatching(/^\d{1,6}$/))
  .map(([whole, rest]) => `${whole}.${rest}`)
const eitherKind = (text: fc.Arbitrary<string>): fc.Arbitrary<Json> =>
  fc.tuple(text, fc.boolean()).map(([one, asNumber]) => (asNumber ? number(one) : one))
const word = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom(' Straße ', 'ABC', 'İx', '榫卯 ', 'x\t'))
const instant = fc.integer({ min: 0, max: 4e12 })
const values: Record<string, fc.Arbitrary<Json>> = {
  plain: word,
  trimmed: word,
  folded: word,
  exact: eitherKind(decimal),
  scaled: eitherKind(decimal),
  whole: eitherKind(fc.integer().map(String)),
  flag: fc.constantFrom<Json>(true, false, 'Y', 'N', number('1'), '0'),
  day: instant.map((ms) => new Date(ms).toISOString().slice(0, 10)),
  moment: fc.oneof(
    instant.map((ms) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')),
    instant.map((ms) => number(String(ms))),
  ),
  minute: instant.map((ms) => number(String(ms))),
  choice: fc.constantFrom<Json>('a', '1', number('1')),
  choices: fc.constantFrom<Json>(['a', 'b'], ['b', 'a'], [], 'a,b', ['c']),
  file: fc.constantFrom<Json>([{ name: 'x', size: number('1.0') }], []),
}
const fieldsOf = (spoken: 'all' | 'some'): fc.Arbitrary<Fields> =>
  fc.record(
    Object.fromEntries(
      kinds.map(([code]) => [
        code,
        fc.oneof({ weight: 5, arbitrary: values[code] as fc.Arbitrary<Json> }, fc.constantFrom<Json>(null, '')),
      ]),
    ),
    spoken === 'some' ? { requiredKeys: [] } : {},
  ) as fc.Arbitrary<Fields>
const content = (spoken: 'all' | 'some') =>
  fc.record({
    master: fieldsOf(spoken),
    rows: fc.option(fc.array(fieldsOf(spoken), { maxLength: 4 }), { nil: undefined, freq: spoken === 'all' ? 1e9 : 4 }),
    list: fc.option(fc.array(fieldsOf(spoken), { maxLength: 3 }), { nil: undefined, freq: spoken === 'all' ? 1e9 : 4 }),
  })
const sourceOf = ({
  master,
  rows,
  list,
}: {
  master: Fields
  rows?: Fields[] | undefined
  list?: Fields[] | undefined
}): Document => ({
  ...document('S1', '{}'),
  content: {
    masterFieldVal: master,
    detailFieldVals: { ...(rows && { rows: rows.map((row, i) => ({ ...row, id: `s${i}` })) }), ...(list && { list }) },
  },
})

/** Drives choices of a target from one seed: in what order it shows rows, how it normalises. */
const dice = (seed: number) => {
  let state = seed | 1
  return (sides: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % sides
  }
}

/** A value as a target with the declared normalisations may show it. */
const normalised = (code: string, value: Json, roll: (sides: number) => number): Json => {
  if (value === null || value === '') return roll(2) ? null : ''
  const text = value instanceof LosslessNumber ? value.value : value
  if (typeof text !== 'string') return value
  switch (code) {
    case 'trimmed':
      return text.trim()
    case 'folded':
      return [text, text.toLowerCase(), text.toUpperCase().trim(), text.trim()][roll(4)] as Json
    case 'exact':
    case 'whole':
    case 'scaled': {
      const exact = readDecimal(text)
      if (!exact) return value
      const shown = decimalKey(code === 'scaled' ? roundTo(exact, 2) : exact)
      return roll(2) ? shown : number(shown)
    }
    case 'minute':
      return number(String(Math.floor(Number(text) / 60_000) * 60_000 + roll(60_000)))
    case 'moment':
      return value
    default:
      return value
  }
}

/** A target that stores what it got, makes ids for new rows, and shows rows in an order of its own. */
const stored = (outgoing: Outgoing, seed: number, normalise: boolean): { shown: Document; rowIds: RowIds } => {
  const roll = dice(seed)
  const show = (record: Fields): Fields =>
    normalise
      ? Object.fromEntries(Object.entries(record).map(([code, value]) => [code, normalised(code, value, roll)]))
      : record
  const rowIds: RowIds = {}
  const detailFieldVals: Document['content']['detailFieldVals'] = {}
  for (const [code, rows] of Object.entries(outgoing.content.detailFieldVals)) {
    const ids = rows.map((row, i) => (typeof row.id === 'string' ? row.id : `t${roll(1e6)}-${i}`))
    const withIds = rows.map((row, i): Fields => (code === 'list' ? show(row) : { ...show(row), id: ids[i] as string }))
    if (code !== 'list') {
      rowIds[code] = ids
      for (let i = withIds.length - 1; i > 0; i--) {
        const j = roll(i + 1)
        ;[withIds[i], withIds[j]] = [withIds[j] as Fields, withIds[i] as Fields]
      }
    }
    detailFieldVals[code] = withIds
  }
  const master = { ...show(outgoing.content.masterFieldVal), id: 'T1', modified: number(String(roll(1e9))) }
  return { shown: { ...document('T1', '{}'), content: { masterFieldVal: master, detailFieldVals } }, rowIds }
}

const wrongEntries = (sent: Print, shown: Print): string[] => {
  const known = [
    ...kinds.map(([code]) => code),
    'other',
    ...['rows', 'list'].flatMap((code) => [
      `${code}[]`,
      `${code}.other`,
      ...kinds.map(([column]) => `${code}.${column}`),
    ]),
  ]
  const keys = new Set(differing(sent, shown))
  return known.filter((name) => keys.has(printKey(name)))
}

test('R3: what a target shows prints like what was sent, entry by entry, in create and update, replaced and merged', () => {
  fc.assert(
    fc.property(
      content('some'),
      content('some'),
      fc.integer(),
      fc.boolean(),
      fc.constantFrom<DetailRule['policy']>('replace', 'merge'),
      (first, second, seed, normalise, policy) => {
        const made = planOf(pairs[policy])
        const created = mapped(made, input(sourceOf(first)))
        const one = stored(created.outgoing, seed, normalise)
        assert.deepEqual(wrongEntries(made.sentPrint(created.outgoing, one.rowIds), made.targetPrint(one.shown)), [])

        const detailIds: DetailIds = rowIdsToDetailIds(made, created.outgoing, one.rowIds, {})
        const foreign: Fields = { id: 'foreign', plain: 'theirs' }
        const target: Document = {
          ...one.shown,
          content: {
            ...one.shown.content,
            detailFieldVals: {
              ...one.shown.content.detailFieldVals,
              rows: [foreign, ...(one.shown.content.detailFieldVals.rows ?? [])],
            },
          },
        }
        const updated = mapped(made, input(sourceOf(second), { target, targetId: 'T1', detailIds }))
        const two = stored(updated.outgoing, seed + 1, normalise)
        assert.deepEqual(wrongEntries(made.sentPrint(updated.outgoing, two.rowIds), made.targetPrint(two.shown)), [])
        if (policy === 'merge' && second.rows)
          assert.ok(two.shown.content.detailFieldVals.rows?.some((row) => row.id === 'foreign'))
      },
    ),
    { numRuns: 150 },
  )
})

test('D2: an echo comes to rest: what was written is no change of the side that shows it', () => {
  fc.assert(
    fc.property(content('all'), fc.integer(), fc.boolean(), (given, seed, normalise) => {
      const pair = pairs.replace
      const [out, back] = [planOf(pair), planOf(pair, 'right')]
      const made = mapped(out, input(sourceOf(given)))
      const { shown, rowIds } = stored(made.outgoing, seed, normalise)
      assert.deepEqual(wrongEntries(back.sourcePrint(shown), out.sentPrint(made.outgoing, rowIds)), [])
    }),
    { numRuns: 100 },
  )
})

test('the keys and values of a field on a side are the same in every print of that side', () => {
  fc.assert(
    fc.property(content('some'), (given) => {
      const pair = pairs.replace
      const source = sourceOf(given)
      for (const side of ['left', 'right'] as const) {
        const whole = pair.print(side, source)
        const reading = planOf(pair, side).sourcePrint(source)
        const written = planOf(pair, side === 'left' ? 'right' : 'left').targetPrint(source)
        for (const print of [reading, written]) for (const [key, value] of print) assert.equal(whole.get(key), value)
        assert.equal(whole.size, new Set([...reading.keys(), ...written.keys()]).size)
      }
    }),
    { numRuns: 50 },
  )
})

test('mapping the same document twice asks for nothing new (D3)', () => {
  fc.assert(
    fc.property(content('some'), fc.integer(), (given, seed) => {
      const made = planOf(pairs.replace)
      const created = mapped(made, input(sourceOf(given)))
      const { rowIds } = stored(created.outgoing, seed, false)
      const known = made.sentPrint(created.outgoing, rowIds)
      const again = mapped(
        made,
        input(sourceOf(given), { targetId: 'T1', detailIds: rowIdsToDetailIds(made, created.outgoing, rowIds, {}) }),
      )
      assert.deepEqual(wrongEntries(again.print, known), [])
      assert.equal(
        writeContent(created.outgoing.content),
        writeContent(mapped(made, input(sourceOf(given))).outgoing.content),
      )
    }),
    { numRuns: 80 },
  )
})
