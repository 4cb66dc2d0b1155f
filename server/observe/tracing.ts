/**
 * Traces for OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT asks for them: door → stage in the trace that the sender got with his answer, the call to
 * the target in the trace that its `traceparent` carries, linked to the door's. The SDK is loaded only then.
 */
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import type { Taken } from './lag.ts'

export interface TracedMark {
  tenant_id: string
  pair_id: string
  link_id: number
  call: string
  target_connection: string
  trace_id: string
}

export interface TracedEnd {
  tenant_id: string
  pair_id: string
  link_id: number
  state: string
  attempt: { attempt_id: number; outcome: string; status: number | null } | null
}

/** Records whose door is remembered until their call begins; the oldest are forgotten first. */
const most = 4_096

const remember = <T>(map: Map<string, T>, key: string, value: T): void => {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) map.delete(map.keys().next().value as string)
}
const isTrace = (id: string): boolean => /^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id)

/** Our own trace ids become those of the spans: a span begins below a parent that is nobody's. */
const under = (traceId: string): Context =>
  isTrace(traceId)
    ? trace.setSpanContext(ROOT_CONTEXT, {
        traceId,
        spanId: traceId.slice(16).replace(/^0{16}$/, '0000000000000001'),
        traceFlags: TraceFlags.SAMPLED,
        isRemote: true,
      })
    : ROOT_CONTEXT

export const openTracing = async (options: { version: string; node: string; url?: string }) => {
  const [{ BatchSpanProcessor, TracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all(
    [
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ],
  )
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': process.env.OTEL_SERVICE_NAME || 'mortise',
      'service.version': options.version,
      'service.instance.id': options.node,
    }),
    // The exporter reads the address, headers and compression from the environment, as every OpenTelemetry program does.
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter(options.url ? { url: options.url } : {}) }),
    ],
  })
  const tracer = provider.getTracer('mortise', options.version)
  const doors = new Map<string, Span>()
  const records = new Map<string, { tenant: string; context: SpanContext }>()
  const links = new Map<string, SpanContext>()
  const calls = new Map<string, Span>()
  const nameOf = (link: { tenant_id: string; pair_id: string; link_id: number }): string =>
    `${link.tenant_id}\n${link.pair_id}\n${link.link_id}`

  return {
    /** A request at a door; answers how it is ended. */
    door: (name: string, traceId: string): ((status: number) => void) => {
      const span = tracer.startSpan(
        'mortise.door',
        { kind: SpanKind.SERVER, attributes: { 'http.route': name } },
        under(traceId),
      )
      remember(doors, traceId, span)
      return (status) => {
        span.setAttribute('http.response.status_code', status)
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
        span.end()
        doors.delete(traceId)
      }
    },
    /** A row that waits for its commit. */
    stage: async <T extends { kind: string }>(
      row: { tenant_id: string; connection_id: string; object: string; data_id: string; trace_id: string },
      admit: () => Promise<T>,
    ): Promise<T> => {
      const door = doors.get(row.trace_id)
      const attributes: Attributes = {
        'mortise.tenant': row.tenant_id,
        'mortise.connection': row.connection_id,
        'mortise.object': row.object,
        'mortise.id': row.data_id,
      }
      const parent = door ? trace.setSpan(ROOT_CONTEXT, door) : under(row.trace_id)
      const span = tracer.startSpan('mortise.stage', { attributes }, parent)
      remember(records, row.data_id, { tenant: row.tenant_id, context: span.spanContext() })
      try {
        const admitted = await admit()
        span.setAttribute('mortise.outcome', admitted.kind)
        return admitted
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).name })
        throw error
      } finally {
        span.end()
      }
    },
    claimed: (taken: readonly Taken[]): void => {
      for (const link of taken)
        for (const id of [link.left_id, link.right_id]) {
          const from = id === null ? undefined : records.get(id)
          if (id === null || from?.tenant !== link.tenant_id) continue
          records.delete(id)
          remember(links, nameOf(link), from.context)
        }
    },
    marked: (mark: TracedMark): void => {
      const name = nameOf(mark)
      const from = links.get(name)
      links.delete(name)
      const span = tracer.startSpan(
        'mortise.call',
        {
          kind: SpanKind.CLIENT,
          attributes: {
            'mortise.tenant': mark.tenant_id,
            'mortise.flow': mark.pair_id,
            'mortise.connection': mark.target_connection,
            'mortise.call': mark.call,
          },
          ...(from && { links: [{ context: from }] }),
        },
        under(mark.trace_id),
      )
      calls.get(name)?.end()
      remember(calls, name, span)
    },
    settled: (end: TracedEnd): void => {
      const name = nameOf(end)
      const span = calls.get(name)
      if (!span || !end.attempt) return
      calls.delete(name)
      span.setAttributes({ 'mortise.outcome': end.attempt.outcome, 'mortise.state': end.state })
      if (end.attempt.status !== null) span.setAttribute('http.response.status_code', end.attempt.status)
      if (end.attempt.outcome !== 'applied')
        span.setStatus({ code: SpanStatusCode.ERROR, message: end.attempt.outcome })
      span.end()
    },
    /** Sends what is left, for at most two seconds. */
    stop: async (): Promise<void> => {
      const limit = new Promise<void>((done) => setTimeout(done, 2_000).unref())
      await Promise.race([provider.shutdown().catch(() => {}), limit])
    },
  }
}

export type Tracing = Awaited<ReturnType<typeof openTracing>>
