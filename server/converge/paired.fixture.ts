/** A pair of two small objects with its configuration rows, for the tests of the agents: asks are made as applying a configuration makes them. */
import { createHash } from 'node:crypto'
import { type Arrival, type Millis, opposite, type Side } from '../doc/document.ts'
import type { FieldRule, FlowDef, Pair } from '../doc/flow.ts'
import { packPrint } from '../doc/print.ts'
import { connection, field, flow, object, pairDef } from '../map/fixture.ts'
import { compilePair } from '../map/plan.ts'
import type { Sql } from '../store/sql.ts'

export const [tenant, pairId] = ['t', 'p']
const objects = {
  left: object('L', [field('name', 'text'), field('grade', 'text')]),
  right: object('R', [field('name', 'text'), field('grade', 'text')]),
}
export const nameOnly: FieldRule[] = [{ to: 'name', from: 'name' }]
export const withGrade: FieldRule[] = [...nameOnly, { to: 'grade', from: 'grade' }]

export type Flows = Partial<Record<Side, Partial<FlowDef> & { fields?: FieldRule[] }>>

export const flowDef = (from: Side, { fields = nameOnly, ...more }: Flows['left'] & object = {}): FlowDef =>
  flow(from, fields, [], more)

/** As published, compiled. */
export const compiledPair = (flows: Flows, id = pairId): Pair => {
  const defs = Object.fromEntries(Object.entries(flows).map(([side, more]) => [side, flowDef(side as Side, more)]))
  const made = compilePair(
    pairDef(id, defs),
    objects,
    { left: connection('erp'), right: connection('crm') },
    { pairOf: () => undefined },
  )
  if ('problems' in made) throw new Error(JSON.stringify(made.problems))
  return made.pair
}

const stored = ({ from: _from, state: _state, ...rest }: FlowDef): string =>
  JSON.stringify({ flow: rest, startFrom: 'now', onPublish: 'nextChange' })

/** Tenant, two connections, their objects and a pair without flows. */
export const declare = async (sql: Sql, id = pairId): Promise<void> => {
  await sql`insert into tenant (tenant_id) values (${tenant}) on conflict do nothing`
  for (const [connectionId, role, code] of [
    ['erp', 'erp', 'L'],
    ['crm', 'crm', 'R'],
  ] as const) {
    await sql`
      insert into connection (tenant_id, connection_id, kind, role, definition) values (${tenant}, ${connectionId}, 'standard', ${role}, '{}')
      on conflict do nothing`
    await sql`
      insert into object (tenant_id, connection_id, code, api_name, definition) values (${tenant}, ${connectionId}, ${code}, ${code}, '{}')
      on conflict do nothing`
  }
  await sql`
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition, staging)
    values (${tenant}, ${id}, 'erp', 'L', 'crm', 'R', '{}', false)`
}

/** Publishes flows and asks for what follows, in one transaction of the caller's (or its own). */
export const publish = async (
  tx: Sql,
  flows: Flows,
  asks: Partial<Record<Side, { sweep: string; option?: string | null }>>,
  id = pairId,
): Promise<void> => {
  const states = Object.values(flows).map((one) => one?.state ?? 'enabled')
  await tx`
    update pair set staging = ${states.some((state) => state !== 'disabled')}, held = ${states.some((state) => state === 'paused')}
    where tenant_id = ${tenant} and pair_id = ${id}`
  for (const side of ['left', 'right'] as const) {
    const more = flows[side]
    if (!more) continue
    const def = flowDef(side, more)
    await tx`
      insert into flow (tenant_id, pair_id, from_side, state, definition) values (${tenant}, ${id}, ${side}, ${def.state}, ${stored(def)}::json)
      on conflict (tenant_id, pair_id, from_side) do update set state = excluded.state, definition = excluded.definition`
    const asked = asks[side]
    if (!asked) continue
    await tx`
      update flow set sweep = ${asked.sweep}, sweep_option = ${asked.option ?? null}, sweep_xid = pg_current_xact_id(),
        sweep_after = null, sweep_done = 0, sweep_total = null
      where tenant_id = ${tenant} and pair_id = ${id} and from_side = ${side}`
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest().subarray(0, 16)

/** A pushed record of one side. */
export const pushed = (side: Side, id: string, body: object, more: Partial<Arrival> = {}): Arrival => {
  const master = JSON.stringify({ id, ...body })
  return {
    tenant_id: tenant,
    connection_id: side === 'left' ? 'erp' : 'crm',
    object: side === 'left' ? 'L' : 'R',
    data_id: id,
    operation: 'upsert',
    channel: 'push',
    trace_id: 'trace',
    raw: Buffer.from(master),
    master: Buffer.from(master),
    details: null,
    detailsComplete: true,
    masterHash: digest(master),
    detailsHash: null,
    source_time: null,
    external_id: null,
    version: null,
    ...more,
  }
}

/** Both ids are known and both sides agree on what is staged: as after an applied call. */
export const agree = async (
  sql: Sql,
  pair: Pair,
  from: Side,
  sourceId: string,
  targetId: string,
  document: Parameters<Pair['print']>[1],
): Promise<void> => {
  const plan = pair.plans[from]
  if (!plan) throw new Error('no such flow')
  const mapped = plan.apply({ source: document, target: null, targetId: null, detailIds: {}, refs: new Map(), now: 0 })
  if (mapped.kind !== 'mapped') throw new Error(mapped.kind)
  const [source, target] = [packPrint(mapped.sourcePrint), packPrint(mapped.print)]
  const there = opposite(from)
  await sql`
    update link set
      left_id = ${from === 'left' ? sourceId : targetId}, right_id = ${from === 'left' ? targetId : sourceId},
      left_version = greatest(left_version, ${there === 'left' ? 1 : 0}::int8), right_version = greatest(right_version, ${there === 'right' ? 1 : 0}::int8),
      left_agreed_version = greatest(left_version, ${there === 'left' ? 1 : 0}::int8),
      right_agreed_version = greatest(right_version, ${there === 'right' ? 1 : 0}::int8),
      left_agreed_print = ${from === 'left' ? source : target}, right_agreed_print = ${from === 'left' ? target : source},
      state = 'idle', reason = 'applied', settled = generation, wait_kind = null
    where tenant_id = ${tenant} and coalesce(case ${from} when 'left' then left_id else right_id end, '') = ${sourceId}`
}

export interface Shown {
  left_id: string | null
  right_id: string | null
  state: string
  reason: string | null
  held: boolean
  generation: number
  settled: number
  asked_generation: number
  asked_side: Side | null
  left_version: number
  right_version: number
  next_at: Millis
  target_connection: string
}

export const links = (sql: Sql, id = pairId): Promise<Shown[]> => sql<Shown>`
  select left_id, right_id, state, reason, held, generation, settled, asked_generation, asked_side, left_version, right_version, next_at, target_connection
  from link
  where tenant_id = ${tenant} and pair_id = ${id}
  order by left_id, right_id`
