/** Deletion sweeps: what is asked for, how far it is, what is gone, and every statement about them. */
import type { Millis } from '../doc/document.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { Fenced, type ObjectKey } from './store.ts'
import type { TurnEnd } from './tasks.ts'

export type Phase = 'source' | 'staged'

export interface DeletionSweep extends ObjectKey {
  sweep_id: string
  on_gone: 'ask' | 'mark'
  every_ms: number | null
  asked_by: string
  /** Begun by the schedule of the object's `poll`. */
  scheduled: boolean
  state: 'queued' | 'running' | 'stopped' | 'error' | 'success'
  phase: Phase
  position: string | null
  version_at: number | null
  start_at: Millis
  created_at: Millis
  started_at: Millis | null
  ended_at: Millis | null
  seen: number
  staged: number
  gone: number
  attempts: number
  trouble_at: Millis | null
  fault: string | null
  lease_token: number
  now: Millis
}
export type Wish = ObjectKey & Pick<DeletionSweep, 'on_gone' | 'every_ms' | 'asked_by'> & { scheduled?: boolean }

/** `startAt` null: now. What ended three months ago is dropped on the way. */
export const addSweep = async (tx: Sql, id: string, wish: Wish, startAt: Millis | null): Promise<void> => {
  await tx`
    delete from deletion_sweep
    where tenant_id = ${wish.tenant_id} and ended_at < clock_timestamp() - interval '90 days'`
  await tx`
    insert into deletion_sweep (tenant_id, sweep_id, connection_id, object, on_gone, every_ms, asked_by, scheduled, start_at, next_at)
    select ${wish.tenant_id}, ${id}, ${wish.connection_id}, ${wish.object}, ${wish.on_gone}, ${wish.every_ms}, ${wish.asked_by}, ${wish.scheduled ?? false}, s.at, s.at
    from (select coalesce(${startAt === null ? null : at(startAt)}::timestamptz, clock_timestamp()) as at) s`
}

/** Newest first. */
export const readSweeps = (
  tx: Sql,
  tenantId: string,
  id: string | null,
  before: Millis | null,
  limit: number,
): Promise<DeletionSweep[]> => tx<DeletionSweep>`
  select s.*, clock_timestamp() as now
  from deletion_sweep s
  where tenant_id = ${tenantId} and (${id}::text is null or sweep_id = ${id})
    and (${before === null ? null : at(before)}::timestamptz is null or created_at < ${before === null ? null : at(before)}::timestamptz)
  order by created_at desc
  limit ${limit}`

/** Also its repetitions do not come. False where it had ended. */
export const stopSweep = async (tx: Sql, tenantId: string, id: string): Promise<boolean> =>
  (await tx.affected`
    update deletion_sweep set state = 'stopped', ended_at = clock_timestamp(), lease_token = lease_token + 1, lease_until = null
    where tenant_id = ${tenantId} and sweep_id = ${id} and state in ('queued', 'running')`) === 1

export const claimSweep = async (sql: Sql, leaseMs: Millis): Promise<DeletionSweep | null> => {
  const [sweep] = await sql<DeletionSweep>`
    with due as materialized (
      select tenant_id, sweep_id
      from deletion_sweep
      where state in ('queued', 'running') and next_at <= clock_timestamp() and (lease_until is null or lease_until < clock_timestamp())
      order by next_at
      limit 1
      for update skip locked)
    update deletion_sweep s set state = 'running', started_at = coalesce(s.started_at, clock_timestamp()),
      version_at = coalesce(s.version_at, nextval('version_seq')),
      lease_token = s.lease_token + 1, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    from due d
    where s.tenant_id = d.tenant_id and s.sweep_id = d.sweep_id
    returning s.*, clock_timestamp() as now`
  return sweep ?? null
}

/** Inside the transaction that keeps what was read. @throws Fenced where a person or another node has taken it */
export const stepSweep = async (
  tx: Sql,
  sweep: DeletionSweep,
  step: { phase: Phase; position: string; seen: number; staged: number; gone: number },
  leaseMs: Millis,
): Promise<void> => {
  const held = await tx.affected`
    update deletion_sweep set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond',
      phase = ${step.phase}, position = ${step.position}, attempts = 0, trouble_at = null, fault = null,
      seen = seen + ${step.seen}, staged = staged + ${step.staged}, gone = gone + ${step.gone}
    where tenant_id = ${sweep.tenant_id} and sweep_id = ${sweep.sweep_id} and lease_token = ${sweep.lease_token} and state = 'running'`
  if (!held) throw new Fenced(`the deletion sweep ${sweep.sweep_id} is not ours any more`)
}

/** While a long step reads. A sweep that was taken away notices at its next step. */
export const beatSweep = (sql: Sql, sweep: DeletionSweep, leaseMs: Millis): Promise<number> => sql.affected`
  update deletion_sweep set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
  where tenant_id = ${sweep.tenant_id} and sweep_id = ${sweep.sweep_id} and lease_token = ${sweep.lease_token} and state = 'running'`

