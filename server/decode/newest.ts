/** Which decoded documents may go over what is staged: a push that was decoded late, or once more, never goes over what came in after it (A1). */
import type { Arrival } from '../doc/document.ts'
import { col, type Sql } from '../store/sql.ts'
import type { Claimed, Lane } from './claim.ts'

export interface Candidate {
  row: Arrival
  from: Pick<Claimed, 'seq' | 'version'>
}

/** One admit of an object at a time: two decodings of one record would else be staged in the order in which they end. */
export const lockLane = async (tx: Sql, lane: Lane): Promise<void> => {
  await tx`
    select pg_advisory_xact_lock(hashtextextended('decode ' || ${lane.tenant_id} || chr(31) || ${lane.connection_id} || chr(31) || ${lane.object}, 0))`
}

/**
 * Under the lane's lock. Newer than what is staged is a push that came in after it: by the log's number, by the version drawn at the door
 * (a reading that began before the push is older, though it was logged later), or because what is staged was decoded from this very push or
 * one before it. Such a row takes its version now, as at a door; any other goes in as version 0 and is superseded, unless its own time says more.
 */
export const ranked = async (tx: Sql, lane: Lane, candidates: readonly Candidate[]): Promise<Arrival[]> => {
  if (!candidates.length) return []
  const found = await tx<{ ord: number }>`
    select i.ord::int4 as ord
    from unnest(
      ${col.text(candidates.map((c) => c.row.data_id))}::text[], ${col.int8(candidates.map((c) => c.from.seq))}::int8[],
      ${col.int8(candidates.map((c) => c.from.version))}::int8[]) with ordinality as i (data_id, seq, version, ord)
    cross join lateral (
      select d.seq, d.version from document d
      where d.tenant_id = ${lane.tenant_id} and d.connection_id = ${lane.connection_id} and d.object = ${lane.object} and d.data_id = i.data_id
      limit 1) d
    left join lateral (
      select substring(a.meta from '"decodedFrom":(\\d+)')::int8 as origin from arrival a
      where a.tenant_id = ${lane.tenant_id} and a.connection_id = ${lane.connection_id} and a.object = ${lane.object} and a.data_id = i.data_id
        and a.seq = d.seq
      limit 1) o on true
    where not (d.version < i.version or d.seq < i.seq or coalesce(o.origin <= i.seq, false))`
  const late = new Set(found.map((one) => one.ord - 1))
  return candidates.map(({ row }, i) => (late.has(i) ? { ...row, version: 0 } : row))
}
