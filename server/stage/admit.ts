/** Group commit: rows that are ready together go in one statement; a row is answered only after its commit (architecture.md, "stage"). */
import type { Admitted, Arrival, Millis } from '../doc/document.ts'
import type { Sql } from '../store/sql.ts'
import { isCollision, isUnavailable } from '../store/trouble.ts'
import { fold, recordKey } from './fold.ts'
import { admitMerging, needsMerge } from './merge.ts'
import { isReading } from './readings.ts'
import { admitStatement } from './statement.ts'
import { admitWhole } from './whole.ts'

/** Nothing of this row was stored, or nobody can tell: the caller answers 503 and the sender sends again. */
export class BufferUnavailable extends Error {
  override name = 'BufferUnavailable'
}

export interface AdmitOptions {
  /** Rows that may wait for a commit; beyond it rows are refused rather than kept in memory. */
  queue?: number
  commitsInFlight?: number
  /** Milliseconds that a row may wait for its commit to begin; beyond it the row is refused (decision 012). */
  longestWait?: number
  /** For the simulator; production takes the database's clock. */
  now?: () => Millis
  /** Told after each commit that may have made work: wakes the workers of this process. */
  woke?: (rows: readonly Arrival[]) => void
  /** Each commit, how long it took, and whether its rows were stored: for the metrics. */
  committed?: (rows: number, ms: Millis, stored: boolean) => void
}

const maxRows = 256
const maxBytes = 4 << 20
/**
 * A further commit beside those in flight is worth its flush from so many rows on: with 32 callers, one after the other cost a fifth less CPU a
 * record. Where flushes are slow rows gather meanwhile, and up to four commits wait for the disk together.
 */
const worthwhile = 32
/** Ms after which a further commit goes whatever its size: the last one may be waiting for somebody's lock. */
const patience = 20

/** What the one statement stores by itself, without a transaction around it. */
const isPlain = (row: Arrival): boolean => !row.pushKey && !isReading(row) && !needsMerge(row)

interface Waiting {
  row: Arrival
  resolve: (admitted: Admitted) => void
  reject: (error: unknown) => void
  since: number
}

/**
 * `admit(row)` queues a row; if a commit slot is free it goes at once, else with the next commit. There is no linger timer: waiting
 * for company was slower at every load (performance.md, "How").
 */
