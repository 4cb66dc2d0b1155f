/** API keys of this tenant: let a program call for a person, with scopes and an end. */
import { App, Button, Checkbox, Form, Input, InputNumber, Modal, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import type { Routes } from '../../api/routes.gen.ts'
import { useChange, useList } from '../../ui/asking.ts'
import { Secret } from '../../ui/changes.tsx'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Problem } from '../../ui/told.tsx'

const scopes = ['see', 'operate', 'configure', 'administer'] as const
/** A route of each right: a key may no more than its person. */
const asked = { see: 'showStatus', operate: 'retryRecord', configure: 'putPair', administer: 'listUsers' } as const
type Asked = Routes['addKey']['body']

export const Keys = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const refresh = useRefresh()
  const { modal } = App.useApp()
  const seesAll = may('listKeys')
  const found = useList(seesAll ? 'listKeys' : 'listOwnKeys')
  const remove = useChange('removeKey')
  const [isNew, setNew] = useState(false)
  const [made, setMade] = useState<{ name: string; secret: string } | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [form] = Form.useForm<Asked>()
  if (found.error) return <Problem error={found.error} />
  if (found.isPending) return <Skeleton active />
  return (
    <section className="card stack">
      <div className="row" style={{ justifyContent: 'space-between' }}>
        <p className="faint">
          {t('key.say')} {t(seesAll ? 'key.all' : 'key.own')}
        </p>
        {may('addKey') && (
          <Button type="primary" onClick={() => setNew(true)}>
            {t('key.new')}
          </Button>
        )}
      </div>
      {made && <Secret {...made} />}
      {found.items.length === 0 && <p className="faint">{t('key.none')}</p>}
      <div className="rows">
        {found.items.map((one) => (
          <div key={one.key} className="one">
            <div className="row">
              <span>
                <b>{one.name}</b> <span className="faint">{one.user}</span>
              </span>
              <Button
                size="small"
                danger
                onClick={() =>
                  void modal.confirm({
                    title: t('key.removeSure', { name: one.name }),
                    okText: t('key.revoke'),
                    cancelText: t('act.cancel'),
                    okButtonProps: { danger: true },
                    onOk: () => remove.mutateAsync({ path: { key: one.key } }).catch(() => {}),
                  })
                }
              >
                {t('key.revoke')}
              </Button>
            </div>
            <div className="faint">
              {one.scopes.map((scope) => t(`scope.${scope}` as 'scope.see', { defaultValue: scope })).join(', ')} ·{' '}
              {t('caller.expires')} <Moment at={one.expiresAt} as="ago" /> · {t('key.lastUsed')}{' '}
              {one.lastUsedAt === null ? t('key.never') : <Moment at={one.lastUsedAt} as="ago" />}
            </div>
          </div>
        ))}
      </div>
      {isNew && (
        <Modal
          open
          title={t('key.new')}
          onCancel={() => setNew(false)}
          okText={t('act.create')}
          cancelText={t('act.cancel')}
          onOk={form.submit}
        >
          <Form<Asked>
            form={form}
            layout="vertical"
            requiredMark={false}
            initialValues={{ scopes: ['see'], days: 365 }}
            onFinish={(body) =>
              void call('addKey', { path: { tenant }, body }).then((key) => {
                setNew(false)
                setError(null)
                setMade({ name: key.name, secret: key.secret })
                refresh()
              }, setError)
            }
          >
            <Form.Item name="name" label={t('key.name')} rules={[{ required: true, message: t('key.nameRule') }]}>
              <Input />
            </Form.Item>
            <Form.Item name="scopes" label={t('key.scopes')} rules={[{ required: true, message: t('key.scopesRule') }]}>
              <Checkbox.Group
                options={scopes.map((value) => ({ value, label: t(`scope.${value}`), disabled: !may(asked[value]) }))}
              />
            </Form.Item>
            <Form.Item name="days" label={t('key.days')}>
              <InputNumber min={1} max={730} />
            </Form.Item>
            {error !== null && <Problem error={error} />}
          </Form>
        </Modal>
      )}
    </section>
  )
}
