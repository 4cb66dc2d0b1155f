/** Who works in this tenant: with which role, by which second factor; invited, changed, let in anew, shut out. */
import { useQuery } from '@tanstack/react-query'
import { App, Button, Form, Input, Modal, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call, type Item } from '../../api/client.ts'
import { useChange, useList } from '../../ui/asking.ts'
import { Secret } from '../../ui/changes.tsx'
import { sessionQuery, useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'
import { Rule } from './rule.tsx'

const roles = ['viewer', 'operator', 'integrator', 'admin', 'owner'] as const
export type Role = (typeof roles)[number]
type User = Item<'listUsers'>

export const useRoleOptions = (said = false) => {
  const { t } = useTranslation()
  return roles.map((value) => ({
    value,
    label: said ? `${t(`role.${value}`)}: ${t(`role.${value}.say`)}` : t(`role.${value}`),
  }))
}

/** As the server makes them: 192 random bits. */
const makePassword = (): string =>
  btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24))))
    .replaceAll('+', '-')
    .replaceAll('/', '_')

export interface Told {
  name: string
  secret: string
}

/** `everywhere`: an account of the installation, whose role counts in every tenant. */
export const NewUser = ({
  everywhere = false,
  onMade,
  onDone,
}: {
  everywhere?: boolean
  onMade: (told: Told | null) => void
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const options = useRoleOptions(true)
  const [form] = Form.useForm<{ user: string; name?: string; email?: string; role: Role }>()
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
          void (everywhere ? call('addEveryUser', { body }) : call('addUser', { path: { tenant }, body })).then(
            (made) => {
              refresh()
              onMade(made.password === null ? null : { name: made.user, secret: made.password })
              onDone()
            },
            setError,
          )
        }
      >
        <Form.Item name="user" label={t('signIn.user')} rules={[{ required: true, message: t('signIn.userMissing') }]}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="name" label={t('user.name')}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="email" label={t('user.email')} extra={t('user.emailSay')}>
          <Input autoComplete="off" type="email" />
        </Form.Item>
        <Form.Item name="role" label={t('user.role')}>
          <Select aria-label={t('user.role')} options={options} />
        </Form.Item>
        <p className="faint">{t('user.passwordSay')}</p>
        {error !== null && <Problem error={error} />}
      </Form>
    </Modal>
  )
}

/** What belongs to the account itself, which only its home may change. */
export const EditUser = ({
  user,
  everywhere = false,
  onTold,
  onDone,
}: {
  user: User
  everywhere?: boolean
  onTold: (told: Told) => void
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const { modal, message } = App.useApp()
  const [form] = Form.useForm<{ name: string; email: string }>()
  const [error, setError] = useState<unknown>(null)
  const change = (body: {
    name?: string
    email?: string
    disabled?: boolean
    password?: string
    secondFactor?: 'off'
  }) =>
    (everywhere
      ? call('changeEveryUser', { path: { user: user.user }, body })
      : call('changeUser', { path: { tenant, user: user.user }, body })
    ).then(() => {
      refresh()
      setError(null)
    })
  const sure = (title: string, go: () => Promise<void>) =>
    void modal.confirm({
      title,
      okText: t('act.yes'),
      cancelText: t('act.cancel'),
      onOk: () => go().catch(setError),
    })
  return (
    <Modal
      open
      title={t('user.edit', { user: user.user })}
      onCancel={onDone}
      okText={t('act.save')}
      cancelText={t('act.cancel')}
      onOk={form.submit}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ name: user.name, email: user.email ?? '' }}
        onFinish={(body) => void change(body).then(onDone, setError)}
      >
        <Form.Item name="name" label={t('user.name')}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="email" label={t('user.email')} extra={t('user.emailSay')}>
          <Input autoComplete="off" type="email" />
        </Form.Item>
      </Form>
      <div className="row" style={{ marginBottom: 12 }}>
        <Button
          onClick={() =>
            sure(t('user.passwordSure', { user: user.user }), async () => {
              const secret = makePassword()
              await change({ password: secret })
              onTold({ name: user.user, secret })
              onDone()
            })
          }
        >
          {t('user.passwordNew')}
        </Button>
        {user.secondFactor === 'on' && (
          <Button
            onClick={() =>
              sure(t('user.secondSure', { user: user.user }), async () => {
                await change({ secondFactor: 'off' })
                void message.success(t('user.secondOff'))
                onDone()
              })
            }
          >
            {t('user.secondReset')}
          </Button>
        )}
        <Button
          danger={!user.disabled}
          onClick={() =>
            user.disabled
              ? void change({ disabled: false }).then(onDone, setError)
              : sure(t('user.disableSure', { user: user.user }), async () => {
                  await change({ disabled: true })
                  onDone()
                })
          }
        >
          {user.disabled ? t('user.enable') : t('user.disable')}
        </Button>
      </div>
      {error !== null && <Problem error={error} />}
    </Modal>
  )
}

