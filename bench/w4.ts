/** W4 standing cost: idle, cold start, and W1 and W2 with a backlog of pending records beside an empty Mortise. */
import { orderParts, push, tenantId } from './orders.ts'
import { ask, cpuOf, type Generator, hasProc, type Memory, memoryOf } from './processes.ts'
import { median } from './w1.ts'
import { runW2 } from './w2.ts'
import type { World } from './world.ts'

export interface W4Pace {
  idleSeconds: number
  starts: number
  rounds: number
  pending: number
  seconds: number
  records: number
  jobs: number
}

export interface W4 {
  /** Share of one core while nothing happens. */
  idle: { cpu: number; node: Memory; postgres: Memory } | null
  coldStartMs: number
  pending: { rows: number; w1: number; w2: number }
  queue: QueueResult
}

export interface QueueResult {
  mortise: number
  pgboss: number
  ratio: number
}

/** Everything at rest: what it costs to be there. */
export const idle = async (world: World, seconds: number): Promise<W4['idle']> => {
  const { postgresPid } = world
  const pid = world.mortise.child.pid
  if (!hasProc || postgresPid === null || pid === undefined) return null
  await new Promise((resolve) => setTimeout(resolve, Math.min(3_000, seconds * 300)))
  const before = cpuOf(pid, false) + cpuOf(postgresPid, true)
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const cpu = (cpuOf(pid, false) + cpuOf(postgresPid, true) - before) / seconds
  return { cpu, node: memoryOf(pid, false), postgres: memoryOf(postgresPid, true) }
}

/** Records that are due at a target that is down: they stand in the same tables and the same claim index as everything else. */
export const addPending = async (world: World, rows: number): Promise<void> => {
  const { sql } = world
  for (let from = 1; from <= rows; from += 100_000) {
    const to = Math.min(rows, from + 99_999)
    // Together, so that the reconciler never sees a document without its link and makes one.
    await sql.query('begin')
    await sql.query(
      `insert into document (tenant_id, connection_id, object, data_id, version, operation, master_hash, details_hash, master, details)
      select $1, 'erp', 'SAL_Backlog', 'P-' || n, nextval('version_seq'), 'upsert', sha256(n::text::bytea), sha256('d'::bytea), $2, $3
      from generate_series($4::int8, $5::int8) n`,
      [tenantId, orderParts.master, orderParts.details, from, to],
    )
    await sql.query(
      `insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, told, told_seq, left_version, state, target_connection, next_at)
      select tenant_id, 'backlog', nextval('link_seq'), data_id, now(), master_hash || details_hash, 0, version, 'due', 'down', now()
      from document where tenant_id = $1 and connection_id = 'erp' and object = 'SAL_Backlog'
        and data_id in (select 'P-' || n from generate_series($2::int8, $3::int8) n)`,
      [tenantId, from, to],
    )
    await sql.query('commit')
  }
  await sql.query('vacuum analyze link')
  await sql.query('vacuum analyze document')
  await sql.query('checkpoint')
}

/** The same load on both, in turns; the one that rests is stopped meanwhile, so that its agents do not run beside the other. */
export const withBacklog = async (
  empty: World,
  full: World,
  generator: Generator,
  pace: W4Pace,
  firstNumber: () => number,
  say: (line: string) => void,
): Promise<{ w1: number; w2: number }> => {
  const ratios: { w1: number; w2: number }[] = []
  const measure = async (world: World, other: World): Promise<{ w1: number; w2: number }> => {
    other.mortise.child.kill('SIGSTOP')
    try {
      const received = await generator.run({
        port: world.mortise.port,
        request: push('SAL_Inbound'),
        connections: 32,
        seconds: pace.seconds,
        first: firstNumber(),
      })
      const delivered = await runW2(world, generator, firstNumber(), { count: pace.records, connections: 32 })
      return { w1: received.rate, w2: delivered.rate }
    } finally {
      other.mortise.child.kill('SIGCONT')
    }
  }
  await measure(empty, full)
  await measure(full, empty)
  for (let round = 1; round <= pace.rounds; round++) {
    const turns = round % 2 ? [empty, full] : [full, empty]
    const found = new Map<World, { w1: number; w2: number }>()
    for (const world of turns) found.set(world, await measure(world, world === empty ? full : empty))
    const [e, f] = [found.get(empty), found.get(full)]
    if (!e || !f) continue
    ratios.push({ w1: f.w1 / e.w1, w2: f.w2 / e.w2 })
    say(
      `W4 round ${round}: W1 ${Math.round(e.w1)}/s empty, ${Math.round(f.w1)}/s with ${pace.pending} pending; W2 ${Math.round(e.w2)}/s, ${Math.round(f.w2)}/s`,
    )
  }
  return { w1: median(ratios.map((r) => r.w1)), w2: median(ratios.map((r) => r.w2)) }
}

/** Cold starts of an initialised data folder. */
export const coldStart = async (world: World, starts: number): Promise<number> => {
  const taken: number[] = []
  for (let i = 0; i < starts; i++) taken.push(await world.restart())
  return median(taken)
}

export const queue = (world: World, jobs: number, rounds: number): Promise<QueueResult> =>
  ask<QueueResult>('queue.ts', [world.url, String(jobs), String(rounds)])
