/** Scope conditions on exact values. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Condition } from '../doc/flow.ts'
import { compiled, document, field, flow, object, planOf, problems } from './fixture.ts'

const left = object('L', [
  field('name', 'text'),
  field('code', 'text', { compare: { trim: true, ignoreCase: true } }),
  field('amount', 'decimal'),
  field('day', 'date'),
  field('at', 'datetime', { format: 'epochMillis' }),
  field('on', 'bool'),
  field('tags', 'multiselect'),
  field('address.city', 'text'),
])
const world = (scope: Condition[]) => ({
  left,
  right: object('R', [field('name', 'text')]),
  flows: { left: flow('left', [{ to: 'name', from: 'name' }], [], { scope }) },
})
const holds = (condition: Condition | Condition[], master: string): boolean =>
  planOf(compiled(world([condition].flat()))).inScope(document('SO-1', master), new Map())

test('conditions on a field, case by case', () => {
  for (const [condition, master, wanted] of [
    [{ field: 'name', op: 'eq', value: 'a' }, '{"name":"a"}', true],
    [{ field: 'name', op: 'eq', value: 'a' }, '{"name":"A"}', false],
    [{ field: 'code', op: 'eq', value: 'ab' }, '{"code":" AB "}', true],
    [{ field: 'name', op: 'eq', value: 1 }, '{"name":"1.0"}', true],
    [{ field: 'name', op: 'eq', value: '1' }, '{"name":1}', true],
    [{ field: 'name', op: 'ne', value: 'a' }, '{}', true],
    [{ field: 'name', op: 'in', value: ['a', 'b'] }, '{"name":"b"}', true],
    [{ field: 'name', op: 'in', value: [1, 2] }, '{"name":2}', true],
    [{ field: 'name', op: 'notIn', value: ['a', 'b'] }, '{"name":"b"}', false],
    [{ field: 'name', op: 'notIn', value: ['a'] }, '{"name":null}', true],
    [{ field: 'amount', op: 'eq', value: '1.10' }, '{"amount":1.1}', true],
    [{ field: 'amount', op: 'gt', value: 9 }, '{"amount":"10"}', true],
    [{ field: 'amount', op: 'gt', value: '12345678901234567890.11' }, '{"amount":12345678901234567890.12}', true],
    [{ field: 'amount', op: 'lt', value: '12345678901234567890.11' }, '{"amount":12345678901234567890.12}', false],
    [{ field: 'amount', op: 'ge', value: 10 }, '{"amount":"abc"}', false],
    [{ field: 'amount', op: 'le', value: 10 }, '{"amount":null}', false],
    [{ field: 'name', op: 'gt', value: '9' }, '{"name":"10"}', false],
    [{ field: 'name', op: 'gt', value: 9 }, '{"name":"10"}', true],
    [{ field: 'day', op: 'ge', value: '2024-01-31' }, '{"day":"2024/2/1"}', true],
    [{ field: 'day', op: 'eq', value: '2024-01-31' }, '{"day":"2024-01-31 10:00:00"}', true],
    [{ field: 'at', op: 'lt', value: '2024-01-31' }, '{"at":1706659199999}', true],
    [{ field: 'at', op: 'lt', value: '2024-01-31' }, '{"at":1706659200000}', false],
    [{ field: 'on', op: 'eq', value: true }, '{"on":"Y"}', true],
    [{ field: 'on', op: 'eq', value: true }, '{"on":0}', false],
    [{ field: 'tags', op: 'contains', value: 'a' }, '{"tags":["b","a"]}', true],
    [{ field: 'tags', op: 'contains', value: 'a' }, '{"tags":"b,ab"}', false],
    [{ field: 'tags', op: 'empty' }, '{"tags":[]}', true],
    [{ field: 'name', op: 'empty' }, '{}', true],
    [{ field: 'name', op: 'notEmpty' }, '{"name":""}', false],
    [{ field: 'name', op: 'notEmpty' }, '{"name":0}', true],
    [{ field: 'name', op: 'startsWith', value: 'ab' }, '{"name":"abc"}', true],
    [{ field: 'code', op: 'contains', value: 'B' }, '{"code":"abc"}', true],
    [{ field: 'name', op: 'contains', value: 'x' }, '{"name":{"a":1}}', false],
    [{ field: '$id', op: 'startsWith', value: 'SO-' }, '{}', true],
    [{ field: 'address.city', op: 'eq', value: 'Wien' }, '{"address":{"city":"Wien"}}', true],
    [{ field: 'address.city', op: 'empty' }, '{"address":null}', true],
  ] as [Condition, string, boolean][]) {
    assert.equal(holds(condition, master), wanted, `${JSON.stringify(condition)} on ${master}`)
  }
})

test('all conditions of a list must hold', () => {
  const both: Condition[] = [
    { field: 'amount', op: 'gt', value: 5 },
    { field: 'name', op: 'notEmpty' },
  ]
  assert.equal(holds(both, '{"amount":6,"name":"x"}'), true)
  assert.equal(holds(both, '{"amount":6}'), false)
  assert.equal(holds([], '{}'), true)
})

test('a condition that makes no sense is a problem at its place', () => {
  const told = problems(
    world([
      { field: 'nam', op: 'eq', value: 'x' },
      { field: 'amount', op: 'gt', value: 'much' },
      { field: 'day', op: 'lt', value: 'soon' },
      { field: 'name', op: 'in', value: 'x' },
      { field: 'name', op: 'eq', value: ['x'] },
      { field: 'name', op: 'gt' },
    ]),
  )
  assert.deepEqual(
    told.map(({ path }) => path),
    [
      'flows.left.scope[0].field',
      'flows.left.scope[1].value',
      'flows.left.scope[2].value',
      'flows.left.scope[3].value',
      'flows.left.scope[4].value',
      'flows.left.scope[5].value',
    ],
  )
})

test('a scope field counts as read: its change is a change of the source (D2)', () => {
  const plan = planOf(compiled(world([{ field: 'amount', op: 'gt', value: 5 }])))
  const before = plan.sourcePrint(document('1', '{"name":"x","amount":4}'))
  assert.equal(before.size, 2)
  assert.notDeepEqual(before, plan.sourcePrint(document('1', '{"name":"x","amount":6}')))
  assert.deepEqual(before, plan.sourcePrint(document('1', '{"name":"x","amount":"4.0"}')))
})
