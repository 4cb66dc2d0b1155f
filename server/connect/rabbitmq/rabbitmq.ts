/** RabbitMQ (AMQP 0-9-1) behind the queues' contract: manual acknowledgement, prefetch, TLS, the nodes of a cluster tried in turn. */
import { type Channel, type ChannelModel, connect, type ConsumeMessage } from 'amqplib'
import type { QueueDef } from '../../doc/queue.ts'
import { addressesOf, gather, guardedSocket, type Message, type OpenQueue, type QueueDeps } from '../queue.ts'

const patience = 10_000
/** Seconds between signs of life: a node that hangs is noticed after two of them. */
const heartbeat = 10

const dial = async (queue: QueueDef, deps: QueueDeps): Promise<ChannelModel> => {
  const troubles: unknown[] = []
  const urls = addressesOf(queue.url)
  const first = Math.floor(Math.random() * urls.length) // several nodes of ours spread over several of theirs
  for (let i = 0; i < urls.length; i++) {
    try {
      const url = new URL(urls[(first + i) % urls.length] as string)
      if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(heartbeat))
      const port = Number(url.port) || (url.protocol === 'amqps:' ? 5671 : 5672)
      return await connect(url.href, {
        timeout: patience,
        noDelay: true,
        keepAlive: true,
        clientProperties: { connection_name: deps.clientName },
        ...guardedSocket(url.hostname, port, deps.policy),
        ...(url.protocol === 'amqps:' && queue.tls),
      })
    } catch (error) {
      troubles.push(error)
    }
  }
  throw troubles.length === 1 ? troubles[0] : new AggregateError(troubles, 'no node of the cluster answered')
}

const prepare = async (channel: Channel, def: NonNullable<QueueDef['rabbitmq']>): Promise<void> => {
  if (!def.create) return void (await channel.checkQueue(def.queue))
  await channel.assertQueue(def.queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  if (def.exchange === undefined) return
  for (const key of def.routingKeys.length ? def.routingKeys : ['#'])
    await channel.bindQueue(def.queue, def.exchange, key)
}

export const openRabbitmq: OpenQueue = async (queue, deps) => {
  const def = queue.rabbitmq
  if (!def) throw new Error(`queue ${queue.id} does not say which queue of RabbitMQ it is`)
  const connection = await dial(queue, deps)
  let lost: (why: unknown) => void = () => {}
  let gone: unknown = null
  const end = (why: unknown): void => {
    gone ??= why
    lost(gone)
  }
  connection.on('error', end)
  connection.on('close', () => end(new Error('the broker ended the connection')))
  const close = async (): Promise<void> => {
    await Promise.race([
      connection.close().catch(() => {}),
      new Promise<void>((done) => setTimeout(done, 2_000).unref()),
    ])
  }
  let channel: Channel
  try {
    channel = await connection.createChannel()
    channel.on('error', end)
    channel.on('close', () => end(new Error('the broker closed the channel')))
    await prepare(channel, def)
    await channel.prefetch(queue.batch * 2)
  } catch (error) {
    await close()
    throw error
  }

  return {
    async consume(take, signal) {
      const messages = (batch: readonly ConsumeMessage[]): Message[] =>
        batch.map(({ content, fields }) => ({
          body: content,
          place: `${def.queue} #${fields.deliveryTag}`,
          redelivered: fields.redelivered,
        }))
      const batches = gather<ConsumeMessage>(
        queue.batch,
        async (batch) => {
          const stored = await take(messages(batch))
          const last = batch.at(-1)
          // one frame for all of them: nothing before the last of a batch is open any more
          if (last && stored.every((one) => one)) channel.ack(last, true)
          else
            for (const [i, message] of batch.entries())
              if (stored[i]) channel.ack(message)
              else channel.nack(message, false, true)
        },
        end,
      )
      const ended = new Promise<never>((_, reject) => {
        lost = reject
        if (gone) reject(gone)
      })
      ended.catch(() => {})
      const stopped = new Promise<'stopped'>((done) => {
        if (signal.aborted) done('stopped')
        signal.addEventListener('abort', () => done('stopped'), { once: true })
      })
      const consuming = channel.consume(def.queue, (message) => {
        if (message === null) end(new Error(`queue ${def.queue} was deleted, or its node is gone`))
        else batches.add(message)
      })
      try {
        const { consumerTag } = await Promise.race([consuming, ended])
        await Promise.race([stopped, ended])
        // no more is delivered; what is under way ends and is acknowledged, the rest goes back
        await Promise.race([channel.cancel(consumerTag), ended])
        await batches.close()
        channel.nackAll(true)
        await Promise.race([channel.close(), ended]).catch(() => {})
      } finally {
        consuming.catch(() => {})
        await batches.close()
      }
    },
    async lag() {
      // A channel of its own: asking for a queue that is not there ends the channel that asks.
      try {
        const asking = await connection.createChannel()
        asking.on('error', () => {})
        const { messageCount } = await asking.checkQueue(def.queue)
        await asking.close()
        return messageCount
      } catch {
        return null
      }
    },
    close,
  }
}
