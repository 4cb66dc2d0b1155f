/** What a person chose of a conflict is told as one side with exceptions, and only once everything is chosen that can be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Conflict, type ConflictField, firstChoice, isOpen, toldOf } from '../../console/ui/choice.ts'

const field = (name: string, left: string | null, right: string | null, more: Partial<ConflictField> = {}) => ({
  left: name,
  right: name.toUpperCase(),
  leftValue: left,
  rightValue: right,
  changed: ['left', 'right'] as ('left' | 'right')[],
  owner: null,
  takes: ['left', 'right'] as ('left' | 'right')[],
  ...more,
})
const end = { id: '1', version: 1, sourceTime: null, voided: false }
const conflictOf = (...fields: ConflictField[]): Conflict => ({
  link: 1,
  pair: 'p',
  since: null,
  left: end,
  right: end,
  fields,
})

test('what only one side changed is its own; what both changed waits for the person', () => {
  const conflict = conflictOf(
    field('a', 'x', 'y'),
    field('b', 'x', 'y', { changed: ['right'] }),
    field('c', 'x', 'x'),
    field('d', 'x', 'y', { takes: ['left'] }),
    field('grade', 'A', '1', { changed: [] }),
  )
  assert.deepEqual(firstChoice(conflict), [null, 'right', 'left', 'left', 'left'])
  assert.deepEqual(conflict.fields.map(isOpen), [true, true, false, false, false])
  assert.equal(toldOf(conflict, firstChoice(conflict)), null)
})

test('the side of which more is taken goes, but for the rest; a field that only one side can give is no exception of the other', () => {
  const conflict = conflictOf(field('a', '1', '2'), field('b', '1', '2'), field('c', '1', '2'), field('d', '5', '5'))
  assert.deepEqual(toldOf(conflict, ['left', 'left', 'right', 'left']), {
    take: 'left',
    but: [{ left: 'c', right: 'C' }],
  })
  assert.deepEqual(toldOf(conflict, ['right', 'left', 'right', 'left']), {
    take: 'right',
    but: [{ left: 'b', right: 'B' }],
  })
  assert.deepEqual(toldOf(conflict, ['right', 'right', 'right', 'left']), { take: 'right', but: [] })
})
