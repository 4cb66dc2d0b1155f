/** Looks what became of a call that was never answered, before anything else is done with its record (D1, R1-R4). */
import type { Connector, Unanswered } from '../doc/connector.ts'
import { type Content, type Document, opposite, type Side } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import type { Outgoing, Pair } from '../doc/flow.ts'
import { isVoided } from '../doc/object.ts'
import type { Recognised, RowIds } from '../doc/outcome.ts'
import { covers } from '../doc/print.ts'
import {
  absent,
  applied,
  boundRows,
  cannotTell,
  givenBack,
  notApplied,
  partlyWritten,
  pending,
  type Sent,
  sentOf,
  toTell,
  unresolvable,
  untouched,
} from './after.ts'
import { settleMs } from './decide.ts'
import { envelopeContent } from './envelope.ts'
import { keyOf } from './keys.ts'
import { recognised } from './repeat.ts'
import type { Claimed, Settle } from './road.ts'
import { type Loaded, lookAtTarget, type Round } from './round.ts'
import { bindRowsOf, boundPartOf, detailIdsOf, showsStrangers } from './rows.ts'

interface Case extends Loaded {
  sent: Sent
  /** Side of the target. */
  side: Side
}

export const resolve = async (round: Round, loaded: Loaded, sendBy: number): Promise<void> => {
  const sent = sentOf(loaded.link)
  const c: Case = { ...loaded, sent, side: opposite(sent.from) }
  const { connectionId } = c.pair.connection[c.side]
  const connector = round.directory.connector(loaded.link.tenant_id, connectionId)
  if (connector?.answered) {
    await round.settler.settle(loaded.link, await answeredLater(round, c, connector.answered))
    return
  }
  const settle = sent.call === 'create' ? await resolveCreate(round, c, sendBy) : await resolveWrite(round, c)
  await round.settler.settle(loaded.link, settle)
}

/** "Targets that answer later": whoever has the call in hand says what became of it, and nobody else is asked. */
const answeredLater = async (round: Round, c: Case, ask: NonNullable<Connector['answered']>): Promise<Settle> => {
  const { link, pair, side, sent } = c
  if (link.declared_id !== null) return declared(round, c, link.declared_id)
  const told = await ask(link.idem_key ?? '')
  if (told.kind === 'pending') return pending(link, told.why, told.at)
  if (told.kind === 'never') return absent(link)
  const { outcome, said } = told
  await round.road.ended(link, {
    attempt_id: null,
    started_at: sent.at,
    outcome: outcome.kind,
    status: null,
    answer: said,
    fault: outcome.kind === 'applied' ? null : JSON.stringify(outcome.why),
    ms: link.now - sent.at,
  })
  if (outcome.kind === 'applied') return settledWith(round, c, outcome.targetId, null, {})
  if (outcome.kind === 'unknown') return unresolvable(link, outcome.why)
  return notApplied(link, sent, outcome, pair, side, round.env.random(), null)
}

/** R1: not before the settle time; until then it is given back. Null when it has come. */
const tooEarly = ({ link, pair, side, sent }: Case): Settle | null => {
  const wait = sent.at + settleMs(pair.connection[side]) - link.now
  return wait > 0 ? { ...givenBack(link, wait), fault: link.fault } : null
}

/** What was sent, as the attempt log holds it; null where it was not kept. */
const outgoingOf = async (
  round: Round,
  { link, pair, side, sent }: Case,
): Promise<{ outgoing: Outgoing; bytes: Buffer } | null> => {
  const bytes = link.idem_key === null ? null : await round.road.request(link, link.idem_key)
  const content = bytes && envelopeContent(bytes)
  if (!bytes || !content) return null
  const outgoing: Outgoing = {
    object: pair.def[side].object,
    targetId: link[`${side}_id`],
    content,
    sourceRows: link.sent_rows,
    sourceId: link[`${sent.from}_id`] ?? '',
  }
  return { outgoing, bytes }
}

