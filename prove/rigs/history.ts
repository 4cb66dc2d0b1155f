/** History 同步历史数据: every row that an ERP has ever had is fetched in steady memory, with a bar, a stop and a continue in the middle; none is missing, none comes twice. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../sandbox/journal.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import type { Pool } from '../../server/store/pool.ts'
import { configOf, rigTenant } from './config.ts'
import { openGround, type Program, pause, until, type Witness } from './ground.ts'
import { type Expected, judge, mustBeClean } from './judge.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

const day = 86_400_000
/** Five years and a day ago: a task that begins here is as far in time as it is in rows. */
const since = Math.floor(Date.now() / day - 5 * 365 - 1) * day
const sinceText = new Date(since).toISOString().slice(0, 10)
/** Rows that were imported in one go, and carry one and the same stamp. */
const burst = 250
const idOf = (i: number): string => `M-${String(i + 1).padStart(6, '0')}`
/** Rows that the CRM is to be told of: the scope of the flow. */
const travels = (i: number, share: number): boolean => i % share === 0
const numberOf = (i: number, share: number): string => `${travels(i, share) ? 'S' : 'N'}-${i}`

interface Past {
  rows: number
  share: number
  /** The first of the rows that no page ever shows: the control. */
  hidden: number
}

/** The journal of an ERP with a long past, as its own `create` would have written it over five years. */
const write = (file: string, { rows, share, hidden }: Past): void => {
  const journal = openJournal(file, () => {})
  const step = Math.max(1, Math.floor((5 * 365 * day) / rows))
  for (let i = 0; i < rows; i++) {
    const inBurst = i >= rows / 2 && i < rows / 2 + burst
    const at = since + step * (inBurst ? Math.floor(rows / 2) : i)
    const id = idOf(i)
    const fields = {
      id,
      number: numberOf(i, share),
      name: `material ${i}`,
      unit: 'pcs',
      price: '12.50',
      modifyTime: at,
    }
    const held = { id, sourceId: null, voided: false, createdAt: at, modifiedAt: at, trueAt: at, versions: 1 }
    const visibleAt = i >= rows - hidden ? Date.now() + 365 * day : at
    const change = {
      object: 'BD_Material',
      op: 'create',
      given: { record: i + 1, rows: {} },
      held: { ...held, visibleAt },
    }
    const call = {
      k: 'call',
      s: 'erp',
      n: i + 1,
      at,
      call: 'create',
      object: 'BD_Material',
      id,
      status: 200,
      effect: true,
    }
    journal.append({ ...call, change }, ['null', 'null', JSON.stringify(fields), '{}'])
    // Nothing of it is written before the turn ends, unless it is asked for.
    if (i % 5_000 === 0) journal.read([])
  }
  journal.close()
}

/** Which rows of the source are not staged, at most ten; and how many there are in all. */
const missing = async (sql: Pool, rows: number): Promise<{ ids: string[]; staged: number }> => {
  const absent = await sql.unsafe<{ id: string }>(
    `select 'M-' || lpad(n::text, 6, '0') as id from generate_series(1, ${rows}) n
    where not exists (
      select from document d
      where d.tenant_id = 'sandbox' and d.connection_id = 'erp' and d.object = 'BD_Material' and d.data_id = 'M-' || lpad(n::text, 6, '0'))
    order by 1 limit 10`,
  )
  const [row] = await sql.unsafe<{ n: number }>(
    `select count(*)::int4 as n from document where tenant_id = 'sandbox' and connection_id = 'erp' and object = 'BD_Material'`,
  )
  return { ids: absent.map(({ id }) => id), staged: row?.n ?? 0 }
}

const memoryOf = (pid: number): number => {
  const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Math.round(Number(found?.[1] ?? 0) / 1024)
}

