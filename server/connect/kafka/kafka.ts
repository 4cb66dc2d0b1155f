/**
 * Kafka behind the queues' contract: one consumer group for all nodes, offsets committed only after what they cover is stored.
 * EXPERIMENTAL: it has not run against a real broker yet (docs/queues.md).
 */
import { Consumer, type Message as Record } from '@platformatic/kafka'
import type { QueueDef } from '../../doc/queue.ts'
import { addressesOf, checkHost, gather, type Message, type OpenQueue, type QueueDeps } from '../queue.ts'

const patience = 10_000

/** `kafka://user:password@host:9092`, `kafkas://` over TLS; the mechanism is PLAIN unless the first address says `?mechanism=SCRAM-SHA-256`. */
const optionsOf = async (queue: QueueDef, deps: QueueDeps) => {
  const urls = addressesOf(queue.url).map((one) => new URL(one))
  // Brokers that these name afterwards are not checked: the client takes no lookup of ours.
  for (const url of urls) await checkHost(url.hostname, Number(url.port) || 9092, deps.policy)
  const [first] = urls
  const mechanism = first?.searchParams.get('mechanism') ?? 'PLAIN'
  if (mechanism !== 'PLAIN' && mechanism !== 'SCRAM-SHA-256' && mechanism !== 'SCRAM-SHA-512')
    throw new Error(`${mechanism} is not PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512`)
  return {
    clientId: deps.clientName,
    bootstrapBrokers: urls.map((url) => ({ host: url.hostname, port: Number(url.port) || 9092 })),
    timeout: patience,
    connectTimeout: patience,
    retries: 2,
    autocreateTopics: false,
    ...((urls.some((url) => url.protocol === 'kafkas:') || queue.tls) && { tls: { ...queue.tls } }),
    ...(first?.username && {
      sasl: {
        mechanism,
        username: decodeURIComponent(first.username),
        password: decodeURIComponent(first.password),
      } as const,
    }),
  }
}

export const openKafka: OpenQueue = async (queue, deps) => {
  const def = queue.kafka
  if (!def) throw new Error(`queue ${queue.id} does not say which topics of Kafka it is`)
  const consumer = new Consumer({ ...(await optionsOf(queue, deps)), groupId: def.group, autocommit: false })
  const close = async (): Promise<void> => {
    await Promise.race([
      Promise.resolve(consumer.close(true)).catch(() => {}),
      new Promise<void>((done) => setTimeout(done, 2_000).unref()),
    ])
  }
  return {
    async consume(take, signal) {
      let lose: (why: unknown) => void = () => {}
      const ended = new Promise<never>((_, reject) => (lose = reject))
      ended.catch(() => {})
      const stream = await consumer.consume({
        topics: def.topics,
        autocommit: false,
        mode: 'committed',
        fallbackMode: def.startFrom === 'new' ? 'latest' : 'earliest',
      })
      stream.on('error', lose)
      const toMessage = (one: Record): Message => ({
        body: one.value ?? Buffer.alloc(0),
        place: `${one.topic}/${one.partition} #${one.offset}`,
        redelivered: false,
      })
      const batches = gather<Record>(
        queue.batch,
        async (batch) => {
          const stored = await take(batch.map(toMessage))
          // Offsets say "all before": what follows one that is not stored must not be committed.
          const upTo = new Map<string, Record>()
          const held = new Set<string>()
          for (const [i, one] of batch.entries()) {
            const partition = `${one.topic}/${one.partition}`
            if (!stored[i]) held.add(partition)
            if (!held.has(partition)) upTo.set(partition, one)
          }
          for (const one of upTo.values()) await one.commit()
        },
        lose,
      )
      const reading = (async () => {
        for await (const one of stream) batches.add(one)
        if (!signal.aborted) throw new Error('the subscription ended')
      })()
      reading.catch(lose)
      const stopped = new Promise<void>((done) => {
        if (signal.aborted) done()
        signal.addEventListener('abort', () => done(), { once: true })
      })
      try {
        await Promise.race([stopped, ended])
      } finally {
        await batches.close()
        await stream.close().catch(() => {})
      }
    },
    async lag() {
      try {
        const lags = await consumer.getLag({ topics: def.topics })
        return [...lags.values()].flat().reduce((sum, one) => sum + (one > 0n ? Number(one) : 0), 0)
      } catch {
        return null
      }
    },
    close,
  }
}
