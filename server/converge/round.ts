/** One round of a target: claim, read, decide, mark, call, settle (C1-C4). What needs no call settles at once. */
import type { Action, Change, Connector, Unanswered } from '../doc/connector.ts'
import { digest } from '../../protocol/standard.ts'
import {
  type Arrival,
  type Document,
  type Millis,
  opposite,
  type RecordKey,
  type Side,
  sides,
} from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import {
  type Finding,
  type Matching,
  type Outgoing,
  type Pair,
  type Plan,
  type Reference,
  type Resolved,
  referenceKey,
} from '../doc/flow.ts'
import type { DetailIds, Outcome, RowIds } from '../doc/outcome.ts'
import { emptyPrint, emptyValue, type Print } from '../doc/print.ts'
import { applied, givenBack, type Learnt, notApplied, type Sent, toTell, towards, withoutCall } from './after.ts'
import {
  type CallDecision,
  type Decision,
  decide,
  hasChanged,
  leaseMs,
  referencesOf,
  type Situation,
  sourceOf,
} from './decide.ts'
import type { Company } from './company.ts'
import type { Engine } from './engine.ts'
import { keyOf } from './keys.ts'
import { linkKey, waitKey } from './link.ts'
import { keysOf, type MatchQuestion, rulesOf } from './match.ts'
import { recognised } from './repeat.ts'
import { resolve } from './resolve.ts'
import type { AttemptEnd, Claimed, Mark, Marked, Settle, Target } from './road.ts'
import { detailIdsOf } from './rows.ts'
import { seeAll, writeAll } from './steps.ts'
import type { Settler } from './settler.ts'

export interface Round extends Engine {
  settler: Settler
  signal: AbortSignal
  /** Called when a write has begun and when the claim has ended, for the worker's count of free slots. */
  onCall(started: boolean): void
  /** Called when so many records of a pair begin to wait for its functions, and, with a minus, when they are through: no slot is theirs yet. */
  onSteps(pairId: string, count: number): void
  company: Company
  /** Called when all that goes out of this round is marked. */
  onMarked(): void
}

/** What is claimed with both sides' documents in hand, and what functions made of them. */
export interface Loaded {
  link: Claimed
  pair: Pair
  documents: Record<Side, Document | null>
  seen?: NonNullable<Situation['seen']>
}

/** Deadlines are half the lease on the monotonic clock, counted from before the claim's query (C1). */
export const claimRound = async (
  round: Round,
  target: Target,
  limit: number,
): Promise<{ links: Claimed[]; sendBy: number }> => {
  const connector = round.directory.connector(target.tenant_id, target.connection_id)
  const connection = connector && round.directory.connection(target.tenant_id, target.connection_id)
  const lease = leaseMs(connection ?? { timeout: 10_000 })
  const sendBy = round.env.monotonic() + lease / 2
  const revision = round.directory.revision?.(target.tenant_id)
  return {
    links: await round.road.claim(revision === undefined ? target : { ...target, revision }, limit, lease),
    sendBy,
  }
}

/** Works off what was claimed. Ends when every claim has ended. */
export const workOff = async (round: Round, target: Target, links: Claimed[], sendBy: number): Promise<void> => {
  await round.env.point('claimed not decided')
  const loaded = await load(round, links)
  const resolving = loaded.filter((l) => l.link.sent_at !== null)
  const deciding = loaded.filter((l) => l.link.sent_at === null)
  await Promise.all([
    ...resolving.map((l) => guarded(round, l.link, () => resolve(round, l, sendBy))),
    decideAll(round, target, deciding, sendBy),
  ])
}

/** A bug of ours parks the record before anything was sent; after it, the lease runs out and the reaper makes it unknown. */
const guarded = async (round: Round, link: Claimed, work: () => Promise<void>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    round.log.error({ err: error, link: linkKey(link) }, 'a claim failed; its lease will run out')
  }
}

