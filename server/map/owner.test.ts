/** Per-field owners (D4): which entries and which part of a body belong to a side. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Side } from '../doc/document.ts'
import type { DetailRule, FieldRule } from '../doc/flow.ts'
import { printKey } from '../doc/print.ts'
import {
  compiled,
  detail,
  document,
  field,
  flow,
  input,
  mapped,
  object,
  planOf,
  problems,
  type World,
} from './fixture.ts'
import { ownedOutgoing, ownerKeys, restrict } from './plan.ts'

const one = (code: string, ext: string) =>
  object(code, [field('a', 'text'), field('b', 'text'), field('c', 'text'), field('n.m', 'text')], {
    externalIdField: ext,
    details: [detail('rows', [field('x', 'text'), field('y', 'text')]), detail('own', [field('x', 'text')])],
  })
const rule = (code: string, owner?: Side): FieldRule => ({ to: code, from: code, ...(owner && { owner }) })
const rows = (owner?: Side): DetailRule => ({
  from: 'rows',
  to: 'rows',
  policy: 'replace',
  fields: [rule('x', owner), rule('y')],
})
const own: DetailRule = { from: 'own', to: 'own', policy: 'replace', fields: [rule('x')] }
const world = (
  leftFields: FieldRule[],
  rightFields: FieldRule[],
  leftDetails: DetailRule[] = [],
  rightDetails: DetailRule[] = [],
): World => ({
  left: one('L', 'rightId'),
  right: one('R', 'leftId'),
  pair: { conflict: 'field' },
  flows: {
    left: flow('left', leftFields, leftDetails, { scope: [{ field: 'c', op: 'notEmpty' }] }),
    right: flow('right', rightFields, rightDetails),
  },
})
const known = ['a', 'b', 'c', 'n.m', 'leftId', 'rightId', 'rows[]', 'rows.x', 'rows.y', 'own[]', 'own.x']
const named = (keys: ReadonlySet<number>) => known.filter((name) => keys.has(printKey(name)))

test('D4 field: each side owns what the rules say, what only its flow maps, its scope and the external id it writes', () => {
  const pair = compiled(
    world(
      [rule('a', 'left'), rule('b'), { to: 'n.m', from: 'a' }],
      [rule('a'), rule('b', 'right')],
      [rows('right'), own],
      [rows()],
    ),
  )
  const left = ownerKeys(pair, 'left')
  assert.deepEqual(named(left.source), ['a', 'c', 'own[]', 'own.x'])
  assert.deepEqual(named(left.target), ['a', 'n.m', 'leftId', 'own[]', 'own.x'])
  const right = ownerKeys(pair, 'right')
  assert.deepEqual(named(right.source), ['b', 'rows[]', 'rows.x', 'rows.y'])
  assert.deepEqual(named(right.target), ['b', 'rightId', 'rows[]', 'rows.x', 'rows.y'])
})

test('D4 field: prints and bodies are cut down to what a side owns', () => {
  const pair = compiled(
    world(
      [rule('a', 'left'), rule('b'), { to: 'n.m', from: 'a' }],
      [rule('a'), rule('b', 'right')],
      [rows('right'), own],
      [rows()],
    ),
  )
  const given = document('S', '{"a":"1","b":"2","c":"3"}', '{"rows":[{"id":"r","x":"1"}],"own":[{"id":"o","x":"1"}]}')
  const made = mapped(planOf(pair), input(given, { targetId: 'T' }))
  const cut = ownedOutgoing(pair, 'left', made.outgoing)
  assert.deepEqual(cut.content, {
    masterFieldVal: { id: 'T', a: '1', n: { m: '1' }, leftId: 'S' },
    detailFieldVals: { own: [{ x: '1' }] },
  })
  assert.deepEqual(cut.sourceRows, { own: ['o'] })
  assert.deepEqual(restrict(made.print, ownerKeys(pair, 'left').target), planOf(pair).sentPrint(cut))
  assert.equal(restrict(made.sourcePrint, ownerKeys(pair, 'left').source).size, 4)
})

test('D4 field: a field that is mapped both ways needs one owner', () => {
  const paths = (given: World) => problems(given).map(({ path }) => path)
  assert.deepEqual(paths(world([rule('a')], [rule('a')])), ['flows.left.mapping.fields[0].owner'])
  assert.deepEqual(paths(world([rule('a', 'left')], [rule('a', 'right')])), [
    'flows.left.mapping.fields[0].owner',
    'flows.right.mapping.fields[0].owner',
  ])
  assert.deepEqual(paths(world([rule('a')], [rule('a', 'right')])), [])
  assert.deepEqual(paths(world([], [], [rows()], [rows()])), ['flows.left.mapping.details[0].fields'])
  assert.deepEqual(paths(world([], [], [rows('left')], [{ ...rows(), fields: [rule('x'), rule('y', 'right')] }])), [
    'flows.left.mapping.details[0].fields',
    'flows.right.mapping.details[0].fields',
  ])
  assert.deepEqual(paths({ ...world([rule('a')], [rule('a')]), pair: { conflict: 'latest' } }), [])
})

test('a side without a flow owns nothing', () => {
  const pair = compiled({ ...world([rule('a')], []), flows: { left: flow('left', [rule('a')]) } })
  assert.deepEqual(ownerKeys(pair, 'right'), { source: new Set(), target: new Set() })
})
