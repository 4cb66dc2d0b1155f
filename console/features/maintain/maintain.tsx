/** 数据维护: error groups first, then the records behind them; every filter is part of the address. */
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Button, Checkbox, Input, Select, Skeleton, Table } from 'antd'
import type { TableColumnsType } from 'antd'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { useList, useRead } from '../../ui/asking.ts'
import { useIsPhone } from '../../ui/phone.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem, type State, states, StateTag } from '../../ui/told.tsx'
import { DeedsOfMany } from './deeds.tsx'
import { Groups } from './groups.tsx'
import { More } from '../../ui/listing.tsx'
import { RerunMatching, type Selection } from './rerun.tsx'

type Row = Item<'listRecords'>

const from = '/t/$tenant/maintain'

/** The end a record comes from, and the one it goes to. */
const endsOf = (row: Pick<Row, 'left' | 'right' | 'target'>) =>
  row.target === row.right.connection ? ([row.left, row.right] as const) : ([row.right, row.left] as const)

const Ends = ({ row }: { row: Row }) => {
  const [source, target] = endsOf(row)
  return (
    <div className="ends">
      <code>{source.id ?? '–'}</code>
      <small>
        {source.connection}/{source.object} → {target.connection}/{target.object}
        {target.id === null ? '' : ` ${target.id}`}
      </small>
    </div>
  )
}

const hours = { hour: 1, day: 24, week: 168 } as const
type Since = keyof typeof hours

const useFilters = () => {
  const said = useSearch({ from })
  const chosen = said.state?.split(',').filter((one): one is State => states.includes(one as State))
  const filter: Selection = {
    ...(said.flow && { flow: said.flow }),
    ...(said.object && { object: said.object }),
    ...(chosen?.length && { state: chosen }),
    ...(said.fault && { fault: said.fault }),
    ...(said.group && { group: said.group }),
    ...(said.from && { from: said.from }),
    ...(said.to && { to: said.to }),
    ...(said.keyword && { keyword: said.keyword }),
  }
  return { said, filter, chosen: chosen ?? [] }
}

