/** Many unanswered creates of one object are looked for in one reading of the window instead of one reading each. */
import type { Read, Reading } from '../../doc/connector.ts'
import type { Millis } from '../../doc/document.ts'

/** Readings that carry a wanted id, by that id. */
export type Hits = ReadonlyMap<string, readonly Reading[]>
export type RunSweep = (object: string, from: Millis, to: Millis, wanted: ReadonlySet<string>) => Promise<Read<Hits>>

interface Batch {
  from: Millis
  to: Millis
  longest: Millis
  wanted: Set<string>
  result: Promise<Read<Hits>>
}

/**
 * Whoever asks joins the next sweep, never the one that is running: evidence is read after it is asked for. Windows are joined while
 * the union stays below twice the longest of them, so that one old call does not make the others read days.
 */
export const createSweeps = (run: RunSweep) => {
  const open = new Map<string, Batch>()
  const tails = new Map<string, Promise<unknown>>()

  const begin = (object: string, from: Millis, to: Millis): Batch => {
    const batch: Batch = { from, to, longest: to - from, wanted: new Set(), result: Promise.resolve() as never }
    const before = tails.get(object) ?? Promise.resolve()
    batch.result = (async () => {
      await before
      // Those that are asked for in the same moment still come in.
      await new Promise((resolve) => setImmediate(resolve))
      if (open.get(object) === batch) open.delete(object)
      return run(object, batch.from, batch.to, batch.wanted)
    })()
    const tail = batch.result.catch(() => {})
    tails.set(object, tail)
    void tail.finally(() => tails.get(object) === tail && tails.delete(object))
    open.set(object, batch)
    return batch
  }

  return async (object: string, from: Millis, to: Millis, id: string): Promise<Read<readonly Reading[]>> => {
    let batch = open.get(object)
    const fits = batch && Math.max(to, batch.to) - Math.min(from, batch.from) <= 2 * Math.max(batch.longest, to - from)
    if (!batch || !fits) batch = begin(object, from, to)
    batch.from = Math.min(batch.from, from)
    batch.to = Math.max(batch.to, to)
    batch.longest = Math.max(batch.longest, to - from)
    batch.wanted.add(id)
    const hits = await batch.result
    return hits.kind === 'failed' ? hits : { kind: 'read', value: hits.value.get(id) ?? [] }
  }
}
