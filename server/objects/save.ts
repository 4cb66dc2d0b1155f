/** Writes the objects of one connection as declared, and answers what that changed. */
import { isDeepStrictEqual } from 'node:util'
import type { ObjectDef } from '../doc/object.ts'
import type { Sql } from '../store/sql.ts'

export interface ObjectChange {
  code: string
  what: 'added' | 'changed' | 'removed'
  before: ObjectDef | null
  after: ObjectDef | null
}

interface Row {
  code: string
  api_name: string
  definition: string
}

const stored = ({ code: _code, apiName: _apiName, ...definition }: ObjectDef): string => JSON.stringify(definition)

/** A row of the table as a definition. */
export const objectOf = (row: Row): ObjectDef => ({
  code: row.code,
  apiName: row.api_name,
  ...JSON.parse(row.definition),
})

/** Adds and changes; removes nothing, because pairs may still point to what goes. */
export const saveObjects = async (
  tx: Sql,
  tenantId: string,
  connectionId: string,
  objects: readonly ObjectDef[],
): Promise<ObjectChange[]> => {
  const rows = await tx<Row>`
    select code, api_name, definition
    from object
    where tenant_id = ${tenantId} and connection_id = ${connectionId}
    for update`
  const known = new Map(rows.map((row) => [row.code, objectOf(row)]))
  const changes: ObjectChange[] = []
  for (const object of objects) {
    const before = known.get(object.code) ?? null
    const after = JSON.parse(JSON.stringify(object)) as ObjectDef
    if (before && isDeepStrictEqual(before, after)) continue
    await tx`
      insert into object as o (tenant_id, connection_id, code, api_name, definition)
      values (${tenantId}, ${connectionId}, ${object.code}, ${object.apiName}, ${stored(object)}::json)
      on conflict (tenant_id, connection_id, code) do update set
        api_name = excluded.api_name,
        definition = excluded.definition,
        revision = o.revision + 1`
    changes.push({ code: object.code, what: before ? 'changed' : 'added', before, after })
  }
  return changes
}

/** Removes what is not declared any more; pairs that pointed to it must be gone. What was staged of it stays. */
export const dropObjects = async (
  tx: Sql,
  tenantId: string,
  connectionId: string,
  keep: readonly string[],
): Promise<ObjectChange[]> => {
  const rows = await tx<Row>`
    delete from object
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and code <> all(${keep}::text[])
    returning code, api_name, definition`
  return rows.map((row) => ({ code: row.code, what: 'removed', before: objectOf(row), after: null }))
}
