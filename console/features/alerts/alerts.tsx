/** Alerts 告警: what fires now, what fired before, and what is told to whom. */
import { Link, useParams } from '@tanstack/react-router'
import { Button, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Answer } from '../../api/client.ts'
import { useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { WorkTag } from '../../ui/watch.tsx'
import { AlertSettings } from './settings.tsx'

type Alert = Answer<'listAlerts'>['alerts'][number]
const tabs = ['open', 'past', 'settings'] as const
type Tab = (typeof tabs)[number]

export const Level = ({ level }: { level: Alert['level'] }) => {
  const { t } = useTranslation()
  return <span className={`level level-${level}`}>{t(`alert.level.${level}`)}</span>
}

/** Where one sees what an alert speaks of, and mends it. */
const placeOf = (rule: string) => {
  switch (rule) {
    case 'conflict':
      return 'conflicts'
    case 'callback':
      return 'batches'
    case 'function':
      return 'functions'
    case 'service':
    case 'breaker':
    case 'quota':
      return 'connections'
    case 'noData':
    case 'pollGap':
    case 'clock':
    case 'clockPaused':
      return 'polls'
    case 'differences':
    case 'overdue':
      return 'compare'
    default:
      return 'maintain'
  }
}

const One = ({ one }: { one: Alert }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const formats = useFormats()
  const place = placeOf(one.rule)
  return (
    <article className={`one alert-${one.level}${one.state === 'recovered' ? ' over' : ''}`}>
      <div className="row">
        <span className="row">
          <Level level={one.level} />
          <b>{t(`alert.rule.${one.rule}` as 'alert.rule.sync', { defaultValue: one.rule })}</b>
        </span>
        <WorkTag state={one.state} />
      </div>
      <p>{one.sentence}</p>
      <div className="faint">
        {t('group.since')} <Moment at={one.since} />
        {one.recoveredAt !== null &&
          ` · ${t('alert.lasted', { stretch: formats.stretch(Date.parse(one.recoveredAt) - Date.parse(one.since)) })}`}
        {one.state !== 'recovered' && (
          <>
            {' · '}
            <Link to={`/t/$tenant/${place}`} params={{ tenant }}>
              {t(`nav.${place}`)}
            </Link>
          </>
        )}
      </div>
      {one.notices.length === 0 ? (
        one.state !== 'pending' && <div className="faint">{t('alert.untold')}</div>
      ) : (
        <ul className="plain notices">
          {one.notices.map((notice) => (
            <li key={`${notice.what} ${notice.channel} ${notice.recipient} ${notice.at}`}>
              <WorkTag state={notice.state} as={t(`alert.notice.${notice.state}`)} /> {notice.channel}
              {notice.recipient !== '' && ` · ${notice.recipient}`} · {t(`alert.what.${notice.what}`)}
              {notice.at !== null && (
                <>
                  {' '}
                  · <Moment at={notice.at} as="ago" />
                </>
              )}
              {notice.attempts > 1 && ` · ${t('record.attempts', { count: notice.attempts })}`}
              {notice.fault !== null && <div className="why">{notice.fault}</div>}
            </li>
          ))}
        </ul>
      )}
    </article>
  )
}

const Open = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const firing = useRead('listAlerts', { query: { state: 'firing', limit: 500 } }, { every: 4_000 })
  const pending = useRead('listAlerts', { query: { state: 'pending', limit: 100 } }, { every: 4_000 })
  if (firing.error && !firing.data) return <Problem error={firing.error} />
  if (!firing.data || !pending.data) return <Skeleton active />
  const rank = { critical: 0, warning: 1, info: 2 }
  const alerts = [...firing.data.alerts.toSorted((a, b) => rank[a.level] - rank[b.level]), ...pending.data.alerts]
  if (alerts.length === 0)
    return (
      <div className="card">
        <Nothing
          title={t('alert.none')}
          action={
            <Link to="/t/$tenant/alerts/$tab" params={{ tenant, tab: 'settings' }}>
              {t('alert.tab.settings')}
            </Link>
          }
        >
          {t('alert.noneTodo')}
        </Nothing>
      </div>
    )
  return (
    <div className="rows">
      {alerts.map((one) => (
        <One key={one.alert} one={one} />
      ))}
    </div>
  )
}

const Past = () => {
  const { t } = useTranslation()
  const [limit, setLimit] = useState(50)
  const { data, error } = useRead('listAlerts', { query: { state: 'recovered', limit } }, { every: 10_000 })
  if (error && !data) return <Problem error={error} />
  if (!data) return <Skeleton active />
  if (data.alerts.length === 0)
    return (
      <div className="card">
        <Nothing title={t('alert.nonePast')}>{t('alert.nonePastTodo')}</Nothing>
      </div>
    )
  return (
    <div className="rows">
      {data.alerts.map((one) => (
        <One key={one.alert} one={one} />
      ))}
      {data.alerts.length === limit && limit < 500 && (
        <Button block onClick={() => setLimit(Math.min(500, limit * 2))}>
          {t('act.more')}
        </Button>
      )}
    </div>
  )
}

export const Alerts = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const said = useParams({ from: '/t/$tenant/alerts/$tab' }).tab
  const tab: Tab = tabs.find((one) => one === said) ?? 'open'
  return (
    <>
      <PageHead title={t('nav.alerts')} sub={t('alert.sub')} />
      <nav className="tabs" aria-label={t('nav.alerts')}>
        {tabs.map((one) => (
          <Link
            key={one}
            to="/t/$tenant/alerts/$tab"
            params={{ tenant, tab: one }}
            activeProps={{ className: 'active' }}
          >
            {t(`alert.tab.${one}`)}
          </Link>
        ))}
      </nav>
      {tab === 'open' ? <Open /> : tab === 'past' ? <Past /> : <AlertSettings mayEdit={may('putAlertSettings')} />}
    </>
  )
}
