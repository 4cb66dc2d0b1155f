/** The mapping editor 字段映射: both objects side by side, what joins them, and beside it what would become of a real record. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useBlocker, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { Alert, App, Button, Input, Segmented, Select, Skeleton } from 'antd'
import { useCallback, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Answer, call, callTagged, Refusal, type Tagged } from '../../api/client.ts'
import { useRead } from '../../ui/asking.ts'
import { AsText } from '../../ui/as-text.tsx'
import { SavedCard } from '../../ui/changes.tsx'
import { useGuide } from '../../ui/guide.ts'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { useLooks } from '../../ui/settings.tsx'
import { PageHead, Problem } from '../../ui/told.tsx'
import { Board, type Row } from './board.tsx'
import { type Looked, type Preview, PreviewPanel, usePreview, type Way } from './preview.tsx'
import './flows.css'
import { RuleForm } from './rule.tsx'
import {
  complaintsOf,
  detailCodes,
  detailsIn,
  type Field,
  fieldsOf,
  openFields,
  plain,
  type Rule,
  rulesIn,
  samplesOf,
  type Tree,
  turned,
  withDetail,
  withRule,
} from './rules.ts'

type Proposed = Answer<'proposeMapping'>
type Proposal = Proposed['fields'][number]

/** A rule's own field, where its object does not declare it (`address.city`, or one that is gone). */
const undeclared = (to: string): Field => ({
  code: to,
  name: '',
  type: 'text',
  required: false,
  options: [],
  references: null,
  isOwn: false,
})

const rowsOf = (
  fields: readonly Field[],
  rules: readonly Rule[],
  complaints: ReadonlyMap<string, string[]>,
  proposals: readonly Proposal[],
  traces: ReadonlyMap<string, Preview['rules'][number]>,
): Row[] => {
  const byTo = new Map(rules.map((rule) => [rule.to, rule]))
  const known = new Set(fields.map(({ code }) => code))
  // the engine's own fields only where a rule speaks of them
  const shown = [
    ...fields.filter(({ code, isOwn }) => !isOwn || byTo.has(code)),
    ...rules.filter(({ to }) => !known.has(to)).map(({ to }) => undeclared(to)),
  ]
  return shown.map((field) => {
    const trace = traces.get(field.code)
    const proposal = proposals.find((one) => one.to === field.code)
    return {
      field,
      rule: byTo.get(field.code) ?? null,
      complaints: complaints.get(field.code) ?? [],
      made: trace && trace.left === null ? plain(trace.made) : null,
      left: trace?.left ?? null,
      proposal: proposal ? { from: proposal.from, by: proposal.by } : null,
    }
  })
}

const ruleOfProposal = ({ from, options, reference }: Proposal): Tree => ({
  from,
  ...(options && { options }),
  ...(reference !== undefined && { reference }),
})

/** How many proposals speak of fields that no rule fills. */
const freshIn = (proposed: Proposed, mapping: Tree): number => {
  const free = (list: readonly Proposal[], detail: string | null) => {
    const taken = new Set(rulesIn(mapping, detail).map(({ to }) => to))
    return list.filter(({ to }) => !taken.has(to)).length
  }
  return proposed.details.reduce((sum, one) => sum + free(one.fields, one.to), free(proposed.fields, null))
}

const tracesOf = (preview: Preview | undefined, detail: string | null) =>
  new Map(
    (preview?.rules ?? []).flatMap((one): [string, Preview['rules'][number]][] => {
      if (detail === null) return one.to.includes('[') ? [] : [[one.to, one]]
      const front = `${detail}[0].`
      return one.to.startsWith(front) ? [[one.to.slice(front.length), one]] : []
    }),
  )

