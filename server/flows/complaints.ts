/** zod's issues as sentences: the branch of a union that was meant, a guess for a misspelt word, the value that was found. */
import type { z } from 'zod'
import { didYouMean, type Path } from './problem.ts'

type Issue = z.core.$ZodIssue

export interface Complaint {
  path: Path
  say: string
  part: 'key' | 'value'
}

const kindOf = (value: unknown): string => {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  return typeof value === 'string' ? 'text' : typeof value === 'boolean' ? 'true/false' : 'a number'
}

const kinds: Record<string, string> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
}

const show = (value: unknown): string =>
  typeof value === 'string' ? `"${value.length > 60 ? `${value.slice(0, 60)}…` : value}"` : String(value)

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (here, key) =>
      here !== null && typeof here === 'object' ? (here as Record<string | number, unknown>)[key] : undefined,
    value,
  )

/** The branch wants another kind of value altogether: it was not the one that was meant. */
const isOtherKind = (issue: Issue, found: unknown): boolean =>
  issue.path.length === 0 &&
  (issue.code === 'invalid_type' || (issue.code === 'invalid_value' && typeof found !== typeof issue.values[0]))

/** What a whole union wants, where no branch even has the right kind. */
const wants = (branches: readonly Issue[][]): string => {
  const told = branches.map(([first]) => {
    if (first?.code === 'invalid_type') return kinds[first.expected] ?? first.expected
    if (first?.code === 'invalid_value') return `one of ${first.values.map(String).join(', ')}`
    return undefined
  })
  return [...new Set(told.filter((one) => one !== undefined))].join(' or ')
}

const tell = (issue: Issue, value: unknown, base: Path): Complaint[] => {
  const path: Path = [...base, ...(issue.path as (string | number)[])]
  const found = at(value, path)
  const one = (say: string, part: Complaint['part'] = 'value'): Complaint[] => [{ path, say, part }]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        say: `"${key}" is not known here${didYouMean(key, issue.message.split('\n'))}`,
        part: 'key' as const,
      }))
    case 'invalid_type':
      if (found === undefined) return one(`"${String(path.at(-1))}" is missing`)
      return one(
        `must be ${kinds[issue.expected] ?? issue.expected}, found ${kindOf(found)}${typeof found === 'object' ? '' : ` ${show(found)}`}`,
      )
    case 'invalid_value': {
      if (found === undefined)
        return one(`"${String(path.at(-1))}" is missing: one of ${issue.values.map(String).join(', ')}`)
      const words = issue.values.map(String)
      const hint = didYouMean(String(found), words)
      return one(
        `${show(found)} is not possible here${hint.startsWith('; did') ? `${hint} (${words.join(', ')})` : `: one of ${words.join(', ')}`}`,
      )
    }
    case 'invalid_union': {
      if (found === undefined) return one(`"${String(path.at(-1))}" is missing`)
      const fitting = (issue.errors as Issue[][]).filter((branch) => !branch.some((inner) => isOtherKind(inner, found)))
      const [best] = fitting.sort((a, b) => a.length - b.length)
      if (best?.length) return best.flatMap((inner) => tell(inner, value, path))
      return one(
        `must be ${wants(issue.errors as Issue[][])}, found ${kindOf(found)}${typeof found === 'object' ? '' : ` ${show(found)}`}`,
      )
    }
    case 'invalid_format': {
      const pattern = 'pattern' in issue ? String(issue.pattern) : ''
      if (pattern.includes('ms|s|m'))
        return one(`${show(found)} is not a duration: write for example 30s, 10m, 1h, or a number of milliseconds`)
      if (pattern.includes('{0,63}'))
        return one(`${show(found)} is not an id: letters, digits, ".", "_" and "-", at most 64`)
      if (pattern.includes('[^/]+')) return one(`${show(found)} must be written connection/object`)
      return one(`${show(found)} is not in the right form`)
    }
    case 'too_small':
      if (issue.origin === 'string') return one('must not be empty')
      if (issue.origin === 'array') return one('must have at least one entry')
      return one(`${show(found)} is too small: ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`)
    case 'too_big':
      if (issue.origin === 'string') return one(`is longer than ${issue.maximum} characters`)
      return one(`${show(found)} is too large: at most ${issue.maximum}`)
    case 'invalid_key':
    case 'invalid_element': {
      const inner = issue.issues[0]
      if (issue.code === 'invalid_key')
        return [
          {
            path,
            part: 'key',
            say:
              inner?.code === 'too_small'
                ? 'a name must not be empty'
                : `"${String(path.at(-1))}" is not a possible name here`,
          },
        ]
      return inner ? tell(inner as Issue, value, path) : one(issue.message)
    }
    default:
      return one(issue.message)
  }
}

/** Every issue, in the file's order of fields, the same sentence at the same place once. */
export const complaints = (error: z.ZodError, value: unknown): Complaint[] => {
  const seen = new Set<string>()
  return error.issues
    .flatMap((issue) => tell(issue, value, []))
    .filter(({ path, say }) => {
      const key = JSON.stringify([path, say])
      return !seen.has(key) && seen.add(key)
    })
}
