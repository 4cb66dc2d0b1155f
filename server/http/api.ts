/** The management API: mounts the rooms' routes under /api/v1, asks who is calling before anything is read, and describes itself as OpenAPI 3.1. */
import fastifyCookie from '@fastify/cookie'
import fastifySwagger from '@fastify/swagger'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaCompiler } from 'fastify'
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod'
import { z } from 'zod'
import { isUnavailable } from '../store/trouble.ts'
import { type Document, docsPage } from './docs.ts'
import { readJson } from './body-json.ts'
import { localeOf, type Problem, sendProblem } from './problem.ts'
import { type Answered, type Caller, isRefused, type Refused, refuse, type Route } from './route.ts'
import { sayApi } from './sentences.ts'

export const apiRoot = '/api/v1'

export interface ApiDeps {
  routes: readonly Route[]
  version: string
  /** The right that a route asks for; null: anybody may call it. Throws for a route that the table does not know. */
  needs(routeId: string): { right: string; only?: 'session' } | null
  /** Who is calling, or why not. */
  authenticate(request: FastifyRequest): Promise<Caller | Refused>
  /** Null = may. `tenantId` is the one of the address, where it has one. */
  permit(who: Caller, routeId: string, tenantId: string | null): Promise<Refused | null>
}

const sendRefused = (reply: FastifyReply, refused: Refused): FastifyReply => {
  const { status, detail, todo } = sayApi(refused.refuse, refused.values, localeOf(reply.request.headers))
  const { path, problems, retryAfter } = refused
  const problem: Problem = {
    status,
    code: refused.refuse,
    detail,
    todo,
    ...(path !== undefined && { path }),
    ...(problems && { problems }),
    ...(retryAfter !== undefined && { retryAfter }),
  }
  return sendProblem(reply, problem)
}

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    code: z.string().describe('Stable word for programs; docs/api.md lists them.'),
    detail: z.string().optional().describe('A sentence in the language of `locale` or Accept-Language.'),
    path: z.string().optional().describe('Where in the request.'),
    todo: z.string().optional().describe('What to do about it.'),
    problems: z.array(z.object({ path: z.string(), say: z.string() })).optional(),
    traceId: z.string(),
  })
  .describe('RFC 9457 problem details.')
z.globalRegistry.add(problemSchema, { id: 'Problem' })

/** Where zod's complaint stands: `body.connections[0].baseUrl`. */
const placeOf = (context: string | undefined, pointer: string): string =>
  [
    context === 'querystring' ? 'query' : (context ?? 'body'),
    ...pointer
      .split('/')
      .filter((part) => part !== '')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')),
  ].reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : `${path}.${part}`))

const onError = (error: FastifyError, reply: FastifyReply): FastifyReply | null => {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map((one) => ({
      path: placeOf(error.validationContext, one.instancePath),
      say: one.message ?? '',
    }))
    const [first] = problems
    return sendRefused(
      reply,
      refuse('request.invalid', { said: first?.say ?? '' }, { ...(first && { path: first.path }), problems }),
    )
  }
  if (error instanceof SyntaxError && error.statusCode === 400)
    return sendRefused(reply, refuse('request.invalid', { said: error.message }, { path: 'body' }))
  if (isUnavailable(error)) return sendRefused(reply, refuse('unavailable', {}, { retryAfter: 5 }))
  return null
}

const bodyUnchecked: FastifySchemaCompiler<unknown> = (given) =>
  given.httpPart === 'body'
    ? (data: unknown) =>
        typeof data === 'object' && data !== null && !Array.isArray(data)
          ? { value: data }
          : { error: Object.assign(new SyntaxError('a JSON object is expected'), { statusCode: 400 }) }
    : validatorCompiler(given as Parameters<typeof validatorCompiler>[0])

const statusOf = (route: Route): number => route.status ?? (route.answer || route.text ? 200 : 204)

/** What fastify and the OpenAPI document are told of a route. */
const schemaOf = (route: Route, need: ReturnType<ApiDeps['needs']>) => {
  const refusals =
    need === null
      ? [400, 401, 429]
      : [400, 401, 403, 404, ...(route.method === 'GET' ? [] : [409]), ...(route.matched ? [412] : [])]
  const status = statusOf(route)
  const good = route.text
    ? { description: route.summary, content: { [route.text]: { schema: z.string() } } }
    : (route.answer ?? z.null().describe('Nothing.'))
  const hasTenant = route.path.includes('/:')
  return {
    operationId: route.id,
    tags: [route.group],
    summary: route.summary,
    ...((route.describe !== undefined || route.matched) && {
      description: [
        route.describe,
        route.matched && 'With If-Match (the ETag that was read) it is refused where it has changed since.',
      ]
        .filter(Boolean)
        .join(' '),
    }),
    ...(route.params && { params: route.params }),
    ...(route.query && { querystring: route.query }),
    ...(route.body && { body: route.body }),
    response: {
      [status]: good,
      ...Object.fromEntries(refusals.filter((one) => one !== 404 || hasTenant).map((one) => [one, problemSchema])),
    },
    security: (need === null
      ? []
      : need.only === 'session'
        ? [{ session: [] }]
        : [{ key: [] }, { session: [] }]) as Record<string, string[]>[],
    'x-right': need?.right ?? 'none',
    ...(need?.only && { 'x-only': need.only }),
  }
}

