/** One row per pair of records 中间表: what each side has, what both last agreed on, and what is in flight (convergence.md, "The row"). */
import type { Millis, Side } from '../doc/document.ts'
import type { DetailIds } from '../doc/outcome.ts'
import { emptyPrint, packPrint, type Print, unpackPrint } from '../doc/print.ts'

export type State = 'idle' | 'due' | 'working' | 'unknown' | 'waiting' | 'parked'
export type ParkKind = 'data' | 'config' | 'unknown' | 'loop' | 'max' | 'conflict'
export type Call = 'create' | 'update' | 'void'

/** The row as the engine sees it: column names as in the database, prints unpacked. */
export interface LinkRow {
  tenant_id: string
  pair_id: string
  link_id: number
  left_id: string | null
  right_id: string | null
  /** Row ids by source side, as each direction needs them. */
  detail_ids: Partial<Record<Side, DetailIds>>
  first_arrival_at: Millis
  left_version: number
  right_version: number
  left_agreed_version: number
  left_agreed_hash: Buffer | null
  left_agreed_print: Print
  right_agreed_version: number
  right_agreed_hash: Buffer | null
  right_agreed_print: Print
  generation: number
  settled: number
  asked_generation: number
  asked_side: Side | null
  state: State
  reason: string | null
  held: boolean
  target_connection: string
  next_at: Millis
  attempts: number
  since: Millis | null
  wait_kind: 'reference' | 'create' | 'cycle' | null
  wait_on: string[] | null
  wait_until: Millis | null
  wait_step: number
  fault: string | null
  lease_token: number
  lease_until: Millis | null
  sent_at: Millis | null
  sent_call: Call | null
  sent_side: Side | null
  sent_generation: number | null
  sent_left_version: number | null
  sent_right_version: number | null
  sent_hash: Buffer | null
  sent_print: Print
  sent_source_print: Print
  /** References that were left out of what was sent, to be filled once they are mapped (D6). */
  sent_later: string[]
  /** The side whose record was sent without a reference that is still to be filled (D6). */
  later_side: Side | null
  sent_seen: number[]
  /** Source row keys in the order sent, by target detail: binds row ids when the answer is found later (R2, R3). */
  sent_rows: { [targetDetail: string]: (string | null)[] }
  first_mark: Millis | null
  last_mark: Millis | null
  idem_key: string | null
  unbound_rows: boolean
  match_key: string | null
  /** A create was refused with a code that does not prove that nothing was made (O2): when it last left, and when first. */
  doubt_at: Millis | null
  doubt_first: Millis | null
  /** Version of the source whose write was refused, until one succeeds. */
  refused_version: number | null
  doubt_key: string | null
  /** A person says which record an unanswered create made (R2). */
  declared_id: string | null
  voided_at: Millis | null
  flips: number
  flips_since: Millis | null
  last_side: Side | null
  last_call_at: Millis | null
}

/** As the driver gives it. */
export interface StoredLink
  extends Omit<
    LinkRow,
    | 'left_agreed_print'
    | 'right_agreed_print'
    | 'sent_print'
    | 'sent_source_print'
    | 'detail_ids'
    | 'sent_later'
    | 'sent_seen'
    | 'sent_rows'
  > {
  left_agreed_print: Buffer | null
  right_agreed_print: Buffer | null
  sent_print: Buffer | null
  sent_source_print: Buffer | null
  detail_ids: string | null
  sent_later: string | null
  sent_seen: number[] | null
  sent_rows: string | null
}

export const readLink = (row: StoredLink): LinkRow => ({
  ...row,
  left_agreed_print: unpackPrint(row.left_agreed_print),
  right_agreed_print: unpackPrint(row.right_agreed_print),
  sent_print: unpackPrint(row.sent_print),
  sent_source_print: unpackPrint(row.sent_source_print),
  detail_ids: row.detail_ids ? (JSON.parse(row.detail_ids) as LinkRow['detail_ids']) : {},
  sent_later: row.sent_later ? (JSON.parse(row.sent_later) as string[]) : [],
  sent_seen: row.sent_seen ?? [],
  sent_rows: row.sent_rows ? (JSON.parse(row.sent_rows) as LinkRow['sent_rows']) : {},
})

export { emptyPrint, packPrint }

/** The row of a record that has none yet, as the door would make it. */
export const freshLink = (of: {
  tenant_id: string
  pair_id: string
  from: Side
  id: string
  now: Millis
  target_connection: string
}): LinkRow => ({
  tenant_id: of.tenant_id,
  pair_id: of.pair_id,
  link_id: 0,
  left_id: of.from === 'left' ? of.id : null,
  right_id: of.from === 'right' ? of.id : null,
  detail_ids: {},
  first_arrival_at: of.now,
  left_version: 0,
  left_agreed_version: 0,
  left_agreed_hash: null,
  left_agreed_print: emptyPrint,
  right_version: 0,
  right_agreed_version: 0,
  right_agreed_hash: null,
  right_agreed_print: emptyPrint,
  generation: 1,
  settled: 0,
  asked_generation: 0,
  asked_side: null,
  state: 'due',
  reason: null,
  held: false,
  target_connection: of.target_connection,
  next_at: of.now,
  attempts: 0,
  since: null,
  wait_kind: null,
  wait_on: null,
  wait_until: null,
  wait_step: 0,
  fault: null,
  lease_token: 0,
  lease_until: null,
  sent_at: null,
  sent_call: null,
  sent_side: null,
  sent_generation: null,
  sent_left_version: null,
  sent_right_version: null,
  sent_hash: null,
  sent_print: emptyPrint,
  sent_source_print: emptyPrint,
  sent_later: [],
  later_side: null,
  sent_seen: [],
  sent_rows: {},
  first_mark: null,
  last_mark: null,
  idem_key: null,
  unbound_rows: false,
  match_key: null,
  doubt_at: null,
  doubt_first: null,
  refused_version: null,
  doubt_key: null,
  declared_id: null,
  voided_at: null,
  flips: 0,
  flips_since: null,
  last_side: null,
  last_call_at: null,
})

/** What a waiting row waits for; the same text wakes it (D6). */
export const waitKey = {
  reference: (tenant: string, r: { pairId: string; side: Side; id: string }) =>
    `r:${tenant}/${r.pairId}/${r.side}/${r.id}`,
  /** Creates towards `side` of a pair: any that ends may let the row go on (D5). */
  create: (tenant: string, pairId: string, side: Side) => `c:${tenant}/${pairId}/${side}`,
}

export const linkKey = (l: { tenant_id: string; pair_id: string; link_id: number }): string =>
  `${l.tenant_id}\n${l.pair_id}\n${l.link_id}`
