/**
 * The log: one JSON line each, the same names for the same things everywhere, and nothing in it that must not be there. Fields: docs/operate.md,
 * "The log"; a test holds every call to them.
 */
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'

export interface LogOptions {
  level: string
  /** Tells the nodes apart where their logs come together. */
  node: string
  /** Default: standard output. */
  stream?: DestinationStream
}

export interface Logbook {
  /** Of one agent or part of the program: `of('reaper')`. */
  of(agent: string): Logger
  log: Logger
  /** Texts that must never be shown, wherever they turn up: replaced in every line from now on, also inside other texts. */
  hide(secrets: Iterable<string>): void
}

/** What is not logged at all should not come here; where it does, these names are blanked, one and two levels deep. */
const secretNames = [
  'headers', 'authorization', 'cookie', 'token', 'secret', 'salt', 'password', 'key', 'body', 'raw', 'request', 'response', 'answer',
  'access_token', 'connectionString',
] // biome-ignore format: a list of words
const hidden = '[hidden]'

/** A secret shorter than this would blank innocent words. */
const shortest = 6

/** Addresses carry secrets in their query, and the hook's in its path. */
export const shownUrl = (url: unknown): unknown =>
  typeof url === 'string' ? url.split('?', 1)[0]?.replace(/^(.*\/(?:hooks|callbacks)\/[^/]*\/).*$/, `$1${hidden}`) : url

/** An error's own words and where it was, and of PostgreSQL's its code and statement; never `detail` or `where`, which quote rows. */
export const shownError = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  const { code, statement, cause } = error as Error & { code?: unknown; statement?: unknown }
  return {
    type: error.name,
    message: error.message,
    ...(code !== undefined && { code }),
    ...(statement !== undefined && { statement }),
    ...(cause !== undefined && { cause: shownError(cause) }),
    stack: error.stack,
  }
}

export const openLog = ({ level, node, stream }: LogOptions): Logbook => {
  let secrets: string[] = []
  const known = new Set<string>()
  const log = pino(
    {
      level,
      base: { node },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: shownError, url: shownUrl },
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: hidden },
      hooks: {
        streamWrite: (line) => secrets.reduce((shown, secret) => shown.replaceAll(secret, hidden), line),
      },
    },
    stream ?? pino.destination({ dest: 1, sync: false }),
  )
  return {
    log,
    of: (agent) => log.child({ agent }),
    hide: (more) => {
      for (const secret of more) {
        if (secret.length < shortest) continue
        known.add(secret)
        known.add(JSON.stringify(secret).slice(1, -1))
        known.add(encodeURIComponent(secret))
      }
      // The longest first: one may be a part of another.
      secrets = [...known].toSorted((a, b) => b.length - a.length)
    },
  }
}
