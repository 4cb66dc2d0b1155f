/** Row rules and the verdict over a batch, without a database. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'lossless-json'
import type { Fields } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import { checkBatch, type Stored } from './check.ts'
import { rulesOf } from './rules.ts'

const position: ObjectDef = {
  code: 'position',
  apiName: 'position',
  idField: 'code',
  fields: [
    { code: 'code', type: 'text', length: 8, required: true },
    { code: 'name', type: 'text', length: 9, required: true },
    { code: 'branch', type: 'reference', references: 'branch' },
    { code: 'parent', type: 'reference', references: 'position', soft: true },
    { code: 'head', type: 'reference', references: 'position' },
    { code: 'level', type: 'integer' },
    { code: 'pay', type: 'decimal' },
    { code: 'since', type: 'date', format: 'yyyy-MM-dd' },
    { code: 'enabled_flag', type: 'select', options: [{ value: 'Y' }, { value: 'N' }] },
  ],
  details: [],
}

const stored = (parents: Record<string, Record<string, string>> = {}): Stored => ({
  existing: async (object, codes) =>
    new Set(codes.filter((code) => (object === 'branch' ? code === 'D001' : code in parents))),
  parents: async (_, codes) =>
    new Map(codes.flatMap((code) => (parents[code] ? [[code, parents[code]] as const] : []))),
})

const check = async (rows: object[], from = stored()) =>
  checkBatch(
    rulesOf(position, 'Asia/Shanghai'),
    rows.map((row) => parse(JSON.stringify(row)) as Fields),
    from,
  )

/** `reason:field` of each row, errors before warnings. */
const told = async (rows: object[], from = stored()) =>
  (await check(rows, from)).map(({ errors, warnings }) =>
    [...errors.map((f) => `${f.reason}:${f.field}`), ...warnings.map((f) => `(${f.reason}:${f.field})`)].join(' '),
  )

test('each rule is told on its field, and all that is wrong with a row at once', async () => {
  assert.deepEqual(
    await told([
      { code: 'A', name: '岗位一', level: 5, pay: '1.10', since: '2026-02-28', enabled_flag: 'N', branch: 'D001' },
      { code: 'B', name: '岗位一二' },
      { code: 'C', level: 1.5, pay: 'x', since: '2026-02-30', enabled_flag: 'y' },
      { name: 'n' },
      { code: '  ', name: 'n' },
      { code: ['a', 'b'], name: { a: 1 } },
      { code: 'D', name: 'n', branch: 'D002', parent: 'P' },
      { code: 'E\n', name: 'n' },
    ]),
    [
      '',
      'long:name',
      'required:name integer:level decimal:pay date:since option:enabled_flag',
      'required:code',
      'required:code',
      'required:code text:code text:name',
      'absent:branch',
      'key:code',
    ],
  )
})

test('length counts bytes', async () => {
  const [fits, not] = await check([
    { code: 'A', name: '三三三' },
    { code: 'B', name: '三三三a' },
  ])
  assert.deepEqual([fits?.errors.length, not?.errors[0]?.expected], [0, '9'])
})

test('rows are numbered by sequence_num where all have a distinct one, else from 1', async () => {
  const keys = async (...numbers: unknown[]) =>
    (
      await check(numbers.map((n, i) => ({ code: `c${i}`, name: 'n', ...(n !== undefined && { sequence_num: n }) })))
    ).map((v) => v.key)
  assert.deepEqual(await keys(10, '20'), ['10', '20'])
  assert.deepEqual(await keys(10, undefined), ['1', '2'])
  assert.deepEqual(await keys(10, '10'), ['1', '2'])
  assert.deepEqual(await keys('', 3), ['1', '2'])
})

test('a code that stands twice: the later good row wins, the earlier is warned', async () => {
  const verdicts = await check([
    { code: 'A', name: '1' },
    { code: 'a', name: '2' },
    { code: 'A', name: '3' },
    { code: 'A' },
  ])
  assert.deepEqual(
    verdicts.map((v) => [v.outcome, v.warnings.map((w) => `${w.reason} ${w.expected}`).join()]),
    [
      ['overtaken', 'twice 3'],
      [null, ''],
      [null, ''],
      ['rejected', ''],
    ],
  )
})

test('parents and children stand in any order and are stored parents first', async () => {
  const verdicts = await check([
    { code: 'C', name: 'n', parent: 'B' },
    { code: 'B', name: 'n', head: 'A' },
    { code: 'A', name: 'n' },
  ])
  assert.deepEqual(
    verdicts.map((v) => v.errors.length + v.warnings.length),
    [0, 0, 0],
  )
  assert.deepEqual(
    verdicts.map((v) => v.turn),
    [2, 1, 0],
  )
})

test('what holds on to a refused row is refused with it, along the chain; a soft reference warns', async () => {
  assert.deepEqual(
    await told([
      { code: 'D', name: 'n', head: 'C' },
      { code: 'C', name: 'n', head: 'B' },
      { code: 'B', name: 'far too long' },
      { code: 'E', name: 'n', parent: 'B' },
    ]),
    ['absent:head', 'absent:head', 'long:name', '(absent:parent)'],
  )
})

test('a circle is told on its rows, and on no other', async () => {
  const verdicts = await check([
    { code: 'A', name: 'n', parent: 'B' },
    { code: 'B', name: 'n', parent: 'A' },
    { code: 'C', name: 'n', parent: 'A' },
    { code: 'S', name: 'n', parent: 'S' },
  ])
  assert.deepEqual(
    verdicts.map((v) => v.errors.map((e) => e.value).join()),
    ['A → B → A', 'B → A → B', '', 'S → S'],
  )
  assert.deepEqual(
    verdicts[2]?.warnings.map((w) => w.reason),
    ['absent'],
  )
})

test('a circle that closes through what is stored is told as well', async () => {
  const from = stored({ X: { parent: 'Y' }, Y: { parent: 'A' }, A: {} })
  assert.deepEqual(await told([{ code: 'A', name: 'n', parent: 'X' }], from), ['cycle:parent'])
  assert.deepEqual(
    await told(
      [
        { code: 'A', name: 'n', parent: 'X' },
        { code: 'Y', name: 'n' },
      ],
      from,
    ),
    ['', ''],
  )
})

test('ten thousand rows in one chain are judged in well under a second', async () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => ({
    code: `c${i}`,
    name: 'n',
    ...(i && { head: `c${i - 1}` }),
  })).reverse()
  const began = performance.now()
  const verdicts = await check(rows)
  assert.ok(verdicts.every((v) => v.turn !== null))
  const broken = await check([...rows.slice(0, -1), { code: 'c0', name: 'far too long' }])
  assert.ok(broken.every((v) => v.turn === null))
  assert.ok(performance.now() - began < 5_000)
})
