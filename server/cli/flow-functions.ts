/** Functions of flows as the engine runs them: the workers, what they may look up, and who is suspended, put together for main.ts. */
import { startAfterWriter } from '../converge/after-write.ts'
import type { Directory, FunctionAnswer, FunctionCall, FunctionRunner, Log } from '../converge/engine.ts'
import { releaseFunction } from '../converge/resume.ts'
import { codeHash } from '../decode/documents.ts'
import { lookUp } from '../decode/lookups.ts'
import { dropSuspension, suspend, suspensions } from '../decode/suspensions.ts'
import type { Env } from '../doc/env.ts'
import type { Fault } from '../doc/fault.ts'
import type { FunctionDef } from '../doc/function.ts'
import { inARow } from '../functions/in-a-row.ts'
import { type FunctionPool, type Job, openFunctions, type Result } from '../functions/pool.ts'
import type { Sql } from '../store/sql.ts'
import type { Configuration } from './configuration.ts'

export interface FlowFunctionsDeps {
  /** What look-ups read from; a preview's wears `mortise_app`. */
  sql: Sql
  functions: Pick<FunctionPool, 'run'>
  function(tenantId: string, name: string): FunctionDef | undefined
  log: Pick<Log, 'error'>
}

const stage = 'map'

const faultOf = (fn: FunctionDef, result: Exclude<Result, { kind: 'done' } | { kind: 'left' }>): Fault => {
  if (result.kind === 'over')
    return {
      code: 'function.over',
      stage,
      value: fn.name,
      expected: result.limit === 'time' ? `${fn.time} ms` : `${fn.memory} MB`,
    }
  return result.line === undefined
    ? { code: 'function.threw', stage, value: fn.name, said: result.said }
    : { code: 'function.line', stage, value: fn.name, expected: String(result.line), said: result.said }
}

const answerOf = (fn: FunctionDef, result: Result | undefined): FunctionAnswer => {
  if (!result || result.kind === 'left') return { kind: 'left' }
  if (result.kind === 'done') return { kind: 'done', output: result.output, logs: result.logs }
  return { kind: 'fault', fault: faultOf(fn, result), logs: result.logs }
}

type Supply = NonNullable<Job['supply']>

const stored =
  (sql: Sql, { tenantId, connectionId }: FunctionCall): Supply =>
  (keys) =>
    lookUp(sql, { tenant_id: tenantId, connection_id: connectionId }, keys)

const ran = (
  functions: Pick<FunctionPool, 'run'>,
  fn: FunctionDef,
  call: FunctionCall,
  supply: Supply,
): Promise<Result[]> =>
  functions.run({
    key: `${call.tenantId} ${fn.name} ${codeHash(fn.code)}`,
    kind: fn.kind,
    code: fn.code,
    inputs: call.inputs,
    time: fn.time,
    memory: fn.memory,
    ...(call.until !== undefined && { until: call.until }),
    supply,
  })

const absent = ({ name, kind, inputs }: FunctionCall, fn: FunctionDef | undefined): FunctionAnswer[] => {
  const said = fn ? `it is of kind ${fn.kind}, not ${kind}` : 'it is not declared'
  return inputs.map(() => ({
    kind: 'suspended',
    fault: { code: 'function.absent', stage: 'config', value: name, said },
  }))
}

/** The engine's: counts who hits limits, and suspends. */
export const flowFunctions = (deps: FlowFunctionsDeps): FunctionRunner => {
  const { sql, log } = deps
  const count = inARow()

  return {
    run: async (call) => {
      const { tenantId, name, kind, inputs } = call
      const fn = deps.function(tenantId, name)
      if (!fn || fn.kind !== kind) return absent(call, fn)
      const hash = codeHash(fn.code)
      // Another code is another function: what is suspended of an earlier one no longer counts.
      const known = (await suspensions(sql, tenantId)).find((one) => one.name === name)
      if (known && known.code_hash !== hash) await dropSuspension(sql, tenantId, name)
      else if (known) return inputs.map(() => ({ kind: 'suspended', fault: JSON.parse(known.fault) as Fault }))
      const results = await ran(deps.functions, fn, call, stored(sql, call))
      const worst = count(
        `${tenantId} ${name} ${hash}`,
        results.map(({ kind: how }) => (how === 'over' || how === 'left' ? how : 'ended')),
      )
      if (worst !== null) {
        const why = faultOf(fn, results[worst] as Extract<Result, { kind: 'over' }>)
        const told: Fault = { code: 'function.suspended', stage: 'config', value: name, said: why.expected ?? '' }
        await suspend(sql, tenantId, name, hash, JSON.stringify(told))
        log.error(
          { tenant: tenantId, function: name, kind },
          'a function is suspended: it hit its limits three times in a row',
        )
      }
      return inputs.map((_, i) => answerOf(fn, results[i]))
    },
  }
}

/** A preview's: nothing is counted and nobody is suspended; `own` stands before what is stored, for a function that is being edited. */
export const triedFunctions = (
  deps: Pick<FlowFunctionsDeps, 'sql' | 'functions' | 'function'>,
  own: readonly FunctionDef[] = [],
): FunctionRunner => ({
  run: async (call) => {
    const fn = own.find((one) => one.name === call.name) ?? deps.function(call.tenantId, call.name)
    if (!fn || fn.kind !== call.kind) return absent(call, fn)
    const results = await ran(deps.functions, fn, call, stored(deps.sql, call))
    return call.inputs.map((_, i) => answerOf(fn, results[i]))
  },
})

/** A mapping test's: `mapped`, by `pair/id`, is all that there is to look up. */
export const testedFunctions = (
  deps: Pick<FlowFunctionsDeps, 'functions' | 'function'>,
  mapped: Readonly<Record<string, string>>,
): FunctionRunner => {
  const found = new Map(
    Object.entries(mapped).map(([place, id]) => {
      const [pair = '', ...rest] = place.split('/')
      return [JSON.stringify(['mapped', pair, rest.join('/')]), JSON.stringify(id)]
    }),
  )
  const supply: Supply = async (keys) => new Map(keys.map((key) => [key, found.get(key) ?? null]))
  return {
    run: async (call) => {
      const fn = deps.function(call.tenantId, call.name)
      if (!fn || fn.kind !== call.kind) return absent(call, fn)
      const results = await ran(deps.functions, fn, call, supply)
      return call.inputs.map((_, i) => answerOf(fn, results[i]))
    },
  }
}

export interface StepsWorld {
  sql: Sql
  env: Env
  log(agent: string): Log
  configuration(): Configuration
  directory: Directory
  /** False: this node decides nothing, and tells nobody. */
  works: boolean
  /** Records are due again. */
  woke(): void
}

/** The workers of all functions, the engine's runner, and the agent that tells functions of what was applied. */
export const openSteps = ({ sql, env, log, configuration, directory, works, woke }: StepsWorld) => {
  const functions = openFunctions()
  const runner = flowFunctions({
    sql,
    functions,
    function: (tenantId, name) => configuration().function(tenantId, name),
    log: log('worker'),
  })
  const writer = works ? startAfterWriter({ sql, env, directory, log: log('after-writer'), functions: runner }) : null
  return {
    functions,
    runner,
    agents: writer ? [writer] : [],
    /** A settle wrote down that there is something to tell. */
    told: (): void => writer?.wake(),
    /** A person runs a suspended function again. */
    resumed: async (tenantId: string, name: string): Promise<void> => {
      await releaseFunction(sql, tenantId, name)
      writer?.wake()
      woke()
    },
  }
}
