/** When an object is polled: said in words, and filled in. */
import { Form, Input, InputNumber, Modal, Segmented, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import { type Place, PlaceSelect, placeText } from '../../ui/places.tsx'
import { useRefresh, useTenant } from '../../ui/session.tsx'
import { useLooks } from '../../ui/settings.tsx'
import { useFormats } from '../../ui/time.tsx'
import { Problem } from '../../ui/told.tsx'
import { tagOf } from '../../ui/words.ts'
import { daysInWords, type Schedule, weekday } from './ledger.ts'

export const useScheduleWords = () => {
  const { t } = useTranslation()
  const { locale } = useLooks()
  const formats = useFormats()
  const tag = tagOf(locale)
  return (schedule: Schedule | null, zone: string | null): string => {
    if (schedule === null) return t('poll.noMore')
    const said = [
      schedule.cron === undefined
        ? t('poll.every', { stretch: formats.stretch(schedule.every ?? 360_000) })
        : t('poll.cron', { pattern: schedule.cron }),
      ...(schedule.hours ? [t('poll.hours', schedule.hours)] : []),
      ...(schedule.days?.length ? [daysInWords(schedule.days, tag)] : []),
      ...(schedule.monthDays?.length ? [t('poll.monthDays', { days: schedule.monthDays.join(', ') })] : []),
      ...((schedule.cron !== undefined || schedule.hours || schedule.days?.length) && zone ? [zone] : []),
    ]
    return said.join(' · ')
  }
}

interface Filled {
  way: 'every' | 'cron'
  minutes?: number
  cron?: string
  from?: string
  to?: string
  days?: string[]
}

const clock = /^([01]\d|2[0-3]):[0-5]\d$/

/** `6m`, `360s`, 360000: as a declaration may say it. */
const minutesOf = (every: unknown): number => {
  if (typeof every === 'number') return every / 60_000
  const [, n = '6', unit = 'm'] = /^(\d+)\s*(ms|s|m|h|d)$/.exec(String(every ?? '6m')) ?? []
  return Number(n) * ({ ms: 1 / 60_000, s: 1 / 60, m: 1, h: 60, d: 1_440 }[unit] ?? 1)
}

const filledOf = (poll: Record<string, unknown> | undefined): Filled => {
  const hours = poll?.hours as { from: string; to: string } | undefined
  return {
    way: poll?.cron === undefined ? 'every' : 'cron',
    minutes: Math.round(minutesOf(poll?.every) * 10) / 10,
    ...(poll?.cron !== undefined && { cron: String(poll.cron) }),
    ...(hours && { from: hours.from, to: hours.to }),
    ...(Array.isArray(poll?.days) && { days: poll.days as string[] }),
  }
}

/** The rest of what is declared of the object, and of its poll, stays. */
const pollOf = (before: Record<string, unknown> | undefined, filled: Filled): Record<string, unknown> => {
  const { every: _every, cron: _cron, hours: _hours, days: _days, ...rest } = before ?? {}
  return {
    ...rest,
    ...(filled.way === 'cron' ? { cron: filled.cron } : { every: `${Math.round((filled.minutes ?? 6) * 60)}s` }),
    ...(filled.way === 'every' && filled.from && filled.to && { hours: { from: filled.from, to: filled.to } }),
    ...(filled.days?.length && { days: filled.days }),
  }
}

/** `place` null: one is chosen first. */
export const ScheduleForm = ({
  place: given,
  places,
  onDone,
}: {
  place: Place | null
  places: readonly Place[]
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const { locale } = useLooks()
  const [form] = Form.useForm<Filled>()
  const [place, setPlace] = useState(given)
  const [error, setError] = useState<unknown>(null)
  const [isBusy, setBusy] = useState(false)
  const way = Form.useWatch('way', form)
  const save = async (filled: Filled) => {
    if (!place) return
    setBusy(true)
    setError(null)
    try {
      const path = { tenant, connection: place.connection, object: place.object }
      const now = (await call('showObject', { path })) as Record<string, unknown>
      await call('putObject', {
        path,
        body: { ...now, poll: pollOf(now.poll as Record<string, unknown> | undefined, filled) },
      })
      refresh()
      onDone()
    } catch (no) {
      setError(no)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Modal
      open
      title={given ? t('poll.scheduleOf', { name: placeText(given) }) : t('poll.new')}
      onCancel={onDone}
      okText={t('act.save')}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: place === null }}
      confirmLoading={isBusy}
      onOk={form.submit}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={filledOf(given?.poll)}
        onFinish={(filled) => void save(filled)}
      >
        {!given && (
          <Form.Item label={t('poll.object')} htmlFor="poll-place" extra={t('poll.objectSay')}>
            <PlaceSelect id="poll-place" label={t('poll.object')} places={places} value={place} onChange={setPlace} />
          </Form.Item>
        )}
        <Form.Item name="way" label={t('poll.way')}>
          <Segmented
            options={[
              { value: 'every', label: t('poll.way.every') },
              { value: 'cron', label: t('poll.way.cron') },
            ]}
          />
        </Form.Item>
        {way === 'cron' ? (
          <Form.Item
            name="cron"
            label={t('poll.pattern')}
            extra={t('poll.patternSay')}
            rules={[{ required: true, message: t('poll.patternMissing') }]}
          >
            <Input placeholder="0 */2 * * *" />
          </Form.Item>
        ) : (
          <>
            <Form.Item
              name="minutes"
              label={t('poll.minutes')}
              extra={t('poll.minutesSay')}
              rules={[{ required: true, message: t('poll.minutesMissing') }]}
            >
              <InputNumber min={0.1} max={10_080} style={{ width: 140 }} />
            </Form.Item>
            <Form.Item label={t('poll.between')} extra={t('poll.betweenSay')}>
              <div className="row">
                <Form.Item name="from" noStyle rules={[{ pattern: clock, message: t('poll.clockRule') }]}>
                  <Input aria-label={t('stretch.from')} placeholder="07:00" style={{ width: 110 }} />
                </Form.Item>
                –
                <Form.Item name="to" noStyle rules={[{ pattern: clock, message: t('poll.clockRule') }]}>
                  <Input aria-label={t('stretch.to')} placeholder="22:00" style={{ width: 110 }} />
                </Form.Item>
              </div>
            </Form.Item>
          </>
        )}
        <Form.Item name="days" label={t('poll.days')} extra={t('poll.daysSay')}>
          <Select
            mode="multiple"
            aria-label={t('poll.days')}
            options={['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map((value) => ({
              value,
              label: weekday(value, tagOf(locale), 'long'),
            }))}
          />
        </Form.Item>
        {error !== null && <Problem error={error} />}
      </Form>
    </Modal>
  )
}
