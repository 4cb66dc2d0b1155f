/** What an id leads to: straight to the record where there is one, else a choice. */
import { Link, Navigate, useSearch } from '@tanstack/react-router'
import { Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { useRead } from '../../ui/asking.ts'
import { useTenant } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem, refusalOf, StateTag } from '../../ui/told.tsx'

export const Find = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const { id = '' } = useSearch({ from: '/t/$tenant/find' })
  const { data, error, isPending } = useRead('showJourney', { query: { id } }, { enabled: id !== '' })
  if (id === '' || (error && refusalOf(error).status === 404))
    return <Nothing title={t('find.none', { id })}>{t('find.noneTodo')}</Nothing>
  if (error) return <Problem error={error} />
  if (isPending || !data) return <Skeleton active />
  const [only, second] = data.links
  if (only && !second)
    return <Navigate to="/t/$tenant/record/$link" params={{ tenant, link: String(only.link) }} replace />
  return (
    <>
      <PageHead title={t('find.title', { id })} sub={t('find.sub', { count: data.links.length })} />
      <div className="rows">
        {data.links.map((one) => (
          <Link key={one.link} className="one" to="/t/$tenant/record/$link" params={{ tenant, link: String(one.link) }}>
            <div className="row">
              <StateTag state={one.state} held={one.held} />
              <b>{one.pair}</b>
              <Moment at={one.firstSeenAt} as="ago" />
            </div>
            <code>{one.left.id ?? '–'}</code> ↔ <code>{one.right.id ?? '–'}</code>
            {one.why[0] && <div className="faint">{one.why[0]}</div>}
          </Link>
        ))}
        {data.links.length === 0 &&
          data.staged.map((one) => (
            <div key={`${one.connection} ${one.object}`} className="one">
              <b>
                {one.connection}/{one.object} <code>{one.id}</code>
              </b>
              <p className="faint">{t('find.staged')}</p>
            </div>
          ))}
      </div>
    </>
  )
}
