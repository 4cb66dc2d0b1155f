/** Who calls us: push tokens, webhooks, clients of the batch interface. Secrets are shown once, and renewed with two that let in. */
import { App, Button, Form, Input, Modal, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import { Secret } from '../../ui/changes.tsx'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Problem } from '../../ui/told.tsx'

const kinds = {
  tokens: { list: 'listTokens', put: 'putToken', remove: 'removeToken', renew: 'renewToken', retire: 'retireToken' },
  hooks: { list: 'listHooks', put: 'putHook', remove: 'removeHook', renew: 'renewHook', retire: 'retireHook' },
  clients: {
    list: 'listBatchClients',
    put: 'putBatchClient',
    remove: 'removeBatchClient',
    renew: 'renewBatchClient',
    retire: 'retireBatchClient',
  },
} as const
type Kind = keyof typeof kinds

const idOf = (kind: Kind, one: Record<string, unknown>): string => {
  if (kind === 'tokens') return String(one.name)
  if (kind === 'clients') return String(one.id)
  const isFirst = one.name === undefined || one.name === one.connection
  return isFirst ? String(one.connection) : `${String(one.connection)}:${String(one.name)}`
}

const list = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : '')

const New = ({
  kind,
  onMade,
  onDone,
}: {
  kind: Kind
  onMade: (secrets: { name: string; secret: string }[]) => void
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const put = useChange(kinds[kind].put, { quiet: true })
  const { data: connections } = useRead('listConnections', { query: { limit: 500 } })
  const [form] = Form.useForm<{ id: string; objects?: string; origins?: string }>()
  const parts = (text: string | undefined) => text?.split(/[,\s]+/).filter((one) => one !== '') ?? []
  return (
    <Modal
      open
      title={t(`caller.${kind}.new`)}
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
        onFinish={({ id, objects, origins }) => {
          const body = {
            ...(kind === 'tokens' && parts(objects).length > 0 && { objects: parts(objects) }),
            ...(kind === 'clients' && parts(origins).length > 0 && { origins: parts(origins) }),
          }
          put.mutate({ path: { id }, body } as never, {
            onSuccess: (made) => {
              onMade(made.secrets)
              onDone()
            },
          })
        }}
      >
        <Form.Item name="id" label={t(`caller.${kind}.id`)} rules={[{ required: true, message: t('caller.idRule') }]}>
          <Input {...(kind === 'hooks' && { list: 'hook-connections' })} />
        </Form.Item>
        {kind === 'hooks' && (
          <datalist id="hook-connections">
            {(connections?.items ?? []).map((one) => (
              <option key={String(one.id)} value={String(one.id)} />
            ))}
          </datalist>
        )}
        {kind === 'tokens' && (
          <Form.Item name="objects" label={t('caller.objects')} extra={t('caller.objectsSay')}>
            <Input />
          </Form.Item>
        )}
        {kind === 'clients' && (
          <Form.Item name="origins" label={t('caller.origins')} extra={t('caller.originsSay')}>
            <Input placeholder="https://hr.example.com" />
          </Form.Item>
        )}
        {put.error !== null && <Problem error={put.error} />}
      </Form>
    </Modal>
  )
}

const OfKind = ({ kind }: { kind: Kind }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const refresh = useRefresh()
  const { modal, notification } = App.useApp()
  const found = useList(kinds[kind].list)
  const remove = useChange(kinds[kind].remove)
  const retire = useChange(kinds[kind].retire)
  const [isNew, setNew] = useState(false)
  const [secrets, setSecrets] = useState<{ name: string; secret: string }[]>([])
  const rows = found.items as Record<string, unknown>[]
  const renew = (id: string, what: 'secret' | 'salt') =>
    void call(kinds[kind].renew, { path: { tenant, id }, body: { what } } as never).then(
      (made) => {
        setSecrets([{ name: `${id} · ${t(`caller.${what}`)}`, secret: (made as { secret: string }).secret }])
        refresh()
      },
      (error: unknown) => notification.error({ title: null, description: <Problem error={error} /> }),
    )
  return (
    <section className="card stack">
      <div className="row" style={{ justifyContent: 'space-between' }}>
        <div>
          <h2 style={{ margin: 0 }}>{t(`caller.${kind}`)}</h2>
          <p className="faint">{t(`caller.${kind}.say`)}</p>
        </div>
        {may(kinds[kind].put) && <Button onClick={() => setNew(true)}>{t(`caller.${kind}.new`)}</Button>}
      </div>
      {secrets.map((one) => (
        <Secret key={one.name} {...one} />
      ))}
      {found.error ? <Problem error={found.error} /> : found.isPending && <Skeleton active />}
      {!found.isPending && rows.length === 0 && <p className="faint">{t('caller.none')}</p>}
      <div className="rows">
        {rows.map((one) => {
          const id = idOf(kind, one)
          const hasFormer = ['former', 'formerSecret', 'formerSalt'].some((name) => one[name] !== undefined)
          return (
            <div key={id} className="one">
              <div className="row">
                <b>{id}</b>
                <span className="row">
                  {may(kinds[kind].renew) && (
                    <>
                      <Button size="small" onClick={() => renew(id, 'secret')}>
                        {t('caller.renew')}
                      </Button>
                      {kind === 'clients' && (
                        <Button size="small" onClick={() => renew(id, 'salt')}>
                          {t('caller.renewSalt')}
                        </Button>
                      )}
                      {hasFormer && (
                        <Button size="small" onClick={() => retire.mutate({ path: { id } } as never)}>
                          {t('caller.retire')}
                        </Button>
                      )}
                      <Button
                        size="small"
                        danger
                        onClick={() =>
                          void modal.confirm({
                            title: t('caller.removeSure', { id }),
                            okText: t('act.remove'),
                            cancelText: t('act.cancel'),
                            okButtonProps: { danger: true },
                            onOk: () => remove.mutateAsync({ path: { id } } as never).catch(() => {}),
                          })
                        }
                      >
                        {t('act.remove')}
                      </Button>
                    </>
                  )}
                </span>
              </div>
              <div className="faint">
                {list(one.connections) && `${t('kind.connection')}: ${list(one.connections)} · `}
                {list(one.objects) && `${t('kind.object')}: ${list(one.objects)} · `}
                {list(one.origins)}
                {hasFormer && t('caller.former')}
                {typeof one.expiresAt === 'string' && (
                  <>
                    {t('caller.expires')} <Moment at={one.expiresAt} />
                  </>
                )}
              </div>
            </div>
          )
        })}
      </div>
      {isNew && <New kind={kind} onMade={setSecrets} onDone={() => setNew(false)} />}
    </section>
  )
}

export const Callers = () => (
  <>
    <OfKind kind="tokens" />
    <OfKind kind="hooks" />
    <OfKind kind="clients" />
  </>
)
