/** What a seed draws, and the protections that a negative control may take away. */
import type { PairDef, Recognise } from '../../server/doc/flow.ts'
import { chance } from './clock.ts'

/** Each protection of convergence.md that costs records when it is gone ("How it is proved"). */
export interface Protections {
  /** I5: what a claim does needs its token. */
  fencing: boolean
  /** C2: past half the lease nothing is sent. */
  sendDeadline: boolean
  /** L2: the row of an echo that came before the create's answer is absorbed. */
  absorb: boolean
  /** R1: an unknown call is not looked at, nor repeated, before the target's time for it is over. */
  settleTime: boolean
  /** C2: what is sent is written down before. */
  markBeforeSend: boolean
  /** A3: equal means equal to what was agreed, not to what is stored. */
  agreedContent: boolean
  /** D5: a record that may be the fruit of an open create waits. */
  createInFlight: boolean
  /** A2: bodies that come in no order are hints. */
  hints: boolean
  /** C4: a settle reaches the generation that was sent, not the one that there is by now. */
  frozenGeneration: boolean
  /** D6: what is waited for is read again once the waiting is committed. */
  waitThenReread: boolean
  /** A1: a reading that began before our own write ended is not staged. */
  settleIsVersion: boolean
  /** A1: a push that a settle overtook on its way to the row is looked at. */
  overtakenSeen: boolean
  /** R1: a create that is sent again may still be on its way, like the first. */
  repeatsCount: boolean
  /** A1: what is told from before our last write there is read before it is believed. */
  lateRead: boolean
}

export const everythingOn: Protections = {
  fencing: true,
  sendDeadline: true,
  absorb: true,
  settleTime: true,
  markBeforeSend: true,
  agreedContent: true,
  createInFlight: true,
  hints: true,
  frozenGeneration: true,
  waitThenReread: true,
  settleIsVersion: true,
  overtakenSeen: true,
  repeatsCount: true,
  lateRead: true,
}

export interface Scenario {
  seed: number
  twoWay: boolean
  recognise: Recognise
  stamps: boolean
  notify: 'push' | 'event' | 'hint'
  normalises: boolean
  details: boolean
  references: 'none' | 'wait' | 'later'
  records: number
  edits: number
  crashes: boolean
  nodes: number
  conflict: PairDef['conflict']
  /** How often a task freezes at a named point, and how often events are seconds late. */
  freezes: number
  lateness: number
  /** How often an edit goes back to what the record said before. */
  back: number
  /** Rows that wait are re-read now and then, the net under the wake-ups (D6). Off: the wake-ups must do. */
  net: boolean
  /** Whether a record of either system shows whose fruit it is (D5). */
  carries: boolean
  /** How often a read takes seconds. */
  slowReads: number
  /** How often somebody at the target works on a record at the very moment at which we write it. */
  meddling: number
  /** How often a call is swallowed and takes effect later, and how often one is refused. */
  late: number
  refusals: number
  /** Of the refusals: how often the code proves nothing. */
  unproved: number
  /** How often a told record waits for its row with its version drawn, as behind a settle's lock. */
  lockWaits: number
  /**
   * Never drawn: both flows have functions (steps.ts). `unseen`: the control, in which only what the mapping reads counts as a change.
   */
  steps?: 'seen' | 'unseen'
}

/** A new draw goes to the end: seeds that were written down must stay what they were. */
export const draw = (seed: number): Scenario => {
  const dice = chance(seed * 7919 + 17)
  const twoWay = dice.yes(0.5)
  const stamps = dice.yes(0.6)
  const recognise = dice.pick(['byId', 'byWindow', 'externalIdUnique', 'idempotencyHeader', 'byWindow'] as const)
  const drawn: Scenario = {
    seed,
    twoWay,
    recognise,
    stamps,
    notify: dice.pick(stamps ? (['push', 'event', 'hint'] as const) : (['push', 'hint'] as const)),
    normalises: dice.yes(0.2),
    details: dice.yes(0.4),
    references: dice.pick(['none', 'none', 'wait', 'later'] as const),
    records: dice.between(1, 3),
    edits: dice.between(2, 9),
    crashes: dice.yes(0.6),
    nodes: dice.pick([1, 1, 2, 3]),
    conflict: dice.pick(['left', 'left', 'right', 'latest'] as const),
    freezes: dice.pick([0.015, 0.015, 0.06]),
    lateness: dice.pick([0.1, 0.1, 0.4]),
    back: dice.pick([0, 0.3, 0.6]),
    net: true,
    carries: recognise !== 'idempotencyHeader' || dice.yes(0.5),
    slowReads: dice.pick([0.05, 0.05, 0.5]),
    meddling: dice.pick([0.05, 0.05, 0.3]),
    lockWaits: dice.pick([0, 0.1, 0.4]),
    late: 0.05,
    refusals: 0.02,
    unproved: 0,
  }
  // Nobody can look up a create: a person says what became of it (R2).
  if (dice.yes(0.12)) return { ...drawn, recognise: 'none', carries: dice.yes(0.5) }
  if (!dice.yes(0.3)) return drawn
  const unproved = dice.pick([0, 0.5])
  // Both ways, and nothing in the record says whose it is: what a target made and then refused comes back as a record of its own. And rows
  // that it took in and refused are for a person to tell apart.
  const hopeless = (drawn.twoWay && !drawn.carries) || drawn.details
  return { ...drawn, late: 0.2, refusals: 0.1, unproved: hopeless ? 0 : unproved }
}

/**
 * A seed as a control runs it: drawn like any other, save where a protection is put to the test too rarely. The re-read after a wait is
 * missed only where nothing else wakes the row, a settle's version only where a reading is under way while we write,
 * an overtaken push only where somebody works at the target while we do, a repetition only where the target keeps keys and refuses, a late
 * word only where events are late.
 */
export const drawFor = (seed: number, protection: keyof Protections | null): Scenario => {
  const drawn = draw(seed)
  if (protection === 'waitThenReread')
    return { ...drawn, references: 'wait', net: false, crashes: false, records: 3, edits: 0, freezes: 0.15 }
  if (protection === 'settleIsVersion') return { ...drawn, twoWay: true, notify: 'hint', slowReads: 0.5, meddling: 0.3 }
  if (protection === 'overtakenSeen') return { ...drawn, twoWay: true, notify: 'push', lockWaits: 0.5, meddling: 0.5 }
  if (protection === 'repeatsCount')
    return { ...drawn, recognise: 'idempotencyHeader', late: 0.4, refusals: 0.3, unproved: 0 }
  if (protection === 'lateRead')
    return { ...drawn, twoWay: true, stamps: true, notify: 'event', lateness: 0.7, unproved: 0 }
  return drawn
}

/** What a control runs without: the looking at overtaken pushes is a second net under readings that began before our write ended. */
export const without = (protection: keyof Protections): Protections => ({
  ...everythingOn,
  [protection]: false,
  ...(protection === 'settleIsVersion' && { overtakenSeen: false }),
})
