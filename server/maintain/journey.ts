/** One record's whole story, found by any id: its links, what came in, what was sent, what failed, whom it refers to. Reads only. */
import type { Fault } from '../doc/fault.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { type Trouble, troublesOf } from './groups.ts'
import { mask } from './mask.ts'
import { linksNumbered, linksOf, planned, type RecordRow } from './records.ts'
import { type DecodeShown, decodesOf, type Push, pushesOf } from './pushes.ts'
import { type Relative, relativesOf } from './relatives.ts'
import { faultSentencesOf, parseFault } from './words.ts'

export interface ArrivalRow {
  seq: number
  receivedAt: number
  tenantId: string
  connectionId: string
  object: string
  id: string
  operation: string
  channel: string
  traceId: string
  outcome: string
  bytes: number
  /** What was sent to us, as far as it is shown: credentials hidden, the end cut off. Null: none, or no text. */
  body: string | null
  /** Who edited it, where a person did. */
  editedBy: string | null
}

export interface AttemptRow {
  attemptId: number
  startedAt: number
  finishedAt: number | null
  tenantId: string
  pairId: string
  linkId: number
  target: string
  call: string
  traceId: string
  /** Null: marked, nothing heard yet. */
  outcome: string | null
  status: number | null
  ms: number | null
  /** Both as far as they are shown: credentials hidden, the end cut off. */
  request: string | null
  answer: string | null
  fault: Fault | null
  why: string[]
}

export interface StagedRow {
  tenantId: string
  connectionId: string
  object: string
  id: string
  version: number
  operation: string
  sourceTime: number | null
  /** The newest known content in the standard format, whole: what `retry --body` takes. Credentials are hidden. */
  content: string
}

export interface FetchShown {
  tenantId: string
  connectionId: string
  object: string
  id: string
  state: string
  cause: string
  attempts: number
  nextAt: number
  fault: Fault | null
  why: string[]
}

/** What its source was last told of how it fared (flow option `writeBack`). */
export interface TellingRow {
  linkId: number
  /** Null: nothing yet. */
  toldAt: number | null
  /** It is still to be told. */
  open: boolean
  nextAt: number
  fault: Fault | null
  why: string[]
}

/** What a function after write said of an applied call, or why it could not be told. */
export interface HeardRow {
  linkId: number
  call: string
  /** When the call was settled. */
  at: number
  /** `open`: still to be told. */
  state: 'open' | 'failed' | 'said'
  why: string[]
  note: string | null
  logs: string | null
}

export interface Journey {
  links: RecordRow[]
  /** Newest first. */
  arrivals: ArrivalRow[]
  attempts: AttemptRow[]
  staged: StagedRow[]
  fetches: FetchShown[]
  /** Pushes in no standard form that wait to be decoded, or failed to be. */
  decodes: DecodeShown[]
  /** What its links were parked for, now and before. */
  troubles: Trouble[]
  told: TellingRow[]
  afterWrite: HeardRow[]
  /** Records it refers to, and records that wait for it. */
  parents: Relative[]
  children: Relative[]
}

/** Bytes of a body that are shown. */
const shownBytes = 20_000

const shownText = (bytes: Buffer | null): string | null => {
  if (bytes === null || !bytes.length) return null
  const text = bytes.toString()
  // bytes that are no text say nothing to a person
  return text.includes('\u0000') ? null : mask(text.replace(/\ufffd+$/, '…'))
}

export interface Key {
  tenantId: string
  connectionId: string
  object: string
  id: string
}

const keyText = (key: Key) => JSON.stringify([key.tenantId, key.connectionId, key.object, key.id])

const recordsOf = (links: readonly RecordRow[]): Key[] =>
  links.flatMap(({ tenantId, left, right }) =>
    [left, right].flatMap(({ connectionId, object, id }) =>
      id === null ? [] : [{ tenantId, connectionId, object, id }],
    ),
  )

const distinct = (keys: readonly Key[]): Key[] => [...new Map(keys.map((key) => [keyText(key), key])).values()]

/** Records whose arrivals carry this trace id, and links whose attempts do. */
const tracesOf = async (sql: Sql, traceId: string, tenantId: string | null) => {
  const records = await sql<{ tenant_id: string; connection_id: string; object: string; data_id: string }>`
    select distinct a.tenant_id, connection_id, object, data_id
    from tenant t
    join arrival a on a.tenant_id = t.tenant_id and a.trace_id = ${traceId}
    where ${tenantId}::text is null or t.tenant_id = ${tenantId}`
  const links = await sql<{ link_id: number }>`
    select distinct link_id
    from tenant t
    join attempt a on a.tenant_id = t.tenant_id and a.trace_id = ${traceId}
    where ${tenantId}::text is null or t.tenant_id = ${tenantId}`
  return {
    records: records.map(
      (row): Key => ({ tenantId: row.tenant_id, connectionId: row.connection_id, object: row.object, id: row.data_id }),
    ),
    links: links.map((row) => row.link_id),
  }
}

