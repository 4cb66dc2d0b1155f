/** Bodies as trees and lines, and the paths into them that a reader declares. Pure. */
import { parse } from 'csv-parse/sync'
import { readXml } from '../../protocol/xml.ts'
import { isFields, parseJson } from '../connect/standard/body.ts'
import type { Fields, Json } from '../doc/document.ts'
import type { ReaderDef } from '../doc/object.ts'

export type Tree = { value: Json } | { wrong: string }

/** JSON or XML with every number and text as it stands. */
export const treeOf = (text: string, kind: 'json' | 'xml'): Tree => {
  if (kind === 'xml') {
    const read = readXml(text)
    return 'wrong' in read ? { wrong: `XML: ${read.wrong}` } : { value: { [read.root]: read.value as Json } }
  }
  const parsed = parseJson(text)
  if ('wrong' in parsed) return { wrong: `JSON: ${parsed.wrong}` }
  const [flaw] = parsed.flaws
  return flaw ? { wrong: `JSON: ${flaw.said}` } : { value: parsed.value }
}

/** `$.a.b[0]['c.d']` */
const jsonSteps = (path: string): string[] => {
  const steps: string[] = []
  for (const found of path.matchAll(/\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)) {
    const [, single, double, index, plain] = found
    steps.push((single ?? double ?? index ?? plain ?? '').replaceAll(/\\(.)/g, '$1'))
  }
  return steps[0] === '$' ? steps.slice(1) : steps
}

/** `/Root/Order/@no` from the root, `Order/@no` from below it. */
const xmlSteps = (path: string): string[] => path.split('/').filter(Boolean)

/** Steps of a path; a path of XML from the root says so. */
export const stepsOf = (path: string, kind: 'json' | 'xml'): { steps: string[]; fromRoot: boolean } =>
  kind === 'json'
    ? { steps: jsonSteps(path), fromRoot: false }
    : { steps: xmlSteps(path), fromRoot: path.startsWith('/') }

const step = (value: Json | undefined, name: string): Json | undefined => {
  if (Array.isArray(value)) return /^\d+$/.test(name) ? value[Number(name)] : step(value[0], name)
  if (!isFields(value)) return undefined
  return Object.hasOwn(value, name) ? value[name] : undefined
}

export const follow = (value: Json | undefined, steps: readonly string[]): Json | undefined =>
  steps.reduce<Json | undefined>(step, value)

/** Text of an element that has attributes as well. */
export const plain = (value: Json | undefined): Json | undefined =>
  isFields(value) && Object.hasOwn(value, '#text') ? value['#text'] : value

/** A list as it stands, one alone as a list of one, nothing as none. */
export const listOf = (value: Json | undefined): Json[] =>
  value === undefined || value === null || value === '' ? [] : Array.isArray(value) ? value : [value]

/** Lines of CSV as cells. @throws with the line where quotes do not match */
export const cellsOf = (text: string, separator: string): string[][] =>
  parse(text, {
    bom: true,
    delimiter: separator,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: 1 << 20,
  }) as string[][]

export const linesOf = (text: string): string[] => text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== '')

/** `a=1&b=2`; a name that comes twice keeps its last value. */
export const formOf = (text: string): Fields => {
  const fields: Fields = {}
  for (const [name, value] of new URLSearchParams(text.trim()))
    if (name !== '__proto__' && name !== 'constructor') fields[name] = value
  return fields
}

/** Separator of a reader, `\t` written as people write it. */
export const separatorOf = (reader: Pick<ReaderDef, 'separator'>): string =>
  reader.separator === '\\t' || reader.separator === 'tab' ? '\t' : (reader.separator ?? ',')
