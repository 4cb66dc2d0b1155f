/** Writes the stored configuration as a file that applies without changing anything. Secrets become `${NAME}` or `generated`, never values. */
import { stringify } from 'yaml'
import { type Side, sides } from '../doc/document.ts'
import type { AuthDef, Carrier, Condition, ConnectionDef, FieldRule, FlowDef, LimitsDef } from '../doc/flow.ts'
import type { FunctionDef } from '../doc/function.ts'
import type { DetailDef, FieldDef, ObjectDef } from '../doc/object.ts'
import type { HookVerify } from '../doc/queue.ts'
import { authDefaults, isOpenParam } from './auth.ts'
import { verifyDefaults } from './callers.ts'
import {
  connectionDefaults,
  defaultIdField,
  flowDefaults,
  fxiaokeDefaults,
  type Origin,
  type Publishing,
} from './config.ts'
import { writeDuration } from './duration.ts'
import { fxiaokeTree } from './fxiaoke.ts'
import { outBatchTree } from './out-batch.ts'
import type { LoadedConnection, LoadedPair, Tenant } from './load.ts'
import { functionTree } from './functions.ts'
import { clockOf } from './limits.ts'
import { eventsTree, queueTree } from './queues.ts'
import { flowName } from './save.ts'
import { pollTree, reconcileTree } from './poll.ts'

export interface Exported {
  tenant: Tenant
  connections: readonly (LoadedConnection & { objects: readonly ObjectDef[] })[]
  functions: readonly FunctionDef[]
  pairs: readonly LoadedPair[]
  tokens: readonly {
    name: string
    origin: Origin
    connections: readonly string[] | null
    objects: readonly string[] | null
    ratePerSecond: number | null
    expiresAt: number | null
    former: { origin: Origin } | null
    formerUntil: number | null
  }[]
  hooks: readonly {
    connectionId: string
    name: string
    origin: Origin
    former: { origin: Origin } | null
    formerUntil: number | null
    verify: (HookVerify & { origin: Origin; former: { origin: Origin } | null }) | null
  }[]
  batchClients: readonly {
    clientId: string
    secretOrigin: Origin
    saltOrigin: Origin
    formerSecret: { origin: Origin } | null
    formerSalt: { origin: Origin } | null
    formerUntil: number | null
    origins: readonly string[]
  }[]
}

type Tree = Record<string, unknown>

/** Drops what is undefined, an empty list or an empty map. */
const compact = (tree: Tree): Tree =>
  Object.fromEntries(
    Object.entries(tree).filter(([, value]) => {
      if (value === undefined) return false
      return value === null || typeof value !== 'object' || Object.keys(value).length > 0
    }),
  )

const unless = <T>(value: T, usual: unknown): T | undefined =>
  JSON.stringify(value) === JSON.stringify(usual) ? undefined : value

/** The name that a secret would have, where the file it came from held it in clear. */
const variableFor = (...words: string[]): string =>
  `\${${words
    .join('_')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase()
    .replace(/^(\d)/, '_$1')}}`

/** Headers that are nobody's secret are exported as they are. */
const open = new Set(['accept', 'accept-language', 'user-agent'])

/** A `$` before a brace would be read as a variable. The replacement is a function: in a text, `$$` would stand for one `$`. */
const literal = <T>(value: T): T => {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${') as T
  if (Array.isArray(value)) return value.map(literal) as T
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, literal(one)])) as T
  return value
}

const fieldTree = ({ code: _code, options, ...field }: FieldDef): unknown => {
  const labelled = options?.some((option) => option.label !== undefined)
  const rest = compact({
    ...field,
    options: labelled
      ? Object.fromEntries((options ?? []).map(({ value, label }) => [value, label ?? value]))
      : options?.map((option) => option.value),
  })
  return literal(Object.keys(rest).length === 1 ? field.type : rest)
}

const fieldsTree = (fields: readonly FieldDef[]): Tree =>
  Object.fromEntries(fields.map((field) => [field.code, fieldTree(field)]))

const detailTree = ({ fields, ...rest }: DetailDef): Tree => compact({ ...literal(rest), fields: fieldsTree(fields) })

/** An object as the file says it. */
export const objectTree = (
  { fields, details, apiName, idField, poll, ...rest }: ObjectDef,
  connection: Pick<ConnectionDef, 'overlap'>,
): Tree =>
  compact({
    ...literal(rest),
    apiName: unless(apiName, rest.code),
    idField: unless(idField, defaultIdField),
    poll: poll && literal(pollTree(poll, connection)),
    fields: fieldsTree(fields),
    details: details.map(detailTree),
  })

