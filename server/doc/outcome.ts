/** How a call to another system can end (convergence.md O1-O4), and how a record is told that it must wait for a person. */
import type { Content, Millis } from './document.ts'
import type { Fault } from './fault.ts'

/** Source row key to target row id, per detail of the source: `{contacts: {"c1": "CT-000001"}}`. */
export type DetailIds = { [detail: string]: { [sourceRow: string]: string } }

/** What was learnt of the target's detail rows: ids in the order of the rows that were sent, by the target's detail code. */
export type RowIds = { [targetDetail: string]: (string | null)[] }

export type Outcome =
  /** O3: success by the result rule, with the id where one is due. `shown` is the content the target answered with, where it tells. */
  | { kind: 'applied'; targetId: string; rowIds: RowIds; shown?: Content }
  /** O1: refused before any effect; time may heal it. `at`: not before (Retry-After), on our clock. `calm`: burns no attempt (breaker open, own limit). */
  | { kind: 'again'; at?: Millis; calm?: boolean; why: Fault }
  /** O2: a business refusal; `proved` when its code is listed as refused before effect of a create. */
  | { kind: 'refused'; proved: boolean; why: Fault }
  /** O4: it may have had an effect: look before acting. `answerBy`: taken in by something that tells of it later, and asked again then at the latest. */
  | { kind: 'unknown'; why: Fault; answerBy?: Millis }

/** What became of a call that is answered later (convergence.md, "Targets that answer later"). */
export type Answered =
  | { kind: 'pending'; why: Fault; at: Millis }
  /** It never got so far that anything could leave, and never will. */
  | { kind: 'never' }
  /** `said`: the target's words, for the log. */
  | { kind: 'told'; outcome: Outcome; said: string | null }

/** What recognition of an earlier create found (R2). Absence counts only from a complete, well-formed success answer. */
export type Recognised =
  | { kind: 'found'; targetId: string; content: Content }
  | { kind: 'several'; targetIds: string[] }
  | { kind: 'absent' }
  | { kind: 'cannot tell'; why: Fault; at?: Millis }
  /** The stored request was sent again under its key, and this is what the target said. */
  | { kind: 'answered'; outcome: Outcome }
