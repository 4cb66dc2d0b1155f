/** Outgoing batches: filled and counted in one transaction, claimed by whoever sends them, ended by the first answer that tells of them. */
import { verdictsOf, type RowVerdict, type SentRow, readRow, writeRequest } from '../connect/masterdata-batch/wire.ts'
import type { Millis } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import { at, col, type Sql } from '../store/sql.ts'
import type { Asker, BatchResult, Lane } from './deps.ts'
import { leavesIn } from './pace.ts'
import { waitingOf } from './queue.ts'
import { lockQuota } from './quota.ts'

/** Below the 20 MB that such interfaces take. */
const mostBytes = 15 * 1024 * 1024

interface Queued {
  key: string
  code: string
  body: Buffer
}

/** Of one record's key only one row goes into a batch: of two the target would drop the first. */
const chosen = (queued: readonly Queued[], maxRows: number): Queued[] => {
  const codes = new Set<string>()
  const taken: Queued[] = []
  let bytes = 0
  for (const row of queued) {
    if (codes.has(row.code)) continue
    bytes += row.body.length + 1
    if (taken.length === maxRows || (taken.length > 0 && bytes > mostBytes)) break
    codes.add(row.code)
    taken.push(row)
  }
  return taken
}

const makeBatch = async (tx: Sql, lane: Lane, rows: readonly Queued[], bizId: string, now: Millis): Promise<number> => {
  const { tenantId, connectionId, object, path } = lane
  const body = writeRequest({ bizId, now, url: lane.url, rows: rows.map((row) => row.body) })
  const [batch] = await tx<{ id: number }>`
    insert into out_batch (tenant_id, out_batch_id, connection_id, object, path, biz_id, locale, row_count, body)
    values (${tenantId}, nextval('out_batch_seq'), ${connectionId}, ${object}, ${path}, ${bizId}, ${lane.said.locale}, ${rows.length}, ${body})
    returning out_batch_id as id`
  const { id } = batch as { id: number }
  await tx`
    update out_batch_row r set state = 'packed', out_batch_id = ${id}, row_no = i.row_no
    from unnest(${col.text(rows.map((row) => row.key))}::text[]) with ordinality as i (key, row_no)
    where r.tenant_id = ${tenantId} and r.connection_id = ${connectionId} and r.key = i.key`
  return id
}

/**
 * Fills one batch of a lane where it is time for one, and counts its call: the number of its call is taken before it can leave. Answers in how long
 * the next may leave, 0 where there may be more at once, null where nothing waits.
 */
export const fill = (
  sql: Sql,
  lane: Lane,
  newId: () => string,
  now: Millis,
): Promise<{ made: boolean; next: Millis | null }> =>
  sql.retrying(async (tx) => {
    const { spans, heldFor } = await lockQuota(tx, lane, 0, null)
    const { queued, oldest } = await waitingOf(tx, lane)
    if (!queued) return { made: false, next: null }
    const { maxRows, fillFor } = lane.said
    const next = leavesIn({ queued, oldest, maxRows, fillFor, spans, heldFor })
    if (next > 0) return { made: false, next }
    const rows = await tx<Queued>`
      select key, code, body
      from out_batch_row
      where tenant_id = ${lane.tenantId} and connection_id = ${lane.connectionId} and object = ${lane.object} and state = 'queued'
      order by queued_at, key
      limit ${maxRows}
      for update skip locked`
    const taken = chosen(rows, maxRows)
    if (!taken.length) return { made: false, next: 1_000 }
    await lockQuota(tx, lane, 1, null)
    await makeBatch(tx, lane, taken, newId(), now)
    return { made: true, next: 0 }
  })

export interface Claimed {
  tenant_id: string
  out_batch_id: number
  connection_id: string
  object: string
  path: string
  biz_id: string
  row_count: number
  body: Buffer
  state: 'ready' | 'accepted'
  posts: number
  asks: number
  made_at: Millis
  answer_by: Millis | null
  lease_token: number
}

