/** What each outcome means for its row (O1-O5), and what a settle says both sides agree on (C4). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ladder, troubleLimit } from '../agent/backoff.ts'
import type { Side } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import type { Outcome } from '../doc/outcome.ts'
import {
  absent,
  applied,
  boundRows,
  cannotTell,
  givenBack,
  notApplied,
  nothing,
  partlyWritten,
  type Sent,
  sentOf,
  towards,
  unresolvable,
  untouched,
  withoutCall,
} from './after.ts'
import { settleMs } from './decide.ts'
import { unknownValue } from '../doc/print.ts'
import { newLink, now, pairOf } from './decide.fixture.ts'
import type { LinkRow } from './link.ts'
import type { Claimed } from './road.ts'

const pair = pairOf()
const claimed = (more: Partial<LinkRow> = {}, was: Claimed['was'] = 'due'): Claimed => ({
  ...newLink({ generation: 7, settled: 4, ...more }),
  was,
  now,
})

const why: Fault = { code: 'send.again', stage: 'send', said: '429' }
const print = (...entries: [number, number][]): ReadonlyMap<number, number> => new Map(entries)
const hash = Buffer.from('agreed')

const sent = (call: Sent['call'], more: Partial<Sent> = {}): Sent => ({
  call,
  from: 'left',
  generation: 6,
  version: 40,
  hash,
  sourcePrint: print([1, 11]),
  targetPrint: print([2, 22]),
  later: [],
  at: now - 500,
  ...more,
})

const ended = (
  outcome: Exclude<Outcome, { kind: 'applied' }>,
  link = claimed(),
  call: Sent['call'] = 'create',
  resolving = false,
) => notApplied(link, sent(call), outcome, pair, 'right', 0.5, null, resolving)

test('O1: refused before any effect is due again by the ladder, and nothing of the call is left', () => {
  const settle = ended({ kind: 'again', why }, claimed({ attempts: 1 }))
  assert.deepEqual(
    [settle.state, settle.attempts, settle.answered, settle.closes, settle.settles],
    ['due', 2, true, true, false],
  )
  assert.equal(settle.next_ms, 0.5 * (ladder[1] as number))
  assert.equal(settle.since, 'start')
})

test('O1, O5: an open breaker or our own limit burns no attempt', () => {
  const settle = ended({ kind: 'again', why, calm: true, at: now + 3_000 }, claimed({ attempts: 3 }))
  assert.deepEqual([settle.state, settle.attempts, settle.next_ms], ['due', 3, 3_000])
  assert.equal(settle.since, 'keep', 'a quota used up for days does not use up the 72 hours of a trouble to come')
})

test('O5: Retry-After is honoured where it is later than the ladder', () => {
  assert.equal(ended({ kind: 'again', why, at: now + 3_600_000 }).next_ms, 3_600_000)
})

test('O5: after 72 hours of trouble it is parked with all that was said', () => {
  const settle = ended({ kind: 'again', why }, claimed({ attempts: 20, since: now - troubleLimit }))
  assert.deepEqual([settle.state, settle.reason, settle.answered], ['parked', 'max', true])
  assert.equal((JSON.parse(settle.fault ?? '{}') as Fault).code, 'ladder.ended')
})

test('O5: the trouble of a resolve ends with a person, and what was sent stays as it is', () => {
  const settle = ended({ kind: 'again', why }, claimed({ since: now - troubleLimit }, 'unknown'), 'create', true)
  assert.deepEqual([settle.state, settle.reason, settle.answered, settle.closes], ['parked', 'unknown', false, false])
})

test('O2: a business refusal is parked and not tried again by itself', () => {
  const settle = ended({ kind: 'refused', proved: true, why }, claimed(), 'update')
  assert.deepEqual(
    [settle.state, settle.reason, settle.answered, settle.closes, settle.doubt],
    ['parked', 'data', true, true, 'keep'],
  )
})

test('O2: after a create that was refused without proof the re-run recognises first', () => {
  assert.equal(ended({ kind: 'refused', proved: false, why }).doubt, 'sent')
  assert.equal(ended({ kind: 'refused', proved: true, why }).doubt, 'keep')
  assert.equal(ended({ kind: 'refused', proved: false, why }, claimed(), 'update').doubt, 'keep')
})

test('O2: one way, an update refused without proof leaves no agreement; both ways the target tells', () => {
  const link = claimed({ left_agreed_print: print([1, 10], [9, 99]), right_agreed_print: print([2, 20]) })
  const refused = ended({ kind: 'refused', proved: false, why }, link, 'update')
  assert.equal(refused.refused, sent('update').version)
  assert.deepEqual(refused.left?.print, print([1, unknownValue], [9, unknownValue]))
  assert.deepEqual(refused.right?.print, print([2, unknownValue]))
  assert.deepEqual(
    [refused.left?.version, refused.right?.version],
    [link.left_agreed_version, link.right_agreed_version],
  )
  assert.equal(ended({ kind: 'refused', proved: true, why }, link, 'update').left, null)
  assert.equal(ended({ kind: 'refused', proved: false, why }, link, 'create').left, null)
})

test('O2, D7: an update that was refused without proof may have brought the record back: its next void is no echo', () => {
  const voided = claimed({ voided_at: now - 1 })
  assert.equal(ended({ kind: 'refused', proved: false, why }, voided, 'update').voided, false)
  assert.equal(ended({ kind: 'refused', proved: true, why }, voided, 'update').voided, null)
  assert.equal(ended({ kind: 'refused', proved: false, why }, voided, 'void').voided, null)
})

test('O3, C4: applied settles what was sent, agrees on what was read and what was written, and no more', () => {
  const link = claimed({
    left_agreed_print: print([1, 10], [9, 99]),
    right_agreed_print: print([2, 20], [8, 88]),
    attempts: 5,
  })
  const settle = applied(link, sent('update'), nothing)
  assert.deepEqual([settle.state, settle.reason, settle.settles, settle.generation], ['idle', 'applied', true, 6])
  assert.deepEqual(settle.left, { version: 40, hash, print: print([1, 11], [9, 99]) })
  assert.deepEqual(settle.right, { version: 'fresh', hash: null, print: print([2, 22], [8, 88]) })
  assert.deepEqual(
    [settle.attempts, settle.since, settle.answered, settle.closes, settle.doubt],
    [0, 'clear', true, true, 'clear'],
  )
  assert.equal(settle.id, null)
})

test('O3: a create brings the id of the other side', () => {
  assert.deepEqual(applied(claimed(), sent('create'), { ...nothing, targetId: 'R-1' }).id, {
    side: 'right',
    value: 'R-1',
  })
  assert.deepEqual(applied(claimed(), sent('create', { from: 'right' }), { ...nothing, targetId: 'L-1' }).id, {
    side: 'left',
    value: 'L-1',
  })
})

test('C4, D7: a void forgets both agreements, a write of a voided record ends the void', () => {
  const settle = applied(claimed({ left_agreed_print: print([1, 1]) }), sent('void'), nothing)
  assert.equal(settle.voided, true)
  for (const side of ['left', 'right'] as const) {
    assert.equal(settle[side]?.hash, null)
    assert.equal(settle[side]?.print.size, 0)
  }
  assert.equal(applied(claimed({ voided_at: now - 1 }), sent('update'), nothing).voided, false)
  assert.equal(applied(claimed(), sent('update'), nothing).voided, null)
})

test('D6: what was left out for later makes the row wait for it, owed by its side', () => {
  const settle = applied(claimed(), sent('create', { later: ['r:t/p/left/L-9'] }), { ...nothing, targetId: 'R-1' })
  assert.deepEqual(
    [settle.state, settle.wait_kind, settle.wait_on, settle.later],
    ['waiting', 'reference', ['r:t/p/left/L-9'], 'left'],
  )
  assert.equal(settle.settles, true, 'what was sent is settled')
  assert.equal(settle.again, true, 'and the rest is a new generation')
  assert.equal(applied(claimed({ later_side: 'left' }), sent('update'), nothing).later, null, 'owed no more')
  const voided = applied(claimed({ later_side: 'right' }), sent('void'), nothing)
  assert.deepEqual([voided.later, voided.again], [null, false], 'a voided record owes nothing')
  const owed = applied(claimed({ later_side: 'right' }), sent('update'), nothing)
  assert.deepEqual([owed.later, owed.again], ['keep', true])
})

test('O4, R1: unknown is looked at no sooner than the settle time after it was sent', () => {
  const settle = ended({ kind: 'unknown', why })
  assert.deepEqual([settle.state, settle.answered, settle.closes, settle.settles], ['unknown', false, false, false])
  assert.equal(settle.next_ms, settleMs(pair.connection.right) - 500)
})

test('R2: proven absent is due at once, and holds nobody back any more', () => {
  const settle = absent(claimed({}, 'unknown'))
  assert.deepEqual(
    [settle.state, settle.next_ms, settle.answered, settle.closes, settle.doubt],
    ['due', 0, true, true, 'clear'],
  )
})

test('R2: what cannot be told is asked again by the ladder, or when the target said; after 72 hours by a person', () => {
  assert.equal(cannotTell(claimed({}, 'unknown'), why, 0.5).next_ms, 0.5 * (ladder[0] as number))
  assert.equal(cannotTell(claimed({}, 'unknown'), why, 0.5, now + 9_000).next_ms, 9_000)
  const last = cannotTell(claimed({ since: now - troubleLimit }, 'unknown'), why, 0.5)
  assert.deepEqual([last.state, last.reason, last.answered], ['parked', 'unknown', false])
})

test('R2: what a person must say leaves what was sent frozen', () => {
  const settle = unresolvable(claimed({}, 'unknown'), why, 'conflict')
  assert.deepEqual([settle.state, settle.reason, settle.answered, settle.closes], ['parked', 'conflict', false, false])
})

test('R3: an update without effect is decided again, with what was read staged by a fetch', () => {
  const target = { side: 'right' as Side, connection_id: 'crm', object: 'R', seen: 0, differs: true }
  const settle = untouched(claimed({}, 'unknown'), target)
  assert.deepEqual([settle.state, settle.answered, settle.again, settle.target], ['due', true, true, target])
})

test('R3: rows that were bound by reading back go out again with their ids', () => {
  const settle = boundRows(claimed({}, 'unknown'), 'left', '{}')
  assert.deepEqual(
    [settle.state, settle.answered, settle.again, settle.ask, settle.detail_ids],
    ['due', true, true, 'left', '{}'],
  )
})

test('promise 18: a record kept without some of its lines is shown; its id is known, the source stays to be sent', () => {
  const whole = applied(claimed(), sent('create'), { ...nothing, targetId: 'R-1' })
  const settle = partlyWritten(claimed(), whole, 'left', print([2, 20]), why)
  assert.deepEqual([settle.state, settle.reason, settle.settles, settle.left], ['parked', 'data', false, null])
  assert.deepEqual(settle.id, { side: 'right', value: 'R-1' })
  assert.deepEqual(settle.right, { version: 'fresh', hash: null, print: print([2, 20]) })
})

test('C2: a claim that is given back is what it was: unknown where something was sent, else due', () => {
  assert.equal(givenBack(claimed()).state, 'due')
  assert.equal(givenBack(claimed({ sent_at: now - 1 }, 'unknown'), 2_000).state, 'unknown')
  assert.equal(givenBack(claimed()).settles, false)
  assert.deepEqual([towards(claimed(), 'erp').state, towards(claimed(), 'erp').target_connection], ['due', 'erp'])
})

test('no call: what rests is settled, what waits is committed with its names, what is parked keeps its generation', () => {
  const idle = withoutCall(claimed(), {
    kind: 'idle',
    reason: 'unchanged',
    adopt: { left: { version: 9, hash, print: print([1, 1]) } },
  })
  assert.deepEqual(
    [idle.state, idle.settles, idle.generation, idle.left?.version, idle.right],
    ['idle', true, 7, 9, null],
  )
  const wait = withoutCall(claimed({ wait_step: 2 }), {
    kind: 'wait',
    on: 'reference',
    keys: ['k'],
    fault: why,
    pull: [],
  })
  assert.deepEqual([wait.state, wait.settles, wait.wait_on, wait.next_ms], ['waiting', false, ['k'], 120_000])
  assert.equal(
    withoutCall(claimed({ wait_step: 40 }), { kind: 'wait', on: 'create', keys: ['k'], fault: why, pull: [] }).next_ms,
    600_000,
  )
  const park = withoutCall(claimed(), { kind: 'park', why: 'loop', fault: why })
  assert.deepEqual([park.state, park.reason, park.settles, park.since], ['parked', 'loop', false, 'start'])
  const unbind = withoutCall(claimed(), { kind: 'unbind', side: 'right' })
  assert.deepEqual(
    [unbind.state, unbind.id, unbind.voided, unbind.again, unbind.ask],
    ['due', { side: 'right', value: null }, false, true, 'left'],
  )
})

test('I4: what is resolved is what was sent, from the frozen columns', () => {
  const link = newLink({
    generation: 9,
    sent_at: now - 9,
    sent_call: 'update',
    sent_side: 'left',
    sent_generation: 5,
    sent_left_version: 3,
    sent_right_version: 8,
    sent_hash: hash,
    sent_print: print([2, 2]),
    sent_source_print: print([1, 1]),
    sent_later: ['k'],
  })
  assert.deepEqual(sentOf(link), {
    call: 'update',
    from: 'right',
    generation: 5,
    version: 8,
    hash,
    sourcePrint: print([1, 1]),
    targetPrint: print([2, 2]),
    later: ['k'],
    at: now - 9,
  })
})
