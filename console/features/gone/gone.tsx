/** Deletion sweeps: which records are here and gone at their source; looked for now, or again and again. */
import { Link, useNavigate } from '@tanstack/react-router'
import { Button, InputNumber, Modal, Segmented } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { Listing, More } from '../../ui/listing.tsx'
import { useChange, useList } from '../../ui/asking.ts'
import { type Place, PlaceSelect, usePlaces } from '../../ui/places.tsx'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { Counts, WorkTag, Why } from '../../ui/watch.tsx'

export type Sweep = Item<'listDeletionSweeps'>

export const SweepCounts = ({ one }: { one: Sweep }) => {
  const { t } = useTranslation()
  return (
    <Counts
      of={[
        [t('gone.seen'), one.seen],
        [t('gone.staged'), one.staged],
        [t('gone.gone'), one.gone, 'bad'],
      ]}
    />
  )
}

const NewSweep = ({ onDone }: { onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const navigate = useNavigate()
  const places = (usePlaces() ?? []).filter((one) => one.readable)
  const add = useChange('addDeletionSweep', { quiet: true })
  const [place, setPlace] = useState<Place | null>(null)
  const [onGone, setOnGone] = useState<'ask' | 'mark'>('ask')
  const [hours, setHours] = useState<number | null>(null)
  return (
    <Modal
      open
      title={t('gone.new')}
      onCancel={onDone}
      okText={t('gone.begin')}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: place === null }}
      confirmLoading={add.isPending}
      onOk={() => {
        if (!place) return
        add.mutate(
          {
            body: {
              connection: place.connection,
              object: place.object,
              onGone,
              ...(hours !== null && { everyMinutes: Math.max(1, Math.round(hours * 60)) }),
            },
          },
          {
            onSuccess: ({ id }) => void navigate({ to: '/t/$tenant/gone/$sweep', params: { tenant, sweep: id } }),
          },
        )
      }}
    >
      <div className="stack">
        <div className="field">
          <label htmlFor="gone-place">{t('poll.object')}</label>
          <PlaceSelect id="gone-place" label={t('poll.object')} places={places} value={place} onChange={setPlace} />
        </div>
        <div className="field">
          <span>{t('gone.onGone')}</span>
          <Segmented
            block
            aria-label={t('gone.onGone')}
            value={onGone}
            options={(['ask', 'mark'] as const).map((value) => ({ value, label: t(`gone.onGone.${value}`) }))}
            onChange={setOnGone}
          />
          <p className="faint">{t(`gone.say.${onGone}`)}</p>
        </div>
        <div className="field">
          <label htmlFor="gone-hours">{t('gone.every')}</label>
          <InputNumber id="gone-hours" min={1} max={8_784} value={hours} onChange={setHours} style={{ width: 140 }} />
          <p className="faint">{t('gone.everySay')}</p>
        </div>
        {add.error !== null && <Problem error={add.error} />}
      </div>
    </Modal>
  )
}

export const Gone = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const formats = useFormats()
  const list = useList('listDeletionSweeps', {}, { every: 2_500, limit: 50 })
  const [isNew, setNew] = useState(false)
  const add = may('addDeletionSweep') && (
    <Button type="primary" onClick={() => setNew(true)}>
      {t('gone.new')}
    </Button>
  )
  return (
    <>
      <PageHead title={t('nav.gone')} sub={t('gone.sub')}>
        {add}
      </PageHead>
      <Listing
        list={list}
        none={
          <Nothing title={t('gone.none')} action={add}>
            {t('gone.noneTodo')}
          </Nothing>
        }
      >
        <div className="rows">
          {list.items.map((one) => (
            <Link key={one.id} className="one" to="/t/$tenant/gone/$sweep" params={{ tenant, sweep: one.id }}>
              <div className="row">
                <b>
                  {one.connection}/<code>{one.object}</code>
                </b>
                <WorkTag state={one.state} />
              </div>
              <SweepCounts one={one} />
              <div className="faint">
                {t(`gone.onGone.${one.onGone}`)}
                {one.everyMinutes !== null &&
                  ` · ${t('poll.every', { stretch: formats.stretch(one.everyMinutes * 60_000) })}`}{' '}
                · {one.askedBy} · <Moment at={one.createdAt} as="ago" />
              </div>
              <Why why={one.why} />
            </Link>
          ))}
          <More list={list} />
        </div>
      </Listing>
      {isNew && <NewSweep onDone={() => setNew(false)} />}
    </>
  )
}
