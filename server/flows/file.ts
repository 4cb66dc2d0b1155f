/** The configuration file, from text to definitions: everything wrong with it is told at once, each with file, line, column and field. */
import { readCallers } from './callers.ts'
import { complaints } from './complaints.ts'
import { type Config, connectionDefaults, defaultZone, type PairConfig, type TenantConfig } from './config.ts'
import { checkZone, readConnection } from './connection.ts'
import { type Context, complain, unique } from './context.ts'
import { opposite, sides } from '../doc/document.ts'
import type { PairDef } from '../doc/flow.ts'
import { compilePair } from '../map/plan.ts'
import { runMappingTest } from '../map/saved.ts'
import { type AllEnds, placeOf, readEnd, readPair } from './pair.ts'
import { writeBackProblems } from './write-back.ts'
import { readFunctions } from './functions.ts'
import { ConfigRefused, didYouMean, type Path, type Problem } from './problem.ts'
import { fileSchema, type PairFile, type TenantFile } from './schema.ts'
import { readYaml } from './yaml.ts'

export interface ConfigText {
  text: string
  /** The file's name, as messages show it. */
  file: string
  /** Where `${NAME}` is looked up. */
  env: Readonly<Record<string, string | undefined>>
  /** The secret that Mortise makes itself, by name (`acme/token/erp`); the same each time. */
  generate(name: string): string
}

/** What the engine itself would refuse is told here too, where nothing else was said of the same place. */
const compilePairs = (
  context: Context,
  given: readonly PairFile[],
  made: readonly (PairConfig | undefined)[],
  ends: readonly ReturnType<AllEnds['get']>[],
  path: Path,
): void => {
  const told = new Set(context.problems.filter((one) => one.level === 'error').map((one) => one.line))
  const pairOf = (pairId: string) => made.find((pair) => pair?.def.pairId === pairId)?.def
  for (const [i, pair] of made.entries()) {
    const { left, right } = ends[i] ?? {}
    const file = given[i]
    if (!pair || !left || !right || !file) continue
    const objects = { left: left.object, right: right.object }
    const compiled = compilePair(
      pair.def,
      objects,
      { left: left.connection.def, right: right.connection.def },
      { pairOf },
    )
    for (const problem of 'problems' in compiled ? compiled.problems : []) {
      const { path: at, part } = placeOf(file, problem.path, [...path, i])
      const here = context.read.problem(at, problem.message, { part })
      if (!told.has(here.line)) context.problems.push(here)
    }
    if ('problems' in compiled || told.size) continue
    for (const side of sides) {
      const plan = compiled.pair.plans[side]
      const flow = pair.def.flows[side]
      // With functions around the mapping the whole chain is tested (cli/mapping-tests.ts), which cannot be done while reading.
      if (flow?.functions?.beforeMapping !== undefined || flow?.functions?.beforeWrite !== undefined) continue
      for (const [t, test] of (plan ? (flow?.tests ?? []) : []).entries()) {
        const wrong = runMappingTest(compiled.pair, plan as NonNullable<typeof plan>, test)
        const at = [...path, i, 'flows', side === 'left' ? 'leftToRight' : 'rightToLeft', 'tests', t]
        for (const say of wrong) complain(context, at, `mapping test "${test.name}": ${say}`)
      }
    }
  }
}

/** An object’s function must be there, and be one that receives. */
const checkReceivers = (
  context: Context,
  connections: TenantConfig['connections'],
  functions: TenantConfig['functions'],
  path: Path,
): void => {
  for (const [c, { objects }] of connections.entries())
    for (const [o, object] of objects.entries()) {
      const name = object.receive?.function
      if (name === undefined) continue
      const at = [...path, 'connections', c, 'objects', o, 'receive', 'function']
      const found = functions.find((one) => one.name === name)
      if (!found) {
        const known = functions.map((one) => one.name)
        complain(context, at, `function "${name}" is not declared${didYouMean(name, known)}`)
      } else if (found.kind !== 'receive')
        complain(context, at, `"${name}" is a function of kind ${found.kind}, not receive`)
    }
}

/** Of the time until the send deadline, what a flow's functions may take together: past it nothing of the call would leave (C1). */
const shareOfDeadline = 0.6

