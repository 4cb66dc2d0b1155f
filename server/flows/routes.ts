/** Routes of what is declared: tenants, connections, pairs with their flows, mappings and option maps, callers, and the whole as a file. */
import { z } from 'zod'
import {
  absent,
  answered,
  askingOf,
  type Brought,
  type CallerName,
  changeShape,
  type Declaring,
  declaredShape,
  dropIn,
  findIn,
  ifMatch,
  listIn,
  putIn,
  type Shown,
  shownDeclared,
  tagged,
  type Tree,
} from '../http/declaring.ts'
import {
  type Asked,
  done,
  inTenant,
  made,
  ok,
  pageOf,
  paging,
  refuse,
  type Refused,
  type Route,
  route,
  slice,
  moment,
  toMoment,
} from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { defaultZone } from './config.ts'
import { isZone } from './context.ts'
import { readTenants, type Tenant } from './load.ts'
import { fileSchema } from './schema.ts'
import { listVersions, readVersion, type Version, versionKinds } from './versions.ts'

/** `sql` wears `mortise_app`. */
export interface FlowDeps {
  sql: Sql
  declaring: Declaring
  /** Role of the caller in a tenant (access/rights.ts), for the list of tenants. */
  roleIn(who: Asked<unknown, unknown, unknown>['who'], tenantId: string): string | null
  /** Null where the caller may see what is declared in that tenant. */
  maySee(who: Asked<unknown, unknown, unknown>['who'], tenantId: string): Refused | null
  /** A tenant was made: written down for the installation as well. */
  tenantMade(asked: Asked<unknown, unknown, unknown>, tenantId: string): Promise<void>
}

type Any = Asked<unknown, unknown, unknown>

const tenantFile = fileSchema.shape.tenants.element.shape
const connectionFile = tenantFile.connections.element
const pairFile = tenantFile.pairs.unwrap().element
const flowFile = pairFile.shape.flows.shape.leftToRight.unwrap()
const tokenFile = tenantFile.tokens.unwrap().element
const hookFile = tenantFile.hooks.unwrap().element
const clientFile = tenantFile.batchClients.unwrap().element

/** As the configuration file writes it; secrets are named, such as ${ERP_TOKEN}, and stay what they are where their names are sent back. */
const tree = z.record(z.string(), z.unknown()).describe('As in the configuration file; secrets by name.')
const part = <K extends string>(...keys: K[]) =>
  inTenant.extend(Object.fromEntries(keys.map((key) => [key, z.string().min(1).max(200)])) as Record<K, z.ZodString>)

/** The id of the address is the id; one in the body may only say the same. */
const bodyFor = (asked: Any, keys: Record<string, string>): Tree | Refused => {
  const body = asked.body as Tree
  for (const [key, id] of Object.entries(keys)) {
    if (body[key] !== undefined && String(body[key]) !== id)
      return refuse('request.invalid', { said: `${key}: ${String(body[key])} ≠ ${id}` }, { path: `body.${key}` })
  }
  return { ...keys, ...body }
}

const isRefusal = (value: Tree | Refused): value is Refused => 'refuse' in value && 'values' in value

const idIs = (id: string) => (entry: Tree) => String(entry.id) === id

/** Takes a connection or a pair out of the tenant. */
const removeOne = async (
  declaring: Declaring,
  asked: Asked<{ tenant: string }, unknown, unknown>,
  routeId: string,
  kind: 'connection' | 'pair',
  id: string,
) =>
  answered(
    await declaring.edit(
      askingOf(asked, routeId, asked.params.tenant),
      '',
      ifMatch(
        asked,
        kind === 'pair' ? pairIn(id) : connectionIn(id),
        (now) => dropIn(now, `${kind}s`, idIs(id)) ?? absent(`${kind} ${id}`),
      ),
    ),
  )

// ── tenants ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const tenantShape = z.object({
  tenant: z.string(),
  name: z.string(),
  zone: z.string(),
  bodyDays: z.number().nullable().describe('Days for which bodies are shown; null: as long as they are kept.'),
  role: z.string().nullable().describe('Of the caller.'),
})
const zoneText = z.string().refine(isZone, 'not a time zone such as Asia/Shanghai')