export const groupCommit = (sql: Sql, options: AdmitOptions = {}) => {
  const { queue: limit = 20_000, commitsInFlight = 4, longestWait = 5_000, now, woke, committed } = options
  let queue: Waiting[] = []
  let queuedBytes = 0
  let inFlight = 0
  let closed = false
  const busy = new Set<string>() // records of commits in flight: rows of one record are stored in the order they came
  const drained: (() => void)[] = []

  /** Takes the head of the queue; rows that cannot share a commit with one before them stay, in order. */
  const take = (): Waiting[] => {
    const batch: Waiting[] = []
    const left: Waiting[] = []
    const alone = new Set<string>() // records and keys of which this commit may hold one row only
    const seen = new Set<string>()
    let bytes = 0
    for (const [index, waiting] of queue.entries()) {
      if (batch.length >= maxRows || (batch.length && bytes + waiting.row.raw.length > maxBytes)) {
        left.push(...queue.slice(index))
        break
      }
      const { row } = waiting
      const record = recordKey(row)
      const key = row.pushKey && `${row.tenant_id}\n${row.pushKey.tokenId}\n${row.pushKey.key}`
      const single = key !== undefined || row.version !== null || needsMerge(row)
      if (busy.has(record) || alone.has(record) || (single && seen.has(record)) || (key && alone.has(key))) {
        left.push(waiting)
        alone.add(record) // what follows of this record must not overtake it
        continue
      }
      seen.add(record)
      if (single) alone.add(record)
      if (key) alone.add(key)
      bytes += row.raw.length
      batch.push(waiting)
    }
    queue = left
    queuedBytes -= bytes
    return batch
  }

  const commit = async (rows: Arrival[]): Promise<Admitted[]> => {
    if (!rows.every(isPlain)) return sql.retrying((tx) => admitIn(tx, rows, now?.() ?? null))
    for (let attempt = 1; ; attempt++) {
      try {
        return await fold(rows, (folded) => admitStatement(sql, folded, now?.() ?? null))
      } catch (error) {
        if (!isCollision(error) || attempt >= 5) throw error // C5: a deadlock is retried and never shown
      }
    }
  }

  /** A row that the database refuses must not take its neighbours along: halve until it stands alone. */
  const settle = async (batch: Waiting[]): Promise<void> => {
    const began = performance.now()
    try {
      const admitted = await commit(batch.map((w) => w.row))
      committed?.(batch.length, performance.now() - began, true)
      for (const [i, waiting] of batch.entries()) waiting.resolve(admitted[i] as Admitted)
    } catch (error) {
      committed?.(batch.length, performance.now() - began, false)
      if (isUnavailable(error)) {
        for (const waiting of batch)
          waiting.reject(new BufferUnavailable('the buffer cannot be written', { cause: error }))
      } else if (batch.length === 1) {
        batch[0]?.reject(error)
      } else {
        const middle = batch.length >> 1
        await settle(batch.slice(0, middle))
        await settle(batch.slice(middle))
      }
    }
  }

  let began = 0
  let late: NodeJS.Timeout | null = null
  const isTime = () => inFlight === 0 || queue.length >= worthwhile || performance.now() - began >= patience

  const pump = () => {
    while (inFlight < commitsInFlight && queue.length) {
      if (!isTime()) {
        late ??= setTimeout(() => {
          late = null
          pump()
        }, patience)
        return
      }
      const batch = take()
      if (!batch.length) return // all that waits shares a record with a commit in flight: its end pumps again
      inFlight++
      began = performance.now()
      const records = batch.map((w) => recordKey(w.row))
      for (const record of records) busy.add(record)
      void settle(batch).finally(() => {
        inFlight--
        for (const record of records) busy.delete(record)
        woke?.(batch.map((w) => w.row))
        pump()
        if (!inFlight && !queue.length) for (const done of drained.splice(0)) done()
      })
    }
  }

  let watching = false
  /** In a queue that only grows everybody waits until nobody waits any more: the eldest are refused while their callers still listen. */
  const watch = (): void => {
    if (watching) return
    watching = true
    setTimeout(() => {
      watching = false
      const late = performance.now() - longestWait
      let old = 0
      while (old < queue.length && (queue[old] as Waiting).since < late) old++
      for (const { row, reject } of queue.splice(0, old)) {
        queuedBytes -= row.raw.length
        reject(new BufferUnavailable('the buffer takes too long'))
      }
      if (queue.length) watch()
    }, longestWait / 10).unref()
  }

  let due = false
  /** What one turn of the event loop read from the sockets goes together: taken row by row, a commit of one ran beside one of thirty. */
  const soon = (): void => {
    if (due) return
    due = true
    setImmediate(() => {
      due = false
      pump()
    })
  }

  return {
    /** @throws BufferUnavailable when nothing can be stored now */
    admit: (row: Arrival): Promise<Admitted> => {
      if (closed || queue.length >= limit || queuedBytes > 256 << 20) {
        return Promise.reject(new BufferUnavailable(closed ? 'stopping' : 'too much is waiting to be stored'))
      }
      return new Promise((resolve, reject) => {
        queue.push({ row, resolve, reject, since: performance.now() })
        queuedBytes += row.raw.length
        soon()
        watch()
      })
    },
    waiting: () => queue.length,
    /** Refuses new rows and waits for what is under way. */
    close: async (): Promise<void> => {
      closed = true
      if (inFlight || queue.length) await new Promise<void>((done) => drained.push(done))
    },
  }
}

export type GroupCommit = ReturnType<typeof groupCommit>

/** Admits rows inside the caller's transaction (≤ 500, C5): batches and pages, each row with its answer. */
export const admitIn = (tx: Sql, rows: readonly Arrival[], now: Millis | null = null): Promise<Admitted[]> =>
  rows.some(needsMerge) ? admitMerging(tx, rows, now) : fold(rows, (folded) => admitWhole(tx, folded, now))
