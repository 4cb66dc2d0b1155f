/** Three times in a row is once too often, over batches; what ends well begins anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inARow } from './in-a-row.ts'

test('the third in a row is told by its place, also over batches; a good end begins anew, and what was not tried says nothing', () => {
  const count = inARow()
  assert.equal(count('f', ['over', 'ended', 'over']), null)
  assert.equal(count('f', ['left', 'over']), null)
  assert.equal(count('other', ['over']), null)
  assert.equal(count('f', ['left', 'over', 'over']), 1)
  assert.equal(count('f', ['over', 'over']), null, 'after its suspension it begins anew')
  assert.equal(count('f', ['over']), 0)
})
