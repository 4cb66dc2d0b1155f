/** History tasks 同步历史数据: what can be asked for, how far it is, and every statement about them. */
import { z } from 'zod'
import type { Millis } from '../doc/document.ts'
import { at, type Sql } from '../store/sql.ts'
import { type Counts, Fenced, type ObjectKey } from './store.ts'
import type { TurnEnd } from './tasks.ts'
import type { Stretch } from './windows.ts'

/** Longest list of ids that is taken; more is a time range's business. */
export const mostIds = 100_000
const idText = z.string().min(1).max(128)

/**
 * `ranges`: by time windows of the source's clock. `ids`: these records, one by one. `mapped`: every record of this object that is mapped to the
 * other side of `pair` (by CRM scope). `where`: only records whose master fields hold these values, compared as text.
 * `compare`: what is unchanged is passed over; false sends it again.
 */
export const askedShape = z.object({
  what: z.discriminatedUnion('by', [
    z.object({
      by: z.literal('ranges'),
      ranges: z
        .array(z.object({ from: z.number(), to: z.number() }))
        .min(1)
        .max(1_000),
    }),
    z.object({ by: z.literal('ids'), ids: z.array(idText).min(1).max(mostIds) }),
    z.object({ by: z.literal('mapped'), pair: z.string().min(1).max(64) }),
  ]),
  where: z.record(z.string().min(1), z.string()).optional(),
  compare: z.boolean(),
})
export type Asked = z.output<typeof askedShape>

export type State = 'queued' | 'running' | 'paused' | 'stopped' | 'error' | 'success'

interface Row extends ObjectKey, Counts {
  backfill_id: string
  asked: string
  asked_by: string
  state: State
  start_at: Millis
  created_at: Millis
  started_at: Millis | null
  ended_at: Millis | null
  total: number
  done: number
  position: string | null
  attempts: number
  trouble_at: Millis | null
  fault: string | null
  lease_token: number
  now: Millis
}
export interface Backfill extends Omit<Row, 'asked'> {
  asked: Asked
}

const backfillOf = ({ asked, ...row }: Row): Backfill => ({ ...row, asked: JSON.parse(asked) as Asked })

/** How much there is to do: milliseconds of time, or records. */
export const totalOf = (what: Asked['what'], mapped: number): number => {
  switch (what.by) {
    case 'ranges':
      return what.ranges.reduce((sum: number, { from, to }: Stretch) => sum + (to - from), 0)
    case 'ids':
      return what.ids.length
    case 'mapped':
      return mapped
  }
}

export const addBackfill = async (
  tx: Sql,
  key: ObjectKey,
  given: { id: string; asked: Asked; askedBy: string; startAt: Millis | null; total: number },
): Promise<void> => {
  await tx`
    insert into backfill (tenant_id, backfill_id, connection_id, object, asked, asked_by, state, start_at, next_at, total)
    select ${key.tenant_id}, ${given.id}, ${key.connection_id}, ${key.object}, ${JSON.stringify(given.asked)}::json, ${given.askedBy}, 'queued', s.at, s.at, ${given.total}
    from (select coalesce(${given.startAt === null ? null : at(given.startAt)}::timestamptz, clock_timestamp()) as at) s`
}

/** Newest first. */
export const readBackfills = async (
  tx: Sql,
  tenantId: string,
  id: string | null,
  before: Millis | null,
  limit: number,
): Promise<Backfill[]> =>
  (
    await tx<Row>`
      select b.*, clock_timestamp() as now
      from backfill b
      where tenant_id = ${tenantId} and (${id}::text is null or backfill_id = ${id})
        and (${before === null ? null : at(before)}::timestamptz is null or created_at < ${before === null ? null : at(before)}::timestamptz)
      order by created_at desc
      limit ${limit}`
  ).map(backfillOf)

/** Which states a person may bring a task to, from where. */
const ways: Record<'pause' | 'stop' | 'continue', { from: readonly State[]; to: State }> = {
  pause: { from: ['queued', 'running'], to: 'paused' },
  stop: { from: ['queued', 'running', 'paused'], to: 'stopped' },
  continue: { from: ['paused', 'stopped', 'error'], to: 'queued' },
}
export type Deed = keyof typeof ways

