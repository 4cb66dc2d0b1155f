/** Versions of what is declared: who changed what and when, what differed, and bringing one back. */
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Fields } from './changes.tsx'
import { Listing, More } from './listing.tsx'
import { Restore, type Version } from './restore.tsx'
import { useMay } from './session.tsx'
import { Moment } from './time.tsx'
import { Nothing } from './told.tsx'

/** `isOpen`: what differed is there to be read at once. */
export const VersionList = ({
  list,
  isOpen = false,
  named = true,
}: {
  list: {
    error: unknown
    isPending: boolean
    items: readonly Version[]
    refetch(): unknown
    hasNextPage: boolean
    isFetchingNextPage: boolean
    more(): void
  }
  isOpen?: boolean
  /** Of several things: each says of which it is. */
  named?: boolean
}) => {
  const { t } = useTranslation()
  const may = useMay()
  const [restoring, setRestoring] = useState<Version | null>(null)
  return (
    <Listing list={list} none={<Nothing title={t('version.none')}>{t('version.noneTodo')}</Nothing>}>
      <div className="rows">
        {list.items.map((one, i) => (
          <div key={`${one.kind} ${one.name} ${one.number}`} className="one">
            <div className="row">
              <span>
                {named && (
                  <b>
                    {t(`kind.${one.kind}`)} <code>{one.name}</code>
                  </b>
                )}{' '}
                {named && '· '}
                {t(`changes.${one.what}`)} · {t('record.version', { n: one.number })}
                {!named && i === 0 && one.what !== 'removed' && <span className="chip">{t('version.current')}</span>}
              </span>
              <span className="row">
                <span className="faint">
                  {one.who === 'start' ? t('audit.start') : one.who} · <Moment at={one.at} />
                </span>
                {may('restoreVersion') && one.what !== 'removed' && (named || i > 0) && (
                  <Button size="small" onClick={() => setRestoring(one)}>
                    {t('version.restore')}
                  </Button>
                )}
              </span>
            </div>
            {one.fields.length > 0 && (
              <details className="fold" open={isOpen && one.fields.length <= 12}>
                <summary>{t('version.differs', { count: one.fields.length })}</summary>
                <Fields fields={one.fields} />
              </details>
            )}
          </div>
        ))}
        <More list={list} />
      </div>
      {restoring && <Restore version={restoring} onDone={() => setRestoring(null)} />}
    </Listing>
  )
}
