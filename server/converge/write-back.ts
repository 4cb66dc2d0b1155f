/** The teller: tells the source how its record fared (flow option `writeBack`), while nothing else is done with the record (decision 211). */
import { createHash } from 'node:crypto'
import { nextTry } from '../agent/backoff.ts'
import { type Loop, startLoop } from '../agent/loop.ts'
import { type Document, type Fields, type Json, type Millis, opposite, type Side, sides } from '../doc/document.ts'
import { type Fault, sentence } from '../doc/fault.ts'
import type { FlowDef, Outgoing, Pair } from '../doc/flow.ts'
import type { FieldDef } from '../doc/object.ts'
import type { Outcome } from '../doc/outcome.ts'
import { packPrint } from '../doc/print.ts'
import { momentsOf } from '../map/moment.ts'
import { utc, zoneOf } from '../map/zone.ts'
import { col, type Sql } from '../store/sql.ts'
import { leaseMs, settleMs } from './decide.ts'
import type { Directory, Engine } from './engine.ts'
import type { Settle, Settled } from './road.ts'

export interface TellerDeps extends Pick<Engine, 'road' | 'directory' | 'env' | 'log'> {
  sql: Sql
  /** Nothing is sent to this connection now: a restored backup is being looked at. */
  gated(tenantId: string, connectionId: string): boolean
  /** A record that was held is free again and may be due. */
  woke(): void
}

interface Name {
  tenant_id: string
  pair_id: string
  link_id: number
}

/** Ends after which a source has something to be told. */
const tells = (settle: Settle): boolean =>
  settle.state === 'parked' || (settle.state === 'idle' && (settle.reason === 'applied' || settle.reason === 'voided'))

const hasWriteBack = (directory: Directory, { tenant_id, pair_id }: Pick<Name, 'tenant_id' | 'pair_id'>): boolean => {
  const def = directory.pair(tenant_id, pair_id)?.def
  return def !== undefined && sides.some((side) => def.flows[side]?.writeBack)
}

/** Notes that these records have ended; the teller goes to work on them. Answers whether there was any. */
export const noteEnds = async (
  sql: Sql,
  directory: Directory,
  settles: readonly Settle[],
  settled: readonly Settled[],
): Promise<boolean> => {
  const ended = settles.filter((one, i) => settled[i]?.held && tells(one) && hasWriteBack(directory, one))
  if (!ended.length) return false
  await sql`
    insert into write_back as w (tenant_id, pair_id, link_id)
    select distinct n.tenant_id, n.pair_id, n.link_id
    from unnest(
      ${col.text(ended.map((one) => one.tenant_id))}::text[],
      ${col.text(ended.map((one) => one.pair_id))}::text[],
      ${col.int8(ended.map((one) => one.link_id))}::int8[]) as n (tenant_id, pair_id, link_id)
    order by 1, 2, 3
    on conflict (tenant_id, pair_id, link_id) do update set
      wanted = w.wanted + 1,
      noted_at = clock_timestamp(),
      next_at = clock_timestamp(),
      attempts = 0,
      fault = null`
  return true
}

/** The net under `noteEnds`: what ended within the hour and was not noted, for we died between the two. */
export const findMissed = (sql: Sql, tenantId: string, pairId: string): Promise<number> => sql.affected`
  insert into write_back as w (tenant_id, pair_id, link_id)
  select l.tenant_id, l.pair_id, l.link_id
  from link l
  left join write_back n on n.tenant_id = l.tenant_id and n.pair_id = l.pair_id and n.link_id = l.link_id
  where l.tenant_id = ${tenantId} and l.pair_id = ${pairId} and l.state in ('idle', 'parked')
    and greatest(l.last_call_at, l.since) > clock_timestamp() - interval '1 hour'
    and greatest(l.last_call_at, l.since) > coalesce(n.noted_at, '-infinity')
  limit 500
  on conflict (tenant_id, pair_id, link_id) do update set
    wanted = w.wanted + 1,
    noted_at = clock_timestamp(),
    next_at = clock_timestamp()`

