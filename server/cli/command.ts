/** What every command of the terminal shares: how it ends, how it speaks, how it reaches the database, and how it asks. */
import { userInfo } from 'node:os'
import { confirm, isCancel } from '@clack/prompts'
import { SingleBar } from 'cli-progress'
import { InvalidArgumentError } from 'commander'
import { KeyRefused } from '../access/key.ts'
import { CredentialTaken } from '../access/credentials.ts'
import { RenewRefused } from '../access/renew.ts'
import { SecretRefused } from '../access/secrets.ts'
import { ApplyRefused } from '../flows/changes.ts'
import { ConfigRefused } from '../flows/problem.ts'
import { CursorRefused } from '../maintain/records.ts'
import { BackupRefused } from '../store/backup.ts'
import { EmbeddedRefused } from '../store/embedded.ts'
import { MigrationRefused } from '../store/migrate.ts'
import { isUnavailable } from '../store/trouble.ts'
import { type Database, NothingHere, openDatabase } from './database.ts'
import { type Duty, readSettings, SettingRefused } from './settings.ts'

/**
 * How a command ends: 0 done, 1 a fault of ours, 2 wrongly called, 3 the configuration or the request is refused, 4 no database,
 * 5 nothing found, 6 done, but not for all: some failed again, or are not through yet (docs/terminal.md).
 */
export const exitCodes = { done: 0, bug: 1, usage: 2, refused: 3, unavailable: 4, notFound: 5, unfinished: 6 } as const

export interface Outside {
  env: NodeJS.ProcessEnv
  cwd: string
  out(text: string): void
  err(text: string): void
  /** Columns of the terminal; 0 where there is none. */
  width: number
  /** A person sits there and can be asked. */
  interactive?: boolean
  /** All of standard input, for `--body -`. */
  input?(): Promise<string>
  /** `serve`: runs until stopped; with all duties, or only these. */
  serve(only?: readonly Duty[]): Promise<void>
}

/** Ends the command with this code after what was said. */
export class Done extends Error {
  readonly code: number
  constructor(code: number, message = '') {
    super(message)
    this.code = code
  }
}

export interface Common {
  json?: boolean
  tenant?: string
}

/** Steps of a long command, on standard error; nothing where that is no terminal. */
export interface Bar {
  step(done: number): void
  end(): void
}

export interface Command {
  outside: Outside
  /** `--json` was given: one JSON value goes to standard output, and nothing is asked. */
  asJson: boolean
  code: number
  say(text: string): void
  json(value: unknown): void
  withDatabase<T>(make: boolean, work: (database: Database) => Promise<T>): Promise<T>
  /** False where nobody can be asked. */
  sure(question: string): Promise<boolean>
  bar(total: number, what: string): Bar
  /** Who acts, for versions and notes. */
  who(): string
}

export const commandOf = (outside: Outside): Command => {
  const { env, cwd, out, err } = outside
  const log = { info: () => {}, warn: (text: string) => err(`${text}\n`), error: (text: string) => err(`${text}\n`) }
  const command: Command = {
    outside,
    asJson: false,
    code: exitCodes.done,
    say: (text) => out(`${text}\n`),
    json: (value) => out(`${JSON.stringify(value, null, 2)}\n`),
    withDatabase: async (make, work) => {
      const database = await openDatabase(readSettings(env, cwd), { make, name: 'mortise command', log })
      try {
        return await work(database)
      } finally {
        await database.close()
      }
    },
    sure: async (question) => {
      if (!outside.interactive || command.asJson) return false
      const answer = await confirm({ message: question, initialValue: false, output: process.stderr })
      return !isCancel(answer) && answer
    },
    bar: (total, what) => {
      if (!outside.interactive || command.asJson || !process.stderr.isTTY) return { step: () => {}, end: () => {} }
      const bar = new SingleBar({
        format: `${what} {bar} {value}/{total} · {eta_formatted} left`,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        hideCursor: true,
        stream: process.stderr,
      })
      bar.start(total, 0)
      return { step: (done) => bar.increment(done), end: () => bar.stop() }
    },
    who: () => {
      if (env.MORTISE_USER) return env.MORTISE_USER
      try {
        return userInfo().username
      } catch {
        return 'terminal' // a container may run as a user that no name is known of
      }
    },
  }
  return command
}

export const count = (text: string): number => {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > 1_000_000)
    throw new InvalidArgumentError('a number from 1 to 1000000.')
  return number
}

const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30m`, `2h`, `3d` ago, or a moment: 2026-11-25, 2026-11-25T08:00+08:00. */
export const moment = (text: string): number => {
  const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (number !== undefined && unit !== undefined) return Date.now() - Number(number) * (units[unit] ?? 0)
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at))
    throw new InvalidArgumentError('write 30m, 2h, 3d (ago), or a moment such as 2026-11-25T08:00+08:00.')
  return at
}

/** What an error is to the person at the terminal, and the code the command ends with. */
export const describe = (error: unknown): { code: number; say: string } => {
  if (error instanceof Done) return { code: error.code, say: error.message }
  if (error instanceof ConfigRefused || error instanceof ApplyRefused || error instanceof SecretRefused)
    return { code: exitCodes.refused, say: error.message }
  if (error instanceof RenewRefused || error instanceof CredentialTaken)
    return { code: exitCodes.refused, say: error.message }
  if (error instanceof BackupRefused) return { code: exitCodes.refused, say: error.message }
  if (error instanceof SettingRefused || error instanceof KeyRefused || error instanceof CursorRefused)
    return { code: exitCodes.usage, say: error.message }
  if (error instanceof NothingHere || error instanceof EmbeddedRefused || error instanceof MigrationRefused)
    return { code: exitCodes.unavailable, say: error.message }
  const { code } = error as { code?: string }
  if (code === '42P01' || code === '42703')
    return { code: exitCodes.unavailable, say: 'The database is not prepared for this version. Run: mortise migrate' }
  if (isUnavailable(error))
    return { code: exitCodes.unavailable, say: `The database cannot be reached: ${(error as Error).message}` }
  return { code: exitCodes.bug, say: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
