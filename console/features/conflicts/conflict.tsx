/** One record that both sides changed: who changed what and when, and the choice of a side or of some fields of each. */
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { App, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { useRead } from '../../ui/asking.ts'
import { useTenant } from '../../ui/session.tsx'
import { ChooseCard } from '../../ui/choose.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem, refusalOf } from '../../ui/told.tsx'

export const ConflictPage = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const navigate = useNavigate()
  const { message } = App.useApp()
  const { link } = useParams({ from: '/t/$tenant/conflicts/$link' })
  const { data, error } = useRead('showConflict', { path: { link: Number(link) } }, { every: 5_000 })
  const pair = useRead('showPair', { path: { pair: data?.pair ?? '' } }, { enabled: data !== undefined })
  const toRecord = (
    <Link to="/t/$tenant/record/$link" params={{ tenant, link }}>
      {t('conflict.record')}
    </Link>
  )
  if (error && refusalOf(error).status === 404)
    return (
      <Nothing title={t('conflict.over')} action={toRecord}>
        {t('conflict.overTodo')}
      </Nothing>
    )
  if (error && !data) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const names = {
    left: String(pair.data?.left ?? t('mapping.left')),
    right: String(pair.data?.right ?? t('mapping.right')),
  }
  return (
    <>
      <PageHead
        title={
          <>
            {data.pair} <code>{data.left.id}</code> ↔ <code>{data.right.id}</code>
          </>
        }
        sub={
          <>
            <Link to="/t/$tenant/conflicts" params={{ tenant }}>
              {t('nav.conflicts')}
            </Link>{' '}
            · {t('group.since')} <Moment at={data.since} as="ago" /> · {toRecord}
          </>
        }
      />
      <div className="versus">
        {(['left', 'right'] as const).map((side) => (
          <section key={side} className="card">
            <h2>{names[side]}</h2>
            <dl className="facts">
              <dt>{t('conflict.id')}</dt>
              <dd>
                <code>{data[side].id}</code>
              </dd>
              <dt>{t('conflict.modified')}</dt>
              <dd>
                <Moment at={data[side].sourceTime} />
              </dd>
              {data[side].voided && (
                <>
                  <dt>{t('records.state')}</dt>
                  <dd>{t('story.voided')}</dd>
                </>
              )}
            </dl>
          </section>
        ))}
      </div>
      <ChooseCard
        link={data.link}
        onDone={() => {
          void message.success(t('conflict.chosen'))
          void navigate({ to: '/t/$tenant/conflicts', params: { tenant } })
        }}
      />
    </>
  )
}
