/** Going through records again: all that match, counted first, with a bar until the end; or the chosen ones, one after the other. */
import { App, Button, Modal, Progress } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useQuery } from '@tanstack/react-query'
import { call } from '../../api/client.ts'
import type { Routes } from '../../api/routes.gen.ts'
import { useRefresh, useTenant } from '../../ui/session.tsx'
import { useFormats } from '../../ui/time.tsx'
import { TaskProgress } from '../../ui/task.tsx'
import { Problem, refusalOf } from '../../ui/told.tsx'

export type Selection = Routes['estimateRetry']['body']

/** How many match, a yes, and then the bar. */
export const RerunMatching = ({ filter, onDone }: { filter: Selection; onDone: () => void }) => {
  const { t } = useTranslation()
  const formats = useFormats()
  const tenant = useTenant()
  const [task, setTask] = useState<string | null>(null)
  const [error, setError] = useState<unknown>(null)
  const estimate = useQuery({
    queryKey: ['estimate', tenant, filter],
    queryFn: () => call('estimateRetry', { path: { tenant }, body: filter }),
    staleTime: 0,
    gcTime: 0,
  })
  const matched = estimate.data?.matched
  const begin = () => {
    setError(null)
    void call('retryMatching', {
      path: { tenant },
      body: { filter, ...(matched !== undefined && { expected: matched }) },
    }).then(
      (made) => setTask(made.task),
      (no: unknown) => {
        setError(no)
        // others are at work as well: count again, and let the person look again
        if (refusalOf(no).code === 'count.changed') void estimate.refetch()
      },
    )
  }
  return (
    <Modal
      open
      title={t('rerun.title')}
      onCancel={onDone}
      footer={
        task === null
          ? [
              <Button key="no" onClick={onDone}>
                {t('act.cancel')}
              </Button>,
              <Button key="yes" type="primary" disabled={!matched} onClick={begin}>
                {t('rerun.begin', { count: matched ?? 0 })}
              </Button>,
            ]
          : [
              <Button key="done" type="primary" onClick={onDone}>
                {t('act.close')}
              </Button>,
            ]
      }
    >
      <div className="stack">
        {task === null && (
          <p>
            {matched === undefined
              ? t('rerun.counting')
              : matched === 0
                ? t('rerun.none')
                : t('rerun.estimate', { count: matched, shown: formats.number(matched) })}
          </p>
        )}
        {task !== null && <TaskProgress task={task} />}
        {task !== null && <p className="faint">{t('rerun.goesOn')}</p>}
        {(error ?? estimate.error) !== null && <Problem error={error ?? estimate.error} />}
      </div>
    </Modal>
  )
}

/** One deed for each of the chosen records, four at a time; what was refused is told at the end. */
export const EachOf = ({
  title,
  links,
  deed,
  onDone,
}: {
  title: string
  links: readonly number[]
  deed: (link: number) => Promise<unknown>
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const refresh = useRefresh()
  const [done, setDone] = useState(0)
  const [refused, setRefused] = useState<{ link: number; say: string }[]>([])
  useEffect(() => {
    let isWanted = true
    const left = [...links]
    const one = async () => {
      for (let link = left.shift(); link !== undefined && isWanted; link = left.shift()) {
        const which = link
        await deed(which).catch((no: unknown) =>
          setRefused((before) => [...before, { link: which, say: refusalOf(no).message }]),
        )
        setDone((before) => before + 1)
      }
    }
    void Promise.all([one(), one(), one(), one()]).then(refresh)
    return () => {
      isWanted = false
    }
  }, [])
  const isOver = done >= links.length
  useEffect(() => {
    if (isOver && refused.length === 0) {
      notification.success({ title: t('each.done', { count: links.length }), duration: 4 })
      onDone()
    }
  }, [isOver])
  return (
    <Modal open title={title} onCancel={onDone} footer={<Button onClick={onDone}>{t('act.close')}</Button>}>
      <Progress percent={Math.floor((done / links.length) * 100)} aria-label={t('task.progress')} />
      <p className="faint">{t('task.of', { done, total: links.length })}</p>
      {refused.length > 0 && (
        <ul className="plain">
          {refused.map((one) => (
            <li key={one.link}>
              <code>{one.link}</code> {one.say}
            </li>
          ))}
        </ul>
      )}
    </Modal>
  )
}
