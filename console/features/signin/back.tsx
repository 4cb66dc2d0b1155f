/** Back from an issuer: what it put into the address is handed to the server, and taken out of the address. */
import { GlobalOutlined } from '@ant-design/icons'
import { Link } from '@tanstack/react-router'
import { Skeleton } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import { LanguageMenu } from '../../ui/language.tsx'
import { Problem } from '../../ui/told.tsx'
import { takeWay, useEnter } from './way.ts'

export const Back = () => {
  const { t } = useTranslation()
  const enter = useEnter()
  const [error, setError] = useState<unknown>(null)
  const isAsked = useRef(false)
  useEffect(() => {
    if (isAsked.current) return // its code opens once
    isAsked.current = true
    const query = window.location.search.slice(1)
    window.history.replaceState(window.history.state, '', window.location.pathname)
    const to = takeWay()
    void call('finishSignIn', { body: { query: query || 'nothing' } }).then((session) => enter(session, to), setError)
  })
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
            <Link to="/sign-in" search={{}}>
              {t('signIn.anew')}
            </Link>
          </>
        )}
      </div>
    </main>
  )
}
