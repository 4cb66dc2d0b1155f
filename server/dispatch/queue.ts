/** Rows that wait to be sent: taken in once per call of a link, and told of when their batch has ended (decision 225). */
import type { Put, Row } from '../connect/masterdata-batch/masterdata-batch.ts'
import type { Millis } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import type { Answered, Outcome } from '../doc/outcome.ts'
import { at, col, type Sql } from '../store/sql.ts'
import type { Lane, Lanes } from './deps.ts'
import { leavesIn, roomFor } from './pace.ts'
import { lockQuota } from './quota.ts'

/** A key that is known stays as it is: the row of a call that was asked about before it came is withdrawn, and nothing of it leaves. */
export const putRows = (sql: Sql, rows: readonly Row[]): Promise<number> => sql.affected`
  insert into out_batch_row (tenant_id, connection_id, key, object, pair_id, link_id, code, body, state)
  select i.tenant_id, i.connection_id, i.key, i.object, i.pair_id, i.link_id, i.code, i.body, 'queued'
  from unnest(
    ${col.text(rows.map((row) => row.tenantId))}::text[], ${col.text(rows.map((row) => row.connectionId))}::text[],
    ${col.text(rows.map((row) => row.key))}::text[], ${col.text(rows.map((row) => row.object))}::text[],
    ${col.text(rows.map((row) => row.pairId))}::text[], ${col.int8(rows.map((row) => row.linkId))}::int8[],
    ${col.text(rows.map((row) => row.code))}::text[], ${col.bytes(rows.map((row) => row.body))}::bytea[])
    as i (tenant_id, connection_id, key, object, pair_id, link_id, code, body)
  on conflict (tenant_id, connection_id, key) do nothing`

/**
 * Which rows speak of a code that another record of the pair has, or that a row of another record is on its way with: the interface would write that
 * record over. Answers whose it is, by the row's key.
 */
export const codesTaken = async (sql: Sql, rows: readonly Row[]): Promise<ReadonlyMap<string, string>> => {
  const fresh = rows.filter((row) => row.isNew)
  if (!fresh.length) return new Map()
  const taken = await sql<{ key: string; holder: string }>`
    with input as materialized (
      select i.*
      from unnest(
        ${col.text(fresh.map((row) => row.tenantId))}::text[], ${col.text(fresh.map((row) => row.connectionId))}::text[],
        ${col.text(fresh.map((row) => row.key))}::text[], ${col.text(fresh.map((row) => row.object))}::text[],
        ${col.text(fresh.map((row) => row.pairId))}::text[], ${col.int8(fresh.map((row) => row.linkId))}::int8[],
        ${col.text(fresh.map((row) => row.side))}::text[], ${col.text(fresh.map((row) => row.code))}::text[])
        as i (tenant_id, connection_id, key, object, pair_id, link_id, side, code))
    select i.key, h.holder
    from input i
    cross join lateral (
      select k.link_id::text as holder from link k
      where i.side = 'left' and k.tenant_id = i.tenant_id and k.pair_id = i.pair_id and k.left_id = i.code and k.link_id <> i.link_id
      union all
      select k.link_id::text from link k
      where i.side = 'right' and k.tenant_id = i.tenant_id and k.pair_id = i.pair_id and k.right_id = i.code and k.link_id <> i.link_id
      union all
      select r.link_id::text from out_batch_row r
      where r.tenant_id = i.tenant_id and r.connection_id = i.connection_id and r.object = i.object and r.code = i.code
        and r.state in ('queued', 'packed') and (r.pair_id <> i.pair_id or r.link_id <> i.link_id)
      limit 1) h`
  return new Map(taken.map(({ key, holder }) => [key, holder]))
}

interface Stored {
  state: 'queued' | 'packed' | 'told' | 'withdrawn'
  outcome: 'applied' | 'refused' | 'again' | 'unknown' | null
  code: string | null
  fault: string | null
  warnings: string | null
  biz_id: string | null
}

const outcomeOf = (row: Stored): Outcome => {
  const why = (row.fault === null ? { code: 'bug', stage: 'settle' } : JSON.parse(row.fault)) as Fault
  switch (row.outcome) {
    case 'applied':
      return { kind: 'applied', targetId: row.code ?? '', rowIds: {} }
    case 'refused':
      return { kind: 'refused', proved: true, why }
    case 'again':
      return { kind: 'again', why }
    default:
      return { kind: 'unknown', why }
  }
}

/** How long a row that waits is not asked about again, unless its batch ends. */
const recheck: Millis = 10 * 60_000

/**
 * What became of a call. Whoever asks for a call that was never queued closes its place: a node that was frozen before it could queue the row finds
 * it taken, and the record is decided anew without a twin on its way.
 */
