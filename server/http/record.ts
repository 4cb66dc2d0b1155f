/** Record paths: doors that take any body, answer in the guide's shape, and must cost little. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { type Locale, type Refusal, refusal } from '../../protocol/codes.ts'

/** What a door answers: text, ready to be sent. */
export interface Answer {
  status: number
  body: string
  retryAfter?: number
  /** Further headers. */
  headers?: Readonly<Record<string, string>>
  /** Default JSON. */
  type?: string
}

export interface Visit {
  raw: IncomingMessage
  /** 32 hex digits: goes into the answer and into the log. */
  traceId: string
  params: Record<string, string>
  query: Record<string, string | undefined>
  /** Echoed as X-Request-Id; a door may set the sender's own. */
  requestId: string
}

export interface RecordDoor {
  /** Default POST. */
  method?: 'GET' | 'POST'
  visit(visit: Visit): Promise<Answer>
  /** The door's own shape for what happens before it is asked: a wrong method, malformed HTTP. */
  refuse(refusal: Refusal, locale: Locale, traceId: string): string
}

const write = (response: ServerResponse, answer: Answer, requestId: string, last: boolean): void => {
  if (response.headersSent || response.destroyed) return
  const headers: (string | number)[] = [
    'Content-Type',
    answer.type ?? 'application/json; charset=utf-8',
    'Content-Length',
    Buffer.byteLength(answer.body),
    'X-Request-Id',
    requestId,
    'X-Content-Type-Options',
    'nosniff',
  ]
  if (answer.retryAfter !== undefined) headers.push('Retry-After', answer.retryAfter)
  for (const [name, value] of Object.entries(answer.headers ?? {})) headers.push(name, value)
  if (last) headers.push('Connection', 'close')
  response.writeHead(answer.status, headers as string[])
  response.end(answer.body)
}

/** What the server keeps for its record paths. */
export interface RecordPaths {
  doors: Map<string, RecordDoor>
  /** The server is stopping: answers say that the connection ends. */
  closing(): boolean
  /** A bug in a door: logged, and answered as "nothing was stored". */
  failed(error: unknown, traceId: string): void
  /** Every answer of a door, `door` being its path pattern. */
  answered?: (door: string, answer: Answer, ms: number) => void
}

/**
 * Adds a door. It runs in Fastify's first hook: there is no Content-Type check yet, so that `garbage`, an empty one and none at all are
 * accepted alike, and the caller is checked before a byte of the body is read.
 */
export const addRecordDoor = (app: FastifyInstance, paths: RecordPaths, url: string, door: RecordDoor): void => {
  paths.doors.set(url, door)
  app.route({
    method: door.method ?? 'POST',
    exposeHeadRoute: false,
    url,
    onRequest: (request, reply) => {
      reply.hijack()
      const { raw, id } = request
      const began = performance.now()
      const end = (answer: Answer): void => {
        write(reply.raw, answer, visit.requestId, paths.closing())
        paths.answered?.(url, answer, performance.now() - began)
      }
      const visit: Visit = {
        raw,
        traceId: id,
        params: request.params as Record<string, string>,
        query: request.query as Record<string, string | undefined>,
        requestId: id,
      }
      door.visit(visit).then(end, (error: unknown) => {
        paths.failed(error, id)
        const body = door.refuse(refusal('s306240503'), 'zh_CN', id)
        end({ status: 503, body, retryAfter: 5 })
      })
    },
    handler: () => {
      throw new Error('a record door answers in its first hook')
    },
  })
}
