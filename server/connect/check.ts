/** The exerciser that every connector must pass (style.md 10): run each check as a test of its own over a target that can be made to fail. */
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import type { Change, Connector, Unanswered } from '../doc/connector.ts'
import type { Millis } from '../doc/document.ts'
import type { Outgoing } from '../doc/flow.ts'
import type { Outcome } from '../doc/outcome.ts'

/** What the target does with the next write. */
export type Mischief =
  | 'cut before effect'
  | 'cut after effect'
  | 'hang after effect'
  | 'status 500'
  | 'throttle'
  | 'refuse'
  | 'nonsense after effect'
  | 'no id after effect'

/** What an implementation brings: itself, over a target that can be asked what it saw. */
export interface Bench extends AsyncDisposable {
  connector: Connector
  /** Code of an object that the target declares. */
  object: string
  /** A record to write; `targetId` null for a create. Rows of details are welcome. */
  outgoing(sourceId: string, targetId: string | null): Outgoing
  /** Applies to the next write only. */
  next(what: Mischief): void
  /** Write requests that the target has read completely. */
  writes(): number
  /** Ids of the records that the target holds for our id. */
  holding(sourceId: string): string[]
  /** An id that the target does not hold. */
  missing: string
  /** Total deadline of one call. */
  timeout: Millis
  /** So long after a create was sent, its absence may be believed. */
  believedAfter: Millis
  /** What `recognise` can tell of a create that took no effect: nothing where it would not find one that did. */
  absence: 'absent' | 'answered' | 'cannot tell'
  /** Whether `find` and `changes` are offered. */
  readable: boolean
}

export interface Check {
  name: string
  run(): Promise<void>
}

const never = new AbortController().signal
const always = async (): Promise<boolean> => true
const soon = (): Millis => performance.now() + 10_000
let keys = 0

const rowsDue = (outgoing: Outgoing): { [detail: string]: number } =>
  Object.fromEntries(Object.entries(outgoing.content.detailFieldVals).map(([detail, rows]) => [detail, rows.length]))

const change = (
  bench: Bench,
  sourceId: string,
  targetId: string | null,
  action: Change['action'] = targetId === null ? 'create' : 'update',
): Change => {
  const outgoing = bench.outgoing(sourceId, targetId)
  return {
    action,
    object: bench.object,
    targetId,
    sourceId,
    bytes: bench.connector.encode(outgoing),
    rowsDue: action === 'void' ? {} : rowsDue(outgoing),
    key: `check-${++keys}`,
    traceId: keys.toString(16).padStart(32, '0'),
  }
}

const write = async (
  bench: Bench,
  what: Change,
  {
    sendBy = soon(),
    signal = never,
    sent = () => {},
  }: { sendBy?: Millis; signal?: AbortSignal; sent?: () => void } = {},
): Promise<{ outcome: Outcome; sent: number }> => {
  let count = 0
  const { outcome } = await bench.connector.write(
    what,
    () => {
      count++
      sent()
    },
    sendBy,
    signal,
  )
  return { outcome, sent: count }
}

const unanswered = (what: Change, sentAt: Millis): Unanswered => ({
  object: what.object,
  sourceId: what.sourceId,
  sentAt,
  key: what.key,
  bytes: what.bytes,
  rowsDue: what.rowsDue,
  traceId: what.traceId,
})