const load = async (round: Round, links: Claimed[]): Promise<Loaded[]> => {
  const known: { link: Claimed; pair: Pair }[] = []
  await Promise.all(
    links.map(async (link) => {
      const pair = round.directory.pair(link.tenant_id, link.pair_id)
      if (pair) known.push({ link, pair })
      else await round.settler.settle(link, givenBack(link, 60_000)) // its pair is gone or not loaded on this node yet
    }),
  )
  const keys: RecordKey[] = []
  for (const { link, pair } of known)
    for (const side of sides) if (link[`${side}_id`] !== null) keys.push(keyOf(link, pair, side))
  const documents = await round.road.documents(keys)
  let at = 0
  return known.map(({ link, pair }) => {
    const take = (side: Side): Document | null => (link[`${side}_id`] === null ? null : (documents[at++] ?? null))
    return { link, pair, documents: { left: take('left'), right: take('right') } }
  })
}

/** The records whose links a decision may need besides its own. */
const situations = async (round: Round, loaded: Loaded[]): Promise<Situation[]> => {
  const wanted = loaded.map((l) => referencesOf(l))
  const asked = loaded.flatMap((l, i) =>
    (wanted[i] as Reference[]).map((r) => ({ tenant_id: l.link.tenant_id, pairId: r.pairId, side: r.side, id: r.id })),
  )
  // D5, D7: only where a record has no other side yet and creates may be open towards its own system.
  const lonely = loaded.filter((l) => oneSided(l) !== null && l.pair.plans[opposite(oneSided(l) as Side)])
  const questions = lonely.map((l) => ({
    tenant_id: l.link.tenant_id,
    pair_id: l.link.pair_id,
    link_id: l.link.link_id,
    side: oneSided(l) as Side,
    first_arrival_at: l.link.first_arrival_at,
  }))
  const matching = loaded.filter((l) => {
    const side = oneSided(l)
    return side !== null && l.pair.plans[side]?.def.matchBeforeCreate
  })
  const byFields = round.matcher ? loaded.filter((l) => matchingOf(l)) : []
  const suspects = loaded.flatMap((l) => sides.flatMap((side) => (mayBeLate(round, l, side) ? [{ l, side }] : [])))
  const [resolved, open, carriers, channels, matched] = await Promise.all([
    round.road.references(asked),
    round.road.openCreates(questions),
    round.road.carriers(matching.map((l) => carrierKey(l))),
    suspects.length ? round.road.channels(suspects.map(({ l, side }) => keyOf(l.link, l.pair, side))) : [],
    byFields.length ? round.matcher?.find(byFields.map(matchQuestion)) : undefined,
  ])
  let at = 0
  return loaded.map((l, i) => {
    const refs = new Map<string, Resolved>()
    for (const r of wanted[i] as Reference[]) refs.set(referenceKey(r), resolved[at++] ?? 'unmapped')
    return {
      ...l,
      refs,
      open: open[lonely.indexOf(l)] ?? null,
      carriers: carriers[matching.indexOf(l)] ?? [],
      late: suspects.flatMap(({ l: of, side }, n) => (of === l && channels[n] === 'event' ? [side] : [])),
      ...(matched && byFields.includes(l) && { matched: matched[byFields.indexOf(l)] ?? null }),
      now: l.link.now,
    }
  })
}

/** Where its clock was never compared with ours. */
const unknownSkew: Millis = 60_000

/**
 * A1: by its system's own time, what this side says is from before our last write there began. An event says what the record was when it changed,
 * however long it was on its way since; a sender of pushes waits for our answer, and is believed. So is a void: not every system can be asked for one.
 */
const mayBeLate = (round: Round, l: Loaded, side: Side): boolean => {
  const { link, pair, documents } = l
  const doc = documents[side]
  if (link.last_side !== side || link.last_call_at === null || !pair.connection[side].readable) return false
  if (!doc || doc.operation === 'void' || doc.source_time === null || doc.version <= link[`${side}_agreed_version`])
    return false
  const skew = round.directory.skew(link.tenant_id, pair.connection[side].connectionId)
  const began = link.last_call_at + (skew ? skew.ms - skew.uncertainty : -unknownSkew)
  return doc.source_time < began && hasChanged(l, side)
}

/** The rules by which a record that is known on one side only is looked for on the other (D5). */
const matchingOf = (l: Loaded): Matching | null => {
  const side = oneSided(l)
  return (side !== null && sourceOf(l, side) && l.pair.plans[side]?.matching) || null
}

export const matchQuestion = (l: Loaded): MatchQuestion => {
  const from = oneSided(l) as Side
  const keys = matchingOf(l)?.source((sourceOf(l, from) as Document).content) ?? []
  return { pair: l.pair, side: opposite(from), id: l.link[`${from}_id`] as string, keys }
}

