/** A record's page: how it stands and why, what it holds, what was sent, its relatives, and its journey. */
import { Link, useParams } from '@tanstack/react-router'
import { Alert, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { useRead } from '../../ui/asking.ts'
import { ChooseCard } from '../../ui/choose.tsx'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Body } from '../../ui/text.tsx'
import { Moment } from '../../ui/time.tsx'
import { CallWord, PageHead, Problem, type State, StateTag } from '../../ui/told.tsx'
import { Deeds, type RecordRow } from './deeds.tsx'
import { type Journey, Story } from './story.tsx'

const quiet = 'succeeded, skipped'

const Joint = ({ record }: { record: RecordRow }) => {
  const { t } = useTranslation()
  const isForward = record.target === record.right.connection
  const [source, target] = isForward ? [record.left, record.right] : [record.right, record.left]
  return (
    <div className="joint">
      <div className="side">
        <div className="faint">
          {t('record.source')} · {source.connection}/{source.object}
        </div>
        <code>{source.id ?? t('record.noId')}</code>
      </div>
      <div className="arrow" aria-hidden>
        →
      </div>
      <div className="side">
        <div className="faint">
          {t('record.target')} · {target.connection}/{target.object}
        </div>
        <code>{target.id ?? t('record.noId')}</code>
      </div>
    </div>
  )
}

/** What is waited for is named as the engine names it, such as `r:tenant/material/right/P-7`; shown are pair and id. */
const Awaited = ({ thing }: { thing: string }) => {
  const tenant = useTenant()
  const [, pair, id] = /^r:[^/]*\/([^/]*)\/(?:left|right)\/(.*)$/s.exec(thing) ?? []
  if (pair === undefined || id === undefined) return <code>{thing} </code>
  return (
    <div>
      {pair}{' '}
      <Link to="/t/$tenant/find" params={{ tenant }} search={{ id }}>
        <code>{id}</code>
      </Link>
    </div>
  )
}

