/** The poller: runs what is due of every polled object, window by window, on whichever node holds the lease (contracts.md section 2; promises 9-11, 22). */
import { nextTry } from '../agent/backoff.ts'
import { type Loop, startLoop } from '../agent/loop.ts'
import { type PageMemory, pageMemory } from '../connect/pager.ts'
import type { Connector } from '../doc/connector.ts'
import type { Millis } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import type { ConnectionDef } from '../doc/flow.ts'
import type { PollDef } from '../doc/object.ts'
import { utc, type Zone, zoneOf } from '../map/zone.ts'
import { nextRun } from './schedule.ts'
import {
  beat,
  beginWindow,
  bringForward,
  type Claimed,
  claimPolls,
  endRun,
  ensurePolls,
  Fenced,
  nextDue,
  type ObjectKey,
  openWindow,
} from './store.ts'
import { leaseMs, type ReaderDeps, readWindow } from './window.ts'
import { isTooFar, nextWindow, noticeableSkew } from './windows.ts'

export interface Polled extends ObjectKey {
  poll: PollDef
}

export interface PollerDeps extends ReaderDeps {
  /** The polled objects of the configuration as it is now. */
  polled(): Polled[]
  connector(tenantId: string, connectionId: string): Connector | undefined
  connection(tenantId: string, connectionId: string): ConnectionDef | undefined
  /** How far that system's clock is ahead of ours; null while unknown. */
  skew(tenantId: string, connectionId: string): { ms: Millis; uncertainty: Millis } | null
  log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>
  /** Objects that one node reads at the same time. */
  concurrency?: number
  /** Longest pause of the loop. */
  netMs?: Millis
}

const name = (key: ObjectKey): string => `${key.tenant_id}\n${key.connection_id}\n${key.object}`

/** Why a run ended where it did. */
type End = { fault: null } | { fault: Fault; at?: Millis; pausedBy?: 'clock' }

/** The poll's own clock: a source that is ahead or behind is asked in its own time. */
const sourceNow = async (
  deps: PollerDeps,
  run: Claimed,
  connector: Connector,
  signal: AbortSignal,
): Promise<{ now: Millis; skew: { ms: Millis; uncertainty: Millis } | null }> => {
  const read = () => deps.skew(run.tenant_id, run.connection_id)
  // One small question tells the clock, where nobody has asked yet, or where it was wrong.
  if (!read() || run.paused_by === 'clock') {
    const now = deps.env.now()
    await connector.changes({ object: run.object, from: now - 1_000, to: now, offset: 0, limit: 1 }, signal)
  }
  const skew = read()
  // What lies within the measure's uncertainty counts as not there yet.
  return { now: deps.env.now() + (skew ? skew.ms - skew.uncertainty : 0), skew }
}

/** Everything that is due of one object: what an earlier run left, what a person asked for again, then up to now. */
export const runPoll = async (
  deps: PollerDeps,
  run: Claimed,
  poll: PollDef,
  memory: PageMemory,
  signal: AbortSignal,
): Promise<End & { skew: Millis | null }> => {
  const connector = deps.connector(run.tenant_id, run.connection_id)
  if (!connector) return { fault: { code: 'config.connector', stage: 'read', said: 'no such connection' }, skew: null }
  const { now, skew: measured } = await sourceNow(deps, run, connector, signal)
  const skew = measured?.ms ?? null
  if (measured && skew !== null && isTooFar(measured, poll.overlap))
    return {
      fault: { code: 'read.clock', stage: 'read', value: String(skew), expected: `± ${poll.overlap / 2} ms` },
      pausedBy: 'clock',
      skew,
    }
  if (skew !== null && Math.abs(skew) > noticeableSkew)
    deps.log.warn(
      { tenant: run.tenant_id, connection: run.connection_id, skew },
      'the clock of this system is far from ours',
    )
  let doneUntil = run.done_until
  while (!signal.aborted) {
    let window = await openWindow(deps.sql, run)
    if (!window) {
      const due = nextWindow(doneUntil, now, poll)
      if (!due) break
      window = await beginWindow(deps.sql, run, due.from, due.to)
    }
    await deps.env.point('window begun')
    const read = await readWindow(deps, run, window, { connector, poll, memory }, signal)
    if ('fault' in read) return { ...read, skew }
    await deps.env.point('window ended')
    if (window.cause === 'schedule') doneUntil = Math.max(doneUntil, window.to_at)
  }
  return { fault: null, skew }
}

