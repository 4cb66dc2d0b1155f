/** What Prometheus reads: the right figures, few series, one reading of the database for many scrapes, and a document that names them all. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql } from '../store/sql.ts'
import { cachedFigures, type Figures, readFigures } from './figures.ts'
import { labelCap, other } from './labels.ts'
import { openLag } from './lag.ts'
import { type MetricsOptions, openMetrics } from './metrics.ts'

const root = join(import.meta.dirname, '../..')
const nothing: Figures = { backlog: [], due: [], reads: [], decoding: { waiting: 0, failed: 0 }, restoring: 0 }
const open = (more: Partial<MetricsOptions> = {}) =>
  openMetrics({
    version: '1.2.3',
    now: () => 0,
    figures: async () => ({ figures: nothing, tookMs: 3 }),
    pools: () => ({ doors: { total: 3, idle: 2, waiting: 0 } }),
    targets: () => [],
    queued: () => 0,
    ...more,
  })
const line = (text: string, start: string): string | undefined => text.split('\n').find((one) => one.startsWith(start))

const linked = async (sql: Sql): Promise<void> => {
  await sql`insert into tenant (tenant_id) values ('t')`
  await sql`
    insert into connection (tenant_id, connection_id, kind, role, definition)
    values ('t', 'erp', 'standard', 'erp', '{}'), ('t', 'crm', 'standard', 'crm', '{}')`
  await sql`
    insert into object (tenant_id, connection_id, code, api_name, definition)
    values ('t', 'erp', 'L', 'L', '{}'), ('t', 'crm', 'R', 'R', '{}')`
  await sql`
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
    values ('t', 'p', 'erp', 'L', 'crm', 'R', '{}')`
}

test('the figures of the database: each state counted once, the oldest due by target, reads and decoding', async () => {
  await using db = await freshDatabase()
  await linked(db.sql)
  const link = (id: number, state: string, more: { reason?: string; held?: boolean; ageMs?: number } = {}) => db.sql`
    insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, reason, target_connection, held, next_at, settled, lease_until, wait_kind,
      sent_at, sent_call, sent_side, sent_generation)
    values ('t', 'p', ${id}, ${`L${id}`}, now(), ${state}, ${more.reason ?? null}, 'crm', ${more.held ?? false},
      clock_timestamp() - ${more.ageMs ?? 0}::float8 * interval '1 millisecond', ${state === 'idle' ? 1 : 0},
      case when ${state} = 'working' then now() end, case when ${state} = 'waiting' then 'reference' end,
      case when ${state} = 'unknown' then now() end, case when ${state} = 'unknown' then 'create' end,
      case when ${state} = 'unknown' then 'right' end, case when ${state} = 'unknown' then 1 end)`
  await link(1, 'due', { ageMs: 90_000 })
  await link(2, 'due')
  await link(3, 'due', { held: true })
  await link(4, 'unknown')
  await link(5, 'working')
  await link(6, 'waiting')
  await link(7, 'parked', { reason: 'data' })
  await link(8, 'idle', { reason: 'applied' })
  await db.sql`
    insert into "fetch" (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id, state)
    values ('t', 'erp', 'L', 'A', 1, 'hint', 'x', 'due'), ('t', 'erp', 'L', 'B', 1, 'hint', 'x', 'failed')`
  await db.sql`insert into decode (seq, received_at, tenant_id, connection_id, object) values (1, now(), 't', 'crm', 'R')`
  const counts = async () =>
    Object.fromEntries((await readFigures(db.sql)).backlog.map((row) => [row.state, row.count]))
  assert.deepEqual(await counts(), { due: 2, unknown: 1, working: 1, waiting: 1, parked: 1 })
  await db.sql`update pair set held = true`
  assert.deepEqual((await counts()).held, 1, 'what a pause holds is counted while it is paused')
  const { due, reads, decoding } = await readFigures(db.sql)
  assert.deepEqual(
    due.map((row) => [row.connection_id, Math.floor(row.seconds / 60)]),
    [['crm', 1]],
  )
  assert.deepEqual(
    reads.map((row) => [row.state, row.count]),
    [
      ['due', 1],
      ['failed', 1],
    ],
  )
  assert.deepEqual(decoding, { waiting: 1, failed: 0 })
  const text = await open({
    figures: cachedFigures(
      () => readFigures(db.sql),
      () => performance.now(),
    ),
  }).text()
  assert.equal(line(text, 'mortise_records{tenant="t",flow="p",connection="crm",state="due"}')?.split(' ')[1], '2')
  assert.match(line(text, 'mortise_oldest_due_seconds{tenant="t",connection="crm"}') ?? '', / 9\d\./)
  assert.equal(line(text, 'mortise_database_up'), 'mortise_database_up 1')
})

test('the figures are read once for all who ask within five seconds, and less often where reading them takes long', async () => {
  let [reads, now, cost] = [0, 0, 10]
  const figures = cachedFigures(
    async () => {
      reads++
      now += cost
      return nothing
    },
    () => now,
  )
  await Promise.all([figures(), figures(), figures()])
  assert.equal(reads, 1)
  now += 4_000
  await figures()
  assert.equal(reads, 1)
  now += 1_000
  cost = 2_000
  await figures()
  assert.equal(reads, 2)
  now += 39_000
  assert.equal((await figures()).tookMs, 2_000)
  assert.equal(reads, 2, '2 s of reading are a twentieth of 40 s')
  now += 1_000
  await figures()
  assert.equal(reads, 3)
})

test('while the database is away the last figures are shown for a minute, and then none', async () => {
  let [now, away] = [0, false]
  const figures = cachedFigures(
    async () => (away ? Promise.reject(new Error('away')) : nothing),
    () => now,
  )
  assert.ok((await figures()).figures)
  away = true
  now = 30_000
  assert.ok((await figures()).figures)
  now = 70_000
  assert.equal((await figures()).figures, null)
  const text = await open({ figures }).text()
  assert.equal(line(text, 'mortise_database_up'), 'mortise_database_up 0')
  assert.match(
    text,
    /mortise_pool_connections\{pool="doors",state="busy"\} 1/,
    'what this process knows is shown all the same',
  )
})

test('answers of the doors are counted by status and code, calls by outcome, commits by their rows and time', async () => {
  const metrics = open()
  metrics.answered('/push', { status: 200, body: '{"errCode":"s106240000","errMsg":"成功"}' }, 4)
  metrics.answered('/push', { status: 200, body: '{"errCode":"s106240000","errMsg":"成功"}' }, 6)
  metrics.answered('/push', { status: 503, body: '{"errCode":"s306240503"}' }, 1)
  metrics.answered('/hooks/:connection', { status: 202, body: '' }, 1)
  metrics.committed(32, 3, true)
  metrics.committed(1, 2, false)
  const record = { tenant_id: 't', pair_id: 'p', link_id: 1 }
  metrics.settled([
    { ...record, state: 'idle', attempt: { outcome: 'applied', ms: 20 } },
    { ...record, state: 'parked', attempt: { outcome: 'refused', ms: 20 } },
    { ...record, state: 'idle', attempt: null },
  ])
  metrics.found('missing', 2)
  const text = await metrics.text()
  for (const wanted of [
    'mortise_door_answers_total{door="/push",status="200",code="s106240000"} 2',
    'mortise_door_answers_total{door="/push",status="503",code="s306240503"} 1',
    'mortise_door_answers_total{door="/hooks/:connection",status="202",code=""} 1',
    'mortise_door_seconds_count{door="/push"} 3',
    'mortise_commit_rows_sum 32',
    'mortise_commit_seconds_count 1',
    'mortise_commit_failures_total 1',
    'mortise_attempts_total{tenant="t",flow="p",outcome="applied"} 1',
    'mortise_attempts_total{tenant="t",flow="p",outcome="refused"} 1',
    'mortise_settles_total{tenant="t",flow="p",state="idle"} 2',
    'mortise_reconciler_found_total{finding="missing"} 2',
    'mortise_info{version="1.2.3"} 1',
  ])
    assert.ok(text.includes(`${wanted}\n`), wanted)
})

test('a thousand flows and connections make no more series than the cap allows, and none is lost from the sums', async () => {
  const many = Array.from({ length: 1_000 }, (_, i) => i)
  const metrics = open({
    most: 10,
    figures: async () => ({
      tookMs: 0,
      figures: {
        ...nothing,
        backlog: many.map((i) => ({
          tenant_id: `t${i}`,
          pair_id: 'p',
          connection_id: `c${i}`,
          state: 'due' as const,
          count: 2,
        })),
        due: many.map((i) => ({ tenant_id: `t${i}`, connection_id: `c${i}`, seconds: 2_000 - i })),
      },
    }),
    targets: () =>
      many.map((i) => ({
        tenant_id: `t${i}`,
        connection_id: `c${i}`,
        breaker: i === 999 ? ('open' as const) : ('closed' as const),
        running: 1,
        heldUntil: null,
      })),
  })
  metrics.settled(
    many.map((i) => ({
      tenant_id: `t${i}`,
      pair_id: 'p',
      link_id: i,
      state: 'idle',
      attempt: { outcome: 'applied', ms: 1 },
    })),
  )
  const text = await metrics.text()
  const series = (name: string) => text.split('\n').filter((one) => one.startsWith(`${name}{`))
  for (const name of ['mortise_records', 'mortise_oldest_due_seconds', 'mortise_breaker', 'mortise_attempts_total'])
    assert.equal(series(name).length, 11, name)
  const sum = (name: string) => series(name).reduce((total, one) => total + Number(one.split(' ').at(-1)), 0)
  assert.equal(sum('mortise_records'), 2_000)
  assert.equal(sum('mortise_attempts_total'), 1_000)
  assert.ok(
    text.includes(`mortise_breaker{tenant="${other}",connection="${other}"} 2`),
    'an open breaker among the others is seen',
  )
  assert.ok(
    text.includes(`mortise_oldest_due_seconds{tenant="${other}",connection="${other}"} 1990`),
    'the oldest of the others',
  )
  const cap = labelCap(1)
  assert.deepEqual([cap(['a']), cap(['b']), cap(['a'])], [['a'], [other], ['a']])
})

test('the lag is measured from the commit at the door to the recorded end, over retries, and not for what failed', () => {
  let now = 1_000
  const seen: number[] = []
  const lag = openLag(
    () => now,
    (s) => void seen.push(s),
  )
  const link = { tenant_id: 't', pair_id: 'p', link_id: 1, left_id: 'A', right_id: null }
  lag.received({ tenant_id: 't', data_id: 'A' })
  now += 500
  lag.received({ tenant_id: 't', data_id: 'A' })
  lag.claimed([{ ...link, tenant_id: 'another' }])
  lag.claimed([link])
  lag.settled([{ ...link, state: 'due' }])
  now += 500
  lag.settled([{ ...link, state: 'idle' }])
  lag.settled([{ ...link, state: 'idle' }])
  assert.deepEqual(seen, [1])
  lag.received({ tenant_id: 't', data_id: 'A' })
  lag.claimed([link])
  lag.settled([{ ...link, state: 'parked' }])
  assert.deepEqual(seen, [1])
  for (let i = 0; i < 10_000; i++) lag.received({ tenant_id: 't', data_id: `never ${i}` })
  now += 61_000
  lag.received({ tenant_id: 't', data_id: 'B' })
  lag.claimed([{ ...link, left_id: 'B' }])
  now += 1
  lag.settled([{ ...link, state: 'idle' }])
  assert.deepEqual(seen, [1, 0.001], 'what nothing came of makes room')
})

/** Every name that a query may use, with its labels. */
const declared = (): Map<string, Set<string>> => {
  const names = new Map<string, Set<string>>()
  for (const { name, kind, labels } of open().described()) {
    names.set(name, new Set(labels))
    if (kind === 'histogram')
      for (const part of ['_bucket', '_sum', '_count']) names.set(name + part, new Set([...labels, 'le']))
  }
  return names
}

