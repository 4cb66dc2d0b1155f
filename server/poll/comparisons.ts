/** Reconciliation tasks 数据核对: what was asked, how far it is, what was found, and every statement about them. */
import type { Millis, Side } from '../doc/document.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { Fenced } from './store.ts'
import type { TurnEnd } from './tasks.ts'

export type Phase = 'source' | 'target'
export type Kind = 'onlySource' | 'onlyTarget' | 'different' | 'unclear'
/** What is only in the target is a person's to judge. */
export type Repairable = 'onlySource' | 'different'
export type Totals = Record<Kind | 'repaired', number>

export interface Comparison {
  tenant_id: string
  comparison_id: string
  pair_id: string
  from_side: Side
  from_at: Millis
  to_at: Millis
  asked_by: string
  state: 'queued' | 'running' | 'stopped' | 'error' | 'success'
  created_at: Millis
  started_at: Millis | null
  ended_at: Millis | null
  phase: Phase
  read_until: Millis
  looked: number
  same: number
  /** Begun by the flow's schedule. */
  scheduled: boolean
  /** Kinds that are sent again once both systems were read to their end … */
  repair: Repairable[]
  /** … where no more than so many were found. */
  repair_most: number
  /** As JSON: Totals. Null before its success. */
  counts: string | null
  attempts: number
  trouble_at: Millis | null
  fault: string | null
  lease_token: number
  now: Millis
}

export interface Difference {
  field: string
  /** What the flow would write, as JSON; null: nothing. */
  expected: string | null
  held: string | null
}

export interface Found {
  phase: Phase
  record_id: string
  kind: Kind
  other_id: string | null
  fields: Difference[] | null
  fault: string | null
}

export interface Wanted {
  tenantId: string
  id: string
  pairId: string
  from: Side
  range: { from: Millis; to: Millis }
  by: string
  scheduled?: boolean
  repair?: { kinds: readonly Repairable[]; most: number }
}

/** What ended three months ago is dropped on the way; of those that a schedule began, all but the flow's last hundred. */
export const addComparison = async (tx: Sql, asked: Wanted): Promise<void> => {
  await tx`
    delete from comparison
    where tenant_id = ${asked.tenantId} and ended_at < clock_timestamp() - interval '90 days'`
  if (asked.scheduled)
    await tx`
      delete from comparison
      where tenant_id = ${asked.tenantId} and pair_id = ${asked.pairId} and from_side = ${asked.from} and scheduled
        and created_at <= (
          select created_at from comparison
          where tenant_id = ${asked.tenantId} and pair_id = ${asked.pairId} and from_side = ${asked.from} and scheduled and ended_at is not null
          order by created_at desc
          offset 99 limit 1)`
  await tx`
    insert into comparison (tenant_id, comparison_id, pair_id, from_side, from_at, to_at, read_until, asked_by, state, scheduled, repair, repair_most)
    values (${asked.tenantId}, ${asked.id}, ${asked.pairId}, ${asked.from}, ${at(asked.range.from)}, ${at(asked.range.to)}, ${at(asked.range.from)},
      ${asked.by}, 'queued', ${asked.scheduled ?? false}, ${[...(asked.repair?.kinds ?? [])]}::text[], ${asked.repair?.most ?? 1_000})`
}

/** Newest first. */
export const readComparisons = (
  tx: Sql,
  tenantId: string,
  id: string | null,
  limit: number,
  of: { pair?: string | undefined; scheduled?: boolean | undefined } = {},
): Promise<Comparison[]> =>
  tx<Comparison>`
    select c.*, clock_timestamp() as now from comparison c
    where tenant_id = ${tenantId} and (${id}::text is null or comparison_id = ${id})
      and (${of.pair ?? null}::text is null or pair_id = ${of.pair ?? null})
      and (${of.scheduled ?? null}::bool is null or scheduled = ${of.scheduled ?? null})
    order by created_at desc
    limit ${limit}`

/** What is under way ends with its page: its lease is taken from it. False where it has ended. */
export const stopComparison = async (tx: Sql, tenantId: string, id: string): Promise<boolean> =>
  (await tx.affected`
    update comparison set state = 'stopped', ended_at = clock_timestamp(), lease_token = lease_token + 1, lease_until = null
    where tenant_id = ${tenantId} and comparison_id = ${id} and state in ('queued', 'running')`) === 1