const send = (reply: FastifyReply, route: Route, answered: Answered<unknown>): FastifyReply => {
  reply.code(answered.status).headers({ 'Cache-Control': 'no-store', ...answered.headers })
  if (answered.text) {
    const { type, content } = answered.text
    return typeof content === 'string'
      ? reply.type(type).serializer(String).send(content)
      : reply.type(type).send(content)
  }
  if (answered.status === 204 || answered.body === undefined) return reply.send()
  return reply.type('application/json; charset=utf-8').send(answered.body)
}

export const mountApi = async (app: FastifyInstance, deps: ApiDeps): Promise<void> => {
  await app.register(async (scope) => {
    scope.setValidatorCompiler(validatorCompiler)
    scope.setSerializerCompiler(serializerCompiler)
    await scope.register(fastifyCookie)
    await scope.register(fastifySwagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Mortise management API',
          version: deps.version,
          description:
            'Everything that can be declared, seen or done. Answers that say no are RFC 9457 problem details; the header `locale` (or Accept-Language) chooses their language.',
        },
        components: {
          securitySchemes: {
            key: {
              type: 'http',
              scheme: 'bearer',
              description: 'An API key, made at POST /api/v1/tenants/{tenant}/keys.',
            },
            session: {
              type: 'apiKey',
              in: 'cookie',
              name: '__Host-mortise',
              description:
                'A session, made at POST /api/v1/session; without TLS the cookie is called `mortise`. Changes need X-CSRF-Token.',
            },
          },
        },
      },
      transform: createJsonSchemaTransform({ zodToJsonConfig: { target: 'draft-2020-12' } }),
      transformObject: createJsonSchemaTransformObject({ zodToJsonConfig: { target: 'draft-2020-12' } }),
    })
    scope.removeContentTypeParser('application/json')
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
      if (text === '') return done(null, undefined)
      try {
        done(null, readJson(String(text)))
      } catch (error) {
        done(Object.assign(error as Error, { statusCode: 400 }))
      }
    })
    const outer = scope.errorHandler
    scope.setErrorHandler(
      (error: FastifyError, request, reply) => onError(error, reply) ?? outer(error, request, reply),
    )

    const callers = new WeakMap<FastifyRequest, Caller>()
    for (const route of deps.routes) {
      const need = deps.needs(route.id)
      scope.route({
        method: route.method,
        url: `${apiRoot}${route.path}`,
        schema: schemaOf(route, need),
        ...(route.unchecked && { validatorCompiler: bodyUnchecked }),
        onRequest: async (request, reply) => {
          if (need === null) return
          const who = await deps.authenticate(request)
          if (isRefused(who)) return sendRefused(reply, who)
          const { tenant } = request.params as { tenant?: string }
          const refused = await deps.permit(who, route.id, tenant ?? null)
          if (refused) return sendRefused(reply, refused)
          callers.set(request, who)
        },
        handler: async (request, reply) => {
          const answered = await route.handle({
            params: request.params,
            query: request.query,
            body: request.body,
            who: callers.get(request) as Caller, // routes without a need do not look
            locale: localeOf(request.headers),
            traceId: request.id,
            address: request.ip,
            secure: request.protocol === 'https',
            host: request.host,
            headers: request.headers,
          })
          return isRefused(answered) ? sendRefused(reply, answered) : send(reply, route, answered)
        },
      })
    }

    let document: string | null = null
    const describe = (): string => (document ??= JSON.stringify(scope.swagger()))
    scope.get('/api/openapi.json', { schema: { hide: true } as object }, (_request, reply) =>
      reply.type('application/json; charset=utf-8').serializer(String).send(describe()),
    )
    let page: ReturnType<typeof docsPage> | null = null
    scope.get('/api/docs', { schema: { hide: true } as object }, (_request, reply) => {
      page ??= docsPage(JSON.parse(describe()) as Document)
      return reply
        .header('Content-Security-Policy', page.policy)
        .type('text/html; charset=utf-8')
        .serializer(String)
        .send(page.html)
    })
  })
}