/** Metrics of a PromQL expression with the labels asked for in their braces, and the labels of its `by (…)`. */
const asked = (expr: string): { metrics: { name: string; labels: string[] }[]; by: string[] } => ({
  metrics: [...expr.matchAll(/\b((?:mortise|process|nodejs)_[a-z_]+)\b(?:\{([^}]*)\})?/g)].map(
    ([, name = '', inside = '']) => ({
      name,
      labels: [...inside.matchAll(/([a-z_]+)\s*(?:=~|!=|!~|=)/g)].map(([, label = '']) => label),
    }),
  ),
  by: [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',').map((label) => label.trim())),
})
const ofScrape = new Set(['job', 'instance'])

test('the document names every metric, and only metrics that exist', async () => {
  const text = await readFile(join(root, 'docs/metrics.md'), 'utf8')
  const [, table = ''] = text.split('## The metrics')
  const documented = new Set([...table.matchAll(/^\| `([a-z_]+)`/gm)].map(([, name]) => name))
  const described = open().described()
  assert.deepEqual([...documented].toSorted(), described.map((one) => one.name).toSorted())
  for (const { name, labels } of described)
    assert.ok(
      table.includes(`| \`${name}\` | ${labels.join(', ')}${labels.length ? ' ' : ''}|`),
      `${name}: ${labels.join(', ')}`,
    )
})