export const claimComparison = async (sql: Sql, leaseMs: Millis): Promise<Comparison | null> => {
  const [row] = await sql<Comparison>`
    with due as materialized (
      select tenant_id, comparison_id
      from comparison
      where state in ('queued', 'running') and next_at <= clock_timestamp() and (lease_until is null or lease_until < clock_timestamp())
      order by next_at
      limit 1
      for update skip locked)
    update comparison c set state = 'running', started_at = coalesce(c.started_at, clock_timestamp()),
      lease_token = c.lease_token + 1, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    from due d
    where c.tenant_id = d.tenant_id and c.comparison_id = d.comparison_id
    returning c.*, clock_timestamp() as now`
  return row ?? null
}

/** One page's findings and how far the phase is, together. @throws Fenced where a person or another node has taken the task */
export const stepComparison = async (
  tx: Sql,
  task: Comparison,
  step: { phase: Phase; until: Millis; looked: number; same: readonly string[]; found: readonly Found[] },
  leaseMs: Millis,
): Promise<void> => {
  const { phase, until, looked, same, found } = step
  const held = await tx.affected`
    update comparison set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond', phase = ${phase}, read_until = ${at(until)},
      looked = looked + ${looked}, same = same + ${same.length}, attempts = 0, trouble_at = null, fault = null
    where tenant_id = ${task.tenant_id} and comparison_id = ${task.comparison_id} and lease_token = ${task.lease_token} and state = 'running'`
  if (!held) throw new Fenced(`the comparison ${task.comparison_id} is not ours any more`)
  // A record that was read before and is the same by now.
  if (same.length)
    await tx`
      delete from comparison_found
      where tenant_id = ${task.tenant_id} and comparison_id = ${task.comparison_id} and phase = ${phase} and record_id = any(${col.text([...same])}::text[])`
  if (found.length)
    await tx`
      insert into comparison_found (tenant_id, comparison_id, phase, record_id, kind, other_id, fields, fault)
      select ${task.tenant_id}, ${task.comparison_id}, ${phase}, f.record_id, f.kind, f.other_id, f.fields::json, f.fault
      from unnest(
        ${col.text(found.map((f) => f.record_id))}::text[], ${col.text(found.map((f) => f.kind))}::text[], ${col.text(found.map((f) => f.other_id))}::text[],
        ${col.text(found.map((f) => f.fields && JSON.stringify(f.fields)))}::text[], ${col.text(found.map((f) => f.fault))}::text[])
        as f (record_id, kind, other_id, fields, fault)
      on conflict (tenant_id, comparison_id, phase, record_id) do update set
        kind = excluded.kind, other_id = excluded.other_id, fields = excluded.fields, fault = excluded.fault`
}

/** What was found in all, beside the task: whoever watches does not count rows. @throws Fenced */
export const noteTotals = async (sql: Sql, task: Comparison): Promise<Totals> => {
  const totals: Totals = {
    ...(await countFound(sql, task.tenant_id, task.comparison_id)),
    repaired: await countRepaired(sql, task.tenant_id, task.comparison_id),
  }
  const held = await sql.affected`
    update comparison set counts = ${JSON.stringify(totals)}::json
    where tenant_id = ${task.tenant_id} and comparison_id = ${task.comparison_id} and lease_token = ${task.lease_token} and state = 'running'`
  if (!held) throw new Fenced(`the comparison ${task.comparison_id} is not ours any more`)
  return totals
}

const countRepaired = async (sql: Sql, tenantId: string, id: string): Promise<number> => {
  const [row] = await sql<{ n: number }>`
    select count(*)::int8 as n from comparison_found
    where tenant_id = ${tenantId} and comparison_id = ${id} and repaired_at is not null`
  return row?.n ?? 0
}

/** Per flow, its newest comparison that a schedule began and that came to its end. */
export const lastScheduled = (
  sql: Sql,
  tenantId: string,
): Promise<{ pair_id: string; from_side: Side; comparison_id: string; counts: string }[]> => sql`
  select distinct on (pair_id, from_side) pair_id, from_side, comparison_id, counts
  from comparison
  where tenant_id = ${tenantId} and scheduled and state = 'success' and counts is not null
  order by pair_id, from_side, created_at desc`