interface Due extends Name {
  wanted: number
  attempts: number
  content: string | null
  now: Millis
}

const batch = 16
/** A row that is being told about is nobody else's for so long. */
const rowLease = 120_000

const takeDue = (sql: Sql): Promise<Due[]> => sql<Due>`
  with due as materialized (
    select tenant_id, pair_id, link_id
    from write_back
    where told < wanted and next_at <= clock_timestamp()
    order by next_at
    limit ${batch}
    for update skip locked)
  update write_back w set next_at = clock_timestamp() + ${rowLease}::float8 * interval '1 millisecond'
  from due d
  where w.tenant_id = d.tenant_id and w.pair_id = d.pair_id and w.link_id = d.link_id
  returning w.tenant_id, w.pair_id, w.link_id, w.wanted, w.attempts, w.content, clock_timestamp() as now`

/** The record as it rests, held as a claim holds it: one in flight per record, also when it is we who tell (I3, I5). */
interface Held extends Name {
  left_id: string | null
  right_id: string | null
  left_version: number
  right_version: number
  left_agreed_version: number
  right_agreed_version: number
  generation: number
  asked_generation: number
  was: 'idle' | 'parked'
  reason: string | null
  fault: string | null
  lease_token: number
  voided: boolean
  last_side: Side | null
}

const hold = async (sql: Sql, { tenant_id, pair_id, link_id }: Name, lease: Millis): Promise<Held | undefined> => {
  const [row] = await sql<Held>`
    with rests as materialized (
      select tenant_id, pair_id, link_id, state as was, reason, fault
      from link
      where tenant_id = ${tenant_id} and pair_id = ${pair_id} and link_id = ${link_id}
        and state in ('idle', 'parked') and sent_at is null
      for update skip locked)
    update link l set
      state = 'working',
      lease_token = greatest(l.lease_token + 1, (extract(epoch from clock_timestamp()) * 1000)::int8),
      lease_until = clock_timestamp() + ${lease}::float8 * interval '1 millisecond'
    from rests r
    where l.tenant_id = r.tenant_id and l.pair_id = r.pair_id and l.link_id = r.link_id
    returning l.tenant_id, l.pair_id, l.link_id, l.left_id, l.right_id, l.left_version, l.right_version, l.left_agreed_version,
      l.right_agreed_version, l.generation, l.asked_generation, r.was, r.reason, r.fault, l.lease_token,
      l.voided_at is not null as voided, l.last_side`
  return row
}

/** As it was, unless something came in meanwhile: then it is due, whatever it was (A3). */
const release = (sql: Sql, held: Held): Promise<number> => sql.affected`
  update link l set
    state = case
      when l.generation > ${held.generation} and (${held.was} = 'idle' or ${held.reason} in ('data', 'max')) then 'due'
      else ${held.was} end,
    lease_until = null,
    next_at = clock_timestamp()
  where l.tenant_id = ${held.tenant_id} and l.pair_id = ${held.pair_id} and l.link_id = ${held.link_id}
    and l.lease_token = ${held.lease_token} and l.state = 'working'`

/** It may still take effect: nobody touches the record before that is over, and then it is decided again (C3). */
const keepHeld = (sql: Sql, held: Held, ms: Millis): Promise<number> => sql.affected`
  update link l set lease_until = greatest(l.lease_until, clock_timestamp() + ${ms}::float8 * interval '1 millisecond')
  where l.tenant_id = ${held.tenant_id} and l.pair_id = ${held.pair_id} and l.link_id = ${held.link_id}
    and l.lease_token = ${held.lease_token} and l.state = 'working'`

type End =
  | { kind: 'told'; content: string | null }
  | { kind: 'later'; ms: Millis; attempts: number; fault: string | null }
  | { kind: 'failed'; fault: string }

