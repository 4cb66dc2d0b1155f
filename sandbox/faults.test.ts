/** Each fault on demand does what it says, as often as it says. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { arm, catalogue, countAgain, type Fault, fire, type Hit, type InterfaceCall, readFaults } from './faults.ts'

const none = () => undefined
const firedBy = (faults: Fault[], calls: [InterfaceCall, string?][]): number[] => {
  const armed = arm(faults)
  return calls.map(([call, object]) => fire(armed, call, object ?? null, none).fired.length)
}
const creates = (count: number): [InterfaceCall][] => Array.from({ length: count }, () => ['create'])

test('nth counts matching calls only, from 1', () => {
  const fault: Fault = { kind: 'cutAfter', call: 'create', object: 'A', nth: 2 }
  const calls: [InterfaceCall, string][] = [
    ['create', 'A'],
    ['update', 'A'],
    ['create', 'B'],
    ['create', 'A'],
    ['create', 'A'],
  ]
  assert.deepEqual(firedBy([fault], calls), [0, 0, 0, 1, 0])
  assert.deepEqual(firedBy([{ ...fault, object: undefined, nth: [1, 3] }], creates(4)), [1, 0, 1, 0])
})

test('without nth and rate every matching call is hit; * means every call', () => {
  assert.deepEqual(firedBy([{ kind: 'delay', ms: 1, call: '*' }], [['create'], ['queryMasterById']]), [1, 1])
  assert.deepEqual(firedBy([{ kind: 'noOrder' }], [['create'], ['queryMasterBatch']]), [0, 1])
})

test('rate draws from a seeded generator: same seed, same calls; other seed, other calls', () => {
  const run = (seed: number) => firedBy([{ kind: 'cutBefore', rate: 0.2, seed }], creates(2_000))
  const hits = run(7).reduce((sum, hit) => sum + hit, 0)
  assert.ok(hits > 320 && hits < 480, `${hits} of 2000`)
  assert.deepEqual(run(7), run(7))
  assert.notDeepEqual(run(7), run(8))
  assert.equal(firedBy([{ kind: 'cutBefore', rate: 1 }], creates(50)).indexOf(0), -1)
  assert.equal(firedBy([{ kind: 'cutBefore', rate: 0 }], creates(50)).indexOf(1), -1)
})

test('where hits only the bodies that show these texts', () => {
  const armed = arm([{ kind: 'refuse', code: '1', message: 'no', where: { number: '7' } }])
  const hit = (fields: Record<string, unknown>) => fire(armed, 'create', null, (name) => fields[name]).fired.length
  assert.deepEqual([hit({ number: '7' }), hit({ number: '8' }), hit({})], [1, 0, 0])
})

test('counting again from the journaled hits continues where the first run stood', () => {
  const faults: Fault[] = [
    { kind: 'cutBefore', rate: 0.5, seed: 3 },
    { kind: 'delay', ms: 1, nth: 12 },
  ]
  const first = arm(faults)
  const journaled: (readonly Hit[])[] = []
  for (let index = 0; index < 10; index += 1) journaled.push(fire(first, 'create', null, none).hits)
  const second = arm(faults)
  for (const hits of journaled) countAgain(second, hits)
  const rest = (armed: typeof first) =>
    creates(20).map(([call]) => fire(armed, call, null, none).fired.map(({ kind }) => kind))
  assert.deepEqual(
    second.map(({ seen, hits }) => [seen, hits]),
    first.map(({ seen, hits }) => [seen, hits]),
  )
  assert.deepEqual(rest(second), rest(first))
})

test('a wrong list is refused with a sentence that names the fault and the option', () => {
  const wrong: [unknown, RegExp][] = [
    [{}, /list of faults/],
    [[{ kind: 'nonsense' }], /fault 0: kind is none of/],
    [[{ kind: 'delay' }], /needs ms/],
    [[{ kind: 'delay', ms: -1 }], /below 0/],
    [[{ kind: 'cutAfter', call: 'delete' }], /call is none of/],
    [[{ kind: 'lateCommit', ms: 1, call: 'queryMasterById' }], /this kind means create/],
    [[{ kind: 'cutAfter', nth: 0 }], /counts from 1/],
    [[{ kind: 'cutAfter', nth: 1, rate: 0.5 }], /exclude/],
    [[{ kind: 'cutAfter', rate: 2 }], /within 0 and 1/],
    [[{ kind: 'cutAfter' }, { kind: 'cutAfter', often: true }], /fault 1: cutAfter has no option often/],
    [[{ kind: 'status', status: 99 }], /within 200 and 599/],
    [[{ kind: 'lateCommit', ms: 1, answer: 'maybe' }], /cut, 504, hang/],
    [[{ kind: 'dropDetailRow', every: 0 }], /counts from 1/],
  ]
  for (const [list, sentence] of wrong) assert.match(String(readFaults(list)), sentence)
  assert.deepEqual(readFaults([{ kind: 'wrongClock', ms: -28_800_000, call: 'create' }]), [
    { kind: 'wrongClock', ms: -28_800_000, call: 'create' },
  ])
})

test('the README describes exactly the kinds of faults that there are', () => {
  const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8')
  const table = readme.slice(readme.indexOf('| kind |'), readme.indexOf('\n\n', readme.indexOf('| kind |')))
  const told = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, kind]) => kind)
  assert.deepEqual(told.toSorted(), Object.keys(catalogue).toSorted())
})
