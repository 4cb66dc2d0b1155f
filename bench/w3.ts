/** W3 poll: a first load and re-polls of unchanged records, in pages of 1,000; what they write is read from PostgreSQL's own statistics. */
import { tenantId, sourceStart, sourceStep } from './orders.ts'
import { median } from './w1.ts'
import type { World } from './world.ts'

export interface W3Pace {
  /** Records of the source; each round reads all of them again. */
  records: number
  rounds: number
  /** How long the backends may take to hand in their statistics; an idle one does so after 10 s. */
  settleMs: number
}

export interface W3 {
  /** Records a second, of the first load and of unchanged ones. */
  fresh: number
  unchanged: number
  requests: { fresh: number; unchanged: number }
  /** Rows that were inserted, updated or deleted: in the first load (or the statistics see nothing), and by unchanged pages. */
  rows: { fresh: number; unchanged: number }
  /** Bytes, of everything that the server writes meanwhile (the ledger, leases), per record. */
  wal: { fresh: number; unchanged: number }
  /** µs per record of the first load and of unchanged ones; null where PostgreSQL is not ours to look at. */
  cpu: Record<'fresh' | 'unchanged', { node: number; postgres: number }> | null
}

/** Of the tables that a record is written to. */
const written = async (world: World): Promise<number> => {
  const { rows } = await world.sql.query<{ n: number }>(
    `select sum(n_tup_ins + n_tup_upd + n_tup_del)::float8 as n from pg_stat_user_tables where relname in ('arrival', 'document', 'link')
      or relname like 'arrival\\_%'`,
  )
  return rows[0]?.n ?? 0
}

const lsn = async (world: World): Promise<number> => {
  const { rows } = await world.sql.query<{ at: number }>(
    `select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as at`,
  )
  return rows[0]?.at ?? 0
}

interface Read {
  rate: number
  requests: number
  seen: number
  created: number
  unchanged: number
  wal: number
  cpu: { node: number; postgres: number }
}

/** Asks for the source's whole time to be read again, as `mortise poll again` does, and waits for the window's end. */
const read = async (world: World, records: number): Promise<Read> => {
  const before = await lsn(world)
  const cpuBefore = world.cpu()
  const key = [tenantId, 'erp', 'BD_Material']
  const { rows: asked } = await world.sql.query<{ window_id: string }>(
    `insert into poll_window (tenant_id, connection_id, object, cause, from_at, to_at, read_until, state, asked_by)
    values ($1, $2, $3, 'again', to_timestamp($4), to_timestamp($5), to_timestamp($4), 'wanted', 'bench')
    returning window_id`,
    [...key, sourceStart / 1000, (sourceStart + records * sourceStep) / 1000],
  )
  await world.sql.query(
    `update poll set next_at = clock_timestamp() where tenant_id = $1 and connection_id = $2 and object = $3`,
    key,
  )
  await world.sql.query(`select pg_notify('mortise_work', 'bench')`)
  for (const until = Date.now() + 120_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const { rows } = await world.sql.query<
      { state: string; ms: number; fault: string | null } & Omit<Read, 'rate' | 'wal' | 'cpu'>
    >(
      `select state, (extract(epoch from ended_at - started_at) * 1000)::float8 as ms, fault,
        requests::int4, seen::int4, created::int4, unchanged::int4
      from poll_window where tenant_id = $1 and connection_id = $2 and object = $3 and window_id = $4`,
      [...key, asked[0]?.window_id],
    )
    const [window] = rows
    if (window?.state === 'done') {
      const { requests, seen, created, unchanged } = window
      const cpuAfter = world.cpu()
      const each = (part: 'node' | 'postgres'): number => ((cpuAfter[part] - cpuBefore[part]) / records) * 1e6
      return {
        rate: (records / window.ms) * 1000,
        requests,
        seen,
        created,
        unchanged,
        cpu: { node: each('node'), postgres: each('postgres') },
        wal: (await lsn(world)) - before,
      }
    }
    if (Date.now() > until) throw new Error(`the source was not read in 120 s: ${JSON.stringify(window)}`)
  }
}

export const w3 = async (world: World, pace: W3Pace, say: (line: string) => void): Promise<W3> => {
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pace.settleMs))
  for (const until = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const { rows } = await world.sql.query(
      `select from poll where tenant_id = $1 and connection_id = 'erp' and lease_until is null and ran_at is not null`,
      [tenantId],
    )
    if (rows.length) break
    if (Date.now() > until) throw new Error('the source of the bench is not polled')
  }
  await settled()
  const atFirst = await written(world)
  const fresh = await read(world, pace.records)
  if (fresh.created !== pace.records) throw new Error(`${fresh.created} of ${pace.records} records were new`)
  await settled()
  const loaded = await written(world)
  say(
    `W3 first load: ${Math.round(fresh.rate)}/s, ${fresh.requests} pages, ${loaded - atFirst} rows, ${Math.round(fresh.wal / pace.records)} bytes of WAL a record`,
  )
  const rounds: Read[] = []
  for (let round = 1; round <= pace.rounds; round++) {
    const again = await read(world, pace.records)
    if (again.unchanged !== again.seen) throw new Error(`${again.seen - again.unchanged} records were not unchanged`)
    rounds.push(again)
    say(
      `W3 round ${round}, unchanged: ${Math.round(again.rate)}/s, ${again.requests} pages, ${again.wal} bytes of WAL in all`,
    )
  }
  await settled()
  const rows = (await written(world)) - loaded
  say(`W3 unchanged: ${rows} rows written in ${pace.rounds} rounds`)
  return {
    fresh: fresh.rate,
    unchanged: median(rounds.map((r) => r.rate)),
    requests: { fresh: fresh.requests, unchanged: median(rounds.map((r) => r.requests)) },
    rows: { fresh: loaded - atFirst, unchanged: rows },
    wal: { fresh: fresh.wal / pace.records, unchanged: median(rounds.map((r) => r.wal)) / pace.records },
    cpu:
      world.postgresPid === null
        ? null
        : {
            fresh: fresh.cpu,
            unchanged: {
              node: median(rounds.map((r) => r.cpu.node)),
              postgres: median(rounds.map((r) => r.cpu.postgres)),
            },
          },
  }
}
