/**
 * The decoder: takes non-standard pushes, has the object's function or reader make documents of them, and hands these to the same admission
 * as every door. What fails stays with its fault; a function that keeps hitting its limits is suspended, and only what is its own waits.
 */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Admitted, Arrival } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Fault } from '../doc/fault.ts'
import type { FunctionDef } from '../doc/function.ts'
import type { ObjectDef } from '../doc/object.ts'
import { inARow } from '../functions/in-a-row.ts'
import type { FunctionPool, Result } from '../functions/pool.ts'
import type { Sql } from '../store/sql.ts'
import { textOfBody, toldIn, xmlFlaw } from './body.ts'
import {
  type Claimed,
  claim,
  dropDecoded,
  type Failed,
  failDecoded,
  giveBack,
  hold,
  type Lane,
  laneName,
  lanesDue,
  noteEmpty,
  release,
} from './claim.ts'
import { arrivalOf, codeHash, judge, lastOfEach } from './documents.ts'
import { lookUp } from './lookups.ts'
import { type Candidate, lockLane, ranked } from './newest.ts'
import { type Made, read } from './readers.ts'
import { dropSuspension, suspend, suspensions } from './suspensions.ts'

export interface DecoderDeps {
  sql: Sql
  env: Env
  log: {
    error(details: object, message: string): void
  }
  functions: FunctionPool
  object(tenantId: string, connectionId: string, code: string): ObjectDef | undefined
  zone(tenantId: string, connectionId: string): string
  function(tenantId: string, name: string): FunctionDef | undefined
  admitIn(tx: Sql, rows: readonly Arrival[]): Promise<Admitted[]>
  /** After the commit. */
  woke(rows: readonly Arrival[]): void
}

const batch = 64
const lease = 60_000
/** Of a transaction (C5). */
const mostRows = 500
/** Objects that are decoded at the same time. */
const mostLanes = 8
/** Decodings that ended with an error of ours, not of the body: after so many it is told. */
const mostAttempts = 5

interface Good {
  claimed: Claimed
  made: Made[]
  logs: string[]
}

type Decoded =
  | Good
  | { claimed: Claimed; fault: Fault; logs: string[]; over?: true }
  /** Not tried: others of its batch went over the limits. */
  | { claimed: Claimed; left: true }

const fault = (code: Fault['code'], more: Partial<Fault> = {}): Fault => ({ code, stage: 'decode', ...more })

const stopped = (fn: FunctionDef, result: Exclude<Result, { kind: 'done' } | { kind: 'left' }>): Fault =>
  result.kind === 'threw'
    ? fault('function.threw', {
        value: fn.name,
        said: result.said,
        ...(result.line !== undefined && { field: `line ${result.line}` }),
      })
    : fault('function.over', {
        value: fn.name,
        expected: result.limit === 'time' ? `${fn.time} ms` : `${fn.memory} MB`,
      })

/** What the function is called with. */
const messageOf = (claimed: Claimed, def: ObjectDef): { input: string } | { fault: Fault } => {
  const { contentType, headers } = toldIn(claimed.meta)
  const bytes = claimed.body ?? Buffer.alloc(0)
  const text = textOfBody(bytes, contentType, def.receive?.charset)
  const flaw = 'text' in text ? xmlFlaw(text.text, contentType) : null
  if (flaw) return { fault: fault('decode.body', { said: flaw }) }
  return {
    input: JSON.stringify({
      object: claimed.object,
      contentType,
      headers,
      void: claimed.operation === 'void',
      body: 'text' in text ? text.text : null,
      base64: 'text' in text ? null : bytes.toString('base64'),
    }),
  }
}

const byReader = (claimed: Claimed, def: ObjectDef): Decoded => {
  const reader = def.receive?.reader
  const bytes = claimed.body ?? Buffer.alloc(0)
  const text = textOfBody(bytes, toldIn(claimed.meta).contentType, def.receive?.charset)
  if ('wrong' in text) return { claimed, fault: fault('decode.body', { said: text.wrong }), logs: [] }
  if (!reader) return { claimed, fault: fault('decode.nothing'), logs: [] }
  const reading = read(reader, text.text)
  if ('made' in reading) return { claimed, made: reading.made, logs: [] }
  const code = reading.field === undefined ? 'decode.body' : 'decode.reader'
  return {
    claimed,
    fault: fault(code, { said: reading.wrong, ...(reading.field && { field: reading.field }) }),
    logs: [],
  }
}

