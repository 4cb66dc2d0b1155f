/** Writes tenants, connections, pairs and flows as declared, and asks of converge what follows for their records ("Flows that stop"). */
import { isDeepStrictEqual } from 'node:util'
import { opposite, type Side, sides } from '../doc/document.ts'
import type { ConnectionDef, FlowDef, PairDef } from '../doc/flow.ts'
import type { Sql } from '../store/sql.ts'
import { splitAuth } from './auth.ts'
import { splitQueues } from './queues.ts'
import type { Change } from './changes.ts'
import type { ConnectionConfig, PairConfig, Publishing, TenantConfig } from './config.ts'
import { type Difference, differences, plainJson } from './differences.ts'
import { askFor, type State, type Sweep } from './sweep.ts'

/** Closes and opens the secrets of one place; handed in, so that this room knows no keys (access/secrets.ts). */
export interface Seal {
  close(place: string, secret: string): Buffer
  /** Null where the key has changed since. */
  open(place: string, envelope: Buffer): string | null
}

export const flowName = { left: 'leftToRight', right: 'rightToLeft' } as const
export const connectionPlace = (tenantId: string, connectionId: string) => `connection/${tenantId}/${connectionId}`

const LOCK = 7_070_010 // pg_advisory_xact_lock: one configuration at a time; nodes that start together apply one after another

export const lockConfiguration = async (tx: Sql): Promise<void> => {
  await tx`select pg_advisory_xact_lock(${LOCK})`
}

const daysOf = (bodyDays: number | null) => (bodyDays === null ? {} : { bodyDays })

export const saveTenant = async (tx: Sql, { tenantId, name, zone, bodyDays }: TenantConfig): Promise<Change[]> => {
  const [row] = await tx<{ name: string; zone: string; body_days: number | null }>`
    select name, zone, body_days
    from tenant
    where tenant_id = ${tenantId}
    for update`
  const fields = differences(row ? { name: row.name, zone: row.zone, ...daysOf(row.body_days) } : {}, {
    name,
    zone,
    ...daysOf(bodyDays),
  })
  if (row && !fields.length) return []
  await tx`
    insert into tenant (tenant_id, name, zone, body_days)
    values (${tenantId}, ${name}, ${zone}, ${bodyDays})
    on conflict (tenant_id) do update set
      name = excluded.name,
      zone = excluded.zone,
      body_days = excluded.body_days`
  return [{ tenantId, kind: 'tenant', name: tenantId, what: row ? 'changed' : 'added', fields }]
}

// ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
interface ConnectionRow {
  connection_id: string
  definition: string
  secrets: Buffer | null
}

/** What is kept encrypted of a connection. */
export interface ConnectionSecrets {
  headers: Record<string, string>
  auth?: Record<string, string>
  queues?: Record<string, string>
}

/** Header values are all kept apart, encrypted; which header is a secret is not ours to guess. */
const storedConnection = ({ def, headerOrigins, authOrigins, queueOrigins }: ConnectionConfig) => {
  const { tenantId: _tenant, connectionId: _connection, headers, auth, queues, ...rest } = def
  const parts = auth && splitAuth(auth)
  const heard = queues?.length ? splitQueues(queues) : undefined
  const secrets: ConnectionSecrets = {
    headers,
    ...(parts && { auth: parts.secrets }),
    ...(heard && { queues: heard.secrets }),
  }
  return {
    definition: plainJson({
      ...rest,
      headerOrigins,
      ...(parts && { auth: parts.open, authOrigins }),
      ...(heard && { queues: heard.open, queueOrigins }),
    }) as Record<string, unknown>,
    secrets: JSON.stringify(secrets),
  }
}

/** Which secrets differ, without their values. */
const secretFields = (before: string | null, after: string): Difference[] => {
  const was: ConnectionSecrets = before === null ? { headers: {} } : (JSON.parse(before) as ConnectionSecrets)
  const is = JSON.parse(after) as ConnectionSecrets
  const same = (a: object | undefined, b: object | undefined) => JSON.stringify(a ?? {}) === JSON.stringify(b ?? {})
  const kinds = ['headers', 'auth', 'queues'] as const
  return kinds
    .filter((kind) => before === null || !same(was[kind], is[kind]))
    .filter((kind) => before !== null || is[kind])
    .map((kind) => ({ path: kind === 'headers' ? kind : `${kind} (secrets)`, before: 'secret', after: 'other secret' }))
}

