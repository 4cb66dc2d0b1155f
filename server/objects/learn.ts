/** Routes by which objects are learnt from the system that has them: shown as the file would say them, and declared only by whoever puts them. */
import { z } from 'zod'
import { absent, type Tree } from '../http/declaring.ts'
import { inTenant, ok, refuse, type Route, route } from '../http/route.ts'

type Said = { said: string }

export interface Learning {
  /** Undefined: the connection's system describes nothing. */
  learn(
    tenantId: string,
    connectionId: string,
    object: string,
    details: readonly string[],
    signal: AbortSignal,
  ): Promise<{ tree: Tree } | Said | undefined>
  offered(
    tenantId: string,
    connectionId: string,
    signal: AbortSignal,
  ): Promise<{ objects: { code: string; name: string }[] } | Said | undefined>
}

const onConnection = inTenant.extend({ connection: z.string().min(1).max(200) })
const code = z.string().min(1).max(128)
/** Two or three questions to the other system. */
const patience = 30_000

export const learnRoutes = ({ learn, offered }: Learning): Route[] => [
  route({
    id: 'offeredObjects',
    method: 'GET',
    path: '/tenants/:tenant/connections/:connection/offered',
    group: 'objects',
    summary: 'The objects that a CRM says it has',
    describe: 'Connections of kind fxiaoke. Each call asks the CRM and counts against its limits.',
    params: onConnection,
    answer: z.object({ objects: z.array(z.object({ code: z.string(), name: z.string() })) }),
    handle: async ({ params: { tenant, connection } }) => {
      const told = await offered(tenant, connection, AbortSignal.timeout(patience))
      if (!told) return absent(`connection ${connection} of a kind that describes its objects`)
      return 'said' in told ? refuse('other.refused', { said: told.said }) : ok(told)
    },
  }),
  route({
    id: 'learnObject',
    method: 'POST',
    path: '/tenants/:tenant/connections/:connection/learn',
    group: 'objects',
    summary: 'An object as the CRM describes it, ready to be put; nothing is saved',
    describe: 'Connections of kind fxiaoke: fields, types, options, references and the details that are named.',
    params: onConnection,
    body: z.object({ object: code, details: z.array(code).max(20).optional() }),
    answer: z.record(z.string(), z.unknown()).describe('As in the configuration file.'),
    handle: async ({ params: { tenant, connection }, body }) => {
      const told = await learn(tenant, connection, body.object, body.details ?? [], AbortSignal.timeout(patience))
      if (!told) return absent(`connection ${connection} of a kind that describes its objects`)
      return 'said' in told ? refuse('other.refused', { said: told.said }) : ok(told.tree)
    },
  }),
]