const placeTree = (place: Carrier & { prefix?: string; format?: string }): Tree =>
  compact({
    in: unless(place.in, 'header'),
    name: literal(place.name),
    prefix: place.prefix ? literal(place.prefix) : undefined,
    format: unless(place.format, authDefaults.signature.timestampFormat),
  })

const authTree = (connectionId: string, auth: AuthDef, origins: Record<string, Origin>): Tree => {
  const { basic, apiKey, oauth2, signature } = auth
  const named = (name: string): string => origins[name] ?? variableFor(connectionId, name)
  const d = authDefaults.oauth2
  return compact({
    basic: basic && { user: literal(basic.user), password: named('basic.password') },
    apiKey: apiKey && { ...placeTree(apiKey), value: named('apiKey.value') },
    oauth2:
      oauth2 &&
      compact({
        tokenUrl: literal(oauth2.tokenUrl),
        clientId: literal(oauth2.clientId),
        clientSecret: named('oauth2.clientSecret'),
        clientIn: unless(oauth2.clientIn, d.clientIn),
        bodyAs: unless(oauth2.bodyAs, d.bodyAs),
        idName: unless(literal(oauth2.idName), d.idName),
        secretName: unless(literal(oauth2.secretName), d.secretName),
        grantType: unless(literal(oauth2.grantType), d.grantType),
        params: Object.fromEntries(
          Object.entries(oauth2.params).map(([name, value]) => [
            literal(name),
            isOpenParam(name) ? literal(value) : named(`oauth2.params.${name}`),
          ]),
        ),
        tokenPath: unless(oauth2.tokenPath, d.tokenPath),
        expiresPath: unless(oauth2.expiresPath, d.expiresPath),
        lifetime: oauth2.lifetime === d.lifetime ? undefined : writeDuration(oauth2.lifetime),
        refreshBefore: oauth2.refreshBefore === d.refreshBefore ? undefined : writeDuration(oauth2.refreshBefore),
        tokenCodes: oauth2.tokenCodes,
        carry: unless(oauth2.carry, d.carry) && placeTree(oauth2.carry),
      }),
    signature:
      signature &&
      compact({
        algorithm: signature.algorithm,
        secret: named('signature.secret'),
        sign: literal(signature.sign),
        join: signature.join ? literal(signature.join) : undefined,
        encoding: unless(signature.encoding, authDefaults.signature.encoding),
        put: placeTree(signature.put),
        timestamp: signature.timestamp && placeTree(signature.timestamp),
        nonce: signature.nonce && placeTree(signature.nonce),
      }),
  })
}

const limitsTree = ({ per, perInterface, quiet, ...limits }: LimitsDef): Tree =>
  compact({
    ...limits,
    concurrency: unless(limits.concurrency, connectionDefaults.concurrency),
    per: per?.map(({ calls, every }) => ({ calls, every: writeDuration(every) })),
    perInterface: unless(perInterface, fxiaokeDefaults.perInterface)?.map(({ calls, every }) => ({
      calls,
      every: writeDuration(every),
    })),
    quiet: quiet?.map(({ from, to, days }) =>
      compact({ from: from ? clockOf(from) : undefined, to: to ? clockOf(to) : undefined, days }),
    ),
  })

