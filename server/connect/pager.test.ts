/** The bisecting pager over sources that move while they are read, beside a naive one that loses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Page, Read, Reading, Window } from '../doc/connector.ts'
import type { Fault } from '../doc/fault.ts'
import { pageMemory, readAll, type Sweep, sweep } from './pager.ts'

const empty = Buffer.from('{}')
const reading = (id: string, at: number): Reading => ({
  data_id: id,
  master: empty,
  details: null,
  document: { content: { masterFieldVal: {}, detailFieldVals: {} }, source_time: at },
})

/** Small, fast, seeded. */
const chance = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

interface SourceOptions {
  seed: number
  rows: number
  /** Span of the initial times. */
  span: number
  edits: number
  order?: 'byTime' | 'byId' | 'shuffled'
  ends?: 'inclusive' | 'exclusive' | 'half'
  cap?: number
  /** Edits land at this instant and later: behind `span` they leave the window, within it they move inside. */
  editsFrom?: number
  fail?: (nth: number, window: Window) => Fault | null
}

/** A source whose rows are edited, and so move to a later time, between requests. */
const movingSource = (o: SourceOptions) => {
  const random = chance(o.seed)
  const times = new Map<string, number>()
  for (let i = 0; i < o.rows; i++) times.set(`r${i}`, Math.floor(random() * o.span))
  const ids = [...times.keys()]
  let now = o.editsFrom ?? o.span + 10
  let requests = 0
  const limits: number[] = []
  const read = async (window: Window): Promise<Read<Page>> => {
    requests++
    limits.push(window.limit)
    const fault = o.fail?.(requests, window)
    if (fault) return { kind: 'failed', why: fault }
    for (let i = 0; i < o.edits; i++) times.set(ids[Math.floor(random() * ids.length)] as string, now++)
    const low = o.ends === 'exclusive' ? window.from + 1 : window.from
    const high = o.ends === 'inclusive' ? window.to : window.to - 1
    const found = [...times].filter(([, at]) => at >= low && at <= high)
    if (o.order === 'shuffled') found.sort(() => random() - 0.5)
    else if (o.order !== 'byId') found.sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
    const limit = Math.min(window.limit, o.cap ?? Number.POSITIVE_INFINITY)
    const page = found.slice(window.offset, window.offset + limit).map(([id, at]) => reading(id, at))
    return { kind: 'read', value: { readings: page, full: page.length >= window.limit } }
  }
  return { read, times, requests: () => requests, limits }
}

const options = (source: ReturnType<typeof movingSource>, from: number, to: number, size: number) =>
  ({
    read: source.read,
    object: 'o',
    from,
    to,
    memory: pageMemory(size),
    env: { now: () => 0, sleep: async () => {}, random: () => 0.5 },
    signal: new AbortController().signal,
  }) satisfies Omit<Sweep<Page>, 'visit'>

/** Rows that lie in the window now and were not read: the next window will not look there again. */
const lost = (source: ReturnType<typeof movingSource>, read: ReadonlyMap<string, Reading>, to: number): string[] =>
  [...source.times].filter(([id, at]) => at < to && read.get(id)?.document.source_time !== at).map(([id]) => id)

const naive = async (source: ReturnType<typeof movingSource>, to: number, size: number) => {
  const all = new Map<string, Reading>()
  for (let offset = 0; ; offset += size) {
    const page = await source.read({ object: 'o', from: 0, to, offset, limit: size })
    if (page.kind === 'failed') throw new Error('failed')
    for (const r of page.value.readings) all.set(r.data_id, r)
    if (page.value.readings.length < size) return all
  }
}

test('promise 9: 10,000 rows, 3 edits per request, 20 seeds: nothing is lost; the naive pager loses', async () => {
  let naiveLost = 0
  for (let seed = 1; seed <= 20; seed++) {
    const source = movingSource({ seed, rows: 10_000, span: 600_000, edits: 3, order: 'byTime' })
    const swept = await readAll(options(source, 0, 600_000, 1000))
    assert.ok(swept.kind === 'read')
    assert.deepEqual(lost(source, swept.value.readings, 600_000), [], `seed ${seed}`)
    const control = movingSource({ seed, rows: 10_000, span: 600_000, edits: 3, order: 'byTime' })
    naiveLost += lost(control, await naive(control, 600_000, 1000), 600_000).length
  }
  assert.ok(naiveLost > 0, 'the negative control must lose rows')
})

