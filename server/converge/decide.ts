/** The pure heart: looks at what the left has, what the right has and what both last agreed on, and says what to do (convergence.md, D1-D8). */
import { type Document, type Fields, type Millis, opposite, type Side, sides } from '../doc/document.ts'
import { type Fault, together } from '../doc/fault.ts'
import {
  type Finding,
  type FlowDef,
  type MapInput,
  type Mapped,
  type Outgoing,
  type Pair,
  type Plan,
  type Reference,
  type Resolved,
  referenceKey,
} from '../doc/flow.ts'
import { covers, differing, overlay, type Print, unknownValue } from '../doc/print.ts'
import { ownedOutgoing, ownerKeys, restrict } from '../map/owner.ts'
import type { LinkRow, ParkKind } from './link.ts'
import { waitKey } from './link.ts'
import type { OpenCreate } from './road.ts'

/** Why a row rests although its record changed; the last ones are shown as 已跳过. */
export type IdleReason =
  | 'applied'
  | 'unchanged'
  | 'voided'
  | 'no flow'
  | 'flow disabled'
  | 'out of scope'
  | 'action off'
  | 'void skipped'
  | 'void before create'
  /** A function of the flow said so. */
  | 'skipped'

/** What a function before mapping made of a side's record. */
export type Seen = { kind: 'made'; document: Document } | Stopped
/** What a function before write made of the body that is about to be sent. */
export type Written = { kind: 'made'; outgoing: Outgoing; print: Print } | Stopped
/** `skip`: the record is not to go. `config`: the function does not run at all now. */
export type Stopped = { kind: 'skip' | 'fault' | 'config'; fault: Fault }

export interface Situation {
  link: LinkRow
  documents: Record<Side, Document | null>
  /** Where a flow has functions, what they answered; they are run around `decide`, which asks for what it lacks. */
  seen?: Partial<Record<Side, Seen>>
  written?: Partial<Record<Side, Written>>
  pair: Pair
  refs: ReadonlyMap<string, Resolved>
  /** An unresolved create towards the side of the record, where a create or a void is in question (D5, D7). */
  open: OpenCreate | null
  /** Records at the target that already carry this record's id; asked only where the flow matches before create (D5). */
  carriers: string[]
  /** Records at the target that the flow's rules match with this one (D5); absent: it has none. */
  matched?: { hits: readonly { id: string; boundTo: string | null }[] } | null
  /**
   * Sides whose word is older than our own last write there, by the system's own time: of an event that was long on its way. What it says was
   * true once; what is true now, only a reading can tell (A1).
   */
  late?: readonly Side[]
  now: Millis
  /** Told each rule's value, for the preview. */
  trace?: MapInput['trace']
}

/** A side whose staged document is agreed on as it stands. */
export type Adopt = Partial<Record<Side, { version: number; hash: Buffer | null; print: Print }>>

export interface CallDecision {
  kind: 'call'
  from: Side
  side: Side
  action: 'create' | 'update' | 'void'
  voidBy: 'invalid' | 'update' | null
  outgoing: Outgoing
  /** Over the target's fields: what it will hold. */
  print: Print
  /** Over the source's fields: what was read. */
  sourcePrint: Print
  later: string[]
  source: Document
  flips: number
  /** What of the record does not fit its declaration. */
  findings?: Finding[]
}

export type Decision =
  | { kind: 'idle'; reason: IdleReason; adopt: Adopt; voided?: boolean; owes?: 'still' | 'no more'; fault?: Fault }
  /** Not to be settled: what the flow's function makes of this is needed first, and then it is decided again. */
  | { kind: 'ask'; from: Side; of: 'beforeMapping' | 'beforeWrite'; outgoing: Outgoing | null }
  /** `owed`: what waits is owed from before, and nothing else that the side says is new (D6, `later`). */
  | { kind: 'wait'; on: 'reference' | 'create'; keys: string[]; fault: Fault; pull: Reference[]; owed?: true }
  | CallDecision
  | { kind: 'resolve' }
  | { kind: 'bind'; side: Side; id: string }
  | { kind: 'unbind'; side: Side }
  /** A1: what this side told was overtaken by a settle of ours; which of the two came last at the system, only a reading can tell. */
  | { kind: 'reread'; side: Side; there: Pair['def'][Side]; adopt: Adopt }
  /** D4, policy `field`: this side's own fields travel after the other's. */
  | { kind: 'owe'; side: Side }
  | { kind: 'park'; why: ParkKind; fault: Fault; findings?: Finding[]; owed?: true }