const isOver = (signal: AbortSignal, end: End): boolean => signal.aborted && end.fault?.code === 'send.closed'

export const startPoller = (deps: PollerDeps): Loop => {
  const { env, sql, concurrency = 4, netMs = 30_000 } = deps
  const memories = new Map<string, PageMemory>()
  const running = new Map<string, Promise<void>>()
  let known = ''
  const zoneOfPoll = ({ tenant_id, connection_id, poll }: Polled): Zone =>
    zoneOf(poll.zone ?? deps.connection(tenant_id, connection_id)?.zone ?? 'UTC') ?? utc
  const stopping = new AbortController()

  const work = async (run: Claimed, poll: PollDef): Promise<void> => {
    const connection = deps.connection(run.tenant_id, run.connection_id)
    const zone = zoneOfPoll({ ...run, poll })
    const size = poll.pageSize ?? connection?.pageSize ?? 100
    const key = name(run)
    let memory = memories.get(key)
    if (!memory) memories.set(key, (memory = pageMemory(size)))
    // A page that shrank in bad times grows back, run by run.
    memory.size = Math.min(size, Math.max(memory.size, Math.ceil(memory.size * 1.5)))
    const beating = setInterval(() => void beat(sql, run, leaseMs).catch(() => {}), leaseMs / 3)
    try {
      const end = await runPoll(deps, run, poll, memory, stopping.signal)
      await env.point('run not ended')
      const usual = nextRun(poll, zone, env.now()) ?? env.now() + 365 * 86_400_000
      const jittered = usual + Math.floor(env.random() * poll.jitter)
      if (end.fault === null) {
        await endRun(sql, run, { nextAt: jittered, fault: null, attempts: 0, skew: end.skew })
        return
      }
      // Nothing was lost: the window is still open, and the next run goes on with it.
      const attempts = isOver(stopping.signal, end) ? run.attempts : run.attempts + 1
      const retry = nextTry({
        attempts,
        since: run.now,
        now: run.now,
        random: env.random(),
        ...(end.at !== undefined && { retryAt: end.at }),
      })
      const nextAt = isOver(stopping.signal, end) ? env.now() : Math.min(retry ?? usual, Math.max(usual, end.at ?? 0))
      await endRun(sql, run, {
        nextAt,
        fault: JSON.stringify(end.fault),
        attempts,
        skew: end.skew,
        ...(end.pausedBy && { pausedBy: end.pausedBy }),
      })
      if (!isOver(stopping.signal, end))
        deps.log.warn(
          {
            tenant: run.tenant_id,
            connection: run.connection_id,
            object: run.object,
            code: end.fault.code,
            stage: end.fault.stage,
          },
          end.pausedBy ? 'polling is paused: the clocks are too far apart' : 'a poll did not come to its end',
        )
    } catch (err) {
      if (!(err instanceof Fenced))
        deps.log.error(
          { err, tenant: run.tenant_id, connection: run.connection_id, object: run.object },
          'a poll failed; its lease will run out',
        )
    } finally {
      clearInterval(beating)
    }
  }

  const loop = startLoop({
    name: 'poller',
    every: netMs,
    env,
    log: deps.log as never,
    run: async () => {
      const polled = deps.polled()
      if (!polled.length) return netMs
      const declared = JSON.stringify(polled)
      if (declared !== known) {
        await ensurePolls(sql, polled)
        const now = env.now()
        const nexts = polled.map((one) => nextRun(one.poll, zoneOfPoll(one), now) ?? now + 365 * 86_400_000)
        await bringForward(
          sql,
          polled,
          nexts.map((next, i) => next + (polled[i] as Polled).poll.jitter),
        )
        known = declared
      }
      const free = concurrency - running.size
      const idle = polled.filter((one) => !running.has(name(one)))
      for (const run of free > 0 ? await claimPolls(sql, idle, free, leaseMs) : []) {
        const key = name(run)
        const poll = (polled.find((one) => name(one) === key) as Polled).poll
        const done = work(run, poll).finally(() => {
          running.delete(key)
          loop.wake()
        })
        running.set(key, done)
      }
      if (running.size >= concurrency) return netMs
      const due = await nextDue(
        sql,
        polled.filter((one) => !running.has(name(one))),
      )
      return due === null ? netMs : Math.max(20, Math.min(netMs, due))
    },
  })
  return {
    wake: loop.wake,
    stop: async () => {
      stopping.abort()
      await loop.stop()
      await Promise.all(running.values())
    },
  }
}
