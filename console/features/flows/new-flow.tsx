/** A new flow: which object of which system goes where. It begins disabled, with an empty mapping. */
import { useNavigate } from '@tanstack/react-router'
import { Form, Input, Modal, Select } from 'antd'
import { useQueries } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import { useChange, useRead } from '../../ui/asking.ts'
import { useTenant } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'
import type { Tree } from './rules.ts'

/** Where both systems hold the pair already, the flow that is missing is added to it. */
const pairFor = (pairs: readonly Tree[], source: string, target: string) => {
  const found = pairs.find(
    (one) => (one.left === source && one.right === target) || (one.left === target && one.right === source),
  )
  if (!found) return null
  const way = found.left === source ? ('leftToRight' as const) : ('rightToLeft' as const)
  return { pair: found, way, isThere: ((found.flows ?? {}) as Tree)[way] !== undefined }
}

const begun = { state: 'disabled', mapping: { fields: {} } }

export const NewFlow = ({ onDone }: { onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const navigate = useNavigate()
  const put = useChange('putPair', { quiet: true })
  const [form] = Form.useForm<{ source: string; target: string; id: string }>()
  const connections = useRead('listConnections', { query: { limit: 500 } }).data?.items ?? []
  const pairs = useRead('listPairs', { query: { limit: 500 } }).data?.items ?? []
  const lists = useQueries({
    queries: connections.map((one) => ({
      queryKey: ['in', tenant, 'listObjects', one.id],
      queryFn: () => call('listObjects', { path: { tenant, connection: String(one.id) }, query: { limit: 500 } }),
    })),
  })
  const ends = connections.map((one, i) => ({
    label: String(one.id),
    options: (lists[i]?.data?.items ?? []).map((object) => ({
      value: `${String(one.id)}/${String(object.code)}`,
      label: `${String(one.id)} · ${object.name === undefined ? '' : `${String(object.name)} `}${String(object.code)}`,
    })),
  }))
  const said = Form.useWatch([], form) as { source?: string; target?: string } | undefined
  const known = said?.source && said.target ? pairFor(pairs, said.source, said.target) : null
  const go = (pair: string, flow: 'leftToRight' | 'rightToLeft') => {
    onDone()
    void navigate({ to: '/t/$tenant/flows/$pair/$flow/mapping', params: { tenant, pair, flow }, search: {} })
  }
  return (
    <Modal
      open
      title={t('pairing.new')}
      onCancel={onDone}
      okText={known?.isThere ? t('pairing.open') : t('act.create')}
      cancelText={t('act.cancel')}
      onOk={form.submit}
      confirmLoading={put.isPending}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        onFinish={({ source, target, id }) => {
          if (known?.isThere) return go(String(known.pair.id), known.way)
          const { id: pairId, ...rest } = known?.pair ?? { id }
          const flow = known?.way ?? 'leftToRight'
          const flows = { ...((known?.pair.flows ?? {}) as Tree), [flow]: begun }
          const body = known ? { ...rest, flows } : { left: source, right: target, flows }
          put.mutate({ path: { pair: String(pairId) }, body }, { onSuccess: () => go(String(pairId), flow) })
        }}
      >
        <Form.Item name="source" label={t('step.source')} rules={[{ required: true, message: t('pairing.endRule') }]}>
          <Select showSearch aria-label={t('step.source')} placeholder={t('pairing.end')} options={ends} />
        </Form.Item>
        <Form.Item name="target" label={t('step.target')} rules={[{ required: true, message: t('pairing.endRule') }]}>
          <Select
            showSearch
            aria-label={t('step.target')}
            placeholder={t('pairing.end')}
            options={ends}
            onChange={(end: string) => {
              const word = (said?.source ?? end).split('/').slice(1).join('/').toLowerCase()
              if (!form.getFieldValue('id') && /^[a-z0-9][a-z0-9._-]{0,63}$/.test(word)) form.setFieldValue('id', word)
            }}
          />
        </Form.Item>
        {known ? (
          <p className="faint">
            {t(known.isThere ? 'pairing.isThere' : 'pairing.otherWay', { pair: String(known.pair.id) })}
          </p>
        ) : (
          <Form.Item
            name="id"
            label={t('pairing.id')}
            extra={t('pairing.idSay')}
            rules={[{ required: true, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, message: t('connection.idRule') }]}
          >
            <Input placeholder="customer" />
          </Form.Item>
        )}
        {put.error !== null && <Problem error={put.error} />}
      </Form>
    </Modal>
  )
}
