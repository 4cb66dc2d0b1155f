/** How many records match what a person filters with, and which: what a task counts first and then works through, slice by slice. Reads only. */
import type { Sql } from '../store/sql.ts'
import type { LinkName } from './deeds.ts'
import type { shownStates } from './words.ts'

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
  /** An error group, by its name (`groups.ts`). */
  group: string | null
  /** In trouble since; of records in no trouble, last sent: epoch ms. */
  since: number | null
  until: number | null
  /** As the list has it (`records.ts`): of records in trouble part of an id or of the fault; of the others, how an id begins. */
  keyword: string | null
  /** Only links up to this number: what came later does not belong to a task that was asked for before. */
  upTo: number | null
}

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
    // tasks of an earlier release were asked for without it
    group: filter.group ?? null,
    /** The list then holds only what has a fault, by the start of its trouble. */
    grouped: (filter.group ?? filter.fault) != null,
    keyword: filter.keyword,
    // as a pattern of LIKE: what a person types stands for itself
    like: filter.keyword === null ? null : filter.keyword.replaceAll(/[\\%_]/g, '\\$&'),
    since: filter.since === null ? null : new Date(filter.since).toISOString(),
    until: filter.until === null ? null : new Date(filter.until).toISOString(),
  }
}

/** Never the one plan for all filters: with it every list costs what the worst does. */
const freshly = async (tx: Sql): Promise<void> => {
  await tx`set local plan_cache_mode = force_custom_plan`
}

/** The next of them in the order of their numbers, which no re-run changes. */
export const matching = async (
  tx: Sql,
  filter: PageFilter,
  after: number | null,
  limit: number,
): Promise<{ links: LinkName[]; next: number | null }> => {
  await freshly(tx)
  const c = conditionsOf(filter)
  const { tenantId, pairId, from, object, fault, upTo } = filter
  const found = await tx<LinkName>`
    select l.tenant_id, l.pair_id, l.link_id
    from pair p
    cross join lateral (
      select k.tenant_id, k.pair_id, k.link_id
      from link k
      where k.tenant_id = p.tenant_id and k.pair_id = p.pair_id
        and (${from}::text is null or k.target_connection = case ${from}::text when 'left' then p.right_connection else p.left_connection end)
        and (${fault}::text is null or k.fault like '{"code":"' || ${fault}::text || '"%' or k.fault like '{"code" : "' || ${fault}::text || '"%')
        and (${c.group}::text is null or k.fault_group = ${c.group})
        and (${c.since}::timestamptz is null or ${c.since}::timestamptz <= case
          when ${c.grouped} or k.state in ('parked', 'unknown', 'waiting') then coalesce(k.since, 'infinity') else coalesce(k.last_call_at, k.first_arrival_at) end)
        and (${c.until}::timestamptz is null or ${c.until}::timestamptz > case
          when ${c.grouped} or k.state in ('parked', 'unknown', 'waiting') then coalesce(k.since, 'infinity') else coalesce(k.last_call_at, k.first_arrival_at) end)
        and (${c.keyword}::text is null or case
          when ${c.grouped} or k.state in ('parked', 'unknown', 'waiting')
          then k.left_id ilike '%' || ${c.like}::text || '%' or k.right_id ilike '%' || ${c.like}::text || '%' or k.fault ilike '%' || ${c.like}::text || '%'
          else starts_with(k.left_id, ${c.keyword}::text) or starts_with(k.right_id, ${c.keyword}::text) end)
        and (${c.any}
          or k.state = any(${c.plain}::text[])
          or (${c.pending} and k.state = 'due')
          or (${c.syncing} and k.state = 'working')
          or (${c.failed} and k.state = 'parked' and k.reason <> 'unknown')
          or (${c.unknown} and k.state = 'parked' and k.reason = 'unknown')
          or (${c.succeeded} and k.state = 'idle' and coalesce(k.reason, 'applied') in ('applied', 'unchanged', 'voided'))
          or (${c.skipped} and k.state = 'idle' and coalesce(k.reason, 'applied') not in ('applied', 'unchanged', 'voided')))
        and (${upTo}::int8 is null or k.link_id <= ${upTo}::int8)
        and (${after}::int8 is null or k.link_id > ${after}::int8)
      order by k.link_id
      limit ${limit + 1}) l
    where p.tenant_id = ${tenantId}
      and (${pairId}::text is null or p.pair_id = ${pairId})
      and (${object?.connectionId ?? null}::text is null
        or (p.left_connection = ${object?.connectionId ?? null} and p.left_object = ${object?.code ?? null})
        or (p.right_connection = ${object?.connectionId ?? null} and p.right_object = ${object?.code ?? null}))
    order by l.link_id
    limit ${limit + 1}`
  const links = found.slice(0, limit)
  return { links, next: found.length > links.length ? (links.at(-1)?.link_id ?? null) : null }
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
      and (${c.group}::text is null or k.fault_group = ${c.group})
      and (${c.since}::timestamptz is null or ${c.since}::timestamptz <= case
        when ${c.grouped} or k.state in ('parked', 'unknown', 'waiting') then coalesce(k.since, 'infinity') else coalesce(k.last_call_at, k.first_arrival_at) end)
      and (${c.until}::timestamptz is null or ${c.until}::timestamptz > case
        when ${c.grouped} or k.state in ('parked', 'unknown', 'waiting') then coalesce(k.since, 'infinity') else coalesce(k.last_call_at, k.first_arrival_at) end)
      and (${c.keyword}::text is null or case
        when ${c.grouped} or k.state in ('parked', 'unknown', 'waiting')
        then k.left_id ilike '%' || ${c.like}::text || '%' or k.right_id ilike '%' || ${c.like}::text || '%' or k.fault ilike '%' || ${c.like}::text || '%'
        else starts_with(k.left_id, ${c.keyword}::text) or starts_with(k.right_id, ${c.keyword}::text) end)
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
