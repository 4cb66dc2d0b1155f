/** The state of everything on one screen: per flow how many records stand where, what is oldest, what is held back and by whom. Reads only. */
import type { Side } from '../doc/document.ts'
import type { Sql } from '../store/sql.ts'
import { readTally } from './tally.ts'
import { type ShownState, shownState, shownStates } from './words.ts'

export interface FlowStatus {
  tenantId: string
  pairId: string
  from: Side
  state: string
  source: { connectionId: string; object: string }
  target: { connectionId: string; object: string }
  counts: Record<ShownState, number>
  /** Pending records that a paused flow keeps. */
  held: number
  /** Since when the oldest pending record could be sent; null when none is pending. */
  oldestDue: number | null
  /** What an enabling, publishing, pausing … still has to walk through ("Flows that stop"). */
  sweep: { what: string; done: number; total: number | null } | null
}

export interface ConnectionStatus {
  tenantId: string
  connectionId: string
  /** Pending, waiting for an answer, or to be resolved. */
  backlog: number
  /** Pending records that were held back because the target is failing: its breaker is open, or was when they were last tried. */
  heldByBreaker: number
  /** Records to be read by id; those whose reading ended in a fault. */
  reads: number
  readsFailed: number
}

/** A queue over all nodes that listen to it: the best state that any of them has. */
export interface QueueStatus {
  tenantId: string
  connectionId: string
  queueId: string
  kind: string
  state: string
  nodes: number
  /** Unacknowledged at the broker; null where it cannot be told. */
  lag: number | null
  taken: number
  fault: string | null
}

export interface Status {
  at: number
  /** When pending, syncing, succeeded and skipped were counted: now, or with very many records some minutes ago. */
  countedAt: number
  flows: FlowStatus[]
  connections: ConnectionStatus[]
  queues: QueueStatus[]
  /** Events of queues that could not be read and wait for a person. */
  refusedEvents: number
  /** Connections to which nothing is sent since a backup was restored, and how far the look at what they hold has come. */
  restoring: {
    tenantId: string
    connectionId: string
    backupAt: number
    scanned: number
    bound: number
    why: string | null
  }[]
  /** Arrivals that wait for a reader or a function. */
  decoding: number
  decodingFailed: number
}

const empty = (): Record<ShownState, number> =>
  Object.fromEntries(shownStates.map((state) => [state, 0])) as Record<ShownState, number>

