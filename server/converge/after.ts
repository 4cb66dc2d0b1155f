/** What a decision or an outcome means for the row: pure, from what was looked at to the settle that ends the claim (C4, O1-O5). */
import { nextTry } from '../agent/backoff.ts'
import { type Millis, opposite, type Side } from '../doc/document.ts'
import { type Fault, sentence } from '../doc/fault.ts'
import type { Pair } from '../doc/flow.ts'
import type { Outcome } from '../doc/outcome.ts'
import { emptyPrint, overlay, type Print, unknown } from '../doc/print.ts'
import { type Adopt, type Decision, flipWindow, settleMs } from './decide.ts'
import type { LinkRow } from './link.ts'
import type { Agreement, AttemptEnd, Claimed, Settle } from './road.ts'

/** Waiting rows are re-read at 30 s doubling to 10 min (D6). */
const recheckMs = (step: number): Millis => Math.min(30_000 * 2 ** Math.min(step, 10), 600_000)

const blank = (link: Claimed): Settle => ({
  tenant_id: link.tenant_id,
  pair_id: link.pair_id,
  link_id: link.link_id,
  lease_token: link.lease_token,
  state: 'idle',
  reason: null,
  fault: null,
  generation: link.generation,
  settles: false,
  next_ms: 0,
  attempts: link.attempts,
  since: 'keep',
  wait_kind: null,
  wait_on: null,
  wait_step: link.wait_step,
  answered: false,
  closes: false,
  doubt: 'keep',
  refused: 'keep',
  left: null,
  right: null,
  id: null,
  detail_ids: null,
  voided: null,
  later: 'keep',
  again: false,
  ask: null,
  target_connection: null,
  target: null,
  attempt: null,
})

const faultText = (fault: Fault): string => JSON.stringify(fault)

const adopted = (adopt: Adopt): Pick<Settle, 'left' | 'right'> => ({
  left: adopt.left ?? null,
  right: adopt.right ?? null,
})

/** The side that we wrote last shows something above what was agreed, soon after: our own write coming back. */
const echoes = ({ last_side, last_call_at, now, ...link }: Claimed): boolean =>
  last_side !== null &&
  last_call_at !== null &&
  now - last_call_at <= flipWindow &&
  link[`${last_side}_version`] > link[`${last_side}_agreed_version`]

/** For a call that was applied: whether a function of the flow is to be told of it. */
export const toTell = (pair: Pair, sent: Pick<Sent, 'call' | 'from'>): Pick<Settle, 'after'> =>
  pair.plans[sent.from]?.def.functions?.afterWrite === undefined
    ? {}
    : { after: { call: sent.call, side: opposite(sent.from) } }

/** Ends a claim that needs no call. */
export const withoutCall = (
  link: Claimed,
  decision: Exclude<Decision, { kind: 'call' | 'resolve' | 'bind' | 'ask' }>,
): Settle => {
  const base = blank(link)
  switch (decision.kind) {
    case 'idle':
      return {
        ...base,
        ...adopted(decision.adopt),
        state: 'idle',
        reason: decision.reason,
        fault: decision.fault ? faultText(decision.fault) : null,
        settles: true,
        attempts: 0,
        since: 'clear',
        wait_step: 0,
        voided: decision.voided ?? null,
        again: decision.owes === 'still',
        later: decision.owes === 'no more' ? null : 'keep',
        ...(decision.reason === 'unchanged' && echoes(link) && { echo: true as const }),
      }
    case 'wait':
      return {
        ...base,
        state: 'waiting',
        fault: faultText(decision.fault),
        since: 'start',
        wait_kind: decision.on,
        wait_on: decision.keys,
        next_ms: recheckMs(link.wait_step),
      }
    case 'park':
      return { ...base, state: 'parked', reason: decision.why, fault: faultText(decision.fault), since: 'start' }
    case 'owe':
      return { ...base, state: 'due', later: decision.side }
    case 'reread':
      return {
        ...base,
        ...adopted(decision.adopt),
        state: 'due',
        target: {
          side: decision.side,
          connection_id: decision.there.connectionId,
          object: decision.there.object,
          seen: Number.MAX_SAFE_INTEGER,
          differs: true,
        },
      }
    case 'unbind':
      return {
        ...base,
        state: 'due',
        id: { side: decision.side, value: null },
        voided: false,
        again: true,
        ask: opposite(decision.side),
      }
  }
}

/** The row is due towards another connection than the one it was claimed for. */
export const towards = (link: Claimed, connection: string): Settle => ({
  ...blank(link),
  state: 'due',
  target_connection: connection,
})

/** The claim is given back untouched: the deadline passed, or we are stopping (C2). */
export const givenBack = (link: Claimed, ms: Millis = 0): Settle => ({
  ...blank(link),
  state: link.sent_at === null ? 'due' : 'unknown',
  reason: null,
  next_ms: ms,
})

