/** The addresses of the console, each with its page; a page is loaded when somebody goes there. Filters are part of the address. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
  Outlet,
  useParams,
} from '@tanstack/react-router'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { InTenant, isLacking, sessionQuery, useTenants } from '../ui/session.tsx'
import { Nothing, Problem } from '../ui/told.tsx'
import { Shell } from './shell.tsx'

/** Plain text in the address: ids with many digits stay what they are. */
const parseSearch = (text: string): Record<string, string> => Object.fromEntries(new URLSearchParams(text))
const stringifySearch = (search: Record<string, unknown>): string => {
  const said = new URLSearchParams()
  for (const [name, value] of Object.entries(search))
    if (value !== undefined && value !== null && value !== '') said.set(name, String(value))
  const text = said.toString()
  return text ? `?${text}` : ''
}

/** Of an address, what the page knows; the rest is dropped. */
const knows =
  <Name extends string>(...names: Name[]) =>
  (search: Record<string, unknown>): { [N in Name]?: string } =>
    Object.fromEntries(
      names.flatMap((name) =>
        search[name] === undefined || search[name] === '' ? [] : [[name, String(search[name])]],
      ),
    ) as { [N in Name]?: string }

const Absent = () => {
  const { t } = useTranslation()
  return (
    <Nothing isPage title={t('problem.absent')}>
      {t('problem.absentTodo')}
    </Nothing>
  )
}

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: Absent,
  errorComponent: ({ error, reset }) => <Problem error={error} retry={reset} />,
})

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: knows('to'),
  component: lazyRouteComponent(() => import('../features/signin/signin.tsx'), 'SignIn'),
})

const back = createRoute({
  getParentRoute: () => root,
  path: '/sign-in/back',
  component: lazyRouteComponent(() => import('../features/signin/back.tsx'), 'Back'),
})
/** Outside of any tenant: who lacks a second factor gets in nowhere else. */
const ownAccount = createRoute({
  getParentRoute: () => root,
  path: '/account',
  validateSearch: knows('to'),
  component: lazyRouteComponent(() => import('../features/account/gate.tsx'), 'Gate'),
})

const last = 'mortise.tenant'

/** To the tenant of the last time, or the first there is. */
const Home = () => {
  const { t } = useTranslation()
  const { data: session, error } = useQuery(sessionQuery)
  const tenants = useTenants()
  if (error) return <Problem error={error} />
  if (session === null) return <Navigate to="/sign-in" search={{}} replace />
  const ids = tenants.data?.items.map((one) => one.tenant)
  if (!session || !ids) return null
  const before = localStorage.getItem(last)
  const tenant = before !== null && ids.includes(before) ? before : ids[0]
  if (tenant === undefined) return <Nothing title={t('tenant.none')}>{t('tenant.noneTodo')}</Nothing>
  return <Navigate to="/t/$tenant" params={{ tenant }} replace />
}
const home = createRoute({ getParentRoute: () => root, path: '/', component: Home })

let within = ''
/** Where somebody wanted to be. Asked again while the page already goes to the sign-in, whose own address it must not become. */
const wanted = (): string => {
  const { pathname, search } = window.location
  if (pathname.startsWith('/t/')) within = pathname + search
  return within
}

const Inside = () => {
  const { tenant } = useParams({ from: '/t/$tenant' })
  const { data: session, error } = useQuery(sessionQuery)
  if (error) return <Problem error={error} />
  if (session === undefined) return null
  if (session === null) return <Navigate to="/sign-in" search={{ to: wanted() }} replace />
  if (isLacking(session, tenant)) return <Navigate to="/account" search={{ to: wanted() }} replace />
  localStorage.setItem(last, tenant)
  return (
    <InTenant tenant={tenant} key={tenant}>
      <Shell>
        <Outlet />
      </Shell>
    </InTenant>
  )
}
const inside = createRoute({
  getParentRoute: () => root,
  path: '/t/$tenant',
  component: Inside,
  notFoundComponent: Absent,
})

