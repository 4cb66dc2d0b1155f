/** Calls the management API by the names of its routes, and turns every answer that says no into one kind of error. */
import { type Routes, routes } from './routes.gen.ts'

export type RouteId = keyof Routes
export type Answer<Id extends RouteId> = Routes[Id]['answer']
export type Item<Id extends RouteId> = Answer<Id> extends { items: (infer One)[] } ? One : never
export type Query<Id extends RouteId> = Routes[Id]['query'] extends infer Q
  ? unknown extends Q
    ? Record<never, never>
    : Q
  : never

type Part<Name extends string, Value> = unknown extends Value
  ? { [N in Name]?: undefined }
  : Record<never, never> extends Value
    ? { [N in Name]?: Value }
    : [Value] extends [undefined]
      ? { [N in Name]?: undefined }
      : { [N in Name]: Value }

export type Asking<Id extends RouteId> = Part<'path', Routes[Id]['path']> &
  Part<'query', Routes[Id]['query']> &
  Part<'body', Routes[Id]['body']>

/** The server said no (RFC 9457), in the language of the page; or it could not be reached. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly status: number
  readonly code: string
  readonly todo: string | null
  readonly traceId: string | null
  readonly path: string | null
  readonly problems: readonly { path: string; say: string }[]
  constructor(status: number, problem: Record<string, unknown>) {
    super(String(problem.detail ?? problem.title ?? problem.code ?? status))
    const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
    this.status = status
    this.code = text(problem.code) ?? 'unreachable'
    this.todo = text(problem.todo)
    this.traceId = text(problem.traceId)
    this.path = text(problem.path)
    this.problems = Array.isArray(problem.problems) ? (problem.problems as { path: string; say: string }[]) : []
  }
}

/** What every call carries: the language of answers, and the session's token against forged requests. */
export const carried = { locale: 'en_US', csrfToken: '' }

const address = (pattern: string, path: Record<string, unknown>, query: Record<string, unknown>): string => {
  const filled = pattern.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(String(path[name])))
  const asked = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined && one !== null && one !== '') asked.append(name, String(one))
  const text = asked.toString()
  return `/api/v1${filled}${text ? `?${text}` : ''}`
}

/** Listeners for a session that has ended. */
export const onSignedOut = new Set<() => void>()

/** An answer with the tag of what it shows: sent back as `ifMatch`, a change is refused where somebody else has changed it since. */
export interface Tagged<A> {
  answer: A
  tag: string | null
}

export const callTagged = async <Id extends RouteId>(
  id: Id,
  asking: Asking<Id>,
  ifMatch: string | null = null,
): Promise<Tagged<Answer<Id>>> => {
  const [method, pattern] = routes[id]
  const { path = {}, query = {}, body } = asking as { path?: object; query?: object; body?: unknown }
  let answer: Response
  try {
    answer = await fetch(address(pattern, path as Record<string, unknown>, query as Record<string, unknown>), {
      method,
      headers: {
        locale: carried.locale,
        ...(method !== 'GET' && carried.csrfToken && { 'x-csrf-token': carried.csrfToken }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(ifMatch !== null && { 'if-match': ifMatch }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  } catch {
    throw new Refusal(0, { code: 'unreachable' })
  }
  if (answer.ok) {
    const tag = answer.headers.get('etag')
    if (answer.status === 204) return { answer: undefined as Answer<Id>, tag }
    const isJson = answer.headers.get('content-type')?.includes('json')
    return { answer: (await (isJson ? answer.json() : answer.text())) as Answer<Id>, tag }
  }
  const problem = (await answer.json().catch(() => ({}))) as Record<string, unknown>
  if (answer.status === 401 && id !== 'showSession' && id !== 'signIn') for (const one of onSignedOut) one()
  throw new Refusal(answer.status, problem)
}

export const call = async <Id extends RouteId>(id: Id, asking: Asking<Id>): Promise<Answer<Id>> =>
  (await callTagged(id, asking)).answer

/** A route that this server may not have yet, by its address; pages ask first whether it is in the table of rights. */
export const callAt = async <T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> => {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    headers: {
      locale: carried.locale,
      ...(method !== 'GET' && { 'x-csrf-token': carried.csrfToken, 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (answer.ok) return (await answer.json()) as T
  throw new Refusal(answer.status, (await answer.json().catch(() => ({}))) as Record<string, unknown>)
}
