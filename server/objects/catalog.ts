/** All declared objects in memory, found by connection and by either of their names (contracts.md section 1). */
import type { ObjectDef } from '../doc/object.ts'
import type { Sql } from '../store/sql.ts'
import { objectOf } from './save.ts'

export interface Catalog {
  /** By code first, then by apiName: either is accepted wherever an object is named. */
  find(tenantId: string, connectionId: string, name: string): ObjectDef | undefined
  of(tenantId: string, connectionId: string): readonly ObjectDef[]
}

export interface CatalogRow {
  tenantId: string
  connectionId: string
  object: ObjectDef
}

export const catalogOf = (rows: readonly CatalogRow[]): Catalog => {
  const connections = new Map<string, { all: ObjectDef[]; byName: Map<string, ObjectDef> }>()
  const key = (tenantId: string, connectionId: string) => JSON.stringify([tenantId, connectionId])
  for (const { tenantId, connectionId, object } of rows) {
    const at = key(tenantId, connectionId)
    const known = connections.get(at) ?? { all: [] as ObjectDef[], byName: new Map<string, ObjectDef>() }
    known.all.push(object)
    connections.set(at, known)
  }
  for (const known of connections.values()) {
    for (const object of known.all) known.byName.set(object.apiName, object)
    for (const object of known.all) known.byName.set(object.code, object)
  }
  return {
    find: (tenantId, connectionId, name) => connections.get(key(tenantId, connectionId))?.byName.get(name),
    of: (tenantId, connectionId) => connections.get(key(tenantId, connectionId))?.all ?? [],
  }
}

/** Definitions by their row: a reload hands out the same JavaScript object for as long as the row says the same (plans are kept by it). */
export type Remembered = Map<string, ObjectDef>

export const readObjects = async (sql: Sql, remembered: Remembered): Promise<CatalogRow[]> => {
  const rows = await sql<{
    tenant_id: string
    connection_id: string
    code: string
    api_name: string
    definition: string
  }>`
    select tenant_id, connection_id, code, api_name, definition
    from object
    order by tenant_id, connection_id, code`
  const before = new Map(remembered)
  remembered.clear()
  return rows.map((row) => {
    const key = JSON.stringify([row.tenant_id, row.connection_id, row.code, row.api_name, row.definition])
    const object = before.get(key) ?? objectOf(row)
    remembered.set(key, object)
    return { tenantId: row.tenant_id, connectionId: row.connection_id, object }
  })
}