// ── create (R2) ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const resolveCreate = async (round: Round, c: Case, sendBy: number): Promise<Settle> => {
  const { link, pair, side, sent } = c
  if (link.declared_id !== null) return declared(round, c, link.declared_id)
  const staged = await stagedEvidence(round, c)
  if (staged) return staged
  const early = tooEarly(c)
  if (early) return early
  const connection = pair.connection[side]
  if (connection.recognise === 'none') return unresolvable(link, { code: 'resolve.none', stage: 'resolve' })
  const connector = round.directory.connector(link.tenant_id, connection.connectionId)
  if (!connector) return givenBack(link, 60_000)
  const request = await outgoingOf(round, c)
  const earlier: Unanswered = {
    object: pair.def[side].object,
    sourceId: link[`${sent.from}_id`] ?? '',
    sentAt: sent.at,
    ...(link.first_mark !== null && { firstSentAt: link.first_mark }),
    key: link.idem_key ?? '',
    bytes: request?.bytes ?? null,
    rowsDue: Object.fromEntries(Object.entries(link.sent_rows).map(([detail, rows]) => [detail, rows.length])),
    traceId: round.env.id(),
  }
  round.onCall(true)
  let found: Recognised
  try {
    found = await recognised(round, connector, link, earlier, sendBy)
  } finally {
    round.onCall(false)
  }
  return fromFound(round, c, found, request?.outgoing ?? null)
}

const fromFound = async (round: Round, c: Case, found: Recognised, outgoing: Outgoing | null): Promise<Settle> => {
  const { link } = c
  switch (found.kind) {
    case 'found':
      return provenBy(round, c, found.targetId, found.content, outgoing)
    case 'several':
      return unresolvable(
        link,
        { code: 'conflict.several', stage: 'resolve', value: found.targetIds.join(', ') },
        'conflict',
      )
    case 'absent':
      return absent(link)
    case 'cannot tell':
      return found.why.code === 'resolve.none'
        ? unresolvable(link, found.why)
        : cannotTell(link, found.why, round.env.random(), found.at)
    case 'answered':
      return answeredAgain(round, c, found.outcome, outgoing)
  }
}

/** R2: a person says which record it is. It is read where it can be, so that its rows are bound. */
const declared = async (round: Round, c: Case, targetId: string): Promise<Settle> => {
  const { link, pair, side } = c
  const { connectionId, readable } = pair.connection[side]
  const request = await outgoingOf(round, c)
  const connector = round.directory.connector(link.tenant_id, connectionId)
  if (!readable || !connector) return settledWith(round, c, targetId, null, {})
  const read = await connector.find(pair.def[side].object, targetId, round.signal)
  if (read.kind === 'failed') return cannotTell(link, read.why, round.env.random(), read.at)
  if (read.value === null) {
    return unresolvable(link, {
      code: 'resolve.unreadable',
      stage: 'resolve',
      said: `the target has no record ${targetId}`,
      value: targetId,
    })
  }
  return provenBy(round, c, targetId, read.value.document.content, request?.outgoing ?? null)
}

/** The same request was sent again and answered (idempotency key, or an external id that the target keeps unique). */
const answeredAgain = async (
  round: Round,
  c: Case,
  outcome: import('../doc/outcome.ts').Outcome,
  outgoing: Outgoing | null,
): Promise<Settle> => {
  const { link, pair, side, sent } = c
  if (outcome.kind === 'applied') return settledWith(round, c, outcome.targetId, outgoing, outcome.rowIds)
  if (outcome.kind === 'unknown') return cannotTell(link, outcome.why, round.env.random())
  return notApplied(link, sent, outcome, pair, side, round.env.random(), null, true)
}

