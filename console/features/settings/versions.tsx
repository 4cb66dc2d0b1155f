/** Versions of what is declared: what differed, and bringing one back, planned first. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Button, Input, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useList } from '../../ui/asking.ts'
import { Fields } from '../../ui/changes.tsx'
import { Restore, type Version } from '../../ui/restore.tsx'
import { useMay } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, Problem } from '../../ui/told.tsx'

const kinds = ['connection', 'object', 'pair', 'flow', 'function'] as const

export const Versions = () => {
  const { t } = useTranslation()
  const may = useMay()
  const navigate = useNavigate({ from: '/t/$tenant/settings/$tab' })
  const said = useSearch({ from: '/t/$tenant/settings/$tab' })
  const kind = kinds.find((one) => one === said.kind)
  const found = useList(
    'listVersions',
    { query: { ...(kind && { kind }), ...(said.name && { name: said.name }) } },
    { limit: 50 },
  )
  const [restoring, setRestoring] = useState<Version | null>(null)
  const set = (change: { kind?: string; name?: string }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  return (
    <>
      <div className="filters" role="group" aria-label={t('filter.label')}>
        <Select
          style={{ minWidth: 160 }}
          aria-label={t('version.kind')}
          placeholder={t('version.kind')}
          value={kind}
          allowClear
          options={kinds.map((value) => ({ value, label: t(`kind.${value}`) }))}
          onChange={(value?: string) => set({ kind: value })}
        />
        <Input.Search
          key={said.name}
          style={{ width: 240 }}
          aria-label={t('version.name')}
          placeholder={t('version.name')}
          defaultValue={said.name}
          allowClear
          onSearch={(text) => set({ name: text.trim() || undefined })}
        />
      </div>
      {found.error ? (
        <Problem error={found.error} />
      ) : found.isPending ? (
        <Skeleton active />
      ) : found.items.length === 0 ? (
        <Nothing title={t('version.none')}>{t('version.noneTodo')}</Nothing>
      ) : (
        <div className="rows">
          {found.items.map((one) => (
            <div key={`${one.kind} ${one.name} ${one.number}`} className="one">
              <div className="row">
                <span>
                  <b>
                    {t(`kind.${one.kind}`)} <code>{one.name}</code>
                  </b>{' '}
                  · {t(`changes.${one.what}`)} · {t('record.version', { n: one.number })}
                </span>
                <span className="row">
                  <span className="faint">
                    {one.who === 'start' ? t('audit.start') : one.who} · <Moment at={one.at} />
                  </span>
                  {may('restoreVersion') && one.what !== 'removed' && (
                    <Button size="small" onClick={() => setRestoring(one)}>
                      {t('version.restore')}
                    </Button>
                  )}
                </span>
              </div>
              {one.fields.length > 0 && (
                <details className="fold">
                  <summary>{t('version.differs', { count: one.fields.length })}</summary>
                  <Fields fields={one.fields} />
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
      )}
      {restoring && <Restore version={restoring} onDone={() => setRestoring(null)} />}
    </>
  )
}