const agreedVersion = (link: LinkRow, side: Side): number =>
  side === 'left' ? link.left_agreed_version : link.right_agreed_version
const agreedPrint = (link: LinkRow, side: Side): Print =>
  side === 'left' ? link.left_agreed_print : link.right_agreed_print
const idOf = (link: LinkRow, side: Side): string | null => (side === 'left' ? link.left_id : link.right_id)

/** What agreeing on a side's staged document means: every field that any flow reads or writes there, as it shows them. */
const adopting = ({ link, pair, documents }: Situation, side: Side): Adopt => {
  const doc = documents[side]
  if (!doc || doc.version <= agreedVersion(link, side)) return {}
  return {
    [side]: {
      version: doc.version,
      hash: doc.content_hash,
      print: shownOver(pair, side, agreedPrint(link, side), doc),
    },
  }
}

/**
 * What is known of a side once `doc` is staged above the agreement. Where nothing flows away from it, what it shows may be the late word
 * of an earlier call of ours, and nothing would ever write it back: a field in which it contradicts what we wrote is not known any more,
 * so that the next change is written whatever it is.
 */
const shownOver = (pair: Pair, side: Side, agreed: Print, doc: Document): Print => {
  const shown = pair.print(side, doc)
  if (pair.plans[side]) return overlay(agreed, shown)
  const known = new Map(agreed)
  for (const [key, value] of shown) known.set(key, (agreed.get(key) ?? value) === value ? value : unknownValue)
  return known
}

const adoptBoth = (s: Situation): Adopt => ({ ...adopting(s, 'left'), ...adopting(s, 'right') })

/** D2: above the agreed version, and different in the fields that the outgoing flow reads. */
export const hasChanged = (
  { link, pair, documents }: Pick<Situation, 'link' | 'pair' | 'documents'>,
  side: Side,
): boolean => {
  const plan = pair.plans[side]
  const doc = documents[side]
  if (!plan || !doc || doc.version <= agreedVersion(link, side)) return false
  if (doc.operation === 'void') return link.voided_at === null // a void of a voided link is an echo (D7)
  if (link.voided_at !== null) return true
  return differing(plan.sourcePrint(doc), agreedPrint(link, side)).length > 0
}

/** What the target is known to have (D3): what was last written there, unless a version staged after that says otherwise. */
const known = ({ link, pair, documents }: Situation, side: Side): Print => {
  const doc = documents[side]
  const agreed = agreedPrint(link, side)
  return doc && doc.operation === 'upsert' && doc.version > agreedVersion(link, side)
    ? shownOver(pair, side, agreed, doc)
    : agreed
}

/** Ten minutes: the window in which an opposite call makes a flip (D8). */
export const flipWindow = 10 * 60_000
const flipsAllowed = 5

/**
 * D8: this call is caused by the other side's document within ten minutes of the opposite call; or by the target's own word alone, after it
 * refused this very version of the source: a target that tells of a record whenever it refuses it would be written without end.
 */
const flipsWith = (link: LinkRow, side: Side, now: Millis, again: boolean): number => {
  if (link.last_call_at === null || now - link.last_call_at > flipWindow) return 0
  return link.last_side !== side || again ? link.flips + 1 : link.flips
}

/** D5: the record carries, in a field that only this pair's flow writes, the id of its other side. */
const carried = ({ link, pair, documents }: Situation): { side: Side; id: string } | null => {
  for (const side of sides) {
    const doc = documents[side]
    const other = opposite(side)
    if (!doc || doc.operation === 'void' || !doc.external_id || idOf(link, other) !== null) continue
    if (idOf(link, side) !== null && pair.plans[other]) return { side: other, id: doc.external_id }
  }
  return null
}

