/** Before the door: a tenant wants a second factor, and the account has none yet. */
import { GlobalOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Navigate, useNavigate, useRouter, useSearch } from '@tanstack/react-router'
import { Button, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { LanguageMenu } from '../../ui/language.tsx'
import { sessionQuery, useSignOut } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'
import { SecondFactor } from './second.tsx'

export const Gate = () => {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const router = useRouter()
  const signOut = useSignOut()
  const { to } = useSearch({ from: '/account' })
  const { data: session, error } = useQuery(sessionQuery)
  const [wasLacking, setLacking] = useState(false)
  if (error) return <Problem error={error} />
  if (session === undefined) return <Skeleton active />
  if (session === null) return <Navigate to="/sign-in" search={{}} replace />
  const goOn = () => (to?.startsWith('/t/') ? router.history.replace(to) : void navigate({ to: '/', replace: true }))
  // once it is on, the recovery codes have to be seen first
  if (session.lacks.length === 0 && !wasLacking) return <Navigate to="/" replace />
  if (!wasLacking) setLacking(true)
  return (
    <main className="gate wide">
      <div className="corner">
        <LanguageMenu icon={<GlobalOutlined />} />
        <Button type="text" onClick={() => void signOut()}>
          {t('own.signOut')}
        </Button>
      </div>
      <div className="card stack">
        <h1>{t('account.wanted')}</h1>
        <p className="faint">
          {session.lacks.includes('*')
            ? t('account.wantedEverywhere')
            : t('account.wantedBy', { tenants: session.lacks.join(', ') })}
        </p>
        <SecondFactor onOn={goOn} />
      </div>
    </main>
  )
}