/** A staged record of the target that carries our id proves the create, whatever the hour (D5). */
const stagedEvidence = async (round: Round, c: Case): Promise<Settle | null> => {
  const { link, pair, side, sent } = c
  const there = pair.def[side]
  const sourceId = link[`${sent.from}_id`]
  if (sourceId === null) return null
  const [ids] = await round.road.carriers([
    { tenant_id: link.tenant_id, connection_id: there.connectionId, object: there.object, external_id: sourceId },
  ])
  const [one, ...more] = ids ?? []
  if (one === undefined) return null
  if (more.length)
    return unresolvable(link, { code: 'conflict.several', stage: 'resolve', value: (ids ?? []).join(', ') }, 'conflict')
  const [doc] = await round.road.documents([
    { tenant_id: link.tenant_id, connection_id: there.connectionId, object: there.object, data_id: one },
  ])
  if (!doc) return null
  const request = await outgoingOf(round, c)
  return provenBy(round, c, one, doc.content, request?.outgoing ?? null)
}

/** The record was found: what was sent is agreed on, never what was found (C4). */
const provenBy = async (
  round: Round,
  c: Case,
  targetId: string,
  content: Content,
  outgoing: Outgoing | null,
): Promise<Settle> => {
  const { link, pair, side, sent } = c
  const rowIds = outgoing ? bindRowsOf(pair, sent.from, outgoing, asDocument(c, targetId, content)) : {}
  if (rowIds === 'ambiguous') {
    const part = await withoutRows(round, c, asDocument(c, targetId, content), outgoing)
    if (part) return part
    const why: Fault = {
      code: 'resolve.unreadable',
      stage: 'resolve',
      said: `rows of ${targetId} cannot be told apart`,
      value: targetId,
    }
    return unresolvable(link, why)
  }
  const settle = await settledWith(round, c, targetId, outgoing, rowIds)
  const shown = pair.print(side, asDocument(c, targetId, content))
  const wanted =
    outgoing && pair.plans[sent.from]
      ? (pair.plans[sent.from]?.sentPrint(outgoing, rowIds) ?? sent.targetPrint)
      : sent.targetPrint
  // Somebody changed it since: read it once more, as a change of that side.
  if (settle.target && pair.connection[side].readable && !coversShown(wanted, shown)) settle.target.differs = true
  return settle
}

/**
 * Promise 18: all that is there is ours, and lines are missing. The target lost them; they are not taken for lines that somebody there
 * deleted, which would delete them at their source.
 */
const withoutRows = async (
  round: Round,
  c: Case,
  shown: Document,
  outgoing: Outgoing | null,
): Promise<Settle | null> => {
  const part = outgoing && boundPartOf(c.pair, c.sent.from, outgoing, shown)
  if (!outgoing || !part) return null
  const rows = Object.values(part).flat()
  const found = rows.filter((id) => id !== null).length
  return shownPartly(round, c, shown, outgoing, part, {
    code: 'send.rowIds',
    stage: 'resolve',
    value: String(found),
    expected: String(rows.length),
  })
}

const shownPartly = async (
  round: Round,
  c: Case,
  shown: Document,
  outgoing: Outgoing,
  rowIds: RowIds,
  why: Fault,
): Promise<Settle> =>
  partlyWritten(
    c.link,
    await settledWith(round, c, shown.data_id, outgoing, rowIds),
    c.sent.from,
    c.pair.print(c.side, shown),
    why,
  )

/** The answer of the update named fewer lines than were sent. What the target kept of before is no change of its own (promise 18). */
const lostInAnswer = async (
  round: Round,
  c: Case,
  shown: Document,
  outgoing: Outgoing,
  why: Fault,
): Promise<Settle | null> => {
  const { pair, side, sent } = c
  const bound = bindRowsOf(pair, sent.from, outgoing, shown)
  const rowIds = bound === 'ambiguous' ? (boundPartOf(pair, sent.from, outgoing, shown) ?? {}) : bound
  const wanted = pair.plans[sent.from]?.sentPrint(outgoing, rowIds)
  if (!wanted || shown.operation === 'void' || (bound !== 'ambiguous' && covers(pair.print(side, shown), wanted)))
    return null
  return shownPartly(round, c, shown, outgoing, rowIds, why)
}

const coversShown = (wanted: ReadonlyMap<number, number>, shown: ReadonlyMap<number, number>): boolean => {
  for (const [key, value] of wanted) if (shown.has(key) && shown.get(key) !== value) return false
  return true
}