export const decide = (given: Situation): Decision => {
  const s = withOvertaken(given)
  const { link, pair, documents } = s
  if (link.sent_at !== null) return { kind: 'resolve' } // D1: an unresolved call comes first, nothing else
  const bound = carried(s)
  if (bound) return { kind: 'bind', ...bound }
  if (!pair.plans.left && !pair.plans.right) return { kind: 'idle', reason: 'flow disabled', adopt: {} }

  const behind = sides.find((side) => isOvertaken(s, side))
  if (behind) return { kind: 'reread', side: behind, there: pair.def[behind], adopt: raised(link, behind) }

  const asked = link.asked_generation > link.settled ? link.asked_side : null // C6
  const changed = sides.filter((side) => hasChanged(s, side))
  const late = changed.find((side) => s.late?.includes(side))
  if (late) return { kind: 'reread', side: late, there: pair.def[late], adopt: raised(link, late) }
  if (!changed.length && asked && pair.plans[asked] && documents[asked]) return travel(s, asked, true)
  const [first, second] = changed
  const owing = owingSide(s)
  if (!first) {
    // What was left out of an earlier body is owed until its reference is mapped (D6, `later`).
    if (owing) return owes(travel(s, owing, pair.def.conflict !== 'field'), 'no more')
    const anyFlow = sides.some((side) => pair.plans[side] && documents[side])
    return { kind: 'idle', reason: anyFlow ? 'unchanged' : 'no flow', adopt: adoptBoth(s) }
  }
  const news = second && asked === null ? newsOf(s) : changed
  if ('kind' in news) return news
  const [only, both] = news
  if (!only) return { kind: 'idle', reason: 'unchanged', adopt: adoptBoth(s), ...(owing && { owes: 'still' as const }) }
  const decision = both ? disagree(s, asked) : travel(s, only, asked !== null)
  return owing ? owes(decision, 'still') : decision
}

/**
 * Both sides changed. With a function before mapping any field of a record counts (D2), so what such a side says is new only where the body that
 * comes of it is another one than was agreed on: the echo of our own call must not win over what the other side says.
 */
const newsOf = (s: Situation): Side[] | Extract<Decision, { kind: 'ask' }> => {
  const news: Side[] = []
  for (const side of sides) {
    const repeats = repeatsAgreed(s, side)
    if (typeof repeats !== 'boolean') return repeats
    if (!repeats) news.push(side)
  }
  return news
}

const repeatsAgreed = (s: Situation, from: Side): boolean | Extract<Decision, { kind: 'ask' }> => {
  const { link, pair, documents } = s
  const side = opposite(from)
  const isPlain = pair.plans[from]?.def.functions?.beforeMapping === undefined
  if (isPlain || documents[from]?.operation !== 'upsert' || link.voided_at !== null || idOf(link, side) === null)
    return false
  const seen = seenOf(s, from)
  if ('kind' in seen) return seen.kind === 'ask' ? seen : seen.kind === 'idle'
  const body = bodyOf(s, from, seen.doc)
  if (body.kind === 'ask') return body
  return body.kind === 'mapped' ? covers(agreedPrint(link, side), body.print) : body.kind === 'idle'
}

/** A voided record owes nothing: filling its reference would bring it back to life. */
const owingSide = ({ link, pair, documents }: Situation): Side | null => {
  const side = link.voided_at === null ? link.later_side : null
  return side && pair.plans[side] && documents[side] ? side : null
}

const versionOf = (link: LinkRow, side: Side): number => (side === 'left' ? link.left_version : link.right_version)

/** A1: the row was told of something above the agreement, and the document that told it is below: a settle ended in between. */
const isOvertaken = ({ link, pair, documents }: Situation, side: Side): boolean => {
  const doc = documents[side]
  if (!pair.plans[side]) return false // nothing flows away from it
  return doc !== null && versionOf(link, side) > agreedVersion(link, side) && doc.version <= agreedVersion(link, side)
}

/** Where nobody can read the side, what it told counts as its newest word: shown to the other side rather than forgotten. */
const withOvertaken = (s: Situation): Situation => {
  const behind = sides.filter((side) => !s.pair.connection[side].readable && isOvertaken(s, side))
  if (!behind.length) return s
  const documents = { ...s.documents }
  for (const side of behind) documents[side] = { ...(documents[side] as Document), version: versionOf(s.link, side) }
  return { ...s, documents }
}

