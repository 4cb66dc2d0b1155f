/** What a database error means to the caller: the database is not there, another transaction was in the way, or the statement is at fault. */

const code = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''

const message = (error: unknown): string => (error instanceof Error ? error.message : '')

/** The server told this connection to plan again after a migration: nothing was executed. */
export const isStalePlan = (error: unknown) =>
  code(error) === '0A000' && message(error).includes('cached plan must not change result type')

/** Deadlock and serialization failure: the same work may succeed at once. */
export const isCollision = (error: unknown) => code(error) === '40P01' || code(error) === '40001'

const NETWORK =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|ECONNABORTED)$/
const DRIVER =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed)/

/** After these the connection's own state is unknown; it is not given to anybody again. */
export const isBroken = (error: unknown) =>
  NETWORK.test(code(error)) || DRIVER.test(message(error)) || /^(08|57P0)/.test(code(error)) || isStalePlan(error)

/**
 * The database cannot serve now (gone, not there any more, not letting us in, starting, full, out of connections or memory, read-only after a failover, statement timed out):
 * doors answer 503 with Retry-After (reliability.md 16), agents wait and come again. Whether a commit under way took effect is not known.
 */
export const isUnavailable = (error: unknown) =>
  (isBroken(error) && !isStalePlan(error)) || /^(53|57014|57P|25006|55P03|58030|3D000|28)/.test(code(error))
