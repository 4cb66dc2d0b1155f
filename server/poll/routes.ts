/** Routes of polling 轮询: how each object's stands, its windows and gaps, run now, read again, pause and resume. */
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import type { PollDef } from '../doc/object.ts'
import {
  type Asked,
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
  toMoment,
  toMomentOrNull,
} from '../http/route.ts'
import { utc, zoneOf } from '../map/zone.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import {
  askAgain,
  isPolled,
  knownStretch,
  type PollState,
  readGaps,
  readPolls,
  readWindows,
  runNow,
  setPaused,
  type WindowRow,
} from './ledger.ts'
import { troubleOf, troubleShape } from './said.ts'
import { nextRuns } from './schedule.ts'
import type { ObjectKey } from './store.ts'

export interface PollRouteDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  /** As declared, with the zone that its schedule means; undefined where the object is not polled. */
  polled(tenantId: string, connectionId: string, object: string): { poll: PollDef; zone: string } | undefined
  now(): number
  /** There may be something to read. */
  woke(): void
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    deed: { kind: string; name: string; what: 'changed' | 'done' | 'added'; before?: unknown; after?: unknown },
  ): Promise<void>
}

const anObject = inTenant.extend({
  connection: z.string().min(1).max(200),
  object: z.string().min(1).max(200).describe('Its code.'),
})
const stretchShape = z.object({ from: moment, to: moment })

const pollShape = z.object({
  connection: z.string(),
  object: z.string(),
  schedule: z.record(z.string(), z.unknown()).nullable().describe('As declared; null: it is not polled any more.'),
  zone: z.string().nullable(),
  state: z.enum(['waiting', 'reading', 'paused', 'trouble']),
  pausedBy: z.string().nullable().describe('Who paused it; "clock": the system’s clock is too far from ours.'),
  readUntil: moment.describe('Everything before was read, on the system’s clock.'),
  lastRun: moment.nullable(),
  nextRuns: z.array(moment),
  late: z.boolean().describe('It should have run long ago: three of its times have passed.'),
  openWindows: z.number().int(),
  skewMs: z.number().nullable(),
  attempts: z.number().int(),
  ...troubleShape,
})

const windowShape = z.object({
  id: z.number().int(),
  cause: z.enum(['schedule', 'again']),
  from: moment,
  to: moment,
  readUntil: moment,
  state: z.enum(['wanted', 'reading', 'done']),
  askedBy: z.string().nullable(),
  startedAt: moment.nullable(),
  endedAt: moment.nullable(),
  requests: z.number(),
  seen: z.number(),
  created: z.number(),
  changed: z.number(),
  unchanged: z.number(),
  failed: z.number(),
  ...troubleShape,
})

const shownWindow = (row: WindowRow, locale: Locale): z.input<typeof windowShape> => ({
  id: row.window_id,
  cause: row.cause,
  from: toMoment(row.from_at),
  to: toMoment(row.to_at),
  readUntil: toMoment(row.read_until),
  state: row.state,
  askedBy: row.asked_by,
  startedAt: toMomentOrNull(row.started_at),
  endedAt: toMomentOrNull(row.ended_at),
  requests: row.requests,
  seen: row.seen,
  created: row.created,
  changed: row.changed,
  unchanged: row.unchanged,
  failed: row.failed,
  ...troubleOf(row.fault, locale),
})

/** So many of a schedule's times may pass before a person should look (promise 22). */
const patience = 3

