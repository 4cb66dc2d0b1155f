/** The words of this house. Everything Mortise moves is a `Document`; every attempt to move one ends in exactly one `Outcome`. */
import type { LosslessNumber } from 'lossless-json'

/** JSON as it came: numbers stay text (`LosslessNumber.value`), so `12345678901234567890.12` and `1.10` leave as they entered. */
export type Json = null | boolean | string | LosslessNumber | Json[] | { [key: string]: Json }
export type Fields = { [field: string]: Json }

/** Milliseconds since the epoch, on whatever clock the name says. */
export type Millis = number

/** The two objects of a pair; which is which is fixed when the pair is made. */
export type Side = 'left' | 'right'
export const sides: readonly Side[] = ['left', 'right']
export const opposite = (side: Side): Side => (side === 'left' ? 'right' : 'left')

export type Operation = 'upsert' | 'void'

/** What a record holds: the standard format of both source documents, without its envelope. */
export interface Content {
  masterFieldVal: Fields
  /** By detail code. A detail that is absent was not spoken of; `[]` says that it has no rows (A2). */
  detailFieldVals: { [detail: string]: Fields[] }
}

/** Names one record of one system. */
export interface RecordKey {
  tenant_id: string
  connection_id: string
  object: string
  data_id: string
}

/** The newest staged state of a record 临时库. A void keeps the last content (architecture.md, "Tables"). */
export interface Document extends RecordKey {
  version: number
  operation: Operation
  /** Hash over master and details as they came; equality at the door (A3) is equality of these bytes. Empty for a void. */
  content_hash: Buffer
  /** The system's own modified time, where it tells one (A1). */
  source_time: Millis | null
  /** The other side's id that the record carries in its object's external-id field (D5). */
  external_id: string | null
  content: Content
}

/** How a record came in. A reading (poll, fetch) carries a version drawn before its request was sent (A1). */
export type Channel = 'push' | 'event' | 'poll' | 'fetch' | 'batch'

/** One row for the door's statement. Bodies are the sender's bytes; nothing here is parsed twice. */
export interface Arrival extends RecordKey {
  operation: Operation
  channel: Channel
  trace_id: string
  /** Exactly what was sent, for the log. */
  raw: Buffer
  /** UTF-8 JSON object of the master fields; null for a void without a body. */
  master: Buffer | null
  /** UTF-8 JSON object `{detail: rows[]}`; null when the sender did not speak of details. */
  details: Buffer | null
  /** True when `details` names every declared detail (or there are none): no merge with what is stored is needed. */
  detailsComplete: boolean
  masterHash: Buffer
  detailsHash: Buffer | null
  source_time: Millis | null
  /** The other side's id that the record carries in its object's external-id field (D5). */
  external_id: string | null
  /** Drawn before the request for readings; null at the door of what is pushed to us (A1). */
  version: number | null
  /** A partial body whose source cannot be read is merged per field (A2). */
  partial?: boolean
  meta?: string
  /** `Idempotency-Key` of a push (contracts.md section 1). */
  pushKey?: { tokenId: string; key: string; requestHash: Buffer; answer: string }
}

/** What came in in no standard form: logged as it is, with a row in `decode`; a reader or a function makes documents of it. */
export interface RawArrival {
  tenant_id: string
  connection_id: string
  object: string
  /** The default of every document that is made of it. */
  operation: Operation
  trace_id: string
  raw: Buffer
  /** JSON: content type and headers without secrets, as the function is told them. */
  meta: string
  pushKey?: Arrival['pushKey']
}

/** `seq` names the arrival, in the log and in `decode`. */
export type Kept = { kind: 'kept'; seq: number } | { kind: 'repeated'; requestHash: Buffer; answer: string }

/** A hint (A2): something changed; read it by id. */
export interface Hint extends RecordKey {
  channel: 'event'
  operation: Operation
  trace_id: string
  raw: Buffer
  cause: string
  /** Milliseconds before which it is not read: it is one of a burst. */
  wait?: Millis
}

/** What became of one admitted row. `reread`: a reading that began before our own write ended (A1). */
export type Admitted =
  | { kind: 'created' | 'updated' | 'unchanged' | 'superseded'; seq: number; version: number }
  | { kind: 'reread'; seq: number }
  | { kind: 'repeated'; requestHash: Buffer; answer: string }