/** Adds and changes; removals come after the pairs (`dropConnections`). */
export const saveConnections = async (
  tx: Sql,
  seal: Seal,
  tenantId: string,
  connections: readonly ConnectionConfig[],
): Promise<Change[]> => {
  const rows = await tx<ConnectionRow>`
    select connection_id, definition, secrets
    from connection
    where tenant_id = ${tenantId}
    for update`
  const known = new Map(rows.map((row) => [row.connection_id, row]))
  const changes: Change[] = []
  for (const connection of connections) {
    const { connectionId, kind, role } = connection.def
    const place = connectionPlace(tenantId, connectionId)
    const row = known.get(connectionId)
    const { definition, secrets } = storedConnection(connection)
    const before = row ? (JSON.parse(row.definition) as Record<string, unknown>) : null
    const secretsBefore = row?.secrets ? seal.open(place, row.secrets) : null
    if (before && isDeepStrictEqual(before, definition) && secretsBefore === secrets) continue
    await tx`
      insert into connection as c (tenant_id, connection_id, kind, role, definition, secrets)
      values (${tenantId}, ${connectionId}, ${kind}, ${role}, ${JSON.stringify(definition)}::json, ${seal.close(place, secrets)})
      on conflict (tenant_id, connection_id) do update set
        kind = excluded.kind,
        role = excluded.role,
        definition = excluded.definition,
        secrets = excluded.secrets,
        revision = c.revision + 1`
    const fields = before ? differences(before, definition) : []
    if (before && secretsBefore !== secrets) fields.push(...secretFields(secretsBefore, secrets))
    changes.push({ tenantId, kind: 'connection', name: connectionId, what: before ? 'changed' : 'added', fields })
  }
  return changes
}

export const connectionsGone = async (tx: Sql, tenantId: string, keep: readonly string[]): Promise<string[]> => {
  const rows = await tx<{ connection_id: string }>`
    select connection_id
    from connection
    where tenant_id = ${tenantId} and connection_id <> all(${keep}::text[])`
  return rows.map((row) => row.connection_id)
}

/** Its objects and pairs must be gone. Records still to be read from it would never be: refused. */
export const dropConnection = async (
  tx: Sql,
  tenantId: string,
  connectionId: string,
  refuse: (reason: string) => void,
): Promise<Change[]> => {
  const [reads] = await tx<{ count: number }>`
    select count(*) as count
    from "fetch"
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and state = 'due'`
  if (reads?.count) {
    refuse(
      `Connection ${connectionId} of tenant ${tenantId} cannot be removed yet: ${reads.count} records are still to be read from it.`,
    )
    return []
  }
  await tx`
    delete from connection
    where tenant_id = ${tenantId} and connection_id = ${connectionId}`
  return [{ tenantId, kind: 'connection', name: connectionId, what: 'removed', fields: [] }]
}

// ── pairs and flows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
interface PairRow {
  pair_id: string
  left_connection: string
  left_object: string
  right_connection: string
  right_object: string
  definition: string
}

interface FlowRow {
  from_side: Side
  state: State
  definition: string
  sweep: Sweep['sweep'] | null
  sweep_option: string | null
}

/** As kept on the row: what a publishing compares, and beside it what enabling and publishing mean. */
interface StoredFlow extends Publishing {
  flow: Omit<FlowDef, 'from' | 'state'>
}

export const storedFlow = ({ from: _from, state: _state, ...flow }: FlowDef, publishing: Publishing): StoredFlow =>
  plainJson({ flow, startFrom: publishing.startFrom, onPublish: publishing.onPublish }) as StoredFlow

export const flowOf = (from: Side, state: State, definition: string): { def: FlowDef; publishing: Publishing } => {
  const { flow, startFrom, onPublish } = JSON.parse(definition) as StoredFlow
  return { def: { from, state, ...flow }, publishing: { startFrom, onPublish } }
}

const sent = ({ flow: { reconcile: _when, ...flow } }: StoredFlow) => flow

const place = (end: PairDef['left']) => `${end.connectionId}/${end.object}`

/** Links of the pair that are not at rest, by state; `side`: only calls to that side. */
const unrest = async (
  tx: Sql,
  tenantId: string,
  pairId: string,
  side: Side | null,
): Promise<{ state: string; count: number }[]> =>
  tx<{ state: string; count: number }>`
    select state, count(*) as count
    from link
    where tenant_id = ${tenantId} and pair_id = ${pairId} and state in ('due', 'waiting', 'working', 'unknown')
      and (${side}::text is null or sent_side = ${side})
    group by state
    order by state`

const shownStates: Record<string, string> = {
  due: 'pending',
  waiting: 'waiting',
  working: 'syncing',
  unknown: 'outcome unknown',
}

