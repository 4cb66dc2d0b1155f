/** The journey of a record on one time line: what came in, what was sent and answered, what failed, what comes next. */
import { useTranslation } from 'react-i18next'
import { Link } from '@tanstack/react-router'
import type { Answer } from '../../api/client.ts'
import { useTenant } from '../../ui/session.tsx'
import { Body } from '../../ui/text.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { OutcomeTag } from '../../ui/told.tsx'

export type Journey = Answer<'showStory'>

type Event =
  | { at: string; what: 'arrival'; one: Journey['arrivals'][number] }
  | { at: string; what: 'call'; one: Journey['attempts'][number] }
  | { at: string; what: 'trouble'; one: Journey['troubles'][number] }
  | { at: string; what: 'ended'; one: Journey['troubles'][number] }
  | { at: string; what: 'heard'; one: Journey['afterWrite'][number] }
  | { at: string; what: 'voided'; one: Journey['links'][number] }
  | { at: string; what: 'next'; one: Journey['links'][number] }

/** In the order in which it happened, the newest first. Pure. */
export const eventsOf = (journey: Journey): Event[] => {
  const events: Event[] = [
    ...journey.arrivals.map((one): Event => ({ at: one.at, what: 'arrival', one })),
    ...journey.attempts.map((one): Event => ({ at: one.at, what: 'call', one })),
    ...journey.troubles.flatMap((one): Event[] => [
      { at: one.lastAt, what: 'trouble', one },
      ...(one.closedAt === null ? [] : [{ at: one.closedAt, what: 'ended', one } satisfies Event]),
    ]),
    ...journey.afterWrite.map((one): Event => ({ at: one.at, what: 'heard', one })),
    ...journey.links.flatMap((one): Event[] => [
      ...(one.voidedAt === null ? [] : [{ at: one.voidedAt, what: 'voided', one } satisfies Event]),
      ...(one.nextAt !== null && ['due', 'waiting', 'unknown'].includes(one.engineState)
        ? [{ at: one.nextAt, what: 'next', one } satisfies Event]
        : []),
    ]),
  ]
  return events.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0))
}

const toneOf = (event: Event): string => {
  if (event.what === 'trouble') return 'bad'
  if (event.what === 'ended') return 'good'
  if (event.what === 'next') return 'busy'
  if (event.what === 'heard') return event.one.state === 'failed' ? 'warn' : event.one.state === 'open' ? 'busy' : ''
  if (event.what !== 'call') return ''
  const { outcome } = event.one
  if (outcome === null) return 'busy'
  if (outcome === 'applied' || outcome === 'found') return 'good'
  if (outcome === 'unknown') return 'unsure'
  return outcome === 'refused' ? 'bad' : 'warn'
}

const Traced = ({ trace }: { trace: string }) => {
  const tenant = useTenant()
  return (
    <Link to="/t/$tenant/find" params={{ tenant }} search={{ id: trace }} className="faint mono">
      {trace.slice(0, 12)}…
    </Link>
  )
}

const Told = ({ event }: { event: Event }) => {
  const { t, i18n } = useTranslation()
  const formats = useFormats()
  const word = (key: string, value: string) =>
    i18n.exists(`${key}.${value}`) ? t(`${key}.${value}` as 'channel.syncpush') : value
  switch (event.what) {
    case 'arrival': {
      const { one } = event
      return (
        <>
          <div className="head">
            <b>
              {one.editedBy === null
                ? t('story.arrival', {
                    channel: word('channel', one.channel),
                    operation: word('operation', one.operation),
                  })
                : t('story.edited', { who: one.editedBy })}
            </b>
            <span>
              {one.connection}/{one.object} <code>{one.id}</code>
            </span>
            <span className="faint">
              {word('arrived', one.outcome)} · {t('story.bytes', { n: formats.number(one.bytes) })}
            </span>
            <Traced trace={one.traceId} />
          </div>
          {one.body !== null && (
            <details className="fold">
              <summary>{t('story.body')}</summary>
              <Body title={t('story.received')} text={one.body} />
            </details>
          )}
        </>
      )
    }
    case 'call': {
      const { one } = event
      return (
        <>
          <div className="head">
            <b>{t('story.call', { call: word('call', one.call), target: one.target })}</b>
            <OutcomeTag outcome={one.outcome} status={one.status} />
            {one.ms !== null && <span className="faint">{formats.stretch(one.ms)}</span>}
            <Traced trace={one.traceId} />
          </div>
          {one.why.map((why) => (
            <div key={why} className="why">
              {why}
            </div>
          ))}
          {(one.request !== null || one.answer !== null) && (
            <details className="fold">
              <summary>{t('story.exchange')}</summary>
              {one.request !== null && <Body title={t('story.request')} text={one.request} />}
              {one.answer !== null && <Body title={t('story.answer')} text={one.answer} />}
            </details>
          )}
        </>
      )
    }
    case 'trouble': {
      const { one } = event
      return (
        <>
          <div className="head">
            <b>{t('story.trouble')}</b>
            {one.times > 1 && (
              <span className="faint">{t('story.times', { count: one.times, first: formats.short(one.firstAt) })}</span>
            )}
          </div>
          {one.why.map((why) => (
            <div key={why} className="why">
              {why}
            </div>
          ))}
        </>
      )
    }
    case 'ended':
      return (
        <b>
          {event.one.closedBy === null
            ? t('story.ended')
            : t('story.ignored', { who: event.one.closedBy, note: event.one.note ?? '' })}
        </b>
      )
    case 'heard': {
      const { one } = event
      return (
        <>
          <div className="head">
            <b>{t('story.afterWrite', { call: word('call', one.call) })}</b>
            {one.note !== null && <span>{one.note}</span>}
          </div>
          {one.why.map((why) => (
            <div key={why} className="why">
              {why}
            </div>
          ))}
          {one.logs !== null && (
            <details className="fold">
              <summary>{t('story.console')}</summary>
              <Body title={t('story.console')} text={one.logs} />
            </details>
          )}
        </>
      )
    }
    case 'voided':
      return <b>{t('story.voided')}</b>
    case 'next':
      return <b>{t('story.next')}</b>
  }
}

export const Story = ({ journey }: { journey: Journey }) => (
  <ol className="line">
    {eventsOf(journey).map((event, i) => (
      // the same thing may happen twice in a millisecond
      <li key={`${event.what} ${event.at} ${i}`} className={toneOf(event)}>
        <div className="faint">
          <Moment at={event.at} />
        </div>
        <Told event={event} />
      </li>
    ))}
  </ol>
)
