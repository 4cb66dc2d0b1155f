/** Cuts a JSON object into its members without touching their bytes, so that a merge keeps every number as it came. */

export interface Member {
  key: string
  /** The value's own text. */
  text: string
}

/** End of the string that starts at `at`. */
const endOfString = (text: string, at: number): number => {
  for (let i = at + 1; ; i++) {
    const c = text.charCodeAt(i)
    if (c === 92) i++
    else if (c === 34) return i + 1
    else if (Number.isNaN(c)) throw new SyntaxError('unfinished string')
  }
}

const endOfValue = (text: string, at: number): number => {
  if (text.charCodeAt(at) === 34) return endOfString(text, at)
  let depth = 0
  for (let i = at; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 34) i = endOfString(text, i) - 1
    else if (c === 123 || c === 91) depth++
    else if (c === 125 || c === 93) {
      if (depth === 0) return i
      if (--depth === 0) return i + 1
    } else if (c === 44 && depth === 0) return i
  }
  throw new SyntaxError('unfinished value')
}

const afterSpace = (text: string, at: number): number => {
  let i = at
  while (i < text.length && text.charCodeAt(i) <= 32) i++
  return i
}

/** The members of a JSON object that is known to be well-formed (the door's scanner has read it). */
export const members = (text: string): Member[] => {
  const found: Member[] = []
  let at = afterSpace(text, 0)
  if (text[at] !== '{') throw new SyntaxError('not an object')
  at = afterSpace(text, at + 1)
  while (text[at] !== '}') {
    const keyEnd = endOfString(text, at)
    const key = JSON.parse(text.slice(at, keyEnd)) as string
    const start = afterSpace(text, afterSpace(text, keyEnd) + 1)
    const end = endOfValue(text, start)
    found.push({ key, text: text.slice(start, end).trimEnd() })
    at = afterSpace(text, end)
    if (text[at] === ',') at = afterSpace(text, at + 1)
  }
  return found
}

/** `stored` with the members of `told` over it; order of first appearance. */
export const mergeMembers = (stored: readonly Member[], told: readonly Member[]): string => {
  const all = new Map(stored.map((m) => [m.key, m.text]))
  for (const m of told) all.set(m.key, m.text)
  return `{${[...all].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`
}
