/** Routes of 数据维护: status, records and their journeys, retries, what a person declares, ID mapping, and the tasks of long work. */
import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import { advice } from '../doc/advice.ts'
import { type Fault, faultSentences, sentence } from '../doc/fault.ts'
import type { Admitted, Hint, Side } from '../doc/document.ts'
import {
  type Asked,
  begun,
  done,
  fromCursor,
  inTenant,
  isRefused,
  moment,
  ok,
  pageOf,
  pageFrom,
  paging,
  refuse,
  type Refused,
  type Route,
  route,
  slice,
  toCursor,
  toMoment,
  toMomentOrNull,
} from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { ignoreAll, type LinkName, nameOf, refetchAll, sourceOf } from './deeds.ts'
import { type Call, listCalls } from './calls.ts'
import { type ErrorGroup, readGroups } from './groups.ts'
import { attemptAt, findJourney, isEmpty, type Journey, journeyOfLink } from './journey.ts'
import { countRecords, engineStates, type Mapped, type PageFilter, pageOfLinks } from './pages.ts'
import { CursorRefused, linksNumbered, listRecords, type RecordFilter, type RecordRow } from './records.ts'
import { readPulse, spans } from './pulse.ts'
import { askReads } from './reads.ts'
import type { Relative } from './relatives.ts'
import { search } from './search.ts'
import { readStatus } from './status.ts'
import { addTask, readTasks, stopTask, type Task } from './tasks.ts'
import { faultSentencesOf, shownState, shownStates } from './words.ts'

/** What happened to a mapping that a person asked for (converge/ids.ts). */
export type BoundByHand =
  | { kind: 'bound' | 'already'; linkId: number }
  | { kind: 'taken'; side: Side; to: string }
  | { kind: 'busy'; linkId: number }
export type Unbound = { kind: 'unbound'; leftId: string; rightId: string } | { kind: 'busy' } | { kind: 'not bound' }

export interface MaintainDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  newId(): string
  hands: {
    rerun(sql: Sql, links: readonly LinkName[], side: Side | null): Promise<number>
    declare(sql: Sql, link: LinkName, said: { found: string } | 'absent'): Promise<boolean>
    bind(sql: Sql, pair: { tenant_id: string; pair_id: string }, leftId: string, rightId: string): Promise<BoundByHand>
    /** D6: after the commit. */
    wakeBound(pair: { tenant_id: string; pair_id: string }, leftId: string, rightId: string): Promise<unknown>
    unbind(sql: Sql, link: LinkName): Promise<Unbound>
    ignore(sql: Sql, links: readonly LinkName[]): Promise<LinkName[]>
    /** By the road, and with a commit of its own: what came in is not for people to write. */
    hint(hints: readonly Hint[]): Promise<void>
    /** What is staged of that side, as a body of the standard format. */
    staged(sql: Sql, row: RecordRow, side: Side): Promise<string>
    /** By the road as well. A sentence: the door refuses the body. */
    admitEdited(row: RecordRow, side: Side, body: Buffer, who: string, locale: Locale): Promise<Admitted | string>
  }
  /** In the change's own transaction (access/audit.ts). */
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    deed: {
      kind: string
      name: string
      what: 'changed' | 'done' | 'removed' | 'added'
      before?: unknown
      after?: unknown
    },
  ): Promise<void>
  /** There is work for the engine; there is a task. */
  woke(): void
  tasked(): void
}

// ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const endShape = z.object({ connection: z.string(), object: z.string(), id: z.string().nullable() })
const faultShape = z
  .record(z.string(), z.unknown())
  .describe('code, stage, field, value, expected, said, also: docs/errors.md.')

const recordShape = z.object({
  link: z.number().int(),
  pair: z.string(),
  left: endShape,
  right: endShape,
  state: z.enum(shownStates),
  engineState: z.string(),
  reason: z.string().nullable(),
  held: z.boolean(),
  target: z.string(),
  attempts: z.number(),
  since: moment.nullable().describe('Start of the trouble.'),
  nextAt: moment.nullable(),
  firstSeenAt: moment,
  voidedAt: moment.nullable(),
  generation: z.number(),
  settled: z.number(),
  waitsFor: z.array(z.string()).nullable(),
  unanswered: z.object({ at: moment, call: z.string(), side: z.string() }).nullable(),
  fault: faultShape.nullable(),
  group: z.string().nullable().describe('The error group of the fault.'),
  why: z.array(z.string()).describe('The faults as sentences, in the caller’s language.'),
})

const shownRecord = (row: RecordRow, locale: Locale): z.input<typeof recordShape> => ({
  link: row.linkId,
  pair: row.pairId,
  left: { connection: row.left.connectionId, object: row.left.object, id: row.left.id },
  right: { connection: row.right.connectionId, object: row.right.object, id: row.right.id },
  state: row.shown,
  engineState: row.state,
  reason: row.reason,
  held: row.held,
  target: row.target,
  attempts: row.attempts,
  since: toMomentOrNull(row.since),
  nextAt: toMomentOrNull(row.nextAt),
  firstSeenAt: toMoment(row.firstArrivalAt),
  voidedAt: toMomentOrNull(row.voidedAt),
  generation: row.generation,
  settled: row.settled,
  waitsFor: row.waitOn,
  unanswered: row.sent && { ...row.sent, at: toMoment(row.sent.at) },
  fault: row.fault as (Fault & Record<string, unknown>) | null,
  group: row.group,
  why: faultSentencesOf(row.fault, locale),
})

const relativeShape = z.object({
  pair: z.string(),
  link: z.number().nullable().describe('Null: that pair does not know the record yet.'),
  left: z.string().nullable(),
  right: z.string().nullable(),
  state: z.enum(shownStates).nullable(),
  through: z.string().describe('The field that refers; of a child: what it waits for.'),
})

