/** Long work that a person asked for: how far it is, until it ends. */
import { useQuery } from '@tanstack/react-query'
import { Progress } from 'antd'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../api/client.ts'
import { useRefresh, useTenant } from './session.tsx'
import { Problem } from './told.tsx'

export const TaskProgress = ({ task }: { task: string }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const { data, error } = useQuery({
    queryKey: ['task', tenant, task],
    queryFn: () => call('showTask', { path: { tenant, task } }),
    refetchInterval: (query) => (query.state.data && query.state.data.state !== 'running' ? false : 700),
  })
  const state = data?.state ?? 'running'
  useEffect(() => {
    if (state !== 'running') refresh()
  }, [state])
  if (error) return <Problem error={error} />
  const percent = !data
    ? 0
    : state === 'done'
      ? 100
      : data.total === 0
        ? 0
        : Math.min(100, Math.floor((data.done / data.total) * 100))
  return (
    <div role="status">
      <Progress
        percent={percent}
        status={state === 'failed' ? 'exception' : state === 'done' ? 'success' : 'active'}
        aria-label={t('task.progress')}
      />
      <p className="faint">
        {t(`task.${state}`)} · {t('task.of', { done: data?.done ?? 0, total: data?.total ?? 0 })}
      </p>
      {data?.fault && <p>{data.fault}</p>}
    </div>
  )
}
