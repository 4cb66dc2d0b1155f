/** What is around every page: where one may go, which tenant this is, the search box, and one's own settings. */
import {
  ApartmentOutlined,
  ApiOutlined,
  AppstoreOutlined,
  BellOutlined,
  BranchesOutlined,
  CodeOutlined,
  DashboardOutlined,
  DeleteOutlined,
  DiffOutlined,
  ExportOutlined,
  FileSearchOutlined,
  HistoryOutlined,
  InboxOutlined,
  LinkOutlined,
  MenuOutlined,
  SettingOutlined,
  SwapOutlined,
  SyncOutlined,
  ToolOutlined,
  UnorderedListOutlined,
} from '@ant-design/icons'
import { Link, useNavigate, useRouterState } from '@tanstack/react-router'
import { Button, Drawer, Input, Select } from 'antd'
import { type ReactNode, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import mark from './mark.svg'
import { useRead } from '../ui/asking.ts'
import { useIsPhone } from '../ui/phone.ts'
import { useTenant, useTenants } from '../ui/session.tsx'
import { GuideBar } from './guide.tsx'
import { OwnMenu } from './own.tsx'

const Nav = ({ onGo }: { onGo?: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const status = useRead('showStatus', {}, { every: 10_000 }).data
  const troubled = status
    ? status.flows.reduce((sum, flow) => sum + (flow.counts.failed ?? 0) + (flow.counts.unknown ?? 0), 0) +
      status.connections.reduce((sum, one) => sum + one.readsFailed, 0)
    : 0
  const params = { tenant }
  const path = useRouterState({ select: (state) => state.location.pathname })
  const firing = useRead('listAlerts', { query: { state: 'firing', limit: 100 } }, { every: 15_000 }).data?.alerts
    .length
  const item = (icon: ReactNode, name: string, count = 0, what = t('state.failed')) => (
    <>
      {icon}
      {name}
      {count > 0 && (
        <span className="count">
          {count > 9_999 ? '9999+' : count}
          <span className="skip"> {what}</span>
        </span>
      )}
    </>
  )
  const of = { params, className: 'nav-item', onClick: onGo, activeProps: { className: 'active' } }
  return (
    <nav aria-label={t('nav.label')}>
      <Link {...of} to="/t/$tenant" activeOptions={{ exact: true, includeSearch: false }}>
        {item(<DashboardOutlined />, t('nav.overview'))}
      </Link>
      <Link {...of} to="/t/$tenant/maintain" search={{}} activeOptions={{ includeSearch: false }}>
        {item(<ToolOutlined />, t('nav.maintain'), troubled)}
      </Link>
      <Link {...of} to="/t/$tenant/mapping" search={{}} activeOptions={{ includeSearch: false }}>
        {item(<LinkOutlined />, t('nav.mapping'))}
      </Link>
      <Link {...of} to="/t/$tenant/calls" search={{}} activeOptions={{ includeSearch: false }}>
        {item(<FileSearchOutlined />, t('nav.calls'))}
      </Link>
      <Link {...of} to="/t/$tenant/tasks">
        {item(<UnorderedListOutlined />, t('nav.tasks'))}
      </Link>
      <Link
        {...of}
        className={`nav-item${path.includes('/alerts/') ? ' active' : ''}`}
        to="/t/$tenant/alerts/$tab"
        params={{ tenant, tab: 'open' }}
      >
        {item(<BellOutlined />, t('nav.alerts'), firing, t('work.firing'))}
      </Link>
      <Link {...of} to="/t/$tenant/conflicts">
        {item(<SwapOutlined />, t('nav.conflicts'))}
      </Link>
      <div className="nav-group">{t('nav.reading')}</div>
      <Link {...of} to="/t/$tenant/polls">
        {item(<SyncOutlined />, t('nav.polls'))}
      </Link>
      <Link {...of} to="/t/$tenant/history">
        {item(<HistoryOutlined />, t('nav.history'))}
      </Link>
      <Link {...of} to="/t/$tenant/compare">
        {item(<DiffOutlined />, t('nav.compare'))}
      </Link>
      <Link {...of} to="/t/$tenant/gone">
        {item(<DeleteOutlined />, t('nav.gone'))}
      </Link>
      <Link {...of} to="/t/$tenant/batches" search={{}} activeOptions={{ includeSearch: false }}>
        {item(<InboxOutlined />, t('nav.batches'))}
      </Link>
      <Link {...of} to="/t/$tenant/out-batches" search={{}} activeOptions={{ includeSearch: false }}>
        {item(<ExportOutlined />, t('nav.outgoing'))}
      </Link>
      <div className="nav-group">{t('nav.declare')}</div>
      <Link {...of} to="/t/$tenant/connections">
        {item(<ApiOutlined />, t('nav.connections'))}
      </Link>
      <Link {...of} to="/t/$tenant/objects">
        {item(<AppstoreOutlined />, t('nav.objects'))}
      </Link>
      <Link {...of} to="/t/$tenant/flows">
        {item(<BranchesOutlined />, t('nav.flows'))}
      </Link>
      <Link {...of} to="/t/$tenant/functions">
        {item(<CodeOutlined />, t('nav.functions'))}
      </Link>
      <div className="nav-group">{t('nav.govern')}</div>
      <Link
        {...of}
        className={`nav-item${path.includes('/settings/') ? ' active' : ''}`}
        to="/t/$tenant/settings/$tab"
        params={{ tenant, tab: 'callers' }}
        search={{}}
        activeOptions={{ includeSearch: false }}
      >
        {item(<SettingOutlined />, t('nav.settings'))}
      </Link>
    </nav>
  )
}

/** Any id of either system, a trace id, the number of a record. */
const Search = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      const isTyping =
        /^(INPUT|TEXTAREA|SELECT)$/.test((event.target as HTMLElement).tagName) ||
        (event.target as HTMLElement).isContentEditable
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      document.getElementById('search')?.focus()
    }
    document.addEventListener('keydown', heard)
    return () => document.removeEventListener('keydown', heard)
  }, [])
  return (
    <search className="search">
      <Input.Search
        id="search"
        aria-label={t('find.label')}
        placeholder={t('find.hint')}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onSearch={(said) => {
          const id = said.trim()
          if (id) void navigate({ to: '/t/$tenant/find', params: { tenant }, search: { id } })
        }}
        allowClear
      />
    </search>
  )
}

