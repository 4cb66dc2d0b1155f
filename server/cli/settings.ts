/** The environment variables of names.md, read once: every command and the server see the same. */
import { resolve } from 'node:path'

/** What a node may be told to do only (`mortise serve --only …`). */
export const duties = ['receive', 'listen', 'poll', 'batch', 'converge', 'deliver', 'upkeep'] as const
export type Duty = (typeof duties)[number]

export interface Settings {
  port: number
  host: string
  /** Absolute. */
  data: string
  /** Null: the embedded database of the data folder. */
  databaseUrl: string | null
  sandbox: boolean
  /** A YAML file applied at start, or null. */
  config: string | null
  /** Milliseconds for which a node that was asked to stop still takes calls, while /readyz says that it should get none. */
  drain?: number
  /** Days for which what came in, what was sent and what could not be read is kept. */
  retention?: number
  /** The console's pages are built where they are missing or stale. */
  buildConsole?: boolean
  /** Absent: all of them. */
  only?: readonly Duty[]
}

/** A variable that cannot be meant; the sentence names it. */
export class SettingRefused extends Error {
  override name = 'SettingRefused'
}

export const readDuties = (text: string): Duty[] => {
  const given = text.split(',').map((one) => one.trim())
  const wrong = given.filter((one) => !duties.includes(one as Duty))
  if (wrong.length)
    throw new SettingRefused(`--only ${text}: there is no duty ${wrong.join(', ')}; choose among ${duties.join(', ')}.`)
  return [...new Set(given as Duty[])]
}

export const readSettings = (env: NodeJS.ProcessEnv, cwd = process.cwd()): Settings => {
  const port = Number(env.MORTISE_PORT || 7070)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new SettingRefused(`MORTISE_PORT is ${env.MORTISE_PORT}; it must be a port (0 to 65535).`)
  const databaseUrl = env.MORTISE_DATABASE_URL || null
  if (databaseUrl !== null && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new SettingRefused('MORTISE_DATABASE_URL must begin with postgres:// or postgresql://.')
  }
  const sandbox = env.MORTISE_SANDBOX || 'on'
  if (sandbox !== 'on' && sandbox !== 'off')
    throw new SettingRefused(`MORTISE_SANDBOX is ${sandbox}; it must be on or off.`)
  const drain = Number(env.MORTISE_DRAIN || 0)
  if (!(drain >= 0 && drain <= 300))
    throw new SettingRefused(`MORTISE_DRAIN is ${env.MORTISE_DRAIN}; it must be seconds (0 to 300).`)
  const retention = Number(env.MORTISE_RETENTION || 30)
  if (!Number.isInteger(retention) || retention < 1 || retention > 3_650)
    throw new SettingRefused(`MORTISE_RETENTION is ${env.MORTISE_RETENTION}; it must be days (1 to 3650).`)
  return {
    port,
    host: env.MORTISE_HOST || '127.0.0.1',
    data: resolve(cwd, env.MORTISE_DATA || 'data'),
    databaseUrl,
    sandbox: sandbox === 'on',
    config: env.MORTISE_CONFIG ? resolve(cwd, env.MORTISE_CONFIG) : null,
    drain: drain * 1_000,
    retention,
  }
}