const filters = ['view', 'flow', 'object', 'state', 'fault', 'group', 'from', 'to', 'keyword'] as const

const overview = createRoute({
  getParentRoute: () => inside,
  path: '/',
  validateSearch: knows('span'),
  component: lazyRouteComponent(() => import('../features/overview/overview.tsx'), 'Overview'),
})
const maintain = createRoute({
  getParentRoute: () => inside,
  path: '/maintain',
  validateSearch: knows(...filters),
  component: lazyRouteComponent(() => import('../features/maintain/maintain.tsx'), 'Maintain'),
})
const record = createRoute({
  getParentRoute: () => inside,
  path: '/record/$link',
  component: lazyRouteComponent(() => import('../features/maintain/record.tsx'), 'RecordPage'),
})
const find = createRoute({
  getParentRoute: () => inside,
  path: '/find',
  validateSearch: knows('id'),
  component: lazyRouteComponent(() => import('../features/find/find.tsx'), 'Find'),
})
const mapping = createRoute({
  getParentRoute: () => inside,
  path: '/mapping',
  validateSearch: knows('pair', 'id', 'bound'),
  component: lazyRouteComponent(() => import('../features/mapping/mapping.tsx'), 'Mapping'),
})
const calls = createRoute({
  getParentRoute: () => inside,
  path: '/calls',
  validateSearch: knows('pair', 'target', 'call', 'outcome', 'trace', 'from', 'to', 'open', 'at'),
  component: lazyRouteComponent(() => import('../features/calls/calls.tsx'), 'Calls'),
})
const tasks = createRoute({
  getParentRoute: () => inside,
  path: '/tasks',
  component: lazyRouteComponent(() => import('../features/tasks/tasks.tsx'), 'Tasks'),
})
const connections = createRoute({
  getParentRoute: () => inside,
  path: '/connections',
  component: lazyRouteComponent(() => import('../features/connections/connections.tsx'), 'Connections'),
})
const connection = createRoute({
  getParentRoute: () => inside,
  path: '/connections/$connection',
  component: lazyRouteComponent(() => import('../features/connections/connection.tsx'), 'ConnectionPage'),
})
const objects = createRoute({
  getParentRoute: () => inside,
  path: '/objects',
  component: lazyRouteComponent(() => import('../features/objects/objects.tsx'), 'Objects'),
})
const object = createRoute({
  getParentRoute: () => inside,
  path: '/objects/$connection/$object',
  component: lazyRouteComponent(() => import('../features/objects/object.tsx'), 'ObjectPage'),
})
const flows = createRoute({
  getParentRoute: () => inside,
  path: '/flows',
  component: lazyRouteComponent(() => import('../features/flows/flows.tsx'), 'Flows'),
})
const flow = createRoute({
  getParentRoute: () => inside,
  path: '/flows/$pair/$flow',
  validateSearch: knows('tab'),
  component: lazyRouteComponent(() => import('../features/flows/flow.tsx'), 'FlowPage'),
})
const account = createRoute({
  getParentRoute: () => inside,
  path: '/account',
  component: lazyRouteComponent(() => import('../features/account/account.tsx'), 'AccountPage'),
})
const mapper = createRoute({
  getParentRoute: () => inside,
  path: '/flows/$pair/$flow/mapping',
  validateSearch: knows('record'),
  component: lazyRouteComponent(() => import('../features/flows/mapper.tsx'), 'MapperPage'),
})
const polls = createRoute({
  getParentRoute: () => inside,
  path: '/polls',
  component: lazyRouteComponent(() => import('../features/polls/polls.tsx'), 'Polls'),
})
const poll = createRoute({
  getParentRoute: () => inside,
  path: '/polls/$connection/$object',
  validateSearch: knows('span'),
  component: lazyRouteComponent(() => import('../features/polls/poll.tsx'), 'PollPage'),
})
const history = createRoute({
  getParentRoute: () => inside,
  path: '/history',
  component: lazyRouteComponent(() => import('../features/history/history.tsx'), 'History'),
})
const compare = createRoute({
  getParentRoute: () => inside,
  path: '/compare',
  component: lazyRouteComponent(() => import('../features/compare/compare.tsx'), 'Compare'),
})
const comparison = createRoute({
  getParentRoute: () => inside,
  path: '/compare/$comparison',
  validateSearch: knows('kind'),
  component: lazyRouteComponent(() => import('../features/compare/found.tsx'), 'ComparisonPage'),
})
const gone = createRoute({
  getParentRoute: () => inside,
  path: '/gone',
  component: lazyRouteComponent(() => import('../features/gone/gone.tsx'), 'Gone'),
})
const sweep = createRoute({
  getParentRoute: () => inside,
  path: '/gone/$sweep',
  component: lazyRouteComponent(() => import('../features/gone/sweep.tsx'), 'SweepPage'),
})
const batches = createRoute({
  getParentRoute: () => inside,
  path: '/batches',
  validateSearch: knows('client', 'state'),
  component: lazyRouteComponent(() => import('../features/batches/batches.tsx'), 'Batches'),
})
const batch = createRoute({
  getParentRoute: () => inside,
  path: '/batches/$batch',
  component: lazyRouteComponent(() => import('../features/batches/batch.tsx'), 'BatchPage'),
})
const outgoing = createRoute({
  getParentRoute: () => inside,
  path: '/out-batches',
  validateSearch: knows('connection', 'state'),
  component: lazyRouteComponent(() => import('../features/batches/outgoing.tsx'), 'Outgoing'),
})
const sent = createRoute({
  getParentRoute: () => inside,
  path: '/out-batches/$batch',
  component: lazyRouteComponent(() => import('../features/batches/sent.tsx'), 'SentPage'),
})
const unread = createRoute({
  getParentRoute: () => inside,
  path: '/unread',
  validateSearch: knows('connection'),
  component: lazyRouteComponent(() => import('../features/connections/unread.tsx'), 'Unread'),
})
const functions = createRoute({
  getParentRoute: () => inside,
  path: '/functions',
  component: lazyRouteComponent(() => import('../features/functions/functions.tsx'), 'Functions'),
})
const fn = createRoute({
  getParentRoute: () => inside,
  path: '/functions/$name',
  validateSearch: knows('tab'),
  component: lazyRouteComponent(() => import('../features/functions/function.tsx'), 'FunctionPage'),
})
const alerts = createRoute({
  getParentRoute: () => inside,
  path: '/alerts/$tab',
  component: lazyRouteComponent(() => import('../features/alerts/alerts.tsx'), 'Alerts'),
})
const conflicts = createRoute({
  getParentRoute: () => inside,
  path: '/conflicts',
  component: lazyRouteComponent(() => import('../features/conflicts/conflicts.tsx'), 'Conflicts'),
})
const conflict = createRoute({
  getParentRoute: () => inside,
  path: '/conflicts/$link',
  component: lazyRouteComponent(() => import('../features/conflicts/conflict.tsx'), 'ConflictPage'),
})
const settings = createRoute({
  getParentRoute: () => inside,
  path: '/settings/$tab',
  validateSearch: knows('kind', 'name', 'actor', 'from', 'to'),
  component: lazyRouteComponent(() => import('../features/settings/settings.tsx'), 'Settings'),
})

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    signIn,
    back,
    ownAccount,
    inside.addChildren([
      overview,
      maintain,
      record,
      find,
      mapping,
      calls,
      tasks,
      connections,
      connection,
      objects,
      object,
      flows,
      flow,
      mapper,
      polls,
      poll,
      history,
      compare,
      comparison,
      gone,
      sweep,
      batches,
      batch,
      outgoing,
      sent,
      unread,
      functions,
      fn,
      alerts,
      conflicts,
      conflict,
      settings,
      account,
    ]),
  ]),
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