const tenantRoutes = (deps: FlowDeps): Route[] => {
  const { sql, declaring } = deps
  const shown = (who: Any['who'], { tenantId, name, zone, bodyDays }: Tenant) => ({
    tenant: tenantId,
    name,
    zone,
    bodyDays,
    role: deps.roleIn(who, tenantId),
  })
  const one = async (who: Any['who'], tenantId: string) => {
    const found = (await asTenant(sql, tenantId, readTenants)).find((tenant) => tenant.tenantId === tenantId)
    return found ? ok(shown(who, found)) : absent(`tenant ${tenantId}`)
  }
  return [
    route({
      id: 'listTenants',
      method: 'GET',
      path: '/tenants',
      group: 'tenants',
      summary: 'Tenants in which the caller has a role',
      query: z.object(paging),
      answer: pageOf(tenantShape),
      handle: async ({ who, query }) => {
        // who has no role everywhere does not even ask beyond his own tenants
        const ids = who.everywhere === null ? Object.keys(who.roles) : ['*']
        const all = await Promise.all(ids.map((id) => asTenant(sql, id, readTenants)))
        const own = all
          .flat()
          .map((tenant) => shown(who, tenant))
          .filter((tenant) => tenant.role !== null && (!who.key || [tenant.tenant, '*'].includes(who.key.tenantId)))
        return slice(own, (tenant) => tenant.tenant, query)
      },
    }),
    route({
      id: 'addTenant',
      method: 'POST',
      path: '/tenants',
      group: 'installation',
      summary: 'Make a tenant',
      body: z.object({
        tenant: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
        name: z.string().max(200).optional(),
        zone: zoneText.default(defaultZone),
      }),
      status: 201,
      answer: tenantShape,
      handle: async (asked) => {
        const { tenant, name = tenant, zone } = asked.body
        const [known] = await asTenant(sql, '*', (tx) => tx`select from tenant where tenant_id = ${tenant}`)
        if (known) return refuse('taken', { what: `tenant ${tenant}` }, { path: 'body.tenant' })
        const declared = await declaring.edit(
          askingOf(asked, 'addTenant', tenant),
          '',
          (now) => ({ ...now, name, zone }),
          true,
        )
        if ('refuse' in declared) return declared
        await deps.tenantMade(asked, tenant)
        return made({ tenant, name, zone, bodyDays: null, role: deps.roleIn(asked.who, tenant) })
      },
    }),
    route({
      id: 'showTenant',
      method: 'GET',
      path: '/tenants/:tenant',
      group: 'tenants',
      summary: 'One tenant',
      params: inTenant,
      answer: tenantShape,
      handle: ({ who, params }) => one(who, params.tenant),
    }),
    route({
      id: 'changeTenant',
      method: 'PATCH',
      path: '/tenants/:tenant',
      group: 'tenants',
      summary: 'Change name, time zone, or how long bodies are shown',
      params: inTenant,
      body: z.object({
        name: z.string().min(1).max(200).optional(),
        zone: zoneText.optional(),
        bodyDays: z
          .number()
          .int()
          .min(0)
          .max(3650)
          .nullable()
          .optional()
          .describe('Days for which bodies are shown; null: as long as they are kept.'),
      }),
      answer: declaredShape,
      handle: async (asked) => {
        const change = Object.fromEntries(Object.entries(asked.body).filter(([, value]) => value !== undefined))
        return answered(
          await declaring.edit(askingOf(asked, 'changeTenant', asked.params.tenant), '', (now) =>
            Object.fromEntries(Object.entries({ ...now, ...change }).filter(([, value]) => value !== null)),
          ),
        )
      },
    }),
  ]
}

// ── connections and pairs ────────────────────────────────────────────────────────────────────────────────────────────────────────────
const shownConnection = ({ objects, ...rest }: Tree): Tree => ({
  ...rest,
  objects: Array.isArray(objects) ? objects.map((object: Tree) => object.code) : [],
})

const connectionIn =
  (id: string): Shown =>
  (now) => {
    const found = findIn(now, 'connections', 'id', id)
    return found && shownConnection(found)
  }

const pairIn =
  (id: string): Shown =>
  (now) =>
    findIn(now, 'pairs', 'id', id)

