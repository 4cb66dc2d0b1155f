/** W2 end to end: received, mapped, sent to the target, and its ids, state and attempt recorded. */
import { quantile, type Report } from './load.ts'
import { numbered, push, tenantId } from './orders.ts'
import type { Generator } from './processes.ts'
import { median } from './w1.ts'
import type { World } from './world.ts'

export interface W2Pace {
  rounds: number
  /** Records of one round at full speed. */
  records: number
  /** Seconds of W1 at 32 connections in the same round. */
  seconds: number
  /** Sparse traffic: records a second, and how many. */
  sparse: { rate: number; records: number }
  half: { records: number }
}

export interface Latency {
  p50: number
  p99: number
}

export interface W2 {
  /** Records a second from the first push to the last one recorded. */
  rate: number
  w1: number
  againstW1: number
  full: Latency
  half: Latency & { rate: number }
  sparse: Latency
  cpu: { node: number; postgres: number } | null
}

/** Ms from when each request was due until the commit of its settle (before the last flush, which the commit waits for). */
const latencies = async (
  world: World,
  report: Report,
  first: number,
): Promise<{ sorted: Float64Array; last: number }> => {
  const { rows } = await world.sql.query<{ id: string; at: number }>(
    world.commitTimes
      ? `select left_id as id, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000)::float8 as at from link
        where tenant_id = $1 and pair_id = 'order' and left_id between $2 and $3`
      : `select l.left_id as id, (extract(epoch from a.finished_at) * 1000)::float8 as at from link l
        join attempt a on (a.tenant_id, a.pair_id, a.link_id) = (l.tenant_id, l.pair_id, l.link_id)
        where l.tenant_id = $1 and l.pair_id = 'order' and l.left_id between $2 and $3`,
    [tenantId, `O-${numbered(first)}`, `O-${numbered(first + report.sent - 1)}`],
  )
  const times = report.times as Float64Array
  const taken = new Float64Array(rows.length)
  let last = 0
  for (const [i, { id, at }] of rows.entries()) {
    taken[i] = at - (times[Number(id.slice(2)) - first] ?? 0)
    last = Math.max(last, at)
  }
  return { sorted: taken.sort(), last }
}

const latencyOf = (sorted: Float64Array): Latency => ({ p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) })

interface Run {
  rate: number
  latency: Latency
  cpu: { node: number; postgres: number }
}

/** Pushes, waits until all is recorded, and reads when each was. */
export const runW2 = async (
  world: World,
  generator: Generator,
  first: number,
  how: { count: number; connections: number; rate?: number },
): Promise<Run> => {
  const before = world.cpu()
  const report = await generator.run({
    port: world.mortise.port,
    request: push('SAL_Order'),
    first,
    times: true,
    ...how,
  })
  await world.recorded(first, report.sent, 120_000)
  const after = world.cpu()
  const { sorted, last } = await latencies(world, report, first)
  return {
    rate: report.sent / ((last - (report.times?.[0] ?? 0)) / 1000),
    latency: latencyOf(sorted),
    cpu: {
      node: ((after.node - before.node) / report.sent) * 1e6,
      postgres: ((after.postgres - before.postgres) / report.sent) * 1e6,
    },
  }
}

export const w2 = async (
  world: World,
  generator: Generator,
  pace: W2Pace,
  firstNumber: () => number,
  say: (line: string) => void,
): Promise<W2> => {
  await runW2(world, generator, firstNumber(), { count: Math.min(5_000, pace.records), connections: 32 })
  const rounds: { rate: number; w1: number; run: Run }[] = []
  for (let round = 1; round <= pace.rounds; round++) {
    const received = await generator.run({
      port: world.mortise.port,
      request: push('SAL_Inbound'),
      connections: 32,
      seconds: pace.seconds,
      first: firstNumber(),
    })
    const run = await runW2(world, generator, firstNumber(), { count: pace.records, connections: 32 })
    rounds.push({ rate: run.rate, w1: received.rate, run })
    say(
      `W2 round ${round}, 32 connections: ${Math.round(run.rate)}/s (W1 ${Math.round(received.rate)}/s), p50 ${run.latency.p50.toFixed(1)} ms, p99 ${run.latency.p99.toFixed(1)} ms, CPU Node ${run.cpu.node.toFixed(0)} + PostgreSQL ${run.cpu.postgres.toFixed(0)} µs`,
    )
  }
  const rate = median(rounds.map((r) => r.rate))
  const half = await runW2(world, generator, firstNumber(), {
    count: pace.half.records,
    connections: 64,
    rate: rate / 2,
  })
  say(`W2 at half of that: p50 ${half.latency.p50.toFixed(1)} ms, p99 ${half.latency.p99.toFixed(1)} ms`)
  const sparse = await runW2(world, generator, firstNumber(), {
    count: pace.sparse.records,
    connections: 4,
    rate: pace.sparse.rate,
  })
  say(
    `W2 sparse, ${pace.sparse.rate}/s: p50 ${sparse.latency.p50.toFixed(1)} ms, p99 ${sparse.latency.p99.toFixed(1)} ms`,
  )
  return {
    rate,
    w1: median(rounds.map((r) => r.w1)),
    againstW1: median(rounds.map((r) => r.rate / r.w1)),
    full: { p50: median(rounds.map((r) => r.run.latency.p50)), p99: median(rounds.map((r) => r.run.latency.p99)) },
    half: { ...half.latency, rate: rate / 2 },
    sparse: sparse.latency,
    cpu:
      world.postgresPid === null
        ? null
        : { node: median(rounds.map((r) => r.run.cpu.node)), postgres: median(rounds.map((r) => r.run.cpu.postgres)) },
  }
}
