/** Every page of the console: the addresses its router knows, and a place for each in a sandbox in which something of everything has happened. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const read = (path: string) => readFileSync(join(import.meta.dirname, '../../console', path), 'utf8')

/** Tabs that are a part of the address, each a page of its own. */
const tabs: Record<string, () => string[]> = {
  '/t/$tenant/settings/$tab': () =>
    [...(/const tabs = \{([^}]*)\}/.exec(read('features/settings/settings.tsx'))?.[1] ?? '').matchAll(/(\w+):/g)].map(
      ([, tab]) => tab as string,
    ),
  '/t/$tenant/alerts/$tab': () =>
    [...(/const tabs = \[([^\]]*)\]/.exec(read('features/alerts/alerts.tsx'))?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
      ([, tab]) => tab as string,
    ),
}

/** The addresses the router knows, read from its text: a page that is added stands here by itself. */
export const routes = (text = read('app/router.tsx')): string[] => {
  const made = [
    ...text.matchAll(/const (\w+) = createRoute\(\{\s*getParentRoute: \(\) => (\w+),\s*path: '([^']+)'/g),
  ].map(([, name, parent, path]) => ({ name, parent, path: path as string }))
  if (made.length !== text.match(/= createRoute\(/g)?.length) throw new Error('a route is written in another way')
  const whole = ({ parent, path }: (typeof made)[number]): string => {
    const above = made.find((one) => one.name === parent)
    return above ? `${whole(above)}${path}` : path
  }
  return made
    .filter((one) => !made.some((other) => other.parent === one.name))
    .map(whole)
    .flatMap((route) => tabs[route]?.().map((tab) => route.replace('$tab', tab)) ?? [route])
}

/** Of what happened, the ids that addresses are made of. */
export interface Happened {
  function: string
  batch: number
  outgoing: number
  comparison: string
  sweep: string
  conflict: number
  failed: number
  waiting: number
  succeeded: number
  /** A call of the API log, and when it was. */
  call: { attempt: number; at: string }
}

export interface Place {
  /** Of its picture. */
  name: string
  path: string
  /** What is pressed before one looks. */
  press?: string[]
  /** Seen on a phone as well: where one watches and repairs. */
  phone?: true
  /** Its name among the pictures of the READMEs. */
  readme?: 'overview' | 'maintain' | 'record' | 'mapping'
  /** Without having signed in. */
  stranger?: true
}

const create = '.page-acts .ant-btn-primary'
const within = (name: string, path: string, more: Omit<Place, 'name' | 'path'> = {}): Place => ({
  name,
  path: `/t/sandbox${path}`,
  ...more,
})

export const placesOf = (it: Happened): Place[] => [
  { name: 'sign-in', path: '/sign-in', stranger: true, phone: true },
  { name: 'sign-in-back', path: '/sign-in/back?error=login_required', stranger: true },
  { name: 'account-gate', path: '/account' },
  within('overview', '/', { phone: true, readme: 'overview' }),
  within('maintain', '/maintain', { phone: true, readme: 'maintain' }),
  within('maintain-state', '/maintain?state=waiting'),
  within('maintain-empty', '/maintain?keyword=nothing-of-the-kind'),
  within('maintain-fix', '/maintain', { press: ['.group .ant-btn-primary'] }),
  within('record-failed', `/record/${it.failed}`, { phone: true, readme: 'record' }),
  within('record-waiting', `/record/${it.waiting}`),
  within('record-succeeded', `/record/${it.succeeded}`),
  within('find', '/find?id=board', { phone: true }),
  within('find-nothing', '/find?id=nothing-of-the-kind'),
  within('mapping', '/mapping', { phone: true }),
  within('mapping-bind', '/mapping', { press: [create] }),
  within('calls', '/calls', { phone: true }),
  within('calls-one', `/calls?open=${it.call.attempt}&at=${encodeURIComponent(it.call.at)}`),
  within('tasks', '/tasks', { phone: true }),
  within('connections', '/connections', { phone: true }),
  within('connections-new', '/connections', { press: [create] }),
  within('connection', '/connections/erp'),
  within('connection-batches', '/connections/mdm'),
  within('objects', '/objects'),
  within('objects-new', '/objects', { press: [create] }),
  within('object', '/objects/erp/BD_Customer'),
  within('flows', '/flows', { phone: true }),
  within('flows-new', '/flows', { press: [create] }),
  within('flow', '/flows/customer/leftToRight', { phone: true }),
  within('flow-versions', '/flows/customer/leftToRight?tab=versions'),
  within('flow-mapping', '/flows/customer/leftToRight/mapping?record=K-1006', {
    press: ['.targets .map-head:has-text("level")'],
    readme: 'mapping',
  }),
  within('polls', '/polls', { phone: true }),
  within('poll', '/polls/erp/BD_Material', { phone: true }),
  within('history', '/history', { phone: true }),
  within('history-new', '/history', { press: [create] }),
  within('compare', '/compare'),
  within('compare-new', '/compare', { press: [create] }),
  within('comparison', `/compare/${it.comparison}`),
  within('gone', '/gone'),
  within('gone-new', '/gone', { press: [create] }),
  within('sweep', `/gone/${it.sweep}`),
  within('batches', '/batches', { phone: true }),
  within('batch', `/batches/${it.batch}`, { phone: true }),
  within('out-batches', '/out-batches', { phone: true }),
  within('out-batch', `/out-batches/${it.outgoing}`, { phone: true }),
  within('unread', '/unread?connection=erp'),
  within('functions', '/functions'),
  within('functions-new', '/functions', { press: [create] }),
  within('function', `/functions/${it.function}`),
  within('function-examples', `/functions/${it.function}?tab=examples`),
  within('function-failed', `/functions/${it.function}?tab=failed`),
  within('function-versions', `/functions/${it.function}?tab=versions`),
  within('alerts-open', '/alerts/open', { phone: true }),
  within('alerts-past', '/alerts/past'),
  within('alerts-settings', '/alerts/settings'),
  within('conflicts', '/conflicts', { phone: true }),
  within('conflict', `/conflicts/${it.conflict}`, { phone: true }),
  within('settings-callers', '/settings/callers'),
  within('settings-users', '/settings/users'),
  within('settings-keys', '/settings/keys'),
  within('settings-versions', '/settings/versions'),
  within('settings-audit', '/settings/audit'),
  within('settings-tenant', '/settings/tenant'),
  within('settings-installation', '/settings/installation'),
  within('account', '/account'),
  within('nowhere', '/nowhere'),
]

/** `/` leads on to the overview and is never seen. */
const passing = new Set(['/'])

/** The addresses of the router that no place stands at. */
export const unseen = (known: readonly string[], places: readonly Pick<Place, 'path'>[]): string[] =>
  known.filter((route) => {
    const pattern = new RegExp(`^${route.replaceAll(/\$\w+/g, '[^/?]+')}(\\?.*)?$`)
    return !passing.has(route) && !places.some(({ path }) => pattern.test(path))
  })
