/** One rule of a mapping: where its value comes from, what becomes of it on the way, and when it is written. */
import { AutoComplete, Button, Input, Segmented, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Formula } from './formula.tsx'
import { type Field, isTree, saying, scalarOf, shown, type Tree, turned, type Way, wayOf } from './rules.ts'

const constants = ['$id', '$now', '$today', '$tenant', '$source', '$target']
const missings = ['wait', 'pull', 'stub', 'empty', 'default', 'later', 'park'] as const
const writes = ['always', 'onCreate', 'whenEmpty', 'neverClear'] as const
const unmappeds = ['park', 'keep', 'empty', 'default'] as const

export interface RuleProps {
  pair: string
  flow: 'leftToRight' | 'rightToLeft'
  detail: string | null
  target: Field
  sources: readonly Field[]
  /** Of the master, for a row's rule. */
  master: readonly Field[]
  params: readonly string[]
  /** Pairs that join the same two connections: a reference goes through one of them. */
  pairs: readonly string[]
  /** Both ways, and each field has its owner. */
  isOwned: boolean
  says: Tree | null
  samples: ReadonlyMap<string, string>
  made: string | null
  onChange: (says: Tree | null) => void
}

/** Option by option; what the source has and nobody mapped yet stands there empty. */
const Options = ({
  says,
  source,
  target,
  sample,
  onChange,
}: {
  says: Tree
  source: Field | undefined
  target: Field
  sample: string | undefined
  onChange: (change: Tree) => void
}) => {
  const { t } = useTranslation()
  const options = (says.options ?? {}) as Record<string, string | number>
  const [fresh, setFresh] = useState('')
  // the one that the record at hand holds is asked about first of all
  const all = [
    ...new Set([
      ...(source?.options.map(({ value }) => value) ?? []),
      ...Object.keys(options),
      ...(sample ? [sample] : []),
    ]),
  ]
  const offered = target.options.map(({ value, label }) => ({ value, label: label ? `${value} ${label}` : value }))
  const put = (from: string, to: string) => {
    const { [from]: _gone, ...rest } = options
    const next = to === '' ? rest : { ...options, [from]: to }
    const isEmpty = Object.keys(next).length === 0
    onChange({ options: isEmpty ? undefined : next, ...(isEmpty && { unmapped: undefined }) })
  }
  const labelOf = (value: string) => source?.options.find((one) => one.value === value)?.label
  const same = all.filter((value) => options[value] === undefined && offered.some((one) => one.value === value))
  return (
    <fieldset className="map-field">
      <legend>{t('mapper.options')}</legend>
      <div className="map-options">
        {all.map((value) => (
          <div key={value} style={{ display: 'contents' }}>
            <span>
              <code>{value}</code> <small className="faint">{labelOf(value)}</small>
            </span>
            <span aria-hidden>→</span>
            <AutoComplete
              size="small"
              aria-label={t('mapper.becomes', { value })}
              value={options[value] === undefined ? '' : String(options[value])}
              options={offered}
              placeholder={t('mapper.unmapped')}
              status={options[value] === undefined ? 'warning' : undefined}
              onChange={(to: string) => put(value, to ?? '')}
            />
          </div>
        ))}
      </div>
      <div className="row">
        <Input
          size="small"
          style={{ width: 150 }}
          aria-label={t('mapper.addOption')}
          placeholder={t('mapper.addOption')}
          value={fresh}
          onChange={(event) => setFresh(event.target.value)}
          onPressEnter={() => {
            if (fresh.trim()) put(fresh.trim(), offered[0]?.value ?? fresh.trim())
            setFresh('')
          }}
        />
        {same.length > 0 && (
          <button
            type="button"
            className="map-link"
            onClick={() => onChange({ options: { ...options, ...Object.fromEntries(same.map((one) => [one, one])) } })}
          >
            {t('mapper.sameOptions', { count: same.length })}
          </button>
        )}
        {Object.keys(options).length > 0 && (
          <span className="row nowrap">
            <span className="faint">{t('mapper.unlisted')}</span>
            <Select
              size="small"
              style={{ minWidth: 150 }}
              aria-label={t('mapper.unlisted')}
              value={(says.unmapped as string | undefined) ?? 'park'}
              options={unmappeds.map((value) => ({ value, label: t(`mapper.unmapped.${value}`) }))}
              onChange={(value: string) => onChange({ unmapped: value === 'park' ? undefined : value })}
            />
          </span>
        )}
      </div>
    </fieldset>
  )
}

