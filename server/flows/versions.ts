/** Versions of connections, objects, pairs and flows: who made each, when, what differed, and all of it, so that it can be brought back. */
import { col, type Sql } from '../store/sql.ts'
import type { Change } from './changes.ts'
import type { Difference } from './differences.ts'

export const versionKinds = ['connection', 'object', 'pair', 'flow', 'function'] as const
export type VersionKind = (typeof versionKinds)[number]

export interface Version {
  tenantId: string
  kind: VersionKind
  /** `erp`, `erp/BD_Customer`, `customer`, `customer leftToRight`. */
  name: string
  /** From 1, per kind and name. */
  number: number
  what: Change['what']
  /** As its table keeps it, without header values; null: removed. */
  definition: Record<string, unknown> | null
  fields: Difference[]
  who: string
  at: number
}

const isKept = (kind: string): kind is VersionKind => versionKinds.some((one) => one === kind)

/** What the tables hold now, by kind and name: read after the change, in its transaction. */
const definitionsOf = async (tx: Sql, tenantId: string): Promise<Map<string, string>> => {
  const rows = await tx<{ kind: string; name: string; definition: string }>`
    select 'connection' as kind, connection_id as name, definition::text as definition
    from connection where tenant_id = ${tenantId}
    union all
    select 'object', connection_id || '/' || code, json_build_object('apiName', api_name, 'definition', definition)::text
    from object where tenant_id = ${tenantId}
    union all
    select 'pair', pair_id, json_build_object(
      'left', json_build_object('connectionId', left_connection, 'object', left_object),
      'right', json_build_object('connectionId', right_connection, 'object', right_object), 'definition', definition)::text
    from pair where tenant_id = ${tenantId}
    union all
    select 'flow', pair_id || case from_side when 'left' then ' leftToRight' else ' rightToLeft' end,
      json_build_object('state', state, 'definition', definition)::text
    from flow where tenant_id = ${tenantId}
    union all
    select 'function', name, json_build_object('kind', kind, 'definition', definition)::text
    from function where tenant_id = ${tenantId}`
  return new Map(rows.map((row) => [`${row.kind} ${row.name}`, row.definition]))
}

/** Notes what a change of the configuration made; in its transaction, under the lock of configurations. */
export const noteVersions = async (tx: Sql, changes: readonly Change[], who: string): Promise<void> => {
  for (const tenantId of new Set(changes.map((change) => change.tenantId))) {
    const own = changes.filter((change) => change.tenantId === tenantId && isKept(change.kind))
    if (!own.length) continue
    const definitions = await definitionsOf(tx, tenantId)
    const definition = own.map((one) =>
      one.what === 'removed' ? null : (definitions.get(`${one.kind} ${one.name}`) ?? null),
    )
    await tx`
      insert into version (tenant_id, kind, name, number, what, definition, fields, who)
      select ${tenantId}, n.kind, n.name,
        1 + coalesce((select max(number) from version v where v.tenant_id = ${tenantId} and v.kind = n.kind and v.name = n.name), 0),
        n.what, n.definition::json, n.fields::json, ${who}
      from unnest(
        ${col.text(own.map((one) => one.kind))}::text[], ${col.text(own.map((one) => one.name))}::text[],
        ${col.text(own.map((one) => one.what))}::text[], ${col.text(definition)}::text[],
        ${col.text(own.map((one) => JSON.stringify(one.fields)))}::text[]) as n (kind, name, what, definition, fields)`
  }
}

interface Row {
  tenant_id: string
  kind: VersionKind
  name: string
  number: number
  what: Change['what']
  definition: string | null
  fields: string
  who: string
  at: number
}

const versionOf = (row: Row): Version => ({
  tenantId: row.tenant_id,
  kind: row.kind,
  name: row.name,
  number: row.number,
  what: row.what,
  definition: row.definition === null ? null : (JSON.parse(row.definition) as Record<string, unknown>),
  fields: JSON.parse(row.fields) as Difference[],
  who: row.who,
  at: row.at,
})

/** Newest first. */
export const listVersions = async (
  sql: Sql,
  filter: { tenantId?: string; kind?: VersionKind; name?: string; limit: number },
): Promise<Version[]> => {
  const rows = await sql<Row>`
    select v.*
    from tenant t
    cross join lateral (
      select tenant_id, kind, name, number, what, definition, fields, who, at
      from version v
      where v.tenant_id = t.tenant_id
        and (${filter.kind ?? null}::text is null or v.kind = ${filter.kind ?? null})
        and (${filter.name ?? null}::text is null or v.name = ${filter.name ?? null})
      order by at desc
      limit ${filter.limit}) v
    where ${filter.tenantId ?? null}::text is null or t.tenant_id = ${filter.tenantId ?? null}
    order by v.at desc, v.tenant_id, v.kind, v.name, v.number desc
    limit ${filter.limit}`
  return rows.map(versionOf)
}

/** One version, or undefined. `number` null: the newest that is not a removal. */
export const readVersion = async (
  sql: Sql,
  of: { tenantId: string; kind: VersionKind; name: string },
  number: number | null,
): Promise<Version | undefined> => {
  const [row] = await sql<Row>`
    select tenant_id, kind, name, number, what, definition, fields, who, at
    from version
    where tenant_id = ${of.tenantId} and kind = ${of.kind} and name = ${of.name}
      and (number = ${number} or (${number}::int4 is null and what <> 'removed'))
    order by number desc
    limit 1`
  return row && versionOf(row)
}
