/** The configuration as the engine works with it: compiled pairs and living connectors; a change replaces only what it touches. */
import { openShelf } from '../connect/auth/shelf.ts'
import { type FxiaokeConnector, fxiaokeConnector } from '../connect/fxiaoke/fxiaoke.ts'
import {
  type MasterdataBatchConnector,
  masterdataBatchConnector,
  type RowQueue,
} from '../connect/masterdata-batch/masterdata-batch.ts'
import { standardConnector, type StandardConnector, type StandardDeps } from '../connect/standard/standard.ts'
import { dayEnd } from '../connect/standard/time.ts'
import type { Directory, Log } from '../converge/engine.ts'
import type { Target } from '../converge/road.ts'
import { sides } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { ConnectionDef, Pair } from '../doc/flow.ts'
import type { ObjectDef } from '../doc/object.ts'
import { openAllowance, sharedOf } from '../egress/allowance.ts'
import type { Seal } from '../flows/save.ts'
import { compilePair } from '../map/plan.ts'
import type { Sql } from '../store/sql.ts'
import type { Configuration } from './configuration.ts'

export interface DirectoryDeps {
  env: Env
  log: Log
  /** The sandbox switch: its systems live on loopback (reliability.md, Threats). */
  allowLoopback: boolean
  /** Addresses that no connection may reach: our own database. */
  denied: { host: string; port: number }[]
  /** Where all nodes meet over a target's limits and its access token; without it each counts for itself. */
  nodes?: { sql: Sql; seal: Seal; who: string }
  /** Where rows of batches wait; without it nothing is sent in batches. */
  queue?: RowQueue
}

const noQueue: RowQueue = {
  put: () => Promise.reject(new Error('nothing is sent in batches from here')),
  answered: () => Promise.reject(new Error('nothing is sent in batches from here')),
}

/** What this connection shares with the other nodes. */
const sharedWith = ({ nodes, env }: DirectoryDeps, def: ConnectionDef): Pick<StandardDeps, 'allowance' | 'shelf'> => {
  if (!nodes) return {}
  const { tenantId, connectionId, limits, zone } = def
  const { day, pace } = sharedOf(limits)
  const place = { sql: nodes.sql, tenantId, connectionId }
  return {
    ...((day || pace) && {
      allowance: openAllowance({ ...place, limits, dayEnd: (now) => dayEnd(now, zone), now: () => env.now() }),
    }),
    ...(def.auth?.oauth2 && { shelf: openShelf({ ...place, seal: nodes.seal, who: nodes.who }) }),
  }
}

interface Living {
  revision: number
  objects: readonly ObjectDef[]
  connector: StandardConnector | FxiaokeConnector | MasterdataBatchConnector
}

const connectorFor = (deps: StandardDeps & { queue: RowQueue }): Living['connector'] => {
  switch (deps.connection.kind) {
    case 'fxiaoke':
      return fxiaokeConnector(deps)
    case 'masterdata-batch':
      return masterdataBatchConnector(deps)
    case 'standard':
      return standardConnector(deps)
  }
}

const holds = ({ def }: Pair): boolean => sides.some((side) => def.flows[side]?.state === 'paused')

const at = (...names: string[]): string => names.join('\n')