/** Marks that say at a glance how an account stands. */
export const Marks = ({ user }: { user: User }) => {
  const { t } = useTranslation()
  return (
    <>
      {user.disabled && <span className="state state-skipped">{t('user.disabled')}</span>}{' '}
      {user.secondFactor === 'on' && <span className="state state-succeeded">{t('user.second')}</span>}
    </>
  )
}

export const Users = () => {
  const { t } = useTranslation()
  const may = useMay()
  const tenant = useTenant()
  const { modal } = App.useApp()
  const options = useRoleOptions()
  const { data: session } = useQuery(sessionQuery)
  const found = useList('listUsers')
  const change = useChange('changeUser')
  const remove = useChange('removeUser')
  const [isNew, setNew] = useState(false)
  const [editing, setEditing] = useState<User | null>(null)
  const [told, setTold] = useState<Told | null>(null)
  if (found.error) return <Problem error={found.error} />
  if (found.isPending) return <Skeleton active />
  const isOurs = (one: User) => one.home === tenant || session?.everywhere === 'owner'
  return (
    <>
      <section className="card stack">
        <div className="row" style={{ justifyContent: 'space-between' }}>
          <p className="faint">{t('user.say')}</p>
          {may('addUser') && (
            <Button type="primary" onClick={() => setNew(true)}>
              {t('user.new')}
            </Button>
          )}
        </div>
        {told && <Secret {...told} />}
        {found.items.length === 0 && <p className="faint">{t('user.none')}</p>}
        <div className="rows">
          {found.items.map((one) => (
            <div key={one.user} className="one">
              <div className="row">
                <span>
                  <b>{one.user}</b> {one.name} <Marks user={one} />
                </span>
                <span className="row">
                  <Select<Role>
                    size="small"
                    aria-label={t('user.roleOf', { user: one.user })}
                    value={(one.role ?? 'viewer') as Role}
                    disabled={!may('changeUser')}
                    popupMatchSelectWidth={false}
                    options={options}
                    onChange={(role) => change.mutate({ path: { user: one.user }, body: { role } })}
                  />
                  {may('changeUser') && isOurs(one) && (
                    <Button size="small" onClick={() => setEditing(one)}>
                      {t('user.change')}
                    </Button>
                  )}
                  {may('removeUser') && (
                    <Button
                      size="small"
                      danger
                      onClick={() =>
                        void modal.confirm({
                          title: t(one.home === tenant ? 'user.removeSure' : 'user.takeSure', { user: one.user }),
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
              <div className="faint">
                {one.email}
                {one.email && one.home !== tenant && ' · '}
                {one.home !== tenant &&
                  t('user.elsewhere', { home: one.home === '*' ? t('account.installation') : one.home })}
              </div>
            </div>
          ))}
        </div>
        {isNew && <NewUser onDone={() => setNew(false)} onMade={setTold} />}
        {editing && <EditUser user={editing} onTold={setTold} onDone={() => setEditing(null)} />}
      </section>
      {may('showSignInRule') && <Rule />}
    </>
  )
}
