/** NATS JetStream behind the queues' contract: a durable pull consumer that all nodes share, explicit acknowledgement, the servers of a cluster. */
import { AckPolicy, type ConsumerMessages, DeliverPolicy, jetstream, type JsMsg } from '@nats-io/jetstream'
import { connect, nanos, type NatsConnection } from '@nats-io/transport-node'
import type { QueueDef } from '../../doc/queue.ts'
import { addressesOf, checkHost, gather, type Message, type OpenQueue, type QueueDeps } from '../queue.ts'

const patience = 5_000
/** Unacknowledged messages of all nodes together. */
const mostPending = 20_000

const dial = async (queue: QueueDef, deps: QueueDeps): Promise<NatsConnection> => {
  const urls = addressesOf(queue.url).map((one) => new URL(one))
  for (const url of urls) await checkHost(url.hostname, Number(url.port) || 4222, deps.policy)
  const [first] = urls
  const user = decodeURIComponent(first?.username ?? '')
  const pass = decodeURIComponent(first?.password ?? '')
  const isTls = urls.some((url) => url.protocol === 'tls:')
  return connect({
    servers: urls.map((url) => `${url.hostname}:${url.port || 4222}`),
    name: deps.clientName,
    reconnect: false, // the listener opens anew, and says so
    ignoreClusterUpdates: true, // only addresses that were checked
    timeout: patience,
    pingInterval: 5_000,
    maxPingOut: 2,
    ...(user && (pass ? { user, pass } : { token: user })),
    ...((isTls || queue.tls) && { tls: { ...queue.tls } }),
  })
}

export const openNats: OpenQueue = async (queue, deps) => {
  const def = queue.nats
  if (!def) throw new Error(`queue ${queue.id} does not say which stream of NATS it is`)
  const connection = await dial(queue, deps)
  const close = async (): Promise<void> => {
    await Promise.race([
      connection.close().catch(() => {}),
      new Promise<void>((done) => setTimeout(done, 2_000).unref()),
    ])
  }
  try {
    const js = jetstream(connection, { timeout: patience })
    const manager = await js.jetstreamManager()
    const known = await manager.consumers.info(def.stream, def.durable).catch((error: unknown) => {
      if (/consumer not found/i.test(String(error))) return null
      throw error
    })
    if (!known)
      await manager.consumers.add(def.stream, {
        durable_name: def.durable,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(def.ackWait),
        max_ack_pending: mostPending,
        deliver_policy: def.startFrom === 'new' ? DeliverPolicy.New : DeliverPolicy.All,
        ...(def.subjects.length === 1 && { filter_subject: def.subjects[0] as string }),
        ...(def.subjects.length > 1 && { filter_subjects: def.subjects }),
      })
    const consumer = await js.consumers.get(def.stream, def.durable)

    return {
      async consume(take, signal) {
        let lose: (why: unknown) => void = () => {}
        const ended = new Promise<never>((_, reject) => (lose = reject))
        ended.catch(() => {})
        void connection.closed().then((why) => lose(why ?? new Error('the server ended the connection')))
        const toMessage = (one: JsMsg): Message => ({
          body: Buffer.from(one.data.buffer, one.data.byteOffset, one.data.byteLength),
          place: `${def.stream} #${one.seq}`,
          redelivered: one.redelivered,
        })
        const batches = gather<JsMsg>(
          queue.batch,
          async (batch) => {
            // a database that is away for longer than the server waits: the messages stay ours
            const working = setInterval(() => {
              for (const one of batch) one.working()
            }, def.ackWait / 3)
            try {
              const stored = await take(batch.map(toMessage))
              for (const [i, one] of batch.entries())
                if (stored[i]) one.ack()
                else one.nak()
            } finally {
              clearInterval(working)
            }
          },
          lose,
        )
        const messages: ConsumerMessages = await Promise.race([
          consumer.consume({ max_messages: queue.batch * 2, expires: 10_000, idle_heartbeat: 2_000 }),
          ended,
        ])
        const watching = (async () => {
          for await (const told of messages.status()) {
            if (told.type === 'consumer_not_found' || told.type === 'consumer_deleted')
              lose(new Error(`the durable consumer ${def.durable} was deleted`))
            else if (told.type === 'stream_not_found') lose(new Error(`the stream ${def.stream} was deleted`))
            // An election takes a moment; a server that says nothing for longer is opened anew.
            else if (told.type === 'heartbeats_missed' && told.count >= 2)
              lose(new Error('no sign of life of the stream'))
          }
        })()
        watching.catch(() => {})
        const reading = (async () => {
          for await (const one of messages) batches.add(one)
          if (!signal.aborted) throw new Error('the subscription ended')
        })()
        reading.catch(lose)
        const stopped = new Promise<void>((done) => {
          if (signal.aborted) done()
          signal.addEventListener('abort', () => done(), { once: true })
        })
        try {
          await Promise.race([stopped, ended])
          messages.stop()
          for (const one of await batches.close()) one.nak()
          await Promise.race([connection.flush(), ended])
        } finally {
          messages.stop()
          await batches.close()
        }
      },
      async lag() {
        try {
          const info = await manager.consumers.info(def.stream, def.durable)
          return info.num_pending + info.num_ack_pending
        } catch {
          return null
        }
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
