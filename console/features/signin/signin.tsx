/** Signing in. */
import { GlobalOutlined } from '@ant-design/icons'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useRouter, useSearch } from '@tanstack/react-router'
import { Button, Form, Input } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call, carried } from '../../api/client.ts'
import { LanguageMenu } from '../../ui/language.tsx'
import { setSession } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'

export const SignIn = () => {
  const { t } = useTranslation()
  const client = useQueryClient()
  const navigate = useNavigate()
  const router = useRouter()
  const { to } = useSearch({ from: '/sign-in' })
  const [error, setError] = useState<unknown>(null)
  const [isAsking, setAsking] = useState(false)
  const enter = async (body: { user: string; password: string }) => {
    setAsking(true)
    setError(null)
    try {
      const session = await call('signIn', { body })
      carried.csrfToken = session.csrfToken
      setSession(client, session)
      // only to addresses of our own
      if (to?.startsWith('/t/')) router.history.replace(to)
      else await navigate({ to: '/', replace: true })
    } catch (no) {
      setError(no)
    } finally {
      setAsking(false)
    }
  }
  return (
    <main className="gate">
      <div className="corner">
        <LanguageMenu icon={<GlobalOutlined />} />
      </div>
      <div className="card stack">
        <div className="brand">
          <h1>
            Mortise <small lang="zh">{t('brand')}</small>
          </h1>
        </div>
        <p className="faint">{t('signIn.sub')}</p>
        <Form layout="vertical" requiredMark={false} onFinish={(body) => void enter(body)}>
          <Form.Item
            name="user"
            label={t('signIn.user')}
            rules={[{ required: true, message: t('signIn.userMissing') }]}
          >
            <Input autoComplete="username" autoFocus size="large" />
          </Form.Item>
          <Form.Item
            name="password"
            label={t('signIn.password')}
            rules={[{ required: true, message: t('signIn.passwordMissing') }]}
          >
            <Input.Password autoComplete="current-password" size="large" />
          </Form.Item>
          {error !== null && <Problem error={error} />}
          <Button type="primary" htmlType="submit" size="large" block loading={isAsking} className="enter">
            {t('signIn.enter')}
          </Button>
        </Form>
        <p className="faint">{t('signIn.first')}</p>
      </div>
    </main>
  )
}
