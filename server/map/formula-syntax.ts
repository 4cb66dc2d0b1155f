/** Formulas as text and as a tree: read with positions, and written back so that reading again gives the same tree. */
import { FormulaStop, type FormulaFault, quoted, stop } from './formula-words.ts'

export type BinaryOp = '=' | '<>' | '<' | '<=' | '>' | '>=' | '&' | '+' | '-' | '*' | '/' | '^'

/** `at`: first character of the part in the text, for sentences; it is no part of what a formula says. */
export type Node = { at: number } & (
  | { kind: 'number'; text: string }
  | { kind: 'text'; text: string }
  | { kind: 'bool'; value: boolean }
  | { kind: 'blank' }
  /** A field by its path, a detail's column, `$id`, `$.field`, `$params.rate` … Each segment as it is called. */
  | { kind: 'name'; segments: readonly string[] }
  | { kind: 'call'; name: string; args: readonly Node[] }
  | { kind: 'negative'; of: Node }
  | { kind: 'percent'; of: Node }
  | { kind: 'binary'; op: BinaryOp; left: Node; right: Node }
  | { kind: 'list'; items: readonly Node[] }
  | { kind: 'map'; entries: readonly (readonly [string, Node])[] }
)

export const longestFormula = 10_000
const deepest = 60
const mostNodes = 2_000

// ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
type Token = { at: number; end: number } & (
  | { kind: 'number' | 'text'; text: string }
  | { kind: 'name'; segments: string[]; bare: boolean }
  | { kind: 'sign'; text: string }
)

/** What input methods for Chinese and Japanese put in for the plain signs. */
const wide: Record<string, string> = {
  '（': '(',
  '）': ')',
  '，': ',',
  '、': ',',
  '；': ';',
  '：': ':',
  '＋': '+',
  '－': '-',
  '×': '*',
  '＊': '*',
  '÷': '/',
  '／': '/',
  '＝': '=',
  '≠': '<>',
  '≤': '<=',
  '≥': '>=',
  '＜': '<',
  '＞': '>',
  '＆': '&',
  '％': '%',
  '｛': '{',
  '｝': '}',
}
const quotes: Record<string, string> = { '"': '"', '“': '”', '”': '”' }
const letter = /[\p{L}_$]/u
const following = /[\p{L}\p{N}\p{M}_$]/u
const digit = /[0-9]/
const space = /[\s\u3000\ufeff]/

const charAt = (text: string, at: number): string => String.fromCodePoint(text.codePointAt(at) ?? 0)

const readText = (text: string, at: number): Token => {
  const closing = quotes[text[at] as string] as string
  let out = ''
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] !== closing) out += text[i]
    else if (text[i + 1] === closing) {
      out += closing
      i++
    } else return { kind: 'text', text: out, at, end: i + 1 }
  }
  return stop('text.open', at)
}

/** `[any name]`, a `]` in it doubled. */
const readQuotedName = (text: string, at: number): { name: string; end: number } => {
  let name = ''
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] !== ']') name += text[i]
    else if (text[i + 1] === ']') {
      name += ']'
      i++
    } else {
      if (!name.trim()) return stop('unexpected', at, '[]', 'name')
      return { name, end: i + 1 }
    }
  }
  return stop('name.open', at)
}

const readBareName = (text: string, at: number): { name: string; end: number } => {
  let i = at
  let first = true
  while (i < text.length) {
    const char = charAt(text, i)
    if (!(first ? letter : following).test(char)) break
    first = false
    i += char.length
  }
  // items[0]
  const index = /^(?:\[\d{1,6}\])+/.exec(text.slice(i, i + 40))?.[0] ?? ''
  return { name: text.slice(at, i) + index, end: i + index.length }
}

const readName = (text: string, at: number): Token => {
  const segments: string[] = []
  let i = at
  let bare = true
  for (;;) {
    const char = i < text.length ? charAt(text, i) : ''
    if (char === '[') {
      const { name, end } = readQuotedName(text, i)
      segments.push(name)
      bare = false
      i = end
    } else if (letter.test(char)) {
      const { name, end } = readBareName(text, i)
      segments.push(name)
      i = end
    } else return char ? stop('unexpected', i, quoted(char), 'name') : stop('end', i, undefined, 'name')
    if (text[i] !== '.') return { kind: 'name', segments, bare: bare && segments.length === 1, at, end: i }
    i++
  }
}

