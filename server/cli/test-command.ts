/** `mortise test`: runs saved mapping tests, of a file or of what is stored; or shows what would become of one record, without sending anything. */
import { testFunctions } from './examples.ts'
import { readFile } from 'node:fs/promises'
import type { Command as Program } from 'commander'
import { createEnv } from '../agent/env.ts'
import { openGenerated } from '../access/generated.ts'
import { secretKey } from '../access/key.ts'
import { sides } from '../doc/document.ts'
import type { PairDef } from '../doc/flow.ts'
import type { Config } from '../flows/config.ts'
import { readConfig } from '../flows/file.ts'
import { openFunctions } from '../functions/pool.ts'
import { tellProblems } from '../flows/problem.ts'
import { flowName } from '../flows/save.ts'
import { isRefused } from '../http/route.ts'
import { type Command, type Common, Done, exitCodes } from './command.ts'
import { type Configuration, load } from './configuration.ts'
import { openDirectory } from './directory.ts'
import { mappingTestsOf, previewOf } from './mapping.ts'
import { chainedTests, testComplaints } from './mapping-tests.ts'
import { readSettings } from './settings.ts'

interface Asked extends Common {
  flow?: string
  id?: string
  record?: string
}

const readGiven = async (command: Command, file: string): Promise<ReturnType<typeof readConfig>> => {
  const { env, cwd } = command.outside
  const generated = await openGenerated(readSettings(env, cwd).data)
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Done(exitCodes.usage, `${file} cannot be read: ${error.message}`)
  })
  return readConfig({ text, file, env, generate: generated.get })
}

/** The tests of a file are run whenever it is read, and what is wrong stands among its problems; those with functions around the mapping here. */
const testFile = async (command: Command, file: string): Promise<void> => {
  const { err } = command.outside
  const { config, problems } = await readGiven(command, file)
  const count = config?.tenants.flatMap(({ pairs }) =>
    pairs.flatMap(({ def }) => sides.flatMap((side) => def.flows[side]?.tests ?? [])),
  ).length
  const wrong: string[] = []
  if (config) {
    await using functions = openFunctions({ workers: 1 })
    for (const tenant of config.tenants) wrong.push(...(await testComplaints(functions, tenant, chainedTests(tenant))))
  }
  if (command.asJson) command.json({ tests: count ?? null, problems, ...(wrong.length && { wrong }) })
  else if (!config) err(`${tellProblems(problems)}\n`)
  else if (wrong.length) err(`${wrong.join('\n')}\n`)
  else command.say(`${count} mapping tests passed.`)
  if (!config || wrong.length) throw new Done(exitCodes.refused)
}

/** A file before it is applied: its mappings and functions are taken, and the connections and records that are stored. */
const draftsOf = async (command: Command, file: string): Promise<Config> => {
  const { config, problems } = await readGiven(command, file)
  if (config) return config
  command.outside.err(`${tellProblems(problems)}\n`)
  throw new Done(exitCodes.refused)
}

const flowsOf = (configuration: { pairs: readonly { def: PairDef }[] }, tenant: string | undefined) =>
  configuration.pairs
    .filter(({ def }) => tenant === undefined || def.tenantId === tenant)
    .flatMap(({ def }) =>
      sides.flatMap((side) =>
        def.flows[side] ? [{ tenant: def.tenantId, pair: def.pairId, flow: flowName[side] }] : [],
      ),
    )

const testStored = async (
  command: Command,
  configuration: Configuration,
  tenant: string | undefined,
): Promise<void> => {
  await using functions = openFunctions({ workers: 1 })
  const results: { pair: string; flow: string; name: string; passed: boolean; wrong: string[] }[] = []
  for (const name of flowsOf(configuration, tenant)) {
    const made = await mappingTestsOf(functions, configuration, name)
    if (!made) continue
    if (isRefused(made))
      results.push({ ...name, name: 'the flow compiles', passed: false, wrong: [made.values.said ?? ''] })
    else results.push(...made.tests.map((test) => ({ ...name, ...test })))
  }
  const failed = results.filter(({ passed }) => !passed)
  if (command.asJson) command.json({ tests: results })
  else {
    for (const { pair, flow, name, wrong } of failed)
      command.say(`✖ ${pair} ${flow}: ${name}\n    ${wrong.join('\n    ')}`)
    command.say(`${results.length - failed.length} mapping tests passed, ${failed.length} failed.`)
  }
  if (failed.length) command.code = exitCodes.refused
}

