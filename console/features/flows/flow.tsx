/** One flow 集成流 as its steps in order: from where, which records, how they are mapped, where to, what is told back, when, and who hears of trouble. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { App, Button, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Answer, callTagged, Refusal } from '../../api/client.ts'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import { AsText } from '../../ui/as-text.tsx'
import { SavedCard } from '../../ui/changes.tsx'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { PageHead, Problem } from '../../ui/told.tsx'
import { VersionList } from '../../ui/version-list.tsx'
import { Enable } from './enable.tsx'
import './flows.css'
import { FlowWord } from './flows.tsx'
import type { Way } from './preview.tsx'
import type { Tree } from './rules.ts'
import { Steps } from './steps.tsx'

const Versions = ({ name }: { name: string }) => {
  const list = useList('listVersions', { query: { kind: 'flow', name } }, { limit: 30 })
  return <VersionList list={list} isOpen named={false} />
}

const tabs = ['steps', 'versions'] as const

export const FlowPage = () => {
  const { t } = useTranslation()
  const at = useParams({ from: '/t/$tenant/flows/$pair/$flow' })
  const { pair } = at
  const { tab: said } = useSearch({ from: '/t/$tenant/flows/$pair/$flow' })
  const tab = tabs.find((one) => one === said) ?? 'steps'
  const flow = at.flow as Way
  const tenant = useTenant()
  const may = useMay()
  const refresh = useRefresh()
  const { message } = App.useApp()
  const found = useQuery({
    queryKey: ['in', tenant, 'flow', pair, flow],
    queryFn: () => callTagged('showFlow', { path: { tenant, pair, flow } }),
  })
  const whole = useRead('showPair', { path: { pair } })
  const turn = useChange('changeFlowState')
  const [isText, setText] = useState(false)
  const [isEnabling, setEnabling] = useState(false)
  const [changes, setChanges] = useState<Answer<'putFlow'>['changes'] | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [isBusy, setBusy] = useState(false)
  if (found.error && !found.data) return <Problem error={found.error} />
  if (!found.data || !whole.data) return <Skeleton active />
  const says = found.data.answer as Tree
  const { tag } = found.data
  const [left, right] = [String(whole.data.left), String(whole.data.right)]
  const ends = flow === 'leftToRight' ? { source: left, target: right } : { source: right, target: left }
  const state = String(says.state ?? 'enabled')
  const to = (next: 'enabled' | 'paused' | 'disabled') =>
    turn.mutate(
      { path: { pair, flow }, body: { state: next } },
      { onSuccess: () => void message.success(t(`flow.turned.${next}`)) },
    )
  /** Answers whether it was saved. */
  const save = async (body: Tree): Promise<boolean> => {
    setBusy(true)
    setError(null)
    try {
      const { answer } = await callTagged('putFlow', { path: { tenant, pair, flow }, body }, tag)
      setChanges(answer.changes)
      setText(false)
      refresh()
      return true
    } catch (no) {
      setError(no)
      if (no instanceof Refusal && no.code === 'changed.since') refresh()
      return false
    } finally {
      setBusy(false)
    }
  }
  /** Answers whether it was saved. What else the pair says, its flows too, stays as it is now. */
  const savePair = async (change: Tree): Promise<boolean> => {
    setBusy(true)
    setError(null)
    try {
      const now = await callTagged('showPair', { path: { tenant, pair } })
      const body = { ...(now.answer as Tree), ...change }
      const { answer } = await callTagged('putPair', { path: { tenant, pair }, body }, now.tag)
      setChanges(answer.changes)
      refresh()
      return true
    } catch (no) {
      setError(no)
      return false
    } finally {
      setBusy(false)
    }
  }
  return (
    <>
      <PageHead
        title={
          <>
            {pair} {flow === 'leftToRight' ? '→' : '←'} <FlowWord state={state} />
          </>
        }
        sub={
          <>
            <Link to="/t/$tenant/flows" params={{ tenant }}>
              {t('nav.flows')}
            </Link>
            {' · '}
            <code>{ends.source}</code> → <code>{ends.target}</code>
          </>
        }
      >
        <Link to="/t/$tenant/maintain" params={{ tenant }} search={{ flow: `${pair}:${flow}` }}>
          {t('flow.records')}
        </Link>
        {may('changeFlowState') && (
          <>
            {state !== 'enabled' && (
              <Button type="primary" onClick={() => (state === 'paused' ? to('enabled') : setEnabling(true))}>
                {t('flow.enable')}
              </Button>
            )}
            {state === 'enabled' && <Button onClick={() => to('paused')}>{t('flow.pause')}</Button>}
            {state !== 'disabled' && <Button onClick={() => to('disabled')}>{t('flow.disable')}</Button>}
          </>
        )}
        {may('putFlow') && <Button onClick={() => setText(true)}>{t('act.editText')}</Button>}
      </PageHead>
      <nav className="tabs" aria-label={pair}>
        {tabs.map((one) => (
          <Link
            key={one}
            to="/t/$tenant/flows/$pair/$flow"
            params={{ tenant, pair, flow }}
            search={one === 'steps' ? {} : { tab: one }}
            className={one === tab ? 'active' : ''}
            aria-current={one === tab ? 'page' : undefined}
            activeProps={{}}
          >
            {t(`flow.tab.${one}`)}
          </Link>
        ))}
      </nav>
      {error !== null && <Problem error={error} />}
      {changes && <SavedCard changes={changes} />}
      {isText ? (
        <AsText value={says} isBusy={isBusy} onSave={(value) => void save(value)} onCancel={() => setText(false)} />
      ) : tab === 'versions' ? (
        <Versions name={`${pair} ${flow}`} />
      ) : (
        <Steps
          pair={pair}
          flow={flow}
          whole={whole.data}
          ends={ends}
          says={says}
          isBusy={isBusy}
          onSave={may('putFlow') ? (change) => save({ ...says, ...change }) : null}
          onPair={may('putPair') ? savePair : null}
        />
      )}
      {isEnabling && (
        <Enable
          pair={pair}
          flow={flow}
          ends={ends}
          mapping={(says.mapping ?? {}) as Tree}
          onDone={() => setEnabling(false)}
          onEnable={() => {
            setEnabling(false)
            to('enabled')
          }}
        />
      )}
    </>
  )
}