/** `mortise backfill …` as a person runs it: at a terminal where this machine has `script`, which makes one. */
const command = (url: string, args: readonly string[]) => {
  const main = join(import.meta.dirname, '../../server/cli/main.ts')
  const env = { ...process.env, MORTISE_DATABASE_URL: url }
  const words = [process.execPath, main, 'backfill', ...args]
  const child = spawn('script', ['-qfec', words.map((word) => `'${word}'`).join(' '), '/dev/null'], {
    env,
    stdio: 'pipe',
  })
  let said = ''
  let isTerminal = true
  const ended = new Promise<number | null>((done) => {
    child.stdout.on('data', (part: Buffer) => (said += part.toString()))
    child.on('exit', done)
    child.on('error', () => {
      isTerminal = false
      const plain = spawn(words[0] as string, words.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] })
      plain.stdout.on('data', (part: Buffer) => (said += part.toString()))
      plain.on('exit', done)
    })
  })
  return { ended, said: () => said, isTerminal: () => isTerminal }
}

interface Progress {
  id: string
  state: string
  share: number
  seen: number
  created: number
  requests: number
}

const progress = async (sql: Pool): Promise<Progress | undefined> => {
  const [row] = await sql<Progress>`
    select backfill_id as id, state, (done::float8 / total)::float8 as share, seen::int4, created::int4, requests::int4
    from backfill
    order by created_at desc
    limit 1`
  return row
}

const openWorld = async (past: Past) => {
  const ground = await openGround()
  const witness = await ground.witness({ holds: (file) => write(file, past) })
  const tenant = rigTenant({
    witness,
    pairs: ['material'],
    erp: { pageSize: 1_000 },
    edit: (file) => {
      for (const pair of file.pairs ?? []) {
        const { leftToRight } = pair.flows
        if (leftToRight) leftToRight.scope = { number: { startsWith: 'S' } }
      }
    },
  })
  return { ground, witness, tenant }
}

/** Looks at the memory at nine places on the way; the tenth is the end. */
const sample = (sql: Pool, mortise: Program) => {
  const began = performance.now()
  const points: { share: number; mb: number }[] = []
  let isOver = false
  const done = (async () => {
    while (!isOver) {
      const now = await progress(sql).catch(() => undefined)
      if (now?.state === 'running' && now.share * 10 >= points.length + 1 - 1e-6 && points.length < 9) {
        const [share, mb] = [Math.min(100, Math.round(now.share * 100)), memoryOf(mortise.pid)]
        points.push({ share, mb })
        say(`  ${share} %: ${now.seen} rows, ${Math.round((performance.now() - began) / 1000)} s, RSS ${mb} MB`)
      }
      await pause(100)
    }
  })()
  return {
    points,
    stop: (): Promise<void> => {
      isOver = true
      return done
    },
  }
}

const expectedOf = ({ rows, share, hidden }: Past): Map<string, Expected> =>
  new Map(
    Array.from({ length: rows - hidden }, (_, i) => i)
      .filter((i) => travels(i, share))
      .map((i) => [idOf(i), { fields: { product_code: numberOf(i, share), name: `material ${i}` } }]),
  )

const delivered = async (witness: Witness, past: Past): Promise<void> =>
  mustBeClean('history', await judge(witness.crm, 'ProductObj', expectedOf(past)))

