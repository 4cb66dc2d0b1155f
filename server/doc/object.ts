/** What an administrator declares about a system's objects: the fields a record has, how they compare, and where its ids live. */
import type { Millis } from './document.ts'
import type { Weekday } from './flow.ts'

import type { Charset } from '../../protocol/charset.ts'
import type { Locale } from '../../protocol/codes.ts'

export type FieldType =
  | 'text'
  | 'decimal'
  | 'integer'
  | 'bool'
  | 'date'
  | 'datetime'
  | 'select'
  | 'multiselect'
  | 'reference'
  | 'person'
  | 'department'
  | 'attachment'

/** When two values of a field count as the same (D2). Numbers compare as decimals and dates as instants without being told. */
export interface Comparison {
  trim?: boolean
  ignoreCase?: boolean
  /** Decimal places that the system keeps. */
  scale?: number
  /** Finest part of a date-time that the system keeps. */
  precision?: 'day' | 'minute' | 'second' | 'millisecond'
}

export interface FieldDef {
  code: string
  name?: string
  /** What it is called in other languages than the name's. */
  names?: Partial<Record<Locale, string>>
  type: FieldType
  required?: boolean
  /** In bytes, as the master-data interface counts. */
  length?: number
  options?: { value: string; label?: string }[]
  /** Code of the object (same connection) that a reference field names. */
  references?: string
  /** Master-data batch: a reference that leads nowhere is a warning, and the row goes in all the same. */
  soft?: boolean
  compare?: Comparison
  /** How dates and date-times are written there: `epochMillis`, `epochSeconds`, `iso`, or a pattern such as `yyyy-MM-dd HH:mm:ss`. */
  format?: string
  /** IANA zone in which zoneless dates of this field are meant; default: the connection's zone. */
  zone?: string
}

export interface DetailDef {
  code: string
  apiName?: string
  name?: string
  /** Field that holds the row's own id in its system; rows are told apart by it. Absent: by position. */
  idField?: string
  /** Field that holds the other side's row id, where it is written; default: the object's `externalIdField`. */
  externalIdField?: string
  /** Where a detail is an object of its own (kind `fxiaoke`): the field of its rows that names their master. */
  masterField?: string
  fields: FieldDef[]
}

/** When something begins by itself. */
export interface WhenDef {
  /** Time between two runs; absent where `cron` says when. */
  every?: Millis
  cron?: string
  /** `HH:mm` on the wall clock of `zone`; `to` at or before `from` is the next day. With `every` only. */
  hours?: { from: string; to: string }
  /** Days on which runs begin. */
  days?: Weekday[]
  monthDays?: number[]
  /** IANA; default: the connection's. */
  zone?: string
  /** A run begins up to so much later, by chance. */
  jitter: Millis
}

/** When it is looked for what is gone at its source, and what is done about it. `void`: marked, and the object's flows void it at the other side. */
export interface SweepDef extends WhenDef {
  onGone: 'ask' | 'mark' | 'void'
}

/** When and how an object's records are read by time window 轮询 (contracts.md section 2). */
export interface PollDef extends WhenDef {
  /** So much of what was read is read again: records may be visible late (promise 10). */
  overlap: Millis
  /** A window ends so long before now. */
  lag: Millis
  /** Longest window; after a stop what was missed is read in pieces of this. */
  slice: Millis
  /** Default: the connection's. */
  pageSize?: number
  sweep?: SweepDef
}

/** Where a reader finds a value: a path into the body, a column by name or number (from 1), or a stretch of a line. */
export type Spot = string | number | { at: number; length: number }

/** A no-code reader: how a body of another system becomes standard documents. */
export interface ReaderDef {
  kind: 'json' | 'xml' | 'csv' | 'fixed' | 'form'
  /** json, xml: path to the records (one or a list). csv, fixed: each line is one. Absent: the body itself. */
  records?: string
  /** The record's id. Lines with one id, one after the other, are one record where details are declared. */
  id: Spot
  /** Field of the document to where its value stands. Absent (json, xml, csv with a header, form): everything that is a value. */
  fields?: Record<string, Spot>
  /** Detail code to its rows; csv and fixed: each line of a record is a row. */
  details?: Record<string, { rows?: string; fields?: Record<string, Spot> }>
  /** A record with one of these values there is voided. */
  void?: { at: Spot; values: string[] }
  /** csv. Default ','. */
  separator?: string
  /** csv: the first line names the columns. Default true. */
  header?: boolean
  /** csv, fixed: lines before the first that counts. */
  skip?: number
  /** Spaces at the ends are dropped: fixed true, else false. */
  trim?: boolean
}

/** What becomes of a non-standard push: the object's function, or a reader. */
export interface ReceiveDef {
  function?: string
  reader?: ReaderDef
  /** What the bytes are, whatever the sender's headers say. Default: the header, the XML declaration, UTF-8. */
  charset?: Charset
}

/** The object takes master-data batches at `POST /common/{path}/batch` (contracts.md section 4). */
export interface BatchDef {
  path: string
  /** Calls of one client in a calendar day and in a clock hour of the tenant's zone. */
  perDay?: number
  perHour?: number
  /** A `timestamp` more than 15 minutes off is refused. */
  checkTimestamp?: boolean
}

/** ERP 对象 / 中间表对象. */
export interface ObjectDef {
  code: string
  apiName: string
  name?: string
  /** Field of `masterFieldVal` that holds the record's own id. */
  idField: string
  nameField?: string
  /** Field that names who is responsible for a record: an alert about it goes to that person as well. */
  ownerField?: string
  /** The system's own modified time or change number: orders documents (A1). */
  modifiedField?: string
  /** How fine `modifiedField` is; what is not finer than a second makes unordered events hints (A2). */
  modifiedGrain?: 'millisecond' | 'second' | 'coarse'
  /** Field that holds the other side's id, written by every flow (D5, R2). */
  externalIdField?: string
  /** A record read with this value in this field is voided there, though it can still be read. */
  voidedWhen?: { field: string; value: string }
  /** Whether a body of that channel speaks of the whole record (A2). Default: push whole, event partial. */
  bodies?: { push?: 'whole' | 'partial'; event?: 'whole' | 'partial' }
  /** Absent: it is not polled. */
  poll?: PollDef
  /** Non-standard pushes; without it they are refused (009). */
  receive?: ReceiveDef
  batch?: BatchDef
  fields: FieldDef[]
  details: DetailDef[]
}

/** What a record that was read says of itself: voided where the object declares how that shows. */
export const isVoided = (object: ObjectDef | undefined, master: { [field: string]: unknown }): boolean => {
  if (!object?.voidedWhen) return false
  const value = master[object.voidedWhen.field]
  return value !== undefined && value !== null && String(value) === object.voidedWhen.value
}
