/** Offsets of time zones: from an instant to the clock on the wall and back, right across the changes of summer time. */

/** Milliseconds since the epoch; `wall` is what the clock there shows, counted as if it were UTC. */
export interface Zone {
  name: string
  /** Added to an instant it gives the wall. */
  offset(instant: number): number
  /**
   * The instant at which the clock shows `wall`. Shown twice (clocks go back): the earlier one. Never shown (clocks go forward): as much
   * later as was skipped, so that midnight of a day without midnight still lies on that day.
   */
  instant(wall: number): number
}

export const dayMs = 86_400_000

/** 398 days: offsets are looked up once per span and zone, since asking Intl takes 1 µs a time. */
const spanMs = 2 ** 35
/** No country has kept a change of its clocks for less. */
const stepMs = 7 * dayMs
const keptSpans = 500

interface Change {
  from: number
  offset: number
}

const farthest = 8.64e15

/** `GMT`, `GMT+8`, `GMT+08:00`, `GMT-00:25:21` (before 1900) at the end of a formatted date. */
const offsetText = /GMT(?:([+-])(\d{1,2})(?::(\d\d))?(?::(\d\d))?)?$/

const makeZone = (name: string): Zone | undefined => {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
  } catch {
    return undefined
  }
  const ask = (instant: number): number => {
    const [, sign, hours, minutes, seconds] =
      offsetText.exec(format.format(Math.max(-farthest, Math.min(farthest, instant)))) ?? []
    if (!sign) return 0
    return (sign === '-' ? -1 : 1) * 1000 * (Number(hours) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0))
  }
  const changesIn = (span: number): Change[] => {
    const start = span * spanMs
    const end = start + spanMs
    const changes: Change[] = [{ from: start, offset: ask(start) }]
    for (let low = start; low < end; low += stepMs) {
      const high = Math.min(end, low + stepMs)
      const before = changes.at(-1)?.offset
      const offset = ask(high)
      if (offset === before) continue
      let [l, h] = [low, high]
      while (h - l > 1) {
        const middle = Math.floor((l + h) / 2)
        if (ask(middle) === before) l = middle
        else h = middle
      }
      changes.push({ from: h, offset })
    }
    return changes.reverse()
  }
  const spans = new Map<number, Change[]>()
  const offset = (instant: number): number => {
    const span = Math.floor(instant / spanMs)
    let changes = spans.get(span)
    if (!changes) {
      if (spans.size >= keptSpans) spans.clear()
      spans.set(span, (changes = changesIn(span)))
    }
    for (const change of changes) if (instant >= change.from) return change.offset
    return ask(instant)
  }
  const instant = (wall: number): number => {
    const before = offset(wall - dayMs)
    const early = wall - before
    if (offset(early) === before) return early
    const late = wall - offset(wall + dayMs)
    return offset(late) === offset(wall + dayMs) ? late : early
  }
  return { name, offset, instant }
}

export const utc: Zone = { name: 'UTC', offset: () => 0, instant: (wall) => wall }
const zones = new Map<string, Zone>([['UTC', utc]])

/** The zone of that IANA name (or `+08:00`); undefined where there is none. Remembered: names come from declarations, so they are few. */
export const zoneOf = (name: string): Zone | undefined => {
  const known = zones.get(name)
  if (known) return known
  const made = makeZone(name)
  if (made) zones.set(name, made)
  return made
}
