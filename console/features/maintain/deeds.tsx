/** What a person may do about one record or several: re-run, read again, edit, bind, ignore with a reason, say what became of it. */
import { App, Button, Form, Input, Modal, Skeleton, Space } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useQuery } from '@tanstack/react-query'
import { type Answer, call } from '../../api/client.ts'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'
import { EachOf } from './rerun.tsx'

export type RecordRow = Answer<'showRecord'>

const Editor = lazy(async () => ({ default: (await import('../../ui/editor.tsx')).Editor }))

const EditBody = ({ link, onDone }: { link: number; onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const { message } = App.useApp()
  const [text, setText] = useState<string | null>(null)
  const [error, setError] = useState<unknown>(null)
  const body = useQuery({
    queryKey: ['body', tenant, link],
    queryFn: () => call('showBody', { path: { tenant, link } }),
    staleTime: 0,
    gcTime: 0,
  })
  const send = () =>
    void call('runBody', {
      path: { tenant, link },
      body: { body: text ?? body.data?.body ?? '', side: body.data?.side },
    }).then(() => {
      refresh()
      void message.success(t('deed.edited'))
      onDone()
    }, setError)
  return (
    <Modal
      open
      width={860}
      title={t('deed.edit')}
      onCancel={onDone}
      okText={t('deed.editGo')}
      cancelText={t('act.cancel')}
      onOk={send}
    >
      <div className="stack">
        <p className="faint">{t('deed.editSay')}</p>
        {body.error && <Problem error={body.error} />}
        {body.data ? (
          <Suspense fallback={<Skeleton active />}>
            <Editor text={body.data.body} onChange={setText} label={t('deed.edit')} />
          </Suspense>
        ) : (
          <Skeleton active />
        )}
        {error !== null && <Problem error={error} />}
      </div>
    </Modal>
  )
}

export const AskReason = ({
  count,
  onSay,
  onDone,
}: {
  count: number
  onSay: (reason: string) => void
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const [form] = Form.useForm<{ reason: string }>()
  return (
    <Modal
      open
      title={t('deed.ignore')}
      onCancel={onDone}
      okText={t('deed.ignoreGo', { count })}
      cancelText={t('act.cancel')}
      onOk={form.submit}
    >
      <Form form={form} layout="vertical" onFinish={({ reason }) => onSay(reason)} requiredMark={false}>
        <p className="faint">{t('deed.ignoreSay')}</p>
        <Form.Item
          name="reason"
          label={t('deed.reason')}
          rules={[{ required: true, whitespace: true, max: 500, message: t('deed.reasonMissing') }]}
        >
          <Input.TextArea rows={3} autoFocus />
        </Form.Item>
      </Form>
    </Modal>
  )
}

const Bind = ({ record, onDone }: { record: RecordRow; onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const [error, setError] = useState<unknown>(null)
  const [form] = Form.useForm<{ left: string; right: string }>()
  const save = (body: { left: string; right: string }) =>
    void call('bindLink', { path: { tenant, pair: record.pair }, body }).then(() => {
      refresh()
      onDone()
    }, setError)
  return (
    <Modal
      open
      title={t('deed.bind')}
      onCancel={onDone}
      okText={t('deed.bindGo')}
      cancelText={t('act.cancel')}
      onOk={form.submit}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ left: record.left.id ?? '', right: record.right.id ?? '' }}
        onFinish={save}
      >
        <p className="faint spaced">{t('deed.bindSay')}</p>
        {(['left', 'right'] as const).map((side) => (
          <Form.Item
            key={side}
            name={side}
            label={t('deed.bindId', { object: `${record[side].connection}/${record[side].object}` })}
            rules={[{ required: true, message: t('fix.bindMissing') }]}
          >
            <Input disabled={record[side].id !== null} />
          </Form.Item>
        ))}
        {error !== null && <Problem error={error} />}
      </Form>
    </Modal>
  )
}

const Declare = ({ record, onDone }: { record: RecordRow; onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const [found, setFound] = useState('')
  const [error, setError] = useState<unknown>(null)
  const say = (body: { found: string } | { absent: true }) =>
    void call('declareRecord', { path: { tenant, link: record.link }, body }).then(() => {
      refresh()
      onDone()
    }, setError)
  return (
    <Modal open title={t('deed.declare')} onCancel={onDone} footer={null}>
      <div className="stack">
        <p>{t('deed.declareSay', { target: record.target })}</p>
        <Space.Compact block>
          <Input
            aria-label={t('deed.declareId')}
            placeholder={t('deed.declareId')}
            value={found}
            onChange={(event) => setFound(event.target.value)}
          />
          <Button type="primary" disabled={found.trim() === ''} onClick={() => say({ found: found.trim() })}>
            {t('deed.declareFound')}
          </Button>
        </Space.Compact>
        <Button onClick={() => say({ absent: true })}>{t('deed.declareAbsent')}</Button>
        {error !== null && <Problem error={error} />}
      </div>
    </Modal>
  )
}

type Open = 'edit' | 'ignore' | 'bind' | 'declare'

/** The deeds that make sense for this record now, as far as the person may. */
export const Deeds = ({ record }: { record: RecordRow }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const refresh = useRefresh()
  const { message, notification } = App.useApp()
  const [open, setOpen] = useState<Open | null>(null)
  const path = { tenant, link: record.link }
  const close = () => setOpen(null)
  const told = (work: Promise<unknown>, say: string) =>
    void work.then(
      () => {
        refresh()
        void message.success(say)
      },
      (error: unknown) => notification.error({ title: null, description: <Problem error={error} />, duration: 12 }),
    )
  const hasTrouble = ['failed', 'unknown', 'waiting'].includes(record.state)
  const isUnanswered = record.state === 'unknown' && record.engineState === 'parked'
  const isOpen = record.left.id === null || record.right.id === null
  return (
    <>
      {may('refetchRecord') && (
        <Button onClick={() => told(call('refetchRecord', { path, body: {} }), t('deed.refetched'))}>
          {t('act.refetch')}
        </Button>
      )}
      {may('retryRecord') && (
        <Button type="primary" onClick={() => told(call('retryRecord', { path, body: {} }), t('deed.rerun'))}>
          {t('act.rerun')}
        </Button>
      )}
      {may('runBody') && <Button onClick={() => setOpen('edit')}>{t('deed.edit')}</Button>}
      {may('declareRecord') && isUnanswered && <Button onClick={() => setOpen('declare')}>{t('deed.declare')}</Button>}
      {may('bindLink') && isOpen && <Button onClick={() => setOpen('bind')}>{t('deed.bind')}</Button>}
      {may('ignoreRecord') && hasTrouble && <Button onClick={() => setOpen('ignore')}>{t('deed.ignore')}</Button>}
      {open === 'edit' && <EditBody link={record.link} onDone={close} />}
      {open === 'bind' && <Bind record={record} onDone={close} />}
      {open === 'declare' && <Declare record={record} onDone={close} />}
      {open === 'ignore' && (
        <AskReason
          count={1}
          onDone={close}
          onSay={(reason) => {
            close()
            told(call('ignoreRecord', { path, body: { reason } }), t('deed.ignored'))
          }}
        />
      )}
    </>
  )
}

/** The same for those that were ticked. */
export const DeedsOfMany = ({ links, onDone }: { links: readonly number[]; onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const [work, setWork] = useState<'rerun' | 'refetch' | 'reason' | { ignore: string } | null>(null)
  const end = () => {
    setWork(null)
    onDone()
  }
  if (links.length === 0) return null
  const deeds = { rerun: 'retryRecord', refetch: 'refetchRecord' } as const
  return (
    <div className="selection" role="region" aria-label={t('each.label')}>
      <b>{t('each.chosen', { count: links.length })}</b>
      {may('retryRecord') && (
        <Button type="primary" onClick={() => setWork('rerun')}>
          {t('act.rerun')}
        </Button>
      )}
      {may('refetchRecord') && <Button onClick={() => setWork('refetch')}>{t('act.refetch')}</Button>}
      {may('ignoreRecord') && <Button onClick={() => setWork('reason')}>{t('deed.ignore')}</Button>}
      <Button type="text" onClick={onDone}>
        {t('each.none')}
      </Button>
      {(work === 'rerun' || work === 'refetch') && (
        <EachOf
          title={t(`act.${work}`)}
          links={links}
          deed={(link) => call(deeds[work], { path: { tenant, link }, body: {} })}
          onDone={end}
        />
      )}
      {work === 'reason' && (
        <AskReason count={links.length} onDone={() => setWork(null)} onSay={(ignore) => setWork({ ignore })} />
      )}
      {work !== null && typeof work === 'object' && (
        <EachOf
          title={t('deed.ignore')}
          links={links}
          deed={(link) => call('ignoreRecord', { path: { tenant, link }, body: { reason: work.ignore } })}
          onDone={end}
        />
      )}
    </div>
  )
}
