/** What would become of a record by the mapping as it stands on the page: the outcome and why, what is sent byte for byte, and what was read. Nothing leaves. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { AutoComplete, Input, Segmented } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Answer, call, Refusal } from '../../api/client.ts'
import { useRead } from '../../ui/asking.ts'
import { useTenant } from '../../ui/session.tsx'
import { useSettled } from '../../ui/settled.ts'
import { Body, CopyButton } from '../../ui/text.tsx'
import { Problem } from '../../ui/told.tsx'
import { idIn, isRecord, plain, type Tree } from './rules.ts'

export type Way = 'leftToRight' | 'rightToLeft'
export type Preview = Answer<'previewRecord'>

/** The record that is looked at: one that came in, or one that was pasted; neither: only the mapping is checked. */
export interface Looked {
  id: string
  pasted: string | null
}

const nobody = '-'

/** There is a record to look at: what is pasted may still be half of one. */
const looksAt = ({ id, pasted }: Looked): boolean => (pasted === null ? id !== '' : isRecord(pasted))

/** Asked anew whenever the mapping has stood still for a moment; the former answer stays meanwhile. */
export const usePreview = (pair: string, flow: Way, mapping: Tree | null, looked: Looked, idField: string) => {
  const tenant = useTenant()
  const asked = useSettled(JSON.stringify({ mapping, looked }), 300)
  const query = useQuery({
    queryKey: ['in', tenant, 'preview', pair, flow, asked],
    queryFn: () => {
      const said = JSON.parse(asked) as { mapping: Tree; looked: Looked }
      const { id, pasted } = said.looked
      const isGood = pasted !== null && isRecord(pasted)
      const record = isGood ? pasted : id === '' ? '{"masterFieldVal":{}}' : undefined
      const body = {
        id: id || (isGood && idIn(pasted, idField)) || nobody,
        mapping: said.mapping,
        ...(record !== undefined && { record }),
      }
      return call('previewRecord', { path: { tenant, pair, flow }, body })
    },
    enabled: mapping !== null && (JSON.parse(asked) as { mapping: Tree | null }).mapping !== null,
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: 5_000,
  })
  const no = query.error instanceof Refusal ? query.error : null
  /** What is wrong with the mapping itself: told beside the fields. */
  const problems = no?.code === 'config.invalid' ? no.problems : []
  const isLooking = looksAt(looked)
  return {
    data: isLooking && !no ? query.data : undefined,
    problems,
    error: problems.length > 0 ? null : query.error,
    isFetching: query.isFetching,
  }
}

const kinds: Record<Preview['would']['kind'], string> = {
  create: 'succeeded',
  update: 'succeeded',
  void: 'waiting',
  bind: 'succeeded',
  skip: 'skipped',
  wait: 'waiting',
  park: 'failed',
  resolve: 'unknown',
}

const Chooser = ({
  pair,
  flow,
  object,
  looked,
  onLook,
}: {
  pair: string
  flow: Way
  /** connection/object */
  object: string
  looked: Looked
  onLook: (looked: Looked) => void
}) => {
  const { t } = useTranslation()
  const isPasting = looked.pasted !== null
  const own = useRead('listRecords', { query: { flow: `${pair}:${flow}`, limit: 50 } })
  const none = own.data?.items.length === 0
  // a flow that has not run yet: records of its object that came in for others
  const others = useRead('listRecords', { query: { object, limit: 50 } }, { enabled: none })
  const side = flow === 'leftToRight' ? 'left' : 'right'
  const ids = [...(own.data?.items ?? []), ...(none ? (others.data?.items ?? []) : [])].flatMap((one) => {
    const end = own.data?.items.includes(one)
      ? one[side]
      : [one.left, one.right].find((each) => `${each.connection}/${each.object}` === object)
    return end?.id ? [{ value: end.id, label: end.id }] : []
  })
  const options = [...new Map(ids.map((one) => [one.value, one])).values()]
  return (
    <div className="stack tight">
      <Segmented
        size="small"
        aria-label={t('mapper.record')}
        value={isPasting ? 'paste' : 'choose'}
        options={[
          { value: 'choose', label: t('mapper.choose') },
          { value: 'paste', label: t('mapper.paste') },
        ]}
        onChange={(value) =>
          onLook(value === 'paste' ? { id: '', pasted: '' } : { id: options[0]?.value ?? '', pasted: null })
        }
      />
      {isPasting ? (
        <Input.TextArea
          className="mono"
          rows={5}
          spellCheck={false}
          aria-label={t('mapper.pasted')}
          placeholder='{"masterFieldVal": {"name": "…"}, "detailFieldVals": {}}'
          value={looked.pasted ?? ''}
          onChange={(event) => onLook({ id: '', pasted: event.target.value })}
          status={looked.pasted && !isRecord(looked.pasted) ? 'error' : undefined}
        />
      ) : (
        <AutoComplete
          style={{ width: '100%' }}
          aria-label={t('mapper.recordId')}
          placeholder={options.length > 0 ? t('mapper.recordId') : t('mapper.noRecords')}
          value={looked.id}
          options={options}
          showSearch={{ filterOption: (typed, one) => String(one?.value ?? '').includes(typed) }}
          onChange={(id: string) => onLook({ id: id ?? '', pasted: null })}
        />
      )}
    </div>
  )
}