/** The agreement as it stands, above what the row was told. */
const raised = (link: LinkRow, side: Side): Adopt => ({
  [side]: {
    version: versionOf(link, side),
    hash: side === 'left' ? link.left_agreed_hash : link.right_agreed_hash,
    print: agreedPrint(link, side),
  },
})

/** A row that comes to rest while a side owes something is looked at again for that side. */
const owes = (decision: Decision, what: 'still' | 'no more'): Decision =>
  decision.kind === 'idle' ? { ...decision, owes: what } : decision

/** D4: both sides changed. */
const disagree = (s: Situation, askedSide: Side | null): Decision => {
  const asked = askedSide !== null
  const { pair, documents } = s
  const left = documents.left as Document
  const right = documents.right as Document
  if (left.operation === 'void' && right.operation === 'void')
    return { kind: 'idle', reason: 'voided', adopt: adoptBoth(s), voided: true }
  switch (pair.def.conflict) {
    case 'left':
    case 'right':
      return winning(s, pair.def.conflict, asked)
    case 'latest': {
      const timed = left.source_time !== null && right.source_time !== null && left.source_time !== right.source_time
      const leftIsLater = timed ? (left.source_time ?? 0) > (right.source_time ?? 0) : left.version > right.version
      return winning(s, leftIsLater ? 'left' : 'right', asked)
    }
    case 'field': {
      const there = travel(s, 'left', asked)
      if (there.kind === 'idle') return travel(s, 'right', asked)
      // The right's own fields are below the agreement that the left's call makes: what they owe is kept by the row (I4).
      if (there.kind === 'call' && s.link.later_side !== 'right') return { kind: 'owe', side: 'right' }
      return there
    }
    case 'ask': {
      if (askedSide) return travel(s, askedSide, true) // a person has chosen
      // Both may have come to the same content by themselves: then there is nothing to ask.
      const there = travel(s, 'left', asked)
      if (there.kind === 'ask' || (there.kind === 'idle' && there.reason === 'unchanged')) return there
      return { kind: 'park', why: 'conflict', fault: { code: 'conflict.both', stage: 'decide' } }
    }
  }
}

/** A side that was told again and only owes a reference says nothing new: then the other one does. */
const winning = (s: Situation, side: Side, asked: boolean): Decision => {
  const decision = travel(s, side, asked)
  return 'owed' in decision ? travel(s, opposite(side), asked) : decision
}