export const openDirectory = (deps: DirectoryDeps) => {
  let configuration: Configuration | null = null
  let pairs = new Map<string, Pair>()
  let byObject = new Map<string, Pair[]>()
  let connectors = new Map<string, Living>()
  let targets: Target[] = []
  let all: readonly Pair[] = []

  const egress = { allowLoopback: deps.allowLoopback, denied: deps.denied }
  const open = (def: ConnectionDef, objects: readonly ObjectDef[]) =>
    connectorFor({
      connection: def,
      objects: new Map(objects.map((o) => [o.code, o])),
      env: deps.env,
      egress,
      queue: deps.queue ?? noQueue,
      ...sharedWith(deps, def),
    })

  const refresh = (next: Configuration): void => {
    const living = new Map<string, Living>()
    for (const { def, revision } of next.connections) {
      const key = at(def.tenantId, def.connectionId)
      const objects = next.objects.of(def.tenantId, def.connectionId)
      const before = connectors.get(key)
      const same =
        before &&
        before.revision === revision &&
        before.objects.length === objects.length &&
        before.objects.every((o, i) => o === objects[i])
      if (same) {
        living.set(key, before)
        continue
      }
      const connector = open(def, objects)
      living.set(key, { revision, objects, connector })
      // What is under way on the former one ends by itself; its pool closes when it is idle.
      if (before) void before.connector.close()
    }
    for (const [key, before] of connectors) if (!living.has(key)) void before.connector.close()

    const compiled = new Map<string, Pair>()
    const touching = new Map<string, Pair[]>()
    for (const { def } of next.pairs) {
      const left = next.connection(def.tenantId, def.left.connectionId)
      const right = next.connection(def.tenantId, def.right.connectionId)
      const objects = {
        left: next.objects.find(def.tenantId, def.left.connectionId, def.left.object),
        right: next.objects.find(def.tenantId, def.right.connectionId, def.right.object),
      }
      if (!left || !right || !objects.left || !objects.right) continue
      const made = compilePair(
        def,
        { left: objects.left, right: objects.right },
        { left, right },
        { pairOf: (id) => next.pairs.find((p) => p.def.tenantId === def.tenantId && p.def.pairId === id)?.def },
      )
      if ('problems' in made) {
        deps.log.error(
          { tenant: def.tenantId, flow: def.pairId, problems: made.problems },
          'a pair does not compile; its records wait',
        )
        continue
      }
      compiled.set(at(def.tenantId, def.pairId), made.pair)
      for (const side of ['left', 'right'] as const) {
        const key = at(def.tenantId, def[side].connectionId, def[side].object)
        touching.set(key, [...(touching.get(key) ?? []), made.pair])
      }
    }
    configuration = next
    connectors = living
    pairs = compiled
    all = [...compiled.values()]
    byObject = touching
    targets = next.connections.map(({ def }) => ({ tenant_id: def.tenantId, connection_id: def.connectionId }))
  }

  const directory: Directory = {
    pair: (tenantId, pairId) => pairs.get(at(tenantId, pairId)),
    pairsOf: (tenantId, connectionId, object) => byObject.get(at(tenantId, connectionId, object)) ?? [],
    object: (tenantId, connectionId, code) => configuration?.objects.find(tenantId, connectionId, code),
    connector: (tenantId, connectionId) => connectors.get(at(tenantId, connectionId))?.connector,
    connection: (tenantId, connectionId) => configuration?.connection(tenantId, connectionId),
    skew: (tenantId, connectionId) => connectors.get(at(tenantId, connectionId))?.connector.skew() ?? null,
    revision: (tenantId) => configuration?.tenants.get(tenantId)?.revision,
    tellers: (tenantId, connectionId) =>
      [...pairs.values()]
        .filter(({ def }) => def.tenantId === tenantId)
        .filter(({ def }) =>
          sides.some((side) => def.flows[side]?.writeBack && def[side].connectionId === connectionId),
        )
        .map(({ def }) => ({ tenantId: def.tenantId, pairId: def.pairId })),
    targets: () => targets,
    pairs: () => all,
  }
  return {
    directory,
    refresh,
    /** Whom rows of these records may concern: the other side of every pair of their object. */
    targetsOf: (tenantId: string, connectionId: string, object: string): Target[] =>
      // What a paused flow holds is in nobody's claim: to wake for it would be an empty claim with every commit of a door.
      directory
        .pairsOf(tenantId, connectionId, object)
        .filter((pair) => !holds(pair))
        .map((pair) => ({
          tenant_id: tenantId,
          connection_id:
            pair.def.left.connectionId === connectionId && pair.def.left.object === object
              ? pair.def.right.connectionId
              : pair.def.left.connectionId,
        })),
    /** How every target stands, as this node sees it: for the metrics. */
    views: () =>
      targets.flatMap((target) => {
        const living = connectors.get(at(target.tenant_id, target.connection_id))
        return living ? [{ ...target, ...living.connector.view() }] : []
      }),
    /** A connector of a person's own, whose breaker is closed and whose calls wait for nobody; he closes it. */
    trial: (tenantId: string, connectionId: string) => {
      const def = configuration?.connection(tenantId, connectionId)
      if (!def || !configuration) return undefined
      const objects = configuration.objects.of(tenantId, connectionId)
      return { def, objects, policy: { kind: 'connection', ...egress } as const, connector: open(def, objects) }
    },
    /** The connector of a CRM that can describe its objects; undefined where there is none. */
    describing: (tenantId: string, connectionId: string): Pick<FxiaokeConnector, 'learn' | 'offered'> | undefined => {
      const living = connectors.get(at(tenantId, connectionId))?.connector
      return living && 'learn' in living ? living : undefined
    },
    close: async (): Promise<void> => {
      await Promise.all([...connectors.values()].map((l) => l.connector.close()))
    },
  }
}
