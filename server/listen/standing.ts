/** How the subscriptions stand, over all nodes: each node writes its own row, whoever asks reads those that are alive. */
import type { Millis } from '../doc/document.ts'
import type { QueueKind } from '../doc/queue.ts'
import { at, type Sql } from '../store/sql.ts'

export type QueueState = 'connecting' | 'listening' | 'reconnecting' | 'paused'

/** One subscription of one node. */
export interface QueueView {
  tenantId: string
  connectionId: string
  queueId: string
  kind: QueueKind
  state: QueueState
  since: Millis
  /** At the broker, of all nodes together. */
  lag: number | null
  taken: number
  refused: number
  connects: number
  /** When it last brought something. */
  lastAt: Millis | null
  fault: string | null
}

/** A node that was not seen for so long is gone. */
export const alive: Millis = 60_000

export const writeStanding = async (sql: Sql, node: string, view: QueueView): Promise<void> => {
  await sql`
    insert into queue_node (tenant_id, connection_id, queue_id, node, kind, state, since, seen_at, lag, taken, refused, connects, last_at, fault)
    values (${view.tenantId}, ${view.connectionId}, ${view.queueId}, ${node}, ${view.kind}, ${view.state}, ${at(view.since)}, clock_timestamp(),
      ${view.lag}, ${view.taken}, ${view.refused}, ${view.connects},
      ${view.lastAt === null ? null : at(view.lastAt)}, ${view.fault})
    on conflict (tenant_id, connection_id, queue_id, node) do update set
      kind = excluded.kind, state = excluded.state, since = excluded.since, seen_at = excluded.seen_at, lag = excluded.lag,
      taken = excluded.taken, refused = excluded.refused, connects = excluded.connects,
      last_at = coalesce(excluded.last_at, queue_node.last_at), fault = excluded.fault`
}

/** This node listens no more to it; and rows of nodes that are long gone go with it. */
export const dropStanding = async (
  sql: Sql,
  node: string,
  { tenantId, connectionId, queueId }: Pick<QueueView, 'tenantId' | 'connectionId' | 'queueId'>,
): Promise<void> => {
  await sql`
    delete from queue_node
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and queue_id = ${queueId}
      and (node = ${node} or seen_at < clock_timestamp() - interval '10 minutes')`
}

export interface Standing extends QueueView {
  node: string
  seenAt: Millis
}

/** Those that are alive. */
export const readStandings = async (sql: Sql, tenantId: string): Promise<Standing[]> => {
  const rows = await sql<{
    connection_id: string
    queue_id: string
    node: string
    kind: QueueKind
    state: QueueState
    since: number
    seen_at: number
    lag: number | null
    taken: number
    refused: number
    connects: number
    last_at: number | null
    fault: string | null
  }>`
    select connection_id, queue_id, node, kind, state, since, seen_at, lag, taken, refused, connects, last_at, fault
    from queue_node
    where tenant_id = ${tenantId} and seen_at > clock_timestamp() - ${alive}::float8 * interval '1 millisecond'
    order by connection_id, queue_id, node`
  return rows.map((row) => ({
    tenantId,
    connectionId: row.connection_id,
    queueId: row.queue_id,
    node: row.node,
    kind: row.kind,
    state: row.state,
    since: row.since,
    seenAt: row.seen_at,
    lag: row.lag,
    taken: row.taken,
    refused: row.refused,
    connects: row.connects,
    lastAt: row.last_at,
    fault: row.fault,
  }))
}
