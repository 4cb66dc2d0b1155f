/** A new history task: of which object, by time, ids or mapping, with conditions; estimated first, then begun. */
import { MinusCircleOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Button, Input, Modal, Segmented, Select, Switch } from 'antd'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import type { Routes } from '../../api/routes.gen.ts'
import { useRead } from '../../ui/asking.ts'
import { type Place, PlaceSelect, placeText, usePlaces } from '../../ui/places.tsx'
import { useRefresh, useTenant } from '../../ui/session.tsx'
import { isWhole, iso, type Stretch, StretchFields } from '../../ui/stretch.tsx'
import { useFormats } from '../../ui/time.tsx'
import { Problem } from '../../ui/told.tsx'
import { idsIn, type Where, whereOf } from './asked.ts'

type Asked = Routes['addBackfill']['body']
const ways = ['ranges', 'ids', 'mapped'] as const
type Way = (typeof ways)[number]

const Field = ({ label, say, children, of }: { label: string; say?: string; children: ReactNode; of?: string }) => (
  <div className="field">
    <label htmlFor={of}>{label}</label>
    {children}
    {say && <p className="faint">{say}</p>}
  </div>
)

const Estimate = ({ asked }: { asked: Asked }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const formats = useFormats()
  const { data, error } = useQuery({
    queryKey: ['estimateBackfill', tenant, asked],
    queryFn: () => call('estimateBackfill', { path: { tenant }, body: asked }),
    staleTime: 0,
    gcTime: 0,
  })
  if (error) return <Problem error={error} />
  return (
    <p role="status" className="estimate">
      {!data
        ? t('rerun.counting')
        : data.unit === 'milliseconds'
          ? t('history.estimateTime', { stretch: formats.stretch(data.total), staged: formats.number(data.staged) })
          : t('history.estimateRecords', { total: formats.number(data.total), staged: formats.number(data.staged) })}
    </p>
  )
}

export const NewHistory = ({ onDone }: { onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const places = (usePlaces() ?? []).filter((one) => one.readable)
  const { data: pairs } = useRead('listPairs', { query: { limit: 500 } })
  const [place, setPlace] = useState<Place | null>(null)
  const [way, setWay] = useState<Way>('ranges')
  const [stretch, setStretch] = useState<Stretch>({ from: Date.now() - 30 * 86_400_000, to: Date.now() })
  const [text, setText] = useState('')
  const [pair, setPair] = useState<string | null>(null)
  const [where, setWhere] = useState<Where[]>([])
  const [compare, setCompare] = useState(true)
  const [error, setError] = useState<unknown>(null)
  const [isBusy, setBusy] = useState(false)
  const ids = idsIn(text)
  const own = (pairs?.items ?? []).filter((one) => place && [one.left, one.right].includes(placeText(place)))
  const what: Partial<Asked> | null =
    way === 'ranges'
      ? isWhole(stretch)
        ? { ranges: [{ from: iso(stretch.from), to: iso(stretch.to) }] }
        : null
      : way === 'ids'
        ? ids.length > 0
          ? { ids }
          : null
        : pair === null
          ? null
          : { mapped: pair }
  const conditions = whereOf(where)
  const asked: Asked | null =
    place && what
      ? {
          connection: place.connection,
          object: place.object,
          ...what,
          ...(conditions && { where: conditions }),
          compare,
        }
      : null
  const begin = () => {
    if (!asked) return
    setBusy(true)
    setError(null)
    void call('addBackfill', { path: { tenant }, body: asked })
      .then(() => {
        refresh()
        onDone()
      }, setError)
      .finally(() => setBusy(false))
  }
  return (
    <Modal
      open
      width={640}
      title={t('history.new')}
      onCancel={onDone}
      okText={t('history.begin')}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: asked === null }}
      confirmLoading={isBusy}
      onOk={begin}
    >
      <div className="stack">
        <Field label={t('poll.object')} of="history-place">
          <PlaceSelect
            id="history-place"
            label={t('poll.object')}
            places={places}
            value={place}
            onChange={(chosen) => {
              setPlace(chosen)
              setPair(null)
            }}
          />
        </Field>
        <Segmented
          block
          aria-label={t('history.way')}
          value={way}
          options={ways.map((value) => ({ value, label: t(`history.by.${value}`) }))}
          onChange={(value) => setWay(value)}
        />
        {way === 'ranges' && (
          <>
            <StretchFields value={stretch} onChange={setStretch} />
            <p className="faint">{t('history.rangesSay')}</p>
          </>
        )}
        {way === 'ids' && (
          <Field label={t('history.ids')} of="history-ids" say={t('history.idsFound', { count: ids.length })}>
            <Input.TextArea
              id="history-ids"
              rows={5}
              value={text}
              placeholder={t('history.idsHint')}
              onChange={(event) => setText(event.target.value)}
            />
            <input
              type="file"
              accept=".txt,.csv,text/plain,text/csv"
              aria-label={t('history.file')}
              onChange={(event) => void event.target.files?.[0]?.text().then(setText)}
            />
          </Field>
        )}
        {way === 'mapped' && (
          <Field label={t('mapping.pair')} of="history-pair" say={t('history.mappedSay')}>
            <Select
              id="history-pair"
              style={{ width: '100%' }}
              aria-label={t('mapping.pair')}
              value={pair}
              options={own.map((one) => ({ value: String(one.id), label: String(one.id) }))}
              onChange={(value: string) => setPair(value)}
              notFoundContent={t('history.noPair')}
            />
          </Field>
        )}
        <Field label={t('history.where')} say={t('history.whereSay')}>
          {where.map((row, i) => (
            // rows have no name of their own
            // oxlint-disable-next-line react/no-array-index-key
            <div className="abreast" key={i}>
              <Input
                aria-label={t('object.field')}
                placeholder={t('object.field')}
                value={row.field}
                onChange={(event) =>
                  setWhere(where.map((one, n) => (n === i ? { ...one, field: event.target.value } : one)))
                }
              />
              =
              <Input
                aria-label={t('history.value')}
                placeholder={t('history.value')}
                value={row.value}
                onChange={(event) =>
                  setWhere(where.map((one, n) => (n === i ? { ...one, value: event.target.value } : one)))
                }
              />
              <Button
                type="text"
                icon={<MinusCircleOutlined />}
                aria-label={t('act.remove')}
                onClick={() => setWhere(where.filter((_, n) => n !== i))}
              />
            </div>
          ))}
          <div>
            <Button size="small" onClick={() => setWhere([...where, { field: '', value: '' }])}>
              {t('history.addWhere')}
            </Button>
          </div>
        </Field>
        <label className="abreast">
          <Switch checked={compare} onChange={setCompare} aria-label={t('history.compare')} />
          <span>
            {t('history.compare')}
            <br />
            <span className="faint">{t('history.compareSay')}</span>
          </span>
        </label>
        {asked && <Estimate asked={asked} />}
        {error !== null && <Problem error={error} />}
      </div>
    </Modal>
  )
}
