/** When an object is polled: every so often between hours and on days of a wall clock, or by a cron pattern; right across changes of summer time. Pure. */
import { Cron } from 'croner'
import type { Millis } from '../doc/document.ts'
import type { Weekday } from '../doc/flow.ts'
import type { PollDef } from '../doc/object.ts'
import { dayMs, type Zone } from '../map/zone.ts'

type When = Pick<PollDef, 'every' | 'cron' | 'hours' | 'days' | 'monthDays'>

const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
/** Days on which nothing begins follow each other at most so long: the 29th of February of the next leap year, and some. */
const longest = 9 * 366

const minutesOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3))

/** Whether runs may begin on this day of the wall clock, counted from 1970-01-01 (a Thursday). */
const isDay = ({ days, monthDays }: When, day: number): boolean => {
  if (days && !days.includes(weekdays[(((day + 3) % 7) + 7) % 7] as Weekday)) return false
  return !monthDays || monthDays.includes(new Date(day * dayMs).getUTCDate())
}

/** The first run after `after`; null where none ever comes. */
export const nextRun = (when: When, zone: Zone, after: Millis): Millis | null => {
  if (when.cron !== undefined) {
    // A cron job of a night that skips its hour runs as soon as that hour would have been over: croner does so.
    const next = new Cron(when.cron, { timezone: zone.name, paused: true }).nextRun(new Date(after))
    return next?.getTime() ?? null
  }
  const { every = dayMs, hours } = when
  // Without hours or days the runs go on evenly, whatever the wall clock does.
  if (!hours && !when.days && !when.monthDays) return (Math.floor(after / every) + 1) * every
  const from = hours ? minutesOf(hours.from) : 0
  const to = hours ? minutesOf(hours.to) : 24 * 60
  const today = Math.floor((after + zone.offset(after)) / dayMs)
  // What began yesterday may reach into today.
  for (let day = today - 1; day < today + longest; day++) {
    if (!isDay(when, day)) continue
    const begins = zone.instant(day * dayMs + from * 60_000)
    const ends = zone.instant((to <= from ? day + 1 : day) * dayMs + to * 60_000)
    const next = after < begins ? begins : begins + (Math.floor((after - begins) / every) + 1) * every
    if (next < ends) return next
  }
  return null
}

export const nextRuns = (when: When, zone: Zone, after: Millis, count: number): Millis[] => {
  const runs: Millis[] = []
  for (let at: Millis | null = after; runs.length < count && (at = nextRun(when, zone, at)) !== null; ) runs.push(at)
  return runs
}
