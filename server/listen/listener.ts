/**
 * The agent that listens to queues: opens each subscription, hands what comes to the door's commit, and says how it stands. A message is
 * acknowledged once its arrival is committed, or once it is kept as one that could not be read; whatever is lost is opened anew.
 */
import { isRefusal, type Refusal, refusal } from '../../protocol/codes.ts'
import { find, Kind, kindOf, name, scan, valueText } from '../../protocol/scan.ts'
import type { Loop, LoopOptions, Stoppable } from '../agent/loop.ts'
import { startLoop } from '../agent/loop.ts'
import { type Message, type OpenQueue, type QueueConsumer, type QueueDeps, sayTrouble } from '../connect/queue.ts'
import type { Admitted, Arrival, Hint, Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { QueueDef, QueueKind } from '../doc/queue.ts'
import type { Sql } from '../store/sql.ts'
import { isUnavailable } from '../store/trouble.ts'
import { openBursts } from './bursts.ts'
import { type EventConnection, type EventRow, eventRow, eventsOf, type Source } from './events.ts'
import { keepRefused, type RefusedEvent } from './refused.ts'
import { dropStanding, type QueueState, type QueueView, writeStanding } from './standing.ts'

/** A queue as it is declared, with the connection whose changes it brings. */
export interface Declared {
  tenantId: string
  connectionId: string
  queue: QueueDef
}

export type MessageEnd = 'stored' | 'hint' | 'skipped' | 'refused'

export interface ListenerDeps {
  env: Env
  node: string
  /** For how it stands and for what could not be read. */
  sql: Sql
  open: Record<QueueKind, OpenQueue>
  policy: QueueDeps['policy']
  connection(tenantId: string, connectionId: string): EventConnection | undefined
  admit(row: Arrival): Promise<Admitted>
  hint(row: Hint): Promise<void>
  /** Counted per message, and per loss of a subscription. */
  counted?(queue: Declared, end: MessageEnd, messages: number): void
  lost?(queue: Declared): void
  log: {
    info(details: object, message: string): void
    warn(details: object, message: string): void
  } & LoopOptions['log']
}

export interface Listener extends Stoppable {
  /** What is declared now: new subscriptions are opened, changed ones opened anew, others left alone. */
  refresh(declared: readonly Declared[]): void
  views(): QueueView[]
}

const lookEvery: Millis = 5_000
/** How often a subscription that has nothing new to say shows that it is alive. */
const showEvery: Millis = 20_000
const shortestPause: Millis = 200
const longestPause: Millis = 10_000

const keyOf = ({ tenantId, connectionId, queue }: Declared): string =>
  JSON.stringify([tenantId, connectionId, queue.id])

const named = { objectApiName: name('objectApiName'), dataId: name('dataId') }

/** What an event that is refused says of itself, as far as it can be read; else empty. */
const saysOf = (event: Buffer, connection: EventConnection | undefined): { object: string; dataId: string } => {
  const paths = connection?.events?.names
  const result = scan(event, 1)
  const textAt = (key: 'objectApiName' | 'dataId'): string => {
    if (!result.ok || result.scan.root !== Kind.object) return ''
    const path = paths?.[key] ?? key
    const m = find(result.scan, -1, path === key ? named[key] : name(path))
    return m >= 0 && (kindOf(result.scan, m) === Kind.string || kindOf(result.scan, m) === Kind.number)
      ? valueText(result.scan, m).replaceAll('\u0000', '').slice(0, 128)
      : ''
  }
  return { object: textAt('objectApiName'), dataId: textAt('dataId') }
}

/** Nothing was stored and time may heal it; else it is this very event's fault. */
const passes = (error: unknown): boolean =>
  isUnavailable(error) || (error instanceof Error && error.name === 'BufferUnavailable')

interface Part {
  message: number
  event: Buffer
  made: EventRow | Refusal
}

/** One message may hold one event or an array of them; what is wrong with one of them does not touch the others. */
export const partsOf = (source: Source, message: Message, index: number): Part[] => {
  const split = eventsOf(message.body)
  if (isRefusal(split)) return [{ message: index, event: message.body, made: split }]
  return split.events.map((event, i) => ({
    message: index,
    event,
    made: eventRow(source, event, split.many ? `[${i}].` : ''),
  }))
}

export const startListener = (deps: ListenerDeps): Listener => {
  const { env, log } = deps
  const running = new Map<string, { declared: Declared; text: string; view: QueueView; stop(): Promise<void> }>()
  const ending = new Set<Promise<void>>()

  /** `before`: the subscription that this one takes the place of has ended; `lastAt`: when that one last brought something. */
  const startQueue = (declared: Declared, before: Promise<void> | undefined, lastAt: Millis | null) => {
    const { tenantId, connectionId, queue } = declared
    const stopping = new AbortController()
    const { signal } = stopping
    const about = { tenant: tenantId, connection: connectionId, queue: queue.id, kind: queue.kind }
    const view: QueueView = {
      tenantId,
      connectionId,
      queueId: queue.id,
      kind: queue.kind,
      state: queue.state === 'paused' ? 'paused' : 'connecting',
      since: env.now(),
      lag: null,
      taken: 0,
      refused: 0,
      connects: 0,
      lastAt,
      fault: null,
    }
    let consumer: QueueConsumer | null = null
    const bursts = openBursts()
    let shown = { text: '', at: -Infinity }

    /** Told to the other nodes when something changed, and now and then. */
    const show = async (): Promise<void> => {
      const text = JSON.stringify([view.state, view.fault, view.lag, view.taken, view.refused])
      if (text === shown.text && env.monotonic() - shown.at < showEvery) return
      await writeStanding(deps.sql, deps.node, view)
      shown = { text, at: env.monotonic() }
    }
    const look: Loop = startLoop({
      name: `listener of ${queue.id}`,
      every: lookEvery,
      env,
      log,
      run: async () => {
        if (consumer) view.lag = await consumer.lag()
        await show()
      },
    })
    const turn = (state: QueueState, fault: string | null): void => {
      if (state !== view.state) view.since = env.now()
      view.state = state
      view.fault = fault
      look.wake()
    }

    /** Until it is stored, or a stop was asked for: what waits here waits at the broker as well. */
    const insist = async <T>(what: () => Promise<T>): Promise<{ done: T } | { failed: unknown } | null> => {
      for (let pause = 100; ; pause = Math.min(5_000, pause * 2)) {
        try {
          return { done: await what() }
        } catch (error) {
          if (!passes(error)) return { failed: error }
          if (view.fault === null) {
            log.warn({ ...about, err: error }, 'what the queue brings cannot be stored now; it waits at the broker')
            turn(view.state, `not stored: ${sayTrouble(error)}`)
          }
          if (signal.aborted) return null
          await env.sleep(pause, signal)
          if (signal.aborted) return null
        }
      }
    }

    /** Of a burst only the first event is taken as it is: the others ask for one read at the end of the window. */
    const calmed = (made: EventRow, { readable }: EventConnection): EventRow => {
      if ('skip' in made || !readable) return made
      const { object, data_id } = 'row' in made ? made.row : made.hint
      // a void is its own last word
      if ('row' in made && made.row.operation === 'void') return made
      const wait = bursts.wait(`${object}\n${data_id}`, env.monotonic())
      if (wait === 0) return made
      if ('hint' in made) return { hint: { ...made.hint, wait } }
      const { trace_id, raw } = made.row
      const record = { tenant_id: tenantId, connection_id: connectionId, object, data_id }
      const cause = 'one of a burst'
      return { hint: { ...record, channel: 'event', operation: 'upsert', trace_id, raw, cause, wait } }
    }

    const take = async (messages: readonly Message[]): Promise<boolean[]> => {
      const connection = deps.connection(tenantId, connectionId)
      if (!connection) return messages.map(() => false) // it is just being removed
      view.lastAt = env.now()
      const sender = { tenantId, connectionId, redelivers: true }
      const traces = messages.map(() => env.id())
      const parts = messages.flatMap((message, i) => {
        const meta = JSON.stringify({ queue: queue.id, place: message.place })
        return partsOf({ sender, connection, traceId: traces[i] as string, meta }, message, i)
      })
      // All are handed over before any is waited for: they fall into one commit, or a few, in the order they came.
      const ends = await Promise.all(
        parts.map(async ({ made: told }): Promise<MessageEnd | Refusal | null> => {
          if (isRefusal(told)) return told
          const made = calmed(told, connection)
          if ('skip' in made) return 'skipped'
          const end = await insist<unknown>(() => ('row' in made ? deps.admit(made.row) : deps.hint(made.hint)))
          if (end === null) return null
          if ('done' in end) return 'row' in made ? 'stored' : 'hint'
          log.error({ loop: 'listener', err: end.failed }, 'an event is refused by the database; it is kept')
          return refusal('s306240001', 'object', { value: sayTrouble(end.failed) })
        }),
      )
      const bad = parts.flatMap(({ message, event }, i): RefusedEvent[] => {
        const why = ends[i]
        if (why === null || typeof why !== 'object') return []
        const { place } = messages[message] as Message
        const says = saysOf(event, connection)
        const traceId = traces[message] as string
        return [{ tenantId, connectionId, queueId: queue.id, place, ...says, traceId, why, body: event }]
      })
      if (bad.length) {
        const kept = await insist(() => keepRefused(deps.sql, bad))
        if (kept === null || 'failed' in kept) return messages.map(() => false)
        view.refused += bad.length
        for (const one of bad.slice(0, 3))
          log.warn(
            { ...about, place: one.place, trace: one.traceId, why: one.why },
            'an event cannot be read; it is kept',
          )
      }
      const stored = messages.map(() => true)
      const counts = new Map<MessageEnd, number>()
      for (const [i, { message }] of parts.entries()) {
        const end = ends[i] ?? null
        if (end === null) stored[message] = false
        else {
          const what = typeof end === 'string' ? end : 'refused'
          counts.set(what, (counts.get(what) ?? 0) + 1)
        }
      }
      for (const [end, count] of counts) deps.counted?.(declared, end, count)
      const taken = stored.filter((one) => one).length
      view.taken += taken
      if (taken && view.fault !== null) turn('listening', null)
      return stored
    }

    const listen = async (): Promise<void> => {
      await before
      if (queue.state === 'paused') return look.wake()
      for (let losses = 0; !signal.aborted; ) {
        const began = env.monotonic()
        try {
          consumer = await deps.open[queue.kind](queue, {
            policy: deps.policy,
            clientName: `mortise ${deps.node.slice(0, 8)}`,
          })
          view.connects++
          if (view.state === 'reconnecting') log.info(about, 'the queue is heard again')
          turn('listening', null)
          await consumer.consume(take, signal)
        } catch (error) {
          if (!signal.aborted) {
            const why = sayTrouble(error)
            // each loss once, not each vain try
            if (view.state !== 'reconnecting' || view.fault !== why)
              log.warn({ ...about, why }, 'the queue is lost; it is opened anew')
            if (view.state === 'listening') deps.lost?.(declared)
            turn('reconnecting', why)
          }
        } finally {
          const closing = consumer
          consumer = null
          await closing?.close()
        }
        if (signal.aborted) return
        losses = env.monotonic() - began > longestPause ? 0 : losses + 1
        const pause = Math.min(longestPause, shortestPause * 2 ** Math.min(losses, 10)) * (0.5 + env.random() / 2)
        await env.sleep(pause, signal)
      }
    }
    const ended = listen()

    return {
      declared,
      text: JSON.stringify(queue),
      view,
      stop: async (): Promise<void> => {
        stopping.abort()
        await ended
        await look.stop()
        await dropStanding(deps.sql, deps.node, view).catch(() => {}) // an old row is seen no more
      },
    }
  }

  const end = (key: string): Promise<void> => {
    const one = running.get(key)
    running.delete(key)
    const done = one?.stop() ?? Promise.resolve()
    ending.add(done)
    return done.finally(() => ending.delete(done))
  }

  let stopped = false
  return {
    refresh(declared) {
      if (stopped) return
      const wanted = new Map(declared.map((one) => [keyOf(one), one]))
      const before = new Map<string, { ended: Promise<void>; lastAt: Millis | null }>()
      for (const [key, one] of running)
        if (JSON.stringify(wanted.get(key)?.queue) !== one.text)
          before.set(key, { ended: end(key), lastAt: one.view.lastAt })
      for (const [key, one] of wanted) {
        const old = before.get(key)
        if (!running.has(key)) running.set(key, startQueue(one, old?.ended, old?.lastAt ?? null))
      }
    },
    views: () => [...running.values()].map((one) => ({ ...one.view })),
    async stop() {
      stopped = true
      await Promise.all([...running.keys()].map(end))
      await Promise.all(ending)
    },
  }
}