const connectionRoutes = ({ declaring }: FlowDeps): Route[] => {
  const params = part('connection')
  return [
    route({
      id: 'listConnections',
      method: 'GET',
      path: '/tenants/:tenant/connections',
      group: 'connections',
      summary: 'The systems 连接器 of the tenant',
      params: inTenant,
      query: z.object({ ...paging, role: z.enum(['erp', 'crm']).optional() }),
      answer: pageOf(tree),
      handle: async ({ params: { tenant }, query }) =>
        slice(
          listIn(await declaring.tree(tenant), 'connections')
            .filter((one) => !query.role || one.role === query.role)
            .map(shownConnection),
          (one) => String(one.id),
          query,
        ),
    }),
    route({
      id: 'showConnection',
      method: 'GET',
      path: '/tenants/:tenant/connections/:connection',
      group: 'connections',
      summary: 'One connection, with the codes of its objects',
      params,
      answer: tree,
      handle: async ({ params: { tenant, connection } }) => {
        const found = findIn(await declaring.tree(tenant), 'connections', 'id', connection)
        return found ? tagged(shownConnection(found)) : absent(`connection ${connection}`)
      },
    }),
    route({
      id: 'putConnection',
      matched: true,
      method: 'PUT',
      path: '/tenants/:tenant/connections/:connection',
      group: 'connections',
      summary: 'Declare a connection; its objects are declared apart and stay',
      describe:
        'Header values are written and never read: GET shows their names (${ERP_TOKEN}), and a value sent back by its name stays what it is.',
      params,
      body: connectionFile.omit({ id: true, objects: true }),
      unchecked: true,
      answer: declaredShape,
      handle: async (asked) => {
        const { tenant, connection } = asked.params
        const body = bodyFor(asked, { id: connection })
        if (isRefusal(body)) return body
        const { objects: _objects, ...rest } = body
        const edit = ifMatch(asked, connectionIn(connection), (now) => {
          const objects = findIn(now, 'connections', 'id', connection)?.objects
          return putIn(now, 'connections', idIs(connection), { ...rest, ...(objects !== undefined && { objects }) })
        })
        return answered(
          await declaring.edit(askingOf(asked, 'putConnection', tenant), `connections[${connection}]`, edit),
          connectionIn(connection),
        )
      },
    }),
    route({
      id: 'changeQueueState',
      matched: true,
      method: 'PATCH',
      path: '/tenants/:tenant/connections/:connection/queues/:queue',
      group: 'queues',
      summary: 'Pause or resume listening to a queue',
      describe: 'Paused: what comes waits at the broker.',
      params: part('connection', 'queue'),
      body: z.object({ state: z.enum(['enabled', 'paused']) }),
      answer: declaredShape,
      handle: async (asked) => {
        const { tenant, connection, queue } = asked.params
        const edit = ifMatch(asked, connectionIn(connection), (now) => {
          const found = findIn(now, 'connections', 'id', connection)
          if (!found) return absent(`connection ${connection}`)
          if (!findIn(found, 'queues', 'id', queue)) return absent(`queue ${queue}`)
          const queues = listIn(found, 'queues').map((one) =>
            String(one.id) === queue ? { ...one, state: asked.body.state } : one,
          )
          return putIn(now, 'connections', idIs(connection), { ...found, queues })
        })
        return answered(
          await declaring.edit(askingOf(asked, 'changeQueueState', tenant), `connections[${connection}]`, edit),
          connectionIn(connection),
        )
      },
    }),
    route({
      id: 'removeConnection',
      matched: true,
      method: 'DELETE',
      path: '/tenants/:tenant/connections/:connection',
      group: 'connections',
      summary: 'Remove a connection with its objects; no pair may use it any more',
      params,
      answer: declaredShape,
      handle: (asked) => removeOne(declaring, asked, 'removeConnection', 'connection', asked.params.connection),
    }),
  ]
}

const flowWord = z.enum(['leftToRight', 'rightToLeft'])
const inFlow = part('pair').extend({ flow: flowWord })

const flowOf = (now: Tree, { pair, flow }: z.output<typeof inFlow>): Tree | undefined =>
  (findIn(now, 'pairs', 'id', pair)?.flows as Record<string, Tree> | undefined)?.[flow]

/** `edit` answers the flow as it shall be; null takes it away. */
const editFlow = async (
  declaring: Declaring,
  asked: Asked<z.output<typeof inFlow>, unknown, unknown>,
  routeId: string,
  focus: string,
  edit: (flow: Tree | undefined) => Tree | null | Refused,
  /** What GET answers of the part that is edited. */
  of: (flow: Tree) => unknown = (whole) => whole,
) => {
  const { tenant, pair, flow } = asked.params
  const shown: Shown = (now) => {
    const is = flowOf(now, asked.params)
    return is && of(is)
  }
  const change = ifMatch(asked, shown, (now) => {
    const found = findIn(now, 'pairs', 'id', pair)
    if (!found) return absent(`pair ${pair}`)
    const { [flow]: before, ...others } = (found.flows ?? {}) as Record<string, Tree>
    const next = edit(before)
    if (next !== null && isRefusal(next)) return next
    const flows = next === null ? others : { ...others, [flow]: next }
    return putIn(now, 'pairs', idIs(pair), { ...found, flows })
  })
  const declared = await declaring.edit(
    askingOf(asked, routeId, tenant),
    `pairs[${pair}].flows.${flow}${focus}`,
    change,
  )
  return answered(declared, shown)
}

