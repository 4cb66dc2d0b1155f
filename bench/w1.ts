/** W1 receive: the product, a Fastify echo of the same body and one INSERT per request, in alternating rounds. */
import type { Report } from './load.ts'
import { push } from './orders.ts'
import { cpuOf, end, type Generator, hasProc, type Server, startServer } from './processes.ts'
import { freshDatabase, type World } from './world.ts'

export interface Pace {
  /** Seconds of one measurement, and how many rounds. */
  seconds: number
  rounds: number
  connections: number[]
}

export interface Measured {
  rate: number
  p50: number
  p99: number
}

export type Contestant = 'mortise' | 'echo' | 'insert'

export interface W1 {
  /** By contestant, then by connections: medians over the rounds. */
  rounds: Record<Contestant, Record<number, Measured>>
  /** Medians of the ratios of each round. */
  againstEcho: Record<number, number>
  againstInsert: Record<number, number>
  /** With `commit_delay = 5000`, 128 connections. */
  delayed: { mortise: number; insert: number; ratio: number } | null
  /** µs of CPU per record at the most connections; `insert` is the yardstick: 130 µs on a quiet machine of the kind the targets were made on. */
  cpu: { node: number; postgres: number; insert: number } | null
  /** The generator's own ceiling: requests a second of bare node:http. */
  ceiling: number
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

export const medianOf = (reports: readonly Measured[]): Measured => ({
  rate: median(reports.map((r) => r.rate)),
  p50: median(reports.map((r) => r.p50)),
  p99: median(reports.map((r) => r.p99)),
})

/** Numbers of records, never twice in one run. */
export const counter = () => {
  let next = 1_000_000
  return (room = 1_000_000): number => {
    const first = next
    next += room
    return first
  }
}

const commitDelay = async (world: World, micros: number): Promise<void> => {
  await world.sql.query(`alter system set commit_delay = ${micros}`)
  await world.sql.query('alter system set commit_siblings = 0')
  await world.sql.query('select pg_reload_conf()')
  for (;;) {
    const { rows } = await world.sql.query<{ delay: string }>(`select current_setting('commit_delay') as delay`)
    if (Number(rows[0]?.delay) === micros) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const w1 = async (
  world: World,
  generator: Generator,
  pace: Pace,
  firstNumber: () => number,
  say: (line: string) => void,
): Promise<W1> => {
  const url = await freshDatabase(world.sql, world.url, 'mortise_bench_insert')
  const [echo, insert, raw] = await Promise.all([startServer('echo'), startServer('insert', url), startServer('raw')])
  const servers: Record<'echo' | 'insert' | 'raw', Server> = { echo, insert, raw }
  const ports: Record<Contestant, number> = {
    mortise: world.mortise.port,
    echo: servers.echo.port,
    insert: servers.insert.port,
  }
  const most = Math.max(...pace.connections)
  const request = push('SAL_Inbound')
  const order: Contestant[] = ['echo', 'mortise', 'insert']
  const load = (port: number, connections: number, seconds = pace.seconds): Promise<Report> =>
    generator.run({ port, request, connections, seconds, first: firstNumber() })
  try {
    for (const port of [servers.raw.port, ...Object.values(ports)]) await load(port, most, Math.min(2, pace.seconds))
    const ceiling = (await load(servers.raw.port, most)).rate
    const reports: Record<Contestant, Record<number, Report[]>> = { mortise: {}, echo: {}, insert: {} }
    const cpu: Partial<Record<Contestant, { node: number; postgres: number }[]>> = {}
    for (let round = 1; round <= pace.rounds; round++) {
      for (const connections of pace.connections) {
        for (const who of order) {
          const pid = who === 'mortise' ? world.mortise.child.pid : servers[who].child.pid
          const before = { node: cpuOf(pid ?? 0, false), postgres: world.cpu().postgres }
          const report = await load(ports[who], connections)
          ;(reports[who][connections] ??= []).push(report)
          if (connections === most)
            (cpu[who] ??= []).push({
              node: ((cpuOf(pid ?? 0, false) - before.node) / report.sent) * 1e6,
              postgres: ((world.cpu().postgres - before.postgres) / report.sent) * 1e6,
            })
          say(
            `W1 round ${round}, ${connections} connections, ${who}: ${Math.round(report.rate)}/s, p50 ${report.p50.toFixed(1)} ms, p99 ${report.p99.toFixed(1)} ms`,
          )
        }
        order.push(order.shift() as Contestant) // nobody always comes after the same neighbour
      }
    }
    let delayed: W1['delayed'] = null
    if (!process.env.MORTISE_DATABASE_URL) {
      const rates: { mortise: number; insert: number }[] = []
      await commitDelay(world, 5_000)
      try {
        for (let round = 1; round <= pace.rounds; round++)
          rates.push({ mortise: (await load(ports.mortise, most)).rate, insert: (await load(ports.insert, most)).rate })
      } finally {
        await commitDelay(world, 0)
      }
      delayed = {
        mortise: median(rates.map((r) => r.mortise)),
        insert: median(rates.map((r) => r.insert)),
        ratio: median(rates.map((r) => r.mortise / r.insert)),
      }
      say(
        `W1 with 5 ms added to each flush: mortise ${Math.round(delayed.mortise)}/s, insert ${Math.round(delayed.insert)}/s`,
      )
    }
    const against = (other: Contestant): Record<number, number> =>
      Object.fromEntries(
        pace.connections.map((c) => [
          c,
          median(
            (reports.mortise[c] ?? []).map((report, i) => report.rate / (reports[other][c]?.[i]?.rate ?? Number.NaN)),
          ),
        ]),
      )
    const rounds = Object.fromEntries(
      Object.entries(reports).map(([who, byConnections]) => [
        who,
        Object.fromEntries(Object.entries(byConnections).map(([c, list]) => [c, medianOf(list)])),
      ]),
    ) as W1['rounds']
    return {
      rounds,
      againstEcho: against('echo'),
      againstInsert: against('insert'),
      delayed,
      cpu:
        hasProc && world.postgresPid !== null
          ? {
              node: median((cpu.mortise ?? []).map((c) => c.node)),
              postgres: median((cpu.mortise ?? []).map((c) => c.postgres)),
              insert: median((cpu.insert ?? []).map((c) => c.node + c.postgres)),
            }
          : null,
      ceiling,
    }
  } finally {
    await Promise.all(Object.values(servers).map((server) => end(server.child)))
  }
}