/**
 * D5: under which keys the claimed records are found, before anybody is looked for: of two that come at the same moment the later one sees
 * the other. Who was looked for in vain before is gone through again.
 */
const noteKeys = async (round: Round, loaded: readonly Loaded[]): Promise<void> => {
  const { matcher } = round
  const matched = matcher ? loaded.filter(({ pair }) => rulesOf(pair).length) : []
  if (!matcher || !matched.length) return
  await matcher.note(
    matched.flatMap((l) =>
      sides.flatMap((side) => {
        const doc = l.documents[side]
        const keys = doc && keysOf(l.pair, side, doc, sourceOf(l, side))
        return keys ? [{ ...keyOf(l.link, l.pair, side), rules: rulesOf(l.pair), keys }] : []
      }),
    ),
  )
  const questions = matched.flatMap((l): MatchQuestion[] => {
    const side = oneSided(l)
    const doc = side && l.documents[side]
    const rules = side && l.pair.plans[opposite(side)]?.matching
    return doc && rules && doc.operation === 'upsert'
      ? [{ pair: l.pair, side: opposite(side), id: doc.data_id, keys: rules.target(doc.content) }]
      : []
  })
  const found = questions.length ? await matcher.waiting(questions) : []
  for (const side of sides) {
    const links = found.filter((link) => link.side === side)
    if (links.length) await round.road.rerun(links, side)
  }
}

/** The only side that the record is known on, or null when both are. */
const oneSided = ({ link }: Loaded): Side | null =>
  link.left_id === null ? 'right' : link.right_id === null ? 'left' : null

export const carrierKey = ({ link, pair }: { link: Claimed; pair: Pair }) => {
  const from = link.left_id === null ? 'right' : 'left'
  const there = pair.def[opposite(from)]
  return {
    tenant_id: link.tenant_id,
    connection_id: there.connectionId,
    object: there.object,
    external_id: link[`${from}_id`] as string,
  }
}

/** Records of flows with functions go by themselves, flow by flow: nobody else waits for a function that takes its time. */
const decideAll = async (round: Round, target: Target, loaded: Loaded[], sendBy: number): Promise<void> => {
  const byFlow = new Map<string, Loaded[]>()
  for (const one of loaded) {
    const name = sides.some((side) => hasSteps(one.pair, side)) ? `${one.link.tenant_id}/${one.link.pair_id}` : ''
    const others = byFlow.get(name)
    if (others) others.push(one)
    else byFlow.set(name, [one])
  }
  await Promise.all(
    [...byFlow].map(async ([name, together]) => {
      const steps = name === '' ? 0 : together.length
      const pairId = (together[0] as Loaded).link.pair_id
      round.onSteps(pairId, steps)
      const weighed = await weigh(round, together, sendBy).finally(() => round.onSteps(pairId, -steps))
      await act(round, target, weighed, sendBy)
    }),
  )
}

const hasSteps = (pair: Pair, side: Side): boolean => {
  const functions = pair.plans[side]?.def.functions
  return functions?.beforeMapping !== undefined || functions?.beforeWrite !== undefined
}

/** Of the time until the send deadline, what may be spent on functions before mapping, and until the end of those before write. */
const [firstShare, bothShares] = [0.3, 0.6]

const moment = (round: Round, sendBy: number, share: number): number =>
  round.env.now() + (sendBy - round.env.monotonic()) * share

const giveBack = (round: Round, link: Claimed, pause: number): Promise<void> =>
  round.settler.settle(link, givenBack(link, pause)).then(() => {})

/** What their functions make of the records; what these had no time for is given back. */
const seeing = async (round: Round, loaded: Loaded[], until: number): Promise<Loaded[]> => {
  if (!loaded.some(({ pair }) => sides.some((side) => pair.plans[side]?.def.functions?.beforeMapping))) return loaded
  const seen = await seeAll(round.functions, loaded, until)
  const ready: Loaded[] = []
  const left: Claimed[] = []
  for (const [i, one] of loaded.entries()) {
    const made = seen[i]
    if (made === undefined || made === 'left') left.push(one.link)
    else ready.push({ ...one, seen: made })
  }
  await Promise.all(left.map((link) => giveBack(round, link, 100)))
  return ready
}

