/** Messages of queues that could not be read: kept byte for byte with the reason, read again once the configuration fits, or taken off the list. */
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { App, Button, Popconfirm, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Answer, call, type Item } from '../../api/client.ts'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import { Listing, More } from '../../ui/listing.tsx'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { Body } from '../../ui/text.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'

type Event = Item<'listRefusedEvents'>
const from = '/t/$tenant/unread'

const Bytes = ({ event }: { event: number }) => {
  const { t } = useTranslation()
  const { data, error } = useRead('showRefusedEvent', { path: { event } })
  if (error) return <Problem error={error} />
  return data ? <Body title={t('unread.body')} text={data.text} /> : null
}

const One = ({ one }: { one: Event }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const formats = useFormats()
  const { message } = App.useApp()
  const [isOpen, setOpen] = useState(false)
  const again = useChange('retryRefusedEvents')
  const remove = useChange('removeRefusedEvent')
  return (
    <article className="one">
      <div className="row">
        <b>
          {one.object === '' ? t('unread.noObject') : one.object} {one.id !== '' && <code>{one.id}</code>}
        </b>
        <span className="faint">
          <Link
            className="under"
            to="/t/$tenant/connections/$connection"
            params={{ tenant, connection: one.connection }}
          >
            {one.connection}
          </Link>{' '}
          · {one.place} · <Moment at={one.at} as="ago" />
        </span>
      </div>
      <p className="why-box why">
        {one.why} {one.path !== null && <code>{one.path}</code>}
      </p>
      {may('showRefusedEvent') && (
        <details className="fold" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>{t('unread.see', { shown: formats.number(one.bytes) })}</summary>
          {isOpen && <Bytes event={one.event} />}
        </details>
      )}
      {(may('retryRefusedEvents') || may('removeRefusedEvent')) && (
        <div className="row start">
          {may('retryRefusedEvents') && (
            <Button
              size="small"
              loading={again.isPending}
              onClick={() => {
                setOpen(false)
                again.mutate(
                  { body: { event: one.event } },
                  {
                    onSuccess: ({ taken }) =>
                      void (taken > 0
                        ? message.success(t('unread.taken', { count: 1 }))
                        : message.warning(t('unread.still'))),
                  },
                )
              }}
            >
              {t('unread.again')}
            </Button>
          )}
          {may('removeRefusedEvent') && (
            <Popconfirm
              title={t('unread.removeSure')}
              okText={t('act.remove')}
              cancelText={t('act.cancel')}
              onConfirm={() => {
                setOpen(false) // it is not there to be asked for any more
                remove.mutate({ path: { event: one.event } })
              }}
            >
              <Button size="small" loading={remove.isPending}>
                {t('act.remove')}
              </Button>
            </Popconfirm>
          )}
        </div>
      )}
    </article>
  )
}

export const Unread = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const refresh = useRefresh()
  const navigate = useNavigate({ from })
  const { connection } = useSearch({ from })
  const { message } = App.useApp()
  const connections = useRead('listConnections', { query: { limit: 500 } }).data?.items ?? []
  const list = useList(
    'listRefusedEvents',
    { query: { ...(connection && { connection }) } },
    { every: 5_000, limit: 50 },
  )
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  /** Part by part, as the interface answers. */
  const all = async () => {
    setBusy(true)
    setError(null)
    let [taken, refused] = [0, 0]
    try {
      for (let after: number | null = 0; after !== null; ) {
        const told: Answer<'retryRefusedEvents'> = await call('retryRefusedEvents', {
          path: { tenant },
          body: { ...(connection && { connection }), after },
        })
        taken += told.taken
        refused += told.refused
        after = told.next
      }
      void message.info(t('unread.done', { taken, refused }))
    } catch (no) {
      setError(no)
    }
    setBusy(false)
    refresh()
  }
  const withQueues = connections.filter((one) => Array.isArray(one.queues) && one.queues.length > 0)
  return (
    <>
      <PageHead
        title={t('unread.title')}
        sub={
          <>
            <Link to="/t/$tenant/connections" params={{ tenant }}>
              {t('nav.connections')}
            </Link>{' '}
            · {t('unread.sub')}
          </>
        }
      >
        {may('retryRefusedEvents') && list.items.length > 0 && (
          <Button type="primary" loading={isBusy} onClick={() => void all()}>
            {t('unread.all')}
          </Button>
        )}
      </PageHead>
      {error !== null && <Problem error={error} />}
      <div className="filters" role="group" aria-label={t('filter.label')}>
        <Select
          style={{ minWidth: 180 }}
          aria-label={t('kind.connection')}
          placeholder={t('kind.connection')}
          value={connection}
          allowClear
          options={withQueues.map((one) => ({ value: String(one.id), label: String(one.id) }))}
          onChange={(value?: string) => void navigate({ search: value ? { connection: value } : {}, replace: true })}
        />
      </div>
      <Listing list={list} none={<Nothing title={t('unread.none')}>{t('unread.noneSay')}</Nothing>}>
        <div className="rows">
          {list.items.map((one) => (
            <One key={one.event} one={one} />
          ))}
          <More list={list} />
        </div>
      </Listing>
    </>
  )
}