export const MapperPage = () => {
  const at = useParams({ from: '/t/$tenant/flows/$pair/$flow/mapping' })
  const { pair } = at
  const flow = at.flow as Way
  const tenant = useTenant()
  const saved = useQuery({
    queryKey: ['in', tenant, 'mapping', pair, flow],
    queryFn: () => callTagged('showMapping', { path: { tenant, pair, flow } }),
    // what somebody edits is not replaced under his hands: If-Match tells when it was changed meanwhile
    refetchOnWindowFocus: false,
    gcTime: 0,
  })
  const whole = useRead('showPair', { path: { pair } })
  const [left, right] = [String(whole.data?.left ?? ''), String(whole.data?.right ?? '')]
  const [source, target] = flow === 'leftToRight' ? [left, right] : [right, left]
  const endOf = (end: string) => {
    const [connection = '', ...code] = end.split('/')
    return { connection, object: code.join('/') }
  }
  const isKnown = whole.data !== undefined
  const from = useRead('showObject', { path: endOf(source) }, { enabled: isKnown })
  const to = useRead('showObject', { path: endOf(target) }, { enabled: isKnown })
  const error = saved.error ?? whole.error ?? from.error ?? to.error
  if (error) return <Problem error={error} />
  if (!saved.data || !whole.data || !from.data || !to.data) return <Skeleton active />
  return (
    <Mapper
      key={`${pair} ${flow}`}
      pair={pair}
      flow={flow}
      whole={whole.data}
      ends={{ source, target }}
      objects={{ source: from.data, target: to.data }}
      first={saved.data}
    />
  )
}