test('every query of the dashboard and of the alert rules names metrics that exist, with labels that they have', async () => {
  const known = declared()
  const dashboard = JSON.parse(await readFile(join(root, 'deploy/grafana/mortise.json'), 'utf8')) as {
    panels: { title: string; targets?: { expr: string }[] }[]
  }
  const queries = dashboard.panels.flatMap((panel) => (panel.targets ?? []).map((target) => target.expr))
  assert.ok(queries.length >= 20, String(queries.length))
  const rules = parse(await readFile(join(root, 'deploy/prometheus/alerts.yml'), 'utf8')) as {
    groups: { rules: { alert: string; expr: string; annotations: { summary: string; description: string } }[] }[]
  }
  const alerts = rules.groups.flatMap((group) => group.rules)
  assert.ok(alerts.length >= 8, String(alerts.length))
  for (const { alert, annotations } of alerts)
    assert.ok(annotations.summary && annotations.description, `${alert} says what to do`)
  for (const expr of [...queries, ...alerts.map((alert) => alert.expr)]) {
    const { metrics, by } = asked(expr)
    assert.ok(metrics.length > 0 || /\bup\{/.test(expr), expr)
    const all = new Set(metrics.flatMap(({ name }) => [...(known.get(name) ?? [])]))
    for (const { name, labels } of metrics) {
      assert.ok(known.has(name), `${name} in: ${expr}`)
      for (const label of labels)
        assert.ok(known.get(name)?.has(label) || ofScrape.has(label), `${label} of ${name} in: ${expr}`)
    }
    for (const label of by) assert.ok(all.has(label) || ofScrape.has(label), `by ${label} in: ${expr}`)
  }
})
