/** Joins the converge room to the rest: the road with what watches it, the agents that work on it, and the words that wake them on every node. */
import type { Stoppable } from '../agent/loop.ts'
import { startFetcher } from '../converge/fetcher.ts'
import { startLookout } from '../converge/lookout.ts'
import { openMatcher, startMatcher } from '../converge/match.ts'
import { startNoticer } from '../converge/notice.ts'
import { postgresRoad } from '../converge/postgres.ts'
import { startReaper } from '../converge/reaper.ts'
import { readRestoring } from '../converge/restore.ts'
import { startRestorer } from '../converge/restorer.ts'
import type { Target } from '../converge/road.ts'
import { startSweeper } from '../converge/sweeper.ts'
import { openTurns, startTallier } from '../converge/turns.ts'
import { startWorker } from '../converge/worker.ts'
import { startTeller } from '../converge/write-back.ts'
import type { Reading } from '../doc/connector.ts'
import type { Arrival, RecordKey } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Logbook } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Tracing } from '../observe/tracing.ts'
import { groupCommit } from '../stage/admit.ts'
import { groupHints } from '../stage/hints.ts'
import { readingArrival } from '../stage/reading.ts'
import { notifier } from '../store/listen.ts'
import type { Configuration } from './configuration.ts'
import type { openDirectory } from './directory.ts'
import { openSteps } from './flow-functions.ts'
import type { Pools } from './pools.ts'
import { watchedRoad } from './watched.ts'

export interface ConvergingWorld {
  /** False: a node without this duty wakes the others and does nothing itself. */
  works: boolean
  node: string
  env: Env
  pools: Pick<Pools, 'doors' | 'road' | 'claims'>
  log: Logbook['of']
  configuration(): Configuration
  directory: ReturnType<typeof openDirectory>
  metrics: Metrics
  tracing: Tracing | null
  /** Told of each record that was stored. */
  seen(row: RecordKey): void
}

/** How often an agent that the lookout wakes looks for itself. */
const net = 30_000

const nameOf = (tenantId: string, connectionId: string): string => `${tenantId}/${connectionId}`

export const openConverging = async (world: ConvergingWorld) => {
  const { env, pools, log, metrics, tracing } = world
  const { directory } = world.directory
  const word = notifier(pools.claims, 'mortise_work', world.node)

  // Nothing is sent to these since a backup was restored: known before there is a worker.
  let restoring = new Set<string>()
  const gate = (targets: readonly Target[]): void => {
    restoring = new Set(targets.map((target) => nameOf(target.tenant_id, target.connection_id)))
  }
  gate(await readRestoring(pools.road))
  const gated = (tenantId: string, connectionId: string): boolean => restoring.has(nameOf(tenantId, connectionId))

  // ── what wakes whom: our own agents at once, other nodes by word ──
  const nudge = (targets?: readonly Target[]): void => {
    worker?.wake(targets)
    lookout?.stir()
    word.tell()
  }
  const stored = (rows: readonly RecordKey[]): void => {
    const targets = new Map<string, Target>()
    for (const row of rows) {
      metrics.received(row)
      world.seen(row)
      for (const target of world.directory.targetsOf(row.tenant_id, row.connection_id, row.object))
        targets.set(nameOf(target.tenant_id, target.connection_id), target)
    }
    nudge([...targets.values()])
  }
  const asked = (): void => {
    fetcher?.wake()
    lookout?.stir()
    word.tell()
  }
  /** What became due by our own work: other nodes have nothing to hear where we do it ourselves. */
  const woke = (): void => (worker ? worker.wake() : word.tell())

  // ── the road ──
  const commits = groupCommit(pools.doors, { woke: stored, committed: metrics.committed })
  const engineCommits = groupCommit(pools.road, { woke: stored, commitsInFlight: 1 })
  const tables = postgresRoad(pools.road, (rows) => Promise.all(rows.map((row) => engineCommits.admit(row))), {
    claims: pools.claims,
  })
  const turns = openTurns(pools.road, metrics.turned)
  const steps = openSteps({
    sql: pools.road,
    env,
    log,
    configuration: world.configuration,
    directory,
    works: world.works,
    woke: () => {
      worker?.wake()
      word.tell()
    },
  })
  const road = watchedRoad(tables, {
    sql: pools.road,
    records: log('record'),
    directory,
    metrics,
    tracing,
    turns,
    closed: (target) => gated(target.tenant_id, target.connection_id),
    news: () => teller?.wake(),
    after: () => steps.told(),
    woke: () => worker?.wake(),
  })
  const hints = groupHints((rows) => postgresRoad(pools.doors, road.admit).hint(rows), asked)

  // ── agents ──
  const noticer = startNoticer({ sql: pools.road, env, log: log('noticer') })
  const engine = {
    road,
    directory,
    env,
    log: log('worker'),
    matcher: openMatcher(pools.road),
    notice: noticer.notice,
    functions: steps.runner,
  }
  const toArrival = (
    record: RecordKey,
    read: Reading,
    version: number,
    trace: string,
    channel: 'fetch' | 'poll' = 'fetch',
  ): Arrival =>
    readingArrival(
      record,
      directory.object(record.tenant_id, record.connection_id, record.object),
      read,
      version,
      trace,
      channel,
    )
  const keeping = (agent: string) => ({ sql: pools.road, env, log: log(agent), woke })
  const worker = world.works ? startWorker(engine, { sweepMs: net }) : null
  const fetcher = worker && startFetcher({ ...engine, log: log('fetcher') }, { sweepMs: net, toArrival })
  const reaper = worker && startReaper({ ...engine, log: log('reaper') }, woke, net)
  const lookout =
    worker &&
    fetcher &&
    reaper &&
    startLookout({
      sql: pools.road,
      env,
      log: log('lookout'),
      targets: directory.targets,
      links: worker.wake,
      reads: fetcher.wake,
      expired: reaper.wake,
    })
  const restorer = worker && startRestorer({ ...keeping('restorer'), directory, gate, toArrival })
  const matcher = worker && startMatcher({ ...keeping('matcher'), directory })
  const sweeper = worker && startSweeper({ ...keeping('sweeper'), directory }, net)
  const teller = worker && startTeller({ ...engine, sql: pools.road, log: log('teller'), gated, woke })
  const agents: Stoppable[] = [
    startTallier(turns, keeping('tallier')),
    ...steps.agents,
    ...[worker, fetcher, reaper, lookout, sweeper, restorer, teller, matcher].filter((agent) => agent !== null),
    noticer,
  ]

  return {
    agents,
    /** What is kept up wakes our worker where it made something due. */
    keeping,
    steps,
    toArrival,
    gated,
    commits,
    hint: hints.hint,
    /** Records were stored. */
    stored,
    /** Records became due by a person's or an agent's doing. */
    nudge,
    /** Reads by id are asked for. */
    asked,
    /** Other nodes are to look, ours knows. */
    tell: word.tell,
    /** Another node told; `restored`: of a backup that was put back. */
    heard: (from: string | null): void => {
      if (from === 'restored') restorer?.wake()
      lookout?.stir()
      lookout?.wake()
    },
    refresh: (): void => {
      worker?.refresh()
      fetcher?.refresh()
      sweeper?.wake()
      matcher?.wake()
      worker?.wake()
    },
    /** Once nobody comes in at the doors and the agents have stopped. */
    close: async (): Promise<void> => {
      await Promise.all([commits.close(), engineCommits.close(), hints.close()])
    },
    /** No more words to other nodes. */
    hush: word.stop,
  }
}