/** Staged records with this id, on any connection: they may have no link (no pair, or none yet). */
const stagedAs = async (sql: Sql, id: string, tenantId: string | null): Promise<Key[]> => {
  const rows = await sql<{ tenant_id: string; connection_id: string; object: string; data_id: string }>`
    select d.tenant_id, d.connection_id, d.object, d.data_id
    from object o
    join document d on d.tenant_id = o.tenant_id and d.connection_id = o.connection_id and d.object = o.code and d.data_id = ${id}
    where ${tenantId}::text is null or o.tenant_id = ${tenantId}
    union
    select f.tenant_id, f.connection_id, f.object, f.data_id
    from object o
    join "fetch" f on f.tenant_id = o.tenant_id and f.connection_id = o.connection_id and f.object = o.code and f.data_id = ${id}
    where ${tenantId}::text is null or o.tenant_id = ${tenantId}`
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    connectionId: row.connection_id,
    object: row.object,
    id: row.data_id,
  }))
}

const columns = (keys: readonly Key[]) => ({
  tenants: keys.map((key) => key.tenantId),
  connections: keys.map((key) => key.connectionId),
  objects: keys.map((key) => key.object),
  ids: keys.map((key) => key.id),
})

/** `{"edited":"li"}`; what others keep there is theirs. */
export const editorOf = (meta: string | null): string | null => {
  if (meta === null || !meta.startsWith('{"edited":')) return null
  try {
    return String((JSON.parse(meta) as { edited: unknown }).edited)
  } catch {
    return null
  }
}

const arrivalOf = (row: Push): ArrivalRow => ({
  seq: row.seq,
  receivedAt: row.received_at,
  tenantId: row.tenant_id,
  connectionId: row.connection_id,
  object: row.object,
  id: row.data_id,
  operation: row.operation,
  channel: row.channel,
  traceId: row.trace_id,
  outcome: row.outcome,
  bytes: row.bytes ?? 0,
  body: shownText(row.body),
  editedBy: editorOf(row.meta),
})

const arrivalsOf = async (sql: Sql, keys: readonly Key[], limit: number): Promise<ArrivalRow[]> => {
  const { tenants, connections, objects, ids } = columns(keys)
  const rows = await sql<{
    seq: number
    received_at: number
    tenant_id: string
    connection_id: string
    object: string
    data_id: string
    operation: string
    channel: string
    trace_id: string
    outcome: string
    bytes: number | null
    body: Buffer | null
    meta: string | null
  }>`
    select a.seq, a.received_at, a.tenant_id, a.connection_id, a.object, a.data_id, a.operation, a.channel, a.trace_id, a.outcome,
      octet_length(a.body) as bytes, a.meta,
      case when t.body_days is null or a.received_at > clock_timestamp() - make_interval(days => t.body_days)
        then substring(a.body from 1 for ${shownBytes}) end as body
    from unnest(${tenants}::text[], ${connections}::text[], ${objects}::text[], ${ids}::text[]) as k (tenant_id, connection_id, object, data_id)
    cross join lateral (
      select *
      from arrival a
      where a.tenant_id = k.tenant_id and a.connection_id = k.connection_id and a.object = k.object and a.data_id = k.data_id
      order by a.seq desc
      limit ${limit}) a
    join tenant t on t.tenant_id = a.tenant_id
    order by a.received_at desc, a.seq desc
    limit ${limit}`
  return rows.map(arrivalOf)
}

interface AttemptColumns {
  attempt_id: number
  started_at: number
  finished_at: number | null
  tenant_id: string
  pair_id: string
  link_id: number
  target_connection: string
  call: string
  trace_id: string
  outcome: string | null
  status: number | null
  ms: number | null
  request: Buffer | null
  answer: string | null
  fault: string | null
}

const attemptOf = (row: AttemptColumns): AttemptRow => {
  const fault = parseFault(row.fault)
  return {
    attemptId: row.attempt_id,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    tenantId: row.tenant_id,
    pairId: row.pair_id,
    linkId: row.link_id,
    target: row.target_connection,
    call: row.call,
    traceId: row.trace_id,
    outcome: row.outcome,
    status: row.status,
    ms: row.ms,
    request: shownText(row.request),
    answer: row.answer === null ? null : mask(row.answer),
    fault,
    why: faultSentencesOf(fault),
  }
}

