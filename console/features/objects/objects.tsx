/** ERP objects 中间表对象 of every connection; a new one is learnt from a pasted sample. */
import { Link, useNavigate } from '@tanstack/react-router'
import { Button, Form, Input, Modal, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { learn, withLearned } from './learn.ts'

const OfConnection = ({ connection }: { connection: string }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const list = useList('listObjects', { path: { connection } })
  if (list.error) return <Problem error={list.error} />
  if (list.isPending) return <Skeleton active paragraph={{ rows: 1 }} />
  return (
    <section className="card">
      <h2>{connection}</h2>
      {list.items.length === 0 && <p className="faint">{t('object.noneHere')}</p>}
      <div className="rows">
        {list.items.map((one) => (
          <Link
            key={String(one.code)}
            className="one"
            to="/t/$tenant/objects/$connection/$object"
            params={{ tenant, connection, object: String(one.code) }}
          >
            <div className="row">
              <b>
                {one.name === undefined ? '' : `${String(one.name)} `}
                <code>{String(one.code)}</code>
              </b>
              <span className="faint">
                {t('object.fieldCount', { count: Object.keys((one.fields ?? {}) as object).length })}
                {((one.details ?? []) as unknown[]).length > 0 &&
                  ` · ${t('object.detailCount', { count: ((one.details ?? []) as unknown[]).length })}`}
              </span>
            </div>
          </Link>
        ))}
      </div>
    </section>
  )
}

const NewObject = ({ connections, onDone }: { connections: string[]; onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const navigate = useNavigate()
  const put = useChange('putObject', { quiet: true })
  const [form] = Form.useForm<{ connection: string; code: string; name?: string; sample?: string }>()
  const sample = Form.useWatch('sample', form)
  const learned = sample?.trim() ? learn(sample) : null
  return (
    <Modal
      open
      width={680}
      title={t('object.new')}
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
        initialValues={{ connection: connections[0] }}
        onFinish={({ connection, code, name }) =>
          put.mutate(
            {
              path: { connection, object: code },
              body: withLearned(
                { ...(name && { name }) },
                typeof learned === 'object' && learned ? learned : { code: null, fields: {}, details: {} },
              ),
            },
            {
              onSuccess: () => {
                onDone()
                void navigate({
                  to: '/t/$tenant/objects/$connection/$object',
                  params: { tenant, connection, object: code },
                })
              },
            },
          )
        }
      >
        <Form.Item name="connection" label={t('kind.connection')}>
          <Select aria-label={t('kind.connection')} options={connections.map((value) => ({ value, label: value }))} />
        </Form.Item>
        <Form.Item name="sample" label={t('object.sample')} extra={t('object.sampleSay')}>
          <Input.TextArea
            rows={7}
            className="mono"
            spellCheck={false}
            onBlur={() => {
              if (learned && typeof learned === 'object' && learned.code && !form.getFieldValue('code'))
                form.setFieldValue('code', learned.code)
            }}
          />
        </Form.Item>
        {typeof learned === 'string' && <p className="state state-failed">{t(learned)}</p>}
        {learned && typeof learned === 'object' && (
          <p role="status">
            {t('object.learned', {
              fields: Object.keys(learned.fields).length,
              details: Object.keys(learned.details).length,
            })}
          </p>
        )}
        <Form.Item
          name="code"
          label={t('object.code')}
          extra={t('object.codeSay')}
          rules={[{ required: true, message: t('object.codeRule') }]}
        >
          <Input />
        </Form.Item>
        <Form.Item name="name" label={t('object.name')}>
          <Input />
        </Form.Item>
        {put.error !== null && <Problem error={put.error} />}
      </Form>
    </Modal>
  )
}

export const Objects = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const [isNew, setNew] = useState(false)
  const { data, error } = useRead('listConnections', { query: { limit: 500 } })
  if (error) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const ids = data.items.map((one) => String(one.id))
  return (
    <>
      <PageHead title={t('nav.objects')} sub={t('object.sub')}>
        {may('putObject') && ids.length > 0 && (
          <Button type="primary" onClick={() => setNew(true)}>
            {t('object.new')}
          </Button>
        )}
      </PageHead>
      {ids.length === 0 ? (
        <div className="card">
          <Nothing
            title={t('connection.none')}
            action={
              <Link to="/t/$tenant/connections" params={{ tenant }}>
                {t('overview.begin')}
              </Link>
            }
          >
            {t('connection.noneTodo')}
          </Nothing>
        </div>
      ) : (
        ids.map((id) => <OfConnection key={id} connection={id} />)
      )}
      {isNew && <NewObject connections={ids} onDone={() => setNew(false)} />}
    </>
  )
}