/** False where the task stands elsewhere. What is under way ends with its page: its lease is taken from it. */
export const steerBackfill = async (tx: Sql, tenantId: string, id: string, deed: Deed): Promise<boolean> => {
  const { from, to } = ways[deed]
  return (
    (await tx.affected`
      update backfill set state = ${to}, ended_at = case when ${to === 'stopped'} then clock_timestamp() end,
        next_at = clock_timestamp(), attempts = 0, trouble_at = null, lease_token = lease_token + 1, lease_until = null,
        fault = case when ${deed === 'continue'} then null else fault end
      where tenant_id = ${tenantId} and backfill_id = ${id} and state = any(${[...from]}::text[])`) === 1
  )
}

export const claimBackfill = async (sql: Sql, leaseMs: Millis): Promise<Backfill | null> => {
  const [row] = await sql<Row>`
    with due as materialized (
      select tenant_id, backfill_id
      from backfill
      where state in ('queued', 'running') and next_at <= clock_timestamp() and (lease_until is null or lease_until < clock_timestamp())
      order by next_at
      limit 1
      for update skip locked)
    update backfill b set state = 'running', started_at = coalesce(b.started_at, clock_timestamp()),
      lease_token = b.lease_token + 1, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
    from due d
    where b.tenant_id = d.tenant_id and b.backfill_id = d.backfill_id
    returning b.*, clock_timestamp() as now`
  return row ? backfillOf(row) : null
}

/** Inside the transaction that stores the records. @throws Fenced where a person or another node has taken it */
export const stepBackfill = async (
  tx: Sql,
  task: Backfill,
  step: { done: number; position: string; counts: Counts },
  leaseMs: Millis,
): Promise<void> => {
  const { done, position, counts } = step
  const held = await tx.affected`
    update backfill set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond',
      done = ${done}, position = ${position}, attempts = 0, trouble_at = null, fault = null,
      requests = requests + ${counts.requests}, seen = seen + ${counts.seen}, created = created + ${counts.created}, changed = changed + ${counts.changed},
      unchanged = unchanged + ${counts.unchanged}, failed = failed + ${counts.failed}
    where tenant_id = ${task.tenant_id} and backfill_id = ${task.backfill_id} and lease_token = ${task.lease_token} and state = 'running'`
  if (!held) throw new Fenced(`the history task ${task.backfill_id} is not ours any more`)
}

/** Ends a turn: at its end, later (with what is in the way), or given up. */
export const endBackfill = (sql: Sql, task: Backfill, end: TurnEnd): Promise<unknown> => sql`
  update backfill set lease_until = null, state = ${end.state}, fault = ${end.fault},
    ended_at = case when ${end.state !== 'running'} then clock_timestamp() end,
    next_at = ${at('nextAt' in end ? end.nextAt : 0)}, attempts = ${'attempts' in end ? end.attempts : 0},
    trouble_at = case when ${'attempts' in end && end.attempts > 0} then coalesce(trouble_at, clock_timestamp()) end
  where tenant_id = ${task.tenant_id} and backfill_id = ${task.backfill_id} and lease_token = ${task.lease_token} and state = 'running'`

/** While a long step reads. A task that was taken away notices at its next step. */
export const beatBackfill = (sql: Sql, task: Backfill, leaseMs: Millis): Promise<number> => sql.affected`
  update backfill set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
  where tenant_id = ${task.tenant_id} and backfill_id = ${task.backfill_id} and lease_token = ${task.lease_token} and state = 'running'`

/** ms until the next one may begin; null where none waits. */
export const nextBackfill = async (sql: Sql): Promise<Millis | null> => {
  const [row] = await sql<{ ms: number | null }>`
    select (extract(epoch from min(greatest(next_at, coalesce(lease_until, next_at))) - clock_timestamp()) * 1000)::float8 as ms
    from backfill
    where state in ('queued', 'running')`
  return row?.ms ?? null
}