const Filters = () => {
  const { t } = useTranslation()
  const navigate = useNavigate({ from })
  const { said, chosen } = useFilters()
  const { data: pairs } = useRead('listPairs', { query: { limit: 500 } })
  const [keyword, setKeyword] = useState(said.keyword ?? '')
  useEffect(() => setKeyword(said.keyword ?? ''), [said.keyword])
  const set = (change: Partial<Record<keyof typeof said, string | undefined>>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const flows = (pairs?.items ?? []).flatMap((pair) => {
    const id = String(pair.id)
    const own = Object.keys((pair.flows ?? {}) as object)
    return [
      { value: id, label: id },
      ...(own.length > 1
        ? own.map((flow) => ({ value: `${id}:${flow}`, label: `${id} ${flow === 'leftToRight' ? '→' : '←'}` }))
        : []),
    ]
  })
  const objects = [...new Set((pairs?.items ?? []).flatMap((pair) => [String(pair.left), String(pair.right)]))].sort()
  const since = said.from === undefined ? undefined : 'custom'
  return (
    <div className="filters" role="group" aria-label={t('filter.label')}>
      <Input.Search
        style={{ width: 230 }}
        aria-label={t('filter.keyword')}
        placeholder={t('filter.keyword')}
        value={keyword}
        allowClear
        onChange={(event) => setKeyword(event.target.value)}
        onSearch={(text) => set({ keyword: text.trim() || undefined })}
      />
      <Select
        style={{ minWidth: 150 }}
        mode="multiple"
        maxTagCount="responsive"
        aria-label={t('filter.state')}
        placeholder={t('filter.state')}
        value={chosen}
        allowClear
        options={states.map((value) => ({ value, label: t(`state.${value}`) }))}
        onChange={(values: State[]) => set({ state: values.join(',') || undefined })}
      />
      <Select
        style={{ minWidth: 150 }}
        aria-label={t('filter.flow')}
        placeholder={t('filter.flow')}
        value={said.flow}
        allowClear
        showSearch
        popupMatchSelectWidth={false}
        options={flows}
        onChange={(value?: string) => set({ flow: value })}
      />
      <Select
        style={{ minWidth: 150 }}
        aria-label={t('filter.object')}
        placeholder={t('filter.object')}
        value={said.object}
        allowClear
        showSearch
        popupMatchSelectWidth={false}
        options={objects.map((value) => ({ value, label: value }))}
        onChange={(value?: string) => set({ object: value })}
      />
      <Select
        style={{ minWidth: 140 }}
        aria-label={t('filter.since')}
        placeholder={t('filter.since')}
        value={since}
        allowClear
        options={[
          ...(since ? [{ value: 'custom', label: <Moment at={said.from} /> }] : []),
          ...(Object.keys(hours) as Since[]).map((value) => ({ value, label: t(`filter.since.${value}`) })),
        ]}
        onChange={(value?: string) => {
          if (value === 'custom') return
          const back = value === undefined ? null : hours[value as Since] * 3_600_000
          set({ from: back === null ? undefined : new Date(Date.now() - back).toISOString(), to: undefined })
        }}
      />
      {Object.keys(said).length > 0 && (
        <Button type="link" onClick={() => void navigate({ search: {}, replace: true })}>
          {t('filter.clear')}
        </Button>
      )}
    </div>
  )
}

/** How much room is left below. */
const useRoom = () => {
  const place = useRef<HTMLDivElement>(null)
  const [room, setRoom] = useState(420)
  useEffect(() => {
    const measure = () => setRoom(Math.max(320, window.innerHeight - 230))
    measure()
    window.addEventListener('resize', measure)
    return () => window.removeEventListener('resize', measure)
  }, [])
  return { place, room }
}

const Records = ({ filter }: { filter: Selection }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const isPhone = useIsPhone()
  const navigate = useNavigate()
  const list = useList('listRecords', { query: filter }, { every: 5_000, limit: 200 })
  const [ticked, setTicked] = useState<number[]>([])
  const { place, room } = useRoom()
  const rows = useMemo(() => [...new Map(list.items.map((row) => [row.link, row])).values()], [list.data])
  const mayTick = may('retryRecord')
  if (list.error) return <Problem error={list.error} retry={() => void list.refetch()} />
  if (list.isPending) return <Skeleton active />
  if (rows.length === 0)
    return (
      <div className="card">
        {Object.keys(filter).length > 0 ? (
          <Nothing title={t('records.noMatch')}>{t('records.noMatchTodo')}</Nothing>
        ) : (
          <Nothing
            title={t('records.none')}
            action={
              <Link to="/t/$tenant/connections" params={{ tenant }}>
                {t('nav.connections')}
              </Link>
            }
          >
            {t('records.noneTodo')}
          </Nothing>
        )}
      </div>
    )
  const tick = (link: number, isOn: boolean) =>
    setTicked(isOn ? [...ticked, link] : ticked.filter((one) => one !== link))
  if (isPhone)
    return (
      <div className="rows">
        {rows.map((row) => (
          <div key={row.link} className="row">
            {mayTick && (
              <Checkbox
                aria-label={t('records.tick', { id: row.link })}
                checked={ticked.includes(row.link)}
                onChange={(event) => tick(row.link, event.target.checked)}
              />
            )}
            <Link className="one grow" to="/t/$tenant/record/$link" params={{ tenant, link: String(row.link) }}>
              <div className="row">
                <StateTag state={row.state} held={row.held} />
                <Moment at={row.since ?? row.firstSeenAt} as="ago" />
              </div>
              <Ends row={row} />
              {row.why[0] && <div className="why faint">{row.why[0]}</div>}
            </Link>
          </div>
        ))}
        <More list={list} />
        <DeedsOfMany links={ticked} onDone={() => setTicked([])} />
      </div>
    )
  const columns: TableColumnsType<Row> = [
    {
      key: 'state',
      title: t('records.state'),
      width: 152,
      render: (_, row) => <StateTag state={row.state} held={row.held} />,
    },
    {
      key: 'record',
      title: t('records.record'),
      width: 240,
      render: (_, row) => (
        <Link to="/t/$tenant/record/$link" params={{ tenant, link: String(row.link) }}>
          <Ends row={row} />
        </Link>
      ),
    },
    {
      key: 'why',
      title: t('records.why'),
      width: 300,
      render: (_, row) => (
        <span className="why">
          {row.why[0] ??
            (row.state === 'skipped' && row.reason
              ? t(`reason.${row.reason}` as 'reason.scope', { defaultValue: row.reason })
              : '')}
        </span>
      ),
    },
    { key: 'pair', title: t('records.flow'), width: 100, render: (_, row) => row.pair },
    {
      key: 'since',
      title: t('records.since'),
      width: 100,
      render: (_, row) => <Moment at={row.since ?? row.firstSeenAt} as="ago" />,
    },
    { key: 'attempts', title: t('records.attempts'), width: 70, align: 'right', render: (_, row) => row.attempts },
  ]
  return (
    <div ref={place}>
      <div className="card flush">
        <Table<Row>
          virtual
          rowKey="link"
          size="small"
          columns={columns}
          dataSource={rows}
          pagination={false}
          scroll={{ x: 972, y: room }}
          {...(mayTick && {
            rowSelection: {
              selectedRowKeys: ticked,
              onChange: (keys) => setTicked(keys.map(Number)),
              columnWidth: 44,
              getCheckboxProps: (row) => ({ 'aria-label': t('records.tick', { id: row.link }) }) as object,
              getTitleCheckboxProps: () => ({ 'aria-label': t('records.tickAll') }) as object,
            },
          })}
          onRow={(row) => ({
            onDoubleClick: () =>
              void navigate({ to: '/t/$tenant/record/$link', params: { tenant, link: String(row.link) } }),
          })}
          onScroll={(event) => {
            const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
            if (scrollHeight - scrollTop - clientHeight < 1_500) list.more()
          }}
        />
      </div>
      <p className="faint" role="status">
        {list.isFetchingNextPage
          ? t('records.loading')
          : list.hasNextPage
            ? t('records.shownMore', { count: rows.length })
            : t('records.shown', { count: rows.length })}
      </p>
      <DeedsOfMany links={ticked} onDone={() => setTicked([])} />
    </div>
  )
}

export const Maintain = () => {
  const { t } = useTranslation()
  const may = useMay()
  const navigate = useNavigate({ from })
  const { said, filter } = useFilters()
  const [isRerunning, setRerunning] = useState(false)
  const hasFilter = Object.keys(filter).length > 0
  return (
    <>
      <PageHead title={t('nav.maintain')} sub={t('maintain.sub')}>
        {hasFilter && may('retryMatching') && (
          <Button onClick={() => setRerunning(true)}>{t('act.rerunMatching')}</Button>
        )}
      </PageHead>
      <Groups
        flow={said.flow}
        chosen={said.group}
        onChoose={(group) => void navigate({ search: (before) => ({ ...before, group }), replace: true })}
      />
      <Filters />
      <Records filter={filter} key={JSON.stringify(filter)} />
      {isRerunning && <RerunMatching filter={filter} onDone={() => setRerunning(false)} />}
    </>
  )
}
