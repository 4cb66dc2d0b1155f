/**
 * Bodies of section 2 in other formats than JSON: XML, forms and text, in UTF-8, GBK or GB18030. What the engine knows of a call is its JSON; the
 * wire is made of it when the call leaves, always the same from the same, and an answer becomes JSON before it is judged. Pure.
 */
import { RE2JS } from 're2js'
import {
  type Charset,
  charsetNamed,
  charsetOf,
  declaredIn,
  decodeBytes,
  encodeText,
} from '../../../protocol/charset.ts'
import { escapeXml, readXml, writeXml, type Xml, xmlCannot } from '../../../protocol/xml.ts'
import type { Fields, Json } from '../../doc/document.ts'
import type { ConnectionDef, FormatDef } from '../../doc/flow.ts'
import { at, decodeText, isFields, type Parsed, parseJson, textOf, writeJson } from './body.ts'

type CallName = 'create' | 'update' | 'invalid'

export interface Wire {
  contentType: string
  body: Buffer
}
/** `value`: what cannot be said in that format or charset. */
export type Written = Wire | { wrong: string; value: string }

const plain: FormatDef = { request: 'json', answer: 'json', charset: 'utf-8' }

const types: Record<FormatDef['request'], string> = {
  json: 'application/json',
  xml: 'application/xml',
  form: 'application/x-www-form-urlencoded',
  text: 'text/plain',
}

export const contentTypeOf = (format: FormatDef = plain): string => {
  const type = format.contentType ?? types[format.request]
  if (format.contentType || (format.request === 'json' && format.charset === 'utf-8')) return type
  return `${type}; charset=${format.charset.toUpperCase()}`
}

export const acceptOf = (format: FormatDef = plain): string =>
  format.answer === 'json' ? types.json : `${types[format.answer]}, */*;q=0.1`

// ── out ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const leaf = (value: Json | undefined): string =>
  value === null || value === undefined ? '' : (textOf(value) ?? writeJson(value))

const asXml = (value: Json): Xml => {
  if (Array.isArray(value)) return value.map(asXml)
  if (isFields(value)) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, asXml(one)]))
  return leaf(value)
}

