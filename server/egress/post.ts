/** One POST to an address that a caller named: through the guard, without redirects, and with no more of the reply than is worth a line in a log. */
import { Agent, request } from 'undici'
import { EgressRefused, guardedConnector, type Policy, type Resolver } from './guard.ts'
import { retryInstant } from './pool.ts'

/** Bytes of the reply that are kept. */
export const keptOfReply = 512

export interface Posted {
  /** Null: no answer came. */
  status: number | null
  /** What was answered, or why nothing was. */
  said: string
  /** `Retry-After`, as an instant of ours. */
  retryAt?: number
  ms: number
}

export interface PostOptions {
  url: URL
  headers: Record<string, string>
  body: Buffer
  policy: Policy
  timeout: number
  now: number
  signal?: AbortSignal
  resolve?: Resolver
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)

const causeOf = (error: unknown): string => {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof EgressRefused) return `not allowed: ${at.message}`
    if (at instanceof AggregateError && at.errors.length) return causeOf(at.errors[0])
    if (!(at.cause instanceof Error)) return at.message || (at as { code?: string }).code || at.name
  }
  return String(error)
}

/** Never rejects. Connects anew each time: what a name resolves to is checked at every try. */
export const post = async (options: PostOptions): Promise<Posted> => {
  const { url, headers, body, policy, timeout, now, resolve } = options
  const began = performance.now()
  const ms = (): number => Math.round(performance.now() - began)
  const agent = new Agent({
    connect: guardedConnector(policy, { timeout: Math.min(timeout, 10_000), ...(resolve && { resolve }) }),
    pipelining: 0,
    maxHeaderSize: 16 << 10,
  })
  const deadline = AbortSignal.timeout(timeout)
  const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline
  try {
    const reply = await request(url, { method: 'POST', dispatcher: agent, headers, body, signal })
    const chunks: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of reply.body) {
        chunks.push(chunk as Buffer)
        size += (chunk as Buffer).length
        if (size >= keptOfReply) break
      }
    } catch {
      // the status has come, and it is what counts
    }
    const retryAt = retryInstant(one(reply.headers['retry-after']), one(reply.headers.date), now)
    return {
      status: reply.statusCode,
      said: Buffer.concat(chunks).subarray(0, keptOfReply).toString().toWellFormed().replaceAll('\u0000', ''),
      ...(retryAt !== undefined && { retryAt }),
      ms: ms(),
    }
  } catch (error) {
    const said = deadline.aborted ? `no answer within ${timeout} ms` : causeOf(error)
    return { status: null, said: said.slice(0, keptOfReply), ms: ms() }
  } finally {
    await agent.destroy().catch(() => {})
  }
}
