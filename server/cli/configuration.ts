/** Configuration across rooms: applies a file in one transaction, loads everything for doors and engine, and watches for changes. */
import { createHash } from 'node:crypto'
import {
  type Access,
  accessOf,
  type Credential,
  type CredentialChange,
  CredentialTaken,
  readCredentials,
  saveCredentials,
} from '../access/credentials.ts'
import { open, type SecretKey, SecretRefused, seal } from '../access/secrets.ts'
import type { ConnectionDef } from '../doc/flow.ts'
import type { FunctionDef } from '../doc/function.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { HookVerify } from '../doc/queue.ts'
import { ApplyRefused, type Change, type Kind } from '../flows/changes.ts'
import type { Config, HookConfig, TenantConfig } from '../flows/config.ts'
import { differences } from '../flows/differences.ts'
import { type Exported, exportYaml } from '../flows/export.ts'
import {
  type LoadedConnection,
  type LoadedPair,
  readConnections,
  readPairs,
  readTenants,
  type Tenant,
} from '../flows/load.ts'
import {
  announce,
  connectionsGone,
  dropConnection,
  lockConfiguration,
  type Seal,
  saveConnections,
  savePairs,
  saveTenant,
} from '../flows/save.ts'
import { loadFunctions, saveFunctions } from '../flows/functions.ts'
import { complaintsOf } from '../functions/examples.ts'
import { openFunctions } from '../functions/pool.ts'
import { noteVersions } from '../flows/versions.ts'
import { readRevision, type Watch, watch } from '../flows/watch.ts'
import { chainedTests, testComplaints } from './mapping-tests.ts'
import { type Catalog, catalogOf, type Remembered, readObjects } from '../objects/catalog.ts'
import { dropObjects, type ObjectChange, saveObjects } from '../objects/save.ts'
import type { Sql } from '../store/sql.ts'

// ── apply ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const sealWith = (key: SecretKey): Seal => ({
  close: (place, secret) => seal(key, place, secret),
  open: (place, envelope) => {
    try {
      return open(key, place, envelope)
    } catch (error) {
      if (error instanceof SecretRefused) return null
      throw error
    }
  },
})

const verifyDefinition = ({ secret: _secret, origin, former, ...verify }: NonNullable<HookConfig['verify']>) => ({
  verify,
  verifyOrigin: origin,
  ...(former && { formerVerifyOrigin: former.origin }),
})

const credentialsOf = (tenant: TenantConfig): Credential[] => [
  ...tenant.tokens.map(
    (one): Credential => ({
      kind: 'push-token',
      credentialId: one.name,
      name: one.name,
      secret: one.value,
      sealed: null,
      definition: {
        connections: one.connections,
        objects: one.objects,
        ratePerSecond: one.ratePerSecond,
        origin: one.origin,
        ...(one.former && { formerOrigin: one.former.origin }),
      },
      expiresAt: one.expiresAt,
      former: one.former?.value ?? null,
      formerUntil: one.formerUntil,
    }),
  ),
  ...tenant.hooks.map(
    (one): Credential => ({
      kind: 'hook',
      credentialId: `${one.connectionId}/${one.name}`,
      name: one.name,
      secret: one.secret,
      sealed: one.verify && {
        verify: one.verify.secret,
        ...(one.verify.former && { formerVerify: one.verify.former.value }),
      },
      definition: {
        connectionId: one.connectionId,
        origin: one.origin,
        ...(one.former && { formerOrigin: one.former.origin }),
        ...(one.verify && verifyDefinition(one.verify)),
      },
      expiresAt: null,
      former: one.former?.value ?? null,
      formerUntil: one.formerUntil,
    }),
  ),
  ...tenant.batchClients.map(
    (one): Credential => ({
      kind: 'batch-client',
      credentialId: one.clientId,
      name: one.clientId,
      secret: one.secret,
      sealed: { salt: one.salt, ...(one.formerSalt && { formerSalt: one.formerSalt.value }) },
      definition: {
        origins: one.origins,
        origin: one.secretOrigin,
        saltOrigin: one.saltOrigin,
        ...(one.formerSecret && { formerOrigin: one.formerSecret.origin }),
        ...(one.formerSalt && { formerSaltOrigin: one.formerSalt.origin }),
      },
      expiresAt: null,
      former: one.formerSecret?.value ?? null,
      formerUntil: one.formerUntil,
    }),
  ),
]