export const endComparison = (sql: Sql, task: Comparison, end: TurnEnd): Promise<unknown> => sql`
  update comparison set lease_until = null, state = ${end.state}, fault = ${end.fault},
    ended_at = case when ${end.state !== 'running'} then clock_timestamp() end,
    next_at = ${at('nextAt' in end ? end.nextAt : 0)}, attempts = ${'attempts' in end ? end.attempts : 0},
    trouble_at = case when ${'attempts' in end && end.attempts > 0} then coalesce(trouble_at, clock_timestamp()) end
  where tenant_id = ${task.tenant_id} and comparison_id = ${task.comparison_id} and lease_token = ${task.lease_token} and state = 'running'`

/** While a long step reads. A task that was taken away notices at its next step. */
export const beatComparison = (sql: Sql, task: Comparison, leaseMs: Millis): Promise<number> => sql.affected`
  update comparison set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
  where tenant_id = ${task.tenant_id} and comparison_id = ${task.comparison_id} and lease_token = ${task.lease_token} and state = 'running'`

/** ms until the next one may go on; null where none waits. */
export const nextComparison = async (sql: Sql): Promise<Millis | null> => {
  const [row] = await sql<{ ms: number | null }>`
    select (extract(epoch from min(greatest(next_at, coalesce(lease_until, next_at))) - clock_timestamp()) * 1000)::float8 as ms
    from comparison
    where state in ('queued', 'running')`
  return row?.ms ?? null
}

export interface FoundRow extends Found {
  repaired_at: Millis | null
}

/** A page of what was found, in the order of phase and id. */
export const readFound = async (
  tx: Sql,
  tenantId: string,
  id: string,
  kind: Kind | null,
  after: { phase: Phase; record: string } | null,
  limit: number,
): Promise<FoundRow[]> =>
  (
    await tx<Omit<FoundRow, 'fields'> & { fields: string | null }>`
      select phase, record_id, kind, other_id, fields, fault, repaired_at
      from comparison_found
      where tenant_id = ${tenantId} and comparison_id = ${id} and (${kind}::text is null or kind = ${kind})
        and (phase, record_id) > (${after?.phase ?? ''}, ${after?.record ?? ''})
      order by phase, record_id
      limit ${limit}`
  ).map((row) => ({ ...row, fields: row.fields === null ? null : (JSON.parse(row.fields) as Difference[]) }))

export const countFound = async (tx: Sql, tenantId: string, id: string): Promise<Record<Kind, number>> => {
  const rows = await tx<{ kind: Kind; n: number }>`
    select kind, count(*)::int8 as n from comparison_found
    where tenant_id = ${tenantId} and comparison_id = ${id}
    group by kind`
  const of = (kind: Kind): number => rows.find((row) => row.kind === kind)?.n ?? 0
  return {
    onlySource: of('onlySource'),
    onlyTarget: of('onlyTarget'),
    different: of('different'),
    unclear: of('unclear'),
  }
}

/**
 * Source ids that a repair may send again, and marks them; at most `limit` a call. What is only in the target is a person's to judge:
 * nothing here removes it. `ids` null: all of this kind.
 */
export const takeForRepair = async (
  tx: Sql,
  tenantId: string,
  id: string,
  kind: Repairable,
  ids: readonly string[] | null,
  limit: number,
): Promise<string[]> =>
  (
    await tx<{ record_id: string }>`
      with chosen as materialized (
        select record_id from comparison_found
        where tenant_id = ${tenantId} and comparison_id = ${id} and phase = 'source' and kind = ${kind} and repaired_at is null
          and (${ids === null} or record_id = any(${col.text([...(ids ?? [])])}::text[]))
        order by record_id
        limit ${limit}
        for update)
      update comparison_found f set repaired_at = clock_timestamp()
      from chosen c
      where f.tenant_id = ${tenantId} and f.comparison_id = ${id} and f.phase = 'source' and f.record_id = c.record_id
      returning f.record_id`
  ).map((row) => row.record_id)
