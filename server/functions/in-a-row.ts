/** Counts how often in a row a function went over its limits: the third time it is suspended (docs/functions.md). */

const most = 3
/** More functions than any installation has: what is beyond begins anew. */
const mostKnown = 10_000

/** What came of a record: `left` was not tried, and says nothing. */
export type Tried = 'ended' | 'over' | 'left'

/** Answers the place of the record that was once too often; null: it goes on. Another code is another key. */
export const inARow = (): ((key: string, tried: readonly Tried[]) => number | null) => {
  const over = new Map<string, number>()
  return (key, tried) => {
    let times = over.get(key) ?? 0
    for (const [place, one] of tried.entries()) {
      if (one === 'left') continue
      times = one === 'over' ? times + 1 : 0
      if (times < most) continue
      over.delete(key)
      return place
    }
    if (over.size > mostKnown) over.clear()
    over.set(key, times)
    return null
  }
}