const kinds: Record<CredentialChange['kind'], Kind> = {
  'push-token': 'token',
  hook: 'hook',
  'batch-client': 'batch client',
}

const objectChange = (tenantId: string, connectionId: string, { code, what, before, after }: ObjectChange): Change => ({
  tenantId,
  kind: 'object',
  name: `${connectionId}/${code}`,
  what,
  fields: what === 'changed' ? differences(before, after) : [],
})

const credentialChange = (tenantId: string, { kind, credentialId, what, before, after }: CredentialChange): Change => ({
  tenantId,
  kind: kinds[kind],
  name: credentialId,
  what,
  fields: what === 'changed' ? differences(before, after) : [],
})

/** Order matters: what points to something is made after it and removed before it. */
const applyTenant = async (
  tx: Sql,
  key: SecretKey,
  tenant: TenantConfig,
  callers: 'declared' | 'kept',
  refuse: (reason: string) => void,
  hashOf?: (secret: string) => Buffer,
): Promise<Change[]> => {
  const { tenantId } = tenant
  const changes = await saveTenant(tx, tenant)
  const connectionChanges = await saveConnections(tx, sealWith(key), tenantId, tenant.connections)
  changes.push(...connectionChanges)
  const touched = new Set(connectionChanges.filter((one) => one.what === 'changed').map((one) => one.name))
  changes.push(...(await saveFunctions(tx, tenantId, tenant.functions)))
  for (const { def, objects } of tenant.connections) {
    for (const change of await saveObjects(tx, tenantId, def.connectionId, objects)) {
      changes.push(objectChange(tenantId, def.connectionId, change))
      if (change.what === 'changed') touched.add(`${def.connectionId}/${change.code}`)
    }
  }
  const isTouched = {
    end: (connectionId: string, object: string) =>
      touched.has(connectionId) || touched.has(`${connectionId}/${object}`),
    code: (name: string) =>
      changes.some(
        (one) => one.kind === 'function' && one.name === name && one.fields.some(({ path }) => path === 'code'),
      ),
  }
  const refusals: string[] = []
  changes.push(...(await savePairs(tx, tenantId, tenant.pairs, isTouched, (reason) => refusals.push(reason))))
  for (const reason of refusals) refuse(reason)
  if (refusals.length) return changes // pairs that stay may still point to what would go
  for (const { def, objects } of tenant.connections) {
    const gone = await dropObjects(
      tx,
      tenantId,
      def.connectionId,
      objects.map((object) => object.code),
    )
    changes.push(...gone.map((change) => objectChange(tenantId, def.connectionId, change)))
  }
  for (const connectionId of await connectionsGone(
    tx,
    tenantId,
    tenant.connections.map((one) => one.def.connectionId),
  )) {
    await dropObjects(tx, tenantId, connectionId, [])
    changes.push(...(await dropConnection(tx, tenantId, connectionId, refuse)))
  }
  if (callers === 'declared')
    changes.push(
      ...(await saveCredentials(tx, key, tenantId, credentialsOf(tenant), hashOf)).map((change) =>
        credentialChange(tenantId, change),
      ),
    )
  if (changes.length) await announce(tx, tenantId)
  return changes
}

/** What would change, or what changed, under a name that stands for exactly that: nothing else, and from nothing else. */
export interface Planned {
  /** Given to an apply, it refuses where the change is no longer this one. */
  plan: string
  changes: Change[]
}

export interface Asked {
  /** Who asks, for the versions. */
  who: string
  /** The plan that was looked at; without it, whatever the change is now. */
  plan?: string | undefined
  /** Writes down what was done, in its transaction (noted.ts). */
  note?: (tx: Sql, changes: readonly Change[]) => Promise<void>
}