/** "Deleting is refused while rows are at work or unknown"; what is due or waiting is brought to rest by disabling first. */
const mayRemoveFlow = async (
  tx: Sql,
  tenantId: string,
  pairId: string,
  row: FlowRow,
  refuse: (reason: string) => void,
): Promise<boolean> => {
  const atRest = row.state === 'disabled' && row.sweep === null
  const left = await unrest(tx, tenantId, pairId, atRest ? opposite(row.from_side) : null)
  if (!left.length) return true
  const counts = left.map(({ state, count }) => `${count} ${shownStates[state]}`).join(', ')
  const advice = atRest
    ? 'Resolve them first (mortise records --state unknown).'
    : 'Set it to state: disabled, apply, and remove it once they are at rest.'
  refuse(
    `Flow ${flowName[row.from_side]} of pair ${pairId} of tenant ${tenantId} cannot be removed yet: ${counts}. ${advice}`,
  )
  return false
}

const follows: Record<Sweep['sweep'], (option: string | null) => string> = {
  enable: (option) =>
    option === 'all' ? 'starts with everything that is staged' : 'starts with what changes from now on',
  disable: () => 'stops; pending and waiting records come to rest',
  pause: () => 'holds its records',
  resume: () => 'releases the records it holds',
  publish: (option) =>
    option === 'all'
      ? 'applies to all records'
      : option === 'differing'
        ? 'applies to all records whose result differs'
        : 'applies from each record’s next change',
}

interface FlowSaved {
  change: Change | null
  asks: Sweep | null
}

const saveFlow = async (
  tx: Sql,
  tenantId: string,
  pairId: string,
  row: FlowRow | undefined,
  def: FlowDef,
  publishing: Publishing,
  { near, rewritten }: { near: boolean; rewritten: boolean },
): Promise<FlowSaved> => {
  const after = storedFlow(def, publishing)
  const before = row ? (JSON.parse(row.definition) as StoredFlow) : null
  // When it is compared says nothing about what is sent: a record that is parked is not tried again for that. Another code of a function that it
  // calls is another mapping.
  const mappingChanged = before !== null && (rewritten || !isDeepStrictEqual(sent(before), sent(after)))
  const fields =
    row && before
      ? differences(
          { state: row.state, ...before.flow, startFrom: before.startFrom, onPublish: before.onPublish },
          { state: def.state, ...after.flow, startFrom: after.startFrom, onPublish: after.onPublish },
        )
      : []
  // a changed connection or object is a publishing too: parked(config) becomes due, nothing else is asked
  const published = mappingChanged ? publishing.onPublish : near && row ? 'nextChange' : null
  const pending: Sweep | null = row?.sweep ? { sweep: row.sweep, option: row.sweep_option } : null
  const asks = askFor(pending, row?.state ?? null, def.state, published, publishing.startFrom)
  if (!row) {
    await tx`
      insert into flow (tenant_id, pair_id, from_side, state, definition)
      values (${tenantId}, ${pairId}, ${def.from}, ${def.state}, ${JSON.stringify(after)}::json)`
  } else if (fields.length) {
    await tx`
      update flow set
        state = ${def.state},
        definition = ${JSON.stringify(after)}::json,
        revision = revision + case when ${mappingChanged} then 1 else 0 end,
        changed_at = clock_timestamp()
      where tenant_id = ${tenantId} and pair_id = ${pairId} and from_side = ${def.from}`
  }
  if (asks) {
    // A4: the sweep starts when every transaction older than this one has ended
    await tx`
      update flow set
        sweep = ${asks.sweep},
        sweep_option = ${asks.option},
        sweep_xid = pg_current_xact_id(),
        sweep_after = null,
        sweep_done = 0,
        sweep_total = null
      where tenant_id = ${tenantId} and pair_id = ${pairId} and from_side = ${def.from}`
  }
  if (row && !fields.length) return { change: null, asks }
  const told = asks ? { follows: follows[asks.sweep](asks.option) } : {}
  return {
    change: {
      tenantId,
      kind: 'flow',
      name: `${pairId} ${flowName[def.from]}`,
      what: row ? 'changed' : 'added',
      fields,
      ...told,
    },
    asks,
  }
}

/** What else the same apply changed: connections or objects, and the code of functions. */
export interface Touched {
  end(connectionId: string, object: string): boolean
  code(functionName: string): boolean
}

/** Functions whose code makes the body: an after-write function does not. */
const makers = ({ functions }: FlowDef): string[] =>
  [functions?.beforeMapping, functions?.beforeWrite?.function].filter((name) => name !== undefined)