export const claim = (
  sql: Sql,
  target: { tenantId: string; connectionId: string },
  limit: number,
  leaseMs: Millis,
): Promise<Claimed[]> => sql<Claimed>`
  with due as materialized (
    select tenant_id, out_batch_id
    from out_batch
    where tenant_id = ${target.tenantId} and connection_id = ${target.connectionId} and state in ('ready', 'accepted')
      and next_at <= clock_timestamp() and (lease_until is null or lease_until < clock_timestamp())
    order by next_at, out_batch_id
    limit ${limit}
    for update skip locked)
  update out_batch b set
    lease_token = b.lease_token + 1, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
  from due
  where b.tenant_id = due.tenant_id and b.out_batch_id = due.out_batch_id
  returning b.tenant_id, b.out_batch_id, b.connection_id, b.object, b.path, b.biz_id, b.row_count, b.body, b.state, b.posts, b.asks,
    b.made_at, b.answer_by, b.lease_token`

/** A batch that was given up: its bytes are gone, and what became of it can still be told. */
export type Lost = Pick<Claimed, 'tenant_id' | 'out_batch_id' | 'connection_id' | 'object' | 'path' | 'biz_id'>

/** What people want to know now: batches under way are due at once; those that were given up are answered, for whoever calls this to ask after. */
export const takeAsks = (sql: Sql): Promise<Lost[]> => sql<Lost>`
  with asked as (
    delete from out_batch_ask returning tenant_id, out_batch_id),
  hastened as (
    update out_batch b set next_at = clock_timestamp()
    from asked a
    where b.tenant_id = a.tenant_id and b.out_batch_id = a.out_batch_id and b.state in ('ready', 'accepted'))
  select b.tenant_id, b.out_batch_id, b.connection_id, b.object, b.path, b.biz_id
  from asked a
  join out_batch b on b.tenant_id = a.tenant_id and b.out_batch_id = a.out_batch_id
  where b.state = 'lost'`

/** A batch that was given up was asked about in vain. */
export const stillLost = (sql: Sql, batch: Lost, said: string | null): Promise<unknown> => sql`
  update out_batch set asks = asks + 1, asked_at = clock_timestamp(), said = coalesce(${said}::text, said)
  where tenant_id = ${batch.tenant_id} and out_batch_id = ${batch.out_batch_id} and state = 'lost'`

/** When the next batch is due; null: none is. */
export const nextDue = async (sql: Sql): Promise<Millis | null> => {
  const [row] = await sql<{ ms: number | null }>`
    select extract(epoch from min(greatest(next_at, coalesce(lease_until, next_at))) - clock_timestamp())::float8 * 1000 as ms
    from out_batch
    where state in ('ready', 'accepted')`
  return row?.ms ?? null
}

/**
 * Written down before the first byte leaves, and only under the lease, which begins anew: with where it goes, for there it is asked after. The first
 * call of a batch was counted when it was filled; a repetition is a call as well. Answers in how long there will be room for it, 0 where it may leave
 * now; null: the lease is gone.
 */
export const markPost = (sql: Sql, lane: Lane, batch: Claimed, leaseMs: Millis): Promise<Millis | null> =>
  sql.retrying(async (tx) => {
    const { spans, heldFor } = await lockQuota(tx, lane, 0, null)
    const left = batch.posts > 0 ? spans : []
    const wait = leavesIn({ queued: 1, oldest: 0, maxRows: 1, fillFor: 0, spans: left, heldFor })
    if (wait > 0) return wait
    const marked = await tx.affected`
      update out_batch set
        posts = posts + 1, posted_at = coalesce(posted_at, clock_timestamp()), path = ${lane.path},
        lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
      where tenant_id = ${batch.tenant_id} and out_batch_id = ${batch.out_batch_id} and lease_token = ${batch.lease_token}
        and state = 'ready' and lease_until > clock_timestamp()`
    if (!marked) return null
    if (batch.posts > 0) await lockQuota(tx, lane, 1, null)
    return 0
  })

export interface Later {
  state: 'ready' | 'accepted'
  next: Millis
  /** Deadline of the answer, where it begins now. */
  answerBy?: Millis
  asked?: boolean
  /** What had to be counted did not leave. */
  unposted?: boolean
  status?: number | null
  said?: string | null
}

