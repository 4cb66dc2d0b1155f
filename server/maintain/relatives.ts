/** Whom a record refers to, and who waits for it: parents through the references of its flows, children through what links wait on. Reads only. */
import type { Json } from '../doc/document.ts'
import { opposite, type Side, sides } from '../doc/document.ts'
import type { FieldRule, Mapping } from '../doc/flow.ts'
import { parseContent } from '../map/content.ts'
import type { Sql } from '../store/sql.ts'
import type { RecordRow } from './records.ts'
import { type ShownState, shownState } from './words.ts'

export interface Relative {
  tenantId: string
  pairId: string
  /** Null: that pair does not know the record yet. */
  linkId: number | null
  left: string | null
  right: string | null
  shown: ShownState | null
  /** The field that makes the reference; of a child: what it waits for. */
  through: string
}

interface FlowRow {
  tenant_id: string
  pair_id: string
  from_side: Side
  definition: string
}

interface Wanted {
  tenantId: string
  pairId: string
  connectionId: string
  id: string
  through: string
}

const text = (value: Json | undefined): string | null =>
  value === null || value === undefined || value === '' || (typeof value === 'object' && !('value' in value))
    ? null
    : String(typeof value === 'object' ? (value as { value: unknown }).value : value)

const at = (fields: { [field: string]: Json }, path: string): Json | undefined =>
  path
    .split('.')
    .reduce<Json | undefined>(
      (here, key) =>
        typeof here === 'object' && here !== null && !Array.isArray(here)
          ? (here as { [field: string]: Json })[key]
          : undefined,
      fields,
    )

const referencing = (rules: readonly FieldRule[]) =>
  rules.flatMap((rule) =>
    rule.reference && rule.from !== undefined && !rule.from.startsWith('$')
      ? [{ from: rule.from, pairId: rule.reference.pair }]
      : [],
  )

/** The references that a record's content makes, by the mapping of one flow. Pure. */
const wantedOf = (mapping: Mapping, content: ReturnType<typeof parseContent>) => {
  const found: { pairId: string; id: string; through: string }[] = []
  for (const { from, pairId } of referencing(mapping.fields)) {
    const id = text(at(content.masterFieldVal, from))
    if (id !== null) found.push({ pairId, id, through: from })
  }
  for (const detail of mapping.details) {
    for (const { from, pairId } of referencing(detail.fields))
      for (const [i, row] of (content.detailFieldVals[detail.from] ?? []).entries()) {
        const id = text(at(row, from))
        if (id !== null) found.push({ pairId, id, through: `${detail.from}[${i}].${from}` })
      }
  }
  return found
}

const parentsOf = async (sql: Sql, links: readonly RecordRow[]): Promise<Relative[]> => {
  const flows = await sql<FlowRow>`
    select f.tenant_id, f.pair_id, f.from_side, f.definition
    from unnest(${links.map((link) => link.tenantId)}::text[], ${links.map((link) => link.pairId)}::text[]) as k (tenant_id, pair_id)
    join flow f on f.tenant_id = k.tenant_id and f.pair_id = k.pair_id`
  const wanted: Wanted[] = []
  for (const link of links) {
    for (const side of sides) {
      const flow = flows.find(
        (one) => one.tenant_id === link.tenantId && one.pair_id === link.pairId && one.from_side === side,
      )
      const { connectionId, object, id } = link[side]
      if (!flow || id === null) continue
      const [staged] = await sql<{ master: string; details: string | null }>`
        select master, details
        from document
        where tenant_id = ${link.tenantId} and connection_id = ${connectionId} and object = ${object} and data_id = ${id} and version > 0`
      if (!staged) continue
      const { mapping } = (JSON.parse(flow.definition) as { flow: { mapping: Mapping } }).flow
      for (const one of wantedOf(mapping, parseContent(staged.master || '{}', staged.details)))
        wanted.push({ tenantId: link.tenantId, connectionId, ...one })
    }
  }
  if (!wanted.length) return []
  const some = wanted.slice(0, 200)
  const rows = await sql<{
    ord: number
    link_id: number | null
    left_id: string | null
    right_id: string | null
    state: string | null
    reason: string | null
    side: Side
  }>`
    select k.ord::int4 as ord, l.link_id, l.left_id, l.right_id, l.state, l.reason, case when p.left_connection = k.connection_id then 'left' else 'right' end as side
    from unnest(
      ${some.map((one) => one.tenantId)}::text[], ${some.map((one) => one.pairId)}::text[], ${some.map((one) => one.connectionId)}::text[],
      ${some.map((one) => one.id)}::text[]) with ordinality as k (tenant_id, pair_id, connection_id, id, ord)
    join pair p on p.tenant_id = k.tenant_id and p.pair_id = k.pair_id
    left join lateral (
      select l.link_id, l.left_id, l.right_id, l.state, l.reason from link l
      where p.left_connection = k.connection_id and l.tenant_id = k.tenant_id and l.pair_id = k.pair_id and l.left_id = k.id
      union all
      select l.link_id, l.left_id, l.right_id, l.state, l.reason from link l
      where p.left_connection <> k.connection_id and l.tenant_id = k.tenant_id and l.pair_id = k.pair_id and l.right_id = k.id
      limit 1) l on true
    order by k.ord`
  return rows.map((row) => {
    const one = some[row.ord - 1] as Wanted
    const own = { [row.side]: one.id, [opposite(row.side)]: null } as Record<Side, string | null>
    return {
      tenantId: one.tenantId,
      pairId: one.pairId,
      linkId: row.link_id,
      left: row.link_id === null ? own.left : row.left_id,
      right: row.link_id === null ? own.right : row.right_id,
      shown: row.state === null ? null : shownState(row.state, row.reason),
      through: one.through,
    }
  })
}

/** The keys by which others wait for a record (converge/link.ts, `waitKey`). */
const waitedFor = (link: RecordRow): string[] =>
  sides.flatMap((side) => {
    const { id } = link[side]
    return id === null ? [] : [`r:${link.tenantId}/${link.pairId}/${side}/${id}`]
  })

const childrenOf = async (sql: Sql, links: readonly RecordRow[]): Promise<Relative[]> => {
  const keys = links.flatMap(waitedFor)
  if (!keys.length) return []
  const rows = await sql<{
    tenant_id: string
    pair_id: string
    link_id: number
    left_id: string | null
    right_id: string | null
    state: string
    reason: string | null
  }>`
    with waiting as materialized (                          -- ordered inside, it would walk all that wait in that order
      select tenant_id, pair_id, link_id, left_id, right_id, state, reason
      from link
      where state = 'waiting' and wait_on && ${keys}::text[])
    select *
    from waiting
    order by link_id
    limit 200`
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    pairId: row.pair_id,
    linkId: row.link_id,
    left: row.left_id,
    right: row.right_id,
    shown: shownState(row.state, row.reason),
    through: 'waits for this record',
  }))
}

/** At most 200 of each. Children that have been sent are not looked for: nothing remembers whom a record once waited for. */
export const relativesOf = async (
  sql: Sql,
  links: readonly RecordRow[],
): Promise<{ parents: Relative[]; children: Relative[] }> => {
  if (!links.length) return { parents: [], children: [] }
  return { parents: await parentsOf(sql, links), children: await childrenOf(sql, links) }
}
