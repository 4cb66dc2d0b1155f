/** What a changed flow asks of converge. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askFor } from './sweep.ts'

test('a new flow asks to be enabled from where its configuration says, paused or not', () => {
  assert.deepEqual(askFor(null, null, 'enabled', null, 'all'), { sweep: 'enable', option: 'all' })
  assert.deepEqual(askFor(null, null, 'paused', null, 'now'), { sweep: 'enable', option: 'now' })
  assert.equal(askFor(null, null, 'disabled', null, 'now'), null)
})

test('pausing, resuming and disabling ask for what their names say', () => {
  assert.deepEqual(askFor(null, 'enabled', 'paused', null, 'now'), { sweep: 'pause', option: null })
  assert.deepEqual(askFor(null, 'paused', 'enabled', null, 'now'), { sweep: 'resume', option: null })
  assert.deepEqual(askFor(null, 'paused', 'disabled', null, 'now'), { sweep: 'disable', option: null })
  assert.deepEqual(askFor({ sweep: 'disable', option: null }, 'disabled', 'enabled', null, 'now'), {
    sweep: 'enable',
    option: 'now',
  })
})

test('nothing changed asks for nothing', () => {
  for (const state of ['enabled', 'paused', 'disabled'] as const)
    assert.equal(askFor(null, state, state, null, 'all'), null)
})

test('a publishing is never lost under a later pause, resume or weaker publishing', () => {
  const all = askFor(null, 'enabled', 'enabled', 'all', 'now')
  assert.deepEqual(all, { sweep: 'publish', option: 'all' })
  assert.deepEqual(askFor(all, 'enabled', 'enabled', 'nextChange', 'now'), { sweep: 'publish', option: 'all' })
  const paused = askFor(all, 'enabled', 'paused', null, 'now')
  assert.deepEqual(paused, { sweep: 'pause', option: 'all' })
  assert.deepEqual(askFor(paused, 'paused', 'enabled', 'differing', 'now'), { sweep: 'resume', option: 'all' })
})

test('an enabling that is under way walks again when the mapping changes', () => {
  assert.deepEqual(askFor({ sweep: 'enable', option: 'all' }, 'enabled', 'enabled', 'nextChange', 'now'), {
    sweep: 'enable',
    option: 'all',
  })
  assert.deepEqual(askFor({ sweep: 'enable', option: 'now' }, 'enabled', 'enabled', 'all', 'now'), {
    sweep: 'enable',
    option: 'all',
  })
})
