/** The steps of a flow in their order, each with what it says now and a form for it; what no form speaks of stays as it is. */
import { EditOutlined } from '@ant-design/icons'
import { Link } from '@tanstack/react-router'
import { AutoComplete, Button, Checkbox, Input, Select } from 'antd'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { useLooks } from '../../ui/settings.tsx'
import { Moment } from '../../ui/time.tsx'
import { FunctionForm, FunctionSay } from './function-step.tsx'
import type { Way } from './preview.tsx'
import { detailsIn, type Field, fieldsOf, isTree, openFields, rulesIn, saying, type Tree } from './rules.ts'
import {
  driftOf,
  driftSaid,
  isDuration,
  matchOf,
  matchSaid,
  paramsOf,
  paramsSaid,
  reconcileOf,
  reconcileSaid,
  testsOf,
  testsSaid,
} from './said.ts'
import { DriftForm, DriftSay, MatchForm, ParamsForm, ReconcileForm, ReconcileSay, TestsForm } from './step-more.tsx'
import { type Condition, Conditions, conditionSaid, conditionsOf, ScopeForm } from './scope.tsx'

type Save = (change: Tree) => Promise<boolean>

/** One step; `form` opens in place of what it says. */
const Step = ({
  title,
  tone = 'set',
  children,
  more,
  form,
}: {
  title: string
  tone?: 'set' | 'bare' | 'lacking'
  children: ReactNode
  more?: ReactNode
  form?: ((close: () => void) => ReactNode) | null
}) => {
  const { t } = useTranslation()
  const [isOpen, setOpen] = useState(false)
  return (
    <li className={`step ${tone}`}>
      <section>
        <header>
          <h2>{title}</h2>
          {more}
          {form && !isOpen && (
            <Button
              size="small"
              type="text"
              icon={<EditOutlined />}
              aria-label={t('step.change', { step: title })}
              onClick={() => setOpen(true)}
            >
              {t('step.edit')}
            </Button>
          )}
        </header>
        {isOpen && form ? form(() => setOpen(false)) : children}
      </section>
    </li>
  )
}

const Buttons = ({
  isBusy,
  isGood = true,
  onSave,
  onClose,
}: {
  isBusy: boolean
  isGood?: boolean
  onSave: () => Promise<boolean>
  onClose: () => void
}) => {
  const { t } = useTranslation()
  return (
    <div className="row step-buttons">
      <Button
        type="primary"
        size="small"
        loading={isBusy}
        disabled={!isGood}
        onClick={() => void onSave().then((isSaved) => isSaved && onClose())}
      >
        {t('act.save')}
      </Button>
      <Button size="small" onClick={onClose}>
        {t('act.cancel')}
      </Button>
    </div>
  )
}

interface Part {
  says: Tree
  isBusy: boolean
  onSave: Save
  onClose: () => void
}

const ScopePart = ({ says, fields, pairs, ...rest }: Part & { fields: readonly Field[]; pairs: readonly string[] }) => {
  const [list, setList] = useState<Condition[]>(() => conditionsOf(says.scope))
  const save = () =>
    rest.onSave({ scope: list.length > 0 ? list.filter((one) => one.field !== '').map(conditionSaid) : undefined })
  return (
    <>
      <ScopeForm list={list} fields={fields} pairs={pairs} onChange={setList} />
      <Buttons isBusy={rest.isBusy} onSave={save} onClose={rest.onClose} />
    </>
  )
}

/** A choice with a word for each: what is not said is the first. */
const Choice = ({
  name,
  values,
  value,
  onChange,
}: {
  name: string
  values: readonly string[]
  value: string
  onChange: (value: string) => void
}) => {
  const { t } = useTranslation()
  const label = t(`flow.step.${name}` as 'flow.step.scope')
  return (
    <label className="step-choice">
      <span>{label}</span>
      <Select
        size="small"
        popupMatchSelectWidth={false}
        aria-label={label}
        value={value}
        options={values.map((one) => ({ value: one, label: t(`step.${name}.${one}` as 'step.startFrom.now') }))}
        onChange={onChange}
      />
    </label>
  )
}

const defaults = {
  startFrom: ['now', 'all'],
  onPublish: ['nextChange', 'differing', 'all'],
  leavingScope: ['leave', 'void'],
  goneAtSource: ['keep', 'void'],
  repush: ['update', 'new', 'park'],
} as const

