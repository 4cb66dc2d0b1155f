/** Reads tenants, connections, pairs and flows back from their tables, as the engine and the doors use them. */
import type { Side } from '../doc/document.ts'
import type { ConnectionDef, PairDef } from '../doc/flow.ts'
import type { Sql } from '../store/sql.ts'
import { joinAuth } from './auth.ts'
import { joinQueues } from './queues.ts'
import type { ConnectionConfig, Publishing } from './config.ts'
import { type ConnectionSecrets, connectionPlace, flowOf, type StoredConnection } from './save.ts'

export interface Tenant {
  tenantId: string
  name: string
  zone: string
  bodyDays: number | null
  revision: number
}

export interface LoadedConnection {
  def: ConnectionDef
  headerOrigins: ConnectionConfig['headerOrigins']
  authOrigins: ConnectionConfig['authOrigins']
  queueOrigins: ConnectionConfig['queueOrigins']
  revision: number
}

export interface LoadedPair {
  def: PairDef
  revision: number
  /** Per flow: its published revision, and what enabling and publishing mean. */
  flows: Partial<Record<Side, { revision: number; publishing: Publishing }>>
}

export const readTenants = async (sql: Sql): Promise<Tenant[]> => {
  const rows = await sql<{
    tenant_id: string
    name: string
    zone: string
    body_days: number | null
    config_revision: number
  }>`
    select tenant_id, name, zone, body_days, config_revision
    from tenant
    order by tenant_id`
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    name: row.name,
    zone: row.zone,
    bodyDays: row.body_days,
    revision: row.config_revision,
  }))
}

/** `open` throws where the key is not the one that the headers were encrypted with. */
export const readConnections = async (
  sql: Sql,
  open: (place: string, envelope: Buffer) => string,
): Promise<LoadedConnection[]> => {
  const rows = await sql<{
    tenant_id: string
    connection_id: string
    definition: string
    secrets: Buffer | null
    revision: number
  }>`
    select tenant_id, connection_id, definition, secrets, revision
    from connection
    order by tenant_id, connection_id`
  return rows.map((row) => {
    const {
      headerOrigins,
      authOrigins = {},
      queueOrigins = {},
      auth: declared,
      queues: heard,
      ...rest
    } = JSON.parse(row.definition) as StoredConnection
    const secrets = row.secrets
      ? open(connectionPlace(row.tenant_id, row.connection_id), row.secrets)
      : '{"headers":{}}'
    const { headers, auth, queues } = JSON.parse(secrets) as ConnectionSecrets
    return {
      def: {
        tenantId: row.tenant_id,
        connectionId: row.connection_id,
        ...rest,
        headers,
        ...(declared && { auth: joinAuth(declared, auth ?? {}) }),
        ...(heard && { queues: joinQueues(heard, queues ?? {}) }),
      },
      headerOrigins,
      authOrigins,
      queueOrigins,
      revision: row.revision,
    }
  })
}

export const readPairs = async (sql: Sql): Promise<LoadedPair[]> => {
  const rows = await sql<{
    tenant_id: string
    pair_id: string
    left_connection: string
    left_object: string
    right_connection: string
    right_object: string
    definition: string
    revision: number
  }>`
    select tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition, revision
    from pair
    order by tenant_id, pair_id`
  const flows = await sql<{
    tenant_id: string
    pair_id: string
    from_side: Side
    state: 'enabled' | 'paused' | 'disabled'
    definition: string
    revision: number
  }>`
    select tenant_id, pair_id, from_side, state, definition, revision
    from flow
    order by tenant_id, pair_id, from_side`
  const pairs = new Map<string, LoadedPair>()
  for (const row of rows) {
    const { conflict } = JSON.parse(row.definition) as Pick<PairDef, 'conflict'>
    const def: PairDef = {
      tenantId: row.tenant_id,
      pairId: row.pair_id,
      left: { connectionId: row.left_connection, object: row.left_object },
      right: { connectionId: row.right_connection, object: row.right_object },
      conflict,
      flows: {},
    }
    pairs.set(JSON.stringify([row.tenant_id, row.pair_id]), { def, revision: row.revision, flows: {} })
  }
  for (const row of flows) {
    const pair = pairs.get(JSON.stringify([row.tenant_id, row.pair_id]))
    if (!pair) continue
    const { def, publishing } = flowOf(row.from_side, row.state, row.definition)
    pair.def.flows[row.from_side] = def
    pair.flows[row.from_side] = { revision: row.revision, publishing }
  }
  return [...pairs.values()]
}
