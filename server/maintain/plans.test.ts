/** Every list by an index, on young tables that nobody analysed and on those that were: what keeps a million records within 300 ms (`npm run bench -- lists`). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counting, declare, fill, lists, type Mix } from '../../bench/lists-world.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Sql, Value } from '../store/sql.ts'

interface Asked {
  text: string
  values: Value[]
  /** Planned with its values each time (`planned`). */
  custom: boolean
}

/** The same database, and a note of all that is asked of it. */
const noting = (sql: Sql, seen: Asked[], custom = false): Sql => {
  let here = custom
  const note = (strings: TemplateStringsArray, values: Value[]) => {
    const text = strings.reduce((all, part, i) => `${all}$${i}${part}`)
    if (text.includes('plan_cache_mode')) here = true
    else seen.push({ text, values, custom: here })
  }
  const tag = (strings: TemplateStringsArray, ...values: Value[]) => {
    note(strings, values)
    return sql(strings, ...values)
  }
  return Object.assign(tag, {
    affected: (strings: TemplateStringsArray, ...values: Value[]) => {
      note(strings, values)
      return sql.affected(strings, ...values)
    },
    begin: <T>(work: (tx: Sql) => Promise<T>) => sql.begin((tx) => work(noting(tx, seen, here))),
    retrying: <T>(work: (tx: Sql) => Promise<T>) => sql.retrying((tx) => work(noting(tx, seen, here))),
    unsafe: sql.unsafe,
  }) as Sql
}

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  Plans?: PlanNode[]
}

/** Of the logs, today's partitions: those of other days are empty, and an empty table that was analysed is rightly read. */
const today = new Date().toISOString().slice(0, 10).replaceAll('-', '')
const grown = new RegExp(`^(link|document|fetch|trouble|arrival_${today}|attempt_${today})$`)

/** A grown table, or an index of it, that is read from one end to the other. */
const scansOf = (node: PlanNode): string[] => {
  const whole =
    node['Node Type'] === 'Seq Scan'
      ? grown.test(node['Relation Name'] ?? '')
      : node['Index Name'] !== undefined &&
        node['Index Cond'] === undefined &&
        (grown.test(node['Relation Name'] ?? '') || node['Relation Name'] === undefined)
  return [
    ...(whole ? [`${node['Node Type']} on ${node['Index Name'] ?? node['Relation Name']}`] : []),
    ...(node.Plans ?? []).flatMap(scansOf),
  ]
}

type Explained = { 'QUERY PLAN': { Plan: PlanNode }[] | string }
const planIn = ([row]: Explained[]): PlanNode => {
  const plan = row?.['QUERY PLAN'] ?? '[]'
  return ((typeof plan === 'string' ? JSON.parse(plan) : plan) as { Plan: PlanNode }[])[0]?.Plan as PlanNode
}

const withValues = async (sql: Sql, { text, values }: Asked): Promise<PlanNode> =>
  planIn(await sql.unsafe<Explained>(`explain (format json) ${text}`, values))

/** What a prepared statement may run by from its sixth execution on. */
const generic = (sql: Sql, { text, values }: Asked): Promise<PlanNode> =>
  sql.begin(async (tx) => {
    await tx.unsafe('set local plan_cache_mode = force_generic_plan')
    await tx.unsafe(`prepare looked_at as ${text}`)
    const given = values.length ? `(${values.map(() => 'null').join(', ')})` : ''
    const plan = planIn(await tx.unsafe<Explained>(`explain (format json) execute looked_at${given}`))
    await tx.unsafe('deallocate looked_at')
    return plan
  })

const hold = async (sql: Sql, what: string): Promise<void> => {
  const bad: string[] = []
  // of an index that holds next to nothing, reading all is right
  const [row] = await sql<{ waiting: number }>`select count(*) as waiting from link where state = 'waiting'`
  const small = (scan: string) => scan.endsWith('link_waiting') && (row?.waiting ?? 0) < 100
  let asked = 0
  for (const [name, ask] of Object.entries(lists)) {
    if (counting.includes(name)) continue
    const seen: Asked[] = []
    await ask(noting(sql, seen))
    assert.ok(seen.length, `${name} asks something`)
    for (const one of seen) {
      asked++
      const plans = [await withValues(sql, one), ...(one.custom ? [] : [await generic(sql, one)])]
      for (const scan of plans.flatMap(scansOf)) if (!small(scan)) bad.push(`${what}: ${name}: ${scan}`)
    }
  }
  assert.ok(asked > Object.keys(lists).length)
  assert.deepEqual(bad, [])
}

const sizes = process.env.MORTISE_LONG ? [0, 1_000, 20_000, 1_000_000] : [0, 1_000, 20_000]

for (const mix of ['mixed', 'trouble', 'backlog'] as Mix[]) {
  for (const size of sizes) {
    test(`no list reads a whole table of ${size} records (${mix}), analysed or not`, { timeout: 900_000 }, async () => {
      await using db = await freshDatabase({ pool: { max: 1 } })
      for (const table of ['link', 'document', '"fetch"', 'trouble'])
        await db.sql.unsafe(`alter table ${table} set (autovacuum_enabled = false)`)
      await declare(db.sql)
      if (size) await fill(db.sql, size, mix)
      await hold(db.sql, 'never analysed')
      // an analysed table of a few pages is rightly read whole
      if (size < 20_000) return
      await db.sql.unsafe('vacuum analyze')
      await hold(db.sql, 'analysed')
    })
  }
}

test('a list that reads a whole table is seen', async () => {
  await using db = await freshDatabase()
  const seen: Asked[] = []
  await noting(db.sql, seen)`select count(*) from link where fault = ${'x'}`
  assert.deepEqual(scansOf(await withValues(db.sql, seen[0] as Asked)), ['Seq Scan on link'])
})
