/** Polling, put together for a node: what is polled of the configuration as it is now, and what the poll room is handed of the others. */
import { hint } from '../converge/fetches.ts'
import { postgresRoad } from '../converge/postgres.ts'
import type { Log } from '../converge/engine.ts'
import type { Arrival, RecordKey } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { PollDef } from '../doc/object.ts'
import { type Polled, startPoller } from '../poll/poller.ts'
import type { PollRouteDeps } from '../poll/routes.ts'
import type { ReaderDeps } from '../poll/window.ts'
import { admitIn } from '../stage/admit.ts'
import type { Sql } from '../store/sql.ts'
import type { Configuration } from './configuration.ts'
import type { openDirectory } from './directory.ts'

/** Every polled object of every connection that can be read. */
export const polledOf = (configuration: Configuration): Polled[] =>
  configuration.connections.flatMap(({ def }) =>
    def.readable
      ? configuration.objects.of(def.tenantId, def.connectionId).flatMap((object) =>
          object.poll
            ? [
                {
                  tenant_id: def.tenantId,
                  connection_id: def.connectionId,
                  object: object.code,
                  poll: object.poll,
                },
              ]
            : [],
        )
      : [],
  )

/** For the routes: the schedule of one object. */
export const pollOf =
  (configuration: () => Configuration): PollRouteDeps['polled'] =>
  (tenantId, connectionId, code): { poll: PollDef; zone: string } | undefined => {
    const now = configuration()
    const connection = now.connection(tenantId, connectionId)
    const poll = now.objects.find(tenantId, connectionId, code)?.poll
    return connection && poll ? { poll, zone: poll.zone ?? connection.zone } : undefined
  }

export interface PollingDeps {
  /** Wears `mortise_road`. */
  sql: Sql
  env: Env
  log: Log
  configuration(): Configuration
  directory: ReturnType<typeof openDirectory>['directory']
  toArrival: ReaderDeps['toArrival']
  woke(rows: readonly RecordKey[]): void
}

export const startPolling = ({ sql, env, log, configuration, directory, toArrival, woke }: PollingDeps) => {
  let from: Configuration | null = null
  let polled: Polled[] = []
  return startPoller({
    sql,
    env,
    log,
    polled: () => {
      const now = configuration()
      if (now !== from) {
        from = now
        polled = polledOf(now)
      }
      return polled
    },
    connector: directory.connector,
    connection: directory.connection,
    skew: directory.skew,
    toArrival,
    admitIn: (tx: Sql, rows: readonly Arrival[]) => admitIn(tx, rows),
    hintIn: (tx, hints) => hint(tx, hints, null),
    drawVersion: postgresRoad(sql, async () => []).drawVersion,
    woke,
  })
}
