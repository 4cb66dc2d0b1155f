/** Issuers (OpenID Connect) that people may sign in at: who they are, who is let in, and with which roles. */
import { App, Button, Checkbox, Form, Input, Modal, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call, type Item } from '../../api/client.ts'
import type { Routes } from '../../api/routes.gen.ts'
import { useChange, useRead } from '../../ui/asking.ts'
import { useRefresh, useTenants } from '../../ui/session.tsx'
import { CopyButton } from '../../ui/text.tsx'
import { Problem } from '../../ui/told.tsx'
import { type Role, useRoleOptions } from './users.tsx'

type Provider = Item<'listProviders'>
type Asked = Routes['putProvider']['body']
interface Fields extends Omit<Asked, 'scopes' | 'defaultRole'> {
  provider: string
  scopes: string
  defaultTenant?: string
  defaultAs?: Role
}

const useTenantOptions = () => {
  const { t } = useTranslation()
  const tenants = useTenants().data?.items ?? []
  return [
    ...tenants.map((one) => ({ value: one.tenant, label: one.tenant })),
    { value: '*', label: t('provider.everywhere') },
  ]
}

/** Group by group: which role in which tenant. */
const Groups = () => {
  const { t } = useTranslation()
  const tenants = useTenantOptions()
  const options = useRoleOptions()
  return (
    <Form.List name="groups">
      {(fields, { add, remove }) => (
        <div className="stack" style={{ marginBottom: 16 }}>
          {fields.map(({ key, name }) => (
            <div key={key} className="group-role">
              <Form.Item name={[name, 'group']} noStyle rules={[{ required: true }]}>
                <Input aria-label={t('provider.group')} placeholder={t('provider.group')} />
              </Form.Item>
              <Form.Item name={[name, 'tenant']} noStyle rules={[{ required: true }]}>
                <Select aria-label={t('kind.tenant')} placeholder={t('kind.tenant')} options={tenants} />
              </Form.Item>
              <Form.Item name={[name, 'role']} noStyle rules={[{ required: true }]}>
                <Select aria-label={t('user.role')} options={options} />
              </Form.Item>
              <Button size="small" onClick={() => remove(name)}>
                {t('act.remove')}
              </Button>
            </div>
          ))}
          <Button size="small" onClick={() => add({ role: 'viewer' })}>
            {t('provider.addGroup')}
          </Button>
        </div>
      )}
    </Form.List>
  )
}

const initial = (known: Provider | null): Partial<Fields> => {
  if (!known)
    return {
      scopes: 'openid email profile',
      groupsClaim: 'groups',
      matchEmail: true,
      enabled: true,
      defaultAs: 'viewer',
      groups: [],
    }
  const { defaultRole, scopes, ...rest } = known
  return {
    ...rest,
    scopes: scopes.join(' '),
    defaultAs: (defaultRole?.role ?? 'viewer') as Role,
    ...(defaultRole && { defaultTenant: defaultRole.tenant }),
  }
}

