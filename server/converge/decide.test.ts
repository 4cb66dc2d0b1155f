/** The pure heart, rule by rule: from what both sides have and last agreed on to what is to be done. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { opposite, type Side } from '../doc/document.ts'
import type { MatchRule, Resolved } from '../doc/flow.ts'
import { type CallDecision, type Decision, decide, flipWindow, leaseMs, referenceKey, settleMs } from './decide.ts'
import { agreedOn, fields, now, pairOf, situation, staged, voidOf } from './decide.fixture.ts'
import { waitKey } from './link.ts'
import type { OpenCreate } from './road.ts'

const oneWay = pairOf()
const twoWay = pairOf({ right: {} })
const ada = { name: 'Ada', note: 'n' }
const bob = { name: 'Bob', note: 'n' }

const call = (decision: Decision): CallDecision => {
  assert.equal(decision.kind, 'call', JSON.stringify(decision))
  return decision as CallDecision
}
const reasonOf = (decision: Decision): string => (decision.kind === 'idle' ? decision.reason : decision.kind)
const faultOf = (decision: Decision): string =>
  decision.kind === 'park' ? `${decision.why} ${decision.fault.code}` : decision.kind

const open: OpenCreate = { link_id: 9, parked: false, last_mark: now - 30_000, sent_print: new Map(), name: 'L-9' }

test('D1: an unresolved call comes before everything else', () => {
  const link = { ...agreedOn(twoWay, ada), sent_at: now - 1, sent_call: 'update' as const, sent_side: 'right' as const }
  assert.deepEqual(decide(situation(twoWay, link, { left: voidOf('left', 20), right: staged('right', 21, bob) })), {
    kind: 'resolve',
  })
})

test('D2: what is not above the agreed version has not changed, whatever it says', () => {
  const s = situation(oneWay, agreedOn(oneWay, ada), { left: staged('left', 10, bob), right: staged('right', 11, ada) })
  assert.deepEqual(decide(s), { kind: 'idle', reason: 'unchanged', adopt: {} })
})

test('A1: what a settle overtook on its way to the row is read again, and counts as a change where nobody can read', () => {
  const link = { ...agreedOn(twoWay, ada), right_version: 12 }
  const documents = { left: staged('left', 10, ada), right: staged('right', 11, bob) }
  const decision = decide(situation(twoWay, link, documents))
  assert.equal(decision.kind, 'reread')
  if (decision.kind !== 'reread') return
  assert.equal(decision.side, 'right')
  assert.deepEqual(decision.adopt.right, { version: 12, hash: link.right_agreed_hash, print: link.right_agreed_print })
  assert.equal(reasonOf(decide(situation(oneWay, link, documents))), 'unchanged', 'nothing flows away from it')
  const blind = {
    ...twoWay,
    connection: { ...twoWay.connection, right: { ...twoWay.connection.right, readable: false } },
  }
  const back = call(decide(situation(blind, link, documents)))
  assert.deepEqual([back.side, back.source.version], ['left', 12])
})

test('D2: an echo of what was written ends as unchanged, and is agreed on with its version and its bytes', () => {
  const echo = staged('right', 12, { ...ada, grade: 'A', sourceId: 'L-1' })
  const decision = decide(situation(twoWay, agreedOn(twoWay, ada), { left: staged('left', 10, ada), right: echo }))
  assert.equal(decision.kind, 'idle')
  assert.equal(reasonOf(decision), 'unchanged')
  if (decision.kind !== 'idle') return
  assert.equal(decision.adopt.right?.version, 12)
  assert.equal(decision.adopt.right?.hash, echo.content_hash)
  assert.equal(decision.adopt.left, undefined, 'nothing new was staged there')
})

test('D2: contents are compared as their fields declare: case and blanks of a name are no change, those of a note are', () => {
  const told = (master: Record<string, string>) =>
    decide(
      situation(twoWay, agreedOn(twoWay, ada), { left: staged('left', 10, ada), right: staged('right', 12, master) }),
    )
  assert.equal(reasonOf(told({ name: ' ADA ', note: 'n' })), 'unchanged')
  assert.equal(call(told({ name: 'Ada', note: 'N' })).side, 'left')
})

test('D2: a field that no flow reads changes nothing', () => {
  const s = situation(oneWay, agreedOn(oneWay, ada), { left: staged('left', 12, { ...ada, grade: 'B' }), right: null })
  assert.equal(reasonOf(decide({ ...s, link: { ...s.link, right_id: 'R-1' } })), 'unchanged')
})

test('D2: the side from which no flow leads never counts as changed', () => {
  const s = situation(oneWay, agreedOn(oneWay, ada), { left: staged('left', 10, ada), right: staged('right', 12, bob) })
  assert.equal(reasonOf(decide(s)), 'unchanged')
})

test('C6: while it is asked for, the equal rules are off and the asked side counts as changed', () => {
  for (const side of ['left', 'right'] as const) {
    const link = { ...agreedOn(twoWay, ada), asked_generation: 3, asked_side: side }
    const decision = call(
      decide(situation(twoWay, link, { left: staged('left', 10, ada), right: staged('right', 11, ada) })),
    )
    assert.deepEqual([decision.from, decision.side, decision.action], [side, opposite(side), 'update'])
  }
})

test('C6: what was asked for is over once settled has reached it', () => {
  const link = { ...agreedOn(twoWay, ada), asked_generation: 2, asked_side: 'left' as const }
  assert.equal(
    reasonOf(decide(situation(twoWay, link, { left: staged('left', 10, ada), right: staged('right', 11, ada) }))),
    'unchanged',
  )
})

test('D3: a side that changed is mapped and written to the other', () => {
  const decision = call(
    decide(
      situation(oneWay, agreedOn(oneWay, ada), { left: staged('left', 12, bob), right: staged('right', 11, ada) }),
    ),
  )
  assert.deepEqual(
    [decision.from, decision.side, decision.action, decision.outgoing.targetId],
    ['left', 'right', 'update', 'R-1'],
  )
  assert.equal(decision.outgoing.content.masterFieldVal.name, 'Bob')
  assert.equal(decision.source.version, 12)
})

test('D3: what equals the known content of the target is not written again, and both sides agree on it', () => {
  const link = agreedOn(twoWay, ada, bob)
  const decision = decide(
    situation(twoWay, link, { left: staged('left', 12, bob), right: staged('right', 13, { ...bob, grade: 'C' }) }),
  )
  assert.equal(reasonOf(decision), 'unchanged')
  assert.ok(decision.kind === 'idle' && decision.adopt.left?.version === 12 && decision.adopt.right?.version === 13)
})

test('D3: known is what was last written there, unless a version staged after that write says otherwise', () => {
  const link = agreedOn(oneWay, bob, ada)
  assert.equal(
    reasonOf(decide(situation(oneWay, link, { left: staged('left', 12, ada), right: staged('right', 11, bob) }))),
    'unchanged',
  )
  assert.equal(
    call(decide(situation(oneWay, link, { left: staged('left', 12, ada), right: staged('right', 13, bob) }))).action,
    'update',
  )
})

test('D3: one way, the late word of an earlier write of ours does not hide that the next change is still to be written', () => {
  // Written: Bob, then Ada. The target tells of Bob only now.
  const late = decide(
    situation(oneWay, agreedOn(oneWay, ada), { left: staged('left', 10, ada), right: staged('right', 12, bob) }),
  )
  assert.ok(late.kind === 'idle' && late.adopt.right)
  const link = {
    ...agreedOn(oneWay, ada),
    right_agreed_version: 12,
    right_version: 12,
    right_agreed_print: late.adopt.right.print,
  }
  assert.equal(
    call(decide(situation(oneWay, link, { left: staged('left', 13, bob), right: staged('right', 12, bob) }))).action,
    'update',
  )
})

test('D3: one way, what the target shows of a record that we never wrote is known', () => {
  const link = { ...agreedOn(oneWay, ada), right_agreed_print: new Map(), right_agreed_version: 0 }
  assert.equal(
    reasonOf(decide(situation(oneWay, link, { left: staged('left', 12, bob), right: staged('right', 11, bob) }))),
    'unchanged',
  )
})

test('D3: out of scope, or an action that is not ticked, is no call', () => {
  const scoped = pairOf({ left: { scope: [{ field: 'grade', op: 'eq', value: 'A' }] } })
  const created = { left: staged('left', 1, { ...ada, grade: 'B' }) }
  assert.equal(reasonOf(decide(situation(scoped, {}, created))), 'out of scope')
  const noCreate = pairOf({ left: { actions: { create: false, update: true, void: 'skip' } } })
  assert.equal(reasonOf(decide(situation(noCreate, {}, created))), 'action off')
  const noUpdate = pairOf({ left: { actions: { create: true, update: false, void: 'skip' } } })
  assert.equal(
    reasonOf(decide(situation(noUpdate, agreedOn(noUpdate, ada), { left: staged('left', 12, bob) }))),
    'action off',
  )
})

test('D3: a record that comes into the scope by a field that is only asked for there is created', () => {
  const scoped = pairOf({ left: { scope: [{ field: 'grade', op: 'eq', value: 'A' }] } })
  const out = decide(situation(scoped, {}, { left: staged('left', 1, { ...ada, grade: 'B' }) }))
  assert.ok(out.kind === 'idle' && out.adopt.left)
  const link = {
    left_agreed_version: 1,
    left_agreed_print: out.adopt.left.print,
    left_agreed_hash: out.adopt.left.hash,
  }
  assert.equal(
    call(decide(situation(scoped, link, { left: staged('left', 2, { ...ada, grade: 'A' }) }))).action,
    'create',
  )
})

test('leaving the scope after it was written: left alone by default, voided where the flow says so', () => {
  const left = staged('left', 12, { ...ada, grade: 'B' })
  const pair = (leavingScope: 'leave' | 'void') =>
    pairOf({ left: { scope: [{ field: 'grade', op: 'eq', value: 'A' }], leavingScope } })
  const agreed = { ...ada, grade: 'A' }
  assert.equal(reasonOf(decide(situation(pair('leave'), agreedOn(pair('leave'), agreed), { left }))), 'out of scope')
  assert.equal(call(decide(situation(pair('void'), agreedOn(pair('void'), agreed), { left }))).action, 'void')
})

test('a pair whose flows are all disabled rests', () => {
  const pair = pairOf({ left: { state: 'disabled' } })
  assert.equal(reasonOf(decide(situation(pair, {}, { left: staged('left', 1, ada) }))), 'flow disabled')
})

test('D4: both changed, and the policy says whose content travels', () => {
  const changed = (conflict: 'left' | 'right' | 'latest' | 'ask', times: [number, number] | null = null) => {
    const pair = pairOf({ right: {}, conflict })
    return decide(
      situation(pair, agreedOn(pair, ada), {
        left: staged('left', 21, bob, { source_time: times ? times[0] : null }),
        right: staged('right', 20, { name: 'Cy', note: 'n' }, { source_time: times ? times[1] : null }),
      }),
    )
  }
  assert.equal(call(changed('left')).from, 'left')
  assert.equal(call(changed('right')).from, 'right')
  assert.equal(call(changed('latest', [5, 9])).from, 'right', "by the systems' own times")
  assert.equal(call(changed('latest', [9, 5])).from, 'left')
  assert.equal(call(changed('latest')).from, 'left', 'else by what came last')
  assert.equal(faultOf(changed('ask')), 'conflict conflict.both')
})

test('D4: ask has nothing to ask where both came to the same content, or a person has chosen', () => {
  const pair = pairOf({ right: {}, conflict: 'ask' })
  const same = { left: staged('left', 21, bob), right: staged('right', 20, bob) }
  assert.equal(reasonOf(decide(situation(pair, agreedOn(pair, ada), same))), 'unchanged')
  const link = { ...agreedOn(pair, ada), asked_generation: 3, asked_side: 'right' as const }
  assert.equal(
    call(decide(situation(pair, link, { left: staged('left', 21, bob), right: staged('right', 20, ada) }))).from,
    'left',
  )
  assert.equal(
    call(
      decide(
        situation(pair, link, { left: staged('left', 21, bob), right: staged('right', 20, { name: 'Cy', note: 'n' }) }),
      ),
    ).from,
    'right',
  )
})

test('D4: voided on both sides is agreed, and no call', () => {
  const decision = decide(
    situation(twoWay, agreedOn(twoWay, ada), { left: voidOf('left', 20), right: voidOf('right', 21) }),
  )
  assert.ok(decision.kind === 'idle' && decision.reason === 'voided' && decision.voided === true)
})

test('D5: a record without another side is created', () => {
  const decision = call(decide(situation(oneWay, {}, { left: staged('left', 1, ada) })))
  assert.deepEqual([decision.action, decision.outgoing.targetId, decision.outgoing.sourceId], ['create', null, 'L-1'])
})

test('D5: a record that carries the id of its other side is bound to it, never created', () => {
  const fruit = staged('right', 1, ada, { external_id: 'L-1' })
  assert.deepEqual(decide(situation(twoWay, { left_id: null }, { right: fruit })), {
    kind: 'bind',
    side: 'left',
    id: 'L-1',
  })
})

test('D5: before a create that matches: one hit is bound, several are shown, none is created', () => {
  const hits = (carriers: string[]) => decide(situation(oneWay, {}, { left: staged('left', 1, ada) }, { carriers }))
  assert.deepEqual(hits(['R-7']), { kind: 'bind', side: 'right', id: 'R-7' })
  assert.equal(faultOf(hits(['R-7', 'R-8'])), 'conflict conflict.several')
  assert.equal(call(hits([])).action, 'create')
})

test('D5: a record that an unresolved create may have made waits for its end, and so does its void', () => {
  for (const right of [staged('right', 1, ada), voidOf('right', 1)]) {
    const decision = decide(situation(twoWay, { left_id: null }, { right }, { open }))
    assert.ok(decision.kind === 'wait' && decision.on === 'create')
    assert.deepEqual(decision.keys, [waitKey.create('t', 'p', 'right')])
  }
})

test('D5: a create that a person must resolve holds back what came in its time, and later only what equals what it sent', () => {
  const sent = twoWay.print('right', staged('right', 1, ada))
  const parked = { ...open, parked: true, sent_print: sent, last_mark: now - 10 * 3_600_000 }
  const inTime = parked.last_mark + settleMs(twoWay.connection.right) + twoWay.connection.right.lateness
  const came = (first_arrival_at: number, master: Record<string, string>) =>
    decide(
      situation(twoWay, { left_id: null, first_arrival_at }, { right: staged('right', 1, master) }, { open: parked }),
    )
  assert.equal(faultOf(came(inTime, bob)), 'conflict conflict.open')
  assert.equal(call(came(inTime + 1, bob)).action, 'create')
  assert.equal(faultOf(came(inTime + 1, ada)), 'conflict conflict.open')
})

// ── references (D6) ──
type Missing = 'wait' | 'pull' | 'empty' | 'later' | 'park'
const referring = (missing: Missing, more: Parameters<typeof pairOf>[0] = {}) =>
  pairOf({ left: { fields: [...fields, { from: 'ref', to: 'ref', reference: { pair: 'p', missing } }] }, ...more })
const refersTo = (resolved: Resolved) => new Map([[referenceKey({ pairId: 'p', side: 'left', id: 'L-9' }), resolved]])
const child = (
  missing: Missing,
  link: Parameters<typeof situation>[1] = {},
  resolved: Resolved = 'unmapped',
  version = 12,
) =>
  decide(
    situation(
      referring(missing),
      link,
      { left: staged('left', version, { ...ada, ref: 'L-9' }) },
      {
        refs: refersTo(resolved),
      },
    ),
  )
const parentKey = waitKey.reference('t', { pairId: 'p', side: 'left', id: 'L-9' })

test('D6: a reference that is mapped travels as the id of the other side', () => {
  assert.equal(call(child('wait', {}, { targetId: 'R-9' })).outgoing.content.masterFieldVal.ref, 'R-9')
})

test('D6: a missing reference is waited for by name, and pulled where the flow says so', () => {
  const wait = child('wait')
  assert.ok(wait.kind === 'wait' && wait.on === 'reference')
  assert.deepEqual([wait.keys, wait.pull], [[parentKey], []])
  const pull = child('pull')
  assert.ok(pull.kind === 'wait')
  assert.deepEqual(
    pull.pull.map((r) => r.id),
    ['L-9'],
  )
})

test('D6: a missing reference is left empty, left out for later, or shown, as the flow says', () => {
  const empty = call(child('empty'))
  assert.equal(empty.outgoing.content.masterFieldVal.ref ?? null, null)
  assert.deepEqual(empty.later, [])
  const later = call(child('later'))
  assert.equal('ref' in later.outgoing.content.masterFieldVal, false)
  assert.deepEqual(later.later, [parentKey])
  assert.equal(faultOf(child('park')), 'data map.reference')
})

test('D6: what was left out for later is owed: waited for while it is missing, sent once it is mapped', () => {
  const pair = referring('later')
  const link = { ...agreedOn(pair, ada), later_side: 'left' as const }
  assert.equal(child('later', link, 'unmapped', 10).kind, 'wait')
  const sent = call(child('later', link, { targetId: 'R-9' }, 10))
  assert.equal(sent.outgoing.content.masterFieldVal.ref, 'R-9')
})

test('D4, D6: a side that is told again and only owes a reference says nothing new: the void of the other side travels', () => {
  const pair = referring('later', { right: {} })
  const link = { ...agreedOn(pair, ada), later_side: 'left' as const }
  const documents = { left: staged('left', 20, { ...ada, ref: 'L-9' }), right: voidOf('right', 21) }
  const s = { ...situation(pair, link, documents), refs: refersTo('unmapped') }
  assert.equal(call(decide(s)).action, 'void')
  const expired = { ...s, link: { ...s.link, wait_until: now } }
  assert.equal(call(decide(expired)).action, 'void', 'also after a day of waiting')
  const edited = { ...s, documents: { ...documents, left: staged('left', 20, { ...bob, ref: 'L-9' }) } }
  assert.deepEqual([call(decide(edited)).action, call(decide(edited)).side], ['update', 'right'], 'what it edited wins')
})

test('D6, D7: a voided record owes nothing: its reference does not bring it back to life', () => {
  const pair = referring('later', { right: {} })
  const link = { ...agreedOn(pair, ada), later_side: 'left' as const, voided_at: now - 1_000 }
  const s = situation(pair, link, { left: staged('left', 10, { ...ada, ref: 'L-9' }), right: voidOf('right', 11) })
  assert.equal(reasonOf(decide({ ...s, refs: refersTo({ targetId: 'R-9' }) })), 'unchanged')
})

test('D6: after a day of waiting it is shown, with the record that is missing', () => {
  assert.equal(child('wait', { wait_until: now + 1 }).kind, 'wait')
  const expired = child('wait', { wait_until: now })
  assert.ok(expired.kind === 'park' && expired.why === 'data')
  assert.deepEqual([expired.fault.code, expired.fault.field, expired.fault.value], ['wait.expired', 'ref', 'L-9'])
})

// ── voids (D7) ──
test('D7: a void before its create is no call, and the same content pushed again is created', () => {
  const voided = decide(situation(oneWay, {}, { left: voidOf('left', 2) }))
  assert.ok(
    voided.kind === 'idle' && voided.reason === 'void before create' && voided.voided === true && voided.adopt.left,
  )
  const link = {
    left_agreed_version: 2,
    left_agreed_print: voided.adopt.left.print,
    left_agreed_hash: voided.adopt.left.hash,
    voided_at: now,
  }
  assert.equal(call(decide(situation(oneWay, link, { left: staged('left', 3, ada) }))).action, 'create')
})

test('D7: a void travels the way the flow says: invalid, an update with a status, or not at all', () => {
  const voided = (action: 'skip' | 'invalid' | { field: string; value: string }) => {
    const pair = pairOf({ left: { actions: { create: true, update: true, void: action } } })
    return decide(situation(pair, agreedOn(pair, ada), { left: voidOf('left', 12) }))
  }
  assert.deepEqual([call(voided('invalid')).action, call(voided('invalid')).voidBy], ['void', 'invalid'])
  const status = call(voided({ field: 'grade', value: 'X' }))
  assert.deepEqual([status.voidBy, status.outgoing.content.masterFieldVal], ['update', { id: 'R-1', grade: 'X' }])
  assert.equal(reasonOf(voided('skip')), 'void skipped')
})

test('D7: a row of a batch is whole: a void sends the status with what the record last was', () => {
  const pair = pairOf({ left: { actions: { create: true, update: true, void: { field: 'note', value: 'closed' } } } })
  const voided = { left: voidOf('left', 12), right: staged('right', 11, { name: 'Ada', note: 'n' }) }
  const sentTo = (kind: 'standard' | 'masterdata-batch') => {
    const { left, right } = pair.connection
    const decision = decide(
      situation(
        { ...pair, connection: { left, right: { ...right, kind } } },
        agreedOn(pair, { name: 'Ada', note: 'n' }),
        voided,
      ),
    )
    return decision.kind === 'call' ? decision.outgoing.content.masterFieldVal : decision.kind
  }
  assert.deepEqual(sentTo('standard'), { id: 'R-1', note: 'closed' })
  assert.deepEqual(
    { ...(sentTo('masterdata-batch') as object) },
    { name: 'Ada', note: 'closed', sourceId: 'L-1', id: 'R-1' },
  )
})

test('D7: a void of a voided link is an echo', () => {
  const link = { ...agreedOn(twoWay, ada), voided_at: now - 1 }
  const decision = decide(situation(twoWay, link, { left: voidOf('left', 10), right: voidOf('right', 12) }))
  assert.equal(decision.kind, 'idle')
})

test('D7: a record that comes back always calls, also where it says what it said before; or makes a new one; or is shown', () => {
  const back = (repush: 'update' | 'new' | 'park') => {
    const pair = pairOf({ left: { repush } })
    return decide(
      situation(pair, { ...agreedOn(pair, ada), voided_at: now - 1 }, { left: staged('left', 12, ada), right: null }),
    )
  }
  assert.deepEqual([call(back('update')).action, call(back('update')).outgoing.targetId], ['update', 'R-1'])
  assert.deepEqual(back('new'), { kind: 'unbind', side: 'right' })
  assert.equal(faultOf(back('park')), 'data void.repush')
})

test('D8: the sixth flip within ten minutes of the opposite call is parked; an older one starts anew', () => {
  const flipped = (flips: number, last_call_at: number, last_side: Side = 'left') =>
    decide(
      situation(
        twoWay,
        { ...agreedOn(twoWay, ada), flips, last_side, last_call_at },
        { left: staged('left', 12, bob), right: staged('right', 11, ada) },
      ),
    )
  assert.equal(call(flipped(4, now - 1)).flips, 5)
  assert.equal(faultOf(flipped(5, now - 1)), 'loop loop.flips')
  assert.equal(call(flipped(5, now - 1, 'right')).flips, 5, 'the same way again is no flip')
  assert.equal(call(flipped(5, now - flipWindow - 1)).flips, 0)
})

test('D8: what is sent again and again because the target tells of a record that it refuses is parked as well', () => {
  const link = { ...agreedOn(oneWay, ada), last_side: 'right' as const, last_call_at: now - 1_000, refused_version: 12 }
  const told = (flips: number, more = {}) =>
    decide(
      situation(
        oneWay,
        { ...link, flips, ...more },
        { left: staged('left', 12, bob), right: staged('right', 13, ada) },
      ),
    )
  assert.equal(call(told(0)).flips, 1)
  assert.equal(call(told(4)).flips, 5)
  assert.equal(faultOf(told(5)), 'loop loop.flips')
  assert.equal(call(told(5, { refused_version: 10 })).flips, 5, 'a newer version of the source is none of it')
  assert.equal(call(told(5, { asked_generation: 99, asked_side: 'left' })).flips, 5, 'nor is what a person asks for')
})

test('C1, R1: the lease outlasts a call that starts at the send deadline, and the settle time outlasts both', () => {
  const target = { timeout: 10_000, longestProcessing: 30_000 }
  assert.ok(leaseMs(target) / 2 >= target.timeout)
  assert.ok(settleMs(target) >= leaseMs(target) / 2 + target.longestProcessing)
})

test('D5: by rules over fields one that is free is bound, one of another record and several are for a person, none creates', () => {
  const pair = pairOf({ left: { match: [[{ from: 'name', to: 'name', as: 'name' }]] } })
  const decided = (hits: { id: string; boundTo: string | null }[]) =>
    decide(situation(pair, {}, { left: staged('left', 5, { name: 'Ada', sourceId: '' }) }, { matched: { hits } }))
  assert.equal(decided([]).kind, 'call')
  assert.deepEqual(decided([{ id: 'R-7', boundTo: null }]), { kind: 'bind', side: 'right', id: 'R-7' })
  const codeOf = (decision: ReturnType<typeof decide>) =>
    decision.kind === 'park' && [decision.why, decision.fault.code]
  assert.deepEqual(codeOf(decided([{ id: 'R-7', boundTo: 'L-9' }])), ['conflict', 'conflict.matched'])
  assert.deepEqual(
    codeOf(
      decided([
        { id: 'R-7', boundTo: null },
        { id: 'R-8', boundTo: null },
      ]),
    ),
    ['conflict', 'conflict.several'],
  )
})

test('D5: a flow that creates nothing still binds what matches', () => {
  const match: MatchRule[] = [[{ from: 'name', to: 'name', as: 'name' }]]
  const pair = pairOf({ left: { match, actions: { create: false, update: false, void: 'skip' } } })
  const decided = (hits: { id: string; boundTo: string | null }[]) =>
    decide(situation(pair, {}, { left: staged('left', 5, { name: 'Ada' }) }, { matched: { hits } }))
  assert.deepEqual(decided([{ id: 'R-7', boundTo: null }]), { kind: 'bind', side: 'right', id: 'R-7' })
  assert.equal(decided([]).kind, 'idle')
})

test('a condition on the target holds an update back, and agrees on nothing until it holds', () => {
  const pair = pairOf({ left: { scope: [{ field: 'grade', op: 'ne', value: 'locked', of: 'target' }] } })
  const agreed = agreedOn(pair, { name: 'Ada' })
  const left = staged('left', 20, { name: 'Bea' })
  const locked = decide(
    situation(
      pair,
      { ...agreed, left_version: 20 },
      { left, right: staged('right', 11, { name: 'Ada', grade: 'locked' }) },
    ),
  )
  assert.deepEqual(locked, { kind: 'idle', reason: 'out of scope', adopt: {} })
  const open = decide(
    situation(
      pair,
      { ...agreed, left_version: 20 },
      { left, right: staged('right', 11, { name: 'Ada', grade: 'open' }) },
    ),
  )
  assert.equal(open.kind, 'call')
})

test('A1: what was told from before our last write is read before it is believed, and believed where it was read', () => {
  const pair = twoWay
  const agreed = agreedOn(pair, { name: 'Ada' })
  const documents = { left: staged('left', 10, { name: 'Ada' }), right: staged('right', 21, { name: 'before Ada' }) }
  const link = { ...agreed, right_version: 21 }
  const late = decide({ ...situation(pair, link, documents), late: ['right'] })
  assert.equal(late.kind, 'reread')
  if (late.kind !== 'reread') return
  assert.deepEqual([late.side, late.adopt.right?.version], ['right', 21])
  assert.equal(late.adopt.right?.print, agreed.right_agreed_print, 'nothing of it is agreed on')
  const read = decide(situation(pair, link, documents))
  assert.deepEqual(read.kind === 'call' && [read.from, read.action], ['right', 'update'])
})

test('drift: park stops before the call and says what is gone', () => {
  const pair = pairOf({ left: { drift: { missing: 'park' } } })
  const agreed = agreedOn(pair, { name: 'Ada', note: 'n' })
  const left = staged('left', 20, { name: 'Bea' })
  const parked = decide(
    situation(pair, { ...agreed, left_version: 20 }, { left, right: staged('right', 11, { name: 'Ada', note: 'n' }) }),
  )
  assert.deepEqual(parked.kind === 'park' && [parked.why, parked.fault.code, parked.fault.field], [
    'data',
    'map.drift',
    'note',
  ])
  const warned = decide(
    situation(
      pairOf(),
      { ...agreed, left_version: 20 },
      { left, right: staged('right', 11, { name: 'Ada', note: 'n' }) },
    ),
  )
  assert.deepEqual(warned.kind === 'call' && warned.findings?.map(({ kind, field }) => [kind, field]), [
    ['missing', 'note'],
  ])
  assert.equal(warned.kind === 'call' && 'note' in warned.outgoing.content.masterFieldVal, false, 'absent never clears')
})