const Mapper = ({
  pair,
  flow,
  whole,
  ends,
  objects,
  first,
}: {
  pair: string
  flow: Way
  whole: Tree
  ends: { source: string; target: string }
  objects: { source: Tree; target: Tree }
  first: Tagged<unknown>
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const { locale } = useLooks()
  const { message } = App.useApp()
  const client = useQueryClient()
  const refresh = useRefresh()
  const navigate = useNavigate({ from: '/t/$tenant/flows/$pair/$flow/mapping' })
  const said = useSearch({ from: '/t/$tenant/flows/$pair/$flow/mapping' })
  const isReadOnly = !may('putMapping')
  /** As the server has it, as far as this page knows. */
  const [{ saved, tag }, setBase] = useState({ saved: first.answer as Tree, tag: first.tag })
  const [history, setHistory] = useState<{ past: Tree[]; now: Tree; future: Tree[] }>({
    past: [],
    now: saved,
    future: [],
  })
  const mapping = history.now
  const [detail, setDetail] = useState<string | null>(null)
  const [picked, setPicked] = useState<string | null>(null)
  const [open, setOpen] = useState<string | null>(null)
  const [isText, setText] = useState(false)
  const [proposed, setProposed] = useState<Proposed | null>(null)
  const [changes, setChanges] = useState<Answer<'putMapping'>['changes'] | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [isBusy, setBusy] = useState(false)
  const [fresh, setFresh] = useState('')
  const [pasted, setPasted] = useState<string | null>(
    client.getQueryData<string>(['pasted', tenant, pair, flow]) ?? null,
  )
  const looked: Looked = { id: pasted === null ? (said.record ?? '') : '', pasted }
  const isChanged = JSON.stringify(mapping) !== JSON.stringify(saved)
  const put = useCallback(
    (change: (now: Tree) => Tree) =>
      setHistory(({ past, now }) => {
        const next = change(now)
        return next === now ? { past, now, future: [] } : { past: [...past.slice(-99), now], now: next, future: [] }
      }),
    [],
  )
  const undo = () =>
    setHistory(({ past, now, future }) => {
      const before = past.at(-1)
      return before === undefined
        ? { past, now, future }
        : { past: past.slice(0, -1), now: before, future: [now, ...future] }
    })
  const redo = () =>
    setHistory(({ past, now, future }) => {
      const [next, ...rest] = future
      return next === undefined ? { past, now, future } : { past: [...past, now], now: next, future: rest }
    })
  useBlocker({
    shouldBlockFn: () => isChanged && !window.confirm(t('mapper.leaveSure')),
    enableBeforeUnload: () => isChanged,
    disabled: !isChanged,
  })
  const preview = usePreview(pair, flow, mapping, looked, String(objects.source.idField ?? 'id'))
  const { mark } = useGuide()
  const isPreviewed = preview.data !== undefined && rulesIn(mapping, null).length > 0
  useEffect(() => {
    if (isPreviewed) mark('preview')
  }, [isPreviewed])
  // the first record there is, so that values stand beside the fields at once
  const newest = useRead(
    'listRecords',
    { query: { flow: `${pair}:${flow}`, limit: 1 } },
    { enabled: said.record === undefined && pasted === null },
  )
  useEffect(() => {
    const [first] = newest.data?.items ?? []
    const id = first?.[flow === 'leftToRight' ? 'left' : 'right'].id
    if (id && said.record === undefined && pasted === null)
      void navigate({ search: { record: id }, replace: true, ignoreBlocker: true })
  }, [newest.data])

  const look = (next: Looked) => {
    setPasted(next.pasted)
    client.setQueryData(['pasted', tenant, pair, flow], next.pasted)
    if (next.pasted === null) void navigate({ search: { record: next.id }, replace: true, ignoreBlocker: true })
  }
  const details = detailsIn(mapping)
  const here = details.find((one) => one.to === detail)
  const isRowOfMaster = here?.from === '$'
  const master = (fieldsOf(objects.source, null, locale) ?? []).filter(({ isOwn }) => !isOwn)
  const sources =
    detail === null || isRowOfMaster
      ? master
      : (fieldsOf(objects.source, here?.from ?? '', locale) ?? []).filter(({ isOwn }) => !isOwn)
  const targets = fieldsOf(objects.target, detail, locale) ?? []
  const complaints = complaintsOf(preview.problems, mapping, detail)
  const rules = rulesIn(mapping, detail)
  const mapped = new Set(rules.map((rule) => rule.to))
  const offered = (
    detail === null ? (proposed?.fields ?? []) : (proposed?.details.find((one) => one.to === detail)?.fields ?? [])
  ).filter(({ to }) => !mapped.has(to))
  // what was read stays beside the fields while a rule is half written
  const read = useRef<{ id: string; source: string | null }>({ id: '', source: null })
  if (preview.data) read.current = { id: looked.id, source: preview.data.source }
  const sampleText = looked.pasted ?? (read.current.id === looked.id ? read.current.source : null)
  const samples = samplesOf(sampleText, isRowOfMaster ? null : (here?.from ?? null))
  const rows = rowsOf(targets, rules, complaints, offered, tracesOf(preview.data, detail))
  const missing = openFields(mapping, objects.target)
  const freeDetails = detailCodes(objects.target).filter((code) => !details.some((one) => one.to === code))
  const proposedDetails = (proposed?.details ?? []).filter((one) => !details.some(({ to }) => to === one.to))

  const pairs = useRead('listPairs', { query: { limit: 500 } }).data?.items ?? []
  const connectionOf = (end: unknown) => String(end ?? '').split('/')[0]
  const own = [connectionOf(ends.source), connectionOf(ends.target)].sort().join(' ')
  const joining = pairs
    .filter((one) => [connectionOf(one.left), connectionOf(one.right)].sort().join(' ') === own)
    .map((one) => String(one.id))
  const flows = (whole.flows ?? {}) as Record<string, Tree>

  const connect = (from: string, to: string) => {
    put((now) => {
      const before = rulesIn(now, detail).find((rule) => rule.to === to)
      const proposal = offered.find((one) => one.to === to && one.from === from)
      return withRule(
        now,
        detail,
        to,
        before ? turned(before.says, 'from', from) : proposal ? ruleOfProposal(proposal) : { from },
      )
    })
    setPicked(null)
  }
  const accept = (list: readonly Proposal[]) =>
    put((now) => list.reduce((next, one) => withRule(next, detail, one.to, ruleOfProposal(one)), now))
  const acceptAll = () =>
    put((now) => {
      if (!proposed) return now
      const free = (of: Tree, place: string | null, list: readonly Proposal[]) => {
        const taken = new Set(rulesIn(of, place).map((rule) => rule.to))
        return list.filter((one) => !taken.has(one.to))
      }
      const masters = free(now, null, proposed.fields).reduce(
        (next, one) => withRule(next, null, one.to, ruleOfProposal(one)),
        now,
      )
      return proposed.details.reduce((next, one) => {
        const isThere = detailsIn(next).some(({ to }) => to === one.to)
        const begun = isThere ? next : withDetail(next, one.to, { from: one.from })
        return free(begun, one.to, one.fields).reduce(
          (all, field) => withRule(all, one.to, field.to, ruleOfProposal(field)),
          begun,
        )
      }, masters)
    })
  const propose = () => {
    setError(null)
    void call('proposeMapping', { path: { tenant, pair, flow } }).then((found) => {
      setProposed(found)
      if (freshIn(found, mapping) === 0) void message.info(t('mapper.noProposals'))
    }, setError)
  }
  const count = proposed ? freshIn(proposed, mapping) : 0
  const save = (body: Tree, over = false) => {
    setBusy(true)
    setError(null)
    void callTagged('putMapping', { path: { tenant, pair, flow }, body }, over ? null : tag)
      .then(({ answer, tag: next }) => {
        setBase({ saved: body, tag: next })
        setChanges(answer.changes)
        setText(false)
        setHistory({ past: [], now: body, future: [] })
        refresh()
        void message.success(t('changes.saved'))
      })
      .catch(setError)
      .finally(() => setBusy(false))
  }
  const theirs = () => {
    setError(null)
    void callTagged('showMapping', { path: { tenant, pair, flow } }).then(({ answer, tag: next }) => {
      setBase({ saved: answer as Tree, tag: next })
      setHistory({ past: [], now: answer as Tree, future: [] })
    }, setError)
  }
  const isStale = error instanceof Refusal && error.code === 'changed.since'

  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || isReadOnly) return
      if (event.key === 's') {
        event.preventDefault()
        if (isChanged) save(mapping)
      }
      const isText = /^(INPUT|TEXTAREA)$/.test((event.target as HTMLElement).tagName)
      if (event.key === 'z' && !isText) {
        event.preventDefault()
        if (event.shiftKey) redo()
        else undo()
      }
    }
    document.addEventListener('keydown', heard)
    return () => document.removeEventListener('keydown', heard)
  })

  return (
    <>
      <PageHead
        title={t('flow.mapping')}
        sub={
          <>
            <Link to="/t/$tenant/flows/$pair/$flow" params={{ tenant, pair, flow }}>
              {pair}
            </Link>{' '}
            · <code>{ends.source}</code> → <code>{ends.target}</code>
          </>
        }
      >
        {!isReadOnly && (
          <>
            <Button onClick={undo} disabled={history.past.length === 0}>
              {t('mapper.undo')}
            </Button>
            <Button onClick={propose}>{t('mapper.propose')}</Button>
            <Button onClick={() => setText(true)}>{t('act.editText')}</Button>
            <Button type="primary" disabled={!isChanged} loading={isBusy} onClick={() => save(mapping)}>
              {t('act.save')}
            </Button>
          </>
        )}
      </PageHead>
      {isStale ? (
        <Alert
          type="warning"
          showIcon
          style={{ marginBottom: 16 }}
          title={t('mapper.stale')}
          action={
            <div className="row">
              <Button size="small" onClick={theirs}>
                {t('mapper.theirs')}
              </Button>
              <Button size="small" danger onClick={() => save(mapping, true)}>
                {t('mapper.mine')}
              </Button>
            </div>
          }
        />
      ) : (
        error !== null && <Problem error={error} />
      )}
      {changes && !isChanged && !isText && <SavedCard changes={changes} />}
      {isText && (
        <AsText value={mapping} isBusy={isBusy} onSave={(value) => save(value)} onCancel={() => setText(false)} />
      )}
      {!isText && (
        <div className="map-page">
          <div className="map-main">
            <div className="map-bar">
              <Segmented<string>
                aria-label={t('object.detail')}
                value={detail ?? ''}
                options={[
                  { value: '', label: t('mapper.master') },
                  ...details.map((one) => ({
                    value: one.to,
                    label: `${one.from === '$' ? t('mapper.master') : one.from} → ${one.to}`,
                  })),
                ]}
                onChange={(value) => {
                  setDetail(value === '' ? null : value)
                  setOpen(null)
                  setPicked(null)
                }}
              />
              {!isReadOnly && freeDetails.length > 0 && (
                <Select
                  size="small"
                  style={{ minWidth: 150 }}
                  aria-label={t('mapper.addDetail')}
                  placeholder={t('mapper.addDetail')}
                  value={null}
                  options={freeDetails.map((value) => ({ value, label: value }))}
                  onChange={(code: string | null) => {
                    if (code === null) return
                    const from =
                      proposed?.details.find((one) => one.to === code)?.from ?? detailCodes(objects.source)[0] ?? '$'
                    put((now) => withDetail(now, code, { from }))
                    setDetail(code)
                  }}
                />
              )}
              <span className="grow" />
              {missing.length > 0 ? (
                <span className="state state-failed">
                  <i aria-hidden />
                  {t('mapper.open', { count: missing.length })}
                </span>
              ) : (
                <span className="state state-succeeded">
                  <i aria-hidden />
                  {t('mapper.complete')}
                </span>
              )}
            </div>
            {here && !isReadOnly && (
              <div className="map-bar">
                <span className="faint">{t('mapper.detailFrom')}</span>
                <Select
                  size="small"
                  style={{ minWidth: 140 }}
                  aria-label={t('mapper.detailFrom')}
                  value={here.from}
                  options={[
                    ...detailCodes(objects.source).map((value) => ({ value, label: value })),
                    { value: '$', label: t('mapper.masterRow') },
                  ]}
                  onChange={(from: string) => put((now) => withDetail(now, here.to, { ...here.says, from }))}
                />
                <Select
                  size="small"
                  popupMatchSelectWidth={false}
                  aria-label={t('mapper.policy')}
                  value={(here.says.policy as string | undefined) ?? 'replace'}
                  options={(['replace', 'merge'] as const).map((value) => ({
                    value,
                    label: t(`mapper.policy.${value}`),
                  }))}
                  onChange={(policy: string) => put((now) => withDetail(now, here.to, { ...here.says, policy }))}
                />
                <Button
                  size="small"
                  type="text"
                  danger
                  onClick={() => {
                    put((now) => withDetail(now, here.to, null))
                    setDetail(null)
                  }}
                >
                  {t('act.remove')}
                </Button>
              </div>
            )}
            {count > 0 && (
              <div className="map-offer" role="status">
                <b>{t('mapper.proposals', { count })}</b>
                {proposedDetails.map((one) => (
                  <span key={one.to} className="map-chip">
                    {one.from} → {one.to}
                  </span>
                ))}
                <span className="grow" />
                <Button size="small" type="primary" onClick={acceptAll}>
                  {t('mapper.acceptAll')}
                </Button>
                <Button size="small" type="text" onClick={() => setProposed(null)}>
                  {t('mapper.dismiss')}
                </Button>
              </div>
            )}
            {(complaints.get('') ?? []).map((say) => (
              <p key={say} className="map-complaint">
                {say}
              </p>
            ))}
            {picked !== null && (
              <p className="map-picked" role="status">
                {t('mapper.picked', { field: picked })}
              </p>
            )}
            <Board
              sources={sources}
              samples={samples}
              rows={rows}
              picked={picked}
              open={open}
              isReadOnly={isReadOnly}
              onPick={setPicked}
              onConnect={connect}
              onOpen={setOpen}
              onAccept={(to) => accept(offered.filter((one) => one.to === to))}
              renderRule={(row) => (
                <RuleForm
                  key={row.field.code}
                  pair={pair}
                  flow={flow}
                  detail={detail}
                  target={row.field}
                  sources={sources}
                  master={detail === null || isRowOfMaster ? [] : master}
                  params={Object.keys((flows[flow]?.params ?? {}) as Tree)}
                  pairs={joining}
                  isOwned={whole.conflict === 'field' && Object.keys(flows).length === 2}
                  says={row.rule?.says ?? null}
                  samples={samples}
                  made={row.made}
                  onChange={(says) => put((now) => withRule(now, detail, row.field.code, says))}
                />
              )}
            />
            {!isReadOnly && (
              <div className="map-bar foot">
                <Input
                  size="small"
                  style={{ width: 220 }}
                  aria-label={t('mapper.addTarget')}
                  placeholder={t('mapper.addTarget')}
                  value={fresh}
                  onChange={(event) => setFresh(event.target.value)}
                  onPressEnter={() => {
                    const code = fresh.trim()
                    if (!code) return
                    if (!mapped.has(code)) put((now) => withRule(now, detail, code, { value: '' }))
                    setOpen(code)
                    setFresh('')
                  }}
                />
                <span className="faint">{t('mapper.how')}</span>
              </div>
            )}
          </div>
          {may('previewRecord') && (
            <PreviewPanel
              pair={pair}
              flow={flow}
              object={ends.source}
              looked={looked}
              onLook={look}
              preview={preview}
            />
          )}
        </div>
      )}
    </>
  )
}
