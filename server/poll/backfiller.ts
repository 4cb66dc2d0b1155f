/** The backfiller: reads history for people, page by page, and gives way to what is live. A crash, a pause or a stop costs no more than a page. */
import type { Loop } from '../agent/loop.ts'
import { pageMemory, sweep } from '../connect/pager.ts'
import type { Connector, Page, Read, Reading } from '../doc/connector.ts'
import type { Admitted, Arrival, Millis, RecordKey } from '../doc/document.ts'
import type { ConnectionDef } from '../doc/flow.ts'
import type { Sql } from '../store/sql.ts'
import { findPatiently } from './find.ts'
import {
  type Asked,
  type Backfill,
  beatBackfill,
  claimBackfill,
  endBackfill,
  nextBackfill,
  stepBackfill,
} from './history.ts'
import { noCounts, unchangedOf } from './store.ts'
import { startTasks, type Trouble } from './tasks.ts'
import { leaseMs, type ReaderDeps } from './window.ts'

export interface BackfillerDeps extends ReaderDeps {
  connector(tenantId: string, connectionId: string): Connector | undefined
  connection(tenantId: string, connectionId: string): ConnectionDef | undefined
  /** How many records of this object's flows wait to be sent, counted no further than `most`. */
  backlog(key: RecordKey, most: number): Promise<number>
  /** These staged records shall travel although nothing changed (C6); in the caller's transaction. */
  again(tx: Sql, rows: readonly RecordKey[]): Promise<void>
  /** Ids of this object's records that are mapped over the pair, in order, behind `after`. */
  mapped(key: RecordKey, pair: string, after: string | null, limit: number): Promise<string[]>
  log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>
  netMs?: Millis
}

const most = 500
/** Records of history that may stand before a live one. */
const room = 500
/** Between two looks at how many do: short at first, for the engine is often done with a page before the next could be read. */
const [firstLook, longestLook]: readonly [Millis, Millis] = [20, 500]
/** Where an id list and a mapping are read one by one: so many at the same time. */
const abreast = 4

interface Position {
  /** Of ranges: which one, and up to where it is read. */
  range?: number
  until?: Millis
  /** Of ids and mappings: how many are done, and the last id. */
  count?: number
  after?: string
}

const matches = (where: Asked['where'], { document }: Reading): boolean =>
  !where ||
  Object.entries(where).every(([field, value]) => {
    const held = document.content.masterFieldVal[field]
    return held !== undefined && held !== null && String(held) === value
  })