const flowIn = async (declaring: Declaring, at: z.output<typeof inFlow>): Promise<Tree | null> =>
  flowOf(await declaring.tree(at.tenant), at) ?? null

/** The rules of a mapping, of the master or of one detail. */
const rulesOf = (flow: Tree, detail: string | undefined): Record<string, unknown> | null => {
  const mapping = (flow.mapping ?? {}) as { fields?: Record<string, unknown>; details?: Record<string, Tree> }
  if (detail === undefined) return mapping.fields ?? {}
  return (mapping.details?.[detail]?.fields as Record<string, unknown> | undefined) ?? null
}

const optionsShape = z.object({
  options: z.record(z.string(), z.union([z.string(), z.number()])).describe('Source option to target option.'),
  unmapped: z.enum(['park', 'keep', 'empty', 'default']).optional(),
})

const mappingOf = (flow: Tree): Tree => (flow.mapping ?? {}) as Tree

/** Of one rule; undefined where there is none. */
const optionsOf = (flow: Tree, detail: string | undefined, field: string): z.input<typeof optionsShape> | undefined => {
  const rule = rulesOf(flow, detail)?.[field]
  if (rule === undefined) return undefined
  const { options = {}, unmapped } = (typeof rule === 'string' ? {} : rule) as z.input<typeof optionsShape>
  return { options, ...(unmapped !== undefined && { unmapped }) }
}

