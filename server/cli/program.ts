/** The `mortise` command: what it offers, and how it ends. */
import { Command as Program, CommanderError } from 'commander'
import { secretKey } from '../access/key.ts'
import { checksumOf, migrate, readMigrations } from '../store/migrate.ts'
import { type Common, commandOf, Done, describe, exitCodes, type Outside } from './command.ts'
import { alertsCommand } from './alerts.ts'
import { backupCommands } from './backup.ts'
import { checkCommand } from './check.ts'
import { configureCommands } from './configure.ts'
import { historyCommands } from './history.ts'
import { reconcileCommands } from './reconcile.ts'
import { plannedCommand } from './planned.ts'
import { sweepCommand } from './sweep.ts'
import { learnCommand } from './learn.ts'
import { idCommands } from './id-mapping.ts'
import { addSecretsCommands } from './secrets.ts'
import { testCommand } from './test-command.ts'
import { duties, readDuties, readSettings } from './settings.ts'
import { twoWayCommands } from './two-way.ts'
import { recordCommands } from './upkeep.ts'

export { exitCodes, type Outside } from './command.ts'

/** Runs one command line (without `node` and the program's name) and answers its exit code. */
export const run = async (args: readonly string[], outside: Outside): Promise<number> => {
  const { out, err, serve } = outside
  const command = commandOf(outside)
  const program = new Program('mortise')
    .description('Mortise (榫卯) joins a CRM and any number of ERPs so that a record entered once is right everywhere.')
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: err })
    .showHelpAfterError('(mortise --help lists the commands)')
    .addHelpText(
      'after',
      '\nNot in this version yet: types, sandbox.\nExit codes: 0 done, 1 a fault of Mortise, 2 wrongly called, 3 refused, 4 no database, 5 nothing found, 6 not all came through.',
    )
  program.hook('preAction', (_program, chosen) => {
    command.asJson = chosen.opts<Common>().json === true
  })

  program
    .command('serve')
    .description('start Mortise (what npm start does)')
    .option('--only <duties>', `one or several of ${duties.join(', ')}; other nodes do the rest`)
    .action(({ only }: { only?: string }) => serve(only === undefined ? undefined : readDuties(only)))
  program
    .command('migrate')
    .description('bring the database to this version')
    .option('--json', 'machine-readable')
    .action(() =>
      command.withDatabase(true, async ({ sql }) => {
        const migrations = await readMigrations()
        const applied = await migrate(sql, migrations)
        if (command.asJson) command.json({ applied, checksum: checksumOf(migrations) })
        else command.say(applied.length ? `Applied: ${applied.join(', ')}` : 'The database is up to date.')
      }),
    )
  configureCommands(program, command)
  learnCommand(program, command)
  recordCommands(program, command)
  idCommands(program, command)
  historyCommands(program, command)
  reconcileCommands(program, command)
  sweepCommand(program, command)
  plannedCommand(program, command)
  alertsCommand(program, command)
  twoWayCommands(program, command)
  checkCommand(program, command)
  testCommand(program, command)

  backupCommands(program, command)
  addSecretsCommands(program, () => {
    const { env, cwd, width } = outside
    const { data } = readSettings(env, cwd)
    return {
      withDatabase: (work) => command.withDatabase(false, ({ sql }) => work(sql)),
      key: () => secretKey(data, env),
      data,
      keyInFolder: !env.MORTISE_SECRET_KEY,
      asJson: () => command.asJson,
      json: command.json,
      say: command.say,
      err,
      refuse: (sentence) => {
        throw new Done(exitCodes.refused, sentence)
      },
      width,
    }
  })

  try {
    await program.parseAsync([...args], { from: 'user' })
    return command.code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    const { code: ending, say: sentence } = describe(error)
    if (sentence && command.asJson) command.json({ error: sentence })
    else if (sentence) err(`${sentence}\n`)
    return ending
  }
}