const Edit = ({ known, onDone }: { known: Provider | null; onDone: () => void }) => {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const tenants = useTenantOptions()
  const options = useRoleOptions()
  const [form] = Form.useForm<Fields>()
  const creates = Form.useWatch('create', form)
  const [error, setError] = useState<unknown>(null)
  const save = (said: Fields) => {
    const { provider, defaultTenant, defaultAs, scopes, clientSecret } = said
    const body: Asked = {
      name: said.name,
      issuer: said.issuer.trim(),
      allowHttp: said.allowHttp ?? false,
      clientId: said.clientId.trim(),
      ...(clientSecret && { clientSecret }),
      scopes: scopes.split(/[\s,]+/).filter(Boolean),
      matchEmail: said.matchEmail ?? false,
      create: said.create ?? false,
      defaultRole: said.create && defaultTenant ? { tenant: defaultTenant, role: defaultAs ?? 'viewer' } : null,
      groupsClaim: said.groupsClaim || 'groups',
      groups: said.groups ?? [],
      enabled: said.enabled ?? false,
    }
    void call('putProvider', { path: { provider: known?.provider ?? provider }, body }).then(() => {
      refresh()
      onDone()
    }, setError)
  }
  return (
    <Modal
      open
      width={720}
      title={known ? t('provider.edit', { name: known.name }) : t('provider.new')}
      okText={t('act.save')}
      cancelText={t('act.cancel')}
      onCancel={onDone}
      onOk={form.submit}
    >
      <Form form={form} layout="vertical" requiredMark={false} initialValues={initial(known)} onFinish={save}>
        {!known && (
          <Form.Item
            name="provider"
            label={t('provider.id')}
            rules={[{ required: true, pattern: /^[a-z0-9][a-z0-9-]{0,62}$/, message: t('provider.idRule') }]}
          >
            <Input placeholder="corp" />
          </Form.Item>
        )}
        <Form.Item name="name" label={t('provider.name')} rules={[{ required: true, message: t('key.nameRule') }]}>
          <Input />
        </Form.Item>
        <Form.Item
          name="issuer"
          label={t('provider.issuer')}
          extra={t('provider.issuerSay')}
          rules={[{ required: true, pattern: /^https?:\/\/\S+$/, message: t('provider.issuerRule') }]}
        >
          <Input placeholder="https://login.example.com" />
        </Form.Item>
        <Form.Item name="allowHttp" valuePropName="checked">
          <Checkbox>{t('provider.allowHttp')}</Checkbox>
        </Form.Item>
        <div className="cols">
          <Form.Item
            name="clientId"
            label={t('provider.clientId')}
            rules={[{ required: true, message: t('provider.clientIdRule') }]}
          >
            <Input autoComplete="off" />
          </Form.Item>
          <Form.Item
            name="clientSecret"
            label={t('provider.secret')}
            extra={known?.hasSecret ? t('provider.secretKept') : undefined}
          >
            <Input.Password autoComplete="new-password" />
          </Form.Item>
          <Form.Item name="scopes" label={t('provider.scopes')}>
            <Input />
          </Form.Item>
          <Form.Item name="groupsClaim" label={t('provider.claim')}>
            <Input />
          </Form.Item>
        </div>
        <Form.Item name="matchEmail" valuePropName="checked">
          <Checkbox>{t('provider.matchEmail')}</Checkbox>
        </Form.Item>
        <Form.Item name="create" valuePropName="checked">
          <Checkbox>{t('provider.create')}</Checkbox>
        </Form.Item>
        {creates && (
          <div className="cols">
            <Form.Item name="defaultTenant" label={t('provider.defaultTenant')}>
              <Select aria-label={t('provider.defaultTenant')} options={tenants} allowClear />
            </Form.Item>
            <Form.Item name="defaultAs" label={t('provider.defaultRole')}>
              <Select aria-label={t('provider.defaultRole')} options={options} />
            </Form.Item>
          </div>
        )}
        <h3>{t('provider.groups')}</h3>
        <p className="faint" style={{ marginBottom: 8 }}>
          {t('provider.groupsSay')}
        </p>
        <Groups />
        <Form.Item name="enabled" valuePropName="checked">
          <Checkbox>{t('provider.enabled')}</Checkbox>
        </Form.Item>
        {error !== null && <Problem error={error} />}
      </Form>
    </Modal>
  )
}

export const Providers = () => {
  const { t } = useTranslation()
  const { modal, message, notification } = App.useApp()
  const { data, error } = useRead('listProviders')
  const remove = useChange('removeProvider')
  const [editing, setEditing] = useState<Provider | 'new' | null>(null)
  const [testing, setTesting] = useState<string | null>(null)
  if (error) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const test = (provider: string) => {
    setTesting(provider)
    void call('testProvider', { path: { provider } })
      .then(
        () => void message.success(t('provider.works')),
        (no: unknown) => notification.error({ title: null, description: <Problem error={no} />, duration: 12 }),
      )
      .finally(() => setTesting(null))
  }
  return (
    <section className="card stack">
      <div className="row" style={{ justifyContent: 'space-between' }}>
        <div>
          <h2 style={{ margin: 0 }}>{t('provider.title')}</h2>
          <p className="faint">{t('provider.say')}</p>
        </div>
        <Button onClick={() => setEditing('new')}>{t('provider.new')}</Button>
      </div>
      <p>
        {t('provider.redirect')} <code>{data.signInAddress}</code> <CopyButton text={data.signInAddress} />
      </p>
      {data.items.length === 0 && <p className="faint">{t('provider.none')}</p>}
      <div className="rows">
        {data.items.map((one) => (
          <div key={one.provider} className="one">
            <div className="row">
              <span>
                <b>{one.name}</b> <code>{one.issuer}</code>{' '}
                {!one.enabled && <span className="state state-skipped">{t('user.disabled')}</span>}
              </span>
              <span className="row">
                <Button size="small" loading={testing === one.provider} onClick={() => test(one.provider)}>
                  {t('provider.test')}
                </Button>
                <Button size="small" onClick={() => setEditing(one)}>
                  {t('user.change')}
                </Button>
                <Button
                  size="small"
                  danger
                  onClick={() =>
                    void modal.confirm({
                      title: t('provider.removeSure', { name: one.name }),
                      okText: t('act.remove'),
                      cancelText: t('act.cancel'),
                      okButtonProps: { danger: true },
                      onOk: () => remove.mutateAsync({ path: { provider: one.provider } }).catch(() => {}),
                    })
                  }
                >
                  {t('act.remove')}
                </Button>
              </span>
            </div>
            <div className="faint">
              {t('provider.clientId')}: <code>{one.clientId}</code> ·{' '}
              {t(one.create ? 'provider.creates' : 'provider.knows')}
              {one.groups.length > 0 && ` · ${t('provider.groupCount', { count: one.groups.length })}`}
            </div>
          </div>
        ))}
      </div>
      {editing && <Edit known={editing === 'new' ? null : editing} onDone={() => setEditing(null)} />}
    </section>
  )
}
