/** One batch: its rows and why some were refused, the result as its sender was told it, and every try of its callback. */
import { Link, useParams } from '@tanstack/react-router'
import { App, Button, Skeleton, Table } from 'antd'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Body, CopyButton } from '../../ui/text.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { PageHead, Problem } from '../../ui/told.tsx'
import { Share, Tile, WorkTag } from '../../ui/watch.tsx'
import { CallbackWord } from './batches.tsx'
import { type RowSaid, rowsSaid } from './result.ts'

export const BatchPage = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const formats = useFormats()
  const { message } = App.useApp()
  const { batch } = useParams({ from: '/t/$tenant/batches/$batch' })
  const { data, error } = useRead('showBatch', { path: { batch: Number(batch) } }, { every: 2_500 })
  const resend = useChange('resendCallback')
  if (error && !data) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const said = rowsSaid(data.result)
  const count = (value: number | null) => (value === null ? '–' : formats.number(value))
  return (
    <>
      <PageHead
        title={
          <>
            {data.path} <code>{data.bizId}</code> <WorkTag state={data.state} as={t(`batch.state.${data.state}`)} />
          </>
        }
        sub={
          <>
            <Link to="/t/$tenant/batches" params={{ tenant }} search={{}}>
              {t('nav.batches')}
            </Link>{' '}
            · {data.client} · {data.connection}/{data.object} · <Moment at={data.receivedAt} />
          </>
        }
      >
        {(data.failed ?? 0) > 0 && (
          <Button
            href={`/api/v1/tenants/${encodeURIComponent(tenant)}/batches/${data.batch}/rejected`}
            download={`rejected-${data.batch}.csv`}
          >
            {t('batch.csv')}
          </Button>
        )}
        {data.callback !== null && may('resendCallback') && (
          <Button
            type="primary"
            loading={resend.isPending}
            onClick={() =>
              resend.mutate(
                { path: { batch: data.batch } },
                { onSuccess: () => void message.success(t('batch.resent')) },
              )
            }
          >
            {t('batch.resend')}
          </Button>
        )}
      </PageHead>
      {(data.state === 'waiting' || data.state === 'running') && (
        <Share share={data.done / data.rows} state={data.state} />
      )}
      <div className="tiles">
        <Tile name={t('batch.rows')} value={count(data.rows)} />
        <Tile name={t('batch.created')} value={count(data.created)} />
        <Tile name={t('batch.updated')} value={count(data.updated)} />
        <Tile name={t('batch.refused')} value={count(data.failed)} isBad={(data.failed ?? 0) > 0} />
      </div>
      {data.why !== null && <p className="why-box why">{data.why}</p>}
      <div className="cols">
        <section className="card">
          <h2>{t('batch.callback')}</h2>
          {data.callback === null ? (
            <p className="faint">{t('batch.noCallbackSay')}</p>
          ) : (
            <div className="stack">
              <CallbackWord callback={data.callback} />
              <dl className="facts">
                <dt>{t('batch.url')}</dt>
                <dd>
                  <code>{data.callback.url}</code>
                </dd>
                <dt>webhook-id</dt>
                <dd>
                  <code>{data.callback.id}</code>
                </dd>
                {data.callback.nextAt !== null && (
                  <>
                    <dt>{t('batch.nextTry')}</dt>
                    <dd>
                      <Moment at={data.callback.nextAt} as="ago" />
                    </dd>
                  </>
                )}
              </dl>
              {data.callback.state === 'held' && <p className="why-box">{t('batch.heldSay')}</p>}
              <h3>{t('batch.tries')}</h3>
              {data.tries.length === 0 ? (
                <p className="faint">{t('batch.noTries')}</p>
              ) : (
                <ol className="line">
                  {data.tries.map((one) => (
                    <li
                      key={one.at}
                      className={one.status !== null && one.status >= 200 && one.status < 300 ? 'good' : 'bad'}
                    >
                      <div className="head">
                        <b>{one.status === null ? t('batch.noAnswer') : `HTTP ${one.status}`}</b>
                        <Moment at={one.at} /> <span className="faint">{formats.stretch(one.ms)}</span>
                      </div>
                      {one.said !== null && one.said !== '' && <div className="why faint">{one.said}</div>}
                    </li>
                  ))}
                </ol>
              )}
            </div>
          )}
        </section>
        <section className="card">
          <h2>{t('batch.rowsSaid')}</h2>
          {said.length === 0 ? (
            <p className="faint">{data.state === 'done' ? t('batch.allGood') : t('batch.notYet')}</p>
          ) : (
            <Table<RowSaid>
              size="small"
              rowKey={(row) => `${row.row} ${row.mood}`}
              dataSource={said}
              pagination={said.length > 50 ? { pageSize: 50, showSizeChanger: false } : false}
              columns={[
                { key: 'row', title: t('batch.row'), width: 90, render: (_, row) => <code>{row.row}</code> },
                {
                  key: 'mood',
                  title: t('records.state'),
                  width: 110,
                  render: (_, row) => (
                    <span className={`state state-${row.mood === 'refused' ? 'failed' : 'waiting'}`}>
                      <i aria-hidden />
                      {t(`batch.row.${row.mood}`)}
                    </span>
                  ),
                },
                {
                  key: 'say',
                  title: t('records.why'),
                  render: (_, row) => row.say.map((one) => <div key={one}>{one}</div>),
                },
              ]}
            />
          )}
          <p className="faint">{t('batch.toldIn', { locale: data.locale })}</p>
        </section>
      </div>
      {data.result !== null && <Body title={t('batch.result')} text={JSON.stringify(data.result)} />}
      <p className="faint">
        {t('problem.trace')} <code>{data.traceId}</code> <CopyButton text={data.traceId} />
      </p>
    </>
  )
}
