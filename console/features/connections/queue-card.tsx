/** The queues that a connection listens to: connected or why not, what waits at the broker, what could not be read; pausing and resuming each. */
import { Link } from '@tanstack/react-router'
import { App, Button, Popconfirm, Tooltip } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { kindNames, QueueForm } from './queue-form.tsx'
import { type QueueView, queueViews } from './queues.ts'

type Tree = Record<string, unknown>

/** Of all connections of the tenant, asked for again by itself. */
export const useQueues = (connection: Tree | undefined): QueueView[] => {
  const hasQueues = ((connection?.queues ?? []) as unknown[]).length > 0
  const { data } = useRead('listQueues', { query: { limit: 500 } }, { every: 4_000, enabled: hasQueues })
  return connection && data ? queueViews(connection, data.items) : []
}

const looks = {
  listening: 'succeeded',
  connecting: 'syncing',
  reconnecting: 'failed',
  paused: 'waiting',
  nobody: 'failed',
} as const

export const QueueTag = ({ state }: { state: QueueView['state'] }) => {
  const { t } = useTranslation()
  return (
    <span className={`state state-${looks[state]}`}>
      <i aria-hidden />
      {t(`queue.state.${state}`)}
    </span>
  )
}

export const Experimental = () => {
  const { t } = useTranslation()
  return (
    <Tooltip title={t('queue.experimentalSay')}>
      <span className="experimental">{t('queue.experimental')}</span>
    </Tooltip>
  )
}

/** One line for the list of connections. */
export const QueueLine = ({ connection }: { connection: Tree }) => {
  const { t } = useTranslation()
  const formats = useFormats()
  return useQueues(connection).map((one) => (
    <div key={one.queue} className="queue-line">
      <span className="faint">
        {kindNames[one.kind]} · {one.queue}
      </span>
      {one.experimental && <Experimental />}
      <QueueTag state={one.state} />
      {one.lag !== null && <span>{t('queue.lagOf', { count: one.lag, shown: formats.number(one.lag) })}</span>}
      {one.kept > 0 && (
        <span className="state state-failed">
          <i aria-hidden />
          {t('queue.keptOf', { count: one.kept })}
        </span>
      )}
      {one.state !== 'listening' && one.faults.length > 0 && <span className="faint">{one.faults[0]}</span>}
    </div>
  ))
}

const One = ({ connection: whole, view, onChange }: { connection: Tree; view: QueueView; onChange: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const formats = useFormats()
  const { message } = App.useApp()
  const turn = useChange('changeQueueState')
  const put = useChange('putConnection')
  const connection = String(whole.id)
  const remove = () => {
    const { id: _id, objects: _objects, ...rest } = whole
    const queues = ((whole.queues ?? []) as Tree[]).filter((one) => String(one.id) !== view.queue)
    put.mutate({ path: { connection }, body: { ...rest, queues } as never })
  }
  const isPaused = view.state === 'paused'
  const to = (state: 'enabled' | 'paused') =>
    turn.mutate(
      { path: { connection, queue: view.queue }, body: { state } },
      { onSuccess: () => void message.success(t(`queue.turned.${state}`)) },
    )
  return (
    <article className="queue" aria-label={view.queue}>
      <div className="row between">
        <h3>
          {view.queue} <small className="faint">{kindNames[view.kind]}</small> {view.experimental && <Experimental />}
        </h3>
        <QueueTag state={view.state} />
      </div>
      {view.experimental && <p className="faint">{t('queue.experimentalSay')}</p>}
      {view.faults.map((fault) => (
        <p key={fault} className="why-box why">
          {fault}
        </p>
      ))}
      {view.state === 'nobody' && <p className="why-box why">{t('queue.nobodySay')}</p>}
      <dl className="facts">
        <dt>{t('queue.since')}</dt>
        <dd>
          <Moment at={view.since} as="ago" />
        </dd>
        <dt>{t('queue.lag')}</dt>
        <dd>
          {view.lag === null ? (
            <span className="faint">{t(isPaused ? 'queue.lagPaused' : 'queue.lagUnknown')}</span>
          ) : (
            formats.number(view.lag)
          )}
        </dd>
        <dt>{t('queue.last')}</dt>
        <dd>
          {view.lastAt === null ? (
            <span className="faint">{t('queue.lastNone')}</span>
          ) : (
            <Moment at={view.lastAt} as="ago" />
          )}
        </dd>
        <dt>{t('queue.reconnects')}</dt>
        <dd>{formats.number(view.reconnects)}</dd>
        <dt>{t('queue.kept')}</dt>
        <dd>
          {view.kept > 0 ? (
            <Link to="/t/$tenant/unread" params={{ tenant }} search={{ connection }}>
              {t('queue.keptSee', { count: view.kept })}
            </Link>
          ) : (
            0
          )}
        </dd>
        {view.nodes.length > 1 && (
          <>
            <dt>{t('queue.nodes')}</dt>
            <dd>
              {view.nodes.map((node) => (
                <div key={node.node}>
                  <code>{node.node.slice(0, 8)}</code> <QueueTag state={node.state} />
                </div>
              ))}
            </dd>
          </>
        )}
      </dl>
      {(may('changeQueueState') || may('putConnection')) && (
        <div className="row">
          {may('changeQueueState') &&
            (isPaused ? (
              <Button type="primary" size="small" loading={turn.isPending} onClick={() => to('enabled')}>
                {t('queue.resume')}
              </Button>
            ) : (
              <Button size="small" loading={turn.isPending} onClick={() => to('paused')}>
                {t('queue.pause')}
              </Button>
            ))}
          {may('putConnection') && (
            <>
              <Button size="small" onClick={onChange}>
                {t('step.edit')}
              </Button>
              <Popconfirm
                title={t('queue.removeSure', { name: view.queue })}
                okText={t('act.remove')}
                cancelText={t('act.cancel')}
                onConfirm={remove}
              >
                <Button size="small" type="text" loading={put.isPending}>
                  {t('act.remove')}
                </Button>
              </Popconfirm>
            </>
          )}
        </div>
      )}
    </article>
  )
}

export const QueueCard = ({ connection }: { connection: Tree }) => {
  const { t } = useTranslation()
  const may = useMay()
  const views = useQueues(connection)
  /** Null: none is open; an empty text: a new one. */
  const [changing, setChanging] = useState<string | null>(null)
  if (views.length === 0 && !may('putConnection')) return null
  return (
    <section className="card stack">
      <div className="row between">
        <h2>{t('queue.title')}</h2>
        {may('putConnection') && (
          <Button size="small" onClick={() => setChanging('')}>
            {t('queue.add')}
          </Button>
        )}
      </div>
      {views.length === 0 && <p className="faint">{t('queue.none')}</p>}
      {views.map((view) => (
        <One key={view.queue} connection={connection} view={view} onChange={() => setChanging(view.queue)} />
      ))}
      {views.length > 0 && <p className="faint">{t('queue.pauseSay')}</p>}
      {changing !== null && (
        <QueueForm connection={connection} queue={changing || null} onDone={() => setChanging(null)} />
      )}
    </section>
  )
}