/** One call, found by when it was made (to the millisecond): the log has no index by number. */
export const attemptAt = async (
  sql: Sql,
  tenantId: string,
  attemptId: number,
  startedAt: number,
): Promise<AttemptRow | null> => {
  const [row] = await sql<AttemptColumns>`
    select attempt_id, started_at, finished_at, tenant_id, pair_id, link_id, target_connection, call, trace_id, outcome, status, ms,
      substring(request from 1 for ${shownBytes}) as request, left(answer, ${shownBytes}) as answer, fault
    from attempt
    where tenant_id = ${tenantId} and started_at >= ${at(startedAt)} and started_at < ${at(startedAt + 1)} and attempt_id = ${attemptId}`
  return row ? attemptOf(row) : null
}

const attemptsOf = async (sql: Sql, links: readonly RecordRow[], limit: number): Promise<AttemptRow[]> => {
  const rows = await sql<AttemptColumns>`
    select a.attempt_id, a.started_at, a.finished_at, a.tenant_id, a.pair_id, a.link_id, a.target_connection, a.call, a.trace_id,
      a.outcome, a.status, a.ms, a.fault,
      case when t.body_days is null or a.started_at > clock_timestamp() - make_interval(days => t.body_days)
        then substring(a.request from 1 for ${shownBytes}) end as request,
      case when t.body_days is null or a.started_at > clock_timestamp() - make_interval(days => t.body_days)
        then left(a.answer, ${shownBytes}) end as answer
    from unnest(
      ${links.map((link) => link.tenantId)}::text[], ${links.map((link) => link.pairId)}::text[],
      ${links.map((link) => link.linkId)}::int8[]) as k (tenant_id, pair_id, link_id)
    cross join lateral (
      select *
      from attempt a
      where a.tenant_id = k.tenant_id and a.pair_id = k.pair_id and a.link_id = k.link_id
      order by a.attempt_id desc
      limit ${limit}) a
    join tenant t on t.tenant_id = a.tenant_id
    order by a.started_at desc, a.attempt_id desc
    limit ${limit}`
  return rows.map(attemptOf)
}

const stagedOf = async (sql: Sql, keys: readonly Key[]): Promise<StagedRow[]> => {
  const { tenants, connections, objects, ids } = columns(keys)
  const rows = await sql<{
    tenant_id: string
    connection_id: string
    object: string
    data_id: string
    version: number
    operation: string
    source_time: number | null
    master: string
    details: string | null
  }>`
    select d.tenant_id, d.connection_id, d.object, d.data_id, d.version, d.operation, d.source_time, d.master, d.details
    from unnest(${tenants}::text[], ${connections}::text[], ${objects}::text[], ${ids}::text[]) as k (tenant_id, connection_id, object, data_id)
    cross join lateral (
      select *
      from document d
      where d.tenant_id = k.tenant_id and d.connection_id = k.connection_id and d.object = k.object and d.data_id = k.data_id
      limit 1) d`
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    connectionId: row.connection_id,
    object: row.object,
    id: row.data_id,
    version: row.version,
    operation: row.operation,
    sourceTime: row.source_time,
    content: mask(
      `{"objAPIName":${JSON.stringify(row.object)},"masterFieldVal":${row.master || '{}'}${row.details === null ? '' : `,"detailFieldVals":${row.details}`}}`,
    ),
  }))
}

const fetchesOf = async (sql: Sql, keys: readonly Key[]): Promise<FetchShown[]> => {
  const { tenants, connections, objects, ids } = columns(keys)
  const rows = await sql<{
    tenant_id: string
    connection_id: string
    object: string
    data_id: string
    state: string
    cause: string
    attempts: number
    next_at: number
    fault: string | null
  }>`
    select f.tenant_id, f.connection_id, f.object, f.data_id, f.state, f.cause, f.attempts, f.next_at, f.fault
    from unnest(${tenants}::text[], ${connections}::text[], ${objects}::text[], ${ids}::text[]) as k (tenant_id, connection_id, object, data_id)
    cross join lateral (
      select *
      from "fetch" f
      where f.tenant_id = k.tenant_id and f.connection_id = k.connection_id and f.object = k.object and f.data_id = k.data_id
      limit 1) f`
  return rows.map((row) => {
    const fault = parseFault(row.fault)
    return {
      tenantId: row.tenant_id,
      connectionId: row.connection_id,
      object: row.object,
      id: row.data_id,
      state: row.state,
      cause: row.cause,
      attempts: row.attempts,
      nextAt: row.next_at,
      fault,
      why: faultSentencesOf(fault),
    }
  })
}