const journeyShape = z.object({
  links: z.array(recordShape),
  arrivals: z.array(
    z.object({
      seq: z.number(),
      at: moment,
      connection: z.string(),
      object: z.string(),
      id: z.string(),
      operation: z.string(),
      channel: z.string(),
      traceId: z.string(),
      outcome: z.string(),
      bytes: z.number(),
      body: z.string().nullable().describe('Credentials hidden, the end cut off.'),
      editedBy: z.string().nullable(),
    }),
  ),
  told: z
    .array(
      z.object({
        link: z.number(),
        at: moment.nullable(),
        open: z.boolean(),
        why: z.array(z.string()),
      }),
    )
    .describe('What the source was last told of how the record fared (writeBack).'),
  afterWrite: z
    .array(
      z.object({
        link: z.number(),
        call: z.string(),
        at: moment,
        state: z.enum(['open', 'failed', 'said']),
        why: z.array(z.string()),
        note: z.string().nullable(),
        logs: z.string().nullable(),
      }),
    )
    .describe('What the flow’s function after write said of a call, or why it failed; the write stands. Newest first.'),
  attempts: z.array(
    z.object({
      attempt: z.number(),
      at: moment,
      endedAt: moment.nullable(),
      pair: z.string(),
      link: z.number(),
      target: z.string(),
      call: z.string(),
      traceId: z.string(),
      outcome: z.string().nullable(),
      status: z.number().nullable(),
      ms: z.number().nullable(),
      request: z.string().nullable().describe('Both with credentials hidden, the end cut off.'),
      answer: z.string().nullable(),
      fault: faultShape.nullable(),
      why: z.array(z.string()),
    }),
  ),
  staged: z.array(
    z.object({
      connection: z.string(),
      object: z.string(),
      id: z.string(),
      version: z.number(),
      operation: z.string(),
      sourceTime: moment.nullable(),
      content: z.string().describe('JSON of the standard format, credentials hidden.'),
    }),
  ),
  reads: z.array(
    z.object({
      connection: z.string(),
      object: z.string(),
      id: z.string(),
      state: z.string(),
      cause: z.string(),
      attempts: z.number(),
      nextAt: moment.nullable(),
      why: z.array(z.string()),
    }),
  ),
  troubles: z
    .array(
      z.object({
        link: z.number(),
        group: z.string(),
        why: z.array(z.string()),
        times: z.number(),
        firstAt: moment,
        lastAt: moment,
        closedAt: moment.nullable().describe('Null: it is in this trouble now.'),
        closedBy: z.string().nullable().describe('Who ignored it.'),
        note: z.string().nullable(),
      }),
    )
    .describe('What its links were parked for, now and before.'),
  parents: z.array(relativeShape).describe('Records it refers to.'),
  children: z.array(relativeShape).describe('Records that wait for it.'),
  decodes: z
    .array(
      z.object({
        seq: z.number(),
        connection: z.string(),
        object: z.string(),
        state: z.string(),
        attempts: z.number(),
        group: z.string().nullable(),
        why: z.array(z.string()),
        logs: z.string().nullable(),
      }),
    )
    .describe('Pushes in no standard form that wait to be decoded, or failed to be.'),
})

const shownRelative = (one: Relative): z.input<typeof relativeShape> => ({
  pair: one.pairId,
  link: one.linkId,
  left: one.left,
  right: one.right,
  state: one.shown,
  through: one.through,
})

const shownJourney = (journey: Journey, locale: Locale): z.input<typeof journeyShape> => ({
  links: journey.links.map((row) => shownRecord(row, locale)),
  arrivals: journey.arrivals.map(
    ({ seq, receivedAt, connectionId, object, id, operation, channel, traceId, outcome, bytes, body, editedBy }) => ({
      seq,
      at: toMoment(receivedAt),
      connection: connectionId,
      object,
      id,
      operation,
      channel,
      traceId,
      outcome,
      bytes,
      body,
      editedBy,
    }),
  ),
  told: journey.told.map((one) => ({
    link: one.linkId,
    at: toMomentOrNull(one.toldAt),
    open: one.open,
    why: faultSentencesOf(one.fault, locale),
  })),
  afterWrite: journey.afterWrite.map(({ linkId: link, at, ...one }) => ({ link, at: toMoment(at), ...one })),
  attempts: journey.attempts.map((one) => ({
    attempt: one.attemptId,
    at: toMoment(one.startedAt),
    endedAt: toMomentOrNull(one.finishedAt),
    pair: one.pairId,
    link: one.linkId,
    target: one.target,
    call: one.call,
    traceId: one.traceId,
    outcome: one.outcome,
    status: one.status,
    ms: one.ms,
    request: one.request,
    answer: one.answer,
    fault: one.fault as (Fault & Record<string, unknown>) | null,
    why: faultSentencesOf(one.fault, locale),
  })),
  staged: journey.staged.map((one) => ({
    connection: one.connectionId,
    object: one.object,
    id: one.id,
    version: one.version,
    operation: one.operation,
    sourceTime: toMomentOrNull(one.sourceTime),
    content: one.content,
  })),
  reads: journey.fetches.map((one) => ({
    connection: one.connectionId,
    object: one.object,
    id: one.id,
    state: one.state,
    cause: one.cause,
    attempts: one.attempts,
    nextAt: toMomentOrNull(one.nextAt),
    why: faultSentencesOf(one.fault, locale),
  })),
  troubles: journey.troubles.map((one) => ({
    link: one.linkId,
    group: one.group,
    why: faultSentencesOf(one.fault, locale),
    times: one.times,
    firstAt: toMoment(one.firstAt),
    lastAt: toMoment(one.lastAt),
    closedAt: toMomentOrNull(one.closedAt),
    closedBy: one.closedBy,
    note: one.note,
  })),
  parents: journey.parents.map(shownRelative),
  children: journey.children.map(shownRelative),
  decodes: journey.decodes.map(({ tenantId: _tenant, connectionId, fault, ...one }) => ({
    connection: connectionId,
    ...one,
    why: faultSentencesOf(fault, locale),
  })),
})

const taskShape = z.object({
  task: z.string(),
  kind: z.string(),
  askedBy: z.string(),
  state: z.enum(['running', 'done', 'failed', 'stopped']),
  total: z.number(),
  done: z.number(),
  fault: z.string().nullable(),
  result: z.unknown().describe('What it found: of a dry run its counts and faults.'),
  createdAt: moment,
  endedAt: moment.nullable(),
})

const shownTask = (task: Task): z.input<typeof taskShape> => ({
  task: task.taskId,
  kind: task.kind,
  askedBy: task.askedBy,
  state: task.state,
  total: task.total,
  done: task.done,
  fault: task.fault,
  result: task.result,
  createdAt: toMoment(task.createdAt),
  endedAt: toMomentOrNull(task.endedAt),
})