/** A flow's functions must be there, each of its kind, and end in time. */
const checkSteps = (
  context: Context,
  pairs: readonly { def: PairDef; i: number }[],
  functions: TenantConfig['functions'],
  timeoutOf: (connectionId: string) => number,
  path: Path,
): void => {
  for (const { def, i } of pairs)
    for (const side of sides) {
      const steps = def.flows[side]?.functions
      const names = [steps?.beforeMapping, steps?.beforeWrite?.function]
      const needed = functions.reduce((sum, fn) => sum + (names.includes(fn.name) ? fn.time : 0), 0)
      const target = def[opposite(side)].connectionId
      const most = Math.round((timeoutOf(target) + 2_000) * shareOfDeadline)
      if (needed > most)
        complain(
          context,
          [...path, i, 'flows', side === 'left' ? 'leftToRight' : 'rightToLeft', 'functions'],
          `may take ${needed} ms together; the timeout of connection ${target} leaves them ${most} ms`,
          { part: 'key' },
        )
      for (const [kind, given] of Object.entries(def.flows[side]?.functions ?? {})) {
        const name = typeof given === 'string' ? given : given.function
        const place = [...path, i, 'flows', side === 'left' ? 'leftToRight' : 'rightToLeft', 'functions', kind]
        const found = functions.find((one) => one.name === name)
        const known = functions.filter((one) => one.kind === kind).map((one) => one.name)
        if (!found) complain(context, place, `function "${name}" is not declared${didYouMean(name, known)}`)
        else if (found.kind !== kind)
          complain(context, place, `"${name}" is a function of kind ${found.kind}, not ${kind}`)
      }
    }
}

/** Two objects of a tenant cannot be told apart at one address. */
const checkBatchPaths = (context: Context, connections: TenantConfig['connections'], path: Path): void => {
  const seen = new Map<string, string>()
  for (const [c, { def, objects }] of connections.entries())
    for (const [o, { code, batch }] of objects.entries()) {
      if (!batch || def.kind === 'masterdata-batch') continue
      const other = seen.get(batch.path)
      if (other !== undefined)
        complain(
          context,
          [...path, 'connections', c, 'objects', o],
          `POST /common/${batch.path}/batch is ${other} already: every object of a tenant needs a batch path of its own`,
        )
      seen.set(batch.path, `${def.connectionId}/${code}`)
    }
}

const readTenant = (context: Context, given: TenantFile, path: Path): TenantConfig => {
  const tenantId = String(given.id)
  const zone = given.zone ?? defaultZone
  if (given.zone !== undefined) checkZone(context, given.zone, [...path, 'zone'])
  unique(
    context,
    given.connections,
    (one) => String(one.id),
    (i) => [...path, 'connections', i, 'id'],
    'connection',
  )
  const connections = given.connections.map((one, i) =>
    readConnection(context, tenantId, zone, one, [...path, 'connections', i]),
  )
  const functions = readFunctions(context, given.functions, [...path, 'functions'])
  checkReceivers(context, connections, functions, path)
  checkBatchPaths(context, connections, path)
  const pairs = given.pairs ?? []
  unique(
    context,
    pairs,
    (one) => String(one.id),
    (i) => [...path, 'pairs', i, 'id'],
    'pair',
  )
  const ends = pairs.map((pair, i) => {
    const at = [...path, 'pairs', i]
    return {
      left: readEnd(context, connections, pair.left, [...at, 'left']),
      right: readEnd(context, connections, pair.right, [...at, 'right']),
    }
  })
  const all: AllEnds = new Map(pairs.map((pair, i) => [String(pair.id), ends[i] ?? {}]))
  const made = pairs.map((pair, i) => readPair(context, tenantId, pair, ends[i] ?? {}, all, [...path, 'pairs', i]))
  compilePairs(context, pairs, made, ends, [...path, 'pairs'])
  const read = made.flatMap((pair, i) => (pair ? [{ def: pair.def, i }] : []))
  const timeoutOf = (id: string) =>
    connections.find(({ def }) => def.connectionId === id)?.def.timeout ?? connectionDefaults.timeout
  checkSteps(context, read, functions, timeoutOf, [...path, 'pairs'])
  for (const { pair, side, field, say } of writeBackProblems(read.map(({ def }) => def))) {
    const flow = side === 'left' ? 'leftToRight' : 'rightToLeft'
    complain(context, [...path, 'pairs', read[pair]?.i ?? 0, 'flows', flow, 'writeBack', field], say, { part: 'key' })
  }
  return {
    tenantId,
    name: given.name ?? tenantId,
    zone,
    bodyDays: given.bodyDays ?? null,
    connections,
    functions,
    pairs: made.flatMap((pair) => pair ?? []),
    ...readCallers(context, tenantId, zone, connections, given, path),
  }
}