/** What was sent, as far as a settle needs it: from the decision, or from the row's frozen `sent_*` (I4). */
export interface Sent {
  call: 'create' | 'update' | 'void'
  from: Side
  generation: number
  version: number
  hash: Buffer | null
  sourcePrint: Print
  /** Over the target's fields, with row ids where they are known. */
  targetPrint: Print
  later: string[]
  at: Millis
}

export interface Learnt {
  targetId: string | null
  detail_ids: string | null
  target: Settle['target']
  /** Absent: the target is agreed on as written. A version: what it told above that stands beside our write, for nobody can read which came last. */
  agreedUpTo?: number
  attempt: AttemptEnd | null
}

const nothing: Learnt = { targetId: null, detail_ids: null, target: null, attempt: null }

/** O3: one agreement, set in one update (C4). */
export const applied = (link: Claimed, sent: Sent, learnt: Learnt): Settle => {
  const side = opposite(sent.from)
  const voided = sent.call === 'void'
  const source: Agreement = {
    version: sent.version,
    hash: voided ? null : sent.hash,
    print: voided ? emptyPrint : overlay(link[`${sent.from}_agreed_print`], sent.sourcePrint),
  }
  const target: Agreement = {
    version: learnt.agreedUpTo ?? 'fresh',
    hash: null,
    print: voided ? emptyPrint : overlay(link[`${side}_agreed_print`], sent.targetPrint),
  }
  // What was left out for a reference that is not mapped yet is asked for again once it is (D6, `later`).
  const waits = sent.later.length > 0
  return {
    ...blank(link),
    state: waits ? 'waiting' : 'idle',
    reason: waits ? null : voided ? 'voided' : 'applied',
    generation: sent.generation,
    settles: true,
    next_ms: waits ? recheckMs(0) : 0,
    attempts: 0,
    since: waits ? 'start' : 'clear',
    wait_kind: waits ? 'reference' : null,
    wait_on: waits ? sent.later : null,
    wait_step: 0,
    answered: true,
    closes: true,
    doubt: 'clear',
    refused: null,
    left: sent.from === 'left' ? source : target,
    right: sent.from === 'right' ? source : target,
    id: sent.call === 'create' && learnt.targetId !== null ? { side, value: learnt.targetId } : null,
    detail_ids: learnt.detail_ids,
    voided: voided ? true : link.voided_at !== null ? false : null,
    // A reference that the other side's record still owes is looked at again; a voided record owes nothing any more.
    again: waits || (!voided && link.later_side !== null && link.later_side !== sent.from),
    later: waits ? sent.from : voided || link.later_side === sent.from ? null : 'keep',
    target: learnt.target,
    attempt: learnt.attempt,
  }
}

/** Delay until the next try, or null when 72 hours of trouble have ended the trying (O5). */
const ladder = (link: Claimed, attempts: number, random: number, retryAt?: Millis): Millis | null => {
  const at = nextTry({
    attempts,
    since: link.since ?? link.now,
    now: link.now,
    random,
    ...(retryAt !== undefined && { retryAt }),
  })
  return at === null ? null : at - link.now
}

/** Ends a claim whose call did not (provably) succeed. `resolving`: the earlier call is still the unresolved one. */
export const notApplied = (
  link: Claimed,
  sent: Pick<Sent, 'call' | 'at' | 'version' | 'sourcePrint' | 'targetPrint'>,
  outcome: Exclude<Outcome, { kind: 'applied' }>,
  pair: Pair,
  side: Side,
  random: number,
  attempt: AttemptEnd | null,
  resolving = false,
): Settle => {
  const base: Settle = { ...blank(link), fault: faultText(outcome.why), since: 'start', attempt }
  switch (outcome.kind) {
    case 'again': {
      // What the ladder tries again is no answer to a refusal.
      const given: Pick<Settle, 'state' | 'answered' | 'closes' | 'refused'> = resolving
        ? { state: 'unknown', answered: false, closes: false, refused: null }
        : { state: 'due', answered: true, closes: true, refused: null }
      // A breaker that is open, a limit, quiet hours, a token that cannot be had: all of the target waits. It burns no attempts, and the
      // trouble that may come after it has its 72 hours from then.
      if (outcome.calm)
        return {
          ...base,
          ...given,
          since: 'keep',
          next_ms: Math.max(0, (outcome.at ?? link.now + 1_000) - link.now),
        }
      const attempts = link.attempts + 1
      const next_ms = ladder(link, attempts, random, outcome.at)
      if (next_ms !== null) return { ...base, ...given, attempts, next_ms }
      const fault = faultText({ code: 'ladder.ended', stage: 'send', said: sentence(outcome.why), also: [outcome.why] })
      return { ...base, ...given, state: 'parked', reason: resolving ? 'unknown' : 'max', fault }
    }
    case 'refused':
      return {
        ...base,
        state: 'parked',
        reason: 'data',
        answered: true,
        closes: true,
        doubt: sent.call === 'create' && !outcome.proved ? 'sent' : 'keep',
        // It may have come back to life all the same: its next void must not be taken for an echo (D7).
        voided: sent.call === 'update' && !outcome.proved && link.voided_at !== null ? false : null,
        refused: sent.version,
        ...(sent.call !== 'create' && !outcome.proved && !pair.plans[side] && undecided(link, sent, side)),
      }
    case 'unknown':
      // Taken in, and told of later: no trouble.
      if (outcome.answerBy !== undefined)
        return { ...base, state: 'unknown', since: 'keep', next_ms: Math.max(0, outcome.answerBy - link.now) }
      return { ...base, state: 'unknown', next_ms: Math.max(0, sent.at + settleMs(pair.connection[side]) - link.now) }
  }
}

