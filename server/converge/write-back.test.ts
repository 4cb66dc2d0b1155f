/** What a source is told, and when it is the same news as before: the pure part of the teller. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LosslessNumber } from 'lossless-json'
import type { Pair } from '../doc/flow.ts'
import { digestOf, fieldsOf, type News, tellerOf } from './write-back.ts'

const news = (more: Partial<News> = {}): News => ({
  status: 'succeeded',
  id: 'A-1',
  error: '',
  time: Date.parse('2026-01-31T08:00:00Z'),
  shown: {},
  ...more,
})
const source = Buffer.from('print')

test('each field gets what it asks for, times as the source declares them; an id or a field that is not there is left alone', () => {
  const writeBack = {
    a: 'id',
    b: 'status',
    c: 'error',
    d: 'time',
    e: 'time',
    f: { field: 'no' },
    g: { field: 'none' },
  } as const
  const declared = [
    { code: 'd', type: 'datetime' as const, format: 'yyyy-MM-dd HH:mm:ss' },
    { code: 'e', type: 'datetime' as const, format: 'epochMillis' },
  ]
  const fields = fieldsOf(writeBack, news({ shown: { no: new LosslessNumber('1.10') } }), declared, 'Asia/Shanghai')
  assert.deepEqual(
    { ...fields, e: String((fields.e as LosslessNumber).value), f: (fields.f as LosslessNumber).value },
    {
      a: 'A-1',
      b: 'succeeded',
      c: '',
      d: '2026-01-31 16:00:00',
      e: '1769846400000',
      f: '1.10',
    },
  )
  assert.deepEqual(Object.keys(fieldsOf({ a: 'id', b: 'status' }, news({ id: null, status: 'failed' }), [], 'UTC')), [
    'b',
  ])
})

test('the time is no news; a failure is the same until the source’s content or the asking changes, whatever words it has', () => {
  const is = digestOf(news(), source, 0)
  assert.equal(digestOf(news({ time: 0 }), source, 0), is)
  assert.notEqual(digestOf(news({ id: 'A-2' }), source, 0), is)
  assert.notEqual(digestOf(news({ shown: { no: '2' } }), source, 0), is)
  const failed = (error: string) => news({ status: 'failed', id: null, error })
  const once = digestOf(failed('no, for the 1. time'), source, 0)
  assert.equal(digestOf(failed('no, for the 2. time'), source, 0), once)
  assert.notEqual(digestOf(failed('no, for the 2. time'), source, 1), once)
  assert.notEqual(digestOf(failed('no, for the 1. time'), Buffer.from('edited'), 0), once)
})

test('of two flows that tell, the one of the last call speaks; of a record that failed before any, the one whose side changed', () => {
  const pair = {
    def: { flows: { left: { writeBack: { a: 'id' } }, right: { writeBack: { b: 'id' } } } },
  } as unknown as Pair
  const held = {
    left_id: 'L',
    right_id: 'R',
    left_version: 5,
    right_version: 7,
    left_agreed_version: 5,
    right_agreed_version: 7,
    was: 'idle',
    last_side: 'right',
  } as unknown as Parameters<typeof tellerOf>[1]
  assert.equal(tellerOf(pair, held), 'left')
  assert.equal(tellerOf(pair, { ...held, last_side: 'left' }), 'right')
  assert.equal(tellerOf(pair, { ...held, was: 'parked', right_version: 8 }), 'right')
  assert.equal(tellerOf(pair, { ...held, left_id: null }), 'right')
})
