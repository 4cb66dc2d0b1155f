/** The dispatcher: fills batches of what waits, posts them, asks after those that nobody tells of, and gives every row its end. Any number of nodes may run it (decision 225). */
import { startLoop, type Stoppable } from '../agent/loop.ts'
import { within } from '../agent/within.ts'
import type { MasterdataBatchConnector, Posted } from '../connect/masterdata-batch/masterdata-batch.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Fault } from '../doc/fault.ts'
import type { Sql } from '../store/sql.ts'
import {
  claim,
  type Claimed,
  endBatch,
  fill,
  forget,
  giveUp,
  type Lost,
  markPost,
  nextDue,
  putOff,
  split,
  stillLost,
  takeAsks,
} from './batches.ts'
import type { Asker, Lane, Lanes } from './deps.ts'
import { askAfter, pauseAfter } from './pace.ts'
import { hold } from './quota.ts'
import { untaken } from './queue.ts'

export interface DispatcherDeps {
  sql: Sql
  lanes: Lanes
  env: Pick<Env, 'now' | 'monotonic' | 'random' | 'sleep' | 'id'>
  log: { error(fields: object, message: string): void; warn(fields: object, message: string): void }
  /** Links of a target whose calls are answered: they are due, and their lane is awake. */
  answered(askers: readonly Asker[]): Promise<void>
  /** Nothing leaves for it: it is being compared after a restore. */
  gated(tenantId: string, connectionId: string): boolean
}

const everyMs: Millis = 1_000
const atRest: Millis = 4_000
const hour: Millis = 3_600_000
/** As for a record (O5). */
const longest: Millis = 72 * hour

/** Targets that look at the time stamp of a batch allow a quarter of an hour; an older one is turned down for its age, not for a clock. */
const freshFor: Millis = 10 * 60_000

/** Of a question and a call, each as long as the target may take. */
const leaseFor = (timeout: Millis): Millis => 2 * timeout + 5_000

export interface Dispatcher extends Stoppable {
  wake(): void
}

