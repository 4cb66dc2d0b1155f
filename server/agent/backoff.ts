/** When a record that could not be sent is tried again: the ladder of O5. Pure. */
import type { Millis } from '../doc/document.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** The last step repeats. */
export const ladder: readonly Millis[] = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
]

/** After so long in trouble a person must look: parked(max). */
export const troubleLimit: Millis = 72 * hour

/** Full jitter may draw zero; nothing is retried sooner than this. */
const shortest: Millis = 100

export interface Trouble {
  /** Attempts that failed since the trouble began, this one included: 1 or more. */
  attempts: number
  /** Start of the trouble; only applied, skipped or a person clears it. */
  since: Millis
  now: Millis
  /** Retry-After. */
  retryAt?: Millis
  /** [0, 1) */
  random: number
}

/**
 * Instant of the next try, or null when the ladder has ended. The last try is made when the limit is reached, however long its step;
 * a Retry-After that lies beyond it is still honoured.
 */
export const nextTry = ({ attempts, since, now, retryAt, random }: Trouble): Millis | null => {
  if (now - since >= troubleLimit) return null
  const step = ladder[Math.min(Math.max(attempts, 1), ladder.length) - 1] as Millis
  const at = Math.min(now + Math.max(shortest, Math.ceil(random * step)), since + troubleLimit)
  return retryAt === undefined ? at : Math.max(at, retryAt)
}
