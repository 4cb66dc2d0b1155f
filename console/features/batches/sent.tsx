/** One batch that went out: how its result was told, what became of each row with its record, and asking the target now. */
import { Link, useParams } from '@tanstack/react-router'
import { App, Button, Skeleton, Switch, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { OutcomeTag, PageHead, Problem } from '../../ui/told.tsx'
import { Tile, WorkTag } from '../../ui/watch.tsx'
import { CallbackTag } from './outgoing.tsx'
import { isTrouble, openRows, type OutBatch, type OutRow, stateLook, stepsOf } from './out.ts'

/** What is said of a step beside its name. */
const More = ({ batch, what }: { batch: OutBatch; what: ReturnType<typeof stepsOf>[number]['what'] }) => {
  const { t } = useTranslation()
  if (what === 'posted') return <>{t('out.posts', { count: batch.posts })}</>
  if (what === 'asked') return <>{t('out.asks', { count: batch.asks })}</>
  if (what === 'ended')
    return (
      <>
        {batch.toldBy === null
          ? t(`out.endedAs.${batch.state}` as 'out.endedAs.lost')
          : t(`out.toldBy.${batch.toldBy}`)}
      </>
    )
  return null
}

export const SentPage = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const formats = useFormats()
  const { message } = App.useApp()
  const { batch } = useParams({ from: '/t/$tenant/out-batches/$batch' })
  const { data, error } = useRead(
    'showOutBatch',
    { path: { batch: Number(batch) }, query: { limit: 1_000 } },
    { every: 2_500 },
  )
  const ask = useChange('askOutBatch')
  const [isShort, setShort] = useState(false)
  if (error && !data) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const count = (value: number | null) => (value === null ? '–' : formats.number(value))
  const troubled = data.items.filter(isTrouble)
  const shown = isShort ? troubled : data.items
  return (
    <>
      <PageHead
        title={
          <>
            {data.path} <code>{data.bizId}</code> <WorkTag state={stateLook(data)} as={t(`out.state.${data.state}`)} />
          </>
        }
        sub={
          <>
            <Link to="/t/$tenant/out-batches" params={{ tenant }} search={{}}>
              {t('nav.outgoing')}
            </Link>{' '}
            ·{' '}
            <Link to="/t/$tenant/connections/$connection" params={{ tenant, connection: data.connection }}>
              {data.connection}
            </Link>
            /{data.object} · <Moment at={data.madeAt} />
          </>
        }
      >
        {data.canAsk && may('askOutBatch') && (
          <Button
            type="primary"
            loading={ask.isPending}
            onClick={() =>
              ask.mutate({ path: { batch: data.batch } }, { onSuccess: () => void message.success(t('out.asking')) })
            }
          >
            {t('out.ask')}
          </Button>
        )}
      </PageHead>
      <div className="tiles">
        <Tile name={t('batch.rows')} value={count(data.rows)} />
        <Tile name={t('out.in')} value={count(data.applied)} />
        <Tile name={t('batch.refused')} value={count(data.refused)} isBad={(data.refused ?? 0) > 0} />
        <Tile name={t('out.open')} value={count(openRows(data))} />
      </div>
      {(data.state === 'lost' || data.state === 'split') && (
        <p className="why-box why">
          {t(`out.say.${data.state}`)}
          {data.said !== null && ` ${t('out.said')} ${data.said}`}
        </p>
      )}
      <div className="cols">
        <section className="card stack">
          <h2>{t('out.way')}</h2>
          <CallbackTag one={data} />
          {data.callbacksRefused > 0 && data.callback !== 'taken' && (
            <p className="why-box why">{t('out.forgedSay', { count: data.callbacksRefused })}</p>
          )}
          <p className="faint">{t(`out.callbackSay.${data.callback}`)}</p>
          <ol className="line">
            {stepsOf(data).map((step) => (
              <li key={step.what} className={step.mood}>
                <div className="head">
                  <b>{t(`out.step.${step.what}`)}</b>
                  <Moment at={step.at} />
                  <span className="faint">
                    <More batch={data} what={step.what} />
                  </span>
                </div>
              </li>
            ))}
          </ol>
          {data.state !== 'lost' && data.state !== 'split' && data.said !== null && data.said !== '' && (
            <p className="faint why">
              {t('out.said')} {data.status !== null && `HTTP ${data.status} · `}
              {data.said}
            </p>
          )}
        </section>
        <section className="card">
          <div className="row between">
            <h2>{t('out.rows')}</h2>
            {troubled.length > 0 && troubled.length < data.items.length && (
              <span className="row">
                <label htmlFor="out-short">{t('out.short', { count: troubled.length })}</label>
                <Switch id="out-short" size="small" checked={isShort} onChange={setShort} />
              </span>
            )}
          </div>
          {data.items.length === 0 && <p className="faint">{t('out.rowsGone')}</p>}
          {data.items.length > 0 && (
            <Table<OutRow>
              size="small"
              rowKey={(row) => row.row}
              dataSource={shown}
              pagination={shown.length > 50 ? { pageSize: 50, showSizeChanger: false } : false}
              columns={[
                { key: 'row', title: t('batch.row'), width: 64, render: (_, row) => row.row },
                {
                  key: 'code',
                  title: t('records.record'),
                  width: 150,
                  render: (_, row) => (
                    <Link to="/t/$tenant/record/$link" params={{ tenant, link: String(row.link) }}>
                      <code>{row.code}</code>
                    </Link>
                  ),
                },
                {
                  key: 'outcome',
                  title: t('records.state'),
                  render: (_, row) => (
                    <>
                      <OutcomeTag outcome={row.outcome} />
                      {row.why !== null && <div className="why">{row.why}</div>}
                      {row.warnings.map((one) => (
                        <div key={one} className="why faint">
                          {t('batch.row.warned')}: {one}
                        </div>
                      ))}
                    </>
                  ),
                },
              ]}
            />
          )}
        </section>
      </div>
    </>
  )
}