export const pollRoutes = ({ sql, polled, now, woke, writeDown }: PollRouteDeps): Route[] => {
  const shown = (state: PollState, locale: Locale): z.input<typeof pollShape> => {
    const declared = polled(state.tenant_id, state.connection_id, state.object)
    const zone = declared ? (zoneOf(declared.zone) ?? utc) : utc
    const runs = declared ? nextRuns(declared.poll, zone, now(), 5) : []
    const missed = declared ? nextRuns(declared.poll, zone, state.next_at, patience) : []
    const isLate = state.paused_by === null && (missed.at(-1) ?? Number.POSITIVE_INFINITY) < now()
    return {
      connection: state.connection_id,
      object: state.object,
      schedule: declared ? { ...declared.poll } : null,
      zone: declared?.zone ?? null,
      state: state.paused_by ? 'paused' : state.reading ? 'reading' : state.fault ? 'trouble' : 'waiting',
      pausedBy: state.paused_by,
      readUntil: toMoment(state.done_until),
      lastRun: toMomentOrNull(state.ran_at),
      nextRuns: (state.paused_by ? [] : runs).map(toMoment),
      late: declared !== undefined && isLate,
      openWindows: state.wanted,
      skewMs: state.skew_ms,
      attempts: state.attempts,
      ...troubleOf(state.fault, locale),
    }
  }
  const keyOf = (params: { tenant: string; connection: string; object: string }): ObjectKey => ({
    tenant_id: params.tenant,
    connection_id: params.connection,
    object: params.object,
  })
  const nameOf = (key: ObjectKey): string => `${key.connection_id}/${key.object}`
  const absent = (key: ObjectKey): Refused => refuse('absent', { what: `poll ${nameOf(key)}` })

  /** One deed at one polled object, written down; then the poller looks. */
  const deed = async (
    asked: Asked<{ tenant: string; connection: string; object: string }, unknown, unknown>,
    routeId: string,
    after: string,
    work: (tx: Sql, key: ObjectKey) => Promise<boolean>,
  ) => {
    const key = keyOf(asked.params)
    const found = await asTenant(sql, key.tenant_id, async (tx) => {
      if (!(await work(tx, key))) return false
      await writeDown(tx, asked, routeId, key.tenant_id, { kind: 'poll', name: nameOf(key), what: 'done', after })
      return true
    })
    if (!found) return absent(key)
    woke()
    return done()
  }

  return [
    route({
      id: 'listPolls',
      method: 'GET',
      path: '/tenants/:tenant/polls',
      group: 'polls',
      summary:
        'Every object that is polled: its schedule, how far it is read, its next five runs, and what is in the way',
      params: inTenant,
      query: z.object(paging),
      answer: pageOf(pollShape),
      handle: async ({ params: { tenant }, query, locale }) => {
        const states = await asTenant(sql, tenant, (tx) => readPolls(tx, tenant))
        return slice(
          states.map((one) => shown(one, locale)),
          (one) => `${one.connection}/${one.object}`,
          query,
        )
      },
    }),
    route({
      id: 'listPollWindows',
      method: 'GET',
      path: '/tenants/:tenant/polls/:connection/:object/windows',
      group: 'polls',
      summary: 'The ledger of windows 轮询窗口, newest first: which stretch was read, when, and what came of it',
      params: anObject,
      query: z.object(paging),
      answer: pageOf(windowShape),
      handle: async ({ params, query, locale }) => {
        const before = fromCursor(z.number().int(), query.cursor)
        if (isRefused(before)) return before
        const key = keyOf(params)
        const rows = await asTenant(sql, params.tenant, async (tx) =>
          (await isPolled(tx, key)) ? readWindows(tx, key, before, query.limit + 1) : null,
        )
        if (!rows) return absent(key)
        return pageFrom(
          rows,
          query.limit,
          (row) => shownWindow(row, locale),
          (last) => last.window_id,
        )
      },
    }),
    route({
      id: 'listPollGaps',
      method: 'GET',
      path: '/tenants/:tenant/polls/:connection/:object/gaps',
      group: 'polls',
      summary: 'Stretches that no window has read, between the first window that is kept and how far it is read',
      params: anObject,
      query: z.object({ from: moment.optional(), to: moment.optional() }),
      answer: z.object({ within: stretchShape.nullable(), gaps: z.array(stretchShape) }),
      handle: async ({ params, query }) => {
        const key = keyOf(params)
        return asTenant(sql, params.tenant, async (tx) => {
          if (!(await isPolled(tx, key))) return absent(key)
          const known = await knownStretch(tx, key)
          const within = known && {
            from: query.from === undefined ? known.from : Date.parse(query.from),
            to: Math.min(known.to, query.to === undefined ? known.to : Date.parse(query.to)),
          }
          if (!within || within.from >= within.to) return ok({ within: null, gaps: [] })
          const said = ({ from, to }: { from: number; to: number }) => ({ from: toMoment(from), to: toMoment(to) })
          return ok({ within: said(within), gaps: (await readGaps(tx, key, within)).map(said) })
        })
      },
    }),
    route({
      id: 'runPoll',
      method: 'POST',
      path: '/tenants/:tenant/polls/:connection/:object/run',
      group: 'polls',
      summary: 'Run now',
      params: anObject,
      handle: (asked) => deed(asked, 'runPoll', 'run now', runNow),
    }),
    route({
      id: 'pausePoll',
      method: 'POST',
      path: '/tenants/:tenant/polls/:connection/:object/pause',
      group: 'polls',
      summary: 'Pause; what is missed meanwhile is read once it goes on',
      params: anObject,
      handle: (asked) => deed(asked, 'pausePoll', 'paused', (tx, key) => setPaused(tx, key, asked.who.name)),
    }),
    route({
      id: 'resumePoll',
      method: 'POST',
      path: '/tenants/:tenant/polls/:connection/:object/resume',
      group: 'polls',
      summary: 'Go on, at once',
      params: anObject,
      handle: (asked) => deed(asked, 'resumePoll', 'resumed', (tx, key) => setPaused(tx, key, null)),
    }),
    route({
      id: 'readPollAgain',
      method: 'POST',
      path: '/tenants/:tenant/polls/:connection/:object/again',
      group: 'polls',
      summary: 'Read stretches again: the given one, or every gap',
      params: anObject,
      body: z.union([stretchShape, z.object({ gaps: z.literal(true) })]),
      answer: z.object({ windows: z.number().int() }),
      handle: async (asked) => {
        const key = keyOf(asked.params)
        const declared = polled(key.tenant_id, key.connection_id, key.object)
        if (!declared) return absent(key)
        const { body } = asked
        if ('from' in body && Date.parse(body.from) >= Date.parse(body.to))
          return refuse('request.invalid', { said: 'to ≤ from' }, { path: 'body.to' })
        const windows = await asTenant(sql, key.tenant_id, async (tx) => {
          const known = await knownStretch(tx, key)
          const stretches =
            'from' in body
              ? [{ from: Date.parse(body.from), to: Date.parse(body.to) }]
              : known
                ? await readGaps(tx, key, known)
                : []
          const count = await askAgain(tx, key, stretches, declared.poll.slice, asked.who.name)
          await writeDown(tx, asked, 'readPollAgain', key.tenant_id, {
            kind: 'poll',
            name: nameOf(key),
            what: 'done',
            after: stretches.map(({ from, to }) => `${toMoment(from)} … ${toMoment(to)}`),
          })
          return count
        })
        woke()
        return ok({ windows })
      },
    }),
  ]
}
