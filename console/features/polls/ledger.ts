/** The ledger of windows laid out on a line of time: what was read, what was not, and where trouble is. Pure. */

export interface WindowOf {
  id: number
  cause: 'schedule' | 'again'
  from: string
  to: string
  readUntil: string
  state: 'wanted' | 'reading' | 'done'
  seen: number
  failed: number
  fault: unknown
}

export type Look = 'read' | 'failed' | 'busy' | 'trouble' | 'open'

export interface Bar {
  look: Look
  cause: WindowOf['cause']
  from: number
  to: number
  windows: number
  seen: number
  failed: number
  /** Of a bar that is one window. */
  id: number | null
}

const lookOf = (one: WindowOf): Look =>
  one.state === 'done'
    ? one.failed > 0
      ? 'failed'
      : 'read'
    : one.fault
      ? 'trouble'
      : one.state === 'reading'
        ? 'busy'
        : 'open'

/** Neighbours that look alike become one bar; what is not whole stays by itself. Oldest first. */
export const barsOf = (windows: readonly WindowOf[], span: { from: number; to: number }): Bar[] => {
  const bars: Bar[] = []
  const sorted = windows
    .map((one) => ({ one, from: Date.parse(one.from), to: Date.parse(one.to) }))
    .filter(({ from, to }) => to > span.from && from < span.to)
    .sort((a, b) => a.from - b.from || a.one.id - b.one.id)
  for (const { one, from, to } of sorted) {
    const look = lookOf(one)
    const last = bars.findLast((bar) => bar.cause === one.cause)
    if (last && look === 'read' && last.look === 'read' && from <= last.to) {
      last.to = Math.max(last.to, to)
      last.windows += 1
      last.seen += one.seen
      last.id = null
      continue
    }
    bars.push({ look, cause: one.cause, from, to, windows: 1, seen: one.seen, failed: one.failed, id: one.id })
  }
  return bars.map((bar) => ({ ...bar, from: Math.max(bar.from, span.from), to: Math.min(bar.to, span.to) }))
}

/** Where a stretch lies on the line, in percent; never too thin to be seen or pressed. */
export const placeOf = (
  stretch: { from: number; to: number },
  span: { from: number; to: number },
  least = 0.35,
): { left: number; width: number } => {
  const whole = span.to - span.from
  const left = Math.max(0, ((stretch.from - span.from) / whole) * 100)
  const right = Math.min(100, ((stretch.to - span.from) / whole) * 100)
  const width = Math.max(least, right - left)
  return { left: Math.min(left, 100 - width), width }
}

const minute = 60_000
const steps = [5, 10, 30, 60, 120, 240, 360, 720, 1_440, 2_880, 10_080].map((n) => n * minute)

/** Round moments of the person's clock, at most `most`; `offset` is what that clock is ahead of UTC. */
export const ticksOf = (span: { from: number; to: number }, most: number, offset: number): number[] => {
  const step = steps.find((one) => (span.to - span.from) / one <= most) ?? (steps.at(-1) as number)
  const first = Math.ceil((span.from + offset) / step) * step - offset
  const ticks: number[] = []
  for (let at = first; at < span.to; at += step) ticks.push(at)
  return ticks
}

export interface Schedule {
  every?: number
  cron?: string
  hours?: { from: string; to: string }
  days?: string[]
  monthDays?: number[]
}

const week = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

/** `mon`: in the language of the page; 5 January 2026 was a Monday. */
export const weekday = (day: string, tag: string, style: 'short' | 'long' = 'short'): string =>
  new Intl.DateTimeFormat(tag, { weekday: style, timeZone: 'UTC' }).format(Date.UTC(2026, 0, 5 + week.indexOf(day)))

/** `mon…fri` where days follow each other, else one by one. */
export const daysInWords = (days: readonly string[], tag: string): string => {
  const numbers = days.map((day) => week.indexOf(day)).sort((a, b) => a - b)
  const [first, last] = [numbers[0] ?? 0, numbers.at(-1) ?? 0]
  if (numbers.length > 2 && last - first === numbers.length - 1)
    return `${weekday(week[first] as string, tag)} – ${weekday(week[last] as string, tag)}`
  return new Intl.ListFormat(tag, { type: 'unit', style: 'short' }).format(
    numbers.map((n) => weekday(week[n] as string, tag)),
  )
}
