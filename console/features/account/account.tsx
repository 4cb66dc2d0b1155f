/** One's own account: who one is here, password, second factor, where one is signed in, language and looks. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Form, Input, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import { LooksForm } from '../../ui/looks.tsx'
import { sessionQuery, useTenants } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { PageHead, Problem } from '../../ui/told.tsx'
import { agentName } from './agent.ts'
import { SecondFactor, useAccount } from './second.tsx'

const Who = () => {
  const { t } = useTranslation()
  const { data: session } = useQuery(sessionQuery)
  const tenants = useTenants().data?.items ?? []
  const { data } = useAccount()
  if (!session || !data) return <Skeleton active />
  return (
    <dl className="facts">
      <dt>{t('signIn.user')}</dt>
      <dd>
        <b>{data.user}</b> {data.name}
      </dd>
      <dt>{t('account.home')}</dt>
      <dd>{data.home === '*' ? t('account.installation') : data.home}</dd>
      {session.everywhere && (
        <>
          <dt>{t('account.everywhere')}</dt>
          <dd>{t(`role.${session.everywhere}`)}</dd>
        </>
      )}
      <dt>{t('account.tenants')}</dt>
      <dd>
        {tenants.map((one) => (
          <div key={one.tenant}>
            {one.name === one.tenant ? one.tenant : `${one.name} (${one.tenant})`}:{' '}
            {t(`role.${one.role}` as 'role.viewer')}
          </div>
        ))}
      </dd>
    </dl>
  )
}

const Password = () => {
  const { t } = useTranslation()
  const { message } = App.useApp()
  const client = useQueryClient()
  const [error, setError] = useState<unknown>(null)
  const [form] = Form.useForm<{ password: string; newPassword: string }>()
  return (
    <Form
      form={form}
      layout="vertical"
      requiredMark={false}
      style={{ maxWidth: 360 }}
      onFinish={(body) =>
        void call('changeOwnPassword', { body }).then(() => {
          setError(null)
          form.resetFields()
          void message.success(t('own.passwordChanged'))
          void client.invalidateQueries({ queryKey: ['sessions'] })
        }, setError)
      }
    >
      <Form.Item
        name="password"
        label={t('own.passwordNow')}
        rules={[{ required: true, message: t('signIn.passwordMissing') }]}
      >
        <Input.Password autoComplete="current-password" />
      </Form.Item>
      <Form.Item
        name="newPassword"
        label={t('own.passwordNew')}
        rules={[{ required: true, min: 10, message: t('account.passwordRule') }]}
      >
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      {error !== null && <Problem error={error} />}
      <Button htmlType="submit">{t('own.password')}</Button>
    </Form>
  )
}

const Sessions = () => {
  const { t } = useTranslation()
  const client = useQueryClient()
  const { message } = App.useApp()
  const { data, error } = useQuery({ queryKey: ['sessions'], queryFn: () => call('listSessions', {}) })
  const [no, setNo] = useState<unknown>(null)
  const after = (what: Promise<unknown>) =>
    void what.then(() => {
      setNo(null)
      void message.success(t('account.ended'))
      return client.invalidateQueries({ queryKey: ['sessions'] })
    }, setNo)
  if (error) return <Problem error={error} />
  if (!data) return <Skeleton active />
  return (
    <div className="stack">
      <div className="rows">
        {data.items.map((one) => (
          <div key={one.session} className="one">
            <div className="row">
              <span>
                <b>{agentName(one.agent) || t('account.unknownAgent')}</b> {one.address}{' '}
                {one.current && <span className="state state-succeeded">{t('account.here')}</span>}
              </span>
              {!one.current && (
                <Button size="small" onClick={() => after(call('endSession', { path: { session: one.session } }))}>
                  {t('account.end')}
                </Button>
              )}
            </div>
            <div className="faint">
              {t(`account.via.${one.via}`)} <Moment at={one.createdAt} /> · {t('account.seen')}{' '}
              <Moment at={one.seenAt} as="ago" /> · {t('caller.expires')} <Moment at={one.expiresAt} as="ago" />
            </div>
          </div>
        ))}
      </div>
      {no !== null && <Problem error={no} />}
      {data.items.length > 1 && (
        <Button onClick={() => after(call('endOtherSessions', {}))}>{t('account.endOthers')}</Button>
      )}
    </div>
  )
}

export const AccountPage = () => {
  const { t } = useTranslation()
  const { data: account, error } = useAccount()
  if (error) return <Problem error={error} />
  return (
    <>
      <PageHead title={t('own.label')} sub={t('account.sub')} />
      <div className="cols two">
        <div>
          <section className="card stack">
            <h2>{t('account.who')}</h2>
            <Who />
          </section>
          <section className="card">
            <h2>{t('own.looks')}</h2>
            <LooksForm withLanguage />
          </section>
        </div>
        <div>
          <section className="card stack">
            <h2>{t('account.second')}</h2>
            <SecondFactor />
          </section>
          {account?.password !== false && (
            <section className="card">
              <h2>{t('own.password')}</h2>
              <Password />
            </section>
          )}
        </div>
      </div>
      <section className="card">
        <h2>{t('account.sessions')}</h2>
        <Sessions />
      </section>
    </>
  )
}