const number = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?/y

const tokensOf = (text: string): Token[] => {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const char = charAt(text, at)
    if (space.test(char)) {
      at += char.length
      continue
    }
    let token: Token
    if (quotes[char]) token = readText(text, at)
    else if (char === '[' || letter.test(char)) token = readName(text, at)
    else if (digit.test(char) || (char === '.' && digit.test(text[at + 1] ?? ''))) {
      number.lastIndex = at
      const found = number.exec(text)?.[0] ?? char
      const after = text.slice(at + found.length)
      if (/^[\p{L}_.]/u.test(after)) stop('number.written', at, quoted(found + charAt(after, 0)))
      token = { kind: 'number', text: found, at, end: at + found.length }
    } else {
      const two = text.slice(at, at + 2)
      const isTwo = two === '<>' || two === '<=' || two === '>=' || two === '!=' || two === '=='
      const sign = isTwo ? (two === '!=' ? '<>' : two === '==' ? '=' : two) : (wide[char] ?? char)
      if (!'()+-*/^&%=,;:{}<>'.includes(sign[0] as string)) stop('character', at, quoted(char))
      token = { kind: 'sign', text: sign, at, end: at + (isTwo ? 2 : char.length) }
    }
    tokens.push(token)
    at = token.end
  }
  return tokens
}

const levels: readonly (readonly BinaryOp[])[] = [
  ['=', '<>', '<', '<=', '>', '>='],
  ['&'],
  ['+', '-'],
  ['*', '/'],
  ['^'],
]
const unaryLevel = levels.length
const percentLevel = unaryLevel + 1

const wordOf = (name: string, at: number): Node | undefined => {
  switch (name.toUpperCase()) {
    case 'TRUE':
      return { kind: 'bool', value: true, at }
    case 'FALSE':
      return { kind: 'bool', value: false, at }
    case 'NULL':
      return { kind: 'blank', at }
    default:
      return undefined
  }
}

const read = (text: string): Node => {
  if (text.length > longestFormula) stop('long', longestFormula, String(longestFormula))
  const tokens = tokensOf(text)
  let next = 0
  let depth = 0
  let nodes = 0
  // `=` in front, as a spreadsheet has it.
  if (tokens[0]?.kind === 'sign' && tokens[0].text === '=') next = 1
  if (next >= tokens.length) stop('empty', 0)

  const peek = (sign: string): boolean => {
    const token = tokens[next]
    return token?.kind === 'sign' && token.text === sign
  }
  const wrong = (expected: string): never => {
    const token = tokens[next]
    return token
      ? stop('unexpected', token.at, quoted(text.slice(token.at, token.end)), expected)
      : stop('end', text.length, undefined, expected)
  }
  const take = (sign: string, expected: string): void => {
    if (!peek(sign)) wrong(expected)
    next++
  }
  const made = (node: Node): Node => {
    if (++nodes > mostNodes) stop('large', node.at, String(mostNodes))
    return node
  }
  const separator = (): boolean => {
    if (!peek(',') && !peek(';')) return false
    next++
    return true
  }
  const within = <T>(at: number, work: () => T): T => {
    if (++depth > deepest) stop('deep', at, String(deepest))
    const result = work()
    depth--
    return result
  }

  const braces = (at: number): Node => {
    next++
    const items: Node[] = []
    const entries: [string, Node][] = []
    if (peek('}')) {
      next++
      return { kind: 'list', items, at }
    }
    do {
      const key = tokens[next]
      const colon = tokens[next + 1]
      const isEntry = colon?.kind === 'sign' && colon.text === ':'
      if (isEntry && key) {
        if (items.length || key.kind === 'sign') wrong('value')
        const name = key.kind === 'name' ? key.segments.join('.') : (key as { text: string }).text
        next += 2
        entries.push([name, expression(0)])
      } else {
        if (entries.length) wrong('key')
        items.push(expression(0))
      }
    } while (separator())
    take('}', 'closing list')
    return entries.length ? { kind: 'map', entries, at } : { kind: 'list', items, at }
  }

  const primary = (): Node => {
    const token = tokens[next]
    if (!token) return wrong('value')
    const { at } = token
    if (token.kind === 'number' || token.kind === 'text') {
      next++
      return { kind: token.kind, text: token.text, at }
    }
    if (token.kind === 'name') {
      next++
      const [name = ''] = token.segments
      if (token.bare && peek('(')) {
        next++
        const args: Node[] = []
        if (!peek(')'))
          do args.push(expression(0))
          while (separator())
        take(')', 'closing')
        return { kind: 'call', name: name.toUpperCase(), args, at }
      }
      return (token.bare ? wordOf(name, at) : undefined) ?? { kind: 'name', segments: token.segments, at }
    }
    if (token.text === '(') {
      next++
      const inner = expression(0)
      take(')', 'closing')
      return inner
    }
    return token.text === '{' ? braces(at) : wrong('value')
  }

  const postfix = (): Node => {
    let node = made(primary())
    while (peek('%')) {
      next++
      node = made({ kind: 'percent', of: node, at: node.at })
    }
    return node
  }

  const unary = (): Node => {
    const token = tokens[next]
    if (token?.kind === 'sign' && (token.text === '-' || token.text === '+')) {
      next++
      const of = within(token.at, unary)
      return token.text === '+' ? of : made({ kind: 'negative', of, at: token.at })
    }
    return postfix()
  }

  const binary = (level: number): Node => {
    const ops = levels[level]
    if (!ops) return unary()
    let left = binary(level + 1)
    for (;;) {
      const token = tokens[next]
      const op = token?.kind === 'sign' ? ops.find((one) => one === token.text) : undefined
      if (!op || !token) return left
      next++
      const right = binary(level + 1)
      left = made({ kind: 'binary', op, left, right, at: token.at })
    }
  }

  const expression = (level: number): Node => within(tokens[next]?.at ?? text.length, () => binary(level))

  const tree = expression(0)
  if (next < tokens.length) wrong('operator')
  return tree
}