const Relatives = ({ title, of }: { title: string; of: Journey['parents'] }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  if (of.length === 0) return null
  return (
    <section className="card">
      <h2>{title}</h2>
      <ul className="plain stack">
        {of.map((one) => (
          <li key={`${one.pair} ${one.left} ${one.right} ${one.through}`} className="row">
            {one.state === null ? (
              <span className="faint">{t('record.unmapped')}</span>
            ) : (
              <StateTag state={one.state} />
            )}
            {one.link === null ? (
              <code>{one.left ?? one.right}</code>
            ) : (
              <Link to="/t/$tenant/record/$link" params={{ tenant, link: String(one.link) }}>
                {one.pair} <code>{one.left ?? one.right}</code>
              </Link>
            )}
            <span className="faint">{one.through}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** What is staged of each side, and what was sent last. */
const Contents = ({ journey }: { journey: Journey }) => {
  const { t } = useTranslation()
  const [call] = journey.attempts.filter((one) => one.request !== null)
  return (
    <section className="card">
      <h2>{t('record.contents')}</h2>
      {journey.staged.map((one) => (
        <Body
          key={`${one.connection}/${one.object} ${one.id}`}
          title={`${t('record.staged')} · ${one.connection}/${one.object} · ${t('record.version', { n: one.version })}`}
          text={one.content}
        />
      ))}
      {call?.request && (
        <Body
          title={`${t('record.mapped')} · ${call.target} ${t(`call.${call.call}` as 'call.create', { defaultValue: call.call })}`}
          text={call.request}
        />
      )}
      {call?.answer && (
        <Body
          title={`${t('story.answer')}${call.status === null ? '' : ` · HTTP ${call.status}`}`}
          text={call.answer}
        />
      )}
      {journey.staged.length === 0 && !call && <p className="faint">{t('record.nothingStaged')}</p>}
    </section>
  )
}

export const RecordPage = () => {
  const { t, i18n } = useTranslation()
  const { link } = useParams({ from: '/t/$tenant/record/$link' })
  const tenant = useTenant()
  const may = useMay()
  const { data, error, isPending, refetch } = useRead(
    'showStory',
    { path: { link: Number(link) }, query: { limit: 100 } },
    { every: 2_500 },
  )
  const [record] = data?.links ?? []
  const groups = useRead('listGroups', { query: { limit: 500 } }, { enabled: record?.group != null })
  if (error && !data) return <Problem error={error} retry={() => void refetch()} />
  if (isPending || !data || !record) return <Skeleton active />
  const todo = groups.data?.items.find((one) => one.group === record.group)?.todo
  const isTroubled = !quiet.includes(record.state)
  const name = record.target === record.right.connection ? record.left.id : record.right.id
  const reasonKey = `reason.${record.reason}`
  return (
    <>
      <PageHead
        title={
          <>
            {name ?? t('record.title', { id: link })} <StateTag state={record.state as State} held={record.held} />
          </>
        }
        sub={
          <>
            <Link to="/t/$tenant/maintain" params={{ tenant }} search={{}}>
              {t('nav.maintain')}
            </Link>
            {' · '}
            <Link to="/t/$tenant/maintain" params={{ tenant }} search={{ flow: record.pair }}>
              {record.pair}
            </Link>
            {' · '}
            {t('record.link', { id: link })}
          </>
        }
      >
        <Deeds record={record} />
      </PageHead>
      {record.why.length > 0 && isTroubled && (
        <Alert
          style={{ marginBottom: 16 }}
          type={record.state === 'failed' || record.state === 'unknown' ? 'error' : 'warning'}
          showIcon
          title={record.why.map((one) => <div key={one}>{one}</div>)}
          description={
            <>
              {todo && <div>{todo}</div>}
              {record.group !== null && (
                <Link to="/t/$tenant/maintain" params={{ tenant }} search={{ group: record.group }}>
                  {t('record.group')}
                </Link>
              )}
            </>
          }
        />
      )}
      {record.fault?.code === 'conflict.both' && may('showConflict') && <ChooseCard link={record.link} />}
      <section className="card stack">
        <Joint record={record} />
        <dl className="facts">
          {record.reason !== null && (
            <>
              <dt>{t('record.reason')}</dt>
              <dd>
                {i18n.exists(reasonKey) ? t(reasonKey as 'reason.applied') : record.reason}
                {record.fault?.code === 'conflict.both' && may('showConflict') && (
                  <>
                    {' · '}
                    <Link to="/t/$tenant/conflicts/$link" params={{ tenant, link }}>
                      {t('conflict.choose')}
                    </Link>
                  </>
                )}
              </dd>
            </>
          )}
          <dt>{t('record.first')}</dt>
          <dd>
            <Moment at={record.firstSeenAt} />
          </dd>
          {record.since !== null && (
            <>
              <dt>{t('records.since')}</dt>
              <dd>
                <Moment at={record.since} /> · {t('record.attempts', { count: record.attempts })}
              </dd>
            </>
          )}
          {record.nextAt !== null && isTroubled && record.engineState !== 'parked' && (
            <>
              <dt>{t('record.nextAt')}</dt>
              <dd>
                <Moment at={record.nextAt} as="ago" />
              </dd>
            </>
          )}
          {record.waitsFor && (
            <>
              <dt>{t('record.waitsFor')}</dt>
              <dd>
                {record.waitsFor.map((one) => (
                  <Awaited key={one} thing={one} />
                ))}
              </dd>
            </>
          )}
          {record.unanswered && (
            <>
              <dt>{t('record.unanswered')}</dt>
              <dd>
                <CallWord call={record.unanswered.call} /> · <Moment at={record.unanswered.at} />
              </dd>
            </>
          )}
          {data.reads.map((read) => (
            <div key={`${read.connection} ${read.id}`} style={{ display: 'contents' }}>
              <dt>{t('record.read')}</dt>
              <dd>
                {read.connection}/{read.object} <code>{read.id}</code> ·{' '}
                {t('record.attempts', { count: read.attempts })}
                {read.why.map((why) => (
                  <div key={why}>{why}</div>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <div className="cols">
        <section className="card">
          <h2>{t('record.journey')}</h2>
          <Story journey={data} />
        </section>
        <div>
          <Contents journey={data} />
          <Relatives title={t('record.parents')} of={data.parents} />
          <Relatives title={t('record.children')} of={data.children} />
        </div>
      </div>
    </>
  )
}
