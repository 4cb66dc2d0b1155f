/** The stored configuration taken up again: a version brought back, a test tenant's configuration carried to the real one. Values of secrets are kept where they are. */
import type { SecretKey } from '../access/secrets.ts'
import { type Side, sides } from '../doc/document.ts'
import type { FunctionDef } from '../doc/function.ts'
import type { FlowDef } from '../doc/flow.ts'
import { ApplyRefused } from '../flows/changes.ts'
import type { ConnectionConfig, PairConfig, TenantConfig } from '../flows/config.ts'
import { type Exported, exportYaml } from '../flows/export.ts'
import { readConfig } from '../flows/file.ts'
import { flowName, flowOf, type StoredConnection } from '../flows/save.ts'
import { readVersion, type Version, type VersionKind } from '../flows/versions.ts'
import { objectOf } from '../objects/save.ts'
import type { Sql } from '../store/sql.ts'
import { applyMade, type Configuration, type How, load, type Planned } from './configuration.ts'

/** A tenant as it is stored, without its callers: they are never taken along. */
const storedTenant = (configuration: Configuration, tenantId: string): TenantConfig => {
  const tenant = configuration.tenants.get(tenantId)
  if (!tenant) throw new ApplyRefused([`There is no tenant ${tenantId}.`])
  return {
    tenantId,
    name: tenant.name,
    zone: tenant.zone,
    bodyDays: tenant.bodyDays,
    connections: configuration.connections
      .filter((one) => one.def.tenantId === tenantId)
      .map(
        (one): ConnectionConfig => ({
          def: one.def,
          headerOrigins: one.headerOrigins,
          authOrigins: one.authOrigins,
          queueOrigins: one.queueOrigins,
          objects: [...configuration.objects.of(tenantId, one.def.connectionId)],
        }),
      ),
    functions: [...configuration.functionsOf(tenantId)],
    pairs: configuration.pairs
      .filter((one) => one.def.tenantId === tenantId)
      .map(
        (one): PairConfig => ({
          def: one.def,
          publishing: Object.fromEntries(
            sides.flatMap((side) => {
              const flow = one.flows[side]
              return flow ? [[side, flow.publishing]] : []
            }),
          ),
        }),
      ),
    tokens: [],
    hooks: [],
    batchClients: [],
  }
}

const exported = (tenant: TenantConfig): Exported => ({
  tenant: { tenantId: tenant.tenantId, name: tenant.name, zone: tenant.zone, bodyDays: tenant.bodyDays, revision: 0 },
  connections: tenant.connections.map((one) => ({ ...one, revision: 0 })),
  functions: tenant.functions,
  pairs: tenant.pairs.map(({ def, publishing }) => ({
    def,
    revision: 0,
    flows: Object.fromEntries(
      sides.flatMap((side) => {
        const asked = publishing[side]
        return asked ? [[side, { revision: 0, publishing: asked }]] : []
      }),
    ),
  })),
  tokens: [],
  hooks: [],
  batchClients: [],
})

/** Any name has a value: what is put together here is checked like a file, and its secrets are filled in afterwards. */
const anything = new Proxy<Record<string, string>>({}, { get: () => 'kept', ownKeys: () => [] })

/** How a connection proves who it is, and the queues it listens to: of each tenant its own, and never taken from anywhere but the connection itself. */
const proofOf = ({
  headers,
  auth,
  fxiaoke,
  queues,
}: ConnectionConfig['def']): Pick<ConnectionConfig['def'], 'headers' | 'auth' | 'fxiaoke' | 'queues'> => ({
  headers,
  ...(auth && { auth }),
  ...(fxiaoke && { fxiaoke }),
  ...(queues && { queues }),
})

/** Written as a file and read again: everything that a file is refused for, this is refused for, in the same words. */
const checked = (tenant: TenantConfig): TenantConfig => {
  const text = exportYaml([exported(tenant)])
  const { config, problems } = readConfig({ text, file: tenant.tenantId, env: anything, generate: () => 'kept' })
  const [read] = config?.tenants ?? []
  if (!read) {
    const errors = problems.filter((one) => one.level === 'error')
    throw new ApplyRefused(errors.map((one) => `${one.path || tenant.tenantId}: ${one.say}`))
  }
  return {
    ...read,
    connections: read.connections.map((one) => {
      const own = tenant.connections.find((other) => other.def.connectionId === one.def.connectionId)
      if (!own) return one
      const { headerOrigins, authOrigins, queueOrigins } = own
      return { ...one, def: { ...one.def, ...proofOf(own.def) }, headerOrigins, authOrigins, queueOrigins }
    }),
  }
}

// ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const without = <T>(list: readonly T[], is: (one: T) => boolean): T[] => list.filter((one) => !is(one))

const withFlow = async (tx: Sql, now: TenantConfig, version: Version): Promise<TenantConfig> => {
  const [pairId = '', direction] = version.name.split(' ')
  const side = sides.find((one) => flowName[one] === direction) as Side
  let pair = now.pairs.find((one) => one.def.pairId === pairId)
  if (!pair) {
    const last = await readVersion(tx, { tenantId: now.tenantId, kind: 'pair', name: pairId }, null)
    if (!last?.definition) throw new ApplyRefused([`There is no pair ${pairId} to bring this flow back to.`])
    pair = pairOf(now.tenantId, pairId, last.definition)
  }
  const { state, definition } = version.definition as { state: FlowDef['state']; definition: unknown }
  const { def, publishing } = flowOf(side, state, JSON.stringify(definition))
  const made: PairConfig = {
    def: { ...pair.def, flows: { ...pair.def.flows, [side]: def } },
    publishing: { ...pair.publishing, [side]: publishing },
  }
  return { ...now, pairs: [...without(now.pairs, (one) => one.def.pairId === pairId), made] }
}

const pairOf = (tenantId: string, pairId: string, stored: Record<string, unknown>): PairConfig => {
  const { left, right, definition } = stored as {
    left: PairConfig['def']['left']
    right: PairConfig['def']['right']
    definition: { conflict: PairConfig['def']['conflict'] }
  }
  return { def: { tenantId, pairId, left, right, conflict: definition.conflict, flows: {} }, publishing: {} }
}

const withPair = (now: TenantConfig, version: Version): TenantConfig => {
  const known = now.pairs.find((one) => one.def.pairId === version.name)
  if (!known)
    throw new ApplyRefused([
      `Pair ${version.name} is gone: bring one of its flows back (kind flow), the pair comes with it.`,
    ])
  const { def } = pairOf(now.tenantId, version.name, version.definition ?? {})
  return {
    ...now,
    pairs: now.pairs.map((one) => (one === known ? { ...one, def: { ...one.def, conflict: def.conflict } } : one)),
  }
}

const withObject = (now: TenantConfig, version: Version): TenantConfig => {
  const cut = version.name.indexOf('/')
  const [connectionId, code] = [version.name.slice(0, cut), version.name.slice(cut + 1)]
  const { apiName, definition } = version.definition as { apiName: string; definition: unknown }
  const object = objectOf({ code, api_name: apiName, definition: JSON.stringify(definition) })
  if (!now.connections.some((one) => one.def.connectionId === connectionId))
    throw new ApplyRefused([`There is no connection ${connectionId} to bring this object back to.`])
  return {
    ...now,
    connections: now.connections.map((one) =>
      one.def.connectionId === connectionId
        ? { ...one, objects: [...without(one.objects, (other) => other.code === code), object] }
        : one,
    ),
  }
}

const withFunction = (now: TenantConfig, version: Version): TenantConfig => {
  const { kind, definition } = version.definition as { kind: FunctionDef['kind']; definition: object }
  const fn = { name: version.name, kind, ...definition } as FunctionDef
  return { ...now, functions: [...without(now.functions, (one) => one.name === version.name), fn] }
}

/** Header values and auth are not brought back: those of today stay, and a header that is not there today cannot come from a version. */
const withConnection = (now: TenantConfig, version: Version): TenantConfig => {
  const known = now.connections.find((one) => one.def.connectionId === version.name)
  if (!known)
    throw new ApplyRefused([
      `Connection ${version.name} is gone, and its secrets with it: declare it in a file and apply that.`,
    ])
  const {
    headerOrigins: _headers,
    authOrigins: _origins,
    queueOrigins: _heard,
    auth: _auth,
    queues: _queues,
    ...def
  } = version.definition as unknown as StoredConnection
  const { tenantId, connectionId } = known.def
  return {
    ...now,
    connections: now.connections.map((one) =>
      one === known ? { ...one, def: { tenantId, connectionId, ...def, ...proofOf(known.def) } } : one,
    ),
  }
}