const linkShape = z.object({
  link: z.number().int(),
  pair: z.string(),
  left: z.string().nullable(),
  right: z.string().nullable(),
  state: z.enum(shownStates),
})

const shownLink = (row: Mapped): z.input<typeof linkShape> => ({
  link: row.linkId,
  pair: row.pairId,
  left: row.leftId,
  right: row.rightId,
  state: shownState(row.state, row.reason),
})

// ── filters ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const stateWords = z.enum([...new Set([...shownStates, ...engineStates])] as [string, ...string[]])
const groupName = z.string().regex(/^[0-9a-f]{1,64}$/)
const filterFields = {
  flow: z
    .string()
    .regex(/^[^:]+(:(leftToRight|rightToLeft))?$/)
    .optional()
    .describe('customer, or customer:leftToRight.'),
  object: z
    .string()
    .regex(/^[^/]+\/.+$/)
    .optional()
    .describe('connection/code, on either side.'),
  state: z
    .union([stateWords.transform((one) => [one]), z.array(stateWords)])
    .optional()
    .describe('One or several, shown or engine states.'),
  fault: z
    .enum(Object.keys(faultSentences) as [string, ...string[]])
    .optional()
    .describe('Code of the fault: docs/errors.md.'),
  group: groupName.optional().describe('Name of an error group.'),
  from: moment.optional().describe('In trouble since then or later; without trouble: last sent.'),
  to: moment.optional(),
  keyword: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Of records in trouble part of an id or of the fault; of the others, how an id begins.'),
}
const filterShape = z.object(filterFields)

const filterOf = (tenantId: string, given: z.output<typeof filterShape>): PageFilter => {
  const [pairId = null, direction] = given.flow?.split(':') ?? []
  const [connectionId = '', ...code] = given.object?.split('/') ?? []
  return {
    tenantId,
    pairId,
    from: direction === undefined ? null : direction === 'leftToRight' ? 'left' : 'right',
    object: given.object === undefined ? null : { connectionId, code: code.join('/') },
    states: given.state ?? [],
    fault: given.fault ?? null,
    group: given.group ?? null,
    since: given.from === undefined ? null : Date.parse(given.from),
    until: given.to === undefined ? null : Date.parse(given.to),
    keyword: given.keyword ?? null,
    upTo: null,
  }
}

/** The same words for the list, which an index answers: a flow's direction is told by where its records travel to. */
const listFilterOf = async (
  tx: Sql,
  tenantId: string,
  given: z.output<typeof filterShape>,
  limit: number,
): Promise<RecordFilter> => {
  const { pairId, from, object, states, fault, group, since, until, keyword } = filterOf(tenantId, given)
  const [pair] =
    pairId !== null && from !== null
      ? await tx<{ target: string }>`
          select case ${from} when 'left' then right_connection else left_connection end as target
          from pair
          where tenant_id = ${tenantId} and pair_id = ${pairId}`
      : []
  return {
    tenantId,
    states,
    limit,
    ...(pairId !== null && { pairId }),
    ...(pair && { target: pair.target }),
    ...(object && { object: object.code, objectOf: object.connectionId }),
    ...(fault !== null && { fault }),
    ...(group !== null && { group }),
    ...(since !== null && { from: since }),
    ...(until !== null && { until }),
    ...(keyword !== null && { keyword }),
  }
}

// ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const aLink = inTenant.extend({ link: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })
const sideWord = z.enum(['left', 'right'])

const linkIn = async (tx: Sql, tenantId: string, linkId: number): Promise<RecordRow | Refused> => {
  const found = (await linksNumbered(tx, [linkId])).find((row) => row.tenantId === tenantId)
  return found ?? refuse('absent', { what: `record ${linkId}` })
}

const recordName = (row: RecordRow) => `${row.pairId} ${row.linkId}`

/** What the trail says of a record before something was done about it. */
const standing = (row: RecordRow) => ({ state: row.shown, reason: row.reason, why: row.why })

