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
import type { Way } from './preview.tsx'
import { detailsIn, type Field, fieldsOf, isTree, openFields, rulesIn, saying, type Tree } from './rules.ts'
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

const TargetPart = ({ says, ...rest }: Part) => {
  const { t } = useTranslation()
  const [draft, setDraft] = useState<Tree>(says)
  const actions = (draft.actions ?? {}) as Tree
  const put = (change: Tree) => setDraft((now) => saying(now, change))
  const act = (change: Tree) => {
    const next = saying(actions, change)
    put({ actions: Object.keys(next).length > 0 ? next : undefined })
  }
  const match = draft.matchBeforeCreate
  const names = ['repush', 'leavingScope', 'goneAtSource'] as const
  const save = () =>
    rest.onSave(Object.fromEntries(['actions', 'matchBeforeCreate', ...names].map((key) => [key, draft[key]])))
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
        {isTree(actions.void) ? (
          <span>
            {t('call.void')} <code>{JSON.stringify(actions.void)}</code>
          </span>
        ) : (
          <Checkbox
            checked={actions.void === 'invalid'}
            onChange={(event) => act({ void: event.target.checked ? 'invalid' : undefined })}
          >
            {t('call.void')}
          </Checkbox>
        )}
      </div>
      {Array.isArray(match) ? (
        <Matches rules={match} />
      ) : (
        <Checkbox
          checked={match === true}
          onChange={(event) => put({ matchBeforeCreate: event.target.checked ? true : undefined })}
        >
          {t('step.matchById')}
        </Checkbox>
      )}
      <Choices names={names} draft={draft} onChange={put} />
      <Buttons isBusy={rest.isBusy} onSave={save} onClose={rest.onClose} />
    </div>
  )
}

const Matches = ({ rules }: { rules: unknown[] }) => {
  const { t } = useTranslation()
  return (
    <p>
      {t('flow.step.matchBeforeCreate')}:{' '}
      {(rules as Tree[]).map((rule, i) => (
        <span key={JSON.stringify(rule)}>
          {i > 0 && ', '}
          <code>
            {Object.entries(rule)
              .map(([from, to]) => `${from} = ${isTree(to) ? String(to.to) : String(to)}`)
              .join(' + ')}
          </code>
        </span>
      ))}
    </p>
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

const SchedulePart = ({ says, ...rest }: Part) => {
  const [draft, setDraft] = useState<Tree>(says)
  const names = ['startFrom', 'onPublish'] as const
  const save = () => rest.onSave(Object.fromEntries(names.map((key) => [key, draft[key]])))
  return (
    <div className="stack tight">
      <Choices names={names} draft={draft} onChange={(change) => setDraft((now) => saying(now, change))} />
      <Buttons isBusy={rest.isBusy} onSave={save} onClose={rest.onClose} />
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
          : t('step.channels', { names: channels.map((one) => one.name).join(', ') })}
      </p>
      {off.length > 0 && (
        <p className="faint">
          {t('step.rulesOff')} <code>{off.map(([name]) => name).join(', ')}</code>
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
])

export const Steps = ({
  pair,
  flow,
  whole,
  ends,
  says,
  isBusy,
  onSave,
}: {
  pair: string
  flow: Way
  whole: Tree
  ends: { source: string; target: string }
  says: Tree
  isBusy: boolean
  /** Null: this person may not. */
  onSave: Save | null
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
  const mapping = (says.mapping ?? {}) as Tree
  const details = detailsIn(mapping)
  const missing = target ? openFields(mapping, target) : []
  const rules = rulesIn(mapping, null)
  const actions = (says.actions ?? {}) as Tree
  const poll = source?.poll as Tree | undefined
  const polls = useRead('listPolls', { query: { limit: 500 } }, { enabled: poll !== undefined }).data?.items
  const runs = polls?.find((one) => `${one.connection}/${one.object}` === ends.source)?.nextRuns
  const receive = (source?.receive ?? {}) as Tree
  const functions = says.functions as unknown
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
          <p className="faint">
            $params: <code>{Object.keys(says.params as Tree).join(', ')}</code>
          </p>
        )}
        {Array.isArray(says.tests) && says.tests.length > 0 && (
          <p className="faint">{t('step.tests', { count: says.tests.length })}</p>
        )}
        {says.drift !== undefined && (
          <p className="faint">
            {t('step.drift')} <code>{typeof says.drift === 'string' ? says.drift : JSON.stringify(says.drift)}</code>
          </p>
        )}
      </Step>
      <Step title={t('step.functions')} tone={functions || receive.function ? 'set' : 'bare'}>
        {receive.function !== undefined && (
          <p>
            {t('step.receives')} <code>{String(receive.function)}</code>
          </p>
        )}
        {functions !== undefined && (
          <p>
            <code>{JSON.stringify(functions)}</code>
          </p>
        )}
        {functions === undefined && receive.function === undefined && <p className="faint">{t('step.noFunctions')}</p>}
      </Step>
      <Step title={t('step.target')} form={onSave && ((close) => <TargetPart {...part(close)} />)}>
        <p>
          <End end={ends.target} />
        </p>
        <p>{done.length > 0 ? done.join(' · ') : t('step.noActions')}</p>
        {says.matchBeforeCreate === true && <p>{t('step.matchById')}</p>}
        {Array.isArray(says.matchBeforeCreate) && <Matches rules={says.matchBeforeCreate} />}
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
        <p>{poll ? t('step.polled', { every: String(poll.cron ?? poll.every ?? '6m') }) : t('step.comesIn')}</p>
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
      </Step>
      <Step title={t('step.notify')}>
        <Notify />
        {Object.keys((whole.flows ?? {}) as Tree).length === 2 && (
          <p className="faint">
            {t('step.conflict')}{' '}
            {t(`conflict.who.${String(whole.conflict ?? 'ask')}` as 'conflict.who.ask', {
              defaultValue: String(whole.conflict),
            })}
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