const checks: { name: string; readable?: true; run(bench: Bench): Promise<void> }[] = [
  {
    name: 'encode is pure: the same record gives the same bytes',
    async run(bench) {
      const outgoing = bench.outgoing('S-1', null)
      assert.ok(bench.connector.encode(outgoing).equals(bench.connector.encode(outgoing)))
    },
  },
  {
    name: 'O3: a create is applied with its id and the id of each row; sent() comes once, before the target sees anything',
    async run(bench) {
      const what = change(bench, 'S-1', null)
      const seen: number[] = []
      const { outcome, sent } = await write(bench, what, { sent: () => seen.push(bench.writes()) })
      assert.ok(outcome.kind === 'applied', JSON.stringify(outcome))
      assert.deepEqual([sent, seen], [1, [0]])
      assert.deepEqual(bench.holding('S-1'), [outcome.targetId])
      for (const [detail, due] of Object.entries(what.rowsDue)) assert.equal(outcome.rowIds[detail]?.length, due)
    },
  },
  {
    name: 'O3: an update and a void are applied to the id that was given',
    async run(bench) {
      const { outcome } = await write(bench, change(bench, 'S-1', null))
      assert.ok(outcome.kind === 'applied')
      for (const action of ['update', 'void'] as const) {
        const next = await write(bench, change(bench, 'S-1', outcome.targetId, action))
        assert.ok(next.outcome.kind === 'applied', JSON.stringify(next.outcome))
        assert.equal(next.outcome.targetId, outcome.targetId)
      }
      assert.equal(bench.writes(), 3)
    },
  },
  {
    name: 'C2: past the send deadline not one byte leaves',
    async run(bench) {
      const { outcome, sent } = await write(bench, change(bench, 'S-1', null), { sendBy: performance.now() - 1 })
      assert.equal(outcome.kind, 'again')
      assert.deepEqual([sent, bench.writes()], [0, 0])
    },
  },
  {
    name: 'a stop before the call sends nothing and burns no attempt',
    async run(bench) {
      const { outcome, sent } = await write(bench, change(bench, 'S-1', null), { signal: AbortSignal.abort() })
      assert.ok(outcome.kind === 'again' && outcome.calm)
      assert.deepEqual([sent, bench.writes()], [0, 0])
    },
  },
  {
    name: 'O2: a business refusal is refused, with the target’s words',
    async run(bench) {
      bench.next('refuse')
      const { outcome } = await write(bench, change(bench, 'S-1', null))
      assert.ok(outcome.kind === 'refused', JSON.stringify(outcome))
      assert.ok(outcome.why.said)
      assert.deepEqual(bench.holding('S-1'), [])
    },
  },
  {
    name: 'O1: a throttled call is again, not before the instant that the target names, and no slot is free until then',
    async run(bench) {
      bench.next('throttle')
      const { outcome } = await write(bench, change(bench, 'S-1', null))
      assert.ok(
        outcome.kind === 'again' && outcome.at !== undefined && outcome.at > Date.now(),
        JSON.stringify(outcome),
      )
      const slots = bench.connector.slots()
      assert.ok(slots.free === 0 && slots.at !== undefined)
    },
  },
  ...(
    ['cut before effect', 'cut after effect', 'nonsense after effect', 'no id after effect', 'status 500'] as const
  ).map((mischief) => ({
    name: `O4: ${mischief} is unknown, and nothing is sent twice`,
    async run(bench: Bench) {
      bench.next(mischief)
      const { outcome, sent } = await write(bench, change(bench, 'S-1', null))
      assert.equal(outcome.kind, 'unknown', JSON.stringify(outcome))
      assert.equal(sent, 1)
      assert.ok(bench.writes() <= 1)
      assert.equal(bench.holding('S-1').length, mischief.endsWith('after effect') ? 1 : 0)
    },
  })),
  {
    name: 'O4: no answer within the total deadline is unknown, and the call does not outlast it',
    async run(bench) {
      bench.next('hang after effect')
      const began = performance.now()
      const { outcome } = await write(bench, change(bench, 'S-1', null))
      assert.equal(outcome.kind, 'unknown')
      assert.ok(performance.now() - began < bench.timeout + 1_000)
    },
  },
  {
    name: 'a stop while the answer is awaited ends the call at once, as unknown',
    async run(bench) {
      bench.next('hang after effect')
      const stop = new AbortController()
      const call = write(bench, change(bench, 'S-1', null), { signal: stop.signal })
      while (bench.writes() === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      const began = performance.now()
      stop.abort()
      assert.equal((await call).outcome.kind, 'unknown')
      assert.ok(performance.now() - began < bench.timeout / 2)
    },
  },
  {
    name: 'R2: a create whose answer was lost is recognised, and stays the only one',
    async run(bench) {
      const what = change(bench, 'S-1', null)
      bench.next('cut after effect')
      assert.equal((await write(bench, what)).outcome.kind, 'unknown')
      const [id] = bench.holding('S-1')
      const earlier = unanswered(what, Date.now() - bench.believedAfter - 1_000)
      const told = await bench.connector.recognise(earlier, soon(), never, always)
      if (bench.absence === 'cannot tell') assert.equal(told.kind, 'cannot tell')
      else if (told.kind === 'found') assert.equal(told.targetId, id)
      else
        assert.ok(
          told.kind === 'answered' && told.outcome.kind === 'applied' && told.outcome.targetId === id,
          JSON.stringify(told),
        )
      assert.deepEqual(bench.holding('S-1'), [id])
    },
  },
  {
    name: 'R2: a create that took no effect is absent only once that may be believed',
    async run(bench) {
      const what = change(bench, 'S-1', null)
      bench.next('cut before effect')
      assert.equal((await write(bench, what)).outcome.kind, 'unknown')
      const early = await bench.connector.recognise(unanswered(what, Date.now()), soon(), never, always)
      assert.equal(early.kind, 'cannot tell', JSON.stringify(early))
      assert.deepEqual(bench.holding('S-1'), [])
      const told = await bench.connector.recognise(
        unanswered(what, Date.now() - bench.believedAfter - 1_000),
        soon(),
        never,
        always,
      )
      assert.equal(told.kind, bench.absence, JSON.stringify(told))
      assert.equal(bench.holding('S-1').length, bench.absence === 'answered' ? 1 : 0)
    },
  },
  {
    name: 'C2: a stored request leaves again only once that is written down',
    async run(bench) {
      const what = change(bench, 'S-1', null)
      bench.next('cut before effect')
      assert.equal((await write(bench, what)).outcome.kind, 'unknown')
      const earlier = unanswered(what, Date.now() - bench.believedAfter - 1_000)
      let asked = 0
      const told = await bench.connector.recognise(earlier, soon(), never, async () => {
        asked++
        return false
      })
      assert.equal(told.kind, asked ? 'cannot tell' : bench.absence, JSON.stringify(told))
      assert.deepEqual(bench.holding('S-1'), [])
    },
  },
  {
    name: 'find answers the record that was written, and null for one that is not there',
    readable: true,
    async run(bench) {
      const { outcome } = await write(bench, change(bench, 'S-1', null))
      assert.ok(outcome.kind === 'applied')
      const read = await bench.connector.find(bench.object, outcome.targetId, never)
      assert.ok(read.kind === 'read' && read.value, JSON.stringify(read))
      assert.equal(read.value.data_id, outcome.targetId)
      assert.equal(typeof JSON.parse(read.value.master.toString()), 'object')
      const none = await bench.connector.find(bench.object, bench.missing, never)
      assert.deepEqual(none, { kind: 'read', value: null })
    },
  },
  {
    name: 'changes shows what was written in the window, and says when a page is full',
    readable: true,
    async run(bench) {
      const from = Date.now() - 60_000
      for (const id of ['S-1', 'S-2', 'S-3']) await write(bench, change(bench, id, null))
      const window = { object: bench.object, from, to: Date.now() + 60_000, offset: 0 }
      const all = await bench.connector.changes({ ...window, limit: 10 }, never)
      assert.ok(all.kind === 'read', JSON.stringify(all))
      assert.equal(all.value.full, false)
      assert.equal(new Set(all.value.readings.map((reading) => reading.data_id)).size, 3)
      const some = await bench.connector.changes({ ...window, limit: 2 }, never)
      assert.ok(some.kind === 'read' && some.value.full && some.value.readings.length === 2)
      const before = await bench.connector.changes({ ...window, from: from - 10_000, to: from, limit: 10 }, never)
      assert.ok(before.kind === 'read' && before.value.readings.length === 0)
    },
  },
  {
    name: 'an undeclared object is told, and sends nothing',
    async run(bench) {
      const what = { ...change(bench, 'S-1', null), object: 'no such object' }
      const { outcome, sent } = await write(bench, what)
      assert.ok(outcome.kind === 'refused' && sent === 0 && bench.writes() === 0)
      assert.equal((await bench.connector.find('no such object', 'x', never)).kind, 'failed')
    },
  },
  {
    name: 'after close nothing is sent',
    async run(bench) {
      assert.ok(bench.connector.slots().free > 0)
      await bench.connector.close()
      const { outcome, sent } = await write(bench, change(bench, 'S-1', null))
      assert.ok(outcome.kind === 'again' && outcome.calm && sent === 0 && bench.writes() === 0)
    },
  },
]

/** `for (const check of checkConnector(make)) test(check.name, check.run)`: each runs over a bench of its own. */
export const checkConnector = (make: () => Promise<Bench>): Check[] =>
  checks.map((check) => ({
    name: check.name,
    async run() {
      await using bench = await make()
      if (check.readable && !bench.readable) return
      await check.run(bench)
    },
  }))