test('nothing is lost whatever the order, the page size, the inclusiveness of the ends and the clumping of times', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        rows: fc.integer({ min: 0, max: 300 }),
        span: fc.constantFrom(1, 3, 50, 10_000),
        edits: fc.integer({ min: 0, max: 3 }),
        order: fc.constantFrom('byTime' as const, 'byId' as const),
        ends: fc.constantFrom('inclusive' as const, 'exclusive' as const, 'half' as const),
        size: fc.integer({ min: 10, max: 120 }),
        inside: fc.boolean(),
      }),
      async ({ size, inside, ...o }) => {
        const to = inside ? o.span + 100_000 : o.span
        const source = movingSource({ ...o, editsFrom: o.span + 10 })
        const swept = await readAll(options(source, 0, to, size))
        // A millisecond that never holds still may fail; it must never be believed.
        if (swept.kind === 'failed') return assert.ok(o.span <= 50 && o.edits > 0)
        assert.deepEqual(lost(source, swept.value.readings, o.span), [])
      },
    ),
    { numRuns: 150 },
  )
})

test('rows that move inside the window while it is read are found where they went', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const source = movingSource({ seed, rows: 2_000, span: 100_000, edits: 3, editsFrom: 100_000 })
    const swept = await readAll(options(source, 0, 200_000, 100))
    assert.ok(swept.kind === 'read')
    const missing = [...source.times.keys()].filter((id) => !swept.value.readings.has(id))
    assert.deepEqual(missing, [], `seed ${seed}`)
  }
})

test('one full millisecond is paged by offset until two passes agree', async () => {
  const still = movingSource({ seed: 1, rows: 1_000, span: 1, edits: 0 })
  const swept = await readAll(options(still, 0, 1, 100))
  assert.ok(swept.kind === 'read')
  assert.equal(swept.value.readings.size, 1_000)
  for (let seed = 1; seed <= 10; seed++) {
    const moving = movingSource({ seed, rows: 400, span: 1, edits: 1 })
    const result = await readAll(options(moving, 0, 1, 100))
    if (result.kind === 'read') assert.deepEqual(lost(moving, result.value.readings, 1), [])
  }
})

test('a source without any order is never believed where offsets are needed', async () => {
  const source = movingSource({ seed: 3, rows: 500, span: 1, edits: 0, order: 'shuffled' })
  const swept = await readAll(options(source, 0, 1, 100))
  assert.equal(swept.kind, 'failed')
})

test('a source that caps its pages below what was asked loses nothing, and is learnt', async () => {
  for (const span of [100_000, 1]) {
    const source = movingSource({ seed: 5, rows: 2_000, span, edits: 0, cap: 100 })
    const o = options(source, 0, span, 1_000)
    const swept = await readAll(o)
    assert.ok(swept.kind === 'read')
    assert.equal(swept.value.readings.size, 2_000)
    if (span > 1) assert.equal(o.memory.size, 100)
  }
})

test('a source that ignores the offset ends', async () => {
  const source = movingSource({ seed: 5, rows: 50, span: 1, edits: 0 })
  const swept = await readAll({
    ...options(source, 0, 1, 20),
    read: (window) => source.read({ ...window, offset: 0 }),
  })
  assert.ok(swept.kind === 'read' || swept.kind === 'failed')
  assert.ok(source.requests() < 50)
})

test('requests stay within 2.5 times the pages that the rows fill, and empty years cost few', async () => {
  const source = movingSource({ seed: 7, rows: 10_000, span: 3_600_000, edits: 0 })
  const swept = await readAll(options(source, 0, 3_600_000, 500))
  assert.ok(swept.kind === 'read')
  assert.ok(swept.value.requests <= 50, String(swept.value.requests))
  const sparse = movingSource({ seed: 7, rows: 3, span: 1_000, edits: 0 })
  const year = await readAll(options(sparse, 0, 365 * 86_400_000, 500))
  assert.ok(year.kind === 'read' && year.value.requests === 1)
})