const recordRoutes = ({ sql, hands, writeDown, woke }: MaintainDeps): Route[] => [
  route({
    id: 'showStatus',
    method: 'GET',
    path: '/tenants/:tenant/status',
    group: 'records',
    summary: 'How many records stand where, per flow; what each connection still has before it',
    params: inTenant,
    answer: z.object({
      at: moment,
      flows: z.array(
        z.object({
          pair: z.string(),
          flow: z.enum(['leftToRight', 'rightToLeft']),
          state: z.string(),
          source: z.string(),
          target: z.string(),
          counts: z.record(z.enum(shownStates), z.number()),
          held: z.number(),
          oldestPending: moment.nullable(),
          sweep: z.object({ what: z.string(), done: z.number(), total: z.number().nullable() }).nullable(),
        }),
      ),
      connections: z.array(
        z.object({
          connection: z.string(),
          backlog: z.number(),
          heldByBreaker: z.number(),
          reads: z.number(),
          readsFailed: z.number(),
        }),
      ),
      decoding: z.number(),
      decodingFailed: z.number(),
      queues: z.array(
        z.object({
          connection: z.string(),
          queue: z.string(),
          kind: z.string(),
          state: z.string(),
          nodes: z.number(),
          lag: z.number().nullable(),
          taken: z.number(),
          fault: z.string().nullable(),
        }),
      ),
      refusedEvents: z.number(),
    }),
    handle: async ({ params: { tenant } }) => {
      const status = await asTenant(sql, tenant, (tx) => readStatus(tx, tenant))
      const end = (one: { connectionId: string; object: string }) => `${one.connectionId}/${one.object}`
      return ok({
        at: toMoment(status.at),
        flows: status.flows.map((flow) => ({
          pair: flow.pairId,
          flow: flow.from === 'left' ? ('leftToRight' as const) : ('rightToLeft' as const),
          state: flow.state,
          source: end(flow.source),
          target: end(flow.target),
          counts: flow.counts,
          held: flow.held,
          oldestPending: toMomentOrNull(flow.oldestDue),
          sweep: flow.sweep,
        })),
        connections: status.connections.map(({ tenantId: _tenant, connectionId, ...rest }) => ({
          connection: connectionId,
          ...rest,
        })),
        decoding: status.decoding,
        decodingFailed: status.decodingFailed,
        queues: status.queues.map(({ tenantId: _tenant, connectionId, queueId, ...rest }) => ({
          connection: connectionId,
          queue: queueId,
          ...rest,
        })),
        refusedEvents: status.refusedEvents,
      })
    },
  }),
  route({
    id: 'listRecords',
    method: 'GET',
    path: '/tenants/:tenant/records',
    group: 'records',
    summary: 'Records with their state and the reason 数据维护',
    params: inTenant,
    describe:
      'What is in trouble first, the oldest first; then what is under way; then what rests, the newest first. A page may hold fewer than `limit` though more follow.',
    query: z.object({ ...paging, ...filterFields }),
    answer: pageOf(recordShape),
    handle: async ({ params: { tenant }, query: { limit, cursor, ...filter }, locale }) => {
      try {
        const page = await asTenant(sql, tenant, async (tx) =>
          listRecords(tx, {
            ...(await listFilterOf(tx, tenant, filter, limit)),
            ...(cursor !== undefined && { cursor }),
          }),
        )
        return ok({ items: page.records.map((row) => shownRecord(row, locale)), next: page.next })
      } catch (error) {
        if (!(error instanceof CursorRefused)) throw error
        return refuse('request.invalid', { said: 'cursor' }, { path: 'query.cursor' })
      }
    },
  }),
  route({
    id: 'showRecord',
    method: 'GET',
    path: '/tenants/:tenant/records/:link',
    group: 'records',
    summary: 'One record, by the number of its link',
    params: aLink,
    answer: recordShape,
    handle: async ({ params: { tenant, link }, locale }) => {
      const row = await asTenant(sql, tenant, (tx) => linkIn(tx, tenant, link))
      return isRefused(row) ? row : ok(shownRecord(row, locale))
    },
  }),
  route({
    id: 'showJourney',
    method: 'GET',
    path: '/tenants/:tenant/journey',
    group: 'records',
    summary: 'One record’s whole story, found by any id: of either side, of its link, or a trace id',
    params: inTenant,
    query: z.object({
      id: z.string().min(1).max(256),
      limit: z.coerce.number().int().min(1).max(200).default(20).describe('Arrivals and attempts, newest first.'),
    }),
    answer: journeyShape,
    handle: async ({ params: { tenant }, query: { id, limit }, locale }) => {
      const journey = await asTenant(sql, tenant, (tx) => findJourney(tx, id, { tenantId: tenant, limit }))
      return isEmpty(journey) ? refuse('absent', { what: `record ${id}` }) : ok(shownJourney(journey, locale))
    },
  }),
  route({
    id: 'search',
    method: 'GET',
    path: '/tenants/:tenant/search',
    group: 'records',
    summary:
      'What is known by a text: an id of either side, a record’s number, a trace id, a bizId, or a part of a name',
    describe:
      'Names are what an object’s `nameField` holds. No index knows them: they are looked at for so long as a person waits, and `complete` says whether that was all; an id is always found.',
    params: inTenant,
    query: z.object({ text: z.string().trim().min(1).max(256) }),
    answer: z.object({
      records: z.array(recordShape),
      staged: z
        .array(z.object({ connection: z.string(), object: z.string(), id: z.string() }))
        .describe('Came in under that id, and no flow takes it.'),
      pushes: z
        .array(
          z.object({
            seq: z.number(),
            connection: z.string(),
            object: z.string(),
            state: z.string(),
            why: z.array(z.string()),
          }),
        )
        .describe('Pushes in no standard form, by their trace id, that wait to be decoded or failed to be.'),
      batches: z.array(
        z.object({
          batch: z.number().int(),
          client: z.string(),
          path: z.string(),
          bizId: z.string(),
          object: z.string(),
        }),
      ),
      named: z.array(
        z.object({
          connection: z.string(),
          object: z.string(),
          id: z.string(),
          name: z.string(),
          records: z.array(recordShape),
        }),
      ),
      complete: z.boolean(),
    }),
    handle: async ({ params: { tenant }, query: { text }, locale }) => {
      const found = await asTenant(sql, tenant, (tx) =>
        search(tx, tenant, text, { now: () => performance.now(), patience: 1_500 }),
      )
      return ok({
        records: found.records.map((row) => shownRecord(row, locale)),
        staged: found.alone.map(({ connectionId, object, id }) => ({ connection: connectionId, object, id })),
        pushes: found.pushes.map(({ seq, connectionId, object, state, fault }) => ({
          seq,
          connection: connectionId,
          object,
          state,
          why: faultSentencesOf(fault, locale),
        })),
        batches: found.batches,
        named: found.named.map(({ connectionId, object, id, name, links }) => ({
          connection: connectionId,
          object,
          id,
          name,
          records: links.map((row) => shownRecord(row, locale)),
        })),
        complete: found.complete,
      })
    },
  }),
  route({
    id: 'showStory',
    method: 'GET',
    path: '/tenants/:tenant/records/:link/journey',
    group: 'records',
    summary: 'The whole story of one record, by the number of its link',
    params: aLink,
    query: z.object({
      limit: z.coerce.number().int().min(1).max(200).default(50).describe('Arrivals and attempts, newest first.'),
    }),
    answer: journeyShape,
    handle: async ({ params: { tenant, link }, query: { limit }, locale }) => {
      const journey = await asTenant(sql, tenant, (tx) => journeyOfLink(tx, tenant, link, limit))
      return journey.links.length ? ok(shownJourney(journey, locale)) : refuse('absent', { what: `record ${link}` })
    },
  }),
  route({
    id: 'retryRecord',
    method: 'POST',
    path: '/tenants/:tenant/records/:link/retry',
    group: 'records',
    summary: 'Go through one record again; what is unresolved is resolved first',
    params: aLink,
    body: z
      .object({ side: sideWord.optional().describe('Whose content travels; default: the side that travelled last.') })
      .default({}),
    answer: recordShape,
    handle: async (asked) => {
      const { tenant, link } = asked.params
      const row = await asTenant(sql, tenant, async (tx) => {
        const before = await linkIn(tx, tenant, link)
        if (isRefused(before)) return before
        await hands.rerun(tx, [nameOf(before)], asked.body.side ?? null)
        const after = await linkIn(tx, tenant, link)
        await writeDown(tx, asked, 'retryRecord', tenant, {
          kind: 'record',
          name: recordName(before),
          what: 'done',
          before: standing(before),
          after: { retry: true, ...asked.body },
        })
        return after
      })
      if (isRefused(row)) return row
      woke()
      return ok(shownRecord(row, asked.locale))
    },
  }),
  route({
    id: 'declareRecord',
    method: 'POST',
    path: '/tenants/:tenant/records/:link/declare',
    group: 'records',
    summary: 'Say what became of a create that was never answered and that nobody can look up',
    params: aLink,
    body: z.union([
      z.object({ found: z.string().min(1).max(128).describe('This is the record it made at the target.') }).strict(),
      z.object({ absent: z.literal(true).describe('It made none; create it again.') }).strict(),
    ]),
    answer: recordShape,
    handle: async (asked) => {
      const { tenant, link } = asked.params
      const said = 'found' in asked.body ? { found: asked.body.found } : ('absent' as const)
      const row = await asTenant(sql, tenant, async (tx) => {
        const before = await linkIn(tx, tenant, link)
        if (isRefused(before)) return before
        if (!(await hands.declare(tx, nameOf(before), said))) return refuse('record.settled')
        await writeDown(tx, asked, 'declareRecord', tenant, {
          kind: 'record',
          name: recordName(before),
          what: 'done',
          before: standing(before),
          after: { declared: said },
        })
        return linkIn(tx, tenant, link)
      })
      if (isRefused(row)) return row
      woke()
      return ok(shownRecord(row, asked.locale))
    },
  }),
]

