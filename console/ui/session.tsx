/** Who is signed in, in which tenant the page stands, and what may be done there: by the very table that the server decides by. */
import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { createContext, type ReactNode, useContext } from 'react'
import { type Answer, call, carried, Refusal, type RouteId } from '../api/client.ts'

export type Session = Answer<'showSession'>

const remembered = 'mortise.signedIn'

/** A browser in which nobody has signed in need not be told so by the server, with an error in its console. */
export const remember = (isIn: boolean): void =>
  isIn ? localStorage.setItem(remembered, '1') : localStorage.removeItem(remembered)

/** Null: nobody is signed in. */
export const sessionQuery = {
  queryKey: ['session'],
  staleTime: 60_000,
  queryFn: async (): Promise<Session | null> => {
    if (localStorage.getItem(remembered) === null) return null
    try {
      const session = await call('showSession', {})
      carried.csrfToken = session.csrfToken
      return session
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) {
        remember(false)
        return null
      }
      throw error
    }
  },
}

/** Somebody else, or nobody, is here now: what the one before had read is forgotten. The session's own entry stays, for the whole page listens to it. */
export const setSession = (client: QueryClient, session: Session | null): void => {
  remember(session !== null)
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionQuery.queryKey[0] })
  client.setQueryData(sessionQuery.queryKey, session)
}

/** Signs out here; and at the issuer, where one vouched for this session. */
export const useSignOut = (): (() => Promise<void>) => {
  const client = useQueryClient()
  const navigate = useNavigate()
  return async () => {
    const session = client.getQueryData<Session | null>(sessionQuery.queryKey)
    const there = session?.issuer ? await call('leaveIssuer', {}).catch(() => null) : null
    await call('signOut', {}).catch(() => {})
    setSession(client, null)
    if (there?.url) window.location.assign(there.url)
    else void navigate({ to: '/sign-in', search: {} })
  }
}

/** Whether this tenant waits for a second factor of the account. */
export const isLacking = (session: Session, tenant: string): boolean =>
  session.lacks.some((one) => one === '*' || one === tenant)

const TenantContext = createContext<string | null>(null)

export const InTenant = ({ tenant, children }: { tenant: string; children: ReactNode }) => (
  <TenantContext value={tenant}>{children}</TenantContext>
)

export const useTenant = (): string => {
  const tenant = useContext(TenantContext)
  if (tenant === null) throw new Error('no tenant around this')
  return tenant
}

export const useTenants = () =>
  useQuery({ queryKey: ['tenants'], staleTime: 60_000, queryFn: () => call('listTenants', { query: { limit: 500 } }) })

const useRights = () => useQuery({ queryKey: ['rights'], staleTime: 600_000, queryFn: () => call('listRoles', {}) })

/** May the person do this here? No while that is not known. False as well for a route that this server does not have. */
export const useMay = (): ((route: RouteId | (string & {})) => boolean) => {
  const tenant = useContext(TenantContext)
  const tenants = useTenants().data?.items
  const rights = useRights().data
  const { data: session } = useQuery(sessionQuery)
  const role = (tenant !== null && tenants?.find((one) => one.tenant === tenant)?.role) || session?.everywhere || null
  const held = rights?.roles.find((one) => one.role === role)?.rights as readonly string[] | undefined
  return (route) => {
    const right = rights?.routes.find((one) => one.route === route)?.right
    if (right === undefined) return false
    return right === null || (held?.includes(right) ?? false)
  }
}

/** Everything that was read of the tenant is asked for again. */
export const useRefresh = (): (() => void) => {
  const client = useQueryClient()
  const tenant = useContext(TenantContext)
  return () => void client.invalidateQueries({ queryKey: ['in', tenant] })
}
