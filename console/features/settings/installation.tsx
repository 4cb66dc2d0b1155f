/** The installation itself, for its owners: everybody with his roles in all tenants, issuers, the rule for sign-ins, its own trail. */
import { Button, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { useChange, useList } from '../../ui/asking.ts'
import { Secret } from '../../ui/changes.tsx'
import { useTenants } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'
import { Audit } from './audit.tsx'
import { Providers } from './providers.tsx'
import { Rule } from './rule.tsx'
import { EditUser, Marks, NewUser, type Role, type Told, useRoleOptions } from './users.tsx'

type User = Item<'listEveryUser'>

/** One person: the role everywhere where the account is the installation's, and one in each tenant. */
const Roles = ({ user }: { user: User }) => {
  const { t } = useTranslation()
  const options = useRoleOptions()
  const tenants = useTenants().data?.items ?? []
  const change = useChange('changeEveryUser')
  const given = user.tenants ?? {}
  const free = tenants.filter((one) => given[one.tenant] === undefined)
  const give = (tenant: string, role: Role | null) =>
    change.mutate({ path: { user: user.user }, body: { tenants: { [tenant]: role } } })
  return (
    <div className="row" style={{ justifyContent: 'flex-start' }}>
      {user.home === '*' && (
        <span>
          {t('account.everywhere')}{' '}
          <Select<Role>
            size="small"
            aria-label={t('user.roleOf', { user: user.user })}
            value={user.role as Role}
            popupMatchSelectWidth={false}
            options={options}
            onChange={(role) => change.mutate({ path: { user: user.user }, body: { role } })}
          />
        </span>
      )}
      {Object.entries(given).map(([tenant, role]) => (
        <span key={tenant}>
          {tenant}{' '}
          <Select<Role>
            size="small"
            aria-label={t('user.roleIn', { user: user.user, tenant })}
            value={role as Role}
            allowClear={tenant !== user.home}
            popupMatchSelectWidth={false}
            options={options}
            onChange={(chosen?: Role) => give(tenant, chosen ?? null)}
          />
        </span>
      ))}
      {free.length > 0 && (
        <Select<string>
          size="small"
          aria-label={t('user.giveOf', { user: user.user })}
          placeholder={t('user.give')}
          value={null as unknown as string}
          popupMatchSelectWidth={false}
          options={free.map((one) => ({ value: one.tenant, label: one.tenant }))}
          onChange={(tenant) => give(tenant, 'viewer')}
        />
      )}
    </div>
  )
}

const People = () => {
  const { t } = useTranslation()
  const found = useList('listEveryUser')
  const [isNew, setNew] = useState(false)
  const [editing, setEditing] = useState<User | null>(null)
  const [told, setTold] = useState<Told | null>(null)
  if (found.error) return <Problem error={found.error} />
  if (found.isPending) return <Skeleton active />
  return (
    <section className="card stack">
      <div className="row" style={{ justifyContent: 'space-between' }}>
        <div>
          <h2 style={{ margin: 0 }}>{t('install.people')}</h2>
          <p className="faint">{t('install.peopleSay')}</p>
        </div>
        <Button onClick={() => setNew(true)}>{t('user.new')}</Button>
      </div>
      {told && <Secret {...told} />}
      <div className="rows">
        {found.items.map((one) => (
          <div key={one.user} className="one stack">
            <div className="row">
              <span>
                <b>{one.user}</b> {one.name} <Marks user={one} />
                {one.home !== '*' && <span className="faint"> {t('user.elsewhere', { home: one.home })}</span>}
              </span>
              <Button size="small" onClick={() => setEditing(one)}>
                {t('user.change')}
              </Button>
            </div>
            <Roles user={one} />
          </div>
        ))}
      </div>
      {isNew && <NewUser everywhere onDone={() => setNew(false)} onMade={setTold} />}
      {editing && <EditUser everywhere user={editing} onTold={setTold} onDone={() => setEditing(null)} />}
    </section>
  )
}

export const Installation = () => {
  const { t } = useTranslation()
  return (
    <>
      <People />
      <Rule where="everywhere" />
      <Providers />
      <section className="card stack">
        <h2>{t('install.trail')}</h2>
        <Audit which="listEveryAudit" />
      </section>
    </>
  )
}
