/** A node that only polls, and ends at the place it is told of, by SIGKILL or by losing all that it has in hand: the real poller, connector and statements, without doors and engine. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { createEnv } from '../../server/agent/env.ts'
import { type Configuration, load } from '../../server/cli/configuration.ts'
import { openDirectory } from '../../server/cli/directory.ts'
import { polledOf } from '../../server/cli/polling.ts'
import { hint } from '../../server/converge/fetches.ts'
import { drawVersion } from '../../server/converge/read.ts'
import type { Connector, Window } from '../../server/doc/connector.ts'
import type { Arrival } from '../../server/doc/document.ts'
import type { Env } from '../../server/doc/env.ts'
import { startPoller } from '../../server/poll/poller.ts'
import { admitIn } from '../../server/stage/admit.ts'
import { readingArrival } from '../../server/stage/reading.ts'
import { openPool, type Pool } from '../../server/store/pool.ts'
import type { DeathPoint, Fate, NodeOptions, Orders } from './windows.ts'

/** What a request of the pager is for, told by the one before. */
const kindsOf = () => {
  let last: Window | null = null
  let passes = 0
  return (asked: Window): DeathPoint[] => {
    const narrow = asked.to - asked.from === 3 // one millisecond, asked one wider on both sides
    const kinds: DeathPoint[] = []
    if (last && asked.offset === 0 && asked.from === last.from && asked.to < last.to) kinds.push('bisecting')
    if (narrow && asked.offset > 0) kinds.push('over-full millisecond')
    const again = narrow && asked.offset === 0 && last?.from === asked.from && last.to === asked.to
    passes = again ? passes + 1 : narrow && last?.from === asked.from ? passes : 0
    // The first repetition is the first pass: the page that was too full came before it.
    if (again && passes === 2) kinds.push('its second pass')
    last = asked
    return kinds
  }
}

/** Reached in empty windows too, where nothing could be lost: they count only with rows in hand. */
const needRows: ReadonlySet<DeathPoint> = new Set<DeathPoint>([
  'window read not ended',
  'page not stored',
  'stored not advanced',
  'advanced not committed',
  'committed not woken',
  'commit sent',
])

const never = new Promise<never>(() => {})

/** Nothing of a life that is over happens any more: its statements are never answered. */
const gated = (pool: Pool, isOver: () => boolean): Pool =>
  new Proxy(pool, {
    apply: (of, self, given) => (isOver() ? never : Reflect.apply(of, self, given)),
    get: (of, name) => (isOver() ? () => never : Reflect.get(of, name)),
  })

interface Ground {
  options: NodeOptions
  configuration: Configuration
  /** Of the node, not of one of its lives. */
  admin: Pool
}

/**
 * Polls until its fate. `sudden`: the process ends with it, and this is never answered. Else only this life does: its connections end in the middle
 * of what they do, as a dead process's do, and whatever it had in hand is never heard of again.
 */
const live = async ({ options, configuration, admin }: Ground, fate: Fate, sudden: boolean): Promise<void> => {
  const { databaseUrl, naive } = options
  // A run ends when it has caught up with the clock, which small pages on a busy machine never do.
  const { slice, pageSize } = fate.point === 'run not ended' ? { slice: 60_000, pageSize: 500 } : options
  const name = `life ${process.pid} ${Math.random()}`
  const raw = openPool({ url: databaseUrl, name, max: 4, statementTimeout: 10_000, onIdleError: () => {} })
  let isOver = false
  let ended = (): void => {}
  const end = new Promise<void>((done) => (ended = done))
  const die = (): Promise<never> => {
    if (sudden) process.kill(process.pid, 'SIGKILL')
    isOver = true
    ended()
    return never
  }
  let seen = 0
  let inHand = false
  const reached = (point: DeathPoint): boolean =>
    !isOver && point === fate.point && (inHand || !needRows.has(point)) && ++seen === fate.nth
  const env: Env = {
    ...createEnv(),
    point: async (at) => {
      if (isOver || reached(at as DeathPoint)) await die()
      // COMMIT is written by the time the event loop has turned, and its answer is not read.
      if (at === 'advanced not committed' && reached('commit sent')) setImmediate(() => void die())
      if (at === 'committed not woken') inHand = false
    },
  }
  const log = {
    error: (fields: object, message: string) => isOver || console.error(message, fields),
    info() {},
    warn() {},
  }
  const opened = openDirectory({ env, log, allowLoopback: true, denied: [] })
  opened.refresh(configuration)
  const { directory } = opened
  const kinds = kindsOf()
  const mortal = (connector: Connector): Connector =>
    new Proxy(connector, {
      get: (of, name) =>
        name === 'changes'
          ? async (asked: Window, signal: AbortSignal) => {
              if (asked.limit > 1) for (const kind of kinds(asked)) if (reached(kind)) await die()
              const page = of.changes(asked, signal)
              if (asked.limit === 1 || fate.point !== 'request sent') return page
              let isAnswered = false
              void page.finally(() => (isAnswered = true)).catch(() => {})
              await wait(2)
              if (!isAnswered && reached('request sent')) await die()
              return page
            }
          : Reflect.get(of, name),
    })
  const pool = gated(raw, () => isOver)
  const admit = (rows: readonly Arrival[]) => pool.retrying((tx) => admitIn(tx, rows))
  startPoller({
    sql: pool,
    env,
    log,
    polled: () => polledOf(configuration).map((one) => ({ ...one, poll: { ...one.poll, slice, pageSize } })),
    connector: (tenantId, connectionId) => {
      const connector = directory.connector(tenantId, connectionId)
      return connector && mortal(connector)
    },
    connection: directory.connection,
    skew: directory.skew,
    toArrival: (record, reading, version, trace) => {
      inHand = true
      const object = directory.object(record.tenant_id, record.connection_id, record.object)
      return readingArrival(record, object, reading, version, trace, 'poll')
    },
    admitIn: naive
      ? async (_, rows) => {
          setTimeout(() => void admit(rows).catch(() => {}), 200)
          return rows.map((_row, i) => ({ kind: 'created' as const, seq: i, version: i }))
        }
      : admitIn,
    hintIn: (tx, hints) => hint(tx, hints, null),
    drawVersion: () => drawVersion(pool),
    woke() {},
    netMs: 20,
  })
  await end
  void raw.end().catch(() => {})
  await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${name}`
  for (const { tenant_id, connection_id } of directory.targets())
    void directory.connector(tenant_id, connection_id)?.close()
}

const run = async (options: NodeOptions): Promise<void> => {
  const admin = openPool({ url: options.databaseUrl, name: 'poll node', max: 1, onIdleError: () => {} })
  const configuration = await load(admin, Buffer.from(options.key, 'base64'))
  process.stdout.write('ready\n')
  const [line] = (await once(createInterface({ input: process.stdin }), 'line')) as [string]
  const { fates, sudden } = JSON.parse(line) as Orders
  for (const fate of fates) {
    // The lease of the life before would have to run out: its clock is wound on.
    await admin`update poll set lease_until = null, next_at = clock_timestamp()`
    const over = await Promise.race([
      live({ options, configuration, admin }, fate, sudden).then(() => true),
      wait(60_000),
    ])
    if (!over) throw new Error(`a life did not reach "${fate.point}" (${fate.nth})`)
  }
  process.exit(0)
}

await run(JSON.parse(process.argv[2] as string) as NodeOptions)
