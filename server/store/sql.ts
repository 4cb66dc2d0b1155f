/** The SQL tag: a statement in view, its values as parameters, every statement prepared once per connection under a name of its own. */
import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { isCollision, isStalePlan } from './trouble.ts'

export { at, col } from './columns.ts'

/** A parameter. Buffers travel in binary format (`col.*`, `at`, bytea, json bytes), everything else as text. Objects are refused: say their text yourself. */
export type Value = string | number | bigint | boolean | null | Buffer | readonly string[] | readonly number[]

export interface Begin {
  isolation?: 'repeatable read' | 'serializable'
  readOnly?: boolean
}

/**
 * sql<Row>`select …` is a promise of rows. Names are remembered by the template's identity, so a statement is a literal, never glued.
 * Inside `begin` statements run one after another on one connection; a `begin` within it is a savepoint.
 */
export interface Sql {
  <Row = Record<string, unknown>>(strings: TemplateStringsArray, ...values: Value[]): Promise<Row[]>
  /** The number of rows that the statement changed. */
  affected(strings: TemplateStringsArray, ...values: Value[]): Promise<number>
  begin<T>(work: (tx: Sql) => Promise<T>, how?: Begin): Promise<T>
  /** `begin`, again from its start (up to 5 times in all) after a deadlock or a serialization failure: only for work that may be repeated. */
  retrying<T>(work: (tx: Sql) => Promise<T>, how?: Begin): Promise<T>
  /** Text made at run time: DDL, tests, console lists. Without values it may hold several statements and answers the last one's rows. */
  unsafe<Row = Record<string, unknown>>(text: string, values?: Value[]): Promise<Row[]>
}

export interface Statement {
  name?: string
  text: string
  values?: unknown[]
}

export interface Answer {
  rows: unknown[]
  rowCount: number | null
  command: string
}

/** What the tag needs from a pool or from one connection. */
export interface Runner {
  run(statement: Statement): Promise<Answer>
  begin<T>(work: (tx: Sql) => Promise<T>, how: Begin): Promise<T>
}

const prepared = new WeakMap<TemplateStringsArray, { name: string; text: string }>()

const prepare = (strings: TemplateStringsArray) => {
  let text = strings[0] ?? ''
  for (let i = 1; i < strings.length; i++) text += `$${i}${strings[i]}`
  const made = { name: `m${createHash('sha256').update(text).digest('base64url').slice(0, 24)}`, text }
  prepared.set(strings, made)
  return made
}

const check = (values: readonly unknown[], text: string) => {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value === null || (typeof value !== 'object' && typeof value !== 'undefined')) continue
    if (value instanceof Uint8Array || Array.isArray(value)) continue
    throw new TypeError(
      `value ${i + 1} is ${value === undefined ? 'undefined' : 'an object'} in: ${text.trim().slice(0, 120)}`,
    )
  }
}

const ATTEMPTS = 5

export const sqlOver = (runner: Runner): Sql => {
  const send = (strings: TemplateStringsArray, values: unknown[]): Promise<Answer> => {
    const { name, text } = prepared.get(strings) ?? prepare(strings)
    check(values, text)
    return runner.run({ name, text, values })
  }
  const sql = async (strings: TemplateStringsArray, ...values: unknown[]) => (await send(strings, values)).rows
  const retrying = async <T>(work: (tx: Sql) => Promise<T>, how: Begin = {}): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await runner.begin(work, how)
      } catch (error) {
        if (attempt === ATTEMPTS || !(isCollision(error) || isStalePlan(error))) throw error
        await wait(Math.random() * 5 * 2 ** attempt) // two that met once must not meet again in step
      }
    }
  }
  return Object.assign(sql, {
    affected: async (strings: TemplateStringsArray, ...values: unknown[]) =>
      (await send(strings, values)).rowCount ?? 0,
    begin: <T>(work: (tx: Sql) => Promise<T>, how: Begin = {}) => runner.begin(work, how),
    retrying,
    unsafe: async (text: string, values?: unknown[]) => {
      if (values) check(values, text)
      const answer: Answer | Answer[] = await runner.run(values ? { text, values } : { text })
      return (Array.isArray(answer) ? (answer.at(-1)?.rows ?? []) : answer.rows) as unknown[]
    },
  }) as unknown as Sql
}
