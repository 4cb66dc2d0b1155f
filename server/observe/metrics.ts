/**
 * What Mortise tells Prometheus (`/metrics`). Counted where it happens, in this process; what the database knows is read when somebody scrapes.
 * Names and meanings stand in docs/metrics.md, which a test holds against this file.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Millis } from '../doc/document.ts'
import type { CachedFigures } from './figures.ts'
import { type Cap, labelCap } from './labels.ts'
import { openLag } from './lag.ts'

export interface MetricsOptions {
  version: string
  now(): Millis
  figures(): Promise<CachedFigures>
  pools(): Record<string, { total: number; idle: number; waiting: number }>
  /** Health of every connection's target as this node sees it. */
  targets(): {
    tenant_id: string
    connection_id: string
    breaker: 'closed' | 'open' | 'recovering'
    running: number
    heldUntil: Millis | null
  }[]
  /** Rows that wait for the next commit of the doors. */
  queued(): number
  /** Subscriptions of this node. */
  queues?(): { tenantId: string; connectionId: string; queueId: string; state: string; lag: number | null }[]
  /** Most tenants, connections or flows with series of their own; the others share one. */
  most?: number
}

/** Of one call that ended, and of the record it was made for. */
export interface SettledCall {
  tenant_id: string
  pair_id: string
  link_id: number
  state: string
  attempt: { outcome: string; ms: Millis } | null
}

/** The timer below wakes the process this often: at 10 ms, as libraries have it, it alone cost 0.2 % of a core at rest. */
const loopResolution: Millis = 500
const breakerValue = { closed: 0, recovering: 1, open: 2 } as const

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const commitSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]
const lagSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1_800]

/** `errCode` and `code` stand at the beginning of every answer of ours. */
const codeOf = (body: string): string =>
  /"(?:errCode|code)"\s*:\s*"?([A-Za-z0-9]{1,20})/.exec(body.slice(0, 120))?.[1] ?? ''

