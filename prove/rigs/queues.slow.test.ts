/** The short form of the rig `queues`, and the contract of queues on the same real brokers: what each must do when a queue is deleted, a stop comes, a message is poison. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect as connectNats } from '@nats-io/transport-node'
import { connect as connectRabbit } from 'amqplib'
import { openNats } from '../../server/connect/nats/nats.ts'
import { openRabbitmq } from '../../server/connect/rabbitmq/rabbitmq.ts'
import { type Message, type OpenQueue, type QueueConsumer, sayTrouble } from '../../server/connect/queue.ts'
import type { QueueDef } from '../../server/doc/queue.ts'
import { natsPublisher, rabbitPublisher } from '../queues/clients.ts'
import { until } from './ground.ts'
import { type Brokers, isThere, runQueues, startBrokers, stopBrokers } from './queues.ts'

let brokers: Brokers | null = null
const starting = startBrokers()
after(async () => {
  brokers ??= await starting
  await stopBrokers(brokers)
})

const deps = { policy: { kind: 'connection', allowLoopback: true }, clientName: 'contract' } as const
const base = { id: 'q', state: 'enabled', batch: 10 } as const

/** The same for every broker. */
const exercise = async (
  open: OpenQueue,
  queue: QueueDef,
  publish: (body: string) => Promise<void>,
  remove: () => Promise<void>,
): Promise<void> => {
  const bodies = (messages: readonly Message[]) => messages.map((one) => one.body.toString())
  const consuming = (consumer: QueueConsumer, answer: (body: string) => boolean | Promise<boolean>) => {
    const seen: string[] = []
    const stopping = new AbortController()
    const ended = consumer.consume(async (messages) => {
      seen.push(...bodies(messages))
      return Promise.all(bodies(messages).map(async (body) => answer(body)))
    }, stopping.signal)
    ended.catch(() => {})
    return { seen, ended, stop: () => stopping.abort() }
  }
  const first = await open(queue, deps)
  for (const body of ['1', '2', '3']) await publish(body)
  await until('the lag is told', async () => (await first.lag()) === 3)

  // what is answered false comes again; what is answered true does not
  let again = 0
  const one = consuming(first, (body) => body !== '2' || ++again > 1)
  await until('all came, and one twice', () => one.seen.length >= 4)
  assert.deepEqual([...one.seen].sort(), ['1', '2', '2', '3'])
  await until('nothing is left', async () => (await first.lag()) === 0)

  // a stop ends what is under way and returns it where it was not stored
  one.stop()
  await one.ended
  await first.close()
  await publish('4')
  const second = await open(queue, deps)
  let release: (stored: boolean) => void = () => {}
  const held = new Promise<boolean>((done) => (release = done))
  const two = consuming(second, () => held)
  await until('it came', () => two.seen.length === 1)
  two.stop()
  release(false)
  await two.ended
  await second.close()
  const third = await open(queue, deps)
  const three = consuming(third, () => true)
  await until('it came to the next', () => three.seen.includes('4'))

  // the queue is deleted: it is told, and does not hang
  await remove()
  await assert.rejects(three.ended, (error: Error) => {
    assert.ok(error.message.length > 0)
    return true
  })
  await third.close()
  const outside = await open(queue, { ...deps, policy: { kind: 'connection' } }).catch(sayTrouble)
  assert.match(String(outside), /not allowed: .*loopback/, 'the guard is asked')
}

test('NATS JetStream keeps the contract of queues', async (t) => {
  brokers ??= await starting
  const { nats } = brokers
  if (!isThere(nats)) return t.skip(nats.skipped)
  const publisher = await natsPublisher(nats, 'CONTRACT', 'contract.changes')
  const queue: QueueDef = {
    ...base,
    kind: 'nats',
    url: nats.url,
    nats: { stream: 'CONTRACT', durable: 'contract', subjects: [], startFrom: 'all', ackWait: 5_000 },
  }
  await exercise(openNats, queue, publisher.publish, async () => {
    const connection = await connectNats({ servers: nats.nodes.map((node) => node.url) })
    await (await jetstreamManager(connection)).streams.delete('CONTRACT')
    await connection.close()
  })
  await publisher.close()
})

test('RabbitMQ keeps the contract of queues', async (t) => {
  brokers ??= await starting
  const { rabbitmq } = brokers
  if (!isThere(rabbitmq)) return t.skip(rabbitmq.skipped)
  const publisher = await rabbitPublisher(rabbitmq, 'contract')
  const queue: QueueDef = {
    ...base,
    kind: 'rabbitmq',
    url: rabbitmq.url,
    rabbitmq: { queue: 'contract', create: false, routingKeys: [] },
  }
  await exercise(openRabbitmq, queue, publisher.publish, async () => {
    const model = await connectRabbit(rabbitmq.nodes[0]?.url as string)
    const channel = await model.createChannel()
    await channel.deleteQueue('contract')
    await model.close()
  })
  await publisher.close()
  await assert.rejects(openRabbitmq(queue, deps), /NOT.FOUND|no queue/i)
})

test('queues: leaders and listener killed in the middle: 0 lost, 0 writes too many', async (t) => {
  brokers ??= await starting
  if (!isThere(brokers.nats) && !isThere(brokers.rabbitmq)) return t.skip(brokers.rabbitmq.skipped)
  await runQueues(false, brokers)
})
