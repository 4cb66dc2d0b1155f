/** One polled object: its schedule and next runs, the ledger of windows 轮询窗口 as a line of time with gaps to press, and the windows one by one. */
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { App, Button, Modal, Segmented, Skeleton, Table, type TableColumnsType, Tooltip } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import { useIsPhone } from '../../ui/phone.ts'
import { usePlaces } from '../../ui/places.tsx'
import { useMay, useTenant } from '../../ui/session.tsx'
import { useLooks } from '../../ui/settings.tsx'
import { isWhole, iso, type Stretch, StretchFields } from '../../ui/stretch.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { Counts, WorkTag, Why } from '../../ui/watch.tsx'
import { toLocal } from '../../ui/zone.ts'
import { barsOf, placeOf, type Schedule, ticksOf } from './ledger.ts'
import { PollDeeds, Skew } from './polls.tsx'
import { ScheduleForm, useScheduleWords } from './schedule.tsx'

type Row = Item<'listPollWindows'>
const from = '/t/$tenant/polls/$connection/$object'
const hour = 3_600_000
const spans = { hours: 6 * hour, day: 24 * hour, week: 168 * hour, month: 720 * hour } as const
type Span = keyof typeof spans

const Again = ({
  stretch,
  path,
  onDone,
}: {
  stretch: Stretch
  path: { connection: string; object: string }
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const { message } = App.useApp()
  const [value, setValue] = useState(stretch)
  const again = useChange('readPollAgain', { quiet: true })
  return (
    <Modal
      open
      title={t('poll.again')}
      onCancel={onDone}
      okText={t('poll.againGo')}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: !isWhole(value) }}
      confirmLoading={again.isPending}
      onOk={() => {
        if (!isWhole(value)) return
        again.mutate(
          { path, body: { from: iso(value.from), to: iso(value.to) } },
          {
            onSuccess: ({ windows }) => {
              void message.success(t('poll.asked', { count: windows }))
              onDone()
            },
          },
        )
      }}
    >
      <div className="stack">
        <p>{t('poll.againSay')}</p>
        <StretchFields value={value} onChange={setValue} presets={[]} />
        {again.error !== null && <Problem error={again.error} />}
      </div>
    </Modal>
  )
}

const Line = ({
  windows,
  gaps,
  span,
  onGap,
  onWindow,
}: {
  windows: readonly Row[]
  gaps: readonly { from: string; to: string }[]
  span: { from: number; to: number }
  onGap: ((gap: { from: number; to: number }) => void) | null
  onWindow: (id: number) => void
}) => {
  const { t } = useTranslation()
  const formats = useFormats()
  const isPhone = useIsPhone()
  const { zone } = useLooks()
  const bars = barsOf(windows, span)
  const offset = Date.parse(`${toLocal(span.to, zone)}:00Z`) - Math.floor(span.to / 60_000) * 60_000
  const isLong = span.to - span.from > 2 * 24 * hour
  const style = (stretch: { from: number; to: number }, least?: number) => {
    const { left, width } = placeOf(stretch, span, least)
    return { left: `${left}%`, width: `${width}%` }
  }
  const lanes = ['schedule', 'again'] as const
  return (
    <div className="ledger">
      {lanes.map((lane) => {
        const own = bars.filter((bar) => bar.cause === lane)
        if (lane === 'again' && own.length === 0) return null
        return (
          <div key={lane} className="ledger-lane">
            <span className="ledger-name faint">{t(`poll.lane.${lane}`)}</span>
            <div className="ledger-line">
              {own.map((bar) => (
                <Tooltip
                  key={`${bar.from} ${bar.to} ${bar.id}`}
                  title={
                    <>
                      {t(`poll.look.${bar.look}`)}: {formats.short(bar.from)} – {formats.short(bar.to)}
                      <br />
                      {t('poll.windowsSeen', { count: bar.windows, seen: formats.number(bar.seen) })}
                      {bar.failed > 0 && `, ${t('poll.count.failed')} ${formats.number(bar.failed)}`}
                    </>
                  }
                >
                  <span
                    className={`ledger-bar ${bar.look}`}
                    style={style(bar)}
                    aria-hidden
                    onClick={bar.id === null ? undefined : () => onWindow(bar.id as number)}
                  />
                </Tooltip>
              ))}
              {lane === 'schedule' &&
                gaps.map((gap) => {
                  const at = { from: Date.parse(gap.from), to: Date.parse(gap.to) }
                  if (at.to <= span.from || at.from >= span.to) return null
                  const name = t('poll.gap', { from: formats.short(gap.from), to: formats.short(gap.to) })
                  return (
                    <Tooltip key={gap.from} title={onGap ? `${name} · ${t('poll.gapPress')}` : name}>
                      <button
                        type="button"
                        className="ledger-gap"
                        style={style(at, isPhone ? 5 : 1.4)}
                        aria-label={name}
                        disabled={onGap === null}
                        onClick={() => onGap?.(at)}
                      />
                    </Tooltip>
                  )
                })}
            </div>
          </div>
        )
      })}
      <div className="ledger-lane">
        <span className="ledger-name" />
        <div className="ledger-ticks" aria-hidden>
          {ticksOf(span, isPhone ? 4 : 10, offset)
            .map((at) => ({ at, left: placeOf({ from: at, to: at }, span, 0).left }))
            .filter(({ left }) => left > 4 && left < 96)
            .map(({ at, left }) => (
              <span key={at} style={{ left: `${left}%` }}>
                {isLong ? formats.short(at).slice(0, 5) : formats.clock(at)}
              </span>
            ))}
        </div>
      </div>
      <ul className="ledger-key faint">
        {(['read', 'failed', 'busy', 'trouble', 'open'] as const)
          .filter((look) => look === 'read' || bars.some((bar) => bar.look === look))
          .map((look) => (
            <li key={look}>
              <i className={`ledger-bar ${look}`} aria-hidden /> {t(`poll.look.${look}`)}
            </li>
          ))}
        {gaps.length > 0 && (
          <li>
            <i className="ledger-gap" aria-hidden /> {t('poll.look.gap')}
          </li>
        )}
      </ul>
    </div>
  )
}