export const openMetrics = (options: MetricsOptions) => {
  const { most = 100 } = options
  const registers = [new Registry()]
  const registry = registers[0] as Registry
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: readonly L[] = []) =>
    new Histogram({ name, help, buckets, labelNames, registers })

  const answers = counter('mortise_door_answers_total', 'Answers of the doors by HTTP status and code of the answer', [
    'door',
    'status',
    'code',
  ])
  const answerSeconds = histogram('mortise_door_seconds', 'Time from a whole request head to its answer', seconds, [
    'door',
  ])
  const commitRows = histogram(
    'mortise_commit_rows',
    'Rows per group commit of the doors',
    [1, 2, 4, 8, 16, 32, 64, 128, 256],
  )
  const commits = histogram('mortise_commit_seconds', 'Duration of a group commit of the doors', commitSeconds)
  const commitFailures = counter('mortise_commit_failures_total', 'Group commits that could not be stored')
  const attempts = counter('mortise_attempts_total', 'Calls to targets that ended, by outcome', [
    'tenant',
    'flow',
    'outcome',
  ])
  const attemptSeconds = histogram('mortise_attempt_seconds', 'Duration of calls to targets', seconds, [
    'tenant',
    'flow',
  ])
  const ended = counter('mortise_settles_total', 'Records whose turn ended, by the state they ended in', [
    'tenant',
    'flow',
    'state',
  ])
  const lag = histogram(
    'mortise_lag_seconds',
    'From the commit at the door until the record is recorded as applied; sampled on records that one node received and delivered',
    lagSeconds,
  )
  const found = counter('mortise_reconciler_found_total', 'Rows that the reconciler had to repair: must stay 0', [
    'finding',
  ])

  const echoes = counter('mortise_echoes_total', 'Our own writes that came back as events and changed nothing', [
    'tenant',
    'flow',
  ])
  const flips = counter('mortise_flips_total', 'Calls that answered the opposite call within ten minutes', [
    'tenant',
    'flow',
  ])

  const backlog = gauge('mortise_records', 'Records that are not at rest, by state', [
    'tenant',
    'flow',
    'connection',
    'state',
  ])
  const oldest = gauge('mortise_oldest_due_seconds', 'Age of the oldest record that could be sent and was not', [
    'tenant',
    'connection',
  ])
  const reads = gauge('mortise_reads', 'Reads by id that are due, failed or found nothing', [
    'tenant',
    'connection',
    'state',
  ])
  const decoding = gauge('mortise_decode', 'Arrivals that wait for a reader or a function', ['state'])
  const breaker = gauge('mortise_breaker', 'Breaker of a target as this node sees it: 0 closed, 1 recovering, 2 open', [
    'tenant',
    'connection',
  ])
  const running = gauge('mortise_calls_running', 'Calls to a target under way from this node', ['tenant', 'connection'])
  const held = gauge(
    'mortise_target_held_seconds',
    'How long a target has asked us to wait (Retry-After, throttling)',
    ['tenant', 'connection'],
  )
  const pool = gauge('mortise_pool_connections', 'Database connections of this node; waiting are those who want one', [
    'pool',
    'state',
  ])
  const queued = gauge('mortise_commit_queue', 'Rows that wait for the next group commit')
  const heard = counter('mortise_queue_events_total', 'Events that queues brought, by what became of them', [
    'tenant',
    'connection',
    'queue',
    'end',
  ])
  const calledBack = counter(
    'mortise_callbacks_heard_total',
    'Callbacks of batches that went out, by what became of them',
    ['tenant', 'connection', 'end'],
  )
  const losses = counter('mortise_queue_losses_total', 'Subscriptions that were lost and opened anew', [
    'tenant',
    'connection',
    'queue',
  ])
  const listening = gauge('mortise_queue_listening', '1 while this node listens to the queue', [
    'tenant',
    'connection',
    'queue',
  ])
  const queueLag = gauge(
    'mortise_queue_lag',
    'Messages at the broker that nobody has acknowledged; of all nodes together',
    ['tenant', 'connection', 'queue'],
  )
  const restoring = gauge('mortise_restore_pending', 'Records whose sends wait since a backup was restored')
  const database = gauge('mortise_database_up', '1 while the figures of the database could be read')
  const scrape = gauge('mortise_figures_seconds', 'How long the last reading of the figures of the database took')
  const loop = gauge('mortise_event_loop_lag_seconds', 'How late timers of this process fire, since the last scrape', [
    'quantile',
  ])
  const busy = gauge(
    'mortise_event_loop_utilization',
    'Share of time that the event loop was busy, since the last scrape',
  )
  const cpu = counter('process_cpu_seconds_total', 'CPU of the Node process')
  const memory = gauge('process_resident_memory_bytes', 'Resident memory of the Node process')
  const heap = gauge('nodejs_heap_used_bytes', 'JavaScript heap in use')
  const started = gauge('process_start_time_seconds', 'When the process started')
  gauge('mortise_info', 'Always 1; says the version', ['version']).set({ version: options.version }, 1)
  started.set(Math.floor(Date.now() / 1_000 - process.uptime()))

  // Children are found by a name that is at hand: prom-client sorts and joins the labels of every call anew (1.2 µs).
  const children = <T>(make: (...names: string[]) => T, cap?: Cap) => {
    const known = new Map<string, T>()
    return (...names: string[]): T => {
      const key = names.join('\n')
      const child = known.get(key)
      if (child !== undefined) return child
      const shown = cap ? [...cap(names.slice(0, 2)), ...names.slice(2)] : names
      const made = make(...shown)
      if (known.size < 20 * most) known.set(key, made)
      return made
    }
  }
  const flows = labelCap(most)
  const connections = labelCap(most)
  const queues = labelCap(most)
  const queueLabels = (...names: [string, string, string]) => {
    const [tenant = '', connection = '', queue = ''] = queues(names)
    return { tenant, connection, queue }
  }
  const answerOf = children((door, status, code) => answers.labels(door, status, code))
  const answerTimeOf = children((door) => answerSeconds.labels(door))
  const attemptOf = children((tenant, flow, outcome) => attempts.labels(tenant, flow, outcome), flows)
  const attemptTimeOf = children((tenant, flow) => attemptSeconds.labels(tenant, flow), flows)
  const endedOf = children((tenant, flow, state) => ended.labels(tenant, flow, state), flows)

  const echoOf = children((tenant, flow) => echoes.labels(tenant, flow), flows)
  const flipOf = children((tenant, flow) => flips.labels(tenant, flow), flows)

  const delay = monitorEventLoopDelay({ resolution: loopResolution })
  delay.enable()
  let loopBefore = performance.eventLoopUtilization()
  let cpuBefore = 0

  const sampler = openLag(options.now, (value) => lag.observe(value))

  /** Gauges start anew, so that what is gone is no series any more. */
  const collect = async (): Promise<void> => {
    const { figures, tookMs } = await options.figures()
    for (const one of [backlog, oldest, reads, breaker, running, held, pool]) one.reset()
    database.set(figures ? 1 : 0)
    scrape.set(tookMs / 1_000)
    for (const row of figures?.backlog ?? []) {
      const [tenant = '', flow = ''] = flows([row.tenant_id, row.pair_id])
      const [, connection = ''] = connections([row.tenant_id, row.connection_id])
      backlog.inc({ tenant, flow, connection, state: row.state }, row.count)
    }
    // Rows come oldest first: of those that share a series the oldest counts, so it is set last.
    for (const row of figures?.due.toReversed() ?? []) {
      const [tenant = '', connection = ''] = connections([row.tenant_id, row.connection_id])
      oldest.set({ tenant, connection }, row.seconds)
    }
    for (const row of figures?.reads ?? []) {
      const [tenant = '', connection = ''] = connections([row.tenant_id, row.connection_id])
      reads.inc({ tenant, connection, state: row.state }, row.count)
    }
    decoding.set({ state: 'waiting' }, figures?.decoding.waiting ?? 0)
    decoding.set({ state: 'failed' }, figures?.decoding.failed ?? 0)
    const worst = new Map<string, number>()
    for (const target of options.targets()) {
      const [tenant = '', connection = ''] = connections([target.tenant_id, target.connection_id])
      const key = `${tenant}\n${connection}`
      worst.set(key, Math.max(worst.get(key) ?? 0, breakerValue[target.breaker]))
      breaker.set({ tenant, connection }, worst.get(key) ?? 0)
      running.inc({ tenant, connection }, target.running)
      if (target.heldUntil !== null)
        held.set({ tenant, connection }, Math.max(0, target.heldUntil - Date.now()) / 1_000)
    }
    for (const [name, { total, idle, waiting }] of Object.entries(options.pools())) {
      pool.set({ pool: name, state: 'busy' }, total - idle)
      pool.set({ pool: name, state: 'idle' }, idle)
      pool.set({ pool: name, state: 'waiting' }, waiting)
    }
    queued.set(options.queued())
    for (const one of [listening, queueLag]) one.reset()
    for (const { tenantId, connectionId, queueId, state, lag: behind } of options.queues?.() ?? []) {
      const labels = queueLabels(tenantId, connectionId, queueId)
      listening.set(labels, state === 'listening' ? 1 : 0)
      if (behind !== null) queueLag.set(labels, behind)
    }
    restoring.set(figures?.restoring ?? 0)
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - loopResolution / 1e3)
    const any = delay.count > 0
    loop.set({ quantile: '0.5' }, any ? late(delay.percentile(50)) : 0)
    loop.set({ quantile: '0.99' }, any ? late(delay.percentile(99)) : 0)
    loop.set({ quantile: '1' }, any ? late(delay.max) : 0)
    delay.reset()
    const loopNow = performance.eventLoopUtilization()
    busy.set(performance.eventLoopUtilization(loopNow, loopBefore).utilization || 0)
    loopBefore = loopNow
    const used = process.cpuUsage()
    const cpuNow = (used.user + used.system) / 1e6
    cpu.inc(Math.max(0, cpuNow - cpuBefore))
    cpuBefore = cpuNow
    const { rss, heapUsed } = process.memoryUsage()
    memory.set(rss)
    heap.set(heapUsed)
  }

  let collecting: Promise<string> | null = null
  return {
    contentType: registry.contentType,
    calledBack: ({ tenantId, connectionId }: { tenantId: string; connectionId: string }, end: string) =>
      calledBack.inc({ tenant: tenantId, connection: connectionId, end }),
    heard: (from: { tenantId: string; connectionId: string; queue: { id: string } }, end: string, events: number) =>
      heard.inc({ ...queueLabels(from.tenantId, from.connectionId, from.queue.id), end }, events),
    lost: (from: { tenantId: string; connectionId: string; queue: { id: string } }) =>
      losses.inc(queueLabels(from.tenantId, from.connectionId, from.queue.id)),
    /** Everything in Prometheus' text format; two that ask at once get the same. */
    text: (): Promise<string> =>
      (collecting ??= collect()
        .then(() => registry.metrics())
        .finally(() => (collecting = null))),
    answered: (door: string, answer: { status: number; body: string }, ms: Millis): void => {
      answerOf(door, String(answer.status), codeOf(answer.body)).inc()
      answerTimeOf(door).observe(ms / 1_000)
    },
    committed: (rows: number, ms: Millis, stored: boolean): void => {
      if (!stored) return commitFailures.inc()
      commitRows.observe(rows)
      commits.observe(ms / 1_000)
    },
    received: sampler.received,
    claimed: sampler.claimed,
    settled: (settles: readonly SettledCall[]): void => {
      sampler.settled(settles)
      for (const { tenant_id, pair_id, state, attempt } of settles) {
        endedOf(tenant_id, pair_id, state).inc()
        if (!attempt) continue
        attemptOf(tenant_id, pair_id, attempt.outcome).inc()
        attemptTimeOf(tenant_id, pair_id).observe(attempt.ms / 1_000)
      }
    },
    turned: (tenant: string, flow: string, what: 'echo' | 'flip'): void =>
      (what === 'echo' ? echoOf : flipOf)(tenant, flow).inc(),
    found: (finding: string, count: number): void => found.inc({ finding }, count),
    /** Names, kinds and labels: what documents and dashboards may rely on. */
    described: (): { name: string; kind: string; labels: readonly string[] }[] =>
      registry.getMetricsAsArray().map((one) => {
        const { name, labelNames } = one as unknown as { name: string; labelNames: string[] }
        return {
          name,
          kind: one instanceof Histogram ? 'histogram' : one instanceof Counter ? 'counter' : 'gauge',
          labels: labelNames,
        }
      }),
    stop: (): void => void delay.disable(),
  }
}

export type Metrics = ReturnType<typeof openMetrics>
