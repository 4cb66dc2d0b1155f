/** When a callback that was not taken is tried again: ten tries over 75 hours with jitter (contracts.md section 5). Pure. */
import type { Millis } from '../doc/document.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** After the first try, the second … */
const pauses: readonly Millis[] = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
]
export const mostTries = pauses.length + 1
/** What has taken nothing for so long is left alone. */
export const disabledAfter: Millis = 5 * 24 * hour

/** `Retry-After` may ask for patience, not for ever. */
const longestPatience: Millis = 48 * hour

export interface Tried {
  /** This one included. */
  attempts: number
  now: Millis
  retryAt?: Millis
  /** [0, 1) */
  random: number
}

/** Instant of the next try; null: that was the last. Up to a tenth more or less, so that what failed together does not come back together. */
export const nextTry = ({ attempts, now, retryAt, random }: Tried): Millis | null => {
  const pause = pauses[attempts - 1]
  if (pause === undefined) return null
  const at = now + Math.round(pause * (0.9 + random / 5))
  return retryAt === undefined ? at : Math.max(at, Math.min(retryAt, now + longestPatience))
}
