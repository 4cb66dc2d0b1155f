/** Alerts put together: the agents that watch and tell, their routes, and `mortise alerts`. */
import { readFile } from 'node:fs/promises'
import { parse, stringify } from 'yaml'
import type { Command as Program } from 'commander'
import { doerOf, writeDown } from '../access/audit.ts'
import { secretKey } from '../access/key.ts'
import type { SecretKey } from '../access/secrets.ts'
import { createEnv } from '../agent/env.ts'
import { type Loop, startLoop, type Stoppable } from '../agent/loop.ts'
import type { RecordKey } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { Route } from '../http/route.ts'
import { readSettings as readAlertSettings, saveSettings, settingsSchema } from '../observe/alert-settings.ts'
import { type Figures, type RuleName, sayAlert } from '../observe/alert-words.ts'
import type { Source } from '../observe/findings.ts'
import { startHerald } from '../observe/herald.ts'
import { openMessenger } from '../observe/messenger.ts'
import { alertRoutes, readAlerts, testOf } from '../observe/routes.ts'
import { openSeen, startWatchman } from '../observe/watchman.ts'
import type { Sql } from '../store/sql.ts'
import { type Command, type Common, count, Done, exitCodes } from './command.ts'
import { sealWith } from './configuration.ts'
import { readSettings } from './settings.ts'
import { table } from './table.ts'

