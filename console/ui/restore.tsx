/** Bringing a version back: what would change, and then the yes, which names that very plan. */
import { Modal, Skeleton } from 'antd'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call, type Item } from '../api/client.ts'
import { ChangeList } from './changes.tsx'
import { useRefresh, useTenant } from './session.tsx'
import { Problem } from './told.tsx'

export type Version = Item<'listVersions'>

export const Restore = ({ version, onDone }: { version: Version; onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const [error, setError] = useState<unknown>(null)
  const path = { tenant, kind: version.kind, name: version.name, number: version.number }
  const planned = useQuery({
    queryKey: ['plan', path],
    queryFn: () => call('restoreVersion', { path, body: { really: false } }),
    staleTime: 0,
    gcTime: 0,
  })
  const go = () =>
    void call('restoreVersion', { path, body: { really: true, plan: planned.data?.plan } }).then(() => {
      refresh()
      onDone()
    }, setError)
  return (
    <Modal
      open
      width={680}
      title={t('version.restoreOf', { name: version.name, number: version.number })}
      onCancel={onDone}
      okText={t('version.restoreGo')}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: !planned.data || planned.data.changes.length === 0 }}
      onOk={go}
    >
      {planned.isPending && <Skeleton active />}
      {planned.data && <ChangeList changes={planned.data.changes} />}
      {(error ?? planned.error) !== null && <Problem error={error ?? planned.error} />}
    </Modal>
  )
}
