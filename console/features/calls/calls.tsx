/** API log 接口日志: every call to another system, masked, with its request and answer, to be copied as cURL. */
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Button, Drawer, Select, Skeleton, Table } from 'antd'
import type { TableColumnsType } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { useList, useRead } from '../../ui/asking.ts'
import { useIsPhone } from '../../ui/phone.ts'
import { useTenant } from '../../ui/session.tsx'
import { Body, CopyButton } from '../../ui/text.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { CallWord, Nothing, OutcomeTag, PageHead, Problem } from '../../ui/told.tsx'
import { More } from '../../ui/listing.tsx'
import { curlOf } from './curl.ts'

type Row = Item<'listCalls'>
const from = '/t/$tenant/calls'
const outcomes = ['applied', 'refused', 'again', 'unknown', 'open'] as const

const Exchange = ({ attempt, at }: { attempt: number; at: string }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const formats = useFormats()
  const { data, error } = useRead('showCall', { path: { attempt }, query: { at } })
  const connection = useRead(
    'showConnection',
    { path: { connection: data?.target ?? '' } },
    { enabled: data !== undefined },
  )
  if (error) return <Problem error={error} />
  if (!data) return <Skeleton active />
  return (
    <div className="stack">
      <dl className="facts">
        <dt>{t('calls.outcome')}</dt>
        <dd>
          <OutcomeTag outcome={data.outcome} status={data.status} />
        </dd>
        <dt>{t('calls.at')}</dt>
        <dd>
          {formats.full(data.at)}
          {data.ms !== null && ` · ${formats.stretch(data.ms)}`}
        </dd>
        <dt>{t('records.record')}</dt>
        <dd>
          <Link to="/t/$tenant/record/$link" params={{ tenant, link: String(data.link) }}>
            {data.pair} · {t('record.link', { id: data.link })}
          </Link>
        </dd>
        <dt>{t('problem.trace')}</dt>
        <dd>
          <code>{data.traceId}</code>
        </dd>
      </dl>
      {data.why.map((why) => (
        <p key={why}>{why}</p>
      ))}
      {data.request !== null && connection.data && (
        <CopyButton label={t('calls.curl')} text={curlOf(connection.data, data.call, data.request)} />
      )}
      {data.request !== null ? (
        <Body title={t('story.request')} text={data.request} />
      ) : (
        <p className="faint">{t('calls.noRequest')}</p>
      )}
      {data.answer !== null && <Body title={t('story.answer')} text={data.answer} />}
    </div>
  )
}

export const Calls = () => {
  const { t } = useTranslation()
  const isPhone = useIsPhone()
  const formats = useFormats()
  const navigate = useNavigate({ from })
  const said = useSearch({ from })
  const { open, at, ...filter } = said
  const { data: pairs } = useRead('listPairs', { query: { limit: 500 } })
  const { data: connections } = useRead('listConnections', { query: { limit: 500 } })
  const list = useList('listCalls', { query: filter }, { every: 5_000, limit: 100 })
  const set = (change: Partial<typeof said>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const show = (row: Row) => set({ open: String(row.attempt), at: row.at })
  const columns: TableColumnsType<Row> = [
    { key: 'at', title: t('calls.at'), width: 140, render: (_, row) => <Moment at={row.at} /> },
    { key: 'call', title: t('calls.call'), width: 100, render: (_, row) => <CallWord call={row.call} /> },
    { key: 'target', title: t('calls.target'), width: 110, render: (_, row) => row.target },
    {
      key: 'outcome',
      title: t('calls.outcome'),
      width: 190,
      render: (_, row) => <OutcomeTag outcome={row.outcome} status={row.status} />,
    },
    {
      key: 'ms',
      title: t('calls.took'),
      width: 76,
      align: 'right',
      render: (_, row) => (row.ms === null ? '' : formats.stretch(row.ms)),
    },
    { key: 'pair', title: t('mapping.pair'), width: 120, render: (_, row) => row.pair },
    {
      key: 'why',
      title: t('records.why'),
      width: 214,
      render: (_, row) => <span className="why">{row.why[0] ?? ''}</span>,
    },
    {
      key: 'open',
      title: t('act.acts'),
      width: 84,
      render: (_, row) => (
        <Button size="small" type="link" onClick={() => show(row)}>
          {t('calls.show')}
        </Button>
      ),
    },
  ]
  const select = (name: 'pair' | 'target' | 'outcome', options: { value: string; label: string }[], label: string) => (
    <Select
      style={{ minWidth: 150 }}
      aria-label={label}
      placeholder={label}
      value={said[name]}
      allowClear
      options={options}
      onChange={(value?: string) => set({ [name]: value })}
    />
  )
  const ids = (items: readonly Record<string, unknown>[] | undefined) =>
    (items ?? []).map(({ id }) => ({ value: String(id), label: String(id) }))
  return (
    <>
      <PageHead title={t('nav.calls')} sub={t('calls.sub')} />
      <div className="filters" role="group" aria-label={t('filter.label')}>
        {select('pair', ids(pairs?.items), t('mapping.pair'))}
        {select('target', ids(connections?.items), t('calls.target'))}
        {select(
          'outcome',
          outcomes.map((value) => ({ value, label: t(`outcome.${value}`) })),
          t('calls.outcome'),
        )}
      </div>
      {list.error ? (
        <Problem error={list.error} retry={() => void list.refetch()} />
      ) : list.isPending ? (
        <Skeleton active />
      ) : list.items.length === 0 ? (
        <div className="card">
          <Nothing title={t('calls.none')}>{t('calls.noneTodo')}</Nothing>
        </div>
      ) : isPhone ? (
        <div className="rows">
          {list.items.map((row) => (
            <button type="button" key={row.attempt} className="one" onClick={() => show(row)}>
              <span className="row">
                <OutcomeTag outcome={row.outcome} status={row.status} />
                <Moment at={row.at} />
              </span>
              <CallWord call={row.call} /> · {row.target} · {row.pair}
            </button>
          ))}
          <More list={list} />
        </div>
      ) : (
        <div className="card flush">
          <Table<Row>
            virtual
            size="small"
            rowKey="attempt"
            columns={columns}
            dataSource={list.items}
            pagination={false}
            scroll={{ x: 1_034, y: Math.max(320, window.innerHeight - 260) }}
            onRow={(row) => ({ onDoubleClick: () => show(row) })}
            onScroll={(event) => {
              const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
              if (scrollHeight - scrollTop - clientHeight < 1_500) list.more()
            }}
          />
        </div>
      )}
      <Drawer
        open={open !== undefined && at !== undefined}
        onClose={() => set({ open: undefined, at: undefined })}
        size={isPhone ? 'default' : 640}
        title={t('calls.one', { id: open })}
      >
        {open !== undefined && at !== undefined && <Exchange attempt={Number(open)} at={at} />}
      </Drawer>
    </>
  )
}
