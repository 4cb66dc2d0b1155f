/** Sync history 同步历史数据: what was asked for, how far it is, and how to hold or end it. */
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { Listing, More } from '../../ui/listing.tsx'
import { useChange, useList } from '../../ui/asking.ts'
import { useMay } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead } from '../../ui/told.tsx'
import { Counts, Share, WorkTag, Why } from '../../ui/watch.tsx'
import { NewHistory } from './new.tsx'

type Task = Item<'listBackfills'>

const Deeds = ({ task }: { task: Task }) => {
  const { t } = useTranslation()
  const may = useMay()
  const pause = useChange('pauseBackfill')
  const stop = useChange('stopBackfill')
  const go = useChange('continueBackfill')
  const path = { backfill: task.id }
  if (!may('pauseBackfill')) return null
  const isOpen = ['not reached', 'queued', 'running'].includes(task.state)
  return (
    <span className="row">
      {isOpen && (
        <Button size="small" loading={pause.isPending} onClick={() => pause.mutate({ path })}>
          {t('history.pause')}
        </Button>
      )}
      {['paused', 'stopped', 'error'].includes(task.state) && (
        <Button size="small" type="primary" loading={go.isPending} onClick={() => go.mutate({ path })}>
          {t('history.continue')}
        </Button>
      )}
      {(isOpen || task.state === 'paused') && (
        <Button size="small" danger loading={stop.isPending} onClick={() => stop.mutate({ path })}>
          {t('act.stop')}
        </Button>
      )}
    </span>
  )
}

const One = ({ task }: { task: Task }) => {
  const { t } = useTranslation()
  const formats = useFormats()
  return (
    <article className="one">
      <div className="row">
        <span>
          <b>
            {task.connection}/<code>{task.object}</code>
          </b>{' '}
          · {t(`history.by.${task.by}`)}
          {task.where !== null &&
            Object.entries(task.where).map(([name, value]) => (
              <code key={name} className="chip">
                {name} = {value}
              </code>
            ))}
          {!task.compare && <span className="chip">{t('history.noCompare')}</span>}
        </span>
        <WorkTag state={task.state} />
      </div>
      <Share share={task.share} state={task.state} />
      <div className="row">
        <span className="faint">
          {task.by === 'ranges'
            ? t('history.stretchOf', { done: formats.stretch(task.done), total: formats.stretch(task.total) })
            : t('history.recordsOf', { done: formats.number(task.done), total: formats.number(task.total) })}
          {task.endsAt !== null && ` · ${t('history.eta', { when: formats.ago(task.endsAt) })}`}
          {' · '}
          {task.askedBy} · <Moment at={task.createdAt} as="ago" />
        </span>
        <Deeds task={task} />
      </div>
      <Counts
        of={[
          [t('poll.count.requests'), task.requests],
          [t('poll.count.seen'), task.seen],
          [t('poll.count.created'), task.created, 'good'],
          [t('poll.count.changed'), task.changed, 'good'],
          [t('poll.count.unchanged'), task.unchanged],
          [t('poll.count.failed'), task.failed, 'bad'],
        ]}
      />
      <Why why={task.why} />
    </article>
  )
}

export const History = () => {
  const { t } = useTranslation()
  const may = useMay()
  const list = useList('listBackfills', {}, { every: 2_000, limit: 50 })
  const [isNew, setNew] = useState(false)
  const add = may('addBackfill') && (
    <Button type="primary" onClick={() => setNew(true)}>
      {t('history.new')}
    </Button>
  )
  return (
    <>
      <PageHead title={t('nav.history')} sub={t('history.sub')}>
        {add}
      </PageHead>
      <Listing
        list={list}
        none={
          <Nothing title={t('history.none')} action={add}>
            {t('history.noneTodo')}
          </Nothing>
        }
      >
        <div className="rows">
          {list.items.map((one) => (
            <One key={one.id} task={one} />
          ))}
          <More list={list} />
        </div>
      </Listing>
      {isNew && <NewHistory onDone={() => setNew(false)} />}
    </>
  )
}
