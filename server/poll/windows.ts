/** Which stretch of a source's time is read next, and which was never read: pure arithmetic of [from, to). */
import type { Millis } from '../doc/document.ts'
import type { PollDef } from '../doc/object.ts'

export interface Stretch {
  from: Millis
  to: Millis
}

/**
 * `[last end - overlap, now - lag]`, in the source's own clock; after a stop no longer than a slice beyond the last end. Null: there is nothing
 * to read yet.
 */
export const nextWindow = (
  doneUntil: Millis,
  sourceNow: Millis,
  { overlap, lag, slice }: Pick<PollDef, 'overlap' | 'lag' | 'slice'>,
): Stretch | null => {
  const to = Math.min(Math.floor(sourceNow - lag), doneUntil + slice)
  return to > doneUntil ? { from: doneUntil - overlap, to } : null
}

/** What of `whole` no stretch of `read` covers, in order. */
export const gapsIn = (whole: Stretch, read: readonly Stretch[]): Stretch[] => {
  const gaps: Stretch[] = []
  let at = whole.from
  for (const { from, to } of [...read].sort((a, b) => a.from - b.from)) {
    if (from >= whole.to) break
    if (from > at) gaps.push({ from: at, to: from })
    at = Math.max(at, to)
  }
  if (at < whole.to) gaps.push({ from: at, to: whole.to })
  return gaps
}

/** In pieces no longer than `slice`. */
export const slicesOf = ({ from, to }: Stretch, slice: Millis): Stretch[] => {
  const slices: Stretch[] = []
  for (let at = from; at < to; at += slice) slices.push({ from: at, to: Math.min(at + slice, to) })
  return slices
}

/** Warned about from here on (promise 11). */
export const noticeableSkew: Millis = 60_000

/** Half the overlap: beyond it a record may be stamped outside of every window that is still to come. What is within the measure's doubt does not count. */
export const isTooFar = (skew: { ms: Millis; uncertainty: Millis }, overlap: Millis): boolean =>
  Math.abs(skew.ms) - skew.uncertainty > overlap / 2
