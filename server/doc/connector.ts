/** What a system must offer to be synchronised: the contract between the engine and `connect/`. */
import type { Document, Millis, RecordKey, Side } from './document.ts'
import type { Outgoing } from './flow.ts'
import type { Answered, Outcome, Recognised } from './outcome.ts'

export type Action = 'create' | 'update' | 'void'

/** One intended request. `bytes` are kept where the target recognises keys, and are sent again unchanged (R2). */
export interface Change {
  action: Action
  object: string
  targetId: string | null
  sourceId: string
  /** How a void is made (D7). */
  voidBy?: 'invalid' | 'update'
  bytes: Buffer
  /** Number of rows sent by target detail: so many row ids are due in the answer. */
  rowsDue: { [targetDetail: string]: number }
  /** `Idempotency-Key`: random per intended request, the same on each resend. */
  key: string
  traceId: string
  /** The row that asks, for a target that answers later: who is told of the answer. */
  asker?: { pairId: string; linkId: number; side: Side }
}

/** An earlier create that was never answered. All times on our clock. */
export interface Unanswered {
  object: string
  sourceId: string
  sentAt: Millis
  /** Where it was sent more than once: the first time. The window is read, and the key counted, from there. */
  firstSentAt?: Millis
  key: string
  /** Null where none was kept. */
  bytes: Buffer | null
  rowsDue: { [targetDetail: string]: number }
  traceId: string
}

/** A request as it would leave, secrets masked. `body` is its bytes as text. */
export interface ShownRequest {
  method: string
  url: string
  headers: Record<string, string>
  body: string
}

/** Request and answer as the log shows them, secrets masked. */
export interface Exchange {
  method: string
  url: string
  status?: number
  answer?: string
  ms: number
}

/** [from, to) in the system's own clock, epoch ms. */
export interface Window {
  object: string
  from: Millis
  to: Millis
  offset: number
  limit: number
}

/** What a read of a record says; `version` is drawn by the caller before the request. */
export interface Reading {
  data_id: string
  master: Buffer
  details: Buffer | null
  document: Pick<Document, 'content' | 'source_time'>
}

export interface Page {
  readings: Reading[]
  /** The page was as long as `limit`: there may be more. */
  full: boolean
  /** Records of the page that cannot be taken in: each is shown alone, the others go on (promise 12). */
  bad?: { data_id: string | null; why: import('./fault.ts').Fault }[]
}

export type Read<T> =
  | { kind: 'read'; value: T }
  | { kind: 'failed'; why: import('./fault.ts').Fault; at?: Millis; calm?: boolean }

/**
 * What a system must offer. A call may be repeated after a crash. Expected trouble is a value. A throw before `sent()` was called is a
 * bug of ours and parks the record; after it, nobody knows what happened, and the engine will look before it acts. Honour `signal`:
 * it is how we shut down. `sendBy` is the send deadline on the monotonic clock (`performance.now()`): past it, not one byte (C2).
 */
export interface Connector {
  /** The exact bytes of a request, so that they can be marked before they leave. Pure. */
  encode(outgoing: Outgoing): Buffer
  /** What `write` would send, without sending anything. Absent: the connector cannot say. Pure. */
  request?(change: Change): ShownRequest
  write(
    change: Change,
    sent: () => void,
    sendBy: number,
    signal: AbortSignal,
  ): Promise<{ outcome: Outcome; exchange: Exchange }>
  /**
   * Did an earlier, unanswered create take effect? Never answers before its evidence is complete (R2). A connector that sends the stored
   * request again asks `mayRepeat` right before: it writes the repetition down (C2), and after a `false` nothing may leave.
   */
  recognise(
    earlier: Unanswered,
    sendBy: number,
    signal: AbortSignal,
    mayRepeat: () => Promise<boolean>,
  ): Promise<Recognised>
  /** A target that answers later: what became of the call with this key. Asked instead of everything else about an unresolved call. */
  answered?(key: string): Promise<Answered>
  /** Records changed in the window, in any order. */
  changes(window: Window, signal: AbortSignal): Promise<Read<Page>>
  /** One record, or null when the source no longer has it. */
  find(object: string, id: string, signal: AbortSignal): Promise<Read<Reading | null>>
  /** How many more writes may start now: concurrency, rate and breaker together. 0 = none; `at`: ask again then. */
  slots(): { free: number; at?: Millis }
  close(): Promise<void>
}

export type { RecordKey }