const endRow = async (sql: Sql, row: Due, end: End): Promise<void> => {
  if (end.kind === 'told') {
    await sql`
      update write_back set
        told = ${row.wanted},
        content = ${end.content},
        told_at = clock_timestamp(),
        next_at = clock_timestamp(),
        attempts = 0,
        fault = null
      where tenant_id = ${row.tenant_id} and pair_id = ${row.pair_id} and link_id = ${row.link_id}`
    return
  }
  if (end.kind === 'failed') {
    // Not told before the record ends again: whoever mends the cause re-runs it.
    await sql`
      update write_back set told = ${row.wanted}, next_at = clock_timestamp(), fault = ${end.fault}
      where tenant_id = ${row.tenant_id} and pair_id = ${row.pair_id} and link_id = ${row.link_id}`
    return
  }
  await sql`
    update write_back set
      next_at = clock_timestamp() + ${end.ms}::float8 * interval '1 millisecond',
      attempts = ${end.attempts},
      fault = ${end.fault}
    where tenant_id = ${row.tenant_id} and pair_id = ${row.pair_id} and link_id = ${row.link_id}`
}

/** Which flow has something to tell: the one of the last call; before any, the one whose side has changed. */
export const tellerOf = (pair: Pair, held: Held): Side | null => {
  const able = sides.filter((side) => pair.def.flows[side]?.writeBack && held[`${side}_id`] !== null)
  if (able.length < 2) return able[0] ?? null
  const changed = able.filter((side) => held[`${side}_version`] > held[`${side}_agreed_version`])
  if (held.was === 'parked' && changed.length === 1) return changed[0] as Side
  return held.last_side === null ? (changed[0] ?? null) : opposite(held.last_side)
}

export type Status = 'succeeded' | 'failed' | 'voided'

export interface News {
  status: Status
  id: string | null
  error: string
  time: Millis
  /** Fields of the target's record, by name. */
  shown: Fields
}

const faultOf = (text: string | null): Fault | null => {
  try {
    return text === null ? null : (JSON.parse(text) as Fault)
  } catch {
    return null
  }
}

const momentFor = (field: FieldDef | undefined, connectionZone: string, now: Millis): Json => {
  const zone = zoneOf(field?.zone ?? connectionZone) ?? utc
  const format = field?.format ?? (field?.type === 'datetime' || field?.type === 'date' ? undefined : 'iso')
  return momentsOf(format, zone, field?.type === 'date' ? 'date' : 'datetime')?.write(now, false) ?? String(now)
}

/** The fields to be written, as the source's object declares them. Pure. */
export const fieldsOf = (
  writeBack: NonNullable<FlowDef['writeBack']>,
  news: News,
  declared: readonly FieldDef[],
  zone: string,
): Fields => {
  const fields: Fields = {}
  for (const [field, what] of Object.entries(writeBack)) {
    const def = declared.find((one) => one.code === field)
    if (typeof what === 'object') {
      if (news.shown[what.field] !== undefined) fields[field] = news.shown[what.field] as Json
    } else if (what === 'time') fields[field] = momentFor(def, zone, news.time)
    else if (what === 'error') fields[field] = news.error
    else if (what === 'status') fields[field] = news.status
    else if (news.id !== null) fields[field] = news.id
  }
  return fields
}

/**
 * What makes two tellings the same. A failure is told once per content of the source and per asking of a person: the echo of telling it
 * lets the record be tried once more (A3), and a target that words its refusal anew each time would else be asked for ever.
 */
export const digestOf = (news: News, source: Buffer, asked: number): string => {
  const { status, id, error, shown } = news
  const what = status === 'failed' ? [status, id, source.toString('base64'), asked] : [status, id, error, shown]
  return createHash('sha256')
    .update(JSON.stringify(what, (_, value: unknown) => (isLossless(value) ? value.value : value)))
    .digest('base64')
}
const isLossless = (value: unknown): value is { value: string } =>
  typeof value === 'object' && value !== null && 'isLosslessNumber' in value