const connectionTree = (
  tenant: Tenant,
  { def, headerOrigins, authOrigins, queueOrigins, objects }: Exported['connections'][number],
): Tree => {
  const d = connectionDefaults
  const duration = (key: 'keyKept' | 'longestProcessing' | 'timeout' | 'lateness' | 'overlap') =>
    def[key] === d[key] ? undefined : writeDuration(def[key])
  const { result } = def
  const usual: ConnectionDef['recognise'] = !def.readable
    ? 'none'
    : def.kind === 'fxiaoke'
      ? fxiaokeDefaults.recognise
      : 'byWindow'
  return compact({
    id: def.connectionId,
    kind: unless(def.kind, d.kind),
    role: def.role,
    baseUrl: literal(def.baseUrl),
    headers: Object.fromEntries(
      Object.entries(def.headers).map(([name, value]) => [
        name,
        headerOrigins[name] ?? (open.has(name.toLowerCase()) ? literal(value) : variableFor(def.connectionId, name)),
      ]),
    ),
    auth: def.auth && def.kind === 'standard' ? authTree(def.connectionId, def.auth, authOrigins) : undefined,
    fxiaoke: fxiaokeTree(def, (name) => authOrigins[name] ?? variableFor(def.connectionId, name)),
    batch: outBatchTree(def, (name) => authOrigins[name] ?? variableFor(def.connectionId, name)),
    result: compact({
      codePath: unless(result.codePath, d.result.codePath),
      messagePath: unless(result.messagePath, d.result.messagePath),
      dataPath: unless(result.dataPath, d.result.dataPath),
      successCodes: unless(result.successCodes, d.result.successCodes),
    }),
    format: def.format && literal({ ...def.format }),
    refusedBeforeEffect: def.refusedBeforeEffect,
    throttleCodes: def.throttleCodes,
    quotaCodes: def.quotaCodes,
    unsureCodes: def.unsureCodes,
    notFoundCodes: def.notFoundCodes,
    refusedCodes: def.refusedCodes,
    recognise: unless(def.recognise, usual),
    duplicate: def.duplicate,
    keyKept: duration('keyKept'),
    longestProcessing: duration('longestProcessing'),
    timeout: duration('timeout'),
    lateness: duration('lateness'),
    overlap: duration('overlap'),
    limits: limitsTree(def.limits),
    readable: def.kind === 'masterdata-batch' ? undefined : unless(def.readable, d.readable),
    zone: unless(def.zone, tenant.zone),
    pageSize: unless(def.pageSize, d.pageSize),
    pollFloor: def.pollFloor === undefined ? undefined : writeDuration(def.pollFloor),
    events: def.events && compact(literal(eventsTree(def.events))),
    queues: def.queues?.map((queue) => {
      const named = (secret: string): string => queueOrigins[secret] ?? variableFor(def.connectionId, 'queue', secret)
      const { url, tls, ...rest } = queueTree(def, queue, named)
      return { id: rest.id, ...compact({ kind: rest.kind, url, tls: tls && compact(tls as Tree), ...literal(rest) }) }
    }),
    objects: objects.map((object) => objectTree(object, def)),
  })
}

const ruleTree = ({ to: _to, reference, ...rule }: FieldRule): unknown => {
  const said = compact({
    ...literal(rule),
    reference: reference && (reference.missing === undefined ? reference.pair : reference),
  })
  return Object.keys(said).length === 1 && typeof said.from === 'string' ? said.from : said
}

const rulesTree = (rules: readonly FieldRule[]): Tree =>
  Object.fromEntries(rules.map((rule) => [rule.to, ruleTree(rule)]))

const flowTree = (flow: FlowDef, publishing: Publishing): Tree => {
  const d = flowDefaults
  return compact({
    state: unless(flow.state, d.state),
    startFrom: unless(publishing.startFrom, d.startFrom),
    onPublish: unless(publishing.onPublish, d.onPublish),
    scope: flow.scope.map((condition: Condition) => literal(condition)),
    actions: compact({
      create: unless(flow.actions.create, true),
      update: unless(flow.actions.update, true),
      void: unless(flow.actions.void, 'skip'),
    }),
    leavingScope: unless(flow.leavingScope, d.leavingScope),
    goneAtSource: unless(flow.goneAtSource, d.goneAtSource),
    repush: unless(flow.repush, d.repush),
    matchBeforeCreate: flow.match
      ? flow.match.map((rule) =>
          Object.fromEntries(
            rule.map(({ from, to, as }) => [from, as === 'code' ? literal(to) : { to: literal(to), as }]),
          ),
        )
      : unless(flow.matchBeforeCreate, d.matchBeforeCreate),
    params: flow.params && literal(flow.params),
    drift: flow.drift,
    tests: flow.tests?.map((test) => literal(test)),
    reconcile: flow.reconcile && literal(reconcileTree(flow.reconcile)),
    writeBack: literal(flow.writeBack),
    functions: flow.functions && {
      ...flow.functions,
      ...(flow.functions.beforeWrite && {
        beforeWrite: flow.functions.beforeWrite.fields.length
          ? flow.functions.beforeWrite
          : flow.functions.beforeWrite.function,
      }),
    },
    mapping: {
      ...compact({
        fields: rulesTree(flow.mapping.fields),
        details: Object.fromEntries(
          flow.mapping.details.map((detail) => [
            detail.to,
            {
              ...compact({ from: literal(detail.from), policy: unless(detail.policy, 'replace') }),
              fields: rulesTree(detail.fields),
            },
          ]),
        ),
      }),
    },
  })
}

