/** Claim and settle against pg-boss's fetch and complete: as many rows, the same batches, the same server, in turns. A process of its own. */
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { applied } from '../server/converge/after.ts'
import { postgresRoad } from '../server/converge/postgres.ts'
import type { Claimed, Settle } from '../server/converge/road.ts'
import { migrate, readMigrations } from '../server/store/migrate.ts'
import { openPool } from '../server/store/pool.ts'
import { median } from './w1.ts'
import type { QueueResult } from './w4.ts'
import { freshDatabase } from './world.ts'

const batch = 100

const ours = async (url: string) => {
  const sql = openPool({ url, name: 'bench queue', max: 2 })
  await migrate(sql, await readMigrations())
  await sql.unsafe(`
    insert into tenant (tenant_id) values ('t');
    insert into connection (tenant_id, connection_id, kind, role, definition) values ('t', 'erp', 'standard', 'erp', '{}'), ('t', 'crm', 'standard', 'crm', '{}');
    insert into object (tenant_id, connection_id, code, api_name, definition) values ('t', 'erp', 'o', 'o', '{}'), ('t', 'crm', 'o', 'o', '{}');
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition) values ('t', 'p', 'erp', 'o', 'crm', 'o', '{}')`)
  const road = postgresRoad(sql, async () => [])
  const hash = Buffer.alloc(64, 7)
  const print = new Map(Array.from({ length: 26 }, (_, i) => [i * 7919, 123_456_789_012 + i]))
  // The whole of a settle: ids, one agreement on both sides, the ids of five rows.
  const settleOf = (link: Claimed): Settle =>
    applied(
      link,
      {
        call: 'create',
        from: 'left',
        generation: link.generation,
        version: link.left_version,
        hash,
        sourcePrint: print,
        targetPrint: print,
        later: [],
        at: link.now,
      },
      {
        targetId: `T${link.left_id}`,
        detail_ids: '{"left":{"lines":{"L1":"T-1","L2":"T-2","L3":"T-3","L4":"T-4","L5":"T-5"}}}',
        target: { side: 'right', connection_id: 'crm', object: 'o', seen: 0, differs: false },
        attempt: null,
      },
    )
  let filled = 0
  return {
    fill: async (jobs: number) => {
      await sql.unsafe(`
        insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, left_version, state, target_connection)
        select 't', 'p', nextval('link_seq'), 'R-' || (n + ${filled}), now(), nextval('version_seq'), 'due', 'crm' from generate_series(1, ${jobs}) n`)
      await sql.unsafe('analyze link')
      filled += jobs
    },
    drain: async (): Promise<number> => {
      for (let done = 0; ; ) {
        const links = await road.claim({ tenant_id: 't', connection_id: 'crm' }, batch, 30_000)
        if (!links.length) return done
        const settled = await road.settle(links.map(settleOf))
        done += settled.filter((s) => s.held && s.state === 'idle').length
      }
    },
    stop: () => sql.end(),
  }
}

const theirs = async (url: string) => {
  const boss = new PgBoss({ connectionString: url, max: 2, supervise: false, schedule: false })
  boss.on('error', () => {})
  await boss.start()
  await boss.createQueue('q')
  const sql = new pg.Client({ connectionString: url })
  await sql.connect()
  return {
    fill: async (jobs: number) => {
      for (let done = 0; done < jobs; done += 1_000)
        await boss.insert(
          'q',
          Array.from({ length: Math.min(1_000, jobs - done) }, (_, i) => ({ data: { id: `R-${done + i}` } })),
        )
      await sql.query('analyze')
    },
    drain: async (): Promise<number> => {
      for (let done = 0; ; ) {
        const jobs = await boss.fetch('q', { batchSize: batch })
        if (!jobs?.length) return done
        await boss.complete(
          'q',
          jobs.map((job) => job.id),
        )
        done += jobs.length
      }
    },
    stop: async () => {
      await boss.stop({ graceful: false })
      await sql.end()
    },
  }
}

if (import.meta.main) {
  const [url = '', jobs = '5000', rounds = '3'] = process.argv.slice(2)
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  const contestants = {
    mortise: await ours(await freshDatabase(admin, url, 'mortise_bench_queue')),
    pgboss: await theirs(await freshDatabase(admin, url, 'mortise_bench_boss')),
  }
  const timed = async (who: 'mortise' | 'pgboss', count: number): Promise<number> => {
    await contestants[who].fill(count)
    const began = performance.now()
    const done = await contestants[who].drain()
    if (done !== count) throw new Error(`${who} ended ${done} of ${count} rows`)
    return (count / (performance.now() - began)) * 1000
  }
  for (const who of ['mortise', 'pgboss'] as const) await timed(who, Math.min(1_000, Number(jobs)))
  const found: { mortise: number; pgboss: number }[] = []
  for (let round = 0; round < Number(rounds); round++)
    found.push({ mortise: await timed('mortise', Number(jobs)), pgboss: await timed('pgboss', Number(jobs)) })
  await contestants.mortise.stop()
  await contestants.pgboss.stop()
  await admin.query('drop database mortise_bench_queue with (force)')
  await admin.query('drop database mortise_bench_boss with (force)')
  await admin.end()
  const result: QueueResult = {
    mortise: median(found.map((f) => f.mortise)),
    pgboss: median(found.map((f) => f.pgboss)),
    ratio: median(found.map((f) => f.mortise / f.pgboss)),
  }
  process.send?.(result)
}
