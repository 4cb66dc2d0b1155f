/** The targets as one table: what must be, what is reached for, and how a measured figure stands to them. */
import type { W1 } from './w1.ts'
import type { W2 } from './w2.ts'
import type { W3 } from './w3.ts'
import type { W4 } from './w4.ts'

export interface Results {
  w1?: W1
  w2?: W2
  w3?: W3
  w4?: W4
}

export interface Row {
  name: string
  unit: '×' | 'ms' | 'µs' | '%' | 'MB' | 's' | '/s' | 'rows' | 'B'
  /** `least`: more is better. */
  kind: 'least' | 'most'
  must: number
  reach: number
  measured: number | null
}

export type Verdict = 'reached' | 'met' | 'missed' | 'not measured'

export const verdictOf = ({ kind, must, reach, measured }: Row): Verdict => {
  if (measured === null || !Number.isFinite(measured)) return 'not measured'
  const within = (limit: number): boolean => (kind === 'least' ? measured >= limit : measured <= limit)
  return within(reach) ? 'reached' : within(must) ? 'met' : 'missed'
}

const MB = 1 << 20

/** The limits in µs were set on a machine on which one INSERT per request costs 130 µs: what holds on another is the ratio to it, in the same run. */
const yardstick = '  against that of one INSERT per request'

export const rowsOf = ({ w1, w2, w3, w4 }: Results): Row[] => {
  const rows: Row[] = []
  const add = (
    name: string,
    unit: Row['unit'],
    kind: Row['kind'],
    must: number,
    reach: number,
    measured: number | null | undefined,
  ): void => {
    rows.push({ name, unit, kind, must, reach, measured: measured ?? null })
  }
  if (w1) {
    const most = Math.max(...Object.keys(w1.againstEcho).map(Number))
    for (const c of Object.keys(w1.againstEcho)
      .map(Number)
      .filter((n) => n > 1))
      add(`W1 against a Fastify echo, ${c} connections`, '×', 'least', 0.35, 0.5, w1.againstEcho[c])
    add(`W1 against one INSERT per request, ${most} connections`, '×', 'least', 1.3, 2, w1.againstInsert[most])
    add('  the same with 5 ms added to each flush', '×', 'least', 3, 5, w1.delayed?.ratio)
    add(`W1 p99, ${most} connections`, 'ms', 'most', 50, 20, w1.rounds.mortise[most]?.p99)
    add('W1 CPU per record, Node + PostgreSQL', 'µs', 'most', 100, 65, w1.cpu && w1.cpu.node + w1.cpu.postgres)
    add(yardstick, '×', 'most', 100 / 130, 65 / 130, w1.cpu && (w1.cpu.node + w1.cpu.postgres) / w1.cpu.insert)
  }
  if (w2) {
    add('W2 CPU per record, Node + PostgreSQL', 'µs', 'most', 250, 150, w2.cpu && w2.cpu.node + w2.cpu.postgres)
    if (w1?.cpu)
      add(yardstick, '×', 'most', 250 / 130, 150 / 130, w2.cpu && (w2.cpu.node + w2.cpu.postgres) / w1.cpu.insert)
    add('W2 against W1, 32 connections', '×', 'least', 0.25, 0.4, w2.againstW1)
    add('W2 latency, sparse traffic, p50', 'ms', 'most', 10, 3, w2.sparse.p50)
    add('W2 latency, sparse traffic, p99', 'ms', 'most', 50, 10, w2.sparse.p99)
    add('W2 p99 at half the highest rate', 'ms', 'most', 100, 25, w2.half.p99)
  }
  if (w3) {
    add('W3 first load, records', '/s', 'least', 12_000, 30_000, w3.fresh)
    add('W3 unchanged, records', '/s', 'least', 25_000, 50_000, w3.unchanged)
    // A first load that shows no rows would say that the statistics do not see what is written.
    add('W3 rows written for unchanged pages', 'rows', 'most', 0, 0, w3.rows.fresh ? w3.rows.unchanged : null)
    add('W3 WAL for unchanged pages, a record', 'B', 'most', 1, 0, w3.wal.unchanged)
  }
  if (w4) {
    add('W4 idle CPU, of a core', '%', 'most', 0.5, 0.1, w4.idle && w4.idle.cpu * 100)
    add('W4 idle memory, Node (RSS)', 'MB', 'most', 150, 90, w4.idle && w4.idle.node.rss / MB)
    add('W4 idle memory, PostgreSQL (PSS)', 'MB', 'most', 150, 60, w4.idle && w4.idle.postgres.pss / MB)
    add('W4 cold start to ready, initialised', 's', 'most', 3, 1, w4.coldStartMs / 1000)
    add(
      `W4 W1 with ${w4.pending.rows.toLocaleString('en')} pending against empty`,
      '×',
      'least',
      0.8,
      0.95,
      w4.pending.w1,
    )
    add(
      `W4 W2 with ${w4.pending.rows.toLocaleString('en')} pending against empty`,
      '×',
      'least',
      0.8,
      0.95,
      w4.pending.w2,
    )
    add('claim + settle against pg-boss', '×', 'least', 2, 3.5, w4.queue.ratio)
  }
  return rows
}

const figure = (value: number | null, unit: Row['unit']): string =>
  value === null
    ? '-'
    : `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))}${unit === '×' ? ' ×' : ` ${unit}`}`

export const table = (rows: readonly Row[]): string => {
  const lines = [
    ['', 'must', 'reach for', 'measured', ''],
    ...rows.map((row) => {
      const sign = row.kind === 'least' ? '≥' : '≤'
      return [
        row.name,
        `${sign} ${figure(row.must, row.unit)}`,
        `${sign} ${figure(row.reach, row.unit)}`,
        figure(row.measured, row.unit),
        verdictOf(row),
      ]
    }),
  ]
  const widths = [0, 1, 2, 3, 4].map((i) => Math.max(...lines.map((line) => (line[i] ?? '').length)))
  return lines
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('   '),
    )
    .join('\n')
}
