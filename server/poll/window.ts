/** Reads one window to its end and stores what is new or changed; whatever happens in between, it goes on where the ledger says. */
import { type PageMemory, sweep } from '../connect/pager.ts'
import type { Connector, Page, Read, Reading } from '../doc/connector.ts'
import type { Admitted, Arrival, Hint, Millis, RecordKey } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Fault } from '../doc/fault.ts'
import type { PollDef } from '../doc/object.ts'
import type { Sql } from '../store/sql.ts'
import { advance, type Claimed, type Counts, noCounts, type OpenWindow, unchangedOf } from './store.ts'

export interface ReaderDeps {
  /** Wears `mortise_road`. */
  sql: Sql
  env: Pick<Env, 'now' | 'sleep' | 'random' | 'id' | 'point'>
  toArrival(key: RecordKey, reading: Reading, version: number, traceId: string, channel: 'poll'): Arrival
  /** In the caller's transaction, ≤ 500 rows (stage/admit.ts). */
  admitIn(tx: Sql, rows: readonly Arrival[]): Promise<Admitted[]>
  /** In the caller's transaction: records to be read by id (A2). */
  hintIn(tx: Sql, hints: readonly Hint[]): Promise<void>
  drawVersion(): Promise<number>
  /** Rows were stored: there may be work for the engine. */
  woke(rows: readonly RecordKey[]): void
}

/** Rows of one transaction (C5). */
const most = 500
/** Of one millisecond, before they are stored without moving the ledger. */
const mostWaiting = 4 * most
/** How long progress may be kept in memory where nothing has to be written. */
const longestUnwritten: Millis = 10_000
/** As a run's statements renew it. */
export const leaseMs: Millis = 60_000

/** With what became of these rows. */
const counted = (counts: Counts, admitted: readonly Admitted[]): Counts => {
  const of = (kind: Admitted['kind']): number => admitted.filter((one) => one.kind === kind).length
  const [created, changed] = [of('created'), of('updated')]
  return {
    ...counts,
    created: counts.created + created,
    changed: counts.changed + changed,
    unchanged: counts.unchanged + admitted.length - created - changed,
  }
}

type Versioned = Page & { version: number }

export const readWindow = async (
  deps: ReaderDeps,
  run: Claimed,
  window: OpenWindow,
  source: { connector: Connector; poll: Pick<PollDef, 'pageSize'>; memory: PageMemory },
  signal: AbortSignal,
): Promise<{ counts: Counts } | { fault: Fault; at?: Millis }> => {
  const { sql, env } = deps
  const total = noCounts()
  let since = noCounts()
  const waiting: Arrival[] = []
  const bad: Hint[] = []
  let written = env.now()

  const storeRows = async (rows: readonly Arrival[]): Promise<readonly Admitted[]> => {
    const admitted = await sql.retrying((tx) => deps.admitIn(tx, rows))
    deps.woke(rows)
    return admitted
  }

  /** `until`: everything before was read; null keeps the ledger where it is. What is waiting is taken at once: more may be read meanwhile. */
  const store = async (until: Millis | null): Promise<void> => {
    const rows = waiting.splice(0)
    if (until === null) {
      while (rows.length) {
        const admitted = await storeRows(rows.splice(0, most))
        since = counted(since, admitted)
      }
      return
    }
    const hints = bad.splice(0)
    let before = since
    since = noCounts()
    while (rows.length > most) before = counted(before, await storeRows(rows.splice(0, most)))
    await env.point('page not stored')
    const stored = await sql.retrying(async (tx) => {
      const counts = rows.length ? counted(before, await deps.admitIn(tx, rows)) : before
      if (hints.length) await deps.hintIn(tx, hints)
      await env.point('stored not advanced')
      await advance(tx, run, window, until, counts, leaseMs)
      await env.point('advanced not committed')
      return counts
    })
    await env.point('committed not woken')
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += stored[key]
    written = env.now()
    if (rows.length) deps.woke(rows)
  }

  /** One page is stored while the next is read (in turn, a first load took 126 µs a record; the longer half is 77); what fails shows with the next. */
  let storing: Promise<void> = Promise.resolve()
  const storeNext = async (until: Millis | null): Promise<void> => {
    await storing
    storing = store(until)
    storing.catch(() => {})
  }

  const swept = await sweep<Versioned>({
    object: run.object,
    from: Math.max(window.from_at, window.read_until),
    to: window.to_at,
    memory: source.memory,
    env,
    signal,
    read: async (asked, stop): Promise<Read<Versioned>> => {
      since.requests++
      const version = await deps.drawVersion() // before the request is sent (A1)
      await env.point('version drawn')
      const page = await source.connector.changes(asked, stop)
      await env.point('page read')
      return page.kind === 'read' ? { kind: 'read', value: { ...page.value, version } } : page
    },
    visit: async (page) => {
      const key = { tenant_id: run.tenant_id, connection_id: run.connection_id, object: run.object }
      const trace = env.id()
      // A page may hold a record twice; what comes later is newer.
      const newest = new Map(page.readings.map((reading) => [reading.data_id, reading]))
      const rows = [...newest.values()].map((reading) =>
        deps.toArrival({ ...key, data_id: reading.data_id }, reading, page.version, trace, 'poll'),
      )
      const same = await unchangedOf(sql, rows)
      since.seen += page.readings.length + (page.bad?.length ?? 0)
      since.unchanged += same.size
      since.failed += page.bad?.length ?? 0
      for (const [i, row] of rows.entries()) if (!same.has(i)) waiting.push(row)
      // Each is read by id, and is shown with its fault where that does not help (promise 12).
      for (const { data_id } of page.bad ?? [])
        if (data_id !== null)
          bad.push({
            ...key,
            data_id,
            channel: 'event',
            operation: 'upsert',
            trace_id: trace,
            raw: Buffer.alloc(0),
            cause: 'poll',
          })
      if (waiting.length >= mostWaiting) await storeNext(null)
    },
    progress: async (until) => {
      if (until >= window.to_at) return // the end is written below, with what is left
      if (waiting.length || bad.length || env.now() - written > longestUnwritten) await storeNext(until)
    },
  }).finally(() => storing.catch(() => {}))
  await storing
  if (swept.kind === 'failed') return { fault: swept.why, ...(swept.at !== undefined && { at: swept.at }) }
  await env.point('window read not ended')
  await store(window.to_at)
  return { counts: total }
}
