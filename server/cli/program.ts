/** The `mortise` command: what it offers, what each command does, and how it ends. */
import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { openGenerated } from '../access/generated.ts'
import { KeyRefused, secretKey } from '../access/key.ts'
import { SecretRefused } from '../access/secrets.ts'
import { declare, rerun } from '../converge/ids.ts'
import { beginRestore, endRestore, readRestoring } from '../converge/restore.ts'
import { ApplyRefused, type Change, tellChanges } from '../flows/changes.ts'
import { readConfig } from '../flows/file.ts'
import { ConfigRefused, tellProblems } from '../flows/problem.ts'
import { findJourney, isEmpty } from '../maintain/journey.ts'
import { linksNumbered, linksOf, listRecords, type RecordFilter, type RecordRow } from '../maintain/records.ts'
import { readStatus } from '../maintain/status.ts'
import { shownStates } from '../maintain/words.ts'
import { EmbeddedRefused } from '../store/embedded.ts'
import {
  BackupRefused,
  migrationsFor,
  readManifest,
  restoreBackup,
  verifyBackup,
  writeBackup,
} from '../store/backup.ts'
import { checksumOf, MigrationRefused, migrate, readMigrations } from '../store/migrate.ts'
import type { Sql } from '../store/sql.ts'
import { isUnavailable } from '../store/trouble.ts'
import { apply, exportConfig, plan } from './configuration.ts'
import { type Database, NothingHere, openDatabase } from './database.ts'
import { renderJourney, renderRecords, renderStatus } from './render.ts'
import { duties, type Duty, readDuties, readSettings, SettingRefused } from './settings.ts'

/** How a command ends: 0 done, 1 a fault of ours, 2 wrongly called, 3 the configuration or the request is refused, 4 no database, 5 nothing found. */
export const exitCodes = { done: 0, bug: 1, usage: 2, refused: 3, unavailable: 4, notFound: 5 } as const

export interface Outside {
  env: NodeJS.ProcessEnv
  cwd: string
  out(text: string): void
  err(text: string): void
  /** Columns of the terminal; 0 where there is none. */
  width: number
  /** `serve`: runs until stopped; with all duties, or only these. */
  serve(only?: readonly Duty[]): Promise<void>
}

/** Ends the command with this code after what was said. */
class Done extends Error {
  readonly code: number
  constructor(code: number, message = '') {
    super(message)
    this.code = code
  }
}

/** Engine states beside the shown ones, for those who know the tables. */
const states: readonly string[] = [
  ...new Set([...shownStates, 'due', 'working', 'idle', 'waiting', 'unknown', 'parked']),
]

const stateList = (text: string): string[] => {
  const given = text.split(',').map((one) => one.trim())
  const wrong = given.filter((one) => !states.includes(one))
  if (wrong.length) throw new InvalidArgumentError(`${wrong.join(', ')}: choose among ${states.join(', ')}.`)
  return given
}

const count = (text: string): number => {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > 100_000)
    throw new InvalidArgumentError('a number from 1 to 100000.')
  return number
}

const sideOf = (text: string): 'left' | 'right' => {
  if (text !== 'left' && text !== 'right') throw new InvalidArgumentError('left or right.')
  return text
}

/** `customer` or `customer:leftToRight`. */
const flowFilter = async (
  sql: Sql,
  flow: string | undefined,
  tenantId: string | undefined,
): Promise<Pick<RecordFilter, 'pairId' | 'target'>> => {
  if (flow === undefined) return {}
  const [pairId = '', direction] = flow.split(':')
  const rows = await sql<{ left_connection: string; right_connection: string }>`
    select left_connection, right_connection
    from pair
    where pair_id = ${pairId} and (${tenantId ?? null}::text is null or tenant_id = ${tenantId ?? null})`
  const [pair] = rows
  if (!pair) throw new Done(exitCodes.notFound, `There is no pair ${pairId}; mortise status lists them.`)
  if (direction === undefined) return { pairId }
  if (direction !== 'leftToRight' && direction !== 'rightToLeft')
    throw new Done(exitCodes.usage, `${flow}: after the colon write leftToRight or rightToLeft.`)
  return { pairId, target: direction === 'leftToRight' ? pair.right_connection : pair.left_connection }
}

