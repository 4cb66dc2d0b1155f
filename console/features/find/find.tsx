/** What a text leads to: straight to the record where there is one, else a choice of records, batches and names. */
import { Link, Navigate, useSearch } from '@tanstack/react-router'
import { Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Answer } from '../../api/client.ts'
import { useRead } from '../../ui/asking.ts'
import { useTenant } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem, StateTag } from '../../ui/told.tsx'

type RecordFound = Answer<'search'>['records'][number]

const One = ({ one, name }: { one: RecordFound; name?: string }) => {
  const tenant = useTenant()
  return (
    <Link className="one" to="/t/$tenant/record/$link" params={{ tenant, link: String(one.link) }}>
      <div className="row">
        <span className="row">
          <b>{name ?? one.pair}</b>
          <StateTag state={one.state} held={one.held} />
        </span>
        <span className="faint">
          <Moment at={one.firstSeenAt} as="ago" />
        </span>
      </div>
      {name !== undefined && <>{one.pair} · </>}
      <code>{one.left.id ?? '–'}</code> ↔ <code>{one.right.id ?? '–'}</code>
      {one.why[0] && <div className="faint">{one.why[0]}</div>}
    </Link>
  )
}

export const Find = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const { id = '' } = useSearch({ from: '/t/$tenant/find' })
  const { data, error, isPending } = useRead('search', { query: { text: id } }, { enabled: id !== '' })
  const none = (
    <Nothing isPage title={id === '' ? t('find.label') : t('find.none', { id })}>
      {t('find.noneTodo')}
    </Nothing>
  )
  if (id === '') return none
  if (error) return <Problem error={error} />
  if (isPending || !data) return <Skeleton active />
  const { records, staged, batches, pushes } = data
  // what an id found is not told again by its name, nor what the other side's name found
  const known = new Set(records.map((one) => one.link))
  const named = data.named.flatMap((place) => {
    const fresh = place.records.filter(({ link }) => !known.has(link))
    for (const { link } of fresh) known.add(link)
    return place.records.length === 0 || fresh.length > 0 ? [{ ...place, records: fresh }] : []
  })
  const count = records.length + staged.length + pushes.length + batches.length + named.length
  if (count === 0)
    return data.complete ? (
      none
    ) : (
      <Nothing isPage title={t('find.none', { id })}>
        {t('find.partly')}
      </Nothing>
    )
  // an id is an id, whatever else bears it in its name
  const byId = records.length + staged.length + pushes.length + batches.length
  const [only, second] = byId > 0 ? records : named.flatMap((one) => one.records)
  if (only && !second && (byId === 1 || (count === 1 && data.complete)))
    return <Navigate to="/t/$tenant/record/$link" params={{ tenant, link: String(only.link) }} replace />
  const [batch] = batches
  if (batch && count === 1)
    return <Navigate to="/t/$tenant/batches/$batch" params={{ tenant, batch: String(batch.batch) }} replace />
  return (
    <>
      <PageHead title={t('find.title', { id })} sub={t('find.found', { count })} />
      <div className="rows">
        {records.map((one) => (
          <One key={one.link} one={one} />
        ))}
        {batches.map((one) => (
          <Link
            key={one.batch}
            className="one"
            to="/t/$tenant/batches/$batch"
            params={{ tenant, batch: String(one.batch) }}
          >
            <b>{t('find.batch', { path: one.path })}</b> <code>{one.bizId}</code> · {one.client}
          </Link>
        ))}
        {named.flatMap((place) =>
          place.records.length > 0
            ? place.records.map((one) => <One key={`${place.id} ${one.link}`} one={one} name={place.name} />)
            : [
                <div key={`${place.connection} ${place.object} ${place.id}`} className="one">
                  <b>{place.name}</b> · {place.connection}/{place.object} <code>{place.id}</code>
                  <p className="faint">{t('find.staged')}</p>
                </div>,
              ],
        )}
        {pushes.map((one) => (
          <div key={one.seq} className="one">
            <b>
              {one.connection}/<code>{one.object}</code>
            </b>{' '}
            · {t('find.push')}
            {one.why.map((why) => (
              <p key={why} className="faint">
                {why}
              </p>
            ))}
          </div>
        ))}
        {staged.map((one) => (
          <div key={`${one.connection} ${one.object}`} className="one">
            <b>
              {one.connection}/{one.object} <code>{one.id}</code>
            </b>
            <p className="faint">{t('find.staged')}</p>
          </div>
        ))}
      </div>
      {!data.complete && <p className="faint">{t('find.partly')}</p>}
    </>
  )
}
