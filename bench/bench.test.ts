/** The bench itself: its pieces run, its verdicts follow from the figures, and it measures nothing on a server that may lose data. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { freshDatabase, privateCluster } from '../server/store/fresh.ts'
import { lists } from './lists-world.ts'
import { plot } from './plot.ts'
import { type Row, table, verdictOf } from './targets.ts'

interface Ended {
  code: number
  out: string
  err: string
}

const bench = (args: string[], databaseUrl: string): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { ...process.env, MORTISE_DATABASE_URL: databaseUrl }
    execFile(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { env }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    )
  })

test('the pieces run: W1, W2 and W3 with tiny counts end in a table, a file and a picture', async () => {
  // The other tests' server is not durable, and nothing is measured on such a one.
  const url = await privateCluster({ settings: { fsync: 'on', full_page_writes: 'on' } })
  const folder = await mkdtemp(join(tmpdir(), 'mortise-bench-test-'))
  try {
    const { code, out, err } = await bench(['w1', 'w2', 'w3', '--tiny', `--out=${folder}`], url)
    assert.equal(code, 0, err)
    assert.match(out, /fsync on, synchronous_commit on, full_page_writes on/)
    assert.match(out, /W2 against W1, 32 connections +≥ 0.25 × +≥ 0.4 × +[\d.]+ × +(missed|met|reached)/)
    const file = JSON.parse(await readFile(join(folder, `${new Date().toISOString().slice(0, 10)}.json`), 'utf8'))
    assert.equal(file.durable.fsync, 'on')
    assert.ok(file.results.w1.rounds.mortise[4].rate > 0 && file.results.w2.rate > 0)
    // The statistics see a first load, and nothing of what is unchanged.
    assert.ok(file.results.w3.rows.fresh >= 4_000, out)
    assert.equal(file.results.w3.rows.unchanged, 0, out)
    assert.match(await readFile(join(folder, 'latest.svg'), 'utf8'), /prefers-color-scheme: dark/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('the lists are measured, each of them in each mix', async () => {
  await using db = await freshDatabase({ migrations: [] })
  // not how long they take: on a machine that tests, that says nothing
  const { out, err } = await bench(['lists', '300'], db.url)
  for (const name of Object.keys(lists))
    assert.equal(out.split('\n').filter((line) => line.startsWith(name.padEnd(44))).length, 4, `${name}: ${err}`)
  assert.match(out, /300 records, backlog, vacuumed and analysed/)
})

test('nothing is measured where fsync is off', async () => {
  const url = await privateCluster({ settings: { fsync: 'off' } })
  const { code, out, err } = await bench(['w1', '--tiny'], url)
  assert.equal(code, 2)
  assert.match(err, /fsync is off/)
  assert.doesNotMatch(out, /must/)
})

test('a verdict says which side of its limits a figure is on', () => {
  const row = (kind: Row['kind'], measured: number | null): Row => ({
    name: 'a & b',
    unit: '×',
    kind,
    must: kind === 'least' ? 2 : 100,
    reach: kind === 'least' ? 4 : 50,
    measured,
  })
  assert.deepEqual(
    [1.9, 2, 4, null, Number.NaN].map((measured) => verdictOf(row('least', measured))),
    ['missed', 'met', 'reached', 'not measured', 'not measured'],
  )
  assert.deepEqual(
    [101, 100, 50].map((measured) => verdictOf(row('most', measured))),
    ['missed', 'met', 'reached'],
  )
  assert.match(table([row('least', 1)]), /a & b +≥ 2 × +≥ 4 × +1 × +missed/)
  assert.match(plot([row('most', 70)], 'x < y'), /x &lt; y[\s\S]*a &amp; b[\s\S]*class="met"/)
})
