/** One flow: its steps in order, its mapping as a table, its state, and its definition as text. */
import { Link, useParams } from '@tanstack/react-router'
import { App, Button, Skeleton, Table, Tag } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from '../../ui/asking.ts'
import { ChangeList } from '../../ui/changes.tsx'
import { useMay, useTenant } from '../../ui/session.tsx'
import { PageHead, Problem } from '../../ui/told.tsx'
import { FlowWord } from './flows.tsx'

const Editor = lazy(async () => ({ default: (await import('../../ui/editor.tsx')).Editor }))

type Tree = Record<string, unknown>
type Way = 'leftToRight' | 'rightToLeft'

interface RuleRow {
  to: string
  from: string
  marks: string[]
}

/** What a rule says, as short as it can be said. */
const rowsOf = (rules: unknown): RuleRow[] => {
  const list: [string, string | Tree][] = Array.isArray(rules)
    ? (rules as Tree[]).map(({ to, ...rule }) => [String(to), rule])
    : Object.entries((rules ?? {}) as Record<string, string | Tree>)
  return list.map(([to, rule]) => {
    if (typeof rule === 'string') return { to, from: rule, marks: [] }
    const options = Object.entries((rule.options ?? {}) as Tree).map(([from, value]) => `${from}→${String(value)}`)
    const reference = rule.reference as string | Tree | undefined
    return {
      to,
      from: rule.from === undefined ? (rule.value === undefined ? '' : JSON.stringify(rule.value)) : String(rule.from),
      marks: [
        ...(options.length ? [options.join(', ')] : []),
        ...(rule.unmapped === undefined ? [] : [`unmapped: ${String(rule.unmapped)}`]),
        ...(rule.default === undefined ? [] : [`default: ${String(rule.default)}`]),
        ...(reference === undefined ? [] : [`⇢ ${typeof reference === 'string' ? reference : String(reference.pair)}`]),
        ...(rule.formula === undefined ? [] : [`= ${String(rule.formula)}`]),
        ...(rule.required === true ? ['required'] : []),
      ],
    }
  })
}

const Rules = ({ rules }: { rules: unknown }) => {
  const { t } = useTranslation()
  return (
    <Table<RuleRow>
      size="small"
      rowKey="to"
      pagination={false}
      dataSource={rowsOf(rules)}
      scroll={{ x: 560 }}
      columns={[
        { key: 'from', title: t('flow.source'), render: (_, row) => <code>{row.from}</code> },
        { key: 'to', title: t('flow.target'), render: (_, row) => <code>{row.to}</code> },
        {
          key: 'marks',
          title: t('flow.rule'),
          render: (_, row) =>
            row.marks.map((mark) => (
              <Tag key={mark} style={{ whiteSpace: 'normal' }}>
                {mark}
              </Tag>
            )),
        },
      ]}
    />
  )
}

export const FlowPage = () => {
  const { t } = useTranslation()
  const at = useParams({ from: '/t/$tenant/flows/$pair/$flow' })
  const { pair } = at
  const way = at.flow as Way
  const tenant = useTenant()
  const may = useMay()
  const { message } = App.useApp()
  const { data, error } = useRead('showFlow', { path: { pair, flow: way } })
  const whole = useRead('showPair', { path: { pair } })
  const put = useChange('putFlow', { quiet: true })
  const turn = useChange('changeFlowState')
  const [text, setText] = useState<string | null>(null)
  const [broken, setBroken] = useState<string | null>(null)
  if (error && !data) return <Problem error={error} />
  if (!data || !whole.data) return <Skeleton active />
  const [left, right] = [String(whole.data.left), String(whole.data.right)]
  const [source, target] = way === 'leftToRight' ? [left, right] : [right, left]
  const state = String(data.state ?? 'enabled')
  const mapping = (data.mapping ?? {}) as Tree
  const details = Array.isArray(mapping.details)
    ? (mapping.details as Tree[]).map((one): [string, Tree] => [String(one.to), one])
    : Object.entries((mapping.details ?? {}) as Record<string, Tree>)
  const to = (next: 'enabled' | 'paused' | 'disabled') =>
    turn.mutate(
      { path: { pair, flow: way }, body: { state: next } },
      { onSuccess: () => void message.success(t(`flow.turned.${next}`)) },
    )
  const save = () => {
    setBroken(null)
    try {
      put.mutate(
        { path: { pair, flow: way }, body: JSON.parse(text ?? '') as Tree },
        { onSuccess: () => setText(null) },
      )
    } catch (no) {
      setBroken((no as Error).message)
    }
  }
  const endLink = (end: string) => {
    const [connection = '', ...code] = end.split('/')
    return (
      <Link to="/t/$tenant/objects/$connection/$object" params={{ tenant, connection, object: code.join('/') }}>
        {end}
      </Link>
    )
  }
  const { mapping: _mapping, state: _state, ...steps } = data
  return (
    <>
      <PageHead
        title={
          <>
            {pair} <FlowWord state={state} />
          </>
        }
        sub={
          <>
            {endLink(source)} → {endLink(target)}
          </>
        }
      >
        <Link to="/t/$tenant/maintain" params={{ tenant }} search={{ flow: `${pair}:${way}` }}>
          {t('flow.records')}
        </Link>
        <Link
          to="/t/$tenant/settings/$tab"
          params={{ tenant, tab: 'versions' }}
          search={{ kind: 'flow', name: `${pair} ${way}` }}
        >
          {t('version.see')}
        </Link>
        {may('changeFlowState') && (
          <>
            {state !== 'enabled' && (
              <Button type="primary" onClick={() => to('enabled')}>
                {t('flow.enable')}
              </Button>
            )}
            {state === 'enabled' && <Button onClick={() => to('paused')}>{t('flow.pause')}</Button>}
            {state !== 'disabled' && <Button onClick={() => to('disabled')}>{t('flow.disable')}</Button>}
          </>
        )}
        {may('putFlow') && <Button onClick={() => setText(JSON.stringify(data, null, 2))}>{t('act.editText')}</Button>}
      </PageHead>
      {put.error !== null && <Problem error={put.error} />}
      {put.data && (
        <section className="card" role="status">
          <h2>{t('changes.saved')}</h2>
          <ChangeList changes={put.data.changes} />
        </section>
      )}
      {text !== null && (
        <section className="card stack">
          <Suspense fallback={<Skeleton active />}>
            <Editor text={JSON.stringify(data, null, 2)} onChange={setText} label={t('act.editText')} />
          </Suspense>
          {broken !== null && <p className="state state-failed">{broken}</p>}
          <div className="row">
            <Button type="primary" onClick={save} loading={put.isPending}>
              {t('act.save')}
            </Button>
            <Button onClick={() => setText(null)}>{t('act.cancel')}</Button>
          </div>
        </section>
      )}
      {Object.keys(steps).length > 0 && (
        <section className="card">
          <h2>{t('flow.steps')}</h2>
          <dl className="facts">
            {Object.entries(steps).map(([name, value]) => (
              <div key={name} style={{ display: 'contents' }}>
                <dt>{t(`flow.step.${name}` as 'flow.step.scope', { defaultValue: name })}</dt>
                <dd>
                  <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      <section className="card">
        <h2>{t('flow.mapping')}</h2>
        <Rules rules={mapping.fields} />
      </section>
      {details.map(([name, detail]) => (
        <section key={name} className="card">
          <h2>
            {t('object.detail')} <code>{String(detail.from)}</code> → <code>{name}</code>
          </h2>
          <Rules rules={detail.fields} />
        </section>
      ))}
    </>
  )
}