const tellingsOf = async (sql: Sql, links: readonly RecordRow[]): Promise<TellingRow[]> => {
  if (!links.length) return []
  const rows = await sql<{
    link_id: number
    told_at: number | null
    open: boolean
    next_at: number
    fault: string | null
  }>`
    select w.link_id, w.told_at, w.told < w.wanted as open, w.next_at, w.fault
    from unnest(
      ${col.text(links.map((one) => one.tenantId))}::text[],
      ${col.text(links.map((one) => one.pairId))}::text[],
      ${col.int8(links.map((one) => one.linkId))}::int8[]) as l (tenant_id, pair_id, link_id)
    join write_back w on w.tenant_id = l.tenant_id and w.pair_id = l.pair_id and w.link_id = l.link_id`
  return rows.map((row) => {
    const fault = parseFault(row.fault)
    return {
      linkId: row.link_id,
      toldAt: row.told_at,
      open: row.open,
      nextAt: row.next_at,
      fault,
      why: faultSentencesOf(fault),
    }
  })
}

const heardOf = async (sql: Sql, links: readonly RecordRow[]): Promise<HeardRow[]> => {
  if (!links.length) return []
  const rows = await sql<{
    link_id: number
    call: string
    noted_at: number
    state: 'due' | 'failed' | 'said'
    fault: string | null
    note: string | null
    logs: string | null
  }>`
    select w.link_id, w.call, w.noted_at, w.state, w.fault, w.note, w.logs
    from unnest(
      ${col.text(links.map((one) => one.tenantId))}::text[],
      ${col.text(links.map((one) => one.pairId))}::text[],
      ${col.int8(links.map((one) => one.linkId))}::int8[]) as l (tenant_id, pair_id, link_id)
    cross join lateral (
      select * from after_write w
      where w.tenant_id = l.tenant_id and w.pair_id = l.pair_id and w.link_id = l.link_id
      order by w.seq desc
      limit 20) w
    order by w.noted_at desc`
  return rows.map((row) => ({
    linkId: row.link_id,
    call: row.call,
    at: row.noted_at,
    state: row.state === 'due' ? 'open' : row.state,
    why: faultSentencesOf(parseFault(row.fault)),
    note: row.note,
    logs: row.logs,
  }))
}

/** `id`: of a record on either side, of a link, or a trace id. Everything is empty when nothing is known by it. */
export const findJourney = (
  sql: Sql,
  id: string,
  options: { tenantId?: string; limit?: number } = {},
): Promise<Journey> => planned(sql, (tx) => readJourney(tx, id, options))

/** Of one link and nothing else that may bear the same number. */
export const journeyOfLink = (sql: Sql, tenantId: string, linkId: number, limit: number): Promise<Journey> =>
  planned(sql, async (tx) => {
    const links = (await linksNumbered(tx, [linkId])).filter((link) => link.tenantId === tenantId)
    return storyOf(tx, links, distinct(recordsOf(links)), limit, { ids: [], tenantId })
  })

/** The links that an id leads to, and records that came in under it and may have none. */
export const lookUp = async (
  sql: Sql,
  id: string,
  tenantId: string | null,
): Promise<{ links: RecordRow[]; alone: Key[] }> => {
  const traces = await tracesOf(sql, id, tenantId)
  const alone = distinct([...traces.records.filter((key) => key.id !== ''), ...(await stagedAs(sql, id, tenantId))])
  const number = /^\d{1,15}$/.test(id) ? [Number(id)] : []
  // a record's id belongs to one object of one connection; elsewhere the same text is another record
  const isOne = (link: RecordRow) =>
    traces.records.some((key) => recordsOf([link]).some((other) => keyText(other) === keyText(key)))
  const links = new Map(
    [
      ...(await linksNumbered(sql, [...number, ...traces.links])),
      ...(await linksOf(sql, [id], tenantId)),
      ...(
        await linksOf(
          sql,
          traces.records.map((key) => key.id),
          tenantId,
        )
      ).filter(isOne),
    ]
      .filter((link) => tenantId === null || link.tenantId === tenantId)
      .map((link) => [JSON.stringify([link.tenantId, link.pairId, link.linkId]), link]),
  )
  return { links: [...links.values()], alone }
}

const readJourney = async (sql: Sql, id: string, options: { tenantId?: string; limit?: number }): Promise<Journey> => {
  const tenantId = options.tenantId ?? null
  const limit = options.limit ?? 20
  const { links: found, alone } = await lookUp(sql, id, tenantId)
  return storyOf(sql, found, distinct([...recordsOf(found), ...alone]), limit, { ids: [id], tenantId })
}

