/** Signing in: with a password and, where the account has one, a code of its second factor; or at an issuer. */
import { GlobalOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { Button, Divider, Form, Input } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call, Refusal } from '../../api/client.ts'
import { LanguageMenu } from '../../ui/language.tsx'
import { Problem } from '../../ui/told.tsx'
import { keepWay, useEnter } from './way.ts'

interface Said {
  user: string
  password: string
}

const Password = ({ onCode }: { onCode: (said: Said) => void }) => {
  const { t } = useTranslation()
  const enter = useEnter()
  const { to } = useSearch({ from: '/sign-in' })
  const [error, setError] = useState<unknown>(null)
  const [isAsking, setAsking] = useState(false)
  const ask = async (body: Said) => {
    setAsking(true)
    setError(null)
    try {
      enter(await call('signIn', { body }), to)
    } catch (no) {
      if (no instanceof Refusal && no.code === 'signIn.code') onCode(body)
      else setError(no)
    } finally {
      setAsking(false)
    }
  }
  return (
    <Form layout="vertical" requiredMark={false} onFinish={(body: Said) => void ask(body)}>
      <Form.Item name="user" label={t('signIn.user')} rules={[{ required: true, message: t('signIn.userMissing') }]}>
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
  )
}

/** The second step, with what the first one said. */
const Code = ({ said, onBack }: { said: Said; onBack: () => void }) => {
  const { t } = useTranslation()
  const enter = useEnter()
  const { to } = useSearch({ from: '/sign-in' })
  const [form] = Form.useForm<{ code: string }>()
  const [error, setError] = useState<unknown>(null)
  const [isAsking, setAsking] = useState(false)
  const ask = async ({ code }: { code: string }) => {
    setAsking(true)
    setError(null)
    try {
      enter(await call('signIn', { body: { ...said, code } }), to)
    } catch (no) {
      form.resetFields()
      setError(no)
    } finally {
      setAsking(false)
    }
  }
  return (
    <Form form={form} layout="vertical" requiredMark={false} onFinish={(body) => void ask(body)}>
      <Form.Item
        name="code"
        label={t('signIn.code')}
        extra={t('signIn.codeSay')}
        rules={[{ required: true, message: t('signIn.codeMissing') }]}
      >
        <Input autoComplete="one-time-code" autoFocus size="large" spellCheck={false} maxLength={40} />
      </Form.Item>
      {error !== null && <Problem error={error} />}
      <Button type="primary" htmlType="submit" size="large" block loading={isAsking} className="enter">
        {t('signIn.enter')}
      </Button>
      <Button type="link" block onClick={onBack}>
        {t('signIn.asOther')}
      </Button>
    </Form>
  )
}

const Issuers = () => {
  const { t } = useTranslation()
  const { to } = useSearch({ from: '/sign-in' })
  const { data } = useQuery({ queryKey: ['sign-in'], queryFn: () => call('showSignIn', {}) })
  const [error, setError] = useState<unknown>(null)
  const [going, setGoing] = useState<string | null>(null)
  if (!data?.providers.length) return null
  const go = (provider: string) => {
    setGoing(provider)
    setError(null)
    void call('beginSignIn', { path: { provider } }).then(
      ({ url }) => {
        keepWay(to)
        window.location.assign(url)
      },
      (no: unknown) => {
        setGoing(null)
        setError(no)
      },
    )
  }
  return (
    <div className="stack">
      <Divider plain>{t('signIn.or')}</Divider>
      {error !== null && <Problem error={error} />}
      {data.providers.map((one) => (
        <Button
          key={one.provider}
          size="large"
          block
          loading={going === one.provider}
          disabled={going !== null && going !== one.provider}
          onClick={() => go(one.provider)}
        >
          {t('signIn.with', { name: one.name })}
        </Button>
      ))}
    </div>
  )
}

export const SignIn = () => {
  const { t } = useTranslation()
  const [said, setSaid] = useState<Said | null>(null)
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
        <p className="faint">{said === null ? t('signIn.sub') : t('signIn.second', { user: said.user })}</p>
        {said === null ? <Password onCode={setSaid} /> : <Code said={said} onBack={() => setSaid(null)} />}
        {said === null && (
          <>
            <Issuers />
            <p className="faint">{t('signIn.first')}</p>
          </>
        )}
      </div>
    </main>
  )
}
