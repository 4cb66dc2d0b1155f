/** Between steps of a flow as the file writes them, in any of its spellings, and the fields of their forms. Pure. */
import { isTree, type Tree } from './rules.ts'

// ── functions ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const places = ['beforeMapping', 'beforeWrite', 'afterWrite'] as const
export type Place = (typeof places)[number]

export interface Chosen {
  isOn: boolean
  name: string | null
  /** Target fields that it writes beside the mapping; only before write. */
  fields: string[]
}

export const chosenOf = (functions: unknown, place: Place): Chosen => {
  const said = isTree(functions) ? functions[place] : undefined
  if (said === undefined) return { isOn: false, name: null, fields: [] }
  if (!isTree(said)) return { isOn: true, name: String(said), fields: [] }
  return { isOn: true, name: String(said.function), fields: ((said.fields ?? []) as unknown[]).map(String) }
}

/** Undefined where no function is called. */
export const functionsSaid = (chosen: Record<Place, Chosen>): Tree | undefined => {
  const said = places.flatMap((place): [string, unknown][] => {
    const { isOn, name, fields } = chosen[place]
    if (!isOn || name === null) return []
    return [[place, place === 'beforeWrite' && fields.length > 0 ? { function: name, fields } : name]]
  })
  return said.length > 0 ? Object.fromEntries(said) : undefined
}

// ── what does not fit its declaration ────────────────────────────────────────────────────────────────────────────────────────────────
export const driftKinds = ['unknown', 'missing', 'type', 'option'] as const
export const driftPolicies = ['warn', 'park', 'ignore'] as const
export type Drift = Record<(typeof driftKinds)[number], string>

export const driftOf = (drift: unknown): Drift => {
  const of = (kind: (typeof driftKinds)[number]) =>
    typeof drift === 'string' ? drift : String((isTree(drift) ? drift[kind] : undefined) ?? 'warn')
  return { unknown: of('unknown'), missing: of('missing'), type: of('type'), option: of('option') }
}

export const driftSaid = (drift: Drift): unknown => {
  const all = new Set(Object.values(drift))
  if (all.size === 1) return all.has('warn') ? undefined : drift.unknown
  return Object.fromEntries(Object.entries(drift).filter(([, policy]) => policy !== 'warn'))
}

// ── named values ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface Param {
  name: string
  /** One value; or lines of `key = value`. */
  text: string
  isMap: boolean
  before: unknown
}

const linesOf = (map: Tree): string =>
  Object.entries(map)
    .map(([key, value]) => `${key} = ${String(value)}`)
    .join('\n')

export const paramsOf = (params: unknown): Param[] =>
  Object.entries((params ?? {}) as Tree).map(([name, value]) =>
    isTree(value)
      ? { name, text: linesOf(value), isMap: true, before: value }
      : { name, text: String(value), isMap: false, before: value },
  )

/** What was typed; a number stays one where it was one, and true and false where they were. */
const typed = (text: string, before: unknown): unknown => {
  if (typeof before === 'number' && text.trim() !== '' && String(Number(text)) === text.trim()) return Number(text)
  if (typeof before === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

export const paramsSaid = (params: readonly Param[]): Tree | undefined => {
  const said = params
    .filter(({ name }) => name.trim() !== '')
    .map(({ name, text, isMap, before }): [string, unknown] => {
      if (!isMap) return [name.trim(), typed(text, before)]
      const old = isTree(before) ? before : {}
      const lines = text.split('\n').flatMap((line): [string, unknown][] => {
        const [key = '', ...rest] = line.split('=')
        const value = rest.join('=').trim()
        return key.trim() === '' || rest.length === 0 ? [] : [[key.trim(), typed(value, old[key.trim()])]]
      })
      return [name.trim(), Object.fromEntries(lines)]
    })
  return said.length > 0 ? Object.fromEntries(said) : undefined
}

// ── looking before a create ──────────────────────────────────────────────────────────────────────────────────────────────────────────
export const matchWays = ['code', 'exact', 'name', 'phone', 'mail'] as const
export interface MatchField {
  from: string
  to: string
  as: string
}

export const matchOf = (match: unknown): MatchField[][] =>
  Array.isArray(match)
    ? (match as Tree[]).map((rule) =>
        Object.entries(rule).map(([from, said]) =>
          isTree(said)
            ? { from, to: String(said.to), as: String(said.as ?? 'code') }
            : { from, to: String(said), as: 'code' },
        ),
      )
    : []

export const matchSaid = (rules: readonly (readonly MatchField[])[]): Tree[] =>
  rules
    .map((rule) =>
      Object.fromEntries(
        rule
          .filter(({ from, to }) => from !== '' && to !== '')
          .map(({ from, to, as }) => [from, as === 'code' ? to : { to, as }]),
      ),
    )
    .filter((rule) => Object.keys(rule).length > 0)

// ── saved tests ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface SavedTest {
  name: string
  record: string
  expect: string
  fault: string
  /** All that was said of it. */
  before: Tree
}

const textOf = (body: unknown): string =>
  body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body, null, 2)

export const testsOf = (tests: unknown): SavedTest[] =>
  ((tests ?? []) as Tree[]).map((test) => ({
    name: String(test.name ?? ''),
    record: textOf(test.record),
    expect: textOf(test.expect),
    fault: test.fault === undefined ? '' : String(test.fault),
    before: test,
  }))

/** What was not touched stays as it was written. */
export const testsSaid = (tests: readonly SavedTest[]): Tree[] | undefined => {
  const said = tests.map(({ name, record, expect, fault, before }): Tree => {
    const body = (text: string, was: unknown) => (text === textOf(was) ? was : text)
    const { expect: _expect, fault: _fault, ...rest } = before
    return {
      ...rest,
      name: name.trim(),
      record: body(record, before.record),
      ...(expect.trim() !== '' && { expect: body(expect, before.expect) }),
      ...(fault.trim() !== '' && { fault: fault.trim() }),
    }
  })
  return said.length > 0 ? said : undefined
}

// ── comparing by a schedule ──────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface Reconcile {
  isOn: boolean
  every: string
  cron: string
  last: string
  repair: string[]
}

export const isDuration = (text: string): boolean => text === '' || /^\d+(\.\d+)?\s*(ms|s|m|h|d)$/.test(text.trim())

export const reconcileOf = (reconcile: unknown): Reconcile => {
  const said = isTree(reconcile) ? reconcile : {}
  const text = (value: unknown) => (value === undefined ? '' : typeof value === 'number' ? `${value}ms` : String(value))
  return {
    isOn: isTree(reconcile),
    every: text(said.every),
    cron: text(said.cron),
    last: text(said.last),
    repair: ((said.repair ?? []) as unknown[]).map(String),
  }
}

/** Hours, days and the rest of its words stay; a pattern takes their place. */
export const reconcileSaid = ({ isOn, every, cron, last, repair }: Reconcile, before: unknown): Tree | undefined => {
  if (!isOn) return undefined
  const { every: _every, cron: _cron, last: _last, repair: _repair, ...rest } = isTree(before) ? before : {}
  const { hours: _hours, days: _days, monthDays: _monthDays, ...bare } = rest
  return {
    ...(cron.trim() === '' ? rest : bare),
    ...(cron.trim() === '' ? every.trim() !== '' && { every: every.trim() } : { cron: cron.trim() }),
    ...(last.trim() !== '' && { last: last.trim() }),
    ...(repair.length > 0 && { repair }),
  }
}
