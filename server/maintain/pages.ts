/** Records in pages, and how many there are, by everything a person filters with. The same conditions find what a task works through. Reads only. */
import { z } from 'zod'
import type { Sql } from '../store/sql.ts'
import { linksNumbered, type RecordRow } from './records.ts'
import { shownStates } from './words.ts'

export const engineStates = ['due', 'working', 'idle', 'waiting', 'unknown', 'parked'] as const

export interface PageFilter {
  tenantId: string
  pairId: string | null
  /** The flow's direction, by the side it leads away from. */
  from: 'left' | 'right' | null
  object: { connectionId: string; code: string } | null
  /** The engine's states or the shown ones, mixed; empty: any. */
  states: readonly string[]
  fault: string | null
  /** In trouble since, or first seen: epoch ms. */
  since: number | null
  until: number | null
  /** Beginning of an id of either side, or part of the fault's text. */
  keyword: string | null
  /** Only links up to this number: what came later does not belong to a task that was asked for before. */
  upTo: number | null
}

/** Where a page begins: after this link, in the order of `sort`. */
export const pageKey = z.object({ link: z.number().int(), since: z.number().optional() })
export type PageKey = z.output<typeof pageKey>
export type Sort = 'newest' | 'oldest' | 'trouble'

const conditionsOf = (filter: PageFilter) => {
  const wanted = new Set(filter.states)
  const has = (state: (typeof shownStates)[number]) => wanted.has(state)
  return {
    any: wanted.size === 0,
    plain: [...wanted].filter((one) => (engineStates as readonly string[]).includes(one)),
    pending: has('pending'),
    syncing: has('syncing'),
    succeeded: has('succeeded'),
    skipped: has('skipped'),
    failed: has('failed'),
    unknown: has('unknown'),
    // as a pattern of LIKE: what a person types stands for itself
    keyword: filter.keyword === null ? null : filter.keyword.replaceAll(/[\\%_]/g, '\\$&'),
    since: filter.since === null ? null : new Date(filter.since).toISOString(),
    until: filter.until === null ? null : new Date(filter.until).toISOString(),
  }
}

interface Key {
  link_id: number
  since: number | null
}

/** Never the one plan for all filters: with it every list costs what the worst does. */
const freshly = async (tx: Sql): Promise<void> => {
  await tx`set local plan_cache_mode = force_custom_plan`
}

const keysOf = (tx: Sql, filter: PageFilter, sort: Sort, after: PageKey | null, limit: number): Promise<Key[]> => {
  const c = conditionsOf(filter)
  const turn = sort === 'newest' ? -1 : 1
  const { tenantId, pairId, from, object, fault, upTo } = filter
  return tx<Key>`
    select l.link_id, l.trouble as since
    from pair p
    cross join lateral (
      select k.link_id, coalesce(k.since, 'infinity') as trouble
      from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.pair_id
        and (${from}::text is null or k.target_connection = case ${from}::text when 'left' then p.right_connection else p.left_connection end)
        and (${fault}::text is null or k.fault like '{"code":"' || ${fault}::text || '"%' or k.fault like '{"code" : "' || ${fault}::text || '"%')
        and (${c.since}::timestamptz is null or coalesce(k.since, k.first_arrival_at) >= ${c.since}::timestamptz)
        and (${c.until}::timestamptz is null or coalesce(k.since, k.first_arrival_at) < ${c.until}::timestamptz)
        and (${c.keyword}::text is null or k.left_id like ${c.keyword}::text || '%' or k.right_id like ${c.keyword}::text || '%'
          or k.fault ilike '%' || ${c.keyword}::text || '%')
        and (${upTo}::int8 is null or k.link_id <= ${upTo}::int8)
        and (${after?.link ?? null}::int8 is null
          or (${sort} = 'newest' and k.link_id < ${after?.link ?? null}::int8)
          or (${sort} = 'oldest' and k.link_id > ${after?.link ?? null}::int8)
          or (${sort} = 'trouble' and (coalesce(k.since, 'infinity'), k.link_id) > (coalesce(to_timestamp(${after?.since ?? null}::float8 / 1000), 'infinity'), ${after?.link ?? null}::int8)))
        and (${c.any}
          or k.state = any(${c.plain}::text[])
          or (${c.pending} and k.state = 'due')
          or (${c.syncing} and k.state = 'working')
          or (${c.failed} and k.state = 'parked' and k.reason <> 'unknown')
          or (${c.unknown} and k.state = 'parked' and k.reason = 'unknown')
          or (${c.succeeded} and k.state = 'idle' and coalesce(k.reason, 'applied') in ('applied', 'unchanged', 'voided'))
          or (${c.skipped} and k.state = 'idle' and coalesce(k.reason, 'applied') not in ('applied', 'unchanged', 'voided')))
      order by case when ${sort} = 'trouble' then coalesce(k.since, 'infinity') end, k.link_id * ${turn}::int8
      limit ${limit}) l
    where p.tenant_id = ${tenantId}
      and (${pairId}::text is null or p.pair_id = ${pairId})
      and (${object?.connectionId ?? null}::text is null
        or (p.left_connection = ${object?.connectionId ?? null} and p.left_object = ${object?.code ?? null})
        or (p.right_connection = ${object?.connectionId ?? null} and p.right_object = ${object?.code ?? null}))
    order by case when ${sort} = 'trouble' then l.trouble end, l.link_id * ${turn}::int8
    limit ${limit}`
}

