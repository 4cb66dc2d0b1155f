/** Polling 轮询: every object that is read by itself, when, up to where, and what is in the way. */
import { Link } from '@tanstack/react-router'
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { Listing, More } from '../../ui/listing.tsx'
import { useChange, useList } from '../../ui/asking.ts'
import { usePlaces } from '../../ui/places.tsx'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead } from '../../ui/told.tsx'
import { WorkTag, Why } from '../../ui/watch.tsx'
import type { Schedule } from './ledger.ts'
import { ScheduleForm, useScheduleWords } from './schedule.tsx'

export type Poll = Item<'listPolls'>

export const Skew = ({ ms }: { ms: number | null }) => {
  const { t } = useTranslation()
  const formats = useFormats()
  if (ms === null) return <span className="faint">–</span>
  const size = Math.abs(ms)
  if (size < 1_000) return <>{t('poll.skewNone')}</>
  const said = formats.stretch(size)
  return (
    <span className={size > 60_000 ? 'diff-del' : undefined}>
      {ms > 0 ? t('poll.skewAhead', { stretch: said }) : t('poll.skewBehind', { stretch: said })}
    </span>
  )
}

export const PollDeeds = ({ poll }: { poll: Pick<Poll, 'connection' | 'object' | 'state' | 'schedule'> }) => {
  const { t } = useTranslation()
  const may = useMay()
  const run = useChange('runPoll')
  const pause = useChange('pausePoll')
  const resume = useChange('resumePoll')
  const path = { connection: poll.connection, object: poll.object }
  if (!may('runPoll') || poll.schedule === null) return null
  return (
    <>
      {poll.state === 'paused' ? (
        <Button type="primary" loading={resume.isPending} onClick={() => resume.mutate({ path })}>
          {t('poll.resume')}
        </Button>
      ) : (
        <>
          <Button loading={run.isPending} onClick={() => run.mutate({ path })}>
            {t('poll.run')}
          </Button>
          <Button loading={pause.isPending} onClick={() => pause.mutate({ path })}>
            {t('poll.pause')}
          </Button>
        </>
      )}
    </>
  )
}

export const Polls = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const words = useScheduleWords()
  const formats = useFormats()
  const list = useList('listPolls', {}, { every: 3_000 })
  const places = usePlaces()
  const [isNew, setNew] = useState(false)
  const free = (places ?? []).filter((one) => one.poll === undefined && one.readable)
  const add = may('putObject') && free.length > 0 && (
    <Button type="primary" onClick={() => setNew(true)}>
      {t('poll.new')}
    </Button>
  )
  return (
    <>
      <PageHead title={t('nav.polls')} sub={t('poll.sub')}>
        {add}
      </PageHead>
      <Listing
        list={list}
        none={
          <Nothing title={t('poll.none')} action={add}>
            {t('poll.noneTodo')}
          </Nothing>
        }
      >
        <div className="rows">
          {list.items.map((one) => (
            <article key={`${one.connection}/${one.object}`} className="one">
              <div className="row">
                <Link
                  className="place"
                  to="/t/$tenant/polls/$connection/$object"
                  params={{ tenant, connection: one.connection, object: one.object }}
                  search={{}}
                >
                  <b>
                    {one.connection}/<code>{one.object}</code>
                  </b>
                </Link>
                <span className="row">
                  {one.late && <span className="state state-failed">{t('poll.late')}</span>}
                  <WorkTag state={one.state} {...(one.state === 'waiting' && { as: t('poll.waiting') })} />
                </span>
              </div>
              <div>{words(one.schedule as Schedule | null, one.zone)}</div>
              <div className="row poll-row">
                <span className="faint">
                  {t('poll.readUntil')} <Moment at={one.readUntil} /> · {t('poll.lastRun')}{' '}
                  <Moment at={one.lastRun} as="ago" />
                  {one.nextRuns[0] !== undefined && (
                    <>
                      {' '}
                      · {t('poll.nextRun')} {formats.ago(one.nextRuns[0])}
                    </>
                  )}
                  {one.openWindows > 0 && ` · ${t('poll.open', { count: one.openWindows })}`}
                </span>
                <span className="row">
                  <PollDeeds poll={one} />
                </span>
              </div>
              <Why why={one.why} />
            </article>
          ))}
          <More list={list} />
        </div>
      </Listing>
      {isNew && <ScheduleForm place={null} places={free} onDone={() => setNew(false)} />}
    </>
  )
}