/** D3, D5-D8: `from` changed, and a flow leads away from it. `force`: the equal rules are off (C6, R4, a re-push after a void). */
export const travel = (s: Situation, from: Side, force: boolean): Decision => {
  const { link, pair } = s
  const plan = pair.plans[from] as Plan
  const told = s.documents[from] as Document
  const side = opposite(from)
  const targetId = idOf(link, side)
  if (told.operation === 'void') return voiding(s, plan.def, from, force)

  const revived = link.voided_at !== null && targetId !== null
  if (revived && plan.def.repush === 'park')
    return { kind: 'park', why: 'data', fault: { code: 'void.repush', stage: 'decide' } }
  if (revived && plan.def.repush === 'new') return { kind: 'unbind', side }

  const seen = seenOf(s, from)
  if ('kind' in seen) return seen
  const { doc } = seen

  if (!plan.inScope(doc, s.refs)) {
    if (
      targetId !== null &&
      link.voided_at === null &&
      plan.def.leavingScope === 'void' &&
      plan.def.actions.void !== 'skip'
    )
      return voidCall(s, plan.def, from, targetId, force)
    return { kind: 'idle', reason: 'out of scope', adopt: adoptBoth(s) }
  }
  // Not agreed on: once the target's record allows it, what the source says is still new.
  const there = s.documents[side]
  if (plan.targetAllows && targetId !== null && there && !plan.targetAllows(there))
    return { kind: 'idle', reason: 'out of scope', adopt: {} }
  // A flow that creates nothing still finds what is there: this is how people and departments are joined.
  const one = targetId === null ? s.matched?.hits : undefined
  if (one?.length === 1 && one[0]?.boundTo === null && !plan.def.actions.create)
    return { kind: 'bind', side, id: one[0].id }
  if (targetId === null ? !plan.def.actions.create : !plan.def.actions.update)
    return { kind: 'idle', reason: 'action off', adopt: adoptBoth(s) }

  const whole = bodyOf(s, from, doc, s.trace)
  if (whole.kind !== 'mapped') return whole
  const mapped = pair.def.conflict === 'field' && targetId !== null ? owned(pair, from, whole) : whole

  // What was left out and still cannot be filled is waited for, also when asked for: nothing else is new (D6).
  if (targetId !== null && !revived && mapped.later.length && covers(known(s, side), mapped.print)) {
    return { ...missing(s, mapped.later), owed: true }
  }
  if (targetId !== null && !force && !revived && covers(known(s, side), mapped.print))
    return {
      kind: 'idle',
      reason: 'unchanged',
      adopt: {
        ...adopting(s, side),
        [from]: {
          version: doc.version,
          hash: doc.content_hash,
          print: overlay(agreedPrint(link, from), mapped.sourcePrint),
        },
      },
    }
  if (targetId === null) {
    const held = creating(s, from)
    if (held) return held
  }
  const drifted = whole.findings && driftFault(plan.def, whole.findings)
  if (drifted) return { kind: 'park', why: 'data', fault: drifted, findings: whole.findings ?? [] }
  const flips = flipsWith(link, side, s.now, !force && link.refused_version === doc.version)
  if (flips > flipsAllowed)
    return { kind: 'park', why: 'loop', fault: { code: 'loop.flips', stage: 'decide', value: String(flips) } }
  return {
    ...(whole.findings && { findings: whole.findings }),
    kind: 'call',
    from,
    side,
    action: targetId === null ? 'create' : 'update',
    voidBy: null,
    outgoing: mapped.outgoing,
    print: mapped.print,
    sourcePrint: mapped.sourcePrint,
    later: mapped.later.map((r) => waitKey.reference(link.tenant_id, r)),
    source: doc,
    flips,
  }
}

/** The record as the flow sees it: nothing of it is looked at before its function has. */
const seenOf = (s: Situation, from: Side): { doc: Document } | Decision => {
  const told = s.documents[from] as Document
  if (s.pair.plans[from]?.def.functions?.beforeMapping === undefined) return { doc: told }
  const seen = s.seen?.[from]
  if (!seen) return { kind: 'ask', from, of: 'beforeMapping', outgoing: null }
  return seen.kind === 'made' ? { doc: seen.document } : stopped(s, seen)
}

/** What would be sent of it, by mapping and function; or why nothing can be. Compared, marked and sent is what the function made, never what it was given. */
const bodyOf = (
  s: Situation,
  from: Side,
  doc: Document,
  trace?: Situation['trace'],
): Extract<Mapped, { kind: 'mapped' }> | Decision => {
  const { link, pair } = s
  const plan = pair.plans[from] as Plan
  const side = opposite(from)
  const told = s.documents[from] as Document
  const made = plan.apply({
    source: doc,
    ...(doc !== told && { told }),
    target: s.documents[side],
    targetId: idOf(link, side),
    detailIds: link.detail_ids[from] ?? {},
    refs: s.refs,
    now: s.now,
    known: () => known(s, side),
    agreed: agreedPrint(link, from),
    ...(trace && { trace }),
  })
  if (made.kind === 'faults')
    return {
      kind: 'park',
      why: 'data',
      fault: together(made.faults),
      ...(made.findings && { findings: made.findings }),
    }
  if (made.kind === 'missing') return missing(s, made.references)
  if (plan.def.functions?.beforeWrite === undefined) return made
  const written = s.written?.[from]
  if (!written) return { kind: 'ask', from, of: 'beforeWrite', outgoing: made.outgoing }
  if (written.kind !== 'made') return stopped(s, written)
  return { ...made, outgoing: written.outgoing, print: written.print }
}

/** A function that skips the record agrees on it as it stands, as a scope does: it is asked again with the record's next change. */
const stopped = (s: Situation, { kind, fault }: Stopped): Decision =>
  kind === 'skip'
    ? { kind: 'idle', reason: 'skipped', adopt: adoptBoth(s), fault }
    : { kind: 'park', why: kind === 'config' ? 'config' : 'data', fault }

