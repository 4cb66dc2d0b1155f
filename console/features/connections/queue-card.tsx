/** The queues that a connection listens to: connected or why not, what waits at the broker, what could not be read; pausing and resuming each. */
import { Link } from '@tanstack/react-router'
import { App, Button, Tooltip } from 'antd'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
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

export const kindNames = { rabbitmq: 'RabbitMQ', nats: 'NATS JetStream', kafka: 'Kafka' } as const

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

const One = ({ connection, view }: { connection: string; view: QueueView }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const formats = useFormats()
  const { message } = App.useApp()
  const turn = useChange('changeQueueState')
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
      {may('changeQueueState') && (
        <div className="row">
          {isPaused ? (
            <Button type="primary" size="small" loading={turn.isPending} onClick={() => to('enabled')}>
              {t('queue.resume')}
            </Button>
          ) : (
            <Button size="small" loading={turn.isPending} onClick={() => to('paused')}>
              {t('queue.pause')}
            </Button>
          )}
        </div>
      )}
    </article>
  )
}

export const QueueCard = ({ connection }: { connection: Tree }) => {
  const { t } = useTranslation()
  const views = useQueues(connection)
  if (views.length === 0) return null
  return (
    <section className="card stack">
      <h2>{t('queue.title')}</h2>
      {views.map((view) => (
        <One key={view.queue} connection={String(connection.id)} view={view} />
      ))}
      <p className="faint">{t('queue.pauseSay')}</p>
    </section>
  )
}
