/** Back from an issuer: what it put into the address is handed to the server, and taken out of the address. */
import { GlobalOutlined } from '@ant-design/icons'
import { Link } from '@tanstack/react-router'
import { Skeleton } from 'antd'
import { useEffect, useEffectEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import { LanguageMenu } from '../../ui/language.tsx'
import type { Session } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'
import { takeWay, useEnter } from './way.ts'

interface Arrival {
  answer: Promise<Session>
  to: string | undefined
}
let arrived: Arrival | null = null

/** Once for each time that a browser comes back, however often the page is shown: what came opens once. */
const arrive = (): Arrival => {
  if (arrived) return arrived
  const query = window.location.search.slice(1)
  window.history.replaceState(window.history.state, '', window.location.pathname)
  arrived = { answer: call('finishSignIn', { body: { query: query || 'nothing' } }), to: takeWay() }
  return arrived
}

export const Back = () => {
  const { t } = useTranslation()
  const enter = useEnter()
  const [error, setError] = useState<unknown>(null)
  const go = useEffectEvent(enter)
  useEffect(() => {
    let isWanted = true
    const { answer, to } = arrive()
    void answer.then(
      (session) => isWanted && go(session, to),
      (no: unknown) => isWanted && setError(no),
    )
    return () => {
      isWanted = false
    }
  }, [])
  return (
    <main className="gate">
      <div className="corner">
        <LanguageMenu icon={<GlobalOutlined />} />
      </div>
      <div className="card stack">
        <h1>{t('signIn.back')}</h1>
        {error === null ? (
          <Skeleton active paragraph={{ rows: 2 }} />
        ) : (
          <>
            <Problem error={error} />
            <p>
              <Link to="/sign-in" search={{}}>
                {t('signIn.anew')}
              </Link>
            </p>
          </>
        )}
      </div>
    </main>
  )
}