const TenantSwitch = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const tenants = useTenants().data?.items ?? []
  const navigate = useNavigate()
  if (tenants.length < 2)
    return (
      <span className="row nowrap">
        <ApartmentOutlined aria-hidden /> {tenants.find((one) => one.tenant === tenant)?.name ?? tenant}
      </span>
    )
  return (
    <Select
      aria-label={t('tenant.label')}
      prefix={<ApartmentOutlined />}
      value={tenant}
      showSearch={{ optionFilterProp: 'label' }}
      popupMatchSelectWidth={false}
      options={tenants.map((one) => ({
        value: one.tenant,
        label: one.name === one.tenant ? one.tenant : `${one.name} (${one.tenant})`,
      }))}
      onChange={(next) => void navigate({ to: '/t/$tenant', params: { tenant: next } })}
    />
  )
}

export const Shell = ({ children }: { children: ReactNode }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const isPhone = useIsPhone()
  const [isOpen, setOpen] = useState(false)
  const path = useRouterState({ select: (state) => state.location.pathname })
  useEffect(() => setOpen(false), [path])
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t('nav.skip')}
      </a>
      <header className="shell-top">
        {isPhone && (
          <Button type="text" icon={<MenuOutlined />} aria-label={t('nav.label')} onClick={() => setOpen(true)} />
        )}
        <Link to="/t/$tenant" params={{ tenant }} className="brand" aria-label="Mortise">
          <img src={mark} alt="" />
          <span>
            Mortise <small lang="zh">{t('brand')}</small>
          </span>
        </Link>
        {!isPhone && <TenantSwitch />}
        <span className="grow" />
        <Search />
        <OwnMenu />
      </header>
      {isPhone ? (
        <Drawer open={isOpen} onClose={() => setOpen(false)} placement="left" size={264} title={<TenantSwitch />}>
          <Nav onGo={() => setOpen(false)} />
        </Drawer>
      ) : (
        <div className="shell-nav">
          <Nav />
        </div>
      )}
      <main className="shell-main" id="main" tabIndex={-1}>
        <GuideBar />
        {children}
      </main>
    </div>
  )
}