// ── deeds of one record ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
const aSide = z
  .object({ side: sideWord.optional().describe('Default: the side the record came from last.') })
  .default({})

const deedRoutes = ({ sql, hands, writeDown, woke }: MaintainDeps): Route[] => [
  route({
    id: 'ignoreRecord',
    method: 'POST',
    path: '/tenants/:tenant/records/:link/ignore',
    group: 'records',
    summary: 'Let a failure be until the record comes in again',
    params: aLink,
    body: z.object({ reason: z.string().trim().min(1).max(500).describe('Shown with the record.') }),
    answer: recordShape,
    handle: async (asked) => {
      const { tenant, link } = asked.params
      const { reason } = asked.body
      const row = await asTenant(sql, tenant, async (tx) => {
        const before = await linkIn(tx, tenant, link)
        if (isRefused(before)) return before
        if (!(await ignoreAll(tx, hands, [before], asked.who.actor, reason)))
          return refuse('record.refused', { said: before.sent ? `${before.shown}, ${before.sent.call}` : before.shown })
        await writeDown(tx, asked, 'ignoreRecord', tenant, {
          kind: 'record',
          name: recordName(before),
          what: 'done',
          before: standing(before),
          after: { ignored: reason },
        })
        return linkIn(tx, tenant, link)
      })
      return isRefused(row) ? row : ok(shownRecord(row, asked.locale))
    },
  }),
  route({
    id: 'refetchRecord',
    method: 'POST',
    path: '/tenants/:tenant/records/:link/refetch',
    group: 'records',
    summary: 'Read a record from its source again, and send what it holds now',
    params: aLink,
    body: aSide,
    answer: recordShape,
    handle: async (asked) => {
      const { tenant, link } = asked.params
      const side = asked.body.side ?? null
      const row = await asTenant(sql, tenant, async (tx) => {
        const before = await linkIn(tx, tenant, link)
        if (isRefused(before)) return before
        const end = before[side ?? sourceOf(before)]
        if (end.id === null) return refuse('record.refused', { said: `${end.connectionId}/${end.object}: id?` })
        await writeDown(tx, asked, 'refetchRecord', tenant, {
          kind: 'record',
          name: recordName(before),
          what: 'done',
          before: standing(before),
          after: { readAgain: `${end.connectionId}/${end.object}`, id: end.id },
        })
        // last, for it commits by itself: where it fails, what was written down is undone
        const { rerun, hint } = hands
        const asking = { rerun, hint: (_tx: Sql, hints: readonly Hint[]) => hint(hints) }
        await refetchAll(tx, asking, [before], () => asked.traceId, asked.who.actor, side)
        return linkIn(tx, tenant, link)
      })
      if (isRefused(row)) return row
      woke()
      return ok(shownRecord(row, asked.locale))
    },
  }),
  route({
    id: 'showBody',
    method: 'GET',
    path: '/tenants/:tenant/records/:link/body',
    group: 'records',
    summary: 'What is staged of a record, whole and with nothing hidden: to be edited',
    params: aLink,
    query: z.object({ side: sideWord.optional().describe('Default: the side the record came from last.') }),
    answer: z.object({ side: sideWord, body: z.string().describe('JSON of the standard format, as text.') }),
    handle: async ({ params: { tenant, link }, query }) =>
      asTenant(sql, tenant, async (tx) => {
        const row = await linkIn(tx, tenant, link)
        if (isRefused(row)) return row
        const side = query.side ?? sourceOf(row)
        return ok({ side, body: await hands.staged(tx, row, side) })
      }),
  }),
  route({
    id: 'runBody',
    method: 'POST',
    path: '/tenants/:tenant/records/:link/body',
    group: 'records',
    summary: 'Stage an edited body of a record, by the rules of the door, and go through the record again',
    describe:
      'It counts until the source sends another. The body is text, so that its numbers stay as they are written.',
    params: aLink,
    body: z.object({
      body: z.string().min(2).describe('JSON of the standard format, as text: see showBody.'),
      side: sideWord.optional().describe('Default: the side the record came from last.'),
    }),
    answer: recordShape,
    handle: async (asked) => {
      const { tenant, link } = asked.params
      const before = await asTenant(sql, tenant, (tx) => linkIn(tx, tenant, link))
      if (isRefused(before)) return before
      const side = asked.body.side ?? sourceOf(before)
      const { actor } = asked.who
      const end = before[side]
      if (end.id === null) return refuse('record.refused', { said: `${end.connectionId}/${end.object}: id?` })
      // Staged by the road with a commit of its own, which keeps beside it who edited; the trail follows with the re-run.
      const admitted = await hands.admitEdited(before, side, Buffer.from(asked.body.body), actor, asked.locale)
      if (typeof admitted === 'string') return refuse('record.refused', { said: admitted }, { path: 'body.body' })
      const row = await asTenant(sql, tenant, async (tx) => {
        await hands.rerun(tx, [nameOf(before)], side)
        await writeDown(tx, asked, 'runBody', tenant, {
          kind: 'record',
          name: recordName(before),
          what: 'done',
          before: standing(before),
          after: { edited: side, staged: admitted.kind },
        })
        return linkIn(tx, tenant, link)
      })
      woke()
      return isRefused(row) ? row : ok(shownRecord(row, asked.locale))
    },
  }),
]

