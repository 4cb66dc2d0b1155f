/** The guide's request headers as Node hands them over: raw, so that a header sent twice is seen and its bytes can be read as UTF-8. */
import { isUtf8 } from 'node:buffer'

export const longestHeader = 128

/** Header values as they came (latin1 text); `undefined` = not sent. */
export interface Heads {
  token: string | undefined
  tenantId: string | undefined
  dataCenterId: string | undefined
  objectApiName: string | undefined
  version: string | undefined
  operationType: string | undefined
  id: string | undefined
  directSync: string | undefined
  idempotencyKey: string | undefined
  authorization: string | undefined
  locale: string | undefined
  requestId: string | undefined
  encoding: string | undefined
  length: string | undefined
  /** First of `token`, `tenantId`, `Authorization` that was sent twice: refused before anything is looked up. */
  callerTwice: string | null
  /** First of the other headers with a meaning that was sent twice. Node would join them: `A, B` is also a legal id. */
  twice: string | null
}

/** Reads `IncomingMessage.rawHeaders` once. Names compare without regard to case. */
export const readHeads = (raw: readonly string[]): Heads => {
  const heads: Heads = {
    token: undefined,
    tenantId: undefined,
    dataCenterId: undefined,
    objectApiName: undefined,
    version: undefined,
    operationType: undefined,
    id: undefined,
    directSync: undefined,
    idempotencyKey: undefined,
    authorization: undefined,
    locale: undefined,
    requestId: undefined,
    encoding: undefined,
    length: undefined,
    callerTwice: null,
    twice: null,
  }
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    switch (name.length) {
      case 2:
        if (name.toLowerCase() === 'id') {
          if (heads.id !== undefined) heads.twice ??= 'id'
          heads.id = value
        }
        break
      case 5:
        if (name.toLowerCase() === 'token') {
          if (heads.token !== undefined) heads.callerTwice ??= 'token'
          heads.token = value
        }
        break
      case 6:
        if (name.toLowerCase() === 'locale') heads.locale = value
        break
      case 7:
        if (name.toLowerCase() === 'version') {
          if (heads.version !== undefined) heads.twice ??= 'version'
          heads.version = value
        }
        break
      case 8:
        if (name.toLowerCase() === 'tenantid') {
          if (heads.tenantId !== undefined) heads.callerTwice ??= 'tenantId'
          heads.tenantId = value
        }
        break
      case 10:
        if (name.toLowerCase() === 'directsync') {
          if (heads.directSync !== undefined) heads.twice ??= 'directSync'
          heads.directSync = value
        }
        break
      case 12: {
        const lower = name.toLowerCase()
        if (lower === 'datacenterid') {
          if (heads.dataCenterId !== undefined) heads.twice ??= 'dataCenterId'
          heads.dataCenterId = value
        } else if (lower === 'x-request-id') heads.requestId = value
        break
      }
      case 13: {
        const lower = name.toLowerCase()
        if (lower === 'objectapiname') {
          if (heads.objectApiName !== undefined) heads.twice ??= 'objectApiName'
          heads.objectApiName = value
        } else if (lower === 'operationtype') {
          if (heads.operationType !== undefined) heads.twice ??= 'operationType'
          heads.operationType = value
        } else if (lower === 'authorization') {
          if (heads.authorization !== undefined) heads.callerTwice ??= 'Authorization'
          heads.authorization = value
        }
        break
      }
      case 14:
        if (name.toLowerCase() === 'content-length') heads.length = value
        break
      case 15:
        if (name.toLowerCase() === 'idempotency-key') {
          if (heads.idempotencyKey !== undefined) heads.twice ??= 'Idempotency-Key'
          heads.idempotencyKey = value
        }
        break
      case 16:
        if (name.toLowerCase() === 'content-encoding')
          heads.encoding = heads.encoding === undefined ? value : `${heads.encoding}, ${value}`
        break
    }
  }
  return heads
}

const high = /[\x80-\xff]/

/** UTF-8 bytes that arrived as latin1, read again; null when they are not UTF-8 (GBK, say): 005. */
export const decodeHeader = (latin1: string): string | null => {
  if (!high.test(latin1)) return latin1
  const bytes = Buffer.from(latin1, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : null
}

/** Percent-decoding, for `objectApiName` only, and only where the literal is no declared object; null when it does not decode. */
export const decodePercent = (text: string): string | null => {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** More than 128 characters; a character outside the first plane counts once, as PostgreSQL counts it. */
export const tooLong = (text: string): boolean => {
  if (text.length <= longestHeader) return false
  if (text.length > longestHeader * 2) return true
  let characters = 0
  for (const _ of text) characters++
  return characters > longestHeader
}

/** A request id of the sender that may be echoed and logged: visible ASCII. */
export const requestId = (value: string | undefined): string | undefined =>
  value !== undefined && /^[\x21-\x7e]{1,128}$/.test(value) ? value : undefined
