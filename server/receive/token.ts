/** Who is pushing: the token's hash is looked up, and every cause of a refusal takes the same road and the same time (contracts.md section 1, 401). */
import { timingSafeEqual } from 'node:crypto'
import { digest } from '../../protocol/standard.ts'
import type { PushToken, Tokens } from './deps.ts'

/** Stands in where no token was found, so that the checks after the search run all the same. */
const nobody: PushToken = { tokenId: '', tenantId: '\u0000', connections: [], objects: [], expiresAt: 0 }

/** Compares without stopping at the first difference. */
export const sameText = (known: string, given: string): boolean => {
  let difference = known.length ^ given.length
  for (let i = 0; i < given.length; i++) difference |= given.charCodeAt(i) ^ known.charCodeAt(i % (known.length || 1))
  return difference === 0
}

/** The token's row where everything fits, else undefined. `tenantId` null: the tenant comes from the token (the newer public route). */
export const checkCaller = (
  tokens: Tokens,
  token: string,
  tenantId: string | null,
  now: number,
): PushToken | undefined => {
  const found = tokens.find(digest(Buffer.from(token, 'latin1')))
  const row = found ?? nobody
  const known = found === undefined ? 0 : 1
  const tenant = sameText(row.tenantId, tenantId ?? row.tenantId) ? 1 : 0
  const alive = (row.expiresAt ?? Number.POSITIVE_INFINITY) > now ? 1 : 0
  return (known & tenant & alive) === 1 ? row : undefined
}

/** May this token push to this object of this connection? */
export const mayPush = (token: PushToken, connectionId: string, objectCode: string): boolean =>
  (token.connections === null || token.connections.includes(connectionId)) &&
  (token.objects === null || token.objects.includes(objectCode))

/** A snapshot of all tokens for `ReceiveDeps.tokens`: found by half of the hash, compared by the whole of it in constant time. */
export const tokenSnapshot = (rows: readonly (PushToken & { sha256: Buffer })[]): Tokens => {
  const byPrefix = new Map<string, (PushToken & { sha256: Buffer })[]>()
  for (const row of rows) {
    const prefix = row.sha256.toString('latin1', 0, 16)
    const same = byPrefix.get(prefix)
    if (same) same.push(row)
    else byPrefix.set(prefix, [row])
  }
  return {
    find(sha256) {
      const candidates = byPrefix.get(sha256.toString('latin1', 0, 16))
      return candidates?.find((row) => row.sha256.length === sha256.length && timingSafeEqual(row.sha256, sha256))
    },
  }
}