const waits = (row: Due, env: TellerDeps['env'], outcome: Exclude<Outcome, { kind: 'applied' }>): End => {
  const fault = JSON.stringify(outcome.why)
  if (outcome.kind === 'refused') return { kind: 'failed', fault }
  if (outcome.kind === 'again' && outcome.calm)
    return {
      kind: 'later',
      ms: Math.max(1_000, (outcome.at ?? row.now + 1_000) - row.now),
      attempts: row.attempts,
      fault,
    }
  const attempts = row.attempts + 1
  const at = nextTry({ attempts, since: row.now, now: row.now, random: env.random() })
  return attempts > 12 || at === null ? { kind: 'failed', fault } : { kind: 'later', ms: at - row.now, attempts, fault }
}

/** Tells one source. The record is held all the while, and freed as it was. */
const tell = async (deps: TellerDeps, row: Due, signal: AbortSignal): Promise<void> => {
  const { sql, directory, road, env } = deps
  const pair = directory.pair(row.tenant_id, row.pair_id)
  if (!pair || !hasWriteBack(directory, row)) return endRow(sql, row, { kind: 'told', content: row.content })
  const lease = Math.max(leaseMs(pair.connection.left), leaseMs(pair.connection.right))
  // Before the record is held, as a claim's (C1).
  const sendBy = env.monotonic() + lease / 2
  const held = await hold(sql, row, lease)
  // Under way: its end will be noted. Gone: there is nobody to tell.
  if (!held) return endRow(sql, row, { kind: 'later', ms: 5_000, attempts: row.attempts, fault: null })
  let keep = false
  try {
    const side = tellerOf(pair, held)
    const writeBack = side === null ? undefined : pair.def.flows[side]?.writeBack
    if (side === null || !writeBack) return await endRow(sql, row, { kind: 'told', content: row.content })
    const here = pair.def[side]
    const connector = directory.connector(row.tenant_id, here.connectionId)
    const object = directory.object(row.tenant_id, here.connectionId, here.object)
    if (!connector || !object || deps.gated(row.tenant_id, here.connectionId))
      return await endRow(sql, row, { kind: 'later', ms: 60_000, attempts: row.attempts, fault: null })
    const other = opposite(side)
    const keyFor = (of: Side) => ({
      tenant_id: row.tenant_id,
      connection_id: pair.def[of].connectionId,
      object: pair.def[of].object,
      data_id: held[`${of}_id`] ?? '',
    })
    const [source = null, target = null] = await road.documents([keyFor(side), keyFor(other)])
    // A record that its own system voided is not brought back to life by telling it.
    if (!source || source.operation === 'void') return await endRow(sql, row, { kind: 'told', content: row.content })
    const status: Status = held.was === 'parked' ? 'failed' : held.voided ? 'voided' : 'succeeded'
    const fault = faultOf(held.fault)
    const shown =
      status === 'succeeded' ? await shownBy(deps, pair, other, held, target, writeBack, signal) : { fields: {} }
    if ('why' in shown) return await endRow(sql, row, waits(row, env, { kind: 'again', why: shown.why }))
    const news: News = {
      status,
      id: held[`${other}_id`],
      error: status === 'failed' && fault ? sentence(fault) : '',
      time: row.now,
      shown: shown.fields,
    }
    const read = pair.plans[side]?.sourcePrint(source)
    const content = digestOf(news, read ? packPrint(read) : Buffer.alloc(0), held.asked_generation)
    if (content === row.content) return await endRow(sql, row, { kind: 'told', content })
    const fields = fieldsOf(writeBack, news, object.fields, pair.connection[side].zone)
    if (!Object.keys(fields).length) return await endRow(sql, row, { kind: 'told', content })
    const outgoing: Outgoing = {
      object: here.object,
      targetId: held[`${side}_id`],
      sourceId: news.id ?? '',
      sourceRows: {},
      content: { masterFieldVal: withOwnLink(fields, object.externalIdField, source, news.id), detailFieldVals: {} },
    }
    const { outcome } = await connector.write(
      {
        action: 'update',
        object: here.object,
        targetId: outgoing.targetId,
        sourceId: outgoing.sourceId,
        bytes: connector.encode(outgoing),
        rowsDue: {},
        key: env.id(),
        traceId: env.id(),
      },
      () => {},
      sendBy,
      signal,
    )
    if (outcome.kind === 'applied') return await endRow(sql, row, { kind: 'told', content })
    if (outcome.kind === 'unknown') {
      keep = true
      await keepHeld(sql, held, settleMs(pair.connection[side]))
    }
    await endRow(sql, row, waits(row, env, outcome))
  } finally {
    if (!keep && (await release(sql, held))) deps.woke()
  }
}

