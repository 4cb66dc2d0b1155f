/** The fetcher: reads single records by id for hints, rereads and what changed while we wrote (A1, A2, C4). */
import { nextTry } from '../agent/backoff.ts'
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Reading } from '../doc/connector.ts'
import type { Arrival, RecordKey } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import { sides } from '../doc/document.ts'
import type { Engine } from './engine.ts'
import type { FetchRow, Target } from './road.ts'

const lease = 60_000

/** Cause of a read that a void event asked for, where events come in no order and carry no time. */
export const voidHint = 'void event'

export interface FetcherOptions {
  sweepMs?: number
  /** Turns a reading into a row for the door, with the hashes that the doors use. */
  toArrival(key: RecordKey, reading: Reading, version: number, traceId: string): Arrival
  concurrency?: number
}

/** Reads one row's record and ends the row. The version is drawn before the request is sent (A1). */
export const fetchOne = async (
  engine: Engine,
  row: FetchRow,
  toArrival: FetcherOptions['toArrival'],
  signal: AbortSignal,
): Promise<void> => {
  const { road, directory, env } = engine
  const connector = directory.connector(row.tenant_id, row.connection_id)
  const connection = directory.connection(row.tenant_id, row.connection_id)
  if (!connector || !connection)
    return road.endFetch(row, {
      kind: 'failed',
      fault: fault({ code: 'config.connector', stage: 'read', said: 'no such connection' }),
    })
  const version = await road.drawVersion()
  const read = await connector.find(row.object, row.data_id, signal)
  await env.point('read not admitted')
  if (read.kind === 'failed') {
    if (signal.aborted)
      return road.endFetch(row, { kind: 'retry', ms: 0, attempts: row.attempts, fault: fault(read.why) })
    // The whole source waits (a limit, quiet hours, no token): the read is not given up for that.
    if (read.calm && read.at !== undefined) {
      const ms = Math.max(0, read.at - row.now)
      return road.endFetch(row, { kind: 'retry', ms, attempts: row.attempts, fault: fault(read.why) })
    }
    const attempts = row.attempts + (read.calm ? 0 : 1)
    const at = nextTry({
      attempts,
      since: row.first_at,
      now: row.now,
      random: env.random(),
      ...(read.at !== undefined && { retryAt: read.at }),
    })
    return road.endFetch(
      row,
      at === null
        ? { kind: 'failed', fault: fault(read.why) }
        : { kind: 'retry', ms: at - row.now, attempts, fault: fault(read.why) },
    )
  }
  if (read.value === null) return missing(engine, row, connection.overlap, version)
  const [admitted] = await road.admit([toArrival(row, read.value, version, row.trace_id || env.id())])
  // A reading that began before our own write ended was not staged: the row stays, and is read again (A1).
  if (admitted?.kind === 'reread')
    return road.endFetch(row, {
      kind: 'retry',
      ms: 0,
      attempts: row.attempts,
      fault: fault({ code: 'read.failed', stage: 'read', said: 'we were writing it' }),
    })
  return road.endFetch(row, { kind: 'done' })
}

/** `null` is retried over the overlap, for a record may be visible late; then it is gone at its source (A2). */
const missing = async (
  { road, directory, env }: Engine,
  row: FetchRow,
  overlap: number,
  version: number,
): Promise<void> => {
  const voided = (): Arrival => ({
    tenant_id: row.tenant_id,
    connection_id: row.connection_id,
    object: row.object,
    data_id: row.data_id,
    operation: 'void',
    channel: 'fetch',
    trace_id: row.trace_id || env.id(),
    raw: Buffer.alloc(0),
    master: null,
    details: null,
    detailsComplete: true,
    masterHash: Buffer.alloc(0),
    detailsHash: null,
    source_time: null,
    external_id: null,
    version,
  })
  // The source has told us of the void already, perhaps while we were writing: the reading confirms it, above our own write (A1).
  const [staged] = await road.documents([row])
  if (staged?.operation === 'void') {
    await road.admit([voided()])
    return road.endFetch(row, { kind: 'done' })
  }
  // An event that could not be trusted to come in order said that it was voided, and it is not there: both agree (A2).
  if (row.cause === voidHint) {
    await road.admit([voided()])
    return road.endFetch(row, { kind: 'done' })
  }
  const since = row.gone_since ?? row.now
  if (row.now - since < overlap) return road.endFetch(row, { kind: 'missing', ms: Math.min(overlap, 5_000) })
  const voids = directory.pairsOf(row.tenant_id, row.connection_id, row.object).some((pair) =>
    sides.some((side) => {
      const there = pair.def[side]
      return (
        there.connectionId === row.connection_id &&
        there.object === row.object &&
        pair.plans[side]?.def.goneAtSource === 'void'
      )
    }),
  )
  if (!voids) return road.endFetch(row, { kind: 'gone', fault: fault({ code: 'read.gone', stage: 'read' }) })
  await road.admit([voided()])
  return road.endFetch(row, { kind: 'done' })
}

const fault = (f: Fault): string => JSON.stringify(f)

const name = (t: Target): string => `${t.tenant_id}/${t.connection_id}`

export const startFetcher = (engine: Engine, options: FetcherOptions) => {
  const { sweepMs = 1_000, toArrival, concurrency = 8 } = options
  const stopping = new AbortController()
  const lanes = new Map<string, Loop>()

  const turn = async (source: Target): Promise<number | void> => {
    const rows = await engine.road.claimFetches(source, concurrency, lease)
    if (!rows.length) return
    await Promise.all(
      rows.map((row) =>
        fetchOne(engine, row, toArrival, stopping.signal).catch((err) =>
          engine.log.error(
            {
              err,
              trace: row.trace_id,
              tenant: row.tenant_id,
              connection: row.connection_id,
              object: row.object,
              id: row.data_id,
            },
            'a read by id failed; it will be repeated',
          ),
        ),
      ),
    )
    return rows.length >= concurrency ? 0 : undefined
  }

  const refresh = (): void => {
    const wanted = new Map(engine.directory.targets().map((t) => [name(t), t]))
    for (const [key, target] of wanted) {
      if (!lanes.has(key))
        lanes.set(
          key,
          startLoop({
            name: `fetcher ${key}`,
            every: sweepMs,
            run: () => turn(target),
            env: engine.env,
            log: engine.log,
          }),
        )
    }
    for (const [key, loop] of lanes) {
      if (wanted.has(key)) continue
      lanes.delete(key)
      void loop.stop()
    }
  }
  refresh()
  return {
    /** Without sources: everywhere. */
    wake: (sources?: readonly Target[]): void => {
      if (!sources) for (const loop of lanes.values()) loop.wake()
      else for (const source of sources) lanes.get(name(source))?.wake()
    },
    refresh,
    stop: async (): Promise<void> => {
      stopping.abort()
      await Promise.all([...lanes.values()].map((loop) => loop.stop()))
    },
  }
}

export type Fetcher = ReturnType<typeof startFetcher>
