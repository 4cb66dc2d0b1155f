/** Wires the master-data batch and its callbacks together: doors, the registrar, the courier (main.ts mounts and stops them). */
import { callbackBody } from '../../protocol/batch.ts'
import { accessToken } from '../../protocol/callback.ts'
import type { BatchClient } from '../access/credentials.ts'
import type { Stoppable } from '../agent/loop.ts'
import { batchDoors } from '../batch/door.ts'
import type { BatchCatalog, BatchObject, Client, Clients, Ended } from '../batch/deps.ts'
import { startRegistrar } from '../batch/registrar.ts'
import { startCourier } from '../deliver/courier.ts'
import { createDelivery, failingOrigins } from '../deliver/deliveries.ts'
import { targetOf } from '../deliver/target.ts'
import type { Arrival } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Policy } from '../egress/guard.ts'
import type { RecordDoor } from '../http/record.ts'
import type { Finding, Source } from '../observe/findings.ts'
import { admitIn } from '../stage/admit.ts'
import type { Sql } from '../store/sql.ts'
import { subjectOf } from './batches.ts'
import type { Configuration } from './configuration.ts'

export interface BatchWorld {
  /** As it is now. */
  configuration(): Configuration
  doors: Sql
  road: Sql
  env: Env
  log(room: string): {
    error(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
  /** Rows were stored. */
  stored(rows: readonly Arrival[]): void
  allowLoopback: boolean
  /** Never to be called: our own database. */
  denied: NonNullable<Policy['denied']>
  duties: { batch: boolean; deliver: boolean }
}

export interface Batches {
  doors: { path: string; door: RecordDoor }[]
  agents: Stoppable[]
  /** A callback is to go out. */
  deliver(): void
}

/**
 * Callbacks that are not taken, by client and address: so many tries of one without success, or an address that was left alone after five days.
 * What waits at it waits for a person (alerts.md).
 */
export const callbackSource: Source = async (sql, tenantId, limits) => {
  const rows = await failingOrigins(sql, tenantId, limits.tries ?? 3)
  return rows.map(
    ({ clientId, origin, tries, isDisabled }): Finding => ({
      rule: 'callback',
      about: `${clientId} ${origin}`,
      figures: { count: tries },
      ...(isDisabled && { level: 'critical' as const }),
    }),
  )
}

/** Objects that take batches, by tenant and path; made once for a configuration. */
const indexOf = (configuration: Configuration): Map<string, BatchObject> => {
  const index = new Map<string, BatchObject>()
  for (const { def } of configuration.connections) {
    if (def.kind === 'masterdata-batch') continue // that path is the other system's
    for (const object of configuration.objects.of(def.tenantId, def.connectionId))
      if (object.batch)
        index.set(JSON.stringify([def.tenantId, object.batch.path]), {
          connectionId: def.connectionId,
          zone: def.zone,
          def: object,
        })
  }
  return index
}

const catalogOf = (configuration: BatchWorld['configuration']): BatchCatalog => {
  const indexes = new WeakMap<Configuration, Map<string, BatchObject>>()
  return {
    at: (tenantId, path) => {
      const now = configuration()
      const index = indexes.get(now) ?? indexOf(now)
      indexes.set(now, index)
      return index.get(JSON.stringify([tenantId, path]))
    },
    object: (tenantId, connectionId, code) => {
      const def = configuration().objects.find(tenantId, connectionId, code)
      const connection = configuration().connection(tenantId, connectionId)
      return def && connection && { connectionId, zone: connection.zone, def }
    },
    zone: (tenantId) => configuration().tenants.get(tenantId)?.zone ?? 'Asia/Shanghai',
  }
}

const shownClient = ({ tenantId, clientId, origins }: BatchClient): Client => ({ tenantId, clientId, origins })

export const openBatches = (world: BatchWorld): Batches => {
  const { configuration, env, duties } = world
  const find = (tenantId: string, clientId: string): BatchClient | undefined =>
    configuration()
      .batchClients.find(clientId)
      .find((one) => one.tenantId === tenantId)
  const clients: Clients = {
    // all of the name are asked, so that which tenant has it takes no other time
    prove: (clientId, secret) => {
      const [proved] = configuration()
        .batchClients.find(clientId)
        .filter((one) => one.is(secret))
      return proved && shownClient(proved)
    },
    find: (tenantId, clientId) => {
      const found = find(tenantId, clientId)
      return found && shownClient(found)
    },
  }
  const catalog = catalogOf(configuration)

  /** Private ranges only where an administrator configured the very address as a connection. */
  const policy = (tenantId: string, url: string): Policy => {
    const { origin } = new URL(url)
    const ours = configuration().connections.some(
      ({ def }) => def.tenantId === tenantId && URL.canParse(def.baseUrl) && new URL(def.baseUrl).origin === origin,
    )
    return { kind: ours ? 'connection' : 'callback', allowLoopback: world.allowLoopback, denied: world.denied }
  }

  const courier = duties.deliver
    ? startCourier({
        sql: world.road,
        env,
        log: world.log('courier'),
        client: (tenantId, clientId) => {
          const client = find(tenantId, clientId)
          return client && { origins: client.origins, salts: client.salts(env.now()) }
        },
        policy,
      })
    : null

  const ended = async (tx: Sql, { tenantId, clientId, batchId, bizId, url, locale, data }: Ended): Promise<void> => {
    const client = find(tenantId, clientId)
    if (!client) return // nobody is left who could verify it
    const body = Buffer.from(callbackBody(bizId, accessToken(bizId, client.salt), locale, data))
    const deliveryId = `msg_${env.id()}`
    await createDelivery(tx, { tenantId, deliveryId, clientId, url, subject: subjectOf(batchId), body })
  }

  const registrar = duties.batch
    ? startRegistrar({
        sql: world.road,
        catalog,
        admit: admitIn,
        ended,
        env,
        log: world.log('registrar'),
        stored: world.stored,
        told: () => courier?.wake(),
      })
    : null

  const doors = registrar
    ? batchDoors({
        sql: world.doors,
        clients,
        catalog,
        registrar,
        refuseUrl: (client, url) => {
          const target = targetOf(
            url,
            client.origins,
            URL.canParse(url) ? policy(client.tenantId, url) : { kind: 'callback' },
          )
          return 'url' in target ? null : target
        },
        env,
        log: world.log('batch'),
      })
    : []
  return {
    doors,
    agents: [registrar, courier].filter((agent) => agent !== null),
    deliver: () => courier?.wake(),
  }
}
