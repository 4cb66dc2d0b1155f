/** What all queues share: the guard before every connect, sentences without passwords, batches without a timer; and that Kafka says so when nobody is there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QueueDef } from '../doc/queue.ts'
import { openKafka } from './kafka/kafka.ts'
import { openNats } from './nats/nats.ts'
import { gather, type OpenQueue, sayTrouble } from './queue.ts'
import { openRabbitmq } from './rabbitmq/rabbitmq.ts'

const base = { id: 'q', state: 'enabled', batch: 10 } as const
const of: Record<QueueDef['kind'], { open: OpenQueue; scheme: string; queue: Partial<QueueDef> }> = {
  rabbitmq: {
    open: openRabbitmq,
    scheme: 'amqp',
    queue: { rabbitmq: { queue: 'q', create: false, routingKeys: [] } },
  },
  nats: {
    open: openNats,
    scheme: 'nats',
    queue: { nats: { stream: 'S', durable: 'd', subjects: [], startFrom: 'all', ackWait: 1_000 } },
  },
  kafka: { open: openKafka, scheme: 'kafka', queue: { kafka: { topics: ['t'], group: 'g', startFrom: 'all' } } },
}
const clientName = 'test'

for (const [kind, { open, scheme, queue }] of Object.entries(of)) {
  const def = (host: string): QueueDef => ({
    ...base,
    ...queue,
    kind: kind as QueueDef['kind'],
    url: `${scheme}://us:geheim@${host}`,
  })

  test(`${kind}: an address that the guard refuses is never connected to`, async () => {
    for (const host of ['127.0.0.1:1', 'localhost:1', '169.254.169.254:1', '[::1]:1', '[::ffff:127.0.0.1]:1']) {
      const why = await open(def(host), { policy: { kind: 'connection' }, clientName }).then(
        () => 'opened',
        (error: unknown) => sayTrouble(error),
      )
      assert.match(why, /(not allowed|loopback|reserved)/, `${host}: ${why}`)
      assert.ok(!why.includes('geheim'))
    }
  })

  test(`${kind}: nobody there is said, in time and without the password`, async () => {
    const policy = { kind: 'connection', allowLoopback: true } as const
    const began = Date.now()
    const why = await (async () => {
      const consumer = await open(def('127.0.0.1:1'), { policy, clientName })
      try {
        assert.equal(await consumer.lag(), null)
        await consumer.consume(async (messages) => messages.map(() => true), new AbortController().signal)
        return 'consumed'
      } finally {
        await consumer.close()
      }
    })().catch((error: unknown) => sayTrouble(error))
    assert.notEqual(why, 'consumed')
    assert.ok(!why.includes('geheim') && why.length > 5, why)
    assert.ok(Date.now() - began < 20_000)
  })
}

test('what comes while a batch is being handled is the next batch; a lone message does not wait', async () => {
  const seen: number[][] = []
  let release: (() => void) | null = null
  const batches = gather<number>(
    3,
    async (batch) => {
      seen.push(batch)
      await new Promise<void>((done) => (release = done))
    },
    (error) => assert.fail(String(error)),
  )
  const turn = () => new Promise((done) => setTimeout(done, 5))
  batches.add(1)
  await turn()
  for (const one of [2, 3, 4, 5]) batches.add(one)
  const next = async () => {
    ;(release as unknown as () => void)()
    await turn()
  }
  await next()
  assert.deepEqual(seen, [[1], [2, 3, 4]])
  const closing = batches.close()
  ;(release as unknown as () => void)()
  assert.deepEqual(await closing, [5], 'what was not handled goes back')
  batches.add(6)
  assert.deepEqual(await batches.close(), [])
})