export const savePairs = async (
  tx: Sql,
  tenantId: string,
  pairs: readonly PairConfig[],
  touched: Touched,
  refuse: (reason: string) => void,
): Promise<Change[]> => {
  const rows = await tx<PairRow>`
    select pair_id, left_connection, left_object, right_connection, right_object, definition
    from pair
    where tenant_id = ${tenantId}
    for update`
  const known = new Map(rows.map((row) => [row.pair_id, row]))
  const flowRows = await tx<FlowRow & { pair_id: string }>`
    select pair_id, from_side, state, definition, sweep, sweep_option
    from flow
    where tenant_id = ${tenantId}
    for update`
  const changes: Change[] = []
  for (const { def, publishing } of pairs) {
    const { pairId, left, right, conflict, flows } = def
    const row = known.get(pairId)
    known.delete(pairId)
    if (row) {
      const [wasLeft, wasRight] = [
        `${row.left_connection}/${row.left_object}`,
        `${row.right_connection}/${row.right_object}`,
      ]
      if (wasLeft !== place(left) || wasRight !== place(right)) {
        refuse(
          `Pair ${pairId} of tenant ${tenantId} joins ${wasLeft} and ${wasRight}; which objects a pair joins is fixed when it is made. Give the new pair (${place(left)} and ${place(right)}) an id of its own.`,
        )
        continue
      }
    }
    const declared = sides.flatMap((side) => flows[side] ?? [])
    const staging = declared.some((flow) => flow.state !== 'disabled')
    const held = declared.some((flow) => flow.state === 'paused')
    const definition = JSON.stringify({ conflict })
    const fields = row ? differences(JSON.parse(row.definition), { conflict }) : []
    await tx`
      insert into pair as p (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition, staging, held)
      values (${tenantId}, ${pairId}, ${left.connectionId}, ${left.object}, ${right.connectionId}, ${right.object}, ${definition}::json, ${staging}, ${held})
      on conflict (tenant_id, pair_id) do update set
        definition = excluded.definition,
        staging = excluded.staging,
        held = excluded.held,
        revision = p.revision + 1
      where (p.definition::text, p.staging, p.held) is distinct from (excluded.definition::text, excluded.staging, excluded.held)`
    if (!row || fields.length)
      changes.push({ tenantId, kind: 'pair', name: pairId, what: row ? 'changed' : 'added', fields })
    const near = touched.end(left.connectionId, left.object) || touched.end(right.connectionId, right.object)
    for (const side of sides) {
      const flowRow = flowRows.find((one) => one.pair_id === pairId && one.from_side === side)
      const flow = flows[side]
      const asked = publishing[side]
      if (flow && asked) {
        const { change } = await saveFlow(tx, tenantId, pairId, flowRow, flow, asked, {
          near: near || fields.length > 0,
          rewritten: makers(flow).some(touched.code),
        })
        if (change) changes.push(change)
      } else if (flowRow && (await mayRemoveFlow(tx, tenantId, pairId, flowRow, refuse))) {
        await tx`
          delete from flow
          where tenant_id = ${tenantId} and pair_id = ${pairId} and from_side = ${side}`
        changes.push({ tenantId, kind: 'flow', name: `${pairId} ${flowName[side]}`, what: 'removed', fields: [] })
      }
    }
  }
  for (const row of known.values()) {
    let free = true
    for (const flowRow of flowRows.filter((one) => one.pair_id === row.pair_id)) {
      free = (await mayRemoveFlow(tx, tenantId, row.pair_id, flowRow, refuse)) && free
    }
    if (!free) continue
    await tx`
      delete from flow
      where tenant_id = ${tenantId} and pair_id = ${row.pair_id}`
    await tx`
      delete from pair
      where tenant_id = ${tenantId} and pair_id = ${row.pair_id}`
    changes.push({
      tenantId,
      kind: 'pair',
      name: row.pair_id,
      what: 'removed',
      fields: [],
      follows: 'its ID mapping is kept',
    })
  }
  return changes
}

/** Bumps the revision that every node watches, and wakes them when this transaction commits. */
export const announce = async (tx: Sql, tenantId: string): Promise<void> => {
  await tx`
    update tenant set config_revision = config_revision + 1
    where tenant_id = ${tenantId}`
  await tx`select pg_notify('mortise_config', ${tenantId})`
}

export type StoredConnection = Omit<ConnectionDef, 'tenantId' | 'connectionId' | 'headers'> & {
  headerOrigins: ConnectionConfig['headerOrigins']
  authOrigins?: ConnectionConfig['authOrigins']
  queueOrigins?: ConnectionConfig['queueOrigins']
}
