/** Traces over the whole road, received by a small OTLP/HTTP receiver: door → stage in the sender's trace, the call in the one its target was told. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, rigTenant } from '../rigs/config.ts'
import { openGround } from '../rigs/ground.ts'
import { openWatch } from '../rigs/watch.ts'

interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: { key: string; value: { stringValue?: string; intValue?: number | string } }[]
  links?: { traceId: string; spanId: string }[]
}

const receiver = async () => {
  const spans: Span[] = []
  const resources: string[] = []
  const server = createServer((incoming, answer) => {
    const parts: Buffer[] = []
    incoming.on('data', (part: Buffer) => parts.push(part))
    incoming.on('end', () => {
      assert.equal(incoming.url, '/v1/traces')
      const body = JSON.parse(Buffer.concat(parts).toString()) as {
        resourceSpans: { resource: { attributes: Span['attributes'] }; scopeSpans: { spans: Span[] }[] }[]
      }
      for (const { resource, scopeSpans } of body.resourceSpans) {
        resources.push(resource.attributes.find((one) => one.key === 'service.name')?.value.stringValue ?? '')
        for (const scope of scopeSpans) spans.push(...scope.spans)
      }
      answer.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    resources,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => void server.close(() => done()).closeAllConnections()),
  }
}

test('a push is traced from its door to its target’s answer, under the ids that sender and target know', async () => {
  await using otlp = await receiver()
  await using db = await freshDatabase()
  await using ground = await openGround()
  const witness = await ground.witness()
  const tenant = rigTenant({ witness, pairs: ['material'] })
  const mortise = await ground.mortise({
    config: configOf(tenant),
    databaseUrl: db.url,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url },
  })
  await mortise.start()
  await using watch = openWatch(() => db.url)
  const answer = await fetch(`${mortise.url}/erp/syncdata/open/objdata/syncpush`, {
    method: 'POST',
    headers: { token: tenant.pushToken, tenantId: tenant.id, objectApiName: 'BD_Material', version: 'v1', id: 'T-1' },
    body: JSON.stringify({ objAPIName: 'BD_Material', masterFieldVal: { number: 'T-1', name: 'secret-of-a-record' } }),
  })
  const { traceMsg } = (await answer.json()) as { traceMsg: string }
  await watch.rest()
  assert.equal(await mortise.stop(), 0) // sends what is left

  const one = (name: string): Span => {
    const found = otlp.spans.filter((span) => span.name === name)
    assert.equal(found.length, 1, `${name}: ${JSON.stringify(otlp.spans.map((span) => span.name))}\n${mortise.said()}`)
    return found[0] as Span
  }
  const [door, stage, call] = [one('mortise.door'), one('mortise.stage'), one('mortise.call')]
  const attribute = (span: Span, key: string) => {
    const value = span.attributes.find((found) => found.key === key)?.value
    return value?.stringValue ?? (value?.intValue === undefined ? undefined : Number(value.intValue))
  }
  assert.equal(door.traceId, traceMsg)
  assert.deepEqual([stage.traceId, stage.parentSpanId], [traceMsg, door.spanId])
  assert.equal(attribute(door, 'http.response.status_code'), 200)
  assert.deepEqual([attribute(stage, 'mortise.id'), attribute(stage, 'mortise.outcome')], ['T-1', 'created'])
  const [attempt] = await db.sql<{ trace_id: string }>`select trace_id from attempt`
  assert.equal(call.traceId, attempt?.trace_id, 'what traceparent told the target')
  assert.deepEqual(
    call.links?.map((link) => [link.traceId, link.spanId]),
    [[traceMsg, stage.spanId]],
  )
  assert.deepEqual([attribute(call, 'mortise.call'), attribute(call, 'mortise.outcome')], ['create', 'applied'])
  for (const span of [door, stage, call]) assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano))
  assert.ok(otlp.resources.every((name) => name === 'mortise'))
  assert.ok(!JSON.stringify(otlp.spans).includes('secret-of-a-record'), 'contents of records are not in traces')
})
