/** The management API across rooms: gathers their routes, hands each what it needs, and says who may. */
import { openIssuers } from '../access/issuer.ts'
import { addFirstPerson } from '../access/people.ts'
import { doerOf, writeDown } from '../access/audit.ts'
import { authenticate, permitted } from '../access/door.ts'
import { openGenerated } from '../access/generated.ts'
import { hashPassword } from '../access/password.ts'
import { needOf, permit, roleOf } from '../access/rights.ts'
import { accessRoutes } from '../access/routes.ts'
import type { SecretKey } from '../access/secrets.ts'
import { type DecodeRoutesDeps, decodingRoutes } from '../decode/routes.ts'
import { mappingRoutes } from '../flows/mapping-routes.ts'
import { batchRoutes, type BatchRoutesDeps } from '../batch/routes.ts'
import { outBatchRoutes, type OutBatchRoutesDeps } from '../dispatch/routes.ts'
import { flowRoutes } from '../flows/routes.ts'
import { tryRoutes } from '../flows/try-connection.ts'
import { fileSchema } from '../flows/schema.ts'
import { templates } from '../flows/masterdata.ts'
import type { ApiDeps } from '../http/api.ts'
import type { Policy } from '../egress/guard.ts'
import type { Route } from '../http/route.ts'
import { type ListenRoutesDeps, listenRoutes } from '../listen/routes.ts'
import { type MaintainDeps, maintainRoutes } from '../maintain/routes.ts'
import { type InterfaceDeps, interfaceRoutes } from '../objects/interface/routes.ts'
import { learningRoutes } from '../objects/learn-routes.ts'
import { playgroundRoutes } from '../objects/playground.ts'
import { type TwoWayDeps, twoWayRoutes } from '../maintain/two-way.ts'
import { type Learning, learnRoutes } from '../objects/learn.ts'
import { objectRoutes } from '../objects/routes.ts'
import { type CompareRouteDeps, compareRoutes } from '../poll/compare-routes.ts'
import { type HistoryRouteDeps, historyRoutes } from '../poll/history-routes.ts'
import { type PlannedRouteDeps, plannedRoutes } from '../poll/planned-routes.ts'
import { type PollRouteDeps, pollRoutes } from '../poll/routes.ts'
import { sweepRoutes } from '../poll/sweep-routes.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { callbacksIn } from './batches.ts'
import { declaring } from './declare.ts'
import { pushPath, type tryingOf } from './trying.ts'
import { mappingHands, type MappingWorld } from './mapping.ts'

export interface ApiWorld {
  /** Wears `mortise_app`. */
  sql: Sql
  key: SecretKey
  /** What issuers of sign-ins may be reached at: as with connections, private addresses too. */
  egress: Pick<Policy, 'allowLoopback' | 'denied'>
  /** The data folder, where secrets that Mortise makes are kept. */
  data: string
  version: string
  newId(): string
  hands: MaintainDeps['hands']
  polls: Pick<PollRouteDeps & HistoryRouteDeps & PlannedRouteDeps, 'polled' | 'readable' | 'plans' | 'now' | 'woke'>
  compare: Pick<CompareRouteDeps, 'flows' | 'repair'>
  described: InterfaceDeps['described']
  trying: ReturnType<typeof tryingOf>
  learning: Learning
  /** Routes of alerts, which bring their own world (cli/alerts.ts). */
  alerts: Route[]
  conflict: TwoWayDeps['conflict']
  mix: TwoWayDeps['mix']
  again: ListenRoutesDeps['again']
  decoding: Pick<DecodeRoutesDeps, 'functions' | 'functionsOf' | 'object' | 'woke' | 'resumed'>
  mapping: Pick<MappingWorld, 'configuration' | 'connector' | 'functions' | 'now'>
  woke(): void
  tasked(): void
  object: BatchRoutesDeps['object']
  /** What goes out in batches (cli/dispatch.ts). */
  outgoing: Pick<OutBatchRoutesDeps, 'lanes' | 'woke'>
  /** A callback is to go out. */
  deliver(): void
  /** The configuration has changed: look now. */
  changed(): Promise<void>
}

const noteOne: MaintainDeps['writeDown'] = (tx, asked, routeId, tenantId, deed) =>
  writeDown(tx, tenantId, doerOf(asked, routeId), [deed])

/** What a file may say of an object. */
const objectFile = fileSchema.shape.tenants.element.shape.connections.element.shape.objects
  .unwrap()
  .element.omit({ code: true })

const functionFile = fileSchema.shape.tenants.element.shape.functions.unwrap().element.omit({ name: true })
const readerFile = fileSchema.shape.tenants.element.shape.connections.element.shape.objects
  .unwrap()
  .element.shape.receive.unwrap()
  .shape.reader.unwrap()

