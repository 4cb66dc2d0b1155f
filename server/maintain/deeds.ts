/**
 * What a person does about records: re-run, read again, edit, ignore, declare, bind and unbind. The same for the terminal and the
 * management API; whoever changes a link is handed in, for this room writes only its own `trouble`.
 */
import type { Hint, Side } from '../doc/document.ts'
import { col, type Sql } from '../store/sql.ts'
import type { LinkKey, RecordRow } from './records.ts'

export interface LinkName {
  tenant_id: string
  pair_id: string
  link_id: number
}

/** The rooms that own what is changed (`converge/ids.ts`, `converge/fetches.ts`). */
export interface Hands {
  rerun(sql: Sql, links: readonly LinkName[], side: Side | null): Promise<number>
  hint(sql: Sql, hints: readonly Hint[]): Promise<void>
  ignore(sql: Sql, links: readonly LinkName[]): Promise<LinkName[]>
}

export const nameOf = ({ tenantId, pairId, linkId }: LinkKey): LinkName => ({
  tenant_id: tenantId,
  pair_id: pairId,
  link_id: linkId,
})

/** Each slice is a transaction of its own (C5); a stop between two leaves whole records. */
export const slice = 500

/** Goes through these records again; `step` hears of each slice. Answers how many were still there. */
export const rerunAll = async (
  sql: Sql,
  hands: Pick<Hands, 'rerun'>,
  links: readonly LinkKey[],
  side: Side | null,
  step: (done: number) => void = () => {},
): Promise<number> => {
  let done = 0
  for (let at = 0; at < links.length; at += slice) {
    const some = links.slice(at, at + slice)
    done += await hands.rerun(sql, some.map(nameOf), side)
    step(some.length)
  }
  return done
}

/** The side a record last came from, or the only one it has: the one to read again. */
export const sourceOf = (row: RecordRow): Side =>
  row.left.id === null
    ? 'right'
    : row.right.id === null
      ? 'left'
      : row.target === row.left.connectionId
        ? 'right'
        : 'left'

/**
 * Re-fetch and sync: their sources are read by id, and what they hold now is sent. What the door alone would not wake (a configuration that
 * did not fit, a conflict, a loop) is asked for as well.
 */
export const refetchAll = async (
  sql: Sql,
  hands: Pick<Hands, 'rerun' | 'hint'>,
  rows: readonly RecordRow[],
  trace: () => string,
  who: string,
  side: Side | null,
  step: (done: number) => void = () => {},
): Promise<number> => {
  let done = 0
  for (let at = 0; at < rows.length; at += slice) {
    const some = rows.slice(at, at + slice)
    const hints = some.flatMap((row): Hint[] => {
      const end = row[side ?? sourceOf(row)]
      if (end.id === null) return []
      return [
        {
          tenant_id: row.tenantId,
          connection_id: end.connectionId,
          object: end.object,
          data_id: end.id,
          channel: 'event',
          operation: 'upsert',
          trace_id: trace(),
          raw: Buffer.from(JSON.stringify({ asked: 'read again', by: who })),
          cause: 'asked',
        },
      ]
    })
    await hands.hint(sql, hints)
    const deaf = some.filter((row) => row.state === 'parked' && !['data', 'max'].includes(row.reason ?? ''))
    if (deaf.length) await hands.rerun(sql, deaf.map(nameOf), side)
    done += hints.length
    step(some.length)
  }
  return done
}

/** Failures that need nobody: they rest with this reason until the record comes in again. Answers how many rest now. */
export const ignoreAll = async (
  sql: Sql,
  hands: Pick<Hands, 'ignore'>,
  links: readonly LinkKey[],
  who: string,
  why: string,
  step: (done: number) => void = () => {},
): Promise<number> => {
  let done = 0
  for (let at = 0; at < links.length; at += slice) {
    const some = links.slice(at, at + slice)
    done += await sql.retrying(async (tx) => {
      const rest = await hands.ignore(tx, some.map(nameOf))
      // the trigger has just closed them: the newest closing of each is this one
      await tx`
        update trouble t set closed_by = ${who}, note = ${why}
        from unnest(
          ${col.text(rest.map((l) => l.tenant_id))}::text[], ${col.text(rest.map((l) => l.pair_id))}::text[],
          ${col.int8(rest.map((l) => l.link_id))}::int8[]) as k (tenant_id, pair_id, link_id)
        cross join lateral (
          select o.fault_group from trouble o
          where o.tenant_id = k.tenant_id and o.pair_id = k.pair_id and o.link_id = k.link_id and o.closed_at is not null
          order by o.closed_at desc
          limit 1) o
        where t.tenant_id = k.tenant_id and t.pair_id = k.pair_id and t.link_id = k.link_id and t.fault_group = o.fault_group`
      return rest.length
    })
    step(some.length)
  }
  return done
}

/** What an arrival that a person edited keeps beside it; `journey.ts` tells it. */
export const editing = (who: string): string => JSON.stringify({ edited: who })

export interface Stand {
  settled: number
  succeeded: number
  skipped: number
  failed: number
  unknown: number
  waiting: number
  pending: number
}

/** How these records stand now. A row that is gone was absorbed by another: it counts as settled. */
export const standOf = async (sql: Sql, links: readonly LinkKey[]): Promise<Stand> => {
  const [row] = await sql<{
    present: number
    succeeded: number
    skipped: number
    failed: number
    unknown: number
    waiting: number
    pending: number
  }>`
    select count(*) as present,
      count(*) filter (where l.state = 'idle' and coalesce(l.reason, 'applied') in ('applied', 'unchanged', 'voided')) as succeeded,
      count(*) filter (where l.state = 'idle' and coalesce(l.reason, 'applied') not in ('applied', 'unchanged', 'voided')) as skipped,
      count(*) filter (where l.state = 'parked' and l.reason <> 'unknown') as failed,
      count(*) filter (where l.state = 'unknown' or (l.state = 'parked' and l.reason = 'unknown')) as unknown,
      count(*) filter (where l.state = 'waiting') as waiting,
      count(*) filter (where l.state in ('due', 'working')) as pending
    from unnest(
      ${links.map((link) => link.tenantId)}::text[], ${links.map((link) => link.pairId)}::text[],
      ${links.map((link) => link.linkId)}::int8[]) as k (tenant_id, pair_id, link_id)
    cross join lateral (
      select state, reason from link l
      where l.tenant_id = k.tenant_id and l.pair_id = k.pair_id and l.link_id = k.link_id
      limit 1) l`
  const { present = 0, succeeded = 0, skipped = 0, failed = 0, unknown = 0, waiting = 0, pending = 0 } = row ?? {}
  const gone = links.length - present
  return { settled: links.length - pending, succeeded: succeeded + gone, skipped, failed, unknown, waiting, pending }
}
