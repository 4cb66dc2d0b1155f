/** Counts how pairs go back and forth: echoes that ended in nothing (D2) and flips (D8); gathered in this process, written down now and then. */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Env } from '../doc/env.ts'
import { col, type Sql } from '../store/sql.ts'
import type { Mark, Marked, Settle, Settled } from './road.ts'

interface Count {
  tenant_id: string
  pair_id: string
  echoes: number
  flips: number
}

export const openTurns = (sql: Sql, counted: (tenantId: string, pairId: string, what: 'echo' | 'flip') => void) => {
  const fresh = new Map<string, Count>()
  const add = (tenant_id: string, pair_id: string, what: 'echo' | 'flip'): void => {
    const key = `${tenant_id}\n${pair_id}`
    const count = fresh.get(key) ?? { tenant_id, pair_id, echoes: 0, flips: 0 }
    if (what === 'echo') count.echoes++
    else count.flips++
    fresh.set(key, count)
    counted(tenant_id, pair_id, what)
  }
  return {
    marked(marks: readonly Mark[], marked: readonly (Marked | null)[]): void {
      for (const [i, mark] of marks.entries())
        if (mark.flips > 0 && marked[i]) add(mark.tenant_id, mark.pair_id, 'flip')
    },
    settled(settles: readonly Settle[], settled: readonly Settled[]): void {
      for (const [i, settle] of settles.entries())
        if (settle.echo && settled[i]?.held) add(settle.tenant_id, settle.pair_id, 'echo')
    },
    async flush(): Promise<void> {
      const rows = [...fresh.values()]
      if (!rows.length) return
      fresh.clear()
      await sql`
        insert into turns as t (tenant_id, pair_id, day, echoes, flips)
        select n.tenant_id, n.pair_id, current_date, n.echoes, n.flips
        from unnest(
          ${col.text(rows.map((row) => row.tenant_id))}::text[],
          ${col.text(rows.map((row) => row.pair_id))}::text[],
          ${col.int8(rows.map((row) => row.echoes))}::int8[],
          ${col.int8(rows.map((row) => row.flips))}::int8[]) as n (tenant_id, pair_id, echoes, flips)
        order by 1, 2
        on conflict (tenant_id, pair_id, day) do update set
          echoes = t.echoes + excluded.echoes,
          flips = t.flips + excluded.flips`
    },
  }
}

/** Writes the counts down every ten seconds. */
export const startTallier = (
  turns: { flush(): Promise<void> },
  deps: { env: Pick<Env, 'sleep' | 'random'>; log: { error(fields: object, message: string): void } },
): Loop => startLoop({ name: 'tallier', every: 10_000, run: () => turns.flush(), ...deps })

export type Turns = ReturnType<typeof openTurns>
