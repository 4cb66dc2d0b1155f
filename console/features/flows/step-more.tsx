/** Forms of what a flow says beside its mapping: values by name, saved tests, what does not fit, looking before a create, comparing by a schedule, and who wins. */
import { AutoComplete, Button, Checkbox, Input, Select, Switch } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Field } from './rules.ts'
import {
  type Drift,
  driftKinds,
  driftPolicies,
  isDuration,
  type MatchField,
  matchWays,
  type Param,
  type Reconcile,
  type SavedTest,
} from './said.ts'

const Labelled = ({ label, children }: { label: string; children: ReactNode }) => (
  <label className="step-choice">
    <span>{label}</span>
    {children}
  </label>
)

export const DriftSay = ({ drift }: { drift: Drift }) => {
  const { t } = useTranslation()
  return (
    <dl className="facts">
      {driftKinds.map((kind) => (
        <div key={kind} style={{ display: 'contents' }}>
          <dt>{t(`step.drift.${kind}`)}</dt>
          <dd>{t(`step.driftDo.${drift[kind]}` as 'step.driftDo.warn')}</dd>
        </div>
      ))}
    </dl>
  )
}

export const DriftForm = ({ drift, onChange }: { drift: Drift; onChange: (drift: Drift) => void }) => {
  const { t } = useTranslation()
  return (
    <fieldset className="step-fn">
      <legend>{t('step.drift')}</legend>
      <div className="step-grid">
        {driftKinds.map((kind) => (
          <Labelled key={kind} label={t(`step.drift.${kind}`)}>
            <Select
              size="small"
              aria-label={t(`step.drift.${kind}`)}
              popupMatchSelectWidth={false}
              value={drift[kind]}
              options={driftPolicies.map((value) => ({ value, label: t(`step.driftDo.${value}`) }))}
              onChange={(policy: string) => onChange({ ...drift, [kind]: policy })}
            />
          </Labelled>
        ))}
      </div>
    </fieldset>
  )
}

export const ParamsForm = ({ params, onChange }: { params: readonly Param[]; onChange: (params: Param[]) => void }) => {
  const { t } = useTranslation()
  const put = (at: number, change: Partial<Param>) =>
    onChange(params.map((one, i) => (i === at ? { ...one, ...change } : one)))
  return (
    <fieldset className="step-fn">
      <legend>{t('step.params')}</legend>
      <p className="faint">{t('step.paramsSay')}</p>
      {params.map((one, i) => (
        // the list is only changed here, one by one
        // oxlint-disable-next-line react/no-array-index-key
        <div key={i} className="row step-pair">
          <Input
            style={{ width: 160 }}
            size="small"
            aria-label={t('step.param.name')}
            placeholder={t('step.param.name')}
            value={one.name}
            onChange={(event) => put(i, { name: event.target.value })}
          />
          {one.isMap ? (
            <Input.TextArea
              style={{ width: 320 }}
              size="small"
              rows={4}
              aria-label={t('step.value')}
              placeholder="A = 1"
              value={one.text}
              onChange={(event) => put(i, { text: event.target.value })}
            />
          ) : (
            <Input
              style={{ width: 320 }}
              size="small"
              aria-label={t('step.value')}
              placeholder={t('step.value')}
              value={one.text}
              onChange={(event) => put(i, { text: event.target.value })}
            />
          )}
          <Button size="small" type="text" onClick={() => onChange(params.filter((_, at) => at !== i))}>
            {t('act.remove')}
          </Button>
        </div>
      ))}
      <div className="row">
        <Button size="small" onClick={() => onChange([...params, { name: '', text: '', isMap: false, before: '' }])}>
          {t('step.param.add')}
        </Button>
        <Button size="small" onClick={() => onChange([...params, { name: '', text: '', isMap: true, before: {} }])}>
          {t('step.param.addMap')}
        </Button>
      </div>
    </fieldset>
  )
}

export const TestsForm = ({
  tests,
  onChange,
}: {
  tests: readonly SavedTest[]
  onChange: (tests: SavedTest[]) => void
}) => {
  const { t } = useTranslation()
  const put = (at: number, change: Partial<SavedTest>) =>
    onChange(tests.map((one, i) => (i === at ? { ...one, ...change } : one)))
  const fresh = (): SavedTest => ({
    name: t('step.test.nth', { n: tests.length + 1 }),
    record: '{"masterFieldVal":{}}',
    expect: '{"masterFieldVal":{}}',
    fault: '',
    before: {},
  })
  return (
    <fieldset className="step-fn">
      <legend>{t('step.test.title')}</legend>
      <p className="faint">{t('step.test.say')}</p>
      {tests.map((one, i) => (
        // a test is renamed as one types
        // oxlint-disable-next-line react/no-array-index-key
        <div key={i} className="stack tight step-test">
          <div className="row between">
            <Input
              style={{ maxWidth: 320 }}
              size="small"
              aria-label={t('step.test.name')}
              value={one.name}
              onChange={(event) => put(i, { name: event.target.value })}
            />
            <Button size="small" type="text" onClick={() => onChange(tests.filter((_, at) => at !== i))}>
              {t('act.remove')}
            </Button>
          </div>
          <div className="cols two">
            {(['record', 'expect'] as const).map((name) => (
              <Labelled key={name} label={t(`step.test.${name}`)}>
                <Input.TextArea
                  className="mono"
                  rows={5}
                  aria-label={t(`step.test.${name}`)}
                  value={one[name]}
                  onChange={(event) => put(i, { [name]: event.target.value })}
                />
              </Labelled>
            ))}
          </div>
          <Labelled label={t('step.test.fault')}>
            <Input
              style={{ maxWidth: 320 }}
              size="small"
              placeholder="map.option"
              aria-label={t('step.test.fault')}
              value={one.fault}
              onChange={(event) => put(i, { fault: event.target.value })}
            />
          </Labelled>
        </div>
      ))}
      <Button size="small" onClick={() => onChange([...tests, fresh()])}>
        {t('step.test.add')}
      </Button>
    </fieldset>
  )
}