// ── error groups ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const groupShape = z.object({
  group: z.string().describe('Its name, for as long as kind, stage, field and flow are the same.'),
  what: z
    .enum(['record', 'read', 'decode'])
    .describe('`read`: records that could not be read from their source. `decode`: pushes that could not be decoded.'),
  pair: z.string().nullable(),
  flow: z.enum(['leftToRight', 'rightToLeft']).nullable(),
  connection: z.string().describe('Where its records travel to, or whence they could not be read.'),
  object: z.string().nullable(),
  code: z.string(),
  stage: z.string(),
  field: z.string().nullable(),
  count: z.number(),
  states: z.object({ failed: z.number(), unknown: z.number(), waiting: z.number(), pending: z.number() }),
  firstSeen: moment.nullable(),
  lastSeen: moment.nullable(),
  sample: faultShape.describe('The fault of its newest record.'),
  sentence: z.string(),
  todo: z.string().describe('What to do, in the language of the caller.'),
})

const shownGroup = (one: ErrorGroup, locale: Locale): z.input<typeof groupShape> => ({
  group: one.group,
  what: one.what,
  pair: one.flow?.pairId ?? null,
  flow: one.flow?.from ? (one.flow.from === 'left' ? 'leftToRight' : 'rightToLeft') : null,
  connection: one.connectionId,
  object: one.object,
  code: one.code,
  stage: one.stage,
  field: one.field,
  count: one.count,
  states: one.states,
  firstSeen: toMomentOrNull(one.firstSeen),
  lastSeen: toMomentOrNull(one.lastSeen),
  sample: one.sample as Fault & Record<string, unknown>,
  sentence: sentence(one.sample, locale),
  todo: advice(one.code, locale),
})

/** More kinds of trouble than a person reads. */
const mostGroups = 1_000

const groupRoutes = ({ sql, hands, newId, writeDown }: MaintainDeps): Route[] => [
  route({
    id: 'listGroups',
    method: 'GET',
    path: '/tenants/:tenant/groups',
    group: 'records',
    summary: 'What is in trouble, by kind, stage, field and flow, the most first; with what to do about it',
    params: inTenant,
    query: z.object({ ...paging, flow: filterFields.flow }),
    answer: pageOf(groupShape),
    handle: async ({ params: { tenant }, query, locale }) => {
      const [pairId, direction] = query.flow?.split(':') ?? []
      const groups = await asTenant(sql, tenant, (tx) =>
        readGroups(tx, { tenantId: tenant, limit: mostGroups, ...(pairId !== undefined && { pairId }) }),
      )
      const shown = groups
        .map((one) => shownGroup(one, locale))
        .filter((one) => direction === undefined || one.flow === direction)
      return slice(shown, (one) => `${String(one.count).padStart(15, '0')} ${one.what} ${one.group}`, {
        ...query,
        descending: true,
      })
    },
  }),
  route({
    id: 'refetchGroup',
    method: 'POST',
    path: '/tenants/:tenant/groups/:group/refetch',
    group: 'records',
    summary: 'Ask once more for all records of a group that could not be read',
    params: inTenant.extend({ group: groupName }),
    answer: z.object({ asked: z.number() }),
    handle: async (asked) => {
      const { tenant, group } = asked.params
      return asTenant(sql, tenant, async (tx) => {
        const reads = (await readGroups(tx, { tenantId: tenant, group })).find((one) => one.what === 'read')
        if (!reads) return refuse('absent', { what: `group of reads ${group}` })
        await writeDown(tx, asked, 'refetchGroup', tenant, {
          kind: 'group',
          name: group,
          what: 'done',
          before: { count: reads.count, why: [reads.sentence] },
          after: { readAgain: `${reads.connectionId}/${reads.object}` },
        })
        const hint = (_tx: Sql, hints: readonly Hint[]) => hands.hint(hints)
        return ok({ asked: await askReads(tx, { hint }, tenant, group, newId, asked.who.actor) })
      })
    },
  }),
]

// ── retries of all that match ────────────────────────────────────────────────────────────────────────────────────────────────────────
const selection = filterShape.refine(
  (given) => Object.values(given).some((value) => value !== undefined),
  'say which records: flow, object, state, fault, group, from, to or keyword',
)

const retryRoutes = ({ sql, newId, writeDown, tasked }: MaintainDeps): Route[] => [
  route({
    id: 'estimateRetry',
    method: 'POST',
    path: '/tenants/:tenant/retries/estimate',
    group: 'records',
    summary: 'How many records a retry of this selection would go through',
    params: inTenant,
    body: selection,
    answer: z.object({ matched: z.number() }),
    handle: async ({ params: { tenant }, body }) => {
      const { count } = await asTenant(sql, tenant, (tx) => countRecords(tx, filterOf(tenant, body)))
      return ok({ matched: count })
    },
  }),
  route({
    id: 'retryMatching',
    method: 'POST',
    path: '/tenants/:tenant/retries',
    group: 'records',
    summary: 'Go through all records of a selection again; answers a task to follow',
    params: inTenant,
    body: z.object({
      filter: selection,
      side: sideWord.optional(),
      expected: z.number().int().min(0).optional().describe('What the estimate said: another number now is refused.'),
    }),
    status: 202,
    answer: taskShape,
    handle: async (asked) => {
      const { tenant } = asked.params
      const { side = null, expected } = asked.body
      const filter = filterOf(tenant, asked.body.filter)
      const task = await asTenant(sql, tenant, async (tx) => {
        const { count, upTo } = await countRecords(tx, filter)
        if (expected !== undefined && expected !== count)
          return refuse('count.changed', { found: String(count), expected: String(expected) })
        const made = await addTask(tx, tenant, {
          taskId: newId(),
          asked: { filter: { ...filter, upTo }, side },
          askedBy: asked.who.actor,
          total: count,
        })
        await writeDown(tx, asked, 'retryMatching', tenant, {
          kind: 'task',
          name: made.taskId,
          what: 'added',
          after: { retry: asked.body.filter, side, matched: count },
        })
        return made
      })
      if (isRefused(task)) return task
      tasked()
      return begun(shownTask(task), `/api/v1/tenants/${encodeURIComponent(tenant)}/tasks/${task.taskId}`)
    },
  }),
]

// ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const aTask = inTenant.extend({ task: z.string().min(1).max(64) })

const taskRoutes = ({ sql, writeDown }: MaintainDeps): Route[] => [
  route({
    id: 'listTasks',
    method: 'GET',
    path: '/tenants/:tenant/tasks',
    group: 'tasks',
    summary: 'Long work, the newest first',
    params: inTenant,
    query: z.object({ ...paging, state: z.enum(['running', 'done', 'failed', 'stopped']).optional() }),
    answer: pageOf(taskShape),
    handle: async ({ params: { tenant }, query }) => {
      const tasks = await asTenant(sql, tenant, (tx) => readTasks(tx, tenant))
      const wanted = tasks.filter((task) => !query.state || task.state === query.state)
      return slice(wanted.map(shownTask), (task) => `${task.createdAt} ${task.task}`, { ...query, descending: true })
    },
  }),
  route({
    id: 'showTask',
    method: 'GET',
    path: '/tenants/:tenant/tasks/:task',
    group: 'tasks',
    summary: 'How far a task is',
    params: aTask,
    answer: taskShape,
    handle: async ({ params: { tenant, task } }) => {
      const [found] = await asTenant(sql, tenant, (tx) => readTasks(tx, tenant, task))
      return found ? ok(shownTask(found)) : refuse('absent', { what: `task ${task}` })
    },
  }),
  route({
    id: 'stopTask',
    method: 'DELETE',
    path: '/tenants/:tenant/tasks/:task',
    group: 'tasks',
    summary: 'Stop a task; what it has done stays',
    params: aTask,
    handle: async (asked) => {
      const { tenant, task } = asked.params
      return asTenant(sql, tenant, async (tx) => {
        const [found] = await readTasks(tx, tenant, task)
        if (!found) return refuse('absent', { what: `task ${task}` })
        if (await stopTask(tx, tenant, task))
          await writeDown(tx, asked, 'stopTask', tenant, {
            kind: 'task',
            name: task,
            what: 'changed',
            after: { state: 'stopped' },
          })
        return done()
      })
    },
  }),
]

// ── ID mapping ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const boundWord = z
  .enum(['true', 'false'])
  .transform((word) => word === 'true')
  .optional()
  .describe('Only rows that know both ids, or only those that do not.')

/** The whole mapping slice by slice: a million rows are never in memory. */
async function* csvOf(sql: Sql, tenantId: string, pairId: string | null): AsyncGenerator<string> {
  yield '\ufeff' // Excel reads UTF-8 only where this says so
  yield stringify([['pair', 'link', 'left', 'right', 'state']])
  for (let after: number | null = null; ; ) {
    const { rows, next } = await asTenant(sql, tenantId, (tx) =>
      pageOfLinks(tx, { tenantId, pairId, id: null, bound: null }, after, 1_000),
    )
    if (rows.length)
      yield stringify(
        rows.map((row) => [row.pairId, row.linkId, row.leftId, row.rightId, shownState(row.state, row.reason)]),
        { escape_formulas: true },
      )
    if (next === null) return
    after = next
  }
}

const mappingRoutes = ({ sql, hands, writeDown, woke }: MaintainDeps): Route[] => [
  route({
    id: 'listLinks',
    method: 'GET',
    path: '/tenants/:tenant/links',
    group: 'ID mapping',
    summary: 'ID mapping 中间表',
    params: inTenant,
    query: z.object({
      ...paging,
      pair: z.string().optional(),
      id: z.string().min(1).max(128).optional().describe('Beginning of an id of either side.'),
      bound: boundWord,
    }),
    answer: pageOf(linkShape),
    handle: async ({ params: { tenant }, query: { limit, cursor, pair = null, id = null, bound = null } }) => {
      const after = fromCursor(z.number().int(), cursor)
      if (isRefused(after)) return after
      const page = await asTenant(sql, tenant, (tx) =>
        pageOfLinks(tx, { tenantId: tenant, pairId: pair, id, bound }, after, limit),
      )
      return ok({ items: page.rows.map(shownLink), next: page.next === null ? null : toCursor(page.next) })
    },
  }),
  route({
    id: 'exportLinks',
    method: 'GET',
    path: '/tenants/:tenant/links.csv',
    group: 'ID mapping',
    summary: 'ID mapping as CSV',
    params: inTenant,
    query: z.object({ pair: z.string().optional() }),
    text: 'text/csv',
    handle: async ({ params: { tenant }, query }) => ({
      status: 200,
      headers: { 'Content-Disposition': 'attachment; filename="id-mapping.csv"' },
      text: { type: 'text/csv; charset=utf-8', content: Readable.from(csvOf(sql, tenant, query.pair ?? null)) },
    }),
  }),
  route({
    id: 'bindLink',
    method: 'POST',
    path: '/tenants/:tenant/pairs/:pair/links',
    group: 'ID mapping',
    summary: 'Say that two records are one',
    params: inTenant.extend({ pair: z.string().min(1).max(200) }),
    body: z.object({ left: z.string().min(1).max(128), right: z.string().min(1).max(128) }),
    answer: recordShape,
    handle: async (asked) => {
      const { tenant, pair } = asked.params
      const { left, right } = asked.body
      const row = await asTenant(sql, tenant, async (tx) => {
        const [known] = await tx`select from pair where tenant_id = ${tenant} and pair_id = ${pair}`
        if (!known) return refuse('absent', { what: `pair ${pair}` })
        const bound = await hands.bind(tx, { tenant_id: tenant, pair_id: pair }, left, right)
        if (bound.kind === 'taken')
          return refuse('link.refused', { said: `${bound.side === 'left' ? left : right} = ${bound.to}` })
        if (bound.kind === 'busy') return refuse('link.refused', { said: `record ${bound.linkId}` })
        if (bound.kind === 'bound')
          await writeDown(tx, asked, 'bindLink', tenant, {
            kind: 'link',
            name: `${pair} ${bound.linkId}`,
            what: 'changed',
            after: { left, right },
          })
        return linkIn(tx, tenant, bound.linkId)
      })
      if (isRefused(row)) return row
      await hands.wakeBound({ tenant_id: tenant, pair_id: pair }, left, right)
      woke()
      return ok(shownRecord(row, asked.locale))
    },
  }),
  route({
    id: 'unbindLink',
    method: 'DELETE',
    path: '/tenants/:tenant/records/:link/mapping',
    group: 'ID mapping',
    summary: 'Say that two records are not one; nothing is sent by that',
    params: aLink,
    answer: recordShape,
    handle: async (asked) => {
      const { tenant, link } = asked.params
      const row = await asTenant(sql, tenant, async (tx) => {
        const before = await linkIn(tx, tenant, link)
        if (isRefused(before)) return before
        const parted = await hands.unbind(tx, nameOf(before))
        if (parted.kind !== 'unbound') return refuse('link.refused', { said: parted.kind })
        await writeDown(tx, asked, 'unbindLink', tenant, {
          kind: 'link',
          name: recordName(before),
          what: 'changed',
          before: { left: before.left.id, right: before.right.id },
        })
        return linkIn(tx, tenant, link)
      })
      return isRefused(row) ? row : ok(shownRecord(row, asked.locale))
    },
  }),
]

