/** What people and their programs ask for: the management API with the hands it needs in the other rooms, and the tasks that it leaves to an agent. */
import type { Stoppable } from '../agent/loop.ts'
import { readConflict } from '../converge/conflicts.ts'
import { hint as askFor } from '../converge/fetches.ts'
import { bindIn, declare, ignore, rerun, unbind, wakeBound } from '../converge/ids.ts'
import type { Side } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { ApiDeps } from '../http/api.ts'
import { startTasker } from '../maintain/tasks.ts'
import type { Logbook } from '../observe/log.ts'
import type { Sql } from '../store/sql.ts'
import type { openAlerts } from './alerts.ts'
import { type ApiWorld, apiOf } from './api.ts'
import type { Batches } from './batch.ts'
import type { Configuration } from './configuration.ts'
import type { openConverging } from './converging.ts'
import type { Decoding } from './decode.ts'
import type { openDirectory } from './directory.ts'
import { admitEdited, stagedText } from './edit.ts'
import { learning } from './learn.ts'
import { dryRunWork } from './mapping.ts'
import { mixing } from './mixing.ts'
import { pollOf } from './polling.ts'
import type { Pools } from './pools.ts'
import { repair } from './reconcile.ts'
import { tryingOf } from './trying.ts'

export interface PeopleWorld
  extends Pick<ApiWorld, 'key' | 'egress' | 'data' | 'version' | 'described' | 'again' | 'changed'> {
  pools: Pick<Pools, 'road' | 'people'>
  env: Env
  log: Logbook['of']
  configuration(): Configuration
  directory: ReturnType<typeof openDirectory>
  converging: Pick<Awaited<ReturnType<typeof openConverging>>, 'nudge' | 'asked' | 'tell' | 'steps'>
  poller: { wake(): void } | null
  decoding: Pick<Decoding, 'refresh'>
  alerts: Pick<ReturnType<typeof openAlerts>, 'routes'>
  batches: Pick<Batches, 'deliver'>
  outgoing: ApiWorld['outgoing']
  /** Where this node listens; known once it does. */
  address(): string | undefined
}

const rerunNow = (sql: Sql, links: Parameters<typeof rerun>[1], side: Side | null) => rerun(sql, links, side, null)

export const openPeople = (world: PeopleWorld): { api: ApiDeps; agents: Stoppable[] } => {
  const { env, pools, directory, converging, configuration, key, egress, data, version, described, again, changed } =
    world
  const { nudge, asked, tell, steps } = converging
  const woke = (): void => nudge()
  const mapping = {
    configuration,
    connector: directory.directory.connector,
    functions: steps.functions,
    now: env.now,
  }
  const tasker = startTasker({
    sql: pools.people,
    env,
    log: world.log('tasker'),
    rerun: rerunNow,
    works: { dryRun: dryRunWork(mapping) },
    woke,
  })
  const api = apiOf({
    sql: pools.people,
    key,
    egress,
    data,
    version,
    newId: env.id,
    learning: learning(directory.describing),
    alerts: world.alerts.routes(pools.people, env.id),
    conflict: (sql, link) => readConflict(sql, directory.directory, link),
    mix: mixing({ road: pools.road, directory: directory.directory, now: env.now }),
    mapping,
    hands: {
      rerun: rerunNow,
      declare,
      bind: bindIn,
      wakeBound: (pair, left, right) => wakeBound(pools.road, pair, left, right),
      unbind,
      ignore,
      hint: async (hints) => {
        await askFor(pools.road, hints, null)
        asked()
      },
      staged: stagedText,
      admitEdited: (...edited) => admitEdited(pools.road, ...edited),
    },
    polls: {
      ...pollOf(configuration),
      now: env.now,
      woke: () => {
        world.poller?.wake()
        tell()
      },
    },
    compare: {
      flows: (tenant, pair, side) => directory.directory.pair(tenant, pair)?.plans[side] !== undefined,
      repair: async (...chosen) => {
        const sent = await repair(pools.road, ...chosen)
        asked()
        nudge()
        return sent
      },
    },
    described,
    trying: tryingOf({ directory, env, address: world.address }),
    again,
    decoding: {
      functions: steps.functions,
      functionsOf: (tenantId) => configuration().functionsOf(tenantId),
      object: (...place) => configuration().objects.find(...place),
      woke: () => {
        world.decoding.refresh()
        tell()
      },
      resumed: steps.resumed,
    },
    woke,
    tasked: tasker.wake,
    object: (tenantId, connectionId, code) => configuration().objects.find(tenantId, connectionId, code),
    outgoing: world.outgoing,
    deliver: world.batches.deliver,
    changed,
  })
  return { api, agents: [tasker] }
}
