/** What pages of long work share: the word of a state, why it fails, and counts in one line. */
import { Progress } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormats } from './time.tsx'

const looks = {
  waiting: 'waiting',
  'not reached': 'skipped',
  queued: 'pending',
  wanted: 'pending',
  due: 'pending',
  pending: 'pending',
  reading: 'syncing',
  running: 'syncing',
  paused: 'waiting',
  held: 'waiting',
  stopped: 'skipped',
  gone: 'skipped',
  dropped: 'skipped',
  error: 'failed',
  trouble: 'failed',
  failed: 'failed',
  'given up': 'failed',
  firing: 'failed',
  success: 'succeeded',
  done: 'succeeded',
  delivered: 'succeeded',
  sent: 'succeeded',
  recovered: 'succeeded',
} as const
export type WorkState = keyof typeof looks

/** A dot with a shape and a word, as records have. `as`: another word than the usual one. */
export const WorkTag = ({ state, as }: { state: WorkState; as?: string }) => {
  const { t } = useTranslation()
  return (
    <span className={`state state-${looks[state]}`}>
      <i aria-hidden />
      {as ?? t(`work.${state}`)}
    </span>
  )
}

export const Why = ({ why }: { why: readonly string[] }) =>
  why.length === 0 ? null : (
    <div className="why-box" role="note">
      {why.map((one) => (
        <p key={one} className="why">
          {one}
        </p>
      ))}
    </div>
  )

/** Numbers with their names in one line; what is nothing is faint. */
export const Counts = ({
  of,
}: {
  of: readonly (readonly [name: string, value: number | null, mood?: 'good' | 'bad'])[]
}) => {
  const formats = useFormats()
  return (
    <ul className="counts-line">
      {of.map(([name, value, mood]) => (
        <li key={name} className={value ? (mood ?? '') : 'none'}>
          <b>{value === null ? '–' : formats.number(value)}</b> {name}
        </li>
      ))}
    </ul>
  )
}

export const Share = ({ share, state }: { share: number; state: WorkState }) => {
  const { t } = useTranslation()
  return (
    <Progress
      aria-label={t('task.progress')}
      percent={Math.min(100, Math.floor(share * 100))}
      status={
        looks[state] === 'failed'
          ? 'exception'
          : looks[state] === 'succeeded'
            ? 'success'
            : looks[state] === 'syncing'
              ? 'active'
              : 'normal'
      }
    />
  )
}

/** One of a few big numbers that are pressed to see what is behind them. */
export const Tile = ({
  name,
  value,
  isBad = false,
  isChosen = false,
  onChoose,
}: {
  name: ReactNode
  value: ReactNode
  isBad?: boolean
  isChosen?: boolean
  onChoose?: () => void
}) =>
  onChoose ? (
    <button
      type="button"
      className={`tile${isBad ? ' bad' : ''}${isChosen ? ' chosen' : ''}`}
      aria-pressed={isChosen}
      onClick={onChoose}
    >
      <b>{value}</b>
      <span>{name}</span>
    </button>
  ) : (
    <div className={`tile${isBad ? ' bad' : ''}`}>
      <b>{value}</b>
      <span>{name}</span>
    </div>
  )
