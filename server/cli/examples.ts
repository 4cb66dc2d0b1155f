/** `mortise test` of functions: their saved examples, of a file before it is applied or of what is stored. */
import { readFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { readConfig } from '../flows/file.ts'
import { loadFunctions } from '../flows/functions.ts'
import { tellProblems } from '../flows/problem.ts'
import type { FunctionDef } from '../doc/function.ts'
import { type ExampleRun, loads, runExamples } from '../functions/examples.ts'
import { openFunctions } from '../functions/pool.ts'
import { type Command, type Common, Done, exitCodes } from './command.ts'

type Tested = ExampleRun & { tenant: string }

const runAll = async (functions: ReadonlyMap<string, readonly FunctionDef[]>): Promise<Tested[]> => {
  await using pool = openFunctions({ workers: 1 })
  const runs: Tested[] = []
  for (const [tenant, own] of functions)
    for (const fn of own) {
      const broken = await loads(pool, fn)
      if (broken !== null)
        runs.push({ tenant, function: fn.name, example: '(loading)', ok: false, said: broken, output: null, logs: [] })
      else for (const run of await runExamples(pool, fn)) runs.push({ tenant, ...run })
    }
  return runs
}

const tell = (runs: readonly Tested[], functions: number): string => {
  const lines = runs.map((run) =>
    [
      `${run.ok ? 'ok  ' : 'FAIL'}  ${run.tenant}  ${run.function}: ${run.example}`,
      ...(run.said === null ? [] : [`      ${run.said}`]),
      ...(run.ok ? [] : run.logs.map((one) => `      console: ${one}`)),
    ].join('\n'),
  )
  const failed = runs.filter((run) => !run.ok).length
  return [...lines, `${functions} functions, ${runs.length} examples, ${failed} failed.`].join('\n')
}

const fromFile = async (command: Command, file: string): Promise<Map<string, FunctionDef[]>> => {
  const { cwd, err } = command.outside
  const text = await readFile(file, 'utf8').catch(() => {
    throw new Done(exitCodes.usage, `There is no file ${file}.`)
  })
  // secrets play no part here: every variable has a value
  const anything = new Proxy<Record<string, string>>({}, { get: () => 'http://127.0.0.1/', ownKeys: () => [] })
  const { config, problems } = readConfig({
    text,
    file: relative(cwd, file) || file,
    env: anything,
    generate: (name) => `generated-secret-${name}`,
  })
  if (!config) {
    err(`${tellProblems(problems)}\n`)
    throw new Done(exitCodes.refused)
  }
  return new Map(config.tenants.map((tenant) => [tenant.tenantId, tenant.functions]))
}

/** `quiet`: nothing is said where there are no functions. */
export const testFunctions = async (
  command: Command,
  file: string | undefined,
  { tenant }: Common,
  quiet: boolean,
): Promise<void> => {
  const finish = async (all: ReadonlyMap<string, readonly FunctionDef[]>): Promise<void> => {
    const functions = new Map([...all].filter(([one]) => tenant === undefined || one === tenant))
    const count = [...functions.values()].flat().length
    if (quiet && !count) return
    const runs = await runAll(functions)
    if (command.asJson) command.json({ ok: runs.every((run) => run.ok), runs })
    else command.say(tell(runs, count))
    if (runs.some((run) => !run.ok)) command.code = exitCodes.refused
  }
  if (file !== undefined) await finish(await fromFile(command, file))
  else await command.withDatabase(false, async ({ sql }) => finish(await loadFunctions(sql)))
}
