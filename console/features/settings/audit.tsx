/** The audit trail: who changed what, from what to what; the newest first, narrowed down by who, what and when. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Input, Select, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { useList } from '../../ui/asking.ts'
import { Fields } from '../../ui/changes.tsx'
import { Body } from '../../ui/text.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, Problem } from '../../ui/told.tsx'
import { More } from '../../ui/listing.tsx'
import { differing } from './differs.ts'

type Entry = Item<'listAudit'>

const kinds = [
  'connection',
  'object',
  'pair',
  'flow',
  'function',
  'token',
  'hook',
  'batch client',
  'user',
  'key',
  'signInRule',
  'record',
  'group',
  'link',
  'task',
  'poll',
  'backfill',
  'comparison',
  'tenant',
] as const

const most = 60

/** What differs, field by field; and both as a whole behind it. */
const Change = ({ one }: { one: Entry }) => {
  const { t } = useTranslation()
  const isBoth = one.before != null && one.after != null
  const fields = isBoth ? differing(one.before, one.after) : []
  return (
    <>
      {fields.length > 0 && <Fields fields={fields.slice(0, most) as Parameters<typeof Fields>[0]['fields']} />}
      {fields.length > most && <p className="faint">{t('audit.further', { count: fields.length - most })}</p>}
      <details className="fold">
        <summary>{t('audit.details')}</summary>
        {one.before != null && <Body title={t('audit.before')} text={JSON.stringify(one.before)} />}
        {one.after != null && <Body title={t('audit.after')} text={JSON.stringify(one.after)} />}
        <p className="faint">
          {t('problem.trace')} <code>{one.traceId || '–'}</code> · {one.address || '–'}
        </p>
      </details>
    </>
  )
}

const Filters = () => {
  const { t } = useTranslation()
  const navigate = useNavigate({ from: '/t/$tenant/settings/$tab' })
  const said = useSearch({ from: '/t/$tenant/settings/$tab' })
  const set = (change: Partial<typeof said>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  /** Days of the browser's own calendar, from midnight to midnight. */
  const day = (at: string | undefined, off: number) => {
    if (at === undefined || Number.isNaN(Date.parse(at))) return ''
    const here = new Date(Date.parse(at) + off)
    return new Date(here.getTime() - here.getTimezoneOffset() * 60_000).toISOString().slice(0, 10)
  }
  const midnight = (text: string, days: number): string | undefined => {
    if (text === '') return undefined
    const at = new Date(`${text}T00:00:00`)
    at.setDate(at.getDate() + days)
    return at.toISOString()
  }
  return (
    <div className="filters" role="group" aria-label={t('filter.label')}>
      <Input.Search
        key={`actor ${said.actor}`}
        style={{ width: 200 }}
        aria-label={t('audit.actor')}
        placeholder={t('audit.actor')}
        defaultValue={said.actor}
        allowClear
        onSearch={(text) => set({ actor: text.trim() || undefined })}
      />
      <Select
        style={{ minWidth: 160 }}
        aria-label={t('audit.kind')}
        placeholder={t('audit.kind')}
        value={said.kind}
        allowClear
        options={kinds.map((value) => ({ value, label: t(`kind.${value}`) }))}
        onChange={(value?: string) => set({ kind: value })}
      />
      <Input.Search
        key={`name ${said.name}`}
        style={{ width: 200 }}
        aria-label={t('audit.name')}
        placeholder={t('audit.name')}
        defaultValue={said.name}
        allowClear
        onSearch={(text) => set({ name: text.trim() || undefined })}
      />
      <Input
        type="date"
        style={{ width: 200 }}
        prefix={t('stretch.from')}
        aria-label={t('audit.from')}
        title={t('audit.from')}
        value={day(said.from, 0)}
        onChange={(event) => set({ from: midnight(event.target.value, 0) })}
      />
      <Input
        type="date"
        style={{ width: 200 }}
        prefix={t('stretch.to')}
        aria-label={t('audit.to')}
        title={t('audit.to')}
        value={day(said.to, -1)}
        onChange={(event) => set({ to: midnight(event.target.value, 1) })}
      />
    </div>
  )
}

/** `which`: of the tenant, or of the installation itself. */
const Trail = ({ which }: { which: 'listAudit' | 'listEveryAudit' }) => {
  const { t } = useTranslation()
  const { actor, kind, name, from, to } = useSearch({ from: '/t/$tenant/settings/$tab' })
  const query = {
    ...(actor && { actor }),
    ...(kind && { kind }),
    ...(name && { name }),
    ...(from && { from }),
    ...(to && { to }),
  }
  const found = useList(which, { query }, { limit: 50, every: 15_000 })
  if (found.error) return <Problem error={found.error} />
  if (found.isPending) return <Skeleton active />
  if (found.items.length === 0)
    return (
      <Nothing title={Object.keys(query).length > 0 ? t('audit.noMatch') : t('audit.none')}>
        {t('audit.noneTodo')}
      </Nothing>
    )
  return (
    <div className="rows">
      {(found.items as Entry[]).map((one) => (
        <div key={one.id} className="one">
          <div className="row">
            <span>
              <b>{one.actor === 'start' ? t('audit.start') : one.actor}</b>{' '}
              {t(`audit.${one.what}` as 'audit.changed', { defaultValue: one.what })}{' '}
              {t(`kind.${one.kind}` as 'kind.connection', { defaultValue: one.kind })} <code>{one.name}</code>
            </span>
            <span className="faint">
              <code>{one.route}</code> · <Moment at={one.at} />
            </span>
          </div>
          <Change one={one} />
        </div>
      ))}
      <More list={found} />
    </div>
  )
}

export const Audit = ({ which = 'listAudit' }: { which?: 'listAudit' | 'listEveryAudit' }) => (
  <>
    <Filters />
    <Trail which={which} />
  </>
)
