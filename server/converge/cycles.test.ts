/** D6: circles among rows that wait for each other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cycles, type Waiter } from './cycles.ts'

/** `A>B,C`: A waits for B and for C. */
const rows = (...written: string[]): Waiter[] =>
  written.map((one) => {
    const [own = '', on = ''] = one.split('>')
    return { own, on: on ? on.split(',') : [], name: own }
  })
const told = (...written: string[]): string[] =>
  cycles(rows(...written))
    .flatMap(({ members }) => [...members.values()])
    .sort()

test('two that wait for each other are a circle, and each is shown it from its own place', () => {
  assert.deepEqual(told('A>B', 'B>A'), ['A → B → A', 'B → A → B'])
})

test('one that waits for itself is a circle', () => {
  assert.deepEqual(told('A>A'), ['A → A'])
})

test('chains longer than one hop: the circle at their end is found, those who only lead to it or away from it are no members', () => {
  assert.deepEqual(told('X>Y', 'Y>A', 'A>B', 'B>C', 'C>A,Z', 'Z>'), ['A → B → C → A', 'B → C → A → B', 'C → A → B → C'])
})

test('no circle, no members: chains, trees, diamonds, and records nobody knows', () => {
  assert.deepEqual(told('A>B', 'B>C', 'C>unknown', 'D>B,C', 'E>D,A'), [])
  assert.deepEqual(told(), [])
})

test('two circles that share a row hang together; two that do not are parted', () => {
  const together = cycles(rows('A>B,C', 'B>A', 'C>A'))
  assert.deepEqual(
    together.map(({ members }) => members.size),
    [3],
  )
  assert.equal(cycles(rows('A>B', 'B>A', 'C>D', 'D>C')).length, 2)
})

test('each member is shown the shortest of its circles', () => {
  assert.deepEqual(told('A>B', 'B>C,A', 'C>A'), ['A → B → A', 'B → A → B', 'C → A → B → C'])
})

test('a circle of fifty thousand and a chain as long are walked without a deep stack, and told in short', () => {
  const n = 50_000
  const ring = Array.from({ length: n }, (_, i) => `R${i}>R${(i + 1) % n}`)
  const chain = Array.from({ length: n }, (_, i) => `C${i}>C${i + 1}`)
  const [found, ...more] = cycles(rows(...ring, ...chain))
  assert.deepEqual([found?.members.size, more.length], [n, 0])
  assert.match(found?.members.get('R7') ?? '', / → … \(49988 more\) → R\d+$/)
})

test('one parent that fifty thousand wait for costs no more than they do', () => {
  const many = Array.from({ length: 50_000 }, (_, i) => `K${i}>P`)
  assert.deepEqual(told(...many, 'P>Q'), [])
})