const Choices = ({
  names,
  draft,
  onChange,
}: {
  names: readonly (keyof typeof defaults)[]
  draft: Tree
  onChange: (change: Tree) => void
}) => (
  <div className="map-grid">
    {names.map((name) => (
      <Choice
        key={name}
        name={name}
        values={defaults[name]}
        value={String(draft[name] ?? defaults[name][0])}
        onChange={(value) => onChange({ [name]: value === defaults[name][0] ? undefined : value })}
      />
    ))}
  </div>
)

const voidWay = (actions: Tree): 'skip' | 'invalid' | 'status' =>
  isTree(actions.void) ? 'status' : actions.void === 'invalid' ? 'invalid' : 'skip'

const matchKinds = ['no', 'id', 'rules'] as const
const matchWay = (match: unknown): (typeof matchKinds)[number] =>
  Array.isArray(match) ? 'rules' : match === true ? 'id' : 'no'

const TargetPart = ({
  says,
  source,
  target,
  ...rest
}: Part & { source: readonly Field[]; target: readonly Field[] }) => {
  const { t } = useTranslation()
  const [draft, setDraft] = useState<Tree>(says)
  const actions = (draft.actions ?? {}) as Tree
  const put = (change: Tree) => setDraft((now) => saying(now, change))
  const act = (change: Tree) => {
    const next = saying(actions, change)
    put({ actions: Object.keys(next).length > 0 ? next : undefined })
  }
  const asVoid = voidWay(actions)
  const status = isTree(actions.void) ? actions.void : { field: '', value: '' }
  const [match, setMatch] = useState(() => ({
    way: matchWay(says.matchBeforeCreate),
    rules: matchOf(says.matchBeforeCreate),
  }))
  const ruled = matchSaid(match.rules)
  const names = ['repush', 'leavingScope', 'goneAtSource'] as const
  const isGood = (asVoid !== 'status' || String(status.field) !== '') && (match.way !== 'rules' || ruled.length > 0)
  const save = () =>
    rest.onSave({
      ...Object.fromEntries(['actions', ...names].map((key) => [key, draft[key]])),
      matchBeforeCreate: match.way === 'rules' ? ruled : match.way === 'id' ? true : undefined,
    })
  return (
    <div className="stack tight">
      <div className="row">
        {(['create', 'update'] as const).map((key) => (
          <Checkbox
            key={key}
            checked={actions[key] !== false}
            onChange={(event) => act({ [key]: event.target.checked ? undefined : false })}
          >
            {t(`call.${key}`)}
          </Checkbox>
        ))}
      </div>
      <div className="row">
        <label className="step-choice">
          <span>{t('call.void')}</span>
          <Select
            size="small"
            style={{ minWidth: 220 }}
            popupMatchSelectWidth={false}
            aria-label={t('call.void')}
            value={asVoid}
            options={(['skip', 'invalid', 'status'] as const).map((value) => ({
              value,
              label: t(`step.void.${value}`),
            }))}
            onChange={(way: string) =>
              act({ void: way === 'skip' ? undefined : way === 'invalid' ? 'invalid' : { field: '', value: '' } })
            }
          />
        </label>
        {asVoid === 'status' && (
          <>
            <AutoComplete
              size="small"
              style={{ width: 170 }}
              aria-label={t('step.targetField')}
              placeholder={t('step.targetField')}
              value={String(status.field ?? '')}
              options={target.map(({ code }) => ({ value: code }))}
              onChange={(field: string) => act({ void: { ...status, field: field ?? '' } })}
            />
            <span aria-hidden>=</span>
            <Input
              size="small"
              style={{ width: 120 }}
              aria-label={t('step.value')}
              placeholder={t('step.value')}
              value={String(status.value ?? '')}
              onChange={(event) => act({ void: { ...status, value: event.target.value } })}
            />
          </>
        )}
      </div>
      <label className="step-choice">
        <span>{t('flow.step.matchBeforeCreate')}</span>
        <Select
          size="small"
          style={{ maxWidth: 360 }}
          popupMatchSelectWidth={false}
          aria-label={t('flow.step.matchBeforeCreate')}
          value={match.way}
          options={matchKinds.map((value) => ({ value, label: t(`step.match.${value}`) }))}
          onChange={(way) =>
            setMatch(({ rules }) => ({
              way,
              rules: way === 'rules' && rules.length === 0 ? [[{ from: '', to: '', as: 'code' }]] : rules,
            }))
          }
        />
      </label>
      {match.way === 'rules' && (
        <MatchForm
          rules={match.rules}
          source={source}
          target={target}
          onChange={(rules) => setMatch({ way: 'rules', rules })}
        />
      )}
      <Choices names={names} draft={draft} onChange={put} />
      <Buttons isBusy={rest.isBusy} isGood={isGood} onSave={save} onClose={rest.onClose} />
    </div>
  )
}

