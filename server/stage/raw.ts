/** Group commit for non-standard pushes: the log and the decoder's to-do in one statement, answered after its commit; its bytes are not looked at. */
import type { Kept, RawArrival } from '../doc/document.ts'
import { col, type Sql } from '../store/sql.ts'
import { isCollision, isUnavailable } from '../store/trouble.ts'
import { BufferUnavailable } from './admit.ts'
import { takeKeys } from './keys.ts'

const keep = async (sql: Sql, rows: readonly RawArrival[]): Promise<number[]> => {
  const kept = await sql<{ ord: number; seq: number }>`
    with clock as materialized (select clock_timestamp() as now),
    input as materialized (
      select i.*, nextval('arrival_seq') as seq, nextval('version_seq') as version
      from unnest(
        ${col.text(rows.map((r) => r.tenant_id))}::text[], ${col.text(rows.map((r) => r.connection_id))}::text[],
        ${col.text(rows.map((r) => r.object))}::text[], ${col.text(rows.map((r) => r.operation))}::text[],
        ${col.text(rows.map((r) => r.trace_id))}::text[], ${col.text(rows.map((r) => r.meta))}::text[], ${col.bytes(rows.map((r) => r.raw))}::bytea[])
        with ordinality as i (tenant_id, connection_id, object, operation, trace_id, meta, raw, ord)),
    todo as (
      insert into decode (seq, received_at, tenant_id, connection_id, object, trace_id, operation, version, next_at)
      select i.seq, clock.now, i.tenant_id, i.connection_id, i.object, i.trace_id, i.operation, i.version, clock.now
      from input i cross join clock),
    logged as (
      insert into arrival (seq, received_at, tenant_id, connection_id, object, data_id, operation, channel, trace_id, outcome, meta, body)
      select i.seq, clock.now, i.tenant_id, i.connection_id, i.object, '', i.operation, 'push', i.trace_id, 'decode', i.meta, i.raw
      from input i cross join clock)
    select ord::int4 as ord, seq from input`
  const seqs: number[] = []
  for (const { ord, seq } of kept) seqs[ord - 1] = seq
  return seqs
}

/** Inside the caller's transaction; a push whose key was used is answered as the first was, and is not kept. */
export const keepIn = async (tx: Sql, rows: readonly RawArrival[]): Promise<Kept[]> => {
  const answers: (Kept | null)[] = rows.some((row) => row.pushKey)
    ? await takeKeys(tx, rows, null)
    : rows.map(() => null)
  const live = rows.flatMap((row, place) => (answers[place] ? [] : [{ row, place }]))
  if (live.length) {
    const seqs = await keep(
      tx,
      live.map(({ row }) => row),
    )
    for (const [i, { place }] of live.entries()) answers[place] = { kind: 'kept', seq: seqs[i] as number }
  }
  return answers as Kept[]
}

const mostRows = 256
const mostBytes = 4 << 20

interface Waiting {
  row: RawArrival
  done: (kept: Kept) => void
  failed: (error: unknown) => void
}

/** One commit at a time; what arrives meanwhile goes with the next. */
export const groupRaw = (sql: Sql, woke: (rows: readonly RawArrival[]) => void, limit = 5_000) => {
  let queue: Waiting[] = []
  let bytes = 0
  let running = false
  let closed = false
  let idle: (() => void) | null = null

  /** No two rows of one commit may carry the same key. */
  const take = (): Waiting[] => {
    const batch: Waiting[] = []
    const left: Waiting[] = []
    const keys = new Set<string>()
    let size = 0
    for (const waiting of queue) {
      const { row } = waiting
      const key = row.pushKey && `${row.tenant_id}\n${row.pushKey.tokenId}\n${row.pushKey.key}`
      const full = batch.length >= mostRows || (batch.length > 0 && size + row.raw.length > mostBytes)
      if (full || (key !== undefined && keys.has(key))) {
        left.push(waiting)
        continue
      }
      if (key !== undefined) keys.add(key)
      size += row.raw.length
      batch.push(waiting)
    }
    queue = left
    bytes -= size
    return batch
  }

  const commit = async (rows: readonly RawArrival[]): Promise<Kept[]> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await sql.begin((tx) => keepIn(tx, rows))
      } catch (error) {
        if (!isCollision(error) || attempt >= 5) throw error
      }
    }
  }

  /** A row that the database refuses must not take its neighbours along. */
  const settle = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const kept = await commit(batch.map((one) => one.row))
      for (const [i, one] of batch.entries()) one.done(kept[i] as Kept)
      woke(batch.map((one) => one.row))
    } catch (error) {
      if (isUnavailable(error)) {
        for (const one of batch) one.failed(new BufferUnavailable('the buffer cannot be written', { cause: error }))
      } else if (batch.length === 1) {
        batch[0]?.failed(error)
      } else {
        const middle = batch.length >> 1
        await settle(batch.slice(0, middle))
        await settle(batch.slice(middle))
      }
    }
  }

  const run = async (): Promise<void> => {
    while (queue.length) await settle(take())
    running = false
    idle?.()
  }

  return {
    /** @throws BufferUnavailable when nothing can be stored now */
    keep: (row: RawArrival): Promise<Kept> => {
      if (closed || queue.length >= limit || bytes > 256 << 20)
        return Promise.reject(new BufferUnavailable(closed ? 'stopping' : 'too much is waiting to be stored'))
      return new Promise((done, failed) => {
        queue.push({ row, done, failed })
        bytes += row.raw.length
        if (running) return
        running = true
        setImmediate(() => void run())
      })
    },
    close: async (): Promise<void> => {
      closed = true
      if (running) await new Promise<void>((done) => (idle = done))
    },
  }
}