/** Of very many records the counts come from the last tally, but for what is in trouble (`tally.ts`). */
export const readStatus = async (sql: Sql, tenantId?: string): Promise<Status> => {
  const tenant = tenantId ?? null
  const flows = await sql<{
    tenant_id: string
    pair_id: string
    from_side: Side
    state: string
    left_connection: string
    left_object: string
    right_connection: string
    right_object: string
    sweep: string | null
    sweep_done: number
    sweep_total: number | null
  }>`
    select f.tenant_id, f.pair_id, from_side, state, left_connection, left_object, right_connection, right_object, sweep, sweep_done, sweep_total
    from flow f
    join pair p on p.tenant_id = f.tenant_id and p.pair_id = f.pair_id
    where ${tenant}::text is null or f.tenant_id = ${tenant}
    order by f.tenant_id, f.pair_id, from_side`
  const { links, at: countedAt } = await readTally(sql, tenant)
  const connections = await sql<{ tenant_id: string; connection_id: string; reads: number; failed: number }>`
    select c.tenant_id, c.connection_id, count(f.*) filter (where f.state = 'due') as reads, count(f.*) filter (where f.state <> 'due') as failed
    from connection c
    left join "fetch" f on f.tenant_id = c.tenant_id and f.connection_id = c.connection_id
    where ${tenant}::text is null or c.tenant_id = ${tenant}
    group by c.tenant_id, c.connection_id
    order by c.tenant_id, c.connection_id`
  const restoring = await sql<{
    tenant_id: string
    connection_id: string
    backup_at: number
    scanned: number
    bound: number
    fault: string | null
  }>`
    select tenant_id, connection_id, backup_at, scanned, bound, fault
    from restore
    where released_at is null and (${tenant}::text is null or tenant_id = ${tenant})
    order by tenant_id, connection_id`
  const queues = await sql<{
    tenant_id: string
    connection_id: string
    queue_id: string
    kind: string
    state: string
    nodes: number
    lag: number | null
    taken: number
    fault: string | null
  }>`
    select tenant_id, connection_id, queue_id, min(kind) as kind,
      (array_agg(state order by array_position(array['listening', 'reconnecting', 'connecting', 'paused'], state)))[1] as state,
      count(*) as nodes, max(lag) as lag, sum(taken)::int8 as taken, max(fault) as fault
    from queue_node
    where (${tenant}::text is null or tenant_id = ${tenant}) and seen_at > clock_timestamp() - interval '60 seconds'
    group by tenant_id, connection_id, queue_id
    order by tenant_id, connection_id, queue_id`
  const [refused] = await sql<{ count: number }>`
    select count(*) as count
    from refused_event
    where ${tenant}::text is null or tenant_id = ${tenant}`
  const [decode] = await sql<{ count: number; failed: number; now: number }>`
    select count(*) as count, count(*) filter (where fault is not null) as failed, clock_timestamp() as now
    from decode
    where ${tenant}::text is null or tenant_id = ${tenant}`
  return {
    at: decode?.now ?? 0,
    countedAt,
    flows: flows.map((row): FlowStatus => {
      const left = { connectionId: row.left_connection, object: row.left_object }
      const right = { connectionId: row.right_connection, object: row.right_object }
      const [source, target] = row.from_side === 'left' ? [left, right] : [right, left]
      const counts = empty()
      let held = 0
      let oldestDue: number | null = null
      for (const link of links) {
        if (
          link.tenant_id !== row.tenant_id ||
          link.pair_id !== row.pair_id ||
          link.target_connection !== target.connectionId
        )
          continue
        counts[shownState(link.state, link.reason)] += link.count
        held += link.held
        if (link.oldest !== null) oldestDue = Math.min(oldestDue ?? link.oldest, link.oldest)
      }
      return {
        tenantId: row.tenant_id,
        pairId: row.pair_id,
        from: row.from_side,
        state: row.state,
        source,
        target,
        counts,
        held,
        oldestDue,
        sweep: row.sweep === null ? null : { what: row.sweep, done: row.sweep_done, total: row.sweep_total },
      }
    }),
    connections: connections.map((row): ConnectionStatus => {
      const own = links.filter(
        (link) => link.tenant_id === row.tenant_id && link.target_connection === row.connection_id,
      )
      const sum = (of: (link: (typeof links)[number]) => number) => own.reduce((total, link) => total + of(link), 0)
      return {
        tenantId: row.tenant_id,
        connectionId: row.connection_id,
        backlog: sum((link) => (['due', 'working', 'unknown', 'waiting'].includes(link.state) ? link.count : 0)),
        heldByBreaker: sum((link) => link.breaker),
        reads: row.reads,
        readsFailed: row.failed,
      }
    }),
    queues: queues.map((row) => ({
      tenantId: row.tenant_id,
      connectionId: row.connection_id,
      queueId: row.queue_id,
      kind: row.kind,
      state: row.state,
      nodes: row.nodes,
      lag: row.lag,
      taken: row.taken,
      fault: row.fault,
    })),
    refusedEvents: refused?.count ?? 0,
    restoring: restoring.map((row) => ({
      tenantId: row.tenant_id,
      connectionId: row.connection_id,
      backupAt: row.backup_at,
      scanned: row.scanned,
      bound: row.bound,
      why: row.fault,
    })),
    decoding: decode?.count ?? 0,
    decodingFailed: decode?.failed ?? 0,
  }
}