const byFunction = async (
  deps: DecoderDeps,
  lane: Lane,
  fn: FunctionDef,
  rows: readonly Claimed[],
  def: ObjectDef,
): Promise<Decoded[]> => {
  const messages = rows.map((claimed) => ({ claimed, message: messageOf(claimed, def) }))
  const ready = messages.flatMap(({ claimed, message }) =>
    'input' in message ? [{ claimed, input: message.input }] : [],
  )
  const results = ready.length
    ? await deps.functions.run({
        key: `${lane.tenant_id} ${fn.name} ${codeHash(fn.code)}`,
        kind: 'receive',
        code: fn.code,
        inputs: ready.map((one) => one.input),
        time: fn.time,
        memory: fn.memory,
        supply: (keys) => lookUp(deps.sql, lane, keys),
      })
    : []
  const ended = new Map(ready.map(({ claimed }, i) => [claimed.seq, results[i] as Result]))
  return messages.map(({ claimed, message }): Decoded => {
    if ('fault' in message) return { claimed, fault: message.fault, logs: [] }
    const result = ended.get(claimed.seq) as Result
    if (result.kind === 'left') return { claimed, left: true }
    if (result.kind !== 'done')
      return { claimed, fault: stopped(fn, result), logs: result.logs, ...(result.kind === 'over' && { over: true }) }
    const judged = judge(result.output)
    if ('made' in judged) return { claimed, made: lastOfEach(judged.made), logs: result.logs }
    return {
      claimed,
      fault: fault('function.result', {
        value: fn.name,
        said: judged.wrong,
        ...(judged.field && { field: judged.field }),
      }),
      logs: result.logs,
    }
  })
}

export interface Decoder extends Loop {
  /** Functions or objects were declared anew: what was held may go on. */
  refresh(): void
}

