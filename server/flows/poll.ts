/** What the file says of polling an object, of its deletion sweeps and of comparing a flow, checked against the connections; and the same written back. */
import { Cron } from 'croner'
import type { Millis } from '../doc/document.ts'
import type { ConnectionDef, ReconcileDef } from '../doc/flow.ts'
import type { PollDef, SweepDef, WhenDef } from '../doc/object.ts'
import { checkZone } from './connection.ts'
import { type Context, complain } from './context.ts'
import { parseDuration, writeDuration } from './duration.ts'
import type { Path } from './problem.ts'
import type { FlowFile, ObjectFile } from './schema.ts'

export type PollFile = NonNullable<ObjectFile['poll']>
type ReconcileFile = NonNullable<FlowFile['reconcile']>
type WhenFile = Pick<PollFile, 'every' | 'cron' | 'hours' | 'days' | 'monthDays' | 'zone' | 'jitter'>

const MINUTE = 60_000
/** The guide's figure: 可在界面设置最低 6 分钟一次. */
export const pollFloor = 6 * MINUTE
export const pollDefaults = { lag: 10_000, slice: 24 * 60 * MINUTE } as const
const DAY = 24 * 60 * MINUTE
export const sweepDefaults = { every: 7 * DAY, onGone: 'ask' } as const
export const reconcileDefaults = { every: DAY, lag: 10 * MINUTE, repairMost: 1_000 } as const

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

/** The schedule of what begins by itself, no more often than `floor`; `usual`: every so often, where nothing is said. */
export const readWhen = (
  context: Context,
  given: WhenFile,
  { floor, usual }: { floor: Millis; usual: Millis },
  path: Path,
): WhenDef => {
  if (given.zone !== undefined) checkZone(context, given.zone, [...path, 'zone'])
  const tooOften = `is more often than the connection’s pollFloor of ${writeDuration(floor)}`
  const said = given.every === undefined ? null : parseDuration(given.every)
  const every = given.cron === undefined ? (said ?? Math.max(floor, usual)) : null
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
  return {
    ...(every !== null && { every }),
    ...(given.cron !== undefined && { cron: given.cron }),
    ...(given.hours && { hours: { from: given.hours.from, to: given.hours.to } }),
    ...(given.days && { days: given.days }),
    ...(given.monthDays && { monthDays: given.monthDays }),
    ...(given.zone !== undefined && { zone: given.zone }),
    jitter: (given.jitter === undefined ? null : parseDuration(given.jitter)) ?? 0,
  }
}

export const readPoll = (
  context: Context,
  given: PollFile,
  connection: Pick<ConnectionDef, 'overlap' | 'readable' | 'pollFloor'>,
  path: Path,
): PollDef => {
  const floor = connection.pollFloor ?? pollFloor
  if (!connection.readable)
    complain(context, path, 'reads the batch query, but the connection says readable: false', { part: 'key' })
  const ms = (key: 'overlap' | 'lag' | 'slice'): number | null => {
    const said = given[key]
    return said === undefined ? null : parseDuration(said)
  }
  const when = readWhen(context, given, { floor, usual: pollFloor }, path)
  const slice = ms('slice') ?? pollDefaults.slice
  if (slice < MINUTE) complain(context, [...path, 'slice'], 'is shorter than a minute')
  const { sweep } = given
  return {
    ...when,
    overlap: ms('overlap') ?? connection.overlap,
    lag: ms('lag') ?? pollDefaults.lag,
    slice,
    ...(given.pageSize !== undefined && { pageSize: given.pageSize }),
    ...(sweep && {
      sweep: {
        ...readWhen(context, sweep, { floor, usual: sweepDefaults.every }, [...path, 'sweep']),
        onGone: sweep.onGone ?? sweepDefaults.onGone,
      },
    }),
  }
}

export const readReconcile = (
  context: Context,
  given: ReconcileFile,
  ends: Record<'source' | 'target', Pick<ConnectionDef, 'connectionId' | 'readable' | 'pollFloor'>>,
  path: Path,
): ReconcileDef => {
  for (const { connectionId, readable } of Object.values(ends))
    if (!readable)
      complain(context, path, `connection ${connectionId} cannot be read (readable: false)`, { part: 'key' })
  const last = given.last === undefined ? null : parseDuration(given.last)
  if (last === 0) complain(context, [...path, 'last'], 'is no time at all; leave it out to compare all')
  const lag = given.lag === undefined ? null : parseDuration(given.lag)
  const floor = ends.source.pollFloor ?? pollFloor
  return {
    ...readWhen(context, given, { floor, usual: reconcileDefaults.every }, path),
    ...(last !== null && { last }),
    lag: lag ?? reconcileDefaults.lag,
    repair: [...new Set(given.repair ?? [])],
    repairMost: given.repairMost ?? reconcileDefaults.repairMost,
  }
}

const whenTree = ({ every, jitter, ...rest }: WhenDef): Record<string, unknown> => ({
  ...rest,
  ...(every !== undefined && { every: writeDuration(every) }),
  ...(jitter !== 0 && { jitter: writeDuration(jitter) }),
})

/** As it stands in a file; what is the default is left out. */
export const pollTree = (poll: PollDef, connection: Pick<ConnectionDef, 'overlap'>): Record<string, unknown> => {
  const { overlap, lag, slice, pageSize, sweep, ...when } = poll
  return {
    ...whenTree(when),
    ...(overlap !== connection.overlap && { overlap: writeDuration(overlap) }),
    ...(lag !== pollDefaults.lag && { lag: writeDuration(lag) }),
    ...(slice !== pollDefaults.slice && { slice: writeDuration(slice) }),
    ...(pageSize !== undefined && { pageSize }),
    ...(sweep && { sweep: sweepTree(sweep) }),
  }
}

const sweepTree = ({ onGone, ...when }: SweepDef): Record<string, unknown> => ({
  ...whenTree(when),
  ...(onGone !== sweepDefaults.onGone && { onGone }),
})

export const reconcileTree = ({ last, lag, repair, repairMost, ...when }: ReconcileDef): Record<string, unknown> => ({
  ...whenTree(when),
  ...(last !== undefined && { last: writeDuration(last) }),
  ...(lag !== reconcileDefaults.lag && { lag: writeDuration(lag) }),
  ...(repair.length && { repair }),
  ...(repairMost !== reconcileDefaults.repairMost && { repairMost }),
})
