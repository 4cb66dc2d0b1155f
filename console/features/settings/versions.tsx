/** Versions of what is declared: what differed, and bringing one back, planned first. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Input, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { useList } from '../../ui/asking.ts'
import { VersionList } from '../../ui/version-list.tsx'

const kinds = ['connection', 'object', 'pair', 'flow', 'function'] as const

export const Versions = () => {
  const { t } = useTranslation()
  const navigate = useNavigate({ from: '/t/$tenant/settings/$tab' })
  const said = useSearch({ from: '/t/$tenant/settings/$tab' })
  const kind = kinds.find((one) => one === said.kind)
  const found = useList(
    'listVersions',
    { query: { ...(kind && { kind }), ...(said.name && { name: said.name }) } },
    { limit: 50 },
  )
  const set = (change: { kind?: string; name?: string }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  return (
    <>
      <div className="filters" role="group" aria-label={t('filter.label')}>
        <Select
          style={{ minWidth: 160 }}
          aria-label={t('version.kind')}
          placeholder={t('version.kind')}
          value={kind}
          allowClear
          options={kinds.map((value) => ({ value, label: t(`kind.${value}`) }))}
          onChange={(value?: string) => set({ kind: value })}
        />
        <Input.Search
          key={said.name}
          style={{ width: 240 }}
          aria-label={t('version.name')}
          placeholder={t('version.name')}
          defaultValue={said.name}
          allowClear
          onSearch={(text) => set({ name: text.trim() || undefined })}
        />
      </div>
      <VersionList list={found} />
    </>
  )
}
