/** The step of a flow in which people's own code runs: which function at which place, its version in use, and what happens when it fails. */
import { Link } from '@tanstack/react-router'
import { Button, Select, Switch } from 'antd'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { useRead } from '../../ui/asking.ts'
import { NewFunction } from '../../ui/new-function.tsx'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import type { Field, Tree } from './rules.ts'
import { type Chosen, chosenOf, functionsSaid, type Place, places } from './said.ts'

type Fn = Item<'listFunctions'>

/** Its name leads to its page; and which version of it runs. */
const InUse = ({ name, fn }: { name: string; fn: Fn | undefined }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const { data } = useRead('listVersions', { query: { kind: 'function', name, limit: 1 } })
  const version = data?.items[0]
  return (
    <>
      <Link to="/t/$tenant/functions/$name" params={{ tenant, name }} search={{}}>
        <code>{name}</code>
      </Link>{' '}
      {version && (
        <small className="faint">
          {t('record.version', { n: version.number })} · {version.who} · <Moment at={version.at} as="ago" />
        </small>
      )}
      {fn?.suspended && (
        <p className="why-box why">
          <span className="state state-failed">
            <i aria-hidden />
            {t('fn.suspended')} <Moment at={fn.suspended.since} as="ago" />
          </span>{' '}
          {fn.suspended.why}
        </p>
      )}
    </>
  )
}

export const FunctionSay = ({ functions, receives }: { functions: unknown; receives: string | null }) => {
  const { t } = useTranslation()
  const all = useRead('listFunctions', { query: { limit: 500 } }).data?.items ?? []
  const named = places
    .map((place) => [place, chosenOf(functions, place)] as const)
    .filter(([, one]) => one.name !== null)
  if (named.length === 0 && receives === null) return <p className="faint">{t('step.noFunctions')}</p>
  return (
    <dl className="facts">
      {receives !== null && (
        <>
          <dt>{t('fn.kind.receive')}</dt>
          <dd>
            <InUse name={receives} fn={all.find((one) => one.name === receives)} />
          </dd>
        </>
      )}
      {named.map(([place, { name, fields }]) => (
        <div key={place} style={{ display: 'contents' }}>
          <dt>{t(`fn.kind.${place}`)}</dt>
          <dd>
            <InUse name={name as string} fn={all.find((one) => one.name === name)} />
            {fields.length > 0 && (
              <div>
                {t('step.fn.writes')} <code>{fields.join(', ')}</code>
              </div>
            )}
            <div className="faint">{t(`step.fn.fails.${place}`)}</div>
          </dd>
        </div>
      ))}
    </dl>
  )
}

const PlaceForm = ({
  place,
  chosen,
  all,
  fields,
  onChange,
}: {
  place: Place
  chosen: Chosen
  all: readonly Fn[]
  fields: readonly Field[]
  onChange: (chosen: Chosen) => void
}) => {
  const { t } = useTranslation()
  const may = useMay()
  const [isNew, setNew] = useState(false)
  const label = t(`fn.kind.${place}`)
  const own = all.filter((one) => one.kind === place)
  const known = own.map((one) => ({
    value: one.name,
    label: one.suspended ? `${one.name} (${t('fn.suspended')})` : one.name,
  }))
  return (
    <fieldset className="step-fn">
      <legend>
        <Switch
          size="small"
          aria-label={t('step.fn.on', { kind: label })}
          checked={chosen.isOn}
          onChange={(isOn) => onChange({ ...chosen, isOn, name: chosen.name ?? own[0]?.name ?? null })}
        />{' '}
        {label}
      </legend>
      <p className="faint">{t(`fn.kindSay.${place}`)}</p>
      {chosen.isOn && (
        <div className="stack tight">
          <div className="row">
            <Select
              style={{ minWidth: 220 }}
              size="small"
              aria-label={label}
              placeholder={t('step.fn.choose')}
              status={chosen.name === null ? 'error' : ''}
              value={chosen.name}
              options={known}
              notFoundContent={t('step.fn.none')}
              onChange={(name: string) => onChange({ ...chosen, name })}
            />
            {may('putFunction') && (
              <Button size="small" onClick={() => setNew(true)}>
                {t('step.fn.new')}
              </Button>
            )}
            {chosen.name !== null && <InUse name={chosen.name} fn={own.find((one) => one.name === chosen.name)} />}
          </div>
          {place === 'beforeWrite' && (
            <label className="step-choice">
              <span>{t('step.fn.writes')}</span>
              <Select
                mode="tags"
                size="small"
                style={{ minWidth: 260 }}
                aria-label={t('step.fn.writes')}
                placeholder={t('step.fn.onlyMapped')}
                value={chosen.fields}
                options={fields.map(({ code }) => ({ value: code, label: code }))}
                onChange={(next: string[]) => onChange({ ...chosen, fields: next })}
              />
            </label>
          )}
          <p className="faint">{t(`step.fn.fails.${place}`)}</p>
        </div>
      )}
      {isNew && (
        <NewFunction
          kind={place}
          onDone={() => setNew(false)}
          onMade={(name) => {
            setNew(false)
            onChange({ ...chosen, isOn: true, name })
          }}
        />
      )}
    </fieldset>
  )
}

/** `children`: the buttons, which get what was chosen. */
export const FunctionForm = ({
  functions,
  fields,
  children,
}: {
  functions: unknown
  /** Of the target. */
  fields: readonly Field[]
  children: (said: Tree | undefined, isWhole: boolean) => ReactNode
}) => {
  const { t } = useTranslation()
  const all = useRead('listFunctions', { query: { limit: 500 } }).data?.items ?? []
  const [chosen, setChosen] = useState<Record<Place, Chosen>>(() => ({
    beforeMapping: chosenOf(functions, 'beforeMapping'),
    beforeWrite: chosenOf(functions, 'beforeWrite'),
    afterWrite: chosenOf(functions, 'afterWrite'),
  }))
  const isWhole = places.every((place) => !chosen[place].isOn || chosen[place].name !== null)
  return (
    <div className="stack tight">
      {places.map((place) => (
        <PlaceForm
          key={place}
          place={place}
          chosen={chosen[place]}
          all={all}
          fields={fields}
          onChange={(one) => setChosen((now) => ({ ...now, [place]: one }))}
        />
      ))}
      <p className="faint">{t('step.fn.offSay')}</p>
      {children(functionsSaid(chosen), isWhole)}
    </div>
  )
}