/** Everything that no widget speaks of, as it is written. */
const More = ({ says, onChange }: { says: Tree; onChange: (says: Tree) => void }) => {
  const { t } = useTranslation()
  const [text, setText] = useState<string | null>(null)
  const rest = Object.entries(says).filter(([key]) => !shown.has(key))
  let isBroken = false
  if (text !== null)
    try {
      isBroken = !isTree(JSON.parse(text))
    } catch {
      isBroken = true
    }
  return (
    <>
      {rest.length > 0 && text === null && (
        <p className="faint">
          {t('mapper.more')} <code>{JSON.stringify(Object.fromEntries(rest))}</code>
        </p>
      )}
      {text === null ? (
        <button type="button" className="map-link" onClick={() => setText(JSON.stringify(says, null, 2))}>
          {t('act.editText')}
        </button>
      ) : (
        <div className="stack tight">
          <Input.TextArea
            className="mono"
            spellCheck={false}
            rows={7}
            aria-label={t('act.editText')}
            status={isBroken ? 'error' : undefined}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <div className="row">
            <Button
              size="small"
              type="primary"
              disabled={isBroken}
              onClick={() => {
                onChange(JSON.parse(text) as Tree)
                setText(null)
              }}
            >
              {t('mapper.take')}
            </Button>
            <Button size="small" onClick={() => setText(null)}>
              {t('act.cancel')}
            </Button>
          </div>
        </div>
      )}
    </>
  )
}