/**
 * O2, one way: a write that was refused without proof may have been made. Neither side's content is agreed on any more, so that whatever the
 * source says next goes out, also what it said before; both ways the target's own word settles it.
 */
const undecided = (
  link: Claimed,
  sent: Pick<Sent, 'sourcePrint' | 'targetPrint'>,
  side: Side,
): Pick<Settle, 'left' | 'right'> => {
  const forgotten = (of: Side, written: Print): Agreement => ({
    version: link[`${of}_agreed_version`],
    hash: null,
    print: unknown(overlay(link[`${of}_agreed_print`], written)),
  })
  const target = forgotten(side, sent.targetPrint)
  const source = forgotten(opposite(side), sent.sourcePrint)
  return side === 'right' ? { left: source, right: target } : { left: target, right: source }
}

/**
 * Promise 18: the target kept the record without some of its lines. Its id and what it shows are agreed on, the source's content is not:
 * the next change of the record goes out as an update, and so does a re-run. `settle`: as if all had been applied.
 */
export const partlyWritten = (link: Claimed, settle: Settle, from: Side, shown: Print, why: Fault): Settle => {
  const side = opposite(from)
  return {
    ...settle,
    state: 'parked',
    reason: 'data',
    fault: faultText(why),
    settles: false,
    since: 'start',
    next_ms: 0,
    wait_kind: null,
    wait_on: null,
    again: false,
    [from]: null,
    [side]: { version: 'fresh', hash: null, print: overlay(link[`${side}_agreed_print`], shown) },
    target: null,
    after: null,
  }
}

/** R2: proven absent. The row is due again, and nothing of the earlier call holds anybody back. */
export const absent = (link: Claimed): Settle => ({
  ...blank(link),
  state: 'due',
  answered: true,
  closes: true,
  doubt: 'clear',
})

/** R3: the update did not take effect; what was read is staged by the fetch row, and the change is decided again. */
export const untouched = (link: Claimed, target: Settle['target']): Settle => ({
  ...blank(link),
  state: 'due',
  answered: true,
  closes: true,
  again: true,
  target,
})

/** Whether it took effect cannot be told yet: looked at again by the ladder, and after 72 hours by a person. */
export const cannotTell = (link: Claimed, why: Fault, random: number, at?: Millis): Settle => {
  const base: Settle = { ...blank(link), fault: faultText(why), since: 'start' }
  const attempts = link.attempts + 1
  const next_ms = at === undefined ? ladder(link, attempts, random) : Math.max(0, at - link.now)
  return next_ms === null
    ? { ...base, state: 'parked', reason: 'unknown' }
    : { ...base, state: 'unknown', attempts, next_ms }
}

/** The target tells of it later: what was sent stays frozen, and nothing else is asked (I4). */
export const pending = (link: Claimed, why: Fault, at: Millis): Settle => ({
  ...givenBack(link, Math.max(0, at - link.now)),
  fault: faultText(why),
})

/** A person must say what became of the earlier call; what was sent stays frozen (I4). */
export const unresolvable = (link: Claimed, why: Fault, reason: 'unknown' | 'conflict' = 'unknown'): Settle => ({
  ...blank(link),
  state: 'parked',
  reason,
  fault: faultText(why),
  since: 'start',
})

/** Rows of an earlier call were bound by reading back; the newest content goes out again with their ids (R3). */
export const boundRows = (link: Claimed, from: Side, detail_ids: string): Settle => ({
  ...blank(link),
  state: 'due',
  answered: true,
  detail_ids,
  voided: link.voided_at !== null ? false : null,
  again: true,
  ask: from,
})

export { nothing }

/** The frozen call of a row that is being resolved. */
export const sentOf = (link: LinkRow): Sent => {
  const from = opposite(link.sent_side as Side)
  return {
    call: link.sent_call as Sent['call'],
    from,
    generation: link.sent_generation ?? link.generation,
    version: (from === 'left' ? link.sent_left_version : link.sent_right_version) ?? 0,
    hash: link.sent_hash,
    sourcePrint: link.sent_source_print,
    targetPrint: link.sent_print,
    later: link.sent_later,
    at: link.sent_at ?? 0,
  }
}
