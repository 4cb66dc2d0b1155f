/** Master-data batches 主数据批量同步 that came in, and how their callbacks 回调 fare. */
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Select } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { Listing, More } from '../../ui/listing.tsx'
import { useList, useRead } from '../../ui/asking.ts'
import { useTenant } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead } from '../../ui/told.tsx'
import { Counts, Share, WorkTag } from '../../ui/watch.tsx'

export type Batch = Item<'listBatches'>
const from = '/t/$tenant/batches'
const states = ['waiting', 'running', 'done', 'failed'] as const

export const CallbackWord = ({ callback }: { callback: Batch['callback'] }) => {
  const { t } = useTranslation()
  if (callback === null) return <span className="faint">{t('batch.noCallback')}</span>
  return (
    <span className="row nowrap">
      {t('batch.callback')} <WorkTag state={callback.state} as={t(`batch.callback.${callback.state}`)} />
    </span>
  )
}

export const BatchCounts = ({ one }: { one: Batch }) => {
  const { t } = useTranslation()
  return (
    <Counts
      of={[
        [t('batch.rows'), one.rows],
        [t('batch.created'), one.created, 'good'],
        [t('batch.updated'), one.updated, 'good'],
        [t('batch.refused'), one.failed, 'bad'],
      ]}
    />
  )
}

export const Batches = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const navigate = useNavigate({ from })
  const said = useSearch({ from })
  const formats = useFormats()
  const { data: clients } = useRead('listBatchClients', { query: { limit: 500 } })
  const state = states.find((one) => one === said.state)
  const query = { ...(said.client && { client: said.client }), ...(state && { state }) }
  const list = useList('listBatches', { query }, { every: 3_000, limit: 50 })
  const set = (change: { client?: string | undefined; state?: string | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const isFiltered = Object.keys(query).length > 0
  return (
    <>
      <PageHead title={t('nav.batches')} sub={t('batch.sub')} />
      <div className="filters" role="group" aria-label={t('filter.label')}>
        <Select
          style={{ minWidth: 180 }}
          aria-label={t('batch.client')}
          placeholder={t('batch.client')}
          value={said.client}
          allowClear
          options={(clients?.items ?? []).map((one) => ({ value: String(one.id), label: String(one.id) }))}
          onChange={(value?: string) => set({ client: value })}
        />
        <Select
          style={{ minWidth: 150 }}
          aria-label={t('records.state')}
          placeholder={t('records.state')}
          value={state}
          allowClear
          options={states.map((value) => ({ value, label: t(`batch.state.${value}`) }))}
          onChange={(value?: string) => set({ state: value })}
        />
      </div>
      <Listing
        list={list}
        none={
          isFiltered ? (
            <Nothing title={t('batch.noMatch')}>{t('records.noMatchTodo')}</Nothing>
          ) : (
            <Nothing
              title={t('batch.none')}
              action={
                <Link to="/t/$tenant/settings/$tab" params={{ tenant, tab: 'callers' }} search={{}}>
                  {t('settings.callers')}
                </Link>
              }
            >
              {t('batch.noneTodo')}
            </Nothing>
          )
        }
      >
        <div className="rows">
          {list.items.map((one) => (
            <Link
              key={one.batch}
              className="one"
              to="/t/$tenant/batches/$batch"
              params={{ tenant, batch: String(one.batch) }}
            >
              <div className="row">
                <span>
                  <b>{one.path}</b> · <code>{one.bizId}</code>
                </span>
                <span className="row">
                  <CallbackWord callback={one.callback} />
                  <WorkTag state={one.state} as={t(`batch.state.${one.state}`)} />
                </span>
              </div>
              {(one.state === 'waiting' || one.state === 'running') && (
                <Share share={one.done / one.rows} state={one.state} />
              )}
              <BatchCounts one={one} />
              <div className="faint">
                {one.client} · <Moment at={one.receivedAt} as="ago" />
                {one.endedAt !== null &&
                  ` · ${t('batch.took', { stretch: formats.stretch(Date.parse(one.endedAt) - Date.parse(one.receivedAt)) })}`}
                {one.why !== null && ` · ${one.why}`}
              </div>
            </Link>
          ))}
          <More list={list} />
        </div>
      </Listing>
    </>
  )
}
