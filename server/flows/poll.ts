/** What the file says of polling an object, checked against its connection; and the same written back. */
import { Cron } from 'croner'
import type { ConnectionDef } from '../doc/flow.ts'
import type { PollDef } from '../doc/object.ts'
import { checkZone } from './connection.ts'
import { type Context, complain } from './context.ts'
import { parseDuration, writeDuration } from './duration.ts'
import type { Path } from './problem.ts'
import type { ObjectFile } from './schema.ts'

export type PollFile = NonNullable<ObjectFile['poll']>

const MINUTE = 60_000
/** The guide's figure: 可在界面设置最低 6 分钟一次. */
export const pollFloor = 6 * MINUTE
export const pollDefaults = { jitter: 0, lag: 10_000, slice: 24 * 60 * MINUTE } as const

const cronFlaw = (pattern: string): string | null => {
  try {
    return new Cron(pattern, { paused: true }).nextRun() ? null : 'never comes'
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error)
  }
}

/** The shortest time between the next runs of a cron pattern. */
const closest = (pattern: string): number => {
  const runs = new Cron(pattern, { paused: true }).nextRuns(20).map((date) => date.getTime())
  return Math.min(...runs.slice(1).map((at, i) => at - (runs[i] as number)), Number.POSITIVE_INFINITY)
}

export const readPoll = (
  context: Context,
  given: PollFile,
  connection: Pick<ConnectionDef, 'overlap' | 'readable'> & { pollFloor?: number },
  path: Path,
): PollDef => {
  const floor = connection.pollFloor ?? pollFloor
  if (!connection.readable)
    complain(context, path, 'reads the batch query, but the connection says readable: false', { part: 'key' })
  if (given.zone !== undefined) checkZone(context, given.zone, [...path, 'zone'])
  const ms = (key: 'every' | 'jitter' | 'overlap' | 'lag' | 'slice'): number | null => {
    const said = given[key]
    return said === undefined ? null : parseDuration(said)
  }
  const tooOften = `is more often than the connection’s pollFloor of ${writeDuration(floor)}`
  const every = given.cron === undefined ? (ms('every') ?? Math.max(floor, pollFloor)) : null
  if (every !== null && every < floor) complain(context, [...path, 'every'], tooOften)
  if (given.cron !== undefined) {
    for (const key of ['every', 'hours', 'days', 'monthDays'] as const)
      if (given[key] !== undefined) complain(context, [...path, key], 'cron says when already', { part: 'key' })
    const flaw = cronFlaw(given.cron)
    if (flaw) complain(context, [...path, 'cron'], `"${given.cron}" is no cron pattern: ${flaw}`)
    else if (closest(given.cron) < floor) complain(context, [...path, 'cron'], tooOften)
  }
  if (given.hours && given.hours.from === given.hours.to)
    complain(context, [...path, 'hours'], 'is the whole day; leave it out')
  const overlap = ms('overlap') ?? connection.overlap
  const lag = ms('lag') ?? pollDefaults.lag
  const slice = ms('slice') ?? pollDefaults.slice
  if (slice < MINUTE) complain(context, [...path, 'slice'], 'is shorter than a minute')
  return {
    ...(every !== null && { every }),
    ...(given.cron !== undefined && { cron: given.cron }),
    ...(given.hours && { hours: { from: given.hours.from, to: given.hours.to } }),
    ...(given.days && { days: given.days }),
    ...(given.monthDays && { monthDays: given.monthDays }),
    ...(given.zone !== undefined && { zone: given.zone }),
    jitter: ms('jitter') ?? pollDefaults.jitter,
    overlap,
    lag,
    slice,
    ...(given.pageSize !== undefined && { pageSize: given.pageSize }),
  }
}

/** As it stands in a file; what is the default is left out. */
export const pollTree = (poll: PollDef, connection: Pick<ConnectionDef, 'overlap'>): Record<string, unknown> => {
  const { every, jitter, overlap, lag, slice, ...rest } = poll
  return {
    ...rest,
    ...(every !== undefined && { every: writeDuration(every) }),
    ...(jitter !== pollDefaults.jitter && { jitter: writeDuration(jitter) }),
    ...(overlap !== connection.overlap && { overlap: writeDuration(overlap) }),
    ...(lag !== pollDefaults.lag && { lag: writeDuration(lag) }),
    ...(slice !== pollDefaults.slice && { slice: writeDuration(slice) }),
  }
}