const Matches = ({ match }: { match: unknown }) => {
  const { t } = useTranslation()
  return (
    <div>
      {t('step.matchRules')}
      <ol className="step-rules">
        {matchOf(match).map((rule) => (
          <li key={JSON.stringify(rule)}>
            {rule.map((one, i) => (
              <span key={one.from}>
                {i > 0 && ` ${t('step.match.with')} `}
                <code>{one.from}</code> = <code>{one.to}</code>{' '}
                {one.as !== 'code' && (
                  <span className="faint">({t(`step.match.as.${one.as}` as 'step.match.as.code')})</span>
                )}
              </span>
            ))}
          </li>
        ))}
      </ol>
    </div>
  )
}

const tellable = ['id', 'status', 'error', 'time'] as const

const BackPart = ({ says, fields, ...rest }: Part & { fields: readonly Field[] }) => {
  const { t } = useTranslation()
  const [list, setList] = useState<[string, unknown][]>(() => Object.entries((says.writeBack ?? {}) as Tree))
  const save = () => {
    const told = list.filter(([field]) => field !== '')
    return rest.onSave({ writeBack: told.length > 0 ? Object.fromEntries(told) : undefined })
  }
  const put = (at: number, one: [string, unknown]) => setList((now) => now.with(at, one))
  return (
    <div className="stack tight">
      {list.map(([field, what], i) => (
        // the list is only changed here, one by one
        // oxlint-disable-next-line react/no-array-index-key
        <div key={i} className="row">
          <AutoComplete
            style={{ width: 200 }}
            aria-label={t('object.field')}
            placeholder={t('object.field')}
            value={field}
            options={fields.map(({ code }) => ({ value: code }))}
            onChange={(name: string) => put(i, [name ?? '', what])}
          />
          <span aria-hidden>←</span>
          {isTree(what) ? (
            <Input
              style={{ width: 200 }}
              aria-label={t('step.targetField')}
              addonBefore={t('step.ofTarget')}
              value={String(what.field ?? '')}
              onChange={(event) => put(i, [field, { field: event.target.value }])}
            />
          ) : (
            <Select
              style={{ minWidth: 200 }}
              popupMatchSelectWidth={false}
              aria-label={t('step.told')}
              value={String(what)}
              options={[
                ...tellable.map((value) => ({ value, label: t(`step.told.${value}`) })),
                { value: 'field', label: t('step.told.field') },
              ]}
              onChange={(value: string) => put(i, [field, value === 'field' ? { field: '' } : value])}
            />
          )}
          <Button size="small" type="text" onClick={() => setList((now) => now.filter((_, at) => at !== i))}>
            {t('act.remove')}
          </Button>
        </div>
      ))}
      <Button size="small" onClick={() => setList((now) => [...now, ['', 'id']])}>
        {t('step.addTold')}
      </Button>
      <Buttons isBusy={rest.isBusy} onSave={save} onClose={rest.onClose} />
    </div>
  )
}

/** What is said beside the mapping itself, which has an editor of its own. */
const BesidePart = ({ says, ...rest }: Part) => {
  const [params, setParams] = useState(() => paramsOf(says.params))
  const [tests, setTests] = useState(() => testsOf(says.tests))
  const [drift, setDrift] = useState(() => driftOf(says.drift))
  const save = () => rest.onSave({ params: paramsSaid(params), tests: testsSaid(tests), drift: driftSaid(drift) })
  const isGood = tests.every((one) => one.name.trim() !== '' && one.record.trim().length > 1)
  return (
    <div className="stack tight">
      <ParamsForm params={params} onChange={setParams} />
      <TestsForm tests={tests} onChange={setTests} />
      <DriftForm drift={drift} onChange={setDrift} />
      <Buttons isBusy={rest.isBusy} isGood={isGood} onSave={save} onClose={rest.onClose} />
    </div>
  )
}