/** `ids`: under which a push in no standard form may be known, which has no record yet. */
const storyOf = async (
  sql: Sql,
  found: RecordRow[],
  keys: readonly Key[],
  limit: number,
  { ids, tenantId }: { ids: readonly string[]; tenantId: string | null },
): Promise<Journey> => {
  const { parents, children } = await relativesOf(sql, found)
  const arrivals = await arrivalsOf(sql, keys, limit)
  const under = [...new Set([...ids, ...arrivals.map((one) => one.traceId)])]
  const pushes = (await pushesOf(sql, tenantId, under, shownBytes, limit)).map(arrivalOf)
  return {
    links: found,
    arrivals: [...arrivals, ...pushes].sort((a, b) => b.receivedAt - a.receivedAt || b.seq - a.seq).slice(0, limit),
    decodes: await decodesOf(sql, tenantId, under),
    attempts: await attemptsOf(sql, found, limit),
    staged: await stagedOf(sql, keys),
    fetches: await fetchesOf(sql, keys),
    troubles: await troublesOf(sql, found),
    told: await tellingsOf(sql, found),
    afterWrite: await heardOf(sql, found),
    parents,
    children,
  }
}

export const isEmpty = (journey: Journey): boolean =>
  !journey.links.length &&
  !journey.arrivals.length &&
  !journey.staged.length &&
  !journey.fetches.length &&
  !journey.decodes.length

export interface Moment {
  at: number
  what: 'came in' | 'call' | 'failed' | 'ended' | 'voided' | 'told' | 'next'
  /** One line. */
  say: string
  traceId?: string
  /** What came in or was sent, and what was answered. */
  request?: string
  answer?: string
}

const place = (connectionId: string, object: string, id: string) => `${connectionId}/${object} ${id}`

/** The story in the order in which it happened. Pure. */
export const timeLine = (journey: Journey): Moment[] => {
  const moments: Moment[] = []
  for (const one of journey.arrivals)
    moments.push({
      at: one.receivedAt,
      what: 'came in',
      say: `${one.operation} of ${place(one.connectionId, one.object, one.id)} by ${one.editedBy === null ? one.channel : `hand (${one.editedBy})`}: ${one.outcome}, ${one.bytes} bytes`,
      traceId: one.traceId,
      ...(one.body !== null && { request: one.body }),
    })
  for (const one of journey.attempts) {
    const heard =
      one.outcome === null
        ? 'nothing heard yet'
        : `${one.outcome}${one.status === null ? '' : `, HTTP ${one.status}`}${one.ms === null ? '' : `, ${one.ms} ms`}`
    moments.push({
      at: one.startedAt,
      what: 'call',
      say: `${one.call} to ${one.target}: ${heard}${one.why.length ? `. ${one.why.join(' ')}` : ''}`,
      traceId: one.traceId,
      ...(one.request !== null && { request: one.request }),
      ...(one.answer !== null && { answer: one.answer }),
    })
  }
  for (const one of journey.troubles) {
    const link = `link ${one.linkId}`
    const why = one.why.join(' ')
    if (one.times > 1)
      moments.push({ at: one.firstAt, what: 'failed', say: `${link}: for the first of ${one.times} times: ${why}` })
    moments.push({ at: one.lastAt, what: 'failed', say: `${link}: ${why}` })
    if (one.closedAt !== null)
      moments.push({
        at: one.closedAt,
        what: 'ended',
        say: `${link}: ${one.closedBy === null ? 'taken up again' : `ignored by ${one.closedBy}: ${one.note ?? ''}`} (error group ${one.group})`,
      })
  }
  for (const one of journey.told) {
    const link = `link ${one.linkId}`
    if (one.toldAt !== null) moments.push({ at: one.toldAt, what: 'told', say: `${link}: its source was told` })
    if (one.open || one.why.length)
      moments.push({
        at: one.nextAt,
        what: 'told',
        say: `${link}: its source ${one.open ? 'is to be told' : 'could not be told'}${one.why.length ? `: ${one.why.join(' ')}` : ''}`,
      })
  }
  for (const one of journey.links) {
    if (one.voidedAt !== null) moments.push({ at: one.voidedAt, what: 'voided', say: `link ${one.linkId} was voided` })
    if (['due', 'waiting', 'unknown'].includes(one.state))
      moments.push({ at: one.nextAt, what: 'next', say: `link ${one.linkId} is looked at again` })
  }
  return moments.sort((a, b) => a.at - b.at)
}
