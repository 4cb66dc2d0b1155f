/** Whether a second factor is required of everybody who signs in with a password: in this tenant, or everywhere. */
import { useQueryClient } from '@tanstack/react-query'
import { App, Skeleton, Switch } from 'antd'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from '../../ui/asking.ts'
import { sessionQuery, useMay } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'

const routes = {
  tenant: { show: 'showSignInRule', put: 'putSignInRule' },
  everywhere: { show: 'showEverySignInRule', put: 'putEverySignInRule' },
} as const

export const Rule = ({ where = 'tenant' }: { where?: keyof typeof routes }) => {
  const { t } = useTranslation()
  const may = useMay()
  const client = useQueryClient()
  const { modal } = App.useApp()
  const { data, error } = useRead(routes[where].show)
  const put = useChange(routes[where].put)
  if (error) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const isOn = data.secondFactor === 'required'
  const go = () =>
    put
      .mutateAsync({ body: { secondFactor: isOn ? 'optional' : 'required' } } as never)
      .then(() => client.invalidateQueries({ queryKey: sessionQuery.queryKey }))
      .catch(() => {})
  return (
    <section className="card stack">
      <h2>{t('user.rule')}</h2>
      <div className="row">
        <Switch
          aria-label={t('user.rule')}
          checked={isOn}
          disabled={!may(routes[where].put)}
          loading={put.isPending}
          onChange={() => {
            if (isOn) void go()
            else
              void modal.confirm({
                title: t('user.ruleSure'),
                content: t('user.ruleSay'),
                okText: t('act.yes'),
                cancelText: t('act.cancel'),
                onOk: go,
              })
          }}
        />
        <span>{t(where === 'tenant' ? 'user.ruleTenant' : 'user.ruleEverywhere')}</span>
      </div>
      <p className="faint">{t('user.ruleSay')}</p>
    </section>
  )
}
