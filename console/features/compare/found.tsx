/** What one comparison found: by class, field by field, with the chosen repaired. */
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { App, Button, Checkbox, Modal, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useQuery } from '@tanstack/react-query'
import { call, type Item } from '../../api/client.ts'
import { Listing, More } from '../../ui/listing.tsx'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { Tile, WorkTag, Why } from '../../ui/watch.tsx'

type Found = Item<'listCompared'>
const from = '/t/$tenant/compare/$comparison'
const kinds = ['different', 'onlySource', 'onlyTarget', 'unclear'] as const
type Kind = (typeof kinds)[number]
const isMendable = (kind: Kind): kind is 'different' | 'onlySource' => kind === 'different' || kind === 'onlySource'

/** How many that would be, and then the yes. */
const Repair = ({
  comparison,
  kind,
  ids,
  onDone,
}: {
  comparison: string
  kind: 'different' | 'onlySource'
  ids: string[] | null
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const formats = useFormats()
  const { message } = App.useApp()
  const repair = useChange('repairCompared', { quiet: true })
  const body = { kind, ...(ids && { ids }) }
  const estimate = useQuery({
    queryKey: ['estimateRepair', tenant, comparison, body],
    queryFn: () => call('repairCompared', { path: { tenant, comparison }, body: { ...body, estimate: true } }),
    staleTime: 0,
    gcTime: 0,
  })
  const count = estimate.data?.records
  const error = repair.error ?? estimate.error
  return (
    <Modal
      open
      title={t('compare.repair')}
      onCancel={onDone}
      okText={t('compare.repairGo', { count: count ?? 0 })}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: !count }}
      confirmLoading={repair.isPending}
      onOk={() =>
        repair.mutate(
          { path: { comparison }, body },
          {
            onSuccess: ({ records }) => {
              void message.success(t('compare.repaired', { count: records }))
              onDone()
            },
          },
        )
      }
    >
      <div className="stack">
        <p>
          {count === undefined ? t('rerun.counting') : t('compare.repairSay', { count, shown: formats.number(count) })}
        </p>
        {error !== null && <Problem error={error} />}
      </div>
    </Modal>
  )
}

/** Texts without their quotes; what is no text stays as JSON. */
const said = (value: string | null): string =>
  value === null ? '–' : /^".*"$/s.test(value) ? (JSON.parse(value) as string) : value