export interface RecordPage {
  rows: RecordRow[]
  next: PageKey | null
}

/** `trouble`: the oldest trouble first, then what has none. */
export const pageOfRecords = async (
  tx: Sql,
  filter: PageFilter,
  sort: Sort,
  after: PageKey | null,
  limit: number,
): Promise<RecordPage> => {
  await freshly(tx)
  const keys = await keysOf(tx, filter, sort, after, limit + 1)
  const page = keys.slice(0, limit)
  const found = new Map(
    (
      await linksNumbered(
        tx,
        page.map((key) => key.link_id),
      )
    )
      .filter((row) => row.tenantId === filter.tenantId)
      .map((row) => [row.linkId, row]),
  )
  const last = page.at(-1)
  const since = last && last.since !== null && Number.isFinite(last.since) ? { since: last.since } : {}
  return {
    rows: page.flatMap((key) => found.get(key.link_id) ?? []),
    next: keys.length > page.length && last ? { link: last.link_id, ...since } : null,
  }
}

export interface Matched {
  count: number
  /** The highest number among them. */
  upTo: number
}

/** How many a retry of this filter would touch. */
export const countRecords = async (tx: Sql, filter: PageFilter): Promise<Matched> => {
  await freshly(tx)
  const c = conditionsOf(filter)
  const { tenantId, pairId, from, object, fault } = filter
  const [row] = await tx<{ count: number; up_to: number | null }>`
    select count(*) as count, max(k.link_id) as up_to
    from pair p
    join link k on k.tenant_id = p.tenant_id and k.pair_id = p.pair_id
    where p.tenant_id = ${tenantId}
      and (${pairId}::text is null or p.pair_id = ${pairId})
      and (${object?.connectionId ?? null}::text is null
        or (p.left_connection = ${object?.connectionId ?? null} and p.left_object = ${object?.code ?? null})
        or (p.right_connection = ${object?.connectionId ?? null} and p.right_object = ${object?.code ?? null}))
      and (${from}::text is null or k.target_connection = case ${from}::text when 'left' then p.right_connection else p.left_connection end)
      and (${fault}::text is null or k.fault like '{"code":"' || ${fault}::text || '"%' or k.fault like '{"code" : "' || ${fault}::text || '"%')
      and (${c.since}::timestamptz is null or coalesce(k.since, k.first_arrival_at) >= ${c.since}::timestamptz)
      and (${c.until}::timestamptz is null or coalesce(k.since, k.first_arrival_at) < ${c.until}::timestamptz)
      and (${c.keyword}::text is null or k.left_id like ${c.keyword}::text || '%' or k.right_id like ${c.keyword}::text || '%'
        or k.fault ilike '%' || ${c.keyword}::text || '%')
      and (${c.any}
        or k.state = any(${c.plain}::text[])
        or (${c.pending} and k.state = 'due')
        or (${c.syncing} and k.state = 'working')
        or (${c.failed} and k.state = 'parked' and k.reason <> 'unknown')
        or (${c.unknown} and k.state = 'parked' and k.reason = 'unknown')
        or (${c.succeeded} and k.state = 'idle' and coalesce(k.reason, 'applied') in ('applied', 'unchanged', 'voided'))
        or (${c.skipped} and k.state = 'idle' and coalesce(k.reason, 'applied') not in ('applied', 'unchanged', 'voided')))`
  return { count: row?.count ?? 0, upTo: row?.up_to ?? 0 }
}

// ── ID mapping ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface Mapped {
  pairId: string
  linkId: number
  leftId: string | null
  rightId: string | null
  state: string
  reason: string | null
}

/** `id`: the beginning of an id of either side. `bound`: only rows that know both, or only those that do not. */
export const pageOfLinks = async (
  tx: Sql,
  filter: { tenantId: string; pairId: string | null; id: string | null; bound: boolean | null },
  after: number | null,
  limit: number,
): Promise<{ rows: Mapped[]; next: number | null }> => {
  await freshly(tx)
  const begins = filter.id === null ? null : filter.id.replaceAll(/[\\%_]/g, '\\$&')
  const rows = await tx<{
    pair_id: string
    link_id: number
    left_id: string | null
    right_id: string | null
    state: string
    reason: string | null
  }>`
    select l.*
    from pair p
    cross join lateral (
      select k.pair_id, k.link_id, k.left_id, k.right_id, k.state, k.reason
      from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.pair_id
        and (${after}::int8 is null or k.link_id > ${after}::int8)
        and (${begins}::text is null or k.left_id like ${begins}::text || '%' or k.right_id like ${begins}::text || '%')
        and (${filter.bound}::boolean is null or (k.left_id is not null and k.right_id is not null) = ${filter.bound}::boolean)
      order by k.link_id
      limit ${limit + 1}) l
    where p.tenant_id = ${filter.tenantId} and (${filter.pairId}::text is null or p.pair_id = ${filter.pairId})
    order by l.link_id
    limit ${limit + 1}`
  const page = rows.slice(0, limit)
  return {
    rows: page.map((row) => ({
      pairId: row.pair_id,
      linkId: row.link_id,
      leftId: row.left_id,
      rightId: row.right_id,
      state: row.state,
      reason: row.reason,
    })),
    next: rows.length > page.length ? (page.at(-1)?.link_id ?? null) : null,
  }
}