export const historyRig: Rig = {
  name: 'history',
  promise: '9 10',
  about:
    'all rows of an ERP are fetched in steady memory, with a stop and a continue in the middle; a row that no page shows is found missing',
  figure: 'rows',
  run: async (long, asked) => {
    const past: Past = long
      ? { rows: asked ?? 1_000_000, share: 100, hidden: 0 }
      : { rows: 4_000, share: 20, hidden: 0 }
    const limit = long ? 3 * 3_600_000 : 120_000

    // ── the control: rows that no page shows are missed, and named ──
    if (!long) {
      const blind: Past = { rows: 300, share: 20, hidden: 7 }
      const { ground, witness, tenant } = await openWorld(blind)
      await using _ = ground
      await using db = await freshDatabase()
      const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url })
      await mortise.start()
      await using watch = openWatch(() => db.url)
      assert.equal(await command(db.url, ['erp', 'BD_Material', '--from', sinceText, '--yes']).ended, 0)
      const { ids, staged } = await missing(await watch.sql(), blind.rows)
      assert.deepEqual(
        [ids, staged],
        [Array.from({ length: 7 }, (_x, i) => idOf(293 + i)), 293],
        'the control sees what is missing',
      )
      await watch.rest()
      const verdict = await judge(witness.crm, 'ProductObj', expectedOf({ ...blind, hidden: 0, share: 1 }))
      assert.ok(verdict.lost.length >= 7, 'and so does the verdict of the witness')
      await mortise.stop()
    }

    const made = performance.now()
    const { ground, witness, tenant } = await openWorld(past)
    await using _ = ground
    await using db = await freshDatabase()
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    const sql = await watch.sql()
    say(`history: ${past.rows} rows of an ERP are there after ${Math.round((performance.now() - made) / 1000)} s`)

    const began = performance.now()
    const first = command(db.url, ['erp', 'BD_Material', '--from', sinceText, '--yes'])
    const sampler = sample(sql, mortise)
    await until('the task runs', async () => (await progress(sql))?.state === 'running', 60_000)
    await until('a third is read', async () => ((await progress(sql))?.seen ?? 0) > past.rows / 3, limit, 20)
    const task = (await progress(sql)) as Progress
    assert.equal(await command(db.url, ['--stop', task.id]).ended, 0)
    assert.equal(await first.ended, 6, `a stopped task is not all that was asked for: ${first.said()}`)
    if (first.isTerminal()) assert.match(first.said(), /BD_Material, % [█░]+ \d+\/100 · .* left/, 'there is a bar')
    const stopped = (await progress(sql)) as Progress
    assert.equal(stopped.state, 'stopped')
    const half = await missing(sql, past.rows)
    assert.ok(half.ids.length > 0 && half.staged < past.rows, 'at the stop rows are missing, and the check says so')
    await pause(1_000)
    assert.deepEqual(await progress(sql), stopped, 'a task that is stopped reads no further')

    assert.equal(await command(db.url, ['--continue', task.id]).ended, 0)
    const end = await until(
      'the task has come to its end',
      async () => {
        const now = await progress(sql)
        return now && now.state !== 'running' && now.state !== 'queued' ? now : undefined
      },
      limit,
      100,
    )
    const seconds = (performance.now() - began) / 1000
    await sampler.stop()
    sampler.points.push({ share: 100, mb: memoryOf(mortise.pid) })
    assert.equal(end.state, 'success')
    const { ids, staged } = await missing(sql, past.rows)
    assert.deepEqual([ids, staged], [[], past.rows], 'every row of the ERP is there, once')
    assert.equal(end.created, past.rows, 'and was new once')
    // The page that was stopped in its middle, and the millisecond of the import (two passes), are read twice.
    assert.ok(end.seen <= past.rows + 2 * 1_000 + 4 * burst, `${end.seen} rows were read for ${past.rows}`)
    await watch.rest(limit)
    await delivered(witness, past)

    const curve = sampler.points.map(({ share, mb }) => `${share} % ${mb} MB`).join(', ')
    const rss = sampler.points.map(({ mb }) => mb)
    if (long) {
      const [early, late] = [rss.slice(0, 5), rss.slice(5)]
      assert.ok(Math.max(...late) <= Math.max(...early) * 1.2 + 50, `memory grows with what was read: ${curve}`)
    }
    assert.equal(await mortise.stop(), 0)
    say(
      `history: ${past.rows} rows in ${Math.round(seconds)} s (${Math.round(past.rows / seconds)}/s, ${end.requests} requests), stopped at ${stopped.seen} and continued, ` +
        `${expectedOf(past).size} of them sent to the CRM; none missing, none twice; RSS ${curve}`,
    )
  },
}
