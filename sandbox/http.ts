/** The sandbox on the wire: plain node:http, because it is the target of benchmarks. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { interfaceCalls, type InterfaceCall } from './faults.ts'
import { type Face, isFacePath } from './fxiaoke.ts'
import type { Arrival, Reply, Side } from './side.ts'
import type { Caller, Sending } from './caller.ts'
import type { Masterdata } from './masterdata.ts'
import type { SystemName } from './objects.ts'

const BODY_MAX = 25 * 1024 * 1024
const JSON_TYPE = 'application/json; charset=utf-8'

const isInterface = (name: string): name is InterfaceCall => (interfaceCalls as readonly string[]).includes(name)

/** Node hands header bytes over as latin1; UTF-8 is decoded again where it is UTF-8. */
const utf8 = (text: string): string => {
  if (!/[\x80-\xff]/.test(text)) return text
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'))
  } catch {
    return text
  }
}

const percent = (text: string): string => {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const header = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name]
  const text = Array.isArray(value) ? value.join(', ') : value
  return text === undefined || text === '' ? null : utf8(text)
}

/** Ids and object codes may come percent-encoded, where a client cannot put Chinese into a header. */
const word = (text: string | null): string | null => (text === null ? null : percent(text))

/** The whole body; null when it is larger than BODY_MAX. Rejects when the client leaves in the middle: then nothing reached us. */
const readBody = (request: IncomingMessage): Promise<string | null> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= BODY_MAX) chunks.push(chunk)
      else chunks.length = 0 // read on and forget, so that the refusal can be answered
    })
    request.on('end', () => {
      if (size > BODY_MAX) resolve(null)
      else resolve((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString('utf8'))
    })
    request.on('error', reject)
    request.on('close', () => {
      if (!request.complete) reject(new Error('the client left'))
    })
  })

