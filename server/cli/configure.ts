/** Configuration as code at the terminal: plan, apply, export, history, restore-version, promote. */
import { readFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { type Command as Program, Option } from 'commander'
import { openGenerated } from '../access/generated.ts'
import { secretKey } from '../access/key.ts'
import { tellChanges } from '../flows/changes.ts'
import { readConfig } from '../flows/file.ts'
import { tellProblems } from '../flows/problem.ts'
import { listVersions, type VersionKind, versionKinds } from '../flows/versions.ts'
import { migrate, readMigrations } from '../store/migrate.ts'
import { type Command, type Common, count, Done, exitCodes } from './command.ts'
import { apply, exportConfig, type How, type Planned, planNamed } from './configuration.ts'
import { noting } from './noted.ts'
import { renderVersions } from './render.ts'
import { readSettings } from './settings.ts'
import { promote, restoreVersion } from './stored.ts'

interface Applying extends Common {
  plan?: string
  yes?: boolean
}

const readFileOf = async (command: Command, file: string) => {
  const { env, cwd, err } = command.outside
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
    if (command.asJson) command.json({ problems })
    else err(`${tellProblems(problems)}\n`)
    throw new Done(exitCodes.refused)
  }
  if (problems.length && !command.asJson) err(`${tellProblems(problems)}\n\n`)
  return { config, problems, generated, key: await secretKey(settings.data, env) }
}

const planFile = async (command: Command, file: string): Promise<void> => {
  const { config, problems, key } = await readFileOf(command, file)
  await command.withDatabase(false, async ({ sql }) => {
    const { plan, changes } = await planNamed(sql, key, config)
    if (command.asJson) return command.json({ plan, changes, problems })
    command.say(tellChanges(changes))
    if (changes.length)
      command.say(`\nThis is a plan; nothing was changed. To apply exactly this: mortise apply ${file} --plan ${plan}`)
  })
}

const applyFile = async (command: Command, file: string, options: Applying): Promise<void> => {
  const { config, problems, generated, key } = await readFileOf(command, file)
  await command.withDatabase(true, async ({ sql }) => {
    await migrate(sql, await readMigrations())
    let seen = options.plan
    if (seen === undefined && command.outside.interactive && !options.yes && !command.asJson) {
      const { plan, changes } = await planNamed(sql, key, config)
      command.say(tellChanges(changes))
      if (!changes.length) return
      if (!(await command.sure('Apply this?'))) throw new Done(exitCodes.done, 'Nothing was changed.')
      seen = plan
    }
    await generated.keep() // before they let anybody in
    const changes = await apply(sql, key, config, { who: command.who(), plan: seen, note: noting('terminal') })
    if (command.asJson) return command.json({ changes, problems })
    if (options.plan !== undefined || seen === undefined) command.say(tellChanges(changes))
    if (!changes.length) return
    command.say('\nApplied.')
    const made = config.tenants.some(
      (tenant) =>
        [...tenant.tokens, ...tenant.hooks].some((one) => one.origin === 'generated') ||
        tenant.batchClients.some((one) => one.secretOrigin === 'generated' || one.saltOrigin === 'generated'),
    )
    if (made) command.say(`Secrets that Mortise made stand in ${generated.file}.`)
  })
}

/** A change that is put together from what is stored: a plan, unless `--yes`, `--plan` or the person says do it. */
const made = async (
  command: Command,
  options: Applying,
  again: string,
  work: (how: How) => Promise<Planned>,
): Promise<void> => {
  const who = command.who()
  const really = options.yes === true || options.plan !== undefined
  const note = noting('terminal')
  const first = await work({ who, plan: options.plan, really, note })
  let done = really
  if (!command.asJson) command.say(tellChanges(first.changes))
  if (!really && first.changes.length && (await command.sure('Apply this?'))) {
    await work({ who, plan: first.plan, really: true, note })
    done = true
  }
  if (command.asJson) return command.json({ plan: first.plan, changes: first.changes, applied: done })
  if (!first.changes.length) return
  command.say(
    done ? '\nApplied.' : `\nThis is a plan; nothing was changed. To apply exactly this: ${again} --plan ${first.plan}`,
  )
}

