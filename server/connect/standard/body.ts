/** Exact JSON for bodies of section 2: numbers leave as they came in, a record's bytes can be cut out of a page, and no answer can hurt. */
import { isUtf8 } from 'node:buffer'
import { LosslessNumber } from 'lossless-json'
import type { Fields, Json } from '../../doc/document.ts'

/** Nothing else needs an escape; JSON.stringify costs three times as much for what does not. */
// oxlint-disable-next-line no-control-regex
const needsEscape = /[\u0000-\u001f"\\\ud800-\udfff]/

export const quote = (text: string): string => (needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`)

export const writeJson = (value: Json): string => {
  if (typeof value === 'string') return quote(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (value instanceof LosslessNumber) return value.value
  if (Array.isArray(value)) {
    let out = '['
    for (let i = 0; i < value.length; i++) out += (i ? ',' : '') + writeJson(value[i] as Json)
    return `${out}]`
  }
  if (typeof value === 'object') return writeFields(value)
  throw new TypeError(`not JSON: ${typeof value}`)
}

/** `extra` fields stand last and win over those of the same name. */
export const writeFields = (fields: Fields, extra?: Fields): string => {
  let out = '{'
  for (const key in fields) {
    const value = fields[key]
    if (value === undefined || (extra && key in extra)) continue
    out += `${out.length > 1 ? ',' : ''}${quote(key)}:${writeJson(value)}`
  }
  for (const key in extra) out += `${out.length > 1 ? ',' : ''}${quote(key)}:${writeJson(extra[key] as Json)}`
  return `${out}}`
}

/** Text and numbers as text; anything else has none. Codes and ids are compared this way: 0 and "0" match. */
export const textOf = (value: Json | undefined): string | null => {
  if (typeof value === 'string') return value
  if (value instanceof LosslessNumber) return value.value
  return typeof value === 'boolean' ? String(value) : null
}

export const isFields = (value: Json | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LosslessNumber)

/** `a.b.0.c`; the empty path is the value itself. */
export const at = (value: Json | undefined, path: string): Json | undefined => {
  if (!path) return value
  let here: Json | undefined = value
  for (const step of path.split('.')) {
    if (Array.isArray(here)) here = /^\d+$/.test(step) ? here[Number(step)] : undefined
    else if (isFields(here)) here = Object.hasOwn(here, step) ? here[step] : undefined
    else return undefined
  }
  return here
}

/** Something that the door would refuse (s306240001, 002): it spoils the record that holds it, not its neighbours. */
export interface Flaw {
  at: number
  kind: 'duplicate' | 'text' | 'reserved'
  said: string
}

export interface Parsed {
  text: string
  value: Json
  flaws: Flaw[]
  /** Start and end in `text` of each object, where asked for. */
  spans: Map<Json, readonly [number, number]> | null
}

export const deepest = 64
const mostNodes = 2_000_000

class Malformed extends Error {}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// oxlint-disable-next-line no-control-regex
const notPlain = /[\u0000-\u001f\\]/

/** One pass, no recursion deeper than `deepest`, no number turned into a double. Answers what is wrong as a value. */
export const parseJson = (text: string, wantSpans = false): Parsed | { wrong: string } => {
  const spans = wantSpans ? new Map<Json, readonly [number, number]>() : null
  const flaws: Flaw[] = []
  let i = 0
  let nodes = 0

  const fail = (said: string): never => {
    throw new Malformed(`${said} at ${i}`)
  }
  const space = (): void => {
    for (;;) {
      const c = text.charCodeAt(i)
      if (c === 32 || c === 10 || c === 13 || c === 9) i++
      else return
    }
  }
  const string = (): string => {
    const from = i + 1
    const end = text.indexOf('"', from)
    if (end < 0) fail('text without an end')
    const plain = text.slice(from, end)
    if (!notPlain.test(plain)) {
      i = end + 1
      return plain
    }
    let to = from
    for (; text.charCodeAt(to) !== 34; to++) {
      if (to >= text.length) fail('text without an end')
      if (text.charCodeAt(to) === 92) to++
    }
    let read = ''
    try {
      read = JSON.parse(text.slice(i, to + 1)) as string
    } catch {
      fail('malformed text')
    }
    if (read.includes('\u0000')) flaws.push({ at: i, kind: 'text', said: 'text holds \\u0000' })
    else if (!read.isWellFormed()) flaws.push({ at: i, kind: 'text', said: 'text holds half a surrogate pair' })
    i = to + 1
    return read
  }
  const word = (expected: string, value: Json): Json => {
    if (!text.startsWith(expected, i)) fail('unexpected character')
    i += expected.length
    return value
  }
  const value = (depth: number): Json => {
    if (depth > deepest) fail(`deeper than ${deepest}`)
    if (++nodes > mostNodes) fail(`more than ${mostNodes} values`)
    switch (text.charCodeAt(i)) {
      case 34:
        return string()
      case 123: {
        const start = i++
        const fields: Fields = {}
        space()
        if (text.charCodeAt(i) === 125) i++
        else
          for (;;) {
            if (text.charCodeAt(i) !== 34) fail('a key was expected')
            const keyAt = i
            const key = string()
            space()
            if (text.charCodeAt(i++) !== 58) fail('":" was expected')
            space()
            const member = value(depth + 1)
            if (key === '__proto__' || key === 'constructor') {
              flaws.push({ at: keyAt, kind: 'reserved', said: `key ${key} is reserved` })
            } else {
              if (Object.hasOwn(fields, key))
                flaws.push({ at: keyAt, kind: 'duplicate', said: `key ${key} comes twice` })
              fields[key] = member
            }
            space()
            const c = text.charCodeAt(i++)
            if (c === 125) break
            if (c !== 44) fail('"," or "}" was expected')
            space()
          }
        spans?.set(fields, [start, i])
        return fields
      }
      case 91: {
        i++
        const list: Json[] = []
        space()
        if (text.charCodeAt(i) === 93) i++
        else
          for (;;) {
            list.push(value(depth + 1))
            space()
            const c = text.charCodeAt(i++)
            if (c === 93) break
            if (c !== 44) fail('"," or "]" was expected')
            space()
          }
        return list
      }
      case 116:
        return word('true', true)
      case 102:
        return word('false', false)
      case 110:
        return word('null', null)
      default: {
        numberPattern.lastIndex = i
        const found = numberPattern.exec(text)
        if (!found) return fail('unexpected character')
        i += found[0].length
        return new LosslessNumber(found[0])
      }
    }
  }

  try {
    space()
    if (i === text.length) return { wrong: 'the body is empty' }
    const root = value(1)
    space()
    if (i < text.length) fail('unexpected character')
    return { text, value: root, flaws, spans }
  } catch (err) {
    if (err instanceof Malformed) return { wrong: err.message }
    throw err
  }
}

/** The body as text: UTF-8 unless the answer names a Chinese charset. Undecodable bytes are told, not replaced. */
export const decodeText = (body: Buffer, contentType: string | undefined): string | null => {
  const charset = /charset="?([\w-]+)/i.exec(contentType ?? '')?.[1]?.toLowerCase()
  if (charset && /^(gb2312|gbk|gb18030)$/.test(charset)) {
    try {
      return new TextDecoder('gb18030', { fatal: true }).decode(body)
    } catch {
      return null
    }
  }
  if (!isUtf8(body)) return null
  const text = body.toString('utf8')
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/** A key that comes twice outside the records: what the answer says is then anyone's guess. */
export const ambiguous = (parsed: Parsed, records: readonly Json[]): string | null => {
  const outside = parsed.flaws.find(
    (flaw) =>
      flaw.kind === 'duplicate' &&
      records.every((record) => {
        const span = parsed.spans?.get(record)
        return !span || flaw.at < span[0] || flaw.at >= span[1]
      }),
  )
  return outside?.said ?? null
}
