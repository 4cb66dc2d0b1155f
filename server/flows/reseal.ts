/** Puts the secrets of connections under the installation's newest key, slice by slice. */
import type { Sql } from '../store/sql.ts'
import { connectionPlace } from './save.ts'

/** Up to `limit` connections whose envelope another key closed; begun anew, it goes on with what is left. */
export const resealConnections = async (
  tx: Sql,
  how: { keyName: string; reseal(place: string, envelope: Buffer): Buffer | string },
  after: string,
  limit: number,
): Promise<{ done: number; refused: string[]; after: string | null }> => {
  const rows = await tx<{ tenant_id: string; connection_id: string; secrets: Buffer; at: string }>`
    select tenant_id, connection_id, secrets, concat_ws(chr(1), tenant_id, connection_id) as at
    from connection
    where secrets is not null
      and encode(substring(secrets from 2 for 4), 'hex') <> ${how.keyName}
      and concat_ws(chr(1), tenant_id, connection_id) collate "C" > ${after}
    order by concat_ws(chr(1), tenant_id, connection_id) collate "C"
    limit ${limit}
    for update`
  const refused: string[] = []
  let done = 0
  for (const row of rows) {
    const closed = how.reseal(connectionPlace(row.tenant_id, row.connection_id), row.secrets)
    if (typeof closed === 'string') {
      refused.push(closed)
      continue
    }
    await tx`
      update connection set secrets = ${closed}
      where tenant_id = ${row.tenant_id} and connection_id = ${row.connection_id}`
    done++
  }
  return { done, refused, after: rows.length < limit ? null : (rows.at(-1)?.at ?? null) }
}
