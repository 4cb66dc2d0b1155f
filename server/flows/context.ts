/** What every reader of a part of the file is given: where to complain, and how secrets are found. */
import type { Origin } from './config.ts'
import type { Path, Problem } from './problem.ts'
import type { Read } from './yaml.ts'

export interface Context {
  read: Read
  problems: Problem[]
  /** The secret that Mortise makes itself, by name; the same each time. */
  generate(name: string): string
}

export const complain = (
  context: Context,
  path: Path,
  say: string,
  how: { part?: 'key' | 'value'; level?: 'error' | 'warning' } = {},
): void => {
  context.problems.push(context.read.problem(path, say, how))
}

export const words = (given: string | number | readonly (string | number)[] | undefined): string[] =>
  given === undefined ? [] : (Array.isArray(given) ? given : [given]).map(String)

/** `generated` and what is left out is made by Mortise; `${NAME}` is remembered for the export, a secret in clear is not. */
export const secretOf = (
  context: Context,
  given: string | undefined,
  path: Path,
  name: string,
): { secret: string; origin: Origin } => {
  if (given === undefined || given === 'generated') return { secret: context.generate(name), origin: 'generated' }
  return { secret: given, origin: originOf(context.read.written(path)) }
}

/** `${NAME}`, also behind an authentication scheme; anything else could hold a secret in clear and is not kept. */
export const originOf = (written: string | undefined): Origin =>
  written !== undefined && /^(?:(?:Bearer|Basic|Token) )?\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(written) ? written : null

const zones = new Set(Intl.supportedValuesOf('timeZone'))
export const isZone = (zone: string): boolean => {
  if (zones.has(zone)) return true
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return /^[A-Za-z]/.test(zone)
  } catch {
    return false
  }
}
export const knownZones = (): Iterable<string> => zones

/** Complains about the second of two equal names. */
export const unique = <T>(
  context: Context,
  entries: readonly T[],
  nameOf: (entry: T) => string,
  pathOf: (i: number) => Path,
  what: string,
): void => {
  const seen = new Set<string>()
  for (const [i, entry] of entries.entries()) {
    const name = nameOf(entry)
    if (seen.has(name)) complain(context, pathOf(i), `${what} "${name}" is declared twice`)
    seen.add(name)
  }
}