const pairRoutes = ({ declaring }: FlowDeps): Route[] => {
  const params = part('pair')
  const inField = inFlow.extend({ field: z.string().min(1).max(200).describe('Target field.') })
  const ofDetail = z.object({ detail: z.string().optional().describe('Target detail; left out: the master.') })
  const absentFlow = ({ pair, flow }: z.output<typeof inFlow>) => absent(`flow ${pair} ${flow}`)
  return [
    route({
      id: 'listPairs',
      method: 'GET',
      path: '/tenants/:tenant/pairs',
      group: 'flows',
      summary: 'Object pairs 对象映射 with their flows',
      params: inTenant,
      query: z.object(paging),
      answer: pageOf(tree),
      handle: async ({ params: { tenant }, query }) =>
        slice(listIn(await declaring.tree(tenant), 'pairs'), (one) => String(one.id), query),
    }),
    route({
      id: 'showPair',
      method: 'GET',
      path: '/tenants/:tenant/pairs/:pair',
      group: 'flows',
      summary: 'One pair with its flows',
      params,
      answer: tree,
      handle: async ({ params: { tenant, pair } }) => {
        const found = findIn(await declaring.tree(tenant), 'pairs', 'id', pair)
        return found ? tagged(found) : absent(`pair ${pair}`)
      },
    }),
    route({
      id: 'putPair',
      matched: true,
      method: 'PUT',
      path: '/tenants/:tenant/pairs/:pair',
      group: 'flows',
      summary: 'Declare a pair with its flows',
      params,
      body: pairFile.omit({ id: true }),
      unchecked: true,
      answer: declaredShape,
      handle: async (asked) => {
        const { tenant, pair } = asked.params
        const body = bodyFor(asked, { id: pair })
        if (isRefusal(body)) return body
        const edit = ifMatch(asked, pairIn(pair), (now) => putIn(now, 'pairs', idIs(pair), body))
        return answered(await declaring.edit(askingOf(asked, 'putPair', tenant), `pairs[${pair}]`, edit), pairIn(pair))
      },
    }),
    route({
      id: 'removePair',
      matched: true,
      method: 'DELETE',
      path: '/tenants/:tenant/pairs/:pair',
      group: 'flows',
      summary: 'Remove a pair whose records are at rest; its ID mapping is kept',
      params,
      answer: declaredShape,
      handle: (asked) => removeOne(declaring, asked, 'removePair', 'pair', asked.params.pair),
    }),
    route({
      id: 'showFlow',
      method: 'GET',
      path: '/tenants/:tenant/pairs/:pair/flows/:flow',
      group: 'flows',
      summary: 'One flow 集成流',
      params: inFlow,
      answer: tree,
      handle: async ({ params: at }) => {
        const flow = await flowIn(declaring, at)
        return flow ? tagged(flow) : absentFlow(at)
      },
    }),
    route({
      id: 'putFlow',
      matched: true,
      method: 'PUT',
      path: '/tenants/:tenant/pairs/:pair/flows/:flow',
      group: 'flows',
      summary: 'Declare a flow of a pair',
      params: inFlow,
      body: flowFile,
      unchecked: true,
      answer: declaredShape,
      handle: (asked) => editFlow(declaring, asked, 'putFlow', '', () => asked.body as Tree),
    }),
    route({
      id: 'changeFlowState',
      matched: true,
      method: 'PATCH',
      path: '/tenants/:tenant/pairs/:pair/flows/:flow',
      group: 'flows',
      summary: 'Pause, resume or disable a flow',
      describe: 'Paused keeps what comes in and sends it later.',
      params: inFlow,
      body: z.object({ state: z.enum(['enabled', 'paused', 'disabled']) }),
      answer: declaredShape,
      handle: (asked) =>
        editFlow(declaring, asked, 'changeFlowState', '', (flow) =>
          flow ? { ...flow, state: asked.body.state } : absentFlow(asked.params),
        ),
    }),
    route({
      id: 'removeFlow',
      matched: true,
      method: 'DELETE',
      path: '/tenants/:tenant/pairs/:pair/flows/:flow',
      group: 'flows',
      summary: 'Remove a flow whose records are at rest',
      params: inFlow,
      answer: declaredShape,
      handle: (asked) =>
        editFlow(declaring, asked, 'removeFlow', '', (flow) => (flow ? null : absentFlow(asked.params))),
    }),
    route({
      id: 'showMapping',
      method: 'GET',
      path: '/tenants/:tenant/pairs/:pair/flows/:flow/mapping',
      group: 'flows',
      summary: 'The field mapping 字段映射 of a flow',
      params: inFlow,
      answer: tree,
      handle: async ({ params: at }) => {
        const flow = await flowIn(declaring, at)
        return flow ? tagged(mappingOf(flow)) : absentFlow(at)
      },
    }),
    route({
      id: 'putMapping',
      matched: true,
      method: 'PUT',
      path: '/tenants/:tenant/pairs/:pair/flows/:flow/mapping',
      group: 'flows',
      summary: 'Declare the field mapping of a flow',
      params: inFlow,
      body: flowFile.shape.mapping,
      unchecked: true,
      answer: declaredShape,
      handle: (asked) =>
        editFlow(
          declaring,
          asked,
          'putMapping',
          '.mapping',
          (flow) => (flow ? { ...flow, mapping: asked.body } : absentFlow(asked.params)),
          mappingOf,
        ),
    }),
    route({
      id: 'showOptions',
      method: 'GET',
      path: '/tenants/:tenant/pairs/:pair/flows/:flow/options/:field',
      group: 'flows',
      summary: 'The option map of one mapped field',
      params: inField,
      query: ofDetail,
      answer: optionsShape,
      handle: async ({ params: at, query }) => {
        const flow = await flowIn(declaring, at)
        if (!flow) return absentFlow(at)
        const found = optionsOf(flow, query.detail, at.field)
        return found ? tagged(found) : absent(`rule ${at.field}`)
      },
    }),
    route({
      id: 'putOptions',
      matched: true,
      method: 'PUT',
      path: '/tenants/:tenant/pairs/:pair/flows/:flow/options/:field',
      group: 'flows',
      summary: 'Declare the option map of one mapped field',
      params: inField,
      query: ofDetail,
      body: optionsShape,
      answer: declaredShape,
      handle: async (asked) => {
        const { field } = asked.params
        const { detail } = asked.query
        const focus = detail === undefined ? `.mapping.fields.${field}` : `.mapping.details.${detail}.fields.${field}`
        return editFlow(
          declaring,
          asked,
          'putOptions',
          focus,
          (flow) => {
            if (!flow) return absentFlow(asked.params)
            const rules = rulesOf(flow, detail)
            const rule = rules?.[field]
            if (!rules || rule === undefined) return absent(`rule ${field}`)
            const { unmapped: _before, ...kept } = (typeof rule === 'string' ? { from: rule } : rule) as Tree
            const { options, unmapped } = asked.body
            rules[field] = { ...kept, options, ...(unmapped !== undefined && { unmapped }) } // a copy of ours
            return flow
          },
          (flow) => optionsOf(flow, detail, field),
        )
      },
    }),
  ]
}

