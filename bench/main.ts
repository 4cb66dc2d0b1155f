/** `npm run bench [-- w1 w2 w3 w4 | lists | mapping | functions] [--short]`: measures the product against its targets on this machine, and what people would use instead. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { functionBench } from './functions.ts'
import { listBench } from './lists.ts'
import { tellMapping } from './mapping.ts'
import { plot } from './plot.ts'
import { endAll, hasProc, startGenerator, startServer } from './processes.ts'
import { type Results, rowsOf, table, verdictOf } from './targets.ts'
import { counter, type Pace, w1 } from './w1.ts'
import { type W2Pace, w2 } from './w2.ts'
import { type W3Pace, w3 } from './w3.ts'
import { addPending, coldStart, idle, queue, type W4Pace, withBacklog } from './w4.ts'
import { type Durability, NotDurable, openWorld, targetConcurrency } from './world.ts'

export type Length = 'full' | 'short' | 'tiny'

const paces: Record<Length, { w1: Pace; w2: W2Pace; w3: W3Pace; w4: W4Pace }> = {
  full: {
    w1: { seconds: 4, rounds: 3, connections: [1, 32, 128] },
    w2: { rounds: 3, records: 15_000, seconds: 4, sparse: { rate: 40, records: 400 }, half: { records: 8_000 } },
    w3: { records: 100_000, rounds: 3, settleMs: 11_000 },
    w4: { idleSeconds: 20, starts: 3, rounds: 3, pending: 1_000_000, seconds: 4, records: 10_000, jobs: 10_000 },
  },
  short: {
    w1: { seconds: 2, rounds: 3, connections: [1, 32, 128] },
    w2: { rounds: 3, records: 6_000, seconds: 2, sparse: { rate: 40, records: 200 }, half: { records: 3_000 } },
    w3: { records: 30_000, rounds: 3, settleMs: 11_000 },
    w4: { idleSeconds: 10, starts: 3, rounds: 3, pending: 100_000, seconds: 2, records: 4_000, jobs: 4_000 },
  },
  // For the smoke test: that the pieces run, not what they say.
  tiny: {
    w1: { seconds: 0.1, rounds: 1, connections: [1, 4] },
    w2: { rounds: 1, records: 50, seconds: 0.1, sparse: { rate: 100, records: 10 }, half: { records: 20 } },
    w3: { records: 2_000, rounds: 1, settleMs: 11_000 },
    w4: { idleSeconds: 0.2, starts: 1, rounds: 1, pending: 500, seconds: 0.1, records: 30, jobs: 200 },
  },
}

const workloads = ['w1', 'w2', 'w3', 'w4'] as const
type Workload = (typeof workloads)[number]

interface Options {
  wanted: readonly Workload[]
  length: Length
  out: string
}

const optionsOf = (args: readonly string[]): Options => {
  const named = args.filter((arg) => !arg.startsWith('--'))
  const unknown = named.find((arg) => !workloads.includes(arg as Workload))
  if (unknown) throw new Error(`${unknown} is no workload of this bench: ${workloads.join(', ')}`)
  return {
    wanted: named.length ? (named as Workload[]) : workloads,
    length: args.includes('--tiny') ? 'tiny' : args.includes('--short') ? 'short' : 'full',
    out: args.find((arg) => arg.startsWith('--out='))?.slice(6) ?? join(import.meta.dirname, 'results'),
  }
}

const figures = ({ w1: one, w2: two, w3: three, w4: four }: Results): string[] => {
  const lines: string[] = []
  if (one) {
    for (const [connections, ours] of Object.entries(one.rounds.mortise)) {
      const c = Number(connections)
      const [echo, insert] = [one.rounds.echo[c]?.rate ?? 0, one.rounds.insert[c]?.rate ?? 0]
      lines.push(
        `W1 ${connections} connections: ${Math.round(ours.rate)}/s, p50 ${ours.p50.toFixed(2)} ms, p99 ${ours.p99.toFixed(1)} ms; echo ${Math.round(echo)}/s, one INSERT per request ${Math.round(insert)}/s`,
      )
    }
    if (one.cpu)
      lines.push(
        `W1 CPU per record: Node ${one.cpu.node.toFixed(0)} + PostgreSQL ${one.cpu.postgres.toFixed(0)} µs; one INSERT per request ${one.cpu.insert.toFixed(0)} µs`,
      )
    lines.push(`the load generator's ceiling, bare node:http: ${Math.round(one.ceiling)}/s`)
  }
  if (two) {
    lines.push(
      `W2: ${Math.round(two.rate)} records/s (W1 beside it ${Math.round(two.w1)}/s); full speed p50 ${two.full.p50.toFixed(1)}, p99 ${two.full.p99.toFixed(1)} ms; ` +
        `${Math.round(two.half.rate)}/s p50 ${two.half.p50.toFixed(1)}, p99 ${two.half.p99.toFixed(1)} ms`,
    )
    if (two.cpu)
      lines.push(`W2 CPU per record: Node ${two.cpu.node.toFixed(0)} + PostgreSQL ${two.cpu.postgres.toFixed(0)} µs`)
  }
  if (three)
    lines.push(
      `W3: first load ${Math.round(three.fresh)}/s (${three.requests.fresh} pages, ${three.rows.fresh} rows, ${Math.round(three.wal.fresh)} bytes of WAL a record); ` +
        `unchanged ${Math.round(three.unchanged)}/s (${three.requests.unchanged} pages, ${three.rows.unchanged} rows, ${three.wal.unchanged.toFixed(2)} bytes a record)`,
    )
  if (three?.cpu) {
    const { fresh, unchanged } = three.cpu
    lines.push(
      `W3 CPU per record: first load Node ${fresh.node.toFixed(0)} + PostgreSQL ${fresh.postgres.toFixed(0)} µs; unchanged ${unchanged.node.toFixed(0)} + ${unchanged.postgres.toFixed(0)} µs`,
    )
  }
  if (four) {
    const mb = (bytes: number): string => (bytes / 1048576).toFixed(0)
    if (four.idle)
      lines.push(
        `W4 idle: Node RSS ${mb(four.idle.node.rss)} MB, PSS ${mb(four.idle.node.pss)} MB; PostgreSQL RSS ${mb(four.idle.postgres.rss)} MB, PSS ${mb(four.idle.postgres.pss)} MB`,
      )
    lines.push(
      `claim + settle ${Math.round(four.queue.mortise)}/s, pg-boss fetch + complete ${Math.round(four.queue.pgboss)}/s`,
    )
  }
  return lines
}

const bench = async ({ wanted, length, out }: Options): Promise<void> => {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const pace = paces[length]
  const folder = await mkdtemp(join(tmpdir(), 'mortise-bench-'))
  const worldIn = async (name: string) => {
    const data = join(folder, name)
    await mkdir(data)
    return openWorld(data, target.port, generator, source?.port)
  }
  const generator = startGenerator()
  const target = await startServer('target')
  const source = wanted.includes('w3') ? await startServer('source', String(pace.w3.records)) : null
  const firstNumber = counter()
  const results: Results = {}
  let durable: Durability | null = null
  try {
    const world = await worldIn('data')
    try {
      durable = world.durable
      const { server, fsync, synchronous_commit, full_page_writes } = world.durable
      say(
        `PostgreSQL ${server}: fsync ${fsync}, synchronous_commit ${synchronous_commit}, full_page_writes ${full_page_writes}`,
      )
      if (!hasProc) say('CPU and memory are read from /proc: not on this system, so those rows are left out.')
      else if (world.postgresPid === null)
        say('PostgreSQL was given by MORTISE_DATABASE_URL: its CPU and memory are left out.')
      if (wanted.includes('w4')) {
        // Before any load: what it costs just to be there.
        const coldStartMs = await coldStart(world, pace.w4.starts)
        const resting = await idle(world, pace.w4.idleSeconds)
        results.w4 = {
          idle: resting,
          coldStartMs,
          pending: { rows: pace.w4.pending, w1: Number.NaN, w2: Number.NaN },
          queue: await queue(world, pace.w4.jobs, pace.w4.rounds),
        }
        say(
          `W4: cold start ${Math.round(coldStartMs)} ms; claim + settle ${results.w4.queue.ratio.toFixed(2)} × pg-boss`,
        )
      }
      if (wanted.includes('w1')) results.w1 = await w1(world, generator, pace.w1, firstNumber, say)
      if (wanted.includes('w3')) results.w3 = await w3(world, pace.w3, say)
      if (wanted.includes('w2')) results.w2 = await w2(world, generator, pace.w2, firstNumber, say)
    } finally {
      await world.stop()
    }
    if (results.w4 && !process.env.MORTISE_DATABASE_URL) {
      const [empty, full] = [await worldIn('empty'), await worldIn('full')]
      try {
        await addPending(full, pace.w4.pending)
        results.w4.pending = {
          rows: pace.w4.pending,
          ...(await withBacklog(empty, full, generator, pace.w4, firstNumber, say)),
        }
      } finally {
        await Promise.all([empty.stop(), full.stop()])
      }
    }
    const rows = rowsOf(results)
    const [machine] = cpus()
    const date = new Date().toISOString().slice(0, 10)
    const title = `Mortise, ${date}, ${cpus().length} × ${machine?.model.trim() ?? 'CPU'}`
    say(`\n${figures(results).join('\n')}\n\n${table(rows)}\n`)
    await mkdir(out, { recursive: true })
    const package_ = JSON.parse(await readFile(join(import.meta.dirname, '../package.json'), 'utf8')) as {
      version: string
    }
    const file = join(out, `${date}.json`)
    const content = {
      date: new Date().toISOString(),
      version: package_.version,
      node: process.version,
      machine: { cpus: cpus().length, model: machine?.model.trim() },
      length,
      durable,
      targetConcurrency,
      targets: rows.map((row) => ({ ...row, name: row.name.trim(), verdict: verdictOf(row) })),
      results,
    }
    await writeFile(file, `${JSON.stringify(content, null, 2)}\n`)
    await writeFile(join(out, 'latest.svg'), plot(rows, title))
    say(`written: ${file} and ${join(out, 'latest.svg')}`)
  } finally {
    await endAll()
    await rm(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void endAll().then(() => process.exit(130)))
  try {
    const [first, ...rest] = process.argv.slice(2)
    if (first === 'lists') process.exit((await listBench(rest)) ? 1 : 0)
    if (first === 'mapping') process.exit(tellMapping(rest, (line) => void process.stdout.write(`${line}\n`)) ? 1 : 0)
    if (first === 'functions') process.exit((await functionBench(rest)) ? 0 : 1)
    await bench(optionsOf(process.argv.slice(2)))
    process.exit(0)
  } catch (error) {
    await endAll()
    process.stderr.write(
      `${error instanceof NotDurable ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
    process.exit(error instanceof NotDurable ? 2 : 1)
  }
}
