/** Keeps label values few: whoever comes first has a series of its own, the rest share one, so that a thousand connections cannot fill a Prometheus. */

/** What the series of all others is called. */
export const other = 'other'

export type Cap = (names: readonly string[]) => readonly string[]

/** Answers the names themselves for the first `most` different ones, `other` in each place for the rest. */
export const labelCap = (most: number): Cap => {
  const known = new Set<string>()
  return (names) => {
    const key = names.join('\n')
    if (known.has(key)) return names
    if (known.size >= most) return names.map(() => other)
    known.add(key)
    return names
  }
}