/**
 * Decides; what asks for a function's word on its body gets it and is decided again, twice at most: once for each side. Null: there was no
 * time for it, and it is to be given back.
 */
const decideEach = async (round: Round, all: readonly Situation[], until: number): Promise<(Decided | null)[]> => {
  const decided = all.map((situation): Decided | null => ({ situation, decision: decideSafely(round, situation) }))
  for (;;) {
    const asking = decided.flatMap((one, i) => (one?.decision.kind === 'ask' ? [{ ...one, i, ask: one.decision }] : []))
    if (!asking.length) return decided
    const answers = await writeAll(
      round.functions,
      asking.map(({ situation: { pair }, ask: { from, outgoing } }) => ({
        pair,
        from,
        outgoing: outgoing as Outgoing,
      })),
      until,
    )
    for (const [n, { i, situation: before, ask }] of asking.entries()) {
      const answer = answers[n]
      if (answer === undefined || answer === 'left') {
        decided[i] = null
        continue
      }
      const situation = { ...before, written: { ...before.written, [ask.from]: answer } }
      decided[i] = { situation, decision: decideSafely(round, situation) }
    }
  }
}

interface Decided {
  situation: Situation
  decision: Decision
}

/** What is known of each record, and what is to be done about it. Null: there was no time for its function. `later`: who was there before a rule is still being gone through, and nothing is created until they are (D5). */
type Weighed = { situation: Situation; decision: Decision | null | 'later' }[]

const weigh = async (round: Round, claimed: Loaded[], sendBy: number): Promise<Weighed> => {
  const [first, both] = [moment(round, sendBy, firstShare), moment(round, sendBy, bothShares)]
  const loaded = await seeing(round, claimed, first)
  if (!loaded.length) return []
  await noteKeys(round, loaded)
  const all = await situations(round, loaded)
  const known = all.filter(({ matched }) => matched !== null)
  const decided = await decideEach(round, known, both)
  return [
    ...known.map((situation, i) => decided[i] ?? { situation, decision: null }),
    ...all.flatMap((situation) => (situation.matched === null ? [{ situation, decision: 'later' as const }] : [])),
  ]
}

const act = async (round: Round, target: Target, weighed: Weighed, sendBy: number): Promise<void> => {
  const calls: { situation: Situation; decision: CallDecision }[] = []
  const ended: Promise<void>[] = []
  for (const { situation, decision } of weighed) {
    if (decision === null || decision === 'later') {
      ended.push(giveBack(round, situation.link as Claimed, decision === null ? 100 : 1_000))
      continue
    }
    if ('findings' in decision && decision.findings) notice(round, situation, decision.findings)
    if (decision.kind === 'call') {
      const connection = situation.pair.connection[decision.side].connectionId
      const link = situation.link as Claimed
      if (connection === target.connection_id) calls.push({ situation, decision })
      else ended.push(round.settler.settle(link, towards(link, connection)).then(() => {}))
    } else {
      ended.push(guarded(round, situation.link as Claimed, () => withoutCalling(round, situation, decision)))
    }
  }
  await round.env.point('decided not committed')
  await Promise.all([...ended, callAll(round, target, calls, sendBy)])
}

const notice = (round: Round, { pair, link, documents }: Situation, findings: readonly Finding[]): void => {
  const from = documents.left && pair.plans.left ? 'left' : 'right'
  round.notice?.(pair, from, link[`${from}_id`] ?? '', findings)
}

/** A throw of a decision is a bug of ours: nothing was sent, so the record is parked with it and its neighbours go on. */
const decideSafely = (round: Round, situation: Situation): Decision => {
  try {
    return decide(situation)
  } catch (error) {
    round.log.error({ err: error, link: linkKey(situation.link) }, 'decide threw')
    const fault: Fault = { code: 'bug', stage: 'decide', said: error instanceof Error ? error.message : String(error) }
    return { kind: 'park', why: 'data', fault }
  }
}

