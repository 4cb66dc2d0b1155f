/** A settle is a version too: a reading that began before our own write to that record ended is not staged, and is read again (A1). */
import type { Arrival, Millis } from '../doc/document.ts'
import { at, col, type Sql } from '../store/sql.ts'

export const isReading = (row: Arrival): boolean => row.channel === 'poll' || row.channel === 'fetch'

/** Places of the rows whose version is not above what was agreed since, with other content than was agreed. */
export const staleReadings = async (tx: Sql, rows: readonly Arrival[]): Promise<number[]> => {
  const found = await tx<{ ord: number }>`
    select i.ord::int4 as ord
    from unnest(
      ${col.text(rows.map((r) => r.tenant_id))}::text[], ${col.text(rows.map((r) => r.connection_id))}::text[],
      ${col.text(rows.map((r) => r.object))}::text[], ${col.text(rows.map((r) => r.data_id))}::text[], ${col.text(rows.map((r) => r.operation))}::text[],
      ${col.bytes(rows.map((r) => r.masterHash))}::bytea[], ${col.bytes(rows.map((r) => r.detailsHash))}::bytea[], ${col.int8(rows.map((r) => r.version))}::int8[])
      with ordinality as i (tenant_id, connection_id, object, data_id, operation, master_hash, details_hash, version, ord)
    cross join lateral (
      select k.agreed_version, k.agreed_hash
      from pair p
      cross join lateral (
        select left_agreed_version as agreed_version, left_agreed_hash as agreed_hash from link k
        where k.tenant_id = i.tenant_id and k.pair_id = p.pair_id and k.left_id = i.data_id limit 1) k
      where p.tenant_id = i.tenant_id and p.left_connection = i.connection_id and p.left_object = i.object and p.staging
      union all
      select k.agreed_version, k.agreed_hash
      from pair p
      cross join lateral (
        select right_agreed_version as agreed_version, right_agreed_hash as agreed_hash from link k
        where k.tenant_id = i.tenant_id and k.pair_id = p.pair_id and k.right_id = i.data_id limit 1) k
      where p.tenant_id = i.tenant_id and p.right_connection = i.connection_id and p.right_object = i.object and p.staging) k
    where k.agreed_version >= i.version and k.agreed_hash is distinct from content_hash(i.operation, i.master_hash, i.details_hash)
    group by i.ord`
  return found.map((f) => f.ord - 1)
}

interface Staged {
  row: Arrival
  seq: number
}

/** The same after staging, for a settle that committed in between: our statement waited for its row, and now we see what it agreed on. */
export const overtakenReadings = async (tx: Sql, staged: readonly Staged[]): Promise<number[]> => {
  if (!staged.length) return []
  const found = await tx<{ ord: number }>`
    select i.ord::int4 as ord
    from unnest(
      ${col.text(staged.map((s) => s.row.tenant_id))}::text[], ${col.text(staged.map((s) => s.row.connection_id))}::text[],
      ${col.text(staged.map((s) => s.row.object))}::text[], ${col.text(staged.map((s) => s.row.data_id))}::text[], ${col.int8(staged.map((s) => s.seq))}::int8[])
      with ordinality as i (tenant_id, connection_id, object, data_id, seq, ord)
    cross join lateral (
      select d.version, d.seq, content_hash(d.operation, d.master_hash, d.details_hash) as told from document d
      where d.tenant_id = i.tenant_id and d.connection_id = i.connection_id and d.object = i.object and d.data_id = i.data_id limit 1) d
    cross join lateral (
      select k.agreed_version, k.agreed_hash
      from pair p
      cross join lateral (
        select left_agreed_version as agreed_version, left_agreed_hash as agreed_hash from link k
        where k.tenant_id = i.tenant_id and k.pair_id = p.pair_id and k.left_id = i.data_id limit 1) k
      where p.tenant_id = i.tenant_id and p.left_connection = i.connection_id and p.left_object = i.object and p.staging
      union all
      select k.agreed_version, k.agreed_hash
      from pair p
      cross join lateral (
        select right_agreed_version as agreed_version, right_agreed_hash as agreed_hash from link k
        where k.tenant_id = i.tenant_id and k.pair_id = p.pair_id and k.right_id = i.data_id limit 1) k
      where p.tenant_id = i.tenant_id and p.right_connection = i.connection_id and p.right_object = i.object and p.staging) k
    where d.seq = i.seq and k.agreed_version >= d.version and k.agreed_hash is distinct from d.told
    group by i.ord`
  return found.map((f) => f.ord - 1)
}

/** Asks for these records once more. */
export const readAgain = async (tx: Sql, staged: readonly Staged[], now: Millis | null): Promise<void> => {
  if (!staged.length) return
  await tx`
    insert into "fetch" as f (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id, first_at, next_at)
    select i.tenant_id, i.connection_id, i.object, i.data_id, i.seq, 'reread', i.trace_id, clock.now, clock.now
    from unnest(
      ${col.text(staged.map((s) => s.row.tenant_id))}::text[], ${col.text(staged.map((s) => s.row.connection_id))}::text[],
      ${col.text(staged.map((s) => s.row.object))}::text[], ${col.text(staged.map((s) => s.row.data_id))}::text[],
      ${col.int8(staged.map((s) => s.seq))}::int8[], ${col.text(staged.map((s) => s.row.trace_id))}::text[]) as i (tenant_id, connection_id, object, data_id, seq, trace_id)
    cross join (select coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) as now) clock
    order by i.tenant_id, i.connection_id, i.object, i.data_id
    on conflict (tenant_id, connection_id, object, data_id) do update set
      wanted_seq = excluded.wanted_seq, state = 'due', next_at = least(f.next_at, excluded.next_at)`
}
