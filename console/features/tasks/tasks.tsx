/** Long work that people asked for: how far it is, who asked, and how to stop it. */
import { Button, Progress } from 'antd'
import { useTranslation } from 'react-i18next'
import { Listing, More } from '../../ui/listing.tsx'
import { useChange, useList } from '../../ui/asking.ts'
import { useMay } from '../../ui/session.tsx'
import { Moment } from '../../ui/time.tsx'
import { Nothing, PageHead } from '../../ui/told.tsx'

export const Tasks = () => {
  const { t } = useTranslation()
  const may = useMay()
  const list = useList('listTasks', {}, { every: 2_000 })
  const stop = useChange('stopTask')
  return (
    <>
      <PageHead title={t('nav.tasks')} sub={t('tasks.sub')} />
      <Listing list={list} none={<Nothing title={t('tasks.none')}>{t('tasks.noneTodo')}</Nothing>}>
        <div className="rows">
          {list.items.map((one) => (
            <article key={one.task} className="one">
              <div className="row">
                <b>{t(`task.kind.${one.kind}` as 'task.kind.retry', { defaultValue: one.kind })}</b>
                <span className="faint">
                  {one.askedBy} · <Moment at={one.createdAt} as="ago" />
                </span>
              </div>
              <Progress
                aria-label={t('task.progress')}
                percent={
                  one.state === 'done'
                    ? 100
                    : one.total === 0
                      ? 0
                      : Math.min(100, Math.floor((one.done / one.total) * 100))
                }
                status={
                  one.state === 'failed'
                    ? 'exception'
                    : one.state === 'done'
                      ? 'success'
                      : one.state === 'stopped'
                        ? 'normal'
                        : 'active'
                }
              />
              <div className="row">
                <span>
                  {t(`task.${one.state}`)} · {t('task.of', { done: one.done, total: one.total })}
                  {one.fault !== null && ` · ${one.fault}`}
                </span>
                {one.state === 'running' && may('stopTask') && (
                  <Button size="small" onClick={() => stop.mutate({ path: { task: one.task } })}>
                    {t('act.stop')}
                  </Button>
                )}
              </div>
            </article>
          ))}
          <More list={list} />
        </div>
      </Listing>
    </>
  )
}
