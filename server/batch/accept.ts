/** Takes a batch in: its bizId, its place in the client's line, its rows and its count in one transaction, or none of them (promises 24 and 25). */
import type { BatchRequest } from '../../protocol/batch.ts'
import type { Locale } from '../../protocol/codes.ts'
import type { Millis } from '../doc/document.ts'
import { col, type Sql } from '../store/sql.ts'
import { type Counted, type Quota, readQuota, takeTurn } from './quota.ts'

export interface Accepting {
  counted: Counted
  connectionId: string
  object: string
  locale: Locale
  traceId: string
  request: BatchRequest
  /** Of the body: white space does not change it. */
  hash: Buffer
}

export type Accepted =
  | { kind: 'new' | 'same'; batchId: number; quota: Quota }
  | { kind: 'other'; quota: Quota }
  | { kind: 'over'; quota: Quota }

interface Known {
  batch_id: number
  request_hash: Buffer
}

const known = async (sql: Sql, { tenantId, clientId, path }: Counted, bizId: string): Promise<Known | undefined> => {
  const [row] = await sql<Known>`
    select batch_id, request_hash
    from batch
    where tenant_id = ${tenantId} and client_id = ${clientId} and path = ${path} and biz_id = ${bizId}`
  return row
}

/** Rolls the transaction back: nothing was counted. */
const used = new Error('the bizId is known')

/** A replay is free: it is looked for before anything is counted, and once more where two first calls met. */
export const acceptBatch = async (sql: Sql, asked: Accepting, now: Millis | null): Promise<Accepted> => {
  const { counted, request, hash } = asked
  const again = async (): Promise<Accepted | null> => {
    const row = await known(sql, counted, request.bizId)
    if (!row) return null
    const quota = await readQuota(sql, counted, now)
    return row.request_hash.equals(hash) ? { kind: 'same', batchId: row.batch_id, quota } : { kind: 'other', quota }
  }
  const before = await again()
  if (before) return before
  try {
    const taken = await sql.retrying((tx) => take(tx, asked, now))
    if (taken) return taken
  } catch (error) {
    if (error !== used) throw error
  }
  return (await again()) ?? { kind: 'over', quota: await readQuota(sql, counted, now) }
}

const take = async (tx: Sql, asked: Accepting, now: Millis | null): Promise<Accepted | null> => {
  const { counted, connectionId, object, locale, traceId, request, hash } = asked
  const { tenantId, clientId, path } = counted
  // From here on this client's other calls of the path wait: lines are in the order of the commits.
  const turn = await takeTurn(tx, counted, now)
  if (!turn) return null
  const [made] = await tx<{ batch_id: number }>`
    insert into batch (tenant_id, batch_id, client_id, path, biz_id, connection_id, object, line, request_hash, locale, url, trace_id, row_count)
    values (
      ${tenantId}, nextval('batch_seq'), ${clientId}, ${path}, ${request.bizId}, ${connectionId}, ${object}, ${turn.line}, ${hash}, ${locale},
      ${request.url}, ${traceId}, ${request.rows.length})
    on conflict (tenant_id, client_id, path, biz_id) do nothing
    returning batch_id`
  if (!made) throw used
  await tx`
    insert into batch_row (tenant_id, batch_id, row_no, body)
    select ${tenantId}, ${made.batch_id}, i.row_no, i.body
    from unnest(${col.bytes(request.rows)}::bytea[]) with ordinality as i (body, row_no)`
  return { kind: 'new', batchId: made.batch_id, quota: turn.quota }
}