const winners = ['ask', 'latest', 'field', 'left', 'right'] as const

/** Of a pair that goes both ways: it is the pair's to say, and counts for both of its flows. */
const ConflictPart = ({
  whole,
  onPair,
  isBusy,
  onClose,
}: {
  whole: Tree
  onPair: Save
  isBusy: boolean
  onClose: () => void
}) => {
  const { t } = useTranslation()
  const [conflict, setConflict] = useState(String(whole.conflict ?? 'ask'))
  return (
    <div className="stack tight">
      <label className="step-choice">
        <span>{t('step.conflict')}</span>
        <Select
          size="small"
          style={{ maxWidth: 360 }}
          aria-label={t('step.conflict')}
          value={conflict}
          options={winners.map((value) => ({ value, label: t(`conflict.who.${value}`) }))}
          onChange={setConflict}
        />
      </label>
      <p className="faint">{t('step.conflictSay')}</p>
      <Buttons isBusy={isBusy} onSave={() => onPair({ conflict })} onClose={onClose} />
    </div>
  )
}

const SchedulePart = ({ says, ...rest }: Part) => {
  const [draft, setDraft] = useState<Tree>(says)
  const [reconcile, setReconcile] = useState(() => reconcileOf(says.reconcile))
  const names = ['startFrom', 'onPublish'] as const
  const save = () =>
    rest.onSave({
      ...Object.fromEntries(names.map((key) => [key, draft[key]])),
      reconcile: reconcileSaid(reconcile, says.reconcile),
    })
  const isGood = !reconcile.isOn || (isDuration(reconcile.every) && isDuration(reconcile.last))
  return (
    <div className="stack tight">
      <Choices names={names} draft={draft} onChange={(change) => setDraft((now) => saying(now, change))} />
      <ReconcileForm reconcile={reconcile} onChange={setReconcile} />
      <Buttons isBusy={rest.isBusy} isGood={isGood} onSave={save} onClose={rest.onClose} />
    </div>
  )
}

const End = ({ end }: { end: string }) => {
  const tenant = useTenant()
  const [connection = '', ...code] = end.split('/')
  return (
    <>
      <Link to="/t/$tenant/objects/$connection/$object" params={{ tenant, connection, object: code.join('/') }}>
        <code>{code.join('/')}</code>
      </Link>{' '}
      <span className="faint">·</span>{' '}
      <Link to="/t/$tenant/connections/$connection" params={{ tenant, connection }}>
        {connection}
      </Link>
    </>
  )
}

const Notify = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const { data } = useRead('showAlertSettings', {}, { enabled: may('showAlertSettings') })
  if (!data) return <p className="faint">{t('step.notifySay')}</p>
  const channels = data.channels ?? []
  const off = Object.entries((data.rules ?? {}) as Record<string, { on?: boolean }>).filter(
    ([, rule]) => rule.on === false,
  )
  return (
    <>
      <p>
        {channels.length === 0
          ? t('step.noChannel')
          : t('step.channels', { names: channels.map((one) => one.name).join(', ') })}{' '}
        <Link className="under" to="/t/$tenant/alerts/$tab" params={{ tenant, tab: 'settings' }}>
          {t('step.alerts')}
        </Link>
      </p>
      {off.length > 0 && (
        <p className="faint">
          {t('step.rulesOff')}{' '}
          {off.map(([name]) => t(`alert.rule.${name}` as 'alert.rule.parked', { defaultValue: name })).join(' · ')}
        </p>
      )}
    </>
  )
}

/** Words of a flow that a step shows. */
const known = new Set([
  'state',
  'scope',
  'mapping',
  'actions',
  'matchBeforeCreate',
  'repush',
  'leavingScope',
  'goneAtSource',
  'writeBack',
  'startFrom',
  'onPublish',
  'functions',
  'params',
  'drift',
  'tests',
  'reconcile',
])