/** What the flow stops for (drift: park), all of it. */
const driftFault = (def: FlowDef, findings: readonly Finding[]): Fault | null => {
  const faults = findings.flatMap(({ kind, field, sample }): Fault[] =>
    kind !== 'unmapped' && def.drift?.[kind] === 'park'
      ? [{ code: 'map.drift', stage: 'map', field, value: sample ?? 'gone', expected: kind }]
      : [],
  )
  return faults.length ? together(faults) : null
}

/** D4, policy `field`: an update speaks of what its side owns, and of nothing else. */
const owned = (
  pair: Pair,
  from: Side,
  mapped: Extract<Mapped, { kind: 'mapped' }>,
): Extract<Mapped, { kind: 'mapped' }> => {
  const keys = ownerKeys(pair, from)
  return {
    ...mapped,
    outgoing: ownedOutgoing(pair, from, mapped.outgoing),
    print: restrict(mapped.print, keys.target),
    sourcePrint: restrict(mapped.sourcePrint, keys.source),
  }
}

/** D5: what stands before a create. */
const creating = (s: Situation, from: Side): Decision | null => {
  const { pair, open, carriers } = s
  if (open) return openCreate(s, from, open)
  const [one, ...more] = carriers
  if (one === undefined) return matching(s, from)
  if (!more.length) return { kind: 'bind', side: opposite(from), id: one }
  return several(pair, from, carriers)
}

const several = (pair: Pair, from: Side, ids: readonly string[]): Decision => ({
  kind: 'park',
  why: 'conflict',
  fault: {
    code: 'conflict.several',
    stage: 'decide',
    value: ids.join(', '),
    expected: pair.def[opposite(from)].object,
  },
})

/** D5, by rules over fields: one that is free is it; one that belongs to another record, or several, are for a person. */
const matching = ({ pair, matched }: Situation, from: Side): Decision | null => {
  const [one, ...more] = matched?.hits ?? []
  if (one === undefined) return null
  if (more.length)
    return several(
      pair,
      from,
      [one, ...more].map(({ id }) => id),
    )
  if (one.boundTo === null) return { kind: 'bind', side: opposite(from), id: one.id }
  return {
    kind: 'park',
    why: 'conflict',
    fault: { code: 'conflict.matched', stage: 'decide', value: one.id, expected: one.boundTo },
  }
}

/**
 * An unanswered create towards this record's system may have made this very record. While it is being resolved the record waits; once
 * a person must say what became of it, records that came in its time, and later ones equal to what it sent, are shown with it.
 */
const openCreate = (s: Situation, from: Side, open: OpenCreate): Decision | null => {
  const { link, pair, documents } = s
  if (!open.parked)
    return {
      kind: 'wait',
      on: 'create',
      keys: [waitKey.create(link.tenant_id, link.pair_id, from)],
      fault: { code: 'wait.create', stage: 'decide', value: open.name },
      pull: [],
    }
  const lateness = settleMs(pair.connection[from]) + pair.connection[from].lateness
  const inItsTime = link.first_arrival_at <= open.last_mark + lateness
  const doc = documents[from]
  const equal =
    doc !== null &&
    doc.operation === 'upsert' &&
    open.sent_print.size > 0 &&
    covers(pair.print(from, doc), open.sent_print)
  if (!inItsTime && !equal) return null
  return { kind: 'park', why: 'conflict', fault: { code: 'conflict.open', stage: 'decide', value: open.name } }
}

/** D6. References with `empty` and `later` never come here: the plan left them out of the body. */
const missing = (s: Situation, references: Reference[]): Extract<Decision, { kind: 'wait' | 'park' }> => {
  const { link, now } = s
  const waits = references.filter((r) => r.missing !== 'park')
  const faults = references.map(
    (r): Fault => ({ code: 'map.reference', stage: 'reference', field: r.field, value: r.id, expected: r.pairId }),
  )
  if (waits.length < references.length) return { kind: 'park', why: 'data', fault: together(faults) }
  if (link.wait_until !== null && now >= link.wait_until) {
    const [first] = references
    return {
      kind: 'park',
      why: 'data',
      fault: {
        code: 'wait.expired',
        stage: 'reference',
        field: first?.field ?? '',
        value: first?.id ?? '',
        expected: first?.pairId ?? '',
        said: 'not mapped',
        also: faults.slice(1),
      },
    }
  }
  return {
    kind: 'wait',
    on: 'reference',
    keys: references.map((r) => waitKey.reference(link.tenant_id, r)),
    fault: together(faults),
    pull: references.filter((r) => r.missing === 'pull' || r.missing === 'stub'),
  }
}