interface Log {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface AlertsWorld {
  /** Wears `mortise_road`. */
  sql: Sql
  key: SecretKey
  env: Env
  log(agent: string): Log
  allowLoopback: boolean
  denied: { host: string; port: number }[]
  /** Whether this node watches and tells; every node writes down what came in. */
  upkeep: boolean
  object(tenantId: string, connectionId: string, code: string): ObjectDef | undefined
  /** What other rooms find: callbacks, poll windows. */
  sources?: Partial<Record<RuleName, Source>>
}

const flushEvery = 10_000

export const openAlerts = (world: AlertsWorld) => {
  const { sql, env } = world
  const seal = sealWith(world.key)
  const messenger = openMessenger({ env, allowLoopback: world.allowLoopback, denied: world.denied })
  const seen = openSeen(sql)
  let herald: Loop | null = null
  const agents: Stoppable[] = [
    startLoop({ name: 'seer', every: flushEvery, run: () => seen.flush(), env, log: world.log('watchman') }),
  ]
  if (world.upkeep) {
    herald = startHerald({ sql, seal, messenger, env, log: world.log('herald') })
    const told = herald
    agents.push(
      herald,
      startWatchman({
        sql,
        env,
        log: world.log('watchman'),
        ownerField: (tenantId, connectionId, code) => world.object(tenantId, connectionId, code)?.ownerField,
        sources: world.sources ?? {},
        told: told.wake,
      }),
    )
  }
  return {
    agents,
    seen: (row: RecordKey): void => seen.note(row),
    routes: (app: Sql, newId: () => string): Route[] =>
      alertRoutes({
        sql: app,
        seal,
        messenger,
        newId,
        writeDown: (tx, asked, routeId, tenantId, deed) => writeDown(tx, tenantId, doerOf(asked, routeId), [deed]),
      }),
  }
}

// ── the terminal ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
interface Options extends Common {
  all?: boolean
  limit: number
}

/** The named tenant, or the only one. */
export const tenantOf = async (sql: Sql, given: string | undefined): Promise<string> => {
  if (given !== undefined) return given
  const rows = await sql<{ tenant_id: string }>`select tenant_id from tenant order by tenant_id limit 2`
  const [one, other] = rows
  if (!one) throw new Done(exitCodes.notFound, 'There is no tenant yet.')
  if (other) throw new Done(exitCodes.usage, 'There are several tenants: name one with --tenant.')
  return one.tenant_id
}

export const alertsCommand = (program: Program, command: Command): void => {
  const keyOf = () => secretKey(readSettings(command.outside.env, command.outside.cwd).data, command.outside.env)
  const alerts = program
    .command('alerts')
    .description('what fires now, and what was told to whom')
    .option('--all', 'those that are over as well')
    .option('--limit <n>', 'at most so many', count, 50)
    .option('--tenant <id>', 'whose; needed where there are several')
    .option('--json', 'machine-readable')
    .action((options: Options) =>
      command.withDatabase(false, async ({ sql }) => {
        const tenantId = await tenantOf(sql, options.tenant)
        const rows = await readAlerts(sql, tenantId, {
          state: options.all ? null : 'firing',
          before: null,
          limit: options.limit,
        })
        const told = rows.map((row) => {
          const figures = JSON.parse(row.figures) as Figures
          const about = row.rule === 'record' ? String(figures.record ?? row.about) : row.about
          return {
            ...row,
            figures,
            notices: JSON.parse(row.notices) as { state: string; channel: string }[],
            sentence: sayAlert({ rule: row.rule, figures: { ...figures, about } }, 'en_US'),
          }
        })
        if (command.asJson) return command.json({ alerts: told })
        if (!told.length) return command.say(options.all ? 'No alerts.' : 'Nothing fires.')
        command.say(
          table(
            ['alert', 'level', 'state', 'since', 'told', 'what'],
            told.map((one) => [
              one.alert_id,
              one.level,
              one.state,
              new Date(one.since).toISOString().slice(0, 19),
              one.notices.map(({ channel, state }) => `${channel} ${state}`).join(', ') || '-',
              one.sentence,
            ]),
            command.outside.width,
          ),
        )
      }),
    )
  alerts
    .command('show')
    .description('rules, channels and quiet hours, as YAML; secrets are never shown')
    .option('--tenant <id>', 'whose; needed where there are several')
    .option('--json', 'machine-readable')
    .action((_: Common, used: Program) =>
      command.withDatabase(false, async ({ sql }) => {
        const options = used.optsWithGlobals<Common>()
        const settings = await readAlertSettings(sql, await tenantOf(sql, options.tenant), null)
        if (options.json) command.json(settings)
        else
          command.say(
            Object.keys(settings).length
              ? stringify(settings).trimEnd()
              : '# nothing is set: the rules are the defaults, and nobody is told',
          )
      }),
    )
  alerts
    .command('set <file>')
    .description('take rules, channels and quiet hours from a YAML file; secrets that are left out stay')
    .option('--tenant <id>', 'whose; needed where there are several')
    .option('--json', 'machine-readable')
    .action((file: string, _: Common, used: Program) =>
      command.withDatabase(false, async ({ sql }) => {
        const options = used.optsWithGlobals<Common>()
        const tenantId = await tenantOf(sql, options.tenant)
        const text = await readFile(file, 'utf8').catch(() => {
          throw new Done(exitCodes.usage, `There is no file ${file}.`)
        })
        const env = command.outside.env
        const filled = text.replaceAll(/\$\{(\w+)\}/g, (_whole, name: string) => {
          if (env[name] === undefined) throw new Done(exitCodes.refused, `The variable ${name} is not set.`)
          return env[name]
        })
        const read = settingsSchema.safeParse(parse(filled))
        if (!read.success)
          throw new Done(
            exitCodes.refused,
            read.error.issues.map((one) => `${one.path.join('.')}: ${one.message}`).join('\n'),
          )
        const seal = sealWith(await keyOf())
        const wrong = await sql.begin(async (tx) => {
          const before = await readAlertSettings(tx, tenantId, null)
          const told = await saveSettings(tx, seal, tenantId, read.data)
          if (!told.length) {
            const after = await readAlertSettings(tx, tenantId, null)
            const doer = { actor: command.who(), route: 'alerts set', traceId: '', address: '' }
            await writeDown(tx, tenantId, doer, [
              { kind: 'alerts', name: 'settings', what: 'changed', before: { ...before }, after: { ...after } },
            ])
          }
          return told
        })
        if (wrong.length) throw new Done(exitCodes.refused, wrong.map((one) => `${one.path}: ${one.say}`).join('\n'))
        if (options.json) command.json({ saved: true })
        else command.say('Saved.')
      }),
    )
  alerts
    .command('test <channel>')
    .description('send a test over a channel')
    .option('--to <address>', 'to this address instead of the channel’s own')
    .option('--tenant <id>', 'whose; needed where there are several')
    .option('--json', 'machine-readable')
    .action((name: string, _: Common & { to?: string }, used: Program) =>
      command.withDatabase(false, async ({ sql }) => {
        const options = used.optsWithGlobals<Common & { to?: string }>()
        const tenantId = await tenantOf(sql, options.tenant)
        const settings = await readAlertSettings(sql, tenantId, sealWith(await keyOf()))
        const channel = settings.channels?.find((one) => one.name === name)
        if (!channel) throw new Done(exitCodes.notFound, `There is no channel ${name}.`)
        const real = createEnv()
        const { env } = command.outside
        const messenger = openMessenger({
          env: real,
          allowLoopback: env.MORTISE_SANDBOX !== 'off' || env.MORTISE_ALLOW_LOOPBACK === 'on',
          denied: [],
        })
        const why = await testOf(messenger, settings, channel, tenantId, options.to ?? '', real.id())
        if (options.json) command.json({ sent: why === null, why })
        else if (why === null) command.say('Sent.')
        if (why !== null) throw new Done(exitCodes.refused, options.json ? '' : `Not sent: ${why}`)
      }),
    )
}
