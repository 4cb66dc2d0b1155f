/** Bodies broken into lines for people. Pure. */

/** Breaks JSON into lines without reading its values: numbers keep every digit, and what is no JSON stays what it is. Pure. */
export const laidOut = (text: string): string => {
  const trimmed = text.trim()
  if (!/^[[{]/.test(trimmed)) return text
  let depth = 0
  let out = ''
  let inText = false
  for (let i = 0; i < trimmed.length; i++) {
    const c = trimmed[i] as string
    if (inText) {
      out += c
      if (c === '\\') out += trimmed[++i] ?? ''
      else if (c === '"') inText = false
      continue
    }
    if (c === '"') inText = true
    if (c === '{' || c === '[') {
      const rest = trimmed.slice(i + 1).match(/^\s*([\]}])/)
      if (rest) {
        out += c + rest[1]
        i += rest[0].length
        continue
      }
      depth++
      out += `${c}\n${'  '.repeat(depth)}`
    } else if (c === '}' || c === ']') {
      depth = Math.max(0, depth - 1)
      out += `\n${'  '.repeat(depth)}${c}`
    } else if (c === ',') out += `,\n${'  '.repeat(depth)}`
    else if (c === ':') out += ': '
    else if (!/\s/.test(c)) out += c
  }
  return out
}
