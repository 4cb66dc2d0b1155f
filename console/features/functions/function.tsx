/** One function: its code with marks, its examples, a try on any input, what failed for it with its logs, and its versions. */
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { App, Button, Input, InputNumber, Popconfirm, Skeleton } from 'antd'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Answer, Item } from '../../api/client.ts'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import type { Mark } from '../../ui/code.tsx'
import { laidOut } from '../../ui/laid-out.ts'
import { usePlaces } from '../../ui/places.tsx'
import { Restore, type Version } from '../../ui/restore.tsx'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Body } from '../../ui/text.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { More } from '../../ui/listing.tsx'
import { hunksOf, linesOf } from './lines.ts'

const CodeEditor = lazy(async () => ({ default: (await import('../../ui/code.tsx')).CodeEditor }))
const Editor = lazy(async () => ({ default: (await import('../../ui/editor.tsx')).Editor }))

const from = '/t/$tenant/functions/$name'
const tabs = ['code', 'examples', 'failed', 'versions'] as const
type Tab = (typeof tabs)[number]
type Fn = Answer<'showFunction'>
type Example = NonNullable<Fn['examples']>[number]

const Tried = ({ answer }: { answer: Answer<'tryFunction'> }) => {
  const { t } = useTranslation()
  return (
    <div className="stack" role="status">
      <span className={`state state-${answer.ok ? 'succeeded' : 'failed'}`}>
        <i aria-hidden />
        {answer.ok ? t('fn.tried') : t('fn.threw')}
        {answer.line !== null && ` · ${t('fn.line', { n: answer.line })}`}
      </span>
      {answer.said !== null && <p className="why-box why">{answer.said}</p>}
      {answer.output !== null && <Body title={t('fn.output')} text={answer.output} />}
      {answer.logs.length > 0 && <Body title={t('fn.logs')} text={answer.logs.join('\n')} />}
    </div>
  )
}

const Examples = ({
  examples,
  onChange,
  isReadOnly,
}: {
  examples: readonly Example[]
  onChange: (examples: Example[]) => void
  isReadOnly: boolean
}) => {
  const { t } = useTranslation()
  const set = (i: number, change: Partial<Example>) =>
    onChange(examples.map((one, n) => (n === i ? { ...one, ...change } : one)))
  return (
    <div className="stack">
      <p className="faint">{t('fn.examplesSay')}</p>
      {examples.length === 0 && <Nothing title={t('fn.noExamples')}>{t('fn.noExamplesTodo')}</Nothing>}
      {examples.map((one, i) => (
        // an example is renamed as one types
        // oxlint-disable-next-line react/no-array-index-key
        <section key={i} className="card">
          <div className="row between">
            <Input
              style={{ maxWidth: 320 }}
              aria-label={t('fn.exampleName')}
              value={one.name}
              readOnly={isReadOnly}
              onChange={(event) => set(i, { name: event.target.value })}
            />
            {!isReadOnly && (
              <Button size="small" onClick={() => onChange(examples.filter((_, n) => n !== i))}>
                {t('act.remove')}
              </Button>
            )}
          </div>
          <div className="cols two">
            {(['input', 'output'] as const).map((name) => (
              <div key={name} className="field">
                <label htmlFor={`example-${i}-${name}`}>{t(`fn.${name}`)}</label>
                <Input.TextArea
                  id={`example-${i}-${name}`}
                  className="mono"
                  rows={8}
                  value={one[name]}
                  readOnly={isReadOnly}
                  onChange={(event) => set(i, { [name]: event.target.value })}
                  onBlur={(event) => set(i, { [name]: laidOut(event.target.value) })}
                />
              </div>
            ))}
          </div>
        </section>
      ))}
      {!isReadOnly && (
        <Button
          onClick={() =>
            onChange([
              ...examples,
              { name: t('fn.exampleNth', { n: examples.length + 1 }), input: '{"body":"{}"}', output: '[]' },
            ])
          }
        >
          {t('fn.addExample')}
        </Button>
      )}
    </div>
  )
}