const withoutCalling = async (
  round: Round,
  s: Situation,
  decision: Exclude<Decision, { kind: 'call' }>,
): Promise<void> => {
  const link = s.link as Claimed
  if (decision.kind === 'resolve') throw new Error('nothing is unresolved here')
  if (decision.kind === 'ask') throw new Error('what is asked for was answered before')
  if (decision.kind === 'bind') {
    const bound = await round.road.bind(link, decision.side, decision.id)
    const from = opposite(decision.side)
    const keys = [
      waitKey.reference(link.tenant_id, { pairId: link.pair_id, side: from, id: link[`${from}_id`] ?? '' }),
      waitKey.reference(link.tenant_id, { pairId: link.pair_id, side: decision.side, id: decision.id }),
    ]
    if (bound === 'bound' || bound === 'absorbed') await round.road.wake(keys)
    if (bound === 'open') await reread(round, s, 'create', [waitKey.create(link.tenant_id, link.pair_id, from)])
    return
  }
  if (decision.kind === 'wait' && decision.pull.length) await pull(round, link, decision.pull)
  await round.settler.settle(link, withoutCall(link, decision))
  if (decision.kind === 'wait') await reread(round, s, decision.on, decision.keys)
}

/** D6: waiting is committed first, then what is waited for is read again: its wake-up may have passed in between. */
const reread = async (round: Round, s: Situation, on: 'reference' | 'create', keys: string[]): Promise<void> => {
  const link = s.link as Claimed
  await round.env.point('waiting not re-read')
  if (on === 'create') {
    const side: Side = link.left_id === null ? 'right' : 'left'
    const [open] = await round.road.openCreates([
      {
        tenant_id: link.tenant_id,
        pair_id: link.pair_id,
        link_id: link.link_id,
        side,
        first_arrival_at: link.first_arrival_at,
      },
    ])
    if (!open || open.parked) await round.road.wake(keys)
    return
  }
  const asked = referencesOf(s).filter((r) => keys.includes(waitKey.reference(link.tenant_id, r)))
  const resolved = await round.road.references(
    asked.map((r) => ({ tenant_id: link.tenant_id, pairId: r.pairId, side: r.side, id: r.id })),
  )
  const mapped = asked.filter((_, i) => resolved[i] !== 'unmapped').map((r) => waitKey.reference(link.tenant_id, r))
  if (mapped.length) await round.road.wake(mapped)
}

/** D6, `pull`: the referred record is read from the source at once. `stub`: it is staged with its id alone, where nothing is known of it. */
const pull = async (round: Round, link: Claimed, references: Reference[]): Promise<void> => {
  const asked = references.flatMap((r) => {
    const there = round.directory.pair(link.tenant_id, r.pairId)?.def[r.side]
    if (!there) return []
    const { connectionId: connection_id, object } = there
    const key: RecordKey = { tenant_id: link.tenant_id, connection_id, object, data_id: r.id }
    return [{ key, missing: r.missing }]
  })
  const hints = asked
    .filter(({ missing }) => missing === 'pull')
    .map(({ key }) => ({
      ...key,
      channel: 'event' as const,
      operation: 'upsert' as const,
      trace_id: round.env.id(),
      raw: Buffer.alloc(0),
      cause: 'referred to',
    }))
  if (hints.length) await round.road.hint(hints)
  const stubs = asked.filter(({ missing }) => missing === 'stub').map(({ key }) => key)
  if (!stubs.length) return
  const staged = await round.road.documents(stubs)
  const missing = stubs.filter((_, i) => !staged[i])
  if (missing.length) await round.road.admit(missing.map((key) => stubOf(round, key)))
}

/** The smallest version there is: whatever is known of the record, or comes of it at the same moment, wins over its stub (A1). */
const stubVersion = 1

const stubOf = (round: Round, key: RecordKey): Arrival => {
  const field = round.directory.object(key.tenant_id, key.connection_id, key.object)?.idField ?? 'id'
  const master = Buffer.from(JSON.stringify({ [field]: key.data_id }))
  return {
    ...key,
    operation: 'upsert',
    channel: 'fetch',
    trace_id: round.env.id(),
    raw: master,
    master,
    details: null,
    detailsComplete: true,
    masterHash: digest(master),
    detailsHash: null,
    source_time: null,
    external_id: null,
    version: stubVersion,
    meta: 'stub',
  }
}

interface Prepared {
  situation: Situation
  decision: CallDecision
  change: Change
  mark: Mark
}

