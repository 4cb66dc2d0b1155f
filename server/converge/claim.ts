/** Takes due links of one target for this worker (C1), and gives back what a dead worker held (C3). */
import type { Millis } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import { at, type Sql } from '../store/sql.ts'
import { readLink, type StoredLink } from './link.ts'
import type { Claimed, Target } from './road.ts'

const orphaned: Fault = { code: 'send.orphaned', stage: 'send' }

type ClaimedRow = StoredLink & { was: 'due' | 'unknown'; clock: Millis }

/**
 * Leaves `sent_*` alone. The send deadline starts before this query. A claim's commit may be forgotten by a crash of the database (postgres.ts),
 * and the row claimed by another node while the first still runs: so the token is the time at least, and never the same twice.
 */
export const claim = async (
  sql: Sql,
  target: Target,
  limit: number,
  leaseMs: Millis,
  now: Millis | null,
): Promise<Claimed[]> => {
  const rows = await sql<ClaimedRow>`
    with clock as materialized (
      select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
    due as materialized (
      select tenant_id, pair_id, link_id, state as was          -- was = 'unknown': resolve, do not send
      from link
      where tenant_id = ${target.tenant_id} and target_connection = ${target.connection_id}
        and state in ('due', 'unknown') and (not held or state = 'unknown')
        and (${target.except ?? null}::text[] is null or state = 'unknown' or pair_id <> all (${target.except ?? null}::text[]))
        -- A node whose configuration is not the current one decides nothing: it might agree on what a flow that it does not know must send (A4).
        and (${target.revision ?? null}::int8 is null
          or ${target.revision ?? null}::int8 = (select config_revision from tenant where tenant_id = ${target.tenant_id}))
        and next_at < (select now from clock) + interval '1 millisecond'   -- what the door wrote in this very millisecond is due too
      order by next_at
      limit ${limit}
      for update skip locked)
    update link l set
      state = 'working',
      lease_token = greatest(l.lease_token + 1, (extract(epoch from clock.now) * 1000)::int8),
      lease_until = clock.now + ${leaseMs}::float8 * interval '1 millisecond'
    from due, clock
    where l.tenant_id = due.tenant_id and l.pair_id = due.pair_id and l.link_id = due.link_id
    returning l.tenant_id, l.pair_id, l.link_id, l.left_id, l.right_id, l.detail_ids, l.first_arrival_at, l.left_version,
      l.right_version, l.left_agreed_version, l.left_agreed_hash, l.left_agreed_print, l.right_agreed_version, l.right_agreed_hash,
      l.right_agreed_print, l.generation, l.settled, l.asked_generation, l.asked_side, l.state, l.reason, l.held, l.target_connection,
      l.next_at, l.attempts, l.since, l.wait_kind, l.wait_on, l.wait_until, l.wait_step, l.fault, l.lease_token, l.lease_until,
      l.sent_at, l.sent_call, l.sent_side, l.sent_generation, l.sent_left_version, l.sent_right_version, l.sent_hash, l.sent_print,
      l.sent_source_print, l.sent_later, l.later_side, l.sent_seen, l.sent_rows, l.first_mark, l.last_mark, l.idem_key, l.unbound_rows,
      l.match_key, l.doubt_at, l.doubt_first, l.doubt_key, l.refused_version, l.declared_id, l.voided_at, l.flips, l.flips_since, l.last_side, l.last_call_at, due.was, clock.now as clock`
  return rows.map(({ was, clock, ...row }) => ({ ...readLink(row), was, now: clock }))
}

/**
 * C3: an expired lease becomes `unknown` once something was sent, `due` when nothing was. When to resolve is decided by R1. The call that its
 * holder can no longer tell of ends in the log as well: nobody will hear its answer.
 */
export const reap = (sql: Sql, now: Millis | null): Promise<number> => sql.affected`
  with clock as materialized (
    select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
  expired as materialized (
    select tenant_id, pair_id, link_id, lease_token, coalesce(sent_at, doubt_at) as called_at
    from link
    where state = 'working' and lease_until <= (select now from clock)
    order by lease_until
    limit 500
    for update skip locked),
  untold as (
    update attempt t set finished_at = clock.now, outcome = 'unknown', fault = ${JSON.stringify(orphaned)}
    from expired e, clock
    where t.tenant_id = e.tenant_id and t.pair_id = e.pair_id and t.link_id = e.link_id and t.lease_token = e.lease_token
      and t.started_at = e.called_at and t.outcome is null
      -- the other days' partitions are not even opened
      and t.started_at between (select min(called_at) from expired) and (select max(called_at) from expired))
  update link l set
    state = case when l.sent_at is null then 'due' else 'unknown' end,
    reason = null, lease_until = null, next_at = clock.now
  from expired e, clock
  where l.tenant_id = e.tenant_id and l.pair_id = e.pair_id and l.link_id = e.link_id`

/** Waiting rows whose recheck ran out are decided again (D6): the net under the wake-ups. */
export const recheck = (sql: Sql, now: Millis | null): Promise<number> => sql.affected`
  with clock as materialized (
    select date_trunc('milliseconds', coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp())) as now),
  tired as materialized (
    select tenant_id, pair_id, link_id
    from link
    where state = 'waiting' and next_at <= (select now from clock)
    order by next_at
    limit 500
    for update skip locked)
  update link l set state = 'due', wait_kind = null, wait_on = null, wait_step = l.wait_step + 1, next_at = clock.now
  from tired t, clock
  where l.tenant_id = t.tenant_id and l.pair_id = t.pair_id and l.link_id = t.link_id`