/** Pushes of the objects that name this function which failed or are held, each with what the function said. */
const Failed = ({ name }: { name: string }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const { message } = App.useApp()
  const connections = useRead('listConnections', { query: { limit: 500 } })
  const places = usePlaces()
  const list = useList('listDecodes', {}, { every: 5_000 })
  const retry = useChange('retryDecodes')
  const own = (places ?? []).filter((one) => one.receive === name)
  const items = list.items.filter((one) =>
    own.some((place) => place.connection === one.connection && place.object === one.object),
  )
  if (list.error) return <Problem error={list.error} />
  if (list.isPending || !connections.data || !places) return <Skeleton active />
  if (own.length === 0) return <Nothing title={t('fn.unused')}>{t('fn.unusedTodo')}</Nothing>
  return (
    <div className="stack">
      <p className="faint">
        {t('fn.usedBy')}{' '}
        {own.map((one) => (
          <Link
            key={`${one.connection} ${one.object}`}
            className="chip"
            to="/t/$tenant/objects/$connection/$object"
            params={{ tenant, connection: one.connection, object: one.object }}
          >
            {one.connection}/{one.object}
          </Link>
        ))}
      </p>
      {items.length === 0 ? (
        <Nothing title={t('fn.noneFailed')}>{t('fn.noneFailedTodo')}</Nothing>
      ) : (
        <>
          {may('retryDecodes') && (
            <Button
              loading={retry.isPending}
              onClick={() =>
                retry.mutate(
                  { body: { seqs: items.map((one) => one.seq) } },
                  { onSuccess: ({ count }) => void message.success(t('fn.decodedAgain', { count })) },
                )
              }
            >
              {t('fn.decodeAgain', { count: items.length })}
            </Button>
          )}
          <div className="rows">
            {items.map((one) => (
              <OneFailed key={one.seq} one={one} />
            ))}
          </div>
        </>
      )}
    </div>
  )
}

const OneFailed = ({ one }: { one: Item<'listDecodes'> }) => {
  const { t } = useTranslation()
  const may = useMay()
  const [isOpen, setOpen] = useState(false)
  const { data } = useRead('showDecode', { path: { seq: one.seq } }, { enabled: isOpen })
  return (
    <article className="one">
      <div className="row">
        <span className={`state state-${one.state === 'failed' ? 'failed' : 'waiting'}`}>
          <i aria-hidden />
          {t(`fn.push.${one.state}`)}
        </span>
        <span className="faint">
          {one.connection}/{one.object} · <Moment at={one.receivedAt} as="ago" />
        </span>
      </div>
      {one.why !== null && <p className="why">{one.why}</p>}
      {may('showDecode') && (
        <details className="fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>{t('fn.bodyAndLogs')}</summary>
          {data?.logs && <Body title={t('fn.logs')} text={data.logs} />}
          {data?.body && <Body title={t('story.received')} text={data.body.text ?? data.body.base64} />}
          {data && !data.logs && !data.body && <p className="faint">{t('calls.noRequest')}</p>}
        </details>
      )}
      <p className="faint">
        {t('problem.trace')} <code>{one.trace}</code>
      </p>
    </article>
  )
}

const Versions = ({ name }: { name: string }) => {
  const { t } = useTranslation()
  const may = useMay()
  const list = useList('listVersions', { query: { kind: 'function', name } }, { limit: 50 })
  const [restoring, setRestoring] = useState<Version | null>(null)
  if (list.error) return <Problem error={list.error} />
  if (list.isPending) return <Skeleton active />
  return (
    <div className="rows">
      {list.items.map((one, i) => {
        const code = one.fields.find((field) => field.path === 'code')
        const others = one.fields.filter((field) => field.path !== 'code')
        const text = (value: unknown) => (typeof value === 'string' ? value : '')
        return (
          <article key={one.number} className="one">
            <div className="row">
              <span>
                <b>{t('record.version', { n: one.number })}</b> · {t(`changes.${one.what}`)}
              </span>
              <span className="row">
                <span className="faint">
                  {one.who} · <Moment at={one.at} />
                </span>
                {may('restoreVersion') && one.what !== 'removed' && i > 0 && (
                  <Button size="small" onClick={() => setRestoring(one)}>
                    {t('version.restore')}
                  </Button>
                )}
              </span>
            </div>
            {code && (
              <pre className="lines" aria-label={t('fn.difference')}>
                {hunksOf(linesOf(text(code.before), text(code.after))).map((line, n) =>
                  line === null ? (
                    // oxlint-disable-next-line react/no-array-index-key
                    <span key={n} className="left-out">
                      ⋯
                    </span>
                  ) : (
                    // oxlint-disable-next-line react/no-array-index-key
                    <span key={n} className={line.is}>
                      {String(line.number).padStart(4)} {line.is === 'new' ? '+' : line.is === 'gone' ? '-' : ' '}{' '}
                      {line.text}
                    </span>
                  ),
                )}
              </pre>
            )}
            {others.length > 0 && (
              <p className="faint">
                {t('version.differs', { count: others.length })}: {others.map((field) => field.path).join(', ')}
              </p>
            )}
          </article>
        )
      })}
      <More list={list} />
      {restoring && <Restore version={restoring} onDone={() => setRestoring(null)} />}
    </div>
  )
}