/** The connector fills in the external id of what it writes: here it is to stay what it is. */
const withOwnLink = (fields: Fields, name: string | undefined, source: Document, id: string | null): Fields => {
  if (name === undefined || id !== null) return fields
  return { ...fields, [name]: source.content.masterFieldVal[name] ?? null }
}

/** Fields of the target's record: from what is staged of it, else asked for. */
const shownBy = async (
  deps: TellerDeps,
  pair: Pair,
  side: Side,
  held: Held,
  staged: Document | null,
  writeBack: NonNullable<FlowDef['writeBack']>,
  signal: AbortSignal,
): Promise<{ fields: Fields } | { why: Fault }> => {
  const names = Object.values(writeBack).flatMap((one) => (typeof one === 'object' ? [one.field] : []))
  const id = held[`${side}_id`]
  if (!names.length || id === null) return { fields: {} }
  const pick = (fields: Fields): Fields =>
    Object.fromEntries(names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name] as Json]])))
  const known = staged ? pick(staged.content.masterFieldVal) : {}
  if (names.every((name) => known[name] !== undefined)) return { fields: known }
  const there = pair.def[side]
  const connector = deps.directory.connector(held.tenant_id, there.connectionId)
  if (!connector || !pair.connection[side].readable) return { fields: known }
  const read = await connector.find(there.object, id, signal)
  if (read.kind === 'failed') return { why: read.why }
  return { fields: read.value ? pick(read.value.document.content.masterFieldVal) : known }
}

const rest: Millis = 30_000
const netEvery: Millis = 15 * 60_000

export const startTeller = (deps: TellerDeps): Loop => {
  let netAt = 0
  return startLoop({
    name: 'teller',
    every: rest,
    async run(signal) {
      const pairs = deps.directory
        .targets()
        .flatMap(({ tenant_id, connection_id }) => pairsAt(deps.directory, tenant_id, connection_id))
      if (!pairs.length) return rest
      const now = deps.env.monotonic()
      if (now >= netAt) {
        netAt = now + netEvery
        for (const { tenantId, pairId } of pairs) await findMissed(deps.sql, tenantId, pairId)
      }
      const due = await takeDue(deps.sql)
      await Promise.all(
        due.map((row) =>
          tell(deps, row, signal).catch((error: unknown) =>
            deps.log.error(
              { err: error, tenant: row.tenant_id, flow: row.pair_id, link: row.link_id },
              'a source could not be told',
            ),
          ),
        ),
      )
      if (due.length === batch) return 0
      const [next] = await deps.sql<{ ms: number | null }>`
        select extract(epoch from min(next_at) - clock_timestamp())::float8 * 1000 as ms
        from write_back
        where told < wanted`
      return next?.ms === null || next?.ms === undefined ? rest : Math.min(rest, Math.max(50, next.ms))
    },
    env: deps.env,
    log: deps.log,
  })
}

/** Pairs that tell something back to this connection. */
const pairsAt = (
  directory: Directory,
  tenantId: string,
  connectionId: string,
): { tenantId: string; pairId: string }[] => directory.tellers?.(tenantId, connectionId) ?? []