/** The tree of a formula, or what is wrong with its text. */
export const parseFormula = (text: string): Node | { fault: FormulaFault } => {
  try {
    return read(text)
  } catch (error) {
    if (error instanceof FormulaStop) return { fault: error.fault }
    throw error
  }
}

// ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const plainSegment = /^[\p{L}_$][\p{L}\p{N}\p{M}_$]*(?:\[\d{1,6}\])*$/u

const nameText = (segments: readonly string[]): string => {
  const [only = ''] = segments
  if (segments.length === 1 && wordOf(only, 0)) return `[${only}]`
  return segments
    .map((segment) => (plainSegment.test(segment) ? segment : `[${segment.replaceAll(']', ']]')}]`))
    .join('.')
}

const textOf = (text: string): string => `"${text.replaceAll('"', '""')}"`

const levelOf = (node: Node): number => {
  switch (node.kind) {
    case 'binary':
      return levels.findIndex((ops) => ops.includes(node.op))
    case 'negative':
      return unaryLevel
    case 'percent':
      return percentLevel
    default:
      return percentLevel + 1
  }
}

/** One way to write each tree: `parseFormula(printFormula(tree))` is the tree again. */
export const printFormula = (node: Node): string => {
  const within = (inner: Node, level: number): string =>
    levelOf(inner) < level ? `(${printFormula(inner)})` : printFormula(inner)
  switch (node.kind) {
    case 'number':
      return node.text
    case 'text':
      return textOf(node.text)
    case 'bool':
      return node.value ? 'TRUE' : 'FALSE'
    case 'blank':
      return 'NULL'
    case 'name':
      return nameText(node.segments)
    case 'call':
      return `${node.name}(${node.args.map(printFormula).join(', ')})`
    case 'negative':
      return `-${within(node.of, unaryLevel)}`
    case 'percent':
      return `${within(node.of, percentLevel)}%`
    case 'binary': {
      const level = levelOf(node)
      return `${within(node.left, level)} ${node.op} ${within(node.right, level + 1)}`
    }
    case 'list':
      return `{${node.items.map(printFormula).join(', ')}}`
    case 'map':
      return `{${node.entries.map(([key, value]) => `${textOf(key)}: ${printFormula(value)}`).join(', ')}}`
  }
}