export const answered = async (
  sql: Sql,
  tenantId: string,
  connectionId: string,
  key: string,
  now: Millis,
): Promise<Answered> => {
  const closed = await sql.affected`
    insert into out_batch_row (tenant_id, connection_id, key, object, state)
    values (${tenantId}, ${connectionId}, ${key}, '', 'withdrawn')
    on conflict (tenant_id, connection_id, key) do nothing`
  if (closed) return { kind: 'never' }
  const [row] = await sql<Stored>`
    with told as (
      update out_batch_row set taken_at = clock_timestamp()
      where tenant_id = ${tenantId} and connection_id = ${connectionId} and key = ${key} and state = 'told' and taken_at is null)
    select r.state, r.outcome, r.code, r.fault, r.warnings, b.biz_id
    from out_batch_row r
    left join out_batch b on b.tenant_id = r.tenant_id and b.out_batch_id = r.out_batch_id
    where r.tenant_id = ${tenantId} and r.connection_id = ${connectionId} and r.key = ${key}`
  if (!row) throw new Error('a row of a batch vanished while it was asked for')
  if (row.state === 'withdrawn') return { kind: 'never' }
  if (row.state !== 'told') {
    const value = row.biz_id ?? '…'
    return { kind: 'pending', at: now + recheck, why: { code: 'batch.waiting', stage: 'send', value } }
  }
  const said = row.warnings === null ? null : (JSON.parse(row.warnings) as string[]).join('; ')
  const batch = row.biz_id === null ? null : `bizId ${row.biz_id}`
  return {
    kind: 'told',
    outcome: outcomeOf(row),
    said: [batch, said].filter((one) => one !== null && one !== '').join(': ') || null,
  }
}

/** Rows whose batch ended a while ago and whose links have not heard: the word to them was lost, or came while they were being asked. */
export const untaken = (
  sql: Sql,
  now: Millis,
): Promise<{ tenant_id: string; pair_id: string; link_id: number; key: string }[]> => sql`
  select tenant_id, pair_id, link_id, key
  from out_batch_row
  where state = 'told' and taken_at is null and told_at < ${at(now - 3_000)} and told_at > ${at(now - 3_600_000)}
  order by told_at
  limit 500`

/** How much of a lane waits, and since when. */
export const waitingOf = async (
  sql: Sql,
  { tenantId, connectionId, object }: Lane,
): Promise<{ queued: number; oldest: Millis }> => {
  const [row] = await sql<{ queued: number; oldest: number | null }>`
    select count(*)::int4 as queued, extract(epoch from clock_timestamp() - min(queued_at))::float8 * 1000 as oldest
    from out_batch_row
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and object = ${object} and state = 'queued'`
  return { queued: row?.queued ?? 0, oldest: Math.max(0, row?.oldest ?? 0) }
}

interface Queued {
  row: Row
  done: (put: Put) => void
  failed: (error: unknown) => void
}

/** So long a look at what waits is good enough: nodes may put a few rows too many, and no call. */
const lookFor: Millis = 300
const mostRows = 256

export const openQueue = (deps: {
  sql: Sql
  lanes: Pick<Lanes, 'find'>
  env: { now(): Millis; monotonic(): Millis; random(): number }
  /** Rows came in. */
  queued(): void
}) => {
  const { sql, lanes, env } = deps
  const rooms = new Map<string, { left: number; full: Millis; seen: Millis }>()
  let queue: Queued[] = []
  let running = false

  const look = async (lane: Lane, name: string): Promise<{ left: number; full: Millis; seen: Millis }> => {
    const known = rooms.get(name)
    if (known && env.monotonic() - known.seen < lookFor) return known
    const { queued } = await waitingOf(sql, lane)
    const { spans, heldFor } = await lockQuota(sql, lane, 0, null)
    const { maxRows } = lane.said
    const next = leavesIn({ queued: maxRows, oldest: 0, maxRows, fillFor: 0, spans, heldFor })
    // spread, so that those who wait for the hour do not all come in its first second
    const full = env.now() + Math.max(2_000, next) + env.random() * Math.max(1_000, Math.min(next, 60_000))
    const seen = { left: roomFor({ queued, maxRows, spans }), full, seen: env.monotonic() }
    rooms.set(name, seen)
    return seen
  }

  const take = async (batch: Queued[]): Promise<void> => {
    const taken: Queued[] = []
    const others = await codesTaken(
      sql,
      batch.map((one) => one.row),
    )
    const here = new Map<string, Row>()
    for (const one of batch) {
      // Of two that come together the second learns of the first.
      const place = JSON.stringify([one.row.tenantId, one.row.connectionId, one.row.object, one.row.code])
      const first = here.get(place)
      const holder = others.get(one.row.key) ?? (first && one.row.isNew ? String(first.linkId) : undefined)
      if (holder !== undefined) {
        one.done({ taken: holder })
        continue
      }
      here.set(place, one.row)
      const { tenantId, connectionId, object } = one.row
      const lane = lanes.find(tenantId, connectionId, object)
      const room = lane && (await look(lane, JSON.stringify([tenantId, connectionId, object])))
      if (room && room.left > 0) {
        room.left--
        taken.push(one)
      } else one.done({ full: room?.full ?? env.now() + 60_000 })
    }
    if (!taken.length) return
    try {
      await putRows(
        sql,
        taken.map((one) => one.row),
      )
      for (const one of taken) one.done('queued')
      deps.queued()
    } catch (error) {
      for (const one of taken) one.failed(error)
    }
  }

  const run = async (): Promise<void> => {
    while (queue.length) {
      const batch = queue.splice(0, mostRows)
      await take(batch).catch((error: unknown) => {
        for (const one of batch) one.failed(error)
      })
    }
    running = false
  }

  return {
    put: (row: Row): Promise<Put> =>
      new Promise((done, failed) => {
        queue.push({ row, done, failed })
        if (running) return
        running = true
        // What is marked in one statement is queued in one.
        queueMicrotask(() => void run())
      }),
    answered: (tenantId: string, connectionId: string, key: string): Promise<Answered> =>
      answered(sql, tenantId, connectionId, key, env.now()),
  }
}