const unreserved = /^[A-Za-z0-9\-_.~]$/
/** Percent-encoding of the charset's own bytes; a space is +, as forms have it. */
const escapeForm = (text: string, charset: Charset): string | { lost: string } => {
  const encoded = encodeText(text, charset)
  if ('lost' in encoded) return encoded
  let out = ''
  for (const byte of encoded.bytes) {
    const char = String.fromCharCode(byte)
    out +=
      byte < 128 && unreserved.test(char)
        ? char
        : char === ' '
          ? '+'
          : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}

/** `masterFieldVal.name`, `detailFieldVals.lines[0].qty` */
const flat = (value: Json, path: string, into: [string, string][]): [string, string][] => {
  if (Array.isArray(value)) for (const [i, one] of value.entries()) flat(one, `${path}[${i}]`, into)
  else if (isFields(value))
    for (const [name, one] of Object.entries(value)) flat(one, path ? `${path}.${name}` : name, into)
  else into.push([path, leaf(value)])
  return into
}

const filters: Record<string, (text: string) => string> = {
  xml: escapeXml,
  url: (text) => encodeURIComponent(text),
  json: (text) => JSON.stringify(text).slice(1, -1),
}

const known = /\{\{\s*(#|\/)?\s*([^{}|]+?)\s*(?:\|\s*(\w+)\s*)?\}\}/g

/** What is wrong with a template; null: nothing. */
export const templateFlaw = (template: string): string | null => {
  const open: string[] = []
  for (const [whole, mark, name = '', filter] of template.matchAll(known)) {
    if (filter !== undefined && !Object.hasOwn(filters, filter))
      return `${whole}: there is no filter ${filter}; xml, url and json are`
    if (mark === '#') {
      if (open.length) return `${whole} stands inside {{#${open[0]}}}`
      open.push(name)
    }
    if (mark === '/' && open.pop() !== name) return `${whole} closes nothing`
  }
  return open.length ? `{{#${open[0]}}} is not closed` : null
}

/** `{{name}}` a master field, `{{#lines}}…{{qty}}…{{/lines}}` once per row, `{{$id}}` the target's id, `{{$object}}`, and in rows `{{$row}}` from 1. */
export const render = (template: string, body: Fields, targetId: string | null): string => {
  const master = isFields(body.masterFieldVal) ? body.masterFieldVal : {}
  const details = isFields(body.detailFieldVals) ? body.detailFieldVals : {}
  const fill = (text: string, row: Fields | null, n: number): string =>
    text.replace(known, (_, mark: string | undefined, name: string, filter: string | undefined) => {
      if (mark) return ''
      const value =
        name === '$id'
          ? (targetId ?? '')
          : name === '$object'
            ? leaf(body.objAPIName)
            : name === '$row'
              ? String(n)
              : name.startsWith('$.')
                ? leaf(master[name.slice(2)])
                : leaf((row ?? master)[name])
      return filter === undefined ? value : (filters[filter] as (text: string) => string)(value)
    })
  const rows = template.replace(
    /\{\{\s*#\s*([^{}|]+?)\s*\}\}([\s\S]*?)\{\{\s*\/\s*\1\s*\}\}/g,
    (_, name: string, inside: string) => {
      const list = details[name]
      // braces of values are no braces of the template: they are put in by the second pass alone
      return (Array.isArray(list) ? list.filter(isFields) : [])
        .map((row, i) => guard(fill(inside, row, i + 1)))
        .join('')
    },
  )
  return unguard(fill(rows, null, 0))
}
const guard = (text: string): string => text.replaceAll('{{', '{\ue0d2{')
const unguard = (text: string): string => text.replaceAll('{\ue0d2{', '{{')

/** The wire of a call whose JSON is `bytes`. */
export const wireOf = (
  format: FormatDef | undefined,
  bytes: Buffer,
  call: CallName,
  targetId: string | null,
): Written => {
  const contentType = contentTypeOf(format)
  if (!format || (format.request === 'json' && format.charset === 'utf-8')) return { contentType, body: bytes }
  const json = bytes.toString()
  const inCharset = (text: string): Written => {
    const encoded = encodeText(text, format.charset)
    return 'bytes' in encoded
      ? { contentType, body: encoded.bytes }
      : { wrong: `${format.charset} has no such character`, value: encoded.lost }
  }
  if (format.request === 'json') return inCharset(json)
  const parsed = parseJson(json)
  if ('wrong' in parsed || !isFields(parsed.value)) return { wrong: 'the stored request is no JSON', value: '' }
  switch (format.request) {
    case 'xml': {
      const not = xmlCannot(flat(parsed.value, '', []).flat().join(''))
      if (not !== null) return { wrong: 'XML has no such character', value: JSON.stringify(not) }
      const name = format.charset === 'utf-8' ? 'UTF-8' : format.charset.toUpperCase()
      return inCharset(`<?xml version="1.0" encoding="${name}"?>\n${writeXml('request', asXml(parsed.value))}`)
    }
    case 'form': {
      const pairs: [string, string][] = format.formField ? [[format.formField, json]] : flat(parsed.value, '', [])
      const parts: string[] = []
      for (const pair of pairs) {
        const escaped = pair.map((text) => escapeForm(text, format.charset))
        const lost = escaped.find((one) => typeof one === 'object')
        if (typeof lost === 'object') return { wrong: `${format.charset} has no such character`, value: lost.lost }
        parts.push(escaped.join('='))
      }
      return { contentType, body: Buffer.from(parts.join('&')) }
    }
    case 'text': {
      const template = format.templates?.[call]
      if (template === undefined) return { wrong: `there is no template for ${call}`, value: '' }
      return inCharset(render(template, parsed.value, targetId))
    }
  }
}

// ── in ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
/** The answer's bytes as text: the declared charset, else what the answer says. */
export const answerText = (
  format: FormatDef | undefined,
  body: Buffer,
  contentType: string | undefined,
): string | null => {
  if (format?.answerCharset) return decodeBytes(body, format.answerCharset)
  const told = charsetOf(contentType) ?? (format?.answer === 'xml' ? declaredIn(body) : undefined)
  const charset = told === undefined ? undefined : charsetNamed(told)
  return charset ? decodeBytes(body, charset) : decodeText(body, contentType)
}

/** As much of it as is shown, though its last character was cut off. */
export const shownText = (
  format: FormatDef | undefined,
  body: Buffer,
  contentType: string | undefined,
  most: number,
): string => {
  const whole = Math.min(body.length, most)
  for (let end = whole; end >= 0 && end > whole - 4; end--) {
    const text = answerText(format, body.subarray(0, end), contentType)
    if (text !== null) return text
  }
  return body.toString('latin1', 0, most)
}

const put = (into: Fields, path: string, value: Json): void => {
  let here = into
  const steps = path.split('.').filter(Boolean)
  for (const step of steps.slice(0, -1)) {
    if (!isFields(here[step])) here[step] = {}
    here = here[step] as Fields
  }
  const last = steps.at(-1)
  if (last !== undefined) here[last] = value
}

const list = (value: Json | undefined): Json =>
  value === '' || value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]

/** What XML cannot tell: a list of one from a thing, and nothing from an empty text. Mended where the contract knows which it is. */
const mendRecord = (record: Json): void => {
  if (!isFields(record)) return
  if (record.masterFieldVal === '') record.masterFieldVal = {}
  const details = record.detailFieldVals
  if (details === '') delete record.detailFieldVals
  else if (isFields(details)) for (const name of Object.keys(details)) details[name] = list(details[name])
}

const mend = (root: Json, dataPath: string): Json => {
  if (root === '') return {}
  const steps = dataPath.split('.').filter(Boolean)
  const data = at(root, dataPath)
  if (data === '' && steps.length && isFields(root)) {
    put(root, dataPath, null)
    return root
  }
  if (!isFields(data)) return root
  if (data.detailDataIds === '') delete data.detailDataIds
  if ('dataList' in data || ('totalNum' in data && !('masterFieldVal' in data))) data.dataList = list(data.dataList)
  if (Array.isArray(data.dataList)) for (const record of data.dataList) mendRecord(record)
  mendRecord(data)
  return root
}

/** Compiled in linear time, or what is wrong with it. */
export const patternOf = (pattern: string): RE2JS | { wrong: string } => {
  try {
    const compiled = RE2JS.compile(pattern)
    const groups = Object.keys(compiled.namedGroups())
    if (!groups.some((name) => name === 'code' || name === 'message' || name === 'id'))
      return { wrong: 'has none of the named groups (?<code>…), (?<message>…), (?<id>…)' }
    return compiled
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) }
  }
}

const longestMatched = 64 << 10

const matched = (format: FormatDef, text: string): Record<string, string> => {
  const found: Record<string, string> = {}
  for (const pattern of format.patterns ?? []) {
    const compiled = patternOf(pattern)
    if ('wrong' in compiled) continue
    const matcher = compiled.matcher(text.slice(0, longestMatched))
    if (!matcher.find()) continue
    for (const name of Object.keys(compiled.namedGroups())) {
      const value = matcher.group(name)
      if (value !== null && value !== undefined && found[name] === undefined) found[name] = value
    }
  }
  return found
}

/** An answer as the JSON it would have been. */
export const readAnswer = (
  format: FormatDef | undefined,
  text: string,
  result: ConnectionDef['result'],
  wantSpans: boolean,
): Parsed | { wrong: string } => {
  if (!format || format.answer === 'json') return parseJson(text, wantSpans)
  const whole = (value: Json) => parseJson(writeJson(value), wantSpans)
  switch (format.answer) {
    case 'xml': {
      const read = readXml(text)
      return 'wrong' in read ? { wrong: `XML: ${read.wrong}` } : whole(mend(read.value as Json, result.dataPath))
    }
    case 'form': {
      const answer: Fields = {}
      for (const [name, value] of new URLSearchParams(text.trim()))
        if (!/(^|\.)(__proto__|constructor)(\.|$)/.test(name)) put(answer, name, value)
      if (answer.masterDataId !== undefined) put(answer, `${result.dataPath}.masterDataId`, answer.masterDataId)
      return whole(answer)
    }
    case 'text': {
      const { code, message, id } = matched(format, text)
      const answer: Fields = {}
      if (code !== undefined) put(answer, result.codePath, code)
      if (message !== undefined) put(answer, result.messagePath, message)
      if (id !== undefined) put(answer, `${result.dataPath}.masterDataId`, id)
      return whole(answer)
    }
  }
}
