/** What an administrator declares about a system's objects: the fields a record has, how they compare, and where its ids live. */
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
  fields: FieldDef[]
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