export interface How extends Asked {
  /** False: done for real, and rolled back. */
  really: boolean
}

/** Of the tenants' revisions and the change: somebody else's change in between gives another name, though it were undone. */
const planName = (revisions: readonly [string, number][], changes: readonly Change[]): string =>
  createHash('sha256')
    .update(JSON.stringify([revisions, changes]))
    .digest('hex')
    .slice(0, 12)

const revisionsOf = async (tx: Sql, tenants: readonly TenantConfig[]): Promise<[string, number][]> => {
  const rows = await tx<{ tenant_id: string; config_revision: number }>`
    select tenant_id, config_revision
    from tenant
    where tenant_id = any(${tenants.map((one) => one.tenantId)}::text[])
    order by tenant_id`
  return rows.map((row) => [row.tenant_id, row.config_revision])
}

/** Functions that are new or changed are loaded, and their examples run; so are mapping tests that need them. What fails is not saved. */
const unfit = async (tenants: readonly TenantConfig[], changes: readonly Change[]): Promise<string[]> => {
  const changed = tenants.flatMap((tenant) =>
    tenant.functions.filter((fn) =>
      changes.some(
        (one) =>
          one.tenantId === tenant.tenantId && one.kind === 'function' && one.name === fn.name && one.what !== 'removed',
      ),
    ),
  )
  const tested = tenants
    .filter(({ tenantId }) => changes.some((one) => one.tenantId === tenantId))
    .map((tenant) => ({ tenant, chained: chainedTests(tenant) }))
    .filter(({ chained }) => chained.length)
  if (!changed.length && !tested.length) return []
  await using pool = openFunctions({ workers: 1 })
  const said = await complaintsOf(pool, changed)
  if (!said.length)
    for (const { tenant, chained } of tested) said.push(...(await testComplaints(pool, tenant, chained)))
  return said
}

/** Inside the caller's transaction, which holds the configuration's lock. `hashOf`: credentials.ts. */
export const applyIn = async (
  tx: Sql,
  key: SecretKey,
  tenants: readonly TenantConfig[],
  callers: 'declared' | 'kept',
  how: Asked,
  hashOf?: (secret: string) => Buffer,
): Promise<Planned> => {
  const revisions = await revisionsOf(tx, tenants)
  const changes: Change[] = []
  const reasons: string[] = []
  try {
    for (const tenant of tenants)
      changes.push(...(await applyTenant(tx, key, tenant, callers, (reason) => reasons.push(reason), hashOf)))
  } catch (error) {
    if (!(error instanceof CredentialTaken)) throw error
    reasons.push(error.message)
  }
  if (!reasons.length) reasons.push(...(await unfit(tenants, changes)))
  if (reasons.length) throw new ApplyRefused(reasons)
  const plan = planName(revisions, changes)
  if (how.plan !== undefined && how.plan !== plan)
    throw new ApplyRefused([
      `The plan ${how.plan} is stale: the configuration, the file or a secret changed since. Look at what would change now (mortise plan).`,
    ])
  await noteVersions(tx, changes, how.who)
  await how.note?.(tx, changes)
  return { plan, changes }
}

const rolledBack = new Error('planned')

const applied = async (
  sql: Sql,
  key: SecretKey,
  callers: 'declared' | 'kept',
  how: How,
  make: (tx: Sql) => Promise<readonly TenantConfig[]>,
): Promise<Planned> => {
  let planned: Planned | null = null
  try {
    await sql.retrying(async (tx) => {
      await lockConfiguration(tx)
      planned = await applyIn(tx, key, await make(tx), callers, how)
      if (!how.really) throw rolledBack
    })
  } catch (error) {
    if (error !== rolledBack) throw error
  }
  return planned ?? { plan: '', changes: [] }
}

/**
 * Makes the tenants of the file what the file says, in one transaction; answers what changed, nothing when it was so already.
 * Throws ApplyRefused where records in flight forbid it, or where the plan that was looked at is stale; then nothing was changed.
 */