export const FunctionPage = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const navigate = useNavigate()
  const { message } = App.useApp()
  const { name } = useParams({ from })
  const said = useSearch({ from })
  const { data, error } = useRead('showFunction', { path: { function: name } }, { every: 8_000 })
  // pushes are received by one kind only
  const ownTabs = tabs.filter((one) => one !== 'failed' || (data?.kind ?? 'receive') === 'receive')
  const tab: Tab = ownTabs.find((one) => one === said.tab) ?? 'code'
  const put = useChange('putFunction', { quiet: true })
  const remove = useChange('removeFunction')
  const resume = useChange('resumeFunction')
  const trying = useChange('tryFunction')
  const test = useChange('testFunctions', { quiet: true })
  // what is being edited, from the moment somebody touches it; what comes in meanwhile does not overwrite it
  const [code, setCode] = useState<string | null>(null)
  const [examples, setExamples] = useState<Example[] | null>(null)
  const [limits, setLimits] = useState<{ time?: number; memory?: number } | null>(null)
  const [input, setInput] = useState<string | null>(null)
  const [shownCode, setShownCode] = useState<string | null>(null)
  const [marks, setMarks] = useState<Mark[]>([])
  useEffect(() => {
    if (data && (shownCode === null || code === null)) setShownCode(data.code)
  }, [data?.code])
  if (error && !data) return <Problem error={error} />
  if (!data || shownCode === null) return <Skeleton active />
  const mayEdit = may('putFunction')
  const now = code ?? data.code
  const nowExamples = examples ?? data.examples ?? []
  const time = limits?.time ?? (typeof data.time === 'number' ? data.time : 1_000)
  const memory = limits?.memory ?? data.memory ?? 32
  const isTouched = code !== null || examples !== null || limits !== null
  const firstInput = data.examples?.[0]?.input ?? '{"body":"{}"}'
  const run = () =>
    trying.mutate(
      { path: { function: name }, body: { input: input ?? firstInput, code: now } },
      {
        onSuccess: (answer) =>
          setMarks(answer.line !== null && answer.said !== null ? [{ line: answer.line, say: answer.said }] : []),
      },
    )
  const save = () =>
    put.mutate(
      {
        path: { function: name },
        body: {
          kind: (data.kind ?? 'receive') as 'receive',
          code: now,
          ...((limits || data.time !== undefined) && { time }),
          ...((limits || data.memory !== undefined) && { memory }),
          ...(nowExamples.length > 0 && { examples: nowExamples }),
        },
      },
      {
        onSuccess: () => {
          setCode(null)
          setExamples(null)
          setLimits(null)
          setMarks([])
          setShownCode(now)
          void message.success(
            nowExamples.length > 0 ? t('fn.saved', { count: nowExamples.length }) : t('changes.saved'),
          )
          test.mutate({})
        },
        onError: () => run(),
      },
    )
  const runs = test.data?.runs.filter((one) => one.function === name) ?? []
  return (
    <>
      <PageHead
        title={
          <>
            <code>{name}</code>
            {data.suspended ? (
              <span className="state state-failed">
                <i aria-hidden />
                {t('fn.suspended')}
              </span>
            ) : (
              <span className="state state-succeeded">
                <i aria-hidden />
                {t('fn.runs')}
              </span>
            )}
          </>
        }
        sub={
          <>
            <Link to="/t/$tenant/functions" params={{ tenant }}>
              {t('nav.functions')}
            </Link>{' '}
            · {t(`fn.kind.${data.kind ?? 'receive'}` as 'fn.kind.receive', { defaultValue: data.kind ?? '' })}
          </>
        }
      >
        {mayEdit && (
          <>
            <Popconfirm
              title={t('fn.removeSure', { name })}
              okText={t('act.remove')}
              cancelText={t('act.cancel')}
              onConfirm={() =>
                remove.mutate(
                  { path: { function: name } },
                  { onSuccess: () => void navigate({ to: '/t/$tenant/functions', params: { tenant } }) },
                )
              }
            >
              <Button>{t('act.remove')}</Button>
            </Popconfirm>
            <Button type="primary" disabled={!isTouched} loading={put.isPending} onClick={save}>
              {t('fn.save')}
            </Button>
          </>
        )}
      </PageHead>
      {data.suspended && (
        <section className="card suspended">
          <h2>
            {t('fn.suspended')} · <Moment at={data.suspended.since} as="ago" />
          </h2>
          <p>{data.suspended.why}</p>
          <p className="faint">{t('fn.suspendedSay')}</p>
          {may('resumeFunction') && (
            <Button
              loading={resume.isPending}
              onClick={() =>
                resume.mutate({ path: { function: name } }, { onSuccess: () => void message.success(t('fn.released')) })
              }
            >
              {t('fn.release')}
            </Button>
          )}
        </section>
      )}
      {put.error !== null && (
        <section className="stack spaced">
          <Problem error={put.error} />
        </section>
      )}
      <nav className="tabs" aria-label={name}>
        {ownTabs.map((one) => (
          <Link
            key={one}
            to="/t/$tenant/functions/$name"
            params={{ tenant, name }}
            search={one === 'code' ? {} : { tab: one }}
            className={one === tab ? 'active' : ''}
            aria-current={one === tab ? 'page' : undefined}
            activeProps={{}}
          >
            {t(`fn.tab.${one}`)}
            {one === 'examples' && ` (${nowExamples.length})`}
          </Link>
        ))}
      </nav>
      {tab === 'code' && (
        <div className="bench">
          <div className="stack">
            <Suspense fallback={<Skeleton active />}>
              <CodeEditor
                text={shownCode}
                label={t('fn.code')}
                marks={marks}
                isReadOnly={!mayEdit}
                onChange={(text) => setCode(text === data.code ? null : text)}
              />
            </Suspense>
            <div className="row">
              <label htmlFor="fn-time">{t('fn.time')}</label>
              <InputNumber
                id="fn-time"
                min={10}
                max={30_000}
                value={time}
                disabled={!mayEdit}
                onChange={(value) => setLimits({ time: value ?? 1_000, memory })}
              />
              <label htmlFor="fn-memory">{t('fn.memory')}</label>
              <InputNumber
                id="fn-memory"
                min={1}
                max={512}
                value={memory}
                disabled={!mayEdit}
                onChange={(value) => setLimits({ time, memory: value ?? 32 })}
              />
            </div>
            {runs.length > 0 && (
              <p role="status">{t('fn.ran', { ok: runs.filter((one) => one.ok).length, total: runs.length })}</p>
            )}
          </div>
          <section className="card">
            <h2>{t('fn.try')}</h2>
            <p className="faint">{t('fn.trySay')}</p>
            <div className="stack">
              <Suspense fallback={<Skeleton active />}>
                <Editor text={firstInput} label={t('fn.input')} onChange={setInput} key={name} />
              </Suspense>
              {mayEdit ? (
                <Button onClick={run} loading={trying.isPending}>
                  {t('fn.run')}
                </Button>
              ) : null}
              {trying.data && <Tried answer={trying.data} />}
            </div>
          </section>
        </div>
      )}
      {tab === 'examples' && <Examples examples={nowExamples} onChange={setExamples} isReadOnly={!mayEdit} />}
      {tab === 'failed' && <Failed name={name} />}
      {tab === 'versions' && <Versions name={name} />}
    </>
  )
}
