/** Wakes rows whose call was answered by a target that answers later: their claim asks what became of it ("Targets that answer later"). */
import { col, type Sql } from '../store/sql.ts'
import type { Target } from './road.ts'

export interface AnsweredCall {
  tenant_id: string
  pair_id: string
  link_id: number
  /** `idem_key` of the call: a row that has moved on is left alone. */
  key: string
}

/**
 * Also what was parked as unknown because nobody told in time: a late answer settles it. A row that is claimed right now is passed over; whoever
 * tells of the answer tells again. Answers whose lanes have work.
 */
export const answeredLater = async (sql: Sql, calls: readonly AnsweredCall[]): Promise<Target[]> => {
  if (!calls.length) return []
  return sql<Target>`
    with input as materialized (
      select i.*
      from unnest(
        ${col.text(calls.map((c) => c.tenant_id))}::text[], ${col.text(calls.map((c) => c.pair_id))}::text[],
        ${col.int8(calls.map((c) => c.link_id))}::int8[], ${col.text(calls.map((c) => c.key))}::text[])
        as i (tenant_id, pair_id, link_id, key)),
    held as materialized (
      select i.*
      from (select * from input order by tenant_id, pair_id, link_id) i
      cross join lateral (
        select k.state, k.reason, k.idem_key, k.sent_at from link k
        where k.tenant_id = i.tenant_id and k.pair_id = i.pair_id and k.link_id = i.link_id
        limit 1
        for update) k
      where k.idem_key = i.key and k.sent_at is not null and (k.state = 'unknown' or (k.state = 'parked' and k.reason = 'unknown'))),
    woken as (
      update link l set state = 'unknown', reason = null, next_at = date_trunc('milliseconds', clock_timestamp())
      from held h
      where l.tenant_id = h.tenant_id and l.pair_id = h.pair_id and l.link_id = h.link_id
      returning l.tenant_id, l.target_connection)
    select distinct tenant_id, target_connection as connection_id from woken`
}