// ── callers ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
interface CallerKind {
  list: 'tokens' | 'hooks' | 'batchClients'
  path: string
  param: string
  ids: { list: string; put: string; remove: string; renew: string; retire: string }
  summaries: [list: string, put: string, remove: string]
  body: z.ZodType
  /** What stays as it is where the body leaves it out; null takes it away. */
  secrets: readonly string[]
  idOf(entry: Tree): string
  /** The keys that the id stands for. */
  keys(id: string): Record<string, string>
  /** How its secret is stored. */
  stored(id: string): CallerName
}

const callerKinds: CallerKind[] = [
  {
    list: 'tokens',
    path: 'tokens',
    param: 'token',
    ids: { list: 'listTokens', put: 'putToken', remove: 'removeToken', renew: 'renewToken', retire: 'retireToken' },
    summaries: ['Tokens that push (syncpush)', 'Declare a token; without a value one is made', 'Revoke a token'],
    body: tokenFile.omit({ name: true }),
    secrets: ['value', 'former', 'formerUntil'],
    idOf: (entry) => String(entry.name),
    keys: (name) => ({ name }),
    stored: (id) => ({ kind: 'push-token', id }),
  },
  {
    list: 'hooks',
    path: 'hooks',
    param: 'hook',
    ids: { list: 'listHooks', put: 'putHook', remove: 'removeHook', renew: 'renewHook', retire: 'retireHook' },
    summaries: ['Webhooks that bring changes', 'Declare a webhook; without a secret one is made', 'Remove a webhook'],
    body: hookFile.omit({ connection: true, name: true }),
    secrets: ['secret', 'former', 'formerUntil'],
    // `crm`, or `crm:second` where a connection has several
    idOf: (entry) =>
      entry.name === undefined || entry.name === entry.connection
        ? String(entry.connection)
        : `${String(entry.connection)}:${String(entry.name)}`,
    keys: (id) => {
      const [connection = '', ...name] = id.split(':')
      return { connection, ...(name.length > 0 && { name: name.join(':') }) }
    },
    stored: (id) => {
      const [connection = '', ...name] = id.split(':')
      return { kind: 'hook', id: `${connection}/${name.length > 0 ? name.join(':') : connection}` }
    },
  },
  {
    list: 'batchClients',
    path: 'batch-clients',
    param: 'client',
    ids: {
      list: 'listBatchClients',
      put: 'putBatchClient',
      remove: 'removeBatchClient',
      renew: 'renewBatchClient',
      retire: 'retireBatchClient',
    },
    summaries: [
      'Callers of the master-data batch interface',
      'Declare a caller; without secret and salt they are made',
      'Remove a caller',
    ],
    body: clientFile.omit({ id: true }),
    secrets: ['secret', 'salt', 'formerSecret', 'formerSalt', 'formerUntil'],
    idOf: (entry) => String(entry.id),
    keys: (id) => ({ id }),
    stored: (id) => ({ kind: 'batch-client', id }),
  },
]