/** One task, to its end or to what is in the way. @throws Fenced */
export const workBackfill = async (
  deps: BackfillerDeps,
  task: Backfill,
  signal: AbortSignal,
): Promise<Trouble | null> => {
  const { sql, env } = deps
  const { what, where, compare } = task.asked
  const key = { tenant_id: task.tenant_id, connection_id: task.connection_id, object: task.object, data_id: '' }
  const connector = deps.connector(key.tenant_id, key.connection_id)
  const connection = deps.connection(key.tenant_id, key.connection_id)
  if (!connector || !connection)
    return { fault: { code: 'config.connector', stage: 'read', said: 'no such connection' } }
  const start = (task.position === null ? {} : JSON.parse(task.position)) as Position
  let done = task.done
  let counts = noCounts()

  /** Live changes go first: history waits while much of its object is still to be sent. */
  const giveWay = async (): Promise<void> => {
    for (let look = firstLook; !signal.aborted && (await deps.backlog(key, room)) >= room; ) {
      await sql.retrying((tx) =>
        stepBackfill(tx, task, { done, position: JSON.stringify(start), counts: noCounts() }, leaseMs),
      )
      await env.sleep(look, signal)
      look = Math.min(longestLook, 2 * look)
    }
  }

  const store = async (rows: Arrival[], to: { done: number; position: Position }): Promise<void> => {
    const same = compare ? await unchangedOf(sql, rows) : new Set<number>()
    counts.unchanged += same.size
    const news = rows.filter((_, i) => !same.has(i))
    await env.point('read not admitted')
    await sql.retrying(async (tx) => {
      const now = { ...counts }
      const admitted: readonly Admitted[] = news.length ? await deps.admitIn(tx, news) : []
      for (const { kind } of admitted) {
        if (kind === 'created') now.created++
        else if (kind === 'updated') now.changed++
        else now.unchanged++
      }
      if (!compare) await deps.again(tx, news)
      await stepBackfill(tx, task, { done: to.done, position: JSON.stringify(to.position), counts: now }, leaseMs)
    })
    counts = noCounts()
    done = to.done
    Object.assign(start, to.position)
    if (news.length) deps.woke(news)
  }

  const arrivalsOf = (readings: readonly Reading[], version: number): Arrival[] => {
    const trace = env.id()
    counts.seen += readings.length
    const newest = new Map(readings.filter((one) => matches(where, one)).map((reading) => [reading.data_id, reading]))
    return [...newest.values()].map((reading) =>
      deps.toArrival({ ...key, data_id: reading.data_id }, reading, version, trace, 'poll'),
    )
  }

  if (what.by === 'ranges') {
    const memory = pageMemory(connection.pageSize)
    for (const [index, range] of what.ranges.entries()) {
      if (index < (start.range ?? 0)) continue
      const from = index === start.range ? (start.until ?? range.from) : range.from
      const before = done - (from - range.from)
      let waiting: Arrival[] = []
      const swept = await sweep<Page & { version: number }>({
        object: task.object,
        from,
        to: range.to,
        memory,
        env,
        signal,
        read: async (window, stop): Promise<Read<Page & { version: number }>> => {
          counts.requests++
          const version = await deps.drawVersion()
          const page = await connector.changes(window, stop)
          return page.kind === 'read' ? { kind: 'read', value: { ...page.value, version } } : page
        },
        visit: async (page) => {
          counts.failed += page.bad?.length ?? 0
          waiting.push(...arrivalsOf(page.readings, page.version))
          // A millisecond with very many rows is stored as it comes; where it goes on is not moved by that.
          while (waiting.length > most) await store(waiting.splice(0, most), { done, position: start })
        },
        progress: async (until) => {
          await store(waiting.splice(0), { done: before + (until - range.from), position: { range: index, until } })
          waiting = []
          await giveWay()
        },
      })
      if (swept.kind === 'failed') return { fault: swept.why, ...(swept.at !== undefined && { at: swept.at }) }
    }
    return null
  }

  // One by one, a few abreast; a record that is gone or cannot be read is counted and does not hold up the others.
  for (let count = start.count ?? 0, after = start.after ?? null; ; ) {
    if (signal.aborted) return { fault: { code: 'send.closed', stage: 'read' } }
    const ids =
      what.by === 'ids'
        ? what.ids.slice(count, count + 20 * abreast)
        : await deps.mapped(key, what.pair, after, 20 * abreast)
    if (!ids.length) return null
    const rows: Arrival[] = []
    let trouble: Trouble | null = null
    for (let i = 0; i < ids.length && !trouble; i += abreast) {
      await Promise.all(
        ids.slice(i, i + abreast).map(async (id) => {
          counts.requests++
          const version = await deps.drawVersion()
          const read = await findPatiently(connector, task.object, id, env, signal)
          if (read.kind === 'failed') {
            // The source waits (a limit, quiet hours), or we stop: the record is not given up for that.
            if (read.calm || signal.aborted)
              trouble = { fault: read.why, ...(read.at !== undefined && { at: read.at }) }
            else counts.failed++
          } else if (read.value) rows.push(...arrivalsOf([read.value], version))
          else counts.failed++
        }),
      )
    }
    if (trouble) return trouble
    count += ids.length
    after = ids.at(-1) as string
    await store(rows, { done: count, position: { count, after } })
    await giveWay()
  }
}

/** A task whose trouble goes on for so long has ended in error; what it stored stays, and it can be continued. */
export const startBackfiller = (deps: BackfillerDeps): Loop => {
  const { sql } = deps
  return startTasks<Backfill>(
    {
      name: 'backfiller',
      claim: () => claimBackfill(sql, leaseMs),
      next: () => nextBackfill(sql),
      work: (task, signal) => workBackfill(deps, task, signal),
      end: (task, end) => endBackfill(sql, task, end),
      beat: { everyMs: leaseMs / 3, of: (task) => beatBackfill(sql, task, leaseMs) },
      shown: (task) => ({
        tenant: task.tenant_id,
        connection: task.connection_id,
        object: task.object,
        task: task.backfill_id,
      }),
      waits: 'a history task waits',
    },
    deps,
  )
}
