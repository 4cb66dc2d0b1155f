/** The HTTP server: limits, time-outs, answers for everything that no room asked for, readiness, and a stop that fails no client. */
import { type Server, STATUS_CODES } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { localeFrom, refusal } from '../../protocol/codes.ts'
import { addRecordDoor, type Answer, type RecordDoor, type RecordPaths } from './record.ts'
import { problemBody, sendProblem } from './problem.ts'

export interface Log {
  error(details: object, message: string): void
  warn(details: object, message: string): void
}

/** What `/readyz` says; `waiting` names what is missing ("database"). */
export type Readiness = { ready: true } | { ready: false; waiting: string[] }

export interface HttpOptions {
  /** 128 random bits (Env.id), written as 32 hex digits here. */
  id(): string
  ready(): Readiness | Promise<Readiness>
  log: Log
  /** Milliseconds. A request must have arrived whole within `request`, its headers within `headers`. */
  timeouts?: { headers?: number; request?: number; keepAlive?: number; check?: number }
  /** Every answer of a record door, by the door's path pattern: for the metrics. */
  answered?: (door: string, answer: Answer, ms: number) => void
  /** Addresses whose `X-Forwarded-For` is believed. */
  trustProxy?: string | string[] | boolean
}

export interface HttpServer {
  app: FastifyInstance
  /** Adds a door that takes any body (see record.ts). */
  record(url: string, door: RecordDoor): void
  /** Where it listens: `http://127.0.0.1:7070`. */
  listen(at: { host: string; port: number }): Promise<string>
  closing(): boolean
  /**
   * Refuses new connections, finishes what is in flight within `limit` (25 s), then cuts what is left. For `linger` (1 s) idle connections stay
   * open: a client may be sending its next request on one at this very moment, and gets it answered with `Connection: close`.
   */
  stop(options?: { linger?: number; limit?: number }): Promise<void>
}

/** Trace ids are 32 lower-case hex digits, whatever way `id` writes its 128 bits. */
const traceFrom = (id: string): string => (id.length === 32 ? id : id.replaceAll('-', '').toLowerCase())

const securityHeaders = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-DNS-Prefetch-Control': 'off',
  'X-Permitted-Cross-Domain-Policies': 'none',
} as const
/** For answers that are no page; the console's own page sets a wider one. */
const closedPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