export const keepIds = (tx: Sql, sweep: DeletionSweep, ids: readonly string[]): Promise<unknown> => tx`
  insert into deletion_sweep_id (tenant_id, sweep_id, data_id)
  select ${sweep.tenant_id}, ${sweep.sweep_id}, i.id
  from unnest(${col.text(ids)}::text[]) as i (id)
  order by i.id
  on conflict do nothing`

/** A page of what is staged behind `after`: how many live here and are older than the sweep, and which of them it has not read. */
export const missingAfter = async (
  sql: Sql,
  sweep: DeletionSweep,
  after: string,
  limit: number,
): Promise<{ looked: number; missing: string[]; last: string | null }> => {
  const rows = await sql<{ data_id: string; lives: boolean; read: boolean }>`
    select d.data_id, d.operation = 'upsert' and d.version > 0 and d.version < ${sweep.version_at ?? 0}::int8 as lives,
      exists (
        select from deletion_sweep_id i
        where i.tenant_id = d.tenant_id and i.sweep_id = ${sweep.sweep_id} and i.data_id = d.data_id) as read
    from document d
    where d.tenant_id = ${sweep.tenant_id} and d.connection_id = ${sweep.connection_id} and d.object = ${sweep.object} and d.data_id > ${after}
    order by d.data_id
    limit ${limit}`
  const living = rows.filter((row) => row.lives)
  return {
    looked: living.length,
    missing: living.filter((row) => !row.read).map((row) => row.data_id),
    last: rows.at(-1)?.data_id ?? null,
  }
}

/** Answers how many are new: a step that is done twice finds nothing twice. */
export const keepGone = (
  tx: Sql,
  sweep: DeletionSweep,
  ids: readonly string[],
  markedBy: string | null,
): Promise<number> => tx.affected`
  insert into deletion_sweep_gone (tenant_id, sweep_id, data_id, marked_by, marked_at)
  select ${sweep.tenant_id}, ${sweep.sweep_id}, i.id, ${markedBy}::text, case when ${markedBy}::text is not null then clock_timestamp() end
  from unnest(${col.text(ids)}::text[]) as i (id)
  on conflict do nothing`

/** Ends a turn. With the sweep's end its ids are dropped, and the next one of its schedule is queued in the same transaction. */
export const endSweep = (
  sql: Sql,
  sweep: DeletionSweep,
  end: TurnEnd,
  /** Of the next one of its schedule. */
  nextId: string,
): Promise<void> =>
  sql.retrying(async (tx) => {
    const isOver = end.state !== 'running'
    const held = await tx.affected`
      update deletion_sweep set lease_until = null, state = ${end.state}, fault = ${end.fault}, ended_at = case when ${isOver} then clock_timestamp() end,
        next_at = ${at('nextAt' in end ? end.nextAt : 0)}, attempts = ${'attempts' in end ? end.attempts : 0},
    trouble_at = case when ${'attempts' in end && end.attempts > 0} then coalesce(trouble_at, clock_timestamp()) end
      where tenant_id = ${sweep.tenant_id} and sweep_id = ${sweep.sweep_id} and lease_token = ${sweep.lease_token} and state = 'running'`
    if (!held || !isOver) return
    await tx`delete from deletion_sweep_id where tenant_id = ${sweep.tenant_id} and sweep_id = ${sweep.sweep_id}`
    if (sweep.every_ms !== null) await addSweep(tx, nextId, sweep, Math.max(sweep.now, sweep.start_at + sweep.every_ms))
  })

/** ms until the next one may begin; null where none waits. */
export const nextSweep = async (sql: Sql): Promise<Millis | null> => {
  const [row] = await sql<{ ms: number | null }>`
    select (extract(epoch from min(greatest(next_at, coalesce(lease_until, next_at))) - clock_timestamp()) * 1000)::float8 as ms
    from deletion_sweep
    where state in ('queued', 'running')`
  return row?.ms ?? null
}

export interface GoneRow {
  data_id: string
  marked_by: string | null
  marked_at: Millis | null
}

export const readGone = (
  tx: Sql,
  tenantId: string,
  id: string,
  asked: { after: string; limit: number; open: boolean; ids: readonly string[] | null },
): Promise<GoneRow[]> => tx<GoneRow>`
  select data_id, marked_by, marked_at
  from deletion_sweep_gone
  where tenant_id = ${tenantId} and sweep_id = ${id} and data_id > ${asked.after} and (not ${asked.open} or marked_at is null)
    and (${asked.ids === null} or data_id = any(${col.text(asked.ids ?? [])}::text[]))
  order by data_id
  limit ${asked.limit}`

export const noteMarked = (
  tx: Sql,
  tenantId: string,
  id: string,
  ids: readonly string[],
  who: string,
): Promise<number> =>
  tx.affected`
    update deletion_sweep_gone set marked_by = ${who}, marked_at = clock_timestamp()
    where tenant_id = ${tenantId} and sweep_id = ${id} and data_id = any(${col.text(ids)}::text[]) and marked_at is null`
