/** The rules of alerts as they are when nothing is said, and their figures in units of people. docs/alerts.md lists the same. Pure. */

export const levels = ['info', 'warning', 'critical'] as const
type Level = (typeof levels)[number]

const minute = 60_000

export const ruleDefaults = {
  service: { level: 'critical', records: 1, forMs: 5 * minute },
  breaker: { level: 'critical' },
  sync: { level: 'warning', records: 10, withinMs: 10 * minute },
  parked: { level: 'warning', records: 100 },
  backlog: { level: 'warning', records: 10_000, oldestMs: 30 * minute },
  noData: { level: 'warning' },
  quota: { level: 'warning', percent: 80 },
  loop: { level: 'warning', records: 1 },
  conflict: { level: 'info', records: 1 },
  callback: { level: 'warning', tries: 3 },
  function: { level: 'critical' },
  pollGap: { level: 'warning', forMs: 30 * minute },
  clock: { level: 'warning' },
  clockPaused: { level: 'critical' },
  overdue: { level: 'warning', forMs: 30 * minute },
  differences: { level: 'warning', records: 1 },
  record: { level: 'info' },
} as const satisfies Record<string, { level: Level } & Record<string, unknown>>

export type RuleName = keyof typeof ruleDefaults
export const ruleNames = Object.keys(ruleDefaults) as RuleName[]

/** `unit`: what one of the shown figure is in the API's; minutes for what is kept in milliseconds. */
export const figuresOf = (rule: RuleName): { key: string; value: number; unit: number }[] =>
  Object.entries(ruleDefaults[rule] as Record<string, unknown>).flatMap(([key, value]) =>
    typeof value === 'number' ? [{ key, value, unit: key.endsWith('Ms') ? minute : 1 }] : [],
  )

const week = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** 5 January 2026 was a Monday. */
export const weekdays = (tag: string): { value: (typeof week)[number]; label: string }[] =>
  week.map((value, i) => ({
    value,
    label: new Intl.DateTimeFormat(tag, { weekday: 'short', timeZone: 'UTC' }).format(Date.UTC(2026, 0, 5 + i)),
  }))
