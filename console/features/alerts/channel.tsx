/** A channel of alerts: mail, a robot of WeCom, DingTalk or Feishu, or a signed webhook. Addresses and secrets are written and never read back. */
import { Form, Input, InputNumber, Modal, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { localeNames, locales, tagOf } from '../../ui/words.ts'
import { levels } from './rules.ts'
import type { Channel } from './settings.tsx'

const kinds = ['mail', 'wecom', 'dingtalk', 'feishu', 'webhook'] as const
type Kind = (typeof kinds)[number]

interface Filled {
  name: string
  kind: Kind
  least?: (typeof levels)[number]
  locale?: (typeof locales)[number]
  url?: string
  secret?: string
  host?: string
  port?: number | null
  tls?: 'always' | 'starttls' | 'never'
  user?: string
  password?: string
  from?: string
  to?: string[]
}

/** Only what the kind knows, and nothing that is empty: a secret that is left out stays what it was. */
export const channelOf = (filled: Filled): Channel => {
  const own: Record<Kind, readonly (keyof Filled)[]> = {
    mail: ['host', 'port', 'tls', 'user', 'password', 'from', 'to'],
    wecom: ['url'],
    dingtalk: ['url', 'secret'],
    feishu: ['url', 'secret'],
    webhook: ['url', 'secret'],
  }
  const names = ['name', 'kind', 'least', 'locale', ...own[filled.kind]] as const
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = filled[name]
      const isEmpty =
        value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
      return isEmpty ? [] : [[name, value]]
    }),
  ) as unknown as Channel
}

export const ChannelForm = ({
  channel,
  taken,
  onSave,
  onCancel,
}: {
  /** Null: a new one. */
  channel: Channel | null
  taken: readonly string[]
  onSave: (channel: Channel) => void
  onCancel: () => void
}) => {
  const { t } = useTranslation()
  const [form] = Form.useForm<Filled>()
  const kind = Form.useWatch('kind', form) ?? channel?.kind ?? 'wecom'
  const isNew = channel === null
  const kept = isNew ? undefined : t('connection.kept')
  return (
    <Modal
      open
      title={isNew ? t('alert.newChannel') : t('alert.channelOf', { name: channel.name })}
      onCancel={onCancel}
      okText={t('act.save')}
      cancelText={t('act.cancel')}
      onOk={form.submit}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={channel ?? { kind: 'wecom' }}
        onFinish={(filled) => onSave(channelOf(filled))}
      >
        <Form.Item name="kind" label={t('connection.kind')}>
          <Select
            aria-label={t('connection.kind')}
            disabled={!isNew}
            options={kinds.map((value) => ({ value, label: t(`alert.kind.${value}`) }))}
          />
        </Form.Item>
        <Form.Item
          name="name"
          label={t('alert.name')}
          rules={[
            { required: true, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, message: t('connection.idRule') },
            {
              validator: (_, value: string) =>
                taken.includes(value) ? Promise.reject(new Error(t('alert.nameTaken'))) : Promise.resolve(),
            },
          ]}
        >
          {/* secrets are kept by the channel's name */}
          <Input placeholder="ops" disabled={!isNew} />
        </Form.Item>
        {kind === 'mail' ? (
          <>
            <div className="row top">
              <Form.Item name="host" label={t('alert.host')} rules={[{ required: true, message: t('caller.idRule') }]}>
                <Input placeholder="smtp.example.com" style={{ width: 220 }} />
              </Form.Item>
              <Form.Item name="port" label={t('alert.port')}>
                <InputNumber min={1} max={65_535} placeholder="587" style={{ width: 90 }} />
              </Form.Item>
              <Form.Item name="tls" label="TLS">
                <Select
                  style={{ width: 120 }}
                  aria-label="TLS"
                  placeholder="starttls"
                  allowClear
                  options={['starttls', 'always', 'never'].map((value) => ({ value, label: value }))}
                />
              </Form.Item>
            </div>
            <div className="row top">
              <Form.Item name="user" label={t('signIn.user')}>
                <Input autoComplete="off" style={{ width: 200 }} />
              </Form.Item>
              <Form.Item name="password" label={t('signIn.password')} extra={kept}>
                <Input.Password autoComplete="new-password" style={{ width: 220 }} />
              </Form.Item>
            </div>
            <Form.Item name="from" label={t('alert.from')} rules={[{ required: true, message: t('caller.idRule') }]}>
              <Input placeholder="mortise@example.com" />
            </Form.Item>
            <Form.Item name="to" label={t('alert.to')} extra={t('alert.toSay')}>
              <Select
                mode="tags"
                aria-label={t('alert.to')}
                tokenSeparators={[',', ' ', ';']}
                open={false}
                suffixIcon={null}
              />
            </Form.Item>
          </>
        ) : (
          <>
            <Form.Item
              name="url"
              label={t('alert.url')}
              extra={kept ?? t('connection.secretSay')}
              rules={isNew ? [{ required: true, type: 'url', message: t('connection.baseUrlRule') }] : []}
            >
              <Input.Password autoComplete="off" placeholder="https://" />
            </Form.Item>
            {kind !== 'wecom' && (
              <Form.Item
                name="secret"
                label={t('alert.secret')}
                extra={kept ?? (kind === 'webhook' ? t('alert.secretNeeded') : t('alert.secretSay'))}
                rules={isNew && kind === 'webhook' ? [{ required: true, message: t('alert.secretNeeded') }] : []}
              >
                <Input.Password autoComplete="off" />
              </Form.Item>
            )}
          </>
        )}
        <div className="row top">
          <Form.Item name="least" label={t('alert.least')}>
            <Select
              style={{ width: 160 }}
              aria-label={t('alert.least')}
              allowClear
              placeholder={t('alert.level.info')}
              options={levels.map((value) => ({ value, label: t(`alert.level.${value}`) }))}
            />
          </Form.Item>
          <Form.Item name="locale" label={t('own.language')}>
            <Select
              style={{ width: 160 }}
              aria-label={t('own.language')}
              allowClear
              placeholder={t('alert.asTenant')}
              options={locales.map((value) => ({
                value,
                label: <span lang={tagOf(value)}>{localeNames[value]}</span>,
              }))}
            />
          </Form.Item>
        </div>
      </Form>
    </Modal>
  )
}
