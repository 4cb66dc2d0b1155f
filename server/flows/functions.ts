/** Functions as they are declared: read from the file, written to their table, read back. */
import { isDeepStrictEqual } from 'node:util'
import type { FunctionDef, FunctionExample, FunctionKind } from '../doc/function.ts'
import { functionDefaults } from '../doc/function.ts'
import type { Sql } from '../store/sql.ts'
import type { Change } from './changes.ts'
import { type Context, complain, unique } from './context.ts'
import { differences } from './differences.ts'
import { parseDuration } from './duration.ts'
import type { Path } from './problem.ts'
import type { FunctionFile } from './schema.ts'

/** A text is JSON already; anything else is written as JSON. Null: a text that is none. */
const jsonOf = (given: unknown): string | null => {
  if (typeof given !== 'string') return JSON.stringify(given) ?? 'null'
  try {
    JSON.parse(given)
    return given
  } catch {
    return null
  }
}

const exampleOf = (
  context: Context,
  given: NonNullable<FunctionFile['examples']>[number],
  path: Path,
): FunctionExample => {
  const text = (key: 'input' | 'output', value: unknown, at: Path): string => {
    const json = jsonOf(value)
    if (json === null)
      complain(context, at, `is a text that is not JSON: write the ${key} as a map or a list, or as JSON`)
    return json ?? 'null'
  }
  const found = Object.entries(given.found ?? {}).map(([key, value]): [string, string] => {
    if (key.split(':').length < 3)
      complain(context, [...path, 'found', key], 'write mapped:pair:id or document:object:id', { part: 'key' })
    return [key, text('output', value, [...path, 'found', key])]
  })
  return {
    name: given.name,
    input: text('input', given.input, [...path, 'input']),
    output: text('output', given.output, [...path, 'output']),
    ...(found.length > 0 && { found: Object.fromEntries(found) }),
  }
}

export const readFunctions = (
  context: Context,
  given: readonly FunctionFile[] | undefined,
  path: Path,
): FunctionDef[] => {
  const functions = (given ?? []).map((one, i): FunctionDef => {
    const time = one.time === undefined ? functionDefaults.time : (parseDuration(one.time) ?? functionDefaults.time)
    const isBefore = one.kind === 'beforeMapping' || one.kind === 'beforeWrite'
    if (time < 10 || time > (isBefore ? longestBefore : 30_000))
      complain(context, [...path, i, 'time'], `is between 10ms and ${isBefore ? '2s: a call waits for it' : '30s'}`)
    unique(
      context,
      one.examples ?? [],
      (example) => example.name,
      (e) => [...path, i, 'examples', e, 'name'],
      'example',
    )
    return {
      name: String(one.name),
      kind: one.kind ?? 'receive',
      code: one.code,
      time,
      memory: one.memory ?? functionDefaults.memory,
      examples: (one.examples ?? []).map((example, e) => exampleOf(context, example, [...path, i, 'examples', e])),
    }
  })
  unique(
    context,
    functions,
    (one) => one.name,
    (i) => [...path, i, 'name'],
    'function',
  )
  return functions
}

/** Milliseconds of a function that a call waits for: it runs within the claim of its record, which has a send deadline (C1). */
const longestBefore = 2_000

interface Row {
  tenant_id: string
  name: string
  kind: FunctionKind
  definition: string
}

const functionOf = (row: Row): FunctionDef => ({ name: row.name, kind: row.kind, ...JSON.parse(row.definition) })
const stored = ({ name: _name, kind: _kind, ...definition }: FunctionDef): string => JSON.stringify(definition)

/** Adds, changes and removes. Objects and flows that name one were checked when the file was read. */
export const saveFunctions = async (
  tx: Sql,
  tenantId: string,
  functions: readonly FunctionDef[],
): Promise<Change[]> => {
  const rows = await tx<Row>`
    select tenant_id, name, kind, definition
    from function
    where tenant_id = ${tenantId}
    for update`
  const known = new Map(rows.map((row) => [row.name, functionOf(row)]))
  const changes: Change[] = []
  for (const given of functions) {
    const after = JSON.parse(JSON.stringify(given)) as FunctionDef
    const before = known.get(given.name)
    known.delete(given.name)
    if (before && isDeepStrictEqual(before, after)) continue
    await tx`
      insert into function as f (tenant_id, name, kind, definition)
      values (${tenantId}, ${given.name}, ${given.kind}, ${stored(given)}::json)
      on conflict (tenant_id, name) do update set
        kind = excluded.kind,
        definition = excluded.definition,
        revision = f.revision + 1`
    const fields = before ? differences(before, after) : []
    changes.push({ tenantId, kind: 'function', name: given.name, what: before ? 'changed' : 'added', fields })
  }
  for (const name of known.keys()) {
    await tx`delete from function where tenant_id = ${tenantId} and name = ${name}`
    changes.push({ tenantId, kind: 'function', name, what: 'removed', fields: [] })
  }
  return changes
}

/** All tenants', by tenant. */
export const loadFunctions = async (sql: Sql): Promise<Map<string, FunctionDef[]>> => {
  const rows = await sql<Row>`
    select tenant_id, name, kind, definition
    from function
    order by tenant_id, name`
  const functions = new Map<string, FunctionDef[]>()
  for (const row of rows) functions.set(row.tenant_id, [...(functions.get(row.tenant_id) ?? []), functionOf(row)])
  return functions
}

/** As the file says it. */
export const functionTree = (fn: FunctionDef): Record<string, unknown> => ({
  name: fn.name,
  kind: fn.kind,
  ...(fn.time !== functionDefaults.time && { time: fn.time }),
  ...(fn.memory !== functionDefaults.memory && { memory: fn.memory }),
  code: fn.code,
  ...(fn.examples.length > 0 && { examples: fn.examples }),
})