const settledWith = async (
  round: Round,
  c: Case,
  targetId: string,
  outgoing: Outgoing | null,
  rowIds: RowIds,
): Promise<Settle> => {
  const { link, pair, side, sent, documents } = c
  const plan = pair.plans[sent.from]
  const withRows =
    outgoing && plan && sent.call !== 'void' ? { ...sent, targetPrint: plan.sentPrint(outgoing, rowIds) } : sent
  const ids = outgoing && sent.call !== 'void' ? detailIdsOf(pair, sent.from, outgoing, rowIds, link.detail_ids) : null
  const known = (side === 'left' ? link.sent_left_version : link.sent_right_version) ?? documents[side]?.version ?? 0
  const looked = await lookAtTarget(round, link, pair, side, targetId, withRows, known)
  const learnt = { targetId, detail_ids: ids ? JSON.stringify(ids) : null, ...looked, attempt: null }
  return { ...applied(link, withRows, learnt), ...toTell(pair, sent) }
}

const asDocument = ({ link, pair, side }: Case, data_id: string, content: Content): Document => ({
  tenant_id: link.tenant_id,
  connection_id: pair.def[side].connectionId,
  object: pair.def[side].object,
  data_id,
  version: 0,
  operation: 'upsert',
  content_hash: Buffer.alloc(0),
  source_time: null,
  external_id: null,
  content,
})

// ── update and void (R3) ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const resolveWrite = async (round: Round, c: Case): Promise<Settle> => {
  const { link, pair, side, sent } = c
  const early = tooEarly(c)
  if (early) return early
  const twoWay = pair.plans[side] !== undefined
  // Promise 18: it was answered, and lines were missing in the answer. Sent again they would be lost again; it is looked at.
  const fault = link.fault === null ? null : (JSON.parse(link.fault) as Fault)
  const lostRows = sent.call === 'update' && pair.connection[side].readable && fault?.code === 'send.rowIds'
  // One-way: the newest content goes out again, where repeating cannot add rows twice.
  if (!twoWay && !link.unbound_rows && !lostRows) return newestAgain(c)
  if (!pair.connection[side].readable) {
    return unresolvable(link, { code: 'resolve.unreadable', stage: 'resolve', said: 'the target cannot be read' })
  }
  const connector = round.directory.connector(link.tenant_id, pair.connection[side].connectionId)
  if (!connector) return givenBack(link, 60_000)
  const key = keyOf(link, pair, side)
  const read = await connector.find(key.object, key.data_id, round.signal)
  if (read.kind === 'failed')
    return cannotTell(
      link,
      { code: 'resolve.unreadable', stage: 'resolve', said: read.why.said ?? read.why.code },
      round.env.random(),
      read.at,
    )
  const request = await outgoingOf(round, c)
  if (read.value === null) {
    return sent.call === 'void' ? settledWith(round, c, key.data_id, null, {}) : notThere(c) // a void has had its way
  }
  const shown: Document = {
    ...asDocument(c, key.data_id, read.value.document.content),
    source_time: read.value.document.source_time,
    operation: isVoided(
      round.directory.object(key.tenant_id, key.connection_id, key.object),
      read.value.document.content.masterFieldVal,
    )
      ? 'void'
      : 'upsert',
  }
  const part = lostRows && request ? await lostInAnswer(round, c, shown, request.outgoing, fault) : null
  if (part) return part
  if (!twoWay && !link.unbound_rows) return newestAgain(c)
  return twoWay
    ? twoWayWrite(round, c, shown, request?.outgoing ?? null)
    : oneWayWrite(c, shown, request?.outgoing ?? null)
}

/**
 * R3: the newest content goes out again. An update that nobody answered may have brought a voided record back to life: from now on it counts as
 * living, or its next void would be taken for an echo (D7).
 */
const newestAgain = ({ link, sent }: Pick<Case, 'link' | 'sent'>): Settle => ({
  ...absent(link),
  again: true,
  ask: sent.from,
  voided: sent.call === 'update' && link.voided_at !== null ? false : null,
})

