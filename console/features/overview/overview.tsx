/** The overview: what stands where, how it fared over time, and the road as a picture one clicks into. */
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Segmented, Skeleton, Table } from 'antd'
import type { TableColumnsType } from 'antd'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import type { Answer } from '../../api/client.ts'
import { useRead } from '../../ui/asking.ts'
import { useIsPhone } from '../../ui/phone.ts'
import { useTenant } from '../../ui/session.tsx'
import { useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { fareOf, type Flow, type Span, spans } from './fare.ts'

const Plots = lazy(async () => ({ default: (await import('./plots.tsx')).Plots }))
const Road = lazy(async () => ({ default: (await import('./road.tsx')).Road }))

export const FlowState = ({ state }: { state: string }) => {
  const { t } = useTranslation()
  const kind = state === 'enabled' ? 'succeeded' : state === 'paused' ? 'waiting' : 'skipped'
  return (
    <span className={`state state-${kind}`}>
      <i aria-hidden />
      {t(`flow.state.${state}` as 'flow.state.enabled', { defaultValue: state })}
    </span>
  )
}

const Tiles = ({ status, pulse }: { status: Answer<'showStatus'>; pulse: Answer<'showPulse'> | undefined }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const formats = useFormats()
  const sum = (state: string) =>
    status.flows.reduce((all, flow) => all + ((flow.counts as Record<string, number>)[state] ?? 0), 0)
  const failed = sum('failed') + sum('unknown')
  const backlog = sum('pending') + sum('syncing') + sum('waiting')
  const oldest = status.flows
    .map((flow) => flow.oldestPending)
    .filter((at) => at !== null)
    .sort()[0]
  const fare = fareOf(pulse, null)
  const params = { tenant }
  return (
    <div className="tiles">
      <Link
        className={`tile${failed > 0 ? ' bad' : ''}`}
        to="/t/$tenant/maintain"
        params={params}
        search={{ state: 'failed,unknown' }}
      >
        <b>{formats.number(failed)}</b>
        <span>{t('overview.trouble')}</span>
      </Link>
      <Link className="tile" to="/t/$tenant/maintain" params={params} search={{ state: 'pending,syncing,waiting' }}>
        <b>{formats.number(backlog)}</b>
        <span>{t('overview.backlog')}</span>
      </Link>
      <div className="tile">
        <b>{oldest ? formats.stretch(Math.max(0, Date.parse(status.at) - Date.parse(oldest))) : '–'}</b>
        <span>{t('overview.oldest')}</span>
      </div>
      <div className="tile">
        <b>{fare.perMinute === null ? '–' : formats.number(Math.round(fare.perMinute * 10) / 10)}</b>
        <span>{t('overview.perMinute')}</span>
      </div>
      <div className="tile">
        <b>{fare.success === null ? '–' : formats.percent(fare.success)}</b>
        <span>{t('overview.success')}</span>
      </div>
      <Link className="tile" to="/t/$tenant/maintain" params={params} search={{ state: 'succeeded' }}>
        <b>{formats.number(sum('succeeded'))}</b>
        <span>{t('overview.agreed')}</span>
      </Link>
    </div>
  )
}

export const Overview = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const formats = useFormats()
  const from = '/t/$tenant/'
  const navigate = useNavigate({ from })
  const said = useSearch({ from })
  const isPhone = useIsPhone()
  const span: Span = spans.includes(said.span as Span) ? (said.span as Span) : 'hour'
  const status = useRead('showStatus', {}, { every: 5_000 })
  const pulse = useRead('showPulse', { query: { span } }, { every: 15_000 })
  const hour = useRead('showPulse', { query: { span: 'hour' } }, { every: 15_000 })
  if (status.error && !status.data) return <Problem error={status.error} retry={() => void status.refetch()} />
  if (!status.data) return <Skeleton active />
  const { flows } = status.data
  if (flows.length === 0)
    return (
      <>
        <PageHead title={t('nav.overview')} />
        <div className="card">
          <Nothing
            title={t('overview.none')}
            action={
              <Link to="/t/$tenant/connections" params={{ tenant }}>
                {t('overview.begin')}
              </Link>
            }
          >
            {t('overview.noneTodo')}
          </Nothing>
        </div>
      </>
    )
  const direction = (flow: Flow) => `${flow.pair}:${flow.flow}`
  const columns: TableColumnsType<Flow> = [
    {
      key: 'flow',
      title: t('records.flow'),
      render: (_, flow) => (
        <Link to="/t/$tenant/flows/$pair/$flow" params={{ tenant, pair: flow.pair, flow: flow.flow }}>
          <div className="ends">
            <b>
              {flow.pair} {flow.flow === 'leftToRight' ? '→' : '←'}
            </b>
            <small>
              {flow.source} → {flow.target}
            </small>
          </div>
        </Link>
      ),
    },
    { key: 'state', title: t('records.state'), width: 120, render: (_, flow) => <FlowState state={flow.state} /> },
    {
      key: 'lag',
      title: t('overview.lag'),
      width: 100,
      align: 'right',
      render: (_, flow) =>
        flow.oldestPending === null
          ? '–'
          : formats.stretch(Math.max(0, Date.parse(status.data.at) - Date.parse(flow.oldestPending))),
    },
    {
      key: 'perMinute',
      title: t('overview.perMinuteShort'),
      width: 110,
      align: 'right',
      render: (_, flow) => {
        const { perMinute } = fareOf(hour.data, flow)
        return perMinute === null ? '–' : formats.number(Math.round(perMinute * 10) / 10)
      },
    },
    {
      key: 'success',
      title: t('overview.successShort'),
      width: 110,
      align: 'right',
      render: (_, flow) => {
        const { success } = fareOf(hour.data, flow)
        return success === null ? '–' : formats.percent(success)
      },
    },
    ...(['pending', 'waiting', 'failed'] as const).map((state) => ({
      key: state,
      title: t(`state.${state}`),
      width: 100,
      align: 'right' as const,
      render: (_: unknown, flow: Flow) => {
        const count =
          (flow.counts[state] ?? 0) +
          (state === 'failed' ? (flow.counts.unknown ?? 0) : 0) +
          (state === 'pending' ? (flow.counts.syncing ?? 0) : 0)
        return count === 0 ? (
          <span className="faint">0</span>
        ) : (
          <Link
            to="/t/$tenant/maintain"
            params={{ tenant }}
            search={{
              flow: direction(flow),
              state: state === 'failed' ? 'failed,unknown' : state === 'pending' ? 'pending,syncing' : state,
            }}
            className={state === 'failed' ? 'state state-failed' : ''}
          >
            {formats.number(count)}
          </Link>
        )
      },
    })),
  ]
  return (
    <>
      <PageHead title={t('nav.overview')} sub={t('overview.sub')} />
      <Tiles status={status.data} pulse={hour.data} />
      {/* on a phone the table below says the same */}
      {!isPhone && (
        <section className="card flush" aria-label={t('overview.road')}>
          <Suspense fallback={<div className="road" />}>
            <Road status={status.data} />
          </Suspense>
        </section>
      )}
      <section className="card">
        <div className="row" style={{ justifyContent: 'space-between', marginBottom: 10 }}>
          <h2 style={{ margin: 0 }}>{t('overview.overTime')}</h2>
          <Segmented<Span>
            aria-label={t('overview.span')}
            value={span}
            options={spans.map((value) => ({ value, label: t(`overview.span.${value}`) }))}
            onChange={(value) => void navigate({ search: { span: value }, replace: true })}
          />
        </div>
        <Suspense fallback={<Skeleton active />}>
          {pulse.data ? <Plots pulse={pulse.data} /> : <Skeleton active />}
        </Suspense>
      </section>
      <section className="card flush">
        <Table<Flow>
          size="middle"
          rowKey={direction}
          columns={columns}
          dataSource={flows}
          pagination={false}
          scroll={{ x: 880 }}
        />
      </section>
    </>
  )
}
