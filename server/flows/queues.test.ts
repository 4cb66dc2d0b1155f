/** Queues, events and signed hooks of a configuration file: what is understood, what is refused and where, and that an export says it again without a secret. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from './file.ts'
import { joinQueues, splitQueues } from './queues.ts'

const env = {
  RABBIT: 'amqps://us:geheim@mq1,amqps://us:geheim@mq2/crm',
  KEY: 'key of the certificate',
  HMAC: 'hmac-of-2026',
}
const file = (queues: string, events = '{}', hooks = '[]') => `tenants:
  - id: acme
    connections:
      - id: crm
        role: crm
        baseUrl: https://crm.example.com/
        events: ${events}
        queues: ${queues}
        objects: [{ code: AccountObj }]
    hooks: ${hooks}
`
const read = (text: string) => {
  const { config, problems } = readConfig({ text, file: 'f.yaml', env, generate: () => 'generated-secret-of-us' })
  return { tenant: config?.tenants[0], said: problems.map((one) => `${one.level} ${one.path}: ${one.say}`) }
}

test('each kind is understood, with what it has of its own, and secrets are kept apart', () => {
  const { tenant, said } = read(
    file(
      '[{ id: a, kind: rabbitmq, url: "${RABBIT}", queue: q, tls: { ca: PEM, cert: PEM, key: "${KEY}" } }, { id: b, kind: nats, url: nats://n, stream: S, ackWait: 5s }]',
    ),
  )
  assert.deepEqual(said, [])
  const [connection] = tenant?.connections ?? []
  const queues = connection?.def.queues ?? []
  assert.deepEqual(queues[0], {
    id: 'a',
    kind: 'rabbitmq',
    url: env.RABBIT,
    tls: { ca: 'PEM', cert: 'PEM', key: env.KEY },
    state: 'enabled',
    batch: 200,
    rabbitmq: { queue: 'q', create: false, routingKeys: [] },
  })
  assert.deepEqual(queues[1]?.nats, {
    stream: 'S',
    durable: 'mortise-acme-crm-b',
    subjects: [],
    startFrom: 'all',
    ackWait: 5_000,
  })
  assert.deepEqual(connection?.queueOrigins, { 'a/url': '${RABBIT}', 'a/key': '${KEY}', 'b/url': null })
  const { open, secrets } = splitQueues(queues)
  assert.ok(!JSON.stringify(open).includes('geheim') && !JSON.stringify(open).includes(env.KEY))
  assert.deepEqual(joinQueues(open, secrets), queues)
})

test('what cannot be meant is told at its place', () => {
  const at = (queues: string, events?: string, hooks?: string) => read(file(queues, events, hooks)).said
  assert.match(
    at('[{ id: a, kind: nats, url: "amqp://x", stream: S }]')[0] ?? '',
    /queues\[a\]\.url: .*nats:\/\/ or tls:\/\//,
  )
  assert.match(at('[{ id: a, kind: rabbitmq, url: "amqp://x" }]')[0] ?? '', /needs "queue"/)
  assert.match(at('[{ id: a, kind: rabbitmq, url: "amqp://x", queue: q, stream: S }]')[0] ?? '', /stream: is for nats/)
  assert.match(at('[{ id: a, kind: rabbitmq, url: "amqp://x", queue: q, exchange: e }]')[0] ?? '', /create: true/)
  assert.match(at('[{ id: a, kind: kafka, url: "kafka://x", topics: [t] }]')[0] ?? '', /^warning .*experimental/)
  assert.match(
    at('[{ id: a, kind: nats, url: "nats://x", stream: S }, { id: a, kind: nats, url: "nats://x", stream: S }]')[0] ??
      '',
    /declared twice/,
  )
  assert.match(at('[]', '{ objects: { account: AcountObj } }')[0] ?? '', /"AcountObj" is not declared.*AccountObj/)
  assert.match(
    at('[]', '{ details: { AccountObj: { object: AccountObj, masterId: x } } }')[0] ?? '',
    /object of its own/,
  )
  const hook = (verify: string) => at('[]', '{}', `[{ connection: crm, verify: ${verify} }]`)
  assert.deepEqual(hook('{ secret: "${HMAC}", header: X-S }'), [])
  assert.match(hook('{ secret: "${HMAC}", header: X-S, sign: [{ header: X-T }] }')[0] ?? '', /body is not among/)
  assert.match(
    hook('{ secret: "${HMAC}", header: X-S, timestamp: { header: X-T } }')[0] ?? '',
    /X-T tells the time and is not signed/,
  )
})