export interface Named {
  tenantId: string
  kind: VersionKind
  name: string
  number: number
}

/** Makes one thing what it was in that version, and leaves the rest. Checked like a file; a plan first, like a file. */
export const restoreVersion = (sql: Sql, key: SecretKey, named: Named, how: How): Promise<Planned> =>
  applyMade(sql, key, how, async (tx) => {
    const version = await readVersion(tx, named, named.number)
    if (!version)
      throw new ApplyRefused([
        `There is no version ${named.number} of ${named.kind} ${named.name} in tenant ${named.tenantId}.`,
      ])
    if (!version.definition)
      throw new ApplyRefused([
        `Version ${named.number} of ${named.kind} ${named.name} is its removal: take the one before.`,
      ])
    const now = storedTenant(await load(tx, key), named.tenantId)
    switch (version.kind) {
      case 'flow':
        return checked(await withFlow(tx, now, version))
      case 'pair':
        return checked(withPair(now, version))
      case 'object':
        return checked(withObject(now, version))
      case 'connection':
        return checked(withConnection(now, version))
      case 'function':
        return checked(withFunction(now, version))
    }
  })

// ── from test to real ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
/**
 * What the real tenant becomes: objects, pairs and flows of the test tenant; address, headers, auth and limits of each connection its own.
 * Connections that only the real one has stay, with the pairs that use them. Pure; throws ApplyRefused.
 */
export const carried = (test: TenantConfig, real: TenantConfig): TenantConfig => {
  const own = new Map(real.connections.map((one) => [one.def.connectionId, one]))
  const lacking = test.connections.filter((one) => !own.has(one.def.connectionId)).map((one) => one.def.connectionId)
  if (lacking.length)
    throw new ApplyRefused(
      lacking.map(
        (id) =>
          `Tenant ${real.tenantId} has no connection ${id}: its address and secrets are its own. Declare it there (mortise apply), then promote.`,
      ),
    )
  const shared = new Set(test.connections.map((one) => one.def.connectionId))
  const connections = test.connections.map((one): ConnectionConfig => {
    const { def, headerOrigins, authOrigins, queueOrigins } = own.get(one.def.connectionId) as ConnectionConfig
    const { auth: _auth, queues: _queues, ...shape } = one.def
    return {
      def: { ...shape, tenantId: real.tenantId, baseUrl: def.baseUrl, limits: def.limits, ...proofOf(def) },
      headerOrigins,
      authOrigins,
      queueOrigins,
      objects: one.objects,
    }
  })
  const onlyThere = (pair: PairConfig) => sides.some((side) => !shared.has(pair.def[side].connectionId))
  return {
    ...real,
    connections: [...connections, ...real.connections.filter((one) => !shared.has(one.def.connectionId))],
    functions: [
      ...test.functions,
      ...real.functions.filter((one) => !test.functions.some((other) => other.name === one.name)),
    ],
    pairs: [
      ...test.pairs.map((one): PairConfig => ({ ...one, def: { ...one.def, tenantId: real.tenantId } })),
      ...real.pairs.filter(onlyThere),
    ],
  }
}

/** Carries the configuration of one tenant to another, which exists and has its own connections. Callers (tokens, hooks) stay each tenant's own. */
export const promote = (sql: Sql, key: SecretKey, tenants: { from: string; to: string }, how: How): Promise<Planned> =>
  applyMade(sql, key, how, async (tx) => {
    if (tenants.from === tenants.to) throw new ApplyRefused(['From and to are the same tenant.'])
    const configuration = await load(tx, key)
    const test = await across(tx, key, configuration, tenants)
    return checked(carried(storedTenant(test, tenants.from), storedTenant(configuration, tenants.to)))
  })

/** Behind the walls a transaction sees one tenant: it looks into the other in between, and comes back before it changes anything. */
const across = async (
  tx: Sql,
  key: SecretKey,
  seen: Configuration,
  { from, to }: { from: string; to: string },
): Promise<Configuration> => {
  if (seen.tenants.has(from)) return seen
  await tx`select set_config('mortise.tenant', ${from}, true)`
  const other = await load(tx, key)
  await tx`select set_config('mortise.tenant', ${to}, true)`
  return other
}
