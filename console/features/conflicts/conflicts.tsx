/** Two-way pairs 双向: how they behave, and records that both sides changed and that wait for a choice. */
import { Link } from '@tanstack/react-router'
import { Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { Counts } from '../../ui/watch.tsx'

export const Conflicts = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const { data, error } = useRead('listConflicts', { query: { limit: 500 } }, { every: 4_000 })
  const pairs = useRead('listTwoWay', {}, { every: 8_000 })
  const two = pairs.data?.pairs ?? []
  return (
    <>
      <PageHead title={t('nav.conflicts')} sub={t('conflict.sub')} />
      {two.length > 0 && (
        <div className="cols pairs">
          {two.map((one) => (
            <section key={one.pair} className="card">
              <h2>
                {one.pair}{' '}
                <span className="faint">
                  {t(`conflict.who.${one.conflict}` as 'conflict.who.ask', { defaultValue: one.conflict })}
                </span>
              </h2>
              <p>
                {one.left} ↔ {one.right}
              </p>
              <Counts
                of={[
                  [t('conflict.waiting'), one.conflicts, 'bad'],
                  [t('conflict.loops'), one.loops, 'bad'],
                  [t('conflict.echoes'), one.today.echoes],
                  [t('conflict.flips'), one.today.flips, 'bad'],
                ]}
              />
            </section>
          ))}
        </div>
      )}
      {error && !data ? (
        <Problem error={error} />
      ) : !data ? (
        <Skeleton active />
      ) : data.conflicts.length === 0 ? (
        <div className="card">
          <Nothing title={t('conflict.none')}>
            {two.length === 0 ? t('conflict.noPairTodo') : t('conflict.noneTodo')}
          </Nothing>
        </div>
      ) : (
        <div className="rows">
          {data.conflicts.map((one) => (
            <Link
              key={one.link}
              className="one"
              to={may('showConflict') ? '/t/$tenant/conflicts/$link' : '/t/$tenant/record/$link'}
              params={{ tenant, link: String(one.link) }}
            >
              <div className="row">
                <span>
                  <b>{one.pair}</b> <code>{one.left}</code> ↔ <code>{one.right}</code>
                </span>
                <span className="faint">
                  {t('group.since')} <Moment at={one.since} as="ago" />
                </span>
              </div>
            </Link>
          ))}
        </div>
      )}
    </>
  )
}