const pairTree = ({ def, flows }: LoadedPair): Tree => {
  const present = sides.filter((side) => def.flows[side])
  const tree = (side: Side) => {
    const flow = def.flows[side]
    const publishing = flows[side]?.publishing
    return flow && publishing && flowTree(flow, publishing)
  }
  return compact({
    id: def.pairId,
    left: literal(`${def.left.connectionId}/${def.left.object}`),
    right: literal(`${def.right.connectionId}/${def.right.object}`),
    conflict: unless(def.conflict, present.length === 2 ? 'ask' : present[0]),
    flows: compact({ [flowName.left]: tree('left'), [flowName.right]: tree('right') }),
  })
}

const moment = (at: number | null): string | undefined => (at === null ? undefined : new Date(at).toISOString())

const verifyTree = (tenantId: string, name: string, verify: NonNullable<Exported['hooks'][number]['verify']>): Tree => {
  const d = verifyDefaults
  const { timestamp } = verify
  return compact({
    secret: verify.origin ?? variableFor(tenantId, 'hook', name, 'verify'),
    former: verify.former ? (verify.former.origin ?? variableFor(tenantId, 'hook', name, 'verify former')) : undefined,
    header: verify.header,
    algorithm: unless(verify.algorithm, d.algorithm),
    encoding: unless(verify.encoding, d.encoding),
    prefix: unless(literal(verify.prefix), d.prefix),
    key: unless(verify.key, d.key),
    sign: unless(literal(verify.sign), d.sign),
    timestamp:
      timestamp &&
      compact({
        header: timestamp.header,
        tolerance: timestamp.tolerance === d.tolerance ? undefined : writeDuration(timestamp.tolerance),
      }),
  })
}

const tenantTree = ({ tenant, connections, functions, pairs, tokens, hooks, batchClients }: Exported): Tree => {
  return {
    id: tenant.tenantId,
    ...compact({
      name: unless(literal(tenant.name), tenant.tenantId),
      zone: tenant.zone,
      bodyDays: tenant.bodyDays ?? undefined,
    }),
    connections: connections.map((one) => connectionTree(tenant, one)),
    ...compact({
      functions: functions.map(functionTree),
      pairs: pairs.map(pairTree),
      tokens: tokens.map((one) =>
        compact({
          name: one.name,
          value: one.origin ?? variableFor(tenant.tenantId, 'token', one.name),
          connections: one.connections ?? undefined,
          objects: one.objects ? literal(one.objects) : undefined,
          ratePerSecond: one.ratePerSecond ?? undefined,
          expiresAt: moment(one.expiresAt),
          former: one.former
            ? (one.former.origin ?? variableFor(tenant.tenantId, 'token', one.name, 'former'))
            : undefined,
          formerUntil: moment(one.formerUntil),
        }),
      ),
      hooks: hooks.map((one) =>
        compact({
          connection: one.connectionId,
          name: unless(one.name, one.connectionId),
          secret: one.origin ?? variableFor(tenant.tenantId, 'hook', one.name),
          former: one.former
            ? (one.former.origin ?? variableFor(tenant.tenantId, 'hook', one.name, 'former'))
            : undefined,
          formerUntil: moment(one.formerUntil),
          verify: one.verify ? verifyTree(tenant.tenantId, one.name, one.verify) : undefined,
        }),
      ),
      batchClients: batchClients.map((one) =>
        compact({
          id: one.clientId,
          secret: one.secretOrigin ?? variableFor(tenant.tenantId, one.clientId, 'secret'),
          salt: one.saltOrigin ?? variableFor(tenant.tenantId, one.clientId, 'salt'),
          formerSecret: one.formerSecret
            ? (one.formerSecret.origin ?? variableFor(tenant.tenantId, one.clientId, 'former secret'))
            : undefined,
          formerSalt: one.formerSalt
            ? (one.formerSalt.origin ?? variableFor(tenant.tenantId, one.clientId, 'former salt'))
            : undefined,
          formerUntil: moment(one.formerUntil),
          origins: one.origins,
        }),
      ),
    }),
  }
}

export const exportYaml = (tenants: readonly Exported[]): string =>
  stringify({ tenants: tenants.map(tenantTree) }, { lineWidth: 140, aliasDuplicateObjects: false })
