/** Formulas: every example of docs/formulas.md, parse and print, decimal laws, and nothing that a formula or a document says can break them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Decimal } from 'decimal.js'
import fc from 'fast-check'
import { LosslessNumber } from 'lossless-json'
import { locales } from '../../protocol/codes.ts'
import type { Json } from '../doc/document.ts'
import { type Resolved, referenceKey } from '../doc/flow.ts'
import { writeJson } from './content.ts'
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
  problems,
  sentDetails,
  sentMaster,
  type World,
} from './fixture.ts'
import { compileFormula, functionNames } from './formula.ts'
import { type Node, parseFormula, printFormula } from './formula-syntax.ts'
import { formulaSentence, formulaSentences } from './formula-words.ts'
import { zoneOf } from './zone.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/formulas.md'), 'utf8')
const rowsOf = (heading: string): string[][] => {
  const [, after = ''] = page.split(`\n${heading}\n`)
  return (after.split(/\n#{2,3} /)[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| function') && !line.startsWith('| formula |'))
    .map((line) => line.slice(2, -2).split(' | '))
}
const code = (text = ''): string => text.replaceAll('`', '')
const [record = '', lines = ''] = [...page.matchAll(/```json\n([\s\S]*?)\n```/g)].map(([, text]) => text as string)

const source = object(
  'L',
  [
    field('name', 'text'),
    field('code', 'text'),
    field('grade', 'text'),
    field('qty', 'decimal'),
    field('price', 'decimal'),
    field('客户名称', 'text'),
    field('orderDate', 'date'),
    field('tags', 'multiselect'),
    field('none', 'text'),
    field('customer', 'reference'),
  ],
  { details: [detail('lines', [field('item', 'text'), field('qty', 'decimal'), field('price', 'decimal')], null)] },
)
const target = (out = field('out', 'text')) =>
  object('R', [out], { details: [detail('rows', [field('out', 'text'), field('n', 'decimal')])] })
const customer = pairDef('customer', {})
const world = (formula: string, more: Partial<World> = {}): World => ({
  left: source,
  right: target(),
  flows: {
    left: flow('left', [{ to: 'out', formula }], [], { params: { rate: 0.13, units: { kg: 'KGM' } } }),
  },
  zones: { left: 'Asia/Shanghai', right: 'Asia/Shanghai' },
  others: [customer],
  ...more,
})
const now = Date.UTC(2024, 4, 6, 8, 30)
const refs = new Map<string, Resolved>([
  [referenceKey({ pairId: 'customer', side: 'left', id: 'C-1' }), { targetId: 'ACC-9' }],
])
const sample = () => input(document('SO-1', record, `{"lines":${lines}}`), { now, refs })
const gives = (formula: string): string => {
  const made = planOf(compiled(world(formula))).apply(sample())
  if (made.kind !== 'mapped') return JSON.stringify(made)
  const { out } = made.outgoing.content.masterFieldVal
  return typeof out === 'string' ? out : writeJson(out ?? null)
}

test('every example of the reference page gives what the page says', () => {
  const examples = ['### Choosing', '### Text', '### Numbers', '### Rows and lists', '### Dates'].flatMap(rowsOf)
  assert.ok(examples.length > 80, `found ${examples.length}`)
  const wrong = examples.flatMap(([, example, wanted]) => {
    const found = gives(code(example))
    return found === code(wanted) ? [] : [`${example} gives ${found}, the page says ${wanted}`]
  })
  assert.deepEqual(wrong, [])
  // and every function has one
  const shown = new Set(examples.map(([name]) => /^`([A-Z]+)/.exec(name ?? '')?.[1]))
  assert.deepEqual(
    functionNames.filter((name) => !shown.has(name)),
    [],
  )
})

test('what is wrong is told with its place, as the page says', () => {
  const examples = rowsOf('## Where what is said goes wrong')
  assert.ok(examples.length >= 6)
  for (const [example, wanted] of examples) {
    const formula = code(example)
    const told = problems(world(formula))
    const said = told.length
      ? told[0]?.message
      : (() => {
          const made = planOf(compiled(world(formula))).apply(sample())
          return made.kind === 'faults' ? made.faults[0]?.said : 'nothing'
        })()
    assert.equal(said, wanted, formula)
  }
  assert.deepEqual(problems(world('1 +'))[0]?.path, 'flows.left.mapping.fields[0].formula')
})

test('every sentence is there in four languages and fills in the same values', () => {
  for (const [key, four] of Object.entries(formulaSentences)) {
    assert.equal(four.length, locales.length, key)
    const holes = (text: string) => [...new Set(text.match(/\{[ab]\}/g) ?? [])].sort().join()
    for (const text of four) assert.equal(holes(text), holes(four[2]), `${key}: ${text}`)
  }
  const said = locales.map((locale) => formulaSentence({ code: 'end', at: 2, b: 'closing' }, locale))
  assert.deepEqual(said, [
    '第 3 个字符：公式不完整，缺少右括号 )',
    '第 3 個字元：公式不完整，缺少右括號 )',
    'at character 3: the formula ends where a closing ) is expected',
    '3 文字目: 数式が途中です。閉じ括弧 )が必要です',
  ])
})

// ── syntax ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const strip = (node: unknown): unknown =>
  JSON.parse(JSON.stringify(node, (key, value: unknown) => (key === 'at' ? undefined : value)))

const words = fc.oneof(
  fc.constantFrom('name', '客户名称', '$', '$id', 'TRUE', 'null', 'a b', 'x]y', 'é', '1st', 'If', 'items[0]', '.'),
  fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme' }).filter((text) => text.trim() !== ''),
)
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.constantFrom('1', '1.10', '.5', '12e-3').map((text): Node => ({ kind: 'number', text, at: 0 })),
    fc.string({ maxLength: 8 }).map((text): Node => ({ kind: 'text', text, at: 0 })),
    fc.boolean().map((value): Node => ({ kind: 'bool', value, at: 0 })),
    fc.constant<Node>({ kind: 'blank', at: 0 }),
    fc.array(words, { minLength: 1, maxLength: 3 }).map((segments): Node => ({ kind: 'name', segments, at: 0 })),
    fc
      .tuple(fc.constantFrom('IF', 'SUM', '客'), fc.array(tie('node'), { maxLength: 3 }))
      .map(([name, args]): Node => ({ kind: 'call', name, args, at: 0 })),
    tie('node').map((of): Node => ({ kind: 'negative', of, at: 0 })),
    tie('node').map((of): Node => ({ kind: 'percent', of, at: 0 })),
    fc
      .tuple(fc.constantFrom('=', '<>', '<', '<=', '>', '>=', '&', '+', '-', '*', '/', '^'), tie('node'), tie('node'))
      .map(([op, left, right]) => ({ kind: 'binary', op, left, right, at: 0 }) as Node),
    fc.array(tie('node'), { maxLength: 3 }).map((items): Node => ({ kind: 'list', items, at: 0 })),
    fc
      .array(fc.tuple(fc.string({ maxLength: 4 }), tie('node')), { minLength: 1, maxLength: 3 })
      .map((entries): Node => ({ kind: 'map', entries, at: 0 })),
  ),
}))

test('what is printed reads as the same formula again', () => {
  fc.assert(
    fc.property(node, (tree) => {
      const text = printFormula(tree)
      const again = parseFormula(text)
      assert.ok(!('fault' in again), `${text}: ${JSON.stringify(again)}`)
      assert.deepEqual(strip(again), strip(tree), text)
    }),
    { numRuns: 2_000 },
  )
})

test('precedence is that of a spreadsheet', () => {
  for (const [formula, wanted] of [
    ['2 + 3 * 4', '14'],
    ['(2 + 3) * 4', '20'],
    ['-2 ^ 2', '4'],
    ['2 ^ 3 ^ 2', '64'],
    ['10 - 4 - 3', '3'],
    ['200 * 5%', '10'],
    ['1 + 1 & "x"', '2x'],
    ['1 & 2 = "12"', 'true'],
    ['=1+1', '2'],
    ['（1＋2）×3', '9'],
    ['CONCAT（“a”，“b”）', 'ab'],
    ['SUM(1; 2; 3)', '6'],
  ] as const)
    assert.equal(gives(formula), wanted, formula)
})

// ── computing ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const names = {
  zone: zoneOf('UTC') as NonNullable<ReturnType<typeof zoneOf>>,
  find: (segments: readonly string[]) => ({ kind: 'value' as const, value: values[segments[0] as string] ?? null }),
  reference: () => 'no pairs here',
}
let values: { [name: string]: Json } = {}
const frame = (master: { [key: string]: Json } = {}) => ({
  record: master,
  master,
  details: {},
  rowKey: 'r',
  sourceId: 's',
  now: 0,
  seed: 'seed',
  resolve: () => null,
})
const computed = (formula: string, given: { [name: string]: Json }): string => {
  values = given
  const made = compileFormula(formula, names)
  assert.ok(!('faults' in made), formula)
  const done = made.compute(frame())
  if ('fault' in done) return done.fault.code
  const { value } = done
  return value instanceof Decimal ? value.toString() : writeJson((value ?? null) as Json)
}

const decimals = fc
  .tuple(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), fc.integer({ min: 0, max: 12 }))
  .map(([digits, places]) => new LosslessNumber(`${digits}e-${places}`))

test('decimals keep the laws of arithmetic that doubles break', () => {
  assert.equal(computed('0.1 + 0.2 = 0.3', {}), 'true')
  assert.equal(computed('a * 100', { a: new LosslessNumber('12345678901234567890.12') }), '1234567890123456789012')
  fc.assert(
    fc.property(decimals, decimals, decimals, (a, b, c) => {
      const given = { a, b, c }
      for (const law of [
        'a + b = b + a',
        'a * b = b * a',
        'a + b + c = a + (b + c)',
        'a * (b + c) = a * b + a * c',
        'a - a = 0',
        'a + b - b = a',
        'ABS(-a) = ABS(a)',
        'SIGN(a) * ABS(a) = a',
        'ROUND(a, 12) = a',
        'ABS(ROUND(a, 2) - a) <= 0.005',
        'MIN(a, b) + MAX(a, b) = a + b',
        'OR(b = 0, IFERROR(MOD(a, b) * b >= 0, TRUE))',
        'IF(a < b, NOT(a >= b), NOT(a < b))',
        'NUMBER(TEXT(a)) = a',
      ])
        assert.equal(computed(law, given), 'true', `${law} with ${a.value}, ${b.value}, ${c.value}`)
    }),
    { numRuns: 300 },
  )
})

const texts = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        'IF',
        'SUM',
        'LOOKUP',
        'DATEADD',
        'REPT',
        'SPLIT',
        '(',
        ')',
        ',',
        '{',
        '}',
        ':',
        '"a"',
        '1e400',
        '^',
        '%',
        '-',
        'name',
        '$.lines.qty',
        'lines.qty',
        'lines',
        '$now',
        '99999',
        '/',
        '&',
        '=',
        '[',
        ']',
      ),
      { maxLength: 25 },
    )
    .map((parts) => parts.join(' ')),
  node.map(printFormula),
)
const anything = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom<Json>(null, true, '', ' ', '2024-02-30', '1e400', '-0', [], {}, ['a', null], { a: 'b' }),
  decimals,
) as fc.Arbitrary<Json>

test('no formula and no document makes it throw, and it always ends', () => {
  fc.assert(
    fc.property(texts, anything, anything, (text, one, two) => {
      const made = problems(world(text)).length ? null : planOf(compiled(world(text)))
      if (!made) return
      const given = document('SO-1', '{}')
      given.content.masterFieldVal = { name: one, qty: two, orderDate: one, tags: two }
      given.content.detailFieldVals = { lines: [{ qty: one, price: two }, two as never] }
      const done = made.apply(input(given))
      assert.ok(['mapped', 'faults', 'missing'].includes(done.kind))
      made.references(given)
      made.sourcePrint(given)
    }),
    { numRuns: 3_000 },
  )
})

test('a formula that would run for ever, or make a text without end, is stopped', () => {
  const many = `[${Array.from({ length: 40_000 }, () => '{"qty":1,"price":2}').join()}]`
  const plan = planOf(compiled(world('SUM(lines.qty * lines.price)')))
  assert.match(faultsOf(plan, input(document('SO-1', '{}', `{"lines":${many}}`))).join(), /map.formula/)
  assert.match(gives('REPT("abcdefghij", 99999)'), /longer than 100000/)
  const bomb = Array.from({ length: 24 }, () => 0).reduce((inner) => `CONCAT(${inner}, ${inner})`, '"ab"' as string)
  assert.match(
    problems(world(bomb))
      .map((one) => one.message)
      .join(),
    /longer than 10000|more than/,
  )
  const doubling = Array.from({ length: 8 }, () => 0).reduce(
    (inner) => `CONCAT(${inner}, ${inner})`,
    'REPT("a", 9000)' as string,
  )
  assert.match(gives(doubling), /text is longer|too many steps/)
  const began = performance.now()
  gives(`REPT("x", 90000) & REPT("y", 9999)`)
  gives(Array.from({ length: 60 }, () => 'LEN(REPT("x", 99999))').join('+'))
  assert.ok(performance.now() - began < 2_000)
})

// ── in a mapping ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
test('a number that is only passed on stays as it came; a computed one keeps the places of its target', () => {
  assert.equal(gives('IF(TRUE, price)'), '1.10')
  assert.equal(gives('price + 0'), '1.1')
  const rounded = world('price / 7', { right: target(field('out', 'decimal', { compare: { scale: 4 } })) })
  assert.equal(sentMaster(planOf(compiled(rounded)), sample()), '{"out":0.1571}')
})

test('a date goes out as the target writes dates', () => {
  const dated = (out: ReturnType<typeof field>, formula: string) =>
    sentMaster(
      planOf(compiled(world(formula, { right: target(out), zones: { left: 'Asia/Shanghai', right: 'UTC' } }))),
      sample(),
    )
  assert.equal(dated(field('out', 'date'), 'DATEADD(orderDate, 1, "day")'), '{"out":"2024-02-01"}')
  assert.equal(dated(field('out', 'datetime', { format: 'iso' }), '$now'), '{"out":"2024-05-06T08:30:00Z"}')
  assert.equal(dated(field('out', 'date', { format: 'yyyy/M/d' }), 'orderDate'), '{"out":"2024/1/31"}')
  assert.equal(
    dated(field('out', 'datetime', { format: 'epochMillis' }), 'PARSEDATE("2024-05-06 16:30:00")'),
    `{"out":${now}}`,
  )
})

test('absent never clears: a formula whose fields are all absent writes nothing, one whose fields are emptied does', () => {
  const plan = planOf(compiled(world('CONCAT(name, code)')))
  assert.equal(sentMaster(plan, input(document('SO-1', '{"grade":"A"}'))), '{}')
  assert.equal(sentMaster(plan, input(document('SO-1', '{"name":null}'))), '{"out":""}')
  assert.equal(sentMaster(plan, input(document('SO-1', '{"code":"x"}'))), '{"out":"x"}')
})

test('what a formula reads is what makes a record changed, rows of a detail included', () => {
  const plan = planOf(compiled(world('SUM(lines.qty) & grade')))
  const print = (master: string, rows: string) =>
    [...plan.sourcePrint(document('SO-1', master, rows)).entries()].join(';')
  const base = print('{"grade":"A","name":"x"}', '{"lines":[{"qty":1}]}')
  assert.equal(print('{"grade":"A","name":"y"}', '{"lines":[{"qty":1}]}'), base)
  assert.notEqual(print('{"grade":"B","name":"x"}', '{"lines":[{"qty":1}]}'), base)
  assert.notEqual(print('{"grade":"A","name":"x"}', '{"lines":[{"qty":2}]}'), base)
})

test('the moment of mapping travels with other changes and is no reason for one', () => {
  const plan = planOf(compiled(world('$now')))
  const early = mapped(plan, sample())
  const late = mapped(plan, { ...sample(), now: now + 86_400_000 })
  assert.notEqual(writeJson(early.outgoing.content.masterFieldVal), writeJson(late.outgoing.content.masterFieldVal))
  assert.deepEqual([...early.print], [...late.print])
})

test('rows compute with their own fields, the master and its details; UUID is the same for the same row each time', () => {
  const rows = world('1', {
    flows: {
      left: flow(
        'left',
        [],
        [
          {
            from: 'lines',
            to: 'rows',
            policy: 'replace',
            fields: [
              { to: 'out', formula: 'UPPER(item) & "/" & $.grade & "/" & $.$id & "/" & LEFT(UUID(), 4)' },
              { to: 'n', formula: 'qty / SUM($.lines.qty) * 8' },
            ],
          },
        ],
      ),
    },
  })
  const plan = planOf(compiled(rows))
  const sent = sentDetails(plan, sample())
  assert.match(
    sent,
    /^\{"rows":\[\{"out":"NUT\/A\/SO-1\/[0-9a-f]{4}","n":2\},\{"out":"BOLT\/A\/SO-1\/[0-9a-f]{4}","n":5\},/,
  )
  assert.equal(sentDetails(plan, { ...sample(), now: now + 5 }), sent)
  assert.equal(new Set(sent.match(/SO-1\/[0-9a-f]{4}/g)).size, 3)
})

test('MAPPED waits for its record, and asks for it whatever the rest of the formula says', () => {
  const plan = planOf(compiled(world('IF(grade = "Z", MAPPED(customer, "customer"), "none")')))
  assert.deepEqual(
    plan.references(document('SO-1', record)).map(({ pairId, side, id, missing }) => [pairId, side, id, missing]),
    [['customer', 'left', 'C-1', 'wait']],
  )
  assert.equal(sentMaster(plan, sample()), '{"out":"none"}')
  const needed = planOf(compiled(world('CONCAT("x", MAPPED(customer, "customer"))')))
  const waiting = needed.apply(input(document('SO-1', record)))
  assert.deepEqual(waiting.kind === 'missing' && waiting.references.map(({ id }) => id), ['C-1'])
  const empty = planOf(compiled(world('COALESCE(MAPPED(customer, "customer", "empty"), "nobody")')))
  assert.equal(sentMaster(empty, input(document('SO-1', record))), '{"out":"nobody"}')
  const later = mapped(
    planOf(compiled(world('MAPPED(customer, "customer", "later")'))),
    input(document('SO-1', record)),
  )
  assert.equal(later.later.length, 1)
  assert.equal(writeJson(later.outgoing.content.masterFieldVal), '{}')
  assert.match(problems(world('MAPPED(customer, "nowhere")'))[0]?.message ?? '', /pair "nowhere" does not exist/)
  assert.match(problems(world('SUM(MAPPED(lines.item, "customer"))'))[0]?.message ?? '', /cannot stand inside SUM/)
})
