/** What the engine asks of its tables. Two implementations: PostgreSQL (this room's SQL) and the simulator's memory; 1,000 seeds a run hold them equal. */
import type { Admitted, Arrival, Channel, Document, Hint, Millis, RecordKey, Side } from '../doc/document.ts'
import type { Resolved } from '../doc/flow.ts'
import type { Print } from '../doc/print.ts'
import type { LinkName } from './ids.ts'
import type { Call, LinkRow, ParkKind } from './link.ts'

export interface Target {
  tenant_id: string
  connection_id: string
  /** Configuration revision of the tenant that this node works with: another one claims nothing here (A4). */
  revision?: number
  /** Pairs of which nothing is to be sent for now: enough of theirs waits for a function. What must be looked up is claimed all the same. */
  except?: readonly string[]
}

export interface Claimed extends LinkRow {
  was: 'due' | 'unknown'
  /** The database's clock at the claim: all times of the row are on it. */
  now: Millis
}

/** A reference that is asked for: which record of which side of which pair. */
export interface Asked {
  tenant_id: string
  pairId: string
  side: Side
  id: string
}

/** Asks for open creates towards `side`, first marked before this record arrived (D5). */
export interface OpenQuestion {
  tenant_id: string
  pair_id: string
  link_id: number
  side: Side
  first_arrival_at: Millis
}

/** An unresolved create that may be the very record that is asked about. */
export interface OpenCreate {
  link_id: number
  parked: boolean
  last_mark: Millis
  sent_print: Print
  name: string
}

/** Before the first byte leaves (C2). */
export interface Mark {
  tenant_id: string
  pair_id: string
  link_id: number
  lease_token: number
  call: Call
  side: Side
  generation: number
  left_version: number
  right_version: number
  hash: Buffer | null
  print: Print
  source_print: Print
  later: string[]
  rows: LinkRow['sent_rows']
  idem_key: string
  unbound_rows: boolean
  match_key: string | null
  flips: number
  trace_id: string
  request: Buffer
  target_connection: string
}

/** R2: the stored request of an unresolved or doubted create is about to leave once more. */
export interface Repeat {
  tenant_id: string
  pair_id: string
  link_id: number
  lease_token: number
  idem_key: string
  trace_id: string
  request: Buffer
}

export interface Marked {
  attempt_id: number
  sent_at: Millis
}

/** One side's new agreement (C4). `version: 'fresh'`: a settle is a version (A1). */
export interface Agreement {
  version: number | 'fresh'
  hash: Buffer | null
  print: Print
}

export interface AttemptEnd {
  attempt_id: number
  started_at: Millis
  outcome: string
  status: number | null
  answer: string | null
  fault: string | null
  ms: number
}

/** Everything that ends one claim. Applied only under the claim's token (I5). */
export interface Settle {
  tenant_id: string
  pair_id: string
  link_id: number
  lease_token: number
  /** `idle` becomes `due` where the generation moved on; so do `waiting` and parked(data), for the new document may be what they lacked. */
  state: 'idle' | 'due' | 'unknown' | 'waiting' | 'parked'
  reason: string | null
  fault: string | null
  /** Generation that was looked at. */
  generation: number
  /** True: settled reaches `generation`. */
  settles: boolean
  /** Delay of next_at from now. */
  next_ms: number
  attempts: number
  since: 'keep' | 'clear' | 'start'
  wait_kind: LinkRow['wait_kind']
  wait_on: string[] | null
  wait_step: number
  /** Clears sent_*. */
  answered: boolean
  /** Ends the open create (D5): answered, refused or found absent. */
  closes: boolean
  /** O2: a refusal that does not prove anything keeps the time and key of its create, so that the re-run recognises first. */
  doubt: 'keep' | 'clear' | 'sent'
  /** O2: the source's version that was refused; null: none is any more. */
  refused: 'keep' | number | null
  left: Agreement | null
  right: Agreement | null
  id: { side: Side; value: string | null } | null
  detail_ids: string | null
  voided: boolean | null
  /** D6: whose record still owes a reference. */
  later: 'keep' | Side | null
  /** generation + 1, so that it is decided again. */
  again: boolean
  /** C6: with `again`. */
  ask: Side | null
  target_connection: string | null
  /** C4: a target document above this version was not looked at; read it again. `differs`: the one looked at says something else than was written. */
  target: { side: Side; connection_id: string; object: string; seen: number; differs: boolean } | null
  attempt: AttemptEnd | null
  /** A call of this kind to this side was applied, and the flow has a function that is to be told of it: written down with the settle. */
  after?: { call: Call; side: Side } | null
  /** For counting alone: what came in was the echo of our own write (D2). */
  echo?: true
}

