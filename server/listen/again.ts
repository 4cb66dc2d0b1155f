/** Reads refused events once more, as the configuration is now: what can be read goes the usual road and leaves the list. */
import { isRefusal } from '../../protocol/codes.ts'
import type { Admitted, Arrival, Hint } from '../doc/document.ts'
import { type EventConnection, eventRow, type Source } from './events.ts'

export interface AgainDeps {
  connection(tenantId: string, connectionId: string): EventConnection | undefined
  admit(row: Arrival): Promise<Admitted>
  hint(row: Hint): Promise<void>
  newId(): string
}

/** Answers those that were taken in, by seq; they are stored when this has ended. */
export const readEventsAgain = async (
  deps: AgainDeps,
  tenantId: string,
  rows: readonly { seq: number; connection_id: string; body: Buffer }[],
): Promise<number[]> => {
  const taken = await Promise.all(
    rows.map(async ({ seq, connection_id, body }): Promise<number[]> => {
      const connection = deps.connection(tenantId, connection_id)
      if (!connection) return []
      const sender = { tenantId, connectionId: connection_id, redelivers: true }
      const source: Source = { sender, connection, traceId: deps.newId(), meta: JSON.stringify({ again: seq }) }
      const made = eventRow(source, body, '')
      if (isRefusal(made)) return []
      if ('row' in made) await deps.admit(made.row)
      else if ('hint' in made) await deps.hint(made.hint)
      return [seq]
    }),
  )
  return taken.flat()
}
