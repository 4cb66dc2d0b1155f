/** The saved examples of a function: run on every save and by `mortise test`; numbers compare by their value, keys in any order. */
import type { FunctionDef, FunctionExample } from '../doc/function.ts'
import { decimalKey, readDecimal } from '../map/decimal.ts'
import type { FunctionPool, Result } from './pool.ts'

export interface ExampleRun {
  function: string
  example: string
  ok: boolean
  /** Why not, in words a person can act on. */
  said: string | null
  /** What came out, where something did. */
  output: string | null
  logs: string[]
}

/** One text for all ways to say the same value. */
const canonical = (json: string): string => {
  const plain = JSON.parse(json, ((_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number'
      ? {
          $number: decimalKey(
            readDecimal(context?.source ?? String(value)) ?? { negative: false, digits: '', exponent: 0 },
          ),
        }
      : value) as (key: string, value: unknown) => unknown) as unknown
  const sorted = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(sorted)
      : value !== null && typeof value === 'object'
        ? Object.fromEntries(
            Object.entries(value)
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, one]) => [key, sorted(one)]),
          )
        : value
  return JSON.stringify(sorted(plain))
}

/** `mapped:pair:id` as the pool asks for it. An id may hold colons. */
const keyOf = (name: string): string => {
  const [kind = '', of = '', ...id] = name.split(':')
  return JSON.stringify([kind, of, id.join(':')])
}

const supplyOf = (example: FunctionExample) => {
  const found = new Map(Object.entries(example.found ?? {}).map(([name, json]) => [keyOf(name), json]))
  return async (keys: readonly string[]) => new Map(keys.map((key) => [key, found.get(key) ?? null]))
}

const verdictOf = (fn: FunctionDef, example: FunctionExample, result: Result): ExampleRun => {
  const run = { function: fn.name, example: example.name, output: null, logs: 'logs' in result ? result.logs : [] }
  switch (result.kind) {
    case 'threw':
      return { ...run, ok: false, said: `${result.line === undefined ? '' : `line ${result.line}: `}${result.said}` }
    case 'over':
      return {
        ...run,
        ok: false,
        said: `over its limit of ${result.limit === 'time' ? `${fn.time} ms` : `${fn.memory} MB`}`,
      }
    case 'left':
      return { ...run, ok: false, said: 'was not run' }
    case 'done': {
      const ok = canonical(result.output) === canonical(example.output)
      return {
        ...run,
        ok,
        output: result.output,
        said: ok ? null : `answered ${result.output.slice(0, 500)}, not ${example.output.slice(0, 500)}`,
      }
    }
  }
}

export const runExamples = async (pool: Pick<FunctionPool, 'run'>, fn: FunctionDef): Promise<ExampleRun[]> => {
  const runs: ExampleRun[] = []
  for (const example of fn.examples) {
    const [result] = await pool.run({
      key: `example ${fn.name}`,
      kind: fn.kind,
      code: fn.code,
      inputs: [example.input],
      time: fn.time,
      memory: fn.memory,
      supply: supplyOf(example),
    })
    runs.push(verdictOf(fn, example, result ?? { kind: 'left' }))
  }
  return runs
}

/** Code that does not even load is refused where there is no example to show it. */
export const loads = async (pool: Pick<FunctionPool, 'run'>, fn: FunctionDef): Promise<string | null> => {
  const [result] = await pool.run({
    key: `load ${fn.name}`,
    kind: '__loads',
    code: `${fn.code}\n;function __loads() { return typeof ${fn.kind} === 'function' }`,
    inputs: ['null'],
    time: fn.time,
    memory: fn.memory,
  })
  if (result?.kind === 'done') return result.output === 'true' ? null : `declares no function ${fn.kind}`
  return result?.kind === 'threw'
    ? `${result.line === undefined ? '' : `line ${result.line}: `}${result.said}`
    : 'does not end when it is loaded'
}

/** Everything that is wrong with these, as sentences; nothing: they may be saved. */
export const complaintsOf = async (
  pool: Pick<FunctionPool, 'run'>,
  functions: readonly FunctionDef[],
): Promise<string[]> => {
  const said: string[] = []
  for (const fn of functions) {
    const broken = await loads(pool, fn)
    if (broken !== null) {
      said.push(`Function ${fn.name}: ${broken}`)
      continue
    }
    for (const run of await runExamples(pool, fn))
      if (!run.ok) said.push(`Function ${fn.name}, example ${run.example}: ${run.said}`)
  }
  return said
}
