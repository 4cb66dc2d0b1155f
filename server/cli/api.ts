/** The management API across rooms: gathers their routes, hands each what it needs, and says who may. */
import { addFirstPerson } from '../access/people.ts'
import { doerOf, writeDown } from '../access/audit.ts'
import { authenticate, permitted } from '../access/door.ts'
import { openGenerated } from '../access/generated.ts'
import { hashPassword } from '../access/password.ts'
import { needOf, permit, roleOf } from '../access/rights.ts'
import { accessRoutes } from '../access/routes.ts'
import type { SecretKey } from '../access/secrets.ts'
import { batchRoutes, type BatchRoutesDeps } from '../batch/routes.ts'
import { flowRoutes } from '../flows/routes.ts'
import { fileSchema } from '../flows/schema.ts'
import { templates } from '../flows/masterdata.ts'
import type { ApiDeps } from '../http/api.ts'
import { type MaintainDeps, maintainRoutes } from '../maintain/routes.ts'
import { objectRoutes } from '../objects/routes.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { callbacksIn } from './batches.ts'
import { declaring } from './declare.ts'

export interface ApiWorld {
  /** Wears `mortise_app`. */
  sql: Sql
  key: SecretKey
  /** The data folder, where secrets that Mortise makes are kept. */
  data: string
  version: string
  newId(): string
  hands: MaintainDeps['hands']
  woke(): void
  tasked(): void
  object: BatchRoutesDeps['object']
  /** A callback is to go out. */
  deliver(): void
  /** The configuration has changed: look now. */
  changed(): Promise<void>
}

/** What a file may say of an object. */
const objectFile = fileSchema.shape.tenants.element.shape.connections.element.shape.objects
  .unwrap()
  .element.omit({ code: true })

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
      ...accessRoutes({ sql }),
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
      ...objectRoutes({ declaring: made, objectFile }),
      ...batchRoutes({
        sql,
        object: world.object,
        callbacks: { ...callbacksIn, woke: world.deliver },
        templates,
        writeDown: (tx, asked, routeId, tenantId, deed) => writeDown(tx, tenantId, doerOf(asked, routeId), [deed]),
      }),
      ...maintainRoutes({
        sql,
        newId: world.newId,
        hands: world.hands,
        woke: world.woke,
        tasked: world.tasked,
        writeDown: (tx, asked, routeId, tenantId, deed) => writeDown(tx, tenantId, doerOf(asked, routeId), [deed]),
      }),
    ],
  }
}

/** On an installation without people: its first owner. True where it was made now, and its password has to be told. */
export const firstPerson = (sql: Sql, { user, password }: { user: string; password: string }): Promise<boolean> =>
  asTenant(sql, '*', (tx) => addFirstPerson(tx, user, () => hashPassword(password)))
