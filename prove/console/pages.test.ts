/** The pure parts of the pages of reading, comparing and telling: the ledger as a line of time, clocks of other zones, ids out of a file, differences of code, rules of alerts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { figuresOf, ruleDefaults } from '../../console/features/alerts/rules.ts'
import { rowsSaid } from '../../console/features/batches/result.ts'
import { hunksOf, linesOf } from '../../console/features/functions/lines.ts'
import { idsIn, whereOf } from '../../console/features/history/asked.ts'
import { barsOf, daysInWords, placeOf, ticksOf, type WindowOf } from '../../console/features/polls/ledger.ts'
import english from '../../console/words/en_US.json' with { type: 'json' }
import { fromLocal, toLocal } from '../../console/ui/zone.ts'
import { rules } from '../../server/observe/alert-words.ts'

const hour = 3_600_000
const noon = Date.parse('2026-03-01T12:00:00Z')
const windowOf = (from: number, to: number, more: Partial<WindowOf> = {}): WindowOf => ({
  id: from,
  cause: 'schedule',
  from: new Date(noon + from * hour).toISOString(),
  to: new Date(noon + to * hour).toISOString(),
  readUntil: new Date(noon + to * hour).toISOString(),
  state: 'done',
  seen: 1,
  failed: 0,
  fault: null,
  ...more,
})

test('windows that were read one after the other are one bar; a gap, a failure and what is open stand by themselves', () => {
  const span = { from: noon, to: noon + 10 * hour }
  const bars = barsOf(
    [
      windowOf(4, 5, { state: 'reading', fault: { code: 'read.failed' } }),
      windowOf(1, 2),
      windowOf(0, 1),
      windowOf(-3, -1),
      windowOf(3, 4, { failed: 2 }),
      windowOf(0, 1, { cause: 'again', id: 99 }),
    ],
    span,
  )
  assert.deepEqual(
    bars.map((bar) => [bar.cause, bar.look, (bar.from - noon) / hour, (bar.to - noon) / hour, bar.windows, bar.seen]),
    [
      ['schedule', 'read', 0, 2, 2, 2],
      ['again', 'read', 0, 1, 1, 1],
      ['schedule', 'failed', 3, 4, 1, 1],
      ['schedule', 'trouble', 4, 5, 1, 1],
    ],
  )
})

test('whatever lies on the line can be seen, and nothing leaves it', () => {
  fc.assert(
    fc.property(fc.integer({ min: -50, max: 150 }), fc.integer({ min: 0, max: 100 }), (from, length) => {
      const { left, width } = placeOf({ from, to: from + length }, { from: 0, to: 100 }, 1)
      assert.ok(left >= 0 && width >= 1 && left + width <= 100.000_001, `${left} ${width}`)
    }),
  )
})

test('ticks are round moments of the clock that the person sees', () => {
  const shanghai = 8 * hour
  const ticks = ticksOf({ from: noon + 123, to: noon + 24 * hour }, 10, shanghai)
  assert.ok(ticks.length > 3 && ticks.length <= 10)
  for (const at of ticks) assert.equal((at + shanghai) % (2 * hour), 0)
})

test('days that follow each other are said as from and to, others one by one', () => {
  assert.equal(daysInWords(['fri', 'mon', 'wed', 'tue', 'thu'], 'en-US'), 'Mon – Fri')
  assert.equal(daysInWords(['mon', 'thu'], 'en-US'), 'Mon, Thu')
  assert.equal(daysInWords(['sat', 'sun', 'fri'], 'zh-CN'), '周五 – 周日')
})

test('a wall clock is read in its zone, over the hours that summer time skips and repeats', () => {
  assert.equal(toLocal(noon, 'Asia/Shanghai'), '2026-03-01T20:00')
  assert.equal(fromLocal('2026-03-01T20:00', 'Asia/Shanghai'), noon)
  const berlin = 'Europe/Berlin'
  assert.equal(fromLocal('2026-10-25T02:30', berlin), Date.parse('2026-10-25T00:30:00Z'), 'the first of the two')
  assert.equal(toLocal(fromLocal('2026-03-29T02:30', berlin) as number, berlin), '2026-03-29T03:30', 'the hour after')
  assert.equal(fromLocal('', berlin), null)
  fc.assert(
    fc.property(
      fc.integer({ min: Date.parse('2020-01-01'), max: Date.parse('2030-01-01') }),
      fc.constantFrom('Asia/Kolkata', 'America/New_York', berlin, 'Australia/Lord_Howe', 'UTC'),
      (at, zone) => {
        const text = toLocal(at, zone)
        assert.equal(toLocal(fromLocal(text, zone) as number, zone), text)
      },
    ),
  )
})

test('ids come one a line or separated, each once; conditions without a field do not count', () => {
  assert.deepEqual(idsIn('\ufeffA1\r\nA2, A3;A1\n"A 4"\t\n'), ['A1', 'A2', 'A3', 'A 4'])
  assert.deepEqual(idsIn('12345678901234567890'), ['12345678901234567890'])
  assert.equal(whereOf([{ field: ' ', value: 'x' }]), undefined)
  assert.deepEqual(whereOf([{ field: 'status ', value: '' }]), { status: '' })
})

test('what differs between two codes, put together again, is the one and the other', () => {
  assert.deepEqual(
    linesOf('a\nb\nc', 'a\nx\nc').map((line) => `${line.is} ${line.text} ${line.number}`),
    ['same a 1', 'gone b 2', 'new x 2', 'same c 3'],
  )
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 12 })
    .map((lines) => lines.join('\n'))
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = linesOf(before, after)
      const without = (what: 'gone' | 'new') =>
        lines
          .filter((line) => line.is !== what)
          .map((line) => line.text)
          .join('\n')
      assert.equal(without('new'), before)
      assert.equal(without('gone'), after)
    }),
  )
  const far = linesOf(`${'x\n'.repeat(20)}a`, `${'x\n'.repeat(20)}b`)
  assert.deepEqual(
    hunksOf(far).map((line) => line?.is ?? null),
    [null, 'same', 'same', 'gone', 'new'],
  )
})

test('a batch’s result is told row by row, refused ones first', () => {
  assert.deepEqual(
    rowsSaid({
      warnings: { 3: ['no parent'] },
      validatorErrors: { 2: ['no branch', 'too long'] },
      dbErrors: [{ row: 5, code: '23505', message: 'twice' }],
      createdCount: 1,
    }),
    [
      { row: '2', mood: 'refused', say: ['no branch', 'too long'] },
      { row: '5', mood: 'refused', say: ['twice'] },
      { row: '3', mood: 'warned', say: ['no parent'] },
    ],
  )
  assert.deepEqual(rowsSaid(null), [])
})

test('the rules that the page shows are the server’s own, with their levels and figures', () => {
  assert.deepEqual(
    Object.fromEntries(Object.entries(ruleDefaults).map(([name, { level, ...figures }]) => [name, { level, figures }])),
    Object.fromEntries(Object.entries(rules).map(([name, { level, limits }]) => [name, { level, figures: limits }])),
  )
  for (const rule of Object.keys(ruleDefaults))
    for (const key of [`alert.rule.${rule}`, `alert.when.${rule}`]) assert.ok(Object.hasOwn(english, key), key)
  assert.deepEqual(figuresOf('backlog'), [
    { key: 'records', value: 10_000, unit: 1 },
    { key: 'oldestMs', value: 1_800_000, unit: 60_000 },
  ])
})
