/** Did an earlier, unanswered create take effect? The five ways of R2; absence is answered only from evidence that is complete. */
import type { Read, Reading, Unanswered } from '../../doc/connector.ts'
import type { Content, Millis } from '../../doc/document.ts'
import type { Env } from '../../doc/env.ts'
import { type Fault, sentence } from '../../doc/fault.ts'
import type { ConnectionDef } from '../../doc/flow.ts'
import type { ObjectDef } from '../../doc/object.ts'
import type { Outcome, Recognised } from '../../doc/outcome.ts'
import { externalIdOf } from './readings.ts'
import type { Skew } from './skew.ts'

/** How the create ended when it was sent again: `duplicate` is the refusal that proves the first one. */
export interface Resent {
  result: Outcome | { kind: 'duplicate'; targetId: string | null; why: Fault }
  /** HTTP status, where there was an answer. */
  status?: number
}

export interface Recognising {
  connection: ConnectionDef
  object: ObjectDef
  env: Pick<Env, 'now'>
  skew(): Skew | null
  /** One cheap question, so that the target's clock is known. */
  measure(signal: AbortSignal): Promise<Read<unknown>>
  /** `queryMasterById` with any id; the answered record may be another's. */
  fetch(id: string, signal: AbortSignal): Promise<Read<Reading | null>>
  /** Records of the window (target's clock) that carry `sourceId`; the reading begins after the call. */
  sweep(from: Millis, to: Millis, sourceId: string, signal: AbortSignal): Promise<Read<readonly Reading[]>>
  /** The stored bytes again under the same key. */
  resend(earlier: Unanswered, bytes: Buffer, sendBy: Millis, signal: AbortSignal): Promise<Resent>
  decode(bytes: Buffer): Content | null
  /** Writes down that the stored request leaves again; false: it must not. */
  mayRepeat(): Promise<boolean>
}

/** Margin of R1 over time-out and processing. */
const settleMargin: Millis = 5_000

const cannotTell = (said: string, at?: Millis): Recognised => ({
  kind: 'cannot tell',
  why: { code: 'resolve.cannotTell', stage: 'resolve', said },
  ...(at === undefined ? null : { at }),
})

const unreadable = (read: { why: Fault; at?: Millis }): Recognised => ({
  kind: 'cannot tell',
  why: { code: 'resolve.unreadable', stage: 'resolve', said: sentence(read.why), also: [read.why] },
  ...(read.at === undefined ? null : { at: read.at }),
})

const found = (reading: Reading): Recognised => ({
  kind: 'found',
  targetId: reading.data_id,
  content: reading.document.content,
})

/**
 * Whether a record that the target answered to our id is ours. Where the object has a field for our id, only that field counts: two
 * systems that both number from 1 would else be joined by chance.
 */
const isOurs = (reading: Reading, sourceId: string, object: ObjectDef): boolean =>
  object.externalIdField ? externalIdOf(reading.document.content, object) === sourceId : reading.data_id === sourceId

/** From then on nothing of the earlier call can still be on its way (R1). */
export const settledAt = (connection: ConnectionDef, sentAt: Millis): Millis =>
  sentAt + connection.timeout + connection.longestProcessing + settleMargin

