/** How a flow fares, from its pulse: records a minute, success rate. Pure. */
import type { Answer } from '../../api/client.ts'

export type Flow = Answer<'showStatus'>['flows'][number]
export type Pulse = Answer<'showPulse'>
export const spans = ['hour', 'day', 'week'] as const
export type Span = (typeof spans)[number]

/** So many minutes are "now". */
const recent = 5

/** Of one flow, or of all. Null: nothing was sent. */
export const fareOf = (
  pulse: Pulse | undefined,
  flow: Flow | null,
): { perMinute: number | null; success: number | null } => {
  if (!pulse) return { perMinute: null, success: null }
  const own = pulse.steps.filter(
    (one) => flow === null || (one.pair === flow.pair && one.target === flow.target.split('/')[0]),
  )
  const since = Date.parse(pulse.to) - recent * 60_000
  const applied = (steps: typeof own) => steps.reduce((sum, one) => sum + one.applied, 0)
  const all = own.reduce((sum, one) => sum + one.applied + one.refused + one.unanswered, 0)
  return {
    perMinute: own.length === 0 ? null : applied(own.filter((one) => Date.parse(one.at) >= since)) / recent,
    success: all === 0 ? null : applied(own) / all,
  }
}

export interface Series {
  /** Seconds. */
  at: number[]
  applied: number[]
  failed: number[]
  backlog: number[]
  lag: number[]
}

/** All flows together, step by step, with zeros where nothing was. */
export const seriesOf = (pulse: Pulse): Series => {
  const first = Math.floor(Date.parse(pulse.from) / 1_000 / pulse.step) * pulse.step
  const count = Math.floor((Date.parse(pulse.to) / 1_000 - first) / pulse.step) + 1
  const zeros = () => Array.from({ length: count }, () => 0)
  const series: Series = {
    at: Array.from({ length: count }, (_, i) => first + i * pulse.step),
    applied: zeros(),
    failed: zeros(),
    backlog: zeros(),
    lag: zeros(),
  }
  for (const one of pulse.steps) {
    const i = Math.round((Date.parse(one.at) / 1_000 - first) / pulse.step)
    if (i < 0 || i >= count) continue
    series.applied[i] = (series.applied[i] ?? 0) + one.applied
    series.failed[i] = (series.failed[i] ?? 0) + one.refused + one.unanswered
    series.backlog[i] = (series.backlog[i] ?? 0) + one.backlog
    series.lag[i] = Math.max(series.lag[i] ?? 0, one.oldestMs / 1_000)
  }
  return series
}
