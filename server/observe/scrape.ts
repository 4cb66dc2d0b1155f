/** `GET /metrics`: what Prometheus reads, open to whoever reaches the port unless a token is set. */
import { timingSafeEqual, createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Metrics } from './metrics.ts'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** `token`: asked for as `Authorization: Bearer …`, as Prometheus' `authorization` setting sends it. Hidden from people who have none: 404. */
export const showMetrics = (
  app: FastifyInstance,
  metrics: Pick<Metrics, 'text' | 'contentType'>,
  token: string | null,
): void => {
  const wanted = token === null ? null : digest(`Bearer ${token}`)
  app.get('/metrics', async (request, reply) => {
    if (wanted && !timingSafeEqual(digest(request.headers.authorization ?? ''), wanted)) return reply.callNotFound()
    return reply
      .type(metrics.contentType)
      .header('Cache-Control', 'no-store')
      .send(await metrics.text())
  })
}
