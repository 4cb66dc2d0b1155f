/** What is told of a state, a refusal or nothing at all: tags, error boxes with the trace id, and empty places that say what to do next. */
import { Alert, Button, Typography } from 'antd'
import { type ReactNode, useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { Refusal } from '../api/client.ts'

export const states = ['pending', 'syncing', 'succeeded', 'waiting', 'unknown', 'failed', 'skipped'] as const
export type State = (typeof states)[number]

/** A dot with a shape and a word: never by colour alone. */
export const StateTag = ({ state, held = false }: { state: State; held?: boolean }) => {
  const { t } = useTranslation()
  return (
    <span className={`state state-${state}`}>
      <i aria-hidden />
      <span>
        {t(`state.${state}`)}
        {held && state === 'pending' && (
          <>
            {' · '}
            <span className="nowrap">{t('state.held')}</span>
          </>
        )}
      </span>
    </span>
  )
}

/** What a call does, as people say it. */
export const CallWord = ({ call }: { call: string }) => {
  const { t, i18n } = useTranslation()
  const key = `call.${call}`
  return i18n.exists(key) ? t(key as 'call.create') : <code>{call}</code>
}

/** How a call ended. */
export const OutcomeTag = ({ outcome, status }: { outcome: string | null; status?: number | null }) => {
  const { t, i18n } = useTranslation()
  const word = outcome ?? 'open'
  const kind =
    word === 'applied' || word === 'found'
      ? 'succeeded'
      : word === 'refused'
        ? 'failed'
        : word === 'unknown'
          ? 'unknown'
          : word === 'open'
            ? 'syncing'
            : 'waiting'
  const key = `outcome.${word}`
  return (
    <span className={`state state-${kind}`}>
      <i aria-hidden />
      {i18n.exists(key) ? t(key as 'outcome.applied') : word}
      {status ? ` · ${status}` : ''}
    </span>
  )
}

export const refusalOf = (error: unknown): Refusal =>
  error instanceof Refusal
    ? error
    : new Refusal(0, { detail: error instanceof Error ? error.message : String(error), code: 'bug' })

/** One no, whole: sentence, what to do, places, trace id to copy. */
export const Problem = ({ error, retry }: { error: unknown; retry?: () => void }) => {
  const { t } = useTranslation()
  const no = refusalOf(error)
  const title = no.code === 'unreachable' ? t('problem.unreachable') : no.message
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={title}
      action={
        retry && (
          <Button size="small" onClick={retry}>
            {t('act.again')}
          </Button>
        )
      }
      description={
        <>
          {no.todo && <div>{no.todo}</div>}
          {no.problems.length > 0 && (
            <ul className="plain">
              {no.problems.map((one) => (
                <li key={`${one.path} ${one.say}`}>
                  <code>{one.path}</code> {one.say}
                </li>
              ))}
            </ul>
          )}
          {no.traceId && (
            <div className="faint">
              {t('problem.trace')}{' '}
              <Typography.Text copyable={{ text: no.traceId, tooltips: false }} code>
                {no.traceId}
              </Typography.Text>
            </div>
          )}
        </>
      }
    />
  )
}

/** Nothing here, and what to do about it. `isPage`: it is all that the page says. */
export const Nothing = ({
  title,
  children,
  action,
  isPage = false,
}: {
  title: string
  children?: ReactNode
  action?: ReactNode
  isPage?: boolean
}) => (
  <div className="nothing">
    <svg viewBox="0 0 120 60" aria-hidden width="120" height="60">
      <path d="M4 14h42v11h18v10H46v11H4z" className="tenon" />
      <path d="M116 14H72v11h18v10H72v11h44z" className="mortise" />
    </svg>
    {isPage ? <h1>{title}</h1> : <h2>{title}</h2>}
    {children && <p>{children}</p>}
    {action}
  </div>
)

/** The window bears the name of its page, as the page's own heading says it. */
const usePageName = () => {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${heading.current?.textContent?.trim() ?? ''} · Mortise`
  })
  return heading
}

export const PageHead = ({ title, sub, children }: { title: ReactNode; sub?: ReactNode; children?: ReactNode }) => {
  const heading = usePageName()
  return (
    <header className="page-head">
      <div>
        <h1 ref={heading}>{title}</h1>
        {sub && <p className="faint">{sub}</p>}
      </div>
      {children && <div className="page-acts">{children}</div>}
    </header>
  )
}
