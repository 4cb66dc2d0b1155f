/** The second factor of one's account: set up with a QR code, recovery codes told once, turned off with a code. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, App, Button, Form, Input, Modal, QRCode, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Answer, call } from '../../api/client.ts'
import { sessionQuery } from '../../ui/session.tsx'
import { CopyButton } from '../../ui/text.tsx'
import { Moment } from '../../ui/time.tsx'
import { Problem } from '../../ui/told.tsx'

export const useAccount = () => useQuery({ queryKey: ['account'], queryFn: () => call('showAccount', {}) })

/** Ten codes, shown this once: to be copied or kept as a file. */
const RecoveryCodes = ({ codes, onDone }: { codes: readonly string[]; onDone: () => void }) => {
  const { t } = useTranslation()
  const text = codes.join('\n')
  return (
    <div className="stack">
      <Alert type="warning" showIcon title={t('account.codes')} description={t('account.codesSay')} />
      <ol className="codes">
        {codes.map((one) => (
          <li key={one}>
            <code>{one}</code>
          </li>
        ))}
      </ol>
      <div className="row">
        <CopyButton text={text} label={t('account.codesCopy')} />
        <Button
          size="small"
          href={`data:text/plain,${encodeURIComponent(`${text}\n`)}`}
          download="mortise-recovery-codes.txt"
        >
          {t('account.codesFile')}
        </Button>
        <Button type="primary" onClick={onDone}>
          {t('account.codesKept')}
        </Button>
      </div>
    </div>
  )
}

const CodeField = () => {
  const { t } = useTranslation()
  return (
    <Form.Item name="code" label={t('signIn.code')} rules={[{ required: true, message: t('signIn.codeMissing') }]}>
      <Input autoComplete="one-time-code" spellCheck={false} maxLength={40} style={{ maxWidth: 220 }} />
    </Form.Item>
  )
}

/** Scan, or type the secret; then the first code turns it on. */
const Begun = ({
  begun,
  onCodes,
  onCancel,
}: {
  begun: Answer<'beginSecondFactor'>
  onCodes: (codes: string[]) => void
  onCancel: () => void
}) => {
  const { t } = useTranslation()
  const [error, setError] = useState<unknown>(null)
  return (
    <Form
      name="second"
      layout="vertical"
      requiredMark={false}
      onFinish={(body: { code: string }) =>
        void call('confirmSecondFactor', { body }).then(({ recoveryCodes }) => onCodes(recoveryCodes), setError)
      }
    >
      <p>{t('account.scan')}</p>
      <div className="scan">
        <div role="img" aria-label={t('account.qr')}>
          <QRCode type="svg" value={begun.uri} color="#000" bgColor="#fff" size={184} />
        </div>
        <div>
          <p className="faint">{t('account.typeIt')}</p>
          <p>
            <code className="secret-text">{begun.secret.match(/.{1,4}/g)?.join(' ')}</code>{' '}
            <CopyButton text={begun.secret} />
          </p>
        </div>
      </div>
      <CodeField />
      {error !== null && <Problem error={error} />}
      <div className="row">
        <Button type="primary" htmlType="submit">
          {t('account.turnOn')}
        </Button>
        <Button onClick={onCancel}>{t('act.cancel')}</Button>
      </div>
    </Form>
  )
}

const Begin = ({ onBegun }: { onBegun: (begun: Answer<'beginSecondFactor'>) => void }) => {
  const { t } = useTranslation()
  const [error, setError] = useState<unknown>(null)
  return (
    <Form
      name="second"
      layout="vertical"
      requiredMark={false}
      onFinish={(body: { password: string }) => void call('beginSecondFactor', { body }).then(onBegun, setError)}
    >
      <p>{t('account.secondSay')}</p>
      <Form.Item
        name="password"
        label={t('own.passwordNow')}
        rules={[{ required: true, message: t('signIn.passwordMissing') }]}
        style={{ marginTop: 12 }}
      >
        <Input.Password autoComplete="current-password" style={{ maxWidth: 320 }} />
      </Form.Item>
      {error !== null && <Problem error={error} />}
      <Button type="primary" htmlType="submit">
        {t('account.setUp')}
      </Button>
    </Form>
  )
}

type Asking = 'off' | 'renew'

/** A code of the second factor, and then the deed. */
const AskCode = ({
  about,
  onCodes,
  onDone,
}: {
  about: Asking
  onCodes: (codes: string[]) => void
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const { message } = App.useApp()
  const [form] = Form.useForm<{ code: string }>()
  const [error, setError] = useState<unknown>(null)
  const go = async (body: { code: string }) => {
    try {
      if (about === 'renew') onCodes((await call('renewRecoveryCodes', { body })).recoveryCodes)
      else {
        await call('dropSecondFactor', { body })
        void message.success(t('account.isOff'))
      }
      onDone()
    } catch (no) {
      form.resetFields()
      setError(no)
    }
  }
  return (
    <Modal
      open
      title={t(`account.${about}`)}
      okText={t(`account.${about}`)}
      cancelText={t('act.cancel')}
      okButtonProps={{ danger: about === 'off' }}
      onCancel={onDone}
      onOk={form.submit}
    >
      <Form name="second-ask" form={form} layout="vertical" requiredMark={false} onFinish={(body) => void go(body)}>
        <p className="faint">{t(`account.${about}Say`)}</p>
        <CodeField />
        {error !== null && <Problem error={error} />}
      </Form>
    </Modal>
  )
}

export const SecondFactor = ({ onOn }: { onOn?: () => void }) => {
  const { t } = useTranslation()
  const client = useQueryClient()
  const { data, error } = useAccount()
  const [begun, setBegun] = useState<Answer<'beginSecondFactor'> | null>(null)
  const [codes, setCodes] = useState<readonly string[] | null>(null)
  const [asking, setAsking] = useState<Asking | null>(null)
  const again = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ['account'] }),
      client.invalidateQueries({ queryKey: sessionQuery.queryKey }),
    ])
  if (error) return <Problem error={error} />
  if (!data) return <Skeleton active />
  if (codes)
    return (
      <RecoveryCodes
        codes={codes}
        onDone={() =>
          // the doors look at what the session says: that first
          void again().finally(() => {
            setCodes(null)
            onOn?.()
          })
        }
      />
    )
  if (begun)
    return (
      <Begun
        begun={begun}
        onCancel={() => setBegun(null)}
        onCodes={(told) => {
          setBegun(null)
          setCodes(told)
        }}
      />
    )
  if (!data.password) return <p className="faint">{t('account.secondAtIssuer')}</p>
  const { since, recoveryCodes } = data.secondFactor
  if (since === null) return <Begin onBegun={setBegun} />
  return (
    <div className="stack">
      <p>
        <span className="state state-succeeded">
          <i aria-hidden />
          {t('account.isOn')}
        </span>{' '}
        <span className="faint">
          <Moment at={since} /> · {t('account.codesLeft', { count: recoveryCodes })}
        </span>
      </p>
      <div className="row">
        <Button onClick={() => setAsking('renew')}>{t('account.renew')}</Button>
        <Button danger onClick={() => setAsking('off')}>
          {t('account.turnOff')}
        </Button>
      </div>
      {asking && (
        <AskCode
          about={asking}
          onCodes={setCodes}
          onDone={() => {
            setAsking(null)
            void again()
          }}
        />
      )}
    </div>
  )
}