const clientStatus: Record<string, number> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** Malformed HTTP has no path yet: the guide's shape is the answer everywhere, since its clients are the ones without a log of ours. */
const malformed = (socket: Socket, code: string, id: string, refuse: RecordDoor['refuse']): void => {
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const status = clientStatus[code] ?? 400
  const why = refusal('s306240003', 'malformed', { value: code })
  const body = refuse(status === 413 ? refusal('s306240007', 'wire') : why, 'zh_CN', id)
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

/** Methods by path pattern, for 405. Patterns that take everything (`*`) do not count. */
const routeTable = () => {
  const routes: { segments: string[]; methods: Set<string> }[] = []
  return {
    add(url: string, methods: string | string[]) {
      if (url.includes('*')) return
      const segments = url.split('/')
      const known = routes.find((route) => route.segments.join('/') === url) ?? { segments, methods: new Set() }
      if (!routes.includes(known)) routes.push(known)
      for (const method of [methods].flat()) known.methods.add(method)
    },
    methodsAt(path: string): string[] {
      const asked = path.split('/')
      const fits = (segments: string[]) =>
        segments.length === asked.length &&
        segments.every((segment, i) => (segment.startsWith(':') ? asked[i] !== '' : segment === asked[i]))
      return [...new Set(routes.filter((route) => fits(route.segments)).flatMap((route) => [...route.methods]))].sort()
    },
  }
}

/** An address as the log may show it: the secret of a hook or of a share is part of its path, and others could stand in a query. */
const shownUrl = (url: string): string =>
  (url.split('?')[0] ?? '').replace(/^(\/(?:hooks|callbacks)\/[^/]+\/|\/share\/).+/, '$1***')

export const httpServer = (options: HttpOptions): HttpServer => {
  const { log, timeouts = {} } = options
  const newTrace = () => traceFrom(options.id())
  const request = timeouts.request ?? 60_000
  let stopping: Promise<void> | null = null
  const isClosing = () => stopping !== null
  const paths: RecordPaths = {
    doors: new Map(),
    closing: isClosing,
    failed: (err, traceId) => log.error({ err, trace: traceId }, 'a door failed'),
    ...(options.answered && { answered: options.answered }),
  }
  /** Before any door is known (malformed HTTP) the first one's shape speaks for all. */
  const refuseMalformed: RecordDoor['refuse'] = (why, locale, traceId) => {
    const [door] = paths.doors.values()
    return door ? door.refuse(why, locale, traceId) : problemBody({ status: 400 }, locale, traceId)
  }

  const app = Fastify({
    logger: false,
    genReqId: newTrace,
    bodyLimit: 5 * 1024 * 1024,
    requestTimeout: request,
    keepAliveTimeout: timeouts.keepAlive ?? 72_000,
    trustProxy: options.trustProxy ?? false,
    // While we drain, what still arrives is served and told that its connection ends.
    return503OnClosing: false,
    forceCloseConnections: false,
    routerOptions: { maxParamLength: 512 },
    http: {
      headersTimeout: Math.min(timeouts.headers ?? 15_000, request),
      connectionsCheckingInterval: timeouts.check ?? 2_000,
      // A missing Host would be answered by Node itself, without a body; nothing here depends on it.
      requireHostHeader: false,
    },
    clientErrorHandler: (error, socket) => malformed(socket as Socket, error.code ?? '', newTrace(), refuseMalformed),
    frameworkErrors: (_error, _request, reply) =>
      void sendProblem(reply as FastifyReply, { status: 400, code: 'badAddress' }),
  })

  const table = routeTable()
  app.addHook('onRoute', ({ url, method }) => table.add(url, method))

  app.addHook('onSend', async (_request, reply) => {
    for (const [name, value] of Object.entries(securityHeaders)) if (!reply.hasHeader(name)) reply.header(name, value)
    if (!reply.hasHeader('Content-Security-Policy')) reply.header('Content-Security-Policy', closedPolicy)
    if (!reply.hasHeader('X-Request-Id')) reply.header('X-Request-Id', _request.id)
    if (isClosing()) reply.header('Connection', 'close')
  })

  const notFound = (request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const methods = table.methodsAt(path)
    if (methods.length === 0 || methods.includes(request.method))
      return sendProblem(reply, { status: 404, code: 'notFound' })
    reply.header('Allow', methods.join(', '))
    const door = paths.doors.get(path)
    if (!door) return sendProblem(reply, { status: 405, code: 'methodNotAllowed' })
    const { locale } = request.headers
    const why = refusal('s306240006', 'value', { header: 'method', value: request.method })
    return reply
      .code(405)
      .type('application/json; charset=utf-8')
      .send(door.refuse(why, localeFrom(typeof locale === 'string' ? locale : undefined) ?? 'zh_CN', request.id))
  }
  app.setNotFoundHandler(notFound)

  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500
    // Fastify looks at the Content-Type even where there is no route: 404 and 405 come first.
    if (request.is404 && status < 500) return notFound(request, reply)
    if (status >= 400 && status < 500) {
      const detail = error.validation || error.code?.startsWith('FST_') ? error.message : undefined
      return sendProblem(reply, { status, code: error.code, detail })
    }
    log.error({ err: error, trace: request.id, method: request.method, url: shownUrl(request.url) }, 'a request failed')
    return sendProblem(reply, { status: 500, code: 'bug' })
  })

  app.get('/healthz', (_request, reply) => reply.type('application/json').send('{"status":"ok"}'))
  app.get('/readyz', async (_request, reply) => {
    const state: Readiness = isClosing() ? { ready: false, waiting: ['stopping'] } : await options.ready()
    return reply
      .code(state.ready ? 200 : 503)
      .type('application/json')
      .header('Cache-Control', 'no-store')
      .send(JSON.stringify(state.ready ? { status: 'ready' } : { status: 'not ready', waiting: state.waiting }))
  })

  const { server } = app
  // An expectation other than 100-continue may be ignored (RFC 9110, 10.1.1); Node would answer 417 without a body.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))

  const stop = async (linger: number, limit: number): Promise<void> => {
    if (server.listening) await drain(server, linger, limit, log)
    await app.close()
  }

  return {
    app,
    record: (url, door) => addRecordDoor(app, paths, url, door),
    listen: (at) => app.listen(at),
    closing: isClosing,
    stop: ({ linger = 1_000, limit = 25_000 } = {}) => (stopping ??= Promise.resolve().then(() => stop(linger, limit))),
  }
}

/** Stops listening, lets connections end by themselves, cuts them at the limit. */
const drain = async (server: Server, linger: number, limit: number, log: Log): Promise<void> => {
  const ended = new Promise<void>((resolve) => {
    // Not http.Server's own close: that cuts idle connections at once, also one on which a request is just arriving.
    NetServer.prototype.close.call(server, () => resolve())
  })
  const idle = setTimeout(() => server.closeIdleConnections(), Math.min(linger, limit))
  // Connections whose last answer went out before `Connection: close` was said become idle later.
  const sweep = setInterval(() => server.closeIdleConnections(), Math.max(linger, 250))
  const cut = setTimeout(() => {
    log.warn({ limit }, 'stopping: requests still in flight were cut')
    server.closeAllConnections()
  }, limit)
  try {
    await ended
  } finally {
    clearTimeout(idle)
    clearInterval(sweep)
    clearTimeout(cut)
  }
}
