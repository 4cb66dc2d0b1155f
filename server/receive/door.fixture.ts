/** A receive door of its own for a test: a real server on a free port, whose admit keeps the rows that a database would have got. */
import { randomBytes } from 'node:crypto'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { digest } from '../../protocol/standard.ts'
import type { Admitted, Arrival, RawArrival } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { ObjectDef } from '../doc/object.ts'
import { httpServer, type HttpOptions } from '../http/server.ts'
import type { PushConnection, PushToken, ReceiveDeps } from './deps.ts'
import { receiveDoors, syncpushPath } from './syncpush.ts'
import { tokenSnapshot } from './token.ts'

export const systemEnv = (): Env => ({
  now: Date.now,
  monotonic: () => performance.now(),
  random: Math.random,
  id: () => randomBytes(16).toString('hex'),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms)
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(new Error('aborted'))
      })
    }),
  point: async () => {},
})

const def = (code: string, more: Partial<ObjectDef> = {}): ObjectDef => ({
  code,
  apiName: code,
  idField: 'id',
  fields: [],
  details: [],
  ...more,
})

export const customer = def('BD_Customer', {
  apiName: '客户',
  modifiedField: 'modifyTime',
  externalIdField: 'sourceId',
  fields: [{ code: 'modifyTime', type: 'datetime', format: 'yyyy-MM-dd HH:mm:ss' }],
  details: [{ code: 'contacts', fields: [] }],
})
export const material = def('BD_Material')
export const freight = def('FREIGHT', { receive: { function: 'freight' } })
export const percent = def('50%25')
export const guideObject = def('ERP 侧对象的 APIName', {
  details: [
    { code: '明细 apiName1', fields: [] },
    { code: '明细 apiName2', fields: [] },
  ],
})

export const connectionOf = (connectionId: string, objects: readonly ObjectDef[]): PushConnection => ({
  connectionId,
  zone: 'Asia/Shanghai',
  object: (name) => objects.find((o) => o.code === name) ?? objects.find((o) => o.apiName === name),
})

export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  text: string
  json: { errCode: string; errMsg: string; traceMsg: string }
}

export const token = 'sandbox-token-0123456789abcdef'
const erp = connectionOf('erp', [customer, material, percent, guideObject, freight])
const row = (tokenText: string, tenantId: string, more: Partial<PushToken> = {}) => ({
  tokenId: tokenText,
  tenantId,
  connections: null,
  objects: null,
  sha256: digest(tokenText),
  ...more,
})

/** Unless told otherwise: one tenant `sandbox` with one ERP; tenant `two` with ERPs `a` and `b`; tenant `none` without any. */
export const freshDoor = async (more: Partial<ReceiveDeps> = {}, http: Partial<HttpOptions> = {}) => {
  const rows: Arrival[] = []
  const raws: RawArrival[] = []
  const logged: object[] = []
  let version = 0
  const log = { error: (details: object) => void logged.push(details), warn: () => {} }
  const deps: ReceiveDeps = {
    tokens: tokenSnapshot([
      row(token, 'sandbox'),
      row('two-token', 'two'),
      row('none-token', 'none'),
      row('narrow-token', 'sandbox', { objects: ['BD_Material'] }),
      row('only-b-token', 'two', { connections: ['b'] }),
      row('expired-token', 'sandbox', { expiresAt: 1000 }),
      row('slow-token', 'sandbox', { ratePerSecond: 2 }),
    ]),
    catalog: {
      erp: (tenantId) =>
        tenantId === 'sandbox'
          ? [erp]
          : tenantId === 'two'
            ? [connectionOf('a', [customer]), connectionOf('b', [customer]), connectionOf('账套', [material])]
            : [],
    },
    admit: async (arrival): Promise<Admitted> => {
      rows.push(arrival)
      return { kind: 'created', seq: ++version, version }
    },
    keep: async (arrival) => {
      raws.push(arrival)
      return { kind: 'kept', seq: raws.length }
    },
    waitDecoded: async () => ({ done: true }),
    waitSettled: async () => ({ done: true }),
    env: systemEnv(),
    log,
    ...more,
  }
  const server = httpServer({ id: deps.env.id, ready: () => ({ ready: true }), log, ...http })
  for (const { path, door } of receiveDoors(deps)) server.record(path, door)
  const base = await server.listen({ host: '127.0.0.1', port: 0 })
  const port = Number(new URL(base).port)

  /** Headers may be pairs, to send one twice; their text goes out as UTF-8 bytes, as curl sends it. */
  const send = (
    path: string,
    headers: Record<string, string | undefined> | string[],
    body: Buffer | string = '',
    method = 'POST',
  ) =>
    new Promise<Reply>((resolve, reject) => {
      const flat = Array.isArray(headers)
        ? headers
        : Object.entries(headers).flatMap(([k, v]) => (v === undefined ? [] : [k, v]))
      const bytes = Buffer.from(body)
      const raw = ['Host', 'door', 'Content-Length', String(bytes.length), ...flat].map((text) =>
        Buffer.from(text).toString('latin1'),
      )
      const call = request({ host: '127.0.0.1', port, path, method, headers: raw, agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: text.startsWith('{') ? JSON.parse(text) : {},
          })
        })
      })
      call.on('error', reject)
      call.end(bytes)
    })
  const standard = { token, tenantId: 'sandbox', objectApiName: 'BD_Customer', version: 'v1', id: 'C-1' }

  return {
    rows,
    raws,
    logged,
    port,
    server,
    send,
    /** A push with good headers, some of them replaced (undefined = left out). */
    push: (
      body: Buffer | string = '{"objAPIName":"BD_Customer","masterFieldVal":{}}',
      headers: Record<string, string | undefined> = {},
    ) => send(syncpushPath, { ...standard, ...headers }, body),
    pushRaw: (headers: string[], body: Buffer | string = '{"objAPIName":"BD_Customer","masterFieldVal":{}}') =>
      send(syncpushPath, headers, body),
    /** Bytes on a bare socket; gives what came back when the server ends the connection, or after `quiet` ms without more. */
    socket: (bytes: Buffer | string, quiet = 400) =>
      new Promise<string>((resolve) => {
        let got = ''
        const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
        socket.setTimeout(quiet, () => socket.destroy())
        socket.on('data', (chunk) => (got += chunk))
        socket.on('error', () => {})
        socket.on('close', () => resolve(got))
      }),
    [Symbol.asyncDispose]: () => server.stop({ linger: 0, limit: 2_000 }),
  }
}
