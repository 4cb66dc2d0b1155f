/** Integration flows 集成流: which run, which are paused, and the way into each. */
import { Link } from '@tanstack/react-router'
import { Button, Skeleton } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'

const NewFlow = lazy(async () => ({ default: (await import('./new-flow.tsx')).NewFlow }))

export const FlowWord = ({ state }: { state: string }) => {
  const { t } = useTranslation()
  const kind = state === 'enabled' ? 'succeeded' : state === 'paused' ? 'waiting' : 'skipped'
  return (
    <span className={`state state-${kind}`}>
      <i aria-hidden />
      {t(`flow.state.${state}` as 'flow.state.enabled', { defaultValue: state })}
    </span>
  )
}

export const Flows = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const formats = useFormats()
  const { data, error } = useRead('showStatus', {}, { every: 5_000 })
  const may = useMay()
  const [isNew, setNew] = useState(false)
  if (error && !data) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const create = may('putPair') && (
    <Button type="primary" onClick={() => setNew(true)}>
      {t('pairing.new')}
    </Button>
  )
  return (
    <>
      <PageHead title={t('nav.flows')} sub={t('flow.sub')}>
        {create}
      </PageHead>
      {data.flows.length === 0 ? (
        <div className="card">
          <Nothing title={t('flow.none')} action={create}>
            {t('flow.noneTodo')}
          </Nothing>
        </div>
      ) : (
        <div className="rows">
          {data.flows.map((flow) => (
            <Link
              key={`${flow.pair} ${flow.flow}`}
              className="one"
              to="/t/$tenant/flows/$pair/$flow"
              params={{ tenant, pair: flow.pair, flow: flow.flow }}
            >
              <div className="row">
                <b>
                  {flow.pair} {flow.flow === 'leftToRight' ? '→' : '←'}
                </b>
                <FlowWord state={flow.state} />
              </div>
              <div>
                {flow.source} → {flow.target}
              </div>
              <div className="faint">
                {t('flow.counts', {
                  succeeded: formats.number(flow.counts.succeeded ?? 0),
                  failed: formats.number((flow.counts.failed ?? 0) + (flow.counts.unknown ?? 0)),
                })}
                {flow.sweep &&
                  ` · ${t('flow.sweep', { what: flow.sweep.what, done: flow.sweep.done, total: flow.sweep.total ?? '?' })}`}
              </div>
            </Link>
          ))}
        </div>
      )}
      {isNew && (
        <Suspense>
          <NewFlow onDone={() => setNew(false)} />
        </Suspense>
      )}
    </>
  )
}