export const RuleForm = (props: RuleProps) => {
  const { target, sources, master, params, pairs, isOwned, samples, made, onChange } = props
  const { t } = useTranslation()
  const says = props.says ?? {}
  const way = wayOf(says)
  const [isMapping, setMapping] = useState(false)
  const change = (what: Tree) => onChange(saying(says, what))
  const source = sources.find(({ code }) => code === says.from)
  const reference = says.reference as string | Tree | undefined
  const missing = isTree(reference) ? (reference.missing as string | undefined) : undefined
  const pair = isTree(reference) ? String(reference.pair) : reference
  const refer = (to: string | undefined, how: string | undefined) =>
    change({
      reference:
        to === undefined
          ? undefined
          : how === undefined
            ? to
            : { ...(isTree(reference) && reference), pair: to, missing: how },
    })
  const option = (code: string, label: string) => ({
    value: code,
    label: (
      <span className="map-pick">
        <code>{code}</code>
        <small className="faint">{label}</small>
      </span>
    ),
  })
  const choices = [
    { label: t('mapper.sources'), options: sources.map((one) => option(one.code, samples.get(one.code) ?? one.name)) },
    ...(master.length > 0
      ? [{ label: t('mapper.ofMaster'), options: master.map((one) => option(`$.${one.code}`, one.name)) }]
      : []),
    {
      label: t('mapper.constants'),
      options: [...constants, ...params.map((name) => `$params.${name}`)].map((code) =>
        option(code, constants.includes(code) ? t(`mapper.constant.${code.slice(1)}` as 'mapper.constant.id') : ''),
      ),
    },
  ]
  const canMap =
    way !== 'value' &&
    reference === undefined &&
    (isMapping || target.options.length > 0 || (source?.options.length ?? 0) > 0 || says.options !== undefined)
  const couldMap = !canMap && way === 'from' && says.from !== undefined && reference === undefined
  const canRefer = way === 'from' && says.options === undefined
  const empty = { from: '', formula: '', value: '' }
  return (
    <div className="map-rule">
      <Segmented<Way>
        size="small"
        aria-label={t('mapper.way')}
        value={way}
        options={(['from', 'formula', 'value'] as const).map((value) => ({ value, label: t(`mapper.way.${value}`) }))}
        onChange={(next) => {
          // a formula begins with the field it stands in for
          const begin =
            next === 'formula' && typeof says.from === 'string' && !says.from.includes('[') ? says.from : empty[next]
          onChange(turned(says, next, begin))
        }}
      />
      {way === 'from' && (
        <Select
          showSearch
          allowClear
          aria-label={t('mapper.way.from')}
          placeholder={t('mapper.chooseSource')}
          value={says.from === undefined || says.from === '' ? undefined : String(says.from)}
          options={choices}
          onChange={(from?: string) => (from === undefined ? onChange(null) : onChange(turned(says, 'from', from)))}
        />
      )}
      {way === 'formula' && (
        <Formula
          pair={props.pair}
          flow={props.flow}
          detail={props.detail}
          value={String(says.formula ?? '')}
          made={made}
          onChange={(formula) => change({ formula })}
        />
      )}
      {way === 'value' && (
        <AutoComplete
          aria-label={t('mapper.way.value')}
          value={says.value === null ? '' : String(says.value ?? '')}
          options={target.options.map(({ value, label }) => ({ value, label: label ? `${value} ${label}` : value }))}
          onChange={(text: string) => change({ value: scalarOf(text ?? '', target.type) })}
        />
      )}
      {canMap && (
        <Options
          says={says}
          source={source}
          target={target}
          sample={source && samples.get(source.code)}
          onChange={change}
        />
      )}
      {canRefer && (pairs.length > 0 || pair !== undefined) && (
        <div className="map-grid">
          <label>
            <span>{t('mapper.reference')}</span>
            <Select
              size="small"
              allowClear
              aria-label={t('mapper.reference')}
              placeholder={t('mapper.noReference')}
              value={pair}
              options={pairs.map((value) => ({ value, label: value }))}
              onChange={(to?: string) => refer(to, missing)}
            />
          </label>
          {pair !== undefined && (
            <label>
              <span>{t('mapper.missing')}</span>
              <Select
                size="small"
                popupMatchSelectWidth={false}
                aria-label={t('mapper.missing')}
                value={missing ?? ''}
                options={[
                  { value: '', label: t('mapper.missing.none') },
                  ...missings.map((value) => ({ value, label: t(`mapper.missing.${value}`) })),
                ]}
                onChange={(how: string) => refer(pair, how === '' ? undefined : how)}
              />
            </label>
          )}
        </div>
      )}
      <div className="map-grid">
        {way !== 'value' && (
          <label>
            <span>{t('mapper.default')}</span>
            <AutoComplete
              size="small"
              aria-label={t('mapper.default')}
              placeholder={t('mapper.defaultNone')}
              value={says.default === undefined ? '' : String(says.default)}
              options={target.options.map(({ value }) => ({ value }))}
              onChange={(text: string) => change({ default: text ? scalarOf(text, target.type) : undefined })}
            />
          </label>
        )}
        <label>
          <span>{t('mapper.write')}</span>
          <Select
            size="small"
            popupMatchSelectWidth={false}
            aria-label={t('mapper.write')}
            value={(says.write as string | undefined) ?? 'always'}
            options={writes.map((value) => ({ value, label: t(`mapper.write.${value}`) }))}
            onChange={(value: string) => change({ write: value === 'always' ? undefined : value })}
          />
        </label>
        <label>
          <span>{t('mapper.isRequired')}</span>
          <Select
            size="small"
            popupMatchSelectWidth={false}
            aria-label={t('mapper.isRequired')}
            value={says.required === undefined ? '' : String(says.required)}
            options={[
              { value: '', label: t(target.required ? 'mapper.required.byTarget' : 'mapper.required.no') },
              { value: 'true', label: t('mapper.required.yes') },
              ...(target.required || says.required === false
                ? [{ value: 'false', label: t('mapper.required.never') }]
                : []),
            ]}
            onChange={(value: string) => change({ required: value === '' ? undefined : value === 'true' })}
          />
        </label>
        {(isOwned || says.owner !== undefined) && (
          <label>
            <span>{t('mapper.owner')}</span>
            <Select
              size="small"
              aria-label={t('mapper.owner')}
              value={(says.owner as string | undefined) ?? ''}
              options={[
                { value: '', label: t('mapper.owner.none') },
                { value: 'left', label: t('mapper.owner.left') },
                { value: 'right', label: t('mapper.owner.right') },
              ]}
              onChange={(value: string) => change({ owner: value === '' ? undefined : value })}
            />
          </label>
        )}
      </div>
      <div className="row">
        {couldMap && (
          <button type="button" className="map-link" onClick={() => setMapping(true)}>
            {t('mapper.mapValues')}
          </button>
        )}
        <More says={says} onChange={onChange} />
        <span className="grow" />
        {props.says && (
          <Button size="small" danger type="text" onClick={() => onChange(null)}>
            {t('mapper.disconnect')}
          </Button>
        )}
      </div>
    </div>
  )
}