test('a failed page fails the whole read', async () => {
  const refused: Fault = { code: 'send.refused', stage: 'read', said: 'no' }
  const source = movingSource({ seed: 9, rows: 1_000, span: 10_000, edits: 0, fail: (n) => (n === 5 ? refused : null) })
  const swept = await readAll(options(source, 0, 10_000, 100))
  assert.deepEqual(swept, { kind: 'failed', why: refused })
})

test('pages shrink when they time out, and stay small', async () => {
  const slow: Fault = { code: 'send.timeout', stage: 'read', expected: '30000 ms' }
  const source = movingSource({
    seed: 9,
    rows: 1_000,
    span: 10_000,
    edits: 0,
    fail: (_, w) => (w.limit > 200 ? slow : null),
  })
  const o = options(source, 0, 10_000, 1_000)
  const swept = await readAll(o)
  assert.ok(swept.kind === 'read')
  assert.equal(swept.value.readings.size, 1_000)
  assert.equal(o.memory.size, 125)
})

test('a source that is busy every ninth time is read to its end, also where one second holds more than a page', async () => {
  const busy: Fault = { code: 'send.status', stage: 'read', value: '503' }
  const source = movingSource({
    seed: 4,
    rows: 2_000,
    span: 1_000_000,
    edits: 0,
    fail: (nth) => (nth % 9 ? null : busy),
  })
  for (let i = 0; i < 150; i++) source.times.set(`s${i}`, 500_000)
  const read = await readAll(options(source, 0, 1_000_001, 100))
  assert.ok(read.kind === 'read')
  assert.equal(read.value.readings.size, 2_150)
})

test('pages grow again once the bad moment is over, and seldom where larger ones are too large', async () => {
  const busy: Fault = { code: 'send.status', stage: 'read', value: '503' }
  const moment = movingSource({
    seed: 5,
    rows: 20_000,
    span: 1_000_000,
    edits: 0,
    fail: (nth) => (nth > 3 && nth < 7 ? busy : null),
  })
  assert.ok((await readAll(options(moment, 0, 1_000_001, 200))).kind === 'read')
  assert.equal(Math.min(...moment.limits), 25)
  assert.equal(moment.limits.at(-1), 200)
  const slow: Fault = { code: 'send.timeout', stage: 'read' }
  const heavy = movingSource({
    seed: 6,
    rows: 20_000,
    span: 1_000_000,
    edits: 0,
    fail: (_, { limit }) => (limit > 60 ? slow : null),
  })
  assert.ok((await readAll(options(heavy, 0, 1_000_001, 200))).kind === 'read')
  const timeouts = heavy.limits.filter((limit) => limit > 60).length
  assert.ok(timeouts <= 6, `${timeouts} requests timed out`)
})

test('a target that says when is waited for, but not beyond patience', async () => {
  const source = movingSource({ seed: 9, rows: 10, span: 100, edits: 0 })
  const slept: number[] = []
  let held = true
  const o = {
    ...options(source, 0, 100, 100),
    env: { now: () => 1_000, sleep: async (ms: number) => void slept.push(ms), random: () => 0 },
    read: async (window: Window): Promise<Read<Page>> => {
      if (!held) return source.read(window)
      held = false
      return { kind: 'failed', why: { code: 'send.limited', stage: 'read' }, at: 8_000, calm: true }
    },
  }
  const swept = await readAll({ ...o, patience: 10_000 })
  assert.equal(swept.kind, 'read')
  assert.deepEqual(slept, [7_000])
  held = true
  assert.equal((await readAll({ ...o, patience: 5_000 })).kind, 'failed')
})

test('visit may end a sweep early; progress tells what is complete; a stop ends it', async () => {
  const source = movingSource({ seed: 11, rows: 1_000, span: 100_000, edits: 0 })
  const done: number[] = []
  let pages = 0
  const early = await sweep({
    ...options(source, 0, 100_000, 100),
    visit: () => ++pages === 3,
    progress: (until) => void done.push(until),
  })
  assert.ok(early.kind === 'read' && !early.value.complete)
  assert.equal(done.length, 2)
  assert.deepEqual(
    done,
    [...done].sort((a, b) => a - b),
  )
  const stop = new AbortController()
  const ended = await sweep({ ...options(source, 0, 100_000, 100), signal: stop.signal, visit: () => stop.abort() })
  assert.ok(ended.kind === 'failed' && ended.why.code === 'send.closed')
})
