/** Functions 函数: what each is called for, whether its examples hold, and which are suspended. */
import { Link, useNavigate } from '@tanstack/react-router'
import { App, Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Answer } from '../../api/client.ts'
import { Listing } from '../../ui/listing.tsx'
import { useChange, useList } from '../../ui/asking.ts'
import { NewFunction } from '../../ui/new-function.tsx'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Body } from '../../ui/text.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead } from '../../ui/told.tsx'

export type Runs = Answer<'testFunctions'>['runs']

/** How examples went: what was wrong, and what the function said on its console. */
export const RunList = ({ runs }: { runs: Runs }) => {
  const { t } = useTranslation()
  return (
    <ul className="plain stack" role="status">
      {runs.map((one) => (
        <li key={`${one.function} ${one.example}`}>
          <span className={`state state-${one.ok ? 'succeeded' : 'failed'}`}>
            <i aria-hidden />
            {one.ok ? t('fn.holds') : t('fn.fails')}
          </span>{' '}
          <b>{one.function}</b> · {one.example}
          {one.said !== null && <p className="why-box why">{one.said}</p>}
          {one.logs.length > 0 && <Body title={t('fn.logs')} text={one.logs.join('\n')} />}
        </li>
      ))}
    </ul>
  )
}

export const Functions = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const navigate = useNavigate()
  const { message } = App.useApp()
  const list = useList('listFunctions', {}, { every: 5_000 })
  const test = useChange('testFunctions')
  const [isNew, setNew] = useState(false)
  const add = may('putFunction') && (
    <Button type="primary" onClick={() => setNew(true)}>
      {t('fn.new')}
    </Button>
  )
  return (
    <>
      <PageHead title={t('nav.functions')} sub={t('fn.sub')}>
        {may('testFunctions') && list.items.length > 0 && (
          <Button
            loading={test.isPending}
            onClick={() => test.mutate({}, { onSuccess: ({ ok }) => void (ok && message.success(t('fn.allHold'))) })}
          >
            {t('fn.test')}
          </Button>
        )}
        {add}
      </PageHead>
      {test.data && (
        <section className="card">
          <h2>{t('fn.examples')}</h2>
          {test.data.runs.length === 0 ? (
            <p className="faint">{t('fn.noExamples')}</p>
          ) : (
            <RunList runs={test.data.runs} />
          )}
        </section>
      )}
      <Listing
        list={list}
        none={
          <Nothing title={t('fn.none')} action={add}>
            {t('fn.noneTodo')}
          </Nothing>
        }
      >
        <div className="rows">
          {list.items.map((one) => (
            <Link
              key={one.name}
              className="one"
              to="/t/$tenant/functions/$name"
              params={{ tenant, name: one.name }}
              search={{}}
            >
              <div className="row">
                <b>
                  <code>{one.name}</code>
                </b>
                {one.suspended ? (
                  <span className="state state-failed">
                    <i aria-hidden />
                    {t('fn.suspended')} <Moment at={one.suspended.since} as="ago" />
                  </span>
                ) : (
                  <span className="state state-succeeded">
                    <i aria-hidden />
                    {t('fn.runs')}
                  </span>
                )}
              </div>
              <div className="faint">
                {t(`fn.kind.${one.kind ?? 'receive'}` as 'fn.kind.receive', { defaultValue: one.kind ?? '' })} ·{' '}
                {t('fn.lines', { count: one.code.split('\n').length })} ·{' '}
                {t('fn.exampleCount', { count: one.examples?.length ?? 0 })}
              </div>
              {one.suspended && <p className="why-box why">{one.suspended.why}</p>}
            </Link>
          ))}
        </div>
      </Listing>
      {isNew && (
        <NewFunction
          onDone={() => setNew(false)}
          onMade={(name) => void navigate({ to: '/t/$tenant/functions/$name', params: { tenant, name }, search: {} })}
        />
      )}
    </>
  )
}
