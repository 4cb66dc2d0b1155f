/** The worker: keeps every target as busy as it allows, and no busier; tenants and targets take turns (O5, promise 15). */
import { type Loop, startLoop } from '../agent/loop.ts'
import { type Company, openCompany } from './company.ts'
import type { Engine } from './engine.ts'
import type { Target } from './road.ts'
import { claimRound, type Round, workOff } from './round.ts'
import { startSettler } from './settler.ts'

export interface WorkerOptions {
  /** The net under the wake-ups. */
  sweepMs?: number
  /** Most rows of one claim. */
  batch?: number
}

interface Lane {
  target: Target
  loop: Loop
  /** Claimed and not ended; calls that have begun are counted by the connector. */
  claimed: number
  calling: number
  /** Of what is claimed, by pair, what waits for a function. */
  steps: Map<string, number>
  company: Company
  running: Set<Promise<void>>
}

/** Longest wait for a round's mark before the next claim. */
const gatherMs = 25

/**
 * Of the target's slots, the share that records of one pair may wait for their functions beyond: a function that takes its time, or never
 * ends, does not keep the pair's neighbours from the target (decision 220).
 */
const stepsShare = 0.5

const sum = (counts: Iterable<number>): number => [...counts].reduce((all, one) => all + one, 0)

const name = (t: Target): string => `${t.tenant_id}/${t.connection_id}`

/**
 * One lane per target: a dead or slow target holds up nobody else. A lane claims no more than the target has free slots (C1), so what
 * is not claimed stays visible, pausable, and free for other nodes.
 */
export const startWorker = (engine: Engine, { sweepMs = 1_000, batch = 128 }: WorkerOptions = {}) => {
  const lanes = new Map<string, Lane>()
  const settler = startSettler(engine)
  const stopping = new AbortController()

  const turn = async (lane: Lane): Promise<number | void> => {
    const connector = engine.directory.connector(lane.target.tenant_id, lane.target.connection_id)
    if (!connector || stopping.signal.aborted) return
    const { free, at } = connector.slots()
    const limit = Math.min(free - (lane.claimed - lane.calling - sum(lane.steps.values())), batch)
    if (limit <= 0) return at === undefined ? sweepMs : Math.max(1, Math.min(sweepMs, at - engine.env.now()))
    const gather = new AbortController()
    const round: Round = {
      ...engine,
      settler,
      company: lane.company,
      signal: stopping.signal,
      onCall: (started) => {
        lane.calling += started ? 1 : -1
      },
      onSteps: (pairId, count) => {
        lane.steps.set(pairId, (lane.steps.get(pairId) ?? 0) + count)
        if (!lane.steps.get(pairId)) lane.steps.delete(pairId)
        if (count < 0) lane.loop.wake()
      },
      onMarked: () => gather.abort('marked'),
    }
    const { tenant_id, connection_id } = lane.target
    const slots = engine.directory.connection(tenant_id, connection_id)?.limits.concurrency ?? 1
    const enough = [...lane.steps].flatMap(([pairId, count]) => (count >= slots * stepsShare ? [pairId] : []))
    const target = enough.length ? { ...lane.target, except: enough } : lane.target
    const { links, sendBy } = await claimRound(round, target, limit)
    if (!links.length) return
    lane.claimed += links.length
    const work = workOff(round, lane.target, links, sendBy)
      .catch((err) => engine.log.error({ err, target: name(lane.target) }, 'a round failed; its leases will run out'))
      .finally(() => {
        lane.claimed -= links.length
        lane.running.delete(work)
        gather.abort('marked')
        lane.loop.wake()
      })
    lane.running.add(work)
    // While this round reads and marks, what comes in gathers for the next claim: statements cost by the piece far more than by the row.
    await engine.env.sleep(gatherMs, gather.signal).catch(() => {})
    return links.length >= limit ? 0 : undefined
  }

  const open = (target: Target): void => {
    const company = openCompany(engine.env)
    const lane = {
      target,
      claimed: 0,
      calling: 0,
      steps: new Map(),
      company,
      running: new Set<Promise<void>>(),
    } as unknown as Lane
    lanes.set(name(target), lane)
    lane.loop = startLoop({
      name: `worker ${name(target)}`,
      every: sweepMs,
      run: () => turn(lane),
      env: engine.env,
      log: engine.log,
    })
  }

  const refresh = (): void => {
    const wanted = new Map(engine.directory.targets().map((t) => [name(t), t]))
    for (const [key, target] of wanted) if (!lanes.has(key)) open(target)
    for (const [key, lane] of lanes) {
      if (wanted.has(key)) continue
      lanes.delete(key)
      void lane.loop.stop()
    }
  }
  refresh()

  return {
    /** New work may be there: after a commit of this process, or on word from another node. Without targets: everywhere. */
    wake: (targets?: readonly Target[]): void => {
      if (!targets) for (const lane of lanes.values()) lane.loop.wake()
      else for (const target of targets) lanes.get(name(target))?.loop.wake()
    },
    /** The configuration changed. */
    refresh,
    /** Refuses new claims and lets what runs come to its end; what was not sent is given back (promise 17). */
    stop: async (): Promise<void> => {
      stopping.abort()
      await Promise.all([...lanes.values()].map((lane) => lane.loop.stop()))
      await Promise.all([...lanes.values()].flatMap((lane) => [...lane.running]))
    },
  }
}

export type Worker = ReturnType<typeof startWorker>