/** The intended request of a decision; the preview makes it the same way. */
export const changeOf = (
  connector: Connector,
  { outgoing, action, voidBy }: CallDecision,
  ids: Pick<Change, 'key' | 'traceId' | 'asker'>,
): Change => ({
  action,
  object: outgoing.object,
  targetId: outgoing.targetId,
  sourceId: outgoing.sourceId,
  ...(voidBy && { voidBy }),
  bytes: connector.encode(outgoing),
  rowsDue: Object.fromEntries(Object.entries(outgoing.sourceRows).map(([detail, rows]) => [detail, rows.length])),
  ...ids,
})

const prepare = (round: Round, connector: Connector, situation: Situation, decision: CallDecision): Prepared => {
  const link = situation.link as Claimed
  const { outgoing, action } = decision
  let unbound = false
  for (const rows of Object.values(outgoing.sourceRows)) {
    const known = link.detail_ids[decision.from]
    unbound ||= action === 'update' && rows.some((row) => row !== null && !hasTargetRow(known, row))
  }
  const asker = { pairId: link.pair_id, linkId: link.link_id, side: decision.side }
  const change = changeOf(connector, decision, { key: round.env.id(), traceId: round.env.id(), asker })
  return {
    situation,
    decision,
    change,
    mark: {
      tenant_id: link.tenant_id,
      pair_id: link.pair_id,
      link_id: link.link_id,
      lease_token: link.lease_token,
      call: action,
      side: decision.side,
      generation: link.generation,
      left_version: situation.documents.left?.version ?? 0,
      right_version: situation.documents.right?.version ?? 0,
      hash: decision.source.content_hash,
      print: decision.print,
      source_print: decision.sourcePrint,
      later: decision.later,
      rows: outgoing.sourceRows,
      idem_key: change.key,
      unbound_rows: unbound,
      match_key: decision.action === 'create' ? matchKeyOf(situation, decision) : null,
      flips: decision.flips,
      trace_id: change.traceId,
      request: change.bytes,
      target_connection: situation.pair.connection[decision.side].connectionId,
    },
  }
}

/** While a create is open nobody else creates what has the same key (D5): the first rule whose fields are filled. */
const matchKeyOf = ({ pair }: Situation, { from, source }: CallDecision): string | null => {
  const [first] = pair.plans[from]?.matching?.source(source.content) ?? []
  return first ? `${first.rule}:${first.key}` : null
}

/** Marks; where another create with the same key is open, it ends first. */
const markAll = async (round: Round, prepared: readonly Prepared[]): Promise<(Marked | null)[]> => {
  const keyed = prepared.filter((p) => p.mark.match_key !== null)
  if (!keyed.length) return round.road.mark(prepared.map((p) => p.mark))
  const marked = new Map<Prepared, Marked | null>()
  const plain = prepared.filter((p) => p.mark.match_key === null)
  for (const [i, one] of (await round.road.mark(plain.map((p) => p.mark))).entries())
    marked.set(plain[i] as Prepared, one)
  for (const p of keyed) {
    try {
      const [one = null] = await round.road.mark([p.mark])
      marked.set(p, one)
    } catch (error) {
      if ((error as { constraint?: string }).constraint !== 'link_match') throw error
      await round.settler.settle(p.situation.link as Claimed, givenBack(p.situation.link as Claimed, 1_000))
      marked.set(p, null)
    }
  }
  return prepared.map((p) => marked.get(p) ?? null)
}

const hasTargetRow = (known: DetailIds | undefined, row: string): boolean =>
  known !== undefined && Object.values(known).some((rows) => rows[row] !== undefined)

const callAll = async (
  round: Round,
  target: Target,
  calls: { situation: Situation; decision: CallDecision }[],
  sendBy: number,
): Promise<void> => {
  if (!calls.length) return
  const connector = round.directory.connector(target.tenant_id, target.connection_id)
  if (!connector || round.signal.aborted || round.env.monotonic() >= sendBy) {
    await Promise.all(
      calls.map(({ situation }) =>
        round.settler.settle(situation.link as Claimed, givenBack(situation.link as Claimed, connector ? 0 : 60_000)),
      ),
    )
    return
  }
  const prepared = calls.map((c) => prepare(round, connector, c.situation, c.decision))
  const looking = prepared.filter((p) => p.decision.action === 'create' && looksFirst(p))
  const looked = looking.map((p) =>
    guarded(round, p.situation.link as Claimed, () => recogniseFirst(round, connector, p, sendBy)),
  )
  const certain = prepared.filter((p) => !looking.includes(p))
  const marked = await markAll(round, certain)
  round.onMarked()
  await round.env.point('marked not sent')
  const sent = certain.map((p, i) => {
    const m = marked[i]
    return m ? guarded(round, p.situation.link as Claimed, () => send(round, connector, p, m, sendBy)) : undefined // no mark, no call (C2)
  })
  await Promise.all([...looked, ...sent])
}

