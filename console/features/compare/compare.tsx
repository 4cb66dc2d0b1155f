/** Reconciliation 数据核对: comparisons that were made, how they ended, and a new one. */
import { Link, useNavigate } from '@tanstack/react-router'
import { Button, Modal, Segmented, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { useChange, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { isWhole, iso, type Stretch, StretchFields } from '../../ui/stretch.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { Counts, WorkTag, Why } from '../../ui/watch.tsx'

export type Comparison = Item<'listComparisons'>

export const FoundCounts = ({ one }: { one: Comparison }) => {
  const { t } = useTranslation()
  return (
    <Counts
      of={[
        [t('compare.same'), one.same, 'good'],
        [t('compare.kind.different'), one.found.different, 'bad'],
        [t('compare.kind.onlySource'), one.found.onlySource, 'bad'],
        [t('compare.kind.onlyTarget'), one.found.onlyTarget, 'bad'],
        [t('compare.kind.unclear'), one.found.unclear, 'bad'],
      ]}
    />
  )
}

const NewComparison = ({ onDone }: { onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const navigate = useNavigate()
  const { data: pairs } = useRead('listPairs', { query: { limit: 500 } })
  const add = useChange('addComparison', { quiet: true })
  const [flow, setFlow] = useState<string | null>(null)
  const [isAll, setAll] = useState(true)
  const [stretch, setStretch] = useState<Stretch>({ from: Date.now() - 30 * 86_400_000, to: Date.now() })
  const flows = (pairs?.items ?? []).flatMap((pair) =>
    Object.keys((pair.flows ?? {}) as object).map((way) => ({
      value: `${String(pair.id)} ${way === 'rightToLeft' ? 'right' : 'left'}`,
      label:
        way === 'rightToLeft'
          ? `${String(pair.id)}: ${String(pair.right)} → ${String(pair.left)}`
          : `${String(pair.id)}: ${String(pair.left)} → ${String(pair.right)}`,
    })),
  )
  const [pair, side] = flow?.split(' ') ?? []
  const begin = () => {
    if (pair === undefined) return
    add.mutate(
      {
        body: {
          pair,
          side: side === 'right' ? 'right' : 'left',
          ...(!isAll && isWhole(stretch) && { from: iso(stretch.from), to: iso(stretch.to) }),
        },
      },
      {
        onSuccess: ({ id }) =>
          void navigate({ to: '/t/$tenant/compare/$comparison', params: { tenant, comparison: id }, search: {} }),
      },
    )
  }
  return (
    <Modal
      open
      title={t('compare.new')}
      onCancel={onDone}
      okText={t('compare.begin')}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: pair === undefined || (!isAll && !isWhole(stretch)) }}
      confirmLoading={add.isPending}
      onOk={begin}
    >
      <div className="stack">
        <div className="field">
          <label htmlFor="compare-flow">{t('compare.flow')}</label>
          <Select
            id="compare-flow"
            style={{ width: '100%' }}
            aria-label={t('compare.flow')}
            value={flow}
            showSearch={{ optionFilterProp: 'label' }}
            options={flows}
            onChange={setFlow}
          />
          <p className="faint">{t('compare.flowSay')}</p>
        </div>
        <Segmented
          block
          aria-label={t('compare.range')}
          value={isAll ? 'all' : 'range'}
          options={[
            { value: 'all', label: t('compare.all') },
            { value: 'range', label: t('compare.changed') },
          ]}
          onChange={(value) => setAll(value === 'all')}
        />
        {isAll ? (
          <p className="faint">{t('compare.allSay')}</p>
        ) : (
          <StretchFields value={stretch} onChange={setStretch} />
        )}
        {add.error !== null && <Problem error={add.error} />}
      </div>
    </Modal>
  )
}

export const Compare = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const list = useRead('listComparisons', {}, { every: 2_500 })
  const [isNew, setNew] = useState(false)
  const add = may('addComparison') && (
    <Button type="primary" onClick={() => setNew(true)}>
      {t('compare.new')}
    </Button>
  )
  return (
    <>
      <PageHead title={t('nav.compare')} sub={t('compare.sub')}>
        {add}
      </PageHead>
      {list.error && !list.data ? (
        <Problem error={list.error} retry={() => void list.refetch()} />
      ) : !list.data ? (
        <Skeleton active />
      ) : list.data.items.length === 0 ? (
        <div className="card">
          <Nothing title={t('compare.none')} action={add}>
            {t('compare.noneTodo')}
          </Nothing>
        </div>
      ) : (
        <div className="rows">
          {list.data.items.map((one) => (
            <Link
              key={one.id}
              className="one"
              to="/t/$tenant/compare/$comparison"
              params={{ tenant, comparison: one.id }}
              search={{}}
            >
              <div className="row">
                <b>
                  {one.pair} {one.side === 'left' ? '→' : '←'}
                </b>
                <WorkTag state={one.state} />
              </div>
              <FoundCounts one={one} />
              <div className="faint">
                {one.askedBy} · <Moment at={one.createdAt} as="ago" />
              </div>
              <Why why={one.why} />
            </Link>
          ))}
        </div>
      )}
      {isNew && <NewComparison onDone={() => setNew(false)} />}
    </>
  )
}