/** D7. */
const voiding = (s: Situation, def: FlowDef, from: Side, force: boolean): Decision => {
  const { link, open } = s
  const targetId = idOf(link, opposite(from))
  if (targetId === null) {
    if (open) {
      const held = openCreate(s, from, open)
      if (held) return held
    }
    return { kind: 'idle', reason: 'void before create', adopt: adoptBoth(s), voided: true } // a re-push of the same content is a create
  }
  if (link.voided_at !== null && !force) return { kind: 'idle', reason: 'voided', adopt: adoptBoth(s) }
  if (def.actions.void === 'skip') return { kind: 'idle', reason: 'void skipped', adopt: adoptBoth(s) }
  return voidCall(s, def, from, targetId, force)
}

/** A row of a batch is whole: with its status goes what the record last was. Where that cannot be mapped any more the status goes alone. */
const wholeRow = (s: Situation, from: Side, targetId: string): Fields => {
  const { link, pair } = s
  const side = opposite(from)
  if (pair.connection[side].kind !== 'masterdata-batch') return {}
  const mapped = pair.plans[from]?.apply({
    source: s.documents[from] as Document,
    target: null,
    targetId,
    detailIds: link.detail_ids[from] ?? {},
    refs: s.refs,
    now: s.now,
    known: () => known(s, side),
    agreed: agreedPrint(link, from),
  })
  return mapped?.kind === 'mapped' ? mapped.outgoing.content.masterFieldVal : {}
}

const voidCall = (s: Situation, def: FlowDef, from: Side, targetId: string, force: boolean): Decision => {
  const { link, pair } = s
  const side = opposite(from)
  const flips = flipsWith(link, side, s.now, !force && link.refused_version === s.documents[from]?.version)
  if (flips > flipsAllowed)
    return { kind: 'park', why: 'loop', fault: { code: 'loop.flips', stage: 'decide', value: String(flips) } }
  const source = s.documents[from] as Document
  const status = typeof def.actions.void === 'object' ? def.actions.void : null
  return {
    kind: 'call',
    from,
    side,
    action: 'void',
    voidBy: status ? 'update' : 'invalid',
    outgoing: {
      object: pair.def[side].object,
      targetId,
      sourceId: source.data_id,
      sourceRows: {},
      content: {
        masterFieldVal: {
          ...wholeRow(s, from, targetId),
          [pair.idField[side]]: targetId,
          ...(status && { [status.field]: status.value }),
        },
        detailFieldVals: {},
      },
    },
    print: new Map(),
    sourcePrint: new Map(),
    later: [],
    source,
    flips,
  }
}

/** R1: an unknown call is looked at no sooner than this after it was sent. */
export const settleMs = (c: { timeout: Millis; longestProcessing: Millis }): Millis =>
  leaseMs(c) / 2 + c.longestProcessing + 5_000

/** The lease outlasts a call that starts at the send deadline (half the lease, C1). */
export const leaseMs = (c: { timeout: Millis }): Millis => 2 * (c.timeout + 2_000)

/** What a side's flow maps: its record, or what the flow's function made of it. Null: there is nothing to map. */
export const sourceOf = ({ documents, seen }: Pick<Situation, 'documents' | 'seen'>, side: Side): Document | null => {
  const given = seen?.[side]
  return given ? (given.kind === 'made' ? given.document : null) : documents[side]
}

export const referencesOf = (s: Pick<Situation, 'pair' | 'documents' | 'seen'>): Reference[] =>
  sides.flatMap((side) => {
    const plan = s.pair.plans[side]
    const doc = sourceOf(s, side)
    if (!plan || !doc) return []
    const travels = doc.operation === 'upsert' || s.pair.connection[opposite(side)].kind === 'masterdata-batch'
    return travels ? plan.references(doc) : []
  })

export { referenceKey }