const callerRoutes = ({ declaring }: FlowDeps, kind: CallerKind): Route[] => {
  const { list, ids, summaries } = kind
  const params = inTenant.extend({ id: z.string().min(1).max(200) })
  const path = `/tenants/:tenant/${kind.path}`
  return [
    route({
      id: ids.list,
      method: 'GET',
      path,
      group: 'callers',
      summary: summaries[0],
      params: inTenant,
      query: z.object(paging),
      answer: pageOf(tree),
      handle: async ({ params: { tenant }, query }) =>
        slice(listIn(await declaring.tree(tenant), list), kind.idOf, query),
    }),
    route({
      id: ids.put,
      method: 'PUT',
      path: `${path}/:id`,
      group: 'callers',
      summary: summaries[1],
      describe:
        'What is made is answered once, in secrets. A secret that is left out stays what it is; a former one is retired by null.',
      params,
      body: kind.body,
      unchecked: true,
      answer: declaredShape,
      handle: async (asked) => {
        const { tenant, id } = asked.params
        const body = bodyFor(asked, kind.keys(id))
        if (isRefusal(body)) return body
        return answered(
          await declaring.edit(askingOf(asked, ids.put, tenant), `${list}[${id}]`, (now) => {
            const before = listIn(now, list).find((entry) => kind.idOf(entry) === id)
            const kept = Object.fromEntries(
              kind.secrets.flatMap((name) => (before?.[name] === undefined ? [] : [[name, before[name]]])),
            )
            const said = Object.entries({ ...kept, ...body }).filter(([, value]) => value !== null)
            return putIn(now, list, (entry) => kind.idOf(entry) === id, Object.fromEntries(said))
          }),
        )
      },
    }),
    route({
      id: ids.remove,
      method: 'DELETE',
      path: `${path}/:id`,
      group: 'callers',
      summary: summaries[2],
      params,
      answer: declaredShape,
      handle: async (asked) => {
        const { tenant, id } = asked.params
        return answered(
          await declaring.edit(
            askingOf(asked, ids.remove, tenant),
            '',
            (now) => dropIn(now, list, (entry) => kind.idOf(entry) === id) ?? absent(`${kind.param} ${id}`),
          ),
        )
      },
    }),
    route({
      id: ids.renew,
      method: 'POST',
      path: `${path}/:id/renew`,
      group: 'callers',
      summary: 'A new secret beside the one in use, which lets in until it is retired; answered this once',
      params,
      body: z
        .object({
          what: z.enum(['secret', 'salt']).default('secret').describe('`salt`: of a batch client.'),
          formerUntil: moment.optional().describe('The one in use until now ends by itself then.'),
        })
        .default({ what: 'secret' }),
      answer: z.object({ secret: z.string() }),
      handle: async (asked) => {
        const { tenant, id } = asked.params
        const { what, formerUntil } = asked.body
        const until = formerUntil === undefined ? null : Date.parse(formerUntil)
        const secret = await declaring.renew(askingOf(asked, ids.renew, tenant), kind.stored(id), what, until)
        if (secret === null) return absent(`${kind.param} ${id}`)
        return typeof secret === 'string' ? ok({ secret }) : secret
      },
    }),
    route({
      id: ids.retire,
      method: 'POST',
      path: `${path}/:id/retire`,
      group: 'callers',
      summary: 'From now on only the new secret lets in',
      params,
      handle: async (asked) => {
        const { tenant, id } = asked.params
        const retired = await declaring.retire(askingOf(asked, ids.retire, tenant), kind.stored(id))
        if (retired === null) return absent(`${kind.param} ${id}`)
        return retired === true ? done() : retired
      },
    }),
  ]
}

// ── the whole as a file ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
const fileBody = z.object({
  yaml: z.string().min(1).max(4_000_000).describe('A configuration file that describes this tenant and no other.'),
  variables: z
    .record(z.string(), z.string())
    .default({})
    .describe('Values of ${NAME}. A secret of the stored configuration that is named and not given stays what it is.'),
})

const fileRoutes = ({ declaring }: FlowDeps): Route[] => [
  route({
    id: 'exportConfiguration',
    method: 'GET',
    path: '/tenants/:tenant/configuration',
    group: 'configuration',
    summary: 'The configuration as a file; secrets are named, never shown',
    params: inTenant,
    text: 'application/yaml',
    handle: async ({ params: { tenant } }) => ({
      status: 200,
      text: { type: 'application/yaml; charset=utf-8', content: await declaring.exported(tenant) },
    }),
  }),
  route({
    id: 'planConfiguration',
    method: 'POST',
    path: '/tenants/:tenant/configuration/plan',
    group: 'configuration',
    summary: 'What applying a file would change; nothing is changed',
    params: inTenant,
    body: fileBody,
    answer: declaredShape,
    handle: async (asked) => {
      const { yaml, variables } = asked.body
      return answered(await declaring.plan(askingOf(asked, 'planConfiguration', asked.params.tenant), yaml, variables))
    },
  }),
  route({
    id: 'applyConfiguration',
    method: 'POST',
    path: '/tenants/:tenant/configuration/apply',
    group: 'configuration',
    summary: 'Make the tenant what the file says, in one transaction',
    params: inTenant,
    body: fileBody,
    answer: declaredShape,
    handle: async (asked) => {
      const { yaml, variables } = asked.body
      const declared = await declaring.apply(
        askingOf(asked, 'applyConfiguration', asked.params.tenant),
        yaml,
        variables,
      )
      return 'refuse' in declared ? declared : ok(shownDeclared(declared))
    },
  }),
]

// ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const versionFields = {
  kind: z.enum(versionKinds),
  name: z.string().describe('erp, erp/BD_Customer, customer, customer leftToRight.'),
  number: z.number().int(),
  what: z.enum(['added', 'changed', 'removed']),
  who: z.string(),
  at: moment,
  fields: changeShape.shape.fields.describe('What differs from the version before.'),
}
const versionShape = z.object(versionFields)
const wholeVersion = versionShape.extend({
  definition: z.record(z.string(), z.unknown()).nullable().describe('Null: it was removed.'),
})

const shownVersion = ({ kind, name, number, what, who, at, fields }: Version): z.input<typeof versionShape> => ({
  kind,
  name,
  number,
  what,
  who,
  at: toMoment(at),
  fields: fields.map(({ path, before, after }) => ({ path, before, after })),
})