const keyOf = (command: Command) =>
  secretKey(readSettings(command.outside.env, command.outside.cwd).data, command.outside.env)

const quoted = (word: string): string => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

export const configureCommands = (program: Program, command: Command): void => {
  const make = (name: string, about: string) =>
    program.command(name).description(about).option('--json', 'machine-readable')
  const restorable = (chosen: Program) =>
    chosen
      .option('--plan <plan>', 'only if what changes is still this plan')
      .option('--yes', 'really do it; without it, what would change is shown')

  make('plan <file>', 'show what applying a configuration file would change').action((file: string) =>
    planFile(command, file),
  )
  make('apply <file>', 'apply a configuration file, in one transaction or not at all')
    .option('--plan <plan>', 'refuse if what changes is no longer what this plan showed')
    .option('--yes', 'do not ask')
    .action((file: string, options: Applying) => applyFile(command, file, options))
  make('export', 'write the stored configuration as YAML; secrets are named, never shown')
    .option('--tenant <id>', 'only this tenant')
    .action((options: Common) =>
      command.withDatabase(false, async ({ sql }) => {
        const text = await exportConfig(sql, await keyOf(command), options.tenant)
        if (command.asJson) command.json({ yaml: text })
        else command.outside.out(text)
      }),
    )

  make(
    'history [kind] [name]',
    `versions of what is configured: who, when, what; kind is one of ${versionKinds.join(', ')}`,
  )
    .option('--tenant <id>', 'only this tenant')
    .option('--limit <n>', 'at most so many', count, 50)
    .action((kind: string | undefined, name: string | undefined, options: Common & { limit: number }) =>
      command.withDatabase(false, async ({ sql }) => {
        const versions = await listVersions(sql, {
          ...(kind !== undefined && { kind: kindOf(kind) }),
          ...(name !== undefined && { name }),
          ...(options.tenant !== undefined && { tenantId: options.tenant }),
          limit: options.limit,
        })
        if (command.asJson) command.json({ versions })
        else command.say(renderVersions(versions, command.outside.width))
        if (!versions.length) command.code = exitCodes.notFound
      }),
    )
  restorable(
    make('restore-version <kind> <name> <number>', 'bring a version of a connection, object, pair or flow back'),
  )
    .option('--tenant <id>', 'whose; needed where there are several tenants')
    .action((kind: string, name: string, number: string, options: Applying) =>
      command.withDatabase(false, async ({ sql }) => {
        const tenantId = options.tenant ?? (await onlyTenant(sql))
        const named = { tenantId, kind: kindOf(kind), name, number: count(number) }
        const key = await keyOf(command)
        const again = `mortise restore-version ${kind} ${quoted(name)} ${number}${options.tenant === undefined ? '' : ` --tenant ${options.tenant}`}`
        await made(command, options, again, (how) => restoreVersion(sql, key, named, how))
      }),
    )
  restorable(
    make(
      'promote',
      'carry objects, pairs and flows from a test tenant to a real one; addresses and secrets stay each one’s own',
    ),
  )
    .addOption(new Option('--from <tenant>', 'the test tenant').makeOptionMandatory())
    .addOption(new Option('--to <tenant>', 'the real tenant').makeOptionMandatory())
    .action((options: Applying & { from: string; to: string }) =>
      command.withDatabase(false, async ({ sql }) => {
        const key = await keyOf(command)
        const again = `mortise promote --from ${options.from} --to ${options.to}`
        await made(command, options, again, (how) => promote(sql, key, options, how))
      }),
    )
}

const kindOf = (text: string): VersionKind => {
  const kind = versionKinds.find((one) => one === text)
  if (!kind) throw new Done(exitCodes.usage, `${text} is no kind: ${versionKinds.join(', ')}.`)
  return kind
}

const onlyTenant = async (sql: Parameters<typeof listVersions>[0]): Promise<string> => {
  const [first, second] = await sql<{ tenant_id: string }>`select tenant_id from tenant order by tenant_id limit 2`
  if (!first || second) throw new Done(exitCodes.usage, 'Say whose with --tenant.')
  return first.tenant_id
}
