/** One deletion sweep: how far it is, which records are gone, and the decision what becomes of them. */
import { Link, useParams } from '@tanstack/react-router'
import { App, Button, Checkbox, Modal, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Listing, More } from '../../ui/listing.tsx'
import { useChange, useList, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead, Problem } from '../../ui/told.tsx'
import { WorkTag, Why } from '../../ui/watch.tsx'
import { SweepCounts } from './gone.tsx'

/** Of a call. */
const most = 500

export const SweepPage = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const { message } = App.useApp()
  const { sweep } = useParams({ from: '/t/$tenant/gone/$sweep' })
  const { data, error } = useRead('showDeletionSweep', { path: { sweep } }, { every: 2_000 })
  const list = useList('listGone', { path: { sweep } }, { every: 3_000 })
  const stop = useChange('stopDeletionSweep')
  const mark = useChange('markGone')
  const [ticked, setTicked] = useState<string[]>([])
  const [deciding, setDeciding] = useState<string[] | 'all' | null>(null)
  if (error && !data) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const isOn = ['queued', 'running', 'not reached'].includes(data.state)
  const open = list.items.filter((one) => one.markedAt === null)
  return (
    <>
      <PageHead
        title={
          <>
            {data.connection}/{data.object} <WorkTag state={data.state} />
          </>
        }
        sub={
          <>
            <Link to="/t/$tenant/gone" params={{ tenant }}>
              {t('nav.gone')}
            </Link>{' '}
            · {data.askedBy} · <Moment at={data.createdAt} as="ago" />
          </>
        }
      >
        {isOn && may('stopDeletionSweep') && (
          <Button onClick={() => stop.mutate({ path: { sweep } })}>{t('act.stop')}</Button>
        )}
        {may('markGone') && open.length > 0 && (
          <Button type="primary" onClick={() => setDeciding('all')}>
            {t('gone.markAll')}
          </Button>
        )}
      </PageHead>
      <section className="card">
        <SweepCounts one={data} />
        {isOn && <p className="faint">{t(`gone.phase.${data.phase}`)}</p>}
        <Why why={data.why} />
      </section>
      <Listing
        list={list}
        none={
          <Nothing title={isOn ? t('compare.noneYet') : t('gone.nothing')}>
            {isOn ? t('gone.nothingYetTodo') : t('gone.nothingTodo')}
          </Nothing>
        }
      >
        <div className="rows">
          {list.items.map((one) => (
            <div key={one.id} className="one">
              <div className="row">
                <span className="row">
                  {may('markGone') && (
                    <Checkbox
                      aria-label={t('records.tick', { id: one.id })}
                      checked={ticked.includes(one.id)}
                      disabled={one.markedAt !== null}
                      onChange={(event) =>
                        setTicked(event.target.checked ? [...ticked, one.id] : ticked.filter((id) => id !== one.id))
                      }
                    />
                  )}
                  <Link to="/t/$tenant/find" params={{ tenant }} search={{ id: one.id }}>
                    <code>{one.id}</code>
                  </Link>
                </span>
                {one.markedAt === null ? (
                  <span className="faint">{t('gone.undecided')}</span>
                ) : (
                  <span className="faint">
                    {t('gone.markedBy', { who: one.markedBy ?? '–' })} <Moment at={one.markedAt} as="ago" />
                  </span>
                )}
              </div>
            </div>
          ))}
          <More list={list} />
        </div>
      </Listing>
      {ticked.length > 0 && (
        <div className="selection" role="group" aria-label={t('each.label')}>
          <b>{t('each.chosen', { count: ticked.length })}</b>
          <Button type="primary" onClick={() => setDeciding(ticked.slice(0, most))}>
            {t('gone.mark')}
          </Button>
          <Button type="text" onClick={() => setTicked([])}>
            {t('each.none')}
          </Button>
        </div>
      )}
      {deciding !== null && (
        <Modal
          open
          title={t('gone.mark')}
          onCancel={() => setDeciding(null)}
          okText={t('gone.mark')}
          cancelText={t('act.cancel')}
          confirmLoading={mark.isPending}
          onOk={() =>
            mark.mutate(
              { path: { sweep }, body: deciding === 'all' ? {} : { ids: deciding } },
              {
                onSuccess: ({ marked }) => {
                  void message.success(t('gone.marked', { count: marked }))
                  setDeciding(null)
                  setTicked([])
                },
              },
            )
          }
        >
          <p>{t('gone.say.mark')}</p>
        </Modal>
      )}
    </>
  )
}
