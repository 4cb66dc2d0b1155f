/** Finds records that wait for each other in a circle (D6). Pure: rows in, members of circles with their circle out. */

export interface Waiter {
  /** The row's own key: what others wait for (`waitKey.reference` of the side it is known on). */
  own: string
  /** What it waits for: all of it must be mapped before the row can go on. */
  on: readonly string[]
  /** A name a person can read: its id. */
  name: string
}

/** Rows that are waited for and wait themselves; everything else stands at an end of its chain and is in no circle. */
const inner = (rows: readonly Waiter[]): Map<string, string[]> => {
  const edges = new Map<string, string[]>()
  for (const row of rows) edges.set(row.own, [...row.on])
  const waitedBy = new Map<string, string[]>()
  const ends: string[] = []
  const left = new Map<string, number>()
  for (const [own, on] of edges) {
    const known = [...new Set(on)].filter((key) => edges.has(key))
    edges.set(own, known)
    left.set(own, known.length)
    if (!known.length) ends.push(own)
    for (const key of known) {
      const waiting = waitedBy.get(key)
      if (waiting) waiting.push(own)
      else waitedBy.set(key, [own])
    }
  }
  // peel off what waits for nobody of these, then who only waited for that, and so on
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    edges.delete(end)
    for (const own of waitedBy.get(end) ?? []) {
      const rest = (left.get(own) ?? 0) - 1
      left.set(own, rest)
      if (rest === 0) ends.push(own)
    }
  }
  for (const [own, on] of edges)
    edges.set(
      own,
      on.filter((key) => edges.has(key)),
    )
  return edges
}

/** Strongly connected parts of more than one row, or of one that waits for itself. Tarjan's, without recursion: chains are long. */
const parts = (edges: ReadonlyMap<string, string[]>): string[][] => {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const open = new Set<string>()
  const stack: string[] = []
  const found: string[][] = []
  for (const root of edges.keys()) {
    if (order.has(root)) continue
    const path: { at: string; next: number }[] = []
    const enter = (at: string): void => {
      order.set(at, order.size)
      low.set(at, order.size - 1)
      stack.push(at)
      open.add(at)
      path.push({ at, next: 0 })
    }
    enter(root)
    for (let here = path.at(-1); here; here = path.at(-1)) {
      const { at } = here
      const to = edges.get(at)?.[here.next++]
      if (to !== undefined) {
        if (!order.has(to)) enter(to)
        else if (open.has(to)) low.set(at, Math.min(low.get(at) ?? 0, order.get(to) ?? 0))
        continue
      }
      path.pop()
      const above = path.at(-1)
      if (above) low.set(above.at, Math.min(low.get(above.at) ?? 0, low.get(at) ?? 0))
      if (low.get(at) !== order.get(at)) continue
      const part: string[] = []
      for (let member = stack.pop(); member !== undefined; member = stack.pop()) {
        open.delete(member)
        part.push(member)
        if (member === at) break
      }
      if (part.length > 1 || edges.get(at)?.includes(at)) found.push(part)
    }
  }
  return found
}

/** The shortest way from a row back to itself within its part. */
const wayBack = (from: string, part: ReadonlySet<string>, edges: ReadonlyMap<string, string[]>): string[] => {
  const before = new Map<string, string>()
  const queue = [from]
  for (const at of queue) {
    for (const to of edges.get(at) ?? []) {
      if (!part.has(to)) continue
      if (to === from) {
        const way = [at]
        for (let step = at; step !== from; ) {
          step = before.get(step) as string
          way.push(step)
        }
        return way.reverse()
      }
      if (before.has(to)) continue
      before.set(to, at)
      queue.push(to)
    }
  }
  return [from]
}

/** Longest circle that is told in full; of a longer one its beginning and how many there are. */
const told = 12
/** Up to here each member is shown its own shortest circle; a larger tangle is shown one of its circles. */
const each = 200

const circle = (way: readonly string[], names: ReadonlyMap<string, string>): string => {
  const shown = way.slice(0, told).map((key) => names.get(key) ?? key)
  const more = way.length - shown.length
  return [...shown, ...(more ? [`… (${more} more)`] : []), shown[0]].join(' → ')
}

/** By own key: `A → B → A`, each member's circle beginning with itself. Groups are the circles that hang together. */
export const cycles = (rows: readonly Waiter[]): { members: Map<string, string> }[] => {
  const edges = inner(rows)
  const names = new Map(rows.map((row) => [row.own, row.name]))
  return parts(edges).map((part) => {
    const within = new Set(part)
    const [first = ''] = part
    const one = part.length > each ? circle(wayBack(first, within, edges), names) : null
    return { members: new Map(part.map((own) => [own, one ?? circle(wayBack(own, within, edges), names)])) }
  })
}
