/** Reads YAML and remembers where everything stands, fills in `${NAME}` from the environment, and keeps numbers as they were written. */
import { isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { nearest, type Path, type Problem } from './problem.ts'

/** What `at` points to: the key of an entry, or its value. */
export type Part = 'key' | 'value'

export interface Read {
  /** Plain values. Numbers that JavaScript would change (`007`, `1.10`, long ids) are the text that was written. */
  value: unknown
  problem(path: Path, say: string, how?: { part?: Part; level?: Problem['level'] }): Problem
  /** The text of a scalar as it stands in the file, `${NAME}` not filled in. */
  written(path: Path): string | undefined
  problems: Problem[]
}

// In YAML's flow style `{ token: ${ERP_TOKEN} }` the braces of a variable are syntax. They are swapped for private-use characters of
// the same length before parsing, so that variables work everywhere and every position stays true.
const OPEN = '\ue0d0'
const CLOSE = '\ue0d1'
const variable = /\$\{([^{}\n]*)\}/g
const hidden = new RegExp(`(\\$?)\\$${OPEN}([^${CLOSE}\\n]*)${CLOSE}`, 'g')
const shown = (text: string) => text.replaceAll(OPEN, '{').replaceAll(CLOSE, '}')

/** A real file has some thousands; a file of nine aliases to nine aliases to … would never end. */
const MOST_NODES = 500_000

const childOf = (
  node: unknown,
  key: string | number,
  resolve: (node: unknown) => unknown,
): { key: unknown; value: unknown } | undefined => {
  const whole = resolve(node)
  if (isSeq(whole)) return typeof key === 'number' ? { key: whole.items[key], value: whole.items[key] } : undefined
  if (!isMap(whole)) return undefined
  for (const item of whole.items) {
    if (isScalar(item.key) && String(item.key.value) === String(key))
      return { key: item.key, value: item.value ?? item.key }
  }
  for (const item of whole.items) {
    if (isScalar(item.key) && item.key.value === '<<') {
      const merged = resolve(item.value)
      for (const source of isSeq(merged) ? merged.items : [merged]) {
        const found = childOf(source, key, resolve)
        if (found) return found
      }
    }
  }
  return undefined
}

/** Where a path is told by ids: `tenants[acme].connections[erp].timeout`. */
export const namePath = (value: unknown, path: Path): string => {
  let told = ''
  let here = value
  for (const key of path) {
    const next = here !== null && typeof here === 'object' ? (here as Record<string | number, unknown>)[key] : undefined
    if (typeof key === 'number') {
      const entry = (next ?? {}) as Record<string, unknown>
      const id = entry.id ?? entry.code ?? entry.name ?? entry.to ?? key
      told += `[${typeof id === 'object' ? key : String(id)}]`
    } else if (/^[\w$\p{L}]+$/u.test(key)) told += told ? `.${key}` : key
    else told += `["${key}"]`
    here = next
  }
  return told
}

/**
 * Never throws for what stands in the file: everything wrong is in `problems`, with its place.
 * `env` answers the value of a variable, or undefined: then the problem names file, line and field. `isLiteral`: no variables below there.
 */
export const readYaml = (
  text: string,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  isLiteral: (path: Path) => boolean = () => false,
): Read => {
  const lines = new LineCounter()
  const clean = text.replace(/^\ufeff/, '')
  const document = parseDocument(clean.replace(variable, `$${OPEN}$1${CLOSE}`), {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    maxAliasCount: 1000,
  } as Parameters<typeof parseDocument>[1])
  const sources = clean.split('\n').map((line) => line.replace(/\r$/, ''))
  const problems: Problem[] = []
  const found: { path: Path; say: string }[] = [] // told at the end, when the ids that name a path are known
  let value: unknown = null

  const aliased = new Map<unknown, unknown>() // the library walks the whole document for each
  const resolve = (node: unknown): unknown => {
    if (!isAlias(node)) return node
    if (!aliased.has(node)) aliased.set(node, node.resolve(document))
    return aliased.get(node)
  }

  const at = (from: number, to: number) => {
    const { line, col } = lines.linePos(from)
    const source = sources[line - 1] ?? ''
    return { line, column: col, source, length: Math.max(1, Math.min(to - from, source.length - col + 1)) }
  }

  const rangeOf = (path: Path, part: Part): [number, number] => {
    let node: unknown = document.contents
    let range: [number, number] = [0, 0]
    const take = (from: unknown) => {
      if (isNode(from) && from.range) range = [from.range[0], from.range[1]]
    }
    take(node)
    for (const [depth, key] of path.entries()) {
      const child = childOf(node, key, resolve)
      if (!child) return range // a missing entry is shown where its map begins
      take(part === 'key' && depth === path.length - 1 ? child.key : child.value)
      node = child.value
    }
    return range
  }

  const problem: Read['problem'] = (path, say, { part = 'value', level = 'error' } = {}) => {
    const [from, to] = rangeOf(path, part)
    return { level, file, ...at(from, to), path: namePath(value, path), say }
  }

  const fill = (written: string, path: Path): string => {
    return shown(
      written.replace(hidden, (whole, escaped: string, name: string) => {
        if (escaped) return whole.slice(1) // $${NAME} is the text ${NAME}
        if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
          found.push({ path, say: `"\${${name}}" is not a variable: write \${NAME}, or $\${…} for the text itself` })
          return ''
        }
        const set = env[name]
        if (!set) {
          const near =
            set === undefined
              ? nearest(
                  name,
                  Object.keys(env).filter((one) => one.length > 3),
                )
              : undefined
          const state = set === '' ? 'is empty' : 'is not set'
          found.push({ path, say: `environment variable ${name} ${state}${near ? `; did you mean ${near}?` : ''}` })
          return ''
        }
        return set
      }),
    )
  }

  let nodes = 0
  const plain = (raw: unknown, path: Path): unknown => {
    if (++nodes > MOST_NODES) return null // aliases of aliases: told once, at the end
    const node = resolve(raw)
    if (isMap(node)) {
      const made: Record<string, unknown> = Object.create(null)
      const merged: Record<string, unknown> = Object.create(null)
      for (const item of node.items) {
        if (!isPair(item) || !isScalar(item.key)) {
          found.push({ path, say: 'a key must be text' })
          continue
        }
        const key = shown(
          typeof item.key.value === 'string' ? item.key.value : (item.key.source ?? String(item.key.value)),
        )
        if (key === '<<') {
          const from = resolve(item.value)
          for (const source of isSeq(from) ? from.items : [from]) {
            for (const [name, inner] of Object.entries((plain(source, path) as Record<string, unknown>) ?? {}))
              merged[name] ??= inner
          }
        } else made[key] = plain(item.value, [...path, key])
      }
      for (const [name, inner] of Object.entries(merged)) if (!(name in made)) made[name] = inner
      return { ...made }
    }
    if (isSeq(node)) return node.items.map((item, i) => plain(item, [...path, i]))
    if (!isScalar(node)) return null
    if (typeof node.value === 'string') {
      if (!node.value.includes(OPEN)) return node.value
      return isLiteral(path) ? shown(node.value) : fill(node.value, path)
    }
    if (typeof node.value === 'number' && node.source !== undefined && String(node.value) !== node.source)
      return node.source
    return node.value
  }

  const written: Read['written'] = (path) => {
    let node: unknown = document.contents
    for (const key of path) node = childOf(node, key, resolve)?.value
    const scalar = resolve(node)
    return isScalar(scalar) && typeof scalar.value === 'string' ? shown(scalar.value) : undefined
  }

  for (const error of [...document.errors, ...document.warnings]) {
    const [from, to] = error.pos
    const say = shown(error.message.split('\n')[0] ?? error.message)
    problems.push({ level: 'error', file, ...at(from, Math.max(to, from + 1)), path: '', say: `not YAML: ${say}` })
  }
  if (!document.errors.length) {
    value = plain(document.contents, [])
    if (nodes > MOST_NODES)
      found.push({
        path: [],
        say: `holds more than ${MOST_NODES.toLocaleString('en')} values once its aliases are resolved`,
      })
    for (const { path, say } of found) problems.push(problem(path, say))
  }
  return { value, problem, written, problems }
}