export const PollPage = () => {
  const { t } = useTranslation()
  const { connection, object } = useParams({ from })
  const said = useSearch({ from })
  const navigate = useNavigate({ from })
  const tenant = useTenant()
  const may = useMay()
  const isPhone = useIsPhone()
  const formats = useFormats()
  const words = useScheduleWords()
  const { message } = App.useApp()
  const path = { connection, object }
  const polls = useRead('listPolls', { query: { limit: 500 } }, { every: 3_000 })
  const poll = polls.data?.items.find((one) => one.connection === connection && one.object === object)
  const spanName: Span = said.span !== undefined && said.span in spans ? (said.span as Span) : 'day'
  const windows = useList('listPollWindows', { path }, { every: 3_000, limit: 300 })
  const gaps = useRead('listPollGaps', { path }, { every: 5_000 })
  const again = useChange('readPollAgain')
  const places = usePlaces()
  const [asking, setAsking] = useState<Stretch | null>(null)
  const [isEditing, setEditing] = useState(false)
  const [marked, setMarked] = useState<number | null>(null)
  const to = Date.now()
  const span = { from: to - spans[spanName], to }
  const oldest = windows.items.at(-1)
  useEffect(() => {
    if (oldest && Date.parse(oldest.from) > span.from && windows.items.length < 3_000) windows.more()
  }, [spanName, windows.items.length])
  if (polls.error) return <Problem error={polls.error} />
  if (!polls.data) return <Skeleton active />
  if (!poll)
    return <Nothing title={t('poll.absent', { name: `${connection}/${object}` })}>{t('poll.noneTodo')}</Nothing>
  const open = gaps.data?.gaps ?? []
  const place = places?.find((one) => one.connection === connection && one.object === object)
  const mayRead = may('readPollAgain') && poll.schedule !== null
  const newest = windows.items.toSorted((a, b) => Date.parse(b.from) - Date.parse(a.from))
  const columns: TableColumnsType<Row> = [
    {
      key: 'stretch',
      title: t('poll.stretch'),
      width: 206,
      render: (_, row) => (
        <>
          <Moment at={row.from} /> – <span className="nowrap">{formats.second(Date.parse(row.to))}</span>
          {row.cause === 'again' && <div className="faint">{t('poll.askedBy', { who: row.askedBy ?? '–' })}</div>}
        </>
      ),
    },
    { key: 'state', title: t('records.state'), width: 104, render: (_, row) => <WorkTag state={row.state} /> },
    {
      key: 'ended',
      title: t('poll.ended'),
      width: 104,
      render: (_, row) => (row.endedAt === null ? '' : <Moment at={row.endedAt} as="ago" />),
    },
    ...(['requests', 'seen', 'created', 'changed', 'unchanged', 'failed'] as const).map((name) => ({
      key: name,
      title: t(`poll.count.${name}`),
      width: name === 'unchanged' ? 104 : 80,
      align: 'right' as const,
      render: (_: unknown, row: Row) => (
        <span className={row[name] === 0 ? 'faint' : name === 'failed' ? 'diff-del' : undefined}>
          {formats.number(row[name])}
        </span>
      ),
    })),
    {
      key: 'why',
      title: t('records.why'),
      width: 134,
      render: (_, row) => <span className="why">{row.why[0] ?? ''}</span>,
    },
  ]
  return (
    <>
      <PageHead
        title={
          <>
            {connection}/{object}{' '}
            <WorkTag state={poll.state} {...(poll.state === 'waiting' && { as: t('poll.waiting') })} />
          </>
        }
        sub={
          <Link to="/t/$tenant/polls" params={{ tenant }}>
            {t('nav.polls')}
          </Link>
        }
      >
        <PollDeeds poll={poll} />
        {may('putObject') && place && <Button onClick={() => setEditing(true)}>{t('poll.schedule')}</Button>}
      </PageHead>
      <Why why={poll.why} />
      <div className="cols">
        <section className="card">
          <h2>{t('poll.when')}</h2>
          <dl className="facts">
            <dt>{t('poll.schedule')}</dt>
            <dd>{words(poll.schedule as Schedule | null, poll.zone)}</dd>
            <dt>{t('poll.readUntil')}</dt>
            <dd>{formats.full(poll.readUntil)}</dd>
            <dt>{t('poll.lastRun')}</dt>
            <dd>
              <Moment at={poll.lastRun} as="ago" />
            </dd>
            <dt>{t('poll.skew')}</dt>
            <dd>
              <Skew ms={poll.skewMs} />
            </dd>
            {poll.pausedBy !== null && (
              <>
                <dt>{t('poll.pausedBy')}</dt>
                <dd>{poll.pausedBy === 'clock' ? t('poll.pausedByClock') : poll.pausedBy}</dd>
              </>
            )}
          </dl>
        </section>
        <section className="card">
          <h2>{t('poll.nextRuns')}</h2>
          {poll.nextRuns.length === 0 ? (
            <p className="faint">{t('poll.noRuns')}</p>
          ) : (
            <ol className="steps">
              {poll.nextRuns.map((at) => (
                <li key={at}>
                  {formats.short(at)} <span className="faint">{formats.ago(at)}</span>
                </li>
              ))}
            </ol>
          )}
        </section>
      </div>
      <section className="card">
        <div className="row between">
          <h2>{t('poll.ledger')}</h2>
          <Segmented
            aria-label={t('overview.span')}
            size="small"
            value={spanName}
            options={(Object.keys(spans) as Span[]).map((value) => ({ value, label: t(`poll.span.${value}`) }))}
            onChange={(value) => void navigate({ search: { span: value }, replace: true })}
          />
        </div>
        <Line
          windows={windows.items}
          gaps={open}
          span={span}
          onGap={mayRead ? setAsking : null}
          onWindow={(id) => {
            setMarked(id)
            document.getElementById('windows')?.scrollIntoView({ block: 'start' })
          }}
        />
        <div className="row">
          <span role="status">{open.length === 0 ? t('poll.noGaps') : t('poll.gaps', { count: open.length })}</span>
          {mayRead && open.length > 0 && (
            <Button
              size="small"
              type="primary"
              loading={again.isPending}
              onClick={() =>
                again.mutate(
                  { path, body: { gaps: true } },
                  { onSuccess: ({ windows: count }) => void message.success(t('poll.asked', { count })) },
                )
              }
            >
              {t('poll.againGaps')}
            </Button>
          )}
          {mayRead && (
            <Button size="small" onClick={() => setAsking({ from: to - hour, to })}>
              {t('poll.again')} …
            </Button>
          )}
        </div>
      </section>
      <section id="windows">
        <h2>{t('poll.windows')}</h2>
        {windows.error ? (
          <Problem error={windows.error} retry={() => void windows.refetch()} />
        ) : windows.isPending ? (
          <Skeleton active />
        ) : windows.items.length === 0 ? (
          <div className="card">
            <Nothing title={t('poll.noWindows')}>{t('poll.noWindowsTodo')}</Nothing>
          </div>
        ) : isPhone ? (
          <div className="rows">
            {newest.slice(0, 50).map((row) => (
              <article key={row.id} className="one">
                <div className="row">
                  <span>
                    <Moment at={row.from} /> – {formats.second(Date.parse(row.to))}
                  </span>
                  <WorkTag state={row.state} />
                </div>
                <Counts
                  of={[
                    [t('poll.count.seen'), row.seen],
                    [t('poll.count.created'), row.created, 'good'],
                    [t('poll.count.changed'), row.changed, 'good'],
                    [t('poll.count.failed'), row.failed, 'bad'],
                  ]}
                />
                <Why why={row.why} />
              </article>
            ))}
          </div>
        ) : (
          <div className="card flush">
            <Table<Row>
              virtual
              size="small"
              rowKey="id"
              columns={columns}
              dataSource={newest}
              pagination={false}
              rowClassName={(row) => (row.id === marked ? 'marked' : '')}
              scroll={{ x: 1_046, y: 460 }}
              onScroll={(event) => {
                const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
                if (scrollHeight - scrollTop - clientHeight < 800) windows.more()
              }}
            />
          </div>
        )}
      </section>
      {asking && <Again stretch={asking} path={path} onDone={() => setAsking(null)} />}
      {isEditing && place && <ScheduleForm place={place} places={[]} onDone={() => setEditing(false)} />}
    </>
  )
}
