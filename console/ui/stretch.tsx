/** A stretch of time to be filled in: from and to on the person's own clock, with the usual ones at hand. */
import { Button, Input } from 'antd'
import { useTranslation } from 'react-i18next'
import { useLooks } from './settings.tsx'
import { fromLocal, toLocal } from './zone.ts'

export interface Stretch {
  /** Milliseconds; null: not said. */
  from: number | null
  to: number | null
}

const day = 86_400_000
const usual = { day, week: 7 * day, month: 30 * day, year: 365 * day } as const

export const StretchFields = ({
  value,
  onChange,
  presets = Object.keys(usual) as (keyof typeof usual)[],
}: {
  value: Stretch
  onChange: (value: Stretch) => void
  presets?: (keyof typeof usual)[]
}) => {
  const { t } = useTranslation()
  const { zone } = useLooks()
  const field = (name: 'from' | 'to') => (
    <label className="stretch-field">
      <span className="faint">{t(`stretch.${name}`)}</span>
      <Input
        type="datetime-local"
        id={`stretch-${name}`}
        value={value[name] === null ? '' : toLocal(value[name], zone)}
        onChange={(event) => onChange({ ...value, [name]: fromLocal(event.target.value, zone) })}
      />
    </label>
  )
  return (
    <div className="stack">
      <div className="row">
        {field('from')}
        {field('to')}
      </div>
      {presets.length > 0 && (
        <div className="row">
          {presets.map((name) => (
            <Button
              key={name}
              size="small"
              onClick={() => onChange({ from: Date.now() - usual[name], to: Date.now() })}
            >
              {t(`stretch.last.${name}`)}
            </Button>
          ))}
        </div>
      )}
    </div>
  )
}

export const isWhole = (value: Stretch): value is { from: number; to: number } =>
  value.from !== null && value.to !== null && value.from < value.to

/** As the API takes it. */
export const iso = (at: number): string => new Date(at).toISOString()
