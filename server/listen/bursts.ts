/** Bursts of one record: its first event goes at once, what follows within the window is read once at its end. Pure but for its memory. */
import type { Millis } from '../doc/document.ts'

/** A thousand edits in a second become three writes; a second edit of a person comes later than this anyway. */
export const burstWindow: Millis = 500
const most = 20_000

export interface Bursts {
  /** How long this record's next read must wait; 0: at once. */
  wait(key: string, now: Millis): Millis
}

/** Of this node: with n nodes a burst is up to n times as many reads, which change nothing but their number. */
export const openBursts = (window: Millis = burstWindow): Bursts => {
  // oldest first: a key is put anew whenever its window begins
  const free = new Map<string, { at: Millis; asked: boolean }>()
  return {
    wait(key, now) {
      const known = free.get(key)
      if (known && now < known.at) {
        known.asked = true
        return known.at - now
      }
      // The read that was asked for at the end of the last window begins the next one.
      if (known?.asked && now < known.at + window) {
        const at = known.at + window
        free.delete(key)
        free.set(key, { at, asked: true })
        return at - now
      }
      free.delete(key)
      free.set(key, { at: now + window, asked: false })
      for (const [old, { at }] of free) {
        if (free.size <= most && at + window > now) break
        free.delete(old)
      }
      return 0
    },
  }
}
