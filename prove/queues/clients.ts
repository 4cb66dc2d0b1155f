/** Ordinary clients that publish to the brokers, as a CRM would: nothing of ours is in them, and what the broker did not confirm is sent again. */
import { jetstream, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { connect as connectNats, type NatsConnection } from '@nats-io/transport-node'
import { type ChannelModel, type ConfirmChannel, connect as connectRabbit } from 'amqplib'
import { setTimeout as wait } from 'node:timers/promises'
import type { Cluster } from './brokers.ts'

export interface Publisher {
  /** Ends once the broker has it on its disks. */
  publish(body: string): Promise<void>
  close(): Promise<void>
}

const insist = async (what: string, attempt: () => Promise<void>): Promise<void> => {
  for (const end = Date.now() + 60_000; ; await wait(100)) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() > end) throw new Error(`${what} failed for a minute`, { cause: error })
    }
  }
}

const within = <T>(ms: number, promise: Promise<T>): Promise<T> =>
  Promise.race([promise, wait(ms, undefined, { ref: false }).then(() => Promise.reject(new Error('too slow')))])

export const natsPublisher = async (cluster: Cluster, stream: string, subject: string): Promise<Publisher> => {
  let connection: NatsConnection | null = null
  let opening: Promise<NatsConnection> | null = null
  const open = async (): Promise<NatsConnection> => {
    if (connection && !connection.isClosed()) return connection
    opening ??= connectNats({ servers: cluster.nodes.map((node) => node.url), timeout: 2_000 }).finally(
      () => (opening = null),
    )
    connection = await opening
    return connection
  }
  await insist('the stream', async () => {
    const manager = await jetstreamManager(await open(), { timeout: 3_000 })
    const replicas = cluster.nodes.length
    const config = { name: stream, subjects: [subject], num_replicas: replicas, storage: StorageType.File }
    await manager.streams.add({ ...config, retention: RetentionPolicy.Limits })
  })
  return {
    // JetStream answers "not enabled" or nothing at all while it elects: both mean again
    publish: (body) =>
      insist('a publish', async () => {
        await jetstream(await open(), { timeout: 2_000 }).publish(subject, body)
      }),
    close: async () => void (await connection?.close()),
  }
}

/** Who the leader of a stream is, by its place in the cluster. */
export const natsLeader = async (cluster: Cluster, stream: string): Promise<number> => {
  const connection = await connectNats({ servers: cluster.nodes.map((node) => node.url), timeout: 2_000 })
  try {
    const { cluster: shown } = await (await jetstreamManager(connection)).streams.info(stream)
    return Number(shown?.leader?.slice(1) ?? 0)
  } finally {
    await connection.close()
  }
}

/** The queue is declared through the first node, which makes it the leader. */
export const rabbitPublisher = async (cluster: Cluster, queue: string): Promise<Publisher> => {
  let at = 0
  let open: Promise<{ model: ChannelModel; channel: ConfirmChannel }> | null = null
  const dial = async () => {
    const { url } = cluster.nodes[at++ % cluster.nodes.length] as { url: string }
    const model = await connectRabbit(url, { timeout: 3_000 })
    model.on('error', () => {})
    model.on('close', () => (open = null))
    const channel = await model.createConfirmChannel()
    channel.on('error', () => (open = null))
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
    return { model, channel }
  }
  /** After an election every publish of an old connection may be refused for ever: it is opened anew. */
  const anew = async (old: typeof open): Promise<void> => {
    if (open === old) open = null
    await old?.then(({ model }) => model.close()).catch(() => {})
  }
  await insist('the queue', async () => {
    const mine = (open ??= dial())
    await mine.catch(async (error: unknown) => {
      await anew(mine)
      throw error
    })
  })
  return {
    publish: (body) =>
      insist('a publish', async () => {
        const mine = (open ??= dial())
        try {
          const { channel } = await mine
          await within(
            3_000,
            new Promise<void>((done, failed) => {
              channel.sendToQueue(queue, Buffer.from(body), { persistent: true }, (error: unknown) =>
                error ? failed(error as Error) : done(),
              )
            }),
          )
        } catch (error) {
          await anew(mine)
          throw error
        }
      }),
    close: async () => {
      await open?.then(({ model }) => model.close()).catch(() => {})
    },
  }
}
