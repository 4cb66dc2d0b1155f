/** Moments and stretches of time in the person's own zone and language. */
import { Tooltip } from 'antd'
import { useTranslation } from 'react-i18next'
import { useLooks } from './settings.tsx'
import { tagOf } from './words.ts'

type When = string | number | null | undefined

export const useFormats = () => {
  const { locale, zone } = useLooks()
  const { t } = useTranslation()
  const tag = tagOf(locale)
  const timeZone = zone ?? undefined
  const full = new Intl.DateTimeFormat(tag, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    hourCycle: 'h23',
    timeZone,
    timeZoneName: 'short',
  })
  const short = new Intl.DateTimeFormat(tag, {
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZone,
  })
  const clock = new Intl.DateTimeFormat(tag, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone })
  const second = new Intl.DateTimeFormat(tag, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZone,
  })
  const relative = new Intl.RelativeTimeFormat(tag, { numeric: 'auto', style: 'short' })
  const number = new Intl.NumberFormat(tag)
  return {
    full: (at: When) => (at === null || at === undefined ? '' : full.format(new Date(at))),
    short: (at: When) => (at === null || at === undefined ? '' : short.format(new Date(at))),
    clock: (at: number) => clock.format(new Date(at)),
    second: (at: number) => second.format(new Date(at)),
    ago: (at: When) => {
      if (at === null || at === undefined) return ''
      const seconds = (new Date(at).getTime() - Date.now()) / 1_000
      const size = Math.abs(seconds)
      if (size < 60) return relative.format(Math.round(seconds), 'second')
      if (size < 3_600) return relative.format(Math.round(seconds / 60), 'minute')
      if (size < 86_400) return relative.format(Math.round(seconds / 3_600), 'hour')
      return relative.format(Math.round(seconds / 86_400), 'day')
    },
    number: (value: number) => number.format(value),
    percent: (value: number) =>
      new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: value > 0.99 && value < 1 ? 2 : 0 }).format(
        value,
      ),
    /** `2 min`, of milliseconds. */
    stretch: (ms: number) => {
      if (ms < 1_000) return t('time.ms', { n: Math.round(ms) })
      if (ms < 60_000) return t('time.s', { n: Math.round(ms / 1_000) })
      if (ms < 3_600_000) return t('time.min', { n: Math.round(ms / 60_000) })
      if (ms < 172_800_000) return t('time.h', { n: Math.round(ms / 3_600_000) })
      return t('time.d', { n: Math.round(ms / 86_400_000) })
    },
  }
}

/** Short, with the whole moment and its zone on hover. */
export const Moment = ({ at, as = 'short' }: { at: When; as?: 'short' | 'ago' }) => {
  const formats = useFormats()
  if (at === null || at === undefined) return <span className="faint">–</span>
  const iso = typeof at === 'string' ? at : new Date(at).toISOString()
  return (
    <Tooltip title={formats.full(at)}>
      <time dateTime={iso} className="nowrap">
        {as === 'ago' ? formats.ago(at) : formats.short(at)}
      </time>
    </Tooltip>
  )
}