const One = ({
  row,
  isTicked,
  onTick,
}: {
  row: Found
  isTicked: boolean
  onTick: ((isOn: boolean) => void) | null
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const id = row.source ?? row.target ?? ''
  return (
    <article className="one found">
      <div className="row">
        <span className="row">
          {onTick && row.source !== null && (
            <Checkbox
              aria-label={t('records.tick', { id })}
              checked={isTicked}
              disabled={row.repairedAt !== null}
              onChange={(event) => onTick(event.target.checked)}
            />
          )}
          <Link to="/t/$tenant/find" params={{ tenant }} search={{ id }}>
            <code>{row.source ?? t('compare.notThere')}</code> ↔ <code>{row.target ?? t('compare.notThere')}</code>
          </Link>
        </span>
        {row.repairedAt === null ? (
          <span className="faint">{t(`compare.kind.${row.kind}`)}</span>
        ) : (
          <span className="state state-succeeded">
            <i aria-hidden />
            {t('compare.sentAgain')} <Moment at={row.repairedAt} as="ago" />
          </span>
        )}
      </div>
      {row.fields.length > 0 && (
        <table className="compared">
          <thead>
            <tr>
              <th>{t('object.field')}</th>
              <th>{t('compare.expected')}</th>
              <th>{t('compare.held')}</th>
            </tr>
          </thead>
          <tbody>
            {row.fields.map((one) => (
              <tr key={one.field}>
                <td>
                  <code>{one.field}</code>
                </td>
                <td>
                  <code className="diff-add">{said(one.expected)}</code>
                </td>
                <td>
                  <code className="diff-del">{said(one.held)}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Why why={row.why} />
    </article>
  )
}

export const ComparisonPage = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const formats = useFormats()
  const { comparison } = useParams({ from })
  const navigate = useNavigate({ from })
  const { kind: saidKind } = useSearch({ from })
  const { data, error } = useRead('showComparison', { path: { comparison } }, { every: 1_500 })
  const first = kinds.find((one) => (data?.found[one] ?? 0) > 0)
  const kind = kinds.find((one) => one === saidKind) ?? first ?? 'different'
  const list = useList('listCompared', { path: { comparison }, query: { kind } }, { every: 3_000, limit: 50 })
  const stop = useChange('stopComparison')
  const [ticked, setTicked] = useState<string[]>([])
  const [repairing, setRepairing] = useState<string[] | 'all' | null>(null)
  if (error && !data) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const isOn = data.state === 'queued' || data.state === 'running'
  const mayRepair = may('repairCompared') && isMendable(kind)
  return (
    <>
      <PageHead
        title={
          <>
            {data.pair} {data.side === 'left' ? '→' : '←'} <WorkTag state={data.state} />
          </>
        }
        sub={
          <>
            <Link to="/t/$tenant/compare" params={{ tenant }}>
              {t('nav.compare')}
            </Link>{' '}
            · {data.askedBy} · <Moment at={data.createdAt} as="ago" /> ·{' '}
            {t('compare.looked', { count: data.looked, shown: formats.number(data.looked) })}
          </>
        }
      >
        {isOn && may('stopComparison') && (
          <Button onClick={() => stop.mutate({ path: { comparison } })}>{t('act.stop')}</Button>
        )}
        <Button
          href={`/api/v1/tenants/${encodeURIComponent(tenant)}/comparisons/${encodeURIComponent(comparison)}/found.csv`}
          download
        >
          {t('mapping.csv')}
        </Button>
      </PageHead>
      <Why why={data.why} />
      <div className="tiles">
        <Tile name={t('compare.same')} value={formats.number(data.same)} />
        {kinds.map((one) => (
          <Tile
            key={one}
            name={t(`compare.kind.${one}`)}
            value={formats.number(data.found[one])}
            isBad={data.found[one] > 0}
            isChosen={kind === one}
            onChoose={() => {
              setTicked([])
              void navigate({ search: { kind: one }, replace: true })
            }}
          />
        ))}
      </div>
      <div className="row between spaced">
        <p className="faint">{t(`compare.say.${kind}`)}</p>
        {mayRepair && list.items.some((one) => one.repairedAt === null) && (
          <Button type="primary" onClick={() => setRepairing('all')}>
            {t('compare.repairAll')}
          </Button>
        )}
      </div>
      <Listing
        list={list}
        none={
          <Nothing title={isOn ? t('compare.noneYet') : t('compare.nothing')}>
            {isOn ? t('compare.noneYetTodo') : t('compare.nothingTodo')}
          </Nothing>
        }
      >
        <div className="rows">
          {list.items.map((row) => (
            <One
              key={`${row.source} ${row.target}`}
              row={row}
              isTicked={row.source !== null && ticked.includes(row.source)}
              onTick={
                mayRepair
                  ? (isTicked) =>
                      setTicked(
                        isTicked ? [...ticked, row.source as string] : ticked.filter((one) => one !== row.source),
                      )
                  : null
              }
            />
          ))}
          <More list={list} />
        </div>
      </Listing>
      {ticked.length > 0 && mayRepair && (
        <div className="selection" role="group" aria-label={t('each.label')}>
          <b>{t('each.chosen', { count: ticked.length })}</b>
          <Button type="primary" onClick={() => setRepairing(ticked)}>
            {t('compare.repairChosen')}
          </Button>
          <Button type="text" onClick={() => setTicked([])}>
            {t('each.none')}
          </Button>
        </div>
      )}
      {repairing !== null && isMendable(kind) && (
        <Repair
          comparison={comparison}
          kind={kind}
          ids={repairing === 'all' ? null : repairing}
          onDone={() => {
            setRepairing(null)
            setTicked([])
          }}
        />
      )}
    </>
  )
}
