/** Several rows of one record in one commit: all are logged, the last makes the document (architecture.md, arrival; A1). */
import type { Admitted, Arrival } from '../doc/document.ts'
import type { Row } from './statement.ts'

export const recordKey = (row: { tenant_id: string; connection_id: string; object: string; data_id: string }): string =>
  `${row.tenant_id}\n${row.connection_id}\n${row.object}\n${row.data_id}`

/** A1 among rows that have no version yet: by source time where both have one, else the later wins. */
const supersedes = (later: Arrival, earlier: Arrival): boolean =>
  later.source_time === null || earlier.source_time === null || later.source_time >= earlier.source_time

/** The winner keeps what the loser said of details (A2) and of the record, where it says nothing itself. */
const inherit = (winner: Row, loser: Row): Row => ({
  ...winner,
  ...(winner.details === null && { details: loser.details, detailsHash: loser.detailsHash }),
  ...(winner.master === null && { master: loser.master, masterHash: loser.masterHash, external_id: loser.external_id }),
})

/** Runs the statement over rows of which each record makes one document; answers in the order given. */
export const fold = async (
  rows: readonly Arrival[],
  statement: (rows: Row[]) => Promise<Admitted[]>,
): Promise<Admitted[]> => {
  const winners = new Map<string, number>()
  const folded: Row[] = [...rows]
  for (const [i, row] of rows.entries()) {
    const key = recordKey(row)
    const before = winners.get(key)
    if (before === undefined) {
      winners.set(key, i)
      continue
    }
    const [winner, loser] = supersedes(row, folded[before] as Row) ? [i, before] : [before, i]
    folded[winner] = loser < winner ? inherit(folded[winner] as Row, folded[loser] as Row) : (folded[winner] as Row)
    folded[loser] = { ...(rows[loser] as Row), shadowed: true }
    winners.set(key, winner)
  }
  const admitted = await statement(folded)
  for (const [i, row] of folded.entries()) {
    const answer = admitted[i] as Admitted
    if (!row.shadowed) continue
    const winner = admitted[winners.get(recordKey(row)) ?? i] as Admitted
    if (answer.kind === 'superseded' && 'version' in winner) answer.version = winner.version
  }
  return admitted
}
