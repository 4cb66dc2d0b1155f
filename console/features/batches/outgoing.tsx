/** Master-data batches that go out: what waits for the next one, what is used of each target's limits, and how those that left fare. */
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Progress, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Answer } from '../../api/client.ts'
import { useList, useRead } from '../../ui/asking.ts'
import { Listing, More } from '../../ui/listing.tsx'
import { useTenant } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead } from '../../ui/told.tsx'
import { Counts, WorkTag } from '../../ui/watch.tsx'
import { callbackLook, openRows, type OutBatch, outStates, stateLook } from './out.ts'

type Lane = Answer<'listOutLanes'>['items'][number]
const from = '/t/$tenant/out-batches'

const Meter = ({ name, span }: { name: string; span: Lane['hour'] }) => {
  const { t } = useTranslation()
  const formats = useFormats()
  const share = span.used / span.limit
  const said = t('out.used', { used: formats.number(span.used), limit: formats.number(span.limit) })
  return (
    <div className="out-meter">
      <div className="row between">
        <span>{name}</span>
        <b>{said}</b>
      </div>
      <Progress
        size="small"
        showInfo={false}
        percent={Math.min(100, share * 100)}
        status={share >= 1 ? 'exception' : 'normal'}
        aria-label={`${name}: ${said}`}
      />
      <small className="faint">
        {t('out.anew')} <Moment at={span.endsAt} as="ago" />
      </small>
    </div>
  )
}

const LaneCard = ({ lane }: { lane: Lane }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const formats = useFormats()
  return (
    <section className="card stack" aria-label={`${lane.connection}/${lane.object}`}>
      <div className="row between">
        <h2>
          <Link
            className="under"
            to="/t/$tenant/connections/$connection"
            params={{ tenant, connection: lane.connection }}
          >
            {lane.connection}
          </Link>{' '}
          / {lane.object}
        </h2>
        <code>{lane.path}</code>
      </div>
      <p>
        {lane.queued === 0
          ? t('out.nothingWaits')
          : t('out.waits', {
              count: lane.queued,
              shown: formats.number(lane.queued),
              stretch: formats.stretch(lane.oldestMs ?? 0),
            })}
      </p>
      <div className="cols two">
        <Meter name={t('out.hour')} span={lane.hour} />
        <Meter name={t('out.day')} span={lane.day} />
      </div>
      {lane.heldUntil !== null && (
        <p className="why-box why">
          {t('out.held')} <Moment at={lane.heldUntil} as="ago" />
          {lane.why !== null && ` · ${lane.why}`}
        </p>
      )}
      <p className="faint">
        {t('out.leaves', { rows: formats.number(lane.maxRows), stretch: formats.stretch(lane.fillForMs) })}{' '}
        {t(lane.callsBack ? (lane.asks ? 'out.hears.both' : 'out.hears.callback') : 'out.hears.query')}
      </p>
    </section>
  )
}

export const CallbackTag = ({ one }: { one: Pick<OutBatch, 'callback' | 'callbacksRefused'> }) => {
  const { t } = useTranslation()
  return (
    <span className="row nowrap">
      {t('batch.callback')} <WorkTag state={callbackLook[one.callback]} as={t(`out.callback.${one.callback}`)} />
      {one.callbacksRefused > 0 && (
        <span className={`state state-${one.callback === 'taken' ? 'waiting' : 'failed'}`}>
          <i aria-hidden />
          {t('out.forged', { count: one.callbacksRefused })}
        </span>
      )}
    </span>
  )
}

export const Outgoing = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const navigate = useNavigate({ from })
  const said = useSearch({ from })
  const formats = useFormats()
  const lanes = useRead('listOutLanes', {}, { every: 5_000 }).data?.items ?? []
  const state = outStates.find((one) => one === said.state)
  const query = { ...(said.connection && { connection: said.connection }), ...(state && { state }) }
  const list = useList('listOutBatches', { query }, { every: 3_000, limit: 50 })
  const set = (change: { connection?: string | undefined; state?: string | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const names = [...new Set([...lanes.map((one) => one.connection), ...(said.connection ? [said.connection] : [])])]
  const shownLanes = lanes.filter((one) => !said.connection || one.connection === said.connection)
  return (
    <>
      <PageHead title={t('nav.outgoing')} sub={t('out.sub')} />
      {shownLanes.length > 0 && (
        <div className="cols">
          {shownLanes.map((lane) => (
            <LaneCard key={`${lane.connection} ${lane.object}`} lane={lane} />
          ))}
        </div>
      )}
      <div className="filters" role="group" aria-label={t('filter.label')}>
        <Select
          style={{ minWidth: 180 }}
          aria-label={t('kind.connection')}
          placeholder={t('kind.connection')}
          value={said.connection}
          allowClear
          options={names.map((value) => ({ value, label: value }))}
          onChange={(value?: string) => set({ connection: value })}
        />
        <Select
          style={{ minWidth: 170 }}
          aria-label={t('records.state')}
          placeholder={t('records.state')}
          value={state}
          allowClear
          options={outStates.map((value) => ({ value, label: t(`out.state.${value}`) }))}
          onChange={(value?: string) => set({ state: value })}
        />
      </div>
      <Listing
        list={list}
        none={
          Object.keys(query).length > 0 ? (
            <Nothing title={t('batch.noMatch')}>{t('records.noMatchTodo')}</Nothing>
          ) : (
            <Nothing
              title={t('out.none')}
              action={
                <Link to="/t/$tenant/connections" params={{ tenant }}>
                  {t('nav.connections')}
                </Link>
              }
            >
              {t(lanes.length > 0 ? 'out.noneYet' : 'out.noneTodo')}
            </Nothing>
          )
        }
      >
        <div className="rows">
          {list.items.map((one) => (
            <Link
              key={one.batch}
              className="one"
              to="/t/$tenant/out-batches/$batch"
              params={{ tenant, batch: String(one.batch) }}
            >
              <div className="row">
                <span>
                  <b>{one.path}</b> · <code>{one.bizId}</code>
                </span>
                <span className="row">
                  <CallbackTag one={one} />
                  <WorkTag state={stateLook(one)} as={t(`out.state.${one.state}`)} />
                </span>
              </div>
              <Counts
                of={[
                  [t('batch.rows'), one.rows],
                  [t('out.in'), one.applied, 'good'],
                  [t('batch.refused'), one.refused, 'bad'],
                  [t('out.open'), openRows(one)],
                ]}
              />
              <div className="faint">
                {one.connection}/{one.object} · <Moment at={one.madeAt} as="ago" />
                {one.endedAt !== null &&
                  ` · ${t('batch.took', { stretch: formats.stretch(Date.parse(one.endedAt) - Date.parse(one.madeAt)) })}`}
                {one.toldBy !== null && ` · ${t(`out.toldBy.${one.toldBy}`)}`}
                {one.state !== 'done' && one.said !== null && ` · ${one.said}`}
              </div>
            </Link>
          ))}
          <More list={list} />
        </div>
      </Listing>
    </>
  )
}
