/** When a batch leaves: full at once, else when its oldest row has waited long enough, and the longer the less of the target's limits is left. Pure. */
import type { Millis } from '../doc/document.ts'

/** A day's or an hour's calls of one path. */
export interface Span {
  limit: number
  left: number
  /** Until it begins anew. */
  endsIn: Millis
}

export interface Waiting {
  queued: number
  /** How long the oldest row has waited. */
  oldest: Millis
  maxRows: number
  fillFor: Millis
  spans: readonly Span[]
  /** How long the target asked to wait still. */
  heldFor: Millis
}

/** In how long the next batch may leave; 0: now. While more than half of a span is left nobody waits longer than `fillFor`; then what is left is spread over the rest of it. */
export const leavesIn = ({ queued, oldest, maxRows, fillFor, spans, heldFor }: Waiting): Millis => {
  const used = spans.filter((span) => span.left <= 0)
  if (used.length) return Math.max(heldFor, ...used.map((span) => span.endsIn))
  if (queued >= maxRows) return heldFor
  const spread = spans.map((span) => (span.left * 2 > span.limit ? 0 : span.endsIn / span.left))
  return Math.max(heldFor, Math.max(fillFor, ...spread) - oldest, 0)
}

const mostCalls = 10

/**
 * How many more rows may wait: what is queued is frozen, so no more than what leaves soon; the rest stays with its records, where a newer version
 * takes the older one's place.
 */
export const roomFor = ({ queued, maxRows, spans }: Pick<Waiting, 'queued' | 'maxRows' | 'spans'>): number =>
  maxRows * Math.max(1, Math.min(mostCalls, ...spans.map((span) => span.left))) - queued

const second = 1_000
/** After a call that did not get through: 5 s doubling to 10 min, a quarter more or less. */
export const pauseAfter = (tries: number, random: number): Millis =>
  Math.min(5 * second * 2 ** Math.min(Math.max(0, tries - 1), 10), 600 * second) * (0.75 + random / 2)

/** Between two questions for a result: the first soon where no callback will come. */
export const askAfter = (asks: number, callsBack: boolean, random: number): Millis =>
  Math.min((callsBack ? 15 : 2) * second * 2 ** Math.min(asks, 10), 300 * second) * (0.75 + random / 2)
