/** Records that could not be read from their source, asked for once more. */
import type { Hint } from '../doc/document.ts'
import type { Sql } from '../store/sql.ts'
import { type Hands, slice } from './deeds.ts'

/** All reads of an error group, slice by slice. Answers how many. */
export const askReads = async (
  sql: Sql,
  hands: Pick<Hands, 'hint'>,
  tenantId: string,
  group: string,
  trace: () => string,
  who: string,
): Promise<number> => {
  for (let done = 0; ; ) {
    const rows = await sql<{ connection_id: string; object: string; data_id: string }>`
      select connection_id, object, data_id
      from "fetch"
      where tenant_id = ${tenantId} and fault_group = ${group}
      order by first_at
      limit ${slice}`
    if (!rows.length) return done
    await hands.hint(
      sql,
      rows.map(
        (row): Hint => ({
          tenant_id: tenantId,
          ...row,
          channel: 'event',
          operation: 'upsert',
          trace_id: trace(),
          raw: Buffer.from(JSON.stringify({ asked: 'read again', by: who })),
          cause: 'asked',
        }),
      ),
    )
    done += rows.length
  }
}
