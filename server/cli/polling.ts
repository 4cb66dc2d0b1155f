/** Polling, put together for a node: what is polled of the configuration as it is now, and what the poll room is handed of the others. */
import { hint } from '../converge/fetches.ts'
import { drawVersion } from '../converge/read.ts'
import { touch } from '../converge/touch.ts'
import type { Log } from '../converge/engine.ts'
import type { Loop } from '../agent/loop.ts'
import { type Arrival, type Hint, type RecordKey, sides } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { flowName } from '../flows/save.ts'
import { startComparing } from './reconcile.ts'
import { type Polled, startPoller } from '../poll/poller.ts'
import { startBackfiller } from '../poll/backfiller.ts'
import type { Plan } from '../poll/planned.ts'
import { startPlanner } from '../poll/planner.ts'
import { startSeeker } from '../poll/seeker.ts'
import type { HistoryRouteDeps } from '../poll/history-routes.ts'
import type { PlannedRouteDeps } from '../poll/planned-routes.ts'
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

/** For the routes: the schedule of one object, and what history can be read of. */
export const pollOf = (
  configuration: () => Configuration,
): Pick<PollRouteDeps & HistoryRouteDeps & PlannedRouteDeps, 'polled' | 'readable' | 'plans'> => ({
  polled: (tenantId, connectionId, code) => {
    const now = configuration()
    const connection = now.connection(tenantId, connectionId)
    const poll = now.objects.find(tenantId, connectionId, code)?.poll
    return connection && poll ? { poll, zone: poll.zone ?? connection.zone } : undefined
  },
  readable: (tenantId, connectionId, code) =>
    configuration().connection(tenantId, connectionId)?.readable === true &&
    configuration()
      .objects.of(tenantId, connectionId)
      .some((object) => object.code === code),
  plans: (tenantId) => plansOf(configuration()).filter((plan) => plan.tenant_id === tenantId),
})

/** Reconciliations of flows that run, and deletion sweeps of objects that are polled, by their schedules. */
export const plansOf = (configuration: Configuration): Plan[] => [
  ...configuration.pairs.flatMap(({ def }) =>
    sides.flatMap((side): Plan[] => {
      const flow = def.flows[side]
      const source = configuration.connection(def.tenantId, def[side].connectionId)
      if (flow?.state !== 'enabled' || !flow.reconcile || !source) return []
      const named = { tenant_id: def.tenantId, name: `${def.pairId} ${flowName[side]}` }
      const zone = flow.reconcile.zone ?? source.zone
      return [{ ...named, zone, kind: 'reconcile', pairId: def.pairId, side, def: flow.reconcile }]
    }),
  ),
  ...polledOf(configuration).flatMap(({ tenant_id, connection_id: connectionId, object, poll }): Plan[] => {
    const connection = configuration.connection(tenant_id, connectionId)
    if (!poll.sweep || !connection) return []
    const named = { tenant_id, name: `${connectionId}/${object}` }
    return [
      { ...named, zone: poll.sweep.zone ?? connection.zone, kind: 'sweep', connectionId, object, def: poll.sweep },
    ]
  }),
]

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

/** What stands in the links of an object's flows: for history, which gives way, sends again, and follows a mapping. */
const linksOf = (sql: Sql, directory: PollingDeps['directory']) => {
  const placesOf = ({ tenant_id, connection_id, object }: RecordKey) =>
    directory.pairsOf(tenant_id, connection_id, object).map((pair) => ({
      pair_id: pair.def.pairId,
      side:
        pair.def.left.connectionId === connection_id && pair.def.left.object === object
          ? ('left' as const)
          : ('right' as const),
      target:
        pair.def.left.connectionId === connection_id && pair.def.left.object === object
          ? pair.def.right.connectionId
          : pair.def.left.connectionId,
    }))
  return {
    backlog: async (key: RecordKey, most: number): Promise<number> => {
      const targets = [...new Set(placesOf(key).map(({ target }) => target))]
      const [row] = await sql<{ n: number }>`
        select count(*)::int4 as n from (
          select from link
          where tenant_id = ${key.tenant_id} and target_connection = any(${targets}::text[]) and state in ('due', 'unknown') and (not held or state = 'unknown')
            and next_at <= clock_timestamp()
          limit ${most}) due`
      return row?.n ?? 0
    },
    again: async (tx: Sql, rows: readonly RecordKey[]): Promise<void> => {
      const [first] = rows
      if (!first) return
      const ids = [...new Set(rows.map((row) => row.data_id))]
      for (const { pair_id, side } of placesOf(first))
        await touch(tx, { tenant_id: first.tenant_id, pair_id }, side, ids, true, null)
    },
    mapped: async (key: RecordKey, pairId: string, after: string | null, limit: number): Promise<string[]> => {
      const place = placesOf(key).find(({ pair_id }) => pair_id === pairId)
      if (!place) return []
      const rows =
        place.side === 'left'
          ? await sql<{ id: string }>`
        select left_id as id from link
        where tenant_id = ${key.tenant_id} and pair_id = ${pairId} and left_id > ${after ?? ''} and right_id is not null
        order by left_id limit ${limit}`
          : await sql<{ id: string }>`
        select right_id as id from link
        where tenant_id = ${key.tenant_id} and pair_id = ${pairId} and right_id > ${after ?? ''} and left_id is not null
        order by right_id limit ${limit}`
      return rows.map(({ id }) => id)
    },
  }
}

export const startPolling = ({ sql, env, log, configuration, directory, toArrival, woke }: PollingDeps): Loop => {
  let from: Configuration | null = null
  let polled: Polled[] = []
  const reading = {
    sql,
    env,
    log,
    connector: directory.connector,
    connection: directory.connection,
    toArrival,
    admitIn: (tx: Sql, rows: readonly Arrival[]) => admitIn(tx, rows),
    hintIn: (tx: Sql, hints: readonly Hint[]) => hint(tx, hints, null),
    drawVersion: () => drawVersion(sql),
    woke,
  }
  const poller = startPoller({
    ...reading,
    polled: () => {
      const now = configuration()
      if (now !== from) {
        from = now
        polled = polledOf(now)
      }
      return polled
    },
    skew: directory.skew,
  })
  const backfiller = startBackfiller({ ...reading, ...linksOf(sql, directory) })
  const seeker = startSeeker({ ...reading, hinted: () => woke([]) })
  const comparer = startComparing(sql, env, log, directory, () => woke([]))
  let planned: { from: Configuration; plans: Plan[] } | null = null
  const planner = startPlanner({
    sql,
    env,
    log,
    plans: () => {
      const now = configuration()
      if (planned?.from !== now) planned = { from: now, plans: plansOf(now) }
      return planned.plans
    },
    begun: () => {
      comparer.wake()
      seeker.wake()
    },
  })
  return {
    wake: () => {
      planner.wake()
      comparer.wake()
      seeker.wake()
      poller.wake()
      backfiller.wake()
    },
    stop: async () =>
      void (await Promise.all([poller.stop(), backfiller.stop(), comparer.stop(), seeker.stop(), planner.stop()])),
  }
}
