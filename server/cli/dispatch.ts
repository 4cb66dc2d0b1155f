/** Wires the batches that go out together: the queue of the connectors, the dispatcher, the door of callbacks (main.ts mounts and stops them). */
import type { Stoppable } from '../agent/loop.ts'
import type { MasterdataBatchConnector, RowQueue } from '../connect/masterdata-batch/masterdata-batch.ts'
import { answeredLater } from '../converge/later.ts'
import type { Target } from '../converge/road.ts'
import { type Called, callbackDoor, type CallbackEnd, callbackPath } from '../dispatch/callbacks.ts'
import type { Asker, Lane, Lanes } from '../dispatch/deps.ts'
import { type Dispatcher, startDispatcher } from '../dispatch/dispatcher.ts'
import { stuckBatches } from '../dispatch/list.ts'
import { openQueue } from '../dispatch/queue.ts'
import type { ConnectionDef } from '../doc/flow.ts'
import type { Env } from '../doc/env.ts'
import type { RecordDoor } from '../http/record.ts'
import type { Finding, Source } from '../observe/findings.ts'
import type { Sql } from '../store/sql.ts'
import type { Configuration } from './configuration.ts'

/** Batches that a target does not take are its records' trouble, though their links rest: told with the alert of a failing service. */
export const stuckSource: Source = async (sql, tenantId, limits) =>
  (await stuckBatches(sql, tenantId, limits.forMs ?? 300_000)).map(
    ({ connectionId, rows, oldestMs }): Finding => ({
      rule: 'service',
      about: `${connectionId} (batches)`,
      figures: { count: rows, minutes: Math.round(oldestMs / 60_000) },
    }),
  )

export interface DispatchWorld {
  configuration(): Configuration
  doors: Sql
  road: Sql
  env: Env
  log(room: string): {
    error(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
  connector(tenantId: string, connectionId: string): unknown
  gated(tenantId: string, connectionId: string): boolean
  /** Links of these targets are due, here and on other nodes. */
  woke(targets: readonly Target[]): void
  counted(called: { tenantId: string; connectionId: string }, end: CallbackEnd): void
  /** This node sends. */
  sends: boolean
}

const callbackUrl = ({ batch, auth, connectionId }: ConnectionDef): string | null =>
  batch?.callbackUrl && auth?.callback
    ? `${batch.callbackUrl}/callbacks/${encodeURIComponent(connectionId)}/${auth.callback.key}`
    : null

const laneOf = (
  configuration: Configuration,
  tenantId: string,
  connectionId: string,
  code: string,
): Lane | undefined => {
  const def = configuration.connection(tenantId, connectionId)
  const object = configuration.objects.find(tenantId, connectionId, code)
  if (!def?.batch || !object?.batch) return undefined
  return {
    tenantId,
    connectionId,
    object: object.code,
    path: object.batch.path,
    keyField: object.idField,
    zone: def.zone,
    perDay: object.batch.perDay ?? def.batch.perDay,
    perHour: object.batch.perHour ?? def.batch.perHour,
    said: def.batch,
    url: callbackUrl(def),
    timeout: def.timeout,
  }
}

const calledOf = ({ tenantId, connectionId, batch, auth }: ConnectionDef, now: number): Called[] => {
  if (!batch || !auth?.callback) return []
  const { key, salt, formerSalt } = auth.callback
  const former = formerSalt !== undefined && (batch.formerUntil === null || now < batch.formerUntil) ? [formerSalt] : []
  return [{ tenantId, connectionId, key, salts: [salt, ...former], signed: batch.signed }]
}

const isBatchConnector = (connector: unknown): connector is MasterdataBatchConnector =>
  typeof connector === 'object' && connector !== null && 'post' in connector && 'told' in connector

/** In two steps: connectors want the queue before there is a worker, and the dispatcher wants both. */
export const openDispatch = (world: Pick<DispatchWorld, 'configuration' | 'road' | 'env'>) => {
  const { configuration, road, env } = world
  let dispatcher: Dispatcher | null = null
  const find: Lanes['find'] = (...place) => laneOf(configuration(), ...place)
  const queue: RowQueue = openQueue({ sql: road, lanes: { find }, env, queued: () => dispatcher?.wake() })

  /** All that a tenant sends in batches, as declared now. */
  const lanesOf = (tenantId: string): Lane[] =>
    configuration()
      .connections.filter(({ def }) => def.tenantId === tenantId && def.batch)
      .flatMap(({ def }) =>
        configuration()
          .objects.of(tenantId, def.connectionId)
          .flatMap(({ code }) => find(tenantId, def.connectionId, code) ?? []),
      )

  const begin = (rest: Omit<DispatchWorld, 'configuration' | 'road' | 'env'>) => {
    const lanes: Lanes = {
      find,
      targets: () =>
        configuration().connections.flatMap(({ def }) =>
          def.batch
            ? [
                {
                  tenantId: def.tenantId,
                  connectionId: def.connectionId,
                  timeout: def.timeout,
                  concurrency: def.limits.concurrency,
                },
              ]
            : [],
        ),
      connector: (tenantId, connectionId) => {
        const connector = rest.connector(tenantId, connectionId)
        return isBatchConnector(connector) ? connector : undefined
      },
    }
    const answered = async (askers: readonly Asker[]): Promise<void> => {
      const targets = await answeredLater(road, askers)
      if (targets.length) rest.woke(targets)
    }
    dispatcher = rest.sends
      ? startDispatcher({ sql: road, lanes, env, log: rest.log('dispatcher'), answered, gated: rest.gated })
      : null
    const agents: Stoppable[] = dispatcher ? [dispatcher] : []
    const door: RecordDoor = callbackDoor({
      sql: rest.doors,
      called: (connectionId) =>
        configuration()
          .connections.filter(({ def }) => def.connectionId === connectionId)
          .flatMap(({ def }) => calledOf(def, env.now())),
      lanes,
      env,
      answered,
      wake: () => dispatcher?.wake(),
      counted: rest.counted,
      log: rest.log('callbacks'),
    })
    return { agents, doors: [{ path: callbackPath, door }] }
  }
  return { queue, begin, lanesOf, wake: () => dispatcher?.wake() }
}
