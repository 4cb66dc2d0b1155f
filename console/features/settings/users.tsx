/** Who works in this tenant, with which role. */
import { App, Button, Form, Input, Modal, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import { useChange, useList } from '../../ui/asking.ts'
import { Secret } from '../../ui/changes.tsx'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'

const roles = ['viewer', 'operator', 'integrator', 'admin', 'owner'] as const
type Role = (typeof roles)[number]

const NewUser = ({
  onMade,
  onDone,
}: {
  onMade: (user: string, password: string | null) => void
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const [form] = Form.useForm<{ user: string; name?: string; role: Role }>()
  const [error, setError] = useState<unknown>(null)
  return (
    <Modal
      open
      title={t('user.new')}
      onCancel={onDone}
      okText={t('act.create')}
      cancelText={t('act.cancel')}
      onOk={form.submit}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ role: 'viewer' }}
        onFinish={(body) =>
          void call('addUser', { path: { tenant }, body }).then((made) => {
            refresh()
            onMade(made.user, made.password)
            onDone()
          }, setError)
        }
      >
        <Form.Item name="user" label={t('signIn.user')} rules={[{ required: true, message: t('signIn.userMissing') }]}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="name" label={t('user.name')}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="role" label={t('user.role')}>
          <Select
            aria-label={t('user.role')}
            options={roles.map((value) => ({ value, label: `${t(`role.${value}`)}: ${t(`role.${value}.say`)}` }))}
          />
        </Form.Item>
        <p className="faint">{t('user.passwordSay')}</p>
        {error !== null && <Problem error={error} />}
      </Form>
    </Modal>
  )
}

export const Users = () => {
  const { t } = useTranslation()
  const may = useMay()
  const { modal } = App.useApp()
  const found = useList('listUsers')
  const change = useChange('changeUser')
  const remove = useChange('removeUser')
  const [isNew, setNew] = useState(false)
  const [made, setMade] = useState<{ name: string; secret: string } | null>(null)
  if (found.error) return <Problem error={found.error} />
  if (found.isPending) return <Skeleton active />
  return (
    <section className="card stack">
      <div className="row" style={{ justifyContent: 'space-between' }}>
        <p className="faint">{t('user.say')}</p>
        {may('addUser') && (
          <Button type="primary" onClick={() => setNew(true)}>
            {t('user.new')}
          </Button>
        )}
      </div>
      {made && <Secret {...made} />}
      {found.items.length === 0 && <p className="faint">{t('user.none')}</p>}
      <div className="rows">
        {found.items.map((one) => (
          <div key={one.user} className="one">
            <div className="row">
              <span>
                <b>{one.user}</b> {one.name}{' '}
                {one.disabled && <span className="state state-skipped">{t('user.disabled')}</span>}
              </span>
              <span className="row">
                <Select<Role>
                  size="small"
                  aria-label={t('user.roleOf', { user: one.user })}
                  value={(one.role ?? 'viewer') as Role}
                  disabled={!may('changeUser')}
                  popupMatchSelectWidth={false}
                  options={roles.map((value) => ({ value, label: t(`role.${value}`) }))}
                  onChange={(role) => change.mutate({ path: { user: one.user }, body: { role } })}
                />
                {may('changeUser') && (
                  <Button
                    size="small"
                    onClick={() => change.mutate({ path: { user: one.user }, body: { disabled: !one.disabled } })}
                  >
                    {one.disabled ? t('user.enable') : t('user.disable')}
                  </Button>
                )}
                {may('removeUser') && (
                  <Button
                    size="small"
                    danger
                    onClick={() =>
                      void modal.confirm({
                        title: t('user.removeSure', { user: one.user }),
                        okText: t('act.remove'),
                        cancelText: t('act.cancel'),
                        okButtonProps: { danger: true },
                        onOk: () => remove.mutateAsync({ path: { user: one.user } }).catch(() => {}),
                      })
                    }
                  >
                    {t('act.remove')}
                  </Button>
                )}
              </span>
            </div>
          </div>
        ))}
      </div>
      {isNew && (
        <NewUser
          onDone={() => setNew(false)}
          onMade={(user, password) => setMade(password === null ? null : { name: user, secret: password })}
        />
      )}
    </section>
  )
}