export const apiOf = (world: ApiWorld): ApiDeps => {
  const { sql, key } = world
  const made = declaring({
    sql,
    key,
    generate: async (names) => {
      const generated = await openGenerated(world.data)
      const secrets = Object.fromEntries(names.map((name) => [name, generated.get(name)]))
      await generated.keep()
      return secrets
    },
    changed: world.changed,
  })
  return {
    version: world.version,
    needs: needOf,
    authenticate: authenticate(sql),
    permit: permitted(sql),
    routes: [
      ...accessRoutes({ sql, key, issuers: openIssuers(() => ({ kind: 'connection', ...world.egress })) }),
      ...flowRoutes({
        sql,
        declaring: made,
        roleIn: roleOf,
        maySee: (who, tenantId) => permit(who, 'exportConfiguration', tenantId),
        tenantMade: (asked, tenantId) =>
          asTenant(sql, '*', (tx) =>
            writeDown(tx, '*', doerOf(asked, 'addTenant'), [{ kind: 'tenant', name: tenantId, what: 'added' }]),
          ),
      }),
      ...tryRoutes({
        probe: world.trying.probe,
        tried: (asked, tenantId, connectionId, after) =>
          asTenant(sql, tenantId, (tx) =>
            writeDown(tx, tenantId, doerOf(asked, 'testConnection'), [
              { kind: 'connection', name: connectionId, what: 'done', after },
            ]),
          ),
      }),
      ...mappingRoutes(
        mappingHands({
          ...world.mapping,
          draft: made.draft,
          sql,
          newId: world.newId,
          tasked: world.tasked,
          writeDown: (tx, asked, routeId, tenantId, task) =>
            writeDown(tx, tenantId, doerOf(asked, routeId), [{ kind: 'task', name: task, what: 'added' }]),
        }),
      ),
      ...objectRoutes({ declaring: made, objectFile }),
      ...learnRoutes(world.learning),
      ...world.alerts,
      ...pollRoutes({ sql, ...world.polls, writeDown: noteOne }),
      ...historyRoutes({ sql, ...world.polls, writeDown: noteOne }),
      ...sweepRoutes({ sql, ...world.polls, hint: world.hands.hint, writeDown: noteOne }),
      ...plannedRoutes({ sql, ...world.polls, writeDown: noteOne }),
      ...compareRoutes({ sql, ...world.compare, woke: world.polls.woke, writeDown: noteOne }),
      ...learningRoutes({ declaring: made, fetchRecord: world.trying.fetchRecord }),
      ...playgroundRoutes({
        ask: world.trying.ask,
        push: world.trying.push,
        pushPath,
        has: (...place) => world.described(...place) !== undefined,
        tried: (asked, tenantId, name, after) =>
          asTenant(sql, tenantId, (tx) =>
            writeDown(tx, tenantId, doerOf(asked, 'tryInterface'), [{ kind: 'object', name, what: 'done', after }]),
          ),
      }),
      ...interfaceRoutes({
        sql,
        described: world.described,
        writeDown: noteOne,
      }),
      ...listenRoutes({
        sql,
        again: world.again,
        writeDown: noteOne,
      }),
      ...decodingRoutes({
        sql,
        declaring: made,
        functions: world.decoding.functions,
        functionFile,
        readerFile,
        functionsOf: world.decoding.functionsOf,
        object: world.decoding.object,
        woke: world.decoding.woke,
        resumed: world.decoding.resumed,
        writeDown: noteOne,
      }),
      ...batchRoutes({
        sql,
        object: world.object,
        callbacks: { ...callbacksIn, woke: world.deliver },
        templates,
        writeDown: noteOne,
      }),
      ...outBatchRoutes({ sql, ...world.outgoing, writeDown: noteOne }),
      ...twoWayRoutes({
        sql,
        conflict: world.conflict,
        mix: world.mix,
        rerun: world.hands.rerun,
        woke: world.woke,
        writeDown: (tx, asked, routeId, tenantId, deed) => writeDown(tx, tenantId, doerOf(asked, routeId), [deed]),
      }),
      ...maintainRoutes({
        sql,
        newId: world.newId,
        hands: world.hands,
        woke: world.woke,
        tasked: world.tasked,
        writeDown: noteOne,
      }),
    ],
  }
}

/** On an installation without people: its first owner. True where it was made now, and its password has to be told. */
export const firstPerson = (sql: Sql, { user, password }: { user: string; password: string }): Promise<boolean> =>
  asTenant(sql, '*', (tx) => addFirstPerson(tx, user, () => hashPassword(password)))