interface Common {
  json?: boolean
  tenant?: string
}
interface Selection extends Common {
  id?: string[]
  state?: string[]
  flow?: string
  fault?: string
  limit: number
}

const describe = (error: unknown): { code: number; say: string } => {
  if (error instanceof Done) return { code: error.code, say: error.message }
  if (error instanceof ConfigRefused || error instanceof ApplyRefused || error instanceof SecretRefused)
    return { code: exitCodes.refused, say: error.message }
  if (error instanceof BackupRefused) return { code: exitCodes.refused, say: error.message }
  if (error instanceof SettingRefused || error instanceof KeyRefused)
    return { code: exitCodes.usage, say: error.message }
  if (error instanceof NothingHere || error instanceof EmbeddedRefused || error instanceof MigrationRefused)
    return { code: exitCodes.unavailable, say: error.message }
  if ((error as { code?: string }).code === '42P01') {
    return { code: exitCodes.unavailable, say: 'The database is not prepared for this version. Run: mortise migrate' }
  }
  if (isUnavailable(error))
    return { code: exitCodes.unavailable, say: `The database cannot be reached: ${(error as Error).message}` }
  return { code: exitCodes.bug, say: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

/** Runs one command line (without `node` and the program's name) and answers its exit code. */
export const run = async (args: readonly string[], outside: Outside): Promise<number> => {
  const { env, cwd, out, err, width, serve } = outside
  let asJson = false
  let code: number = exitCodes.done
  const say = (text: string) => out(`${text}\n`)
  const json = (value: unknown) => say(JSON.stringify(value, null, 2))
  const log = { info: () => {}, warn: (text: string) => err(`${text}\n`), error: (text: string) => err(`${text}\n`) }

  const withDatabase = async <T>(make: boolean, work: (database: Database) => Promise<T>): Promise<T> => {
    const database = await openDatabase(readSettings(env, cwd), { make, name: 'mortise command', log })
    try {
      return await work(database)
    } finally {
      await database.close()
    }
  }

  const prepared = async (sql: Sql): Promise<string[]> => migrate(sql, await readMigrations())

  const readFileOf = async (file: string) => {
    const settings = readSettings(env, cwd)
    const generated = await openGenerated(settings.data)
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new Done(
        exitCodes.usage,
        error.code === 'ENOENT' ? `There is no file ${file}.` : `${file} cannot be read: ${error.message}`,
      )
    })
    const { config, problems } = readConfig({ text, file: relative(cwd, file) || file, env, generate: generated.get })
    if (!config) {
      if (asJson) json({ problems })
      else err(`${tellProblems(problems)}\n`)
      throw new Done(exitCodes.refused)
    }
    if (problems.length && !asJson) err(`${tellProblems(problems)}\n\n`)
    return { config, problems, generated, key: await secretKey(settings.data, env) }
  }

  const change = async (file: string, really: boolean) => {
    const { config, problems, generated, key } = await readFileOf(file)
    await withDatabase(really, async ({ sql }) => {
      if (really) {
        await prepared(sql)
        await generated.keep() // before they let anybody in
      }
      const changes: Change[] = await (really ? apply : plan)(sql, key, config)
      if (asJson) return json({ changes, problems })
      say(tellChanges(changes))
      if (!changes.length) return
      say(really ? '\nApplied.' : '\nThis is a plan; nothing was changed.')
      const made = config.tenants.some(
        (tenant) =>
          [...tenant.tokens, ...tenant.hooks].some((one) => one.origin === 'generated') ||
          tenant.batchClients.some((one) => one.secretOrigin === 'generated' || one.saltOrigin === 'generated'),
      )
      if (really && made) say(`Secrets that Mortise made stand in ${generated.file}.`)
    })
  }

  const select = async (sql: Sql, options: Selection): Promise<RecordRow[]> =>
    listRecords(sql, {
      ...(options.tenant !== undefined && { tenantId: options.tenant }),
      ...(options.state && { states: options.state }),
      ...(options.id && { ids: options.id }),
      ...(options.fault !== undefined && { fault: options.fault }),
      ...(await flowFilter(sql, options.flow, options.tenant)),
      limit: options.limit,
    })

  const program = new Command('mortise')
    .description('Mortise (榫卯) joins a CRM and any number of ERPs so that a record entered once is right everywhere.')
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: err })
    .showHelpAfterError('(mortise --help lists the commands)')
    .addHelpText(
      'after',
      '\nNot in this version yet: backfill, check, test, types, sandbox.\nExit codes: 0 done, 1 a fault of Mortise, 2 wrongly called, 3 refused, 4 no database, 5 nothing found.',
    )
  program.hook('preAction', (_program, command) => {
    asJson = command.opts<Common>().json === true
  })
  const command = (name: string, about: string) => program.command(name).description(about)
  const reading = (name: string, about: string) =>
    command(name, about).option('--json', 'machine-readable').option('--tenant <id>', 'only this tenant')
  const selecting = (made: Command, limit: number) =>
    made
      .option('--state <states>', `one or several of ${states.join(', ')}`, stateList)
      .option('--flow <pair>', 'customer, or customer:leftToRight')
      .option('--fault <code>', 'only records with this fault, such as map.option')
      .option('--limit <n>', 'at most so many', count, limit)

  command('serve', 'start Mortise (what npm start does)')
    .option('--only <duties>', `one or several of ${duties.join(', ')}; other nodes do the rest`)
    .action(({ only }: { only?: string }) => serve(only === undefined ? undefined : readDuties(only)))

  command('migrate', 'bring the database to this version')
    .option('--json', 'machine-readable')
    .action(() =>
      withDatabase(true, async ({ sql }) => {
        const applied = await prepared(sql)
        if (asJson) json({ applied, checksum: checksumOf(await readMigrations()) })
        else say(applied.length ? `Applied: ${applied.join(', ')}` : 'The database is up to date.')
      }),
    )

  command('backup <file>', 'write the whole database into one file, while Mortise runs')
    .option('--verify', 'only read such a file to its end: is it whole and undamaged?')
    .option('--json', 'machine-readable')
    .action(async (given: string, { verify }: { verify?: boolean }) => {
      const file = resolve(cwd, given)
      if (verify) {
        const { manifest, rows } = await verifyBackup(file)
        const when = new Date(manifest.at).toISOString()
        if (asJson) json({ file, at: manifest.at, version: manifest.version, rows })
        else say(`${given} is whole: ${rows} rows, as of ${when}, by Mortise ${manifest.version}.`)
        return
      }
      await withDatabase(false, async ({ url, sql }) => {
        const known = await readMigrations()
        const [applied] = await sql<{ count: number }>`select count(*) as count from migration`
        if (applied?.count !== known.length)
          throw new Done(exitCodes.refused, 'The database is not of this version. Run: mortise migrate')
        const done = await writeBackup(url, file, await programVersion())
        if (asJson) json({ file, ...done })
        else
          say(
            `${given}: ${done.rows} rows of ${done.tables} tables, ${done.bytes} bytes, as of ${new Date(done.at).toISOString()}.\nThe key is not in it: keep MORTISE_SECRET_KEY, or the data folder's secret.key, apart from it.`,
          )
      })
    })

  command(
    'restore [file]',
    'fill an empty database from a backup; sends then wait until the targets have been looked at',
  )
    .option('--replace', 'the database may hold something: all of it goes')
    .option(
      '--mark <moment>',
      'the database was restored by other means (pg_restore, a snapshot) to this moment: sends wait as well',
    )
    .option('--release <connection>', 'send to this connection again, although it could not be looked at')
    .option('--tenant <id>', 'of this tenant (with --release)')
    .option('--json', 'machine-readable')
    .action(
      async (
        given: string | undefined,
        options: { replace?: boolean; mark?: string; release?: string; tenant?: string },
      ) => {
        if ([given, options.mark, options.release].filter((one) => one !== undefined).length !== 1)
          throw new Done(exitCodes.usage, 'One of them: a file, --mark, or --release.')
        if (options.release !== undefined) return release(options.release, options.tenant)
        if (options.mark !== undefined) return markRestored(options.mark)
        const file = resolve(cwd, given ?? '')
        const known = await readMigrations()
        const wanted = migrationsFor(await readManifest(file), known)
        await withDatabase(true, async ({ url, sql }) => {
          await migrate(sql, wanted).catch((error: unknown) => {
            if (!(error instanceof MigrationRefused)) throw error
            throw new Done(
              exitCodes.refused,
              `This database has been brought to a newer version than the backup's. Restore into an empty one. (${error.message})`,
            )
          })
          const done = await restoreBackup(url, file, {
            replace: options.replace === true,
            before: (tx, manifest) => beginRestore(tx, manifest.at),
          })
          await migrate(sql, known)
          if (asJson) json({ file, ...done })
          else say(`Restored: ${done.rows} rows of ${done.tables} tables.\n${waits}`)
        })
      },
    )

  const markRestored = async (moment: string): Promise<void> => {
    const at = Date.parse(moment)
    if (!Number.isFinite(at) || at > Date.now())
      throw new Done(exitCodes.usage, `--mark ${moment}: give the moment of the backup, such as 2026-11-25T03:00:00Z.`)
    await withDatabase(false, async ({ sql }) => {
      const connections = await beginRestore(sql, at)
      if (asJson) json({ connections, at })
      else say(`Marked: ${connections} connections. Restart every node of Mortise that runs.\n${waits}`)
    })
  }

  const release = (connectionId: string, tenantId: string | undefined): Promise<void> =>
    withDatabase(false, async ({ sql }) => {
      const waiting = (await readRestoring(sql)).filter(
        (one) => one.connection_id === connectionId && (tenantId === undefined || one.tenant_id === tenantId),
      )
      for (const one of waiting) await endRestore(sql, one, 'person')
      if (asJson) json({ released: waiting.length })
      else say(waiting.length ? `Released: ${connectionId}.` : `Nothing waits for ${connectionId} since a restore.`)
      if (!waiting.length) code = exitCodes.notFound
    })

  command('plan <file>', 'show what applying a configuration file would change')
    .option('--json', 'machine-readable')
    .action((file: string) => change(file, false))
  command('apply <file>', 'make the tenants of a configuration file what it says')
    .option('--json', 'machine-readable')
    .action((file: string) => change(file, true))

  reading('export', 'write the configuration as a file that can be applied; secrets are named, never shown').action(
    (options: Common) =>
      withDatabase(false, async ({ sql }) => {
        const settings = readSettings(env, cwd)
        const yaml = await exportConfig(sql, await secretKey(settings.data, env), options.tenant)
        if (asJson) json({ yaml })
        else out(yaml)
      }),
  )

  reading('status', 'how many records stand where, per flow').action((options: Common) =>
    withDatabase(false, async ({ sql }) => {
      const status = await readStatus(sql, options.tenant)
      if (asJson) json(status)
      else say(renderStatus(status, width))
    }),
  )

  selecting(reading('records', 'list records with their state and the reason (数据维护)'), 50)
    .option('--id <id...>', 'only records with these ids, on either side')
    .action((options: Selection) =>
      withDatabase(false, async ({ sql }) => {
        const rows = await select(sql, options)
        if (asJson) json({ records: rows })
        else say(renderRecords(rows, options.limit, Date.now(), width))
      }),
    )

  reading('show <id>', 'one record’s whole story; the id is a record’s (either side), a link’s, or a trace id')
    .option('--limit <n>', 'at most so many arrivals and calls', count, 20)
    .action((id: string, options: Common & { limit: number }) =>
      withDatabase(false, async ({ sql }) => {
        const journey = await findJourney(sql, id, {
          ...(options.tenant !== undefined && { tenantId: options.tenant }),
          limit: options.limit,
        })
        if (asJson) json(journey)
        else say(isEmpty(journey) ? `Nothing is known by the id ${id}.` : renderJourney(journey, Date.now(), width))
        if (isEmpty(journey)) code = exitCodes.notFound
      }),
    )

  selecting(
    reading(
      'retry [id...]',
      're-run records: by id (a record’s or a link’s), or all that match --state, --flow, --fault',
    ),
    10_000,
  )
    .option('--side <side>', 'whose content travels; default: the side that travelled last', sideOf)
    .option('--bind <id>', 'one record whose create was never answered: this is the record it made at the target')
    .option('--absent', 'one record whose create was never answered: it made none; create it again')
    .option('--yes', 'really do it; without it, a selection is only counted')
    .action(
      (
        ids: string[],
        options: Selection & { side?: 'left' | 'right'; yes?: boolean; bind?: string; absent?: boolean },
      ) =>
        withDatabase(false, async ({ sql }) => {
          const byId = ids.length > 0
          if (!byId && !options.state && !options.flow && !options.fault) {
            throw new Done(
              exitCodes.usage,
              'Say which records: ids, or --state, --flow, --fault. For example: mortise retry --state failed --flow customer',
            )
          }
          const numbers = ids.filter((id) => /^\d{1,15}$/.test(id)).map(Number)
          const rows = byId
            ? [
                ...new Map(
                  [...(await linksOf(sql, ids, options.tenant ?? null)), ...(await linksNumbered(sql, numbers))].map(
                    (row) => [JSON.stringify([row.tenantId, row.pairId, row.linkId]), row],
                  ),
                ).values(),
              ].filter((row) => options.tenant === undefined || row.tenantId === options.tenant)
            : await select(sql, options)
          if (!rows.length) {
            if (asJson) json({ matched: 0, rerun: 0 })
            else say('No records match.')
            code = exitCodes.notFound
            return
          }
          if (options.bind !== undefined || options.absent) {
            if (options.bind !== undefined && options.absent)
              throw new Done(exitCodes.usage, 'Either --bind or --absent.')
            const [row, ...more] = rows
            if (!row || more.length)
              throw new Done(exitCodes.usage, `${rows.length} records match; --bind and --absent are said of one.`)
            const name = { tenant_id: row.tenantId, pair_id: row.pairId, link_id: row.linkId }
            const heard = await declare(sql, name, options.bind !== undefined ? { found: options.bind } : 'absent')
            if (!heard)
              throw new Done(exitCodes.refused, 'This record has no unanswered create that waits for a person.')
            if (asJson) json({ matched: 1, declared: options.bind ?? null })
            else
              say(
                options.bind !== undefined
                  ? `Noted: it is record ${options.bind}.`
                  : 'Noted: it made none; it is created again.',
              )
            return
          }
          const sure = options.yes === true || (byId && rows.length === ids.length)
          const names = rows.map((row) => ({ tenant_id: row.tenantId, pair_id: row.pairId, link_id: row.linkId }))
          const done = sure ? await rerunAll(sql, names, options.side ?? null) : 0
          if (asJson) json({ matched: rows.length, rerun: done })
          else if (sure)
            say(
              `${done} ${done === 1 ? 'record is' : 'records are'} gone through again${done < rows.length ? `, ${rows.length - done} were gone meanwhile` : ''}.`,
            )
          else
            say(
              `${renderRecords(rows.slice(0, 10), 11, Date.now(), width)}\n\n${rows.length} ${rows.length === 1 ? 'record matches' : 'records match'}. Nothing was done; add --yes to re-run ${rows.length === 1 ? 'it' : 'them'}.`,
            )
        }),
    )

  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    const { code: ending, say: sentence } = describe(error)
    if (sentence && asJson) json({ error: sentence })
    else if (sentence) err(`${sentence}\n`)
    return ending
  }
}

const waits =
  'Nothing is sent to any connection until what it holds by now has been read and made known (mortise status shows it). Start Mortise.'

const programVersion = async (): Promise<string> =>
  (JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string }).version

/** In slices: each is a transaction of its own (C5). */
const rerunAll = async (
  sql: Sql,
  links: readonly { tenant_id: string; pair_id: string; link_id: number }[],
  side: 'left' | 'right' | null,
): Promise<number> => {
  let done = 0
  for (let at = 0; at < links.length; at += 500) done += await rerun(sql, links.slice(at, at + 500), side, null)
  return done
}
