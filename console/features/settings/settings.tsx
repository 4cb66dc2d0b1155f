/** Settings of the tenant: who calls us, who works here, what was changed and by whom. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { sessionQuery, useMay, useTenant } from '../../ui/session.tsx'
import { Nothing, PageHead } from '../../ui/told.tsx'
import { Audit } from './audit.tsx'
import { Callers } from './callers.tsx'
import { Installation } from './installation.tsx'
import { Keys } from './keys.tsx'
import { TenantSettings } from './tenant.tsx'
import { Users } from './users.tsx'
import { Versions } from './versions.tsx'

const tabs = {
  callers: Callers,
  users: Users,
  keys: Keys,
  versions: Versions,
  audit: Audit,
  tenant: TenantSettings,
  installation: Installation,
} as const
type Tab = keyof typeof tabs
/** A tab of which nothing may be seen is not offered. */
const needs: Record<Tab, string> = {
  callers: 'listTokens',
  users: 'listUsers',
  keys: 'listOwnKeys',
  versions: 'listVersions',
  audit: 'listAudit',
  tenant: 'showTenant',
  installation: 'listProviders',
}

export const Settings = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const { tab } = useParams({ from: '/t/$tenant/settings/$tab' })
  const { data: session } = useQuery(sessionQuery)
  // an owner of a tenant has that right in the tenant, where nothing asks for it
  const isOwner = session?.everywhere === 'owner'
  const shown = (Object.keys(tabs) as Tab[]).filter((one) => may(needs[one]) && (one !== 'installation' || isOwner))
  const Page = shown.includes(tab as Tab) ? tabs[tab as Tab] : null
  return (
    <>
      <PageHead title={t('nav.settings')} sub={t('settings.sub')} />
      <nav className="tabs" aria-label={t('nav.settings')}>
        {shown.map((one) => (
          <Link
            key={one}
            to="/t/$tenant/settings/$tab"
            params={{ tenant, tab: one }}
            search={{}}
            activeOptions={{ includeSearch: false }}
            activeProps={{ className: 'active' }}
          >
            {t(`settings.${one}`)}
          </Link>
        ))}
      </nav>
      {Page ? (
        <Page />
      ) : (
        <div className="card">
          <Nothing title={t('problem.absent')}>{t('problem.absentTodo')}</Nothing>
        </div>
      )}
    </>
  )
}
