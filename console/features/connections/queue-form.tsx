/** The form of one queue that a connection listens to; its address is written and never read back. */
import { Form, Input, Modal, Select, Switch } from 'antd'
import { useTranslation } from 'react-i18next'
import { useChange } from '../../ui/asking.ts'
import { Problem } from '../../ui/told.tsx'
import { type QueueFilled, queueFilled, queuesWith } from './queues.ts'

type Tree = Record<string, unknown>

export const kindNames = { rabbitmq: 'RabbitMQ', nats: 'NATS JetStream', kafka: 'Kafka' } as const
const addresses = {
  rabbitmq: 'amqps://user:password@mq.example.com/vhost',
  nats: 'tls://user:password@nats.example.com',
  kafka: 'kafkas://user:password@kafka.example.com',
} as const
const kinds = ['rabbitmq', 'nats', 'kafka'] as const

/** `queue` null: a new one. */
export const QueueForm = ({
  connection,
  queue,
  onDone,
}: {
  connection: Tree
  queue: string | null
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const put = useChange('putConnection', { quiet: true })
  const [form] = Form.useForm<QueueFilled>()
  const before = ((connection.queues ?? []) as Tree[]).find((one) => String(one.id) === queue)
  const kind = Form.useWatch('kind', form) ?? 'rabbitmq'
  const save = (filled: QueueFilled) => {
    const { id, objects: _objects, ...rest } = connection
    put.mutate(
      {
        path: { connection: String(id) },
        body: { ...rest, queues: queuesWith((connection.queues ?? []) as Tree[], queue, filled) } as never,
      },
      { onSuccess: onDone },
    )
  }
  return (
    <Modal
      open
      title={queue === null ? t('queue.new') : t('queue.change', { name: queue })}
      okText={t('act.save')}
      cancelText={t('act.cancel')}
      confirmLoading={put.isPending}
      onCancel={onDone}
      onOk={form.submit}
    >
      <Form form={form} layout="vertical" requiredMark={false} initialValues={queueFilled(before)} onFinish={save}>
        <Form.Item
          name="kind"
          label={t('connection.kind')}
          {...(kind === 'kafka' && { extra: t('queue.experimentalSay') })}
        >
          <Select
            aria-label={t('connection.kind')}
            disabled={queue !== null}
            options={kinds.map((value) => ({ value, label: kindNames[value] }))}
          />
        </Form.Item>
        <Form.Item
          name="id"
          label={t('queue.id')}
          rules={[{ required: true, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, message: t('connection.idRule') }]}
        >
          <Input placeholder="changes" disabled={queue !== null} />
        </Form.Item>
        <Form.Item
          name="url"
          label={t('queue.url')}
          extra={t('queue.urlSay')}
          rules={[{ required: queue === null, message: t('queue.urlRule') }]}
        >
          <Input.Password
            autoComplete="new-password"
            placeholder={queue === null ? addresses[kind] : t('connection.kept')}
          />
        </Form.Item>
        <Form.Item
          name="what"
          label={t(`queue.what.${kind}`)}
          rules={[{ required: true, message: t('queue.whatRule') }]}
        >
          <Input placeholder={{ rabbitmq: 'crm.changes', nats: 'CRM', kafka: 'crm.changes, crm.more' }[kind]} />
        </Form.Item>
        {kind === 'rabbitmq' ? (
          <Form.Item name="create" label={t('queue.create')} valuePropName="checked">
            <Switch aria-label={t('queue.create')} />
          </Form.Item>
        ) : (
          <Form.Item name="startFrom" label={t('queue.startFrom')}>
            <Select
              aria-label={t('queue.startFrom')}
              options={(['all', 'new'] as const).map((value) => ({ value, label: t(`queue.startFrom.${value}`) }))}
            />
          </Form.Item>
        )}
        {put.error !== null && <Problem error={put.error} />}
      </Form>
    </Modal>
  )
}