/**
 * O2: an earlier create was refused in a way that does not prove that nothing was made. D5: match before create is asked for, and the
 * target can find our id at any time.
 */
const looksFirst = ({ situation: { link, pair }, decision }: Prepared): boolean =>
  link.doubt_at !== null ||
  (pair.plans[decision.from]?.def.matchBeforeCreate === true && pair.connection[decision.side].recognise === 'byId')

/** Looks whether the target has the record already, and creates it only where it does not. */
const recogniseFirst = async (round: Round, connector: Connector, p: Prepared, sendBy: number): Promise<void> => {
  const { situation, decision, change } = p
  const link = situation.link as Claimed
  const bytes = link.doubt_key === null ? null : await round.road.request(link, link.doubt_key)
  const { object, sourceId, rowsDue, traceId } = change
  const earlier: Unanswered = {
    object,
    sourceId,
    rowsDue,
    traceId,
    sentAt: link.doubt_at ?? 0,
    ...(link.doubt_first !== null && { firstSentAt: link.doubt_first }),
    key: link.doubt_key ?? '',
    bytes,
  }
  const found = await recognised(round, connector, link, earlier, sendBy)
  const known =
    found.kind === 'found' || (found.kind === 'answered' && found.outcome.kind === 'applied')
      ? found.kind === 'found'
        ? found.targetId
        : (found.outcome as { targetId: string }).targetId
      : null
  if (known !== null) {
    const bound = await round.road.bind(link, decision.side, known)
    if (bound !== 'bound' && bound !== 'absorbed') return
    await round.road.wake([
      waitKey.reference(link.tenant_id, { pairId: link.pair_id, side: decision.from, id: change.sourceId }),
    ])
    return
  }
  if (found.kind === 'several') {
    const fault: Fault = { code: 'conflict.several', stage: 'resolve', value: found.targetIds.join(', ') }
    await round.settler.settle(link, withoutCall(link, { kind: 'park', why: 'conflict', fault }))
    return
  }
  const why =
    found.kind === 'cannot tell' && found.why.code !== 'resolve.none'
      ? found.why
      : found.kind === 'answered' && (found.outcome.kind === 'unknown' || found.outcome.kind === 'again')
        ? found.outcome.why
        : null
  if (why !== null) {
    const again = {
      kind: 'again' as const,
      why,
      ...(found.kind === 'cannot tell' && found.at !== undefined && { at: found.at }),
    }
    const asCreate = {
      call: 'create' as const,
      at: link.now,
      version: 0,
      sourcePrint: emptyPrint,
      targetPrint: emptyPrint,
    }
    await round.settler.settle(
      link,
      notApplied(link, asCreate, again, situation.pair, decision.side, round.env.random(), null),
    )
    return
  }
  const [m] = await markAll(round, [p])
  await round.env.point('marked not sent')
  if (m) await send(round, connector, p, m, sendBy)
}

