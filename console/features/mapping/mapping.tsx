/** ID mapping 中间表: which record of one system is which of the other; bind, part, take it along as CSV. */
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { App, Button, Form, Input, Modal, Select, Table } from 'antd'
import type { TableColumnsType } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call, type Item } from '../../api/client.ts'
import { Listing, More } from '../../ui/listing.tsx'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import { useIsPhone } from '../../ui/phone.ts'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { Nothing, PageHead, Problem, StateTag } from '../../ui/told.tsx'

type Row = Item<'listLinks'>
const from = '/t/$tenant/mapping'

const BindNew = ({ pairs, onDone }: { pairs: readonly Record<string, unknown>[]; onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const { message } = App.useApp()
  const [form] = Form.useForm<{ pair: string; left: string; right: string }>()
  const [error, setError] = useState<unknown>(null)
  const pair = Form.useWatch('pair', form)
  const ends = pairs.find((one) => one.id === pair)
  return (
    <Modal
      open
      title={t('mapping.bind')}
      onCancel={onDone}
      okText={t('deed.bindGo')}
      cancelText={t('act.cancel')}
      onOk={form.submit}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ pair: pairs[0]?.id }}
        onFinish={({ pair: of, ...body }) =>
          void call('bindLink', { path: { tenant, pair: of }, body }).then(() => {
            refresh()
            void message.success(t('mapping.bound'))
            onDone()
          }, setError)
        }
      >
        <p className="faint spaced">{t('deed.bindSay')}</p>
        <Form.Item name="pair" label={t('mapping.pair')}>
          <Select
            aria-label={t('mapping.pair')}
            options={pairs.map((one) => ({ value: String(one.id), label: String(one.id) }))}
          />
        </Form.Item>
        <Form.Item
          name="left"
          label={t('deed.bindId', { object: String(ends?.left ?? '') })}
          rules={[{ required: true, message: t('fix.bindMissing') }]}
        >
          <Input />
        </Form.Item>
        <Form.Item
          name="right"
          label={t('deed.bindId', { object: String(ends?.right ?? '') })}
          rules={[{ required: true, message: t('fix.bindMissing') }]}
        >
          <Input />
        </Form.Item>
        {error !== null && <Problem error={error} />}
      </Form>
    </Modal>
  )
}

export const Mapping = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const { modal } = App.useApp()
  const navigate = useNavigate({ from })
  const said = useSearch({ from })
  const { data: pairs } = useRead('listPairs', { query: { limit: 500 } })
  const list = useList(
    'listLinks',
    { query: { pair: said.pair, id: said.id, bound: said.bound as 'true' | undefined } },
    { every: 10_000, limit: 200 },
  )
  const unbind = useChange('unbindLink')
  const isPhone = useIsPhone()
  const [isBinding, setBinding] = useState(false)
  const set = (change: Partial<typeof said>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const columns: TableColumnsType<Row> = [
    { key: 'pair', title: t('mapping.pair'), width: 160, render: (_, row) => row.pair },
    { key: 'left', title: t('mapping.left'), width: 240, render: (_, row) => <code>{row.left ?? '–'}</code> },
    { key: 'right', title: t('mapping.right'), width: 240, render: (_, row) => <code>{row.right ?? '–'}</code> },
    { key: 'state', title: t('records.state'), width: 160, render: (_, row) => <StateTag state={row.state} /> },
    {
      key: 'act',
      title: t('act.acts'),
      width: 190,
      render: (_, row) => (
        <span className="row">
          <Link to="/t/$tenant/record/$link" params={{ tenant, link: String(row.link) }}>
            {t('mapping.open')}
          </Link>
          {may('unbindLink') && row.left !== null && row.right !== null && (
            <Button
              size="small"
              type="link"
              danger
              onClick={() =>
                void modal.confirm({
                  title: t('mapping.unbindSure', { left: row.left, right: row.right }),
                  content: t('mapping.unbindSay'),
                  okText: t('mapping.unbind'),
                  cancelText: t('act.cancel'),
                  okButtonProps: { danger: true },
                  onOk: () => unbind.mutateAsync({ path: { link: row.link } }).catch(() => {}),
                })
              }
            >
              {t('mapping.unbind')}
            </Button>
          )}
        </span>
      ),
    },
  ]
  return (
    <>
      <PageHead title={t('nav.mapping')} sub={t('mapping.sub')}>
        <Button
          href={`/api/v1/tenants/${encodeURIComponent(tenant)}/links.csv${said.pair ? `?pair=${encodeURIComponent(said.pair)}` : ''}`}
          download
        >
          {t('mapping.csv')}
        </Button>
        {may('bindLink') && (
          <Button type="primary" onClick={() => setBinding(true)}>
            {t('mapping.bind')}
          </Button>
        )}
      </PageHead>
      <div className="filters" role="group" aria-label={t('filter.label')}>
        <Input.Search
          style={{ width: 260 }}
          aria-label={t('mapping.id')}
          placeholder={t('mapping.id')}
          defaultValue={said.id}
          allowClear
          onSearch={(text) => set({ id: text.trim() || undefined })}
        />
        <Select
          style={{ minWidth: 180 }}
          aria-label={t('mapping.pair')}
          placeholder={t('mapping.pair')}
          value={said.pair}
          allowClear
          options={(pairs?.items ?? []).map((one) => ({ value: String(one.id), label: String(one.id) }))}
          onChange={(value?: string) => set({ pair: value })}
        />
        <Select
          style={{ minWidth: 160 }}
          aria-label={t('mapping.bound.label')}
          placeholder={t('mapping.bound.label')}
          value={said.bound}
          allowClear
          options={[
            { value: 'true', label: t('mapping.bound.true') },
            { value: 'false', label: t('mapping.bound.false') },
          ]}
          onChange={(value?: string) => set({ bound: value })}
        />
      </div>
      <Listing list={list} none={<Nothing title={t('mapping.none')}>{t('mapping.noneTodo')}</Nothing>}>
        {isPhone ? (
          <div className="rows">
            {list.items.map((row) => (
              <Link
                key={`${row.pair} ${row.link}`}
                className="one"
                to="/t/$tenant/record/$link"
                params={{ tenant, link: String(row.link) }}
              >
                <span className="row">
                  <b>{row.pair}</b>
                  <StateTag state={row.state} />
                </span>
                <code>{row.left ?? '–'}</code> ↔ <code>{row.right ?? '–'}</code>
              </Link>
            ))}
            <More list={list} />
          </div>
        ) : (
          <div className="card flush">
            <Table<Row>
              virtual
              size="small"
              rowKey={(row) => `${row.pair} ${row.link}`}
              columns={columns}
              dataSource={list.items}
              pagination={false}
              scroll={{ x: 980, y: Math.max(320, window.innerHeight - 280) }}
              onScroll={(event) => {
                const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
                if (scrollHeight - scrollTop - clientHeight < 1_500) list.more()
              }}
            />
          </div>
        )}
      </Listing>
      {isBinding && pairs && <BindNew pairs={pairs.items} onDone={() => setBinding(false)} />}
    </>
  )
}
