/** A push in no standard form: any body, kept byte for byte; the object's function or reader makes documents of it later (contracts.md section 1). */
import { digest } from '../../protocol/standard.ts'
import type { Operation, RawArrival } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { PushConnection, PushToken } from './deps.ts'

/** Whose values a function is not told: whoever writes one need not be one who may know them. */
const secret = /token|secret|auth|cookie|key|passw|sign|credential|session/i
const ours = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'content-encoding', 'expect'])
const most = 64
const longest = 2_000

/** Headers by lower-case name, without secrets; the first of those that repeat. */
export const toldHeaders = (rawHeaders: readonly string[]): Record<string, string> => {
  const told: [string, string][] = []
  for (let i = 0; i + 1 < rawHeaders.length && told.length < most; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    if (secret.test(name) || ours.has(name) || name === '__proto__' || told.some(([known]) => known === name)) continue
    // UTF-8 header bytes arrive as latin1
    const value = Buffer.from(rawHeaders[i + 1] as string, 'latin1').toString('utf8')
    told.push([name, value.slice(0, longest).replaceAll('\u0000', '').toWellFormed()])
  }
  return Object.fromEntries(told)
}

export interface RawPush {
  token: PushToken
  connection: PushConnection
  def: ObjectDef
  operation: Operation
  traceId: string
  requestId: string | undefined
  rawHeaders: readonly string[]
  key: string | undefined
  keyAnswer: string
}

export const rawRow = (push: RawPush, body: Buffer): RawArrival => {
  const { token, connection, def, operation } = push
  const headers = toldHeaders(push.rawHeaders)
  const made: RawArrival = {
    tenant_id: token.tenantId,
    connection_id: connection.connectionId,
    object: def.code,
    operation,
    trace_id: push.traceId,
    raw: body,
    meta: JSON.stringify({
      ...(push.requestId !== undefined && { requestId: push.requestId }),
      contentType: headers['content-type'] ?? '',
      headers,
    }),
  }
  if (push.key !== undefined)
    made.pushKey = {
      tokenId: token.tokenId,
      key: push.key,
      requestHash: digest(
        Buffer.concat([Buffer.from(JSON.stringify([connection.connectionId, def.code, null, operation])), body]),
      ),
      answer: push.keyAnswer,
    }
  return made
}