const send = async (round: Round, connector: Connector, p: Prepared, marked: Marked, sendBy: number): Promise<void> => {
  const { situation, decision, change } = p
  const link = situation.link as Claimed
  let started = false
  const begin = (): void => {
    if (started) return
    started = true
    round.onCall(true)
  }
  // A stop gives back what was not sent; what was is waited for, within its own time-out: cut off it would be an unknown (promise 17).
  const unsent = new AbortController()
  const stop = (): void => {
    if (!started) unsent.abort()
  }
  round.signal.addEventListener('abort', stop)
  await round.env.point('between the deadline check and the first byte')
  try {
    if (round.signal.aborted) stop()
    round.company.began()
    const { outcome, exchange } = await connector
      .write(change, begin, sendBy, unsent.signal)
      .finally(round.company.ended)
    await round.env.point('sent not settled')
    const attempt: AttemptEnd = {
      attempt_id: marked.attempt_id,
      started_at: marked.sent_at,
      outcome: outcome.kind,
      status: exchange.status ?? null,
      answer: exchange.answer ?? null,
      fault: outcome.kind === 'applied' ? null : JSON.stringify(outcome.why),
      ms: exchange.ms,
    }
    const sent: Sent = {
      call: decision.action,
      from: decision.from,
      generation: link.generation,
      version: decision.source.version,
      hash: decision.source.content_hash,
      sourcePrint: decision.sourcePrint,
      targetPrint: decision.print,
      later: decision.later,
      at: marked.sent_at,
    }
    const settle: Settle =
      outcome.kind === 'applied'
        ? await afterApplied(round, p, sent, outcome.targetId, outcome.rowIds, attempt)
        : notApplied(
            link,
            sent,
            outcome,
            situation.pair,
            decision.side,
            round.env.random(),
            isLater(outcome) ? null : attempt,
          )
    await round.settler.settle(link, settle)
  } finally {
    round.signal.removeEventListener('abort', stop)
    if (started) round.onCall(false)
  }
}

/** The call goes on: its end in the log is that of its answer. */
const isLater = (outcome: Outcome): boolean => outcome.kind === 'unknown' && outcome.answerBy !== undefined

const afterApplied = async (
  round: Round,
  { situation, decision }: Prepared,
  sent: Sent,
  targetId: string,
  rowIds: RowIds,
  attempt: AttemptEnd,
): Promise<Settle> => {
  const link = situation.link as Claimed
  const { pair } = situation
  const plan = pair.plans[decision.from] as Plan
  const withRows =
    decision.action === 'void'
      ? sent
      : { ...sent, targetPrint: plan.sentPrint(decision.outgoing, rowIds, decision.print) }
  const ids =
    decision.action === 'void' ? null : detailIdsOf(pair, decision.from, decision.outgoing, rowIds, link.detail_ids)
  const looked = await lookAtTarget(
    round,
    link,
    pair,
    decision.side,
    decision.outgoing.targetId ?? targetId,
    withRows,
    situation.documents[decision.side]?.version ?? 0,
  )
  const learnt = { targetId, detail_ids: ids ? JSON.stringify(ids) : null, ...looked, attempt }
  return { ...applied(link, withRows, learnt), ...toTell(pair, sent) }
}

/**
 * C4: what was staged of the target while we wrote. Read before the settle, so that an echo costs no read of the other system; what is
 * staged after this look makes the settle's statement write a fetch row. Where the target cannot be read, what it told counts as its change.
 */
export const lookAtTarget = async (
  round: Pick<Round, 'road'>,
  link: Claimed,
  pair: Pair,
  side: Side,
  targetId: string,
  sent: Sent,
  known: number,
): Promise<Pick<Learnt, 'target' | 'agreedUpTo'>> => {
  const there = pair.def[side]
  const [doc] = await round.road.documents([
    { tenant_id: link.tenant_id, connection_id: there.connectionId, object: there.object, data_id: targetId },
  ])
  const base = { side, connection_id: there.connectionId, object: there.object }
  if (!doc || doc.version <= known) return { target: { ...base, seen: known, differs: false } }
  const same =
    sent.call === 'void'
      ? doc.operation === 'void'
      : doc.operation === 'upsert' && !saysMore(pair, side, doc, link, sent.targetPrint)
  const { readable } = pair.connection[side]
  return {
    target: { ...base, seen: doc.version, differs: !same && readable },
    ...(!same && !readable && pair.plans[side] && { agreedUpTo: known }),
  }
}

/** The document shows something else than was written, or, in a field that a flow reads there, than was agreed before. */
const saysMore = (pair: Pair, side: Side, doc: Document, link: Claimed, sent: Print): boolean => {
  const shown = pair.print(side, doc)
  for (const [key, value] of sent) if (shown.has(key) && shown.get(key) !== value) return true
  const plan = pair.plans[side]
  if (!plan) return false
  const agreed = link[`${side}_agreed_print`]
  for (const [key, value] of plan.sourcePrint(doc))
    if (!sent.has(key) && value !== (agreed.get(key) ?? emptyValue)) return true
  return false
}

export type { Action }
