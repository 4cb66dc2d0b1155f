/** One's own menu: language, looks, time zone, password, signing out. */
import { GlobalOutlined, UserOutlined } from '@ant-design/icons'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { App, Button, Dropdown, Form, Input, Modal, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../api/client.ts'
import { useGuide } from '../ui/guide.ts'
import { LanguageMenu } from '../ui/language.tsx'
import { sessionQuery, setSession } from '../ui/session.tsx'
import { type Theme, useLooks } from '../ui/settings.tsx'
import { Problem } from '../ui/told.tsx'

const Looks = ({ onDone }: { onDone: () => void }) => {
  const { t } = useTranslation()
  const looks = useLooks()
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone
  const zones = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')]
  return (
    <Modal
      open
      title={t('own.looks')}
      onCancel={onDone}
      onOk={onDone}
      cancelButtonProps={{ hidden: true }}
      okText={t('act.done')}
    >
      <Form layout="vertical">
        <Form.Item label={t('own.theme')} htmlFor="own-theme">
          <Select
            id="own-theme"
            aria-label={t('own.theme')}
            value={looks.theme ?? 'system'}
            options={(['system', 'light', 'dark'] as const).map((value) => ({ value, label: t(`own.theme.${value}`) }))}
            onChange={(value: Theme | 'system') => looks.change({ theme: value === 'system' ? null : value })}
          />
        </Form.Item>
        <Form.Item label={t('own.zone')} htmlFor="own-zone">
          <Select
            id="own-zone"
            aria-label={t('own.zone')}
            showSearch
            value={looks.zone ?? ''}
            options={[
              { value: '', label: t('own.zone.browser', { zone: own }) },
              ...zones.map((value) => ({ value, label: value })),
            ]}
            onChange={(value) => looks.change({ zone: value === '' ? null : value })}
          />
        </Form.Item>
      </Form>
    </Modal>
  )
}

const Password = ({ onDone }: { onDone: () => void }) => {
  const { t } = useTranslation()
  const { message } = App.useApp()
  const [error, setError] = useState<unknown>(null)
  const [form] = Form.useForm<{ password: string; newPassword: string }>()
  return (
    <Modal
      open
      title={t('own.password')}
      onCancel={onDone}
      okText={t('act.save')}
      cancelText={t('act.cancel')}
      onOk={form.submit}
    >
      <Form
        form={form}
        layout="vertical"
        onFinish={(body) =>
          void call('changeOwnPassword', { body }).then(() => {
            void message.success(t('own.passwordChanged'))
            onDone()
          }, setError)
        }
      >
        <Form.Item name="password" label={t('own.passwordNow')} rules={[{ required: true }]}>
          <Input.Password autoComplete="current-password" />
        </Form.Item>
        <Form.Item name="newPassword" label={t('own.passwordNew')} rules={[{ required: true, min: 12 }]}>
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        {error !== null && <Problem error={error} />}
      </Form>
    </Modal>
  )
}

export const OwnMenu = () => {
  const { t } = useTranslation()
  const client = useQueryClient()
  const navigate = useNavigate()
  const { data: session } = useQuery(sessionQuery)
  const { guide, hide } = useGuide()
  const [open, setOpen] = useState<'looks' | 'password' | null>(null)
  const signOut = async () => {
    await call('signOut', {}).catch(() => {})
    setSession(client, null)
    void navigate({ to: '/sign-in', search: {} })
  }
  return (
    <>
      <LanguageMenu icon={<GlobalOutlined />} />
      <Dropdown
        trigger={['click']}
        menu={{
          items: [
            { key: 'who', label: session?.user, disabled: true },
            { type: 'divider' },
            { key: 'looks', label: t('own.looks') },
            { key: 'password', label: t('own.password') },
            ...(guide?.hidden ? [{ key: 'guide', label: t('guide.resume') }] : []),
            { type: 'divider' },
            { key: 'out', label: t('own.signOut') },
          ],
          onClick: ({ key }) => {
            if (key === 'out') void signOut()
            if (key === 'guide') hide(false)
            if (key === 'looks' || key === 'password') setOpen(key)
          },
        }}
      >
        <Button type="text" icon={<UserOutlined />} aria-label={t('own.label')} />
      </Dropdown>
      {open === 'looks' && <Looks onDone={() => setOpen(null)} />}
      {open === 'password' && <Password onDone={() => setOpen(null)} />}
    </>
  )
}
