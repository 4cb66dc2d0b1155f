/** Until when a target must not be called: quiet hours of its wall clock, daily or by weekday, across midnight and changes of summer time. Pure. */
import type { Millis } from '../doc/document.ts'
import type { QuietHours, Weekday } from '../doc/flow.ts'
import { dayMs, type Zone } from '../map/zone.ts'

const minute: Millis = 60_000
export const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
/** 1970-01-01 was a Thursday. */
const weekdayOf = (day: number): Weekday => weekdays[(((day + 3) % 7) + 7) % 7] as Weekday

/** A week of stretches that follow each other; whoever declares more is quiet for ever, which the configuration refuses. */
const longest = 32

/** The end of the quiet stretch in which `now` lies, adjoining ones taken together; null where it lies in none. */
export const quietUntil = (now: Millis, rules: readonly QuietHours[], zone: Zone): Millis | null => {
  let until = now
  for (let turn = 0; turn < longest; turn++) {
    const today = Math.floor((until + zone.offset(until)) / dayMs)
    const before = until
    // What began yesterday may reach into today.
    for (const day of [today - 1, today]) {
      for (const { from, to, days } of rules) {
        if (days && !days.includes(weekdayOf(day))) continue
        const begins = zone.instant(day * dayMs + from * minute)
        const ends = zone.instant((to <= from ? day + 1 : day) * dayMs + to * minute)
        if (begins <= until && until < ends) until = ends
      }
    }
    if (until === before) break
  }
  return until === now ? null : until
}

/** Whether a week has a minute that is not quiet. */
export const everOpen = (rules: readonly QuietHours[]): boolean => {
  const week = 7 * 24 * 60
  const quiet = new Uint8Array(week)
  for (const { from, to, days } of rules) {
    for (const [day, name] of weekdays.entries()) {
      if (days && !days.includes(name)) continue
      const length = to <= from ? 24 * 60 - from + to : to - from
      for (let at = 0; at < length; at++) quiet[(day * 24 * 60 + from + at) % week] = 1
    }
  }
  return quiet.includes(0)
}