/** Not there after an update: whatever became of it, the newest content goes out again and gets an explicit answer. */
const notThere = ({ link, pair, side, sent }: Case): Settle =>
  pair.plans[side]
    ? untouched(link, {
        side,
        connection_id: pair.def[side].connectionId,
        object: pair.def[side].object,
        seen: Number.MAX_SAFE_INTEGER,
        differs: true,
      })
    : { ...absent(link), again: true, ask: sent.from }

/** R3, one-way with rows whose ids we do not know: bind them by what the target shows, then repeat with their ids. */
const oneWayWrite = (c: Case, shown: Document, outgoing: Outgoing | null): Settle => {
  const { link, pair, side, sent } = c
  // It still shows what was agreed before: the call had no effect, and its time is over (R1).
  const agreed = link[`${side}_agreed_print`]
  if (agreed.size && coversShown(agreed, pair.print(side, shown))) return newestAgain(c)
  const rowIds = outgoing ? bindRowsOf(pair, sent.from, outgoing, shown) : 'ambiguous'
  if (rowIds === 'ambiguous' || !outgoing) {
    if (!showsStrangers(pair, sent.from, shown, link.detail_ids)) return newestAgain(c)
    return unresolvable(link, {
      code: 'resolve.unreadable',
      stage: 'resolve',
      said: `rows of ${shown.data_id} cannot be told apart`,
      value: shown.data_id,
    })
  }
  return boundRows(link, sent.from, JSON.stringify(detailIdsOf(pair, sent.from, outgoing, rowIds, link.detail_ids)))
}

const twoWayWrite = async (round: Round, c: Case, shown: Document, outgoing: Outgoing | null): Promise<Settle> => {
  const { link, pair, side, sent } = c
  const agreed = link[`${side}_agreed_print`]
  const seen = await round.road.seen(keyOf(link, pair, side), link.sent_seen, sent.at)
  const rowIds = outgoing && sent.call === 'update' ? bindRowsOf(pair, sent.from, outgoing, shown) : {}
  const bound = rowIds === 'ambiguous' ? {} : rowIds
  const wanted =
    outgoing && sent.call === 'update'
      ? (pair.plans[sent.from]?.sentPrint(outgoing, bound) ?? sent.targetPrint)
      : sent.targetPrint
  const isIt = (doc: Document): boolean =>
    sent.call === 'void'
      ? doc.operation === 'void'
      : doc.operation === 'upsert' && covers(pair.print(side, doc), wanted)
  if (isIt(shown)) {
    if (rowIds === 'ambiguous')
      return unresolvable(link, { code: 'resolve.unreadable', stage: 'resolve', said: 'rows cannot be told apart' })
    return settledWith(round, c, shown.data_id, outgoing, bound)
  }
  const sawIt = seen.some(isIt)
  const target: Settle['target'] = {
    side,
    connection_id: pair.def[side].connectionId,
    object: pair.def[side].object,
    seen: Number.MAX_SAFE_INTEGER,
    differs: true,
  }
  const before = await earlierThanSent(round, c, shown)
  // Content alone cannot tell an untouched record from one that was changed and changed back; `sawIt` can.
  const likeAgreed = agreed.size > 0 && coversShown(agreed, pair.print(side, shown))
  if (before === true || (before === null && likeAgreed && !sawIt)) return untouched(link, target)
  const settle = await settledWith(round, c, shown.data_id, outgoing, bound)
  return { ...settle, target }
}

/** True: the record was last changed before the call was sent, by the target's own stamp and clock. Null: nobody can tell. */
const earlierThanSent = async (
  round: Round,
  { link, pair, side, sent }: Case,
  shown: Document,
): Promise<boolean | null> => {
  if (shown.source_time === null) return null
  const skew = round.directory.skew(link.tenant_id, pair.connection[side].connectionId)
  if (!skew) return null
  if (shown.source_time < sent.at + skew.ms - skew.uncertainty) return true
  return shown.source_time > sent.at + skew.ms + skew.uncertainty ? false : null
}

export type { Claimed, Pair }