/** One secret lets in one caller: equal ones cannot be told apart at the door. */
const checkSecrets = (context: Context, tenants: readonly TenantConfig[]): void => {
  const seen = new Set<string>()
  for (const [t, tenant] of tenants.entries()) {
    for (const [kind, field, secrets] of [
      ['tokens', 'value', tenant.tokens.map((one) => one.value)],
      ['hooks', 'secret', tenant.hooks.map((one) => one.secret)],
      ['tokens', 'former', tenant.tokens.map((one) => one.former?.value ?? null)],
      ['hooks', 'former', tenant.hooks.map((one) => one.former?.value ?? null)],
    ] as const) {
      for (const [i, secret] of secrets.entries()) {
        if (secret === null) continue
        const key = `${kind} ${secret}`
        if (seen.has(key))
          complain(
            context,
            ['tenants', t, kind, i, field],
            'is used twice in this file: every caller needs a secret of its own',
          )
        seen.add(key)
      }
    }
  }
}

const inOrder = (problems: readonly Problem[]): Problem[] => {
  const seen = new Set<string>()
  return [...problems]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .filter((one) => {
      const key = `${one.line}:${one.column} ${one.say}`
      return !seen.has(key) && seen.add(key)
    })
}

/** A function's code has `${…}` of its own. */
const isCode = (path: Path): boolean => path[0] === 'tenants' && path[2] === 'functions'

/** Definitions and warnings, or everything that is wrong. Never throws for what stands in the file. */
export const readConfig = (given: ConfigText): { config: Config | null; problems: Problem[] } => {
  const read = readYaml(given.text, given.file, given.env, isCode)
  const problems = [...read.problems]
  const finish = (config: Config | null) => {
    const sorted = inOrder(problems)
    return { config: sorted.some((one) => one.level === 'error') ? null : config, problems: sorted }
  }
  if (read.value === null || typeof read.value !== 'object') {
    if (!problems.length) problems.push(read.problem([], 'the file is empty: it begins with "tenants:"'))
    return finish(null)
  }
  const parsed = fileSchema.safeParse(read.value)
  if (!parsed.success) {
    // where a variable is missing, what follows from its absence is not worth telling
    const told = new Set(problems.map((one) => `${one.line}:${one.column}`))
    for (const { path, say, part } of complaints(parsed.error, read.value)) {
      const problem = read.problem(path, say, { part })
      if (!told.has(`${problem.line}:${problem.column}`)) problems.push(problem)
    }
    return finish(null)
  }
  const missing = new Set(problems.map((one) => `${one.line}:${one.column}`))
  const context: Context = { read, problems: [], generate: given.generate }
  const { tenants } = parsed.data
  unique(
    context,
    tenants,
    (one) => String(one.id),
    (i) => ['tenants', i, 'id'],
    'tenant',
  )
  const made = tenants.map((tenant, i) => readTenant(context, tenant, ['tenants', i]))
  if (!missing.size) checkSecrets(context, made)
  problems.push(...context.problems.filter((one) => !missing.has(`${one.line}:${one.column}`)))
  return finish({ file: given.file, tenants: made })
}

/** The definitions of a file that must be right; throws ConfigRefused with everything that is wrong. */
export const requireConfig = (given: ConfigText): { config: Config; warnings: Problem[] } => {
  const { config, problems } = readConfig(given)
  if (!config) throw new ConfigRefused(problems)
  return { config, warnings: problems }
}
