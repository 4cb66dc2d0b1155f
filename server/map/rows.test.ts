/** Detail rows across systems: ids from answers, and rows bound by what is read back (R3). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Outgoing, Plan } from '../doc/flow.ts'
import type { DetailIds } from '../doc/outcome.ts'
import { compiled, detail, document, field, flow, input, mapped, object, planOf } from './fixture.ts'
import { bindRows, reverseDetailIds, rowIdsToDetailIds } from './plan.ts'
import { bindPart } from './rows.ts'

const make = (external: boolean, idField: string | null = 'id'): Plan =>
  planOf(
    compiled({
      left: object('L', [], {
        details: [detail('rows', [field('x', 'text'), field('y', 'decimal')]), detail('other', [field('x', 'text')])],
      }),
      right: object('R', [], {
        externalIdField: 'src',
        details: [
          detail(
            'lines',
            [field('x', 'text'), field('y', 'decimal'), ...(external ? [field('src', 'text')] : [])],
            idField,
          ),
          detail('other', [field('x', 'text')]),
        ],
      }),
      flows: {
        left: flow(
          'left',
          [],
          [
            {
              from: 'rows',
              to: 'lines',
              policy: 'replace',
              fields: [
                { to: 'x', from: 'x' },
                { to: 'y', from: 'y' },
              ],
            },
            { from: 'other', to: 'other', policy: 'replace', fields: [{ to: 'x', from: 'x' }] },
          ],
        ),
      },
    }),
  )
const plain = make(false)
const outgoing = (plan: Plan, rows: string, detailIds: DetailIds = {}): Outgoing =>
  mapped(plan, input(document('S', '{}', `{"rows":${rows}}`), { targetId: 'T', detailIds })).outgoing
const shown = (lines: string) => document('T', '{}', `{"lines":${lines}}`)

test('answered row ids become ID mapping; rows that were not sent are forgotten, details that were not sent stay', () => {
  const previous = { rows: { a: 'ta', gone: 'tg' }, other: { o: 'to' } }
  const sent = outgoing(plain, '[{"id":"a","x":"1"},{"id":"b","x":"2"}]', previous)
  assert.deepEqual(rowIdsToDetailIds(plain, sent, { lines: ['ta', 'tb'] }, previous), {
    rows: { a: 'ta', b: 'tb' },
    other: { o: 'to' },
  })
  assert.deepEqual(rowIdsToDetailIds(plain, sent, {}, previous), { rows: { a: 'ta' }, other: { o: 'to' } })
  assert.deepEqual(rowIdsToDetailIds(plain, outgoing(plain, '[]', previous), { lines: [] }, previous), {
    rows: {},
    other: { o: 'to' },
  })
})

test('rows of a target without declared row ids keep what it answers', () => {
  const made = make(false, null)
  assert.deepEqual(rowIdsToDetailIds(made, outgoing(made, '[{"id":"a"},{"id":"b"}]'), { lines: ['1', '2'] }, {}), {
    rows: { a: '1', b: '2' },
  })
  assert.deepEqual(bindRows(made, outgoing(made, '[{"id":"a"}]'), shown('[{"x":"1"}]')), { lines: [null] })
})

test('row ids turn round for the flow that leads back', () => {
  assert.deepEqual(reverseDetailIds(plain, { rows: { a: 'ta', b: 'tb' } }), { lines: { ta: 'a', tb: 'b' } })
})

test('R3: rows bind by an id that is known, whatever they hold', () => {
  const sent = outgoing(plain, '[{"id":"a","x":"1"},{"id":"b","x":"1"}]', { rows: { a: 'ta', b: 'tb' } })
  assert.deepEqual(bindRows(plain, sent, shown('[{"id":"tb","x":"9"},{"id":"ta","x":"9"}]')), { lines: ['ta', 'tb'] })
})

test('R3: rows bind by the column that holds our row key', () => {
  const made = make(true)
  const sent = outgoing(made, '[{"id":"a","x":"1"},{"id":"b","x":"1"}]')
  assert.deepEqual(bindRows(made, sent, shown('[{"id":"t1","src":"b"},{"id":"t2","src":"a"},{"id":"t3","src":"z"}]')), {
    lines: ['t2', 't1'],
  })
})

test('R3: rows bind by equal content under the declared comparison, where only one row has it', () => {
  const sent = outgoing(plain, '[{"id":"a","x":"p","y":1.10},{"id":"b","x":"q"}]')
  assert.deepEqual(
    bindRows(plain, sent, shown('[{"id":"t1","x":"q","y":7},{"id":"t2","x":"p","y":"1.1"},{"id":"t3","x":"p","y":2}]')),
    { lines: ['t2', 't1'] },
  )
})

test('R3: rows of the same content are interchangeable, if there are as many', () => {
  const sent = outgoing(plain, '[{"id":"a","x":"p"},{"id":"b","x":"p"}]')
  assert.deepEqual(bindRows(plain, sent, shown('[{"id":"t1","x":"p"},{"id":"t0","x":"q"},{"id":"t2","x":"p"}]')), {
    lines: ['t1', 't2'],
  })
  assert.equal(
    bindRows(plain, sent, shown('[{"id":"t1","x":"p"},{"id":"t2","x":"p"},{"id":"t3","x":"p"}]')),
    'ambiguous',
  )
})

test('R3: a row that two different contents could claim is given to neither', () => {
  const sent = outgoing(plain, '[{"id":"a","x":"p"},{"id":"b","x":"p","y":1}]')
  const lines = '[{"id":"t1","x":"p","y":1},{"id":"t2","x":"z"},{"id":"t3","x":"z"}]'
  assert.equal(bindRows(plain, sent, shown(lines)), 'ambiguous')
})

test('R3: what is left binds by position where the counts match and the order holds', () => {
  const sent = outgoing(plain, '[{"id":"a","x":"p"},{"id":"b","x":"q"},{"id":"c","x":"r"}]')
  assert.deepEqual(bindRows(plain, sent, shown('[{"id":"t1","x":"P"},{"id":"t2","x":"Q"},{"id":"t3","x":"r"}]')), {
    lines: ['t1', 't2', 't3'],
  })
  assert.deepEqual(
    bindRows(plain, sent, shown('[{"id":"t3","x":"r"},{"id":"t1","x":"P"},{"id":"t2","x":"q"}]')),
    { lines: ['t1', 't2', 't3'] },
    'one row left',
  )
  assert.equal(
    bindRows(plain, sent, shown('[{"id":"t3","x":"r"},{"id":"t1","x":"P"},{"id":"t2","x":"Q"}]')),
    'ambiguous',
    'the order does not hold',
  )
  assert.equal(bindRows(plain, sent, shown('[{"id":"t1","x":"P"},{"id":"t2","x":"Q"}]')), 'ambiguous')
  assert.equal(bindRows(plain, sent, document('T', '{}')), 'ambiguous')
  assert.deepEqual(bindRows(plain, outgoing(plain, '[]'), document('T', '{}')), { lines: [] })
})

test('18: of a document that was partly written, what is there is bound; with a stranger among them nothing is', () => {
  const sent = outgoing(plain, '[{"id":"a","x":"p"},{"id":"b","x":"q"},{"id":"c","x":"r"}]')
  assert.deepEqual(bindPart(plain, sent, shown('[{"id":"t3","x":"r"},{"id":"t1","x":"p"}]')), {
    lines: ['t1', null, 't3'],
  })
  assert.deepEqual(bindPart(plain, sent, document('T', '{}')), { lines: [null, null, null] })
  assert.equal(bindPart(plain, sent, shown('[{"id":"t1","x":"p"},{"id":"t2","x":"Q"}]')), null, 'Q may be q, changed')
  assert.equal(
    bindPart(plain, sent, shown('[{"id":"t1","x":"p"},{"id":"t2","x":"q"},{"id":"t3","x":"r"}]')),
    null,
    'nothing is missing',
  )
})

test('a bound row never serves twice, and rows of the same content always bind to rows of that content', () => {
  const row = fc.record({ x: fc.constantFrom('p', 'q', 'r'), y: fc.constantFrom(1, 2) }, { requiredKeys: ['x'] })
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 6 }),
      fc.array(row, { maxLength: 2 }),
      fc.infiniteStream(fc.nat(1000)),
      (rows, foreign, order) => {
        const sent = outgoing(plain, JSON.stringify(rows.map((one, i) => ({ ...one, id: `s${i}` }))))
        const there = [
          ...rows.map((one, i) => ({ ...one, id: `t${i}` })),
          ...foreign.map((one, i) => ({ ...one, id: `f${i}` })),
        ]
        const shuffled = there
          .map((one) => ({ one, at: order.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one)
        const bound = bindRows(plain, sent, shown(JSON.stringify(shuffled)))
        if (bound === 'ambiguous') return
        const ids = bound.lines as string[]
        assert.equal(new Set(ids).size, rows.length)
        if (foreign.length) ids.forEach((id, i) => assert.equal(there.find((one) => one.id === id)?.x, rows[i]?.x))
      },
    ),
    { numRuns: 300 },
  )
})
