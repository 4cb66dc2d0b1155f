/** The systems 连接器: what each is, what waits for it, whether its breaker is open. */
import { Link, useNavigate } from '@tanstack/react-router'
import { Button, Form, Input, Modal, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Listing } from '../../ui/listing.tsx'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { QueueLine } from './queue-card.tsx'

/** Of the app that the enterprise made there. */
const NewFxiaoke = () => {
  const { t } = useTranslation()
  const rules = [{ required: true, message: t('connection.fxiaoke.rule') }]
  return (
    <>
      <Form.Item name={['fxiaoke', 'appId']} label="appId" rules={rules}>
        <Input autoComplete="off" />
      </Form.Item>
      <Form.Item name={['fxiaoke', 'appSecret']} label="appSecret" extra={t('connection.secretSay')} rules={rules}>
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      <Form.Item name={['fxiaoke', 'permanentCode']} label="permanentCode" rules={rules}>
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      <Form.Item name={['fxiaoke', 'enterprise']} label={t('connection.fxiaoke.enterprise')} rules={rules}>
        <Input />
      </Form.Item>
      <Form.Item name={['fxiaoke', 'user']} label={t('connection.fxiaoke.user')} rules={rules}>
        <Input />
      </Form.Item>
    </>
  )
}

const NewConnection = ({ onDone }: { onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const navigate = useNavigate()
  const put = useChange('putConnection', { quiet: true })
  const [form] = Form.useForm<{
    id: string
    role: string
    kind: string
    baseUrl: string
    header?: string
    value?: string
    clientId?: string
    clientSecret?: string
    fxiaoke?: { appId: string; appSecret: string; permanentCode: string; enterprise: string; user: string }
  }>()
  const kind = Form.useWatch('kind', form)
  return (
    <Modal
      open
      title={t('connection.new')}
      onCancel={onDone}
      okText={t('act.create')}
      cancelText={t('act.cancel')}
      onOk={form.submit}
      confirmLoading={put.isPending}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ role: 'erp', kind: 'standard' }}
        onFinish={({ id, role, kind: of, baseUrl, header, value, clientId, clientSecret, fxiaoke }) =>
          put.mutate(
            {
              path: { connection: id },
              body: {
                role,
                baseUrl,
                ...(of === 'masterdata-batch' && { kind: of, batch: { clientId, clientSecret } }),
                ...(of === 'fxiaoke' && { kind: of, fxiaoke }),
                ...(of === 'standard' && header && value && { headers: { [header]: value } }),
              },
            },
            {
              onSuccess: () => {
                onDone()
                void navigate({ to: '/t/$tenant/connections/$connection', params: { tenant, connection: id } })
              },
            },
          )
        }
      >
        <Form.Item
          name="id"
          label={t('connection.id')}
          extra={t('connection.idSay')}
          rules={[{ required: true, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, message: t('connection.idRule') }]}
        >
          <Input placeholder="erp" />
        </Form.Item>
        <Form.Item name="role" label={t('connection.role')}>
          <Select
            aria-label={t('connection.role')}
            options={(['erp', 'crm'] as const).map((value) => ({ value, label: t(`connection.role.${value}`) }))}
          />
        </Form.Item>
        <Form.Item name="kind" label={t('connection.kind')}>
          <Select
            aria-label={t('connection.kind')}
            options={(['standard', 'fxiaoke', 'masterdata-batch'] as const).map((value) => ({
              value,
              label: t(`connection.kind.${value}`),
            }))}
          />
        </Form.Item>
        <Form.Item
          name="baseUrl"
          label={t('connection.baseUrl')}
          extra={t('connection.baseUrlSay')}
          rules={[{ required: true, type: 'url', message: t('connection.baseUrlRule') }]}
        >
          <Input placeholder="https://erp.example.com/api/" />
        </Form.Item>
        {kind === 'fxiaoke' ? (
          <NewFxiaoke />
        ) : kind === 'masterdata-batch' ? (
          <>
            <Form.Item
              name="clientId"
              label="client_id"
              rules={[{ required: true, message: t('connection.batch.clientRule') }]}
            >
              <Input autoComplete="off" />
            </Form.Item>
            <Form.Item
              name="clientSecret"
              label="client_secret"
              extra={t('connection.secretSay')}
              rules={[{ required: true, message: t('connection.batch.clientRule') }]}
            >
              <Input.Password autoComplete="new-password" />
            </Form.Item>
          </>
        ) : (
          <Form.Item label={t('connection.headers')} extra={t('connection.secretSay')}>
            <div className="row">
              <Form.Item name="header" noStyle>
                <Input aria-label={t('connection.headerName')} placeholder="token" style={{ width: 150 }} />
              </Form.Item>
              <Form.Item name="value" noStyle>
                <Input.Password aria-label={t('connection.headerValue')} autoComplete="off" style={{ width: 260 }} />
              </Form.Item>
            </div>
          </Form.Item>
        )}
        {put.error !== null && <Problem error={put.error} />}
      </Form>
    </Modal>
  )
}

export const Connections = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const formats = useFormats()
  const list = useList('listConnections')
  const status = useRead('showStatus', {}, { every: 5_000 })
  const [isNew, setNew] = useState(false)
  const create = may('putConnection') && (
    <Button type="primary" onClick={() => setNew(true)}>
      {t('connection.new')}
    </Button>
  )
  return (
    <>
      <PageHead title={t('nav.connections')} sub={t('connection.sub')}>
        {create}
      </PageHead>
      <Listing
        list={list}
        none={
          <Nothing title={t('connection.none')} action={create}>
            {t('connection.noneTodo')}
          </Nothing>
        }
      >
        <div className="rows">
          {list.items.map((one) => {
            const id = String(one.id)
            const so = status.data?.connections.find((row) => row.connection === id)
            return (
              <Link
                key={id}
                className="one"
                to="/t/$tenant/connections/$connection"
                params={{ tenant, connection: id }}
              >
                <div className="row">
                  <b>{id}</b>
                  <span className="row">
                    {so && so.backlog > 0 && (
                      <span>{t('road.backlog', { count: so.backlog, shown: formats.number(so.backlog) })}</span>
                    )}
                    <Health held={so?.heldByBreaker ?? 0} readsFailed={so?.readsFailed ?? 0} />
                  </span>
                </div>
                <div className="faint">
                  {t(`connection.role.${String(one.role) === 'crm' ? 'crm' : 'erp'}`)} ·{' '}
                  {t(`connection.kind.${String(one.kind ?? 'standard')}` as 'connection.kind.standard', {
                    defaultValue: String(one.kind),
                  })}{' '}
                  · <code>{String(one.baseUrl)}</code>
                </div>
                <QueueLine connection={one} />
              </Link>
            )
          })}
        </div>
      </Listing>
      {isNew && <NewConnection onDone={() => setNew(false)} />}
    </>
  )
}

export const Health = ({ held, readsFailed }: { held: number; readsFailed: number }) => {
  const { t } = useTranslation()
  const kind = held > 0 ? 'failed' : readsFailed > 0 ? 'waiting' : 'succeeded'
  return (
    <span className={`state state-${kind}`}>
      <i aria-hidden />
      {held > 0
        ? t('connection.breaker', { count: held })
        : readsFailed > 0
          ? t('connection.readsFailed', { count: readsFailed })
          : t('connection.healthy')}
    </span>
  )
}