const aVersion = inTenant.extend({
  kind: z.enum(versionKinds),
  name: z.string().min(1).max(400).describe('With %2F for the slash of an object.'),
  number: z.coerce.number().int().min(1).max(2_147_483_647),
})

const bringBody = z.object({
  really: z.boolean().default(false).describe('False: answers what would change and the name of that plan.'),
  plan: z.string().max(64).optional().describe('Name of the plan that was looked at: refused where it is stale.'),
})
const broughtShape = z.object({ plan: z.string(), changes: z.array(changeShape) })

/** So many are looked through, the newest; those before are found by kind and name. */
const newestVersions = 1_000

const versionRoutes = ({ sql, declaring, maySee }: FlowDeps): Route[] => [
  route({
    id: 'listVersions',
    method: 'GET',
    path: '/tenants/:tenant/versions',
    group: 'configuration',
    summary: 'Who changed what is declared, when, and what differed; the newest first',
    params: inTenant,
    query: z.object({ ...paging, kind: z.enum(versionKinds).optional(), name: z.string().max(400).optional() }),
    answer: pageOf(versionShape),
    handle: async ({ params: { tenant }, query: { kind, name, ...page } }) => {
      const filter = { tenantId: tenant, limit: newestVersions, ...(kind && { kind }), ...(name && { name }) }
      const found = await asTenant(sql, tenant, (tx) => listVersions(tx, filter))
      const key = (one: z.input<typeof versionShape>) =>
        `${one.at} ${one.kind} ${one.name} ${String(one.number).padStart(10, '0')}`
      return slice(found.map(shownVersion), key, { ...page, descending: true })
    },
  }),
  route({
    id: 'showVersion',
    method: 'GET',
    path: '/tenants/:tenant/versions/:kind/:name/:number',
    group: 'configuration',
    summary: 'One version, all of it; secrets are in none',
    params: aVersion,
    answer: wholeVersion,
    handle: async ({ params: { tenant, kind, name, number } }) => {
      const of = { tenantId: tenant, kind, name }
      const found = await asTenant(sql, tenant, (tx) => readVersion(tx, of, number))
      return found
        ? ok({ ...shownVersion(found), definition: found.definition })
        : absent(`version ${number} of ${kind} ${name}`)
    },
  }),
  route({
    id: 'restoreVersion',
    method: 'POST',
    path: '/tenants/:tenant/versions/:kind/:name/:number/restore',
    group: 'configuration',
    summary: 'Make one thing what it was in a version; planned first',
    params: aVersion,
    body: bringBody.default({ really: false }),
    answer: broughtShape,
    handle: async (asked) => {
      const { tenant, kind, name, number } = asked.params
      const of = { tenantId: tenant, kind, name }
      if (!(await asTenant(sql, tenant, (tx) => readVersion(tx, of, number))))
        return absent(`version ${number} of ${kind} ${name}`)
      const asking = askingOf(asked, 'restoreVersion', tenant)
      const brought = await declaring.restore(asking, { kind, name, number }, asked.body)
      return 'refuse' in brought ? brought : ok(shownBrought(brought))
    },
  }),
  route({
    id: 'promote',
    method: 'POST',
    path: '/tenants/:tenant/promote',
    group: 'configuration',
    summary: 'Carry objects, pairs and flows of another tenant here; planned first',
    describe: 'Addresses, secrets, limits and callers stay each tenant’s own. The caller must see the other tenant.',
    params: inTenant,
    body: bringBody.extend({ from: z.string().min(1).max(256).describe('The test tenant.') }),
    answer: broughtShape,
    handle: async (asked) => {
      const { from, ...how } = asked.body
      const no = maySee(asked.who, from)
      if (no) return no
      const brought = await declaring.promote(askingOf(asked, 'promote', asked.params.tenant), from, how)
      return 'refuse' in brought ? brought : ok(shownBrought(brought))
    },
  }),
]

const shownBrought = ({ plan, changes }: Brought): z.input<typeof broughtShape> => ({
  plan,
  changes: changes.map((one) => ({ ...one, fields: [...one.fields] })),
})

export const flowRoutes = (deps: FlowDeps): Route[] => [
  ...tenantRoutes(deps),
  ...connectionRoutes(deps),
  ...pairRoutes(deps),
  ...callerKinds.flatMap((kind) => callerRoutes(deps, kind)),
  ...fileRoutes(deps),
  ...versionRoutes(deps),
]
