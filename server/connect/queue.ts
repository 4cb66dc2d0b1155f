/** The contract of queues: how messages are handed over in batches and acknowledged, whatever the broker; and the way out to it, guarded. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { QueueDef } from '../doc/queue.ts'
import { guardedLookup, type Policy, refuseAddress } from '../egress/guard.ts'

export interface Message {
  body: Buffer
  /** Where it stands at the broker, for people: a queue and tag, a stream and sequence. */
  place: string
  redelivered: boolean
}

/**
 * Answers per message whether it is stored: true is acknowledged, false goes back to the broker. It waits where the database does not take
 * anything, and answers false only when it was told to stop. Never throws for what a message holds.
 */
export type Take = (messages: readonly Message[]) => Promise<readonly boolean[]>

/**
 * One subscription of one node. Nothing reconnects in here: whatever is lost (connection, leader, consumer, the queue itself) rejects `consume`,
 * and who called it opens anew. Any number of nodes may consume one queue; a message may come twice and in any order.
 */
export interface QueueConsumer {
  /**
   * Hands over batches, one at a time and in the order of delivery, and acknowledges each message only after `take` has answered true for it.
   * Rejects when the subscription is lost. Resolves after `signal`: what `take` holds is ended, the rest returned.
   */
  consume(take: Take, signal: AbortSignal): Promise<void>
  /** Messages at the broker that nobody has acknowledged; null where it cannot be told now. */
  lag(): Promise<number | null>
  /** Never rejects. */
  close(): Promise<void>
}

export interface QueueDeps {
  policy: Policy
  /** What the broker shows of us. */
  clientName: string
}

/** Rejects where the broker cannot be reached, does not know us, or has no such queue. */
export type OpenQueue = (queue: QueueDef, deps: QueueDeps) => Promise<QueueConsumer>

export const addressesOf = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

/** A sentence for people, without what a URL may hold of secrets. */
export const sayTrouble = (error: unknown): string => {
  const of = (one: unknown): string => {
    if (!(one instanceof Error)) return String(one)
    if (one instanceof AggregateError && one.errors.length) return of(one.errors[0])
    const code = 'code' in one && typeof one.code === 'string' && !one.message.includes(one.code) ? `${one.code} ` : ''
    return `${code}${one.message || one.name}`
  }
  return of(error)
    .replace(/\/\/[^/@\s]*@/g, '//…@')
    .slice(0, 500)
}

const bare = (host: string): string => (host.startsWith('[') ? host.slice(1, -1) : host)

/** For clients that connect by themselves: the lookup whose addresses were checked; literals are checked at once. Throws EgressRefused's sentence. */
export const guardedSocket = (host: string, port: number, policy: Policy) => {
  const refused = isIP(bare(host)) ? refuseAddress(bare(host), port, policy) : null
  if (refused) throw new Error(`The address is not allowed: ${refused}`)
  return { lookup: guardedLookup(port, policy) }
}

/** For clients that look up names by themselves and take no lookup of ours: every address of the name, before they are asked to connect. */
export const checkHost = async (host: string, port: number, policy: Policy): Promise<void> => {
  const name = bare(host)
  const addresses = isIP(name) ? [name] : (await lookup(name, { all: true, verbatim: true })).map((one) => one.address)
  for (const address of addresses) {
    const refused = refuseAddress(address, port, policy)
    if (refused) throw new Error(`The address is not allowed: ${name === address ? '' : `${name}: `}${refused}`)
  }
}

/**
 * Makes batches of what a broker delivers one by one: what came in while a batch was being stored is the next one, so there is no timer and a
 * lone message goes at once. `handle` runs once at a time.
 */
export const gather = <T>(most: number, handle: (batch: T[]) => Promise<void>, failed: (error: unknown) => void) => {
  let waiting: T[] = []
  let running: Promise<void> | null = null
  let closed = false
  const run = async (): Promise<void> => {
    // what one turn of the event loop brought goes together
    await new Promise((done) => setImmediate(done))
    while (waiting.length && !closed) await handle(waiting.splice(0, most))
  }
  return {
    add: (one: T): void => {
      if (closed) return
      waiting.push(one)
      running ??= run()
        .catch(failed)
        .finally(() => {
          running = null
        })
    },
    /** Ends what is under way and answers what was not handled. */
    close: async (): Promise<T[]> => {
      closed = true
      await running
      const rest = waiting
      waiting = []
      return rest
    },
  }
}