export const apply = async (sql: Sql, key: SecretKey, config: Config, how: Partial<Asked> = {}): Promise<Change[]> => {
  const { changes } = await applied(
    sql,
    key,
    'declared',
    { who: 'Mortise', ...how, really: true },
    async () => config.tenants,
  )
  return changes
}

/** What `apply` would change: done for real, and rolled back. */
export const plan = async (sql: Sql, key: SecretKey, config: Config): Promise<Change[]> =>
  (await planNamed(sql, key, config)).changes

/** The same, with the plan's name. */
export const planNamed = (sql: Sql, key: SecretKey, config: Config): Promise<Planned> =>
  applied(sql, key, 'declared', { who: '', really: false }, async () => config.tenants)

/** One tenant as `make` puts it together from what is stored, under the same lock; its callers are left as they are. */
export const applyMade = (
  sql: Sql,
  key: SecretKey,
  how: How,
  make: (tx: Sql) => Promise<TenantConfig>,
): Promise<Planned> => applied(sql, key, 'kept', how, async (tx) => [await make(tx)])

// ── load ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
/** A connection as the doors see it. */
export interface DoorConnection {
  connectionId: string
  zone: string
  role: 'erp' | 'crm'
  /** By code or apiName; the same JavaScript object until its definition changes. */
  object(name: string): ObjectDef | undefined
}

/** Everything declared, at one moment. Immutable: a change makes a new one. */
export interface Configuration extends Access {
  revision: string
  tenants: ReadonlyMap<string, Tenant>
  connections: readonly LoadedConnection[]
  pairs: readonly LoadedPair[]
  objects: Catalog
  functionsOf(tenantId: string): readonly FunctionDef[]
  function(tenantId: string, name: string): FunctionDef | undefined
  connection(tenantId: string, connectionId: string): ConnectionDef | undefined
  catalog: {
    /** Only role erp: those that `dataCenterId` counts and names (contracts.md section 1). */
    erp(tenantId: string): readonly DoorConnection[]
    connection(tenantId: string, connectionId: string): DoorConnection | undefined
  }
}

const remembered = new WeakMap<SecretKey, Remembered>()

/** Reads all tables as of one moment. Throws SecretRefused where the key is another than the one they were encrypted with. */
export const load = async (sql: Sql, key: SecretKey): Promise<Configuration> => {
  const memory = remembered.get(key) ?? new Map<string, ObjectDef>()
  remembered.set(key, memory)
  return sql.begin(
    async (tx) => {
      const revision = await readRevision(tx)
      const tenants = new Map((await readTenants(tx)).map((tenant) => [tenant.tenantId, tenant]))
      const connections = await readConnections(tx, (place, envelope) => open(key, place, envelope))
      const pairs = await readPairs(tx)
      const objects = catalogOf(await readObjects(tx, memory))
      const functions = await loadFunctions(tx)
      const access = accessOf(await readCredentials(tx, key))
      const doors = new Map<string, DoorConnection[]>()
      const byKey = new Map<string, { def: ConnectionDef; door: DoorConnection }>()
      for (const { def } of connections) {
        const { tenantId, connectionId, zone, role } = def
        const door: DoorConnection = {
          connectionId,
          zone,
          role,
          object: (name) => objects.find(tenantId, connectionId, name),
        }
        byKey.set(JSON.stringify([tenantId, connectionId]), { def, door })
        doors.set(tenantId, [...(doors.get(tenantId) ?? []), door])
      }
      const erps = new Map([...doors].map(([tenantId, all]) => [tenantId, all.filter((one) => one.role === 'erp')]))
      const at = (tenantId: string, connectionId: string) => byKey.get(JSON.stringify([tenantId, connectionId]))
      return {
        ...access,
        revision,
        tenants,
        connections,
        pairs,
        objects,
        functionsOf: (tenantId) => functions.get(tenantId) ?? [],
        function: (tenantId, name) => functions.get(tenantId)?.find((one) => one.name === name),
        connection: (tenantId, connectionId) => at(tenantId, connectionId)?.def,
        catalog: {
          erp: (tenantId) => erps.get(tenantId) ?? [],
          connection: (tenantId, connectionId) => at(tenantId, connectionId)?.door,
        },
      }
    },
    { isolation: 'repeatable read', readOnly: true },
  )
}

