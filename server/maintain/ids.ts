/** 中间表 / ID 映射 as a list: which record of one side is which of the other, searched and paged. Reads only. */
import type { Sql } from '../store/sql.ts'
import { CursorRefused, planned } from './records.ts'
import { type ShownState, shownState } from './words.ts'

export interface IdFilter {
  tenantId?: string
  pairId?: string
  /** How an id of either side begins. */
  text?: string
  /** Only those that have, or that lack, their other side. */
  bound?: boolean
  limit: number
  cursor?: string
}

export interface IdRow {
  tenantId: string
  pairId: string
  linkId: number
  left: string | null
  right: string | null
  shown: ShownState
  reason: string | null
}

export interface IdPage {
  ids: IdRow[]
  next: string | null
}

interface Row {
  tenant_id: string
  pair_id: string
  link_id: number
  left_id: string | null
  right_id: string | null
  state: string
  reason: string | null
}

const all = (sql: Sql, filter: IdFilter, after: number): Promise<Row[]> => sql<Row>`
  select l.tenant_id, l.pair_id, l.link_id, l.left_id, l.right_id, l.state, l.reason
  from pair p
  cross join lateral (
    select l.tenant_id, l.pair_id, l.link_id, l.left_id, l.right_id, l.state, l.reason
    from link l
    where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.link_id > ${after}::int8
      and (${filter.bound ?? null}::bool is null or (l.left_id is not null and l.right_id is not null) = ${filter.bound ?? null}::bool)
    order by l.link_id
    limit ${filter.limit + 1}) l
  where (${filter.tenantId ?? null}::text is null or p.tenant_id = ${filter.tenantId ?? null})
    and (${filter.pairId ?? null}::text is null or p.pair_id = ${filter.pairId ?? null})
  order by l.link_id
  limit ${filter.limit + 1}`

/** Of each side at most 10,000 are looked at: who asks for all that begins with A does not read them. */
const beginning = (sql: Sql, filter: IdFilter, text: string, after: number): Promise<Row[]> => sql<Row>`
  select distinct l.tenant_id, l.pair_id, l.link_id, l.left_id, l.right_id, l.state, l.reason
  from pair p
  cross join lateral (
    (select l.tenant_id, l.pair_id, l.link_id, l.left_id, l.right_id, l.state, l.reason
    from link l
    where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.left_id >= ${text} and l.left_id < ${text} || chr(1114111)
      and starts_with(l.left_id, ${text})
    order by l.left_id
    limit 10000)
    union all
    (select l.tenant_id, l.pair_id, l.link_id, l.left_id, l.right_id, l.state, l.reason
    from link l
    where l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.right_id >= ${text} and l.right_id < ${text} || chr(1114111)
      and starts_with(l.right_id, ${text})
    order by l.right_id
    limit 10000)) l
  where (${filter.tenantId ?? null}::text is null or p.tenant_id = ${filter.tenantId ?? null})
    and (${filter.pairId ?? null}::text is null or p.pair_id = ${filter.pairId ?? null})
    and (${filter.bound ?? null}::bool is null or (l.left_id is not null and l.right_id is not null) = ${filter.bound ?? null}::bool)
    and l.link_id > ${after}::int8
  order by l.link_id
  limit ${filter.limit + 1}`

/** In the order in which they were made. The cursor is the last link's number. Throws CursorRefused. */
export const searchIds = async (sql: Sql, filter: IdFilter): Promise<IdPage> => {
  const after = Number(filter.cursor ?? 0)
  if (!Number.isSafeInteger(after) || after < 0) throw new CursorRefused('This cursor does not belong to this list.')
  const rows = await planned(sql, (tx) =>
    filter.text === undefined || filter.text === ''
      ? all(tx, filter, after)
      : beginning(tx, filter, filter.text, after),
  )
  const page = rows.slice(0, filter.limit)
  return {
    ids: page.map((row) => ({
      tenantId: row.tenant_id,
      pairId: row.pair_id,
      linkId: row.link_id,
      left: row.left_id,
      right: row.right_id,
      shown: shownState(row.state, row.reason),
      reason: row.reason,
    })),
    next: rows.length > page.length ? String(page.at(-1)?.link_id ?? after) : null,
  }
}
