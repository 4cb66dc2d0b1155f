/** One record that both sides changed: both values field by field, who changed what, and the choice of a side. */
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { App, Button, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem, refusalOf } from '../../ui/told.tsx'

export const ConflictPage = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const navigate = useNavigate()
  const { message } = App.useApp()
  const { link } = useParams({ from: '/t/$tenant/conflicts/$link' })
  const { data, error } = useRead('showConflict', { path: { link: Number(link) } }, { every: 5_000 })
  const pair = useRead('showPair', { path: { pair: data?.pair ?? '' } }, { enabled: data !== undefined })
  const resolve = useChange('resolveConflict', { quiet: true })
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
  const take = (side: 'left' | 'right') =>
    resolve.mutate(
      {
        path: { link: data.link },
        body: { take: side, expected: { left: data.left.version, right: data.right.version } },
      },
      {
        onSuccess: () => {
          void message.success(t('conflict.taken', { side: names[side] }))
          void navigate({ to: '/t/$tenant/conflicts', params: { tenant } })
        },
      },
    )
  // what neither side changed is agreed on, however each side writes it
  const moved = data.fields.filter((one) => one.changed.length > 0)
  const differing = moved.length > 0 ? moved : data.fields.filter((one) => one.leftValue !== one.rightValue)
  const alike = data.fields.length - differing.length
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
            {may('resolveConflict') && (
              <Button type="primary" loading={resolve.isPending} onClick={() => take(side)}>
                {t('conflict.take', { side: names[side] })}
              </Button>
            )}
          </section>
        ))}
      </div>
      {resolve.error !== null && <Problem error={resolve.error} />}
      <section className="card">
        <h2>{t('conflict.fields')}</h2>
        <table className="compared">
          <thead>
            <tr>
              <th>{t('object.field')}</th>
              <th>{names.left}</th>
              <th>{names.right}</th>
              <th>{t('conflict.changedBy')}</th>
            </tr>
          </thead>
          <tbody>
            {differing.map((one) => (
              <tr key={`${one.left} ${one.right}`}>
                <td>
                  <code>{one.left ?? '–'}</code>
                  {one.right !== one.left && (
                    <>
                      {' '}
                      ↔ <code>{one.right ?? '–'}</code>
                    </>
                  )}
                </td>
                <td className={one.changed.includes('left') ? 'is-changed' : ''}>
                  <code>{one.leftValue ?? '–'}</code>
                </td>
                <td className={one.changed.includes('right') ? 'is-changed' : ''}>
                  <code>{one.rightValue ?? '–'}</code>
                </td>
                <td>{one.changed.length === 0 ? '–' : one.changed.map((side) => names[side]).join(', ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {alike > 0 && <p className="faint">{t('conflict.alike', { count: alike })}</p>}
        <p className="faint">{t('conflict.some')}</p>
      </section>
    </>
  )
}