export interface Settled {
  /** False: the token was not current; nothing was changed. */
  held: boolean
  /** L2: the id belongs to another row; both are parked. */
  clash: boolean
  state: LinkRow['state'] | null
}

export interface FetchRow extends RecordKey {
  wanted_seq: number
  cause: string
  trace_id: string
  first_at: Millis
  attempts: number
  lease_token: number
  gone_since: Millis | null
  now: Millis
}

/** How a read by id ended. */
export type FetchEnd =
  | { kind: 'done' }
  | { kind: 'retry'; ms: number; attempts: number; fault: string }
  | { kind: 'gone' | 'failed'; fault: string }
  | { kind: 'missing'; ms: number }

export interface Road {
  admit(rows: Arrival[]): Promise<Admitted[]>
  hint(rows: Hint[]): Promise<void>
  drawVersion(): Promise<number>

  claim(target: Target, limit: number, leaseMs: Millis): Promise<Claimed[]>
  documents(keys: RecordKey[]): Promise<(Document | null)[]>
  /** By which way the staged document of each came; null where the log does not know any more. */
  channels(keys: RecordKey[]): Promise<(Channel | null)[]>
  /** Contents of log rows of one record, for what was seen while a call was unresolved (R3). */
  seen(key: RecordKey, seqs: number[], from: Millis): Promise<Document[]>
  references(asked: Asked[]): Promise<Resolved[]>
  openCreates(questions: OpenQuestion[]): Promise<(OpenCreate | null)[]>
  /** Staged records of `object` that carry this external id (D5). */
  carriers(keys: (Omit<RecordKey, 'data_id'> & { external_id: string })[]): Promise<string[][]>
  mark(marks: Mark[]): Promise<(Marked | null)[]>
  /** Null: the lease is gone, and nothing may leave. From here on the settle time counts anew (R1). */
  repeat(repeat: Repeat): Promise<Marked | null>
  /** What became of a call that no settle tells of. Without an id: of the one that started then. */
  ended(
    link: Pick<LinkRow, 'tenant_id' | 'pair_id' | 'link_id'>,
    end: Omit<AttemptEnd, 'attempt_id'> & { attempt_id: number | null },
  ): Promise<void>
  request(link: Pick<LinkRow, 'tenant_id' | 'pair_id' | 'link_id'>, idemKey: string): Promise<Buffer | null>
  settle(settles: Settle[]): Promise<Settled[]>
  /** Waiting rows that wait for one of these become due (D6). Answers how many. */
  wake(keys: string[]): Promise<number>
  /** D5: the record's own system says which record it is. Answers what became of the claimed row. */
  bind(link: Claimed, side: Side, id: string): Promise<'bound' | 'absorbed' | 'open' | 'clash' | 'fenced'>

  /** C6: a person asks for these links to be gone through again. */
  rerun(links: LinkName[], side: Side | null): Promise<number>

  reap(): Promise<number>
  recheck(): Promise<number>

  claimFetches(target: Target, limit: number, leaseMs: Millis): Promise<FetchRow[]>
  endFetch(row: FetchRow, end: FetchEnd): Promise<void>
}

export type { ParkKind }