const Outcome = ({ found }: { found: Preview }) => {
  const { t, i18n } = useTranslation()
  const { would } = found
  const reason =
    would.reason === null
      ? ''
      : i18n.exists(`reason.${would.reason}`)
        ? t(`reason.${would.reason}` as never)
        : would.reason
  return (
    <div className={`map-would would-${kinds[would.kind]}`} role="status">
      <b className={`state state-${kinds[would.kind]}`}>
        <i aria-hidden />
        {t(`mapper.would.${would.kind}`)}
      </b>
      {reason && <span>{would.kind === 'bind' ? <code>{reason}</code> : reason}</span>}
      {found.targetId !== null && would.kind !== 'bind' && (
        <span className="faint">
          {t('mapper.targetIs')} <code>{found.targetId}</code>
        </span>
      )}
      {would.faults.length > 0 && (
        <ul className="plain">
          {would.faults.map((one) => (
            <li key={`${one.code} ${one.field} ${one.sentence}`}>
              {one.field && <code>{one.field}</code>} {one.sentence}
              <div className="faint">{one.todo}</div>
            </li>
          ))}
        </ul>
      )}
      {found.asksTarget && <p className="faint">{t('mapper.asksTarget')}</p>}
    </div>
  )
}

const Rules = ({ found }: { found: Preview }) => {
  const { t } = useTranslation()
  return (
    <div className="map-rules">
      {found.rules.map((one, i) => (
        // a rule of a detail stands there once for each row
        // oxlint-disable-next-line react/no-array-index-key
        <div key={`${one.to} ${i}`}>
          <code>{one.to}</code>
          <span className="faint mono">
            {one.formula === null ? (one.from ?? '') : `= ${one.formula}`}
            {one.read !== null && one.formula === null && ` ${plain(one.read)}`}
          </span>
          {one.left === null ? (
            <code className="map-result">{plain(one.made)}</code>
          ) : (
            <span className="faint">{t(`mapper.left.${one.left}`)}</span>
          )}
        </div>
      ))}
      {found.references.map((one) => (
        <div key={`${one.field} ${one.pair} ${one.id}`}>
          <code>{one.field}</code>
          <span className="faint mono">
            ⇢ {one.pair} {one.id}
          </span>
          {one.found === null ? (
            <span className="state state-waiting">{t('mapper.notMapped')}</span>
          ) : (
            <code className="map-result">{one.found}</code>
          )}
        </div>
      ))}
    </div>
  )
}

const Request = ({ found }: { found: Preview }) => {
  const { t } = useTranslation()
  const { request } = found
  if (!request) return <p className="faint">{t('mapper.noRequest')}</p>
  return (
    <>
      <div className="map-address">
        <b>{request.method}</b> <code>{request.url}</code> <CopyButton text={request.url} />
      </div>
      <dl className="facts map-headers">
        {Object.entries(request.headers).map(([name, value]) => (
          <div key={name} style={{ display: 'contents' }}>
            <dt>
              <code>{name}</code>
            </dt>
            <dd>
              <code>{value}</code>
            </dd>
          </div>
        ))}
      </dl>
      <Body text={request.body} title={t('mapper.body')} />
    </>
  )
}

const views = ['mapped', 'request', 'rules', 'source', 'target'] as const
type View = (typeof views)[number]

export const PreviewPanel = ({
  pair,
  flow,
  object,
  looked,
  onLook,
  preview,
}: {
  pair: string
  flow: Way
  object: string
  looked: Looked
  onLook: (looked: Looked) => void
  preview: ReturnType<typeof usePreview>
}) => {
  const { t } = useTranslation()
  const [view, setView] = useState<View>('mapped')
  const { data, error, problems } = preview
  const isLooking = looksAt(looked)
  const shown = views.filter((one) => one !== 'target' || data?.target != null)
  return (
    <section className="card map-preview" aria-label={t('mapper.preview')}>
      <h2>{t('mapper.preview')}</h2>
      <Chooser pair={pair} flow={flow} object={object} looked={looked} onLook={onLook} />
      {looked.pasted && !isLooking && <p className="state state-failed">{t('object.noJson')}</p>}
      {!isLooking && problems.length === 0 && <p className="faint map-hint">{t('mapper.previewSay')}</p>}
      {problems.length > 0 && (
        <div className="map-would would-failed" role="alert">
          <b className="state state-failed">
            <i aria-hidden />
            {t('mapper.notYet')}
          </b>
          <ul className="plain">
            {problems.map((one) => (
              <li key={`${one.path} ${one.say}`}>
                <code>{one.path.replace(/^body\.(mapping\.(fields\.)?)?/, '')}</code> {one.say}
              </li>
            ))}
          </ul>
        </div>
      )}
      {isLooking && error !== null && <Problem error={error} />}
      {data && (
        <>
          <Outcome found={data} />
          <Segmented<View>
            block
            size="small"
            className="map-views"
            value={view}
            aria-label={t('mapper.preview')}
            options={shown.map((value) => ({ value, label: t(`mapper.view.${value}`) }))}
            onChange={setView}
          />
          {view === 'mapped' &&
            (data.mapped === null ? (
              <p className="faint">{t('mapper.noDocument')}</p>
            ) : (
              <Body text={data.mapped} title={t('mapper.view.mapped')} />
            ))}
          {view === 'request' && <Request found={data} />}
          {view === 'rules' && <Rules found={data} />}
          {view === 'source' && data.source !== null && <Body text={data.source} title={t('mapper.view.source')} />}
          {view === 'target' && data.target !== null && <Body text={data.target} title={t('mapper.view.target')} />}
          <p className="faint map-hint">{t('mapper.nothingSent')}</p>
        </>
      )}
    </section>
  )
}
