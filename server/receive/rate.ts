/** How many pushes a token may make: a bucket that holds one second's worth, asked before anything of a body is read. */
import type { Millis } from '../doc/document.ts'

export interface Rate {
  /** 0 = go on (and one push is counted), else seconds after which a try may succeed. */
  take(key: string, perSecond: number, now: Millis): number
}

export const tokenBuckets = (): Rate => {
  const buckets = new Map<string, { left: number; at: Millis }>()
  return {
    take(key, perSecond, now) {
      const full = Math.max(1, perSecond)
      let bucket = buckets.get(key)
      if (bucket === undefined) {
        // One entry per known token; tokens that were deleted long ago must not stay for ever.
        if (buckets.size >= 10_000) for (const [old, { at }] of buckets) if (now - at > 60_000) buckets.delete(old)
        bucket = { left: full, at: now }
        buckets.set(key, bucket)
      }
      bucket.left = Math.min(full, bucket.left + (Math.max(0, now - bucket.at) * perSecond) / 1000)
      bucket.at = now
      if (bucket.left >= 1) {
        bucket.left -= 1
        return 0
      }
      return Math.max(1, Math.ceil((1 - bucket.left) / perSecond))
    },
  }
}