export const recognise = async (
  deps: Recognising,
  earlier: Unanswered,
  sendBy: Millis,
  signal: AbortSignal,
): Promise<Recognised> => {
  const { connection, object, env } = deps
  const settled = settledAt(connection, earlier.sentAt)
  const first = Math.min(earlier.firstSentAt ?? earlier.sentAt, earlier.sentAt)
  const keyEnds = first + connection.keyKept - connection.timeout - settleMargin
  const wait = 'the earlier call may still be at work'

  const byId = async (): Promise<Recognised> => {
    const began = env.now()
    const read = await deps.fetch(earlier.sourceId, signal)
    if (read.kind === 'failed') return unreadable(read)
    if (read.value) {
      return isOurs(read.value, earlier.sourceId, object)
        ? found(read.value)
        : cannotTell(
            `asked for ${earlier.sourceId}, the target answered its record ${read.value.data_id}, which is not ours`,
          )
    }
    return began >= settled ? { kind: 'absent' } : cannotTell(wait, settled)
  }

  const byWindow = async (): Promise<Recognised> => {
    if (!object.externalIdField) return cannotTell('the object has no field for the other side’s id')
    const reach = connection.overlap
    const away = (skew: Skew): number => Math.abs(skew.ms) + skew.uncertainty
    const known = deps.skew()
    // Also where it looks far away: nobody else may call this target, and what was measured while we were frozen would stay.
    if (!known || away(known) > reach / 2) {
      const measured = await deps.measure(signal)
      if (measured.kind === 'failed') return unreadable(measured)
    }
    const skew = deps.skew()
    if (!skew) return cannotTell('the target’s clock is unknown: its answers carry no Date')
    if (away(skew) > reach / 2) {
      return cannotTell(
        `the target’s clock is ${Math.round(skew.ms / 1000)} s away from ours, more than half the overlap`,
      )
    }
    const believed = settled + reach
    const began = env.now()
    const read = await deps.sweep(
      first + skew.ms - skew.uncertainty - reach,
      began + skew.ms + skew.uncertainty + reach,
      earlier.sourceId,
      signal,
    )
    if (read.kind === 'failed') return unreadable(read)
    const ids = new Map(read.value.map((reading) => [reading.data_id, reading]))
    const [one, other] = ids.values()
    if (other) return { kind: 'several', targetIds: [...ids.keys()] }
    if (one) return found(one)
    return began >= believed ? { kind: 'absent' } : cannotTell('records may still become visible', believed)
  }

  /** What was sent is all that can be told of a record that cannot be read. */
  const asSent = (targetId: string, bytes: Buffer): Recognised => {
    const content = deps.decode(bytes)
    return content ? { kind: 'found', targetId, content } : cannotTell('the stored request cannot be read')
  }

  const externalIdUnique = async (bytes: Buffer): Promise<Recognised> => {
    const { result: sent } = await deps.resend(earlier, bytes, sendBy, signal)
    if (sent.kind === 'applied') return { kind: 'answered', outcome: sent }
    if (sent.kind !== 'duplicate') {
      // A refusal of the second call does not say that the first was refused: its reason may be younger.
      const at = sent.kind === 'again' ? sent.at : undefined
      return cannotTell(`sent again, the target answered: ${sentence(sent.why)}`, at)
    }
    const { targetId } = sent
    if (targetId !== null) {
      if (!connection.readable) return asSent(targetId, bytes)
      const read = await deps.fetch(targetId, signal)
      if (read.kind === 'failed') return unreadable(read)
      if (!read.value || read.value.data_id !== targetId) {
        return cannotTell(`the target says that ${targetId} is the duplicate, and does not find it`)
      }
      const other = externalIdOf(read.value.document.content, object)
      return other === null || other === earlier.sourceId
        ? found(read.value)
        : cannotTell(`the target says that ${targetId} is the duplicate, but it carries ${other}`)
    }
    if (!connection.readable)
      return cannotTell('the duplicate refusal does not tell the id, and the target cannot be read')
    const direct = await byId()
    if (direct.kind === 'found') return direct
    const swept = await byWindow()
    // The target says that the record is there: not finding it in the window is no evidence of absence.
    return swept.kind === 'absent' ? cannotTell('the target refused a duplicate, which is not in the window') : swept
  }

  const idempotencyHeader = async (bytes: Buffer): Promise<Recognised> => {
    const { result: sent, status } = await deps.resend(earlier, bytes, sendBy, signal)
    switch (sent.kind) {
      case 'applied':
        return { kind: 'answered', outcome: sent }
      case 'refused':
        // 409 and 425 speak of the key: the first call is still at work. Our credentials say nothing about the first call either.
        return status === 409 || status === 425 || sent.why.code !== 'send.refused'
          ? cannotTell(`sent again, the target answered: ${sentence(sent.why)}`)
          : { kind: 'answered', outcome: sent }
      default:
        return cannotTell(
          `sent again, the target answered: ${sentence(sent.why)}`,
          sent.kind === 'again' ? sent.at : undefined,
        )
    }
  }

  switch (connection.recognise) {
    case 'byId':
      return byId()
    case 'byWindow':
      return byWindow()
    case 'externalIdUnique':
    case 'idempotencyHeader':
      if (!earlier.bytes) return cannotTell('the request was not kept')
      if (connection.recognise === 'externalIdUnique' && !connection.duplicate?.codes.length)
        return cannotTell('the connection lists no code of a duplicate refusal')
      if (env.now() < settled) return cannotTell(wait, settled)
      if (connection.recognise === 'idempotencyHeader' && env.now() >= keyEnds)
        return cannotTell('the target no longer keeps the key of the earlier call')
      if (!(await deps.mayRepeat())) return cannotTell('the claim ran out before the request could be sent again')
      return connection.recognise === 'externalIdUnique'
        ? externalIdUnique(earlier.bytes)
        : idempotencyHeader(earlier.bytes)
    case 'none':
      return { kind: 'cannot tell', why: { code: 'resolve.none', stage: 'resolve' } }
  }
}