/** Loads anew whenever any tenant's configuration changes, wherever it was changed; `loaded` is what the caller uses now. */
export const watchConfiguration = (deps: {
  sql: Sql
  url?: string
  key: SecretKey
  loaded: Configuration
  onChange(configuration: Configuration): Promise<void> | void
  log(sentence: string): void
}): Watch =>
  watch({
    sql: deps.sql,
    ...(deps.url !== undefined && { url: deps.url }),
    seen: deps.loaded.revision,
    onChange: async () => deps.onChange(await load(deps.sql, deps.key)),
    log: deps.log,
  })

// ── export ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const originOf = (definition: Record<string, unknown>, key: string): string | null =>
  typeof definition[key] === 'string' ? (definition[key] as string) : null

/** The stored configuration as YAML, of one tenant or of all; secrets are named, never shown. */
export const exportConfig = async (sql: Sql, key: SecretKey, tenantId?: string): Promise<string> => {
  const configuration = await load(sql, key)
  const credentials = await readCredentials(sql, key)
  const wanted = [...configuration.tenants.values()].filter(
    (tenant) => tenantId === undefined || tenant.tenantId === tenantId,
  )
  if (tenantId !== undefined && !wanted.length) throw new ApplyRefused([`There is no tenant ${tenantId}.`])
  return exportYaml(
    wanted.map((tenant): Exported => {
      const own = credentials.filter((one) => one.tenantId === tenant.tenantId)
      const of = (kind: CredentialChange['kind']) => own.filter((one) => one.kind === kind)
      const list = (value: unknown) => (Array.isArray(value) ? (value as string[]) : null)
      return {
        tenant,
        connections: configuration.connections
          .filter((one) => one.def.tenantId === tenant.tenantId)
          .map((one) => ({ ...one, objects: configuration.objects.of(tenant.tenantId, one.def.connectionId) })),
        functions: configuration.functionsOf(tenant.tenantId),
        pairs: configuration.pairs.filter((one) => one.def.tenantId === tenant.tenantId),
        tokens: of('push-token').map(({ name, definition, expiresAt, formerHash, formerUntil }) => ({
          name,
          origin: originOf(definition, 'origin'),
          connections: list(definition.connections),
          objects: list(definition.objects),
          ratePerSecond: typeof definition.ratePerSecond === 'number' ? definition.ratePerSecond : null,
          expiresAt,
          former: formerHash && { origin: originOf(definition, 'formerOrigin') },
          formerUntil,
        })),
        hooks: of('hook').map(({ name, definition, sealed, formerHash, formerUntil }) => ({
          name,
          connectionId: String(definition.connectionId),
          origin: originOf(definition, 'origin'),
          former: formerHash && { origin: originOf(definition, 'formerOrigin') },
          formerUntil,
          verify: definition.verify
            ? {
                ...(definition.verify as HookVerify),
                origin: originOf(definition, 'verifyOrigin'),
                former:
                  sealed.formerVerify === undefined ? null : { origin: originOf(definition, 'formerVerifyOrigin') },
              }
            : null,
        })),
        batchClients: of('batch-client').map(({ credentialId, definition, sealed, formerHash, formerUntil }) => ({
          clientId: credentialId,
          secretOrigin: originOf(definition, 'origin'),
          saltOrigin: originOf(definition, 'saltOrigin'),
          formerSecret: formerHash && { origin: originOf(definition, 'formerOrigin') },
          formerSalt: sealed.formerSalt === undefined ? null : { origin: originOf(definition, 'formerSaltOrigin') },
          formerUntil,
          origins: list(definition.origins) ?? [],
        })),
      }
    }),
  )
}