/** The batch goes on later. Changes nothing where another has taken over, or where an answer came meanwhile. */
export const putOff = (sql: Sql, batch: Claimed, later: Later): Promise<unknown> => sql`
  update out_batch set
    state = ${later.state}, next_at = ${at(later.next)}, lease_until = null,
    accepted_at = case when ${later.state} = 'accepted' then coalesce(accepted_at, clock_timestamp()) else accepted_at end,
    answer_by = coalesce(answer_by, ${later.answerBy === undefined ? null : at(later.answerBy)}),
    asks = asks + ${later.asked ? 1 : 0}, asked_at = case when ${later.asked ?? false}::boolean then clock_timestamp() else asked_at end,
    posts = posts - ${later.unposted ? 1 : 0},
    status = coalesce(${later.status ?? null}::int4, status), said = coalesce(${later.said ?? null}::text, said)
  where tenant_id = ${batch.tenant_id} and out_batch_id = ${batch.out_batch_id} and lease_token = ${batch.lease_token}
    and state in ('ready', 'accepted')`

// ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
interface StoredRow extends Asker {
  row_no: number
  code: string
  body: Buffer
}

const rowsOf = (tx: Sql, tenantId: string, batchId: number): Promise<StoredRow[]> => tx<StoredRow>`
  select tenant_id, pair_id, link_id, key, row_no, code, body
  from out_batch_row
  where tenant_id = ${tenantId} and out_batch_id = ${batchId}
  order by row_no`

type End = { outcome: 'applied' | 'refused' | 'again' | 'unknown'; fault: Fault | null; warnings: string[] }

const endOf = (verdict: RowVerdict, bizId: string, row: StoredRow): End => {
  const fault = (code: Fault['code'], said?: string): Fault => ({
    code,
    stage: 'send',
    value: `${bizId}/${row.row_no}`,
    ...(said !== undefined && { said: said.slice(0, 2_000) }),
  })
  switch (verdict.kind) {
    case 'applied':
      return { outcome: 'applied', fault: null, warnings: verdict.warnings }
    case 'refused':
      return { outcome: 'refused', fault: fault('batch.row', verdict.said), warnings: verdict.warnings }
    case 'again':
      return { outcome: 'again', fault: fault('batch.failed'), warnings: [] }
    case 'unsure':
      return { outcome: 'unknown', fault: fault('batch.unplaced', verdict.said), warnings: [] }
  }
}

const tellRows = async (
  tx: Sql,
  connectionId: string,
  rows: readonly StoredRow[],
  ends: readonly End[],
): Promise<void> => {
  await tx`
    update out_batch_row r set
      state = 'told', outcome = i.outcome, fault = i.fault, warnings = i.warnings, told_at = clock_timestamp(), taken_at = null
    from unnest(
      ${col.text(rows.map((row) => row.tenant_id))}::text[], ${col.text(rows.map((row) => row.key))}::text[],
      ${col.text(ends.map((end) => end.outcome))}::text[],
      ${col.text(ends.map((end) => (end.fault ? JSON.stringify(end.fault) : null)))}::text[],
      ${col.text(ends.map((end) => (end.warnings.length ? JSON.stringify(end.warnings) : null)))}::text[])
      as i (tenant_id, key, outcome, fault, warnings)
    where r.tenant_id = i.tenant_id and r.connection_id = ${connectionId} and r.key = i.key`
}

const count = (ends: readonly End[], outcome: End['outcome']): number =>
  ends.filter((end) => end.outcome === outcome).length

interface Ending {
  tenantId: string
  batchId: number
  now: Millis
  status: number | null
  said: string | null
}

interface Locked {
  connection_id: string
  biz_id: string
  state: string
}

/** Ends are told by whoever hears first: answer, callback or query. A lost batch may still be told of. */
const lock = async (tx: Sql, { tenantId, batchId }: Ending): Promise<Locked | null> => {
  const [batch] = await tx<Locked>`
    select connection_id, biz_id, state
    from out_batch
    where tenant_id = ${tenantId} and out_batch_id = ${batchId}
    for update`
  return batch && ['ready', 'accepted', 'lost'].includes(batch.state) ? batch : null
}