/** Of several rules the first that finds something decides; in one all fields must agree. */
export const MatchForm = ({
  rules,
  source,
  target,
  onChange,
}: {
  rules: readonly (readonly MatchField[])[]
  source: readonly Field[]
  target: readonly Field[]
  onChange: (rules: MatchField[][]) => void
}) => {
  const { t } = useTranslation()
  const fresh: MatchField = { from: '', to: '', as: 'code' }
  const put = (at: number, rule: readonly MatchField[]) =>
    onChange(rules.map((one, i) => [...(i === at ? rule : one)]).filter((one) => one.length > 0))
  return (
    <div className="stack tight">
      {rules.map((rule, i) => (
        // rules have no names
        // oxlint-disable-next-line react/no-array-index-key
        <fieldset key={i} className="step-fn">
          <legend>{t('step.match.nth', { n: i + 1 })}</legend>
          {rule.map((one, j) => (
            // oxlint-disable-next-line react/no-array-index-key
            <div key={j} className="row step-pair">
              <AutoComplete
                size="small"
                style={{ width: 160 }}
                aria-label={t('step.match.from')}
                placeholder={t('step.match.from')}
                value={one.from}
                options={source.map(({ code }) => ({ value: code }))}
                onChange={(from: string) => put(i, rule.with(j, { ...one, from: from ?? '' }))}
              />
              <span aria-hidden>=</span>
              <AutoComplete
                size="small"
                style={{ width: 160 }}
                aria-label={t('step.targetField')}
                placeholder={t('step.targetField')}
                value={one.to}
                options={target.map(({ code }) => ({ value: code }))}
                onChange={(to: string) => put(i, rule.with(j, { ...one, to: to ?? '' }))}
              />
              <Select
                size="small"
                style={{ minWidth: 150 }}
                popupMatchSelectWidth={false}
                aria-label={t('step.match.as')}
                value={one.as}
                options={matchWays.map((value) => ({ value, label: t(`step.match.as.${value}`) }))}
                onChange={(as: string) => put(i, rule.with(j, { ...one, as }))}
              />
              <Button
                size="small"
                type="text"
                onClick={() =>
                  put(
                    i,
                    rule.filter((_, at) => at !== j),
                  )
                }
              >
                {t('act.remove')}
              </Button>
            </div>
          ))}
          <Button size="small" onClick={() => put(i, [...rule, fresh])}>
            {t('step.match.and')}
          </Button>
        </fieldset>
      ))}
      <Button size="small" onClick={() => onChange([...rules.map((one) => [...one]), [fresh]])}>
        {t('step.match.add')}
      </Button>
    </div>
  )
}

export const ReconcileSay = ({ reconcile }: { reconcile: Reconcile }) => {
  const { t } = useTranslation()
  if (!reconcile.isOn) return null
  const { every, cron, last, repair } = reconcile
  return (
    <p>
      {cron === ''
        ? t('step.reconcile.every', { every: every === '' ? '24h' : every })
        : t('step.reconcile.cron', { cron })}{' '}
      {last === '' ? t('step.reconcile.all') : t('step.reconcile.last', { last })}{' '}
      {repair.length === 0
        ? t('step.reconcile.noRepair')
        : t('step.reconcile.repairs', {
            kinds: repair.map((one) => t(`step.repair.${one}` as 'step.repair.different')).join(' · '),
          })}
    </p>
  )
}

const repairable = ['onlySource', 'different'] as const

export const ReconcileForm = ({
  reconcile,
  onChange,
}: {
  reconcile: Reconcile
  onChange: (reconcile: Reconcile) => void
}) => {
  const { t } = useTranslation()
  const put = (change: Partial<Reconcile>) => onChange({ ...reconcile, ...change })
  return (
    <fieldset className="step-fn">
      <legend>
        <Switch
          size="small"
          aria-label={t('step.reconcile')}
          checked={reconcile.isOn}
          onChange={(isOn) => put({ isOn })}
        />{' '}
        {t('step.reconcile')}
      </legend>
      {reconcile.isOn && (
        <div className="stack tight">
          <div className="step-grid">
            {(['every', 'cron', 'last'] as const).map((name) => (
              <Labelled key={name} label={t(`step.reconcile.f.${name}`)}>
                <Input
                  size="small"
                  aria-label={t(`step.reconcile.f.${name}`)}
                  placeholder={{ every: '24h', cron: '0 2 * * 1-5', last: t('step.reconcile.f.allRecords') }[name]}
                  status={name === 'cron' || isDuration(reconcile[name]) ? '' : 'error'}
                  disabled={name === 'every' && reconcile.cron.trim() !== ''}
                  value={reconcile[name]}
                  onChange={(event) => put({ [name]: event.target.value })}
                />
              </Labelled>
            ))}
          </div>
          <div className="row">
            {t('step.reconcile.f.repair')}
            {repairable.map((kind) => (
              <Checkbox
                key={kind}
                checked={reconcile.repair.includes(kind)}
                onChange={(event) =>
                  put({
                    repair: event.target.checked
                      ? [...reconcile.repair, kind]
                      : reconcile.repair.filter((one) => one !== kind),
                  })
                }
              >
                {t(`step.repair.${kind}`)}
              </Checkbox>
            ))}
          </div>
        </div>
      )}
    </fieldset>
  )
}