const showRecord = async (
  command: Command,
  configuration: Configuration,
  sql: Parameters<typeof previewOf>[1],
  asked: Asked & { id: string; flow: string },
  file: string | undefined,
): Promise<void> => {
  const [pair = '', flow] = asked.flow.split(':')
  const drafts = file === undefined ? undefined : (await draftsOf(command, file)).tenants
  const pairs = drafts?.flatMap((tenant) => tenant.pairs) ?? configuration.pairs
  const found = flowsOf({ pairs }, asked.tenant).filter(
    (one) => one.pair === pair && (flow === undefined || one.flow === flow),
  )
  const [name, more] = found
  if (!name) throw new Done(exitCodes.notFound, `There is no flow ${asked.flow}.`)
  if (more) throw new Done(exitCodes.usage, `Say which: ${found.map((one) => `${one.pair}:${one.flow}`).join(' or ')}.`)
  const record = asked.record === undefined ? undefined : await readFile(asked.record, 'utf8')
  const env = createEnv()
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const directory = openDirectory({ env, log, allowLoopback: true, denied: [] })
  const functions = openFunctions({ workers: 1 })
  try {
    directory.refresh(configuration)
    const world = {
      configuration: () => configuration,
      connector: directory.directory.connector,
      functions,
      now: env.now,
    }
    const draft = drafts?.find((tenant) => tenant.tenantId === name.tenant)
    const shown = await previewOf(world, sql, name, { id: asked.id, record }, 'en_US', draft)
    if (shown === null)
      throw new Done(exitCodes.notFound, `Nothing is known of ${asked.id} at the source of ${asked.flow}.`)
    if (isRefused(shown)) throw new Done(exitCodes.refused, shown.values.said ?? shown.refuse)
    if (command.asJson) return command.json(shown)
    const { would, rules, functions: steps, request } = shown
    command.say(`${would.kind}${would.reason === null ? '' : ` (${would.reason})`}`)
    for (const fault of would.faults) command.say(`  ${fault.sentence}\n  ${fault.todo}`)
    for (const { to, from, formula, read, made, left } of rules)
      command.say(
        `  ${to} ← ${formula ?? from ?? 'fixed'}${read === null ? '' : ` = ${read}`} → ${made ?? `nothing (${left})`}`,
      )
    for (const { kind, name: called, given, made, skipped, faults, logs } of steps) {
      command.say(`  ${kind} ${called}: ${skipped === null ? (made ?? 'nothing') : `skipped: ${skipped}`}`)
      if (made === null) command.say(`      given ${given}`)
      for (const fault of faults) command.say(`      ${fault.sentence}`)
      for (const line of logs) command.say(`      console: ${line}`)
    }
    if (request)
      command.say(
        `\n${request.method} ${request.url}\n${Object.entries(request.headers)
          .map(([key, value]) => `${key}: ${value}`)
          .join('\n')}\n\n${request.body}`,
      )
    command.say('\nNothing was sent.')
  } finally {
    await functions.close()
    await directory.close()
  }
}

export const testCommand = (program: Program, command: Command): void => {
  program
    .command('test [file]')
    .description(
      'run saved mapping tests and the examples of functions, of a file or of what is stored; with --id, show what would become of one record, also as a file that is not applied yet would have it',
    )
    .option('--tenant <id>', 'only this tenant')
    .option('--flow <pair[:flow]>', 'with --id: which flow')
    .option('--id <id>', 'a record, by its id at the source; nothing is sent')
    .option('--record <file>', 'its content as JSON, instead of what is staged')
    .option('--functions', 'only the examples of functions')
    .option('--json', 'machine-readable')
    .action(async (file: string | undefined, asked: Asked & { functions?: boolean }) => {
      if (asked.functions) return testFunctions(command, file, asked, false)
      await testMappings(file, asked)
      // one JSON value goes out: that of the functions has an option of its own
      if (asked.id === undefined && !command.asJson) await testFunctions(command, file, asked, true)
    })

  const testMappings = async (file: string | undefined, asked: Asked): Promise<void> => {
    if (file !== undefined && asked.id === undefined) return testFile(command, file)
    const { env, cwd } = command.outside
    const key = await secretKey(readSettings(env, cwd).data, env)
    await command.withDatabase(false, async ({ sql }) => {
      const configuration = await load(sql, key)
      if (asked.id === undefined) return testStored(command, configuration, asked.tenant)
      if (asked.flow === undefined) throw new Done(exitCodes.usage, 'Say which flow with --flow.')
      return showRecord(command, configuration, sql, { ...asked, id: asked.id, flow: asked.flow }, file)
    })
  }
}