export const startDecoder = (deps: DecoderDeps, every = 30_000): Decoder => {
  const { sql, env, log } = deps
  const over = inARow()
  let stale = true

  const suspendNow = async (lane: Lane, fn: FunctionDef, why: Fault): Promise<void> => {
    const told = fault('function.suspended', { value: fn.name, said: why.expected ?? '' })
    await suspend(sql, lane.tenant_id, fn.name, codeHash(fn.code), JSON.stringify(told))
    await hold(sql, lane, JSON.stringify(told))
    log.error(
      { tenant: lane.tenant_id, function: fn.name, object: lane.object },
      'a function is suspended: it hit its limits three times in a row',
    )
  }

  /** Counts limits in a row; true: it is suspended now. */
  const count = async (lane: Lane, fn: FunctionDef, decoded: readonly Decoded[]): Promise<boolean> => {
    const worst = over(
      `${lane.tenant_id} ${fn.name} ${codeHash(fn.code)}`,
      decoded.map((one) => ('left' in one ? 'left' : 'over' in one && one.over ? 'over' : 'ended')),
    )
    const one = worst === null ? undefined : decoded[worst]
    if (!one || !('fault' in one)) return false
    await suspendNow(lane, fn, one.fault)
    return true
  }

  /** Documents of a batch and the end of its to-dos, in one transaction; what cannot be made a row fails alone. */
  const admit = async (lane: Lane, def: ObjectDef, decoded: readonly Good[]): Promise<void> => {
    const zone = deps.zone(lane.tenant_id, lane.connection_id)
    const failed: Failed[] = []
    const whole: { claimed: Claimed; candidates: Candidate[] }[] = []
    for (const { claimed, made, logs } of decoded) {
      const candidates: Candidate[] = []
      let bad: Fault | null = null
      for (const one of made) {
        const made = arrivalOf(one, claimed, def, zone)
        if ('wrong' in made) {
          bad = fault(def.receive?.function ? 'function.result' : 'decode.reader', {
            value: def.receive?.function ?? '',
            said: made.wrong,
            ...(made.field && { field: made.field }),
          })
          break
        }
        candidates.push({ row: made.row, from: claimed })
      }
      if (bad)
        failed.push({
          ...claimed,
          fault: JSON.stringify(bad),
          logs: logs.length ? logs.join('\n') : null,
          state: 'failed',
        })
      else whole.push({ claimed, candidates })
    }
    await failDecoded(sql, failed)
    if (!whole.length) return
    const rows: Arrival[] = []
    await sql.retrying(async (tx) => {
      rows.length = 0
      await lockLane(tx, lane)
      const ours = await dropDecoded(
        tx,
        whole.map(({ claimed }) => claimed),
      )
      if (ours !== whole.length) throw new Fenced()
      await noteEmpty(
        tx,
        lane,
        whole.filter(({ candidates }) => !candidates.length).map(({ claimed }) => claimed.seq),
      )
      const candidates = whole.flatMap((one) => one.candidates)
      for (let at = 0; at < candidates.length; at += mostRows) {
        const some = await ranked(tx, lane, candidates.slice(at, at + mostRows))
        await deps.admitIn(tx, some)
        rows.push(...some)
      }
    })
    if (rows.length) deps.woke(rows)
  }

  /** One by one where a batch cannot be stored whole: a row that the database refuses must not take its neighbours along. */
  const admitEach = async (lane: Lane, def: ObjectDef, decoded: readonly Good[]): Promise<void> => {
    try {
      await admit(lane, def, decoded)
    } catch (error) {
      if (error instanceof Fenced && decoded.length === 1) return
      if (decoded.length === 1) throw error
      for (const one of decoded)
        await admit(lane, def, [one]).catch((err) =>
          log.error(
            { err, seq: one.claimed.seq, object: lane.object },
            'what was decoded could not be stored; it will be repeated',
          ),
        )
    }
  }

  const end = async (
    lane: Lane,
    def: ObjectDef,
    fn: FunctionDef | undefined,
    decoded: readonly Decoded[],
  ): Promise<void> => {
    const failed = decoded.flatMap((one): Failed[] =>
      'fault' in one
        ? [
            {
              ...one.claimed,
              fault: JSON.stringify(one.fault),
              logs: one.logs.length ? one.logs.join('\n') : null,
              state: 'failed',
            },
          ]
        : [],
    )
    await failDecoded(sql, failed)
    const good = decoded.filter((one): one is Good => 'made' in one)
    if (good.length) await admitEach(lane, def, good)
    await giveBack(
      sql,
      decoded.flatMap((one) => ('left' in one ? [one.claimed] : [])),
      1_000,
    )
    if (fn) await count(lane, fn, decoded)
  }

  const failAll = (rows: readonly Claimed[], why: Fault): Promise<void> =>
    failDecoded(
      sql,
      rows.map((row) => ({ ...row, fault: JSON.stringify(why), logs: null, state: 'failed' })),
    )

  const turn = async (lane: Lane): Promise<boolean> => {
    const def = deps.object(lane.tenant_id, lane.connection_id, lane.object)
    const name = def?.receive?.function
    const fn = name === undefined ? undefined : deps.function(lane.tenant_id, name)
    if (fn) {
      const known = (await suspensions(sql, lane.tenant_id)).find((one) => one.name === fn.name)
      if (known && known.code_hash === codeHash(fn.code)) {
        await hold(sql, lane, known.fault)
        return false
      }
      if (known) await dropSuspension(sql, lane.tenant_id, fn.name)
    }
    const rows = await claim(sql, lane, batch, lease)
    if (!rows.length) return false
    const gone = rows.filter((row) => row.body === null)
    await failAll(gone, fault('decode.body', { said: 'the log no longer has it' }))
    const tired = rows.filter((row) => row.body !== null && row.attempts > mostAttempts)
    await failAll(tired, {
      code: 'bug',
      stage: 'decode',
      said: `it could not be decoded in ${mostAttempts} attempts; the log says why`,
    })
    const alive = rows.filter((row) => row.body !== null && row.attempts <= mostAttempts)
    if (!alive.length) return true
    if (!def?.receive || (name !== undefined && !fn)) {
      await failAll(alive, fault('decode.nothing'))
      return true
    }
    const decoded = fn ? await byFunction(deps, lane, fn, alive, def) : alive.map((one) => byReader(one, def))
    await end(lane, def, fn, decoded)
    return rows.length >= batch
  }

  const running = new Set<string>()
  let passedOver = false

  /** Held ones whose function is another now, or was resumed, go on. */
  const releaseMended = async (): Promise<void> => {
    const lanes = await sql<Lane>`select distinct tenant_id, connection_id, object from decode where state = 'held'`
    for (const lane of lanes) {
      const name = deps.object(lane.tenant_id, lane.connection_id, lane.object)?.receive?.function
      const fn = name === undefined ? undefined : deps.function(lane.tenant_id, name)
      const known = fn && (await suspensions(sql, lane.tenant_id)).find((one) => one.name === fn.name)
      if (known && known.code_hash === codeHash(fn.code)) continue
      await release(sql, lane)
    }
  }

  /** Lanes do not wait for each other: one with a slow function keeps only its own. */
  const run = async (signal: AbortSignal): Promise<number> => {
    if (stale) {
      stale = false
      await releaseMended()
    }
    passedOver = false
    for (const lane of await lanesDue(sql)) {
      const key = laneName(lane)
      if (running.has(key) || running.size >= mostLanes || signal.aborted) {
        passedOver = true
        continue
      }
      running.add(key)
      void turn(lane)
        .catch((err) => log.error({ err, object: lane.object }, 'decoding failed; it will be repeated'))
        .then((more) => {
          running.delete(key)
          if (more || passedOver) loop.wake()
        })
    }
    return every
  }

  const loop: Loop = startLoop({ name: 'decoder', every, run, env, log })
  return {
    wake: loop.wake,
    refresh: () => {
      stale = true
      loop.wake()
    },
    stop: async () => {
      await loop.stop()
      while (running.size) await env.sleep(10)
    },
  }
}

/** Somebody else has claimed a row since: its lease had ended. */
class Fenced extends Error {
  override name = 'Fenced'
}
