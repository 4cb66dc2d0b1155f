/** The noticer: what records have that their declaration does not know is gathered in memory and written down every few seconds, counted. */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Millis, Side } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Finding, Pair } from '../doc/flow.ts'
import { col, type Sql } from '../store/sql.ts'
import type { Log } from './engine.ts'

interface Noted {
  tenant: string
  pair: string
  from: Side
  kind: Finding['kind']
  field: string
  value: string
  sample: string | null
  record: string
  count: number
  first: Millis
  last: Millis
}

/** A field whose options are as many as its records is told by the first of them. */
const mostValues = 200
const mostNoted = 10_000
/** So long a finding is kept after it was last seen. */
const keptDays = 90

export interface Noticer extends Loop {
  notice(pair: Pair, from: Side, record: string, findings: readonly Finding[]): void
}

/** `value` tells options apart; of the rest only the field counts. Indexes of rows say nothing: a column is a column. */
const valueOf = ({ kind, sample = '' }: Finding): string =>
  kind === 'option' || kind === 'unmapped' ? sample.slice(0, 100) : ''
const fieldOf = (field: string): string => field.replaceAll(/\[\d+\]/g, '')

const write = async (sql: Sql, noted: readonly Noted[]): Promise<void> => {
  await sql`
    insert into drift as d (tenant_id, pair_id, from_side, kind, field, value, sample, record, count, first_at, last_at)
    select tenant_id, pair_id, from_side, kind, field, value, sample, record, count, first_at, last_at
    from unnest(
      ${col.text(noted.map((n) => n.tenant))}::text[], ${col.text(noted.map((n) => n.pair))}::text[], ${col.text(noted.map((n) => n.from))}::text[],
      ${col.text(noted.map((n) => n.kind))}::text[], ${col.text(noted.map((n) => n.field))}::text[], ${col.text(noted.map((n) => n.value))}::text[],
      ${col.text(noted.map((n) => n.sample))}::text[], ${col.text(noted.map((n) => n.record))}::text[], ${col.int8(noted.map((n) => n.count))}::int8[],
      ${col.time(noted.map((n) => n.first))}::timestamptz[], ${col.time(noted.map((n) => n.last))}::timestamptz[])
      as i (tenant_id, pair_id, from_side, kind, field, value, sample, record, count, first_at, last_at)
    order by tenant_id, pair_id, from_side, kind, field, value
    on conflict (tenant_id, pair_id, from_side, kind, field, value) do update set
      sample = excluded.sample,
      record = excluded.record,
      count = d.count + excluded.count,
      first_at = least(d.first_at, excluded.first_at),
      last_at = greatest(d.last_at, excluded.last_at)`
}

/** What is gathered and not yet written is lost where the process is killed: it is told again by the next record. */
export const startNoticer = (deps: { sql: Sql; env: Env; log: Log; everyMs?: Millis }): Noticer => {
  let noted = new Map<string, Noted>()
  const values = new Map<string, number>()
  let swept = 0
  const loop = startLoop({
    name: 'noticer',
    every: deps.everyMs ?? 2_000,
    run: async () => {
      const now = deps.env.now()
      if (now - swept > 86_400_000) {
        swept = now
        await deps.sql`delete from drift where last_at < clock_timestamp() - ${keptDays} * interval '1 day'`
      }
      if (!noted.size) return
      const batch = [...noted.values()]
      noted = new Map()
      values.clear()
      await write(deps.sql, batch)
    },
    env: deps.env,
    log: deps.log,
  })
  const notice = (pair: Pair, from: Side, record: string, findings: readonly Finding[]): void => {
    const { tenantId, pairId } = pair.def
    const now = deps.env.now()
    for (const finding of findings) {
      const field = fieldOf(finding.field)
      const value = valueOf(finding)
      const place = JSON.stringify([tenantId, pairId, from, finding.kind, field])
      const key = `${place} ${value}`
      const known = noted.get(key)
      if (known) {
        known.count++
        known.last = now
        continue
      }
      const count = values.get(place) ?? 0
      if (count >= mostValues || noted.size >= mostNoted) continue
      values.set(place, count + 1)
      noted.set(key, {
        tenant: tenantId,
        pair: pairId,
        from,
        kind: finding.kind,
        field,
        value,
        sample: finding.sample ?? null,
        record,
        count: 1,
        first: now,
        last: now,
      })
    }
  }
  const stop = async (): Promise<void> => {
    await loop.stop()
    if (noted.size) await write(deps.sql, [...noted.values()])
  }
  return { ...loop, stop, notice }
}

export interface Drift {
  kind: Finding['kind']
  field: string
  value: string
  sample: string | null
  record: string
  count: number
  first_at: Millis
  last_at: Millis
}

/** Of one flow, newest first. */
export const readDrift = (sql: Sql, tenantId: string, pairId: string, from: Side): Promise<Drift[]> =>
  sql<Drift>`
    select kind, field, value, sample, record, count, first_at, last_at
    from drift
    where tenant_id = ${tenantId} and pair_id = ${pairId} and from_side = ${from}
    order by last_at desc, kind, field, value
    limit 1000`

/** Forgets what was seen; what goes on is told again. */
export const clearDrift = (sql: Sql, tenantId: string, pairId: string, from: Side): Promise<number> =>
  sql.affected`
    delete from drift
    where tenant_id = ${tenantId} and pair_id = ${pairId} and from_side = ${from}`
