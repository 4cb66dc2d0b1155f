/** Reads what a target may be asked for: rates, quota, quiet hours. */
import type { ConnectionDef, LimitsDef, QuietHours } from '../doc/flow.ts'
import { everOpen } from '../egress/quiet.ts'
import { connectionDefaults, fxiaokeDefaults } from './config.ts'
import { type Context, complain } from './context.ts'
import { parseDuration } from './duration.ts'
import type { Path } from './problem.ts'
import type { ConnectionFile } from './schema.ts'

type LimitsFile = NonNullable<ConnectionFile['limits']>

/** `24:00` is the next day's `00:00`. */
const minuteOf = (text: string): number => {
  const [hours, minutes] = text.split(':').map(Number)
  return ((hours ?? 0) * 60 + (minutes ?? 0)) % (24 * 60)
}

export const clockOf = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`

const quietOf = ({ from, to, days }: NonNullable<LimitsFile['quiet']>[number]): QuietHours => ({
  from: minuteOf(from ?? '00:00'),
  to: minuteOf(to ?? '24:00'),
  ...(days && { days }),
})

export const readLimits = (context: Context, given: LimitsFile, path: Path, kind: ConnectionDef['kind']): LimitsDef => {
  const { concurrency, perSecond, burst, per, perDay, quiet, acrossNodes } = given
  if (given.perInterface && kind !== 'fxiaoke')
    complain(context, [...path, 'perInterface'], 'only serves kind: fxiaoke; a rate of the whole target is per', {
      part: 'key',
    })
  const perInterface = given.perInterface ?? (kind === 'fxiaoke' ? fxiaokeDefaults.perInterface : undefined)
  const hours = quiet?.map(quietOf)
  if (hours && !everOpen(hours))
    complain(context, [...path, 'quiet'], 'leaves no minute of the week in which the target may be called')
  if (burst !== undefined && perSecond === undefined)
    complain(context, [...path, 'burst'], 'says how many of perSecond may start back to back, which is missing', {
      part: 'key',
    })
  if (acrossNodes && perSecond === undefined && !per?.length && !perInterface?.length)
    complain(
      context,
      [...path, 'acrossNodes'],
      'is about perSecond and per, and neither is declared; perDay always holds for all nodes',
      {
        part: 'key',
      },
    )
  return {
    concurrency: concurrency ?? connectionDefaults.concurrency,
    ...(perSecond !== undefined && { perSecond }),
    ...(burst !== undefined && { burst }),
    ...(per?.length && {
      per: per.map(({ calls, every }, i) => {
        const ms = parseDuration(every) ?? 0
        if (ms < 100) complain(context, [...path, 'per', i, 'every'], 'is shorter than a tenth of a second')
        return { calls, every: Math.max(100, ms) }
      }),
    }),
    ...(perInterface?.length && {
      perInterface: perInterface.map(({ calls, every }) => ({
        calls,
        every: Math.max(100, parseDuration(every) ?? 0),
      })),
    }),
    ...(perDay !== undefined && { perDay }),
    ...(hours?.length && { quiet: hours }),
    ...(acrossNodes !== undefined && { acrossNodes }),
  }
}
