/** How far a target's clock is from ours, measured by the `Date` header of its answers (promise 11). */
import type { Millis } from '../../doc/document.ts'

/** `ms`: theirs minus ours. The truth lies within ± `uncertainty`: the header's whole seconds and the round trip. */
export interface Skew {
  ms: Millis
  uncertainty: Millis
}

export interface SkewMeter {
  note(date: string | undefined, sentAt: Millis, headersAt: Millis): void
  value(): Skew | null
}

const samples = 15

export const createSkewMeter = (): SkewMeter => {
  const seen: Skew[] = []
  let next = 0
  let value: Skew | null = null
  // One second's answers carry the same text.
  let lastText = ''
  let lastInstant = Number.NaN
  return {
    note(date, sentAt, headersAt) {
      if (!date) return
      if (date !== lastText) {
        lastText = date
        lastInstant = Date.parse(date)
      }
      if (Number.isNaN(lastInstant) || headersAt < sentAt) return
      // The header cuts the fraction off: their clock stood in [date, date + 1 s) at some instant between sent and headers.
      seen[next++ % samples] = {
        ms: Math.round(lastInstant + 500 - (sentAt + headersAt) / 2),
        uncertainty: Math.ceil(500 + (headersAt - sentAt) / 2),
      }
      value = null
    },
    /**
     * The median: one answer that sat in a queue, or came from a cache, does not move it. Answers that took long (we were frozen, or the
     * network was) say little, and nothing beside quick ones.
     */
    value() {
      if (!value && seen.length) {
        const best = Math.min(...seen.map((one) => one.uncertainty))
        const telling = seen.filter((one) => one.uncertainty <= 2 * best).sort((a, b) => a.ms - b.ms)
        value = telling[telling.length >> 1] as Skew
      }
      return value
    },
  }
}
