/** The audit trail: who changed what, from what to what; the newest first. */
import { Button, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { useList } from '../../ui/asking.ts'
import { Body } from '../../ui/text.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, Problem } from '../../ui/told.tsx'

export const Audit = () => {
  const { t } = useTranslation()
  const found = useList('listAudit', {}, { limit: 50, every: 15_000 })
  if (found.error) return <Problem error={found.error} />
  if (found.isPending) return <Skeleton active />
  if (found.items.length === 0) return <Nothing title={t('audit.none')}>{t('audit.noneTodo')}</Nothing>
  return (
    <div className="rows">
      {found.items.map((one) => (
        <div key={one.id} className="one">
          <div className="row">
            <span>
              <b>{one.actor}</b> {t(`audit.${one.what}` as 'audit.changed', { defaultValue: one.what })}{' '}
              {t(`kind.${one.kind}` as 'kind.connection', { defaultValue: one.kind })} <code>{one.name}</code>
            </span>
            <span className="faint">
              <code>{one.route}</code> · <Moment at={one.at} />
            </span>
          </div>
          {(one.before != null || one.after != null) && (
            <details className="fold">
              <summary>{t('audit.details')}</summary>
              {one.before != null && <Body title={t('audit.before')} text={JSON.stringify(one.before)} />}
              {one.after != null && <Body title={t('audit.after')} text={JSON.stringify(one.after)} />}
              <p className="faint">
                {t('problem.trace')} <code>{one.traceId}</code> · {one.address}
              </p>
            </details>
          )}
        </div>
      ))}
      {found.hasNextPage && (
        <Button block onClick={found.more} loading={found.isFetchingNextPage}>
          {t('act.more')}
        </Button>
      )}
    </div>
  )
}