export const Steps = ({
  pair,
  flow,
  whole,
  ends,
  says,
  isBusy,
  onSave,
  onPair,
}: {
  pair: string
  flow: Way
  whole: Tree
  ends: { source: string; target: string }
  says: Tree
  isBusy: boolean
  /** Null: this person may not. */
  onSave: Save | null
  /** Likewise, of the pair. */
  onPair: Save | null
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const { locale } = useLooks()
  const objectAt = (end: string) => {
    const [connection = '', ...code] = end.split('/')
    return { connection, object: code.join('/') }
  }
  const source = useRead('showObject', { path: objectAt(ends.source) }).data
  const target = useRead('showObject', { path: objectAt(ends.target) }).data
  const pairs = (useRead('listPairs', { query: { limit: 500 } }).data?.items ?? []).map((one) => String(one.id))
  const fields = source ? (fieldsOf(source, null, locale) ?? []) : []
  const targetFields = target ? (fieldsOf(target, null, locale) ?? []) : []
  const mapping = (says.mapping ?? {}) as Tree
  const details = detailsIn(mapping)
  const missing = target ? openFields(mapping, target) : []
  const rules = rulesIn(mapping, null)
  const actions = (says.actions ?? {}) as Tree
  const poll = source?.poll as Tree | undefined
  const polls = useRead('listPolls', { query: { limit: 500 } }, { enabled: poll !== undefined }).data?.items
  const runs = polls?.find((one) => `${one.connection}/${one.object}` === ends.source)?.nextRuns
  const receive = (source?.receive ?? {}) as Tree
  const isTwoWay = Object.keys((whole.flows ?? {}) as Tree).length === 2
  const rest = Object.keys(says).filter((key) => !known.has(key))
  const part = (close: () => void) => ({ says, isBusy, onSave: onSave as Save, onClose: close })
  const done = [
    actions.create !== false && t('call.create'),
    actions.update !== false && t('call.update'),
    actions.void !== undefined && actions.void !== 'skip' && t('call.void'),
  ].filter((one) => one !== false)
  const chosen = (names: readonly (keyof typeof defaults)[]) =>
    names.map((name) => (
      <div key={name} style={{ display: 'contents' }}>
        <dt>{t(`flow.step.${name}` as 'flow.step.scope')}</dt>
        <dd>{t(`step.${name}.${String(says[name] ?? defaults[name][0])}` as 'step.startFrom.now')}</dd>
      </div>
    ))
  return (
    <ol className="flow-steps">
      <Step title={t('step.source')}>
        <p>
          <End end={ends.source} />
        </p>
      </Step>
      <Step
        title={t('flow.step.scope')}
        tone={conditionsOf(says.scope).length > 0 ? 'set' : 'bare'}
        form={onSave && ((close) => <ScopePart {...part(close)} fields={fields} pairs={pairs} />)}
      >
        <Conditions scope={says.scope} />
      </Step>
      <Step
        title={t('flow.mapping')}
        form={onSave && ((close) => <BesidePart {...part(close)} />)}
        tone={missing.length > 0 || rules.length === 0 ? 'lacking' : 'set'}
        more={
          <Link
            className="step-go"
            to="/t/$tenant/flows/$pair/$flow/mapping"
            params={{ tenant, pair, flow }}
            search={{}}
          >
            {onSave ? t('mapper.edit') : t('step.see')}
          </Link>
        }
      >
        <p>
          {t('step.rules', { count: rules.length })}
          {details.map((one) => (
            <span key={one.to} className="map-chip step-detail">
              {one.from} → {one.to} · {rulesIn(mapping, one.to).length}
            </span>
          ))}
        </p>
        {missing.length > 0 && (
          <p className="state state-failed step-missing">
            <i aria-hidden />
            {t('step.lacking')} <code>{missing.join(', ')}</code>
          </p>
        )}
        {says.params !== undefined && (
          <p>
            {t('step.params')}: <code>{Object.keys(says.params as Tree).join(', ')}</code>
          </p>
        )}
        {Array.isArray(says.tests) && says.tests.length > 0 && (
          <p>
            {t('step.tests', { count: says.tests.length })}{' '}
            <span className="faint">
              {testsOf(says.tests)
                .map(({ name }) => name)
                .join(' · ')}
            </span>
          </p>
        )}
        {says.drift !== undefined && (
          <>
            <p>{t('step.drift')}</p>
            <DriftSay drift={driftOf(says.drift)} />
          </>
        )}
      </Step>
      <Step
        title={t('step.functions')}
        tone={says.functions !== undefined || receive.function !== undefined ? 'set' : 'bare'}
        form={
          onSave &&
          ((close) => (
            <FunctionForm functions={says.functions} fields={targetFields}>
              {(said, isWhole) => (
                <Buttons isBusy={isBusy} isGood={isWhole} onSave={() => onSave({ functions: said })} onClose={close} />
              )}
            </FunctionForm>
          ))
        }
      >
        <FunctionSay
          functions={says.functions}
          receives={receive.function === undefined ? null : String(receive.function)}
        />
      </Step>
      <Step
        title={t('step.target')}
        form={onSave && ((close) => <TargetPart {...part(close)} source={fields} target={targetFields} />)}
      >
        <p>
          <End end={ends.target} />
        </p>
        <p>{done.length > 0 ? done.join(' · ') : t('step.noActions')}</p>
        {says.matchBeforeCreate === true && <p>{t('step.matchById')}</p>}
        {Array.isArray(says.matchBeforeCreate) && <Matches match={says.matchBeforeCreate} />}
        {isTree(actions.void) && (
          <p>
            {t('call.void')}: {t('step.void.status')} <code>{String(actions.void.field)}</code> ={' '}
            <code>{String(actions.void.value)}</code>
          </p>
        )}
        <dl className="facts">{chosen(['repush', 'leavingScope', 'goneAtSource'])}</dl>
      </Step>
      <Step
        title={t('step.writeBack')}
        tone={says.writeBack === undefined ? 'bare' : 'set'}
        form={onSave && ((close) => <BackPart {...part(close)} fields={fields} />)}
      >
        {says.writeBack === undefined ? (
          <p className="faint">{t('step.noWriteBack')}</p>
        ) : (
          <ul className="plain step-list">
            {Object.entries(says.writeBack as Tree).map(([field, what]) => (
              <li key={field}>
                <code>{field}</code> ←{' '}
                {isTree(what) ? (
                  <>
                    {t('step.told.field')} <code>{String(what.field)}</code>
                  </>
                ) : (
                  t(`step.told.${String(what)}` as 'step.told.id')
                )}
              </li>
            ))}
          </ul>
        )}
      </Step>
      <Step title={t('step.schedule')} form={onSave && ((close) => <SchedulePart {...part(close)} />)}>
        <p>
          {poll ? t('step.polled', { every: String(poll.cron ?? poll.every ?? '6m') }) : t('step.comesIn')}{' '}
          {poll && (
            <Link
              className="under"
              to="/t/$tenant/polls/$connection/$object"
              params={{ tenant, ...objectAt(ends.source) }}
              search={{}}
            >
              {t('nav.polls')}
            </Link>
          )}
        </p>
        {runs && runs.length > 0 && (
          <p className="faint">
            {t('step.next')}{' '}
            {runs.slice(0, 5).map((at, i) => (
              <span key={at}>
                {i > 0 && ' · '}
                <Moment at={at} />
              </span>
            ))}
          </p>
        )}
        <dl className="facts">{chosen(['startFrom', 'onPublish'])}</dl>
        <ReconcileSay reconcile={reconcileOf(says.reconcile)} />
      </Step>
      <Step
        title={t('step.notify')}
        form={
          isTwoWay && onPair
            ? (close) => <ConflictPart whole={whole} onPair={onPair} isBusy={isBusy} onClose={close} />
            : null
        }
      >
        <Notify />
        {isTwoWay && (
          <p className="faint">
            {t('step.conflict')} {t(`conflict.who.${String(whole.conflict ?? 'ask')}` as 'conflict.who.ask')}
          </p>
        )}
      </Step>
      {rest.length > 0 && (
        <Step title={t('step.rest')}>
          <dl className="facts">
            {rest.map((key) => (
              <div key={key} style={{ display: 'contents' }}>
                <dt>{key}</dt>
                <dd>
                  <code>{JSON.stringify(says[key])}</code>
                </dd>
              </div>
            ))}
          </dl>
        </Step>
      )}
    </ol>
  )
}