/** Every row's end, in the transaction that ends the batch. Answers whose links are to be asked again; null: it had ended before. */
export const endBatch = (
  sql: Sql,
  ending: Ending,
  result: BatchResult,
  by: 'answer' | 'callback' | 'query',
  keyField: string,
): Promise<Asker[] | null> =>
  sql.retrying(async (tx) => {
    const batch = await lock(tx, ending)
    if (!batch) return null
    const rows = await rowsOf(tx, ending.tenantId, ending.batchId)
    const sent = rows.map(
      (row): SentRow => ({ row: row.row_no, code: row.code, sequence: readRow(row.body, keyField).sequence }),
    )
    const ends = verdictsOf(sent, result).map((verdict, i) => endOf(verdict, batch.biz_id, rows[i] as StoredRow))
    await tellRows(tx, batch.connection_id, rows, ends)
    await tx`
      update out_batch set
        state = 'done', told_by = ${by}, ended_at = ${at(ending.now)}, lease_until = null, body = null,
        applied_count = ${count(ends, 'applied')}, refused_count = ${count(ends, 'refused')},
        asked_at = case when ${by}::text = 'query' then clock_timestamp() else asked_at end,
        status = coalesce(${ending.status}::int4, status), said = coalesce(${ending.said}::text, said)
      where tenant_id = ${ending.tenantId} and out_batch_id = ${ending.batchId}`
    return rows
  })

/** Nobody told of it in time, or it was turned down as a whole: all its rows end alike. */
export const giveUp = (
  sql: Sql,
  ending: Ending,
  state: 'split' | 'lost',
  outcome: 'refused' | 'again' | 'unknown',
  why: Fault,
): Promise<Asker[] | null> =>
  sql.retrying(async (tx) => {
    const batch = await lock(tx, ending)
    if (!batch || batch.state === 'lost') return null
    const rows = await rowsOf(tx, ending.tenantId, ending.batchId)
    await tellRows(
      tx,
      batch.connection_id,
      rows,
      rows.map(() => ({ outcome, fault: { ...why, value: batch.biz_id }, warnings: [] })),
    )
    await tx`
      update out_batch set
        state = ${state}, ended_at = ${at(ending.now)}, lease_until = null, refused_count = ${outcome === 'refused' ? rows.length : 0}::int4,
        applied_count = 0, body = null, status = coalesce(${ending.status}::int4, status), said = coalesce(${ending.said}::text, said)
      where tenant_id = ${ending.tenantId} and out_batch_id = ${ending.batchId}`
    return rows
  })

/**
 * A batch that is refused as a whole may be so for one row of it (promise 12): its halves go out by themselves, each under a name of its own, and
 * are counted like any batch. Until there is room for their calls the batch stays. Answers in how long there will be; 0: done.
 */
export const split = (sql: Sql, lane: Lane, ending: Ending, newId: () => string): Promise<Millis> =>
  sql.retrying(async (tx) => {
    const { spans, heldFor } = await lockQuota(tx, lane, 0, null)
    const wait = leavesIn({
      queued: 1,
      oldest: 0,
      maxRows: 1,
      fillFor: 0,
      spans: spans.map((s) => ({ ...s, left: s.left - 1 })),
      heldFor,
    })
    if (wait > 0) return wait
    const batch = await lock(tx, ending)
    if (!batch || batch.state === 'lost') return 0
    const rows = await rowsOf(tx, ending.tenantId, ending.batchId)
    const half = Math.ceil(rows.length / 2)
    for (const part of [rows.slice(0, half), rows.slice(half)]) {
      await lockQuota(tx, lane, 1, null)
      await makeBatch(tx, lane, part, newId(), ending.now)
    }
    await tx`
      update out_batch set
        state = 'split', ended_at = ${at(ending.now)}, lease_until = null, body = null,
        status = coalesce(${ending.status}::int4, status), said = coalesce(${ending.said}::text, said)
      where tenant_id = ${ending.tenantId} and out_batch_id = ${ending.batchId}`
    return 0
  })

/** Ninety days, like the batches that come in. */
export const forget = async (sql: Sql): Promise<void> => {
  await sql`
    delete from out_batch_row
    where queued_at < clock_timestamp() - interval '90 days' and state in ('told', 'withdrawn')`
  await sql`
    delete from out_batch b
    where b.ended_at < clock_timestamp() - interval '90 days'
      and not exists (select from out_batch_row r where r.tenant_id = b.tenant_id and r.out_batch_id = b.out_batch_id)`
}
