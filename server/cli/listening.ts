/** Joins the room that listens to the rest: the door for webhooks, the agent for queues, and the hands of its routes. */
import { addressesOf } from '../connect/queue.ts'
import type { Admitted, Arrival, Hint } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { QueueDef } from '../doc/queue.ts'
import type { Policy } from '../egress/guard.ts'
import type { RecordDoor } from '../http/record.ts'
import { type AgainDeps, readEventsAgain } from '../listen/again.ts'
import { type Declared, type Listener, type ListenerDeps, startListener } from '../listen/listener.ts'
import { webhookDoor } from '../listen/webhook.ts'
import type { Sql } from '../store/sql.ts'
import type { Configuration } from './configuration.ts'

export interface ListeningDeps {
  env: Env
  node: string
  sql: Sql
  policy: Policy
  configuration(): Configuration
  admit(row: Arrival): Promise<Admitted>
  hint(row: Hint): Promise<void>
  counted?: ListenerDeps['counted']
  lost?: ListenerDeps['lost']
  log: ListenerDeps['log']
}

/** Loaded with the first queue of its kind: Kafka's client alone takes as long to load as a third of the program. */
const brokers: ListenerDeps['open'] = {
  rabbitmq: async (queue, deps) => (await import('../connect/rabbitmq/rabbitmq.ts')).openRabbitmq(queue, deps),
  nats: async (queue, deps) => (await import('../connect/nats/nats.ts')).openNats(queue, deps),
  kafka: async (queue, deps) => (await import('../connect/kafka/kafka.ts')).openKafka(queue, deps),
}

const queuesOf = ({ connections }: Configuration): Declared[] =>
  connections.flatMap(({ def }) =>
    (def.queues ?? []).map((queue) => ({ tenantId: def.tenantId, connectionId: def.connectionId, queue })),
  )

/** What of a queue must never be seen in the log. */
export const passwordsOf = ({ url, tls }: QueueDef): string[] => [
  ...addressesOf(url).map((one) => (URL.canParse(one) ? decodeURIComponent(new URL(one).password) : '')),
  tls?.key ?? '',
]

export const openListening = (deps: ListeningDeps) => {
  const { admit, hint, log } = deps
  const connection = (tenantId: string, connectionId: string) => {
    const configuration = deps.configuration()
    const found = configuration.catalog.connection(tenantId, connectionId)
    const def = configuration.connection(tenantId, connectionId)
    return found && def && { zone: found.zone, readable: def.readable, object: found.object, events: def.events }
  }
  let listener: Listener | null = null
  const againDeps: AgainDeps = { connection, admit, hint, newId: deps.env.id }
  return {
    door: (): RecordDoor =>
      webhookDoor({
        hooks: { find: (connectionId, hash) => deps.configuration().hooks.find(connectionId, hash) },
        catalog: { connection },
        admit,
        hint,
        now: deps.env.now,
        log,
      }),
    again: (tenantId: string, rows: Parameters<typeof readEventsAgain>[2]) =>
      readEventsAgain(againDeps, tenantId, rows),
    /** Once everything stands that an event may wake. */
    listen: (): void => {
      listener = startListener({
        ...deps,
        connection,
        open: brokers,
      })
      listener.refresh(queuesOf(deps.configuration()))
    },
    refresh: (configuration: Configuration): void => listener?.refresh(queuesOf(configuration)),
    views: () => listener?.views() ?? [],
    /** What is under way is stored and acknowledged; the rest goes back to the brokers. */
    stop: async (): Promise<void> => {
      await listener?.stop()
    },
  }
}