export const startDispatcher = (deps: DispatcherDeps): Dispatcher => {
  const { sql, lanes, env, log } = deps
  const stopping = new AbortController()
  const underWay = new Map<Promise<void>, string>()
  let forgotAt = Number.NEGATIVE_INFINITY
  let sweptAt = Number.NEGATIVE_INFINITY

  const laneOf = (batch: Lost): Lane | undefined => lanes.find(batch.tenant_id, batch.connection_id, batch.object)
  const endingOf = (batch: Lost, { status, said }: { status: number | null; said: string | null }) => ({
    tenantId: batch.tenant_id,
    batchId: batch.out_batch_id,
    now: env.now(),
    status,
    said,
  })
  const tell = async (askers: readonly Asker[] | null): Promise<void> => {
    if (askers?.length) await deps.answered(askers)
  }
  const wait = (batch: Claimed, at: Millis | null): Millis =>
    Math.max(at ?? 0, env.now() + pauseAfter(batch.posts + 1, env.random()))

  /** What is left of the target's limits is its own to say. */
  const heed = async (lane: Lane, { limits, said }: Pick<Posted, 'limits' | 'said'>): Promise<void> => {
    if (limits && limits.remaining <= 0) await hold(sql, lane, limits.resetAt, said)
  }

  const accepted = (batch: Claimed, lane: Lane, told: Pick<Posted, 'status' | 'said'> | null): Promise<unknown> => {
    const now = env.now()
    const answerBy = batch.answer_by ?? now + lane.said.answerWithin
    const next = lane.said.query ? now + askAfter(batch.asks, lane.url !== null, env.random()) : answerBy
    return putOff(sql, batch, {
      state: 'accepted',
      next: Math.min(next, Math.max(answerBy, now + 1_000)),
      answerBy,
      ...(told && { status: told.status, said: told.said }),
    })
  }

  const turnedDown = async (
    batch: Claimed,
    lane: Lane,
    posted: Extract<Posted, { kind: 'refused' }>,
  ): Promise<void> => {
    const ending = endingOf(batch, posted)
    const why: Fault = { code: 'batch.refused', stage: 'send', said: posted.why.said ?? posted.why.code }
    // Repeated unchanged it would be refused for ever: its rows go out again, under another name and today's stamp.
    const isOld = posted.stale && ending.now - batch.made_at > freshFor
    if (posted.used || isOld) return tell(await giveUp(sql, ending, 'split', 'again', { ...why, code: 'batch.failed' }))
    if (posted.setting && ending.now - batch.made_at < longest) {
      const next = wait(batch, null)
      log.warn(
        { tenant: batch.tenant_id, connection: batch.connection_id, path: lane.path, said: posted.said },
        'a batch was turned down for its settings; it waits',
      )
      await hold(sql, lane, next, posted.said)
      await putOff(sql, batch, { state: 'ready', next, status: posted.status, said: posted.said })
      return
    }
    if (posted.setting || batch.row_count === 1) return tell(await giveUp(sql, ending, 'split', 'refused', why))
    const room = await split(sql, lane, ending, env.id)
    if (room > 0)
      await putOff(sql, batch, { state: 'ready', next: env.now() + room, status: posted.status, said: posted.said })
  }

  const post = async (batch: Claimed, lane: Lane, connector: Pick<MasterdataBatchConnector, 'post'>): Promise<void> => {
    const lease = leaseFor(lane.timeout)
    // Whoever freezes here finds the second half of its lease closed (promise 6): by then another may have sent it, and what came after it.
    const sendBy = env.monotonic() + lease / 2
    const room = await markPost(sql, lane, batch, lease)
    if (room === null) return
    if (room > 0) return void (await putOff(sql, batch, { state: 'ready', next: env.now() + room }))
    const posted = await connector.post(lane.path, batch.body, sendBy, stopping.signal)
    await heed(lane, posted)
    const { status, said } = posted
    switch (posted.kind) {
      case 'result':
        return tell(
          await endBatch(sql, endingOf(batch, { status, said: null }), posted.result, 'answer', lane.keyField),
        )
      case 'accepted':
        return void (await accepted(batch, lane, posted))
      case 'wait': {
        const next = posted.over ? Math.max(posted.at ?? 0, env.now() + 5_000) : wait(batch, posted.at)
        if (posted.over) await hold(sql, lane, next, said)
        return void (await putOff(sql, batch, { state: 'ready', next, unposted: true, status, said }))
      }
      case 'unknown':
        // It may have arrived: the same bytes again, or the question what became of it.
        return void (await putOff(sql, batch, { state: 'ready', next: wait(batch, null), status, said }))
      case 'refused':
        return turnedDown(batch, lane, posted)
    }
  }

  /** Answers whether the target spoke of the batch: then nothing is posted. */
  const ask = async (
    batch: Claimed,
    lane: Lane,
    connector: Pick<MasterdataBatchConnector, 'told'>,
  ): Promise<boolean> => {
    // Where it was posted, whatever its path is called by now.
    const told = await connector.told(batch.path, batch.biz_id, stopping.signal)
    if (told.kind === 'result') {
      await tell(
        await endBatch(sql, endingOf(batch, { status: null, said: null }), told.result, 'query', lane.keyField),
      )
      return true
    }
    if (told.kind === 'absent') return false
    if (told.kind === 'wait' && batch.state === 'ready') return false
    const { asks } = batch
    const next = Math.max(
      env.now() + askAfter(asks + 1, lane.url !== null, env.random()),
      told.kind === 'wait' ? (told.at ?? 0) : 0,
    )
    const answerBy = env.now() + lane.said.answerWithin
    const said = told.kind === 'wait' ? (told.why.said ?? told.why.code) : null
    await putOff(sql, batch, { state: 'accepted', next, answerBy, asked: true, said })
    return true
  }

  const work = async (batch: Claimed): Promise<void> => {
    const lane = laneOf(batch)
    const connector = lane && lanes.connector(batch.tenant_id, batch.connection_id)
    if (!lane || !connector || deps.gated(batch.tenant_id, batch.connection_id))
      return void (await putOff(sql, batch, { state: batch.state, next: env.now() + 60_000 }))
    const now = env.now()
    const over = batch.state === 'accepted' ? now >= (batch.answer_by ?? 0) : now - batch.made_at > longest
    const asks = lane.said.query && (batch.state === 'accepted' || batch.posts > 0)
    if (over) {
      if (asks) {
        const told = await connector.told(batch.path, batch.biz_id, stopping.signal)
        if (told.kind === 'result')
          return tell(
            await endBatch(sql, endingOf(batch, { status: null, said: null }), told.result, 'query', lane.keyField),
          )
        // Who cannot be asked right now, or is still at work, may tell of it yet: its own deadline is no proof that nobody will.
        if ((told.kind === 'working' || (told.kind === 'wait' && told.away)) && now - batch.made_at <= longest) {
          const next = now + askAfter(batch.asks + 1, lane.url !== null, env.random())
          return void (await putOff(sql, batch, { state: batch.state, next, asked: true }))
        }
      }
      const never = batch.state === 'ready' && batch.posts === 0
      const why: Fault = never
        ? { code: 'ladder.ended', stage: 'send', said: 'the batch could not be sent' }
        : { code: 'batch.unanswered', stage: 'send' }
      return tell(
        await giveUp(sql, endingOf(batch, { status: null, said: null }), 'lost', never ? 'again' : 'unknown', why),
      )
    }
    if (asks && (await ask(batch, lane, connector))) return
    if (batch.state === 'ready') return post(batch, lane, connector)
    if (lane.said.query) {
      // The target took it in and does not know it any more: the same bytes under the same name again.
      await putOff(sql, batch, { state: 'ready', next: env.now(), answerBy: now + lane.said.answerWithin })
    } else await accepted(batch, lane, null)
  }

  /** It was given up, and a person wants it asked about once more: what the target tells now still counts, as a late callback does. */
  const askAgain = async (batch: Lost): Promise<void> => {
    const lane = laneOf(batch)
    const connector = lane && lanes.connector(batch.tenant_id, batch.connection_id)
    if (!lane?.said.query || !connector) return
    const told = await connector.told(batch.path, batch.biz_id, stopping.signal)
    if (told.kind === 'result') {
      const ending = endingOf(batch, { status: null, said: null })
      return tell(await endBatch(sql, ending, told.result, 'query', lane.keyField))
    }
    await stillLost(sql, batch, told.kind === 'wait' ? (told.why.said ?? told.why.code) : null)
  }

  const start = (batch: Lost, ended: Promise<void>): void => {
    const one = ended
      .catch((err: unknown) =>
        log.error({ err, batch: batch.out_batch_id }, 'an outgoing batch could not be settled; its lease will run out'),
      )
      .finally(() => {
        underWay.delete(one)
        loop.wake()
      })
    underWay.set(one, `${batch.tenant_id}/${batch.connection_id}`)
  }

  /** Lanes in which something waits. */
  const queued = (): Promise<{ tenant_id: string; connection_id: string; object: string }[]> => sql`
    select distinct tenant_id, connection_id, object
    from out_batch_row
    where state = 'queued'`

  const fillAll = async (): Promise<Millis> => {
    let soonest = atRest
    for (const { tenant_id, connection_id, object } of await queued()) {
      const lane = lanes.find(tenant_id, connection_id, object)
      if (!lane || deps.gated(tenant_id, connection_id)) continue
      for (let made = true; made && !stopping.signal.aborted; ) {
        const filled = await fill(sql, lane, env.id, env.now())
        made = filled.made
        if (!made && filled.next !== null) soonest = Math.min(soonest, Math.max(50, filled.next))
      }
    }
    return soonest
  }

  /** Links that have not heard: their word was lost with the node that had it. */
  const sweep = async (): Promise<void> => {
    const rows = await untaken(sql, env.now())
    if (rows.length) await deps.answered(rows)
  }

  const loop = startLoop({
    name: 'dispatcher',
    every: everyMs,
    env,
    log,
    run: async () => {
      const targets = lanes.targets()
      if (!targets.length) return atRest
      if (env.monotonic() - forgotAt >= hour) {
        forgotAt = env.monotonic()
        await forget(sql)
      }
      const next = await fillAll()
      for (const batch of await takeAsks(sql)) start(batch, askAgain(batch))
      for (const target of targets) {
        const name = `${target.tenantId}/${target.connectionId}`
        const busy = [...underWay.values()].filter((one) => one === name).length
        const free = Math.min(4, target.concurrency) - busy
        if (free <= 0) continue
        for (const batch of await claim(sql, target, free, leaseFor(target.timeout))) start(batch, work(batch))
      }
      if (env.monotonic() - sweptAt >= 5_000) {
        sweptAt = env.monotonic()
        await sweep()
      }
      const due = await nextDue(sql)
      return Math.min(next, due === null ? atRest : Math.max(50, Math.min(due, atRest)))
    },
  })

  return {
    wake: loop.wake,
    stop: async () => {
      await loop.stop()
      const ended = Promise.all(underWay.keys())
      await within(env, 15_000, ended)
      stopping.abort()
      await ended
    },
  }
}
