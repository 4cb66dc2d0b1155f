/** Routes of the objects that a connection's system has 中间表对象. */
import { z } from 'zod'
import {
  absent,
  answered,
  askingOf,
  type Declaring,
  declaredShape,
  dropIn,
  findIn,
  ifMatch,
  listIn,
  putIn,
  type Shown,
  tagged,
  type Tree,
} from '../http/declaring.ts'
import { inTenant, pageOf, paging, refuse, type Route, route, slice } from '../http/route.ts'

export interface ObjectDeps {
  declaring: Declaring
  /** What a file may say of an object (flows/schema.ts). */
  objectFile: z.ZodType
}

const tree = z.record(z.string(), z.unknown()).describe('As in the configuration file.')
const onConnection = inTenant.extend({ connection: z.string().min(1).max(200) })
const anObject = onConnection.extend({ object: z.string().min(1).max(200).describe('Its code.') })

const connectionIs = (id: string) => (entry: Tree) => String(entry.id) === id
const codeIs = (code: string) => (entry: Tree) => String(entry.code) === code

const objectIn =
  ({ connection, object }: { connection: string; object: string }): Shown =>
  (now) =>
    findIn(findIn(now, 'connections', 'id', connection) ?? {}, 'objects', 'code', object)

export const objectRoutes = ({ declaring, objectFile }: ObjectDeps): Route[] => [
  route({
    id: 'listObjects',
    method: 'GET',
    path: '/tenants/:tenant/connections/:connection/objects',
    group: 'objects',
    summary: 'Objects of a connection, with details and fields',
    params: onConnection,
    query: z.object(paging),
    answer: pageOf(tree),
    handle: async ({ params: { tenant, connection }, query }) => {
      const found = findIn(await declaring.tree(tenant), 'connections', 'id', connection)
      return found
        ? slice(listIn(found, 'objects'), (one) => String(one.code), query)
        : absent(`connection ${connection}`)
    },
  }),
  route({
    id: 'showObject',
    method: 'GET',
    path: '/tenants/:tenant/connections/:connection/objects/:object',
    group: 'objects',
    summary: 'One object',
    params: anObject,
    answer: tree,
    handle: async ({ params: { tenant, connection, object } }) => {
      const found = findIn(await declaring.tree(tenant), 'connections', 'id', connection)
      const one = found && findIn(found, 'objects', 'code', object)
      return one ? tagged(one) : absent(`object ${connection}/${object}`)
    },
  }),
  route({
    id: 'putObject',
    method: 'PUT',
    path: '/tenants/:tenant/connections/:connection/objects/:object',
    group: 'objects',
    summary: 'Declare an object',
    params: anObject,
    body: objectFile,
    unchecked: true,
    matched: true,
    answer: declaredShape,
    handle: async (asked) => {
      const { tenant, connection, object } = asked.params
      const { code = object, ...rest } = asked.body as Tree
      if (String(code) !== object)
        return refuse('request.invalid', { said: `code: ${String(code)} ≠ ${object}` }, { path: 'body.code' })
      const focus = `connections[${connection}].objects[${object}]`
      const edit = ifMatch(asked, objectIn(asked.params), (now) => {
        const found = findIn(now, 'connections', 'id', connection)
        if (!found) return absent(`connection ${connection}`)
        const next = putIn(found, 'objects', codeIs(object), { code: object, ...rest })
        return putIn(now, 'connections', connectionIs(connection), next)
      })
      return answered(await declaring.edit(askingOf(asked, 'putObject', tenant), focus, edit), objectIn(asked.params))
    },
  }),
  route({
    id: 'removeObject',
    method: 'DELETE',
    path: '/tenants/:tenant/connections/:connection/objects/:object',
    group: 'objects',
    summary: 'Remove an object that no pair uses; what was staged of it stays',
    params: anObject,
    matched: true,
    answer: declaredShape,
    handle: async (asked) => {
      const { tenant, connection, object } = asked.params
      const edit = ifMatch(asked, objectIn(asked.params), (now) => {
        const found = findIn(now, 'connections', 'id', connection)
        const next = found && dropIn(found, 'objects', codeIs(object))
        return next
          ? putIn(now, 'connections', connectionIs(connection), next)
          : absent(`object ${connection}/${object}`)
      })
      return answered(await declaring.edit(askingOf(asked, 'removeObject', tenant), '', edit))
    },
  }),
]