// ── calls and how flows fare ─────────────────────────────────────────────────────────────────────────────────────────────────────────
const callShape = z.object({
  attempt: z.number(),
  at: moment,
  endedAt: moment.nullable(),
  pair: z.string(),
  link: z.number(),
  target: z.string(),
  call: z.string(),
  traceId: z.string(),
  outcome: z.string().nullable().describe('Null: nothing heard yet.'),
  status: z.number().nullable(),
  ms: z.number().nullable(),
  bytes: z.number().nullable().describe('Of the request.'),
  why: z.array(z.string()),
})
const wholeCall = callShape.extend({
  request: z.string().nullable().describe('Both with credentials hidden, the end cut off.'),
  answer: z.string().nullable(),
})

const shownCall = (one: Omit<Call, 'why'>, locale: Locale): z.input<typeof callShape> => ({
  attempt: one.attemptId,
  at: toMoment(one.startedAt),
  endedAt: toMomentOrNull(one.finishedAt),
  pair: one.pairId,
  link: one.linkId,
  target: one.target,
  call: one.call,
  traceId: one.traceId,
  outcome: one.outcome,
  status: one.status,
  ms: one.ms,
  bytes: one.bytes,
  why: faultSentencesOf(one.fault, locale),
})

const afterCall = z.object({ at: z.number(), id: z.number() })

const callRoutes = ({ sql }: MaintainDeps): Route[] => [
  route({
    id: 'listCalls',
    method: 'GET',
    path: '/tenants/:tenant/calls',
    group: 'calls',
    summary: 'Calls to other systems 接口日志, the newest first',
    params: inTenant,
    query: z.object({
      ...paging,
      pair: z.string().max(200).optional(),
      target: z.string().max(200).optional().describe('Connection that was called.'),
      call: z.string().max(100).optional().describe('create, update, …'),
      outcome: z.string().max(40).optional().describe('applied, refused, again, unknown; `open`: nothing heard yet.'),
      trace: z.string().max(64).optional(),
      from: moment.optional(),
      to: moment.optional(),
    }),
    answer: pageOf(callShape),
    handle: async ({ params: { tenant }, query, locale }) => {
      const after = fromCursor(afterCall, query.cursor)
      if (isRefused(after)) return after
      const calls = await asTenant(sql, tenant, (tx) =>
        listCalls(tx, {
          tenantId: tenant,
          pairId: query.pair ?? null,
          target: query.target ?? null,
          outcome: query.outcome ?? null,
          call: query.call ?? null,
          trace: query.trace ?? null,
          since: query.from === undefined ? null : Date.parse(query.from),
          before: after ?? (query.to === undefined ? null : { at: Date.parse(query.to), id: 0 }),
          limit: query.limit + 1,
        }),
      )
      return pageFrom(
        calls,
        query.limit,
        (one) => shownCall(one, locale),
        (last) => ({ at: last.startedAt, id: last.attemptId }),
      )
    },
  }),
  route({
    id: 'showCall',
    method: 'GET',
    path: '/tenants/:tenant/calls/:attempt',
    group: 'calls',
    summary: 'One call, with what was sent and answered',
    params: inTenant.extend({ attempt: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
    query: z.object({ at: moment.describe('When it was made: `at` of the list.') }),
    answer: wholeCall,
    handle: async ({ params: { tenant, attempt }, query, locale }) => {
      const found = await asTenant(sql, tenant, (tx) => attemptAt(tx, tenant, attempt, Date.parse(query.at)))
      if (!found) return refuse('absent', { what: `call ${attempt}` })
      const { request, answer } = found
      return ok({
        ...shownCall({ ...found, bytes: request === null ? null : Buffer.byteLength(request) }, locale),
        request,
        answer,
      })
    },
  }),
  route({
    id: 'showPulse',
    method: 'GET',
    path: '/tenants/:tenant/pulse',
    group: 'records',
    summary: 'How each flow fared over an hour, a day or a week, step by step; steps in which nothing was are left out',
    params: inTenant,
    query: z.object({ span: z.enum(['hour', 'day', 'week']).default('hour') }),
    answer: z.object({
      from: moment,
      to: moment,
      step: z.number().describe('Seconds.'),
      steps: z.array(
        z.object({
          at: moment,
          pair: z.string(),
          target: z.string(),
          applied: z.number(),
          refused: z.number(),
          again: z.number().describe('Calls that will be made again.'),
          unanswered: z.number(),
          ms: z.number().describe('Of all its calls together.'),
          backlog: z.number(),
          oldestMs: z.number().describe('How long the oldest pending record waited.'),
        }),
      ),
    }),
    handle: async ({ params: { tenant }, query: { span } }) => {
      const steps = await asTenant(sql, tenant, (tx) => readPulse(tx, tenant, span))
      const now = Date.now()
      return ok({
        from: toMoment(now - spans[span].seconds * 1_000),
        to: toMoment(now),
        step: spans[span].step,
        steps: steps.map(({ at, pairId, ...one }) => ({ at: toMoment(at), pair: pairId, ...one })),
      })
    },
  }),
]

export const maintainRoutes = (deps: MaintainDeps): Route[] => [
  ...recordRoutes(deps),
  ...deedRoutes(deps),
  ...groupRoutes(deps),
  ...retryRoutes(deps),
  ...taskRoutes(deps),
  ...mappingRoutes(deps),
  ...callRoutes(deps),
]