const sendJson = (
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void => {
  // A text, not a Buffer: head and body then leave in one write.
  response.writeHead(status, { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(body), ...headers })
  response.end(body)
}

const refuse = (response: ServerResponse, status: number, message: string): void =>
  sendJson(response, status, JSON.stringify({ code: `${status}000`, message, data: null }))

const deliver = (response: ServerResponse, now: () => number) => (reply: Reply) => {
  if (reply.body === null) {
    if (reply.socket === 'cut') response.socket?.destroy()
    return
  }
  const dated: Record<string, string> =
    reply.shift === undefined ? {} : { date: new Date(now() + reply.shift).toUTCString() }
  sendJson(response, reply.status, reply.body, { ...reply.headers, ...dated })
}

/** Streams `{"<name>":[…]}` in pieces, waiting for the socket: a ledger of 200,000 calls is larger than a comfortable text. */
const sendList = async (response: ServerResponse, name: string, items: Generator<string>): Promise<void> => {
  response.writeHead(200, { 'content-type': JSON_TYPE })
  let text = `{${JSON.stringify(name)}:[`
  let first = true
  for (const item of items) {
    text += first ? item : `,${item}`
    first = false
    if (text.length < 256 * 1024) continue
    const free = response.write(text)
    text = ''
    if (!free && !response.destroyed)
      await new Promise<void>((resolve) => {
        const go = (): void => {
          response.off('drain', go).off('close', go)
          resolve()
        }
        response.on('drain', go).on('close', go)
      })
    if (response.destroyed) return
  }
  response.end(`${text}]}`)
}

const arrivalOf = async (request: IncomingMessage, call: InterfaceCall, search: string): Promise<Arrival> => ({
  call,
  token: header(request, 'token'),
  headerId: word(header(request, 'id')),
  headerObject: word(header(request, 'objectapiname')),
  operationType: header(request, 'operationtype'),
  key: header(request, 'idempotency-key'),
  requestId: header(request, 'x-request-id'),
  text: request.method === 'POST' ? await readBody(request) : null,
  query: new URLSearchParams(search),
})

const wholeOr = (text: string | null, fallback: number): number =>
  text !== null && /^\d+$/.test(text) ? Number(text) : fallback

const readSetting = async (request: IncomingMessage): Promise<{ given: unknown } | string> => {
  const text = await readBody(request)
  if (text === null) return 'the body is too large'
  try {
    return { given: JSON.parse(text) }
  } catch (error) {
    return `the body is not JSON: ${(error as Error).message}`
  }
}

type Setting = { get: () => unknown; set: (given: unknown) => Promise<string | null> }

const settingOf = (side: Side, face: Face | null, name: string): Setting | null => {
  switch (name) {
    case 'fxiaoke':
      return face && { get: face.view, set: async (given) => face.set(given) }
    case 'faults':
      return { get: side.faults, set: side.setFaults }
    case 'mode':
      return { get: side.mode, set: side.setMode }
    case 'events':
      return { get: side.events, set: side.setEvents }
    default:
      return null
  }
}

const setting = async (request: IncomingMessage, response: ServerResponse, { get, set }: Setting): Promise<void> => {
  if (request.method === 'GET') return sendJson(response, 200, JSON.stringify(get()))
  if (request.method !== 'PUT') return refuse(response, 405, 'GET or PUT')
  const read = await readSetting(request)
  const wrong = typeof read === 'string' ? read : await set(read.given)
  if (wrong !== null) return refuse(response, 400, wrong)
  sendJson(response, 200, JSON.stringify(get()))
}

/** Settings of one of the two faces of the master-data batch. */
const batchSetting = (name: string, face: Masterdata | Caller): Setting | null => {
  switch (name) {
    case 'settings':
      return { get: face.settings, set: async (given) => face.set(given) }
    case 'faults':
      return { get: face.faults, set: async (given) => face.setFaults(given) }
    default:
      return null
  }
}

const jsonList = function* (items: readonly unknown[]): Generator<string> {
  for (const item of items) yield JSON.stringify(item)
}

/** `/sandbox/masterdata/…`: a system that takes batches. */
const masterdataRoute = async (
  { masterdata }: ServerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
  query: URLSearchParams,
): Promise<void> => {
  const method = request.method ?? 'GET'
  if (name.startsWith('common/')) {
    const reply = await masterdata.handle({
      method,
      path: name.slice('common/'.length),
      query,
      authorization: header(request, 'authorization'),
      text: method === 'POST' ? await readBody(request) : null,
    })
    if (reply === 'hang') return
    if (reply === 'cut') return void response.socket?.destroy()
    return sendJson(response, reply.status, reply.body, reply.headers)
  }
  const found = batchSetting(name, masterdata)
  if (found !== null) return setting(request, response, found)
  if (method !== 'GET') return refuse(response, 404, `no such path: ${name}`)
  if (name === 'ledger') return sendList(response, 'calls', jsonList(masterdata.ledger()))
  if (name.startsWith('records/'))
    return sendList(response, 'records', jsonList(masterdata.records(percent(name.slice('records/'.length)))))
  refuse(response, 404, `no such path: ${name}`)
}

/** `/sandbox/caller/…`: sends batches to Mortise and shows the callbacks it received. */
const callerRoute = async (
  { caller }: ServerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
  query: URLSearchParams,
): Promise<void> => {
  const found = batchSetting(name, caller)
  if (found !== null) return setting(request, response, found)
  if (request.method === 'POST' && name === 'callback') {
    const headers = Object.fromEntries(
      Object.entries(request.headers).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
    )
    const answered = caller.hear(headers, (await readBody(request)) ?? '')
    if (answered === 'cut') return void response.socket?.destroy()
    if (answered === 'slow') await new Promise<void>((done) => void setTimeout(done, 20_000).unref())
    return sendJson(response, answered === 'slow' ? 200 : answered, '{}')
  }
  if (request.method === 'POST' && name === 'send') {
    const read = await readSetting(request)
    if (typeof read === 'string') return refuse(response, 400, read)
    const what = read.given as Sending
    if (typeof what?.path !== 'string')
      return refuse(response, 400, 'path is missing: positions, departments/v2, branches')
    return sendJson(response, 200, JSON.stringify(await caller.send(what)))
  }
  if (request.method === 'GET' && name === 'callbacks')
    return sendList(response, 'callbacks', jsonList(caller.callbacks(query.get('bizId'))))
  if (request.method === 'GET' && name === 'ledger') return sendList(response, 'calls', jsonList(caller.sent()))
  refuse(response, 404, `no such path: ${name}`)
}

/** Nothing here needs a token but the five interface calls: the sandbox listens on loopback, for tests and for trying. */
const route = async (deps: ServerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const url = request.url ?? '/'
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  const search = mark === -1 ? '' : url.slice(mark + 1)
  if (path === '/sandbox/healthz') return sendJson(response, 200, JSON.stringify(deps.health()))
  for (const [prefix, to] of [
    ['/sandbox/masterdata/', masterdataRoute],
    ['/sandbox/caller/', callerRoute],
  ] as const)
    if (path.startsWith(prefix))
      return to(deps, request, response, path.slice(prefix.length), new URLSearchParams(search))
  const side = path.startsWith('/sandbox/erp/')
    ? deps.sides.erp
    : path.startsWith('/sandbox/crm/')
      ? deps.sides.crm
      : null
  if (side === null) return refuse(response, 404, `no such path: ${path}`)
  const name = path.slice('/sandbox/erp/'.length)

  if (isInterface(name)) {
    const method = name.startsWith('query') ? 'GET' : 'POST'
    if (request.method !== method) return refuse(response, 405, `${name} is asked by ${method}`)
    return side.handle(await arrivalOf(request, name, search), deliver(response, deps.now))
  }
  const face = side.system === 'crm' ? deps.face : null
  if (face && isFacePath(name)) {
    if (request.method !== 'POST') return refuse(response, 405, `${name} is asked by POST`)
    const asked = {
      path: name,
      query: new URLSearchParams(search),
      authorization: header(request, 'authorization'),
      enterprise: header(request, 'x-fs-ea'),
      user: header(request, 'x-fs-userid'),
      requestId: header(request, 'x-request-id'),
      text: await readBody(request),
    }
    return face.handle(asked, deliver(response, deps.now))
  }
  const found = settingOf(side, face, name)
  if (found !== null) return setting(request, response, found)

  if (request.method !== 'GET') return refuse(response, 404, `no such path: ${request.method} ${path}`)
  const query = new URLSearchParams(search)
  if (name === 'ledger') {
    const [since, limit] = [wholeOr(query.get('since'), 0), wholeOr(query.get('limit'), Infinity)]
    const filter = { since, limit, call: query.get('call'), object: query.get('object'), id: query.get('id') }
    return sendList(response, 'calls', side.ledger(filter))
  }
  if (name.startsWith('records/')) {
    const object = percent(name.slice('records/'.length))
    const records = side.records(object, query.get('id'), query.get('sourceId'))
    return records === null
      ? refuse(response, 404, `object ${object} does not exist`)
      : sendList(response, 'records', records)
  }
  refuse(response, 404, `no such path: ${path}`)
}

export type ServerDeps = {
  sides: Record<SystemName, Side>
  /** The sandbox CRM's second face. */
  face: Face
  masterdata: Masterdata
  caller: Caller
  health: () => unknown
  now: () => number
  log: (line: string) => void
}

export const sandboxServer = (deps: ServerDeps): Server => {
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, (request, response) => {
    route(deps, request, response).catch((error: unknown) => {
      if (request.destroyed && !request.complete) return // the client left before its request was whole
      deps.log(`${request.method} ${request.url}: ${error instanceof Error ? error.stack : String(error)}`)
      if (!response.headersSent) refuse(response, 500, error instanceof Error ? error.message : String(error))
      else response.destroy()
    })
  })
  return server
}
