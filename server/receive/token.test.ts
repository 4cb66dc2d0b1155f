/** Tokens and limits by themselves: exact, in constant time, and bounded in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { digest } from '../../protocol/standard.ts'
import { tokenBuckets } from './rate.ts'
import { checkCaller, mayPush, sameText, tokenSnapshot } from './token.ts'

const row = { tokenId: 't', tenantId: 'sandbox', connections: null, objects: null, sha256: digest('tok') }

test('texts are the same exactly when they are the same', () => {
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => sameText(a, a) && sameText(a, b) === (a === b)))
  assert.equal(sameText('aa', 'a'), false)
  assert.equal(sameText('', ''), true)
  assert.equal(sameText('', '\0'), false)
})

test('a caller passes only with a known, living token of that tenant', () => {
  const tokens = tokenSnapshot([row, { ...row, tokenId: 'old', sha256: digest('old'), expiresAt: 100 }])
  const check = (token: string, tenant: string | null, now = 50) => checkCaller(tokens, token, tenant, now)?.tokenId
  assert.deepEqual([check('tok', 'sandbox'), check('tok', null), check('old', 'sandbox')], ['t', 't', 'old'])
  assert.deepEqual(
    [
      check('tok', 'two'),
      check('tok', ''),
      check('', 'sandbox'),
      check('x', '\0'),
      check('x', null),
      check('old', 'sandbox', 100),
    ],
    Array(6).fill(undefined),
  )
})

test('every refusal does the same work: one search, by the hash of what was sent', () => {
  const searched: string[] = []
  const snapshot = tokenSnapshot([row])
  const tokens = { find: (sha256: Buffer) => (searched.push(sha256.toString('hex')), snapshot.find(sha256)) }
  for (const [token, tenant] of [
    ['nope', 'sandbox'],
    ['tok', 'nope'],
    ['nope', 'nope'],
  ] as const)
    assert.equal(checkCaller(tokens, token, tenant, 0), undefined)
  assert.deepEqual(
    searched,
    ['nope', 'tok', 'nope'].map((t) => digest(t).toString('hex')),
  )
})

test('a hash that shares the first half is still another token', () => {
  const close = Buffer.from(row.sha256)
  close[31] = (close[31] ?? 0) ^ 1
  assert.equal(tokenSnapshot([row]).find(close), undefined)
  assert.equal(tokenSnapshot([row, { ...row, tokenId: 'u', sha256: close }]).find(close)?.tokenId, 'u')
})

test('a token is bound to its connections and objects', () => {
  assert.equal(mayPush({ ...row, connections: ['a'], objects: ['o'] }, 'a', 'o'), true)
  assert.equal(mayPush({ ...row, connections: ['a'] }, 'b', 'o'), false)
  assert.equal(mayPush({ ...row, objects: ['o'] }, 'a', 'p'), false)
})

test('a limit lets through its rate and one second’s burst, never more, however the clock jumps', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: -50, max: 300 }), { maxLength: 200 }),
      (rate, steps) => {
        const buckets = tokenBuckets()
        let now = 1_000
        let elapsed = 0
        let passed = 0
        for (const step of steps) {
          now += step
          elapsed += Math.max(0, step)
          if (buckets.take('t', rate, now) === 0) passed++
        }
        return passed <= rate + (elapsed * rate) / 1000 + 1e-6
      },
    ),
  )
})
